package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/rules"
	"deadbox/rules/builtin"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/artifact/authorizedkeys"
	elfstrings "deadbox/timeline/artifact/strings"
	"deadbox/timeline/baseline"
)

type investigateOptions struct {
	baseline  string
	dir       string
	force     bool
	noHash    bool
	failLevel string
	zone      zoneOptions
}

func newInvestigateCommand(a *app) *cobra.Command {
	var opts investigateOptions
	cmd := &cobra.Command{
		Use:   "investigate IMAGE",
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

The image and the baseline are never written.` + exitStatus(exitDone, exitFindings, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox investigate disk.dd --baseline good.dd -o case/
  deadbox investigate disk.dd -o case/
  deadbox investigate disk.dd -o case/ --fail-level critical || echo look`,
		Args: imageArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInvestigate(cmd.Context(), a, &opts, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.baseline, "baseline", "", "an `image` of the server from before, or of one like it, that is known to be good")
	flags.StringVarP(&opts.dir, "output", "o", "", "the case `folder`; it is made, and must be empty if it exists")
	flags.BoolVar(&opts.force, "force", false, "replace the files of an earlier case in the folder")
	flags.BoolVar(&opts.noHash, "no-hash", false, "do not compute the SHA-256 of the images")
	flags.StringVar(&opts.failLevel, "fail-level", "medium", "the least `severity` that makes the exit code 1: info, low, medium, high,\ncritical, or none")
	opts.zone.addFlags(cmd)
	cmd.MarkFlagRequired("output")
	return cmd
}

func runInvestigate(ctx context.Context, a *app, opts *investigateOptions, path string) error {
	failLevel := rules.Critical + 1
	if opts.failLevel != "none" {
		level, err := rules.ParseSeverity(opts.failLevel)
		if err != nil {
			return usagef("--fail-level: %v", err)
		}
		failLevel = level
	}
	ev, err := a.openEvidence(ctx, path)
	if err != nil {
		return err
	}
	defer ev.close()
	var base *evidence
	if opts.baseline != "" {
		if base, err = a.openEvidence(ctx, opts.baseline); err != nil {
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
	}
	c, err := report.NewCase(opts.dir, opts.force)
	if err != nil {
		if errors.Is(err, report.ErrNotEmpty) {
			return withHint(&usageError{err}, "--force replaces the files of an earlier case in it")
		}
		return err
	}
	v := &investigator{ctx: ctx, app: a, opts: opts, ev: ev, base: base, c: c}
	err = v.run()
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
	unknown  []unknownFile // programs and scripts that nothing vouches for
	latest   time.Time
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
	hashes := v.startHashes()
	for _, step := range []func() error{v.changes, v.files, v.artifacts, v.strings} {
		if err := step(); err != nil {
			return err
		}
	}
	v.inv.Findings = v.engine.Findings()
	v.inv.Notes = append(v.inv.Notes, v.engine.Notes()...)
	if err := v.describe(hashes); err != nil {
		return err
	}
	v.inv.Started, v.inv.Finished = started, time.Now().UTC()
	v.app.people.end()
	if err := v.c.Finish(&v.inv); err != nil {
		return err
	}
	return v.print()
}

// open joins the volumes and indexes them.
func (v *investigator) open() error {
	v.ev.reportDamage()
	v.app.people.begin("reading directories", 0, unitFiles)
	var err error
	if v.host, err = v.ev.server(v.ctx); err != nil {
		return err
	}
	v.noteDamage(v.ev, v.host.BuildIndexes(v.ctx)...)
	if v.base != nil {
		for _, err := range v.base.openProblems() {
			v.app.damage("baseline", err)
		}
		if v.baseHost, err = v.base.server(v.ctx); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		v.noteDamage(v.base, v.baseHost.BuildIndexes(v.ctx)...)
	}
	if err := v.ctx.Err(); err != nil {
		return err
	}
	v.packaged = v.host.Packaged()
	env := &rules.Env{
		WebRoots: v.host.WebRoots(), Baseline: v.baseHost != nil, Packages: v.packaged.Known(),
		OSID: v.host.OSID, Zone: v.host.Zone,
	}
	for _, acc := range v.host.Accounts {
		env.Accounts = append(env.Accounts, rules.Account{Name: acc.Name, UID: acc.UID, GID: acc.GID, Home: acc.Home, Shell: acc.Shell})
	}
	if v.baseHost != nil {
		env.KnownKeys = map[string]bool{}
		for r, err := range artifact.Extract(v.ctx, v.baseHost, []*timeline.Extractor{&authorizedkeys.Extractor}) {
			if err == nil && r.Fields["fingerprint"] != "" {
				env.KnownKeys[r.Fields["fingerprint"]] = true
			}
		}
	}
	v.engine = rules.NewEngine(builtin.All, env)
	return nil
}

// noteDamage keeps what could not be read for the report, and says it.
func (v *investigator) noteDamage(ev *evidence, errs ...error) {
	for _, err := range errs {
		if err == nil || errors.Is(err, context.Canceled) {
			continue
		}
		v.inv.Counts.Damage++
		d := v.damageOf(ev, err)
		if len(v.inv.Damage) < maxDamageListed {
			v.inv.Damage = append(v.inv.Damage, d)
		}
		what := ""
		if ev == v.base {
			what = "baseline"
		}
		v.app.damage(what, err)
	}
}

// maxDamageListed bounds the list of damage in the report.
const maxDamageListed = 10000

// damageOf finds the place of an error on the image.
func (v *investigator) damageOf(ev *evidence, err error) report.Damage {
	slot, base := "", int64(0)
	var at *host.PathError
	var file *timeline.DamageError
	switch {
	case errors.As(err, &at):
		slot = at.Volume
	case errors.As(err, &file):
		return report.Damage{Image: ev.image.Name(), Volume: file.Evidence.Volume, Offset: file.Evidence.Offset, Inode: file.Evidence.Inode, Path: file.Path, What: err.Error()}
	}
	for _, m := range ev.mounts {
		if m.Volume.Slot == slot || slot == "" && len(ev.mounts) == 1 {
			slot, base = m.Volume.Slot, m.Volume.Offset
		}
	}
	return report.DamageOf(ev.image.Name(), slot, base, err)
}

// add hands a record to the case and to the rules.
func (v *investigator) add(r *timeline.Record) error {
	for i := range r.Stamps {
		v.seen(r.Stamps[i].When)
	}
	v.engine.Record(r)
	return v.c.Add(r)
}

func (v *investigator) seen(t time.Time) {
	if t.After(v.latest) && t.Year() < 2200 {
		v.latest = t
	}
}

// changes compares with the baseline.
func (v *investigator) changes() error {
	if v.baseHost == nil {
		return nil
	}
	v.app.people.begin("comparing with the baseline", 0, unitBytes)
	total := int64(0)
	opt := baseline.Options{Progress: func(done, of int64) {
		if of != total {
			total = of
			v.app.people.begin("comparing with the baseline", of, unitBytes)
		}
		v.app.people.set(done)
	}}
	for r, err := range baseline.Diff(v.ctx, v.host, v.baseHost, opt) {
		if err != nil {
			v.noteDamage(v.ev, err)
			continue
		}
		if f := r.File; f != nil {
			f.InPackage = v.packaged.Contains(f.Path)
			if r.Change.After != nil {
				r.Change.After.InPackage = f.InPackage
				if (r.Change.What == baseline.Added || r.Change.What == baseline.Content || r.Change.What == baseline.Type) && telling(f) {
					v.remember(f, r.Evidence)
				}
			}
		}
		if err := v.add(&r); err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

// telling reports whether the strings of a file can say what it is for.
func telling(f *timeline.File) bool {
	return f.Type == filesystem.Regular && (f.Magic == "elf" || f.Magic == "script" || f.Magic == "php")
}

func (v *investigator) remember(f *timeline.File, ev timeline.Evidence) {
	if len(v.unknown) == maxUnknown {
		v.inv.Notes = append(v.inv.Notes, fmt.Sprintf("There are more than %d unknown programs and scripts; the strings of the first %d were read.", maxUnknown, maxUnknown))
	}
	if len(v.unknown) > maxUnknown {
		return
	}
	v.unknown = append(v.unknown, unknownFile{file: *f, evidence: ev, mount: v.mountOf(ev.Volume)})
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

// files walks all inodes under all their names.
func (v *investigator) files() error {
	for _, m := range v.host.Mounts {
		v.app.people.begin("reading inodes of volume "+m.Volume.Slot, int64(m.Index.Len()), unitFiles)
		for r, err := range treeOf(m, m.Index).Files(v.ctx) {
			if err != nil {
				v.noteDamage(v.ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Err: err})
				continue
			}
			v.app.people.add(1)
			v.inv.Counts.Inodes++
			f := r.File
			f.InPackage = !f.Deleted && !f.Orphan && v.packaged.Contains(f.Path)
			if !f.InPackage && !f.Deleted && f.Type == filesystem.Regular && f.Size > 0 {
				v.look(m, f)
				if v.baseHost == nil && telling(f) && (f.Magic != "script" || f.Mode&0o111 != 0) && v.packaged.Known() {
					v.remember(f, r.Evidence)
				}
			}
			if !f.Unalloc {
				v.seen(f.Times.Changed.Std())
			}
			if err := v.add(r); err != nil {
				return err
			}
		}
	}
	return v.ctx.Err()
}

// look reads the head of a file that no package vouches for, and the
// attributes that give rights.
func (v *investigator) look(m *host.Mount, f *timeline.File) {
	in, err := m.FS.Inode(f.Inode)
	if err != nil {
		return // the walk has reported it
	}
	if f.Mode&0o111 != 0 {
		if f.Xattrs, err = m.FS.Xattrs(in); err != nil {
			v.noteDamage(v.ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Path: f.Path, Inode: f.Inode, Err: err})
		}
	}
	c, err := m.FS.Content(in)
	if err != nil {
		v.noteDamage(v.ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Path: f.Path, Inode: f.Inode, Err: err})
	}
	if c == nil {
		return
	}
	var head [512]byte
	n, err := content.Head(c, head[:])
	if err != nil {
		v.noteDamage(v.ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Path: f.Path, Inode: f.Inode, Err: err})
	}
	f.Magic, f.Interp = content.Type(head[:n])
}

// artifacts runs the extractors.
func (v *investigator) artifacts() error {
	v.app.people.begin("reading logs, histories and accounts", 0, unitFiles)
	for r, err := range artifact.Extract(v.ctx, v.host, artifact.All) {
		if err != nil {
			v.noteDamage(v.ev, err)
			continue
		}
		v.app.people.add(1)
		if err := v.add(&r); err != nil {
			return err
		}
	}
	return v.ctx.Err()
}

// strings reads what the unknown programs and scripts say of themselves.
func (v *investigator) strings() error {
	v.app.people.begin("reading unknown programs", int64(len(v.unknown)), unitFiles)
	results := make([]*elfstrings.Result, len(v.unknown))
	errs := make([]error, len(v.unknown))
	err := content.InDiskOrder(v.ctx, len(v.unknown), 0, func(i int) int64 { return v.unknown[i].evidence.Offset }, func(_ *content.Worker, i int) {
		defer v.app.people.add(1)
		u := &v.unknown[i]
		if u.mount == nil {
			return
		}
		f, err := v.host.OpenNode(host.Node{Mount: u.mount, Inum: u.file.Inode}, u.file.Path)
		if err != nil {
			errs[i] = err
			return
		}
		res, err := elfstrings.Interesting(f, f.Size())
		results[i], errs[i] = &res, err
	})
	if err != nil {
		return err
	}
	for i, res := range results {
		u := &v.unknown[i]
		if errs[i] != nil {
			v.noteDamage(v.ev, &host.PathError{Image: v.ev.image.Name(), Volume: u.evidence.Volume, Path: u.file.Path, Inode: u.file.Inode, Err: errs[i]})
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

// hashing is the SHA-256 of an image on its way.
type hashing struct {
	ev   *evidence
	done chan struct{}
	sums []string // of each segment
	all  string
	err  error
}

// startHashes begins to hash the images while they are being examined.
func (v *investigator) startHashes() []*hashing {
	var out []*hashing
	for _, ev := range []*evidence{v.ev, v.base} {
		if ev == nil {
			continue
		}
		h := &hashing{ev: ev, done: make(chan struct{})}
		out = append(out, h)
		if v.opts.noHash {
			close(h.done)
			continue
		}
		go func() {
			defer close(h.done)
			h.run(v.ctx)
		}()
	}
	return out
}

func (h *hashing) run(ctx context.Context) {
	whole := sha256.New()
	buf := make([]byte, 1<<20)
	segments := h.ev.image.Segments()
	for i, s := range segments {
		part := sha256.New()
		to := io.Writer(whole)
		if len(segments) > 1 {
			to = io.MultiWriter(whole, part)
		}
		if i > 0 {
			if gap := s.Offset - segments[i-1].Offset - segments[i-1].Size; gap > 0 {
				writeZeros(whole, gap)
			}
		}
		for at := int64(0); at < s.Size; {
			if h.err = ctx.Err(); h.err != nil {
				return
			}
			n, err := h.ev.image.ReadAt(buf[:min(int64(len(buf)), s.Size-at)], s.Offset+at)
			to.Write(buf[:n])
			if at += int64(n); err != nil && at < s.Size {
				h.err = fmt.Errorf("no SHA-256: %w", err)
				return
			}
		}
		if len(segments) > 1 {
			h.sums = append(h.sums, hex.EncodeToString(part.Sum(nil)))
		}
	}
	if n := len(segments); n > 0 {
		writeZeros(whole, h.ev.image.Size()-segments[n-1].Offset-segments[n-1].Size)
	}
	h.all = hex.EncodeToString(whole.Sum(nil))
}

func writeZeros(w io.Writer, n int64) {
	zeros := make([]byte, 64<<10)
	for ; n > 0; n -= int64(len(zeros)) {
		w.Write(zeros[:min(n, int64(len(zeros)))])
	}
}

// evidenceFile waits for the hash and describes the image.
func (h *hashing) evidenceFile() report.EvidenceFile {
	<-h.done
	im := h.ev.image
	e := report.EvidenceFile{Path: im.Name(), Size: im.Size(), SHA256: h.all, Lost: im.Lost()}
	for i, s := range im.Segments() {
		seg := report.Segment{Path: s.Path, Size: s.Size}
		if i < len(h.sums) {
			seg.SHA256 = h.sums[i]
		} else if len(im.Segments()) == 1 {
			seg.SHA256 = h.all
		}
		e.Segments = append(e.Segments, seg)
	}
	return e
}

// describe fills in what the report says of the evidence.
func (v *investigator) describe(hashes []*hashing) error {
	v.app.people.begin("waiting for the SHA-256 of the images", 0, unitBytes)
	inv := &v.inv
	for _, h := range hashes {
		e := h.evidenceFile()
		if h.err != nil {
			if v.ctx.Err() != nil {
				return v.ctx.Err()
			}
			v.noteDamage(h.ev, h.err)
		}
		if h.ev == v.base {
			inv.Baseline = append(inv.Baseline, e)
		} else {
			inv.Evidence = append(inv.Evidence, e)
		}
	}
	inv.Tool = report.Tool{Name: "deadbox", Version: toolVersion()}
	inv.CommandLine = append([]string{"deadbox"}, v.app.args...)
	inv.Layouts = []report.Layout{{Image: v.ev.image.Name(), Layout: *v.ev.layout}}
	inv.Host = v.host
	inv.Notes = append(v.ev.openNotes(), inv.Notes...)
	inv.Notes = append(inv.Notes, v.packaged.Notes...)
	for _, err := range v.ev.openProblems() {
		inv.Damage = append(inv.Damage, v.damageOf(v.ev, err))
		inv.Counts.Damage++
	}
	for _, err := range append(slices.Clone(v.host.Damage), v.packaged.Damage...) {
		v.noteDamage(v.ev, err)
	}
	activity := v.host.Activity()
	inv.FirstActivity = activity.First.Std()
	inv.LastActivity = activity.Last.Std()
	if v.latest.After(inv.LastActivity) {
		inv.LastActivity = v.latest
	}
	inv.Excerpt = v.excerpt
	return nil
}

// excerpt reads the text that a piece of evidence points to.
func (v *investigator) excerpt(ev timeline.Evidence) string {
	const most = 2048
	if ev.Packed != "" || ev.Line == 0 || ev.Offset < 0 || ev.Length <= 0 || ev.Image != v.ev.image.Name() {
		return ""
	}
	buf := make([]byte, min(ev.Length, most))
	n, _ := v.ev.image.ReadAt(buf, ev.Offset)
	return string(buf[:n])
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
