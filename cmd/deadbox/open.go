package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/detect"
	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/fs/tree"
	"deadbox/image"
	"deadbox/image/volume"
	"deadbox/report"
)

// evidence is what one server's evidence consists of: images, with the file
// systems that could be opened on them, or a tree.
type evidence struct {
	app      *app
	disks    []*piece
	composed *volume.Composed // volumes that LVM and md make of the disks' partitions; nil without an image
	mounts   []*host.Mount    // disk by disk in the order of their offsets, then composed ones; each by itself, without a Point
	failed   map[string]error // by slot: why a file system that is there cannot be read
	root     string           // slot of the volume to take as the server's root; "" to choose
	host     *host.Host       // nil until server
	journals []ext4.Option    // what to do with journals, and the devices that external ones lie on
	read     atomic.Int64     // bytes of file systems that were read so far
}

// piece is one part of the evidence: an image with its partition table, or a
// tree that stands for one.
type piece struct {
	name   string         // as reports call it
	image  *image.Image   // nil for a tree
	tree   sourceTree     // nil for an image
	layout *volume.Layout // of a tree: no volumes
	number int            // among the images, as volume.Compose counts them
}

// sourceTree is a directory or a tarball in place of an image.
type sourceTree interface {
	filesystem.FileSystem
	io.Closer
	Kind() string // "directory", "tarball", "collection", ...
}

// counted counts what is read of an image.
type counted struct {
	io.ReaderAt
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// sourceOptions are the flags of every command that reads evidence.
type sourceOptions struct {
	with []string
	root string
}

// addFlags defines --root, and --with for commands whose second argument is a
// path and not another image.
func (opts *sourceOptions) addFlags(cmd *cobra.Command, with bool) {
	if with {
		cmd.Flags().StringArrayVar(&opts.with, "with", nil, "a further `image` of the same server; may be given more than once")
	}
	cmd.Flags().StringVar(&opts.root, "root", "", "the `volume` that holds the server's root, where several systems lie on the\ndisks (default: the one that looks most like it)")
}

// imagesHelp and withHelp say what IMAGE may be.
const (
	imagesHelp = `

IMAGE is an image, or a directory, a tarball or a collection that stands for one.
Of a server with several disks, give all: its volumes are joined, LVM's and md's
over several disks too, and slots begin with the image's name ("sdb.dd:gpt:1").`

	withHelp = `

IMAGE is an image, or a directory, a tarball or a collection that stands for one.
Of a server with several disks, name the others by --with: its volumes are joined,
LVM's and md's over several disks too, and slots begin with the image's name
("sdb.dd:gpt:1").`
)

// open opens the images as the evidence of one server.
func (opts *sourceOptions) open(ctx context.Context, a *app, images ...string) (*evidence, error) {
	ev, err := a.openEvidence(ctx, append(images, opts.with...)...)
	if err == nil && opts.root != "" {
		m, rootErr := ev.choose(opts.root)
		if rootErr != nil {
			ev.close()
			return nil, fmt.Errorf("--root: %w", rootErr)
		}
		ev.root = m.Volume.Slot
	}
	return ev, err
}

// openEvidence opens the images of one server, their partition tables and
// every file system that can be read. A directory or a tarball may stand in place of
// an image. It fails only if there is nothing to go on with.
func (a *app) openEvidence(ctx context.Context, paths ...string) (*evidence, error) {
	ev := &evidence{app: a, failed: map[string]error{}}
	for _, path := range paths {
		if err := refuseTwice(path, ev.disks); err != nil {
			ev.close()
			return nil, err
		}
		d, err := a.openDisk(ctx, path)
		if err != nil {
			ev.close()
			return nil, err
		}
		ev.disks = append(ev.disks, d)
	}
	ev.nameSlots()
	ev.findJournals()
	for _, d := range ev.disks {
		if d.tree != nil {
			v := volume.Volume{Index: len(ev.mounts) + 1, Slot: ev.prefix(d) + treeSlot, Allocated: true}
			ev.mounts = append(ev.mounts, &host.Mount{Image: d.name, Volume: v, FS: d.tree})
			continue
		}
		for i := range d.layout.Volumes {
			v := &d.layout.Volumes[i]
			if err := ctx.Err(); err != nil {
				ev.close()
				return nil, err
			}
			ev.mount(d.name, v, v.Reader(d.image))
		}
	}
	ev.compose()
	return ev, nil
}

// findJournals looks for volumes that are the journals of other ones.
func (ev *evidence) findJournals() {
	if ev.app.noReplay {
		ev.journals = append(ev.journals, ext4.NoReplay())
	}
	for _, d := range ev.disks {
		for i := range d.layout.Volumes {
			v := &d.layout.Volumes[i]
			if r := v.Reader(d.image); ext4.IsJournal(r) {
				ev.journals = append(ev.journals, ext4.WithJournal(counted{r, &ev.read}, v.Length))
			}
		}
	}
}

// treeSlot is the slot of the one volume that a tree counts as.
const treeSlot = "tree"

// refuseTwice refuses an image that was given before, itself or by another of
// its segments.
func refuseTwice(path string, before []*piece) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // opening it says more
	}
	for _, d := range before {
		if o, err := os.Stat(d.name); err == nil && os.SameFile(info, o) {
			return usagef("%s and %s are the same", d.name, path)
		}
		if d.image == nil {
			continue
		}
		for _, s := range d.image.Segments() {
			if o, err := os.Stat(s.Path); err == nil && os.SameFile(info, o) {
				return withHint(usagef("%s is a part of %s", path, d.name), "of a split image, give the first segment; the others are found beside it")
			}
		}
	}
	return nil
}

