package utmp

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// ending says how a session ended.
type ending uint8

const (
	endOpen     ending = iota // nothing says that it ended
	endLogout                 // a logout on its line
	endReplaced               // the next login on its line
	endDown                   // the machine was shut down
	endCrash                  // the machine was started again, without a shutdown before
)

func (e ending) String() string {
	return [...]string{"open", "logout", "replaced", "down", "crash"}[e]
}

func (e ending) note() string {
	switch e {
	case endReplaced:
		return "not later: the next login on the same line"
	case endDown:
		return "not later: the machine was shut down"
	case endCrash:
		return "not later: the machine was started again, and no shutdown is recorded"
	}
	return ""
}

// end is where a session ended. Of a record that ends one, closes is set.
type end struct {
	sec, usec int64
	how       ending
	closes    bool
}

// joiner follows the lines, as last(1) does: a login lasts until the next
// logout or login on its line, or until the machine goes down or comes up. K is what
// names a login.
type joiner[K any] struct {
	open map[string]K
}

// closed are the logins that a record ends, in no order.
func (j *joiner[K]) closed(kind int, line string, shutdown bool) (list []K, how ending) {
	switch {
	case kind == typeUser || kind == typeDead:
		how = endLogout
		if kind == typeUser {
			how = endReplaced
		}
		if k, ok := j.open[line]; ok && line != "" {
			list = append(list, k)
			delete(j.open, line)
		}
		return list, how
	case kind == typeBoot:
		how = endCrash
	case shutdown:
		how = endDown
	default:
		return nil, endOpen
	}
	for _, k := range j.open {
		list = append(list, k)
	}
	clear(j.open)
	return list, how
}

// isShutdown says that a record of a run level is of a halt: by its name, or
// by the level 0 or 6.
func isShutdown(kind int, user string, level byte) bool {
	return kind == typeRunLevel && (user == "shutdown" || level == '0' || level == '6')
}

// ends finds the ends of all logins of a file, by the offsets of their
// records; and the records of logouts that ended one.
func ends(ctx context.Context, s *timeline.Source, l *layout) map[int64]end {
	found := map[int64]end{}
	j := joiner[int64]{open: map[string]int64{}}
	for e := range entries(ctx, s, l) {
		if e.bad != "" || e.blank > 0 {
			continue
		}
		r := e.raw
		kind, line := r.kind(), text(r.line())
		closed, how := j.closed(kind, line, isShutdown(kind, text(r.user()), byte(r.pid())))
		for _, off := range closed {
			found[off] = end{sec: r.seconds(), usec: r.micros(), how: how}
		}
		if kind == typeDead && len(closed) > 0 {
			found[e.offset] = end{closes: true}
		}
		if kind == typeUser && line != "" && len(j.open) < maxOpen {
			j.open[line] = e.offset
		}
	}
	return found
}

// Session is a login with its end, from one file or from several.
type Session struct {
	Login timeline.Record // of wtmp or wtmpdb
	Start time.Time       // UTC
	Until time.Time       // UTC; zero if nothing says that it ended
	Ended string          // "logout", "replaced", "down", "crash", "open"
	Note  string          // how the end is known, where it is a bound
}

// Sessions gives the sessions that records of wtmp, and of wtmpdb, tell, by
// their start. Records are in the order of their files. A session that its own
// file leaves open ends with what later files say of its line.
func Sessions(records []timeline.Record) []Session {
	var out []Session
	type file struct {
		name    string
		records []timeline.Record
		first   time.Time
	}
	var files []*file
	byName := map[string]*file{}
	for _, r := range records {
		if r.Kind != timeline.KindLogin || r.Fields["source"] != "wtmp" && r.Fields["source"] != "wtmpdb" {
			continue
		}
		name := r.Evidence.Image + "\x00" + r.Evidence.Volume + "\x00" + r.Evidence.Path
		f := byName[name]
		if f == nil {
			f = &file{name: name}
			byName[name] = f
			files = append(files, f)
		}
		if len(r.Stamps) > 0 && (f.first.IsZero() || r.Stamps[0].When.Before(f.first)) {
			f.first = r.Stamps[0].When
		}
		f.records = append(f.records, r)
	}
	slices.SortStableFunc(files, func(a, b *file) int { return cmp.Or(a.first.Compare(b.first), strings.Compare(a.name, b.name)) })
	j := joiner[int]{open: map[string]int{}}
	for _, f := range files {
		for _, r := range f.records {
			if len(r.Stamps) == 0 {
				continue
			}
			kind, shutdown := kindOf(r.Fields)
			when := r.Stamps[0].When
			if r.Fields["source"] == "wtmp" {
				closed, how := j.closed(kind, r.Fields["tty"], shutdown)
				for _, i := range closed {
					if !when.Before(out[i].Start) {
						out[i].Until, out[i].Ended, out[i].Note = when, how.String(), how.note()
					}
				}
			}
			if r.Fields["action"] != "login" {
				continue
			}
			s := Session{Login: r, Start: when, Ended: r.Fields["ended"]}
			if len(r.Stamps) > 1 {
				s.Until, s.Note = r.Stamps[1].When, r.Stamps[1].Note
			}
			out = append(out, s)
			if s.Until.IsZero() && r.Fields["source"] == "wtmp" && r.Fields["tty"] != "" && len(j.open) < maxOpen {
				j.open[r.Fields["tty"]] = len(out) - 1
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Session) int { return a.Start.Compare(b.Start) })
	return out
}

// kindOf gives the type of a record by its fields.
func kindOf(f map[string]string) (kind int, shutdown bool) {
	kind = typeEmpty
	if t := f["type"]; t != "" && t[0] >= '0' && t[0] <= '9' {
		kind = int(t[0] - '0')
	}
	level := byte(0)
	if v := f["runlevel"]; v != "" {
		level = v[0]
	}
	return kind, isShutdown(kind, f["name"], level)
}
