package ext4

import (
	"fmt"
	"io"
	"slices"

	"deadbox/fs/filesystem"
)

// group is what is kept of a group descriptor.
type group struct {
	blockBitmap, inodeBitmap, inodeTable uint64 // physical blocks
	blockBitmapCsum, inodeBitmapCsum     uint32
	unused                               uint32 // inodes at the table's end that were never used
	flags                                uint16
	bad                                  bool // the descriptor and its backups are damaged: its numbers are not used
}

// maxGroups bounds the memory for descriptors: 512 TiB of 4 KiB blocks.
const maxGroups = 1 << 22

func (f *FS) groupCount() uint64 {
	return (f.blocks - f.firstBlock + f.blocksPerGroup - 1) / f.blocksPerGroup
}

// hasSuper reports whether group g begins with a copy of the superblock.
func (f *FS) hasSuper(g uint64) bool {
	switch {
	case g == 0:
		return true
	case f.compat(compatSparseSuper2):
		return g == uint64(f.sb.backupBGs(0)) || g == uint64(f.sb.backupBGs(1))
	case g == 1 || !f.roCompat(roSparseSuper):
		return true
	case g%2 == 0:
		return false
	}
	for _, base := range []uint64{3, 5, 7} {
		n := base
		for n < g {
			n *= base
		}
		if n == g {
			return true
		}
	}
	return false
}

func (f *FS) groupStart(g uint64) uint64 { return f.firstBlock + g*f.blocksPerGroup }

// descBlock is the physical block that holds the i-th block of descriptors;
// copy 0 is the primary.
// https://docs.kernel.org/filesystems/ext4/overview.html#meta-block-groups
func (f *FS) descBlock(i uint64, backup uint64) uint64 {
	perBlock := uint64(f.blockSize) / uint64(f.descSize)
	if !f.incompat(incompatMetaBG) || i < uint64(f.sb.firstMetaBG()) {
		start := f.groupStart(backup)
		if f.blockSize == 1024 && f.firstBlock == 0 && backup == 0 {
			start++ // the superblock is block 1 all the same
		}
		return start + 1 + i
	}
	g := i * perBlock
	switch backup {
	case 0:
	case 1:
		g++
	default:
		g += perBlock - 1
	}
	b := f.groupStart(g)
	if f.hasSuper(g) {
		b++
	}
	if f.blockSize == 1024 && f.firstBlock == 0 && g == 0 {
		b++
	}
	return b
}

// backups lists groups that hold copies of the i-th block of descriptors, as
// descBlock takes them.
func (f *FS) backups(i uint64) []uint64 {
	if f.incompat(incompatMetaBG) && i >= uint64(f.sb.firstMetaBG()) {
		return []uint64{1, 2}
	}
	// Where there are copies at all, the first of them is in one of these
	// groups; sparse_super2 keeps the second in the last group.
	var out []uint64
	for _, g := range []uint64{1, 3, 5, uint64(f.sb.backupBGs(0)), uint64(f.sb.backupBGs(1))} {
		if g > 0 && g < f.groupCount() && len(out) < 3 && !slices.Contains(out, g) && f.hasSuper(g) {
			out = append(out, g)
		}
	}
	return out
}

