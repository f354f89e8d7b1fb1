package syslog

import (
	"bytes"
	"strings"
)

// message is a line of a log, taken apart.
type message struct {
	stamp    stamp
	priority int // as RFC 5424 counts it: facility times 8 plus severity; -1 if the line has none
	severity string
	facility string
	host     string
	program  string // as it is written: "sshd", "/USR/SBIN/CRON", "postfix/smtpd"
	pid      string
	text     string // what the program said
	summary  string // the line from the program on
}

var severities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var facilities = [24]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// skipPriority reads "<34>" and, for RFC 5424, the version "1 " behind it.
func skipPriority(b []byte) (priority, n int, rfc5424 bool) {
	if len(b) < 3 || b[0] != '<' {
		return -1, 0, false
	}
	end := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if end < 2 {
		return -1, 0, false
	}
	if priority = number(b, 1, end-1); priority < 0 || priority > 191 {
		return -1, 0, false
	}
	n = end + 1
	if len(b) > n+1 && b[n] == '1' && b[n+1] == ' ' {
		return priority, n + 2, true
	}
	return priority, n, false
}

// stampOf reads the time of a line, behind its priority if it has one.
func stampOf(b []byte) (stamp, int) {
	_, n, _ := skipPriority(b)
	t, m := parseStamp(b[n:])
	if m == 0 {
		return stamp{}, 0
	}
	return t, n + m
}

// parse takes a line apart. It knows the formats of RFC 3164 and RFC 5424 and
// what syslogd, rsyslog and syslog-ng make of them in files: with and without
// priority, host, and a colon behind the program. A line without a time gives
// false.
func parse(b []byte) (message, bool) {
	m := message{}
	var n int
	var rfc5424 bool
	m.priority, n, rfc5424 = skipPriority(b)
	if m.priority >= 0 {
		m.severity, m.facility = severities[m.priority&7], facilities[m.priority>>3]
	}
	var width int
	m.stamp, width = parseStamp(b[n:])
	if width == 0 && !(rfc5424 && bytes.HasPrefix(b[n:], []byte("- "))) {
		return m, false
	}
	n += max(width, 1)
	if width == 0 {
		m.stamp = stamp{}
	}
	if n < len(b) && b[n] != ' ' && b[n] != ':' {
		return m, false
	}
	line := string(b)
	if rfc5424 {
		m.structured(line, n)
		return m, true
	}
	if n < len(line) && line[n] == ':' {
		// sysklogd's own remarks: "Nov 18 01:15:43: --- last message repeated 5 times ---".
		m.text = strings.TrimLeft(line[n+1:], " ")
		m.summary = m.text
		return m, true
	}
	rest := strings.TrimLeft(line[n:], " ")
	host, after, _ := strings.Cut(rest, " ")
	if !strings.HasSuffix(host, ":") && !strings.HasSuffix(host, "]") {
		if level, ok := levels[host]; ok {
			m.severity = level
		} else {
			m.host = host
		}
		rest = strings.TrimLeft(after, " ")
	}
	// BusyBox writes "facility.severity" before the program.
	if word, after, ok := strings.Cut(rest, " "); ok {
		if f, s, ok := strings.Cut(word, "."); ok && isFacility(f) && levels[s] != "" {
			m.facility, m.severity = f, levels[s]
			rest = strings.TrimLeft(after, " ")
		}
	}
	m.summary = rest
	m.tag(rest)
	return m, true
}

// levels are the names of severities in lines that show them in place of the host or beside the facility.
var levels = map[string]string{
	"emerg": "emerg", "alert": "alert", "crit": "crit", "err": "err", "warning": "warning", "warn": "warning", "notice": "notice", "info": "info", "debug": "debug",
	"EMERG": "emerg", "ALERT": "alert", "CRIT": "crit", "ERR": "err", "WARNING": "warning", "NOTICE": "notice", "INFO": "info", "DEBUG": "debug",
}

func isFacility(s string) bool {
	for _, f := range facilities {
		if f == s {
			return true
		}
	}
	return false
}

// tag reads "program[pid]: text", "program: text", or "program text".
func (m *message) tag(rest string) {
	end := strings.IndexAny(rest, " [:")
	if end < 0 {
		m.program = rest
		return
	}
	m.program = rest[:end]
	rest = rest[end:]
	if rest[0] == '[' {
		if close := strings.IndexByte(rest, ']'); close > 0 && close < 40 {
			m.pid = rest[1:close]
			rest = rest[close+1:]
		}
	}
	m.text = strings.TrimLeft(strings.TrimPrefix(rest, ":"), " ")
}

// structured reads what follows the time of RFC 5424, 6: host, program, process
// id, message id, structured data, text.
func (m *message) structured(line string, n int) {
	rest := strings.TrimLeft(line[n:], " ")
	var field [4]string
	for i := range field {
		if i == 1 {
			m.summary = rest
		}
		field[i], rest, _ = strings.Cut(rest, " ")
		if field[i] == "-" {
			field[i] = ""
		}
	}
	m.host, m.program, m.pid = field[0], field[1], field[2]
	if rest == "-" || strings.HasPrefix(rest, "- ") {
		rest = rest[1:]
	} else {
		rest = rest[structuredData(rest):]
	}
	m.text = strings.TrimPrefix(strings.TrimLeft(rest, " "), "\ufeff")
}

// structuredData gives the length of "[id name="value"][...]", in which a
// backslash stands before quotes, brackets and itself (RFC 5424, 6.3).
func structuredData(s string) int {
	i := 0
	for i < len(s) && s[i] == '[' {
		quoted := false
		j := i + 1
		for ; j < len(s) && (quoted || s[j] != ']'); j++ {
			switch s[j] {
			case '\\':
				j++
			case '"':
				quoted = !quoted
			}
		}
		if j >= len(s) {
			return 0
		}
		i = j + 1
	}
	return i
}
