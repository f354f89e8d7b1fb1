package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStringsFragments lets the kernel write a file where only single blocks
// are free, and looks for strings that lie over its fragments' borders.
func TestStringsFragments(t *testing.T) {
	needTools(t, "mke2fs", "mount", "umount")
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	disk, mnt := filepath.Join(dir, "disk.dd"), filepath.Join(dir, "mnt")
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-N", "16384", "-J", "size=4", disk, "20M")
	mount := func(options string) {
		if out, err := exec.Command("mount", "-o", "loop,nodelalloc,"+options, disk, mnt).CombinedOutput(); err != nil {
			t.Skipf("the kernel does not mount this: %s", bytes.TrimSpace(out))
		}
	}
	unmount := func() {
		unix.Sync()
		if out, err := exec.Command("umount", mnt).CombinedOutput(); err != nil {
			t.Fatalf("umount: %s", out)
		}
	}
	t.Cleanup(func() { unix.Unmount(mnt, unix.MNT_DETACH) })
	mount("data=ordered")
	filler := bytes.Repeat([]byte("filler\n"), 200)[:1024]
	n := 0
	for ; ; n++ {
		err := os.WriteFile(filepath.Join(mnt, fmt.Sprintf("fill%05d", n)), filler, 0o644)
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil || n > 15000 {
			t.Fatal(n, err)
		}
	}
	unix.Sync()
	for i := 0; i < n; i += 2 {
		if err := os.Remove(filepath.Join(mnt, fmt.Sprintf("fill%05d", i))); err != nil {
			t.Fatal(err)
		}
	}
	// Freed blocks can be used once the transaction is on the disk.
	unix.Sync()
	const blocks = 600
	content := bytes.Repeat([]byte{0xfe}, blocks*1024)
	for i := 1; i < blocks; i++ {
		copy(content[i*1024-9:], fmt.Sprintf("OVER-BORDER-%03d", i))
	}
	if err := os.WriteFile(filepath.Join(mnt, "fragments"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	unmount()
	mount("data=journal")
	if err := os.WriteFile(filepath.Join(mnt, "journalled"), []byte("IN-THE-JOURNAL-TOO\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	unmount()
	raw, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	split := 0
	for i := 1; i < blocks; i++ {
		if !bytes.Contains(raw, fmt.Appendf(nil, "OVER-BORDER-%03d", i)) {
			split++
		}
	}
	if split < 50 {
		t.Fatalf("the file is not in fragments: %d borders", split)
	}
	for _, format := range [][]string{{"--all"}, {"/fragments"}} {
		args := []string{"--grep", "OVER-BORDER-[0-9]{3}", disk}
		if format[0] == "--all" {
			args = append([]string{"--all"}, args...)
		} else {
			args = append(args, format...)
		}
		found := map[string]bool{}
		for _, h := range stringHits(t, args...) {
			if h.Owner != "file" {
				continue
			}
			for _, m := range h.Matches {
				var i int64
				fmt.Sscanf(m.Text, "OVER-BORDER-%d", &i)
				if h.Path != "/fragments" || m.InFile != i*1024-9 || !bytes.HasPrefix(raw[m.Offset:], []byte("OVER-BORD")) || found[m.Text] {
					t.Fatalf("%v: %+v", args, h)
				}
				found[m.Text] = true
			}
		}
		if len(found) != blocks-1 {
			t.Errorf("%v: %d strings over borders found, want %d", args, len(found), blocks-1)
		}
	}
	owners := map[string]int{}
	for _, h := range stringHits(t, "-F", "IN-THE-JOURNAL-TOO", disk) {
		owners[h.Owner]++
	}
	if owners["file"] != 1 || owners["journal"] == 0 {
		t.Errorf("what went through the journal: %v", owners)
	}
	if out := runDeadbox(t, "strings", "-F", "IN-THE-JOURNAL-TOO", disk); !strings.Contains(out, "\t(journal)+") {
		t.Errorf("text: %q", out)
	}
}
