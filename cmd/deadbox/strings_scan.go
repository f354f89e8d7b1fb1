package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"deadbox/fs/content"
	"deadbox/fs/content/textscan"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/internal/inorder"
	"deadbox/report"
)

const (
	// maxString is the most bytes that are read on in search of a string's end;
	// then it is cut where the next part begins.
	maxString = 1 << 20
	scanPart  = 1 << 20 // bytes that one goroutine scans at a time
	lookAhead = 4 << 10 // bytes read on at first: nearly all strings end there
	maxTasks  = 1024    // stretches that one goroutine scans at a time
	seam      = 4 << 10 // bytes behind a cut that a match may reach into
)

// stringScan goes over the evidence in search of strings.
type stringScan struct {
	ctx       context.Context
	app       *app
	opts      *stringsOptions
	ev        *evidence
	o         *output
	patterns  *textscan.Patterns
	encodings []textscan.Encoding
	atLeast   int
	only      *host.Mount // the one file system to go over; nil for all
	maps      map[*host.Mount]*mapped
	late      []error // what went wrong while the stretches were listed, on a goroutine of its own
}

// mapped is a file system with what is known of its owners.
type mapped struct {
	owners *content.Owners
	index  *filesystem.Index
	prefix string // where it stands on the server: "/var"; "" for the root
	system map[filesystem.Inum]string
}

// stretch is a run of bytes with one owner, to be scanned from its start to its
// end.
type stretch struct {
	kind    string
	name    string      // of a structure, of a system inode, of a volume
	mount   *host.Mount // nil outside of file systems
	image   string      // where there is no mount
	slot    string      // of the volume; "" outside of all
	inum    filesystem.Inum
	path    string // if it is known already
	src     io.ReaderAt
	logical bool // src is read by the offset in the file, not by that on the disk
	whole   bool // of several owners: an image as it is
	pieces  []content.Piece
}

func (x *stretch) inFile() bool { return x.inum != 0 }

// kindJournal and the others are the words for owners that are not a
// [content.OwnerKind].
const (
	kindJournal = "journal"
	kindSystem  = "system"
	kindVolume  = "volume"
	kindGap     = "gap"
)

// scanTask is a part of a stretch.
type scanTask struct {
	stretch
	base     int64 // of the first piece here, from the start of the stretch
	from, to int64 // from the start of the stretch
	length   int64 // of the stretch
	lo, hi   int   // pieces, in the job's list
}

// scanJob is what one goroutine does at a time, with the space for it.
type scanJob struct {
	tasks   []scanTask
	pieces  []content.Piece
	bytes   int64
	buf     []byte
	spans   []textscan.Span
	found   []foundString
	matches []textscan.Match
	scratch textscan.Scratch
	text    []byte
	out     []byte
	errs    []error
}

type foundString struct {
	from, to int64 // from the start of the stretch
	encoding textscan.Encoding
	cut      bool // it goes on in the next part
	behind   bool // it began in an earlier part
	lo, hi   int  // matches
}

// run scans stretches on several goroutines and writes what is found in their
// order.
func (s *stringScan) run(total int64, stretches func(yield func(*stretch) bool)) error {
	s.app.people.begin("searching", total, unitBytes)
	defer s.app.people.end()
	feed := func(next func() *scanJob) {
		var j *scanJob
		stretches(func(x *stretch) bool {
			length := int64(0)
			for _, p := range x.pieces {
				length += p.Length
			}
			first, base := 0, int64(0)
			for from := int64(0); from < length; from += scanPart {
				if j == nil || j.bytes >= scanPart || len(j.tasks) >= maxTasks {
					if j = next(); j == nil {
						return false
					}
					j.tasks, j.pieces, j.bytes, j.out, j.errs = j.tasks[:0], j.pieces[:0], 0, j.out[:0], nil
				}
				t := scanTask{stretch: *x, from: from, to: min(from+scanPart, length), length: length, lo: len(j.pieces)}
				for base+x.pieces[first].Length <= from {
					base += x.pieces[first].Length
					first++
				}
				t.base = base
				end := min(t.to+maxString+seam, length)
				for k, at := first, base; at < end; k++ {
					j.pieces = append(j.pieces, x.pieces[k])
					at += x.pieces[k].Length
				}
				t.hi = len(j.pieces)
				j.tasks = append(j.tasks, t)
				j.bytes += t.to - t.from
			}
			return s.ctx.Err() == nil
		})
	}
	for j := range inorder.Stream(s.ctx, feed, s.work) {
		for _, err := range j.errs {
			s.app.damage("", err)
		}
		if _, err := s.o.Write(j.out); err != nil {
			return err
		}
		s.app.people.add(j.bytes)
	}
	for _, err := range s.late { // the goroutine has ended
		s.app.damage("", err)
	}
	return s.ctx.Err()
}

