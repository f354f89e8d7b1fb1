package volume

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lvmBuilder maps the logical volumes of one generation.
type lvmBuilder struct {
	c    *composer
	g    *lvmGroup
	pvs  map[string]*lvmPhysical
	slot string
	say  func(format string, args ...any)
	done map[string]device // by name; nil while at work, which tells loops
	deep int
}

const maxLVDepth = 16 // of volumes in volumes; a cached thin pool on RAID has 5

func timeText(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.Format(time.DateTime) + " UTC"
}

// volumes composes the visible volumes whose identifiers are not known yet.
// deleted says that this generation is not in force.
func (b *lvmBuilder) volumes(known map[string]bool, deleted bool) []Volume {
	var out []Volume
	for i := range b.g.lvs {
		l := &b.g.lvs[i]
		if known[l.id] || l.extents == 0 {
			continue
		}
		known[l.id] = true
		// A snapshot is two volumes: a hidden one with its name, that is its store, and
		// one that tells what it is of.
		if l.kind() == "snapshot" || !l.visible() && b.snapshotSegment(l.name) == nil {
			continue
		}
		v := Volume{Slot: b.slot + "/" + l.name, Allocated: !deleted, Type: "LVM2 " + b.kindOf(l), Label: l.name, UUID: dashed(l.id), Group: b.slot}
		if deleted {
			v.Slot += fmt.Sprintf("@%d", b.g.seqno)
			v.Type = "Deleted " + v.Type
		}
		if !isPlainName(l.name) {
			v.Slot = b.slot + "/" + dashed(l.id)
		}
		if b.c.slots[v.Slot] {
			continue
		}
		dev, unread := b.snapshotOr(l)
		v.dev = dev
		switch l.kind() {
		case "thin-pool", "cache-pool", "vdo-pool":
			v.Container = true // its bytes are those of other volumes, in no order of their own
		}
		v.Length = dev.size()
		if deleted {
			if !b.mapped(dev) {
				b.say("The volume %s was deleted, and none of it is at hand.", l.name)
				continue
			}
			again, total := b.reused(l, b.c.used, map[string]bool{})
			say := fmt.Sprintf("The volume %s was deleted: state %d of the metadata is the last at hand that names it (written %s, created %s)", v.Slot, b.g.seqno, timeText(b.g.time), timeText(l.created))
			switch {
			case again == 0:
				say += "; no volume uses its extents now"
			default:
				say += fmt.Sprintf("; of its %d extents, other volumes have %d now", total/b.g.extent, again/b.g.extent)
			}
			b.say("%s.", say)
		}
		b.c.slots[v.Slot] = true
		if unread != "" {
			b.say("%s is %s.", v.Slot, unread)
		}
		out = append(out, v)
	}
	return out
}

// mapped reports whether some of a device is at hand.
func (b *lvmBuilder) mapped(dev device) bool { return dev.lost(0, dev.size()) < dev.size() }

// kindOf says what a volume is, with its pool.
func (b *lvmBuilder) kindOf(l *lvmLV) string {
	kind := l.kind()
	if b.snapshotSegment(l.name) != nil {
		return "snapshot"
	}
	return cmp.Or(kind, "volume")
}

// snapshotSegment finds the segment that says that a volume is the store of a
// snapshot.
func (b *lvmBuilder) snapshotSegment(name string) *lvmSegment {
	for i := range b.g.lvs {
		for j := range b.g.lvs[i].segments {
			if s := &b.g.lvs[i].segments[j]; s.kind == "snapshot" && (s.node.text("cow_store") == name || s.node.text("merging_store") == name) {
				return s
			}
		}
	}
	return nil
}

// snapshotOr maps a volume that is shown; unread says why its bytes are not
// what the system saw, "" if they are.
func (b *lvmBuilder) snapshotOr(l *lvmLV) (dev device, unread string) {
	if s := b.snapshotSegment(l.name); s != nil {
		origin, cow := b.named(s.node.text("origin")), b.volume(l)
		d, err := newSnapshot(b.c, origin, cow)
		if err != nil {
			return hole{max(origin.size(), 1), 0, "the snapshot " + l.name}, fmt.Sprintf("a snapshot that is not read: %v", err)
		}
		return d, ""
	}
	dev = b.volume(l)
	return dev, b.unread(l)
}

// unread says what is to be known of the segments of a volume.
func (b *lvmBuilder) unread(l *lvmLV) string {
	for i := range l.segments {
		switch s := &l.segments[i]; s.kind {
		case "thin-pool":
			return "a thin pool: its volumes are shown by themselves"
		case "cache":
			return "cached: what is read is its origin, which lacks what only the cache has" + b.cacheMode(s)
		case "writecache":
			return "behind a write cache, which is not read: what is read is its origin, which lacks what only the cache has"
		case "cache-pool", "vdo-pool":
			return "named but not read: it is a " + s.kind
		case "vdo":
			return "named but not read: it is deduplicated by VDO"
		}
	}
	return ""
}

