package triage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
)

// Options say what to collect.
type Options struct {
	Hash     bool // hash every program
	Messages bool // the system's own logs
	Backup   bool // all configurations, web roots and temporary directories whole
	Rootkits bool // look for traces of rootkits
	Exclude  []Pattern
	Since    time.Time // rotated logs that end before are left out; zero: one year before the server's last activity
	Until    time.Time // those that begin after are left out; zero: none
	AllLogs  bool      // however old
	ClamAV   string    // address of a clamd; "" if none is to be asked
	MaxFile  int64     // bytes of data on the disk; a larger file is left out and said to be
	Tool     string    // "deadbox 1.2.3"
	Images   []Image
	Plain    bool // a tarball that is not packed
	// Begin is told of each piece of work, with its size in bytes or in names of files,
	// 0 if that is not known; Progress of how far it is. Both may be nil.
	Begin    func(label string, total int64, names bool)
	Progress func(n int64)
}

// Image is a piece of the evidence.
type Image struct {
	Path   string
	Size   int64
	SHA256 string // "" if it was not computed
}

// DefaultMaxFile is the size up to which a file is collected.
const DefaultMaxFile = 2 << 30

// Failure is something that could not be read, or was left out.
type Failure struct {
	Path   string // on the server; "" if it concerns no single file
	Image  string
	Volume string
	Inode  filesystem.Inum
	Offset int64 // in the image; -1 if there is none
	Err    error
}

// Text is the failure as a line of 0_ERRORS.txt.
func (f *Failure) Text() string {
	var b strings.Builder
	if f.Path != "" {
		b.WriteString(report.Text(f.Path) + ": ")
	}
	b.WriteString(report.Text(f.Err.Error()))
	var at []string
	if f.Image != "" {
		at = append(at, "image "+report.Text(f.Image))
	}
	if f.Volume != "" {
		at = append(at, "volume "+f.Volume)
	}
	if f.Inode != 0 {
		at = append(at, "inode "+strconv.FormatUint(uint64(f.Inode), 10))
	}
	if f.Offset >= 0 {
		at = append(at, "byte "+strconv.FormatInt(f.Offset, 10))
	}
	if at != nil {
		b.WriteString(" [" + strings.Join(at, ", ") + "]")
	}
	return b.String()
}

func (f *Failure) Error() string { return f.Text() }
func (f *Failure) Unwrap() error { return f.Err }

// Result is what a collection came to.
type Result struct {
	Files    int // members with a content of their own
	Members  int // all members below [root]
	Bytes    int64
	Programs int // that were hashed
	Names    int // in the list of the tree
	Failures []Failure
	Omitted  []Omitted
	Infected []string // what clamd found: path and name
	Scanned  int
	Rootkits []Trace
	Since    time.Time
	Until    time.Time
}

// maxFailures is how many failures are kept one by one.
const maxFailures = 100000

// collector is one collection.
type collector struct {
	ctx   context.Context
	h     *host.Host
	opt   *Options
	res   *Result
	known map[string]bool // failures that were met
	more  int             // failures that are not kept
	rows  []row
	stamp filesystem.Time // of the members that are not the server's
}

// row is an allocated name of the server's tree.
type row struct {
	path   string
	target string
	mount  int32
	inum   filesystem.Inum
	mode   filesystem.Mode
	flags  filesystem.Flags
	uid    uint32
	gid    uint32
	links  uint32
	size   int64
	mtime  int64
	known  bool // mtime is
}

