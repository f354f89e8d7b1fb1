package weblog

import (
	"strconv"
	"strings"
	"time"

	"deadbox/internal/logtime"
)

// A format is what the server's configuration says of the lines of a log: of
// Apache (https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats), nginx
// (https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format), lighttpd, which writes as Apache does
// (https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_accesslog), and Tomcat
// (https://tomcat.apache.org/tomcat-9.0-doc/config/valve.html#Access_Log_Valve).
type format struct {
	tokens []token
	clock  *logtime.Clock
	vhost  string // of the site whose log it is
}

// token is a fixed text, or a field.
type token struct {
	text string // fixed, if what is ""
	what string // a field of request, "time...", "header:NAME", or the name of something else
	unit time.Duration
	wide int // blanks within the value, for times
}

// directives are Apache's letters, lighttpd's and Tomcat's.
var directives = map[byte]string{
	'a': "address", 'h': "host", 'A': "dst_address", 'B': "bytes", 'b': "bytes", 'D': "duration", 'T': "duration", 'F': "first_byte", 'f': "script", 'H': "protocol", 'm': "method", 'p': "dst_port",
	'P': "pid", 'q': "query", 'r': "request", 's': "status", 't': "time", 'u': "user", 'U': "path", 'v': "vhost", 'V': "vhost", 'O': "bytes_out", 'I': "bytes_in", 'S': "secret", 'l': "ident",
	'k': "keepalive", 'X': "connection", 'R': "handler", 'L': "id",
}

// usualApache are formats that the shape of the lines tells as well, in the
// form of plain.
var usualApache = map[string]bool{
	`%h %l %u %t "%r" %s %b`: true, `%h %l %u %t "%r" %s %b "%{referer}i" "%{user-agent}i"`: true, `%v:%p %h %l %u %t "%r" %s %b "%{referer}i" "%{user-agent}i"`: true, `%v %h %l %u %t "%r" %s %b "%{referer}i" "%{user-agent}i"`: true,
	`%v %h %l %u %t "%r" %s %b`: true, `common`: true, `combined`: true, `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`: true,
	`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"`: true,
}

var plainer = strings.NewReplacer("%>s", "%s", "%<s", "%s", "%O", "%b", "%B", "%b", "%a", "%h", "%{Referer}i", "%{referer}i", "%{User-Agent}i", "%{user-agent}i", "%{User-agent}i", "%{user-agent}i", "$bytes_sent", "$body_bytes_sent", `\"`, `"`)

// usual tells formats that need no compiling.
func usual(s string) bool {
	return s == "" || usualApache[strings.TrimSpace(plainer.Replace(s))]
}

// compile makes a format of what a server's configuration says. It gives nil
// if that has no field that could be read.
func compile(server, s string, clock *logtime.Clock) *format {
	f := &format{clock: clock}
	switch {
	case server == "nginx":
		f.nginx(s)
	case server == "tomcat" && s == "common", server == "tomcat" && s == "combined":
		return nil
	default:
		f.apache(server, s)
	}
	fields := 0
	for i, t := range f.tokens {
		if t.what == "" {
			continue
		}
		fields++
		// Two fields without anything between cannot be told apart, but for a time in pieces.
		if i > 0 && f.tokens[i-1].what != "" && !(strings.HasPrefix(t.what, "time") && strings.HasPrefix(f.tokens[i-1].what, "time")) {
			return nil
		}
	}
	if fields == 0 || len(f.tokens) > 200 {
		return nil
	}
	return f
}

func (f *format) literal(s string) {
	if s == "" {
		return
	}
	if n := len(f.tokens); n > 0 && f.tokens[n-1].what == "" {
		f.tokens[n-1].text += s
		return
	}
	f.tokens = append(f.tokens, token{text: s})
}

