package ext4

import (
	"deadbox/fs/filesystem"
)

// maxLogical is one more than the last logical block that a file can have.
const maxLogical = 1 << 32

// mapExtents reads the extent tree of an inode. A node that cannot be read
// or understood costs the range that its parent gives it, no more. The depth must
// go down by one at each level and no block may serve twice, so that the walk
// ends.
func (f *FS) mapExtents(b *runBuilder, raw rawInode) {
	w := extentWalk{f: f, b: b, seed: f.inodeSeed(uint32(b.n), raw.generation())}
	w.node(rawExtents(raw.block()), -1, -1, 0, maxLogical)
}

type extentWalk struct {
	f    *FS
	b    *runBuilder
	seed uint32
	seen map[uint64]bool
}

// node reads one node that stands for the logical blocks from "from" to
// "to". depth is what its header must say; -1 for the root, which may say
// anything up to extentMaxDepth. offset is the node's place; -1 for the root.
func (w *extentWalk) node(h rawExtents, offset int64, depth int, from, to uint64) {
	fail := func(format string, args ...any) {
		w.b.fail("extent node", offset, format, args...)
		w.lost(from, to)
	}
	n := int(h.entries())
	room := len(h)/extentSize - 1
	switch {
	case h.magic() != extentMagic:
		if offset < 0 && allZero(h) {
			return // a freed inode, or one that never had a block
		}
		fail("magic number is %#04x, not %#04x", h.magic(), extentMagic)
		return
	case depth >= 0 && int(h.depth()) != depth:
		fail("depth is %d, not %d", h.depth(), depth)
		return
	case h.depth() > extentMaxDepth:
		fail("depth is %d, more than %d", h.depth(), extentMaxDepth)
		return
	case n > room || n > int(h.max()):
		w.b.fail("extent node", offset, "%d entries with room for %d", n, min(room, int(h.max())))
		n = min(n, room)
	}
	for i := range n {
		start := uint64(h.logical(i))
		end := to
		if i+1 < n {
			end = min(uint64(h.logical(i+1)), to)
		}
		if start < from || start >= to || end <= start || int64(start)*w.f.blockSize < w.b.next {
			w.b.fail("extent node", offset, "entry %d begins at logical block %d, out of order", i, start)
			continue
		}
		if h.depth() == 0 {
			w.leaf(h, i, offset, start, end)
			continue
		}
		w.child(h.child(i), offset, int(h.depth())-1, start, end)
	}
}

func (w *extentWalk) leaf(h rawExtents, i int, offset int64, start, end uint64) {
	count, kind := uint64(h.length(i)), filesystem.Data
	if count > unwrittenBase {
		count, kind = count-unwrittenBase, filesystem.Unwritten
	}
	if count == 0 {
		w.b.fail("extent node", offset, "entry %d has no blocks", i)
		return
	}
	if start+count > end {
		w.b.fail("extent node", offset, "entry %d reaches over the next one", i)
		count = end - start
	}
	if !w.f.inside(h.physical(i), count) {
		w.b.fail("extent node", offset, "entry %d points to blocks %d to %d of %d", i, h.physical(i), h.physical(i)+count-1, w.f.blocks)
		kind = filesystem.Lost
	}
	w.b.add(start, h.physical(i), count, kind)
}

func (w *extentWalk) child(block uint64, parent int64, depth int, from, to uint64) {
	if !w.f.inside(block, 1) {
		w.b.fail("extent node", parent, "child at block %d lies outside of the file system", block)
		w.lost(from, to)
		return
	}
	if w.seen == nil {
		w.seen = map[uint64]bool{}
	}
	if w.seen[block] {
		w.b.fail("extent node", parent, "block %d serves twice", block)
		w.lost(from, to)
		return
	}
	w.seen[block] = true
	w.b.read++
	buf := make([]byte, w.f.blockSize)
	if err := w.f.readBlockOn(w.b.r, "extent node", block, w.b.n, buf); err != nil {
		if w.b.err == nil {
			w.b.err = err
		}
		w.lost(from, to)
		return
	}
	at := int64(block) * w.f.blockSize
	h := rawExtents(buf)
	if tail := extentSize * (1 + int(h.max())); w.f.metadataCsum() && h.magic() == extentMagic && tail+4 <= len(buf) {
		if crc32c(w.seed, buf[:tail]) != le.Uint32(buf[tail:]) {
			w.b.fail("extent node", at, "checksum mismatch")
		}
	}
	w.node(h, at, depth, from, to)
}

// lost marks a range whose mapping is not known.
func (w *extentWalk) lost(from, to uint64) {
	if to > from && int64(from)*w.f.blockSize >= w.b.next {
		w.b.add(from, 0, to-from, filesystem.Lost)
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
