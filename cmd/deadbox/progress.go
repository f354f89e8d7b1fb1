package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"deadbox/report"
)

// redrawEvery is how often the line of progress is drawn at the most.
const redrawEvery = 200 * time.Millisecond

// progress is one line on the terminal that says how far the work is and when
// it will end. All messages for people go through it, so that the line and they
// do not run into each other. A progress that is off draws nothing. Its methods
// may be called concurrently.
type progress struct {
	on    bool // drawing is wanted
	now   func() time.Time
	width func() int // columns of the terminal

	done atomic.Int64
	next atomic.Int64 // when the line may be drawn again, in nanoseconds since the epoch

	mu    sync.Mutex
	w     io.Writer
	label string
	unit  unit
	total int64
	start time.Time
	drawn bool
}

// unit is what the progress counts.
type unit uint8

const (
	unitBytes unit = iota
	unitInodes
	unitFiles
	unitNames
	unitRows
)

var unitWords = [...]string{unitBytes: "bytes", unitInodes: "inodes", unitFiles: "files", unitNames: "names", unitRows: "rows"}

func newProgress(w io.Writer, on bool, now func() time.Time, width func() int) *progress {
	return &progress{w: w, on: on, now: now, width: width}
}

// begin starts a piece of work. A total of zero or less is one that is not
// known.
func (p *progress) begin(label string, total int64, u unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.label, p.total, p.unit = label, total, u
	p.start = p.now()
	p.done.Store(0)
	// Nothing is drawn for work that ends soon.
	p.next.Store(p.start.Add(2 * redrawEvery).UnixNano())
}

// add counts n more units as done.
func (p *progress) add(n int64) {
	p.done.Add(n)
	if !p.on {
		return
	}
	now := p.now()
	if next := p.next.Load(); next == 0 || now.UnixNano() < next {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.label == "" || now.UnixNano() < p.next.Load() {
		return
	}
	p.next.Store(now.Add(redrawEvery).UnixNano())
	p.draw(now)
}

// set says that n units are done in all.
func (p *progress) set(n int64) { p.add(n - p.done.Load()) }

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.label = ""
	p.next.Store(0)
}

// Write writes a message for people, whole lines, above the line of progress.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.w.Write(b)
}

func (p *progress) clear() {
	if p.drawn {
		io.WriteString(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

func (p *progress) draw(now time.Time) {
	s := progressLine(p.label, p.unit, p.done.Load(), p.total, now.Sub(p.start))
	if width := p.width(); width > 1 && len(s) > width-1 {
		s = s[:width-1]
	}
	io.WriteString(p.w, "\r\x1b[K"+s)
	p.drawn = true
}

// progressLine is the text of the line: ASCII, so that it can be cut anywhere.
func progressLine(label string, u unit, done, total int64, spent time.Duration) string {
	var b strings.Builder
	b.WriteString(label)
	b.WriteString(": ")
	if total > 0 {
		done = min(done, total)
		fmt.Fprintf(&b, "%3d%%  ", int(float64(done)/float64(total)*100))
	}
	count := func(n float64) string {
		if u == unitBytes {
			return report.Bytes(int64(n))
		}
		return fmt.Sprintf("%.0f %s", n, unitWords[u])
	}
	b.WriteString(count(float64(done)))
	if total > 0 {
		b.WriteString(" of ")
		b.WriteString(count(float64(total)))
	}
	if sec := spent.Seconds(); sec > 0 && done > 0 {
		rate := float64(done) / sec
		fmt.Fprintf(&b, "  %s/s", count(rate))
		if total > 0 {
			fmt.Fprintf(&b, "  ETA %s", formatETA(float64(total-done)/rate))
		}
	}
	return b.String()
}

// formatETA gives hours, minutes and seconds: "1:02:03", "0:07".
func formatETA(seconds float64) string {
	const longest = 99*3600 + 59*60 + 59
	s := int64(longest)
	if seconds < longest {
		s = int64(seconds + 0.5)
	}
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
