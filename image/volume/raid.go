package volume

import (
	"cmp"
	"errors"
	"slices"
)

// How an array lays its data out over its members. The names and numbers are
// those of drivers/md/raid5.h and raid10.c of Linux, which LVM2 uses too.
const (
	leftAsymmetric  = 0
	rightAsymmetric = 1
	leftSymmetric   = 2
	rightSymmetric  = 3
	parityFirst     = 4
	parityLast      = 5
	// Of RAID6 only, as DDF has them.
	rotatingZeroRestart = 8
	rotatingNRestart    = 9
	rotatingNContinue   = 10
	// Of RAID6 only: as the RAID5 layout of that number less 16, with Q on the last member.
	leftAsymmetric6  = 16
	rightAsymmetric6 = 17
	leftSymmetric6   = 18
	rightSymmetric6  = 19
	parityFirst6     = 20
)

// geometry says where the chunks of an array stand on its members.
type geometry interface {
	// chunk gives the places of a chunk, what is read first at the start.
	chunk(n int64, out []chunkPlace) []chunkPlace
	// rows gives the range of rows on the members that a range of chunks takes.
	rows(from, to int64) (first, last int64)
	// period is after how many chunks the pattern begins again.
	period() int64
}

// chunkPlace is a copy of a chunk: on which member, and which of its chunks.
type chunkPlace struct {
	member int
	row    int64
}

// array is a device over members in chunks, as RAID0, 4, 5, 6 and 10 are, and
// the stripes of LVM2.
type array struct {
	members []device
	missing []bool // by member
	length  int64
	unit    int64 // bytes of a chunk
	geo     geometry
}

// maxCopies bounds the copies of a chunk; raid10 has a byte for each kind.
const maxCopies = 16

func (d *array) size() int64 { return d.length }

