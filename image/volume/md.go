package volume

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mdSuper is what a superblock of Linux md says, in bytes, whatever its
// version.
type mdSuper struct {
	at         int64  // from the start of the member
	version    string // "0.90", "1.2"
	uuid       string // of the array
	name       string // as it stands there: "server:0"; "" in 0.90
	minor      int    // of /dev/mdN in 0.90, else -1
	level      int32
	layout     uint32
	chunk      int64 // of stripes
	disks      int   // members that the array has when it is whole
	size       int64 // of each member that the array uses; 0 in RAID0 and linear arrays
	dataOffset int64 // from the start of the member
	dataSize   int64 // that the member has for data
	number     int   // of this member among all, spares too
	device     string
	roles      []uint16 // by number: place in the array, or one of those below
	features   uint32   // of 1.x
	recovered  int64    // of data, that a member which is being rebuilt has; -1 if it has all
	dirty      bool     // not all copies or parity agree
	reshape    bool
	events     uint64
	updated    time.Time
	created    time.Time
	sound      bool // its checksum is right
}

const (
	roleSpare   = 0xffff
	roleFaulty  = 0xfffe
	roleJournal = 0xfffd
	maxMDDisks  = 0xfd00 // roles below are places
)

// Features of version 1, MD_FEATURE_ in md_p.h of Linux.
const (
	mdRecoveryOffset = 1 << 1
	mdReshapeActive  = 1 << 2
	mdReplacement    = 1 << 4
	mdJournal        = 1 << 9
	mdRAID0Layout    = 1 << 12
	mdAllFeatures    = 1<<13 - 1
)

// rawMD1 is struct mdp_superblock_1 of md_p.h in Linux, little-endian, 256
// bytes and two for each member; sizes and offsets in sectors of 512 bytes.
type rawMD1 []byte

func (b rawMD1) magic() uint32        { return le.Uint32(b[0:]) }
func (b rawMD1) major() uint32        { return le.Uint32(b[4:]) }
func (b rawMD1) features() uint32     { return le.Uint32(b[8:]) }
func (b rawMD1) uuid() string         { return plainUUID(b[16:32]) }
func (b rawMD1) name() string         { return text(b[32:64]) }
func (b rawMD1) created() uint64      { return le.Uint64(b[64:]) } // 40 bits of seconds, 24 of microseconds
func (b rawMD1) level() int32         { return int32(le.Uint32(b[72:])) }
func (b rawMD1) layout() uint32       { return le.Uint32(b[76:]) }
func (b rawMD1) size() uint64         { return le.Uint64(b[80:]) }
func (b rawMD1) chunk() uint32        { return le.Uint32(b[88:]) }
func (b rawMD1) disks() uint32        { return le.Uint32(b[92:]) }
func (b rawMD1) dataOffset() uint64   { return le.Uint64(b[128:]) }
func (b rawMD1) dataSize() uint64     { return le.Uint64(b[136:]) }
func (b rawMD1) superOffset() uint64  { return le.Uint64(b[144:]) }
func (b rawMD1) recovered() uint64    { return le.Uint64(b[152:]) }
func (b rawMD1) number() uint32       { return le.Uint32(b[160:]) }
func (b rawMD1) device() string       { return plainUUID(b[168:184]) }
func (b rawMD1) updated() uint64      { return le.Uint64(b[192:]) }
func (b rawMD1) events() uint64       { return le.Uint64(b[200:]) }
func (b rawMD1) resynced() uint64     { return le.Uint64(b[208:]) } // all ones once all agree
func (b rawMD1) sum() uint32          { return le.Uint32(b[216:]) }
func (b rawMD1) maxDisks() uint32     { return le.Uint32(b[220:]) }
func (b rawMD1) role(i uint32) uint16 { return le.Uint16(b[256+2*i:]) }
func (b rawMD1) length() int          { return 256 + 2*int(b.maxDisks()) }
func mdTime(seconds uint64) time.Time { return time.Unix(int64(seconds&(1<<40-1)), 0).UTC() }
func sectors(n uint64) int64          { return sizeOf(n, sectorSmall) }
func foldSum(sum uint64) uint32       { return uint32(sum) + uint32(sum>>32) }

