package ext4

import (
	"bytes"
	"fmt"

	"deadbox/fs/filesystem"
)

// direntTypes translates the file type of an entry.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#linear-classic-directories
var direntTypes = [...]filesystem.FileType{
	filesystem.Unknown, filesystem.Regular, filesystem.Directory, filesystem.CharDevice,
	filesystem.BlockDevice, filesystem.FIFO, filesystem.Socket, filesystem.Symlink,
}

// dirInfo is what is kept of a directory while its blocks are read in the
// order of the disk.
type dirInfo struct {
	n         filesystem.Inum
	seed      uint32 // of its blocks' checksums
	allocated bool
	indexed   bool
	encrypted bool
	hashed    bool // entries carry a hash behind the name (encrypted and casefold)
}

func (f *FS) dirInfoOf(in *filesystem.Inode) dirInfo {
	return dirInfo{
		n: in.Inum, seed: f.inodeSeed(uint32(in.Inum), in.Generation), allocated: in.Allocated,
		indexed:   in.Flags&filesystem.FlagIndex != 0,
		encrypted: in.Flags&filesystem.FlagEncrypt != 0,
		hashed:    in.Flags&(filesystem.FlagEncrypt|filesystem.FlagCasefold) == filesystem.FlagEncrypt|filesystem.FlagCasefold,
	}
}

// recLen decodes the length of an entry: with blocks of 64 KiB two bits of
// it hold what does not fit into 16.
func (f *FS) recLen(d rawDirent) int {
	n := int(d.recLen())
	if f.blockSize < 1<<16 {
		return n
	}
	if n == 0xffff || n == 0 {
		return int(f.blockSize)
	}
	return n&^3 | n&3<<16
}

// dirParser reads the entries of one block, or of one part of inline data.
type dirParser struct {
	f      *FS
	dir    *dirInfo
	buf    []byte
	offset int64 // of buf, from the start of the file system
	yield  func(filesystem.Entry, error) bool
}

// block reads a whole directory block. It reports whether to go on.
func (p *dirParser) block(logical int64) bool {
	f, buf := p.f, p.buf
	if p.dir.indexed {
		if at := p.indexAt(logical == 0); at > 0 {
			if f.metadataCsum() && !f.indexChecksumOK(p.dir.seed, buf, at) && !p.corrupt(0, "checksum mismatch in the index") {
				return false
			}
			if logical == 0 && !p.dots() {
				return false
			}
			// Kernels before 5.13 left the names of the block that became the index.
			limit, count := int(le.Uint16(buf[at:])), int(le.Uint16(buf[at+2:]))
			return p.slack(at+8*count, at+8*limit)
		}
		if logical == 0 && !p.corrupt(0, "the directory's index cannot be understood") {
			return false
		}
	}
	if f.metadataCsum() && !f.dirBlockChecksumOK(p.dir.seed, buf) && !p.corrupt(0, "checksum mismatch") {
		return false
	}
	return p.entries()
}

// indexAt returns where the limit and count of an htree's index stand in the
// block: behind the two dot entries and the root's header, or behind the empty
// entry of an inner node; 0 if the block is no index.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#hash-tree-directories
func (p *dirParser) indexAt(root bool) int {
	buf := p.buf
	first := rawDirent(buf)
	at := direntBase
	if root {
		dotdot := rawDirent(buf[12:])
		const info = 24 // reserved zero, hash version, length of the header, levels, flags
		if first.recLen() != 12 || p.f.recLen(dotdot) != len(buf)-12 || le.Uint32(buf[info:]) != 0 || buf[info+5] != 8 {
			return 0
		}
		at = info + 8
	} else if first.inode() != 0 || p.f.recLen(first) != len(buf) || first.nameLen() != 0 {
		return 0
	}
	limit, count := int(le.Uint16(buf[at:])), int(le.Uint16(buf[at+2:]))
	room := (len(buf) - at) / 8
	if count < 1 || count > limit || limit > room || limit < room-1 {
		return 0
	}
	return at
}

// dots yields the two entries at the start of an htree's root; the length of
// the second spans the index.
func (p *dirParser) dots() bool {
	for at, n := 0, 0; n < 2; n++ {
		d := rawDirent(p.buf[at:])
		if p.nameLen(d) != n+1 || p.buf[at+8] != '.' {
			return p.corrupt(at, "the first two names are not . and ..")
		}
		if !p.emit(at, true) {
			return false
		}
		at += 12
	}
	return true
}

