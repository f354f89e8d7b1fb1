package utmp

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"deadbox/timeline"
)

// LastLog yields the last login of each account.
var LastLog = timeline.Extractor{
	Name: "lastlog",
	Doc: `lastlog: each account's last login: action last-login, uid, account (by the server's passwd), tty, remote_host, address.

Format: lastlog(8), bits/utmp.h of the GNU C library: a record for each user id, of 292 bytes, or of 296 where time has 64 bits; little- and
big-endian, told apart by trial.`,
	Paths: []string{"/var/log/lastlog", "/var/log/lastlog.*", "/var/log/lastlog-*", "/var/adm/lastlog"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return byUID(ctx, s, lastlogs[:], lastlogRecord)
	},
}

// Failures yields the counts of failed logins.
var Failures = timeline.Extractor{
	Name: "faillog",
	Doc: `faillog of the shadow tools and pam_tally, tallylog of pam_tally2, and the files of pam_faillock: action failures, uid, account, count,
tty, remote_host, address, maximum, locked (seconds that a lock lasts); for pam_faillock each failure, with state "not counted" where it was reset.

Formats: faillog(5), lib/faillog.h of https://github.com/shadow-maint/shadow (32 bytes for each user id, 24 on 32 bits); tallylog.h of Linux-PAM
1.3 (64 bytes for each user id); modules/pam_faillock/faillock.h of https://github.com/linux-pam/linux-pam (64 bytes for each failure).`,
	Paths: []string{"/var/log/faillog", "/var/log/faillog.*", "/var/log/faillog-*", "/var/log/tallylog", "/var/log/tallylog.*", "/var/log/tallylog-*", "/run/faillock/*", "/var/run/faillock/*", "/var/lib/faillock/*", "/var/log/faillock/*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		switch dir, base := path.Split(s.Path); {
		case path.Base(dir) == "faillock":
			return byUID(ctx, s, faillocks[:], func(ctx context.Context, s *timeline.Source, r row) timeline.Record { return faillockRecord(base, r) })
		case strings.HasPrefix(base, "tallylog"):
			return byUID(ctx, s, tallylogs[:], tallyRecord)
		}
		return byUID(ctx, s, faillogs[:], faillogRecord)
	},
}

// shape is a layout of records that a file has one after the other. check says
// that one that is not zero makes sense.
type shape struct {
	name  string
	size  int
	wide  bool
	order binary.ByteOrder
	check func(r row) bool
}

// row is a record of such a file.
type row struct {
	b     []byte
	shape *shape
	index int64
	name  func(uid string) string
}

// word is an integer of the machine's long, at one of two places.
func (r row) word(narrow, wide int) int64 {
	if r.shape.wide {
		return int64(r.shape.order.Uint64(r.b[wide:]))
	}
	return int64(r.shape.order.Uint32(r.b[narrow:]))
}

func shapes(narrow, wide int, check func(r row) bool) []shape {
	var list []shape
	for _, order := range [...]binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		word := "little-endian"
		if order == binary.BigEndian {
			word = "big-endian"
		}
		list = append(list, shape{fmt.Sprintf("%d bytes, %s", wide, word), wide, true, order, check})
		if narrow != 0 {
			list = append(list, shape{fmt.Sprintf("%d bytes, %s", narrow, word), narrow, false, order, check})
		}
	}
	return list
}

func plausible(sec int64) bool { return sec >= firstTime && sec <= lastTime }

// struct lastlog: ll_time at 0, of 32 or 64 bits; ll_line, 32 bytes; ll_host, 256 bytes.
var lastlogs = shapes(292, 296, func(r row) bool {
	n := len(r.b) - 288
	return plausible(r.word(0, 0)) && printable(r.b[n:n+32]) && printable(r.b[n+32:])
})

// struct faillog: fail_cnt and fail_max, 16 bits each; fail_line, 12 bytes;
// fail_time and fail_locktime, of 32 or 64 bits. A count that was reset leaves the time.
var faillogs = shapes(24, 32, func(r row) bool {
	t, lock := r.word(16, 16), r.word(20, 24)
	return (t == 0 || plausible(t)) && lock >= 0 && lock <= 1<<31 && printable(r.b[4:16]) && int16(r.shape.order.Uint16(r.b)) >= 0
})

