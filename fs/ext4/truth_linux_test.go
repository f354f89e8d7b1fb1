package ext4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// kernelTime converts a time of statx.
func kernelTime(ts unix.StatxTimestamp) filesystem.Time {
	return filesystem.Time{Sec: ts.Sec, Nsec: int32(ts.Nsec), Known: true}
}

// truth compares everything that the reader says of an image with what the
// kernel said of the same image at rest.
type truth struct {
	t       *testing.T
	fsys    *ext4.FS
	raw     io.ReaderAt
	info    filesystem.Info
	files   []*kernelFile
	inodes  map[filesystem.Inum]*filesystem.Inode
	counted map[string]int
}

// errorf stops after a few of one kind, so that one bug is not ten thousand lines.
func (c *truth) errorf(kind, format string, args ...any) {
	c.t.Helper()
	c.counted[kind]++
	switch n := c.counted[kind]; {
	case n <= 6:
		c.t.Errorf(kind+": "+format, args...)
	case n == 7:
		c.t.Errorf("%s: further differences are not shown", kind)
	}
}

func sameAsKernel(t *testing.T, fsys *ext4.FS, raw io.ReaderAt, files []*kernelFile, inodes map[filesystem.Inum]*filesystem.Inode) {
	c := &truth{t: t, fsys: fsys, raw: raw, info: fsys.Info(), files: files, inodes: inodes, counted: make(map[string]int)}
	c.metadata()
	c.names()
	c.contents()
	c.attributes()
	c.tree()
	c.index()
}

func (c *truth) metadata() {
	crowd := make(map[string]int)
	for _, f := range c.files {
		crowd[filepath.Dir(f.path)]++
	}
	for i, f := range c.files {
		n := filesystem.Inum(f.stat.Ino)
		in := c.inodes[n]
		if in == nil {
			c.errorf("walk", "%q: inode %d is missing", f.path, n)
			continue
		}
		// Looking up each name of a great directory would take the test's time.
		if crowd[filepath.Dir(f.path)] < 3000 || i%50 == 0 {
			found, err := c.fsys.Find(f.path, false)
			if err != nil {
				c.errorf("Find", "%q: %v", f.path, err)
			} else if found.Inum != n {
				c.errorf("Find", "%q: inode %d, kernel %d", f.path, found.Inum, n)
			}
		}
		alone, err := c.fsys.Inode(n)
		if err != nil {
			c.errorf("Inode", "%d: %v", n, err)
		} else if a, b := fmt.Sprintf("%+v", *alone), fmt.Sprintf("%+v", *in); a != b {
			c.errorf("Inode", "%d: alone %s, in the walk %s", n, a, b)
		}
		raw := make([]byte, len(in.Raw))
		if _, err := c.raw.ReadAt(raw, in.Offset); err != nil || len(raw) < 128 || !bytes.Equal(raw, in.Raw) {
			c.errorf("Raw", "%q: %d bytes at %d are not the inode's: %v", f.path, len(raw), in.Offset, err)
		}
		c.fields(f, in)
	}
}

func (c *truth) fields(f *kernelFile, in *filesystem.Inode) {
	say := func(what string, ours, theirs any) {
		if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
			c.errorf("stat "+what, "%q: %s, kernel %s", f.path, a, b)
		}
	}
	s := &f.stat
	say("allocated", in.Allocated, true)
	say("mode", uint32(in.Mode), uint32(s.Mode))
	say("uid", in.UID, s.Uid)
	say("gid", in.GID, s.Gid)
	say("links", in.Links, s.Nlink)
	say("size", in.Size, int64(s.Size))
	sectors := in.Sectors
	if in.Flags&filesystem.FlagInlineData != 0 && in.Mode.Type() == filesystem.Regular {
		sectors += uint64(in.Size+511) / 512 // so the kernel pretends, for programs that take a file without blocks for a hole
	}
	say("sectors", sectors, s.Blocks)
	say("mtime", in.Times.Modified, kernelTime(s.Mtime))
	say("atime", in.Times.Accessed, kernelTime(s.Atime))
	say("ctime", in.Times.Changed, kernelTime(s.Ctime))
	if s.Mask&unix.STATX_BTIME != 0 {
		say("btime", in.Times.Born, kernelTime(s.Btime))
	} else {
		say("btime known", in.Times.Born.Known, false)
	}
	if in.Times.Deleted.Known && in.Times.Deleted.Sec != 0 {
		say("dtime", in.Times.Deleted, "none")
	}
	if ty := in.Mode.Type(); ty == filesystem.CharDevice || ty == filesystem.BlockDevice {
		say("major", in.Major, s.Rdev_major)
		say("minor", in.Minor, s.Rdev_minor)
	}
	say("immutable", in.Flags&filesystem.FlagImmutable != 0, s.Attributes&unix.STATX_ATTR_IMMUTABLE != 0)
	say("append", in.Flags&filesystem.FlagAppend != 0, s.Attributes&unix.STATX_ATTR_APPEND != 0)
	say("nodump", in.Flags&filesystem.FlagNoDump != 0, s.Attributes&unix.STATX_ATTR_NODUMP != 0)
	say("encrypted", in.Flags&filesystem.FlagEncrypt != 0, s.Attributes&unix.STATX_ATTR_ENCRYPTED != 0)
	if f.hasFlags {
		say("generation", in.Generation, f.generation)
		// What the ioctl shows; it hides the flags that only the kernel uses.
		const visible = 0x705bdfff
		say("flags", uint32(in.Flags)&visible, f.flags&visible)
	}
	if f.hasProject {
		say("project", in.Project, f.project)
	}
}

