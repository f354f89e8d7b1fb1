package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"deadbox/fs/filesystem"
)

// maxLinks is how many symbolic links one look-up follows, as in Linux
// (MAXSYMLINKS in include/linux/namei.h).
const maxLinks = 40

// maxPath bounds a path while it is resolved.
const maxPath = 64 << 10

// Node is a file at its place in the server's tree. A Node without a Mount is
// a directory that exists only because something is mounted below it.
type Node struct {
	Mount *Mount
	Inum  filesystem.Inum
}

// Child is one name in a directory of the server.
type Child struct {
	Name  string
	Type  filesystem.FileType // as the entry says; Unknown where it does not
	Mount bool                // another file system is mounted here
	Node  Node
}

// pathCache remembers directories whose path is free of symbolic links.
type pathCache struct {
	mu   sync.RWMutex
	dirs map[string]Node
}

// maxKnown bounds the cache; it is emptied when it is full.
const maxKnown = 1 << 16

func (c *pathCache) get(p string) (Node, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n, ok := c.dirs[p]
	return n, ok
}

func (c *pathCache) put(p string, n Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dirs == nil || len(c.dirs) >= maxKnown {
		c.dirs = make(map[string]Node)
	}
	c.dirs[p] = n
}

// setPoints makes the mounts' places known to look-ups.
func (h *Host) setPoints() {
	h.points = make(map[string]*Mount)
	h.above = make(map[string]bool)
	for _, m := range h.Mounts {
		h.points[m.Point] = m
		for dir := m.Point; dir != "/"; {
			dir = path.Dir(dir)
			h.above[dir] = true
		}
	}
	for point := range h.binds {
		for dir := point; dir != "/"; {
			dir = path.Dir(dir)
			h.above[dir] = true
		}
	}
	h.known = pathCache{}
}

// Root is the node of "/".
func (h *Host) Root() Node {
	if m := h.points["/"]; m != nil {
		return Node{m, m.FS.Root()}
	}
	return Node{}
}

// within is a path on its mount's own file system.
func (m *Mount) within(p string) string {
	if m.Point == "/" {
		return p
	}
	if p = strings.TrimPrefix(p, m.Point); p == "" {
		return "/"
	}
	return p
}

// step looks up one name: p is a path that ends in it, dir the node of its
// directory, and the directory's path is free of symbolic links.
func (h *Host) step(dir Node, p string) (Node, *filesystem.Inode, error) {
	if m := h.points[p]; m != nil {
		in, err := m.FS.Inode(m.FS.Root())
		return Node{m, m.FS.Root()}, in, err
	}
	if dir.Mount != nil {
		in, err := dir.Mount.FS.Find(dir.Mount.within(p), false)
		if err == nil {
			return Node{dir.Mount, in.Inum}, in, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || !h.above[p] {
			return Node{}, nil, err
		}
	}
	if h.above[p] {
		return Node{}, virtualDir(), nil
	}
	return Node{}, nil, fs.ErrNotExist
}

func virtualDir() *filesystem.Inode {
	return &filesystem.Inode{Allocated: true, Mode: filesystem.ModeDir | 0o755, Links: 2, Offset: -1}
}

// Find resolves a path of the server across its mounts. Symbolic links on the
// way are followed inside the server's tree, forty at the most; the last element
// is followed only if follow is true. It returns the node, its inode and its path
// without symbolic links. Errors are of type *[fs.PathError] and wrap
// [fs.ErrNotExist] where there is no such file.
func (h *Host) Find(name string, follow bool) (Node, *filesystem.Inode, string, error) {
	fail := func(err error) (Node, *filesystem.Inode, string, error) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return Node{}, nil, "", &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if strings.IndexByte(name, 0) >= 0 {
		return fail(fs.ErrInvalid)
	}
	type place struct {
		node Node
		path string
	}
	root := place{h.Root(), "/"}
	if root.node.Mount == nil && len(h.points) == 0 {
		return fail(fs.ErrNotExist)
	}
	at := root
	var in *filesystem.Inode // of at, nil if not read yet
	links := 0
	dir := strings.HasSuffix(name, "/")
	rest := strings.Trim(name, "/")
	for rest != "" {
		elem := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			elem, rest = rest[:i], strings.TrimLeft(rest[i:], "/")
		} else {
			rest = ""
		}
		switch elem {
		case ".":
			continue
		case "..":
			up := path.Dir(at.path)
			if up == "/" {
				at, in = root, nil
			} else if n, ok := h.known.get(up); ok {
				at, in = place{n, up}, nil
			} else {
				// The way up is free of links, so this goes down once more without following any.
				n, i, _, err := h.Find(up, false)
				if err != nil {
					return fail(err)
				}
				at, in = place{n, up}, i
			}
			continue
		}
		child := at.path + "/" + elem
		if at.path == "/" {
			child = "/" + elem
		}
		if len(child)+len(rest) > maxPath {
			return fail(syscall.ENAMETOOLONG)
		}
		last := rest == ""
		if b, ok := h.binds[child]; ok {
			at, in = place(b), nil
			continue
		}
		if n, ok := h.known.get(child); ok {
			at, in = place{n, child}, nil
			continue
		}
		n, i, err := h.step(at.node, child)
		if err != nil {
			return fail(err)
		}
		switch t := i.Mode.Type(); {
		case t == filesystem.Symlink && (!last || follow || dir):
			if links++; links > maxLinks {
				return fail(syscall.ELOOP)
			}
			target, err := n.Mount.FS.Link(i)
			if err != nil {
				return fail(err)
			}
			if len(target) == 0 {
				return fail(fs.ErrNotExist)
			}
			if last && target[len(target)-1] == '/' {
				dir = true
			}
			rest = strings.Trim(string(target), "/") + "/" + rest
			rest = strings.TrimRight(rest, "/")
			if target[0] == '/' {
				at, in = root, nil
			}
			continue
		case t == filesystem.Directory:
			h.known.put(child, n)
		case !last || dir:
			return fail(syscall.ENOTDIR)
		}
		at, in = place{n, child}, i
	}
	if in == nil {
		if at.node.Mount == nil {
			return at.node, virtualDir(), at.path, nil
		}
		var err error
		if in, err = at.node.Mount.FS.Inode(at.node.Inum); err != nil {
			return fail(err)
		}
	}
	return at.node, in, at.path, nil
}

