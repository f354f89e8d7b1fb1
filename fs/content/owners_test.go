package content

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"testing"

	"deadbox/fs/filesystem"
)

// claimed is a file system of which only what owns its bytes matters.
type claimed struct {
	filesystem.FileSystem
	size, block int64
	files       map[filesystem.Inum][]filesystem.Extent
	sizes       map[filesystem.Inum]int64
	free        []filesystem.Extent
	structures  map[string]filesystem.Extent
}

func (c *claimed) Info() filesystem.Info {
	return filesystem.Info{Type: "test", BlockSize: c.block, Size: c.size}
}

func (c *claimed) Inodes(context.Context) iter.Seq2[*filesystem.Inode, error] {
	return func(yield func(*filesystem.Inode, error) bool) {
		for n := filesystem.Inum(1); int(n) <= len(c.files); n++ {
			if !yield(&filesystem.Inode{Inum: n, Allocated: n != 3}, nil) {
				return
			}
		}
		yield(nil, errors.New("one that cannot be read"))
	}
}

type claimedContent struct {
	io.ReaderAt
	size    int64
	extents []filesystem.Extent
}

func (c *claimedContent) Size() int64                  { return c.size }
func (c *claimedContent) Extents() []filesystem.Extent { return c.extents }

func (c *claimed) Content(in *filesystem.Inode) (filesystem.Content, error) {
	return &claimedContent{size: c.sizes[in.Inum], extents: c.files[in.Inum]}, nil
}