// cacheMode says how a cache writes.
func (b *lvmBuilder) cacheMode(s *lvmSegment) string {
	mode := s.node.text("cache_mode")
	if i, ok := b.g.byName[s.node.text("cache_pool")]; ok && mode == "" && len(b.g.lvs[i].segments) > 0 {
		mode = b.g.lvs[i].segments[0].node.text("cache_mode")
	}
	switch mode {
	case "writeback":
		return " (its mode is writeback: that may be much)"
	case "writethrough", "passthrough":
		return " (its mode is " + mode + ": that is nothing)"
	}
	return ""
}

// named maps a volume by its name.
func (b *lvmBuilder) named(name string) device {
	i, ok := b.g.byName[name]
	if !ok {
		return hole{0, 0, fmt.Sprintf("the volume %q", name)}
	}
	return b.volume(&b.g.lvs[i])
}

// volume maps a volume, also one that is a part of others.
func (b *lvmBuilder) volume(l *lvmLV) device {
	if dev, ok := b.done[l.name]; ok {
		if dev == nil {
			b.say("The volume %s is made of itself.", l.name)
			return hole{l.extents * b.g.extent, 0, "a volume that is made of itself"}
		}
		return dev
	}
	if b.deep >= maxLVDepth {
		b.say("The volume %s lies more than %d volumes deep.", l.name, maxLVDepth)
		return hole{l.extents * b.g.extent, 0, "a volume that lies too deep"}
	}
	b.done[l.name] = nil
	b.deep++
	defer func() { b.deep-- }()
	var parts []device
	end := int64(0)
	for i := range l.segments {
		s := &l.segments[i]
		if s.start > end {
			parts = append(parts, hole{(s.start - end) * b.g.extent, 0, "a segment that is not described"})
		}
		parts = append(parts, b.segment(l, s))
		end = s.start + s.count
	}
	dev := newConcat(parts...)
	b.done[l.name] = dev
	return dev
}

// area maps extents of a physical or logical volume.
func (b *lvmBuilder) area(a lvmArea, extents int64) device {
	length := extents * b.g.extent
	if i, ok := b.g.byPV[a.name]; ok {
		p := &b.g.pvs[i]
		off := p.start + a.extent*b.g.extent
		have := b.pvs[p.id]
		switch {
		case extents > p.count || a.extent > p.count-extents:
			return hole{length, off, "the physical volume " + p.name + ", past its end"}
		case have == nil:
			return hole{length, off, "the physical volume " + dashed(p.id)}
		}
		return within(have.dev, off, length)
	}
	i, ok := b.g.byName[a.name]
	if !ok || a.extent > b.g.lvs[i].extents-extents {
		return hole{length, 0, fmt.Sprintf("%q, which the metadata do not describe", a.name)}
	}
	return within(b.volume(&b.g.lvs[i]), a.extent*b.g.extent, length)
}

// segment maps a segment.
func (b *lvmBuilder) segment(l *lvmLV, s *lvmSegment) device {
	length := s.count * b.g.extent
	fail := func(format string, args ...any) device {
		why := fmt.Sprintf(format, args...)
		b.say("The volume %s is not read in part: %s.", l.name, why)
		return hole{length, 0, "a segment that is not read"}
	}
	switch s.kind {
	case "striped", "linear":
		n := int64(len(s.areas))
		switch {
		case n == 0:
			return fail("a %s segment without areas", s.kind)
		case n == 1:
			return b.area(s.areas[0], s.count)
		case s.stripe < sectorSmall || b.g.extent%s.stripe != 0 || s.count%n != 0:
			return fail("%d stripes of %d bytes over %d extents", n, s.stripe, s.count)
		}
		return b.striped(s, s.areas, length)
	case "mirror":
		var copies []device
		for _, a := range s.areas {
			copies = append(copies, b.area(a, s.count))
		}
		if len(copies) == 0 {
			return fail("a mirror without copies")
		}
		return newMirror(copies, length)
	case "error":
		return hole{length, 0, "an error segment"}
	case "zero":
		return hole{length, 0, ""}
	case "cache", "writecache", "integrity":
		origin := b.named(s.node.text("origin"))
		return within(origin, 0, length)
	case "thin":
		dev, err := b.thin(s, length)
		if err != nil {
			b.say("The thin volume %s is not read: %v.", l.name, err)
			return hole{length, 0, "a thin volume that is not read"}
		}
		return dev
	case "thin-pool":
		if i, ok := b.g.byName[s.node.text("pool")]; ok && b.g.lvs[i].extents >= s.count {
			return within(b.volume(&b.g.lvs[i]), 0, length)
		}
		return fail("a thin pool without its data")
	}
	if strings.HasPrefix(s.kind, "raid") {
		dev, err := b.raid(l, s, length)
		if err != nil {
			return fail("%s: %v", s.kind, err)
		}
		return dev
	}
	return hole{length, 0, fmt.Sprintf("a segment of the kind %q, which is not read", s.kind)}
}

