package report

import (
	"strconv"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// This file holds the rows of a timeline as The Sleuth Kit writes them. None
// of its functions allocates beyond dst.

// MactimeHeader is the first line of mactime's CSV.
const MactimeHeader = "Date,Size,Type,Mode,UID,GID,Meta,File Name\n"

// appendTSKName appends a file's name as fls does: the path, where the link
// points, whether the name is deleted. Orphans without a path get the place that
// The Sleuth Kit gives them.
func appendTSKName(dst []byte, f *timeline.File) []byte {
	return appendName(dst, f, AppendBodyName)
}

// appendName is a file's name, with each path written by appendPath.
func appendName(dst []byte, f *timeline.File, appendPath func([]byte, string) []byte) []byte {
	if f.Orphan && f.Path == "" {
		dst = append(dst, "/$OrphanFiles/OrphanFile-"...)
		dst = strconv.AppendUint(dst, uint64(f.Inode), 10)
	} else {
		dst = appendPath(dst, f.Path)
	}
	if f.Target != "" {
		dst = append(dst, " -> "...)
		dst = appendPath(dst, f.Target)
	}
	return append(dst, deletedSuffix(f)...)
}

// deletedSuffix says, in fls's words, that a name is deleted, and whether its
// inode belongs to a file again.
func deletedSuffix(f *timeline.File) string {
	switch {
	case !f.Deleted && !f.Orphan:
		return ""
	case f.Unalloc || f.Orphan || f.Inode == 0:
		return " (deleted)"
	}
	return " (deleted-realloc)"
}

// appendTSKMode appends type by name, a slash, type and permissions by inode:
// "r/rrw-r--r--". A name that is gone has the type "-".
func appendTSKMode(dst []byte, f *timeline.File) []byte {
	name := f.Type
	if f.Orphan {
		name = filesystem.Unknown
	}
	dst = append(dst, name.Letter(), '/', f.Mode.Type().Letter())
	return f.Mode.AppendPerm(dst)
}

// AppendBody appends a line of a body file, version 3 of The Sleuth Kit, with
// the fields of "fls -m /":
//
//	0|name|inode|r/rrw-r--r--|uid|gid|size|atime|mtime|ctime|crtime
//
// The first field stands for an MD5 that was not computed. Times are seconds
// since 1970; 0 is a time that is not known. With ns they have nine digits of the
// second, except those that are not known. Times before 1970 are written as the
// negative numbers that they are: plaso reads them, mactime leaves that one time
// out and keeps the row. (fls writes them modulo 2^32, which is another time.) The
// deletion time has no field.
//
// https://wiki.sleuthkit.org/index.php?title=Body_file
func AppendBody(dst []byte, f *timeline.File, ns bool) []byte {
	dst = append(dst, '0', '|')
	dst = appendTSKName(dst, f)
	dst = append(dst, '|')
	dst = strconv.AppendUint(dst, uint64(f.Inode), 10)
	dst = append(dst, '|')
	dst = appendTSKMode(dst, f)
	dst = append(dst, '|')
	dst = strconv.AppendUint(dst, uint64(f.UID), 10)
	dst = append(dst, '|')
	dst = strconv.AppendUint(dst, uint64(f.GID), 10)
	dst = append(dst, '|')
	dst = strconv.AppendInt(dst, f.Size, 10)
	t := &f.Times
	var last filesystem.Time // whose digits stand in dst from "from" on: a file's times are often equal
	from := 0
	for _, w := range [...]filesystem.Time{t.Accessed, t.Modified, t.Changed, t.Born} {
		dst = append(dst, '|')
		if start := len(dst); from > 0 && (w == last || !ns && w.Known && last.Known && w.Sec == last.Sec) {
			dst = append(dst, dst[from:start-1]...)
			from = start
			continue
		}
		from, last = len(dst), w
		dst = appendBodyTime(dst, w, ns)
	}
	return append(dst, '\n')
}

func appendBodyTime(dst []byte, t filesystem.Time, ns bool) []byte {
	if !t.Known {
		return append(dst, '0')
	}
	if !ns {
		return strconv.AppendInt(dst, t.Sec, 10)
	}
	sec, nsec := t.Sec, t.Nsec
	if sec < 0 && nsec > 0 { // -1.5 is two seconds before 1970 and half a second on
		sec++
		nsec = 1e9 - nsec
		if sec == 0 {
			dst = append(dst, '-')
		}
	}
	dst = strconv.AppendInt(dst, sec, 10)
	return appendNanos(append(dst, '.'), nsec)
}

// AppendMactimeCSV appends a row as "mactime -d -y" prints it: UTC, whole
// seconds, only the name in quotes. sec 0 is mactime's 0000-00-00T00:00:00Z.
func AppendMactimeCSV(dst []byte, sec int64, m MACB, f *timeline.File) []byte {
	dst = appendMactimeISO(dst, sec)
	dst = append(dst, ',')
	return appendMactimeCSVRest(dst, m, f)
}

// AppendMactimeCSVIn is AppendMactimeCSV with the date as "mactime -d" prints
// it without -y: "Thu Jan 01 1970 00:00:00", in a zone that it does not say.
func AppendMactimeCSVIn(dst []byte, sec int64, m MACB, f *timeline.File, zone *time.Location) []byte {
	dst = appendMactimeDate(dst, sec, zone)
	dst = append(dst, ',')
	return appendMactimeCSVRest(dst, m, f)
}

func appendMactimeCSVRest(dst []byte, m MACB, f *timeline.File) []byte {
	dst = strconv.AppendInt(dst, f.Size, 10)
	dst = append(dst, ',')
	dst = m.Letters(dst)
	dst = append(dst, ',')
	dst = appendTSKMode(dst, f)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(f.UID), 10)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(f.GID), 10)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(f.Inode), 10)
	dst = append(dst, ',', '"')
	dst = appendTSKName(dst, f)
	// A name starts with a slash, so no spreadsheet takes it for a formula.
	// Quotes are doubled in place, from the end.
	return append(doubleQuotes(dst, f), '"', '\n')
}

