package ext4

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"sync"

	"deadbox/fs/filesystem"
)

// FS is one ext2, ext3 or ext4 file system. It is safe for concurrent use.
type FS struct {
	r    io.ReaderAt // the disk, with the journal's copies over it where they are replayed
	dev  io.ReaderAt // the disk as it is
	size int64       // bytes of dev

	sb             rawSuper
	blockSize      int64
	blocks         uint64 // of the file system
	firstBlock     uint64 // s_first_data_block
	blocksPerGroup uint64
	clusterBlocks  uint64 // blocks in a cluster; 1 without bigalloc
	inodes         uint32
	inodesPerGroup uint32
	inodeSize      int
	descSize       int
	seed           uint32 // begins the metadata checksums
	groups         []group
	tableBytes     int64 // bytes of the image that the inode tables of groups take
	info           filesystem.Info
	untold         int             // damage that Info has no room for
	orphans        map[uint32]bool // on the orphan list or in the orphan file

	dirMu    sync.Mutex
	dirCache map[filesystem.Inum]*dirNames
	dirCount int // names in dirCache

	metaOnce    sync.Once
	meta        []blockRange // metadata of the groups, sorted
	metaLongest uint64       // blocks of the longest of them

	noReplay    bool
	journalDevs []journalDevice // that an external journal may lie on
	journalOnce sync.Once
	journal     *Journal
	journalErr  error
	overlaid    *overlay // nil if nothing was replayed
	replay      Replay
	replayTold  bool // Notes say what became of the journal

	tableOnce sync.Once
	tables    []tableStart // of the groups' inode tables, sorted

	bitmapOnce sync.Once
	bitmaps    map[uint64]string // what a block of the groups' own is
}

// blockRange is a half-open range of physical blocks.
type blockRange struct{ from, to uint64 }

// Open reads the superblock and the group descriptors. A damaged superblock
// or descriptor is replaced by its backup, and Info says so. It fails with an error
// that wraps [errors.ErrUnsupported] if a feature is on that it does not know.
//
// If the file system needs recovery, the committed transactions of its journal
// lie over the disk in all that is read, as after a mount; Info says so, and
// [NoReplay] shows the disk as it is.
func Open(r io.ReaderAt, size int64, opts ...Option) (*FS, error) {
	f := &FS{r: r, dev: r, size: size, dirCache: map[filesystem.Inum]*dirNames{}}
	for _, opt := range opts {
		opt(f)
	}
	primary, err := readSuper(r, superOffset)
	if err == nil {
		err = f.adopt(primary)
	}
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) && (!superChecksumKnown(primary) || superChecksumOK(primary)) {
			return nil, err
		}
		if berr := f.adoptBackup(err); berr != nil {
			return nil, err
		}
	} else if superChecksumKnown(f.sb) && !superChecksumOK(f.sb) {
		f.damage(&filesystem.CorruptError{Structure: "superblock", Offset: superOffset, Reason: "checksum mismatch"})
	}
	f.readGroups()
	if f.replayJournal() {
		// The journal may hold the descriptors in a later state.
		f.groups, f.tableBytes = nil, 0
		f.readGroups()
	}
	if len(f.groups) == 0 {
		return nil, &filesystem.CorruptError{Structure: "group descriptors", Offset: int64(f.firstBlock+1) * f.blockSize, Reason: "none can be read"}
	}
	f.readOrphans()
	f.describe()
	return f, nil
}

// maxDamage bounds the list of what was found wrong on opening.
const maxDamage = 10_000

func (f *FS) damage(err error) {
	if len(f.info.Damage) < maxDamage {
		f.info.Damage = append(f.info.Damage, err)
	} else {
		f.untold++
	}
}

func (f *FS) note(format string, args ...any) {
	f.info.Notes = append(f.info.Notes, fmt.Sprintf(format, args...))
}

