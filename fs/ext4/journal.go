package ext4

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"time"

	"deadbox/fs/filesystem"
)

// ErrNoJournal says that a file system has no journal, or that its journal
// lies on another device that was not given.
var ErrNoJournal = errors.New("no journal")

// Checksum says what came of verifying a checksum.
type Checksum uint8

const (
	ChecksumNone Checksum = iota // the journal keeps none here
	ChecksumGood
	ChecksumBad
)

var checksumNames = [...]string{"none", "good", "bad"}

func (c Checksum) String() string { return checksumNames[c] }

// JournalInfo is what the journal's superblock says, and how much was found.
type JournalInfo struct {
	Version       int    // of the superblock, 1 or 2
	External      bool   // it lies on a device of its own: offsets count from that device's start
	Inum          uint32 // of the journal's inode; 0 if external
	UUID          string
	Features      []string // names as dumpe2fs spells them
	BlockSize     int64    // bytes
	Blocks        uint32   // of the journal
	First         uint32   // first block of the log
	FastBlocks    uint32   // blocks of the fast-commit area at the end; 0 without
	Sequence      uint32   // of the log's tail: the next to be used if the log is empty
	Start         uint32   // block of the tail; 0 if the log is empty
	Head          uint32   // block where a clean log goes on, as kernels from 6.3 on write it; 0 if it is not kept
	Errno         int32    // error that the journal was aborted with; 0 if none
	Superblock    Checksum
	ChecksumBytes int // 4 for versions 1 and 3, 2 for version 2, 0 without
}

// Transaction is what is left of one transaction in the journal.
type Transaction struct {
	Sequence  uint32
	Commit    time.Time // UTC, to the nanosecond; zero without a commit block
	Committed bool      // its commit block is there and good
	Live      bool      // a mount would write it to its place: it lies between tail and head
	Earlier   bool      // its number is higher than the log's: of an earlier life of the journal
	Offset    int64     // of its first block that is left, from the start of the file system (of the device, for an external journal)
	Blocks    int       // copies of blocks that are left
	Lost      int       // copies that its descriptors name and later transactions overwrote
	Revokes   int       // block numbers in its revoke blocks
	Checksum  Checksum  // of descriptor, revoke and commit blocks, or (version 1) of the whole transaction
}

// BlockCopy is one copy of a block in the journal.
type BlockCopy struct {
	Block       int64 // of the file system
	Sequence    uint32
	Transaction int       // index in Transactions
	Committed   bool      // its transaction is
	Live        bool      // its transaction is
	Escaped     bool      // it begins with the journal's magic number, which is zero on the disk
	Verified    bool      // by a checksum of its own
	Revoked     bool      // a later transaction forbade to write it to its place
	Commit      time.Time // of its transaction; zero without a commit block
	Offset      int64     // of the copy, from the start of the file system (of the device, for an external journal)
}

// Journal is all that lies in the journal of a file system, older generations
// that the log no longer names included. It is safe for concurrent use.
type Journal struct {
	f         *FS
	r         io.ReaderAt // that the journal lies on
	size      int64       // bytes of r
	runs      []filesystem.Extent
	info      JournalInfo
	blockSize int64
	total     uint32 // blocks to look at
	first     uint32 // blocks of the log
	last      uint32
	tagSize   int
	tail      int  // bytes of the checksum at the end of descriptor and revoke blocks
	csum      int  // 0 none, 1, 2, 3
	verify    bool // each copy has a checksum
	incompat  uint32
	seed      uint32
	head      uint32 // the sequence behind the last live one

	heads        []journalHead // by position
	crcs         []uint32      // by position: crc32c of the block, begun with zero; with checksums 2 and 3
	zeros        [32]uint32    // what a block of zeros makes of each bit of a crc32c
	transactions []Transaction
	claims       []claim  // by position
	order        []uint32 // positions of copies by (sequence, position in the transaction)
	byBlock      []uint32 // positions of copies by (block, order)
	fast         []FastCommit
	damage       []error
	untold       int
}

// journalHead is a descriptor, commit or revoke block.
type journalHead struct {
	pos, seq    uint32
	typ         uint8
	sum         Checksum
	live        bool
	tags        uint16 // of a descriptor
	next        int32  // head that follows in the same transaction; -1 if none
	transaction int32
	count       uint32 // block numbers of a revoke block; nanoseconds of a commit block
	sec         int64  // of a commit block
}

// claim says which block a position of the journal is a copy of.
type claim struct {
	block       uint64
	transaction int32 // -1: the position holds no copy
	flags       uint8
}

const (
	claimEscaped = 1 << iota
	claimVerified
	claimRevoked
)

