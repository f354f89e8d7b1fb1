package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCreateOutput(t *testing.T) {
	dir := t.TempDir()
	evidence := filepath.Join(dir, "disk.dd")
	if err := os.WriteFile(evidence, []byte("evidence"), 0o644); err != nil {
		t.Fatal(err)
	}
	link, hard, other := filepath.Join(dir, "link"), filepath.Join(dir, "hard"), filepath.Join(dir, "other")
	if err := os.Symlink("disk.dd", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(evidence, hard); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("something longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		for _, path := range []string{evidence, link, hard} {
			if f, err := createOutput(path, force, []string{evidence}); err == nil {
				f.Close()
				t.Errorf("force %v: %s was opened for writing", force, path)
			}
		}
	}
	if b, _ := os.ReadFile(evidence); !bytes.Equal(b, []byte("evidence")) {
		t.Errorf("the evidence is %q now", b)
	}
	if f, err := createOutput(other, false, []string{evidence}); err == nil {
		f.Close()
		t.Error("an existing file was opened without force")
	}
	f, err := createOutput(other, true, []string{evidence})
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("short")
	f.Close()
	if b, _ := os.ReadFile(other); string(b) != "short" {
		t.Errorf("the file overwritten is %q", b)
	}
}

func TestSparseWriter(t *testing.T) {
	a := newApp(nil, &bytes.Buffer{}, os.Getenv)
	path := filepath.Join(t.TempDir(), "out")
	opts := outputOptions{format: "raw", formats: []string{"raw"}, path: path}
	err := a.withOutput(&opts, nil, func(o *output) error {
		w := &sparseWriter{o: o}
		w.Write([]byte("head"))
		w.zeros(1 << 20)
		w.Write([]byte("mid"))
		w.zeros(3)
		w.zeros(1 << 20)
		return w.close()
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := append(append([]byte("head"), make([]byte, 1<<20)...), "mid"...)
	want = append(want, make([]byte, 1<<20+3)...)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d; or they differ", len(got), len(want))
	}
}
