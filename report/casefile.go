package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"deadbox/internal/inorder"
	"deadbox/timeline"
)

// Names of the files of a case folder.
const (
	FindingsFile     = "findings.jsonl"
	RecordsFile      = "records.jsonl"
	ChangesFile      = "changes.jsonl"
	TimelineFile     = "timeline.jsonl"
	TimelineCSVFile  = "timeline.csv"
	BodyFile         = "bodyfile.txt"
	ReportFile       = "report.txt"
	HTMLFile         = "report.html"
	ManifestFile     = "case.json"
	timelineTempFile = "timeline.tmp"
)

// caseFiles lists what a case folder holds, in the order of the report.
var caseFiles = []struct{ name, doc string }{
	{HTMLFile, "the report, for a browser"},
	{ReportFile, "the report, as plain text"},
	{FindingsFile, "findings, one JSON object a line"},
	{ChangesFile, "differences from the baseline, one JSON object a line"},
	{TimelineFile, "timeline in the order of time, JSON lines that Timesketch imports"},
	{TimelineCSVFile, "the same timeline as CSV"},
	{BodyFile, "body file of The Sleuth Kit, for mactime and plaso"},
	{RecordsFile, "every record with its evidence, one JSON object a line"},
	{ManifestFile, "what was examined, with which program, and the SHA-256 of each file here"},
	{timelineTempFile, ""},
}

// FileNames are the names of all files that a case folder may hold.
func FileNames() []string {
	var out []string
	for _, f := range caseFiles {
		out = append(out, f.name)
	}
	return out
}

func docOf(name string) string {
	for _, f := range caseFiles {
		if f.name == name {
			return f.doc
		}
	}
	return ""
}

// ErrNotEmpty is returned for a case folder that has something in it already.
var ErrNotEmpty = errors.New("folder is not empty")

// Case is the folder that an investigation is written to. Everything is
// written below it and nowhere else, links are not followed, and each file is
// hashed while it is written. Its methods are for one goroutine, but for Fill. The
// order of the calls decides the bytes.
type Case struct {
	// Progress, if it is set, is called while Finish writes the timeline, with
	// the rows written and all there are.
	Progress func(rows, all int64)

	root     *os.Root
	dir      string
	records  *output
	body     *output
	changes  *output // made with the first change
	spool    *Spool
	packer   packer
	counts   Counts
	activity Activity
	changed  Changes
	written  []Output
	buf      []byte
	one      Batch // of Add
}

// NewCase makes the folder dir, with the folders above it where they lack. A
// folder that has something in it is refused with an error that wraps
// [ErrNotEmpty], unless force is true: then the files that a case consists of are
// deleted first, and others are left alone.
func NewCase(dir string, force bool) (*Case, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c := &Case{root: root, dir: dir}
	if err := c.start(force); err != nil {
		c.Abort()
		return nil, fmt.Errorf("case folder %s: %w", dir, err)
	}
	return c, nil
}

