package ext4_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// meter counts what is read of an image, and stops reading beyond a limit.
type meter struct {
	r       io.ReaderAt
	limit   int64 // bytes, 0 for none; each call counts for at least 64
	read    atomic.Int64
	spilled atomic.Bool
}

var errSpent = errors.New("the work that this image is worth is spent")

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	if m.read.Add(int64(max(len(p), 64))) > m.limit && m.limit > 0 {
		m.spilled.Store(true)
		return 0, errSpent
	}
	return m.r.ReadAt(p, off)
}

// walked is what a walk over everything met.
type walked struct {
	inodes, allocated, entries, deleted, runs, extents, attributes int
	free, read                                                     int64
	errs                                                           []error
}

func (w *walked) String() string {
	return fmt.Sprintf("%d inodes (%d allocated), %d entries (%d deleted), %d runs free, %d extents, %d attributes, %d bytes read, %d errors",
		w.inodes, w.allocated, w.entries, w.deleted, w.runs, w.extents, w.attributes, w.read, len(w.errs))
}

// walkAll goes over everything that a file system gives, whatever its state:
// no more than perFile bytes of each content, no more than limit steps in all. It
// returns an error if the reader breaks its own word.
func walkAll(ctx context.Context, fsys *ext4.FS, perFile int64, limit int) (w *walked, broken error) {
	w = new(walked)
	info := fsys.Info()
	steps := 0
	step := func() bool {
		steps++
		return steps <= limit && ctx.Err() == nil
	}
	wrong := func(format string, args ...any) {
		if broken == nil {
			broken = fmt.Errorf(format, args...)
		}
	}
	fail := func(err error) {
		var corrupt *filesystem.CorruptError
		var read *filesystem.ReadError
		switch {
		case errors.As(err, &corrupt), errors.As(err, &read), errors.Is(err, errors.ErrUnsupported), errors.Is(err, errSpent):
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		default:
			wrong("an error of another kind: %T: %w", err, err)
		}
		_ = err.Error()
		if len(w.errs) < 10000 {
			w.errs = append(w.errs, err)
		}
	}
	for _, err := range info.Damage {
		fail(err)
	}
	buf := make([]byte, 64<<10)
	read := func(c filesystem.Content, off, n int64) bool {
		for end := off + n; off < end; {
			k := min(end-off, int64(len(buf)))
			got, err := c.ReadAt(buf[:k], off)
			w.read += int64(got)
			if int64(got) < k && err == nil {
				wrong("ReadAt gave %d of %d bytes and no error", got, k)
			}
			if err == io.EOF {
				return true
			}
			if err != nil {
				fail(err)
				return false
			}
			off += int64(got)
		}
		return true
	}
	last := int64(-1)
	for in, err := range fsys.Inodes(ctx) {
		if !step() {
			break
		}
		if err != nil {
			fail(err)
			continue
		}
		w.inodes++
		if in.Allocated {
			w.allocated++
		}
		if in.Inum == 0 || uint64(in.Inum) > info.InodeCount {
			wrong("inode %d of %d", in.Inum, info.InodeCount)
		}
		if in.Offset <= last && len(info.Damage) == 0 {
			wrong("inode %d at %d is not in the order of the disk", in.Inum, in.Offset)
		}
		last = in.Offset
		in = in.Clone()
		ty := in.Mode.Type()
		if ty == filesystem.Symlink {
			if _, err := fsys.Link(in); err != nil {
				fail(err)
			}
		}
		xs, err := fsys.Xattrs(in)
		if err != nil {
			fail(err)
		}
		w.attributes += len(xs)
		if ty != filesystem.Regular && ty != filesystem.Directory && ty != filesystem.Symlink && in.Mode != 0 {
			continue
		}
		c, err := fsys.Content(in)
		if err != nil {
			fail(err)
		}
		if c == nil {
			if err == nil {
				wrong("inode %d: neither content nor error", in.Inum)
			}
			continue
		}
		at := int64(0)
		for _, e := range c.Extents() {
			w.extents++
			if e.Logical != at || e.Length <= 0 || (e.Kind == filesystem.Hole || e.Kind == filesystem.Lost) != (e.Offset == -1) || e.Offset < -1 || at+e.Length < at {
				wrong("inode %d: extent %+v where %d was due", in.Inum, e, at)
				break
			}
			at += e.Length
			if !step() {
				break
			}
		}
		if at < c.Size() && err == nil {
			wrong("inode %d: extents cover %d bytes of %d", in.Inum, at, c.Size())
		}
		if read(c, 0, min(c.Size(), perFile)) && c.Size() > perFile {
			read(c, max(perFile, c.Size()-1000), 2000)
		}
	}
	for e, err := range fsys.Entries(ctx) {
		if !step() {
			break
		}
		if err != nil {
			fail(err)
			continue
		}
		w.entries++
		if !e.Allocated {
			w.deleted++
		}
		if len(e.Name) == 0 || len(e.Name) > 255 {
			wrong("a name of %d bytes in directory %d", len(e.Name), e.Parent)
		}
		if e.Offset < 0 || e.Offset >= info.Size && len(info.Damage) == 0 {
			wrong("entry %q at %d", e.Name, e.Offset)
		}
	}
	end := int64(0)
	for e, err := range fsys.Unallocated(ctx) {
		if !step() {
			break
		}
		if err != nil {
			fail(err)
			continue
		}
		w.runs++
		w.free += e.Length
		if e.Offset < end || e.Length <= 0 {
			wrong("unallocated run %+v behind %d", e, end)
		}
		end = e.Offset + e.Length
	}
	ix, errs := filesystem.BuildIndex(ctx, fsys)
	for _, err := range errs {
		fail(err)
	}
	if ix == nil && ctx.Err() == nil {
		wrong("no index")
	}
	for _, p := range []string{"/", ".", "/lost+found", "/no such name", "/../..", "/a/b/c"} {
		if _, err := fsys.Find(p, true); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			var path *fs.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			_ = err.Error()
		}
	}
	if steps > limit {
		wrong("more than %d steps", limit)
	}
	return w, broken
}

// heapPeak runs fn and gives the most memory that the heap held meanwhile,
// above what it held before, in bytes.
func heapPeak(fn func()) int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := now()
	var peak atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			if v := int64(sample[0].Value.Uint64()); v > peak.Load() {
				peak.Store(v)
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	fn()
	close(stop)
	<-done
	return max(peak.Load(), now()) - before
}

// survives opens an image and walks everything; it fails on a panic, an
// error of the wrong kind, a hang or a want of memory without bound.
func survives(t *testing.T, r io.ReaderAt, size int64) (*ext4.FS, *walked) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var fsys *ext4.FS
	var w *walked
	var err, broken error
	peak := heapPeak(func() {
		if fsys, err = ext4.Open(r, size); err == nil {
			w, broken = walkAll(ctx, fsys, 4<<20, 20_000_000)
		}
	})
	if err != nil {
		return nil, &walked{errs: []error{err}}
	}
	if broken != nil {
		t.Error(broken)
	}
	if ctx.Err() != nil {
		t.Error("not done after ten seconds")
	}
	if peak > 256<<20 {
		t.Errorf("%d MB of memory", peak>>20)
	}
	return fsys, w
}

func memory(b []byte) io.ReaderAt { return bytes.NewReader(b) }