func (c *truth) names() {
	type key struct {
		parent filesystem.Inum
		name   string
	}
	want := make(map[key]filesystem.Inum)
	byPath := make(map[string]*kernelFile)
	for _, f := range c.files {
		byPath[f.path] = f
	}
	for _, f := range c.files {
		n := filesystem.Inum(f.stat.Ino)
		parent := byPath[filepath.Dir(f.path)]
		if f.path != "." {
			want[key{filesystem.Inum(parent.stat.Ino), f.path[strings.LastIndexByte(f.path, '/')+1:]}] = n
		}
		if f.stat.Mode&unix.S_IFMT == unix.S_IFDIR {
			want[key{n, "."}] = n
			want[key{n, ".."}] = filesystem.Inum(parent.stat.Ino)
		}
	}
	filetype := slices.Contains(c.info.Features, "filetype")
	for _, e := range gatherEntries(c.t, c.fsys) {
		raw := make([]byte, 8+len(e.Name))
		if c.inodes[e.Parent] == nil || c.inodes[e.Parent].Flags&filesystem.FlagInlineData == 0 || !e.IsDot() {
			if _, err := c.raw.ReadAt(raw, e.Offset); err != nil || !bytes.Equal(raw[8:], e.Name) || e.Inum != filesystem.Inum(binary.LittleEndian.Uint32(raw)) {
				c.errorf("entry offset", "%q at %d: the disk holds %q there: %v", e.Name, e.Offset, raw, err)
			}
		}
		if !e.Allocated {
			continue
		}
		k := key{e.Parent, string(e.Name)}
		n, ok := want[k]
		if !ok {
			c.errorf("names", "%q in directory %d: the kernel does not list it", e.Name, e.Parent)
			continue
		}
		delete(want, k)
		if n != e.Inum {
			c.errorf("names", "%q in directory %d: inode %d, kernel %d", e.Name, e.Parent, e.Inum, n)
		}
		ty := filesystem.Unknown
		if in := c.inodes[e.Inum]; in != nil && filetype {
			ty = in.Mode.Type()
		}
		if e.Type != ty && !(e.IsDot() && e.Type == filesystem.Directory) {
			c.errorf("names", "%q in directory %d: type %v, want %v", e.Name, e.Parent, e.Type, ty)
		}
	}
	for k := range want {
		c.errorf("names", "%q in directory %d: missing", k.name, k.parent)
	}
}

func (c *truth) contents() {
	seen := make(map[filesystem.Inum]bool)
	for _, f := range c.files {
		n := filesystem.Inum(f.stat.Ino)
		in := c.inodes[n]
		if in == nil || seen[n] || f.unreadable {
			continue
		}
		seen[n] = true
		ty := in.Mode.Type()
		if ty == filesystem.Symlink {
			if link, err := c.fsys.Link(in); err != nil || string(link) != f.link {
				c.errorf("Link", "%q: %q, kernel %q: %v", f.path, link, f.link, err)
			}
		}
		if ty != filesystem.Regular && ty != filesystem.Directory && ty != filesystem.Symlink {
			continue
		}
		content, err := c.fsys.Content(in)
		if err != nil {
			c.errorf("Content", "%q: %v", f.path, err)
			continue
		}
		if content.Size() != in.Size {
			c.errorf("Content", "%q: size %d, inode %d", f.path, content.Size(), in.Size)
		}
		c.extents(f, in, content)
		switch ty {
		case filesystem.Symlink:
			b := make([]byte, in.Size)
			if _, err := content.ReadAt(b, 0); err != nil && err != io.EOF || string(b) != f.link {
				c.errorf("Content", "%q: the link's content is %q: %v", f.path, b, err)
			}
		case filesystem.Regular:
			sum, err := digest(f.pieces(content))
			if err != nil {
				c.errorf("Content", "%q: %v", f.path, err)
			} else if sum != f.digest {
				c.errorf("Content", "%q: the bytes differ from the kernel's", f.path)
			}
			c.edges(f, in, content)
		}
	}
}

