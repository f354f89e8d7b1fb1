package weblog

import (
	"strings"
	"time"
)

// text reads a line of the Common Log Format and its kin:
//
//	[VHOST[:PORT]] ADDRESS IDENT USER [02/Jan/2006:15:04:05 -0700] "REQUEST" STATUS BYTES ["REFERER" "AGENT"] ...
//
// It is false if the line has neither a time nor a request.
func (p *parser) text(line string, q *request) (when time.Time, note string, ok bool) {
	quote := strings.IndexByte(line, '"')
	if quote < 0 {
		quote = len(line)
	}
	// The user's name is chosen by the client and may look like a time; the
	// server's own stands last before the request.
	open := strings.LastIndexByte(line[:quote], '[')
	end := -1
	if open >= 0 {
		if n := strings.IndexByte(line[open:quote], ']'); n > 0 {
			end = open + n
			when, note = p.time(line[open+1 : end])
		}
	}
	if when.IsZero() {
		return p.other(line, q)
	}
	q.who(strings.TrimRight(line[:open], " "))
	rest := strings.TrimLeft(line[end+1:], " ")
	if rest == "" {
		return when, note, true
	}
	if rest[0] != '"' {
		// The address stands between time and request, perhaps with the virtual host before it.
		if quote == len(line) || open > 0 {
			q.message = line
			return when, note, true
		}
		last := ""
		for between, w := line[end+1:quote], ""; between != ""; last = w {
			w, between = word(strings.TrimLeft(between, " "))
			if isAddress(w) {
				q.address = plainAddress(w)
				if last != "" && last != "-" {
					q.vhost, _ = cutPort(last)
				}
				break
			}
		}
		rest = line[quote:]
	}
	q.behind(rest)
	return when, note, true
}

// maxTime is the longest time in brackets.
const maxTime = 64

// other reads a line in which the time does not stand before the request.
func (p *parser) other(line string, q *request) (when time.Time, note string, ok bool) {
	whole := line
	for i := 0; i < len(line); {
		open := strings.IndexByte(line[i:], '[')
		if open < 0 {
			break
		}
		open += i
		end := open + strings.IndexByte(line[open:min(len(line), open+maxTime)], ']')
		if end < open {
			i = open + 1
			continue
		}
		if when, note = p.time(line[open+1 : end]); !when.IsZero() {
			if open > 0 {
				q.who(strings.TrimRight(line[:open], " "))
			}
			line = line[end+1:]
			break
		}
		i = open + 1
	}
	// The first quoted part that is a request is taken for it.
	for at := 0; ; {
		i := strings.IndexByte(line[at:], '"')
		if i < 0 {
			break
		}
		at += i
		n := quoted(line[at:])
		if n > len(line)-at {
			break
		}
		if q.request(line[at+1 : at+n-1]); q.method != "" && q.protocol != "" {
			if before := strings.TrimSpace(line[:at]); q.address == "" && before != "" {
				first, _, _ := strings.Cut(before, " ")
				if isAddress(first) {
					q.address = first
				}
			}
			q.behind(line[at:])
			return when, note, true
		}
		q.method, q.url, q.protocol, q.line = "", "", "", ""
		at += n
	}
	if when.IsZero() {
		return when, note, false
	}
	q.message = whole
	return when, note, true
}

// who reads what stands before the time: "ADDRESS IDENT USER", perhaps with a
// virtual host before, or addresses of proxies with commas between.
func (q *request) who(s string) {
	first, rest, more := strings.Cut(s, " ")
	if strings.HasPrefix(first, `"`) && more {
		if list := unquote(first); isAddress(list) {
			q.forwarded = list
		}
		first, rest, more = strings.Cut(rest, " ")
	}
	if strings.HasSuffix(first, ",") {
		list := first
		for strings.HasSuffix(list, ",") && more {
			var next string
			next, rest, more = strings.Cut(rest, " ")
			list += " " + next
		}
		q.forwarded = list
		first = strings.TrimSuffix(first, ",")
	} else if second, after, ok := strings.Cut(rest, " "); ok && (isAddress(second) || !isAddress(first) && second != "-") && strings.IndexByte(after, ' ') > 0 {
		q.vhost, _ = cutPort(first)
		first, rest = second, after
	}
	q.address = plainAddress(first)
	_, user, ok := strings.Cut(rest, " ")
	if !ok {
		// "ADDRESS - [": a user name of no letters.
		return
	}
	if user = strings.TrimSpace(user); user != "-" && user != `""` {
		q.user = unquote(user)
	}
}

// plainAddress takes the IPv4 address out of a mapped one.
func plainAddress(s string) string {
	if v4, ok := strings.CutPrefix(s, "::ffff:"); ok && strings.IndexByte(v4, '.') > 0 {
		return v4
	}
	return s
}

// cutPort splits "example.org:443".
func cutPort(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i > 0 && allDigits(s[i+1:]) && strings.IndexByte(s, ':') == i {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isAddress tells an IPv4 or IPv6 address from a name.
func isAddress(s string) bool {
	s, _, _ = strings.Cut(s, "%") // the zone of a link-local address
	dots, colons, digits := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '[' || c == ']':
			if colons == 0 && c != '[' && (dots > 0 || i > 3) {
				return false
			}
		default:
			return false
		}
	}
	return dots == 3 && digits > 3 && colons == 0 || colons >= 2
}

