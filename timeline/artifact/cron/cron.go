// Package cron reads what a server runs at set times.
package cron

import (
	"context"
	"iter"
	"path"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each job and each variable of a crontab, and
// for each script in cron's directories.
var Extractor = timeline.Extractor{
	Name: "cron",
	Doc: `Jobs of cron and anacron: schedule, account, command; variables that crontabs set: variable, value; scripts in cron.hourly and the
like as command. Each job is an autostart record too: mechanism (cron, anacron), trigger (boot, time), schedule with its names written out ("0 0 * * *" for "@daily"), command, target, account, enabled
(false with a reason where cron does not take the file). The stamps of anacron say when a job last ran.

Formats: crontab(5) of Vixie cron and cronie, https://man7.org/linux/man-pages/man5/crontab.5.html; anacrontab(5),
https://man7.org/linux/man-pages/man5/anacrontab.5.html; run-parts(8).`,
	Paths: []string{
		"/etc/crontab", "/etc/cron.d/*", "/etc/anacrontab", "/var/spool/cron/crontabs/*", "/var/spool/cron/tabs/*", "/var/spool/cron/*",
		"/etc/crontabs/*", "/var/cron/tabs/*", "/var/spool/anacron/*", "/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*", "/etc/cron.yearly/*", "/etc/periodic/*/*",
	},
	Run: run,
}

// style is how the lines of a crontab look.
type style uint8

const (
	system  style = iota // with the account before the command
	user                 // the account is the file's name
	anacron              // period, delay, name, command
	script               // the file itself is run
	lastRun              // a stamp of anacron
)

// styleOf tells the style by the path.
func styleOf(name string) (style, string) {
	dir, base := path.Split(name)
	switch {
	case dir == "/etc/" && base == "anacrontab":
		return anacron, ""
	case dir == "/var/spool/anacron/":
		return lastRun, base
	case dir == "/etc/" || dir == "/etc/cron.d/":
		return system, ""
	case strings.HasPrefix(dir, "/etc/cron."):
		return script, "@" + strings.TrimSuffix(strings.TrimPrefix(dir, "/etc/cron."), "/")
	case strings.HasPrefix(dir, "/etc/periodic/"):
		return script, "@" + path.Base(dir)
	}
	return user, base
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		form, name := styleOf(s.Path)
		if form == script {
			if base := path.Base(s.Path); base != ".placeholder" {
				r := scriptRecord(s, name)
				if yield(r, nil) {
					yield(autostart(s, &r, "cron", r.Fields["inactive"]), nil)
				}
			}
			return
		}
		if form == lastRun {
			if r, ok := stampRecord(ctx, s, name); ok {
				yield(r, nil)
			}
			return
		}
		reason := ""
		if form == system && strings.HasPrefix(s.Path, "/etc/cron.d/") && debian(s) && !runParts(path.Base(s.Path)) {
			reason = "cron does not take the file's name"
		}
		installed := time.Time{}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.Trim(string(l.Text), " \t\r")
			if text == "" {
				continue
			}
			if text[0] == '#' {
				if when, ok := header(text, s.Location()); ok && l.Number < 5 {
					installed = when
				}
				continue
			}
			f := map[string]string{}
			r := timeline.Record{Kind: timeline.KindCron, Fields: f, Evidence: l.Evidence()}
			if variable, value, ok := assignment(text); ok {
				f["variable"], f["value"] = variable, value
				if form == user {
					f["account"] = name
				}
				r.Summary = variable + "=" + value
			} else {
				job, ok := parse(text, form)
				if form == user {
					job.account = name
				}
				f["schedule"], f["command"] = job.schedule, job.command
				if job.account != "" {
					f["account"] = job.account
				}
				if job.name != "" {
					f["job"] = job.name
				}
				if !ok {
					f["malformed"] = "yes"
				}
				r.Summary = job.schedule + " " + job.account + ": " + job.command
			}
			if !installed.IsZero() {
				r.Stamps = []timeline.Stamp{{What: "installed", When: installed, Note: "the crontab's first lines say so, in the server's zone"}}
			}
			if !yield(r, nil) {
				return
			}
			if f["command"] == "" || f["malformed"] != "" {
				continue
			}
			mechanism := "cron"
			if form == anacron {
				mechanism = "anacron"
			}
			if !yield(autostart(s, &r, mechanism, reason), nil) {
				return
			}
		}
	}
}

// autostart tells a job as a program that starts by itself. Times stand with
// the job's own record.
func autostart(s *timeline.Source, job *timeline.Record, mechanism, reason string) timeline.Record {
	schedule, trigger := job.Fields["schedule"], "time"
	if long, ok := shorthands[schedule]; ok {
		schedule = long
	}
	if schedule == "@reboot" {
		trigger = "boot"
	}
	f := map[string]string{"mechanism": mechanism, "trigger": trigger, "schedule": schedule, "command": job.Fields["command"], "path": s.Path, "enabled": "true"}
	if a := job.Fields["account"]; a != "" {
		f["account"] = a
	}
	if w, _ := word(f["command"]); strings.HasPrefix(w, "/") {
		f["target"] = strings.TrimRight(w, ";&")
	}
	if reason != "" {
		f["enabled"], f["reason"] = "false", reason
	}
	return timeline.Record{Kind: timeline.KindAutostart, Summary: mechanism + ", " + job.Summary, Fields: f, Evidence: job.Evidence}
}

