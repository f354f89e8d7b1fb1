package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"deadbox/fs/content"
	"deadbox/fs/deleted"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
)

type recoverOptions struct {
	source sourceOptions
	zone   zoneOptions
	volume string
	dir    string
	format string
	all    bool
}

func newRecoverCommand(a *app) *cobra.Command {
	var opts recoverOptions
	cmd := &cobra.Command{
		Use:   "recover IMAGE... [-o DIR]",
		Short: "List deleted files with their names, and write their content to a folder",
		Long: `List what was deleted: name and full path, owner, mode, times, the time of the
deletion, size, and where the content lies. It joins the earlier copies of inodes
and of directory blocks in the journal with the slack of directories and with
inodes that are not allocated. Several versions of a file are told apart; content
that a living file lost when it was truncated is listed, too. What still lives is
not. Each is graded:

  complete  no block of the content was used again, as far as the disk and the
            journal show; a type that the name promises was found
  partial   part of the content was used again, cannot be read, or is not what
            the name says
  metadata  name, owner and times only

With -o the content goes to DIR/recovered/, below the original path, and
DIR/deleted.jsonl describes each version: its inode's copy, the ranges of the
image, where it was written and the SHA-256 of that, why it has its grade. What
is lost of a partial file is zeros there. Characters that a name should not have
are written as %XX. No file that exists is overwritten.

Where the inode does not keep the time of its deletion, commits of the journal
bound it: "before".

The Sleuth Kit's cousins are tsk_recover and "fls -d".` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox recover disk.dd
  deadbox recover disk.dd -o web01-deleted
  deadbox recover disk.dd --all --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runRecover(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.dir, "output", "o", "", "the `folder` to write recovered files to; it may exist if it holds no\nearlier recovery")
	flags.StringVar(&opts.format, "format", formatText, "`how` to list: text, jsonl")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatText, formatJSONL}, cobra.ShellCompDirectiveNoFileComp))
	flags.BoolVar(&opts.all, "all", false, "list inodes without a name and without content, too")
	flags.StringVar(&opts.volume, "volume", "", "only this `volume`, by its slot or number")
	opts.source.addFlags(cmd, false)
	opts.zone.addFlags(cmd)
	return cmd
}

// recovery is one run of the command.
type recovery struct {
	ctx     context.Context
	app     *app
	ev      *evidence
	opts    *recoverOptions
	zone    *time.Location
	root    *os.Root // nil without -o
	list    *output
	table   table
	counts  [3]int // by grade
	nothing int    // left out for want of --all
	written int64
	buf     []byte
}

