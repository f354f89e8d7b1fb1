package ext4

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"deadbox/fs/filesystem"
)

// Option changes how Open reads a file system.
type Option func(*FS)

// NoReplay shows the disk as it is: what the journal holds is not laid over
// it, even if the file system needs recovery.
func NoReplay() Option { return func(f *FS) { f.noReplay = true } }

// WithJournal gives a device that an external journal may lie on. Of several,
// that with the journal's UUID is taken.
func WithJournal(r io.ReaderAt, size int64) Option {
	return func(f *FS) { f.journalDevs = append(f.journalDevs, journalDevice{r, size}) }
}

// journalDevice is a device that holds nothing but a journal.
type journalDevice struct {
	r    io.ReaderAt
	size int64
}

// IsJournal reports whether a device holds an external journal, as mke2fs -O
// journal_dev makes it.
func IsJournal(r io.ReaderAt) bool {
	sb, err := readSuper(r, superOffset)
	return err == nil && sb.revLevel() > 0 && sb.featureIncompat()&incompatJournalDev != 0
}

// Replay says what was laid over the disk.
type Replay struct {
	Transactions int    // committed, between the log's tail and its head
	First, Last  uint32 // their sequences
	Blocks       int    // of the file system that read as the journal has them
	Revoked      int    // copies left out because a revoke record forbids them
}

// Replay says what the journal holds that lies over the disk in all that is
// read. ok is false if the disk is shown as it is.
func (f *FS) Replay() (r Replay, ok bool) { return f.replay, f.overlaid != nil }

// overlay reads blocks of the file system from their copies in the journal.
type overlay struct {
	dev       io.ReaderAt
	j         *Journal
	blockSize int64
	blocks    []overlayBlock // sorted by block
}

type overlayBlock struct {
	block uint64
	pos   uint32
}

// ReadAt reads from the disk and puts the journal's copies over it.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.dev.ReadAt(p, off)
	if len(p) == 0 || off < 0 {
		return n, err
	}
	first := uint64(off / o.blockSize)
	end := off + int64(len(p))
	i := sort.Search(len(o.blocks), func(i int) bool { return o.blocks[i].block >= first })
	for ; i < len(o.blocks); i++ {
		b := &o.blocks[i]
		at := int64(b.block) * o.blockSize
		if at >= end {
			break
		}
		from, to := max(at, off), min(at+o.blockSize, end)
		if cerr := o.readPart(b.pos, from-at, p[from-off:to-off]); cerr != nil {
			return int(min(int64(n), from-off)), cerr
		}
		// A block that the disk could not give is whole now.
		if int64(n) >= from-off && int64(n) < to-off {
			n = int(to - off)
			if n < len(p) {
				more, rerr := o.dev.ReadAt(p[n:], off+int64(n))
				n, err = n+more, rerr
			} else {
				err = nil
			}
		}
	}
	return n, err
}

// readPart reads a part of a copy, "at" bytes from its start.
func (o *overlay) readPart(pos uint32, at int64, p []byte) error {
	offset, _ := o.j.place(pos)
	if got, err := o.j.r.ReadAt(p, offset+at); got < len(p) {
		return &filesystem.ReadError{Structure: "journal", Offset: offset + at, Length: int64(len(p)), Err: unexpected(err)}
	}
	if o.j.claims[pos].flags&claimEscaped != 0 && at < 4 {
		var magic [4]byte
		be.PutUint32(magic[:], journalMagic)
		copy(p, magic[at:])
	}
	return nil
}

// lay builds the overlay of what a mount would write to its place.
func (j *Journal) lay() (*overlay, Replay) {
	o := &overlay{dev: j.f.dev, j: j, blockSize: j.blockSize}
	var r Replay
	for i := range j.transactions {
		if t := &j.transactions[i]; t.Live {
			if r.Transactions++; r.Transactions == 1 {
				r.First = t.Sequence
			}
			r.Last = t.Sequence
		}
	}
	for i := 0; i < len(j.byBlock); {
		block := j.claims[j.byBlock[i]].block
		best, found := uint32(0), false
		for ; i < len(j.byBlock) && j.claims[j.byBlock[i]].block == block; i++ {
			c := &j.claims[j.byBlock[i]]
			if !j.transactions[c.transaction].Live {
				continue
			}
			if c.flags&claimRevoked != 0 {
				r.Revoked++
				continue
			}
			best, found = j.byBlock[i], true
		}
		if found {
			o.blocks = append(o.blocks, overlayBlock{block, best})
		}
	}
	r.Blocks = len(o.blocks)
	return o, r
}

