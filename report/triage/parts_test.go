package triage

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"deadbox/fs/filesystem"
)

// archive/tar reads what is written, whatever does not fit into ustar.
func TestTarWriter(t *testing.T) {
	at := func(sec int64, nsec int32) filesystem.Time { return filesystem.Time{Sec: sec, Nsec: nsec, Known: true} }
	members := []struct {
		m    member
		data string
	}{
		{member{name: "[root]/a", flag: '0', mode: 0o4755, uid: 1, gid: 2, size: 3, times: filesystem.Times{Modified: at(1700000000, 123456789), Accessed: at(1, 0), Changed: at(-1, 500000000)}}, "abc"},
		{member{name: "[root]/" + strings.Repeat("long/", 60) + "name", flag: '0', mode: 0o644, uid: 4294967294, gid: 1 << 30, size: 1, times: filesystem.Times{Modified: at(-86400, 0)}}, "x"},
		{member{name: "[root]/\xff\xfe é", flag: '0', mode: 0o644, times: filesystem.Times{Modified: at(1<<33, 0)}}, ""},
		{member{name: "[root]/link", flag: '2', link: strings.Repeat("t", 300), mode: 0o777, times: filesystem.Times{Modified: at(-2, 250000000)}}, ""},
		{member{name: "[root]/dir", flag: '5', mode: 0o1777}, ""},
		{member{name: "[root]/null", flag: '3', mode: 0o666, major: 1, minor: 1 << 20}, ""},
		{member{name: "[root]/sparse", flag: '0', mode: 0o600, size: 1 << 40, runs: []run{{10, 3}, {1 << 39, 2}}, xattrs: []filesystem.Xattr{{Name: "user.x", Value: []byte{0, 1, '\n'}}}}, "abcde"},
		{member{name: "[root]/hard", flag: '1', link: "[root]/a", mode: 0o4755}, ""},
	}
	var b bytes.Buffer
	w := &tarWriter{w: &b}
	for _, m := range members {
		if err := w.header(&m.m); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.data); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("more")); err == nil {
			t.Error("more data than the header says was taken")
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(b.Bytes()))
	for _, m := range members {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		name := m.m.name
		if m.m.flag == '5' {
			name += "/"
		}
		if h.Name != name || h.Linkname != m.m.link || h.Uid != int(m.m.uid) || h.Gid != int(m.m.gid) || h.Mode != int64(m.m.mode) || h.Size != m.m.size && m.m.flag == '0' || h.Devminor != int64(m.m.minor) {
			t.Errorf("%q: %+v", m.m.name, h)
		}
		if m.m.times.Modified.Known && !h.ModTime.Equal(m.m.times.Modified.Std()) {
			t.Errorf("%q: modified %v", m.m.name, h.ModTime)
		}
		if m.m.times.Changed.Known && !h.ChangeTime.Equal(m.m.times.Changed.Std()) {
			t.Errorf("%q: changed %v", m.m.name, h.ChangeTime)
		}
		if len(m.m.xattrs) > 0 && h.PAXRecords["SCHILY.xattr.user.x"] != "\x00\x01\n" {
			t.Errorf("%q: %q", m.m.name, h.PAXRecords)
		}
		if m.m.runs == nil {
			if body, err := io.ReadAll(r); err != nil || string(body) != m.data {
				t.Errorf("%q: %q %v", m.m.name, body, err)
			}
		} else if head := make([]byte, 20); true {
			if _, err := io.ReadFull(r, head); err != nil || string(head) != strings.Repeat("\x00", 10)+"abc"+strings.Repeat("\x00", 7) {
				t.Errorf("%q: %q %v", m.m.name, head, err)
			}
		}
	}
	short := &tarWriter{w: io.Discard}
	if err := short.header(&member{name: "a", flag: '0', size: 2}); err != nil {
		t.Fatal(err)
	}
	if short.Close() == nil {
		t.Error("a member without its data was closed")
	}
}

