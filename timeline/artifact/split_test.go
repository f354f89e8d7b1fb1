package artifact_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/ext4"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// lines is an extractor of lines, that may be read in parts or not.
func lines(split *timeline.Split) *timeline.Extractor {
	return &timeline.Extractor{
		Name: "lines", Doc: "x", Paths: []string{"/var/log/*"}, Split: split,
		Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
			return func(yield func(timeline.Record, error) bool) {
				for l, err := range timeline.Lines(ctx, s) {
					r := timeline.Record{}
					if err == nil {
						r = timeline.Record{Kind: "line", Summary: string(l.Text), Evidence: l.Evidence()}
						if l.Partial {
							r.Summary += " (partial)"
						}
						if s.Prepared != nil {
							r.Summary += fmt.Sprint(" ", s.Prepared)
						}
					}
					if !yield(r, err) {
						return
					}
				}
			}
		},
	}
}

func all(h *host.Host, e *timeline.Extractor) (out []string) {
	for r, err := range artifact.Extract(context.Background(), h, []*timeline.Extractor{e}) {
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		s := r.Summary
		if len(s) < 3 && r.Evidence.Line%1000 != 0 {
			continue // of the many empty lines some will do
		}
		if len(s) > 60 {
			s = fmt.Sprintf("%s... %d", s[:60], len(s))
		}
		out = append(out, fmt.Sprintf("%s:%d@%d+%d %s", r.Evidence.Path, r.Evidence.Line, r.Evidence.Offset, r.Evidence.Length, s))
	}
	return out
}

// TestSplit reads files in parts: lines, their numbers and places, and damage
// are as without.
func TestSplit(t *testing.T) {
	var log bytes.Buffer
	for i := range 60000 {
		fmt.Fprintf(&log, "line %d %s\n", i, strings.Repeat("x", i%97))
		switch i {
		case 5000:
			log.WriteString(strings.Repeat("\x00", 1<<20) + "\n")
		case 20000:
			log.WriteString(strings.Repeat("y", 1300<<10) + "\n")
		case 30000:
			log.WriteString("\n\n\r\n" + strings.Repeat("\n", 600<<10)) // more than a part of empty lines
		}
	}
	log.WriteString("without an end")
	var z bytes.Buffer
	zip := gzip.NewWriter(&z)
	zip.Write(log.Bytes())
	zip.Close()
	h, _ := serverWith(t, map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n"), "var/log/a": log.Bytes(), "var/log/b.gz": z.Bytes(), "var/log/c": []byte("small\n")})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	want := all(h, lines(nil))
	if len(want) < 120000+2*600 {
		t.Fatalf("%d records", len(want))
	}
	same := func(name string, got, want []string) {
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s: %d records, want %d; number %d is\n%s\nwant\n%s", name, len(got), len(want), i, strings.Join(got[i:min(i+1, len(got))], ""), strings.Join(want[i:min(i+1, len(want))], ""))
			}
		}
	}
	same("in parts", all(h, lines(&timeline.Split{})), want)
	same("where a line may begin a part", all(h, lines(&timeline.Split{Begins: func(l []byte) bool { return bytes.HasPrefix(l, []byte("line")) && bytes.Contains(l, []byte("00 ")) }})), want)
	same("where none may", all(h, lines(&timeline.Split{Begins: func([]byte) bool { return false }})), want)
	prepared := all(h, lines(&timeline.Split{Prepare: func(_ context.Context, s *timeline.Source) (any, bool) { return "p", s.Packed == "" }}))
	if !slices.ContainsFunc(prepared, func(s string) bool { return strings.HasSuffix(s, " without an end p") }) {
		t.Error("what was prepared does not reach the parts")
	}
}