func (s *stringScan) work(j *scanJob) {
	for i := range j.tasks {
		if s.ctx.Err() != nil {
			return
		}
		s.scan(j, &j.tasks[i])
	}
}

// part is the bytes of a task, and of what follows as far as it is needed.
type part struct {
	s    *stringScan
	j    *scanJob
	t    *scanTask
	edge int64 // most bytes that may be read
}

// grow reads until n bytes are there.
func (p *part) grow(n int64) {
	have := int64(len(p.j.buf))
	if n = min(n, p.edge); n <= have {
		return
	}
	p.j.buf = slices.Grow(p.j.buf, int(n-have))[:n]
	p.s.read(p.j, p.t, p.j.buf[have:], p.t.from+have)
}

// place gives where the strings before a place, counted from the start of the
// task, and those behind it part. A place gives the same for the task that begins there
// and for the one that ends there, so nothing is seen twice, and nothing by none.
func (p *part) place(e textscan.Encoding, at int64) (place int64, cut bool) {
	length := p.t.length - p.t.from
	if p.t.from+at == 0 || at >= length {
		return min(at, length), false
	}
	end := min(at+maxString, length)
	for n := min(at+lookAhead, end); ; n = min(2*n, end) {
		p.grow(n)
		if k := e.Break(p.j.buf[:n], int(at)); k >= 0 {
			return int64(k), false
		}
		if n == end {
			break
		}
	}
	if end == length {
		return length, false
	}
	return int64(e.Cut(p.j.buf, int(at))), true
}

func (s *stringScan) scan(j *scanJob, t *scanTask) {
	size := t.to - t.from
	p := part{s: s, j: j, t: t, edge: min(size+maxString+seam, t.length-t.from)}
	j.buf, j.found, j.matches = j.buf[:0], j.found[:0], j.matches[:0]
	p.grow(size + lookAhead)
	for _, e := range s.encodings {
		start, behind := p.place(e, 0)
		if start > size+utf8.UTFMax {
			continue
		}
		end, cut := p.place(e, size)
		if start >= end {
			continue
		}
		far := end
		if cut { // a match may lie over the cut, and the string need not be long before it
			p.grow(end + seam)
			far = min(end+seam, int64(len(j.buf)))
		}
		b := j.buf[start:far]
		if s.patterns != nil && !s.patterns.Maybe(e, b) {
			continue
		}
		j.spans = e.Append(j.spans[:0], b, s.atLeast)
		for _, span := range j.spans {
			f := foundString{from: start + int64(span.From), to: start + int64(span.To), encoding: e}
			if f.from >= end {
				continue
			}
			f.lo = len(j.matches)
			if s.patterns != nil {
				j.matches = s.patterns.Append(j.matches, j.plain(e, j.buf[f.from:f.to]), &j.scratch)
				unit := int64(e.Unit())
				j.matches = append(j.matches[:f.lo], slices.DeleteFunc(j.matches[f.lo:], func(m textscan.Match) bool {
					return f.from+int64(m.From)*unit >= end
				})...)
				if len(j.matches) == f.lo {
					continue
				}
			}
			f.hi = len(j.matches)
			f.behind = behind && f.from == start
			if cut && f.to >= end {
				f.cut = true
				if s.patterns == nil {
					f.to = end
				}
			}
			f.from, f.to = f.from+t.from, f.to+t.from
			j.found = append(j.found, f)
		}
	}
	if len(j.found) == 0 {
		return
	}
	if len(s.encodings) > 1 {
		slices.SortFunc(j.found, func(a, b foundString) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.encoding, b.encoding))
		})
	}
	w := s.writer(j, t)
	for i := range j.found {
		f := &j.found[i]
		w.write(f, j.plain(f.encoding, j.buf[f.from-t.from:f.to-t.from]))
	}
}