func TestMemberName(t *testing.T) {
	for p, want := range map[string]string{"/": "[root]", "/etc/passwd": "[root]/etc/passwd", "/a/../../b": "[root]/a/%2E%2E/%2E%2E/b", "//x/./y": "[root]/x/y"} {
		if got := memberName(rootFolder, p); got != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
}

func TestGzip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, size := range []int{0, 1, gzipBlock - 1, gzipBlock, gzipBlock + 1, 5*gzipBlock + 12345} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rnd.IntN(17))
		}
		var first []byte
		for _, procs := range []int{1, 3} {
			runtime.GOMAXPROCS(procs)
			var b bytes.Buffer
			z := newGzipWriter(&b)
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+rnd.IntN(300000))
				if _, err := z.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = bytes.Clone(b.Bytes())
			} else if !bytes.Equal(first, b.Bytes()) {
				t.Errorf("%d bytes: the result depends on the number of processors", size)
			}
			r, err := gzip.NewReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
			}
		}
	}
	z := newGzipWriter(failing{})
	for range 20 {
		z.Write(make([]byte, gzipBlock))
	}
	if z.Close() == nil {
		t.Error("a write error is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// fakeClamd answers as clamd does: it finds what holds the word, refuses what is
// longer than its limit, and may say nothing at all.
func fakeClamd(t *testing.T, network string, limit int) (address string, asked func() int) {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "clamd.ctl")
	}
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	n := 0
	answer := func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReader(conn)
		command, err := r.ReadString(0)
		if err != nil {
			return
		}
		if command == "zVERSION\x00" {
			io.WriteString(conn, "ClamAV 1.4.3/27000/Mon Nov 13 09:00:00 2023\x00")
			return
		}
		if command != "zINSTREAM\x00" {
			io.WriteString(conn, "UNKNOWN COMMAND\x00")
			return
		}
		mu.Lock()
		n++
		mu.Unlock()
		var data []byte
		for {
			var length [4]byte
			if _, err := io.ReadFull(r, length[:]); err != nil {
				return
			}
			size := int(binary.BigEndian.Uint32(length[:]))
			if size == 0 {
				break
			}
			if len(data)+size > limit {
				io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
				io.Copy(io.Discard, r)
				return
			}
			b := make([]byte, size)
			if _, err := io.ReadFull(r, b); err != nil {
				return
			}
			data = append(data, b...)
		}
		switch {
		case bytes.Contains(data, []byte("FIND-ME")):
			io.WriteString(conn, "stream: Test.Signature-1 FOUND\x00")
		case bytes.Contains(data, []byte("HANG-UP")):
		default:
			io.WriteString(conn, "stream: OK\x00")
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	return l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestClamd(t *testing.T) {
	files := server()
	files["srv/shop/bad.php"] = entry{content: "<?php // FIND-ME\n"}
	files["usr/bin/worse"] = entry{content: "\x7fELF FIND-ME " + strings.Repeat("x", 80), mode: 0o755}
	files["var/log/long.log"] = entry{content: strings.Repeat("long ", 100000)}
	files["var/log/hang.log"] = entry{content: "HANG-UP\n"}
	_, img := build(t, files)
	for _, network := range []string{"unix", "tcp"} {
		address, asked := fakeClamd(t, network, 300000)
		opt := plainOptions()
		opt.ClamAV = address
		g := collect(t, open(t, img, nil), opt)
		if got := fmt.Sprint(g.res.Infected); got != "[/srv/shop/bad.php: Test.Signature-1 /usr/bin/worse: Test.Signature-1]" {
			t.Errorf("%s: infected %s", network, got)
		}
		text := g.content["clamav/clamav.txt"]
		for _, want := range []string{"ClamAV 1.4.3/27000", "/srv/shop/bad.php: Test.Signature-1 FOUND\n", "/var/log/hang.log: no answer", "Infected files: 2\n", "Total errors: 2\n", fmt.Sprintf("Scanned files: %d\n", g.res.Scanned)} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", network, want, text)
			}
		}
		if e := g.content["0_ERRORS.txt"]; !strings.Contains(e, "/var/log/hang.log: clamd: ") || !strings.Contains(e, "/var/log/long.log: clamd: ") {
			t.Errorf("%s: errors\n%s", network, e)
		}
		if asked() != g.res.Scanned+2 {
			t.Errorf("%s: asked %d times, scanned %d", network, asked(), g.res.Scanned)
		}
		g.check(t, true, "var/log/long.log", "var/log/hang.log")
	}
	opt := plainOptions()
	for _, bad := range []string{filepath.Join(t.TempDir(), "nothing"), "127.0.0.1:1", "nonsense"} {
		opt.ClamAV = bad
		if _, err := Collect(ctx, open(t, img, nil), io.Discard, opt); err == nil || !strings.Contains(err.Error(), "clamd") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestRootkits(t *testing.T) {
	files := server()
	traces := map[string]string{
		"dev/shm/kdmtmpflush":                       "known place",
		"dev/.x/data":                               "file in /dev",
		"usr/share/... /tool":                       "hidden name",
		"etc/ld.so.preload":                         "ld.so.preload",
		"lib/modules/6.1.0/kernel/net/evil.ko":      "kernel module",
		"opt/x/rootkit.ko":                          "kernel module",
		"var/tmp/sh":                                "setuid in a temporary directory",
		"lib/modules/6.1.0/kernel/net/netlink_q.ko": "",
		"usr/local/bin/.hide":                       "hidden name",
		"usr/src/linux/crypto/x.ko":                 "",
	}
	for p := range traces {
		files[p] = entry{content: "inert\n"}
	}
	files["etc/ld.so.preload"] = entry{content: "# comment\n/usr/lib/libevil.so /usr/lib/libx.so\n"}
	files["var/tmp/sh"] = entry{content: "#!/bin/sh\n", mode: 0o755 | os.ModeSetuid}
	files["lib/modules/6.1.0/modules.dep"] = entry{content: "kernel/net/netlink_q.ko: kernel/net/other.ko\n"}
	_, img := build(t, files)
	opt := plainOptions()
	opt.Rootkits = true
	g := collect(t, open(t, img, nil), opt)
	for p, check := range traces {
		found := ""
		for _, tr := range g.res.Rootkits {
			if tr.Path == "/"+p || strings.HasPrefix("/"+p, tr.Path+"/") && check == "hidden name" {
				found = tr.Check
				if found == check {
					break
				}
			}
		}
		if found != check {
			t.Errorf("%s: %q, want %q", p, found, check)
		}
	}
	text := g.content["rootkits/rootkits.txt"]
	if !strings.Contains(text, "libevil.so") || strings.Contains(text, "libx.so") || !strings.Contains(text, "BPFDoor") {
		t.Errorf("%s", text)
	}
	g.check(t, true, "dev/.x/data", "var/tmp/sh")
}

// sha256sum checks the hashes of names that it has to escape.
func TestSumLines(t *testing.T) {
	if got := string(appendSum(nil, []byte{1, 0xab}, "/a b")); got != "01ab  /a b\n" {
		t.Errorf("%q", got)
	}
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("sha256sum is not installed")
	}
	name := filepath.Join(t.TempDir(), "a\\b\nc")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := exec.Command("sha256sum", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	sum := []byte("\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55")
	if got := string(appendSum(nil, sum, name)); got != string(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestIsRotated(t *testing.T) {
	for p, want := range map[string]bool{
		"/var/log/syslog": false, "/var/log/syslog.1": true, "/var/log/messages-20240101": true, "/var/log/app/x.log.2.gz": true, "/etc/foo.1": false, "/srv/app/logs/a.log.1": true,
		"/var/log/journal/0/system.journal": false, "/var/log/journal/0/system@0123-45-67.journal": true, "/var/log/journal/0/user-1000@0-1.journal~": true,
	} {
		if _, got := isRotated(p); got != want {
			t.Errorf("%s: %t", p, got)
		}
	}
}
