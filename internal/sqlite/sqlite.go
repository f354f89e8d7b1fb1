// Package sqlite reads the tables of SQLite 3 databases, without SQL and
// without writing: where every row lies in the file is known, a damaged file
// gives what it still holds, and the write-ahead log is laid over the database in
// memory.
//
// The format: https://www.sqlite.org/fileformat2.html. Numbers are big-endian,
// pages are counted from 1.
//
// What is not read: tables without row ids and virtual tables (refused by
// name), indexes, free pages, and a rollback journal, which a database has only
// if it was cut off in the middle of a transaction.
package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotDatabase is wrapped by the error for a file that is no SQLite 3
// database, or an encrypted one.
var ErrNotDatabase = errors.New("not an SQLite 3 database")

// ErrNoTable is wrapped by the error for a table that the database does not
// have.
var ErrNoTable = errors.New("no such table")

// CorruptError is a place of the database, or of its write-ahead log, that
// cannot be read or makes no sense. The reading went on after it.
type CorruptError struct {
	InWAL  bool   // Offset is in the write-ahead log
	Offset int64  // bytes from the start of the file; -1 if the place has none
	Length int64  // bytes
	Page   uint32 // from 1; 0 if none
	Reason string
	Err    error // of the reading, if that was the cause
}

func (e *CorruptError) Error() string {
	var b strings.Builder
	b.WriteString("sqlite: ")
	if e.Page != 0 {
		fmt.Fprintf(&b, "page %d, ", e.Page)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, "offset %d", e.Offset)
		if e.InWAL {
			b.WriteString(" of the write-ahead log")
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *CorruptError) Unwrap() error { return e.Err }

// DB is an open database. Its methods may be called by several goroutines if
// the readers allow that.
type DB struct {
	data io.ReaderAt
	size int64

	pageSize int
	usable   int    // of each page, bytes
	encoding uint32 // 1, 2 or 3

	wal      io.ReaderAt
	walSize  int64
	frames   map[uint32]int64 // where the page lies in the log
	walPages uint32           // of the database, as the last commit says; 0 without one

	tables []*table
	damage []error
}

// Open reads the header, the write-ahead log and the schema. wal may be nil;
// of a log, the transactions count that were committed and whose salts and
// checksums are right, as they do for SQLite itself.
//
// What is damaged and does not keep the rest from being read is told by
// [DB.Damage].
func Open(data io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (*DB, error) {
	db := &DB{data: data, size: size}
	head := make(header, headerSize)
	n, err := readAt(data, size, head, 0)
	whole := n == headerSize && head.magic() == magic
	if whole {
		db.pageSize = head.pageSize()
	}
	if wal != nil && walSize > 0 {
		db.openWAL(wal, walSize)
	}
	if off, ok := db.frames[1]; ok {
		if n, err := readAt(wal, walSize, head, off); n < headerSize {
			return nil, &CorruptError{InWAL: true, Offset: off, Length: headerSize, Page: 1, Reason: "the header cannot be read", Err: err}
		}
	} else if !whole {
		switch {
		case size <= 0:
			return nil, fmt.Errorf("sqlite: %w: the file is empty", ErrNotDatabase)
		case n < headerSize:
			return nil, &CorruptError{Length: headerSize, Page: 1, Reason: "the header cannot be read", Err: err}
		}
		return nil, fmt.Errorf("sqlite: %w", ErrNotDatabase)
	}
	if head.magic() != magic {
		return nil, fmt.Errorf("sqlite: %w", ErrNotDatabase)
	}
	if db.pageSize == 0 {
		return nil, &CorruptError{Offset: 16, Length: 2, Page: 1, Reason: fmt.Sprintf("a page size of %d", be.Uint16(head[16:]))}
	}
	db.usable = db.pageSize - head.reserved()
	if db.usable < minUsable {
		return nil, &CorruptError{Offset: 20, Length: 1, Page: 1, Reason: fmt.Sprintf("%d of %d bytes of each page are reserved", head.reserved(), db.pageSize)}
	}
	switch db.encoding = head.encoding(); db.encoding {
	case utf8Text, utf16LE, utf16BE:
	case 0: // no table yet
		db.encoding = utf8Text
	default:
		db.damage = append(db.damage, &CorruptError{Offset: 56, Length: 4, Page: 1, Reason: fmt.Sprintf("text encoding %d is not known; UTF-8 is assumed", db.encoding)})
		db.encoding = utf8Text
	}
	db.readSchema()
	return db, nil
}

// Damage says what was met while the header, the log and the schema were
// read.
func (db *DB) Damage() []error { return db.damage }

// Tables lists the tables that can be read, in the order of the schema.
func (db *DB) Tables() []string {
	var names []string
	for _, t := range db.tables {
		if t.refused == "" {
			names = append(names, t.name)
		}
	}
	return names
}

// Columns lists the columns of a table, in the order of its declaration; nil
// if there is no such table.
func (db *DB) Columns(name string) []string {
	t := db.table(name)
	if t == nil {
		return nil
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

func (db *DB) table(name string) *table {
	for _, t := range db.tables {
		if strings.EqualFold(t.name, name) {
			return t
		}
	}
	if name == "sqlite_schema" || name == "sqlite_master" {
		return &schemaTable
	}
	return nil
}

// schemaTable is the table on page 1 that describes all others.
var schemaTable = table{name: "sqlite_schema", root: 1, rowid: -1, columns: []column{
	{name: "type", at: 0}, {name: "name", at: 1}, {name: "tbl_name", at: 2}, {name: "rootpage", at: 3}, {name: "sql", at: 4}}}

// maxTables bounds the schema.
const maxTables = 100000

func (db *DB) readSchema() {
	for r, err := range db.Rows(context.Background(), "sqlite_schema") {
		if err != nil {
			db.damage = append(db.damage, err)
			continue
		}
		if kind, _ := r.Text("type"); kind != "table" {
			continue
		}
		name, _ := r.Text("name")
		sql, _ := r.Text("sql")
		root, _ := r.Int("rootpage")
		t, err := parseTable(sql)
		switch {
		case err != nil:
			db.damage = append(db.damage, &CorruptError{InWAL: r.InWAL, Offset: r.place(), Length: r.Length,
				Reason: fmt.Sprintf("the declaration of table %q cannot be understood", name), Err: err})
			t = &table{refused: "its declaration cannot be understood"}
		case t.refused == "" && (root < 1 || root > 1<<32-2):
			db.damage = append(db.damage, &CorruptError{InWAL: r.InWAL, Offset: r.place(), Length: r.Length,
				Reason: fmt.Sprintf("table %q begins on page %d", name, root)})
			t.refused = "it has no page"
		}
		t.name, t.root = name, uint32(root)
		if db.tables = append(db.tables, t); len(db.tables) == maxTables {
			db.damage = append(db.damage, &CorruptError{Offset: -1, Reason: fmt.Sprintf("more than %d tables", maxTables)})
			return
		}
	}
}

// readAt reads up to len(b) bytes at off of a reader that ends at size.
func readAt(r io.ReaderAt, size int64, b []byte, off int64) (int, error) {
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	if int64(len(b)) > size-off {
		b = b[:size-off]
	}
	n, err := r.ReadAt(b, off)
	n = min(max(n, 0), len(b))
	if n == len(b) {
		err = nil
	} else if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// page is a page as it was read.
type page struct {
	number uint32
	bytes  []byte // less than a page if the rest cannot be read
	inWAL  bool
	offset int64 // of the page in its file
}

// corrupt makes the error for a range of the page.
func (p *page) corrupt(at, length int, reason string) *CorruptError {
	return &CorruptError{InWAL: p.inWAL, Offset: p.offset + int64(at), Length: int64(length), Page: p.number, Reason: reason}
}

// read brings page n. A page of which only the beginning can be read comes
// beside an error.
func (db *DB) read(n uint32) (page, error) {
	p := page{number: n, offset: int64(n-1) * int64(db.pageSize)}
	r, size := db.data, db.size
	if off, ok := db.frames[n]; ok {
		p.inWAL, p.offset, r, size = true, off, db.wal, db.walSize
	} else if n == 0 || p.offset >= size {
		return p, &CorruptError{Offset: -1, Page: n, Reason: "the page lies outside of the file"}
	}
	b := make([]byte, db.pageSize)
	got, err := readAt(r, size, b, p.offset)
	p.bytes = b[:got]
	if got < len(b) {
		reason := "cannot be read"
		if p.offset+int64(got) >= size {
			reason, err = "the file ends in this page", nil
		}
		c := p.corrupt(got, len(b)-got, reason)
		c.Err = err
		return p, c
	}
	return p, nil
}

// isZero reports whether b holds nothing else than NUL bytes.
func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
