// Package ext4 reads ext2, ext3 and ext4, read-only, from any io.ReaderAt.
//
// It reads what the kernel and e2fsprogs write: blocks of 1 to 64 KiB, inodes
// of 128 bytes and more, 32 and 64 bit, extents and indirect blocks, inline
// data, bigalloc, htree directories, extended attributes in the inode, in a block
// and in inodes of their own. Checksums are verified; a mismatch is reported as
// damage, and the structure is used all the same. Incompatible features that it
// does not know are refused by name.
//
// The journal is not replayed: what is read is what lies on the disk, and
// [filesystem.Info] says when the journal holds more.
//
// All structures are little-endian.
//
// Specification: https://docs.kernel.org/filesystems/ext4/
//
// # Terms
//
// A block is the unit of allocation, a cluster is several of them where
// bigalloc is on. A logical block is counted from the start of a file, a
// physical block from the start of the file system. The depth of an extent
// node is its height: 0 for a leaf.
package ext4