func runRecover(ctx context.Context, a *app, opts *recoverOptions, images []string) error {
	format := outputOptions{format: opts.format, formats: []string{formatText, formatJSONL}}
	ev, err := opts.source.open(ctx, a, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	mounts, err := opts.mounts(ctx, ev)
	if err != nil {
		return err
	}
	ev.reportDamage(mounts...)
	r := &recovery{ctx: ctx, app: a, ev: ev, opts: opts, zone: time.UTC, buf: make([]byte, 256<<10)}
	r.table = table{head: []string{"GRADE", "WHAT", "TYPE", "SIZE", "DELETED", "PATH"}, right: []int{3}}
	if opts.format == formatText {
		if r.zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
	}
	manifest := (*output)(nil)
	if opts.dir != "" {
		file, err := r.openFolder()
		if err != nil {
			return err
		}
		defer r.root.Close()
		defer file.Close()
		manifest = &output{Writer: bufio.NewWriterSize(file, 64<<10), file: file}
	}
	err = a.withOutput(&format, ev, func(o *output) error {
		r.list = o
		for _, m := range mounts {
			if err := r.volume(m, manifest); err != nil {
				return err
			}
		}
		if o.format == formatText {
			return r.table.write(o)
		}
		return nil
	})
	if manifest != nil {
		err = errors.Join(err, manifest.Flush())
	}
	if err != nil {
		return err
	}
	r.sayCounts()
	return nil
}

// mounts are the file systems to look at, with their places on the server
// where they are known.
func (opts *recoverOptions) mounts(ctx context.Context, ev *evidence) ([]*host.Mount, error) {
	if len(ev.mounts) == 0 {
		return nil, ev.nothingToRead()
	}
	var only *host.Mount
	if opts.volume != "" {
		m, err := ev.choose(opts.volume)
		if err != nil {
			return nil, err
		}
		only = m
	}
	h, err := ev.server(ctx)
	if err != nil {
		return nil, err
	}
	var out []*host.Mount
	for _, m := range h.Mounts {
		if only == nil || m.Volume.Slot == only.Volume.Slot {
			out = append(out, m)
		}
	}
	if len(out) == 0 && only != nil {
		out = append(out, only)
	}
	return out, nil
}

// openFolder makes the folder of -o and the manifest in it.
func (r *recovery) openFolder() (*os.File, error) {
	dir := r.opts.dir
	if err := refuseEvidence(dir, r.ev.files()); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if _, err := root.Lstat("recovered"); err == nil {
		root.Close()
		return nil, withHint(usagef("%s holds an earlier recovery", dir), "give a new folder: nothing is overwritten")
	}
	file, err := root.OpenFile("deleted.jsonl", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		root.Close()
		if errors.Is(err, fs.ErrExist) {
			return nil, withHint(usagef("%s holds a deleted.jsonl", dir), "give a new folder: nothing is overwritten")
		}
		return nil, err
	}
	r.root = root
	return file, nil
}

// volume lists, and writes, what was deleted from one file system.
func (r *recovery) volume(m *host.Mount, manifest *output) error {
	found, err := deleted.Find(r.ctx, m.FS)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		r.app.note(fmt.Sprintf("volume %s: deleted files cannot be told of a %s", m.Volume.Slot, m.FS.Info().Type))
		return nil
	case err != nil:
		return err
	}
	for _, err := range found.Damage {
		r.app.damage("", &volumeError{m.Volume.Slot, err})
	}
	for _, n := range found.Notes {
		r.app.note(fmt.Sprintf("volume %s: %s", m.Volume.Slot, strings.TrimSuffix(n, ".")))
	}
	ledger := &content.Ledger{Room: m.Room()}
	for i := range found.Files {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		f := &found.Files[i]
		d := r.describe(m, f)
		if manifest != nil {
			if err := r.write(m, f, d, ledger); err != nil {
				return err
			}
			if err := d.writeJSON(manifest); err != nil {
				return err
			}
		}
		r.counts[f.Grade]++
		if !r.opts.all && f.Grade == deleted.Metadata && f.NameFrom == deleted.NoName {
			r.nothing++
			continue
		}
		if r.list.format == formatJSONL {
			if err := d.writeJSON(r.list); err != nil {
				return err
			}
			continue
		}
		r.addRow(f, d)
	}
	return nil
}

// deletedFile is a version as JSON has it: the members of a file, then these.
type deletedFile struct {
	file  timeline.File
	known bool // there is an inode
	more  deletedMembers
}

type deletedMembers struct {
	PathBytes   string         `json:"path_bytes,omitempty"`
	Whole       bool           `json:"path_whole"`
	NameFrom    string         `json:"name_from,omitempty"`
	Names       []text         `json:"other_names,omitempty"`
	Kind        string         `json:"kind"`
	Grade       string         `json:"grade"`
	Version     int            `json:"version"`
	Versions    int            `json:"versions"`
	Why         []text         `json:"why,omitempty"`
	After       *time.Time     `json:"deleted_after,omitempty"`
	Before      *time.Time     `json:"deleted_before,omitempty"`
	ReusedBy    uint64         `json:"inode_reused_by,omitempty"`
	Reused      []deletedReuse `json:"reused,omitempty"`
	Image       text           `json:"image,omitempty"`
	Volume      string         `json:"volume"`
	InodeOffset *int64         `json:"inode_offset,omitempty"` // of the copy that was taken
	Ranges      []deletedRange `json:"ranges,omitempty"`
	Recovered   text           `json:"recovered_as,omitempty"`
}

type deletedReuse struct {
	InFile int64  `json:"in_file"`
	Length int64  `json:"length"`
	By     uint64 `json:"by_inode,omitempty"`
	Path   text   `json:"by_path,omitempty"`
}

type deletedRange struct {
	Kind   string `json:"kind"`
	InFile int64  `json:"in_file"`
	Length int64  `json:"length"`
	Offset *int64 `json:"offset,omitempty"` // from the start of the image
	Image  text   `json:"image,omitempty"`
}

// maxListedRanges bounds the ranges that one line of JSON lists.
const maxListedRanges = 10_000

func below(m *host.Mount, path string) string {
	return strings.TrimSuffix(m.Point, "/") + path
}

