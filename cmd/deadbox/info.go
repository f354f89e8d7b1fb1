package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
)

type infoOptions struct {
	source sourceOptions
	output outputOptions
	zone   zoneOptions
}

func newInfoCommand(a *app) *cobra.Command {
	var opts infoOptions
	cmd := &cobra.Command{
		Use:   "info IMAGE...",
		Short: "Say what an image is of: volumes, system, accounts, first and last activity",
		Long: `Say what an image is of: its volumes and file systems, the server's name,
system, kernel, time zone and accounts, when it was first and last in use, and
what must be known before the image is trusted.

It reads the partition table, the superblocks and a few files, whatever the size
of the image: the first and the last activity are what these say. "deadbox
timeline" has every time of every file.

The Sleuth Kit's cousins are mmls and fsstat.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox info disk.dd
  deadbox info --tz UTC disk.dd
  deadbox info disk.dd good.dd
  deadbox info --format jsonl disk.dd`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runInfo(cmd.Context(), a, &opts, args) },
	}
	opts.source.addFlags(cmd, false)
	opts.zone.addFlags(cmd)
	opts.output.addFlags(cmd, formatText, formatJSONL)
	return cmd
}

func runInfo(ctx context.Context, a *app, opts *infoOptions, images []string) error {
	ev, err := opts.source.open(ctx, a, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	facts := &imageFacts{ev: ev, damage: ev.openProblems(), notes: ev.openNotes()}
	if len(ev.mounts) > 0 {
		h, err := ev.server(ctx)
		if err != nil {
			return err
		}
		facts.host = h
		facts.activity = h.Activity()
		facts.damage = append(facts.damage, h.Damage...)
		facts.notes = append(facts.notes, h.Notes...)
	}
	zone := time.UTC
	if opts.output.format == formatText && len(ev.mounts) > 0 {
		if zone, err = ev.zone(ctx, &opts.zone); err != nil {
			return err
		}
	}
	// The damage is a part of the answer, and not said twice.
	a.damaged += len(facts.damage)
	return a.withOutput(&opts.output, ev, func(o *output) error {
		if o.format == formatJSONL {
			return facts.writeJSON(o)
		}
		return facts.writeText(o, zone)
	})
}

// imageFacts is what info says of an image.
type imageFacts struct {
	ev       *evidence
	host     *host.Host // nil if no file system can be read
	activity host.Activity
	notes    []string
	damage   []error
}

// noLogin are programs that stand in passwd in place of a shell and let nobody
// in.
var noLogin = []string{"nologin", "false", "true", "sync", "shutdown", "halt", "null"}

// canLogIn reports whether the account's shell lets somebody in. An empty field
// stands for /bin/sh, as passwd(5) says. Whether a password or a key does is not
// looked at.
func canLogIn(a *host.Account) bool { return lets(a.Shell) }

// lets reports whether a shell lets somebody in.
func lets(shell string) bool {
	return !slices.Contains(noLogin, shell[strings.LastIndexByte(shell, '/')+1:])
}

func (f *imageFacts) writeText(o *output, zone *time.Location) error {
	field := func(name, format string, args ...any) {
		fmt.Fprintf(o, "  %-15s %s\n", name, report.Text(fmt.Sprintf(format, args...)))
	}
	heading := func(text string) { o.WriteString("\n" + o.paint(colorBold, text) + "\n") }

	for i, d := range f.ev.disks {
		if i > 0 {
			o.WriteByte('\n')
		}
		if d.image == nil {
			o.WriteString(o.paint(colorBold, d.kind()) + "\n")
			field("file", "%s", d.name)
			continue
		}
		im := d.image
		o.WriteString(o.paint(colorBold, "image") + "\n")
		field("file", "%s", im.Name())
		if n := len(im.Segments()); n > 1 {
			field("segments", "%d", n)
		}
		field("size", "%s bytes (%s)", report.Count(im.Size()), report.Bytes(im.Size()))
		field("partitions", "%s, sectors of %d bytes", tableName(d.layout.Table), d.layout.SectorSize)
	}

	heading("volumes")
	t := table{indent: "  ", head: []string{"SLOT", "OFFSET", "SIZE", "HOLDS", "LABEL", "UUID", "MOUNTED AT"}, right: []int{1, 2}}
	for _, v := range f.ev.volumes() {
		if !v.Allocated && v.Found.Kind == "" && v.disk != nil && v.disk.layout.Table != "none" {
			continue // a gap with nothing in it; "volumes" lists it
		}
		point := ""
		if m := f.serverMount(v.Slot); m != nil {
			point = m.Point
		}
		offset := ""
		if v.disk != nil {
			offset = strconv.FormatInt(v.Offset, 10)
		}
		t.add(v.Slot, offset, report.Bytes(v.Length), f.ev.holds(v), labelOf(v.Volume), uuidOf(v.Volume), point)
	}
	for _, m := range f.ev.trees() {
		point := ""
		if sm := f.serverMount(m.Volume.Slot); sm != nil {
			point = sm.Point
		}
		t.add(m.Volume.Slot, "", report.Bytes(m.FS.Info().Size), m.FS.Info().Type, m.FS.Info().Label, "", point)
	}
	if err := t.write(o); err != nil {
		return err
	}
	if h := f.host; h != nil {
		heading("server")
		unknown := func(s string) string { return orElse(s, "not known") }
		field("name", "%s", unknown(h.Name))
		field("system", "%s", unknown(h.OS))
		kernel := "not known"
		if n := len(h.Kernels); n > 0 {
			kernel = h.Kernels[n-1]
			if n > 1 {
				kernel += fmt.Sprintf(" (the newest of %d)", n)
			}
		}
		field("kernel", "%s", kernel)
		if h.Zone != nil {
			field("time zone", "%s (%s)", h.ZoneName, h.ZoneFrom)
		} else {
			field("time zone", "not known")
		}
		if len(h.Accounts) == 0 {
			field("accounts", "not known")
		} else {
			field("accounts", "%d, %s", len(h.Accounts), loginText(h.Accounts))
		}
		activity := func(name string, t filesystem.Time, from string) {
			if t.Known {
				field(name, "%s (%s)", report.AppendTimeIn(nil, t.Sec, t.Nsec, zone, false), from)
			} else {
				field(name, "not known")
			}
		}
		activity("first activity", f.activity.First, f.activity.FirstFrom)
		activity("last activity", f.activity.Last, f.activity.LastFrom)
	}
	if len(f.notes) > 0 {
		heading("notes")
		for _, n := range f.notes {
			o.WriteString("  " + report.Text(n) + "\n")
		}
	}
	if len(f.damage) > 0 {
		heading("damage")
		for i, err := range f.damage {
			if i == maxDamageLines && !f.ev.app.verbose {
				fmt.Fprintf(o, "  and %s; -v lists them\n", plural(len(f.damage)-i, "more place", "more places"))
				break
			}
			o.WriteString("  " + o.paint(colorRed, report.Text(err.Error())) + "\n")
		}
	}
	return nil
}

// serverMount is the server's mount of a volume.
func (f *imageFacts) serverMount(slot string) *host.Mount {
	if f.host == nil {
		return nil
	}
	for _, m := range f.host.Mounts {
		if m.Volume.Slot == slot {
			return m
		}
	}
	return nil
}

// maxAccountsShown bounds the one line that names those who can log in.
const maxAccountsShown = 20

func loginText(accounts []host.Account) string {
	var names []string
	for i := range accounts {
		if a := &accounts[i]; canLogIn(a) {
			names = append(names, fmt.Sprintf("%s (%d)", a.Name, a.UID))
		}
	}
	more := ""
	if n := len(names); n > maxAccountsShown {
		names, more = names[:maxAccountsShown], fmt.Sprintf(" and %d more", n-maxAccountsShown)
	}
	if len(names) == 0 {
		return "none with a login shell"
	}
	return "with a login shell: " + strings.Join(names, ", ") + more
}

func (f *imageFacts) writeJSON(o *output) error {
	type segment struct {
		Path   text  `json:"path"`
		Offset int64 `json:"offset"`
		Size   int64 `json:"size"`
	}
	type imageJSON struct {
		Path     text      `json:"path"`
		Size     int64     `json:"size"`
		Segments []segment `json:"segments"`
		Kind     string    `json:"kind,omitempty"` // of what is no image
		// Of one of several:
		Table      string `json:"table,omitempty"`
		SectorSize int64  `json:"sector_size,omitempty"`
	}
	type fileSystem struct {
		Volume      string   `json:"volume"`
		Point       text     `json:"mounted_at,omitempty"`
		How         text     `json:"mounted_how,omitempty"`
		Type        string   `json:"type"`
		Label       text     `json:"label,omitempty"`
		LabelBytes  string   `json:"label_bytes,omitempty"`
		UUID        text     `json:"uuid,omitempty"`
		BlockSize   int64    `json:"block_size"`
		Size        int64    `json:"size"`
		FreeBytes   int64    `json:"free_bytes"`
		Inodes      uint64   `json:"inodes"`
		FreeInodes  uint64   `json:"free_inodes"`
		Features    []string `json:"features"`
		LastMounted text     `json:"last_mounted_on,omitempty"`
		Created     jsonTime `json:"created"`
		Mounted     jsonTime `json:"mounted"`
		Written     jsonTime `json:"written"`
		Checked     jsonTime `json:"checked"`
	}
	type account struct {
		Name  text   `json:"name"`
		UID   uint32 `json:"uid"`
		GID   uint32 `json:"gid"`
		Home  text   `json:"home"`
		Shell text   `json:"shell"`
		Login bool   `json:"login_shell"`
	}
	type moment struct {
		Time jsonTime `json:"time"`
		From text     `json:"from,omitempty"`
	}
	type server struct {
		Name     text      `json:"name"`
		OS       text      `json:"os"`
		OSID     text      `json:"os_id"`
		Kernels  []text    `json:"kernels"`
		Zone     text      `json:"time_zone"`
		ZoneFrom text      `json:"time_zone_from"`
		Accounts []account `json:"accounts"`
		First    moment    `json:"first_activity"`
		Last     moment    `json:"last_activity"`
	}
	out := struct {
		Image       *imageJSON   `json:"image,omitempty"`
		Table       string       `json:"table,omitempty"`
		SectorSize  int64        `json:"sector_size,omitempty"`
		Images      []imageJSON  `json:"images,omitempty"` // where there are several
		Volumes     []jsonVolume `json:"volumes"`
		FileSystems []fileSystem `json:"file_systems"`
		Server      *server      `json:"server,omitempty"`
		Notes       []text       `json:"notes"`
		Damage      []text       `json:"damage"`
	}{
		Volumes: []jsonVolume{}, FileSystems: []fileSystem{}, Notes: []text{}, Damage: []text{},
	}
	for _, d := range f.ev.disks {
		j := imageJSON{Path: text(d.name), Segments: []segment{}}
		if d.image == nil {
			j.Kind = d.kind()
		} else {
			j.Size = d.image.Size()
			for _, s := range d.image.Segments() {
				j.Segments = append(j.Segments, segment{text(s.Path), s.Offset, s.Size})
			}
		}
		if len(f.ev.disks) == 1 {
			out.Image, out.Table, out.SectorSize = &j, d.layout.Table, d.layout.SectorSize
			continue
		}
		j.Table, j.SectorSize = d.layout.Table, d.layout.SectorSize
		out.Images = append(out.Images, j)
	}
	for _, v := range f.ev.volumes() {
		out.Volumes = append(out.Volumes, f.ev.volumeJSON(v))
	}
	for _, m := range f.ev.mounts {
		i := m.FS.Info()
		j := fileSystem{
			Volume: m.Volume.Slot, Type: i.Type, Label: text(i.Label), LabelBytes: bytesOf(i.Label), UUID: text(i.UUID), BlockSize: i.BlockSize,
			Size: i.Size, FreeBytes: i.FreeBytes, Inodes: i.InodeCount, FreeInodes: i.FreeInodes, Features: append([]string{}, i.Features...),
			LastMounted: text(i.LastMounted), Created: jsonTime(i.Created), Mounted: jsonTime(i.Mounted), Written: jsonTime(i.Written), Checked: jsonTime(i.Checked),
		}
		if sm := f.serverMount(m.Volume.Slot); sm != nil {
			j.Point, j.How = text(sm.Point), text(sm.How)
		}
		out.FileSystems = append(out.FileSystems, j)
	}
	if h := f.host; h != nil {
		s := &server{
			Name: text(h.Name), OS: text(h.OS), OSID: text(h.OSID), Kernels: []text{}, Zone: text(h.ZoneName), ZoneFrom: text(h.ZoneFrom), Accounts: []account{},
			First: moment{jsonTime(f.activity.First), text(f.activity.FirstFrom)}, Last: moment{jsonTime(f.activity.Last), text(f.activity.LastFrom)},
		}
		for _, k := range h.Kernels {
			s.Kernels = append(s.Kernels, text(k))
		}
		for i := range h.Accounts {
			a := &h.Accounts[i]
			s.Accounts = append(s.Accounts, account{text(a.Name), a.UID, a.GID, text(a.Home), text(a.Shell), canLogIn(a)})
		}
		out.Server = s
	}
	for _, n := range f.notes {
		out.Notes = append(out.Notes, text(n))
	}
	for _, err := range f.damage {
		out.Damage = append(out.Damage, text(err.Error()))
	}
	return o.json(out)
}

// jsonTime is a time in JSON: RFC 3339 in UTC; null if it is not known.
type jsonTime filesystem.Time

func (t jsonTime) MarshalJSON() ([]byte, error) {
	if !t.Known {
		return []byte("null"), nil
	}
	return append(report.AppendTime([]byte{'"'}, t.Sec, t.Nsec), '"'), nil
}