func (c *claimed) Unallocated(context.Context) iter.Seq2[filesystem.Extent, error] {
	return func(yield func(filesystem.Extent, error) bool) {
		for _, e := range c.free {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (c *claimed) Structures() iter.Seq2[string, filesystem.Extent] {
	return func(yield func(string, filesystem.Extent) bool) {
		for _, name := range []string{"superblock", "bitmap", "table"} {
			if e, ok := c.structures[name]; ok && !yield(name, e) {
				return
			}
		}
	}
}

func TestOwners(t *testing.T) {
	c := &claimed{
		size: 100, block: 10,
		files: map[filesystem.Inum][]filesystem.Extent{
			// In two fragments, the second first on the disk, with slack.
			1: {{Logical: 0, Offset: 60, Length: 10}, {Logical: 10, Offset: 40, Length: 10}},
			// A hole, then blocks that were never written.
			2: {{Logical: 0, Offset: 70, Length: 10}, {Logical: 10, Offset: -1, Length: 10, Kind: filesystem.Hole}, {Logical: 20, Offset: 80, Length: 5, Kind: filesystem.Unwritten}},
			// Not allocated: owns nothing.
			3: {{Logical: 0, Offset: 30, Length: 10}},
			// Within the table of inodes, and blocks of file 1.
			4: {{Logical: 0, Offset: 12, Length: 4, Kind: filesystem.Inline}, {Logical: 4, Offset: 65, Length: 10}},
		},
		sizes:      map[filesystem.Inum]int64{1: 17, 2: 25, 3: 10, 4: 14},
		free:       []filesystem.Extent{{Offset: 5, Length: 7}, {Offset: 25, Length: 20}, {Offset: 90, Length: 50}},
		structures: map[string]filesystem.Extent{"superblock": {Offset: 0, Length: 10}, "table": {Offset: 10, Length: 10}},
	}
	o, damage := MapOwners(t.Context(), c, 120)
	if len(damage) != 1 {
		t.Errorf("damage: %v", damage)
	}
	type want struct {
		kind      OwnerKind
		structure string
		inum      filesystem.Inum
		pieces    []Piece
	}
	var got []want
	for u := range o.All() {
		got = append(got, want{u.Kind, u.Structure, u.Inum, append([]Piece(nil), u.Pieces...)})
	}
	for i, w := range []want{
		{Structure, "superblock", 0, []Piece{{0, 0, 10}}},
		{Structure, "table", 0, []Piece{{0, 10, 2}}},
		{InFile, "", 4, []Piece{{0, 12, 4}}},
		{Structure, "table", 0, []Piece{{0, 16, 4}}},
		{Metadata, "", 0, []Piece{{0, 20, 5}}},
		{Free, "", 0, []Piece{{0, 25, 15}}},
		{InFile, "", 1, []Piece{{0, 60, 10}, {10, 40, 7}}},
		{InSlack, "", 1, []Piece{{17, 47, 3}}},
		{Metadata, "", 0, []Piece{{0, 50, 10}}},
		{InFile, "", 4, []Piece{{9, 70, 5}}},
		{InFile, "", 2, []Piece{{5, 75, 5}}},
		{InUnwritten, "", 2, []Piece{{20, 80, 5}}},
		{Metadata, "", 0, []Piece{{0, 85, 5}}},
		{Free, "", 0, []Piece{{0, 90, 10}}},
		{Beyond, "", 0, []Piece{{0, 100, 20}}},
	} {
		if i >= len(got) {
			t.Fatalf("ends before %+v", w)
		}
		g := got[i]
		same := g.kind == w.kind && g.structure == w.structure && g.inum == w.inum && len(g.pieces) == len(w.pieces)
		for k := range w.pieces {
			same = same && g.pieces[k] == w.pieces[k]
		}
		if !same {
			t.Errorf("%d: got %+v, want %+v", i, g, w)
		}
	}
}

// TestOwnersCoverAll maps file systems that contradict themselves in every way
// and looks that each byte has one owner, the same by both ways of asking.
func TestOwnersCoverAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := &claimed{size: 50 + rnd.Int64N(200), block: 1024, files: map[filesystem.Inum][]filesystem.Extent{}, sizes: map[filesystem.Inum]int64{}, structures: map[string]filesystem.Extent{}}
		extent := func() filesystem.Extent {
			return filesystem.Extent{Offset: rnd.Int64N(260), Length: 1 + rnd.Int64N(30), Kind: filesystem.ExtentKind(rnd.IntN(3) * 2 % 3)}
		}
		for n := range rnd.IntN(8) {
			at := int64(0)
			for range rnd.IntN(5) {
				e := extent()
				e.Logical = at
				at += e.Length
				if rnd.IntN(4) == 0 {
					at += 3
				}
				c.files[filesystem.Inum(n+1)] = append(c.files[filesystem.Inum(n+1)], e)
			}
			if at == 0 {
				c.files[filesystem.Inum(n+1)] = nil
			}
			c.sizes[filesystem.Inum(n+1)] = rnd.Int64N(at + 10)
		}
		for at := rnd.Int64N(40); at < 300; at += 1 + rnd.Int64N(40) {
			n := 1 + rnd.Int64N(30)
			c.free = append(c.free, filesystem.Extent{Offset: at, Length: n})
			at += n
		}
		for _, name := range []string{"superblock", "bitmap", "table"} {
			c.structures[name] = extent()
		}
		length := c.size + rnd.Int64N(30)
		o, _ := MapOwners(t.Context(), c, length)
		seen := make([]bool, length)
		for u := range o.All() {
			for k, p := range u.Pieces {
				if p.Length <= 0 || p.Offset < 0 || p.Offset+p.Length > length {
					t.Fatalf("piece %+v of a volume of %d", p, length)
				}
				if k > 0 && u.Pieces[k-1].Logical+u.Pieces[k-1].Length != p.Logical {
					t.Fatalf("pieces %+v do not follow each other", u.Pieces)
				}
				for i := range p.Length {
					at := p.Offset + i
					if seen[at] {
						t.Fatalf("byte %d comes twice", at)
					}
					seen[at] = true
					same := o.At(at)
					if same.Kind != u.Kind || same.Inum != u.Inum || same.Structure != u.Structure || u.Inum != 0 && same.Pieces[0].Logical != p.Logical+i {
						t.Fatalf("byte %d: At says %+v, All %+v", at, same, u)
					}
				}
			}
		}
		for at, ok := range seen {
			if !ok {
				t.Fatalf("byte %d of %d is missing", at, length)
			}
		}
	}
}

// TestOwnersBounded maps files that all claim the whole disk.
func TestOwnersBounded(t *testing.T) {
	c := &claimed{size: 1 << 30, block: 4096, files: map[filesystem.Inum][]filesystem.Extent{}, sizes: map[filesystem.Inum]int64{}}
	for n := filesystem.Inum(1); n < 2000; n++ {
		c.files[n] = []filesystem.Extent{{Offset: 0, Length: 1 << 30}}
		c.sizes[n] = 1 << 40
	}
	o, damage := MapOwners(t.Context(), c, c.size)
	if len(damage) != 2 || len(o.runs) > 100 {
		t.Errorf("%d runs, damage %v", len(o.runs), damage)
	}
	for u := range o.All() {
		if u.Inum != 1 || u.Length() != c.size {
			t.Errorf("got %+v", u)
		}
	}
}
