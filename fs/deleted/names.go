package deleted

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
)

// owner is a directory that had a block from a moment on.
type owner struct {
	dir     *filesystem.Inode
	logical int64
	from    int64
}

// A sight is a name as one copy of a directory block shows it.
type sightKey struct {
	parent, n filesystem.Inum
	name      string
}

type sight struct {
	at, until int64 // moments: of the copy, and of the next copy of that block
	slack     bool  // deleted there already
	typ       filesystem.FileType
}

// lifeName is one name that a life had.
type lifeName struct {
	sightKey
	first, at, until int64
	slack            bool
	typ              filesystem.FileType
}

// upward is the parent of a directory as its ".." says it.
type upward struct {
	parent filesystem.Inum
	at     int64
}

func (e *engine) ownDir(in *filesystem.Inode, at int64) {
	if e.j == nil || in.Flags&filesystem.FlagInlineData != 0 {
		return
	}
	c, _ := e.f.Content(in) // BuildIndex tells of the damage
	if c != nil {
		e.ownBlocks(in.Clone(), c, at)
	}
}

// ownDirAt is ownDir for a directory as a copy has it.
func (e *engine) ownDirAt(in *filesystem.Inode, at int64) {
	if in.Flags&filesystem.FlagInlineData != 0 {
		e.inline = append(e.inline, state{in, at, at})
		return
	}
	if c, _ := e.content(in, at); c != nil {
		e.ownBlocks(in, c, at)
	}
}

func (e *engine) ownBlocks(in *filesystem.Inode, c filesystem.Content, at int64) {
	for _, run := range c.Extents() {
		if run.Kind != filesystem.Data || run.Length <= 0 {
			continue
		}
		lo, hi := e.j.copied(run.Offset/e.block, (run.Offset+run.Length)/e.block)
		for _, block := range e.j.blocks[lo:hi] {
			offset := block * e.block
			list := e.owners[offset]
			logical := run.Logical + offset - run.Offset
			if slices.ContainsFunc(list, func(o owner) bool {
				return o.dir.Inum == in.Inum && o.dir.Generation == in.Generation && o.logical == logical
			}) || len(list) >= 16 {
				continue
			}
			e.owners[offset] = append(list, owner{in, logical, at})
		}
	}
}

// ownerOf chooses the directory that had a block at a moment: the last that got
// it before then, else the first that got it after.
func (e *engine) ownerOf(block int64, at int64, buf []byte) (owner, bool) {
	list := e.owners[block*e.block]
	best := -1
	for i := range list {
		o := &list[i]
		switch {
		case best < 0, o.from <= at && (list[best].from > at || o.from > list[best].from), o.from > at && o.from < list[best].from:
			if e.fits(o.dir, o.logical, buf) {
				best = i
			}
		}
	}
	if best < 0 {
		// Its first block names the directory itself.
		return e.selfOwner(buf, at)
	}
	return list[best], true
}

func (e *engine) selfOwner(buf []byte, at int64) (owner, bool) {
	entries, ok := e.f.DirBlock(0, buf, 0)
	if !ok || len(entries) < 2 || string(entries[0].Name) != "." || !entries[0].Allocated {
		return owner{}, false
	}
	return owner{&filesystem.Inode{Inum: entries[0].Inum}, 0, at}, true
}

// readNames reads the copies of directory blocks, and the slack of the tree.
func (e *engine) readNames() error {
	if e.j != nil {
		if err := e.journalNames(); err != nil {
			return err
		}
	}
	for i := range e.index.Len() {
		if _, gone := e.index.Flags(i); !gone {
			continue
		}
		switch n := e.index.Inum(i); {
		case n == 0:
		case e.simplyLives(n, onDisk):
			e.former++
		default:
			name := e.index.At(i)
			e.see(name.Parent, n, path.Base(name.Path), sight{onDisk, onDisk, true, name.Type})
		}
	}
	return nil
}

func (e *engine) journalNames() error {
	next := make([]int64, len(e.j.copies))
	following := map[int64]int64{}
	for i := len(e.j.copies) - 1; i >= 0; i-- {
		c := &e.j.copies[i]
		next[i] = onDisk
		if at, ok := following[c.Block]; ok {
			next[i] = at
		}
		following[c.Block] = int64(c.Transaction)
	}
	for i := range e.inline {
		e.inlineNames(e.inline[i].in, e.inline[i].at)
	}
	buf := make([]byte, e.block)
	for i := range e.j.copies {
		c := &e.j.copies[i]
		if _, n := e.f.InodesOf(c.Block); n > 0 {
			continue
		}
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := e.j.ReadCopy(*c, buf); err != nil {
			e.fail(err)
			continue
		}
		o, ok := e.ownerOf(c.Block, int64(c.Transaction), buf)
		if !ok {
			continue
		}
		e.blockNames(o, buf, c.Offset, int64(c.Transaction), next[i])
	}
	// Of deleted directories, what stands in their blocks today.
	for _, l := range e.lives {
		if l.living || l.open || len(l.states) == 0 || l.states[0].in.Mode.Type() != filesystem.Directory {
			continue
		}
		for i := len(l.states) - 1; i >= 0; i-- {
			s := &l.states[i]
			if !used(s.in) || s.at == onDisk || s.in.Flags&filesystem.FlagInlineData != 0 {
				continue
			}
			c, _ := e.content(s.in, s.to)
			if c == nil {
				break
			}
			for _, run := range c.Extents() {
				for k := int64(0); run.Kind == filesystem.Data && k < min(run.Length, 64<<20) && e.ctx.Err() == nil; k += e.block {
					if !e.free(run.Offset + k) {
						continue
					}
					if n, _ := c.ReadAt(buf, run.Logical+k); n == len(buf) && e.fits(s.in, run.Logical+k, buf) {
						e.blockNames(owner{s.in, run.Logical + k, l.begin}, buf, run.Offset+k, max(l.end-1, l.begin), l.end)
					}
				}
			}
			break
		}
	}
	return nil
}

