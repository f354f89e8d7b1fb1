package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

func at(sec int64, nsec int32) filesystem.Time {
	return filesystem.Time{Sec: sec, Nsec: nsec, Known: true}
}

// sample is a file that has a value of its own in every field.
func sample() *timeline.File {
	return &timeline.File{
		Path: "/usr/bin/su", Inode: 4711, Type: filesystem.Regular, Mode: 0o104755, UID: 1, GID: 2, Links: 3, Size: 12345,
		Times: filesystem.Times{Modified: at(100, 1), Accessed: at(200, 2), Changed: at(300, 3), Born: at(400, 4), Deleted: at(500, 0)},
		Flags: filesystem.FlagImmutable | filesystem.FlagExtents,
	}
}

func TestAppendBody(t *testing.T) {
	with := func(change func(f *timeline.File)) *timeline.File {
		f := sample()
		change(f)
		return f
	}
	for _, c := range []struct {
		name string
		f    *timeline.File
		ns   bool
		want string
	}{
		{"plain", sample(), false, "0|/usr/bin/su|4711|r/rrwsr-xr-x|1|2|12345|200|100|300|400\n"},
		{"nanoseconds", sample(), true, "0|/usr/bin/su|4711|r/rrwsr-xr-x|1|2|12345|200.000000002|100.000000001|300.000000003|400.000000004\n"},
		{"unknown times", with(func(f *timeline.File) { f.Times.Born = filesystem.Time{}; f.Times.Accessed = at(0, 0) }), true,
			"0|/usr/bin/su|4711|r/rrwsr-xr-x|1|2|12345|0.000000000|100.000000001|300.000000003|0\n"},
		{"before 1970", with(func(f *timeline.File) {
			f.Times = filesystem.Times{Accessed: at(-2, 500000000), Modified: at(-1, 1), Changed: at(-2147483648, 0), Born: at(-1, 0)}
		}), true, "0|/usr/bin/su|4711|r/rrwsr-xr-x|1|2|12345|-1.500000000|-0.999999999|-2147483648.000000000|-1.000000000\n"},
		{"before 1970, whole", with(func(f *timeline.File) { f.Times.Modified = at(-2, 500000000) }), false,
			"0|/usr/bin/su|4711|r/rrwsr-xr-x|1|2|12345|200|-2|300|400\n"},
		{"link", with(func(f *timeline.File) { f.Type, f.Mode, f.Target = filesystem.Symlink, 0o120777, "/dev/nu|l" }), false,
			"0|/usr/bin/su -> /dev/nu\\x7cl|4711|l/lrwxrwxrwx|1|2|12345|200|100|300|400\n"},
		{"deleted", with(func(f *timeline.File) { f.Deleted, f.Unalloc = true, true }), false,
			"0|/usr/bin/su (deleted)|4711|r/rrwsr-xr-x|1|2|12345|200|100|300|400\n"},
		{"inode used again", with(func(f *timeline.File) { f.Deleted = true }), false,
			"0|/usr/bin/su (deleted-realloc)|4711|r/rrwsr-xr-x|1|2|12345|200|100|300|400\n"},
		{"orphan", with(func(f *timeline.File) { f.Path, f.Orphan, f.Unalloc = "", true, true }), false,
			"0|/$OrphanFiles/OrphanFile-4711 (deleted)|4711|-/rrwsr-xr-x|1|2|12345|200|100|300|400\n"},
		{"no inode", &timeline.File{Path: "/gone", Type: filesystem.Regular, Deleted: true}, false, "0|/gone (deleted)|0|r/----------|0|0|0|0|0|0|0\n"},
	} {
		if got := string(AppendBody(nil, c.f, c.ns)); got != c.want {
			t.Errorf("%s:\n got %s want %s", c.name, got, c.want)
		}
	}
}

