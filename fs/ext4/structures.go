package ext4

import (
	"iter"

	"deadbox/fs/filesystem"
)

// Structures yields the ranges of the file system's own structures with their
// names: superblocks, group descriptors and the blocks reserved for more of them, bitmaps,
// inode tables. Groups whose descriptors are damaged are left out.
// https://docs.kernel.org/filesystems/ext4/blockgroup.html
func (f *FS) Structures() iter.Seq2[string, filesystem.Extent] {
	return func(yield func(string, filesystem.Extent) bool) {
		perBlock := uint64(f.blockSize) / uint64(f.descSize)
		descBlocks := (f.groupCount() + perBlock - 1) / perBlock
		meta := f.incompat(incompatMetaBG)
		if meta {
			descBlocks = min(descBlocks, uint64(f.sb.firstMetaBG()))
		}
		tableBlocks := (uint64(f.inodesPerGroup)*uint64(f.inodeSize) + uint64(f.blockSize) - 1) / uint64(f.blockSize)
		run := func(name string, block, count uint64) bool {
			if count == 0 || block >= f.blocks {
				return true
			}
			count = min(count, f.blocks-block)
			return yield(name, filesystem.Extent{Offset: int64(block) * f.blockSize, Length: int64(count) * f.blockSize})
		}
		if f.firstBlock > 0 && !run("boot block", 0, f.firstBlock) {
			return
		}
		for g := range f.groups {
			start := f.groupStart(uint64(g))
			next := start
			if f.hasSuper(uint64(g)) {
				if !run("superblock", next, 1) ||
					!run("group descriptors", next+1, descBlocks) ||
					!run("reserved group descriptors", next+1+descBlocks, uint64(f.sb.reservedGDTBlocks())) {
					return
				}
				next++
			}
			if i, k := uint64(g)/perBlock, uint64(g)%perBlock; meta && i >= uint64(f.sb.firstMetaBG()) && (k <= 1 || k == perBlock-1) && !run("group descriptors", next, 1) {
				return
			}
			gr := &f.groups[g]
			if gr.bad {
				continue
			}
			if gr.blockBitmap != 0 && !run("block bitmap", gr.blockBitmap, 1) ||
				gr.inodeBitmap != 0 && !run("inode bitmap", gr.inodeBitmap, 1) ||
				gr.inodeTable != 0 && !run("inode table", gr.inodeTable, tableBlocks) {
				return
			}
		}
	}
}
