// Package image opens evidence containers, read-only.
//
// [Open] takes a raw (dd) image, any file of a raw image that was split into
// segments, or a block device. Files are opened O_RDONLY; nothing is written,
// locked or mounted. What a missing or short segment held is known as lost:
// reading there gives a [*LostError], and the rest is read as usual. A sector
// that the medium does not give back costs that sector only, as a
// [*ReadError].
//
// Offsets and lengths are bytes; an offset is counted from the start of the
// image.
package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
)

// Image is the evidence as one run of bytes: an io.ReaderAt with a size.
// Its methods may be called concurrently.
type Image struct {
	name     string
	size     int64
	segments []Segment
	lost     []Range
	notes    []string
	pieces   []piece // in order, without gaps, from 0 to size
	files    []*os.File
}

// Segment is one file of the evidence.
type Segment struct {
	Path   string
	Offset int64 // of its first byte, from the start of the image
	Size   int64 // bytes
}

// Range is a run of bytes of the image, with what is known of it.
type Range struct {
	Offset int64
	Length int64
	Reason string
}

// LostError is a read of bytes that no file of the evidence holds.
type LostError struct {
	Offset int64 // where the read stopped
	Length int64 // bytes from there to the end of the lost range
	Reason string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%d bytes from byte %d of the image are lost: %s", e.Length, e.Offset, e.Reason)
}

// ReadError is a run of bytes that the medium did not give back.
type ReadError struct {
	Path   string // of the file or device
	Offset int64  // where the read stopped
	Length int64  // bytes from there that are known to be bad
	Err    error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("%q: %d bytes from byte %d of the image cannot be read: %v", e.Path, e.Length, e.Offset, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// Open opens the evidence that path names: a block device, a raw image, or one
// segment of a split one. The other segments are looked for in the same folder;
// if path names a later one, the set is still read from its first. [Image.Notes]
// says how the files were put together.
//
// A container that is not read is a [*FormatError], which wraps
// errors.ErrUnsupported.
func Open(path string) (*Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, fmt.Errorf("%q is a folder, not an image", path)
	case mode.IsRegular(), mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
	default:
		// Opening a FIFO would wait for its writer, and a socket cannot be opened.
		return nil, fmt.Errorf("%q is neither a file nor a block device", path)
	}
	set := fileSet{members: []member{{path: path}}}
	if info.Mode().IsRegular() {
		if set, err = findSet(path); err != nil {
			return nil, err
		}
	}
	im := &Image{name: path, notes: set.notes}
	if err := im.openSet(set); err != nil {
		im.Close()
		return nil, err
	}
	return im, nil
}

// openSet opens the files of a set and lays them out.
func (im *Image) openSet(set fileSet) error {
	for i, m := range set.members {
		if m.missing {
			im.add(piece{length: set.segmentSize, reason: fmt.Sprintf("segment %q is missing; its size is taken from its neighbours", m.path)})
			continue
		}
		f, err := openEvidence(m.path)
		if err != nil {
			return err
		}
		im.files = append(im.files, f)
		// A seek to the end also tells the size of a block device.
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return fmt.Errorf("size of %q: %w", m.path, err)
		}
		if i == 0 {
			keep, note, err := recognise(m.path, f, size)
			if err != nil {
				return err
			}
			if keep < size {
				size = keep
				im.notes = append(im.notes, note)
			}
		}
		im.segments = append(im.segments, Segment{Path: m.path, Offset: im.size, Size: size})
		im.add(piece{length: size, src: f, path: m.path})
		if short := set.segmentSize - size; short > 0 && i < len(set.members)-1 {
			im.add(piece{length: short, reason: fmt.Sprintf("segment %q is %d bytes shorter than the others", m.path, short)})
		}
	}
	if im.size == 0 {
		return fmt.Errorf("%q is empty", im.name)
	}
	return nil
}

// add appends a piece to the image.
func (im *Image) add(p piece) {
	if p.length == 0 {
		return
	}
	p.offset = im.size
	im.pieces = append(im.pieces, p)
	im.size += p.length
	if p.src == nil {
		im.lost = append(im.lost, Range{Offset: p.offset, Length: p.length, Reason: p.reason})
	}
}

// Name is the path that the image was opened by.
func (im *Image) Name() string { return im.name }

// Size is the image's length in bytes, ranges that are lost included.
func (im *Image) Size() int64 { return im.size }

// Segments lists the files that the image consists of, in order.
func (im *Image) Segments() []Segment { return im.segments }

// Lost lists the ranges that cannot be read because a segment is missing or short.
func (im *Image) Lost() []Range { return im.lost }

// Notes says, a sentence each, what an investigator must know of how the
// files were taken: put together as a set, or left apart although their names
// look alike.
func (im *Image) Notes() []string { return im.notes }

// Close closes the files. Reading after it gives an error.
func (im *Image) Close() error {
	var errs []error
	for _, f := range im.files {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ReadAt reads as io.ReaderAt says. Where bytes are lost or unreadable it
// gives those before them and a *LostError or a *ReadError, which say how far to
// skip. Past the end it gives io.EOF.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d, before the start of the image", off)
	}
	if off >= im.size {
		return 0, io.EOF
	}
	n := 0
	i := sort.Search(len(im.pieces), func(i int) bool { return im.pieces[i].end() > off })
	for ; n < len(p) && i < len(im.pieces); i++ {
		pc := &im.pieces[i]
		in := off + int64(n) - pc.offset
		want := min(int64(len(p)-n), pc.length-in)
		m, err := pc.readAt(p[n:n+int(want)], in)
		n += m
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
