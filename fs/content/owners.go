package content

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"

	"deadbox/fs/filesystem"
)

// OwnerKind says what owns a range of a file system.
type OwnerKind uint8

// InFile, InSlack and InUnwritten belong to an allocated inode.
const (
	InFile      OwnerKind = iota // content
	InSlack                      // allocated to it, behind its end
	InUnwritten                  // allocated to it and never written through it: zeros in the file, older bytes on the disk
	Free                         // what the file system calls unallocated
	Structure                    // one of the file system's own structures
	Metadata                     // allocated, to no inode's content: nodes of extent trees, blocks of attributes, ...
	Beyond                       // behind the end of the file system
)

var ownerKinds = [...]string{"file", "slack", "unwritten", "unallocated", "structure", "metadata", "volume slack"}

func (k OwnerKind) String() string { return ownerKinds[k] }

// Piece is a run of bytes of a file on the disk.
type Piece struct {
	Logical int64 // from the start of the file; where there is no file, from the start of the run
	Offset  int64 // from the start of the file system
	Length  int64
}

// Owned is a range with one owner: the pieces of it that follow each other in
// the file without a gap, in that order.
type Owned struct {
	Kind      OwnerKind
	Structure string          // its name: "inode table"
	Inum      filesystem.Inum // of what belongs to an inode
	Pieces    []Piece
}

// Length is the bytes of all pieces.
func (o *Owned) Length() (n int64) {
	for _, p := range o.Pieces {
		n += p.Length
	}
	return n
}

// Structured is a file system that can name its own structures.
type Structured interface {
	// Structures yields their ranges in no order, with their names. They may
	// overlap where the file system is damaged.
	Structures() iter.Seq2[string, filesystem.Extent]
}

// Owners says of each byte of a file system whose it is. It keeps 28 bytes for
// each run of a file and 32 for each run of free or structural bytes. No byte has two owners: of
// runs that overlap, the one that begins first keeps what both claim.
type Owners struct {
	size   int64
	length int64 // of the volume
	runs   []ownedRun
	order  []uint32 // runs by their place
	files  []filesystem.Inum
	others []otherRun // free and structures, by their place, none overlaps another
	names  []string
}

// An ownedRun is a run of a file, shorter than 2^29 bytes.
type ownedRun struct {
	offset, logical int64
	file            uint32
	packed          uint32 // length, kind in bits 29 and 30, and runLeads
}

const (
	runBits  = 29
	runMost  = 1 << 28
	runLeads = 1 << 31 // of the runs that follow each other in the file, the one that is first on the disk
)

func (r *ownedRun) length() int64   { return int64(r.packed & (1<<runBits - 1)) }
func (r *ownedRun) kind() OwnerKind { return OwnerKind(r.packed >> runBits & 3) }
func (r *ownedRun) end() int64      { return r.offset + r.length() }
func (r *ownedRun) cut(n int64)     { r.packed = r.packed&^(1<<runBits-1) | uint32(n) }

// An otherRun is a run that no file owns.
type otherRun struct {
	offset, length int64
	kind           OwnerKind
	name           uint16
}

// MapOwners reads where the allocated inodes of a file system keep their
// contents, and what is free. Length is that of the volume. The errors are damage; the
// map covers the volume all the same, and what could not be mapped is [Metadata].
func MapOwners(ctx context.Context, fsys filesystem.FileSystem, length int64) (*Owners, []error) {
	info := fsys.Info()
	o := &Owners{size: min(max(info.Size, 0), length), length: length}
	var damage []error
	b := &ownerBuilder{o: o, room: o.size, most: o.size/max(info.BlockSize, 1024) + 1<<16}
	work := func(inodes []filesystem.Inode, buf []byte) []byte {
		for i := range inodes {
			if in := &inodes[i]; in.Allocated {
				buf = appendClaims(buf, fsys, in)
			}
		}
		return buf
	}
	for buf, err := range filesystem.Batches(ctx, fsys, work) {
		if err != nil {
			damage = append(damage, err)
		}
		b.add(buf)
	}
	if b.over {
		damage = append(damage, fmt.Errorf("the files claim more than the volume of %d bytes has; whose bytes are is known in part", o.size))
	}
	o.sortFiles()
	damage = append(damage, o.addOthers(ctx, fsys)...)
	return o, damage
}

// claimSize is the bytes of one claim as appendClaims writes it: inode, offset,
// logical offset, length, kind.
const claimSize = 4*8 + 1

