package baseline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mounted mounts an image with the kernel for the time of run.
func mounted(t *testing.T, img string, readOnly bool, run func(dir string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount the image with the kernel")
	}
	dir := t.TempDir()
	opt := "loop"
	if readOnly {
		opt += ",ro,noload"
	}
	if out, err := exec.Command("mount", "-o", opt, img, dir).CombinedOutput(); err != nil {
		t.Skipf("the kernel does not mount here: %v %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	}()
	run(dir)
}

// TestAgainstDiff changes a tree at random through the kernel and compares
// with what diff(1) and find(1) say of the two mounts.
func TestAgainstDiff(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount the image with the kernel")
	}
	tool(t, "diff")
	tool(t, "find")
	rnd := rand.New(rand.NewPCG(7, 11))
	img := filepath.Join(t.TempDir(), "base")
	command(t, "mke2fs", "-q", "-F", "-t", "ext4", img, "64M")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"a", "b-c", "b", "with blank", "ü", "\xff\xfe", "new\nline", "x'y", "-dash", "z.log"}
	var files, dirs []string
	mounted(t, img, false, func(root string) {
		dirs = append(dirs, root)
		for i := range 60 {
			d := filepath.Join(dirs[rnd.IntN(len(dirs))], fmt.Sprintf("%s%d", names[rnd.IntN(len(names))], i))
			must(os.Mkdir(d, 0o755))
			dirs = append(dirs, d)
		}
		for i := range 600 {
			p := filepath.Join(dirs[rnd.IntN(len(dirs))], fmt.Sprintf("%s.%d", names[rnd.IntN(len(names))], i))
			switch rnd.IntN(12) {
			case 0:
				must(os.Symlink(names[rnd.IntN(len(names))], p))
			case 1:
				f, err := os.Create(p) // sparse
				must(err)
				_, err = f.WriteAt([]byte("end"), int64(1+rnd.IntN(300))<<12)
				must(err)
				must(f.Close())
			case 2:
				if len(files) > 0 {
					must(os.Link(files[rnd.IntN(len(files))], p))
				}
			default:
				must(os.WriteFile(p, bytes.Repeat([]byte{byte(i)}, rnd.IntN(20000)), 0o644))
			}
			files = append(files, p)
		}
		for i, p := range files {
			files[i] = p[len(root):]
		}
		for i, p := range dirs {
			dirs[i] = p[len(root):]
		}
	})
	base := copyFile(t, img)
	mounted(t, img, false, func(root string) {
		for i, p := range files {
			full := root + p
			st, err := os.Lstat(full)
			if err != nil {
				continue
			}
			switch rnd.IntN(14) {
			case 0:
				must(os.Remove(full))
			case 1: // the same size, the times put back
				if st.Mode().IsRegular() && st.Size() > 0 {
					f, err := os.OpenFile(full, os.O_WRONLY, 0)
					must(err)
					_, err = f.WriteAt([]byte("!"), st.Size()-1)
					must(err)
					must(f.Close())
					must(os.Chtimes(full, st.ModTime(), st.ModTime()))
				}
			case 2:
				if st.Mode().IsRegular() {
					must(os.Chmod(full, 0o4755))
				}
			case 3:
				must(os.Lchown(full, 1000+i, 5))
			case 4:
				must(os.Remove(full))
				must(os.Symlink("/elsewhere", full))
			case 5:
				must(os.WriteFile(full+".new", []byte("#!/bin/sh\n"), 0o755))
			case 6:
				if st.Mode().IsRegular() { // replaced by a copy of itself
					b, err := os.ReadFile(full)
					must(err)
					must(os.WriteFile(full+".tmp", b, st.Mode()))
					must(os.Rename(full+".tmp", full))
				}
			}
		}
		must(os.MkdirAll(root+"/added/deep/er", 0o700))
		must(os.WriteFile(root+"/added/deep/er/file", []byte("x"), 0o600))
		must(os.Mkdir(root+"/typed", 0o755))
		must(os.Chtimes(root+dirs[5], time.Unix(1, 0), time.Unix(1, 0)))
	})

	lines, records, errs := diff(t, hostOf(t, img, "now"), hostOf(t, base, "good"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if len(lines) < 100 {
		t.Fatalf("only %d changes", len(lines))
	}
	// Each side as find(1) sees it: what the metadata are, and as diff(1) does: which contents differ.
	var seen [2]map[string]string
	var contents map[string]bool
	mounted(t, base, true, func(b string) {
		mounted(t, img, true, func(a string) {
			seen[0], seen[1] = find(t, b), find(t, a)
			contents = contentsDiffer(t, b, a)
		})
	})
	all := map[string]bool{}
	for _, side := range seen {
		for p := range side {
			all[p] = true
		}
	}
	for p := range all {
		before, was := seen[0][p]
		after, is := seen[1][p]
		r, got := records[p]
		what := ""
		if got {
			what = r.Change.What
		}
		want := ""
		switch {
		case !was:
			want = Added
		case !is:
			want = Deleted
		case before[:1] != after[:1]:
			want = Type
		case contents[p] || before[:1] == "l" && before[strings.Index(before, "->"):] != after[strings.Index(after, "->"):]:
			want = Content
		case before != after:
			want = Metadata
		}
		if what != want {
			t.Errorf("%q: %q, want %q\n%s\n%s\n%v", p, what, want, before, after, r.Change)
		}
	}
	for p, r := range records {
		if !all[p] {
			t.Errorf("%q: find does not know it", p)
		}
		if r.Change.What == Content && r.File.Type.Letter() == 'r' && (r.Change.Before.SHA256 == "" || r.Change.Before.SHA256 == r.Change.After.SHA256) {
			t.Errorf("%q: hashes %q and %q", p, r.Change.Before.SHA256, r.Change.After.SHA256)
		}
	}
	if r := records["/added/deep/er/file"]; r.File == nil || r.File.SHA256 != "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" {
		t.Errorf("the hash of x is %+v", r.File)
	}
}

// find is what find(1) says of each path, but for the access time.
func find(t *testing.T, root string) map[string]string {
	t.Helper()
	cmd := exec.Command("find", root, "-printf", `%P\0%y %m %U %G %s %n %i %T@ %C@ -> %l\0`)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	f := strings.Split(string(b), "\x00")
	for i := 0; i+1 < len(f); i += 2 {
		out["/"+f[i]] = f[i+1]
	}
	return out
}

var onlyOrDiffer = regexp.MustCompile(`(?s)^Files (.*) and (.*) differ$`)

// contentsDiffer is what diff(1) says of the regular files.
func contentsDiffer(t *testing.T, a, b string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	cmd := exec.Command("diff", "-r", "-q", "--no-dereference", a, b)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	text, _ := cmd.Output()
	// Names hold newlines: a message begins where the line does.
	var messages []string
	for _, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if n := len(messages); n > 0 && !strings.HasPrefix(l, "Files /") && !strings.HasPrefix(l, "Only in ") && !strings.HasPrefix(l, "File /") && !strings.HasPrefix(l, "Symbolic links ") {
			messages[n-1] += "\n" + l
			continue
		}
		messages = append(messages, l)
	}
	for _, m := range messages {
		if f := onlyOrDiffer.FindStringSubmatch(m); f != nil {
			i := strings.Index(m, " and "+b)
			out[m[len("Files ")+len(a):i]] = true
		}
	}
	if len(out) == 0 {
		t.Fatalf("diff found no content that differs:\n%s", text)
	}
	return out
}

// TestOrder: the paths come sorted by their bytes.
func TestOrder(t *testing.T) {
	base, img := makeImage(t, tree{"k": "1"}), makeImage(t, tree{"k": "1", "a/x": "1", "a-b": "1", "a.b": "1", "a/x/": ""}.with(tree{"a/x/": "gone"}))
	var paths []string
	for r, err := range Diff(t.Context(), hostOf(t, img, "a"), hostOf(t, base, "b"), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, r.File.Path)
	}
	if d := cmp.Diff([]string{"/a", "/a-b", "/a.b", "/a/x"}, paths); d != "" || !slices.IsSorted(paths) {
		t.Errorf("(-want +got):\n%s", d)
	}
}
