package volume

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"
)

var le = binary.LittleEndian
var be = binary.BigEndian

// bootRecord is a master or an extended boot record: 512 bytes, little-endian.
// The same shape is in the UEFI specification 2.10, 5.2.1 "Legacy Master Boot Record".
type bootRecord []byte

func (b bootRecord) diskSignature() uint32 { return le.Uint32(b[440:]) }
func (b bootRecord) entry(i int) mbrEntry  { return mbrEntry(b[446+16*i:][:16]) } // i from 0 to 3
func (b bootRecord) signed() bool          { return b[510] == 0x55 && b[511] == 0xaa }

// mbrEntry is one of the four entries of a boot record.
type mbrEntry []byte

func (b mbrEntry) status() byte    { return b[0] }             // 0x80: active, 0: not
func (b mbrEntry) kind() byte      { return b[4] }             // partition type
func (b mbrEntry) start() uint32   { return le.Uint32(b[8:]) } // sectors; from where, depends on the record
func (b mbrEntry) sectors() uint32 { return le.Uint32(b[12:]) }

func (b mbrEntry) statusValid() bool { return b.status()&0x7f == 0 }
func (b mbrEntry) used() bool        { return b.kind() != 0 && b.sectors() != 0 }
func (b mbrEntry) extended() bool    { return isExtended(b.kind()) }

const (
	typeProtective = 0xee // one partition that guards a GPT
	gptHeaderMin   = 92   // bytes of a header that the specification defines
	gptEntryMin    = 128  // bytes of an entry that the specification defines
)

// isExtended tells the types that hold a chain of logical partitions: of DOS,
// of Windows 95 (LBA), and of Linux.
func isExtended(kind byte) bool { return kind == 0x05 || kind == 0x0f || kind == 0x85 }

// gptHeader is the header of a GUID partition table, little-endian, at least
// 92 bytes. UEFI specification 2.10, 5.3.2. LBAs count sectors from the start of the disk.
type gptHeader []byte

func (b gptHeader) signature() string  { return string(b[0:8]) }
func (b gptHeader) revision() uint32   { return le.Uint32(b[8:]) }
func (b gptHeader) headerSize() uint32 { return le.Uint32(b[12:]) } // bytes
func (b gptHeader) headerCRC() uint32  { return le.Uint32(b[16:]) }
func (b gptHeader) myLBA() uint64      { return le.Uint64(b[24:]) }
func (b gptHeader) otherLBA() uint64   { return le.Uint64(b[32:]) } // of the other copy of the header
func (b gptHeader) firstUsable() uint64 {
	return le.Uint64(b[40:])
}
func (b gptHeader) lastUsable() uint64 { return le.Uint64(b[48:]) } // inclusive
func (b gptHeader) diskGUID() string   { return mixedGUID(b[56:72]) }
func (b gptHeader) entriesLBA() uint64 { return le.Uint64(b[72:]) }
func (b gptHeader) entryCount() uint32 { return le.Uint32(b[80:]) }
func (b gptHeader) entrySize() uint32  { return le.Uint32(b[84:]) } // bytes
func (b gptHeader) entriesCRC() uint32 { return le.Uint32(b[88:]) }

// sum is the header's CRC-32, computed with the field itself as zero. The
// caller has checked headerSize against the bytes at hand.
func (b gptHeader) sum() uint32 {
	c := append([]byte(nil), b[:b.headerSize()]...)
	clear(c[16:20])
	return crc32.ChecksumIEEE(c)
}

// gptEntry is one entry of a GPT, little-endian, at least 128 bytes. UEFI
// specification 2.10, 5.3.3.
type gptEntry []byte

func (b gptEntry) typeGUID() string   { return mixedGUID(b[0:16]) }
func (b gptEntry) guid() string       { return mixedGUID(b[16:32]) }
func (b gptEntry) firstLBA() uint64   { return le.Uint64(b[32:]) }
func (b gptEntry) lastLBA() uint64    { return le.Uint64(b[40:]) } // inclusive
func (b gptEntry) attributes() uint64 { return le.Uint64(b[48:]) }
func (b gptEntry) name() string       { return utf16String(b[56:128], le) }

const (
	unusedType       = "00000000-0000-0000-0000-000000000000"
	attributeBoot    = 1 << 2 // legacy BIOS bootable
	efiPart          = "EFI PART"
	gptRevision      = 0x00010000
	lastAddressable  = 1<<63 - 1
	maxEntriesBytes  = 4 << 20 // of a partition array that is read; 32,768 usual entries
	usualArray       = 16384   // bytes of 128 entries
	maxPartitions    = 1024    // of a GPT or an extended partition that are listed; Linux knows 256
	sectorSmall      = 512
	sectorLarge      = 4096
	partitionsInMBR  = 4
	firstLogicalSlot = 5
)

// mixedGUID prints a GUID whose first three fields are little-endian.
func mixedGUID(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), be.Uint16(b[8:]), b[10:16])
}

// plainUUID prints 16 bytes in their order; "" for zeros, which stand for none.
func plainUUID(b []byte) string {
	if allZero(b) {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// utf16String decodes text up to its first zero.
func utf16String(b []byte, order binary.ByteOrder) string {
	var u []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := order.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// text takes a label up to its first zero, without the blanks at its end.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimRight(s, " \t\n\v\f\r")
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
