package volume

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// Disk is one image with its layout, as a member that volumes can be composed of.
type Disk struct {
	Name   string
	Image  io.ReaderAt
	Size   int64   // bytes
	Layout *Layout // as Find gives it
}

// Part is a run of a volume that lies on one disk.
type Part struct {
	Logical, Length int64  // in the volume
	Disk            int    // index in the disks given to Compose; -1 where the member is missing
	Image           string // that disk's name
	Offset          int64  // from the start of that image; -1 where the member is missing (reading it is an error)
	// Stripe is 0 for a run that stands in one piece. Else the run holds every so
	// many bytes of the volume's range from Logical on, in turn with the other parts
	// that begin there (and with parity); Length is that of the run on the disk.
	// Volume.Place says where each byte stands.
	Stripe int64
	Copy   int // 0 for what is read first, from 1 on for the other copies of a mirror
}

// Member is what a group is put together of.
type Member struct {
	Disk   int    // index in the disks given to Compose; -1 if it is not on one of them
	Image  string // that disk's name, "" if the member is itself composed, or missing
	Slot   string // of the volume that it is: "gpt:2", "md:0", "@0" for a disk as a whole; "" if it is missing
	UUID   string // of the member
	Role   string // "pv0", "0", "spare"
	State  string // "in use", or why not: "missing", "stale", "spare", "faulty", "duplicate", "rebuilding"
	Device string // the name that the group's metadata last knew it by: "/dev/sda3"
	Length int64  // bytes that it has, or should have
}

// Group is what composed volumes belong to: a volume group of LVM2, or an
// array of Linux md.
type Group struct {
	Kind        string // "lvm2" or "md"
	Slot        string // "lvm:vg0", "md:0": how the slots of its volumes begin
	Name        string
	UUID        string
	Level       string // of an array: "raid1"
	Removed     bool   // a volume group that only older metadata name
	Members     []Member
	Generations []Generation // of a volume group's metadata, the oldest first
	Notes       []string     // a sentence each
}

// Generation is one state of a volume group's metadata. LVM2 writes its
// metadata into a ring, so that older states stand there until they are overwritten.
type Generation struct {
	Seqno       int64     // goes up by one with each change
	Time        time.Time // when it was written, by that machine's clock; zero if it does not say
	Host        string    // the machine that wrote it
	Description string    // the command that wrote it
	Current     bool      // the one in force
	Whole       bool      // false where its text is overwritten in part
	Places      []Place   // where its text stands
	Volumes     []GenerationVolume
}

// GenerationVolume is a logical volume as a generation names it.
type GenerationVolume struct {
	Name    string
	UUID    string
	Kind    string // of its first segment: "linear", "striped", "raid1", "thin", ...
	Size    int64  // bytes
	Created time.Time
	Host    string // that it was created on
	Visible bool   // not a part of another one
}

// Place is a run of bytes of an image.
type Place struct {
	Image          string
	Offset, Length int64
}

// Composed is what Compose found.
type Composed struct {
	Volumes []Volume // by group; of each, the volumes within it follow it
	Groups  []Group
	Notes   []string // a sentence each; what concerns one group is in that group's
	Damage  []error  // *DamageError

	disks []Disk
}

// GroupOf is the group whose volume v is; nil for a plain volume.
func (c *Composed) GroupOf(v *Volume) *Group {
	for i := range c.Groups {
		if v.Group != "" && c.Groups[i].Slot == v.Group {
			return &c.Groups[i]
		}
	}
	return nil
}

// MemberOf gives the group that a volume of a disk is in use for, by the
// disk's index and the volume's slot; of a volume that is itself composed, disk
// is -1. A partition of a disk that is a member as a whole is a part of that group,
// too. It is nil for a volume that stands for itself.
func (c *Composed) MemberOf(disk int, slot string) *Group {
	for i := range c.Groups {
		for _, m := range c.Groups[i].Members {
			if m.Disk == disk && slot != "" && (m.Slot == slot || m.Slot == wholeDisk && disk >= 0) {
				return &c.Groups[i]
			}
		}
	}
	return nil
}

// wholeDisk is the slot of a disk that has a partition table, as a member.
const wholeDisk = "@0"

// Composed reports whether the volume is put together of others.
func (v *Volume) Composed() bool { return v.dev != nil }

// Place says where a byte of the volume stands: in which image, and how far
// from its start. The image is "" for a plain volume, which lies in its own. The
// offset is -1 for what has no place: on a member that is missing, or stored nowhere.
// Of a mirror it is the copy that is read first.
func (v *Volume) Place(off int64) (image string, offset int64) {
	if v.dev == nil {
		return "", v.ImageOffset(off)
	}
	if off < 0 || off >= v.Length {
		return "", -1
	}
	s := v.dev.locate(off)
	if s.disk < 0 {
		return "", -1
	}
	return v.disks[s.disk].Name, s.offset
}

