package volume

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync"
)

// rawThin is struct thin_disk_superblock of drivers/md/dm-thin-metadata.c in
// Linux: block 0 of a thin pool's metadata; little-endian. Blocks of metadata
// have 4096 bytes.
type rawThin []byte

func (b rawThin) sum() uint32         { return le.Uint32(b[0:]) }
func (b rawThin) magic() uint64       { return le.Uint64(b[32:]) }
func (b rawThin) version() uint32     { return le.Uint32(b[40:]) }
func (b rawThin) mappingRoot() uint64 { return le.Uint64(b[320:]) } // of the tree of devices
func (b rawThin) dataBlock() uint32   { return le.Uint32(b[336:]) } // sectors
func (b rawThin) features() uint32    { return le.Uint32(b[360:]) } // incompatible

// rawNode is struct btree_node of persistent-data/dm-btree-internal.h: keys,
// and as many values, both of 64 bits here.
type rawNode []byte

func (b rawNode) sum() uint32        { return le.Uint32(b[0:]) }
func (b rawNode) flags() uint32      { return le.Uint32(b[4:]) } // 1: values are blocks of nodes; 2: a leaf
func (b rawNode) number() uint64     { return le.Uint64(b[8:]) } // its own block
func (b rawNode) entries() int       { return int(le.Uint32(b[16:])) }
func (b rawNode) room() int          { return int(le.Uint32(b[20:])) }
func (b rawNode) valueSize() uint32  { return le.Uint32(b[24:]) }
func (b rawNode) key(i int) uint64   { return le.Uint64(b[32+8*i:]) }
func (b rawNode) value(i int) uint64 { return le.Uint64(b[32+8*b.room()+8*i:]) }
func (b rawNode) leaf() bool         { return b.flags()&2 != 0 }

// find is the last entry whose key is not above one; -1 if there is none.
func (b rawNode) find(key uint64) int {
	return sort.Search(b.entries(), func(i int) bool { return b.key(i) > key }) - 1
}

