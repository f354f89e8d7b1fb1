package syslog

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// boot is a stretch of lines whose times count from one boot.
type boot struct {
	offset int64     // of its first line in the file
	at     time.Time // of the boot; zero if the file does not say
	last   time.Duration
}

// maxBoots bounds the boots of one file.
const maxBoots = 10000

// uptime looks for the lines of the kernel's ring buffer, "[    1.234567] text",
// for where the count begins again, and for the line that says what time it was:
// "rtc_cmos 00:03: setting system clock to 2024-01-02T03:04:05 UTC (1704164645)"
// (drivers/rtc/class.c of Linux).
func (c *calendar) uptime(line []byte, offset int64) {
	up, n := parseUptime(line)
	if n == 0 {
		return
	}
	const step = time.Second // processors do not log in order
	if k := len(c.boots); k == 0 || up < c.boots[k-1].last-step && k < maxBoots {
		c.boots = append(c.boots, boot{offset: offset})
	}
	b := &c.boots[len(c.boots)-1]
	b.last = max(up, b.last)
	if b.at.IsZero() && bytes.Contains(line, []byte("setting system clock to ")) {
		i := bytes.LastIndexByte(line, '(')
		j := bytes.LastIndexByte(line, ')')
		if i > 0 && j > i {
			if sec, err := strconv.ParseInt(string(line[i+1:j]), 10, 64); err == nil && sec > 0 && sec < 1<<33 {
				b.at = time.Unix(sec, 0).UTC().Add(-up)
			}
		}
	}
}

// parseUptime reads "[    1.234567] " and "<6>[    1.234567] ", with a processor
// or a thread behind the time if the kernel was told so ("[    1.234567][    T1] ").
func parseUptime(b []byte) (up time.Duration, n int) {
	_, n, _ = skipPriority(b)
	if len(b) < n+4 || b[n] != '[' {
		return 0, 0
	}
	end := bytes.IndexByte(b[n:min(len(b), n+32)], ']')
	if end < 0 {
		return 0, 0
	}
	whole, frac, ok := strings.Cut(strings.TrimSpace(string(b[n+1:n+end])), ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if !ok || err != nil || sec < 0 || sec > 1<<31 || len(frac) != 6 {
		return 0, 0
	}
	micro, err := strconv.ParseUint(frac, 10, 32)
	if err != nil {
		return 0, 0
	}
	n += end + 1
	if len(b) > n && b[n] == '[' {
		if end := bytes.IndexByte(b[n:min(len(b), n+16)], ']'); end > 0 {
			n += end + 1
		}
	}
	for n < len(b) && b[n] == ' ' {
		n++
	}
	return time.Duration(sec)*time.Second + time.Duration(micro)*time.Microsecond, n
}

// other reads the lines of dmesg and of boot.log, which do not begin with a time as
// others do. It reports whether it is one of these.
func (r *reader) other(l *timeline.Line, rec *timeline.Record) bool {
	line := string(l.Text)
	if up, n := parseUptime(l.Text); n > 0 {
		for len(r.boots) > 1 && l.Offset >= r.boots[1].offset {
			r.boots = r.boots[1:]
		}
		rec.Fields = fields{"uptime": strconv.FormatFloat(up.Seconds(), 'f', 6, 64)}
		if len(r.boots) > 0 && !r.boots[0].at.IsZero() {
			rec.Stamps = []timeline.Stamp{{What: "logged", When: r.boots[0].at.Add(up), Note: noteBoot}}
		}
		if p, _, _ := skipPriority(l.Text); p >= 0 {
			rec.Fields["severity"], rec.Fields["facility"] = severities[p&7], facilities[p>>3]
		}
		r.kernel(rec, line[n:])
		return true
	}
	if t, n := parseLongStamp(line); n > 0 {
		// "[Tue Jan  2 03:04:05 2024] text", as dmesg -T shows it.
		prev := int64(0)
		if !r.prev.IsZero() {
			prev = r.prev.Unix()
		}
		secs, note := r.clock.instant(t.seconds(t.year), prev)
		note = join("the kernel's count since the boot, turned into a time by dmesg, which does not count the time that the machine slept", note)
		if !r.zoned {
			note = join(note, noteNoZone)
		}
		r.prev = time.Unix(secs, 0).UTC()
		rec.Stamps = []timeline.Stamp{{What: "logged", When: r.prev, Note: note}}
		rec.Fields = fields{}
		if line[0] == '-' {
			// plymouth's heading of a boot: the lines below have no time of their own.
			rec.Stamps[0].Note = strings.TrimPrefix(note, "the kernel's count since the boot, turned into a time by dmesg, which does not count the time that the machine slept")
			rec.Stamps[0].Note = strings.TrimPrefix(rec.Stamps[0].Note, "; ")
			rec.Fields["message"], rec.Fields["action"], rec.Summary = line, "boot", line
			return true
		}
		r.kernel(rec, strings.TrimLeft(line[n:], " "))
		return true
	}
	// systemd's way of telling on the console what came of a unit: "[  OK  ] Started OpenSSH server."
	if state, text, ok := cutState(line); ok {
		rec.Fields = fields{"message": text, "program": "systemd", "state": state}
		switch state {
		case "OK":
			rec.Fields["outcome"] = "success"
		case "FAILED", "DEPEND":
			rec.Fields["outcome"] = "failure"
		}
		rec.Summary = "systemd: " + text
		if !r.prev.IsZero() && !l.Partial {
			rec.Stamps = []timeline.Stamp{{What: "logged", When: r.prev, Note: noteBefore}}
		}
		r.decode(rec, "systemd", text)
		return true
	}
	return false
}

// kernel fills in a message of the kernel, or of a program that wrote to its log.
func (r *reader) kernel(rec *timeline.Record, text string) {
	m := message{}
	if program, rest, ok := strings.Cut(text, ": "); ok && (program == "kernel" || strings.HasSuffix(program, "]") && !strings.Contains(program, " ")) {
		m.tag(program + ": " + rest)
	} else {
		m.program, m.text = "kernel", text
	}
	rec.Summary = m.program + ": " + m.text
	rec.Fields["program"], rec.Fields["message"] = m.program, m.text
	put(rec.Fields, "pid", m.pid)
	r.decode(rec, m.program, m.text)
}

// cutState reads "[  OK  ] text".
func cutState(s string) (state, text string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return "", "", false
	}
	state, text, ok = strings.Cut(s[1:], "]")
	switch state = strings.TrimSpace(state); state {
	case "OK", "FAILED", "DEPEND", "TIME", "INFO", "WARN", "SKIP":
		return state, strings.TrimSpace(text), ok && len(s) > 3
	}
	return "", "", false
}

