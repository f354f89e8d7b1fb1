// Package auditd reads the log of the kernel's audit, as auditd writes it.
package auditd

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each event.
var Extractor = timeline.Extractor{
	Name: "auditd",
	Doc: `Events of the kernel's audit, the lines of each joined: action (executed, login, a system call's name, or the type in lower case), type,
serial, account, uid, auid, login_account, gid, session, tty, pid, ppid, program, exe, command (the arguments of execve decoded and joined, or
what sudo was asked to run), cwd, path, paths, syscall, arch, outcome, exit, key, address, port, remote_host, reason, unit, proctitle, message. Names of
accounts are those of the log where it was written with them (log_format = ENRICHED), else those of the server's passwd.

Formats: auditd.conf(5), "log_format"; https://github.com/linux-audit/audit-documentation/wiki (SPEC-Audit-Event-Enrichment, field and record
dictionaries); kernel/audit.c and kernel/auditsc.c of Linux.`,
	Paths:   []string{"/var/log/audit/audit.log*", "/var/log/audit.log*"},
	NamedIn: []string{"/etc/audit/auditd.conf", "/etc/auditd.conf"},
	Named:   named,
	Run:     run,
}

// named reads auditd.conf(5).
func named(s *timeline.Source) []string {
	var out []string
	for l, err := range timeline.Lines(context.Background(), s) {
		if err != nil {
			continue
		}
		key, value, ok := strings.Cut(string(l.Text), "=")
		if value = strings.TrimSpace(value); ok && strings.EqualFold(strings.TrimSpace(key), "log_file") && strings.HasPrefix(value, "/") {
			out = append(out, timeline.Rotated(value)...)
		}
	}
	return out
}

const (
	// maxPending is how many events are kept open. Lines of events that happen at
	// the same time are mixed, by as many as the machine has processors.
	maxPending = 64
	// maxPendingBytes bounds their lines.
	maxPendingBytes = 16 << 20
	// maxEventBytes bounds those of one event.
	maxEventBytes = 4 << 20
	// maxOdd is how many lines that are none of audit's are reported one by one.
	maxOdd = 50
)

// raw is a line of an event.
type raw struct {
	offset, length int64
	number         int
	kind           string // "SYSCALL"
	body           string // behind the header
}

// event is the lines that have the same time and serial number.
type event struct {
	node, id string // "1492037291.036:59"
	lines    []raw
	bytes    int
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		d := decoder{s: s}
		var pending []*event
		size := 0
		release := func(n int) bool {
			for _, e := range pending[:n] {
				size -= e.bytes
				if r, ok := d.record(e); ok && !yield(r, nil) {
					return false
				}
			}
			pending = append(pending[:0], pending[n:]...)
			return true
		}
		odd, oddBytes := 0, int64(0)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := bytes.TrimSpace(l.Text)
			if len(text) == 0 {
				continue
			}
			node, kind, id, body, ok := header(text)
			if !ok {
				if odd++; odd > maxOdd {
					oddBytes += int64(len(l.Text))
					continue
				}
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of the audit: "+strconv.Quote(string(text[:min(len(text), 80)])), nil)) {
					return
				}
				continue
			}
			var e *event
			for i := len(pending) - 1; i >= 0 && e == nil; i-- {
				if p := pending[i]; p.id == string(id) && p.node == string(node) && p.bytes < maxEventBytes {
					e = p
				}
			}
			if e == nil {
				e = &event{node: string(node), id: string(id)}
				pending = append(pending, e)
			}
			e.lines = append(e.lines, raw{l.Offset, int64(len(l.Text)), l.Number, string(kind), string(body)})
			e.bytes += len(l.Text)
			size += len(l.Text)
			for len(pending) > maxPending || size > maxPendingBytes && len(pending) > 0 {
				if !release(1) {
					return
				}
			}
		}
		if !release(len(pending)) {
			return
		}
		if odd > maxOdd {
			yield(timeline.Record{}, s.Damage(-1, oddBytes, 0, fmt.Sprintf("%d more lines that are none of the audit", odd-maxOdd), nil))
		}
	}
}

// header reads "node=web01 type=SYSCALL msg=audit(1492037291.036:59): ".
func header(b []byte) (node, kind, id, body []byte, ok bool) {
	if rest, found := bytes.CutPrefix(b, []byte("node=")); found {
		if node, b, ok = bytes.Cut(rest, []byte(" ")); !ok {
			return
		}
	}
	rest, found := bytes.CutPrefix(b, []byte("type="))
	if !found {
		return node, nil, nil, nil, false
	}
	kind, rest, ok = bytes.Cut(rest, []byte(" "))
	if !ok || len(kind) == 0 {
		return node, nil, nil, nil, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte("msg=audit("))
	if !ok {
		return node, nil, nil, nil, false
	}
	end := bytes.IndexByte(rest[:min(len(rest), 64)], ')')
	if end < 0 {
		return node, nil, nil, nil, false
	}
	id = rest[:end]
	body = bytes.TrimLeft(rest[end+1:], ": ")
	_, _, ok = stampOf(string(id))
	return node, kind, id, body, ok
}

// stampOf reads "1492037291.036:59": seconds, milliseconds, serial number.
func stampOf(id string) (when time.Time, serial string, ok bool) {
	clock, serial, ok := strings.Cut(id, ":")
	whole, milli, ok2 := strings.Cut(clock, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	ms, err2 := strconv.ParseUint(milli, 10, 32)
	_, err3 := strconv.ParseUint(serial, 10, 64)
	if !ok || !ok2 || err != nil || err2 != nil || err3 != nil || ms > 999 || sec < 0 || sec > 1<<40 {
		return time.Time{}, "", false
	}
	return time.Unix(sec, int64(ms)*int64(time.Millisecond)).UTC(), serial, true
}

// evidence covers the lines of an event, if they follow each other; else the
// line that says most.
func (d *decoder) evidence(e *event, telling int) timeline.Evidence {
	first, last := e.lines[0], e.lines[len(e.lines)-1]
	if last.number-first.number == len(e.lines)-1 {
		return d.s.Evidence(first.offset, last.offset+last.length-first.offset, first.number)
	}
	l := e.lines[telling]
	return d.s.Evidence(l.offset, l.length, l.number)
}
