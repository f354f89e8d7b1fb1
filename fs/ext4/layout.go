package ext4

import "encoding/binary"

var le = binary.LittleEndian

// rawSuper is struct ext4_super_block: 1024 bytes at byte 1024 of the file
// system, and copies of it at the start of some groups.
// https://docs.kernel.org/filesystems/ext4/globals.html#super-block
type rawSuper []byte

const (
	superOffset = 1024
	superSize   = 1024
	superMagic  = 0xef53
)

func (b rawSuper) inodesCount() uint32         { return le.Uint32(b[0x00:]) }
func (b rawSuper) blocksCountLo() uint32       { return le.Uint32(b[0x04:]) }
func (b rawSuper) freeBlocksLo() uint32        { return le.Uint32(b[0x0c:]) }
func (b rawSuper) freeInodes() uint32          { return le.Uint32(b[0x10:]) }
func (b rawSuper) firstDataBlock() uint32      { return le.Uint32(b[0x14:]) }
func (b rawSuper) logBlockSize() uint32        { return le.Uint32(b[0x18:]) } // block size is 1024 << this
func (b rawSuper) logClusterSize() uint32      { return le.Uint32(b[0x1c:]) } // likewise; of meaning with bigalloc
func (b rawSuper) blocksPerGroup() uint32      { return le.Uint32(b[0x20:]) }
func (b rawSuper) inodesPerGroup() uint32      { return le.Uint32(b[0x28:]) }
func (b rawSuper) mtime() uint32               { return le.Uint32(b[0x2c:]) } // last mount, seconds
func (b rawSuper) wtime() uint32               { return le.Uint32(b[0x30:]) } // last write, seconds
func (b rawSuper) magic() uint16               { return le.Uint16(b[0x38:]) }
func (b rawSuper) state() uint16               { return le.Uint16(b[0x3a:]) } // 1 cleanly unmounted, 2 errors, 4 orphans being recovered
func (b rawSuper) lastcheck() uint32           { return le.Uint32(b[0x40:]) }
func (b rawSuper) revLevel() uint32            { return le.Uint32(b[0x4c:]) } // 0: fixed inode size, no features
func (b rawSuper) firstIno() uint32            { return le.Uint32(b[0x54:]) }
func (b rawSuper) inodeSize() uint16           { return le.Uint16(b[0x58:]) }
func (b rawSuper) blockGroupNr() uint16        { return le.Uint16(b[0x5a:]) } // group of this copy
func (b rawSuper) featureCompat() uint32       { return le.Uint32(b[0x5c:]) }
func (b rawSuper) featureIncompat() uint32     { return le.Uint32(b[0x60:]) }
func (b rawSuper) featureROCompat() uint32     { return le.Uint32(b[0x64:]) }
func (b rawSuper) uuid() []byte                { return b[0x68:0x78] }
func (b rawSuper) volumeName() []byte          { return b[0x78:0x88] }
func (b rawSuper) lastMounted() []byte         { return b[0x88:0xc8] }
func (b rawSuper) reservedGDTBlocks() uint16   { return le.Uint16(b[0xce:]) }
func (b rawSuper) journalUUID() []byte         { return b[0xd0:0xe0] }
func (b rawSuper) journalInum() uint32         { return le.Uint32(b[0xe0:]) }
func (b rawSuper) lastOrphan() uint32          { return le.Uint32(b[0xe8:]) } // head of the list through i_dtime
func (b rawSuper) descSize() uint16            { return le.Uint16(b[0xfe:]) } // of a group descriptor, with 64bit
func (b rawSuper) firstMetaBG() uint32         { return le.Uint32(b[0x104:]) }
func (b rawSuper) journalBackupType() uint8    { return b[0xfd] } // 1: s_jnl_blocks is a copy of the journal's i_block and size
func (b rawSuper) journalBackupBlocks() []byte { return b[0x10c:0x148] }
func (b rawSuper) journalBackupSizeHi() uint32 { return le.Uint32(b[0x148:]) }
func (b rawSuper) journalBackupSizeLo() uint32 { return le.Uint32(b[0x14c:]) }
func (b rawSuper) mkfsTime() uint32            { return le.Uint32(b[0x108:]) }
func (b rawSuper) blocksCountHi() uint32       { return le.Uint32(b[0x150:]) }
func (b rawSuper) freeBlocksHi() uint32        { return le.Uint32(b[0x158:]) }
func (b rawSuper) backupBGs(i int) uint32      { return le.Uint32(b[0x24c+4*i:]) } // with sparse_super2
func (b rawSuper) checksumSeed() uint32        { return le.Uint32(b[0x270:]) }
func (b rawSuper) wtimeHi() uint8              { return b[0x274] } // bits 32 to 39
func (b rawSuper) mtimeHi() uint8              { return b[0x275] }
func (b rawSuper) mkfsTimeHi() uint8           { return b[0x276] }
func (b rawSuper) lastcheckHi() uint8          { return b[0x277] }
func (b rawSuper) orphanFileInum() uint32      { return le.Uint32(b[0x280:]) }
func (b rawSuper) checksum() uint32            { return le.Uint32(b[0x3fc:]) } // crc32c of what precedes

