// Package utmp reads the records of logins: wtmp, btmp and utmp, lastlog, the
// counts of failures of faillog, pam_tally2 and pam_faillock, and the databases of
// wtmpdb and lastlog2.
package utmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each of wtmp, btmp and utmp.
var Extractor = timeline.Extractor{
	Name: "utmp",
	Doc: `Records of wtmp, btmp and utmp, each with its type: action (login, logout, failed, boot, shutdown, runlevel, getty, init, dead,
clock-new, clock-old, accounting, empty; blank for records of nothing but zeros, which no program writes to wtmp or btmp, with count),
account, tty, address, remote_host, pid, session, id, exit, signal, kernel, runlevel. A login has until, duration (seconds) and ended, as the
rest of the file says: logout, replaced (the next login on the same line), down (a shutdown), crash (a boot without a shutdown before), or
open. A record of wtmp or btmp that is earlier than the one before has goes_back (seconds); blank ones have not_before and not_after, the
times of their neighbours.

Format: utmp(5), bits/utmp.h of the GNU C library: records of 384 and of 400 bytes, little- and big-endian, told apart by trial over the whole file.`,
	Paths: []string{"/var/log/wtmp", "/var/log/wtmp.*", "/var/log/wtmp-*", "/var/log/btmp", "/var/log/btmp.*", "/var/log/btmp-*", "/var/adm/wtmp*", "/var/run/utmp", "/run/utmp"},
	Run:   run,
}

// book is which of the files it is.
type book int

const (
	wtmp book = iota
	btmp
	utmp
)

func bookOf(name string) book {
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "btmp"):
		return btmp
	case strings.HasPrefix(base, "utmp"):
		return utmp
	}
	return wtmp
}

const (
	// blockSize is how much is read at a time; a multiple of no record's size is needed.
	blockSize = 256 << 10
	// maxDamage is how many places are reported one by one.
	maxDamage = 100
	// maxOpen bounds the lines that are logged in at a time.
	maxOpen = 1 << 16
)

// sqliteMagic starts every SQLite database.
const sqliteMagic = "SQLite format 3\x00"

// ErrNone is wrapped by the error for a file that holds no records of logins.
var ErrNone = errors.New("no records of logins")

// reader reads bytes in blocks.
type reader struct {
	src *timeline.Source
	buf []byte
	off int64 // of buf; -1 if it is not read
}

func newReader(s *timeline.Source) *reader {
	return &reader{src: s, off: -1, buf: make([]byte, 0, min(blockSize, max(s.Size, 1)))}
}

