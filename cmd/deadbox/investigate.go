package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/internal/inorder"
	"deadbox/report"
	"deadbox/rules"
	"deadbox/rules/builtin"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/artifact/authorizedkeys"
	"deadbox/timeline/artifact/journald"
	elfstrings "deadbox/timeline/artifact/strings"
	"deadbox/timeline/baseline"
)

type investigateOptions struct {
	source    sourceOptions
	baseline  []string
	dir       string
	force     bool
	noHash    bool
	failLevel string
	zone      zoneOptions
}

func newInvestigateCommand(a *app) *cobra.Command {
	var opts investigateOptions
	cmd := &cobra.Command{
		Use:   "investigate IMAGE...",
		Short: "Say what happened: read everything, compare, apply the rules, write the case folder",
		Long: `Say what happened on a server. Files, logs, histories, accounts, keys and cron
tables are read; with a baseline (an image of the same server from before, or of
one installed alike) every difference is listed; the rules look at all of it. The
findings are printed, most severe and earliest first, and a case folder is written:

  report.html, report.txt         the report
  findings.jsonl                  the findings, with their evidence
  changes.jsonl                   differences from the baseline
  records.jsonl                   all that was read
  timeline.jsonl, timeline.csv    the same in the order of time, for Timesketch
  bodyfile.txt                    for mactime and plaso
  case.json                       evidence with SHA-256, volumes, host, damage

Each piece of evidence names image, volume, inode, path, and the bytes of the image
that say it: xxd -s OFFSET -l LENGTH IMAGE shows them.

The image and the baseline are never written.` + imagesHelp + exitStatus(exitDone, exitFindings, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox investigate disk.dd --baseline good.dd -o case/
  deadbox investigate disk.dd -o case/
  deadbox investigate disk.dd -o case/ --fail-level critical || echo look`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInvestigate(cmd.Context(), a, &opts, args)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&opts.baseline, "baseline", nil, "an `image` of the server from before, or of one like it, that is known to be good;\nonce for each disk of it")
	flags.StringVarP(&opts.dir, "output", "o", "", "the case `folder`; it is made, and must be empty if it exists")
	flags.BoolVar(&opts.force, "force", false, "replace the files of an earlier case in the folder")
	flags.BoolVar(&opts.noHash, "no-hash", false, "do not compute the SHA-256 of the images")
	flags.StringVar(&opts.failLevel, "fail-level", "medium", "the least `severity` that makes the exit code 1: info, low, medium, high,\ncritical, or none")
	opts.source.addFlags(cmd, false)
	opts.zone.addFlags(cmd)
	cmd.MarkFlagRequired("output")
	return cmd
}

func runInvestigate(ctx context.Context, a *app, opts *investigateOptions, images []string) error {
	failLevel := rules.Critical + 1
	if opts.failLevel != "none" {
		level, err := rules.ParseSeverity(opts.failLevel)
		if err != nil {
			return usagef("--fail-level: %v", err)
		}
		failLevel = level
	}
	var zone *time.Location
	if opts.zone.name != "" {
		var err error
		if zone, err = parseZone(opts.zone.name); err != nil {
			return err
		}
	}
	ev, err := opts.source.open(ctx, a, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	var base *evidence
	if len(opts.baseline) > 0 {
		if base, err = a.openEvidence(ctx, opts.baseline...); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		defer base.close()
	}
	for _, e := range []*evidence{ev, base} {
		if e == nil {
			continue
		}
		if len(e.mounts) == 0 {
			return e.nothingToRead()
		}
		if err := refuseEvidence(opts.dir, e.files()); err != nil {
			return err
		}
		for _, name := range report.FileNames() {
			if err := refuseEvidence(filepath.Join(opts.dir, name), e.files()); err != nil {
				return err
			}
		}
	}
	c, err := report.NewCase(opts.dir, opts.force)
	if err != nil {
		if errors.Is(err, report.ErrNotEmpty) {
			return withHint(&usageError{err}, "--force replaces the files of an earlier case in it")
		}
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	v := &investigator{ctx: ctx, app: a, opts: opts, ev: ev, base: base, c: c}
	v.inv.Zone, v.inv.ZoneName = zone, opts.zone.name+" (--tz)"
	err = v.run()
	cancel()
	for _, h := range v.hashes { // they read the images, which are closed now
		<-h.done
	}
	if err != nil {
		return errors.Join(err, c.Abort())
	}
	if slices.ContainsFunc(v.inv.Findings, func(f rules.Finding) bool { return f.Severity >= failLevel }) {
		return errFindings
	}
	return nil
}

// investigator is one run of investigate.
type investigator struct {
	ctx      context.Context
	app      *app
	opts     *investigateOptions
	ev, base *evidence // base is nil without a baseline
	host     *host.Host
	baseHost *host.Host
	c        *report.Case
	engine   *rules.Engine
	inv      report.Investigation
	packaged *host.PackageSet
	digest   *digest
	telling  func(*timeline.File) bool // what a file's strings can be judged by a rule
	unknown  []unknownFile             // programs and scripts that nothing vouches for

	damage, baseDamage damageList

	hashes []*hashing
	hashed atomic.Int64 // bytes
	toHash int64

	lastChange time.Time // the last change of an inode in use
	firstLine  time.Time // the first line of a log or history
}

// unknownFile is a file whose strings are worth reading.
type unknownFile struct {
	file     timeline.File
	evidence timeline.Evidence
	mount    *host.Mount
}

// maxUnknown bounds how many files are read for strings.
const maxUnknown = 2000

func (v *investigator) run() error {
	started := time.Now().UTC()
	if err := v.open(); err != nil {
		return err
	}
	v.startHashes()
	for _, step := range []func() error{v.changes, v.files, v.deleted, v.artifacts, v.strings} {
		if err := step(); err != nil {
			return err
		}
	}
	v.inv.Findings = v.engine.Findings()
	v.inv.Notes = append(v.inv.Notes, v.engine.Notes()...)
	v.awaitHashes()
	if err := v.ctx.Err(); err != nil {
		return err
	}
	v.describe()
	v.inv.Started, v.inv.Finished = started, time.Now().UTC()
	v.app.people.begin("writing the timeline", v.c.Counts().Events, unitRows)
	v.c.Progress = func(rows, _ int64) { v.app.people.set(rows) }
	if err := v.c.Finish(&v.inv); err != nil {
		return err
	}
	v.app.people.end()
	return v.print()
}

// open joins the volumes and indexes them.
func (v *investigator) open() error {
	var err error
	if v.host, err = v.ev.server(v.ctx); err != nil {
		return err
	}
	v.sayProblems(v.ev, v.host)
	v.inv.Notes = append(v.ev.openNotes(), v.host.Notes...)
	for _, n := range v.inv.Notes {
		v.app.note(n)
	}
	v.index(v.ev, v.host, "reading directories")
	v.packaged = v.host.Packaged()
	v.digest = v.newDigest()
	v.noteDamage(v.ev, v.packaged.Damage...)
	v.inv.Notes = append(v.inv.Notes, v.packaged.Notes...)
	v.inv.Notes = append(v.inv.Notes, v.host.TreeNotes()...)
	if v.base != nil {
		if v.baseHost, err = v.base.server(v.ctx); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		v.sayProblems(v.base, v.baseHost)
		for _, s := range baseline.Lineage(v.host, v.baseHost) {
			v.inv.Notes = append(v.inv.Notes, "comparison: "+s)
			v.app.note("comparison: " + s)
		}
		v.index(v.base, v.baseHost, "reading directories of the baseline")
		v.noteDamage(v.base, v.baseHost.Packaged().Damage...)
	}
	if err := v.ctx.Err(); err != nil {
		return err
	}
	env := environment(v.host)
	env.Baseline = v.baseHost != nil
	if v.baseHost != nil {
		env.KnownKeys = map[string]bool{}
		for r, err := range artifact.Extract(v.ctx, v.baseHost, []*timeline.Extractor{&authorizedkeys.Extractor}) {
			if err != nil {
				v.noteDamage(v.base, err)
			} else if r.Fields["fingerprint"] != "" {
				env.KnownKeys[r.Fields["fingerprint"]] = true
			}
		}
	}
	v.engine = rules.NewEngine(builtin.All, env)
	v.telling = builtin.WantsStrings(env)
	return nil
}

// sayProblems says what was found wrong when an image was opened. Lost ranges
// are listed with the image itself.
func (v *investigator) sayProblems(ev *evidence, h *host.Host) {
	what := ""
	if ev == v.base {
		what = "baseline"
	}
	for _, err := range ev.lost() {
		v.app.damage(what, err)
	}
	v.noteDamage(ev, ev.structureProblems()...)
	v.noteDamage(ev, h.Damage...)
}

// index reads the directories of all volumes.
func (v *investigator) index(ev *evidence, h *host.Host, label string) {
	used := uint64(0)
	for _, m := range h.Mounts {
		info := m.FS.Info()
		used += info.InodeCount - min(info.FreeInodes, info.InodeCount)
	}
	v.app.people.begin(label, int64(used), unitNames)
	damage := make([][]error, len(h.Mounts))
	var wg sync.WaitGroup
	for i, m := range h.Mounts {
		if m.Index == nil {
			wg.Go(func() { m.Index, damage[i] = filesystem.BuildIndex(v.ctx, countedNames{m.FS, v.app.people}) })
		}
	}
	wg.Wait()
	for i, m := range h.Mounts {
		for _, err := range damage[i] {
			_, n := filesystem.Place(err)
			v.noteDamage(ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Inode: n, Err: err})
		}
	}
}

// add hands a record to the case and to the rules. A message of the journal that
// a text log holds too is shown to the rules once, as that log's.
func (v *investigator) add(r *timeline.Record) error {
	if r.Extractor != journald.Extractor.Name || r.Fields[artifact.CopyOf] == "" {
		v.engine.Record(r)
	}
	return v.c.Add(r)
}

// changes compares with the baseline.
func (v *investigator) changes() error {
	if v.baseHost == nil {
		return nil
	}
	v.app.people.begin("comparing with the baseline", 0, unitBytes)
	var once sync.Once
	opt := baseline.Options{Progress: func(done, of int64) {
		once.Do(func() { v.app.people.begin("comparing with the baseline", of, unitBytes) })
		v.app.people.set(done)
	}}
	for r, err := range baseline.Diff(v.ctx, v.host, v.baseHost, opt) {
		if err != nil {
			v.noteDamage(v.whose(err), err)
			continue
		}
		switch r.Change.What {
		case baseline.Added, baseline.Content, baseline.Type:
			if v.telling(r.File) {
				v.remember(r.File, r.Evidence)
			}
		}
		if err := v.add(&r); err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

func (v *investigator) remember(f *timeline.File, ev timeline.Evidence) {
	if len(v.unknown) > maxUnknown {
		return
	}
	v.unknown = append(v.unknown, unknownFile{file: *f, evidence: ev, mount: v.mountOf(ev.Volume)})
	if len(v.unknown) > maxUnknown {
		v.inv.Notes = append(v.inv.Notes, fmt.Sprintf("there are more than %d unknown programs and scripts; the strings of the first %d were read", maxUnknown, maxUnknown))
	}
}

// mountOf is the mount of a slot.
func (v *investigator) mountOf(slot string) *host.Mount {
	for _, m := range v.host.Mounts {
		if m.Volume.Slot == slot {
			return m
		}
	}
	return nil
}

// filesAtOnce is how many names of files make a batch.
const filesAtOnce = 512

// fileBatch is a run of the walk over the inodes.
type fileBatch struct {
	records []timeline.Record
	files   [filesAtOnce]timeline.File
	damage  []error
	rows    report.Batch
	err     error
}

func (b *fileBatch) reset() { b.records, b.damage, b.err = b.records[:0], b.damage[:0], nil }

func (b *fileBatch) add(r *timeline.Record) {
	f := &b.files[len(b.records)]
	*f = *r.File
	b.records = append(b.records, *r)
	b.records[len(b.records)-1].File = f
}

// batches walks the inodes of a volume. What must be read of the files, and
// their rows, are made on several goroutines.
func (v *investigator) batches(m *host.Mount) iter.Seq[*fileBatch] {
	feed := func(next func() *fileBatch) {
		var b *fileBatch
		for r, err := range treeOf(m, m.Index).Files(v.ctx) {
			if b == nil || len(b.records) == filesAtOnce {
				if b = next(); b == nil {
					return
				}
				b.reset()
			}
			if err != nil {
				b.damage = append(b.damage, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Err: err})
				continue
			}
			b.add(r)
		}
	}
	return inorder.Stream(v.ctx, feed, func(b *fileBatch) {
		for i := range b.records {
			f := b.records[i].File
			f.InPackage = !f.Deleted && !f.Orphan && v.host.Vouched(f.Path)
			if !f.InPackage && !f.Deleted && f.Type == filesystem.Regular && f.Size > 0 {
				b.look(m, f)
			}
		}
		b.err = v.c.Fill(&b.rows, b.records)
	})
}

// look reads the head of a file that no package vouches for, and the
// attributes that give rights.
func (b *fileBatch) look(m *host.Mount, f *timeline.File) {
	failed := func(err error) {
		if err != nil {
			b.damage = append(b.damage, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Path: f.Path, Inode: f.Inode, Err: err})
		}
	}
	in, err := m.FS.Inode(f.Inode)
	if err != nil {
		return // the walk has reported it
	}
	if f.Mode&0o111 != 0 {
		f.Xattrs, err = m.FS.Xattrs(in)
		failed(err)
	}
	c, err := m.FS.Content(in)
	failed(err)
	if c == nil {
		return
	}
	var head [512]byte
	n, err := content.Head(c, head[:])
	failed(err)
	f.Magic, f.Interp = content.Type(head[:n])
}

// files walks all inodes under all their names.
func (v *investigator) files() error {
	for _, m := range v.host.Mounts {
		v.app.people.begin("reading inodes of volume "+m.Volume.Slot, int64(m.Index.Len()), unitFiles)
		last := filesystem.Inum(0)
		for b := range v.batches(m) {
			v.noteDamage(v.ev, b.damage...)
			if b.err != nil {
				return b.err
			}
			for i := range b.records {
				r := &b.records[i]
				f := r.File
				if f.Inode != last {
					v.inv.Counts.Inodes++
					last = f.Inode
				}
				if v.baseHost == nil && v.packaged.Known() && v.telling(f) && (f.Magic != "script" || f.Mode&0o111 != 0) {
					v.remember(f, r.Evidence)
				}
				if !f.Unalloc && f.Times.Changed.Known {
					v.changedAt(f.Times.Changed.Std())
				}
				v.engine.Record(r)
			}
			if err := v.c.AddBatch(&b.rows); err != nil {
				return err
			}
			v.app.people.add(int64(len(b.records)))
		}
	}
	return v.ctx.Err()
}

// changedAt remembers the last time at which the kernel changed an inode. A
// year that no clock shows yet was set by hand.
func (v *investigator) changedAt(t time.Time) {
	if t.After(v.lastChange) && t.Year() < 2200 {
		v.lastChange = t
	}
}

// lineAt remembers the first line of a log. What was logged while a clock was
// not yet set stands in 1970.
func (v *investigator) lineAt(r *timeline.Record) {
	switch r.Kind {
	case timeline.KindAuth, timeline.KindSyslog, timeline.KindWebAccess, timeline.KindCommand, timeline.KindLogin, timeline.KindAudit:
	default:
		return
	}
	for i := range r.Stamps {
		if t := r.Stamps[i].When; t.Year() > 1991 && (v.firstLine.IsZero() || t.Before(v.firstLine)) {
			v.firstLine = t
		}
	}
}

// artifacts runs the extractors. How far they are shows in the bytes that they
// have read.
func (v *investigator) artifacts() error {
	v.app.people.begin("reading logs, histories and accounts", v.artifactBytes(), unitBytes)
	before := v.ev.read.Load()
	for r, err := range artifact.Extract(v.ctx, v.host, artifact.All) {
		v.app.people.set(v.ev.read.Load() - before)
		if err != nil {
			v.noteDamage(v.ev, err)
			continue
		}
		v.lineAt(&r)
		v.digest.add(&r)
		if err := v.add(&r); err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

// artifactBytes is about how much the extractors will read.
func (v *investigator) artifactBytes() int64 {
	if !v.app.people.on {
		return 0
	}
	total := int64(0)
	seen := map[host.Node]bool{}
	for _, e := range artifact.All {
		for _, p := range artifact.Files(v.host, e) {
			n, in, _, err := v.host.Find(p, true)
			if err == nil && n.Mount != nil && !seen[n] && in.Mode.Type() == filesystem.Regular {
				seen[n] = true
				total += in.Size
			}
		}
	}
	return total
}

// telling reads the strings of a file: of a web script the lines that take
// what a request brings too, of a picture these alone.
func telling(f *timeline.File, c filesystem.Content) (*elfstrings.Result, error) {
	var res elfstrings.Result
	var err error
	if f.Magic == "elf" || f.Magic == "script" || f.Magic == "php" {
		res, err = elfstrings.Interesting(c, c.Size())
	}
	if f.Magic == "elf" || f.Magic == "script" && !strings.HasPrefix(path.Base(f.Interp), "php") {
		return &res, err
	}
	code, codeErr := elfstrings.Code(c, c.Size())
	res.Strings = append(code, res.Strings...)
	if err == nil {
		err = codeErr
	}
	return &res, err
}

// strings reads what the unknown programs and scripts say of themselves.
func (v *investigator) strings() error {
	unknown := v.unknown[:min(len(v.unknown), maxUnknown)]
	v.app.people.begin("reading unknown programs", int64(len(unknown)), unitFiles)
	results := make([]*elfstrings.Result, len(unknown))
	errs := make([]error, len(unknown))
	err := content.InDiskOrder(v.ctx, len(unknown), 0, func(i int) int64 { return unknown[i].evidence.Offset }, func(_ *content.Worker, i int) {
		defer v.app.people.add(1)
		u := &unknown[i]
		if u.mount == nil {
			return
		}
		f, err := v.host.OpenNode(host.Node{Mount: u.mount, Inum: u.file.Inode}, u.file.Path)
		if err != nil {
			errs[i] = err
			return
		}
		results[i], errs[i] = telling(&u.file, f)
	})
	if err != nil {
		return err
	}
	for i, res := range results {
		u := &unknown[i]
		if errs[i] != nil {
			v.noteDamage(v.ev, &host.PathError{Image: u.evidence.Image, Volume: u.evidence.Volume, Path: u.file.Path, Inode: u.file.Inode, Err: errs[i]})
		}
		if res == nil || len(res.Strings) == 0 {
			continue
		}
		var said []string
		for _, s := range res.Strings {
			said = append(said, s.Text)
		}
		r := timeline.Record{
			Kind: timeline.KindStrings, Summary: fmt.Sprintf("%s says of itself: %s", u.file.Path, said[0]),
			Fields: map[string]string{"path": u.file.Path, "strings": strings.Join(said, "\n"), "notes": strings.Join(res.Notes, ", ")},
			File:   &u.file, Evidence: u.evidence,
		}
		if err := v.add(&r); err != nil {
			return err
		}
	}
	return nil
}

// describe fills in what the report says of the evidence.
func (v *investigator) describe() {
	inv := &v.inv
	for _, h := range v.hashes {
		e := h.evidenceFile()
		v.noteDamage(h.ev, h.err)
		if h.ev == v.base {
			inv.Baseline = append(inv.Baseline, e)
		} else {
			inv.Evidence = append(inv.Evidence, e)
		}
	}
	inv.Tool = report.Tool{Name: "deadbox", Version: toolVersion()}
	inv.CommandLine = append([]string{"deadbox"}, v.app.args...)
	for _, d := range v.ev.disks {
		if d.image != nil {
			inv.Layouts = append(inv.Layouts, report.Layout{Image: d.name, Layout: *d.layout})
		}
	}
	if c := v.ev.composed; c != nil && len(c.Volumes) > 0 {
		inv.Layouts = append(inv.Layouts, report.Layout{Image: composedName, Layout: volume.Layout{Table: "none", Volumes: c.Volumes, Notes: v.ev.composedNotes()}})
	}
	inv.Host = v.host
	inv.Tables = v.digest.tables(v.packaged.Known(), cmp.Or(inv.Zone, v.host.Zone))
	inv.Damage, inv.Counts.Damage = v.damage.listed, v.damage.count
	inv.BaselineDamage, inv.Counts.BaselineDamage = v.baseDamage.listed, v.baseDamage.count
	inv.FirstActivity, inv.LastActivity = v.activity()
	q := &quoter{v: v, packed: map[packedFile]map[int]string{}, budget: maxUnpacked}
	inv.Excerpt, inv.FileText = q.excerpt, q.fileText
}

// composedName stands in place of an image's name over the volumes that are
// composed of others.
const composedName = "volumes of LVM and md"

// activity is when the server was in use. It began with the first line of a
// log, or when its root was made; it ended with the last change of an inode, which
// no line can be later than.
func (v *investigator) activity() (first, last time.Time) {
	quick := v.host.Activity()
	if quick.First.Known {
		first = quick.First.Std()
	}
	if quick.Last.Known {
		last = quick.Last.Std()
	}
	if v.lastChange.After(last) {
		last = v.lastChange
	}
	if !v.firstLine.IsZero() && (first.IsZero() || v.firstLine.Before(first)) && v.firstLine.Before(last) {
		first = v.firstLine
	}
	if first.After(last) { // the superblock contradicts the rest
		first = last
	}
	return first, last
}

// print writes the findings to standard output.
func (v *investigator) print() error {
	width := 80
	if f, ok := v.app.stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			width = w
		}
	}
	opt := report.TerminalOptions{Width: width, Color: v.app.color(&output{})}
	return report.WriteTerminal(v.app.stdout, &v.inv, opt)
}
