package carved

import (
	"bytes"
	"context"
	"fmt"

	"deadbox/fs/content"
	"deadbox/internal/inorder"
)

const (
	// chunkSize is how much one worker looks through at a time.
	chunkSize = 4 << 20
	// maxLine is the longest line that is told; the rest of a longer one is left out.
	maxLine = 64 << 10
	// minText is the shortest run of text that is looked at: the time before a command.
	minText = 12
	// maxMultiline is how many lines one command of a history may have.
	maxMultiline = 20
	// maxFinds bounds how much is found in one area. What is past it is said.
	maxFinds = 4 << 20
)

// what a find is: lines of text of a kind, records of logins, a message of a
// journal, a private key, or a file.
type what uint8

const (
	isLines what = iota
	isLogins
	isMessage
	isKey
	isFile
)

// find is a range of an area.
type find struct {
	what     what
	text     content.TextKind
	from, to int64 // in the area; of a file only from
	kind     string
}

// ReadError is a part of an area that could not be read.
type ReadError struct {
	Area, Image, Volume string
	Offset, Length      int64 // in the volume
	Err                 error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("%s: %s: %d bytes at byte %d of the volume (%s): %v", e.Image, e.Volume, e.Length, e.Offset, e.Area, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// piece is a part of one run that a chunk consists of.
type piece struct{ from, to, runEnd int64 }

// chunk is the work of one goroutine at a time.
type chunk struct {
	pieces []piece
	buf    []byte
	finds  []find
	errs   []error
}

// scan looks through an area once, on several goroutines, and yields what it finds in
// its order.
func scan(ctx context.Context, a *Area, each func(finds []find, errs []error, done int64) bool) {
	feed := func(next func() *chunk) {
		var c *chunk
		room := int64(0)
		for i, r := range a.Runs {
			start, end := a.start[i], a.start[i]+r.Length
			for at := start; at < end; {
				if c == nil || room <= 0 {
					if c = next(); c == nil {
						return
					}
					c.pieces = c.pieces[:0]
					room = chunkSize
				}
				to := end
				if end-at > room {
					// A chunk ends with a block.
					if to = at + (room+a.BlockSize-1)/a.BlockSize*a.BlockSize; to > end {
						to = end
					}
				}
				c.pieces = append(c.pieces, piece{at, to, end})
				room -= to - at + 512 // many small runs are work, too
				at = to
			}
		}
	}
	done := int64(0)
	for c := range inorder.Stream(ctx, feed, func(c *chunk) { c.look(a) }) {
		for _, p := range c.pieces {
			done += p.to - p.from
		}
		if !each(c.finds, c.errs, done) {
			return
		}
	}
}

func (c *chunk) look(a *Area) {
	c.finds, c.errs = c.finds[:0], nil
	for _, p := range c.pieces {
		c.piece(a, p)
	}
}

// piece reads one piece, a byte before it, and on to the end of the last line that
// begins in it.
func (c *chunk) piece(a *Area, p piece) {
	before := int64(0)
	if p.from > a.start[a.run(p.from)] {
		// The block before, for the header of an object and the start of a line.
		before = min(a.BlockSize, p.from-a.start[a.run(p.from)])
	}
	behind := min(p.runEnd-p.to, maxLine)
	size := int(before + p.to - p.from + behind)
	if cap(c.buf) < size {
		c.buf = make([]byte, size)
	}
	b := c.buf[:size]
	n, err := a.ReadAt(b, p.from-before)
	if err != nil && n < size {
		c.holes(a, b, n, p.from-before)
	}
	s := scanner{finds: c.finds, base: p.from - before, b: b, from: int(before), to: int(before + p.to - p.from), block: int(a.BlockSize), phase: a.start[a.run(p.from)]}
	s.run()
	c.finds = s.finds
}

// holes reads block by block what could not be read at once, with zeros in
// place of what is lost.
func (c *chunk) holes(a *Area, b []byte, n int, base int64) {
	lost, cause := -1, error(nil)
	flush := func(to int) {
		if lost >= 0 {
			c.errs = append(c.errs, &ReadError{a.Name, a.Image, a.Volume, a.offset(base + int64(lost)), int64(to - lost), cause})
			lost = -1
		}
	}
	for at := n; at < len(b); {
		to := min(len(b), (at/4096+1)*4096)
		got, err := a.ReadAt(b[at:to], base+int64(at))
		got = min(max(got, 0), to-at)
		if at+got < to {
			clear(b[at+got : to])
			if lost < 0 {
				lost, cause = at+got, err
			}
		} else {
			flush(at)
		}
		at = to
	}
	flush(len(b))
}

// scanner looks through bytes in memory.
type scanner struct {
	finds    []find
	b        []byte
	base     int64 // of b in the area
	from, to int   // of b: what begins there is this scanner's
	block    int
	phase    int64 // a place in the area where a block begins
}

var zeros [4096]byte

// isZero tells a block of zeros.
func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// run finds what begins from from to to.
func (s *scanner) run() {
	at := s.from
	login := -1 // where the record of logins behind the last one would be
	for at < s.to {
		// One stretch of blocks that are not all zeros.
		next := min(at+s.untilBlock(at), s.to)
		if isZero(s.b[at:next]) {
			at = next
			continue
		}
		start := at
		for at < s.to {
			next := min(at+s.untilBlock(at), s.to)
			if isZero(s.b[at:next]) {
				break
			}
			if s.aligned(at) {
				if kind := content.CarveKind(s.b[at:min(at+content.CarveHead, len(s.b))]); kind != "" {
					s.finds = append(s.finds, find{what: isFile, from: s.base + int64(at), kind: kind})
				}
			}
			login = s.logins(at, next, login)
			at = next
		}
		s.text(start, at)
	}
}

// untilBlock is how far it is to the next start of a block.
func (s *scanner) untilBlock(at int) int {
	return s.block - int((s.base+int64(at)-s.phase)%int64(s.block))
}

func (s *scanner) aligned(at int) bool { return (s.base+int64(at)-s.phase)%int64(s.block) == 0 }

// logins finds records of wtmp. A file's begin every 384 bytes from the start of a
// block on, so that in any block they begin at a multiple of 128. Next is where the
// record after the last would be.
func (s *scanner) logins(from, to, next int) int {
	const step = 128 // what 384 and the sizes of blocks have in common
	for at := from; at < to; at += step {
		if s.b[at] == 0 || s.b[at] > 9 || at+content.UtmpSize > len(s.b) || at < next {
			continue
		}
		if !content.IsUtmp(s.b[at:]) {
			continue
		}
		f := find{what: isLogins, from: s.base + int64(at), to: s.base + int64(at) + content.UtmpSize}
		// From the server's SSH daemon, failures go to btmp, with this type and line.
		if s.b[at] == 6 && bytes.HasPrefix(s.b[at+8:], []byte("ssh")) {
			f.kind = "btmp"
		}
		s.add(f)
		next = at + content.UtmpSize
	}
	return next
}

// add appends a find, or makes the last one longer.
func (s *scanner) add(f find) { s.finds = appendFind(s.finds, f) }

func appendFind(finds []find, f find) []find {
	// Files come between lines at the starts of blocks.
	for i := len(finds) - 1; i >= max(len(finds)-4, 0); i-- {
		l := &finds[i]
		if l.what == isFile {
			continue
		}
		if l.what == f.what && l.text == f.text && l.kind == f.kind && l.to == f.from && (f.what == isLines || f.what == isLogins) && f.to-l.from < 1<<20 {
			l.to = f.to
			return finds
		}
		break
	}
	return append(finds, f)
}

// text finds lines that begin between from and to.
func (s *scanner) text(from, to int) {
	// The line that goes on from before belongs to what came before.
	at := from
	if at > 0 && content.IsText(s.b[at-1]) && s.b[at-1] != '\n' && !s.opens(at) {
		for at < to && content.IsText(s.b[at]) && s.b[at] != '\n' {
			at++
		}
		if at < to && s.b[at] == '\n' {
			at++
		}
	}
	for at < to {
		start, end := content.TextRun(s.b[:], at, minText)
		if start >= to {
			return
		}
		at = s.lines(start, end, to)
	}
}

// opens tells a block that begins with a line of a known kind, so that the text
// before it is another file's.
func (s *scanner) opens(at int) bool {
	if !s.aligned(at) {
		return false
	}
	line, _, _ := bytes.Cut(s.b[at:min(len(s.b), at+1024)], []byte("\n"))
	return content.KindOfLine(line) != content.Plain
}

// lines tells the lines of one run of text that begin before to. It gives where
// to go on.
func (s *scanner) lines(start, end, to int) int {
	if start > 0 && start >= 64 && start < to && s.b[start-1] != '\n' && bytes.HasPrefix(s.b[start:end], []byte("MESSAGE=")) {
		if n := content.JournalMessage(s.b[:start], end-start); n > 0 {
			s.add(find{what: isMessage, from: s.base + int64(start), to: s.base + int64(start+n)})
			return max(start+n, start+1)
		}
	}
	var pending int  // lines since the last one of a history that could belong to it
	history := false // the lines before are a history's
	histKind := content.HistoryTime
	histFrom, histTo := 0, 0
	flush := func() {
		if history {
			s.add(find{what: isLines, text: histKind, from: s.base + int64(histFrom), to: s.base + int64(histTo)})
			history, pending = false, 0
		}
	}
	at := start
	if s.aligned(start) && start < to && s.untimed(start, end) {
		s.add(find{what: isLines, text: content.CommandLine, from: s.base + int64(start), to: s.base + int64(end)})
		return max(end, start+1)
	}
	for at < end && at < to {
		nl := bytes.IndexByte(s.b[at:min(end, at+maxLine)], '\n')
		stop, next := min(end, at+maxLine), min(end, at+maxLine)
		if nl >= 0 {
			stop, next = at+nl, at+nl+1
		} else if stop < end {
			// Longer than any line of a log: on to its end.
			if i := bytes.IndexByte(s.b[stop:end], '\n'); i >= 0 {
				next = stop + i + 1
			} else {
				next = end
			}
		}
		// A file that fills its last block is followed by another without a zero between.
		for border := at + s.untilBlock(at); border < stop; border += s.block {
			if s.opens(border) {
				stop, next, nl = border, border, -1
			}
		}
		line := s.b[at:stop]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		kind := content.KindOfLine(line)
		switch {
		case kind == content.HistoryTime && nl >= 0 && stop+1 < end && s.b[stop+1] != '\n' && s.b[stop+1] != '#':
			// The time and the command behind it.
			if !history {
				history, histFrom, histKind = true, at, kind
			}
			command := bytes.IndexByte(s.b[next:min(end, next+maxLine)], '\n')
			if command < 0 {
				next = min(end, next+maxLine)
			} else {
				next += command + 1
			}
			histTo, pending = next, 0
		case kind != content.Plain && kind != content.HistoryTime:
			flush()
			s.add(find{what: isLines, text: kind, from: s.base + int64(at), to: s.base + int64(next)})
		default:
			if len(line) > 30 && line[0] == '-' && bytes.HasPrefix(line, []byte("-----BEGIN ")) && bytes.Contains(line, []byte("PRIVATE KEY")) {
				flush()
				if k, ok := content.PrivateKey(s.b[at:end]); ok {
					s.add(find{what: isKey, from: s.base + int64(at), to: s.base + int64(at) + k.Length})
					next = max(next, at+int(k.Length))
				}
			} else if history {
				// Lines of one command, if another time follows them.
				if pending++; pending > maxMultiline {
					flush()
				}
			}
		}
		at = next
	}
	flush()
	return max(at, start+1)
}

// untimed tells a history without times: all the text of a file that is one.
func (s *scanner) untimed(start, end int) bool {
	if end-start > 256<<10 || s.b[start] == '#' && s.b[start+1] == '!' {
		return false
	}
	first, _, _ := bytes.Cut(s.b[start:min(end, start+200)], []byte("\n"))
	if content.KindOfLine(first) != content.Plain {
		return false
	}
	if end < len(s.b) && s.b[end] != 0 || s.b[end-1] != '\n' {
		return false // a file's last block is filled up with zeros
	}
	return content.LooksLikeHistory(s.b[start:end])
}