func (c *Case) start(force bool) error {
	if !force {
		d, err := c.root.Open(".")
		if err != nil {
			return err
		}
		names, err := d.Readdirnames(1)
		d.Close()
		if len(names) > 0 {
			return ErrNotEmpty
		}
		if err != nil && err != io.EOF {
			return err
		}
	} else {
		for _, f := range caseFiles {
			if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	c.spool = NewSpool(c.root, timelineTempFile)
	c.counts.Kinds = map[string]int64{}
	var err error
	if c.records, err = create(c.root, RecordsFile, docOf(RecordsFile)); err != nil {
		return err
	}
	c.body, err = create(c.root, BodyFile, docOf(BodyFile))
	return err
}

// Dir is the folder's name, as it was given.
func (c *Case) Dir() string { return c.dir }

// Counts are those of the records added so far.
func (c *Case) Counts() Counts { return c.counts }

// Add writes a record to the files that it belongs to:
//
//   - a change to changes.jsonl, with the field "explained" if the record has it;
//   - any other record to records.jsonl, and at each of its times to the timeline;
//   - a file also to bodyfile.txt. Its times are those of File.Times.
func (c *Case) Add(r *timeline.Record) error {
	switch {
	case r.Kind == timeline.KindChange && r.Change != nil:
		return c.addChange(r)
	case isFile(r):
		if err := c.Fill(&c.one, []timeline.Record{*r}); err != nil {
			return err
		}
		return c.AddBatch(&c.one)
	}
	c.counts.Records++
	c.counts.Kinds[r.Kind]++
	c.buf = append(AppendRecord(c.buf[:0], r), '\n')
	if _, err := c.records.Write(c.buf); err != nil {
		return err
	}
	for i := range r.Stamps {
		s := &r.Stamps[i]
		if s.When.IsZero() {
			continue
		}
		c.activity.AddStamp(s)
		c.buf = AppendTimesketchRecord(append(c.buf[:0], packedText), s, r)
		c.buf = AppendTimesketchRecordCSV(c.buf, s, r)
		if err := c.event(s.When.Unix(), int32(s.When.Nanosecond())); err != nil {
			return err
		}
	}
	return nil
}

// event hands what is in buf to the spool: a line of JSON and a line of CSV.
func (c *Case) event(sec int64, nsec int32) error {
	c.counts.Events++
	return c.spool.Add(sec, nsec, c.buf)
}

func (c *Case) addChange(r *timeline.Record) error {
	if c.changes == nil {
		var err error
		if c.changes, err = create(c.root, ChangesFile, docOf(ChangesFile)); err != nil {
			return err
		}
	}
	c.counts.Changes++
	explained := r.Fields["explained"]
	if explained != "" {
		c.counts.Explained++
		c.changed.AddExplained()
	} else {
		c.changed.Add(r.Change)
	}
	c.buf = AppendChange(c.buf[:0], r.Change)
	c.buf = strSome(c.buf[:len(c.buf)-1], "explained", explained)
	c.buf = AppendEvidence(key(c.buf, "evidence"), &r.Evidence)
	c.buf = append(c.buf, '}', '\n')
	_, err := c.changes.Write(c.buf)
	return err
}

// Finish writes all that is left: findings, timeline, reports, and last
// case.json. It fills in what the case knows itself: Dir, Outputs, Activity,
// Changes if there is a baseline, and of Counts all but Inodes and those of damage. The
// case is closed, whether Finish succeeds or not.
func (c *Case) Finish(inv *Investigation) error {
	err := c.finish(inv)
	return errors.Join(err, c.Abort())
}

func (c *Case) finish(inv *Investigation) error {
	counts := c.counts
	counts.Inodes, counts.Damage = inv.Counts.Inodes, max(inv.Counts.Damage, int64(len(inv.Damage)))
	counts.BaselineDamage = max(inv.Counts.BaselineDamage, int64(len(inv.BaselineDamage)))
	counts.Findings = int64(len(inv.Findings))
	inv.Counts = counts
	inv.Dir = c.dir
	if inv.Activity == nil {
		inv.Activity = &c.activity
	}
	if inv.Changes == nil && (len(inv.Baseline) > 0 || c.changes != nil) {
		inv.Changes = &c.changed
	}
	if c.changes == nil && inv.Changes != nil {
		var err error
		if c.changes, err = create(c.root, ChangesFile, docOf(ChangesFile)); err != nil {
			return err
		}
	}
	for _, o := range []**output{&c.records, &c.body, &c.changes} {
		if err := c.end(o); err != nil {
			return err
		}
	}
	err := c.write(FindingsFile, func(w io.Writer) error {
		for _, f := range inv.Sorted() {
			c.buf = append(AppendFinding(c.buf[:0], f), '\n')
			if _, err := w.Write(c.buf); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.writeTimeline(); err != nil {
		return err
	}
	inv.Outputs = c.outputs()
	if err := c.write(ReportFile, func(w io.Writer) error { return WriteText(w, inv) }); err != nil {
		return err
	}
	if err := c.write(HTMLFile, func(w io.Writer) error { return WriteHTML(w, inv) }); err != nil {
		return err
	}
	inv.Outputs = c.outputs()
	return c.write(ManifestFile, func(w io.Writer) error { return WriteManifest(w, inv) })
}

// outputs lists the files written so far, in the order of caseFiles.
func (c *Case) outputs() []Output {
	place := func(o Output) int {
		for i := range caseFiles {
			if caseFiles[i].name == o.Name {
				return i
			}
		}
		return len(caseFiles)
	}
	out := slices.Clone(c.written)
	slices.SortFunc(out, func(a, b Output) int { return place(a) - place(b) })
	return out
}

func (c *Case) end(o **output) error {
	if *o == nil {
		return nil
	}
	done, err := (*o).close()
	*o = nil
	if err != nil {
		return err
	}
	c.written = append(c.written, done)
	return nil
}

func (c *Case) write(name string, body func(io.Writer) error) error {
	o, err := create(c.root, name, docOf(name))
	if err != nil {
		return err
	}
	err = body(o)
	return errors.Join(err, c.end(&o))
}

// writeTimeline writes the sorted rows: one goroutine merges them, several
// format them, this one writes.
func (c *Case) writeTimeline() error {
	return c.write(TimelineFile, func(lines io.Writer) error {
		return c.write(TimelineCSVFile, func(table io.Writer) error {
			if _, err := io.WriteString(table, TimesketchHeader); err != nil {
				return err
			}
			var merging error
			feed := func(next func() *timelineBlock) {
				var b *timelineBlock
				merging = c.spool.Each(func(sec int64, nsec int32, row []byte) error {
					if b == nil || len(b.moments) == timelineRows {
						if b = next(); b == nil {
							return errStopped
						}
						b.reset()
					}
					b.add(sec, nsec, row)
					return nil
				})
			}
			done := int64(0)
			for b := range inorder.Stream(context.Background(), feed, func(b *timelineBlock) { b.format(&c.packer) }) {
				if _, err := lines.Write(b.lines); err != nil {
					return err
				}
				if _, err := table.Write(b.cells); err != nil {
					return err
				}
				if done += int64(len(b.moments)); c.Progress != nil {
					c.Progress(done, c.counts.Events)
				}
			}
			return merging
		})
	})
}

// errStopped ends the merging when writing has failed; nobody sees it.
var errStopped = errors.New("stopped")

// Abort closes the case where it stands, without case.json. After Finish it
// does nothing.
func (c *Case) Abort() error {
	var errs []error
	for _, o := range []**output{&c.records, &c.body, &c.changes} {
		errs = append(errs, c.end(o))
	}
	if c.spool != nil {
		errs = append(errs, c.spool.Close())
		c.spool = nil
	}
	if c.root != nil {
		errs = append(errs, c.root.Close())
		c.root = nil
	}
	return errors.Join(errs...)
}

// quote writes an argument of a command line so that a shell reads it back.
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:,@%+", r))
	}) < 0 {
		return s
	}
	if !shown(s) {
		return "$'" + strings.ReplaceAll(Text(strings.ReplaceAll(s, `\`, `\\`)), "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
