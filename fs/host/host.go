// Package host joins the volumes of one server into its own tree, and says
// what the server is: its name, system, kernel, time zone, accounts.
//
// Paths are those of the server, byte for byte, and begin with "/". Symbolic
// links are followed inside the server's tree and never lead to the analyst's own
// disk.
package host

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/image/volume"
)

// Mount is one file system at its place in the server's tree.
type Mount struct {
	Image  string // the evidence file's name
	Volume volume.Volume
	FS     filesystem.FileSystem
	Index  *filesystem.Index // nil until [Host.BuildIndexes]
	Point  string            // "/", "/var"; for a volume that fstab does not name, "/<gpt:3>"
	How    string            // why it stands there: "its fstab names UUID=...", ...
}

// Place turns an offset from the start of the file system into one from the
// start of an image, and names the image. Of a volume that is composed of parts of
// several disks it is the one that holds the byte; what has no place is -1.
func (m *Mount) Place(off int64) (image string, offset int64) {
	image, offset, _ = m.PlaceRange(off, 1)
	return image, offset
}

// relocator is a file system that reads some of its blocks elsewhere than they
// belong: out of a journal that was not written back.
type relocator interface {
	BytesAt(offset int64) (at, length int64)
}

// PlaceRange is Place of a range of the file system. n is how many of its
// bytes lie together on the image from offset on.
func (m *Mount) PlaceRange(off, length int64) (image string, offset, n int64) {
	if off < 0 {
		return m.Image, -1, 0
	}
	if r, ok := m.FS.(relocator); ok {
		at, n := r.BytesAt(off)
		if at < 0 {
			return m.Image, -1, 0
		}
		if off = at; n > 0 {
			length = min(length, n)
		}
	}
	if !m.Volume.Composed() {
		return m.Image, m.Volume.Offset + off, length
	}
	image, offset = m.Volume.Place(off)
	if offset < 0 {
		return m.Image, -1, 0
	}
	return image, offset, min(length, together(m.Volume.Parts, off))
}

// together is how many bytes of a composed volume stand in one piece from off
// on.
func together(parts []volume.Part, off int64) int64 {
	i, _ := slices.BinarySearchFunc(parts, off, func(p volume.Part, at int64) int {
		if p.Logical <= at {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i-- {
		switch p := &parts[i]; {
		case p.Copy != 0:
			continue
		case p.Stripe > 0:
			return p.Stripe - (off-p.Logical)%p.Stripe
		case off < p.Logical+p.Length:
			return p.Logical + p.Length - off
		}
		break
	}
	return 1
}

// Room is how many bytes of the volume the evidence holds; 0 if that is not
// known.
func (m *Mount) Room() int64 { return max(m.Volume.Length-m.Volume.Missing, 0) }

// Host is one server.
type Host struct {
	Mounts   []*Mount // the root first, then by Point
	Absent   []Absent // file systems that fstab names and that no source holds
	Binds    []Bind   // directories that the running server shows once more at another place
	Others   []Other  // systems of their own on other volumes
	Name     string   // /etc/hostname, or what older systems have in its place
	OS       string   // PRETTY_NAME of os-release, or what older release files say
	OSID     string   // ID of os-release: "debian"
	Kernels  []string // versions below /boot and /lib/modules, newest last
	ZoneName string   // "Europe/Berlin"
	Zone     *time.Location
	ZoneFrom string // how the zone is known; "assumed" if it is not
	Accounts []Account
	Notes    []string
	Damage   []error

	points map[string]*Mount // by Point
	binds  map[string]bound  // by Point
	above  map[string]bool   // directories on the way to a Point
	known  pathCache

	packageOnce sync.Once
	packages    *PackageSet
	treesOnce   sync.Once
	layersOnce  sync.Once
	layers      map[string]*Subtree // of container managers, by path
	trees       []*Subtree
	treeAt      map[string]*Subtree
	treeTops    map[string]bool // first elements of the paths of treeAt
	treeNotes   []string
	rootsOnce   sync.Once
	roots       []string
}

// Absent is a file system that the server's fstab names and that is not part
// of the evidence. What lies at its place in the tree is not what the running server
// showed there.
type Absent struct {
	Spec  string // the first field: "UUID=..."
	Point string
	Type  string // as fstab says: "ext4", "xfs", "nfs"
}

// Bind is a bind mount: what lies below From shows at Point too.
type Bind struct {
	From, Point string
	Source      string // what says so: "fstab line 7"
}

// Other is a system that another volume holds: a second installation, an old
// root, a rescue system.
type Other struct {
	Image string // the evidence file's name
	Slot  string // of the volume
	OS    string // "" if it does not say
	Name  string // host name; "" if it does not say
}

// Account is a line of /etc/passwd.
type Account struct {
	Name  string
	UID   uint32
	GID   uint32
	Home  string
	Shell string
	Line  int
}

// PathError says at which path of the server, and where on the evidence,
// something could not be read.
type PathError struct {
	Image  string
	Volume string // slot
	Path   string // on the server
	Inode  filesystem.Inum
	Err    error
}

func (e *PathError) Error() string {
	s := fmt.Sprintf("%s: %s: ", e.Image, e.Volume)
	if e.Path != "" {
		s += fmt.Sprintf("%q: ", e.Path)
	}
	return s + e.Err.Error()
}

func (e *PathError) Unwrap() error { return e.Err }

// pathError gives err the place of a path on a mount.
func (m *Mount) pathError(path string, n filesystem.Inum, err error) error {
	return &PathError{Image: m.Image, Volume: m.Volume.Slot, Path: path, Inode: n, Err: err}
}
