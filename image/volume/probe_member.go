package volume

import (
	"fmt"
	"strconv"
)

// probeLUKS: "LUKS On-Disk Format Specification" 1.2.3, "LUKS2 On-Disk Format
// Specification" 1.1.1; big-endian.
func probeLUKS(w *window) (Signature, bool) { return luksAt(w, 0, "LUKS\xba\xbe") }

// probeLUKSBackup finds the second header of LUKS2, which stands at one of the
// sizes that the first may have.
func probeLUKSBackup(w *window) (Signature, bool) {
	for size := int64(16 << 10); size <= 4<<20; size *= 2 {
		if s, ok := luksAt(w, size, "SKUL\xba\xbe"); ok {
			return s, true
		}
	}
	return Signature{}, false
}

func luksAt(w *window, off int64, magic string) (Signature, bool) {
	b := w.at(off, 208)
	if b == nil || string(b[0:6]) != magic {
		return Signature{}, false
	}
	version := be.Uint16(b[6:])
	s := Signature{Kind: "luks", Version: strconv.Itoa(int(version)), UUID: text(b[168:208]), Offset: off}
	switch version {
	case 1:
		s.DataOffset = sizeOf(uint64(be.Uint32(b[104:])), sectorSmall)
	case 2:
		s.Label = text(b[24:72])
	}
	return s, true
}

// probeLVM2: lib/format_text/layout.h of LVM2; little-endian. The label is in
// one of the first four sectors.
func probeLVM2(w *window) (Signature, bool) {
	for sector := range uint64(4) {
		off := int64(sector) * sectorSmall
		b := w.at(off, sectorSmall)
		if b == nil || string(b[0:8]) != "LABELONE" || string(b[24:32]) != "LVM2 001" || le.Uint64(b[8:]) != sector {
			continue
		}
		s := Signature{Kind: "lvm2", Version: "001", Offset: off}
		if at := le.Uint32(b[20:]); at >= 32 && at <= sectorSmall-40 {
			id := string(b[at : at+32])
			s.UUID = fmt.Sprintf("%s-%s-%s-%s-%s-%s-%s", id[0:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:32])
			s.Size = sizeOf(le.Uint64(b[at+32:]), 1)
		}
		return s, true
	}
	return Signature{}, false
}

const mdMagic = 0xa92b4efc

// probeMDStart: the superblocks of versions 1.1 and 1.2, in md_p.h of Linux.
func probeMDStart(w *window) (Signature, bool) {
	if s, ok := mdVersion1(w, 0, "1.1"); ok {
		return s, true
	}
	return mdVersion1(w, 4096, "1.2")
}

// probeMDEnd: the superblocks that stand near the end of the device, of
// versions 1.0 and 0.90. The latter is in the byte order of the machine.
func probeMDEnd(w *window) (Signature, bool) {
	if s, ok := mdVersion1(w, (w.size/sectorSmall-16)&^7*sectorSmall, "1.0"); ok {
		return s, true
	}
	const reserved = 64 << 10
	off := w.size&^(reserved-1) - reserved
	b := w.at(off, 256)
	if b == nil {
		return Signature{}, false
	}
	word := func(i int) uint32 { return le.Uint32(b[4*i:]) }
	if be.Uint32(b) == mdMagic {
		word = func(i int) uint32 { return be.Uint32(b[4*i:]) }
	}
	if word(0) != mdMagic || word(1) != 0 {
		return Signature{}, false
	}
	return Signature{
		Kind: "md", Version: fmt.Sprintf("0.%d", word(2)), Level: mdLevel(int32(word(7))), Offset: off, Size: sizeOf(uint64(word(8)), 1024),
		UUID: uuidWords(word(5), word(13), word(14), word(15)),
	}, true
}

