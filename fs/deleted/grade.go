package deleted

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
)

// span is a range of bytes, from and to counted from the start of the file
// system or of a file.
type span struct{ from, to int64 }

// claim is a run that a version had.
type claim struct {
	span
	v *version
}

// maxCompared bounds the comparisons of runs: an honest disk has few files
// that had the same blocks one after the other.
const maxCompared = 1 << 25

// compare counts a comparison; false if there were too many.
func (e *engine) compare() bool {
	if e.compared++; e.compared > maxCompared {
		e.note("More deleted files had the same blocks than can be compared; the grades of some may be too good.")
		return false
	}
	return true
}

// loadFree reads which blocks are free.
func (e *engine) loadFree() {
	if e.freeMap != nil {
		return
	}
	e.freeMap = []filesystem.Extent{}
	for x, err := range e.f.Unallocated(e.ctx) {
		if err != nil {
			e.fail(err)
			continue
		}
		e.freeMap = append(e.freeMap, x)
	}
}

// free reports whether the block at an offset is free.
func (e *engine) free(offset int64) bool {
	e.loadFree()
	i := sort.Search(len(e.freeMap), func(i int) bool { return e.freeMap[i].Offset+e.freeMap[i].Length > offset })
	return i < len(e.freeMap) && e.freeMap[i].Offset <= offset
}

// notFree gives the parts of a range that are not free.
func (e *engine) notFree(r span) []span {
	e.loadFree()
	i := sort.Search(len(e.freeMap), func(i int) bool { return e.freeMap[i].Offset+e.freeMap[i].Length > r.from })
	var out []span
	for at := r.from; at < r.to; i++ {
		if !e.compare() {
			return append(out, span{at, r.to})
		}
		if i == len(e.freeMap) || e.freeMap[i].Offset >= r.to {
			return append(out, span{at, r.to})
		}
		if f := &e.freeMap[i]; f.Offset > at {
			out = append(out, span{at, f.Offset})
		}
		at = e.freeMap[i].Offset + e.freeMap[i].Length
	}
	return out
}

// use is a part of a version's content that something else used.
type use struct {
	v       *version
	logical int64
	span    // on the disk
	by      filesystem.Inum
	path    string
	mine    bool // by the file itself, as it was
}

