package carved

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/internal/unpack"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// Kind is the kind of records of files and keys; lines have the kinds of their
// extractors.
const Kind = "carved"

const (
	// maxUnpacked is how much of one packed log is read.
	maxUnpacked = 64 << 20
	// maxHashed is the largest file whose hash is taken, and maxAllHashed what all together may have.
	maxHashed, maxAllHashed = 256 << 20, 8 << 30
	// maxWork bounds what is unpacked and searched through in one area.
	maxWork = 8 << 30
)

// form is how a kind of line is read: the extractor and the path by which it
// knows the format.
type form struct {
	kind, path string
	live       []string // extractors whose files hold such lines
}

var forms = map[content.TextKind]form{
	content.SyslogLine:  {"syslog", "/var/log/syslog", []string{"auth-log", "syslog", "syslog-other", "mail", "sudo-log"}},
	content.AccessLine:  {"web-access", "/var/log/nginx/access.log", []string{"web-access", "squid"}},
	content.WebError:    {"web-error", "/var/log/nginx/error.log", []string{"web-error"}},
	content.DpkgLine:    {"dpkg", "/var/log/dpkg.log", []string{"dpkg"}},
	content.AptLine:     {"apt", "/var/log/apt/history.log", []string{"apt"}},
	content.AuditLine:   {"auditd", "/var/log/audit/audit.log", []string{"auditd"}},
	content.DockerLine:  {"docker-log", "/var/lib/docker/containers/0/0-json.log", []string{"docker-log"}},
	content.CRILine:     {"cri-log", "/var/log/containers/0.log", []string{"cri-log"}},
	content.HistoryTime: {"shell-history", "/.bash_history", []string{"shell-history"}},
	content.HistoryLine: {"shell-history", "/.zsh_history", []string{"shell-history"}},
	content.CommandLine: {"shell-history", "/.bash_history", []string{"shell-history"}},
	content.CronLine:    {"cron", "/var/spool/cron/crontabs/", []string{"cron"}},
	content.KeyLine:     {"authorized-keys", "/etc/ssh/authorized_keys", []string{"authorized-keys"}},
	content.PacmanLine:  {"pacman", "/var/log/pacman.log", []string{"pacman"}},
}

// fileKinds are the kinds of files, as [content.CarveKind] names them.
var fileKinds = []string{"7z", "ar", "bzip2", "elf", "gzip", "lz4", "php", "script", "sqlite", "sqlite-page", "tar", "xz", "zip", "zstd"}

