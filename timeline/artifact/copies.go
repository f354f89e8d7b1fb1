package artifact

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"

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
		c.before = append(c.before, c.current...)
		slices.Sort(c.before)
		c.path, c.current = r.Evidence.Path, c.current[:0]
	}
	steps := [...]int64{0, 1, -1} // syslogd and the journal take the time a moment apart
	known := steps[:]
	if text {
		known = steps[:1]
		c.current = append(c.current, sum(r, 0))
	}
	for _, step := range known {
		if _, found := slices.BinarySearch(c.before, sum(r, step)); found {
			r.Fields[CopyOf] = "another log"
			return
		}
	}
}

// sum tells a message from others: second, program, process, text.
func sum(r *timeline.Record, step int64) uint64 {
	h := fnv.New64a()
	var second [8]byte
	binary.LittleEndian.PutUint64(second[:], uint64(r.Stamps[0].When.Unix()+step))
	h.Write(second[:])
	for _, name := range [...]string{"program", "pid", "message"} {
		io.WriteString(h, r.Fields[name])
		h.Write([]byte{0})
	}
	return h.Sum64()
}