// readGroups reads the group descriptors, each from its backup where the
// primary is damaged.
func (f *FS) readGroups() {
	count := f.groupCount()
	byInodes := (uint64(f.inodes) + uint64(f.inodesPerGroup) - 1) / uint64(f.inodesPerGroup)
	count = min(count, byInodes)
	if count > maxGroups {
		f.damage(&filesystem.CorruptError{Structure: "superblock", Offset: superOffset, Reason: fmt.Sprintf("%d groups; the first %d are read", count, maxGroups)})
		count = maxGroups
	}
	perBlock := uint64(f.blockSize) / uint64(f.descSize)
	restored := 0
	for i := uint64(0); i*perBlock < count; i++ {
		var copies [][]byte // the primary, then backups as they are needed
		places := append([]uint64{0}, f.backups(i)...)
		load := func(c int) []byte {
			for len(copies) <= c {
				if len(copies) == len(places) {
					return nil
				}
				b := f.descBlock(i, places[len(copies)])
				buf := make([]byte, f.blockSize)
				if err := f.readBlock("group descriptors", b, 0, buf); err != nil {
					if len(copies) == 0 {
						f.damage(err)
					}
					buf = nil
				}
				copies = append(copies, buf)
			}
			return copies[c]
		}
		if at := f.descBlock(i, 0); at >= uint64(f.size)/uint64(f.blockSize) && i > 0 {
			// So do the rest, and the backups of the rest.
			f.damage(&filesystem.ReadError{Structure: "group descriptors", Offset: int64(at) * f.blockSize, Length: int64(count-i*perBlock) * int64(f.descSize), Err: io.ErrUnexpectedEOF})
			break
		}
		primary := load(0)
		for k := uint64(0); k < perBlock && i*perBlock+k < count; k++ {
			g := i*perBlock + k
			at := int64(f.descBlock(i, 0))*f.blockSize + int64(k)*int64(f.descSize)
			gr, err := f.parseGroup(g, primary, k, at)
			if err == nil {
				f.addGroup(g, gr)
				continue
			}
			f.damage(err)
			ok := false
			for c := 1; !ok; c++ {
				buf := load(c)
				if buf == nil && c >= len(copies) {
					break
				}
				if buf != nil {
					var alt group
					if alt, err = f.parseGroup(g, buf, k, 0); err == nil {
						gr, ok = alt, true
					}
				}
			}
			if ok {
				restored++
				// A backup's state of the bitmaps is of the day of mkfs.
				gr.flags, gr.unused = 0, 0
				gr.blockBitmapCsum, gr.inodeBitmapCsum = 0, 0
			}
			f.addGroup(g, gr)
		}
	}
	if restored > 0 {
		f.note("%d group descriptors are damaged; their backups were used.", restored)
	}
}

// addGroup appends group g, unless the inode tables then take more room than
// the image has: some of them must lie over each other.
func (f *FS) addGroup(g uint64, gr group) {
	if !gr.bad {
		from := int64(gr.inodeTable) * f.blockSize
		f.tableBytes += min(int64(f.inodesPerGroup)*int64(f.inodeSize), max(f.size-from, 0))
		if f.tableBytes > f.size {
			gr.bad = true
			f.damage(&filesystem.CorruptError{Structure: "group descriptor", Offset: -1, Reason: fmt.Sprintf("group %d: the inode tables take more room than the image has", g)})
		}
	}
	f.groups = append(f.groups, gr)
}

// parseGroup reads descriptor k of a block of descriptors. The group that
// comes beside an error holds what can still be used.
func (f *FS) parseGroup(g uint64, block []byte, k uint64, offset int64) (group, error) {
	if block == nil {
		return group{bad: true}, &filesystem.CorruptError{Structure: "group descriptor", Offset: offset, Reason: fmt.Sprintf("group %d could not be read", g)}
	}
	raw := rawGroup(block[k*uint64(f.descSize):][:f.descSize])
	gr := group{
		blockBitmap: uint64(raw.blockBitmapLo()), inodeBitmap: uint64(raw.inodeBitmapLo()), inodeTable: uint64(raw.inodeTableLo()),
		blockBitmapCsum: uint32(raw.blockBitmapCsumLo()), inodeBitmapCsum: uint32(raw.inodeBitmapCsumLo()),
		unused: uint32(raw.itableUnusedLo()), flags: raw.flags(),
	}
	if f.descSize >= 64 {
		gr.blockBitmap |= uint64(raw.blockBitmapHi()) << 32
		gr.inodeBitmap |= uint64(raw.inodeBitmapHi()) << 32
		gr.inodeTable |= uint64(raw.inodeTableHi()) << 32
		gr.blockBitmapCsum |= uint32(raw.blockBitmapCsumHi()) << 16
		gr.inodeBitmapCsum |= uint32(raw.inodeBitmapCsumHi()) << 16
		gr.unused |= uint32(raw.itableUnusedHi()) << 16
	}
	if !f.groupCsum() {
		gr.flags, gr.unused = 0, 0
	}
	tableBlocks := (uint64(f.inodesPerGroup)*uint64(f.inodeSize) + uint64(f.blockSize) - 1) / uint64(f.blockSize)
	corrupt := func(format string, args ...any) error {
		return &filesystem.CorruptError{Structure: "group descriptor", Offset: offset, Reason: fmt.Sprintf("group %d: %s", g, fmt.Sprintf(format, args...))}
	}
	inside := func(b, n uint64) bool { return b > f.firstBlock && b < f.blocks && n <= f.blocks-b }
	switch {
	case !inside(gr.inodeTable, tableBlocks):
		gr.bad = true
		return gr, corrupt("inode table at block %d lies outside of the file system", gr.inodeTable)
	case !inside(gr.inodeBitmap, 1):
		gr.inodeBitmap = 0
		return gr, corrupt("inode bitmap lies outside of the file system")
	case !inside(gr.blockBitmap, 1):
		gr.blockBitmap = 0
		return gr, corrupt("block bitmap lies outside of the file system")
	case gr.unused > f.inodesPerGroup:
		unused := gr.unused
		gr.unused = 0
		return gr, corrupt("%d unused inodes of %d", unused, f.inodesPerGroup)
	case f.groupCsum() && f.groupChecksum(uint32(g), raw) != raw.checksum():
		// What it says cannot be trusted to leave anything out.
		gr.flags, gr.unused = 0, 0
		return gr, corrupt("checksum mismatch")
	}
	return gr, nil
}