// striped maps RAID0 over areas of one size.
func (b *lvmBuilder) striped(s *lvmSegment, areas []lvmArea, length int64) device {
	n := int64(len(areas))
	a := &array{length: length, unit: s.stripe, geo: &stripes{members: n}}
	for _, at := range areas {
		dev := b.area(at, s.count/n)
		a.members = append(a.members, dev)
		a.missing = append(a.missing, !b.mapped(dev))
	}
	return a
}

// lvmRAIDs are the levels and layouts of the kinds of segments, as
// raid_types in drivers/md/dm-raid.c of Linux has them.
var lvmRAIDs = map[string]struct {
	level  int
	layout uint32
}{
	"raid4": {5, parityFirst}, "raid5_n": {5, parityLast}, "raid5": {5, leftSymmetric}, "raid5_ls": {5, leftSymmetric}, "raid5_la": {5, leftAsymmetric},
	"raid5_rs": {5, rightSymmetric}, "raid5_ra": {5, rightAsymmetric},
	"raid6": {6, rotatingZeroRestart}, "raid6_zr": {6, rotatingZeroRestart}, "raid6_nr": {6, rotatingNRestart}, "raid6_nc": {6, rotatingNContinue},
	"raid6_n_6": {6, parityLast}, "raid6_ls_6": {6, leftSymmetric6}, "raid6_la_6": {6, leftAsymmetric6}, "raid6_rs_6": {6, rightSymmetric6}, "raid6_ra_6": {6, rightAsymmetric6},
	"raid6_0_6": {6, parityFirst6},
}

// raid maps the kinds that the kernel's dm-raid target serves.
func (b *lvmBuilder) raid(l *lvmLV, s *lvmSegment, length int64) (device, error) {
	for _, name := range []string{"data_offset", "delta_disks", "reshape_count"} {
		if n, ok := s.node.number(name); ok && n != 0 {
			return nil, fmt.Errorf("a reshape was under way")
		}
	}
	images, metadata := s.images()
	n := int64(len(images))
	if n == 0 || n > 253 {
		return nil, fmt.Errorf("%d images", n)
	}
	stale := b.staleImages(l, images, metadata)
	image := func(i int, extents int64) device {
		if stale[i] {
			return hole{extents * b.g.extent, 0, fmt.Sprintf("image %d of %s, which is not in sync", i, l.name)}
		}
		return b.area(images[i], extents)
	}
	if s.kind == "raid1" {
		var copies []device
		for i := range images {
			copies = append(copies, image(i, s.count))
		}
		return newMirror(copies, length), nil
	}
	if s.stripe < sectorSmall || b.g.extent%s.stripe != 0 {
		return nil, fmt.Errorf("stripes of %d bytes", s.stripe)
	}
	a := &array{length: length, unit: s.stripe}
	var each int64 // extents of an image
	switch kind, ok := lvmRAIDs[s.kind]; {
	case ok:
		geo, err := newParity(kind.level, kind.layout, n)
		if err != nil {
			return nil, err
		}
		a.geo, each = geo, s.count/geo.data
		if s.count%geo.data != 0 {
			return nil, fmt.Errorf("%d extents over %d images", s.count, geo.data)
		}
	case s.kind == "raid0" || s.kind == "raid0_meta":
		a.geo, each = &stripes{members: n}, s.count/n
		if s.count%n != 0 {
			return nil, fmt.Errorf("%d extents over %d images", s.count, n)
		}
	case s.kind == "raid10" || s.kind == "raid10_near":
		copies, ok := s.node.number("data_copies")
		if !ok {
			copies = 2
		}
		if copies < 1 || copies > n || copies > maxCopies {
			return nil, fmt.Errorf("%d copies over %d images", copies, n)
		}
		each = (s.count*copies + n - 1) / n
		geo, err := newRAID10(uint32(copies)|1<<8, n, each*b.g.extent/s.stripe)
		if err != nil {
			return nil, err
		}
		if geo.arrayChunks*s.stripe < length {
			return nil, fmt.Errorf("%d extents over %d images", s.count, n)
		}
		a.geo = geo
	default:
		return nil, fmt.Errorf("not known")
	}
	for i := range images {
		dev := image(i, each)
		a.members = append(a.members, dev)
		a.missing = append(a.missing, !b.mapped(dev))
	}
	return a, nil
}

