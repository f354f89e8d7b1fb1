package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCarve carves a disk that has no file system any more.
func TestCarve(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.dd")
	disk := make([]byte, 1<<20)
	script := "#!/bin/sh\necho inert\nexit 0\n"
	line := "2024-03-03T10:00:00+00:00 web sshd[5]: Failed password for bob from 192.0.2.9 port 22 ssh2\n"
	copy(disk[64<<10:], script)
	copy(disk[128<<10:], line)
	if err := os.WriteFile(image, disk, 0o444); err != nil {
		t.Fatal(err)
	}
	out, _ := deadbox(t, exitDone, "carve", image, "--format", "jsonl")
	for _, want := range []string{`"found":"script"`, `"account":"bob"`, `"recovered":"volume"`, `"offset":131072`, `"offset":65536`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
	out, _ = deadbox(t, exitDone, "carve", image, "--kind", "script")
	if strings.Contains(out, "bob") || !strings.Contains(out, "/bin/sh") {
		t.Errorf("--kind script: %s", out)
	}
	folder := filepath.Join(dir, "out")
	deadbox(t, exitDone, "carve", image, "-o", folder)
	got, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if b, err := os.ReadFile(got[0]); err != nil || string(b) != script {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(folder, carvedManifest)); err != nil || strings.Count(string(b), "\n") != 2 || !strings.Contains(string(b), `"written_as":"`+filepath.Base(got[0])+`"`) {
		t.Errorf("%s, %v", b, err)
	}
	deadbox(t, exitUsage, "carve", image, "-o", folder)
	deadbox(t, exitUsage, "carve", image, "--kind", "nonsense")
	if out, _ := deadbox(t, exitDone, "carve", "--list"); !strings.Contains(out, "shell-history\n") {
		t.Errorf("--list: %s", out)
	}
}
