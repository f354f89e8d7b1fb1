package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
)

// autostartKinds are the extractors of what starts by itself.
var autostartKinds = []string{"systemd", "autostart", "cron", "at"}

type autostartOptions struct {
	recordOptions
	all       bool
	mechanism string
}

func newAutostartCommand(a *app) *cobra.Command {
	var opts autostartOptions
	cmd := &cobra.Command{
		Use:   "autostart IMAGE...",
		Short: "List all that starts by itself: what, from where, which package owns it, when it was changed",
		Long: `List all that starts by itself: units of systemd, jobs of cron and at, init
scripts, start-up files of shells, preloaded libraries, hooks of packages, network
and git, and many more ways.

What no package owns comes first, the last changed at the top: the file that
says it, or the program that it starts, is in no package. What packages own is
counted only; --all lists it too, and what is there but not enabled.

A file is a package's by its path. A packaged file can have been edited since.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox autostart disk.dd
  deadbox autostart disk.dd --all --mechanism systemd
  deadbox autostart disk.dd --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runAutostart(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().BoolVar(&opts.all, "all", false, "text: list what packages own and what is not enabled as well")
	cmd.Flags().StringVar(&opts.mechanism, "mechanism", "", "only ways whose `name` begins so: systemd, cron, profile, ...")
	opts.addFlags(cmd, true)
	return cmd
}

// starter is a record of what starts, with what is known of its file.
type starter struct {
	rec      timeline.Record
	owner    string // package of the file that says it
	target   string // package of the program that it starts
	stranger bool   // that program is there, and no package owns it
	foreign  bool   // one of the two is in no package
	changed  time.Time
}

func runAutostart(ctx context.Context, a *app, opts *autostartOptions, sources []string) error {
	list, err := extractorsOf(autostartKinds)
	if err != nil {
		return err
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		packages := r.host.Packaged()
		for _, err := range packages.Damage {
			a.damage("", err)
		}
		for _, n := range packages.Notes {
			a.note(n)
		}
		var all []starter
		own := &ownership{host: r.host}
		for rec := range r.records(list) {
			if rec.Kind != timeline.KindAutostart {
				continue
			}
			s := own.starter(rec)
			if !strings.HasPrefix(s.rec.Fields["mechanism"], opts.mechanism) {
				continue
			}
			all = append(all, s)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		sortStarters(all)
		if r.o.format == formatText && !opts.full {
			return r.writeAutostart(all, opts.all, packages.Known())
		}
		for i := range all {
			if err := r.write(&all[i].rec); err != nil {
				return err
			}
		}
		return nil
	})
}

// sortStarters puts what no package owns first, the last changed at the top.
func sortStarters(all []starter) {
	slices.SortStableFunc(all, func(a, b starter) int {
		if a.foreign != b.foreign {
			if a.foreign {
				return -1
			}
			return 1
		}
		return b.changed.Compare(a.changed)
	})
}

// ownership says which package owns what starts by itself.
type ownership struct {
	host      *host.Host
	templates map[string]string // content to package; nil until template
}

// starter looks up what packages own of it, and adds that to the record's
// fields: owner, target_owner, changed.
func (r *ownership) starter(rec *timeline.Record) starter {
	s := starter{rec: *rec}
	f := s.rec.Fields
	packages := r.host.Packaged()
	path := rec.Evidence.Path
	s.owner = packages.Owner(path)
	if s.owner == "" {
		s.owner = r.template(path)
	}
	target := f["target"]
	if strings.HasPrefix(target, "/") && target != path {
		s.target = packages.Owner(target)
		_, in, real, err := r.host.Find(target, true)
		switch {
		case err != nil || in == nil:
			f["target_missing"] = "true"
		case in.Mode.Type() != filesystem.Regular:
		case s.target == "":
			// A path through a link counts as what it leads to.
			s.target = packages.Owner(real)
			s.stranger = s.target == ""
		}
	} else {
		target = ""
	}
	s.foreign = s.owner == "" || s.stranger
	if _, in, _, err := r.host.Find(path, true); err == nil && in != nil && in.Times.Modified.Known {
		s.changed = in.Times.Modified.Std()
		f["changed"] = s.changed.Format(time.RFC3339)
	}
	if packages.Known() {
		f["owner"] = cmp.Or(s.owner, "none")
		if target != "" {
			f["target_owner"] = cmp.Or(s.target, "none")
		}
	}
	return s
}

// templates are where packages keep the start-up files that they copy into homes
// and into /etc.
var templates = []string{"/etc/skel/*", "/etc/skel/.*", "/usr/etc/skel/.*", "/usr/share/skel/.*", "/usr/share/base-files/*"}

// maxTemplate is the largest start-up file that is compared, in bytes.
const maxTemplate = 64 << 10

// template is the package of a file that has the very content of this one: what
// adduser copies out of /etc/skel is the administrator's only once it was changed.
func (r *ownership) template(path string) string {
	if r.templates == nil {
		r.templates = map[string]string{}
		for _, pattern := range templates {
			for _, t := range r.host.Glob(pattern) {
				if owner := r.host.Packaged().Owner(t); owner != "" {
					if b, err := r.host.ReadFile(t, maxTemplate); err == nil && len(b) > 0 {
						r.templates[string(b)] = owner
					}
				}
			}
		}
	}
	b, err := r.host.ReadFile(path, maxTemplate)
	if err != nil || len(b) == 0 {
		return ""
	}
	return r.templates[string(b)]
}

// starts reports whether it does start: a unit can be there and not be enabled.
func (s *starter) starts() bool {
	switch s.rec.Fields["enabled"] {
	case "false", "masked", "disabled":
		return false
	}
	return true
}

// autostartTable lists what starts by itself and no package owns, or everything;
// owned counts by mechanism what packages own, resting what is not enabled.
func autostartTable(all []starter, everything, known bool, zone *time.Location) (t *table, owned map[string]int, resting int) {
	t = &table{head: []string{"CHANGED", "MECHANISM", "WHEN", "ACCOUNT", "WHAT", "SAID BY", "OWNER"}}
	owned = map[string]int{}
	for i := range all {
		s := &all[i]
		f := s.rec.Fields
		switch {
		case everything:
		case !s.starts():
			resting++
			continue
		case known && !s.foreign:
			owned[f["mechanism"]]++
			continue
		}
		when := cmp.Or(f["schedule"], f["trigger"])
		if !s.starts() {
			when = "(" + cmp.Or(f["state"], "not enabled") + ")"
		}
		what := cmp.Or(f["command"], f["target"], s.rec.Summary)
		switch {
		case s.stranger && s.owner != "" && known:
			what += "  (in no package)"
		case f["target_missing"] != "":
			what += "  (is not there)"
		}
		t.add(day(s.changed, zone), f["mechanism"], when, f["account"], report.Cut(what, 120), placeOf(&s.rec), cmp.Or(s.owner, map[bool]string{true: "none", false: "?"}[known]))
	}
	return t, owned, resting
}

func (r *recorder) writeAutostart(all []starter, everything, known bool) error {
	if len(all) == 0 {
		return r.nothing("nothing was found that starts by itself")
	}
	t, owned, resting := autostartTable(all, everything, known, r.zone)
	if len(t.rows) > 0 {
		if err := t.write(r.o); err != nil {
			return err
		}
	} else {
		r.o.WriteString("All that starts by itself is in packages.\n")
	}
	if !known {
		r.o.WriteString("\nNo package database was read: which of these packages own is not known.\n")
	}
	if everything {
		return nil
	}
	var parts []string
	for _, m := range slices.Sorted(maps.Keys(owned)) {
		parts = append(parts, fmt.Sprintf("%s %d", report.Text(m), owned[m]))
	}
	if parts != nil {
		fmt.Fprintf(r.o, "\nOf packages: %s. --all lists them.\n", strings.Join(parts, ", "))
	}
	if resting > 0 {
		fmt.Fprintf(r.o, "%s there but not enabled.\n", plural(resting, "more is", "more are"))
	}
	return nil
}
