package utmp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

const shared = "../../../../shared/data/logs"

func source(name string, b []byte) *timeline.Source {
	return &timeline.Source{Path: name, Data: bytes.NewReader(b), Size: int64(len(b)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		}}
}

// all runs an extractor.
func all(e *timeline.Extractor, s *timeline.Source) (list []timeline.Record, errs []error) {
	for r, err := range e.Run(context.Background(), s) {
		if err != nil {
			errs = append(errs, err)
		} else {
			list = append(list, r)
		}
	}
	return list, errs
}

// login is a record to write.
type login struct {
	kind             int
	pid              int
	line, id         string
	user, host, addr string
	sec              int64
	usec             int
	signal, exit     int
	session          int
}

func (e login) write(l *layout) []byte {
	b := make([]byte, l.size)
	o := l.order
	o.PutUint16(b, uint16(e.kind))
	o.PutUint32(b[4:], uint32(e.pid))
	copy(b[8:40], e.line)
	copy(b[40:44], e.id)
	copy(b[44:76], e.user)
	copy(b[76:332], e.host)
	o.PutUint16(b[332:], uint16(e.signal))
	o.PutUint16(b[334:], uint16(e.exit))
	addr := b[348:364]
	if l.wide {
		o.PutUint64(b[336:], uint64(e.session))
		o.PutUint64(b[344:], uint64(e.sec))
		o.PutUint64(b[352:], uint64(e.usec))
		addr = b[360:376]
	} else {
		o.PutUint32(b[336:], uint32(e.session))
		o.PutUint32(b[340:], uint32(e.sec))
		o.PutUint32(b[344:], uint32(e.usec))
	}
	if e.addr != "" {
		copy(addr, netip.MustParseAddr(e.addr).AsSlice())
	}
	return b
}

func write(l *layout, list []login) (b []byte) {
	for _, e := range list {
		b = append(b, e.write(l)...)
	}
	return b
}

const t0 = 1700000000

// day is what a machine writes between two boots.
var day = []login{
	{kind: typeBoot, line: "~", id: "~~", user: "reboot", host: "6.1.0-test", sec: t0},
	{kind: typeRunLevel, pid: '5' | 'N'<<8, line: "~", id: "~~", user: "runlevel", host: "6.1.0-test", sec: t0 + 1},
	{kind: typeInit, pid: 400, line: "tty1", id: "tty1", sec: t0 + 2},
	{kind: typeGetty, pid: 400, line: "tty1", id: "tty1", user: "LOGIN", sec: t0 + 3},
	{kind: typeUser, pid: 4194001, line: "pts/0", id: "ts/0", user: "alice", host: "192.0.2.1", addr: "192.0.2.1", sec: t0 + 10, usec: 123456, session: 7},
	{kind: typeUser, pid: 4194002, line: "pts/1", id: "ts/1", user: "bob", host: "host.example.org", addr: "2001:db8::1", sec: t0 + 20},
	{kind: typeDead, pid: 4194001, line: "pts/0", sec: t0 + 100, signal: 9, exit: 2},
	{kind: typeOldTime, line: "{", user: "date", sec: t0 + 110},
	{kind: typeNewTime, line: "}", user: "date", sec: t0 + 170},
	{kind: typeUser, pid: 4194003, line: "pts/0", id: "ts/0", user: "carol", host: "198.51.100.7", sec: t0 + 200},
	{kind: typeUser, pid: 4194004, line: "pts/0", id: "ts/0", user: "dave", host: ":0", sec: t0 + 300},
	{kind: typeDead, pid: 400, line: "tty1", id: "tty1", sec: t0 + 390},
	{kind: typeRunLevel, line: "~", id: "~~", user: "shutdown", host: "6.1.0-test", sec: t0 + 400},
	{kind: typeBoot, line: "~", id: "~~", user: "reboot", host: "6.1.0-test", sec: t0 + 500},
	{kind: typeUser, pid: 4194005, line: "pts/2", id: "ts/2", user: "eve", host: "203.0.113.1", addr: "203.0.113.1", sec: t0 + 600},
	{kind: typeBoot, line: "~", id: "~~", user: "reboot", host: "6.1.0-test", sec: t0 + 700},
	{kind: typeUser, pid: 4194006, line: "pts/3", id: "ts/3", user: "frank", host: "203.0.113.1", addr: "203.0.113.1", sec: t0 + 800},
}