func appendClaims(buf []byte, fsys filesystem.FileSystem, in *filesystem.Inode) []byte {
	c, _ := fsys.Content(in) // a mapping that is damaged in part is mapped in part, and the walk that lists files says so
	if c == nil {
		return buf
	}
	size := c.Size()
	add := func(offset, logical, length int64, kind OwnerKind) {
		if length <= 0 {
			return
		}
		buf = binary.LittleEndian.AppendUint64(buf, uint64(in.Inum))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(offset))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(logical))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(length))
		buf = append(buf, byte(kind))
	}
	for _, e := range c.Extents() {
		if e.Offset < 0 || e.Length <= 0 || e.Kind == filesystem.Hole || e.Kind == filesystem.Lost || e.Logical > math.MaxInt64-e.Length {
			continue
		}
		if e.Kind == filesystem.Unwritten {
			add(e.Offset, e.Logical, e.Length, InUnwritten)
			continue
		}
		within := min(max(size-e.Logical, 0), e.Length)
		add(e.Offset, e.Logical, within, InFile)
		if e.Kind != filesystem.Inline {
			add(e.Offset+within, e.Logical+within, e.Length-within, InSlack)
		}
	}
	return buf
}

type ownerBuilder struct {
	o     *Owners
	room  int64
	most  int64 // runs
	bytes int64 // claimed so far
	over  bool
}

// add takes the claims of a batch. What all claim together is bounded: blocks
// that many inodes claim would make the map larger than the disk.
func (b *ownerBuilder) add(buf []byte) {
	o, le := b.o, binary.LittleEndian
	for ; len(buf) >= claimSize; buf = buf[claimSize:] {
		inum, kind := filesystem.Inum(le.Uint64(buf)), OwnerKind(buf[32])
		offset, logical, length := int64(le.Uint64(buf[8:])), int64(le.Uint64(buf[16:])), int64(le.Uint64(buf[24:]))
		length = min(length, o.size-offset)
		for length > 0 {
			n := min(length, runMost)
			if int64(len(o.runs)) >= b.most || b.bytes > 4*b.room || len(o.runs) >= math.MaxInt32 {
				b.over = true
				return
			}
			if k := len(o.files); k == 0 || o.files[k-1] != inum {
				o.files = append(o.files, inum)
			}
			o.runs = append(o.runs, ownedRun{offset, logical, uint32(len(o.files) - 1), uint32(n) | uint32(kind)<<runBits})
			offset, logical, length, b.bytes = offset+n, logical+n, length-n, b.bytes+n
		}
	}
}

// sortFiles puts the runs in the order of the disk, cuts those that overlap,
// and marks the first on the disk of those that follow each other in a file.
func (o *Owners) sortFiles() {
	o.order = make([]uint32, len(o.runs))
	for i := range o.order {
		o.order[i] = uint32(i)
	}
	slices.SortFunc(o.order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(o.runs[a].offset, o.runs[b].offset), cmp.Compare(a, b))
	})
	end := int64(0)
	for _, i := range o.order {
		r := &o.runs[i]
		if over := min(end-r.offset, r.length()); over > 0 {
			n := r.length() - over
			r.offset, r.logical = r.offset+over, r.logical+over
			r.cut(n)
		}
		end = max(end, r.end())
	}
	o.order = slices.DeleteFunc(o.order, func(i uint32) bool { return o.runs[i].length() == 0 })
	// Those that were cut begin later.
	slices.SortFunc(o.order, func(a, b uint32) int { return cmp.Compare(o.runs[a].offset, o.runs[b].offset) })
	for lo := 0; lo < len(o.runs); {
		hi, first := lo+1, lo
		for hi < len(o.runs) && o.follows(hi) {
			if o.runs[hi].offset < o.runs[first].offset {
				first = hi
			}
			hi++
		}
		if o.runs[lo].length() > 0 {
			o.runs[first].packed |= runLeads
		}
		lo = hi
	}
}

// follows reports whether a run goes on where the one before it in its file
// ends.
func (o *Owners) follows(i int) bool {
	a, b := &o.runs[i-1], &o.runs[i]
	return a.file == b.file && a.kind() == b.kind() && a.length() > 0 && b.length() > 0 && a.logical+a.length() == b.logical
}