func (a *app) openDisk(ctx context.Context, path string) (*piece, error) {
	if tree.Is(path) {
		t, err := tree.OpenContext(ctx, path)
		if err != nil {
			return nil, err
		}
		return &piece{name: path, tree: t, layout: &volume.Layout{Table: "none"}}, nil
	}
	im, err := image.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, withHint(err, "of a split image, give the first segment")
		}
		return nil, err
	}
	a.detail(fmt.Sprintf("%s: %d bytes in %s", path, im.Size(), plural(len(im.Segments()), "file", "files")))
	layout, err := volume.Find(im, im.Size())
	if err != nil {
		im.Close()
		return nil, err
	}
	return &piece{name: im.Name(), image: im, layout: layout}, nil
}

// mount opens the file system of a volume, if it holds one.
func (ev *evidence) mount(image string, v *volume.Volume, r io.ReaderAt) {
	fsys, err := detect.Open(counted{r, &ev.read}, v.Length, ev.journals...)
	switch {
	case err == nil:
		ev.mounts = append(ev.mounts, &host.Mount{Image: image, Volume: *v, FS: fsys})
	case isExt(v.Found.Kind):
		ev.failed[v.Slot] = err
	}
}

func isExt(kind string) bool { return strings.HasPrefix(kind, "ext") }

// prefix is what stands before the slots of a disk if there are several.
func (ev *evidence) prefix(d *piece) string {
	if len(ev.disks) == 1 {
		return ""
	}
	base := filepath.Base(d.name)
	for _, o := range ev.disks {
		if o != d && filepath.Base(o.name) == base {
			return d.name + ":"
		}
	}
	return base + ":"
}

// nameSlots makes the slots and numbers of the volumes unique among the disks.
func (ev *evidence) nameSlots() {
	n := 0
	for _, d := range ev.disks {
		for i := range d.layout.Volumes {
			v := &d.layout.Volumes[i]
			n++
			v.Index, v.Slot = n, ev.prefix(d)+v.Slot
		}
	}
}

// diskVolume is a volume with the disk that it lies on, nil for a composed one.
type diskVolume struct {
	disk *piece
	*volume.Volume
}

// volumes lists the volumes of all disks, then the composed ones.
func (ev *evidence) volumes() []diskVolume {
	var out []diskVolume
	for _, d := range ev.disks {
		for i := range d.layout.Volumes {
			out = append(out, diskVolume{d, &d.layout.Volumes[i]})
		}
	}
	for _, v := range ev.composedVolumes() {
		out = append(out, diskVolume{nil, v})
	}
	return out
}

