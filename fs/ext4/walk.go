package ext4

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"deadbox/fs/filesystem"
	"deadbox/internal/inorder"
)

// chunkBytes is how much of an inode table is read at once, runBytes how
// much of the directories' blocks; runGap is the distance that is read over rather
// than skipped.
const (
	chunkBytes = 1 << 20
	runBytes   = 1 << 20
	runGap     = 64 << 10
)

// tableChunk is a part of one group's inode table.
type tableChunk struct {
	group int
	from  uint32 // index in the table
	count uint32
	tail  bool // the descriptor says that it was never used
}

// tableChunks divides all inode tables, those left out whose descriptor says
// that no inode was ever used. Where it says so of the end of a table, inodes that
// the bitmap calls allocated there are read all the same.
func (f *FS) tableChunks() []tableChunk {
	per := uint32(max(chunkBytes/f.inodeSize, 1))
	var out []tableChunk
	for g := range f.groups {
		gr := &f.groups[g]
		if gr.bad || gr.flags&groupInodeUninit != 0 {
			continue
		}
		first := uint64(g) * uint64(f.inodesPerGroup)
		total := uint32(min(uint64(f.inodes)-min(first, uint64(f.inodes)), uint64(f.inodesPerGroup)))
		used := min(f.inodesPerGroup-gr.unused, total)
		for at := uint32(0); at < used; at += per {
			out = append(out, tableChunk{group: g, from: at, count: min(per, used-at)})
		}
		for at := used; at < total; at += per {
			out = append(out, tableChunk{group: g, from: at, count: min(per, total-at), tail: true})
		}
	}
	return out
}

// tablePart is a chunk that was read.
type tablePart struct {
	buf    []byte
	bitmap []byte // of the whole group; nil if it could not be read
	tail   bool   // only allocated inodes count
	first  uint32 // number of the first inode
	offset int64
	bad    []badRange // parts of buf that could not be read
	errs   []error
	inodes []filesystem.Inode

	scratch []byte
}

type badRange struct{ from, to int }

// readChunk fills part with a chunk. Where the disk cannot be read it tries
// block by block, so that a bad sector costs its own inodes only.
func (f *FS) readChunk(c tableChunk, part *tablePart) {
	part.bad, part.errs, part.inodes = part.bad[:0], part.errs[:0], part.inodes[:0]
	part.tail = c.tail
	part.first = uint32(c.group)*f.inodesPerGroup + c.from + 1
	part.offset = int64(f.groups[c.group].inodeTable)*f.blockSize + int64(c.from)*int64(f.inodeSize)
	bitmap, err := f.inodeBitmap(c.group)
	part.bitmap = bitmap
	if err != nil && c.from == 0 {
		part.errs = append(part.errs, err)
	}
	if c.tail {
		for ; c.count > 0; c.count-- {
			if i := c.from + c.count - 1; bitmap != nil && bitmap[i/8]>>(i%8)&1 != 0 {
				break
			}
		}
	}
	size := int(c.count) * f.inodeSize
	part.buf = slices.Grow(part.buf[:0], size)[:size]
	if size == 0 {
		return
	}
	if part.offset >= f.size {
		part.bad = append(part.bad, badRange{0, size})
		part.errs = append(part.errs, &filesystem.ReadError{Structure: "inode table", Offset: part.offset, Length: int64(size), Err: io.ErrUnexpectedEOF})
		return
	}
	if got, err := f.r.ReadAt(part.buf, part.offset); got < size {
		clear(part.buf[got:])
		unit := max(int(min(f.blockSize, 4096)), f.inodeSize)
		bad := badRange{from: -1}
		flush := func(to int) {
			if bad.from >= 0 {
				part.bad = append(part.bad, badRange{bad.from, to})
				part.errs = append(part.errs, &filesystem.ReadError{Structure: "inode table", Offset: part.offset + int64(bad.from), Length: int64(to - bad.from), Err: unexpected(err)})
				bad.from = -1
			}
		}
		for at := got - got%unit; at < size; at += unit {
			end := min(at+unit, size)
			if n, _ := f.r.ReadAt(part.buf[at:end], part.offset+int64(at)); n < end-at {
				clear(part.buf[at+n : end])
				if bad.from < 0 {
					bad.from = at + n - n%f.inodeSize
				}
			} else {
				flush(at)
			}
		}
		flush(size)
	}
}

