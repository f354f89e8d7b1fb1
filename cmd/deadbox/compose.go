package main

import (
	"deadbox/image/volume"
)

// compose finds the volumes that LVM and md make of the disks' partitions, and
// opens those that hold a file system.
func (ev *evidence) compose() {
	var disks []volume.Disk
	last := 0
	for _, d := range ev.disks {
		if d.image == nil {
			continue
		}
		d.number = len(disks)
		disks = append(disks, volume.Disk{Name: d.name, Image: d.image, Size: d.image.Size(), Layout: d.layout})
		last += len(d.layout.Volumes)
	}
	if len(disks) == 0 {
		return
	}
	ev.composed = volume.Compose(disks)
	for i := range ev.composed.Volumes {
		v := &ev.composed.Volumes[i]
		last++
		v.Index = last
		if !v.Container {
			ev.mount(imageOf(v), v, v.Reader(nil))
		}
	}
}

// imageOf is the image that holds the beginning of a composed volume, as far as
// it is there.
func imageOf(v *volume.Volume) string {
	for i := range v.Parts {
		if v.Parts[i].Image != "" {
			return v.Parts[i].Image
		}
	}
	return ""
}

// memberOf gives the slot of the group that a volume is a part of; "" if it
// stands for itself.
func (ev *evidence) memberOf(v diskVolume) string {
	if ev.composed == nil || v.disk != nil && v.disk.image == nil {
		return ""
	}
	number := -1
	if v.disk != nil {
		number = v.disk.number
	}
	if g := ev.composed.MemberOf(number, v.Slot); g != nil {
		return g.Slot
	}
	return ""
}

func (ev *evidence) composedVolumes() []*volume.Volume {
	if ev.composed == nil {
		return nil
	}
	var out []*volume.Volume
	for i := range ev.composed.Volumes {
		out = append(out, &ev.composed.Volumes[i])
	}
	return out
}

// composedNotes are what must be known of how volumes were composed.
func (ev *evidence) composedNotes() []string {
	if ev.composed == nil {
		return nil
	}
	out := ev.composed.Notes
	for _, g := range ev.composed.Groups {
		for _, n := range g.Notes {
			out = append(out, g.Slot+": "+n)
		}
	}
	return out
}