const (
	thinBlock   = 4096
	thinMagic   = 27022010
	superXOR    = 160774
	nodeXOR     = 121107
	maxThinDeep = 16
	maxNodes    = 2048 // that are kept in memory
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// dmSum is dm_bm_checksum of Linux.
func dmSum(b []byte, xor uint32) uint32 { return ^crc32.Checksum(b, castagnoli) ^ xor }

// thinTree reads the trees of a pool's metadata.
type thinTree struct {
	r    io.ReaderAt
	size int64

	mu    sync.Mutex
	nodes map[uint64]rawNode
}

// node reads a node.
func (t *thinTree) node(block uint64) (rawNode, error) {
	t.mu.Lock()
	n := t.nodes[block]
	t.mu.Unlock()
	if n != nil {
		return n, nil
	}
	if block == 0 || block >= uint64(t.size/thinBlock) {
		return nil, fmt.Errorf("the pool's metadata lead to block %d of %d", block, t.size/thinBlock)
	}
	n = make(rawNode, thinBlock)
	if m, err := t.r.ReadAt(n, int64(block)*thinBlock); m < len(n) {
		return nil, fmt.Errorf("block %d of the pool's metadata: %w", block, cmp.Or(err, io.ErrUnexpectedEOF))
	}
	switch {
	case dmSum(n[4:], nodeXOR) != n.sum():
		return nil, fmt.Errorf("block %d of the pool's metadata: the checksum is wrong", block)
	case n.number() != block || n.valueSize() != 8 || n.flags() != 1 && n.flags() != 2 || n.room() < 0 || n.room() > (thinBlock-32)/16 || n.entries() < 0 || n.entries() > n.room():
		return nil, fmt.Errorf("block %d of the pool's metadata is no node of its tree", block)
	}
	t.mu.Lock()
	if len(t.nodes) >= maxNodes {
		clear(t.nodes)
	}
	t.nodes[block] = n
	t.mu.Unlock()
	return n, nil
}

// get finds a key's value.
func (t *thinTree) get(root, key uint64) (value uint64, ok bool, err error) {
	for range maxThinDeep {
		n, err := t.node(root)
		if err != nil {
			return 0, false, err
		}
		i := n.find(key)
		switch {
		case i < 0:
			return 0, false, nil
		case n.leaf():
			return n.value(i), n.key(i) == key, nil
		}
		root = n.value(i)
	}
	return 0, false, errors.New("the tree of the pool's metadata is too deep")
}

// walk gives the entries from first to last in order, until yield says no. A
// node counts only if its keys lie where the node above says, so that
// no node is walked twice.
func (t *thinTree) walk(block uint64, first, last, low, high uint64, deep int, yield func(key, value uint64) bool) (more bool, err error) {
	if deep > maxThinDeep {
		return false, errors.New("the tree of the pool's metadata is too deep")
	}
	n, err := t.node(block)
	if err != nil {
		return false, err
	}
	if n.entries() == 0 && deep > 0 {
		return false, fmt.Errorf("block %d of the pool's metadata is empty", block)
	}
	for i := max(0, n.find(first)); i < n.entries(); i++ {
		k := n.key(i)
		end := high
		if i+1 < n.entries() {
			end = n.key(i+1) - 1
		}
		if k < low || k > high || end < k || end > high {
			return false, fmt.Errorf("block %d of the pool's metadata is out of order", block)
		}
		if k > last {
			return false, nil
		}
		if n.leaf() {
			if k >= first && !yield(k, n.value(i)) {
				return false, nil
			}
			continue
		}
		if more, err := t.walk(n.value(i), first, last, k, end, deep+1, yield); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// thinVolume is a volume whose blocks are mapped when they are first written.
type thinVolume struct {
	tree   *thinTree
	root   uint64
	block  int64
	data   device
	length int64
	origin device // an external one, that blocks without a mapping are read from; else nil
}

// thin maps a segment of a thin volume.
func (b *lvmBuilder) thin(s *lvmSegment, length int64) (device, error) {
	i, ok := b.g.byName[s.node.text("thin_pool")]
	if !ok || len(b.g.lvs[i].segments) == 0 {
		return nil, errors.New("its pool is not described")
	}
	pool := &b.g.lvs[i].segments[0]
	meta, data := b.named(pool.node.text("metadata")), b.named(pool.node.text("pool"))
	id, ok := s.node.number("device_id")
	if !ok || id < 0 {
		return nil, errors.New("it has no number in its pool")
	}
	tree := &thinTree{r: b.c.reader(meta), size: meta.size(), nodes: map[uint64]rawNode{}}
	super := make(rawThin, thinBlock)
	if n, err := tree.r.ReadAt(super, 0); n < len(super) {
		return nil, fmt.Errorf("the pool's metadata: %w", cmp.Or(err, io.ErrUnexpectedEOF))
	}
	block := sizeOf(uint64(super.dataBlock()), sectorSmall)
	switch {
	case super.magic() != thinMagic:
		return nil, errors.New("the pool's metadata do not begin with a superblock")
	case dmSum(super[4:], superXOR) != super.sum():
		return nil, errors.New("the checksum of the pool's superblock is wrong")
	case super.version() < 1 || super.version() > 2 || super.features() != 0:
		return nil, fmt.Errorf("the pool's metadata are of version %d with features %#x", super.version(), super.features())
	case block < 64<<10 || block > 1<<30:
		return nil, fmt.Errorf("the pool's blocks are of %d bytes", block)
	}
	root, ok, err := tree.get(super.mappingRoot(), uint64(id))
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("its pool does not know it (number %d)", id)
	}
	v := &thinVolume{tree: tree, root: root, block: block, data: data, length: length}
	if name := s.node.text("external_origin"); name != "" {
		v.origin = b.named(name)
	}
	return v, nil
}

func (v *thinVolume) size() int64 { return v.length }

// at gives where a byte stands, and how many follow it there; the device is nil
// where nothing was written.
func (v *thinVolume) at(off int64) (dev device, at, n int64, err error) {
	in := off % v.block
	n = min(v.block-in, v.length-off)
	value, ok, err := v.tree.get(v.root, uint64(off/v.block))
	switch {
	case err != nil:
		return nil, -1, n, err
	case !ok && v.origin != nil && off < v.origin.size():
		return v.origin, off, min(n, v.origin.size()-off), nil
	case !ok:
		return nil, -1, n, nil
	}
	at, ok = v.place(value)
	if !ok {
		return nil, -1, n, fmt.Errorf("block %d of the volume is mapped to block %d of the pool, which has %d bytes", off/v.block, value>>24, v.data.size())
	}
	return v.data, at + in, n, nil
}

// place turns a value of the tree into an offset in the pool: the block, and 24
// bits of the time of its snapshot.
func (v *thinVolume) place(value uint64) (int64, bool) {
	at := int64(value>>24) * v.block
	return at, value>>24 < uint64(v.data.size()/v.block)
}

func (v *thinVolume) readAt(disks []Disk, p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		dev, at, n, err := v.at(off + int64(done))
		if err != nil {
			return done, err
		}
		n = min(n, int64(len(p)-done))
		piece := p[done : done+int(n)]
		if dev == nil {
			clear(piece)
			done += len(piece)
			continue
		}
		m, err := dev.readAt(disks, piece, at)
		done += m
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (v *thinVolume) locate(off int64) spot {
	dev, at, n, _ := v.at(off)
	if dev == nil {
		return spot{-1, -1, n}
	}
	s := dev.locate(at)
	s.length = min(s.length, n)
	return s
}

// mapped gives the runs of blocks that stand in the pool one after the other.
func (v *thinVolume) mapped(off, n int64, yield func(off, at, n int64) bool) error {
	var from, at, length int64
	bad := error(nil)
	more := true
	flush := func() bool {
		if length > 0 {
			start, end := max(off, from), min(off+n, from+length)
			more = start >= end || yield(start, at+start-from, end-start)
		}
		length = 0
		return more
	}
	_, err := v.tree.walk(v.root, uint64(off/v.block), uint64((off+n-1)/v.block), 0, 1<<64-1, 0, func(key, value uint64) bool {
		to, ok := v.place(value)
		if !ok {
			bad = errors.New("a block is mapped past the end of the pool")
			return true
		}
		if length > 0 && from+length == int64(key)*v.block && at+length == to {
			length += v.block
			return true
		}
		if !flush() {
			return false
		}
		from, at, length = int64(key)*v.block, to, v.block
		return true
	})
	if more {
		flush()
	}
	return cmp.Or(err, bad)
}

func (v *thinVolume) extents(off, n int64, at piece, yield func(piece) bool) bool {
	if n <= 0 {
		return true
	}
	ok := true
	base := at.logical - off
	v.mapped(off, n, func(from, to, length int64) bool {
		at.logical = base + from
		ok = v.data.extents(to, length, at, yield)
		return ok
	})
	return ok
}

func (v *thinVolume) lost(off, n int64) int64 {
	if n <= 0 || v.data.lost(0, v.data.size()) == 0 {
		return 0
	}
	sum := int64(0)
	if err := v.mapped(off, n, func(_, at, length int64) bool {
		sum += v.data.lost(at, length)
		return true
	}); err != nil {
		return n
	}
	return sum
}
