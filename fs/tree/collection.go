package tree

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/filesystem"
)

// The layout of a collection: UAC's, and what "deadbox collect" puts beside it.
// https://tclahr.github.io/uac-docs/
const (
	rootFolder     = "[root]"
	bodyFile       = "bodyfile/bodyfile.txt"
	manifestFile   = "manifest.jsonl"
	collectionFile = "collection.json"
)

// uacMarks are what UAC has beside the folder of files.
var uacMarks = []string{"uac.log", "bodyfile", "live_response"}

// maxLine bounds a line of a manifest or a body file.
const maxLine = 16 << 20

// opener opens a file of the collection by its name below the folder that holds
// "[root]".
type opener func(name string) (io.Reader, error)

// kindOf decides whether a folder that holds "[root]" is a collection, and whose.
func kindOf(exists func(string) bool) string {
	switch {
	case exists(collectionFile) && exists(manifestFile):
		return KindCollection
	case slices.ContainsFunc(uacMarks, exists):
		return KindUAC
	}
	return ""
}

// dirKind finds "[root]" in a directory, or in the only folder that it has.
func (f *FS) dirKind(d *directory) {
	for _, base := range []string{"", onlyFolder(d) + "/"} {
		if base == "/" {
			continue
		}
		info, err := d.root.Lstat(base + rootFolder)
		if err != nil || !info.IsDir() {
			continue
		}
		kind := kindOf(func(name string) bool { _, err := d.root.Lstat(base + name); return err == nil })
		if kind != "" {
			f.kind, d.base = kind, base+rootFolder
		}
		return
	}
}

// onlyFolder is the only name in a directory, "" if there are others.
func onlyFolder(d *directory) string {
	file, _, err := openIn(d.root, ".", true)
	if err != nil {
		return ""
	}
	defer file.Close()
	names, _ := file.Readdirnames(2)
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// dirCollection reads what a collection that lies in a directory says of its files.
func (f *FS) dirCollection(ctx context.Context, d *directory) error {
	if f.kind == KindDirectory {
		return nil
	}
	base := strings.TrimSuffix(d.base, rootFolder)
	var closers []io.Closer
	defer func() {
		for _, c := range closers {
			c.Close()
		}
	}()
	// The times of the copy on the analyst's disk are not those of the server.
	for n := range f.nodes {
		t := &f.nodes[n].times
		t.Accessed, t.Changed, t.Born = filesystem.Time{}, filesystem.Time{}, filesystem.Time{}
		f.nodes[n].inum = 0
	}
	f.note("access, change and birth times of the files below %s are those of the analyst's copy and are not shown, unless the collection itself keeps the server's", rootFolder)
	return f.applyMetadata(ctx, func(name string) (io.Reader, error) {
		file, _, err := openIn(d.root, base+name, false)
		if err != nil {
			return nil, err
		}
		closers = append(closers, file)
		return file, nil
	})
}

// tarCollection finds "[root]" in a tarball, and makes it the root of the tree.
func (f *FS) tarCollection(ctx context.Context) error {
	f.index()
	top := int32(0)
	list := f.byDir[f.dirAt[0]:f.dirAt[1]]
	if _, ok := f.child(0, rootFolder); !ok && len(list) == 1 {
		top = f.names[list[0]].node
	}
	if f.nodes[top].mode.Type() != filesystem.Directory {
		return nil
	}
	root, ok := f.child(top, rootFolder)
	if !ok || f.nodes[root].mode.Type() != filesystem.Directory {
		return nil
	}
	open := func(name string) (io.Reader, error) {
		at := top
		for elem := range strings.SplitSeq(name, "/") {
			if f.nodes[at].mode.Type() != filesystem.Directory {
				return nil, fs.ErrNotExist
			}
			if at, ok = f.child(at, elem); !ok {
				return nil, fs.ErrNotExist
			}
		}
		if f.nodes[at].mode.Type() != filesystem.Regular {
			return nil, nil
		}
		c, err := f.store.content(f, at)
		if err != nil {
			f.damage(fmt.Errorf("%s of the collection: %w", name, err))
		}
		return io.NewSectionReader(c, 0, c.Size()), nil
	}
	f.kind = kindOf(func(name string) bool { _, err := open(name); return err == nil })
	if f.kind == "" {
		f.kind = KindTarball
		return nil
	}
	// What is read of the collection's own files has to be opened before they are
	// left out of the tree.
	readers := map[string]io.Reader{}
	for _, name := range []string{manifestFile, bodyFile} {
		if r, err := open(name); err == nil && r != nil {
			readers[name] = r
		}
	}
	f.reroot(root)
	f.index()
	return f.applyMetadata(ctx, func(name string) (io.Reader, error) {
		if r := readers[name]; r != nil {
			return r, nil
		}
		return nil, fs.ErrNotExist
	})
}

// reroot leaves only what lies below a directory, which becomes the root.
func (f *FS) reroot(root int32) {
	keep := make([]bool, len(f.nodes))
	keep[root] = true
	for todo := []int32{root}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range f.byDir[f.dirAt[at]:f.dirAt[at+1]] {
			if n := f.names[i].node; !keep[n] {
				keep[n] = true
				todo = append(todo, n)
			}
		}
	}
	to := make([]int32, len(f.nodes))
	nodes := []node{f.nodes[root]}
	for n := range f.nodes {
		if keep[n] && int32(n) != root {
			to[n] = int32(len(nodes))
			nodes = append(nodes, f.nodes[n])
		}
	}
	for n := range nodes {
		nodes[n].name, nodes[n].links = -1, 0
	}
	var names []entry
	for _, e := range f.names {
		if !keep[e.parent] {
			continue
		}
		e.parent, e.node = to[e.parent], to[e.node]
		d := &nodes[e.node]
		if d.name < 0 || names[d.name].old && !e.old {
			d.name = int32(len(names))
		}
		d.links++
		names = append(names, e)
	}
	f.nodes, f.names = nodes, names
	f.links, f.attrs = move(f.links, keep, to), move(f.attrs, keep, to)
	if t, ok := f.store.(*tarball); ok {
		t.sparse, t.lost = move(t.sparse, keep, to), move(t.lost, keep, to)
	}
}

