package filesystem

import "time"

// Time is a time as a file system holds it: seconds since 1970 UTC, signed,
// and nanoseconds. A time that the structure has no room for is not Known.
type Time struct {
	Sec   int64
	Nsec  int32
	Known bool
}

// Std converts to the standard library's form, in UTC; the zero time.Time if
// it is not known.
func (t Time) Std() time.Time {
	if !t.Known {
		return time.Time{}
	}
	return time.Unix(t.Sec, int64(t.Nsec)).UTC()
}

// Compare orders times; one that is not known comes first.
func (t Time) Compare(u Time) int {
	switch {
	case t.Known != u.Known:
		if u.Known {
			return -1
		}
		return 1
	case t.Sec != u.Sec:
		if t.Sec < u.Sec {
			return -1
		}
		return 1
	case t.Nsec != u.Nsec:
		if t.Nsec < u.Nsec {
			return -1
		}
		return 1
	}
	return 0
}
