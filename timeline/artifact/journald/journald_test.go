package journald

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/internal/unpack"
	"deadbox/timeline"
)

const shared = "../../../../shared/data/logs"

func source(b []byte) *timeline.Source {
	return &timeline.Source{Path: "/var/log/journal/x/system.journal", Data: bytes.NewReader(b), Size: int64(len(b)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Offset: off, Length: n, Line: line}
		}}
}

// all runs the extractor.
func all(b []byte) (list []timeline.Record, errs []error) {
	for r, err := range Extractor.Run(context.Background(), source(b)) {
		if err != nil {
			errs = append(errs, err)
		} else {
			list = append(list, r)
		}
	}
	return list, errs
}

// whole reads entries with all of their fields, as lines of "__REALTIME", "_BOOT_ID" and the payloads, sorted.
func whole(t testing.TB, b []byte) (list [][]string, errs []error) {
	t.Helper()
	j, errs := open(context.Background(), source(b))
	if j == nil {
		return nil, errs
	}
	ids := map[string]int{}
	var names []string
	number := func(name []byte) int {
		id, ok := ids[string(name)]
		if !ok {
			id = len(names)
			ids[string(name)] = id
			names = append(names, string(name))
		}
		return id
	}
	for e, err := range j.entries() {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lines := []string{fmt.Sprintf("__REALTIME_TIMESTAMP=%d", e.realtime), "_BOOT_ID=" + e.bootID()}
		for _, item := range e.items {
			id, value, _, _, err := j.payload(item, number)
			if err != nil {
				errs = append(errs, err)
			}
			if id >= 0 {
				lines = append(lines, names[id]+"="+value)
			}
		}
		slices.Sort(lines)
		list = append(list, slices.Compact(lines))
	}
	return list, errs
}

// journalctl reads a file by systemd's own reader
// (https://systemd.io/JOURNAL_EXPORT_FORMATS/).
func journalctl(t testing.TB, file string) [][]string {
	t.Helper()
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip("journalctl is not installed")
	}
	out, err := exec.Command("journalctl", "--file", file, "-a", "-q", "-o", "export").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	var lines []string
	for r := bufio.NewReader(bytes.NewReader(out)); ; {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		name, _, text := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case line == "\n":
			slices.Sort(lines)
			list = append(list, slices.Compact(lines))
			lines = nil
			continue
		case text && (name == "__CURSOR" || name == "__MONOTONIC_TIMESTAMP" || strings.HasPrefix(name, "__SEQNUM")):
			continue
		case text:
			lines = append(lines, strings.TrimSuffix(line, "\n"))
			continue
		}
		var n uint64
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			t.Fatal(err)
		}
		value := make([]byte, n+1)
		if _, err := io.ReadFull(r, value); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, name+"="+string(value[:n]))
	}
	return list
}

// unpacked gives the shared journals by name.
func unpacked(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(shared, "journal/*.zst"))
	if len(files) == 0 {
		t.Skip("the shared journals are not here")
	}
	list := map[string][]byte{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := unpack.NewReader("zstd", f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list["systemd_"+strings.TrimSuffix(filepath.Base(name), ".zst")] = b
	}
	b, err := os.ReadFile(filepath.Join(shared, "plaso/test_data/systemd/journal/system.journal"))
	if err != nil {
		t.Fatal(err)
	}
	list["system.journal"] = b
	return list
}

