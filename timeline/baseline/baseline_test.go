package baseline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"deadbox/fs/ext4"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/timeline"
)

func tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// tree is what an image is made of; "-> x" is a symbolic link, a name that
// ends in "/" a directory.
type tree map[string]string

func (f tree) with(changes tree) tree {
	out := tree{}
	for p, v := range f {
		out[p] = v
	}
	for p, v := range changes {
		if v == "gone" {
			delete(out, p)
		} else {
			out[p] = v
		}
	}
	return out
}

var when = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func write(t testing.TB, root string, files tree) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(root, 0o755))
	for p, v := range files {
		full := filepath.Join(root, p)
		check(os.MkdirAll(filepath.Dir(full), 0o755))
		switch {
		case strings.HasSuffix(p, "/"):
			check(os.MkdirAll(full, 0o755))
		case strings.HasPrefix(v, "-> "):
			check(os.Symlink(v[3:], full))
			// Two images of one tree are made at different times.
			check(exec.Command("touch", "-h", "-d", fmt.Sprintf("@%d", when.Unix()), full).Run())
		default:
			check(os.WriteFile(full, []byte(v), 0o644))
			check(os.Chtimes(full, when, when))
		}
	}
}

// mkfs makes an image of a directory.
func mkfs(t testing.TB, root string, args ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "img")
	command(t, "mke2fs", append(append([]string{"-q", "-F", "-t", "ext4", "-b", "1024", "-I", "256", "-O", "^has_journal", "-d", root}, args...), img, "16M")...)
	return img
}

func makeImage(t testing.TB, files tree, args ...string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	write(t, root, files)
	return mkfs(t, root, args...)
}

