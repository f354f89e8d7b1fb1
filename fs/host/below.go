package host

import (
	"io/fs"
	"strings"

	"deadbox/fs/filesystem"
)

// below is a directory of a file system taken as a file system of its own.
type below struct {
	filesystem.FileSystem
	root filesystem.Inum
	dir  string // of the root, in the file system: "/srv/chroot"
}

func (b *below) Root() filesystem.Inum { return b.root }

func (b *below) Find(p string, follow bool) (*filesystem.Inode, error) {
	return b.FileSystem.Find(strings.TrimSuffix(b.dir, "/")+"/"+strings.TrimPrefix(p, "/"), follow)
}

func (b *below) name(name string) string {
	dir := strings.Trim(b.dir, "/")
	switch {
	case name == "." && dir == "":
		return "."
	case name == ".":
		return dir
	case dir == "":
		return name
	}
	return dir + "/" + name
}

func (b *below) Open(name string) (fs.File, error) { return b.FileSystem.Open(b.name(name)) }

func (b *below) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(b.FileSystem, b.name(name))
}

func (b *below) ReadLink(name string) (string, error) { return b.FileSystem.ReadLink(b.name(name)) }

func (b *below) Lstat(name string) (fs.FileInfo, error) { return b.FileSystem.Lstat(b.name(name)) }

// Below takes a directory of the server as the root of a system of its own, so
// that links in it resolve inside of it. What is mounted below is left out. It is
// nil if there is no such directory.
func (h *Host) Below(dir string) *Host {
	n, in, real, err := h.Find(dir, true)
	if err != nil || n.Mount == nil || in.Mode.Type() != filesystem.Directory {
		return nil
	}
	m := *n.Mount
	m.FS, m.Index, m.Point, m.How = &below{FileSystem: m.FS, root: n.Inum, dir: n.Mount.within(real)}, nil, "/", "a directory of the server: "+real
	out := &Host{Mounts: []*Mount{&m}}
	out.setPoints()
	return out
}
