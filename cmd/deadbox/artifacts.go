package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

type artifactsOptions struct {
	recordOptions
	kinds []string
	list  bool
}

func newArtifactsCommand(a *app) *cobra.Command {
	var opts artifactsOptions
	cmd := &cobra.Command{
		Use:   "artifacts IMAGE...",
		Short: "Show what the server remembers, as records: histories, logs, logins, configuration, packages",
		Long: `Show what the server remembers, one record after the other, as the extractors
read it: histories, logs, logins, configuration, packages, sites. Each record has
its times, its fields, and the place in the image that says it.

A time with a "?" behind it is not said whole by its source; --full and the other
formats say how it is known. --list shows every kind with the files that it
reads.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox artifacts --list
  deadbox artifacts disk.dd | less
  deadbox artifacts disk.dd --kind utmp,cron --format jsonl
  deadbox artifacts disk.dd --kind syslog --grep 'usb|mount' --full`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.list {
				return nil
			}
			return imageArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runArtifacts(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().StringSliceVar(&opts.kinds, "kind", nil, "only records of these `kinds`, as --list names them")
	cmd.Flags().BoolVar(&opts.list, "list", false, "show every kind, what it yields and the files that it reads; no image is needed")
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(extractorNames(), cobra.ShellCompDirectiveNoFileComp))
	opts.addFlags(cmd, true)
	return cmd
}

func runArtifacts(ctx context.Context, a *app, opts *artifactsOptions, sources []string) error {
	list := artifact.All
	if len(opts.kinds) > 0 {
		var err error
		if list, err = extractorsOf(opts.kinds); err != nil {
			return err
		}
	}
	if opts.list {
		return a.withOutput(&opts.output, nil, func(o *output) error { return listArtifacts(o, list) })
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		r.row.Kind = true
		for _, e := range list {
			r.row.KindWidth = max(r.row.KindWidth, len(e.Name))
		}
		return r.writeAll(list)
	})
}

func listArtifacts(o *output, list []*timeline.Extractor) error {
	if o.format == formatCSV {
		return usagef("--list has no --format csv: want text or jsonl")
	}
	for i, e := range list {
		if o.format == formatJSONL {
			if err := o.json(struct {
				Kind  string   `json:"kind"`
				Doc   string   `json:"doc"`
				Paths []string `json:"paths"`
			}{e.Name, e.Doc, e.Paths}); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			o.WriteString("\n")
		}
		o.WriteString(o.paint(colorBold, e.Name) + "\n")
		for line := range strings.SplitSeq(e.Doc, "\n") {
			if line != "" {
				line = "  " + line
			}
			o.WriteString(line + "\n")
		}
		o.WriteString("  Files: " + strings.Join(e.Paths, " ") + "\n")
	}
	return nil
}
