package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"deadbox/fs/filesystem"
)

// maxDepth bounds how deep directories are read: twice what a path of 4096 bytes
// can name.
const maxDepth = 4096

// maxOpen is how many files are kept open.
const maxOpen = 64

// directory is the store of a directory of the analyst's disk.
type directory struct {
	root *os.Root
	base string // the folder below root that is shown; "." for all of it
	ids  []fileID
	// Files that were opened, the one used last at the end.
	mu   sync.Mutex
	open []*openHandle
	// touched says that the access time of a file may have changed.
	touched bool
}

// fileID tells files of the analyst's disk apart.
type fileID struct{ dev, ino uint64 }

func (d *directory) raw(*FS, int32) []byte { return nil }

func (d *directory) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.open {
		h.close()
	}
	d.open = nil
	return d.root.Close()
}

func (f *FS) openDirectory(ctx context.Context) error {
	root, err := os.OpenRoot(f.name)
	if err != nil {
		return err
	}
	d := &directory{root: root, base: "."}
	f.store = d
	f.dirKind(d)
	w := &walker{f: f, d: d, ctx: ctx, seen: map[fileID]int32{}}
	if err := w.run(); err != nil {
		return err
	}
	w.tell()
	return f.dirCollection(ctx, d)
}

// walker reads a directory and all below it.
type walker struct {
	f    *FS
	d    *directory
	ctx  context.Context
	seen map[fileID]int32 // directories, and files of several names

	rootDev uint64
	devs    map[uint64]bool // other devices
	again   []string        // directories that were met before
	pseudo  []string
	foreign int // files of other devices
	touched bool
}

// below is a path from the root that is open.
func (d *directory) below(p string) string {
	switch {
	case d.base == ".":
		return p
	case p == ".":
		return d.base
	}
	return d.base + "/" + p
}

func (w *walker) fail(p string, err error) {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	w.f.damage(fmt.Errorf("%q: %w", "/"+p, err))
}

// number gives a node the number that its file has, unless it is on another
// device: numbers there are others' too.
func (w *walker) number(id fileID) filesystem.Inum {
	if id.dev != w.rootDev {
		if w.devs == nil {
			w.devs = map[uint64]bool{}
		}
		w.devs[id.dev] = true
		w.foreign++
		return 0
	}
	return filesystem.Inum(id.ino)
}

func (w *walker) run() error {
	n, id, _, err := statRoot(w.d.root, w.d.base)
	if err != nil {
		return err
	}
	w.rootDev = id.dev
	n.inum, n.name = w.number(id), -1
	w.f.nodes = append(w.f.nodes, n)
	w.d.ids = append(w.d.ids, id)
	w.seen[id] = 0
	type dir struct {
		n     int32
		path  string
		depth int
	}
	todo := []dir{{0, ".", 0}}
	for len(todo) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at.depth > maxDepth {
			w.fail(at.path, fmt.Errorf("deeper than %d directories: not read", maxDepth))
			continue
		}
		file, touched, err := openIn(w.d.root, w.d.below(at.path), true)
		if err != nil {
			w.fail(at.path, err)
			continue
		}
		w.touched = w.touched || touched
		before := len(w.f.nodes)
		w.read(file, at.n, at.path)
		file.Close()
		for n := len(w.f.nodes) - 1; n >= before; n-- {
			if d := &w.f.nodes[n]; d.mode.Type() == filesystem.Directory && !d.made {
				name := w.f.names[d.name].name
				if at.path != "." {
					name = at.path + "/" + name
				}
				todo = append(todo, dir{int32(n), name, at.depth + 1})
			}
		}
	}
	for n := range w.f.nodes {
		w.f.nodes[n].made = false
	}
	return nil
}