// TestPacked reads a log that was packed by each program that logrotate is told to use,
// whole and damaged.
func TestPacked(t *testing.T) {
	text := logOf(3000)
	files := map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n")}
	formats := map[string]string{"gzip": "gz", "xz": "xz", "bzip2": "bz2", "zstd": "zst", "lz4": "lz4"}
	for program, ext := range formats {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
		cmd := exec.Command(program, "-c")
		cmd.Stdin = bytes.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(program, err)
		}
		files["var/log/auth.log."+fmt.Sprint(len(program))+program+"."+ext] = out
		files["var/log/secure-"+program+"."+ext] = out[:len(out)/2]
	}
	h, image := serverWith(t, files)
	got, damage := map[string]int{}, map[string]int{}
	for r, err := range artifact.Extract(context.Background(), h, artifact.All) {
		if err != nil {
			for program, ext := range formats {
				if strings.Contains(err.Error(), "/secure-"+program+"."+ext) {
					damage[program]++
				}
			}
			continue
		}
		if !strings.HasPrefix(r.Evidence.Path, "/var/log/auth.log") {
			continue
		}
		got[r.Evidence.Packed]++
		ext := formats[r.Evidence.Packed]
		whole := files["var/log/auth.log."+fmt.Sprint(len(r.Evidence.Packed))+r.Evidence.Packed+"."+ext]
		if at := image[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]; !bytes.Equal(at, whole) || r.Evidence.Line == 0 {
			t.Fatalf("%s: the evidence is not the packed file", r.Evidence.Packed)
		}
	}
	for program := range formats {
		if got[program] != 3000 {
			t.Errorf("%s: %d records, want 3000", program, got[program])
		}
		if damage[program] == 0 {
			t.Errorf("%s: a file that is cut short is no damage", program)
		}
	}
}

// TestFilesOrder wants the logs of a family from the oldest to the newest.
func TestFilesOrder(t *testing.T) {
	files := map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n")}
	want := strings.Fields("/var/log/auth.log.10.gz /var/log/auth.log.9.gz /var/log/auth.log.2.gz /var/log/auth.log.1 /var/log/auth.log /var/log/secure-20231231 /var/log/secure-20240107.xz /var/log/secure")
	for i, p := range want {
		files[p[1:]] = fmt.Appendf(nil, "%d\n", i)
	}
	h, _ := serverWith(t, files)
	for _, e := range artifact.All {
		if e.Name == "auth-log" {
			if got := artifact.Files(h, e); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		}
	}
}

// TestNamed reads files that only a configuration names, once, and not those of others.
func TestNamed(t *testing.T) {
	h, _ := serverWith(t, map[string][]byte{
		"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"), "etc/app.conf": []byte("x"), "etc/shadow": []byte("root:*:1::::::\n"),
		"srv/log/app.log": []byte("a\n"), "srv/log/app.log.1": []byte("b\n"), "srv/log/app.log.bak": []byte("no\n"), "home/alice/app": []byte("c\n"), "var/log/auth.log": []byte("no\n"), "var/log/x": []byte("d\n"),
	})
	e := lines(nil)
	e.Paths, e.NamedIn = []string{"/var/log/x"}, []string{"/etc/app.conf", "/etc/missing.conf"}
	e.Named = func(s *timeline.Source) []string {
		return append(timeline.Rotated("/srv/log/app.log"), "~/app", "/var/log/x", "/var/log/auth.log", "/etc/shadow", "/**/x", "relative", "/dev/null", "/proc/*", "/[", "/etc/../etc/passwd", "/")
	}
	want := []string{"/home/alice/app", "/srv/log/app.log.1", "/srv/log/app.log", "/var/log/x"}
	if got := artifact.Files(h, e); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	e.Rest, e.Named, e.Paths = true, nil, []string{"/var/log/*", "/etc/passwd"}
	if got, want := artifact.Files(h, e), []string{"/var/log/x"}; !slices.Equal(got, want) {
		t.Errorf("the rest: %q, want %q", got, want)
	}
}

