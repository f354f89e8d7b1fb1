package host

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"deadbox/fs/filesystem"
)

// Subtree is a directory of the server that holds another system's files: a
// container's layer, a machine, a chroot. They are not the server's own.
type Subtree struct {
	Path    string    // of the directory on the server, free of symbolic links
	Kind    string    // one of the constants SubtreeLayer and following
	Store   string    // whose it is: "docker", "containerd", "podman", "lxc", "lxd", "incus", "nspawn"; "" if none is known
	ID      string    // of the container or layer
	Name    string    // of the container or machine; "" if it has none
	Image   string    // what a container or layer was made of: "nginx:1.25"; "" if that is not known
	Merged  string    // where the running container saw all layers together; "" if it is not known
	Layers  []string  // the directories that a container is made of, its own first, then each one's parent
	OS      string    // what the os-release in it says; "" if there is none
	Created time.Time // UTC; zero if it is not known

	once     sync.Once
	packages *PackageSet
}

// Kinds of subtrees.
const (
	SubtreeLayer      = "container-layer"       // what one container changed
	SubtreeImageLayer = "container-image-layer" // a part of an image, which containers do not change
	SubtreeContainer  = "container"             // the whole root of a container
	SubtreeChroot     = "chroot"                // a system that chroot or debootstrap made, or a copy of one
	SubtreeMachine    = "machine"               // of systemd-nspawn or another manager
	SubtreeSnapshot   = "snapshot"              // an earlier state of a system
	SubtreeSystem     = "system"                // another system's root on a volume of its own
)

// Trees lists the subtrees, sorted by path: the layers and roots of Docker,
// containerd, Podman, CRI-O, LXC, LXD, Incus and systemd-nspawn, by their own
// metadata, and any directory that looks like the root of a system. With the indexes
// built ([Host.BuildIndexes]) all directories are looked at, else those down to the
// fourth level. The result is made once, and is not to be changed.
func (h *Host) Trees() []*Subtree {
	h.treesOnce.Do(func() {
		t := &treeFinder{h: h, found: map[string]*Subtree{}}
		h.isLayer("/")
		for _, s := range h.layers {
			t.add(s)
		}
		t.walk()
		for _, s := range t.found {
			if s.OS == "" {
				if in := h.Below(s.Path); in != nil {
					in.readRelease()
					s.OS = in.OS
				}
			}
			h.trees = append(h.trees, s)
		}
		slices.SortFunc(h.trees, func(a, b *Subtree) int { return strings.Compare(a.Path, b.Path) })
		h.treeAt = t.found
		h.treeTops = map[string]bool{}
		for p := range t.found {
			h.treeTops[top(p)] = true
		}
	})
	return h.trees
}

// top is the first element of a path.
func top(p string) string {
	if i := strings.IndexByte(p[min(1, len(p)):], '/'); i >= 0 {
		return p[:i+1]
	}
	return p
}

// SubtreeOf gives the innermost subtree that a path lies in; nil if it is the
// server's own. The directory of a subtree itself is in it.
func (h *Host) SubtreeOf(p string) *Subtree {
	if len(h.Trees()) == 0 || !h.treeTops[top(p)] {
		return nil
	}
	for len(p) > 1 {
		if t := h.treeAt[p]; t != nil {
			return t
		}
		p = p[:max(strings.LastIndexByte(p, '/'), 0)]
	}
	return nil
}

// TreeNotes says what subtrees there are, and what could not be told of them, a
// sentence each.
func (h *Host) TreeNotes() []string {
	count := map[string]int{}
	for _, t := range h.Trees() {
		count[t.Kind]++
	}
	if len(count) == 0 {
		return nil
	}
	var parts []string
	for _, k := range []struct{ kind, one string }{
		{SubtreeLayer, "layer of a container"}, {SubtreeImageLayer, "layer of an image"}, {SubtreeContainer, "root of a container"}, {SubtreeMachine, "machine"},
		{SubtreeChroot, "chroot"}, {SubtreeSnapshot, "snapshot"}, {SubtreeSystem, "system on another volume"},
	} {
		if n := count[k.kind]; n > 0 {
			noun, rest, _ := strings.Cut(k.one, " ")
			parts = append(parts, strings.TrimRight(plural(n, noun)+" "+rest, " "))
		}
	}
	return append([]string{"the server keeps other systems' files, which are not taken for its own: " + strings.Join(parts, ", ")}, h.treeNotes...)
}

