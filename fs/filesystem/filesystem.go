// Package filesystem holds the words that every reader of a file system
// shares: inodes, directory entries, extents, times, contents, damage.
//
// A [FileSystem] has two doors. The first is [io/fs.FS]: look-ups by path in
// the allocated tree, for names that are valid UTF-8. The second is complete:
// every inode, every name byte for byte, allocated or not, every run of
// unallocated bytes.
//
// Offsets and lengths are bytes. An offset is counted from the start of the
// file system unless its name says otherwise. Times are UTC.
package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
)

// Inum is the number of an inode. Zero names none.
type Inum uint64

// FileSystem is one file system on one volume, read-only. Its methods may be
// called concurrently.
//
// An error that a sequence yields concerns one place, and the sequence goes
// on; a sequence that cannot go on yields its error last.
type FileSystem interface {
	fs.FS
	fs.ReadLinkFS

	// Info describes the file system as its superblock does.
	Info() Info

	// Inodes yields every inode that holds anything, in the order of the disk:
	// allocated ones and unallocated ones with data left. The *Inode is valid
	// until the next iteration; use [Inode.Clone] to keep it.
	Inodes(ctx context.Context) iter.Seq2[*Inode, error]

	// Entries yields every directory entry, "." and ".." too, in the order of
	// the directories' blocks on the disk, deleted names that survive in the slack
	// included. Entry.Name is valid until the next iteration.
	Entries(ctx context.Context) iter.Seq2[Entry, error]

	// Unallocated yields the runs of bytes that no inode and no metadata
	// structure owns, in the order of the disk.
	Unallocated(ctx context.Context) iter.Seq2[Extent, error]

	// Inode reads one inode by its number.
	Inode(n Inum) (*Inode, error)

	// Content maps the data of an inode: a regular file, a directory's
	// blocks, a symbolic link's target. A Content that comes beside an error is the
	// part that could be mapped; reading the rest gives the error again.
	Content(in *Inode) (Content, error)

	// Link returns the target of a symbolic link, byte for byte.
	Link(in *Inode) ([]byte, error)

	// Xattrs returns the extended attributes of an inode, sorted by name.
	// Those that come beside an error are the ones that could be read.
	Xattrs(in *Inode) ([]Xattr, error)

	// Find resolves a path of the allocated tree to its inode, byte for byte,
	// names that are not UTF-8 included. Symbolic links on the way are followed
	// inside the file system, forty steps at the most; the last element is
	// followed only if follow is true.
	Find(path string, follow bool) (*Inode, error)

	// Root is the inode of the root directory.
	Root() Inum
}

// Batcher is a file system that can read its inodes on several goroutines.
type Batcher interface {
	// Batches calls work on several goroutines, each time with the inodes of
	// one stretch of the disk and an empty buffer, and yields what work made of the
	// buffer in the order of the disk. Neither inodes nor bytes outlive their turn.
	Batches(ctx context.Context, work func(inodes []Inode, buf []byte) []byte) iter.Seq2[[]byte, error]
}

// Batches is [Batcher.Batches] for any file system.
func Batches(ctx context.Context, fsys FileSystem, work func(inodes []Inode, buf []byte) []byte) iter.Seq2[[]byte, error] {
	if b, ok := fsys.(Batcher); ok {
		return b.Batches(ctx, work)
	}
	return func(yield func([]byte, error) bool) {
		var buf []byte
		for in, err := range fsys.Inodes(ctx) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if buf = work([]Inode{*in}, buf[:0]); len(buf) > 0 && !yield(buf, nil) {
				return
			}
		}
	}
}

// Info is what a file system says of itself.
type Info struct {
	Type        string   // "ext4", "ext3", "ext2"
	Label       string   // volume name
	UUID        string   // in the usual 8-4-4-4-12 form
	BlockSize   int64    // bytes
	Size        int64    // bytes that the file system says it has
	InodeCount  uint64   // inodes that it has room for
	FreeInodes  uint64   // as the superblock counts them
	FreeBytes   int64    // as the superblock counts them
	Features    []string // names as mke2fs spells them
	LastMounted string   // directory it was last mounted on
	Created     Time
	Mounted     Time // last mount
	Written     Time // last write of the superblock
	Checked     Time // last fsck
	// System names the inodes that the file system keeps for itself and that no
	// directory names: "journal", "resize inode", ...
	System map[Inum]string
	Notes  []string // what an investigator must know, a sentence each: needs recovery, backup superblock used, ...
	Damage []error  // what was found wrong when it was opened
}

