package tree

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
)

// uac lays out a collection as UAC leaves it: copies of files, and a body file by
// stat(1).
func uac(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "uac-web01-linux-20231114221320")
	for name, content := range map[string]string{
		"[root]/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "[root]/etc/shadow": "root:*:1::::::\n", "[root]/var/log/a|b": "bars\n", "[root]/var/log/new": "not in the body file\n",
		"live_response/process/ps.txt": "PID\n", "uac.log": "UAC\n",
		"bodyfile/bodyfile.txt": strings.Join([]string{
			"0|/|2|drwxr-xr-x|0|0|4096|1700000001|1700000002|1700000003|1600000000",
			"0|/etc|12|drwxr-xr-x|0|0|4096|1700000001|1700000002|1700000003|1600000000",
			"0|/etc/passwd|17|-rw-r--r--|0|0|26|1700000010|1700000011|1700000012|1600000001",
			"0|/etc/shadow|18|-rw-r-----|0|42|15|1700000020|1700000021|1700000022|0",
			"0|/var/log/a|b|19|-rwsr-xr-t|1000|1001|5|1700000030|1700000031.5|1700000032|-",
			"0|/lib -> usr/lib|20|lrwxrwxrwx|0|0|7|1700000040|1700000041|1700000042|1600000002",
			"0|/usr/bin/ls|21|-rwxr-xr-x|0|0|100000|1700000050|1700000051|1700000052|1600000003",
			"0|/etc/passwd (deleted)|99|-rw-rw-rw-|7|7|26|7|7|7|7",
			"this is no line of a body file",
		}, "\n") + "\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(1700000011, 0)
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/lib", filepath.Join(dir, "[root]/lib")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUAC(t *testing.T) {
	dir := uac(t)
	file := filepath.Join(t.TempDir(), "uac.tar.gz")
	tool(t, "tar", "-czf", file, "-C", dir, "[root]", "bodyfile", "live_response", "uac.log")
	inFolder := filepath.Join(t.TempDir(), "again.tar")
	tool(t, "tar", "-cf", inFolder, "-C", filepath.Dir(dir), filepath.Base(dir))
	for _, source := range []string{dir, filepath.Dir(dir), file, inFolder} {
		f := open(t, source)
		if f.Kind() != KindUAC {
			t.Errorf("%s: kind %q", source, f.Kind())
			continue
		}
		if _, err := f.Find("/uac.log", true); err == nil {
			t.Error("what is not below [root] is shown")
		}
		sec := func(w filesystem.Time) string {
			if !w.Known {
				return "-"
			}
			return fmt.Sprintf("%d.%d", w.Sec, w.Nsec)
		}
		for name, want := range map[string]string{
			"/etc/passwd":  "17 0100644 0:0 1700000010.0 1700000011.0 1700000012.0 1600000001.0",
			"/etc/shadow":  "18 0100640 0:42 1700000020.0 1700000021.0 1700000022.0 -",
			"/var/log/a|b": "19 0105755 1000:1001 1700000030.0 1700000031.500000000 1700000032.0 -",
			"/etc":         "12 040755 0:0 1700000001.0 1700000002.0 1700000003.0 1600000000.0",
			"/":            "2 040755 0:0 1700000001.0 1700000002.0 1700000003.0 1600000000.0",
			"/lib":         "20 0120777 0:0 1700000040.0 1700000041.0 1700000042.0 1600000002.0",
		} {
			in, err := f.Find(name, false)
			if err != nil {
				t.Errorf("%s: %v", source, err)
				continue
			}
			got := fmt.Sprintf("%d %#o %d:%d %s %s %s %s", in.Inum, uint16(in.Mode), in.UID, in.GID, sec(in.Times.Accessed), sec(in.Times.Modified), sec(in.Times.Changed), sec(in.Times.Born))
			if got != want {
				t.Errorf("%s: %s is\n%s, want\n%s", source, name, got, want)
			}
		}
		// Of what the body file does not know, no time of the analyst's copy is shown.
		in, err := f.Find("/var/log/new", true)
		if err != nil {
			t.Fatal(err)
		}
		if in.Times.Changed.Known || in.Times.Accessed.Known || in.Times.Born.Known || in.Inum < firstMade {
			t.Errorf("%s: %+v", source, in)
		}
		notes, damage := strings.Join(f.Info().Notes, "\n"), fmt.Sprint(f.Info().Damage)
		if !strings.Contains(notes, "of 6 files come from") || !strings.Contains(notes, "lists 2 names that were not collected") || !strings.Contains(damage, "1 lines were not understood") {
			t.Errorf("%s: notes\n%s\ndamage %s", source, notes, damage)
		}
		for name, want := range map[string]string{"/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/var/log/a|b": "bars\n"} {
			in, err := f.Find(name, true)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, f, in); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		index, errs := filesystem.BuildIndex(ctx, f)
		if len(errs) > 0 || index.Len() != 8 {
			t.Errorf("%s: %d names, %v", source, index.Len(), errs)
		}
	}
}