// plain gives a string as UTF-8, valid until the next call.
func (j *scanJob) plain(e textscan.Encoding, raw []byte) []byte {
	if e.Unit() == 1 {
		return raw
	}
	j.text = e.Text(j.text, raw)
	return j.text
}

// read fills p with the bytes at a place of a stretch. What cannot be read is
// zeros, and reported by the task that it belongs to.
func (s *stringScan) read(j *scanJob, t *scanTask, p []byte, at int64) {
	base := t.base
	for _, piece := range j.pieces[t.lo:t.hi] {
		into := at - base
		base += piece.Length
		if into >= piece.Length {
			continue
		}
		want := p[:min(int64(len(p)), piece.Length-into)]
		off := piece.Offset + into
		if t.logical {
			off = piece.Logical + into
		}
		s.readAll(j, t, want, off, at)
		p, at = p[len(want):], at+int64(len(want))
		if len(p) == 0 {
			return
		}
	}
	clear(p)
}

func (s *stringScan) readAll(j *scanJob, t *scanTask, p []byte, off, at int64) {
	const sector = 512
	lost, first, last := int64(0), int64(0), error(nil)
	for len(p) > 0 {
		n, err := t.src.ReadAt(p, off)
		p, off, at = p[n:], off+int64(n), at+int64(n)
		if len(p) == 0 || s.ctx.Err() != nil {
			break
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		k := int(min(sector-off%sector, int64(len(p))))
		clear(p[:k])
		if at < t.to {
			if lost == 0 {
				first = at
			}
			lost, last = lost+int64(k), err
		}
		p, off, at = p[k:], off+int64(k), at+int64(k)
	}
	clear(p)
	if lost > 0 {
		image, place, _, _ := s.spot(j, t, first)
		where := orElse(t.kind, "bytes")
		if t.inFile() {
			where = fmt.Sprintf("inode %d", t.inum)
		}
		if place >= 0 {
			where += " at byte " + s.ev.placeText(image, place)
		}
		j.errs = append(j.errs, fmt.Errorf("%s: %d bytes are not searched: %w", where, lost, last))
	}
}

// spot gives where a byte of a stretch stands on an image (-1 if nowhere), in
// its file, and on its file system.
func (s *stringScan) spot(j *scanJob, t *scanTask, at int64) (image string, offset, logical, volumeOffset int64) {
	base := t.base
	for _, piece := range j.pieces[t.lo:t.hi] {
		if into := at - base; into < piece.Length {
			logical, volumeOffset = piece.Logical+into, piece.Offset+into
			if piece.Offset < 0 {
				volumeOffset = -1
			}
			if t.mount == nil {
				return t.image, volumeOffset, logical, volumeOffset
			}
			if volumeOffset < 0 {
				return t.mount.Image, -1, logical, -1
			}
			image, offset = t.mount.Place(volumeOffset)
			return image, offset, logical, volumeOffset
		}
		base += piece.Length
	}
	return t.image, -1, -1, -1
}

// stringWriter formats the strings of one task.
type stringWriter struct {
	s     *stringScan
	j     *scanJob
	t     *scanTask
	owner ownerText
	known bool // owner is that of the whole task
}

// ownerText is an owner as it is written.
type ownerText struct {
	kind, name, slot, path string
	inum                   filesystem.Inum
	logical                int64 // of the place that was asked for, in the file
}

func (s *stringScan) writer(j *scanJob, t *scanTask) *stringWriter {
	return &stringWriter{s: s, j: j, t: t}
}

// ownerAt says who owns the byte that stands at an offset of a stretch.
func (w *stringWriter) ownerAt(logical, offset int64) *ownerText {
	t := w.t
	if t.whole {
		w.owner = w.s.rawOwner(t.image, offset)
		return &w.owner
	}
	if !w.known {
		w.known = true
		w.owner = ownerText{kind: t.kind, name: t.name, slot: t.slot, path: t.path, inum: t.inum}
		if t.inum != 0 && t.path == "" && t.mount != nil {
			w.owner.path = w.s.pathOf(t.mount, t.inum)
		}
	}
	w.owner.logical = logical
	return &w.owner
}

func (w *stringWriter) write(f *foundString, text []byte) {
	j, t, s := w.j, w.t, w.s
	if s.o.format == formatSrch {
		whole := s.patterns == nil // parts of a string follow each other
		if !f.behind || !whole {
			_, offset, logical, _ := s.spot(j, t, f.from)
			if s.opts.target.inode != 0 || t.path != "" {
				offset = logical
			}
			j.out = append(appendPadded(j.out, offset, 10), ' ')
		}
		if j.out = append(j.out, text...); !f.cut || !whole {
			j.out = append(j.out, '\n')
		}
		return
	}
	if s.o.format == formatJSONL {
		w.writeJSON(f, text)
		return
	}
	at := f.from
	if f.hi > f.lo {
		at += int64(j.matches[f.lo].From) * int64(f.encoding.Unit())
	}
	image, offset, logical, _ := s.spot(j, t, at)
	if offset < 0 {
		j.out = append(j.out, '-')
	} else {
		j.out = strconv.AppendInt(j.out, offset, 10)
	}
	if len(s.ev.disks) > 1 && image != "" {
		j.out = report.AppendText(append(j.out, " of "...), image)
	}
	j.out = append(j.out, '\t')
	j.out = s.appendOwner(j.out, w.ownerAt(logical, offset))
	if len(s.encodings) > 1 {
		j.out = append(append(j.out, '\t'), f.encoding.String()...)
	}
	j.out = append(j.out, '\t')
	if f.behind {
		j.out = append(j.out, "..."...)
	}
	j.out = appendPlain(j.out, text, report.AppendText)
	if f.cut {
		j.out = append(j.out, "..."...)
	}
	j.out = append(j.out, '\n')
}

func (s *stringScan) appendOwner(dst []byte, o *ownerText) []byte {
	switch {
	case o.path != "":
		dst = report.AppendText(dst, o.path)
		if o.kind != content.InFile.String() {
			dst = append(append(append(dst, " ("...), o.kind...), ')')
		}
		return strconv.AppendInt(append(dst, '+'), o.logical, 10)
	case o.inum != 0:
		dst = append(append(append(dst, '('), orElse(o.name, o.kind)...), ')')
		return strconv.AppendInt(append(dst, '+'), o.logical, 10)
	}
	dst = append(dst, '(')
	dst = append(dst, orElse(o.name, o.kind)...)
	if o.kind == kindVolume || o.slot != "" && len(s.ev.mounts) > 1 {
		dst = report.AppendText(append(dst, ' '), o.slot)
	}
	return append(dst, ')')
}

func (w *stringWriter) writeJSON(f *foundString, text []byte) {
	j, t, s := w.j, w.t, w.s
	image, offset, logical, _ := s.spot(j, t, f.from)
	o := w.ownerAt(logical, offset)
	dst := append(j.out, '{')
	member := func(name string) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), `":`...)
	}
	number := func(name string, v int64) {
		member(name)
		dst = strconv.AppendInt(dst, v, 10)
	}
	word := func(name, v string) {
		if v != "" {
			member(name)
			dst = report.AppendJSONString(dst, v)
		}
	}
	word("image", string(s.ev.imageText(image)))
	word("volume", o.slot)
	if offset >= 0 {
		number("offset", offset)
	}
	word("owner", o.kind)
	word("name", o.name)
	word("path", o.path)
	if o.path != "" && !utf8.ValidString(o.path) {
		word("path_bytes", base64.StdEncoding.EncodeToString([]byte(o.path)))
	}
	if o.inum != 0 {
		number("inode", int64(o.inum))
		number("in_file", o.logical)
	}
	word("encoding", f.encoding.String())
	number("length", f.to-f.from)
	member("string")
	dst = append(dst, '"')
	dst = appendPlain(dst, text, func(dst []byte, s string) []byte {
		k := len(dst)
		dst = report.AppendJSONString(dst, s)
		return append(dst[:k], dst[k+1:len(dst)-1]...)
	})
	dst = append(dst, '"')
	if f.behind {
		member("continued")
		dst = append(dst, "true"...)
	}
	if f.cut {
		member("cut")
		dst = append(dst, "true"...)
	}
	if f.hi > f.lo {
		member("matches")
		dst = append(dst, '[')
		for i, m := range j.matches[f.lo:f.hi] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '{')
			into := int64(m.From) * int64(f.encoding.Unit())
			image, at, logical, _ := s.spot(j, t, f.from+into)
			word("pattern", s.patterns.Names[m.Pattern])
			number("in_string", into)
			if !t.whole && t.inFile() {
				number("in_file", logical)
			}
			if at >= 0 {
				word("image", string(s.ev.imageText(image)))
				number("offset", at)
			}
			word("text", string(text[m.From:m.To]))
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	j.out = append(dst, '}', '\n')
}

