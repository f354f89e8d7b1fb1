package shellhistory

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"deadbox/timeline"
)

// writer makes records from the entries of one history.
type writer struct {
	src     *timeline.Source
	account string
	kind    string  // the field that names the program: "shell" or "program"
	program *string // may change while the history is read
	yield   func(timeline.Record, error) bool

	order  int
	latest time.Time       // of the entries so far
	last   timeline.Record // waits until it is known whether another follows
	held   bool
}

// add takes an entry, or an error of one place. It reports whether to go on.
func (w *writer) add(e entry, err error) bool {
	if err != nil {
		return w.flush() && w.yield(timeline.Record{}, err)
	}
	if !w.flush() {
		return false
	}
	w.order++
	r := timeline.Record{
		Kind:    timeline.KindCommand,
		Summary: e.command,
		Fields: map[string]string{
			"command": e.command,
			"account": w.account,
			w.kind:    *w.program,
			"order":   strconv.Itoa(w.order),
		},
		Evidence: e.place,
	}
	if e.offset >= 0 {
		r.Evidence = w.src.Evidence(e.offset, e.size, e.line)
	}
	if w.account != "" {
		r.Summary = w.account + ": " + e.command
	}
	for i := 0; i+1 < len(e.fields); i += 2 {
		r.Fields[e.fields[i]] = e.fields[i+1]
	}
	if e.when.IsZero() {
		if t, _ := w.bound(); !t.IsZero() {
			r.Fields["not_after"] = t.Format(time.RFC3339)
		}
	} else {
		r.Stamps = []timeline.Stamp{{What: "ran", When: e.when, Note: e.note}}
		if e.when.After(w.latest) {
			w.latest = e.when
		}
	}
	w.last, w.held = r, true
	return true
}

func (w *writer) flush() bool {
	if !w.held {
		return true
	}
	w.held = false
	return w.yield(w.last, nil)
}

// end yields the last entry. If it has no time, the file's own is its upper
// bound, and the only one of the history that is worth a place on the timeline.
func (w *writer) end() bool {
	if w.held && len(w.last.Stamps) == 0 {
		if t, note := w.bound(); !t.IsZero() {
			w.last.Stamps = []timeline.Stamp{{What: "ran-before", When: t, Note: note}}
		}
	}
	return w.flush()
}

// bound is when the file was last written, the zero time if that is not known
// or contradicts the history's own times.
func (w *writer) bound() (time.Time, string) {
	in := w.src.Inode
	if in == nil {
		return time.Time{}, ""
	}
	// Entries have whole seconds.
	if t := in.Times.Modified; t.Known && !w.latest.After(t.Std()) {
		return t.Std(), "the history's last entry: not later than the file's modification time"
	}
	if t := in.Times.Changed; t.Known && !w.latest.After(t.Std()) {
		return t.Std(), "the history's last entry: not later than the last change of the file's inode; its modification time is earlier than the history's own times"
	}
	return time.Time{}, ""
}

// content tells what a history without entries means, and gives the source that
// has them: that of a link's file, if no pattern leads to it. ok is false if there
// is nothing to read.
func content(s *timeline.Source, program string, patterns []string, yield func(timeline.Record, error) bool) (*timeline.Source, bool) {
	fact := func(value, summary string, fields map[string]string, stamps []timeline.Stamp, e timeline.Evidence) bool {
		f := map[string]string{"name": "history", "value": value, "path": s.Path, "account": s.Owner(), "program": program}
		maps.Copy(f, fields)
		return yield(timeline.Record{Kind: timeline.KindEffective, Summary: "history " + s.Path + " " + summary, Fields: f, Stamps: stamps, Evidence: e}, nil)
	}
	if s.Target != "" {
		f := map[string]string{"target": s.Target}
		value, summary := "link", "is a symbolic link to "+s.Target
		if s.Target == "/dev/null" {
			value, summary = "null", "goes to /dev/null: nothing is kept"
		}
		if !fact(value, summary, f, times(s, "the link's own time"), s.Evidence(0, 0, 0)) {
			return nil, false
		}
		led := s.Open(s.Path)
		if led == nil || led.Data == nil {
			return nil, false
		}
		// The file that it leads to is read where it stands, if a pattern leads there and
		// its name sorts first: a file under two names is listed under the first.
		real := s.Target
		if !path.IsAbs(real) {
			real = path.Join(path.Dir(s.Path), real)
		}
		if real < s.Path && slices.ContainsFunc(patterns, func(p string) bool { return slices.Contains(s.Files(p), real) }) {
			return nil, false
		}
		if led.Account == "" {
			led.Account = s.Account
		}
		s = led
	}
	if s.Size == 0 {
		fact("empty", "is empty", nil, times(s, "the file's own time"), s.Evidence(0, 0, 0))
		return nil, false
	}
	return s, true
}

// times are those of an inode that tell when it came to be what it is.
func times(s *timeline.Source, note string) []timeline.Stamp {
	if s.Inode == nil {
		return nil
	}
	var list []timeline.Stamp
	if t := s.Inode.Times.Modified; t.Known {
		list = append(list, timeline.Stamp{What: "modified", When: t.Std(), Note: note})
	}
	if t := s.Inode.Times.Born; t.Known {
		list = append(list, timeline.Stamp{What: "born", When: t.Std(), Note: note})
	}
	return list
}
