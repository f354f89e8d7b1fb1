package timeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

const (
	// maxLine is the longest line that is kept whole, in bytes; the rest of a
	// longer one is skipped, and the skipping is reported.
	maxLine = 1 << 20
	// readSize is how much is read at a time.
	readSize = 256 << 10
	// minNULs is the shortest run of NUL bytes that counts as a gap. A crash
	// leaves whole blocks of them; a few belong to the text.
	minNULs = 8
	// badStep is how far the reading steps over a place that cannot be read.
	badStep = 4096
	// maxGaps is how many runs of NUL bytes are reported one by one.
	maxGaps = 100
)

// ErrNUL is wrapped by the errors of [Lines] that say where NUL bytes stand
// instead of text.
var ErrNUL = errors.New("NUL bytes in place of text")

// Line is one line of a text file, without its end.
type Line struct {
	Text    []byte // valid until the next iteration
	Offset  int64  // of Text, from the start of the file
	Number  int    // from 1
	Partial bool   // a part of the line is missing: cut, or beside NUL bytes, or unreadable
	src     *Source
}

// Evidence says where the line lies.
func (l *Line) Evidence() Evidence {
	return l.src.Evidence(l.Offset, int64(len(l.Text)), l.Number)
}

// Lines yields the lines of s, that end with LF or CRLF or the file. It reads
// in large pieces and holds no more than one line and one piece.
//
// A line longer than a mebibyte is cut. A run of eight or more NUL bytes, as a
// crash leaves in files that were being written, is left out, and the text
// before and after it comes as lines of their own. A range that cannot be read
// is stepped over. Each of these is an error beside the line that it follows.
//
// Of a part of a file it yields the part's lines. Data that has a method
// Memory() (from int64, b []byte), the bytes of the file that are in memory, is
// not read but taken from there.
func Lines(ctx context.Context, s *Source) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r := &lineReader{ctx: ctx, src: s, yield: yield, off: s.From, number: max(s.FromLine, 1)}
		if m, ok := s.Data.(interface{ Memory() (from int64, b []byte) }); ok {
			r.memory(m.Memory())
		}
		r.run()
	}
}

type lineReader struct {
	ctx     context.Context
	src     *Source
	yield   func(Line, error) bool
	buf     []byte // unconsumed bytes
	mem     []byte // what buf is a part of
	off     int64  // of buf in the file
	hasNUL  bool   // buf may hold a NUL
	end     bool   // nothing follows buf
	gap     error  // what follows buf cannot be read
	next    int64  // where the reading goes on after gap
	number  int
	partial bool // the start of the line at buf is missing
	gaps    int  // runs of NUL bytes
	hidden  int  // those past maxGaps
	hiddenN int64
}

// memory takes what is in memory already instead of reading it: b are the bytes at from.
func (r *lineReader) memory(from int64, b []byte) {
	if at := r.off - from; at >= 0 && at <= int64(len(b)) && r.src.Size-from <= int64(len(b)) && r.src.Size >= r.off {
		r.buf, r.end = b[at:r.src.Size-from], true
		r.hasNUL = bytes.IndexByte(r.buf, 0) >= 0
	}
}

// errStop says that the consumer wants no more.
var errStop = errors.New("stop")

func (r *lineReader) run() {
	err := r.loop()
	if err == nil && r.hidden > 0 {
		err = r.src.Damage(-1, r.hiddenN, 0, fmt.Sprintf("%d more runs left out", r.hidden), ErrNUL)
	}
	if err != nil && err != errStop {
		r.yield(Line{}, err)
	}
}

func (r *lineReader) loop() error {
	for {
		if len(r.buf) == 0 {
			if r.end {
				return nil
			}
			if err := r.more(); err != nil {
				return err
			}
			continue
		}
		if r.hasNUL && r.buf[0] == 0 {
			took, err := r.nuls()
			if err != nil {
				return err
			}
			if took {
				continue
			}
		}
		nl := bytes.IndexByte(r.buf, '\n')
		text := r.buf
		if nl >= 0 {
			text = r.buf[:nl]
		}
		if r.hasNUL {
			if z := nulRun(text); z > 0 {
				if !r.emit(z, true) {
					return errStop
				}
				r.drop(z)
				r.partial = true
				continue
			}
		}
		switch {
		case len(text) > maxLine:
			if err := r.cut(); err != nil {
				return err
			}
		case nl >= 0:
			if !r.emit(nl, false) {
				return errStop
			}
			r.newline(nl)
		case r.end || r.gap != nil:
			if !r.emit(len(text), r.gap != nil) {
				return errStop
			}
			r.drop(len(text))
		default:
			if err := r.more(); err != nil {
				return err
			}
		}
	}
}

// emit yields the first n bytes of buf as a line.
func (r *lineReader) emit(n int, partial bool) bool {
	text := r.buf[:n:n]
	if n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	return r.yield(Line{Text: text, Offset: r.off, Number: r.number, Partial: partial || r.partial, src: r.src}, nil)
}

func (r *lineReader) drop(n int) {
	r.buf = r.buf[n:]
	r.off += int64(n)
}

// newline drops n bytes and the end of line behind them.
func (r *lineReader) newline(n int) {
	r.drop(n + 1)
	r.number++
	r.partial = false
}