// PackagedAt reports whether a package lists a path: of the server's own
// packages, or, in a subtree, of that system's. known is false where that cannot be
// told: there is no package database that can be read, or the path lies in a layer of
// an image, whose files come with the image.
func (h *Host) PackagedAt(p string) (packaged, known bool) {
	t := h.SubtreeOf(p)
	if t == nil {
		s := h.Packaged()
		return s.Contains(p), s.Known()
	}
	within := p[len(t.Path):]
	layers := t.Layers
	if len(layers) == 0 {
		layers = []string{t.Path}
	}
	for _, dir := range layers {
		layer := h.treeAt[dir]
		if layer == nil {
			continue
		}
		s := layer.own(h)
		known = known || s.Known()
		if s.Contains(within) {
			return true, true
		}
	}
	return false, known && t.Kind != SubtreeImageLayer
}

// Vouched reports whether a package brings a path. Of files that a manager of
// containers or machines keeps it says yes where that is not known, as in the layers of
// an image, which came with them; not in the layer of a container, which holds what was
// changed while it ran, and not in what merely looks like a system, which anybody can make.
func (h *Host) Vouched(p string) bool {
	packaged, known := h.PackagedAt(p)
	if packaged || known {
		return packaged
	}
	t := h.SubtreeOf(p)
	return t != nil && t.Store != "" && t.Kind != SubtreeLayer
}

// own is the package database in a subtree.
func (t *Subtree) own(h *Host) *PackageSet {
	t.once.Do(func() {
		if in := h.Below(t.Path); in != nil {
			t.packages = in.Packaged()
		} else {
			t.packages = &PackageSet{host: h}
		}
	})
	return t.packages
}

// isLayer reports whether a directory is one that a container manager's
// metadata name, which need not look like a system's root. Only the containers' stores
// are read for it.
func (h *Host) isLayer(p string) bool {
	h.layersOnce.Do(func() {
		h.layers = map[string]*Subtree{}
		for _, s := range h.containerStores() {
			if h.layers[s.Path] == nil {
				h.layers[s.Path] = s
			}
		}
	})
	return h.layers[p] != nil
}

// treeFinder looks for the roots of systems.
type treeFinder struct {
	h     *Host
	found map[string]*Subtree
}

func (t *treeFinder) add(s *Subtree) {
	if s.Path != "" && s.Path != "/" && t.found[s.Path] == nil {
		t.found[s.Path] = s
	}
}

// plain are directories of every system, in which nobody keeps another's
// root, or which hold too much to look at without an index.
var plain = map[string]bool{
	"/bin": true, "/boot": true, "/dev": true, "/etc": true, "/lib": true, "/lib32": true, "/lib64": true, "/libx32": true, "/proc": true, "/run": true,
	"/sbin": true, "/sys": true, "/usr": true, "/var/cache/apt": true, "/var/cache/man": true, "/var/lib/dpkg": true, "/var/lib/apt": true, "/var/lib/rpm": true,
	"/var/log": true, "/var/mail": true, "/var/spool": true,
}

// anybodys are directories in which every account can make what looks like a
// system's root, to hide something in it.
var anybodys = map[string]bool{"/tmp": true, "/var/tmp": true, "/dev/shm": true, "/run": true}

const (
	maxTreeDepth = 4       // without an index
	maxTreeDirs  = 5000    // without an index
	maxTreeWalk  = 8 << 20 // directories, with an index
	maxTrees     = 1 << 16
)

