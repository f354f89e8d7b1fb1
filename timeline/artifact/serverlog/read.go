// Package serverlog reads the logs that servers write to files of their own:
// of web servers and what they run, of proxies, of servers for files, mail and
// databases, of fail2ban.
package serverlog

import (
	"context"
	"iter"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// place is what a line is within its log.
type place int

const (
	begins  place = iota // an entry
	follows              // it belongs to the entry before
	alone                // it is an entry that does not look like the others
	nothing              // a headline, or blank
)

// decoder reads the entries of one file.
type decoder interface {
	// place tells what a line is, given whether an entry is open.
	place(line string, open bool) place
	// decode reads an entry, with its lines joined by LF, into a record whose
	// fields are made and whose kind is set. It reports whether the entry has the form.
	decode(text string, r *timeline.Record) bool
}

const (
	// maxEntry is the longest entry that is put together from lines, in bytes.
	maxEntry = 256 << 10
	// maxFollow is how many lines an entry may have.
	maxFollow = 2000
	// sampled is how many lines are looked at before a file is said to be another thing.
	sampled = 50

	noteBefore = "the line has no time; that of the line before"
)

// entries yields a record for each entry of a log.
func entries(ctx context.Context, s *timeline.Source, kind string, d decoder) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var text []byte // of the open entry
		var first, end int64
		var line, lines int
		open, known := false, false
		prev := time.Time{}
		strange := 0
		flush := func() bool {
			if !open {
				return true
			}
			open = false
			r := timeline.Record{Kind: kind, Fields: make(map[string]string, 12)}
			whole := string(text)
			if d.decode(whole, &r) {
				known = true
			} else {
				strange++
			}
			if len(r.Stamps) > 0 {
				prev = r.Stamps[0].When
			} else if !prev.IsZero() {
				r.Stamps = []timeline.Stamp{{What: "logged", When: prev, Note: noteBefore}}
			}
			if r.Fields["message"] == "" {
				r.Fields["message"] = whole
			}
			if r.Summary == "" {
				r.Summary, _, _ = strings.Cut(r.Fields["message"], "\n")
			}
			r.Evidence = s.Evidence(first, end-first, line)
			return yield(r, nil)
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !flush() {
					return
				}
				prev = time.Time{}
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(l.Text) == 0 && !open {
				continue
			}
			this := string(l.Text)
			where := d.place(this, open)
			if this == "" && where != follows {
				continue
			}
			switch where {
			case nothing:
				continue
			case follows:
				if open && lines < maxFollow && len(text)+len(this) < maxEntry {
					text = append(append(text, '\n'), this...)
					end = l.Offset + int64(len(l.Text))
					lines++
					continue
				}
			}
			if strange >= sampled && !known && !printable(text) {
				yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not a log of the kind that its name says", nil))
				return
			}
			if !flush() {
				return
			}
			open, text, lines = true, append(text[:0], this...), 1
			first, end, line = l.Offset, l.Offset+int64(len(l.Text)), l.Number
		}
		flush()
	}
}

// printable tells text from bytes of something else.
func printable(b []byte) bool {
	bad := 0
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != 0x1b || c == 0x7f {
			bad++
		}
	}
	return bad*10 <= len(b)
}

// put sets a field that has a value.
func put(f map[string]string, name, value string) {
	if value != "" && value != "-" {
		f[name] = value
	}
}

// logged gives the record its time.
func logged(r *timeline.Record, when time.Time, note string) {
	r.Stamps = []timeline.Stamp{{What: "logged", When: when, Note: note}}
}

// stamped reads a time at the start of s, sets it, and gives the rest.
func stamped(c *logtime.Clock, r *timeline.Record, s string) (rest string, ok bool) {
	when, note, n := c.Parse(s)
	if n == 0 {
		return s, false
	}
	logged(r, when, note)
	return s[n:], true
}

// word splits at the first run of blanks.
func word(s string) (w, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// bracketed reads "[inner] rest" at the start of s.
func bracketed(s string) (inner, rest string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return "", s, false
	}
	i := strings.IndexByte(s, ']')
	if inner := strings.IndexByte(s[1:], '['); i > 0 && inner >= 0 && inner+1 < i {
		// "[client [2001:db8::1]:80]"
		if n := strings.IndexByte(s[i+1:], ']'); n >= 0 && n < 8 {
			i += 1 + n
		}
	}
	if i < 0 {
		return "", s, false
	}
	return s[1:i], strings.TrimLeft(s[i+1:], " "), true
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) < 20
}

// between gives what stands between two marks.
func between(s, open, closing string) (string, bool) {
	_, s, ok := strings.Cut(s, open)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, closing)
	return s, ok
}

// addressPort splits "192.0.2.1:22", "[2001:db8::1]:22" and what has no port.
func addressPort(s string) (address, port string) {
	if i := strings.LastIndexByte(s, ':'); i > 0 && isNumber(s[i+1:]) && (strings.IndexByte(s, ':') == i || s[i-1] == ']' || strings.Count(s, ":") > 7) {
		s, port = s[:i], s[i+1:]
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if v4, ok := strings.CutPrefix(s, "::ffff:"); ok && strings.IndexByte(v4, '.') > 0 {
		s = v4
	}
	return s, port
}