// each calls fn for every inode of the part that holds anything.
func (p *tablePart) each(f *FS, fn func(n uint32, raw rawInode, offset int64, allocated bool)) {
	bad := p.bad
	base := (p.first - 1) % f.inodesPerGroup
	for at := 0; at < len(p.buf); at += f.inodeSize {
		if len(bad) > 0 && at >= bad[0].from {
			if at < bad[0].to {
				continue
			}
			bad = bad[1:]
		}
		i := uint32(at / f.inodeSize)
		n := p.first + i
		allocated := p.bitmap == nil || p.bitmap[(base+i)/8]>>((base+i)%8)&1 != 0
		raw := rawInode(p.buf[at : at+f.inodeSize])
		if p.tail && !allocated || unused(raw) && (!allocated || n < f.firstInode() || p.bitmap == nil) {
			continue
		}
		fn(n, raw, p.offset+int64(at), allocated)
	}
}

func (f *FS) firstInode() uint32 {
	if f.sb.revLevel() == 0 {
		return 11
	}
	return f.sb.firstIno()
}

// unused reports whether an inode's first 128 bytes hold nothing but, at the
// most, a checksum and a generation.
func unused(raw rawInode) bool {
	var v uint64
	for i := 0; i < 0x60; i += 8 {
		v |= le.Uint64(raw[i:])
	}
	return v|uint64(le.Uint32(raw[0x60:])) == 0
}