// rawRMeta is struct dm_raid_superblock of drivers/md/dm-raid.c in Linux, at the
// start of an image's metadata; little-endian.
type rawRMeta []byte

func (b rawRMeta) magic() string      { return string(b[0:4]) } // "DmRd" read as a number
func (b rawRMeta) devices() uint32    { return le.Uint32(b[8:]) }
func (b rawRMeta) position() uint32   { return le.Uint32(b[12:]) } // of this image
func (b rawRMeta) events() uint64     { return le.Uint64(b[16:]) }
func (b rawRMeta) failed() uint64     { return le.Uint64(b[24:]) } // a bit for each of the first 64 images
func (b rawRMeta) recovered() uint64  { return le.Uint64(b[32:]) } // sectors; all ones once all is there
func (b rawRMeta) inPlace(i int) bool { return b.magic() == "DmRd" && b.position() == uint32(i) }

// staleImages tells the images that the RAID's own metadata say are not in
// sync.
func (b *lvmBuilder) staleImages(l *lvmLV, images, metadata []lvmArea) map[int]bool {
	if len(metadata) != len(images) {
		return nil
	}
	supers := make([]rawRMeta, len(images))
	newest := -1
	for i, a := range metadata {
		raw := make([]byte, 64)
		dev := b.area(a, 1)
		if n, _ := b.c.reader(dev).ReadAt(raw, 0); n < len(raw) || !rawRMeta(raw).inPlace(i) || rawRMeta(raw).devices() != uint32(len(images)) {
			continue
		}
		supers[i] = raw
		if newest < 0 || rawRMeta(raw).events() > supers[newest].events() {
			newest = i
		}
	}
	if newest < 0 {
		return nil
	}
	stale := map[int]bool{}
	for i, s := range supers {
		switch {
		case i < 64 && supers[newest].failed()>>i&1 != 0:
			stale[i] = true
		case s != nil && s.recovered() != 1<<64-1:
			stale[i] = true
		}
		if stale[i] {
			b.say("The volume %s does not use its image %d: it failed, or was not rebuilt to its end.", l.name, i)
		}
	}
	if len(stale) == len(images) {
		return nil // first synchronisation; all have the same right
	}
	return stale
}

// extentRange is a run of extents of a physical volume, in bytes.
type extentRange struct {
	pv         string // its identifier
	start, end int64
}

// ranges lists the extents that segments of a volume take on physical volumes.
func (g *lvmGroup) ranges(l *lvmLV, yield func(extentRange)) {
	for i := range l.segments {
		s := &l.segments[i]
		n := int64(max(len(s.areas), 1))
		each := s.count
		if s.kind == "striped" || s.kind == "linear" {
			each = s.count / n
		}
		for _, a := range s.areas {
			if j, ok := g.byPV[a.name]; ok {
				start := g.pvs[j].start + a.extent*g.extent
				if a.extent <= g.pvs[j].count && each <= g.pvs[j].count-a.extent {
					yield(extentRange{g.pvs[j].id, start, start + each*g.extent})
				}
			}
		}
	}
}

// inUse lists the extents that all volumes of some groups take, in order and joined.
func inUse(groups []*lvmGroup) []extentRange {
	var all []extentRange
	for _, g := range groups {
		for i := range g.lvs {
			g.ranges(&g.lvs[i], func(r extentRange) { all = append(all, r) })
		}
	}
	slices.SortFunc(all, func(a, b extentRange) int {
		return cmp.Or(cmp.Compare(a.pv, b.pv), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	out := all[:0]
	for _, r := range all {
		if n := len(out); n > 0 && out[n-1].pv == r.pv && r.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, r.end)
			continue
		}
		out = append(out, r)
	}
	return out
}

// reused counts the bytes of a volume on its physical volumes, and those of
// them that are in used; also of the volumes that it is made of.
func (b *lvmBuilder) reused(l *lvmLV, used []extentRange, seen map[string]bool) (again, total int64) {
	if seen[l.name] {
		return 0, 0
	}
	seen[l.name] = true
	b.g.ranges(l, func(r extentRange) {
		total += r.end - r.start
		i, _ := slices.BinarySearchFunc(used, r, func(u, r extentRange) int {
			return cmp.Or(cmp.Compare(u.pv, r.pv), cmp.Compare(u.end, r.start+1))
		})
		for ; i < len(used) && used[i].pv == r.pv && used[i].start < r.end; i++ {
			again += max(0, min(used[i].end, r.end)-max(used[i].start, r.start))
		}
	})
	for i := range l.segments {
		for _, a := range l.segments[i].areas {
			if j, ok := b.g.byName[a.name]; ok {
				x, y := b.reused(&b.g.lvs[j], used, seen)
				again, total = again+x, total+y
			}
		}
	}
	return again, total
}