func (ev *evidence) close() {
	for _, d := range ev.disks {
		if d.image != nil {
			d.image.Close()
		} else {
			d.tree.Close()
		}
	}
}

// trees are the file systems that stand for images.
func (ev *evidence) trees() []*host.Mount {
	return slices.DeleteFunc(slices.Clone(ev.mounts), func(m *host.Mount) bool {
		d := ev.disk(m.Image)
		return d == nil || d.tree == nil
	})
}

// kind is what a piece of the evidence that is no image is called.
func (d *piece) kind() string {
	if d.tree == nil {
		return "image"
	}
	return d.tree.Kind()
}

// disk is the piece of the evidence with this name; nil if there is none.
func (ev *evidence) disk(name string) *piece {
	for _, d := range ev.disks {
		if d.name == name {
			return d
		}
	}
	return nil
}

// files are the files and directories that the evidence consists of. A nil
// evidence has none.
func (ev *evidence) files() []string {
	if ev == nil {
		return nil
	}
	var out []string
	for _, d := range ev.disks {
		if d.image == nil {
			out = append(out, d.name)
			continue
		}
		for _, s := range d.image.Segments() {
			out = append(out, s.Path)
		}
	}
	return out
}

// reader reads a range of a mounted file system straight from the images.
func (ev *evidence) reader(m *host.Mount, offset, length int64) io.Reader {
	return io.NewSectionReader(&rawReader{ev, m}, offset, length)
}

// rawReader reads a file system's bytes as they stand on the images.
type rawReader struct {
	ev *evidence
	m  *host.Mount
}

func (r *rawReader) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		name, at, n := r.m.PlaceRange(off+int64(done), int64(len(p)-done))
		d := r.ev.disk(name)
		if at < 0 || n <= 0 || d == nil || d.image == nil {
			return done, io.ErrUnexpectedEOF
		}
		got, err := d.image.ReadAt(p[done:done+int(n)], at)
		if done += got; err != nil && got < int(n) {
			return done, err
		}
	}
	return done, nil
}

func (ev *evidence) mountOf(v *volume.Volume) *host.Mount {
	for _, m := range ev.mounts {
		if m.Volume.Slot == v.Slot {
			return m
		}
	}
	return nil
}

// volumeError says on which volume something is wrong.
type volumeError struct {
	slot string
	err  error
}

func (e *volumeError) Error() string { return "volume " + e.slot + ": " + e.err.Error() }
func (e *volumeError) Unwrap() error { return e.err }

// openProblems lists what was found wrong when the evidence was opened: damage
// to the images and their tables, and to the file systems chosen, all if none is given.
func (ev *evidence) openProblems(only ...*host.Mount) []error {
	return append(ev.lost(), ev.structureProblems(only...)...)
}

// lost lists the ranges of the images that cannot be read.
func (ev *evidence) lost() []error {
	var out []error
	for _, d := range ev.disks {
		if d.image == nil {
			continue
		}
		for _, r := range d.image.Lost() {
			out = append(out, fmt.Errorf("bytes %d to %d of %s: %s", r.Offset, r.Offset+r.Length-1, ev.theImage(d), r.Reason))
		}
	}
	return out
}

// theImage is what messages call an image: by its name only if there are
// several.
func (ev *evidence) theImage(d *piece) string {
	if len(ev.disks) == 1 || d == nil {
		return "the image"
	}
	return d.name
}

// imageText names an image in JSON, where several could be meant.
func (ev *evidence) imageText(name string) text {
	if len(ev.disks) == 1 {
		return ""
	}
	return text(name)
}

// placeText is an offset of an image, with its name where several could be
// meant.
func (ev *evidence) placeText(image string, at int64) string {
	if len(ev.disks) == 1 {
		return strconv.FormatInt(at, 10)
	}
	return fmt.Sprintf("%d of %s", at, image)
}