func (e *engine) blockNames(o owner, buf []byte, offset, at, until int64) {
	entries, _ := e.f.DirBlock(o.dir.Inum, buf, offset)
	for i := range entries {
		e.seeEntry(&entries[i], at, until)
	}
}

func (e *engine) inlineNames(in *filesystem.Inode, at int64) {
	for entry, err := range e.f.Directory(e.ctx, in) {
		if err == nil {
			e.seeEntry(&entry, at, at+1)
		}
	}
}

func (e *engine) seeEntry(entry *filesystem.Entry, at, until int64) {
	if string(entry.Name) == ".." && entry.Allocated && !e.simplyLives(entry.Parent, at) {
		if list := e.up[entry.Parent]; len(list) < maxNames {
			e.up[entry.Parent] = append(list, upward{entry.Inum, at})
		}
		return
	}
	if entry.IsDot() || entry.Inum == 0 || entry.Inum == entry.Parent || len(entry.Name) == 0 {
		return
	}
	if e.simplyLives(entry.Inum, at) {
		return
	}
	s := sight{at, until, !entry.Allocated, entry.Type}
	if entry.Encrypted {
		return // ciphertext names nothing that could be found again
	}
	e.see(entry.Parent, entry.Inum, string(entry.Name), s)
}

func (e *engine) see(parent, n filesystem.Inum, name string, s sight) {
	k := sightKey{parent, n, name}
	list := e.sights[k]
	if i := len(list) - 1; i >= 0 && list[i].slack == s.slack && s.at <= list[i].until && s.at >= list[i].at {
		list[i].until = max(list[i].until, s.until)
		list[i].at = s.at
		return
	}
	if e.seen >= maxSights {
		e.note("There are more deleted names than are looked at; the latest are left out.")
		return
	}
	e.seen++
	e.sights[k] = append(list, s)
}

// simplyLives reports whether an inode was the same living file at a moment as
// it is today, so that its names are of no interest here.
func (e *engine) simplyLives(n filesystem.Inum, at int64) bool {
	if n == e.f.Root() {
		return true
	}
	lives := e.byInum[n]
	if len(lives) > 1 {
		return false
	}
	if len(lives) == 1 && !lives[0].living {
		return false
	}
	lived, ok := e.live[n]
	if !ok {
		if e.live == nil {
			e.live = map[filesystem.Inum]bool{}
		}
		in, err := e.f.Inode(n)
		lived = err != nil || in.Allocated && in.Links > 0
		e.live[n] = lived
		if err == nil && lived && len(lives) == 0 && in.Times.Born.Known {
			// Kept as a life of its own, whose birth bounds what names are its own.
			l := &life{n: n, begin: neverBegan, end: onDisk, living: true, states: []state{{in: in, at: onDisk, to: onDisk}}}
			if e.bornAfter(l, at) {
				e.byInum[n] = append(e.byInum[n], l)
				return false
			}
		}
	}
	return lived && !(len(lives) == 1 && e.bornAfter(lives[0], at))
}

// bornAfter reports whether a file was born after the commit of a moment.
func (e *engine) bornAfter(l *life, at int64) bool {
	when := e.when(at)
	if when.IsZero() || len(l.states) == 0 {
		return false
	}
	born := l.states[len(l.states)-1].in.Times.Born
	return born.Known && born.Sec > when.Unix()+1
}

// assign gives every sighting to the life that it belongs to.
func (e *engine) assign() error {
	keys := make([]sightKey, 0, len(e.sights))
	for k := range e.sights {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b sightKey) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.parent, b.parent), strings.Compare(a.name, b.name))
	})
	ghosts := map[filesystem.Inum]*life{}
	for _, slack := range []bool{false, true} {
		for _, k := range keys {
			for _, s := range e.sights[k] {
				if s.slack == slack {
					e.give(k, s, ghosts)
				}
			}
		}
	}
	for _, l := range e.lives {
		l.sortNames()
	}
	clear(e.sights)
	return nil
}

