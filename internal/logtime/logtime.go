// Package logtime reads the times that servers write into their own logs.
package logtime

import (
	"strings"
	"time"
)

// What a stamp's note says where the log does not say it all.
const (
	NoteZone    = "the line has no offset; the server's zone assumed"
	NoteNoZone  = "the line has no offset and the server's zone is not known; UTC assumed"
	noteTwice   = "this hour came twice; the first is given"
	noteSkipped = "the clock skipped this hour"
)

// Clock reads times of one server. It is for one goroutine at a time.
type Clock struct {
	zone  *time.Location
	known bool

	// The hour read last: most lines follow close on one another.
	hour int64 // local, since 1970
	east int64
	note string
	have bool
}

// New makes the clock of a server in a zone; nil is a zone that is not known.
func New(zone *time.Location) *Clock {
	c := &Clock{zone: zone, known: zone != nil}
	if !c.known {
		c.zone = time.UTC
	}
	return c
}

// Local turns a time of the server's own clock, as seconds since 1970 counted
// as if it were UTC, into an instant, and says in note what was assumed.
func (c *Clock) Local(secs int64, nsec int) (when time.Time, note string) {
	hour := secs / 3600
	if !c.have || hour != c.hour {
		c.hour, c.have = hour, true
		c.east, c.note = c.offset(hour * 3600)
	}
	return time.Unix(secs-c.east, int64(nsec)).UTC(), c.note
}

// offset finds how far east of UTC the zone's clock stood in an hour.
func (c *Clock) offset(secs int64) (east int64, note string) {
	if !c.known {
		return 0, NoteNoZone
	}
	_, before := time.Unix(secs-86400, 0).In(c.zone).Zone()
	_, after := time.Unix(secs+86400, 0).In(c.zone).Zone()
	first, second := valid(c.zone, secs, before), valid(c.zone, secs, after)
	switch {
	case before == after:
		return int64(before), NoteZone
	case first && second:
		return int64(before), NoteZone + "; " + noteTwice
	case first:
		return int64(before), NoteZone
	case second:
		return int64(after), NoteZone
	}
	return int64(before), NoteZone + "; " + noteSkipped
}

// valid reports whether the zone's clock showed secs while it stood east of UTC.
func valid(zone *time.Location, secs int64, east int) bool {
	_, at := time.Unix(secs-int64(east), 0).In(zone).Zone()
	return at == east
}

// Parse reads the time that s begins with and gives its length, 0 if s begins
// with none. These forms are read, with fractions of seconds behind a point, a
// comma or a colon, and a zone behind:
//
//	2006-01-02 15:04:05   2006-01-02T15:04:05   2006/01/02 15:04:05   2006-01-02_15:04:05
//	02/Jan/2006:15:04:05  02-Jan-2006 15:04:05  02 Jan 2006 15:04:05
//	Mon Jan _2 15:04:05 2006   Mon Jan _2 15:04:05.000000 2006   Jan _2 15:04:05 2006
//	Jan 2, 2006 3:04:05 PM
//	060102 15:04:05
func (c *Clock) Parse(s string) (when time.Time, note string, n int) {
	if len(s) < 14 {
		return
	}
	switch {
	case isDigit(s[0]):
		switch {
		case s[4] == '-' || s[4] == '/':
			return c.iso(s)
		case s[2] == '/' || s[2] == '-' || s[2] == ' ':
			return c.dayFirst(s)
		case s[6] == ' ' || s[6] == '\t':
			return c.short(s)
		}
	case s[0] >= 'A' && s[0] <= 'Z':
		return c.named(s)
	}
	return
}

// iso reads the forms that begin with the year.
func (c *Clock) iso(s string) (time.Time, string, int) {
	year, month, day := Digits(s, 0, 4), Digits(s, 5, 2), Digits(s, 8, 2)
	if year < 0 || len(s) < 19 || s[7] != s[4] || s[10] != ' ' && s[10] != 'T' && s[10] != '_' {
		return time.Time{}, "", 0
	}
	if s[11] == ' ' && isDigit(s[12]) && s[13] == ':' {
		// MariaDB pads the hour with a blank.
		secs, nsec, n := clock("0"+s[12:min(len(s), 28)], 0)
		if n == 0 {
			return time.Time{}, "", 0
		}
		return c.finish(s, year, month, day, secs, nsec, 12+n-1)
	}
	secs, nsec, n := clock(s, 11)
	if n == 0 {
		return time.Time{}, "", 0
	}
	return c.finish(s, year, month, day, secs, nsec, n)
}

// dayFirst reads the forms that begin with the day.
func (c *Clock) dayFirst(s string) (time.Time, string, int) {
	if len(s) < 20 || s[6] != s[2] || s[11] != ':' && s[11] != ' ' {
		return time.Time{}, "", 0
	}
	secs, nsec, n := clock(s, 12)
	if n == 0 {
		return time.Time{}, "", 0
	}
	return c.finish(s, Digits(s, 7, 4), Month(s[3:6]), Digits(s, 0, 2), secs, nsec, n)
}