// appendPlain appends text, of which only what is not plain ASCII is left to
// escape.
func appendPlain(dst, text []byte, escape func([]byte, string) []byte) []byte {
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= ' ' && text[n] < 0x7f && text[n] != '"' && text[n] != '\\' {
			n++
		}
		dst = append(dst, text[:n]...)
		text = text[n:]
		for n = 0; n < len(text) && (text[n] < ' ' || text[n] >= 0x7f || text[n] == '"' || text[n] == '\\'); n++ {
		}
		if n > 0 {
			dst = escape(dst, string(text[:n]))
			text = text[n:]
		}
	}
	return dst
}

// appendPadded appends a number, with blanks before it up to a width.
func appendPadded(dst []byte, v int64, width int) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], v, 10)
	for n := len(d); n < width; n++ {
		dst = append(dst, ' ')
	}
	return append(dst, d...)
}

// pathOf gives the path of an inode on the server.
func (s *stringScan) pathOf(m *host.Mount, n filesystem.Inum) string {
	x := s.maps[m]
	if x == nil || x.index == nil {
		return ""
	}
	if _, ok := x.system[n]; ok {
		return ""
	}
	p := x.index.Path(n)
	if p == "" {
		p = filesystem.OrphanPath(n)
	}
	if p == "/" {
		return orElse(x.prefix, "/")
	}
	return x.prefix + p
}

