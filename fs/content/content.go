// Package content reads the content of files: once, in the order of the disk,
// for as many consumers as want it.
//
// Holes and unwritten extents read as zeros and are never read from the
// evidence. What a damaged or hostile file system claims is bounded before any
// reading begins: see [Ledger].
package content

import (
	"errors"
	"fmt"
	"io"
	"math"

	"deadbox/fs/filesystem"
)

// Layout says what reading a file will cost and where on the disk it begins.
type Layout struct {
	First int64 // offset of the first byte that lies on the disk, from the start of the file system; -1 if none does
	Size  int64 // bytes of content
	Data  int64 // bytes of it that have to be read
	Zeros int64 // bytes of it that are holes or unwritten
}

// LayoutOf adds up the extents of a content.
func LayoutOf(c filesystem.Content) Layout {
	l := Layout{First: -1, Size: c.Size()}
	for _, r := range runs(c) {
		if r.zeros {
			l.Zeros += r.to - r.from
		} else {
			l.Data += r.to - r.from
		}
	}
	for _, e := range c.Extents() {
		if !isZeros(e.Kind) && e.Offset >= 0 {
			l.First = e.Offset
			break
		}
	}
	return l
}

// MaxZeros is the most bytes of holes that one file may have and still be
// read whole, and maxAllZeros the most of all files together: a hash has to be fed
// every zero, and a file without a single block can claim petabytes.
const (
	MaxZeros    = 1 << 30
	maxAllZeros = 8 * MaxZeros
)

// Ledger bounds what is read of one volume. An honest file holds no more data
// than its volume has room for, and all files together not four times as much,
// shared extents included; extents that all lead to the same blocks can claim any
// amount. The files have to be shown to it in an order that does not depend on the
// workers.
type Ledger struct {
	Room        int64 // bytes that the volume has; 0: not known, then only zeros are bounded
	data, zeros int64
}

// Admit returns an error if a file is not to be read.
func (g *Ledger) Admit(l Layout) error {
	switch {
	case l.Zeros > MaxZeros || l.Zeros > maxAllZeros-g.zeros:
		return fmt.Errorf("not read whole: %d of its %d bytes are holes", l.Zeros, l.Size)
	case g.Room > 0 && l.Data > g.Room:
		return fmt.Errorf("not read whole: its extents claim %d bytes of a volume of %d", l.Data, g.Room)
	case g.Room > 0 && l.Data > 4*g.Room-g.data:
		return fmt.Errorf("not read whole: the files of the volume together claim more than four times its %d bytes", g.Room)
	}
	g.data += l.Data
	g.zeros += l.Zeros
	return nil
}

func isZeros(k filesystem.ExtentKind) bool {
	return k == filesystem.Hole || k == filesystem.Unwritten
}

// A run is a part of a file that is either read or zeros.
type run struct {
	from, to int64
	zeros    bool
}

// runs cuts a content at the borders between data and zeros. What no extent
// covers is left to ReadAt, which knows why.
func runs(c filesystem.Content) []run {
	size := c.Size()
	var out []run
	add := func(from, to int64, zeros bool) {
		if from >= to {
			return
		}
		if n := len(out); n > 0 && out[n-1].zeros == zeros {
			out[n-1].to = to
			return
		}
		out = append(out, run{from, to, zeros})
	}
	at := int64(0)
	for _, e := range c.Extents() {
		to := size
		if e.Length <= math.MaxInt64-e.Logical {
			to = min(size, e.Logical+e.Length)
		}
		if e.Length <= 0 || to <= at {
			continue
		}
		add(at, min(e.Logical, size), false)
		from := max(e.Logical, at)
		add(from, to, isZeros(e.Kind))
		at = max(at, to)
	}
	add(at, size, false)
	return out
}

// zeroBlock is what holes are read from.
var zeroBlock [64 << 10]byte

// Copy reads a content from its start to its end and writes it to each of
// the consumers. buf is the space to read into; its length is the size of a read.
// Zeros are handed on without reading.
func Copy(c filesystem.Content, buf []byte, to ...io.Writer) error {
	hand := func(p []byte) error {
		for _, w := range to {
			if _, err := w.Write(p); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range runs(c) {
		for at := r.from; at < r.to; {
			p := zeroBlock[:min(int64(len(zeroBlock)), r.to-at)]
			if !r.zeros {
				p = buf[:min(int64(len(buf)), r.to-at)]
				if err := readFull(c, p, at); err != nil {
					return err
				}
			}
			if err := hand(p); err != nil {
				return err
			}
			at += int64(len(p))
		}
	}
	return nil
}

// Head reads up to len(p) bytes from the start of a content.
func Head(c filesystem.Content, p []byte) (int, error) {
	p = p[:min(int64(len(p)), max(c.Size(), 0))]
	if err := readFull(c, p, 0); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Equal reports whether two contents hold the same bytes. It reads both up to
// the first difference, but nothing where both are zeros. ErrA and ErrB say what
// could not be read on each side; equal means nothing if one of them is set.
func Equal(a, b filesystem.Content, bufA, bufB []byte) (equal bool, errA, errB error) {
	if a.Size() != b.Size() {
		return false, nil, nil
	}
	runsA, runsB := runs(a), runs(b)
	step := min(len(bufA), len(bufB), len(zeroBlock)*16)
	for len(runsA) > 0 && len(runsB) > 0 {
		ra, rb := &runsA[0], &runsB[0]
		to := min(ra.to, rb.to)
		if !ra.zeros || !rb.zeros {
			for at := max(ra.from, rb.from); at < to; {
				n := min(int64(step), to-at)
				pa, pb := bufA[:n], bufB[:n]
				errA, errB = fill(a, ra.zeros, pa, at), fill(b, rb.zeros, pb, at)
				if errA != nil || errB != nil {
					return false, errA, errB
				}
				if string(pa) != string(pb) {
					return false, nil, nil
				}
				at += n
			}
		}
		if ra.to == to {
			runsA = runsA[1:]
		}
		if rb.to == to {
			runsB = runsB[1:]
		}
	}
	return true, nil, nil
}

func fill(c filesystem.Content, zeros bool, p []byte, at int64) error {
	if zeros {
		clear(p)
		return nil
	}
	return readFull(c, p, at)
}

// readFull reads exactly p. A content that ends before its size is an error.
func readFull(c filesystem.Content, p []byte, at int64) error {
	n, err := c.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("content ends at byte %d of %d: %w", at+int64(n), c.Size(), io.ErrUnexpectedEOF)
	}
	return err
}
