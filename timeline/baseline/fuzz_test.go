package baseline

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/host"
	"deadbox/image/volume"
)

// FuzzDiff changes bytes of a small image, six input bytes for each: four of
// the place, two of what is written there, and compares it with the whole one, both
// ways.
func FuzzDiff(f *testing.F) {
	if _, err := exec.LookPath("mke2fs"); err != nil {
		if _, err := os.Stat("/usr/sbin/mke2fs"); err != nil {
			f.Skip("mke2fs is not installed")
		}
	}
	root := filepath.Join(f.TempDir(), "root")
	write(f, root, server)
	img := filepath.Join(f.TempDir(), "img")
	command(f, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-I", "256", "-O", "^has_journal", "-N", "64", "-d", root, img, "512k")
	whole, err := os.ReadFile(img)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{0, 4, 0, 0, 0xff, 0xff})
	f.Add([]byte{0, 0x24, 0, 0, 1, 2, 0x28, 0x24, 0, 0, 0xff, 0x7f})
	open := func(b []byte) *host.Host {
		fsys, err := ext4.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil
		}
		h, err := host.Assemble(context.Background(), []host.Source{{Image: "x", FS: fsys, Volume: volume.Volume{Slot: "bare", Length: int64(len(b))}}})
		if err != nil {
			return nil
		}
		return h
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		b := bytes.Clone(whole)
		for len(changes) >= 6 {
			// Most of the image is empty: aim at what is in use.
			at := int(binary.LittleEndian.Uint32(changes)) % (len(b) - 1)
			b[at], b[at+1] = changes[4], changes[5]
			changes = changes[6:]
		}
		bad, good := open(b), open(whole)
		if bad == nil {
			return
		}
		for in, err := range bad.Mounts[0].FS.Inodes(context.Background()) {
			if err == nil && in.Size > 64<<20 {
				return // hashing holes is bounded (see content.Ledger), but slow
			}
		}
		bad.Homes()
		bad.WebRoots()
		bad.Activity()
		for range bad.Packaged().Sums() {
		}
		for _, pair := range [][2]*host.Host{{bad, good}, {good, bad}} {
			n := 0
			for r, err := range Diff(context.Background(), pair[0], pair[1], Options{Workers: 2}) {
				if n++; n > 100000 {
					t.Fatal("no end")
				}
				if err == nil && (r.Change == nil || r.File == nil || r.File.Path == "" || r.Change.What == "") {
					t.Errorf("a record that says nothing: %+v", r)
				}
			}
		}
		bad.Glob("/**/x*")
		bad.Glob("~/.*")
	})
}