// Kinds lists all kinds that can be asked for, sorted.
func Kinds() []string {
	out := append([]string{"journald", "key", "utmp"}, fileKinds...)
	for _, f := range forms {
		out = append(out, f.kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Options say what is looked for.
type Options struct {
	Kinds []string // of [Kinds]; all if empty
	// Progress is told how many bytes were searched; nil if nobody wants to know.
	Progress func(done int64)
	// File is called for each file that was found, with its bytes, before its record is
	// given; what it returns is the field "written_as". It may be nil.
	File func(rec *timeline.Record, kind string, data *io.SectionReader) (string, error)
}

func (o *Options) wants(kind string) bool {
	return len(o.Kinds) == 0 || slices.Contains(o.Kinds, kind)
}

// found is a file.
type found struct {
	content.Carved
	from  int64
	pages int    // of loose pages of databases: how many follow each other
	sum   string // SHA-256; "" if it was not taken
	texts []find // in the unpacked text
}

// inArea is what one area holds.
type inArea struct {
	*Area
	finds []find
	files []*found
}

// search is one run of [Records].
type search struct {
	ctx   context.Context
	host  *host.Host
	opts  *Options
	areas []*inArea
	seen  table
	sums  map[string]int // copies of a file, by its hash
	done  map[string]bool
	yield func(timeline.Record, error) bool
}

// Records yields what the areas hold, area by area, in the order of their bytes.
// An error concerns one place, and the sequence goes on. Damage of what was recovered
// is none of the evidence, and not reported: parts of logs are what is expected.
func Records(ctx context.Context, h *host.Host, areas []*Area, opts Options) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		s := &search{ctx: ctx, host: h, opts: &opts, seen: newTable(), sums: map[string]int{}, done: map[string]bool{}, yield: yield}
		base := int64(0)
		for _, a := range areas {
			own := *a
			own.prepare()
			in := &inArea{Area: &own}
			s.areas = append(s.areas, in)
			if !s.find(in, base) {
				return
			}
			base += own.Size()
		}
		for _, in := range s.areas {
			s.learn(in)
		}
		if !s.live() {
			return
		}
		for _, in := range s.areas {
			if !s.give(in) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(timeline.Record{}, err)
		}
	}
}

// find searches one area.
func (s *search) find(in *inArea, base int64) bool {
	budget := &content.Budget{Left: maxWork}
	hashing := int64(maxAllHashed)
	stopped, full := false, false
	covered := int64(0)
	scan(s.ctx, in.Area, func(finds []find, errs []error, done int64) bool {
		if s.opts.Progress != nil {
			s.opts.Progress(base + done)
		}
		for _, err := range errs {
			if !s.yield(timeline.Record{}, err) {
				stopped = true
				return false
			}
		}
		for _, f := range finds {
			if len(in.finds)+len(in.files) >= maxFinds {
				full = true
				break
			}
			if f.what != isFile {
				in.finds = appendFind(in.finds, f)
				continue
			}
			if f.from < covered {
				continue
			}
			if c, ok := s.file(in, f, budget, &hashing); ok {
				if n := len(in.files); f.kind == "sqlite-page" && n > 0 && in.files[n-1].Kind == f.kind && in.files[n-1].from+in.files[n-1].Length == f.from && in.runEnd(in.files[n-1].from) > f.from {
					in.files[n-1].Length += c.Length
					in.files[n-1].pages++
					continue
				}
				in.files = append(in.files, c)
				if c.Complete || c.Kind == "sqlite" { // its pages are its own
					covered = f.from + c.Length
				}
			}
		}
		return s.ctx.Err() == nil
	})
	if stopped {
		return false
	}
	if full && !s.yield(timeline.Record{}, &ReadError{in.Name, in.Image, in.Volume, 0, in.Size(), fmt.Errorf("more than %d finds: what is past them is left out", maxFinds)}) {
		return false
	}
	if budget.Left < 0 && !s.yield(timeline.Record{}, &ReadError{in.Name, in.Image, in.Volume, 0, in.Size(), errors.New("too much that is packed: the ends of some files are not known")}) {
		return false
	}
	in.tidy()
	return true
}

// opaque are the kinds of files whose text is theirs alone.
var opaque = map[string]bool{"elf": true, "sqlite": true, "journal": true, "gzip": true, "xz": true, "zstd": true, "bzip2": true, "lz4": true, "zip": true, "7z": true}

// tidy sorts what was found, joins what belongs together, and drops what lies in
// a file that was found as a whole.
func (in *inArea) tidy() {
	slices.SortStableFunc(in.finds, func(a, b find) int { return cmp.Compare(a.from, b.from) })
	finds := in.finds
	in.finds = finds[:0]
	i := 0
	for _, f := range finds {
		for i < len(in.files) && in.files[i].from+in.files[i].Length <= f.from {
			i++
		}
		if i < len(in.files) {
			if c := in.files[i]; c.from <= f.from && c.Complete && opaque[c.Kind] {
				continue
			}
		}
		in.finds = appendFind(in.finds, f)
	}
}

// file measures a file, and unpacks it if it is a packed text.
func (s *search) file(in *inArea, f find, budget *content.Budget, hashing *int64) (*found, bool) {
	if f.kind == "journal" && !s.opts.wants("journald") {
		return nil, false
	}
	size := in.start[len(in.start)-1]
	end := in.runEnd(f.from)
	c, ok := content.Carve(f.kind, in, f.from, end, in.BlockSize, budget)
	if in.Joined && end < size && (!ok || !c.Complete) && f.kind != "script" && f.kind != "php" && f.kind != "sqlite-page" {
		// It may go on in the next blocks that are free. Only what checks itself is believed.
		if more, ok2 := content.Carve(f.kind, in, f.from, size, in.BlockSize, budget); ok2 && more.Complete {
			c, ok = more, true
			c.How += ", over " + strconv.Itoa(in.run(f.from+c.Length-1)-in.run(f.from)+1) + " runs of free blocks"
		}
	}
	if !ok {
		return nil, false
	}
	out := &found{Carved: c, from: f.from, pages: 1}
	if c.Length <= min(maxHashed, *hashing) && f.kind != "sqlite-page" {
		*hashing -= c.Length
		h := sha256.New()
		if n, err := io.Copy(h, io.NewSectionReader(in, f.from, c.Length)); err == nil && n == c.Length {
			out.sum = hex.EncodeToString(h.Sum(nil))
			s.sums[out.sum]++
		}
	}
	if format := packed(f.kind); format != "" {
		data := unpackAll(format, io.NewSectionReader(in, f.from, c.Length))
		sc := scanner{b: data, to: len(data), block: 4096}
		sc.run()
		for _, t := range sc.finds {
			if t.what != isFile {
				out.texts = append(out.texts, t)
			}
		}
		slices.SortStableFunc(out.texts, func(a, b find) int { return cmp.Compare(a.from, b.from) })
	}
	return out, true
}

// packed is the packing of a kind of file, as unpack names it.
func packed(kind string) string {
	switch kind {
	case "gzip", "xz", "zstd", "bzip2", "lz4":
		return kind
	}
	return ""
}

// unpackAll unpacks what can be unpacked, as far as maxUnpacked.
func unpackAll(format string, r io.Reader) []byte {
	z, err := unpack.NewReader(format, r)
	if err != nil {
		return nil
	}
	defer z.Close()
	var b bytes.Buffer
	io.Copy(&b, io.LimitReader(z, maxUnpacked)) // what came before an error counts
	return b.Bytes()
}

// unit is one entry of a log: a line, a command with its time, a record of logins.
type unit struct {
	from, to int // in the data of its find
	sum      uint64
}

// units cuts the data of a find into units.
func (t *table) units(f find, data []byte) []unit {
	var out []unit
	if f.what == isLogins {
		for at := 0; at+content.UtmpSize <= len(data); at += content.UtmpSize {
			out = append(out, unit{at, at + content.UtmpSize, t.sum(data[at : at+content.UtmpSize])})
		}
		return out
	}
	if f.what != isLines {
		return []unit{{0, len(data), t.sum(data)}}
	}
	for at := 0; at < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := trimEnd(data[at:end])
		u := unit{at, end, 0}
		switch {
		case f.text == content.HistoryTime && content.KindOfLine(line) == content.HistoryTime && end < len(data):
			rest := data[end:]
			command, _, _ := bytes.Cut(rest, []byte("\n"))
			u.sum = t.command(line, trimEnd(command))
			u.to = min(end+len(command)+1, len(data))
		case f.text == content.HistoryTime && len(out) > 0:
			out[len(out)-1].to = end // one more line of a command
			at = end
			continue
		default:
			u.sum = t.sum(line)
		}
		if len(line) > 0 {
			out = append(out, u)
		}
		at = u.to
	}
	return out
}

