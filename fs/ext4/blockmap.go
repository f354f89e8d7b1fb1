package ext4

import (
	"deadbox/fs/filesystem"
)

const (
	directBlocks   = 12
	indirectLevels = 3
)

// mapIndirect reads the block map of ext2 and ext3: twelve direct blocks,
// then a single, a double and a triple indirect one. A zero is a hole.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#direct-indirect-block-addressing
func (f *FS) mapIndirect(b *runBuilder, raw rawInode) {
	w := indirectWalk{f: f, b: b, perBlock: uint64(f.blockSize) / 4}
	block := raw.block()
	for i := range uint64(directBlocks) {
		w.data(i, le.Uint32(block[4*i:]), -1)
	}
	at, span := uint64(directBlocks), w.perBlock
	for level := range indirectLevels {
		w.indirect(le.Uint32(block[4*(directBlocks+level):]), level, at, -1)
		at += span
		if at >= maxLogical {
			break
		}
		span *= w.perBlock
	}
}

type indirectWalk struct {
	f        *FS
	b        *runBuilder
	perBlock uint64
	seen     map[uint32]bool
}

func (w *indirectWalk) data(logical uint64, block uint32, parent int64) {
	switch {
	case block == 0 || logical >= maxLogical:
	case !w.f.inside(uint64(block), 1):
		w.b.fail("block map", parent, "logical block %d points to block %d of %d", logical, block, w.f.blocks)
		w.b.add(logical, 0, 1, filesystem.Lost)
	default:
		w.b.add(logical, uint64(block), 1, filesystem.Data)
	}
}

// indirect reads a block of pointers; level 0 points to data. Logical blocks
// begin at "at".
func (w *indirectWalk) indirect(block uint32, level int, at uint64, parent int64) {
	if block == 0 || at >= maxLogical {
		return
	}
	span := uint64(1)
	for range level {
		span *= w.perBlock
	}
	lost := func() { w.b.add(at, 0, min(span*w.perBlock, maxLogical-at), filesystem.Lost) }
	if !w.f.inside(uint64(block), 1) {
		w.b.fail("indirect block", parent, "block %d lies outside of the file system", block)
		lost()
		return
	}
	if w.seen == nil {
		w.seen = map[uint32]bool{}
	}
	if w.seen[block] {
		w.b.fail("indirect block", parent, "block %d serves twice", block)
		lost()
		return
	}
	w.seen[block] = true
	w.b.read++
	buf := make([]byte, w.f.blockSize)
	if err := w.f.readBlockOn(w.b.r, "indirect block", uint64(block), w.b.n, buf); err != nil {
		if w.b.err == nil {
			w.b.err = err
		}
		lost()
		return
	}
	offset := int64(block) * w.f.blockSize
	for i := range w.perBlock {
		p := le.Uint32(buf[4*i:])
		if p == 0 {
			continue
		}
		if level == 0 {
			w.data(at+i, p, offset)
		} else {
			w.indirect(p, level-1, at+i*span, offset)
		}
	}
}
