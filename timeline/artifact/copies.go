package artifact

import (
	"slices"
	"strings"

	"deadbox/timeline"
)

// CopyOf is the field of a message that another log holds too, which was read
// before. Whoever counts messages leaves such a record out.
const CopyOf = "copy_of"

// copies finds the messages that stand in two logs: syslogd writes one message
// to several files, and those of the journal as well. It keeps eight bytes of each
// line of the text logs.
type copies struct {
	path    string   // of the log that is being read
	current []uint64 // its messages
	before  []uint64 // those of the logs before it, sorted
}

// look takes a message in, and marks it if another log had it.
func (c *copies) look(r *timeline.Record) {
	text := r.Extractor == "auth-log" || r.Extractor == "syslog"
	if !text && r.Extractor != "journald" || len(r.Stamps) == 0 || r.Fields["program"] == "" {
		return
	}
	if r.Evidence.Path != c.path {
		if len(c.current) > 0 {
			c.before = append(c.before, c.current...)
			slices.Sort(c.before)
		}
		c.path, c.current = r.Evidence.Path, c.current[:0]
	}
	steps := [...]int64{0, 1, -1} // syslogd and the journal take the time a moment apart
	known := steps[:]
	if text {
		known = steps[:1]
		c.current = append(c.current, sum(r, 0, r.Fields["pid"]))
	}
	// Some programs leave the process out of what they hand to syslogd, which the journal knows still.
	for _, pid := range [...]string{r.Fields["pid"], ""} {
		for _, step := range known {
			if _, found := slices.BinarySearch(c.before, sum(r, step, pid)); found {
				r.Fields[CopyOf] = "another log"
				return
			}
		}
		if text || pid == "" {
			return
		}
	}
}

// sum tells a message from others: second, program, process, text. The sum is made as FNV-1a
// makes it, but of eight bytes at a time.
func sum(r *timeline.Record, step int64, pid string) uint64 {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3
	h := uint64(offset)
	mix := func(v uint64) {
		h = (h ^ v) * prime
		h ^= h >> 29 // a step of eight bytes leaves the lower bits of their upper ones
	}
	mix(uint64(r.Stamps[0].When.Unix() + step))
	for _, s := range [...]string{r.Fields["program"], pid, strings.TrimSpace(r.Fields["message"])} {
		mix(uint64(len(s)))
		for ; len(s) >= 8; s = s[8:] {
			mix(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		}
		last := uint64(0)
		for i := range len(s) {
			last |= uint64(s[i]) << (8 * i)
		}
		mix(last)
	}
	return h
}