// checksum is calc_sb_1_csum of Linux. The caller has checked the length.
func (b rawMD1) checksum() uint32 {
	c := b[:b.length()]
	sum := uint64(0)
	i := 0
	for ; i+4 <= len(c); i += 4 {
		if i != 216 {
			sum += uint64(le.Uint32(c[i:]))
		}
	}
	if i+2 <= len(c) {
		sum += uint64(le.Uint16(c[i:]))
	}
	return foldSum(sum)
}

// errNoSuper says that there is no superblock; any other error, that there is one
// which says what cannot be.
var errNoSuper = errors.New("no superblock")

// parseMD1 reads a superblock of version 1 that stands at byte at of its
// member. b is as much of 4096 bytes as there is.
func parseMD1(b []byte, at int64, version string) (*mdSuper, error) {
	s := rawMD1(b)
	if len(b) < 256 || s.magic() != mdMagic || s.major() != 1 || s.superOffset() != uint64(at/sectorSmall) {
		return nil, errNoSuper
	}
	if n := s.maxDisks(); n > (4096-256)/2 || s.length() > len(b) {
		return nil, fmt.Errorf("it has room for %d members, more than fit", n)
	}
	m := &mdSuper{
		at: at, version: version, uuid: s.uuid(), name: s.name(), minor: -1, level: s.level(), layout: s.layout(), chunk: int64(s.chunk()) * sectorSmall,
		size: sectors(s.size()), dataOffset: sectors(s.dataOffset()), dataSize: sectors(s.dataSize()),
		device: s.device(), features: s.features(), recovered: -1, dirty: s.resynced() != 1<<64-1, reshape: s.features()&mdReshapeActive != 0,
		events: s.events(), updated: mdTime(s.updated()), created: mdTime(s.created()), sound: s.checksum() == s.sum(),
	}
	for i := range s.maxDisks() {
		m.roles = append(m.roles, s.role(i))
	}
	if s.number() >= uint32(len(m.roles)) || s.disks() > uint32(len(m.roles)) || s.disks() == 0 {
		return m, fmt.Errorf("it is of member %d in an array of %d, and has room for %d", s.number(), s.disks(), len(m.roles))
	}
	m.number, m.disks = int(s.number()), int(s.disks())
	if s.features()&mdRecoveryOffset != 0 && m.roles[m.number] < maxMDDisks {
		m.recovered = sectors(s.recovered())
	}
	if s.dataOffset() != uint64(m.dataOffset/sectorSmall) || s.dataSize() != uint64(m.dataSize/sectorSmall) || s.size() != uint64(m.size/sectorSmall) && m.level > 0 {
		return m, errors.New("its sizes are too large to be")
	}
	if m.level <= 0 {
		m.size = 0
	}
	return m, nil
}

// rawMD0 is mdp_super_t of md_p.h in Linux: 1,024 words in the byte order of the
// machine; sizes in KiB.
type rawMD0 []byte

func (b rawMD0) bigEndian() bool { return be.Uint32(b) == mdMagic }
func (b rawMD0) word(i int) uint32 {
	if b.bigEndian() {
		return be.Uint32(b[4*i:])
	}
	return le.Uint32(b[4*i:])
}

// events are of 64 bits, whose halves stand in the order of the machine.
func (b rawMD0) events() uint64 { return b.double(39) }
func (b rawMD0) double(i int) uint64 {
	if b.bigEndian() {
		return uint64(b.word(i))<<32 | uint64(b.word(i+1))
	}
	return uint64(b.word(i+1))<<32 | uint64(b.word(i))
}

func (b rawMD0) checksum() uint32 {
	sum := uint64(0)
	for i := range 1024 {
		if i != 38 {
			sum += uint64(b.word(i))
		}
	}
	return foldSum(sum)
}

const mdReserved = 64 << 10 // at the end of a member with a superblock of 0.90

