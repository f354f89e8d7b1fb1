package artifact

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"slices"
	"sync"

	"deadbox/timeline"
)

const (
	// minSplit is the size from which a file is read in parts.
	minSplit = 4 << 20
	// partSize is about how much of a file is one part: as much as makes no more
	// records than can wait for their turn.
	partSize = 512 << 10
	// maxPart bounds a part that has no end of a line, or no line that may begin the next. What
	// is larger is read in one go.
	maxPart = 8 << 20
)

// memory is a stretch of a file that has been read.
type memory struct {
	from int64
	b    []byte
}

// Memory is for [timeline.Lines].
func (m *memory) Memory() (from int64, b []byte) { return m.from, m.b }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off < m.from || off-m.from >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off-m.from:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// batches are slices of items that go round.
type batches struct{ pool sync.Pool }

func (b *batches) get() []item {
	if p, ok := b.pool.Get().(*[]item); ok {
		return (*p)[:0]
	}
	return make([]item, 0, batchSize)
}

func (b *batches) put(batch []item) {
	if cap(batch) < batchSize {
		return
	}
	clear(batch)
	b.pool.Put(&batch)
}

// send sends the items of one reading in batches.
func (b *batches) send(ctx context.Context, e *timeline.Extractor, s *timeline.Source, out chan<- []item) {
	batch := b.get()
	flush := func() bool {
		if len(batch) == 0 {
			return true
		}
		select {
		case out <- batch:
			batch = b.get()
			return true
		case <-ctx.Done():
			return false
		}
	}
	for r, err := range e.Run(ctx, s) {
		r.Extractor = e.Name
		if batch = append(batch, item{r, err}); len(batch) >= batchSize && !flush() {
			return
		}
	}
	flush()
}

// read sends what an extractor says of a file. Parts of a large one are parsed
// at the same time, each by a call of Run; they are read from the disk one
// after the other, and their records come in order.
func (b *batches) read(ctx context.Context, e *timeline.Extractor, s *timeline.Source, out chan<- []item) {
	workers := runtime.GOMAXPROCS(0)
	if e.Split == nil || s.Size < minSplit || workers < 2 {
		b.send(ctx, e, s, out)
		return
	}
	if e.Split.Prepare != nil {
		prepared, ok := e.Split.Prepare(ctx, s)
		whole := *s
		whole.Prepared = prepared
		s = &whole
		if !ok {
			b.send(ctx, e, s, out)
			return
		}
	}
	parts := partReader{s: s, begins: e.Split.Begins, line: 1, free: make(chan []byte, workers+2)}
	var running []chan []item
	start := func() {
		for len(running) <= workers && !parts.done {
			part, mem := parts.next()
			if part == nil {
				return
			}
			done := make(chan []item, 32)
			running = append(running, done)
			go func() {
				defer close(done)
				b.send(ctx, e, part, done)
				select {
				case parts.free <- mem:
				default:
				}
			}()
		}
	}
	for start(); len(running) > 0; start() {
		for batch := range running[0] {
			select {
			case out <- batch:
			case <-ctx.Done():
				return
			}
		}
		running = running[1:]
	}
}

// partReader cuts a file into parts.
type partReader struct {
	s      *timeline.Source
	begins func([]byte) bool
	at     int64
	line   int    // number of the line at at
	over   []byte // what has been read past at
	done   bool
	free   chan []byte // memory of parts that are done with
}

// next gives the next part and its memory, nil behind the last.
func (r *partReader) next() (*timeline.Source, []byte) {
	if r.at >= r.s.Size {
		r.done = true
		return nil, nil
	}
	buf := append(r.memory(2*partSize), r.over...)
	for len(buf) < maxPart {
		want := min(partSize, r.s.Size-r.at-int64(len(buf)))
		if want <= 0 {
			return r.rest() // the last, which may lack its end
		}
		old := len(buf)
		buf = slices.Grow(buf, int(want))[:old+int(want)]
		n, err := r.s.Data.ReadAt(buf[old:], r.at+int64(old))
		if n < int(want) && err != nil || n <= 0 {
			return r.rest() // damage is for the extractor to meet
		}
		buf = buf[:old+n]
		if cut := r.cut(buf); cut > 0 {
			part := *r.s
			part.Data, part.NextData = &memory{r.at, buf[:cut:cut]}, nil
			part.From, part.FromLine, part.Size = r.at, r.line, r.at+int64(cut)
			r.at += int64(cut)
			r.line += bytes.Count(buf[:cut], []byte{'\n'})
			r.over = append(r.over[:0], buf[cut:]...)
			return &part, buf
		}
	}
	return r.rest()
}

// memory is an empty slice with room for n bytes, used before if there is one.
func (r *partReader) memory(n int) []byte {
	select {
	case b := <-r.free:
		if cap(b) >= n {
			return b[:0]
		}
	default:
	}
	return make([]byte, 0, n)
}

// rest is everything from here on, as one part.
func (r *partReader) rest() (*timeline.Source, []byte) {
	r.done = true
	part := *r.s
	part.From, part.FromLine = r.at, r.line
	return &part, nil
}

// cut gives where the last line begins in b that may begin a part, 0 if there
// is none. A run of NUL bytes is not cut: it may be long, and is said once.
func (r *partReader) cut(b []byte) int {
	for end := len(b); ; {
		i := bytes.LastIndexByte(b[:end], '\n')
		if i <= 0 {
			return 0
		}
		if line := b[i+1:]; len(line) > 0 && line[0] != 0 {
			n := bytes.IndexByte(line, '\n')
			if r.begins == nil {
				return i + 1
			}
			if n >= 0 && r.begins(line[:n]) {
				return i + 1
			}
		}
		if end = i; len(b)-end > partSize {
			return 0
		}
	}
}
