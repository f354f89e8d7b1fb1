package main

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInvestigateDeleted: what was deleted stands among the records and in the
// report, as recover lists it.
func TestInvestigateDeleted(t *testing.T) {
	packed, err := os.Open(filepath.Join("..", "..", "fs", "deleted", "testdata", "small.img.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, b, 0o444); err != nil {
		t.Fatal(err)
	}
	listed, _ := deadbox(t, exitDone, "recover", image, "--format", "jsonl", "-q")
	var out, errs strings.Builder
	if code := run([]string{"investigate", image, "-o", filepath.Join(dir, "case"), "-q"}, strings.NewReader(""), &out, &errs); code != exitDone && code != exitFindings {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	records, err := os.ReadFile(filepath.Join(dir, "case", "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for line := range strings.Lines(string(records)) {
		var r struct {
			Kind     string
			Fields   map[string]string
			Evidence struct{ Offset, Length int64 }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind == "deleted" {
			told[r.Fields["path"]+" "+r.Fields["grade"]] = true
			if end := r.Evidence.Offset + r.Evidence.Length; r.Evidence.Offset < 0 || end > int64(len(b)) {
				t.Errorf("%s: evidence %+v", r.Fields["path"], r.Evidence)
			}
		}
	}
	n := 0
	for line := range strings.Lines(listed) {
		var f struct{ Path, Grade string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if n++; !told[f.Path+" "+f.Grade] {
			t.Errorf("%s (%s) is not among the records", f.Path, f.Grade)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "case", "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if n < 3 || !strings.Contains(string(text), "Deleted files, the last first") {
		t.Errorf("%d files\n%s", n, text)
	}
}
