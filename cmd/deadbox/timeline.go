package main

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
)

// Formats of the timeline.
const (
	formatBody    = "body"
	formatMactime = "mactime"
	formatCSV     = "csv"
)

type timelineOptions struct {
	output    outputOptions
	source    sourceOptions
	zone      zoneOptions
	volume    string
	from, to  string
	ns        bool
	histogram string
}

func newTimelineCommand(a *app) *cobra.Command {
	var opts timelineOptions
	cmd := &cobra.Command{
		Use:   "timeline IMAGE...",
		Short: "Put the times of all files in order: modified, accessed, changed, born, deleted",
		Long: `Put the times of all files in order: when each was modified, accessed, changed
(its inode), born and deleted. Deleted names and inodes without a name are in it.

  text     a line for people at each time, in the server's time zone
  body     the body file of The Sleuth Kit, not sorted: for mactime and plaso
  mactime  what "mactime -d -y" makes of it, sorted; with --tz as "mactime -d -z"
  jsonl    sorted, to the nanosecond, with each inode's place in the image;
           Timesketch imports it
  csv      the same as CSV, for Timesketch and spreadsheets

Letters are m modified, a accessed, c changed, b born, d deleted. body and
mactime have no deletion times.

The file systems of the server are joined into its own tree. With --volume one is
taken by itself.

The Sleuth Kit's cousins are "fls -r -m /" and mactime.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox timeline disk.dd | less
  deadbox timeline --format body disk.dd > body.txt
  deadbox timeline --format mactime -o timeline.csv disk.dd
  deadbox timeline --from "2026-10-01 22:00" --to 2026-10-02 disk.dd
  deadbox timeline --histogram day disk.dd`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runTimeline(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "leave out what was before this `time`: 2026-10-01, \"2026-10-01 22:00\" (in\nthe zone of --tz), or RFC 3339")
	flags.StringVar(&opts.to, "to", "", "leave out what was after this `time`; a day is taken whole")
	flags.BoolVar(&opts.ns, "ns", false, "body: times with nanoseconds, which plaso reads and mactime cuts off")
	flags.StringVar(&opts.histogram, "histogram", "", "instead of the events count them, by \"day\" or \"hour\"")
	flags.StringVar(&opts.volume, "volume", "", "take only this `volume`: its slot or number as \"deadbox volumes\" lists it")
	opts.source.addFlags(cmd, false)
	opts.zone.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatBody, formatMactime, formatJSONL, formatCSV)
	return cmd
}

