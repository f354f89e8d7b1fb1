// Package rpmdb reads the package databases of rpm: Berkeley DB's hash files,
// the format called ndb, and SQLite, without rpm's own library and without
// writing. It is read by our own code because every package must lead to its bytes,
// and a damaged database must give the packages that it still holds.
//
// A database maps numbers to headers, which are rpm's own format and the same in
// all three.
package rpmdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"deadbox/internal/sqlite"
)

// Kinds of databases.
const (
	BDB    = "bdb"
	NDB    = "ndb"
	SQLite = "sqlite"
)

// ErrNotDatabase says that a file is no database of rpm's packages.
var ErrNotDatabase = errors.New("no package database of rpm")

// maxHeader is the largest header that is taken, as in rpm (headerMaxbytes in
// lib/header.c).
const maxHeader = 256 << 20

// CorruptError is a place of a database that cannot be read or makes no sense.
// The reading went on after it.
type CorruptError struct {
	Structure string
	Offset    int64 // bytes from the start of the file; -1 if it has none
	Reason    string
	Err       error // of the reading, if that was the cause
}

func (e *CorruptError) Error() string {
	s := e.Structure
	if e.Offset >= 0 {
		s += fmt.Sprintf(" at offset %d", e.Offset)
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *CorruptError) Unwrap() error { return e.Err }

// DB is an open database.
type DB struct {
	Kind string // BDB, NDB or SQLite
	data io.ReaderAt
	size int64
	sql  *sqlite.DB
}

// Open tells the format of a database by its first bytes. wal is the write-ahead
// log of SQLite; nil if there is none.
func Open(data io.ReaderAt, size int64, wal io.ReaderAt, walSize int64) (*DB, error) {
	db := &DB{data: data, size: size}
	var head [64]byte
	if n, err := data.ReadAt(head[:], 0); n < len(head) {
		if err == nil || err == io.EOF {
			err = ErrNotDatabase
		}
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("SQLite format 3\x00")):
		var err error
		db.Kind = SQLite
		db.sql, err = sqlite.Open(data, size, wal, walSize)
		return db, err
	case bytes.HasPrefix(head[:], []byte("RpmP")):
		db.Kind = NDB
		return db, nil
	case hashOrder(head[:]) != nil:
		db.Kind = BDB
		return db, nil
	}
	return nil, ErrNotDatabase
}

// Packages yields the packages in the order in which the database holds them.
// An error concerns one place.
func (db *DB) Packages(ctx context.Context) iter.Seq2[*Package, error] {
	switch db.Kind {
	case SQLite:
		return db.sqlPackages(ctx)
	case NDB:
		return db.slots(ctx)
	}
	return db.hashed(ctx)
}

func (db *DB) sqlPackages(ctx context.Context) iter.Seq2[*Package, error] {
	return func(yield func(*Package, error) bool) {
		for _, err := range db.sql.Damage() {
			if !yield(nil, err) {
				return
			}
		}
		for row, err := range db.sql.Rows(ctx, "Packages") {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			blob, ok := row.Bytes("blob")
			if !ok {
				if !yield(nil, &CorruptError{"row of Packages", row.Offset, "holds no header", nil}) {
					return
				}
				continue
			}
			if !emit(yield, uint32(row.ID), blob, row.Offset, row.Length) {
				return
			}
		}
	}
}

// emit reads a header and yields the package.
func emit(yield func(*Package, error) bool, number uint32, blob []byte, offset, length int64) bool {
	h, err := ParseHeader(blob)
	if err != nil {
		return yield(nil, &CorruptError{fmt.Sprintf("header of package %d", number), offset, err.Error(), nil})
	}
	return yield(newPackage(number, h, offset, length), nil)
}

// The ndb format, little-endian: a header of 32 bytes, pages of slots of 16
// bytes each, and blobs in units of 16 bytes.
// https://github.com/rpm-software-management/rpm/blob/rpm-4.18.0-release/lib/backend/ndb/rpmpkg.c
const (
	slotSize  = 16
	slotPage  = 4096
	slotMagic = "Slot"
	blobMagic = "BlbS"
	blobUnit  = 16
	blobHead  = 16
)

var le = binary.LittleEndian

func (db *DB) slots(ctx context.Context) iter.Seq2[*Package, error] {
	return func(yield func(*Package, error) bool) {
		var head [32]byte
		if _, err := db.data.ReadAt(head[:], 0); err != nil {
			yield(nil, &CorruptError{"header", 0, "cannot be read", err})
			return
		}
		pages := int64(le.Uint32(head[12:]))
		if pages > db.size/slotPage {
			if !yield(nil, &CorruptError{"header", 12, fmt.Sprintf("%d pages of slots in %d bytes", pages, db.size), nil}) {
				return
			}
			pages = db.size / slotPage
		}
		page := make([]byte, slotPage)
		for p := range pages {
			if ctx.Err() != nil {
				return
			}
			n, err := db.data.ReadAt(page, p*slotPage)
			if n < slotPage && !yield(nil, &CorruptError{"page of slots", p * slotPage, "cannot be read whole", err}) {
				return
			}
			first := 0
			if p == 0 {
				first = 2 * slotSize // the header
			}
			for at := first; at+slotSize <= n; at += slotSize {
				slot := page[at : at+slotSize]
				number, off, units := le.Uint32(slot[4:]), int64(le.Uint32(slot[8:]))*blobUnit, int64(le.Uint32(slot[12:]))
				where := p*slotPage + int64(at)
				if string(slot[:4]) != slotMagic {
					if !yield(nil, &CorruptError{"slot", where, "has not its magic number", nil}) {
						return
					}
					continue
				}
				if number == 0 {
					continue // free
				}
				if !db.blob(yield, number, off, units*blobUnit, where) {
					return
				}
			}
		}
	}
}

// blob yields the package of one slot.
func (db *DB) blob(yield func(*Package, error) bool, number uint32, off, room, slot int64) bool {
	structure := fmt.Sprintf("blob of package %d", number)
	if off < slotPage || room < blobHead || room > maxHeader || off+room > db.size {
		return yield(nil, &CorruptError{"slot", slot, fmt.Sprintf("package %d at offset %d, %d bytes: not in the file", number, off, room), nil})
	}
	b := make([]byte, room)
	if _, err := db.data.ReadAt(b, off); err != nil && err != io.EOF {
		return yield(nil, &CorruptError{structure, off, "cannot be read", err})
	}
	length := int64(le.Uint32(b[12:]))
	switch {
	case string(b[:4]) != blobMagic:
		return yield(nil, &CorruptError{structure, off, "has not its magic number", nil})
	case le.Uint32(b[4:]) != number:
		return yield(nil, &CorruptError{structure, off, fmt.Sprintf("says that it is of package %d", le.Uint32(b[4:])), nil})
	case length > room-blobHead:
		return yield(nil, &CorruptError{structure, off, fmt.Sprintf("%d bytes in a place for %d", length, room), nil})
	}
	return emit(yield, number, b[blobHead:blobHead+length], off+blobHead, length)
}
