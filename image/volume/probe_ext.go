package volume

import (
	"fmt"
	"hash/crc32"
	"math/bits"
)

// extSuper is the superblock of ext2, ext3 and ext4: 1024 bytes, little-endian.
// https://docs.kernel.org/filesystems/ext4/globals.html
type extSuper []byte

func (b extSuper) blocksLow() uint32      { return le.Uint32(b[4:]) }
func (b extSuper) firstBlock() uint32     { return le.Uint32(b[20:]) }
func (b extSuper) logBlockSize() uint32   { return le.Uint32(b[24:]) } // block size is 1024 << this
func (b extSuper) blocksPerGroup() uint32 { return le.Uint32(b[32:]) }
func (b extSuper) magic() uint16          { return le.Uint16(b[56:]) }
func (b extSuper) group() uint16          { return le.Uint16(b[90:]) } // that holds this copy
func (b extSuper) compat() uint32         { return le.Uint32(b[92:]) }
func (b extSuper) incompat() uint32       { return le.Uint32(b[96:]) }
func (b extSuper) roCompat() uint32       { return le.Uint32(b[100:]) }
func (b extSuper) uuid() []byte           { return b[104:120] }
func (b extSuper) label() []byte          { return b[120:136] }
func (b extSuper) blocksHigh() uint32     { return le.Uint32(b[336:]) }
func (b extSuper) miscFlags() uint32      { return le.Uint32(b[352:]) }
func (b extSuper) blockSize() int64       { return 1024 << b.logBlockSize() }
func (b extSuper) sane() bool {
	return b.magic() == extMagic && b.logBlockSize() <= 6 && b.blocksLow() > 0
}
func (b extSuper) has(set, bit uint32) bool { return set&bit != 0 }

const (
	extMagic        = 0xef53
	extHasJournal   = 0x4  // compat
	extJournalDev   = 0x8  // incompat
	ext64Bit        = 0x80 // incompat
	extTestFS       = 0x4  // misc flags: made for tests of ext4
	ext3RoCompat    = 0x1 | 0x2 | 0x4
	ext2Incompat    = 0x2 | 0x10
	ext3Incompat    = ext2Incompat | 0x4
	extSuperOffset  = 1024
	extSuperSize    = 1024
	extMaxBlocks    = 65528 // per group, with blocks above 8 KiB
	extClusterRatio = 16    // blocks in a cluster of bigalloc, by default
)

// kind tells the three apart by their features, as blkid does: ext2 has no
// journal and nothing that ext2 does not know, ext3 has a journal and nothing
// that ext3 does not know.
func (b extSuper) kind() string {
	old := b.roCompat()&^ext3RoCompat == 0
	journal := b.has(b.compat(), extHasJournal)
	switch {
	case b.has(b.incompat(), extJournalDev):
		return "jbd"
	case !journal && old && b.incompat()&^ext2Incompat == 0:
		return "ext2"
	case journal && old && b.incompat()&^ext3Incompat == 0:
		return "ext3"
	case b.has(b.miscFlags(), extTestFS):
		return "ext4dev"
	}
	return "ext4"
}

func (b extSuper) signature(off int64) Signature {
	blocks := uint64(b.blocksLow())
	if b.has(b.incompat(), ext64Bit) {
		blocks |= uint64(b.blocksHigh()) << 32
	}
	return Signature{Kind: b.kind(), Label: text(b.label()), UUID: plainUUID(b.uuid()), Offset: off, Size: sizeOf(blocks, b.blockSize())}
}

func probeExt(w *window) (Signature, bool) {
	b := extSuper(w.at(extSuperOffset, extSuperSize))
	if b == nil || !b.sane() || b.kind() == "jbd" {
		return Signature{}, false
	}
	s := b.signature(extSuperOffset)
	s.Backup = b.group() != 0 // a copy from the middle of a file system, seen from a wrong start
	return s, true
}

// probeJournal finds an external journal.
func probeJournal(w *window) (Signature, bool) {
	b := extSuper(w.at(extSuperOffset, extSuperSize))
	if b == nil || !b.sane() || b.kind() != "jbd" {
		return Signature{}, false
	}
	return b.signature(extSuperOffset), true
}

// probeExtBackup looks for copies of the superblock at the start of the groups
// that have one with sparse_super, for the group sizes that mke2fs chooses. A
// copy must agree with the place where it stands.
func probeExtBackup(w *window) (Signature, bool) {
	for log := range 7 {
		block := int64(1024) << log
		first := int64(0)
		if block == 1024 {
			first = 1
		}
		perGroup := min(8*block, extMaxBlocks)
		for _, ratio := range []int64{1, extClusterRatio} {
			for _, group := range []int64{1, 3, 5, 7} {
				off := (first + group*perGroup*ratio) * block
				b := extSuper(w.at(off, extSuperSize))
				if b == nil || !b.sane() || b.kind() == "jbd" || b.logBlockSize() != uint32(log) || int64(b.firstBlock()) != first {
					continue
				}
				// Some tools copy the superblock without its group number.
				if int64(b.blocksPerGroup()) == perGroup*ratio && (int64(b.group()) == group || b.group() == 0) {
					return b.signature(off), true
				}
			}
		}
	}
	return Signature{}, false
}