func TestRecords(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		b := write(l, day)
		list, errs := all(&Extractor, source("/var/log/wtmp", b))
		if len(errs) > 0 || len(list) != len(day) {
			t.Fatalf("%s: %d records, %v", l.name, len(list), errs)
		}
		for i, r := range list {
			e := day[i]
			if r.Kind != timeline.KindLogin || r.Evidence.Offset != int64(i*l.size) || r.Evidence.Length != int64(l.size) {
				t.Errorf("%s, record %d: %+v", l.name, i, r)
			}
			if want := time.Unix(e.sec, int64(e.usec)*1000).UTC(); r.Stamps[0].When != want {
				t.Errorf("%s, record %d: %v, want %v", l.name, i, r.Stamps, want)
			}
		}
		want := map[int]string{
			0:  "action=boot id=~~ kernel=6.1.0-test name=reboot source=wtmp tty=~ type=2 BOOT_TIME",
			1:  "action=runlevel id=~~ kernel=6.1.0-test name=runlevel previous=N runlevel=5 source=wtmp tty=~ type=1 RUN_LVL",
			2:  "action=init id=tty1 pid=400 source=wtmp tty=tty1 type=5 INIT_PROCESS",
			3:  "account=LOGIN action=getty id=tty1 pid=400 source=wtmp tty=tty1 type=6 LOGIN_PROCESS",
			4:  "account=alice action=login address=192.0.2.1 duration=90 ended=logout id=ts/0 pid=4194001 remote_host=192.0.2.1 session=7 source=wtmp tty=pts/0 type=7 USER_PROCESS until=2023-11-14T22:15:00Z",
			5:  "account=bob action=login address=2001:db8::1 duration=380 ended=down id=ts/1 pid=4194002 remote_host=host.example.org source=wtmp tty=pts/1 type=7 USER_PROCESS until=2023-11-14T22:20:00Z",
			6:  "action=logout exit=2 pid=4194001 signal=9 source=wtmp tty=pts/0 type=8 DEAD_PROCESS",
			7:  "action=clock-old name=date source=wtmp tty={ type=4 OLD_TIME",
			8:  "action=clock-new name=date source=wtmp tty=} type=3 NEW_TIME",
			9:  "account=carol action=login address=198.51.100.7 duration=100 ended=replaced id=ts/0 pid=4194003 remote_host=198.51.100.7 source=wtmp tty=pts/0 type=7 USER_PROCESS until=2023-11-14T22:18:20Z",
			11: "action=dead id=tty1 pid=400 source=wtmp tty=tty1 type=8 DEAD_PROCESS",
			12: "action=shutdown id=~~ kernel=6.1.0-test name=shutdown source=wtmp tty=~ type=1 RUN_LVL",
			14: "account=eve action=login address=203.0.113.1 duration=100 ended=crash id=ts/2 pid=4194005 remote_host=203.0.113.1 source=wtmp tty=pts/2 type=7 USER_PROCESS until=2023-11-14T22:25:00Z",
			16: "account=frank action=login address=203.0.113.1 ended=open id=ts/3 pid=4194006 remote_host=203.0.113.1 source=wtmp tty=pts/3 type=7 USER_PROCESS",
		}
		for i, w := range want {
			if got := flat(list[i].Fields); got != w {
				t.Errorf("%s, record %d:\n%s\nwant\n%s", l.name, i, got, w)
			}
		}
		if s := list[4].Summary; s != "login alice on pts/0 from 192.0.2.1 until 2023-11-14T22:15:00Z (logout)" {
			t.Errorf("summary %q", s)
		}
		if s := list[14].Stamps; len(s) != 2 || s[1].What != "logout" || s[1].When.Unix() != t0+700 || !strings.HasPrefix(s[1].Note, "not later") {
			t.Errorf("stamps %v", s)
		}
	}
}