// parseLongStamp reads "[Tue Jan  2 03:04:05 2024]" and "------------ Tue Jan 02 03:04:05 UTC 2024 ------------".
func parseLongStamp(s string) (stamp, int) {
	if s == "" || s[0] != '[' && !strings.HasPrefix(s, "-----") {
		return stamp{}, 0
	}
	body := strings.TrimLeft(s, "[-")
	lead := len(s) - len(body)
	end := strings.IndexAny(body[:min(len(body), 48)], "]-")
	if end < 0 {
		return stamp{}, 0
	}
	w := strings.Fields(body[:end])
	if len(w) == 6 { // with a zone, whose short name says too little
		w = append(w[:4:4], w[5])
	}
	if len(w) != 5 {
		return stamp{}, 0
	}
	t := stamp{kind: wall, month: parseMonth([]byte(w[1])), year: number([]byte(w[4]), 0, 4)}
	day, err := strconv.Atoi(w[2])
	t.day = day
	if err != nil || t.month == 0 || len(w[1]) != 3 || day < 1 || day > monthDays[t.month] || t.year < 1970 || t.month == 2 && day == 29 && !isLeap(t.year) || len(w[3]) != 8 || t.clock([]byte(w[3])) == 0 {
		return stamp{}, 0
	}
	return t, lead + end + 1
}

// stripEscapes takes out what colours a terminal: ECMA-48's control sequences
// ("\x1b[0;32m"), and other escapes.
func stripEscapes(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != 0x1b {
			out = append(out, b[i])
			continue
		}
		if i++; i < len(b) && b[i] == '[' {
			for i++; i < len(b) && (b[i] < 0x40 || b[i] > 0x7e); i++ {
			}
		} else if i < len(b) && b[i] == '%' { // the choice of a character set: "\x1b%G"
			i++
		}
	}
	return out
}
