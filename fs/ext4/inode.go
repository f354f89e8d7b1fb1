package ext4

import (
	"fmt"
	"io"

	"deadbox/fs/filesystem"
)

// inodeOffset is where inode n lies, from the start of the file system.
func (f *FS) inodeOffset(n uint32) (int64, error) {
	if n == 0 || n > f.inodes {
		return 0, &filesystem.CorruptError{Structure: "inode number", Offset: -1, Inum: filesystem.Inum(n), Reason: fmt.Sprintf("outside of 1 to %d", f.inodes)}
	}
	g := (n - 1) / f.inodesPerGroup
	if int(g) >= len(f.groups) || f.groups[g].bad {
		return 0, &filesystem.CorruptError{Structure: "inode", Offset: -1, Inum: filesystem.Inum(n), Reason: fmt.Sprintf("the inode table of group %d is not known", g)}
	}
	return int64(f.groups[g].inodeTable)*f.blockSize + int64((n-1)%f.inodesPerGroup)*int64(f.inodeSize), nil
}

func (f *FS) rawInode(n uint32) (rawInode, int64, error) { return f.rawInodeOf(f.r, n) }

func (f *FS) rawInodeOf(r io.ReaderAt, n uint32) (rawInode, int64, error) {
	off, err := f.inodeOffset(n)
	if err != nil {
		return nil, 0, err
	}
	raw := make(rawInode, f.inodeSize)
	if got, err := r.ReadAt(raw, off); got < len(raw) {
		return nil, 0, &filesystem.ReadError{Structure: "inode", Offset: off, Length: int64(len(raw)), Inum: filesystem.Inum(n), Err: unexpected(err)}
	}
	return raw, off, nil
}

// Inode reads one inode. A checksum that does not match is no error here:
// Inodes reports it.
func (f *FS) Inode(n filesystem.Inum) (*filesystem.Inode, error) {
	if n > filesystem.Inum(f.inodes) {
		return nil, &filesystem.CorruptError{Structure: "inode number", Offset: -1, Inum: n, Reason: fmt.Sprintf("outside of 1 to %d", f.inodes)}
	}
	raw, off, err := f.rawInode(uint32(n))
	if err != nil {
		return nil, err
	}
	in := new(filesystem.Inode)
	f.parseInode(uint32(n), raw, off, in)
	in.Allocated = f.inodeAllocated(uint32(n))
	return in, nil
}

// inodeAllocated reads one bit of the inode bitmap. Where the bitmap cannot
// be read an inode counts as allocated, so that nothing is left out.
func (f *FS) inodeAllocated(n uint32) bool {
	g, i := (n-1)/f.inodesPerGroup, (n-1)%f.inodesPerGroup
	gr := &f.groups[g]
	if gr.flags&groupInodeUninit != 0 {
		return false
	}
	if gr.bad || gr.inodeBitmap == 0 {
		return true
	}
	var b [1]byte
	if got, _ := f.r.ReadAt(b[:], int64(gr.inodeBitmap)*f.blockSize+int64(i/8)); got < 1 {
		return true
	}
	return b[0]>>(i%8)&1 != 0
}

// parseInode decodes raw into in; Allocated is the caller's.
func (f *FS) parseInode(n uint32, raw rawInode, offset int64, in *filesystem.Inode) {
	*in = filesystem.Inode{
		Inum: filesystem.Inum(n), Mode: filesystem.Mode(raw.mode()),
		UID: uint32(raw.uidLo()) | uint32(raw.uidHi())<<16, GID: uint32(raw.gidLo()) | uint32(raw.gidHi())<<16,
		Links: uint32(raw.linksCount()), Sectors: uint64(raw.blocksLo()), Flags: filesystem.Flags(raw.flags()),
		Generation: raw.generation(), Offset: offset, Raw: raw,
	}
	size := uint64(raw.sizeLo())
	typ := in.Mode.Type()
	if typ == filesystem.Regular || typ == filesystem.Unknown || typ == filesystem.Directory && f.incompat(incompatLargedir) {
		size |= uint64(raw.sizeHi()) << 32
	}
	in.Size = int64(size & (1<<63 - 1))
	if f.roCompat(roHugeFile) {
		in.Sectors |= uint64(raw.blocksHi()) << 32
		if in.Flags&filesystem.FlagHugeFile != 0 {
			in.Sectors *= uint64(f.blockSize / 512)
		}
	}
	if typ == filesystem.CharDevice || typ == filesystem.BlockDevice {
		in.Major, in.Minor = deviceNumber(raw.block())
	}
	in.Times.Accessed = filesystem.Time{Sec: int64(raw.atime()), Known: true}
	in.Times.Changed = filesystem.Time{Sec: int64(raw.ctime()), Known: true}
	in.Times.Modified = filesystem.Time{Sec: int64(raw.mtime()), Known: true}
	if raw.has(0x88) {
		in.Times.Changed = fullTime(raw.ctime(), raw.ctimeExtra())
	}
	if raw.has(0x8c) {
		in.Times.Modified = fullTime(raw.mtime(), raw.mtimeExtra())
	}
	if raw.has(0x90) {
		in.Times.Accessed = fullTime(raw.atime(), raw.atimeExtra())
	}
	switch {
	case raw.has(0x98):
		in.Times.Born = fullTime(raw.crtime(), raw.crtimeExtra())
	case raw.has(0x94):
		in.Times.Born = filesystem.Time{Sec: int64(raw.crtime()), Known: true}
	}
	if raw.has(0xa0) {
		in.Project = raw.projectID()
	}
	if d := raw.dtime(); d != 0 && !f.orphans[n] {
		in.Times.Deleted = filesystem.Time{Sec: int64(d), Known: true}
	}
}

// fullTime joins the signed seconds with the extra field: two bits that
// continue the seconds, thirty of nanoseconds.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#inode-timestamps
func fullTime(sec int32, extra uint32) filesystem.Time {
	return filesystem.Time{Sec: int64(sec) + int64(extra&3)<<32, Nsec: int32(extra >> 2), Known: true}
}

// deviceNumber decodes i_block of a device node: the old form of 8 and 8
// bits in the first word, else the new of 12 and 20 bits in the second.
func deviceNumber(block []byte) (major, minor uint32) {
	if old := le.Uint32(block); old != 0 {
		return old >> 8 & 0xff, old & 0xff
	}
	d := le.Uint32(block[4:])
	return d >> 8 & 0xfff, d&0xff | d>>12&0xfff00
}

// fastLink reports whether a symbolic link's target lies in i_block.
func (f *FS) fastLink(in *filesystem.Inode) bool {
	if in.Mode.Type() != filesystem.Symlink || in.Size >= blockLen || in.Flags&(filesystem.FlagInlineData|filesystem.FlagExtents) != 0 {
		return false
	}
	if f.incompat(incompatEAInode) {
		return true
	}
	acl := uint64(0)
	if f.aclBlock(in.Raw) != 0 {
		acl = f.clusterBlocks * uint64(f.blockSize) / 512
	}
	return in.Sectors == acl || in.Sectors == 0
}

func (f *FS) aclBlock(raw rawInode) uint64 {
	b := uint64(raw.fileACLLo())
	if f.incompat(incompat64bit) {
		b |= uint64(raw.fileACLHi()) << 32
	}
	return b
}
