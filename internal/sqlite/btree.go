package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

const (
	// maxDepth is that of SQLite's own cursors.
	maxDepth = 20
	// maxPayload is the longest row that is read whole, in bytes.
	maxPayload = 64 << 20
)

// Rows yields the rows of a table in the order of their ids. An error
// concerns one place, and the sequence goes on after it. A row of which a part
// is lost comes after the error that says so, with Partial set.
func (db *DB) Rows(ctx context.Context, name string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		t := db.table(name)
		switch {
		case t == nil:
			yield(Row{}, fmt.Errorf("sqlite: table %q: %w", name, ErrNoTable))
		case t.refused != "":
			yield(Row{}, fmt.Errorf("sqlite: table %q: %s: %w", name, t.refused, errors.ErrUnsupported))
		default:
			w := walk{db: db, ctx: ctx, table: t, yield: yield, seen: map[uint32]bool{}}
			w.tree(t.root, 0)
		}
	}
}

// walk goes once through the b-tree of a table.
type walk struct {
	db    *DB
	ctx   context.Context
	table *table
	yield func(Row, error) bool
	// seen are the pages that were read. None is read twice, so the walk costs
	// no more than the file, whatever the pages say.
	seen map[uint32]bool
}

// tree walks what lies below page n. It reports whether the walk goes on.
func (w *walk) tree(n uint32, depth int) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(Row{}, err)
		return false
	}
	fail := func(err error) bool { return w.yield(Row{}, err) }
	if depth > maxDepth {
		return fail(&CorruptError{Offset: -1, Page: n, Reason: fmt.Sprintf("a tree deeper than %d pages", maxDepth)})
	}
	if w.seen[n] {
		return fail(&CorruptError{Offset: -1, Page: n, Reason: "the page stands in the tree twice"})
	}
	w.seen[n] = true
	p, err := w.db.read(n)
	if err != nil && !fail(err) {
		return false
	}
	start := 0
	if n == 1 {
		start = headerSize
	}
	if len(p.bytes) < start+12 {
		return err != nil || fail(p.corrupt(0, len(p.bytes), "too short for a page"))
	}
	t := treePage(p.bytes[start:])
	if k := t.kind(); k != interiorPage && k != leafPage {
		reason := fmt.Sprintf("no page of a table: its kind is %#02x", k)
		if k == 0 && isZero(p.bytes) {
			reason = "no page of a table: all of it is zero"
		}
		return fail(p.corrupt(0, len(p.bytes), reason+"; the rows below it are lost"))
	}
	cells := t.cells()
	if room := (len(t) - t.size()) / 2; cells > room {
		if !fail(p.corrupt(start+3, 2, fmt.Sprintf("%d cells on a page with room for %d", cells, room))) {
			return false
		}
		cells = room
	}
	used := 0
	for i := range cells {
		at := t.pointer(i)
		if at < start+t.size()+2*cells || at >= min(len(p.bytes), w.db.usable) {
			if !fail(p.corrupt(start+t.size()+2*i, 2, fmt.Sprintf("cell %d lies at %d, where none can be", i, at))) {
				return false
			}
			continue
		}
		if t.kind() == interiorPage {
			if at+4 > len(p.bytes) {
				if !fail(p.corrupt(at, len(p.bytes)-at, fmt.Sprintf("cell %d is cut off", i))) {
					return false
				}
				continue
			}
			if !w.tree(be.Uint32(p.bytes[at:]), depth+1) {
				return false
			}
			continue
		}
		r, length, err := w.cell(&p, at)
		if err != nil && !fail(err) {
			return false
		}
		if used += length; used > w.db.usable {
			return fail(p.corrupt(at, length, "the cells of the page lie over each other; the rest of them is left out"))
		}
		if r.table != nil && !w.yield(r, nil) {
			return false
		}
	}
	if t.kind() == interiorPage {
		return w.tree(t.right(), depth+1)
	}
	return true
}

// cell reads the row in a cell of a leaf, and gives the cell's length. A row
// that lost its end comes beside an error, one that lost its beginning has no
// table.
// https://www.sqlite.org/fileformat2.html#b_tree_pages, "Table B-Tree Leaf Cell"
func (w *walk) cell(p *page, at int) (Row, int, error) {
	b := p.bytes[at:min(len(p.bytes), w.db.usable)]
	size, n := varint(b)
	id, m := varint(b[n:])
	if n == 0 || m == 0 || size < 0 || size > 1<<31 {
		return Row{}, len(b), p.corrupt(at, min(len(b), 18), "no cell of a table")
	}
	local, spill := w.db.local(size)
	payload := b[n+m:]
	var err error
	partial := false
	length := n + m + local
	switch {
	case len(payload) < local:
		partial, length = true, len(b)
		err = p.corrupt(at, length, fmt.Sprintf("row %d runs over the end of the page", id))
	case !spill:
		payload = payload[:local:local]
	case len(payload) < local+4:
		payload, partial, length = payload[:local:local], true, len(b)
		err = p.corrupt(at, length, fmt.Sprintf("row %d does not say where it goes on", id))
	default:
		length += 4
		payload, err = w.overflow(payload[:local:local], be.Uint32(payload[local:]), size, id)
		partial = err != nil
	}
	r := Row{ID: id, Offset: p.offset + int64(at), WALOffset: -1, Length: int64(length), Partial: partial, table: w.table, encoding: w.db.encoding}
	if p.inWAL {
		r.InWAL, r.WALOffset, r.Offset = true, r.Offset, -1
	}
	if err2 := r.decode(payload); err2 != "" && err == nil {
		r.Partial = true
		err = p.corrupt(at, length, fmt.Sprintf("row %d: %s", id, err2))
	}
	return r, length, err
}

// local says how many bytes of a row's payload stand in its cell, and whether
// the rest lies on pages of its own.
// https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages
func (db *DB) local(size int64) (int, bool) {
	u := int64(db.usable)
	if size <= u-35 {
		return int(size), false
	}
	least := (u-12)*32/255 - 23
	if k := least + (size-least)%(u-4); k <= u-35 {
		return int(k), true
	}
	return int(least), true
}

// overflow adds the pages of a chain to a payload, until it has its size.
func (w *walk) overflow(payload []byte, next uint32, size, id int64) ([]byte, error) {
	for int64(len(payload)) < size {
		if len(payload) > maxPayload {
			return payload, &CorruptError{Offset: -1, Page: next, Reason: fmt.Sprintf("row %d is longer than %d bytes; its end is left out", id, maxPayload)}
		}
		if next == 0 || w.seen[next] {
			return payload, &CorruptError{Offset: -1, Page: next, Reason: fmt.Sprintf("row %d goes on where it cannot", id)}
		}
		if err := w.ctx.Err(); err != nil {
			return payload, err
		}
		w.seen[next] = true
		p, err := w.db.read(next)
		b := p.bytes[:min(len(p.bytes), w.db.usable)]
		if len(b) > 4 {
			next = be.Uint32(b)
			b = b[4:]
			payload = append(payload, b[:min(int64(len(b)), size-int64(len(payload)))]...)
		}
		if err != nil {
			return payload, err
		}
	}
	return payload, nil
}
