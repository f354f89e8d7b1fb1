package ext4_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostileNames are names that a tool may print, sort, split or decode wrongly.
var hostileNames = []string{
	"new\nline", "pipe|bar", "tab\there", "back\\slash", `quo"te'`, "-rf", " leading", "trailing ", "...", ".. ", ".hidden",
	"\x1b[31mred\x1b[0m", "bidi\u202efdp.exe", "\u200bzero width", "\xff\xfe", "latin-\xe9", "over\xc0\xaflong", "\x01\x02\x7f",
	"%s%n", "*", "$(id)", "данные", "数据", "e\u0301 combining", "emoji \U0001f480", "<script>alert(1)<\\x2fscript>", "=1+1", "a,b;c",
	strings.Repeat("x", 255), strings.Repeat("é", 127), "\xed\xa0\x80 surrogate",
}

// oddTimes are seconds and nanoseconds at the edges of what 32 bits, 34
// bits and the sign can say.
var oddTimes = []unix.Timespec{
	{Sec: -2147483648}, {Sec: -2177452800, Nsec: 5}, {Sec: -1, Nsec: 999999999}, {Sec: -31536000, Nsec: 123456789}, {Sec: 0, Nsec: 1},
	{Sec: 2147483647, Nsec: 999999999}, {Sec: 2147483648}, {Sec: 2177452800, Nsec: 42}, {Sec: 4294967295}, {Sec: 4294967296},
	{Sec: 6442450943, Nsec: 7}, {Sec: 6442450944}, {Sec: 11833862400, Nsec: 999999999}, {Sec: 15032385535, Nsec: 1}, {Sec: 1700000000, Nsec: 500000000},
}

// planter lays a rich tree on a mounted file system. What the file system
// refuses for want of a feature is left out; any other failure is fatal.
type planter struct {
	t     testing.TB
	root  string
	block int64
	many  int // names in the hashed directory
	frag  int // extents of the fragmented file
	rnd   *rand.Rand

	bigXattrs bool // values beyond one block
	extents   bool
}

func (p *planter) path(rel string) string { return p.root + "/" + rel }

func (p *planter) check(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("populate: %s: %v", what, err)
	}
}

// allowed reports whether err is nil; it tolerates want of a feature.
func (p *planter) allowed(what string, err error) bool {
	p.t.Helper()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return false
	}
	p.check(what, err)
	return true
}

func (p *planter) mkdir(rel string) { p.check(rel, os.MkdirAll(p.path(rel), 0o755)) }

func (p *planter) bytes(n int64) []byte {
	if p.rnd == nil {
		p.rnd = rand.New(rand.NewPCG(1, 2))
	}
	b := make([]byte, n)
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], p.rnd.Uint64())
	}
	for i := len(b) &^ 7; i < len(b); i++ {
		b[i] = byte(p.rnd.Uint32()) | 1
	}
	return b
}

func (p *planter) write(rel string, b []byte) {
	p.check(rel, os.WriteFile(p.path(rel), b, 0o644))
}

// writeAt makes a file of pieces at offsets; size, if not zero, is set last.
func (p *planter) writeAt(rel string, size int64, piece int64, at ...int64) {
	f, err := os.Create(p.path(rel))
	p.check(rel, err)
	defer f.Close()
	for _, off := range at {
		_, err := f.WriteAt(p.bytes(piece), off)
		if errors.Is(err, unix.EFBIG) {
			continue
		}
		p.check(rel, err)
	}
	if size > 0 {
		if err := f.Truncate(size); !errors.Is(err, unix.EFBIG) {
			p.check(rel, err)
		}
	}
}

func (p *planter) all() {
	p.files()
	p.sparse()
	p.directories()
	p.links()
	p.special()
	p.xattrs()
	p.owners()
	p.deleted()
	p.flags()
	p.times()
}

