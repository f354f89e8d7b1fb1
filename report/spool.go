package report

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Sizes of the spool: what it keeps in memory before it writes a run, and what
// each run is read through afterwards.
const (
	spoolMemory = 64 << 20
	spoolWindow = 256 << 10
	spoolHead   = 16 // seconds, nanoseconds, length
)

// Spool puts rows in the order of their times with bounded memory: an external
// merge sort. Rows gather in memory; each time that they fill it they are sorted and
// written to a temporary file as one run; at the end the runs are merged. Rows
// of the same time stay in the order in which they came. A spool that never fills its
// memory writes no file.
type Spool struct {
	root  *os.Root
	name  string
	limit int
	file  *os.File
	end   int64 // of what is written to file
	runs  []spoolRun
	buf   []byte // rows
	keys  []spoolKey
	rows  int64
	err   error
}

// spoolKey is where a row stands in the buffer, and when it happened.
type spoolKey struct {
	sec  int64
	off  int // also the order in which rows came
	nsec int32
	n    int32
}

type spoolRun struct{ off, n int64 }

// NewSpool makes a spool whose temporary file, if it needs one, is name in
// root. The caller must call Close.
func NewSpool(root *os.Root, name string) *Spool {
	return &Spool{root: root, name: name, limit: spoolMemory}
}

// Len is the number of rows added.
func (s *Spool) Len() int64 { return s.rows }

// Add adds a row that happened sec seconds and nsec nanoseconds after 1970. The
// row is copied.
func (s *Spool) Add(sec int64, nsec int32, row []byte) error {
	if s.err != nil {
		return s.err
	}
	if len(row) > 1<<30 {
		return fmt.Errorf("row of %d bytes is too long", len(row))
	}
	if len(s.buf)+len(row)+24*len(s.keys) > s.limit && len(s.keys) > 0 {
		if s.err = s.flush(); s.err != nil {
			return s.err
		}
	}
	s.keys = append(s.keys, spoolKey{sec, len(s.buf), nsec, int32(len(row))})
	s.buf = append(s.buf, row...)
	s.rows++
	return nil
}

func (s *Spool) sort() {
	slices.SortFunc(s.keys, func(a, b spoolKey) int {
		return cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.nsec, b.nsec), cmp.Compare(a.off, b.off))
	})
}

// flush writes what is in memory as a run.
func (s *Spool) flush() error {
	if s.file == nil {
		f, err := s.root.OpenFile(s.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		s.file = f
	}
	s.sort()
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), 1<<20)
	var head [spoolHead]byte
	n := int64(0)
	for _, k := range s.keys {
		binary.LittleEndian.PutUint64(head[0:], uint64(k.sec))
		binary.LittleEndian.PutUint32(head[8:], uint32(k.nsec))
		binary.LittleEndian.PutUint32(head[12:], uint32(k.n))
		w.Write(head[:])
		if _, err := w.Write(s.buf[k.off : k.off+int(k.n)]); err != nil {
			return err
		}
		n += spoolHead + int64(k.n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s.runs = append(s.runs, spoolRun{s.end, n})
	s.end += n
	s.buf, s.keys = s.buf[:0], s.keys[:0]
	return nil
}

// Each calls emit with every row and its time, in the order of time. The row is
// valid until emit returns. No row can be added afterwards.
func (s *Spool) Each(emit func(sec int64, nsec int32, row []byte) error) error {
	if s.err != nil {
		return s.err
	}
	s.err = errors.New("the spool was read out")
	if len(s.runs) == 0 {
		s.sort()
		for _, k := range s.keys {
			if err := emit(k.sec, k.nsec, s.buf[k.off:k.off+int(k.n)]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(s.keys) > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buf, s.keys = nil, nil
	// At 256 KiB a run, a hundred runs read through no more memory than the rows
	// took; more runs share it.
	window := max(4<<10, min(spoolWindow, spoolMemory/len(s.runs)))
	var h spoolHeap
	for i, r := range s.runs {
		in := &spoolReader{run: i, r: bufio.NewReaderSize(io.NewSectionReader(s.file, r.off, r.n), window)}
		switch err := in.next(); {
		case err == io.EOF:
		case err != nil:
			return err
		default:
			h = append(h, in)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if err := emit(h[0].sec, h[0].nsec, h[0].row); err != nil {
			return err
		}
		switch err := h[0].next(); {
		case err == io.EOF:
			heap.Pop(&h)
		case err != nil:
			return err
		default:
			heap.Fix(&h, 0)
		}
	}
	return nil
}

// Close removes the temporary file.
func (s *Spool) Close() error {
	s.buf, s.keys = nil, nil
	if s.err == nil {
		s.err = os.ErrClosed
	}
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return errors.Join(err, s.root.Remove(s.name))
}

// spoolReader reads a run.
type spoolReader struct {
	r    *bufio.Reader
	run  int
	sec  int64
	nsec int32
	head [spoolHead]byte
	row  []byte
}

// next reads the run's next row; io.EOF at its end.
func (in *spoolReader) next() error {
	head := in.head[:]
	if _, err := io.ReadFull(in.r, head); err != nil {
		return err
	}
	in.sec = int64(binary.LittleEndian.Uint64(head[0:]))
	in.nsec = int32(binary.LittleEndian.Uint32(head[8:]))
	n := int(binary.LittleEndian.Uint32(head[12:]))
	in.row = slices.Grow(in.row[:0], n)[:n]
	_, err := io.ReadFull(in.r, in.row)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// spoolHeap holds the runs that have rows left, the earliest row first.
type spoolHeap []*spoolReader

func (h spoolHeap) Len() int      { return len(h) }
func (h spoolHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *spoolHeap) Push(x any)   { *h = append(*h, x.(*spoolReader)) }
func (h spoolHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.nsec, b.nsec), cmp.Compare(a.run, b.run)) < 0
}
func (h *spoolHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