// chosen are the file systems that are gone over.
func (s *stringScan) chosen() []*host.Mount {
	if s.only != nil {
		return []*host.Mount{s.only}
	}
	return s.ev.mounts
}

// mapOwners reads whose the bytes of each file system are.
func (s *stringScan) mapOwners() error {
	if s.opts.raw && s.o.format == formatSrch {
		return nil // it does not say
	}
	s.maps = map[*host.Mount]*mapped{}
	points := map[string]string{}
	if len(s.ev.mounts) > 1 && s.only == nil {
		if h, err := s.ev.server(s.ctx); err == nil {
			for _, m := range h.Mounts {
				points[m.Volume.Slot] = strings.TrimSuffix(m.Point, "/")
			}
		}
	}
	for _, m := range s.chosen() {
		x := &mapped{prefix: points[m.Volume.Slot], system: m.FS.Info().System}
		s.maps[m] = x
		if !s.opts.unallocated && s.o.format != formatSrch {
			var err error
			if x.index, err = s.app.buildIndex(s.ctx, m.FS); err != nil {
				return err
			}
		}
		if s.bytesOf(m) == nil {
			continue
		}
		var damage []error
		x.owners, damage = content.MapOwners(s.ctx, m.FS, m.Room())
		if err := s.ctx.Err(); err != nil {
			return err
		}
		for _, err := range damage {
			s.app.damage("", &volumeError{m.Volume.Slot, err})
		}
	}
	return nil
}

// bytesOf reads the bytes of a file system; nil if it is a tree, which has
// none.
func (s *stringScan) bytesOf(m *host.Mount) io.ReaderAt {
	if m.Volume.Composed() {
		return m.Volume.Reader(nil)
	}
	d := s.ev.disk(m.Image)
	if d == nil || d.image == nil {
		return nil
	}
	return m.Volume.Reader(d.image)
}

// total is the bytes that are gone over; 0 if that is not known.
func (s *stringScan) total() int64 {
	switch {
	case s.opts.unallocated || s.opts.slack:
		return 0
	case s.only != nil:
		return s.only.Room()
	}
	return s.size()
}

