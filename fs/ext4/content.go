package ext4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"

	"deadbox/fs/filesystem"
)

func unexpected(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// content is the mapped data of an inode.
type content struct {
	f    *FS
	r    io.ReaderAt // of the data
	n    filesystem.Inum
	raw  []byte // the inode, where it does not lie on r; else nil
	size int64
	runs []filesystem.Extent // sorted by Logical, without gaps, covering size
	err  error               // why runs are Lost
	read int                 // blocks of the mapping that were read
}

func (c *content) Size() int64                  { return c.size }
func (c *content) Extents() []filesystem.Extent { return c.runs }

// ReadAt reads from the disk, zeros for holes and unwritten extents.
func (c *content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	short := false
	if off >= c.size {
		return 0, io.EOF
	}
	if int64(len(p)) > c.size-off {
		p, short = p[:c.size-off], true
	}
	i := sort.Search(len(c.runs), func(i int) bool { return c.runs[i].Logical+c.runs[i].Length > off })
	for n < len(p) && i < len(c.runs) {
		run := &c.runs[i]
		at := off + int64(n)
		want := p[n:]
		if left := run.Logical + run.Length - at; int64(len(want)) > left {
			want = want[:left]
		}
		switch run.Kind {
		case filesystem.Hole, filesystem.Unwritten:
			clear(want)
		case filesystem.Lost:
			if c.err != nil {
				return n, c.err
			}
			return n, &filesystem.CorruptError{Structure: "mapping", Offset: -1, Inum: c.n, Reason: fmt.Sprintf("byte %d of the file cannot be mapped", at)}
		default:
			disk := run.Offset + at - run.Logical
			if from := disk + 1; c.raw != nil && run.Kind == filesystem.Inline && from >= 0 && from+int64(len(want)) <= int64(len(c.raw)) {
				copy(want, c.raw[from:]) // offsets count from -1
				break
			}
			if got, err := c.r.ReadAt(want, disk); got < len(want) {
				return n + got, &filesystem.ReadError{Structure: "content", Offset: disk + int64(got), Length: int64(len(want) - got), Inum: c.n, Err: unexpected(err)}
			}
		}
		n += len(want)
		i++
	}
	if n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

// Content maps the data of an inode. Devices, pipes and sockets have none.
func (f *FS) Content(in *filesystem.Inode) (filesystem.Content, error) {
	c, err := f.mapContent(in)
	if c == nil {
		return nil, err
	}
	return c, err
}

func (f *FS) mapContent(in *filesystem.Inode) (*content, error) { return f.mapContentOn(f.r, in) }

// mapContentOn maps the data of an inode; the blocks of its map and the data
// are read from r.
func (f *FS) mapContentOn(r io.ReaderAt, in *filesystem.Inode) (*content, error) {
	if len(in.Raw) < inodeBase {
		return nil, &filesystem.CorruptError{Structure: "inode", Offset: in.Offset, Inum: in.Inum, Reason: "its bytes are not known"}
	}
	c := &content{f: f, r: r, n: in.Inum, size: in.Size}
	raw := rawInode(in.Raw)
	if in.Offset < 0 {
		c.raw = bytes.Clone(in.Raw)
	}
	switch in.Mode.Type() {
	case filesystem.CharDevice, filesystem.BlockDevice, filesystem.FIFO, filesystem.Socket:
		c.size = 0
		return c, nil
	}
	if f.fastLink(in) {
		if in.Size == 0 {
			return c, nil
		}
		c.runs = []filesystem.Extent{{Offset: in.Offset + blockField, Length: in.Size, Kind: filesystem.Inline}}
		return c, nil
	}
	var b runBuilder
	switch {
	case in.Flags&filesystem.FlagInlineData != 0 && f.incompat(incompatInlineData):
		err := f.mapInline(in, c)
		return c, err
	case in.Flags&filesystem.FlagExtents != 0:
		b = runBuilder{f: f, r: r, n: in.Inum}
		f.mapExtents(&b, raw)
	default:
		b = runBuilder{f: f, r: r, n: in.Inum}
		f.mapIndirect(&b, raw)
	}
	c.runs = b.finish(in)
	c.err, c.read = b.err, b.read
	return c, b.err
}

// runBuilder puts the runs of one file together, in logical order, joins
// neighbours and fills gaps with holes.
type runBuilder struct {
	f    *FS
	r    io.ReaderAt // of the blocks of the map
	n    filesystem.Inum
	runs []filesystem.Extent
	next int64 // logical byte behind the last run
	err  error // the first damage
	read int   // blocks of the mapping that were read
}

func (b *runBuilder) fail(structure string, offset int64, format string, args ...any) {
	if b.err == nil {
		b.err = &filesystem.CorruptError{Structure: structure, Offset: offset, Inum: b.n, Reason: fmt.Sprintf(format, args...)}
	}
}

// add appends count blocks from logical block on; physical is of meaning for
// data and unwritten runs. What does not lie behind the last run is refused.
func (b *runBuilder) add(logical, physical, count uint64, kind filesystem.ExtentKind) {
	bs := b.f.blockSize
	at, length := int64(logical)*bs, int64(count)*bs
	if at < b.next || count == 0 {
		return
	}
	if at > b.next {
		b.push(filesystem.Extent{Logical: b.next, Offset: -1, Length: at - b.next, Kind: filesystem.Hole})
	}
	e := filesystem.Extent{Logical: at, Offset: -1, Length: length, Kind: kind}
	if kind == filesystem.Data || kind == filesystem.Unwritten {
		e.Offset = int64(physical) * bs
	}
	b.push(e)
}

func (b *runBuilder) push(e filesystem.Extent) {
	b.next = e.Logical + e.Length
	if n := len(b.runs); n > 0 {
		last := &b.runs[n-1]
		if last.Kind == e.Kind && (e.Offset < 0 || last.Offset+last.Length == e.Offset) {
			last.Length += e.Length
			return
		}
	}
	b.runs = append(b.runs, e)
}

// finish covers the rest of the file's size with a hole, and cuts what is
// lost at the end of the last block.
func (b *runBuilder) finish(in *filesystem.Inode) []filesystem.Extent {
	end := (in.Size + b.f.blockSize - 1) &^ (b.f.blockSize - 1)
	for n := len(b.runs); n > 0 && b.next > end; n-- {
		last := &b.runs[n-1]
		if last.Kind != filesystem.Lost && last.Kind != filesystem.Hole {
			break
		}
		b.next = max(end, last.Logical)
		if last.Length = b.next - last.Logical; last.Length == 0 {
			b.runs = b.runs[:n-1]
		}
	}
	if b.next < in.Size {
		b.push(filesystem.Extent{Logical: b.next, Offset: -1, Length: in.Size - b.next, Kind: filesystem.Hole})
	}
	if in.Flags&filesystem.FlagEncrypt != 0 && (in.Mode.Type() == filesystem.Regular || in.Mode.Type() == filesystem.Symlink) {
		for i := range b.runs {
			if b.runs[i].Kind == filesystem.Data {
				b.runs[i].Kind = filesystem.Encrypted
			}
		}
	}
	return b.runs
}

// inside reports whether count physical blocks from block on can hold data.
func (f *FS) inside(block, count uint64) bool {
	return block > f.firstBlock && block < f.blocks && count <= f.blocks-block
}

// Link returns the target of a symbolic link.
func (f *FS) Link(in *filesystem.Inode) ([]byte, error) {
	if in.Mode.Type() != filesystem.Symlink {
		return nil, fmt.Errorf("inode %d is a %s, not a symbolic link", in.Inum, in.Mode.Type())
	}
	c, err := f.mapContent(in)
	if c == nil {
		return nil, err
	}
	if c.size > f.blockSize {
		return nil, &filesystem.CorruptError{Structure: "inode", Offset: in.Offset, Inum: in.Inum, Reason: fmt.Sprintf("symbolic link of %d bytes", c.size)}
	}
	buf := make([]byte, c.size)
	n, err := c.ReadAt(buf, 0)
	if err == io.EOF {
		err = nil
	}
	return buf[:n], err
}