// Bits of s_feature_compat.
const (
	compatHasJournal   = 0x0004
	compatExtAttr      = 0x0008
	compatResizeInode  = 0x0010
	compatDirIndex     = 0x0020
	compatSparseSuper2 = 0x0200
	compatFastCommit   = 0x0400
	compatOrphanFile   = 0x1000
)

// Bits of s_feature_incompat.
const (
	incompatCompression = 0x00001
	incompatFiletype    = 0x00002
	incompatRecover     = 0x00004
	incompatJournalDev  = 0x00008
	incompatMetaBG      = 0x00010
	incompatExtents     = 0x00040
	incompat64bit       = 0x00080
	incompatMMP         = 0x00100
	incompatFlexBG      = 0x00200
	incompatEAInode     = 0x00400
	incompatDirdata     = 0x01000
	incompatCsumSeed    = 0x02000
	incompatLargedir    = 0x04000
	incompatInlineData  = 0x08000
	incompatEncrypt     = 0x10000
	incompatCasefold    = 0x20000

	incompatSupported = incompatFiletype | incompatRecover | incompatMetaBG | incompatExtents | incompat64bit | incompatMMP |
		incompatFlexBG | incompatEAInode | incompatCsumSeed | incompatLargedir | incompatInlineData | incompatEncrypt | incompatCasefold
)

// Bits of s_feature_ro_compat.
const (
	roSparseSuper   = 0x0001
	roLargeFile     = 0x0002
	roHugeFile      = 0x0008
	roGDTCsum       = 0x0010
	roBigalloc      = 0x0200
	roMetadataCsum  = 0x0400
	roOrphanPresent = 0x10000
)

// featureNames are spelled as mke2fs and dumpe2fs do, by word and bit.
var featureNames = [3]map[uint32]string{
	{0x1: "dir_prealloc", 0x2: "imagic_inodes", 0x4: "has_journal", 0x8: "ext_attr", 0x10: "resize_inode", 0x20: "dir_index",
		0x40: "lazy_bg", 0x100: "snapshot_bitmap", 0x200: "sparse_super2", 0x400: "fast_commit", 0x800: "stable_inodes", 0x1000: "orphan_file"},
	{0x1: "compression", 0x2: "filetype", 0x4: "needs_recovery", 0x8: "journal_dev", 0x10: "meta_bg", 0x40: "extent", 0x80: "64bit",
		0x100: "mmp", 0x200: "flex_bg", 0x400: "ea_inode", 0x1000: "dirdata", 0x2000: "metadata_csum_seed", 0x4000: "large_dir",
		0x8000: "inline_data", 0x10000: "encrypt", 0x20000: "casefold"},
	{0x1: "sparse_super", 0x2: "large_file", 0x4: "btree_dir", 0x8: "huge_file", 0x10: "uninit_bg", 0x20: "dir_nlink", 0x40: "extra_isize",
		0x80: "has_snapshot", 0x100: "quota", 0x200: "bigalloc", 0x400: "metadata_csum", 0x800: "replica", 0x1000: "read-only",
		0x2000: "project", 0x4000: "shared_blocks", 0x8000: "verity", 0x10000: "orphan_present"},
}

