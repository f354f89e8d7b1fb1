package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"deadbox/fs/host"
	"deadbox/image"
	"deadbox/image/volume"
	"deadbox/rules"
	"deadbox/timeline"
)

// investigation is one with something in each part.
func investigation() *Investigation {
	utc := func(s string) time.Time {
		t, err := time.Parse(time.DateTime, s)
		if err != nil {
			panic(err)
		}
		return t
	}
	ev := func(path string, inode, line int, offset, n int64) timeline.Evidence {
		e := timeline.Evidence{Image: "disk.dd", Volume: "gpt:2", Path: path, Offset: offset, Length: n, Line: line}
		e.Inode += 4711
		return e
	}
	inv := &Investigation{
		Tool:        Tool{Name: "deadbox", Version: "1.2.3"},
		CommandLine: []string{"deadbox", "investigate", "disk 1.dd", "-o", "case"},
		Evidence: []EvidenceFile{{Path: "disk.dd", Size: 8 << 30, SHA256: strings.Repeat("ab", 32),
			Lost: []image.Range{{Offset: 7 << 30, Length: 1 << 20, Reason: "segment 3 is short"}}}},
		Baseline: []EvidenceFile{{Path: "good.dd", Size: 8 << 30, SHA256: strings.Repeat("cd", 32)}},
		Layouts: []Layout{{Image: "disk.dd", Layout: volume.Layout{Table: "gpt", SectorSize: 512, Notes: []string{"the backup table was used"}, Volumes: []volume.Volume{
			{Index: 1, Slot: "gpt:1", Offset: 1 << 20, Length: 512 << 20, Allocated: true, Type: "EFI System", Found: volume.Signature{Kind: "fat"}},
			{Index: 2, Slot: "gpt:2", Offset: 513 << 20, Length: 7 << 30, Allocated: true, Type: "Linux filesystem", Found: volume.Signature{Kind: "ext4", Label: "rootfs"}},
			{Index: 3, Slot: "gap:1", Offset: 7 << 30, Length: 1 << 20},
		}}}},
		Host: &host.Host{
			Name: "web01.example.org", OS: "Debian GNU/Linux 12 (bookworm)", Kernels: []string{"6.1.0-13-amd64"}, ZoneName: "Europe/Berlin",
			Zone: time.FixedZone("CEST", 7200), ZoneFrom: "/etc/localtime",
			Accounts: []host.Account{{Name: "www-data", UID: 33, GID: 33, Home: "/var/www", Shell: "/usr/sbin/nologin"}, {Name: "root", Shell: "/bin/bash"}},
			Absent:   []host.Absent{{Spec: "UUID=1234", Point: "/home", Type: "ext4"}},
		},
		FirstActivity: utc("2023-11-02 09:00:00"), LastActivity: utc("2024-05-02 01:00:00"),
		Activity: &Activity{}, Changes: &Changes{},
		Damage: []Damage{
			{Image: "disk.dd", Volume: "gpt:2", Offset: 999999488, Inode: 8123, Path: "/var/log/x", What: "extent node: bad magic"},
			{Image: "disk.dd", Offset: -1, What: "something else"},
		},
		Notes: []string{"The clock of the server was changed."},
	}
	inv.Findings = []rules.Finding{
		{ID: "login-1", Rule: "login", Title: "Many failed logins, then a success", Severity: rules.Low, Time: utc("2024-04-30 22:01:00"), Last: utc("2024-04-30 23:01:00"),
			Account: "deploy", Address: "198.51.100.7", Summary: "198.51.100.7 failed 512 times", Count: 513, Techniques: []string{"T1110.001"},
			Evidence: []timeline.Evidence{{Image: "disk.dd", Volume: "gpt:2", Path: "/var/log/auth.log.2.gz", Offset: 4096, Length: 9000, Line: 88, Packed: "gzip"}}},
		{ID: "tmp-1", Rule: "tmp", Title: "Program in a temporary directory", Severity: rules.High, Time: utc("2024-05-01 01:20:00"), TimeNote: "born",
			Paths: []string{"/var/tmp/.x/a", "/var/tmp/.x/b"}, PathCount: 40, Techniques: []string{"T1105", "nonsense"},
			Evidence: []timeline.Evidence{ev("/var/tmp/.x/a", 1, 0, 5368709120, 100)}},
		{ID: "web-1", Rule: "web", Title: "Exploit in a web request", Severity: rules.Critical, Techniques: []string{"T1190"}, Time: utc("2024-05-01 01:12:09"),
			Account: "www-data", Address: "192.0.2.66", Summary: "192.0.2.66 asked for /cgi-bin/.%2e/%252e/x", Evidence: []timeline.Evidence{ev("/var/log/apache2/access.log", 2, 1234, 123456789, 211)}},
		{ID: "uid0-1", Rule: "uid0", Title: "Second account with user id 0", Severity: rules.Critical, Paths: []string{"/etc/passwd"}, Account: "sysop",
			Evidence: []timeline.Evidence{ev("/etc/passwd", 3, 30, 998244353, 33)}},
	}
	for i := range 400 {
		sec := utc("2024-04-30 20:00:00").Unix() + int64(i*i%41000)
		inv.Activity.AddFile(Moment{Sec: sec, MACB: Modified})
		inv.Activity.AddStamp(&timeline.Stamp{When: time.Unix(sec+500, 0)})
	}
	for i := range 300 {
		inv.Changes.Add(&timeline.Change{What: "added", After: &timeline.File{Path: fmt.Sprintf("/usr/share/doc/%03d", i), Type: 1, Mode: 0o100644}})
	}
	inv.Changes.Add(&timeline.Change{What: "added", After: &timeline.File{Path: "/var/tmp/.x/a", Type: 1, Mode: 0o104755, Magic: "elf"}})
	inv.Changes.Add(&timeline.Change{What: "deleted", Before: &timeline.File{Path: "/var/log/auth.log", Type: 1, Mode: 0o100640}})
	inv.Excerpt = func(e timeline.Evidence) string {
		if e.Line == 1234 {
			return "192.0.2.66 - - \"GET /x?cmd=ZWNobyAnYSBsaXR0bGUgdGVzdCc= HTTP/1.1\" 200\n"
		}
		return ""
	}
	inv.Dir = "case"
	inv.Outputs = []Output{{Name: FindingsFile, Size: 4000, SHA256: strings.Repeat("ef", 32), Doc: docOf(FindingsFile)}}
	return inv
}

