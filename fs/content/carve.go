package content

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// Carved is a file that was recognised by what it holds, without a name or an
// inode.
type Carved struct {
	Kind     string // "elf", "gzip", "zip", "tar", "7z", "xz", "zstd", "bzip2", "lz4", "ar", "sqlite", "sqlite-page", "journal", "script", "php"
	Length   int64  // bytes, as far as they are there
	Complete bool   // its end was found where its own structures say, and agrees with them
	How      string // how the end is known, a clause
	Detail   string // what else it says of itself: "x86-64, executable", "/bin/sh"; "" if nothing
}

// CarveHead is how many bytes of the start [CarveKind] looks at.
const CarveHead = 512

// Budget bounds the work that all calls of [Carve] together may do on structures
// whose end has to be searched for or unpacked, in bytes. Hostile data can claim any
// amount.
type Budget struct{ Left int64 }

var errBudget = errors.New("no more is unpacked or searched here")

// take lowers the budget.
func (b *Budget) take(n int64) bool {
	b.Left -= n
	return b.Left >= 0
}

const (
	// maxSearch is how far the end of one archive is searched for, and how much one
	// packed file is unpacked to find its end.
	maxSearch = 256 << 20
	// maxScript is the longest script.
	maxScript = 2 << 20
	// maxCarved is the longest file of any kind.
	maxCarved = 16 << 30
)

var le = binary.LittleEndian

// CarveKind says by its first bytes what could begin with head: a kind of
// [Carved], "" if nothing is known.
func CarveKind(head []byte) string {
	if len(head) < 32 {
		return ""
	}
	switch head[0] {
	case 0x7f:
		if string(head[:4]) == "\x7fELF" && (head[4] == 1 || head[4] == 2) && (head[5] == 1 || head[5] == 2) && head[6] == 1 {
			return "elf"
		}
	case 0x1f:
		if head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0 {
			return "gzip"
		}
	case 'P':
		if string(head[:4]) == "PK\x03\x04" {
			return "zip"
		}
	case '7':
		if string(head[:6]) == "7z\xbc\xaf\x27\x1c" && head[6] == 0 {
			return "7z"
		}
	case 0xfd:
		if string(head[:7]) == "\xfd7zXZ\x00\x00" {
			return "xz"
		}
	case 0x28:
		if string(head[:4]) == "\x28\xb5\x2f\xfd" {
			return "zstd"
		}
	case 0x04:
		if string(head[:4]) == "\x04\x22\x4d\x18" && head[4]>>6 == 1 {
			return "lz4"
		}
	case 'B':
		if string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' && string(head[4:10]) == "\x31\x41\x59\x26\x53\x59" {
			return "bzip2"
		}
	case '!':
		if string(head[:8]) == "!<arch>\n" {
			return "ar"
		}
	case 'S':
		if string(head[:16]) == "SQLite format 3\x00" {
			return "sqlite"
		}
	case 'L':
		if string(head[:8]) == "LPKSHHRH" {
			return "journal"
		}
	case '#':
		if head[1] == '!' && (head[2] == '/' || head[2] == ' ' && head[3] == '/') {
			return "script"
		}
	case '<':
		if bytes.EqualFold(head[:5], []byte("<?php")) && (head[5] <= ' ' || head[5] == '/') {
			return "php"
		}
	case 0x0d, 0x05:
		return "sqlite-page"
	}
	if len(head) >= 512 && string(head[257:262]) == "ustar" && head[0] != 0 {
		return "tar"
	}
	return ""
}

