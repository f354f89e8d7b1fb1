package volume

import (
	"fmt"
	"hash/crc32"
	"io"
)

// gptCopy is one of the two copies of a GPT: a header and its array.
type gptCopy struct {
	backup      bool
	sector      int64  // bytes
	offset      int64  // of the header
	header      []byte // one sector
	headerOK    bool   // its CRC is right
	array       []byte // entries that could be read
	arrayOffset int64
	arrayOK     bool // its CRC is right
	damage      []error
}

func (c *gptCopy) hdr() gptHeader { return gptHeader(c.header) }

func (c *gptCopy) name() string {
	if c.backup {
		return "backup GPT header"
	}
	return "GPT header"
}

func (c *gptCopy) arrayName() string {
	if c.backup {
		return "backup GPT partition array"
	}
	return "GPT partition array"
}

func (c *gptCopy) fault(structure string, offset int64, format string, args ...any) {
	c.damage = append(c.damage, &DamageError{Structure: structure, Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// rank orders copies by how far they can be trusted.
func (c *gptCopy) rank() int {
	switch {
	case c == nil:
		return 0
	case c.headerOK && c.arrayOK:
		return 3
	case c.headerOK || c.arrayOK:
		return 2
	}
	return 1
}

// gptPartition is an entry of a GPT, as it stands there.
type gptPartition struct {
	number         int    // from 1
	first, last    uint64 // sectors, inclusive
	attributes     uint64
	typeGUID, guid string
	name           string
}

// gptTable is a GPT as far as it could be found.
type gptTable struct {
	sector  int64
	primary *gptCopy // nil without a signature at its place
	backup  *gptCopy
}

// best is the copy to go by.
func (t *gptTable) best() *gptCopy {
	if t.backup.rank() > t.primary.rank() {
		return t.backup
	}
	return t.primary
}

func (t *gptTable) rank() int {
	if t == nil {
		return 0
	}
	return t.best().rank()
}

// readGPTCopy reads the header at a sector, and its array. It gives nil if
// the signature is not there.
func readGPTCopy(r io.ReaderAt, size, sector int64, lba uint64, backup bool) *gptCopy {
	if lba == 0 || lba >= uint64(size/sector) {
		return nil
	}
	c := &gptCopy{backup: backup, sector: sector, offset: int64(lba) * sector, header: make([]byte, sector)}
	if n, _ := r.ReadAt(c.header, c.offset); n < gptHeaderMin || c.hdr().signature() != efiPart {
		return nil
	}
	h := c.hdr()
	if h.headerSize() < gptHeaderMin || int64(h.headerSize()) > sector {
		c.fault(c.name(), c.offset, "its size of %d bytes is not possible", h.headerSize())
	} else if sum := h.sum(); sum != h.headerCRC() {
		c.fault(c.name(), c.offset, "its CRC is 0x%08x, but it should be 0x%08x", h.headerCRC(), sum)
	} else {
		c.headerOK = true
	}
	if h.myLBA() != lba {
		c.fault(c.name(), c.offset, "it stands at sector %d, but says sector %d", lba, h.myLBA())
	}
	c.readArray(r, size)
	return c
}

// readArray reads the partition array of a copy, as far as it is there and
// its size is sane.
func (c *gptCopy) readArray(r io.ReaderAt, size int64) {
	h := c.hdr()
	entry := int64(h.entrySize())
	if entry < gptEntryMin || entry > sectorLarge || entry%8 != 0 {
		c.fault(c.name(), c.offset, "its entries of %d bytes are not possible", entry)
		return
	}
	if h.entriesLBA() < 2 && !c.backup || h.entriesLBA() >= uint64(size/c.sector) {
		c.fault(c.name(), c.offset, "its partition array at sector %d lies outside of the image", h.entriesLBA())
		return
	}
	c.arrayOffset = int64(h.entriesLBA()) * c.sector
	want := entry * int64(h.entryCount())
	length := min(want, maxEntriesBytes, size-c.arrayOffset)
	c.array = make([]byte, length)
	n, err := r.ReadAt(c.array, c.arrayOffset)
	c.array = c.array[:int64(n)-int64(n)%entry]
	switch {
	case int64(n) < length:
		c.damage = append(c.damage, &DamageError{Structure: c.arrayName(), Offset: c.arrayOffset, Reason: fmt.Sprintf("only %d of its %d bytes can be read: %v", n, want, err), Err: err})
	case length < want:
		c.fault(c.arrayName(), c.arrayOffset, "of the %d entries that the header tells of, %d are read", h.entryCount(), length/entry)
	case crc32.ChecksumIEEE(c.array) != h.entriesCRC():
		c.fault(c.arrayName(), c.arrayOffset, "its CRC is 0x%08x, but the header says 0x%08x", crc32.ChecksumIEEE(c.array), h.entriesCRC())
	default:
		c.arrayOK = true
	}
}

// partitions decodes the used entries. go-diskfs reads the sound tables; it
// refuses damaged ones and those with longer entries, which are read here.
func (c *gptCopy) partitions() []gptPartition {
	h := c.hdr()
	if c.headerOK && c.arrayOK && h.entrySize() == gptEntryMin && h.headerSize() == gptHeaderMin && h.revision() == gptRevision {
		if entries, err := diskfsGPT(c); err == nil {
			return entries
		}
	}
	return c.decode()
}

func (c *gptCopy) decode() []gptPartition {
	var out []gptPartition
	step := int(c.hdr().entrySize())
	for i := 0; len(c.array)-i*step >= gptEntryMin; i++ {
		e := gptEntry(c.array[i*step:][:gptEntryMin])
		if e.typeGUID() == unusedType {
			continue
		}
		out = append(out, gptPartition{
			number: i + 1, first: e.firstLBA(), last: e.lastLBA(), attributes: e.attributes(),
			typeGUID: e.typeGUID(), guid: e.guid(), name: e.name(),
		})
	}
	return out
}

// findGPT looks for both copies of a GPT, in sectors of both sizes, and gives
// the table that can be trusted most; nil if there is no sign of one. end is
// the last sector as a protective MBR tells it, 0 if none does.
func findGPT(r io.ReaderAt, size int64, end uint64) *gptTable {
	var found *gptTable
	for _, sector := range []int64{sectorSmall, sectorLarge} {
		t := &gptTable{sector: sector, primary: readGPTCopy(r, size, sector, 1, false)}
		var places []uint64
		if t.primary != nil {
			places = append(places, t.primary.hdr().otherLBA())
		}
		places = append(places, uint64(size/sector-1), end)
		for _, lba := range places {
			if lba < 2 || lba > 1<<62 {
				continue
			}
			if c := readGPTCopy(r, size, sector, lba, true); c.rank() > t.backup.rank() {
				t.backup = c
			}
		}
		if t.best() != nil && t.rank() > found.rank() {
			found = t
		}
	}
	return found
}

// report says which copy is used and what is wrong with each.
func (t *gptTable) report(l *Layout, size int64) {
	p, b := t.primary, t.backup
	used := t.best()
	switch {
	case p == nil:
		l.damage("GPT header", t.sector, "there is none")
		l.note("The primary GPT is not there; the backup at byte %d is used.", b.offset)
	case used == b:
		l.note("The primary GPT is damaged; the backup at byte %d is used.", b.offset)
	}
	for _, c := range []*gptCopy{p, b} {
		if c != nil {
			l.Damage = append(l.Damage, c.damage...)
		}
	}
	if p != nil && b == nil {
		at, known := p.hdr().otherLBA(), p.headerOK
		switch {
		case known && at >= uint64(size/t.sector):
			l.damage("backup GPT header", toOffset(at, t.sector), "it lies past the end of the image, which is cut short at byte %d", size)
		case known:
			l.damage("backup GPT header", toOffset(at, t.sector), "there is none")
		default:
			l.damage("backup GPT header", size/t.sector*t.sector-t.sector, "there is none")
		}
	}
	if p.rank() == 3 && b.rank() == 3 && (p.hdr().diskGUID() != b.hdr().diskGUID() || p.hdr().entriesCRC() != b.hdr().entriesCRC()) {
		l.damage(b.name(), b.offset, "it is sound, but names other partitions than the primary GPT, which is used")
	}
	if used.headerOK {
		other := used.hdr().otherLBA()
		if used == b {
			other = used.hdr().myLBA()
		}
		if end := toOffset(other, t.sector); end < size-t.sector {
			l.note("The GPT is of a disk that ends at byte %d; the image is %d bytes longer.", end+t.sector, size-end-t.sector)
		}
	}
}

// toOffset turns a sector number into a byte offset, the largest one if it
// is too large.
func toOffset(lba uint64, sector int64) int64 {
	if lba > uint64(lastAddressable/sector)-1 {
		return lastAddressable
	}
	return int64(lba) * sector
}
