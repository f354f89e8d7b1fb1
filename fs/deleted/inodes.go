package deleted

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// Bounds of what is kept, whatever the journal says.
const (
	maxStates  = 1 << 20 // copies of inodes
	maxSights  = 1 << 22 // sightings of names
	maxRuns    = 1 << 22 // runs of all versions
	maxDepth   = 512     // of deleted directories in each other
	maxNames   = 16      // further names of one file
	maxPath    = 16 << 10
	maxViews   = 1 << 15 // of the file system as of a transaction
	maxDamage  = 1000
	onDisk     = math.MaxInt64 // the moment of the image
	neverBegan = math.MinInt64
)

// engine carries what the steps of Find learn. A moment is the place of a
// transaction in the order of the journal, oldest first; onDisk is today.
type engine struct {
	ctx   context.Context
	f     *ext4.FS
	info  filesystem.Info
	block int64

	j      *journal
	inline []state // directories that lie in their inode
	index  *filesystem.Index
	damage []error
	untold int
	notes  []string

	states map[filesystem.Inum][]state // oldest first, the disk's last; only of inodes that changed, or are free
	count  int
	live   map[filesystem.Inum]bool // looked at on the disk

	lives    []*life
	byInum   map[filesystem.Inum][]*life // oldest first
	sights   map[sightKey][]sight
	seen     int
	owners   map[int64][]owner // by offset of a directory block
	up       map[filesystem.Inum][]upward
	views    int
	former   int // names in slack whose inode lives under another
	compared int
	found    []*version
	mapped   int
	freeMap  []filesystem.Extent
}

// state is an inode as one copy has it.
type state struct {
	in *filesystem.Inode
	at int64 // moment of the first copy that has it so
	to int64 // moment of the last
}

// life is one file: an inode from its birth to its end. The next file of the
// same number is another life.
type life struct {
	n          filesystem.Inum
	states     []state
	begin, end int64 // moments: names seen from begin on, before end, are its own
	living     bool  // allocated today, with links
	open       bool  // allocated today, without links
	reusedBy   filesystem.Inum
	names      []*lifeName
	path       string
	whole      bool
	resolving  bool
	resolved   bool
}

func newEngine(ctx context.Context, f *ext4.FS) *engine {
	info := f.Info()
	return &engine{
		ctx: ctx, f: f, info: info, block: info.BlockSize,
		states: map[filesystem.Inum][]state{}, byInum: map[filesystem.Inum][]*life{},
		sights: map[sightKey][]sight{}, owners: map[int64][]owner{}, up: map[filesystem.Inum][]upward{},
	}
}

func (e *engine) fail(err error) {
	if len(e.damage) < maxDamage {
		e.damage = append(e.damage, err)
	} else {
		e.untold++
	}
}

// note says something once.
func (e *engine) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(e.notes, s) {
		e.notes = append(e.notes, s)
	}
}