func (p *dirParser) corrupt(at int, format string, args ...any) bool {
	return p.yield(filesystem.Entry{}, &filesystem.CorruptError{Structure: "directory block", Offset: p.offset + int64(at), Inum: p.dir.n, Reason: fmt.Sprintf(format, args...)})
}

// nameLen is the length of a name; without the filetype feature it takes 16
// bits.
func (p *dirParser) nameLen(d rawDirent) int {
	if p.f.incompat(incompatFiletype) {
		return int(d.nameLen())
	}
	return int(d.nameLen()) | int(d.fileType())<<8
}

// sizeOf is the space that an entry with a name of n bytes takes here.
func (p *dirParser) sizeOf(n int) int {
	if p.dir.hashed && n > 2 {
		n = (n+3)&^3 + 8
	}
	return direntSize(n)
}

// entries follows the chain of entries, and looks for deleted ones in the
// slack of each. Where the chain breaks it goes on with the next place that a
// chain could begin at.
func (p *dirParser) entries() bool {
	for at := 0; at+direntBase <= len(p.buf); {
		d := rawDirent(p.buf[at:])
		rec, name := p.f.recLen(d), p.nameLen(d)
		if why := p.invalid(at, rec, name, d.inode() != 0); why != "" {
			if !p.corrupt(at, "%s", why) {
				return false
			}
			next := p.resync(at + 4)
			if !p.slack(at, next) {
				return false
			}
			at = next
			continue
		}
		if d.inode() == 0 && rec == tailSize && name&0xff == 0 && d.fileType() == tailFileType {
			at += rec
			continue
		}
		from := at
		if d.inode() != 0 {
			if !p.emit(at, p.dir.allocated) {
				return false
			}
			from += p.sizeOf(name)
		} else if name > 0 && p.plausibleName(at, name, at+rec) {
			if !p.emit(at, false) {
				return false
			}
			from += p.sizeOf(name)
		} else {
			from += direntBase
		}
		if !p.slack(from, at+rec) {
			return false
		}
		at += rec
	}
	return true
}

// invalid says what is wrong with the entry at "at"; "" if nothing is.
func (p *dirParser) invalid(at, rec, name int, used bool) string {
	switch {
	case rec < direntBase || rec%4 != 0:
		return fmt.Sprintf("entry of %d bytes", rec)
	case at+rec > len(p.buf):
		return fmt.Sprintf("entry of %d bytes reaches past the end of the block", rec)
	case !used:
		return ""
	case name == 0:
		return "entry without a name"
	case name > 255 || direntSize(name) > rec:
		return fmt.Sprintf("name of %d bytes in an entry of %d", name, rec)
	}
	return ""
}

// resync finds the next place from which a chain of entries leads to the end
// of the block exactly.
func (p *dirParser) resync(at int) int {
	steps := 0 // bounds the search to a few passes over the block
	for ; at+direntBase <= len(p.buf); at += 4 {
		if !p.plausible(at, len(p.buf)) {
			continue
		}
		end := at
		for end < len(p.buf) && steps < 4*len(p.buf) {
			steps++
			if end+direntBase > len(p.buf) {
				break
			}
			d := rawDirent(p.buf[end:])
			rec := p.f.recLen(d)
			if p.invalid(end, rec, p.nameLen(d), d.inode() != 0) != "" {
				break
			}
			end += rec
		}
		if end == len(p.buf) {
			return at
		}
	}
	return len(p.buf)
}

// plausible reports whether a deleted entry may stand at "at", whose name
// ends before limit.
func (p *dirParser) plausible(at, limit int) bool {
	d := rawDirent(p.buf[at:])
	if n := d.inode(); n == 0 || n > p.f.inodes {
		return false
	}
	rec, name := p.f.recLen(d), p.nameLen(d)
	if rec%4 != 0 || rec < direntSize(name) || at+rec > len(p.buf) || p.f.incompat(incompatFiletype) && int(d.fileType()) >= len(direntTypes) {
		return false
	}
	return p.plausibleName(at, name, limit)
}

func (p *dirParser) plausibleName(at, n, limit int) bool {
	if n < 1 || n > 255 || at+direntBase+n > limit {
		return false
	}
	name := p.buf[at+direntBase:][:n]
	return bytes.IndexByte(name, 0) < 0 && bytes.IndexByte(name, '/') < 0 || p.dir.encrypted
}