// List returns the allocated names of a directory, sorted by their bytes,
// with the mounts in place of what they cover. real is the directory's path free of
// symbolic links. Names that come beside an error are those that could be read. Before
// [Host.BuildIndexes], names that are not UTF-8 are missing.
func (h *Host) List(dir Node, real string) ([]Child, error) {
	var out []Child
	var err error
	if m := dir.Mount; m != nil {
		if m.Index != nil {
			for e := range m.Index.Children(dir.Inum) {
				if e.Allocated && e.Inum != 0 {
					out = append(out, Child{Name: string(e.Name), Type: e.Type, Node: Node{m, e.Inum}})
				}
			}
		} else {
			out, err = m.readDir(m.within(real))
		}
	}
	slices.SortStableFunc(out, func(a, b Child) int { return strings.Compare(a.Name, b.Name) })
	return h.overlay(out, real), err
}

// overlay puts the mounts below a directory in the place of its names.
func (h *Host) overlay(list []Child, real string) []Child {
	if !h.above[real] {
		return list
	}
	put := func(name string, c Child) {
		i, ok := slices.BinarySearchFunc(list, name, func(c Child, s string) int { return strings.Compare(c.Name, s) })
		if ok && (c.Node.Mount != nil) {
			list[i] = c
		} else if !ok {
			list = slices.Insert(list, i, c)
		}
	}
	prefix := strings.TrimSuffix(real, "/") + "/"
	for _, m := range h.Mounts {
		name, ok := strings.CutPrefix(m.Point, prefix)
		if !ok || name == "" {
			continue
		}
		if i := strings.IndexByte(name, '/'); i >= 0 {
			put(name[:i], Child{Name: name[:i], Type: filesystem.Directory})
		} else {
			put(name, Child{Name: name, Type: filesystem.Directory, Mount: true, Node: Node{m, m.FS.Root()}})
		}
	}
	return list
}

// readDir lists a directory through the first door of the file system.
func (m *Mount) readDir(p string) ([]Child, error) {
	name := strings.Trim(p, "/")
	if name == "" {
		name = "."
	}
	entries, err := fs.ReadDir(m.FS, name)
	var out []Child
	for _, e := range entries {
		c := Child{Name: e.Name(), Node: Node{Mount: m}, Type: typeOf(e.Type())}
		if info, ierr := e.Info(); ierr == nil {
			if in, ok := info.Sys().(*filesystem.Inode); ok {
				c.Node.Inum = in.Inum
			}
		}
		if c.Node.Inum == 0 {
			in, ferr := m.FS.Find(strings.TrimSuffix(p, "/")+"/"+e.Name(), false)
			if ferr != nil {
				err = errors.Join(err, ferr)
				continue
			}
			c.Node.Inum = in.Inum
		}
		out = append(out, c)
	}
	return out, err
}

func typeOf(m fs.FileMode) filesystem.FileType {
	switch {
	case m.IsRegular():
		return filesystem.Regular
	case m.IsDir():
		return filesystem.Directory
	case m&fs.ModeSymlink != 0:
		return filesystem.Symlink
	case m&fs.ModeNamedPipe != 0:
		return filesystem.FIFO
	case m&fs.ModeSocket != 0:
		return filesystem.Socket
	case m&fs.ModeCharDevice != 0:
		return filesystem.CharDevice
	case m&fs.ModeDevice != 0:
		return filesystem.BlockDevice
	}
	return filesystem.Unknown
}