func trimEnd(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }

// load reads the bytes of a find; what cannot be read any more is left out.
func load(r io.ReaderAt, f find) []byte {
	b := make([]byte, f.to-f.from)
	n, _ := r.ReadAt(b, f.from)
	return b[:max(n, 0)]
}

// learn counts all units of an area.
func (s *search) learn(in *inArea) {
	for _, f := range in.finds {
		if s.opts.wants(f.name()) {
			s.seen.count(s.seen.units(f, load(in, f)))
		}
	}
	for _, c := range in.files {
		if len(c.texts) == 0 {
			continue
		}
		data := unpackAll(packed(c.Kind), io.NewSectionReader(in, c.from, c.Length))
		for _, f := range c.texts {
			if f.to <= int64(len(data)) && s.opts.wants(f.name()) {
				s.seen.count(s.seen.units(f, data[f.from:f.to]))
			}
		}
	}
}

// name is the kind of a find, as [Kinds] has it.
func (f *find) name() string {
	switch f.what {
	case isLogins:
		return "utmp"
	case isMessage:
		return "journald"
	case isKey:
		return "key"
	case isLines:
		return forms[f.text].kind
	}
	return f.kind
}

// give yields the records of an area.
func (s *search) give(in *inArea) bool {
	i := 0
	for _, f := range in.finds {
		for ; i < len(in.files) && in.files[i].from <= f.from; i++ {
			if !s.giveFile(in, in.files[i]) {
				return false
			}
		}
		if s.opts.wants(f.name()) && !s.giveText(in, f, load(in, f), nil) {
			return false
		}
		if s.ctx.Err() != nil {
			return true
		}
	}
	for ; i < len(in.files); i++ {
		if !s.giveFile(in, in.files[i]) {
			return false
		}
	}
	return true
}

