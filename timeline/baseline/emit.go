package baseline

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/timeline"
)

// hash reads the regular files of the image that differ, and of those whose
// content differs the baseline's, too.
func (d *differ) hash() {
	var files []content.File
	at := map[host.Node]int32{}
	add := func(n host.Node, s *side) int32 {
		if n.Mount == nil {
			return -1
		}
		x := s.tables[n.Mount].find(n.Inum)
		if x == nil || x.mode.Type() != filesystem.Regular {
			return -1
		}
		if i, ok := at[n]; ok {
			return i
		}
		i := int32(len(files))
		at[n] = i
		files = append(files, content.File{FS: n.Mount.FS, Inum: n.Inum, Room: n.Mount.Room()})
		return i
	}
	for i := range d.changes {
		c := &d.changes[i]
		c.hashA = add(c.a, &d.a)
		if c.pair >= 0 && d.pairs[c.pair].state == different {
			c.hashB = add(c.b, &d.b)
		}
	}
	d.hashes, _ = content.Hash(d.ctx, files, content.Options{Workers: d.opt.Workers})
}

// emit makes the record of a change. It returns false if the consumer has
// enough.
func (d *differ) emit(c *change, yield func(timeline.Record, error) bool) bool {
	var errs []error
	note := func(n host.Node, err error) {
		if err != nil {
			errs = append(errs, pathError(n, c.path, err))
		}
	}
	after, inA := d.file(&d.a, c.a, c.path, c.hashA, note)
	before, inB := d.file(&d.b, c.b, c.path, c.hashB, note)
	out := timeline.Change{Before: before, After: after}
	rec := timeline.Record{Kind: timeline.KindChange, Change: &out, File: after, Fields: map[string]string{"path": c.path}}
	whose := c.a
	in := inA
	switch {
	case before == nil:
		out.What = Added
	case after == nil:
		out.What = Deleted
		rec.File, whose, in = before, c.b, inB
	case inA == nil || inB == nil:
		out.What = Uncompared
	case after.Type != before.Type:
		out.What = Type
		out.Differs = d.differs(c, inA, inB, after, before)
	default:
		out.Differs = d.differs(c, inA, inB, after, before)
		out.What = Metadata
		state := uint8(equal)
		if c.pair >= 0 {
			state = d.pairs[c.pair].state
		}
		switch {
		case state == unreadable:
			f := d.failed[c.pair]
			note(c.a, f.a)
			note(c.b, f.b)
			out.What = Uncompared
		case slices.Contains(out.Differs, "content") || slices.Contains(out.Differs, "target"):
			out.What = Content
		case len(out.Differs) == 0:
			return d.yieldErrs(errs, yield)
		}
	}
	if c.explained && minor(after, &out) {
		rec.Fields["explained"] = "entries"
	}
	rec.Evidence = timeline.Evidence{Image: whose.Mount.Image, Volume: whose.Mount.Volume.Slot, Inode: whose.Inum, Path: c.path, Offset: -1}
	if in != nil {
		rec.Evidence.Image, rec.Evidence.Offset = whose.Mount.Place(in.Offset)
		rec.Evidence.Length = int64(len(in.Raw))
	}
	if out.What != Deleted && in != nil && in.Times.Changed.Known {
		rec.Stamps = []timeline.Stamp{{What: "changed", When: in.Times.Changed.Std(), Note: "last change of the inode"}}
	}
	d.describe(&rec)
	if !d.yieldErrs(errs, yield) {
		return false
	}
	return yield(rec, nil)
}

func (d *differ) yieldErrs(errs []error, yield func(timeline.Record, error) bool) bool {
	var said []string
	for _, err := range errs {
		// The comparison and the hash meet the same bad sector.
		if s := err.Error(); !slices.Contains(said, s) {
			said = append(said, s)
			if !yield(timeline.Record{}, err) {
				return false
			}
		}
	}
	return true
}

// file reads the metadata of a file once more; nil if the side has not got
// it. The inode is nil if it cannot be read, which the walk has reported.
func (d *differ) file(s *side, n host.Node, path string, hash int32, note func(host.Node, error)) (*timeline.File, *filesystem.Inode) {
	if n.Mount == nil {
		return nil, nil
	}
	f := &timeline.File{Path: path, Inode: n.Inum}
	in, err := inode(n)
	if err != nil {
		return f, nil
	}
	f.Type, f.Mode, f.UID, f.GID = in.Mode.Type(), in.Mode, in.UID, in.GID
	f.Links, f.Size, f.Times, f.Flags, f.Unalloc = in.Links, in.Size, in.Times, in.Flags, !in.Allocated
	if f.Type == filesystem.Symlink {
		target, err := n.Mount.FS.Link(in)
		note(n, err)
		f.Target = string(target)
	}
	f.Xattrs, err = n.Mount.FS.Xattrs(in)
	note(n, err)
	f.InPackage = s.host.Vouched(path)
	if hash >= 0 && int(hash) < len(d.hashes) {
		r := &d.hashes[hash]
		f.SHA256, f.Magic, f.Interp = r.Hex(), r.Magic, r.Interp
		note(n, r.Err)
	}
	return f, in
}