// BuildIndexes builds the index of each mount that has none. The errors say
// what could not be read; the indexes hold the rest.
func (h *Host) BuildIndexes(ctx context.Context) []error {
	errs := make([][]error, len(h.Mounts))
	var wg sync.WaitGroup
	for i, m := range h.Mounts {
		if m.Index != nil {
			continue
		}
		wg.Go(func() {
			var damage []error
			m.Index, damage = filesystem.BuildIndex(ctx, m.FS)
			for _, err := range damage {
				_, n := filesystem.Place(err)
				errs[i] = append(errs[i], m.pathError("", n, err))
			}
		})
	}
	wg.Wait()
	return slices.Concat(errs...)
}

// File is an open file of the server.
type File struct {
	Path  string // as it was asked for
	Real  string // free of symbolic links
	Mount *Mount
	Inode *filesystem.Inode
	filesystem.Content
}

// Open opens a regular file by its path, symbolic links followed. What cannot
// be mapped of a damaged file is an error when it is read.
func (h *Host) Open(name string) (*File, error) {
	n, in, real, err := h.Find(name, true)
	if err != nil {
		return nil, err
	}
	return open(n, in, name, real)
}

// OpenNode opens a regular file by its node, where a listing has already
// led to it. p is its path.
func (h *Host) OpenNode(n Node, p string) (*File, error) {
	if n.Mount == nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: syscall.EISDIR}
	}
	in, err := n.Mount.FS.Inode(n.Inum)
	if err != nil {
		return nil, n.Mount.pathError(p, n.Inum, err)
	}
	return open(n, in, p, p)
}

func open(n Node, in *filesystem.Inode, name, real string) (*File, error) {
	switch in.Mode.Type() {
	case filesystem.Regular:
	case filesystem.Directory:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	default:
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	c, err := n.Mount.FS.Content(in)
	if c == nil {
		if err == nil {
			err = errors.New("no content")
		}
		return nil, n.Mount.pathError(name, n.Inum, err)
	}
	return &File{Path: name, Real: real, Mount: n.Mount, Inode: in, Content: c}, nil
}

// Place turns a range of the file's content into a range of an image. Where
// the range lies in several pieces, it is the first of them; offset is -1 where
// nothing stands on the disk: in a hole, in a run that was never written, past the
// end.
func (f *File) Place(from, length int64) (image string, offset, n int64) {
	if from < 0 || length <= 0 || from >= f.Size() {
		return f.Mount.Image, -1, 0
	}
	length = min(length, f.Size()-from)
	list := f.Extents()
	i, _ := slices.BinarySearchFunc(list, from, func(e filesystem.Extent, at int64) int {
		if e.Logical+e.Length <= at {
			return -1
		}
		return 1
	})
	if i == len(list) || list[i].Logical > from || !onDisk(list[i]) {
		return f.Mount.Image, -1, 0
	}
	e := list[i]
	start := e.Offset + from - e.Logical
	end := e.Offset + e.Length
	for _, next := range list[i+1:] {
		if !onDisk(next) || next.Offset != end || end-start >= length {
			break
		}
		end += next.Length
	}
	return f.Mount.PlaceRange(start, min(length, end-start))
}

func onDisk(e filesystem.Extent) bool {
	return e.Kind != filesystem.Hole && e.Kind != filesystem.Unwritten && e.Kind != filesystem.Lost && e.Offset >= 0
}

// ErrLong says that a file is longer than what was to be read of it.
var ErrLong = errors.New("longer than the limit")

// ReadFile reads a file whole, symbolic links followed. Of a file longer than
// limit it returns the first limit bytes and an error that wraps [ErrLong]; beside
// any other error, what was read before it.
func (h *Host) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := h.Open(name)
	if err != nil {
		return nil, err
	}
	return f.ReadAll(limit)
}

// ReadAll is [Host.ReadFile] of an open file.
func (f *File) ReadAll(limit int64) ([]byte, error) {
	n := min(f.Size(), limit)
	b := make([]byte, 0, min(n, 1<<20))
	for int64(len(b)) < n {
		if len(b) == cap(b) {
			b = slices.Grow(b, int(min(n-int64(len(b)), int64(cap(b)))))
		}
		at := len(b)
		p := b[at:min(int64(cap(b)), n)]
		got, err := f.ReadAt(p, int64(at))
		b = b[:at+got]
		if got < len(p) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return b, f.Mount.pathError(f.Path, f.Inode.Inum, err)
		}
	}
	if f.Size() > limit {
		return b, f.Mount.pathError(f.Path, f.Inode.Inum, ErrLong)
	}
	return b, nil
}
