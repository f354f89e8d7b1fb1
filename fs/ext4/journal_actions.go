package ext4

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"deadbox/fs/filesystem"
)

// Kinds of actions.
const (
	ActionCreated  = "created"   // an inode came into use
	ActionDeleted  = "deleted"   // an inode went out of use
	ActionRenamed  = "renamed"   // within its directory
	ActionMoved    = "moved"     // to another directory
	ActionLinked   = "linked"    // a further name
	ActionUnlinked = "unlinked"  // a name less; what became of the inode is not known
	ActionWritten  = "written"   // size or time of modification went up
	ActionTruncate = "truncated" // size went down
	ActionMode     = "mode changed"
	ActionOwner    = "owner changed"
	ActionFlags    = "flags changed"
	ActionSetBack  = "time set back" // a time of modification or birth became earlier
	ActionBirthSet = "birth changed" // the kernel never changes the time of birth
)

// Action is a change of a file that two copies in the journal show.
type Action struct {
	Kind     string
	Inum     filesystem.Inum
	Parent   filesystem.Inum // directory of Name; 0 if no name is known
	Name     []byte          // after a renaming, the new name; of what was deleted, the name that went
	From     filesystem.Inum // renamed and moved: the directory before
	FromName []byte          // likewise, the name before
	Before   string          // of what changed, as text: "644", "uid 0", a time in RFC 3339
	After    string
	Sequence uint32 // of the transaction that holds the change
	// Since is the commit of the latest transaction that was complete before this
	// one began: the change happened after it. While one transaction is written the
	// next collects changes already, so that it is the one before the one before.
	// Zero if none is left.
	Since  time.Time
	Commit time.Time // of the transaction: it happened before this
	Offset int64     // of the inode or entry in the copy that shows the change, from the start of the file system
}

// dirOwners says which directory a block that the journal holds belongs to, as
// far as directories of today and those in the journal's inodes say so. Where
// several had it in turn, the copy's own checksum or "." decides.
func (j *Journal) dirOwners(ctx context.Context) map[uint64]filesystem.Inum {
	f := j.f
	owners := map[uint64]filesystem.Inum{}
	spent := 0
	add := func(c filesystem.Content, n filesystem.Inum) {
		if c == nil {
			return
		}
		for _, run := range c.Extents() {
			if run.Kind != filesystem.Data {
				continue
			}
			first, end := uint64(run.Offset/f.blockSize), uint64((run.Offset+run.Length)/f.blockSize)
			i, _ := slices.BinarySearchFunc(j.byBlock, first, func(p uint32, b uint64) int { return cmp.Compare(j.claims[p].block, b) })
			for ; i < len(j.byBlock) && j.claims[j.byBlock[i]].block < end && spent < 1<<24; i++ {
				spent++
				owners[j.claims[j.byBlock[i]].block] = n
			}
		}
	}
	j.eachInode(ctx, func(s *inodeCopy) {
		if in := s.after; in != nil && in.Mode.Type() == filesystem.Directory && in.Links > 0 && spent < 1<<24 {
			c, _ := f.Content(in)
			add(c, in.Inum)
		}
	})
	for in, err := range f.Inodes(ctx) {
		if err == nil && in.Allocated && in.Mode.Type() == filesystem.Directory && in.Flags&filesystem.FlagInlineData == 0 {
			c, _ := f.Content(in)
			add(c, in.Inum)
		}
	}
	return owners
}

// inodeCopy is an inode in a copy of its block, with its state in the copy
// before; nil if there is none.
type inodeCopy struct {
	before, after *filesystem.Inode
	copy          BlockCopy
}

// settled reports whether a copy counts as history: it is committed, and of the
// journal's present life.
func (j *Journal) settled(c *BlockCopy) bool {
	return c.Committed && !j.transactions[c.Transaction].Earlier
}

// eachInode calls fn for every inode in a copy of an inode table that differs
// from the copy before, or has none before, block by block, oldest first.
func (j *Journal) eachInode(ctx context.Context, fn func(*inodeCopy)) {
	f := j.f
	buf, last := make([]byte, j.blockSize), make([]byte, j.blockSize)
	for i := 0; i < len(j.byBlock) && ctx.Err() == nil; {
		block := j.claims[j.byBlock[i]].block
		copies := j.copiesOf(block)
		i += len(copies)
		first, count := f.InodesOf(int64(block))
		if count == 0 {
			continue
		}
		has := false
		for _, p := range copies {
			c := j.blockCopy(p)
			if !j.settled(&c) || j.ReadCopy(c, buf) != nil {
				continue
			}
			for k := range count {
				at := k * f.inodeSize
				raw, old := buf[at:at+f.inodeSize], last[at:at+f.inodeSize]
				if has && bytes.Equal(raw, old) {
					continue
				}
				n := first + filesystem.Inum(k)
				s := inodeCopy{copy: c}
				offset := c.Offset + int64(at)
				if j.info.External {
					offset = -1
				}
				s.after, _ = f.DecodeInode(n, raw, offset)
				if has {
					s.before, _ = f.DecodeInode(n, old, -1)
				} else if allZero(raw) {
					continue
				}
				fn(&s)
			}
			buf, last = last, buf
			has = true
		}
	}
}

