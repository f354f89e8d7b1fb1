package editorhistory

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"deadbox/timeline"
)

const (
	// maxShada is how much of a ShaDa file is read, in bytes.
	maxShada = 64 << 20
	// maxValues is how many values an entry may have.
	maxValues = 1 << 20
	// maxDepth is how deep values may lie in each other.
	maxDepth = 16
)

// readShada reads Neovim's entries: the type, the time in seconds since 1970, the
// length of what follows, as unsigned numbers of MessagePack, then the value.
func readShada(ctx context.Context, w *writer) {
	data, errs := timeline.Whole(ctx, w.src, maxShada)
	for _, err := range errs {
		w.fail(err)
	}
	budget := 8 * len(data) // of bytes decoded in vain
	for at := 0; at < len(data) && !w.stopped; {
		e, ok := entryAt(data[at:])
		if !ok {
			// What comes next that can only be an entry?
			from := at
			for at++; at < len(data); at++ {
				if budget <= 0 || ctx.Err() != nil {
					at = len(data)
					break
				}
				if data[at] < 1 || data[at] > 11 || at+1 < len(data) && data[at+1] != 0xce {
					continue
				}
				if e, ok = entryAt(data[at:]); ok && e.time >= 1e9 {
					break
				}
				budget -= e.decoded
			}
			w.fail(w.src.Damage(int64(from), int64(at-from), 0, "no entry of a ShaDa file", nil))
			continue
		}
		w.shada(&e, int64(at))
		at += e.size
	}
}

// shadaEntry is one entry.
type shadaEntry struct {
	kind, time int64
	value      any
	size       int // of all of it
	decoded    int // bytes that were looked at
}

// entryAt reads the entry that b begins with.
func entryAt(b []byte) (e shadaEntry, ok bool) {
	d := decoder{b: b}
	defer func() { e.decoded = d.at }()
	kind, ok1 := d.value(0).(int64)
	when, ok2 := d.value(0).(int64)
	length, ok3 := d.value(0).(int64)
	if d.bad || !ok1 || !ok2 || !ok3 || kind < 1 || when < 0 || length < 0 || length > int64(len(b)-d.at) {
		return e, false
	}
	start := d.at
	e = shadaEntry{kind: kind, time: when, size: start + int(length)}
	if kind <= 11 {
		d.b = b[:e.size]
		if e.value = d.value(0); d.bad || d.at != e.size {
			return e, false
		}
	}
	return e, true
}

// shada yields what an entry says.
// https://neovim.io/doc/user/starting.html#shada-format
func (w *writer) shada(e *shadaEntry, at int64) {
	it := item{when: seconds(e.time), offset: at, length: int64(e.size)}
	list, _ := e.value.([]any)
	m, _ := e.value.(map[string]any)
	text := func(v any) string { s, _ := v.(string); return s }
	switch e.kind {
	case 3: // substitute string
		if len(list) > 0 && text(list[0]) != "" {
			it.action, it.field, it.text = "substitute", "text", text(list[0])
			w.typed(it)
		}
	case 4: // history
		if len(list) < 2 {
			return
		}
		k, ok := list[0].(int64)
		if !ok || k < 0 || k >= int64(len(historyKinds)) || text(list[1]) == "" {
			return
		}
		h := historyKinds[k]
		it.action, it.field, it.text = h.action, h.field, h.prefix+text(list[1])
		w.typed(it)
	case 5: // register
		lines, _ := m["rc"].([]any)
		var all []string
		for _, l := range lines {
			all = append(all, text(l))
		}
		it.action, it.field, it.text = "register", "text", strings.Join(all, "\n")
		it.more = []string{"register", letter(m["n"])}
		if it.text != "" {
			w.typed(it)
		}
	case 7, 8, 10, 11: // global mark, jump, local mark, change
		it.action = map[int64]string{7: "mark", 8: "jump", 10: "marks", 11: "change"}[e.kind]
		if it.text = text(m["f"]); it.text == "" {
			return
		}
		if e.kind != 8 && e.kind != 11 {
			it.more = append(it.more, "mark", letter(m["n"]))
		}
		it.more = append(it.more, "position", position(m))
		w.file(it)
	case 9: // buffers
		for _, v := range list {
			b, _ := v.(map[string]any)
			if f := text(b["f"]); f != "" {
				one := it
				one.action, one.text, one.more = "buffer", f, []string{"position", position(b)}
				w.file(one)
			}
		}
	}
}

