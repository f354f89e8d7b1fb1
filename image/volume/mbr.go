package volume

import (
	"fmt"
	"io"
)

// mbrPartition is an entry of a boot record, as it stands there.
type mbrPartition struct {
	kind           byte
	start, sectors uint32
	bootable       bool
}

func (p mbrPartition) used() bool { return p.kind != 0 && p.sectors != 0 }

// mbrTable is the first sector of the image, seen as a master boot record.
type mbrTable struct {
	record  bootRecord // nil if it cannot be read
	signed  bool       // ends in 55 AA
	strict  bool       // signed, and no entry has an impossible status
	entries [partitionsInMBR]mbrPartition
}

// readMBR reads the first sector.
func readMBR(r io.ReaderAt) (mbrTable, error) {
	record := make(bootRecord, sectorSmall)
	if n, err := r.ReadAt(record, 0); n < len(record) {
		return mbrTable{}, err
	}
	t := mbrTable{record: record, signed: record.signed()}
	t.strict = t.signed
	for i := range t.entries {
		e := record.entry(i)
		t.strict = t.strict && e.statusValid()
		t.entries[i] = mbrPartition{e.kind(), e.start(), e.sectors(), e.status() == 0x80}
	}
	// go-diskfs refuses a record with one impossible status, so the entries
	// above stand for those.
	if t.strict {
		if entries, err := diskfsMBR(record); err == nil {
			t.entries = entries
		}
	}
	return t, nil
}

// protective gives the entry that guards a GPT.
func (t *mbrTable) protective() (mbrPartition, bool) {
	for _, p := range t.entries {
		if t.signed && p.kind == typeProtective {
			return p, true
		}
	}
	return mbrPartition{}, false
}

// lastSector is the last sector of the disk as a protective entry tells it, 0
// if none does or the disk is too large for the field.
func (t *mbrTable) lastSector() uint64 {
	p, ok := t.protective()
	if end := uint64(p.start) + uint64(p.sectors) - 1; ok && p.sectors > 0 && p.sectors != 1<<32-1 && end > 1 {
		return end
	}
	return 0
}

// others counts the used entries that are not protective.
func (t *mbrTable) others() int {
	n := 0
	for _, p := range t.entries {
		if p.used() && p.kind != typeProtective {
			n++
		}
	}
	return n
}

// entryOffset is the place of an entry in the image, for messages.
func entryOffset(record int64, i int) int64 { return record + 446 + 16*int64(i) }

// partition is a volume on the way into the layout, with the place of the
// table's entry that names it.
type partition struct {
	Volume
	entry int64
}

// mbrPartitions adds the partitions of an MBR, the logical ones too. skip
// leaves out what another table names already.
func (f *finder) mbrPartitions(t *mbrTable, sector int64, skip func(offset, length int64) bool) {
	logical := firstLogicalSlot
	for i, p := range t.entries {
		if !p.used() || p.kind == typeProtective {
			continue
		}
		offset, length := int64(p.start)*sector, int64(p.sectors)*sector
		if skip != nil && skip(offset, length) {
			continue
		}
		v := f.mbrVolume(t, i+1, p, offset, length)
		v.Container = isExtended(p.kind)
		at := len(f.parts)
		f.parts = append(f.parts, partition{v, entryOffset(0, i)})
		if v.Container {
			before := logical
			logical = f.extended(t, v, sector, logical)
			f.parts[at].Found = Signature{}
			if logical == before {
				// Without logical partitions, its bytes may be those of something else.
				f.parts[at].Container = false
			}
		}
	}
}

func (f *finder) mbrVolume(t *mbrTable, number int, p mbrPartition, offset, length int64) Volume {
	v := Volume{
		Slot: fmt.Sprintf("mbr:%d", number), Offset: offset, Length: length, Allocated: true,
		TypeID: fmt.Sprintf("0x%02x", p.kind), Type: mbrTypes[p.kind], Bootable: p.bootable,
	}
	if id := t.record.diskSignature(); id != 0 {
		v.UUID = fmt.Sprintf("%08x-%02x", id, number)
	}
	return v
}

// extended follows the chain of extended boot records. As in Linux, the first
// used entry that is not extended itself is a logical partition counted from
// its record, and the first extended one leads to the next record, counted from
// the start of the extended partition. It gives the next free number.
func (f *finder) extended(t *mbrTable, container Volume, sector int64, number int) int {
	const structure = "extended boot record"
	seen := map[int64]bool{}
	at := container.Offset
	end := container.Offset + container.Length
	for len(seen) < maxPartitions {
		if seen[at] {
			f.l.damage(structure, at, "the chain of records comes back to it")
			return number
		}
		seen[at] = true
		record := make(bootRecord, sectorSmall)
		if at > f.size-sectorSmall {
			f.l.damage(structure, at, "it lies past the end of the image, so the logical partitions from %d on are not known", number)
			return number
		}
		if n, err := f.r.ReadAt(record, at); n < len(record) {
			f.l.Damage = append(f.l.Damage, &DamageError{Structure: structure, Offset: at, Reason: fmt.Sprintf("it cannot be read, so the logical partitions from %d on are not known: %v", number, err), Err: err})
			return number
		}
		if !record.signed() {
			f.l.damage(structure, at, "it does not end in 55 AA, so the logical partitions from %d on are not known", number)
			return number
		}
		f.meta = append(f.meta, span{at, at + sector})
		next := int64(-1)
		for i := range partitionsInMBR {
			e := record.entry(i)
			if !e.used() {
				continue
			}
			if e.extended() {
				if next < 0 {
					next = container.Offset + int64(e.start())*sector
				}
				continue
			}
			offset, length := at+int64(e.start())*sector, int64(e.sectors())*sector
			// The third and the fourth entry are not in use; what is left in them counts only if it is sane.
			if i >= 2 && (offset < container.Offset || offset+length > end) {
				continue
			}
			if e.start() == 0 {
				f.l.damage(structure, at, "the logical partition %d begins at the record itself", number)
			}
			if offset+length > end {
				f.l.damage(structure, at, "the logical partition %d reaches %d bytes past the end of its extended partition", number, offset+length-end)
			}
			p := mbrPartition{e.kind(), e.start(), e.sectors(), e.status() == 0x80}
			f.parts = append(f.parts, partition{f.mbrVolume(t, number, p, offset, length), entryOffset(at, i)})
			number++
		}
		if next < 0 {
			return number
		}
		if next >= end {
			f.l.damage(structure, at, "the next record, at byte %d, lies outside of the extended partition", next)
		}
		at = next
	}
	f.l.damage(structure, at, "the chain is longer than %d records; the rest is not read", maxPartitions)
	return number
}
