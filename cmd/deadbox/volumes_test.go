package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// composedDisks unpacks disks that Linux wrote: image/volume/testdata/README.md.
func composedDisks(t *testing.T, set, dir string) []string {
	t.Helper()
	f, err := os.Open("../../image/volume/testdata/" + set + ".tar.gz.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	for range 2 {
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	tmp := t.TempDir()
	var out []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(h.Name) != dir || filepath.Ext(h.Name) != ".img" {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(tmp, filepath.Base(h.Name))
		if err := os.WriteFile(path, b, 0o444); err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	if len(out) < 2 {
		t.Fatalf("%d disks in %s", len(out), dir)
	}
	return out
}

func TestVolumesComposed(t *testing.T) {
	disks := composedDisks(t, "lvm", "lvm")
	show := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		if code := run(append(append([]string{"volumes", "-q"}, args...), disks...), strings.NewReader(""), &stdout, &stderr); code != exitDone {
			t.Fatalf("exit code %d: %s", code, stderr.String())
		}
		return stdout.String()
	}
	text := show()
	checkShown(t, nil, text)
	for _, want := range []string{
		`(?m)^lvm:vg0: volume group of LVM2, \w{6}-`,
		`(?m)^pv4 +4\.img:bare +in use +15\.0 MiB +/dev/loop4 `,
		`(?m)^ *\d+  lvm:vg0/striped +3\.0 MiB  LVM2 striped +striped `,
		`(?m)^ *\d+  lvm:vg0/gone@32 +2\.0 MiB  Deleted LVM2 linear `,
		`(?m)^lvm:vg0/linear +3145728 +2\.0 MiB  1\.img:bare +1048576$`,
		`(?m)^lvm:vg0/striped +0 +1\.0 MiB  2\.img:bare +1048576  stripes of 32\.0 KiB$`,
		`(?m)^lvm:vg0/raid1 +0 +2\.0 MiB  1\.img:bare +4325376  copy 2$`,
		`(?m)^ +33  .* -gone +lvremove -y vg0/gone$`,
		`(?m)^The metadata stand in 34 states`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "rmeta") {
		t.Error("parts of volumes are listed as volumes")
	}
	var volumes, groups int
	for line := range strings.Lines(show("--format", "jsonl")) {
		var j struct {
			Slot        string
			Group       string
			Parts       []struct{ Offset int64 }
			Members     []struct{ State string }
			Generations []struct {
				Seqno   int64
				Places  []struct{ Offset int64 }
				Volumes []struct{ Name string }
			}
		}
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch {
		case j.Members != nil:
			groups++
			if len(j.Members) != 5 || len(j.Generations) != 34 || len(j.Generations[33].Places) != 5 || len(j.Generations[33].Volumes) < 20 {
				t.Errorf("%.300s", line)
			}
		case strings.HasPrefix(j.Slot, "lvm:"):
			volumes++
			if j.Group != "lvm:vg0" || len(j.Parts) == 0 {
				t.Errorf("%.300s", line)
			}
		}
	}
	if groups != 1 || volumes != 18 {
		t.Errorf("%d groups, %d volumes", groups, volumes)
	}
}

func TestVolumesStale(t *testing.T) {
	var stdout, stderr bytes.Buffer
	run(append([]string{"volumes"}, composedDisks(t, "md", "md/raid1-stale")...), strings.NewReader(""), &stdout, &stderr)
	if !regexp.MustCompile(`(?m)^1 +1\.img:bare +stale `).MatchString(stdout.String()) || !strings.Contains(stderr.String(), "It does not use 1.img:bare: it was left behind") {
		t.Errorf("%s\n%s", stdout.String(), stderr.String())
	}
}