func (d *array) readAt(disks []Disk, p []byte, off int64) (int, error) {
	var buf [maxCopies]chunkPlace
	done := 0
	for done < len(p) {
		at := off + int64(done)
		in := at % d.unit
		piece := p[done:min(len(p), done+int(d.unit-in))]
		if err := d.readChunk(disks, piece, at/d.unit, in, buf[:0]); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return done, nil
}

func (d *array) readChunk(disks []Disk, p []byte, n, in int64, buf []chunkPlace) error {
	places := d.geo.chunk(n, buf)
	var first error
	for _, c := range places {
		_, err := d.members[c.member].readAt(disks, p, c.row*d.unit+in)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if g, ok := d.geo.(*parity); ok {
		if d.rebuild(disks, g, p, n, in) == nil {
			return nil
		}
	}
	return first
}

// rebuild computes a piece of a chunk from the others of its row and their parity.
func (d *array) rebuild(disks []Disk, g *parity, p []byte, n, in int64) error {
	lost, _, q, row := g.place(n)
	clear(p)
	other := make([]byte, len(p))
	for i, m := range d.members {
		if i == lost || i == q {
			continue
		}
		if _, err := m.readAt(disks, other, row*d.unit+in); err != nil {
			return err
		}
		for j, b := range other {
			p[j] ^= b
		}
	}
	return nil
}

func (d *array) locate(off int64) spot {
	var buf [maxCopies]chunkPlace
	in := off % d.unit
	length := min(d.unit-in, d.length-off)
	for _, c := range d.geo.chunk(off/d.unit, buf[:0]) {
		if s := d.members[c.member].locate(c.row*d.unit + in); s.disk >= 0 {
			s.length = min(s.length, length)
			return s
		}
	}
	return spot{-1, -1, length}
}

func (d *array) extents(off, n int64, at piece, yield func(piece) bool) bool {
	if n <= 0 {
		return true
	}
	first, last := d.geo.rows(off/d.unit, (off+n-1)/d.unit)
	if at.stripe == 0 && len(d.members) > 1 {
		at.stripe = d.unit
	}
	for _, m := range d.members {
		from := min(first*d.unit, m.size())
		to := min((last+1)*d.unit, m.size())
		if from < to && !m.extents(from, to-from, at, yield) {
			return false
		}
	}
	return true
}

func (d *array) lost(off, n int64) int64 {
	if n <= 0 {
		return 0
	}
	from, to := off/d.unit, (off+n-1)/d.unit+1
	// What members miss in part: an image that ends too early.
	first, last := d.geo.rows(from, to-1)
	var partial, worst int64
	gone := 0
	for i, m := range d.members {
		if d.missing[i] {
			gone++
			continue
		}
		start, end := min(first*d.unit, m.size()), min((last+1)*d.unit, m.size())
		l := m.lost(start, end-start)
		partial += l
		worst = max(worst, l)
	}
	if _, ok := d.geo.(*stripes); !ok && gone == 0 {
		partial -= worst // the others, or parity, stand in for it
	}
	if gone == 0 {
		return min(n, partial)
	}
	period := min(d.geo.period(), to-from)
	count := int64(0)
	for c := from; c < from+period; c++ {
		if !d.has(c) {
			count++
		}
	}
	if count == 0 {
		return min(n, partial)
	}
	whole := (to - from) / period * count
	for c := from; c < from+(to-from)%period; c++ {
		if !d.has(c) {
			whole++
		}
	}
	return min(n, whole*d.unit+partial)
}

// has reports whether a chunk can be read, or computed, in spite of the
// members that are missing.
func (d *array) has(n int64) bool {
	var buf [maxCopies]chunkPlace
	for _, c := range d.geo.chunk(n, buf[:0]) {
		if !d.missing[c.member] {
			return true
		}
	}
	g, ok := d.geo.(*parity)
	if !ok {
		return false
	}
	lost, _, q, _ := g.place(n)
	for i := range d.members {
		if i != lost && i != q && d.missing[i] {
			return false
		}
	}
	return true
}

// stripes is RAID0 over members of one size.
type stripes struct {
	members int64
	shift   int64 // of the member that the first chunk is on
}

func (g *stripes) chunk(n int64, out []chunkPlace) []chunkPlace {
	return append(out, chunkPlace{int((n + g.shift) % g.members), n / g.members})
}
func (g *stripes) rows(from, to int64) (first, last int64) { return from / g.members, to / g.members }
func (g *stripes) period() int64                           { return g.members }

// parity is RAID4, 5 and 6.
type parity struct {
	members int64
	data    int64 // members less those of parity in each row
	layout  uint32
}

// newParity checks the layout.
func newParity(level int, layout uint32, members int64) (*parity, error) {
	g := &parity{members, members - 1, layout}
	switch level {
	case 4:
		g.layout = parityLast
	case 5:
		if layout > parityLast {
			return nil, errors.New("unknown layout")
		}
	case 6:
		g.data--
		switch layout {
		case leftAsymmetric, rightAsymmetric, leftSymmetric, rightSymmetric, parityFirst, parityLast,
			rotatingZeroRestart, rotatingNRestart, rotatingNContinue,
			leftAsymmetric6, rightAsymmetric6, leftSymmetric6, rightSymmetric6, parityFirst6:
		default:
			return nil, errors.New("unknown layout")
		}
	}
	if g.data < 1 {
		return nil, errors.New("too few members")
	}
	return g, nil
}

// place says on which member a chunk is, and which members have the parity of
// its row; q is -1 if there is none. It is what raid5_compute_sector in
// drivers/md/raid5.c of Linux says.
func (g *parity) place(n int64) (member, p, q int, row int64) {
	row = n / g.data
	d := n % g.data
	k := g.members
	var pd, qd int64 = 0, -1
	if g.data == k-1 {
		switch g.layout {
		case leftAsymmetric, leftSymmetric:
			pd = g.data - row%k
		case rightAsymmetric, rightSymmetric:
			pd = row % k
		case parityFirst:
			pd = 0
		case parityLast:
			pd = g.data
		}
		switch g.layout {
		case leftSymmetric, rightSymmetric:
			d = (pd + 1 + d) % k
		default:
			if d >= pd {
				d++
			}
		}
		return int(d), int(pd), -1, row
	}
	switch g.layout {
	case leftAsymmetric, leftSymmetric, rotatingNContinue:
		pd = k - 1 - row%k
	case rightAsymmetric, rightSymmetric, rotatingZeroRestart:
		pd = row % k
	case rotatingNRestart:
		pd = k - 1 - (row+1)%k
	case parityFirst, parityFirst6:
		pd = 0
	case parityLast:
		pd = g.data
	case leftAsymmetric6, leftSymmetric6:
		pd = g.data - row%(k-1)
	case rightAsymmetric6, rightSymmetric6:
		pd = row % (k - 1)
	}
	switch g.layout {
	case leftAsymmetric, rightAsymmetric, rotatingZeroRestart, rotatingNRestart, parityFirst, parityLast:
		qd = (pd + 1) % k
		switch {
		case pd == k-1:
			d++
		case d >= pd:
			d += 2
		}
	case leftSymmetric, rightSymmetric:
		qd = (pd + 1) % k
		d = (pd + 2 + d) % k
	case rotatingNContinue:
		qd = (pd + k - 1) % k
		d = (pd + 1 + d) % k
	case leftAsymmetric6, rightAsymmetric6, parityFirst6:
		qd = k - 1
		if d >= pd {
			d++
		}
	case leftSymmetric6, rightSymmetric6:
		qd = k - 1
		d = (pd + 1 + d) % (k - 1)
	}
	return int(d), int(pd), int(qd), row
}

func (g *parity) chunk(n int64, out []chunkPlace) []chunkPlace {
	member, _, _, row := g.place(n)
	return append(out, chunkPlace{member, row})
}
func (g *parity) rows(from, to int64) (first, last int64) { return from / g.data, to / g.data }
func (g *parity) period() int64 {
	if g.layout >= leftAsymmetric6 {
		return g.data * (g.members - 1)
	}
	return g.data * g.members
}

// raid10 keeps each chunk several times: near copies beside each other, far
// copies in a later part of the members.
type raid10 struct {
	members     int64
	near, far   int64
	offset      bool  // the far copies are in the next row
	set         int64 // members among which far copies rotate
	stride      int64 // chunks from one far copy to the next
	arrayChunks int64
}

// newRAID10 reads a layout, as setup_geo and calc_sectors in
// drivers/md/raid10.c of Linux do, for members of so many chunks.
func newRAID10(layout uint32, members, chunks int64) (*raid10, error) {
	g := &raid10{members: members, near: int64(layout & 0xff), far: int64(layout >> 8 & 0xff), offset: layout>>16&1 != 0, set: members}
	copies := g.near * g.far
	if copies < 1 || copies > members || copies > maxCopies || layout>>19 != 0 {
		return nil, errors.New("unknown layout")
	}
	switch layout >> 17 {
	case 0:
	case 1:
		g.set = members / g.far
	case 2:
		g.set = g.far * g.near
	default:
		return nil, errors.New("unknown layout")
	}
	if g.set < 1 || chunks < 1 || chunks > lastAddressable/members/copies {
		return nil, errors.New("impossible sizes")
	}
	g.arrayChunks = chunks / g.far * members / g.near
	used := (g.arrayChunks*copies + members - 1) / members
	g.stride = used / g.far
	if g.offset {
		g.stride = 1
	}
	return g, nil
}

func (g *raid10) chunk(n int64, out []chunkPlace) []chunkPlace {
	lastStart := (g.members/g.set - 1) * g.set
	lastSize := g.set + g.members%g.set
	n *= g.near
	dev, row := n%g.members, n/g.members
	if g.offset {
		row *= g.far
	}
	for range g.near {
		d, r := dev, row
		out = append(out, chunkPlace{int(d), r})
		for range g.far - 1 {
			set := d / g.set
			d += g.near
			if g.members%g.set != 0 && d > lastStart {
				d = (d-lastStart)%lastSize + lastStart
			} else {
				d = d%g.set + g.set*set
			}
			r += g.stride
			out = append(out, chunkPlace{int(d), r})
		}
		if dev++; dev >= g.members {
			dev = 0
			row++
		}
	}
	return out
}

func (g *raid10) rows(from, to int64) (first, last int64) {
	first, last = from*g.near/g.members, (to*g.near+g.near-1)/g.members
	if g.offset {
		return first * g.far, last*g.far + g.far - 1
	}
	return first, last + (g.far-1)*g.stride
}
func (g *raid10) period() int64 { return g.members }

// mirror is copies of the same bytes.
type mirror struct {
	copies []device // those in sync; not empty
	length int64
}

// newMirror puts the copies of which most is at hand first.
func newMirror(copies []device, length int64) *mirror {
	slices.SortStableFunc(copies, func(a, b device) int { return cmp.Compare(a.lost(0, length), b.lost(0, length)) })
	return &mirror{copies, length}
}

func (d *mirror) size() int64 { return d.length }

func (d *mirror) readAt(disks []Disk, p []byte, off int64) (int, error) {
	var first error
	n := 0
	for _, c := range d.copies {
		m, err := c.readAt(disks, p, off)
		if err == nil {
			return m, nil
		}
		if first == nil {
			n, first = m, err
		}
	}
	return n, first
}

// locate gives the copy that is read.
func (d *mirror) locate(off int64) spot {
	for _, c := range d.copies {
		if s := c.locate(off); s.disk >= 0 {
			return s
		}
	}
	return spot{-1, -1, d.length - off}
}

func (d *mirror) extents(off, n int64, at piece, yield func(piece) bool) bool {
	outer := at.copy
	for i, c := range d.copies {
		at.copy = max(outer, i)
		if !c.extents(off, n, at, yield) {
			return false
		}
	}
	return true
}

func (d *mirror) lost(off, n int64) int64 {
	least := n
	for _, c := range d.copies {
		least = min(least, c.lost(off, n))
	}
	return least
}