// at is the evidence for a range of an area.
func (in *inArea) at(from, length int64) timeline.Evidence {
	off := in.offset(from)
	image, at, n := in.Place(off, min(length, in.runEnd(from)-from))
	return timeline.Evidence{Image: image, Volume: in.Volume, Offset: at, Length: n}
}

// ranges lists where on the image a file lies that is in several pieces, as
// "offset+length", in its order; "" of one piece.
func (in *inArea) ranges(from, length int64) string {
	var out []string
	for at := from; at < from+length; {
		n := min(from+length, in.runEnd(at)) - at
		_, off, together := in.Place(in.offset(at), n)
		if together <= 0 || off < 0 || len(out) >= 4096 {
			break
		}
		n = min(n, together)
		out = append(out, strconv.FormatInt(off, 10)+"+"+strconv.FormatInt(n, 10))
		at += n
	}
	if len(out) < 2 {
		return ""
	}
	return strings.Join(out, ",")
}

// fields are those that all records have.
func (in *inArea) fields(from int64, more ...string) map[string]string {
	f := map[string]string{"recovered": in.Name, "block": strconv.FormatInt(in.offset(from)/in.BlockSize, 10)}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			f[more[i]] = more[i+1]
		}
	}
	return f
}

// giveFile yields a file, and the lines of a packed log.
func (s *search) giveFile(in *inArea, c *found) bool {
	if c.sum != "" {
		if s.done[c.sum] {
			return true
		}
		s.done[c.sum] = true
	}
	data := io.NewSectionReader(in, c.from, c.Length)
	if c.Kind == "journal" {
		if !s.giveJournal(in, c, data) {
			return false
		}
	} else if s.opts.wants(c.Kind) {
		how := c.How
		if c.pages > 1 {
			how = fmt.Sprintf("%d pages of tables, one after the other", c.pages)
		}
		complete := "no"
		if c.Complete {
			complete = "yes"
		}
		copies := ""
		if n := s.sums[c.sum]; n > 1 {
			copies = strconv.Itoa(n)
		}
		rec := timeline.Record{Kind: Kind, Extractor: Kind, Evidence: in.at(c.from, c.Length),
			Fields: in.fields(c.from, "found", c.Kind, "size", strconv.FormatInt(c.Length, 10), "complete", complete, "end", how, "detail", c.Detail, "sha256", c.sum, "copies", copies, "ranges", in.ranges(c.from, c.Length))}
		rec.Summary = fmt.Sprintf("%s, %d bytes", c.Kind, c.Length)
		if c.Detail != "" {
			rec.Summary += ", " + c.Detail
		}
		rec.Summary += "; " + how
		if s.opts.File != nil {
			name, err := s.opts.File(&rec, c.Kind, data)
			if err != nil && !s.yield(timeline.Record{}, err) {
				return false
			}
			if name != "" {
				rec.Fields["written_as"] = name
			}
		}
		if !s.yield(rec, nil) {
			return false
		}
	}
	if len(c.texts) == 0 {
		return true
	}
	text := unpackAll(packed(c.Kind), data)
	within := &inside{file: c, text: text}
	for _, f := range c.texts {
		if f.to <= int64(len(text)) && s.opts.wants(f.name()) && !s.giveText(in, f, text[f.from:f.to], within) {
			return false
		}
	}
	return true
}

// inside says that a find lies in a file that is packed.
type inside struct {
	file *found
	text []byte
	at   int64 // where lines were counted to
	n    int   // line ends up to there
}