// extents holds the map of a file to FIEMAP, SEEK_DATA and the raw image.
func (c *truth) extents(f *kernelFile, in *filesystem.Inode, content filesystem.Content) {
	es := content.Extents()
	at := int64(0)
	for _, e := range es {
		if e.Logical != at || e.Length <= 0 {
			c.errorf("extents", "%q: run %+v begins where %d was due", f.path, e, at)
			return
		}
		if (e.Kind == filesystem.Hole) != (e.Offset == -1) {
			c.errorf("extents", "%q: %+v", f.path, e)
		}
		at += e.Length
	}
	if k := len(es); at < in.Size || k > 0 && es[k-1].Logical >= in.Size && es[k-1].Kind == filesystem.Hole {
		c.errorf("extents", "%q: runs cover %d bytes of %d", f.path, at, in.Size)
	}
	if f.hasMap && in.Flags&filesystem.FlagInlineData == 0 {
		ours, theirs := runsOf(es, false), tidyRuns(f.mapped)
		if !slices.Equal(ours, theirs) {
			c.errorf("extents", "%q: %s, FIEMAP %s", f.path, showRuns(ours), showRuns(theirs))
		}
	}
	buf, raw := make([]byte, 64<<10), make([]byte, 64<<10)
	for _, e := range es {
		for off := int64(0); off < e.Length && e.Logical+off < in.Size; off += int64(len(buf)) {
			k := min(int64(len(buf)), e.Length-off, in.Size-e.Logical-off)
			if (e.Kind == filesystem.Hole || e.Kind == filesystem.Unwritten) && off > 1<<20 {
				break
			}
			if _, err := content.ReadAt(buf[:k], e.Logical+off); err != nil && err != io.EOF {
				c.errorf("extents", "%q: reading %d bytes at %d: %v", f.path, k, e.Logical+off, err)
				return
			}
			switch e.Kind {
			case filesystem.Hole, filesystem.Unwritten:
				clear(raw[:k])
			default:
				if _, err := c.raw.ReadAt(raw[:k], e.Offset+off); err != nil {
					c.errorf("extents", "%q: %+v lies outside of the image: %v", f.path, e, err)
					return
				}
			}
			if !bytes.Equal(buf[:k], raw[:k]) {
				c.errorf("extents", "%q: content differs from what lies at %+v", f.path, e)
				return
			}
		}
	}
	if in.Mode.Type() != filesystem.Regular || f.unreadable {
		return
	}
	var data [][2]int64
	for _, e := range es {
		if e.Kind == filesystem.Hole || e.Kind == filesystem.Unwritten {
			continue
		}
		to := min(e.Logical+e.Length, in.Size)
		if k := len(data) - 1; k >= 0 && data[k][1] == e.Logical {
			data[k][1] = to
		} else if e.Logical < to {
			data = append(data, [2]int64{e.Logical, to})
		}
	}
	if !slices.Equal(data, f.data) {
		c.errorf("extents", "%q: data at %v, SEEK_DATA %v", f.path, head(data), head(f.data))
	}
}

func head(s [][2]int64) [][2]int64 { return s[:min(len(s), 8)] }

// edges reads at the places where readers go wrong.
func (c *truth) edges(f *kernelFile, in *filesystem.Inode, content filesystem.Content) {
	if n, err := content.ReadAt(make([]byte, 1), in.Size); n != 0 || err != io.EOF {
		c.errorf("ReadAt", "%q: at the end: %d, %v", f.path, n, err)
	}
	if in.Size == 0 {
		return
	}
	b := make([]byte, 10)
	off := max(in.Size-4, 0)
	if n, err := content.ReadAt(b, off); int64(n) != in.Size-off || err != io.EOF {
		c.errorf("ReadAt", "%q: across the end: %d, %v", f.path, n, err)
	}
	if _, err := content.ReadAt(b, -1); err == nil {
		c.errorf("ReadAt", "%q: a negative offset is no error", f.path)
	}
}

