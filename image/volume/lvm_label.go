package volume

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// The layout of a physical volume of LVM2: lib/format_text/layout.h and
// lib/label/label.h in its sources; little-endian.

// pvLabel is struct label_header: a sector of 512 bytes, one of the first four.
type pvLabel []byte

func (b pvLabel) id() string      { return string(b[0:8]) }
func (b pvLabel) sector() uint64  { return le.Uint64(b[8:]) }
func (b pvLabel) sum() uint32     { return le.Uint32(b[16:]) } // of what follows, to the end of the sector
func (b pvLabel) content() uint32 { return le.Uint32(b[20:]) } // offset of the header that follows, from the label
func (b pvLabel) kind() string    { return string(b[24:32]) }

// mdaHeader is struct mda_header: 512 bytes at the start of a metadata area.
type mdaHeader []byte

func (b mdaHeader) sum() uint32     { return le.Uint32(b[0:]) } // of what follows
func (b mdaHeader) magic() string   { return string(b[4:20]) }
func (b mdaHeader) version() uint32 { return le.Uint32(b[20:]) }
func (b mdaHeader) start() uint64   { return le.Uint64(b[24:]) } // from the start of the physical volume
func (b mdaHeader) size() uint64    { return le.Uint64(b[32:]) } // bytes, with this header
func (b mdaHeader) location(i int) mdaLocation {
	return mdaLocation(b[40+24*i:][:24])
}

// mdaLocation is struct raw_locn: where in the area a text stands. The first is
// that in force; the second, one that was being written.
type mdaLocation []byte

func (b mdaLocation) offset() uint64 { return le.Uint64(b[0:]) } // from the start of the area
func (b mdaLocation) size() uint64   { return le.Uint64(b[8:]) } // bytes, with a zero at the end
func (b mdaLocation) sum() uint32    { return le.Uint32(b[16:]) }
func (b mdaLocation) flags() uint32  { return le.Uint32(b[20:]) } // 1: not in use

const (
	mdaHeaderSize = 512
	mdaMagic      = " LVM2 x[5A%r0N*>"
	mdaIgnored    = 1
	maxMDA        = 64 << 20 // bytes of an area that are searched; the default is 1 MiB
)

// lvmSum is calc_crc of LVM2: the polynomial of CRC-32, begun with a number of
// its own and not inverted at the end.
func lvmSum(b []byte) uint32 {
	const initial = 0xf597a6cf
	return ^crc32.Update(^uint32(initial), crc32.IEEETable, b)
}

// area is a run of a physical volume.
type area struct{ offset, size int64 }

// pvHeader is what the label of a physical volume says.
type pvHeader struct {
	at       int64  // of the label
	id       string // 32 letters, without dashes
	size     int64  // of the device that it was made on
	data     []area // size 0: up to the end
	metadata []area
}

var errNoLabel = errors.New("no label")

// parsePVLabel reads the label in a sector of 512 bytes, which is that sector
// of the volume.
func parsePVLabel(b []byte, sector int64) (*pvHeader, error) {
	l := pvLabel(b)
	if len(b) < sectorSmall || l.id() != "LABELONE" || l.kind() != "LVM2 001" || l.sector() != uint64(sector) {
		return nil, errNoLabel
	}
	b = b[:sectorSmall]
	at := l.content()
	if at < 32 || at > sectorSmall-40-32 {
		return nil, fmt.Errorf("its content begins at byte %d", at)
	}
	h := &pvHeader{at: sector * sectorSmall, id: string(b[at : at+32]), size: sizeOf(le.Uint64(b[at+32:]), 1)}
	var err error
	if sum := lvmSum(b[20:]); sum != l.sum() {
		err = errors.New("its checksum is wrong")
	}
	rest := b[at+40:]
	list := func() (out []area, ok bool) {
		for len(rest) >= 16 {
			off, size := le.Uint64(rest), le.Uint64(rest[8:])
			rest = rest[16:]
			if off == 0 {
				return out, true
			}
			if off > lastAddressable || size > lastAddressable-off {
				return out, false
			}
			out = append(out, area{int64(off), int64(size)})
		}
		return out, false
	}
	ok := false
	if h.data, ok = list(); ok {
		h.metadata, ok = list()
	}
	if !ok && err == nil {
		err = errors.New("its list of areas is broken")
	}
	return h, err
}

// vgText is a text of metadata in an area.
type vgText struct {
	text    string
	at      int64 // from the start of the physical volume
	length  int64
	wrapped bool // it goes on at the start of the area
	force   bool // the header says that it is in force, and its checksum is right
}

// mdaRing is a metadata area: after its header, texts one after the other,
// beginning again at its start when its end is reached.
type mdaRing struct {
	at    int64 // of the area
	bytes []byte
}

