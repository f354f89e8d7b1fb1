package carved_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/carved"
)

// raw carves bytes in memory, without a server.
func raw(t testing.TB, data []byte, change func(*carved.Area)) []timeline.Record {
	t.Helper()
	a := carved.Raw(carved.Swap, "disk.dd", "gpt:2", bytes.NewReader(data), 1<<20, int64(len(data)))
	if change != nil {
		change(a)
	}
	var out []timeline.Record
	for rec, err := range carved.Records(t.Context(), nil, []*carved.Area{a}, carved.Options{}) {
		if err != nil {
			t.Error(err)
			continue
		}
		out = append(out, rec)
	}
	return out
}

func block(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		b := make([]byte, (len(p)+4095)/4096*4096)
		copy(b, p)
		out = append(out, b...)
	}
	return out
}

// Every kind that is listed can be found, and every extractor that lines are
// handed to is there.
func TestKinds(t *testing.T) {
	known := map[string]bool{}
	for _, e := range artifact.All {
		known[e.Name] = true
	}
	samples := map[string]string{
		"syslog":          "Mar  3 10:00:00 web cron[12]: (root) CMD (true)\n",
		"web-access":      "192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET / HTTP/1.1\" 200 12\n",
		"web-error":       "2024/03/03 10:00:00 [error] 12#12: *1 open() \"/srv/x\" failed (2: No such file or directory)\n",
		"dpkg":            "2024-03-03 10:00:00 install tree:amd64 <none> 2.0\n",
		"apt":             "Start-Date: 2024-03-03  10:00:00\nInstall: tree:amd64 (2.0)\nEnd-Date: 2024-03-03  10:00:01\n",
		"auditd":          "type=USER_LOGIN msg=audit(1710000000.123:45): pid=1 uid=0 res=success\n",
		"docker-log":      `{"log":"hello there\n","stream":"stdout","time":"2024-03-03T10:00:00.000000001Z"}` + "\n",
		"cri-log":         "2024-03-03T10:00:00.000000001Z stdout F hello there\n",
		"shell-history":   ": 1710000000:0;id\n: 1710000001:0;w\n",
		"cron":            "*/5 * * * * /usr/bin/true\n",
		"authorized-keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl test@example.org\n",
		"pacman":          "[2024-03-03T10:00:00+0000] [ALPM] installed tree (2.0-1)\n",
	}
	for kind, sample := range samples {
		if !known[kind] {
			t.Errorf("no extractor %q", kind)
		}
		recs := raw(t, block(sample), nil)
		if len(recs) == 0 {
			t.Errorf("%s: nothing is found in %q", kind, sample)
		}
		for _, r := range recs {
			if r.Extractor != kind || r.Fields["recovered"] != carved.Swap {
				t.Errorf("%s: %s %q %v", kind, r.Extractor, r.Summary, r.Fields)
			}
		}
	}
	for _, k := range carved.Kinds() {
		if known[k] && samples[k] == "" && k != "utmp" && k != "journald" {
			t.Errorf("no sample of %s", k)
		}
	}
}

func TestYears(t *testing.T) {
	line := block("Mar  3 10:00:00 web cron[12]: (root) CMD (true)\n")
	recs := raw(t, line, nil)
	if len(recs) != 1 || len(recs[0].Stamps) != 0 || !strings.Contains(recs[0].Fields["note"], "year is not known") {
		t.Errorf("without a bound: %+v", recs)
	}
	at := func(s string) filesystem.Time {
		w, err := time.Parse("2006-01-02", s)
		if err != nil {
			t.Fatal(err)
		}
		return filesystem.Time{Known: true, Sec: w.Unix()}
	}
	recs = raw(t, line, func(a *carved.Area) { a.Created, a.Written = at("2023-06-01"), at("2025-01-05") })
	if len(recs) != 1 || len(recs[0].Stamps) != 1 || recs[0].Stamps[0].When.Year() != 2024 || !strings.Contains(recs[0].Stamps[0].Note, "last write") {
		t.Errorf("with bounds: %+v", recs)
	}
	recs = raw(t, line, func(a *carved.Area) { a.Created, a.Written = at("2024-06-01"), at("2025-01-05") })
	if len(recs) != 1 || len(recs[0].Stamps) != 0 || recs[0].Fields["note"] == "" {
		t.Errorf("with no year between: %+v", recs)
	}
}

