package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
)

type lsOptions struct {
	output    outputOptions
	target    targetOptions
	zone      zoneOptions
	recursive bool
	long      bool
	paths     bool
	deleted   bool
	allocated bool
	all       bool
}

func newLsCommand(a *app) *cobra.Command {
	var opts lsOptions
	cmd := &cobra.Command{
		Use:   "ls IMAGE [PATH]",
		Short: "List the names in a directory, deleted ones too",
		Long: `List the names in a directory (default: the root), sorted: those that are
there, and those of deleted files that survive in the directory's slack.

  r/r 12:            type by the name, type by the inode, inode
  r/r * 13:          the name is deleted
  r/r * 14(realloc): the name is deleted, and its inode is in use: what the
                     inode says now may be of another file

Types are r file, d directory, l link, c and b device, p fifo, s socket. -l adds
the times modified, accessed, changed and born, size, uid and gid.

Inodes that no name leads to, and that still hold something, are listed in
$OrphanFiles at the end of a recursive listing of the root; "*" marks those that
are not allocated.

A file system is listed without those that are mounted on it.

The Sleuth Kit's cousin is fls: --deleted is its -d, --allocated its -u.` + withHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox ls disk.dd
  deadbox ls -l disk.dd /etc
  deadbox ls -r -p --deleted disk.dd
  deadbox ls -r --format jsonl -o names.jsonl disk.dd
  deadbox ls --inode 2 --volume 1 disk.dd
  deadbox ls --with good.dd disk.dd /etc`,
		Args: imageAndPathArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runLs(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&opts.recursive, "recursive", "r", false, "list directories below too")
	flags.BoolVarP(&opts.long, "long", "l", false, "add times, size and owner")
	flags.BoolVarP(&opts.paths, "paths", "p", false, "full paths instead of names")
	flags.BoolVarP(&opts.all, "all", "a", false, "list . and .. too")
	flags.BoolVarP(&opts.deleted, "deleted", "d", false, "list deleted names and orphans only")
	flags.BoolVarP(&opts.allocated, "allocated", "u", false, "list allocated names only")
	opts.target.addFlags(cmd)
	opts.zone.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runLs(ctx context.Context, a *app, opts *lsOptions, args []string) error {
	if opts.deleted && opts.allocated {
		return usagef("--deleted and --allocated contradict each other")
	}
	path, err := opts.target.path(args, false)
	if err != nil {
		return err
	}
	ev, err := opts.target.source.open(ctx, a, args[0])
	if err != nil {
		return err
	}
	defer ev.close()
	above, orphans := strings.CutSuffix(strings.TrimRight(path, "/"), orphanDir)
	if orphans {
		path, opts.recursive = orElse(above, "/"), true
	}
	t, err := ev.find(ctx, &opts.target, path, true)
	if err != nil {
		return err
	}
	ev.reportDamage(t.mount)
	l := &lister{ctx: ctx, app: a, ev: ev, opts: opts, mount: t.mount, fsys: t.mount.FS, zone: time.UTC}
	if t.inode.Inum == l.fsys.Root() {
		l.point = strings.TrimSuffix(t.path, "/")
	} else if orphans {
		return fmt.Errorf("%q: %w", above+orphanDir, fs.ErrNotExist)
	}
	if opts.target.volume == "" && opts.target.inode == 0 {
		l.noteMounts(t)
	}
	if opts.long && opts.output.format == formatText {
		if l.zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
	}
	return a.withOutput(&opts.output, ev, func(o *output) error {
		l.o = o
		switch {
		case orphans:
			return l.listOrphans()
		case t.inode.Mode.Type() != filesystem.Directory:
			return l.listFile(t)
		}
		return l.listFrom(t)
	})
}

// noteMounts names the file systems that are mounted within what is listed.
func (l *lister) noteMounts(t *target) {
	if l.ev.host == nil || len(l.ev.mounts) < 2 {
		return
	}
	prefix := strings.TrimSuffix(t.path, "/") + "/"
	for _, m := range l.ev.host.Mounts {
		if rest, ok := strings.CutPrefix(m.Point, prefix); ok && rest != "" && (l.opts.recursive || !strings.Contains(rest, "/")) {
			l.app.note(fmt.Sprintf("volume %s stands at %q and is not entered: list it by that path", m.Volume.Slot, m.Point))
		}
	}
}

// lister lists the directories of one file system.
type lister struct {
	ctx   context.Context
	app   *app
	point string // path of the file system's root
	o     *output
	ev    *evidence
	opts  *lsOptions
	mount *host.Mount
	fsys  filesystem.FileSystem
	zone  *time.Location
	index *filesystem.Index // nil if only one directory is listed
	seen  inumSet           // inodes that a name leads to
	whole bool              // the whole tree was gone through, so that seen is complete
	mute  bool              // go through it without listing it
	line  []byte
}

// orphanDir is the directory that stands for the inodes without a name.
const orphanDir = "/$OrphanFiles"

// listed is one line of the listing.
type listed struct {
	entry  filesystem.Entry
	inode  *filesystem.Inode // nil if there is none, or it could not be read
	read   bool              // inode was looked for
	path   []byte            // full; nil if the listing shows names only
	depth  int
	orphan bool
}

func (x *listed) realloc() bool {
	return !x.entry.Allocated && !x.orphan && x.inode != nil && x.inode.Allocated
}

// listFile lists a file that is not a directory as the one name that it is.
func (l *lister) listFile(t *target) error {
	path := orElse(t.path, filesystem.OrphanPath(t.inode.Inum))
	return l.print(&listed{
		entry: filesystem.Entry{
			Inum: t.inode.Inum, Name: []byte(path[strings.LastIndexByte(path, '/')+1:]), Type: t.inode.Mode.Type(),
			Allocated: t.inode.Allocated, Offset: -1,
		},
		inode: t.inode, path: []byte(path),
	})
}

func (l *lister) listFrom(t *target) error {
	root := t.inode.Inum == l.fsys.Root()
	path := t.path
	if l.opts.recursive || path == "" && (l.opts.paths || l.o.format == formatJSONL) && !root {
		if err := l.buildIndex(); err != nil {
			return err
		}
	}
	if path == "" {
		path = "/"
		if !root {
			path = l.pathOf(t.inode.Inum)
		}
	}
	if l.opts.recursive && root {
		l.app.people.begin("listing", int64(l.index.Len()), unitNames)
	}
	if err := l.listTree(t.inode, []byte(strings.TrimSuffix(path, "/")), 0); err != nil {
		return err
	}
	l.whole = root && l.opts.recursive
	switch {
	case !root:
		return nil
	case l.opts.recursive:
		return l.listOrphans()
	case !l.opts.recursive && !l.opts.deleted:
		return l.printOrphanDir()
	}
	return nil
}

func (l *lister) buildIndex() (err error) {
	l.index, err = l.app.buildIndex(l.ctx, l.fsys)
	return err
}

// buildIndex reads all names of a file system, with progress. Damage is
// reported; the error is that of the context.
func (a *app) buildIndex(ctx context.Context, fsys filesystem.FileSystem) (*filesystem.Index, error) {
	a.people.begin("reading directories", 0, unitNames)
	defer a.people.end()
	index, damage := filesystem.BuildIndex(ctx, countedNames{fsys, a.people})
	for _, err := range damage {
		a.damage("", err)
	}
	return index, ctx.Err()
}

// countedNames counts the names of a file system as they are read.
type countedNames struct {
	filesystem.FileSystem
	people *progress
}

func (c countedNames) Entries(ctx context.Context) iter.Seq2[filesystem.Entry, error] {
	return func(yield func(filesystem.Entry, error) bool) {
		const step = 1024
		n := 0
		for e, err := range c.FileSystem.Entries(ctx) {
			if n++; n%step == 0 {
				c.people.add(step)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// pathOf is the path of a directory that was named by its inode.
func (l *lister) pathOf(n filesystem.Inum) string {
	if l.index != nil {
		if names := l.index.Names(n); len(names) > 0 {
			return names[0].Path
		}
	}
	return filesystem.OrphanPath(n)
}

// maxDepth bounds how far down a listing goes; what lies deeper is listed
// among the orphans. The longest path that a program can name has 2,048 levels.
const maxDepth = 16 << 10

// listTree lists a directory, and what is below it if that is wanted. Each
// directory is entered once, so that it ends on a disk whose directories lie in a circle.
func (l *lister) listTree(top *filesystem.Inode, path []byte, depth int) error {
	type level struct {
		list []listed
		path []byte
	}
	needPath := l.opts.paths || l.o.format == formatJSONL
	list, err := l.entries(top)
	if err != nil {
		return err
	}
	l.seen.add(top.Inum)
	stack := []level{{list, path}}
	for len(stack) > 0 {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		at := &stack[len(stack)-1]
		if len(at.list) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		x := at.list[0]
		at.list[0] = listed{} // its inode is not needed any longer
		at.list = at.list[1:]
		l.app.people.add(1)
		x.depth = depth + len(stack) - 1
		if needPath {
			x.path = append(append(slices.Clip(at.path), '/'), x.entry.Name...)
		}
		l.readInode(&x)
		if l.wanted(&x) {
			if err := l.print(&x); err != nil {
				return err
			}
		}
		known := l.seen.has(x.entry.Inum)
		l.seen.add(x.entry.Inum)
		if !l.opts.recursive || known || x.entry.IsDot() || !isLiveDirectory(&x) || len(stack) >= maxDepth {
			continue
		}
		list, err := l.entries(x.inode)
		if err != nil {
			return err
		}
		stack = append(stack, level{list, x.path})
	}
	return nil
}

// isLiveDirectory reports whether what a name's directory holds belongs to the
// name. The inode of a deleted name may be another directory by now, which is
// listed at its own place.
func isLiveDirectory(x *listed) bool {
	return x.inode != nil && x.inode.Mode.Type() == filesystem.Directory && !x.realloc()
}

func (l *lister) wanted(x *listed) bool {
	switch {
	case l.mute:
		return false
	case l.opts.deleted:
		return !x.entry.Allocated
	case l.opts.allocated:
		return x.entry.Allocated
	}
	return true
}

// readInode gets the inode that a name leads to. One that cannot be read is
// damage, and the name is listed without it.
func (l *lister) readInode(x *listed) {
	if x.read || x.entry.Inum == 0 {
		return
	}
	x.read = true
	in, err := l.fsys.Inode(x.entry.Inum)
	if err != nil {
		if x.entry.Allocated {
			l.app.damage("", err)
		}
		return
	}
	x.inode = in
}

// maxAhead is how many inodes of a directory are read ahead in the order of
// the disk and kept until they are listed.
const maxAhead = 1 << 14

// directoryReader is a file system that reads the names of one directory
// without reading all.
type directoryReader interface {
	Directory(ctx context.Context, dir *filesystem.Inode) iter.Seq2[filesystem.Entry, error]
}

// entries lists the names of a directory, sorted by name, then by their place
// on the disk.
func (l *lister) entries(dir *filesystem.Inode) ([]listed, error) {
	var list []listed
	add := func(e filesystem.Entry) {
		if !e.IsDot() || l.opts.all {
			list = append(list, listed{entry: e})
		}
	}
	if l.index != nil && !l.opts.all {
		for e := range l.index.Children(dir.Inum) {
			add(e)
		}
	} else {
		all := l.fsys.Entries
		if d, ok := l.fsys.(directoryReader); ok {
			all = func(ctx context.Context) iter.Seq2[filesystem.Entry, error] { return d.Directory(ctx, dir) }
		}
		for e, err := range all(l.ctx) {
			if err != nil {
				// Without the index, damage elsewhere on the disk is none of this listing.
				if _, n := filesystem.Place(err); n == dir.Inum || n == 0 {
					l.app.damage("", err)
				}
				continue
			}
			if e.Parent == dir.Inum {
				e.Name = bytes.Clone(e.Name)
				add(e)
			}
		}
	}
	if len(list) <= maxAhead {
		slices.SortStableFunc(list, func(a, b listed) int { return cmp.Compare(a.entry.Inum, b.entry.Inum) })
		for i := range list {
			l.readInode(&list[i])
		}
	}
	slices.SortStableFunc(list, func(a, b listed) int {
		return cmp.Or(bytes.Compare(a.entry.Name, b.entry.Name), cmp.Compare(a.entry.Offset, b.entry.Offset))
	})
	return list, l.ctx.Err()
}

// listOrphans lists the inodes that hold something and that no name leads to.
func (l *lister) listOrphans() error {
	if l.index == nil {
		if err := l.buildIndex(); err != nil {
			return err
		}
	}
	if !l.whole {
		root, err := l.fsys.Inode(l.fsys.Root())
		if err != nil {
			return err
		}
		l.mute = true
		err = l.listTree(root, []byte(l.point), 0)
		l.mute = false
		if err != nil {
			return err
		}
	}
	depth := 0
	if !l.opts.deleted {
		if err := l.printOrphanDir(); err != nil {
			return err
		}
		depth = 1
	}
	info := l.fsys.Info()
	l.app.people.begin("looking for orphans", int64(info.InodeCount), unitInodes)
	defer l.app.people.end()
	var found []filesystem.Inum
	at := filesystem.Inum(0)
	for in, err := range l.fsys.Inodes(l.ctx) {
		if err != nil {
			l.app.damage("", err)
			continue
		}
		l.app.people.add(int64(in.Inum - min(at, in.Inum)))
		at = in.Inum
		if l.isOrphan(in) {
			found = append(found, in.Inum)
		}
	}
	// First those that nothing names, with what they hold; then those that
	// name each other in a circle.
	for _, named := range []bool{false, true} {
		for _, n := range found {
			if err := l.ctx.Err(); err != nil {
				return err
			}
			lo, hi := l.index.Range(n)
			if l.seen.has(n) || (lo < hi) != named {
				continue
			}
			in, err := l.fsys.Inode(n)
			if err != nil {
				l.app.damage("", err)
				continue
			}
			path := filesystem.OrphanPath(n)
			x := listed{
				entry: filesystem.Entry{Inum: n, Name: []byte(path[len(orphanDir)+1:]), Allocated: in.Allocated, Offset: -1},
				inode: in, path: []byte(l.point + path), depth: depth, orphan: true,
			}
			if l.wanted(&x) {
				if err := l.print(&x); err != nil {
					return err
				}
			}
			if in.Mode.Type() != filesystem.Directory {
				l.seen.add(n)
				continue
			}
			if err := l.listTree(in, x.path, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOrphan reports whether an inode is one that a name should lead to, and
// none does. The inodes that the file system keeps for itself have no names.
func (l *lister) isOrphan(in *filesystem.Inode) bool {
	return in.Inum >= firstInode && in.Flags&filesystem.FlagEAInode == 0 && in.Mode != 0 && !l.seen.has(in.Inum)
}

// firstInode is the first that ext2, ext3 and ext4 do not reserve.
const firstInode = 11

// printOrphanDir prints the line of the directory that stands for orphans,
// with the number that The Sleuth Kit gives it.
func (l *lister) printOrphanDir() error {
	if l.o.format != formatText {
		return nil
	}
	name := orphanDir[1:]
	if l.opts.paths {
		name = l.point + orphanDir
	}
	_, err := fmt.Fprintf(l.o, "V/V %d:\t%s\n", l.fsys.Info().InodeCount+1, report.Text(name))
	return err
}

func (l *lister) print(x *listed) error {
	l.line = l.line[:0]
	if l.o.format == formatJSONL {
		return l.printJSON(x)
	}
	l.printText(x)
	_, err := l.o.Write(l.line)
	return err
}

func (l *lister) printText(x *listed) {
	b := l.line
	if !l.opts.paths && x.depth > 0 {
		b = append(bytes.Repeat([]byte{'+'}, x.depth), ' ')
	}
	b = append(b, x.entry.Type.Letter(), '/')
	if x.inode != nil {
		b = append(b, x.inode.Mode.Type().Letter())
	} else {
		b = append(b, '-')
	}
	b = append(b, ' ')
	if !x.entry.Allocated {
		b = append(b, "* "...)
	}
	b = fmt.Appendf(b, "%d", x.entry.Inum)
	if x.realloc() {
		b = append(b, "(realloc)"...)
	}
	b = append(b, ':', '\t')
	name := x.entry.Name
	if l.opts.paths {
		name = x.path
	}
	if l.o.color && !x.entry.Allocated {
		b = append(b, l.o.paint(colorRed, report.Text(string(name)))...)
	} else {
		b = report.AppendText(b, string(name))
	}
	if l.opts.long {
		in := x.inode
		if in == nil {
			in = &filesystem.Inode{}
		}
		for _, t := range []filesystem.Time{in.Times.Modified, in.Times.Accessed, in.Times.Changed, in.Times.Born} {
			b = append(b, '\t')
			if t.Known {
				b = report.AppendTimeIn(b, t.Sec, t.Nsec, l.zone, false)
			} else {
				b = append(b, '-')
			}
		}
		b = fmt.Appendf(b, "\t%d\t%d\t%d", in.Size, in.UID, in.GID)
	}
	l.line = append(b, '\n')
}

// jsonListed is what stands beside the inode's metadata in JSON.
type jsonListed struct {
	Image     text   `json:"image,omitempty"`
	Volume    string `json:"volume"`
	NameType  string `json:"name_type"`
	Realloc   bool   `json:"realloc,omitempty"`
	Encrypted bool   `json:"encrypted,omitempty"`
	Offset    *int64 `json:"entry_offset,omitempty"`
}

func (l *lister) printJSON(x *listed) error {
	in := x.inode
	if in == nil {
		in = &filesystem.Inode{Inum: x.entry.Inum}
	}
	f := fileOf(in, string(x.path))
	f.Deleted = !x.entry.Allocated
	f.Orphan = x.orphan
	if x.inode != nil && in.Mode.Type() == filesystem.Symlink {
		target, err := l.fsys.Link(in)
		if err != nil && in.Allocated {
			l.app.damage("", err)
		}
		f.Target = string(target)
	}
	more := jsonListed{Volume: l.mount.Volume.Slot, NameType: x.entry.Type.String(), Realloc: x.realloc(), Encrypted: x.entry.Encrypted}
	image, offset := l.mount.Place(x.entry.Offset)
	more.Image = l.ev.imageText(image)
	if offset >= 0 {
		more.Offset = &offset
	}
	return l.o.jsonFile(&f, more)
}

// inumSet is a set of inodes, which grows with the inodes that are put in and
// not with the largest number.
type inumSet map[filesystem.Inum]*[inumPage / 64]uint64

const inumPage = 4096

func (s *inumSet) add(n filesystem.Inum) {
	if *s == nil {
		*s = inumSet{}
	}
	page := (*s)[n/inumPage]
	if page == nil {
		page = new([inumPage / 64]uint64)
		(*s)[n/inumPage] = page
	}
	page[n%inumPage/64] |= 1 << (n % 64)
}

func (s inumSet) has(n filesystem.Inum) bool {
	page := s[n/inumPage]
	return page != nil && page[n%inumPage/64]>>(n%64)&1 != 0
}
