package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/internal/unpack"
)

const (
	// maxMembers bounds the members of one tarball, and the directories that
	// are made because members lie in them.
	maxMembers = 1 << 24
	maxMade    = 1 << 21
	// maxElements of one name.
	maxNameElements = 2048
	maxLongName     = 64 << 10
	maxSparseRuns   = 1 << 20
)

// tarball is the store of an archive.
type tarball struct {
	file   io.Closer
	r      io.ReaderAt // of the archive, unpacked
	size   int64       // of the archive, unpacked
	packed string      // its format; "" for a plain tarball
	sparse map[int32][]filesystem.Extent
	lost   map[int32]error // why there is no content
}

func (t *tarball) Close() error {
	err := t.file.Close()
	if s, ok := t.r.(*spool); ok {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (t *tarball) xattrs(*FS, int32) ([]filesystem.Xattr, error) { return nil, nil }

// raw is the header as it stands in a plain tarball.
func (t *tarball) raw(f *FS, n int32) []byte {
	off := f.nodes[n].offset
	if off < 0 {
		return nil
	}
	b := make([]byte, blockSize)
	got, _ := t.r.ReadAt(b, off)
	return b[:got]
}

func (f *FS) openTarball(ctx context.Context) error {
	file, err := openQuietly(f.name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	return f.readTarball(ctx, file, info.Size())
}

// closingReader is a file.
type closingReader interface {
	io.ReaderAt
	io.Closer
}

func (f *FS) readTarball(ctx context.Context, file closingReader, size int64) error {
	t := &tarball{file: file, r: file, size: size, sparse: map[int32][]filesystem.Extent{}, lost: map[int32]error{}}
	f.store = t
	f.info.BlockSize = blockSize
	var head [unpack.HeadSize]byte
	n, _ := file.ReadAt(head[:], 0)
	if t.packed = unpack.Detect(head[:n]); t.packed != "" {
		f.info.Type = "tar, " + t.packed
		s, err := unpackToSpool(ctx, t.packed, file)
		if s == nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		t.r, t.size = s, s.size
		f.note("the tarball is packed (%s): it was unpacked to %d bytes in a temporary file below %s; where something stands in it has no offset", t.packed, s.size, os.TempDir())
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.damage(fmt.Errorf("the tarball cannot be unpacked whole: %d bytes of it could be read: %w", s.size, err))
		}
	}
	x := &indexer{f: f, t: t, ctx: ctx, known: map[place]int32{}, global: records{}}
	x.root()
	if err := x.run(); err != nil {
		return err
	}
	if x.members == 0 {
		return fmt.Errorf("%s: no member of a tarball in it", f.name)
	}
	x.tell()
	if t.packed != "" {
		for n := range f.nodes {
			f.nodes[n].offset = -1
		}
		for i := range f.names {
			f.names[i].offset = -1
		}
	}
	return f.tarCollection(ctx)
}

// place is a name in a directory.
type place struct {
	dir  int32
	name string
}

// indexer reads the headers of a tarball.
type indexer struct {
	f      *FS
	t      *tarball
	ctx    context.Context
	known  map[place]int32 // names that hold
	global records
	at     int64 // of the next block

	members  int
	made     int
	replaced int
	outside  int
	absolute int
	second   int // archives after the first
	odd      map[byte]int
	volume   string
}

// pending is what comes before a member and belongs to it.
type pending struct {
	records
	sparse         []string
	name, link     string
	hasName, hasLn bool
	start          int64 // of the first of these headers; -1 if there is none
}

func (x *indexer) root() {
	x.f.nodes = append(x.f.nodes, node{mode: filesystem.ModeDir | 0o755, made: true, offset: -1, data: -1, name: -1})
}

func (x *indexer) damage(structure string, offset int64, format string, args ...any) {
	if x.t.packed != "" {
		format, offset, args = format+", at byte %d unpacked", -1, append(args, offset)
	}
	x.f.damage(&filesystem.CorruptError{Structure: structure, Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// run reads member after member. It fails only when the context ends.
func (x *indexer) run() error {
	next := pending{records: records{}, start: -1}
	block := make([]byte, blockSize)
	for x.at < x.t.size {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		n, err := x.t.r.ReadAt(block, x.at)
		if n < blockSize {
			if err != nil && err != io.EOF {
				x.f.damage(&filesystem.ReadError{Structure: "header of a member", Offset: x.at, Length: blockSize, Err: err})
				x.at += blockSize
				continue
			}
			x.damage("header of a member", x.at, "the tarball ends within it")
			return nil
		}
		h := header(block)
		switch {
		case h.zero():
			// The end, unless another archive was put behind it.
			was := x.at
			if !x.seek(x.at+blockSize, true) {
				return nil
			}
			if x.at-was >= 2*blockSize {
				x.second++
			} else {
				x.damage("header of a member", was, "a block of zeros stands where a header belongs")
			}
			continue
		case !h.valid():
			was := x.at
			found := x.seek(x.at+blockSize, false)
			if x.members == 0 {
				return fmt.Errorf("%s: not a tarball: the first header's checksum is wrong", x.f.name)
			}
			if !found {
				x.damage("header of a member", was, "its checksum is wrong, and no other header follows in the %d bytes after it", x.t.size-was)
				return nil
			}
			x.damage("header of a member", was, "its checksum is wrong; reading went on with the next header %d bytes further on", x.at-was)
			next = pending{records: records{}, start: -1}
			continue
		}
		if x.members >= maxMembers {
			x.damage("tarball", x.at, "more than %d members: the rest is not read", maxMembers)
			return nil
		}
		x.members++
		if next.start < 0 {
			next.start = x.at
		}
		if x.member(h, &next) {
			next = pending{records: records{}, start: -1}
		}
	}
	return nil
}

// seek goes to the next block from off on that is the header of a member. Behind
// the end of an archive it must say that it is one.
func (x *indexer) seek(off int64, named bool) bool {
	buf := make([]byte, 256<<10)
	for ; off < x.t.size && x.ctx.Err() == nil; off += int64(len(buf)) {
		n, _ := x.t.r.ReadAt(buf, off)
		for i := 0; i+blockSize <= n; i += blockSize {
			if h := header(buf[i : i+blockSize]); h[0] != 0 && h.valid() && (h.isUstar() || h.isGNU() || !named && h.name() != "" && h.flag() <= '7') {
				x.at = off + int64(i)
				return true
			}
		}
	}
	return false
}

// member reads one header and moves on behind its data. It returns false for
// headers that belong to the next member.
func (x *indexer) member(h header, p *pending) bool {
	off := x.at
	x.at += blockSize
	size, err := number(h.size())
	if err == nil && size < 0 {
		err = errNumber
	}
	if err != nil {
		x.damage("header of a member", off, "its size: %v", err)
		size = 0
	}
	flag := h.flag()
	switch flag {
	case typeExtended, typeSolaris, typeGlobal, typeLongName, typeLongLink:
		x.extension(flag, off, size, p)
		return false
	}
	r := records{}
	for k, v := range x.global {
		r[k] = v
	}
	for k, v := range p.records {
		r[k] = v
	}
	if s, ok := r["size"]; ok {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil && v >= 0 {
			size = v
		} else {
			x.damage("extended header", p.start, "size %q", s)
		}
	}
	m := x.read(h, p, r, off)
	data := x.at
	var runs []filesystem.Extent
	realSize := size
	switch {
	case flag == typeSparse && h.isGNU():
		runs, realSize = x.gnuSparse(h, off)
		data = x.at
	case r["GNU.sparse.major"] == "1" || r["GNU.sparse.map"] != "" || len(p.sparse) > 0 || r["GNU.sparse.realsize"] != "" || r["GNU.sparse.size"] != "":
		runs, realSize = x.paxSparse(r, p.sparse, off, size)
	}
	switch flag {
	case typeLink, typeSymlink, typeChar, typeBlock, typeFIFO, typeDirectory:
		if flag != typeLink || !x.hasData(r) {
			// POSIX lets a link carry data only in pax archives; the size that others
			// write there is that of the file.
			size = 0
		}
	}
	if size > math.MaxInt64-2*blockSize-data {
		x.damage("header of a member", off, "%d bytes of %q do not fit into any file", size, m.name)
		size, realSize = 0, 0
	}
	x.at = data + (size+blockSize-1)/blockSize*blockSize
	if flag == typeVolume {
		x.volume = m.name
		return true
	}
	m.data, m.stored, m.size, m.runs, m.flag, m.offset, m.head = data, size, realSize, runs, flag, off, p.start
	x.add(m, r)
	return true
}

// hasData says whether a hard link may carry the content again: pax of "-o linkdata".
func (x *indexer) hasData(r records) bool { return r["size"] != "" }

// extension reads a header that says more of the next member, or of all.
func (x *indexer) extension(flag byte, off, size int64, p *pending) {
	data := x.at
	x.at += (min(size, math.MaxInt64-data-blockSize) + blockSize - 1) / blockSize * blockSize
	limit := int64(maxExtended)
	if flag == typeLongName || flag == typeLongLink {
		limit = maxLongName
	}
	if size > limit {
		x.damage("extended header", off, "%d bytes, more than the %d that are read", size, limit)
		return
	}
	if size > x.t.size-data {
		x.damage("extended header", off, "the tarball ends within it")
		return
	}
	b := make([]byte, size)
	if n, err := x.t.r.ReadAt(b, data); n < len(b) {
		x.f.damage(&filesystem.ReadError{Structure: "extended header", Offset: data, Length: size, Err: err})
		return
	}
	var err error
	switch flag {
	case typeLongName:
		p.name, p.hasName = cstring(b), true
	case typeLongLink:
		p.link, p.hasLn = cstring(b), true
	case typeGlobal:
		_, err = readRecords(b, x.global)
	default:
		p.sparse, err = readRecords(b, p.records)
	}
	if err != nil {
		x.damage("extended header", off, "%v", err)
	}
}

// member is what a header says.
type member struct {
	name, link   string
	flag         byte
	node         node
	data, stored int64 // of the data in the tarball
	size         int64 // of the file
	runs         []filesystem.Extent
	offset, head int64 // of the header, and of the first one that belongs to it
}

// read turns a header and what came before it into what they say.
func (x *indexer) read(h header, p *pending, r records, off int64) member {
	m := member{name: h.name(), link: h.link()}
	switch {
	case h.isStar():
		m.name = joinPrefix(h.starPrefix(), m.name)
	case h.isUstar():
		m.name = joinPrefix(h.prefix(), m.name)
	}
	if p.hasName {
		m.name = p.name
	}
	if p.hasLn {
		m.link = p.link
	}
	for _, key := range []string{"path", "GNU.sparse.name"} {
		if v, ok := r[key]; ok {
			m.name = v
		}
	}
	if v, ok := r["linkpath"]; ok {
		m.link = v
	}
	num := func(what string, field []byte, key string) int64 {
		if v, ok := r[key]; ok && key != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err == nil {
				return n
			}
			x.damage("extended header", p.start, "%s %q", key, v)
		}
		n, err := number(field)
		if err != nil {
			x.damage("header of a member", off, "the %s of %q: %v", what, m.name, err)
		}
		return n
	}
	n := &m.node
	n.mode = filesystem.Mode(num("mode", h.mode(), "")) & 0o7777
	n.uid, n.gid = uint32(num("owner", h.uid(), "uid")), uint32(num("group", h.gid(), "gid"))
	switch h.flag() {
	case typeChar, typeBlock:
		n.major, n.minor = uint32(num("device", h.major(), "SCHILY.devmajor")), uint32(num("device", h.minor(), "SCHILY.devminor"))
	}
	when := func(what string, field []byte, key string) filesystem.Time {
		if v, ok := r[key]; ok {
			t, err := paxTime(v)
			if err == nil {
				return t
			}
			x.damage("extended header", p.start, "%s of %q: %v", key, m.name, err)
		}
		if field == nil {
			return filesystem.Time{}
		}
		return filesystem.Time{Sec: num(what, field, ""), Known: true}
	}
	var atime, ctime []byte
	if h.isStar() {
		atime, ctime = h.starAtime(), h.starCtime()
	} else if h.isGNU() && h[345] != 0 && h[357] != 0 {
		atime, ctime = h.gnuAtime(), h.gnuCtime()
	}
	n.times = filesystem.Times{
		Modified: when("time", h.mtime(), "mtime"), Accessed: when("access time", atime, "atime"),
		Changed: when("change time", ctime, "ctime"), Born: when("birth time", nil, "LIBARCHIVE.creationtime"),
	}
	return m
}

func joinPrefix(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}

// gnuSparse reads the map of a sparse file of GNU tar's old format, and goes on
// behind its extension blocks. The runs' Offset counts from the start of the data.
// https://www.gnu.org/software/tar/manual/html_node/Old-GNU-Format.html
func (x *indexer) gnuSparse(h header, off int64) ([]filesystem.Extent, int64) {
	size, err := number(h.gnuRealSize())
	if err != nil || size < 0 {
		x.damage("header of a member", off, "the size of a sparse file")
		size = 0
	}
	var pairs []int64
	take := func(b []byte) {
		for ; len(b) >= 24; b = b[24:] {
			if b[0] == 0 && b[12] == 0 {
				return
			}
			from, err := number(b[:12])
			n, nerr := number(b[12:24])
			if err != nil || nerr != nil {
				x.damage("header of a member", off, "the map of a sparse file")
				return
			}
			pairs = append(pairs, from, n)
		}
	}
	take(h.gnuSparse())
	block := make([]byte, blockSize)
	for more := h.gnuExtended(); more && len(pairs) < 2*maxSparseRuns; {
		if n, _ := x.t.r.ReadAt(block, x.at); n < blockSize {
			x.damage("header of a member", off, "the map of a sparse file ends early")
			break
		}
		x.at += blockSize
		take(block[:21*24])
		more = block[504] != 0
	}
	return x.sparseRuns(pairs, size, off), size
}

// paxSparse reads the three ways in which pax archives of GNU tar map a sparse file.
// https://www.gnu.org/software/tar/manual/html_node/PAX-0.html
// https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
func (x *indexer) paxSparse(r records, sparse []string, off, stored int64) ([]filesystem.Extent, int64) {
	realSize := r["GNU.sparse.realsize"]
	if realSize == "" {
		realSize = r["GNU.sparse.size"]
	}
	size, err := strconv.ParseInt(realSize, 10, 64)
	if err != nil || size < 0 {
		x.damage("extended header", off, "the size of a sparse file: %q", realSize)
		return nil, stored
	}
	var texts []string
	skip := int64(0)
	switch {
	case r["GNU.sparse.major"] == "1":
		texts, skip = x.sparseMap(stored)
	case r["GNU.sparse.map"] != "":
		texts = strings.Split(r["GNU.sparse.map"], ",")
	default:
		texts = sparse
	}
	var pairs []int64
	for _, s := range texts[:len(texts)&^1] {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			x.damage("extended header", off, "the map of a sparse file: %q", s)
			break
		}
		pairs = append(pairs, v)
	}
	runs := x.sparseRuns(pairs[:len(pairs)&^1], size, off)
	for i := range runs {
		if runs[i].Kind == filesystem.Data {
			runs[i].Offset += skip
		}
	}
	return runs, size
}

// sparseMap reads the numbers that stand before the data in format 1.0, and how
// many bytes they take, in whole blocks.
func (x *indexer) sparseMap(stored int64) (texts []string, length int64) {
	var line []byte
	block := make([]byte, blockSize)
	want := -1
	for length < stored && (want < 0 || len(texts) < want) {
		if n, _ := x.t.r.ReadAt(block, x.at+length); n < blockSize {
			return nil, length
		}
		length += blockSize
		for _, c := range block {
			if c != '\n' {
				if line = append(line, c); len(line) > 20 {
					return nil, length
				}
				continue
			}
			if want < 0 {
				n, err := strconv.Atoi(string(line))
				if err != nil || n < 0 || n > maxSparseRuns {
					return nil, length
				}
				want = 2 * n
			} else if len(texts) < want {
				texts = append(texts, string(line))
			}
			line = line[:0]
			if len(texts) == want {
				break
			}
		}
	}
	return texts, length
}

// sparseRuns turns pairs of offset and length into runs that cover the file.
func (x *indexer) sparseRuns(pairs []int64, size, off int64) []filesystem.Extent {
	var runs []filesystem.Extent
	at, stored := int64(0), int64(0)
	hole := func(to int64) {
		if to > at {
			runs = append(runs, filesystem.Extent{Logical: at, Offset: -1, Length: to - at, Kind: filesystem.Hole})
			at = to
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		from, n := pairs[i], pairs[i+1]
		if from < at || n < 0 || from > size || n > size-from {
			x.damage("header of a member", off, "the map of a sparse file contradicts itself")
			break
		}
		hole(from)
		if n > 0 {
			runs = append(runs, filesystem.Extent{Logical: from, Offset: stored, Length: n, Kind: filesystem.Data})
			at, stored = from+n, stored+n
		}
	}
	hole(size)
	return runs
}

// add puts a member into the tree.
func (x *indexer) add(m member, r records) {
	if i := strings.IndexByte(m.name, 0); i >= 0 {
		x.damage("extended header", m.head, "the name %q holds a NUL", m.name)
		m.name = m.name[:i]
	}
	isDir := m.flag == typeDirectory || m.flag == typeDump || (m.flag == typeOld || m.flag == typeRegular) && strings.HasSuffix(m.name, "/")
	elems, outside := x.clean(m.name)
	if len(elems) > maxNameElements {
		x.damage("header of a member", m.offset, "a name of %d elements, more than the %d that are read", len(elems), maxNameElements)
		return
	}
	n := m.node
	n.offset, n.data = m.offset, m.data
	switch {
	case isDir:
		n.mode, n.data = n.mode|filesystem.ModeDir, -1
	case m.flag == typeSymlink:
		n.mode, n.size = n.mode|filesystem.ModeSymlink, int64(len(m.link))
	case m.flag == typeChar:
		n.mode |= filesystem.ModeChar
	case m.flag == typeBlock:
		n.mode |= filesystem.ModeBlock
	case m.flag == typeFIFO:
		n.mode |= filesystem.ModeFIFO
	default:
		n.mode, n.size = n.mode|filesystem.ModeRegular, m.size
		n.sectors = uint64(m.stored+blockSize-1) / blockSize
		switch m.flag {
		case typeRegular, typeOld, typeLink, typeContiguous, typeSparse:
		default:
			if x.odd == nil {
				x.odd = map[byte]int{}
			}
			x.odd[m.flag]++
		}
	}
	if len(elems) == 0 {
		if isDir {
			n.name = -1
			x.f.nodes[0] = n
			x.keepAttrs(0, r)
		} else {
			x.damage("header of a member", m.offset, "a member without a name")
		}
		return
	}
	dir, ok := x.directory(elems[:len(elems)-1], m.offset)
	if !ok {
		return
	}
	name := elems[len(elems)-1]
	if m.flag == typeLink {
		to, err := x.target(m.link)
		switch {
		case err == nil && m.stored == 0:
			x.name(dir, name, to, m.offset, outside)
			x.f.nodes[to].links++
			return
		case err != nil && m.stored == 0:
			x.damage("header of a member", m.offset, "%q is a hard link to %q, which is not in the tarball", m.name, m.link)
			n.data, n.size = -1, 0
		}
	}
	if old, ok := x.known[place{dir, name}]; ok && isDir && x.f.nodes[x.f.names[old].node].mode.Type() == filesystem.Directory {
		at := x.f.names[old].node // a directory that is told twice
		n.name, n.links = x.f.nodes[at].name, x.f.nodes[at].links
		x.f.nodes[at] = n
		x.f.names[old].offset = m.offset
		x.keepAttrs(at, r)
		return
	}
	at := int32(len(x.f.nodes))
	n.name, n.links = -1, 1
	x.f.nodes = append(x.f.nodes, n)
	if m.flag == typeSymlink {
		x.f.links[at] = m.link
	}
	if m.runs != nil && n.data >= 0 {
		x.t.sparse[at] = m.runs
	}
	if m.flag == typeLink && n.data < 0 {
		x.t.lost[at] = fmt.Errorf("it is a hard link to %q, which is not in the tarball", m.link)
	}
	x.keepAttrs(at, r)
	x.name(dir, name, at, m.offset, outside)
	if end := m.data + m.stored; n.data >= 0 && end > x.t.size {
		x.damage("member", m.offset, "the tarball ends within the data of %q: %d of %d bytes are there", m.name, max(x.t.size-m.data, 0), m.stored)
	}
}

func (x *indexer) keepAttrs(n int32, r records) {
	delete(x.f.attrs, n)
	if list := r.xattrs(); list != nil {
		x.f.attrs[n] = list
	}
}

// clean cuts a member's name into elements. A name that leads upwards is kept
// inside the tree.
func (x *indexer) clean(name string) (elems []string, outside bool) {
	if strings.HasPrefix(name, "/") {
		x.absolute++
	}
	for e := range strings.SplitSeq(name, "/") {
		switch e {
		case "", ".":
		case "..":
			outside = true
			elems = elems[:max(len(elems)-1, 0)]
		default:
			elems = append(elems, e)
		}
	}
	if outside {
		x.outside++
	}
	return elems, outside
}

// directory leads to a directory, made where no member stands for it. Symbolic
// links on the way are followed in the tree, as extracting would.
func (x *indexer) directory(elems []string, off int64) (int32, bool) {
	at := int32(0)
	var way []int32
	rest := slices.Clone(elems)
	slices.Reverse(rest)
	for links := 0; len(rest) > 0; {
		elem := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		switch elem {
		case "", ".":
			continue
		case "..":
			if len(way) > 0 {
				at, way = way[len(way)-1], way[:len(way)-1]
			}
			continue
		}
		i, ok := x.known[place{at, elem}]
		if ok {
			n := x.f.names[i].node
			switch x.f.nodes[n].mode.Type() {
			case filesystem.Directory:
				way, at = append(way, at), n
				continue
			case filesystem.Symlink:
				if links++; links <= maxLinks && len(rest) < maxElements {
					target := x.f.links[n]
					if strings.HasPrefix(target, "/") {
						at, way = 0, way[:0]
					}
					more := strings.Split(target, "/")
					slices.Reverse(more)
					rest = append(rest, more...)
					continue
				}
				x.damage("member", off, "symbolic links on the way to it lead in a circle")
				return 0, false
			}
			x.damage("member", off, "%q, which it lies in, is not a directory", elem)
		}
		if x.made >= maxMade || len(way) > maxNameElements {
			x.damage("member", off, "too many directories have no member of their own: it is left out")
			return 0, false
		}
		x.made++
		n := int32(len(x.f.nodes))
		x.f.nodes = append(x.f.nodes, node{mode: filesystem.ModeDir | 0o755, made: true, offset: -1, data: -1, name: -1, links: 1})
		x.name(at, elem, n, -1, false)
		way, at = append(way, at), n
	}
	return at, true
}

// name gives a node a name. A name that is there already becomes an old one,
// with its node if no other name leads to it; if the new one came out of the
// tree by "..", it is the new one that yields.
func (x *indexer) name(dir int32, name string, n int32, off int64, outside bool) {
	e := entry{parent: dir, node: n, name: name, offset: off}
	id := int32(len(x.f.names))
	if was, ok := x.known[place{dir, name}]; ok {
		if x.f.names[was].node == n {
			return
		}
		x.replaced++
		if outside {
			e.old = true
		} else {
			x.f.names[was].old = true
			x.retire(x.f.names[was].node)
		}
	}
	if !e.old {
		x.known[place{dir, name}] = id
	}
	x.f.names = append(x.f.names, e)
	if x.f.nodes[n].name < 0 {
		x.f.nodes[n].name = id
		x.f.nodes[n].old = e.old
	}
}

// retire takes one name from a node.
func (x *indexer) retire(n int32) {
	d := &x.f.nodes[n]
	if d.links > 0 {
		d.links--
	}
	if d.links == 0 {
		d.old = true
	}
}

// target finds what a hard link leads to.
func (x *indexer) target(name string) (int32, error) {
	at := int32(0)
	if strings.HasPrefix(name, "/") {
		name = strings.TrimLeft(name, "/")
	}
	elems := strings.Split(path.Clean("/" + name)[1:], "/")
	if len(elems) > maxNameElements {
		return 0, os.ErrNotExist
	}
	dir, ok := x.find(elems[:len(elems)-1])
	if !ok {
		return 0, os.ErrNotExist
	}
	at = dir
	i, ok := x.known[place{at, elems[len(elems)-1]}]
	if !ok || x.f.nodes[x.f.names[i].node].mode.Type() == filesystem.Directory {
		return 0, os.ErrNotExist
	}
	return x.f.names[i].node, nil
}

// find is directory without making any.
func (x *indexer) find(elems []string) (int32, bool) {
	at := int32(0)
	var way []int32
	rest := slices.Clone(elems)
	slices.Reverse(rest)
	for links := 0; len(rest) > 0; {
		elem := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		switch elem {
		case "", ".":
			continue
		case "..":
			if len(way) > 0 {
				at, way = way[len(way)-1], way[:len(way)-1]
			}
			continue
		}
		i, ok := x.known[place{at, elem}]
		if !ok {
			return 0, false
		}
		n := x.f.names[i].node
		switch x.f.nodes[n].mode.Type() {
		case filesystem.Directory:
			way, at = append(way, at), n
		case filesystem.Symlink:
			if links++; links > maxLinks || len(rest) > maxElements {
				return 0, false
			}
			if strings.HasPrefix(x.f.links[n], "/") {
				at, way = 0, way[:0]
			}
			more := strings.Split(x.f.links[n], "/")
			slices.Reverse(more)
			rest = append(rest, more...)
		default:
			return 0, false
		}
	}
	return at, true
}

// tell puts into notes what is odd about the tarball.
func (x *indexer) tell() {
	if x.volume != "" {
		x.f.note("the tarball's label is %q", x.volume)
	}
	if x.second > 0 {
		x.f.note("behind the end of the tarball, %d more follow in the same file; they were read too", x.second)
	}
	if x.replaced > 0 {
		x.f.note("%d members have the name of another one: the last of a name holds, the earlier ones are shown as deleted", x.replaced)
	}
	if x.outside > 0 {
		x.f.note("%d members have names with \"..\": they were kept inside the tree, and none of them replaces another member", x.outside)
	}
	if x.absolute > 0 {
		x.f.note("%d members have absolute names", x.absolute)
	}
	if x.made > 0 {
		x.f.note("%d directories have no member of their own: their owners, modes and times are not known", x.made)
	}
	for _, flag := range slices.Sorted(maps.Keys(x.odd)) {
		x.f.note("%d members have the type %q, which is not known here; they were read as files", x.odd[flag], rune(flag))
	}
}

// content maps the data of a member.
func (t *tarball) content(f *FS, n int32) (filesystem.Content, error) {
	d := &f.nodes[n]
	c := &tarContent{t: t, n: d.inum, size: d.size}
	if err := t.lost[n]; err != nil || d.data < 0 {
		if err == nil {
			err = errors.New("its content is not in the tarball")
		}
		c.err = &filesystem.CorruptError{Structure: "member", Offset: d.offset, Inum: d.inum, Reason: err.Error()}
		if c.size > 0 {
			c.runs = []filesystem.Extent{{Offset: -1, Length: c.size, Kind: filesystem.Lost}}
		}
		return c, c.err
	}
	if runs, ok := t.sparse[n]; ok {
		c.runs = slices.Clone(runs)
	} else if d.size > 0 {
		c.runs = []filesystem.Extent{{Length: d.size, Kind: filesystem.Data}}
	}
	for i := 0; i < len(c.runs); i++ {
		r := &c.runs[i]
		if r.Kind != filesystem.Data {
			continue
		}
		r.Offset += d.data
		if there := max(t.size-r.Offset, 0); there < r.Length {
			c.err = &filesystem.CorruptError{Structure: "member", Offset: d.offset, Inum: d.inum, Reason: fmt.Sprintf("the tarball ends before byte %d of the file", r.Logical+there)}
			lost := filesystem.Extent{Logical: r.Logical + there, Offset: -1, Length: r.Length - there, Kind: filesystem.Lost}
			if there == 0 {
				*r = lost
			} else {
				r.Length = there
				c.runs = slices.Insert(c.runs, i+1, lost)
				i++
			}
		}
	}
	if c.err != nil {
		return c, c.err
	}
	return c, nil
}

// tarContent is the data of a member. Its runs' offsets are those in the archive.
type tarContent struct {
	t    *tarball
	n    filesystem.Inum
	size int64
	runs []filesystem.Extent
	err  error
}

func (c *tarContent) Size() int64 { return c.size }

// Extents gives no offsets for what lies in a packed tarball.
func (c *tarContent) Extents() []filesystem.Extent {
	if c.t.packed == "" {
		return c.runs
	}
	out := slices.Clone(c.runs)
	for i := range out {
		out[i].Offset = -1
	}
	return out
}

func (c *tarContent) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= c.size {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > c.size-off {
		p, short = p[:c.size-off], true
	}
	i, _ := slices.BinarySearchFunc(c.runs, off, func(e filesystem.Extent, at int64) int {
		if e.Logical+e.Length <= at {
			return -1
		}
		return 1
	})
	for ; n < len(p) && i < len(c.runs); i++ {
		run := &c.runs[i]
		at := off + int64(n)
		want := p[n:]
		if left := run.Logical + run.Length - at; int64(len(want)) > left {
			want = want[:left]
		}
		switch run.Kind {
		case filesystem.Hole:
			clear(want)
		case filesystem.Lost:
			return n, c.err
		default:
			from := run.Offset + at - run.Logical
			if got, err := c.t.r.ReadAt(want, from); got < len(want) {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return n + got, &filesystem.ReadError{Structure: "content", Offset: from + int64(got), Length: int64(len(want) - got), Inum: c.n, Err: err}
			}
		}
		n += len(want)
	}
	if n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}
