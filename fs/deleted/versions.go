package deleted

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sort"

	"deadbox/fs/filesystem"
)

// maxVersions bounds the versions of one file.
const maxVersions = 64

// version is one content that a life had.
type version struct {
	l       *life
	s       state
	kind    Kind
	content filesystem.Content // nil if there is none
	err     error              // why it could not be mapped whole
	target  string

	number, of int
	grade      Grade
	why        []string
	reused     []Reuse
	lost       []span // parts of the content that are another's
}

// bearing reports whether a state says where content lies.
func bearing(in *filesystem.Inode) bool {
	t := in.Mode.Type()
	return (t == filesystem.Regular || t == filesystem.Symlink) && in.Size > 0 && !allZero(in.Raw[mapAt:][:mapLen]) &&
		(in.Flags&filesystem.FlagExtents == 0 || in.Raw[mapAt+2] != 0 || in.Raw[mapAt+3] != 0 || in.Flags&filesystem.FlagInlineData != 0)
}

// versions divides the states of each life into versions: a file that only
// grew has one.
func (e *engine) versions() error {
	for _, l := range e.lives {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		e.versionsOf(l)
	}
	return nil
}

func (e *engine) versionsOf(l *life) {
	kind := Deleted
	if l.open {
		kind = Open
	}
	typ := l.fileType()
	if len(l.states) == 0 {
		e.found = append(e.found, &version{l: l, number: 1, of: 1})
		return
	}
	if l.living && typ != filesystem.Regular {
		return
	}
	var list []*version
	var cur *version
	for i := range l.states {
		s := l.states[i]
		if !bearing(s.in) {
			// Emptied, or freed: what was there ends.
			if used(s.in) {
				cur = nil
			}
			continue
		}
		if cur != nil && used(cur.s.in) && !used(s.in) {
			// Freed with its map or its inline content still in it: the times of the
			// state before are those that the file had.
			cur.s.to = s.to
			continue
		}
		if cur != nil && e.continues(cur, &s) {
			cur.s.to = s.to
			continue
		}
		if len(list) >= maxVersions {
			e.note("Of files with more than %d versions the rest is left out.", maxVersions)
			break
		}
		cur = &version{l: l, s: s, kind: kind}
		if !e.mapState(cur, &s) {
			return
		}
		list = append(list, cur)
	}
	if l.living {
		// The last is what the file holds today.
		if cur != nil && len(list) > 0 {
			list = list[:len(list)-1]
		}
		list = slices.DeleteFunc(list, func(v *version) bool { return v.content == nil || e.moved(l, v) })
		for _, v := range list {
			v.kind = Truncated
		}
	} else if cur == nil {
		// The state at the end had no content, or none is known of.
		end := l.states[len(l.states)-1]
		for i := len(l.states) - 1; i >= 0; i-- {
			if used(l.states[i].in) {
				end = l.states[i]
				break
			}
		}
		list = append(list, &version{l: l, s: end, kind: kind})
	}
	for i, v := range list {
		v.number, v.of = i+1, len(list)
	}
	e.found = append(e.found, list...)
}

// mapState maps the content of a version as one state has it; false if there
// is no room for more.
func (e *engine) mapState(v *version, s *state) bool {
	if e.mapped >= maxRuns {
		e.note("The maps of the deleted files have more runs than are looked at; the rest is left out.")
		return false
	}
	v.s = *s
	v.content, v.err = e.content(s.in, s.to)
	e.mapped++
	if v.content != nil {
		e.mapped += len(v.content.Extents())
	}
	return true
}

// continues reports whether a state holds the content of a version too, and
// takes the version from it if it does. A file that grew is one; one that was
// cut or written anew is not.
func (e *engine) continues(v *version, s *state) bool {
	a, b := v.s.in, s.in
	const inline = filesystem.FlagInlineData
	ma, mb := a.Raw[mapAt:][:mapLen], b.Raw[mapAt:][:mapLen]
	switch {
	case a.Flags&inline != 0 && b.Flags&inline == 0:
		if b.Size < a.Size {
			return false
		}
	case a.Mode.Type() == filesystem.Symlink && !bytes.Equal(ma, mb):
		return false
	case a.Flags&inline != 0:
		if !e.prefix(v, s) {
			return false
		}
	case bytes.Equal(ma, mb) && !deep(b):
	default:
		next := &version{}
		if !e.mapState(next, s) || next.content == nil {
			return false
		}
		if v.content != nil && !covers(next.content.Extents(), v.content.Extents()) {
			return false
		}
		v.s.in, v.s.to, v.content, v.err = s.in, s.to, next.content, next.err
		return true
	}
	first := v.s.at
	e.mapState(v, s)
	v.s.at = first
	return true
}

// prefix reports whether inline content begins with that of a version.
func (e *engine) prefix(v *version, s *state) bool {
	c, _ := e.f.Content(s.in)
	if c == nil || v.content == nil || c.Size() < v.content.Size() || v.content.Size() > e.block {
		return false
	}
	a, b := make([]byte, v.content.Size()), make([]byte, v.content.Size())
	if _, err := v.content.ReadAt(a, 0); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if _, err := c.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return bytes.Equal(a, b)
}

// covers reports whether every block of old stands in the same place in new.
func covers(new, old []filesystem.Extent) bool {
	for _, o := range old {
		if o.Kind == filesystem.Hole || o.Offset < 0 {
			continue
		}
		for at := o.Logical; at < o.Logical+o.Length; {
			i := sort.Search(len(new), func(i int) bool { return new[i].Logical+new[i].Length > at })
			if i == len(new) || new[i].Logical > at || new[i].Offset < 0 || new[i].Offset+at-new[i].Logical != o.Offset+at-o.Logical {
				return false
			}
			at = new[i].Logical + new[i].Length
		}
	}
	return true
}

// moved reports whether a later state of a living file has the same size and
// time of writing: then its blocks were moved, and no content was lost.
func (e *engine) moved(l *life, v *version) bool {
	for i := range l.states {
		s := l.states[i].in
		if l.states[i].at > v.s.to && s.Size == v.s.in.Size && s.Times.Modified == v.s.in.Times.Modified {
			return true
		}
	}
	return false
}