// structureProblems are those of openProblems that are not lost ranges of the
// images.
func (ev *evidence) structureProblems(only ...*host.Mount) []error {
	var out []error
	for _, d := range ev.disks {
		for _, err := range d.layout.Damage {
			out = append(out, &diskError{d.name, len(ev.disks) > 1, err})
		}
	}
	if ev.composed != nil {
		out = append(out, ev.composed.Damage...)
	}
	for _, v := range ev.volumes() {
		chosen := len(only) == 0 || slices.ContainsFunc(only, func(m *host.Mount) bool { return m.Volume.Slot == v.Slot })
		switch {
		case v.Missing > 0 && v.Composed() && chosen:
			out = append(out, &volumeError{v.Slot, fmt.Errorf("%d bytes of it lie on members that are missing", v.Missing)})
		case v.Missing > 0 && !v.Composed():
			out = append(out, &volumeError{v.Slot, fmt.Errorf("its last %d bytes lie past the end of the image", v.Missing)})
		}
		if err := ev.failed[v.Slot]; err != nil && len(only) == 0 {
			out = append(out, &volumeError{v.Slot, err})
		}
	}
	if len(only) == 0 {
		only = ev.mounts
	}
	for _, m := range only {
		for _, err := range m.FS.Info().Damage {
			out = append(out, &volumeError{m.Volume.Slot, err})
		}
	}
	return out
}

// diskError says on which image something is wrong.
type diskError struct {
	image string
	say   bool // there are several images
	err   error
}

func (e *diskError) Error() string {
	if !e.say {
		return e.err.Error()
	}
	return e.image + ": " + e.err.Error()
}

func (e *diskError) Unwrap() error { return e.err }

// openNotes lists what an investigator must know of the evidence, a sentence
// each.
func (ev *evidence) openNotes(only ...*host.Mount) []string {
	var out []string
	for _, d := range ev.disks {
		var notes []string
		if d.image != nil {
			notes = d.image.Notes()
		}
		for _, n := range slices.Concat(notes, d.layout.Notes) {
			if len(ev.disks) > 1 {
				n = d.name + ": " + n
			}
			out = append(out, n)
		}
	}
	out = append(out, ev.composedNotes()...)
	if len(only) == 0 {
		only = ev.mounts
		for _, v := range ev.volumes() {
			if k := v.Found.Kind; k != "" && ev.mountOf(v.Volume) == nil && ev.failed[v.Slot] == nil && !v.Container && ev.memberOf(v) == "" {
				out = append(out, fmt.Sprintf("volume %s holds %s, which is not read", v.Slot, k))
			}
		}
	}
	for _, m := range only {
		for _, n := range m.FS.Info().Notes {
			out = append(out, fmt.Sprintf("volume %s: %s", m.Volume.Slot, n))
		}
	}
	for i, n := range out {
		out[i] = strings.TrimSuffix(n, ".")
	}
	return out
}

// reportDamage says what was found wrong when the evidence was opened, and
// what else must be known of it. It counts for the exit code.
func (ev *evidence) reportDamage(only ...*host.Mount) {
	for _, err := range ev.openProblems(only...) {
		ev.app.damage("", err)
	}
	for _, n := range ev.openNotes(only...) {
		ev.app.note(n)
	}
}

// mentionDamage says the same where only one file is asked for, whose own
// damage is what counts for the exit code.
func (ev *evidence) mentionDamage(only ...*host.Mount) {
	for _, err := range ev.openProblems(only...) {
		ev.app.note(err.Error())
	}
	for _, n := range ev.openNotes(only...) {
		ev.app.note(n)
	}
}

// server joins the file systems into the server's own tree. It reads a few
// files only.
func (ev *evidence) server(ctx context.Context) (*host.Host, error) {
	if ev.host != nil {
		return ev.host, nil
	}
	var sources []host.Source
	for _, m := range ev.mounts {
		sources = append(sources, host.Source{Image: m.Image, Volume: m.Volume, FS: m.FS})
	}
	h, err := host.AssembleAt(ctx, sources, ev.root)
	if err != nil {
		return nil, err
	}
	ev.host = h
	return h, nil
}

// targetOptions are the flags that say what a command looks at.
type targetOptions struct {
	source sourceOptions
	volume string
	inode  uint64
}

