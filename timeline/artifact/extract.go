package artifact

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"runtime"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/internal/unpack"
	"deadbox/timeline"
	"deadbox/timeline/artifact/authorizedkeys"
)

// Extract runs extractors over a server's files: each extractor in turn, its
// files in the order of [Files], each file once however many names it has.
// Several files, and parts of large ones, are read at a time; the records come
// in that order all the same. A record of authentication that has a key's
// fingerprint says whose key it is, in key_comment and key_path, where
// authorized_keys knows it.
//
// An error of a file that cannot be read, or of a part of it, does not end the
// sequence.
func Extract(ctx context.Context, h *host.Host, list []*timeline.Extractor) iter.Seq2[timeline.Record, error] {
	type job struct {
		extractor *timeline.Extractor
		path      string
	}
	var jobs []job
	plan := planner{host: h}
	for _, e := range list {
		for _, p := range plan.files(e) {
			jobs = append(jobs, job{e, p})
		}
	}
	return func(yield func(timeline.Record, error) bool) {
		keys := keyring{}
		var pool batches
		var twins copies
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if wantsKeys(list) {
			for r, err := range Extract(ctx, h, []*timeline.Extractor{&authorizedkeys.Extractor}) {
				if err == nil {
					keys.learn(&r)
				}
			}
		}
		var running []chan []item // in the order of jobs
		next := 0
		start := func() {
			for len(running) < runtime.GOMAXPROCS(0)+1 && next < len(jobs) {
				j, out := jobs[next], make(chan []item, 4)
				running = append(running, out)
				next++
				go func() {
					defer close(out)
					extractFile(ctx, &pool, h, j.extractor, j.path, out)
				}()
			}
		}
		for start(); len(running) > 0; start() {
			for batch := range running[0] {
				for i := range batch {
					r := &batch[i].record
					twins.look(r)
					switch r.Kind {
					case timeline.KindAuthorizedKey:
						keys.learn(r)
					case timeline.KindAuth:
						keys.apply(r)
					}
					if !yield(batch[i].record, batch[i].err) {
						return
					}
				}
				pool.put(batch)
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

// Files lists the files of the server that an extractor reads: of its Paths and
// of those that the server's configuration names. One file under two names is
// listed under the first. They are sorted by path, but the logs that were rotated
// from one stand together, the oldest first.
func Files(h *host.Host, e *timeline.Extractor) []string {
	return (&planner{host: h}).files(e)
}

// planner finds the files of several extractors.
type planner struct {
	host  *host.Host
	named map[*timeline.Extractor][]string // patterns
	homes []string
}

func (pl *planner) files(e *timeline.Extractor) []string {
	h := pl.host
	var paths []string
	for _, pattern := range e.Paths {
		paths = append(paths, h.Glob(pattern)...)
	}
	for _, pattern := range pl.patterns(e) {
		for _, p := range h.Glob(pattern) {
			if !pl.others(e, p, false) {
				paths = append(paths, p)
			}
		}
	}
	if e.Rest {
		paths = slices.DeleteFunc(paths, func(p string) bool { return pl.others(e, p, true) })
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	named := slices.Clone(paths)
	seen := map[host.Node]bool{}
	changed := map[string]filesystem.Time{}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		node, in, real, err := h.Find(p, true)
		if err != nil || in == nil || node.Mount == nil {
			return err == nil || !reportable(err)
		}
		if e.Rest && real != p && pl.others(e, real, true) {
			return true
		}
		changed[p] = in.Times.Modified
		twice := seen[node]
		seen[node] = true
		return twice || in.Mode.Type() != filesystem.Regular
	})
	if e.Links {
		paths = append(paths, linksOf(h, named)...)
		slices.Sort(paths)
		paths = slices.Compact(paths)
	}
	return inOrder(paths, changed)
}

// maxNamed bounds how many patterns the configuration files of one extractor
// may give.
const maxNamed = 4096

// patterns are those that the server's configuration gives for an extractor.
func (pl *planner) patterns(e *timeline.Extractor) []string {
	if e.Named == nil {
		return nil
	}
	if list, ok := pl.named[e]; ok {
		return list
	}
	var list []string
	for _, pattern := range e.NamedIn {
		for _, p := range pl.host.Glob(pattern) {
			s, _ := Open(pl.host, p) // what cannot be read is said by the extractor of configurations
			if s == nil || s.Inode.Mode.Type() != filesystem.Regular {
				continue
			}
			for _, found := range e.Named(s) {
				if usable(found) && len(list) < maxNamed {
					list = append(list, found)
				}
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if pl.named == nil {
		pl.named = map[*timeline.Extractor][]string{}
	}
	pl.named[e] = list
	return list
}

// usable tells patterns that may be asked for. One from a configuration is not to
// search the whole server, nor what the running kernel showed.
func usable(pattern string) bool {
	if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "**") || path.Clean(pattern) != pattern {
		return false
	}
	for _, dir := range [...]string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(pattern, dir) {
			return false
		}
	}
	return len(pattern) > 1 && len(pattern) < 4096 && (pattern[0] == '/' || strings.HasPrefix(pattern, "~/"))
}

// others tells whether another extractor reads a path, by its own patterns or
// also by those that configurations give.
func (pl *planner) others(e *timeline.Extractor, p string, configured bool) bool {
	for _, o := range All {
		if o == e || o.Rest {
			continue
		}
		for _, pattern := range o.Paths {
			if pl.fits(pattern, p) {
				return true
			}
		}
		if !configured {
			continue
		}
		for _, pattern := range pl.patterns(o) {
			if pl.fits(pattern, p) {
				return true
			}
		}
	}
	return false
}

// fits tells whether a pattern of an extractor fits a path.
func (pl *planner) fits(pattern, p string) bool {
	rest, ok := strings.CutPrefix(pattern, "~/")
	if !ok {
		// Most are told by how they begin.
		if i := strings.IndexAny(pattern, `*?[\`); i > 0 && !strings.HasPrefix(p, pattern[:i]) || i < 0 && p != pattern {
			return false
		}
		return timeline.Fits(strings.Split(pattern, "/"), strings.Split(p, "/"))
	}
	if pl.homes == nil {
		pl.homes = []string{}
		for _, home := range pl.host.Homes() {
			pl.homes = append(pl.homes, strings.TrimSuffix(home.Path, "/")+"/")
		}
	}
	for _, home := range pl.homes {
		if below, ok := strings.CutPrefix(p, home); ok && timeline.Fits(strings.Split(rest, "/"), strings.Split(below, "/")) {
			return true
		}
	}
	return false
}

// inOrder sorts paths: the logs of a family stand together, the oldest first. Where
// some are named by their day and some by numbers, their modification times
// tell, if all have one.
func inOrder(paths []string, changed map[string]filesystem.Time) []string {
	type log struct {
		path string
		timeline.Rotation
	}
	logs := make([]log, len(paths))
	for i, p := range paths {
		logs[i] = log{p, timeline.RotationOf(p)}
	}
	slices.SortFunc(logs, func(a, b log) int { return cmp.Or(a.Compare(b.Rotation), cmp.Compare(a.path, b.path)) })
	for i := 0; i < len(logs); {
		dated, numbered, timed := false, false, true
		j := i
		for ; j < len(logs) && logs[j].Family == logs[i].Family; j++ {
			dated = dated || logs[j].Date != ""
			numbered = numbered || logs[j].Date == "" && logs[j].Number >= 0
			timed = timed && changed[logs[j].path].Known
		}
		if dated && numbered && timed {
			live := func(l log) bool { return l.Date == "" && l.Number < 0 }
			slices.SortStableFunc(logs[i:j], func(a, b log) int {
				if live(a) != live(b) {
					if live(a) {
						return 1
					}
					return -1
				}
				ta, tb := changed[a.path], changed[b.path]
				return cmp.Or(cmp.Compare(ta.Sec, tb.Sec), cmp.Compare(ta.Nsec, tb.Nsec))
			})
		}
		i = j
	}
	for i := range logs {
		paths[i] = logs[i].path
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
func extractFile(ctx context.Context, b *batches, h *host.Host, e *timeline.Extractor, p string, out chan<- []item) {
	src, err := openAs(h, e, p)
	if err != nil {
		select {
		case out <- []item{{err: err}}:
		case <-ctx.Done():
			return
		}
	}
	if src == nil {
		return
	}
	b.read(ctx, e, src, out)
}

// openAs makes the source of a file, or of a link if the extractor reads those.
func openAs(h *host.Host, e *timeline.Extractor, p string) (*timeline.Source, error) {
	if e.Links {
		if s, err := openLink(h, p); s != nil || err != nil {
			return s, err
		}
	}
	return open(h, p, !e.Raw)
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
		image, at := node.Mount.Place(in.Offset)
		return timeline.Evidence{
			Image: image, Volume: node.Mount.Volume.Slot, Inode: node.Inum, Path: real,
			Offset: at, Length: int64(len(in.Raw)), Line: line,
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
		Stat: func(name string) *filesystem.Inode {
			if _, in, _, err := h.Find(name, true); err == nil {
				return in
			}
			return nil
		},
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
func Open(h *host.Host, p string) (*timeline.Source, error) { return open(h, p, true) }

func open(h *host.Host, p string, unpacking bool) (*timeline.Source, error) {
	f, err := h.Open(p)
	if err != nil {
		return nil, err
	}
	s := source(h, f.Path, f.Inode)
	s.Data, s.Size = f, f.Size()
	s.Place = func(offset, length int64, line int) timeline.Evidence { return place(f, "", offset, length, line) }
	s.NextData = func(off int64) int64 { return nextData(f, off) }
	format := ""
	if unpacking {
		var head [unpack.HeadSize]byte
		n, _ := f.ReadAt(head[:], 0)
		format = unpack.Detect(head[:n])
	}
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
	image, at, n := f.Place(offset, length)
	return timeline.Evidence{
		Image: image, Volume: f.Mount.Volume.Slot, Inode: f.Inode.Inum, Path: f.Path,
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