// hostileInvestigation has hostile text wherever text of an image can stand.
func hostileInvestigation() *Investigation {
	inv := investigation()
	bad := strings.Join(hostile, " ") + `"><script src="https://example.org/x"></script><img src=x onerror=alert(1)>{{.}}` + strings.Repeat("long\u202e", 20000)
	inv.Host.Name, inv.Host.OS, inv.Host.ZoneName, inv.Host.ZoneFrom = bad, bad, bad, bad
	inv.Host.Zone = time.FixedZone(bad, 3600)
	inv.Host.Kernels = []string{bad}
	inv.Host.Accounts = []host.Account{{Name: bad, Home: bad, Shell: bad}}
	inv.Host.Absent = []host.Absent{{Spec: bad, Point: bad, Type: bad}}
	inv.Notes = []string{bad}
	inv.CommandLine = []string{"deadbox", bad}
	inv.Evidence[0].Path = bad
	inv.Evidence[0].Lost[0].Reason = bad
	inv.Layouts[0].Image = bad
	inv.Layouts[0].Notes = []string{bad}
	for i := range inv.Layouts[0].Volumes {
		v := &inv.Layouts[0].Volumes[i]
		v.Label, v.Type, v.Found.Label, v.Found.UUID = bad, bad, bad, bad
	}
	for i := range inv.Findings {
		f := &inv.Findings[i]
		f.Title, f.Summary, f.Account, f.Address, f.TimeNote = bad, bad, bad, bad, bad
		f.Paths = []string{bad, bad}
		f.Techniques = []string{bad}
		for j := range f.Evidence {
			f.Evidence[j].Path, f.Evidence[j].Image = bad, bad
		}
	}
	inv.Changes.Add(&timeline.Change{What: bad, After: &timeline.File{Path: bad, Target: bad, Mode: 0o104755}, Differs: []string{bad}})
	inv.Changes.Add(&timeline.Change{What: "added", After: &timeline.File{Path: "/tmp/" + bad, Target: bad, Mode: 0o104755}, Differs: []string{bad}})
	inv.Damage = append(inv.Damage, Damage{Image: bad, Volume: bad, Path: bad, What: bad})
	inv.Excerpt = func(timeline.Evidence) string { return bad }
	return inv
}

func render(t *testing.T, write func(io.Writer, *Investigation) error, inv *Investigation) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, inv); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func terminalOf(opt TerminalOptions) func(io.Writer, *Investigation) error {
	return func(w io.Writer, inv *Investigation) error { return WriteTerminal(w, inv, opt) }
}

