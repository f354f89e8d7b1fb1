package sqlite

import "encoding/binary"

var be = binary.BigEndian

const (
	magic         = "SQLite format 3\x00"
	headerSize    = 100
	minPage       = 512
	maxPage       = 65536
	minUsable     = 480
	walHeaderSize = 32
	frameSize     = 24 // of a frame's header
)

// header is the database header, the first 100 bytes of the file; numbers are
// big-endian.
// https://www.sqlite.org/fileformat2.html#the_database_header
type header []byte

func (b header) magic() string    { return string(b[:16]) }
func (b header) pageSize() int    { return pageSize(uint32(be.Uint16(b[16:]))) } // bytes; 1 says 65536
func (b header) reserved() int    { return int(b[20]) }                          // bytes at the end of each page
func (b header) encoding() uint32 { return be.Uint32(b[56:]) }                   // 1 UTF-8, 2 UTF-16 little-endian, 3 UTF-16 big-endian

// pageSize is the size that a number says, in bytes; 0 if it is none.
func pageSize(n uint32) int {
	if n == 1 {
		return maxPage
	}
	if n < minPage || n > maxPage || n&(n-1) != 0 {
		return 0
	}
	return int(n)
}

// The kinds of pages of b-trees that hold tables.
const (
	interiorPage = 0x05
	leafPage     = 0x0d
)

// treePage is the header of a b-tree page, at the page's start, on page 1
// after the database header.
// https://www.sqlite.org/fileformat2.html#b_tree_pages
type treePage []byte

func (b treePage) kind() byte    { return b[0] }
func (b treePage) cells() int    { return int(be.Uint16(b[3:])) }
func (b treePage) right() uint32 { return be.Uint32(b[8:]) } // of an interior page: the last child

// size is that of the header; the pointers to the cells follow it.
func (b treePage) size() int {
	if b.kind() == interiorPage {
		return 12
	}
	return 8
}

// pointer gives where cell i begins, from the start of the page.
func (b treePage) pointer(i int) int { return int(be.Uint16(b[b.size()+2*i:])) }

// walHeader is the head of a write-ahead log, 32 bytes, big-endian.
// https://www.sqlite.org/fileformat2.html#wal_file_format
type walHeader []byte

func (b walHeader) magic() uint32    { return be.Uint32(b[0:]) } // 0x377f0682: sums over little-endian words; 0x377f0683: big-endian
func (b walHeader) version() uint32  { return be.Uint32(b[4:]) }
func (b walHeader) pageSize() uint32 { return be.Uint32(b[8:]) } // bytes
func (b walHeader) salts() uint64    { return be.Uint64(b[16:]) }
func (b walHeader) sums() (uint32, uint32) {
	return be.Uint32(b[24:]), be.Uint32(b[28:])
}

// walFrame is the head of a frame of the log, 24 bytes, big-endian; the page
// follows it.
type walFrame []byte

func (b walFrame) page() uint32   { return be.Uint32(b[0:]) }
func (b walFrame) commit() uint32 { return be.Uint32(b[4:]) } // pages of the database after the transaction that ends here; else 0
func (b walFrame) salts() uint64  { return be.Uint64(b[8:]) }
func (b walFrame) sums() (uint32, uint32) {
	return be.Uint32(b[16:]), be.Uint32(b[20:])
}

// varint reads a variable-length integer of one to nine bytes, big-endian,
// seven bits a byte and eight in the ninth. n is its length; 0 if b ends
// before it does.
// https://www.sqlite.org/fileformat2.html#varint
func varint(b []byte) (v int64, n int) {
	var u uint64
	for i := 0; i < len(b) && i < 9; i++ {
		if i == 8 {
			return int64(u<<8 | uint64(b[i])), 9
		}
		u = u<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(u), i + 1
		}
	}
	return 0, 0
}
