package ext4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mount mounts an image by the kernel and gives the folder; skips where the
// kernel cannot.
func mount(t testing.TB, image, options string) string {
	t.Helper()
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	opts := "loop,nobarrier" // nobody pulls the plug
	if options != "" {
		opts += "," + options
	}
	out, err := exec.Command(needTool(t, "mount"), "-t", "ext4", "-o", opts, image, dir).CombinedOutput()
	if err != nil {
		t.Skipf("the kernel does not mount this: %v: %s", err, bytes.TrimSpace(out))
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func unmount(t testing.TB, dir string) {
	t.Helper()
	// A program that another test starts holds our descriptors for a moment.
	for range 100 {
		out, err := exec.Command(needTool(t, "umount"), dir).CombinedOutput()
		if err == nil {
			return
		}
		if !bytes.Contains(out, []byte("busy")) {
			t.Fatalf("umount: %v: %s", err, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("umount: %s stays busy", dir)
}

// run is a run of a file as FIEMAP or SEEK_DATA gives it, in bytes.
type run struct {
	logical, physical, length int64
	unwritten, inline         bool
}

// kernelFile is what the kernel says of one path.
type kernelFile struct {
	path       string // from the root, without a leading slash; "." for the root
	stat       unix.Statx_t
	flags      uint32 // FS_IOC_GETFLAGS
	hasFlags   bool
	generation uint32
	project    uint32
	hasProject bool
	link       string
	xattrs     map[string]string
	digest     [32]byte // of the bytes in the ranges that data gives
	data       [][2]int64
	mapped     []run
	hasMap     bool
	unreadable bool // encrypted without its key
}

type fsxattr struct {
	xflags, extsize, nextents, projid, cowextsize uint32
	pad                                           [8]byte
}

const (
	fsIocGetVersion = 0x80087601
	fsIocFsGetXattr = 0x801c581f
	fsIocFsSetXattr = 0x401c5820
	fsIocFiemap     = 0xc020660b
	fiFreeze        = 0xc0045877
	fiThaw          = 0xc0045878
)

func ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg)); e != 0 {
		return e
	}
	return nil
}

type fiemapHeader struct {
	start, length                 uint64
	flags, mapped, count, reserve uint32
}

type fiemapExtent struct {
	logical, physical, length uint64
	reserved                  [2]uint64
	flags                     uint32
	reserved2                 [3]uint32
}

type fiemapRequest struct {
	fiemapHeader
	ext [1000]fiemapExtent
}

func fiemap(fd int, r *fiemapRequest) ([]run, error) {
	var out []run
	var start uint64
	for {
		r.fiemapHeader = fiemapHeader{start: start, length: ^uint64(0) - start, count: uint32(len(r.ext))}
		if err := ioctl(fd, fsIocFiemap, unsafe.Pointer(r)); err != nil {
			return nil, err
		}
		if r.mapped == 0 {
			return out, nil
		}
		for _, e := range r.ext[:r.mapped] {
			const (
				last      = 0x1
				delalloc  = 0x4
				inline    = 0x200
				unwritten = 0x800
			)
			if e.flags&delalloc != 0 {
				return nil, errors.New("FIEMAP: delayed allocation on a file system at rest")
			}
			out = append(out, run{int64(e.logical), int64(e.physical), int64(e.length), e.flags&unwritten != 0, e.flags&inline != 0})
			start = e.logical + e.length
			if e.flags&last != 0 {
				return out, nil
			}
		}
	}
}

// kernelTree lists a mounted tree completely.
func kernelTree(t testing.TB, root string) []*kernelFile {
	t.Helper()
	var out []*kernelFile
	l := new(looker)
	var visit func(rel string)
	visit = func(rel string) {
		f, err := l.look(root, rel)
		if err != nil {
			t.Fatalf("kernel: %q: %v", rel, err)
		}
		out = append(out, f)
		if f.stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			return
		}
		names, err := os.ReadDir(filepath.Join(root, rel))
		if err != nil {
			t.Fatalf("kernel: %q: %v", rel, err)
		}
		for _, n := range names {
			visit(strings.TrimPrefix(rel+"/"+n.Name(), "./"))
		}
	}
	visit(".")
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out
}

// looker keeps the buffers of the system calls.
type looker struct {
	request fiemapRequest
	list    [64 << 10]byte
	value   [128 << 10]byte
}

func (l *looker) look(root, rel string) (*kernelFile, error) {
	path := root + "/" + rel
	f := &kernelFile{path: rel}
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &f.stat); err != nil {
		return nil, err
	}
	if err := l.readXattrs(f, path); err != nil {
		return nil, err
	}
	switch f.stat.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		b := make([]byte, 8192)
		n, err := unix.Readlink(path, b)
		if errors.Is(err, unix.ENOKEY) {
			f.unreadable = true
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		f.link = string(b[:n])
	case unix.S_IFREG, unix.S_IFDIR:
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOATIME|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOKEY) {
			f.unreadable = true
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		if f.flags, err = unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS); err == nil {
			f.hasFlags = true
		}
		if f.generation, err = unix.IoctlGetUint32(fd, fsIocGetVersion); err != nil {
			return nil, fmt.Errorf("FS_IOC_GETVERSION: %w", err)
		}
		var x fsxattr
		if err := ioctl(fd, fsIocFsGetXattr, unsafe.Pointer(&x)); err == nil {
			f.project, f.hasProject = x.projid, true
		}
		if m, err := fiemap(fd, &l.request); err == nil {
			f.mapped, f.hasMap = m, true
		} else if !errors.Is(err, unix.EOPNOTSUPP) {
			return nil, fmt.Errorf("FIEMAP: %w", err)
		}
		if f.stat.Mode&unix.S_IFMT == unix.S_IFREG {
			return f, f.readData(fd)
		}
	}
	return f, nil
}