func (e *engine) give(k sightKey, s sight, ghosts map[filesystem.Inum]*life) {
	var l *life
	switch {
	case !s.slack:
		l = e.lifeAt(k.n, s.at)
		if l != nil && l.living && e.bornAfter(l, s.at) {
			l = nil
		}
	default:
		// What is deleted already belongs to the last file that died, if
		// nothing better is known of it, and it may be a living one's former name.
		for _, other := range e.byInum[k.n] {
			if !other.living {
				l = other
			} else if in := other.states[len(other.states)-1].in; s.typ == filesystem.Unknown || in.Mode.Type() == s.typ {
				return
			}
		}
		if l == nil && len(e.byInum[k.n]) > 0 {
			return
		}
	}
	if l == nil {
		if l = ghosts[k.n]; l == nil {
			l = &life{n: k.n, begin: neverBegan, end: onDisk}
			if in, err := e.f.Inode(k.n); err == nil && in.Allocated && in.Links > 0 {
				l.reusedBy = k.n
			}
			ghosts[k.n] = l
			e.lives = append(e.lives, l)
			e.byInum[k.n] = append([]*life{l}, e.byInum[k.n]...)
		}
	}
	if t := l.fileType(); t != filesystem.Unknown && s.typ != filesystem.Unknown && t != s.typ {
		return // another file's
	}
	for _, n := range l.names {
		if n.sightKey == k {
			n.at, n.until, n.first = max(n.at, s.at), max(n.until, s.until), min(n.first, s.at)
			n.slack = n.slack && s.slack
			return
		}
	}
	if len(l.names) < maxNames || !s.slack {
		l.names = append(l.names, &lifeName{k, s.at, s.at, s.until, s.slack, s.typ})
	}
}

func (l *life) fileType() filesystem.FileType {
	for i := len(l.states) - 1; i >= 0; i-- {
		if t := l.states[i].in.Mode.Type(); t != filesystem.Unknown {
			return t
		}
	}
	for _, n := range l.names {
		if n.typ != filesystem.Unknown {
			return n.typ
		}
	}
	return filesystem.Unknown
}

// sortNames puts the name that the file had at its end first. A program that
// shreds a file renames it to zeros before: then it is the name before that.
func (l *life) sortNames() {
	slices.SortStableFunc(l.names, func(a, b *lifeName) int {
		if a.slack != b.slack {
			if b.slack {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(min(b.until, l.end), min(a.until, l.end)), cmp.Compare(b.at, a.at), strings.Compare(a.name, b.name), cmp.Compare(a.parent, b.parent))
	})
	for len(l.names) > 1 && strings.Trim(l.names[0].name, "0") == "" {
		i := slices.IndexFunc(l.names, func(n *lifeName) bool {
			return !n.slack && n.parent == l.names[0].parent && strings.Trim(n.name, "0") != "" && len(n.name) >= len(l.names[0].name)
		})
		if i < 0 {
			break
		}
		real := l.names[i]
		l.names = slices.Insert(slices.Delete(l.names, i, i+1), 0, real)
	}
}

// resolve gives a life its path.
func (e *engine) resolve(l *life, depth int) (string, bool) {
	if l.resolved {
		return l.path, l.whole
	}
	orphan := filesystem.OrphanPath(l.n)
	if l.resolving || depth > maxDepth {
		return orphan, false
	}
	l.resolving = true
	defer func() { l.resolving = false }()
	l.path, l.whole = orphan, false
	switch {
	case l.living && e.index.Path(l.n) != "":
		l.path, l.whole = e.index.Path(l.n), true
	case len(l.names) > 0:
		l.path, l.whole = e.join(l.names[0], depth)
	default:
		// Where it was may be known though its name is not.
		for _, u := range e.up[l.n] {
			if l.fileType() == filesystem.Directory && u.at >= l.begin && u.at <= l.end && u.parent != l.n {
				l.path, _ = e.join(&lifeName{sightKey: sightKey{u.parent, l.n, fmt.Sprintf("$Orphan-%d", l.n)}, at: u.at}, depth)
			}
		}
	}
	l.resolved = true
	return l.path, l.whole
}

// join gives the path of a name.
func (e *engine) join(n *lifeName, depth int) (string, bool) {
	dir, whole := "", true
	switch {
	case n.parent == e.f.Root():
	default:
		at := n.at
		l := e.lifeAt(n.parent, at)
		if l != nil && l.fileType() != filesystem.Directory {
			l = nil
		}
		switch {
		case l != nil:
			dir, whole = e.resolve(l, depth+1)
		case e.index.Path(n.parent) != "":
			dir = e.index.Path(n.parent)
		default:
			dir, whole = filesystem.OrphanPath(n.parent), false
		}
	}
	if len(dir)+len(n.name) > maxPath {
		dir, whole = filesystem.OrphanPath(n.parent), false
	}
	return strings.TrimSuffix(dir, "/") + "/" + n.name, whole
}

// allZero reports whether nothing but zeros is in p.
func allZero(p []byte) bool { return len(bytes.TrimLeft(p, "\x00")) == 0 }
