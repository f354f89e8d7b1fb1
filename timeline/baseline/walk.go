package baseline

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
)

// maxPath bounds the paths of the comparison: the kernel makes deeper trees
// than any program can name.
const maxPath = 64 << 10

// A met is one path of the walk: what each side has there.
type met struct {
	path   string
	a, b   host.Node // without a Mount: not there, or nothing to compare
	na, nb *node     // nil with them, or if the inode is not readable
	moved  bool      // of a directory: names in it came, went or were replaced
	bare   bool      // one side has it only as the way to something mounted below
}

// walk goes through both trees at the same time. visit is called once for
// each path, for directories after what they hold; it reports whether the name came,
// went or was replaced.
func (d *differ) walk(visit func(m *met) bool) {
	d.a.visited, d.b.visited = map[host.Node]bool{}, map[host.Node]bool{}
	m := met{path: "/", a: d.a.host.Root(), b: d.b.host.Root()}
	m.na, m.nb = d.a.node(m.a, "/", d), d.b.node(m.b, "/", d)
	d.later = nil
	m.moved = d.children("/", "/", m.a, m.b, true, true, visit)
	for len(d.later) > 0 {
		l := d.later[0]
		d.later = d.later[1:]
		d.children(l.path, l.pathB, l.a, l.b, l.inA, !l.inA, visit)
	}
	m.bare = m.a.Mount == nil || m.b.Mount == nil
	visit(&m)
}

// node finds what is kept of a file; inodes that the scan did not see, as
// they are not allocated, are read.
func (s *side) node(n host.Node, path string, d *differ) *node {
	if n.Mount == nil {
		return nil
	}
	t := s.tables[n.Mount]
	if x := t.find(n.Inum); x != nil {
		return x
	}
	in, err := inode(n)
	if err != nil {
		d.errs = append(d.errs, pathError(n, path, err))
		return nil
	}
	return &node{inum: uint64(in.Inum), mode: in.Mode, data: -1, core: uint64(in.Inum), full: uint64(in.Inum), multi: true}
}