func TestTerminal(t *testing.T) {
	got := render(t, terminalOf(TerminalOptions{}), investigation())
	for _, want := range []string{
		"4 findings on web01.example.org: 2 critical, 1 high, 1 low", "Debian GNU/Linux 12", "192.0.2.66, 198.51.100.7",
		"2024-05-01 03:12:09  critical  Exploit in a web request", "access.log:1234", "2 places could not be read whole; 1.0 MiB", "/home is not in the evidence",
		"Report: case/report.html", "301 added; 1 deleted",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	var order []int
	for _, title := range []string{"Exploit in", "Second account", "Program in", "Many failed"} {
		order = append(order, strings.Index(got, title))
	}
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			t.Errorf("findings are not the most severe first, then the earliest:\n%s", got)
		}
	}
	if n := strings.Count(got, "\n"); n > 40 {
		t.Errorf("%d lines do not fit on a screen", n)
	}
	got = render(t, terminalOf(TerminalOptions{Findings: 1}), investigation())
	if !strings.Contains(got, "and 3 more findings") || strings.Contains(got, "Second account") {
		t.Errorf("a list of one finding:\n%s", got)
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]+m")

func TestTerminalIsSafe(t *testing.T) {
	for _, inv := range []*Investigation{hostileInvestigation(), investigation(), {}} {
		for _, width := range []int{1, 60, 80, 133, 250} {
			for _, color := range []bool{false, true} {
				got := render(t, terminalOf(TerminalOptions{Width: width, Color: color}), inv)
				if color {
					got = sgr.ReplaceAllString(got, "")
				}
				for line := range strings.Lines(got) {
					line = strings.TrimSuffix(line, "\n")
					checkShown(t, line)
					if n := twwidth.Width(line); n > max(width, narrow) && !strings.HasPrefix(line, "Report: ") {
						t.Fatalf("%d columns in a terminal of %d: %q", n, width, line)
					}
				}
			}
		}
	}
}

