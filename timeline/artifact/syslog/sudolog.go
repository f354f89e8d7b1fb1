package syslog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/internal/logmsg"
	"deadbox/timeline"
)

// Sudo yields a record for each command that sudo wrote to a file of its own.
var Sudo = timeline.Extractor{
	Name: "sudo-log",
	Doc: `Commands in the log that sudo writes itself, and in its recordings of terminals: account, target, group, command, cwd, tty, reason,
host, io_log; action sudo or sudo-failed, as in auth-log.

Formats: sudoers(5), "LOG FORMAT" (sudo and JSON), https://www.sudo.ws/docs/man/sudoers.man/#LOG_FORMAT; "I/O LOG FILES" (log, log.json),
https://www.sudo.ws/docs/man/sudoers.man/#I/O_LOG_FILES. Times without a year as in auth-log.`,
	Paths:   []string{"/var/log/sudo.log*", "/var/log/sudolog*", "/var/log/sudo/*", "/var/log/sudo-io/**/log", "/var/log/sudo-io/**/log.json"},
	NamedIn: []string{"/etc/sudoers", "/etc/sudoers.d/*"},
	Named:   sudoNamed,
	Run:     sudoRun,
}

// sudoNamed finds "Defaults logfile=/var/log/sudo" and iolog_dir.
func sudoNamed(s *timeline.Source) []string {
	var out []string
	for l, err := range timeline.Lines(context.Background(), s) {
		text := strings.TrimSpace(string(l.Text))
		if err != nil || !strings.HasPrefix(text, "Defaults") {
			continue
		}
		for _, part := range strings.Split(text, ",") {
			key, value, ok := strings.Cut(part, "=")
			if i := strings.LastIndexAny(strings.TrimSpace(key), " \t"); i >= 0 {
				key = strings.TrimSpace(key)[i+1:]
			}
			value = strings.Trim(strings.TrimSpace(value), `"`)
			if !ok || !strings.HasPrefix(value, "/") {
				continue
			}
			switch strings.TrimSpace(key) {
			case "logfile":
				out = append(out, timeline.Rotated(value)...)
			case "iolog_dir":
				// Below it are as many directories as iolog_file has, three by default.
				if fixed, _, _ := strings.Cut(value, "%"); len(path.Clean(fixed)) > 1 {
					dir := timeline.Literal(path.Clean(fixed))
					for _, depth := range [...]string{"/*", "/*/*", "/*/*/*", "/*/*/*/*"} {
						out = append(out, dir+depth+"/log", dir+depth+"/log.json")
					}
				}
			}
		}
	}
	return out
}

func sudoRun(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	var head [1]byte
	n, _ := s.Data.ReadAt(head[:], 0)
	switch base := path.Base(s.Path); {
	case n == 1 && (head[0] == '{' || head[0] == '['):
		return sudoJSON(ctx, s)
	case base == "log" && n == 1 && head[0] >= '0' && head[0] <= '9':
		return sudoIO(s)
	}
	return sudoText(ctx, s)
}

