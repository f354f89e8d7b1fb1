package deleted

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// journal is what the steps ask of a journal. Of transactions without a commit
// block only those count that later ones followed: the last may never have happened.
type journal struct {
	*ext4.Journal
	f      *ext4.FS
	copies []ext4.BlockCopy // oldest first
	times  []time.Time      // of commits, by moment
	seqs   []uint32         // by moment
	blocks []int64          // that have copies, sorted
	latest []int64          // moment of the last copy of each
	view   *ext4.View
	viewAt int64
}

func (e *engine) openJournal() {
	j, err := e.f.Journal()
	if err != nil {
		if errors.Is(err, ext4.ErrNoJournal) {
			e.note("There is no journal to read: only names in slack and inodes that kept their map can be recovered.")
		} else {
			e.fail(err)
		}
		return
	}
	for _, err := range j.Damage() {
		e.fail(err)
	}
	w := &journal{Journal: j, f: e.f, viewAt: -1}
	last := -1
	for i, t := range j.Transactions() {
		w.times, w.seqs = append(w.times, t.Commit), append(w.seqs, t.Sequence)
		if t.Committed {
			last = i
		}
	}
	w.copies = slices.DeleteFunc(j.Copies(), func(c ext4.BlockCopy) bool { return c.Transaction > last })
	for i := range w.copies {
		w.blocks = append(w.blocks, w.copies[i].Block)
	}
	slices.Sort(w.blocks)
	w.blocks = slices.Compact(w.blocks)
	w.latest = make([]int64, len(w.blocks))
	for i := range w.copies {
		k, _ := slices.BinarySearch(w.blocks, w.copies[i].Block)
		w.latest[k] = max(w.latest[k], int64(w.copies[i].Transaction))
	}
	e.j = w
}

// copied gives the range of blocks that have copies, from one block up to but
// not including another.
func (j *journal) copied(from, to int64) (lo, hi int) {
	lo, _ = slices.BinarySearch(j.blocks, from)
	hi, _ = slices.BinarySearch(j.blocks[lo:], to)
	return lo, lo + hi
}

// The map of an inode lies in i_block, 60 bytes at byte 40: an extent header
// with its depth at byte 6, or 15 block numbers of which three are indirect.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#index-nodes
const (
	mapAt  = 40
	mapLen = 60
)

// deep reports whether the map goes on in blocks outside of the inode.
func deep(in *filesystem.Inode) bool {
	m := in.Raw[mapAt:][:mapLen]
	if in.Flags&filesystem.FlagExtents != 0 {
		return binary.LittleEndian.Uint16(m[6:]) > 0
	}
	return !allZero(m[48:])
}

// asOf gives the view of the file system as of a moment; nil if that is today,
// or if too many were asked for.
func (e *engine) asOf(at int64) *ext4.View {
	if e.j == nil || at == onDisk {
		return nil
	}
	if e.j.viewAt != at {
		if e.views >= maxViews {
			e.note("More files than are looked at have maps in blocks of their own; those of the rest are read from the disk.")
			return nil
		}
		e.views++
		e.j.view, e.j.viewAt = e.j.AsOf(e.j.seqs[at]), at
	}
	return e.j.view
}

// content maps the data of a state, by the blocks of its map as of a moment.
func (e *engine) content(in *filesystem.Inode, at int64) (filesystem.Content, error) {
	if deep(in) {
		if v := e.asOf(at); v != nil {
			return v.Content(in)
		}
	}
	return e.f.Content(in)
}

// xattrs are the extended attributes of a state. i_file_acl_lo, at byte 0x68,
// names a block outside of the inode.
func (e *engine) xattrs(s *state) []filesystem.Xattr {
	var out []filesystem.Xattr
	if binary.LittleEndian.Uint32(s.in.Raw[0x68:]) != 0 {
		if v := e.asOf(s.to); v != nil {
			out, _ = v.Xattrs(s.in)
			return out
		}
	}
	out, _ = e.f.Xattrs(s.in) // what is left of them: an error says no more
	return out
}

// fits reports whether a block can be one of a directory.
func (e *engine) fits(dir *filesystem.Inode, logical int64, buf []byte) bool {
	if e.f.DirBlockOf(dir.Inum, dir.Generation, buf) == ext4.ChecksumBad {
		return false
	}
	entries, ok := e.f.DirBlock(dir.Inum, buf, 0)
	if !ok {
		return false
	}
	self := len(entries) > 0 && string(entries[0].Name) == "." && entries[0].Allocated
	return self == (logical == 0) && (!self || entries[0].Inum == dir.Inum)
}
