package report

import "io"

// TerminalOptions says what the terminal is like.
type TerminalOptions struct {
	Width    int  // columns; 80 if it is 0
	Findings int  // how many findings to list at the most; 12 if it is 0
	Color    bool // colours may be used
}

// WriteTerminal writes the answer on one screen.
func WriteTerminal(w io.Writer, inv *Investigation, opt TerminalOptions) error { return nil }
