package report

import (
	"slices"
	"time"

	"deadbox/timeline"
)

// Activity counts what happened, by the hour. Files count when they were
// modified, changed or born, not when they were read: reading everything is what a
// back-up does every night.
type Activity struct {
	hours map[int64]*Hour
	more  int64
}

// Hour is what happened in one hour.
type Hour struct {
	Start  int64 // seconds since 1970 UTC
	Files  int64 // files modified, changed or born, each moment once
	Events int64 // lines of logs and histories
}

// maxHours bounds the memory that made-up times can take.
const maxHours = 1 << 20

// AddFile counts a file's moment.
func (a *Activity) AddFile(w Moment) {
	if w.MACB&(Modified|Changed|Born|Deleted) == 0 {
		return
	}
	if h := a.hour(w.Sec); h != nil {
		h.Files++
	}
}

// AddStamp counts a record's stamp that is not a file's. Of a stamp that knows
// the day only there is no hour to count.
func (a *Activity) AddStamp(s *timeline.Stamp) {
	if s.When.IsZero() || dayOnly(s.Note) {
		return
	}
	if h := a.hour(s.When.Unix()); h != nil {
		h.Events++
	}
}

func (a *Activity) hour(sec int64) *Hour {
	start := sec - (sec%3600+3600)%3600
	if h := a.hours[start]; h != nil {
		return h
	}
	if len(a.hours) >= maxHours {
		a.more++
		return nil
	}
	if a.hours == nil {
		a.hours = map[int64]*Hour{}
	}
	h := &Hour{Start: start}
	a.hours[start] = h
	return h
}

// Hours returns the hours from first to last in which something happened, in
// order.
func (a *Activity) Hours(first, last time.Time) []Hour {
	var out []Hour
	for _, h := range a.hours {
		if h.Start+3600 > first.Unix() && h.Start <= last.Unix() {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b Hour) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	return out
}
