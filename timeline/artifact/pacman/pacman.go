// Package pacman reads what Arch Linux's package manager remembers.
package pacman

import (
	"context"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Extractor yields a record for each installed package, and one for each
// line of pacman's log.
var Extractor = timeline.Extractor{
	Name: "pacman",
	Doc: `Packages that pacman has installed (kind package: package, version, arch, packager, reason, state; with the times of the build and of the
installation), and its log (kind package-event: action, package, version, old_version, command of a run, program).

Formats: the local database's desc files, https://man.archlinux.org/man/pacman.8 and lib/libalpm/be_local.c; /var/log/pacman.log as
lib/libalpm/log.c writes it, with the offset from UTC since version 5.2.`,
	Paths: []string{"/var/lib/pacman/local/*/desc", "/var/log/pacman.log*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if path.Base(s.Path) == "desc" {
			return desc(ctx, s)
		}
		return log(ctx, s)
	},
}

var fieldOf = map[string]string{"%NAME%": "package", "%VERSION%": "version", "%ARCH%": "arch", "%PACKAGER%": "maintainer", "%URL%": "url", "%BASE%": "source"}

var timeOf = map[string]string{"%BUILDDATE%": "built", "%INSTALLDATE%": "installed"}

func desc(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		f := map[string]string{"manager": "pacman", "state": "installed", "reason": "explicit"}
		var stamps []timeline.Stamp
		key := ""
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			switch {
			case text == "":
				key = ""
			case key == "":
				key = text
			default:
				if name := fieldOf[key]; name != "" && f[name] == "" {
					f[name] = text
				}
				if key == "%REASON%" && text == "1" {
					f["reason"] = "dependency"
				}
				if what := timeOf[key]; what != "" {
					if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 1<<33 {
						stamps = append(stamps, timeline.Stamp{What: what, When: time.Unix(n, 0).UTC()})
					}
				}
			}
		}
		if f["package"] == "" {
			yield(timeline.Record{}, s.Damage(0, s.Size, 0, "names no package", nil))
			return
		}
		yield(timeline.Record{
			Kind: timeline.KindPackage, Summary: strings.TrimSpace(f["package"]+" "+f["version"]+" "+f["arch"]) + ": installed",
			Stamps: stamps, Fields: f, Evidence: s.Evidence(0, s.Size, 0),
		}, nil)
	}
}

var whats = map[string]string{"installed": "installed", "reinstalled": "installed", "upgraded": "upgraded", "downgraded": "downgraded", "removed": "removed"}

var actions = map[string]string{"installed": "install", "reinstalled": "reinstall", "upgraded": "upgrade", "downgraded": "downgrade", "removed": "remove"}

// log reads "[2026-11-24T10:00:00+0100] [ALPM] installed jq (1.6-2)".
func log(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
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
			stampText, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "] ")
			if !ok || !strings.HasPrefix(text, "[") {
				continue // what a package's script printed goes on
			}
			when, note, ok := stamp(clock, stampText)
			if !ok {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of pacman's log", nil)) {
					return
				}
				continue
			}
			f := map[string]string{"manager": "pacman"}
			if program, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "] "); ok && strings.HasPrefix(rest, "[") {
				f["program"], rest = program, after
			}
			f["message"] = rest
			what := "logged"
			verb, object, _ := strings.Cut(rest, " ")
			if cmd, ok := strings.CutPrefix(rest, "Running '"); ok {
				f["action"], f["command"] = "run", strings.TrimSuffix(cmd, "'")
			} else if actions[verb] != "" && f["program"] != "ALPM-SCRIPTLET" {
				name, versions, _ := strings.Cut(object, " (")
				old, now, two := strings.Cut(strings.TrimSuffix(versions, ")"), " -> ")
				what, f["action"], f["package"], f["version"] = whats[verb], actions[verb], name, old
				if two {
					f["old_version"], f["version"] = old, now
				}
			}
			if !yield(timeline.Record{
				Kind: timeline.KindPackageEvent, Summary: "pacman: " + rest, Fields: f,
				Stamps: []timeline.Stamp{{What: what, When: when, Note: note}}, Evidence: l.Evidence(),
			}, nil) {
				return
			}
		}
	}
}

// stamp reads a line's time: with an offset, or to the minute and without one.
func stamp(clock *logtime.Clock, s string) (time.Time, string, bool) {
	if t, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
		return t.UTC(), "", true
	}
	if t, err := time.Parse("2006-01-02 15:04", s); err == nil {
		when, note := clock.Local(t.Unix(), 0)
		return when, note, true
	}
	return time.Time{}, "", false
}
