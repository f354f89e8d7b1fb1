package volume

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Signature is what the bytes of a volume say it holds.
type Signature struct {
	// Kind is "ext4", "ext3", "ext2", "xfs", "btrfs", "swap", "lvm2", "luks",
	// "md", "fat", "ntfs" or another of [Kinds]; "" if nothing is known.
	Kind    string
	Label   string // byte for byte, without the blanks at its end
	UUID    string // as blkid prints it; FAT and NTFS have a serial number
	Version string // of the format, where there are several: "FAT32", "1.2" of md, "2" of LUKS
	Level   string // of an md member: "raid1", "raid5", "linear", ...

	Offset     int64 // of the bytes that say it, from the start of the volume
	Size       int64 // bytes that it says it takes; 0 if it does not say
	DataOffset int64 // where the data of an md or LUKS member begin, from the start of the volume; 0 if unknown
	Backup     bool  // a backup superblock says it: the primary one is damaged
	Weak       bool  // only few bytes say it
}

// describe names a signature in a sentence.
func (s Signature) describe() string {
	d := s.Kind
	if s.Version != "" {
		d += " " + s.Version
	}
	if s.Level != "" {
		d += " " + s.Level
	}
	if s.Label != "" {
		d += fmt.Sprintf(" labelled %q", s.Label)
	}
	return d
}

// isFileSystem reports whether files can lie in it directly.
func (s Signature) isFileSystem() bool {
	i := slices.IndexFunc(probers, func(p prober) bool { return slices.Contains(p.kinds, s.Kind) })
	return i >= 0 && probers[i].class == fileSystem
}

// class says what role a signature's bytes have.
type class uint8

const (
	fileSystem class = iota
	member           // a part of something larger, or what must be unlocked first
	other
)

// prober recognises one format.
type prober struct {
	kinds []string
	class class
	start bool // its magic stands near the start of the volume, and is not found by chance
	find  func(w *window) (Signature, bool)
}

// probers lists the formats, first what holds others, then file systems by the
// strength of their magic. Where leftovers of an earlier use survive beside what
// is there now, the first counts; the order follows what mkfs and the like
// overwrite: mdadm leaves the old superblock at byte 1024, and mke2fs wipes an LVM label.
var probers = []prober{
	{[]string{"luks"}, member, true, probeLUKS},
	{[]string{"lvm2"}, member, true, probeLVM2},
	{[]string{"md"}, member, true, probeMDStart},
	{[]string{"bcache", "bcachefs"}, fileSystem, true, probeBcache},
	{[]string{"bitlocker"}, member, true, probeBitLocker},
	{[]string{"stratis"}, member, true, magic("stratis", 512+4, "!Stra0tis\x86\xff\x02^\x41rh")},
	{[]string{"vdo"}, member, true, magic("vdo", 0, "dmvdo001")},
	{[]string{"bluestore"}, member, true, magic("bluestore", 0, "bluestore block device\n")},
	{[]string{"dm-verity"}, member, true, magic("dm-verity", 0, "verity\x00\x00")},
	{[]string{"dm-integrity"}, member, true, magic("dm-integrity", 0, "integrt\x00")},
	{[]string{"oracleasm"}, member, true, magic("oracleasm", 32, "ORCLDISK")},
	{[]string{"xfs"}, fileSystem, true, probeXFS},
	{[]string{"ext4", "ext3", "ext2", "ext4dev"}, fileSystem, true, probeExt},
	{[]string{"jbd"}, other, true, probeJournal},
	{[]string{"btrfs"}, fileSystem, true, probeBtrfs},
	{[]string{"squashfs"}, fileSystem, true, probeSquashfs},
	{[]string{"erofs"}, fileSystem, true, probeEROFS},
	{[]string{"f2fs"}, fileSystem, true, probeF2FS},
	{[]string{"jfs"}, fileSystem, true, probeJFS},
	{[]string{"reiserfs", "reiser4"}, fileSystem, true, probeReiser},
	{[]string{"nilfs2"}, fileSystem, true, probeNILFS2},
	{[]string{"ntfs"}, fileSystem, true, probeNTFS},
	{[]string{"exfat"}, fileSystem, true, probeExFAT},
	{[]string{"apfs"}, fileSystem, true, magic("apfs", 32, "NXSB")},
	{[]string{"ocfs2"}, fileSystem, true, probeOCFS2},
	{[]string{"gfs2"}, fileSystem, true, probeGFS2},
	{[]string{"vmfs"}, member, false, probeVMFS},
	{[]string{"refs"}, fileSystem, true, magic("refs", 3, "ReFS\x00\x00\x00\x00")},
	{[]string{"cramfs"}, fileSystem, true, magic("cramfs", 16, "Compressed ROMFS")},
	{[]string{"romfs"}, fileSystem, true, magic("romfs", 0, "-rom1fs-")},
	{[]string{"swap", "swsuspend"}, other, true, probeSwap},
	{[]string{"iso9660"}, fileSystem, true, probeISO9660},
	{[]string{"udf"}, fileSystem, true, probeUDF},
	{[]string{"hfsplus"}, fileSystem, false, probeHFSPlus},
	{[]string{"ufs"}, fileSystem, false, probeUFS},
	{[]string{"fat"}, fileSystem, true, probeFAT},
	{[]string{"zfs"}, member, false, probeZFS},
	{[]string{"md"}, member, false, probeMDEnd},
	{[]string{"isw-raid"}, member, false, probeISW},
	{[]string{"ddf-raid"}, member, false, probeDDF},
}

