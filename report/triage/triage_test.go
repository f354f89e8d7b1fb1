package triage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/detect"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/fs/tree"
	"deadbox/image/volume"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

var ctx = context.Background()

const (
	day  = 24 * 3600
	last = 1700000000 // of the server's activity
)

// entry is a file of a test's server. What ends in "/" is a directory.
type entry struct {
	content string
	mode    os.FileMode
	mtime   int64
	link    string
}

// server are the files that most tests begin with.
func server() map[string]entry {
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 80)
	return map[string]entry{
		"etc/passwd":                              {content: "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"},
		"etc/shadow":                              {content: "root:*:19000:0:99999:7:::\n", mode: 0o640},
		"etc/hostname":                            {content: "web01\n"},
		"etc/os-release":                          {content: "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"},
		"etc/apache2/sites-enabled/shop.conf":     {link: "../sites-available/shop.conf"},
		"etc/apache2/sites-available/shop.conf":   {content: "<VirtualHost *:80>\nDocumentRoot /srv/shop\n</VirtualHost>\n"},
		"srv/shop/index.php":                      {content: "<?php echo 'shop';\n"},
		"srv/shop/uploads/cat.jpg":                {content: "\xff\xd8\xff\xe0 a picture"},
		"srv/shop/uploads/evil.jpg":               {content: "<?php echo 'inert';\n"},
		"srv/shop/uploads/tool":                   {content: elf},
		"usr/bin/tool":                            {content: "#!/bin/sh\necho tool\n", mode: 0o755},
		"usr/lib/libx.so":                         {content: elf},
		"usr/share/doc/readme":                    {content: "nothing to collect\n"},
		"bin":                                     {link: "usr/bin"},
		"root/.bash_history":                      {content: "#1700000000\nls -la\n", mode: 0o600},
		"home/alice/.bash_history":                {content: "id\n"},
		"home/alice/.ssh/authorized_keys":         {content: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice@example.org\n", mode: 0o600},
		"home/alice/run.sh":                       {content: "#!/bin/sh\necho inert\n"},
		"home/alice/notes.txt":                    {content: "private\n"},
		"var/spool/cron/crontabs/root":            {content: "5 4 * * * /usr/bin/tool\n", mode: 0o600},
		"var/lib/dpkg/status":                     {content: "Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n"},
		"var/lib/dpkg/info/tool.list":             {content: "/.\n/usr\n/usr/bin\n/usr/bin/tool\n/usr/lib/libx.so\n"},
		"var/log/auth.log":                        {content: "Nov 14 22:13:20 web01 sshd[1]: Server listening on 192.0.2.1 port 22.\n"},
		"var/log/syslog":                          {content: "Nov 14 22:13:20 web01 systemd[1]: Started a service.\n"},
		"var/log/auth.log.1":                      {content: "Nov  7 22:13:20 web01 sshd[1]: Server listening on 192.0.2.1 port 22.\n", mtime: last - 7*day},
		"var/log/auth.log.2.gz":                   {content: "\x1f\x8b\x08 a year and a month ago", mtime: last - 400*day},
		"var/log/apache2/access.log":              {content: "198.51.100.7 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n"},
		"tmp/.hidden":                             {content: "hidden\n"},
		"tmp/sess_1":                              {content: "a session\n"},
		"tmp/elf":                                 {content: elf},
		"tmp/\xff\xfe.sh":                         {content: "#!/bin/sh\n"},
		"tmp/" + strings.Repeat("long ", 40) + "": {content: "#!/bin/sh\n", mode: 0o755},
		"dev/":                                 {},
		"var/lib/systemd/timers/stamp-x.timer": {},
	}
}