// nameChange is a name that came or went.
type nameChange struct {
	parent, inum filesystem.Inum
	name         string
	weak         bool // its block has no copy before: the name may have been there
	copy         BlockCopy
	offset       int64
	used         bool
}

// eachName finds the names that differ between copies of directory blocks.
func (j *Journal) eachName(ctx context.Context, owners map[uint64]filesystem.Inum, born map[lifeMark]bool) (added, removed []nameChange) {
	f := j.f
	type entry struct {
		inum   filesystem.Inum
		offset int64
	}
	buf := make([]byte, j.blockSize)
	for i := 0; i < len(j.byBlock) && ctx.Err() == nil; {
		block := j.claims[j.byBlock[i]].block
		copies := j.copiesOf(block)
		i += len(copies)
		if _, count := f.InodesOf(int64(block)); count > 0 {
			continue
		}
		var before map[string]entry
		var beforeDir filesystem.Inum
		for _, p := range copies {
			c := j.blockCopy(p)
			if !j.settled(&c) || j.ReadCopy(c, buf) != nil {
				continue
			}
			entries, ok := f.DirBlock(owners[block], buf, c.Offset)
			if !ok {
				before = nil
				continue
			}
			now := make(map[string]entry, len(entries))
			dir := owners[block]
			for i := range entries {
				e := &entries[i]
				dir = e.Parent
				if e.Allocated && !e.IsDot() {
					now[string(e.Name)] = entry{e.Inum, e.Offset}
				}
			}
			if beforeDir != 0 && dir != 0 && dir != beforeDir || born[lifeMark{int32(c.Transaction), uint32(dir)}] {
				before = nil // the block is another directory's now
			}
			if len(added)+len(removed) >= maxNameChanges {
				return sortNames(added, removed)
			}
			for name, e := range now {
				if b, ok := before[name]; !ok || b.inum != e.inum {
					added = append(added, nameChange{parent: dir, inum: e.inum, name: name, weak: before == nil, copy: c, offset: e.offset})
				}
			}
			for name, e := range before {
				if n, ok := now[name]; !ok || n.inum != e.inum {
					removed = append(removed, nameChange{parent: dir, inum: e.inum, name: name, copy: c, offset: c.Offset})
				}
			}
			before, beforeDir = now, dir
		}
	}
	return sortNames(added, removed)
}

// maxNameChanges bounds the memory for names that came or went.
const maxNameChanges = 1 << 20

func sortNames(added, removed []nameChange) ([]nameChange, []nameChange) {
	order := func(a, b nameChange) int {
		return cmp.Or(cmp.Compare(a.copy.Transaction, b.copy.Transaction), cmp.Compare(a.inum, b.inum), cmp.Compare(a.parent, b.parent), strings.Compare(a.name, b.name), cmp.Compare(a.offset, b.offset))
	}
	slices.SortFunc(added, order)
	slices.SortFunc(removed, order)
	return added, removed
}

// lifeMark is an inode in a transaction.
type lifeMark struct {
	transaction int32
	inum        uint32
}

// reused reports whether another file has the inode now.
func (s *inodeCopy) reused() bool {
	return inUse(s.before) && inUse(s.after) && (s.before.Generation != s.after.Generation || s.before.Mode.Type() != s.after.Mode.Type())
}

// cameToLife reports whether the inode is a new file's since the copy before.
func (j *Journal) cameToLife(s *inodeCopy) bool {
	if !inUse(s.after) {
		return false
	}
	if s.before != nil {
		return !inUse(s.before) || s.reused()
	}
	// The first copy of the block: an inode is new if it was born since the
	// transaction before.
	born, from := s.after.Times.Born, j.began(&s.copy)
	if i := s.copy.Transaction; from.IsZero() && i > 0 && j.transactions[i-1].Committed {
		from = j.transactions[i-1].Commit
	}
	if !born.Known || from.IsZero() {
		return false
	}
	at := time.Unix(born.Sec, int64(born.Nsec))
	return !at.Before(from) && !at.After(s.copy.Commit)
}

