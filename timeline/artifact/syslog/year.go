package syslog

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"deadbox/timeline"
)

// A log in the format of RFC 3164 has no years. They are inferred from the end:
// the last line was written not long before the file was last changed, and
// going backwards a date that grows is of the year before. One pass over the
// file finds the places where the year may change; the second reads the lines.

// span is a stretch of lines of one year.
type span struct {
	offset  int64 // of its first line in the file
	step    int   // years since the span before: 1, 0, or -1
	back    int   // days that the date went back at its start
	lines   int   // with a time
	days    int   // between its first and its last line
	leapt   bool  // behind it the date leapt forward to where it had been before it went back
	year    int   // 0 while it is not known
	fixed   bool  // the lines have the year
	leap    bool  // has a line of 29 February
	setBack bool  // the clock was wrong here
	note    string
}

const (
	// maxSpans bounds the spans of one file. More changes of the year than that
	// are no log.
	maxSpans = 1000
	// stepBack is how many days a clock goes back by a correction. A file that is
	// silent for so nearly a year is less likely.
	stepBack = 7
	// newYear is how many days a date goes back at a new year, in a log that is
	// not silent for more than a month.
	newYear = 330
)

// calendar is what a file's lines say together of their times.
type calendar struct {
	spans []span
	boots []boot
	back  bool // a clock without an offset went back, by more than lines are out of order
}

// years finds the spans of a file. It gives one at the least; the year of the
// first is 0 if nothing says it.
func years(ctx context.Context, s *timeline.Source) *calendar {
	return (&search{left: maxSearched}).years(ctx, s)
}

// search bounds how much is read of the other logs of a rotation, in bytes.
type search struct{ left int64 }

const maxSearched = 512 << 20

func (sr *search) years(ctx context.Context, s *timeline.Source) *calendar {
	c := &calendar{}
	spans := []span{{}}
	wallBefore := int64(0)
	prev, first, from := -1, 0, 0 // days of the year: of the line before, the span's first, the one before the date went back
	var start, last stamp
	next := func(day int, p span) {
		if len(spans) < maxSpans {
			spans = append(spans, p)
			first = day
		}
	}
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			continue
		}
		t, _ := stampOf(l.Text)
		if t.kind == noStamp {
			c.uptime(l.Text, l.Offset)
			continue
		}
		if t.kind != instant {
			// Days of any year will do to see a clock that goes back.
			now := int64(yearDays[t.month]+t.day)*86400 + int64(t.hour*3600+t.minute*60+t.second)
			c.back = c.back || now < wallBefore-60 && now > wallBefore-stepBack*86400
			wallBefore = now
		}
		cur := &spans[len(spans)-1]
		day := yearDays[t.month] + t.day
		if t.kind != yearless {
			if !cur.fixed || cur.year != t.year {
				step := 0
				if prev >= 0 && day-prev < -stepBack {
					step = 1
				}
				next(day, span{offset: l.Offset, year: t.year, fixed: true, step: step})
			}
			prev = day
			continue
		}
		if prev < 0 {
			start, first = t, day
		}
		switch ahead := day - prev; {
		case prev < 0:
		case ahead < -1:
			next(day, span{offset: l.Offset, back: -ahead})
			from = prev
		case ahead >= 364:
			// New Year's Eve after New Year: lines out of order.
			next(day, span{offset: l.Offset, step: -1})
		case ahead > 1 && cur.back > 0 && prev < from-1 && day >= from-1 && day <= from+stepBack:
			cur.leapt = true
			next(day, span{offset: l.Offset})
		}
		cur = &spans[len(spans)-1]
		cur.leap = cur.leap || t.month == 2 && t.day == 29
		cur.lines++
		cur.days = max(cur.days, day-first)
		last, prev = t, day
	}
	sr.resolve(ctx, spans, start, last, s)
	c.spans = spans
	return c
}