// Carve measures what begins at off of r and is taken for kind by
// [CarveKind]. r ends at size; pageSize is the size of a block, which is also
// that of a loose page of a database. False says that it is none after all.
func Carve(kind string, r io.ReaderAt, off, size, pageSize int64, budget *Budget) (Carved, bool) {
	room := min(size-off, maxCarved)
	if room < 32 {
		return Carved{}, false
	}
	s := io.NewSectionReader(r, off, room)
	var c Carved
	var ok bool
	switch kind {
	case "elf":
		c, ok = carveELF(s, room)
	case "gzip":
		c, ok = carveGzip(s, room, budget)
	case "bzip2":
		c, ok = carveBzip2(s, room, budget)
	case "zip":
		c, ok = carveZip(s, room, budget)
	case "7z":
		c, ok = carve7z(s, room)
	case "xz":
		c, ok = carveXZ(s, room, budget)
	case "zstd":
		c, ok = carveZstd(s, room, budget)
	case "lz4":
		c, ok = carveLZ4(s, room, budget)
	case "tar":
		c, ok = carveTar(s, room, budget)
	case "ar":
		c, ok = carveAr(s, room, budget)
	case "sqlite":
		c, ok = carveSQLite(s, room)
	case "sqlite-page":
		c, ok = carvePage(s, room, pageSize)
	case "journal":
		c, ok = carveJournal(s, room)
	case "script", "php":
		c, ok = carveScript(s, room, kind)
	}
	c.Kind = kind
	return c, ok
}

// read gives n bytes at off, nil if they are not all there.
func read(r io.ReaderAt, off int64, n int) []byte {
	if off < 0 {
		return nil
	}
	b := make([]byte, n)
	if got, _ := r.ReadAt(b, off); got < n {
		return nil
	}
	return b
}

// within cuts a length to the room that there is.
func within(length, room int64, how string) Carved {
	if length > room {
		return Carved{Length: room, How: fmt.Sprintf("%s, %d bytes of which %d lie here", how, length, room)}
	}
	return Carved{Length: length, Complete: true, How: how}
}

var elfMachines = map[uint16]string{2: "SPARC", 3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 42: "SuperH", 43: "SPARC64",
	50: "IA-64", 62: "x86-64", 183: "AArch64", 243: "RISC-V", 247: "BPF", 258: "LoongArch"}

var elfTypes = map[uint16]string{1: "object or kernel module", 2: "executable", 3: "shared object or executable", 4: "core dump"}

// carveELF takes the furthest end that the header, the segments and the sections
// name. System V ABI, "Object Files"; elf(5).
func carveELF(r io.ReaderAt, room int64) (Carved, bool) {
	h := read(r, 0, 64)
	if h == nil {
		return Carved{}, false
	}
	var bo binary.ByteOrder = binary.LittleEndian
	if h[5] == 2 {
		bo = binary.BigEndian
	}
	wide := h[4] == 2
	word := func(b []byte, at int) uint64 {
		if wide {
			return bo.Uint64(b[at:])
		}
		return uint64(bo.Uint32(b[at:]))
	}
	kind, machine := bo.Uint16(h[16:]), bo.Uint16(h[18:])
	var phoff, shoff uint64
	var tail []byte
	headers, segment, section := uint16(52), uint16(32), uint16(40)
	if wide {
		headers, segment, section = 64, 56, 64
		phoff, shoff, tail = word(h, 32), word(h, 40), h[52:64]
	} else {
		phoff, shoff, tail = word(h, 28), word(h, 32), h[40:52]
	}
	ehsize, phentsize, phnum := bo.Uint16(tail), bo.Uint16(tail[2:]), bo.Uint16(tail[4:])
	shentsize, shnum, shstrndx := bo.Uint16(tail[6:]), bo.Uint16(tail[8:]), bo.Uint16(tail[10:])
	if elfTypes[kind] == "" || bo.Uint32(h[20:]) != 1 || ehsize != headers ||
		phnum > 0 && phentsize != segment || shnum > 0 && shentsize != section || phnum == 0 && shnum == 0 {
		return Carved{}, false
	}
	end := uint64(headers)
	sane := true
	grow := func(at, n uint64) {
		if at > maxCarved || n > maxCarved {
			sane = false
			return
		}
		end = max(end, at+n)
	}
	how := "the end of the last segment"
	grow(phoff, uint64(phnum)*uint64(segment))
	if sane && phnum > 0 {
		table := read(r, int64(phoff), int(phnum)*int(segment))
		for i := 0; table != nil && i < int(phnum); i++ {
			p := table[i*int(segment):]
			if wide {
				grow(bo.Uint64(p[8:]), bo.Uint64(p[32:]))
			} else {
				grow(uint64(bo.Uint32(p[4:])), uint64(bo.Uint32(p[16:])))
			}
		}
	}
	confirmed := shnum == 0
	if sane && shnum > 0 && shoff > 0 {
		how = "the end of the table of sections"
		grow(shoff, uint64(shnum)*uint64(section))
		table := read(r, int64(min(shoff, maxCarved)), int(shnum)*int(section))
		for i := 0; table != nil && i < int(shnum); i++ {
			p := table[i*int(section):]
			at, n := word(p, 16), word(p, 20)
			if wide {
				at, n = bo.Uint64(p[24:]), bo.Uint64(p[32:])
			}
			if i == 0 && (bo.Uint32(p) != 0 || bo.Uint32(p[4:]) != 0) {
				break // the table was overwritten: the first section is always empty
			}
			if bo.Uint32(p[4:]) == 8 || at+n < at || at+n > maxCarved {
				continue // SHT_NOBITS takes no room
			}
			if i == int(shstrndx) && n > 1 {
				names := read(r, int64(at), int(min(n, 64<<10)))
				confirmed = names != nil && names[0] == 0 && bytes.Contains(names, []byte(".shstrtab\x00"))
			}
			if at+n > end {
				end, how = at+n, "the end of the last section"
			}
		}
	}
	if !sane {
		return Carved{}, false
	}
	c := within(int64(end), room, how)
	if !confirmed {
		c.Complete = false
		c.How += ", though what should stand there is not found"
	}
	name := elfMachines[machine]
	if name == "" {
		name = "machine " + strconv.Itoa(int(machine))
	}
	c.Detail = name + ", " + elfTypes[kind]
	return c, true
}

