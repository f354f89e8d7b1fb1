package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/timeline"
)

// historyKinds are the extractors of what people typed.
var historyKinds = []string{"shell-history", "client-history", "editor-history"}

type historyOptions struct{ recordOptions }

func newHistoryCommand(a *app) *cobra.Command {
	var opts historyOptions
	cmd := &cobra.Command{
		Use:   "history IMAGE...",
		Short: "Show what was typed: histories of shells, database clients, interpreters, editors",
		Long: `Show what was typed, file by file in the order in which it was typed: histories of
shells, of clients of databases, of interpreters and of editors, of root, of every
account, and in homes that no account has any more.

A command without a time has none in its history. Its place in the order, and the
times of the file (deadbox stat), bound it.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox history disk.dd
  deadbox history disk.dd --account root --full
  deadbox history disk.dd --grep 'wget|curl' --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), a, &opts, args) },
	}
	opts.addFlags(cmd, true)
	return cmd
}

func runHistory(ctx context.Context, a *app, opts *historyOptions, sources []string) error {
	list, err := extractorsOf(historyKinds)
	if err != nil {
		return err
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		if r.o.format != formatText || opts.full {
			return r.writeAll(list)
		}
		return r.writeHistory(list)
	})
}

// writeHistory writes the commands under the file that they stand in.
func (r *recorder) writeHistory(list []*timeline.Extractor) error {
	path := ""
	for rec := range r.records(list) {
		if rec.Evidence.Path != path {
			if path != "" {
				r.o.WriteString("\n")
			}
			path = rec.Evidence.Path
			r.o.WriteString(r.o.paint(colorBold, r.historyTitle(rec)) + "\n")
		}
		if err := r.writeCommand(rec); err != nil {
			return err
		}
	}
	return r.ctx.Err()
}

// historyTitle says whose history follows, and when the file was last written.
func (r *recorder) historyTitle(rec *timeline.Record) string {
	title := report.Text(rec.Evidence.Path)
	if acc := rec.Fields["account"]; acc != "" {
		title += " (" + report.Text(acc) + ")"
	}
	if _, in, _, err := r.host.Find(rec.Evidence.Path, true); err == nil && in != nil && in.Times.Modified.Known {
		title += ", last written " + report.TimeIn(in.Times.Modified.Std(), r.zone)
	}
	return title
}

// writeCommand writes one command: its line, its time if it has one, its text.
func (r *recorder) writeCommand(rec *timeline.Record) error {
	when := ""
	if len(rec.Stamps) > 0 {
		when = report.TimeIn(rec.Stamps[0].When, r.zone)
		if rec.Stamps[0].Note != "" {
			when += "?"
		}
		when += "  "
	}
	text := rec.Fields["command"]
	if text == "" { // what an editor keeps is told in words; the account stands in the heading
		text = strings.TrimPrefix(rec.Summary, rec.Fields["account"]+": ")
	} else if p := rec.Fields["program"]; p != "" && !strings.HasSuffix(p, "sh") {
		text = p + ": " + text
	}
	_, err := fmt.Fprintf(r.o, "%6d  %s%s\n", rec.Evidence.Line, when, report.Text(text))
	return err
}