// ReaderOf reads a volume: a composed one out of the disks that Compose was
// given, in the same order (nil means just those); a plain one out of the one disk
// that it is on.
func (v *Volume) ReaderOf(disks []Disk) *io.SectionReader {
	if v.dev == nil {
		var image io.ReaderAt = strings.NewReader("")
		if len(disks) > 0 {
			image = disks[0].Image
		}
		return v.Reader(image)
	}
	if len(disks) < len(v.disks) {
		disks = v.disks
	}
	return io.NewSectionReader(&deviceReader{v.dev, disks}, 0, v.Length)
}

// MissingError is a read of bytes that lie on a member that was not given, or
// that cannot be used.
type MissingError struct {
	Member string // what is missing, in words
	Offset int64  // from the start of the member
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("byte %d of %s, which is missing", e.Offset, e.Member)
}

// deviceReader reads a device out of disks.
type deviceReader struct {
	dev   device
	disks []Disk
}

func (r *deviceReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d", off)
	}
	size := r.dev.size()
	if off >= size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), size-off)
	m, err := r.dev.readAt(r.disks, p[:n], off)
	if err == nil && int(n) < len(p) {
		err = io.EOF
	}
	return m, err
}

// Compose puts volumes together of what the disks hold: logical volumes of
// LVM2, and arrays of Linux md; also of each other, to a bounded depth. What
// the disks hold by themselves stays in their layouts.
func Compose(disks []Disk) *Composed {
	c := &composer{out: &Composed{disks: disks}, disks: disks}
	c.run()
	return c.out
}

const (
	maxRounds   = 8    // of composed volumes inside of composed volumes
	maxComposed = 4096 // volumes
)

// candidate is something that may be a member: a volume of a disk, or a
// composed one.
type candidate struct {
	dev     device
	disk    int // -1 if composed
	slot    string
	whole   bool // a disk as a whole, which has a partition table
	gap     bool
	claimed bool // a member of an array
	sigs    []Signature
}

// composer collects what is composed.
type composer struct {
	out   *Composed
	disks []Disk
	all   []*candidate
	slots map[string]bool
	full  bool
	text  int64 // bytes of LVM2's metadata that were read

	duplicates []*lvmPhysical
	used       []extentRange // by the volumes in force
}

func (c *composer) note(format string, args ...any) {
	c.out.Notes = append(c.out.Notes, fmt.Sprintf(format, args...))
}

// damage says what is wrong at a byte of a device.
func (c *composer) damage(structure string, dev device, off int64, format string, args ...any) {
	e := &DamageError{Structure: structure, Offset: off, Reason: fmt.Sprintf(format, args...)}
	if dev != nil {
		s := dev.locate(off)
		e.Offset = s.offset
		if s.disk >= 0 && len(c.disks) > 1 {
			e.Image = c.disks[s.disk].Name
		}
	}
	c.out.Damage = append(c.out.Damage, e)
}

// reader reads a device out of the disks.
func (c *composer) reader(dev device) io.ReaderAt { return &deviceReader{dev, c.disks} }

// name says where a candidate is.
func (c *composer) name(m *candidate) string {
	// A caller may have made the slots unique by the images' names.
	if m.disk >= 0 && len(c.disks) > 1 && !strings.Contains(m.slot, path.Base(c.disks[m.disk].Name)) {
		return m.slot + " of " + c.disks[m.disk].Name
	}
	return m.slot
}

func (c *composer) run() {
	c.slots = map[string]bool{}
	var fresh []*candidate
	for i, d := range c.disks {
		if d.Layout == nil || d.Image == nil {
			continue
		}
		for j := range d.Layout.Volumes {
			v := &d.Layout.Volumes[j]
			if v.Container || v.Offset >= d.Size {
				continue
			}
			fresh = append(fresh, &candidate{dev: leaf{i, v.Offset, v.Length, d.Size}, disk: i, slot: v.Slot, gap: !v.Allocated})
		}
		if d.Layout.Table != "none" {
			fresh = append(fresh, &candidate{dev: leaf{i, 0, d.Size, d.Size}, disk: i, slot: wholeDisk, whole: true})
		}
	}
	for range maxRounds {
		if len(fresh) == 0 {
			return
		}
		for _, m := range fresh {
			m.sigs = ProbeAll(c.reader(m.dev), m.dev.size())
		}
		c.all = append(c.all, fresh...)
		// Arrays come before volume groups, so that a physical volume on a mirror is
		// not taken for several.
		if next := c.arrays(fresh); len(next) > 0 {
			fresh = next
			continue
		}
		fresh = c.volumeGroups()
	}
	if len(fresh) > 0 {
		c.note("Volumes lie in volumes more than %d deep; what is inside is not looked for.", maxRounds)
	}
}