// short reads "060102 15:04:05", where the hour may have one digit.
func (c *Clock) short(s string) (time.Time, string, int) {
	year, month, day := Digits(s, 0, 2), Digits(s, 2, 2), Digits(s, 4, 2)
	at := 7
	if s[at] == ' ' {
		at++
	}
	if isDigit(s[at]) && s[at+1] == ':' {
		at--
	}
	hour, minute, second := Digits(s, at, 2), Digits(s, at+3, 2), Digits(s, at+6, 2)
	if hour < 0 && len(s) > at+2 && isDigit(s[at+1]) {
		hour = int(s[at+1] - '0')
	}
	if year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || s[at+2] != ':' || s[at+5] != ':' {
		return time.Time{}, "", 0
	}
	if year < 70 {
		year += 100
	}
	if !validDate(1900+year, month, day) {
		return time.Time{}, "", 0
	}
	when, note := c.Local(Days(1900+year, month, day)*86400+int64(hour*3600+minute*60+second), 0)
	return when, note, at + 8
}

// named reads the forms that begin with a name: of the day, or of the month.
func (c *Clock) named(s string) (time.Time, string, int) {
	at := 0
	if Month(s[:3]) == 0 {
		// A day's name, with a comma or without.
		at = strings.IndexByte(s[:5], ' ') + 1
		if at == 0 || at+14 > len(s) {
			return time.Time{}, "", 0
		}
		if isDigit(s[at]) {
			// "Mon, 02 Jan 2006 15:04:05 -0700"
			if len(s) < at+20 {
				return time.Time{}, "", 0
			}
			when, note, n := c.dayFirst(s[at:])
			if n == 0 {
				return when, note, 0
			}
			return when, note, at + n
		}
	}
	month := Month(s[at : at+3])
	if month == 0 || s[at+3] != ' ' {
		return time.Time{}, "", 0
	}
	at += 4
	if s[at] == ' ' {
		at++
	}
	day, n := number(s, at, 2)
	at += n
	if n == 0 || at+1 >= len(s) {
		return time.Time{}, "", 0
	}
	if s[at] == ',' {
		return c.american(s, at, month, day)
	}
	if s[at] != ' ' {
		return time.Time{}, "", 0
	}
	secs, nsec, end := clock(s, at+1)
	if end == 0 || end >= len(s) || s[end] != ' ' {
		return time.Time{}, "", 0
	}
	year := Digits(s, end+1, 4)
	if year < 0 || !validDate(year, month, day) {
		return time.Time{}, "", 0
	}
	when, note := c.Local(Days(year, month, day)*86400+secs, nsec)
	return when, note, end + 5
}

// american reads the rest of "Jan 2, 2006 3:04:05 PM".
func (c *Clock) american(s string, at, month, day int) (time.Time, string, int) {
	year := Digits(s, at+2, 4)
	at += 7
	hour, n := number(s, at, 2)
	at += n
	minute, second := Digits(s, at+1, 2), Digits(s, at+4, 2)
	if year < 0 || n == 0 || minute < 0 || minute > 59 || second < 0 || second > 60 || hour < 1 || hour > 12 || len(s) < at+9 || s[at] != ':' || s[at+3] != ':' || s[at+8] != 'M' || !validDate(year, month, day) {
		return time.Time{}, "", 0
	}
	if hour == 12 {
		hour = 0
	}
	if s[at+7] == 'P' {
		hour += 12
	}
	when, note := c.Local(Days(year, month, day)*86400+int64(hour*3600+minute*60+second), 0)
	return when, note, at + 9
}

// clock reads "15:04:05" with a fraction at s[i:] and gives where it ends, 0 if it is not there.
func clock(s string, i int) (secs int64, nsec, end int) {
	hour, minute, second := Digits(s, i, 2), Digits(s, i+3, 2), Digits(s, i+6, 2)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 || s[i+2] != ':' || s[i+5] != ':' {
		return 0, 0, 0
	}
	end = i + 8
	if end+1 < len(s) && (s[end] == '.' || s[end] == ',' || s[end] == ':') && isDigit(s[end+1]) {
		unit := 100_000_000
		for end++; end < len(s) && isDigit(s[end]); end++ {
			nsec += int(s[end]-'0') * unit
			unit /= 10
		}
	}
	return int64(hour*3600 + minute*60 + second), nsec, end
}

// finish reads the zone at s[n:], if there is one.
func (c *Clock) finish(s string, year, month, day int, secs int64, nsec, n int) (time.Time, string, int) {
	if !validDate(year, month, day) {
		return time.Time{}, "", 0
	}
	secs += Days(year, month, day) * 86400
	east, m, ok := zone(s[n:])
	if ok {
		return time.Unix(secs-int64(east), int64(nsec)).UTC(), "", n + m
	}
	when, note := c.Local(secs, nsec)
	// An abbreviation is that of the server's zone, or of none that we know.
	if name := abbreviation(s[n:]); name != "" {
		if c.known {
			_, before := when.Add(-24 * time.Hour).In(c.zone).Zone()
			_, after := when.Add(24 * time.Hour).In(c.zone).Zone()
			for _, east := range [...]int{before, after} {
				at := time.Unix(secs-int64(east), int64(nsec))
				if here, off := at.In(c.zone).Zone(); here == name && off == east {
					return at.UTC(), "", n + 1 + len(name)
				}
			}
		}
		n += 1 + len(name)
	}
	return when, note, n
}

