package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"deadbox/internal/unpack"
)

const (
	// maxSpool bounds what a packed tarball may unpack to, zeros included.
	maxSpool = 1 << 40
	// keepFree is what is left free on the disk of the temporary file.
	keepFree  = 256 << 20
	spoolStep = 64 << 20 // bytes between two looks at the free space
)

// spool is the unpacked archive: a file without a name, with holes where it
// holds zeros.
type spool struct {
	*os.File
	size int64
}

// unpackToSpool unpacks a whole file. What could be unpacked comes beside an error.
func unpackToSpool(ctx context.Context, format string, r io.ReaderAt) (*spool, error) {
	z, err := unpack.NewReader(format, io.NewSectionReader(r, 0, 1<<62))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	file, err := os.CreateTemp("", "deadbox-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	s := &spool{File: file}
	err = s.fill(ctx, z)
	if terr := file.Truncate(s.size); terr != nil && err == nil {
		err = terr
	}
	return s, err
}

func (s *spool) fill(ctx context.Context, z io.Reader) error {
	buf := make([]byte, 256<<10)
	zeros := make([]byte, len(buf))
	written := int64(spoolStep)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(z, buf)
		if s.size+int64(n) > maxSpool {
			return fmt.Errorf("more than %d bytes unpacked: the rest is not read", int64(maxSpool))
		}
		if !bytes.Equal(buf[:n], zeros[:n]) {
			if written >= spoolStep {
				if free, ok := freeSpace(s.File); ok && free < keepFree {
					return fmt.Errorf("no room for the unpacked tarball below %s; TMPDIR names another place", os.TempDir())
				}
				written = 0
			}
			if _, err := s.WriteAt(buf[:n], s.size); err != nil {
				return err
			}
			written += int64(n)
		}
		s.size += int64(n)
		if err != nil {
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && n < len(buf) && ended(z) {
				return nil
			}
			return err
		}
	}
}

// ended tells the end of a stream, which ReadFull calls unexpected within a
// buffer, from a stream that was cut.
func ended(z io.Reader) bool {
	var b [1]byte
	_, err := z.Read(b[:])
	return err == io.EOF
}