// size is the bytes of all images.
func (s *stringScan) size() (n int64) {
	for _, d := range s.ev.disks {
		if d.image != nil {
			n += d.image.Size()
		}
	}
	return n
}

// everything yields the stretches of all that is asked for.
func (s *stringScan) everything(yield func(*stretch) bool) {
	if s.opts.raw {
		for _, d := range s.ev.disks {
			if d.image != nil && !yield(&stretch{kind: "image", image: d.name, src: d.image, whole: true, pieces: []content.Piece{{Length: d.image.Size()}}}) {
				return
			}
		}
		return
	}
	if s.only != nil {
		s.volume(s.only, yield)
		return
	}
	for _, d := range s.ev.disks {
		if d.image == nil {
			if m := s.ev.mountNamed(s.ev.prefix(d) + treeSlot); m != nil && !s.volume(m, yield) {
				return
			}
			continue
		}
		if !s.disk(d, yield) {
			return
		}
	}
	for _, m := range s.ev.mounts {
		if m.Volume.Composed() && !s.volume(m, yield) {
			return
		}
	}
}

// span is a range of an image.
type span struct{ from, to int64 }

// disk yields the stretches of an image in the order of its volumes, with what
// lies outside of them.
func (s *stringScan) disk(d *piece, yield func(*stretch) bool) bool {
	at, size := int64(0), d.image.Size()
	rest := func(from, to int64, kind, slot string) bool {
		if from >= to || s.opts.unallocated || s.opts.slack {
			return true
		}
		return yield(&stretch{kind: kind, image: d.name, slot: slot, src: d.image, pieces: []content.Piece{{Offset: from, Length: to - from}}})
	}
	for i := range d.layout.Volumes {
		v := &d.layout.Volumes[i]
		from, to := max(v.Offset, at), min(v.Offset+v.Length-v.Missing, size)
		m := s.ev.mountOf(v)
		if v.Container && m == nil || to <= from && m == nil {
			continue
		}
		if !rest(at, min(v.Offset, size), kindGap, "") {
			return false
		}
		at = max(at, to)
		if m != nil {
			if !s.volume(m, yield) {
				return false
			}
			continue
		}
		kind, slot := kindVolume, v.Slot
		if !v.Allocated {
			kind, slot = kindGap, ""
		}
		for _, free := range s.withoutComposed(d, span{from, to}) {
			if !rest(free.from, free.to, kind, slot) {
				return false
			}
		}
	}
	return rest(at, size, kindGap, "")
}