// A folder of the name alone makes no collection.
func TestNoCollection(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "[root]", "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if f := open(t, dir); f.Kind() != KindDirectory {
		t.Errorf("kind %q", f.Kind())
	} else if _, err := f.Find("/[root]/etc", true); err != nil {
		t.Error(err)
	}
}

func TestParseBody(t *testing.T) {
	for line, want := range map[string]string{
		`0|/a|5|r/rrw-r--r--|1|2|3|4|5|6|7`:                                       "/a 5 0644 4",
		`d41d8cd98f00b204e9800998ecf8427e|/a|5-128-1|-rwxrwxrwx|1|2|3|-4.5|5|6|7`: "/a 5 0777 -5",
		`0|/a -> b|5|lrwxrwxrwx|1|2|3|0|5|6|7`:                                    "/a 5 0777 0",
		`0|/a|5|-rwSr-Sr-T|1|2|3|4|5|6|7`:                                         "/a 5 07644 4",
		`0|/a|5|-rw-r--r-q|1|2|3|4|5|6|7`:                                         "",
		`0|/a|x|-rw-r--r--|1|2|3|4|5|6|7`:                                         "",
		`0|/a|5|-rw-r--r--|1|2|3|4|5|6`:                                           "",
		`|||||||||`:                                                               "",
		`0|/a|5|-rw-r--r--|1|2|3|99999999999999999999|5|6|7`:                      "",
	} {
		m, err := parseBody([]byte(line))
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s %d %#o %d", m.path, m.inum, uint16(m.mode), m.times.Accessed.Sec)
		}
		if got != want {
			t.Errorf("%s: %q, want %q (%v)", line, got, want, err)
		}
	}
}

func TestXattrs(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a\xffb")
	if err := os.WriteFile(p, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "setfattr", "-n", "user.note", "-v", "a value", p)
	file := filepath.Join(t.TempDir(), "t.tar")
	tool(t, "tar", "-cf", file, "--format=pax", "--xattrs", "-C", dir, ".")
	for _, source := range []string{dir, file} {
		f := open(t, source)
		in, err := f.Find("/a\xffb", false)
		if err != nil {
			t.Fatal(err)
		}
		list, err := f.Xattrs(in)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(list, func(x filesystem.Xattr) bool { return x.Name == "user.note" && string(x.Value) == "a value" }) {
			t.Errorf("%s: %v", source, list)
		}
	}
}

// A file that changes under us is told, not shown as another.
func TestDirectoryChanges(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"shorter", "gone", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir)
	inodes := map[string]*filesystem.Inode{}
	for _, name := range []string{"shorter", "gone", "other"} {
		in, err := f.Find(name, false)
		if err != nil {
			t.Fatal(err)
		}
		inodes[name] = in
	}
	if err := os.Truncate(filepath.Join(dir, "shorter"), 3); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "other"), filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	for name, in := range inodes {
		c, err := f.Content(in)
		if err == nil {
			b := make([]byte, 7)
			_, err = c.ReadAt(b, 0)
		}
		if err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 * maxOpen {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(fmt.Sprint(i)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir)
	done := make(chan error)
	for range 4 {
		go func() {
			for i := range 3 * maxOpen {
				in, err := f.Find(fmt.Sprint(i), false)
				if err == nil {
					var c filesystem.Content
					if c, err = f.Content(in); err == nil {
						b := make([]byte, c.Size())
						if _, err = c.ReadAt(b, 0); err == nil && string(b) != fmt.Sprint(i) {
							err = fmt.Errorf("%d: %q", i, b)
						}
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(f.store.(*directory).open); n > maxOpen {
		t.Errorf("%d files are open", n)
	}
}