// grade decides what of each version is left.
func (e *engine) grade() error {
	var claims []claim
	for _, v := range e.found {
		if v.content == nil {
			continue
		}
		for _, x := range v.content.Extents() {
			if isData(x.Kind) && x.Length > 0 {
				claims = append(claims, claim{span{x.Offset, x.Offset + x.Length}, v})
			}
		}
	}
	slices.SortStableFunc(claims, func(a, b claim) int { return cmp.Compare(a.from, b.from) })
	reach := make([]int64, len(claims)) // the furthest end up to each
	for i := range claims {
		reach[i] = claims[i].to
		if i > 0 {
			reach[i] = max(reach[i], reach[i-1])
		}
	}
	var uses []use
	for _, v := range e.found {
		if v.content == nil {
			continue
		}
		if err := e.ctx.Err(); err != nil {
			return err
		}
		end := (v.s.in.Size + e.block - 1) / e.block * e.block
		for _, x := range v.content.Extents() {
			if !isData(x.Kind) || x.Logical >= end {
				continue
			}
			r := span{x.Offset, x.Offset + min(x.Length, end-x.Logical)}
			add := func(s span, by filesystem.Inum, path string) {
				s = span{max(s.from, r.from), min(s.to, r.to)}
				if s.from < s.to && e.compare() {
					uses = append(uses, use{v: v, logical: x.Logical + s.from - r.from, span: s, by: by, path: path})
				}
			}
			if v.kind != Open {
				for _, s := range e.notFree(r) {
					add(s, 0, "")
				}
			}
			if e.j != nil {
				lo, hi := e.j.copied(r.from/e.block, (r.to+e.block-1)/e.block)
				for k := lo; k < hi && e.compare(); k++ {
					if e.j.latest[k] > v.s.to && e.j.latest[k] >= v.l.end {
						add(span{e.j.blocks[k] * e.block, (e.j.blocks[k] + 1) * e.block}, 0, "")
					}
				}
			}
			i := sort.Search(len(reach), func(i int) bool { return reach[i] > r.from })
			for ; i < len(claims) && claims[i].from < r.to && e.compare(); i++ {
				c := &claims[i]
				if c.to <= r.from || c.v == v || c.v.l == v.l && c.v.number <= v.number {
					continue
				}
				if c.v.s.to > v.s.to || c.v.s.to == v.s.to && c.v.l != v.l && v.s.to == onDisk && !diedLater(v, c.v) {
					add(c.span, c.v.l.n, "")
				}
			}
		}
	}
	if err := e.findUsers(uses); err != nil {
		return err
	}
	slices.SortStableFunc(uses, func(a, b use) int {
		return cmp.Or(cmp.Compare(a.logical, b.logical), cmp.Compare(b.by, a.by))
	})
	for i := range uses {
		u := &uses[i]
		if u.mine {
			continue
		}
		v := u.v
		at := span{u.logical, u.logical + u.to - u.from}
		if n := len(v.lost); n > 0 && at.from < v.lost[n-1].to {
			if at.from = v.lost[n-1].to; at.from >= at.to {
				continue // told already
			}
		}
		if n := len(v.lost); n > 0 && v.lost[n-1].to == at.from {
			v.lost[n-1].to = at.to
		} else {
			v.lost = append(v.lost, at)
		}
		if n := len(v.reused); n > 0 && v.reused[n-1].By == u.by && v.reused[n-1].Logical+v.reused[n-1].Length == at.from {
			v.reused[n-1].Length += at.to - at.from
		} else {
			v.reused = append(v.reused, Reuse{Logical: at.from, Length: at.to - at.from, By: u.by, Path: u.path})
		}
	}
	buf := make([]byte, 64<<10)
	for _, v := range e.found {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		e.gradeOne(v, buf)
	}
	e.found = slices.DeleteFunc(e.found, func(v *version) bool { return v.kind == Truncated && v.grade == Metadata })
	return nil
}

// diedLater reports whether a version's file was deleted after another's, as
// far as the inodes say: of two with the same blocks it is the one that had them.
func diedLater(v, other *version) bool {
	a, b := v.l.deletedAt(0), other.l.deletedAt(0)
	return a.Known && b.Known && a.Compare(b) > 0
}

func isData(k filesystem.ExtentKind) bool {
	return k == filesystem.Data || k == filesystem.Encrypted
}

