package elfstrings

import (
	"errors"
	"fmt"
	"io"
)

const (
	minRun  = 6       // shortest run of printable characters, as in strings(1) -n 6
	maxRun  = 4096    // a longer run is cut and goes on as another
	chunk   = 1 << 20 // bytes read at a time
	badStep = 4096    // how far the scan steps over a place that cannot be read
	maxErrs = 10      // errors that are told one by one
)

// region is a part of a file and what it holds.
type region struct {
	start, end int64
	kind       regionKind
}

type regionKind uint8

const (
	plain   regionKind = iota // anything: a script, a file without sections, what stands behind the sections
	data                      // what the program's author wrote: .rodata, .data
	code                      // instructions
	comment                   // .comment: the compilers
)

// printable are the characters that strings(1) takes.
var printable = func() (set [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		set[c] = true
	}
	set['\t'] = true
	return set
}()

// scan gives each run of printable characters in a region to emit, ASCII and
// UTF-16LE, with its offset in the file. text is valid during the call.
func scan(r io.ReaderAt, g region, emit func(text []byte, offset int64, wide bool)) error {
	var errs []error
	buf := make([]byte, min(chunk, g.end-g.start))
	narrow := make([]byte, 0, maxRun)
	doneASCII, doneWide := g.start, g.start
	for at := g.start; at < g.end; {
		want := min(int64(len(buf)), g.end-at)
		n, err := r.ReadAt(buf[:want], at)
		if n <= 0 {
			if err == nil || err == io.EOF {
				return errors.Join(append(errs, fmt.Errorf("offset %d: the file ends before its size says", at))...)
			}
			next := min((at/badStep+1)*badStep, g.end)
			if len(errs) < maxErrs {
				errs = append(errs, fmt.Errorf("%d bytes at offset %d: %w", next-at, at, err))
			} else if len(errs) == maxErrs {
				return errors.Join(append(errs, fmt.Errorf("offset %d: given up after many errors", at))...)
			}
			at = next
			continue
		}
		b := buf[:n]
		last := at+int64(n) >= g.end
		open := at + int64(n) // where the first run starts that b does not end
		for i := 0; i < n; {
			if !printable[b[i]] {
				i++
				continue
			}
			j := i + 1
			for j < n && j-i < maxRun && printable[b[j]] {
				j++
			}
			if j == n && j-i < maxRun && !last {
				open = min(open, at+int64(i))
				break
			}
			if off := at + int64(i); j-i >= minRun && off >= doneASCII {
				emit(b[i:j], off, false)
				doneASCII = at + int64(j)
			}
			i = j
		}
		for i := 0; i+1 < n; {
			if b[i+1] != 0 || !printable[b[i]] {
				i++
				continue
			}
			narrow = narrow[:0]
			j := i
			for j+1 < n && len(narrow) < maxRun && b[j+1] == 0 && printable[b[j]] {
				narrow = append(narrow, b[j])
				j += 2
			}
			if j+1 >= n && len(narrow) < maxRun && !last {
				open = min(open, at+int64(i))
				break
			}
			if off := at + int64(i); len(narrow) >= minRun && off >= doneWide {
				emit(narrow, off, true)
				doneWide = at + int64(j)
			}
			i = j
		}
		if open <= at {
			// One run fills the buffer's start; it cannot be longer than maxRun, so the read was short.
			open = at + int64(n)
		}
		at = open
	}
	return errors.Join(errs...)
}