// at gives n bytes at off, which lie in the file, valid until the next call.
func (r *reader) at(off int64, n int) ([]byte, error) {
	if r.off < 0 || off < r.off || off+int64(n) > r.off+int64(len(r.buf)) {
		want := int(min(int64(cap(r.buf)), r.src.Size-off))
		if want < n {
			return nil, io.ErrUnexpectedEOF
		}
		b := r.buf[:want]
		got, err := r.src.Data.ReadAt(b, off)
		if got = min(max(got, 0), want); got < n && want > n {
			got, err = r.src.Data.ReadAt(b[:n], off)
			got = min(max(got, 0), n)
		}
		if r.off, r.buf = off, b[:got]; got < n {
			r.off = -1
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return r.buf[off-r.off:][:n], nil
}

// data gives the first place from off on that is not in a hole, in whole
// records from the start of the run of holes.
func (r *reader) data(off int64, size int) int64 {
	if r.src.NextData == nil {
		return off
	}
	next := min(r.src.NextData(off), r.src.Size)
	if next <= off {
		return off
	}
	return off + (next-off)/int64(size)*int64(size)
}

// detect tells the layout by trial over the whole file. The second is another
// that fits as well, nil if there is none.
func detect(ctx context.Context, s *timeline.Source) (best, second *layout, err error) {
	var score [len(layouts)]int
	blank := false
	for i := range layouts {
		l := &layouts[i]
		r := newReader(s)
		for off := int64(0); off+int64(l.size) <= s.Size; off += int64(l.size) {
			if off%(1<<20) < int64(l.size) {
				if err := ctx.Err(); err != nil {
					return nil, nil, err
				}
				if next := r.data(off, l.size); next > off {
					if blank = true; next+int64(l.size) > s.Size {
						break
					}
					off = next
				}
			}
			b, err := r.at(off, l.size)
			if err != nil {
				continue
			}
			switch rec := (raw{b, l}); {
			case rec.sure():
				score[i] += 4
			case isZero(b):
				blank = true
			case rec.valid() && rec.kind() != typeEmpty && rec.seconds() >= firstTime:
				score[i] += 2 // with garbage behind its texts
			case rec.valid() && rec.kind() != typeEmpty && rec.pad() == 0 && len(text(rec.line())) > 0:
				score[i]++ // with a clock that was not set
			}
		}
	}
	top, next := -1, -1
	for i := range score {
		switch {
		case top < 0 || score[i] > score[top]:
			top, next = i, top
		case next < 0 || score[i] > score[next]:
			next = i
		}
	}
	if score[top] == 0 {
		if !blank {
			return nil, nil, ErrNone
		}
		// Nothing but zeros: the size of the file says what there is to say.
		for i := range layouts[:2] {
			if s.Size%int64(layouts[i].size) == 0 {
				return &layouts[i], nil, nil
			}
		}
		return &layouts[0], nil, nil
	}
	if score[next] == score[top] {
		second = &layouts[next]
	}
	return &layouts[top], second, nil
}

// entry is a record of the file.
type entry struct {
	offset, length int64
	blank          int64 // how many records of zeros this stands for
	bad            string
	err            error
	raw            raw // valid until the next entry
}

// entries yields the records in turn, runs of zeroed ones as one. Where a
// record makes no sense, the next that does is looked for: a write that was cut off
// shifts those behind it.
func entries(ctx context.Context, s *timeline.Source, l *layout) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		r := newReader(s)
		size := int64(l.size)
		off := int64(0)
		for off+size <= s.Size {
			if ctx.Err() != nil {
				return
			}
			b, err := r.at(off, l.size)
			rec := raw{b, l}
			good := err == nil && rec.valid()
			if good && !rec.sure() && rec.kind() != typeEmpty {
				// It may be made of the parts of two.
				good = resync(r, off, l) == off+size
				b, err = r.at(off, l.size)
				rec.b = b
			}
			switch {
			case err != nil:
				if !yield(entry{offset: off, length: size, bad: "cannot be read", err: err}) {
					return
				}
				off += size
			case isZero(b):
				from := off
				off += size
				for n := 0; off+size <= s.Size && ctx.Err() == nil; n++ {
					if n%256 == 0 {
						off = r.data(off, l.size)
						if off+size > s.Size {
							break
						}
					}
					if b, err := r.at(off, l.size); err != nil || !isZero(b) {
						break
					}
					off += size
				}
				if !yield(entry{offset: from, length: off - from, blank: (off - from) / size}) {
					return
				}
			case good:
				if !yield(entry{offset: off, length: size, raw: rec}) {
					return
				}
				off += size
			default:
				next := resync(r, off, l)
				if !yield(entry{offset: off, length: next - off, bad: "no record"}) {
					return
				}
				off = next
			}
		}
		if off < s.Size {
			yield(entry{offset: off, length: s.Size - off, bad: "the last record is cut off"})
		}
	}
}

