// Package detect opens whichever file system a volume holds.
package detect

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// A format is a file system that can be read. Its open fails if the bytes are
// something else, and says why.
type format struct {
	name string
	open func(r io.ReaderAt, size int64) (filesystem.FileSystem, error)
}

var formats = formatsWith()

// formatsWith lists the formats; ext4's are opened with options.
func formatsWith(opts ...ext4.Option) []format {
	return []format{
		{"ext2, ext3, ext4", func(r io.ReaderAt, size int64) (filesystem.FileSystem, error) { return ext4.Open(r, size, opts...) }},
	}
}

// Open tries the formats that can be read, in order. If all refuse, the error
// wraps [errors.ErrUnsupported] and what each of them said. The options are for
// ext4: what to do with a journal.
func Open(r io.ReaderAt, size int64, opts ...ext4.Option) (filesystem.FileSystem, error) {
	return openAny(formatsWith(opts...), r, size)
}

func openAny(formats []format, r io.ReaderAt, size int64) (filesystem.FileSystem, error) {
	var names []string
	var refused []error
	for _, f := range formats {
		fsys, err := f.open(r, size)
		if err == nil {
			return fsys, nil
		}
		names = append(names, f.name)
		refused = append(refused, err)
	}
	return nil, &NoneError{Tried: names, Errs: refused}
}

// NoneError says that no format fits.
type NoneError struct {
	Tried []string // names of the formats
	Errs  []error  // what each said
}

func (e *NoneError) Error() string {
	var b strings.Builder
	b.WriteString("no file system that can be read")
	for i, err := range e.Errs {
		fmt.Fprintf(&b, "; %s: %v", e.Tried[i], err)
	}
	return b.String()
}

// Unwrap gives errors.ErrUnsupported and what the formats said.
func (e *NoneError) Unwrap() []error { return append([]error{errors.ErrUnsupported}, e.Errs...) }