// more brings bytes behind an empty or unfinished buf, or steps over the gap
// that follows it.
func (r *lineReader) more() error {
	if r.gap == nil {
		return r.fill()
	}
	err := r.gap
	r.gap = nil
	r.off, r.partial = r.next, true
	if !r.yield(Line{}, err) {
		return errStop
	}
	return nil
}

// cut yields the first maxLine bytes of a line and skips the rest of it.
func (r *lineReader) cut() error {
	if !r.emit(maxLine, true) {
		return errStop
	}
	r.drop(maxLine)
	from, number, found := r.off, r.number, false
	for !found {
		if n := bytes.IndexByte(r.buf, '\n'); n >= 0 {
			r.drop(n)
			found = true
			break
		}
		r.drop(len(r.buf))
		if r.end || r.gap != nil {
			break
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
	length := r.off - from
	if found {
		r.newline(0)
	} else {
		r.partial = true
	}
	if !r.yield(Line{}, r.src.Damage(from, length, number, "the rest of a line longer than a mebibyte is left out", nil)) {
		return errStop
	}
	return nil
}

// nuls skips the run of NUL bytes at the start of buf, if it is long enough to
// be one. It reports whether it did.
func (r *lineReader) nuls() (bool, error) {
	for len(r.buf) < minNULs && !r.end && r.gap == nil {
		if err := r.fill(); err != nil {
			return false, err
		}
	}
	n := countNULs(r.buf)
	if n < minNULs {
		return false, nil
	}
	from, number := r.off, r.number
	r.drop(n)
	for len(r.buf) == 0 && !r.end && r.gap == nil {
		if r.src.NextData != nil {
			r.off = max(r.off, min(r.src.NextData(r.off), r.src.Size))
		}
		if err := r.fill(); err != nil {
			return false, err
		}
		r.drop(countNULs(r.buf))
	}
	length := r.off - from
	r.partial = true
	if len(r.buf) > 0 && r.buf[0] == '\n' {
		r.newline(0)
	}
	if r.gaps++; r.gaps > maxGaps {
		r.hidden++
		r.hiddenN += length
		return true, nil
	}
	if !r.yield(Line{}, r.src.Damage(from, length, number, "left out", ErrNUL)) {
		return false, errStop
	}
	return true, nil
}

// countNULs counts the NUL bytes that b starts with.
func countNULs(b []byte) int {
	n := 0
	for len(b)-n >= 8 && binary.LittleEndian.Uint64(b[n:]) == 0 {
		n += 8
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// nulRun finds the first run of minNULs NUL bytes in b, past its start; 0 if
// there is none.
func nulRun(b []byte) int {
	at := 0
	for {
		i := bytes.IndexByte(b[at:], 0)
		if i < 0 {
			return 0
		}
		n := countNULs(b[at+i:])
		if n >= minNULs {
			return at + i
		}
		at += i + n
	}
}

// fill reads the next piece behind buf. At a place that cannot be read it
// sets gap and next.
func (r *lineReader) fill() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	at := r.off + int64(len(r.buf))
	want := max(min(int64(readSize), r.src.Size-at), 0)
	if need := len(r.buf) + int(want); len(r.mem) < need {
		mem := make([]byte, max(need, 2*len(r.mem)))
		copy(mem, r.buf)
		r.mem = mem
	} else {
		copy(r.mem, r.buf)
	}
	old := len(r.buf)
	r.buf = r.mem[:old]
	if want <= 0 {
		r.end = true
		return nil
	}
	n, err := r.src.Data.ReadAt(r.mem[old:old+int(want)], at)
	if small := min(want, badStep-at%badStep); n <= 0 && err != nil && err != io.EOF && small < want {
		want = small
		n, err = r.src.Data.ReadAt(r.mem[old:old+int(want)], at)
	}
	n = min(max(n, 0), int(want))
	r.buf = r.mem[:old+n]
	if r.hasNUL = r.hasNUL && old > 0; !r.hasNUL {
		r.hasNUL = bytes.IndexByte(r.buf[old:], 0) >= 0
	}
	switch {
	case n > 0:
		// If that is less than was wanted, the next call meets the cause.
	case err == nil || err == io.EOF:
		r.gap, r.next = r.src.Damage(at, r.src.Size-at, 0, "the file ends before its size says", io.ErrUnexpectedEOF), r.src.Size
	default:
		r.next = r.readable(at)
		r.gap = r.src.Damage(at, r.next-at, 0, "cannot be read", err)
	}
	return nil
}

// readable looks for the next place after at that can be read. The steps grow
// when nothing can be read for long, so that a lost disk does not cost a read
// for each of its blocks.
func (r *lineReader) readable(at int64) int64 {
	var one [1]byte
	step := int64(badStep)
	for tries := 0; r.ctx.Err() == nil; tries++ {
		if tries > 4096 && step < 64<<20 {
			step *= 2
		}
		if at = at/badStep*badStep + step; at >= r.src.Size || at < 0 {
			break
		}
		if n, err := r.src.Data.ReadAt(one[:], at); n == 1 || err == io.EOF {
			return at
		}
	}
	return r.src.Size
}