func runTimeline(ctx context.Context, a *app, opts *timelineOptions, images []string) error {
	switch {
	case opts.histogram != "" && opts.histogram != "day" && opts.histogram != "hour":
		return usagef("--histogram %q: want day or hour", opts.histogram)
	case opts.histogram != "" && opts.output.format != formatText:
		return usagef("--histogram is text; it goes with no other --format")
	case opts.ns && opts.output.format != formatBody:
		return usagef("--ns goes with --format body")
	}
	ev, err := opts.source.open(ctx, a, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	mounts, err := ev.timelineMounts(ctx, opts.volume)
	if err != nil {
		return err
	}
	ev.reportDamage(mounts...)
	zone := time.UTC
	people := opts.output.format == formatText || opts.from != "" || opts.to != ""
	if people || opts.zone.name != "" {
		if zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
	}
	from, to, err := timeRange(opts.from, opts.to, zone)
	if err != nil {
		return err
	}
	t := &timeliner{ctx: ctx, app: a, opts: opts, from: from, to: to, zone: zone}
	return a.withOutput(&opts.output, ev, func(o *output) error {
		t.o = o
		for _, m := range mounts {
			t.index(m)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o.format == formatBody {
			return t.body()
		}
		return t.sorted()
	})
}

// timelineMounts gives the file systems of the server at their places, or the
// one that was asked for as a tree of its own.
func (ev *evidence) timelineMounts(ctx context.Context, name string) ([]*host.Mount, error) {
	if name != "" {
		m, err := ev.choose(name)
		if err != nil {
			return nil, err
		}
		one := *m
		one.Point = "/"
		return []*host.Mount{&one}, nil
	}
	if len(ev.mounts) == 0 {
		return nil, ev.nothingToRead()
	}
	h, err := ev.server(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range h.Notes {
		ev.app.note(n)
	}
	return h.Mounts, nil
}

// timeliner writes one timeline.
type timeliner struct {
	ctx      context.Context
	app      *app
	opts     *timelineOptions
	o        *output
	trees    []*timeline.Tree
	from, to int64 // seconds, both included
	zone     *time.Location
}

// index reads the directories of a file system.
func (t *timeliner) index(m *host.Mount) {
	info := m.FS.Info()
	t.app.people.begin("reading directories of volume "+m.Volume.Slot, 0, unitFiles)
	index, damage := filesystem.BuildIndex(t.ctx, m.FS)
	t.app.people.add(int64(index.Len()))
	t.app.people.begin("reading inodes of volume "+m.Volume.Slot, int64(info.InodeCount), unitInodes)
	tree := treeOf(m, index)
	for _, err := range damage {
		t.damage(tree, err)
	}
	t.trees = append(t.trees, tree)
}

func treeOf(m *host.Mount, index *filesystem.Index) *timeline.Tree {
	return &timeline.Tree{FS: m.FS, Index: index, Point: m.Point, Volume: m.Volume.Slot, Place: m.Place}
}

func (t *timeliner) damage(tree *timeline.Tree, err error) {
	t.app.damage("volume "+tree.Volume, err)
}

func (t *timeliner) inRange(times *filesystem.Times) bool {
	if t.from == math.MinInt64 && t.to == math.MaxInt64 {
		return true
	}
	for _, w := range []filesystem.Time{times.Modified, times.Accessed, times.Changed, times.Born, times.Deleted} {
		if w.Known && w.Sec >= t.from && w.Sec <= t.to {
			return true
		}
	}
	return false
}

func (t *timeliner) body() error {
	for _, tree := range t.trees {
		rows := tree.Batches(t.ctx, func(f *timeline.File, _ *timeline.Evidence, buf []byte) []byte {
			if !t.inRange(&f.Times) {
				return buf
			}
			return report.AppendBody(buf, f, t.opts.ns)
		})
		for buf, err := range rows {
			if err != nil {
				if t.ctx.Err() != nil {
					return t.ctx.Err()
				}
				t.damage(tree, err)
				continue
			}
			if _, err := t.o.Write(buf); err != nil {
				return err
			}
		}
	}
	return nil
}

// sorted writes the formats that are in the order of time.
func (t *timeliner) sorted() error {
	// What is kept holds no pointers and is cheap to collect around.
	defer debug.SetGCPercent(debug.SetGCPercent(40))
	table, err := timeline.NewTable(t.ctx, t.trees, t.damage)
	if err != nil {
		return err
	}
	order, moments := timeline.ByPlace, report.Moments
	if t.o.format == formatMactime {
		order, moments = timeline.ByMactime, report.MactimeMoments
	}
	events := table.Events(order, t.from, t.to, momentTimes(moments))
	if t.opts.histogram != "" {
		return t.histogram(events)
	}
	switch t.o.format {
	case formatMactime:
		t.o.WriteString(report.MactimeHeader)
	case formatCSV:
		t.o.WriteString(report.TimesketchHeader)
	}
	t.app.people.begin("writing", int64(len(events)), unitFiles)
	for buf := range table.Format(t.ctx, events, t.appendRow(moments)) {
		if _, err := t.o.Write(buf); err != nil {
			return err
		}
	}
	return t.ctx.Err()
}

// momentTimes is moments without what happened at each.
func momentTimes(moments func([]report.Moment, *filesystem.Times) []report.Moment) func([]filesystem.Time, *filesystem.Times) []filesystem.Time {
	return func(dst []filesystem.Time, times *filesystem.Times) []filesystem.Time {
		var room [5]report.Moment
		for _, m := range moments(room[:0], times) {
			dst = append(dst, filesystem.Time{Sec: m.Sec, Nsec: m.Nsec, Known: true})
		}
		return dst
	}
}

// appendRow gives the function that writes one row of the format.
func (t *timeliner) appendRow(moments func([]report.Moment, *filesystem.Times) []report.Moment) func([]byte, *timeline.Event, *timeline.File, *timeline.Evidence) []byte {
	var row func(dst []byte, w report.Moment, f *timeline.File, ev *timeline.Evidence) []byte
	switch t.o.format {
	case formatMactime:
		row = func(dst []byte, w report.Moment, f *timeline.File, _ *timeline.Evidence) []byte {
			if t.opts.zone.name != "" {
				return report.AppendMactimeCSVIn(dst, w.Sec, w.MACB, f, t.zone)
			}
			return report.AppendMactimeCSV(dst, w.Sec, w.MACB, f)
		}
	case formatJSONL:
		row = report.AppendTimesketchFile
	case formatCSV:
		row = report.AppendTimesketchFileCSV
	default:
		row = func(dst []byte, w report.Moment, f *timeline.File, _ *timeline.Evidence) []byte {
			return report.AppendRow(dst, w, f, t.zone)
		}
	}
	return func(dst []byte, e *timeline.Event, f *timeline.File, ev *timeline.Evidence) []byte {
		var room [5]report.Moment
		for _, w := range moments(room[:0], &f.Times) {
			if w.Sec == e.Sec && w.Nsec == e.Nsec {
				return row(dst, w, f, ev)
			}
		}
		return dst
	}
}

// histogram counts events by day or hour; the bar is of 50 columns at most.
func (t *timeliner) histogram(events []timeline.Event) error {
	layout := "2006-01-02"
	if t.opts.histogram == "hour" {
		layout = "2006-01-02 15:00"
	}
	type bin struct {
		label string
		count int64
	}
	var bins []bin
	most := int64(1)
	for i := range events {
		label := time.Unix(events[i].Sec, 0).In(t.zone).Format(layout)
		if n := len(bins); n == 0 || bins[n-1].label != label {
			bins = append(bins, bin{label: label})
		}
		last := &bins[len(bins)-1]
		last.count++
		most = max(most, last.count)
	}
	for _, b := range bins {
		bar := strings.Repeat("#", int(max(b.count*50/most, 1)))
		if _, err := fmt.Fprintf(t.o, "%s %10d %s\n", b.label, b.count, bar); err != nil {
			return err
		}
	}
	return nil
}

// timeRange reads --from and --to. A day without a time of day is taken whole.
func timeRange(from, to string, zone *time.Location) (int64, int64, error) {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	if from != "" {
		t, _, err := parseTime(from, zone)
		if err != nil {
			return 0, 0, usagef("--from: %v", err)
		}
		lo = t.Unix()
	}
	if to != "" {
		t, step, err := parseTime(to, zone)
		if err != nil {
			return 0, 0, usagef("--to: %v", err)
		}
		hi = step(t).Unix() - 1
	}
	if lo > hi {
		return 0, 0, usagef("--from is later than --to")
	}
	return lo, hi, nil
}

// parseTime reads a time as a user writes it; step leads from its beginning to
// behind its end, by what it leaves open.
func parseTime(s string, zone *time.Location) (t time.Time, step func(time.Time) time.Time, err error) {
	second := func(t time.Time) time.Time { return t.Truncate(time.Second).Add(time.Second) }
	minute := func(t time.Time) time.Time { return t.Add(time.Minute) }
	day := func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	for _, f := range []struct {
		layout string
		step   func(time.Time) time.Time
	}{
		{time.RFC3339Nano, second},
		{"2006-01-02 15:04:05", second}, {"2006-01-02T15:04:05", second},
		{"2006-01-02 15:04", minute}, {"2006-01-02T15:04", minute},
		{"2006-01-02", day},
	} {
		if t, err := time.ParseInLocation(f.layout, s, zone); err == nil {
			return t, f.step, nil
		}
	}
	return time.Time{}, nil, fmt.Errorf("%q is no time: want 2026-10-01, \"2026-10-01 22:00:00\" or 2026-10-01T22:00:00Z", s)
}
