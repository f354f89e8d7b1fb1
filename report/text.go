package report

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"deadbox/fs/filesystem"
)

const lowerHex = "0123456789abcdef"

// hidden reports whether a rune would not show itself on a screen, or would
// change how its neighbours show: controls, format and bidirectional marks, blanks
// other than the space, variation selectors, code points without a character.
func hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	if !strconv.IsPrint(r) {
		return true
	}
	return r == '\u2800' || // braille blank
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// plainASCII reports whether a byte is a printable ASCII character.
func plainASCII(c byte) bool { return c-' ' < 0x7f-' ' }

// AppendText appends s as people may see it on a terminal or on paper: bytes
// that are not UTF-8 become \xNN, controls \n \r \t or \xNN, and runes that do
// not show themselves (see above) \uNNNN or \UNNNNNNNN. A backslash stays as it
// is, so that commands can be copied; the data formats are the ones to trust byte
// for byte.
func AppendText(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && plainASCII(s[j]) {
			j++
		}
		dst = append(dst, s[i:j]...)
		if i = j; i == len(s) {
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = appendHexByte(dst, s[i])
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < utf8.RuneSelf:
			dst = appendHexByte(dst, byte(r))
		case !hidden(r):
			dst = append(dst, s[i:i+n]...)
		case r > 0xffff:
			dst = append(dst, '\\', 'U')
			dst = appendHexRune(dst, r, 8)
		default:
			dst = append(dst, '\\', 'u')
			dst = appendHexRune(dst, r, 4)
		}
		i += n
	}
	return dst
}

// Text is s as [AppendText] writes it.
func Text(s string) string {
	if shown(s) {
		return s
	}
	return string(AppendText(nil, s))
}

// shown reports whether AppendText would leave s as it is.
func shown(s string) bool {
	for i := 0; i < len(s); i++ {
		if plainASCII(s[i]) {
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || hidden(r) {
			return false
		}
		i += n - 1
	}
	return true
}

func appendHexByte(dst []byte, c byte) []byte {
	return append(dst, '\\', 'x', lowerHex[c>>4], lowerHex[c&15])
}

func appendHexRune(dst []byte, r rune, digits int) []byte {
	for d := digits - 1; d >= 0; d-- {
		dst = append(dst, lowerHex[r>>(4*d)&15])
	}
	return dst
}

// Cut shortens s to about max bytes, at the border of a rune, and says how
// long it was.
func Cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	n := max
	for n > 0 && n > max-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "… (" + Count(int64(len(s))) + " bytes in all)"
}

// AppendCSV appends s as one cell, after RFC 4180, escaped as [AppendText]
// does. A spreadsheet takes a cell for a formula if it begins with = + - or @
// (also after blanks, also in their full-width forms); such a cell gets a leading
// apostrophe, which is how spreadsheets themselves write "this is text".
func AppendCSV(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	start := len(dst)
	if formula(s) {
		dst = append(dst, '\'')
	}
	dst = AppendText(dst, s)
	quotes, need := 0, false
	for _, c := range dst[start:] {
		switch c {
		case '"':
			quotes++
			need = true
		case ',', ';':
			need = true
		}
	}
	if c := dst[start]; c == ' ' || dst[len(dst)-1] == ' ' {
		need = true
	}
	if !need {
		return dst
	}
	// Make room for the quotes, then move the cell up from its end.
	n := len(dst)
	for range quotes + 2 {
		dst = append(dst, '"')
	}
	to := len(dst) - 2
	for from := n - 1; from >= start; from-- {
		c := dst[from]
		dst[to] = c
		to--
		if c == '"' {
			dst[to] = '"'
			to--
		}
	}
	dst[start] = '"'
	dst[len(dst)-1] = '"'
	return dst
}

func formula(s string) bool {
	for _, r := range s {
		switch r {
		case ' ', '\t', '\r', '\n':
			continue
		case '=', '+', '-', '@', '＝', '＋', '－', '＠':
			return true
		}
		return false
	}
	return false
}

// plainInBody are the bytes that a body file's name may hold as they are.
var plainInBody = func() (t [256]bool) {
	for c := range t {
		t[c] = plainASCII(byte(c)) && c != '|' && c != '\\' && c != '%'
	}
	return t
}()

