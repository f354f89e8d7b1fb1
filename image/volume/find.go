package volume

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// span is a run of bytes of the image, from start up to end.
type span struct{ start, end int64 }

// finder collects the layout.
type finder struct {
	r     io.ReaderAt
	size  int64
	l     *Layout
	parts []partition // what the tables name
	meta  []span      // where the tables themselves lie
}

func (l *Layout) note(format string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(format, args...))
}

func (l *Layout) damage(structure string, offset int64, format string, args ...any) {
	l.Damage = append(l.Damage, &DamageError{Structure: structure, Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// Find says how an image of size bytes is divided. What is damaged or cannot be
// read is in Layout.Damage; an error means that the image is empty.
//
// A GPT counts where Linux would take it, with a protective MBR before it, and
// also where that MBR is gone. An MBR counts unless the first sector is the boot
// sector of a file system.
func Find(r io.ReaderAt, size int64) (*Layout, error) {
	if size <= 0 {
		return nil, errors.New("the image is empty")
	}
	f := &finder{r: r, size: size, l: &Layout{Table: "none", SectorSize: sectorSmall, image: r, size: size}}
	m, err := readMBR(r)
	if err != nil && size >= sectorSmall {
		f.l.Damage = append(f.l.Damage, &DamageError{Structure: "boot sector", Offset: 0, Reason: fmt.Sprintf("it cannot be read: %v", err), Err: err})
	}
	g := findGPT(r, size, m.lastSector())
	whole := ProbeAll(io.NewSectionReader(r, 0, size), size)
	switch f.choose(&m, g, whole) {
	case "gpt":
		f.useGPT(&m, g)
	case "mbr":
		f.useMBR(&m, whole)
	default:
		f.useNone(whole)
	}
	f.finish()
	return f.l, nil
}

// choose tells which table holds: "gpt", "mbr" or "none".
func (f *finder) choose(m *mbrTable, g *gptTable, whole []Signature) string {
	_, protective := m.protective()
	bare := len(whole) > 0 && !whole[0].Weak
	mbrHits, mbrSector := f.mbrHits(m)
	boot := bare && isBootSector(whole[0])
	mbrHolds := m.strict && m.others() > 0 && !boot && (mbrHits > 0 || !bare)
	if mbrHolds || mbrHits > 0 && !bare {
		f.l.SectorSize = mbrSector
	}
	switch {
	case protective && (g != nil || m.others() == 0):
		return "gpt"
	case protective:
		// Without its GPT, a hybrid MBR is all there is.
		f.l.damage("GPT header", sectorSmall, "the MBR says that there is a GPT, but neither copy of it is found")
		return "mbr"
	case g != nil && mbrHolds:
		if mbrHits == 0 && f.gptHits(g) > 0 {
			f.l.damage("boot sector", 0, "it names partitions that hold nothing known, and does not say that there is a GPT, which is used")
			return "gpt"
		}
		f.l.note("There is also a GPT (header at byte %d), which Linux does not use, because the MBR names partitions of its own and does not protect it.", g.best().offset)
		f.stale(g)
		return "mbr"
	case g != nil:
		if bare && (g.primary == nil || f.gptHits(g) == 0) {
			f.l.note("A GPT header at byte %d is left over from another use of the disk; the image holds one file system without a table.", g.best().offset)
			f.stale(g)
			return "none"
		}
		f.l.note("The MBR does not say that there is a GPT; the GPT is used all the same.")
		return "gpt"
	case mbrHolds:
		return "mbr"
	case m.record != nil && !m.strict && m.others() > 0 && !bare && mbrHits > 0:
		f.l.damage("boot sector", 0, "it is no sound MBR (its signature, or the status of an entry, is wrong), but partitions are found where it says")
		return "mbr"
	case m.strict && m.others() == 0 && len(whole) == 0:
		return "mbr"
	}
	if m.strict && m.others() > 0 && !boot {
		f.l.note("The boot sector also has what looks like a partition table, but nothing known lies where it says; the image is taken as one file system.")
		for i, p := range m.entries {
			if p.used() {
				f.l.note("That table names a partition %d of %d bytes at byte %d (%s).", i+1, int64(p.sectors)*sectorSmall, int64(p.start)*sectorSmall, cmp.Or(mbrTypes[p.kind], fmt.Sprintf("type 0x%02x", p.kind)))
			}
		}
	}
	return "none"
}

// mbrHits counts the partitions that begin as something known, and tells the
// sector size with which more of them do.
func (f *finder) mbrHits(m *mbrTable) (hits int, sector int64) {
	sector = sectorSmall
	for _, try := range []int64{sectorSmall, sectorLarge} {
		n := 0
		for _, p := range m.entries {
			if p.used() && p.kind != typeProtective && f.holdsSomething(int64(p.start)*try, int64(p.sectors)*try, isExtended(p.kind)) {
				n++
			}
		}
		if n > hits {
			hits, sector = n, try
		}
	}
	return hits, sector
}

// gptHits counts the same for a GPT; some are enough.
func (f *finder) gptHits(g *gptTable) int {
	hits := 0
	for i, p := range g.best().partitions() {
		if i == 16 {
			break
		}
		if v, ok := g.place(p); ok && f.holdsSomething(v.start, v.end-v.start, false) {
			hits++
		}
	}
	return hits
}

func (f *finder) holdsSomething(offset, length int64, extended bool) bool {
	if length <= 0 || offset >= f.size {
		return false
	}
	if extended {
		record := make(bootRecord, sectorSmall)
		n, _ := f.r.ReadAt(record, offset)
		return n == len(record) && record.signed() && (record.entry(0).used() || record.entry(1).used())
	}
	return Probe(io.NewSectionReader(f.r, offset, length), length).Kind != ""
}

// place is where a GPT entry says that its partition lies.
func (t *gptTable) place(p gptPartition) (span, bool) {
	if p.first == 0 || p.last < p.first || p.last > uint64(lastAddressable/t.sector)-2 {
		return span{}, false
	}
	return span{int64(p.first) * t.sector, int64(p.last+1) * t.sector}, true
}

// stale names the partitions of a GPT that is not used.
func (f *finder) stale(g *gptTable) {
	named := 0
	for _, p := range g.best().partitions() {
		if s, ok := g.place(p); ok {
			if named++; named > 16 {
				f.l.note("That GPT names more partitions.")
				return
			}
			f.l.note("That GPT names a partition %d of %d bytes at byte %d (%s).", p.number, s.end-s.start, s.start, cmp.Or(gptTypes[p.typeGUID], p.typeGUID))
		}
	}
}

// useGPT lays the image out as a GPT says.
func (f *finder) useGPT(m *mbrTable, g *gptTable) {
	f.l.Table = "gpt"
	f.meta = append(f.meta, span{0, sectorSmall})
	if g == nil {
		f.l.damage("GPT header", sectorSmall, "the MBR says that there is a GPT, but neither copy of it is found")
		return
	}
	f.l.SectorSize = g.sector
	f.meta[0].end = g.sector
	c := g.best()
	f.l.UUID = c.hdr().diskGUID()
	g.report(f.l, f.size)
	for _, c := range []*gptCopy{g.primary, g.backup} {
		if c == nil {
			continue
		}
		f.meta = append(f.meta, span{c.offset, c.offset + g.sector})
		length := int64(len(c.array))
		if !c.arrayOK {
			length = min(length, usualArray) // what its header says may hide gaps
		}
		f.meta = append(f.meta, span{c.arrayOffset, c.arrayOffset + length})
	}
	const structure = "GPT entry"
	for _, p := range c.partitions() {
		entry := c.arrayOffset + int64(p.number-1)*int64(c.hdr().entrySize())
		s, ok := g.place(p)
		if !ok {
			f.l.damage(structure, entry, "partition %d goes from sector %d to sector %d, which cannot be", p.number, p.first, p.last)
			continue
		}
		if len(f.parts) == maxPartitions {
			f.l.damage(structure, entry, "there are more than %d partitions; the rest is not listed", maxPartitions)
			break
		}
		if c.headerOK && (p.first < c.hdr().firstUsable() || p.last > c.hdr().lastUsable()) {
			f.l.damage(structure, entry, "partition %d goes from sector %d to sector %d, but sectors %d to %d are what partitions may use", p.number, p.first, p.last, c.hdr().firstUsable(), c.hdr().lastUsable())
		}
		f.parts = append(f.parts, partition{Volume{
			Slot: fmt.Sprintf("gpt:%d", p.number), Offset: s.start, Length: s.end - s.start, Allocated: true,
			TypeID: p.typeGUID, Type: gptTypes[p.typeGUID], Label: p.name, UUID: p.guid, Bootable: p.attributes&attributeBoot != 0,
		}, entry})
	}
	if m.strict && m.others() > 0 {
		// A hybrid MBR repeats some partitions of the GPT for systems that do not know GPT.
		named := map[span]bool{}
		for _, p := range f.parts {
			named[span{p.Offset, p.Length}] = true
		}
		before := len(f.parts)
		f.mbrPartitions(m, g.sector, func(offset, length int64) bool { return named[span{offset, length}] })
		f.l.note("The MBR is a hybrid one: beside the GPT it names %d partitions, of which %d are not in the GPT.", m.others(), len(f.parts)-before)
	}
}

// useMBR lays the image out as an MBR says.
func (f *finder) useMBR(m *mbrTable, whole []Signature) {
	f.l.Table = "mbr"
	if id := m.record.diskSignature(); id != 0 {
		f.l.UUID = fmt.Sprintf("%08x", id)
	}
	f.meta = append(f.meta, span{0, f.l.SectorSize})
	f.mbrPartitions(m, f.l.SectorSize, nil)
	for _, s := range whole {
		if !slices.ContainsFunc(f.parts, func(p partition) bool { return p.Offset == 0 }) && !s.Weak {
			f.l.note("Besides the partition table there is also %s for the image as a whole; --volume @0 looks into it.", s.describe())
		}
	}
}

// useNone takes the image as one volume.
func (f *finder) useNone(whole []Signature) {
	v := Volume{Slot: "bare", Length: f.size, Allocated: true}
	if len(whole) > 0 {
		v.Found = whole[0]
		if v.Found.isFileSystem() {
			v.Length = max(v.Length, v.Found.Size)
		}
	}
	f.parts = append(f.parts, partition{v, 0})
	head := make([]byte, 2*sectorSmall)
	n, _ := f.r.ReadAt(head, 0)
	head = head[:n]
	if len(whole) > 0 || len(head) < cap(head) {
		return
	}
	var xor uint16
	for i := 0; i < sectorSmall; i += 2 {
		xor ^= be.Uint16(head[i:])
	}
	switch {
	case string(head[512:516]) == "PM\x00\x00":
		f.l.note("An Apple partition map stands at byte 512; it is not read yet.")
	case be.Uint16(head[508:]) == 0xdabe && xor == 0:
		f.l.note("A Sun disk label stands at byte 0; it is not read yet.")
	case le.Uint32(head[512:]) == 0x82564557:
		f.l.note("A BSD disk label stands at byte 512; it is not read yet.")
	}
}

// finish probes the partitions, finds the gaps, and puts all in order.
func (f *finder) finish() {
	for i := range f.parts {
		f.inspect(&f.parts[i])
	}
	f.overlaps()
	gaps := f.gaps()
	slices.SortStableFunc(f.parts, func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	for _, p := range f.parts {
		f.l.Volumes = append(f.l.Volumes, p.Volume)
	}
	f.l.Volumes = append(f.l.Volumes, gaps...)
	slices.SortStableFunc(f.l.Volumes, func(a, b Volume) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	for i := range f.l.Volumes {
		f.l.Volumes[i].Index = i + 1
	}
}

// inspect says what a partition holds, and how much of it is missing.
func (f *finder) inspect(p *partition) {
	p.Missing = min(p.Length, max(0, p.Offset+p.Length-f.size))
	if p.Missing > 0 && p.Slot == "bare" {
		f.l.damage("superblock", p.Found.Offset, "the %s file system is %d bytes long, but the image ends after %d", p.Found.Kind, p.Length, f.size)
	} else if p.Missing > 0 {
		f.l.damage("partition table", p.entry, "%s ends at byte %d, %d bytes past the end of the image", p.Slot, p.Offset+p.Length, p.Missing)
	}
	if p.Container || p.Offset >= f.size {
		return
	}
	section := io.NewSectionReader(f.r, p.Offset, p.Length)
	found := ProbeAll(section, p.Length)
	if len(found) > 0 {
		p.Found = found[0]
	}
	if n, err := section.ReadAt(make([]byte, min(p.Length-p.Missing, sectorLarge)), 0); int64(n) < min(p.Length-p.Missing, sectorLarge) {
		f.l.Damage = append(f.l.Damage, &DamageError{Structure: "start of " + p.Slot, Offset: p.Offset + int64(n), Reason: fmt.Sprintf("it cannot be read: %v", err), Err: err})
	}
	f.remark(p, found)
}

// remark notes what the one word for a volume does not say.
func (f *finder) remark(p *partition, found []Signature) {
	s := p.Found
	if s.Backup {
		f.l.damage("superblock", p.Offset, "the primary superblock of %s is damaged; a backup at byte %d says %s", p.Slot, p.Offset+s.Offset, s.Kind)
	}
	if s.isFileSystem() && s.Size > p.Length && p.Slot != "bare" {
		f.l.damage("superblock", p.Offset+s.Offset, "the %s file system in %s is %d bytes long, but its partition only %d", s.Kind, p.Slot, s.Size, p.Length)
	}
	for i, other := range found {
		switch {
		case other.Kind == "md" && other.Level == "raid1" && i > 0 && s.isFileSystem():
			f.l.note("%s is one half of a mirror (%s); its %s is read in place.", p.Slot, other.describe(), s.Kind)
		case i > 0:
			f.l.note("%s holds %s, but %s is also found in it.", p.Slot, s.describe(), other.describe())
		case other.Kind == "md" && other.Level == "raid1":
			f.l.note("%s is one half of a mirror (%s); its data begin at byte %d: --volume @%d looks into them.", p.Slot, other.describe(), p.Offset+other.DataOffset, p.Offset+other.DataOffset)
		}
	}
}

// overlaps reports partitions that share bytes. Logical partitions are held
// against each other; that they lie in their extended partition is checked
// along the chain.
func (f *finder) overlaps() {
	var top, logical []*partition
	for i := range f.parts {
		p := &f.parts[i]
		var number int
		if n, _ := fmt.Sscanf(p.Slot, "mbr:%d", &number); n == 1 && f.l.Table == "gpt" {
			continue // of a hybrid MBR, which overlaps by its nature
		}
		if number >= firstLogicalSlot {
			logical = append(logical, p)
		} else {
			top = append(top, p)
		}
	}
	for _, group := range [][]*partition{top, logical} {
		slices.SortStableFunc(group, func(a, b *partition) int { return cmp.Compare(a.Offset, b.Offset) })
		for i, far := 1, 0; i < len(group); i++ {
			p, q := group[far], group[i]
			if end := p.Offset + p.Length; q.Offset < end {
				f.l.damage("partition table", q.entry, "%s overlaps with %s by %d bytes", q.Slot, p.Slot, min(end, q.Offset+q.Length)-q.Offset)
			}
			if q.Offset+q.Length > p.Offset+p.Length {
				far = i
			}
		}
	}
}
