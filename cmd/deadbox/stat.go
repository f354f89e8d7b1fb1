package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
	"deadbox/report"
	"deadbox/timeline"
)

type statOptions struct {
	output outputOptions
	target targetOptions
	zone   zoneOptions
	names  bool
}

func newStatCommand(a *app) *cobra.Command {
	var opts statOptions
	cmd := &cobra.Command{
		Use:   "stat IMAGE [PATH]",
		Short: "Show all that an inode says",
		Long: `Show all that an inode says: whether it is allocated, type and permissions,
owner, times to the nanosecond, flags, extended attributes with their meaning,
and the runs of bytes on the image that hold its data. A link is not followed.

All offsets count bytes from the start of the image: "xxd -s OFFSET disk.dd"
shows what stands there.

The Sleuth Kit's cousin is istat; --names does what ffind does.` + withHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox stat disk.dd /etc/passwd
  deadbox stat --inode 12 disk.dd
  deadbox stat --inode 12 --names --format jsonl disk.dd`,
		Args: imageAndPathArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runStat(cmd.Context(), a, &opts, args) },
	}
	opts.target.addFlags(cmd)
	cmd.Flags().BoolVar(&opts.names, "names", false, "find all names of the inode, deleted ones too (reads every directory)")
	opts.zone.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

// inodeFacts is all that stat shows.
type inodeFacts struct {
	ev     *evidence
	target *target
	file   timeline.File
	names  []filesystem.Name
	runs   []filesystem.Extent // data
	xattrs []filesystem.Xattr
	owner  string // account's name; "" if it is not known
}

func runStat(ctx context.Context, a *app, opts *statOptions, args []string) error {
	path, err := opts.target.path(args, true)
	if err != nil {
		return err
	}
	ev, err := opts.target.source.open(ctx, a, args[0])
	if err != nil {
		return err
	}
	defer ev.close()
	t, err := ev.find(ctx, &opts.target, path, false)
	if err != nil {
		return err
	}
	in, fsys := t.inode, t.mount.FS
	facts := &inodeFacts{ev: ev, target: t, file: fileOf(in, t.path)}
	facts.xattrs, err = fsys.Xattrs(in)
	if err != nil {
		a.damage(t.name(), err)
	}
	facts.file.Xattrs = facts.xattrs
	if in.Mode.Type() == filesystem.Symlink {
		target, err := fsys.Link(in)
		if err != nil {
			a.damage(t.name(), err)
		}
		facts.file.Target = string(target)
	}
	c, err := fsys.Content(in)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		a.damage(t.name(), err)
	}
	if c != nil {
		facts.runs = c.Extents()
	}
	if opts.names {
		index, err := a.buildIndex(ctx, fsys)
		if err != nil {
			return err
		}
		facts.names = index.Names(in.Inum)
	}
	zone := time.UTC
	if opts.output.format == formatText {
		if zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
		if h, err := ev.server(ctx); err == nil {
			facts.owner = h.AccountName(in.UID)
		}
	}
	return a.withOutput(&opts.output, ev, func(o *output) error {
		if o.format == formatJSONL {
			return facts.writeJSON(o)
		}
		return facts.writeText(o, zone)
	})
}

// fileOf is an inode as a record's file.
func fileOf(in *filesystem.Inode, path string) timeline.File {
	return timeline.File{
		Path: path, Inode: in.Inum, Type: in.Mode.Type(), Mode: in.Mode, UID: in.UID, GID: in.GID, Links: in.Links, Size: in.Size,
		Times: in.Times, Flags: in.Flags, Unalloc: !in.Allocated,
	}
}

func allocatedWord(in *filesystem.Inode) string {
	if in.Allocated {
		return "allocated"
	}
	return "not allocated"
}

func (f *inodeFacts) writeText(o *output, zone *time.Location) error {
	in, m := f.target.inode, f.target.mount
	field := func(name, format string, args ...any) {
		fmt.Fprintf(o, "%-12s %s\n", name, report.Text(fmt.Sprintf(format, args...)))
	}
	field("inode", "%d (%s)", in.Inum, allocatedWord(in))
	if f.target.path != "" {
		field("path", "%s", f.target.path)
	}
	for _, n := range f.names {
		if n.Deleted {
			field("name", "%s (deleted)", n.Path)
		} else {
			field("name", "%s", n.Path)
		}
	}
	switch d := f.ev.disk(m.Image); {
	case d != nil && d.image == nil:
		field("volume", "%s, %s", m.Volume.Slot, m.FS.Info().Type)
	case m.Volume.Composed():
		field("volume", "%s, %s", m.Volume.Slot, m.FS.Info().Type)
	default:
		field("volume", "%s, %s at byte %d of %s", m.Volume.Slot, m.FS.Info().Type, m.Volume.Offset, f.ev.theImage(d))
	}
	if image, at := m.Place(in.Offset); at >= 0 {
		field("stored", "%d bytes at byte %d of %s", len(in.Raw), at, f.ev.theImage(f.ev.disk(image)))
	}
	field("type", "%s", in.Mode.Type())
	field("mode", "%s (%06o)", in.Mode, uint16(in.Mode))
	if f.owner != "" {
		field("uid", "%d (%s)", in.UID, f.owner)
	} else {
		field("uid", "%d", in.UID)
	}
	field("gid", "%d", in.GID)
	if in.Project != 0 {
		field("project", "%d", in.Project)
	}
	field("links", "%d", in.Links)
	field("size", "%d", in.Size)
	field("sectors", "%d (of 512 bytes)", in.Sectors)
	if t := in.Mode.Type(); t == filesystem.CharDevice || t == filesystem.BlockDevice {
		field("device", "%d, %d", in.Major, in.Minor)
	}
	field("flags", "%s", orElse(strings.ReplaceAll(in.Flags.String(), ",", ", "), "none"))
	field("generation", "%d", in.Generation)
	if in.Mode.Type() == filesystem.Symlink {
		field("target", "%s", f.file.Target)
	}
	o.WriteByte('\n')
	for _, t := range []struct {
		name string
		time filesystem.Time
	}{
		{"modified", in.Times.Modified}, {"accessed", in.Times.Accessed}, {"changed", in.Times.Changed},
		{"born", in.Times.Born}, {"deleted", in.Times.Deleted},
	} {
		if t.time.Known {
			field(t.name, "%s", report.AppendTimeIn(nil, t.time.Sec, t.time.Nsec, zone, t.name != "deleted"))
		}
	}
	if len(f.xattrs) > 0 {
		o.WriteString("\n" + o.paint(colorBold, "extended attributes") + "\n")
		for i := range f.xattrs {
			x := &f.xattrs[i]
			line := fmt.Sprintf("  %s = %s", x.Name, xattrText(x))
			if image, at := m.Place(x.Offset); at >= 0 {
				line += fmt.Sprintf("  (%d bytes at byte %s)", len(x.Value), f.ev.placeText(image, at))
			}
			o.WriteString(report.Text(line) + "\n")
		}
	}
	if len(f.runs) > 0 {
		o.WriteByte('\n')
		t := table{head: []string{"KIND", "IN FILE", "LENGTH", "OFFSET", "BLOCK"}, right: []int{1, 2, 3, 4}}
		size := max(m.FS.Info().BlockSize, 1)
		for _, x := range f.runs {
			offset, block := "", ""
			if image, at := m.Place(x.Offset); at >= 0 {
				offset = f.ev.placeText(image, at)
				if x.Kind != filesystem.Inline {
					block = strconv.FormatInt(x.Offset/size, 10)
				}
			}
			t.add(x.Kind.String(), strconv.FormatInt(x.Logical, 10), strconv.FormatInt(x.Length, 10), offset, block)
		}
		if err := t.write(o); err != nil {
			return err
		}
	}
	return nil
}

func (f *inodeFacts) writeJSON(o *output) error {
	in, m := f.target.inode, f.target.mount
	type name struct {
		Path      text   `json:"path"`
		PathBytes string `json:"path_bytes,omitempty"`
		Deleted   bool   `json:"deleted,omitempty"`
		Offset    int64  `json:"entry_offset"`
		Image     text   `json:"image,omitempty"`
	}
	type run struct {
		Kind   string `json:"kind"`
		InFile int64  `json:"in_file"`
		Length int64  `json:"length"`
		Offset *int64 `json:"offset,omitempty"`
		Image  text   `json:"image,omitempty"`
	}
	type meaning struct {
		Name    text   `json:"name"`
		Meaning text   `json:"meaning"`
		Offset  *int64 `json:"offset,omitempty"`
		Image   text   `json:"image,omitempty"`
	}
	more := struct {
		Image      text      `json:"image,omitempty"`
		Volume     string    `json:"volume"`
		Allocated  bool      `json:"allocated"`
		Offset     *int64    `json:"offset,omitempty"`
		Length     int       `json:"length,omitempty"`
		Project    uint32    `json:"project,omitempty"`
		Sectors    uint64    `json:"sectors"`
		Generation uint32    `json:"generation"`
		Major      *uint32   `json:"major,omitempty"`
		Minor      *uint32   `json:"minor,omitempty"`
		Names      []name    `json:"names,omitempty"`
		Meanings   []meaning `json:"xattr_meanings,omitempty"`
		Runs       []run     `json:"extents,omitempty"`
	}{Volume: m.Volume.Slot, Allocated: in.Allocated, Project: in.Project, Sectors: in.Sectors, Generation: in.Generation}
	place := func(offset int64) (*int64, text) {
		image, at := m.Place(offset)
		if at < 0 {
			return nil, ""
		}
		return &at, f.ev.imageText(image)
	}
	if more.Offset, more.Image = place(in.Offset); more.Offset != nil {
		more.Length = len(in.Raw)
	} else {
		more.Image = f.ev.imageText(m.Image)
	}
	if t := in.Mode.Type(); t == filesystem.CharDevice || t == filesystem.BlockDevice {
		more.Major, more.Minor = &in.Major, &in.Minor
	}
	for _, n := range f.names {
		image, at := m.Place(n.Offset)
		more.Names = append(more.Names, name{text(n.Path), bytesOf(n.Path), n.Deleted, at, f.ev.imageText(image)})
	}
	for _, x := range f.runs {
		at, image := place(x.Offset)
		more.Runs = append(more.Runs, run{x.Kind.String(), x.Logical, x.Length, at, image})
	}
	for i := range f.xattrs {
		x := &f.xattrs[i]
		s, _ := x.Decode()
		at, image := place(x.Offset)
		more.Meanings = append(more.Meanings, meaning{text(x.Name), text(s), at, image})
	}
	return o.jsonFile(&f.file, more)
}