func TestCopies(t *testing.T) {
	line := "2024-03-03T10:00:00+00:00 web sshd[5]: Failed password for bob from 192.0.2.9 port 22 ssh2\n"
	recs := raw(t, block(line, "\xff\x01binary", line, line), nil)
	if len(recs) != 1 || recs[0].Fields["copies"] != "3" || recs[0].Evidence.Offset != 1<<20 || recs[0].Evidence.Length != int64(len(line)-1) {
		t.Errorf("%+v", recs)
	}
}

// Lines over the ends of what one worker reads are whole, whatever the number of workers.
func TestChunks(t *testing.T) {
	var b bytes.Buffer
	n := 0
	for b.Len() < 9<<20 {
		b.WriteString(authLine(1+n/3600%28, n, fmt.Sprintf("user%d", n)))
		n++
	}
	var first []timeline.Record
	for _, procs := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		recs := raw(t, b.Bytes(), nil)
		if len(recs) != n {
			t.Fatalf("%d workers: %d lines, want %d", procs, len(recs), n)
		}
		for i := range recs {
			if recs[i].Fields["account"] != fmt.Sprintf("user%d", i) || first != nil && first[i].Evidence != recs[i].Evidence {
				t.Fatalf("%d workers: line %d is %v at %d", procs, i, recs[i].Fields, recs[i].Evidence.Offset)
			}
		}
		first = recs
	}
}

// bad is a disk with a place that cannot be read.
type bad struct {
	io.ReaderAt
	from, to int64
}

func (b bad) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && off+int64(len(p)) > b.from {
		n := max(b.from-off, 0)
		got, _ := b.ReaderAt.ReadAt(p[:n], off)
		return got, errors.New("medium error")
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestUnreadable(t *testing.T) {
	line := func(n int) string { return authLine(3, n, "bob") }
	data := block(line(0), line(1), line(2), line(3))
	a := carved.Raw(carved.Gap, "disk.dd", "gap:1", bad{bytes.NewReader(data), 4096, 8192}, 0, int64(len(data)))
	lines, errs := 0, 0
	for rec, err := range carved.Records(t.Context(), nil, []*carved.Area{a}, carved.Options{}) {
		var re *carved.ReadError
		switch {
		case errors.As(err, &re):
			if errs++; re.Offset != 4096 || re.Length != 4096 {
				t.Errorf("lost: %v", re)
			}
		case err != nil:
			t.Error(err)
		case rec.Fields["account"] == "bob":
			lines++
		}
	}
	if lines != 3 || errs != 1 {
		t.Errorf("%d lines and %d errors, want 3 and 1", lines, errs)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(block("#1710000000\nid\n#1710000001\nw\n", authLine(1, 1, "x"), fakeKey, "#!/bin/sh\necho\n"))
	f.Add(loginRecord(1))
	f.Add(block("LPKSHHRH", "\x7fELF\x02\x01\x01", "\x1f\x8b\x08", "SQLite format 3\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		for _, r := range raw(t, data, nil) {
			if r.Evidence.Offset < 1<<20 && r.Evidence.Offset != -1 || r.Evidence.Offset+r.Evidence.Length > 1<<20+int64(len(data)) {
				t.Errorf("%s %q lies at %d, %d", r.Kind, r.Summary, r.Evidence.Offset, r.Evidence.Length)
			}
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	data := make([]byte, 64<<20)
	x := uint64(1)
	for i := range data { // as good as packed
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		data[i] = byte(x)
	}
	for at := 0; at < len(data); at += 1 << 20 {
		copy(data[at:], authLine(1, at>>20, "bob"))
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if n := len(raw(b, data, nil)); n == 0 {
			b.Fatal("nothing found")
		}
	}
}
