package image

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestOpenLeavesAccessTime looks at the inode of the evidence.
func TestOpenLeavesAccessTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.dd")
	if err := os.WriteFile(path, bytes.Repeat([]byte("evidence"), 1<<14), 0o444); err != nil {
		t.Fatal(err)
	}
	// An access time before the modification time is one that relatime renews.
	old := time.Unix(1_500_000_000, 0)
	if err := os.Chtimes(path, old, old.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	im, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if _, err := io.Copy(io.Discard, io.NewSectionReader(im, 0, im.Size())); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if got := time.Unix(int64(st.Atim.Sec), int64(st.Atim.Nsec)); !got.Equal(old) {
		t.Errorf("reading the evidence moved its access time from %v to %v", old, got)
	}
}
