package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/deleted"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
)

// deleted tells what was deleted, as records, one for each version of a file
// whose name or content is known. Their content is written by recover.
func (v *investigator) deleted() error {
	for _, m := range v.host.Mounts {
		v.app.people.begin("looking for deleted files on volume "+m.Volume.Slot, 0, unitFiles)
		found, err := deleted.Find(v.ctx, m.FS)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			continue
		case err != nil:
			return err
		}
		for _, err := range found.Damage {
			v.noteDamage(v.ev, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Err: err})
		}
		for i := range found.Files {
			f := &found.Files[i]
			if f.Grade == deleted.Metadata && f.NameFrom == deleted.NoName {
				continue
			}
			r := deletedRecord(m, f)
			v.digest.deleted(f, &r)
			if err := v.add(&r); err != nil {
				return err
			}
		}
	}
	return v.ctx.Err()
}

// deletedRecord is a version of a deleted file. The time is that of the
// deletion as the inode says it, or the commit of the journal that bounds it.
func deletedRecord(m *host.Mount, f *deleted.File) timeline.Record {
	p := below(m, f.Path)
	fields := map[string]string{"path": p, "state": f.Kind.String(), "grade": f.Grade.String(), "type": f.Type.String(), "name_from": f.NameFrom.String()}
	ev := timeline.Evidence{Image: m.Image, Volume: m.Volume.Slot, Inode: f.Inum, Path: p, Offset: -1}
	if f.Of > 1 {
		fields["version"] = fmt.Sprintf("%d of %d", f.Version, f.Of)
	}
	if len(f.Why) > 0 {
		fields["reason"] = strings.Join(f.Why, "; ")
	}
	if f.Target != "" {
		fields["target"] = f.Target
	}
	if len(f.Names) > 0 {
		fields["other_names"] = strings.Join(f.Names, " ")
	}
	if in := f.Inode; in != nil {
		fields["uid"], fields["gid"] = strconv.FormatUint(uint64(in.UID), 10), strconv.FormatUint(uint64(in.GID), 10)
		fields["mode"], fields["bytes"] = fmt.Sprintf("%04o", uint32(in.Mode)&0o7777), strconv.FormatInt(in.Size, 10)
		if image, at := m.Place(in.Offset); at >= 0 {
			ev.Image, ev.Offset, ev.Length = image, at, int64(len(in.Raw))
		}
	}
	r := timeline.Record{Kind: timeline.KindDeleted, Summary: fmt.Sprintf("%s (%s, content %s)", p, f.Kind, f.Grade), Fields: fields, Evidence: ev}
	if when, bound := deletionTime(f); !when.IsZero() {
		r.Stamps = []timeline.Stamp{{What: "deletion", When: when}}
		switch bound {
		case "before":
			r.Stamps[0].Note = "not later than this commit of the journal"
		case "after":
			r.Stamps[0].Note = "not earlier than this commit of the journal"
		}
	}
	return r
}

// gone is a deleted file in the report.
type gone struct {
	when  time.Time
	bound string // "not later than", "not earlier than"; "" where the time is known
	cells []string
}

// deletions are what the report shows of deleted files.
type deletions struct {
	grades [3]int
	rows   []gone
}

func (d *digest) deleted(f *deleted.File, r *timeline.Record) {
	d.deletions.grades[f.Grade]++
	if f.Grade == deleted.Metadata || f.Type == filesystem.Directory || len(d.deletions.rows) >= maxGathered {
		return
	}
	g := gone{cells: []string{r.Fields["grade"], r.Fields["state"], r.Fields["bytes"], "", r.Fields["path"]}}
	if len(r.Stamps) > 0 {
		g.when = r.Stamps[0].When
		if r.Stamps[0].Note != "" {
			g.bound, _, _ = strings.Cut(r.Stamps[0].Note, " this commit")
		}
	}
	d.deletions.rows = append(d.deletions.rows, g)
}

// table lists the last deleted first.
func (d *deletions) table(zone *time.Location) (*table, string) {
	slices.SortStableFunc(d.rows, func(a, b gone) int { return b.when.Compare(a.when) })
	t := &table{head: []string{"CONTENT", "STATE", "SIZE", "DELETED", "PATH"}, right: []int{2}}
	for _, g := range d.rows {
		if !g.when.IsZero() {
			g.cells[3] = strings.TrimSpace(g.bound + " " + report.TimeIn(g.when, zone))
		}
		t.add(g.cells...)
	}
	return t, fmt.Sprintf("Of %d versions of deleted files the content is complete of %d, partial of %d; deadbox recover IMAGE -o DIR writes it.",
		d.grades[0]+d.grades[1]+d.grades[2], d.grades[deleted.Complete], d.grades[deleted.Partial])
}
