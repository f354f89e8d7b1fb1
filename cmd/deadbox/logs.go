package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// logKinds are the kinds of records that logs hold.
var logKinds = []string{
	timeline.KindAuth, timeline.KindSyslog, timeline.KindAudit, timeline.KindWebAccess, timeline.KindWebError, timeline.KindProxy,
	timeline.KindTransfer, timeline.KindMail, timeline.KindDatabase, timeline.KindFirewall, timeline.KindPackageEvent, timeline.KindLogin,
}

// noLogs are the extractors whose records are never lines of a log. They need
// not be read for the logs.
var noLogs = []string{"accounts", "groups", "authorized-keys", "settings", "shell-history", "client-history", "editor-history"}

type logsOptions struct {
	recordOptions
	kinds    []string
	program  string
	path     string
	severity string
	copies   bool
}

func newLogsCommand(a *app) *cobra.Command {
	var opts logsOptions
	cmd := &cobra.Command{
		Use:   "logs IMAGE...",
		Short: "Show the lines of all logs as one stream, in the order of time",
		Long: `Show the lines of all logs as one stream, in the order of time: of the system, the
journal, the audit, web, mail, database, proxy and FTP servers, the firewall, the
packages, and the records of logins; rotated and packed ones too.

A message that stands in the journal and in a text log is shown once, unless
--copies is given. Lines whose time is not known come last.

--kind takes ` + strings.Join(logKinds[:7], ", ") + `,
` + strings.Join(logKinds[7:], ", ") + `.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox logs disk.dd --from "2026-10-01 22:00" --to "2026-10-02 06:00"
  deadbox logs disk.dd --address 203.0.113.9 | less
  deadbox logs disk.dd --kind auth --account root
  deadbox logs disk.dd --program sshd --grep Accepted --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runLogs(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.kinds, "kind", nil, "only records of these `kinds`")
	flags.StringVar(&opts.program, "program", "", "only what this `program` said")
	flags.StringVar(&opts.path, "path", "", "only what stands in logs whose path holds this `text`")
	flags.StringVar(&opts.severity, "severity", "", "only messages of this `level` or graver: emerg, alert, crit, err, warning, notice, info, debug")
	flags.BoolVar(&opts.copies, "copies", false, "show messages of the journal that stand in a text log too")
	opts.addFlags(cmd, true)
	return cmd
}

// severities from the gravest on, as syslog(3) names them, with the names that
// servers use for them.
var severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var otherSeverities = map[string]string{
	"panic": "emerg", "critical": "crit", "fatal": "crit", "error": "err", "warn": "warning", "note": "notice", "information": "info", "log": "info", "trace": "debug",
}

// gravity is a level's place among the severities, -1 if it is none.
func gravity(level string) int {
	level = strings.ToLower(level)
	if s, ok := otherSeverities[level]; ok {
		level = s
	}
	return slices.Index(severities, level)
}

func runLogs(ctx context.Context, a *app, opts *logsOptions, sources []string) error {
	for _, k := range opts.kinds {
		if !slices.Contains(logKinds, k) {
			return usagef("no kind %q of logs: want some of %s", k, strings.Join(logKinds, ", "))
		}
	}
	least := len(severities)
	if opts.severity != "" {
		if least = gravity(opts.severity); least < 0 {
			return usagef("--severity %q: want one of %s", opts.severity, strings.Join(severities, ", "))
		}
	}
	kinds := logKinds
	if len(opts.kinds) > 0 {
		kinds = opts.kinds
	}
	list := slices.DeleteFunc(slices.Clone(artifact.All), func(e *timeline.Extractor) bool { return slices.Contains(noLogs, e.Name) })
	want := func(rec *timeline.Record) bool {
		switch {
		case !slices.Contains(kinds, rec.Kind),
			!opts.copies && rec.Fields[artifact.CopyOf] != "",
			opts.program != "" && rec.Fields["program"] != opts.program,
			!strings.Contains(rec.Evidence.Path, opts.path):
			return false
		}
		if opts.severity == "" {
			return true
		}
		g := gravity(rec.Fields["severity"])
		return g >= 0 && g <= least
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		r.row.Kind = true
		for _, k := range kinds {
			r.row.KindWidth = max(r.row.KindWidth, len(k))
		}
		return r.writeInOrder(list, want)
	})
}