func (r *recovery) describe(m *host.Mount, f *deleted.File) *deletedFile {
	d := &deletedFile{known: f.Inode != nil}
	p := below(m, f.Path)
	d.file = timeline.File{Path: p, Inode: f.Inum, Type: f.Type}
	if f.Inode != nil {
		d.file = fileOf(f.Inode, p)
		d.file.Times.Deleted, d.file.Target, d.file.Xattrs = f.DeletedAt, f.Target, f.Xattrs
		d.file.Unalloc = f.Kind == deleted.Deleted
	}
	d.more = deletedMembers{
		PathBytes: bytesOf(p), Whole: f.Whole, NameFrom: f.NameFrom.String(), Kind: f.Kind.String(), Grade: f.Grade.String(),
		Version: f.Version, Versions: f.Of, ReusedBy: uint64(f.ReusedBy), Volume: m.Volume.Slot, Image: r.ev.imageText(m.Image),
	}
	for _, n := range f.Names {
		d.more.Names = append(d.more.Names, text(below(m, n)))
	}
	for _, w := range f.Why {
		d.more.Why = append(d.more.Why, text(w))
	}
	if !f.After.IsZero() {
		d.more.After = &f.After
	}
	if !f.Before.IsZero() {
		d.more.Before = &f.Before
	}
	for _, u := range f.Reused {
		by := u.Path
		if by != "" {
			by = below(m, by)
		}
		d.more.Reused = append(d.more.Reused, deletedReuse{u.Logical, u.Length, uint64(u.By), text(by)})
	}
	place := func(offset int64) (*int64, text) {
		if image, at := m.Place(offset); at >= 0 {
			return &at, r.ev.imageText(image)
		}
		return nil, ""
	}
	if f.Inode != nil {
		d.more.InodeOffset, _ = place(f.Inode.Offset)
	}
	if f.Content != nil {
		for _, x := range f.Content.Extents() {
			if len(d.more.Ranges) == maxListedRanges {
				d.more.Why = append(d.more.Why, text(fmt.Sprintf("only the first %d ranges are listed", maxListedRanges)))
				break
			}
			at, image := place(x.Offset)
			d.more.Ranges = append(d.more.Ranges, deletedRange{x.Kind.String(), x.Logical, x.Length, at, image})
		}
	}
	return d
}

func (d *deletedFile) writeJSON(o *output) error {
	if d.known {
		return o.jsonFile(&d.file, &d.more)
	}
	return o.json(struct {
		Path  text   `json:"path"`
		Inode uint64 `json:"inode"`
		Type  string `json:"type"`
		*deletedMembers
	}{text(d.file.Path), uint64(d.file.Inode), d.file.Type.String(), &d.more})
}

// deletionTime is when a file was deleted, as its inode says, or the commit of the
// journal that bounds it; bound is "before" or "after" then. It is zero if
// nothing is known.
func deletionTime(f *deleted.File) (when time.Time, bound string) {
	switch {
	case f.DeletedAt.Known && f.Kind != deleted.Truncated:
		return f.DeletedAt.Std(), ""
	case !f.Before.IsZero():
		return f.Before, "before"
	case !f.After.IsZero():
		return f.After, "after"
	}
	return time.Time{}, ""
}

func (r *recovery) addRow(f *deleted.File, d *deletedFile) {
	when := ""
	if t, bound := deletionTime(f); !t.IsZero() {
		when = strings.TrimSpace(bound + " " + report.TimeIn(t, r.zone))
	}
	size := ""
	if f.Inode != nil && f.Type != filesystem.Directory && (f.Content != nil || f.Grade == deleted.Complete) {
		size = strconv.FormatInt(f.Inode.Size, 10)
	}
	what := f.Kind.String()
	if f.Of > 1 {
		what += fmt.Sprintf(" %d/%d", f.Version, f.Of)
	}
	p := d.file.Path
	if f.Target != "" {
		p += " -> " + f.Target
	}
	r.table.add(f.Grade.String(), what, f.Type.String(), size, when, p)
}

func (r *recovery) sayCounts() {
	a := r.app
	a.note(fmt.Sprintf("%d complete, %d partial, %d by metadata only", r.counts[deleted.Complete], r.counts[deleted.Partial], r.counts[deleted.Metadata]))
	if r.nothing > 0 {
		a.note(fmt.Sprintf("%s without a name and content left out; --all lists them", plural(r.nothing, "inode", "inodes")))
	}
	if r.root != nil {
		a.note(fmt.Sprintf("%s written to %s", report.Bytes(r.written), r.opts.dir))
	}
}

