// Package syslog reads the logs that syslogd, rsyslog and syslog-ng write as
// text: those of authentication and all others.
package syslog

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"time"

	"deadbox/internal/logmsg"
	"deadbox/timeline"
)

const doc = `

Formats: RFC 3164 (https://www.rfc-editor.org/rfc/rfc3164) as syslogd writes it to files, RFC 5424
(https://www.rfc-editor.org/rfc/rfc5424), and rsyslog's file formats (https://www.rsyslog.com/doc/configuration/templates.html).
Times without a year are of the server's zone; their year is inferred from the file's modification time or the date in its
name, and the stamp says so.`

// Auth yields a record for each line of the logs of authentication.
var Auth = timeline.Extractor{
	Name: "auth-log",
	Doc: `Lines of auth.log and secure: logins, failed ones, sessions, sudo, su, changes of accounts, groups and passwords, decoded into
action, account, address, port, method, fingerprint, command, tty, cwd, target.` + doc,
	Paths: []string{"/var/log/auth.log*", "/var/log/secure*", "/var/log/authlog*", "/var/log/auth", "/var/log/auth.[0-9]*", "/var/log/auth-[0-9]*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, timeline.KindAuth)
	},
	Split: &split,
}

// Extractor yields a record for each line of the other logs.
var Extractor = timeline.Extractor{
	Name: "syslog",
	Doc: `Lines of syslog, messages, kern.log, daemon.log, cron.log, user.log, mail.log, debug, boot.log and dmesg, and of all files that
rsyslog or syslog-ng is told to write: program, pid, host, message; cron's runs with account and command; lines about authentication
as in auth-log. Lines of dmesg say how long after the boot they are: uptime; they have a time where the kernel tells in the file when it booted.` + doc,
	Paths: []string{
		"/var/log/syslog*", "/var/log/messages*", "/var/log/kern.log*", "/var/log/daemon.log*", "/var/log/cron.log*", "/var/log/cron",
		"/var/log/cron-*", "/var/log/cron.[0-9]*", "/var/log/user.log*", "/var/log/mail.log*", "/var/log/mail.info*", "/var/log/mail.warn*", "/var/log/mail.err*",
		"/var/log/mail", "/var/log/mail-[0-9]*", "/var/log/mail.[0-9]*", "/var/log/maillog*", "/var/log/localmessages*", "/var/log/warn", "/var/log/warn-*",
		"/var/log/debug*", "/var/log/boot", "/var/log/boot.*", "/var/log/boot-*", "/var/log/dmesg*", "/var/log/everything*", "/var/log/lpr.log*", "/var/log/ppp.log*",
	},
	Named:   named,
	NamedIn: []string{"/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf", "/etc/syslog.conf", "/etc/syslog.d/*", "/etc/syslog-ng/syslog-ng.conf", "/etc/syslog-ng/conf.d/*.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, timeline.KindSyslog)
	},
	Split: &split,
}

// Other yields a record for each line of logs that nothing names and that
// have the form of those.
var Other = timeline.Extractor{
	Name:  "syslog-other",
	Doc:   `Lines of any other file below /var/log that reads like a log of syslogd, as in syslog. A file that does not gives nothing.` + doc,
	Paths: []string{"/var/log/**/*"},
	Rest:  true,
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if s.Prepared == nil && !looksLikeLog(ctx, s) {
			return func(func(timeline.Record, error) bool) {}
		}
		return run(ctx, s, timeline.KindSyslog)
	},
	Split: &timeline.Split{
		Prepare: func(ctx context.Context, s *timeline.Source) (any, bool) {
			if !looksLikeLog(ctx, s) {
				return nil, false
			}
			return prepare(ctx, s)
		},
		Begins: begins,
	},
}

// split is how the large ones are read: the years are found first.
var split = timeline.Split{Prepare: prepare, Begins: begins}

// prepare finds what the lines of a file depend on. Where the clock was put back among lines of
// local time, each depends on the one before it, too, and where times are those since a boot.
func prepare(ctx context.Context, s *timeline.Source) (any, bool) {
	y := years(ctx, s)
	return y, !y.back && len(y.boots) == 0
}

// begins tells lines with a time, that do not speak of the line before.
func begins(line []byte) bool {
	t, _ := stampOf(line)
	return t.kind != noStamp && !bytes.Contains(line, []byte("last message repeated"))
}

const (
	noteBefore = "the line has no time; that of the line before"
	noteBoot   = "seconds since the boot, whose time the kernel's line about its clock gives"
)

