package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stringHit is a line of "deadbox strings --format jsonl".
type stringHit struct {
	Offset   int64  `json:"offset"`
	Owner    string `json:"owner"`
	Name     string `json:"name"`
	Path     string `json:"path"`
	InFile   int64  `json:"in_file"`
	Encoding string `json:"encoding"`
	Length   int64  `json:"length"`
	String   string `json:"string"`
	Cut      bool   `json:"cut"`
	Matches  []struct {
		Pattern  string `json:"pattern"`
		InString int64  `json:"in_string"`
		InFile   int64  `json:"in_file"`
		Offset   int64  `json:"offset"`
		Text     string `json:"text"`
	} `json:"matches"`
}

func runDeadbox(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, strings.NewReader(""), &stdout, &stderr); code != exitDone {
		t.Fatalf("deadbox %q: exit code %d\n%s", args, code, stderr.String())
	}
	return stdout.String()
}

func stringHits(t *testing.T, args ...string) (out []stringHit) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(runDeadbox(t, append([]string{"strings", "--format", "jsonl"}, args...)...)))
	for dec.More() {
		var h stringHit
		if err := dec.Decode(&h); err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}

func wide(s string, big bool) []byte {
	var b []byte
	for _, c := range []byte(s) {
		if big {
			b = append(b, 0, c)
		} else {
			b = append(b, c, 0)
		}
	}
	return b
}