// walk looks at directories, the upper ones first.
func (t *treeFinder) walk() {
	type dir struct {
		path  string
		node  Node
		depth int
	}
	h := t.h
	todo := []dir{{"/", h.Root(), 0}}
	seen := map[Node]bool{}
	for n := 0; n < len(todo) && len(t.found) < maxTrees; n++ {
		d := todo[n]
		todo[n] = dir{}
		if d.node.Mount != nil {
			if seen[d.node] {
				continue
			}
			seen[d.node] = true
		}
		if t.found[d.path] != nil && d.path != "/" {
			continue // what lies in it is the subtree's
		}
		indexed := d.node.Mount == nil || d.node.Mount.Index != nil
		if !indexed && (d.depth > maxTreeDepth || n > maxTreeDirs) || n > maxTreeWalk || len(d.path) > maxPath {
			continue
		}
		list, _ := h.List(d.node, d.path)
		if d.path != "/" && d.node.Mount != nil && looksLikeRoot(list) && h.isSystem(d.path) {
			t.add(t.system(d.path, d.node))
			continue
		}
		prefix := strings.TrimSuffix(d.path, "/") + "/"
		for _, c := range list {
			p := prefix + c.Name
			if c.Type == filesystem.Directory && (indexed || !plain[p]) {
				todo = append(todo, dir{p, c.Node, d.depth + 1})
			}
		}
	}
}

// looksLikeRoot reports whether a directory's names are those of a system's
// root.
func looksLikeRoot(list []Child) bool {
	has := 0
	for i := range list {
		switch list[i].Name {
		case "etc", "usr", "bin":
			has++
		}
	}
	return has == 3
}

// isSystem reports whether a directory holds a system: accounts, a release
// file, a shell. It does not where anybody could make it.
func (h *Host) isSystem(dir string) bool {
	for p := dir; len(p) > 1; p = path.Dir(p) {
		if anybodys[p] {
			return false
		}
	}
	in := h.Below(dir)
	if in == nil {
		return false
	}
	exists := func(paths ...string) bool {
		return slices.ContainsFunc(paths, func(p string) bool {
			_, _, _, err := in.Find(p, p == "/bin/sh")
			return err == nil
		})
	}
	return exists("/etc/passwd") && exists("/bin/sh", "/usr/bin/sh", "/bin/busybox") &&
		exists("/etc/os-release", "/usr/lib/os-release", "/etc/debian_version", "/etc/redhat-release", "/etc/alpine-release", "/etc/lsb-release", "/etc/gentoo-release", "/etc/slackware-version", "/etc/SuSE-release")
}

// system describes the root of a system by where it lies.
func (t *treeFinder) system(p string, n Node) *Subtree {
	s := &Subtree{Path: p, Kind: SubtreeChroot, Name: path.Base(p)}
	switch {
	case n.Inum == n.Mount.FS.Root() && n.Mount.Point == p:
		s.Kind, s.Name = SubtreeSystem, n.Mount.Volume.Slot
	case strings.Contains(p, "/.snapshots/") || strings.Contains(p, "/timeshift/snapshots/") || strings.Contains(p, "/containers-snapshots/"):
		s.Kind = SubtreeSnapshot
	case strings.HasPrefix(p, "/var/lib/machines/") || strings.HasPrefix(p, "/var/lib/portables/"):
		s.Kind, s.Store = SubtreeMachine, "nspawn"
	case strings.HasPrefix(p, "/var/lib/libvirt/filesystems/") || strings.HasPrefix(p, "/var/lib/vz/"):
		s.Kind = SubtreeMachine
	}
	if s.Kind != SubtreeSystem {
		if in, err := n.Mount.FS.Inode(n.Inum); err == nil && in.Times.Born.Known {
			s.Created = in.Times.Born.Std()
		}
	}
	return s
}

// dirs lists the directories in a directory, links left out.
func (h *Host) dirs(p string) []string {
	var out []string
	for _, c := range h.listQuiet(p) {
		if c.Type == filesystem.Directory {
			out = append(out, c.Name)
		}
	}
	return out
}

// isDir reports whether a path is a directory.
func (h *Host) isDir(p string) bool {
	_, in, _, err := h.Find(p, true)
	return err == nil && in.Mode.Type() == filesystem.Directory
}

// realDir is the path of a directory without symbolic links; "" if it is none.
func (h *Host) realDir(p string) string {
	_, in, real, err := h.Find(p, true)
	if err != nil || in.Mode.Type() != filesystem.Directory {
		return ""
	}
	return real
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// lessTree orders what a store yields.
func lessTree(a, b *Subtree) int { return cmp.Compare(a.Path, b.Path) }
