// Package tree shows a directory or a tarball of the analyst's own disk as a
// file system: a backup, a mounted image, what another tool collected.
//
// A directory is read through [os.Root], so that no symbolic link leads out of it;
// access times are not touched where the kernel allows it. Of a tarball (ustar, pax,
// GNU, star, v7; plain, or packed by gzip, xz, bzip2, Zstandard or LZ4) the headers
// are indexed in one pass; a plain one is read in its place, a packed one is unpacked
// into a temporary file that has no name.
//
// A collection made by "deadbox collect" or by UAC (a directory or a tarball with a
// folder "[root]") is shown from that folder on, with the metadata that its manifest
// or its body file keeps of the files.
//
// Nothing here knows unallocated space: what was deleted is not in a copy of files.
package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/internal/unpack"
)

// What an [FS] was made from, as [FS.Kind] says it.
const (
	KindDirectory  = "directory"
	KindTarball    = "tarball"
	KindCollection = "collection" // of "deadbox collect"
	KindUAC        = "uac"
)

// FS is a directory or a tarball. It implements [filesystem.FileSystem].
type FS struct {
	name  string
	kind  string
	info  filesystem.Info
	nodes []node
	names []entry // in the order of the directories; without "." and ".."

	byDir  []int32 // names, sorted by directory and name, allocated ones first
	dirAt  []int32 // byDir[dirAt[n]:dirAt[n+1]] are the names in node n
	byInum map[filesystem.Inum]int32

	links map[int32]string             // targets of symbolic links, by node
	attrs map[int32][]filesystem.Xattr // of tarballs and manifests, by node

	store store
}

// store is where the contents of nodes are.
type store interface {
	content(f *FS, n int32) (filesystem.Content, error)
	xattrs(f *FS, n int32) ([]filesystem.Xattr, error)
	raw(f *FS, n int32) []byte
	Close() error
}

// node is an inode. Without a header, offset is -1.
type node struct {
	inum         filesystem.Inum
	mode         filesystem.Mode
	old          bool // replaced by a later member of the tarball
	made         bool // a directory that the tarball has no member for
	flags        filesystem.Flags
	uid, gid     uint32
	links        uint32
	major, minor uint32
	size         int64
	sectors      uint64
	times        filesystem.Times
	offset       int64 // of the header in the tarball
	data         int64 // of the content in the tarball; -1 if it is not there
	name         int32 // a name that leads to it; -1 for the root
}

// entry is a name of a node in a directory.
type entry struct {
	parent, node int32
	name         string
	old          bool
	offset       int64
}

const maxLinks = 40 // as the kernel's MAXSYMLINKS