// Inodes yields every inode that holds anything, in the order of the tables.
func (f *FS) Inodes(ctx context.Context) iter.Seq2[*filesystem.Inode, error] {
	return func(yield func(*filesystem.Inode, error) bool) {
		chunks := f.tableChunks()
		parts := inorder.Run(ctx, len(chunks), func(i int, part *tablePart) { f.parseChunk(chunks[i], part) })
		for _, part := range parts {
			for _, err := range part.errs {
				if !yield(nil, err) {
					return
				}
			}
			for i := range part.inodes {
				if !yield(&part.inodes[i], nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// parseChunk reads a chunk and decodes its inodes.
func (f *FS) parseChunk(c tableChunk, part *tablePart) {
	f.readChunk(c, part)
	part.each(f, func(n uint32, raw rawInode, offset int64, allocated bool) {
		in := part.inode(f, n, raw, offset, allocated)
		if allocated && f.metadataCsum() && !f.inodeChecksumOK(n, raw, &part.scratch) {
			part.errs = append(part.errs, &filesystem.CorruptError{Structure: "inode", Offset: offset, Inum: in.Inum, Reason: "checksum mismatch"})
		}
	})
}

// inode appends an inode to those of the part.
func (p *tablePart) inode(f *FS, n uint32, raw rawInode, offset int64, allocated bool) *filesystem.Inode {
	p.inodes = append(p.inodes, filesystem.Inode{})
	in := &p.inodes[len(p.inodes)-1]
	f.parseInode(n, raw, offset, in)
	in.Allocated = allocated
	return in
}

// Batches calls work on several goroutines, each time with the inodes of one
// chunk of a table, and yields what it left in its buffer in the order of the
// disk, after the damage that was met there.
func (f *FS) Batches(ctx context.Context, work func(inodes []filesystem.Inode, buf []byte) []byte) iter.Seq2[[]byte, error] {
	type batch struct {
		part tablePart
		out  []byte
	}
	return func(yield func([]byte, error) bool) {
		chunks := f.tableChunks()
		batches := inorder.Run(ctx, len(chunks), func(i int, b *batch) {
			f.parseChunk(chunks[i], &b.part)
			b.out = work(b.part.inodes, b.out[:0])
		})
		for _, b := range batches {
			for _, err := range b.part.errs {
				if !yield(nil, err) {
					return
				}
			}
			if len(b.out) > 0 && !yield(b.out, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// Directory yields the entries of one directory, deleted ones included, block
// by block. Entry.Name is valid until the next iteration.
func (f *FS) Directory(ctx context.Context, dir *filesystem.Inode) iter.Seq2[filesystem.Entry, error] {
	return func(yield func(filesystem.Entry, error) bool) {
		if dir.Mode.Type() != filesystem.Directory {
			yield(filesystem.Entry{}, fmt.Errorf("inode %d is a %s, not a directory", dir.Inum, dir.Mode.Type()))
			return
		}
		f.readDir(dir, func(e filesystem.Entry, err error) bool {
			if ctx.Err() != nil {
				yield(filesystem.Entry{}, ctx.Err())
				return false
			}
			return yield(e, err)
		})
	}
}

// dirBlock is one block of a directory.
type dirBlock struct {
	offset  int64
	logical int64
	dir     uint32 // index in the list of directories
	hidden  bool   // the kernel does not look there
}

// Entries yields every directory entry. It reads the inode tables once to
// learn where the directories lie, then their blocks in the order of the disk.
func (f *FS) Entries(ctx context.Context) iter.Seq2[filesystem.Entry, error] {
	return func(yield func(filesystem.Entry, error) bool) {
		dirs, blocks, ok := f.findDirs(ctx, yield)
		if !ok {
			return
		}
		slices.SortFunc(blocks, func(a, b dirBlock) int {
			switch {
			case a.offset < b.offset:
				return -1
			case a.offset > b.offset:
				return 1
			}
			return int(a.dir) - int(b.dir)
		})
		runs := f.dirRuns(blocks)
		parts := inorder.Run(ctx, len(runs), func(i int, p *entryPart) { f.readEntries(p, dirs, blocks, runs[i]) })
		for _, p := range parts {
			for i := range p.items {
				if !yield(p.items[i].entry, p.items[i].err) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(filesystem.Entry{}, err)
		}
	}
}

// entryPart is what one read of directory blocks gave, in order.
type entryPart struct {
	buf   []byte
	items []entryItem
}

type entryItem struct {
	entry filesystem.Entry
	err   error
}

func (f *FS) readEntries(p *entryPart, dirs []dirInfo, blocks []dirBlock, run badRange) {
	from := blocks[run.from].offset
	size := int(blocks[run.to-1].offset + f.blockSize - from)
	p.buf, p.items = slices.Grow(p.buf[:0], size)[:size], p.items[:0]
	got, _ := f.r.ReadAt(p.buf, from)
	add := func(e filesystem.Entry, err error) bool {
		p.items = append(p.items, entryItem{e, err})
		return true
	}
	for i := run.from; i < run.to; i++ {
		b := &blocks[i]
		dir := &dirs[b.dir]
		if b.hidden {
			d := *dir
			d.allocated = false
			dir = &d
		}
		at := int(b.offset - from)
		buf := p.buf[at:][:f.blockSize]
		if at+len(buf) > got {
			if n, err := f.r.ReadAt(buf, b.offset); n < len(buf) {
				add(filesystem.Entry{}, &filesystem.ReadError{Structure: "directory block", Offset: b.offset, Length: f.blockSize, Inum: dir.n, Err: unexpected(err)})
				continue
			}
		}
		if i > 0 && blocks[i-1].offset == b.offset {
			add(filesystem.Entry{}, &filesystem.CorruptError{Structure: "directory block", Offset: b.offset, Inum: dir.n, Reason: fmt.Sprintf("the block is also one of directory %d", dirs[blocks[i-1].dir].n)})
		}
		dp := dirParser{f: f, dir: dir, buf: buf, offset: b.offset, yield: add}
		dp.block(b.logical)
	}
}

// maxDirBlocks bounds the memory for the list of directory blocks: at 4 KiB
// they hold a thousand million names.
const maxDirBlocks = 1 << 24

// findDirs reads the inode tables for directories, yields those that lie in
// their inode, and lists the blocks of the others.
func (f *FS) findDirs(ctx context.Context, yield func(filesystem.Entry, error) bool) (dirs []dirInfo, blocks []dirBlock, ok bool) {
	chunks := f.tableChunks()
	parts := inorder.Run(ctx, len(chunks), func(i int, part *tablePart) {
		f.readChunk(chunks[i], part)
		part.each(f, func(n uint32, raw rawInode, offset int64, allocated bool) {
			if filesystem.Mode(raw.mode()).Type() != filesystem.Directory {
				return
			}
			part.inode(f, n, raw, offset, allocated)
		})
	})
	spent := int64(0)
	for _, part := range parts {
		if len(part.errs) > 0 && len(part.bad) > 0 {
			for _, err := range part.errs {
				if !yield(filesystem.Entry{}, err) {
					return nil, nil, false
				}
			}
		}
		for k := range part.inodes {
			in := &part.inodes[k]
			dir := f.dirInfoOf(in)
			if in.Flags&filesystem.FlagInlineData != 0 && f.incompat(incompatInlineData) {
				if !f.inlineDir(in, &dir, yield) {
					return nil, nil, false
				}
				continue
			}
			// No block maps two files: whoever reads more blocks than there are is led
			// in circles.
			if spent > f.size/f.blockSize {
				return dirs, blocks, yield(filesystem.Entry{}, &filesystem.CorruptError{Structure: "directory", Offset: in.Offset, Inum: in.Inum, Reason: "the maps of the directories before take more blocks than there are; the rest is left out"})
			}
			c, err := f.mapContent(in)
			if err != nil && in.Allocated && !yield(filesystem.Entry{}, err) {
				return nil, nil, false
			}
			if c == nil {
				continue
			}
			spent += int64(c.read)
			id := uint32(len(dirs))
			dirs = append(dirs, dir)
			if blocks, ok = f.listDirBlocks(c, &dir, id, blocks, yield); !ok {
				return nil, nil, false
			}
		}
	}
	if err := ctx.Err(); err != nil {
		yield(filesystem.Entry{}, err)
		return nil, nil, false
	}
	return dirs, blocks, true
}

// listDirBlocks appends the blocks of one directory to blocks. What lies past
// the directory's size, or in an extent that says that it was never written, is
// not listed by the kernel but may well hold names: it counts as deleted.
func (f *FS) listDirBlocks(c *content, dir *dirInfo, id uint32, blocks []dirBlock, yield func(filesystem.Entry, error) bool) ([]dirBlock, bool) {
	damage := func(format string, args ...any) bool {
		return !dir.allocated || yield(filesystem.Entry{}, &filesystem.CorruptError{Structure: "directory", Offset: -1, Inum: dir.n, Reason: fmt.Sprintf(format, args...)})
	}
	told := false
	for _, run := range c.runs {
		if run.Kind == filesystem.Hole && run.Logical < c.size && dir.allocated && !yield(filesystem.Entry{}, f.dirHole(dir, run.Logical)) {
			return blocks, false
		}
		if run.Kind != filesystem.Data && run.Kind != filesystem.Unwritten {
			continue
		}
		if run.Kind == filesystem.Unwritten && !damage("the extent at byte %d is marked as never written", run.Logical) {
			return blocks, false
		}
		for k := int64(0); k < run.Length; k += f.blockSize {
			b := dirBlock{offset: run.Offset + k, logical: run.Logical + k, dir: id}
			b.hidden = b.logical >= c.size || run.Kind == filesystem.Unwritten
			if b.logical >= c.size && !told {
				told = true
				if !damage("it has blocks at byte %d, its size is %d", b.logical, c.size) {
					return blocks, false
				}
			}
			if !dir.allocated && !f.blockFree(uint64(b.offset/f.blockSize)) {
				continue // the block is another file's now
			}
			if b.offset+f.blockSize > f.size {
				if dir.allocated && !yield(filesystem.Entry{}, &filesystem.ReadError{Structure: "directory block", Offset: b.offset, Length: run.Length - k, Inum: dir.n, Err: io.ErrUnexpectedEOF}) {
					return blocks, false
				}
				break
			}
			if int64(len(blocks)) >= min(maxDirBlocks, f.size/f.blockSize) {
				return blocks, yield(filesystem.Entry{}, &filesystem.CorruptError{Structure: "directory", Offset: -1, Inum: dir.n, Reason: "too many directory blocks; the rest is left out"})
			}
			blocks = append(blocks, b)
		}
	}
	return blocks, true
}

// dirRuns groups sorted blocks into reads.
func (f *FS) dirRuns(blocks []dirBlock) []badRange {
	var runs []badRange
	for i := 0; i < len(blocks); {
		j := i + 1
		for j < len(blocks) && blocks[j].offset-blocks[j-1].offset <= f.blockSize+runGap && blocks[j].offset+f.blockSize-blocks[i].offset <= max(runBytes, f.blockSize) {
			j++
		}
		runs = append(runs, badRange{i, j})
		i = j
	}
	return runs
}

// blockFree reads one bit of a block bitmap; a block whose bitmap cannot be
// read is not free.
func (f *FS) blockFree(b uint64) bool {
	if b < f.firstBlock {
		return false
	}
	g, i := (b-f.firstBlock)/f.blocksPerGroup, (b-f.firstBlock)%f.blocksPerGroup/f.clusterBlocks
	if g >= uint64(len(f.groups)) {
		return false
	}
	gr := &f.groups[g]
	if gr.flags&groupBlockUninit != 0 {
		for _, m := range f.metadataFrom(b) {
			if m.from > b {
				break
			}
			if b < m.to {
				return false
			}
		}
		return true
	}
	if gr.bad || gr.blockBitmap == 0 {
		return false
	}
	var v [1]byte
	if got, _ := f.r.ReadAt(v[:], int64(gr.blockBitmap)*f.blockSize+int64(i/8)); got < 1 {
		return false
	}
	return v[0]>>(i%8)&1 == 0
}

// Unallocated yields the runs of blocks that the block bitmaps call free.
func (f *FS) Unallocated(ctx context.Context) iter.Seq2[filesystem.Extent, error] {
	return func(yield func(filesystem.Extent, error) bool) {
		var run blockRange
		flush := func() bool {
			if run.to == run.from {
				return true
			}
			e := filesystem.Extent{Offset: int64(run.from) * f.blockSize, Length: int64(run.to-run.from) * f.blockSize}
			run = blockRange{}
			return yield(e, nil)
		}
		for g := range f.groups {
			if err := ctx.Err(); err != nil {
				yield(filesystem.Extent{}, err)
				return
			}
			bitmap, err := f.blockBitmap(g)
			if err != nil && !yield(filesystem.Extent{}, err) {
				return
			}
			if bitmap == nil {
				continue
			}
			start := f.groupStart(uint64(g))
			end := min(start+f.blocksPerGroup, f.blocks)
			for b := start; b < end; {
				c := (b - start) / f.clusterBlocks
				if c%8 == 0 && bitmap[c/8] == 0xff {
					b += 8 * f.clusterBlocks
					continue
				}
				next := min(start+(c+1)*f.clusterBlocks, end)
				if bitmap[c/8]>>(c%8)&1 == 0 {
					if run.to != b || run.to == run.from {
						if !flush() {
							return
						}
						run.from = b
					}
					run.to = next
				}
				b = next
			}
		}
		flush()
	}
}
