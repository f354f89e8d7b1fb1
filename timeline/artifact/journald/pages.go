package journald

import (
	"errors"
	"io"

	"deadbox/timeline"
)

const (
	pageSize = 64 << 10
	// badSize is how much is given up around a place that cannot be read.
	badSize = 4 << 10
	// maxPages bounds the memory for a file's bytes, with pageSize.
	maxPages = 512
	// maxPacked is the largest unpacked journal that is read. It is read in any
	// order, which a packed file allows only as a whole in memory.
	maxPacked = 256 << 20
)

// pages reads a file at any place, and keeps the parts that were read last.
type pages struct {
	src  *timeline.Source
	slot []page
	long []byte // a range over several pages
}

type page struct {
	off   int64 // -1: empty
	data  []byte
	bad   uint32 // a bit for each badSize that cannot be read
	cause error
}

func newPages(s *timeline.Source) *pages {
	n := (s.Size + pageSize - 1) / pageSize
	if s.Packed == "" {
		n = min(n, maxPages)
	}
	p := &pages{src: s, slot: make([]page, max(n, 1))}
	for i := range p.slot {
		p.slot[i].off = -1
	}
	return p
}

var errPast = errors.New("past the end of the file")

// at gives n bytes at off, valid until the next call. They lie in the file.
func (p *pages) at(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > p.src.Size || int64(n) > p.src.Size-off {
		return nil, errPast
	}
	in := off % pageSize
	if in+int64(n) <= pageSize {
		g := p.page(off - in)
		if g.bad != 0 || int(in)+n > len(g.data) {
			if err := g.check(int(in), n); err != nil {
				return nil, err
			}
		}
		return g.data[in : int(in)+n : int(in)+n], nil
	}
	p.long = p.long[:0]
	for n > 0 {
		in := int(off % pageSize)
		m := min(n, pageSize-in)
		g := p.page(off - int64(in))
		if err := g.check(in, m); err != nil {
			return nil, err
		}
		p.long = append(p.long, g.data[in:in+m]...)
		off += int64(m)
		n -= m
	}
	return p.long, nil
}

func (g *page) check(in, n int) error {
	if in+n > len(g.data) {
		return io.ErrUnexpectedEOF
	}
	for i := in / badSize; i*badSize < in+n; i++ {
		if g.bad&(1<<i) != 0 {
			return g.cause
		}
	}
	return nil
}

func (p *pages) page(off int64) *page {
	g := &p.slot[off/pageSize%int64(len(p.slot))]
	if g.off != off {
		g.fill(p.src, off)
	}
	return g
}

func (g *page) fill(s *timeline.Source, off int64) {
	n := int(min(pageSize, s.Size-off))
	if cap(g.data) < n {
		g.data = make([]byte, n)
	}
	g.off, g.data, g.bad, g.cause = off, g.data[:n], 0, nil
	if got, err := s.Data.ReadAt(g.data, off); got >= n {
		return
	} else if err == nil || err == io.EOF {
		// The file is shorter than its size says.
		g.data = g.data[:max(got, 0)]
		return
	}
	for i := 0; i*badSize < n; i++ {
		part := g.data[i*badSize : min((i+1)*badSize, n)]
		if got, err := s.Data.ReadAt(part, off+int64(i*badSize)); got < len(part) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			g.bad |= 1 << i
			g.cause = err
		}
	}
}
