package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/image/volume"
	"deadbox/report"
)

type volumesOptions struct {
	output outputOptions
}

func newVolumesCommand(a *app) *cobra.Command {
	var opts volumesOptions
	cmd := &cobra.Command{
		Use:   "volumes IMAGE",
		Short: "List the partitions of an image and what is on each",
		Long: `List the partitions of an image, the gaps between them, and what is on each:
file systems that deadbox reads, and by their name those that it does not.

START, END and SECTORS count sectors, as The Sleuth Kit's option -o wants them;
OFFSET counts bytes from the start of the image, and is what --volume @OFFSET
takes. The slot is the stable name of a volume, for --volume and in reports.

The Sleuth Kit's cousin is mmls.` + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox volumes disk.dd
  deadbox volumes --format jsonl disk.dd`,
		Args: imageArg,
		RunE: func(cmd *cobra.Command, args []string) error { return runVolumes(cmd.Context(), a, &opts, args[0]) },
	}
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runVolumes(ctx context.Context, a *app, opts *volumesOptions, path string) error {
	ev, err := a.openEvidence(ctx, path)
	if err != nil {
		return err
	}
	defer ev.close()
	return a.withOutput(&opts.output, ev, func(o *output) error {
		ev.reportDamage()
		if o.format == formatJSONL {
			for i := range ev.layout.Volumes {
				if err := o.json(ev.volumeJSON(&ev.layout.Volumes[i])); err != nil {
					return err
				}
			}
			return nil
		}
		fmt.Fprintf(o, "%s, sectors of %d bytes\n\n", tableName(ev.layout.Table), ev.layout.SectorSize)
		return ev.writeVolumes(o)
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

func (ev *evidence) writeVolumes(o *output) error {
	t := table{head: []string{"#", "SLOT", "START", "END", "SECTORS", "OFFSET", "SIZE", "TYPE", "HOLDS", "LABEL", "UUID"},
		right: []int{0, 2, 3, 4, 5, 6}}
	sector := max(ev.layout.SectorSize, 1)
	for i := range ev.layout.Volumes {
		v := &ev.layout.Volumes[i]
		start, sectors := v.Offset/sector, (v.Length+sector-1)/sector
		kind := v.Type
		if kind == "" {
			kind = v.TypeID
		}
		t.add(fmt.Sprint(v.Index), v.Slot, fmt.Sprint(start), fmt.Sprint(start+max(sectors, 1)-1), fmt.Sprint(sectors),
			fmt.Sprint(v.Offset), report.Bytes(v.Length), kind, ev.holds(v), labelOf(v), uuidOf(v))
	}
	return t.write(o)
}

// labelOf and uuidOf are what the volume is called by what is on it, else by
// the partition table.
func labelOf(v *volume.Volume) string { return orElse(v.Found.Label, v.Label) }
func uuidOf(v *volume.Volume) string  { return orElse(v.Found.UUID, v.UUID) }

// holds says in a few words what is on a volume.
func (ev *evidence) holds(v *volume.Volume) string {
	var notes []string
	kind := v.Found.Kind
	if m := ev.mountOf(v); m != nil {
		kind = m.FS.Info().Type
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
}

func (ev *evidence) volumeJSON(v *volume.Volume) jsonVolume {
	sector := max(ev.layout.SectorSize, 1)
	j := jsonVolume{
		Index: v.Index, Slot: v.Slot, Offset: v.Offset, Length: v.Length, Missing: v.Missing,
		Start: v.Offset / sector, Sectors: (v.Length + sector - 1) / sector,
		Allocated: v.Allocated, TypeID: v.TypeID, Type: text(v.Type), Label: text(v.Label), UUID: text(v.UUID), Bootable: v.Bootable,
		Holds: text(v.Found.Kind), FSLabel: text(v.Found.Label), FSLabelB: bytesOf(v.Found.Label), FSUUID: text(v.Found.UUID),
	}
	if m := ev.mountOf(v); m != nil {
		j.Read, j.Holds = true, text(m.FS.Info().Type)
	}
	if err := ev.failed[v.Index]; err != nil {
		j.Error = text(err.Error())
	}
	return j
}
