package timeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"deadbox/fs/filesystem"
	"deadbox/internal/inorder"
)

// Table keeps what a timeline needs of every name of some trees, 112 bytes
// each besides the trees' indexes, so that it can be sorted by time without
// reading the disk again.
type Table struct {
	trees  []*Tree
	blocks [][]byte // rows of rowSize, rowsPerBlock in each but the last
	rows   int
}

// A row is packed by hand, little-endian: inum 8, size 8, offset of the inode in
// its file system 8, position in the index 4, uid 4, gid 4, links 4, flags 4, mode 2,
// type 1, bits 1, known times 1, tree 1, length of the evidence 2, then five times of 8 and 4 bytes.
const (
	rowSize      = 112
	rowsPerBlock = 8192
	rowTimes     = 52
	rowNameless  = math.MaxUint32

	bitDeleted = 1
	bitUnalloc = 2
	bitOrphan  = 4
)

var le = binary.LittleEndian

func timesOf(t *filesystem.Times) [5]*filesystem.Time {
	return [5]*filesystem.Time{&t.Modified, &t.Accessed, &t.Changed, &t.Born, &t.Deleted}
}

// maxTrees is what a row has room for.
const maxTrees = 256

// NewTable walks trees. What could not be read of each is given to damage.
func NewTable(ctx context.Context, trees []*Tree, damage func(*Tree, error)) (*Table, error) {
	if len(trees) > maxTrees {
		return nil, fmt.Errorf("%d file systems, more than %d", len(trees), maxTrees)
	}
	t := &Table{trees: trees}
	for id, tree := range trees {
		w := tree.walk()
		batches := filesystem.Batches(ctx, tree.FS, func(inodes []filesystem.Inode, buf []byte) []byte {
			for i := range inodes {
				buf = w.appendRows(buf, byte(id), &inodes[i])
			}
			return buf
		})
		for rows, err := range batches {
			if err != nil {
				damage(tree, err)
				continue
			}
			t.add(rows)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for n, seen := range w.seen {
			if !seen {
				name := tree.Index.At(n)
				f := File{Inode: tree.Index.Inum(n), Type: name.Type, Deleted: name.Deleted, Unalloc: true}
				t.add(appendRow(nil, byte(id), &f, uint32(n), name.Offset, entryLength(name.Path)))
			}
		}
		if t.rows >= math.MaxUint32 {
			return nil, errors.New("more than 4294967294 names")
		}
	}
	return t, nil
}

func (t *Table) add(rows []byte) {
	for len(rows) > 0 {
		if t.rows%rowsPerBlock == 0 {
			t.blocks = append(t.blocks, make([]byte, 0, rowsPerBlock*rowSize))
		}
		last := &t.blocks[len(t.blocks)-1]
		n := min(len(rows), cap(*last)-len(*last))
		*last = append(*last, rows[:n]...)
		t.rows += n / rowSize
		rows = rows[n:]
	}
}

// Len is the number of names.
func (t *Table) Len() int { return t.rows }

func (t *Table) row(i int) []byte {
	return t.blocks[i/rowsPerBlock][i%rowsPerBlock*rowSize:][:rowSize]
}

func (w *walk) appendRows(buf []byte, tree byte, in *filesystem.Inode) []byte {
	f := fileOf(in)
	lo, hi := w.Index.Range(in.Inum)
	if lo == hi {
		if w.nameless(in, &f) {
			buf = appendRow(buf, tree, &f, rowNameless, in.Offset, len(in.Raw))
		}
		return buf
	}
	for n := lo; n < hi; n++ {
		w.name(n, &f)
		buf = appendRow(buf, tree, &f, uint32(n), in.Offset, len(in.Raw))
	}
	return buf
}

func appendRow(buf []byte, tree byte, f *File, name uint32, offset int64, length int) []byte {
	buf = le.AppendUint64(buf, uint64(f.Inode))
	buf = le.AppendUint64(buf, uint64(f.Size))
	buf = le.AppendUint64(buf, uint64(offset))
	buf = le.AppendUint32(buf, name)
	buf = le.AppendUint32(buf, f.UID)
	buf = le.AppendUint32(buf, f.GID)
	buf = le.AppendUint32(buf, f.Links)
	buf = le.AppendUint32(buf, uint32(f.Flags))
	buf = le.AppendUint16(buf, uint16(f.Mode))
	var bits, known byte
	for i, b := range [...]bool{f.Deleted, f.Unalloc, f.Orphan} {
		if b {
			bits |= 1 << i
		}
	}
	times := timesOf(&f.Times)
	for i, w := range times {
		if w.Known {
			known |= 1 << i
		}
	}
	buf = append(buf, byte(f.Type), bits, known, tree)
	buf = le.AppendUint16(buf, uint16(min(length, math.MaxUint16)))
	for _, w := range times {
		buf = le.AppendUint64(buf, uint64(w.Sec))
		buf = le.AppendUint32(buf, uint32(w.Nsec))
	}
	return buf
}

// times fills in the times of row i.
func (t *Table) times(row []byte, out *filesystem.Times) {
	known := row[48]
	for i, w := range timesOf(out) {
		at := row[rowTimes+12*i:]
		*w = filesystem.Time{Sec: int64(le.Uint64(at)), Nsec: int32(le.Uint32(at[8:])), Known: known>>i&1 != 0}
	}
}

// file fills in f and ev from row i. Paths are put together in *path, whose
// bytes f.Path copies.
func (t *Table) file(i int, f *File, ev *Evidence, path *[]byte) {
	row := t.row(i)
	tree := t.trees[row[49]]
	*f = File{
		Inode: filesystem.Inum(le.Uint64(row)), Size: int64(le.Uint64(row[8:])), UID: le.Uint32(row[28:]), GID: le.Uint32(row[32:]),
		Links: le.Uint32(row[36:]), Flags: filesystem.Flags(le.Uint32(row[40:])), Mode: filesystem.Mode(le.Uint16(row[44:])),
		Type: filesystem.FileType(row[46]), Deleted: row[47]&bitDeleted != 0, Unalloc: row[47]&bitUnalloc != 0, Orphan: row[47]&bitOrphan != 0,
	}
	t.times(row, &f.Times)
	*path = t.appendPath((*path)[:0], i)
	f.Path = string(*path)
	if f.Mode.Type() == filesystem.Symlink {
		if in, err := tree.FS.Inode(f.Inode); err == nil {
			target, _ := tree.FS.Link(in)
			f.Target = string(target)
		}
	}
	*ev = Evidence{Volume: tree.Volume, Inode: f.Inode, Path: f.Path, Length: int64(le.Uint16(row[50:]))}
	ev.Image, ev.Offset = tree.Place(int64(le.Uint64(row[16:])))
}

func (t *Table) appendPath(dst []byte, i int) []byte {
	row := t.row(i)
	tree := t.trees[row[49]]
	dst = append(dst, strings.TrimRight(tree.Point, "/")...)
	if n := le.Uint32(row[24:]); n != rowNameless {
		return tree.Index.AppendPath(dst, int(n))
	}
	n := filesystem.Inum(le.Uint64(row))
	if n != tree.FS.Root() {
		return append(dst, filesystem.OrphanPath(n)...)
	}
	if len(dst) == 0 {
		dst = append(dst, '/')
	}
	return dst
}

// Event is one file at one time.
type Event struct {
	Sec  int64
	tie  uint64
	Nsec int32
	row  uint32
}

// Order is how events of the same time are put in order.
type Order int

const (
	// ByPlace keeps the order of the disk.
	ByPlace Order = iota
	// ByMactime is that of mactime, which compares "inode,name" as text.
	ByMactime
)

// Events lists the times of all files, sorted. moments appends the distinct
// times of one file to dst; those outside of from and to (seconds, both included)
// are left out. moments is called on several goroutines.
func (t *Table) Events(order Order, from, to int64, moments func(dst []filesystem.Time, t *filesystem.Times) []filesystem.Time) []Event {
	cmp := func(a, b *Event) int {
		switch {
		case a.Sec != b.Sec:
			return less(a.Sec < b.Sec)
		case a.Nsec != b.Nsec:
			return less(a.Nsec < b.Nsec)
		case a.tie != b.tie:
			return less(a.tie < b.tie)
		case a.row == b.row:
			return 0
		case order == ByMactime:
			if c := bytes.Compare(t.appendPath(nil, int(a.row)), t.appendPath(nil, int(b.row))); c != 0 {
				return c
			}
		}
		return less(a.row < b.row)
	}
	// Each part of the rows is counted, listed and sorted on a goroutine of
	// its own; then the parts are merged.
	n := runtime.GOMAXPROCS(0)
	bounds := make([]int, n+1)
	each := func(do func(part int)) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { do(i) })
		}
		wg.Wait()
	}
	walk := func(part int, emit func(Event)) {
		var list []filesystem.Time
		var times filesystem.Times
		for i := t.rows * part / n; i < t.rows*(part+1)/n; i++ {
			row := t.row(i)
			t.times(row, &times)
			list = moments(list[:0], &times)
			for _, m := range list {
				if m.Sec < from || m.Sec > to {
					continue
				}
				e := Event{Sec: m.Sec, Nsec: m.Nsec, row: uint32(i)}
				if order == ByMactime {
					e.tie = decimalKey(le.Uint64(row))
				}
				emit(e)
			}
		}
	}
	each(func(part int) { walk(part, func(Event) { bounds[part+1]++ }) })
	for i := range n {
		bounds[i+1] += bounds[i]
	}
	all := make([]Event, bounds[n])
	each(func(part int) {
		own, k := all[bounds[part]:bounds[part+1]], 0
		walk(part, func(e Event) { own[k], k = e, k+1 })
		slices.SortFunc(own, func(a, b Event) int { return cmp(&a, &b) })
	})
	for step := 1; step < n; step *= 2 {
		for i := 0; i+step < n; i += 2 * step {
			from, mid, to := bounds[i], bounds[i+step], bounds[min(i+2*step, n)]
			merge(all[from:to], mid-from, cmp)
		}
	}
	return all
}