func move[T any](m map[int32]T, keep []bool, to []int32) map[int32]T {
	out := make(map[int32]T, len(m))
	for n, v := range m {
		if keep[n] {
			out[to[n]] = v
		}
	}
	return out
}

// metadata is what a manifest or a body file says of a file.
type metadata struct {
	path     string
	inum     filesystem.Inum
	mode     filesystem.Mode
	uid, gid uint32
	links    uint32
	times    filesystem.Times
	flags    filesystem.Flags
	xattrs   []filesystem.Xattr
	whole    bool // from a manifest: links, flags and xattrs are known too
}

// applyMetadata gives the files what the collection keeps of them beside the
// copies. Of a manifest and a body file, the manifest is the better one.
func (f *FS) applyMetadata(ctx context.Context, open opener) error {
	f.index()
	done := map[int32]bool{}
	read := func(name string, parse func([]byte) (metadata, error)) (applied, others, bad int, ok bool) {
		r, err := open(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				f.damage(fmt.Errorf("%s of the collection: %w", name, err))
			}
			return 0, 0, 0, false
		}
		if r == nil {
			return 0, 0, 0, false
		}
		err = eachLine(ctx, r, func(line []byte) {
			m, err := parse(line)
			if err != nil {
				bad++
				return
			}
			n, ok := f.locate(m.path)
			if !ok && strings.Contains(m.path, `\x`) {
				n, ok = f.locate(unescape(m.path))
			}
			switch {
			case !ok:
				others++
			case !done[n]:
				done[n] = true
				applied++
				f.apply(n, &m)
			}
		})
		if err != nil {
			f.damage(fmt.Errorf("%s of the collection: %w", name, err))
		}
		if bad > 0 {
			f.damage(fmt.Errorf("%s of the collection: %d lines were not understood", name, bad))
		}
		return applied, others, bad, true
	}
	if f.kind == KindCollection {
		if n, missing, _, ok := read(manifestFile, parseManifest); ok {
			f.note("owners, modes, times, inode numbers, flags and extended attributes of %d files come from the collection's %s", n, manifestFile)
			if missing > 0 {
				f.damage(fmt.Errorf("%d files that %s names are not in the collection", missing, manifestFile))
			}
		}
	}
	if n, others, _, ok := read(bodyFile, parseBody); ok {
		if n > 0 {
			f.note("owners, modes, times and inode numbers of %d files come from the collection's %s", n, bodyFile)
		}
		if others > 0 {
			f.note("the collection's %s lists %d names that were not collected", bodyFile, others)
		}
	}
	return ctx.Err()
}