// AppendBodyName appends a name as it stands in a body file. Each byte that
// would break the row, or that a reader would take for something else, becomes
// \xNN: controls, the vertical bar, the backslash (so that the escape can be
// undone), bytes that are not UTF-8, the C1 controls of UTF-8, and a percent sign
// before two hexadecimal digits, which mactime would decode.
func AppendBodyName(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && plainInBody[s[j]] {
			j++
		}
		dst = append(dst, s[i:j]...)
		if i = j; i == len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			if c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
				dst = append(dst, c)
			} else {
				dst = appendHexByte(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r < 0xa0 {
			for _, c := range []byte(s[i : i+n]) {
				dst = appendHexByte(dst, c)
			}
		} else {
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

func isHex(c byte) bool {
	return c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// Count writes a number with commas between the thousands: 1,234,567.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := len(s)
	if n < 0 {
		digits--
	}
	out := make([]byte, 0, len(s)+digits/3)
	for i := range s {
		if left := len(s) - i; i > len(s)-digits && left%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, s[i])
	}
	return string(out)
}

// Bytes writes a size for people: "1.5 GiB".
func Bytes(n int64) string {
	const unit = 1024
	if n < unit && n > -unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	v := float64(n)
	i := -1
	for (v >= unit || v <= -unit) && i < 5 {
		v /= unit
		i++
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + "KMGTPE"[i:i+1] + "iB"
}

// secondsPerDay and the algorithm of civil: proleptic Gregorian calendar, as
// RFC 3339 wants it.
const secondsPerDay = 86400

// civil splits seconds since 1970 UTC into the parts of a date.
func civil(sec int64) (year int64, month, day, hour, minute, second int) {
	days := sec / secondsPerDay
	rest := sec % secondsPerDay
	if rest < 0 {
		rest += secondsPerDay
		days--
	}
	hour, minute, second = int(rest/3600), int(rest/60%60), int(rest%60)
	// Years are counted from March, in eras of 400 years of 146,097 days.
	days += 719468
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy-(153*mp+2)/5) + 1
	month = int(mp) + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day, hour, minute, second
}

func append2(dst []byte, v int) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

// appendYear writes four digits; a year that does not fit has its sign before
// it, the expanded form of ISO 8601.
func appendYear(dst []byte, year int64) []byte {
	if year >= 0 && year <= 9999 {
		return append2(append2(dst, int(year/100)), int(year%100))
	}
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	} else {
		dst = append(dst, '+')
	}
	for limit := int64(1000); limit > year && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, year, 10)
}

// appendSeconds writes 2006-01-02T15:04:05 in UTC.
func appendSeconds(dst []byte, sec int64, sep byte) []byte {
	year, month, day, hour, minute, second := civil(sec)
	dst = appendYear(dst, year)
	dst = append2(append(dst, '-'), month)
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, sep), hour)
	dst = append2(append(dst, ':'), minute)
	return append2(append(dst, ':'), second)
}

func appendNanos(dst []byte, nsec int32) []byte {
	var b [9]byte
	for i := 8; i >= 0; i-- {
		b[i] = byte('0' + nsec%10)
		nsec /= 10
	}
	return append(dst, b[:]...)
}

// AppendTime appends a time as data carries it: RFC 3339 in UTC, always with
// nine digits of the second, so that it sorts as text. sec counts from 1970 UTC
// and may be negative.
func AppendTime(dst []byte, sec int64, nsec int32) []byte {
	dst = appendSeconds(dst, sec, 'T')
	dst = appendNanos(append(dst, '.'), nsec)
	return append(dst, 'Z')
}

// appendStd is AppendTime of a time.Time.
func appendStd(dst []byte, t time.Time) []byte {
	return AppendTime(dst, t.Unix(), int32(t.Nanosecond()))
}

// AppendTimeIn appends a time for people, in their zone, with its distance
// from UTC: "2006-01-02 15:04:05.123456789+02:00". The fraction is left out unless
// fraction is true. A nil zone is UTC. The zone's abbreviation is never written: it
// comes from the image.
func AppendTimeIn(dst []byte, sec int64, nsec int32, zone *time.Location, fraction bool) []byte {
	offset := 0
	if zone != nil && zone != time.UTC {
		_, offset = time.Unix(sec, 0).In(zone).Zone()
	}
	dst = appendSeconds(dst, sec+int64(offset), ' ')
	if fraction {
		dst = appendNanos(append(dst, '.'), nsec)
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = append2(append(dst, sign), offset/3600%100)
	dst = append2(append(dst, ':'), offset/60%60)
	if s := offset % 60; s != 0 { // local mean times, before 1900
		dst = append2(append(dst, ':'), s)
	}
	return dst
}

// TimeIn is t for people, to the second, as [AppendTimeIn] writes it; "-" for
// the zero time.
func TimeIn(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	return string(AppendTimeIn(nil, t.Unix(), int32(t.Nanosecond()), zone, false))
}

// letters writes a mode as "ls -l" does: "-rwxr-xr-x". A type that POSIX does
// not name is "?".
func appendLetters(dst []byte, m filesystem.Mode) []byte {
	c := m.Type().Letter()
	switch m.Type() {
	case filesystem.Regular:
		c = '-'
	case filesystem.Unknown:
		c = '?'
	}
	return m.AppendPerm(append(dst, c))
}