func flat(f map[string]string) string {
	var parts []string
	for k, v := range f {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// TestLayouts has files of each layout and of a few records only.
func TestLayouts(t *testing.T) {
	for i := range layouts {
		for n := range day {
			b := write(&layouts[i], day[n:n+1])
			list, errs := all(&Extractor, source("/var/log/wtmp", b))
			if len(list) != 1 || len(errs) != 0 || list[0].Stamps[0].When.Unix() != day[n].sec || !strings.HasPrefix(list[0].Fields["type"], fmt.Sprint(day[n].kind, " ")) {
				t.Errorf("%s, record %d alone: %v, %v", layouts[i].name, n, list, errs)
			}
		}
	}
	for _, text := range []string{"x", strings.Repeat("a line of text\n", 1000), strings.Repeat("\x07\x00\x01\x02", 1000)} {
		list, errs := all(&Extractor, source("/var/log/wtmp", []byte(text)))
		if len(list) != 0 || len(errs) != 1 || !errors.Is(errs[0], ErrNone) {
			t.Errorf("%.20q: %v, %v", text, list, errs)
		}
	}
	// Records of two layouts, as many of each: it is said.
	b := append(write(&layouts[0], day[4:6]), make([]byte, 384)...)
	for len(b)%(400*384) != 0 {
		b = append(b, make([]byte, 8)...)
	}
	b = append(b, write(&layouts[1], day[4:6])...)
	if _, errs := all(&Extractor, source("/var/log/wtmp", b)); len(errs) == 0 || !strings.Contains(errs[0].Error(), "may be of") {
		t.Errorf("two layouts: %v", errs)
	}
}

// TestWiped zeroes records, as a wiper of traces does, and sets one back in time.
func TestWiped(t *testing.T) {
	for i := range layouts {
		l := &layouts[i]
		list := slices.Clone(day)
		list[9].sec = t0 - 3600
		b := write(l, list)
		clear(b[4*l.size : 6*l.size])
		got, errs := all(&Extractor, source("/var/log/wtmp", b))
		if len(errs) > 0 || len(got) != len(day)-1 {
			t.Fatalf("%s: %d records, %v", l.name, len(got), errs)
		}
		r := got[4]
		if flat(r.Fields) != "action=blank count=2 not_after=2023-11-14T22:15:00Z not_before=2023-11-14T22:13:23Z source=wtmp" ||
			r.Evidence.Offset != int64(4*l.size) || r.Evidence.Length != int64(2*l.size) || len(r.Stamps) != 0 {
			t.Errorf("%s: %+v", l.name, r)
		}
		if r := got[8]; r.Fields["account"] != "carol" || r.Fields["goes_back"] != "3770" {
			t.Errorf("%s: %+v", l.name, r)
		}
		if r := got[9]; r.Fields["goes_back"] != "" {
			t.Errorf("%s: %+v", l.name, r)
		}
	}
}

// TestDamaged overwrites, cuts off and shifts records.
func TestDamaged(t *testing.T) {
	l := &layouts[0]
	b := write(l, day)
	copy(b[3*384:], bytes.Repeat([]byte{0xff, 7, 1}, 128))
	list, errs := all(&Extractor, source("/var/log/wtmp", b))
	var d *timeline.DamageError
	if len(list) != len(day)-1 || len(errs) != 1 || !errors.As(errs[0], &d) || d.Offset != 3*384 || d.Length != 384 {
		t.Errorf("overwritten: %d records, %v", len(list), errs)
	}
	b = write(l, day)
	list, errs = all(&Extractor, source("/var/log/wtmp", b[:len(b)-100]))
	if len(list) != len(day)-1 || len(errs) != 1 {
		t.Errorf("cut off: %d records, %v", len(list), errs)
	}
	// A write that was cut off shifts the records behind it.
	b = slices.Concat(write(l, day[:5]), write(l, day[5:6])[:200], write(l, day[6:]))
	list, errs = all(&Extractor, source("/var/log/wtmp", b))
	if len(list) != len(day)-1 || len(errs) != 1 || !errors.As(errs[0], &d) || d.Offset != 5*384 || d.Length != 200 {
		t.Errorf("shifted: %d records, %v", len(list), errs)
	}
	s := source("/var/log/wtmp", write(l, slices.Repeat(day, 100)))
	s.Data = failing{s.Data.(*bytes.Reader), 384 * 50, 384 * 51}
	list, errs = all(&Extractor, s)
	if len(list) != 100*len(day)-1 || len(errs) != 1 || !errors.Is(errs[0], errBad) {
		t.Errorf("unreadable: %d records, %v", len(list), errs)
	}
}

type failing struct {
	*bytes.Reader
	from, to int64
}

var errBad = errors.New("bad block")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && f.from < off+int64(len(p)) {
		return 0, errBad
	}
	return f.Reader.ReadAt(p, off)
}

// TestHole has a file that is a hole of a tebibyte with records around it.
func TestHole(t *testing.T) {
	l := &layouts[0]
	head, tail := write(l, day[:3]), write(l, day[3:])
	const gap = 384 << 30
	s := source("/var/log/wtmp", nil)
	s.Size = int64(len(head)) + gap + int64(len(tail))
	s.Data = sparse{head, tail, s.Size}
	s.NextData = func(off int64) int64 {
		if off >= int64(len(head)) && off < s.Size-int64(len(tail)) {
			return s.Size - int64(len(tail))
		}
		return off
	}
	list, errs := all(&Extractor, s)
	if len(list) != len(day)+1 || len(errs) != 0 || list[3].Fields["count"] != strconv.Itoa(1<<30) {
		t.Errorf("%d records, %v", len(list), errs)
	}
}

type sparse struct {
	head, tail []byte
	size       int64
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.head)) {
		copy(p, s.head[off:])
	}
	start := s.size - int64(len(s.tail))
	if end := off + int64(len(p)); end > start {
		if off >= start {
			copy(p, s.tail[off-start:])
		} else {
			copy(p[start-off:], s.tail)
		}
	}
	return len(p), nil
}