func (p *planter) files() {
	p.mkdir("sizes")
	b := p.block
	for _, n := range []int64{0, 1, 11, 59, 60, 61, 100, 127, 128, 129, 155, 156, 160, 161, 200, 400, 511, 512, 513, 900, 1023, 1024, 1025, 4095, 4096, 4097, 12 * b, 12*b + 1, 65537, 1<<20 + 13} {
		p.write(fmt.Sprintf("sizes/%d", n), p.bytes(n))
	}
	// Grown in many steps, with another file in between, so that its blocks lie apart.
	f, err := os.Create(p.path("sizes/apart"))
	p.check("apart", err)
	g, err := os.Create(p.path("sizes/between"))
	p.check("between", err)
	for range 40 {
		_, err := f.Write(p.bytes(b))
		p.check("apart", err)
		p.check("apart", f.Sync())
		_, err = g.Write(p.bytes(b))
		p.check("between", err)
		p.check("between", g.Sync())
	}
	f.Close()
	g.Close()
}

func (p *planter) sparse() {
	p.mkdir("sparse")
	b := p.block
	p.writeAt("sparse/front", 0, 10, 1<<20)
	p.writeAt("sparse/back", 3<<20, 5000, 0)
	p.writeAt("sparse/middle", 0, b, 0, 64*b, 65*b, 4096*b)
	p.writeAt("sparse/nothing", 1<<30, 0)
	p.writeAt("sparse/odd", 12345, 3, 7, 9000)
	// The first block behind one, two and three levels of indirection.
	n := b / 4
	p.writeAt("sparse/levels", 0, 100, 0, 11*b, 12*b, (11+n)*b, (12+n)*b, (11+n+n*n)*b, (12+n+n*n)*b, (12+n+n*n+n*n/2+3)*b)
	p.writeAt("sparse/far", 0, 1, 1<<31, 1<<32+5, 1<<40, 1<<43)

	var at []int64
	for i := range int64(p.frag) {
		at = append(at, 2*i*b)
	}
	p.writeAt("sparse/fragments", 0, b, at...)

	f, err := os.Create(p.path("sparse/punched"))
	p.check("punched", err)
	_, err = f.Write(p.bytes(200 * b))
	p.check("punched", err)
	p.check("punched", f.Sync())
	for i := int64(1); i < 200; i += 3 {
		if !p.allowed("punch", unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, i*b, b)) {
			break
		}
	}
	p.check("punched", f.Close())

	type span struct {
		name     string
		keep     uint32
		off, len int64
		write    []int64
	}
	for _, s := range []span{
		{"unwritten", 0, 0, 1 << 20, nil},
		{"unwritten-written", 0, 0, 64 * b, []int64{0, 5 * b, 20 * b, 63 * b}},
		{"beyond-the-end", unix.FALLOC_FL_KEEP_SIZE, 0, 32 * b, []int64{0}},
		{"only-beyond", unix.FALLOC_FL_KEEP_SIZE, 0, 16 * b, nil},
		{"unwritten-late", 0, 10 * b, 7*b + 1, []int64{0}},
	} {
		f, err := os.Create(p.path("sparse/" + s.name))
		p.check(s.name, err)
		p.allowed(s.name, unix.Fallocate(int(f.Fd()), s.keep, s.off, s.len))
		for _, at := range s.write {
			_, err := f.WriteAt(p.bytes(100), at)
			p.check(s.name, err)
		}
		p.check(s.name, f.Close())
	}
}