func readSuper(r io.ReaderAt, offset int64) (rawSuper, error) {
	sb := make(rawSuper, superSize)
	if n, err := r.ReadAt(sb, offset); n < superSize {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, &filesystem.ReadError{Structure: "superblock", Offset: offset, Length: superSize, Err: err}
	}
	if sb.magic() != superMagic {
		return nil, &filesystem.CorruptError{Structure: "superblock", Offset: offset,
			Reason: fmt.Sprintf("magic number is %#04x, not %#04x", sb.magic(), superMagic)}
	}
	return sb, nil
}

func superChecksumKnown(sb rawSuper) bool {
	return sb != nil && sb.revLevel() > 0 && sb.featureROCompat()&roMetadataCsum != 0
}

func superChecksumOK(sb rawSuper) bool { return crc32c(^uint32(0), sb[:0x3fc]) == sb.checksum() }

// adopt checks the superblock's numbers and takes them over.
func (f *FS) adopt(sb rawSuper) error {
	bad := func(format string, args ...any) error {
		return &filesystem.CorruptError{Structure: "superblock", Offset: superOffset, Reason: fmt.Sprintf(format, args...)}
	}
	var incompat, ro uint32
	if sb.revLevel() > 0 {
		incompat, ro = sb.featureIncompat(), sb.featureROCompat()
	}
	if sb.logBlockSize() > 6 {
		return bad("block size is 1024<<%d bytes, more than 64 KiB", sb.logBlockSize())
	}
	if incompat&incompatJournalDev != 0 {
		return fmt.Errorf("this is an external journal, not a file system: %w", errors.ErrUnsupported)
	}
	if unknown := incompat &^ incompatSupported; unknown != 0 {
		return fmt.Errorf("ext4 with features that change the format and are not known: %v: %w", featureList(1, unknown), errors.ErrUnsupported)
	}
	blockSize := int64(1024) << sb.logBlockSize()
	blocks := uint64(sb.blocksCountLo())
	if incompat&incompat64bit != 0 {
		blocks |= uint64(sb.blocksCountHi()) << 32
	}
	inodeSize, descSize := inodeBase, 32
	if sb.revLevel() > 0 {
		inodeSize = int(sb.inodeSize())
	}
	if incompat&incompat64bit != 0 {
		descSize = int(sb.descSize())
		if descSize < 32 || descSize&(descSize-1) != 0 || int64(descSize) > blockSize {
			return bad("group descriptors of %d bytes", descSize)
		}
	}
	clusterBlocks := uint64(1)
	if ro&roBigalloc != 0 {
		if sb.logClusterSize() < sb.logBlockSize() || sb.logClusterSize() > 20 {
			return bad("cluster size is 1024<<%d bytes for blocks of %d", sb.logClusterSize(), blockSize)
		}
		clusterBlocks = 1 << (sb.logClusterSize() - sb.logBlockSize())
	}
	bitmapBits := uint64(blockSize) * 8
	switch {
	case inodeSize < inodeBase || inodeSize&(inodeSize-1) != 0 || int64(inodeSize) > blockSize:
		return bad("inodes of %d bytes", inodeSize)
	case sb.blocksPerGroup() == 0 || uint64(sb.blocksPerGroup()) > bitmapBits*clusterBlocks || sb.blocksPerGroup()%8 != 0:
		return bad("%d blocks in a group of at most %d", sb.blocksPerGroup(), bitmapBits*clusterBlocks)
	case uint64(sb.blocksPerGroup())%clusterBlocks != 0:
		return bad("%d blocks in a group, %d in a cluster", sb.blocksPerGroup(), clusterBlocks)
	case sb.inodesPerGroup() == 0 || uint64(sb.inodesPerGroup()) > bitmapBits:
		return bad("%d inodes in a group of at most %d", sb.inodesPerGroup(), bitmapBits)
	case uint64(sb.firstDataBlock()) > 1 || uint64(sb.firstDataBlock()) >= blocks:
		return bad("first data block is %d of %d", sb.firstDataBlock(), blocks)
	case blocks > uint64(1)<<62/uint64(blockSize):
		return bad("%d blocks of %d bytes", blocks, blockSize)
	case sb.inodesCount() == 0:
		return bad("no inodes")
	}
	f.sb, f.blockSize, f.blocks, f.firstBlock = sb, blockSize, blocks, uint64(sb.firstDataBlock())
	f.blocksPerGroup, f.clusterBlocks = uint64(sb.blocksPerGroup()), clusterBlocks
	f.inodes, f.inodesPerGroup, f.inodeSize, f.descSize = sb.inodesCount(), sb.inodesPerGroup(), inodeSize, descSize
	f.seed = crc32c(^uint32(0), sb.uuid())
	if incompat&incompatCsumSeed != 0 {
		f.seed = sb.checksumSeed()
	}
	return nil
}

