package sqlite

import (
	"math"
	"strings"
	"unicode/utf16"
)

// Text encodings.
const (
	utf8Text = 1
	utf16LE  = 2
	utf16BE  = 3
)

// Row is one row of a table. Columns are named as in the table's declaration,
// in any case of letters.
type Row struct {
	ID        int64 // the row id
	Offset    int64 // of the cell in the database file, bytes; -1 if the row stands in the write-ahead log
	Length    int64 // of the cell, bytes; a long row has more on pages of its own
	InWAL     bool
	WALOffset int64 // of the cell in the write-ahead log; -1 if it is not there
	Partial   bool  // a part of the row is lost; the columns in it count as not there

	table    *table
	encoding uint32
	values   []value
}

// place is the offset in the file that the row stands in.
func (r *Row) place() int64 {
	if r.InWAL {
		return r.WALOffset
	}
	return r.Offset
}

// value is one value of a record, still in its bytes.
type value struct {
	kind  int64 // the serial type
	bytes []byte
	lost  bool // the bytes are not all there
	utf8  bool // a text that is UTF-8 whatever the database says: a default from the declaration
}

// decode splits a payload into its values. It gives what is wrong with it, ""
// if nothing is.
// https://www.sqlite.org/fileformat2.html#record_format
func (r *Row) decode(payload []byte) string {
	size, n := varint(payload)
	if n == 0 || size < int64(n) {
		return "no record"
	}
	partial := r.Partial
	head := payload[n:]
	if size <= int64(len(payload)) {
		head = payload[n:size]
	} else if !partial {
		return "the header of the record is longer than the record"
	}
	body := payload[min(size, int64(len(payload))):]
	r.values = make([]value, 0, min(len(head), len(r.table.columns)+1))
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 || kind < 0 || kind == 10 || kind == 11 {
			return "the header of the record is damaged"
		}
		head = head[n:]
		v := value{kind: kind}
		if want := valueSize(kind); want <= int64(len(body)) {
			v.bytes, body = body[:want:want], body[want:]
		} else {
			v.bytes, body, v.lost = body, nil, true
		}
		r.values = append(r.values, v)
		if v.lost && !partial {
			return "the record is shorter than its header says"
		}
	}
	return ""
}

// valueSize is how many bytes a value of a serial type takes.
func valueSize(kind int64) int64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind == 5:
		return 6
	case kind == 6 || kind == 7:
		return 8
	case kind >= 1 && kind <= 4:
		return kind
	}
	return 0
}

// get finds a column's value. ok is false if there is no such column, or its
// bytes are lost.
func (r *Row) get(name string) (v value, ok bool) {
	if r.table == nil {
		return value{}, false
	}
	for i := range r.table.columns {
		c := &r.table.columns[i]
		if !strings.EqualFold(c.name, name) {
			continue
		}
		if i == r.table.rowid {
			return intValue(r.ID), true
		}
		switch {
		case c.at < 0: // computed, not stored
			return value{}, false
		case c.at < len(r.values):
			v = r.values[c.at]
			return v, !v.lost
		case r.Partial:
			return value{}, false
		}
		// The column was added to the table after the row.
		return c.value, c.hasValue
	}
	return value{}, false
}

func intValue(n int64) value {
	b := make([]byte, 8)
	be.PutUint64(b, uint64(n))
	return value{kind: 6, bytes: b}
}

// IsNull reports whether a column is there and NULL.
func (r *Row) IsNull(column string) bool {
	v, ok := r.get(column)
	return ok && v.kind == 0
}

// Int gives an integer. ok is false if the column is not there or holds
// something else.
func (r *Row) Int(column string) (n int64, ok bool) {
	v, ok := r.get(column)
	if !ok {
		return 0, false
	}
	return v.int()
}

func (v value) int() (int64, bool) {
	switch {
	case v.kind == 8 || v.kind == 9:
		return v.kind - 8, true
	case v.kind < 1 || v.kind > 6:
		return 0, false
	}
	n := int64(int8(v.bytes[0]))
	for _, b := range v.bytes[1:] {
		n = n<<8 | int64(b)
	}
	return n, true
}

// Float gives a number, an integer too. ok is false if the column is not there
// or holds something else.
func (r *Row) Float(column string) (f float64, ok bool) {
	v, ok := r.get(column)
	if !ok {
		return 0, false
	}
	if v.kind == 7 {
		return math.Float64frombits(be.Uint64(v.bytes)), true
	}
	n, ok := v.int()
	return float64(n), ok
}

// Text gives a text in UTF-8. Bytes that are none stay as they are where the
// database keeps UTF-8. ok is false if the column is not there or holds
// something else.
func (r *Row) Text(column string) (s string, ok bool) {
	v, ok := r.get(column)
	if !ok || v.kind < 13 || v.kind%2 == 0 {
		return "", false
	}
	if r.encoding == utf8Text || r.encoding == 0 || v.utf8 {
		return string(v.bytes), true
	}
	u := make([]uint16, len(v.bytes)/2)
	for i := range u {
		if r.encoding == utf16LE {
			u[i] = uint16(v.bytes[2*i]) | uint16(v.bytes[2*i+1])<<8
		} else {
			u[i] = be.Uint16(v.bytes[2*i:])
		}
	}
	return string(utf16.Decode(u)), true
}

// Bytes gives a blob, or the bytes of a text as they are stored. ok is false
// if the column is not there or holds something else. They are not to be
// changed.
func (r *Row) Bytes(column string) (b []byte, ok bool) {
	v, ok := r.get(column)
	if !ok || v.kind < 12 {
		return nil, false
	}
	return v.bytes, true
}
