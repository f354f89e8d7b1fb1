package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// timelineImage makes an image with files of many times, names that need
// escaping, links, and inode numbers of one to four digits.
func timelineImage(t *testing.T) string {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, d := range []string{"etc", "var/log", "odd"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, when time.Time) {
		p := filepath.Join(root, name)
		if err := os.WriteFile(p, []byte(name), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, when.Add(time.Hour), when); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1500 {
		write(fmt.Sprintf("var/log/f%d", i), begin.Add(time.Duration(i%7)*time.Minute))
	}
	write("etc/passwd", begin)
	write(`odd/with "quotes", and commas`, begin)
	write("odd/back\\slash", begin)
	write("odd/caf\xc3\xa9", begin)
	if err := os.Link(filepath.Join(root, "etc/passwd"), filepath.Join(root, "etc/a-second-name")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("passwd", filepath.Join(root, "etc/link")); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "image")
	tool(t, "truncate", "-s", "16M", image)
	tool(t, "mkfs.ext4", "-q", "-F", "-b", "1024", "-N", "4096", "-d", root, image)
	return image
}

// TestMactime compares with what mactime makes of fls's body file.
func TestMactime(t *testing.T) {
	for _, name := range []string{"mkfs.ext4", "fls", "mactime"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	image := timelineImage(t)
	body := filepath.Join(t.TempDir(), "body")
	fls, err := exec.Command("fls", "-r", "-m", "/", image).Output()
	if err != nil {
		t.Fatal(err)
	}
	// fls leaves the root out, and adds a directory that is not on the disk;
	// it does not escape what mactime takes for its own.
	var kept []string
	for line := range strings.Lines(string(fls)) {
		if !strings.Contains(line, "$OrphanFiles") && !strings.Contains(line, "back\\slash") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(body, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	want, err := exec.Command("mactime", "-b", body, "-d", "-y").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if code := run([]string{"-q", "timeline", "--format", "mactime", image}, nil, &got, os.Stderr); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	lines := strings.Split(got.String(), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.HasSuffix(l, `,"/"`) || strings.Contains(l, "x5cslash") || strings.Contains(l, "back\\")
	})
	wanted := strings.Split(string(want), "\n")
	if len(wanted) < 1500 {
		t.Fatalf("mactime gave %d lines", len(wanted))
	}
	for i := range max(len(lines), len(wanted)) {
		if i >= len(lines) || i >= len(wanted) || lines[i] != wanted[i] {
			t.Fatalf("line %d of %d and %d:\n got %q\nwant %q", i+1, len(lines), len(wanted), at(lines, i), at(wanted, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(none)"
}

// TestTimelineSameBytes checks that the number of workers changes nothing.
func TestTimelineSameBytes(t *testing.T) {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("mkfs.ext4 is not installed")
	}
	image := timelineImage(t)
	for _, format := range []string{formatText, formatBody, formatMactime, formatJSONL, formatCSV} {
		var first string
		for _, jobs := range []string{"1", "8", "3"} {
			var out bytes.Buffer
			if code := run([]string{"-q", "--jobs", jobs, "timeline", "--format", format, image}, nil, &out, os.Stderr); code != exitDone {
				t.Fatalf("%s: exit code %d", format, code)
			}
			if strings.Count(out.String(), "\n") < 1500 {
				t.Fatalf("%s: only %d lines", format, strings.Count(out.String(), "\n"))
			}
			if format == formatJSONL && strings.Contains(out.String(), `"length":0`) {
				t.Error("jsonl: a row's place in the image has no length")
			}
			if first == "" {
				first = out.String()
			}
			if out.String() != first {
				t.Errorf("%s: %s workers give other bytes than one", format, jobs)
			}
		}
	}
}

func TestTimeRange(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	from, to, err := timeRange("2026-03-01", "2026-03-01", berlin)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC).Unix(); from != want || to != want+86399 {
		t.Errorf("a day: %d to %d, want %d and a day less a second on", from, to, want)
	}
	from, to, err = timeRange("2026-03-01 10:20", "2026-03-01T09:20:30Z", berlin)
	if want := time.Date(2026, 3, 1, 9, 20, 0, 0, time.UTC).Unix(); err != nil || from != want || to != want+30 {
		t.Errorf("minutes and seconds: %d to %d (%v), want %d to %d", from, to, err, want, want+30)
	}
	for _, bad := range [][2]string{{"yesterday", ""}, {"", "2026-13-01"}, {"2026-03-02", "2026-03-01"}} {
		if _, _, err := timeRange(bad[0], bad[1], berlin); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