// Journal reads the journal: its superblock, and every descriptor, revoke and
// commit block that lies in it. It is read once; later calls give the same. The
// error wraps [ErrNoJournal] if there is none to read.
func (f *FS) Journal() (*Journal, error) {
	f.journalOnce.Do(func() {
		if f.journal == nil && f.journalErr == nil {
			f.journal, f.journalErr = f.readJournal()
		}
	})
	return f.journal, f.journalErr
}

// readJournal finds the journal and reads it.
func (f *FS) readJournal() (*Journal, error) { return f.readJournalWith(func(*Journal) {}) }

func (f *FS) readJournalWith(change func(*Journal)) (*Journal, error) {
	if !f.compat(compatHasJournal) {
		return nil, fmt.Errorf("%s without a journal: %w", cmp.Or(f.info.Type, "ext2"), ErrNoJournal)
	}
	j := &Journal{f: f, blockSize: f.blockSize}
	if n := f.sb.journalInum(); n != 0 {
		if err := j.mapInode(n); err != nil {
			return nil, err
		}
	} else if err := j.mapDevice(); err != nil {
		return nil, err
	}
	if err := j.readSuper(); err != nil {
		return nil, err
	}
	change(j)
	j.scan()
	j.link()
	j.followLog()
	j.claim()
	j.revoke()
	return j, nil
}

// mapInode maps the journal's blocks through its inode, or where that is
// damaged through the superblock's copy of the inode's block map.
func (j *Journal) mapInode(n uint32) error {
	f := j.f
	j.r, j.size, j.info.Inum = f.dev, f.size, n
	raw, off, err := f.rawInodeOf(f.dev, n)
	if err == nil {
		in := new(filesystem.Inode)
		f.parseInode(n, raw, off, in)
		var c *content
		if c, err = f.mapContentOn(f.dev, in); err == nil && in.Mode.Type() == filesystem.Regular && in.Size >= f.blockSize {
			j.take(c)
			return nil
		}
		if err == nil {
			err = &filesystem.CorruptError{Structure: "journal", Offset: off, Inum: in.Inum, Reason: fmt.Sprintf("its inode is a %s of %d bytes", in.Mode.Type(), in.Size)}
		}
	}
	if f.sb.journalBackupType() != 1 {
		return err
	}
	j.damaged(err)
	made := make(rawInode, max(f.inodeSize, inodeBase))
	le.PutUint16(made, uint16(filesystem.ModeRegular)|0o600)
	copy(made.block(), f.sb.journalBackupBlocks())
	le.PutUint32(made[0x04:], f.sb.journalBackupSizeLo())
	le.PutUint32(made[0x6c:], f.sb.journalBackupSizeHi())
	if le.Uint16(made[blockField:]) == extentMagic {
		le.PutUint32(made[0x20:], uint32(filesystem.FlagExtents))
	}
	in := new(filesystem.Inode)
	f.parseInode(n, made, -1, in)
	c, berr := f.mapContentOn(f.dev, in)
	if c == nil || in.Size < f.blockSize {
		return cmp.Or(berr, err)
	}
	j.take(c)
	return nil
}

func (j *Journal) take(c *content) {
	for _, run := range c.runs {
		if run.Kind == filesystem.Data || run.Kind == filesystem.Unwritten {
			j.runs = append(j.runs, run)
		}
	}
	// No block maps twice: a journal has no more blocks than the device.
	j.total = uint32(min(c.size/j.blockSize, j.size/j.blockSize, math.MaxInt32))
}

// mapDevice takes the journal's own device. Positions count from its start.
// https://docs.kernel.org/filesystems/ext4/journal.html#external-journal
func (j *Journal) mapDevice() error {
	f := j.f
	var sb rawSuper
	for _, d := range f.journalDevs {
		s, err := readSuper(d.r, superOffset)
		if err == nil && s.featureIncompat()&incompatJournalDev != 0 && string(s.uuid()) == string(f.sb.journalUUID()) {
			sb, j.r, j.size, j.info.External = s, d.r, d.size, true
			break
		}
	}
	if sb == nil {
		return fmt.Errorf("the journal lies on another device, with UUID %s, which was not given: %w", uuidString(f.sb.journalUUID()), ErrNoJournal)
	}
	if sb.logBlockSize() > 6 || int64(1024)<<sb.logBlockSize() != f.blockSize {
		return fmt.Errorf("external journal: %w", &filesystem.CorruptError{Structure: "superblock", Offset: superOffset, Reason: "its blocks are not of the file system's size"})
	}
	j.runs = []filesystem.Extent{{Length: j.size &^ (j.blockSize - 1)}}
	j.total = uint32(min(j.size/j.blockSize, math.MaxInt32))
	return nil
}

