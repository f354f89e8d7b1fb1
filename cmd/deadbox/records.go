package main

import (
	"context"
	"fmt"
	"iter"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/rules"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// recordOptions are the flags of the commands that show what extractors read.
type recordOptions struct {
	source   sourceOptions
	output   outputOptions
	zone     zoneOptions
	full     bool
	from, to string
	account  string
	address  string
	grep     string
}

// addFlags defines the flags. Those that choose among records are defined only
// for commands whose records have what they ask for.
func (opts *recordOptions) addFlags(cmd *cobra.Command, choosing bool) {
	flags := cmd.Flags()
	if choosing {
		flags.StringVar(&opts.from, "from", "", "leave out what was before this `time`: 2026-10-01, \"2026-10-01 22:00\" (in\nthe zone of --tz), or RFC 3339; and what has no time")
		flags.StringVar(&opts.to, "to", "", "leave out what was after this `time`; a day is taken whole")
		flags.StringVar(&opts.account, "account", "", "only what this `account` did or was tried for")
		flags.StringVar(&opts.address, "address", "", "only what came from this `address`")
		flags.StringVar(&opts.grep, "grep", "", "only records whose text fits this regular `expression` (RE2)")
	}
	flags.BoolVar(&opts.full, "full", false, "text: all times and fields of each record, and its place in the image")
	opts.zone.addFlags(cmd)
	opts.source.addFlags(cmd, false)
	opts.output.addFlags(cmd, formatText, formatJSONL, formatCSV)
}

// recorder reads records for one command.
type recorder struct {
	ctx      context.Context
	app      *app
	opts     *recordOptions
	ev       *evidence
	host     *host.Host
	zone     *time.Location
	from, to int64 // seconds, both included
	grep     *regexp.Regexp
	o        *output
	row      report.RowOptions
	line     []byte
}

// openRecorder opens the evidence and reads the flags. It joins the file systems
// into a server if there are any. The caller closes r.ev.
func (a *app) openRecorder(ctx context.Context, opts *recordOptions, sources []string) (*recorder, error) {
	r := &recorder{ctx: ctx, app: a, opts: opts}
	var err error
	if opts.grep != "" {
		if r.grep, err = regexp.Compile(opts.grep); err != nil {
			return nil, usagef("--grep: %v", err)
		}
	}
	if r.ev, err = opts.source.open(ctx, a, sources...); err != nil {
		return nil, err
	}
	if err := r.join(); err != nil {
		r.ev.close()
		return nil, err
	}
	return r, nil
}

// join joins the file systems, and reads the flags that depend on the server.
func (r *recorder) join() (err error) {
	if len(r.ev.mounts) > 0 {
		if r.host, err = r.ev.server(r.ctx); err != nil {
			return err
		}
	}
	if r.zone, err = r.ev.zone(r.ctx, &r.opts.zone); err != nil {
		return err
	}
	r.row = report.RowOptions{Zone: r.zone, Full: r.opts.full}
	r.from, r.to, err = timeRange(r.opts.from, r.opts.to, r.zone)
	return err
}

// withRecords opens the evidence, joins it into a server, and lets f write what
// it reads of it.
func (a *app) withRecords(ctx context.Context, opts *recordOptions, sources []string, f func(*recorder) error) error {
	r, err := a.openRecorder(ctx, opts, sources)
	if err != nil {
		return err
	}
	defer r.ev.close()
	if r.host == nil {
		return r.ev.nothingToRead()
	}
	return a.withOutput(&opts.output, r.ev, func(o *output) error {
		r.o = o
		r.ev.reportDamage()
		for _, err := range r.host.Damage {
			a.damage("", err)
		}
		for _, n := range r.host.Notes {
			a.note(n)
		}
		if o.format == formatCSV {
			o.WriteString(report.ArtifactHeader)
		}
		return f(r)
	})
}

// records reads what the extractors give, and leaves out what the flags do not
// ask for, unless it is of one of the kinds that are always wanted. Damage is
// reported as it is met.
func (r *recorder) records(list []*timeline.Extractor, always ...string) iter.Seq[*timeline.Record] {
	return func(yield func(*timeline.Record) bool) {
		r.app.people.begin("reading", 0, unitBytes)
		before := r.ev.read.Load()
		n := 0
		for rec, err := range artifact.Extract(r.ctx, r.host, list) {
			if n++; n%1024 == 0 {
				r.app.people.set(r.ev.read.Load() - before)
			}
			if err != nil {
				if r.ctx.Err() == nil {
					r.app.damage("", err)
				}
				continue
			}
			if (slices.Contains(always, rec.Kind) || r.wants(&rec)) && !yield(&rec) {
				return
			}
		}
	}
}

func (r *recorder) wants(rec *timeline.Record) bool {
	if !r.inRange(rec) {
		return false
	}
	o := r.opts
	if o.account != "" && !slices.Contains([]string{rec.Fields["account"], rec.Fields["target"], rec.Fields["by"]}, o.account) {
		return false
	}
	if o.address != "" && rec.Fields["address"] != o.address {
		return false
	}
	return r.grep == nil || r.fits(rec)
}

func (r *recorder) inRange(rec *timeline.Record) bool {
	if r.from == math.MinInt64 && r.to == math.MaxInt64 {
		return true
	}
	for i := range rec.Stamps {
		if t := rec.Stamps[i].When.Unix(); t >= r.from && t <= r.to {
			return true
		}
	}
	return false
}

// fits looks in the summary and in every field.
func (r *recorder) fits(rec *timeline.Record) bool {
	if r.grep.MatchString(rec.Summary) {
		return true
	}
	for _, v := range rec.Fields {
		if r.grep.MatchString(v) {
			return true
		}
	}
	return false
}

// append appends a record in the format of the output.
func (r *recorder) append(dst []byte, rec *timeline.Record) []byte {
	switch r.o.format {
	case formatJSONL:
		return report.AppendArtifact(dst, rec)
	case formatCSV:
		return report.AppendArtifactCSV(dst, rec)
	}
	return report.AppendArtifactRow(dst, rec, &r.row)
}

func (r *recorder) write(rec *timeline.Record) error {
	r.line = r.append(r.line[:0], rec)
	_, err := r.o.Write(r.line)
	return err
}

// writeAll writes the records of extractors in the order in which they come.
func (r *recorder) writeAll(list []*timeline.Extractor) error {
	for rec := range r.records(list) {
		if err := r.write(rec); err != nil {
			return err
		}
	}
	return r.ctx.Err()
}

// writeInOrder writes them in the order of their times. Those without a time
// come last.
func (r *recorder) writeInOrder(list []*timeline.Extractor, want func(*timeline.Record) bool) error {
	dir, err := os.MkdirTemp("", "deadbox-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	spool := report.NewSpool(root, "rows")
	defer spool.Close()
	for rec := range r.records(list) {
		if want != nil && !want(rec) {
			continue
		}
		sec, nsec := int64(math.MaxInt64), int32(0)
		if len(rec.Stamps) > 0 {
			sec, nsec = rec.Stamps[0].When.Unix(), int32(rec.Stamps[0].When.Nanosecond())
		}
		r.line = r.append(r.line[:0], rec)
		if err := spool.Add(sec, nsec, r.line); err != nil {
			return err
		}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.app.people.begin("writing", spool.Len(), unitRows)
	return spool.Each(func(_ int64, _ int32, row []byte) error {
		r.app.people.add(1)
		_, err := r.o.Write(row)
		return err
	})
}

// extractorsOf are the extractors with these names, in the order of the list.
func extractorsOf(names []string) ([]*timeline.Extractor, error) {
	var out []*timeline.Extractor
	for _, e := range artifact.All {
		if slices.Contains(names, e.Name) {
			out = append(out, e)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(out, func(e *timeline.Extractor) bool { return e.Name == n }) {
			return nil, withHint(usagef("no kind %q", n), "deadbox artifacts --list shows the kinds: "+strings.Join(extractorNames(), ", "))
		}
	}
	return out, nil
}

func extractorNames() []string {
	var out []string
	for _, e := range artifact.All {
		out = append(out, e.Name)
	}
	slices.Sort(out)
	return out
}

// day is a date for people; "" for none.
func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02")
}

// placeOf is where a record stands, for people.
func placeOf(rec *timeline.Record) string {
	if rec.Evidence.Line > 0 {
		return fmt.Sprintf("%s:%d", rec.Evidence.Path, rec.Evidence.Line)
	}
	return rec.Evidence.Path
}

// environment is what the rules know of a server without a baseline.
func environment(h *host.Host) *rules.Env {
	env := &rules.Env{WebRoots: h.WebRoots(), Packages: h.Packaged().Known(), OSID: h.OSID, Zone: h.Zone}
	for _, acc := range h.Accounts {
		env.Accounts = append(env.Accounts, rules.Account{Name: acc.Name, UID: acc.UID, GID: acc.GID, Home: acc.Home, Shell: acc.Shell})
	}
	return env
}