// names that a row must survive, and one that sorts between others.
var names = []string{
	"/plain", "/with space", "/tab\there", "/new\nline", "/bar|bar", `/back\slash`, `/quote"quote`, `/two""quotes"`, "/bad\xff\xfe", "/%0a%41%", "/100%",
	"/semi;colon,comma", "/esc\x1b[31m", "/ümläut", "/c1\u009bx", "/ (deleted)", "/#hash", "/=cmd", "/a:b:c", "/cr\rx", "/trail ",
}

// hostileFiles are files with such names and with all sorts of times.
func hostileFiles() []*timeline.File {
	r := rand.New(rand.NewPCG(5, 6))
	var out []*timeline.File
	for i, n := range names {
		f := sample()
		f.Path, f.Inode, f.Size = n, filesystem.Inum(10+i), int64(i*i*i*1000)
		t := func() filesystem.Time { return at(1600000000+r.Int64N(20), r.Int32N(1e9)) }
		f.Times = filesystem.Times{Modified: t(), Accessed: t(), Changed: t(), Born: t()}
		switch i % 7 {
		case 1:
			f.Times.Born = filesystem.Time{}
		case 2:
			f.Deleted, f.Unalloc = true, true
		case 3:
			f.Type, f.Mode, f.Target = filesystem.Symlink, 0o120777, `/dev/"null"`
		case 4:
			f.Type, f.Mode = filesystem.Directory, 0o041777
		case 5:
			f.Times = filesystem.Times{} // mactime leaves it out
		}
		out = append(out, f)
	}
	return out
}

// mactimeRow is a row before it is printed.
type mactimeRow struct {
	Moment
	f   *timeline.File
	key string
}

// mactimeRows sorts as mactime does: the time with ten digits, inode and name
// as a string.
func mactimeRows(files []*timeline.File) []mactimeRow {
	var rows []mactimeRow
	for _, f := range files {
		for _, w := range MactimeMoments(nil, &f.Times) {
			rows = append(rows, mactimeRow{w, f, fmt.Sprintf("%.10d,%d,%s", w.Sec, f.Inode, appendTSKName(nil, f))})
		}
	}
	slices.SortFunc(rows, func(a, b mactimeRow) int { return strings.Compare(a.key, b.key) })
	return rows
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: this comparison is not made", name)
	}
	return path
}

func TestAgainstMactime(t *testing.T) {
	mactime := tool(t, "mactime")
	files := hostileFiles()
	var body []byte
	for _, f := range files {
		body = AppendBody(body, f, false)
	}
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone database: ", err)
	}
	rows := mactimeRows(files)
	if len(rows) < 50 {
		t.Fatalf("only %d rows to compare", len(rows))
	}
	for _, c := range []struct {
		name   string
		args   []string
		header string
		row    func(dst []byte, r mactimeRow, same bool) []byte
	}{
		{"csv in UTC", []string{"-d", "-y"}, MactimeHeader, func(dst []byte, r mactimeRow, _ bool) []byte { return AppendMactimeCSV(dst, r.Sec, r.MACB, r.f) }},
		{"csv in a zone", []string{"-d"}, MactimeHeader,
			func(dst []byte, r mactimeRow, _ bool) []byte {
				return AppendMactimeCSVIn(dst, r.Sec, r.MACB, r.f, berlin)
			}},
		{"text in UTC", []string{"-y"}, "",
			func(dst []byte, r mactimeRow, same bool) []byte {
				return AppendMactimeText(dst, r.Sec, same, r.MACB, r.f, nil)
			}},
		{"text in a zone", nil, "",
			func(dst []byte, r mactimeRow, same bool) []byte {
				return AppendMactimeText(dst, r.Sec, same, r.MACB, r.f, berlin)
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(mactime, append([]string{"-b", path}, c.args...)...)
			cmd.Env = append(os.Environ(), "TZ=Europe/Berlin", "LC_ALL=C")
			want, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := []byte(c.header)
			last := int64(-1)
			for _, r := range rows {
				got = c.row(got, r, r.Sec == last)
				last = r.Sec
			}
			compareLines(t, string(got), string(want))
		})
	}
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d of %d and %d:\n got %q\nwant %q", i+1, len(g), len(w), a, b)
		}
	}
}