// line is the number of the line at a place of the unpacked text.
func (p *inside) line(at int64) int {
	at = min(at, int64(len(p.text)))
	if at < p.at {
		p.at, p.n = 0, 0
	}
	p.n += bytes.Count(p.text[p.at:at], []byte{'\n'})
	p.at = at
	return 1 + p.n
}

// giveText yields the records of lines, of logins, of a message or a key.
func (s *search) giveText(in *inArea, f find, data []byte, p *inside) bool {
	from := f.from
	if p != nil {
		from = p.file.from
	}
	place := func(off, length int64) timeline.Evidence {
		if p == nil {
			return in.at(f.from+off, max(length, 1))
		}
		e := in.at(p.file.from, p.file.Length)
		e.Packed = p.file.Kind
		e.Line = p.line(f.from + off)
		return e
	}
	units := s.seen.units(f, data)
	if f.text == content.CommandLine && f.what == isLines {
		units = s.seen.runs(units, data)
	} else {
		units = s.seen.fresh(units)
	}
	if len(units) == 0 {
		return true
	}
	switch f.what {
	case isMessage:
		message := strings.TrimPrefix(string(data), "MESSAGE=")
		rec := timeline.Record{Kind: timeline.KindSyslog, Extractor: "journald", Summary: message, Evidence: place(0, int64(len(data))),
			Fields: in.fields(from, "message", message, "note", "a message of the journal by itself: the entry with its time is not found beside it", "copies", s.seen.copies(units[0].sum))}
		return s.yield(rec, nil)
	case isKey:
		k, ok := content.PrivateKey(data)
		if !ok {
			return true
		}
		complete := "yes"
		if !k.Complete {
			complete = "no"
		}
		rec := timeline.Record{Kind: Kind, Extractor: Kind, Evidence: place(0, k.Length), Summary: "private key (" + k.Type + "), " + strconv.FormatInt(k.Length, 10) + " bytes; its text is not shown",
			Fields: in.fields(from, "found", "key", "type", k.Type, "algorithm", k.Algorithm, "encrypted", k.Encrypted, "size", strconv.FormatInt(k.Length, 10), "complete", complete, "copies", s.seen.copies(units[0].sum))}
		return s.yield(rec, nil)
	}
	return s.extract(in, f, data, units, place)
}

// placed is a unit in the data that an extractor reads.
type placed struct {
	at   int // in the extractor's data
	unit unit
}