// struct tallylog: fail_line, 52 bytes; reserved and fail_cnt, 16 bits each; fail_time, 64 bits.
var tallylogs = shapes(0, 64, func(r row) bool {
	t := r.word(0, 56)
	return (t == 0 || plausible(t)) && printable(r.b[:52]) && r.shape.order.Uint16(r.b[52:]) == 0
})

// struct tally: source, 52 bytes; reserved and status, 16 bits each; time, 64 bits.
var faillocks = shapes(0, 64, func(r row) bool {
	return plausible(r.word(0, 56)) && printable(r.b[:52]) && r.shape.order.Uint16(r.b[54:]) < 8
})

// Bits of a status of pam_faillock.
const (
	tallyValid = 1
	tallyHost  = 2
	tallyTTY   = 4
)

// rows yields the records that are not zero. data is nil where the record
// cannot be read.
func rows(ctx context.Context, s *timeline.Source, size int) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		r := newReader(s)
		zeros := 0
		for off := int64(0); off+int64(size) <= s.Size && ctx.Err() == nil; off += int64(size) {
			if zeros%256 == 0 {
				// The file is mostly holes: it has a place for every user id.
				if off = r.data(off, size); off+int64(size) > s.Size {
					return
				}
			}
			b, err := r.at(off, size)
			if err == nil && isZero(b) {
				zeros++
				continue
			}
			zeros = 0
			if err != nil {
				b = nil
			}
			if !yield(off, b) {
				return
			}
		}
	}
}

// trials is how many records that are not zero the shape is told by.
const trials = 4096

// byUID yields the records of a file that has one for each user id.
func byUID(ctx context.Context, s *timeline.Source, shapes []shape, make func(ctx context.Context, s *timeline.Source, r row) timeline.Record) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if s.Size == 0 {
			return
		}
		best, bestGood, bestBad, tie := -1, 0, 0, -1
		for i := range shapes {
			good, bad := 0, 0
			for _, b := range rows(ctx, s, shapes[i].size) {
				if b == nil {
					continue
				}
				if shapes[i].check(row{b: b, shape: &shapes[i]}) {
					good++
				} else {
					bad++
				}
				if good+bad >= trials {
					break
				}
			}
			if s.Size%int64(shapes[i].size) != 0 {
				bad++
			}
			switch {
			case best < 0 || good-bad > bestGood-bestBad:
				best, bestGood, bestBad, tie = i, good, bad, -1
			case good-bad == bestGood-bestBad && good > 0:
				tie = i
			}
		}
		if err := ctx.Err(); err != nil {
			yield(timeline.Record{}, err)
			return
		}
		if bestGood == 0 {
			if bestBad > 1 || bestBad == 1 && s.Size%int64(shapes[best].size) == 0 {
				yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not the format that its name says", ErrNone))
			}
			return
		}
		if tie >= 0 {
			if right, sure := tied(s, best, tie, func(i int) binary.ByteOrder { return shapes[i].order }); sure {
				best, tie = right, -1
			}
		}
		if tie >= 0 && !yield(timeline.Record{}, s.Damage(0, s.Size, 0, fmt.Sprintf("records may be of %s or of %s; read as the first", shapes[best].name, shapes[tie].name), nil)) {
			return
		}
		sh := &shapes[best]
		size := int64(sh.size)
		var names map[string]string
		name := func(uid string) string {
			if names == nil {
				names = passwd(ctx, s)
			}
			return names[uid]
		}
		damages := 0
		for off, b := range rows(ctx, s, sh.size) {
			r := row{b, sh, off / size, name}
			if b != nil && sh.check(r) {
				rec := make(ctx, s, r)
				rec.Kind = timeline.KindLogin
				rec.Evidence = s.Evidence(off, size, 0)
				if !yield(rec, nil) {
					return
				}
				continue
			}
			reason := "no record"
			if b == nil {
				reason = "cannot be read"
			}
			if damages++; damages <= maxDamage && !yield(timeline.Record{}, s.Damage(off, size, 0, reason, nil)) {
				return
			}
		}
		if damages > maxDamage && !yield(timeline.Record{}, s.Damage(-1, 0, 0, fmt.Sprintf("%d more places hold no record", damages-maxDamage), nil)) {
			return
		}
		if rest := s.Size % size; rest != 0 && !yield(timeline.Record{}, s.Damage(s.Size-rest, rest, 0, "the last record is cut off", nil)) {
			return
		}
		if err := ctx.Err(); err != nil {
			yield(timeline.Record{}, err)
		}
	}
}