// Collect writes the collection of a server to w. What could not be read is in the
// result and in the collection; the error is that of writing, of ctx, or of an option.
func Collect(ctx context.Context, h *host.Host, w io.Writer, opt Options) (*Result, error) {
	if opt.MaxFile <= 0 {
		opt.MaxFile = DefaultMaxFile
	}
	c := &collector{ctx: ctx, h: h, opt: &opt, res: &Result{}, known: map[string]bool{}}
	var spools []*spool
	newSpool := func() (*spool, error) {
		s, err := openSpool()
		if err == nil {
			spools = append(spools, s)
		}
		return s, err
	}
	defer func() {
		for _, s := range spools {
			s.Close()
		}
	}()
	var scanner *clamd
	if opt.ClamAV != "" {
		var err error
		if scanner, err = dialClamd(ctx, opt.ClamAV); err != nil {
			return c.res, err
		}
	}
	c.begin("reading directories", 0)
	c.openProblems()
	last := h.Activity().Last
	c.stamp = filesystem.Time{Sec: last.Sec, Known: true}
	if opt.Since.IsZero() && last.Known && !opt.AllLogs {
		opt.Since = last.Std().AddDate(-1, 0, 0)
	}
	c.res.Since, c.res.Until = opt.Since, opt.Until

	s := &selector{ctx: ctx, h: h, opt: &opt, files: map[string]*file{}, fail: func(p string, n host.Node, err error) { c.fail(p, n.Mount, n.Inum, err) }}
	c.begin("choosing files", 0)
	if err := s.run(); err != nil {
		return c.res, err
	}
	c.res.Omitted = s.omitted

	body, err := newSpool()
	if err != nil {
		return c.res, err
	}
	if err := c.sweep(body); err != nil {
		return c.res, err
	}
	if opt.Rootkits {
		c.begin("looking for rootkits", 0)
		c.res.Rootkits = c.rootkits()
	}
	programs, err := c.programs(s.files, scanner)
	if err != nil {
		return c.res, err
	}
	manifest, err := newSpool()
	if err != nil {
		return c.res, err
	}
	var out io.Writer = w
	var z *gzipWriter
	if !opt.Plain {
		z = newGzipWriter(w)
		out = z
	}
	t := &tarWriter{w: out}
	err = c.write(t, s.files, manifest)
	if err == nil {
		err = c.writeRest(t, body, manifest, programs, scanner)
	}
	if z != nil {
		err = errors.Join(err, z.Close())
	}
	return c.res, err
}

func (c *collector) begin(label string, total int64) {
	if c.opt.Begin != nil {
		c.opt.Begin(label, total, false)
	}
}

func (c *collector) progress(n int64) {
	if c.opt.Progress != nil {
		c.opt.Progress(n)
	}
}

// fail keeps a failure, each one once.
func (c *collector) fail(p string, m *host.Mount, n filesystem.Inum, err error) {
	if c.ctx.Err() != nil {
		return
	}
	f := Failure{Path: p, Inode: n, Offset: -1, Err: err}
	var pe *host.PathError
	if errors.As(err, &pe) {
		f.Image, f.Volume, f.Err = pe.Image, pe.Volume, pe.Err
		f.Path, f.Inode = cmp.Or(p, pe.Path), cmp.Or(n, pe.Inode)
		for _, o := range c.h.Mounts {
			if o.Image == pe.Image && o.Volume.Slot == pe.Volume {
				m = o
			}
		}
	}
	if m != nil {
		f.Image, f.Volume = m.Image, m.Volume.Slot
		at, in := filesystem.Place(err)
		f.Image, f.Offset = m.Place(at)
		f.Inode = cmp.Or(f.Inode, in)
	}
	key := f.Text()
	if c.known[key] {
		return
	}
	if len(c.res.Failures) >= maxFailures {
		c.more++
		return
	}
	c.known[key] = true
	c.res.Failures = append(c.res.Failures, f)
}

// openProblems says what is known to be wrong before anything is collected, and
// builds the indexes.
func (c *collector) openProblems() {
	for _, m := range c.h.Mounts {
		for _, err := range m.FS.Info().Damage {
			c.fail("", m, 0, err)
		}
	}
	for _, err := range c.h.Damage {
		c.fail("", nil, 0, err)
	}
	for _, err := range c.h.BuildIndexes(c.ctx) {
		c.fail("", nil, 0, err)
	}
	for _, a := range c.h.Absent {
		c.fail(a.Point, nil, 0, fmt.Errorf("the server's fstab mounts %s (%s) there, which is not part of the evidence", a.Spec, a.Type))
	}
}