// began gives a time before which the copy's transaction had not begun; zero
// if nothing says.
func (j *Journal) began(c *BlockCopy) time.Time {
	for i := c.Transaction - 1; i >= 0 && i > c.Transaction-64; i-- {
		if t := &j.transactions[i]; t.Committed && !t.Earlier && int32(c.Sequence-t.Sequence) >= 2 {
			return t.Commit
		}
	}
	return time.Time{}
}

// inUse reports whether an inode of a copy stands for a file.
func inUse(in *filesystem.Inode) bool {
	return in != nil && in.Mode != 0 && in.Links > 0
}

// Actions tells from the copies in the journal what happened to files, in the
// order of the transactions. What a transaction both did and undid leaves no
// trace, and several changes of one kind within one transaction are one. Only
// committed transactions of the journal's present life count. The error says what had
// to be left out.
func (j *Journal) Actions(ctx context.Context) ([]Action, error) {
	type at struct {
		transaction int
		inum        filesystem.Inum
	}
	var out []Action
	ranks := []int{} // transaction of each action
	emit := func(transaction int, a Action) {
		out = append(out, a)
		ranks = append(ranks, transaction)
	}
	born := map[lifeMark]bool{}
	j.eachInode(ctx, func(s *inodeCopy) {
		if j.cameToLife(s) {
			born[lifeMark{int32(s.copy.Transaction), uint32(s.after.Inum)}] = true
		}
	})
	added, removed := j.eachName(ctx, j.dirOwners(ctx), born)
	// find gives the names of an inode that came or went in a transaction.
	find := func(list []nameChange, k at) []nameChange {
		less := func(c nameChange, k at) int {
			return cmp.Or(cmp.Compare(c.copy.Transaction, k.transaction), cmp.Compare(c.inum, k.inum))
		}
		i, _ := slices.BinarySearchFunc(list, k, less)
		n := i
		for n < len(list) && less(list[n], k) == 0 {
			n++
		}
		return list[i:n]
	}
	// known finds the latest name of an inode that a copy up to a transaction shows.
	byInum := make([]int32, len(added))
	for i := range byInum {
		byInum[i] = int32(i)
	}
	slices.SortStableFunc(byInum, func(a, b int32) int { return cmp.Compare(added[a].inum, added[b].inum) })
	known := func(n filesystem.Inum, transaction int) *nameChange {
		i, _ := slices.BinarySearchFunc(byInum, at{transaction + 1, n}, func(i int32, k at) int {
			return cmp.Or(cmp.Compare(added[i].inum, k.inum), cmp.Compare(added[i].copy.Transaction, k.transaction))
		})
		if i == 0 || added[byInum[i-1]].inum != n {
			return nil
		}
		return &added[byInum[i-1]]
	}
	for i := range removed {
		r := &removed[i]
		k := at{r.copy.Transaction, r.inum}
		if born[lifeMark{int32(k.transaction), uint32(k.inum)}] {
			continue // the name was of a file that had the inode before
		}
		var match *nameChange
		came := find(added, k)
		for i := range came {
			if a := &came[i]; !a.used && a.name == r.name && a.parent == r.parent {
				a.used, r.used = true, true // to another block of the same directory
				break
			} else if !a.used && match == nil {
				match = a
			}
		}
		if r.used || match == nil {
			continue
		}
		match.used, r.used = true, true
		kind := ActionRenamed
		if match.parent != r.parent {
			kind = ActionMoved
		}
		emit(k.transaction, Action{
			Kind: kind, Inum: r.inum, Parent: match.parent, Name: []byte(match.name), From: r.parent, FromName: []byte(r.name),
			Sequence: r.copy.Sequence, Since: j.began(&r.copy), Commit: r.copy.Commit, Offset: match.offset,
		})
	}
	j.eachInode(ctx, func(s *inodeCopy) {
		k := at{s.copy.Transaction, s.after.Inum}
		if s.before == nil && !born[lifeMark{int32(k.transaction), uint32(k.inum)}] {
			return
		}
		a := Action{Inum: s.after.Inum, Sequence: s.copy.Sequence, Since: j.began(&s.copy), Commit: s.copy.Commit, Offset: s.after.Offset}
		was, is := inUse(s.before), inUse(s.after)
		reused := s.reused()
		name := func(list []nameChange) {
			for i := range list {
				if c := &list[i]; !c.used {
					c.used = true
					a.Parent, a.Name = c.parent, []byte(c.name)
					return
				}
			}
			a.Parent, a.Name = 0, nil
			if c := known(k.inum, k.transaction); c != nil && a.Kind != ActionCreated {
				a.Parent, a.Name = c.parent, []byte(c.name)
			}
		}
		if was && !is || reused {
			a.Kind = ActionDeleted
			name(find(removed, k))
			emit(k.transaction, a)
		}
		if !was && is || reused {
			a.Kind = ActionCreated
			name(find(added, k))
			emit(k.transaction, a)
		}
		if !was || !is || reused {
			return
		}
		if c := known(k.inum, k.transaction); c != nil {
			a.Parent, a.Name = c.parent, []byte(c.name)
		}
		change := func(kind, before, after string) {
			a.Kind, a.Before, a.After = kind, before, after
			emit(k.transaction, a)
		}
		b, n := s.before, s.after
		if b.Mode != n.Mode {
			change(ActionMode, fmt.Sprintf("%04o", uint16(b.Mode&^filesystem.ModeType)), fmt.Sprintf("%04o", uint16(n.Mode&^filesystem.ModeType)))
		}
		if b.UID != n.UID || b.GID != n.GID {
			change(ActionOwner, fmt.Sprintf("%d:%d", b.UID, b.GID), fmt.Sprintf("%d:%d", n.UID, n.GID))
		}
		if told := ^(filesystem.FlagIndex | filesystem.FlagExtents | filesystem.FlagInlineData); b.Flags&told != n.Flags&told {
			change(ActionFlags, b.Flags.String(), n.Flags.String())
		}
		switch {
		case n.Size < b.Size:
			change(ActionTruncate, fmt.Sprint(b.Size), fmt.Sprint(n.Size))
		case n.Mode.Type() != filesystem.Directory && (n.Size > b.Size || earlier(b.Times.Modified, n.Times.Modified)):
			change(ActionWritten, fmt.Sprint(b.Size), fmt.Sprint(n.Size))
		}
		if earlier(n.Times.Modified, b.Times.Modified) {
			change(ActionSetBack, stampText(b.Times.Modified), stampText(n.Times.Modified))
		}
		if b.Times.Born.Known && n.Times.Born.Known && b.Times.Born != n.Times.Born {
			change(ActionBirthSet, stampText(b.Times.Born), stampText(n.Times.Born))
		}
	})
	rest := func(list []nameChange, kind string) {
		for i := range list {
			if c := &list[i]; !c.used && !c.weak {
				emit(c.copy.Transaction, Action{Kind: kind, Inum: c.inum, Parent: c.parent, Name: []byte(c.name), Sequence: c.copy.Sequence, Since: j.began(&c.copy), Commit: c.copy.Commit, Offset: c.offset})
			}
		}
	}
	rest(removed, ActionUnlinked)
	rest(added, ActionLinked)
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(out[a].Inum, out[b].Inum))
	})
	sorted := make([]Action, len(out))
	for i, k := range order {
		sorted[i] = out[k]
	}
	err := ctx.Err()
	if err == nil && len(added)+len(removed) >= maxNameChanges {
		err = fmt.Errorf("the journal shows more than %d changes of names; the rest is left out", maxNameChanges)
	}
	return sorted, err
}

