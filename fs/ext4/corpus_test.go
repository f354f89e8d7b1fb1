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

type difference struct {
	onlyThey, onlyUs int
	why              string
}

// debugfsDifferences explains where the names that we list are not those of
// debugfs 1.47.0.
var debugfsDifferences = map[string]difference{
	"f_bad_encryption":       {1, 4, "debugfs ends an encrypted name at its first zero byte, and leaves out names that its output cannot hold"},
	"f_bad_inode_csum":       {0, 20, "debugfs does not read a directory block whose checksum is wrong"},
	"f_htree_leaf_csum":      {0, 418, "as f_bad_inode_csum"},
	"f_preen_htree_csum":     {0, 654, "as f_bad_inode_csum"},
	"i_bad_csum":             {0, 1, "as f_bad_inode_csum"},
	"f_inlinedata_dirblocks": {0, 1, "debugfs does not list the parent where its number is no inode's; we do, and report it"},
	"f_inlinedata_repair":    {0, 4, "debugfs leaves a directory at its first bad entry"},
}

// flsDifferences explains where the names that we list are not those of
// fls 4.11.1: how many only it lists, how many only we do, and why.
var flsDifferences = map[string]difference{
	"f_badbblocks":        {0, 1, revision0},
	"f_baddotdir":         {0, 11, revision0},
	"f_badinode":          {0, 6, revision0},
	"f_badtable":          {0, 1, revision0},
	"f_bbinode":           {0, 17, revision0},
	"f_dup":               {0, 3, revision0},
	"f_dup3":              {0, 6, revision0},
	"f_dupsuper":          {0, 2, revision0},
	"f_holedir":           {0, 1, revision0},
	"f_lotsbad":           {0, 3, revision0},
	"f_lpf":               {0, 2, revision0},
	"f_overfsblks":        {0, 1, revision0},
	"f_recnect_bad":       {0, 3, revision0},
	"f_zero_group":        {0, 6, revision0},
	"f_zero_inode_size":   {0, 1, "fls reads the inodes of 0 bytes that the primary superblock speaks of; we use the backup"},
	"f_bad_encryption":    {1, 1, "fls ends an encrypted name at its first zero byte"},
	"f_dir_bad_csum":      {0, 1, "fls leaves out a name whose inode number is too high; we list it, and report it"},
	"f_h_normal":          {1, 0, "fls takes a part of the directory's index for a name"},
	"f_h_reindex":         {3, 0, "as f_h_normal"},
	"f_idata_and_extents": {0, 4, "fls reads inline directories in i_block only"},
	"f_inlinedata_repair": {0, 2, "as f_idata_and_extents"},
}

const revision0 = "fls lists no names of a file system of revision 0"

// debugfsNames gives "directory inode name" for each allocated name that
// debugfs lists in the directories of dirs, and the directories that it can list.
func debugfsNames(t testing.TB, image string, dirs []filesystem.Inum) (names []string, listed map[filesystem.Inum]bool) {
	t.Helper()
	var cmds []string
	for _, n := range dirs {
		cmds = append(cmds, fmt.Sprintf("ls -p <%d>", n))
	}
	out := debugfs(t, image, false, cmds...)
	listed = make(map[filesystem.Inum]bool)
	var dir string
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if d, ok := strings.CutPrefix(line, "debugfs: ls -p <"); ok {
			dir = strings.TrimSuffix(d, ">")
			continue
		}
		// /inode/mode/uid/gid/name/size/
		col := strings.Split(line, "/")
		if len(col) < 8 || col[0] != "" || col[1] == "0" {
			continue
		}
		n, err := strconv.ParseUint(dir, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		listed[filesystem.Inum(n)] = true
		names = append(names, dir+" "+col[1]+" "+plainName(strings.Join(col[5:len(col)-2], "/")))
	}
	slices.Sort(names)
	return names, listed
}

// directoryNames gives what we list, in the form of debugfsNames; with
// deleted names if all is true.
func directoryNames(t testing.TB, fsys *ext4.FS, listed map[filesystem.Inum]bool, all bool) []string {
	var names []string
	for e, err := range fsys.Entries(t.Context()) {
		if err == nil && (e.Allocated || all) && listed[e.Parent] {
			names = append(names, fmt.Sprintf("%d %d %s", e.Parent, e.Inum, plainName(string(e.Name))))
		}
	}
	slices.Sort(names)
	return names
}

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
			// debugfs and fls read the disk as it is.
			if _, replayed := fsys.Replay(); replayed {
				if fsys, err = ext4.Open(f, st.Size(), ext4.NoReplay()); err != nil {
					t.Fatal(err)
				}
			}
			if _, ok := lookTool("debugfs"); ok && debugfsOpens {
				var dirs []filesystem.Inum
				for in, err := range fsys.Inodes(t.Context()) {
					if err == nil && in.Allocated && in.Mode.Type() == filesystem.Directory && len(dirs) < 300 {
						dirs = append(dirs, in.Inum)
					}
				}
				theirs, listed := debugfsNames(t, image, dirs)
				t.Logf("debugfs lists %d names in %d directories", len(theirs), len(listed))
				onlyThey, onlyUs := missing(theirs, directoryNames(t, fsys, listed, true)), missing(directoryNames(t, fsys, listed, false), theirs)
				if d := debugfsDifferences[name]; len(onlyThey) != d.onlyThey || len(onlyUs) != d.onlyUs {
					t.Errorf("only debugfs lists %d: %q\nonly we list %d: %q\nknown: %d, %d %s", len(onlyThey), onlyThey[:min(8, len(onlyThey))], len(onlyUs), onlyUs[:min(8, len(onlyUs))], d.onlyThey, d.onlyUs, d.why)
				}
			}
			if !hasFls || !flsReads {
				return
			}
			theirs, ours := flsNames(t, image, false), treeNames(t, fsys)
			onlyFls, onlyUs := missing(theirs, ours), missing(ours, theirs)
			d := flsDifferences[name]
			if len(onlyFls) != d.onlyThey || len(onlyUs) != d.onlyUs {
				t.Errorf("only fls lists %d: %q\nonly we list %d: %q\nknown: %d, %d %s", len(onlyFls), onlyFls[:min(8, len(onlyFls))], len(onlyUs), onlyUs[:min(8, len(onlyUs))], d.onlyThey, d.onlyUs, d.why)
			}
		})
	}
	if images != 114 {
		t.Errorf("%s images in the table, want 114", strconv.Itoa(images))
	}
}
