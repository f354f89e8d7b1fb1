package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/timeline"
)

// packageKinds are the extractors of software.
var packageKinds = []string{
	"dpkg", "apt", "rpm", "rpm-log", "apk", "pacman", "snap", "flatpak", "python-packages", "npm-packages", "ruby-gems", "kernels",
}

type packagesOptions struct {
	recordOptions
	events  bool
	manager string
}

func newPackagesCommand(a *app) *cobra.Command {
	var opts packagesOptions
	cmd := &cobra.Command{
		Use:   "packages IMAGE...",
		Short: "List the installed software, or when it was installed, upgraded and removed",
		Long: `List the software that is installed, as the package managers' own records say it:
dpkg, rpm, apk, pacman, snap, flatpak, the packages of Python, npm and Ruby, and
the kernels.

With --events show instead when packages were installed, upgraded and removed, and
by whom where the logs say it, in the order of time.

The records lie on the examined disk: who was root could edit them.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox packages disk.dd
  deadbox packages disk.dd --manager dpkg --grep ssh
  deadbox packages disk.dd --events --from 2026-10-01
  deadbox packages disk.dd --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runPackages(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().BoolVar(&opts.events, "events", false, "show what happened to packages instead of which there are")
	cmd.Flags().StringVar(&opts.manager, "manager", "", "only what this package `manager` says: dpkg, apt, rpm, apk, pacman, snap, flatpak,\npython, npm, gem")
	opts.addFlags(cmd, true)
	return cmd
}

func runPackages(ctx context.Context, a *app, opts *packagesOptions, sources []string) error {
	list, err := extractorsOf(packageKinds)
	if err != nil {
		return err
	}
	want := func(rec *timeline.Record) bool {
		if (rec.Kind == timeline.KindPackageEvent) != opts.events {
			return false
		}
		return opts.manager == "" || rec.Fields["manager"] == opts.manager
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		if opts.events {
			return r.writeInOrder(list, want)
		}
		if r.o.format == formatText && !opts.full {
			return r.writePackages(list, want)
		}
		for rec := range r.records(list) {
			if want(rec) {
				if err := r.write(rec); err != nil {
					return err
				}
			}
		}
		return r.ctx.Err()
	})
}

// writePackages writes a table, and how many packages each manager has.
func (r *recorder) writePackages(list []*timeline.Extractor, want func(*timeline.Record) bool) error {
	t := table{head: []string{"PACKAGE", "VERSION", "ARCH", "MANAGER", "STATE", "SINCE"}}
	var managers []string
	count := map[string]int{}
	for rec := range r.records(list) {
		if !want(rec) {
			continue
		}
		f := rec.Fields
		name, manager := f["package"], f["manager"]
		if rec.Kind == timeline.KindKernel {
			name, manager = f["path"], f["type"]
		}
		since := ""
		if len(rec.Stamps) > 0 {
			since = day(rec.Stamps[len(rec.Stamps)-1].When, r.zone)
		}
		if count[manager]++; count[manager] == 1 {
			managers = append(managers, manager)
		}
		t.add(name, f["version"], f["arch"], manager, f["state"], since)
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if len(t.rows) == 0 {
		return r.nothing("no installed software was found")
	}
	if err := t.write(r.o); err != nil {
		return err
	}
	r.o.WriteString("\n")
	for _, m := range managers {
		fmt.Fprintf(r.o, "%s: %s\n", report.Text(m), report.Count(int64(count[m])))
	}
	return nil
}

// nothing says for people that there is nothing to show, which is an answer
// too.
func (r *recorder) nothing(text string) error {
	if r.o.format != formatText {
		return nil
	}
	_, err := r.o.WriteString(text + "\n")
	return err
}