// superBlock is the position of the journal's superblock.
func (j *Journal) superBlock() uint32 {
	switch {
	case !j.info.External:
		return 0
	case j.blockSize == 1024:
		return 2
	}
	return 1
}

// place gives the offset of a position on the journal's device, and how many
// bytes follow there in one piece; -1 for a hole.
func (j *Journal) place(pos uint32) (offset, length int64) {
	at := int64(pos) * j.blockSize
	i := sort.Search(len(j.runs), func(i int) bool { return j.runs[i].Logical+j.runs[i].Length > at })
	if i == len(j.runs) || j.runs[i].Logical > at {
		return -1, 0
	}
	run := &j.runs[i]
	return run.Offset + at - run.Logical, run.Length - (at - run.Logical)
}

func (j *Journal) readBlock(pos uint32, buf []byte) error {
	offset, _ := j.place(pos)
	if offset < 0 {
		return &filesystem.CorruptError{Structure: "journal", Offset: -1, Inum: filesystem.Inum(j.info.Inum), Reason: fmt.Sprintf("block %d cannot be mapped", pos)}
	}
	if got, err := j.r.ReadAt(buf, offset); got < len(buf) {
		return &filesystem.ReadError{Structure: "journal", Offset: offset, Length: int64(len(buf)), Inum: filesystem.Inum(j.info.Inum), Err: unexpected(err)}
	}
	return nil
}

func (j *Journal) damaged(err error) {
	if len(j.damage) < 1000 {
		j.damage = append(j.damage, err)
	} else {
		j.untold++
	}
}

func (j *Journal) corrupt(pos uint32, format string, args ...any) error {
	offset, _ := j.place(pos)
	return &filesystem.CorruptError{Structure: "journal", Offset: offset, Inum: filesystem.Inum(j.info.Inum), Reason: fmt.Sprintf("block %d: ", pos) + fmt.Sprintf(format, args...)}
}

// readSuper reads the journal's superblock.
func (j *Journal) readSuper() error {
	at := j.superBlock()
	block := make([]byte, j.blockSize)
	if err := j.readBlock(at, block); err != nil {
		return err
	}
	sb := rawJournalSuper(block[:journalSuperSize])
	bad := func(format string, args ...any) error { return j.corrupt(at, "superblock: "+format, args...) }
	switch {
	case sb.magic() != journalMagic:
		return bad("magic number is %#08x, not %#08x", sb.magic(), uint32(journalMagic))
	case sb.blockType() != journalSuperV1 && sb.blockType() != journalSuperV2:
		return bad("type %d", sb.blockType())
	case int64(sb.blockSize()) != j.blockSize:
		return bad("blocks of %d bytes in a file system of %d", sb.blockSize(), j.blockSize)
	}
	info := &j.info
	info.Version, info.BlockSize = int(sb.blockType())-2, j.blockSize
	info.Sequence, info.Start, info.Errno = sb.sequence(), sb.start(), sb.errno()
	if info.Version == 2 {
		info.Head = sb.head()
	}
	var compat uint32
	if info.Version == 2 {
		compat, j.incompat = sb.featureCompat(), sb.featureIncompat()
		info.UUID = uuidString(sb.uuid())
		j.seed = crc32c(^uint32(0), sb.uuid())
		info.Features = append(info.Features, journalFeatures(0, compat)...)
		info.Features = append(info.Features, journalFeatures(1, j.incompat)...)
		if unknown := j.incompat &^ journalSupported; unknown != 0 {
			return fmt.Errorf("journal with features that change the format and are not known: %v: %w", journalFeatures(1, unknown), errors.ErrUnsupported)
		}
		if ro := sb.featureROCompat(); ro != 0 {
			return fmt.Errorf("journal with features that change the format and are not known: ro_compat %#x: %w", ro, errors.ErrUnsupported)
		}
	}
	switch {
	case j.incompat&journalCsumV3 != 0:
		j.csum, info.ChecksumBytes = 3, 4
	case j.incompat&journalCsumV2 != 0:
		j.csum, info.ChecksumBytes = 2, 2
	case compat&journalCompatChecksum != 0:
		j.csum, info.ChecksumBytes = 1, 4
	}
	if j.csum >= 2 {
		j.tail, j.verify = 4, true
		own := slices.Clone(sb)
		clear(own[0xfc:0x100])
		info.Superblock = ChecksumGood
		if crc32c(^uint32(0), own) != sb.checksum() {
			info.Superblock = ChecksumBad
			j.damaged(bad("checksum mismatch"))
		}
	}
	switch {
	case j.csum == 3:
		j.tagSize = 16
	default:
		j.tagSize = 8
		if j.incompat&journal64bit != 0 {
			j.tagSize += 4
		}
		if j.csum == 2 {
			j.tagSize += 2
		}
	}
	info.Blocks, info.First = sb.maxLen(), sb.first()
	j.last = info.Blocks
	if j.last > j.total {
		j.damaged(bad("the journal has %d blocks, of which %d are there", info.Blocks, j.total))
		j.last = j.total
	}
	if j.incompat&journalFastCommit != 0 {
		info.FastBlocks = cmp.Or(sb.fastBlocks(), defaultFastBlocks)
		if info.FastBlocks >= j.last {
			j.damaged(bad("%d blocks of fast commits in a journal of %d", info.FastBlocks, j.last))
			info.FastBlocks = 0
		}
		j.last -= info.FastBlocks
	}
	j.first = info.First
	if j.first <= at || j.first >= j.last {
		return bad("the log goes from block %d to %d", j.first, j.last)
	}
	if info.Start != 0 && (info.Start < j.first || info.Start >= j.last) {
		j.damaged(bad("the log's tail is block %d, outside of the log", info.Start))
		info.Start = 0
	}
	return nil
}