// counting counts the bytes that were taken from a stream, one by one.
type counting struct {
	r *bufio.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counting) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// until reads up to and with a NUL byte, at most 64 KiB.
func (c *counting) until0() bool {
	for range 64 << 10 {
		b, err := c.ReadByte()
		if err != nil {
			return false
		}
		if b == 0 {
			return true
		}
	}
	return false
}

// carveGzip unpacks member after member. RFC 1952.
func carveGzip(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	in := &counting{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, room), 64<<10)}
	total, members, length := int64(0), 0, int64(0)
	name := ""
	buf := make([]byte, 64<<10)
	for {
		var h [10]byte
		if _, err := io.ReadFull(in, h[:]); err != nil || h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 || h[3]&0xe0 != 0 {
			break // the member before was the last
		}
		ok := true
		if h[3]&4 != 0 {
			var n [2]byte
			_, err := io.ReadFull(in, n[:])
			_, err2 := io.CopyN(io.Discard, in, int64(le.Uint16(n[:])))
			ok = err == nil && err2 == nil
		}
		if ok && h[3]&8 != 0 {
			from := in.n
			if ok = in.until0(); ok && members == 0 {
				if b := read(r, from, int(min(in.n-from-1, 255))); padded(b) {
					name = string(b)
				}
			}
		}
		if ok && h[3]&16 != 0 {
			ok = in.until0()
		}
		if ok && h[3]&2 != 0 {
			_, err := io.CopyN(io.Discard, in, 2)
			ok = err == nil
		}
		if !ok {
			break
		}
		z := flate.NewReader(in)
		sum := crc32.NewIEEE()
		n := int64(0)
		var err error
		for err == nil {
			var got int
			got, err = z.Read(buf)
			sum.Write(buf[:got])
			n += int64(got)
			if total+n > maxSearch && err == nil || !budget.take(int64(got)) {
				err = errBudget
			}
		}
		total += n
		var t [8]byte
		if err == io.EOF {
			if _, err = io.ReadFull(in, t[:]); err == nil && (le.Uint32(t[:]) != sum.Sum32() || le.Uint32(t[4:]) != uint32(n)) {
				err = errors.New("its checksum does not agree")
			}
		}
		if err != nil {
			if members == 0 && n < 32 {
				return Carved{}, false
			}
			if members > 0 && n < 32 {
				break
			}
			return Carved{Length: min(in.n, room), How: fmt.Sprintf("%d bytes unpacked, then: %v", total, err), Detail: name}, true
		}
		members++
		length = in.n
	}
	if members == 0 {
		return Carved{}, false
	}
	how := "unpacked to its end, checksum right"
	if members > 1 {
		how = fmt.Sprintf("%d members unpacked to their ends, checksums right", members)
	}
	return Carved{Length: length, Complete: true, How: how, Detail: name}, true
}

