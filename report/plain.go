package report

import "io"

// WriteText writes the report as plain text.
func WriteText(w io.Writer, inv *Investigation) error { return nil }
