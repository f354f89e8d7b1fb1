package sqlite

import (
	"encoding/binary"
	"fmt"
	"io"
)

// openWAL finds the pages that the committed transactions of the log wrote.
// The log ends at the first frame whose salts or sums do not belong to it: what
// follows is left from before a checkpoint.
func (db *DB) openWAL(wal io.ReaderAt, size int64) {
	bad := func(off, length int64, reason string, err error) {
		db.damage = append(db.damage, &CorruptError{InWAL: true, Offset: off, Length: length, Reason: reason, Err: err})
	}
	head := make(walHeader, walHeaderSize)
	if n, err := readAt(wal, size, head, 0); n < len(head) {
		bad(0, walHeaderSize, "the header of the log cannot be read", err)
		return
	}
	if isZero(head) {
		return // a log that was made and never written
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch head.magic() {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		bad(0, walHeaderSize, "not a write-ahead log", nil)
		return
	}
	if v := head.version(); v != 3007000 {
		bad(4, 4, fmt.Sprintf("version %d of the log is not known", v), nil)
		return
	}
	s0, s1 := sum(order, 0, 0, head[:24])
	if h0, h1 := head.sums(); s0 != h0 || s1 != h1 {
		bad(0, walHeaderSize, "the checksum of the log's header is wrong", nil)
		return
	}
	pages := pageSize(head.pageSize())
	switch {
	case pages == 0:
		bad(8, 4, fmt.Sprintf("a page size of %d in the log", head.pageSize()), nil)
		return
	case db.pageSize == 0:
		db.pageSize = pages
	case pages != db.pageSize:
		bad(8, 4, fmt.Sprintf("the log has pages of %d bytes, the database of %d", pages, db.pageSize), nil)
		return
	}
	frames, open := map[uint32]int64{}, map[uint32]int64{}
	b := make([]byte, frameSize+pages)
	for off := int64(walHeaderSize); size-off >= int64(len(b)); off += int64(len(b)) {
		if n, err := readAt(wal, size, b, off); n < len(b) {
			bad(off+int64(n), size-off-int64(n), "the log cannot be read from here on", err)
			break
		}
		f := walFrame(b[:frameSize])
		if f.salts() != head.salts() || f.page() == 0 {
			break
		}
		s0, s1 = sum(order, s0, s1, b[:8])
		s0, s1 = sum(order, s0, s1, b[frameSize:])
		if f0, f1 := f.sums(); s0 != f0 || s1 != f1 {
			// A transaction that is not committed may have rewritten a frame and
			// left the sum as it was. If another was committed after it, then it is damage.
			if committedAfter(wal, size, off, int64(len(b)), head.salts()) {
				bad(off, int64(len(b)), "the checksum of a frame is wrong; it and those after it do not count", nil)
			}
			break
		}
		open[f.page()] = off + frameSize
		if f.commit() != 0 {
			for n, at := range open {
				frames[n] = at
			}
			clear(open)
			db.walPages = f.commit()
		}
	}
	// The last commit may have shortened the database.
	for n := range frames {
		if n > db.walPages {
			delete(frames, n)
		}
	}
	db.wal, db.walSize, db.frames = wal, size, frames
}

// committedAfter reports whether a frame at off or after it ends a transaction
// of this log.
func committedAfter(wal io.ReaderAt, size, off, length int64, salts uint64) bool {
	f := make(walFrame, frameSize)
	for ; off+length <= size; off += length {
		if n, _ := readAt(wal, size, f, off); n < len(f) || f.salts() != salts {
			return false
		}
		if f.commit() != 0 {
			return true
		}
	}
	return false
}

// sum goes on with the checksum of the log over b, whose length is a multiple
// of eight.
// https://www.sqlite.org/fileformat2.html#checksum_algorithm
func sum(order binary.ByteOrder, s0, s1 uint32, b []byte) (uint32, uint32) {
	for ; len(b) >= 8; b = b[8:] {
		s0 += order.Uint32(b) + s1
		s1 += order.Uint32(b[4:]) + s0
	}
	return s0, s1
}
