package artifact

import (
	"bytes"
	"context"
	"io"
	"iter"
	"runtime"

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

// runSplit yields what e.Run does of the whole file. Parts of a large one are
// parsed at the same time, each by a call of its own; they are read one after
// the other and their records come in order.
func runSplit(ctx context.Context, e *timeline.Extractor, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	workers := runtime.GOMAXPROCS(0)
	if e.Split == nil || s.Size < minSplit || workers < 2 {
		return e.Run(ctx, s)
	}
	if e.Split.Prepare != nil {
		prepared, ok := e.Split.Prepare(ctx, s)
		prep := *s
		prep.Prepared = prepared
		s = &prep
		if !ok {
			return e.Run(ctx, s)
		}
	}
	return func(yield func(timeline.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		parts := partReader{s: s, begins: e.Split.Begins, line: 1}
		var running []chan []item
		start := func() {
			for len(running) <= workers && !parts.done {
				part := parts.next()
				if part == nil {
					return
				}
				out := make(chan []item, 32)
				running = append(running, out)
				go func() {
					defer close(out)
					sendAll(ctx, e.Run(ctx, part), out)
				}()
			}
		}
		for start(); len(running) > 0; start() {
			for batch := range running[0] {
				for i := range batch {
					if !yield(batch[i].record, batch[i].err) {
						return
					}
				}
			}
			running = running[1:]
		}
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
}

// next gives the next part, nil behind the last.
func (r *partReader) next() *timeline.Source {
	if r.at >= r.s.Size {
		r.done = true
		return nil
	}
	buf := r.over
	for len(buf) < maxPart {
		want := min(partSize, r.s.Size-r.at-int64(len(buf)))
		if want <= 0 {
			return r.rest() // the last, which may lack its end
		}
		old := len(buf)
		grown := make([]byte, old+int(want))
		copy(grown, buf)
		n, err := r.s.Data.ReadAt(grown[old:], r.at+int64(old))
		if n < int(want) && err != nil || n <= 0 {
			return r.rest() // damage is for the extractor to meet
		}
		buf = grown[:old+n]
		if cut := r.cut(buf); cut > 0 {
			part := *r.s
			part.Data, part.NextData = &memory{r.at, buf[:cut:cut]}, nil
			part.From, part.FromLine, part.Size = r.at, r.line, r.at+int64(cut)
			r.at += int64(cut)
			r.line += bytes.Count(buf[:cut], []byte{'\n'})
			r.over = buf[cut:]
			return &part
		}
	}
	return r.rest()
}

// rest is everything from here on, as one part.
func (r *partReader) rest() *timeline.Source {
	r.done = true
	part := *r.s
	part.From, part.FromLine = r.at, r.line
	return &part
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