// locate finds a path without following links.
func (f *FS) locate(p string) (int32, bool) {
	at := int32(0)
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." {
			continue
		}
		if f.nodes[at].mode.Type() != filesystem.Directory {
			return 0, false
		}
		n, ok := f.child(at, elem)
		if !ok {
			return 0, false
		}
		at = n
	}
	return at, true
}

// apply gives a node what is known of it.
func (f *FS) apply(n int32, m *metadata) {
	d := &f.nodes[n]
	d.inum, d.uid, d.gid = m.inum, m.uid, m.gid
	d.mode = d.mode&filesystem.ModeType | m.mode&^filesystem.ModeType
	better := func(have *filesystem.Time, said filesystem.Time) {
		if said.Known && (!have.Known || have.Sec != said.Sec || have.Nsec == 0) {
			*have = said
		}
	}
	better(&d.times.Modified, m.times.Modified)
	better(&d.times.Accessed, m.times.Accessed)
	better(&d.times.Changed, m.times.Changed)
	better(&d.times.Born, m.times.Born)
	if m.whole {
		d.links, d.flags = max(m.links, 1), m.flags
		d.times.Deleted = m.times.Deleted
		if m.xattrs != nil {
			f.attrs[n] = m.xattrs
		}
	}
}

// eachLine calls do for every line that is not empty. A line that is too long
// ends the reading.
func eachLine(ctx context.Context, r io.Reader, do func([]byte)) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	for s.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if line := bytes.TrimRight(s.Bytes(), "\r"); len(line) > 0 {
			do(line)
		}
	}
	return s.Err()
}