func earlier(a, b filesystem.Time) bool {
	return a.Known && b.Known && (a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec)
}

func stampText(t filesystem.Time) string {
	return time.Unix(t.Sec, int64(t.Nsec)).UTC().Format(time.RFC3339Nano)
}

// BlockUse says, in words, what a block of the file system is used for:
// "superblock", "group descriptors", "block bitmap", "inode bitmap", "inode
// table", or "" for one that files use.
func (f *FS) BlockUse(block int64) string {
	if block < 0 || uint64(block) >= f.blocks {
		return ""
	}
	b := uint64(block)
	if _, n := f.InodesOf(block); n > 0 {
		return "inode table"
	}
	if b == uint64(superOffset/f.blockSize) {
		return "superblock"
	}
	f.bitmapOnce.Do(func() {
		f.bitmaps = make(map[uint64]string, 2*len(f.groups))
		for g := range f.groups {
			f.bitmaps[f.groups[g].blockBitmap], f.bitmaps[f.groups[g].inodeBitmap] = "block bitmap", "inode bitmap"
		}
		perBlock := uint64(f.blockSize) / uint64(f.descSize)
		for i := uint64(0); i*perBlock < uint64(len(f.groups)); i++ {
			f.bitmaps[f.descBlock(i, 0)] = "group descriptors"
		}
	})
	return f.bitmaps[b]
}
