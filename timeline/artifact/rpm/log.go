package rpm

import (
	"context"
	"errors"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/internal/sqlite"
	"deadbox/timeline"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Log yields a record for each change that yum, dnf and zypper logged.
var Log = timeline.Extractor{
	Name: "rpm-log",
	Doc: `What yum, dnf and zypper did (kind package-event): action (install, upgrade, downgrade, remove, erase, reinstall, run, ...), package, version, arch, command, account or uid of who asked for it where the log says
it, repository.

Formats: /var/log/yum.log (RFC 3164 times without a year), /var/log/dnf.rpm.log, /var/log/zypp/history (fields divided by "|",
https://doc.opensuse.org/projects/libzypp/HEAD/zypp-history.html), and dnf's history.sqlite (libdnf/transaction/private).`,
	Paths: []string{"/var/log/yum.log*", "/var/log/dnf.rpm.log*", "/var/log/zypp/history*", "/var/lib/dnf/history.sqlite", "/usr/lib/sysimage/libdnf5/transaction_history.sqlite"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		base := path.Base(s.Path)
		switch {
		case strings.HasSuffix(base, ".sqlite"):
			return history(ctx, s)
		case strings.HasPrefix(base, "history"):
			return zypp(ctx, s)
		case strings.HasPrefix(base, "yum"):
			return yum(ctx, s)
		}
		return dnf(ctx, s)
	},
}

// verbs are how the lines of yum and of dnf's plugin for rpm begin.
var verbs = map[string]struct{ action, what string }{
	"Installed": {"install", "installed"}, "Updated": {"upgrade", "upgraded"}, "Erased": {"remove", "removed"}, "Upgraded": {"upgrade-from", "removed"}, "Upgrade": {"upgrade", "upgraded"},
	"Removed": {"remove", "removed"}, "Reinstalled": {"reinstall", "installed"}, "Reinstall": {"reinstall", "installed"}, "Downgraded": {"downgrade-from", "removed"}, "Downgrade": {"downgrade", "downgraded"},
	"Obsoleted": {"obsolete", "removed"}, "Obsoletes": {"obsolete", "removed"}, "Cleanup": {"cleanup", "removed"}, "Dep-Installed": {"install", "installed"}, "Install": {"install", "installed"}, "Erase": {"remove", "removed"},
}

// setNevra splits "name-[epoch:]version-release.arch" or
// "epoch:name-version-release.arch", as yum writes it.
func setNevra(f map[string]string, s string) {
	epoch := ""
	if head, rest, ok := strings.Cut(s, ":"); ok && isDigits(head) {
		epoch, s = head+":", rest
	}
	if i := strings.LastIndexByte(s, '.'); i > 0 && !strings.ContainsAny(s[i:], "-") {
		f["arch"], s = s[i+1:], s[:i]
	}
	release := strings.LastIndexByte(s, '-')
	if release <= 0 {
		f["package"] = s
		return
	}
	version := strings.LastIndexByte(s[:release], '-')
	if version <= 0 {
		f["package"], f["version"] = s[:release], s[release+1:]
		return
	}
	f["package"], f["version"] = s[:version], epoch+s[version+1:]
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// change is the record of a line "Verb: package".
func change(text, by string, stamp timeline.Stamp, ev timeline.Evidence) timeline.Record {
	f := map[string]string{"manager": by, "message": text}
	if verb, rest, ok := strings.Cut(text, ": "); ok {
		if v, known := verbs[verb]; known {
			f["action"], stamp.What = v.action, v.what
			setNevra(f, strings.TrimSpace(rest))
		}
	}
	return timeline.Record{Kind: timeline.KindPackageEvent, Summary: by + ": " + text, Stamps: []timeline.Stamp{stamp}, Fields: f, Evidence: ev}
}

// dnf reads "2026-11-24T10:00:00+0100 SUBDEBUG Installed: jq-1.6-2.x86_64".
func dnf(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			when, note, n := clock.Parse(text)
			if n == 0 {
				continue // the rest of a message
			}
			level, rest, _ := strings.Cut(strings.TrimSpace(text[n:]), " ")
			r := change(strings.TrimSpace(rest), "dnf", timeline.Stamp{What: "logged", When: when, Note: note}, l.Evidence())
			r.Fields["severity"] = strings.ToLower(level)
			if !yield(r, nil) {
				return
			}
		}
	}
}

// yum reads "Nov 24 10:00:00 Installed: jq-1.6-2.x86_64". The year is that of
// the file's last change, or an earlier one where the months go backwards.
func yum(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		// The lines are dated from the last to the first, so they are read twice.
		var months []time.Time // of each line that has a time, with the year 2000
		for l, err := range timeline.Lines(ctx, s) {
			if err == nil {
				if t, ok := yearless(string(l.Text)); ok {
					months = append(months, t)
				}
			}
		}
		years := make([]int, len(months))
		known := s.Inode != nil && s.Inode.Times.Modified.Known
		if known && len(months) > 0 {
			zone := s.Location()
			last := s.Inode.Times.Modified.Std().In(zone)
			year := last.Year()
			next := time.Date(2000, last.Month(), last.Day(), last.Hour(), last.Minute(), last.Second(), 0, time.UTC).Add(time.Minute)
			for i := len(months) - 1; i >= 0; i-- {
				if months[i].After(next) {
					year--
				}
				years[i], next = year, months[i].Add(time.Hour)
			}
		}
		i := 0
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			t, ok := yearless(text)
			if !ok {
				if strings.TrimSpace(text) != "" && !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of yum's log", nil)) {
					return
				}
				continue
			}
			r := change(strings.TrimSpace(text[15:]), "yum", timeline.Stamp{}, l.Evidence())
			if known {
				t = time.Date(years[i], t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
				when, note := clock.Local(t.Unix(), 0)
				r.Stamps[0].When, r.Stamps[0].Note = when, strings.TrimPrefix(note+"; year inferred from the file's modification time and the order of the lines", "; ")
				if r.Stamps[0].What == "" {
					r.Stamps[0].What = "logged"
				}
			} else {
				r.Stamps = nil
			}
			i++
			if !yield(r, nil) {
				return
			}
		}
	}
}

