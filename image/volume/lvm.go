package volume

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// lvmPhysical is a physical volume that is at hand.
type lvmPhysical struct {
	*candidate
	header *pvHeader
	inUse  bool // named by the group that it is composed into
}

// lvmSet is what the physical volumes say of a group.
type lvmSet struct {
	id          string
	generations map[string]*lvmGroup // by their text
}

const (
	maxGenerations = 4096 // of a group
	maxLVMText     = 256 << 20
)

// volumeGroups composes the logical volumes of what is not a member of an
// array.
func (c *composer) volumeGroups() []*candidate {
	var pvs []*lvmPhysical
	for _, m := range c.all {
		if m.claimed || m.whole || !slices.ContainsFunc(m.sigs, func(s Signature) bool { return s.Kind == "lvm2" }) {
			continue
		}
		m.claimed = true
		if m.sigs[0].Kind != "lvm2" {
			c.note("%s holds %s; the label of LVM2 in it is left over and is not followed.", c.name(m), m.sigs[0].describe())
			continue
		}
		if h := c.label(m); h != nil {
			pvs = append(pvs, &lvmPhysical{candidate: m, header: h})
		}
	}
	byID := map[string]*lvmPhysical{}
	sets := map[string]*lvmSet{}
	var order []string
	for _, p := range pvs {
		if first := byID[p.header.id]; first != nil {
			c.note("%s and %s are both the physical volume %s: one is a copy of the other, or of an earlier state; the first is used.", c.name(first.candidate), c.name(p.candidate), dashed(p.header.id))
			c.duplicates = append(c.duplicates, p)
			continue
		}
		byID[p.header.id] = p
		c.metadata(p, func(g *lvmGroup, text string) {
			set := sets[g.id]
			if set == nil {
				set = &lvmSet{g.id, map[string]*lvmGroup{}}
				sets[g.id] = set
				order = append(order, g.id)
			}
			if same := set.generations[text]; same != nil {
				same.at = append(same.at, g.at...)
				same.force = same.force || g.force
			} else if len(set.generations) < maxGenerations {
				set.generations[text] = g
			}
		})
	}
	// What is in use comes before what was removed.
	slices.SortStableFunc(order, func(a, b string) int {
		x, y := sets[a].force() != nil, sets[b].force() != nil
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	var current []*lvmGroup
	for _, id := range order {
		if g := sets[id].force(); g != nil {
			current = append(current, g)
		}
	}
	c.used = inUse(current)
	var next []*candidate
	for _, id := range order {
		next = append(next, c.volumeGroup(sets[id], byID)...)
	}
	for _, p := range pvs {
		if byID[p.header.id] == p && !p.inUse {
			c.note("%s is the physical volume %s, which no metadata at hand put in a group.", c.name(p.candidate), dashed(p.header.id))
		}
	}
	return next
}

// label reads the label of a physical volume; nil if none is sound.
func (c *composer) label(m *candidate) *pvHeader {
	var weak *pvHeader
	for sector := range int64(4) {
		b := make([]byte, sectorSmall)
		n, _ := c.reader(m.dev).ReadAt(b, sector*sectorSmall)
		h, err := parsePVLabel(b[:n], sector)
		switch {
		case err == nil:
			return h
		case err != errNoLabel:
			c.damage("LVM2 label", m.dev, sector*sectorSmall, "%v", err)
			if weak == nil {
				weak = h
			}
		}
	}
	return weak
}

// metadata reads what the areas of a physical volume say.
func (c *composer) metadata(p *lvmPhysical, take func(*lvmGroup, string)) {
	for _, a := range p.header.metadata {
		bad := func(off int64, format string, args ...any) {
			c.damage("LVM2 metadata area", p.dev, off, format, args...)
		}
		texts, _ := readMDA(c.reader(p.dev), p.dev.size(), a, bad)
		for _, t := range texts {
			if c.text += int64(len(t.text)); c.text > maxLVMText {
				c.damage("LVM2 metadata area", p.dev, t.at, "there are more than %d bytes of metadata; the rest is not read", maxLVMText)
				return
			}
			g, err := parseLVM(t.text)
			if err != nil && t.force {
				c.damage("LVM2 metadata", p.dev, t.at, "%v", err)
			}
			if g == nil {
				continue
			}
			g.force, g.problem = t.force, err
			g.at = []lvmAt{{p.candidate, t.at, t.length}}
			take(g, t.text)
		}
	}
}

// sorted gives the generations, the oldest first.
func (s *lvmSet) sorted() []*lvmGroup {
	var out []*lvmGroup
	for _, g := range s.generations {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *lvmGroup) int {
		return cmp.Or(cmp.Compare(a.seqno, b.seqno), a.time.Compare(b.time), cmp.Compare(len(a.lvs), len(b.lvs)), cmp.Compare(a.at[0].at, b.at[0].at), cmp.Compare(a.at[0].pv.slot, b.at[0].pv.slot))
	})
	return out
}

// force is the newest generation that a header says is in force.
func (s *lvmSet) force() *lvmGroup {
	var best *lvmGroup
	for _, g := range s.sorted() {
		if g.force && g.extent > 0 {
			best = g
		}
	}
	return best
}

// volumeGroup composes a group.
func (c *composer) volumeGroup(set *lvmSet, byID map[string]*lvmPhysical) []*candidate {
	all := set.sorted()
	now := set.force()
	newest := now
	removed := false
	if now == nil {
		// No header leads to metadata: the group was removed, or they are damaged.
		for _, g := range all {
			if g.extent > 0 && (newest == nil || g.whole || !newest.whole) {
				newest = g
			}
		}
		if newest == nil {
			return nil
		}
		removed = true
		at := newest.at[0]
		if !c.damaged(at.pv) {
			c.note("The volume group %q is no longer in force on the disks at hand; its last metadata (of %s) still stand there, and what they name is shown as deleted.", newest.name, timeText(newest.time))
		} else {
			// A damaged area is no sign that the group was removed.
			removed = false
			c.damage("LVM2 metadata", at.pv.dev, at.at, "those in force cannot be read; these, the newest that are whole, are used in their place")
		}
	}
	b := &lvmBuilder{c: c, g: newest, pvs: byID, done: map[string]device{}}
	group := Group{Kind: "lvm2", Name: newest.name, UUID: dashed(newest.id), Removed: removed}
	group.Slot = c.slot("lvm:", newest.name, group.UUID)
	b.slot = group.Slot
	b.say = func(format string, args ...any) {
		n := fmt.Sprintf(format, args...)
		if !slices.Contains(group.Notes, n) && len(group.Notes) < 1000 {
			group.Notes = append(group.Notes, n)
		}
	}
	here := 0
	for _, p := range newest.pvs {
		m := Member{Disk: -1, UUID: dashed(p.id), Role: p.name, State: "missing", Device: p.device, Length: cmp.Or(p.size, p.start+p.count*newest.extent)}
		if have := byID[p.id]; have != nil {
			here++
			have.inUse = true
			m.Disk, m.Slot, m.State, m.Length = have.disk, have.slot, "in use", have.dev.size()
			if have.disk >= 0 {
				m.Image = c.disks[have.disk].Name
			}
			if have.gap {
				b.say("The physical volume %s lies in %s, which no partition table names.", p.name, c.name(have.candidate))
			}
			if end := p.start + p.count*newest.extent; end > have.dev.size() {
				b.say("The extents of the physical volume %s end at its byte %d, but %s ends %d bytes before that.", p.name, end, c.name(have.candidate), end-have.dev.size())
			}
		}
		group.Members = append(group.Members, m)
	}
	for _, d := range c.duplicates {
		for i := range group.Members {
			if group.Members[i].UUID == dashed(d.header.id) && d.disk >= 0 {
				group.Members = append(group.Members, Member{Disk: d.disk, Image: c.disks[d.disk].Name, Slot: d.slot, UUID: dashed(d.header.id), Role: group.Members[i].Role, State: "duplicate", Length: d.dev.size()})
				break
			}
		}
	}
	if here == 0 && removed {
		// Another use of a disk that was part of it.
		c.note("Old metadata name a volume group %q (of %s), whose physical volumes are not at hand.", newest.name, timeText(newest.time))
	} else if missing := len(newest.pvs) - here; missing > 0 {
		b.say("The group has %d of its %d physical volumes; the others (%s) are not at hand.", here, len(newest.pvs), missingNames(newest, byID))
	}
	if slices.Contains(newest.status, "EXPORTED") {
		b.say("The group is exported.")
	}
	for _, g := range all {
		gen := g.generation(c)
		gen.Current = g == now
		group.Generations = append(group.Generations, gen)
		if g != now && now != nil && g.force && g.seqno < now.seqno {
			b.say("The group is also described in an earlier state (%d, where %d is in force) by %s, which was away when it changed.", g.seqno, now.seqno, c.name(g.at[0].pv))
		} else if g != now && now != nil && g.force {
			b.say("Two different states with the number %d are in force, on %s and %s; the second is used.", g.seqno, c.name(g.at[0].pv), c.name(now.at[0].pv))
		}
	}
	var volumes []Volume
	known := map[string]bool{}
	if !removed {
		volumes = b.volumes(known, false)
	}
	if here > 0 {
		volumes = append(volumes, c.deleted(b, all, known, removed)...)
	}
	c.out.Groups = append(c.out.Groups, group)
	var next []*candidate
	for _, v := range volumes {
		next = append(next, c.add(v)...)
	}
	return next
}

// damaged reports whether something was found wrong with the metadata of a
// physical volume.
func (c *composer) damaged(m *candidate) bool {
	for _, err := range c.out.Damage {
		d, ok := err.(*DamageError)
		if !ok || !strings.HasPrefix(d.Structure, "LVM2") {
			continue
		}
		if s := m.dev.locate(0); s.disk < 0 || d.Offset >= s.offset && d.Offset < s.offset+m.dev.size() && (d.Image == "" || d.Image == c.disks[s.disk].Name) {
			return true
		}
	}
	return false
}

func missingNames(g *lvmGroup, byID map[string]*lvmPhysical) string {
	var names []string
	for _, p := range g.pvs {
		if byID[p.id] != nil {
			continue
		}
		if len(names) == 8 {
			names = append(names, "...")
			break
		}
		n := dashed(p.id)
		if p.device != "" {
			n += ", last seen as " + p.device
		}
		names = append(names, n)
	}
	return strings.Join(names, "; ")
}

// deleted composes the volumes that only older generations name.
func (c *composer) deleted(b *lvmBuilder, all []*lvmGroup, known map[string]bool, removed bool) []Volume {
	var out []Volume
	for _, g := range slices.Backward(all) {
		if g == b.g && !removed || g.extent == 0 {
			continue
		}
		old := &lvmBuilder{c: c, g: g, pvs: b.pvs, done: map[string]device{}, slot: b.slot, say: b.say}
		out = append(out, old.volumes(known, true)...)
	}
	return out
}