// probeXFS: "XFS Algorithms & Data Structures", superblocks; big-endian.
func probeXFS(w *window) (Signature, bool) {
	b := w.at(0, 512)
	if b == nil || string(b[0:4]) != "XFSB" {
		return Signature{}, false
	}
	block := be.Uint32(b[4:])
	if bits.OnesCount32(block) != 1 || block < 512 || block > 65536 {
		return Signature{}, false
	}
	return Signature{Kind: "xfs", Label: text(b[108:120]), UUID: plainUUID(b[32:48]), Size: sizeOf(be.Uint64(b[8:]), int64(block))}, true
}

const btrfsMagic = "_BHRfS_M"

// probeBtrfs: https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html,
// superblock; little-endian.
func probeBtrfs(w *window) (Signature, bool) { return btrfsAt(w, 64<<10) }

func probeBtrfsBackup(w *window) (Signature, bool) {
	if s, ok := btrfsAt(w, 64<<20); ok {
		return s, true
	}
	return btrfsAt(w, 256<<30)
}

func btrfsAt(w *window, off int64) (Signature, bool) {
	b := w.at(off, 0x22b)
	if b == nil || string(b[64:72]) != btrfsMagic || le.Uint64(b[48:]) != uint64(off) {
		return Signature{}, false
	}
	// The size of this device, which is one of perhaps many.
	return Signature{Kind: "btrfs", Label: text(b[0x12b:]), UUID: plainUUID(b[32:48]), Offset: off, Size: sizeOf(le.Uint64(b[0xc9+8:]), 1)}, true
}

// probeSwap: include/linux/swap.h of Linux, union swap_header. The signature ends the first
// page, whose size depends on the machine; hibernation puts its own there.
func probeSwap(w *window) (Signature, bool) {
	for _, page := range []int64{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		end := string(w.at(page-10, 10))
		s := Signature{Kind: "swap", Version: "1", Offset: page - 10}
		switch {
		case end == "SWAP-SPACE":
			s.Version = "0"
			return s, true
		case end == "SWAPSPACE2":
		case len(end) == 10 && (end[:9] == "S1SUSPEND" || end[:9] == "S2SUSPEND" || end[:9] == "ULSUSPEND" || end == "LINHIB0001"):
			s.Kind, s.Version = "swsuspend", end[:2]
		default:
			continue
		}
		if h := w.at(1024, 44); h != nil {
			order := uint32(1)
			last := le.Uint32(h[4:])
			if be.Uint32(h) == order {
				last = be.Uint32(h[4:])
			}
			s.UUID, s.Label = plainUUID(h[12:28]), text(h[28:44])
			s.Size = sizeOf(uint64(last)+1, page)
		}
		return s, true
	}
	return Signature{}, false
}

// probeSquashfs: Documentation/filesystems/squashfs.rst of Linux.
func probeSquashfs(w *window) (Signature, bool) {
	b := w.at(0, 48)
	if b == nil {
		return Signature{}, false
	}
	switch string(b[0:4]) {
	case "hsqs":
		return Signature{Kind: "squashfs", Version: fmt.Sprintf("%d.%d", le.Uint16(b[28:]), le.Uint16(b[30:])), Size: sizeOf(le.Uint64(b[40:]), 1)}, true
	case "sqsh", "qshs", "shsq":
		return Signature{Kind: "squashfs"}, true
	}
	return Signature{}, false
}

// probeEROFS: fs/erofs/erofs_fs.h of Linux; little-endian.
func probeEROFS(w *window) (Signature, bool) {
	b := w.at(1024, 128)
	if b == nil || le.Uint32(b) != 0xe0f5e1e2 || b[12] < 9 || b[12] > 16 {
		return Signature{}, false
	}
	return Signature{Kind: "erofs", Label: text(b[64:80]), UUID: plainUUID(b[48:64]), Offset: 1024, Size: sizeOf(uint64(le.Uint32(b[36:])), 1<<b[12])}, true
}

// probeF2FS: include/linux/f2fs_fs.h of Linux; little-endian.
func probeF2FS(w *window) (Signature, bool) {
	b := w.at(1024, 124+1024)
	if b == nil || le.Uint32(b) != 0xf2f52010 || le.Uint32(b[16:]) > 16 {
		return Signature{}, false
	}
	return Signature{
		Kind: "f2fs", Version: fmt.Sprintf("%d.%d", le.Uint16(b[4:]), le.Uint16(b[6:])),
		Label: utf16String(b[124:], le), UUID: plainUUID(b[108:124]), Offset: 1024, Size: sizeOf(le.Uint64(b[36:]), 1<<le.Uint32(b[16:])),
	}, true
}