// list lists a directory of one side, once: what a second name of a
// directory would show has been compared under its first.
func (s *side) list(dir host.Node, path string, isDir bool, d *differ) []host.Child {
	if !isDir || dir.Mount != nil && s.visited[dir] {
		return nil
	}
	if dir.Mount != nil {
		s.visited[dir] = true
	}
	list, err := s.host.List(dir, path)
	if err != nil {
		d.errs = append(d.errs, pathError(dir, path, err))
	}
	return slices.CompactFunc(list, func(x, y host.Child) bool {
		if x.Name != y.Name {
			return false
		}
		d.errs = append(d.errs, pathError(y.Node, join(path, y.Name), errors.New("the directory has this name twice; the first is compared")))
		return true
	})
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// oneSided is a directory that only one side has. What it holds is looked at
// after everything that both sides have: a second name that somebody gave to a directory
// must not take it away from its old place.
type oneSided struct {
	path, pathB string
	a, b        host.Node
	inA         bool // it is the image that has it
}

// children compares two directories; the paths differ only below unnamed
// volumes whose slots differ. It reports whether names came, went or were replaced.
func (d *differ) children(pathA, pathB string, a, b host.Node, inA, inB bool, visit func(*met) bool) (moved bool) {
	if d.ctx.Err() != nil {
		return false
	}
	if len(pathA) > maxPath || len(pathB) > maxPath {
		d.errs = append(d.errs, pathError(a, pathA[:64]+"...", errors.New("the path is too long; what is below is not compared")))
		return false
	}
	listA, listB := d.a.list(a, pathA, inA, d), d.b.list(b, pathB, inB, d)
	if pathA == "/" {
		d.alignUnnamed(listA, listB)
	}
	for len(listA) > 0 || len(listB) > 0 {
		order := 0
		switch {
		case len(listA) == 0:
			order = 1
		case len(listB) == 0:
			order = -1
		default:
			order = strings.Compare(listA[0].Name, listB[0].Name)
		}
		var ca, cb *host.Child
		if order <= 0 {
			ca, listA = &listA[0], listA[1:]
		}
		if order >= 0 {
			cb, listB = &listB[0], listB[1:]
		}
		if d.pair(pathA, pathB, ca, cb, visit) {
			moved = true
		}
	}
	return moved
}

// alignUnnamed gives an unnamed volume of the baseline the name of its
// counterpart on the image.
func (d *differ) alignUnnamed(listA, listB []host.Child) {
	for i := range listB {
		c := &listB[i]
		if !c.Mount || !unnamed(c.Node.Mount) {
			continue
		}
		if m := counterpart(c.Node.Mount, d.b.host, d.a.host); m != nil {
			c.Name = m.Point[1:]
		}
	}
	slices.SortStableFunc(listB, func(x, y host.Child) int { return strings.Compare(x.Name, y.Name) })
}

// pair compares one name of two directories and what is below it.
func (d *differ) pair(dirA, dirB string, ca, cb *host.Child, visit func(*met) bool) bool {
	var m met
	pathB := ""
	if ca != nil {
		m.path, m.a = join(dirA, ca.Name), ca.Node
	}
	if cb != nil {
		pathB, m.b = join(dirB, cb.Name), cb.Node
		if cb.Mount && cb.Node.Mount != nil {
			pathB = cb.Node.Mount.Point
		}
		if ca == nil {
			m.path = join(dirA, cb.Name)
		}
	}
	if d.alone(m.path, ca, cb) {
		return false
	}
	m.na, m.nb = d.a.node(m.a, m.path, d), d.b.node(m.b, m.path, d)
	dir := func(c *host.Child, n *node) bool {
		switch {
		case c == nil:
			return false
		case n == nil:
			return c.Node.Mount == nil // a directory that is there only for what is mounted below
		}
		return n.mode.Type() == filesystem.Directory
	}
	switch inA, inB := dir(ca, m.na), dir(cb, m.nb); {
	case inA && inB:
		m.moved = d.children(m.path, pathB, m.a, m.b, true, true, visit)
	case inA || inB:
		d.later = append(d.later, oneSided{m.path, pathB, m.a, m.b, inA})
	}
	if m.a.Mount == nil && m.b.Mount == nil {
		return false
	}
	m.bare = ca != nil && m.a.Mount == nil || cb != nil && m.b.Mount == nil
	return visit(&m)
}

// alone reports whether a volume has nothing to be compared with, because
// the other side's volume for this place is not part of its evidence.
func (d *differ) alone(path string, ca, cb *host.Child) bool {
	mountA, mountB := ca != nil && ca.Mount, cb != nil && cb.Mount
	var reason string
	switch {
	case mountA && !mountB && (unnamed(ca.Node.Mount) || absentAt(d.b.host, ca.Node.Mount.Point)):
		reason = "not compared: the baseline has no file system to compare this one with"
	case mountB && !mountA && (unnamed(cb.Node.Mount) || absentAt(d.a.host, cb.Node.Mount.Point)):
		reason = "not compared: the image has no file system to compare the baseline's with"
	default:
		return false
	}
	n := host.Node{}
	if mountA {
		n = ca.Node
	} else {
		n = cb.Node
	}
	d.errs = append(d.errs, pathError(n, path, errors.New(reason)))
	return true
}

// A pair is two regular files that are to be compared.
type pair struct {
	na, nb *node
	ma, mb uint16 // their mounts
	state  uint8
}

func (d *differ) nodeA(p *pair) host.Node {
	return host.Node{Mount: d.a.host.Mounts[p.ma], Inum: filesystem.Inum(p.na.inum)}
}

func (d *differ) nodeB(p *pair) host.Node {
	return host.Node{Mount: d.b.host.Mounts[p.mb], Inum: filesystem.Inum(p.nb.inum)}
}

const (
	pending = iota
	equal
	different
	unreadable
)

// failure is what could not be read of the two files of a pair.
type failure struct{ a, b error }

// comparable reports whether only the content can say if two files differ.
// The sizes are not kept: whether they are equal is seen when the files are opened.
func (m *met) comparable() bool {
	return m.na != nil && m.nb != nil && m.na.mode.Type() == filesystem.Regular && m.nb.mode.Type() == filesystem.Regular &&
		(m.na.data != 0 || m.nb.data != 0 || m.na.core != m.nb.core)
}

// collect is the first visit: it notes which contents have to be compared.
func (d *differ) collect(m *met) bool {
	if !m.comparable() {
		return false
	}
	key := [2]host.Node{m.a, m.b}
	if m.na.multi || m.nb.multi {
		if i, ok := d.linked[key]; ok {
			d.seq = append(d.seq, i)
			return false
		}
		d.linked[key] = int32(len(d.pairs))
	}
	d.seq = append(d.seq, int32(len(d.pairs)))
	p := pair{na: m.na, nb: m.nb, ma: uint16(slices.Index(d.a.host.Mounts, m.a.Mount)), mb: uint16(slices.Index(d.b.host.Mounts, m.b.Mount))}
	errA := d.a.ledgers[m.a.Mount].Admit(content.Layout{Data: max(m.na.data, 0), Size: max(m.na.data, 0)})
	errB := d.b.ledgers[m.b.Mount].Admit(content.Layout{Data: max(m.nb.data, 0), Size: max(m.nb.data, 0)})
	if errA != nil || errB != nil {
		p.state = unreadable
		d.failed[int32(len(d.pairs))] = failure{errA, errB}
	}
	d.pairs = append(d.pairs, p)
	return false
}

// compare reads the pairs, in the order of the image's disk.
func (d *differ) compare() {
	var total int64
	for i := range d.pairs {
		total += max(d.pairs[i].na.data, 0)
	}
	var done atomic.Int64
	var mu sync.Mutex
	content.InDiskOrder(d.ctx, len(d.pairs), d.opt.Workers, func(i int) int64 {
		p := &d.pairs[i]
		return p.na.first + d.a.host.Mounts[p.ma].Volume.Offset
	}, func(w *content.Worker, i int) {
		p := &d.pairs[i]
		if p.state == pending {
			var f failure
			p.state, f = d.comparePair(w, p)
			if p.state == unreadable {
				mu.Lock()
				d.failed[int32(i)] = f
				mu.Unlock()
			}
		}
		if d.opt.Progress != nil {
			d.opt.Progress(done.Add(max(p.na.data, 0)), total)
		}
	})
}

func (d *differ) comparePair(w *content.Worker, p *pair) (uint8, failure) {
	a, b := d.nodeA(p), d.nodeB(p)
	ca, errA := w.Open(a.Mount.FS, a.Inum)
	cb, errB := w.Open(b.Mount.FS, b.Inum)
	switch {
	case ca == nil || cb == nil:
		return unreadable, failure{errA, errB}
	case ca.Size() != cb.Size():
		return different, failure{}
	}
	same, errA, errB := content.Equal(ca, cb, w.A, w.B)
	switch {
	case errA != nil || errB != nil:
		return unreadable, failure{errA, errB}
	case same:
		return equal, failure{}
	}
	return different, failure{}
}

// judge is the second visit: it notes which paths differ.
func (d *differ) judge(m *met) (moved bool) {
	c := change{path: m.path, a: m.a, b: m.b, pair: -1, hashA: -1, hashB: -1, explained: m.moved}
	if m.comparable() {
		c.pair = d.seq[d.seqAt]
		d.seqAt++
	}
	there, was := m.a.Mount != nil, m.b.Mount != nil
	if m.bare {
		return !there || !was
	}
	same := d.same[[2]*host.Mount{m.a.Mount, m.b.Mount}]
	switch {
	case !there || !was:
		moved = true
	case m.na == nil || m.nb == nil:
		moved = same && m.a.Inum != m.b.Inum
	default:
		moved = m.na.mode.Type() != m.nb.mode.Type() || same && m.a.Inum != m.b.Inum
		if c.pair >= 0 && d.pairs[c.pair].state != equal {
			break
		}
		if same && m.na.full == m.nb.full || !same && m.na.core == m.nb.core {
			return moved
		}
	}
	d.changes = append(d.changes, c)
	return moved
}
