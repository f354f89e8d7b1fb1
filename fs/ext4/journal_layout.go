package ext4

import "encoding/binary"

// The journal (jbd2) is big-endian; only the records of fast commits are
// little-endian.
var be = binary.BigEndian

// rawJournalHeader is struct journal_header_s: 12 bytes at the start of every
// block of the journal that is not a copy of a block.
// https://docs.kernel.org/filesystems/ext4/journal.html#block-header
type rawJournalHeader []byte

const (
	journalMagic      = 0xc03b3998
	journalHeaderSize = 12
)

// Values of h_blocktype.
const (
	journalDescriptor = 1
	journalCommit     = 2
	journalSuperV1    = 3
	journalSuperV2    = 4
	journalRevoke     = 5
)

func (b rawJournalHeader) magic() uint32     { return be.Uint32(b[0x0:]) }
func (b rawJournalHeader) blockType() uint32 { return be.Uint32(b[0x4:]) }
func (b rawJournalHeader) sequence() uint32  { return be.Uint32(b[0x8:]) }

// rawJournalSuper is struct journal_superblock_s: 1024 bytes in the first
// block of the journal. Version 1 ends at 0x24.
// https://docs.kernel.org/filesystems/ext4/journal.html#super-block
type rawJournalSuper []byte

const journalSuperSize = 1024

func (b rawJournalSuper) magic() uint32           { return be.Uint32(b[0x00:]) }
func (b rawJournalSuper) blockType() uint32       { return be.Uint32(b[0x04:]) }
func (b rawJournalSuper) blockSize() uint32       { return be.Uint32(b[0x0c:]) } // bytes
func (b rawJournalSuper) maxLen() uint32          { return be.Uint32(b[0x10:]) } // blocks of the journal
func (b rawJournalSuper) first() uint32           { return be.Uint32(b[0x14:]) } // first block of the log
func (b rawJournalSuper) sequence() uint32        { return be.Uint32(b[0x18:]) } // first one expected in the log
func (b rawJournalSuper) start() uint32           { return be.Uint32(b[0x1c:]) } // block of the tail; 0 if the log is empty
func (b rawJournalSuper) errno() int32            { return int32(be.Uint32(b[0x20:])) }
func (b rawJournalSuper) featureCompat() uint32   { return be.Uint32(b[0x24:]) }
func (b rawJournalSuper) featureIncompat() uint32 { return be.Uint32(b[0x28:]) }
func (b rawJournalSuper) featureROCompat() uint32 { return be.Uint32(b[0x2c:]) }
func (b rawJournalSuper) uuid() []byte            { return b[0x30:0x40] }        // begins the checksums
func (b rawJournalSuper) fastBlocks() uint32      { return be.Uint32(b[0x54:]) } // of the fast-commit area, at the journal's end
func (b rawJournalSuper) head() uint32            { return be.Uint32(b[0x58:]) } // where a clean log goes on; 0 if not kept
func (b rawJournalSuper) checksum() uint32        { return be.Uint32(b[0xfc:]) } // crc32c with these four bytes zero

// Bits of s_feature_compat and s_feature_incompat of the journal.
const (
	journalCompatChecksum = 0x01 // crc32 over a transaction, in its commit block

	journalRevokes     = 0x01
	journal64bit       = 0x02
	journalAsyncCommit = 0x04
	journalCsumV2      = 0x08
	journalCsumV3      = 0x10
	journalFastCommit  = 0x20

	journalSupported = journalRevokes | journal64bit | journalAsyncCommit | journalCsumV2 | journalCsumV3 | journalFastCommit
)

// journalFeatureNames are spelled as dumpe2fs does; compatible ones first.
var journalFeatureNames = [2]map[uint32]string{
	{0x1: "journal_checksum"},
	{0x1: "journal_incompat_revoke", 0x2: "journal_64bit", 0x4: "journal_async_commit", 0x8: "journal_checksum_v2", 0x10: "journal_checksum_v3", 0x20: "fast_commit"},
}

// defaultFastBlocks is the size of the fast-commit area where the superblock
// gives none.
const defaultFastBlocks = 256

// Flags of a tag in a descriptor block.
// https://docs.kernel.org/filesystems/ext4/journal.html#descriptor-block
const (
	tagEscaped  = 0x1 // the copy began with the magic number, which is zero in the journal
	tagSameUUID = 0x2 // no UUID follows the tag
	tagDeleted  = 0x4
	tagLast     = 0x8
)

// rawTag is one tag: journal_block_tag3_s with checksums of version 3, else
// journal_block_tag_s, whose high half of the block number stands there with 64bit
// only.
type rawTag []byte

func (b rawTag) blockLo() uint32   { return be.Uint32(b[0x0:]) }
func (b rawTag) flags3() uint32    { return be.Uint32(b[0x4:]) }
func (b rawTag) checksum3() uint32 { return be.Uint32(b[0xc:]) }
func (b rawTag) checksum2() uint16 { return be.Uint16(b[0x4:]) }
func (b rawTag) flags2() uint16    { return be.Uint16(b[0x6:]) }
func (b rawTag) blockHi() uint32   { return be.Uint32(b[0x8:]) }

// rawJournalCommit is struct commit_header.
// https://docs.kernel.org/filesystems/ext4/journal.html#commit-block
type rawJournalCommit []byte

const (
	commitSize        = 0x3c
	commitChecksumAt  = 0x10
	commitCsumTypeCRC = 1 // crc32, big-endian bits, of the descriptors and copies
)

func (b rawJournalCommit) checksumType() uint8 { return b[0x0c] }
func (b rawJournalCommit) checksumSize() uint8 { return b[0x0d] }
func (b rawJournalCommit) checksum() uint32    { return be.Uint32(b[commitChecksumAt:]) }
func (b rawJournalCommit) seconds() uint64     { return be.Uint64(b[0x30:]) }
func (b rawJournalCommit) nanoseconds() uint32 { return be.Uint32(b[0x38:]) }

// rawJournalRevoke is struct jbd2_journal_revoke_header_s; block numbers of 4
// bytes, 8 with 64bit, follow.
// https://docs.kernel.org/filesystems/ext4/journal.html#revocation-block
type rawJournalRevoke []byte

const revokeHeaderSize = 16

func (b rawJournalRevoke) count() uint32 { return be.Uint32(b[0xc:]) } // bytes used, the header included

// Tags of the fast-commit area: a tag and a length of 16 bits each, then the
// value, all little-endian.
// https://docs.kernel.org/filesystems/ext4/journal.html#fast-commits
const (
	fastAddRange = 1
	fastDelRange = 2
	fastCreate   = 3
	fastLinked   = 4
	fastUnlink   = 5
	fastInode    = 6
	fastPad      = 7
	fastTail     = 8
	fastHead     = 9
)