// who sets the account of the record's place.
func (r row) who(f map[string]string) {
	uid := strconv.FormatInt(r.index, 10)
	f["uid"] = uid
	put(f, "account", r.name(uid))
}

// from sets where a login came from: a host's name or an address.
func from(f map[string]string, host string) {
	put(f, "remote_host", host)
	if a, err := netip.ParseAddr(host); err == nil {
		f["address"] = a.Unmap().String()
	}
}

func subject(f map[string]string) string {
	if f["account"] != "" {
		return f["account"]
	}
	return "uid " + f["uid"]
}

func lastlogRecord(_ context.Context, _ *timeline.Source, r row) timeline.Record {
	n := len(r.b) - 288
	f := map[string]string{"action": "last-login", "source": "lastlog"}
	r.who(f)
	put(f, "tty", text(r.b[n:n+32]))
	from(f, text(r.b[n+32:]))
	rec := timeline.Record{Fields: f, Stamps: []timeline.Stamp{{What: "login", When: unix(r.word(0, 0), 0)}}}
	rec.Summary = "last login of " + subject(f) + where(f)
	return rec
}

// where says the line and the host.
func where(f map[string]string) string {
	s := ""
	if f["tty"] != "" {
		s += " on " + f["tty"]
	}
	if f["remote_host"] != "" {
		s += " from " + f["remote_host"]
	}
	return s
}

func failed(f map[string]string, sec int64) []timeline.Stamp {
	f["action"], f["outcome"] = "failures", "failure"
	if sec == 0 {
		return nil
	}
	return []timeline.Stamp{{What: "failed", When: unix(sec, 0), Note: "the last failure"}}
}

func faillogRecord(_ context.Context, _ *timeline.Source, r row) timeline.Record {
	f := map[string]string{"source": "faillog", "count": strconv.Itoa(int(r.shape.order.Uint16(r.b)))}
	r.who(f)
	if n := r.shape.order.Uint16(r.b[2:]); n != 0 {
		f["maximum"] = strconv.Itoa(int(n))
	}
	put(f, "tty", text(r.b[4:16]))
	if n := r.word(20, 24); n != 0 {
		f["locked"] = strconv.FormatInt(n, 10)
	}
	stamps := failed(f, r.word(16, 16))
	return timeline.Record{Fields: f, Stamps: stamps, Summary: f["count"] + " failed logins of " + subject(f) + where(f)}
}

func tallyRecord(_ context.Context, _ *timeline.Source, r row) timeline.Record {
	f := map[string]string{"source": "tallylog", "count": strconv.Itoa(int(r.shape.order.Uint16(r.b[54:])))}
	r.who(f)
	// pam_tally2 writes the host there, or the line where there is none.
	switch line := text(r.b[:52]); {
	case strings.HasPrefix(line, "tty") || strings.HasPrefix(line, "pts/") || strings.HasPrefix(line, "/dev/") || strings.HasPrefix(line, ":"):
		f["tty"] = line
	default:
		from(f, line)
	}
	stamps := failed(f, r.word(0, 56))
	return timeline.Record{Fields: f, Stamps: stamps, Summary: f["count"] + " failed logins of " + subject(f) + where(f)}
}

func faillockRecord(account string, r row) timeline.Record {
	f := map[string]string{"source": "faillock", "account": account, "count": "1"}
	status := r.shape.order.Uint16(r.b[54:])
	switch origin := text(r.b[:52]); {
	case status&tallyHost != 0:
		from(f, origin)
	case status&tallyTTY != 0:
		put(f, "tty", origin)
	default:
		put(f, "program", origin) // the service
	}
	f["state"] = "counted"
	if status&tallyValid == 0 {
		f["state"] = "not counted"
	}
	stamps := failed(f, r.word(0, 56))
	stamps[0].Note = ""
	f["action"] = "failed"
	return timeline.Record{Fields: f, Stamps: stamps, Summary: "failed login of " + subject(f) + where(f)}
}