// mactime leaves single times before 1970 out, and keeps the row for the
// others. AppendBody counts on it.
func TestMactimeBefore1970(t *testing.T) {
	mactime := tool(t, "mactime")
	f := sample()
	f.Times.Modified = at(-5, 0)
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, AppendBody(nil, f, false), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(mactime, "-b", path, "-d", "-y").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(out), "\n"); got != 4 || strings.Contains(string(out), ",m") {
		t.Errorf("want a header and three rows without m, got %s", out)
	}
	if got := string(AppendMactimeCSV(nil, -5, Modified, f)); got != "1969-12-31T23:59:55Z,12345,m...,r/rrwsr-xr-x,1,2,4711,\"/usr/bin/su\"\n" {
		t.Errorf("ours: %s", got)
	}
}

// TestAgainstFls makes a small image with mke2fs and debugfs whose every value
// is known, and compares fls's body file with ours.
func TestAgainstFls(t *testing.T) {
	fls, mke2fs, debugfs := tool(t, "fls"), tool(t, "mke2fs"), tool(t, "debugfs")
	dir := t.TempDir()
	image := filepath.Join(dir, "a.img")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	run(mke2fs, "-q", "-F", "-t", "ext4", "-b", "1024", "-I", "256", "-N", "64", "-O", "^has_journal,^metadata_csum", image, "1024")
	content := filepath.Join(dir, "content")
	if err := os.WriteFile(content, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type made struct {
		path, target string
		mode         filesystem.Mode
		size         int64
	}
	list := []made{
		{"/file", "", 0o104751, 6}, {"/group", "", 0o102644, 6}, {"/dir", "", 0o041777, 1024}, {"/dir/deep file", "", 0o100600, 6},
		{"/fifo", "", 0o010644, 0}, {"/char", "", 0o020620, 0}, {"/block", "", 0o060660, 0}, {"/link", "/some/where", 0o120777, 11},
		{"/gone", "", 0o100644, 0},
	}
	var script strings.Builder
	fmt.Fprintf(&script, "write %s file\nwrite %s group\nmkdir dir\ncd dir\nwrite %s \"deep file\"\ncd /\nmknod fifo p\nmknod char c 1 3\nmknod block b 8 1\n", content, content, content)
	fmt.Fprintf(&script, "symlink link /some/where\nwrite %s gone\n", content)
	script.WriteString("sif /gone mode 0100644\n")
	for i, m := range list {
		if m.path == "/gone" {
			continue
		}
		q := `"` + m.path + `"`
		fmt.Fprintf(&script, "sif %s mode 0%o\nsif %s uid %d\nsif %s gid %d\n", q, uint16(m.mode), q, 100+i, q, 200+i)
		for j, field := range []string{"atime", "mtime", "ctime", "crtime"} {
			fmt.Fprintf(&script, "sif %s %s @%d\n", q, field, 1500000000+10*i+j)
		}
	}
	commands := filepath.Join(dir, "commands")
	if err := os.WriteFile(commands, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(debugfs, "-w", "-f", commands, image)
	gone := 0
	inode := map[string]int{}
	for _, m := range list {
		out := run(debugfs, "-R", `stat "`+m.path+`"`, image)
		n := 0
		if _, err := fmt.Sscanf(out[strings.Index(out, "Inode:"):], "Inode: %d", &n); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		inode[m.path] = n
	}
	gone = inode["/gone"]
	run(debugfs, "-w", "-R", "rm /gone", image)
	// rm leaves the name's slot with inode 0 or its inode; what fls makes of it is
	// compared below by its suffix alone.
	want := map[string]string{}
	for line := range strings.Lines(run(fls, "-r", "-m", "/", image)) {
		want[strings.Split(line, "|")[1]] = line
	}
	for i, m := range list {
		if m.path == "/gone" {
			continue
		}
		s := int64(1500000000 + 10*i)
		f := &timeline.File{
			Path: m.path, Target: m.target, Inode: filesystem.Inum(inode[m.path]), Type: m.mode.Type(), Mode: m.mode, UID: uint32(100 + i), GID: uint32(200 + i),
			Size: m.size, Times: filesystem.Times{Accessed: at(s, 5), Modified: at(s+1, 5), Changed: at(s+2, 5), Born: at(s+3, 5)},
		}
		name := m.path
		if m.target != "" {
			name += " -> " + m.target
		}
		if m.path == "/link" {
			f.Target, name = "/some/where", "/link -> /some/where"
		}
		if got := string(AppendBody(nil, f, false)); got != want[name] {
			t.Errorf("%s:\n got %s fls %s", m.path, got, want[name])
		}
	}
	found := false
	for name, line := range want {
		if strings.HasPrefix(name, "/gone") || strings.Contains(name, fmt.Sprintf("OrphanFile-%d", gone)) {
			found = true
			if !strings.HasSuffix(name, " (deleted)") {
				t.Errorf("fls says of a deleted name: %s", line)
			}
		}
	}
	if !found {
		t.Errorf("fls does not show the deleted file: %v", want)
	}
}

func TestMoments(t *testing.T) {
	times := filesystem.Times{Modified: at(5, 1), Accessed: at(3, 0), Changed: at(5, 1), Born: at(5, 0), Deleted: at(-7, 0)}
	got := fmt.Sprint(Moments(nil, &times))
	if want := "[{-7 0 ....d} {3 0 .a...} {5 0 ...b.} {5 1 m.c..}]"; got != want {
		t.Errorf("Moments = %s, want %s", got, want)
	}
	got = fmt.Sprint(MactimeMoments(nil, &times))
	if want := "[{3 0 .a...} {5 0 m.cb.}]"; got != want {
		t.Errorf("MactimeMoments = %s, want %s", got, want)
	}
	times = filesystem.Times{Modified: at(5, 1)}
	got = fmt.Sprint(MactimeMoments(nil, &times))
	if want := "[{0 0 .acb.} {5 0 m....}]"; got != want {
		t.Errorf("MactimeMoments with unknown times = %s, want %s", got, want)
	}
	if got := MactimeMoments(nil, &filesystem.Times{Deleted: at(9, 0)}); len(got) != 0 {
		t.Errorf("MactimeMoments without a time = %v", got)
	}
}

func TestRowsDoNotAllocate(t *testing.T) {
	f := sample()
	f.Path = "/home/user/some \"file\" of mine|x"
	ev := &timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Offset: 4096, Length: 256}
	zone := time.FixedZone("", 3600)
	w := Moment{1700000000, 5, Modified | Changed}
	buf := make([]byte, 0, 4096)
	moments := make([]Moment, 0, 5)
	for name, row := range map[string]func(){
		"body":       func() { buf = AppendBody(buf[:0], f, true) },
		"mactime":    func() { buf = AppendMactimeCSV(buf[:0], 1700000000, w.MACB, f) },
		"text":       func() { buf = AppendMactimeText(buf[:0], 1700000000, false, w.MACB, f, zone) },
		"row":        func() { buf = AppendRow(buf[:0], w, f, zone) },
		"timesketch": func() { buf = AppendTimesketchFile(buf[:0], w, f, ev) },
		"csv":        func() { buf = AppendTimesketchFileCSV(buf[:0], w, f, ev) },
		"moments":    func() { moments = Moments(moments[:0], &f.Times) },
	} {
		if n := testing.AllocsPerRun(100, row); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestTimesketchCSV(t *testing.T) {
	files := hostileFiles()
	table := []byte(TimesketchHeader)
	ev := &timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Offset: 4096, Length: 256}
	rows := 0
	for i, f := range files {
		for _, w := range Moments(nil, &f.Times) {
			e := ev
			if i%2 == 0 {
				e = nil
			}
			table = AppendTimesketchFileCSV(table, w, f, e)
			rows++
		}
	}
	r := &timeline.Record{Kind: timeline.KindCommand, Summary: "=cmd|' /C calc'!A0", Fields: map[string]string{"account": "root", "address": "192.0.2.1"},
		Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Inode: 12, Path: "/root/.bash_history", Offset: 77, Length: 9, Line: 3}}
	s := &timeline.Stamp{What: "ran", When: time.Unix(1700000000, 0), Note: "a note"}
	table = AppendTimesketchRecordCSV(table, s, r)
	all, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != rows+2 || bytes.Count(table, []byte("\n")) != rows+2 {
		t.Fatalf("%d rows and %d lines, want %d", len(all), bytes.Count(table, []byte("\n")), rows+2)
	}
	want := []string{"'=cmd|' /C calc'!A0", "2023-11-14T22:13:20.000000000+00:00", "1700000000000000", "Command Execution Time", "bash:history:entry", "",
		"/root/.bash_history", "", "12", "", "", "", "", "", "", "root", "192.0.2.1", "disk.dd", "gpt:1", "77", "9", "3", "a note"}
	if got := all[len(all)-1]; !slices.Equal(got, want) {
		t.Errorf("record:\n got %q\nwant %q", got, want)
	}
	head := all[0]
	one := all[1]
	for i, name := range head {
		if name == "inode" && one[i] != "10" || name == "path" && one[i] != "/plain" || name == "mode" && one[i] != "4755" || name == "offset" && one[i] != "" {
			t.Errorf("%s = %q", name, one[i])
		}
	}
}

func BenchmarkRows(b *testing.B) {
	f := sample()
	f.Path = "/usr/share/doc/some-package/examples/file.txt"
	w := Moment{1700000000, 5, Modified | Changed}
	buf := make([]byte, 0, 4096)
	r := &timeline.Record{Kind: timeline.KindFile, File: f, Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Offset: 4096, Length: 256}}
	for _, c := range []struct {
		name string
		row  func()
	}{
		{"body", func() { buf = AppendBody(buf[:0], f, false) }},
		{"mactime", func() { buf = AppendMactimeCSV(buf[:0], 1700000000, w.MACB, f) }},
		{"timesketch", func() { buf = AppendTimesketchFile(buf[:0], w, f, &r.Evidence) }},
		{"timesketch-csv", func() { buf = AppendTimesketchFileCSV(buf[:0], w, f, &r.Evidence) }},
		{"text", func() { buf = AppendRow(buf[:0], w, f, time.UTC) }},
		{"record", func() { buf = AppendRecord(buf[:0], r) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.row()
			}
		})
	}
}

