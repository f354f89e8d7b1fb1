package deleted

import (
	"fmt"
	"io"
	"sort"

	"deadbox/fs/filesystem"
)

// remains is the content of a version without what was used again.
type remains struct {
	filesystem.Content
	n    filesystem.Inum
	runs []filesystem.Extent
}

func newRemains(v *version) filesystem.Content {
	if len(v.lost) == 0 {
		return v.content
	}
	r := &remains{Content: v.content, n: v.l.n}
	lost := v.lost
	for _, x := range v.content.Extents() {
		for x.Length > 0 {
			for len(lost) > 0 && lost[0].to <= x.Logical {
				lost = lost[1:]
			}
			n, kind := x.Length, x.Kind
			if len(lost) > 0 && isData(kind) {
				if lost[0].from <= x.Logical {
					n, kind = min(n, lost[0].to-x.Logical), filesystem.Lost
				} else {
					n = min(n, lost[0].from-x.Logical)
				}
			}
			part := filesystem.Extent{Logical: x.Logical, Offset: x.Offset, Length: n, Kind: kind}
			if kind == filesystem.Lost {
				part.Offset = -1
			}
			r.runs = append(r.runs, part)
			x.Logical, x.Length = x.Logical+n, x.Length-n
			if x.Offset >= 0 {
				x.Offset += n
			}
		}
	}
	return r
}

func (r *remains) Extents() []filesystem.Extent { return r.runs }

func (r *remains) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		i := sort.Search(len(r.runs), func(i int) bool { return r.runs[i].Logical+r.runs[i].Length > at })
		if at >= r.Size() || i == len(r.runs) {
			return n, io.EOF
		}
		run := &r.runs[i]
		want := p[n:min(int64(len(p)), int64(n)+run.Logical+run.Length-at)]
		if run.Kind == filesystem.Lost {
			return n, &filesystem.CorruptError{Structure: "deleted file", Offset: -1, Inum: r.n, Reason: fmt.Sprintf("byte %d was used again by another file", at)}
		}
		got, err := r.Content.ReadAt(want, at)
		if n += got; got < len(want) {
			return n, err
		}
	}
	return n, nil
}

// Filled is the content with zeros in place of what is lost, so that it can be
// written out whole; nil if there is none.
func (f *File) Filled() filesystem.Content {
	if f.Content == nil {
		return nil
	}
	r := &filled{Content: f.Content}
	for _, x := range f.Content.Extents() {
		if x.Kind == filesystem.Lost {
			x.Kind, x.Offset = filesystem.Hole, -1
		}
		r.runs = append(r.runs, x)
	}
	return r
}

type filled struct {
	filesystem.Content
	runs []filesystem.Extent
}

func (r *filled) Extents() []filesystem.Extent { return r.runs }

func (r *filled) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		i := sort.Search(len(r.runs), func(i int) bool { return r.runs[i].Logical+r.runs[i].Length > at })
		if at >= r.Size() || i == len(r.runs) {
			return n, io.EOF
		}
		run := &r.runs[i]
		want := p[n:min(int64(len(p)), int64(n)+run.Logical+run.Length-at, int64(n)+r.Size()-at)]
		if run.Kind == filesystem.Hole {
			clear(want)
			n += len(want)
			continue
		}
		got, err := r.Content.ReadAt(want, at)
		if n += got; got < len(want) {
			return n, err
		}
	}
	return n, nil
}
