package deleted_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"deadbox/fs/deleted"
	"deadbox/fs/filesystem"
)

// disk is a file system that a test has mounted.
type disk struct {
	t          testing.TB
	image, mnt string
}

func newDisk(t testing.TB, size int64, mkfs ...string) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	for _, p := range []string{"mke2fs", "mount", "umount", "sync"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(p + " is not installed")
		}
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "image.dd"), mnt: filepath.Join(dir, "mnt")}
	if err := os.Mkdir(d.mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	d.run("mke2fs", append(append([]string{"-q", "-F"}, mkfs...), d.image)...)
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mnt).CombinedOutput(); err != nil {
		t.Skipf("no loop mounts here: %v: %s", err, out)
	}
	t.Cleanup(func() { syscall.Unmount(d.mnt, syscall.MNT_DETACH) })
	return d
}

func (d *disk) run(name string, args ...string) string {
	d.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (d *disk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) path(p string) string { return filepath.Join(d.mnt, p) }
func (d *disk) write(p, content string) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.path(p)), 0o755))
	d.must(os.WriteFile(d.path(p), []byte(content), 0o644))
}
func (d *disk) append(p, content string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path(p), os.O_APPEND|os.O_WRONLY, 0)
	d.must(err)
	_, err = f.WriteString(content)
	d.must(err)
	d.must(f.Close())
}
func (d *disk) sync() { d.t.Helper(); d.run("sync", "-f", d.mnt) }
func (d *disk) unmount() {
	d.t.Helper()
	d.run("umount", d.mnt)
}

// snapshot copies the image of the mounted file system.
func (d *disk) snapshot() string {
	d.t.Helper()
	copied := d.image + ".copy"
	d.run("cp", "--sparse=always", d.image, copied)
	return copied
}

func body(f *deleted.File) string {
	if f.Content == nil {
		return ""
	}
	b, err := io.ReadAll(io.NewSectionReader(f.Content, 0, f.Content.Size()))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func text(name string, lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "%s line %d\n", name, i)
	}
	return b.String()
}