func TestTextReport(t *testing.T) {
	got := render(t, WriteText, investigation())
	for _, want := range []string{
		"1. [critical] Exploit in a web request", "xxd -s 123456789 -l 211 disk.dd", "tail -c +4097 disk.dd | head -c 9000 | gzip -dc | sed -n 88p",
		"> 192.0.2.66 - - \"GET", "[base64: echo 'a little test']", "and 512 more records", "and 38 more paths",
		"Added: 301\n  -rwsr-xr-x", "and 276 more in changes.jsonl", "1,048,576 bytes at byte 7516192768 are missing: segment 3", "volume gpt:2, byte 999999488,",
		"case.json holds the command line", "SHA-256 " + strings.Repeat("ab", 32) + "  disk.dd",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, inv := range []*Investigation{hostileInvestigation(), {}} {
		got := render(t, WriteText, inv)
		for line := range strings.Lines(got) {
			checkShown(t, strings.TrimSuffix(line, "\n"))
		}
		if len(got) > 1<<20 {
			t.Errorf("huge strings made a report of %d bytes", len(got))
		}
	}
}

func TestHTML(t *testing.T) {
	got := render(t, WriteHTML, investigation())
	for _, want := range []string{
		"<title>Investigation of web01.example.org</title>", "Content-Security-Policy", "2 critical, 1 high, 1 low",
		`<a href="https://attack.mitre.org/techniques/T1105/" rel="noreferrer">T1105</a>, nonsense`, "$ xxd -s 123456789 -l 211 disk.dd", `<div class="quote mono dec">`,
		"and 276 more in changes.jsonl", "and 38 more paths", "512 more records", "<svg", `href="#f1"`, `id="f4"`, "not part of a partition", "named by a finding",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(got, `id="f5"`) {
		t.Error("there are more cards than findings")
	}
	quiet := render(t, WriteHTML, &Investigation{})
	if !strings.Contains(quiet, "No rule matched") || strings.Contains(quiet, "<svg") {
		t.Errorf("an empty investigation gave\n%s", quiet)
	}
}

func TestHTMLIsSafe(t *testing.T) {
	got := render(t, WriteHTML, hostileInvestigation())
	for _, r := range got {
		if hidden(r) && r != '\n' {
			t.Fatalf("%U got through", r)
		}
	}
	if !utf8.ValidString(got) {
		t.Error("not UTF-8")
	}
	tags := regexp.MustCompile(`<([a-zA-Z!/][^\s>]*)`)
	known := regexp.MustCompile(`^/?(!DOCTYPE|html|head|meta|title|style|body|header|div|h1|h2|h3|p|b|dl|dt|dd|nav|a|main|figure|svg|line|g|rect|text|circle|figcaption|span|table|tr|th|td|article|ul|li|code|footer)$`)
	for _, m := range tags.FindAllStringSubmatch(got, -1) {
		if !known.MatchString(m[1]) {
			t.Errorf("the page has a tag that the template has not: %s", m[0])
		}
	}
	for _, m := range regexp.MustCompile(`(?i)(src|href|onerror|onload|style)=("[^"]*"|[^\s>]*)`).FindAllStringSubmatch(regexp.MustCompile(`>[^<]*<`).ReplaceAllString(got, "><"), -1) {
		v := strings.Trim(m[2], `"`)
		if m[1] == "href" && (strings.HasPrefix(v, "#") || strings.HasPrefix(v, "https://attack.mitre.org/") || v == FindingsFile) ||
			m[1] == "style" && !strings.Contains(v, "url") {
			continue
		}
		t.Errorf("the page loads or runs something: %s", m[0])
	}
	if len(got) > 1<<20 {
		t.Errorf("huge strings made a page of %d bytes", len(got))
	}
	if !strings.Contains(got, "bytes in all)") {
		t.Error("nothing says that strings were cut")
	}
}

func TestHTMLIsBounded(t *testing.T) {
	inv := investigation()
	one := inv.Findings[0]
	one.Evidence = nil
	for range 1000 {
		one.Evidence = append(one.Evidence, timeline.Evidence{Image: "disk.dd", Path: "/x", Offset: 1, Length: 1})
	}
	inv.Findings = nil
	for i := range 5000 {
		one.ID = fmt.Sprintf("login-%d", i+1)
		inv.Findings = append(inv.Findings, one)
	}
	got := render(t, WriteHTML, inv)
	if !strings.Contains(got, "and 4,700 more findings in findings.jsonl") || len(got) > 4<<20 {
		t.Errorf("5,000 findings made %d bytes", len(got))
	}
}

// The commands that a report prints show the bytes that it speaks of.
func TestCheckCommand(t *testing.T) {
	sh := tool(t, "sh")
	tool(t, "xxd")
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a 'b'.001"), filepath.Join(dir, "a.002")
	for path, s := range map[string]string{a: "0123456789", b: "abcdefghij"} {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv := &Investigation{Evidence: []EvidenceFile{{Path: a, Size: 20, Segments: []Segment{{Path: a, Size: 10}, {Path: b, Offset: 10, Size: 10}}}}}
	for _, c := range []struct {
		offset, n int64
		want      string
	}{{2, 3, "234"}, {12, 4, "cdef"}, {8, 4, "89ab"}, {10, 10, "abcdefghij"}} {
		e := timeline.Evidence{Image: a, Offset: c.offset, Length: c.n}
		cmd := inv.checkCommand(&e)
		out, err := exec.Command(sh, "-c", cmd).Output()
		if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), " "+c.want) {
			t.Errorf("%s gave %q, %v; want %s", cmd, out, err, c.want)
		}
	}
	if cmd := inv.checkCommand(&timeline.Evidence{Image: a, Offset: -1}); cmd != "" {
		t.Errorf("no place gave %s", cmd)
	}
}

func TestDecoded(t *testing.T) {
	for in, want := range map[string]string{
		"plain /etc/passwd": "", "/a%2fb": "/a/b", "%252e%252e": "..", "%zz %4": "", "echo aGVsbG8gd29ybGQhIQ==|sh": "echo [base64: hello world!!]|sh",
		"/usr/share/doc/packages/longer/path": "", "%41%zz": "A%zz", "aGVsbG8=": "",
	} {
		if got := decoded(in); got != want {
			t.Errorf("decoded(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestChangesRank(t *testing.T) {
	c := &Changes{}
	for i := range 1000 {
		c.Add(&timeline.Change{What: "content", After: &timeline.File{Path: fmt.Sprintf("/usr/share/doc/%d", i), Type: 1, Mode: 0o100644}, Differs: []string{"content", "modified"}})
	}
	f := &timeline.File{Path: "/usr/bin/ps", Type: 1, Mode: 0o100755, InPackage: true}
	c.Add(&timeline.Change{What: "content", Before: f, After: f, Differs: []string{"changed", "content"}})
	f.Path = "/overwritten" // the record is the caller's
	g := c.Groups()
	if len(g) != 1 || g[0].Total != 1001 || len(g[0].Top) != maxChanges || g[0].Top[0].After.Path != "/usr/bin/ps" {
		t.Errorf("the telling change is not the first of %d", g[0].Total)
	}
	if c.Total() != 1001 {
		t.Errorf("%d changes", c.Total())
	}
}

func TestActivityIsBounded(t *testing.T) {
	a := &Activity{}
	for i := range maxHours + 10 {
		a.AddFile(Moment{Sec: int64(i) * 3600, MACB: Born})
	}
	if len(a.hours) != maxHours || a.more != 10 {
		t.Errorf("%d hours, %d more", len(a.hours), a.more)
	}
	a = &Activity{}
	a.AddFile(Moment{Sec: -1, MACB: Changed})
	a.AddFile(Moment{Sec: -1, MACB: Accessed})
	got := a.Hours(time.Unix(-3600, 0), time.Unix(0, 0))
	if len(got) != 1 || got[0] != (Hour{Start: -3600, Files: 1}) {
		t.Errorf("%+v", got)
	}
}
