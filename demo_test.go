package deadbox_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// unpackDemo writes a demo disk to dir, read-only, and returns its path and hash.
func unpackDemo(t *testing.T, dir, name string) (string, [32]byte) {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata/demo", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, data, 0o444); err != nil {
		t.Fatal(err)
	}
	return p, sha256.Sum256(data)
}

// investigate runs the program as a user does, and returns its exit code.
func investigate(t *testing.T, bin string, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append([]string{"investigate"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code == 0 || code == 1 {
		return code
	}
	t.Fatalf("%s: %v\n%s", cmd, err, stderr.Bytes())
	return -1
}

type place struct {
	Path string
	Line int
}

type finding struct {
	ID, Rule, Severity, Title, Summary string
	Paths                              []string
	Evidence                           []place
}

// concerns reports whether a finding speaks of a file, or of a line of it.
func (f *finding) concerns(p place) bool {
	if p.Line == 0 && slices.Contains(f.Paths, p.Path) {
		return true
	}
	return slices.ContainsFunc(f.Evidence, func(e place) bool {
		return e.Path == p.Path && (p.Line == 0 || e.Line == p.Line)
	})
}

// readLines decodes a file of JSON lines.
func readLines[T any](t *testing.T, name string, each func(T)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v in %s", name, err, s.Bytes())
		}
		each(v)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestDemo investigates the demo disk with the built program, and compares the
// case with what was planted.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "deadbox")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/deadbox").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	compromised, hash := unpackDemo(t, dir, "compromised.img")
	baseline, baseHash := unpackDemo(t, dir, "baseline.img")

	data, err := os.ReadFile("testdata/demo/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Traces []struct {
			ID, What, Kind, Path, Time, Text, Rule string
			Line                                   int
			Deleted                                bool
		}
		Ordinary []struct {
			Path, Text, Why string
			Line            int
		}
	}
	if err := json.Unmarshal(data, &expected); err != nil {
		t.Fatal(err)
	}

	folder := filepath.Join(dir, "case")
	if code := investigate(t, bin, compromised, "--baseline", baseline, "-o", folder); code != 1 {
		t.Errorf("the exit code is %d with findings, want 1", code)
	}
	var findings []finding
	readLines(t, filepath.Join(folder, "findings.jsonl"), func(f finding) { findings = append(findings, f) })

	type moment struct {
		Message  string
		Datetime time.Time
		Path     string
		Line     int
		Deleted  bool
	}
	events := map[place][]time.Time{}
	deleted := map[string]bool{}
	readLines(t, filepath.Join(folder, "timeline.jsonl"), func(m moment) {
		p := place{m.Path, m.Line}
		events[p] = append(events[p], m.Datetime)
		if m.Deleted {
			deleted[m.Path] = true
		}
	})

	for _, tr := range expected.Traces {
		at := place{tr.Path, tr.Line}
		if tr.Rule != "" && !slices.ContainsFunc(findings, func(f finding) bool { return f.Rule == tr.Rule && f.concerns(at) }) {
			t.Errorf("%s: no finding of the rule %s speaks of %s line %d: %s", tr.ID, tr.Rule, tr.Path, tr.Line, tr.What)
		}
		// Accounts, keys and jobs have no time of their own; their files do.
		switch tr.Kind {
		case "account", "authorized-key", "cron", "strings":
			at.Line = 0
		}
		when, err := time.Parse(time.RFC3339, tr.Time)
		if err != nil {
			t.Fatal(err)
		}
		near := func(e time.Time) bool { return e.Sub(when).Abs() < 5*time.Second }
		if tr.ID != "hidden-directory" && !slices.ContainsFunc(events[at], near) {
			t.Errorf("%s: the timeline has nothing of %s line %d at %s: %v", tr.ID, tr.Path, tr.Line, tr.Time, events[at])
		}
	}

	for _, tr := range expected.Traces {
		if tr.Deleted && !deleted[tr.Path] {
			t.Errorf("%s: the timeline does not say that %s was deleted", tr.ID, tr.Path)
		}
	}

	for _, o := range expected.Ordinary {
		for _, f := range findings {
			if f.Severity != "info" && f.concerns(place{o.Path, o.Line}) {
				t.Errorf("%s line %d is %s, and yet %s says %q", o.Path, o.Line, o.Why, f.ID, f.Summary)
			}
		}
	}

	// The disk without an intruder.
	quiet := filepath.Join(dir, "quiet")
	investigate(t, bin, baseline, "-o", quiet)
	readLines(t, filepath.Join(quiet, "findings.jsonl"), func(f finding) {
		if f.Severity != "info" && f.Severity != "low" {
			t.Errorf("of the disk without an intruder %s (%s) says %q", f.ID, f.Severity, f.Summary)
		}
	})

	for p, want := range map[string][32]byte{compromised: hash, baseline: baseHash} {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(data) != want {
			t.Errorf("%s was changed", p)
		}
	}
}
