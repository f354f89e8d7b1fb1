package syslog

import "time"

// stampKind says how much of a time a line gives.
type stampKind uint8

const (
	noStamp  stampKind = iota
	instant            // date, time and offset
	wall               // date and time of the server's own clock
	yearless           // wall without the year
)

// stamp is the time at the start of a line, as it is written there.
type stamp struct {
	kind                 stampKind
	year                 int
	month, day           int
	hour, minute, second int
	nsec                 int
	offset               int // seconds east of UTC, of an instant
}

// seconds counts the stamp's clock from 1970 as if it were UTC.
func (t *stamp) seconds(year int) int64 {
	return daysFrom1970(year, t.month, t.day)*86400 + int64(t.hour*3600+t.minute*60+t.second)
}

// daysFrom1970 counts days in the proleptic Gregorian calendar.
func daysFrom1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	doy := (153*(month-3)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// monthDays are those of a leap year: a line without a year may be of 29 February.
var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// yearDays counts the days of a leap year before a month.
var yearDays = [13]int{0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335}

// parseMonth reads an English month of three letters; 0 if it is none.
func parseMonth(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	switch string(b[:3]) {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// number reads n digits at b[i:]; -1 if they are not there.
func number(b []byte, i, n int) int {
	if len(b) < i+n {
		return -1
	}
	v := 0
	for _, c := range b[i : i+n] {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// parseStamp reads the time that b starts with and gives how many bytes it
// takes. It knows "Jan  2 15:04:05" (RFC 3164, 4.1.2), with a fraction or a
// year too, and "2006-01-02T15:04:05.999999Z07:00" (RFC 3339), also with a
// space for the T and without an offset.
func parseStamp(b []byte) (stamp, int) {
	if month := parseMonth(b); month != 0 {
		return parseBSD(b, month)
	}
	return parseISO(b)
}

func parseBSD(b []byte, month int) (stamp, int) {
	t := stamp{kind: yearless, month: month}
	i := 3
	if i >= len(b) || b[i] != ' ' {
		return stamp{}, 0
	}
	for i < len(b) && i < 5 && b[i] == ' ' {
		i++
	}
	if t.day = number(b, i, 2); t.day >= 0 {
		i += 2
	} else if t.day = number(b, i, 1); t.day >= 0 {
		i++
	}
	if t.day < 1 || t.day > monthDays[month] || i >= len(b) || b[i] != ' ' {
		return stamp{}, 0
	}
	i++
	if year := number(b, i, 4); year >= 1970 && i+4 < len(b) && b[i+4] == ' ' {
		t.kind, t.year = wall, year
		i += 5
	}
	n := t.clock(b[i:])
	if n == 0 || t.kind == wall && t.day == 29 && month == 2 && !isLeap(t.year) {
		return stamp{}, 0
	}
	return t, i + n
}

// clock reads "15:04:05" and a fraction.
func (t *stamp) clock(b []byte) int {
	t.hour, t.minute, t.second = number(b, 0, 2), number(b, 3, 2), number(b, 6, 2)
	if t.hour < 0 || t.hour > 23 || t.minute < 0 || t.minute > 59 || t.second < 0 || t.second > 60 || b[2] != ':' || b[5] != ':' {
		return 0
	}
	i := 8
	if i+1 < len(b) && (b[i] == '.' || b[i] == ',') && b[i+1] >= '0' && b[i+1] <= '9' {
		unit := 100_000_000
		for i++; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			t.nsec += int(b[i]-'0') * unit
			unit /= 10
		}
	}
	return i
}

func parseISO(b []byte) (stamp, int) {
	t := stamp{kind: wall, year: number(b, 0, 4), month: number(b, 5, 2), day: number(b, 8, 2)}
	if t.year < 0 || len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' ||
		t.month < 1 || t.month > 12 || t.day < 1 || t.day > monthDays[t.month] || t.month == 2 && t.day == 29 && !isLeap(t.year) {
		return stamp{}, 0
	}
	n := t.clock(b[11:])
	if n == 0 {
		return stamp{}, 0
	}
	i := 11 + n
	if i < len(b) && b[i] == 'Z' {
		t.kind = instant
		return t, i + 1
	}
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		hours, skip := number(b, i+1, 2), 3
		if i+3 < len(b) && b[i+3] == ':' {
			skip = 4
		}
		minutes := number(b, i+skip, 2)
		if hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 {
			t.kind, t.offset = instant, hours*3600+minutes*60
			if b[i] == '-' {
				t.offset = -t.offset
			}
			i += skip + 2
		}
	}
	return t, i
}

// clock turns the server's wall clock into instants. It remembers the hour that
// it answered last, since lines come in order.
type clock struct {
	zone   *time.Location
	hour   int64 // since 1970 on the wall; its whole span has one offset
	offset int64
	known  bool
}

// Notes on local times.
const (
	noteTwice   = "local time that came twice, when the clock was put back; the first is meant unless the line before is later"
	noteSkipped = "local time that the zone's clock skips"
	noteNoZone  = "the server's time zone is not known, UTC assumed"
)

func (c *clock) offsetAt(unix int64) int64 {
	_, off := time.Unix(unix, 0).In(c.zone).Zone()
	return int64(off)
}

// instant gives the time at which the wall clock showed secs seconds since 1970. A time that came
// twice is taken as the first, or as the second where the first lies before prev.
func (c *clock) instant(secs, prev int64) (int64, string) {
	hour := floorDiv64(secs, 3600)
	if c.known && hour == c.hour {
		return secs - c.offset, ""
	}
	before, after := c.offsetAt(secs-86400), c.offsetAt(secs+86400)
	if before == after {
		if c.offsetAt(secs-before) == before {
			c.hour, c.offset, c.known = hour, before, true
			return secs - before, ""
		}
	}
	first, second := secs-before, secs-after
	firstOK, secondOK := c.offsetAt(first) == before, c.offsetAt(second) == after
	switch {
	case firstOK && secondOK && first != second:
		if first > second {
			first, second = second, first
		}
		if first < prev && prev-first > 60 {
			return second, noteTwice
		}
		return first, noteTwice
	case firstOK:
		return first, ""
	case secondOK:
		return second, ""
	}
	return first, noteSkipped
}

func floorDiv64(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