// parseMD0 reads a superblock of version 0.90 or 0.91, 4096 bytes, that
// stands at byte at of its member.
func parseMD0(b []byte, at int64) (*mdSuper, error) {
	s := rawMD0(b)
	if len(b) < 4096 || s.word(0) != mdMagic || s.word(1) != 0 || s.word(2) < 90 || s.word(2) > 91 {
		return nil, errNoSuper
	}
	const disksAt, diskWords, maxDisks, thisAt = 128, 32, 27, 992
	m := &mdSuper{
		at: at, version: fmt.Sprintf("0.%d", s.word(2)), uuid: uuidWords(s.word(5), s.word(13), s.word(14), s.word(15)), minor: int(s.word(11) & 0xfffff),
		level: int32(s.word(7)), layout: s.word(64), chunk: int64(s.word(65)), size: int64(s.word(8)) << 10, dataSize: at, recovered: -1,
		reshape: s.word(2) == 91 && s.double(44) != 1<<64-1, events: s.events(), created: mdTime(uint64(s.word(6))), updated: mdTime(uint64(s.word(32))), sound: s.checksum() == s.word(38),
	}
	const clean = 1
	m.dirty = s.word(33)&clean == 0
	number, disks := s.word(thisAt), s.word(10)
	if number >= maxDisks || disks == 0 || disks > maxDisks {
		return m, fmt.Errorf("it is of member %d in an array of %d", number, disks)
	}
	m.number, m.disks = int(number), int(disks)
	const faulty, active, inSync = 1 << 0, 1 << 1, 1 << 2
	for i := range maxDisks {
		role, state := s.word(disksAt+i*diskWords+3), s.word(disksAt+i*diskWords+4)
		switch {
		case state&faulty != 0:
			m.roles = append(m.roles, roleFaulty)
		case state&inSync != 0 && role < maxDisks:
			m.roles = append(m.roles, uint16(role))
		default:
			m.roles = append(m.roles, roleSpare)
		}
	}
	if m.level <= 0 {
		m.size = 0
	}
	return m, nil
}

// mdMember is a candidate that has a superblock.
type mdMember struct {
	*candidate
	*mdSuper
	state string
}

func (m *mdMember) stands() spot { return m.dev.locate(m.at) }

// superblock finds the superblock of a candidate. Where there are several, the
// array that was created last counts.
func (c *composer) superblock(m *candidate) *mdSuper {
	size := m.dev.size()
	read := func(off int64) []byte {
		if off < 0 || off >= size {
			return nil
		}
		b := make([]byte, min(4096, size-off))
		n, _ := c.reader(m.dev).ReadAt(b, off)
		return b[:n]
	}
	old := size&^(mdReserved-1) - mdReserved
	last := (size/sectorSmall - 16) &^ 7 * sectorSmall
	var found []*mdSuper
	take := func(s *mdSuper, err error) {
		switch {
		case err == nil:
			found = append(found, s)
		case s != nil || !errors.Is(err, errNoSuper):
			at := int64(0)
			if s != nil {
				at = s.at
			}
			c.damage("md superblock", m.dev, at, "%v", err)
		}
	}
	take(parseMD1(read(0), 0, "1.1"))
	take(parseMD1(read(4096), 4096, "1.2"))
	if last > 4096 {
		take(parseMD1(read(last), last, "1.0"))
	}
	if old > 0 {
		take(parseMD0(read(old), old))
	}
	var best *mdSuper
	for _, s := range found {
		if c.leftOver(m, s) {
			continue
		}
		if best == nil || s.sound && !best.sound || s.sound == best.sound && s.created.After(best.created) {
			best = s
		}
	}
	return best
}

// leftOver reports whether a superblock belongs to an earlier use: a file system
// reaches over it, or a partition does.
func (c *composer) leftOver(m *candidate, s *mdSuper) bool {
	if s.version == "1.1" || s.version == "1.2" {
		return m.whole
	}
	for _, sig := range m.sigs {
		if sig.isFileSystem() && sig.Size > s.at && sig.Size <= m.dev.size() && !m.whole {
			return true
		}
	}
	if !m.whole || m.disk < 0 {
		return false
	}
	return slices.ContainsFunc(c.disks[m.disk].Layout.Volumes, func(v Volume) bool {
		return v.Allocated && v.Offset <= s.at && s.at < v.Offset+v.Length
	})
}

