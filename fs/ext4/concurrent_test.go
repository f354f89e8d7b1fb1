package ext4_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// account writes down everything that a file system gives, in the order in
// which it comes.
func account(fsys *ext4.FS) string {
	h := sha256.New()
	ctx := context.Background()
	for in, err := range fsys.Inodes(ctx) {
		fmt.Fprintln(h, err)
		if in == nil {
			continue
		}
		fmt.Fprintf(h, "%+v\n", *in)
		xs, err := fsys.Xattrs(in)
		fmt.Fprintf(h, "%+v %v\n", xs, err)
		if c, err := fsys.Content(in); c != nil {
			fmt.Fprintf(h, "%+v %v\n", c.Extents(), err)
			_, err := io.CopyN(h, io.NewSectionReader(c, 0, c.Size()), 64<<10)
			fmt.Fprintln(h, err)
		}
	}
	for e, err := range fsys.Entries(ctx) {
		fmt.Fprintf(h, "%+v %v\n", e, err)
	}
	for e, err := range fsys.Unallocated(ctx) {
		fmt.Fprintf(h, "%+v %v\n", e, err)
	}
	b, err := fsys.Find("/d1/file-21", true)
	fmt.Fprintf(h, "%+v %v\n", b, err)
	for b, err := range fsys.Batches(ctx, func(inodes []filesystem.Inode, buf []byte) []byte {
		for i := range inodes {
			buf = binary.AppendUvarint(buf, uint64(inodes[i].Inum))
			buf = binary.AppendVarint(buf, inodes[i].Times.Modified.Sec)
		}
		return buf
	}) {
		fmt.Fprintf(h, "%x %v\n", b, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestOrder gets the same from one worker and from eight, from one caller and
// from many at once, on a sound image and on a damaged one.
func TestOrder(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	for name, o := range map[string]*overlay{"sound": {base: s.base}, "damaged": {base: s.base, cut: 9 << 20, broken: [][2]int64{{300 << 10, 301 << 10}}}} {
		fsys, err := ext4.Open(o, o.size())
		if err != nil {
			t.Fatal(err)
		}
		old := runtime.GOMAXPROCS(1)
		want := account(fsys)
		runtime.GOMAXPROCS(8)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if got := account(fsys); got != want {
					t.Errorf("%s: the order or the values depend on the number of workers", name)
				}
			})
		}
		wg.Wait()
		runtime.GOMAXPROCS(old)
		again, err := ext4.Open(o, o.size())
		if err != nil {
			t.Fatal(err)
		}
		if got := account(again); got != want {
			t.Errorf("%s: a second time it is not the same", name)
		}
	}
}

// TestCancel ends every sequence with the context's error.
func TestCancel(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last [3]error
	for _, err := range s.fsys.Inodes(ctx) {
		last[0] = err
	}
	for _, err := range s.fsys.Entries(ctx) {
		last[1] = err
	}
	for _, err := range s.fsys.Unallocated(ctx) {
		last[2] = err
	}
	for i, err := range last {
		if err != context.Canceled {
			t.Errorf("sequence %d ends with %v", i, err)
		}
	}
	// A consumer may leave at any time.
	for range s.fsys.Inodes(t.Context()) {
		break
	}
	for range s.fsys.Entries(t.Context()) {
		break
	}
	for range s.fsys.Unallocated(t.Context()) {
		break
	}
}
