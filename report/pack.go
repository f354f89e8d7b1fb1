package report

import (
	"encoding/binary"
	"sync"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// packer writes what a row of the timeline says of a file in a tenth of the
// bytes, for the spool, and reads it back. Its form is of this process alone. Its
// methods may be called concurrently.
type packer struct {
	mu     sync.RWMutex
	places []string // images and volumes, in the order in which they came
	index  map[string]uint64
}

// The first byte of a row in the spool: packedText, or packedFile and the
// bits below.
const (
	packedText = iota
	packedFile = 1 << (iota - 1)
	packedDeleted
	packedUnalloc
	packedOrphan
)

// pack appends a file at one of its moments, without the time.
func (p *packer) pack(dst []byte, m MACB, f *timeline.File, ev *timeline.Evidence) []byte {
	head := byte(packedFile)
	for _, b := range [...]struct {
		set bool
		bit byte
	}{{f.Deleted, packedDeleted}, {f.Unalloc, packedUnalloc}, {f.Orphan, packedOrphan}} {
		if b.set {
			head |= b.bit
		}
	}
	dst = append(dst, head, byte(m), byte(f.Type))
	for _, v := range [...]uint64{uint64(f.Inode), uint64(f.Mode), uint64(f.UID), uint64(f.GID), uint64(f.Size), uint64(f.Flags &^ layoutFlags),
		p.place(ev.Image), p.place(ev.Volume), uint64(ev.Offset), uint64(ev.Length)} {
		dst = binary.AppendUvarint(dst, v)
	}
	for _, s := range [...]string{f.Path, f.Target, f.SHA256} {
		dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
	}
	return dst
}

// unpack reads what pack wrote.
func (p *packer) unpack(row []byte, f *timeline.File, ev *timeline.Evidence) MACB {
	head, m := row[0], MACB(row[1])
	*f = timeline.File{
		Type: filesystem.FileType(row[2]), Deleted: head&packedDeleted != 0, Unalloc: head&packedUnalloc != 0, Orphan: head&packedOrphan != 0,
	}
	row = row[3:]
	next := func() uint64 {
		v, n := binary.Uvarint(row)
		row = row[n:]
		return v
	}
	f.Inode, f.Mode, f.UID, f.GID = filesystem.Inum(next()), filesystem.Mode(next()), uint32(next()), uint32(next())
	f.Size, f.Flags = int64(next()), filesystem.Flags(next())
	image, volume := next(), next()
	p.mu.RLock()
	*ev = timeline.Evidence{Image: p.places[image], Volume: p.places[volume]}
	p.mu.RUnlock()
	ev.Offset, ev.Length = int64(next()), int64(next())
	for _, s := range [...]*string{&f.Path, &f.Target, &f.SHA256} {
		n := next()
		*s = string(row[:n])
		row = row[n:]
	}
	return m
}

// place is the number of an image's or a volume's name.
func (p *packer) place(name string) uint64 {
	p.mu.RLock()
	n, ok := p.index[name]
	p.mu.RUnlock()
	if ok {
		return n
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := p.index[name]; ok {
		return n
	}
	if p.index == nil {
		p.index = map[string]uint64{}
	}
	n = uint64(len(p.places))
	p.places = append(p.places, name)
	p.index[name] = n
	return n
}
