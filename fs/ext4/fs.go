package ext4

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"deadbox/fs/filesystem"
)

var _ filesystem.FileSystem = (*FS)(nil)

const (
	maxLinks = 40 // as the kernel's MAXSYMLINKS
	// maxCached bounds the names that are kept of directories already read.
	maxCached = 1 << 18
)

// dirNames are the allocated names of one directory.
type dirNames struct {
	byName map[string]dirName
	err    error // the first damage
}

type dirName struct {
	n filesystem.Inum
	t filesystem.FileType
}

// names reads a directory, or finds it among those that were read before.
func (f *FS) names(in *filesystem.Inode) *dirNames {
	f.dirMu.Lock()
	defer f.dirMu.Unlock()
	if d, ok := f.dirCache[in.Inum]; ok {
		return d
	}
	d := &dirNames{byName: map[string]dirName{}}
	// A directory that names lead to is one, whatever a damaged bitmap says.
	live := *in
	live.Allocated = true
	f.readDir(&live, func(e filesystem.Entry, err error) bool {
		switch {
		case err != nil:
			if d.err == nil {
				d.err = err
			}
		case e.Allocated && !e.IsDot():
			name := string(e.Name)
			if _, ok := d.byName[name]; !ok {
				d.byName[name] = dirName{n: e.Inum, t: e.Type}
			}
		}
		return true
	})
	if f.dirCount += len(d.byName); f.dirCount > maxCached {
		clear(f.dirCache)
		f.dirCount = len(d.byName)
	}
	f.dirCache[in.Inum] = d
	return d
}

// Find resolves a path to its inode.
func (f *FS) Find(name string, follow bool) (*filesystem.Inode, error) {
	in, err := f.find(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: "find", Path: name, Err: err}
	}
	return in, nil
}

func (f *FS) find(name string, follow bool) (*filesystem.Inode, error) {
	root, err := f.Inode(f.Root())
	if err != nil {
		return nil, err
	}
	way := []*filesystem.Inode{root} // from the root to where we are
	links := 0
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		elem := rest[0]
		rest = rest[1:]
		at := way[len(way)-1]
		if elem == "" || elem == "." {
			continue
		}
		if at.Mode.Type() != filesystem.Directory {
			return nil, errNotDirectory
		}
		if elem == ".." {
			way = way[:max(len(way)-1, 1)]
			continue
		}
		names := f.names(at)
		d, ok := names.byName[elem]
		if !ok {
			if names.err != nil {
				return nil, fmt.Errorf("%w; the directory is damaged: %w", fs.ErrNotExist, names.err)
			}
			return nil, fs.ErrNotExist
		}
		in, err := f.Inode(d.n)
		if err != nil {
			return nil, err
		}
		last := !slices.ContainsFunc(rest, func(s string) bool { return s != "" })
		if in.Mode.Type() == filesystem.Symlink && (!last || follow) {
			if links++; links > maxLinks {
				return nil, errTooManyLinks
			}
			target, err := f.Link(in)
			if err != nil {
				return nil, err
			}
			if len(target) == 0 {
				return nil, fs.ErrNotExist
			}
			if target[0] == '/' {
				way = way[:1]
			}
			rest = append(strings.Split(string(target), "/"), rest...)
			if len(rest) > maxPathElements {
				return nil, errTooManyLinks
			}
			continue
		}
		if len(way) > maxPathElements {
			return nil, errTooManyLinks
		}
		way = append(way, in)
	}
	return way[len(way)-1], nil
}

const maxPathElements = 1 << 16

var (
	errNotDirectory = errors.New("not a directory")
	errTooManyLinks = errors.New("too many levels of symbolic links")
)

// lookup is find for the io/fs door.
func (f *FS) lookup(op, name string, follow bool) (*filesystem.Inode, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	in, err := f.find(name, follow)
	if errors.Is(err, errNotDirectory) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return in, nil
}

// Open opens a file of the allocated tree, symbolic links followed inside the
// file system.
func (f *FS) Open(name string) (fs.File, error) {
	in, err := f.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	info := &fileInfo{name: path.Base(name), in: in}
	if in.Mode.Type() == filesystem.Directory {
		entries, err := f.readDirSorted(in)
		return &openDir{info: info, entries: entries, err: err}, nil
	}
	c, err := f.mapContent(in)
	if c == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{SectionReader: io.NewSectionReader(c, 0, c.size), info: info}, nil
}

// Stat describes a file; symbolic links are followed.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat describes a file; a symbolic link at the end is not followed.
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	in, err := f.lookup(op, name, follow)
	if err != nil {
		return nil, err
	}
	return &fileInfo{name: path.Base(name), in: in}, nil
}

// ReadLink returns the target of a symbolic link.
func (f *FS) ReadLink(name string) (string, error) {
	in, err := f.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if in.Mode.Type() != filesystem.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.Link(in)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(target), nil
}

// ReadDir lists a directory sorted by name. Names that io/fs has no form for
// are left out: the complete view is [FS.Entries].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	in, err := f.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if in.Mode.Type() != filesystem.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDirectory}
	}
	entries, err := f.readDirSorted(in)
	if err != nil {
		err = &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, err
}

func (f *FS) readDirSorted(in *filesystem.Inode) ([]fs.DirEntry, error) {
	names := f.names(in)
	out := make([]fs.DirEntry, 0, len(names.byName))
	for name, d := range names.byName {
		if !utf8.ValidString(name) || !fs.ValidPath(name) || name == "." {
			continue
		}
		out = append(out, &dirEntry{f: f, name: name, d: d})
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, names.err
}

// fileInfo describes an inode; Sys returns the *filesystem.Inode.
type fileInfo struct {
	name string
	in   *filesystem.Inode
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.in.Size }
func (i *fileInfo) Mode() fs.FileMode  { return i.in.Mode.FS() }
func (i *fileInfo) ModTime() time.Time { return i.in.Times.Modified.Std() }
func (i *fileInfo) IsDir() bool        { return i.in.Mode.Type() == filesystem.Directory }
func (i *fileInfo) Sys() any           { return i.in }

type dirEntry struct {
	f    *FS
	name string
	d    dirName
}

func (e *dirEntry) Name() string { return e.name }
func (e *dirEntry) IsDir() bool  { return e.Type().IsDir() }

// Type is the inode's where it can be read: an entry need not say it, and a
// damaged one may say what is not.
func (e *dirEntry) Type() fs.FileMode {
	if in, err := e.f.Inode(e.d.n); err == nil {
		return in.Mode.FS().Type()
	}
	return fs.ModeIrregular
}

func (e *dirEntry) Info() (fs.FileInfo, error) {
	in, err := e.f.Inode(e.d.n)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: e.name, Err: err}
	}
	return &fileInfo{name: e.name, in: in}, nil
}

func (e *dirEntry) String() string { return fs.FormatDirEntry(e) }

type openFile struct {
	*io.SectionReader
	info *fileInfo
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFile) Close() error               { return nil }

type openDir struct {
	info    *fileInfo
	entries []fs.DirEntry
	next    int
	err     error // damage: told when the entries are at an end
}

func (o *openDir) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openDir) Close() error               { return nil }
func (o *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.info.name, Err: errors.New("is a directory")}
}

func (o *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := o.entries[o.next:]
	if n <= 0 {
		o.next = len(o.entries)
		return slices.Clone(rest), o.err
	}
	if len(rest) == 0 {
		if o.err != nil {
			return nil, o.err
		}
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	o.next += len(rest)
	return slices.Clone(rest), nil
}
