package tree

import (
	"bytes"
	"errors"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"deadbox/fs/filesystem"
)

// openIn opens a file below root without following a link out of it, and without
// touching its access time where the kernel lets us. touched says that it may not
// have let us.
func openIn(root *os.Root, name string, isDir bool) (f *os.File, touched bool, err error) {
	flags := os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW
	if isDir {
		flags |= unix.O_DIRECTORY
	}
	f, err = root.OpenFile(name, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		f, err = root.OpenFile(name, flags, 0)
		touched = true
	}
	return f, touched, err
}

// openQuietly opens a file by its path, likewise.
func openQuietly(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		f, err = os.Open(name)
	}
	return f, err
}

func freeSpace(f *os.File) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// statRoot describes a directory that is open or lies straight below one.
func statRoot(root *os.Root, name string) (node, fileID, string, error) {
	f, _, err := openIn(root, name, true)
	if err != nil {
		return node{}, fileID{}, "", err
	}
	defer f.Close()
	return stat(int(f.Fd()), "", unix.AT_EMPTY_PATH)
}

// statIn describes a name in a directory that is open, and the target of a
// symbolic link.
func statIn(_ *os.Root, dir *os.File, _, name string) (node, fileID, string, error) {
	fd := int(dir.Fd())
	n, id, _, err := stat(fd, name, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || n.mode.Type() != filesystem.Symlink {
		return n, id, "", err
	}
	for size := 256; ; size *= 4 {
		b := make([]byte, size)
		got, err := unix.Readlinkat(fd, name, b)
		if err != nil {
			return n, id, "", err
		}
		if got < size {
			n.size = int64(got)
			return n, id, string(b[:got]), nil
		}
	}
}

// stat asks statx(2), which knows when a file was born.
func stat(fd int, name string, flags int) (node, fileID, string, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, name, flags|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return node{}, fileID{}, "", err
	}
	when := func(t unix.StatxTimestamp, bit uint32) filesystem.Time {
		if st.Mask&bit == 0 {
			return filesystem.Time{}
		}
		return filesystem.Time{Sec: t.Sec, Nsec: int32(t.Nsec), Known: true}
	}
	n := node{
		mode: filesystem.Mode(st.Mode), uid: st.Uid, gid: st.Gid, links: st.Nlink, size: int64(st.Size), sectors: st.Blocks,
		// The bits of STATX_ATTR_* are those of the file's flags.
		flags: filesystem.Flags(st.Attributes & (unix.STATX_ATTR_COMPRESSED | unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND |
			unix.STATX_ATTR_NODUMP | unix.STATX_ATTR_ENCRYPTED | unix.STATX_ATTR_VERITY)),
		times: filesystem.Times{
			Modified: when(st.Mtime, unix.STATX_MTIME), Accessed: when(st.Atime, unix.STATX_ATIME),
			Changed: when(st.Ctime, unix.STATX_CTIME), Born: when(st.Btime, unix.STATX_BTIME),
		},
		offset: -1, data: -1, name: -1,
	}
	switch n.mode.Type() {
	case filesystem.CharDevice, filesystem.BlockDevice:
		n.major, n.minor = st.Rdev_major, st.Rdev_minor
	}
	return n, fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, "", nil
}

func identify(f *os.File) (fileID, bool) {
	_, id, _, err := stat(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	return id, err == nil
}

// pseudoTypes are file systems that live in the kernel: statfs(2), linux/magic.h.
var pseudoTypes = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC,
	unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.PSTOREFS_MAGIC, unix.EFIVARFS_MAGIC, unix.SELINUX_MAGIC, unix.SMACK_MAGIC,
	unix.BINFMTFS_MAGIC, unix.AUTOFS_SUPER_MAGIC, unix.NSFS_MAGIC,
}

// isPseudo looks at the file system of a directory.
func isPseudo(root *os.Root, name string) bool {
	f, _, err := openIn(root, name, true)
	if err != nil {
		return false
	}
	defer f.Close()
	var st unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &st) == nil && slices.Contains(pseudoTypes, int64(st.Type))
}

// xattrs asks the analyst's system. There is no call that takes an open directory
// and a name, so the name is reached through /proc/self/fd.
func (d *directory) xattrs(f *FS, n int32) ([]filesystem.Xattr, error) {
	name := d.below(f.path(n))
	fail := func(err error) error {
		return &filesystem.ReadError{Structure: "extended attributes", Offset: -1, Inum: f.nodes[n].inum, Err: err}
	}
	dir, _, err := openIn(d.root, path.Dir(name), true)
	if err != nil {
		return nil, fail(err)
	}
	defer dir.Close()
	at := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + path.Base(name)
	if name == "." {
		at = "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/."
	}
	list, err := grow(func(b []byte) (int, error) { return unix.Llistxattr(at, b) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(err)
	}
	var out []filesystem.Xattr
	var failed error
	for _, key := range bytes.Split(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		if len(key) == 0 {
			continue
		}
		value, err := grow(func(b []byte) (int, error) { return unix.Lgetxattr(at, string(key), b) })
		if err != nil {
			failed = fail(err)
			continue
		}
		out = append(out, filesystem.Xattr{Name: string(key), Value: value, Offset: -1})
	}
	slices.SortFunc(out, func(a, b filesystem.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, failed
}

// grow calls get with more and more room; the kernel gives no more than 64 KiB.
func grow(get func([]byte) (int, error)) ([]byte, error) {
	for size := 1 << 10; ; size *= 4 {
		b := make([]byte, size)
		n, err := get(b)
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}
