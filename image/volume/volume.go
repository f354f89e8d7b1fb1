// Package volume finds the volumes of an image: what the partition tables
// name, what lies between, and what is on each.
//
// [Find] reads MBR tables, the chain of extended boot records, and GPT, in
// sectors of 512 and of 4096 bytes, and takes an image without a table as one
// bare volume. [Probe] says what a volume's bytes say it holds. [Compose] puts
// the volumes of LVM2 and of Linux md together, over one image or several.
//
// Offsets are bytes from the start of the image unless they say otherwise.
package volume

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Volume is one run of bytes of the image that a partition table names, that
// lies between partitions, or that is a bare file system; or, as [Compose] gives
// it, one that is put together of such runs.
type Volume struct {
	Index     int    // place in Layout.Volumes, from 1
	Slot      string // "gpt:1", "mbr:5", "bare", "gap:1": stable names for --volume and for evidence
	Offset    int64  // from the start of the image
	Length    int64  // bytes, as the table says; of a bare file system, as its superblock says if that is more than the image has
	Missing   int64  // bytes of Length that lie past the end of the image
	Allocated bool   // false for a gap between partitions
	Container bool   // an extended partition: its bytes are those of the logical partitions and gaps that follow
	TypeID    string // GPT type GUID in lower case, or MBR type as "0x83"
	Type      string // its name: "Linux filesystem"
	Label     string // of the GPT entry
	UUID      string // of the GPT entry, or MBR disk signature and number as Linux's PARTUUID
	Bootable  bool
	Found     Signature // what its first bytes say it holds

	// Of a composed volume. Its Offset is that of its first byte in the image
	// that this stands in, -1 if it is missing; Missing counts the bytes that no disk
	// at hand has.
	Parts []Part // in logical order; nil for a plain volume
	Group string // Group.Slot of what it belongs to: "lvm:vg0", "md:0"

	dev   device // nil for a plain volume
	disks []Disk
}

// ImageOffset turns an offset from the start of the volume into one from the
// start of the image; -1 stays -1, for what has no place. Of a composed volume
// it is the image that Place names.
func (v *Volume) ImageOffset(off int64) int64 {
	if off < 0 {
		return -1
	}
	if v.dev != nil {
		_, off = v.Place(off)
		return off
	}
	return v.Offset + off
}

// Reader reads the volume out of the image. Its size is Length: reading
// bytes that are missing gives what the image gives past its end. A composed
// volume is read out of the disks that Compose was given.
func (v *Volume) Reader(image io.ReaderAt) *io.SectionReader {
	if v.dev != nil {
		return v.ReaderOf(nil)
	}
	return io.NewSectionReader(image, v.Offset, v.Length)
}

// Layout is how an image is divided.
type Layout struct {
	Table      string   // "gpt", "mbr", "none"
	SectorSize int64    // bytes
	UUID       string   // of the GPT, or the MBR's disk signature in hexadecimal
	Volumes    []Volume // in the order of their offsets
	Notes      []string // a sentence each: the backup GPT header was used, ...
	Damage     []error  // *DamageError

	image io.ReaderAt
	size  int64
}

// DamageError is a part of a partition table that says what cannot be, or
// that lies outside of the image.
type DamageError struct {
	Structure string // "GPT header", "extended boot record", ...
	Image     string // which of several it is in; "" if there is only one
	Offset    int64  // from the start of the image; -1 if it has no place
	Reason    string
	Err       error // of the read, if it was one
}

func (e *DamageError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %s", e.Structure, e.Reason)
	}
	if e.Image != "" {
		return fmt.Sprintf("%s at byte %d of %s: %s", e.Structure, e.Offset, e.Image, e.Reason)
	}
	return fmt.Sprintf("%s at byte %d: %s", e.Structure, e.Offset, e.Reason)
}

func (e *DamageError) Unwrap() error { return e.Err }

// Volume finds a volume by its slot ("gpt:1"), by its Index, or by the byte
// that it begins at ("@1048576"). At a byte where no volume of the layout begins,
// or where one begins that is not a file system by itself (a member of an
// array, say), it is what the bytes from there on hold, up to the end of the
// volume around it.
func (l *Layout) Volume(slot string) (*Volume, error) {
	if at, ok := strings.CutPrefix(slot, "@"); ok {
		off, err := strconv.ParseInt(at, 0, 64)
		if err != nil || off < 0 || off >= l.size {
			return nil, fmt.Errorf("no volume %q: want @ and a byte offset below %d", slot, l.size)
		}
		return l.at(off), nil
	}
	if n, err := strconv.Atoi(slot); err == nil {
		if n < 1 || n > len(l.Volumes) {
			return nil, fmt.Errorf("no volume %q: the image has volumes 1 to %d", slot, len(l.Volumes))
		}
		return &l.Volumes[n-1], nil
	}
	var slots []string
	for i := range l.Volumes {
		if l.Volumes[i].Slot == slot {
			return &l.Volumes[i], nil
		}
		slots = append(slots, l.Volumes[i].Slot)
	}
	const shown = 40
	if len(slots) > shown {
		slots = append(slots[:shown], "...")
	}
	return nil, fmt.Errorf("no volume %q: the image has %s, or @ and a byte offset", slot, strings.Join(slots, ", "))
}

// at is the volume that begins at a byte of the image.
func (l *Layout) at(off int64) *Volume {
	end := l.size
	for i := range l.Volumes {
		v := &l.Volumes[i]
		if v.Offset == off && v.Found.isFileSystem() {
			return v
		}
		if vEnd := v.Offset + v.Length; v.Offset <= off && off < vEnd && vEnd < end {
			end = vEnd
		}
	}
	v := Volume{Slot: fmt.Sprintf("@%d", off), Offset: off, Length: end - off}
	all := ProbeAll(v.Reader(l.image), v.Length)
	for _, s := range all {
		if s.isFileSystem() {
			v.Found = s
			return &v
		}
	}
	if len(all) > 0 {
		v.Found = all[0]
	}
	return &v
}
