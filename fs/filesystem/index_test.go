package filesystem_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"deadbox/fs/filesystem"
)

// names is a file system that has nothing but names.
type names struct {
	filesystem.FileSystem
	entries []filesystem.Entry
	damage  []error
}

func (n *names) Info() filesystem.Info { return filesystem.Info{InodeCount: 100, FreeInodes: 90} }
func (n *names) Root() filesystem.Inum { return 2 }
func (n *names) Entries(context.Context) iter.Seq2[filesystem.Entry, error] {
	return func(yield func(filesystem.Entry, error) bool) {
		for i, e := range n.entries {
			e.Offset = int64(i) * 16
			if !yield(e, nil) {
				return
			}
		}
		for _, err := range n.damage {
			yield(filesystem.Entry{}, err)
		}
	}
}

func (n *names) add(parent, inum filesystem.Inum, name string, t filesystem.FileType, allocated bool) {
	n.entries = append(n.entries, filesystem.Entry{Parent: parent, Inum: inum, Name: []byte(name), Type: t, Allocated: allocated})
}

func (n *names) dir(parent, inum filesystem.Inum, name string) {
	n.add(parent, inum, name, filesystem.Directory, true)
}
func (n *names) file(parent, inum filesystem.Inum, name string) {
	n.add(parent, inum, name, filesystem.Regular, true)
}
func (n *names) gone(parent, inum filesystem.Inum, name string) {
	n.add(parent, inum, name, filesystem.Regular, false)
}

func paths(x *filesystem.Index, n filesystem.Inum) string {
	var out []string
	for _, name := range x.Names(n) {
		p := name.Path
		if name.Deleted {
			p += " (deleted)"
		}
		out = append(out, p)
	}
	return strings.Join(out, ", ")
}

func TestIndexPaths(t *testing.T) {
	var n names
	n.file(12, 20, "second") // a directory's entries may come before its own name
	n.dir(2, 11, "a")
	n.dir(11, 12, "b")
	n.file(12, 20, "first")
	n.file(2, 20, "at\xffroot\n")
	n.gone(12, 20, "old name")
	n.gone(12, 20, "first") // a copy of a name that lives
	n.gone(12, 21, "gone")
	n.gone(12, 21, "gone") // a copy of a deleted one
	n.gone(12, 0, "wiped")
	n.add(2, 13, "deleted-dir", filesystem.Directory, false)
	n.file(13, 22, "inside")
	n.file(99, 23, "lost") // nothing names directory 99
	n.dir(12, 2, "loop to the root")
	want := map[filesystem.Inum]string{
		11: "/a", 12: "/a/b", 20: "/a/b/second, /a/b/first, /at\xffroot\n, /a/b/old name (deleted)", 21: "/a/b/gone (deleted)",
		0: "/a/b/wiped (deleted)", 22: "/deleted-dir/inside (deleted)", 23: "/$OrphanFiles/OrphanFile-99/lost", 77: "",
	}
	x, damage := filesystem.BuildIndex(context.Background(), &n)
	for inum, p := range want {
		if got := paths(x, inum); got != p {
			t.Errorf("inode %d: %q, want %q", inum, got, p)
		}
	}
	if len(damage) != 0 {
		t.Errorf("damage where there is none: %v", damage)
	}
	if got := x.Path(2); got != "/" {
		t.Errorf("the root is %q", got)
	}
	if got := x.Path(21); got != "" {
		t.Errorf("a deleted file has the allocated path %q", got)
	}
	var children []string
	for e := range x.Children(12) {
		children = append(children, string(e.Name))
	}
	if want := []string{"second", "first", "old name", "gone", "wiped", "loop to the root"}; !slices.Equal(children, want) {
		t.Errorf("children %q, want %q", children, want)
	}

	// Inode numbers that are far apart are looked up in another way.
	for i := range n.entries {
		for _, p := range []*filesystem.Inum{&n.entries[i].Inum, &n.entries[i].Parent} {
			if *p > 2 {
				*p += 1 << 40
			}
		}
	}
	far, _ := filesystem.BuildIndex(context.Background(), &n)
	for inum, p := range want {
		if inum > 2 {
			if got := strings.ReplaceAll(paths(far, inum+1<<40), fmt.Sprint(99+1<<40), "99"); got != p {
				t.Errorf("far apart, inode %d: %q, want %q", inum, got, p)
			}
		}
	}
}

func TestIndexLoops(t *testing.T) {
	var n names
	n.dir(2, 11, "a")
	n.dir(11, 12, "b")
	n.dir(12, 11, "back") // a second name of /a, below itself
	n.dir(30, 31, "x")
	n.dir(31, 30, "y") // two directories that name each other
	n.dir(40, 40, "self")
	n.file(12, 20, "f")
	n.file(30, 21, "g")
	n.file(40, 22, "h")
	x, damage := filesystem.BuildIndex(context.Background(), &n)
	for inum, want := range map[filesystem.Inum]string{20: "/a/b/f", 22: "/$OrphanFiles/OrphanFile-40/h"} {
		if got := paths(x, inum); got != want {
			t.Errorf("inode %d: %q, want %q", inum, got, want)
		}
	}
	if got := paths(x, 21); !strings.HasPrefix(got, "/$OrphanFiles/OrphanFile-3") || !strings.HasSuffix(got, "/g") {
		t.Errorf("in directories that name each other: %q", got)
	}
	if len(damage) == 0 {
		t.Error("a directory with two names is no damage")
	}
}

// TestIndexDeep makes a chain of directories that is deeper than any path
// can be.
func TestIndexDeep(t *testing.T) {
	var n names
	const depth = 100_000
	name := strings.Repeat("d", 200)
	parent := filesystem.Inum(2)
	for i := range filesystem.Inum(depth) {
		n.dir(parent, 100+i, name)
		parent = 100 + i
	}
	n.file(parent, 99, "bottom")
	n.damage = append(n.damage, errors.New("a bad block"))
	x, damage := filesystem.BuildIndex(context.Background(), &n)
	got := paths(x, 99)
	if !strings.HasSuffix(got, "/bottom") || len(got) > 1<<20 {
		t.Errorf("the path at the bottom has %d bytes and ends in %q", len(got), got[max(0, len(got)-20):])
	}
	if len(damage) != 1 {
		t.Errorf("damage: %v", damage)
	}
}

func TestModeString(t *testing.T) {
	for mode, want := range map[filesystem.Mode]string{
		0o100644: "rrw-r--r--", 0o104755: "rrwsr-xr-x", 0o102644: "rrw-r-Sr--", 0o041777: "drwxrwxrwt", 0o041776: "drwxrwxrwT",
		0o120777: "lrwxrwxrwx", 0o020600: "crw-------", 0o060660: "brw-rw----", 0o010600: "prw-------", 0o140700: "srwx------", 0: "----------",
	} {
		if got := mode.String(); got != want {
			t.Errorf("%o: %s, want %s", mode, got, want)
		}
	}
}