// findUsers finds the living files that use blocks which are not free.
func (e *engine) findUsers(uses []use) error {
	var open []int
	for i := range uses {
		if uses[i].by == 0 {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return nil
	}
	slices.SortFunc(open, func(a, b int) int { return cmp.Compare(uses[a].from, uses[b].from) })
	reach := make([]int64, len(open))
	for i, k := range open {
		reach[i] = uses[k].to
		if i > 0 {
			reach[i] = max(reach[i], reach[i-1])
		}
	}
	compared := 0
	for in, err := range e.f.Inodes(e.ctx) {
		if err != nil || !in.Allocated || in.Flags&filesystem.FlagInlineData != 0 {
			continue
		}
		switch in.Mode.Type() {
		case filesystem.Regular, filesystem.Directory, filesystem.Symlink:
		default:
			continue
		}
		c, _ := e.f.Content(in)
		if c == nil {
			continue
		}
		for _, x := range c.Extents() {
			if x.Offset < 0 || x.Kind == filesystem.Inline {
				continue
			}
			i := sort.Search(len(reach), func(i int) bool { return reach[i] > x.Offset })
			for ; i < len(open) && uses[open[i]].from < x.Offset+x.Length && compared < maxCompared; i++ {
				compared++
				u := &uses[open[i]]
				if u.to <= x.Offset || u.by != 0 {
					continue
				}
				// A use is told whole: it begins and ends where the free blocks do.
				u.by, u.path = in.Inum, e.index.Path(in.Inum)
				if in.Inum == u.v.l.n && u.v.l.living && u.from >= x.Offset && u.to <= x.Offset+x.Length && x.Logical+u.from-x.Offset == u.logical && u.v.s.in.Times.Modified == in.Times.Modified {
					u.mine = true
				}
			}
		}
	}
	return e.ctx.Err()
}

func (v *version) say(format string, args ...any) {
	v.why = append(v.why, fmt.Sprintf(format, args...))
}

func (e *engine) gradeOne(v *version, buf []byte) {
	switch {
	case len(v.l.states) == 0:
		v.grade = Metadata
		v.say("only its name is known")
		return
	case v.content == nil && v.s.in.Mode.Type() != filesystem.Regular:
		v.grade = Metadata
		if v.err != nil {
			v.say("its content cannot be mapped: %v", v.err)
		}
		return
	case v.content == nil && used(v.s.in) && v.s.in.Size == 0:
		v.say("it was empty")
		return
	case v.content == nil:
		v.grade = Metadata
		if v.err != nil {
			v.say("its content cannot be mapped: %v", v.err)
		} else {
			v.say("no state of it with a map of its content is left")
		}
		return
	}
	if v.s.in.Mode.Type() == filesystem.Symlink && v.content.Size() <= e.block && len(v.lost) == 0 {
		target := make([]byte, v.content.Size())
		if n, _ := v.content.ReadAt(target, 0); n == len(target) {
			v.target = string(target)
		}
	}
	lost, kept := int64(0), int64(0)
	for _, s := range v.lost {
		lost += min(s.to, v.content.Size()) - min(s.from, v.content.Size())
	}
	damaged := int64(0)
	for _, x := range v.content.Extents() {
		n := max(min(x.Logical+x.Length, v.content.Size())-x.Logical, 0)
		switch x.Kind {
		case filesystem.Lost:
			damaged += n
		case filesystem.Data, filesystem.Encrypted, filesystem.Inline:
			kept += n
		}
	}
	kept -= lost
	if lost > 0 {
		v.grade = Partial
		v.say("%d of %d bytes were used again", lost, v.content.Size())
	}
	if damaged > 0 {
		v.grade = Partial
		v.say("%d bytes cannot be mapped: %v", damaged, v.err)
	}
	if kept <= 0 && lost+damaged > 0 {
		v.grade = Metadata
		return
	}
	e.check(v, buf)
}

// extensions are the types that a name promises, as [content.Type] calls them.
var extensions = map[string]string{
	".gz": "gzip", ".tgz": "gzip", ".bz2": "bzip2", ".tbz2": "bzip2", ".xz": "xz", ".txz": "xz", ".zst": "zstd", ".lz4": "lz4",
	".zip": "zip", ".jar": "zip", ".war": "zip", ".7z": "7z", ".rar": "rar", ".tar": "tar", ".deb": "deb", ".rpm": "rpm",
	".so": "elf", ".ko": "elf", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".pdf": "pdf",
	".sqlite": "sqlite", ".sqlite3": "sqlite", ".journal": "journal", ".pcapng": "pcapng", ".class": "java-class",
}

// textual are the endings of names that promise text.
var textual = map[string]bool{
	".txt": true, ".log": true, ".conf": true, ".cfg": true, ".ini": true, ".sh": true, ".py": true, ".pl": true, ".rb": true, ".php": true,
	".html": true, ".htm": true, ".css": true, ".js": true, ".json": true, ".xml": true, ".yml": true, ".yaml": true, ".csv": true, ".md": true,
	".sql": true, ".service": true, ".pub": true, ".pem": true,
}

// noText reports whether bytes cannot be text: one in twenty is a control
// character, as in random and in packed data. UTF-16 begins with its mark.
func noText(p []byte) bool {
	if len(p) >= 2 && (p[0] == 0xff && p[1] == 0xfe || p[0] == 0xfe && p[1] == 0xff) {
		return false
	}
	n := 0
	for _, c := range p {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\b' && c != 0x1b || c == 0x7f {
			n++
		}
	}
	return n > 2 && n > len(p)/20
}

