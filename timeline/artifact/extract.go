package artifact

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"
	"slices"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/internal/unpack"
	"deadbox/timeline"
)

// Extract runs extractors over a server's files: each extractor in turn, its
// files sorted by path, each file once however many names it has. Several files
// are read at a time; the records come in that order all the same.
//
// An error of a file that cannot be read, or of a part of it, does not end the
// sequence.
func Extract(ctx context.Context, h *host.Host, list []*timeline.Extractor) iter.Seq2[timeline.Record, error] {
	type job struct {
		extractor *timeline.Extractor
		path      string
	}
	var jobs []job
	for _, e := range list {
		for _, p := range pathsOf(h, e) {
			jobs = append(jobs, job{e, p})
		}
	}
	return func(yield func(timeline.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var running []chan []item // in the order of jobs
		next := 0
		start := func() {
			for len(running) < runtime.GOMAXPROCS(0)+1 && next < len(jobs) {
				j, out := jobs[next], make(chan []item, 4)
				running = append(running, out)
				next++
				go func() {
					defer close(out)
					extractFile(ctx, h, j.extractor, j.path, out)
				}()
			}
		}
		for start(); len(running) > 0; start() {
			for batch := range running[0] {
				for i := range batch {
					if !yield(batch[i].record, batch[i].err) {
						return
					}
				}
			}
			running = running[1:]
		}
		if err := ctx.Err(); err != nil {
			yield(timeline.Record{}, err)
		}
	}
}

// item is what an extractor yields.
type item struct {
	record timeline.Record
	err    error
}

// batchSize is how many items go from one goroutine to the other at a time.
const batchSize = 256

// pathsOf lists the files of an extractor. One file under two names is listed
// under the first.
func pathsOf(h *host.Host, e *timeline.Extractor) []string {
	var paths []string
	for _, pattern := range e.Paths {
		paths = append(paths, h.Glob(pattern)...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	named := slices.Clone(paths)
	seen := map[host.Node]bool{}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		node, in, _, err := h.Find(p, true)
		if err != nil || in == nil || node.Mount == nil {
			return err == nil || !reportable(err)
		}
		twice := seen[node]
		seen[node] = true
		return twice || in.Mode.Type() != filesystem.Regular
	})
	if e.Links {
		paths = append(paths, linksOf(h, named)...)
		slices.Sort(paths)
		paths = slices.Compact(paths)
	}
	return paths
}

// linksOf keeps the paths that are symbolic links.
func linksOf(h *host.Host, paths []string) []string {
	return slices.DeleteFunc(paths, func(p string) bool {
		node, in, _, err := h.Find(p, false)
		return err != nil || in == nil || node.Mount == nil || in.Mode.Type() != filesystem.Symlink
	})
}

// reportable tells damage from a name that leads nowhere, such as a dangling
// symbolic link.
func reportable(err error) bool { return !errors.Is(err, fs.ErrNotExist) }

// extractFile sends the records of one file in batches.
func extractFile(ctx context.Context, h *host.Host, e *timeline.Extractor, p string, out chan<- []item) {
	var batch []item
	flush := func() bool {
		if len(batch) == 0 {
			return true
		}
		select {
		case out <- batch:
			batch = make([]item, 0, batchSize)
			return true
		case <-ctx.Done():
			return false
		}
	}
	send := func(it item) bool {
		batch = append(batch, it)
		return len(batch) < batchSize || flush()
	}
	src, err := openAs(h, e, p)
	if err != nil {
		send(item{err: err})
	}
	if src != nil {
		for r, err := range e.Run(ctx, src) {
			r.Extractor = e.Name
			if !send(item{r, err}) {
				return
			}
		}
	}
	flush()
}

// openAs makes the source of a file, or of a link if the extractor reads those.
func openAs(h *host.Host, e *timeline.Extractor, p string) (*timeline.Source, error) {
	if e.Links {
		if s, err := openLink(h, p); s != nil || err != nil {
			return s, err
		}
	}
	return Open(h, p)
}

// openLink makes the source of a symbolic link; nil if the path is none.
func openLink(h *host.Host, p string) (*timeline.Source, error) {
	node, in, real, err := h.Find(p, false)
	if err != nil || node.Mount == nil || in.Mode.Type() != filesystem.Symlink {
		return nil, nil
	}
	target, err := node.Mount.FS.Link(in)
	if err != nil {
		return nil, &host.PathError{Image: node.Mount.Image, Volume: node.Mount.Volume.Slot, Path: p, Inode: node.Inum, Err: err}
	}
	s := source(h, p, in)
	s.Target, s.Data = string(target), bytes.NewReader(nil)
	s.Place = func(_, _ int64, line int) timeline.Evidence {
		return timeline.Evidence{
			Image: node.Mount.Image, Volume: node.Mount.Volume.Slot, Inode: node.Inum, Path: real,
			Offset: node.Mount.ImageOffset(in.Offset), Length: int64(len(in.Raw)), Line: line,
		}
	}
	return s, nil
}

// source is what the sources of files and of links share.
func source(h *host.Host, p string, in *filesystem.Inode) *timeline.Source {
	zone := h.Zone
	if h.ZoneFrom == "assumed" {
		zone = nil // the extractor says so at each time that depends on it
	}
	return &timeline.Source{
		Path: p, Account: h.Account(p), Inode: in, Zone: zone, Glob: h.Glob,
		Sibling: func(name string) *timeline.Source {
			other, err := Open(h, name)
			if err != nil {
				return nil
			}
			return other
		},
		Symlink: func(name string) *timeline.Source {
			other, err := openLink(h, name)
			if err != nil {
				return nil
			}
			return other
		},
	}
}

// Open makes the source of one file of the server, unpacked if it is packed.
// A source that comes beside an error is the part that can be read.
func Open(h *host.Host, p string) (*timeline.Source, error) {
	f, err := h.Open(p)
	if err != nil {
		return nil, err
	}
	s := source(h, f.Path, f.Inode)
	s.Data, s.Size = f, f.Size()
	s.Place = func(offset, length int64, line int) timeline.Evidence { return place(f, "", offset, length, line) }
	s.NextData = func(off int64) int64 { return nextData(f, off) }
	var head [unpack.HeadSize]byte
	n, _ := f.ReadAt(head[:], 0)
	format := unpack.Detect(head[:n])
	if format == "" {
		return s, nil
	}
	z := &unpacked{file: f, format: format}
	size, err := z.measure()
	s.Data, s.Size, s.Packed, s.NextData = z, size, format, nil
	s.Place = func(_, _ int64, line int) timeline.Evidence { return place(f, format, 0, f.Size(), line) }
	if err != nil {
		err = s.Damage(size, 0, 0, "the rest cannot be unpacked", err)
	}
	return s, err
}

// place gives a range of a file as evidence. Of a packed file it is the whole.
func place(f *host.File, packed string, offset, length int64, line int) timeline.Evidence {
	at, n := f.Place(offset, length)
	return timeline.Evidence{
		Image: f.Mount.Image, Volume: f.Mount.Volume.Slot, Inode: f.Inode.Inum, Path: f.Path,
		Offset: at, Length: n, Line: line, Packed: packed,
	}
}

// nextData is the first offset at or after off that is not in a hole.
func nextData(f *host.File, off int64) int64 {
	for _, e := range f.Extents() {
		if e.Kind != filesystem.Hole && e.Kind != filesystem.Unwritten && e.Logical+e.Length > off {
			return min(max(e.Logical, off), f.Size())
		}
	}
	return f.Size()
}

const (
	// keepUnpacked is how much unpacked content is kept in memory; a larger
	// file is unpacked again for each pass over it.
	keepUnpacked = 32 << 20
	// maxUnpacked bounds what a file may claim to hold.
	maxUnpacked = 16 << 30
)

// unpacked reads a packed file at unpacked offsets. Reading forwards is cheap;
// reading backwards begins again.
type unpacked struct {
	file   *host.File
	format string
	size   int64
	kept   []byte // the whole, if it is small

	z  io.ReadCloser
	at int64 // unpacked offset of z
}

var errTooLong = fmt.Errorf("more than %d bytes unpacked", int64(maxUnpacked))

// measure unpacks the file once. The size that comes beside an error is that
// of what could be unpacked.
func (u *unpacked) measure() (int64, error) {
	if err := u.rewind(); err != nil {
		return 0, err
	}
	var head bytes.Buffer
	n, err := io.Copy(&head, io.LimitReader(u.z, keepUnpacked+1))
	if n <= keepUnpacked {
		u.size, u.kept = n, head.Bytes()
		return n, err
	}
	more, err := io.Copy(io.Discard, io.LimitReader(u.z, maxUnpacked-n+1))
	u.size = n + more
	if u.size > maxUnpacked && err == nil {
		u.size, err = maxUnpacked, errTooLong
	}
	u.z = nil
	return u.size, err
}

func (u *unpacked) rewind() error {
	if u.z != nil {
		u.z.Close()
	}
	z, err := unpack.NewReader(u.format, bufio.NewReaderSize(io.NewSectionReader(u.file, 0, u.file.Size()), 256<<10))
	if err != nil {
		u.z = nil
		return err
	}
	u.z, u.at = z, 0
	return nil
}

// ReadAt is for one goroutine at a time.
func (u *unpacked) ReadAt(p []byte, off int64) (int, error) {
	if off >= u.size {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > u.size-off {
		p, short = p[:u.size-off], true
	}
	if u.kept != nil {
		copy(p, u.kept[off:])
	} else if n, err := u.stream(p, off); err != nil {
		return n, err
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (u *unpacked) stream(p []byte, off int64) (int, error) {
	if u.z == nil || off < u.at {
		if err := u.rewind(); err != nil {
			return 0, err
		}
	}
	if skip := off - u.at; skip > 0 {
		n, err := io.CopyN(io.Discard, u.z, skip)
		if u.at += n; err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(u.z, p)
	u.at += int64(n)
	return n, err
}
