package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// fill writes a small investigation to a case, n files and half as many
// commands.
func fillCase(t *testing.T, c *Case, n int) {
	t.Helper()
	for i := range n {
		f := sample()
		f.Path = fmt.Sprintf("/dir/%d%s", i, names[i%len(names)])
		f.Times.Modified = at(int64(1700000000-i*7%1000), int32(i))
		add(t, c, &timeline.Record{Kind: timeline.KindFile, File: f, Summary: f.Path,
			Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Inode: f.Inode, Path: f.Path, Offset: int64(i) * 256, Length: 256}})
		if i%2 == 0 {
			add(t, c, &timeline.Record{Kind: timeline.KindCommand, Summary: "id", Fields: map[string]string{"account": "root"},
				Stamps:   []timeline.Stamp{{What: "ran", When: time.Unix(int64(1699999900+i), 5)}, {What: "never"}},
				Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Path: "/root/.bash_history", Offset: 1, Length: 2, Line: i + 1}})
		}
		if i%3 == 0 {
			add(t, c, &timeline.Record{Kind: timeline.KindChange, Change: &timeline.Change{What: "added", After: f}, File: f,
				Evidence: timeline.Evidence{Image: "disk.dd", Offset: -1}})
		}
	}
}

func add(t *testing.T, c *Case, r *timeline.Record) {
	t.Helper()
	if err := c.Add(r); err != nil {
		t.Fatal(err)
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		out = append(out, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

type manifest struct {
	Tool    struct{ Name, Version string }
	Run     *struct{ Started, Finished string }
	Counts  struct{ Files, Records, Events, Changes, Damage int }
	Outputs []struct {
		Name, SHA256 string
		Size         int64
	}
	Damage []struct {
		What   string
		Offset *int64
	}
	Evidence []struct{ Path, SHA256 string }
}

func TestCase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "case")
	c, err := NewCase(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	fillCase(t, c, 200)
	inv := investigation()
	inv.Activity, inv.Changes = nil, nil
	if err := c.Finish(inv); err != nil {
		t.Fatal(err)
	}
	if err := c.Abort(); err != nil {
		t.Error("Abort after Finish: ", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	var got []string
	for _, o := range m.Outputs {
		got = append(got, o.Name)
		b, err := os.ReadFile(filepath.Join(dir, o.Name))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != o.SHA256 || int64(len(b)) != o.Size {
			t.Errorf("%s: size or SHA-256 is not what case.json says", o.Name)
		}
		info, err := os.Stat(filepath.Join(dir, o.Name))
		if err != nil || info.Mode().Perm()&0o133 != 0 {
			t.Errorf("%s: mode %v, %v", o.Name, info.Mode(), err)
		}
	}
	want := []string{HTMLFile, ReportFile, FindingsFile, ChangesFile, TimelineFile, TimelineCSVFile, BodyFile, RecordsFile}
	if !slices.Equal(got, want) {
		t.Errorf("outputs are %v, want %v", got, want)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(want)+1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
	if m.Run != nil || bytes.Contains(raw, []byte("started")) {
		t.Error("case.json has times of the clock that nobody gave")
	}
	events := 200*5 + 100
	if m.Counts.Files != 200 || m.Counts.Records != 300 || m.Counts.Events != events || m.Counts.Changes != 67 || m.Counts.Damage != len(inv.Damage) {
		t.Errorf("counts are %+v", m.Counts)
	}
	for name, n := range map[string]int{RecordsFile: 300, BodyFile: 200, ChangesFile: 67, FindingsFile: len(inv.Findings), TimelineFile: events, TimelineCSVFile: events + 1} {
		all := lines(t, filepath.Join(dir, name))
		if len(all) != n {
			t.Errorf("%s has %d lines, want %d", name, len(all), n)
		}
		if strings.HasSuffix(name, ".jsonl") {
			last := ""
			for _, line := range all {
				var row struct {
					Datetime string
				}
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatalf("%s: %v: %s", name, err, line)
				}
				if name == TimelineFile {
					if row.Datetime < last {
						t.Fatalf("%s comes after %s", row.Datetime, last)
					}
					last = row.Datetime
				}
			}
		}
	}
	first := lines(t, filepath.Join(dir, ChangesFile))[0]
	if keys := topKeys(t, []byte(first)); keys != "what path after evidence" {
		t.Errorf("a change has %s", keys)
	}
}

func TestCaseIsDeterministic(t *testing.T) {
	var sums [2]string
	for i := range sums {
		dir := t.TempDir()
		t.Chdir(dir)
		c, err := NewCase("case", false)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			c.spool.limit = 2000 // the merge of runs gives what one sort gives
		}
		fillCase(t, c, 100)
		if err := c.Finish(investigation()); err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		entries, err := os.ReadDir("case")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join("case", e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%s %x\n", e.Name(), sha256.Sum256(b))
		}
		sums[i] = hex.EncodeToString(h.Sum(nil))
	}
	if sums[0] != sums[1] {
		t.Error("two cases of the same records differ")
	}
}

func TestCaseRefusesFullFolder(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(dir, "evidence.dd")
	if err := os.WriteFile(keep, []byte("evidence"), 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCase(dir, false); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("a folder with something in it gave %v", err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{RecordsFile, ManifestFile, timelineTempFile} {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ChangesFile), []byte("of an older case"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := NewCase(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	inv := investigation()
	inv.Baseline, inv.Changes = nil, nil
	if err := c.Finish(inv); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{outside: "untouched", keep: "evidence"} {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v", path, b, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, ChangesFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("changes of an older case were left: %v", err)
	}
	if info, err := os.Lstat(filepath.Join(dir, ManifestFile)); err != nil || !info.Mode().IsRegular() {
		t.Errorf("case.json is %v, %v", info, err)
	}
}

// A link that someone puts into the folder while the case is written is not
// followed.
func TestCaseDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	c, err := NewCase(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, HTMLFile)); err != nil {
		t.Fatal(err)
	}
	if err := c.Finish(investigation()); err == nil {
		t.Error("a link in the place of report.html was not refused")
	}
	if _, err := os.Stat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

func TestCaseOnAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCase(path, true); err == nil {
		t.Error("a file was taken for a case folder")
	}
}

func TestManifest(t *testing.T) {
	inv := investigation()
	inv.Started = time.Date(2024, 6, 1, 8, 0, 0, 0, time.UTC)
	inv.Finished = inv.Started.Add(time.Minute)
	var b bytes.Buffer
	if err := WriteManifest(&b, inv); err != nil {
		t.Fatal(err)
	}
	if keys := topKeys(t, b.Bytes()); keys != "tool command_line run evidence baseline images file_systems host counts first_activity last_activity damage baseline_damage notes outputs" {
		t.Errorf("members are %s", keys)
	}
	var m manifest
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	if m.Run == nil || m.Run.Started != "2024-06-01T08:00:00.000000000Z" || m.Run.Finished != "2024-06-01T08:01:00.000000000Z" {
		t.Errorf("run is %+v", m.Run)
	}
	if len(m.Damage) != 2 || m.Damage[0].Offset == nil || m.Damage[1].Offset != nil {
		t.Errorf("damage is %+v", m.Damage)
	}
}

func TestDamageOf(t *testing.T) {
	err := fmt.Errorf("walk: %w", &filesystem.CorruptError{Structure: "inode", Offset: 1000, Inum: 7, Reason: "bad"})
	if d := DamageOf("i", "gpt:1", 5000, err); d.Offset != 6000 || d.Inode != 7 || d.Image != "i" || d.Volume != "gpt:1" {
		t.Errorf("%+v", d)
	}
	if d := DamageOf("i", "", 5000, errors.New("x")); d.Offset != -1 || d.What != "x" {
		t.Errorf("%+v", d)
	}
}

func BenchmarkCase(b *testing.B) {
	f := sample()
	r := &timeline.Record{Kind: timeline.KindFile, File: f, Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Offset: 4096, Length: 256}}
	for b.Loop() {
		c, err := NewCase(filepath.Join(b.TempDir(), fmt.Sprint(b.N)), true)
		if err != nil {
			b.Fatal(err)
		}
		for i := range 100000 {
			f.Path = "/usr/share/some/where/file"
			f.Times.Modified.Sec = int64(1700000000 - i*7919%100000)
			if err := c.Add(r); err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Finish(&Investigation{}); err != nil {
			b.Fatal(err)
		}
	}
}