func TestRowsForPeople(t *testing.T) {
	zone := time.FixedZone("\x1b[31m", 7200)
	f := sample()
	f.Path = "/a\x1b[31m\u202eb"
	f.Type, f.Mode, f.Target = filesystem.Symlink, 0o120777, "/t\n"
	r := &timeline.Record{Kind: timeline.KindFile, File: f}
	s := &timeline.Stamp{What: "born", When: time.Unix(1700000000, 5)}
	want := `2023-11-15 00:13:20.000000005+02:00 ...b. lrwxrwxrwx     1     2      12345     4711 /a\x1b[31m\u202eb -> /t\n` + "\n"
	if got := string(AppendRecordRow(nil, s, r, zone)); got != want {
		t.Errorf("\n got %s want %s", got, want)
	}
	r = &timeline.Record{Kind: timeline.KindCommand, Summary: "id\x07", Evidence: timeline.Evidence{Path: "/root/.bash_history", Line: 7}}
	s = &timeline.Stamp{What: "ran", When: time.Unix(0, 0), Note: "no year"}
	want = `1970-01-01 00:00:00.000000000+00:00 command ran: id\x07  [/root/.bash_history:7]  (no year)` + "\n"
	if got := string(AppendRecordRow(nil, s, r, nil)); got != want {
		t.Errorf("\n got %s want %s", got, want)
	}
}