// arrays composes the arrays that the fresh candidates are members of.
func (c *composer) arrays(fresh []*candidate) []*candidate {
	sets := map[string][]*mdMember{}
	var order []string
	// A superblock at the end of the last partition may also look like one at the
	// end of the disk.
	taken := map[spot]*mdMember{}
	// Of a disk that is a member as a whole, the partitions are those of the array.
	wholes := map[int]bool{}
	fresh = slices.Clone(fresh)
	slices.SortStableFunc(fresh, func(a, b *candidate) int {
		switch {
		case a.whole == b.whole:
			return 0
		case a.whole:
			return -1
		}
		return 1
	})
	for _, m := range fresh {
		if m.disk >= 0 && wholes[m.disk] {
			continue
		}
		if !slices.ContainsFunc(m.sigs, func(s Signature) bool { return s.Kind == "md" }) {
			continue
		}
		s := c.superblock(m)
		if s == nil {
			continue
		}
		if m.whole && m.disk >= 0 {
			wholes[m.disk] = true
		}
		member := &mdMember{m, s, ""}
		where := member.stands()
		where.length = 0
		if other := taken[where]; other != nil && where.disk >= 0 {
			a, b := other.dev.size(), m.dev.size()
			if fits := s.size+s.dataOffset <= b; fits && b < a || s.size+s.dataOffset > a && b > a {
				other.candidate, other.mdSuper = m, s
			}
			continue
		}
		taken[where] = member
		if sets[s.uuid] == nil {
			order = append(order, s.uuid)
		}
		sets[s.uuid] = append(sets[s.uuid], member)
	}
	var next []*candidate
	for _, uuid := range order {
		next = append(next, c.assemble(sets[uuid])...)
	}
	// A superblock that is left over must not cost the partitions that are there.
	for _, m := range fresh {
		if m.disk < 0 || !wholes[m.disk] {
			continue
		}
		if g := c.out.MemberOf(m.disk, wholeDisk); g != nil {
			m.claimed = slices.ContainsFunc(c.out.Volumes, func(v Volume) bool {
				return v.Slot == g.Slot && (g.Level == "raid1" || v.Missing == 0)
			})
		}
	}
	return next
}

// mdRole is what a member is in an array: its place, or -1 and why it has none.
func mdRole(newest, m *mdSuper) (int, string) {
	if m.number >= len(newest.roles) {
		return -1, "spare"
	}
	switch r := newest.roles[m.number]; {
	case r == roleFaulty:
		return -1, "faulty"
	case r == roleJournal:
		return -1, "journal"
	case int(r) < newest.disks:
		return int(r), ""
	}
	return -1, "spare"
}

