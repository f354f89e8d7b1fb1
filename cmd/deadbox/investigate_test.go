package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"deadbox/fs/host"
	"deadbox/rules"
	"deadbox/timeline"
)

const demoDir = "../../testdata/demo"

// demoDisk writes a demo disk to dir, read-only, and returns its path.
func demoDisk(t *testing.T, dir, name string) string {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join(demoDir, name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o444); err != nil {
		t.Fatal(err)
	}
	return path
}

// investigate runs the command and returns its exit code and what it said.
func investigate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(append([]string{"investigate"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// wantCode fails the test at once if a run ended in another way.
func wantCode(t *testing.T, want, got int, stderr string) {
	t.Helper()
	if got != want {
		t.Fatalf("exit code %d, want %d\n%s", got, want, stderr)
	}
}

type jsonEvidence struct {
	Image, Volume, Path, Packed string
	Inode                       uint64
	Offset                      *int64
	Length                      int64
	Line                        int
}

type jsonFinding struct {
	ID, Rule, Title, Severity, Summary, Account, Address string
	Time, Last                                           *string
	Paths                                                []string
	PathCount                                            int `json:"path_count"`
	Count                                                int
	Evidence                                             []jsonEvidence
}

func (f *jsonFinding) severity(t *testing.T) rules.Severity {
	t.Helper()
	s, err := rules.ParseSeverity(f.Severity)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// names reports whether a finding names a path, or a line of it.
func (f *jsonFinding) names(path string, line int) bool {
	if line == 0 && slices.Contains(f.Paths, path) {
		return true
	}
	return slices.ContainsFunc(f.Evidence, func(e jsonEvidence) bool { return e.Path == path && (line == 0 || e.Line == line) })
}

// jsonLines decodes a file of JSON lines.
func jsonLines[T any](t *testing.T, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v in %s", path, err, s.Bytes())
		}
		out = append(out, v)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

type jsonSum struct {
	Path, Name, SHA256 string
	Size               int64
	Segments           []jsonSum
	Lost               []struct{ Offset, Length int64 }
}

type jsonCase struct {
	CommandLine        []string `json:"command_line"`
	Evidence, Baseline []jsonSum
	Outputs            []jsonSum
	Counts             struct {
		Findings                                map[string]int
		Files, Inodes, Records, Events, Changes int
		Damage                                  int
		BaselineDamage                          int            `json:"baseline_damage"`
		ExplainedChanges                        int            `json:"explained_changes"`
		Kinds                                   map[string]int `json:"records_by_kind"`
	}
	Damage         []jsonDamage
	BaselineDamage []jsonDamage `json:"baseline_damage"`
	Notes          []string
	First          string `json:"first_activity"`
	Last           string `json:"last_activity"`
}

type jsonDamage struct {
	Image, Volume, Path, What string
	Inode                     uint64
	Offset                    *int64
}

func readCase(t *testing.T, dir string) jsonCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c jsonCase
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// expected is what was planted on the demo disk, and what only looks like it.
type expected struct {
	Traces   []trace
	Ordinary []struct {
		Path, Why string
		Line      int
	}
}

type trace struct {
	ID, What, Path, Rule, Text string
	Line                       int
}

// notLedTo are the traces that no finding names by path and line, each with
// the reason why that is right, or what is missing.
var notLedTo = map[string]string{
	"cron-ran":     "one of some 700 runs; the finding of the job names the file, and as evidence the job and its first runs",
	"loot-removed": "rm alone is ordinary; two lines after the finding of what was sent",
}

// notInnocent are ordinary things that a finding of severity medium or more
// may name all the same.
var notInnocent = map[string]string{}

// TestInvestigateDemo investigates the demo disk in several ways.
func TestInvestigateDemo(t *testing.T) {
	dir := t.TempDir()
	image, base := demoDisk(t, dir, "compromised.img"), demoDisk(t, dir, "baseline.img")
	t.Cleanup(func() { runtime.GOMAXPROCS(runtime.NumCPU()) })

	one, eight := filepath.Join(dir, "one"), filepath.Join(dir, "eight")
	code, screen, stderr := investigate(t, image, "--baseline", base, "-o", one, "--jobs", "1")
	wantCode(t, exitFindings, code, stderr)
	code, screen8, stderr := investigate(t, image, "--baseline", base, "-o", eight, "--jobs", "8")
	wantCode(t, exitFindings, code, stderr)
	findings := jsonLines[jsonFinding](t, filepath.Join(one, "findings.jsonl"))

	t.Run("traces", func(t *testing.T) { checkTraces(t, findings) })
	t.Run("evidence", func(t *testing.T) { checkEvidence(t, image, findings) })
	t.Run("sums", func(t *testing.T) {
		checkSums(t, one)
		c := readCase(t, one)
		if len(c.Evidence) != 1 || c.Evidence[0].SHA256 != sumOf(t, image) || len(c.Baseline) != 1 || c.Baseline[0].SHA256 != sumOf(t, base) {
			t.Errorf("sums of the images: %+v, %+v", c.Evidence, c.Baseline)
		}
	})
	t.Run("same bytes", func(t *testing.T) {
		if strings.ReplaceAll(screen8, eight, one) != screen {
			t.Errorf("the screen differs:\n%s\n%s", screen, screen8)
		}
		compareCases(t, one, eight)
	})
	t.Run("moments", func(t *testing.T) { checkMoments(t, one) })
	t.Run("changes", func(t *testing.T) { checkChanges(t, one) })
	t.Run("quotes", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(one, "report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		quoted := 0
		for _, tr := range readExpected(t).Traces { // lines of a log that is packed
			if tr.Rule == "web-exploit-request" && strings.HasSuffix(tr.Path, ".gz") {
				if quoted++; !bytes.Contains(text, []byte("> "+tr.Text+"\n")) {
					t.Errorf("%s: the report does not quote %s", tr.ID, tr.Text)
				}
			}
		}
		if quoted == 0 {
			t.Error("no packed line was looked for")
		}
		for _, want := range []string{"lines that the baseline has not:\n                > sysadm::0:0::/root:/bin/bash\n", "the file begins:\n                > <?php\n", "comparison: / (gpt:2) is an earlier"} {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%q is missing in the report", want)
			}
		}
	})

	t.Run("split", func(t *testing.T) {
		segments := splitFile(t, image, 20<<20)
		out := filepath.Join(t.TempDir(), "case")
		code, _, stderr := investigate(t, segments[0], "--baseline", base, "-o", out)
		wantCode(t, exitFindings, code, stderr)
		e := readCase(t, out).Evidence[0]
		if e.SHA256 != sumOf(t, image) || len(e.Segments) != len(segments) {
			t.Errorf("of the whole: %+v", e)
		}
		for i, s := range e.Segments {
			if s.Path != segments[i] || s.SHA256 != sumOf(t, segments[i]) {
				t.Errorf("segment %d: %+v", i, s)
			}
		}
		checkSums(t, out)
		checkEvidence(t, image, jsonLines[jsonFinding](t, filepath.Join(out, "findings.jsonl")))
	})

	t.Run("without a baseline", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, screen, stderr := investigate(t, image, "-o", out)
		wantCode(t, exitFindings, code, stderr)
		if strings.Contains(screen, "Changes") {
			t.Errorf("changes without a baseline:\n%s", screen)
		}
		if _, err := os.Stat(filepath.Join(out, "changes.jsonl")); err == nil {
			t.Error("changes.jsonl without a baseline")
		}
		alone := jsonLines[jsonFinding](t, filepath.Join(out, "findings.jsonl"))
		checkInnocent(t, alone)
		checkEvidence(t, image, alone)
		// What needs no comparison is found without one.
		want := readExpected(t)
		for _, id := range []string{"injection-id", "hidden-directory", "bot", "second-root", "empty-password", "cron-job", "setuid-shell", "root-history", "weak-account"} {
			i := slices.IndexFunc(want.Traces, func(tr trace) bool { return tr.ID == id })
			if i < 0 {
				t.Fatalf("there is no trace %q any more", id)
			}
			tr := want.Traces[i]
			if !slices.ContainsFunc(alone, func(f jsonFinding) bool { return f.Rule == tr.Rule && f.names(tr.Path, tr.Line) }) {
				t.Errorf("%s: no finding of %s names %s:%d", id, tr.Rule, tr.Path, tr.Line)
			}
		}
	})

	t.Run("with itself", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, _, stderr := investigate(t, image, "--baseline", image, "-o", out, "--fail-level", "none", "--no-hash")
		wantCode(t, exitDone, code, stderr)
		c := readCase(t, out)
		if c.Counts.Changes != 0 || c.Evidence[0].SHA256 != "" {
			t.Errorf("%d changes, sum %q", c.Counts.Changes, c.Evidence[0].SHA256)
		}
	})
}

func readExpected(t *testing.T) expected {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(demoDir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want expected
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Traces) == 0 || len(want.Ordinary) == 0 {
		t.Fatal("expected.json names nothing")
	}
	return want
}

func checkTraces(t *testing.T, findings []jsonFinding) {
	for _, tr := range readExpected(t).Traces {
		led := slices.ContainsFunc(findings, func(f jsonFinding) bool {
			return (tr.Rule == "" || f.Rule == tr.Rule) && f.names(tr.Path, tr.Line)
		})
		reason, missed := notLedTo[tr.ID]
		switch {
		case !led && !missed:
			t.Errorf("%s: no finding leads to %s line %d: %s", tr.ID, tr.Path, tr.Line, tr.What)
		case led && missed:
			t.Errorf("%s is led to, and yet the table says: %s", tr.ID, reason)
		}
	}
	checkInnocent(t, findings)
}

func checkInnocent(t *testing.T, findings []jsonFinding) {
	t.Helper()
	for _, o := range readExpected(t).Ordinary {
		if notInnocent[o.Path] != "" {
			continue
		}
		for _, f := range findings {
			if f.severity(t) >= rules.Medium && f.names(o.Path, o.Line) {
				t.Errorf("%s line %d is %s, and yet %s says %q", o.Path, o.Line, o.Why, f.ID, f.Summary)
			}
		}
	}
}

// disk is an image as debugfs sees it.
type disk struct {
	t      *testing.T
	data   []byte
	name   string // of its file system, as debugfs takes it
	offset int64
	block  int64
	files  map[uint64][]byte
	inodes map[uint64]int64
}

func (d *disk) debugfs(request string) []byte {
	d.t.Helper()
	out, err := exec.Command("debugfs", "-R", request, d.name).Output()
	if err != nil {
		d.t.Fatalf("debugfs %s: %v", request, err)
	}
	return out
}

// content is that of an inode.
func (d *disk) content(n uint64) []byte {
	if b, ok := d.files[n]; ok {
		return b
	}
	b := d.debugfs(fmt.Sprintf("cat <%d>", n))
	d.files[n] = b
	return b
}

var imapPlace = regexp.MustCompile(`located at block (\d+), offset 0x([0-9a-f]+)`)

// inode is where an inode lies on the image.
func (d *disk) inode(n uint64) int64 {
	if off, ok := d.inodes[n]; ok {
		return off
	}
	m := imapPlace.FindSubmatch(d.debugfs(fmt.Sprintf("imap <%d>", n)))
	if m == nil {
		d.t.Fatalf("debugfs does not say where inode %d lies", n)
	}
	block, _ := strconv.ParseInt(string(m[1]), 10, 64)
	in, _ := strconv.ParseInt(string(m[2]), 16, 64)
	d.inodes[n] = d.offset + block*d.block + in
	return d.inodes[n]
}

// checkEvidence follows each piece of evidence to the bytes of the image and
// asks debugfs what should be there.
func checkEvidence(t *testing.T, image string, findings []jsonFinding) {
	t.Helper()
	if _, err := exec.LookPath("debugfs"); err != nil {
		t.Skip("debugfs is not installed")
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, data: data, files: map[uint64][]byte{}, inodes: map[uint64]int64{}}
	d.find()
	lines, inodes, packed := 0, 0, 0
	for _, f := range findings {
		if len(f.Evidence) == 0 {
			t.Errorf("%s has no evidence", f.ID)
		}
		for _, e := range f.Evidence {
			where := fmt.Sprintf("%s: %s line %d", f.ID, e.Path, e.Line)
			if e.Offset == nil {
				if e.Path == "" {
					t.Errorf("%s: the evidence has no place at all", where)
				}
				continue
			}
			if *e.Offset < 0 || e.Length <= 0 || *e.Offset+e.Length > int64(len(data)) {
				t.Errorf("%s: %d bytes at %d", where, e.Length, *e.Offset)
				continue
			}
			bytes := data[*e.Offset : *e.Offset+e.Length]
			switch {
			case e.Packed != "":
				packed++
				d.checkPacked(where, e, bytes)
			case e.Line > 0:
				lines++
				d.checkLine(where, e, bytes)
			default:
				inodes++
				if at := d.inode(e.Inode); at != *e.Offset {
					t.Errorf("%s: inode %d is said to lie at %d, debugfs says %d", where, e.Inode, *e.Offset, at)
				}
			}
		}
	}
	if lines == 0 || inodes == 0 || packed == 0 {
		t.Errorf("%d lines, %d inodes, %d packed lines: nothing was checked", lines, inodes, packed)
	}
}

// find looks for the ext4 file system of the demo disk by its superblock.
func (d *disk) find() {
	for at := int64(0); at+2048 <= int64(len(d.data)); at += 1 << 20 {
		sb := d.data[at+1024:]
		if binary.LittleEndian.Uint16(sb[0x38:]) == 0xef53 && binary.LittleEndian.Uint16(sb[0x5a:]) == 0 {
			d.offset, d.block = at, 1024<<binary.LittleEndian.Uint32(sb[0x18:])
			name := filepath.Join(d.t.TempDir(), "volume")
			if err := os.WriteFile(name, d.data[at:], 0o444); err != nil {
				d.t.Fatal(err)
			}
			d.name = name
			return
		}
	}
	d.t.Fatal("no ext4 on the image")
}

// checkLine compares bytes of the image with a line of a file, or with the
// lines around it that belong to it, such as the time before a command of a history.
func (d *disk) checkLine(where string, e jsonEvidence, got []byte) {
	d.t.Helper()
	all := bytes.Split(d.content(e.Inode), []byte("\n"))
	parts := bytes.Split(bytes.TrimSuffix(got, []byte("\n")), []byte("\n"))
	for first := max(e.Line-len(parts), 0); first < e.Line && first+len(parts) <= len(all); first++ {
		if slices.EqualFunc(all[first:first+len(parts)], parts, bytes.Equal) {
			return
		}
	}
	d.t.Errorf("%s: the image has %q there", where, got)
}

// checkPacked unpacks the bytes of the image as the report's command does.
func (d *disk) checkPacked(where string, e jsonEvidence, got []byte) {
	d.t.Helper()
	if want := d.content(e.Inode); !bytes.Equal(want, got) {
		d.t.Errorf("%s: the bytes of the image are not those of the packed file", where)
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(got))
	if err != nil {
		d.t.Errorf("%s: %v", where, err)
		return
	}
	text, err := io.ReadAll(z)
	if err != nil || bytes.Count(text, []byte("\n")) < e.Line {
		d.t.Errorf("%s: %v, %d lines", where, err, bytes.Count(text, []byte("\n")))
	}
}

// checkSums compares case.json with the files that it names.
func checkSums(t *testing.T, dir string) {
	t.Helper()
	named := map[string]bool{"case.json": true}
	for _, o := range readCase(t, dir).Outputs {
		named[o.Name] = true
		path := filepath.Join(dir, o.Name)
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Size() != o.Size || sumOf(t, path) != o.SHA256 {
			t.Errorf("%s: case.json says %d bytes, SHA-256 %s", o.Name, o.Size, o.SHA256)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !named[e.Name()] {
			t.Errorf("case.json does not name %s", e.Name())
		}
	}
	if len(named) < 8 {
		t.Errorf("only %v", named)
	}
}

// variable are the members of case.json that may differ between two runs.
var variable = regexp.MustCompile(`(?m)^  "run": \{[^}]*\},\n|^  "command_line": \[[^\]]*\],\n`)

// compareCases compares two case folders byte by byte.
func compareCases(t *testing.T, a, b string) {
	t.Helper()
	entries, err := os.ReadDir(a)
	if err != nil {
		t.Fatal(err)
	}
	if others, err := os.ReadDir(b); err != nil || len(others) != len(entries) {
		t.Fatalf("%d files and %d: %v", len(entries), len(others), err)
	}
	for _, e := range entries {
		x, err := os.ReadFile(filepath.Join(a, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == "case.json" {
			if n := len(variable.FindAll(x, -1)); n != 2 {
				t.Errorf("case.json has %d members that may differ, want 2", n)
			}
			x, y = variable.ReplaceAll(x, nil), variable.ReplaceAll(y, nil)
		}
		if !bytes.Equal(x, y) {
			i := 0
			for i < min(len(x), len(y)) && x[i] == y[i] {
				i++
			}
			t.Errorf("%s differs from byte %d on:\n%q\n%q", e.Name(), i, x[max(0, i-100):min(len(x), i+100)], y[max(0, i-100):min(len(y), i+100)])
		}
	}
}

// checkMoments compares the timeline with the body file: each time of each
// name of a file stands there once.
func checkMoments(t *testing.T, dir string) {
	type key struct {
		Path string
		Nano string
	}
	want := map[key]int{}
	for _, r := range jsonLines[struct {
		Kind string
		File map[string]any
	}](t, filepath.Join(dir, "records.jsonl")) {
		if r.Kind != "file" {
			continue
		}
		seen := map[string]bool{}
		for _, what := range []string{"modified", "accessed", "changed", "born", "deleted_at"} {
			if s, ok := r.File[what].(string); ok && !seen[s] {
				seen[s] = true
				want[key{r.File["path"].(string), strings.TrimSuffix(s, "Z")}]++
			}
		}
	}
	got := map[key]int{}
	last := ""
	for _, e := range jsonLines[struct {
		Datetime, Path string
		Kind           string `json:"data_type"`
		MACB           string
	}](t, filepath.Join(dir, "timeline.jsonl")) {
		if e.Datetime < last {
			t.Fatalf("%s comes after %s", e.Datetime, last)
		}
		last = e.Datetime
		if e.MACB != "" {
			got[key{e.Path, strings.TrimSuffix(e.Datetime, "+00:00")}]++
		}
	}
	if len(want) == 0 || len(got) != len(want) {
		t.Errorf("%d moments of files, want %d", len(got), len(want))
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s at %s: %d times in the timeline, want %d", k.Path, k.Nano, got[k], n)
			break
		}
	}
}

// checkChanges checks that a directory which differs only because names in it
// came or went says so, is counted apart, and that something explains it.
func checkChanges(t *testing.T, dir string) {
	type change struct {
		What, Path, Explained string
		Differs               []string
	}
	all := jsonLines[change](t, filepath.Join(dir, "changes.jsonl"))
	counts := readCase(t, dir).Counts
	explained := 0
	for _, c := range all {
		if c.Explained == "" {
			continue
		}
		explained++
		if c.Explained != "entries" || c.What != "metadata" {
			t.Errorf("%s: %+v", c.Path, c)
		}
		below := strings.TrimSuffix(c.Path, "/") + "/"
		if !slices.ContainsFunc(all, func(d change) bool {
			rest, ok := strings.CutPrefix(d.Path, below)
			return ok && rest != "" && !strings.Contains(rest, "/")
		}) {
			t.Errorf("%s: nothing in it changed", c.Path)
		}
	}
	if explained == 0 || counts.ExplainedChanges != explained || counts.Changes != len(all) {
		t.Errorf("case.json counts %d changes, %d explained; changes.jsonl has %d and %d", counts.Changes, counts.ExplainedChanges, len(all), explained)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d directories", explained); !strings.Contains(string(report), want) {
		t.Errorf("the report does not speak of %q", want)
	}
	metadata := 0
	for _, c := range all {
		if c.What == "metadata" && c.Explained == "" {
			metadata++
		}
	}
	if want := fmt.Sprintf("content the same: %d\n", metadata); !strings.Contains(string(report), want) {
		t.Errorf("the report does not say %q", want)
	}
}

// splitFile copies a file into segments, in a folder of their own.
func splitFile(t *testing.T, path string, size int) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var out []string
	for part := range slices.Chunk(data, size) {
		name := filepath.Join(dir, fmt.Sprintf("disk.%03d", len(out)+1))
		if err := os.WriteFile(name, part, 0o444); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// needTools skips a test where a program is missing that it needs.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
}

func TestInvestigateCodes(t *testing.T) {
	needTools(t, "mke2fs", "debugfs")
	dir := t.TempDir()
	clean, dirty := filepath.Join(dir, "clean.dd"), filepath.Join(dir, "dirty.dd")
	makeServer(t, clean, false)
	makeServer(t, dirty, true)

	t.Run("untouched", func(t *testing.T) {
		for _, args := range [][]string{{clean}, {clean, "--baseline", clean}} {
			out := filepath.Join(t.TempDir(), "case")
			code, screen, stderr := investigate(t, append(args, "-o", out, "--fail-level", "info")...)
			wantCode(t, exitDone, code, stderr+screen)
			if !strings.Contains(screen, "No findings on web01") {
				t.Errorf("%q: the screen says\n%s", args, screen)
			}
			if f := jsonLines[jsonFinding](t, filepath.Join(out, "findings.jsonl")); len(f) != 0 {
				t.Errorf("%q: %d findings: %+v", args, len(f), f)
			}
			checkSums(t, out)
		}
	})

	t.Run("fail level", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, _, stderr := investigate(t, dirty, "--baseline", clean, "-o", out)
		wantCode(t, exitFindings, code, stderr)
		worst := rules.Info
		for _, f := range jsonLines[jsonFinding](t, filepath.Join(out, "findings.jsonl")) {
			worst = max(worst, f.severity(t))
		}
		for level := rules.Info; level <= rules.Critical; level++ {
			want := exitDone
			if worst >= level {
				want = exitFindings
			}
			code, _, stderr := investigate(t, dirty, "--baseline", clean, "-o", out, "--force", "--no-hash", "--fail-level", level.String())
			if code != want {
				t.Errorf("--fail-level %s, the worst is %s: exit code %d, want %d\n%s", level, worst, code, want, stderr)
			}
		}
		for level, want := range map[string]int{"none": exitDone, "grave": exitUsage} {
			if code, _, stderr := investigate(t, dirty, "--baseline", clean, "-o", out, "--force", "--no-hash", "--fail-level", level); code != want {
				t.Errorf("--fail-level %s: exit code %d, want %d\n%s", level, code, want, stderr)
			}
		}
	})

	t.Run("folder", func(t *testing.T) {
		out := t.TempDir()
		kept := filepath.Join(out, "notes.txt")
		if err := os.WriteFile(kept, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, screen, stderr := investigate(t, clean, "-o", out)
		if code != exitUsage || screen != "" || !strings.Contains(stderr, "not empty") || !strings.Contains(stderr, "--force") {
			t.Errorf("exit code %d, %q, %q", code, screen, stderr)
		}
		if entries, err := os.ReadDir(out); err != nil || len(entries) != 1 {
			t.Errorf("%v in the folder, %v", entries, err)
		}
		code, _, stderr = investigate(t, clean, "-o", out, "--force")
		wantCode(t, exitDone, code, stderr)
		if b, err := os.ReadFile(kept); err != nil || string(b) != "mine" {
			t.Errorf("the file that was there: %q, %v", b, err)
		}
		// An image that has the name of a file of the case is not replaced by it.
		image := filepath.Join(t.TempDir(), "records.jsonl")
		b, err := os.ReadFile(clean)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(image, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := investigate(t, image, "-o", filepath.Dir(image), "--force"); code != exitUsage || sumOf(t, image) != sumOf(t, clean) {
			t.Errorf("over the evidence: exit code %d\n%s", code, stderr)
		}
		if code, _, stderr := investigate(t, clean); code != exitUsage {
			t.Errorf("without -o: exit code %d\n%s", code, stderr)
		}
		if code, _, stderr := investigate(t, filepath.Join(dir, "nothing.dd"), "-o", filepath.Join(dir, "x")); code != exitFailed {
			t.Errorf("without an image: exit code %d\n%s", code, stderr)
		}
	})
}

// spoil writes bytes that mean nothing over the map of a file's blocks.
func spoil(t *testing.T, image, path string) {
	t.Helper()
	for _, field := range []string{"block[0]", "block[1]"} { // the head of the extent tree
		tool(t, "debugfs", "-w", "-R", "sif "+path+" "+field+" 0x5a5a5a5a", image)
	}
}

func TestInvestigateDamage(t *testing.T) {
	needTools(t, "mke2fs", "debugfs")
	dir := t.TempDir()
	clean, damaged, both := filepath.Join(dir, "clean.dd"), filepath.Join(dir, "damaged.dd"), filepath.Join(dir, "both.dd")
	makeServer(t, clean, false)
	makeServer(t, damaged, false)
	makeServer(t, both, true)
	const bad = "/var/log/syslog"
	spoil(t, damaged, bad)
	spoil(t, both, bad)

	t.Run("alone", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, screen, stderr := investigate(t, damaged, "-o", out)
		wantCode(t, exitPartial, code, stderr)
		c := readCase(t, out)
		if !slices.ContainsFunc(c.Damage, func(d jsonDamage) bool {
			return d.Image == damaged && d.Path == bad && d.Volume != "" && d.Inode != 0 && d.Offset != nil
		}) {
			t.Errorf("the damage does not name %s and its place: %+v", bad, c.Damage)
		}
		if c.Counts.Damage != len(c.Damage) || len(c.BaselineDamage) != 0 {
			t.Errorf("%d places counted, %d listed, %d of the baseline", c.Counts.Damage, len(c.Damage), len(c.BaselineDamage))
		}
		seen := map[string]bool{}
		for _, d := range c.Damage {
			key := fmt.Sprint(d.Volume, d.Inode, d.What)
			if seen[key] {
				t.Errorf("twice: %+v", d)
			}
			seen[key] = true
		}
		if !strings.Contains(screen, "could not be read") || !strings.Contains(stderr, bad) {
			t.Errorf("screen %q, standard error %q", screen, stderr)
		}
	})
	t.Run("with findings", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, _, stderr := investigate(t, both, "--baseline", clean, "-o", out)
		wantCode(t, exitFindings, code, stderr)
		if c := readCase(t, out); len(c.Damage) == 0 || len(c.BaselineDamage) != 0 {
			t.Errorf("damage %+v, of the baseline %+v", c.Damage, c.BaselineDamage)
		}
	})
	t.Run("of the baseline", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "case")
		code, screen, stderr := investigate(t, clean, "--baseline", damaged, "-o", out)
		wantCode(t, exitPartial, code, stderr)
		c := readCase(t, out)
		if len(c.Damage) != 0 || c.Counts.Damage != 0 {
			t.Errorf("the evidence has no damage, and yet: %+v", c.Damage)
		}
		if c.Counts.BaselineDamage == 0 || !slices.ContainsFunc(c.BaselineDamage, func(d jsonDamage) bool { return d.Image == damaged && d.Inode != 0 }) {
			t.Errorf("the damage of the baseline: %+v", c.BaselineDamage)
		}
		if !strings.Contains(screen, "baseline") || !strings.Contains(stderr, "baseline: ") {
			t.Errorf("screen %q, standard error %q", screen, stderr)
		}
	})
}