// addOthers lists what is free and the structures, which win where the two
// overlap.
func (o *Owners) addOthers(ctx context.Context, fsys filesystem.FileSystem) (damage []error) {
	var structures []otherRun
	if s, ok := fsys.(Structured); ok {
		for name, e := range s.Structures() {
			k := slices.Index(o.names, name)
			if k < 0 {
				k = len(o.names)
				o.names = append(o.names, name)
			}
			if e.Length = min(e.Length, o.size-e.Offset); e.Offset >= 0 && e.Length > 0 {
				structures = append(structures, otherRun{e.Offset, e.Length, Structure, uint16(k)})
			}
		}
	}
	slices.SortStableFunc(structures, func(a, b otherRun) int { return cmp.Compare(a.offset, b.offset) })
	at, next := int64(0), 0
	put := func(r otherRun, to int64) {
		if r.offset = max(r.offset, at); r.offset < to {
			r.length = to - r.offset
			o.others = append(o.others, r)
			at = to
		}
	}
	// upTo puts the structures that begin before a place.
	upTo := func(place int64) {
		for ; next < len(structures) && structures[next].offset < place; next++ {
			put(structures[next], structures[next].offset+structures[next].length)
		}
	}
	for e, err := range fsys.Unallocated(ctx) {
		if err != nil {
			damage = append(damage, err)
			continue
		}
		if e.Length = min(e.Length, o.size-e.Offset); e.Offset < 0 || e.Length <= 0 {
			continue
		}
		for from, end := e.Offset, e.Offset+e.Length; from < end; {
			upTo(from + 1)
			to := end
			if next < len(structures) {
				to = min(to, structures[next].offset)
			}
			put(otherRun{from, 0, Free, 0}, to)
			from = max(to, at, from+1)
		}
	}
	upTo(o.size)
	return damage
}

// All yields every byte of the volume once: in the order of the disk, but all
// pieces that follow each other in a file together, where the first of them lies. An
// Owned is valid until the next iteration.
func (o *Owners) All() iter.Seq[*Owned] {
	return func(yield func(*Owned) bool) {
		at := int64(0)
		var unit Owned
		for _, i := range o.order {
			r := &o.runs[i]
			if !o.between(at, r.offset, &unit, yield) {
				return
			}
			if at = r.end(); r.packed&runLeads == 0 {
				continue
			}
			lo := int(i)
			for lo > 0 && o.follows(lo) {
				lo--
			}
			unit = Owned{Kind: r.kind(), Inum: o.files[r.file], Pieces: unit.Pieces[:0]}
			for hi := lo; hi == lo || hi < len(o.runs) && o.follows(hi); hi++ {
				p := &o.runs[hi]
				if n := len(unit.Pieces); n > 0 && unit.Pieces[n-1].Offset+unit.Pieces[n-1].Length == p.offset {
					unit.Pieces[n-1].Length += p.length()
					continue
				}
				unit.Pieces = append(unit.Pieces, Piece{p.logical, p.offset, p.length()})
			}
			if !yield(&unit) {
				return
			}
		}
		o.between(at, o.length, &unit, yield)
	}
}

// between yields what no file owns.
func (o *Owners) between(from, to int64, unit *Owned, yield func(*Owned) bool) bool {
	for from < to {
		end := min(to, o.other(from, unit))
		unit.Pieces = append(unit.Pieces[:0], Piece{0, from, end - from})
		if !yield(unit) {
			return false
		}
		from = end
	}
	return true
}

// other fills in what a byte that no file owns belongs to, and gives where that
// ends.
func (o *Owners) other(at int64, unit *Owned) (end int64) {
	*unit = Owned{Kind: Metadata, Pieces: unit.Pieces}
	if at >= o.size {
		unit.Kind = Beyond
		return math.MaxInt64
	}
	i := sort.Search(len(o.others), func(i int) bool { return o.others[i].offset+o.others[i].length > at })
	if i == len(o.others) {
		return o.size
	}
	r := &o.others[i]
	if r.offset > at {
		return r.offset
	}
	if unit.Kind = r.kind; r.kind == Structure {
		unit.Structure = o.names[r.name]
	}
	return r.offset + r.length
}

// At says whose a byte is. The one piece that it gives begins with the byte and
// goes on as long as the owner is the same and the bytes follow each other.
func (o *Owners) At(offset int64) Owned {
	i := sort.Search(len(o.order), func(i int) bool { return o.runs[o.order[i]].end() > offset })
	next := o.length
	if i < len(o.order) {
		r := &o.runs[o.order[i]]
		if r.offset <= offset {
			into := offset - r.offset
			return Owned{Kind: r.kind(), Inum: o.files[r.file], Pieces: []Piece{{r.logical + into, offset, r.length() - into}}}
		}
		next = r.offset
	}
	var unit Owned
	end := min(next, o.other(offset, &unit))
	unit.Pieces = []Piece{{0, offset, end - offset}}
	return unit
}