func less(b bool) int {
	if b {
		return -1
	}
	return 1
}

// decimalKey orders numbers as their decimal digits followed by a comma would
// be ordered as text.
func decimalKey(n uint64) uint64 {
	const limit = 1e17 // 10^18 leaves four bits of 64
	digits := uint64(18)
	for n < limit && n > 0 {
		n, digits = n*10, digits-1
	}
	return n<<4 | min(digits, 15)
}

// merge joins two sorted halves that meet at mid, with a copy of the first.
func merge(all []Event, mid int, cmp func(a, b *Event) int) {
	if mid == 0 || mid == len(all) || cmp(&all[mid-1], &all[mid]) <= 0 {
		return
	}
	left := slices.Clone(all[:mid])
	i, j := 0, mid
	for k := range all {
		if i == len(left) {
			return
		}
		if j < len(all) && cmp(&all[j], &left[i]) < 0 {
			all[k], j = all[j], j+1
		} else {
			all[k], i = left[i], i+1
		}
	}
}

// warm touches what the rows of some events are made of. Events that follow each
// other in time lie far apart in memory: fetched one by one, most of the time is
// spent waiting for each; in loops that do nothing else, the processor fetches many
// at once.
func (t *Table) warm(events []Event, names []uint32) []uint32 {
	for k := range events {
		row := t.row(int(events[k].row))
		n := le.Uint32(row[24:])
		if n != rowNameless && len(t.trees) == 1 {
			names = append(names, n)
		}
		_ = row[rowSize-1]
	}
	if len(names) > 0 {
		t.trees[0].Index.Warm(names)
	}
	return names
}

// Format calls appendRow for each event, on several goroutines, and yields the
// rows in order, many at once. File and Evidence are valid during the call.
func (t *Table) Format(ctx context.Context, events []Event, appendRow func(dst []byte, e *Event, f *File, ev *Evidence) []byte) iter.Seq[[]byte] {
	const block = 1024
	type part struct {
		buf, path []byte
		names     []uint32
	}
	return func(yield func([]byte) bool) {
		n := (len(events) + block - 1) / block
		for _, p := range inorder.Run(ctx, n, func(i int, p *part) {
			p.buf = p.buf[:0]
			var f File
			var ev Evidence
			own := events[i*block : min((i+1)*block, len(events))]
			p.names = t.warm(own, p.names[:0])
			for k := range own {
				e := &own[k]
				t.file(int(e.row), &f, &ev, &p.path)
				p.buf = appendRow(p.buf, e, &f, &ev)
			}
		}) {
			if !yield(p.buf) {
				return
			}
		}
	}
}