func openSource(t testing.TB, img, name, slot string, wrap func(io.ReaderAt) io.ReaderAt) host.Source {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r := io.ReaderAt(f)
	if wrap != nil {
		r = wrap(f)
	}
	fsys, err := ext4.Open(r, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return host.Source{Image: name, FS: fsys, Volume: volume.Volume{Slot: slot, Length: st.Size(), Allocated: true}}
}

func openHost(t testing.TB, sources ...host.Source) *host.Host {
	t.Helper()
	h, err := host.Assemble(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hostOf(t testing.TB, img, name string) *host.Host {
	t.Helper()
	return openHost(t, openSource(t, img, name, "bare", nil))
}

// diff runs Diff with one worker and with eight, holds the results against
// each other, and gives them as lines "what path: differs".
func diff(t testing.TB, image, base *host.Host) (lines []string, records map[string]timeline.Record, errs []error) {
	t.Helper()
	damage := append(image.BuildIndexes(context.Background()), base.BuildIndexes(context.Background())...)
	var first string
	for _, workers := range []int{1, 8} {
		lines, errs, records = nil, slices.Clone(damage), map[string]timeline.Record{}
		var all strings.Builder
		for r, err := range Diff(context.Background(), image, base, Options{Workers: workers}) {
			if err != nil {
				errs = append(errs, err)
				fmt.Fprintln(&all, err)
				continue
			}
			line := r.Change.What + " " + r.File.Path
			if len(r.Change.Differs) > 0 {
				line += ": " + strings.Join(r.Change.Differs, " ")
			}
			if r.Fields["explained"] != "" {
				line += " (explained)"
			}
			lines = append(lines, line)
			records[r.File.Path] = r
			flat, change := r, *r.Change
			flat.File, flat.Change, change.Before, change.After = nil, nil, nil, nil
			fmt.Fprintf(&all, "%+v %+v %+v %+v %+v\n", flat, r.File, change, r.Change.Before, r.Change.After)
		}
		if first == "" {
			first = all.String()
		} else if got := all.String(); got != first {
			t.Errorf("eight workers gave other output than one:\n%s", cmp.Diff(strings.Split(first, "\n"), strings.Split(got, "\n")))
		}
	}
	return lines, records, errs
}

var server = tree{
	"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/os-release": "ID=x\nPRETTY_NAME=X\n", "usr/bin/ls": "\x7fELF ls", "usr/bin/ps": "\x7fELF ps", "var/log/auth.log": "one\n",
	"etc/motd": "hello\n", "etc/rc.local": "#!/bin/sh\nexit 0\n", "bin": "-> usr/bin", "etc/link": "-> motd", "home/a-b": "1", "home/a/x": "1", "home/a/y": "2", "home/gone/x": "3", "home/type": "file",
	"opt/app/one": "same", "opt/app/two": "same", "tmp/": "",
}

func TestOtherFileSystem(t *testing.T) {
	base := makeImage(t, server)
	changed := server.with(tree{"usr/bin/ps": "\x7fELF PS", "etc/motd": "hello world\n", "etc/link": "-> rc.local", "home/gone/x": "gone", "home/type": "gone", "home/type/in": "4",
		"home/a/\xff\n": "hostile", "tmp/.x/run": "#!/bin/bash\necho\n", "home/a/y": "2"})
	root := filepath.Join(t.TempDir(), "root")
	write(t, root, changed)
	if err := os.Chmod(filepath.Join(root, "usr/bin/ls"), 0o4755); err != nil {
		t.Fatal(err)
	}
	late := when.Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "etc/rc.local"), late, late); err != nil {
		t.Fatal(err)
	}
	img := mkfs(t, root)
	lines, records, errs := diff(t, hostOf(t, img, "now.dd"), hostOf(t, base, "good.dd"))
	want := []string{
		"content /etc/link: size target",
		"content /etc/motd: content size",
		"metadata /etc/rc.local: modified",
		"added /home/a/\xff\n",
		"deleted /home/gone",
		"deleted /home/gone/x",
		"type /home/type: mode",
		"added /home/type/in",
		"added /tmp/.x",
		"added /tmp/.x/run",
		"metadata /usr/bin/ls: mode",
		"content /usr/bin/ps: content",
	}
	// The type change compares what a file and a directory have in common.
	lines = slices.Clone(lines)
	for i, l := range lines {
		if strings.HasPrefix(l, "type /home/type") {
			lines[i] = "type /home/type: mode"
		}
		if strings.HasPrefix(l, "content /etc/link") {
			lines[i] = strings.ReplaceAll(l, " modified", "")
		}
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	run := records["/tmp/.x/run"]
	if f := run.Change.After; run.Change.Before != nil || f.Magic != "script" || f.Interp != "/bin/bash" || f.SHA256 == "" || f != run.File {
		t.Errorf("the added script: %+v", f)
	}
	if e := run.Evidence; e.Image != "now.dd" || e.Volume != "bare" || e.Inode != run.File.Inode || e.Length != 256 || e.Path != "/tmp/.x/run" {
		t.Errorf("evidence: %+v", e)
	} else {
		want, err := inodeBytes(img, e.Offset)
		if got := command(t, "debugfs", "-R", "imap <"+fmt.Sprint(uint64(e.Inode))+">", img); err != nil || !strings.Contains(got, fmt.Sprintf("located at block %d, offset 0x%04x", e.Offset/1024, e.Offset%1024)) {
			t.Errorf("the inode is elsewhere: %s (%d, %v, %v)", got, e.Offset, want[:2], err)
		}
	}
	if r := records["/home/gone/x"]; r.Change.After != nil || r.Evidence.Image != "good.dd" || r.File.Size != 1 {
		t.Errorf("the deleted file: %+v", r)
	}
	if c := records["/usr/bin/ps"].Change; c.Before.SHA256 == c.After.SHA256 || c.Before.SHA256 == "" || c.After.Magic != "elf" {
		t.Errorf("the changed program: %+v %+v", c.Before, c.After)
	}
	if s := strings.Join(Lineage(hostOf(t, img, "a"), hostOf(t, base, "b")), "\n"); !strings.Contains(s, "different file systems") {
		t.Errorf("lineage: %s", s)
	}
}

func inodeBytes(img string, off int64) ([]byte, error) {
	f, err := os.Open(img)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 256)
	_, err = f.ReadAt(b, off)
	return b, err
}

func TestSame(t *testing.T) {
	img := makeImage(t, server)
	if lines, _, errs := diff(t, hostOf(t, img, "a"), hostOf(t, img, "b")); len(lines) > 0 || len(errs) > 0 {
		t.Errorf("an image differs from itself: %v %v", lines, errs)
	}
}

// copyFile is a clone of an image.
func copyFile(t testing.TB, from string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "clone")
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

func debugfs(t testing.TB, img string, commands ...string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "cmd")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "debugfs", "-w", "-f", script, img)
}

