package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker in releases.
var version = ""

// toolVersion is what this program calls itself in reports: the release, or
// the commit that it was built from.
func toolVersion() string {
	v := version
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return orElse(v, "unknown")
	}
	if v == "" {
		v = info.Main.Version
	}
	v = orElse(v, "(devel)")
	var revision, dirty string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = ", modified"
			}
		}
	}
	if revision != "" {
		v += " (commit " + revision[:min(len(revision), 12)] + dirty + ")"
	}
	return v
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

type versionOptions struct {
	output outputOptions
}

func newVersionCommand(a *app) *cobra.Command {
	var opts versionOptions
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which version of deadbox this is",
		Long: `Say which version of deadbox this is, and what it was built with: a report
should name both.

The Sleuth Kit's cousin is the option -V that each of its tools has.` + exitStatus(exitDone, exitUsage, exitFailed),
		Example: `  deadbox version
  deadbox version --format jsonl`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runVersion(a, &opts) },
	}
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runVersion(a *app, opts *versionOptions) error {
	return a.withOutput(&opts.output, nil, func(o *output) error {
		if o.format == formatJSONL {
			return o.json(struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				System  string `json:"system"`
			}{toolVersion(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
		}
		_, err := fmt.Fprintf(o, "deadbox %s\n%s %s/%s\n", toolVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	})
}
