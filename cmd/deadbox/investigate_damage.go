package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/report"
	"deadbox/timeline"
)

const (
	maxDamageListed = 10000  // in the report
	maxDamageKnown  = 100000 // to tell what was met before
)

// damageList is what could not be read of one image, each place once however
// often it was met.
type damageList struct {
	listed []report.Damage
	count  int64
	known  map[report.Damage]bool
	ranges map[rangeOf][][2]int64 // that could not be read
}

type rangeOf struct {
	volume string
	inode  filesystem.Inum
}

// add lists damage, and reports whether it is new.
func (l *damageList) add(d report.Damage, err error) bool {
	if l.met(d, err) {
		return false
	}
	l.count++
	if len(l.listed) < maxDamageListed {
		l.listed = append(l.listed, d)
	}
	return true
}

// met reports whether the same damage was met before. Those who read a file
// for different reasons meet the same damage, and say it in different words.
func (l *damageList) met(d report.Damage, err error) bool {
	var read *filesystem.ReadError
	if errors.As(err, &read) && read.Length > 0 && d.Offset >= 0 {
		of, from, to := rangeOf{d.Volume, d.Inode}, d.Offset, d.Offset+read.Length
		for _, r := range l.ranges[of] {
			if from < r[1] && r[0] < to {
				return true
			}
		}
		if l.ranges == nil {
			l.ranges = map[rangeOf][][2]int64{}
		}
		if l.count < maxDamageKnown {
			l.ranges[of] = append(l.ranges[of], [2]int64{from, to})
		}
		return false
	}
	key := d
	var corrupt *filesystem.CorruptError
	if errors.As(err, &corrupt) {
		key.What = corrupt.Error()
	}
	if key.Inode != 0 {
		key.Path = "" // one of its names
	}
	if l.known[key] {
		return true
	}
	if l.known == nil {
		l.known = map[report.Damage]bool{}
	}
	if len(l.known) < maxDamageKnown {
		l.known[key] = true
	}
	return false
}

// noteDamage keeps what could not be read for the report, and says it.
func (v *investigator) noteDamage(ev *evidence, errs ...error) {
	list, what := &v.damage, ""
	if ev == v.base && ev != nil {
		list, what = &v.baseDamage, "baseline"
	}
	for _, err := range errs {
		if err == nil || errors.Is(err, context.Canceled) {
			continue
		}
		if list.add(damageOf(ev, err), err) {
			v.app.damage(what, err)
		}
	}
}

// whose is the image that an error names.
func (v *investigator) whose(err error) *evidence {
	var at *host.PathError
	if v.base != nil && errors.As(err, &at) && v.base.disk(at.Image) != nil && v.ev.disk(at.Image) == nil {
		return v.base
	}
	return v.ev
}

// damageOf finds the place of an error on the image; where it names but the
// inode, it is the inode's.
func damageOf(ev *evidence, err error) report.Damage {
	slot, image := "", ev.disks[0].name
	var at *host.PathError
	var of *volumeError
	var table *volume.DamageError
	var file *timeline.DamageError
	switch {
	case errors.As(err, &table):
		// It concerns the image, whatever it holds.
		var on *diskError
		if errors.As(err, &on) {
			image, err = on.image, on.err
		}
		image = orElse(table.Image, image)
	case errors.As(err, &at):
		slot = at.Volume
	case errors.As(err, &of):
		slot, err = of.slot, of.err
	case errors.As(err, &file):
		return report.Damage{
			Image: orElse(file.Evidence.Image, image), Volume: file.Evidence.Volume, Offset: file.Evidence.Offset, Inode: file.Evidence.Inode, Path: file.Path,
			What: strings.TrimPrefix(err.Error(), fmt.Sprintf("%q: ", file.Path)),
		}
	case len(ev.mounts) == 1:
		slot = ev.mounts[0].Volume.Slot
	}
	d := report.DamageOf(image, slot, 0, err)
	for _, v := range ev.volumes() {
		if v.Slot != slot || table != nil {
			continue
		}
		d.Image = image
		if v.disk != nil {
			d.Image = v.disk.name
		}
		m := ev.mountNamed(slot)
		if m == nil {
			m = &host.Mount{Image: d.Image, Volume: *v.Volume}
		}
		if d.Offset >= 0 {
			d.Image, d.Offset = m.Place(d.Offset)
		} else if d.Inode != 0 && m.FS != nil {
			if in, err := m.FS.Inode(d.Inode); err == nil {
				d.Image, d.Offset = m.Place(in.Offset)
			}
		}
	}
	return d
}