// sudoText reads "Jan  2 03:04:05 : alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", where lines
// that are indented go on with the one before.
func sudoText(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := reader{clock: clock{zone: s.Location()}, spans: years(ctx, s).spans, zoned: s.Zone != nil}
		var rec timeline.Record
		var text strings.Builder
		begun, from, end, first := false, int64(0), int64(0), 0
		finish := func() bool {
			if !begun {
				return true
			}
			begun = false
			message := text.String()
			rec.Summary = "sudo: " + message
			rec.Fields = fields{"message": message, "program": "sudo"}
			if account, rest, ok := strings.Cut(message, " : HOST="); ok { // with log_host
				host, rest, _ := strings.Cut(rest, " : ")
				put(rec.Fields, "host", host)
				message = account + " : " + rest
			}
			r.decode(&rec, "sudo", message)
			rec.Evidence = s.Evidence(from, end-from, first)
			return yield(rec, nil)
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !finish() || !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(bytes.TrimSpace(l.Text)) == 0 {
				continue
			}
			t, n := stampOf(l.Text)
			if n > 0 && t.kind != noStamp {
				if !finish() {
					return
				}
				rest := strings.TrimLeft(string(l.Text[n:]), " ")
				// With log_year the year is behind the clock: "Jan  2 03:04:05 2024 : alice".
				if year := number([]byte(rest), 0, 4); t.kind == yearless && year >= 1970 && len(rest) > 4 && rest[4] == ' ' {
					t.kind, t.year, rest = wall, year, strings.TrimLeft(rest[5:], " ")
				}
				rec = timeline.Record{Kind: timeline.KindAuth}
				if when, note, ok := r.when(&t, l.Offset); ok {
					rec.Stamps, r.prev = []timeline.Stamp{{What: "logged", When: when, Note: note}}, when
				}
				text.Reset()
				text.WriteString(strings.TrimPrefix(rest, ": "))
				begun, from, first = true, l.Offset, l.Number
			} else if begun && text.Len() < 1<<20 {
				text.WriteByte(' ')
				text.WriteString(strings.TrimSpace(string(l.Text)))
			} else if !begun {
				plain := string(l.Text)
				if !yield(timeline.Record{Kind: timeline.KindAuth, Summary: plain, Fields: fields{"message": plain, "program": "sudo"}, Evidence: l.Evidence()}, nil) {
					return
				}
				continue
			}
			end = l.Offset + int64(len(l.Text))
		}
		finish()
	}
}

// sudoIO reads the file "log" of a recording: "time:account:target:group:tty:lines:columns", the
// directory, the command.
func sudoIO(s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		const most = 1 << 20
		b, err := io.ReadAll(io.NewSectionReader(s.Data, 0, min(s.Size, most)))
		if err != nil && !yield(timeline.Record{}, s.Damage(int64(len(b)), s.Size-int64(len(b)), 0, "cannot be read", err)) {
			return
		}
		lines := strings.SplitN(string(b), "\n", 4)
		who := strings.Split(lines[0], ":")
		sec, nsec, _ := strings.Cut(who[0], ".")
		when, err := strconv.ParseInt(sec, 10, 64)
		if len(lines) < 3 || len(who) < 5 || err != nil || when < 0 || when > 1<<40 {
			yield(timeline.Record{}, s.Damage(0, int64(len(b)), 1, "no description of a recording of sudo", nil))
			return
		}
		nano, _ := strconv.ParseInt((nsec + "000000000")[:9], 10, 64)
		f := fields{"program": "sudo", "action": "sudo", "io_log": path.Dir(s.Path)}
		put(f, "account", who[1])
		put(f, "target", who[2])
		put(f, "group", who[3])
		put(f, "tty", who[4])
		put(f, "cwd", lines[1])
		put(f, "command", lines[2])
		f["message"] = who[1] + " : TTY=" + who[4] + " ; PWD=" + lines[1] + " ; USER=" + who[2] + " ; COMMAND=" + lines[2]
		yield(timeline.Record{
			Kind: timeline.KindAuth, Summary: "sudo: " + f["message"], Fields: f, Evidence: s.Evidence(0, int64(len(b)), 1),
			Stamps: []timeline.Stamp{{What: "ran", When: time.Unix(when, nano).UTC()}},
		}, nil)
	}
}