// assemble composes one array of the members that are at hand.
func (c *composer) assemble(members []*mdMember) []*candidate {
	const structure = "md superblock"
	// What is wrong in its checksum is not believed as long as another is right.
	slices.SortStableFunc(members, func(a, b *mdMember) int {
		if a.sound != b.sound {
			if a.sound {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.events, a.events)
	})
	newest := members[0]
	g := Group{Kind: "md", UUID: newest.uuid, Level: mdLevel(newest.level), Name: newest.name}
	short := newest.name
	if i := strings.LastIndexByte(short, ':'); i >= 0 {
		short = short[i+1:]
	}
	if newest.minor >= 0 {
		short = strconv.Itoa(newest.minor)
		g.Name = "md" + short
	}
	g.Slot = c.slot("md:", short, newest.uuid)
	say := func(format string, args ...any) {
		g.Notes = append(g.Notes, "It "+fmt.Sprintf(format, args...)+".")
	}

	byRole := map[int]*mdMember{}
	var stale []*mdMember
	for _, m := range members {
		m.claimed = true
		role, state := mdRole(newest.mdSuper, m.mdSuper)
		own := -1 // its place when it was left behind, which the newest no longer tells
		if r := int(m.roles[m.number]); r < m.disks && m.events+1 < newest.events && m.sound {
			own = r
		}
		switch {
		case !m.sound:
			c.damage(structure, m.dev, m.at, "its checksum is wrong")
			if newest.sound {
				state = "damaged"
			}
		}
		switch {
		case state != "":
		case m.level != newest.level || m.disks != newest.disks && m.events == newest.events:
			state = "damaged"
			c.damage(structure, m.dev, m.at, "it says %s of %d members, but a newer one %s of %d", mdLevel(m.level), m.disks, mdLevel(newest.level), newest.disks)
		case m.events+1 < newest.events:
			state = "stale"
		case m.recovered >= 0 && m.recovered < newest.size:
			state = "rebuilding"
			say("does not use %s: only its first %d of %d bytes were rebuilt", c.name(m.candidate), m.recovered, newest.size)
		case byRole[role] != nil && newest.features&mdReplacement != 0:
			state = "replacement"
		case byRole[role] != nil:
			state = "duplicate"
			say("has two members for place %d, %s and %s: one may be a copy of the other; the first is used", role, c.name(byRole[role].candidate), c.name(m.candidate))
		default:
			byRole[role] = m
			state = "in use"
		}
		if own >= 0 && (state == "stale" || state == "spare" || state == "faulty") {
			state, role = "stale", own
			stale = append(stale, m)
			say("does not use %s: it was left behind at event %d (%s), and the array went on to event %d (%s)", c.name(m.candidate), m.events, timeText(m.updated), newest.events, timeText(newest.updated))
		}
		m.state = state
		out := Member{Disk: m.disk, Slot: m.slot, UUID: m.device, Role: state, State: state, Length: m.dev.size()}
		if role >= 0 {
			out.Role = strconv.Itoa(role)
		}
		if m.disk >= 0 {
			out.Image = c.disks[m.disk].Name
		}
		g.Members = append(g.Members, out)
	}
	for role := range newest.disks {
		if byRole[role] == nil && !slices.ContainsFunc(g.Members, func(m Member) bool { return m.Role == strconv.Itoa(role) }) {
			g.Members = append(g.Members, Member{Disk: -1, Role: strconv.Itoa(role), State: "missing"})
		}
	}
	slices.SortStableFunc(g.Members, func(a, b Member) int {
		x, errX := strconv.Atoi(a.Role)
		y, errY := strconv.Atoi(b.Role)
		switch {
		case errX == nil && errY == nil:
			return x - y
		case errX == nil:
			return -1
		case errY == nil:
			return 1
		}
		return 0
	})
	if missing := newest.disks - len(byRole); missing > 0 {
		say("has %d of its %d members; the rest is not at hand or not used", len(byRole), newest.disks)
	}
	if newest.dirty && newest.level > 0 {
		say("was not shut down cleanly or had not finished its first copy, so that its members may differ in what was written last")
	}
	if newest.features&mdJournal != 0 {
		say("has a journal, which is not read: what was written last may stand only there")
	}
	var old []Volume
	for _, m := range stale {
		if m.level != 1 || m.size <= 0 || m.size > m.dataSize || m.reshape {
			continue
		}
		// The half of a mirror that was left behind is the volume as it was then.
		v := Volume{Slot: fmt.Sprintf("%s@%d", g.Slot, m.roles[m.number]), Length: m.size, Type: "Stale Linux raid1", Label: m.name, UUID: g.UUID, Group: g.Slot, dev: within(m.dev, m.dataOffset, m.size)}
		if !c.slots[v.Slot] {
			c.slots[v.Slot] = true
			old = append(old, v)
			say("was at place %d what %s shows, when that was left behind", m.roles[m.number], v.Slot)
		}
	}
	dev, err := c.arrayDevice(g.Slot, newest.mdSuper, byRole, say)
	if err != nil {
		say("is not read: %v", err)
		c.out.Groups = append(c.out.Groups, g)
		return nil
	}
	c.out.Groups = append(c.out.Groups, g)
	next := c.add(Volume{Slot: g.Slot, Length: dev.size(), Allocated: true, Type: "Linux " + g.Level, Label: g.Name, UUID: g.UUID, Group: g.Slot, dev: dev})
	for _, v := range old {
		next = append(next, c.add(v)...)
	}
	return next
}

// arrayDevice maps an array to its members.
func (c *composer) arrayDevice(slot string, s *mdSuper, byRole map[int]*mdMember, say func(string, ...any)) (device, error) {
	switch {
	case s.reshape:
		return nil, errors.New("a reshape was under way, which leaves its data in two layouts")
	case s.features&^mdAllFeatures != 0:
		return nil, fmt.Errorf("it has features that are not known (%#x)", s.features&^mdAllFeatures)
	case len(byRole) == 0:
		return nil, errors.New("none of its members is in use")
	case s.disks > 4096:
		return nil, fmt.Errorf("it has %d members", s.disks)
	}
	members := make([]device, s.disks)
	missing := make([]bool, s.disks)
	least := int64(lastAddressable)
	for _, m := range byRole {
		least = min(least, m.dataSize)
	}
	for i := range members {
		if m := byRole[i]; m != nil {
			length := m.dataSize
			if s.size > 0 {
				if s.size > m.dataSize {
					c.damage("md superblock", m.dev, m.at, "the array uses %d bytes of each member, but this one has %d", s.size, m.dataSize)
				}
				length = s.size
			}
			members[i] = within(m.dev, m.dataOffset, length)
			continue
		}
		missing[i] = true
		members[i] = hole{cmp.Or(s.size, least), 0, fmt.Sprintf("member %d of %s", i, slot)}
	}
	switch s.level {
	case 1:
		if s.size <= 0 {
			return nil, errors.New("it does not say how large it is")
		}
		var copies []device
		for _, i := range slices.Sorted(maps.Keys(byRole)) {
			copies = append(copies, members[i])
		}
		return newMirror(copies, s.size), nil
	case -1:
		if s.chunk > 0 {
			for i, m := range members {
				members[i] = within(m, 0, m.size()/s.chunk*s.chunk)
			}
		}
		if slices.Contains(missing, true) {
			say("is linear, and the sizes of its missing members are guessed: what comes after them may stand elsewhere")
		}
		return joined(members)
	case 0, 4, 5, 6, 10:
	default:
		return nil, fmt.Errorf("%s is not known", mdLevel(s.level))
	}
	if s.chunk < sectorSmall || s.chunk%sectorSmall != 0 {
		return nil, fmt.Errorf("its chunks are of %d bytes", s.chunk)
	}
	if s.level == 0 {
		return raid0Device(s, members, missing, say)
	}
	chunks := s.size / s.chunk
	if chunks < 1 || chunks > lastAddressable/s.chunk/int64(s.disks) {
		return nil, fmt.Errorf("its members are of %d bytes", s.size)
	}
	a := &array{members: members, missing: missing, unit: s.chunk}
	if s.level == 10 {
		geo, err := newRAID10(s.layout, int64(s.disks), chunks)
		if err != nil {
			return nil, fmt.Errorf("%w (%#x)", err, s.layout)
		}
		a.geo, a.length = geo, geo.arrayChunks*s.chunk
	} else {
		geo, err := newParity(int(s.level), s.layout, int64(s.disks))
		if err != nil {
			return nil, fmt.Errorf("%w (%#x)", err, s.layout)
		}
		a.geo, a.length = geo, chunks*geo.data*s.chunk
	}
	if n := len(byRole); n == s.disks-1 && s.level != 10 && s.dirty {
		say("lacks a member, and parity may not agree with what was written last: what is computed for it may be wrong there")
	}
	return a, nil
}

// joined is devices one after the other, if their sum can be.
func joined(parts []device) (device, error) {
	sum := int64(0)
	for _, p := range parts {
		if p.size() > lastAddressable-sum {
			return nil, errors.New("it is too large to be")
		}
		sum += p.size()
	}
	return newConcat(parts...), nil
}

// raid0Device stripes over members that may differ in size: where the smallest
// end, the others go on without them. create_strip_zones in drivers/md/raid0.c of
// Linux.
func raid0Device(s *mdSuper, members []device, missing []bool, say func(string, ...any)) (device, error) {
	const original, alternate = 1, 2
	ends := map[int64]bool{}
	for i, m := range members {
		members[i] = within(m, 0, m.size()/s.chunk*s.chunk)
		if members[i].size() > 0 {
			ends[members[i].size()] = true
		}
	}
	if slices.Contains(missing, true) {
		say("is striped, and the sizes of its missing members are guessed")
	}
	var zones []device
	from, chunk := int64(0), int64(0)
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		z := &array{unit: s.chunk}
		for i, m := range members {
			if m.size() > from {
				z.members = append(z.members, within(m, from, end-from))
				z.missing = append(z.missing, missing[i])
			}
		}
		n := int64(len(z.members))
		if end-from > lastAddressable/n {
			return nil, errors.New("it is too large to be")
		}
		z.length = (end - from) * n
		geo := &stripes{members: n}
		if s.features&mdRAID0Layout != 0 && s.layout == original {
			geo.shift = chunk % n
		}
		z.geo = geo
		zones = append(zones, z)
		chunk += z.length / s.chunk
		from = end
	}
	if len(zones) == 0 {
		return nil, errors.New("its members are empty")
	}
	if len(zones) > 1 && (s.features&mdRAID0Layout == 0 || s.layout != original && s.layout != alternate) {
		say("has members of different sizes and does not say which of two layouts it has: read as kernels from 3.14 on write it, which may be wrong from byte %d on", zones[0].size())
	}
	return joined(zones)
}
