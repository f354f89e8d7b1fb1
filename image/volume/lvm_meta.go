package volume

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lvmGroup is one generation of the metadata of a volume group.
type lvmGroup struct {
	name, id    string
	seqno       int64
	extent      int64 // bytes
	systemID    string
	status      []string
	pvs         []lvmPV
	lvs         []lvmLV
	time        time.Time
	host        string
	description string

	whole   bool
	force   bool
	at      []lvmAt
	byName  map[string]int // of lvs
	byPV    map[string]int // of pvs
	problem error          // what is wrong in the text
}

// lvmAt is where a text stands: in a physical volume, of a candidate.
type lvmAt struct {
	pv         *candidate
	at, length int64
}

// lvmPV is a physical volume as the metadata name it.
type lvmPV struct {
	name   string // "pv0"
	id     string // without dashes
	device string // that it was last seen as
	start  int64  // bytes, of its first extent
	count  int64  // extents
	size   int64  // bytes; 0 if it does not say
}

// lvmLV is a logical volume.
type lvmLV struct {
	name, id string
	status   []string
	created  time.Time
	host     string
	segments []lvmSegment // by their start
	extents  int64
}

// visible reports whether the volume is one of its own, and not a part of
// another, as which it may be in sight for a moment while that is made.
func (l *lvmLV) visible() bool {
	return slices.Contains(l.status, "VISIBLE") && !slices.ContainsFunc(reservedNames, func(s string) bool { return strings.Contains(l.name, s) })
}

// reservedNames are in the names of volumes that are parts of others, and of no
// others: lib/misc/lvm-string.c of LVM2.
var reservedNames = []string{"_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_wcorig", "_mimage", "_mlog", "_rimage", "_rmeta", "_tdata", "_tmeta",
	"_vdata", "_vorigin", "_iorig", "_imeta", "_pmspare"}

// kind names what the volume is, by its first segment.
func (l *lvmLV) kind() string {
	if len(l.segments) == 0 {
		return ""
	}
	s := &l.segments[0]
	if s.kind == "striped" && len(s.areas) == 1 {
		return "linear"
	}
	return s.kind
}

// lvmSegment is a run of a logical volume that is mapped in one way.
type lvmSegment struct {
	start, count int64 // extents
	kind         string
	areas        []lvmArea // stripes, or copies of a mirror
	stripe       int64     // bytes
	node         *configNode
}

// lvmArea is a run of a physical or logical volume.
type lvmArea struct {
	name   string
	extent int64
}

const (
	maxExtents = 1 << 40
	maxExtent  = 1 << 40 // bytes; LVM2 allows 4 GiB and less
)

// lvmTime reads seconds; zero for none.
func lvmTime(n *configNode, name string) time.Time {
	if v, ok := n.number(name); ok && v > 0 && v < 1<<40 {
		return time.Unix(v, 0).UTC()
	}
	return time.Time{}
}

// undash takes the dashes out of an identifier.
func undash(id string) string { return strings.ReplaceAll(id, "-", "") }

// dashed writes an identifier as LVM2 shows it.
func dashed(id string) string {
	if len(id) != 32 {
		return id
	}
	return strings.Join([]string{id[0:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:32]}, "-")
}

// parseLVM reads the metadata of a group. What can be read of a text that is
// broken is given, with the error; nil if it does not even name the group.
func parseLVM(text string) (*lvmGroup, error) {
	root, err := parseConfig(text)
	var vg *configNode
	for _, c := range root.children {
		if c.section {
			vg = c
			break
		}
	}
	if vg == nil {
		if err == nil {
			err = errors.New("it names no volume group")
		}
		return nil, err
	}
	g := &lvmGroup{
		name: vg.name, id: undash(vg.text("id")), systemID: vg.text("system_id"), status: vg.texts("status"), whole: err == nil && vg.closed,
		time: lvmTime(root, "creation_time"), host: root.text("creation_host"), description: root.text("description"),
		byName: map[string]int{}, byPV: map[string]int{},
	}
	wrong := func(format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(format, args...)
		}
	}
	if len(g.id) != 32 {
		return nil, cmp.Or(err, errors.New("its group has no identifier"))
	}
	g.seqno, _ = vg.number("seqno")
	sectors, _ := vg.number("extent_size")
	if sectors <= 0 || sectors > maxExtent/sectorSmall {
		wrong("its extents are of %d sectors", sectors)
		return g, err
	}
	g.extent = sectors * sectorSmall
	if pvs := vg.child("physical_volumes"); pvs != nil {
		for _, n := range pvs.children {
			if !n.section || !n.closed {
				continue
			}
			start, _ := n.number("pe_start")
			count, _ := n.number("pe_count")
			size, _ := n.number("dev_size")
			p := lvmPV{name: n.name, id: undash(n.text("id")), device: n.text("device"), start: sizeOf(uint64(start), sectorSmall), count: count}
			p.size = sizeOf(uint64(max(size, 0)), sectorSmall)
			if start < 0 || p.start/sectorSmall != start || count < 0 || count > maxExtents || p.start > lastAddressable-sizeOf(uint64(count), g.extent) || count > 0 && sizeOf(uint64(count), g.extent) == 0 {
				wrong("the physical volume %q has %d extents from sector %d on", n.name, count, start)
				continue
			}
			if _, twice := g.byPV[p.name]; twice {
				wrong("the physical volume %q is named twice", n.name)
				continue
			}
			g.byPV[p.name] = len(g.pvs)
			g.pvs = append(g.pvs, p)
		}
	}
	if lvs := vg.child("logical_volumes"); lvs != nil {
		for _, n := range lvs.children {
			if !n.section || !n.closed {
				continue
			}
			l, lvErr := g.volume(n)
			if lvErr != nil {
				wrong("the logical volume %q: %w", n.name, lvErr)
				continue
			}
			if _, twice := g.byName[l.name]; twice {
				wrong("the logical volume %q is named twice", n.name)
				continue
			}
			g.byName[l.name] = len(g.lvs)
			g.lvs = append(g.lvs, l)
		}
	}
	return g, err
}