// TestInvestigateDamagedImages investigates images that were damaged on
// purpose, most of which hold no server. Each run must end in one of the ways that
// the help promises, and what it lists as damage is what makes the code.
func TestInvestigateDamagedImages(t *testing.T) {
	images, err := filepath.Glob("../../../shared/data/images/e2fsprogs/*/image.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(images) == 0 {
		t.Skip("the damaged images are not here")
	}
	damaged := 0
	for _, packed := range images {
		path := unpackTo(t, packed)
		out := filepath.Join(t.TempDir(), "case")
		code, screen, stderr := investigate(t, path, "-o", out)
		checkShown(t, []string{packed}, screen+stderr)
		switch code {
		case exitFailed: // no file system that can be read
			if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
				t.Errorf("%s: nothing can be read, and yet there is a case", packed)
			}
			continue
		case exitDone, exitPartial, exitFindings:
		default:
			t.Errorf("%s: exit code %d\n%s", packed, code, stderr)
			continue
		}
		c := readCase(t, out)
		if lost := len(c.Evidence[0].Lost) > 0; code != exitFindings && (code == exitPartial) != (c.Counts.Damage > 0 || lost) {
			t.Errorf("%s: exit code %d with %d places of damage", packed, code, c.Counts.Damage)
		}
		if c.Counts.Damage > 0 {
			damaged++
		}
		checkSums(t, out)
	}
	if damaged < 20 {
		t.Errorf("only %d of %d images are damaged", damaged, len(images))
	}
}

func TestActivityOfLines(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC) }
	v := &investigator{}
	for _, r := range []timeline.Record{
		{Kind: timeline.KindAccount, Stamps: []timeline.Stamp{{When: at(1999), Note: "day only"}}},
		{Kind: timeline.KindSyslog, Stamps: []timeline.Stamp{{When: at(1970)}}}, // before the clock was set
		{Kind: timeline.KindSyslog, Stamps: []timeline.Stamp{{When: at(2021)}}},
		{Kind: timeline.KindAuth, Stamps: []timeline.Stamp{{When: at(2020)}}},
		{Kind: timeline.KindCommand, Stamps: []timeline.Stamp{{When: at(2045)}}},
		{Kind: timeline.KindCommand},
	} {
		v.lineAt(&r)
	}
	for _, year := range []int{2022, 2023, 2430} {
		v.changedAt(at(year))
	}
	v.host = &host.Host{}
	if first, last := v.activity(); first != at(2020) || last != at(2023) {
		t.Errorf("from %v to %v", first, last)
	}
}
