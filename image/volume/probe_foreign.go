package volume

import (
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf16"
)

// fatBoot is the boot sector of FAT, little-endian: "Microsoft FAT
// Specification", 2005, section 3.
type fatBoot []byte

func (b fatBoot) sectorSize() uint16  { return le.Uint16(b[11:]) } // bytes
func (b fatBoot) perCluster() byte    { return b[13] }             // sectors
func (b fatBoot) reserved() uint16    { return le.Uint16(b[14:]) } // sectors before the first FAT
func (b fatBoot) fats() byte          { return b[16] }
func (b fatBoot) rootEntries() uint16 { return le.Uint16(b[17:]) }
func (b fatBoot) media() byte         { return b[21] }
func (b fatBoot) rootCluster() uint32 { return le.Uint32(b[44:]) } // FAT32 only

func (b fatBoot) sectors() uint32 {
	if n := le.Uint16(b[19:]); n != 0 {
		return uint32(n)
	}
	return le.Uint32(b[32:])
}

// fatLength is the length of one FAT in sectors.
func (b fatBoot) fatLength() uint32 {
	if n := le.Uint16(b[22:]); n != 0 {
		return uint32(n)
	}
	return le.Uint32(b[36:])
}

// is32 follows the specification: only FAT32 leaves the old field zero.
func (b fatBoot) is32() bool { return le.Uint16(b[22:]) == 0 }

// extended is the second part of the sector, which stands further back in FAT32:
// a mark, the serial number, the label, the type in letters.
func (b fatBoot) extended() []byte {
	if b.is32() {
		return b[66:90]
	}
	return b[38:62]
}

func (b fatBoot) sane() bool {
	return (b[0] == 0xeb || b[0] == 0xe9 || string(b[54:57]) == "FAT" || string(b[82:85]) == "FAT") &&
		bits.OnesCount16(b.sectorSize()) == 1 && b.sectorSize() >= 512 && b.sectorSize() <= 4096 &&
		bits.OnesCount8(b.perCluster()) == 1 && b.reserved() > 0 && b.fats() >= 1 && b.fats() <= 2 &&
		(b.media() == 0xf0 || b.media() >= 0xf8) && b.fatLength() > 0 && b.sectors() > 0 &&
		(!b.is32() || b.rootEntries() == 0 && b.rootCluster() >= 2)
}

// probeFAT tells FAT12, FAT16 and FAT32 apart by the number of clusters, as the
// specification says. The first byte of a FAT repeats the media byte; without it
// the finding is weak, because a boot loader's code may look like the rest.
func probeFAT(w *window) (Signature, bool) {
	b := fatBoot(w.at(0, 512))
	if b == nil || !b.sane() {
		return Signature{}, false
	}
	sector := int64(b.sectorSize())
	rootSectors := (32*int64(b.rootEntries()) + sector - 1) / sector
	root := int64(b.reserved()) + int64(b.fats())*int64(b.fatLength())
	data := root + rootSectors
	clusters := (int64(b.sectors()) - data) / int64(b.perCluster())
	if clusters <= 0 {
		return Signature{}, false
	}
	s := Signature{Kind: "fat", Version: "FAT16", Size: int64(b.sectors()) * sector}
	switch {
	case b.is32():
		s.Version = "FAT32"
	case clusters < 4085:
		s.Version = "FAT12"
	case clusters >= 65525:
		return Signature{}, false
	}
	fat := int64(b.reserved()) * sector
	first := w.at(fat, 2)
	s.Weak = first == nil || first[0] != b.media() || first[1] != 0xff
	if s.Weak && (b[510] != 0x55 || b[511] != 0xaa) {
		return Signature{}, false
	}
	if e := b.extended(); e[0] == 0x28 || e[0] == 0x29 {
		s.UUID = fatSerial(le.Uint32(e[1:]))
		if label := text(e[5:16]); e[0] == 0x29 && label != "NO NAME" {
			s.Label = label
		}
	}
	// The label in the root directory is the one that systems show and change.
	label, ok := "", false
	if !b.is32() {
		label, ok = fatLabel(w, root*sector, 32*int64(b.rootEntries()))
	} else {
		cluster := b.rootCluster()
		for range 32 {
			if cluster < 2 || int64(cluster) >= clusters+2 {
				break
			}
			length := int64(b.perCluster()) * sector
			if label, ok = fatLabel(w, (data+int64(cluster-2)*int64(b.perCluster()))*sector, length); ok {
				break
			}
			next := w.at(fat+4*int64(cluster), 4)
			if next == nil {
				break
			}
			cluster = le.Uint32(next) & 0x0fffffff
		}
	}
	if ok {
		s.Label = label
	}
	return s, true
}

