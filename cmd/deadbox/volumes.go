package main

import (
	"context"
	"fmt"
	"strings"
	"time"

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

Volumes of LVM2 and arrays of Linux md are put together of the images that are
given, and listed after the partitions, group by group: the members, the volumes
(those that were deleted and can still be read, too), where each stands,
and the older states of LVM2's metadata. The JSON lines of groups, which have
"members", follow those of volumes.

The Sleuth Kit's cousin is mmls.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox volumes disk.dd
  deadbox volumes disk.dd good.dd
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
			if ev.composed == nil {
				return nil
			}
			for i := range ev.composed.Groups {
				if err := o.json(groupJSON(&ev.composed.Groups[i])); err != nil {
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

// writeComposed lists the volumes that are composed of others, group by group.
func (ev *evidence) writeComposed(o *output) error {
	if ev.composed == nil {
		return nil
	}
	for i := range ev.composed.Groups {
		if err := ev.writeGroup(o, &ev.composed.Groups[i]); err != nil {
			return err
		}
	}
	return nil
}

func (ev *evidence) writeGroup(o *output, g *volume.Group) error {
	what := "volume group of LVM2"
	if g.Kind == "md" {
		what = "Linux md " + g.Level
	}
	if g.Removed {
		what += ", removed"
	}
	fmt.Fprintf(o, "\n%s: %s, %s\n\n", o.paint(colorBold, report.Text(g.Slot)), report.Text(what), report.Text(g.UUID))
	t := table{head: []string{"MEMBER", "VOLUME", "STATE", "SIZE", "LAST SEEN AS", "UUID"}, right: []int{3}}
	for _, m := range g.Members {
		size := ""
		if m.Length > 0 {
			size = report.Bytes(m.Length)
		}
		t.add(m.Role, m.Slot, m.State, size, m.Device, m.UUID)
	}
	if err := t.write(o); err != nil {
		return err
	}
	volumes := table{head: []string{"#", "SLOT", "SIZE", "TYPE", "HOLDS", "LABEL", "UUID"}, right: []int{0, 2}}
	parts := table{head: []string{"SLOT", "FROM", "SIZE", "IN", "AT", "AS"}, right: []int{1, 2, 4}}
	for _, v := range ev.composedVolumes() {
		if v.Group != g.Slot {
			continue
		}
		volumes.add(fmt.Sprint(v.Index), v.Slot, report.Bytes(v.Length), v.Type, ev.holds(diskVolume{nil, v}), labelOf(v), uuidOf(v))
		if strings.Contains(strings.TrimPrefix(v.Slot, g.Slot+"/"), "/") {
			continue // a partition of a volume, which stands in that
		}
		ev.addParts(&parts, v)
	}
	for _, t := range []*table{&volumes, &parts} {
		if len(t.rows) == 0 {
			continue
		}
		o.WriteByte('\n')
		if err := t.write(o); err != nil {
			return err
		}
	}
	return writeGenerations(o, g)
}

// maxShownParts bounds the parts of one volume that the text shows.
const maxShownParts = 8

// addParts lists where a volume stands.
func (ev *evidence) addParts(t *table, v *volume.Volume) {
	for i, p := range v.Parts {
		if i == maxShownParts && len(v.Parts) > maxShownParts+1 {
			t.add(v.Slot, "...", "", fmt.Sprintf("%d more", len(v.Parts)-i), "", "")
			return
		}
		as := ""
		switch {
		case p.Copy > 0:
			as = fmt.Sprintf("copy %d", p.Copy+1)
		case p.Stripe > 0:
			as = "stripes of " + report.Bytes(p.Stripe)
		}
		in, at := "missing", ""
		if p.Disk >= 0 {
			in, at = ev.slotAt(&p), fmt.Sprint(p.Offset)
		}
		t.add(v.Slot, fmt.Sprint(p.Logical), report.Bytes(p.Length), in, at, as)
	}
}

// slotAt names the partition that a part lies on.
func (ev *evidence) slotAt(p *volume.Part) string {
	for _, d := range ev.disks {
		if d.image == nil || d.name != p.Image {
			continue
		}
		for i := range d.layout.Volumes {
			if v := &d.layout.Volumes[i]; !v.Container && v.Offset <= p.Offset && p.Offset < v.Offset+v.Length {
				return v.Slot
			}
		}
	}
	return p.Image
}

// maxShownGenerations bounds the states of a group's metadata that the text
// shows: the last of those that change its volumes.
const maxShownGenerations = 12

// writeGenerations lists in short what the group's older metadata tell.
func writeGenerations(o *output, g *volume.Group) error {
	if len(g.Generations) < 2 {
		return nil
	}
	t := table{head: []string{"STATE", "WRITTEN (UTC)", "ON", "VOLUMES", "CHANGE", "BY"}, right: []int{0, 3}}
	before := map[string]string{}
	for i := range g.Generations {
		n := &g.Generations[i]
		now := map[string]string{}
		var change []string
		for _, v := range n.Volumes {
			if !v.Visible {
				continue
			}
			now[v.UUID] = v.Name
			switch old, ok := before[v.UUID]; {
			case !ok && i > 0:
				change = append(change, "+"+v.Name)
			case ok && old != v.Name:
				change = append(change, old+"="+v.Name)
			}
		}
		if i > 0 {
			for _, v := range g.Generations[i-1].Volumes {
				if _, ok := now[v.UUID]; v.Visible && !ok && n.Whole {
					change = append(change, "-"+v.Name)
				}
			}
		}
		before = now
		when := ""
		if !n.Time.IsZero() {
			when = n.Time.Format(time.DateTime)
		}
		if !n.Whole {
			change = append(change, "(overwritten in part)")
		}
		if len(change) > 0 || n.Current {
			t.add(fmt.Sprint(n.Seqno), when, n.Host, fmt.Sprint(len(now)), strings.Join(change, " "), commandOf(n.Description))
		}
	}
	if len(t.rows) > maxShownGenerations {
		t.rows = t.rows[len(t.rows)-maxShownGenerations:]
	}
	fmt.Fprintf(o, "\nThe metadata stand in %d states; those that change volumes%s:\n\n", len(g.Generations), map[bool]string{true: ", the last", false: ""}[len(t.rows) == maxShownGenerations])
	return t.write(o)
}

// commandOf is the command in a description of LVM2's metadata: "Write from
// lvcreate -n root vg0.", "Created *after* executing 'lvcreate -n root vg0'".
func commandOf(description string) string {
	if _, s, ok := strings.Cut(description, " executing '"); ok {
		return strings.TrimSuffix(s, "'")
	}
	if prefix, s, ok := strings.Cut(description, " from "); ok && strings.HasPrefix(prefix, "Write") {
		return strings.TrimSuffix(s, ".")
	}
	return description
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

// jsonGroup is a volume group of LVM2 or an array of md, after the volumes.
type jsonGroup struct {
	Group       string           `json:"group"`
	Kind        string           `json:"kind"`
	Name        text             `json:"name"`
	UUID        text             `json:"uuid"`
	Level       string           `json:"level,omitempty"`
	Removed     bool             `json:"removed,omitempty"`
	Members     []jsonMember     `json:"members"`
	Generations []jsonGeneration `json:"generations,omitempty"`
	Notes       []text           `json:"notes,omitempty"`
}

type jsonMember struct {
	Role   text   `json:"role"`
	State  string `json:"state"`
	Image  text   `json:"image,omitempty"`
	Slot   text   `json:"slot,omitempty"`
	UUID   text   `json:"uuid,omitempty"`
	Device text   `json:"device,omitempty"`
	Length int64  `json:"length,omitempty"`
}

// jsonGeneration is a state of a group's metadata.
type jsonGeneration struct {
	Seqno       int64                  `json:"seqno"`
	Written     string                 `json:"written,omitempty"`
	Host        text                   `json:"host,omitempty"`
	Description text                   `json:"description,omitempty"`
	Current     bool                   `json:"current"`
	Whole       bool                   `json:"whole"`
	Places      []jsonPlace            `json:"places"`
	Volumes     []jsonGenerationVolume `json:"volumes"`
}

type jsonPlace struct {
	Image  text  `json:"image"`
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

type jsonGenerationVolume struct {
	Name    text   `json:"name"`
	UUID    text   `json:"uuid"`
	Kind    text   `json:"kind"`
	Size    int64  `json:"size"`
	Created string `json:"created,omitempty"`
	Host    text   `json:"host,omitempty"`
	Visible bool   `json:"visible"`
}

func groupJSON(g *volume.Group) jsonGroup {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	j := jsonGroup{Group: g.Slot, Kind: g.Kind, Name: text(g.Name), UUID: text(g.UUID), Level: g.Level, Removed: g.Removed, Members: []jsonMember{}}
	for _, m := range g.Members {
		j.Members = append(j.Members, jsonMember{text(m.Role), m.State, text(m.Image), text(m.Slot), text(m.UUID), text(m.Device), m.Length})
	}
	for _, n := range g.Generations {
		k := jsonGeneration{
			Seqno: n.Seqno, Written: stamp(n.Time), Host: text(n.Host), Description: text(n.Description), Current: n.Current, Whole: n.Whole,
			Places: []jsonPlace{}, Volumes: []jsonGenerationVolume{},
		}
		for _, p := range n.Places {
			k.Places = append(k.Places, jsonPlace{text(p.Image), p.Offset, p.Length})
		}
		for _, v := range n.Volumes {
			k.Volumes = append(k.Volumes, jsonGenerationVolume{text(v.Name), text(v.UUID), text(v.Kind), v.Size, stamp(v.Created), text(v.Host), v.Visible})
		}
		j.Generations = append(j.Generations, k)
	}
	for _, n := range g.Notes {
		j.Notes = append(j.Notes, text(n))
	}
	return j
}