// yearless reads "Nov 24 10:00:00", as of the year 2000, which has a 29
// February.
func yearless(s string) (time.Time, bool) {
	if len(s) < 16 {
		return time.Time{}, false
	}
	t, err := time.Parse("2006 Jan _2 15:04:05", "2000 "+s[:15])
	return t, err == nil
}

// zyppWhat are the actions of zypper's history.
var zyppWhat = map[string]struct{ action, what string }{
	"install": {"install", "installed"}, "remove": {"remove", "removed"}, "command": {"run", "started"}, "radd": {"repository-added", "logged"}, "rremove": {"repository-removed", "logged"},
	"ralias": {"repository-renamed", "logged"}, "rurl": {"repository-moved", "logged"}, "patch": {"patch", "logged"},
}

// zypp reads "2026-11-24 10:00:00|install|jq|1.6-2|x86_64|root@host|repo|sum|".
// Lines with # are what packages' scripts printed.
func zypp(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if strings.HasPrefix(text, "#") || strings.TrimSpace(text) == "" {
				continue
			}
			when, note, n := clock.Parse(text)
			w := strings.Split(text, "|")
			if n == 0 || len(w) < 3 {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of zypper's history", nil)) {
					return
				}
				continue
			}
			for i := range w {
				w[i] = strings.TrimSpace(w[i])
			}
			v, ok := zyppWhat[w[1]]
			if !ok {
				v.action, v.what = w[1], "logged"
			}
			f := map[string]string{"manager": "zypper", "action": v.action, "message": strings.Join(w[1:], "|")}
			at := func(i int) string {
				if i < len(w) {
					return w[i]
				}
				return ""
			}
			switch w[1] {
			case "install":
				f["package"], f["version"] = at(2), at(3)
				put(f, "arch", at(4))
				setUser(f, at(5))
				put(f, "repository", at(6))
			case "remove":
				f["package"], f["version"] = at(2), at(3)
				put(f, "arch", at(4))
				setUser(f, at(5))
			case "command":
				setUser(f, at(2))
				put(f, "command", strings.Trim(strings.ReplaceAll(at(3), "' '", " "), "'"))
			case "radd", "rremove", "rurl", "ralias":
				put(f, "repository", at(2))
				put(f, "url", at(3))
			}
			if !yield(timeline.Record{
				Kind: timeline.KindPackageEvent, Summary: "zypper: " + strings.Join(w[1:min(len(w), 5)], " "), Fields: f,
				Stamps: []timeline.Stamp{{What: v.what, When: when, Note: note}}, Evidence: l.Evidence(),
			}, nil) {
				return
			}
		}
	}
}

// setUser splits "root@host".
func setUser(f map[string]string, s string) {
	name, host, _ := strings.Cut(s, "@")
	put(f, "account", name)
	put(f, "host", host)
}

// history reads the transactions of dnf 4 and of dnf 5: table trans, the items
// of each in trans_item, their names in rpm.
func history(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		damaged := func(err error) bool {
			offset := int64(-1)
			var c *sqlite.CorruptError
			if errors.As(err, &c) && !c.InWAL {
				offset = c.Offset
			}
			return yield(timeline.Record{}, s.Damage(offset, 0, 0, "a part of dnf's history cannot be read", err))
		}
		_, wal, size := s.WAL()
		db, err := sqlite.Open(s.Data, s.Size, wal, size)
		if err != nil {
			damaged(err)
			return
		}
		for _, err := range db.Damage() {
			if !damaged(err) {
				return
			}
		}
		for row, err := range db.Rows(ctx, "trans") {
			if err != nil {
				if !damaged(err) {
					return
				}
				continue
			}
			f := map[string]string{"manager": "dnf", "action": "run", "transaction": strconv.FormatInt(row.ID, 10)}
			if uid, ok := row.Int("user_id"); ok && uid >= 0 && uid < 1<<32-1 {
				f["uid"] = strconv.FormatInt(uid, 10)
			}
			for _, column := range [...]string{"cmdline", "description"} {
				if v, ok := row.Text(column); ok && f["command"] == "" {
					put(f, "command", v)
				}
			}
			if v, ok := row.Text("comment"); ok {
				put(f, "comment", v)
			}
			var stamps []timeline.Stamp
			for _, t := range [...]struct{ column, what string }{{"dt_begin", "started"}, {"dt_end", "ended"}} {
				if n, ok := row.Int(t.column); ok && n > 0 && n < 1<<33 {
					stamps = append(stamps, timeline.Stamp{What: t.what, When: time.Unix(n, 0).UTC()})
				}
			}
			if !yield(timeline.Record{Kind: timeline.KindPackageEvent, Summary: "dnf: " + f["command"], Stamps: stamps, Fields: f, Evidence: place(s, &row)}, nil) {
				return
			}
		}
	}
}

// place is where a row stands. One in the write-ahead log has no place in this
// file.
func place(s *timeline.Source, row *sqlite.Row) timeline.Evidence {
	if row.Offset < 0 {
		return s.Evidence(0, s.Size, 0)
	}
	return s.Evidence(row.Offset, row.Length, 0)
}
