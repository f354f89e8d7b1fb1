package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/detect"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image"
	"deadbox/image/volume"
	"deadbox/report"
)

// evidence is an image that was opened, with the file systems that could be
// opened on it.
type evidence struct {
	app    *app
	image  *image.Image
	layout *volume.Layout
	mounts []*host.Mount // in the order of their offsets; each by itself, without a Point
	failed map[int]error // by Volume.Index: why a file system that is there cannot be read
	host   *host.Host    // nil until server
	read   atomic.Int64  // bytes of file systems that were read so far
}

// counted counts what is read of an image.
type counted struct {
	*image.Image
	n *atomic.Int64
}

func (c counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Image.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// openEvidence opens an image, its partition table and every file system that
// can be read. It fails only if there is nothing to go on with.
func (a *app) openEvidence(ctx context.Context, path string) (*evidence, error) {
	im, err := image.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, withHint(err, "of a split image, give the first segment")
		}
		return nil, err
	}
	ev := &evidence{app: a, image: im, failed: map[int]error{}}
	a.detail(fmt.Sprintf("%s: %d bytes in %s", path, im.Size(), plural(len(im.Segments()), "file", "files")))
	ev.layout, err = volume.Find(im, im.Size())
	if err != nil {
		im.Close()
		return nil, err
	}
	for i := range ev.layout.Volumes {
		if err := ctx.Err(); err != nil {
			im.Close()
			return nil, err
		}
		v := &ev.layout.Volumes[i]
		fsys, err := ev.openVolume(v)
		switch {
		case err == nil:
			ev.mounts = append(ev.mounts, &host.Mount{Image: im.Name(), Volume: *v, FS: fsys})
		case isExt(v.Found.Kind):
			ev.failed[v.Index] = err
		}
	}
	return ev, nil
}

func (ev *evidence) openVolume(v *volume.Volume) (filesystem.FileSystem, error) {
	return detect.Open(io.NewSectionReader(counted{ev.image, &ev.read}, v.Offset, v.Length), v.Length)
}

func isExt(kind string) bool { return strings.HasPrefix(kind, "ext") }

func (ev *evidence) close() { ev.image.Close() }

// files are the files that the evidence consists of. A nil evidence has none.
func (ev *evidence) files() []string {
	if ev == nil {
		return nil
	}
	var out []string
	for _, s := range ev.image.Segments() {
		out = append(out, s.Path)
	}
	return out
}

// reader reads a range of a mounted file system straight from the image.
func (ev *evidence) reader(m *host.Mount, offset, length int64) *io.SectionReader {
	return io.NewSectionReader(ev.image, m.Volume.Offset+offset, length)
}

func (ev *evidence) mountOf(v *volume.Volume) *host.Mount {
	for _, m := range ev.mounts {
		if m.Volume.Index == v.Index && m.Volume.Offset == v.Offset {
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
// to the image and its table, and to the file systems chosen, all if none is given.
func (ev *evidence) openProblems(only ...*host.Mount) []error {
	var out []error
	for _, r := range ev.image.Lost() {
		out = append(out, fmt.Errorf("bytes %d to %d of the image: %s", r.Offset, r.Offset+r.Length-1, r.Reason))
	}
	return append(out, ev.structureProblems(only...)...)
}

// structureProblems are those of openProblems that are not lost ranges of the
// image.
func (ev *evidence) structureProblems(only ...*host.Mount) []error {
	out := slices.Clone(ev.layout.Damage)
	for i := range ev.layout.Volumes {
		v := &ev.layout.Volumes[i]
		if v.Missing > 0 {
			out = append(out, &volumeError{v.Slot, fmt.Errorf("its last %d bytes lie past the end of the image", v.Missing)})
		}
		if err := ev.failed[v.Index]; err != nil && len(only) == 0 {
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

// openNotes lists what an investigator must know of the evidence, a sentence
// each.
func (ev *evidence) openNotes(only ...*host.Mount) []string {
	out := slices.Concat(ev.image.Notes(), ev.layout.Notes)
	if len(only) == 0 {
		only = ev.mounts
		for i := range ev.layout.Volumes {
			v := &ev.layout.Volumes[i]
			if k := v.Found.Kind; k != "" && ev.mountOf(v) == nil && ev.failed[v.Index] == nil {
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
	h, err := host.Assemble(ctx, sources)
	if err != nil {
		return nil, err
	}
	ev.host = h
	return h, nil
}

// targetOptions are the flags that say what a command looks at.
type targetOptions struct {
	volume string
	inode  uint64
}

func (opts *targetOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&opts.volume, "volume", "", "the `volume`, by its slot or number as \"deadbox volumes\"\nlists it, or @ and its offset in bytes, @2048s in sectors\n(default: the only one, or where PATH is on the server)")
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
		return nil, withHint(usagef("the image holds more than one file system"), "choose with --volume: "+ev.choices())
	}
	if at, ok := strings.CutPrefix(name, "@"); ok {
		return ev.chooseOffset(name, at)
	}
	for i := range ev.layout.Volumes {
		v := &ev.layout.Volumes[i]
		if v.Slot != name && strconv.Itoa(v.Index) != name {
			continue
		}
		if m := ev.mountOf(v); m != nil {
			return m, nil
		}
		if err := ev.failed[v.Index]; err != nil {
			return nil, fmt.Errorf("volume %s: %w", v.Slot, err)
		}
		what := "holds nothing that is known"
		if v.Found.Kind != "" {
			what = "holds " + v.Found.Kind + ", which is not read"
		}
		return nil, withHint(fmt.Errorf("volume %s %s", v.Slot, what), "file systems that can be read: "+ev.choices())
	}
	return nil, withHint(usagef("no volume %q", name), "there are: "+ev.choices())
}

// chooseOffset opens a file system at an offset that need not stand in any
// table.
func (ev *evidence) chooseOffset(name, at string) (*host.Mount, error) {
	unit := int64(1)
	digits, sectors := strings.CutSuffix(at, "s")
	if sectors {
		unit = max(ev.layout.SectorSize, 1)
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || offset < 0 || offset > ev.image.Size()/unit {
		return nil, usagef("--volume %s: want an offset within the image's %d bytes", name, ev.image.Size())
	}
	offset *= unit
	for _, m := range ev.mounts {
		if m.Volume.Offset == offset {
			return m, nil
		}
	}
	v := volume.Volume{Slot: "@" + strconv.FormatInt(offset, 10), Offset: offset, Length: ev.image.Size() - offset}
	fsys, err := ev.openVolume(&v)
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", offset, err)
	}
	return &host.Mount{Image: ev.image.Name(), Volume: v, FS: fsys}, nil
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
	for i := range ev.layout.Volumes {
		v := &ev.layout.Volumes[i]
		switch {
		case ev.failed[v.Index] != nil:
			hints = append(hints, fmt.Sprintf("volume %s: %v", v.Slot, ev.failed[v.Index]))
		case v.Found.Kind != "":
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