func (f *format) apache(server, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			switch s[i] {
			case 't':
				f.literal("\t")
			case 'n':
				f.literal("\n")
			default:
				f.literal(s[i : i+1])
			}
			continue
		}
		if c != '%' || i+1 >= len(s) {
			f.literal(s[i : i+1])
			continue
		}
		i++
		// Conditions and which of several requests is meant: "!200,304", ">", "<".
		for i < len(s) && (s[i] == '!' || s[i] == '>' || s[i] == '<' || s[i] == ',' || s[i] >= '0' && s[i] <= '9') {
			i++
		}
		arg := ""
		if i < len(s) && s[i] == '{' {
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return
			}
			arg = s[i+1 : i+end]
			i += end + 1
		}
		if i >= len(s) {
			return
		}
		if s[i] == '%' {
			f.literal("%")
			continue
		}
		if s[i] == '^' && i+2 < len(s) {
			// "%{NAME}^ti", "%^FU"
			i += 2
			f.tokens = append(f.tokens, token{what: "extra:" + arg})
			continue
		}
		t := token{what: directives[s[i]], unit: time.Second}
		switch s[i] {
		case 'i':
			t.what = "header:" + strings.ToLower(arg)
		case 'o':
			t.what = "extra:" + arg
		case 'e', 'n', 'x', 'r', 'C', 'c':
			if arg != "" || s[i] != 'r' {
				t.what = "extra:" + arg
			}
			if s[i] == 'C' || s[i] == 'c' && server == "tomcat" {
				t.what = "secret"
			}
		case 'D':
			t.unit = time.Microsecond
			if server == "tomcat" {
				t.unit = time.Millisecond // until Tomcat 10.1, which counts microseconds
			}
		case 'T':
			switch arg {
			case "ms":
				t.unit = time.Millisecond
			case "us":
				t.unit = time.Microsecond
			}
		case 'p':
			if arg == "remote" {
				t.what = "port"
			}
		case 'a':
			if arg == "c" {
				t.what = "peer"
			}
		case 'I':
			if server == "tomcat" {
				t.what = "thread"
			}
		case 't':
			for _, prefix := range [...]string{"begin:", "end:"} {
				arg = strings.TrimPrefix(arg, prefix)
			}
			switch arg {
			case "":
			case "sec", "msec", "usec":
				t.what = "time:epoch"
			case "msec_frac", "usec_frac":
				t.what = "time:fraction"
			case "begin", "end":
			default:
				t.what, t.wide = "time:part", strings.Count(arg, " ")
			}
		}
		if t.what == "" {
			t.what = "extra:" + s[i:i+1]
		}
		f.tokens = append(f.tokens, t)
	}
}

// variables are nginx's.
var variables = map[string]string{
	"remote_addr": "address", "realip_remote_addr": "peer", "remote_user": "user", "request": "request", "request_method": "method", "request_uri": "url", "uri": "path", "document_uri": "path", "args": "query", "query_string": "query",
	"server_protocol": "protocol", "status": "status", "body_bytes_sent": "bytes", "bytes_sent": "bytes_out", "request_length": "bytes_in", "request_time": "duration", "time_local": "time:part", "time_iso8601": "time:part", "msec": "time:epoch",
	"host": "vhost", "http_host": "vhost", "server_name": "server", "server_addr": "dst_address", "server_port": "dst_port", "remote_port": "port", "pid": "pid", "scheme": "scheme", "connection": "extra:connection",
	"http_cookie": "secret", "http_authorization": "secret", "upstream_addr": "upstream", "request_filename": "script", "request_body": "body", "ssl_protocol": "extra:ssl_protocol", "request_id": "id",
}

func (f *format) nginx(s string) {
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 >= len(s) {
			f.literal(s[i : i+1])
			continue
		}
		i++
		name := ""
		if s[i] == '{' {
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return
			}
			name = s[i+1 : i+end]
			i += end
		} else {
			start := i
			for i < len(s) && (s[i] == '_' || s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
				i++
			}
			name = s[start:i]
			i--
		}
		t := token{what: variables[name], unit: time.Second}
		if header, ok := strings.CutPrefix(name, "http_"); ok && t.what == "" {
			t.what = "header:" + strings.ReplaceAll(header, "_", "-")
		}
		if strings.HasPrefix(name, "cookie_") {
			t.what = "secret"
		}
		if t.what == "time:part" && name == "time_local" {
			t.wide = 1
		}
		if t.what == "" {
			t.what = "extra:" + name
		}
		f.tokens = append(f.tokens, t)
	}
}

// match reads a line. It is false if the line is not of the format.
func (f *format) match(line string, q *request) (when time.Time, note string, ok bool) {
	rest := line
	clock := ""
	joined := false // the text between two parts of a time belongs to it
	for i := 0; i < len(f.tokens); i++ {
		t := &f.tokens[i]
		if t.what == "" {
			if !strings.HasPrefix(rest, t.text) {
				return time.Time{}, "", false
			}
			if joined && i+1 < len(f.tokens) && strings.HasPrefix(f.tokens[i+1].what, "time:") {
				clock += t.text
			} else {
				joined = false
			}
			rest = rest[len(t.text):]
			continue
		}
		n := f.end(i, rest, line)
		if n < 0 {
			return time.Time{}, "", false
		}
		value := rest[:n]
		rest = rest[n:]
		switch t.what {
		case "address", "host", "status", "bytes", "bytes_out", "bytes_in", "duration", "pid", "port", "dst_port":
			if strings.IndexByte(value, ' ') >= 0 {
				return time.Time{}, "", false
			}
		}
		switch t.what {
		case "time":
			clock, joined = strings.Trim(value, "[]"), true
		case "time:part":
			clock += value
			joined = true
		case "time:fraction":
			if strings.HasSuffix(clock, ".") || strings.HasSuffix(clock, ",") {
				clock += value
			}
			joined = true
		case "time:epoch":
			if at, ok := logtime.Epoch(value); ok && clock == "" {
				when = at
			}
		default:
			q.take(t, value)
		}
	}
	if strings.TrimSpace(rest) != "" {
		return time.Time{}, "", false
	}
	if clock != "" {
		if at, n2, n := f.clock.Parse(strings.Trim(clock, "[] ")); n > 0 {
			when, note = at, n2
		}
	}
	q.finish(f.vhost)
	return when, note, true
}

