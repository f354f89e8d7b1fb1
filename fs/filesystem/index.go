package filesystem

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
)

// Index leads from every inode to all its names, and from every directory to
// its entries. It is built in one pass over the directories, in the order of the
// disk, and keeps 40 bytes and the name for each entry. It is safe for concurrent
// use.
//
// Paths begin with "/" and are byte for byte. A directory that no name leads
// to, or that only its own descendants name, is an orphan; what it holds is found
// below [OrphanPath].
type Index struct {
	root    Inum
	arena   []byte       // names, one after the other
	entries []indexEntry // in the order of the disk
	order   []uint32     // entries sorted by inode
	start   []uint32     // dense: order[start[n]:start[n+1]] are inode n's entries; nil if inode numbers are sparse
	dirs    []indexDir
	dirID   map[Inum]uint32

	childrenOnce  sync.Once
	childrenOrder []uint32 // entries sorted by directory
	childrenStart []uint32
}

// indexEntry is packed because there is one for each name of the disk.
type indexEntry struct {
	inum   uint64
	name   uint64 // offset in the arena <<16 | length <<8 | flags
	offset int64
	dir    uint32
}

const (
	entryTypeMask  = 0x0f
	entryDeleted   = 0x10
	entryEncrypted = 0x20
	entryStale     = 0x40 // not in order
)

type indexDir struct {
	inum    Inum
	entry   int32  // the entry that gives its canonical path; -1 for the root and for orphans
	state   uint8  // of the resolution: 0 not begun, 1 on the way, 2 done
	deleted bool   // a deleted name is on the way
	path    string // "" if the budget for stored paths was spent
}

// pathBudget bounds the memory for stored directory paths; beyond it they
// are put together each time. maxPath bounds one path: the kernel can make deeper
// trees than any program can name, a damaged disk deeper still.
const (
	pathBudget = 256 << 20
	maxPath    = 64 << 10
	maxDepth   = 16 << 10
	maxHint    = 1 << 20 // names that room is made for beforehand, at the most
	maxCopies  = 64      // names of one inode that a deleted one is compared with
)

// Name is one name of an inode.
type Name struct {
	Path      string
	Parent    Inum
	Type      FileType // as the entry says
	Deleted   bool     // the entry, or one on the way to it, is deleted
	Encrypted bool
	Offset    int64 // of the entry, from the start of the file system
}

// OrphanPath is the path under which an inode without a name is shown, as
// The Sleuth Kit does.
func OrphanPath(n Inum) string {
	return "/$OrphanFiles/OrphanFile-" + strconv.FormatUint(uint64(n), 10)
}

// BuildIndex reads every directory of a file system. The errors are damage:
// what could not be read, or names that contradict each other.
func BuildIndex(ctx context.Context, fsys FileSystem) (*Index, []error) {
	x := &Index{root: fsys.Root(), dirID: map[Inum]uint32{}}
	info := fsys.Info()
	if used := min(info.InodeCount-min(info.FreeInodes, info.InodeCount), maxHint); used > 0 {
		x.entries, x.arena = make([]indexEntry, 0, used+used/8), make([]byte, 0, 16*used)
	}
	var damage []error
	deleted := false
	lastParent, lastID := Inum(0), uint32(0)
	maxInum := uint64(0)
	for e, err := range fsys.Entries(ctx) {
		if err != nil {
			damage = append(damage, err)
			continue
		}
		if e.IsDot() && e.Allocated {
			continue
		}
		if len(e.Name) > 255 || len(x.entries) >= 1<<31-1 {
			damage = append(damage, &CorruptError{Structure: "directory entry", Offset: e.Offset, Inum: e.Parent, Reason: "name or number of entries out of range"})
			continue
		}
		if e.Parent != lastParent || len(x.dirs) == 0 {
			lastParent, lastID = e.Parent, x.dir(e.Parent)
		}
		flags := uint64(e.Type) & entryTypeMask
		if !e.Allocated {
			flags |= entryDeleted
			deleted = true
		}
		if e.Encrypted {
			flags |= entryEncrypted
		}
		x.entries = append(x.entries, indexEntry{
			inum: uint64(e.Inum), dir: lastID, offset: e.Offset,
			name: uint64(len(x.arena))<<16 | uint64(len(e.Name))<<8 | flags,
		})
		x.arena = append(x.arena, e.Name...)
		maxInum = max(maxInum, uint64(e.Inum))
	}
	x.sortByInode(maxInum)
	if deleted {
		x.dropStale()
	}
	damage = append(damage, x.resolve()...)
	return x, damage
}