// build makes the tree and an ext4 image of it.
func build(t *testing.T, files map[string]entry, more ...func(dir string)) (dir, img string) {
	t.Helper()
	for _, p := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(p + " is not installed (Debian: e2fsprogs)")
		}
	}
	dir, img = filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "disk.dd")
	for _, name := range slices.Sorted(mapKeys(files)) {
		e, p := files[name], filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(name, "/"):
			if err := os.MkdirAll(p, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		case e.link != "":
			if err := os.Symlink(e.link, p); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if e.mode == 0 {
			e.mode = 0o644
		}
		if e.mtime == 0 {
			e.mtime = last
		}
		if err := os.WriteFile(p, []byte(e.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, e.mode); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(e.mtime, 0)
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range more {
		f(dir)
	}
	cmd := exec.Command("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-L", "root", "-d", dir, img, "16384")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", last), fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", last))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	return dir, img
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// open assembles the server of an image, through what wrap makes of its reader.
func open(t *testing.T, img string, wrap func(io.ReaderAt) io.ReaderAt) *host.Host {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var r io.ReaderAt = f
	if wrap != nil {
		r = wrap(f)
	}
	fsys, err := detect.Open(r, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return assemble(t, fsys, info.Size())
}

func assemble(t *testing.T, fsys filesystem.FileSystem, size int64) *host.Host {
	t.Helper()
	h, err := host.Assemble(ctx, []host.Source{{Image: "disk.dd", Volume: volume.Volume{Slot: "bare", Length: size}, FS: fsys}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// plainOptions are what the command's defaults come to.
func plainOptions() Options {
	return Options{Hash: true, Messages: true, Tool: "deadbox test", Images: []Image{{Path: "disk.dd", Size: 1}}}
}

// got is a collection, read by archive/tar.
type got struct {
	raw     []byte
	headers map[string]*tar.Header
	content map[string]string
	order   []string
	res     *Result
}

func collect(t *testing.T, h *host.Host, opt Options) *got {
	t.Helper()
	var b bytes.Buffer
	res, err := Collect(ctx, h, &b, opt)
	if err != nil {
		t.Fatal(err)
	}
	g := &got{raw: bytes.Clone(b.Bytes()), headers: map[string]*tar.Header{}, content: map[string]string{}, res: res}
	var r io.Reader = &b
	if !opt.Plain {
		z, err := gzip.NewReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !z.ModTime.IsZero() || z.Name != "" {
			t.Errorf("the gzip header says %v %q", z.ModTime, z.Name)
		}
		r = z
	}
	for tr := tar.NewReader(r); ; {
		hd, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(hd.Name, "/")
		if g.headers[name] != nil {
			t.Errorf("%q is there twice", name)
		}
		if path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..") {
			t.Errorf("the name %q leads out", name)
		}
		g.headers[name], g.content[name] = hd, string(body)
		g.order = append(g.order, name)
	}
	return g
}

// has says what of the server's files is in the collection.
func (g *got) check(t *testing.T, want bool, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, ok := g.headers["[root]/"+n]; ok != want {
			t.Errorf("%q collected: %t", n, ok)
		}
	}
}

func TestCollect(t *testing.T) {
	files := server()
	dir, img := build(t, files, func(dir string) {
		for _, link := range [][2]string{{"etc/passwd", "etc/passwd-"}} {
			if err := os.Link(filepath.Join(dir, link[0]), filepath.Join(dir, link[1])); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Create(filepath.Join(dir, "var/log/lastlog"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte("login"), 3<<20); err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(1 << 32); err != nil {
			t.Fatal(err)
		}
	})
	h := open(t, img, nil)
	opt := plainOptions()
	opt.Rootkits, opt.Since = true, time.Unix(last-365*day, 0)
	var raw bytes.Buffer
	res, err := Collect(ctx, h, &raw, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Failures {
		if !strings.Contains(f.Text(), "lastlog: its SHA-256 was not computed") {
			t.Error(f.Text())
		}
	}
	// Rotated logs by their age, told in the result.
	if len(res.Omitted) != 1 || res.Omitted[0].Path != "/var/log/auth.log.2.gz" {
		t.Errorf("left out: %+v", res.Omitted)
	}
	// GNU tar unpacks it without a word.
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("tar is not installed")
	}
	out := t.TempDir()
	file := filepath.Join(out, "x.tar.gz")
	if err := os.WriteFile(file, raw.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("tar", "-xzpSf", file, "-C", out).CombinedOutput(); err != nil || len(msg) > 0 {
		t.Fatalf("tar: %v\n%s", err, msg)
	}
	root := filepath.Join(out, "[root]")
	for name, e := range files {
		if strings.HasSuffix(name, "/") || e.link != "" {
			continue
		}
		p := filepath.Join(root, name)
		info, err := os.Lstat(p)
		wanted := !slices.Contains([]string{"srv/shop/uploads/cat.jpg", "usr/bin/tool", "usr/lib/libx.so", "usr/share/doc/readme", "home/alice/notes.txt", "tmp/sess_1", "var/log/auth.log.2.gz"}, name)
		if (err == nil) != wanted {
			t.Errorf("%q collected: %t, want %t", name, err == nil, wanted)
		}
		if err != nil || !wanted {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil || string(b) != e.content {
			t.Errorf("%q: %q, %v", name, b, err)
		}
		orig, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != orig.Mode() || !info.ModTime().Equal(orig.ModTime()) {
			t.Errorf("%q: %v %v, want %v %v", name, info.Mode(), info.ModTime(), orig.Mode(), orig.ModTime())
		}
	}
	for link, want := range map[string]string{"bin": "usr/bin", "etc/apache2/sites-enabled/shop.conf": "../sites-available/shop.conf"} {
		if to, err := os.Readlink(filepath.Join(root, link)); err != nil || to != want {
			t.Errorf("%s -> %q, %v", link, to, err)
		}
	}
	a, errA := os.Stat(filepath.Join(root, "etc/passwd"))
	b, errB := os.Stat(filepath.Join(root, "etc/passwd-"))
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Error("the hard link is not one any more")
	}
	if s, err := os.Stat(filepath.Join(root, "var/log/lastlog")); err != nil || s.Size() != 1<<32 {
		t.Errorf("lastlog: %v %v", s, err)
	} else if f, err := os.Open(filepath.Join(root, "var/log/lastlog")); err == nil {
		defer f.Close()
		p := make([]byte, 5)
		if _, err := f.ReadAt(p, 3<<20); err != nil || string(p) != "login" {
			t.Errorf("lastlog holds %q, %v", p, err)
		}
	}
	// Hashes, as sha256sum finds them in the tree.
	sums, err := os.ReadFile(filepath.Join(out, "hash_executables/hash_executables.sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for name, e := range files {
		if e.mode&0o111 != 0 || strings.HasPrefix(e.content, "\x7fELF") {
			sum := sha256.Sum256([]byte(e.content))
			want = append(want, hex.EncodeToString(sum[:])+"  /"+name)
		}
	}
	if lines := strings.Split(strings.TrimSuffix(string(sums), "\n"), "\n"); !sameLines(lines, want) {
		t.Errorf("hashes:\n%s\nwant\n%s", sums, strings.Join(want, "\n"))
	}
	if res.Programs != len(want) {
		t.Errorf("%d programs, want %d", res.Programs, len(want))
	}
	text, err := os.ReadFile(filepath.Join(out, "1_TREE.txt"))
	if err != nil || !strings.Contains(string(text), " /usr/share/doc/readme\n") || !strings.Contains(string(text), " /bin -> usr/bin\n") || !strings.Contains(string(text), ` /tmp/\xff\xfe.sh`) {
		t.Errorf("1_TREE.txt: %v\n%s", err, text)
	}
	body, err := os.ReadFile(filepath.Join(out, "bodyfile/bodyfile.txt"))
	if err != nil || !strings.Contains(string(body), "|/usr/share/doc/readme|") {
		t.Errorf("body file: %v", err)
	}
	if rk, err := os.ReadFile(filepath.Join(out, "rootkits/rootkits.txt")); err != nil || !strings.Contains(string(rk), "none found") {
		t.Errorf("rootkits: %v\n%s", err, rk)
	}
	// The manifest leads to the bytes on the image.
	image, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	m, err := os.ReadFile(filepath.Join(out, "manifest.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(m, []byte("\n")), []byte("\n")) {
		var v struct {
			Path   string `json:"path"`
			Size   int64  `json:"size"`
			SHA256 string `json:"sha256"`
			At     int64  `json:"image_offset"`
			Why    string `json:"collected_for"`
			Image  string `json:"image"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		seen[v.Path] = true
		e, ok := files[strings.TrimPrefix(v.Path, "/")]
		if !ok || e.link != "" || e.content == "" {
			continue
		}
		sum := sha256.Sum256([]byte(e.content))
		if v.SHA256 != hex.EncodeToString(sum[:]) || v.Image != "disk.dd" || v.Why == "" {
			t.Errorf("%s", line)
		}
		if v.At == 0 || !bytes.HasPrefix(image[v.At:], []byte(e.content)) {
			t.Errorf("%q is not at byte %d", v.Path, v.At)
		}
	}
	if !seen["/etc/shadow"] || !seen["/tmp/elf"] || seen["/usr/share/doc/readme"] {
		t.Errorf("the manifest names %d files", len(seen))
	}
}

func sameLines(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestDeterminism(t *testing.T) {
	_, img := build(t, server())
	h := open(t, img, nil)
	if g := collect(t, h, plainOptions()); !g.res.Since.Equal(h.Activity().Last.Std().AddDate(-1, 0, 0)) {
		t.Errorf("rotated logs from %v on, though the last activity was %v", g.res.Since, h.Activity().Last.Std())
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []byte
	for _, procs := range []int{1, 4, 2} {
		runtime.GOMAXPROCS(procs)
		g := collect(t, open(t, img, nil), plainOptions())
		if first == nil {
			first = g.raw
			var folder, rest []string
			for _, n := range g.order {
				if strings.HasPrefix(n, "[root]") {
					folder = append(folder, n)
				} else {
					rest = append(rest, n)
				}
			}
			if !slices.IsSorted(rest) || len(folder) == 0 || !slices.Equal(g.order, append(folder, rest...)) {
				t.Errorf("order: %q", g.order)
			}
		} else if !bytes.Equal(first, g.raw) {
			t.Errorf("other bytes with %d processors", procs)
		}
	}
}

func TestOptions(t *testing.T) {
	files := server()
	files["var/log/messages.1"] = entry{content: "old\n", mtime: last - 30*day}
	files["var/log/x.log.1"] = entry{content: "1\n", mtime: last - 10*day}
	files["var/log/x.log.2"] = entry{content: "2\n", mtime: last - 20*day}
	files["var/log/x.log.3"] = entry{content: "3\n", mtime: last - 30*day}
	files["var/log/big.log"] = entry{content: strings.Repeat("big", 70000)}
	files["var/log/journal/0123456789abcdef0123456789abcdef/system.journal"] = entry{content: "LPKSHHRH"}
	_, img := build(t, files)
	h := open(t, img, nil)

	opt := plainOptions()
	opt.Hash, opt.Messages = false, false
	opt.MaxFile = 100000
	g := collect(t, h, opt)
	g.check(t, false, "var/log/syslog", "var/log/messages.1", "var/log/journal/0123456789abcdef0123456789abcdef/system.journal", "var/log/big.log")
	g.check(t, true, "var/log/auth.log", "var/log/apache2/access.log")
	if _, ok := g.headers["hash_executables/hash_executables.sha256"]; ok {
		t.Error("programs were hashed")
	}
	if e := g.content["0_ERRORS.txt"]; !strings.Contains(e, "/var/log/big.log: left out: ") {
		t.Errorf("errors:\n%s", e)
	}

	opt = plainOptions()
	opt.Since, opt.Until = time.Unix(last-25*day, 0), time.Unix(last-15*day, 0)
	opt.Plain = true
	g = collect(t, h, opt)
	g.check(t, false, "var/log/x.log.3", "var/log/messages.1", "var/log/auth.log.2.gz")
	g.check(t, true, "var/log/x.log.1", "var/log/x.log.2", "var/log/auth.log.1", "var/log/syslog") // x.log.1 begins within the time

	opt.Until = time.Unix(last-21*day, 0)
	g = collect(t, h, opt)
	g.check(t, false, "var/log/x.log.1")
	g.check(t, true, "var/log/x.log.2")

	opt = plainOptions()
	opt.AllLogs, opt.Backup = true, true
	for _, s := range []string{"/etc/apache2", "/home/*/.ssh", "/**/evil.jpg"} {
		p, err := ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		opt.Exclude = append(opt.Exclude, p)
	}
	g = collect(t, h, opt)
	g.check(t, true, "var/log/auth.log.2.gz", "srv/shop/uploads/cat.jpg", "tmp/sess_1", "home/alice/.bash_history")
	g.check(t, false, "etc/apache2/sites-available/shop.conf", "home/alice/.ssh/authorized_keys", "srv/shop/uploads/evil.jpg")
	if strings.Contains(g.content["1_TREE.txt"], "evil.jpg") || strings.Contains(g.content["bodyfile/bodyfile.txt"], ".ssh") {
		t.Error("the lists name what was excluded")
	}
	var c struct {
		Options struct{ Exclude []string }
		Counts  struct{ Files, Failures int }
		Host    struct{ Name string }
	}
	if err := json.Unmarshal([]byte(g.content["collection.json"]), &c); err != nil || len(c.Options.Exclude) != 3 || c.Counts.Files != g.res.Files || c.Host.Name != "web01" {
		t.Errorf("collection.json: %v %+v", err, c)
	}
	if e := g.content["0_ERRORS.txt"]; !strings.HasPrefix(e, "Nothing failed") {
		t.Errorf("errors:\n%s", e)
	}
}

// badReader fails for a range.
type badReader struct {
	io.ReaderAt
	from, to int64
}

func (b *badReader) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && off+int64(len(p)) > b.from {
		n := 0
		if off < b.from {
			n, _ = b.ReaderAt.ReadAt(p[:b.from-off], off)
		}
		return n, errors.New("input/output error")
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestUnreadable(t *testing.T) {
	files := server()
	var long strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&long, "line %d of a long log\n", i)
	}
	files["var/log/long.log"] = entry{content: long.String()}
	_, img := build(t, files)
	raw, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(bytes.Index(raw, []byte("line 1500 of a long log")))
	if at < 0 {
		t.Fatal("the log is not in the image")
	}
	at &^= 1023
	g := collect(t, open(t, img, func(r io.ReaderAt) io.ReaderAt { return &badReader{r, at, at + 1024} }), plainOptions())
	body := g.content["[root]/var/log/long.log"]
	if len(body) != long.Len() {
		t.Fatalf("%d bytes, want %d", len(body), long.Len())
	}
	wrong := 0
	for i := range body {
		if body[i] != long.String()[i] {
			wrong++
		}
	}
	if wrong == 0 || wrong > 4096 {
		t.Errorf("%d bytes differ", wrong)
	}
	e := g.content["0_ERRORS.txt"]
	if !strings.Contains(e, "/var/log/long.log: ") || !strings.Contains(e, "input/output error") || !strings.Contains(e, "zeros stand in their place") || !strings.Contains(e, "image disk.dd, volume bare") {
		t.Errorf("errors:\n%s", e)
	}
	if !strings.Contains(g.content["manifest.jsonl"], `"unreadable":`) {
		t.Error("the manifest does not say what is missing")
	}
	g.check(t, true, "etc/passwd", "var/log/syslog")
}

// A collection that is given back in place of the image says the same.
func TestRoundTrip(t *testing.T) {
	files := server()
	_, img := build(t, files, func(dir string) {
		if err := os.Link(filepath.Join(dir, "etc/passwd"), filepath.Join(dir, "etc/passwd-")); err != nil {
			t.Fatal(err)
		}
	})
	cmd := exec.Command("debugfs", "-w", "-f", "-", img)
	cmd.Stdin = strings.NewReader("ea_set /etc/shadow user.note \"a value\"\nset_inode_field /etc/hostname mtime @-86400\nset_inode_field /etc/hostname mtime_extra 0\nset_inode_field /etc/hostname flags 0x80010\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("debugfs: %v\n%s", err, out)
	}
	before := open(t, img, nil)
	opt := plainOptions()
	opt.AllLogs = true
	g := collect(t, before, opt)
	name := filepath.Join(t.TempDir(), "c.tar.gz")
	if err := os.WriteFile(name, g.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "unpacked")
	sources := []string{name}
	if _, err := exec.LookPath("tar"); err == nil {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("tar", "-xzf", name, "-C", dir).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
		sources = append(sources, dir)
	}
	for _, source := range sources {
		fsys, err := tree.Open(source)
		if err != nil {
			t.Fatal(err)
		}
		defer fsys.Close()
		if fsys.Kind() != tree.KindCollection {
			t.Errorf("kind %q", fsys.Kind())
		}
		for _, err := range fsys.Info().Damage {
			t.Error(err)
		}
		after := assemble(t, fsys, 0)
		n := 0
		for line := range strings.SplitSeq(strings.TrimSuffix(g.content["manifest.jsonl"], "\n"), "\n") {
			var v struct {
				Path  string `json:"path"`
				Bytes []byte `json:"path_bytes"`
			}
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			p := v.Path
			if v.Bytes != nil {
				p = string(v.Bytes)
			}
			n++
			nodeA, a, _, errA := before.Find(p, false)
			nodeB, b, _, errB := after.Find(p, false)
			if errA != nil || errB != nil {
				t.Errorf("%q: %v, %v", p, errA, errB)
				continue
			}
			x, y := *a, *b
			for _, in := range []*filesystem.Inode{&x, &y} { // what only a disk has
				in.Raw, in.Offset, in.Sectors, in.Generation, in.Project = nil, 0, 0, 0, 0
				if in.Mode.Type() == filesystem.Directory {
					in.Size = 0
				}
			}
			if fmt.Sprintf("%+v", x) != fmt.Sprintf("%+v", y) {
				t.Errorf("%q was\n%+v\nand is\n%+v", p, x, y)
			}
			xa, _ := nodeA.Mount.FS.Xattrs(a)
			xb, _ := nodeB.Mount.FS.Xattrs(b)
			for _, list := range [][]filesystem.Xattr{xa, xb} {
				for i := range list {
					list[i].Offset = 0
				}
			}
			if fmt.Sprint(xa) != fmt.Sprint(xb) {
				t.Errorf("%q: extended attributes %v, and now %v", p, xa, xb)
			}
		}
		if n < 40 {
			t.Errorf("only %d files were compared", n)
		}
		if a, b := records(t, before), records(t, after); !slices.Equal(a, b) || len(a) < 10 {
			t.Errorf("%d records, and now %d", len(a), len(b))
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("first difference:\n%s\n%s", a[i], b[i])
					break
				}
			}
		}
	}
}

// records are those of all extractors, without their places on the evidence.
func records(t *testing.T, h *host.Host) []string {
	t.Helper()
	var out []string
	for r, err := range artifact.Extract(ctx, h, artifact.All) {
		if err != nil {
			out = append(out, "error")
			continue
		}
		r.Evidence = timeline.Evidence{Path: r.Evidence.Path, Line: r.Evidence.Line}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestGroups(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range Groups {
		if g.Name == "" || g.Doc == "" || seen[g.Name] || len(g.Patterns) == 0 {
			t.Errorf("group %q is not whole, or twice in the list", g.Name)
		}
		seen[g.Name] = true
		for _, p := range g.Patterns {
			if _, err := path.Match(p, ""); err != nil || !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "~/") {
				t.Errorf("group %s: pattern %q: %v", g.Name, p, err)
			}
		}
	}
	for _, f := range families {
		if f.name == "" || f.ref == "" || len(f.paths) == 0 || seen["family "+f.name] {
			t.Errorf("family %q is not whole, or twice in the list", f.name)
		}
		seen["family "+f.name] = true
		for _, p := range f.paths {
			if _, err := path.Match(p, ""); err != nil || !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "{}") {
				t.Errorf("family %s: pattern %q: %v", f.name, p, err)
			}
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"/var/lib/big", "/var/lib/big", true},
		{"/var/lib/big/", "/var/lib/big/a/b", true},
		{"/var/lib/big", "/var/lib/bigger", false},
		{"/var/lib/big", "/var/lib", false},
		{"/home/*/Videos", "/home/alice/Videos/x", true},
		{"/**/node_modules", "/srv/a/b/node_modules/c", true},
		{"/srv/**", "/srv/a", true},
		{"/srv/**/x", "/srv/x", true},
		{"/srv/**/x", "/srv/a/y", false},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil || p.Fits(c.name) != c.want {
			t.Errorf("%s on %s: want %t, %v", c.pattern, c.name, c.want, err)
		}
	}
	for _, bad := range []string{"relative", "/", "/a/[", "//"} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if got, err := ReadPatterns(strings.NewReader("# comment\n\n/a\n  /b/*  \n")); err != nil || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := ReadPatterns(strings.NewReader("/a\nb\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}