// TestClone changes a clone of the baseline without the kernel: as an
// intruder who puts times back would.
func TestClone(t *testing.T) {
	base := makeImage(t, server)
	img := copyFile(t, base)
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, []byte("\x7fELF PS"), 0o755); err != nil {
		t.Fatal(err)
	}
	inode := func(p string) string {
		_, in, _, err := hostOf(t, base, "x").Find(p, false)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("<%d>", in.Inum)
	}
	ps, ls := inode("/usr/bin/ps"), inode("/usr/bin/ls")
	debugfs(t, img,
		"sif "+ls+" ctime @1800000000",                 // nothing else shows
		"sif "+ls+" atime @1800000000",                 //
		"sif "+inode("/etc/motd")+" atime @1800000000", // an access alone is no change
		"sif "+inode("/etc/rc.local")+" flags 0x80010", // immutable, and its extents
		"ea_set /home/a/x security.capability abc",
		"rm /home/gone/x",
		"write "+body+" /home/new",
		"rm /usr/bin/ps", "write "+body+" /usr/bin/ps", "sif "+ps+" mtime @1709294400",
		"sif /opt mtime @1800000000",
		"ln /opt/app/one /opt/app/three", "sif /opt/app/one links_count 2",
	)
	lines, records, errs := diff(t, hostOf(t, img, "now.dd"), hostOf(t, base, "good.dd"))
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	got := map[string]string{}
	for _, l := range lines {
		what, rest, _ := strings.Cut(l, " ")
		p, differs, _ := strings.Cut(rest, ": ")
		got[p] = strings.TrimSpace(what + " " + differs)
	}
	for p, want := range map[string]string{
		"/usr/bin/ls": "metadata changed", "/etc/motd": "", "/home/gone/x": "deleted", "/home/new": "added", "/opt": "metadata modified", "/opt/app/three": "added", "/opt/app/one": "metadata links", "/opt/app/two": "",
	} {
		if got[p] != want {
			t.Errorf("%s: %q, want %q", p, got[p], want)
		}
	}
	for p, want := range map[string][]string{"/etc/rc.local": {"flags"}, "/home/a/x": {"xattrs"}, "/usr/bin/ps": {"content", "generation or inode"}} {
		c := records[p].Change
		if c == nil {
			t.Errorf("%s: no change", p)
			continue
		}
		if !slices.Contains(c.Differs, want[0]) {
			t.Errorf("%s differs in %v, want %v", p, c.Differs, want)
		}
	}
	if !strings.Contains(strings.Join(Lineage(hostOf(t, img, "a"), hostOf(t, base, "b")), "\n"), "everything is compared") {
		t.Error("a clone is not known as one")
	}
}

func TestLayouts(t *testing.T) {
	// The baseline is one file system; the image has /var apart, and a volume
	// that nothing names.
	base := makeImage(t, server.with(tree{"var/www/index.html": "x"}))
	const uuid = "11111111-2222-3333-4444-555555555577"
	rootTree := server.with(tree{"var/log/auth.log": "gone", "var/": "", "etc/fstab": "UUID=" + uuid + " /var ext4\nUUID=" + uuid[:35] + "8 /srv ext4\n", "srv/": ""})
	root := makeImage(t, rootTree)
	vr := makeImage(t, tree{"log/auth.log": "two\n", "www/index.html": "x", "www/shell.php": "<?php"}, "-U", uuid)
	extra := makeImage(t, tree{"lonely": "1"})
	image := func() *host.Host {
		return openHost(t, openSource(t, root, "disk.dd", "gpt:1", nil), openSource(t, vr, "disk.dd", "gpt:2", nil), openSource(t, extra, "disk.dd", "gpt:3", nil))
	}
	lines, records, errs := diff(t, image(), hostOf(t, base, "good.dd"))
	var short []string
	for _, l := range lines {
		p, _, _ := strings.Cut(l, ":")
		short = append(short, p)
	}
	want := []string{"added /etc/fstab", "added /srv", "content /var/log/auth.log", "added /var/lost+found", "added /var/www/shell.php"}
	if d := cmp.Diff(want, short); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "/<gpt:3>") {
		t.Errorf("errors: %v", errs)
	}
	if e := records["/var/www/shell.php"].Evidence; e.Volume != "gpt:2" {
		t.Errorf("evidence: %+v", e)
	}
	// With the baseline's /var missing, the image's is not "added".
	lines, _, errs = diff(t, image(), openHost(t, openSource(t, root, "good.dd", "gpt:1", nil)))
	if len(lines) > 0 || len(errs) != 2 || !strings.Contains(fmt.Sprint(errs), `"/var"`) {
		t.Errorf("an image whose baseline lacks /var: %v %v", lines, errs)
	}
	// Volumes that nothing names are matched by their UUIDs, not by their slots.
	moved := openHost(t, openSource(t, extra, "good.dd", "gpt:7", nil), openSource(t, root, "good.dd", "gpt:1", nil), openSource(t, vr, "good.dd", "gpt:2", nil))
	if lines, _, errs = diff(t, image(), moved); len(lines) > 0 || len(errs) > 0 {
		t.Errorf("slots moved: %v %v", lines, errs)
	}
}

