// Package syslog reads the logs that syslogd, rsyslog and syslog-ng write as
// text: those of authentication and all others.
package syslog

import (
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
	Paths: []string{"/var/log/auth.log*", "/var/log/secure*", "/var/log/authlog*", "/var/log/auth", "/var/log/auth.[0-9]*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, timeline.KindAuth)
	},
}

// Extractor yields a record for each line of the other logs.
var Extractor = timeline.Extractor{
	Name: "syslog",
	Doc: `Lines of syslog, messages, kern.log, daemon.log, cron.log, user.log and mail.log: program, pid, host, message; cron's runs with
account and command; lines about authentication as in auth-log.` + doc,
	Paths: []string{
		"/var/log/syslog*", "/var/log/messages*", "/var/log/kern.log*", "/var/log/daemon.log*", "/var/log/cron.log*", "/var/log/cron",
		"/var/log/cron-*", "/var/log/cron.[0-9]*", "/var/log/user.log*", "/var/log/mail.log*", "/var/log/maillog*", "/var/log/localmessages*",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, timeline.KindSyslog)
	},
}

const noteBefore = "the line has no time; that of the line before"

func run(ctx context.Context, s *timeline.Source, kind string) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := reader{clock: clock{zone: s.Location()}, spans: years(ctx, s), kind: kind, zoned: s.Zone != nil}
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
	kind  string
	zoned bool

	prev time.Time       // of the line before; zero after damage
	last timeline.Record // of the line before that is no repetition
}

func (r *reader) record(l *timeline.Line) timeline.Record {
	rec := timeline.Record{Kind: r.kind}
	m, ok := parse(l.Text)
	if !ok {
		text := string(l.Text)
		rec.Summary, rec.Fields = text, fields{"message": text}
		if !r.prev.IsZero() && !l.Partial {
			rec.Stamps = []timeline.Stamp{{What: "logged", When: r.prev, Note: noteBefore}}
		}
		return rec
	}
	if m.stamp.kind != noStamp {
		if when, note, ok := r.when(&m.stamp, l.Offset); ok {
			rec.Stamps = []timeline.Stamp{{What: "logged", When: when, Note: note}}
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
	if action, auth := logmsg.Decode(m.program, m.text, f); action != "" {
		f["action"] = action
		if auth {
			rec.Kind = timeline.KindAuth
		}
	}
	r.last = rec
	return rec
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
		note = join(note, noteNoZone)
	}
	return time.Unix(secs, int64(t.nsec)).UTC(), join(note, local), true
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