func journalFeatures(word int, mask uint32) []string {
	var out []string
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if mask&bit == 0 {
			continue
		}
		name, ok := journalFeatureNames[word][bit]
		if !ok {
			name = fmt.Sprintf("FEATURE_%c%#x", "CI"[word], bit)
		}
		out = append(out, name)
	}
	return out
}

// scanBytes is how much of the journal is read at once.
const scanBytes = 1 << 20

// scan reads the journal's blocks once, in the order of their positions, and
// keeps those that are descriptors, commits or revokes.
func (j *Journal) scan() {
	sums := j.csum >= 2
	if sums {
		j.crcs = make([]uint32, j.total)
		zero := make([]byte, j.blockSize)
		for i := range j.zeros {
			j.zeros[i] = crc32c(1<<i, zero)
		}
	}
	buf := make([]byte, max(scanBytes, j.blockSize))
	for pos := j.superBlock() + 1; pos < j.total; {
		offset, length := j.place(pos)
		if offset < 0 {
			pos++
			continue
		}
		n := min(length, int64(len(buf)), int64(j.total-pos)*j.blockSize) &^ (j.blockSize - 1)
		if n == 0 {
			pos++
			continue
		}
		got, err := j.r.ReadAt(buf[:n], offset)
		if int64(got) < n {
			clear(buf[got:n])
			if offset < j.size || len(j.damage) == 0 {
				j.damaged(&filesystem.ReadError{Structure: "journal", Offset: offset + int64(got), Length: n - int64(got), Inum: filesystem.Inum(j.info.Inum), Err: unexpected(err)})
			}
			if offset >= j.size {
				pos += uint32(n / j.blockSize)
				continue
			}
		}
		for at := int64(0); at < n; at += j.blockSize {
			block := buf[at : at+j.blockSize]
			if sums {
				j.crcs[pos] = crc32c(0, block)
			}
			if pos < j.last || pos >= j.info.Blocks {
				j.scanBlock(pos, block)
			}
			pos++
		}
	}
	j.readFast()
}

func (j *Journal) scanBlock(pos uint32, block []byte) {
	h := rawJournalHeader(block)
	if h.magic() != journalMagic {
		return
	}
	head := journalHead{pos: pos, seq: h.sequence(), typ: uint8(min(h.blockType(), 255)), next: -1, transaction: -1}
	switch head.typ {
	case journalDescriptor:
		head.sum = j.tailChecksum(block)
		for range j.tags(block) {
			head.tags++
		}
	case journalRevoke:
		head.sum = j.tailChecksum(block)
		head.count = uint32(len(j.revoked(block)) / j.revokeSize())
		if n := rawJournalRevoke(block).count(); n < revokeHeaderSize || int64(n) > int64(len(block)-j.tail) {
			j.damaged(j.corrupt(pos, "revoke block of transaction %d: %d bytes used of %d", head.seq, n, len(block)))
		}
	case journalCommit:
		c := rawJournalCommit(block)
		head.sec, head.count = int64(c.seconds()&math.MaxInt64), c.nanoseconds()
		if j.csum >= 2 {
			head.sum = ChecksumBad
			own := slices.Clone(block)
			clear(own[commitChecksumAt : commitChecksumAt+4])
			if crc32c(j.seed, own) == c.checksum() {
				head.sum = ChecksumGood
			}
		}
	default:
		return
	}
	j.heads = append(j.heads, head)
}

