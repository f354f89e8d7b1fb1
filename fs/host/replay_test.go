package host

import (
	"testing"

	"deadbox/fs/filesystem"
	"deadbox/image/volume"
)

// moved is a file system whose second block is read out of its ninth.
type moved struct{ filesystem.FileSystem }

func (moved) BytesAt(off int64) (at, length int64) {
	switch block := off / 1024; block {
	case 0:
		return off, 1024 - off
	case 1:
		return off + 8*1024, 2048 - off
	default:
		return off, 1<<20 - off
	}
}

// TestPlaceReplayed: what a journal holds in place of a block is placed where
// it stands in the journal.
func TestPlaceReplayed(t *testing.T) {
	m := &Mount{Image: "disk", Volume: volume.Volume{Offset: 1 << 20}, FS: moved{}}
	for _, tt := range []struct{ off, length, at, n int64 }{
		{0, 4096, 1 << 20, 1024}, {1034, 100, 1<<20 + 9*1024 + 10, 100}, {1034, 4096, 1<<20 + 9*1024 + 10, 1014}, {2048, 4096, 1<<20 + 2048, 4096}, {-1, 5, -1, 0},
	} {
		if _, at, n := m.PlaceRange(tt.off, tt.length); at != tt.at || n != tt.n {
			t.Errorf("%d bytes at %d: %d bytes at %d, want %d at %d", tt.length, tt.off, n, at, tt.n, tt.at)
		}
	}
}