// sweep goes over every name of every file system: for the body file, the list of
// the tree, the programs and the traces of rootkits.
func (c *collector) sweep(body *spool) error {
	total := int64(0)
	for _, m := range c.h.Mounts {
		total += int64(m.Index.Len())
	}
	if c.opt.Begin != nil {
		c.opt.Begin("reading inodes", total, true)
	}
	var buf []byte
	for i, m := range c.h.Mounts {
		tree := &timeline.Tree{FS: m.FS, Index: m.Index, Point: m.Point, Volume: m.Volume.Slot, Place: m.Place}
		for r, err := range tree.Files(c.ctx) {
			if err != nil {
				c.fail("", m, 0, err)
				continue
			}
			c.progress(1)
			f := r.File
			if c.opt.excluded(f.Path) {
				continue
			}
			buf = report.AppendBody(buf[:0], f, false)
			if _, err := body.Write(buf); err != nil {
				return err
			}
			if f.Deleted || f.Unalloc || f.Orphan {
				continue
			}
			c.rows = append(c.rows, row{
				path: strings.Clone(f.Path), target: f.Target, mount: int32(i), inum: f.Inode, mode: f.Mode, flags: f.Flags, uid: f.UID, gid: f.GID,
				links: f.Links, size: f.Size, mtime: f.Times.Modified.Sec, known: f.Times.Modified.Known,
			})
		}
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
	slices.SortFunc(c.rows, func(a, b row) int { return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.mount, b.mount)) })
	c.res.Names = len(c.rows)
	return nil
}

// rootFolder is the folder of the server's files: the layout of UAC.
const rootFolder = "[root]"

// write writes the files, in the order of their paths, and a line of the manifest
// for each.
func (c *collector) write(t *tarWriter, files map[string]*file, manifest *spool) error {
	list := slices.SortedFunc(maps.Values(files), func(a, b *file) int { return strings.Compare(a.path, b.path) })
	total := int64(0)
	for _, f := range list {
		if f.typ == filesystem.Regular {
			if in, err := f.node.Mount.FS.Inode(f.node.Inum); err == nil && in.Size <= c.opt.MaxFile {
				total += in.Size
			}
		}
	}
	c.begin("collecting", total)
	first := map[host.Node]string{}
	ledgers := map[*host.Mount]*content.Ledger{}
	w := &fileWriter{c: c, t: t, buf: make([]byte, 256<<10)}
	for _, f := range list {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		m := f.node.Mount
		in, err := m.FS.Inode(f.node.Inum)
		if err != nil {
			c.fail(f.path, m, f.node.Inum, err)
			continue
		}
		entry := c.describe(f, in)
		mem := &member{
			name: memberName(rootFolder, f.path), mode: in.Mode, uid: in.UID, gid: in.GID, times: in.Times, major: in.Major, minor: in.Minor, xattrs: entry.Xattrs,
		}
		switch f.typ {
		case filesystem.Directory:
			mem.flag = '5'
		case filesystem.Symlink:
			mem.flag, mem.link = '2', entry.Target
			if entry.Target == "" {
				continue // its damage was said
			}
		case filesystem.CharDevice:
			mem.flag = '3'
		case filesystem.BlockDevice:
			mem.flag = '4'
		case filesystem.FIFO:
			mem.flag = '6'
		default:
			mem.flag = '0'
		}
		var got collected
		if to, ok := first[f.node]; ok && f.typ != filesystem.Directory {
			mem.flag, mem.link, mem.xattrs = '1', memberName(rootFolder, to), nil
			got = w.last[f.node]
			err = t.header(mem)
		} else if f.typ == filesystem.Regular {
			if ledgers[m] == nil {
				ledgers[m] = &content.Ledger{Room: m.Room()}
			}
			var taken bool
			if got, taken, err = w.regular(f, in, mem, ledgers[m]); !taken && err == nil {
				continue
			}
			c.res.Files++
			c.res.Bytes += in.Size
		} else {
			err = t.header(mem)
		}
		if err != nil {
			return err
		}
		c.res.Members++
		if f.typ != filesystem.Directory {
			first[f.node] = f.path
			if in.Links > 1 {
				w.keep(f.node, got)
			}
		}
		if err := c.manifestLine(manifest, f, in, entry, &got); err != nil {
			return err
		}
	}
	return nil
}