// shorthands are the schedules that have names (crontab(5)).
var shorthands = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// debian reports whether the server's cron and run-parts are Debian's, which
// take certain names only.
func debian(s *timeline.Source) bool { return len(s.Files("/etc/debian_version")) > 0 }

// runParts reports whether a name is of letters, digits, underscores and
// dashes (run-parts(8); cron(8), "Debian Specific").
func runParts(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		if (name[i] < '0' || name[i] > '9') && (c < 'a' || c > 'z') && name[i] != '_' && name[i] != '-' {
			return false
		}
	}
	return name != ""
}

// stampRecord reads the day on which anacron last ran a job: "20240102".
func stampRecord(ctx context.Context, s *timeline.Source, job string) (timeline.Record, bool) {
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			break
		}
		day, err := time.ParseInLocation("20060102", strings.TrimSpace(string(l.Text)), s.Location())
		if err != nil {
			break
		}
		return timeline.Record{
			Kind: timeline.KindCron, Summary: "anacron last ran " + job + " on " + day.Format(time.DateOnly),
			Stamps:   []timeline.Stamp{{What: "ran", When: day.UTC(), Note: "day only"}},
			Fields:   map[string]string{"job": job, "action": "ran"},
			Evidence: l.Evidence(),
		}, true
	}
	return timeline.Record{}, false
}

// scriptRecord is a script that run-parts runs.
func scriptRecord(s *timeline.Source, schedule string) timeline.Record {
	r := timeline.Record{
		Kind:     timeline.KindCron,
		Summary:  schedule + " root: " + s.Path,
		Fields:   map[string]string{"schedule": schedule, "account": "root", "command": s.Path, "script": "yes"},
		Evidence: s.Evidence(0, s.Size, 0),
	}
	switch {
	case s.Inode != nil && s.Inode.Mode&0o111 == 0:
		r.Fields["inactive"] = "not executable"
	case strings.HasPrefix(s.Path, "/etc/cron.") && debian(s) && !runParts(path.Base(s.Path)):
		r.Fields["inactive"] = "run-parts does not take the name"
	}
	return r
}

// header reads what crontab(1) writes at the start of an account's crontab:
// "# (/tmp/crontab.x installed on Mon Jan  2 15:04:05 2006)", "# (- installed on ...".
func header(text string, zone *time.Location) (time.Time, bool) {
	_, rest, ok := strings.Cut(text, " installed on ")
	if !ok {
		return time.Time{}, false
	}
	rest, _, _ = strings.Cut(rest, ")")
	when, err := time.ParseInLocation(time.ANSIC, strings.TrimSpace(rest), zone)
	return when.UTC(), err == nil
}

// assignment reads "NAME = value", with quotes around either or not
// (load_env of cron's env.c).
func assignment(text string) (name, value string, ok bool) {
	i := 0
	if text[0] == '"' || text[0] == '\'' {
		n := strings.IndexByte(text[1:], text[0])
		if n < 0 {
			return "", "", false
		}
		name, i = text[1:1+n], n+2
	} else {
		for i < len(text) && strings.IndexByte(" \t=", text[i]) < 0 {
			i++
		}
		name = text[:i]
	}
	rest := strings.TrimLeft(text[i:], " \t")
	if name == "" || rest == "" || rest[0] != '=' {
		return "", "", false
	}
	value = strings.Trim(rest[1:], " \t")
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	return name, value, true
}

// job is a line of a crontab.
type job struct {
	schedule, account, name, command string
}

// parse reads a job. It is false if the schedule is none that cron takes; the
// fields are then cut by blanks all the same.
func parse(text string, form style) (job, bool) {
	var j job
	// SUSE's cron takes a '-' before the schedule: do not log the job.
	rest := strings.TrimPrefix(text, "-")
	fields := 5
	if rest != "" && rest[0] == '@' {
		fields = 1
	}
	if form == anacron {
		period, after := word(rest)
		delay, after := word(after)
		j.schedule, j.account = period+" "+delay, "root"
		j.name, j.command = word(after)
		return j, j.command != "" && (period[0] == '@' || scheduleField(period)) && scheduleField(delay)
	}
	ok := true
	for i := range fields {
		var w string
		w, rest = word(rest)
		if i > 0 {
			j.schedule += " "
		}
		j.schedule += w
		ok = ok && (fields == 1 || scheduleField(w))
	}
	if form == system {
		j.account, rest = word(rest)
	}
	j.command = rest
	return j, ok && j.command != ""
}

// scheduleField reports whether w is made of what a field of a schedule may hold.
func scheduleField(w string) bool {
	for i := range len(w) {
		c := w[i] | 0x20
		if (w[i] < '0' || w[i] > '9') && (c < 'a' || c > 'z') && strings.IndexByte("*/,-~?#", w[i]) < 0 {
			return false
		}
	}
	return w != ""
}

func word(s string) (w, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}