// extract hands units to the extractor that reads such lines.
func (s *search) extract(in *inArea, f find, data []byte, units []unit, place func(off, length int64) timeline.Evidence) bool {
	name, path := f.name(), "/var/log/wtmp"
	if f.what == isLines {
		path = forms[f.text].path
	} else if f.kind == "btmp" {
		path = "/var/log/btmp"
	}
	if f.text == content.CronLine && s.systemTable(data) {
		path = "/etc/crontab"
	}
	e := extractor(name)
	if e == nil {
		return true
	}
	var list []placed
	var text []byte
	for _, u := range units {
		list = append(list, placed{len(text), u})
		text = append(text, data[u.from:u.to]...)
		if f.what == isLines && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
	}
	unitAt := func(off int64) *placed {
		i, ok := slices.BinarySearchFunc(list, int(off), func(p placed, at int) int { return cmp.Compare(p.at, at) })
		if !ok {
			i--
		}
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	copies := map[timeline.Evidence]*placed{}
	src := &timeline.Source{Path: path, Data: bytes.NewReader(text), Size: int64(len(text)), Zone: s.zone()}
	src.Place = func(off, length int64, _ int) timeline.Evidence {
		u := unitAt(off)
		if off < 0 || u == nil {
			return timeline.Evidence{Image: in.Image, Volume: in.Volume, Offset: -1}
		}
		at := int64(u.unit.from) + off - int64(u.at)
		ev := place(min(at, int64(u.unit.to)), length)
		copies[ev] = u
		return ev
	}
	if name == "syslog" && in.Written.Known {
		// The latest year that the last write allows, said as what it is below.
		src.Inode = &filesystem.Inode{Times: filesystem.Times{Modified: in.Written}}
	}
	for rec, err := range e.Run(s.ctx, src) {
		if err != nil || rec.Kind == timeline.KindAutostart || rec.Kind == timeline.KindEffective {
			continue // what lies in free blocks is not in force
		}
		if rec.Extractor == "" {
			rec.Extractor = e.Name
		}
		if rec.Fields == nil {
			rec.Fields = map[string]string{}
		}
		u := copies[rec.Evidence]
		from := f.from
		rec.Fields["recovered"] = in.Name
		if u != nil {
			from += int64(u.unit.from)
			if n := s.seen.copies(u.unit.sum); n != "" {
				rec.Fields["copies"] = n
			}
			if f.what == isLines && data[u.unit.to-1] != '\n' {
				rec.Fields["cut"] = "yes" // what follows in the block is no text, or the block ends
			}
		}
		if rec.Evidence.Packed == "" {
			rec.Fields["block"] = strconv.FormatInt(in.offset(from)/in.BlockSize, 10)
		}
		rec.Evidence.Path, rec.Evidence.Inode = "", 0
		s.honest(in, &rec)
		if !s.yield(rec, nil) {
			return false
		}
	}
	return true
}

// honest takes from a record what is only known of a whole file, and says of a
// year how it is known.
func (s *search) honest(in *inArea, rec *timeline.Record) {
	const modified, written = "the file's modification time", "the file system's last write, the latest that is possible: the line was found without its file"
	kept := rec.Stamps[:0:0]
	for _, st := range rec.Stamps {
		if strings.Contains(st.Note, modified) {
			st.Note = strings.ReplaceAll(st.Note, modified, written)
			if in.Created.Known && st.When.Unix() < in.Created.Sec-86400 {
				rec.Fields["note"] = "the line has no year, and none between the making of the file system and its last write fits"
				continue
			}
		}
		kept = append(kept, st)
	}
	if len(rec.Stamps) == 0 && rec.Extractor == "syslog" {
		rec.Fields["note"] = "the line's year is not known: it was found without its file"
	}
	rec.Stamps = kept
	if rec.Kind == timeline.KindLogin && (rec.Fields["ended"] == "open" || rec.Fields["ended"] == "crash") {
		for _, name := range [...]string{"ended", "until", "duration"} {
			delete(rec.Fields, name)
		}
	}
}

// systemTable tells a crontab whose jobs name an account before the command.
func (s *search) systemTable(data []byte) bool {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		words := bytes.Fields(line)
		n := 5
		if len(words) > 0 && words[0][0] == '@' {
			n = 1
		}
		if len(words) > n+1 && (string(words[n]) == "root" || s.host != nil && slices.ContainsFunc(s.host.Accounts, func(a host.Account) bool { return a.Name == string(words[n]) })) {
			return true
		}
	}
	return false
}

// giveJournal yields the entries of a journal.
func (s *search) giveJournal(in *inArea, c *found, data *io.SectionReader) bool {
	e := extractor("journald")
	if e == nil {
		return true
	}
	var id [16]byte
	if n, _ := data.ReadAt(id[:], 24); n == len(id) && s.seen.journals[id] {
		return true // an older state of one that is there
	}
	src := &timeline.Source{Path: "/var/log/journal/system.journal", Data: data, Size: c.Length, Zone: s.zone()}
	src.Place = func(off, length int64, _ int) timeline.Evidence {
		if off < 0 || off >= c.Length {
			return timeline.Evidence{Image: in.Image, Volume: in.Volume, Offset: -1}
		}
		return in.at(c.from+off, max(length, 1))
	}
	for rec, err := range e.Run(s.ctx, src) {
		if err != nil {
			continue
		}
		if rec.Fields == nil {
			rec.Fields = map[string]string{}
		}
		rec.Extractor = e.Name
		rec.Fields["recovered"] = in.Name
		rec.Fields["block"] = strconv.FormatInt(in.offset(c.from)/in.BlockSize, 10)
		rec.Evidence.Path, rec.Evidence.Inode = "", 0
		if !s.yield(rec, nil) {
			return false
		}
	}
	return true
}

func extractor(name string) *timeline.Extractor {
	for _, e := range artifact.All {
		if e.Name == name {
			return e
		}
	}
	return nil
}