// replayJournal lays the journal over the disk if the file system needs
// recovery, and takes the superblock over anew. It reports whether it did.
func (f *FS) replayJournal() bool {
	if !f.incompat(incompatRecover) || f.noReplay {
		return false
	}
	j, err := f.Journal()
	if err != nil {
		if !errors.Is(err, ErrNoJournal) {
			f.damage(err)
		}
		f.note("The file system was not cleanly unmounted (needs_recovery), and its journal cannot be read: %v. The tree is what lies on the disk.", err)
		f.replayTold = true
		return false
	}
	for _, err := range j.Damage() {
		f.damage(err)
	}
	o, r := j.lay()
	f.replayTold = true
	if j.info.Start == 0 {
		f.note("The file system was not cleanly unmounted (needs_recovery), but its journal holds nothing that is not on the disk.")
		return false
	}
	if r.Transactions == 0 {
		f.note("The file system was not cleanly unmounted (needs_recovery); its journal holds no committed transaction from its tail, sequence %d, on. The tree is what lies on the disk.", j.info.Sequence)
		return false
	}
	before := f.sb
	f.r = o
	sb, err := readSuper(f.r, superOffset)
	if err == nil {
		err = f.adopt(sb)
	}
	if err != nil {
		f.damage(fmt.Errorf("the superblock in the journal: %w", err))
		f.sb = before
	}
	f.overlaid, f.replay = o, r
	s := fmt.Sprintf("The file system was not cleanly unmounted (needs_recovery); its journal was replayed in memory, as a mount would do: %d transactions (sequence %d to %d), %d blocks.", r.Transactions, r.First, r.Last, r.Blocks)
	if r.Revoked > 0 {
		s += fmt.Sprintf(" Copies that a later transaction revoked: %d.", r.Revoked)
	}
	f.note("%s", s)
	live := 0
	for _, c := range j.FastCommits() {
		if c.Live {
			live++
		}
	}
	if live > 0 {
		f.note("The journal's fast commits hold %d further changes that a mount would carry out; they are not in the tree.", live)
	}
	return true
}

// BytesAt gives where the bytes that a read at an offset gives lie on the
// disk: in the journal, if a copy lies over the block; and how many of them follow
// there in one piece. Where the copy lies on another device the offset is -1.
func (f *FS) BytesAt(offset int64) (at, length int64) {
	if f.overlaid == nil || offset < 0 {
		return offset, max(f.size-offset, 0)
	}
	o := f.overlaid
	block := uint64(offset / f.blockSize)
	i := sort.Search(len(o.blocks), func(i int) bool { return o.blocks[i].block >= block })
	if i == len(o.blocks) || o.blocks[i].block != block {
		end := f.size
		if i < len(o.blocks) {
			end = min(end, int64(o.blocks[i].block)*f.blockSize)
		}
		return offset, max(end-offset, 0)
	}
	length = f.blockSize - offset%f.blockSize
	if o.j.info.External {
		return -1, length
	}
	at, _ = o.j.place(o.blocks[i].pos)
	return at + offset%f.blockSize, length
}

// asOf is an overlay of the latest copies up to one transaction.
func (j *Journal) asOf(sequence uint32) *overlay {
	o := &overlay{dev: j.f.r, j: j, blockSize: j.blockSize}
	limit := j.rank(sequence)
	for i := 0; i < len(j.byBlock); {
		block := j.claims[j.byBlock[i]].block
		found := false
		for ; i < len(j.byBlock) && j.claims[j.byBlock[i]].block == block; i++ {
			if c := &j.claims[j.byBlock[i]]; j.rank(j.transactions[c.transaction].Sequence) > limit {
				continue
			}
			if b := (overlayBlock{block, j.byBlock[i]}); !found {
				o.blocks, found = append(o.blocks, b), true
			} else {
				o.blocks[len(o.blocks)-1] = b
			}
		}
	}
	return o
}

// View reads a file system's metadata as of one transaction: every block from
// its latest copy up to that transaction, or else from the disk, which may hold
// it in a later state. It is safe for concurrent use.
type View struct {
	f        *FS
	view     *FS
	Sequence uint32
}

// AsOf gives the view of the file system as of a transaction.
func (j *Journal) AsOf(sequence uint32) *View {
	f := j.f
	v := &FS{
		r: j.asOf(sequence), dev: f.dev, size: f.size, sb: f.sb, blockSize: f.blockSize, blocks: f.blocks, firstBlock: f.firstBlock,
		blocksPerGroup: f.blocksPerGroup, clusterBlocks: f.clusterBlocks, inodes: f.inodes, inodesPerGroup: f.inodesPerGroup,
		inodeSize: f.inodeSize, descSize: f.descSize, seed: f.seed, groups: f.groups, orphans: f.orphans,
	}
	return &View{f: f, view: v, Sequence: sequence}
}

