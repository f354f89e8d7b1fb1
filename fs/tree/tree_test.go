package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"deadbox/fs/filesystem"
)

var ctx = context.Background()

func open(t *testing.T, name string) *FS {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tool runs a program, or skips the test where there is none.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name + " is not installed")
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}

// sample makes a directory with one of everything that needs no root.
func sample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "server")
	write := func(name, content string, mode os.FileMode) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(1700000000, 123456789)
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
	}
	write("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644)
	write("etc/shadow", "root:*:1::::::\n", 0o640)
	write("usr/bin/tool", "#!/bin/sh\necho inert\n", 0o755|os.ModeSetuid)
	write("var/log/"+strings.Repeat("long", 40)+"/"+strings.Repeat("name", 50), "deep\n", 0o600)
	write("tmp/\xff\xfe", "not UTF-8\n", 0o644)
	write("tmp/ a\nb ", "blanks\n", 0o644)
	write("empty", "", 0o444)
	write("big", strings.Repeat("0123456789abcdef", 70000), 0o644)
	for link, target := range map[string]string{"bin": "usr/bin", "loop": "loop", "out": "../../../../../../etc/hostname", "abs": "/etc/passwd", "\xfflink": "\xfe"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "etc/passwd"), filepath.Join(dir, "etc/passwd-")); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	for _, at := range []int64{0, 1 << 20, 3<<20 + 5} {
		if _, err := sparse.WriteAt([]byte("data"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := sparse.Truncate(5 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("mkfifo"); err == nil {
		tool(t, "mkfifo", filepath.Join(dir, "pipe"))
	}
	return dir
}

// rows describe every name of a tree, sorted: path, type, mode, owner, size, mtime,
// target.
func rows(t *testing.T, f *FS) []string {
	t.Helper()
	index, damage := filesystem.BuildIndex(ctx, f)
	for _, err := range damage {
		t.Error(err)
	}
	var out []string
	for in, err := range f.Inodes(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if !in.Allocated {
			continue
		}
		target := ""
		if in.Mode.Type() == filesystem.Symlink {
			b, err := f.Link(in)
			if err != nil {
				t.Error(err)
			}
			target = string(b)
		}
		size := in.Size
		if in.Mode.Type() == filesystem.Directory {
			size = 0
		}
		row := func(path string) {
			if path == "" {
				path = "/"
			}
			out = append(out, fmt.Sprintf("%q %c %04o %d:%d %d %d.%09d %q", path, in.Mode.Type().Letter(), in.Mode&0o7777, in.UID, in.GID, size,
				in.Times.Modified.Sec, in.Times.Modified.Nsec, target))
		}
		lo, hi := index.Range(in.Inum)
		if in.Inum == f.Root() {
			row("/")
		}
		for n := lo; n < hi; n++ {
			if !index.At(n).Deleted {
				row(index.At(n).Path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// found describes a directory as find(1) does.
func found(t *testing.T, dir string) []string {
	t.Helper()
	raw := tool(t, "find", dir, "-printf", `%P\0%y\0%m\0%U:%G\0%s\0%T@\0%l\0`)
	fields := strings.Split(raw, "\x00")
	var out []string
	for i := 0; i+6 < len(fields); i += 7 {
		f := fields[i : i+7]
		letter, size := f[1], f[4]
		if letter == "f" {
			letter = "r"
		}
		if letter == "d" {
			size = "0"
		}
		mode, _ := strconv.ParseUint(f[2], 8, 16)
		sec, frac, _ := strings.Cut(f[5], ".")
		out = append(out, fmt.Sprintf("%q %s %04o %s %s %s.%s %q", "/"+f[0], letter, mode, f[3], size, sec, frac[:9], f[6]))
	}
	slices.Sort(out)
	return out
}

func TestDirectory(t *testing.T) {
	dir := sample(t)
	f := open(t, dir)
	if f.Kind() != KindDirectory {
		t.Errorf("kind %q", f.Kind())
	}
	same(t, rows(t, f), found(t, dir))
	in, err := f.Find("/bin/tool", true)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, f, in); got != "#!/bin/sh\necho inert\n" {
		t.Errorf("content %q", got)
	}
	if _, err := f.Find("/out", true); err == nil {
		t.Error("a link leads out of the tree")
	}
	if _, err := f.Find("/loop", true); err == nil {
		t.Error("a loop was followed")
	}
	a, errA := f.Find("/etc/passwd", false)
	b, errB := f.Find("/etc/passwd-", false)
	if errA != nil || errB != nil || a.Inum != b.Inum || a.Links != 2 {
		t.Errorf("hard links: %+v %+v", a, b)
	}
	if !a.Times.Born.Known {
		t.Log("this file system does not say when files were born")
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("too much: %s", g)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("missing:  %s", w)
		}
	}
}

func read(t *testing.T, f *FS, in *filesystem.Inode) string {
	t.Helper()
	c, err := f.Content(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// contents reads every file of a tree.
func contents(t *testing.T, f *FS) map[string]string {
	t.Helper()
	index, _ := filesystem.BuildIndex(ctx, f)
	out := map[string]string{}
	for in := range f.Inodes(ctx) {
		if in.Mode.Type() != filesystem.Regular || !in.Allocated {
			continue
		}
		lo, hi := index.Range(in.Inum)
		for n := lo; n < hi; n++ {
			out[index.At(n).Path] = read(t, f, in)
		}
	}
	return out
}

// Every format that GNU tar and others write shows what lay on the disk.
func TestTarFormats(t *testing.T) {
	dir := sample(t)
	want := open(t, dir)
	wantRows, wantContents := rows(t, want), contents(t, want)
	for _, c := range []struct {
		name  string
		args  []string
		nanos bool
	}{
		{"gnu", []string{"--format=gnu"}, false},
		{"gnu-sparse", []string{"--format=gnu", "--sparse"}, false},
		{"pax", []string{"--format=pax", "--xattrs"}, true},
		{"pax-sparse-0.0", []string{"--format=pax", "--sparse", "--sparse-version=0.0"}, true},
		{"pax-sparse-0.1", []string{"--format=pax", "--sparse", "--sparse-version=0.1"}, true},
		{"pax-sparse-1.0", []string{"--format=pax", "--sparse", "--sparse-version=1.0"}, true},
		{"gz", []string{"--format=pax", "--gzip"}, true},
		{"bz2", []string{"--format=pax", "--bzip2"}, true},
		{"xz", []string{"--format=pax", "--xz"}, true},
		{"zst", []string{"--format=pax", "--zstd"}, true},
		{"lz4", []string{"--format=pax", "--use-compress-program=lz4"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "lz4" || c.name == "zst" {
				if _, err := exec.LookPath(map[string]string{"lz4": "lz4", "zst": "zstd"}[c.name]); err != nil {
					t.Skip("the packer is not installed")
				}
			}
			file := filepath.Join(t.TempDir(), "t.tar")
			tool(t, "tar", append(append([]string{"-c", "-f", file, "-C", dir}, c.args...), ".")...)
			if !Is(file) {
				t.Error("it is not seen to be a tarball")
			}
			f := open(t, file)
			if f.Kind() != KindTarball {
				t.Errorf("kind %q", f.Kind())
			}
			for _, err := range f.Info().Damage {
				t.Error(err)
			}
			want := slices.Clone(wantRows)
			if !c.nanos {
				for i, r := range want {
					want[i] = cutNanos(r)
				}
			}
			same(t, rows(t, f), want)
			got := contents(t, f)
			if len(got) != len(wantContents) {
				t.Errorf("%d files, want %d", len(got), len(wantContents))
			}
			for p, w := range wantContents {
				if got[p] != w {
					t.Errorf("%q has %d bytes, not the %d expected", p, len(got[p]), len(w))
				}
			}
			// What is said to be data at an offset is there.
			plain, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for in := range f.Inodes(ctx) {
				c, err := f.Content(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range c.Extents() {
					if e.Offset < 0 || e.Kind != filesystem.Data {
						continue
					}
					b := make([]byte, min(e.Length, 64))
					if _, err := c.ReadAt(b, e.Logical); err != nil && err != io.EOF {
						t.Fatal(err)
					}
					if !bytes.Equal(b, plain[e.Offset:e.Offset+int64(len(b))]) {
						t.Errorf("inode %d: other bytes at %d of the tarball", in.Inum, e.Offset)
					}
				}
			}
		})
	}
}

var nanos = regexp.MustCompile(`( -?\d+)\.\d{9} "`)

func cutNanos(row string) string { return nanos.ReplaceAllString(row, `$1.000000000 "`) }

func TestFSDoor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	for name, content := range map[string]string{"a/b/c": "c", "a/d": "dd", "e": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(open(t, dir), "a/b/c", "a/d", "e", "l"); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "t.tar.gz")
	tool(t, "tar", "-czf", file, "-C", dir, ".")
	if err := fstest.TestFS(open(t, file), "a/b/c", "a/d", "e", "l"); err != nil {
		t.Error(err)
	}
}

// build writes a tarball by archive/tar.
func build(t testing.TB, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		content := h.Uname // what the member holds
		h.Uname = ""
		if h.Typeflag == 0 || h.Typeflag == tar.TypeReg {
			h.Typeflag = tar.TypeReg
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.ModTime = time.Unix(1700000000, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openBytes(t *testing.T, b []byte) *FS {
	t.Helper()
	name := filepath.Join(t.TempDir(), "t.tar")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return open(t, name)
}

func TestHostileNames(t *testing.T) {
	f := openBytes(t, build(t,
		tar.Header{Name: "etc/passwd", Uname: "good"},
		tar.Header{Name: "/abs/file", Uname: "abs"},
		tar.Header{Name: "../../etc/passwd", Uname: "evil"},
		tar.Header{Name: "x/../../up", Uname: "up"},
		tar.Header{Name: "dup", Uname: "first"},
		tar.Header{Name: "dup", Uname: "second"},
		tar.Header{Name: "ln", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		tar.Header{Name: "gone", Typeflag: tar.TypeLink, Linkname: "nowhere"},
		tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"},
		tar.Header{Name: "lib/modules/m.ko", Uname: "module"},
	))
	for name, want := range map[string]string{
		"/etc/passwd": "good", "/abs/file": "abs", "/up": "up", "/dup": "second", "/ln": "good", "/usr/lib/modules/m.ko": "module", "/lib/modules/m.ko": "module",
	} {
		in, err := f.Find(name, true)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := read(t, f, in); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	in, err := f.Find("/gone", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Content(in); err == nil {
		t.Error("a hard link to nothing has content")
	}
	notes, damage := strings.Join(f.Info().Notes, "\n"), fmt.Sprint(f.Info().Damage)
	for _, want := range []string{`2 members have names with ".."`, "1 members have absolute names", "2 members have the name of another"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in\n%s", want, notes)
		}
	}
	if !strings.Contains(damage, `hard link to "nowhere"`) {
		t.Errorf("damage: %s", damage)
	}
	// The earlier version is a deleted file with its content.
	old := ""
	for in := range f.Inodes(ctx) {
		if !in.Allocated && in.Size == 5 {
			old = read(t, f, in)
		}
	}
	if old != "first" {
		t.Errorf("the earlier version is %q", old)
	}
}

func TestDamagedTarballs(t *testing.T) {
	whole := build(t, tar.Header{Name: "a", Uname: strings.Repeat("a", 2000)}, tar.Header{Name: "b", Uname: strings.Repeat("b", 2000)}, tar.Header{Name: "c", Uname: "ccc"})
	t.Run("truncated", func(t *testing.T) {
		f := openBytes(t, whole[:512+2048+512+1000])
		in, err := f.Find("/b", true)
		if err != nil {
			t.Fatal(err)
		}
		c, err := f.Content(in)
		if err == nil || c == nil {
			t.Fatalf("content %v, error %v", c, err)
		}
		b := make([]byte, 2000)
		n, err := c.ReadAt(b, 0)
		if n != 1000 || err == nil || string(b[:n]) != strings.Repeat("b", 1000) {
			t.Errorf("%d bytes, %v", n, err)
		}
		if len(f.Info().Damage) != 1 {
			t.Errorf("damage: %v", f.Info().Damage)
		}
	})
	t.Run("bad header", func(t *testing.T) {
		b := bytes.Clone(whole)
		b[512+2048+3] ^= 1
		f := openBytes(t, b)
		for name, want := range map[string]bool{"/a": true, "/b": false, "/c": true} {
			if _, err := f.Find(name, true); (err == nil) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(f.Info().Damage) != 1 {
			t.Errorf("damage: %v", f.Info().Damage)
		}
	})
	t.Run("one after the other", func(t *testing.T) {
		f := openBytes(t, append(bytes.Clone(whole), build(t, tar.Header{Name: "d", Uname: "d"})...))
		if _, err := f.Find("/d", true); err != nil {
			t.Error(err)
		}
		if !strings.Contains(strings.Join(f.Info().Notes, "\n"), "1 more follow") {
			t.Errorf("notes: %q", f.Info().Notes)
		}
	})
	t.Run("cut gzip", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "t.tar")
		if err := os.WriteFile(name, whole, 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "gzip", "-1", name)
		packed, err := os.ReadFile(name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		f := openBytes(t, packed[:len(packed)-12])
		if _, err := f.Find("/a", true); err != nil {
			t.Error(err)
		}
		if !strings.Contains(fmt.Sprint(f.Info().Damage), "cannot be unpacked whole") {
			t.Errorf("damage: %v", f.Info().Damage)
		}
	})
	t.Run("no tarball", func(t *testing.T) {
		for _, b := range [][]byte{nil, make([]byte, 4096), bytes.Repeat([]byte("x"), 4096)} {
			name := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(name, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if Is(name) {
				t.Errorf("%d bytes are taken for a tarball", len(b))
			}
			if f, err := Open(name); err == nil {
				f.Close()
				t.Errorf("%d bytes open as a tarball", len(b))
			}
		}
	})
}
