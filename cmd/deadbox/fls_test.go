package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// flsLines are the lines of a recursive listing with full paths, sorted. Ours
// begin with a slash, those of fls do not.
func flsLines(out string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		lines = append(lines, strings.Replace(line, "\t/", "\t", 1))
	}
	slices.Sort(lines)
	return lines
}

// onlyIn lists the lines of a that b lacks.
func onlyIn(a, b []string) []string {
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, line)
		}
	}
	return out
}

// unpackTo gives the path of an image that may be packed.
func unpackTo(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not here", filepath.Base(path))
	}
	out := filepath.Join(t.TempDir(), "image")
	switch filepath.Ext(path) {
	case ".gz":
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		data, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.Copy(f, data); err != nil {
			t.Fatal(err)
		}
		return out
	case ".zst":
		if _, err := exec.LookPath("zstd"); err != nil {
			t.Skip("zstd is not installed")
		}
		tool(t, "zstd", "-q", "-d", path, "-o", out)
		return out
	}
	return path
}

// TestFls compares recursive listings with those of fls. Each difference that
// is allowed has its reason beside it.
func TestFls(t *testing.T) {
	if _, err := exec.LookPath("fls"); err != nil {
		t.Skip("fls is not installed")
	}
	const data = "../../../shared/data/images/"
	tests := []struct {
		name, path        string
		flsOnly, oursOnly []string
		why               string
	}{
		{name: "server"},
		{name: "dfvfs ext2", path: data + "dfvfs/ext2.raw"},
		{name: "dfvfs ext4", path: data + "dfvfs/ext4.raw"},
		{name: "ext4-view ext2", path: data + "ext4-view/test_disk_ext2.bin.zst"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path
			if path == "" {
				for _, prog := range []string{"mke2fs", "debugfs"} {
					if _, err := exec.LookPath(prog); err != nil {
						t.Skip(prog + " is not installed")
					}
				}
				path = filepath.Join(t.TempDir(), "disk.dd")
				makeServer(t, path, true)
			}
			path = unpackTo(t, path)
			for _, flags := range [][]string{{"-r", "-p"}, {"-r", "-p", "-d"}, {"-r", "-p", "-u"}, {}, {"-a"}} {
				fls := flsLines(tool(t, "fls", append(flags, path)...))
				var stdout, stderr bytes.Buffer
				if code := run(append(append([]string{"ls"}, flags...), path), nil, &stdout, &stderr); code != exitDone {
					t.Fatalf("exit code %d\n%s", code, stderr.String())
				}
				ours := flsLines(stdout.String())
				if got := onlyIn(fls, ours); !slices.Equal(got, tt.flsOnly) {
					t.Errorf("%v: only fls lists %q, want %q", flags, got, tt.flsOnly)
				}
				if got := onlyIn(ours, fls); !slices.Equal(got, tt.oursOnly) {
					t.Errorf("%v: only deadbox lists %q, want %q", flags, got, tt.oursOnly)
				}
			}
		})
	}
}