// TestFates deletes files in all the ways that a file's content goes.
func TestFates(t *testing.T) {
	d := newDisk(t, 64<<20, "-t", "ext4")
	long := "/" + strings.Repeat("a-long-way/", 10) + "target"
	d.write("log/auth.log", text("auth", 500))
	d.write("log/grown.log", text("grown", 300))
	d.write("etc/linked", "linked\n")
	d.must(os.Link(d.path("etc/linked"), d.path("etc/other")))
	d.must(os.Link(d.path("etc/linked"), d.path("log/third")))
	d.write("etc/kept", "kept\n")
	d.must(os.Link(d.path("etc/kept"), d.path("etc/kept2")))
	d.write("etc/conf", "old conf\n")
	d.write("open", text("open", 100))
	d.write("again", "first\n")
	d.write("moved/from", "moved\n")
	d.must(os.Symlink("../target", d.path("etc/fast")))
	d.must(os.Symlink(long, d.path("etc/slow")))
	d.sync()
	d.append("log/grown.log", text("more", 2000))
	d.sync()
	d.must(os.Truncate(d.path("log/auth.log"), 0))
	d.must(os.Remove(d.path("again")))
	d.must(os.Rename(d.path("moved/from"), d.path("etc/to")))
	d.sync()
	d.append("log/auth.log", "new line\n")
	d.write("again", "second\n")
	d.write("etc/conf.new", "new conf\n")
	d.sync()
	d.must(os.Rename(d.path("etc/conf.new"), d.path("etc/conf")))
	d.must(os.Remove(d.path("log/grown.log")))
	d.must(os.Remove(d.path("etc/linked")))
	d.must(os.Remove(d.path("etc/kept2")))
	d.must(os.Remove(d.path("log/third")))
	d.must(os.Remove(d.path("etc/other")))
	d.must(os.Remove(d.path("again")))
	d.must(os.Remove(d.path("etc/fast")))
	d.must(os.Remove(d.path("etc/slow")))
	d.must(os.Remove(d.path("etc/to")))
	held, err := os.Open(d.path("open"))
	d.must(err)
	d.must(os.Remove(d.path("open")))
	d.sync()
	image := d.snapshot()
	held.Close()
	d.unmount()

	got := map[string][]*deleted.File{}
	r := find(t, image)
	for i := range r.Files {
		got[r.Files[i].Path] = append(got[r.Files[i].Path], &r.Files[i])
	}
	for _, err := range r.Damage {
		t.Error(err)
	}
	for _, w := range []struct {
		path, body string
		kind       deleted.Kind
		names      int
	}{
		{"/log/auth.log", text("auth", 500), deleted.Truncated, 0},
		{"/log/grown.log", text("grown", 300) + text("more", 2000), deleted.Deleted, 0},
		{"/etc/conf", "old conf\n", deleted.Deleted, 0},
		{"/open", text("open", 100), deleted.Open, 0},
		{"/again", "first\n", deleted.Deleted, 0},
		{"/again", "second\n", deleted.Deleted, 0},
		{"/etc/to", "moved\n", deleted.Deleted, 1},
		{"/etc/fast", "../target", deleted.Deleted, 0},
		{"/etc/slow", long, deleted.Deleted, 0},
		{"/etc/linked", "linked\n", deleted.Deleted, 2},
	} {
		if w.path == "/etc/linked" { // the three names went at once
			for _, p := range []string{"/etc/other", "/log/third"} {
				got[w.path] = append(got[w.path], got[p]...)
			}
		}
		ok := false
		for _, f := range got[w.path] {
			ok = ok || body(f) == w.body && f.Kind == w.kind && f.Grade == deleted.Complete && len(f.Names) == w.names && f.Whole
		}
		if !ok {
			t.Errorf("%s %s is not there", w.kind, w.path)
			for _, f := range got[w.path] {
				t.Logf("   %+v body %.60q", *f, body(f))
			}
		}
	}
	for _, p := range []string{"/etc/kept", "/etc/kept2", "/etc/conf.new", "/etc", "/moved", "/log"} {
		if len(got[p]) > 0 {
			t.Errorf("%s lives, and is listed: %+v", p, *got[p][0])
		}
	}
	if n := len(got["/etc/fast"]); n != 1 || got["/etc/fast"][0].Target != "../target" || got["/etc/slow"][0].Target != long {
		t.Errorf("targets of links")
	}
	if n := len(got["/log/grown.log"]); n != 1 {
		t.Errorf("a file that only grew has %d versions", n)
	}
}