// adoptBackup looks for a copy of the superblock where mke2fs puts them: at
// the start of groups 1, 3, 5, 7 and 9 for each block size, and each cluster size
// of bigalloc, with groups of the usual size.
func (f *FS) adoptBackup(cause error) error {
	for log := range 7 {
		bs := int64(1024) << log
		for ratio := int64(1); ratio <= 1024; ratio *= 2 {
			for _, g := range []int64{1, 3, 5, 7, 9} {
				at := g * 8 * bs * ratio * bs
				if bs == 1024 && ratio == 1 {
					at += bs
				}
				if at >= f.size {
					break
				}
				sb, err := readSuper(f.r, at)
				if err != nil || int64(sb.logBlockSize()) != int64(log) || sb.revLevel() > 0 && int64(sb.blockGroupNr()) != g {
					continue
				}
				if superChecksumKnown(sb) && !superChecksumOK(sb) {
					continue
				}
				if f.adopt(sb) == nil {
					f.damage(cause)
					f.note("The primary superblock is damaged; the backup at byte %d (group %d) was used.", at, g)
					return nil
				}
			}
		}
	}
	return cause
}

func (f *FS) compat(bit uint32) bool   { return f.sb.revLevel() > 0 && f.sb.featureCompat()&bit != 0 }
func (f *FS) incompat(bit uint32) bool { return f.sb.revLevel() > 0 && f.sb.featureIncompat()&bit != 0 }
func (f *FS) roCompat(bit uint32) bool { return f.sb.revLevel() > 0 && f.sb.featureROCompat()&bit != 0 }
func (f *FS) metadataCsum() bool       { return f.roCompat(roMetadataCsum) }

// groupCsum reports whether group descriptors are checksummed, and so whether
// their flags about uninitialised bitmaps and tables count.
func (f *FS) groupCsum() bool { return f.roCompat(roMetadataCsum | roGDTCsum) }

// systemInodes are the numbers that have a fixed meaning.
// https://docs.kernel.org/filesystems/ext4/overview.html#special-inodes
var systemInodes = map[filesystem.Inum]string{
	1: "bad blocks", 3: "user quota", 4: "group quota", 5: "boot loader", 6: "undelete directory",
	7: "resize inode", 8: "journal", 9: "exclude inode", 10: "replica inode",
}

// featureList names the bits of one of the three feature words.
func featureList(word int, mask uint32) []string {
	var out []string
	for mask != 0 {
		bit := mask & -mask
		mask &^= bit
		name, ok := featureNames[word][bit]
		if !ok {
			name = fmt.Sprintf("FEATURE_%c%d", "CIR"[word], bits.TrailingZeros32(bit))
		}
		out = append(out, name)
	}
	return out
}