// write writes the content of a version below the folder.
func (r *recovery) write(m *host.Mount, f *deleted.File, d *deletedFile, ledger *content.Ledger) error {
	if f.Type != filesystem.Regular || f.Grade == deleted.Metadata {
		return nil
	}
	c := f.Filled()
	if c != nil {
		if err := ledger.Admit(content.LayoutOf(c)); err != nil {
			d.more.Why = append(d.more.Why, text(err.Error()))
			r.app.damage(strconv.Quote(d.file.Path), err)
			return nil
		}
	}
	file, name, err := r.create(m, f, d.file.Path)
	if err != nil {
		return fmt.Errorf("%q: %w", d.file.Path, err)
	}
	sum := sha256.New()
	out := &output{Writer: bufio.NewWriterSize(file, 64<<10), file: file, sparse: true}
	w := &sparseWriter{o: out}
	var evidenceErr error
	if c != nil {
		evidenceErr = content.Copy(&checkedContent{c, r.ctx}, r.buf, sum, &holes{w})
	}
	err = errors.Join(out.Flush(), w.seek(true))
	if err == nil && r.ctx.Err() != nil {
		err = r.ctx.Err()
	}
	if err == nil {
		if info, statErr := file.Stat(); statErr == nil {
			r.written += info.Size()
		}
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if evidenceErr != nil {
		var p *fs.PathError
		if errors.As(evidenceErr, &p) {
			return evidenceErr // of the analyst's own disk
		}
		r.app.damage(strconv.Quote(d.file.Path), evidenceErr)
		d.more.Why = append(d.more.Why, text("not written whole: "+evidenceErr.Error()))
	} else {
		d.file.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	if t := d.file.Times.Modified; t.Known {
		r.root.Chtimes(name, t.Std(), t.Std()) // the manifest has it, should this fail
	}
	d.more.Recovered = text(name)
	return nil
}

// checkedContent ends reading when the context does.
type checkedContent struct {
	filesystem.Content
	ctx context.Context
}

func (c *checkedContent) ReadAt(p []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Content.ReadAt(p, off)
}

// holes leaves blocks of zeros out of the file.
type holes struct{ w *sparseWriter }

func (h *holes) Write(p []byte) (int, error) {
	if len(p) >= 4096 && len(strings.TrimLeft(string(p[:16]), "\x00")) == 0 && strings.Trim(string(p), "\x00") == "" {
		return len(p), h.w.zeros(int64(len(p)))
	}
	return h.w.Write(p)
}

// create makes a new file for a version: below its path if that can be, else
// by its inode's number.
func (r *recovery) create(m *host.Mount, f *deleted.File, p string) (*os.File, string, error) {
	suffix := ""
	if f.Of > 1 {
		suffix = fmt.Sprintf(".~v%d", f.Version)
	}
	id := fmt.Sprintf(".~inode-%d-v%d", f.Inum, f.Version)
	safe := path.Join("recovered", safePath(p))
	names := []string{safe + suffix, safe + id}
	other := path.Join("recovered", "$ByInode", safePath(m.Volume.Slot), strings.TrimPrefix(id, ".~"))
	for k := range 100 {
		names = append(names, cmp.Or(other+strings.Repeat("_", k), other))
	}
	var err error
	for _, name := range names {
		if len(path.Base(name)) > maxSafeName || len(name) > maxSafePath {
			err = fs.ErrInvalid
			continue
		}
		if err = r.root.MkdirAll(path.Dir(name), 0o700); err != nil {
			if isFull(err) {
				return nil, "", err
			}
			continue // a file stands where a directory must
		}
		var file *os.File
		if file, err = r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			return file, name, nil
		}
		if isFull(err) {
			return nil, "", err
		}
	}
	return nil, "", err
}

// isFull reports whether no other name would help.
func isFull(err error) bool {
	return !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, syscall.ENOTDIR) &&
		!errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.ENAMETOOLONG)
}

const (
	maxSafeName = 255
	maxSafePath = 3000
)

// safePath turns a path of the image into one for the analyst's disk: no
// element is empty, a dot or two, and what a terminal or another system would take
// amiss is written as %XX.
func safePath(p string) string {
	var out []string
	for elem := range strings.SplitSeq(p, "/") {
		if elem != "" {
			out = append(out, safeName(elem))
		}
	}
	return path.Join(out...)
}

func safeName(s string) string {
	if s == "." || s == ".." {
		return strings.Repeat("%2E", len(s))
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 || c == '%' || c == '\\' || c == ':' || !unicode.IsPrint(c) {
			for k := range n {
				fmt.Fprintf(&b, "%%%02X", s[i+k])
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	if out := b.String(); len(out) <= maxSafeName-40 {
		return out
	}
	// Cut, with what keeps it apart from others that begin alike.
	sum := sha256.Sum256([]byte(s))
	cut := b.String()[:maxSafeName-60]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return cut + "~" + hex.EncodeToString(sum[:8])
}