// resync looks for the next record behind the one at off, which makes no
// sense. It is where it should be unless there is none there and one beside it.
func resync(r *reader, off int64, l *layout) int64 {
	size := int64(l.size)
	look := func(at int64) (sure, zero bool) {
		b, err := r.at(at, l.size)
		if err != nil {
			return false, false
		}
		return raw{b, l}.sure(), isZero(b)
	}
	next := off + size
	if next+size <= r.src.Size {
		if sure, zero := look(next); sure || zero {
			return next
		}
	}
	for at := off + 4; at < min(next+size, r.src.Size-size+1); at += 4 {
		if at == next {
			continue
		}
		sure, _ := look(at)
		if !sure {
			continue
		}
		if at+2*size > r.src.Size {
			return at
		}
		if sure, zero := look(at + size); sure || zero {
			return at
		}
	}
	return next
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if s.Size == 0 {
			return
		}
		var head [len(sqliteMagic)]byte
		if n, _ := s.Data.ReadAt(head[:], 0); n == len(head) && string(head[:]) == sqliteMagic {
			table(ctx, s, "wtmp", wtmpdbRecord)(yield) // the first versions of wtmpdb kept theirs there
			return
		}
		l, second, err := detect(ctx, s)
		if err != nil {
			if ctx.Err() == nil {
				err = s.Damage(0, s.Size, 0, "not the format that its name says", err)
			}
			yield(timeline.Record{}, err)
			return
		}
		if second != nil {
			if right, sure := tied(s, l, second, func(l *layout) binary.ByteOrder { return l.order }); sure {
				l, second = right, nil
			}
		}
		if second != nil && !yield(timeline.Record{}, s.Damage(0, s.Size, 0, fmt.Sprintf("records may be of %s or of %s; read as the first", l.name, second.name), nil)) {
			return
		}
		m := maker{src: s, book: bookOf(s.Path)}
		if m.book != btmp {
			m.ends = ends(ctx, s, l)
		}
		damages := 0
		var blank *entry
		var before int64
		flush := func(after int64) bool {
			if blank == nil {
				return true
			}
			rec := m.blank(blank, before, after)
			blank = nil
			return yield(rec, nil)
		}
		for e := range entries(ctx, s, l) {
			switch {
			case e.bad != "":
				if !flush(0) {
					return
				}
				if damages++; damages <= maxDamage && !yield(timeline.Record{}, s.Damage(e.offset, e.length, 0, e.bad, e.err)) {
					return
				}
			case e.blank > 0:
				if !flush(0) {
					return
				}
				blank = &e
			default:
				sec := e.raw.seconds()
				if !flush(sec) || !yield(m.record(&e), nil) {
					return
				}
				if sec >= firstTime {
					before = sec
				}
			}
		}
		if !flush(0) {
			return
		}
		if err := ctx.Err(); err != nil {
			yield(timeline.Record{}, err)
		} else if damages > maxDamage {
			yield(timeline.Record{}, s.Damage(-1, 0, 0, fmt.Sprintf("%d more places hold no record", damages-maxDamage), nil))
		}
	}
}

// maker makes records of entries.
type maker struct {
	src  *timeline.Source
	book book
	ends map[int64]end
	last int64 // seconds of the record before; 0 at first
}

func (m *maker) blank(e *entry, before, after int64) timeline.Record {
	f := map[string]string{"action": "blank", "count": strconv.FormatInt(e.blank, 10), "source": m.source()}
	summary := fmt.Sprintf("%d records of zeros", e.blank)
	if e.blank == 1 {
		summary = "a record of zeros"
	}
	if before != 0 && m.book != utmp {
		f["not_before"] = rfc(unix(before, 0))
		summary += " after " + f["not_before"]
	}
	if after >= firstTime && m.book != utmp {
		f["not_after"] = rfc(unix(after, 0))
		summary += " before " + f["not_after"]
	}
	return timeline.Record{Kind: timeline.KindLogin, Summary: summary, Fields: f, Evidence: m.src.Evidence(e.offset, e.length, 0)}
}

func (m *maker) source() string {
	switch m.book {
	case btmp:
		return "btmp"
	case utmp:
		return "utmp"
	}
	return "wtmp"
}

func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

func unix(sec, usec int64) time.Time { return time.Unix(sec, usec*1000).UTC() }

func rfc(t time.Time) string { return t.Format(time.RFC3339) }

// actions are those of the types that have but one.
var actions = [typeEnd]string{typeEmpty: "empty", typeRunLevel: "runlevel", typeBoot: "boot", typeNewTime: "clock-new", typeOldTime: "clock-old",
	typeInit: "init", typeGetty: "getty", typeUser: "login", typeDead: "logout", typeAccount: "accounting"}

// whats are the words of the stamps.
var whats = map[string]string{"login": "login", "logout": "logout", "failed": "failed", "boot": "started", "shutdown": "stopped", "runlevel": "changed",
	"clock-new": "changed", "clock-old": "changed", "init": "started", "getty": "started", "dead": "stopped"}

