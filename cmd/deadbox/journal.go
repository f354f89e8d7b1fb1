package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
)

type journalOptions struct {
	output  outputOptions
	target  targetOptions
	zone    zoneOptions
	actions bool
}

func newJournalCommand(a *app) *cobra.Command {
	var opts journalOptions
	cmd := &cobra.Command{
		Use:   "journal IMAGE [PATH]",
		Short: "Show what the file system's journal still remembers",
		Long: `Show what the journal of ext3 and ext4 still remembers: every transaction that
lies in it, older ones that the log no longer names included, with its sequence,
the time of its commit, the blocks that it holds copies of and what they are.
LIVE transactions have not reached their place on the disk; deadbox lays them over
it in all that it shows, as a mount would, unless --no-replay is given.

With PATH or --inode, every earlier state of the inode that the journal holds, and
what changed from one to the next. A path that was deleted is looked for in the
journal's copies of directories.

With --actions, what happened to files, as far as two copies show it: created,
deleted, renamed, moved, written, truncated, mode or owner changed, a time set
back. It happened after SINCE, the commit of the last transaction that was complete
before its own began, and before the commit of its own.

The Sleuth Kit's cousins are jls and jcat; debugfs has logdump.` + withHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox journal disk.dd
  deadbox journal --actions disk.dd
  deadbox journal disk.dd /etc/passwd
  deadbox journal --inode 12 --format jsonl disk.dd`,
		Args: imageAndPathArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runJournal(cmd.Context(), a, &opts, args) },
	}
	opts.target.addFlags(cmd)
	cmd.Flags().BoolVar(&opts.actions, "actions", false, "what happened to files, in the order of the transactions")
	opts.zone.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runJournal(ctx context.Context, a *app, opts *journalOptions, args []string) error {
	path, err := opts.target.path(args, false)
	if err != nil {
		return err
	}
	if opts.actions && (path != "" || opts.target.inode != 0) {
		return usagef("--actions tells of all files: want it without a path and --inode")
	}
	ev, err := opts.target.source.open(ctx, a, args[0])
	if err != nil {
		return err
	}
	defer ev.close()
	v := &journalView{app: a, ev: ev, zone: time.UTC}
	if opts.output.format == formatText {
		if v.zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
	}
	if path == "" && opts.target.inode == 0 {
		return v.all(ctx, opts)
	}
	t, err := v.find(ctx, &opts.target, path)
	if err != nil {
		return err
	}
	if err := v.open(t.mount); err != nil {
		return err
	}
	return a.withOutput(&opts.output, ev, func(o *output) error { return v.writeHistory(o, t) })
}

// journalView is the journal of one file system.
type journalView struct {
	app  *app
	ev   *evidence
	zone *time.Location
	m    *host.Mount
	fsys *ext4.FS
	j    *ext4.Journal

	actions []ext4.Action // nil until changes
	index   *filesystem.Index
	lives   map[filesystem.Inum][]int // indexes in actions, by inode
}

type dirName struct {
	parent filesystem.Inum
	name   string
}

// open reads the journal of a file system and tells its damage.
func (v *journalView) open(m *host.Mount) error {
	fsys, ok := m.FS.(*ext4.FS)
	if !ok {
		return fmt.Errorf("volume %s: %s: %w", m.Volume.Slot, m.FS.Info().Type, ext4.ErrNoJournal)
	}
	j, err := fsys.Journal()
	if err != nil {
		return fmt.Errorf("volume %s: %w", m.Volume.Slot, err)
	}
	v.m, v.fsys, v.j, v.index, v.lives, v.actions = m, fsys, j, nil, nil, nil
	if _, replayed := fsys.Replay(); !replayed { // else it was told on opening
		for _, err := range j.Damage() {
			v.app.damage("volume "+m.Volume.Slot, err)
		}
	}
	return nil
}

// changes are the journal's actions, read once.
func (v *journalView) changes(ctx context.Context) []ext4.Action {
	if v.actions == nil {
		var err error
		if v.actions, err = v.j.Actions(ctx); err != nil {
			v.app.damage("volume "+v.m.Volume.Slot, err)
		}
	}
	return v.actions
}

// all shows the journals of all file systems, or of the chosen one.
func (v *journalView) all(ctx context.Context, opts *journalOptions) error {
	mounts := v.ev.mounts
	if opts.target.volume != "" || len(mounts) == 0 {
		m, err := v.ev.choose(opts.target.volume)
		if err != nil {
			return err
		}
		mounts = []*host.Mount{m}
	}
	v.ev.mentionDamage(mounts...)
	return v.app.withOutput(&opts.output, v.ev, func(o *output) error {
		shown := 0
		for _, m := range mounts {
			if err := v.open(m); err != nil {
				if len(mounts) == 1 {
					return err
				}
				v.app.note(err.Error())
				continue
			}
			if shown++; shown > 1 && o.format == formatText {
				o.WriteByte('\n')
			}
			write := v.writeTransactions
			if opts.actions {
				write = v.writeActions
			}
			if err := write(ctx, o); err != nil {
				return err
			}
		}
		if shown == 0 {
			return ext4.ErrNoJournal
		}
		return ctx.Err()
	})
}

// find resolves the target; a path that is not in the tree by the journal's
// copies of directories.
func (v *journalView) find(ctx context.Context, opts *targetOptions, path string) (*target, error) {
	t, err := v.ev.find(ctx, opts, path, false)
	if err == nil || path == "" || !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	m, cerr := v.ev.choose(opts.volume)
	if cerr != nil {
		return nil, err
	}
	if v.open(m) != nil {
		return nil, err
	}
	want := cleanPath(path)
	for _, a := range slices.Backward(v.changes(ctx)) {
		for _, n := range []dirName{{a.Parent, string(a.Name)}, {a.From, string(a.FromName)}} {
			if n.parent == 0 || !strings.HasSuffix(want, "/"+n.name) {
				continue
			}
			dir, derr := v.dirPath(ctx, n.parent, a.Sequence)
			if derr != nil {
				return nil, derr
			}
			if strings.TrimSuffix(dir, "/")+"/"+n.name != want {
				continue
			}
			in, ierr := v.fsys.Inode(a.Inum)
			if ierr != nil {
				return nil, ierr
			}
			v.app.note(fmt.Sprintf("%q is not in the tree; the journal's copies of directories say that it was inode %d", want, a.Inum))
			return &target{mount: m, inode: in, path: want}, nil
		}
	}
	return nil, err
}

// dirPath is the path of a directory as of a transaction. Numbers of inodes are
// used again: what the journal says of the time counts before the names of today.
func (v *journalView) dirPath(ctx context.Context, n filesystem.Inum, sequence uint32) (string, error) {
	if v.index == nil {
		index, err := v.app.buildIndex(ctx, v.fsys)
		if err != nil {
			return "", err
		}
		v.index, v.lives = index, map[filesystem.Inum][]int{}
		for i, a := range v.changes(ctx) {
			v.lives[a.Inum] = append(v.lives[a.Inum], i)
		}
	}
	var parts []string
	for range 64 {
		if n == v.fsys.Root() {
			slices.Reverse(parts)
			return "/" + strings.Join(parts, "/"), nil
		}
		up, ok := v.nameThen(n, sequence)
		if !ok {
			names := v.index.Names(n)
			if i := slices.IndexFunc(names, func(x filesystem.Name) bool { return !x.Deleted }); i >= 0 {
				slices.Reverse(parts)
				return strings.Join(append([]string{names[i].Path}, parts...), "/"), nil
			}
			break
		}
		parts, n = append(parts, up.name), up.parent
	}
	slices.Reverse(parts)
	return strings.Join(append([]string{filesystem.OrphanPath(n)}, parts...), "/"), nil
}

// nameThen is the name of an inode as of a transaction, if an action tells it:
// the last that gave it a name, or the next that took one away.
func (v *journalView) nameThen(n filesystem.Inum, sequence uint32) (dirName, bool) {
	var last dirName
	for _, i := range v.lives[n] {
		a := &v.actions[i]
		if int32(a.Sequence-sequence) > 0 {
			switch {
			case last.parent != 0:
				return last, true
			case a.Kind == ext4.ActionDeleted && a.Parent != 0:
				return dirName{a.Parent, string(a.Name)}, true
			case a.From != 0:
				return dirName{a.From, string(a.FromName)}, true
			case a.Kind == ext4.ActionCreated:
				return dirName{}, false
			}
			continue
		}
		if a.Parent != 0 {
			last = dirName{a.Parent, string(a.Name)}
		}
	}
	return last, last.parent != 0
}

func (v *journalView) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(report.AppendTimeIn(nil, t.Unix(), int32(t.Nanosecond()), v.zone, true))
}

// place is where a byte of the file system lies on the image.
func (v *journalView) place(offset int64) (*int64, text) {
	if offset < 0 || v.j.Info().External {
		return nil, ""
	}
	image, at := v.m.Place(offset)
	if at < 0 {
		return nil, ""
	}
	return &at, v.ev.imageText(image)
}

func (v *journalView) placeText(offset int64) string {
	if v.j.Info().External {
		return fmt.Sprintf("%d of the journal's device", offset)
	}
	image, at := v.m.Place(offset)
	if at < 0 {
		return ""
	}
	return v.ev.placeText(image, at)
}

// transactionUse counts what the blocks of each transaction are.
type transactionUse struct {
	uses map[string]int
	dirs map[filesystem.Inum]bool
}

// uses says of each transaction what its blocks are used for.
func (v *journalView) uses(ctx context.Context) ([]transactionUse, error) {
	out := make([]transactionUse, len(v.j.Transactions()))
	buf := make([]byte, v.j.Info().BlockSize)
	owners := map[int64]filesystem.Inum{}
	for _, c := range v.j.Copies() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u := &out[c.Transaction]
		if u.uses == nil {
			u.uses, u.dirs = map[string]int{}, map[filesystem.Inum]bool{}
		}
		use := v.fsys.BlockUse(c.Block)
		if use == "" {
			use = "other"
			if err := v.j.ReadCopy(c, buf); err != nil {
				v.app.damage("", err)
				continue
			}
			if entries, ok := v.fsys.DirBlock(owners[c.Block], buf, c.Offset); ok {
				use = "directory"
				if len(entries) > 0 && entries[0].Parent != 0 {
					owners[c.Block] = entries[0].Parent
					u.dirs[entries[0].Parent] = true
				}
			}
		}
		u.uses[use]++
	}
	return out, nil
}

var useWords = []struct{ use, one, many string }{
	{"inode table", "block of inodes", "blocks of inodes"},
	{"directory", "of directories", "of directories"},
	{"other", "other", "other"},
	{"superblock", "superblock", "superblocks"},
	{"group descriptors", "of group descriptors", "of group descriptors"},
	{"block bitmap", "block bitmap", "block bitmaps"},
	{"inode bitmap", "inode bitmap", "inode bitmaps"},
}

func stateOf(t *ext4.Transaction) string {
	switch {
	case t.Live:
		return "live"
	case t.Earlier:
		return "earlier life"
	case !t.Committed:
		return "not committed"
	}
	return "done"
}

func (v *journalView) writeTransactions(ctx context.Context, o *output) error {
	info, list := v.j.Info(), v.j.Transactions()
	uses, err := v.uses(ctx)
	if err != nil {
		return err
	}
	if o.format == formatJSONL {
		for i := range list {
			t := &list[i]
			var dirs []text
			for _, n := range sortedInums(uses[i].dirs) {
				p, err := v.dirPath(ctx, n, t.Sequence)
				if err != nil {
					return err
				}
				dirs = append(dirs, text(p))
			}
			at, image := v.place(t.Offset)
			err := o.json(struct {
				Volume      string         `json:"volume"`
				Sequence    uint32         `json:"sequence"`
				State       string         `json:"state"`
				Committed   *time.Time     `json:"committed,omitempty"`
				Blocks      int            `json:"blocks"`
				Lost        int            `json:"lost,omitempty"`
				Revokes     int            `json:"revokes,omitempty"`
				Checksum    string         `json:"checksum"`
				Uses        map[string]int `json:"uses,omitempty"`
				Directories []text         `json:"directories,omitempty"`
				Offset      *int64         `json:"offset,omitempty"`
				Image       text           `json:"image,omitempty"`
			}{v.m.Volume.Slot, t.Sequence, stateOf(t), timeOrNil(t.Commit), t.Blocks, t.Lost, t.Revokes, t.Checksum.String(), uses[i].uses, dirs, at, image})
			if err != nil {
				return err
			}
		}
		return nil
	}
	where := fmt.Sprintf("inode %d", info.Inum)
	if info.External {
		where = "a device of its own"
	}
	fmt.Fprintf(o, "%s of volume %s: %s, version %d, %d blocks of %d bytes%s\n", o.paint(colorBold, "Journal"), report.Text(v.m.Volume.Slot), where, info.Version, info.Blocks, info.BlockSize,
		report.Text(prefixed("; ", strings.Join(info.Features, ", "))))
	if info.Errno != 0 {
		fmt.Fprintf(o, "The kernel aborted it with error %d.\n", info.Errno)
	}
	if len(list) == 0 {
		o.WriteString("It holds no transaction.\n")
		return nil
	}
	o.WriteByte('\n')
	t := table{head: []string{"SEQUENCE", "COMMITTED", "STATE", "BLOCKS", "LOST", "REVOKED", "OFFSET", "HOLDS", "DIRECTORIES"}, right: []int{0, 3, 4, 5, 6}}
	for i := range list {
		x := &list[i]
		var what []string
		for _, w := range useWords {
			if n := uses[i].uses[w.use]; n > 0 {
				what = append(what, plural(n, w.one, w.many))
			}
		}
		dirs, err := v.dirList(ctx, x.Sequence, uses[i].dirs)
		if err != nil {
			return err
		}
		t.add(strconv.FormatUint(uint64(x.Sequence), 10), v.time(x.Commit), stateOf(x), strconv.Itoa(x.Blocks), nonZero(x.Lost), nonZero(x.Revokes),
			v.placeText(x.Offset), strings.Join(what, ", "), dirs)
	}
	if err := t.write(o); err != nil {
		return err
	}
	if fast := v.j.FastCommits(); len(fast) > 0 {
		fmt.Fprintf(o, "\n%s in the area of fast commits.\n", plural(len(fast), "record", "records"))
	}
	return nil
}

// maxDirsShown is how many directories a line of text names.
const maxDirsShown = 4

func (v *journalView) dirList(ctx context.Context, sequence uint32, dirs map[filesystem.Inum]bool) (string, error) {
	var out []string
	for i, n := range sortedInums(dirs) {
		if i == maxDirsShown {
			out = append(out, fmt.Sprintf("%d more", len(dirs)-i))
			break
		}
		p, err := v.dirPath(ctx, n, sequence)
		if err != nil {
			return "", err
		}
		out = append(out, p)
	}
	return strings.Join(out, " "), nil
}

func sortedInums(set map[filesystem.Inum]bool) []filesystem.Inum {
	out := make([]filesystem.Inum, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func nonZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (v *journalView) writeActions(ctx context.Context, o *output) error {
	actions := v.changes(ctx)
	paths := func(parent filesystem.Inum, name []byte, sequence uint32) (string, error) {
		if parent == 0 {
			return "", nil
		}
		dir, err := v.dirPath(ctx, parent, sequence)
		return strings.TrimSuffix(dir, "/") + "/" + string(name), err
	}
	t := table{head: []string{"SEQUENCE", "SINCE", "COMMITTED", "ACTION", "INODE", "PATH", "BEFORE", "AFTER"}, right: []int{0, 4}}
	for i := range actions {
		a := &actions[i]
		path, err := paths(a.Parent, a.Name, a.Sequence)
		if err != nil {
			return err
		}
		from, err := paths(a.From, a.FromName, a.Sequence-1)
		if err != nil {
			return err
		}
		if path == "" && a.Kind != ext4.ActionDeleted && a.Kind != ext4.ActionCreated {
			if path, err = v.nameOf(ctx, a.Inum, a.Sequence); err != nil {
				return err
			}
		}
		if o.format == formatJSONL {
			at, image := v.place(a.Offset)
			err := o.json(struct {
				Volume    string     `json:"volume"`
				Action    string     `json:"action"`
				Inode     uint64     `json:"inode"`
				Path      text       `json:"path,omitempty"`
				PathBytes string     `json:"path_bytes,omitempty"`
				From      text       `json:"from,omitempty"`
				FromBytes string     `json:"from_bytes,omitempty"`
				Before    string     `json:"before,omitempty"`
				After     string     `json:"after,omitempty"`
				Sequence  uint32     `json:"sequence"`
				Since     *time.Time `json:"since,omitempty"`
				Committed *time.Time `json:"committed,omitempty"`
				Offset    *int64     `json:"offset,omitempty"`
				Image     text       `json:"image,omitempty"`
			}{v.m.Volume.Slot, a.Kind, uint64(a.Inum), text(path), bytesOf(path), text(from), bytesOf(from), a.Before, a.After, a.Sequence, timeOrNil(a.Since), timeOrNil(a.Commit), at, image})
			if err != nil {
				return err
			}
			continue
		}
		before := a.Before
		if from != "" {
			before = from
		}
		t.add(strconv.FormatUint(uint64(a.Sequence), 10), v.time(a.Since), v.time(a.Commit), a.Kind, strconv.FormatUint(uint64(a.Inum), 10), path, before, a.After)
	}
	if o.format == formatJSONL {
		return nil
	}
	if len(actions) == 0 {
		fmt.Fprintf(o, "The journal of volume %s shows no change of a file.\n", report.Text(v.m.Volume.Slot))
		return nil
	}
	return t.write(o)
}

// nameOf is the path of an inode that an action names no name of; "" if there
// is none.
func (v *journalView) nameOf(ctx context.Context, n filesystem.Inum, sequence uint32) (string, error) {
	path, err := v.dirPath(ctx, n, sequence)
	if path == filesystem.OrphanPath(n) {
		return "", err
	}
	return path, err
}

// inodeValue is one value of an inode, for comparison.
type inodeValue struct{ name, value string }

// values lists what an inode says, in the order of stat.
func (v *journalView) values(s *ext4.InodeState, in *filesystem.Inode) []inodeValue {
	at := func(t filesystem.Time) string {
		if !t.Known {
			return ""
		}
		return string(report.AppendTimeIn(nil, t.Sec, t.Nsec, v.zone, true))
	}
	out := []inodeValue{
		{"type", in.Mode.Type().String()},
		{"mode", fmt.Sprintf("%s (%06o)", in.Mode, uint16(in.Mode))},
		{"uid", strconv.FormatUint(uint64(in.UID), 10)},
		{"gid", strconv.FormatUint(uint64(in.GID), 10)},
		{"links", strconv.FormatUint(uint64(in.Links), 10)},
		{"size", strconv.FormatInt(in.Size, 10)},
		{"sectors", strconv.FormatUint(in.Sectors, 10)},
		{"flags", orElse(in.Flags.String(), "none")},
		{"generation", strconv.FormatUint(uint64(in.Generation), 10)},
		{"modified", at(in.Times.Modified)},
		{"accessed", at(in.Times.Accessed)},
		{"changed", at(in.Times.Changed)},
		{"born", at(in.Times.Born)},
		{"deleted", at(in.Times.Deleted)},
	}
	return append(out, inodeValue{"extents", v.extents(s, in)})
}

// maxRunsShown is how many extents of one state a line of text names.
const maxRunsShown = 8

// extents says where the data of a state lies: "blocks 10-19, 30".
func (v *journalView) extents(s *ext4.InodeState, in *filesystem.Inode) string {
	var c filesystem.Content
	if s != nil {
		c, _ = v.j.AsOf(s.Copy.Sequence).Content(in) // what cannot be mapped shows as lost
	} else {
		c, _ = v.fsys.Content(in)
	}
	if c == nil {
		return ""
	}
	size := v.j.Info().BlockSize
	var out []string
	for _, x := range c.Extents() {
		if len(out) == maxRunsShown {
			out = append(out, "...")
			break
		}
		switch x.Kind {
		case filesystem.Hole:
		case filesystem.Inline:
			out = append(out, fmt.Sprintf("%d bytes in the inode", x.Length))
		case filesystem.Lost:
			out = append(out, fmt.Sprintf("%d bytes lost", x.Length))
		default:
			first, last := x.Offset/size, (x.Offset+x.Length-1)/size
			r := strconv.FormatInt(first, 10)
			if last > first {
				r += "-" + strconv.FormatInt(last, 10)
			}
			if x.Kind != filesystem.Data {
				r += " (" + x.Kind.String() + ")"
			}
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// writeHistory shows the states of an inode side by side: the oldest whole, of
// the others what changed, at last how it stands on the disk.
func (v *journalView) writeHistory(o *output, t *target) error {
	states := v.j.InodeHistory(t.inode.Inum)
	if o.format == formatJSONL {
		for i := range states {
			s := &states[i]
			at, image := v.place(s.Inode.Offset)
			more := struct {
				Sequence  uint32     `json:"sequence"`
				Until     uint32     `json:"last_sequence"`
				State     string     `json:"state"`
				Committed *time.Time `json:"committed,omitempty"`
				Verified  bool       `json:"verified"`
				Extents   string     `json:"blocks,omitempty"`
				Volume    string     `json:"volume"`
				Offset    *int64     `json:"offset,omitempty"`
				Image     text       `json:"image,omitempty"`
			}{s.Copy.Sequence, s.Last.Sequence, v.copyState(&s.Copy), timeOrNil(s.Copy.Commit), s.Copy.Verified, v.extents(s, s.Inode), v.m.Volume.Slot, at, image}
			f := fileOf(s.Inode, t.path)
			if err := o.jsonFile(&f, more); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(o, "%s %d%s: %s in the journal\n", o.paint(colorBold, "Inode"), t.inode.Inum, report.Text(prefixed(", ", t.path)), plural(len(states), "state", "states"))
	var before []inodeValue
	for i := range states {
		s := &states[i]
		until := ""
		if s.Last.Sequence != s.Copy.Sequence {
			until = fmt.Sprintf(", the same up to transaction %d (%s)", s.Last.Sequence, v.time(s.Last.Commit))
		}
		fmt.Fprintf(o, "\n%s %d, %s%s, at byte %s\n", o.paint(colorBold, "transaction"), s.Copy.Sequence, report.Text(orElse(v.time(s.Copy.Commit), "not committed")), report.Text(until), report.Text(v.placeText(s.Inode.Offset)))
		now := v.values(s, s.Inode)
		writeChanges(o, before, now)
		before = now
	}
	if len(states) > 0 && bytes.Equal(states[len(states)-1].Inode.Raw, t.inode.Raw) {
		fmt.Fprintf(o, "\n%s: as in transaction %d\n", o.paint(colorBold, "in the tree"), states[len(states)-1].Last.Sequence)
		return nil
	}
	fmt.Fprintf(o, "\n%s, %s\n", o.paint(colorBold, "in the tree"), allocatedWord(t.inode))
	writeChanges(o, before, v.values(nil, t.inode))
	return nil
}

func (v *journalView) copyState(c *ext4.BlockCopy) string {
	list := v.j.Transactions()
	return stateOf(&list[c.Transaction])
}

// writeChanges shows the values that differ from those before; all of them if
// there are none before.
func writeChanges(o *output, before, now []inodeValue) {
	same := true
	for i, x := range now {
		switch {
		case before == nil && x.value != "":
			fmt.Fprintf(o, "  %-11s %s\n", x.name, report.Text(x.value))
		case before != nil && before[i].value != x.value:
			fmt.Fprintf(o, "  %-11s %s -> %s\n", x.name, report.Text(orElse(before[i].value, "none")), report.Text(orElse(x.value, "none")))
		default:
			continue
		}
		same = false
	}
	if same && before != nil {
		o.WriteString("  no change of these values\n")
	}
}
