package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/fs/content/textscan"
)

// formatSrch is the shape of srch_strings -t d, which is also that of GNU
// strings but for the width of the offset.
const formatSrch = "srch_strings"

type stringsOptions struct {
	output      outputOptions
	target      targetOptions
	unallocated bool
	slack       bool
	all         bool
	raw         bool
	encodings   []string
	atLeast     int
	fixed       []string
	exprs       []string
	iocs        []string
	fold        bool
}

func newStringsCommand(a *app) *cobra.Command {
	var opts stringsOptions
	cmd := &cobra.Command{
		Use:   "strings IMAGE [PATH|--unallocated|--slack|--all|--raw]",
		Short: "Find strings and patterns, with their place and their owner",
		Long: `List the strings of a file or of all the evidence, or those that hold a pattern,
each with its place on the image and what owns it:

  /path+OFFSET             the content of a file, and where in the file
  /path (slack)+OFFSET     what follows the file's end in its blocks
  /path (unwritten)+OFFSET blocks given to a file and never written by it
  (journal)+OFFSET         an inode of the file system itself
  (inode table), ...       a structure of the file system
  (metadata)               allocated, but to no file's content
  (unallocated)            free blocks
  (volume ...), (gap)      volumes that are not read, and what lies outside of all

--all, which is what is done without a PATH, goes over every byte once. A file is
read in its own order, so a string that goes over from one fragment to the next
is found; everything else is read by its place. --unallocated and --slack choose
a part of that; with PATH, --slack is the slack of the file. --raw reads the
images from their first byte to their last, whoever owns what, as strings(1)
would: a string may go over from one owner to the next, and the first is named.

Patterns are searched for in the strings, whatever their encoding: --fixed and
the lines of --iocs as they are, --grep as regular expressions (RE2). The place
is then that of the first match, and JSON has all of them.

A string has at least -n characters; a tab is one, a line's end is not. UTF-16
means ASCII's characters in 16 bits. Without --encoding, strings are listed in
ascii, and patterns are searched for in utf-8, utf-16le and utf-16be. A string of
more than 1 MiB comes in parts.

The Sleuth Kit's cousin is srch_strings; --format srch_strings writes what
"srch_strings -t d" does, by the offset in the file for PATH, else in the image.` +
			withHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox strings disk.dd /usr/bin/tool
  deadbox strings --unallocated -n 8 --encoding utf-8,utf-16le disk.dd
  deadbox strings --grep "(wget|curl) +https?://" disk.dd
  deadbox strings -F 192.0.2.7 -F evil.example.org --format jsonl disk.dd
  deadbox strings --raw --format srch_strings disk.dd`,
		Args: imageAndPathArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runStrings(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.all, "all", false, "every byte once, by owner (the default without a PATH)")
	flags.BoolVar(&opts.unallocated, "unallocated", false, "free blocks only")
	flags.BoolVar(&opts.slack, "slack", false, "slack and unwritten blocks of files only; of one file with PATH")
	flags.BoolVar(&opts.raw, "raw", false, "the images as they are, from the first byte to the last")
	flags.StringSliceVar(&opts.encodings, "encoding", nil, "`encodings` of the strings: ascii, utf-8, utf-16le, utf-16be; may be several")
	flags.IntVarP(&opts.atLeast, "min-length", "n", 4, "fewest `characters` of a string")
	flags.StringArrayVarP(&opts.fixed, "fixed", "F", nil, "only strings that hold this `text`; may be given more than once")
	flags.StringArrayVar(&opts.exprs, "grep", nil, "only strings that match this regular `expression`; may be given\nmore than once")
	flags.StringArrayVar(&opts.iocs, "iocs", nil, "only strings that hold one of the lines of this `file`; # begins a\ncomment")
	flags.BoolVarP(&opts.fold, "ignore-case", "i", false, "upper and lower case count as the same in patterns")
	opts.target.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatJSONL, formatSrch)
	return cmd
}

// check finds out what the flags say together.
func (opts *stringsOptions) check(path string) error {
	n := 0
	for _, on := range []bool{opts.all, opts.unallocated, opts.raw} {
		if on {
			n++
		}
	}
	file := path != "" || opts.target.inode != 0
	switch {
	case n > 1 || n == 1 && opts.slack:
		return usagef("--all, --unallocated, --slack and --raw contradict each other")
	case n == 1 && file:
		return usagef("a file and --all, --unallocated or --raw contradict each other")
	case opts.raw && opts.target.volume != "":
		return usagef("--raw reads whole images: it contradicts --volume")
	case opts.atLeast < 1 || opts.atLeast > maxString/4:
		return usagef("-n %d: want 1 to %d", opts.atLeast, maxString/4)
	}
	return nil
}

// patterns compiles what is searched for; nil if everything is listed.
func (opts *stringsOptions) patterns() (*textscan.Patterns, error) {
	fixed := slices.Clone(opts.fixed)
	for _, name := range opts.iocs {
		lines, err := readIOCs(name)
		if err != nil {
			return nil, err
		}
		fixed = append(fixed, lines...)
	}
	if len(fixed) == 0 && len(opts.exprs) == 0 {
		if len(opts.iocs) > 0 {
			return nil, usagef("%s: no line to search for", strings.Join(opts.iocs, ", "))
		}
		return nil, nil
	}
	p, err := textscan.Compile(fixed, opts.exprs, opts.fold)
	if err != nil {
		return nil, &usageError{err}
	}
	return p, nil
}

// readIOCs reads a file of strings, one a line. Blanks around a line do not
// count.
func readIOCs(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxString)
	for total := 0; in.Scan(); {
		line := strings.TrimSpace(strings.TrimPrefix(in.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		if i := strings.Index(line, " #"); i > 0 {
			line = strings.TrimSpace(line[:i])
		}
		if total += len(line); total > textscan.MaxFixed {
			return nil, fmt.Errorf("%s: more than %d bytes", name, textscan.MaxFixed)
		}
		out = append(out, line)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// chosenEncodings gives the encodings to look for, each once. ASCII goes without
// saying in UTF-8.
func (opts *stringsOptions) chosenEncodings(searching bool) ([]textscan.Encoding, error) {
	names := opts.encodings
	switch {
	case len(names) > 0:
	case searching:
		names = []string{"utf-8", "utf-16le", "utf-16be"}
	default:
		names = []string{"ascii"}
	}
	var out []textscan.Encoding
	for _, name := range names {
		e, err := textscan.ParseEncoding(strings.ToLower(name))
		if err != nil {
			return nil, usagef("--encoding: %v", err)
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if slices.Contains(out, textscan.UTF8) {
		out = slices.DeleteFunc(out, func(e textscan.Encoding) bool { return e == textscan.ASCII })
	}
	slices.Sort(out)
	return out, nil
}

func runStrings(ctx context.Context, a *app, opts *stringsOptions, args []string) error {
	path, err := opts.target.path(args, false)
	if err != nil {
		return err
	}
	if err := opts.check(path); err != nil {
		return err
	}
	s := &stringScan{ctx: ctx, app: a, opts: opts, atLeast: opts.atLeast}
	if s.patterns, err = opts.patterns(); err != nil {
		return err
	}
	if s.encodings, err = opts.chosenEncodings(s.patterns != nil); err != nil {
		return err
	}
	s.noteBeyond()
	if s.ev, err = opts.target.source.open(ctx, a, args[0]); err != nil {
		return err
	}
	defer s.ev.close()
	var t *target
	if path != "" || opts.target.inode != 0 {
		if t, err = s.ev.find(ctx, &opts.target, path, true); err != nil {
			return err
		}
	} else if err := s.chooseMounts(); err != nil {
		return err
	}
	return a.withOutput(&opts.output, s.ev, func(o *output) error {
		s.o = o
		if t != nil {
			return s.run(t.inode.Size, func(yield func(*stretch) bool) { s.file(t, yield) })
		}
		if s.only != nil {
			s.ev.reportDamage(s.only)
		} else {
			s.ev.reportDamage()
		}
		if err := s.mapOwners(); err != nil {
			return err
		}
		return s.run(s.total(), s.everything)
	})
}

// chooseMounts finds out which file systems are gone over.
func (s *stringScan) chooseMounts() error {
	if s.opts.target.volume != "" {
		m, err := s.ev.choose(s.opts.target.volume)
		if err != nil {
			return err
		}
		s.only = m
	}
	if len(s.ev.mounts) == 0 && (s.opts.unallocated || s.opts.slack) {
		return s.ev.nothingToRead()
	}
	if s.opts.raw && s.size() == 0 {
		return errors.New("--raw needs an image; a directory or a tarball has only files")
	}
	return nil
}

// noteBeyond says which strings an encoding cannot hold, and makes -n fit the
// shortest pattern.
func (s *stringScan) noteBeyond() {
	if s.patterns == nil {
		return
	}
	s.atLeast = min(s.atLeast, s.patterns.Shortest())
	for _, e := range s.encodings {
		if beyond := s.patterns.Beyond(e); len(beyond) > 0 {
			s.app.note(fmt.Sprintf("not searched for in %s, which cannot hold it: %s", e, quoteSome(beyond)))
		}
	}
}

// quoteSome quotes the first few of a list.
func quoteSome(list []string) string {
	const most = 5
	var b strings.Builder
	for i, s := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}