func (m *maker) record(e *entry) timeline.Record {
	r := e.raw
	kind, user, line, host := r.kind(), text(r.user()), text(r.line()), text(r.host())
	f := make(map[string]string, 12)
	rec := timeline.Record{Kind: timeline.KindLogin, Fields: f, Evidence: m.src.Evidence(e.offset, e.length, 0)}
	action := actions[kind]
	end, joined := m.ends[e.offset]
	switch {
	case m.book == btmp && (kind == typeGetty || kind == typeUser):
		action = "failed"
		f["outcome"] = "failure"
	case kind == typeRunLevel && user == "shutdown":
		action = "shutdown"
	case kind == typeDead && !end.closes && user == "" && isConsole(line):
		action = "dead" // a getty that was stopped
	}
	f["action"], f["source"] = action, m.source()
	f["type"] = strconv.Itoa(kind) + " " + typeNames[kind]
	put(f, "tty", line)
	put(f, "id", text(r.id()))
	if pid := r.pid(); pid != 0 && kind != typeRunLevel {
		f["pid"] = strconv.Itoa(int(pid))
	}
	if n := r.session(); n != 0 {
		f["session"] = strconv.FormatInt(n, 10)
	}
	switch kind {
	case typeRunLevel, typeBoot:
		put(f, "kernel", host)
		put(f, "name", user)
		if kind == typeRunLevel {
			put(f, "runlevel", level(r.pid()&255))
			put(f, "previous", level(r.pid()>>8&255))
		}
	case typeNewTime, typeOldTime:
		put(f, "name", user)
	default:
		put(f, "account", user)
		put(f, "remote_host", host)
		address := r.address()
		if address == "" {
			if a, err := netip.ParseAddr(host); err == nil {
				address = a.Unmap().String()
			}
		}
		put(f, "address", address)
	}
	if kind == typeDead {
		if n := r.termination(); n != 0 {
			f["signal"] = strconv.Itoa(int(n))
		}
		if n := r.exit(); n != 0 {
			f["exit"] = strconv.Itoa(int(n))
		}
	}
	sec := r.seconds()
	if sec != 0 || kind != typeEmpty {
		what := whats[action]
		if what == "" {
			what = "logged"
		}
		stamp := timeline.Stamp{What: what, When: unix(sec, r.micros())}
		if sec >= 1<<31 && !r.l.wide {
			stamp.Note = "32 bits taken without a sign; with one it is " + rfc(unix(int64(int32(sec)), 0))
		}
		rec.Stamps = []timeline.Stamp{stamp}
		if m.book != utmp && sec >= firstTime {
			if m.last > sec {
				f["goes_back"] = strconv.FormatInt(m.last-sec, 10)
			}
			m.last = sec
		}
	}
	if action == "login" && m.book == wtmp {
		if !joined {
			end.how = endOpen
		}
		f["ended"] = end.how.String()
		if end.how != endOpen {
			until := unix(end.sec, end.usec)
			f["until"] = rfc(until)
			f["duration"] = strconv.FormatInt(end.sec-sec, 10)
			rec.Stamps = append(rec.Stamps, timeline.Stamp{What: "logout", When: until, Note: end.how.note()})
		}
	}
	rec.Summary = summary(f)
	return rec
}

func level(c int32) string {
	if c < ' ' || c > '~' {
		return ""
	}
	return string(rune(c))
}

// isConsole says that a getty runs on the line.
func isConsole(line string) bool {
	line = strings.TrimPrefix(line, "/dev/")
	return !strings.HasPrefix(line, "pts/") && !strings.HasPrefix(line, "ftp") && !strings.HasPrefix(line, "ssh") && !strings.HasPrefix(line, ":")
}

// summary is one line for people, such as "login alice on pts/0 from 192.0.2.1
// until 2024-01-02T03:04:05Z (logout)".
func summary(f map[string]string) string {
	var b strings.Builder
	b.WriteString(f["action"])
	for _, part := range [...]struct{ before, field string }{{" ", "account"}, {" ", "name"}, {" to ", "runlevel"}, {" on ", "tty"}, {" by ", "program"}} {
		if v := f[part.field]; v != "" && v != "~" && (part.field != "name" || v != f["action"]) {
			b.WriteString(part.before + v)
		}
	}
	switch address, host := f["address"], f["remote_host"]; {
	case host != "" && address != "" && address != host:
		b.WriteString(" from " + host + " (" + address + ")")
	case host != "":
		b.WriteString(" from " + host)
	case address != "":
		b.WriteString(" from " + address)
	}
	if v := f["kernel"]; v != "" {
		b.WriteString(" (kernel " + v + ")")
	}
	if v := f["until"]; v != "" {
		b.WriteString(" until " + v)
	}
	if v := f["ended"]; v != "" {
		b.WriteString(" (" + v + ")")
	}
	return b.String()
}

// passwd maps user ids to names.
func passwd(ctx context.Context, s *timeline.Source) map[string]string {
	names := map[string]string{}
	p := s.Open("/etc/passwd")
	if p == nil || p.Data == nil {
		return names
	}
	for l, err := range timeline.Lines(ctx, p) {
		if err != nil {
			continue
		}
		part := bytes.SplitN(l.Text, []byte(":"), 4)
		if len(part) == 4 && len(names) < 1<<20 {
			if _, ok := names[string(part[2])]; !ok {
				names[string(part[2])] = string(part[0])
			}
		}
	}
	return names
}