func (x *Index) dir(n Inum) uint32 {
	id, ok := x.dirID[n]
	if !ok {
		id = uint32(len(x.dirs))
		x.dirID[n] = id
		x.dirs = append(x.dirs, indexDir{inum: n, entry: -1})
	}
	return id
}

// sortByInode fills order so that the entries of an inode lie together:
// allocated names first, then in the order of the disk.
func (x *Index) sortByInode(maxInum uint64) {
	x.order = make([]uint32, len(x.entries))
	if maxInum < 8*uint64(len(x.entries))+1<<20 {
		x.start = make([]uint32, maxInum+2)
		for i := range x.entries {
			x.start[x.entries[i].inum+1]++
		}
		for n := 1; n < len(x.start); n++ {
			x.start[n] += x.start[n-1]
		}
		for i := range x.entries {
			n := x.entries[i].inum
			x.order[x.start[n]] = uint32(i)
			x.start[n]++
		}
		copy(x.start[1:], x.start)
		x.start[0] = 0
	} else {
		for i := range x.order {
			x.order[i] = uint32(i)
		}
		slices.SortFunc(x.order, func(a, b uint32) int {
			switch ea, eb := &x.entries[a], &x.entries[b]; {
			case ea.inum < eb.inum:
				return -1
			case ea.inum > eb.inum:
				return 1
			}
			return int(a) - int(b)
		})
	}
	for lo := 0; lo < len(x.order); {
		hi := lo + 1
		for hi < len(x.order) && x.entries[x.order[hi]].inum == x.entries[x.order[lo]].inum {
			hi++
		}
		if hi-lo > 1 {
			slices.SortStableFunc(x.order[lo:hi], func(a, b uint32) int {
				return int(x.entries[a].name&entryDeleted) - int(x.entries[b].name&entryDeleted)
			})
		}
		lo = hi
	}
}

// dropStale takes out of order the deleted entries that are mere copies of a
// name that lives: a directory whose entries moved to other blocks has one for
// each. Of several copies of a deleted name the first stays.
func (x *Index) dropStale() {
	kept := x.order[:0]
	for lo := 0; lo < len(x.order); {
		inum := x.entries[x.order[lo]].inum
		hi, first := lo, len(kept)
		for ; hi < len(x.order) && x.entries[x.order[hi]].inum == inum; hi++ {
			e := &x.entries[x.order[hi]]
			if e.name&entryDeleted != 0 && inum != 0 {
				for _, k := range kept[first:min(len(kept), first+maxCopies)] {
					if o := &x.entries[k]; o.dir == e.dir && string(x.nameOf(o)) == string(x.nameOf(e)) {
						e.name |= entryStale
						break
					}
				}
			}
			if e.name&entryStale == 0 {
				kept = append(kept, x.order[hi])
			}
		}
		lo = hi
	}
	x.order = kept
	if x.start == nil {
		return
	}
	clear(x.start)
	for _, i := range x.order {
		x.start[x.entries[i].inum+1]++
	}
	for n := 1; n < len(x.start); n++ {
		x.start[n] += x.start[n-1]
	}
}