// carveBzip2 unpacks to the end. https://sourceware.org/bzip2/
func carveBzip2(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	// The reader goes on to a further stream by itself, and fails where none is: what it
	// took by then is the length, but for the bytes that it looked at.
	in := &counting{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, room), 64<<10)}
	z := bzip2.NewReader(in)
	buf := make([]byte, 64<<10)
	total := int64(0)
	for {
		n, err := z.Read(buf)
		total += int64(n)
		if err == nil && total <= maxSearch && budget.take(int64(n)*4) { // it is slow
			continue
		}
		if total == 0 {
			return Carved{}, false
		}
		length := in.n
		if end, ok := bzip2End(r, length); ok {
			return Carved{Length: end, Complete: true, How: "unpacked to its end, checksums right"}, true
		}
		if err == nil {
			err = errBudget
		}
		return Carved{Length: min(length, room), How: fmt.Sprintf("%d bytes unpacked, then: %v", total, err)}, true
	}
}

// bzip2End finds the mark that ends a stream in the last bytes that were
// taken: 0x177245385090 at any bit, a checksum of 32 bits, and zeros up to the byte.
func bzip2End(r io.ReaderAt, taken int64) (int64, bool) {
	from := max(taken-24, 0)
	b := read(r, from, int(taken-from))
	const mark, mask = 0x177245385090, 1<<48 - 1
	var w uint64
	for i, c := range b {
		for bit := 7; bit >= 0; bit-- {
			w = (w<<1 | uint64(c>>bit)&1) & mask
			if w == mark {
				bits := int64(i)*8 + int64(8-bit) + 32
				return from + (bits+7)/8, from+(bits+7)/8 <= taken
			}
		}
	}
	return 0, false
}

// search calls f for every place of what, from from on, until it gives true.
func search(r io.ReaderAt, from, room int64, what string, budget *Budget, f func(at int64) bool) bool {
	buf := make([]byte, 256<<10)
	keep := int64(len(what) - 1)
	for at := from; at < min(room, maxSearch); {
		n, _ := r.ReadAt(buf[:min(int64(len(buf)), room-at)], at)
		if n < len(what) || !budget.take(int64(n)) {
			return false
		}
		for i := 0; ; {
			j := bytes.Index(buf[i:n], []byte(what))
			if j < 0 {
				break
			}
			if f(at + int64(i+j)) {
				return true
			}
			i += j + 1
		}
		at += int64(n) - keep
		if int64(n) <= keep || at+keep >= room {
			return false
		}
	}
	return false
}

// carveZip looks for the end of the central directory that agrees with the
// beginning. PKWARE's APPNOTE.TXT, 4.3.
func carveZip(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	h := read(r, 0, 30)
	if h == nil || le.Uint16(h[4:]) > 100 || le.Uint16(h[26:]) == 0 || le.Uint16(h[26:]) > 4096 {
		return Carved{}, false
	}
	name := read(r, 30, int(le.Uint16(h[26:])))
	if name == nil || bytes.IndexByte(name, 0) >= 0 {
		return Carved{}, false
	}
	var length int64
	found := search(r, 30, room, "PK\x05\x06", budget, func(at int64) bool {
		e := read(r, at, 22)
		if e == nil || int64(le.Uint32(e[12:]))+int64(le.Uint32(e[16:])) > at {
			return false
		}
		cd := read(r, int64(le.Uint32(e[16:])), 4)
		if le.Uint16(e[10:]) > 0 && string(cd) != "PK\x01\x02" {
			return false
		}
		length = at + 22 + int64(le.Uint16(e[20:]))
		return length <= room
	})
	if found {
		return Carved{Length: length, Complete: true, How: "the end of its central directory"}, true
	}
	// Only as far as members tell their sizes.
	at := int64(0)
	for n := 0; n < 1<<16; n++ {
		h := read(r, at, 30)
		if h == nil || string(h[:4]) != "PK\x03\x04" || le.Uint16(h[6:])&8 != 0 {
			break
		}
		at += 30 + int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:])) + int64(le.Uint32(h[18:]))
	}
	return Carved{Length: min(max(at, 30), room), How: "its central directory is not found; as far as its members say"}, true
}