// doubleQuotes doubles the quotes of the name that ends dst.
func doubleQuotes(dst []byte, f *timeline.File) []byte {
	quotes := strings.Count(f.Path, `"`) + strings.Count(f.Target, `"`)
	if quotes == 0 {
		return dst
	}
	from := len(dst) - 1
	for range quotes {
		dst = append(dst, 0)
	}
	for to := len(dst) - 1; to > from; {
		c := dst[from]
		dst[to] = c
		from, to = from-1, to-1
		if c == '"' {
			dst[to] = '"'
			to--
		}
	}
	return dst
}

// AppendMactimeText appends a row as "mactime -y" prints it (zone nil) or as
// "mactime" does (in zone). same says that the row above has the same date, which
// mactime then leaves blank.
func AppendMactimeText(dst []byte, sec int64, same bool, m MACB, f *timeline.File, zone *time.Location) []byte {
	switch {
	case same && zone == nil:
		dst = append(dst, "                    "...)
	case same:
		dst = append(dst, "                        "...)
	case zone == nil:
		dst = appendMactimeISO(dst, sec)
	default:
		dst = appendMactimeDate(dst, sec, zone)
	}
	dst = append(dst, ' ')
	dst = appendIntRight(dst, f.Size, 8)
	dst = append(dst, ' ')
	dst = m.Letters(dst)
	dst = append(dst, ' ')
	dst = appendTSKMode(dst, f)
	dst = append(dst, ' ')
	for _, v := range [...]uint64{uint64(f.UID), uint64(f.GID), uint64(f.Inode)} {
		n := len(dst)
		dst = strconv.AppendUint(dst, v, 10)
		for len(dst) < n+8 {
			dst = append(dst, ' ')
		}
		dst = append(dst, ' ')
	}
	dst = appendTSKName(dst, f)
	return append(dst, '\n')
}

