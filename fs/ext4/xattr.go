package ext4

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"deadbox/fs/filesystem"
)

// xattrPrefixes are spelled out of e_name_index.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#attribute-name-indices
var xattrPrefixes = map[uint8]string{
	0: "", 1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 5: "lustre.", 6: "security.",
	7: "system.", 8: "system.richacl", 9: "encryption.", 10: "gnu.",
}

const (
	xattrIndexAccess  = 2
	xattrIndexDefault = 3
	xattrIndexSystem  = 7
	// maxXattrValue is the largest value that an inode of its own may hold, as
	// e2fsprogs allows.
	maxXattrValue = 16 << 20
	maxXattrTotal = 64 << 20
)

// Xattrs returns the extended attributes of an inode as getxattr would give
// them: POSIX ACLs, which the disk holds in a shorter form, are widened. The data
// of a small file that lies among them is left out.
func (f *FS) Xattrs(in *filesystem.Inode) ([]filesystem.Xattr, error) {
	out, _, err := f.xattrs(in)
	slices.SortStableFunc(out, func(a, b filesystem.Xattr) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

// xattrs returns the attributes and, apart, inline data; the first error that
// it meets.
func (f *FS) xattrs(in *filesystem.Inode) (out []filesystem.Xattr, data *filesystem.Xattr, err error) {
	if len(in.Raw) < inodeBase {
		return nil, nil, nil
	}
	raw := rawInode(in.Raw)
	r := xattrReader{f: f, in: in}
	if len(raw) > inodeBase {
		at := inodeBase + int(raw.extraIsize())
		if at%4 != 0 || at+4 > len(raw) {
			if raw.extraIsize() != 0 {
				if at != len(raw) {
					r.fail(in.Offset+inodeBase, "extra size is %d with inodes of %d bytes", raw.extraIsize(), len(raw))
				}
			}
		} else if le.Uint32(raw[at:]) == xattrMagic {
			r.entries(raw[at+4:], 0, in.Offset+int64(at)+4)
		}
	}
	if b := f.aclBlock(raw); b != 0 && in.Flags&filesystem.FlagEAInode == 0 {
		r.block(b)
	}
	return r.out, r.data, r.err
}

type xattrReader struct {
	f     *FS
	in    *filesystem.Inode
	out   []filesystem.Xattr
	data  *filesystem.Xattr
	total int // bytes of values
	err   error
}

func (r *xattrReader) fail(offset int64, format string, args ...any) {
	if r.err == nil {
		r.err = &filesystem.CorruptError{Structure: "extended attribute", Offset: offset, Inum: r.in.Inum, Reason: fmt.Sprintf(format, args...)}
	}
}

func (r *xattrReader) block(b uint64) {
	f := r.f
	if !f.inside(b, 1) {
		r.fail(r.in.Offset, "attribute block %d lies outside of the file system", b)
		return
	}
	buf := make([]byte, f.blockSize)
	if err := f.readBlock("extended attributes", b, r.in.Inum, buf); err != nil {
		if r.err == nil {
			r.err = err
		}
		return
	}
	at := int64(b) * f.blockSize
	if m := le.Uint32(buf); m != xattrMagic {
		r.fail(at, "magic number is %#08x, not %#08x", m, uint32(xattrMagic))
		return
	}
	if f.metadataCsum() {
		crc := crc32c(f.seed, le.AppendUint64(nil, b))
		crc = crc32c(crc, buf[:xattrCsumOffset])
		crc = crc32c32(crc, 0)
		if crc = crc32c(crc, buf[xattrCsumOffset+4:]); crc != le.Uint32(buf[xattrCsumOffset:]) {
			r.fail(at, "checksum mismatch")
		}
	}
	r.entries(buf, xattrHeaderSize, at)
}

// entries reads the list that begins at "at" in region; values are counted
// from the region's start, which lies at offset.
func (r *xattrReader) entries(region []byte, at int, offset int64) {
	for at+4 <= len(region) && le.Uint32(region[at:]) != 0 {
		if at+xattrEntrySize > len(region) {
			r.fail(offset+int64(at), "entry reaches past the end")
			return
		}
		e := rawXattr(region[at:])
		end := at + xattrEntrySize + int(e.nameLen())
		if end > len(region) {
			r.fail(offset+int64(at), "name of %d bytes reaches past the end", e.nameLen())
			return
		}
		r.entry(e, region[at+xattrEntrySize:end], region, offset, offset+int64(at))
		at = (end + 3) &^ 3
	}
}

func (r *xattrReader) entry(e rawXattr, name, region []byte, base, at int64) {
	prefix, ok := xattrPrefixes[e.nameIndex()]
	if !ok {
		prefix = fmt.Sprintf("index%d.", e.nameIndex())
	}
	x := filesystem.Xattr{Name: prefix + string(name), Offset: base + int64(e.valueOffs())}
	size := int64(e.valueSize())
	switch {
	case e.valueInum() != 0:
		v, off, err := r.valueInode(e.valueInum(), size)
		if err != nil && r.err == nil {
			r.err = err
		}
		if err != nil {
			return
		}
		x.Value, x.Offset = v, off
	case size == 0:
		x.Value = []byte{}
	case int64(e.valueOffs())+size > int64(len(region)):
		r.fail(at, "value of %d bytes at %d reaches past the end", size, e.valueOffs())
		return
	default:
		x.Value = slices.Clone(region[e.valueOffs():][:size])
	}
	if e.nameIndex() == xattrIndexSystem && string(name) == "data" {
		if r.data == nil {
			r.data = &x
		}
		return
	}
	if r.total += len(x.Value); r.total > maxXattrTotal {
		r.fail(at, "more than %d bytes of values", maxXattrTotal)
		return
	}
	if e.nameIndex() == xattrIndexAccess || e.nameIndex() == xattrIndexDefault {
		if v, ok := widenACL(x.Value); ok {
			x.Value = v
		} else {
			r.fail(at, "not an access control list")
		}
	}
	r.out = append(r.out, x)
}

// valueInode reads a value that has an inode of its own.
func (r *xattrReader) valueInode(n uint32, size int64) ([]byte, int64, error) {
	bad := func(reason string) error {
		return &filesystem.CorruptError{Structure: "extended attribute", Offset: r.in.Offset, Inum: r.in.Inum, Reason: fmt.Sprintf("value in inode %d: %s", n, reason)}
	}
	if size > maxXattrValue {
		return nil, 0, bad(fmt.Sprintf("%d bytes", size))
	}
	in, err := r.f.Inode(filesystem.Inum(n))
	if err != nil {
		return nil, 0, err
	}
	if in.Flags&filesystem.FlagEAInode == 0 || in.Mode.Type() != filesystem.Regular {
		return nil, 0, bad("not an attribute's inode")
	}
	c, err := r.f.mapContent(in)
	if c == nil {
		return nil, 0, err
	}
	if c.size < size {
		return nil, 0, bad(fmt.Sprintf("holds %d bytes of %d", c.size, size))
	}
	// The size was checked against the inode's own; a sparse lie costs at most
	// maxXattrValue.
	v := make([]byte, size)
	if _, err := c.ReadAt(v, 0); err != nil && err != io.EOF {
		return nil, 0, err
	}
	off := int64(-1)
	if len(c.runs) > 0 {
		off = c.runs[0].Offset
	}
	return v, off, nil
}

// widenACL turns the disk's form of a POSIX ACL (version 1, short entries
// without an id for those that need none) into the one that getxattr gives
// (version 2, eight bytes an entry).
func widenACL(v []byte) ([]byte, bool) {
	const (
		tagUser, tagGroup = 0x02, 0x08
		undefinedID       = 0xffffffff
	)
	if len(v) < 4 || le.Uint32(v) != 1 {
		return nil, false
	}
	out := le.AppendUint32(nil, 2)
	for v = v[4:]; len(v) > 0; {
		if len(v) < 4 {
			return nil, false
		}
		tag, id, n := le.Uint16(v), uint32(undefinedID), 4
		if tag == tagUser || tag == tagGroup {
			if len(v) < 8 {
				return nil, false
			}
			id, n = le.Uint32(v[4:]), 8
		}
		out = append(out, v[:4]...)
		out = le.AppendUint32(out, id)
		v = v[n:]
	}
	return out, true
}
