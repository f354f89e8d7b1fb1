package volume

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openDisks opens images as Compose wants them.
func openDisks(t testing.TB, paths ...string) []Disk {
	t.Helper()
	var out []Disk
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Skipf("no image: %v", err)
		}
		t.Cleanup(func() { f.Close() })
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Find(f, size)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Disk{filepath.Base(path), f, size, l})
	}
	return out
}

func (c *Composed) dump() string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "group %s %q %s %s removed=%v\n", g.Slot, g.Name, g.UUID, g.Level, g.Removed)
		for _, m := range g.Members {
			fmt.Fprintf(&b, "  member %+v\n", m)
		}
		for _, n := range g.Generations {
			fmt.Fprintf(&b, "  generation %+v\n", n)
		}
	}
	for _, v := range c.Volumes {
		fmt.Fprintf(&b, "volume %d %s %d+%d missing %d alloc %v %q holds %+v\n", v.Index, v.Slot, v.Offset, v.Length, v.Missing, v.Allocated, v.Type, v.Found)
		for _, p := range v.Parts {
			fmt.Fprintf(&b, "  part %+v\n", p)
		}
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	for _, e := range c.Damage {
		fmt.Fprintf(&b, "damage %v\n", e)
	}
	return b.String()
}

func TestComposeDfVFS(t *testing.T) {
	c := Compose(openDisks(t, shared+"/dfvfs/lvm.raw"))
	t.Log(c.dump())
}