// carve7z: 7zFormat.txt of the LZMA SDK, SignatureHeader.
func carve7z(r io.ReaderAt, room int64) (Carved, bool) {
	h := read(r, 0, 32)
	if h == nil || crc32.ChecksumIEEE(h[12:32]) != le.Uint32(h[8:]) {
		return Carved{}, false
	}
	next, size := le.Uint64(h[12:]), le.Uint64(h[20:])
	if next > maxCarved || size > maxCarved {
		return Carved{}, false
	}
	c := within(int64(32+next+size), room, "its header says so, checksum right")
	if c.Complete && size > 0 && size <= 64<<20 {
		if b := read(r, int64(32+next), int(size)); b == nil || crc32.ChecksumIEEE(b) != le.Uint32(h[28:]) {
			c.Complete = false
			c.How = "its header says so, but the checksum of its end is wrong"
		}
	}
	return c, true
}

// carveXZ looks for the footer that agrees with the header.
// https://tukaani.org/xz/xz-file-format.txt, 2.1
func carveXZ(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	h := read(r, 0, 12)
	if h == nil || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != le.Uint32(h[8:]) {
		return Carved{}, false
	}
	var length int64
	found := search(r, 12, room, "YZ", budget, func(at int64) bool {
		if (at+2)%4 != 0 || at < 10+12 {
			return false
		}
		f := read(r, at-10, 12)
		if f == nil || f[8] != h[6] || f[9] != h[7] || crc32.ChecksumIEEE(f[4:10]) != le.Uint32(f) {
			return false
		}
		length = at + 2
		return true
	})
	if !found {
		return Carved{Length: room, How: "its end is not found"}, true
	}
	return Carved{Length: length, Complete: true, How: "its footer, checksum right"}, true
}

// carveZstd walks the blocks of a frame. RFC 8878, 3.1.1.
func carveZstd(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	h := read(r, 0, 5)
	if h == nil || h[4]&8 != 0 {
		return Carved{}, false
	}
	single, checksum := h[4]>>5&1, int64(h[4]>>2&1)*4
	at := int64(5) + int64([...]int{0, 1, 2, 4}[h[4]&3])
	if single == 0 {
		at++
	}
	at += int64([4]int{int(single), 2, 4, 8}[h[4]>>6])
	for blocks := 0; ; blocks++ {
		b := read(r, at, 3)
		if b == nil || !budget.take(4096) {
			return Carved{Length: min(at, room), How: "its last block is not found"}, blocks > 0
		}
		w := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		size := int64(w >> 3)
		kind := w >> 1 & 3
		if kind == 3 || size > 128<<10 {
			return Carved{Length: min(at, room), How: "its blocks end in other data"}, blocks > 0
		}
		if at += 3 + size; kind == 1 {
			at += 1 - size
		}
		if w&1 != 0 {
			return within(at+checksum, room, "its last block"), true
		}
	}
}

// carveLZ4 walks the blocks of a frame.
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
func carveLZ4(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	h := read(r, 0, 7)
	if h == nil || h[4]&2 != 0 || h[5]&0x8f != 0 || h[5]>>4 < 4 {
		return Carved{}, false
	}
	at := int64(7)
	if h[4]&8 != 0 {
		at += 8
	}
	if h[4]&1 != 0 {
		at += 4
	}
	largest := int64(1) << (8 + 2*(h[5]>>4))
	for blocks := 0; ; blocks++ {
		b := read(r, at, 4)
		if b == nil || !budget.take(4096) {
			return Carved{Length: min(at, room), How: "its last block is not found"}, blocks > 0
		}
		size := le.Uint32(b)
		at += 4
		if size == 0 {
			if h[4]&4 != 0 {
				at += 4
			}
			return within(at, room, "its last block"), blocks > 0
		}
		if int64(size&0x7fffffff) > largest {
			return Carved{Length: min(at-4, room), How: "its blocks end in other data"}, blocks > 0
		}
		at += int64(size & 0x7fffffff)
		if h[4]&16 != 0 {
			at += 4
		}
	}
}