// check looks at the content itself: what the name promises, and whether
// there is anything.
func (e *engine) check(v *version, buf []byte) {
	if v.s.in.Mode.Type() != filesystem.Regular || len(v.lost) > 0 && v.lost[0].from < content.HeadSize || v.s.in.Flags&filesystem.FlagEncrypt != 0 {
		return
	}
	n, err := content.Head(v.content, buf)
	if err != nil {
		v.grade = Partial
		v.say("it cannot be read: %v", err)
		return
	}
	head := buf[:n]
	if len(v.l.names) > 0 {
		ext := strings.ToLower(path.Ext(v.l.names[0].name))
		if textual[ext] && noText(head) {
			v.grade = Partial
			v.say("the name says text, the content is none: overwritten, or never text")
		}
		if want := extensions[ext]; want != "" {
			got, _ := content.Type(head[:min(n, content.HeadSize)])
			switch {
			case got == want:
				v.say("the content is %s, as the name says", want)
			case ext == ".so" && got == "" && !bytes.ContainsRune(head, 0):
				// A linker's script.
			default:
				v.grade = Partial
				v.say("the name says %s, the content does not", want)
			}
		}
	}
	if first := v.content.Extents(); len(first) > 0 && isData(first[0].Kind) && allZero(head) {
		v.grade = Partial
		v.say("the first %d bytes are zeros: the blocks may have been discarded or wiped", n)
	}
}

// deletedAt is the time of deletion that the inode keeps; inodes is how many
// there are. While an inode waits on the list of orphans the field holds the
// number of the next one.
func (l *life) deletedAt(inodes uint64) filesystem.Time {
	for i := len(l.states) - 1; i >= 0; i-- {
		in := l.states[i].in
		if t := in.Times.Deleted; t.Known && !used(in) && uint64(max(t.Sec, 0)) > inodes {
			return t
		}
	}
	return filesystem.Time{}
}

// result puts the files into order.
func (e *engine) result() *Result {
	if e.former > 0 {
		e.note("%d deleted names in slack lead to inodes that live under other names: former names, or names of files whose inode was used again. They are not listed.", e.former)
	}
	r := &Result{Notes: e.notes, Damage: e.damage}
	if e.untold > 0 {
		r.Damage = append(r.Damage, fmt.Errorf("%d more errors", e.untold))
	}
	for _, v := range e.found {
		r.Files = append(r.Files, e.file(v))
	}
	slices.SortStableFunc(r.Files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Inum, b.Inum), cmp.Compare(a.Version, b.Version))
	})
	return r
}

func (e *engine) file(v *version) File {
	l := v.l
	f := File{
		Inode: v.s.in, Inum: l.n, Type: l.fileType(), Kind: v.kind, Grade: v.grade, Version: v.number, Of: v.of, Why: v.why,
		Reused: v.reused, ReusedBy: l.reusedBy, Target: v.target,
	}
	f.Path, f.Whole = e.resolve(l, 0)
	switch {
	case l.living:
		f.NameFrom = FromTree
	case len(l.names) > 0 && l.names[0].slack:
		f.NameFrom = FromSlack
	case len(l.names) > 0:
		f.NameFrom = FromJournal
	}
	for i, n := range l.names {
		if i == 0 && !l.living || len(f.Names) >= maxNames {
			continue
		}
		if p, _ := e.join(n, 0); p != f.Path && !slices.Contains(f.Names, p) {
			f.Names = append(f.Names, p)
		}
	}
	f.DeletedAt = l.deletedAt(e.info.InodeCount)
	later := func(t time.Time) {
		if t.After(f.After) {
			f.After = t
		}
	}
	if v.kind != Truncated {
		for i := range l.states {
			if s := &l.states[i]; used(s.in) && s.to != onDisk {
				later(e.when(s.to))
			}
		}
		for _, n := range l.names {
			if !n.slack {
				later(e.when(n.at))
			}
		}
		f.Before = e.when(l.end)
	} else {
		later(e.when(v.s.to))
		for i := range l.states {
			if s := &l.states[i]; s.at > v.s.to {
				f.Before = e.when(s.at)
				break
			}
		}
	}
	if v.content != nil {
		f.Content = newRemains(v)
	}
	if f.Inode != nil {
		f.Xattrs = e.xattrs(&v.s)
		if v.s.at == onDisk {
			in := *f.Inode
			in.Offset, _ = e.f.BytesAt(in.Offset)
			f.Inode = &in
		}
	} else {
		f.Version, f.Of = 1, 1
	}
	return f
}