// volume reads the section of a logical volume.
func (g *lvmGroup) volume(n *configNode) (lvmLV, error) {
	l := lvmLV{name: n.name, id: undash(n.text("id")), status: n.texts("status"), created: lvmTime(n, "creation_time"), host: n.text("creation_host")}
	for _, c := range n.children {
		if !c.section || !strings.HasPrefix(c.name, "segment") {
			continue
		}
		s := lvmSegment{kind: c.text("type"), node: c}
		s.kind, _, _ = strings.Cut(s.kind, "+") // what follows are flags
		s.start, _ = c.number("start_extent")
		s.count, _ = c.number("extent_count")
		if s.start < 0 || s.count <= 0 || s.start > maxExtents || s.count > maxExtents || s.start+s.count > lastAddressable/g.extent {
			return l, fmt.Errorf("a segment of %d extents from %d on", s.count, s.start)
		}
		size, _ := c.number("stripe_size")
		s.stripe = sizeOf(uint64(max(size, 0)), sectorSmall)
		for _, list := range []string{"stripes", "mirrors"} {
			values := c.child(list)
			if values == nil {
				continue
			}
			for i := 0; i+1 < len(values.values); i += 2 {
				name, extent := values.values[i], values.values[i+1]
				if !name.isText || extent.isText || extent.number < 0 || extent.number > maxExtents {
					return l, fmt.Errorf("its %s are not names and extents", list)
				}
				s.areas = append(s.areas, lvmArea{name.text, extent.number})
			}
		}
		for _, list := range []string{"raids", "raid0_lvs"} {
			for _, name := range c.texts(list) {
				s.areas = append(s.areas, lvmArea{name, 0})
			}
		}
		l.segments = append(l.segments, s)
	}
	slices.SortStableFunc(l.segments, func(a, b lvmSegment) int { return cmp.Compare(a.start, b.start) })
	for _, s := range l.segments {
		if s.start < l.extents {
			return l, fmt.Errorf("two segments for its extent %d", s.start)
		}
		l.extents = s.start + s.count
	}
	return l, nil
}

// images are the areas of a RAID volume without those of its own metadata.
func (s *lvmSegment) images() (images, metadata []lvmArea) {
	for _, a := range s.areas {
		if strings.Contains(a.name, "_rmeta_") {
			metadata = append(metadata, a)
		} else {
			images = append(images, a)
		}
	}
	return images, metadata
}

// generation is the metadata in the form that is shown.
func (g *lvmGroup) generation(c *composer) Generation {
	out := Generation{Seqno: g.seqno, Time: g.time, Host: g.host, Description: g.description, Current: g.force, Whole: g.whole}
	for _, a := range g.at {
		p := Place{Length: a.length, Offset: -1}
		if s := a.pv.dev.locate(a.at); s.disk >= 0 {
			p.Image, p.Offset = c.disks[s.disk].Name, s.offset
		}
		out.Places = append(out.Places, p)
	}
	stores := map[string]bool{}
	for i := range g.lvs {
		for _, s := range g.lvs[i].segments {
			if s.kind == "snapshot" {
				stores[s.node.text("cow_store")] = true
			}
		}
	}
	for i := range g.lvs {
		l := &g.lvs[i]
		visible := l.kind() != "snapshot" && (l.visible() || stores[l.name])
		out.Volumes = append(out.Volumes, GenerationVolume{
			Name: l.name, UUID: dashed(l.id), Kind: l.kind(), Size: l.extents * g.extent, Created: l.created, Host: l.host, Visible: visible,
		})
	}
	return out
}