// tool runs a program on a file of these bytes.
func tool(t *testing.T, b []byte, name string, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, append(args, file)...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// random makes a file of n records whose times grow.
func random(seed uint64, n int) (list []login) {
	r := rand.New(rand.NewPCG(seed, 3))
	sec := int64(t0)
	for i := range n {
		sec += int64(1 + r.IntN(5000))
		e := login{sec: sec, pid: 4194100 + i, line: fmt.Sprint("pts/", r.IntN(6)), id: "x"}
		switch k := r.IntN(20); {
		case k < 9:
			e.kind, e.user, e.host = typeUser, fmt.Sprint("user", i), fmt.Sprint("h", i)
		case k < 16:
			e.kind = typeDead
		case k == 16:
			e = login{kind: typeBoot, line: "~", id: "~~", user: "reboot", host: "6.1.0", sec: sec}
		case k == 17:
			e = login{kind: typeRunLevel, line: "~", id: "~~", user: "shutdown", host: "6.1.0", sec: sec}
		case k == 18:
			e = login{kind: typeRunLevel, pid: int("0356"[r.IntN(4)]), line: "~", id: "~~", user: "runlevel", host: "6.1.0", sec: sec}
		default:
			e.kind, e.user = typeGetty, "LOGIN"
		}
		list = append(list, e)
	}
	return list
}

// TestLast compares sessions with those of last(1).
func TestLast(t *testing.T) {
	for seed := range uint64(20) {
		b := write(&layouts[0], random(seed, 300))
		var want []string
		for _, line := range tool(t, b, "last", "-w", "--time-format", "iso", "-f") {
			if strings.HasPrefix(line, "user") {
				want = append(want, strings.Join(strings.Fields(line), " "))
			}
		}
		records, errs := all(&Extractor, source("/var/log/wtmp", b))
		var got []string
		for _, r := range records {
			if r.Fields["action"] != "login" {
				continue
			}
			start := r.Stamps[0].When.Format("2006-01-02T15:04:05-07:00")
			line := fmt.Sprintf("%s %s %s %s", r.Fields["account"], r.Fields["tty"], r.Fields["remote_host"], start)
			switch r.Fields["ended"] {
			case "open":
				line += " gone - no logout"
			case "down", "crash":
				line += " - " + r.Fields["ended"] + duration(r.Fields["duration"])
			default:
				line += " - " + r.Stamps[1].When.Format("2006-01-02T15:04:05-07:00") + duration(r.Fields["duration"])
			}
			got = append(got, line)
		}
		slices.Reverse(got)
		if len(errs) > 0 || len(got) < 50 || !slices.Equal(got, want) {
			t.Errorf("seed %d: %d sessions, %v", seed, len(got), errs)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("%s\nwant\n%s", got[i], want[i])
					break
				}
			}
		}
	}
}