// end finds where the value of token i ends in s; -1 if it does not.
func (f *format) end(i int, s, line string) int {
	t := &f.tokens[i]
	if t.what == "time" && strings.HasPrefix(s, "[") {
		return strings.IndexByte(s, ']') + 1
	}
	if i+1 >= len(f.tokens) {
		return len(s)
	}
	next := f.tokens[i+1].text
	if f.tokens[i+1].what != "" {
		// A time in pieces: the second begins where the first cannot go on.
		n := 0
		for n < len(s) && (s[n] >= '0' && s[n] <= '9') {
			n++
		}
		return n
	}
	if next[0] == '"' && i > 0 && strings.HasSuffix(f.tokens[i-1].text, `"`) {
		// Quotes within are escaped.
		for at := 0; ; {
			n := strings.IndexByte(s[at:], '"')
			if n < 0 {
				return -1
			}
			at += n
			slashes := 0
			for slashes < at && s[at-1-slashes] == '\\' {
				slashes++
			}
			if slashes%2 == 0 && strings.HasPrefix(s[at:], next) {
				return at
			}
			at++
		}
	}
	if t.what == "user" && i+2 < len(f.tokens) && f.tokens[i+2].what == "time" {
		// A name may look like a time; the server's own is the last before a quote.
		quote := strings.IndexByte(s, '"')
		if quote < 0 {
			quote = len(s)
		}
		return strings.LastIndex(s[:quote], next+"[")
	}
	at := 0
	for blanks := 0; ; blanks++ {
		n := strings.Index(s[at:], next)
		if n < 0 {
			return -1
		}
		at += n
		if next[0] != ' ' || blanks >= t.wide && !(at > 0 && s[at-1] == ',' && t.list()) {
			return at
		}
		at++
	}
}

// list tells fields that hold several values with a comma and a blank between.
func (t *token) list() bool {
	return t.what == "header:x-forwarded-for" || t.what == "upstream" || strings.HasPrefix(t.what, "extra:upstream")
}

// take keeps the value of a field.
func (q *request) take(t *token, value string) {
	if value == "-" || value == "" {
		return
	}
	switch t.what {
	case "address":
		q.address = plainAddress(value)
	case "host":
		if q.address == "" {
			q.address = plainAddress(value)
		} else if q.address != value {
			q.name("remote_host", value)
		}
	case "user":
		q.user = unquote(value)
	case "request":
		q.request(value)
	case "method":
		q.method = value
	case "url":
		q.url = value
	case "path":
		q.pathOnly = value
	case "query":
		q.queryOnly = strings.TrimPrefix(value, "?")
	case "protocol":
		q.protocol = value
	case "status":
		q.status = value
	case "bytes":
		q.bytes = value
	case "bytes_out":
		if q.bytes == "" {
			q.bytes = value
		} else {
			q.name("bytes_out", value)
		}
	case "vhost":
		q.vhost, _ = cutPort(value)
	case "server":
		if value != "_" && q.vhost == "" {
			q.vhost = value
		}
	case "duration":
		q.name("duration", seconds(value, t.unit))
	case "ident", "keepalive", "connection":
	case "secret":
		q.name("cookie", "***")
	case "header:referer":
		q.referer = value
	case "header:user-agent":
		q.agent = value
	case "header:x-forwarded-for":
		q.forwarded = value
	case "header:host":
		q.vhost, _ = cutPort(value)
	case "header:cookie", "header:authorization", "header:proxy-authorization":
		q.name(strings.TrimPrefix(t.what, "header:"), "***")
	default:
		name := t.what
		if header, ok := strings.CutPrefix(name, "header:"); ok {
			q.more(header + "=" + value)
		} else if extra, ok := strings.CutPrefix(name, "extra:"); ok {
			if strings.Contains(strings.ToLower(extra), "cookie") {
				value = "***"
			}
			q.more(extra + "=" + value)
		} else {
			q.name(name, value)
		}
	}
}

func (q *request) name(key, value string) {
	if value != "" {
		q.named = append(q.named, [2]string{key, value})
	}
}

// seconds turns a count of units into seconds.
func seconds(s string, unit time.Duration) string {
	if unit == time.Second {
		return s
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return s
	}
	digits := 6
	if unit == time.Millisecond {
		digits = 3
	}
	return strconv.FormatFloat(float64(n)*unit.Seconds(), 'f', digits, 64)
}

// finish fills in what other fields say.
func (q *request) finish(vhost string) {
	if q.url == "" && q.line == "" && q.pathOnly != "" {
		q.url = q.pathOnly
		if q.queryOnly != "" {
			q.url += "?" + q.queryOnly
		}
	}
	if q.address == "" && q.forwarded != "" {
		first, _, _ := strings.Cut(q.forwarded, ",")
		q.address = plainAddress(strings.TrimSpace(first))
	}
	if q.address == "" {
		for _, v := range q.named {
			if v[0] == "peer" {
				q.address = plainAddress(v[1])
			}
		}
	}
	if q.vhost == "" {
		q.vhost = vhost
	}
}
