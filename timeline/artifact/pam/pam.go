// Package pam says which modules each service asks, in their order, with what
// its configuration includes.
package pam

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

// Extractor yields the stacks of PAM.
var Extractor = timeline.Extractor{
	Name: "pam",
	Doc: `The stacks of PAM, with includes and substacks put in their places: kind effective, name pam, a record for each module that a service asks: service, type (auth, account, password, session), order, control,
target (the module), options, via (the file that is included), depth of the substack. Programs that pam_exec runs come as autostart records too.

Format: pam.conf(5), https://man7.org/linux/man-pages/man5/pam.conf.5.html; https://github.com/linux-pam/linux-pam/blob/master/libpam/pam_handlers.c.`,
	Paths: []string{"/etc/pam.d/*", "/usr/etc/pam.d/*", "/usr/lib/pam.d/*", "/etc/pam.conf"},
	Run:   run,
}

const (
	// maxDepth is how deep files may include each other, as in Linux-PAM
	// (PAM_SUBSTACK_MAX_LEVEL of pam_private.h).
	maxDepth = 16
	// maxRecords bounds the records of one service, and maxLines the lines that are read for them.
	maxRecords = 2000
	maxLines   = 5000
	maxText    = 4096
	maxJoined  = 64
)

// dirs are where services are looked for; the first counts.
var dirs = []string{"/etc/pam.d/", "/usr/etc/pam.d/", "/usr/lib/pam.d/"}

type reader struct {
	ctx     context.Context
	yield   func(timeline.Record, error) bool
	service string
	order   map[string]int // of each type
	count   int
	lines   int
	done    bool
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		dir, name := path.Split(s.Path)
		r := &reader{ctx: ctx, yield: yield, service: name, order: map[string]int{}}
		if s.Path == "/etc/pam.conf" {
			// It does not count where the directory is (pam.conf(5)).
			if len(s.Files("/etc/pam.d/*")) == 0 {
				r.service = ""
				r.file(s, "", "", 0, 0)
			}
			return
		}
		for _, d := range dirs {
			if d == dir {
				break
			}
			if len(s.Files(d+timeline.Literal(name))) > 0 {
				return // another file of the name counts
			}
		}
		r.file(s, "", "", 0, 0)
	}
}

func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

// line is one line of a service.
type line struct {
	text      string
	off, size int64
	number    int
}