// TestKeys leads fingerprints in lines of sshd back to the keys.
func TestKeys(t *testing.T) {
	const ed = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	const print, md5 = "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk", "3d:52:38:ce:ff:94:f5:d7:81:a4:a4:f9:2b:4f:fe:a0"
	line := func(account, key string) string {
		return "2026-03-01T00:00:00+00:00 h sshd[1]: Accepted publickey for " + account + " from 192.0.2.1 port 7 ssh2: " + key + "\n"
	}
	h, _ := serverWith(t, map[string][]byte{
		"etc/passwd":                      []byte("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"),
		"etc/ssh/sshd_config":             []byte("AuthorizedKeysFile /srv/keys/%u .ssh/authorized_keys\n"),
		"home/alice/.ssh/authorized_keys": []byte("ssh-ed25519 " + ed + " of alice\n"),
		"srv/keys/bob":                    []byte("ssh-ed25519 " + ed + " of bob\n"),
		"var/log/auth.log":                []byte(line("alice", "ED25519 "+print) + line("bob", "ED25519 MD5:"+md5) + line("carol", "ED25519 "+md5) + line("root", "ED25519 SHA256:other")),
	})
	want := "alice:of alice:/home/alice/.ssh/authorized_keys bob:of bob:/srv/keys/bob carol:of alice:/home/alice/.ssh/authorized_keys root::"
	auth := slices.IndexFunc(artifact.All, func(e *timeline.Extractor) bool { return e.Name == "auth-log" })
	for _, list := range [][]*timeline.Extractor{artifact.All, {artifact.All[auth]}} {
		var got []string
		for r, err := range artifact.Extract(context.Background(), h, list) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind == timeline.KindAuth {
				got = append(got, r.Fields["account"]+":"+r.Fields["key_comment"]+":"+r.Fields["key_path"])
			}
			if r.Kind == timeline.KindAuthorizedKey && len(list) == 1 {
				t.Error("keys were not asked for")
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// bigServer makes a server with one large file.
func bigServer(b *testing.B, name string, data []byte) *host.Host {
	b.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil {
		b.Skip("mke2fs is not installed")
	}
	dir := b.TempDir()
	for p, text := range map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n"), name: data} {
		p = filepath.Join(dir, "root", p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, text, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	image := filepath.Join(dir, "image")
	if out, err := exec.Command("mke2fs", "-q", "-F", "-t", "ext4", "-d", filepath.Join(dir, "root"), image, fmt.Sprint(len(data)/1024+40<<10)).CombinedOutput(); err != nil {
		b.Fatalf("mke2fs: %v\n%s", err, out)
	}
	f, err := os.Open(image)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	fsys, err := ext4.Open(f, info.Size())
	if err != nil {
		b.Fatal(err)
	}
	h, err := host.Assemble(context.Background(), []host.Source{{Image: "image", Volume: volume.Volume{Slot: "bare", Length: info.Size()}, FS: fsys}})
	if err != nil {
		b.Fatal(err)
	}
	if errs := h.BuildIndexes(context.Background()); len(errs) > 0 {
		b.Fatal(errs)
	}
	return h
}

// BenchmarkExtract reads 200 MB of access log, of the auth log, and of the system's log.
func BenchmarkExtract(b *testing.B) {
	logs := map[string]func(i int) string{
		"/var/log/nginx/access.log": func(i int) string {
			return fmt.Sprintf("192.0.2.%d - - [02/Jan/2024:03:%02d:%02d +0000] \"GET /index.php?id=%d HTTP/1.1\" 200 %d \"https://www.example.org/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\"\n", i%250, i/60%60, i%60, i, i*7%9000)
		},
		"/var/log/auth.log": func(i int) string {
			return fmt.Sprintf("2024-01-02T03:%02d:%02d.000000+00:00 web01 sshd[%d]: Failed password for invalid user u%d from 192.0.2.%d port %d ssh2\n", i/60%60, i%60, i%30000, i%100, i%250, 1024+i%60000)
		},
		"/var/log/syslog": func(i int) string {
			return fmt.Sprintf("%s web01 systemd[1]: Started Session %d of User www-data with some words that make it as long as lines are.\n", time.Unix(int64(i/10), 0).UTC().Format(time.Stamp), i)
		},
	}
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		b.Run(name[strings.LastIndexByte(name, '/')+1:], func(b *testing.B) {
			var log bytes.Buffer
			for i := 0; log.Len() < 200<<20; i++ {
				log.WriteString(logs[name](i))
			}
			h := bigServer(b, name, log.Bytes())
			b.SetBytes(int64(log.Len()))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range artifact.Extract(context.Background(), h, artifact.All) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n < 100000 {
					b.Fatal(n, "records")
				}
			}
		})
	}
}