// readBlock fills buf from a physical block on.
func (f *FS) readBlock(structure string, block uint64, n filesystem.Inum, buf []byte) error {
	return f.readBlockOn(f.r, structure, block, n, buf)
}

func (f *FS) readBlockOn(r io.ReaderAt, structure string, block uint64, n filesystem.Inum, buf []byte) error {
	if block >= f.blocks || uint64(len(buf)) > (f.blocks-block)*uint64(f.blockSize) {
		return &filesystem.CorruptError{Structure: structure, Offset: -1, Inum: n, Reason: fmt.Sprintf("block %d lies outside of the file system", block)}
	}
	off := int64(block) * f.blockSize
	if got, err := r.ReadAt(buf, off); got < len(buf) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return &filesystem.ReadError{Structure: structure, Offset: off + int64(got), Length: int64(len(buf) - got), Inum: n, Err: err}
	}
	return nil
}

// inodeBitmap returns the inode bitmap of a group. Beside an error it is what
// could be read; nil if nothing could.
func (f *FS) inodeBitmap(g int) ([]byte, error) {
	gr := &f.groups[g]
	size := (int(f.inodesPerGroup) + 7) / 8
	if gr.flags&groupInodeUninit != 0 {
		return make([]byte, size), nil
	}
	if gr.bad || gr.inodeBitmap == 0 {
		return nil, &filesystem.CorruptError{Structure: "inode bitmap", Offset: -1, Reason: fmt.Sprintf("of group %d: its place is not known", g)}
	}
	buf := make([]byte, size)
	if err := f.readBlock("inode bitmap", gr.inodeBitmap, 0, buf); err != nil {
		return nil, err
	}
	return buf, f.checkBitmap("inode bitmap", g, gr.inodeBitmap, buf, gr.inodeBitmapCsum)
}

func (f *FS) checkBitmap(structure string, g int, block uint64, buf []byte, want uint32) error {
	if !f.metadataCsum() || want == 0 {
		return nil
	}
	crc := crc32c(f.seed, buf)
	if f.descSize < 64 {
		crc &= 0xffff
	}
	if crc != want {
		return &filesystem.CorruptError{Structure: structure, Offset: int64(block) * f.blockSize, Reason: fmt.Sprintf("of group %d: checksum mismatch", g)}
	}
	return nil
}

// blockBitmap returns the block bitmap of a group, a bit for each cluster.
func (f *FS) blockBitmap(g int) ([]byte, error) {
	gr := &f.groups[g]
	clusters := f.blocksPerGroup / f.clusterBlocks
	buf := make([]byte, (clusters+7)/8)
	if gr.flags&groupBlockUninit != 0 {
		start := f.groupStart(uint64(g))
		for _, m := range f.metadataFrom(start) {
			if m.from >= start+f.blocksPerGroup {
				break
			}
			from, to := max(m.from, start), min(m.to, start+f.blocksPerGroup)
			for b := from; b < to; b++ {
				c := (b - start) / f.clusterBlocks
				buf[c/8] |= 1 << (c % 8)
			}
		}
		return buf, nil
	}
	if gr.bad || gr.blockBitmap == 0 {
		return nil, &filesystem.CorruptError{Structure: "block bitmap", Offset: -1, Reason: fmt.Sprintf("of group %d: its place is not known", g)}
	}
	if err := f.readBlock("block bitmap", gr.blockBitmap, 0, buf); err != nil {
		return nil, err
	}
	return buf, f.checkBitmap("block bitmap", g, gr.blockBitmap, buf, gr.blockBitmapCsum)
}