// same compares entries with all fields.
func same(t *testing.T, got, want [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
	wrong := 0
	for i := range min(len(got), len(want)) {
		if !slices.Equal(got[i], want[i]) {
			if wrong++; wrong < 3 {
				t.Errorf("entry %d:\n%.2000q\nwant\n%.2000q", i, got[i], want[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d entries differ", wrong)
	}
}

// TestShared compares every entry and field of others' journals, some of them
// unclean, with what journalctl reads.
func TestShared(t *testing.T) {
	counts, err := os.ReadFile(filepath.Join(shared, "journal/JOURNALCTL252.tsv"))
	if err != nil {
		t.Skip("the shared journals are not here")
	}
	files := unpacked(t)
	checked := 0
	for _, line := range strings.Split(strings.TrimSpace(string(counts)), "\n")[1:] {
		col := strings.Split(line, "\t")
		b, ok := files[col[0]]
		if !ok {
			t.Errorf("no file %s", col[0])
			continue
		}
		t.Run(col[0], func(t *testing.T) {
			records, errs := all(b)
			if fmt.Sprint(len(records)) != col[3] {
				t.Errorf("%d entries, want %s", len(records), col[3])
			}
			if col[2] == "PASS" && len(errs) > 0 || col[2] == "FAIL" && len(errs) == 0 {
				t.Errorf("journalctl --verify says %s; damage: %v", col[2], errs)
			}
			for _, r := range records {
				ev := string(b[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length])
				if ev != "MESSAGE="+r.Fields["message"] && ev[0] != typeEntry {
					t.Fatalf("the evidence of %q is %q", r.Summary, ev)
				}
				if r.Fields["unindexed"] != "" || len(r.Stamps) != 1 || r.Fields["boot"] == "" {
					t.Fatalf("%+v", r)
				}
			}
			name := filepath.Join(t.TempDir(), "x.journal")
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			got, _ := whole(t, b)
			same(t, got, journalctl(t, name))
		})
		checked++
	}
	if checked != 8 {
		t.Errorf("%d files", checked)
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
		if !strings.HasPrefix(tt.Test, "systemd_journal.py") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(shared, "plaso", tt.File))
		if err != nil {
			t.Fatal(err)
		}
		records, errs := all(b)
		if len(records) != tt.Events || len(errs) != tt.Expected[0].Index {
			t.Errorf("%d events, want %d; %v", len(records), tt.Events, errs)
		}
		for _, e := range tt.Expected {
			r := records[e.Index]
			for key, field := range map[string]string{"body": "message", "hostname": "host", "pid": "pid", "reporter": "program"} {
				want := fmt.Sprint(e.Values[key])
				if want == "<expr> 'a' * 692" {
					want = strings.Repeat("a", 692)
				}
				if r.Fields[field] != want {
					t.Errorf("entry %d, %s: %q, want %q", e.Index, field, r.Fields[field], want)
				}
				compared++
			}
			want, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e.Values["written_time"]))
			if err != nil || !r.Stamps[0].When.Equal(want) {
				t.Errorf("entry %d: %v, want %v, %v", e.Index, r.Stamps[0].When, want, err)
			}
		}
	}
	if compared < 8 {
		t.Errorf("%d values compared", compared)
	}
}

const remote = "/lib/systemd/systemd-journal-remote"

// made writes a journal by systemd's own writer from entries in its export format.
func made(t testing.TB, entries string, env ...string) (name string, b []byte) {
	t.Helper()
	if _, err := os.Stat(remote); err != nil {
		t.Skip("systemd-journal-remote is not installed")
	}
	name = filepath.Join(t.TempDir(), "made.journal")
	cmd := exec.Command(remote, "-o", name, "-")
	cmd.Stdin = strings.NewReader(entries)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, b
}

// export makes n entries in the export format: repeated and new values, binary
// ones, fields that come twice, large ones that compress well and badly.
func export(n int) string {
	var b strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n", 1700000000000000+uint64(i)*1000, 1000+i*1000)
		fmt.Fprintf(&b, "_HOSTNAME=host\n_TRANSPORT=syslog\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=sshd\n_PID=%d\n_UID=0\n_SYSTEMD_UNIT=ssh.service\n", i%8, i%12, 1000+i/4)
		fmt.Fprintf(&b, "_EXE=/usr/sbin/sshd\n_CMDLINE=sshd: root [priv]\n_SOURCE_REALTIME_TIMESTAMP=%d\n", 1700000000000000+uint64(i)*1000-5)
		fmt.Fprintf(&b, "MESSAGE=Failed password for root from 192.0.2.%d port %d ssh2\n", i%200, 1024+i*7%60000)
		if i%10 == 3 {
			b.WriteString("TWICE=one\nTWICE=two\n")
		}
		if i%10 == 7 {
			value := strings.Repeat("a line of text\n", i%300)
			b.WriteString("BINARY\n")
			binary.Write(&b, binary.LittleEndian, uint64(len(value)))
			b.WriteString(value + "\n")
		}
		if i%50 == 9 {
			value := make([]byte, 3000)
			for i := range value {
				value[i] = byte(r.Uint32())
			}
			b.WriteString("NOISE\n")
			binary.Write(&b, binary.LittleEndian, uint64(len(value)))
			b.Write(value)
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestMade compares all layouts that systemd writes with journalctl.
func TestMade(t *testing.T) {
	entries := export(2000)
	flags := map[uint32]bool{}
	for _, compact := range []string{"0", "1"} {
		for _, keyed := range []string{"0", "1"} {
			for _, compress := range []string{"0", "ZSTD", "LZ4", "XZ"} {
				t.Run("compact="+compact+",keyed="+keyed+",compress="+compress, func(t *testing.T) {
					name, b := made(t, entries, "SYSTEMD_JOURNAL_COMPACT="+compact, "SYSTEMD_JOURNAL_KEYED_HASH="+keyed, "SYSTEMD_JOURNAL_COMPRESS="+compress)
					flags[rawHeader(b).incompatible()] = true
					got, errs := whole(t, b)
					if len(errs) > 0 || len(got) != 2000 {
						t.Errorf("%d entries, %v", len(got), errs)
					}
					same(t, got, journalctl(t, name))
				})
			}
		}
	}
	if len(flags) < 4 {
		t.Errorf("only the flags %v were made", flags)
	}
	if testing.Verbose() {
		t.Logf("flags of the files: %v", flags)
	}
}

func TestHashes(t *testing.T) {
	// The vector of the SipHash paper, appendix A.
	var p []byte
	for i := range byte(15) {
		p = append(p, i)
	}
	if got := siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, p); got != 0xa129ca6149be45e5 {
		t.Errorf("SipHash-2-4: %#x", got)
	}
	// The vectors of lookup3.c's driver5.
	for text, want := range map[string]uint64{"": 0xdeadbeefdeadbeef, "Four score and seven years ago": 0x17770551ce7226e6} {
		if got := lookup3([]byte(text)); got != want {
			t.Errorf("lookup3 of %q: %#x, want %#x", text, got, want)
		}
	}
}

func TestForeign(t *testing.T) {
	for _, text := range []string{"", "x", "LPKSHHRH", strings.Repeat("a line of text\n", 1000)} {
		records, errs := all([]byte(text))
		if len(records) != 0 || len(errs) != 1 || !errors.Is(errs[0], errNone) {
			t.Errorf("%.20q: %d records, %v", text, len(records), errs)
		}
	}
}

// BenchmarkJournal reads journals of more than 50 MB, made by systemd's own
// writer; -v says how long journalctl takes for the same.
func BenchmarkJournal(b *testing.B) {
	name, _ := made(b, export(240000))
	names, err := filepath.Glob(filepath.Join(filepath.Dir(name), "*")) // the writer begins a new file now and then
	if err != nil {
		b.Fatal(err)
	}
	var files [][]byte
	var args []string
	size := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, data)
		args = append(args, "--file", name)
		size += len(data)
	}
	if _, err := exec.LookPath("journalctl"); err == nil && testing.Verbose() {
		start := time.Now()
		if err := exec.Command("journalctl", append(args, "-o", "json", "-q")...).Run(); err != nil {
			b.Fatal(err)
		}
		b.Logf("journalctl -o json: %v for %d bytes", time.Since(start), size)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, data := range files {
			for _, err := range Extractor.Run(context.Background(), source(data)) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		if n != 240000 {
			b.Fatalf("%d entries", n)
		}
	}
}