// zone reads "Z", "+02:00", "+0200", "+02", with a blank before or not, " UTC" and " GMT".
func zone(s string) (east, n int, ok bool) {
	if s == "" {
		return
	}
	if s[0] == 'Z' {
		return 0, 1, true
	}
	at := 0
	if s[0] == ' ' {
		at = 1
		if strings.HasPrefix(s[1:], "UTC") || strings.HasPrefix(s[1:], "GMT") {
			return 0, 4, true
		}
	}
	if at >= len(s) || s[at] != '+' && s[at] != '-' {
		return
	}
	hours, minutes, end := Digits(s, at+1, 2), 0, at+3
	if hours < 0 || hours > 23 {
		return
	}
	if end < len(s) && s[end] == ':' && Digits(s, end+1, 2) >= 0 {
		minutes, end = Digits(s, end+1, 2), end+3
	} else if Digits(s, end, 2) >= 0 {
		minutes, end = Digits(s, end, 2), end+2
	}
	if minutes > 59 {
		return
	}
	east = hours*3600 + minutes*60
	if s[at] == '-' {
		east = -east
	}
	return east, end, true
}

// abbreviation reads a zone's usual abbreviation behind a blank: " CEST".
func abbreviation(s string) string {
	if len(s) < 4 || s[0] != ' ' {
		return ""
	}
	n := 1
	for n < len(s) && n < 6 && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	switch s[1:n] {
	case "CET", "CEST", "EET", "EEST", "WET", "WEST", "BST", "IST", "MSK", "SAST", "WAT", "CAT", "EAT", "PKT", "WIB", "HKT", "SGT", "PHT", "JST", "KST",
		"AWST", "ACST", "ACDT", "AEST", "AEDT", "NZST", "NZDT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "AST", "ADT", "NST", "NDT", "BRT", "ART", "CLT", "COT", "PET":
		return s[1:n]
	}
	return ""
}

// Epoch reads seconds since 1970 with a fraction, as "1700000000.123", or whole
// milliseconds, microseconds or nanoseconds.
func Epoch(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) < 9 || len(whole) > 19 {
		return time.Time{}, false
	}
	var n int64
	for i := range len(whole) {
		if !isDigit(whole[i]) {
			return time.Time{}, false
		}
		n = n*10 + int64(whole[i]-'0')
	}
	if n < 0 {
		return time.Time{}, false
	}
	switch {
	case n < 1e11:
		nsec, unit := int64(0), int64(100_000_000)
		for i := range len(fraction) {
			if !isDigit(fraction[i]) {
				return time.Time{}, false
			}
			nsec += int64(fraction[i]-'0') * unit
			unit /= 10
		}
		return time.Unix(n, nsec).UTC(), true
	case n < 1e14:
		return time.UnixMilli(n).UTC(), true
	case n < 1e17:
		return time.UnixMicro(n).UTC(), true
	}
	return time.Unix(0, n).UTC(), true
}

// Month is the number of a month from its first three letters, 0 if it is none.
func Month(s string) int {
	switch s {
	case "Jan", "jan", "JAN":
		return 1
	case "Feb", "feb", "FEB":
		return 2
	case "Mar", "mar", "MAR":
		return 3
	case "Apr", "apr", "APR":
		return 4
	case "May", "may", "MAY":
		return 5
	case "Jun", "jun", "JUN":
		return 6
	case "Jul", "jul", "JUL":
		return 7
	case "Aug", "aug", "AUG":
		return 8
	case "Sep", "sep", "SEP":
		return 9
	case "Oct", "oct", "OCT":
		return 10
	case "Nov", "nov", "NOV":
		return 11
	case "Dec", "dec", "DEC":
		return 12
	}
	return 0
}

func validDate(year, month, day int) bool {
	return year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Digits reads n digits at s[i:]; -1 if they are not there.
func Digits(s string, i, n int) int {
	if i < 0 || len(s) < i+n {
		return -1
	}
	v := 0
	for ; n > 0; n-- {
		c := s[i]
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
		i++
	}
	return v
}

// number reads up to most digits at s[i:].
func number(s string, i, most int) (v, n int) {
	for n < most && i+n < len(s) && isDigit(s[i+n]) {
		v = v*10 + int(s[i+n]-'0')
		n++
	}
	return v, n
}

// Days counts days from 1970 in the proleptic Gregorian calendar, year not negative.
func Days(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	year += 400
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - 719468 - 146097
}