// octal reads a number of a tar or ar header; -1 if it is none. GNU's base-256 too.
func octal(b []byte, base int64) int64 {
	if len(b) > 8 && b[0] == 0x80 {
		if n := binary.BigEndian.Uint64(b[len(b)-8:]); n <= maxCarved {
			return int64(n)
		}
		return -1
	}
	b = bytes.Trim(b, " \x00")
	if len(b) == 0 {
		return -1
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || int64(c-'0') >= base || n > maxCarved {
			return -1
		}
		n = n*base + int64(c-'0')
	}
	return n
}

// carveTar walks the headers. POSIX.1-2017, pax, "ustar Interchange Format".
func carveTar(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	at, members := int64(0), 0
	first := ""
	for {
		h := read(r, at, 512)
		if h == nil || !budget.take(4096) {
			return Carved{Length: min(at, room), How: fmt.Sprintf("%d members, then it is cut", members), Detail: first}, members > 0
		}
		if h[0] == 0 && bytes.Count(h, []byte{0}) == 512 {
			at += 512
			if next := read(r, at, 512); next != nil && bytes.Count(next, []byte{0}) == 512 {
				at += 512
			}
			return Carved{Length: at, Complete: true, How: fmt.Sprintf("%d members, then the mark of its end", members), Detail: first}, members > 0
		}
		sum := int64(8 * ' ')
		for i, c := range h {
			if i < 148 || i >= 156 {
				sum += int64(c)
			}
		}
		size := octal(h[124:136], 8)
		if octal(h[148:156], 8) != sum || size < 0 {
			return Carved{Length: at, How: fmt.Sprintf("%d members, then other data", members), Detail: first}, members > 0
		}
		if members == 0 {
			if i := bytes.IndexByte(h[:100], 0); i > 0 && padded(h[:i]) {
				first = "begins with " + strconv.Quote(string(h[:i]))
			}
		}
		if t := h[156]; t >= '1' && t <= '6' {
			size = 0 // links, devices and directories have no data
		}
		members++
		if at += 512 + (size+511)/512*512; at > room {
			return Carved{Length: room, How: fmt.Sprintf("%d members, then it is cut", members), Detail: first}, true
		}
	}
}

// carveAr walks the members of an archive of ar(1), as Debian's packages are. ar(5).
func carveAr(r io.ReaderAt, room int64, budget *Budget) (Carved, bool) {
	at := int64(8)
	detail := ""
	for members := 0; ; members++ {
		h := read(r, at, 60)
		size := int64(-1)
		if h != nil && h[58] == '`' && h[59] == '\n' && budget.take(4096) {
			size = octal(h[48:58], 10)
		}
		if size < 0 {
			return Carved{Length: min(at, room), Complete: members > 0, How: fmt.Sprintf("%d members, then no further one", members), Detail: detail}, members > 0
		}
		if members == 0 && bytes.HasPrefix(h, []byte("debian-binary")) {
			detail = "Debian package"
		}
		if at += 60 + size + size%2; at > room {
			return Carved{Length: room, How: fmt.Sprintf("%d members, then it is cut", members+1), Detail: detail}, true
		}
	}
}

// carveSQLite takes the number of pages from the header.
// https://www.sqlite.org/fileformat.html#the_database_header
func carveSQLite(r io.ReaderAt, room int64) (Carved, bool) {
	h := read(r, 0, 108)
	if h == nil {
		return Carved{}, false
	}
	be := binary.BigEndian
	page := int64(be.Uint16(h[16:]))
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 || h[18] > 2 || h[19] > 2 || h[21] != 64 || h[22] != 32 || h[23] != 32 {
		return Carved{}, false
	}
	pages := int64(be.Uint32(h[28:]))
	if pages > 0 && be.Uint32(h[24:]) == be.Uint32(h[92:]) {
		c := within(pages*page, room, fmt.Sprintf("its header says %d pages of %d bytes", pages, page))
		if bad := foreignPage(r, page, min(pages, c.Length/page)); bad > 0 {
			c.Complete = false
			c.How += fmt.Sprintf("; page %d is none of its own", bad)
		}
		return c, true
	}
	// An older writer left the count behind: pages as long as they look like ones.
	n := int64(1)
	for n*page < min(room, maxSearch) && foreignPage(r, page, n+1) == 0 {
		n++
	}
	return Carved{Length: min(n*page, room), How: "its header does not say; as long as pages follow"}, true
}

