package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// The exit codes of every command. Scripts rely on them.
const (
	exitDone     = 0
	exitFindings = 1
	exitUsage    = 2
	exitPartial  = 3
	exitFailed   = 4
)

// errFindings is returned by a command that did its work and found something
// at or above the level that --fail-level names.
var errFindings = errors.New("findings at or above the level of --fail-level")

// errPartial stands for a command that did its work on evidence that could not
// be read whole. The damage itself was said where it was met.
var errPartial = errors.New("part of the evidence could not be read")

// usageError is a command line that makes no sense.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// hintError is an error with advice on what to do about it, a line each.
type hintError struct {
	err   error
	hints []string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func withHint(err error, hints ...string) error { return &hintError{err, hints} }

// exitCode maps how a command ended to the code that the process ends with.
func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil, isBrokenPipe(err):
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errPartial):
		return exitPartial
	}
	return exitFailed
}

// isBrokenPipe reports whether the reader of our output went away, which is
// its right: "deadbox ls -r disk.dd | head".
func isBrokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// errorLines puts an error and its hints into lines for people; nil if there is
// nothing to say, because it was said already or concerns nobody.
func errorLines(err error) []string {
	switch {
	case err == nil, isBrokenPipe(err), errors.Is(err, errFindings), errors.Is(err, errPartial):
		return nil
	case errors.Is(err, context.Canceled):
		return []string{"interrupted"}
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	var hint *hintError
	if errors.As(err, &hint) {
		for _, h := range hint.hints {
			lines = append(lines, "hint: "+h)
		}
	}
	return lines
}

var exitMeanings = [...]string{
	exitDone:     "done",
	exitFindings: "done, with findings at or above the level of --fail-level",
	exitUsage:    "the command line makes no sense",
	exitPartial:  "done, but part of the evidence could not be read; standard error says which",
	exitFailed:   "failed",
}

// exitStatus is the section of a command's help that says how it ends.
func exitStatus(codes ...int) string {
	var b strings.Builder
	b.WriteString("\n\nEXIT STATUS\n")
	for i, c := range codes {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %d  %s", c, exitMeanings[c])
	}
	return b.String()
}
