package main

import (
	"fmt"
	"math/rand/v2"
	"path"
	"sort"
	"strings"
	"time"
)

// A node is one inode of the server as it lives on, with the times that the
// kernel would give it.
type node struct {
	kind     byte // 'f', 'd', 'l'
	mode     uint32
	uid, gid uint32
	data     []byte
	target   string
	xattr    map[string]string

	atime, mtime, ctime, btime time.Time
	dtime                      time.Time // when its last name went

	path    string // "" once its last name is gone
	lastly  string // its path before that
	keep    bool   // deleted, and to be left on the disk as a deleted inode
	ino     int    // once it is on a disk
	onDisk  string // its path on the disk as last written
	written string // its data on the disk as last written
}

// tree is a small file system in memory, in which each operation happens at a
// time and has the effect on times that it has in Linux.
type tree struct {
	rng   *rand.Rand
	by    map[string]*node
	nodes []*node // in the order of their creation
}

func newTree(at time.Time) *tree {
	t := &tree{rng: rand.New(rand.NewPCG(20260402, 1)), by: map[string]*node{}}
	root := &node{kind: 'd', mode: 0o755, path: "/", ino: 2, onDisk: "/"}
	root.atime, root.mtime, root.ctime, root.btime = at, at, at, at
	t.by["/"] = root
	t.nodes = append(t.nodes, root)
	return t
}

// ns gives a second its fraction, as the clock of a server would.
func (t *tree) ns(at time.Time) time.Time {
	if at.Nanosecond() != 0 {
		return at
	}
	// The kernel stamps files with the tick's time: 4 ms apart at 250 Hz.
	return at.Add(time.Duration(t.rng.IntN(250))*4*time.Millisecond + time.Duration(t.rng.IntN(4000))*time.Nanosecond)
}

// has reports whether there is a file at p.
func (t *tree) has(p string) bool { return t.by[p] != nil }

func (t *tree) get(p string) *node {
	n := t.by[p]
	if n == nil {
		panic("no file " + p)
	}
	return n
}

func (t *tree) touchParent(p string, at time.Time) {
	d := t.by[path.Dir(p)]
	if d == nil || d.kind != 'd' {
		panic("no directory for " + p)
	}
	if at.After(d.mtime) {
		d.mtime = at
	}
	if at.After(d.ctime) {
		d.ctime = at
	}
}

func (t *tree) create(n *node, p string, at time.Time) *node {
	if t.by[p] != nil {
		panic("already there: " + p)
	}
	at = t.ns(at)
	n.path, n.lastly = p, p
	n.atime, n.mtime, n.ctime, n.btime = at, at, at, at
	t.by[p] = n
	t.nodes = append(t.nodes, n)
	t.touchParent(p, at)
	return n
}

// mkdir makes one directory.
func (t *tree) mkdir(p string, mode, uid, gid uint32, at time.Time) *node {
	return t.create(&node{kind: 'd', mode: mode, uid: uid, gid: gid}, p, at)
}

// mkdirs makes the directories that are missing on the way to p, owned by root.
func (t *tree) mkdirs(p string, at time.Time) {
	if t.by[p] != nil {
		return
	}
	t.mkdirs(path.Dir(p), at)
	t.mkdir(p, 0o755, 0, 0, at)
}

// file makes a regular file.
func (t *tree) file(p string, mode, uid, gid uint32, data string, at time.Time) *node {
	return t.create(&node{kind: 'f', mode: mode, uid: uid, gid: gid, data: []byte(data)}, p, at)
}

// symlink makes a symbolic link.
func (t *tree) symlink(p, target string, at time.Time) *node {
	return t.create(&node{kind: 'l', mode: 0o777, target: target}, p, at)
}

// write gives a file new content in the same inode.
func (t *tree) write(p, data string, at time.Time) *node {
	n := t.get(p)
	at = t.ns(at)
	n.data = []byte(data)
	n.mtime, n.ctime = at, at
	return n
}

func (t *tree) appendTo(p, data string, at time.Time) *node {
	n := t.get(p)
	at = t.ns(at)
	n.data = append(n.data, data...)
	n.mtime, n.ctime = at, at
	return n
}

// replace writes a new inode and renames it over p, as editors and dpkg do.
func (t *tree) replace(p, data string, at time.Time) *node {
	old := t.get(p)
	at = t.ns(at)
	tmp := p + ".tmp~"
	n := t.file(tmp, old.mode, old.uid, old.gid, data, at)
	t.remove(p, at)
	t.rename(tmp, p, at)
	return n
}

func (t *tree) rename(from, to string, at time.Time) {
	if t.by[to] != nil {
		t.remove(to, at)
	}
	n := t.get(from)
	at = t.ns(at)
	delete(t.by, from)
	t.by[to] = n
	n.path, n.lastly = to, to
	n.ctime = at
	t.touchParent(from, at)
	t.touchParent(to, at)
}

// remove takes the last name of a file. What the kernel then does to the
// inode: it is truncated, which sets its times, and gets its time of deletion.
func (t *tree) remove(p string, at time.Time) *node {
	n := t.get(p)
	at = t.ns(at)
	delete(t.by, p)
	n.path = ""
	n.mtime, n.ctime, n.dtime = at, at, at
	t.touchParent(p, at)
	return n
}

func (t *tree) chmod(p string, mode uint32, at time.Time) {
	n := t.get(p)
	n.mode, n.ctime = mode, t.ns(at)
}

func (t *tree) chown(p string, uid, gid uint32, at time.Time) {
	n := t.get(p)
	n.uid, n.gid, n.ctime = uid, gid, t.ns(at)
}

// setTimes is utimensat: the times that the caller says, and the change of the
// inode at at.
func (t *tree) setTimes(p string, atime, mtime, at time.Time) {
	n := t.get(p)
	n.atime, n.mtime, n.ctime = atime, mtime, t.ns(at)
}

// read is a read under relatime: the access time moves only if it is not
// later than the other two, or a day old.
func (t *tree) read(p string, at time.Time) {
	n := t.get(p)
	if !n.atime.After(n.mtime) || !n.atime.After(n.ctime) || at.Sub(n.atime) > 24*time.Hour {
		n.atime = t.ns(at)
	}
}

// under returns the paths below dir, sorted.
func (t *tree) under(dir string) []string {
	var out []string
	for p := range t.by {
		if strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") && p != "/" {
			out = append(out, p)
		}
	}
	sort.Strings(out)
	return out
}

func (n *node) String() string { return fmt.Sprintf("%c %s", n.kind, n.lastly) }