// backups recognise a format by the copies of its superblock further on. They
// are asked when nothing else is found.
var backups = []func(w *window) (Signature, bool){probeExtBackup, probeBtrfsBackup, probeLUKSBackup}

// Kinds lists the values that Signature.Kind can have.
func Kinds() []string {
	var out []string
	for _, p := range probers {
		out = append(out, p.kinds...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Probe says what a volume of size bytes holds, by its superblock: the primary
// one, or a backup where that is destroyed. What cannot be read is taken as not there.
func Probe(r io.ReaderAt, size int64) Signature {
	if all := ProbeAll(r, size); len(all) > 0 {
		return all[0]
	}
	return Signature{}
}

// ProbeAll gives every signature that a volume has, what counts first. More
// than one means leftovers of an earlier use, or one half of a mirror, whose
// file system can be read in place.
func ProbeAll(r io.ReaderAt, size int64) []Signature {
	w := newWindow(r, size)
	var out []Signature
	for _, p := range probers {
		if s, ok := p.find(w); ok {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		for _, find := range backups {
			if s, ok := find(w); ok {
				s.Backup = true
				return []Signature{s}
			}
		}
	}
	// A superblock of md at the end leaves the volume's start to what the array
	// holds. That is read in place if it is a mirror; in an array of stripes it is
	// only a part. A file system that fits the volume, but not what the array uses
	// of it, is newer than the array.
	if i := slices.IndexFunc(out, func(s Signature) bool { return s.Kind == "md" && s.DataOffset == 0 && s.Offset > 0 }); i > 0 {
		md, first := out[i], out[0]
		newer := first.Size > md.Offset && first.Size <= size
		if md.Level != "raid1" && !newer {
			out = slices.Insert(slices.Delete(out, i, i+1), 0, md)
		}
	}
	return out
}

// probeStart recognises only what begins just here, and beyond doubt.
func probeStart(r io.ReaderAt, size int64) Signature {
	w := newWindow(r, size)
	for _, p := range probers {
		if !p.start {
			continue
		}
		if s, ok := p.find(w); ok && !s.Backup && !s.Weak {
			return s
		}
	}
	return Signature{}
}

// window reads small pieces of a volume, and keeps what it has read.
type window struct {
	r     io.ReaderAt
	size  int64
	pages map[int64][]byte // by offset; short or empty where the rest cannot be read
}

const (
	pageSize = 4096
	// firstRead covers what most formats need.
	firstRead = 2 * pageSize
)

func newWindow(r io.ReaderAt, size int64) *window {
	w := &window{r: r, size: size, pages: map[int64][]byte{}}
	first := w.read(0, firstRead)
	w.pages[0] = first[:min(len(first), pageSize)]
	w.pages[pageSize] = first[min(len(first), pageSize):]
	return w
}

// read gets up to n bytes, as far as they can be read.
func (w *window) read(off int64, n int) []byte {
	b := make([]byte, n)
	m, err := w.r.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) && n > pageSize && m < pageSize {
		// One bad place must not cost what follows it in the next page.
		m2, _ := w.r.ReadAt(b[pageSize:], off+pageSize)
		if m2 > 0 {
			clear(b[m:pageSize])
			return b[:pageSize+m2]
		}
	}
	return b[:m]
}

// at gives n bytes at an offset from the volume's start; nil if they lie
// outside or cannot be read. They must not be changed.
func (w *window) at(off int64, n int) []byte {
	if off < 0 || n < 0 || off > w.size-int64(n) {
		return nil
	}
	start := off - off%pageSize
	if page := w.page(start); off+int64(n) <= start+pageSize {
		from := int(off - start)
		if len(page) < from+n {
			return nil
		}
		return page[from : from+n]
	}
	out := make([]byte, 0, n)
	for pos := off; len(out) < n; {
		start := pos - pos%pageSize
		page := w.page(start)
		from := int(pos - start)
		if len(page) <= from {
			return nil
		}
		chunk := page[from:min(len(page), from+n-len(out))]
		out = append(out, chunk...)
		pos += int64(len(chunk))
		if len(out) < n && from+len(chunk) < pageSize {
			return nil
		}
	}
	return out
}

func (w *window) page(start int64) []byte {
	page, ok := w.pages[start]
	if !ok {
		page = w.read(start, pageSize)
		w.pages[start] = page
	}
	return page
}

// has reports whether bytes stand at an offset.
func (w *window) has(off int64, magic string) bool { return string(w.at(off, len(magic))) == magic }

// magic makes a prober of a format that is only named.
func magic(kind string, off int64, bytes string) func(w *window) (Signature, bool) {
	return func(w *window) (Signature, bool) {
		return Signature{Kind: kind, Offset: off}, w.has(off, bytes)
	}
}

// sizeOf multiplies, and gives 0 for what does not fit an int64.
func sizeOf(count uint64, unit int64) int64 {
	if unit <= 0 || count > uint64(lastAddressable/unit) {
		return 0
	}
	return int64(count) * unit
}