// Is reports whether name is a directory, or a file that begins like a tarball,
// packed or not.
func Is(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	if info.IsDir() {
		return true
	}
	if !info.Mode().IsRegular() {
		return false
	}
	f, err := openQuietly(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return isTar(f)
}

// isTar looks at the first block of a file, unpacked if it is packed.
func isTar(r io.ReaderAt) bool {
	var block [blockSize]byte
	n, _ := r.ReadAt(block[:], 0)
	if format := unpack.Detect(block[:min(n, unpack.HeadSize)]); format != "" {
		z, err := unpack.NewReader(format, io.NewSectionReader(r, 0, 1<<62))
		if err != nil {
			return false
		}
		defer z.Close()
		n, _ = io.ReadFull(z, block[:])
	}
	return n == blockSize && header(block[:]).valid()
}

// Open opens a directory or a tarball.
func Open(name string) (*FS, error) { return OpenContext(context.Background(), name) }

// OpenContext is [Open]; it gives up when ctx is done. It fails only if nothing can
// be read: what is damaged of a tarball is in Info.
func OpenContext(ctx context.Context, name string) (*FS, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	f := newFS(name)
	switch {
	case info.IsDir():
		f.kind, f.info.Type = KindDirectory, KindDirectory
		err = f.openDirectory(ctx)
	case info.Mode().IsRegular():
		f.kind, f.info.Type = KindTarball, "tar"
		err = f.openTarball(ctx)
	default:
		err = &os.PathError{Op: "open", Path: name, Err: errors.New("neither a directory nor a file")}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	f.finish()
	f.note("there is no unallocated space in a %s: deleted files and slack are not to be had from it", f.form())
	return f, nil
}

func newFS(name string) *FS {
	f := &FS{name: name, links: map[int32]string{}, attrs: map[int32][]filesystem.Xattr{}}
	f.info.Label = filepath.Base(filepath.Clean(name))
	return f
}

// form is what the evidence is on the analyst's disk.
func (f *FS) form() string {
	if _, ok := f.store.(*directory); ok {
		return "directory"
	}
	return "tarball"
}

// Kind says what was opened: "directory", "tarball", "collection", "uac".
func (f *FS) Kind() string { return f.kind }

// Close closes what is open. Contents cannot be read after it.
func (f *FS) Close() error {
	if f.store == nil {
		return nil
	}
	return f.store.Close()
}

func (f *FS) note(format string, args ...any) {
	f.info.Notes = append(f.info.Notes, fmt.Sprintf(format, args...))
}

// maxDamage is how many places of damage are kept one by one.
const maxDamage = 1000

func (f *FS) damage(err error) {
	switch n := len(f.info.Damage); {
	case n < maxDamage:
		f.info.Damage = append(f.info.Damage, err)
	case n == maxDamage:
		f.info.Damage = append(f.info.Damage, fmt.Errorf("and more: only the first %d damaged places are kept", maxDamage))
	}
}

// finish counts and numbers what was found.
func (f *FS) finish() {
	f.index()
	f.number()
	f.info.InodeCount = uint64(len(f.nodes))
	for n := range f.nodes {
		f.nodes[n].links = max(f.nodes[n].links, 1)
		if f.nodes[n].mode.Type() == filesystem.Regular {
			f.info.Size += f.nodes[n].size
		}
	}
}

// index makes the tables that lead from a directory to its names.
func (f *FS) index() {
	f.dirAt = make([]int32, len(f.nodes)+1)
	f.byDir = make([]int32, len(f.names))
	for i := range f.names {
		f.dirAt[f.names[i].parent+1]++
	}
	for n := 1; n < len(f.dirAt); n++ {
		f.dirAt[n] += f.dirAt[n-1]
	}
	next := slices.Clone(f.dirAt)
	for i := range f.names {
		p := f.names[i].parent
		f.byDir[next[p]] = int32(i)
		next[p]++
	}
	for n := range f.nodes {
		slices.SortStableFunc(f.byDir[f.dirAt[n]:f.dirAt[n+1]], func(a, b int32) int {
			x, y := &f.names[a], &f.names[b]
			old := func(e *entry) int {
				if e.old {
					return 1
				}
				return 0
			}
			return cmp.Or(strings.Compare(x.name, y.name), cmp.Compare(old(x), old(y)))
		})
	}
}

// firstMade is the first of the numbers that are given where a file has none of
// its own, or not one for itself.
const firstMade = 1 << 48

// number gives every node a number of its own. Those of the source are kept.
func (f *FS) number() {
	f.byInum = make(map[filesystem.Inum]int32, len(f.nodes))
	var made []int32
	none := true
	for n := range f.nodes {
		in := f.nodes[n].inum
		none = none && in == 0
		if _, taken := f.byInum[in]; in == 0 || in >= firstMade || taken {
			made = append(made, int32(n))
			continue
		}
		f.byInum[in] = int32(n)
	}
	first := filesystem.Inum(firstMade)
	switch {
	case none:
		first = 2
		f.note("inodes have no numbers here: they were numbered in their order, from 2")
	case len(made) > 0:
		f.note("%d of %d inodes have no number for themselves: they were given numbers from %d on", len(made), len(f.nodes), first)
	}
	for i, n := range made {
		f.nodes[n].inum = first + filesystem.Inum(i)
		f.byInum[f.nodes[n].inum] = n
	}
}

// Info describes the tree: its notes say where metadata comes from.
func (f *FS) Info() filesystem.Info {
	info := f.info
	info.Notes, info.Damage = slices.Clone(info.Notes), slices.Clone(info.Damage)
	return info
}

// Root is the inode of the root directory, the first node.
func (f *FS) Root() filesystem.Inum { return f.nodes[0].inum }

func (f *FS) inode(n int32, in *filesystem.Inode) {
	d := &f.nodes[n]
	*in = filesystem.Inode{
		Inum: d.inum, Allocated: !d.old, Mode: d.mode, UID: d.uid, GID: d.gid, Links: d.links, Size: d.size, Sectors: d.sectors,
		Flags: d.flags, Major: d.major, Minor: d.minor, Times: d.times, Offset: d.offset,
	}
}

// Inodes yields the files in the order of the tarball or of the walk. What a
// later member of a tarball replaced is not allocated.
func (f *FS) Inodes(ctx context.Context) iter.Seq2[*filesystem.Inode, error] {
	return func(yield func(*filesystem.Inode, error) bool) {
		var in filesystem.Inode
		for n := range f.nodes {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			f.inode(int32(n), &in)
			in.Raw = f.store.raw(f, int32(n))
			if !yield(&in, nil) {
				return
			}
		}
	}
}

// Entries yields the names. Those of members that a later one replaced are not
// allocated.
func (f *FS) Entries(ctx context.Context) iter.Seq2[filesystem.Entry, error] {
	return func(yield func(filesystem.Entry, error) bool) {
		for n := range f.nodes {
			if err := ctx.Err(); err != nil {
				yield(filesystem.Entry{}, err)
				return
			}
			if f.nodes[n].mode.Type() != filesystem.Directory {
				continue
			}
			self, up := f.nodes[n].inum, f.nodes[0].inum
			if at := f.nodes[n].name; at >= 0 {
				up = f.nodes[f.names[at].parent].inum
			}
			for _, dot := range [...]struct {
				name string
				n    filesystem.Inum
			}{{".", self}, {"..", up}} {
				if !yield(filesystem.Entry{Parent: self, Inum: dot.n, Name: []byte(dot.name), Type: filesystem.Directory, Allocated: true, Offset: -1}, nil) {
					return
				}
			}
			for _, i := range f.byDir[f.dirAt[n]:f.dirAt[n+1]] {
				e := &f.names[i]
				to := &f.nodes[e.node]
				if !yield(filesystem.Entry{Parent: self, Inum: to.inum, Name: []byte(e.name), Type: to.mode.Type(), Allocated: !e.old, Offset: e.offset}, nil) {
					return
				}
			}
		}
	}
}

// Unallocated yields nothing: there is no unallocated space in a copy of files.
func (f *FS) Unallocated(context.Context) iter.Seq2[filesystem.Extent, error] {
	return func(func(filesystem.Extent, error) bool) {}
}

// Inode reads one inode by its number.
func (f *FS) Inode(n filesystem.Inum) (*filesystem.Inode, error) {
	i, ok := f.byInum[n]
	if !ok {
		return nil, &filesystem.CorruptError{Structure: "inode", Offset: -1, Inum: n, Reason: "there is no inode of this number"}
	}
	in := new(filesystem.Inode)
	f.inode(i, in)
	in.Raw = f.store.raw(f, i)
	return in, nil
}

// Content maps the data of a file. A directory, a device, a pipe and a socket
// have none.
func (f *FS) Content(in *filesystem.Inode) (filesystem.Content, error) {
	n, ok := f.byInum[in.Inum]
	if !ok {
		_, err := f.Inode(in.Inum)
		return nil, err
	}
	switch f.nodes[n].mode.Type() {
	case filesystem.Regular:
		return f.store.content(f, n)
	case filesystem.Symlink:
		return memory(f.links[n]), nil
	}
	return memory(""), nil
}

// memory is content that is kept.
type memory string

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadAt(p []byte, off int64) (int, error) {
	return strings.NewReader(string(m)).ReadAt(p, off)
}

func (m memory) Extents() []filesystem.Extent {
	if m == "" {
		return nil
	}
	return []filesystem.Extent{{Offset: -1, Length: int64(len(m)), Kind: filesystem.Inline}}
}

// Link returns the target of a symbolic link.
func (f *FS) Link(in *filesystem.Inode) ([]byte, error) {
	n, ok := f.byInum[in.Inum]
	if !ok || f.nodes[n].mode.Type() != filesystem.Symlink {
		return nil, fmt.Errorf("inode %d is a %s, not a symbolic link", in.Inum, in.Mode.Type())
	}
	return []byte(f.links[n]), nil
}

// Xattrs returns the extended attributes of a file, sorted by name. A directory
// gives those that the analyst's own system shows; a tarball those that are in it.
func (f *FS) Xattrs(in *filesystem.Inode) ([]filesystem.Xattr, error) {
	n, ok := f.byInum[in.Inum]
	if !ok {
		_, err := f.Inode(in.Inum)
		return nil, err
	}
	if kept, ok := f.attrs[n]; ok {
		return slices.Clone(kept), nil
	}
	return f.store.xattrs(f, n)
}

// path is the path of a node below the root, without a slash at its front; "."
// for the root.
func (f *FS) path(n int32) string {
	var elems []string
	for f.nodes[n].name >= 0 {
		e := &f.names[f.nodes[n].name]
		elems = append(elems, e.name)
		n = e.parent
	}
	if elems == nil {
		return "."
	}
	slices.Reverse(elems)
	return strings.Join(elems, "/")
}