// describe is the metadata of a file for the manifest.
func (c *collector) describe(f *file, in *filesystem.Inode) *timeline.File {
	m := f.node.Mount
	out := &timeline.File{
		Path: f.path, Inode: in.Inum, Type: f.typ, Mode: in.Mode, UID: in.UID, GID: in.GID, Links: in.Links, Size: in.Size, Times: in.Times, Flags: in.Flags,
		Unalloc: !in.Allocated,
	}
	var err error
	if out.Xattrs, err = m.FS.Xattrs(in); err != nil {
		c.fail(f.path, m, in.Inum, fmt.Errorf("extended attributes: %w", err))
	}
	if f.typ == filesystem.Symlink {
		target, err := m.FS.Link(in)
		if err != nil {
			c.fail(f.path, m, in.Inum, err)
		}
		out.Target = string(target)
	}
	return out
}

// collected is what became of a file's content.
type collected struct {
	sha256     string
	image      string
	offset     int64 // of its first byte in the image; -1 if there is none
	pieces     int   // runs on the disk
	holes      int64 // bytes that are holes
	unreadable int64 // bytes that are zeros because they could not be read
}

// manifestLine writes what the manifest says of a file.
func (c *collector) manifestLine(w io.Writer, f *file, in *filesystem.Inode, entry *timeline.File, got *collected) error {
	m := f.node.Mount
	entry.SHA256 = got.sha256
	line := report.AppendFile(nil, entry)
	line = line[:len(line)-1]
	str := func(key, value string) {
		line = append(append(append(line, ',', '"'), key...), '"', ':')
		line = report.AppendJSONString(line, value)
	}
	num := func(key string, value int64) {
		line = append(append(append(line, ',', '"'), key...), '"', ':')
		line = strconv.AppendInt(line, value, 10)
	}
	str("collected_for", f.why)
	image := m.Image
	if got.offset >= 0 && got.image != "" {
		image = got.image
	}
	str("image", image)
	str("volume", m.Volume.Slot)
	if _, at := m.Place(in.Offset); at >= 0 {
		num("inode_offset", at)
	}
	if f.typ == filesystem.Regular {
		if got.image != "" && got.offset >= 0 {
			num("image_offset", got.offset)
			num("pieces", int64(got.pieces))
		}
		if got.holes > 0 {
			num("holes", got.holes)
		}
		if got.unreadable > 0 {
			num("unreadable", got.unreadable)
		}
	}
	_, err := w.Write(append(line, '}', '\n'))
	return err
}

// fileWriter copies the content of files into the tarball.
type fileWriter struct {
	c    *collector
	t    *tarWriter
	buf  []byte
	last map[host.Node]collected // of files with several names
}

func (w *fileWriter) keep(n host.Node, got collected) {
	if w.last == nil {
		w.last = map[host.Node]collected{}
	}
	w.last[n] = got
}

// piece is a run of a file with what is done about it.
type piece struct {
	run
	lost bool // it cannot be mapped
}

