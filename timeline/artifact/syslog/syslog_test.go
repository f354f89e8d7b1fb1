package syslog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/internal/logmsg"
	"deadbox/timeline"
)

func source(name, text string, modified string) *timeline.Source {
	s := &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Zone: time.UTC,
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
	}
	if modified != "" {
		s.Inode = &filesystem.Inode{Times: filesystem.Times{Modified: at(modified)}}
	}
	return s
}

func at(text string) filesystem.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return filesystem.Time{Sec: t.Unix(), Known: true}
}

func records(t *testing.T, s *timeline.Source) (all []timeline.Record) {
	t.Helper()
	for r, err := range run(context.Background(), s, timeline.KindSyslog) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestParse(t *testing.T) {
	tests := []struct{ line, want string }{
		{"Jan  2 03:04:05 host sshd[12]: text: more", "host|sshd|12|text: more|"},
		{"Jan 2 03:04:05 host kernel: [1.2] x", "host|kernel||[1.2] x|"},
		{"Jan 02 03:04:05.123 host a[1]: x", "host|a|1|x|"},
		{"Nov 18 08:30:20 kernel: [997.3] x", "|kernel||[997.3] x|"},
		{"Nov 18 01:15:43: --- last message repeated 5 times ---", "||||"},
		{"Mar  6 04:07:28 host log_tag this is debug", "host|log_tag||this is debug|"},
		{"Jan  1 00:00:12 host auth.info sshd[123]: x", "host|sshd|123|x|info"},
		{"2023-11-14T00:20:42.738197+01:00 host sshd[1]: x", "host|sshd|1|x|"},
		{"2016-10-25T12:37:23.297265-07:00 ERR kernel: [  316.5] x", "|kernel||[  316.5] x|err"},
		{"<15>1 2021-03-06T04:07:38.251122+00:00 host app 7 ID [a b=\"c\\\"]\"][d] text", "host|app|7|text|debug"},
		{"<34>1 - - - - - -", "||||crit"},
		{"<78>Mar  6 04:07:23 host cron[1]: x", "host|cron|1|x|info"},
		{"2024-01-02 03:04:05 host app: x", "host|app||x|"},
		{"Jan  2 2024 03:04:05 host app: x", "host|app||x|"},
	}
	for _, tt := range tests {
		m, ok := parse([]byte(tt.line))
		if strings.HasPrefix(m.text, "---") {
			m.text = ""
		}
		if got := strings.Join([]string{m.host, m.program, m.pid, m.text, m.severity}, "|"); !ok || got != tt.want {
			t.Errorf("%s: %v %s, want %s", tt.line, ok, got, tt.want)
		}
	}
	for _, line := range []string{"", "x", "MMM 22 07:54:32 host x: y", "\tindented", "Jan 32 00:00:00 host x: y", "Feb 30 00:00:00 host x: y", "2023-02-29T00:00:00Z h x: y", "Jan  2 03:04:05host x", "<999>x", "- x"} {
		if m, ok := parse([]byte(line)); ok {
			t.Errorf("%q: parsed as %+v", line, m)
		}
	}
}

func TestYears(t *testing.T) {
	tests := []struct {
		name, path, modified, born, text string
		want                             []string // times; a note's mark behind them
	}{
		{"plain", "/var/log/auth.log", "2024-03-05T10:00:00Z", "", "Mar  5 09:00:00\nMar  5 10:00:00\n", []string{"2024-03-05T09", "2024-03-05T10"}},
		{"year changes", "/var/log/auth.log", "2024-01-02T00:00:01Z", "", "Dec 30 09:00:00\nDec 31 23:59:59\nJan  1 00:00:00\nJan  2 00:00:00\n",
			[]string{"2023-12-30T09", "2023-12-31T23", "2024-01-01T00", "2024-01-02T00"}},
		{"rotated over New Year", "/var/log/auth.log.2.gz", "2023-12-31T06:25:01Z", "", "Dec 25 00:00:00\nDec 31 06:25:00\n", []string{"2023-12-25T00", "2023-12-31T06"}},
		{"modified a moment before, other zone", "/var/log/auth.log", "2023-12-31T23:30:00Z", "", "Jan  1 00:10:00\n", []string{"2024-01-01T00"}},
		{"two years", "/var/log/user.log", "2024-06-01T00:00:01Z", "", "Jul  1 00:00:00\nMar  1 00:00:00\nJan  5 00:00:00\nJun  1 00:00:00\n",
			[]string{"2022-07-01T00", "2023-03-01T00", "2024-01-05T00", "2024-06-01T00"}},
		{"small step back", "/var/log/syslog", "2024-06-10T00:00:01Z", "", "Jun  8 00:00:00\nJun  5 00:00:00\nJun 10 00:00:00\n", []string{"2024-06-08T00", "2024-06-05T00 set back", "2024-06-10T00"}},
		{"out of order at New Year", "/var/log/syslog", "2024-01-01T00:00:09Z", "", "Dec 31 23:59:58\nJan  1 00:00:00\nDec 31 23:59:59\nJan  1 00:00:01\n",
			[]string{"2023-12-31T23", "2024-01-01T00", "2023-12-31T23", "2024-01-01T00"}},
		{"dead clock at boot", "/var/log/syslog", "2024-10-21T00:00:00Z", "", "Oct 20 00:00:00\n" + strings.Repeat("Jan  1 00:00:10\n", 5) + "Oct 20 12:00:00\nOct 21 00:00:00\n",
			[]string{"2024-10-20T00", "2024-01-01T00 set back", "2024-01-01T00 set back", "2024-01-01T00 set back", "2024-01-01T00 set back", "2024-01-01T00 set back", "2024-10-20T12", "2024-10-21T00"}},
		{"file younger than a year", "/var/log/syslog", "2024-10-21T00:00:00Z", "2024-10-01T00:00:00Z", "Oct 20 00:00:00\nMar  1 00:00:00\nOct 21 00:00:00\n",
			[]string{"2024-10-20T00", "2024-03-01T00 set back", "2024-10-21T00"}},
		{"leap day", "/var/log/syslog", "2024-03-01T00:00:01Z", "", "Feb 29 00:00:00\nMar  1 00:00:00\n", []string{"2024-02-29T00", "2024-03-01T00"}},
		{"leap day, copied later", "/var/log/syslog", "2026-05-01T00:00:01Z", "", "Feb 29 00:00:00\nMar  1 00:00:00\n", []string{"2024-02-29T00 leap 61 days", "2024-03-01T00 leap 61 days"}},
		{"name older than the copy", "/var/log/secure-20190331", "2024-01-01T00:00:00Z", "", "Mar 29 00:00:00\nMar 31 03:00:00\n", []string{"2019-03-29T00 name", "2019-03-31T03 name"}},
		{"touched", "/var/log/auth.log", "2024-05-01T00:00:00Z", "", "Mar  1 00:00:00\n", []string{"2024-03-01T00 61 days"}},
		{"nothing says", "/var/log/auth.log", "", "", "Mar  1 00:00:00\n", []string{"-"}},
		{"format changes", "/var/log/syslog", "2030-01-01T00:00:00Z", "", "Dec 31 00:00:00\n2023-01-02T00:00:00Z\nJan  3 00:00:00\n", []string{"2022-12-31T00 beside", "2023-01-02T00", "2023-01-03T00 beside"}},
	}
	marks := []string{"set back", "leap year", "name", "61 days", "beside"}
	for _, tt := range tests {
		text := regexp.MustCompile(`(?m)(:\d\d|Z)$`).ReplaceAllString(tt.text, "$1 host x: y")
		s := source(tt.path, text, tt.modified)
		if tt.born != "" {
			s.Inode.Times.Born = at(tt.born)
		}
		var got []string
		for _, r := range records(t, s) {
			if len(r.Stamps) == 0 {
				got = append(got, "-")
				continue
			}
			st := r.Stamps[0]
			g := st.When.Format("2006-01-02T15")
			for _, m := range marks {
				if strings.Contains(st.Note, m) {
					g += " " + strings.TrimSuffix(m, " year")
				}
			}
			if inferred := strings.Contains(st.Note, "year inferred"); inferred == strings.Contains(text[r.Evidence.Offset:][:24], "Z ") {
				t.Errorf("%s: note %q", tt.name, st.Note)
			}
			got = append(got, g)
		}
		// The name's mark is in some notes for other reasons.
		for i := range got {
			if !strings.Contains(tt.path, "-2019") {
				got[i] = strings.TrimSuffix(got[i], " name")
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data: ", err)
	}
	text := ""
	for _, l := range []string{"Mar 31 01:59:59", "Mar 31 02:30:00", "Mar 31 03:00:00", "Oct 27 01:59:00", "Oct 27 02:10:00", "Oct 27 02:50:00", "Oct 27 02:10:00", "Oct 27 03:00:00"} {
		text += l + " host x: y\n"
	}
	s := source("/var/log/syslog", text, "2024-10-27T02:00:01Z")
	s.Zone = zone
	want := []string{"2024-03-31T00:59:59Z", "2024-03-31T01:30:00Z skips", "2024-03-31T01:00:00Z", "2024-10-26T23:59:00Z", "2024-10-27T00:10:00Z twice", "2024-10-27T00:50:00Z twice",
		"2024-10-27T01:10:00Z twice", "2024-10-27T02:00:00Z"}
	var got []string
	for _, r := range records(t, s) {
		g := r.Stamps[0].When.Format(time.RFC3339)
		for _, m := range []string{"skips", "twice"} {
			if strings.Contains(r.Stamps[0].Note, m) {
				g += " " + m
			}
		}
		got = append(got, g)
	}
	if !slices.Equal(got, want) {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
	s.Zone = nil
	if n := records(t, s)[0].Stamps[0].Note; !strings.Contains(n, "UTC assumed") {
		t.Errorf("note without a zone: %q", n)
	}
}

// The clock agrees with time.Date on every half hour of years in odd zones,
// apart from the hours that come twice or never.
func TestClock(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("no time zone data: ", err)
		}
		c := clock{zone: zone}
		start := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		odd := 0
		for secs := start; secs < start+3*366*86400; secs += 1800 {
			got, note := c.instant(secs, 0)
			if note != "" {
				odd++
				continue
			}
			u := time.Unix(secs, 0).UTC()
			want := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), 0, 0, zone).Unix()
			if got != want {
				t.Fatalf("%s %v: %d, want %d", name, u, got, want)
			}
		}
		if odd > 80 {
			t.Errorf("%s: %d odd half hours", name, odd)
		}
	}
}