func (c *truth) attributes() {
	seen := make(map[filesystem.Inum]bool)
	for _, f := range c.files {
		n := filesystem.Inum(f.stat.Ino)
		in := c.inodes[n]
		if in == nil || seen[n] {
			continue
		}
		seen[n] = true
		xs, err := c.fsys.Xattrs(in)
		if err != nil {
			c.errorf("Xattrs", "%q: %v", f.path, err)
		}
		if !slices.IsSortedFunc(xs, func(a, b filesystem.Xattr) int { return strings.Compare(a.Name, b.Name) }) {
			c.errorf("Xattrs", "%q: not sorted", f.path)
		}
		left := len(f.xattrs)
		for _, x := range xs {
			if len(x.Value) > 0 {
				stored := x.Value
				if strings.HasPrefix(x.Name, "system.posix_acl_") {
					stored = aclOnDisk(stored)
				}
				raw := make([]byte, len(stored))
				if _, err := c.raw.ReadAt(raw, x.Offset); err != nil || !bytes.Equal(raw, stored) {
					// A value in an inode of its own may lie in several pieces.
					if len(x.Value) <= int(c.info.BlockSize) {
						c.errorf("Xattrs", "%q: %s: the disk holds something else at %d: %v", f.path, x.Name, x.Offset, err)
					}
				}
			}
			if x.Name == "system.data" || strings.HasPrefix(x.Name, "encryption.") {
				continue // the kernel keeps these to itself
			}
			want, ok := f.xattrs[x.Name]
			if !ok {
				c.errorf("Xattrs", "%q: the kernel does not list %q", f.path, x.Name)
				continue
			}
			left--
			if string(x.Value) != want {
				c.errorf("Xattrs", "%q: %s is %.60q, kernel %.60q", f.path, x.Name, x.Value, want)
			}
		}
		if left != 0 {
			c.errorf("Xattrs", "%q: %d are missing of %d", f.path, left, len(f.xattrs))
		}
	}
}

// aclOnDisk turns an ACL as the system call gives it (version 2) into what
// ext4 stores (version 1, no qualifier where none is needed).
func aclOnDisk(b []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 1)
	for b = b[4:]; len(b) >= 8; b = b[8:] {
		out = append(out, b[:4]...)
		if tag := binary.LittleEndian.Uint16(b); tag == 2 || tag == 8 {
			out = append(out, b[4:8]...)
		}
	}
	return out
}

// tree walks by the first door.
func (c *truth) tree() {
	want := make(map[string]*kernelFile)
	for _, f := range c.files {
		if utf8.ValidString(f.path) {
			want[f.path] = f
		}
	}
	err := fs.WalkDir(c.fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			c.errorf("WalkDir", "%q: %v", path, err)
			return nil
		}
		f := want[path]
		if f == nil {
			c.errorf("WalkDir", "%q: the kernel does not list it", path)
			return nil
		}
		delete(want, path)
		info, err := d.Info()
		if err != nil {
			c.errorf("WalkDir", "%q: Info: %v", path, err)
			return nil
		}
		mode := filesystem.Mode(f.stat.Mode).FS()
		if info.Mode() != mode || d.Type() != mode.Type() || info.Size() != int64(f.stat.Size) || !info.ModTime().Equal(kernelTime(f.stat.Mtime).Std()) || info.IsDir() != mode.IsDir() {
			c.errorf("WalkDir", "%q: %v %d %v, kernel %v %d %v", path, info.Mode(), info.Size(), info.ModTime(), mode, f.stat.Size, kernelTime(f.stat.Mtime).Std())
		}
		if mode.IsRegular() && info.Size() < 1<<16 && !f.unreadable {
			b, err := fs.ReadFile(c.fsys, path)
			if err != nil {
				c.errorf("ReadFile", "%q: %v", path, err)
			} else if sum, err := digest(f.pieces(bytes.NewReader(b))); err != nil || sum != f.digest || len(b) != int(info.Size()) {
				c.errorf("ReadFile", "%q: the bytes differ from the kernel's", path)
			}
		}
		if mode.Type() == fs.ModeSymlink && !f.unreadable {
			if link, err := c.fsys.ReadLink(path); err != nil || link != f.link {
				c.errorf("ReadLink", "%q: %q, kernel %q: %v", path, link, f.link, err)
			}
		}
		return nil
	})
	if err != nil {
		c.t.Errorf("WalkDir: %v", err)
	}
	for p := range want {
		c.errorf("WalkDir", "%q: missing", p)
	}
}

