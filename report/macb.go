package report

import (
	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// MACB is a set of the times that an inode carries.
type MACB uint8

// The times, in the order of mactime's letters; the deletion time, which
// mactime does not know, last.
const (
	Modified MACB = 1 << iota
	Accessed
	Changed
	Born
	Deleted
)

// Letters appends the four letters of mactime, dots for those absent: "m.cb".
func (m MACB) Letters(dst []byte) []byte {
	const macb = "macb"
	for i := range 4 {
		if m&(1<<i) != 0 {
			dst = append(dst, macb[i])
		} else {
			dst = append(dst, '.')
		}
	}
	return dst
}

// LettersD is Letters with a fifth, "d" for the deletion time.
func (m MACB) LettersD(dst []byte) []byte {
	dst = m.Letters(dst)
	if m&Deleted != 0 {
		return append(dst, 'd')
	}
	return append(dst, '.')
}

func (m MACB) String() string { return string(m.LettersD(nil)) }

// Moment is a time of a file, with all that happened at it.
type Moment struct {
	Sec  int64 // since 1970 UTC
	Nsec int32
	MACB MACB
}

// Moments appends the known times of a file, those that are equal to the
// nanosecond joined, in the order of time. There are five at the most.
func Moments(dst []Moment, t *filesystem.Times) []Moment {
	start := len(dst)
	add := func(w filesystem.Time, m MACB) {
		if !w.Known {
			return
		}
		i := start
		for ; i < len(dst); i++ {
			switch d := &dst[i]; {
			case d.Sec == w.Sec && d.Nsec == w.Nsec:
				d.MACB |= m
				return
			case d.Sec > w.Sec || d.Sec == w.Sec && d.Nsec > w.Nsec:
				dst = append(dst, Moment{})
				copy(dst[i+1:], dst[i:])
				dst[i] = Moment{w.Sec, w.Nsec, m}
				return
			}
		}
		dst = append(dst, Moment{w.Sec, w.Nsec, m})
	}
	add(t.Modified, Modified)
	add(t.Accessed, Accessed)
	add(t.Changed, Changed)
	add(t.Born, Born)
	add(t.Deleted, Deleted)
	return dst
}

// MactimeMoments appends the times of a file as mactime makes them from a
// body file: whole seconds, no deletion time, a time that is not known is 0, and
// nothing at all if all four are 0. Nsec is 0. Unlike mactime, which leaves
// times before 1970 out, it keeps them.
func MactimeMoments(dst []Moment, t *filesystem.Times) []Moment {
	whole := func(w filesystem.Time) filesystem.Time {
		if !w.Known {
			return filesystem.Time{Known: true}
		}
		return filesystem.Time{Sec: w.Sec, Known: true}
	}
	u := filesystem.Times{
		Modified: whole(t.Modified), Accessed: whole(t.Accessed),
		Changed: whole(t.Changed), Born: whole(t.Born),
	}
	if u.Modified.Sec|u.Accessed.Sec|u.Changed.Sec|u.Born.Sec == 0 {
		return dst
	}
	return Moments(dst, &u)
}

// macbOf is the time that a record's stamp of a file stands for; 0 if none.
func macbOf(what string) MACB {
	switch what {
	case "modified":
		return Modified
	case "accessed":
		return Accessed
	case "changed":
		return Changed
	case "born":
		return Born
	case "deleted":
		return Deleted
	}
	return 0
}

// isFile reports whether the record's stamps are those of its File.
func isFile(r *timeline.Record) bool { return r.Kind == timeline.KindFile && r.File != nil }