// parseManifest reads a line of manifest.jsonl.
func parseManifest(line []byte) (metadata, error) {
	var v struct {
		Path      string   `json:"path"`
		PathBytes string   `json:"path_bytes"`
		Inode     uint64   `json:"inode"`
		Mode      string   `json:"mode"`
		UID       uint32   `json:"uid"`
		GID       uint32   `json:"gid"`
		Links     uint32   `json:"links"`
		Flags     []string `json:"flags"`
		Xattrs    []struct {
			Name  string `json:"name"`
			Value []byte `json:"value"`
		} `json:"xattrs"`
		Modified string `json:"modified"`
		Accessed string `json:"accessed"`
		Changed  string `json:"changed"`
		Born     string `json:"born"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return metadata{}, err
	}
	m := metadata{path: v.Path, inum: filesystem.Inum(v.Inode), uid: v.UID, gid: v.GID, links: v.Links, whole: true}
	if v.PathBytes != "" {
		b, err := base64.StdEncoding.DecodeString(v.PathBytes)
		if err != nil {
			return m, err
		}
		m.path = string(b)
	}
	mode, err := strconv.ParseUint(v.Mode, 8, 16)
	if err != nil || m.path == "" {
		return m, errors.New("no path or no mode")
	}
	m.mode = filesystem.Mode(mode)
	for _, name := range v.Flags {
		m.flags |= flagOf(name)
	}
	for _, x := range v.Xattrs {
		m.xattrs = append(m.xattrs, filesystem.Xattr{Name: x.Name, Value: x.Value, Offset: -1})
	}
	for _, t := range []struct {
		text string
		to   *filesystem.Time
	}{{v.Modified, &m.times.Modified}, {v.Accessed, &m.times.Accessed}, {v.Changed, &m.times.Changed}, {v.Born, &m.times.Born}} {
		if t.text == "" {
			continue
		}
		when, err := time.Parse(time.RFC3339Nano, t.text)
		if err != nil {
			return m, err
		}
		*t.to = filesystem.Time{Sec: when.Unix(), Nsec: int32(when.Nanosecond()), Known: true}
	}
	return m, nil
}

// flagBits are the flags by the names that [filesystem.Flags.Names] gives.
var flagBits = func() map[string]filesystem.Flags {
	m := map[string]filesystem.Flags{}
	for bit := range 32 {
		f := filesystem.Flags(1 << bit)
		m[f.String()] = f
	}
	return m
}()

func flagOf(name string) filesystem.Flags {
	if digits, ok := strings.CutPrefix(name, "0x"); ok {
		v, _ := strconv.ParseUint(digits, 16, 32)
		return filesystem.Flags(v)
	}
	return flagBits[name]
}

// parseBody reads a line of a body file: MD5, name, inode, mode, owner, group,
// size, and the times of access, modification, change and birth. UAC writes what
// stat(1) prints: a name may hold bars, and that of a link has its target behind it.
// https://wiki.sleuthkit.org/index.php?title=Body_file
func parseBody(line []byte) (metadata, error) {
	bad := errors.New("not a line of a body file")
	fields := make([]string, 9)
	rest := string(line)
	for i := 8; i >= 0; i-- {
		at := strings.LastIndexByte(rest, '|')
		if at < 0 {
			return metadata{}, bad
		}
		rest, fields[i] = rest[:at], rest[at+1:]
	}
	_, name, ok := strings.Cut(rest, "|")
	if !ok || name == "" {
		return metadata{}, bad
	}
	m := metadata{}
	digits, _, _ := strings.Cut(fields[0], "-")
	inum, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return m, bad
	}
	m.inum = filesystem.Inum(inum)
	if m.mode, ok = letters(fields[1]); !ok {
		return m, bad
	}
	if fields[1][0] == 'l' {
		if i := strings.Index(name, " -> "); i > 0 {
			name = name[:i]
		}
	}
	m.path = name
	uid, err := strconv.ParseUint(fields[2], 10, 32)
	gid, gerr := strconv.ParseUint(fields[3], 10, 32)
	if err != nil || gerr != nil {
		return m, bad
	}
	m.uid, m.gid = uint32(uid), uint32(gid)
	for i, to := range []*filesystem.Time{&m.times.Accessed, &m.times.Modified, &m.times.Changed, &m.times.Born} {
		text := fields[5+i]
		if text == "" || text == "-" || text == "0" {
			continue // not known
		}
		if *to, err = paxTime(text); err != nil {
			return m, bad
		}
	}
	return m, nil
}

// letters reads the permissions of "ls -l", the last nine letters of a mode.
func letters(s string) (filesystem.Mode, bool) {
	s = strings.TrimRight(s, ".+@ ")
	if len(s) < 9 {
		return 0, false
	}
	var m filesystem.Mode
	for i, c := range []byte(s[len(s)-9:]) {
		bit := filesystem.Mode(1) << (8 - i)
		special := filesystem.Mode(0o4000) >> (i / 3)
		switch c {
		case '-':
		case "rwx"[i%3]:
			m |= bit
		case 's', 't':
			if i%3 != 2 {
				return 0, false
			}
			m |= bit | special
		case 'S', 'T':
			if i%3 != 2 {
				return 0, false
			}
			m |= special
		default:
			return 0, false
		}
	}
	return m, true
}

// unescape undoes the \xNN of our own body files.
func unescape(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
