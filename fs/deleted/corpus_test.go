package deleted_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"deadbox/fs/deleted"
	"deadbox/fs/ext4"
)

// TestCorpus searches the damaged images of e2fsprogs.
func TestCorpus(t *testing.T) {
	list, _ := filepath.Glob("../../../shared/data/images/e2fsprogs/*/image.gz")
	if len(list) == 0 {
		t.Skip("the images of e2fsprogs are not here")
	}
	opened := 0
	for _, p := range list {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			f.Close()
			continue
		}
		b, _ := io.ReadAll(io.LimitReader(z, 64<<20))
		f.Close()
		fsys, err := ext4.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			continue
		}
		opened++
		if _, err := deleted.Find(context.Background(), fsys); err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		examine(t, bytes.NewReader(b), int64(len(b)))
	}
	if opened < len(list)/2 {
		t.Errorf("%d of %d images could be opened", opened, len(list))
	}
}
