package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestWorkers lists an image with one worker and with eight, to the same bytes.
func TestWorkers(t *testing.T) {
	for _, prog := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip(prog + " is not installed")
		}
	}
	path := filepath.Join(t.TempDir(), "disk.dd")
	makeServer(t, path, true)
	t.Cleanup(func() { runtime.GOMAXPROCS(runtime.NumCPU()) })
	for _, args := range [][]string{{"ls", "-r", "-l"}, {"ls", "-r", "--format", "jsonl"}, {"info", "--format", "jsonl"}, {"stat", "--inode=12", "--names"}} {
		var want string
		for _, jobs := range []string{"1", "8"} {
			var stdout, stderr bytes.Buffer
			if code := run(append(args, "--jobs", jobs, path), nil, &stdout, &stderr); code != exitDone {
				t.Fatalf("%q: exit code %d\n%s", args, code, stderr.String())
			}
			if got := stdout.String() + stderr.String(); jobs == "1" {
				want = got
			} else if got != want {
				t.Errorf("%q: 8 workers give\n%s\n1 gives\n%s", args, got, want)
			}
		}
	}
}

func TestColor(t *testing.T) {
	env := map[string]string{}
	for _, tt := range []struct {
		name     string
		change   func(a *app, o *output)
		env      string
		colorful bool
	}{
		{"a terminal", func(a *app, o *output) {}, "", true},
		{"a pipe", func(a *app, o *output) { a.outTerminal = false }, "", false},
		{"--no-color", func(a *app, o *output) { a.noColor = true }, "", false},
		{"NO_COLOR", func(a *app, o *output) {}, "NO_COLOR=1", false},
		{"TERM", func(a *app, o *output) {}, "TERM=dumb", false},
	} {
		clear(env)
		if k, v, ok := strings.Cut(tt.env, "="); ok {
			env[k] = v
		}
		a := newApp(&bytes.Buffer{}, &bytes.Buffer{}, func(k string) string { return env[k] })
		a.outTerminal = true
		o := &output{}
		tt.change(a, o)
		o.color = a.color(o)
		if got := o.paint(colorRed, "x"); (got != "x") != tt.colorful {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// TestMessages looks at what reaches the user in each state of -q and -v.
func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		quiet, verbose bool
		lines          int
		last           string
	}{
		{false, false, 1 + maxDamageLines + 1, "deadbox: 5 more damaged places; -v lists them"},
		{true, false, maxDamageLines + 1, "deadbox: 5 more damaged places; -v lists them"},
		{false, true, 2 + maxDamageLines + 5, `deadbox: here: block 24 \x1b[2J`},
	} {
		var stderr bytes.Buffer
		a := newApp(&bytes.Buffer{}, &stderr, func(string) string { return "" })
		a.quiet, a.verbose = tt.quiet, tt.verbose
		a.note("a note")
		a.note("a note")
		a.detail("a detail")
		for i := range maxDamageLines + 5 {
			a.damage("here", fmt.Errorf("block %d \x1b[2J", i))
		}
		a.damage("here", fmt.Errorf("reading: %w", context.Canceled))
		if code := a.finish(nil); code != exitPartial {
			t.Errorf("exit code %d", code)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if len(lines) != tt.lines || lines[len(lines)-1] != tt.last {
			t.Errorf("quiet %v, verbose %v: %d lines, want %d; the last is %q, want %q", tt.quiet, tt.verbose, len(lines), tt.lines, lines[len(lines)-1], tt.last)
		}
	}
	a := newApp(&bytes.Buffer{}, &bytes.Buffer{}, func(string) string { return "" })
	a.damage("", errors.New("x"))
	if code := a.finish(errFindings); code != exitFindings {
		t.Errorf("findings and damage: exit code %d", code)
	}
}