func (opts *targetOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&opts.volume, "volume", "", "the `volume`, by its slot or number as \"deadbox volumes\"\nlists it, or @ and its offset in bytes, @2048s in sectors\n(default: the only one, or where PATH is on the server)")
	opts.source.addFlags(cmd, true)
	cmd.Flags().Uint64Var(&opts.inode, "inode", 0, "the inode with this `number`, instead of a path")
}

// path checks what the arguments after the image and --inode say together. It
// gives "" if an inode is asked for, or nothing is and nothing needs to be.
func (opts *targetOptions) path(args []string, required bool) (string, error) {
	switch {
	case len(args) > 1 && opts.inode != 0:
		return "", usagef("a path and --inode were given: want one of them")
	case len(args) > 1 && args[1] == "":
		return "", usagef("the path is empty")
	case len(args) > 1:
		return args[1], nil
	case opts.inode == 0 && required:
		return "", usagef("which file? Give its path on the server, or --inode")
	}
	return "", nil
}

// target is the file that a command was asked to look at.
type target struct {
	mount *host.Mount
	inode *filesystem.Inode
	// path is the file's path, free of symbolic links: on the server, or from
	// the root of the volume if one was chosen; "" if it was named by its inode.
	path string
}

// name is what messages call the file.
func (t *target) name() string {
	if t.path == "" {
		return fmt.Sprintf("inode %d", t.inode.Inum)
	}
	return strconv.Quote(t.path)
}

// find resolves what the options and the path name. Without either it gives
// the root directory.
func (ev *evidence) find(ctx context.Context, opts *targetOptions, path string, follow bool) (*target, error) {
	if point, n, ok := orphanPath(path); ok {
		return ev.findOrphan(ctx, opts, point, n)
	}
	if opts.volume == "" && opts.inode == 0 && len(ev.mounts) > 1 {
		t, err := ev.findOnServer(ctx, path, follow)
		if err == nil {
			ev.mentionDamage(t.mount)
		}
		return t, err
	}
	m, err := ev.choose(opts.volume)
	if err != nil {
		return nil, err
	}
	ev.mentionDamage(m)
	if opts.inode != 0 {
		return inodeTarget(m, filesystem.Inum(opts.inode), "")
	}
	if path == "" {
		path = "/"
	}
	in, err := m.FS.Find(path, follow)
	if err != nil {
		return nil, findError(path, err)
	}
	return &target{mount: m, inode: in, path: cleanPath(path)}, nil
}

func inodeTarget(m *host.Mount, n filesystem.Inum, path string) (*target, error) {
	in, err := m.FS.Inode(n)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", n, err)
	}
	return &target{mount: m, inode: in, path: path}, nil
}

// orphanPath reads the paths under which inodes without a name are listed:
// where their file system is mounted, and their number.
func orphanPath(path string) (point string, n filesystem.Inum, ok bool) {
	point, digits, ok := strings.Cut(path, strings.TrimSuffix(filesystem.OrphanPath(0), "0"))
	if !ok {
		return "", 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 64)
	return orElse(point, "/"), filesystem.Inum(v), err == nil && v != 0
}

func (ev *evidence) findOrphan(ctx context.Context, opts *targetOptions, point string, n filesystem.Inum) (*target, error) {
	var m *host.Mount
	var err error
	if opts.volume == "" && len(ev.mounts) > 1 {
		m, err = ev.mountAt(ctx, point)
	} else {
		m, err = ev.choose(opts.volume)
		if err == nil && point != "/" {
			err = fmt.Errorf("%q: %w", point, fs.ErrNotExist)
		}
	}
	if err != nil {
		return nil, err
	}
	ev.mentionDamage(m)
	return inodeTarget(m, n, strings.TrimSuffix(point, "/")+filesystem.OrphanPath(n))
}

