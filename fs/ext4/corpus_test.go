package ext4_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// corpus is the folder of damaged images of e2fsprogs' own tests.
const corpus = "../../../shared/data/images/e2fsprogs"

// unpack writes an image of the corpus to a file.
func unpack(t testing.TB, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(corpus, name, "image.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	// Leave zeros out, so that the file is as sparse as the original.
	buf := make([]byte, 64<<10)
	var at int64
	for {
		n, err := io.ReadFull(z, buf)
		if n > 0 && strings.Trim(string(buf[:n]), "\x00") != "" {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				t.Fatal(err)
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Truncate(at); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

var reFls = regexp.MustCompile(`^(\S)/(\S) (\* )?(\d+)(?:\(realloc\))?:\t(.*)$`)

// plainName shows a name as The Sleuth Kit prints it: what is not plain
// ASCII becomes a caret.
func plainName(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c < 0x20 || c >= 0x7f {
			b[i] = '^'
		}
	}
	return string(b)
}

// flsNames gives "inode path" for each name that fls lists, allocated or
// deleted ones.
func flsNames(t testing.TB, image string, deleted bool) []string {
	t.Helper()
	flag := "-u"
	if deleted {
		flag = "-d"
	}
	out, err := tryTool(t, "fls", "-r", "-p", "-f", "ext", flag, image)
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(out) {
		m := reFls.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil || strings.HasPrefix(m[5], "$OrphanFiles") {
			continue
		}
		names = append(names, m[4]+" "+plainName(m[5]))
	}
	slices.Sort(names)
	return names
}

// treeNames gives "inode path" for each allocated name that a walk from the
// root reaches, each directory once, as fls walks.
func treeNames(t testing.TB, fsys *ext4.FS) []string {
	t.Helper()
	children := make(map[filesystem.Inum][]filesystem.Entry)
	for e, err := range fsys.Entries(t.Context()) {
		if err != nil || e.IsDot() || !e.Allocated {
			continue
		}
		e.Name = slices.Clone(e.Name)
		children[e.Parent] = append(children[e.Parent], e)
	}
	var names []string
	seen := make(map[filesystem.Inum]bool)
	var visit func(dir filesystem.Inum, path string)
	visit = func(dir filesystem.Inum, path string) {
		if seen[dir] || len(path) > 4096 {
			return
		}
		seen[dir] = true
		for _, e := range children[dir] {
			p := path + string(e.Name)
			names = append(names, fmt.Sprintf("%d %s", e.Inum, plainName(p)))
			if len(children[e.Inum]) > 0 {
				visit(e.Inum, p+"/")
			}
		}
	}
	visit(fsys.Root(), "")
	slices.Sort(names)
	return names
}

// missing gives what a holds and b does not; both are sorted.
func missing(a, b []string) []string {
	var out []string
	for _, s := range a {
		if _, ok := slices.BinarySearch(b, s); !ok {
			out = append(out, s)
		}
	}
	return out
}

// corpusDifferences explains where the names that we list are not those of
// fls 4.11.1: how many only it lists, how many only we do, and why.
var corpusDifferences = map[string]struct {
	onlyFls, onlyUs int
	why             string
}{}

// TestCorpus reads every damaged image of e2fsprogs' tests to the end.
func TestCorpus(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(corpus, "CHARACTERISATION.tsv"))
	if err != nil {
		t.Skipf("the damaged images of e2fsprogs are not here: %v", err)
	}
	_, hasFls := lookTool("fls")
	if !hasFls {
		t.Log("fls is not installed: names are not compared")
	}
	images := 0
	for i, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		if i == 0 {
			continue
		}
		col := strings.Split(line, "\t")
		if len(col) != 12 {
			t.Fatalf("line %d of the table: %d columns", i+1, len(col))
		}
		name, debugfsOpens, flsReads := col[0], col[7] == "0", col[8] == "0"
		images++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := unpack(t, name)
			f, err := os.Open(image)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			fsys, w := survives(t, f, st.Size())
			if fsys == nil {
				if debugfsOpens {
					t.Errorf("debugfs opens it: %v", w.errs[0])
				}
				t.Logf("not opened: %v", w.errs[0])
				return
			}
			if _, err := fsys.Find("/", true); err != nil && debugfsOpens {
				t.Errorf("debugfs finds the root: %v", err)
			}
			t.Log(w)
			if !hasFls || !flsReads {
				return
			}
			theirs, ours := flsNames(t, image, false), treeNames(t, fsys)
			onlyFls, onlyUs := missing(theirs, ours), missing(ours, theirs)
			d := corpusDifferences[name]
			if len(onlyFls) != d.onlyFls || len(onlyUs) != d.onlyUs {
				t.Errorf("only fls lists %d: %q\nonly we list %d: %q\nknown: %d, %d %s", len(onlyFls), onlyFls[:min(8, len(onlyFls))], len(onlyUs), onlyUs[:min(8, len(onlyUs))], d.onlyFls, d.onlyUs, d.why)
			}
		})
	}
	if images != 114 {
		t.Errorf("%s images in the table, want 114", strconv.Itoa(images))
	}
}
