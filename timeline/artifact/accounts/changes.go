package accounts

import (
	"context"
	"iter"
	"slices"
	"strings"

	"deadbox/timeline"
)

// Changes yields what differs between the files of accounts and the backups
// that the tools of shadow leave beside them.
var Changes = timeline.Extractor{
	Name: "account-changes",
	Doc: `What differs between passwd, shadow, group and gshadow and their backups (passwd-, ...), which useradd, usermod, passwd and their like write before each change: kind effective, name account-change; account
or group, action (added, removed, changed), changed (the fields that differ), and these with what stood before as old_uid and so on. Of passwords it is said only that, and from which state to which, they changed.
An edit by hand leaves the backup as it was, so that the difference may be older than the last change of the file.

Formats: passwd(5), shadow(5), group(5), gshadow(5); the backups, https://github.com/shadow-maint/shadow/blob/master/lib/commonio.c (create_backup).`,
	Paths: []string{"/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-"},
	Run:   runChanges,
}

// entry is a line of one of the files.
type entry struct {
	field    []string
	evidence timeline.Evidence
}

// columns are the fields of each file; "" is not compared, as it changes by
// itself or is a secret.
var columns = map[string][]string{
	"passwd":  {"", "", "uid", "gid", "gecos", "home", "shell"},
	"shadow":  {"", "password", "", "min_days", "max_days", "warn_days", "inactive_days", "expires"},
	"group":   {"", "", "gid", "members"},
	"gshadow": {"", "password", "admins", ""},
}

func runChanges(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		now := strings.TrimSuffix(s.Path, "-")
		file := now[strings.LastIndexByte(now, '/')+1:]
		cols := columns[file]
		current := s.Open(now)
		if cols == nil || current == nil {
			return
		}
		before, order, ok := entries(ctx, s, len(cols), yield)
		if !ok {
			return
		}
		// Damage of the file itself is told where that is read.
		after, later, _ := entries(ctx, current, len(cols), func(timeline.Record, error) bool { return true })
		subject := "account"
		if file == "group" || file == "gshadow" {
			subject = "group"
		}
		tell := func(name, action string, e *entry, more map[string]string, changed []string) bool {
			f := map[string]string{"name": "account-change", subject: name, "action": action, "path": now}
			for k, v := range more {
				f[k] = v
			}
			sum := subject + " " + name + " of " + now + ": " + action
			if len(changed) > 0 {
				f["changed"] = strings.Join(changed, " ")
				sum += " " + f["changed"]
			}
			r := timeline.Record{Kind: timeline.KindEffective, Summary: sum + ", against the backup", Fields: f, Evidence: e.evidence}
			if current.Inode != nil {
				if t := current.Inode.Times.Modified.Std(); !t.IsZero() {
					r.Stamps = []timeline.Stamp{{What: action, When: t, Note: "at the latest: the last change of " + now}}
				}
			}
			return yield(r, nil)
		}
		for _, name := range order {
			old := before[name]
			e := after[name]
			if e == nil {
				if file == "shadow" || file == "gshadow" {
					continue // told by passwd and group
				}
				if !tell(name, "removed", old, shown(cols, old, ""), nil) {
					return
				}
				continue
			}
			var changed []string
			more := map[string]string{}
			for i, c := range cols {
				if c == "" || old.field[i] == e.field[i] {
					continue
				}
				changed = append(changed, c)
				if c != "password" {
					more["old_"+c], more[c] = old.field[i], e.field[i]
					continue
				}
				more["old_password"], _ = stateOf(old.field[i])
				more["password"], _ = stateOf(e.field[i])
			}
			if len(changed) > 0 && !tell(name, "changed", e, more, changed) {
				return
			}
		}
		if file == "shadow" || file == "gshadow" {
			return
		}
		for _, name := range later {
			if before[name] == nil && !tell(name, "added", after[name], shown(cols, after[name], ""), nil) {
				return
			}
		}
	}
}

// shown gives the fields of an entry that may be told.
func shown(cols []string, e *entry, prefix string) map[string]string {
	f := map[string]string{}
	for i, c := range cols {
		if c != "" && c != "password" && e.field[i] != "" {
			f[prefix+c] = e.field[i]
		}
	}
	return f
}

// entries reads the lines of one file by name, and their order. It is false
// if the consumer wants no more.
func entries(ctx context.Context, s *timeline.Source, n int, yield func(timeline.Record, error) bool) (map[string]*entry, []string, bool) {
	list := map[string]*entry{}
	var order []string
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			if !yield(timeline.Record{}, err) {
				return nil, nil, false
			}
			continue
		}
		text := string(l.Text)
		if blank(text) || len(order) == maxEntries || !strings.Contains(text, ":") {
			continue
		}
		f := make([]string, n)
		split(text, f)
		// The last field holds what follows it, too.
		f[n-1], _, _ = strings.Cut(f[n-1], ":")
		if list[f[0]] == nil && !slices.Contains([]string{"", "+", "-"}, f[0]) {
			list[f[0]] = &entry{f, l.Evidence()}
			order = append(order, f[0])
		}
	}
	return list, order, true
}