// tailChecksum verifies the checksum in the last four bytes of a block.
func (j *Journal) tailChecksum(block []byte) Checksum {
	if j.csum < 2 {
		return ChecksumNone
	}
	n := len(block) - 4
	if crc32c(crc32c(j.seed, block[:n]), []byte{0, 0, 0, 0}) != be.Uint32(block[n:]) {
		return ChecksumBad
	}
	return ChecksumGood
}

// tag is one tag of a descriptor.
type tag struct {
	block    uint64
	flags    uint32
	checksum uint32
}

// tags yields the tags of a descriptor block.
func (j *Journal) tags(block []byte) func(yield func(tag) bool) {
	return func(yield func(tag) bool) {
		end := len(block) - j.tail
		for at := journalHeaderSize; at+j.tagSize <= end; {
			raw := rawTag(block[at:])
			t := tag{block: uint64(raw.blockLo())}
			if j.csum == 3 {
				t.flags, t.checksum = raw.flags3(), raw.checksum3()
			} else {
				t.flags, t.checksum = uint32(raw.flags2()), uint32(raw.checksum2())
			}
			if j.incompat&journal64bit != 0 {
				t.block |= uint64(raw.blockHi()) << 32
			}
			if !yield(t) || t.flags&tagLast != 0 {
				return
			}
			at += j.tagSize
			if t.flags&tagSameUUID == 0 {
				at += 16
			}
		}
	}
}

func (j *Journal) revokeSize() int {
	if j.incompat&journal64bit != 0 {
		return 8
	}
	return 4
}

// revoked gives the block numbers of a revoke block, as they stand there.
func (j *Journal) revoked(block []byte) []byte {
	n := min(int64(rawJournalRevoke(block).count()), int64(len(block)-j.tail))
	if n <= revokeHeaderSize {
		return nil
	}
	n -= revokeHeaderSize
	return block[revokeHeaderSize:][:n-n%int64(j.revokeSize())]
}

// after gives the position n blocks behind pos in the log, which goes round.
func (j *Journal) after(pos uint32, n int) uint32 {
	p := uint64(pos) + uint64(n)
	if pos >= j.first && pos < j.last {
		for p >= uint64(j.last) {
			p -= uint64(j.last - j.first)
		}
	}
	return uint32(min(p, math.MaxUint32))
}

// headAt finds the descriptor, commit or revoke block at a position.
func (j *Journal) headAt(pos uint32) (int32, bool) {
	i, ok := slices.BinarySearchFunc(j.heads, pos, func(h journalHead, p uint32) int { return cmp.Compare(h.pos, p) })
	return int32(i), ok
}

// behind is the position that follows a block and the copies it describes.
func (j *Journal) behind(h *journalHead) uint32 {
	if h.typ == journalDescriptor {
		return j.after(h.pos, int(h.tags)+1)
	}
	return j.after(h.pos, 1)
}

// link puts the blocks together to transactions: first by what follows what,
// then by sequence, where only one of the pieces has a commit block.
func (j *Journal) link() {
	prev := make([]bool, len(j.heads))
	for i := range j.heads {
		h := &j.heads[i]
		if h.typ == journalCommit {
			continue
		}
		if k, ok := j.headAt(j.behind(h)); ok && k != int32(i) && !prev[k] && j.heads[k].seq == h.seq {
			h.next = k
			prev[k] = true
		}
	}
	type piece struct {
		first  int32
		commit bool
	}
	j.sumTransactions(prev)
	bySeq := map[uint32][]piece{}
	var seqs []uint32
	seen := make([]bool, len(j.heads))
	walk := func(i int32) {
		p := piece{first: i}
		for k := i; k >= 0 && !seen[k]; k = j.heads[k].next {
			seen[k] = true
			p.commit = p.commit || j.heads[k].typ == journalCommit
		}
		seq := j.heads[i].seq
		if bySeq[seq] == nil {
			seqs = append(seqs, seq)
		}
		bySeq[seq] = append(bySeq[seq], p)
	}
	for i := range j.heads {
		if !prev[i] {
			walk(int32(i))
		}
	}
	for i := range j.heads { // blocks that lead in a circle
		if !seen[i] {
			walk(int32(i))
		}
	}
	mark := func(p piece, t int32) {
		for k := p.first; k >= 0 && j.heads[k].transaction < 0; k = j.heads[k].next {
			j.heads[k].transaction = t
		}
	}
	for _, seq := range seqs {
		pieces := bySeq[seq]
		commits := 0
		for _, p := range pieces {
			if p.commit {
				commits++
			}
		}
		shared := int32(-1)
		for _, p := range pieces {
			if p.commit && commits > 1 {
				mark(p, int32(len(j.transactions)))
				j.transactions = append(j.transactions, Transaction{Sequence: seq})
				continue
			}
			if shared < 0 {
				shared = int32(len(j.transactions))
				j.transactions = append(j.transactions, Transaction{Sequence: seq})
			}
			mark(p, shared)
		}
	}
	for i := range j.heads {
		h := &j.heads[i]
		t := &j.transactions[h.transaction]
		if offset, _ := j.place(h.pos); t.Blocks == 0 && (t.Offset == 0 || h.typ == journalDescriptor) {
			t.Offset = offset
		}
		switch h.typ {
		case journalDescriptor:
			t.Blocks += int(h.tags)
		case journalRevoke:
			t.Revokes += int(h.count)
		case journalCommit:
			t.Commit = time.Unix(h.sec, int64(min(h.count, 999_999_999))).UTC()
			// With version 1 the checksum is of copies that may have been overwritten since.
			t.Committed = h.sum != ChecksumBad || j.csum == 1
		}
		if h.sum != ChecksumNone && t.Checksum != ChecksumBad {
			t.Checksum = h.sum
		}
	}
}