func TestDays(t *testing.T) {
	for d := time.Date(1899, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2405; d = d.AddDate(0, 0, 17) {
		if got := daysFrom1970(d.Year(), int(d.Month()), d.Day()); got != d.Unix()/86400 && d.Unix() >= 0 || got*86400 != d.Unix() {
			t.Fatalf("%v: day %d", d, got)
		}
	}
}

func TestRecords(t *testing.T) {
	text := "Mar  5 09:00:00 host sshd[7]: Failed password for root from 192.0.2.1 port 9 ssh2\n" +
		"Mar  5 09:00:01 host last message repeated 3 times\n" +
		"\tcontinued\n" +
		"Mar  5 09:00:02 host CRON[8]: (root) CMD (id)\n"
	s := source("/var/log/messages", text, "2024-03-05T10:00:00Z")
	all := records(t, s)
	if len(all) != 4 {
		t.Fatalf("%d records", len(all))
	}
	var kinds []string
	for _, r := range all {
		kinds = append(kinds, r.Kind)
	}
	if want := []string{"auth", "auth", "syslog", "syslog"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	r := all[1]
	if r.Fields["count"] != "3" || r.Fields["action"] != "login-failed" || r.Fields["address"] != "192.0.2.1" || r.Summary != "last message repeated 3 times" {
		t.Errorf("repetition: %+v", r)
	}
	if r := all[2]; r.Stamps[0].When != all[1].Stamps[0].When || r.Stamps[0].Note != noteBefore || r.Fields["message"] != "\tcontinued" {
		t.Errorf("continuation: %+v", r)
	}
	if want := (timeline.Evidence{Path: "/var/log/messages", Offset: 82, Length: 50, Line: 2}); all[1].Evidence != want {
		t.Errorf("evidence %+v, want %+v", all[1].Evidence, want)
	}
	if all[0].Summary != "sshd[7]: Failed password for root from 192.0.2.1 port 9 ssh2" {
		t.Errorf("summary %q", all[0].Summary)
	}
	for r := range Auth.Run(context.Background(), s) {
		if r.Kind != timeline.KindAuth {
			t.Errorf("kind %q in auth-log", r.Kind)
		}
	}
}

const shared = "../../../../shared/data"

func TestPlaso(t *testing.T) {
	oracle, err := os.ReadFile(filepath.Join(shared, "logs/plaso/expected.json"))
	if errors.Is(err, os.ErrNotExist) {
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
		if !strings.Contains(tt.Test, "text_plugins/syslog.py") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(shared, "logs/plaso", tt.File))
		if err != nil {
			t.Fatal(err)
		}
		all := records(t, source("/var/log/syslog", string(text), "2016-01-01T00:00:00Z"))
		// Plaso joins the lines of an event, and leaves out lines without a message.
		var events []timeline.Record
		for _, r := range all {
			if len(r.Stamps) > 0 && r.Stamps[0].Note != noteBefore {
				events = append(events, r)
			}
		}
		if len(events) != tt.Events {
			t.Errorf("%s: %d events, want %d", tt.File, len(events), tt.Events)
			continue
		}
		for _, e := range tt.Expected {
			r := events[e.Index]
			for key, want := range e.Values {
				want := fmt.Sprint(want)
				var got string
				switch key {
				case "body":
					got = r.Fields["message"]
				case "pid", "severity":
					got = r.Fields[key]
					if want = strings.ToLower(want); want == "<nil>" {
						want = ""
					}
				case "hostname":
					got = r.Fields["host"]
				case "reporter":
					got = r.Fields["program"]
				case "command", "port":
					got = r.Fields[key]
				case "username":
					got = r.Fields["account"]
				case "ip_address":
					got = r.Fields["address"]
				case "fingerprint":
					got = r.Fields["key_type"] + " " + r.Fields["fingerprint"]
				case "last_written_time":
					when := r.Stamps[0].When
					if len(want) == len("0000-01-22T07:52:33") {
						// Plaso counts years from the first line where the format has none.
						got, want = when.Format("01-02T15:04:05"), want[5:]
					} else {
						w, err := time.Parse(time.RFC3339Nano, want)
						if err != nil {
							t.Fatal(err)
						}
						got, want = when.Format(time.RFC3339Nano), w.UTC().Format(time.RFC3339Nano)
					}
				default:
					continue
				}
				if got != want {
					t.Errorf("%s, event %d, %s: %q, want %q", tt.File, e.Index, key, got, want)
				}
				compared++
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d values compared", compared)
	}
}

var assertion = regexp.MustCompile(`^results\["s01-parse"\]\["crowdsecurity/(sshd-logs|sshd-success-logs)"\]\[(\d+)\]\.(Success|Evt\.\w+\["(\w+)"\]) == (.*)$`)

// TestCrowdsec compares with what another parser reads from logs of sshd.
func TestCrowdsec(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared, "attacks/crowdsec/*/parser.assert"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared attack samples are not here")
	}
	compared := 0
	for _, name := range files {
		want := map[int]map[string]string{}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		for sc.Scan() {
			m := assertion.FindStringSubmatch(sc.Text())
			if m == nil {
				continue
			}
			n, _ := strconv.Atoi(m[2])
			if want[n] == nil {
				want[n] = map[string]string{}
			}
			key := m[4]
			if key == "" {
				key = m[3]
			}
			if value, err := strconv.Unquote(m[5]); err == nil {
				want[n][key] = value
			} else {
				want[n][key] = m[5]
			}
		}
		if len(want) == 0 {
			continue
		}
		logs, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*.log"))
		text, err := os.ReadFile(logs[0])
		if err != nil {
			t.Fatal(err)
		}
		all := records(t, source("/var/log/auth.log", string(text), "2025-01-01T00:00:00Z"))
		for n, values := range want {
			if values["Success"] != "true" {
				continue
			}
			if n >= len(all) {
				t.Errorf("%s: line %d of %d", name, n, len(all))
				continue
			}
			got := all[n].Fields
			for key, field := range map[string]string{"message": "message", "program": "program", "pid": "pid", "machine": "host", "source_ip": "address", "target_user": "account"} {
				w, ok := values[key]
				if w = strings.TrimSpace(w); key == "source_ip" {
					w = logmsg.PlainAddress(w)
				}
				if !ok || key == "target_user" && w == "" {
					continue
				}
				if g := strings.TrimSpace(got[field]); g != w {
					t.Errorf("%s, line %d, %s: %q, want %q in %q", filepath.Base(filepath.Dir(name)), n+1, key, g, w, got["message"])
				}
				compared++
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d values compared", compared)
	}
}

func FuzzSyslog(f *testing.F) {
	for _, s := range []string{"Feb 29 00:00:00 h sshd[1]: Accepted password for a from b port 1 ssh2\nJan  1 00:00:00 x\n", "<1>1 2024-01-01T00:00:00Z h a 1 - [x y=\"z\"] t\n",
		"Dec 31 00:00:00 h sudo: a : TTY=x ; COMMAND=y\n\nJan  1 00:00:00 h last message repeated 2 times\n", "Jan  1 00:00:00 h su(pam_unix)[1]: session opened for user a by b(uid=0)\n"} {
		f.Add(s, int64(1700000000))
	}
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		zone = time.UTC
	}
	f.Fuzz(func(t *testing.T, text string, modified int64) {
		s := source("/var/log/messages", text, "2024-01-01T00:00:00Z")
		s.Zone = zone
		s.Inode.Times.Modified.Sec = modified
		var at int64
		for r, err := range run(context.Background(), s, timeline.KindSyslog) {
			if err != nil {
				continue
			}
			if r.Evidence.Offset < at || len(r.Stamps) > 1 || r.Fields == nil {
				t.Fatalf("%+v", r)
			}
			at = r.Evidence.Offset + r.Evidence.Length
		}
	})
}

func BenchmarkAuth(b *testing.B) {
	text := strings.Repeat("Mar  5 09:00:00 host sshd[7]: Failed password for invalid user test from 192.0.2.1 port 50122 ssh2\n"+
		"Mar  5 09:00:01 host CRON[8]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n", 5000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for range run(context.Background(), source("/var/log/auth.log", text, "2024-03-05T10:00:00Z"), timeline.KindAuth) {
		}
	}
}