// TestChurn lets files come and go at random, and asks that nothing is listed
// that lives, and that what is called complete is what a file of that name once
// held.
func TestChurn(t *testing.T) {
	for _, mkfs := range [][]string{{"-t", "ext4", "-b", "1024", "-J", "size=4"}, {"-t", "ext3"}, {"-t", "ext4", "-O", "inline_data", "-I", "512"}} {
		t.Run(strings.Join(mkfs, " "), func(t *testing.T) {
			d := newDisk(t, 48<<20, mkfs...)
			rng := rand.New(rand.NewPCG(1, 2))
			held := map[string]map[string]bool{} // what each name ever held
			now := map[string]string{}
			names := make([]string, 0, 80)
			for i := range 80 {
				names = append(names, fmt.Sprintf("dir%d/sub%d/file-%d", i%4, i%7, i))
			}
			remember := func(p, content string) {
				if held[p] == nil {
					held[p] = map[string]bool{}
				}
				held[p][content] = true
				now[p] = content
			}
			step := 0
			for range 60 {
				for range 15 {
					step++
					p := names[rng.IntN(len(names))]
					old, exists := now[p]
					switch rng.IntN(6) {
					case 0, 1:
						content := text(fmt.Sprintf("%s-%d", p, step), rng.IntN(400))
						d.must(os.RemoveAll(d.path(p)))
						d.write(p, content)
						remember(p, content)
					case 2:
						if exists {
							more := text(fmt.Sprint("more ", step), rng.IntN(100))
							d.append(p, more)
							remember(p, old+more)
						}
					case 3:
						q := names[rng.IntN(len(names))]
						if exists && q != p {
							d.must(os.MkdirAll(filepath.Dir(d.path(q)), 0o755))
							d.must(os.Rename(d.path(p), d.path(q)))
							delete(now, p)
							remember(q, old)
						}
					default:
						if exists {
							d.must(os.Remove(d.path(p)))
							delete(now, p)
						}
					}
				}
				d.sync()
			}
			live := map[filesystem.Inum]string{}
			for p := range now {
				info, err := os.Stat(d.path(p))
				d.must(err)
				live[filesystem.Inum(info.Sys().(*syscall.Stat_t).Ino)] = p
			}
			d.unmount()
			r := find(t, d.image)
			complete, wrong := 0, 0
			for i := range r.Files {
				f := &r.Files[i]
				if p, ok := live[f.Inum]; ok && f.ReusedBy == 0 {
					t.Errorf("inode %d lives as %s, and is listed as %s, %s", f.Inum, p, f.Path, f.Kind)
				}
				if f.Grade != deleted.Complete || f.Type != filesystem.Regular || f.NameFrom == deleted.NoName {
					continue
				}
				complete++
				b := body(f)
				ok := held[strings.TrimPrefix(f.Path, "/")][b]
				for _, n := range f.Names {
					ok = ok || held[strings.TrimPrefix(n, "/")][b]
				}
				if !ok {
					wrong++
					t.Logf("%s inode %d version %d/%d, %d bytes, never was so: %.50q; %q", f.Path, f.Inum, f.Version, f.Of, len(b), b, f.Names)
				}
			}
			t.Logf("%d listed, %d complete files, %d of them never were so", len(r.Files), complete, wrong)
			if complete < 20 || wrong > complete/50 {
				t.Errorf("%d complete, %d wrong", complete, wrong)
			}
		})
	}
}

// TestDebugfs compares with what debugfs knows of a file system without a
// journal, whose inodes keep their map because debugfs deleted them.
func TestDebugfs(t *testing.T) {
	d := newDisk(t, 16<<20, "-t", "ext2")
	if _, err := exec.LookPath("debugfs"); err != nil {
		t.Skip("debugfs is not installed")
	}
	want := map[string]string{}
	for i := range 20 {
		p := fmt.Sprintf("dir%d/file%d", i%3, i)
		want["/"+p] = text(p, 40*i)
		d.write(p, want["/"+p])
	}
	d.unmount()
	for i := 1; i < 20; i += 3 {
		d.run("debugfs", "-w", "-R", fmt.Sprintf("rm /dir%d/file%d", i%3, i), d.image)
	}
	lsdel := d.run("debugfs", "-R", "lsdel", d.image)
	r := find(t, d.image)
	n := 0
	for i := range r.Files {
		f := &r.Files[i]
		if body(f) != want[f.Path] || f.Grade != deleted.Complete || f.NameFrom != deleted.FromSlack || !f.DeletedAt.Known {
			t.Errorf("%s: %s, %d bytes, name from %q", f.Path, f.Grade, len(body(f)), f.NameFrom)
		}
		if !bytes.Contains([]byte(lsdel), []byte(fmt.Sprintf(" %d ", f.Inum))) {
			t.Errorf("debugfs does not list inode %d:\n%s", f.Inum, lsdel)
		}
		n++
	}
	if n != 7 || !strings.Contains(lsdel, "7 deleted inodes found") {
		t.Errorf("%d deleted files of 7; debugfs:\n%s", n, lsdel)
	}
}
