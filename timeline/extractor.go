package timeline

import (
	"context"
	"io"
	"iter"
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
	// for any number of directories.
	Paths []string
	// Run yields the records of one file. It is pure: no globals, no clock, no
	// writing. An error concerns one place of the file, and the sequence goes on.
	Run func(ctx context.Context, f *Source) iter.Seq2[Record, error]
}

// Source is one file that an extractor reads.
type Source struct {
	Path    string            // on the server
	Account string            // whose home it lies in; "" if none
	Inode   *filesystem.Inode // its metadata: rotated logs are dated by it
	Data    io.ReaderAt       // the file's bytes, unpacked if Packed is set
	Size    int64             // of Data
	Packed  string            // "gzip" if Data was unpacked from it
	Zone    *time.Location    // the server's time zone
	// Sibling opens another file of the server by its path, for formats that
	// need two (passwd and shadow). It gives nil if there is none.
	Sibling func(path string) *Source
	// Place turns a range of Data and a line number (0 if none) into evidence.
	Place func(offset, length int64, line int) Evidence
}

// maxLine is the longest line that is kept whole; the rest of a longer one
// is skipped, and the skipping is reported.
const maxLine = 1 << 20