func fatSerial(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%04X-%04X", n>>16, n&0xffff)
}

// maxDirectory bounds how much of a root directory is read for a label.
const maxDirectory = 64 << 10

// fatLabel looks for the volume label among directory entries. ok says that
// there is one, or that the directory ends without.
func fatLabel(w *window, off, length int64) (label string, ok bool) {
	const (
		entrySize, deleted               = 32, 0xe5
		attribute, attrLabel, attrFolder = 11, 0x08, 0x10
		attrLongName                     = 0x0f
	)
	for pos := off; pos < off+min(length, maxDirectory); pos += entrySize {
		e := w.at(pos, entrySize)
		if e == nil || e[0] == 0 {
			return "", false
		}
		if e[0] == deleted || e[attribute]&0x3f == attrLongName || e[attribute]&(attrLabel|attrFolder) != attrLabel {
			continue
		}
		name := append([]byte(nil), e[:11]...)
		if name[0] == 0x05 {
			name[0] = deleted
		}
		return strings.TrimRight(string(name), " "), true
	}
	return "", false
}

// probeExFAT: "exFAT file system specification" of Microsoft; little-endian.
func probeExFAT(w *window) (Signature, bool) {
	b := w.at(0, 512)
	if b == nil || string(b[3:11]) != "EXFAT   " {
		return Signature{}, false
	}
	sectorShift, clusterShift := b[108], b[109]
	if sectorShift < 9 || sectorShift > 12 || clusterShift > 25-sectorShift {
		return Signature{}, false
	}
	s := Signature{Kind: "exfat", Version: fmt.Sprintf("%d.%d", b[105], b[104]), UUID: fatSerial(le.Uint32(b[100:])), Size: sizeOf(le.Uint64(b[72:]), 1<<sectorShift)}
	root := int64(le.Uint32(b[96:]))
	if root < 2 {
		return s, true
	}
	cluster := int64(1) << (sectorShift + clusterShift)
	dir := int64(le.Uint32(b[88:]))<<sectorShift + (root-2)*cluster
	for pos := dir; pos < dir+min(cluster, maxDirectory); pos += 32 {
		e := w.at(pos, 32)
		if e == nil || e[0] == 0 {
			break
		}
		if e[0] == 0x83 && e[1] <= 11 {
			s.Label = utf16String(e[2:2+2*int(e[1])], le)
			break
		}
	}
	return s, true
}

// probeNTFS: the boot sector, and for the label the attribute 0x60 of file
// record 3 ($Volume); little-endian.
// https://flatcap.github.io/linux-ntfs/ntfs/
func probeNTFS(w *window) (Signature, bool) {
	b := w.at(0, 512)
	if b == nil || string(b[3:11]) != "NTFS    " {
		return Signature{}, false
	}
	sector := int64(le.Uint16(b[11:]))
	perCluster := int64(b[13])
	if perCluster > 128 {
		perCluster = 1 << (256 - perCluster)
	}
	if sector < 256 || sector > 4096 || sector&(sector-1) != 0 || perCluster == 0 || perCluster > 1<<20 {
		return Signature{}, false
	}
	s := Signature{Kind: "ntfs", UUID: fmt.Sprintf("%016X", le.Uint64(b[72:])), Size: sizeOf(le.Uint64(b[40:])+1, sector)}
	record := int64(int8(b[64])) * sector * perCluster
	if n := int8(b[64]); n < 0 && n > -20 {
		record = 1 << -n
	}
	mft := sizeOf(le.Uint64(b[48:]), sector*perCluster)
	if record < 256 || record > 64<<10 || mft == 0 || mft > lastAddressable-4*record {
		return s, true
	}
	s.Label = ntfsLabel(w.at(mft+3*record, int(record)))
	return s, true
}

// ntfsLabel reads the name out of the file record of $Volume.
func ntfsLabel(raw []byte) string {
	if raw == nil || string(raw[0:4]) != "FILE" {
		return ""
	}
	b := append([]byte(nil), raw...)
	// The last two bytes of each 512 stand in the update sequence array.
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	for i := 1; i < count && at+2*i+2 <= len(b) && i*512 <= len(b); i++ {
		copy(b[i*512-2:i*512], b[at+2*i:at+2*i+2])
	}
	for pos := int(le.Uint16(b[20:])); pos+24 <= len(b); {
		kind, length := le.Uint32(b[pos:]), int(le.Uint32(b[pos+4:]))
		if kind == 0xffffffff || length < 24 || length > len(b)-pos {
			return ""
		}
		if kind == 0x60 && b[pos+8] == 0 {
			n, off := int(le.Uint32(b[pos+16:])), int(le.Uint16(b[pos+20:]))
			if off > length || n > length-off {
				return ""
			}
			return utf16String(b[pos+off:pos+off+n], le)
		}
		pos += length
	}
	return ""
}

