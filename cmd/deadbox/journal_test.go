package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crashedImage unpacks a disk that was copied while it was mounted:
// fs/ext4/testdata/journal.sh.
func crashedImage(t *testing.T) string {
	t.Helper()
	f, err := os.Open("../../fs/ext4/testdata/journal-ext4.img.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.dd")
	if err := os.WriteFile(path, b, 0o444); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJournal(t *testing.T) {
	image := crashedImage(t)
	show := func(want int, args ...string) (string, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(args, strings.NewReader(""), &stdout, &stderr); code != want {
			t.Fatalf("deadbox %q: exit code %d\n%s", args, code, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	// lines gives the JSON lines of a command.
	lines := func(args ...string) (out []map[string]any) {
		t.Helper()
		text, _ := show(exitDone, append(args, "--format", "jsonl")...)
		for line := range strings.Lines(text) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			out = append(out, m)
		}
		return out
	}

	transactions := lines("journal", image)
	if len(transactions) != 6 {
		t.Errorf("%d transactions", len(transactions))
	}
	for i, m := range transactions {
		if m["state"] != "live" || m["sequence"] != float64(i+2) || m["committed"] == nil || m["checksum"] != "good" {
			t.Errorf("transaction %v", m)
		}
	}

	// Inodes and blocks of directories are used again: each action is told of the
	// path that was meant then.
	got := map[string]int{}
	for _, m := range lines("journal", "--actions", image) {
		s := m["action"].(string)
		for _, k := range []string{"from", "path", "before", "after"} {
			if v, ok := m[k].(string); ok {
				s += " " + v
			}
		}
		got[s]++
	}
	for _, want := range []string{
		"created /d1", "created /d1/file-2", "moved /d1/file-1 /moved-1", "deleted /d1/file-2", "mode changed /d1/file-3 0644 0600", "deleted /d1",
		"deleted /d0/file-3", "deleted /d0", "created /d2", "created /d2/file-3", "mode changed /d2/file-3 0644 0600", "deleted /d2/file-2",
	} {
		if got[want] != 1 {
			t.Errorf("%q is told %d times", want, got[want])
		}
	}
	for s := range got {
		if strings.HasPrefix(s, "renamed") || strings.HasPrefix(s, "deleted /d2/file-3") || strings.HasPrefix(s, "unlinked") {
			t.Errorf("%q did not happen", s)
		}
	}

	text, note := show(exitDone, "journal", image, "/d1/file-3")
	if !strings.Contains(note, "is not in the tree") || !strings.Contains(text, "rrw-r--r-- (100644) -> rrw------- (100600)") || !strings.Contains(text, "links       1 -> 0") {
		t.Errorf("%s%s", note, text)
	}
	states := lines("journal", image, "/moved-2")
	if len(states) < 2 || states[len(states)-1]["path"] != "/moved-2" {
		t.Errorf("states %v", states)
	}

	if text, _ := show(exitDone, "ls", image, "/"); !strings.Contains(text, "moved-2") {
		t.Errorf("the journal does not lie over the disk: %s", text)
	}
	if text, _ := show(exitDone, "--no-replay", "ls", image, "/"); strings.Contains(text, "moved-2") {
		t.Errorf("--no-replay, and the journal lies over the disk: %s", text)
	}
	for _, args := range [][]string{{"journal", "--actions", image, "/moved-2"}, {"journal", "--inode", "12", image, "/moved-2"}, {"journal"}} {
		show(exitUsage, args...)
	}
	show(exitFailed, "journal", image, "/never")
}