// resolve gives each span its year.
func (sr *search) resolve(ctx context.Context, spans []span, start, last stamp, s *timeline.Source) {
	for i := range spans {
		p := &spans[i]
		// A clock that was wrong after a boot is put right soon, and by then much was logged.
		p.setBack = p.back > 0 && (p.back <= stepBack || p.leapt && p.days <= 1 && p.lines >= 5)
		if p.back > 0 && !p.setBack {
			p.step = 1
		}
	}
	anchor := -1
	for i := range spans {
		if spans[i].fixed {
			anchor = i
			break
		}
	}
	note := "year inferred from the lines beside it that have one"
	if anchor < 0 {
		anchor = len(spans) - 1
		if spans[anchor].year, note = sr.endYear(ctx, last, s); note == "" {
			return
		}
	}
	count(spans, anchor)
	// A file is not older than its inode.
	for born, ok := bornOf(s); ok && !spans[0].fixed && start.kind == yearless && start.seconds(spans[0].year) < born; {
		doubt := -1
		for i, p := range spans[:anchor+1] {
			if p.step == 1 && p.back < newYear && (doubt < 0 || p.back < spans[doubt].back) {
				doubt = i
			}
		}
		if doubt < 0 {
			break
		}
		spans[doubt].step, spans[doubt].setBack = 0, true
		count(spans, anchor)
	}
	for i := range spans {
		p := &spans[i]
		p.note = note + p.note
		if p.setBack {
			p.note += "; the server's clock was set back here"
		}
		if p.leap && !isLeap(p.year) {
			p.note += "; it cannot be right, 29 February is among the lines"
		}
	}
}

// count goes from the span whose year is known to the others.
func count(spans []span, anchor int) {
	if !spans[anchor].fixed {
		moveToLeap(&spans[anchor])
	}
	for i := anchor - 1; i >= 0; i-- {
		spans[i].year = spans[i+1].year - spans[i+1].step
		moveToLeap(&spans[i])
	}
	for i := anchor + 1; i < len(spans); i++ {
		if !spans[i].fixed {
			spans[i].year = spans[i-1].year + spans[i].step
		}
	}
}

// moveToLeap moves a span with a 29 February to the leap year before.
func moveToLeap(p *span) {
	p.note = ""
	for p.leap && !isLeap(p.year) {
		p.year--
		p.note = ", and moved to a leap year by a line of 29 February"
	}
}

// bornOf gives the earliest time that a line can have, if the inode says it: a
// file that was copied is younger than its last change, and says nothing.
func bornOf(s *timeline.Source) (int64, bool) {
	if s.Inode == nil {
		return 0, false
	}
	born, changed := s.Inode.Times.Born, s.Inode.Times.Modified
	return born.Sec - int64(slack.Seconds()), born.Known && changed.Known && born.Sec < changed.Sec
}

// slack is how much later than the file's last change its last line may be:
// clocks differ, and zones are guessed.
const slack = 25 * time.Hour

// endYear gives the year of a file's last line, and how it is known; 0 if
// nothing says.
func (sr *search) endYear(ctx context.Context, last stamp, s *timeline.Source) (int, string) {
	type candidate struct {
		when time.Time
		how  string
	}
	var all []candidate
	add := func(when time.Time, how string) {
		if when.Year() >= 1980 {
			all = append(all, candidate{when, how})
		}
	}
	if s.Inode != nil {
		if t := s.Inode.Times.Modified; t.Known {
			add(t.Std(), "the file's modification time")
		}
	}
	if named := dateInName(s.Path); !named.IsZero() {
		// A file that is named by the day of its rotation holds nothing later; a
		// modification time much later is of a copy.
		named = named.Add(24*time.Hour - time.Second)
		if len(all) == 0 || all[0].when.Sub(named) > 24*time.Hour {
			all = nil
			add(named, "the date in the file's name")
		}
	}
	if s.Inode != nil {
		if t := s.Inode.Times.Changed; t.Known {
			add(t.Std(), "the time of the inode's last change")
		}
	}
	if last.kind == noStamp {
		return 0, ""
	}
	best, bestYear, bestGap := -1, 0, time.Duration(0)
	for i, c := range all {
		year, gap := yearBefore(last, c.when, s.Location())
		if i == 0 || gap <= slack && bestGap > 2*slack {
			best, bestYear, bestGap = i, year, gap
		}
		if bestGap <= 2*slack {
			break
		}
	}
	how := ""
	if best >= 0 {
		how = "year inferred from " + all[best].how
	}
	if copied := copied(s); best < 0 || bestGap > 2*slack || copied {
		if bestGap > 2*slack {
			how += fmt.Sprintf(", which is %d days after the last line", int(bestGap.Hours()/24))
		}
		// A copy's times say little. The log that was begun when this one was rotated says more.
		if begun := sr.next(ctx, s); !begun.IsZero() {
			switch year, gap := yearBefore(last, begun, s.Location()); {
			case best < 0 || (copied || gap < bestGap) && year != bestYear:
				if best >= 0 {
					how = fmt.Sprintf("; %s would say %d", all[best].how, bestYear)
				}
				return year, "year inferred from the next log of the rotation, which begins " + begun.UTC().Format("2006-01-02") + how
			case year != bestYear:
				how += ", though the next log of the rotation begins " + begun.UTC().Format("2006-01-02")
			case bestGap > 2*slack:
				how += "; the next log of the rotation, which begins " + begun.UTC().Format("2006-01-02") + ", agrees"
			}
		}
	}
	return bestYear, how
}