// sumTransactions verifies the checksum of version 1, which goes over the
// descriptors and copies of a transaction and stands in its commit block. prev says
// which heads follow another.
func (j *Journal) sumTransactions(prev []bool) {
	if j.csum != 1 {
		return
	}
	block := make([]byte, j.blockSize)
	budget := 2 * int64(j.total) // pieces do not overlap, unless somebody made them so
	for i := range j.heads {
		if prev[i] {
			continue
		}
		crc, whole := ^uint32(0), true
		for k := int32(i); k >= 0 && whole && budget > 0; k = j.heads[k].next {
			h := &j.heads[k]
			switch h.typ {
			case journalDescriptor:
				for n := range int(h.tags) + 1 {
					if budget--; budget < 0 || j.readBlock(j.after(h.pos, n), block) != nil {
						whole = false
						break
					}
					crc = crc32be(crc, block)
				}
			case journalCommit:
				budget--
				if j.readBlock(h.pos, block) != nil {
					break
				}
				switch c := rawJournalCommit(block); {
				case c.checksumType() == 0 && c.checksumSize() == 0 && c.checksum() == 0:
				case c.checksumType() == commitCsumTypeCRC && c.checksumSize() == 4 && c.checksum() == crc:
					h.sum = ChecksumGood
				default:
					h.sum = ChecksumBad
				}
			}
		}
	}
}

// followLog walks the log from its tail as a mount would, and marks what it
// would write to its place.
func (j *Journal) followLog() {
	j.head = j.info.Sequence
	if j.info.Start == 0 {
		return
	}
	pos := j.info.Start
	var open []int32
	for spent := uint32(0); spent < j.last-j.first; {
		k, ok := j.headAt(pos)
		if !ok || j.heads[k].seq != j.head {
			break
		}
		h := &j.heads[k]
		if h.sum == ChecksumBad {
			j.damaged(j.corrupt(pos, "checksum mismatch in transaction %d: the log ends here", h.seq))
			break
		}
		open = append(open, k)
		spent++
		switch h.typ {
		case journalDescriptor:
			spent += uint32(h.tags)
		case journalCommit:
			for _, i := range open {
				j.heads[i].live = true
				j.transactions[j.heads[i].transaction].Live = true
			}
			open = open[:0]
			j.head++
		}
		pos = j.behind(h)
	}
}

// rank orders sequences: those that are higher than the log's own come from
// an earlier life of the journal and go first.
func (j *Journal) rank(seq uint32) uint64 {
	d := int32(seq - j.head)
	if d > 0 {
		return uint64(uint32(d))
	}
	return 1<<32 | uint64(int64(d)+1<<31)
}

