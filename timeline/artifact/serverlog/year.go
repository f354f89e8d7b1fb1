package serverlog

import (
	"context"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

const (
	noteYear    = "year inferred from the file's modification time"
	noteNoInode = "year not known"
)

// yearless reads times like "Jan  7 18:26:02" of a log that is in order.
type yearless struct {
	clock *logtime.Clock
	year  int   // of the line before; 0 if it is not known
	last  int64 // day and month of the line before
}

// newYearless looks through the log for turns of the year, and counts them
// back from the file's modification time.
func newYearless(ctx context.Context, s *timeline.Source, clock *logtime.Clock) *yearless {
	y := &yearless{clock: clock}
	if s.Inode == nil || !s.Inode.Times.Modified.Known {
		return y
	}
	turns, last := 0, int64(-1)
	final := int64(-1)
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			continue
		}
		at, _, ok := monthTime(string(l.Text[:min(len(l.Text), 16)]))
		if !ok {
			continue
		}
		if last >= 0 && at < last-31*86400*6 {
			turns++
		}
		last, final = at, at
	}
	if final < 0 {
		return y
	}
	modified := time.Unix(s.Inode.Times.Modified.Sec, 0).In(s.Location())
	year := modified.Year()
	days := logtime.Days(year, 1, 1)
	if final > modified.Unix()-days*86400+2*86400 {
		year-- // a log that was touched after the turn of the year
	}
	y.year = year - turns
	y.last = -1
	return y
}

// monthTime reads "Jan  7 18:26:02" as seconds in a year whose months have 31 days.
func monthTime(s string) (secs int64, n int, ok bool) {
	if len(s) < 15 || s[3] != ' ' || s[9] != ':' || s[12] != ':' {
		return 0, 0, false
	}
	month := logtime.Month(s[:3])
	day := logtime.Digits(s, 4, 2)
	if s[4] == ' ' {
		day = logtime.Digits(s, 5, 1)
	}
	hour, minute, second := logtime.Digits(s, 7, 2), logtime.Digits(s, 10, 2), logtime.Digits(s, 13, 2)
	if month == 0 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, 0, false
	}
	return int64(((month-1)*31+day-1)*86400 + hour*3600 + minute*60 + second), 15, true
}

// stamped reads a time at the start of s, sets it if its year is known, and gives the rest.
func (y *yearless) stamped(r *timeline.Record, s string) (rest string, ok bool) {
	at, n, ok := monthTime(s)
	if !ok {
		return s, false
	}
	if y.year != 0 {
		if y.last >= 0 && at < y.last-31*86400*6 {
			y.year++
		}
		y.last = at
		when, note := y.clock.Local(logtime.Days(y.year, int(at/86400/31)+1, int(at/86400%31)+1)*86400+at%86400, 0)
		if note != "" {
			note = "; " + note
		}
		logged(r, when, noteYear+note)
	}
	return strings.TrimLeft(s[n:], " "), true
}