// withoutComposed takes out of a range of an image what is read as a part of a
// composed file system.
func (s *stringScan) withoutComposed(d *piece, r span) []span {
	var taken []span
	for _, m := range s.ev.mounts {
		if !m.Volume.Composed() {
			continue
		}
		for _, p := range m.Volume.Parts {
			if p.Image == d.name && p.Offset >= 0 && p.Length > 0 && p.Offset < r.to && p.Offset+p.Length > r.from {
				taken = append(taken, span{p.Offset, p.Offset + p.Length})
			}
		}
	}
	slices.SortFunc(taken, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, t := range taken {
		if t.from > r.from {
			out = append(out, span{r.from, t.from})
		}
		r.from = max(r.from, t.to)
	}
	if r.from < r.to {
		out = append(out, r)
	}
	return out
}

// volume yields the stretches of a file system.
func (s *stringScan) volume(m *host.Mount, yield func(*stretch) bool) bool {
	x := s.maps[m]
	if x == nil {
		return true
	}
	if x.owners == nil {
		return s.tree(m, yield)
	}
	src := s.bytesOf(m)
	for o := range x.owners.All() {
		if s.opts.unallocated && o.Kind != content.Free || s.opts.slack && o.Kind != content.InSlack && o.Kind != content.InUnwritten {
			continue
		}
		kind, name := x.words(o)
		if !yield(&stretch{kind: kind, name: name, mount: m, slot: m.Volume.Slot, inum: o.Inum, src: src, pieces: o.Pieces}) {
			return false
		}
	}
	return true
}

// words are what an owner is called, and its name.
func (x *mapped) words(o *content.Owned) (kind, name string) {
	system, ok := x.system[o.Inum]
	switch {
	case o.Inum == 0 || !ok:
		return o.Kind.String(), o.Structure
	case system == "journal":
		return kindJournal, system
	}
	return kindSystem, system
}

// tree yields the contents of a tree that stands for an image.
func (s *stringScan) tree(m *host.Mount, yield func(*stretch) bool) bool {
	if s.opts.unallocated || s.opts.slack {
		return true
	}
	for in, err := range m.FS.Inodes(s.ctx) {
		if err != nil {
			s.late = append(s.late, &volumeError{m.Volume.Slot, err})
			continue
		}
		if in.Mode.Type() != filesystem.Regular {
			continue
		}
		if !s.contentOf(m, in, "", yield) {
			return false
		}
	}
	return true
}

// file yields the content of one file, or its slack.
func (s *stringScan) file(t *target, yield func(*stretch) bool) {
	if !s.opts.slack {
		s.contentOf(t.mount, t.inode, t.path, yield)
		return
	}
	c, err := t.mount.FS.Content(t.inode)
	if err != nil {
		s.late = append(s.late, fmt.Errorf("%s: %w", t.name(), err))
	}
	src := s.bytesOf(t.mount)
	if c == nil || src == nil {
		return
	}
	for _, e := range c.Extents() {
		from := max(c.Size(), e.Logical)
		kind := content.InSlack
		if e.Kind == filesystem.Unwritten {
			from, kind = e.Logical, content.InUnwritten
		}
		into := from - e.Logical
		if e.Offset < 0 || e.Kind == filesystem.Inline || e.Kind == filesystem.Lost || into >= e.Length {
			continue
		}
		if !yield(&stretch{kind: kind.String(), mount: t.mount, slot: t.mount.Volume.Slot, inum: t.inode.Inum, path: t.path, src: src,
			pieces: []content.Piece{{Logical: from, Offset: e.Offset + into, Length: e.Length - into}}}) {
			return
		}
	}
}

// contentOf yields the parts of a file between its holes.
func (s *stringScan) contentOf(m *host.Mount, in *filesystem.Inode, path string, yield func(*stretch) bool) bool {
	c, err := m.FS.Content(in)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.late = append(s.late, fmt.Errorf("inode %d: %w", in.Inum, err))
	}
	if c == nil {
		return true
	}
	x := stretch{kind: content.InFile.String(), mount: m, slot: m.Volume.Slot, inum: in.Inum, path: path, src: c, logical: true}
	flush := func() bool {
		if len(x.pieces) == 0 {
			return true
		}
		ok := yield(&x)
		x.pieces = x.pieces[:0]
		return ok
	}
	for _, e := range c.Extents() {
		n := min(e.Length, c.Size()-e.Logical)
		if n <= 0 || e.Kind == filesystem.Hole || e.Kind == filesystem.Unwritten || e.Kind == filesystem.Lost {
			continue
		}
		if k := len(x.pieces); k > 0 && x.pieces[k-1].Logical+x.pieces[k-1].Length != e.Logical && !flush() {
			return false
		}
		x.pieces = append(x.pieces, content.Piece{Logical: e.Logical, Offset: e.Offset, Length: n})
	}
	return flush()
}

// rawOwner says who owns a byte of an image.
func (s *stringScan) rawOwner(image string, offset int64) ownerText {
	d := s.ev.disk(image)
	var best *volume.Volume
	for i := range d.layout.Volumes {
		if v := &d.layout.Volumes[i]; !v.Container && v.Offset <= offset && offset < v.Offset+v.Length {
			best = v
		}
	}
	if best == nil || !best.Allocated {
		return ownerText{kind: kindGap}
	}
	m := s.ev.mountOf(best)
	if m == nil || s.maps[m] == nil || s.maps[m].owners == nil {
		return ownerText{kind: kindVolume, slot: best.Slot}
	}
	x := s.maps[m]
	o := x.owners.At(offset - best.Offset)
	out := ownerText{slot: best.Slot, inum: o.Inum}
	out.kind, out.name = x.words(&o)
	if o.Inum != 0 {
		out.path, out.logical = s.pathOf(m, o.Inum), o.Pieces[0].Logical
	}
	return out
}