// rawGroup is struct ext4_group_desc: 32 bytes, 64 or more with 64bit.
// https://docs.kernel.org/filesystems/ext4/globals.html#block-group-descriptors
type rawGroup []byte

func (b rawGroup) blockBitmapLo() uint32     { return le.Uint32(b[0x00:]) }
func (b rawGroup) inodeBitmapLo() uint32     { return le.Uint32(b[0x04:]) }
func (b rawGroup) inodeTableLo() uint32      { return le.Uint32(b[0x08:]) }
func (b rawGroup) flags() uint16             { return le.Uint16(b[0x12:]) }
func (b rawGroup) blockBitmapCsumLo() uint16 { return le.Uint16(b[0x18:]) }
func (b rawGroup) inodeBitmapCsumLo() uint16 { return le.Uint16(b[0x1a:]) }
func (b rawGroup) itableUnusedLo() uint16    { return le.Uint16(b[0x1c:]) }
func (b rawGroup) checksum() uint16          { return le.Uint16(b[0x1e:]) }
func (b rawGroup) blockBitmapHi() uint32     { return le.Uint32(b[0x20:]) }
func (b rawGroup) inodeBitmapHi() uint32     { return le.Uint32(b[0x24:]) }
func (b rawGroup) inodeTableHi() uint32      { return le.Uint32(b[0x28:]) }
func (b rawGroup) itableUnusedHi() uint16    { return le.Uint16(b[0x32:]) }
func (b rawGroup) blockBitmapCsumHi() uint16 { return le.Uint16(b[0x38:]) }
func (b rawGroup) inodeBitmapCsumHi() uint16 { return le.Uint16(b[0x3a:]) }

const (
	groupInodeUninit = 0x1
	groupBlockUninit = 0x2
)

// rawInode is struct ext4_inode: 128 bytes, then i_extra_isize bytes of
// further fields where the inode is larger.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#index-nodes
type rawInode []byte

const (
	inodeBase  = 128
	blockField = 0x28 // i_block
	blockLen   = 60
)

func (b rawInode) mode() uint16        { return le.Uint16(b[0x00:]) }
func (b rawInode) uidLo() uint16       { return le.Uint16(b[0x02:]) }
func (b rawInode) sizeLo() uint32      { return le.Uint32(b[0x04:]) }
func (b rawInode) atime() int32        { return int32(le.Uint32(b[0x08:])) } // seconds, signed
func (b rawInode) ctime() int32        { return int32(le.Uint32(b[0x0c:])) }
func (b rawInode) mtime() int32        { return int32(le.Uint32(b[0x10:])) }
func (b rawInode) dtime() uint32       { return le.Uint32(b[0x14:]) } // seconds, or the next orphan's number
func (b rawInode) gidLo() uint16       { return le.Uint16(b[0x18:]) }
func (b rawInode) linksCount() uint16  { return le.Uint16(b[0x1a:]) }
func (b rawInode) blocksLo() uint32    { return le.Uint32(b[0x1c:]) }
func (b rawInode) flags() uint32       { return le.Uint32(b[0x20:]) }
func (b rawInode) block() []byte       { return b[blockField : blockField+blockLen] }
func (b rawInode) generation() uint32  { return le.Uint32(b[0x64:]) }
func (b rawInode) fileACLLo() uint32   { return le.Uint32(b[0x68:]) }
func (b rawInode) sizeHi() uint32      { return le.Uint32(b[0x6c:]) }
func (b rawInode) blocksHi() uint16    { return le.Uint16(b[0x74:]) }
func (b rawInode) fileACLHi() uint16   { return le.Uint16(b[0x76:]) }
func (b rawInode) uidHi() uint16       { return le.Uint16(b[0x78:]) }
func (b rawInode) gidHi() uint16       { return le.Uint16(b[0x7a:]) }
func (b rawInode) checksumLo() uint16  { return le.Uint16(b[0x7c:]) }
func (b rawInode) extraIsize() uint16  { return le.Uint16(b[0x80:]) }
func (b rawInode) checksumHi() uint16  { return le.Uint16(b[0x82:]) }
func (b rawInode) ctimeExtra() uint32  { return le.Uint32(b[0x84:]) } // 2 epoch bits, 30 bits of nanoseconds
func (b rawInode) mtimeExtra() uint32  { return le.Uint32(b[0x88:]) }
func (b rawInode) atimeExtra() uint32  { return le.Uint32(b[0x8c:]) }
func (b rawInode) crtime() int32       { return int32(le.Uint32(b[0x90:])) }
func (b rawInode) crtimeExtra() uint32 { return le.Uint32(b[0x94:]) }
func (b rawInode) projectID() uint32   { return le.Uint32(b[0x9c:]) }

