//go:build !linux

package tree

import (
	"os"

	"deadbox/fs/filesystem"
)

func openIn(root *os.Root, name string, _ bool) (f *os.File, touched bool, err error) {
	f, err = root.Open(name)
	return f, true, err
}

func openQuietly(name string) (*os.File, error) { return os.Open(name) }

func freeSpace(*os.File) (int64, bool) { return 0, false }

func isPseudo(*os.Root, string) bool { return false }

func identify(*os.File) (fileID, bool) { return fileID{}, false }

func statRoot(root *os.Root, name string) (node, fileID, string, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return node{}, fileID{}, "", err
	}
	return describe(info), fileID{}, "", nil
}

// statIn describes a name in a directory. Owners, numbers of inodes, and times
// other than that of the last write are not asked for on this system.
func statIn(root *os.Root, _ *os.File, dir, name string) (node, fileID, string, error) {
	p := name
	if dir != "." {
		p = dir + "/" + name
	}
	info, err := root.Lstat(p)
	if err != nil {
		return node{}, fileID{}, "", err
	}
	n := describe(info)
	if n.mode.Type() != filesystem.Symlink {
		return n, fileID{}, "", nil
	}
	target, err := root.Readlink(p)
	return n, fileID{}, target, err
}

func describe(info os.FileInfo) node {
	m := info.Mode()
	mode := filesystem.Mode(m.Perm())
	switch {
	case m.IsDir():
		mode |= filesystem.ModeDir
	case m&os.ModeSymlink != 0:
		mode |= filesystem.ModeSymlink
	case m&os.ModeNamedPipe != 0:
		mode |= filesystem.ModeFIFO
	case m&os.ModeSocket != 0:
		mode |= filesystem.ModeSocket
	case m&os.ModeCharDevice != 0:
		mode |= filesystem.ModeChar
	case m&os.ModeDevice != 0:
		mode |= filesystem.ModeBlock
	default:
		mode |= filesystem.ModeRegular
	}
	t := info.ModTime()
	return node{
		mode: mode, links: 1, size: info.Size(), offset: -1, data: -1, name: -1,
		times: filesystem.Times{Modified: filesystem.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond()), Known: true}},
	}
}

func (d *directory) xattrs(*FS, int32) ([]filesystem.Xattr, error) { return nil, nil }
