package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// members reads the names and contents of a packed tarball.
func members(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(b)
	}
}

func TestCollect(t *testing.T) {
	for _, prog := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip(prog + " is not installed")
		}
	}
	dir := t.TempDir()
	img := filepath.Join(dir, "disk.dd")
	makeServer(t, img, true)
	collect := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(append([]string{"collect"}, args...), strings.NewReader(""), &o, &e); code != want {
			t.Fatalf("collect %q: exit code %d, want %d\n%s", args, code, want, e.String())
		}
		return o.String(), e.String()
	}
	out := filepath.Join(dir, "web01.tar.gz")
	collect(exitDone, img, "-o", out)
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out + ".partial"); err == nil {
		t.Error("the file that was written to is still there")
	}
	names := members(t, bytes.NewReader(written))
	for _, want := range []string{"[root]/etc/shadow", "[root]/root/.bash_history", "[root]/tmp/.hidden/run.sh", "0_ERRORS.txt", "1_TREE.txt", "bodyfile/bodyfile.txt", "manifest.jsonl",
		"hash_executables/hash_executables.sha256", "collection.json", "uac.log"} {
		if _, ok := names[want]; !ok {
			t.Errorf("%s is not in the tarball", want)
		}
	}
	// The body file is that of the timeline.
	var body, messages bytes.Buffer
	if code := run([]string{"timeline", "--format", "body", img}, strings.NewReader(""), &body, &messages); code != exitDone {
		t.Fatalf("timeline: exit code %d\n%s", code, messages.String())
	}
	if names["bodyfile/bodyfile.txt"] != body.String() {
		t.Error("the body file is not what \"timeline --format body\" writes")
	}
	stdout, _ := collect(exitDone, img, "-o", "-")
	if stdout != string(written) {
		t.Error("standard output gets other bytes than a file")
	}

	// Nothing is overwritten, the evidence never.
	if _, e := collect(exitUsage, img, "-o", out); !strings.Contains(e, "exists") {
		t.Errorf("stderr: %s", e)
	}
	collect(exitDone, img, "-o", out, "--force", "--no-hash")
	if again, err := os.ReadFile(out); err != nil || bytes.Equal(again, written) {
		t.Errorf("--force did not replace the tarball: %v", err)
	}
	if _, e := collect(exitUsage, img, "-o", img, "--force"); !strings.Contains(e, "evidence") {
		t.Errorf("stderr: %s", e)
	}
	collect(exitUsage, img, "-o", dir, "--force")
	collect(exitUsage, img)
	collect(exitUsage, img, "-o", out, "--force", "--max-file", "many")
	collect(exitUsage, img, "-o", out, "--force", "--since", "yesterday")
	collect(exitUsage, img, "-o", out, "--force", "--since", "2024-01-02", "--until", "2024-01-01")
	collect(exitFailed, img, "-o", filepath.Join(dir, "clam.tar.gz"), "--clamav", filepath.Join(dir, "no.socket"))
	if _, err := os.Stat(filepath.Join(dir, "clam.tar.gz.partial")); err == nil {
		t.Error("an empty file was left behind")
	}

	// What is left out for its size makes the collection a partial one.
	if _, e := collect(exitPartial, img, "-o", out, "--force", "--max-file", "10"); !strings.Contains(e, "left out") {
		t.Errorf("stderr: %s", e)
	}

	exclude := filepath.Join(dir, "exclude")
	if err := os.WriteFile(exclude, []byte("# secrets\n/etc/shadow\n/home/*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "x.tar")
	collect(exitDone, img, "-o", plain, "--exclude", exclude)
	b, err := os.ReadFile(plain)
	if err != nil || bytes.Contains(b, []byte("[root]/etc/shadow")) || bytes.Contains(b, []byte(".bash_history\x00")) && bytes.Contains(b, []byte("[root]/home/alice")) || !bytes.Contains(b, []byte("[root]/etc/passwd")) {
		t.Errorf("--exclude: %v", err)
	}

	// A collection stands for the image it was made of.
	out2 := filepath.Join(dir, "again.tar.gz")
	collect(exitDone, plain, "-o", out2)
	f, err := os.Open(out2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if again := members(t, f); again["[root]/etc/passwd"] != names["[root]/etc/passwd"] {
		t.Error("a collection of a collection is another one")
	}
}

func TestCollectFindings(t *testing.T) {
	if _, err := exec.LookPath("mke2fs"); err != nil {
		t.Skip("mke2fs is not installed")
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for name, content := range map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "dev/.x/data": "inert\n"} {
		p := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var o, e bytes.Buffer
	link := filepath.Join(dir, "link")
	if err := os.Symlink(tree, link); err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{filepath.Join(tree, "x.tar.gz"), filepath.Join(tree, "etc", "x.tar.gz"), filepath.Join(link, "dev", ".x", "x.tar.gz")} {
		if code := run([]string{"collect", tree, "-o", inside}, strings.NewReader(""), &o, &e); code != exitUsage {
			t.Fatalf("%s, which lies in the evidence, was written: exit code %d\n%s", inside, code, e.String())
		}
	}
	if code := run([]string{"collect", tree, "-o", filepath.Join(dir, "x.tar.gz"), "--rootkits"}, strings.NewReader(""), &o, &e); code != exitFindings {
		t.Fatalf("exit code %d\n%s", code, e.String())
	}
	if !strings.Contains(e.String(), "/dev/.x/data") {
		t.Errorf("stderr: %s", e.String())
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"10": 10, "2G": 2 << 30, "5m": 5 << 20, "1KB": 1 << 10, "x": -1, "-1": -1, "9999999999G": -1, "1Q": -1, "": -1} {
		n, err := parseBytes(s)
		if err != nil {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", s, n, want)
		}
	}
}