// readData reads what SEEK_DATA says is there.
func (f *kernelFile) readData(fd int) error {
	size := int64(f.stat.Size)
	for at := int64(0); at < size; {
		from, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return fmt.Errorf("SEEK_DATA: %w", err)
		}
		to, err := unix.Seek(fd, from, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("SEEK_HOLE: %w", err)
		}
		f.data = append(f.data, [2]int64{from, to})
		at = to
	}
	var err error
	f.digest, err = digest(f.pieces(fdReader(fd)))
	return err
}

// pieces joins the ranges of data, each behind its place.
func (f *kernelFile) pieces(r io.ReaderAt) io.Reader {
	var rs []io.Reader
	for _, d := range f.data {
		var at [16]byte
		binary.LittleEndian.PutUint64(at[:], uint64(d[0]))
		binary.LittleEndian.PutUint64(at[8:], uint64(d[1]))
		rs = append(rs, bytes.NewReader(at[:]), io.NewSectionReader(r, d[0], d[1]-d[0]))
	}
	return io.MultiReader(rs...)
}

type fdReader int

func (r fdReader) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		k, err := unix.Pread(int(r), p[n:], off+int64(n))
		if err != nil {
			return n, err
		}
		if k == 0 {
			return n, io.EOF
		}
		n += k
	}
	return n, nil
}

func (l *looker) readXattrs(f *kernelFile, path string) error {
	list, value := l.list[:], l.value[:]
	n, err := unix.Llistxattr(path, list)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listxattr: %w", err)
	}
	f.xattrs = make(map[string]string)
	for name := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		k, err := unix.Lgetxattr(path, string(name), value)
		if errors.Is(err, unix.ENODATA) && strings.HasPrefix(string(name), "security.") {
			continue // a security module answers for a value that the disk does not hold
		}
		if err != nil {
			return fmt.Errorf("getxattr %q: %w", name, err)
		}
		f.xattrs[string(name)] = string(value[:k])
	}
	return nil
}

// syncTree writes a file system out, and no other.
func syncTree(t testing.TB, dir string) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Syncfs(fd); err != nil {
		t.Fatal(err)
	}
}

// freeze brings the disk to rest while fn runs, as a snapshot of a running
// server would find it.
func freeze(t testing.TB, dir string, fn func()) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := ioctl(fd, fiFreeze, nil); err != nil {
		t.Fatalf("FIFREEZE: %v", err)
	}
	defer func() {
		if err := ioctl(fd, fiThaw, nil); err != nil {
			t.Errorf("FITHAW: %v", err)
		}
	}()
	fn()
}
