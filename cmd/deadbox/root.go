package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "deadbox",
		Short: "Say what happened on a Linux server, from an image of its disk",
		Long: `deadbox examines the disk of a Linux server after a break-in and says what
happened. It reads dd images (whole or split, with or without a partition
table) or a block device by itself: nothing is mounted, and the evidence is
never written.

Data goes to standard output, messages for people to standard error.` +
			exitStatus(exitDone, exitFindings, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox info disk.dd
  deadbox ls -r -p disk.dd
  deadbox cat disk.dd /etc/passwd`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			err := usagef("unknown command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return withHint(err, "did you mean "+strings.Join(near, " or ")+"?")
			}
			return withHint(err, "deadbox help lists the commands")
		},
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case a.quiet && a.verbose:
				return usagef("-q and -v contradict each other")
			case a.jobs < 1:
				return usagef("--jobs %d: want at least 1", a.jobs)
			}
			if cmd.Flags().Changed("jobs") {
				runtime.GOMAXPROCS(a.jobs)
			}
			return missingFlag(cmd)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.Version = toolVersion()
	root.SetVersionTemplate("deadbox {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(&usageError{err}, fmt.Sprintf("%s --help lists the flags", cmd.CommandPath()))
	})
	flags := root.PersistentFlags()
	flags.BoolVar(&a.noColor, "no-color", false, "no colours, as if NO_COLOR were set")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no notes and no progress on standard error; damage is still reported")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say more on standard error: all damage, what is being read")
	flags.IntVar(&a.jobs, "jobs", a.jobs, "`number` of processors to use")
	flags.BoolVar(&a.noReplay, "no-replay", false, "show the disk as it is, where a file system was not cleanly unmounted, and not\nwhat its journal says")
	flags.SortFlags = false
	root.AddCommand(
		newInfoCommand(a),
		newVolumesCommand(a),
		newLsCommand(a),
		newStatCommand(a),
		newJournalCommand(a),
		newCatCommand(a),
		newStringsCommand(a),
		newTimelineCommand(a),
		newRecoverCommand(a),
		newCollectCommand(a),
		newInvestigateCommand(a),
		newCarveCommand(a),
		newArtifactsCommand(a),
		newHistoryCommand(a),
		newLoginsCommand(a),
		newLogsCommand(a),
		newAccountsCommand(a),
		newAutostartCommand(a),
		newPackagesCommand(a),
		newWebCommand(a),
		newVersionCommand(a),
	)
	return root
}

// missingFlag gives an error if a flag that the command marks as required is
// not there. Cobra checks this too, but its error is like any other.
func missingFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[cobra.BashCompOneRequiredFlag] != nil && !f.Changed && err == nil {
			name, usage := pflag.UnquoteUsage(f)
			dashes := "--" + f.Name
			if f.Shorthand != "" {
				dashes = "-" + f.Shorthand
			}
			err = withHint(usagef("%s is missing", dashes), fmt.Sprintf("%s %s: %s", dashes, strings.ToUpper(name), strings.ReplaceAll(usage, "\n", " ")))
		}
	})
	return err
}

// noArgs, imageArgs and imageAndPathArgs say what a command takes, in words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", cmd.Name(), args[0])
	}
	return nil
}

// imageArgs is for commands that take all images of a server.
func imageArgs(cmd *cobra.Command, args []string) error { return countArgs(cmd, args, math.MaxInt) }

func imageAndPathArgs(cmd *cobra.Command, args []string) error { return countArgs(cmd, args, 2) }

func countArgs(cmd *cobra.Command, args []string, most int) error {
	how := "usage: " + cmd.UseLine()
	switch {
	case len(args) == 0:
		return withHint(usagef("no image given"), how)
	case len(args) > most:
		return withHint(usagef("too many arguments: %q", args[most]), how)
	}
	return nil
}