// claim decides which position is a copy of what. Of several descriptors that
// name a position the latest counts whose checksum, if there is one, fits.
func (j *Journal) claim() {
	for i := range j.transactions {
		j.transactions[i].Earlier = int32(j.transactions[i].Sequence-j.head) > 0
	}
	j.sortTransactions()
	j.claims = make([]claim, j.total)
	for i := range j.claims {
		j.claims[i].transaction = -1
	}
	var latest []int32
	for i := range j.heads {
		if j.heads[i].typ == journalDescriptor {
			latest = append(latest, int32(i))
		}
	}
	slices.SortStableFunc(latest, func(a, b int32) int {
		ha, hb := &j.heads[a], &j.heads[b]
		if ha.live != hb.live {
			if ha.live {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(hb.transaction, ha.transaction), cmp.Compare(ha.pos, hb.pos))
	})
	block := make([]byte, j.blockSize)
	for _, i := range latest {
		h := &j.heads[i]
		if err := j.readBlock(h.pos, block); err != nil {
			j.damaged(err)
			continue
		}
		j.claimTags(h, block)
	}
	for p := range j.claims {
		if j.claims[p].transaction >= 0 {
			j.order = append(j.order, uint32(p))
		}
	}
	j.sortCopies()
}

func (j *Journal) claimTags(h *journalHead, block []byte) {
	t := &j.transactions[h.transaction]
	seqCRC := uint32(0)
	if j.csum >= 2 {
		seqCRC = crc32c(j.seed, be.AppendUint32(nil, h.seq))
	}
	broken := false // a later transaction began to overwrite
	k := 0
	for tag := range j.tags(block) {
		k++
		pos := j.after(h.pos, k)
		lost := func() { t.Blocks--; t.Lost++ }
		if pos >= j.total {
			lost()
			continue
		}
		if _, ok := j.headAt(pos); ok {
			broken = true
			lost()
			continue
		}
		c := claim{block: tag.block, transaction: h.transaction}
		if tag.flags&tagEscaped != 0 {
			c.flags |= claimEscaped
		}
		if j.verify {
			crc := j.skip(seqCRC) ^ j.crcs[pos]
			good := crc == tag.checksum
			if j.csum == 2 {
				good = h.sum == ChecksumGood && crc&0xffff == tag.checksum
			}
			if !good {
				if h.live {
					j.damaged(j.corrupt(pos, "copy of block %d in transaction %d: checksum mismatch", tag.block, h.seq))
				}
				lost()
				continue
			}
			c.flags |= claimVerified
		}
		if tag.block >= j.f.blocks {
			j.damaged(j.corrupt(h.pos, "transaction %d holds block %d of %d", h.seq, tag.block, j.f.blocks))
			lost()
			continue
		}
		if j.claims[pos].transaction >= 0 {
			broken = true
			lost()
			continue
		}
		// Without a checksum nothing says how far the later transaction went.
		if broken && !j.verify {
			lost()
			continue
		}
		j.claims[pos] = c
	}
}

// skip is what a crc32c becomes after a block of zeros. A crc is linear, so
// that this and the block's own crc, begun with zero, make the crc of both.
func (j *Journal) skip(crc uint32) uint32 {
	var out uint32
	for i := 0; crc != 0; i, crc = i+1, crc>>1 {
		if crc&1 != 0 {
			out ^= j.zeros[i]
		}
	}
	return out
}

// sortTransactions orders the transactions by rank, then by commit time and
// place.
func (j *Journal) sortTransactions() {
	order := make([]int32, len(j.transactions))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		ta, tb := &j.transactions[a], &j.transactions[b]
		return cmp.Or(cmp.Compare(j.rank(ta.Sequence), j.rank(tb.Sequence)), ta.Commit.Compare(tb.Commit), cmp.Compare(ta.Offset, tb.Offset))
	})
	sorted, to := make([]Transaction, len(order)), make([]int32, len(order))
	for i, k := range order {
		sorted[i], to[k] = j.transactions[k], int32(i)
	}
	j.transactions = sorted
	for i := range j.heads {
		j.heads[i].transaction = to[j.heads[i].transaction]
	}
}

// sortCopies orders the copies by transaction, and by block. Within one
// transaction the log may go round: what lies behind the first descriptor comes first.
func (j *Journal) sortCopies() {
	first := make([]uint32, len(j.transactions))
	hasPrev := make([]bool, len(j.heads))
	for i := range j.heads {
		if n := j.heads[i].next; n >= 0 {
			hasPrev[n] = true
		}
	}
	for i := len(j.heads) - 1; i >= 0; i-- {
		if h := &j.heads[i]; !hasPrev[i] && h.typ != journalCommit {
			first[h.transaction] = h.pos
		}
	}
	along := func(t int32, pos uint32) uint32 {
		if pos < first[t] && pos >= j.first {
			return pos - j.first + j.last
		}
		return pos
	}
	slices.SortFunc(j.order, func(a, b uint32) int {
		ta, tb := j.claims[a].transaction, j.claims[b].transaction
		return cmp.Or(cmp.Compare(ta, tb), cmp.Compare(along(ta, a), along(tb, b)))
	})
	j.byBlock = slices.Clone(j.order)
	slices.SortStableFunc(j.byBlock, func(a, b uint32) int { return cmp.Compare(j.claims[a].block, j.claims[b].block) })
}