// mountAt gives the file system that is mounted at a place of the server.
func (ev *evidence) mountAt(ctx context.Context, point string) (*host.Mount, error) {
	h, err := ev.server(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range h.Mounts {
		if m.Point == point {
			return m, nil
		}
	}
	return nil, withHint(fmt.Errorf("nothing is mounted at %q", point), "choose with --volume: "+ev.choices())
}

func (ev *evidence) findOnServer(ctx context.Context, path string, follow bool) (*target, error) {
	h, err := ev.server(ctx)
	if err != nil {
		return nil, err
	}
	for _, err := range h.Damage {
		ev.app.note(err.Error())
	}
	node, in, real, err := h.Find(orElse(path, "/"), follow)
	if err != nil || node.Mount == nil {
		if h.Root().Mount == nil {
			_, err = ev.choose("")
			return nil, err
		}
		if err != nil {
			return nil, findError(path, err)
		}
	}
	if node.Mount == nil {
		return nil, fmt.Errorf("%q: only a place where volumes are mounted", path)
	}
	return &target{mount: node.Mount, inode: in, path: real}, nil
}

func findError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	out := fmt.Errorf("%q: %w", path, err)
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(out, "deleted files are named by their inode: \"deadbox ls -r --deleted\" lists them")
	}
	return out
}

// cleanPath is an absolute path without doubled and trailing slashes.
func cleanPath(path string) string {
	var b strings.Builder
	for elem := range strings.SplitSeq(path, "/") {
		if elem != "" && elem != "." {
			b.WriteString("/" + elem)
		}
	}
	return orElse(b.String(), "/")
}

// choose gives the file system of the volume that --volume names; if it names
// none, the only one that there is.
func (ev *evidence) choose(name string) (*host.Mount, error) {
	if name == "" {
		switch len(ev.mounts) {
		case 0:
			return nil, ev.nothingToRead()
		case 1:
			return ev.mounts[0], nil
		}
		return nil, withHint(usagef("%s more than one file system", ev.theImages()), "choose with --volume: "+ev.choices())
	}
	if i := strings.LastIndexByte(name, '@'); i == 0 || i > 0 && name[i-1] == ':' {
		return ev.chooseOffset(name, name[:i], name[i+1:])
	}
	v, err := ev.volume(name)
	if err != nil {
		return nil, err
	}
	if m := ev.mountNamed(v); m != nil {
		return m, nil
	}
	if err := ev.failed[v]; err != nil {
		return nil, fmt.Errorf("volume %s: %w", v, err)
	}
	what := "holds nothing that is known"
	for _, x := range ev.volumes() {
		if group := ev.memberOf(x); x.Slot == v && group != "" {
			what = "is a member of " + group
		} else if x.Slot == v && x.Found.Kind != "" {
			what = "holds " + x.Found.Kind + ", which is not read"
		}
	}
	return nil, withHint(fmt.Errorf("volume %s %s", v, what), "file systems that can be read: "+ev.choices())
}

func (ev *evidence) mountNamed(slot string) *host.Mount {
	for _, m := range ev.mounts {
		if m.Volume.Slot == slot {
			return m
		}
	}
	return nil
}

// volume gives the slot that a name means: a slot, the number of a volume, or a
// slot without its image where only one image has it.
func (ev *evidence) volume(name string) (string, error) {
	var ends []string
	match := func(slot string, index int) bool {
		if strings.HasSuffix(slot, ":"+name) {
			ends = append(ends, slot)
		}
		return slot == name || strconv.Itoa(index) == name
	}
	for _, v := range ev.volumes() {
		if match(v.Slot, v.Index) {
			return v.Slot, nil
		}
	}
	for _, m := range ev.mounts { // trees
		if m.Volume.Slot == name || match(m.Volume.Slot, m.Volume.Index) {
			return m.Volume.Slot, nil
		}
	}
	ends = slices.Compact(ends)
	switch len(ends) {
	case 1:
		return ends[0], nil
	case 0:
		return "", withHint(usagef("no volume %q", name), "there are: "+ev.choices())
	}
	return "", withHint(usagef("several images have a volume %q", name), "choose one of "+strings.Join(ends, ", "))
}