// metadata lists the blocks that the groups' own structures take, sorted.
func (f *FS) metadata() []blockRange {
	f.metaOnce.Do(func() {
		tableBlocks := (uint64(f.inodesPerGroup)*uint64(f.inodeSize) + uint64(f.blockSize) - 1) / uint64(f.blockSize)
		perBlock := uint64(f.blockSize) / uint64(f.descSize)
		descBlocks := (f.groupCount() + perBlock - 1) / perBlock
		plain := descBlocks // blocks of descriptors behind each copy of the superblock
		if f.incompat(incompatMetaBG) {
			plain = min(plain, uint64(f.sb.firstMetaBG()))
		}
		plain += uint64(f.sb.reservedGDTBlocks())
		for g := range f.groups {
			start := f.groupStart(uint64(g))
			if f.hasSuper(uint64(g)) {
				f.meta = append(f.meta, blockRange{start, start + 1 + plain})
			}
			if f.incompat(incompatMetaBG) {
				if i := uint64(g) / perBlock; i >= uint64(f.sb.firstMetaBG()) {
					if k := uint64(g) % perBlock; k <= 1 || k == perBlock-1 {
						b := start
						if f.hasSuper(uint64(g)) {
							b++
						}
						f.meta = append(f.meta, blockRange{b, b + 1})
					}
				}
			}
			gr := &f.groups[g]
			if gr.bad {
				continue
			}
			f.meta = append(f.meta, blockRange{gr.inodeTable, gr.inodeTable + tableBlocks})
			for _, b := range []uint64{gr.blockBitmap, gr.inodeBitmap} {
				if b != 0 {
					f.meta = append(f.meta, blockRange{b, b + 1})
				}
			}
		}
		for _, m := range f.meta {
			f.metaLongest = max(f.metaLongest, m.to-m.from)
		}
		slices.SortFunc(f.meta, func(a, b blockRange) int {
			switch {
			case a.from < b.from:
				return -1
			case a.from > b.from:
				return 1
			}
			return 0
		})
	})
	return f.meta
}

// metadataFrom is the part of metadata whose ranges may reach to block b or
// beyond.
func (f *FS) metadataFrom(b uint64) []blockRange {
	meta := f.metadata()
	i, _ := slices.BinarySearchFunc(meta, b, func(m blockRange, b uint64) int {
		if m.from+f.metaLongest <= b {
			return -1
		}
		return 1
	})
	return meta[i:]
}

// readOrphans follows the list that begins in the superblock and reads the
// orphan file. Both are bounded by what they name.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#orphan-file
func (f *FS) readOrphans() {
	f.orphans = map[uint32]bool{}
	for n := f.sb.lastOrphan(); n != 0 && n <= f.inodes && !f.orphans[n] && len(f.orphans) < 1<<20; {
		raw, _, err := f.rawInode(n)
		if err != nil {
			f.damage(err)
			break
		}
		f.orphans[n] = true
		n = raw.dtime()
	}
	if !f.compat(compatOrphanFile) || f.sb.orphanFileInum() == 0 {
		return
	}
	in, err := f.Inode(filesystem.Inum(f.sb.orphanFileInum()))
	if err != nil {
		f.damage(err)
		return
	}
	c, err := f.Content(in)
	if err != nil {
		f.damage(err)
	}
	if c == nil {
		return
	}
	buf := make([]byte, f.blockSize)
	for at := int64(0); at+f.blockSize <= min(c.Size(), 64<<20); at += f.blockSize {
		if _, err := c.ReadAt(buf, at); err != nil {
			f.damage(err)
			continue
		}
		if le.Uint32(buf[f.blockSize-8:]) != orphanMagic {
			f.damage(&filesystem.CorruptError{Structure: "orphan file", Offset: -1, Inum: in.Inum, Reason: fmt.Sprintf("block %d has no magic number", at/f.blockSize)})
			continue
		}
		for i := int64(0); i < f.blockSize-8; i += 4 {
			if n := le.Uint32(buf[i:]); n != 0 && n <= f.inodes {
				f.orphans[n] = true
			}
		}
	}
}
