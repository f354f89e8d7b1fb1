package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/image/volume"
	"deadbox/report"
)

type volumesOptions struct {
	output outputOptions
}

// volumesNone is said of a tree.
func volumesNone(d *piece) string {
	return fmt.Sprintf("%s is a %s: it has no partitions", d.name, d.kind())
}

func newVolumesCommand(a *app) *cobra.Command {
	var opts volumesOptions
	cmd := &cobra.Command{
		Use:   "volumes IMAGE...",
		Short: "List the partitions of an image and what is on each",
		Long: `List the partitions of an image, the gaps between them, and what is on each:
file systems that deadbox reads, and by their name those that it does not.

START, END and SECTORS count sectors, as The Sleuth Kit's option -o wants them;
OFFSET counts bytes from the start of the image, and is what --volume @OFFSET
takes. The slot is the stable name of a volume, for --volume and in reports.

The Sleuth Kit's cousin is mmls.` + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox volumes disk.dd
  deadbox volumes --format jsonl disk.dd`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runVolumes(cmd.Context(), a, &opts, args) },
	}
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runVolumes(ctx context.Context, a *app, opts *volumesOptions, images []string) error {
	ev, err := a.openEvidence(ctx, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	return a.withOutput(&opts.output, ev, func(o *output) error {
		ev.reportDamage()
		if o.format == formatJSONL {
			for _, v := range ev.volumes() {
				if err := o.json(ev.volumeJSON(v)); err != nil {
					return err
				}
			}
			return nil
		}
		for i, d := range ev.disks {
			if i > 0 {
				o.WriteByte('\n')
			}
			if d.image == nil {
				o.WriteString(report.Text(volumesNone(d)) + "\n")
				continue
			}
			if len(ev.disks) > 1 {
				o.WriteString(o.paint(colorBold, report.Text(d.name)) + ": ")
			}
			fmt.Fprintf(o, "%s, sectors of %d bytes\n\n", tableName(d.layout.Table), d.layout.SectorSize)
			if err := ev.writeVolumes(o, d); err != nil {
				return err
			}
		}
		return ev.writeComposed(o)
	})
}

func tableName(table string) string {
	switch table {
	case "gpt":
		return "GUID partition table"
	case "mbr":
		return "DOS partition table"
	}
	return "No partition table"
}

// writeVolumes lists the volumes of one disk.
func (ev *evidence) writeVolumes(o *output, d *piece) error {
	t := table{head: []string{"#", "SLOT", "START", "END", "SECTORS", "OFFSET", "SIZE", "TYPE", "HOLDS", "LABEL", "UUID"},
		right: []int{0, 2, 3, 4, 5, 6}}
	sector := max(d.layout.SectorSize, 1)
	for i := range d.layout.Volumes {
		v := diskVolume{d, &d.layout.Volumes[i]}
		start, sectors := v.Offset/sector, (v.Length+sector-1)/sector
		kind := v.Type
		if kind == "" {
			kind = v.TypeID
		}
		t.add(fmt.Sprint(v.Index), v.Slot, fmt.Sprint(start), fmt.Sprint(start+max(sectors, 1)-1), fmt.Sprint(sectors),
			fmt.Sprint(v.Offset), report.Bytes(v.Length), kind, ev.holds(v), labelOf(v.Volume), uuidOf(v.Volume))
	}
	return t.write(o)
}

// writeComposed lists the volumes that are composed of others, and where they
// stand.
func (ev *evidence) writeComposed(o *output) error {
	if ev.composed == nil || len(ev.composed.Groups) == 0 {
		return nil
	}
	o.WriteString("\n" + o.paint(colorBold, "Composed volumes") + "\n\n")
	t := table{head: []string{"#", "SLOT", "SIZE", "TYPE", "HOLDS", "LABEL", "UUID", "STANDS IN"}, right: []int{0, 2}}
	for _, v := range ev.composedVolumes() {
		t.add(fmt.Sprint(v.Index), v.Slot, report.Bytes(v.Length), v.Type, ev.holds(diskVolume{nil, v}), labelOf(v), uuidOf(v), ev.standsIn(v))
	}
	if err := t.write(o); err != nil {
		return err
	}
	o.WriteString("\n")
	t = table{head: []string{"GROUP", "KIND", "MEMBER", "VOLUME", "STATE", "SIZE"}, right: []int{5}}
	for i := range ev.composed.Groups {
		g := &ev.composed.Groups[i]
		kind := g.Kind
		if g.Level != "" {
			kind += " " + g.Level
		}
		if g.Removed {
			kind += " (removed)"
		}
		for _, m := range g.Members {
			t.add(g.Slot, kind, m.Role, orElse(m.Slot, orElse(m.Device, m.UUID)), m.State, report.Bytes(m.Length))
		}
	}
	return t.write(o)
}

// maxStands bounds how many places are named of one volume.
const maxStands = 4

// standsIn says on which partitions a composed volume lies.
func (ev *evidence) standsIn(v *volume.Volume) string {
	var out []string
	for i := range v.Parts {
		p := &v.Parts[i]
		s := "(missing)"
		for _, d := range ev.disks {
			if d.image == nil || p.Image != d.name {
				continue
			}
			s = d.name
			for j := range d.layout.Volumes {
				if w := &d.layout.Volumes[j]; !w.Container && w.Offset <= p.Offset && p.Offset < w.Offset+w.Length {
					s = w.Slot
				}
			}
		}
		if !slices.Contains(out, s) {
			if len(out) == maxStands {
				return strings.Join(out, ", ") + ", ..."
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// labelOf and uuidOf are what the volume is called by what is on it, else by
// the partition table.
func labelOf(v *volume.Volume) string { return orElse(v.Found.Label, v.Label) }
func uuidOf(v *volume.Volume) string  { return orElse(v.Found.UUID, v.UUID) }

// holds says in a few words what is on a volume.
func (ev *evidence) holds(v diskVolume) string {
	var notes []string
	kind := v.Found.Kind
	if m := ev.mountOf(v.Volume); m != nil {
		kind = m.FS.Info().Type
	} else if group := ev.memberOf(v); group != "" {
		notes = append(notes, "of "+group)
	} else if kind != "" {
		notes = append(notes, "not read")
	}
	if v.Missing > 0 {
		notes = append(notes, report.Bytes(v.Missing)+" missing")
	}
	if len(notes) > 0 {
		return strings.TrimSpace(kind + " (" + strings.Join(notes, ", ") + ")")
	}
	return kind
}

type jsonVolume struct {
	Index     int    `json:"index"`
	Slot      string `json:"slot"`
	Offset    int64  `json:"offset"`
	Length    int64  `json:"length"`
	Missing   int64  `json:"missing,omitempty"`
	Start     int64  `json:"start_sector"`
	Sectors   int64  `json:"sectors"`
	Allocated bool   `json:"allocated"`
	TypeID    string `json:"type_id,omitempty"`
	Type      text   `json:"type,omitempty"`
	Label     text   `json:"label,omitempty"`
	UUID      text   `json:"uuid,omitempty"`
	Bootable  bool   `json:"bootable,omitempty"`
	Holds     text   `json:"holds,omitempty"`
	FSLabel   text   `json:"fs_label,omitempty"`
	FSLabelB  string `json:"fs_label_bytes,omitempty"`
	FSUUID    text   `json:"fs_uuid,omitempty"`
	Read      bool   `json:"read"`
	Error     text   `json:"error,omitempty"`
	Image     text   `json:"image,omitempty"` // where there are several
	// Of a composed volume, and Group also of what it is composed of.
	Group text       `json:"group,omitempty"`
	Parts []jsonPart `json:"parts,omitempty"`
}

// jsonPart is a run of a composed volume on an image; offset -1 if it is
// missing.
type jsonPart struct {
	Logical int64 `json:"logical"`
	Length  int64 `json:"length"`
	Image   text  `json:"image"`
	Offset  int64 `json:"offset"`
	Stripe  int64 `json:"stripe,omitempty"`
	Copy    int   `json:"copy,omitempty"`
}

func (ev *evidence) volumeJSON(v diskVolume) jsonVolume {
	sector := int64(512)
	if v.disk != nil {
		sector = max(v.disk.layout.SectorSize, 1)
	}
	j := jsonVolume{
		Index: v.Index, Slot: v.Slot, Offset: v.Offset, Length: v.Length, Missing: v.Missing,
		Start: v.Offset / sector, Sectors: (v.Length + sector - 1) / sector,
		Allocated: v.Allocated, TypeID: v.TypeID, Type: text(v.Type), Label: text(v.Label), UUID: text(v.UUID), Bootable: v.Bootable,
		Holds: text(v.Found.Kind), FSLabel: text(v.Found.Label), FSLabelB: bytesOf(v.Found.Label), FSUUID: text(v.Found.UUID),
	}
	if v.disk != nil {
		j.Image = ev.imageText(v.disk.name)
	} else {
		j.Start = 0
	}
	j.Group = text(orElse(v.Group, ev.memberOf(v)))
	for i := range v.Parts {
		p := &v.Parts[i]
		j.Parts = append(j.Parts, jsonPart{p.Logical, p.Length, text(p.Image), p.Offset, p.Stripe, p.Copy})
	}
	if m := ev.mountOf(v.Volume); m != nil {
		j.Read, j.Holds = true, text(m.FS.Info().Type)
	}
	if err := ev.failed[v.Slot]; err != nil {
		j.Error = text(err.Error())
	}
	return j
}