// slice takes a text out of the ring.
func (r *mdaRing) slice(off, n int64) string {
	size := int64(len(r.bytes))
	if off+n <= size {
		return string(r.bytes[off : off+n])
	}
	return string(r.bytes[off:]) + string(r.bytes[mdaHeaderSize:mdaHeaderSize+off+n-size])
}

// readMDA reads a metadata area of a physical volume of size bytes, and gives
// its texts: that in force, if there is one, and whatever else still stands in the ring.
// Problems are given to bad, with their places.
func readMDA(r io.ReaderAt, size int64, a area, bad func(off int64, format string, args ...any)) (texts []vgText, ignored bool) {
	if a.size < 2*mdaHeaderSize || a.offset > size-2*mdaHeaderSize {
		bad(a.offset, "it has %d bytes, of a volume of %d", a.size, size)
		return nil, false
	}
	if a.size > size-a.offset {
		bad(a.offset, "it has %d bytes, which reach past the end of the volume", a.size)
	}
	length := min(a.size, size-a.offset)
	if length > maxMDA {
		bad(a.offset, "it has %d bytes, of which %d are searched", length, maxMDA)
		length = maxMDA
	}
	ring := &mdaRing{at: a.offset}
	// What cannot be read costs its piece only.
	const step = 1 << 20
	for pos := int64(0); pos < length; pos += step {
		b := make([]byte, min(step, length-pos))
		if n, err := r.ReadAt(b, a.offset+pos); n < len(b) {
			bad(a.offset+pos+int64(n), "it cannot be read: %v", err)
		}
		ring.bytes = append(ring.bytes, b...)
	}
	h := mdaHeader(ring.bytes[:mdaHeaderSize])
	sound := false
	switch {
	case h.magic() != mdaMagic:
		bad(a.offset, "its header is not one")
	case lvmSum(h[4:]) != h.sum():
		bad(a.offset, "the checksum of its header is wrong")
	case h.version() != 1 || h.start() != uint64(a.offset) || h.size() != uint64(a.size):
		bad(a.offset, "its header is of an area of %d bytes at byte %d, version %d", h.size(), h.start(), h.version())
	default:
		sound = true
	}
	force := int64(-1)
	if sound {
		l := h.location(0)
		ignored = l.flags()&mdaIgnored != 0
		switch off, n := l.offset(), l.size(); {
		case off == 0 || ignored:
		case off < mdaHeaderSize || off >= uint64(len(ring.bytes)) || n > uint64(len(ring.bytes)-mdaHeaderSize) || n < 2 || n > maxConfigText:
			bad(a.offset, "its header says that the metadata are %d bytes at byte %d of the area", n, off)
		default:
			t := ring.slice(int64(off), int64(n))
			if sum := lvmSum([]byte(t)); sum != l.sum() {
				bad(a.offset+int64(off), "the checksum of the metadata in force is wrong")
				break
			}
			force = int64(off)
			t, _, _ = strings.Cut(t, "\x00")
			texts = append(texts, vgText{t, a.offset + int64(off), int64(len(t)), int64(off+n) > int64(len(ring.bytes)), true})
		}
	}
	return append(texts, ring.search(force)...), ignored
}

// search finds the texts of the ring by how they begin, at a sector.
func (r *mdaRing) search(skip int64) []vgText {
	size := int64(len(r.bytes))
	var starts []int64
	for off := int64(mdaHeaderSize); off < size; off += sectorSmall {
		if isVGStart(r.bytes[off:min(size, off+sectorSmall)]) {
			starts = append(starts, off)
		}
	}
	var out []vgText
	for i, off := range starts {
		if off == skip {
			continue
		}
		// A text ends at its zero, or where a later one was written over it.
		next := starts[(i+1)%len(starts)]
		n := next - off
		if n <= 0 {
			n += size - mdaHeaderSize
		}
		t := r.slice(off, min(n, maxConfigText))
		t, _, _ = strings.Cut(t, "\x00")
		out = append(out, vgText{t, r.at + off, int64(len(t)), off+int64(len(t)) > size, false})
	}
	return out
}

// isVGStart reports whether metadata begin here: the group's name, an opening
// brace, its identifier and its sequence number, which sections of volumes do not have.
func isVGStart(b []byte) bool {
	name, rest, ok := strings.Cut(string(b[:min(len(b), 300)]), " {\n")
	if !ok || len(name) > 128 || !isPlainName(name) {
		return false
	}
	rest, ok = strings.CutPrefix(rest, "id = \"")
	return ok && len(rest) > 38 && strings.Count(rest[:38], "-") == 6 && strings.HasPrefix(rest[38:], "\"\nseqno = ")
}
