package journald

import "encoding/binary"

// The layout of journal files: https://systemd.io/JOURNAL_FILE_FORMAT/ and
// https://github.com/systemd/systemd/blob/main/src/libsystemd/sd-journal/journal-def.h.
// All numbers are little-endian; offsets count from the start of the file in
// bytes; times are microseconds, realtime ones since 1970 in UTC.

var le = binary.LittleEndian

const signature = "LPKSHHRH"

// align is what the offsets of all objects are multiples of.
const align = 8

// Flags of a header that a reader must know.
const (
	incompatXZ      = 1 << 0
	incompatLZ4     = 1 << 1
	incompatKeyed   = 1 << 2
	incompatZSTD    = 1 << 3
	incompatCompact = 1 << 4

	incompatKnown = incompatXZ | incompatLZ4 | incompatKeyed | incompatZSTD | incompatCompact
)

// Sizes of headers. The file's has grown: 208 bytes before systemd 187, 272
// since 254.
const (
	headerMin    = 208
	objectHeader = 16
	dataRegular  = 64
	dataCompact  = 72
	fieldHeader  = 40
	entryHeader  = 64
	arrayHeader  = 24
	tableHeader  = 16
	tagSize      = 64
)

// rawHeader is struct Header, at the start of the file.
type rawHeader []byte

func (b rawHeader) signature() string    { return string(b[0:8]) }
func (b rawHeader) incompatible() uint32 { return le.Uint32(b[12:]) }
func (b rawHeader) fileID() []byte       { return b[24:40] }
func (b rawHeader) headerSize() uint64   { return le.Uint64(b[88:]) }
func (b rawHeader) arenaSize() uint64    { return le.Uint64(b[96:]) }
func (b rawHeader) firstArray() uint64   { return le.Uint64(b[176:]) } // entry_array_offset

// Types of objects.
const (
	typeUnused = iota
	typeData
	typeField
	typeEntry
	typeDataTable
	typeFieldTable
	typeArray
	typeTag
	typeEnd
)

// Flags of an object.
const (
	objectXZ   = 1 << 0
	objectLZ4  = 1 << 1
	objectZSTD = 1 << 2
)

// rawObject is struct ObjectHeader, which every object starts with.
type rawObject []byte

func (b rawObject) kind() uint8      { return b[0] }
func (b rawObject) flags() uint8     { return b[1] }
func (b rawObject) reserved() uint64 { return le.Uint64(b[0:]) >> 16 }
func (b rawObject) size() uint64     { return le.Uint64(b[8:]) } // with this header

// rawData is struct DataObject. Its payload, "FIELD=value", lies at 64, in
// compact files at 72.
type rawData []byte

func (b rawData) hash() uint64    { return le.Uint64(b[16:]) } // of the payload, unpacked
func (b rawData) entries() uint64 { return le.Uint64(b[56:]) }

// rawEntry is struct EntryObject. Its items follow at 64: offset and hash of a
// DATA object, 8 bytes each; in compact files the offset alone, in 4.
type rawEntry []byte

func (b rawEntry) seqnum() uint64   { return le.Uint64(b[16:]) }
func (b rawEntry) realtime() uint64 { return le.Uint64(b[24:]) }
func (b rawEntry) bootID() []byte   { return b[40:56] }
func (b rawEntry) xorHash() uint64  { return le.Uint64(b[56:]) }

// rawArray is struct EntryArrayObject. The offsets of entries follow at 24, 8
// bytes each, in compact files 4; unused ones are zero.
type rawArray []byte

func (b rawArray) next() uint64 { return le.Uint64(b[16:]) }
