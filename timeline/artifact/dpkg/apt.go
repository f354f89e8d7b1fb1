package dpkg

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Apt yields a record for each run of apt.
var Apt = timeline.Extractor{
	Name: "apt",
	Doc: `Runs of apt: when it started and ended, command, account and uid of who asked for it (Requested-By), and what it did to each package: a record
of the run (action run), and one for each package (action install, reinstall, upgrade, downgrade, remove, purge; package, arch, version, old_version). Of
the terminal's log the run's bounds, and lines that tell of an error. Of unattended-upgrades each line of its logs: severity, message; action upgrade-planned
with the packages.

Formats: /var/log/apt/history.log in paragraphs after deb822(5), with times of the server's own clock, and /var/log/apt/term.log, as apt's
apt-pkg/deb/dpkgpm.cc writes them; https://github.com/mvo5/unattended-upgrades, whose lines are of Python's logging, in the server's own time.`,
	Paths: []string{"/var/log/apt/history.log*", "/var/log/apt/term.log*", "/var/log/unattended-upgrades/*.log*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if name := path.Base(s.Path); strings.HasPrefix(name, "unattended-upgrades") {
			if strings.HasPrefix(name, "unattended-upgrades-dpkg") {
				return term(ctx, s)
			}
			return unattended(ctx, s)
		}
		if strings.HasPrefix(path.Base(s.Path), "term.log") {
			return term(ctx, s)
		}
		return history(ctx, s)
	},
}

// aptActions are the fields of a run that list packages, in the order of
// apt's own writing.
var aptActions = []struct{ field, action, what string }{
	{"Install", "install", "installed"}, {"Reinstall", "reinstall", "installed"}, {"Upgrade", "upgrade", "upgraded"},
	{"Downgrade", "downgrade", "downgraded"}, {"Remove", "remove", "removed"}, {"Purge", "purge", "removed"},
}

// maxPackages bounds the packages of one run.
const maxPackages = 20000

func history(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		for p, err := range stanzas(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			ev := s.Evidence(p.offset, p.length, p.line)
			var stamps []timeline.Stamp
			for _, t := range [...]struct{ field, what string }{{"Start-Date", "started"}, {"End-Date", "ended"}} {
				if v := p.fields[t.field]; v != "" {
					if when, note, n := clock.Parse(strings.Join(strings.Fields(v), " ")); n > 0 {
						stamps = append(stamps, timeline.Stamp{What: t.what, When: when, Note: note})
					}
				}
			}
			if len(stamps) == 0 {
				if !yield(timeline.Record{}, s.Damage(p.offset, p.length, p.line, "a run of apt without a time", nil)) {
					return
				}
				continue
			}
			run := map[string]string{"action": "run", "manager": "apt"}
			put(run, "command", p.fields["Commandline"])
			put(run, "error", p.fields["Error"])
			put(run, "comment", p.fields["Comment"])
			if by := p.fields["Requested-By"]; by != "" {
				name, id, _ := strings.Cut(by, " (")
				run["account"] = name
				put(run, "uid", strings.TrimSuffix(id, ")"))
			}
			said := "apt: " + p.fields["Commandline"]
			if run["command"] == "" {
				said = "apt: a run without a command line"
			}
			if !yield(timeline.Record{Kind: timeline.KindPackageEvent, Summary: said, Fields: run, Stamps: stamps, Evidence: ev}, nil) {
				return
			}
			for _, a := range aptActions {
				for i, item := range items(p.fields[a.field]) {
					if i == maxPackages {
						if !yield(timeline.Record{}, s.Damage(p.offset, p.length, p.line, "more packages than one run has", nil)) {
							return
						}
						break
					}
					f := map[string]string{"action": a.action, "manager": "apt"}
					item.into(f)
					put(f, "account", run["account"])
					stamp := stamps[len(stamps)-1]
					stamp.What = a.what
					if len(stamps) == 1 {
						stamp.Note = join(stamp.Note, "the run's end is not written")
					}
					if !yield(timeline.Record{
						Kind: timeline.KindPackageEvent, Summary: "apt: " + a.action + " " + summary(f), Fields: f,
						Stamps: []timeline.Stamp{stamp}, Evidence: ev,
					}, nil) {
						return
					}
				}
			}
		}
	}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// listed is "name:arch (old, new)", "name:arch (version, automatic)" or
// "name:arch (version)".
type listed struct{ name, versions string }

// items splits a list of packages at the commas outside of brackets.
func items(s string) []listed {
	var out []listed
	for s != "" {
		end := strings.IndexAny(s, ",(")
		if end < 0 {
			end = len(s)
		}
		it := listed{name: strings.TrimSpace(s[:end])}
		if end < len(s) && s[end] == '(' {
			close := strings.IndexByte(s[end:], ')')
			if close < 0 {
				close = len(s) - end - 1
			}
			it.versions = strings.TrimSuffix(s[end+1:end+close+1], ")")
			s = strings.TrimLeft(s[end+close+1:], ", ")
		} else {
			s = strings.TrimLeft(s[end:], ", ")
		}
		if it.name != "" {
			out = append(out, it)
		}
	}
	return out
}

func (it listed) into(f map[string]string) {
	setPackage(f, it.name)
	var versions []string
	for v := range strings.SplitSeq(it.versions, ", ") {
		switch v {
		case "":
		case "automatic":
			f["automatic"] = "true"
		default:
			versions = append(versions, v)
		}
	}
	switch len(versions) {
	case 1:
		f["version"] = versions[0]
	case 2:
		f["old_version"], f["version"] = versions[0], versions[1]
	}
}

// term reads the log of the terminal: the bounds of each run, and errors.
func term(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		var last timeline.Stamp
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimSpace(string(l.Text))
			f := map[string]string{"manager": "apt", "message": text}
			var stamps []timeline.Stamp
			switch {
			case strings.HasPrefix(text, "Log started: "), strings.HasPrefix(text, "Log ended: "):
				word, rest, _ := strings.Cut(text, ": ")
				when, note, n := clock.Parse(strings.Join(strings.Fields(rest), " "))
				if n == 0 {
					continue
				}
				f["action"] = strings.ReplaceAll(strings.ToLower(word), " ", "-")
				last = timeline.Stamp{What: "logged", When: when, Note: note}
				stamps = []timeline.Stamp{last}
			case strings.HasPrefix(text, "dpkg: error"), strings.HasPrefix(text, "dpkg: warning"), strings.HasPrefix(text, "E: "):
				f["action"] = "error"
				if !last.When.IsZero() {
					stamp := last
					stamp.Note = join(stamp.Note, "not earlier than the start of the run")
					stamps = []timeline.Stamp{stamp}
				}
			default:
				continue
			}
			if !yield(timeline.Record{Kind: timeline.KindPackageEvent, Summary: "apt: " + text, Fields: f, Stamps: stamps, Evidence: l.Evidence()}, nil) {
				return
			}
		}
	}
}