// foreignPage finds the first page whose first byte no page of a database
// has, looking at some of them; 0 if there is none. Overflow and freelist pages begin
// with the number of a page.
func foreignPage(r io.ReaderAt, page, pages int64) int64 {
	step := max(1, pages/1024)
	for n := int64(2); n <= pages; n += step {
		b := read(r, (n-1)*page, 8)
		if b == nil {
			return n
		}
		switch b[0] {
		case 2, 5, 10, 13:
		default:
			if next := binary.BigEndian.Uint32(b); int64(next) > pages+1 && b[0] > 5 {
				return n
			}
		}
	}
	return 0
}

// carvePage tells a loose leaf of a table, with rows, from other data.
// https://www.sqlite.org/fileformat.html#b_tree_pages
func carvePage(r io.ReaderAt, room, size int64) (Carved, bool) {
	if size < 512 || size > 65536 || room < size {
		return Carved{}, false
	}
	p := read(r, 0, int(size))
	if p == nil || p[0] != 0x0d {
		return Carved{}, false
	}
	be := binary.BigEndian
	free, cells, start := int(be.Uint16(p[1:])), int(be.Uint16(p[3:])), int(be.Uint16(p[5:]))
	if cells < 2 || 8+2*cells > start || start >= int(size) || free != 0 && free < start || free >= int(size) || p[7] > 60 {
		return Carved{}, false
	}
	lowest := int(size)
	for i := range cells {
		at := int(be.Uint16(p[8+2*i:]))
		if at < start || at > int(size)-4 {
			return Carved{}, false
		}
		lowest = min(lowest, at)
		n, w := varint(p[at:])
		_, w2 := varint(p[min(at+w, len(p)):])
		head, w3 := varint(p[min(at+w+w2, len(p)):])
		if w == 0 || w2 == 0 || w3 == 0 || n == 0 || head == 0 || head > n || n < uint64(size) && at+w+w2+int(n) > int(size) {
			return Carved{}, false
		}
	}
	// The area of the cells begins with one, or with a free block.
	if lowest != start && free != start {
		return Carved{}, false
	}
	return Carved{Length: size, Complete: true, How: fmt.Sprintf("a page of a table with %d rows", cells)}, true
}

// varint reads SQLite's integers of up to nine bytes; the width is 0 if it is cut.
func varint(b []byte) (v uint64, width int) {
	for i, c := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		if v = v<<7 | uint64(c&0x7f); c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// carveJournal takes header and arena. https://systemd.io/JOURNAL_FILE_FORMAT/#header
func carveJournal(r io.ReaderAt, room int64) (Carved, bool) {
	h := read(r, 0, 208)
	if h == nil {
		return Carved{}, false
	}
	header, arena := le.Uint64(h[88:]), le.Uint64(h[96:])
	if header < 208 || header > 4096 || arena > maxCarved || h[16] > 6 {
		return Carved{}, false
	}
	return within(int64(header+arena), room, "its header says so"), true
}

// carveScript goes on to the first byte that is no text. A file's last block is
// filled up with zeros when it is written.
func carveScript(r io.ReaderAt, room int64, kind string) (Carved, bool) {
	var c Carved
	buf := make([]byte, 16<<10)
	done := false
	for at := int64(0); at < min(room, maxScript) && !done; {
		n, _ := r.ReadAt(buf[:min(int64(len(buf)), room-at)], at)
		if n <= 0 {
			break
		}
		if at == 0 {
			line, _, _ := bytes.Cut(buf[:min(n, 256)], []byte("\n"))
			if interp, ok := interpreter(buf[:n]); ok {
				c.Detail = interp
			}
			for _, b := range line {
				if !text[b] {
					return Carved{}, false
				}
			}
		}
		for i, b := range buf[:n] {
			if !text[b] {
				n, done = i, true
				c.Complete = b == 0
				break
			}
		}
		at += int64(n)
		c.Length = at
	}
	switch {
	case c.Length < 16:
		return Carved{}, false
	case c.Complete:
		c.How = "the zeros behind its last line"
	case done:
		c.How = "text ends there"
	default:
		c.How = "as far as text goes here"
	}
	return c, true
}
