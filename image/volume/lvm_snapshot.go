package volume

import (
	"errors"
	"fmt"
	"sort"
)

// snapshot is an older state of a volume, as device-mapper's snapshot target
// keeps it: what was overwritten since stands in a store.
type snapshot struct {
	origin, store device
	chunk         int64
	old           []uint64 // chunks of the origin that are in the store, in order
	new           []uint64 // where in the store
}

// rawSnapshot is struct disk_header of drivers/md/dm-snap-persistent.c in
// Linux; little-endian. The tables of exceptions that follow have two numbers of 64
// bits each: the chunk of the origin, and that of the store; the first
// table is in chunk 1, and each is followed by as many chunks as it has exceptions.
type rawSnapshot []byte

func (b rawSnapshot) magic() uint32   { return le.Uint32(b[0:]) }
func (b rawSnapshot) valid() uint32   { return le.Uint32(b[4:]) }
func (b rawSnapshot) version() uint32 { return le.Uint32(b[8:]) }
func (b rawSnapshot) chunk() uint32   { return le.Uint32(b[12:]) } // sectors

const (
	snapMagic     = 0x70416e53
	maxExceptions = 32 << 20
)

// newSnapshot reads the tables of a store.
func newSnapshot(c *composer, origin, store device) (*snapshot, error) {
	r := c.reader(store)
	head := make(rawSnapshot, sectorSmall)
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return nil, fmt.Errorf("its store cannot be read: %w", err)
	}
	s := &snapshot{origin: origin, store: store, chunk: int64(head.chunk()) * sectorSmall}
	switch {
	case head.magic() != snapMagic || head.version() != 1:
		return nil, errors.New("its store has no header of version 1")
	case head.valid() != 1:
		return nil, errors.New("its store is marked as invalid: it was full, and lost what was overwritten after that")
	case s.chunk < sectorSmall || s.chunk > 1<<24 || s.chunk&(s.chunk-1) != 0:
		return nil, fmt.Errorf("its store has chunks of %d bytes", s.chunk)
	case origin.size() <= 0:
		return nil, errors.New("its origin is not at hand")
	}
	per := s.chunk / 16
	table := make([]byte, s.chunk)
	for at := int64(1); at < store.size()/s.chunk; at += per + 1 {
		if n, err := r.ReadAt(table, at*s.chunk); n < len(table) {
			return nil, fmt.Errorf("its store cannot be read at byte %d: %w", at*s.chunk+int64(n), err)
		}
		for i := int64(0); i < per; i++ {
			from, to := le.Uint64(table[16*i:]), le.Uint64(table[16*i+8:])
			if to == 0 {
				return s, s.sorted()
			}
			if len(s.old) >= maxExceptions {
				return nil, fmt.Errorf("its store has more than %d chunks", maxExceptions)
			}
			if to >= uint64(store.size()/s.chunk) {
				return nil, fmt.Errorf("its store is of %d chunks, and names chunk %d", store.size()/s.chunk, to)
			}
			s.old, s.new = append(s.old, from), append(s.new, to)
		}
	}
	return s, s.sorted()
}

func (s *snapshot) sorted() error {
	sort.Stable(s)
	for i := 1; i < len(s.old); i++ {
		if s.old[i] == s.old[i-1] {
			return fmt.Errorf("its store has chunk %d twice", s.old[i])
		}
	}
	return nil
}

func (s *snapshot) Len() int           { return len(s.old) }
func (s *snapshot) Less(i, j int) bool { return s.old[i] < s.old[j] }
func (s *snapshot) Swap(i, j int) {
	s.old[i], s.old[j] = s.old[j], s.old[i]
	s.new[i], s.new[j] = s.new[j], s.new[i]
}

func (s *snapshot) size() int64 { return s.origin.size() }

// at gives where a byte stands, and how many follow it there.
func (s *snapshot) at(off int64) (device, int64, int64) {
	n := uint64(off / s.chunk)
	i := sort.Search(len(s.old), func(i int) bool { return s.old[i] >= n })
	if i < len(s.old) && s.old[i] == n {
		in := off % s.chunk
		return s.store, int64(s.new[i])*s.chunk + in, min(s.chunk-in, s.size()-off)
	}
	end := s.size()
	if i < len(s.old) && s.old[i] < uint64(end/s.chunk) {
		end = int64(s.old[i]) * s.chunk
	}
	return s.origin, off, end - off
}

func (s *snapshot) readAt(disks []Disk, p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		dev, at, n := s.at(off + int64(done))
		n = min(n, int64(len(p)-done))
		m, err := dev.readAt(disks, p[done:done+int(n)], at)
		done += m
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *snapshot) locate(off int64) spot {
	dev, at, n := s.at(off)
	where := dev.locate(at)
	where.length = min(where.length, n)
	return where
}

func (s *snapshot) extents(off, n int64, at piece, yield func(piece) bool) bool {
	for n > 0 {
		dev, from, length := s.at(off)
		length = min(length, n)
		if !dev.extents(from, length, at, yield) {
			return false
		}
		off, n = off+length, n-length
		at.logical += length
	}
	return true
}

func (s *snapshot) lost(off, n int64) int64 {
	sum := int64(0)
	for n > 0 {
		dev, from, length := s.at(off)
		length = min(length, n)
		sum += dev.lost(from, length)
		off, n = off+length, n-length
	}
	return sum
}
