package artifact_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// serverWith makes a server of files, through an image made by mke2fs.
func serverWith(t *testing.T, files map[string][]byte) (*host.Host, []byte) {
	t.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil {
		t.Skip("mke2fs is not installed")
	}
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, "root", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "image")
	if out, err := exec.Command("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-d", filepath.Join(dir, "root"), path, "16384").CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := ext4.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Assemble(context.Background(), []host.Source{{Image: "image", Volume: volume.Volume{Slot: "bare", Length: int64(len(image))}, FS: fsys}})
	if err != nil {
		t.Fatal(err)
	}
	if errs := h.BuildIndexes(context.Background()); len(errs) > 0 {
		t.Fatal(errs)
	}
	return h, image
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// logOf is a log of n lines that are each known by their number.
func logOf(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "2026-03-01T00:%02d:%02d.000000+00:00 web01 sshd[%d]: Server listening on 192.0.2.1 port 22.\n", i/60%60, i%60, i)
	}
	return b.Bytes()
}

func TestExtract(t *testing.T) {
	noise := make([]byte, 128<<10) // what gzip cannot make much shorter
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = "0123456789abcdef"[random.IntN(16)]
	}
	whole := packed(t, append(logOf(2000), noise...))
	h, image := serverWith(t, map[string][]byte{
		"etc/passwd":              []byte("root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"),
		"etc/os-release":          []byte("ID=debian\n"),
		"var/log/auth.log":        logOf(1000),
		"var/log/auth.log.1":      logOf(3),
		"var/log/auth.log.2.gz":   packed(t, logOf(500)),
		"var/log/auth.log.3.gz":   whole[:len(whole)-20<<10],
		"root/.bash_history":      []byte("id\nuname -a\n"),
		"home/alice/.zsh_history": []byte("ls\n"),
		"home/bob/.bash_history":  []byte("whoami\n"), // a home that passwd does not name
	})
	want := map[string]int{
		"/var/log/auth.log": 1000, "/var/log/auth.log.1": 3, "/var/log/auth.log.2.gz": 500,
		"/root/.bash_history": 2, "/home/alice/.zsh_history": 1, "/home/bob/.bash_history": 1,
	}
	var first []string
	for _, procs := range []int{1, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		got := map[string]int{}
		var order []string
		damaged := 0
		for r, err := range artifact.Extract(context.Background(), h, artifact.All) {
			if err != nil {
				damaged++
				if !strings.Contains(err.Error(), "/var/log/auth.log.3.gz") {
					t.Errorf("damage where there is none: %v", err)
				}
				continue
			}
			ev := r.Evidence
			got[ev.Path]++
			order = append(order, fmt.Sprintf("%s:%d %s", ev.Path, ev.Line, r.Summary))
			if ev.Packed == "" && ev.Line > 0 && r.Kind == timeline.KindAuth {
				line := image[ev.Offset : ev.Offset+ev.Length]
				if !bytes.HasPrefix(line, []byte("2026-03-01T")) || bytes.IndexByte(line, '\n') >= 0 {
					t.Fatalf("%s:%d: the evidence leads to %q", ev.Path, ev.Line, line)
				}
			}
		}
		for path, n := range want {
			if got[path] != n {
				t.Errorf("%d workers: %d records of %s, want %d", procs, got[path], path, n)
			}
		}
		if n := got["/var/log/auth.log.3.gz"]; n < 2000 {
			t.Errorf("%d records of the gzip file that is cut short, want the 2000 that can be unpacked", n)
		}
		if damaged == 0 {
			t.Error("the gzip file that is cut short is no damage")
		}
		if first == nil {
			first = order
		} else if strings.Join(first, "\n") != strings.Join(order, "\n") {
			t.Error("the number of workers changes the records or their order")
		}
	}
}

// TestExtractStops leaves the loop while files are being read.
func TestExtractStops(t *testing.T) {
	h, _ := serverWith(t, map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n"), "var/log/auth.log": logOf(30000), "var/log/auth.log.1": logOf(30000)})
	before := runtime.NumGoroutine()
	for i := range 20 {
		n := 0
		for range artifact.Extract(context.Background(), h, artifact.All) {
			if n++; n > i*100 {
				break
			}
		}
	}
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > before+4 {
		t.Errorf("%d goroutines were left behind", now-before)
	}
}

// TestOpenLargePacked reads a packed file that is too large to be kept
// unpacked, forwards and backwards.
func TestOpenLargePacked(t *testing.T) {
	const size = 40 << 20
	data := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		copy(data[i:], fmt.Sprintf("block %d\n", i/4096))
	}
	h, _ := serverWith(t, map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n"), "var/log/big.gz": packed(t, data)})
	src, err := artifact.Open(h, "/var/log/big.gz")
	if err != nil {
		t.Fatal(err)
	}
	if src.Packed != "gzip" || src.Size != size {
		t.Fatalf("packed %q, %d bytes, want gzip and %d", src.Packed, src.Size, int64(size))
	}
	buf := make([]byte, 10000)
	for _, off := range []int64{0, 5 << 20, 39 << 20, 1 << 20, size - 5000} {
		n, err := src.Data.ReadAt(buf, off)
		if want := min(int64(len(buf)), size-off); int64(n) != want || (err == nil) != (want == int64(len(buf))) || err != nil && err != io.EOF {
			t.Fatalf("at %d: %d bytes, %v", off, n, err)
		}
		if !bytes.Equal(buf[:n], data[off:off+int64(n)]) {
			t.Errorf("at %d: other bytes", off)
		}
	}
	if ev := src.Evidence(100, 10, 7); ev.Line != 7 || ev.Packed != "gzip" || ev.Offset < 0 || ev.Length == 10 {
		t.Errorf("evidence of a line in a packed file: %+v", ev)
	}
}
