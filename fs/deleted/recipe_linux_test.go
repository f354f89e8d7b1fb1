package deleted_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/fs/deleted"
	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// truth is what a file was before it was deleted.
type truth struct {
	path, sum    string
	uid, gid     uint32
	mode         uint32
	size         int64
	mtime, ctime string
	inum         filesystem.Inum
}

// made is a file system that testdata/deletion.sh made.
type made struct {
	image string
	gone  []truth
	live  map[string]bool
	shred bool // some were overwritten before
}

func makeDeleted(t testing.TB, env ...string) *made {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	for _, p := range []string{"mke2fs", "mount", "umount", "awk", "openssl", "shred"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(p + " is not installed")
		}
	}
	dir := t.TempDir()
	cmd := exec.Command("bash", "testdata/deletion.sh", dir)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "mount") {
			t.Skipf("no loop mounts here: %s", out)
		}
		t.Fatalf("deletion.sh: %v\n%s", err, out)
	}
	m := &made{image: filepath.Join(dir, "image.dd"), live: map[string]bool{}, shred: slices.Contains(env, "SHRED=1")}
	lines(t, filepath.Join(dir, "deleted.tsv"), func(line string) {
		f := strings.Split(line, "\t")
		num := func(i, base int) int64 {
			n, err := strconv.ParseInt(f[i], base, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		m.gone = append(m.gone, truth{
			path: f[0], uid: uint32(num(1, 10)), gid: uint32(num(2, 10)), mode: uint32(num(3, 8)), size: num(4, 10),
			mtime: f[5], ctime: f[6], inum: filesystem.Inum(num(7, 10)), sum: f[8],
		})
	})
	lines(t, filepath.Join(dir, "live.txt"), func(line string) { m.live[line] = true })
	if len(m.gone) != 33 {
		t.Fatalf("%d files were deleted, not 33", len(m.gone))
	}
	return m
}

func lines(t testing.TB, path string, do func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		do(s.Text())
	}
}

func find(t testing.TB, image string) *deleted.Result {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := ext4.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	r, err := deleted.Find(context.Background(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sumOf(c filesystem.Content) string {
	h := sha256.New()
	if c != nil {
		if _, err := io.Copy(h, io.NewSectionReader(c, 0, c.Size())); err != nil {
			return err.Error()
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func stamp(t filesystem.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

// score counts what was recovered of the truth.
type score struct{ contents, facts, strange, wrongComplete int }

func (m *made) score(t testing.TB, r *deleted.Result) score {
	t.Helper()
	var s score
	for _, w := range m.gone {
		var content, facts bool
		var seen []string
		for i := range r.Files {
			f := &r.Files[i]
			if f.Path != w.path && !(f.Inum == w.inum && f.Inode != nil && stamp(f.Inode.Times.Modified) == w.mtime) {
				continue
			}
			if f.Inode == nil {
				seen = append(seen, fmt.Sprintf("%s name only", f.Path))
				continue
			}
			right := f.Grade != deleted.Metadata && sumOf(f.Content) == w.sum
			content = content || right
			if !right && f.Grade == deleted.Complete && f.Version == f.Of && f.Kind == deleted.Deleted && !(m.shred && f.Inode.Size == 0) {
				s.wrongComplete++
			}
			in := f.Inode
			facts = facts || f.Path == w.path && f.Whole && in.UID == w.uid && in.GID == w.gid && uint32(in.Mode&0o7777) == w.mode && stamp(in.Times.Modified) == w.mtime && stamp(in.Times.Changed) == w.ctime
			seen = append(seen, fmt.Sprintf("%s inode %d version %d/%d %s %s size %d %v uid %d %o %s", f.Path, f.Inum, f.Version, f.Of, f.Kind, f.Grade, in.Size, f.Why, in.UID, in.Mode, stamp(in.Times.Modified)))
		}
		if content {
			s.contents++
		}
		if facts {
			s.facts++
		}
		if !content || !facts {
			t.Logf("%s inode %d (%d bytes, %s): content %v, facts %v: %q", w.path, w.inum, w.size, w.mtime, content, facts, seen)
		}
	}
	for i := range r.Files {
		f := &r.Files[i]
		if m.live[f.Path] && f.ReusedBy == 0 {
			s.strange++
			t.Logf("listed although it lives: %s inode %d %s %s", f.Path, f.Inum, f.Kind, f.Grade)
		}
	}
	return s
}

func TestRecipes(t *testing.T) {
	for _, c := range []struct {
		name            string
		env             []string
		contents, facts int // at least
	}{
		{"defaults", nil, 33, 33},
		{"1 KiB", []string{"MKFS=-t ext4 -b 1024"}, 33, 33},
		{"ext3", []string{"MKFS=-t ext3"}, 33, 33},
		{"ext2", []string{"MKFS=-t ext2"}, 0, 0},
		{"crash", []string{"CRASH=1"}, 33, 33},
		{"after", []string{"AFTER=1000"}, 32, 33},
		{"wrapped", []string{"WRAP=30", "MKFS=-t ext4 -J size=4"}, 0, 0},
		{"bigalloc", []string{"MKFS=-t ext4 -O bigalloc"}, 33, 33},
		{"inline", []string{"MKFS=-t ext4 -O inline_data -I 512"}, 33, 33},
		{"shred", []string{"SHRED=1"}, 20, 20},
		{"data=journal", []string{"OPTS=loop,data=journal"}, 20, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := makeDeleted(t, c.env...)
			r := find(t, m.image)
			s := m.score(t, r)
			t.Logf("%d listed; contents %d, with path, owner and times %d, listed that live %d, complete that are not %d; %d damage, %q", len(r.Files), s.contents, s.facts, s.strange, s.wrongComplete, len(r.Damage), r.Notes)
			for _, err := range r.Damage {
				t.Log(err)
			}
			if s.contents < c.contents || s.facts < c.facts || s.strange > 0 || s.wrongComplete > 0 {
				t.Errorf("want %d contents, %d facts, nothing that lives", c.contents, c.facts)
			}
		})
	}
}