// readInodes walks the inode tables: what is unallocated, and where
// directories lie. It reads the live names, too.
func (e *engine) readInodes() error {
	for in, err := range e.f.Inodes(e.ctx) {
		if err != nil {
			e.fail(err)
			continue
		}
		if e.info.System[in.Inum] != "" {
			continue
		}
		dir := in.Mode.Type() == filesystem.Directory
		switch {
		case !in.Allocated || in.Links == 0:
			if blank(in) {
				continue
			}
			if e.count >= maxStates {
				e.note("There are more unallocated inodes than are looked at; the rest is left out.")
				continue
			}
			e.count++
			e.states[in.Inum] = append(e.states[in.Inum], state{in: in.Clone(), at: onDisk, to: onDisk})
		case dir:
			e.ownDir(in, onDisk)
		}
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	var errs []error
	e.index, errs = filesystem.BuildIndex(e.ctx, e.f)
	for _, err := range errs {
		e.fail(err)
	}
	return e.ctx.Err()
}

// blank reports whether an inode says nothing of a file.
func blank(in *filesystem.Inode) bool { return in.Mode.Type() == filesystem.Unknown }

// readTables reads the copies of inode tables in the journal.
func (e *engine) readTables() error {
	if e.j == nil {
		return nil
	}
	disk := map[filesystem.Inum]state{}
	for n, s := range e.states {
		disk[n] = s[0]
	}
	clear(e.states)
	root, err := e.f.Inode(e.f.Root())
	if err != nil {
		e.fail(err)
		return nil
	}
	size := int64(len(root.Raw))
	buf, last := make([]byte, e.block), map[int64][]byte{}
	touched := map[filesystem.Inum]bool{}
	for i := range e.j.copies {
		c := &e.j.copies[i]
		first, n := e.f.InodesOf(c.Block)
		if n == 0 {
			continue
		}
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
		if err := e.j.ReadCopy(*c, buf); err != nil {
			e.fail(err)
			continue
		}
		before, at := last[c.Block], int64(c.Transaction)
		for k := range int64(n) {
			raw := buf[k*size:][:size]
			n := first + filesystem.Inum(k)
			if e.info.System[n] != "" {
				continue
			}
			if before != nil && bytes.Equal(before[k*size:][:size], raw) {
				if s := e.states[n]; len(s) > 0 {
					s[len(s)-1].to = at
				}
				continue
			}
			offset := c.Offset + k*size
			if e.j.Info().External {
				offset = -1
			}
			in, err := e.f.DecodeInode(n, raw, offset)
			if err != nil || blank(in) && len(e.states[n]) == 0 {
				continue
			}
			if e.count >= maxStates {
				e.note("The journal has more copies of inodes than are looked at; the latest are left out.")
				break
			}
			touched[n] = true
			if s := e.states[n]; len(s) > 0 && grew(s[len(s)-1].in, in) {
				s[len(s)-1].in, s[len(s)-1].to = in, at
			} else {
				e.count++
				e.states[n] = append(s, state{in: in, at: at, to: at})
			}
			if in.Mode.Type() == filesystem.Directory && in.Links > 0 {
				e.ownDirAt(in, at)
			}
		}
		if before == nil {
			before = make([]byte, e.block)
			last[c.Block] = before
		}
		copy(before, buf)
	}
	for n := range touched {
		in, err := e.f.Inode(n)
		if err != nil {
			e.fail(err)
			continue
		}
		e.states[n] = append(e.states[n], state{in: in, at: onDisk, to: onDisk})
	}
	for n, s := range disk {
		if !touched[n] {
			e.states[n] = append(e.states[n], s)
		}
	}
	return nil
}

// used reports whether a state is of a file that has a name.
func used(in *filesystem.Inode) bool { return in.Links > 0 && !blank(in) }

// sameFile reports whether two states of one inode are of one file: the
// generation is drawn anew for each, and so is the time of birth.
func sameFile(a, b *filesystem.Inode) bool {
	if a.Generation != b.Generation {
		return false
	}
	if a.Times.Born.Known && b.Times.Born.Known && a.Times.Born != b.Times.Born {
		return false
	}
	return a.Mode.Type() == b.Mode.Type()
}

// grew reports whether a state says all that the one before it said of a file's
// content, so that only the later one need be kept.
func grew(a, b *filesystem.Inode) bool {
	return used(a) && used(b) && sameFile(a, b) && a.Flags == b.Flags && a.Flags&filesystem.FlagInlineData == 0 && a.Size <= b.Size &&
		bytes.Equal(a.Raw[mapAt:][:mapLen], b.Raw[mapAt:][:mapLen])
}

// divide cuts the states of each inode into lives.
func (e *engine) divide() error {
	inums := make([]filesystem.Inum, 0, len(e.states))
	for n := range e.states {
		inums = append(inums, n)
	}
	slices.Sort(inums)
	for _, n := range inums {
		states := e.states[n]
		var l *life
		freed := false
		for i := range states {
			s := &states[i]
			if blank(s.in) {
				if l != nil {
					l.end, freed = min(l.end, s.at), true
				}
				continue
			}
			if l == nil || !sameFile(l.states[len(l.states)-1].in, s.in) || freed && used(s.in) && s.at != onDisk {
				begin := int64(neverBegan)
				if l != nil {
					l.end = min(l.end, s.at)
					begin = l.end
					if used(s.in) && s.at != onDisk {
						begin = max(begin, s.at)
					}
				}
				l = &life{n: n, begin: begin, end: onDisk}
				freed = false
				e.lives = append(e.lives, l)
				e.byInum[n] = append(e.byInum[n], l)
			}
			l.states = append(l.states, *s)
			if !used(s.in) && !freed {
				freed = true
				l.end = min(l.end, s.at)
			}
		}
		if l == nil {
			continue
		}
		disk := states[len(states)-1].in
		if blank(disk) {
			continue
		}
		l.living = disk.Allocated && disk.Links > 0
		l.open = disk.Allocated && disk.Links == 0
		if l.living {
			l.end = onDisk
			for _, other := range e.byInum[n] {
				if other != l {
					other.reusedBy = n
				}
			}
		}
	}
	clear(e.states)
	return nil
}

// lifeAt is the life of an inode that a name seen at a moment belongs to; nil
// if none is known.
func (e *engine) lifeAt(n filesystem.Inum, at int64) *life {
	for _, l := range e.byInum[n] {
		if at >= l.begin && (at < l.end || l.end == onDisk) {
			return l
		}
	}
	return nil
}

func (e *engine) when(at int64) time.Time {
	if e.j == nil || at < 0 || at >= int64(len(e.j.times)) { // also onDisk and neverBegan
		return time.Time{}
	}
	return e.j.times[at]
}