// Content maps the data of an inode that was decoded from a copy. Extent
// nodes and indirect blocks are read as of the view's transaction; the data itself
// is read from where it lay, and may have been overwritten since.
func (v *View) Content(in *filesystem.Inode) (filesystem.Content, error) {
	c, err := v.view.mapContentOn(v.view.r, in)
	if c == nil {
		return nil, err
	}
	c.f, c.r = v.f, v.f.r
	return c, err
}

// JournaledContent is Content, with the data read from the journal too where it
// holds a copy: of directories, and of files in data=journal mode. A copy may
// have been made when the block belonged to another file.
func (v *View) JournaledContent(in *filesystem.Inode) (filesystem.Content, error) {
	c, err := v.view.mapContentOn(v.view.r, in)
	if c == nil {
		return nil, err
	}
	return c, err
}

// Xattrs are the extended attributes of an inode that was decoded from a copy,
// with attribute blocks as of the view's transaction.
func (v *View) Xattrs(in *filesystem.Inode) ([]filesystem.Xattr, error) { return v.view.Xattrs(in) }

// Link is the target of a symbolic link that was decoded from a copy.
func (v *View) Link(in *filesystem.Inode) ([]byte, error) { return v.view.Link(in) }

// Inode reads an inode from its table as of the view's transaction. Allocated
// is as the inode bitmap says as of that transaction.
func (v *View) Inode(n filesystem.Inum) (*filesystem.Inode, error) { return v.view.Inode(n) }

// Free reports whether the block bitmap calls a block free as of the view's
// transaction.
func (v *View) Free(block int64) bool { return block >= 0 && v.view.blockFree(uint64(block)) }

// InodeState is one state of an inode in the journal.
type InodeState struct {
	Inode *filesystem.Inode // Offset is that of the copy, -1 for an external journal; Allocated says whether it is in use: it has a mode, and links or no time of deletion
	Copy  BlockCopy         // the first copy with this state
	Last  BlockCopy         // the last copy with this state
}

// InodeBlock gives the block of the file system that holds an inode, and where
// in the block the inode begins.
func (f *FS) InodeBlock(n filesystem.Inum) (block, at int64, err error) {
	if n > filesystem.Inum(f.inodes) {
		return 0, 0, &filesystem.CorruptError{Structure: "inode number", Offset: -1, Inum: n, Reason: fmt.Sprintf("outside of 1 to %d", f.inodes)}
	}
	off, err := f.inodeOffset(uint32(n))
	if err != nil {
		return 0, 0, err
	}
	return off / f.blockSize, off % f.blockSize, nil
}

// InodesOf gives the inodes whose table lies in a block: count of them from
// first on; count is 0 if the block is in no inode table.
func (f *FS) InodesOf(block int64) (first filesystem.Inum, count int) {
	perBlock := uint32(f.blockSize / int64(f.inodeSize))
	f.tableOnce.Do(func() {
		for g := range f.groups {
			if gr := &f.groups[g]; !gr.bad && gr.inodeTable > 0 {
				f.tables = append(f.tables, tableStart{gr.inodeTable, uint32(g)})
			}
		}
		slices.SortFunc(f.tables, func(a, b tableStart) int {
			if a.block != b.block {
				if a.block < b.block {
					return -1
				}
				return 1
			}
			return int(a.group) - int(b.group)
		})
	})
	if block < 0 || perBlock == 0 {
		return 0, 0
	}
	i := sort.Search(len(f.tables), func(i int) bool { return f.tables[i].block > uint64(block) }) - 1
	if i < 0 {
		return 0, 0
	}
	t := f.tables[i]
	from := (uint64(block) - t.block) * uint64(perBlock)
	if from >= uint64(f.inodesPerGroup) {
		return 0, 0
	}
	n := uint64(t.group)*uint64(f.inodesPerGroup) + from + 1
	if n > uint64(f.inodes) {
		return 0, 0
	}
	return filesystem.Inum(n), int(min(uint64(perBlock), uint64(f.inodesPerGroup)-from, uint64(f.inodes)-n+1))
}

// tableStart is where the inode table of a group begins.
type tableStart struct {
	block uint64
	group uint32
}