// copiesOf gives the range of byBlock that holds the copies of a block.
func (j *Journal) copiesOf(block uint64) []uint32 {
	i := sort.Search(len(j.byBlock), func(i int) bool { return j.claims[j.byBlock[i]].block >= block })
	k := i
	for k < len(j.byBlock) && j.claims[j.byBlock[k]].block == block {
		k++
	}
	return j.byBlock[i:k]
}

// revoke marks the copies that a revoke record of the same or a later
// transaction forbids to write.
// https://docs.kernel.org/filesystems/ext4/journal.html#revocation-block
func (j *Journal) revoke() {
	var heads []int32
	for i := range j.heads {
		if h := &j.heads[i]; h.typ == journalRevoke && h.sum != ChecksumBad && h.count > 0 {
			heads = append(heads, int32(i))
		}
	}
	if len(heads) == 0 || len(j.order) == 0 {
		return
	}
	slices.SortStableFunc(heads, func(a, b int32) int {
		return cmp.Compare(j.heads[a].transaction, j.heads[b].transaction)
	})
	// pending[b] are the copies of b that no record has met yet, oldest first.
	pending := make(map[uint64][]uint32)
	for i := 0; i < len(j.byBlock); {
		c := j.copiesOf(j.claims[j.byBlock[i]].block)
		pending[j.claims[c[0]].block] = c
		i += len(c)
	}
	block := make([]byte, j.blockSize)
	for _, i := range heads {
		h := &j.heads[i]
		if err := j.readBlock(h.pos, block); err != nil {
			j.damaged(err)
			continue
		}
		live := j.transactions[h.transaction].Live
		list, size := j.revoked(block), j.revokeSize()
		for ; len(list) > 0; list = list[size:] {
			b := uint64(be.Uint32(list))
			if size == 8 {
				b = be.Uint64(list)
			}
			rest := pending[b]
			for len(rest) > 0 && j.claims[rest[0]].transaction <= h.transaction {
				// A record that no mount would read does not count for those that it would.
				if t := j.claims[rest[0]].transaction; live || !j.transactions[t].Live {
					j.claims[rest[0]].flags |= claimRevoked
				}
				rest = rest[1:]
			}
			if len(rest) < len(pending[b]) {
				pending[b] = rest
			}
		}
	}
}

// Info describes the journal as its superblock does.
func (j *Journal) Info() JournalInfo {
	info := j.info
	info.Features = slices.Clone(info.Features)
	return info
}

// Damage lists what was found wrong in the journal.
func (j *Journal) Damage() []error {
	out := slices.Clone(j.damage)
	if j.untold > 0 {
		out = append(out, fmt.Errorf("%d more errors in the journal", j.untold))
	}
	return out
}

// Transactions lists all that still lies in the journal, older generations
// included, by sequence. Those that are Earlier come first.
func (j *Journal) Transactions() []Transaction { return slices.Clone(j.transactions) }

func (j *Journal) blockCopy(pos uint32) BlockCopy {
	c := &j.claims[pos]
	t := &j.transactions[c.transaction]
	offset, _ := j.place(pos)
	return BlockCopy{
		Block: int64(c.block), Sequence: t.Sequence, Transaction: int(c.transaction), Committed: t.Committed, Live: t.Live,
		Escaped: c.flags&claimEscaped != 0, Verified: c.flags&claimVerified != 0, Revoked: c.flags&claimRevoked != 0,
		Commit: t.Commit, Offset: offset,
	}
}

// Copies lists every copy of a block that is still whole, by sequence, and in
// the order of the log within a transaction.
func (j *Journal) Copies() []BlockCopy { return j.list(j.order) }

// CopiesOf lists the copies of one block of the file system, oldest first.
func (j *Journal) CopiesOf(block int64) []BlockCopy {
	if block < 0 {
		return nil
	}
	return j.list(j.copiesOf(uint64(block)))
}

func (j *Journal) list(positions []uint32) []BlockCopy {
	out := make([]BlockCopy, len(positions))
	for i, p := range positions {
		out[i] = j.blockCopy(p)
	}
	return out
}

// ReadCopy reads a copy into buf, which is of one block, as the block was
// before it was escaped.
func (j *Journal) ReadCopy(c BlockCopy, buf []byte) error {
	if int64(len(buf)) != j.blockSize {
		return fmt.Errorf("buffer of %d bytes for a block of %d", len(buf), j.blockSize)
	}
	if got, err := j.r.ReadAt(buf, c.Offset); got < len(buf) {
		return &filesystem.ReadError{Structure: "journal", Offset: c.Offset, Length: j.blockSize, Inum: filesystem.Inum(j.info.Inum), Err: unexpected(err)}
	}
	if c.Escaped {
		be.PutUint32(buf, journalMagic)
	}
	return nil
}
