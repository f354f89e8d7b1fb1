package ext4

import (
	"deadbox/fs/filesystem"
)

// mapInline maps a small file whose first 60 bytes lie in i_block and whose
// rest is the value of the attribute system.data in the same inode.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#inline-data
func (f *FS) mapInline(in *filesystem.Inode, c *content) error {
	_, data, err := f.xattrs(in)
	b := runBuilder{f: f, n: in.Inum}
	first := min(in.Size, blockLen)
	if first > 0 {
		b.push(filesystem.Extent{Offset: in.Offset + blockField, Length: first, Kind: filesystem.Inline})
	}
	if rest := in.Size - blockLen; rest > 0 {
		have := int64(0)
		if data != nil {
			have = min(rest, int64(len(data.Value)))
		}
		if have > 0 {
			b.push(filesystem.Extent{Logical: blockLen, Offset: data.Offset, Length: have, Kind: filesystem.Inline})
		}
		switch {
		case have == rest:
		case data != nil:
			// The kernel fills up with zeros: mke2fs -d leaves sparse files so.
			b.push(filesystem.Extent{Logical: blockLen + have, Offset: -1, Length: rest - have, Kind: filesystem.Hole})
		default:
			b.fail("inline data", in.Offset, "%d bytes of %d", blockLen+have, in.Size)
			b.push(filesystem.Extent{Logical: blockLen + have, Offset: -1, Length: rest - have, Kind: filesystem.Lost})
		}
	}
	c.runs, c.err = b.runs, b.err
	if b.err != nil {
		return b.err
	}
	if err != nil && c.err == nil && in.Size > blockLen && data == nil {
		return err
	}
	return nil
}
