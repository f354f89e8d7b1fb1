// Package deleted finds what was deleted from a file system of the ext family,
// with its names.
//
// Today's kernels empty the extent tree of an inode that they free and wipe its
// directory entry. The journal holds earlier copies of both. [Find] joins the
// copies of inodes (owner, times, where the content lies) with those of directory
// blocks (names), with what slack and unallocated inodes still say, and tells of
// each version of a file how much of its content can be trusted.
//
// Only what was deleted is listed: an inode that is still allocated under its
// generation is not, except for the content that it lost by truncation.
//
// The journal's format: https://docs.kernel.org/filesystems/ext4/journal.html
package deleted

import (
	"context"
	"errors"
	"fmt"
	"time"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// Kind says what became of a file.
type Kind uint8

const (
	Deleted   Kind = iota // no name leads to the inode any more
	Open                  // deleted, but a process held it open when the image was made
	Truncated             // the file lives, this content of it does not
)

var kindNames = [...]string{"deleted", "open", "truncated"}

func (k Kind) String() string { return kindNames[k] }

// Grade says how much of a file can be recovered.
type Grade uint8

const (
	// Complete: every block of the content is free, or still the file's own, and
	// nothing shows that it was used again; where the name says a type, the
	// content has it. An empty file is complete.
	Complete Grade = iota
	// Partial: some of the content was used again or cannot be read, or it is
	// not what the name says.
	Partial
	// Metadata: nothing of the content is known or left, or there never was any.
	Metadata
)

var gradeNames = [...]string{"complete", "partial", "metadata"}

func (g Grade) String() string { return gradeNames[g] }

// Source says where a name was read.
type Source uint8

const (
	NoName      Source = iota
	FromJournal        // an entry in a copy of a directory block in the journal
	FromSlack          // a deleted entry in the slack of a directory block
	FromTree           // the file lives, and this is its name
)

var sourceNames = [...]string{"", "journal", "slack", "tree"}

func (s Source) String() string { return sourceNames[s] }

// File is one version of something that was deleted.
type File struct {
	// Path begins with "/", from the root of the file system, byte for byte. What
	// no name is known of stands under [filesystem.OrphanPath]; a directory whose
	// parent is known, as $Orphan with its number below that.
	Path     string
	Whole    bool // every element of Path is known
	NameFrom Source
	// Names are other names that it had: hard links, and what it was called before
	// it was renamed, the latest first.
	Names []string

	// Inode is the state that this version is taken from: Offset is where that
	// copy lies. Nil if only a name is known.
	Inode *filesystem.Inode
	Inum  filesystem.Inum
	Type  filesystem.FileType

	Kind    Kind
	Grade   Grade
	Version int      // of this file, from 1, the oldest first
	Of      int      // versions
	Why     []string // what made the grade, a clause each
	Reused  []Reuse  // parts of the content that are another's now, in order

	DeletedAt     filesystem.Time // as the inode says; not known if it does not
	After, Before time.Time       // what commits of the journal say: it lived after, and was gone before; zero if not known
	ReusedBy      filesystem.Inum // of the inode: the file that has the same number today; 0 if none

	Xattrs  []filesystem.Xattr // as of that state
	Target  string             // of a symbolic link
	Content filesystem.Content // nil if there is none to read; Lost where it was used again
}

// Reuse is a part of a file's content whose blocks were used again.
type Reuse struct {
	Logical int64 // from the start of the file
	Length  int64
	By      filesystem.Inum // 0 for a structure of the file system, or if it is not known
	Path    string          // of By, if it lives; "" if not known
}

// Result is what [Find] gives.
type Result struct {
	Files  []File   // in the order of paths, then inodes and versions
	Notes  []string // what an investigator must know, a sentence each
	Damage []error  // what could not be read
}

// Find looks for all that was deleted. It fails only if the file system is not
// one of the ext family, or ctx ends.
func Find(ctx context.Context, fsys filesystem.FileSystem) (*Result, error) {
	f, ok := fsys.(*ext4.FS)
	if !ok {
		return nil, fmt.Errorf("deleted files of %s: %w", fsys.Info().Type, errors.ErrUnsupported)
	}
	e := newEngine(ctx, f)
	e.openJournal()
	for _, step := range []func() error{e.readInodes, e.readTables, e.divide, e.readNames, e.assign, e.versions, e.grade} {
		if err := step(); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return e.result(), nil
}