// has reports whether the inode's extra fields reach to the given offset.
func (b rawInode) has(end int) bool {
	return len(b) >= end && inodeBase+int(b.extraIsize()) >= end
}

// rawExtents is an extent node: a header of 12 bytes, then entries of 12
// bytes, then (outside of the inode) a checksum.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#extent-tree
type rawExtents []byte

const (
	extentMagic = 0xf30a
	extentSize  = 12
	// A file has at most 2^32 blocks and an entry takes 12 bytes, so that even
	// blocks of 1 KiB need no more than five levels below the inode.
	extentMaxDepth = 5
	// unwrittenBase is what ee_len exceeds where the extent is not written.
	unwrittenBase = 0x8000
)

func (b rawExtents) magic() uint16   { return le.Uint16(b[0x00:]) }
func (b rawExtents) entries() uint16 { return le.Uint16(b[0x02:]) }
func (b rawExtents) max() uint16     { return le.Uint16(b[0x04:]) }
func (b rawExtents) depth() uint16   { return le.Uint16(b[0x06:]) }

// entry i, whichever kind.
func (b rawExtents) logical(i int) uint32 { return le.Uint32(b[extentSize*(i+1):]) }

// leaf entry i: struct ext4_extent.
func (b rawExtents) length(i int) uint16 { return le.Uint16(b[extentSize*(i+1)+4:]) }
func (b rawExtents) physical(i int) uint64 {
	p := extentSize * (i + 1)
	return uint64(le.Uint16(b[p+6:]))<<32 | uint64(le.Uint32(b[p+8:]))
}

// index entry i: struct ext4_extent_idx.
func (b rawExtents) child(i int) uint64 {
	p := extentSize * (i + 1)
	return uint64(le.Uint16(b[p+8:]))<<32 | uint64(le.Uint32(b[p+4:]))
}

// rawDirent is struct ext4_dir_entry_2: 8 bytes, then the name.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#linear-classic-directories
type rawDirent []byte

const (
	direntBase = 8
	// tailFileType marks the entry that holds a directory block's checksum.
	tailFileType = 0xde
	tailSize     = 12
)

func (b rawDirent) inode() uint32   { return le.Uint32(b[0x0:]) }
func (b rawDirent) recLen() uint16  { return le.Uint16(b[0x4:]) }
func (b rawDirent) nameLen() uint8  { return b[0x6] }
func (b rawDirent) fileType() uint8 { return b[0x7] }

// direntSize is the space that a name of n bytes takes.
func direntSize(n int) int { return (direntBase + n + 3) &^ 3 }

// rawXattrHeader is struct ext4_xattr_header, at the start of an attribute
// block; in the inode only the magic number stands.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#extended-attributes
const (
	xattrMagic      = 0xea020000
	xattrHeaderSize = 32
	xattrCsumOffset = 0x10
	xattrEntrySize  = 16
)

// rawXattr is struct ext4_xattr_entry, then the name.
type rawXattr []byte

func (b rawXattr) nameLen() uint8    { return b[0x0] }
func (b rawXattr) nameIndex() uint8  { return b[0x1] }
func (b rawXattr) valueOffs() uint16 { return le.Uint16(b[0x2:]) } // from the first entry in the inode, from the block's start in a block
func (b rawXattr) valueInum() uint32 { return le.Uint32(b[0x4:]) }
func (b rawXattr) valueSize() uint32 { return le.Uint32(b[0x8:]) }

// orphanMagic ends each block of the orphan file.
const orphanMagic = 0x0b10ca04