// differs names what differs, sorted. Of different file systems it leaves out
// what depends on how they were made.
func (d *differ) differs(c *change, a, b *filesystem.Inode, fa, fb *timeline.File) []string {
	same := d.same[[2]*host.Mount{c.a.Mount, c.b.Mount}]
	dir := fa.Type == filesystem.Directory && fb.Type == filesystem.Directory
	var out []string
	add := func(differ bool, name string) {
		if differ {
			out = append(out, name)
		}
	}
	add(c.pair >= 0 && d.pairs[c.pair].state == different, "content")
	add(a.Mode&0o7777 != b.Mode&0o7777, "mode")
	add(a.UID != b.UID || a.GID != b.GID, "owner")
	add(a.Project != b.Project, "project")
	add((a.Flags^b.Flags)&ownFlags != 0, "flags")
	add(a.Mode.Type() == b.Mode.Type() && (a.Major != b.Major || a.Minor != b.Minor), "device")
	add(fa.Target != fb.Target, "target")
	add(!slices.EqualFunc(fa.Xattrs, fb.Xattrs, func(x, y filesystem.Xattr) bool {
		return x.Name == y.Name && bytes.Equal(x.Value, y.Value)
	}), "xattrs")
	if same || !dir {
		add(a.Size != b.Size, "size")
		add(a.Links != b.Links, "links")
		add(differentTimes(a.Times.Modified, b.Times.Modified, same), "modified")
	}
	if same {
		add(a.Inum != b.Inum || a.Generation != b.Generation, "inode")
		add(differentTimes(a.Times.Changed, b.Times.Changed, true), "changed")
		add(differentTimes(a.Times.Born, b.Times.Born, true), "born")
	}
	slices.Sort(out)
	return out
}

// differentTimes compares to the nanosecond within a lineage. Copies between
// file systems may lose the fractions.
func differentTimes(a, b filesystem.Time, exact bool) bool {
	if exact {
		return a != b
	}
	return a.Sec != b.Sec
}

// minor reports whether a change of a directory says no more than that names
// in it came or went.
func minor(f *timeline.File, c *timeline.Change) bool {
	if f == nil || f.Type != filesystem.Directory || c.What != Metadata {
		return false
	}
	for _, name := range c.Differs {
		switch name {
		case "size", "links", "modified", "changed":
		default:
			return false
		}
	}
	return true
}

// describe fills in the fields and the line for people.
func (d *differ) describe(r *timeline.Record) {
	c, f := r.Change, r.File
	r.Fields["change"] = c.What
	if len(c.Differs) > 0 {
		r.Fields["differs"] = strings.Join(c.Differs, ",")
	}
	if f.Mode != 0 {
		r.Fields["type"] = f.Type.String()
		r.Fields["mode"] = fmt.Sprintf("%04o", uint16(f.Mode&0o7777))
		r.Fields["uid"] = strconv.FormatUint(uint64(f.UID), 10)
		r.Fields["gid"] = strconv.FormatUint(uint64(f.GID), 10)
		r.Fields["size"] = strconv.FormatInt(f.Size, 10)
	}
	for k, v := range map[string]string{"sha256": f.SHA256, "magic": f.Magic, "interpreter": f.Interp, "target": f.Target} {
		if v != "" {
			r.Fields[k] = v
		}
	}
	var b strings.Builder
	kind := f.Type.String()
	if f.Magic != "" {
		kind = f.Magic + " " + kind
	}
	switch c.What {
	case Added:
		fmt.Fprintf(&b, "added: %s %s, %s, %d bytes", kind, f.Path, f.Mode, f.Size)
	case Deleted:
		fmt.Fprintf(&b, "deleted: %s %s, which had %d bytes", kind, f.Path, f.Size)
	case Type:
		fmt.Fprintf(&b, "%s was a %s and is a %s", f.Path, c.Before.Type, f.Type)
	case Uncompared:
		fmt.Fprintf(&b, "%s could not be compared", f.Path)
		if len(c.Differs) > 0 {
			fmt.Fprintf(&b, "; differs in %s", strings.Join(c.Differs, ", "))
		}
	case Content:
		fmt.Fprintf(&b, "content of %s changed (%d to %d bytes); differs in %s", f.Path, c.Before.Size, f.Size, strings.Join(c.Differs, ", "))
		if f.Type == filesystem.Symlink {
			b.Reset()
			fmt.Fprintf(&b, "symbolic link %s leads to %s, not to %s", f.Path, f.Target, c.Before.Target)
		}
	default:
		fmt.Fprintf(&b, "%s %s differs in %s", kind, f.Path, strings.Join(c.Differs, ", "))
		if slices.Contains(c.Differs, "mode") {
			fmt.Fprintf(&b, " (%s to %s)", c.Before.Mode, f.Mode)
		}
	}
	if f.Target != "" && c.What == Added {
		fmt.Fprintf(&b, " -> %s", f.Target)
	}
	r.Summary = b.String()
}