// resolve gives each directory its canonical name and, within the budget, its
// path.
func (x *Index) resolve() (damage []error) {
	if id, ok := x.dirID[x.root]; ok {
		x.dirs[id].state, x.dirs[id].path = 2, "/"
	}
	budget := pathBudget
	var way []uint32
	var buf []byte
	for id := range x.dirs {
		way = way[:0]
		for at := uint32(id); x.dirs[at].state == 0; {
			d := &x.dirs[at]
			d.state = 1
			way = append(way, at)
			lo, hi := x.Range(d.inum)
			next := int64(-1)
			for ; lo < hi; lo++ {
				e := &x.entries[x.order[lo]]
				if x.dirs[e.dir].state == 1 {
					continue // its own descendant names it
				}
				d.entry, next = int32(x.order[lo]), int64(e.dir)
				break
			}
			if next < 0 || len(way) > maxDepth {
				d.entry = -1
				break
			}
			if lo+1 < hi && x.entries[x.order[lo+1]].name&entryDeleted == 0 {
				damage = append(damage, &CorruptError{Structure: "directory entry", Offset: x.entries[x.order[lo+1]].offset, Inum: d.inum,
					Reason: "second name of a directory; its content is listed under the first only"})
			}
			at = uint32(next)
		}
		for i := len(way) - 1; i >= 0; i-- {
			d := &x.dirs[way[i]]
			d.state = 2
			if d.entry >= 0 {
				e := &x.entries[d.entry]
				d.deleted = e.name&entryDeleted != 0 || x.dirs[e.dir].deleted
			}
			if budget > 0 {
				buf = x.appendDir(buf[:0], way[i])
				d.path = string(buf)
				budget -= len(buf)
			}
		}
	}
	return damage
}

// appendDir appends the path of a directory, without a trailing slash; "" for
// the root.
func (x *Index) appendDir(dst []byte, id uint32) []byte {
	from := len(dst)
	var climb []int32
	for {
		d := &x.dirs[id]
		if d.inum == x.root && d.entry < 0 {
			break
		}
		if d.path != "" {
			dst = append(dst, d.path...)
			break
		}
		if d.entry < 0 || len(climb) > maxDepth {
			dst = append(dst, OrphanPath(d.inum)...)
			break
		}
		climb = append(climb, d.entry)
		id = x.entries[d.entry].dir
	}
	for i := len(climb) - 1; i >= 0; i-- {
		e := &x.entries[climb[i]]
		if len(dst)-from > maxPath {
			dst = append(dst[:from], OrphanPath(Inum(e.inum))...)
			continue
		}
		dst = append(append(dst, '/'), x.nameOf(e)...)
	}
	return dst
}

func (x *Index) nameOf(e *indexEntry) []byte {
	at := e.name >> 16
	return x.arena[at : at+e.name>>8&0xff]
}

// Len is the number of names.
func (x *Index) Len() int { return len(x.order) }

// Range gives the names of an inode as positions for [Index.At] and
// [Index.AppendPath]: lo <= i < hi. Allocated names come first. Names without an
// inode are those of inode 0.
func (x *Index) Range(n Inum) (lo, hi int) {
	if x.start != nil {
		if uint64(n)+1 >= uint64(len(x.start)) {
			return 0, 0
		}
		return int(x.start[n]), int(x.start[n+1])
	}
	cmp := func(i uint32, n Inum) int {
		switch e := Inum(x.entries[i].inum); {
		case e < n:
			return -1
		case e > n:
			return 1
		}
		return 0
	}
	lo, ok := slices.BinarySearchFunc(x.order, n, cmp)
	if !ok {
		return 0, 0
	}
	for hi = lo; hi < len(x.order) && Inum(x.entries[x.order[hi]].inum) == n; hi++ {
	}
	return lo, hi
}

// AppendPath appends the path of name i.
func (x *Index) AppendPath(dst []byte, i int) []byte {
	e := &x.entries[x.order[i]]
	if d := &x.dirs[e.dir]; d.inum != x.root || d.entry >= 0 {
		if d.path != "" {
			dst = append(dst, d.path...)
		} else {
			dst = x.appendDir(dst, e.dir)
		}
	}
	return append(append(dst, '/'), x.nameOf(e)...)
}

