package tree

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"deadbox/fs/filesystem"
)

var _ filesystem.FileSystem = (*FS)(nil)

const maxElements = 1 << 16

var (
	errNotDirectory = errors.New("not a directory")
	errManyLinks    = errors.New("too many levels of symbolic links")
)

// child finds an allocated name in a directory.
func (f *FS) child(dir int32, name string) (int32, bool) {
	list := f.byDir[f.dirAt[dir]:f.dirAt[dir+1]]
	i := sort.Search(len(list), func(i int) bool { return f.names[list[i]].name >= name })
	if i == len(list) || f.names[list[i]].name != name || f.names[list[i]].old {
		return 0, false
	}
	return f.names[list[i]].node, true
}

// Find resolves a path of the tree to its inode; see [filesystem.FileSystem].
func (f *FS) Find(name string, follow bool) (*filesystem.Inode, error) {
	n, err := f.find(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: "find", Path: name, Err: err}
	}
	return f.Inode(f.nodes[n].inum)
}

func (f *FS) find(name string, follow bool) (int32, error) {
	way := []int32{0} // from the root to where we are
	rest := strings.Split(name, "/")
	slices.Reverse(rest) // the next element is the last of the slice
	for links := 0; len(rest) > 0; {
		elem := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		at := way[len(way)-1]
		if elem == "" || elem == "." {
			continue
		}
		if f.nodes[at].mode.Type() != filesystem.Directory {
			return 0, errNotDirectory
		}
		if elem == ".." {
			way = way[:max(len(way)-1, 1)]
			continue
		}
		n, ok := f.child(at, elem)
		if !ok {
			return 0, fs.ErrNotExist
		}
		if f.nodes[n].mode.Type() == filesystem.Symlink && (follow || slices.ContainsFunc(rest, func(s string) bool { return s != "" })) {
			if links++; links > maxLinks {
				return 0, errManyLinks
			}
			target := f.links[n]
			if target == "" {
				return 0, fs.ErrNotExist
			}
			if target[0] == '/' {
				way = way[:1]
			}
			more := strings.Split(target, "/")
			slices.Reverse(more)
			if rest = append(rest, more...); len(rest) > maxElements {
				return 0, errManyLinks
			}
			continue
		}
		way = append(way, n)
	}
	return way[len(way)-1], nil
}

// lookup is find for the io/fs door.
func (f *FS) lookup(op, name string, follow bool) (int32, error) {
	err := fs.ErrInvalid
	var n int32
	if fs.ValidPath(name) {
		if n, err = f.find(name, follow); errors.Is(err, errNotDirectory) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return 0, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

// Open opens a file of the tree, symbolic links followed inside it.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	info := f.describe(n, path.Base(name))
	if info.IsDir() {
		return &openDir{info: info, list: f.list(n)}, nil
	}
	c, err := f.Content(info.in)
	if c == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{io.NewSectionReader(c, 0, c.Size()), info}, nil
}

// Stat describes a file; symbolic links are followed.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.lookup("stat", name, true)
	if err != nil {
		return nil, err
	}
	return f.describe(n, path.Base(name)), nil
}

// Lstat describes a file; a symbolic link at the end is not followed.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.lookup("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return f.describe(n, path.Base(name)), nil
}

// ReadLink returns the target of a symbolic link.
func (f *FS) ReadLink(name string) (string, error) {
	n, err := f.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if f.nodes[n].mode.Type() != filesystem.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return f.links[n], nil
}

// ReadDir lists a directory sorted by name. Names that io/fs has no form for are
// left out: the complete view is [FS.Entries].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if f.nodes[n].mode.Type() != filesystem.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDirectory}
	}
	return f.list(n), nil
}

func (f *FS) list(n int32) []fs.DirEntry {
	out := []fs.DirEntry{}
	for _, i := range f.byDir[f.dirAt[n]:f.dirAt[n+1]] {
		e := &f.names[i]
		if !e.old && utf8.ValidString(e.name) && fs.ValidPath(e.name) && e.name != "." {
			out = append(out, fs.FileInfoToDirEntry(f.describe(e.node, e.name)))
		}
	}
	return out
}

func (f *FS) describe(n int32, name string) *fileInfo {
	in := new(filesystem.Inode)
	f.inode(n, in)
	return &fileInfo{name, in}
}

// fileInfo describes a node; Sys returns the *filesystem.Inode.
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

type openFile struct {
	*io.SectionReader
	info *fileInfo
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFile) Close() error               { return nil }

type openDir struct {
	info *fileInfo
	list []fs.DirEntry
}

func (o *openDir) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openDir) Close() error               { return nil }
func (o *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: o.info.name, Err: errors.New("is a directory")}
}

func (o *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	take := len(o.list)
	if n > 0 {
		if take == 0 {
			return nil, io.EOF
		}
		take = min(n, take)
	}
	out := slices.Clone(o.list[:take])
	o.list = o.list[take:]
	return out, nil
}