// read lists one directory, which is open.
func (w *walker) read(file *os.File, parent int32, p string) {
	names, err := file.Readdirnames(-1)
	if err != nil {
		w.fail(p, err)
	}
	slices.Sort(names)
	for _, name := range names {
		n, id, target, err := statIn(w.d.root, file, w.d.below(p), name)
		child := name
		if p != "." {
			child = p + "/" + name
		}
		if err != nil {
			w.fail(child, err)
			continue
		}
		isDir := n.mode.Type() == filesystem.Directory
		e := entry{parent: parent, node: int32(len(w.f.nodes)), name: name, offset: -1}
		if (isDir || n.links > 1) && id != (fileID{}) {
			if was, ok := w.seen[id]; ok {
				if !isDir {
					e.node = was
					w.f.names = append(w.f.names, e)
					continue
				}
				w.again = append(w.again, "/"+child)
				n.made = true // it is listed, and not read again
			} else {
				w.seen[id] = e.node
			}
		}
		if isDir && id.dev != w.d.ids[parent].dev && isPseudo(w.d.root, w.d.below(child)) {
			w.pseudo = append(w.pseudo, "/"+child)
			n.made = true
		}
		n.name = int32(len(w.f.names))
		if n.inum = w.number(id); isDir && n.made {
			n.inum = 0
		}
		if target != "" {
			w.f.links[e.node] = target
		}
		w.f.names = append(w.f.names, e)
		w.f.nodes = append(w.f.nodes, n)
		w.d.ids = append(w.d.ids, id)
	}
}

func (w *walker) tell() {
	w.d.touched = w.touched
	if w.touched {
		w.f.note("not all of the directory belongs to the one who runs this: the access times of what is read there may change")
	}
	if len(w.devs) > 0 {
		w.f.note("%d files lie on other devices than %q; they are shown as one tree", w.foreign, w.f.name)
	}
	for _, p := range w.again {
		w.f.note("%q shows a directory once more that is shown elsewhere; it is not read twice", p)
	}
	for _, p := range w.pseudo {
		w.f.note("%q is a file system of the analyst's own kernel; it is not read", p)
	}
}

// openHandle is a file that is open, and how many read from it now.
type openHandle struct {
	n      int32
	file   *os.File
	uses   int
	closed bool // close it when nobody reads any more
}

func (h *openHandle) close() {
	h.closed = true
	if h.uses == 0 {
		h.file.Close()
	}
}

// acquire opens a file, or finds it open.
func (d *directory) acquire(f *FS, n int32) (*openHandle, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, h := range d.open {
		if h.n == n {
			d.open = append(append(d.open[:i:i], d.open[i+1:]...), h)
			h.uses++
			return h, nil
		}
	}
	file, _, err := openIn(d.root, d.below(f.path(n)), false)
	if err != nil {
		return nil, err
	}
	if id, ok := identify(file); ok && id != d.ids[n] {
		file.Close()
		return nil, errors.New("it is another file now than when the directory was listed")
	}
	h := &openHandle{n: n, file: file, uses: 1}
	if len(d.open) >= maxOpen {
		d.open[0].close()
		d.open = append(d.open[:0:0], d.open[1:]...)
	}
	d.open = append(d.open, h)
	return h, nil
}

func (d *directory) release(h *openHandle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h.uses--; h.uses == 0 && h.closed {
		h.file.Close()
	}
}

func (d *directory) content(f *FS, n int32) (filesystem.Content, error) {
	h, err := d.acquire(f, n)
	if err != nil {
		return nil, &filesystem.ReadError{Structure: "content", Offset: -1, Length: f.nodes[n].size, Inum: f.nodes[n].inum, Err: err}
	}
	d.release(h)
	return &dirContent{f: f, d: d, n: n, size: f.nodes[n].size}, nil
}

// dirContent is a file of the analyst's disk, of the size that it had when the
// directory was listed.
type dirContent struct {
	f    *FS
	d    *directory
	n    int32
	size int64
}

func (c *dirContent) Size() int64 { return c.size }

func (c *dirContent) Extents() []filesystem.Extent {
	if c.size == 0 {
		return nil
	}
	return []filesystem.Extent{{Offset: -1, Length: c.size, Kind: filesystem.Data}}
}

func (c *dirContent) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= c.size {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > c.size-off {
		p, short = p[:c.size-off], true
	}
	fail := func(n int, err error) (int, error) {
		return n, &filesystem.ReadError{Structure: "content", Offset: -1, Length: int64(len(p) - n), Inum: c.f.nodes[c.n].inum, Err: err}
	}
	h, err := c.d.acquire(c.f, c.n)
	if err != nil {
		return fail(0, err)
	}
	defer c.d.release(h)
	n, err := h.file.ReadAt(p, off)
	if n < len(p) {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("it is shorter than when the directory was listed: %w", io.ErrUnexpectedEOF)
		}
		return fail(n, err)
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}