// probeJFS: fs/jfs/jfs_superblock.h of Linux; little-endian.
func probeJFS(w *window) (Signature, bool) {
	const off = 32 << 10
	b := w.at(off, 168)
	if b == nil || string(b[0:4]) != "JFS1" || le.Uint32(b[16:]) != 1<<(le.Uint16(b[20:])&31) {
		return Signature{}, false
	}
	return Signature{Kind: "jfs", Label: text(b[152:168]), UUID: plainUUID(b[136:152]), Offset: off, Size: sizeOf(le.Uint64(b[8:]), int64(le.Uint32(b[24:])))}, true
}

// probeReiser: fs/reiserfs/reiserfs.h of Linux; little-endian.
func probeReiser(w *window) (Signature, bool) {
	for _, off := range []int64{64 << 10, 8 << 10} {
		b := w.at(off, 116)
		if b == nil {
			continue
		}
		s := Signature{Kind: "reiserfs", Offset: off, Size: sizeOf(uint64(le.Uint32(b)), int64(le.Uint16(b[44:])))}
		switch string(b[52:60]) {
		case "ReIsErFs":
			s.Version = "3.5"
			return s, true
		case "ReIsEr2F", "ReIsEr3F":
			s.Version = "3.6"
			if b[58] == '3' {
				s.Version = "JR"
			}
			s.Label, s.UUID = text(b[100:116]), plainUUID(b[84:100])
			return s, true
		}
		if string(b[0:7]) == "ReIsEr4" {
			return Signature{Kind: "reiser4", Version: "4", Label: text(b[36:52]), UUID: plainUUID(b[20:36]), Offset: off}, true
		}
	}
	return Signature{}, false
}

// probeNILFS2: include/uapi/linux/nilfs2_ondisk.h of Linux; little-endian. The
// magic is short, so the checksum decides.
func probeNILFS2(w *window) (Signature, bool) {
	b := w.at(1024, 1024)
	if b == nil || le.Uint16(b[6:]) != 0x3434 {
		return Signature{}, false
	}
	length := int(le.Uint16(b[8:]))
	if length < 20 || length > len(b) {
		return Signature{}, false
	}
	c := append([]byte(nil), b[:length]...)
	clear(c[16:20])
	// The kernel's crc32_le leaves out the inversions of the usual CRC-32.
	if ^crc32.Update(^le.Uint32(b[12:]), crc32.IEEETable, c) != le.Uint32(b[16:]) {
		return Signature{}, false
	}
	return Signature{Kind: "nilfs2", Label: text(b[168:248]), UUID: plainUUID(b[152:168]), Offset: 1024, Size: sizeOf(le.Uint64(b[40:]), 1)}, true
}

// probeOCFS2: fs/ocfs2/ocfs2_fs.h of Linux. The superblock is the third block.
func probeOCFS2(w *window) (Signature, bool) {
	for _, block := range []int64{512, 1024, 2048, 4096} {
		if b := w.at(2*block, 0x240); b != nil && string(b[0:6]) == "OCFSV2" {
			return Signature{Kind: "ocfs2", Label: text(b[0x110:0x150]), UUID: plainUUID(b[0x150:0x160]), Offset: 2 * block}, true
		}
	}
	return Signature{}, false
}

// probeGFS2: include/uapi/linux/gfs2_ondisk.h of Linux; big-endian.
func probeGFS2(w *window) (Signature, bool) {
	const off = 64 << 10
	b := w.at(off, 272)
	if b == nil || be.Uint32(b) != 0x01161970 || be.Uint32(b[4:]) != 1 {
		return Signature{}, false
	}
	return Signature{Kind: "gfs2", Label: text(b[96:160]), UUID: plainUUID(b[256:272]), Offset: off}, true
}

// probeBcache: bcache.h and fs/bcachefs/bcachefs_format.h; little-endian.
// bcachefs used the magic of bcache first, with a checksum of 16 bytes where
// bcache has one of 8 and the superblock's own sector.
func probeBcache(w *window) (Signature, bool) {
	const off = 4096
	b := w.at(off, 128)
	if b == nil {
		return Signature{}, false
	}
	s := Signature{Kind: "bcachefs", UUID: plainUUID(b[56:72]), Label: text(b[72:104]), Offset: off}
	switch string(b[24:40]) {
	case "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef":
		return s, true
	case "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81":
		if le.Uint64(b[8:]) == off/sectorSmall && le.Uint64(b[16:]) <= 6 {
			s.Kind, s.UUID = "bcache", plainUUID(b[40:56])
		}
		return s, true
	}
	return Signature{}, false
}