// sudoJSON reads the events of a log of JSON: {"accept": {...}, "reject": {...}}, an object each
// line, or one event of a recording. Behind damage it goes on at the next event.
func sudoJSON(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var event []byte
		key, from, first, depth, base := "", int64(0), 0, 0, 0
		emit := func(end int64) bool {
			rec, ok := sudoEvent(key, event)
			length := end - from
			if !ok {
				return yield(timeline.Record{}, s.Damage(from, length, first, "an event of sudo that is no JSON", nil))
			}
			rec.Evidence = s.Evidence(from, length, first)
			return yield(rec, nil)
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := bytes.TrimSpace(l.Text)
			if key == "" && bytes.HasPrefix(text, []byte("{")) && len(text) > 1 {
				// One event, or the whole of a description, on one line.
				if rec, ok := sudoEvent("", text); ok {
					rec.Evidence = l.Evidence()
					if !yield(rec, nil) {
						return
					}
					continue
				}
			}
			for _, k := range [...]string{"accept", "reject", "alert", "exit"} {
				if rest, ok := bytes.CutPrefix(text, []byte(`"`+k+`":`)); ok && bytes.HasPrefix(bytes.TrimSpace(rest), []byte("{")) {
					if key != "" && !emit(l.Offset) { // the one before has no end
						return
					}
					key, event, from, first, depth, base = k, nil, l.Offset, l.Number, 0, 0
					text = bytes.TrimSpace(rest)
				}
			}
			if key == "" && (depth > 0 || bytes.Equal(text, []byte("{")) && l.Number == 1 && path.Base(s.Path) == "log.json") {
				// The description of a recording, over many lines.
				key, event, from, first, depth = "accept", nil, l.Offset, l.Number, 0
			}
			if key == "" {
				continue
			}
			depth += braces(text)
			if len(event) < 1<<20 {
				event = append(append(event, text...), '\n')
			}
			if depth <= base {
				event = bytes.TrimRight(event, ",\n")
				if !emit(l.Offset + int64(len(l.Text))) {
					return
				}
				key, event = "", nil
			}
		}
		if key != "" {
			emit(s.Size)
		}
	}
}

// braces counts those that open less those that close, outside of strings.
func braces(b []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '{':
			if !quoted {
				n++
			}
		case '}':
			if !quoted {
				n--
			}
		}
	}
	return n
}

// sudoEvent makes the record of an event; key is "" where the object names it itself.
func sudoEvent(key string, b []byte) (timeline.Record, bool) {
	text := string(b)
	if key != "" {
		text = `{"` + key + `":` + text + `}`
	} else if !strings.Contains(text[:min(len(text), 16)], `"accept"`) && !strings.Contains(text[:min(len(text), 16)], `"reject"`) &&
		!strings.Contains(text[:min(len(text), 16)], `"alert"`) && !strings.Contains(text[:min(len(text), 16)], `"exit"`) {
		text, key = `{"accept":`+text+`}`, "accept"
	}
	type seconds struct{ Seconds, Nanoseconds int64 }
	var e map[string]struct {
		SubmitHost string
		ServerTime *seconds `json:"server_time"`
		SubmitTime *seconds `json:"submit_time"`
		Timestamp  *seconds
	}
	rec := timeline.Record{Kind: timeline.KindAuth, Fields: fields{"program": "sudo"}}
	if json.Unmarshal([]byte(text), &e) != nil || len(e) != 1 {
		return rec, false
	}
	for k, v := range e {
		key = k
		put(rec.Fields, "host", v.SubmitHost)
		for _, at := range [...]*seconds{v.SubmitTime, v.Timestamp, v.ServerTime} {
			if at != nil && at.Seconds > 0 && at.Seconds < 1<<40 && at.Nanoseconds >= 0 && at.Nanoseconds < 1e9 {
				rec.Stamps = []timeline.Stamp{{What: "logged", When: time.Unix(at.Seconds, at.Nanoseconds).UTC()}}
				break
			}
		}
	}
	action, _ := logmsg.Decode("sudo", text, rec.Fields)
	if action == "" {
		action = "sudo-" + key
	}
	rec.Fields["action"] = action
	message := rec.Fields["account"] + " : USER=" + rec.Fields["target"] + " ; COMMAND=" + rec.Fields["command"]
	if action == "sudo-exit" {
		message = "a command of sudo ended"
	}
	rec.Fields["message"], rec.Summary = message, "sudo: "+message
	return rec, true
}