// probeISO9660: ECMA-119, volume descriptors from byte 32768 on. The label of
// the Joliet descriptor, which is in UTF-16, keeps what the primary one cuts.
func probeISO9660(w *window) (Signature, bool) {
	const first, step = 32 << 10, 2048
	if !w.has(first+1, "CD001") {
		return Signature{}, false
	}
	s := Signature{Kind: "iso9660", Offset: first}
	primary, joliet := "", ""
	for i := range int64(16) {
		b := w.at(first+i*step, step)
		if b == nil || string(b[1:6]) != "CD001" || b[0] == 255 {
			break
		}
		switch {
		case b[0] == 1 && primary == "" && s.UUID == "":
			primary = text(b[40:72])
			s.Size = sizeOf(uint64(le.Uint32(b[80:])), int64(le.Uint16(b[128:])))
			s.UUID = isoDate(b[830:847])
			if s.UUID == "" {
				s.UUID = isoDate(b[813:830])
			}
		case b[0] == 2 && (string(b[88:91]) == "%/@" || string(b[88:91]) == "%/C" || string(b[88:91]) == "%/E"):
			joliet = strings.TrimRight(utf16String(b[40:72], be), " ")
		}
	}
	s.Label = primary
	// Joliet has room for 16 letters, the primary descriptor for 32, in capitals.
	if joliet != "" && len(utf16.Encode([]rune(joliet))) >= min(16, len(primary)) && strings.HasPrefix(strings.ToUpper(primary), strings.ToUpper(joliet)) && len(primary) > len(joliet) {
		s.Label = joliet + primary[len(joliet):]
	} else if joliet != "" {
		s.Label = joliet
	}
	return s, true
}

// isoDate prints a date of ECMA-119 as blkid does, which has no better
// identifier; "" if it is not set.
func isoDate(b []byte) string {
	for _, c := range b[:16] {
		if c < '0' || c > '9' {
			return ""
		}
	}
	d := string(b[:16])
	if strings.Trim(d, "0") == "" {
		return ""
	}
	return strings.Join([]string{d[0:4], d[4:6], d[6:8], d[8:10], d[10:12], d[12:14], d[14:16]}, "-")
}

// probeUDF: ECMA-167, the volume recognition sequence from byte 32768 on.
func probeUDF(w *window) (Signature, bool) {
	const first, step = 32 << 10, 2048
	for i := range int64(16) {
		b := w.at(first+i*step, 7)
		if b == nil {
			break
		}
		switch id := string(b[1:6]); id {
		case "NSR02", "NSR03":
			return Signature{Kind: "udf", Version: id, Offset: first + i*step}, true
		case "BEA01", "BOOT2", "CD001", "CDW02", "TEA01":
		default:
			return Signature{}, false
		}
	}
	return Signature{}, false
}

// probeHFSPlus: "HFS Plus Volume Format", TN1150 of Apple; big-endian.
func probeHFSPlus(w *window) (Signature, bool) {
	b := w.at(1024, 48)
	if b == nil {
		return Signature{}, false
	}
	block := be.Uint32(b[40:])
	plus := string(b[0:2]) == "H+" && be.Uint16(b[2:]) == 4 || string(b[0:2]) == "HX" && be.Uint16(b[2:]) == 5
	if !plus || bits.OnesCount32(block) != 1 || block < 512 {
		return Signature{}, false
	}
	return Signature{Kind: "hfsplus", Offset: 1024, Size: sizeOf(uint64(be.Uint32(b[44:])), int64(block))}, true
}

// probeUFS finds UFS1 and UFS2 of the BSDs and of Solaris, in both byte orders.
func probeUFS(w *window) (Signature, bool) {
	for _, off := range []int64{64 << 10, 8 << 10, 256 << 10, 0} {
		b := w.at(off+1372, 4)
		if b == nil {
			continue
		}
		for _, magic := range []struct {
			value   uint32
			version string
		}{{0x00011954, "1"}, {0x19540119, "2"}} {
			if le.Uint32(b) == magic.value || be.Uint32(b) == magic.value {
				return Signature{Kind: "ufs", Version: magic.version, Offset: off}, true
			}
		}
	}
	return Signature{}, false
}

// isBootSector reports whether a signature is of a file system whose boot
// sector has the two bytes that also end an MBR.
func isBootSector(s Signature) bool {
	switch s.Kind {
	case "fat", "exfat", "ntfs", "bitlocker", "refs":
		return true
	}
	return false
}