// duration is as last(1) writes it.
func duration(s string) string {
	n, _ := strconv.Atoi(s)
	if days := n / 86400; days > 0 {
		return fmt.Sprintf(" (%d+%02d:%02d)", days, n/3600%24, n/60%60)
	}
	return fmt.Sprintf(" (%02d:%02d)", n/3600, n/60%60)
}

// TestLastb compares failures with lastb(1).
func TestLastb(t *testing.T) {
	var list []login
	for i := range 200 {
		list = append(list, login{kind: []int{typeGetty, typeUser}[i%2], pid: i, line: "ssh:notty", user: fmt.Sprint("name", i), host: fmt.Sprint("h", i), addr: "198.51.100.3", sec: t0 + int64(i)})
	}
	b := write(&layouts[0], list)
	records, errs := all(&Extractor, source("/var/log/btmp.1", b))
	var got []string
	for _, r := range records {
		f := r.Fields
		if f["action"] != "failed" || f["outcome"] != "failure" || f["address"] != "198.51.100.3" || r.Stamps[0].What != "failed" || f["source"] != "btmp" {
			t.Fatalf("%+v", r)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s", f["account"], f["tty"], f["remote_host"], r.Stamps[0].When.Format("2006-01-02T15:04:05-07:00")))
	}
	slices.Reverse(got)
	var want []string
	for _, line := range tool(t, b, "lastb", "-w", "--time-format", "iso", "-f") {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(line, "name") {
			want = append(want, strings.Join(f[:4], " "))
		}
	}
	if len(errs) > 0 || !slices.Equal(got, want) {
		t.Errorf("%d records, want %d; %v", len(got), len(want), errs)
	}
}

// dump writes records as utmpdump(1) does.
func dump(r timeline.Record) string {
	f := r.Fields
	user, host := f["account"], f["remote_host"]
	if f["name"] != "" {
		user = f["name"]
	}
	if f["kernel"] != "" {
		host = f["kernel"]
	}
	pid := f["pid"]
	if f["runlevel"] != "" {
		low, high := f["runlevel"], f["previous"]
		n := int(low[0])
		if high != "" {
			n |= int(high[0]) << 8
		}
		pid = strconv.Itoa(n)
	}
	addr := f["address"]
	if addr == "" {
		addr = "0.0.0.0"
	}
	return strings.Join([]string{f["type"][:1], pid, f["id"], user, f["tty"], host, addr, r.Stamps[0].When.Format("2006-01-02T15:04:05.000000-07:00")}, "|")
}

// TestUtmpdump compares all records, of a real file and of one made here, with
// utmpdump(1).
func TestUtmpdump(t *testing.T) {
	files := map[string][]byte{"made": write(&layouts[0], append(slices.Clone(day), random(1, 200)...))}
	if b, err := os.ReadFile(filepath.Join(shared, "plaso/test_data/utmp")); err == nil {
		files["plaso"] = b
	}
	for name, b := range files {
		records, errs := all(&Extractor, source("/var/log/wtmp", b))
		var got, want []string
		for _, r := range records {
			if host := r.Fields["remote_host"]; r.Fields["address"] == host && host == "198.51.100.7" {
				delete(r.Fields, "address") // taken from the host's text
			}
			got = append(got, dump(r))
		}
		for _, line := range tool(t, b, "utmpdump") {
			part := strings.Split(strings.Trim(line, "[]"), "] [")
			for i := range part {
				part[i] = strings.TrimSpace(part[i])
			}
			if part[1] = strings.TrimLeft(part[1], "0"); part[0] == "2" || part[0] == "1" && part[1] == "" {
				part[1] = ""
			}
			part[7] = strings.Replace(part[7], ",", ".", 1)
			want = append(want, strings.Join(part, "|"))
		}
		if len(errs) > 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %d records, want %d; %v", name, len(got), len(want), errs)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("%s\nwant\n%s", got[i], want[i])
					break
				}
			}
		}
	}
}