// chooseOffset opens a file system at an offset that need not stand in any
// table. at is what follows the @; before is the image, if there are several.
func (ev *evidence) chooseOffset(name, before, at string) (*host.Mount, error) {
	var d *piece
	for _, o := range ev.disks {
		if o.image != nil && (len(ev.disks) == 1 && before == "" || len(ev.disks) > 1 && ev.prefix(o) == before) {
			d = o
		}
	}
	if d == nil {
		var hints []string
		for _, o := range ev.disks {
			if o.image != nil {
				hints = append(hints, ev.prefix(o)+"@"+at)
			}
		}
		return nil, withHint(usagef("--volume %s: no image that has such an offset", name), "there may be: "+orElse(strings.Join(hints, ", "), "none"))
	}
	unit := int64(1)
	digits, sectors := strings.CutSuffix(at, "s")
	if sectors {
		unit = max(d.layout.SectorSize, 1)
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || offset < 0 || offset > d.image.Size()/unit {
		return nil, usagef("--volume %s: want an offset within the image's %d bytes", name, d.image.Size())
	}
	offset *= unit
	for _, m := range ev.mounts {
		if m.Image == d.name && !m.Volume.Composed() && m.Volume.Offset == offset {
			return m, nil
		}
	}
	v := volume.Volume{Slot: before + "@" + strconv.FormatInt(offset, 10), Offset: offset, Length: d.image.Size() - offset}
	fsys, err := detect.Open(counted{v.Reader(d.image), &ev.read}, v.Length, ev.journals...)
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", offset, err)
	}
	return &host.Mount{Image: d.name, Volume: v, FS: fsys}, nil
}

// theImages begins a sentence about all of them.
func (ev *evidence) theImages() string {
	if len(ev.disks) == 1 {
		return "the image holds"
	}
	return "the images hold"
}

// choices lists the file systems for a hint.
func (ev *evidence) choices() string {
	var out []string
	for _, m := range ev.mounts {
		info := m.FS.Info()
		s := m.Volume.Slot + " (" + info.Type + ", " + report.Bytes(info.Size)
		if info.Label != "" {
			s += ", " + strconv.Quote(info.Label)
		}
		if info.LastMounted != "" {
			s += ", last mounted on " + strconv.Quote(info.LastMounted)
		}
		out = append(out, s+")")
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

// nothingToRead says why an image without a readable file system has none.
func (ev *evidence) nothingToRead() error {
	err := errors.New("no file system that can be read was found")
	var hints []string
	for _, v := range ev.volumes() {
		switch {
		case ev.failed[v.Slot] != nil:
			hints = append(hints, fmt.Sprintf("volume %s: %v", v.Slot, ev.failed[v.Slot]))
		case v.Found.Kind != "" && ev.memberOf(v) == "":
			hints = append(hints, fmt.Sprintf("volume %s holds %s, which is not read", v.Slot, v.Found.Kind))
		}
	}
	return withHint(err, append(hints, "\"deadbox volumes\" lists what there is")...)
}

// zoneOptions is the flag of a command that shows times to people.
type zoneOptions struct{ name string }

func (opts *zoneOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&opts.name, "tz", "", "time `zone` of the times in text: UTC, Europe/Berlin,\n+02:00 (default: the server's own)")
}

// zone gives the time zone to show times in: the one that the user names,
// else the server's own, and says which.
func (ev *evidence) zone(ctx context.Context, opts *zoneOptions) (*time.Location, error) {
	if opts.name != "" {
		return parseZone(opts.name)
	}
	h, err := ev.server(ctx)
	if err != nil || h.Zone == nil || h.ZoneFrom == "assumed" {
		ev.app.note("times are in UTC: the server's own time zone is not known; --tz chooses another")
		return time.UTC, nil
	}
	ev.app.note(fmt.Sprintf("times are in the server's own zone, %s (%s); --tz chooses another", h.ZoneName, h.ZoneFrom))
	return h.Zone, nil
}

// parseZone reads a name of the zone database or an offset from UTC.
func parseZone(name string) (*time.Location, error) {
	if t, err := time.Parse("-07:00", name); err == nil {
		return t.Location(), nil
	}
	if name == "Local" || name == "local" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, withHint(usagef("unknown time zone %q", name), "names are those of the zone database: UTC, Europe/Berlin; offsets are written +02:00")
	}
	return zone, nil
}