// file tells the lines of a file; of one type only, if that is given. Depth
// counts the files, level the substacks.
func (r *reader) file(s *timeline.Source, kind, via string, depth, level int) {
	var cur line
	var text strings.Builder
	joined := 0
	flush := func() {
		joined = 0
		cur.text = strings.TrimSpace(text.String())
		text.Reset()
		if cur.text != "" {
			r.line(s, &cur, kind, via, depth, level)
		}
	}
	for l, err := range timeline.Lines(r.ctx, s) {
		if r.lines++; r.done || r.lines > maxLines {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		t := string(l.Text)
		// A comment ends with its line.
		comment := false
		if i := strings.IndexByte(t, '#'); i >= 0 {
			t, comment = t[:i], true
		}
		if joined == 0 {
			cur = line{off: l.Offset, number: l.Number}
		}
		cur.size = l.Offset + int64(len(l.Text)) - cur.off
		t = strings.TrimRight(t, " \t\r")
		if rest, more := strings.CutSuffix(t, `\`); more && !comment && joined < maxJoined {
			text.WriteString(rest + " ")
			joined++
			continue
		}
		text.WriteString(t)
		flush()
	}
	if joined > 0 && !r.done {
		flush()
	}
}

// word cuts a word from a line; one that begins with a bracket ends with the
// bracket that closes it.
func word(s string) (w, rest string) {
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, "[") {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case ']':
				return s[:i+1], strings.TrimLeft(s[i+1:], " \t")
			}
		}
		return s, ""
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

// find opens what a line includes: a service by its name, or a path.
func find(s *timeline.Source, name string) *timeline.Source {
	if strings.HasPrefix(name, "/") {
		return s.Open(name)
	}
	for _, d := range dirs {
		if f := s.Open(d + name); f != nil {
			return f
		}
	}
	return nil
}

func (r *reader) wrong(s *timeline.Source, l *line, why string) {
	r.bad(s.Damage(l.off, l.size, l.number, why, nil))
}

// line tells "[service] type control module [options]".
func (r *reader) line(s *timeline.Source, l *line, only, via string, depth, level int) {
	service, text := r.service, l.text
	if service == "" {
		service, text = word(text)
		service = strings.ToLower(service)
	}
	kind, rest := word(text)
	include := func(name, kind string, level int) {
		if depth >= maxDepth {
			r.wrong(s, l, "files include each other too deep")
			return
		}
		f := find(s, name)
		if f == nil {
			r.wrong(s, l, fmt.Sprintf("the included file %q is missing", name))
			return
		}
		old := r.service
		r.service = service
		r.file(f, kind, f.Path, depth+1, level)
		r.service = old
	}
	if kind == "@include" {
		name, _ := word(rest)
		include(name, only, level)
		return
	}
	quiet := strings.HasPrefix(kind, "-")
	kind = strings.ToLower(strings.TrimPrefix(kind, "-"))
	switch kind {
	case "auth", "account", "password", "session":
	default:
		r.wrong(s, l, "not a line of PAM")
		return
	}
	if only != "" && kind != only {
		return
	}
	control, rest := word(rest)
	module, options := word(rest)
	if control == "" || module == "" {
		r.wrong(s, l, "not a line of PAM")
		return
	}
	if !strings.HasPrefix(control, "[") {
		control = strings.ToLower(control)
	}
	switch control {
	case "include":
		include(module, kind, level)
		return
	case "substack":
		include(module, kind, level+1)
		return
	}
	if r.count++; r.count > maxRecords {
		if r.count == maxRecords+1 {
			r.wrong(s, l, "what follows the first 2000 modules of a service is left out")
		}
		return
	}
	r.order[service+" "+kind]++
	f := map[string]string{"name": "pam", "service": service, "type": kind, "order": fmt.Sprint(r.order[service+" "+kind]), "control": control, "target": module, "path": s.Path}
	shown := hide(options)
	if len(shown) > maxText {
		shown = strings.ToValidUTF8(shown[:maxText], "")
	}
	if shown != "" {
		f["options"] = shown
	}
	if via != "" {
		f["via"] = via
	}
	if level > 0 {
		f["depth"] = fmt.Sprint(level)
	}
	if quiet {
		f["quiet"] = "yes"
	}
	program := ""
	if strings.TrimSuffix(path.Base(module), ".so") == "pam_exec" {
		program = execOf(options)
		if program != "" {
			f["command"] = program
		}
	}
	ev := s.Evidence(l.off, l.size, l.number)
	if r.done = !r.yield(timeline.Record{Kind: timeline.KindEffective, Summary: strings.TrimSpace("pam: " + service + ": " + kind + " " + control + " " + module + " " + shown), Fields: f, Evidence: ev}, nil); r.done || program == "" || via != "" {
		// What is included is told with its own file.
		return
	}
	target, _ := word(program)
	r.done = !r.yield(timeline.Record{Kind: timeline.KindAutostart, Summary: "pam-exec, for " + service + ": " + program, Evidence: ev, Fields: map[string]string{
		"mechanism": "pam-exec", "trigger": "login", "event": kind + " of " + service, "command": program, "target": target, "account": "root", "enabled": "true", "path": s.Path,
	}}, nil)
}

// execOf is the command among the options of pam_exec(8).
func execOf(options string) string {
	for options != "" {
		w, rest := word(options)
		switch {
		case w == "debug" || w == "expose_authtok" || w == "seteuid" || w == "quiet" || w == "quiet_log" || w == "stdout" || strings.HasPrefix(w, "log=") || strings.HasPrefix(w, "type="):
			options = rest
		default:
			return strings.TrimSpace(options)
		}
	}
	return ""
}

// hide masks the values of options that hold passwords.
func hide(options string) string {
	if !strings.Contains(options, "=") {
		return options
	}
	words := strings.Fields(options)
	for i, w := range words {
		k, v, ok := strings.Cut(w, "=")
		low := strings.ToLower(strings.TrimLeft(k, "["))
		if ok && v != "" && (strings.Contains(low, "passw") || strings.Contains(low, "passwd") || strings.Contains(low, "secret") || strings.Contains(low, "bindpw")) && !strings.Contains(v, "/") {
			words[i] = k + "=***"
		}
	}
	return strings.Join(words, " ")
}
