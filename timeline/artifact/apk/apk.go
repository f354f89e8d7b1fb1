// Package apk reads what Alpine's package manager remembers.
package apk

import (
	"context"
	"iter"
	"path"
	"strings"
	"time"

	"strconv"

	"deadbox/timeline"
)

// Extractor yields a record for each installed package, and one for each
// change in apk's log.
var Extractor = timeline.Extractor{
	Name: "apk",
	Doc: `Packages that apk has installed (kind package: package, version, arch, source, state, commit; the time is that of the package's build), and the changes
in its log (kind package-event: action, package, version, old_version).

Formats: https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2 and the log of apk-tools 3, /var/log/apk.log.`,
	Paths: []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed", "/var/log/apk.log*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if strings.HasPrefix(path.Base(s.Path), "apk.log") {
			return log(ctx, s)
		}
		return installed(ctx, s)
	},
}

// fieldOf are the letters of a package's paragraph that are told. F and what follows
// it are files.
var fieldOf = map[byte]string{'P': "package", 'V': "version", 'A': "arch", 'o': "source", 'c': "commit", 'U': "url", 'm': "maintainer"}

func installed(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		f := map[string]string{}
		var built time.Time
		from, to, first := int64(-1), int64(0), 0
		flush := func() bool {
			if from < 0 {
				return true
			}
			r := timeline.Record{Kind: timeline.KindPackage, Fields: f, Evidence: s.Evidence(from, to-from, first)}
			f["manager"], f["state"] = "apk", "installed"
			r.Summary = f["package"] + " " + f["version"] + " " + f["arch"] + ": installed"
			if !built.IsZero() {
				r.Stamps = []timeline.Stamp{{What: "built", When: built}}
			}
			ok := true
			if f["package"] != "" {
				ok = yield(r, nil)
			} else {
				ok = yield(timeline.Record{}, s.Damage(from, to-from, first, "a paragraph that names no package", nil))
			}
			f, built, from = map[string]string{}, time.Time{}, -1
			return ok
		}
		head := true
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(l.Text) == 0 {
				if !flush() {
					return
				}
				head = true
				continue
			}
			if from < 0 {
				from, first = l.Offset, l.Number
			}
			if len(l.Text) < 2 || l.Text[1] != ':' {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no field of apk's database", nil)) {
					return
				}
				continue
			}
			c, value := l.Text[0], string(l.Text[2:])
			if c == 'F' {
				head = false
			}
			if !head {
				continue // the evidence ends before the list of files
			}
			to = l.Offset + int64(len(l.Text))
			if name := fieldOf[c]; name != "" {
				f[name] = value
			}
			if n, err := strconv.ParseInt(value, 10, 64); c == 't' && err == nil && n > 0 && n < 1<<33 {
				built = time.Unix(n, 0).UTC()
			}
		}
		flush()
	}
}

// verbs are how apk's messages begin, after "(1/5) ".
var verbs = map[string]struct{ action, what string }{
	"Installing": {"install", "installed"}, "Upgrading": {"upgrade", "upgraded"}, "Downgrading": {"downgrade", "downgraded"},
	"Purging": {"purge", "removed"}, "Reinstalling": {"reinstall", "installed"}, "Replacing": {"replace", "installed"},
}

// log reads "Running `apk add jq` at 2026-11-24 10:00:00" and the lines "(1/2)
// Installing oniguruma (6.9.8-r0)" below it.
func log(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var stamp []timeline.Stamp
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimSpace(string(l.Text))
			f := map[string]string{"manager": "apk", "message": text}
			r := timeline.Record{Kind: timeline.KindPackageEvent, Summary: "apk: " + text, Fields: f, Evidence: l.Evidence()}
			if rest, ok := strings.CutPrefix(text, "Running `"); ok {
				stamp = nil
				if i := strings.LastIndex(rest, "` at "); i >= 0 {
					f["action"], f["command"] = "run", rest[:i]
					stamp = stampOf(rest[i+len("` at "):], s.Zone)
				}
				r.Stamps = stamp
			} else {
				_, rest, _ := strings.Cut(text, ") ")
				verb, rest, _ := strings.Cut(rest, " ")
				v, ok := verbs[verb]
				if !ok || !strings.HasPrefix(text, "(") {
					continue
				}
				name, versions, _ := strings.Cut(rest, " (")
				f["action"], f["package"] = v.action, name
				old, now, two := strings.Cut(strings.TrimSuffix(versions, ")"), " -> ")
				if f["version"] = old; two {
					f["old_version"], f["version"] = old, now
				}
				if len(stamp) > 0 {
					one := stamp[0]
					one.What, one.Note = v.what, strings.TrimPrefix(one.Note+"; the time at which the run began", "; ")
					r.Stamps = []timeline.Stamp{one}
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// stampOf reads the time behind a command: with an offset as newer versions
// write it, or without one.
func stampOf(text string, zone *time.Location) []timeline.Stamp {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return []timeline.Stamp{{What: "logged", When: t.UTC()}}
		}
	}
	note := "the line has no offset; the server's zone assumed"
	if zone == nil {
		zone, note = time.UTC, "the line has no offset and the server's zone is not known; UTC assumed"
	}
	for _, layout := range [...]string{"2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return []timeline.Stamp{{What: "logged", When: t.UTC(), Note: note}}
		}
	}
	return nil
}
