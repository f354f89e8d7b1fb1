package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
	"deadbox/image/volume"
)

// tree is a directory to make an image of: paths end in "/" for directories,
// values begin with "-> " for symbolic links.
type tree map[string]string

func mke2fs(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"/usr/sbin/mke2fs", "/sbin/mke2fs"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	p, err := exec.LookPath("mke2fs")
	if err != nil {
		t.Skip("mke2fs is not installed")
	}
	return p
}

// makeFS makes a file system of a tree with mke2fs and opens it.
func makeFS(t testing.TB, files tree, args ...string) *ext4.FS {
	t.Helper()
	mkfs := mke2fs(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write(t, root, files)
	img := filepath.Join(dir, "img")
	all := append([]string{"-q", "-F", "-t", "ext4", "-b", "1024", "-I", "256", "-O", "^has_journal", "-d", root}, args...)
	if out, err := exec.Command(mkfs, append(all, img, "8M")...).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	return openFS(t, img)
}

func openFS(t testing.TB, img string) *ext4.FS {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := ext4.Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

func write(t testing.TB, root string, files tree) {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for p, v := range files {
		full := filepath.Join(root, p)
		var err error
		switch {
		case p[len(p)-1] == '/':
			err = os.MkdirAll(full, 0o755)
		default:
			if err = os.MkdirAll(filepath.Dir(full), 0o755); err == nil {
				if len(v) > 3 && v[:3] == "-> " {
					err = os.Symlink(v[3:], full)
				} else {
					err = os.WriteFile(full, []byte(v), 0o644)
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// source is a file system at a slot of an image.
func source(fsys filesystem.FileSystem, image, slot string) Source {
	return Source{Image: image, FS: fsys, Volume: volume.Volume{Slot: slot, Offset: 1 << 20, Length: fsys.Info().Size, Allocated: true}}
}

func assemble(t testing.TB, sources ...Source) *Host {
	t.Helper()
	h, err := Assemble(context.Background(), sources)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// both runs a test before and after the indexes are built.
func both(t *testing.T, h *Host, run func(t *testing.T, h *Host)) {
	t.Run("without index", func(t *testing.T) { run(t, h) })
	if errs := h.BuildIndexes(context.Background()); len(errs) > 0 {
		t.Fatal(errs)
	}
	t.Run("with index", func(t *testing.T) { run(t, h) })
}