// newer is the log that was begun when s was rotated; "" if there is none.
func newer(s *timeline.Source) string {
	self := timeline.RotationOf(s.Path)
	bestPath, best := "", timeline.Rotation{}
	for _, p := range s.Files(timeline.Literal(path.Dir(s.Path)) + "/*") {
		r := timeline.RotationOf(p)
		if r.Family != self.Family || r.Compare(self) <= 0 {
			continue
		}
		if bestPath == "" || r.Compare(best) < 0 {
			bestPath, best = p, r
		}
	}
	return bestPath
}

// copied tells modification times that cannot be those of the last lines: two
// logs of a rotation that were changed at one time, or in the wrong order.
func copied(s *timeline.Source) bool {
	if s.Stat == nil || s.Inode == nil || !s.Inode.Times.Modified.Known {
		return false
	}
	p := newer(s)
	if p == "" {
		return false
	}
	in := s.Stat(p)
	const moment = 60 // seconds
	return in != nil && in.Times.Modified.Known && in.Size > 0 && in.Times.Modified.Sec < s.Inode.Times.Modified.Sec+moment
}

// next gives the time of the first line of the log that was begun when s was
// rotated; zero if there is none or nothing says.
func (sr *search) next(ctx context.Context, s *timeline.Source) time.Time {
	bestPath := newer(s)
	if bestPath == "" {
		return time.Time{}
	}
	other := s.Open(bestPath)
	if other == nil || other.Size > sr.left {
		return time.Time{}
	}
	sr.left -= other.Size + 1
	spans := sr.years(ctx, other).spans
	for l, err := range timeline.Lines(ctx, other) {
		if err != nil {
			continue
		}
		if t, _ := stampOf(l.Text); t.kind != noStamp {
			r := reader{clock: clock{zone: s.Location()}, spans: spans, zoned: s.Zone != nil}
			when, _, ok := r.when(&t, l.Offset)
			if !ok {
				return time.Time{}
			}
			return when
		}
	}
	return time.Time{}
}

// yearBefore gives the latest year that puts t no later than when, and how much
// earlier it is.
func yearBefore(t stamp, when time.Time, zone *time.Location) (int, time.Duration) {
	local := when.In(zone)
	_, off := local.Zone()
	year := local.Year() + 1
	for {
		gap := when.Unix() + int64(off) - t.seconds(year)
		if gap >= -int64(slack.Seconds()) {
			return year, time.Duration(gap) * time.Second
		}
		year--
	}
}

// dateInName reads the date that logrotate's dateext puts behind a name, as in
// "secure-20240131", "messages-2024-01-31.gz", or "syslog.2024-01-31".
func dateInName(name string) time.Time {
	base := path.Base(name)
	for i := 1; i < len(base); i++ {
		if base[i-1] != '-' && base[i-1] != '.' && base[i-1] != '_' {
			continue
		}
		rest := base[i:]
		digits := strings.ReplaceAll(rest[:min(len(rest), 10)], "-", "")
		if len(digits) < 8 || rest[0] < '0' || rest[0] > '9' {
			continue
		}
		if t, err := time.Parse("20060102", digits[:8]); err == nil && t.Year() >= 1980 && t.Year() < 2200 {
			return t
		}
	}
	return time.Time{}
}