func run(ctx context.Context, s *timeline.Source, kind string) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		y, ok := s.Prepared.(*calendar)
		if !ok {
			y = years(ctx, s)
		}
		r := reader{clock: clock{zone: s.Location()}, spans: y.spans, boots: y.boots, kind: kind, zoned: s.Zone != nil}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				// What follows is not known to belong to the line before.
				r.prev, r.last = time.Time{}, timeline.Record{}
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(l.Text) == 0 {
				continue
			}
			rec := r.record(&l)
			rec.Evidence = l.Evidence()
			if !yield(rec, nil) {
				return
			}
		}
	}
}

type fields = map[string]string

// put sets a field that has a value.
func put(f fields, name, value string) {
	if value != "" {
		f[name] = value
	}
}

type reader struct {
	clock clock
	spans []span
	boots []boot
	kind  string
	zoned bool

	stamps       []timeline.Stamp
	plain, noted string // a note, and what it becomes where the zone is not known

	prev time.Time       // of the line before; zero after damage
	last timeline.Record // of the line before that is no repetition
}

func (r *reader) record(l *timeline.Line) timeline.Record {
	rec := timeline.Record{Kind: r.kind}
	if bytes.IndexByte(l.Text, 0x1b) >= 0 {
		l.Text = stripEscapes(l.Text)
	}
	m, ok := parse(l.Text)
	if !ok {
		if r.other(l, &rec) {
			return rec
		}
		text := string(l.Text)
		rec.Summary, rec.Fields = text, fields{"message": text}
		if !r.prev.IsZero() && !l.Partial {
			rec.Stamps = []timeline.Stamp{{What: "logged", When: r.prev, Note: noteBefore}}
		}
		return rec
	}
	if m.stamp.kind != noStamp {
		if when, note, ok := r.when(&m.stamp, l.Offset); ok {
			rec.Stamps = r.stamp(when, note)
			r.prev = when
		}
	}
	size := 8
	switch m.program {
	case "sshd", "sshd-session", "sudo", "useradd":
		size = 12
	}
	f := make(fields, size)
	rec.Fields, rec.Summary = f, m.summary
	if n, ok := logmsg.LastRepeated(m.summary); ok && r.last.Fields != nil {
		// sysklogd's remark stands for n more lines like the last.
		maps.Copy(f, r.last.Fields)
		rec.Kind = r.last.Kind
		f["message"], f["count"] = m.summary, n
		return rec
	}
	f["message"] = m.text
	put(f, "program", m.program)
	put(f, "pid", m.pid)
	put(f, "host", m.host)
	put(f, "severity", m.severity)
	put(f, "facility", m.facility)
	r.decode(&rec, m.program, m.text)
	r.last = rec
	return rec
}

// stamp makes a record's times. A few records share one piece of memory.
func (r *reader) stamp(when time.Time, note string) []timeline.Stamp {
	if len(r.stamps) == cap(r.stamps) {
		r.stamps = make([]timeline.Stamp, 0, 16)
	}
	n := len(r.stamps)
	r.stamps = append(r.stamps, timeline.Stamp{What: "logged", When: when, Note: note})
	return r.stamps[n : n+1 : n+1]
}

// decode reads what the program says.
func (r *reader) decode(rec *timeline.Record, program, text string) {
	action, auth := logmsg.Decode(program, text, rec.Fields)
	if action != "" {
		rec.Fields["action"] = action
	}
	if kind := logmsg.Kind(program, action); kind != "" {
		rec.Kind = kind
	} else if auth && action != "" {
		rec.Kind = timeline.KindAuth
	}
}

// when gives the time of a line.
func (r *reader) when(t *stamp, offset int64) (when time.Time, note string, ok bool) {
	for len(r.spans) > 1 && offset >= r.spans[1].offset {
		r.spans = r.spans[1:]
	}
	year := t.year
	switch t.kind {
	case instant:
		return time.Unix(t.seconds(year)-int64(t.offset), int64(t.nsec)).UTC(), "", true
	case yearless:
		year, note = r.spans[0].year, r.spans[0].note
		if year == 0 {
			return time.Time{}, "", false
		}
	}
	prev := int64(0)
	if !r.prev.IsZero() {
		prev = r.prev.Unix()
	}
	secs, local := r.clock.instant(t.seconds(year), prev)
	if !r.zoned {
		if r.noted == "" || r.plain != note {
			r.plain, r.noted = note, join(note, noteNoZone)
		}
		note = r.noted
	}
	return time.Unix(secs, int64(t.nsec)).UTC(), join(note, local), true
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