func mdVersion1(w *window, off int64, version string) (Signature, bool) {
	b := w.at(off, 256)
	if b == nil || le.Uint32(b) != mdMagic || le.Uint32(b[4:]) != 1 || le.Uint64(b[144:]) != uint64(off/sectorSmall) {
		return Signature{}, false
	}
	return Signature{
		Kind: "md", Version: version, Level: mdLevel(int32(le.Uint32(b[72:]))), Label: text(b[32:64]), UUID: plainUUID(b[16:32]),
		Offset: off, Size: sizeOf(le.Uint64(b[136:]), sectorSmall), DataOffset: sizeOf(le.Uint64(b[128:]), sectorSmall),
	}, true
}

func mdLevel(level int32) string {
	switch level {
	case -1:
		return "linear"
	case -4:
		return "multipath"
	case 0, 1, 4, 5, 6, 10:
		return fmt.Sprintf("raid%d", level)
	}
	return fmt.Sprintf("level %d", level)
}

func uuidWords(words ...uint32) string {
	var b []byte
	for _, w := range words {
		b = be.AppendUint32(b, w)
	}
	return plainUUID(b)
}

// probeBitLocker finds volumes of Windows Vista and later, and of BitLocker To Go.
func probeBitLocker(w *window) (Signature, bool) {
	const toGo = "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"
	return Signature{Kind: "bitlocker"}, w.has(3, "-FVE-FS-") || w.has(3, "MSWIN4.1") && w.has(424, toGo)
}

// probeZFS: "ZFS On-Disk Specification", vdev labels. A label of 256 KiB stands
// twice at the start of the device and twice at its end; in each, a list of
// names and values is 16 KiB in. It is encoded in XDR, big-endian.
func probeZFS(w *window) (Signature, bool) {
	const label, list, listMax = 256 << 10, 16 << 10, 112 << 10
	size := w.size &^ (label - 1)
	for _, at := range []int64{0, label, size - 2*label, size - label} {
		off := at + list
		if head := w.at(off, 12); head == nil || head[0] != 1 || be.Uint32(head[4:]) != 0 || be.Uint32(head[8:])&^3 != 0 {
			continue
		}
		s := Signature{Kind: "zfs", Offset: off}
		found := false
		// Each pair begins with its length; a length of zero ends the list.
		for pos := off + 12; pos < off+listMax; {
			head := w.at(pos, 12)
			if head == nil {
				break
			}
			length, nameLength := int64(be.Uint32(head)), int64(be.Uint32(head[8:]))
			if length < 20 || length > listMax || nameLength == 0 || nameLength > 64 {
				break
			}
			padded := (nameLength + 3) &^ 3
			name := string(w.at(pos+12, int(nameLength)))
			value := w.at(pos+12+padded, 16)
			if value == nil {
				break
			}
			kind := be.Uint32(value)
			const isUint64, isString = 8, 9
			switch {
			case name == "name" && kind == isString:
				if n := be.Uint32(value[8:]); n <= 256 {
					s.Label = text(w.at(pos+12+padded+12, int(n)))
				}
			case name == "pool_guid" && kind == isUint64:
				s.UUID, found = strconv.FormatUint(be.Uint64(value[8:]), 10), true
			case name == "version" && kind == isUint64:
				s.Version = strconv.FormatUint(be.Uint64(value[8:]), 10)
			}
			pos += length
		}
		if found {
			return s, true
		}
	}
	return Signature{}, false
}

// probeVMFS finds VMware's cluster file system, whose volume header stands at 1 MiB.
func probeVMFS(w *window) (Signature, bool) {
	const off = 1 << 20
	return Signature{Kind: "vmfs", Offset: off}, w.has(off, "\x0d\xd0\x01\xc0")
}

// probeISW finds members of Intel's firmware RAID, in the last but one sector.
func probeISW(w *window) (Signature, bool) {
	off := w.size/sectorSmall*sectorSmall - 2*sectorSmall
	return Signature{Kind: "isw-raid", Offset: off}, w.has(off, "Intel Raid ISM Cfg Sig. ")
}

// probeDDF finds members of arrays in SNIA's common format, in the last sector.
func probeDDF(w *window) (Signature, bool) {
	off := w.size/sectorSmall*sectorSmall - sectorSmall
	return Signature{Kind: "ddf-raid", Offset: off}, w.has(off, "\xde\x11\xde\x11")
}