// DecodeInode decodes inode n from the bytes of a copy of its block. offset is
// that of the inode's bytes; -1 if they are not on the disk.
func (f *FS) DecodeInode(n filesystem.Inum, raw []byte, offset int64) (*filesystem.Inode, error) {
	if len(raw) < inodeBase || len(raw) != f.inodeSize {
		return nil, &filesystem.CorruptError{Structure: "inode", Offset: offset, Inum: n, Reason: fmt.Sprintf("%d bytes, not %d", len(raw), f.inodeSize)}
	}
	in := new(filesystem.Inode)
	f.parseInode(uint32(n), slices.Clone(rawInode(raw)), offset, in)
	in.Allocated = in.Mode != 0 && (in.Links > 0 || rawInode(raw).dtime() == 0)
	return in, nil
}

// InodeHistory gives the states of an inode that the journal holds, oldest
// first. States that are equal byte for byte and follow each other are one.
func (j *Journal) InodeHistory(n filesystem.Inum) []InodeState {
	block, at, err := j.f.InodeBlock(n)
	if err != nil {
		return nil
	}
	var out []InodeState
	buf := make([]byte, j.blockSize)
	for _, c := range j.CopiesOf(block) {
		if j.ReadCopy(c, buf) != nil {
			continue
		}
		raw := buf[at : at+int64(j.f.inodeSize)]
		if k := len(out); k > 0 && string(out[k-1].Inode.Raw) == string(raw) {
			out[k-1].Last = c
			continue
		}
		offset := c.Offset + at
		if j.info.External {
			offset = -1
		}
		in, err := j.f.DecodeInode(n, raw, offset)
		if err != nil {
			continue
		}
		out = append(out, InodeState{Inode: in, Copy: c, Last: c})
	}
	return out
}

// DirBlock parses one block of a directory, from wherever it was read: entries
// in their order, deleted ones from the slack included. dir is the directory, 0
// if that is not known; the first block of a directory names it, which Entry.Parent
// then shows. offset is that of the block, for Entry.Offset. Checksums are not
// verified. The entries' names lie in block. ok is false if the block does not look
// like one of a directory.
func (f *FS) DirBlock(dir filesystem.Inum, block []byte, offset int64) (entries []filesystem.Entry, ok bool) {
	if int64(len(block)) != f.blockSize {
		return nil, false
	}
	d := dirInfo{n: dir, allocated: true}
	first := f.firstDirBlock(block)
	if first != 0 {
		d.n = first
	}
	bad := 0
	p := dirParser{f: f, dir: &d, buf: block, offset: offset, yield: func(e filesystem.Entry, err error) bool {
		if err != nil {
			bad++
			return true
		}
		entries = append(entries, e)
		return true
	}}
	at := p.indexAt(first != 0)
	switch {
	case at > 0 && first != 0:
		p.dots()
		fallthrough
	case at > 0:
		p.slack(at+8*int(le.Uint16(block[at+2:])), at+8*int(le.Uint16(block[at:])))
	default:
		p.entries()
	}
	return entries, bad == 0 && (len(entries) > 0 || at > 0 || emptyDirBlock(f, block))
}

// emptyDirBlock reports whether a block is one entry without a name that
// spans it, up to the checksum.
func emptyDirBlock(f *FS, block []byte) bool {
	d := rawDirent(block)
	n := f.recLen(d)
	return d.inode() == 0 && d.nameLen() == 0 && (n == len(block) || n == len(block)-tailSize)
}

// firstDirBlock gives the number of the directory that a block is the first
// block of; 0 if it is none.
func (f *FS) firstDirBlock(block []byte) filesystem.Inum {
	d := rawDirent(block)
	if n := d.inode(); n == 0 || n > f.inodes || d.recLen() != 12 || d.nameLen() != 1 || block[8] != '.' {
		return 0
	}
	dd := rawDirent(block[12:])
	if dd.inode() == 0 || dd.inode() > f.inodes || dd.nameLen() != 2 || string(block[20:22]) != ".." {
		return 0
	}
	return filesystem.Inum(d.inode())
}

// DirBlockOf verifies by its checksum that a block belongs to a directory: the
// checksum begins with the inode's number and generation. It is ChecksumNone where
// the file system keeps none.
func (f *FS) DirBlockOf(dir filesystem.Inum, generation uint32, block []byte) Checksum {
	if !f.metadataCsum() || int64(len(block)) != f.blockSize {
		return ChecksumNone
	}
	seed := f.inodeSeed(uint32(dir), generation)
	if f.dirBlockChecksumOK(seed, block) {
		return ChecksumGood
	}
	p := dirParser{f: f, dir: &dirInfo{n: dir}, buf: block}
	if at := p.indexAt(f.firstDirBlock(block) != 0); at > 0 && f.indexChecksumOK(seed, block, at) {
		return ChecksumGood
	}
	return ChecksumBad
}
