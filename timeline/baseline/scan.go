package baseline

import (
	"cmp"
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
)

// A side is one of the two servers, with what the comparison keeps of its
// inodes.
type side struct {
	host    *host.Host
	tables  map[*host.Mount]*table
	visited map[host.Node]bool
	ledgers map[*host.Mount]*content.Ledger
}

// table holds the inodes of one file system, sorted by their numbers.
type table struct{ nodes []node }

// node is what is kept of an inode while the trees are compared: not its
// fields, but keyed hashes of them. Where the hashes are equal, so are the fields; where
// they are not, the inodes are read again. The key is random, so that nobody can
// prepare an inode that has the hash of another.
type node struct {
	inum  uint64
	core  uint64 // of what any two file systems can have in common
	full  uint64 // of all but the access time and the content
	first int64  // offset of the first byte of content on the disk
	data  int64  // bytes of content to read; -1 if the content could not be mapped
	mode  filesystem.Mode
	multi bool // it has more than one name
}

func (d *differ) open(image, base *host.Host) []error {
	d.a = side{host: image}
	d.b = side{host: base}
	d.same = map[[2]*host.Mount]bool{}
	d.linked = map[[2]host.Node]int32{}
	d.failed = map[int32]failure{}
	for _, x := range image.Mounts {
		for _, y := range base.Mounts {
			if sameLineage(x, y) {
				d.same[[2]*host.Mount{x, y}] = true
			}
		}
	}
	seed := maphash.MakeSeed()
	var errsA, errsB []error
	var wg sync.WaitGroup
	wg.Go(func() { errsA = d.a.scan(d.ctx, seed) })
	wg.Go(func() { errsB = d.b.scan(d.ctx, seed) })
	wg.Wait()
	return append(errsA, errsB...)
}

// scan reads all inodes of a side, in the order of the disk.
func (s *side) scan(ctx context.Context, seed maphash.Seed) []error {
	errs := s.host.BuildIndexes(ctx)
	s.tables = map[*host.Mount]*table{}
	s.ledgers = map[*host.Mount]*content.Ledger{}
	for _, m := range s.host.Mounts {
		t := &table{}
		s.tables[m] = t
		s.ledgers[m] = &content.Ledger{Room: m.Room()}
		sorted := true
		for in, err := range m.FS.Inodes(ctx) {
			if err != nil {
				_, n := filesystem.Place(err)
				errs = append(errs, pathError(host.Node{Mount: m, Inum: n}, "", err))
				continue
			}
			if !in.Allocated {
				continue
			}
			if n := len(t.nodes); n > 0 && t.nodes[n-1].inum >= uint64(in.Inum) {
				sorted = false
			}
			t.nodes = append(t.nodes, makeNode(m.FS, in, seed))
		}
		if !sorted {
			slices.SortStableFunc(t.nodes, func(a, b node) int { return cmp.Compare(a.inum, b.inum) })
		}
	}
	return errs
}

// find returns an inode's node; nil if the scan did not see it.
func (t *table) find(n filesystem.Inum) *node {
	i, ok := slices.BinarySearchFunc(t.nodes, uint64(n), func(x node, n uint64) int { return cmp.Compare(x.inum, n) })
	if !ok {
		return nil
	}
	return &t.nodes[i]
}

// ownFlags are the flags that people set. The others say how a file is laid
// out, which changes by itself.
const ownFlags = filesystem.FlagSecureDelete | filesystem.FlagUndelete | filesystem.FlagCompressed | filesystem.FlagSync | filesystem.FlagImmutable |
	filesystem.FlagAppend | filesystem.FlagNoDump | filesystem.FlagNoAtime | filesystem.FlagEncrypt | filesystem.FlagJournalData | filesystem.FlagNoTail |
	filesystem.FlagDirSync | filesystem.FlagTopDir | filesystem.FlagVerity | filesystem.FlagDAX | filesystem.FlagProject | filesystem.FlagCasefold

// makeNode sums up an inode. What cannot be read of it is left out here, and
// reported when the inode is found on only one side or to differ.
func makeNode(fsys filesystem.FileSystem, in *filesystem.Inode, seed maphash.Seed) node {
	out := node{inum: uint64(in.Inum), mode: in.Mode, multi: in.Links > 1, first: -1}
	b := make([]byte, 0, 256)
	put := func(v uint64) { b = binary.LittleEndian.AppendUint64(b, v) }
	at := func(t filesystem.Time) {
		put(uint64(t.Sec))
		put(uint64(uint32(t.Nsec)))
		if t.Known {
			put(1)
		} else {
			put(0)
		}
	}
	kind := in.Mode.Type()
	put(uint64(in.Mode))
	put(uint64(in.UID)<<32 | uint64(in.GID))
	put(uint64(in.Project)<<32 | uint64(in.Flags&ownFlags))
	switch kind {
	case filesystem.CharDevice, filesystem.BlockDevice:
		put(uint64(in.Major)<<32 | uint64(in.Minor))
	case filesystem.Symlink:
		target, _ := fsys.Link(in)
		put(maphash.Bytes(seed, target))
	case filesystem.Regular:
		if in.Size > 0 {
			if c, err := fsys.Content(in); c == nil || err != nil {
				out.data = -1
			} else {
				l := content.LayoutOf(c)
				out.first, out.data = l.First, l.Data
			}
		}
	}
	xattrs, _ := fsys.Xattrs(in)
	for _, x := range xattrs {
		put(maphash.String(seed, x.Name))
		put(maphash.Bytes(seed, x.Value))
	}
	if kind != filesystem.Directory {
		put(uint64(in.Size))
		put(uint64(in.Links))
		put(uint64(in.Times.Modified.Sec))
	}
	out.core = maphash.Bytes(seed, b)
	put(uint64(in.Inum))
	put(uint64(in.Generation))
	put(uint64(in.Size))
	put(uint64(in.Links))
	at(in.Times.Modified)
	at(in.Times.Changed)
	at(in.Times.Born)
	out.full = maphash.Bytes(seed, b)
	return out
}