// quoted gives the length of the quoted string that s starts with, both quotes
// counted. A backslash takes the next byte with it.
func quoted(s string) int {
	for i := 1; i < len(s); {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			break
		}
		i += n
		slashes := 0
		for s[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
	return len(s) + 1
}

// unquote takes the quotes off.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// behind reads the request, which s starts with, and all that follows.
func (q *request) behind(s string) {
	n := quoted(s)
	// Servers that do not escape quotes leave them in the request: its end is
	// the first that a status follows.
	for end := n; end < len(s) && !statusAt(s[end:]); {
		more := quoted(s[end-1:])
		if end += more - 1; end < len(s) && statusAt(s[end:]) {
			n = end
		}
	}
	if n > len(s) {
		// The line was cut.
		q.request(s[1:])
		return
	}
	q.request(s[1 : n-1])
	rest := strings.TrimLeft(s[n:], " ")
	q.status, rest = word(rest)
	q.bytes, rest = word(rest)
	for rest != "" && rest[0] != '"' {
		var w string
		w, rest = word(rest)
		q.more(w)
	}
	for i := 0; rest != ""; i++ {
		if rest[0] != '"' {
			q.more(strings.TrimRight(rest, " "))
			return
		}
		n := quoted(rest)
		value := rest[1:min(max(n-1, 1), len(rest))]
		if n < len(rest) {
			rest = strings.TrimLeft(rest[n:], " ")
		} else {
			rest = ""
		}
		switch {
		case i == 0:
			q.referer = value
		case i == 1:
			q.agent = value
		case i == 2 && q.forwarded == "" && isAddress(strings.TrimSuffix(firstWord(value), ",")):
			q.forwarded = value
		default:
			if value != "-" {
				q.more(value)
			}
		}
	}
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

func (q *request) more(s string) {
	if q.extra != "" {
		q.extra += " " + s
	} else {
		q.extra = s
	}
}

func word(s string) (w, rest string) {
	w, rest, _ = strings.Cut(s, " ")
	return w, strings.TrimLeft(rest, " ")
}

// statusAt reports whether s is " 200 ..." or " - ...".
func statusAt(s string) bool {
	if len(s) < 2 || s[0] != ' ' {
		return false
	}
	if s[1] == '-' {
		return len(s) == 2 || s[2] == ' '
	}
	return len(s) >= 4 && allDigits(s[1:4]) && (len(s) == 4 || s[4] == ' ')
}

// request splits "METHOD URL PROTOCOL". The URL may hold spaces. What is no
// request of HTTP is kept whole.
func (q *request) request(s string) {
	if s == "" || s == "-" {
		return
	}
	i := strings.IndexByte(s, ' ')
	if i <= 0 || i > 32 || !isMethod(s[:i]) {
		q.line = s
		return
	}
	q.method, q.url = s[:i], s[i+1:]
	if j := strings.LastIndexByte(s, ' '); strings.HasPrefix(s[j+1:], "HTTP/") {
		q.protocol = s[j+1:]
		q.url = ""
		if j > i {
			q.url = s[i+1 : j]
		}
	}
}

// isMethod reports whether s may be a method: letters, '-' and '_'.
func isMethod(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}

// time reads "02/Jan/2006:15:04:05 -0700", or RFC 3339.
func (p *parser) time(s string) (time.Time, string) {
	if len(s) < 20 || s[2] != '/' {
		return p.iso(s)
	}
	day, year := digits(s, 0, 2), digits(s, 7, 4)
	hour, minute, second := digits(s, 12, 2), digits(s, 15, 2), digits(s, 18, 2)
	month := 0
	switch s[3:6] {
	case "Jan":
		month = 1
	case "Feb":
		month = 2
	case "Mar":
		month = 3
	case "Apr":
		month = 4
	case "May":
		month = 5
	case "Jun":
		month = 6
	case "Jul":
		month = 7
	case "Aug":
		month = 8
	case "Sep":
		month = 9
	case "Oct":
		month = 10
	case "Nov":
		month = 11
	case "Dec":
		month = 12
	}
	if month == 0 || day < 1 || day > 31 || year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
		s[6] != '/' || s[11] != ':' || s[14] != ':' || s[17] != ':' {
		return time.Time{}, ""
	}
	rest := s[20:]
	nsec := 0
	if len(rest) > 1 && rest[0] == '.' {
		unit := 100_000_000
		i := 1
		for ; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
			nsec += int(rest[i]-'0') * unit
			unit /= 10
		}
		rest = rest[i:]
	}
	if len(rest) == 6 && rest[0] == ' ' && (rest[1] == '+' || rest[1] == '-') {
		hours, minutes := digits(rest, 2, 2), digits(rest, 4, 2)
		if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
			return time.Time{}, ""
		}
		east := int64(hours*3600 + minutes*60)
		if rest[1] == '-' {
			east = -east
		}
		secs := days(year, month, day)*86400 + int64(hour*3600+minute*60+second)
		return time.Unix(secs-east, int64(nsec)).UTC(), ""
	}
	if rest != "" {
		return time.Time{}, ""
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nsec, p.zone).UTC(), noteZone
}

func (p *parser) iso(s string) (time.Time, string) {
	if len(s) < 19 || digits(s, 0, 4) < 0 {
		return time.Time{}, ""
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999 Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), ""
		}
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.ParseInLocation(layout, s, p.zone); err == nil {
			return t.UTC(), noteZone
		}
	}
	return time.Time{}, ""
}

// digits reads n digits at s[i:]; -1 if they are not there.
func digits(s string, i, n int) int {
	if len(s) < i+n {
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

// days counts days from 1970 in the proleptic Gregorian calendar, year not negative.
func days(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	year += 400
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - 719468 - 146097
}