// letter is a mark's or a register's name, which stands there as a number; the
// default is the quote.
func letter(v any) string {
	n, ok := v.(int64)
	if !ok || n < 0x20 || n > 0x10ffff {
		return `"`
	}
	return string(rune(n))
}

// position is line and column; the defaults are 1 and 0.
func position(m map[string]any) string {
	line, column := int64(1), int64(0)
	if n, ok := m["l"].(int64); ok {
		line = n
	}
	if n, ok := m["c"].(int64); ok {
		column = n
	}
	return strconv.FormatInt(line, 10) + ":" + strconv.FormatInt(column, 10)
}

// decoder reads values of MessagePack: integers as int64, texts and binary
// strings as string, arrays, maps with keys that are texts, nil for all else.
// https://github.com/msgpack/msgpack/blob/master/spec.md
type decoder struct {
	b     []byte
	at    int
	count int // of values
	bad   bool
}

// take gives the next n bytes; nil if there are not so many.
func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b)-d.at {
		d.bad = true
		return nil
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

// number reads n bytes, big-endian.
func (d *decoder) number(n int) uint64 {
	var b [8]byte
	copy(b[8-n:], d.take(n))
	return binary.BigEndian.Uint64(b[:])
}

func (d *decoder) value(depth int) any {
	head := d.take(1)
	if d.count++; head == nil || depth > maxDepth || d.count > maxValues {
		d.bad = true
		return nil
	}
	length := func(bytes int) int {
		n := d.number(bytes)
		if n > uint64(len(d.b)) { // each element takes a byte at least
			d.bad = true
			return 0
		}
		return int(n)
	}
	switch c := head[0]; {
	case c < 0x80:
		return int64(c)
	case c < 0x90:
		return d.object(int(c&0x0f), depth)
	case c < 0xa0:
		return d.array(int(c&0x0f), depth)
	case c < 0xc0:
		return string(d.take(int(c & 0x1f)))
	case c >= 0xe0:
		return int64(int8(c))
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3
	case c >= 0xc4 && c <= 0xc6:
		return string(d.take(length(1 << (c - 0xc4))))
	case c >= 0xc7 && c <= 0xc9:
		n := length(1 << (c - 0xc7))
		d.take(1)
		d.take(n)
	case c == 0xca:
		d.take(4)
	case c == 0xcb:
		d.take(8)
	case c >= 0xcc && c <= 0xcf:
		n := d.number(1 << (c - 0xcc))
		if n >= 1<<63 {
			d.bad = true
		}
		return int64(n)
	case c >= 0xd0 && c <= 0xd3:
		bits := 8 << (c - 0xd0)
		return int64(d.number(1<<(c-0xd0))<<(64-bits)) >> (64 - bits)
	case c >= 0xd4 && c <= 0xd8:
		d.take(1 + 1<<(c-0xd4))
	case c >= 0xd9 && c <= 0xdb:
		return string(d.take(length(1 << (c - 0xd9))))
	case c == 0xdc || c == 0xdd:
		return d.array(length(2<<(c-0xdc)), depth)
	case c == 0xde || c == 0xdf:
		return d.object(length(2<<(c-0xde)), depth)
	case c == 0xc1:
		d.bad = true
	}
	return nil
}

func (d *decoder) array(n, depth int) []any {
	list := []any{}
	for i := 0; i < n && !d.bad; i++ {
		list = append(list, d.value(depth+1))
	}
	return list
}

func (d *decoder) object(n, depth int) map[string]any {
	m := map[string]any{}
	for i := 0; i < n && !d.bad; i++ {
		k, _ := d.value(depth + 1).(string)
		m[k] = d.value(depth + 1)
	}
	return m
}
