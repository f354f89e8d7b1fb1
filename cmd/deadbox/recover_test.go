package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"plain.txt":     "plain.txt",
		".hidden":       ".hidden",
		"..":            "%2E%2E",
		".":             "%2E",
		"a\x1b[2Jb":     "a%1B[2Jb",
		"100%":          "100%25",
		`back\slash`:    "back%5Cslash",
		"C:x":           "C%3Ax",
		"\xff\xfe":      "%FF%FE",
		"rtl\u202egpj":  "rtl%E2%80%AEgpj",
		"línea nueva\n": "línea nueva%0A",
	} {
		if got := safeName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	long := strings.Repeat("\x01é", 85)
	a, b := safeName(long), safeName(long+"x")
	if a == b || len(a) > maxSafeName || !utf8.ValidString(a) || !strings.HasPrefix(a, "%01é%01é") {
		t.Errorf("long names: %q, %q", a, b)
	}
	if got := safePath("//a/../b//./c"); got != "a/%2E%2E/b/%2E/c" {
		t.Errorf("path: %q", got)
	}
}

// recoverTo runs recover and reads the manifest.
func recoverTo(t *testing.T, image, dir string) (lines []map[string]any, stdout string, code int) {
	t.Helper()
	var out, stderr bytes.Buffer
	code = run([]string{"recover", image, "-o", dir, "--tz", "UTC"}, strings.NewReader(""), &out, &stderr)
	if code != exitDone {
		return nil, stderr.String(), code
	}
	b, err := os.ReadFile(filepath.Join(dir, "deleted.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, m)
	}
	return lines, out.String(), code
}

func TestRecover(t *testing.T) {
	needTools(t, "mke2fs", "debugfs")
	image := filepath.Join(t.TempDir(), "disk.dd")
	makeServer(t, image, true)
	// A file that stands where a deleted one's directory would, and two of one name.
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte(strings.Repeat("inert content\n", 300)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"write " + data + " /tmp/both", "rm /tmp/both", "write " + data + " /tmp/strange%name", "rm /tmp/strange%name"} {
		tool(t, "debugfs", "-w", "-R", c, image)
	}
	dir := filepath.Join(t.TempDir(), "out")
	lines, stdout, code := recoverTo(t, image, dir)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stdout)
	}
	found := map[string]bool{}
	for _, m := range lines {
		p := m["path"].(string)
		as, ok := m["recovered_as"].(string)
		if !ok {
			t.Errorf("%s was not written: %v", p, m)
			continue
		}
		found[p] = true
		b, err := os.ReadFile(filepath.Join(dir, as))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if hex.EncodeToString(sum[:]) != m["sha256"] {
			t.Errorf("%s: the file's hash is not that of the manifest", p)
		}
		at := m["ranges"].([]any)[0].(map[string]any)
		disk, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if from := int(at["offset"].(float64)); !bytes.HasPrefix(disk[from:], b[:min(len(b), int(at["length"].(float64)))]) {
			t.Errorf("%s: the image does not hold it at %d", p, from)
		}
		if info, err := os.Stat(filepath.Join(dir, as)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", p, info.Mode())
		}
	}
	for _, p := range []string{"/tmp/strange%name"} {
		if !found[p] {
			t.Errorf("%s was not recovered; the list is\n%s", p, stdout)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "recovered/tmp/strange%25name")); err != nil {
		t.Error(err)
	}
	// Nothing is overwritten.
	before := fingerprint(t, filepath.Join(dir, "recovered/tmp"))
	if _, why, code := recoverTo(t, image, dir); code != exitUsage || !strings.Contains(why, "nothing is overwritten") {
		t.Errorf("a second run: exit code %d: %s", code, why)
	}
	if fingerprint(t, filepath.Join(dir, "recovered/tmp")) != before {
		t.Error("the second run changed what the first had written")
	}
}

// TestRecoverPlaces writes where names are in each other's way.
func TestRecoverPlaces(t *testing.T) {
	needTools(t, "mke2fs", "debugfs")
	image := filepath.Join(t.TempDir(), "disk.dd")
	makeServer(t, image, true)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(outside, filepath.Join(dir, "deleted.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, _, code := recoverTo(t, image, dir); code == exitDone {
		t.Error("it wrote through a link")
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("it wrote outside of the folder")
	}
	if err := os.Remove(filepath.Join(dir, "deleted.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, why, code := recoverTo(t, image, dir); code != exitDone {
		t.Errorf("a folder that is not empty: exit code %d: %s", code, why)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "mine")); string(b) != "mine" {
		t.Error("a file of the analyst's was changed")
	}
}

func TestRecoverJSONAndVolume(t *testing.T) {
	needTools(t, "mke2fs", "debugfs")
	image := filepath.Join(t.TempDir(), "disk.dd")
	makeServer(t, image, true)
	var stdout, stderr bytes.Buffer
	if code := run([]string{"recover", image, "--format", "jsonl"}, strings.NewReader(""), &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	m := map[string]any{}
	if err := json.NewDecoder(&stdout).Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m["path"] != "/tmp/gone" || m["grade"] != "complete" || m["kind"] != "deleted" || m["size"] != 5.0 || m["deleted_at"] == nil || m["name_from"] != "slack" {
		t.Errorf("%v", m)
	}
	if code := run([]string{"recover", image, "--volume", "none-such"}, strings.NewReader(""), &stdout, &stderr); code != exitUsage {
		t.Errorf("a volume that is not there: exit code %d", code)
	}
	if code := run([]string{"recover", image, "--format", "xml"}, strings.NewReader(""), &stdout, &stderr); code != exitUsage {
		t.Errorf("a format that is not there: exit code %d", code)
	}
}
