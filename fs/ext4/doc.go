// Package ext4 reads ext2, ext3 and ext4, read-only, from any io.ReaderAt.
//
// It reads what the kernel and e2fsprogs write: blocks of 1 to 64 KiB, inodes
// of 128 bytes and more, 32 and 64 bit, extents and indirect blocks, inline
// data, bigalloc, htree directories, extended attributes in the inode, in a block
// and in inodes of their own. Checksums are verified; a mismatch is reported as
// damage, and the structure is used all the same. Incompatible features that it
// does not know are refused by name.
//
// Where a file system needs recovery, the committed transactions of its journal
// lie over the disk in all that is read, as after a mount, and [filesystem.Info]
// says so; [NoReplay] shows the disk as it is. Two things that a mount would do
// besides are not done: inodes on the orphan list are listed, not removed, and the
// changes of fast commits are listed by [Journal.FastCommits], not carried out.
//
// [FS.Journal] reads the journal whole, older transactions that its log no longer
// names included: copies of blocks, earlier states of inodes, what happened to
// files. A copy counts if its checksum fits or, where there is none, if no later
// transaction can lie over it.
//
// The journal is big-endian, all else little-endian.
//
// Specification: https://docs.kernel.org/filesystems/ext4/, the journal's at
// https://docs.kernel.org/filesystems/ext4/journal.html
//
// # Terms
//
// A block is the unit of allocation, a cluster is several of them where
// bigalloc is on. A logical block is counted from the start of a file, a
// physical block from the start of the file system. The depth of an extent
// node is its height: 0 for a leaf.
package ext4
