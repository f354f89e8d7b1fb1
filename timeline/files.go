package timeline

import (
	"context"
	"iter"
	"strings"

	"deadbox/fs/filesystem"
)

// Tree is one file system at its place in a server's tree, with what is
// needed to turn its inodes into files with their evidence.
type Tree struct {
	FS     filesystem.FileSystem
	Index  *filesystem.Index
	Point  string // where it is mounted: "/", "/var"
	Volume string // the volume's slot
	// Place turns an offset in the file system into the image that holds it and
	// the offset there; -1 stays -1.
	Place func(off int64) (image string, offset int64)
}

// Batches calls work for every name of every inode, on several goroutines, and
// yields what it left in its buffers in the order of the disk. Names that lead to
// no inode come last. The File and the Evidence are valid during the call.
func (t *Tree) Batches(ctx context.Context, work func(f *File, ev *Evidence, buf []byte) []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		w := t.walk()
		batches := filesystem.Batches(ctx, t.FS, func(inodes []filesystem.Inode, buf []byte) []byte {
			w.files(inodes, func(f *File, ev *Evidence) { buf = work(f, ev, buf) })
			return buf
		})
		for buf, err := range batches {
			if !yield(buf, err) {
				return
			}
		}
		var buf []byte
		w.rest(func(f *File, ev *Evidence) { buf = work(f, ev, buf) })
		if len(buf) > 0 {
			yield(buf, nil)
		}
	}
}

// Files yields the same as Batches, one after the other. The record is valid
// until the next iteration; its stamps are empty, the times are those of File.
func (t *Tree) Files(ctx context.Context) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		w := t.walk()
		ok := true
		emit := func(f *File, ev *Evidence) {
			ok = ok && yield(&Record{Kind: KindFile, Summary: f.Path, File: f, Evidence: *ev}, nil)
		}
		one := make([]filesystem.Inode, 1)
		for in, err := range t.FS.Inodes(ctx) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			one[0] = *in
			if w.files(one, emit); !ok {
				return
			}
		}
		w.rest(emit)
	}
}

// walk is one pass over a tree.
type walk struct {
	*Tree
	prefix string // Point without a slash at its end
	root   filesystem.Inum
	system map[filesystem.Inum]string
	seen   []bool // by position in the index: the name's inode was met
}

func (t *Tree) walk() *walk {
	w := &walk{Tree: t, prefix: t.Point, root: t.FS.Root(), system: t.FS.Info().System}
	for len(w.prefix) > 0 && w.prefix[len(w.prefix)-1] == '/' {
		w.prefix = w.prefix[:len(w.prefix)-1]
	}
	w.seen = make([]bool, t.Index.Len())
	return w
}

// files calls emit for every name of the inodes. The paths of all of them
// are put together first, so that they share one allocation.
func (w *walk) files(inodes []filesystem.Inode, emit func(*File, *Evidence)) {
	var paths []byte
	ends := make([]int, 0, len(inodes)+len(inodes)/8)
	for i := range inodes {
		lo, hi := w.Index.Range(inodes[i].Inum)
		for n := lo; n < hi; n++ {
			paths = w.Index.AppendPath(append(paths, w.prefix...), n)
			ends = append(ends, len(paths))
		}
	}
	all := string(paths)
	from, next := 0, 0
	var f File
	var ev Evidence
	for i := range inodes {
		in := &inodes[i]
		lo, hi := w.Index.Range(in.Inum)
		w.file(in, &f, &ev)
		if lo == hi {
			if w.nameless(in, &f) {
				ev.Path = f.Path
				emit(&f, &ev)
			}
			continue
		}
		for n := lo; n < hi; n++ {
			f.Path = all[from:ends[next]]
			from, next = ends[next], next+1
			w.name(n, &f)
			ev.Path = f.Path
			emit(&f, &ev)
		}
	}
}

// fileOf is what an inode says of the file, its path and a link's target left
// out.
func fileOf(in *filesystem.Inode) File {
	return File{
		Inode: in.Inum, Type: in.Mode.Type(), Mode: in.Mode, UID: in.UID, GID: in.GID, Links: in.Links, Size: in.Size,
		Times: in.Times, Flags: in.Flags, Unalloc: !in.Allocated,
	}
}

// name fills in what name n of the index says of the file, but for its path,
// and notes that its inode was met.
func (w *walk) name(n int, f *File) {
	w.seen[n] = true
	f.Type, f.Deleted = w.Index.Flags(n)
	if f.Type == filesystem.Unknown {
		f.Type = f.Mode.Type()
	}
}

// file fills in what an inode says of the file.
func (w *walk) file(in *filesystem.Inode, f *File, ev *Evidence) {
	*f = fileOf(in)
	if f.Type == filesystem.Symlink {
		// A target that cannot be read is damage of its own, which reading the
		// content reports.
		target, _ := w.FS.Link(in)
		f.Target = string(target)
	}
	*ev = Evidence{Volume: w.Volume, Inode: in.Inum, Length: int64(len(in.Raw))}
	ev.Image, ev.Offset = w.Place(in.Offset)
}

// nameless decides what an inode without a name is shown as: the root, an
// orphan, or nothing if the file system keeps it for itself.
func (w *walk) nameless(in *filesystem.Inode, f *File) bool {
	if in.Inum == w.root {
		if f.Path = w.prefix; f.Path == "" {
			f.Path = "/"
		}
		return true
	}
	if _, ok := w.system[in.Inum]; ok || in.Flags&filesystem.FlagEAInode != 0 {
		return false
	}
	f.Path, f.Orphan = w.prefix+filesystem.OrphanPath(in.Inum), true
	return true
}

// rest calls emit for the names whose inode was not met: it was wiped, or its
// part of the table cannot be read.
func (w *walk) rest(emit func(*File, *Evidence)) {
	for n, seen := range w.seen {
		if seen {
			continue
		}
		name := w.Index.At(n)
		f := File{Path: w.prefix + name.Path, Inode: w.Index.Inum(n), Type: name.Type, Deleted: name.Deleted, Unalloc: true}
		ev := Evidence{Volume: w.Volume, Inode: name.Parent, Path: f.Path, Length: int64(entryLength(name.Path))}
		ev.Image, ev.Offset = w.Place(name.Offset)
		emit(&f, &ev)
	}
}

// entryLength is the length of a directory entry without its padding: eight
// bytes, then the name.
func entryLength(path string) int { return 8 + len(path) - 1 - strings.LastIndexByte(path, '/') }
