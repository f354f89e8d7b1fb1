package carved

import (
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"time"

	"deadbox/fs/content"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// maxUnits bounds how many different entries are remembered. Those past it are
// listed without being compared.
const maxUnits = 8 << 20

// state is what is known of one entry of a log.
type state struct {
	copies uint32
	live   bool // it stands in a file of the server, too
	given  bool
}

// table knows the entries that were found by their hashes.
type table struct {
	seed     maphash.Seed
	known    map[uint64]state
	journals map[[16]byte]bool // ids of the journals that are there
	full     bool
}

func newTable() table {
	return table{seed: maphash.MakeSeed(), known: map[uint64]state{}, journals: map[[16]byte]bool{}}
}

func (t *table) sum(b []byte) uint64 { return maphash.Bytes(t.seed, b) }

// command is the sum of a command with its time.
func (t *table) command(stamp, command []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(stamp)
	h.WriteByte('\n')
	h.Write(command)
	return h.Sum64()
}

func (t *table) count(units []unit) {
	for _, u := range units {
		st, ok := t.known[u.sum]
		if !ok && len(t.known) >= maxUnits {
			t.full = true
			continue
		}
		st.copies++
		t.known[u.sum] = st
	}
}

// mark says that an entry stands in a file of the server.
func (t *table) mark(sum uint64) {
	if st, ok := t.known[sum]; ok && !st.live {
		st.live = true
		t.known[sum] = st
	}
}

// fresh keeps the units that no live file has and that were not given before.
func (t *table) fresh(units []unit) []unit {
	kept := units[:0]
	for _, u := range units {
		st, ok := t.known[u.sum]
		if ok && (st.live || st.given) {
			continue
		}
		if ok {
			st.given = true
			t.known[u.sum] = st
		}
		kept = append(kept, u)
	}
	return kept
}

// runs keeps a history without times as a whole, if it is none that is there
// and none that was given: its lines by themselves are everybody's.
func (t *table) runs(units []unit, data []byte) []unit {
	known := 0
	for _, u := range units {
		if st := t.known[u.sum]; st.live {
			known++
		}
	}
	whole := t.sum(data) ^ 1
	if known*10 >= len(units)*8 || t.known[whole].given {
		return nil
	}
	if len(t.known) < maxUnits {
		t.known[whole] = state{copies: 1, given: true}
	}
	return units
}

// copies is how often an entry was found, if more than once.
func (t *table) copies(sum uint64) string {
	if n := t.known[sum].copies; n > 1 {
		return strconv.FormatUint(uint64(n), 10)
	}
	return ""
}

// zone is the server's, nil if it is not known.
func (s *search) zone() *time.Location {
	if s.host == nil || s.host.ZoneFrom == "assumed" {
		return nil
	}
	return s.host.Zone
}

// live reads the files of the server that hold entries of the kinds that were
// found, and marks those that it meets.
func (s *search) live() bool {
	if s.seen.full && !s.yield(timeline.Record{}, fmt.Errorf("more than %d different entries were found in free blocks: those past them are not compared with the server's logs", maxUnits)) {
		return false
	}
	if s.host == nil || len(s.host.Mounts) == 0 {
		return true
	}
	names := map[string]bool{}
	logins, messages, keys := false, false, false
	look := func(finds []find) {
		for i := range finds {
			switch finds[i].what {
			case isLogins:
				logins = true
			case isMessage:
				messages = true
			case isKey:
				keys = true
			case isLines:
				for _, n := range forms[finds[i].text].live {
					names[n] = true
				}
			}
		}
	}
	for _, in := range s.areas {
		look(in.finds)
		for _, c := range in.files {
			look(c.texts)
			messages = messages || c.Kind == "journal"
		}
	}
	for _, e := range artifact.All {
		switch {
		case names[e.Name]:
			for _, p := range artifact.Files(s.host, e) {
				s.liveLines(p)
			}
		case e.Name == "utmp" && logins:
			for _, p := range artifact.Files(s.host, e) {
				s.liveLogins(p)
			}
		case e.Name == "journald" && messages:
			for _, p := range artifact.Files(s.host, e) {
				s.liveMessages(p)
			}
		}
		if s.ctx.Err() != nil {
			return true
		}
	}
	if keys {
		for _, pattern := range [...]string{"/etc/ssh/*key*", "/root/.ssh/*", "/home/*/.ssh/*", "/etc/ssl/private/*"} {
			for _, p := range s.host.Glob(pattern) {
				s.liveKey(p)
			}
		}
	}
	return true
}

// open opens a file of the server; what cannot be read of it is reported by the
// commands that read it for itself.
func (s *search) open(p string) *timeline.Source {
	src, _ := artifact.Open(s.host, p)
	if src == nil || src.Data == nil {
		return nil
	}
	return src
}

func (s *search) liveLines(p string) {
	src := s.open(p)
	if src == nil {
		return
	}
	var stamp []byte
	for l, err := range timeline.Lines(s.ctx, src) {
		if err != nil {
			continue
		}
		if stamp != nil {
			s.seen.mark(s.seen.command(stamp, l.Text))
			stamp = nil
		}
		if len(l.Text) == 11 && l.Text[0] == '#' && content.KindOfLine(l.Text) == content.HistoryTime {
			stamp = append([]byte(nil), l.Text...)
		}
		s.seen.mark(s.seen.sum(l.Text))
	}
}

func (s *search) liveLogins(p string) {
	src := s.open(p)
	if src == nil {
		return
	}
	buf := make([]byte, 512*content.UtmpSize)
	for at := int64(0); at < src.Size && s.ctx.Err() == nil; at += int64(len(buf)) {
		if src.NextData != nil {
			if next := src.NextData(at); next > at {
				at = next / content.UtmpSize * content.UtmpSize
			}
		}
		n, _ := src.Data.ReadAt(buf, at)
		for i := 0; i+content.UtmpSize <= n; i += content.UtmpSize {
			s.seen.mark(s.seen.sum(buf[i : i+content.UtmpSize]))
		}
		if n < content.UtmpSize {
			break
		}
	}
}

func (s *search) liveMessages(p string) {
	src := s.open(p)
	if src == nil || src.Size <= 0 {
		return
	}
	var id [16]byte
	if n, _ := src.Data.ReadAt(id[:], 24); n == len(id) {
		s.seen.journals[id] = true
	}
	a := &Area{Data: src.Data, BlockSize: 4096, Runs: []Run{{0, src.Size}}}
	a.prepare()
	scan(s.ctx, a, func(finds []find, _ []error, _ int64) bool {
		for _, f := range finds {
			if f.what == isMessage {
				s.seen.mark(s.seen.sum(load(a, f)))
			}
		}
		return true
	})
}

func (s *search) liveKey(p string) {
	src := s.open(p)
	if src == nil || src.Size > 64<<10 {
		return
	}
	b, err := io.ReadAll(io.NewSectionReader(src.Data, 0, src.Size))
	if err != nil {
		return
	}
	if k, ok := content.PrivateKey(b); ok {
		s.seen.mark(s.seen.sum(b[:k.Length]))
	}
}