func appendIntRight(dst []byte, v int64, width int) []byte {
	var b [20]byte
	s := strconv.AppendInt(b[:0], v, 10)
	for range width - len(s) {
		dst = append(dst, ' ')
	}
	return append(dst, s...)
}

func appendMactimeISO(dst []byte, sec int64) []byte {
	if sec == 0 {
		return append(dst, "0000-00-00T00:00:00Z"...)
	}
	return append(appendSeconds(dst, sec, 'T'), 'Z')
}

func appendMactimeDate(dst []byte, sec int64, zone *time.Location) []byte {
	const days = "SunMonTueWedThuFriSat"
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if sec == 0 {
		return append(dst, "Xxx Xxx 00 0000 00:00:00"...)
	}
	if zone != nil && zone != time.UTC {
		_, offset := time.Unix(sec, 0).In(zone).Zone()
		sec += int64(offset)
	}
	year, month, day, hour, minute, second := civil(sec)
	weekday := (sec/secondsPerDay + 4) % 7 // 1970 began on a Thursday
	if sec%secondsPerDay < 0 {
		weekday--
	}
	weekday = (weekday + 7) % 7
	dst = append(dst, days[3*weekday:3*weekday+3]...)
	dst = append(dst, ' ')
	dst = append(dst, months[3*month-3:3*month]...)
	dst = append2(append(dst, ' '), day)
	dst = appendYear(append(dst, ' '), year)
	dst = append2(append(dst, ' '), hour)
	dst = append2(append(dst, ':'), minute)
	return append2(append(dst, ':'), second)
}

// AppendRow appends a row for people: the time in their zone with its
// fraction, the five letters MACB and D, mode, owner, group, size, inode, name.
func AppendRow(dst []byte, w Moment, f *timeline.File, zone *time.Location) []byte {
	dst = AppendTimeIn(dst, w.Sec, w.Nsec, zone, true)
	dst = w.MACB.LettersD(append(dst, ' '))
	dst = append(dst, ' ')
	dst = appendLetters(dst, f.Mode)
	dst = append(dst, ' ')
	dst = appendIntRight(dst, int64(f.UID), 5)
	dst = append(dst, ' ')
	dst = appendIntRight(dst, int64(f.GID), 5)
	dst = append(dst, ' ')
	dst = appendIntRight(dst, f.Size, 10)
	dst = append(dst, ' ')
	dst = appendIntRight(dst, int64(f.Inode), 8)
	dst = append(dst, ' ')
	dst = appendPeopleName(dst, f)
	return append(dst, '\n')
}

// appendPeopleName is a file's name for people.
func appendPeopleName(dst []byte, f *timeline.File) []byte { return appendName(dst, f, AppendText) }

// AppendRecordRow appends a row for people of a record at one of its stamps.
func AppendRecordRow(dst []byte, s *timeline.Stamp, r *timeline.Record, zone *time.Location) []byte {
	if m := macbOf(s.What); m != 0 && isFile(r) {
		return AppendRow(dst, Moment{s.When.Unix(), int32(s.When.Nanosecond()), m}, r.File, zone)
	}
	dst = AppendTimeIn(dst, s.When.Unix(), int32(s.When.Nanosecond()), zone, true)
	dst = append(dst, ' ')
	dst = AppendText(dst, r.Kind)
	dst = append(dst, ' ')
	dst = AppendText(dst, s.What)
	dst = append(dst, ": "...)
	dst = AppendText(dst, r.Summary)
	if r.Evidence.Path != "" {
		dst = append(dst, "  ["...)
		dst = AppendText(dst, r.Evidence.Path)
		if r.Evidence.Line > 0 {
			dst = append(dst, ':')
			dst = strconv.AppendInt(dst, int64(r.Evidence.Line), 10)
		}
		dst = append(dst, ']')
	}
	if s.Note != "" {
		dst = append(dst, "  ("...)
		dst = AppendText(dst, s.Note)
		dst = append(dst, ')')
	}
	return append(dst, '\n')
}