func (p *planter) directories() {
	p.mkdir("many")
	dir, err := unix.Open(p.path("many"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	p.check("many", err)
	defer unix.Close(dir)
	for i := range p.many {
		name := fmt.Sprintf("entry %06d %s", i, strings.Repeat("n", i%40))
		if i%2 == 1 && i > 1 {
			first := fmt.Sprintf("entry %06d %s", i&^1, strings.Repeat("n", (i&^1)%40))
			p.check(name, unix.Linkat(dir, first, dir, name, 0))
			continue
		}
		fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_WRONLY|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		p.check(name, err)
		unix.Close(fd)
	}
	for i := 5; i < p.many; i += 7 {
		p.check("unlink", unix.Unlinkat(dir, fmt.Sprintf("entry %06d %s", i, strings.Repeat("n", i%40)), 0))
	}

	p.mkdir("small")
	for i := range 3 {
		p.write(fmt.Sprintf("small/%d", i), []byte("x"))
	}
	p.mkdir("middling")
	for i := range 12 {
		p.write(fmt.Sprintf("middling/name-%02d", i), nil)
	}
	p.mkdir("empty/nested/empty")
	deep := "deep"
	for i := range 120 {
		deep += fmt.Sprintf("/%d", i)
	}
	p.mkdir(deep)
	p.write(deep+"/bottom", []byte("bottom"))

	p.mkdir("names")
	for i, n := range hostileNames {
		p.write("names/"+n, fmt.Appendf(nil, "%d", i))
		if i%4 == 0 && len(n) < 250 {
			p.check(n, os.Mkdir(p.path("names/"+n+".d"), 0o700))
			p.write("names/"+n+".d/inside", nil)
		}
	}
}

func (p *planter) links() {
	p.mkdir("links/other")
	p.write("links/one", []byte("one of three"))
	p.check("link", os.Link(p.path("links/one"), p.path("links/two")))
	p.check("link", os.Link(p.path("links/one"), p.path("links/other/three")))
	p.mkdir("symlinks")
	for _, n := range []int{1, 2, 58, 59, 60, 61, 100, 155, 255, 1000, 1022, 1023, 4094} {
		if int64(n) >= p.block {
			continue
		}
		if err := os.Symlink(strings.Repeat("t", n), p.path(fmt.Sprintf("symlinks/%d", n))); !errors.Is(err, unix.ENAMETOOLONG) {
			p.check("symlink", err)
		}
	}
	for name, target := range map[string]string{
		"absolute": "/links/one", "relative": "../links/one", "up": "..", "dangling": "nowhere", "self": "self", "ping": "pong", "pong": "ping",
		"bytes": "\xff\xfe/\x01", "long-relative": strings.Repeat("./", 40) + "../links/two", "directory": "../sizes", "through": "directory/60", "slash": "../sizes/",
	} {
		p.check(name, os.Symlink(target, p.path("symlinks/"+name)))
	}
	p.check("link to link", os.Link(p.path("symlinks/self"), p.path("symlinks/self too")))
}

func (p *planter) special() {
	p.mkdir("special")
	node := func(name string, mode uint32, major, minor uint32) {
		p.check(name, unix.Mknod(p.path("special/"+name), mode, int(unix.Mkdev(major, minor))))
	}
	node("null", unix.S_IFCHR|0o666, 1, 3)
	node("char-old", unix.S_IFCHR|0o600, 255, 255)
	node("char-new", unix.S_IFCHR|0o600, 4095, 1048575)
	node("char-256", unix.S_IFCHR|0o600, 256, 0)
	node("disk", unix.S_IFBLK|0o660, 8, 1)
	node("nvme", unix.S_IFBLK|0o660, 259, 70000)
	node("fifo", unix.S_IFIFO|0o644, 0, 0)
	node("socket", unix.S_IFSOCK|0o755, 0, 0)
	for _, m := range []uint32{0, 0o7777, 0o4755, 0o2755, 0o1777, 0o4644, 0o111} {
		name := fmt.Sprintf("special/mode-%04o", m)
		p.write(name, []byte("m"))
		p.check(name, unix.Chmod(p.path(name), m))
		p.mkdir(name + ".d")
		p.check(name, unix.Chmod(p.path(name+".d"), m))
	}
}

// acl builds the value that setxattr takes for a POSIX ACL.
func acl(entries ...[3]uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

func (p *planter) xattrs() {
	p.mkdir("xattrs/dir")
	set := func(rel, name string, value []byte) bool {
		err := unix.Lsetxattr(p.path("xattrs/"+rel), name, value, 0)
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.E2BIG) {
			return false
		}
		return p.allowed(rel+" "+name, err)
	}
	file := func(rel string, size int64) { p.write("xattrs/"+rel, p.bytes(size)) }
	file("user", 30)
	set("user", "user.comment", []byte("a comment"))
	set("user", "user.empty", nil)
	set("user", "user.binary", []byte{0, 1, 2, 0xff, '|', '\n'})
	set("user", "user."+strings.Repeat("n", 200), []byte("long name"))
	set("user", "user.\xff\xfe\n|", []byte("hostile name"))
	file("trusted", 0)
	set("trusted", "trusted.overlay.opaque", []byte("y"))
	file("caps", 5000)
	// VFS_CAP_REVISION_2, effective: cap_setuid, cap_net_raw.
	set("caps", "security.capability", []byte{1, 0, 0, 2, 0x80, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	file("caps3", 0)
	set("caps3", "security.capability", []byte{1, 0, 0, 3, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0})
	file("selinux", 0)
	set("selinux", "security.selinux", []byte("system_u:object_r:shadow_t:s0\x00"))
	const none = 0xffffffff
	access := acl([3]uint32{1, 6, none}, [3]uint32{2, 4, 1000}, [3]uint32{2, 7, 70000}, [3]uint32{4, 4, none}, [3]uint32{8, 5, 33}, [3]uint32{0x10, 7, none}, [3]uint32{0x20, 0, none})
	file("acl", 10)
	set("acl", "system.posix_acl_access", access)
	set("dir", "system.posix_acl_access", access)
	set("dir", "system.posix_acl_default", acl([3]uint32{1, 7, none}, [3]uint32{4, 5, none}, [3]uint32{0x20, 5, none}))
	file("dir/inherits", 1)
	p.mkdir("xattrs/dir/inherits.d")
	file("many", 10)
	for i := range 24 {
		set("many", fmt.Sprintf("user.attribute-%02d", i), p.bytes(int64(i%12)))
	}
	// The same set on several files: they share one block of attributes.
	for i := range 4 {
		name := fmt.Sprintf("shared-%d", i)
		file(name, 1)
		set(name, "user.shared", []byte(strings.Repeat("s", 300)))
	}
	file("large", 10)
	set("large", "user.large", p.bytes(p.block-300))
	if p.bigXattrs {
		for i, n := range []int64{1000, 5000, 40000, 65536} {
			name := fmt.Sprintf("value-%d", i)
			file(name, 10)
			value := p.bytes(n)
			set(name, "user.value", value)
			set(name, "user.second", value) // the same value: the inode that holds it is shared
			set(name, "user.third", p.bytes(3000))
		}
	}
	p.check("fifo", unix.Mknod(p.path("xattrs/fifo"), unix.S_IFIFO|0o644, 0))
	set("fifo", "trusted.fifo", []byte("on a fifo"))
	p.check("symlink", os.Symlink("user", p.path("xattrs/symlink")))
	set("symlink", "trusted.link", []byte(strings.Repeat("on a symbolic link ", 8)))
	p.check("symlink", os.Symlink(strings.Repeat("l", 100), p.path("xattrs/slow-symlink")))
	set("slow-symlink", "trusted.link", []byte("on a slow symbolic link"))
	// Grown by attributes until inline data or the inode's own room overflows.
	file("crowded", 70)
	for i := range 6 {
		set("crowded", fmt.Sprintf("user.%d", i), p.bytes(20))
	}
	p.check("append", appendFile(p.path("xattrs/crowded"), p.bytes(60)))
}

func appendFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (p *planter) owners() {
	p.mkdir("owners")
	for _, id := range []int{1, 1000, 65533, 65535, 65536, 100000, 1 << 31, 4294967294} {
		name := fmt.Sprintf("owners/%d", id)
		p.write(name, nil)
		p.check(name, unix.Lchown(p.path(name), id, id/2))
	}
}

func (p *planter) deleted() {
	p.mkdir("deleted/keep")
	for i := range 20 {
		p.write(fmt.Sprintf("deleted/gone-%02d", i), p.bytes(3000))
	}
	p.mkdir("deleted/gone.d/inner")
	for i := range 20 {
		p.write(fmt.Sprintf("deleted/gone.d/f%d", i), nil)
	}
	syncTree(p.t, p.root)
	for i := range 20 {
		if i%3 != 0 {
			p.check("remove", os.Remove(p.path(fmt.Sprintf("deleted/gone-%02d", i))))
		}
	}
	p.check("remove", os.RemoveAll(p.path("deleted/gone.d")))
}

func (p *planter) flags() {
	p.mkdir("flags")
	for name, bit := range map[string]int{
		"immutable": 0x10, "append": 0x20, "nodump": 0x40, "noatime": 0x80, "sync": 0x8, "secrm": 0x1, "undelete": 0x2, "journal": 0x4000, "all": 0x10 | 0x20 | 0x40 | 0x80,
	} {
		p.write("flags/"+name, []byte("f"))
		p.setFlag("flags/"+name, bit)
	}
	for name, bit := range map[string]int{"dirsync.d": 0x10000, "topdir.d": 0x20000, "immutable.d": 0x10, "append.d": 0x20} {
		p.mkdir("flags/" + name)
		p.write("flags/"+name+"/inside", nil)
		p.setFlag("flags/"+name, bit)
	}
	if p.extents {
		// chattr -e turns a small extent file into one with a block map.
		p.write("flags/blockmap", p.bytes(5*p.block))
		fd, err := unix.Open(p.path("flags/blockmap"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		p.check("blockmap", err)
		p.check("blockmap", unix.Fsync(fd))
		if v, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS); err == nil && v&0x80000 != 0 {
			p.allowed("blockmap", unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(v)&^0x80000))
		}
		unix.Close(fd)
	}
}

func (p *planter) setFlag(rel string, bit int) {
	fd, err := unix.Open(p.path(rel), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	p.check(rel, err)
	defer unix.Close(fd)
	v, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	p.check(rel, err)
	if err := unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(v)|bit); !errors.Is(err, unix.EPERM) {
		p.allowed(rel, err)
	}
}

func (p *planter) times() {
	p.mkdir("times")
	for i, at := range oddTimes {
		mt := oddTimes[(i+4)%len(oddTimes)]
		name := fmt.Sprintf("times/%02d", i)
		p.write(name, nil)
		p.check(name, unix.UtimesNanoAt(unix.AT_FDCWD, p.path(name), []unix.Timespec{at, mt}, unix.AT_SYMLINK_NOFOLLOW))
		p.check(name, os.Symlink("target", p.path(name+".link")))
		p.check(name, unix.UtimesNanoAt(unix.AT_FDCWD, p.path(name+".link"), []unix.Timespec{mt, at}, unix.AT_SYMLINK_NOFOLLOW))
		p.mkdir(name + ".d")
		p.check(name, unix.UtimesNanoAt(unix.AT_FDCWD, p.path(name+".d"), []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// tree lays the part of the tree that mke2fs -d can copy into an image of a
// file system that the kernel cannot mount: no huge sparse files, no flags.
func (p *planter) tree() {
	p.files()
	p.mkdir("sparse")
	b := p.block
	p.writeAt("sparse/front", 0, 10, 1<<20)
	p.writeAt("sparse/back", 3<<20, 5000, 0)
	p.writeAt("sparse/nothing", 1<<24, 0)
	p.writeAt("sparse/middle", 0, b, 0, 64*b, 65*b, 200*b)
	p.directories()
	p.links()
	if os.Geteuid() == 0 {
		p.special()
		p.xattrs()
		p.owners()
	}
	p.times()
}

func newTree(t testing.TB, block int64, many int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	(&planter{t: t, root: dir, block: block, many: many}).tree()
	syncTree(t, dir)
	return dir
}
