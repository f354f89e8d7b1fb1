package image

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	// sectorSize is the smallest unit that a disk fails to read.
	sectorSize = 512
	// blockSize is the unit in which most disks of today store those sectors,
	// so that they fail together.
	blockSize = 4096
)

// piece is a run of the image that one file holds, or that none does.
type piece struct {
	offset, length int64
	src            io.ReaderAt // nil where the bytes are lost
	path           string      // of src
	reason         string      // why they are lost
}

func (pc *piece) end() int64 { return pc.offset + pc.length }

// readAt fills p from byte in of the piece; p does not reach past its end.
func (pc *piece) readAt(p []byte, in int64) (int, error) {
	if pc.src == nil {
		return 0, &LostError{Offset: pc.offset + in, Length: pc.length - in, Reason: pc.reason}
	}
	n, err := pc.src.ReadAt(p, in)
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		return n, &LostError{Offset: pc.offset + in + int64(n), Length: pc.length - in - int64(n), Reason: "the file has become shorter since it was opened"}
	case !mayBeBadSector(err):
		return n, &ReadError{Path: pc.path, Offset: pc.offset + in + int64(n), Length: int64(len(p) - n), Err: err}
	}
	return pc.narrow(p, in, n, err)
}

// mayBeBadSector reports whether an error can concern some sectors only; a
// device that is gone is not asked again and again.
func mayBeBadSector(err error) bool {
	return !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.ENXIO) && !errors.Is(err, syscall.ENODEV) && !errors.Is(err, syscall.EBADF)
}

// narrow reads on after a large read failed with err after n bytes, in ever
// smaller steps, up to the first sector that cannot be read. Every sector gets
// a second chance, because it is read again by itself before it counts as bad.
func (pc *piece) narrow(p []byte, in int64, n int, err error) (int, error) {
	step := int64(sectorSize)
	for step < int64(len(p)) {
		step *= 2
	}
	for n < len(p) {
		at := in + int64(n)
		end := min(at-at%step+step-in, int64(len(p)))
		m, rerr := pc.src.ReadAt(p[n:end], at)
		n += m
		switch {
		case int64(n) == end:
		case rerr != nil && !mayBeBadSector(rerr):
			return n, &ReadError{Path: pc.path, Offset: pc.offset + in + int64(n), Length: int64(len(p) - n), Err: rerr}
		case step > sectorSize:
			step /= 2
		default:
			at = in + int64(n)
			return n, &ReadError{Path: pc.path, Offset: pc.offset + at, Length: pc.badRun(at), Err: err}
		}
	}
	return n, nil
}

// badRun tells how many bytes from byte at, which lies in a sector that cannot
// be read, are bad. It looks no further than the end of the 4096-byte block,
// because each try costs a failing disk seconds.
func (pc *piece) badRun(at int64) int64 {
	blockEnd := min(at-at%blockSize+blockSize, pc.length)
	end := min(at-at%sectorSize+sectorSize, pc.length)
	var sector [sectorSize]byte
	for end < blockEnd {
		want := min(sectorSize, pc.length-end)
		if m, _ := pc.src.ReadAt(sector[:want], end); int64(m) == want {
			break
		}
		end += want
	}
	return end - at
}
