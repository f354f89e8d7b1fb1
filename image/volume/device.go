package volume

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// spot is where a byte stands on a disk, and how many bytes follow it there
// in one piece. The disk is -1 and the offset -1 if it stands nowhere.
type spot struct {
	disk   int
	offset int64
	length int64
}

// piece is a run of a device on a disk, for Part.
type piece struct {
	logical, length int64
	disk            int
	offset          int64
	stripe          int64
	copy            int
}

// device is a run of bytes that is mapped to disks in some way. All methods
// may be called at the same time. Offsets are from its start.
type device interface {
	size() int64
	// readAt reads all of p, which lies within the size, or says why not.
	readAt(disks []Disk, p []byte, off int64) (int, error)
	// locate says where a byte stands.
	locate(off int64) spot
	// extents lists where a range lies, until yield says no. at is what the pieces
	// begin with; its logical is the place of off.
	extents(off, n int64, at piece, yield func(piece) bool) bool
	// lost counts the bytes of a range that cannot be read. In an array of stripes,
	// a range that is no multiple of them is rounded.
	lost(off, n int64) int64
}

// leaf is a run of a disk.
type leaf struct {
	disk         int
	offset, span int64 // on the disk
	end          int64 // of the disk
}

func (d leaf) size() int64 { return d.span }

func (d leaf) readAt(disks []Disk, p []byte, off int64) (int, error) {
	n, err := disks[d.disk].Image.ReadAt(p, d.offset+off)
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		err = &MissingError{fmt.Sprintf("%s, past its end", disks[d.disk].Name), d.offset + off + int64(n)}
	}
	return n, err
}

func (d leaf) locate(off int64) spot { return spot{d.disk, d.offset + off, d.span - off} }

func (d leaf) extents(off, n int64, at piece, yield func(piece) bool) bool {
	at.disk, at.offset, at.length = d.disk, d.offset+off, n
	return yield(at)
}

func (d leaf) lost(off, n int64) int64 { return min(n, max(0, d.offset+off+n-d.end)) }

// hole is a run that stands nowhere: on a member that is missing, or zeros.
type hole struct {
	span int64
	base int64  // of its start in the member
	what string // the member that is missing; "" for zeros
}

func (d hole) size() int64 { return d.span }

func (d hole) readAt(_ []Disk, p []byte, off int64) (int, error) {
	if d.what != "" {
		return 0, &MissingError{d.what, d.base + off}
	}
	clear(p)
	return len(p), nil
}

func (d hole) locate(off int64) spot { return spot{-1, -1, d.span - off} }

func (d hole) extents(_, n int64, at piece, yield func(piece) bool) bool {
	at.disk, at.offset, at.length = -1, -1, n
	return yield(at)
}

func (d hole) lost(_, n int64) int64 {
	if d.what == "" {
		return 0
	}
	return n
}

// slice is a run of another device.
type slice struct {
	device
	offset, span int64
}

func (d slice) size() int64 { return d.span }
func (d slice) readAt(disks []Disk, p []byte, off int64) (int, error) {
	return d.device.readAt(disks, p, d.offset+off)
}
func (d slice) locate(off int64) spot {
	s := d.device.locate(d.offset + off)
	s.length = min(s.length, d.span-off)
	return s
}
func (d slice) extents(off, n int64, at piece, yield func(piece) bool) bool {
	return d.device.extents(d.offset+off, n, at, yield)
}
func (d slice) lost(off, n int64) int64 { return d.device.lost(d.offset+off, n) }

// within is a run of a device; what lies past its end is missing.
func within(d device, off, n int64) device {
	if off < 0 || n < 0 {
		return hole{what: "nothing"}
	}
	if size := d.size(); off > size || n > size-off {
		const past = "a member, past its end"
		keep := max(0, size-off)
		if keep == 0 {
			return hole{n, off, past}
		}
		return newConcat(within(d, off, keep), hole{n - keep, off + keep, past})
	}
	switch d := d.(type) {
	case leaf:
		return leaf{d.disk, d.offset + off, n, d.end}
	case hole:
		return hole{n, d.base + off, d.what}
	case slice:
		return slice{d.device, d.offset + off, n}
	}
	if off == 0 && n == d.size() {
		return d
	}
	return slice{d, off, n}
}

// concat is devices one after the other.
type concat struct {
	parts  []device
	starts []int64
	length int64
}

func newConcat(parts ...device) device {
	if len(parts) == 1 {
		return parts[0]
	}
	d := &concat{parts: parts}
	for _, p := range parts {
		d.starts = append(d.starts, d.length)
		d.length += p.size()
	}
	return d
}

func (d *concat) size() int64 { return d.length }

// find gives the part that a byte lies in.
func (d *concat) find(off int64) int {
	return sort.Search(len(d.starts), func(i int) bool { return d.starts[i] > off }) - 1
}

func (d *concat) readAt(disks []Disk, p []byte, off int64) (int, error) {
	done := 0
	for i := d.find(off); i < len(d.parts) && done < len(p); i++ {
		from := off + int64(done) - d.starts[i]
		n := min(int64(len(p)-done), d.parts[i].size()-from)
		if n <= 0 {
			continue
		}
		m, err := d.parts[i].readAt(disks, p[done:done+int(n)], from)
		done += m
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (d *concat) locate(off int64) spot {
	i := d.find(off)
	return d.parts[i].locate(off - d.starts[i])
}

func (d *concat) extents(off, n int64, at piece, yield func(piece) bool) bool {
	return d.each(off, n, func(p device, from, length int64) bool {
		ok := p.extents(from, length, at, yield)
		at.logical += length
		return ok
	})
}

func (d *concat) lost(off, n int64) int64 {
	sum := int64(0)
	d.each(off, n, func(p device, from, length int64) bool {
		sum += p.lost(from, length)
		return true
	})
	return sum
}

func (d *concat) each(off, n int64, f func(p device, from, length int64) bool) bool {
	for i := max(d.find(off), 0); i < len(d.parts) && n > 0; i++ {
		from := off - d.starts[i]
		length := min(n, d.parts[i].size()-from)
		if length <= 0 {
			continue
		}
		if !f(d.parts[i], from, length) {
			return false
		}
		off, n = off+length, n-length
	}
	return true
}
