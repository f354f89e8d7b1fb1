package deleted_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"deadbox/fs/deleted"
	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

func small(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/small.img.gz")
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
	return b
}

// patched is an image with some bytes of it changed.
type patched struct {
	image []byte
	at    map[int64]byte
}

func (p *patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := bytes.NewReader(p.image).ReadAt(b, off)
	for at, v := range p.at {
		if at >= off && at < off+int64(n) {
			b[at-off] = v
		}
	}
	return n, err
}

// interesting lists the blocks where a changed byte matters: the superblock and
// its descriptors, bitmaps and inode tables, and the journal.
func interesting(t testing.TB, image []byte) []filesystem.Extent {
	t.Helper()
	fsys, err := ext4.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	out := []filesystem.Extent{{Offset: 1024, Length: 32 << 10}}
	in, err := fsys.Inode(8)
	if err != nil {
		t.Fatal(err)
	}
	c, err := fsys.Content(in)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, c.Extents()...)
}

// examine searches a file system and reads what it finds.
func examine(t testing.TB, r io.ReaderAt, size int64) {
	fsys, err := ext4.Open(r, size)
	if err != nil {
		return
	}
	found, err := deleted.Find(context.Background(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Files) > 1<<16 {
		t.Fatalf("%d files on %d bytes", len(found.Files), size)
	}
	buf := make([]byte, 4096)
	for i := range found.Files {
		f := &found.Files[i]
		if !strings.HasPrefix(f.Path, "/") || f.Version < 1 || f.Version > f.Of {
			t.Fatalf("%q, version %d of %d", f.Path, f.Version, f.Of)
		}
		if f.Content == nil {
			continue
		}
		at := int64(0)
		for _, x := range f.Content.Extents() {
			if x.Logical != at || x.Length <= 0 {
				t.Fatalf("%q: run at %d after %d: %+v", f.Path, x.Logical, at, x)
			}
			at += x.Length
		}
		if at < f.Content.Size() {
			t.Fatalf("%q: runs of %d bytes of %d", f.Path, at, f.Content.Size())
		}
		c := f.Filled()
		c.ReadAt(buf, 0)
		c.ReadAt(buf, max(c.Size()-100, 0))
	}
}

func FuzzFind(f *testing.F) {
	image := small(f)
	places := interesting(f, image)
	total := int64(0)
	for _, p := range places {
		total += p.Length
	}
	f.Add([]byte{})
	f.Add([]byte{0, 0, 90, 0, 0xff, 0, 0, 100, 0, 0})
	f.Fuzz(func(t *testing.T, patch []byte) {
		p := &patched{image: image, at: map[int64]byte{}}
		for ; len(patch) >= 5 && len(p.at) < 64; patch = patch[5:] {
			at := int64(binary.BigEndian.Uint32(patch)) % total
			for _, x := range places {
				if at < x.Length {
					p.at[x.Offset+at] = patch[4]
					break
				}
				at -= x.Length
			}
		}
		examine(t, p, int64(len(image)))
	})
}

// TestDamaged is the fuzz target's work on a fixed set of changes.
func TestDamaged(t *testing.T) {
	image := small(t)
	places := interesting(t, image)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		p := &patched{image: image, at: map[int64]byte{}}
		for range 1 + rng.IntN(40) {
			x := places[rng.IntN(len(places))]
			p.at[x.Offset+rng.Int64N(x.Length)] = byte(rng.IntN(256))
		}
		examine(t, p, int64(len(image)))
	}
}

// TestSmall recovers what testdata/small.sh deleted, without root.
func TestSmall(t *testing.T) {
	image := small(t)
	fsys, err := ext4.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := deleted.Find(context.Background(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range r.Files {
		f := &r.Files[i]
		got = append(got, strings.Join([]string{f.Path, f.Type.String(), f.Kind.String(), f.Grade.String(), f.Target}, " "))
	}
	want := []string{
		"/etc/file1 file deleted complete ",
		"/etc/file4 file truncated complete ",
		"/etc/file7 file deleted complete ",
		"/etc/renamed file deleted complete ",
		"/etc/sparse file deleted complete ",
		"/home/alice/.cache directory deleted metadata ",
		"/home/alice/.cache/deep directory deleted metadata ",
		"/home/alice/.cache/deep/list file deleted complete ",
		"/home/alice/link symbolic link deleted complete ../nowhere",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
