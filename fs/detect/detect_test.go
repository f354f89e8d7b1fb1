package detect

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"deadbox/fs/filesystem"
)

func TestOpenNothing(t *testing.T) {
	for _, b := range [][]byte{nil, make([]byte, 512), bytes.Repeat([]byte{0xff}, 1<<16)} {
		fsys, err := Open(bytes.NewReader(b), int64(len(b)))
		if fsys != nil || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%d bytes of nothing: %v, %v", len(b), fsys, err)
		}
		if err != nil && !strings.Contains(err.Error(), "ext2, ext3, ext4") {
			t.Errorf("the error does not say what was tried: %v", err)
		}
	}
}

func TestOpenOrder(t *testing.T) {
	var asked []string
	refuse := func(name string) format {
		return format{name, func(io.ReaderAt, int64) (filesystem.FileSystem, error) {
			asked = append(asked, name)
			return nil, errors.New("not " + name)
		}}
	}
	type fake struct{ filesystem.FileSystem }
	accept := format{"c", func(io.ReaderAt, int64) (filesystem.FileSystem, error) { return fake{}, nil }}
	fsys, err := openAny([]format{refuse("a"), refuse("b"), accept, refuse("d")}, nil, 0)
	if err != nil || fsys != (fake{}) || strings.Join(asked, "") != "ab" {
		t.Errorf("got %v, %v after asking %v", fsys, err, asked)
	}
	_, err = openAny([]format{refuse("a"), refuse("b")}, nil, 0)
	if err == nil || !strings.Contains(err.Error(), "not a") || !strings.Contains(err.Error(), "not b") {
		t.Errorf("the error does not hold what each format said: %v", err)
	}
}

func TestFormats(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range formats {
		if f.name == "" || f.open == nil || seen[f.name] {
			t.Errorf("format %q is not whole, or twice in the list", f.name)
		}
		seen[f.name] = true
	}
}

func TestOpenExt(t *testing.T) {
	mkfs, err := exec.LookPath("mke2fs")
	if err != nil {
		if mkfs = "/usr/sbin/mke2fs"; !exists(mkfs) {
			t.Skip("mke2fs is not installed")
		}
	}
	for _, kind := range []string{"ext2", "ext3", "ext4"} {
		img := filepath.Join(t.TempDir(), kind)
		if out, err := exec.Command(mkfs, "-q", "-F", "-t", kind, img, "8M").CombinedOutput(); err != nil {
			t.Fatalf("mke2fs: %v\n%s", err, out)
		}
		f, err := os.Open(img)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fsys, err := Open(f, 8<<20)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if got := fsys.Info().Type; got != kind {
			t.Errorf("%s is taken for %s", kind, got)
		}
	}
}

func exists(p string) bool { _, err := os.Stat(p); return err == nil }