// badSectors fails to read a range.
type badSectors struct {
	io.ReaderAt
	from, to int64
}

var errSector = errors.New("bad sector")

func (b *badSectors) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && b.from < off+int64(len(p)) {
		return int(max(b.from-off, 0)), errSector
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestUnreadable(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 10000)
	files := server.with(tree{"opt/big": big, "opt/other": big + "x", "opt/third": big})
	base := makeImage(t, files)
	img := makeImage(t, files.with(tree{"opt/other": big + "y"}))
	place := func(img string) (from, to int64) {
		h := hostOf(t, img, "x")
		f, err := h.Open("/opt/big")
		if err != nil {
			t.Fatal(err)
		}
		_, from, n := f.Place(100<<10, 1024)
		return from, from + n
	}
	for _, side := range []string{"image", "baseline"} {
		var wrapA, wrapB func(io.ReaderAt) io.ReaderAt
		name := "now.dd"
		if side == "image" {
			from, to := place(img)
			wrapA = func(r io.ReaderAt) io.ReaderAt { return &badSectors{r, from, to} }
		} else {
			from, to := place(base)
			wrapB = func(r io.ReaderAt) io.ReaderAt { return &badSectors{r, from, to} }
			name = "good.dd"
		}
		lines, records, errs := diff(t, openHost(t, openSource(t, img, "now.dd", "bare", wrapA)), openHost(t, openSource(t, base, "good.dd", "bare", wrapB)))
		if d := cmp.Diff([]string{"uncompared /opt/big", "content /opt/other: content"}, lines); d != "" {
			t.Errorf("%s: (-want +got):\n%s", side, d)
		}
		var p *host.PathError
		if len(errs) == 0 || !errors.Is(errs[0], errSector) || !errors.As(errs[0], &p) || p.Path != "/opt/big" || p.Image != name || p.Inode == 0 {
			t.Errorf("%s: errors %v", side, errs)
		}
		if r := records["/opt/big"]; r.Change == nil || r.Change.Before == nil || r.Change.After == nil || side == "image" && r.File.SHA256 != "" {
			t.Errorf("%s: %+v", side, r)
		}
	}
}

func TestHostile(t *testing.T) {
	// A directory under two names, and one that holds itself.
	base := makeImage(t, server)
	img := copyFile(t, base)
	debugfs(t, img, "link /home/a /etc/again", "link /home /home/a/loop", "link /etc/motd /home/motd")
	lines, _, errs := diff(t, hostOf(t, img, "now.dd"), hostOf(t, base, "good.dd"))
	if len(errs) != 2 {
		t.Errorf("two directories have two names each: %v", errs)
	}
	for _, want := range []string{"added /etc/again", "added /home/a/loop", "added /home/motd"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in %q", want, lines)
		}
	}
	if len(lines) > 20 {
		t.Errorf("%d lines: a loop was followed", len(lines))
	}
}

func TestStop(t *testing.T) {
	base, img := makeImage(t, server), makeImage(t, server.with(tree{"a": "1", "b": "2", "c": "3"}))
	n := 0
	for range Diff(context.Background(), hostOf(t, img, "a"), hostOf(t, base, "b"), Options{}) {
		if n++; n == 2 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var last error
	for _, err := range Diff(ctx, hostOf(t, img, "a"), hostOf(t, base, "b"), Options{}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a cancelled comparison ended with %v", last)
	}
}
