package syslog

import (
	"bytes"
	"context"
	"path"
	"strings"

	"deadbox/timeline"
)

// named gives the files that a configuration of syslogd, rsyslog or syslog-ng has
// them write: "mail.* -/var/log/mail", action(type="omfile" file="/var/log/x"), templates of
// names, destination d { file("/var/log/$HOST"); }. Variables in names stand for any text.
func named(s *timeline.Source) []string {
	var out []string
	add := func(name string) {
		if !strings.HasPrefix(name, "/") || len(name) < 2 || strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") {
			return
		}
		if fixed := variables(name); fixed != timeline.Literal(name) {
			out = append(out, path.Clean(fixed), path.Clean(fixed)+".[0-9]*", path.Clean(fixed)+"-[0-9]*")
			return
		}
		out = append(out, timeline.Rotated(name)...)
	}
	for l, err := range timeline.Lines(context.Background(), s) {
		text := strings.TrimSpace(string(l.Text))
		if err != nil || text == "" || text[0] == '#' {
			continue
		}
		// The names in quotes, of an action, a template, or a destination.
		for _, key := range [...]string{`file="`, `string="`, `file("`, `",`} {
			for rest := text; ; {
				_, after, ok := strings.Cut(rest, key)
				if !ok {
					break
				}
				name, more, ok := strings.Cut(after, `"`)
				if ok && key != `",` {
					add(name)
				}
				rest = more
			}
		}
		if strings.HasPrefix(text, "$template ") {
			if _, name, ok := strings.Cut(text, `"`); ok {
				name, _, _ = strings.Cut(name, `"`)
				add(name)
			}
			continue
		}
		// A selector and its file: "auth,authpriv.*  -/var/log/auth.log;format".
		if i := strings.LastIndexAny(text, " \t"); i > 0 && strings.Contains(text[:i], ".") && !strings.Contains(text, `"`) {
			name, _, _ := strings.Cut(strings.TrimPrefix(text[i+1:], "-"), ";")
			add(name)
		}
	}
	return out
}

// variables puts "*" for what stands for a part of a message: %HOSTNAME%, $HOST, ${YEAR}.
func variables(name string) string {
	var b strings.Builder
	for name != "" {
		i := strings.IndexAny(name, "%$")
		if i < 0 {
			b.WriteString(timeline.Literal(name))
			break
		}
		b.WriteString(timeline.Literal(name[:i]))
		rest := name[i+1:]
		end := -1
		switch {
		case name[i] == '%':
			end = strings.IndexByte(rest, '%')
		case strings.HasPrefix(rest, "{"):
			end = strings.IndexByte(rest, '}')
		default:
			for end = 0; end < len(rest) && (rest[end] >= 'A' && rest[end] <= 'Z' || rest[end] == '_'); end++ {
			}
			end--
		}
		if end < 0 {
			b.WriteString(timeline.Literal(name[i : i+1]))
			name = rest
			continue
		}
		b.WriteByte('*')
		name = rest[end+1:]
	}
	return b.String()
}

const (
	// looked is how many lines tell whether a file is a log of syslogd.
	looked = 20
	// lookedBytes is as far as they may reach.
	lookedBytes = 256 << 10
)

// looksLikeLog tells a log of syslogd by its first lines, more than half of which
// must have the form.
func looksLikeLog(ctx context.Context, s *timeline.Source) bool {
	lines, good := 0, 0
	head := *s
	head.Size = min(s.Size, lookedBytes)
	for l, err := range timeline.Lines(ctx, &head) {
		if err != nil || len(bytes.TrimSpace(l.Text)) == 0 {
			continue
		}
		if lines++; looksLikeLine(l.Text) {
			good++
		}
		if lines >= looked {
			break
		}
	}
	return good*2 > lines
}

// looksLikeLine tells a line with a time, a host and a program, "program: " or
// "program[123]: ". Many programs begin their lines with a time.
func looksLikeLine(b []byte) bool {
	m, ok := parse(b)
	if !ok || m.stamp.kind == noStamp {
		return false
	}
	if _, n, rfc5424 := skipPriority(b); rfc5424 {
		return true
	} else if m.stamp.kind != yearless && len(b) > n+10 && b[n+10] == ' ' && m.pid == "" {
		return false // "2024-01-02 03:04:05 ..." is everybody's
	}
	if m.program == "" || m.host == "" && m.severity == "" || strings.ContainsAny(m.host, "[]():=,<>\"'") || strings.ContainsAny(m.program, "()=,<>\"'") {
		return false
	}
	rest, ok := strings.CutPrefix(m.summary, m.program)
	if m.pid != "" && ok {
		rest, ok = strings.CutPrefix(rest, "["+m.pid+"]")
	}
	return ok && (strings.HasPrefix(rest, ": ") || rest == ":")
}