// describe fills Info.
func (f *FS) describe() {
	sb, info := f.sb, &f.info
	switch {
	case f.incompat(incompatExtents|incompat64bit|incompatFlexBG|incompatMetaBG|incompatMMP|incompatEAInode|incompatInlineData|incompatEncrypt|incompatCasefold|incompatCsumSeed|incompatLargedir) ||
		f.roCompat(^uint32(roSparseSuper|roLargeFile|0x4)):
		info.Type = "ext4"
	case f.compat(compatHasJournal):
		info.Type = "ext3"
	default:
		info.Type = "ext2"
	}
	info.Label = cString(sb.volumeName())
	info.UUID = uuidString(sb.uuid())
	info.LastMounted = cString(sb.lastMounted())
	info.BlockSize = f.blockSize
	info.Size = int64(f.blocks) * f.blockSize
	info.InodeCount, info.FreeInodes = uint64(f.inodes), uint64(sb.freeInodes())
	free := uint64(sb.freeBlocksLo())
	if f.incompat(incompat64bit) {
		free |= uint64(sb.freeBlocksHi()) << 32
	}
	info.FreeBytes = int64(min(free, f.blocks)) * f.blockSize
	if sb.revLevel() > 0 {
		for w, mask := range []uint32{sb.featureCompat(), sb.featureIncompat(), sb.featureROCompat()} {
			info.Features = append(info.Features, featureList(w, mask)...)
		}
	}
	when := func(lo uint32, hi uint8) filesystem.Time {
		sec := int64(hi)<<32 | int64(lo)
		return filesystem.Time{Sec: sec, Known: sec != 0}
	}
	info.Created = when(sb.mkfsTime(), sb.mkfsTimeHi())
	info.Mounted = when(sb.mtime(), sb.mtimeHi())
	info.Written = when(sb.wtime(), sb.wtimeHi())
	info.Checked = when(sb.lastcheck(), sb.lastcheckHi())

	info.System = map[filesystem.Inum]string{}
	for n := filesystem.Inum(1); n < filesystem.Inum(min(f.firstInode(), 1<<16)); n++ {
		if n != f.Root() {
			info.System[n] = cmp.Or(systemInodes[n], "reserved")
		}
	}
	if n := sb.journalInum(); n != 0 && f.compat(compatHasJournal) {
		info.System[filesystem.Inum(n)] = "journal"
	}
	if n := sb.orphanFileInum(); n != 0 && f.compat(compatOrphanFile) {
		info.System[filesystem.Inum(n)] = "orphan file"
	}

	if f.incompat(incompatRecover) && !f.replayTold {
		f.note("The file system was not cleanly unmounted: its journal holds changes that are not in the tree (needs_recovery).")
	} else if sb.state()&1 == 0 && !f.replayTold {
		f.note("The file system was not cleanly unmounted.")
	}
	if sb.state()&2 != 0 {
		f.note("The kernel had recorded errors in this file system.")
	}
	if n := len(f.orphans); n > 0 {
		f.note("%d inodes are on the orphan list: deleted or truncated while open.", n)
	}
	if f.compat(compatHasJournal) && sb.journalInum() == 0 {
		f.note("The journal lies on another device, with UUID %s.", uuidString(sb.journalUUID()))
	}
	if f.incompat(incompatEncrypt) {
		f.note("Encryption is on: names and contents of encrypted directories are ciphertext here.")
	}
	if f.untold > 0 {
		f.note("%d more structures are damaged than are listed.", f.untold)
	}
	if f.size < info.Size {
		f.note("The image ends %d bytes before the file system does.", info.Size-f.size)
		f.damage(&filesystem.ReadError{Structure: "file system", Offset: f.size, Length: info.Size - f.size, Err: io.ErrUnexpectedEOF})
	}
}

// Info describes the file system as its superblock does.
func (f *FS) Info() filesystem.Info {
	info := f.info
	info.System = maps.Clone(info.System)
	info.Features, info.Notes, info.Damage = slices.Clone(info.Features), slices.Clone(info.Notes), slices.Clone(info.Damage)
	return info
}

// Root is inode 2.
func (f *FS) Root() filesystem.Inum { return 2 }

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func uuidString(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
