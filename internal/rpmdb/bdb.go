package rpmdb

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
)

// Berkeley DB's hash files: pages of one size, the first of which describes the
// file. Numbers have the byte order of the machine that made it. Keys and values
// alternate on a hash page; a long value stands on a chain of pages of its own.
// https://github.com/berkeleydb/libdb/blob/v5.3.28/src/dbinc/db_page.h
const (
	hashMagic = 0x00061561

	metaMagic    = 12
	metaPageSize = 20
	metaLast     = 32 // number of the last page

	pageNext    = 16 // number of the next page of a chain
	pageEntries = 20 // items on a hash page
	pageOffset  = 22 // on an overflow page: the bytes that it holds
	pageType    = 25
	pageHead    = 26

	typeHashUnsorted = 2
	typeOverflow     = 7
	typeHash         = 13

	itemKeyData = 1
	itemOffPage = 3
)

// hashOrder is the byte order of a hash file, nil if it is none.
func hashOrder(head []byte) binary.ByteOrder {
	for _, o := range [...]binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if o.Uint32(head[metaMagic:]) == hashMagic {
			return o
		}
	}
	return nil
}

// hashFile reads the pages of a hash file.
type hashFile struct {
	*DB
	order binary.ByteOrder
	page  int64 // bytes
	seen  map[uint32]bool
}

func (db *DB) hashed(ctx context.Context) iter.Seq2[*Package, error] {
	return func(yield func(*Package, error) bool) {
		var meta [72]byte
		if n, err := db.data.ReadAt(meta[:], 0); n < len(meta) {
			yield(nil, &CorruptError{"first page", 0, "cannot be read", err})
			return
		}
		f := &hashFile{DB: db, order: hashOrder(meta[:]), seen: map[uint32]bool{}}
		f.page = int64(f.order.Uint32(meta[metaPageSize:]))
		if f.page < 512 || f.page > 64<<10 || f.page&(f.page-1) != 0 {
			yield(nil, &CorruptError{"first page", metaPageSize, fmt.Sprintf("pages of %d bytes", f.page), nil})
			return
		}
		if last := int64(f.order.Uint32(meta[metaLast:])); (last+1)*f.page > db.size {
			if !yield(nil, &CorruptError{"first page", metaLast, fmt.Sprintf("the last page is %d, and the file has %d", last, db.size/f.page), nil}) {
				return
			}
		}
		// Every page is looked at, not the buckets' chains: so a broken chain
		// hides nothing.
		page := make([]byte, f.page)
		for n := int64(1); n < db.size/f.page; n++ {
			if ctx.Err() != nil {
				return
			}
			if _, err := db.data.ReadAt(page, n*f.page); err != nil {
				if !yield(nil, &CorruptError{"page", n * f.page, "cannot be read", err}) {
					return
				}
				continue
			}
			if t := page[pageType]; (t == typeHash || t == typeHashUnsorted) && !f.hashPage(page, n*f.page, yield) {
				return
			}
		}
	}
}

// hashPage yields the packages of one page.
func (f *hashFile) hashPage(page []byte, at int64, yield func(*Package, error) bool) bool {
	entries := int(f.order.Uint16(page[pageEntries:]))
	if pageHead+2*entries > len(page) {
		return yield(nil, &CorruptError{"hash page", at, fmt.Sprintf("%d entries", entries), nil})
	}
	item := func(i int) int { return int(f.order.Uint16(page[pageHead+2*i:])) }
	for i := 0; i+1 < entries; i += 2 {
		key, value := item(i), item(i+1)
		// Items are put in from the end of the page: each ends where the one before begins.
		if value < pageHead+2*entries || value >= key || key+5 > len(page) {
			if !yield(nil, &CorruptError{"hash page", at + int64(pageHead+2*i), "an item lies outside of its page", nil}) {
				return false
			}
			continue
		}
		number := f.order.Uint32(page[key+1:])
		if number == 0 {
			continue // the counter of packages
		}
		where, body := at+int64(value), page[value:key]
		switch {
		case body[0] == itemKeyData:
			if !emit(yield, number, append([]byte(nil), body[1:]...), where+1, int64(len(body)-1)) {
				return false
			}
		case body[0] == itemOffPage && len(body) >= 12:
			blob, first, err := f.chain(f.order.Uint32(body[4:]), int64(f.order.Uint32(body[8:])), where)
			if err != nil {
				if !yield(nil, err) {
					return false
				}
				continue
			}
			// What stands on several pages is named by the first run of it.
			if !emit(yield, number, blob, first, min(int64(len(blob)), f.page-pageHead)) {
				return false
			}
		default:
			if !yield(nil, &CorruptError{"hash page", where, fmt.Sprintf("an item of type %d", body[0]), nil}) {
				return false
			}
		}
	}
	return true
}

// chain reads a value that stands on pages of its own. first is where its
// first byte lies. A page belongs to one chain only.
func (f *hashFile) chain(number uint32, length, item int64) (blob []byte, first int64, err error) {
	if length > maxHeader || length > f.size {
		return nil, 0, &CorruptError{"hash page", item, fmt.Sprintf("a value of %d bytes", length), nil}
	}
	page := make([]byte, f.page)
	for int64(len(blob)) < length {
		at := int64(number) * f.page
		switch {
		case number == 0 || at+f.page > f.size:
			return nil, 0, &CorruptError{"overflow page", at, fmt.Sprintf("not in the file; %d of %d bytes were read", len(blob), length), nil}
		case f.seen[number]:
			return nil, 0, &CorruptError{"overflow page", at, "belongs to two values", nil}
		}
		f.seen[number] = true
		if _, err := f.data.ReadAt(page, at); err != nil {
			return nil, 0, &CorruptError{"overflow page", at, "cannot be read", err}
		}
		n := int64(f.order.Uint16(page[pageOffset:]))
		if page[pageType] != typeOverflow || n == 0 || n > f.page-pageHead {
			return nil, 0, &CorruptError{"overflow page", at, "is none", nil}
		}
		if blob == nil {
			first = at + pageHead
		}
		blob = append(blob, page[pageHead:pageHead+n]...)
		number = f.order.Uint32(page[pageNext:])
	}
	return blob[:length], first, nil
}