// plan cuts a file into what is data and what is not. What the extents do not
// cover is left to ReadAt, which knows why.
func plan(c filesystem.Content) (data []piece, holes int64) {
	size := c.Size()
	at := int64(0)
	add := func(from, to int64, lost bool) {
		if from >= to {
			return
		}
		if n := len(data); n > 0 && data[n-1].from+data[n-1].length == from && data[n-1].lost == lost {
			data[n-1].length += to - from
			return
		}
		data = append(data, piece{run{from, to - from}, lost})
	}
	for _, e := range c.Extents() {
		to := size
		if e.Length <= size-min(e.Logical, size) {
			to = e.Logical + e.Length
		}
		from := max(e.Logical, at)
		if e.Length <= 0 || to <= at || from >= size {
			continue
		}
		add(at, from, false)
		switch e.Kind {
		case filesystem.Hole, filesystem.Unwritten:
			holes += to - from
		default:
			add(from, to, e.Kind == filesystem.Lost)
		}
		at = to
	}
	add(at, size, false)
	return data, holes
}

// minHoles is from which size on the holes of a file are kept as holes.
const minHoles = 64 << 10

// regular writes a regular file. It gives false for one that is left out.
func (w *fileWriter) regular(f *file, in *filesystem.Inode, mem *member, ledger *content.Ledger) (got collected, taken bool, err error) {
	c, m := w.c, f.node.Mount
	fail := func(err error) { c.fail(f.path, m, in.Inum, err) }
	body, err := m.FS.Content(in)
	if err != nil {
		fail(err)
	}
	if body == nil {
		return got, false, nil
	}
	data, holes := plan(body)
	stored := int64(0)
	for _, p := range data {
		stored += p.length
	}
	if stored > c.opt.MaxFile {
		fail(fmt.Errorf("left out: %d bytes, more than the %d of --max-file", stored, c.opt.MaxFile))
		return got, false, nil
	}
	if err := ledger.Admit(content.Layout{Size: body.Size(), Data: stored}); err != nil {
		fail(fmt.Errorf("left out: %w", err))
		return got, false, nil
	}
	got.offset, got.holes = -1, holes
	for _, e := range body.Extents() {
		if e.Kind != filesystem.Hole && e.Kind != filesystem.Unwritten && e.Kind != filesystem.Lost && e.Offset >= 0 && e.Logical < body.Size() {
			if got.pieces == 0 {
				got.image, got.offset = m.Place(e.Offset)
			}
			got.pieces++
		}
	}
	mem.size = body.Size()
	if holes >= minHoles {
		mem.runs = []run{}
		for _, p := range data {
			mem.runs = append(mem.runs, p.run)
		}
	}
	if err := w.t.header(mem); err != nil {
		return got, true, err
	}
	sum := sha256.New()
	hashed := holes <= content.MaxZeros
	zero := func(n int64, out io.Writer) error {
		for n > 0 {
			step := min(n, int64(len(zeros)))
			if _, err := out.Write(zeros[:step]); err != nil {
				return err
			}
			n -= step
		}
		return nil
	}
	at := int64(0)
	hole := func(to int64) error {
		n := to - at
		at = to
		if n <= 0 {
			return nil
		}
		if hashed {
			zero(n, sum)
		}
		if mem.runs == nil {
			return zero(n, w.t)
		}
		return nil
	}
	for _, p := range data {
		if err := hole(p.from); err != nil {
			return got, true, err
		}
		for end := p.from + p.length; at < end; {
			if err := c.ctx.Err(); err != nil {
				return got, true, err
			}
			b := w.buf[:min(int64(len(w.buf)), end-at)]
			bad := int64(0)
			if p.lost {
				clear(b)
				bad = int64(len(b))
				if _, err := body.ReadAt(b[:1], at); err != nil {
					fail(err)
				}
			} else {
				bad = readAround(body, b, at, fail)
			}
			got.unreadable += bad
			sum.Write(b)
			if _, err := w.t.Write(b); err != nil {
				return got, true, err
			}
			at += int64(len(b))
			c.progress(int64(len(b)))
		}
	}
	if err := hole(mem.size); err != nil {
		return got, true, err
	}
	if got.unreadable > 0 {
		fail(fmt.Errorf("%d of its %d bytes could not be read; zeros stand in their place", got.unreadable, mem.size))
	}
	if hashed {
		got.sha256 = hex.EncodeToString(sum.Sum(nil))
	} else {
		fail(fmt.Errorf("its SHA-256 was not computed: %d of its %d bytes are holes", holes, mem.size))
	}
	return got, true, nil
}