// Warm fetches into the processor's cache what [Index.AppendPath] needs for some
// names, which it overwrites.
func (x *Index) Warm(names []uint32) {
	if len(x.arena) == 0 {
		return
	}
	for k, n := range names {
		names[k] = x.order[n]
	}
	var touched uint64
	for _, e := range names {
		entry := &x.entries[e]
		touched += entry.name + uint64(entry.dir)
	}
	for _, e := range names {
		entry := &x.entries[e]
		touched += uint64(x.arena[min(entry.name>>16, uint64(len(x.arena)-1))])
		if path := x.dirs[entry.dir].path; path != "" {
			touched += uint64(path[0])
		}
	}
	if touched == 1 { // keeps the loops from being left out
		names[0] = 0
	}
}

// Flags tells of name i what the entry says, without its path.
func (x *Index) Flags(i int) (t FileType, deleted bool) {
	e := &x.entries[x.order[i]]
	return FileType(e.name & entryTypeMask), e.name&entryDeleted != 0 || x.dirs[e.dir].deleted
}

// Inum is the inode that name i leads to; 0 if that was wiped.
func (x *Index) Inum(i int) Inum { return Inum(x.entries[x.order[i]].inum) }

// At returns name i.
func (x *Index) At(i int) Name { return x.name(int(x.order[i]), x.AppendPath(nil, i)) }

func (x *Index) name(entry int, path []byte) Name {
	e := &x.entries[entry]
	return Name{
		Path: string(path), Parent: x.dirs[e.dir].inum, Type: FileType(e.name & entryTypeMask),
		Deleted: e.name&entryDeleted != 0 || x.dirs[e.dir].deleted, Encrypted: e.name&entryEncrypted != 0, Offset: e.offset,
	}
}

// Names returns all names of an inode, allocated ones first.
func (x *Index) Names(n Inum) []Name {
	lo, hi := x.Range(n)
	var out []Name
	for i := lo; i < hi; i++ {
		out = append(out, x.At(i))
	}
	return out
}

// Path returns the first allocated path of an inode; "" if it has none.
func (x *Index) Path(n Inum) string {
	if n == x.root {
		return "/"
	}
	if lo, hi := x.Range(n); lo < hi {
		if _, deleted := x.Flags(lo); !deleted {
			return string(x.AppendPath(nil, lo))
		}
	}
	return ""
}

// Children yields the entries of a directory in the order of the disk, "."
// and ".." left out, deleted ones included. Entry.Name stays valid.
func (x *Index) Children(dir Inum) iter.Seq[Entry] {
	x.childrenOnce.Do(func() {
		x.childrenStart = make([]uint32, len(x.dirs)+1)
		x.childrenOrder = make([]uint32, len(x.entries))
		for i := range x.entries {
			x.childrenStart[x.entries[i].dir+1]++
		}
		for d := 1; d < len(x.childrenStart); d++ {
			x.childrenStart[d] += x.childrenStart[d-1]
		}
		next := slices.Clone(x.childrenStart)
		for i := range x.entries {
			d := x.entries[i].dir
			x.childrenOrder[next[d]] = uint32(i)
			next[d]++
		}
	})
	return func(yield func(Entry) bool) {
		id, ok := x.dirID[dir]
		if !ok {
			return
		}
		for _, i := range x.childrenOrder[x.childrenStart[id]:x.childrenStart[id+1]] {
			e := &x.entries[i]
			out := Entry{Parent: dir, Inum: Inum(e.inum), Name: x.nameOf(e), Type: FileType(e.name & entryTypeMask),
				Allocated: e.name&entryDeleted == 0, Encrypted: e.name&entryEncrypted != 0, Offset: e.offset}
			if e.name&entryStale == 0 && !yield(out) {
				return
			}
		}
	}
}