// add takes a composed volume into the result, with what its partition table
// names, if it has one, and gives what may be members in turn.
func (c *composer) add(v Volume) []*candidate {
	if len(c.out.Volumes) >= maxComposed || v.Length <= 0 {
		if !c.full && v.Length > 0 {
			c.full = true
			c.note("There are more than %d composed volumes; the rest is not listed.", maxComposed)
		}
		return nil
	}
	c.finish(&v)
	if v.Container {
		c.out.Volumes = append(c.out.Volumes, v)
		return nil
	}
	l, err := Find(c.reader(v.dev), v.Length)
	if err != nil {
		return nil
	}
	at := len(c.out.Volumes)
	c.out.Volumes = append(c.out.Volumes, v)
	fresh := []*candidate{{dev: v.dev, disk: -1, slot: v.Slot, whole: l.Table != "none", gap: !v.Allocated}}
	if l.Table == "none" || len(l.Volumes) == 0 {
		c.out.Volumes[at].Found = l.Volumes[0].Found
	} else if v.Missing < v.Length {
		c.out.Volumes[at].Container = true
		c.note("%s holds a partition table.", v.Slot)
		for _, p := range l.Volumes {
			if len(c.out.Volumes) >= maxComposed {
				break
			}
			p.Slot, p.Group = v.Slot+"/"+p.Slot, v.Group
			p.dev = within(v.dev, p.Offset, p.Length)
			p.Allocated = p.Allocated && v.Allocated
			c.finish(&p)
			c.out.Volumes = append(c.out.Volumes, p)
			if !p.Container {
				fresh = append(fresh, &candidate{dev: p.dev, disk: -1, slot: p.Slot, gap: !p.Allocated})
			}
		}
	}
	for _, n := range l.Notes {
		c.note("%s: %s", v.Slot, n)
	}
	for _, err := range l.Damage {
		if d, ok := err.(*DamageError); ok && v.Missing == 0 {
			c.damage(d.Structure+" in "+v.Slot, v.dev, d.Offset, "%s", d.Reason)
		}
	}
	return fresh
}

// finish fills in what follows from the device.
func (c *composer) finish(v *Volume) {
	v.disks = c.disks
	v.Index = len(c.out.Volumes) + 1
	v.Missing = v.dev.lost(0, v.Length)
	v.Parts = c.parts(v.dev, v.Length)
	v.Offset = v.dev.locate(0).offset
}

// maxParts bounds the parts that are listed of one volume.
const maxParts = 1 << 16

// parts lists where a device lies.
func (c *composer) parts(dev device, length int64) []Part {
	var out []Part
	dev.extents(0, length, piece{}, func(r piece) bool {
		p := Part{Logical: r.logical, Length: r.length, Disk: r.disk, Offset: r.offset, Stripe: r.stripe, Copy: r.copy}
		if r.disk >= 0 {
			p.Image = c.disks[r.disk].Name
		}
		if n := len(out); n > 0 && p.Stripe == 0 {
			q := &out[n-1]
			if q.Stripe == 0 && q.Copy == p.Copy && q.Disk == p.Disk && q.Logical+q.Length == p.Logical && (q.Offset+q.Length == p.Offset || q.Disk < 0) {
				q.Length += p.Length
				return true
			}
		}
		out = append(out, p)
		return len(out) < maxParts
	})
	slices.SortStableFunc(out, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Logical, b.Logical), cmp.Compare(a.Copy, b.Copy))
	})
	return out
}

// slot makes a slot that no other volume or group has: the plain one, or one
// with the start of an identifier.
func (c *composer) slot(prefix, name, uuid string) string {
	if !isPlainName(name) {
		name = uuid
	}
	s := prefix + name
	if c.slots[s] && uuid != "" {
		s = prefix + name + "@" + uuid[:min(len(uuid), 8)]
	}
	for i := 2; c.slots[s]; i++ {
		s = fmt.Sprintf("%s%s@%d", prefix, name, i)
	}
	c.slots[s] = true
	return s
}

// isPlainName reports whether a name can stand in a slot: LVM2 allows just
// these characters, and mdadm's names rarely have others.
func isPlainName(name string) bool {
	for _, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("+_.-", r)) {
			return false
		}
	}
	return name != "" && len(name) <= 128
}