// TestPlaso compares with the values that another parser reads.
func TestPlaso(t *testing.T) {
	oracle, err := os.ReadFile(filepath.Join(shared, "plaso/expected.json"))
	if err != nil {
		t.Skip("the shared log samples are not here")
	}
	var tests []struct {
		Test, File string
		Events     int
		Expected   []struct {
			Index  int
			Values map[string]any
		}
	}
	if err := json.Unmarshal(oracle, &tests); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, tt := range tests {
		if !strings.HasPrefix(tt.Test, "utmp.py") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(shared, "plaso", tt.File))
		if err != nil {
			t.Fatal(err)
		}
		list, errs := all(&Extractor, source("/var/run/utmp", b))
		if len(list) != tt.Events || len(errs) > 0 {
			t.Errorf("%d records, want %d; %v", len(list), tt.Events, errs)
		}
		for _, e := range tt.Expected {
			r := list[e.Index]
			for key, field := range map[string]string{"pid": "pid", "terminal": "tty", "username": "account"} {
				if want := fmt.Sprint(e.Values[key]); r.Fields[field] != want {
					t.Errorf("%s: %q, want %q", field, r.Fields[field], want)
				}
				compared++
			}
			if want := fmt.Sprint(e.Values["type"]); !strings.HasPrefix(r.Fields["type"], want+" ") {
				t.Errorf("type %q, want %s", r.Fields["type"], want)
			}
			if want, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e.Values["written_time"])); err != nil || !r.Stamps[0].When.Equal(want) {
				t.Errorf("%v, want %v", r.Stamps[0].When, want)
			}
		}
	}
	if compared == 0 {
		t.Error("nothing compared")
	}
}

// TestSessions joins a session over two files.
func TestSessions(t *testing.T) {
	l := &layouts[0]
	var records []timeline.Record
	for name, list := range map[string][]login{"/var/log/wtmp": day[6:], "/var/log/wtmp.1": day[:6]} {
		r, _ := all(&Extractor, source(name, write(l, list)))
		records = append(records, r...)
	}
	var got []string
	for _, s := range Sessions(records) {
		got = append(got, fmt.Sprint(s.Login.Fields["account"], " ", s.Start.Unix()-t0, " ", s.Ended, " ", max(s.Until.Unix()-t0, 0)))
	}
	want := []string{"alice 10 logout 100", "bob 20 down 400", "carol 200 replaced 300", "dave 300 down 400", "eve 600 crash 700", "frank 800 open 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzUtmp(f *testing.F) {
	for i := range layouts {
		f.Add(write(&layouts[i], day))
	}
	f.Add(make([]byte, 800))
	f.Fuzz(func(t *testing.T, b []byte) {
		var at int64
		list, _ := all(&Extractor, source("/var/log/wtmp", b))
		for _, r := range list {
			if r.Evidence.Offset < at || r.Evidence.Length < 384 || r.Evidence.Offset+r.Evidence.Length > int64(len(b)) || r.Fields["action"] == "" {
				t.Fatalf("%+v", r)
			}
			at = r.Evidence.Offset + r.Evidence.Length
		}
		if n := len(Sessions(list)); n > len(list) {
			t.Fatalf("%d sessions of %d records", n, len(list))
		}
	})
}
