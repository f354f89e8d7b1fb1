package timeline

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"deadbox/fs/filesystem"
)

// Extractor turns one kind of artefact into records.
type Extractor struct {
	Name string // lower case with hyphens: "shell-history"
	// Doc says what it yields, then where the format is specified.
	Doc string
	// Paths are the files that it reads: path.Match patterns from the server's
	// root, where a leading "~/" stands for each account's home and an element "**"
	// for any number of directories, none included. Two patterns may name the
	// same file; it is read once.
	Paths []string
	// Named reads one configuration file of the server and gives more patterns, in
	// the form of Paths: the files that the server was told to use, wherever they
	// are. It may open other files (what a configuration includes), and is pure as
	// Run is. NamedIn are the patterns of the configuration files. [Rotated] makes
	// the patterns of a log with those rotated from it, [Literal] that of any other
	// name. A file that the Paths of another extractor fit stays with that one,
	// whatever a configuration says.
	Named   func(s *Source) []string
	NamedIn []string
	// Rest says that the patterns are broad, and that files that any other
	// extractor reads are not meant.
	Rest bool
	// Links says that symbolic links are read too, as themselves: their Source
	// has a Target and no Data. Without it a link stands for the file that it leads to.
	Links bool
	// Raw says that packed files are read as they are, not unpacked.
	Raw bool
	// Run yields the records of one file. It is pure: no globals, no clock, no
	// writing. An error concerns one place of the file, and the sequence goes on.
	Run func(ctx context.Context, f *Source) iter.Seq2[Record, error]
	// Split, if it is set, allows that a large file is read in parts at the same
	// time, by a call of Run for each.
	Split *Split
}

// Split says how a text file can be read in parts. Each part is a Source whose
// From and FromLine say where it begins; [Lines] starts there, so that offsets
// and numbers of lines are those of the file. A part ends with a line.
type Split struct {
	// Prepare looks at the whole file before the parts are read. What it gives is
	// each part's Prepared. Where ok is false, the file is read in one go. It may be nil.
	Prepare func(ctx context.Context, f *Source) (prepared any, ok bool)
	// Begins tells whether a part may begin with a line: one that does not need
	// what came before it. It may be nil, if any line will do.
	Begins func(line []byte) bool
}

// Fits reports whether the elements of a path are those of a pattern, as
// [Extractor].Paths defines them.
func Fits(pattern, name []string) bool {
	for i, elem := range pattern {
		if elem == "**" {
			for j := i; j < len(name); j++ {
				if Fits(pattern[i+1:], name[j:]) {
					return true
				}
			}
			return i == len(pattern)-1
		}
		if i >= len(name) {
			return false
		}
		if ok, _ := path.Match(elem, name[i]); !ok {
			return false
		}
	}
	return len(name) == len(pattern)
}

// Source is one file that an extractor reads.
type Source struct {
	Path    string            // on the server
	Account string            // whose home it lies in; "" if none
	Inode   *filesystem.Inode // its metadata: rotated logs are dated by it
	Data    io.ReaderAt       // the file's bytes, unpacked if Packed is set
	Size    int64             // of Data; in a part of a file, where the part ends
	// From is where the reading of lines begins, and FromLine the number of its first
	// line, in a part of a file (see [Split]); both are 0 otherwise. Prepared is what
	// Split's Prepare gave, nil if it was not called.
	From     int64
	FromLine int
	Prepared any
	Packed   string         // "gzip", "xz", "bzip2", "zstd" or "lz4" if Data was unpacked from it
	Target   string         // of a symbolic link, for an extractor that asks for links; "" of a file
	Zone     *time.Location // the server's time zone
	// Sibling opens another file of the server by its path, for formats that
	// need two (passwd and shadow). It gives nil if there is none.
	Sibling func(path string) *Source
	// Symlink gives a symbolic link itself: its Target and its inode, no Data. It
	// gives nil if the path is none.
	Symlink func(path string) *Source
	// Stat gives the inode of another file, whose content is not looked at; nil if
	// there is none.
	Stat func(path string) *filesystem.Inode
	// Glob lists the server's files that a pattern of path.Match fits, sorted, for
	// formats that are read together with others: a configuration and what it includes.
	Glob func(pattern string) []string
	// Place turns a range of Data and a line number (0 if none) into evidence.
	Place func(offset, length int64, line int) Evidence
	// NextData, if it is set, gives the first offset at or after off that is
	// not in a hole of the file, or Size. Holes read as zeros; knowing them spares
	// the reading.
	NextData func(off int64) int64
}

// Evidence says where a range of Data and a line lie. Without Place it names
// no more than the path and the line.
func (s *Source) Evidence(offset, length int64, line int) Evidence {
	if s.Place == nil {
		return Evidence{Path: s.Path, Offset: -1, Line: line, Packed: s.Packed}
	}
	return s.Place(offset, length, line)
}

// Owner is the account in whose home the file lies, also of a home that no
// account names any more; "" if it lies in none.
func (s *Source) Owner() string {
	if s.Account != "" {
		return s.Account
	}
	parts := strings.Split(strings.TrimPrefix(s.Path, "/"), "/")
	switch {
	case len(parts) > 1 && parts[0] == "root":
		return "root"
	case len(parts) > 2 && parts[0] == "home":
		return parts[1]
	}
	return ""
}

// WAL gives the write-ahead log beside a database of SQLite: its source for
// evidence, and what reading the database wants. All are nil and zero if there is none.
func (s *Source) WAL() (log *Source, data io.ReaderAt, size int64) {
	if log = s.Open(s.Path + "-wal"); log == nil || log.Data == nil || log.Size == 0 {
		return nil, nil, 0
	}
	return log, log.Data, log.Size
}

// Open gives the sibling at path, nil if there is none.
func (s *Source) Open(path string) *Source {
	if s.Sibling == nil {
		return nil
	}
	return s.Sibling(path)
}

// Link gives the symbolic link at path, as itself; nil if there is none.
func (s *Source) Link(path string) *Source {
	if s.Symlink == nil {
		return nil
	}
	return s.Symlink(path)
}

// Files lists the server's files that a pattern fits, sorted.
func (s *Source) Files(pattern string) []string {
	if s.Glob == nil {
		return nil
	}
	return s.Glob(pattern)
}

// Location is the server's time zone, UTC if that is not known.
func (s *Source) Location() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// DamageError is a place of a file that could not be read or understood. The
// reading went on after it.
type DamageError struct {
	Path     string // on the server
	Offset   int64  // from the start of the file, unpacked if it was packed
	Length   int64  // bytes
	Line     int    // 0 if none
	Reason   string
	Err      error // of the reading, if that was the cause
	Evidence Evidence
}

// Damage makes a [DamageError] of this file.
func (s *Source) Damage(offset, length int64, line int, reason string, err error) *DamageError {
	return &DamageError{
		Path: s.Path, Offset: offset, Length: length, Line: line,
		Reason: reason, Err: err, Evidence: s.Evidence(offset, length, line),
	}
}

func (e *DamageError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q: ", e.Path)
	if e.Line != 0 {
		fmt.Fprintf(&b, "line %d, ", e.Line)
	}
	fmt.Fprintf(&b, "%d bytes at offset %d: %s", e.Length, e.Offset, e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

func (e *DamageError) Unwrap() error { return e.Err }