// makeStringsDisk makes a disk with one partition, and puts strings where no
// file system would: into the gap before it, and into the slack of a file.
func makeStringsDisk(t *testing.T) (disk string, data []byte) {
	t.Helper()
	needTools(t, "mke2fs", "debugfs")
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(tree, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	wideText := append(append([]byte{1, 2, 3}, wide("WIDE-LITTLE", false)...), append([]byte{0xff, 0xff}, wide("WIDE-BIG", true)...)...)
	for name, content := range map[string]string{
		"etc/note":   "marker: the quick NOTE \"q\" \\ \t tab\n",
		"etc/wide":   string(wideText),
		"etc/umlaut": "vorher Grüße-пример nachher\n",
		"gone":       strings.Repeat("GONE-CONTENT marker\n", 10),
		"long":       strings.Repeat("x", 3<<20) + "MARKER-IN-LONG" + strings.Repeat("y", 5<<20),
		"hostile":    "esc \xe2\x80\xae marker \x1b[31m end",
	} {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	part := filepath.Join(dir, "part")
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "STRINGS", "-d", tree, part, "32M")
	tool(t, "debugfs", "-w", "-R", "rm /gone", part)
	fields := strings.Fields(tool(t, "debugfs", "-R", "blocks /etc/note", part))
	var block int64
	if _, err := fmt.Sscan(fields[len(fields)-1], &block); err != nil {
		t.Fatal(err)
	}
	fs, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	copy(fs[block*4096+1000:], "SLACK marker")
	data = append(make([]byte, 1<<20), fs...)
	copy(data[5000:], "GAP marker")
	entry := data[446:]
	entry[4] = 0x83
	binary.LittleEndian.PutUint32(entry[8:], 2048)
	binary.LittleEndian.PutUint32(entry[12:], uint32(len(fs)/512))
	data[510], data[511] = 0x55, 0xaa
	disk = filepath.Join(dir, "disk.dd")
	if err := os.WriteFile(disk, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return disk, data
}

func TestStringsOwners(t *testing.T) {
	disk, data := makeStringsDisk(t)
	got := map[string]stringHit{}
	for _, h := range stringHits(t, "--grep", "(?i)marker", "--encoding", "utf-8", disk) {
		if h.Path == "/long" {
			got["long"] = h
			continue
		}
		got[h.String] = h
		for _, m := range h.Matches {
			if at := m.Offset; string(data[at:at+int64(len(m.Text))]) != m.Text {
				t.Errorf("at byte %d there is no %q", at, m.Text)
			}
		}
		if !bytes.HasPrefix(data[h.Offset:], []byte(h.String)) {
			t.Errorf("at byte %d there is no %q", h.Offset, h.String)
		}
	}
	for text, want := range map[string]struct {
		owner, path string
		inFile      int64
	}{
		"GAP marker":                             {"gap", "", 0},
		"marker: the quick NOTE \"q\" \\ \t tab": {"file", "/etc/note", 0},
		"SLACK marker":                           {"slack", "/etc/note", 1000},
		"GONE-CONTENT marker":                    {"unallocated", "", 0},
		"esc \u202e marker ":                     {"file", "/hostile", 0},
	} {
		h, ok := got[text]
		if !ok {
			t.Errorf("%q is not found", text)
			continue
		}
		if h.Owner != want.owner || h.Path != want.path || h.InFile != want.inFile {
			t.Errorf("%q: owner %q %q, byte %d; want %+v", text, h.Owner, h.Path, h.InFile, want)
		}
	}
	if h := got["long"]; len(h.Matches) != 1 || h.Matches[0].InFile != 3<<20 || !h.Cut {
		t.Errorf("in a line of 8 MiB: %d matches", len(h.Matches))
	}
	if h := stringHits(t, "-F", "STRINGS", disk); len(h) == 0 || h[0].Owner != "structure" || h[0].Name != "superblock" {
		t.Errorf("the label: %+v", h)
	}
	for _, c := range []struct {
		args []string
		want string // owners of what is found
	}{
		{[]string{"--unallocated", "-F", "marker", disk}, "unallocated unallocated unallocated unallocated unallocated unallocated unallocated unallocated unallocated unallocated"},
		{[]string{"--slack", "-F", "marker", disk}, "slack"},
		{[]string{"--slack", "-F", "marker", disk, "/etc/note"}, "slack"},
		{[]string{"-F", "marker", disk, "/etc/note"}, "file"},
		{[]string{"-F", "WIDE-LITTLE", "--encoding", "utf-16le", disk}, "file"},
		{[]string{"-F", "WIDE-BIG", disk, "/etc/wide"}, "file"},
		{[]string{"-F", "Grüße-пример", disk}, "file"},
		{[]string{"-i", "-F", "quick note", disk}, "file"},
		{[]string{"-F", "GAP marker", "--volume", "mbr:1", disk}, ""},
		{[]string{"--raw", "--fixed", "SLACK", disk}, "slack"},
		{[]string{"--raw", "--fixed", "GAP m", disk}, "gap"},
	} {
		var owners []string
		for _, h := range stringHits(t, c.args...) {
			owners = append(owners, h.Owner)
		}
		if got := strings.Join(owners, " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
	if out := runDeadbox(t, "strings", "-F", "SLACK", disk); !strings.Contains(out, "\t/etc/note (slack)+1000\tutf-8\tSLACK marker\n") {
		t.Errorf("text: %q", out)
	}
	if out := runDeadbox(t, "strings", "--encoding", "utf-8", disk, "/hostile"); strings.ContainsAny(out, "\x1b\u202e") || !strings.Contains(out, `esc \u202e marker`) {
		t.Errorf("hostile text: %q", out)
	}
	iocs := filepath.Join(t.TempDir(), "iocs")
	if err := os.WriteFile(iocs, []byte("# a list\n\nSLACK mark  # here\r\nnowhere.example.org\nGAP m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h := stringHits(t, "--iocs", iocs, disk); len(h) != 2 || h[0].Matches[0].Pattern != "GAP m" || h[1].Matches[0].Pattern != "SLACK mark" {
		t.Errorf("a list of indicators: %+v", h)
	}
}

// TestStringsLong looks that of strings longer than what is read at a time
// nothing is missing and nothing comes twice.
func TestStringsLong(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var data []byte
	for len(data) < 12<<20 {
		for range 1 + rnd.IntN(3<<20) {
			data = append(data, byte('a'+rnd.IntN(26)))
		}
		if rnd.IntN(2) == 0 {
			data = append(data, wide(strings.Repeat("wide", rnd.IntN(1<<18)), rnd.IntN(2) == 0)...)
		}
		data = append(data, 0xff)
		data = append(data, strings.Repeat("é", rnd.IntN(1<<19))...)
		data = append(data, 0)
	}
	disk := filepath.Join(t.TempDir(), "disk.dd")
	if err := os.WriteFile(disk, data, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, len(data))
	for _, h := range stringHits(t, "--raw", "--encoding", "utf-8", disk) {
		if string(data[h.Offset:h.Offset+h.Length]) != h.String {
			t.Fatalf("at byte %d stands another string", h.Offset)
		}
		for i := range h.Length {
			seen[h.Offset+i]++
		}
	}
	for i, c := range data {
		switch {
		case seen[i] > 1:
			t.Fatalf("byte %d comes twice", i)
		case seen[i] == 0 && c >= 'a' && c <= 'z' && i > 0 && data[i-1] != 0 && i+1 < len(data) && data[i+1] != 0 && data[i-1] != 0xff && data[i+1] != 0xff && data[i-1] < 0x80 && data[i+1] < 0x80:
			t.Fatalf("byte %d (%q) is missing", i, data[max(i-3, 0):i+4])
		}
	}
	// A pattern lies over each border of what one goroutine reads.
	for _, at := range []int{1 << 20, 2 << 20, 5 << 20} {
		copy(data[at-600:], strings.Repeat("q", 1200))
		copy(data[at-7:], "OVER-THE-BORDER")
	}
	if err := os.WriteFile(disk, data, 0o600); err != nil {
		t.Fatal(err)
	}
	hits := stringHits(t, "--raw", "-F", "OVER-THE-BORDER", disk)
	n := 0
	for _, h := range hits {
		for _, m := range h.Matches {
			if n++; (m.Offset+7)%(1<<20) != 0 {
				t.Errorf("found at byte %d", m.Offset)
			}
		}
	}
	if n != 3 {
		t.Errorf("found %d times, want 3", n)
	}
}

// TestStringsAsTools compares with the tools whose shape is written.
func TestStringsAsTools(t *testing.T) {
	needTools(t, "srch_strings", "strings")
	disk, _ := makeStringsDisk(t)
	content := filepath.Join(t.TempDir(), "content")
	for _, c := range []struct {
		args  []string
		of    string
		flags []string
	}{
		{[]string{"--raw", disk}, disk, nil},
		{[]string{"--raw", "-n", "9", disk}, disk, []string{"-n", "9"}},
		{[]string{disk, "/etc/umlaut"}, content, nil},
	} {
		if c.of == content {
			if err := os.WriteFile(content, []byte(runDeadbox(t, "cat", disk, "/etc/umlaut")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("srch_strings", append(append([]string{"-a", "-t", "d"}, c.flags...), c.of)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got := runDeadbox(t, append([]string{"strings", "--format", "srch_strings"}, c.args...)...)
		if got != string(want) {
			t.Errorf("%q: %d bytes, srch_strings writes %d", c.args, len(got), len(want))
		}
	}
	for encoding, flag := range map[string]string{"ascii": "s", "utf-16le": "l", "utf-16be": "b"} {
		cmd := exec.Command("strings", "-a", "-t", "d", "-e", flag, disk)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got := runDeadbox(t, "strings", "--format", "srch_strings", "--raw", "--encoding", encoding, disk)
		var narrow strings.Builder // GNU strings writes the offset in seven places
		for line := range strings.Lines(got) {
			at, rest, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
			fmt.Fprintf(&narrow, "%7s %s", at, rest)
		}
		if narrow.String() != string(want) {
			t.Errorf("%s: %d bytes, GNU strings writes %d", encoding, narrow.Len(), len(want))
		}
	}
}

func TestStringsUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--all", "--raw", "x"}, {"--raw", "x", "/etc"}, {"--unallocated", "--slack", "x"}, {"-n", "0", "x"}, {"--grep", "(", "x"},
		{"--grep", "a*", "x"}, {"-F", "", "x"}, {"--encoding", "latin-9", "x"}, {"--raw", "--volume", "1", "x"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(append([]string{"strings"}, args...), strings.NewReader(""), &stdout, &stderr); code != exitUsage {
			t.Errorf("deadbox strings %q: exit code %d: %s", args, code, stderr.String())
		}
	}
}
