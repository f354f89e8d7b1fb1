package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		err   error
		code  int
		lines []string
	}{
		{nil, exitDone, nil},
		{fmt.Errorf("writing: %w", syscall.EPIPE), exitDone, nil},
		{errFindings, exitFindings, nil},
		{withHint(usagef("no image given"), "give one"), exitUsage, []string{"no image given", "hint: give one"}},
		{errPartial, exitPartial, nil},
		{errors.New("boom"), exitFailed, []string{"boom"}},
		{errors.Join(errors.New("a"), errors.New("b")), exitFailed, []string{"a", "b"}},
		{fmt.Errorf("reading: %w", context.Canceled), exitFailed, []string{"interrupted"}},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.code {
			t.Errorf("%v: code %d, want %d", tt.err, got, tt.code)
		}
		if got := errorLines(tt.err); !slices.Equal(got, tt.lines) {
			t.Errorf("%v: lines %q, want %q", tt.err, got, tt.lines)
		}
	}
}

// commands lists all commands that the project wrote: those that cobra adds
// are left out.
func commands() []*cobra.Command {
	root := newRootCommand(newApp(io.Discard, io.Discard, func(string) string { return "" }))
	var out []*cobra.Command
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		out = append(out, c)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return out
}

// withoutCousin are the commands that The Sleuth Kit has nothing like.
var withoutCousin = []string{"investigate", "artifacts", "history", "logins", "logs", "accounts", "autostart", "packages", "web"}

// helpWidth is how wide a line of the help may be.
const helpWidth = 84

// TestHelp holds every command to what its help must have.
func TestHelp(t *testing.T) {
	for _, c := range commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q: want one line without a full stop", c.CommandPath(), c.Short)
		}
		if !strings.Contains(c.Long, "EXIT STATUS\n") {
			t.Errorf("%s: its help does not say how it ends", c.CommandPath())
		}
		if c.HasParent() && !slices.Contains(withoutCousin, c.Name()) && !strings.Contains(c.Long, "Sleuth Kit") {
			t.Errorf("%s: its help does not name its cousin in The Sleuth Kit", c.CommandPath())
		}
		if !strings.Contains(c.Example, "deadbox ") {
			t.Errorf("%s: its help has no example", c.CommandPath())
		}
		for _, text := range []string{c.Long, c.Example} {
			for line := range strings.SplitSeq(text, "\n") {
				if len(line) > helpWidth {
					t.Errorf("%s: a line of its help is wider than %d columns: %q", c.CommandPath(), helpWidth, line)
				}
			}
		}
	}
}

func TestMissingFlag(t *testing.T) {
	cmd := &cobra.Command{Use: "x"}
	cmd.Flags().StringP("output", "o", "", "the case `folder`; it is made,\nand must be empty")
	cmd.Flags().String("level", "", "not needed")
	cmd.MarkFlagRequired("output")
	err := missingFlag(cmd)
	if got, want := errorLines(err), []string{"-o is missing", "hint: -o FOLDER: the case folder; it is made, and must be empty"}; !slices.Equal(got, want) || exitCode(err) != exitUsage {
		t.Errorf("%q, exit code %d; want %q", got, exitCode(err), want)
	}
	if err := cmd.Flags().Set("output", "case"); err != nil {
		t.Fatal(err)
	}
	if err := missingFlag(cmd); err != nil {
		t.Errorf("with the flag: %v", err)
	}
}