// readAround reads b at an offset. Where it cannot, it goes on block by block, and
// zeros stand for what is missing; it gives the number of those bytes.
func readAround(c io.ReaderAt, b []byte, at int64, fail func(error)) (bad int64) {
	n, err := c.ReadAt(b, at)
	if n == len(b) {
		return 0
	}
	const step = 4096
	fail(orShort(err))
	done := n &^ (step - 1)
	for done < len(b) {
		p := b[done:min(done+step, len(b))]
		if n, _ := c.ReadAt(p, at+int64(done)); n < len(p) {
			clear(p[n:])
			bad += int64(len(p) - n)
		}
		done += len(p)
	}
	return bad
}

func orShort(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeRest writes what is not the server's, in the order of names.
func (c *collector) writeRest(t *tarWriter, body, manifest *spool, programs []program, scanner *clamd) error {
	c.begin("writing the lists", 0)
	var list []program
	for _, p := range programs {
		if p.hashed {
			list = append(list, p)
		}
	}
	c.res.Programs = len(list)
	hashes := func(sum func(*program) []byte) func(io.Writer) error {
		return func(w io.Writer) error {
			for i := range list {
				for _, name := range list[i].names {
					if _, err := w.Write(appendSum(nil, sum(&list[i]), name)); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	entries := []struct {
		name  string
		want  bool
		write func(io.Writer) error
		spool *spool
	}{
		{"0_ERRORS.txt", true, c.errorsText, nil},
		{"1_TREE.txt", true, c.treeText, nil},
		{"bodyfile/bodyfile.txt", true, nil, body},
		{"clamav/clamav.txt", scanner != nil, func(w io.Writer) error { return c.clamText(w, programs, scanner) }, nil},
		{"collection.json", true, c.collectionJSON, nil},
		{"hash_executables/hash_executables.md5", c.opt.Hash, hashes(func(p *program) []byte { return p.md5[:] }), nil},
		{"hash_executables/hash_executables.sha1", c.opt.Hash, hashes(func(p *program) []byte { return p.sha1[:] }), nil},
		{"hash_executables/hash_executables.sha256", c.opt.Hash, hashes(func(p *program) []byte { return p.sha256[:] }), nil},
		{"manifest.jsonl", true, nil, manifest},
		{"rootkits/rootkits.txt", c.opt.Rootkits, c.rootkitsText, nil},
		{"uac.log", true, c.logText, nil},
	}
	folder := ""
	for _, e := range entries {
		if !e.want {
			continue
		}
		if dir := path.Dir(e.name); dir != "." && dir != folder {
			folder = dir
			if err := t.header(&member{name: dir, flag: '5', mode: 0o755, times: filesystem.Times{Modified: c.stamp}}); err != nil {
				return err
			}
		}
		s := e.spool
		if s == nil {
			var err error
			if s, err = openSpool(); err != nil {
				return err
			}
			err = e.write(s)
			if err == nil {
				err = c.ctx.Err()
			}
			if err != nil {
				s.Close()
				return err
			}
		}
		err := t.header(&member{name: e.name, flag: '0', mode: 0o644, size: s.size, times: filesystem.Times{Modified: c.stamp}})
		if err == nil {
			err = s.copyTo(t)
		}
		if e.spool == nil {
			s.Close()
		}
		if err != nil {
			return err
		}
	}
	return t.Close()
}

// spool is a file without a name, for what has to be whole before its size is
// known.
type spool struct {
	file *os.File
	buf  []byte
	size int64
}

func openSpool() (*spool, error) {
	f, err := os.CreateTemp("", "deadbox-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &spool{file: f}, nil
}

func (s *spool) Close() error { return s.file.Close() }

func (s *spool) Write(p []byte) (int, error) {
	if len(s.buf)+len(p) > 1<<20 {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	s.buf = append(s.buf, p...)
	s.size += int64(len(p))
	return len(p), nil
}

func (s *spool) flush() error {
	_, err := s.file.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *spool) copyTo(w io.Writer) error {
	if err := s.flush(); err != nil {
		return err
	}
	n, err := io.Copy(w, io.NewSectionReader(s.file, 0, s.size))
	if err == nil && n < s.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// errorsText is 0_ERRORS.txt.
func (c *collector) errorsText(w io.Writer) error {
	if len(c.res.Failures) == 0 {
		_, err := io.WriteString(w, "Nothing failed: all that was chosen was read whole.\n")
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s could not be read whole, or were left out for their size:\n\n", plural(len(c.res.Failures)+c.more, "place", "places"))
	for i := range c.res.Failures {
		b.WriteString(c.res.Failures[i].Text() + "\n")
		if b.Len() > 1<<16 {
			if _, err := b.WriteTo(w); err != nil {
				return err
			}
		}
	}
	if c.more > 0 {
		fmt.Fprintf(&b, "and %d more\n", c.more)
	}
	_, err := b.WriteTo(w)
	return err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// treeText is 1_TREE.txt: the names of the tree as "ls -l" shows them, sorted by
// path.
func (c *collector) treeText(w io.Writer) error {
	var line []byte
	for i := range c.rows {
		r := &c.rows[i]
		line = line[:0]
		letter := r.mode.Type().Letter()
		if letter == 'r' {
			letter = '-'
		}
		line = r.mode.AppendPerm(append(line, letter))
		line = fmt.Appendf(line, " %3d %5d %5d %12d ", r.links, r.uid, r.gid, r.size)
		if r.known {
			line = report.AppendTimeIn(line, r.mtime, 0, nil, false)
		} else {
			line = append(line, "-                        "...)
		}
		line = append(line, ' ')
		line = report.AppendText(line, r.path)
		if r.mode.Type() == filesystem.Symlink {
			line = append(line, " -> "...)
			line = report.AppendText(line, r.target)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// logText is uac.log, by which other programs know the layout.
func (c *collector) logText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "Collected from a disk image by %s, in the layout of UAC (Unix-like Artifacts Collector); UAC itself did not run.\n"+
		"host: %s\nsystem: %s\nfiles: %d\nprograms hashed: %d\nfailures: %d (0_ERRORS.txt)\n",
		c.opt.Tool, report.Text(c.h.Name), report.Text(c.h.OS), c.res.Files, c.res.Programs, len(c.res.Failures)+c.more)
	return err
}

// text is a string of the image in JSON.
type text string

func (s text) MarshalJSON() ([]byte, error) { return report.AppendJSONString(nil, string(s)), nil }

func texts(list []string) []text {
	out := []text{}
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// collectionJSON is collection.json.
func (c *collector) collectionJSON(w io.Writer) error {
	type image struct {
		Path   text   `json:"path"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256,omitempty"`
	}
	type fileSystem struct {
		Image  text   `json:"image"`
		Volume string `json:"volume"`
		Point  text   `json:"mount_point"`
		Type   string `json:"type"`
		UUID   string `json:"uuid,omitempty"`
		Label  text   `json:"label,omitempty"`
	}
	type omitted struct {
		Path text   `json:"path"`
		Why  string `json:"why"`
	}
	var v struct {
		Tool    string  `json:"tool"`
		Layout  string  `json:"layout"`
		Images  []image `json:"evidence"`
		Options struct {
			Hash     bool     `json:"hash"`
			Messages bool     `json:"messages"`
			Backup   bool     `json:"backup"`
			Rootkits bool     `json:"rootkits"`
			ClamAV   bool     `json:"clamav"`
			Exclude  []string `json:"exclude"`
			Since    string   `json:"since,omitempty"`
			Until    string   `json:"until,omitempty"`
			MaxFile  int64    `json:"max_file"`
		} `json:"options"`
		Host struct {
			Name     text   `json:"name"`
			OS       text   `json:"os"`
			OSID     text   `json:"os_id,omitempty"`
			Kernels  []text `json:"kernels"`
			Zone     text   `json:"time_zone"`
			ZoneFrom text   `json:"time_zone_from"`
			Accounts int    `json:"accounts"`
		} `json:"host"`
		FileSystems  []fileSystem `json:"file_systems"`
		LastActivity string       `json:"last_activity,omitempty"`
		LastFrom     text         `json:"last_activity_from,omitempty"`
		Counts       struct {
			Members  int   `json:"members"`
			Files    int   `json:"files"`
			Bytes    int64 `json:"bytes"`
			Names    int   `json:"names_in_tree"`
			Programs int   `json:"programs_hashed"`
			Failures int   `json:"failures"`
			Scanned  int   `json:"scanned"`
			Infected int   `json:"infected"`
			Rootkits int   `json:"rootkit_traces"`
		} `json:"counts"`
		Omitted []omitted `json:"left_out"`
		Notes   []text    `json:"notes"`
	}
	v.Tool, v.Layout = c.opt.Tool, "uac"
	v.Images = []image{}
	for _, i := range c.opt.Images {
		v.Images = append(v.Images, image{text(i.Path), i.Size, i.SHA256})
	}
	o := &v.Options
	o.Hash, o.Messages, o.Backup, o.Rootkits, o.ClamAV, o.MaxFile = c.opt.Hash, c.opt.Messages, c.opt.Backup, c.opt.Rootkits, c.opt.ClamAV != "", c.opt.MaxFile
	o.Since, o.Until, o.Exclude = stamp(c.res.Since), stamp(c.res.Until), []string{}
	for _, p := range c.opt.Exclude {
		o.Exclude = append(o.Exclude, "/"+strings.Join(p, "/"))
	}
	h := &v.Host
	h.Name, h.OS, h.OSID, h.Kernels, h.Zone, h.ZoneFrom, h.Accounts = text(c.h.Name), text(c.h.OS), text(c.h.OSID), texts(c.h.Kernels), text(c.h.ZoneName), text(c.h.ZoneFrom), len(c.h.Accounts)
	v.FileSystems = []fileSystem{}
	for _, m := range c.h.Mounts {
		info := m.FS.Info()
		v.FileSystems = append(v.FileSystems, fileSystem{text(m.Image), m.Volume.Slot, text(m.Point), info.Type, info.UUID, text(info.Label)})
		for _, n := range info.Notes {
			v.Notes = append(v.Notes, text("volume "+m.Volume.Slot+": "+n))
		}
	}
	if a := c.h.Activity(); a.Last.Known {
		v.LastActivity, v.LastFrom = stamp(a.Last.Std()), text(a.LastFrom)
	}
	n := &v.Counts
	n.Members, n.Files, n.Bytes, n.Names, n.Programs = c.res.Members, c.res.Files, c.res.Bytes, c.res.Names, c.res.Programs
	n.Failures, n.Scanned, n.Infected, n.Rootkits = len(c.res.Failures)+c.more, c.res.Scanned, len(c.res.Infected), len(c.res.Rootkits)
	v.Omitted = []omitted{}
	for _, x := range c.res.Omitted {
		v.Omitted = append(v.Omitted, omitted{text(x.Path), x.Why})
	}
	v.Notes = append(texts(c.h.Notes), v.Notes...)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