// slack yields the deleted entries between two places.
func (p *dirParser) slack(from, to int) bool {
	for at := from; at+direntBase < to; {
		if le.Uint32(p.buf[at:]) == 0 || !p.plausible(at, to) {
			at += 4
			continue
		}
		if !p.emit(at, false) {
			return false
		}
		at += p.sizeOf(p.nameLen(rawDirent(p.buf[at:])))
	}
	return true
}

// emit yields the entry at "at".
func (p *dirParser) emit(at int, allocated bool) bool {
	d := rawDirent(p.buf[at:])
	n := p.nameLen(d)
	e := filesystem.Entry{
		Parent: p.dir.n, Inum: filesystem.Inum(d.inode()), Name: p.buf[at+direntBase:][:n],
		Allocated: allocated, Offset: p.offset + int64(at),
	}
	e.Encrypted = p.dir.encrypted && !e.IsDot()
	if p.f.incompat(incompatFiletype) && int(d.fileType()) < len(direntTypes) {
		e.Type = direntTypes[d.fileType()]
	}
	if allocated {
		if d.inode() > p.f.inodes && !p.corrupt(at, "%q names inode %d of %d", e.Name, d.inode(), p.f.inodes) {
			return false
		}
		if !e.Encrypted && (bytes.IndexByte(e.Name, 0) >= 0 || bytes.IndexByte(e.Name, '/') >= 0) && !p.corrupt(at, "name %q holds a byte that no name can", e.Name) {
			return false
		}
	}
	return p.yield(e, nil)
}

// inline reads a directory that lies in its inode: four bytes with the parent's
// number, then entries up to the end of i_block, then entries in system.data.
func (f *FS) inlineDir(in *filesystem.Inode, dir *dirInfo, yield func(filesystem.Entry, error) bool) bool {
	raw := rawInode(in.Raw)
	block := raw.block()
	for _, dot := range []struct {
		name string
		n    filesystem.Inum
	}{{".", in.Inum}, {"..", filesystem.Inum(le.Uint32(block))}} {
		e := filesystem.Entry{Parent: in.Inum, Inum: dot.n, Name: []byte(dot.name), Type: filesystem.Directory, Allocated: in.Allocated, Offset: in.Offset + blockField}
		if !yield(e, nil) {
			return false
		}
		if dot.n > filesystem.Inum(f.inodes) && in.Allocated && !yield(filesystem.Entry{}, &filesystem.CorruptError{Structure: "inline directory", Offset: e.Offset, Inum: in.Inum, Reason: fmt.Sprintf("the parent is inode %d of %d", dot.n, f.inodes)}) {
			return false
		}
	}
	p := dirParser{f: f, dir: dir, buf: block[4:], offset: in.Offset + blockField + 4, yield: yield}
	if !p.entries() {
		return false
	}
	_, data, err := f.xattrs(in)
	if err != nil && !yield(filesystem.Entry{}, err) {
		return false
	}
	if data != nil && len(data.Value) >= direntBase {
		p.buf, p.offset = data.Value, data.Offset
		return p.entries()
	}
	return true
}

// readDir yields the entries of one directory, block by block in logical
// order.
func (f *FS) readDir(in *filesystem.Inode, yield func(filesystem.Entry, error) bool) {
	dir := f.dirInfoOf(in)
	if in.Flags&filesystem.FlagInlineData != 0 && f.incompat(incompatInlineData) {
		f.inlineDir(in, &dir, yield)
		return
	}
	c, err := f.mapContent(in)
	if err != nil && !yield(filesystem.Entry{}, err) || c == nil {
		return
	}
	buf := make([]byte, f.blockSize)
	for _, run := range c.runs {
		for k := int64(0); k < run.Length && run.Logical+k < c.size; k += f.blockSize {
			if run.Kind != filesystem.Data {
				if run.Kind == filesystem.Hole && !yield(filesystem.Entry{}, f.dirHole(&dir, run.Logical+k)) {
					return
				}
				break
			}
			at := run.Offset + k
			if got, err := f.r.ReadAt(buf, at); got < len(buf) {
				if !yield(filesystem.Entry{}, &filesystem.ReadError{Structure: "directory block", Offset: at, Length: f.blockSize, Inum: in.Inum, Err: unexpected(err)}) {
					return
				}
				continue
			}
			p := dirParser{f: f, dir: &dir, buf: buf, offset: at, yield: yield}
			if !p.block(run.Logical + k) {
				return
			}
		}
	}
}

func (f *FS) dirHole(dir *dirInfo, logical int64) error {
	return &filesystem.CorruptError{Structure: "directory", Offset: -1, Inum: dir.n, Reason: fmt.Sprintf("hole at byte %d", logical)}
}