// index holds the path index to the kernel's paths.
func (c *truth) index() {
	ix, errs := filesystem.BuildIndex(c.t.Context(), c.fsys)
	for _, err := range errs {
		c.errorf("BuildIndex", "%v", err)
	}
	want := make(map[filesystem.Inum][]string)
	for _, f := range c.files {
		n := filesystem.Inum(f.stat.Ino)
		p := "/" + f.path
		if f.path == "." {
			p = "/"
		}
		want[n] = append(want[n], p)
	}
	if p := ix.Path(c.fsys.Root()); p != "/" {
		c.errorf("Index", "the root is %q", p)
	}
	delete(want, c.fsys.Root())
	for n, paths := range want {
		var got []string
		for _, name := range ix.Names(n) {
			if !name.Deleted {
				got = append(got, name.Path)
			}
		}
		slices.Sort(got)
		slices.Sort(paths)
		if !slices.Equal(got, paths) {
			c.errorf("Index", "inode %d: %q, kernel %q", n, got, paths)
		}
	}
}

// matrix lists the kinds of file system that are tried.
var matrix = []struct {
	name    string
	size    int64
	args    []string
	options string // of the mount
	offline bool   // the kernel cannot mount it
	big     bool   // attribute values beyond one block
	many    int
	dirty   bool     // the image holds garbage before mke2fs
	tune    []string // tune2fs arguments, once it is populated: features that the kernel needs only to write
	after   []string // debugfs commands, after that
}{
	{name: "ext2-1k", size: 64 << 20, args: []string{"-t", "ext2", "-b", "1024", "-I", "128"}},
	{name: "ext2-4k", size: 64 << 20, args: []string{"-t", "ext2", "-b", "4096", "-I", "256"}},
	{name: "ext2-plain", size: 64 << 20, args: []string{"-t", "ext2", "-b", "2048", "-I", "128", "-O", "none"}},
	{name: "ext2-rev0", size: 64 << 20, args: []string{"-t", "ext2", "-b", "1024", "-r", "0", "-O", "none"}},
	{name: "ext2-no-filetype", size: 64 << 20, args: []string{"-t", "ext2", "-b", "1024", "-O", "^filetype,^sparse_super,^resize_inode,^dir_index"}},
	{name: "ext3-1k", size: 64 << 20, args: []string{"-t", "ext3", "-b", "1024", "-J", "size=2"}},
	{name: "ext3-2k", size: 64 << 20, args: []string{"-t", "ext3", "-b", "2048", "-I", "256"}},
	{name: "ext4-default", size: 128 << 20, args: []string{"-t", "ext4", "-N", "32768"}, many: 20000},
	{name: "ext4-1k", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024"}},
	{name: "ext4-2k-512", size: 64 << 20, args: []string{"-t", "ext4", "-b", "2048", "-I", "512"}},
	{name: "ext4-1k-1024", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-I", "1024"}},
	{name: "ext4-128", size: 64 << 20, args: []string{"-t", "ext4", "-I", "128"}},
	{name: "ext4-no-64bit", size: 64 << 20, args: []string{"-t", "ext4", "-O", "^64bit"}},
	{name: "ext4-no-flex", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-O", "^flex_bg"}},
	{name: "ext4-small-groups", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-g", "1024", "-G", "4"}},
	{name: "ext4-meta-bg", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-g", "512", "-O", "meta_bg,^resize_inode"}},
	{name: "ext4-meta-bg-32bit", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-g", "512", "-O", "meta_bg,^resize_inode,^64bit,^flex_bg"}},
	{name: "ext4-sparse-super2", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "sparse_super2,^resize_inode,^sparse_super"}},
	{name: "ext4-no-sparse-super", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-g", "2048", "-O", "^sparse_super,^resize_inode"}},
	{name: "ext4-uninit-bg", size: 128 << 20, args: []string{"-t", "ext4", "-b", "1024", "-O", "uninit_bg,^metadata_csum", "-E", "lazy_itable_init=1,nodiscard"}, options: "noinit_itable", dirty: true},
	{name: "ext4-lazy-garbage", size: 128 << 20, args: []string{"-t", "ext4", "-b", "1024", "-E", "lazy_itable_init=1,nodiscard"}, options: "noinit_itable", dirty: true},
	{name: "ext4-no-csum", size: 64 << 20, args: []string{"-t", "ext4", "-O", "^metadata_csum"}},
	{name: "ext4-csum-seed", size: 64 << 20, args: []string{"-t", "ext4", "-O", "metadata_csum_seed"}, after: []string{"set_super_value uuid 11111111-2222-3333-4444-555555555555"}},
	{name: "ext4-bigalloc-1k", size: 128 << 20, args: []string{"-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "4096"}},
	{name: "ext4-bigalloc-4k", size: 256 << 20, args: []string{"-t", "ext4", "-b", "4096", "-O", "bigalloc", "-C", "65536", "-N", "16384"}},
	{name: "ext4-no-extents", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-O", "^extents,^64bit"}},
	{name: "ext4-inline", size: 64 << 20, args: []string{"-t", "ext4", "-O", "inline_data"}},
	{name: "ext4-inline-1k-512", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-I", "512", "-O", "inline_data"}},
	{name: "ext4-inline-4k-1024", size: 64 << 20, args: []string{"-t", "ext4", "-b", "4096", "-I", "1024", "-O", "inline_data"}},
	{name: "ext4-ea-inode", size: 64 << 20, args: []string{"-t", "ext4", "-O", "ea_inode"}, big: true},
	{name: "ext4-ea-inode-1k", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-O", "ea_inode,inline_data"}, big: true},
	{name: "ext4-no-huge", size: 64 << 20, args: []string{"-t", "ext4", "-O", "^huge_file,^dir_nlink,^extra_isize,^large_file"}},
	{name: "ext4-large-dir", size: 64 << 20, args: []string{"-t", "ext4", "-O", "large_dir"}},
	{name: "ext4-orphan-file", size: 64 << 20, args: []string{"-t", "ext4", "-O", "orphan_file"}},
	{name: "ext4-project-quota", size: 64 << 20, args: []string{"-t", "ext4"},
		tune: []string{"-O", "quota,project"}, after: []string{"sif sizes/60 projid 77", "sif small projid 1073741824"}},
	{name: "ext4-fast-commit", size: 64 << 20, args: []string{"-t", "ext4", "-O", "fast_commit"}},
	{name: "ext4-no-journal", size: 64 << 20, args: []string{"-t", "ext4", "-O", "^has_journal"}},
	{name: "ext4-stable-inodes", size: 64 << 20, args: []string{"-t", "ext4", "-O", "stable_inodes"}},
	{name: "ext4-encrypt", size: 64 << 20, args: []string{"-t", "ext4", "-O", "encrypt"}},
	{name: "ext4-verity", size: 64 << 20, args: []string{"-t", "ext4", "-O", "verity"}},
	{name: "ext4-many-features", size: 128 << 20, args: []string{"-t", "ext4", "-b", "1024", "-I", "256", "-g", "4096", "-L", "many features", "-M", "/srv/data",
		"-O", "meta_bg,^resize_inode,inline_data,ea_inode,large_dir,metadata_csum_seed,orphan_file,stable_inodes"}, big: true, tune: []string{"-O", "quota,project"}, after: []string{"sif sizes/4096 projid 5"}},

	{name: "ext4-8k", size: 64 << 20, args: []string{"-t", "ext4", "-b", "8192"}, offline: true},
	{name: "ext4-16k", size: 96 << 20, args: []string{"-t", "ext4", "-b", "16384"}, offline: true},
	{name: "ext4-64k", size: 256 << 20, args: []string{"-t", "ext4", "-b", "65536"}, offline: true, many: 500},
	{name: "ext2-64k", size: 256 << 20, args: []string{"-t", "ext2", "-b", "65536"}, offline: true, many: 500},
	{name: "ext4-64k-inline-bigalloc", size: 512 << 20, args: []string{"-t", "ext4", "-b", "65536", "-O", "inline_data,bigalloc", "-C", "131072"}, offline: true, many: 50},
	{name: "ext4-casefold", size: 64 << 20, args: []string{"-t", "ext4", "-O", "casefold", "-E", "encoding=utf8"}, offline: true},
	{name: "ext4-mmp", size: 64 << 20, args: []string{"-t", "ext4", "-O", "mmp"}, offline: true},
	{name: "ext4-desc-128", size: 64 << 20, args: []string{"-t", "ext4", "-b", "1024", "-E", "desc_size=128"}, offline: true},
}

// TestTruth makes a file system of each kind, has the kernel (or mke2fs
// where the kernel cannot) lay a rich tree on it, and compares all that the
// reader says with the kernel, debugfs and dumpe2fs.
func TestTruth(t *testing.T) {
	needTool(t, "mke2fs")
	for _, m := range matrix {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(t.TempDir(), "image")
			if m.dirty {
				fillGarbage(t, image, m.size)
			}
			many := m.many
			if many == 0 {
				many = 2000
			}
			if testing.Short() {
				many = min(many, 600)
			}
			var files []*kernelFile
			offline := m.offline || os.Geteuid() != 0
			if offline {
				block := int64(4096)
				for _, b := range []int64{1024, 2048} { // mke2fs -d has its limits where a block has
					if slices.Contains(m.args, fmt.Sprint(b)) {
						block = b
					}
				}
				tree := newTree(t, block, many)
				mke2fs(t, image, m.size, append(slices.Clone(m.args), "-d", tree)...)
				files = kernelTree(t, tree)
			} else {
				mke2fs(t, image, m.size, m.args...)
				plant(t, image, m.options, &planter{many: many, frag: 3000, bigXattrs: m.big})
			}
			if len(m.tune) > 0 {
				runTool(t, "tune2fs", append(slices.Clone(m.tune), image)...)
			}
			if len(m.after) > 0 {
				debugfs(t, image, true, m.after...)
			}
			if !offline {
				dir := mount(t, image, "ro,noload")
				files = kernelTree(t, dir)
				unmount(t, dir)
			}
			fsys, raw := openImage(t, image)
			info := fsys.Info()
			for _, err := range info.Damage {
				t.Errorf("Damage: %v", err)
			}
			if m.name == "ext4-casefold" && !slices.Contains(info.Features, "casefold") {
				t.Errorf("features %v", info.Features)
			}
			inodes := gather(t, fsys)
			if offline {
				sameAsCopy(t, fsys, raw, files, inodes)
			} else {
				sameAsKernel(t, fsys, raw, files, inodes)
			}
			sameAsDumpe2fs(t, fsys, image, inodes)
			if _, ok := lookTool("debugfs"); ok {
				sameAsDebugfs(t, fsys, image, inodes)
			}
		})
	}
}

// plant mounts an image, lays the tree on it, and leaves it at rest.
func plant(t *testing.T, image, options string, p *planter) {
	t.Helper()
	dir := mount(t, image, options)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	p.t, p.root, p.block, p.extents = t, dir, st.Bsize, true
	p.all()
	unmount(t, dir)
}

// fillGarbage writes bytes that are not zero, so that what mke2fs leaves
// uninitialised shows.
func fillGarbage(t *testing.T, image string, size int64) {
	t.Helper()
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i*7>>3) | 0x41
	}
	for at := int64(0); at < size; at += int64(len(b)) {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
}

// sameAsCopy compares an image that mke2fs -d filled from a folder with that
// folder: inode numbers and the places of data are its own, so debugfs answers for
// those.
func sameAsCopy(t *testing.T, fsys *ext4.FS, raw io.ReaderAt, files []*kernelFile, inodes map[filesystem.Inum]*filesystem.Inode) {
	c := &truth{t: t, fsys: fsys, raw: raw, info: fsys.Info(), files: files, inodes: inodes, counted: make(map[string]int)}
	seen := 0
	for _, f := range files {
		in, err := fsys.Find(f.path, false)
		if err != nil {
			c.errorf("Find", "%q: %v", f.path, err)
			continue
		}
		seen++
		say := func(what string, ours, theirs any) {
			if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
				c.errorf(what, "%q: %s, source %s", f.path, a, b)
			}
		}
		ty := in.Mode.Type()
		say("mode", uint32(in.Mode), uint32(f.stat.Mode))
		if f.path != "." { // the root is mke2fs's own
			say("uid", in.UID, f.stat.Uid)
			say("gid", in.GID, f.stat.Gid)
			// mke2fs 1.47.0 keeps 32 bits of it.
			say("mtime", int32(in.Times.Modified.Sec), int32(f.stat.Mtime.Sec))
		}
		if f.path == "sparse/back" && slices.Contains(c.info.Features, "inline_data") {
			continue // mke2fs 1.47.0 cuts the hole at its end off
		}
		if ty != filesystem.Directory {
			say("size", in.Size, int64(f.stat.Size))
			if ty != filesystem.Symlink { // mke2fs makes a symbolic link anew for each of its names
				say("links", in.Links, f.stat.Nlink)
			}
		}
		if ty == filesystem.CharDevice || ty == filesystem.BlockDevice {
			say("major", in.Major, f.stat.Rdev_major)
			say("minor", in.Minor, f.stat.Rdev_minor)
		}
		if ty == filesystem.Symlink {
			link, err := fsys.Link(in)
			if err != nil || string(link) != f.link {
				c.errorf("Link", "%q: %q, source %q: %v", f.path, link, f.link, err)
			}
		}
		if ty == filesystem.Regular {
			content, err := fsys.Content(in)
			if err != nil {
				c.errorf("Content", "%q: %v", f.path, err)
				continue
			}
			if sum, err := digest(f.pieces(content)); err != nil || sum != f.digest {
				c.errorf("Content", "%q: the bytes differ from the source's: %v", f.path, err)
			}
			// Whatever the source calls a hole must read as zeros here.
			b := make([]byte, 4096)
			at := int64(0)
			for _, d := range append(slices.Clone(f.data), [2]int64{int64(f.stat.Size), 0}) {
				for ; at < d[0]; at += int64(len(b)) {
					k := min(int64(len(b)), d[0]-at)
					if _, err := content.ReadAt(b[:k], at); err != nil && err != io.EOF {
						c.errorf("Content", "%q: %v", f.path, err)
						break
					}
					if len(bytes.Trim(b[:k], "\x00")) != 0 {
						c.errorf("Content", "%q: a hole at %d holds bytes", f.path, at)
						break
					}
				}
				at = d[1]
			}
			c.edges(f, in, content)
		}
		xs, err := fsys.Xattrs(in)
		if err != nil {
			c.errorf("Xattrs", "%q: %v", f.path, err)
		}
		got := make(map[string]string)
		for _, x := range xs {
			if x.Name == "system.data" {
				continue
			}
			got[x.Name] = string(x.Value)
		}
		if f.path != "." && fmt.Sprintf("%q", got) != fmt.Sprintf("%q", f.xattrs) {
			c.errorf("Xattrs", "%q: %.200q, source %.200q", f.path, fmt.Sprintf("%q", got), fmt.Sprintf("%q", f.xattrs))
		}
	}
	names := 0
	for _, e := range gatherEntries(t, fsys) {
		if e.Allocated && !e.IsDot() {
			names++
		}
	}
	// mke2fs adds lost+found, the folder that was copied has its own root.
	if want := len(files); names != want || seen != want {
		t.Errorf("%d names, %d found, want %d", names, seen, want)
	}
}

// TestFS holds the first door to the contract of io/fs.
func TestFS(t *testing.T) {
	needTool(t, "mke2fs")
	tree := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"a/b/c", "empty", "many"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a/b/c/file", "a/link", "a/loop", "empty", "many", "новый", "lost+found"}
	write := func(name, s string) {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(s), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b/c/file", strings.Repeat("content ", 3000))
	write("новый", "")
	write("\xff not UTF-8", "seen by the second door only")
	write("a/b/new\nline", "n")
	for i := range 300 {
		name := fmt.Sprintf("many/%03d", i)
		write(name, name)
		want = append(want, name)
	}
	for name, target := range map[string]string{"a/link": "b/c/file", "a/loop": "../a", "a/absolute": "/a/b/new\nline"} {
		if err := os.Symlink(target, filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"ext2":   {"-t", "ext2", "-b", "1024"},
		"ext4":   {"-t", "ext4", "-b", "1024"},
		"inline": {"-t", "ext4", "-b", "4096", "-O", "inline_data"},
	} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 8<<20, append(args, "-d", tree)...)
			fsys, _ := openImage(t, image)
			if err := fstest.TestFS(fsys, want...); err != nil {
				t.Error(err)
			}
			b, err := fs.ReadFile(fsys, "a/absolute")
			if err != nil || string(b) != "n" {
				t.Errorf("through an absolute link: %q, %v", b, err)
			}
			if _, err := fs.ReadFile(fsys, "a/none"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a name that is not there: %v", err)
			}
			if _, err := fs.Stat(fsys, "../a"); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("an invalid path: %v", err)
			}
			in, err := fsys.Find("\xff not UTF-8", true)
			if err != nil || in.Size != 28 {
				t.Errorf("a name that is not UTF-8: %+v, %v", in, err)
			}
			in, err = fsys.Find("/a/loop/loop/loop/link", true)
			if err != nil || in.Size != 24000 {
				t.Errorf("through links to directories: %+v, %v", in, err)
			}
		})
	}
}