// Content is the data of one inode. ReadAt gives zeros for holes and for
// unwritten extents, as the kernel would.
type Content interface {
	io.ReaderAt
	Size() int64
	// Extents returns the runs of the file in logical order, holes included.
	// They cover Size bytes, and go on past it where blocks are allocated there: to the
	// end of the last block (slack), and what was allocated ahead.
	Extents() []Extent
}

// ExtentKind says what stands behind a run of a file.
type ExtentKind uint8

const (
	Data      ExtentKind = iota // bytes on the disk at Offset
	Hole                        // no blocks, reads as zeros
	Unwritten                   // blocks at Offset that were never written through this file; reads as zeros
	Inline                      // bytes inside the inode at Offset
	Encrypted                   // bytes at Offset, encrypted by the file system
	Lost                        // the mapping is damaged: what stands here is not known, reading it is an error
)

var extentKinds = [...]string{"data", "hole", "unwritten", "inline", "encrypted", "lost"}

func (k ExtentKind) String() string { return extentKinds[k] }

// Extent is a run of bytes.
type Extent struct {
	Logical int64 // from the start of the file; 0 where no file owns the run
	Offset  int64 // from the start of the file system; -1 for a hole and for what is lost
	Length  int64
	Kind    ExtentKind
}

// Entry is one name in one directory.
type Entry struct {
	Parent    Inum // directory that holds the entry
	Inum      Inum // inode that it names; 0 if that was wiped
	Name      []byte
	Type      FileType // as the entry says, Unknown where it does not
	Allocated bool     // false for a deleted name left in the slack
	Encrypted bool     // Name is ciphertext
	Offset    int64    // of the entry, from the start of the file system
}

// IsDot reports whether the entry is "." or "..".
func (e *Entry) IsDot() bool {
	return len(e.Name) == 1 && e.Name[0] == '.' || len(e.Name) == 2 && e.Name[0] == '.' && e.Name[1] == '.'
}

// Xattr is one extended attribute.
type Xattr struct {
	Name   string // with its prefix: "security.capability"
	Value  []byte
	Offset int64 // of the value, from the start of the file system
}

// Inode is the metadata of one file.
type Inode struct {
	Inum       Inum
	Allocated  bool // as the inode bitmap says
	Mode       Mode
	UID, GID   uint32
	Project    uint32
	Links      uint32
	Size       int64
	Sectors    uint64 // 512-byte sectors that it takes, as i_blocks says
	Flags      Flags
	Generation uint32
	Major      uint32 // of a device node
	Minor      uint32
	Times      Times
	Offset     int64  // of the inode on the disk, from the start of the file system
	Raw        []byte // the inode's bytes on the disk
}

// Clone returns a copy that outlives the iteration that gave in.
func (in *Inode) Clone() *Inode {
	c := *in
	c.Raw = append([]byte(nil), in.Raw...)
	return &c
}

// Times are the five times that an inode can carry.
type Times struct {
	Modified Time // content last written
	Accessed Time
	Changed  Time // inode last changed
	Born     Time
	Deleted  Time // whole seconds; set by the kernel when the inode is freed
}

// CorruptError is damage: a structure on the disk that says what cannot be.
type CorruptError struct {
	Structure string // "superblock", "group descriptor", "inode", "extent node", "directory block", ...
	Offset    int64  // of the structure, from the start of the file system; -1 if unknown
	Inum      Inum   // that it belongs to; 0 if none
	Reason    string
}

func (e *CorruptError) Error() string {
	var b strings.Builder
	b.WriteString(e.Structure)
	if e.Inum != 0 {
		fmt.Fprintf(&b, " of inode %d", e.Inum)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " at byte %d", e.Offset)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	return b.String()
}

// ReadError is a range of the file system that could not be read from the
// evidence.
type ReadError struct {
	Structure string // what was being read
	Offset    int64  // from the start of the file system
	Length    int64
	Inum      Inum // 0 if none
	Err       error
}

func (e *ReadError) Error() string {
	s := e.Structure
	if e.Inum != 0 {
		s += fmt.Sprintf(" of inode %d", e.Inum)
	}
	return fmt.Sprintf("%s at byte %d, %d bytes: %v", s, e.Offset, e.Length, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// Place returns where damage lies: the offset from the start of the file
// system (-1 if the error names none) and the inode (0 if none).
func Place(err error) (offset int64, n Inum) {
	var c *CorruptError
	if errors.As(err, &c) {
		return c.Offset, c.Inum
	}
	var r *ReadError
	if errors.As(err, &r) {
		return r.Offset, r.Inum
	}
	return -1, 0
}
