package ext4_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/binary"
	"io"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

//go:embed testdata/*.img.gz
var seedImages embed.FS

// seedImage unpacks an image that testdata/build.sh made.
func seedImage(t testing.TB, name string) *overlay {
	t.Helper()
	b, err := seedImages.ReadFile("testdata/" + name + ".img.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	o := new(overlay)
	if o.base, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return o
}

func openSeed(t testing.TB, name string) (*overlay, *ext4.FS) {
	t.Helper()
	o := seedImage(t, name)
	fsys, err := ext4.Open(o, o.size())
	if err != nil {
		t.Fatal(err)
	}
	return o, fsys
}

// region is a structure of a seed image that a fuzz target overwrites.
type region struct {
	image *overlay
	at    int64
	size  int64
}

// endure walks a damaged image to its end. It must not panic, break its word,
// or read out of all proportion to the image's size.
func endure(t *testing.T, o *overlay) {
	t.Helper()
	m := &meter{r: o, limit: 1 << 30}
	fsys, err := ext4.Open(m, o.size())
	if m.spilled.Load() {
		t.Fatal("Open reads more than a gigabyte of an image of less than one megabyte")
	}
	if err != nil {
		return
	}
	if _, err := walkAll(context.Background(), fsys, 32<<10, 1<<20); err != nil {
		t.Fatal(err)
	}
	if m.spilled.Load() {
		t.Fatal("the walk reads more than a gigabyte of an image of less than one megabyte")
	}
}

// fuzzRegions lets the fuzzer overwrite one of some structures.
func fuzzRegions(f *testing.F, regions []region) {
	if len(regions) == 0 {
		f.Fatal("the seed images hold no such structure")
	}
	for i, r := range regions {
		f.Add(uint16(i), r.image.base[r.at:r.at+r.size])
	}
	f.Fuzz(func(t *testing.T, which uint16, b []byte) {
		r := regions[int(which)%len(regions)]
		o := &overlay{base: r.image.base}
		o.put(r.at, b[:min(int64(len(b)), r.size)]...)
		endure(t, o)
	})
}

var seedNames = []string{"ext4", "ext2", "inline"}

// FuzzJournal overwrites one block of a journal, or of the rest of the disk, in
// an image that needs recovery. Checksums are off in the second image, so that what
// is overwritten counts.
func FuzzJournal(f *testing.F) {
	type seed struct {
		o      *overlay
		blocks []int64 // offsets
	}
	var seeds []seed
	for i, name := range []string{"journal-ext4", "journal-ext3"} {
		o, fsys := openSeed(f, name)
		in, err := fsys.Inode(8)
		if err != nil {
			f.Fatal(err)
		}
		c, err := fsys.Content(in)
		if err != nil {
			f.Fatal(err)
		}
		s := seed{o: o}
		for _, run := range c.Extents() {
			for k := int64(0); run.Kind == filesystem.Data && k < run.Length && len(s.blocks) < 120; k += 1024 {
				s.blocks = append(s.blocks, run.Offset+k)
			}
		}
		s.blocks = append(s.blocks, 1024, in.Offset&^1023)
		for k, at := range s.blocks {
			if b := o.base[at:][:1024]; k == 0 || binary.BigEndian.Uint32(b) == 0xc03b3998 || k >= len(s.blocks)-2 {
				f.Add(uint8(i), uint16(k), b)
			}
		}
		seeds = append(seeds, s)
	}
	f.Fuzz(func(t *testing.T, which uint8, block uint16, b []byte) {
		s := seeds[int(which)%len(seeds)]
		o := &overlay{base: s.o.base}
		o.put(s.blocks[int(block)%len(s.blocks)], b[:min(len(b), 1024)]...)
		m := &meter{r: o, limit: 1 << 29}
		fsys, err := ext4.Open(m, o.size())
		if err != nil {
			return
		}
		j, err := fsys.Journal()
		if err != nil {
			return
		}
		copies := j.Copies()
		if blocks := o.size() / fsys.Info().BlockSize; int64(len(copies)) > blocks || int64(len(j.Transactions())) > blocks {
			t.Fatalf("%d copies and %d transactions on %d blocks", len(copies), len(j.Transactions()), blocks)
		}
		buf := make([]byte, fsys.Info().BlockSize)
		for _, c := range copies {
			if err := j.ReadCopy(c, buf); err == nil {
				fsys.DirBlock(0, buf, c.Offset)
			}
		}
		j.Actions(t.Context())
		j.FastCommits()
		for n := filesystem.Inum(1); n < 40; n++ {
			for _, s := range j.InodeHistory(n) {
				if c, _ := j.AsOf(s.Copy.Sequence).Content(s.Inode); c != nil {
					c.ReadAt(buf, 0)
				}
			}
		}
		if m.spilled.Load() {
			t.Fatal("reads more than half a gigabyte of an image of two megabytes")
		}
		endure(t, o)
	})
}

// seedRegions gathers structures of all seed images; find is called for each
// inode that holds anything.
func seedRegions(f *testing.F, find func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) []region) []region {
	var all []region
	for _, name := range seedNames {
		o, fsys := openSeed(f, name)
		for in, err := range fsys.Inodes(f.Context()) {
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, find(o, fsys, in.Clone())...)
		}
	}
	return all
}

func FuzzSuperblock(f *testing.F) {
	var regions []region
	for _, name := range seedNames {
		regions = append(regions, region{seedImage(f, name), 1024, 1024})
	}
	fuzzRegions(f, regions)
}

func FuzzGroupTable(f *testing.F) {
	var regions []region
	for _, name := range seedNames {
		regions = append(regions, region{seedImage(f, name), 2048, 1024})
	}
	fuzzRegions(f, regions)
}

func FuzzInode(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) []region {
		if in.Inum >= 30 && in.Inum < 80 {
			return nil // empty files
		}
		return []region{{o, in.Offset, int64(len(in.Raw))}}
	}))
}

// FuzzExtentTree overwrites i_block and the first node that it points to.
func FuzzExtentTree(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) (rs []region) {
		if in.Flags&filesystem.FlagExtents == 0 || in.Inum >= 30 && in.Inum < 80 {
			return nil
		}
		rs = append(rs, region{o, in.Offset + 0x28, 60})
		if le.Uint16(in.Raw[0x28+6:]) > 0 {
			rs = append(rs, region{o, int64(le.Uint32(in.Raw[0x28+16:])) * 1024, 1024})
		}
		return rs
	}))
}

// FuzzBlockMap does the same with the block map of ext2.
func FuzzBlockMap(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) (rs []region) {
		if in.Flags&(filesystem.FlagExtents|filesystem.FlagInlineData) != 0 || in.Size == 0 || in.Mode.Type() == filesystem.Symlink {
			return nil
		}
		rs = append(rs, region{o, in.Offset + 0x28, 60})
		for i := range 3 {
			if b := int64(le.Uint32(in.Raw[0x28+48+4*i:])); b != 0 {
				rs = append(rs, region{o, b * 1024, 1024})
			}
		}
		return rs
	}))
}

func FuzzDirectory(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) (rs []region) {
		if in.Mode.Type() != filesystem.Directory {
			return nil
		}
		c, err := fsys.Content(in)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range c.Extents() {
			if e.Kind == filesystem.Data {
				for k := int64(0); k < e.Length; k += 1024 {
					rs = append(rs, region{o, e.Offset + k, 1024})
				}
			}
		}
		return rs[:min(len(rs), 4)]
	}))
}

func FuzzXattr(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) (rs []region) {
		xs, err := fsys.Xattrs(in)
		if err != nil {
			f.Fatal(err)
		}
		if len(xs) == 0 {
			return nil
		}
		if len(in.Raw) > 160 {
			rs = append(rs, region{o, in.Offset + 128, int64(len(in.Raw)) - 128})
		}
		if b := int64(le.Uint32(in.Raw[0x68:])); b != 0 {
			rs = append(rs, region{o, b * 1024, 1024})
		}
		return rs
	}))
}

func FuzzInlineData(f *testing.F) {
	fuzzRegions(f, seedRegions(f, func(o *overlay, fsys *ext4.FS, in *filesystem.Inode) []region {
		if in.Flags&filesystem.FlagInlineData == 0 || in.Inum >= 30 && in.Inum < 80 {
			return nil
		}
		return []region{{o, in.Offset, int64(len(in.Raw))}}
	}))
}

// FuzzImage changes bytes anywhere: each four bytes of the input are a place
// (three bytes) and what to write there.
func FuzzImage(f *testing.F) {
	var images []*overlay
	for i, name := range seedNames {
		images = append(images, seedImage(f, name))
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 4, 0, 0xff, 0, 8, 10, 0x80, 0x10, 0x20, 0x01, 0x55})
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		o := &overlay{base: images[int(which)%len(images)].base}
		for ; len(b) >= 4 && len(o.patches) < 64; b = b[4:] {
			at := (int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16) % o.size()
			o.put(at, b[3])
		}
		endure(t, o)
	})
}

// TestSeeds holds the seed images to what build.sh put there.
func TestSeeds(t *testing.T) {
	for _, name := range seedNames {
		o, fsys := openSeed(t, name)
		w, err := walkAll(t.Context(), fsys, 1<<20, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.errs) != 0 {
			t.Errorf("%s: %v", name, w.errs)
		}
		if w.allocated < 84 || w.entries < 88 || w.attributes < 1 {
			t.Errorf("%s: %v", name, w)
		}
		var gone []string
		for _, e := range gatherEntries(t, fsys) {
			if !e.Allocated {
				gone = append(gone, string(e.Name))
			}
		}
		if len(gone) < 2 {
			t.Errorf("%s: deleted names %q", name, gone)
		}
		if b, err := readAll(fsys, findIn(t, fsys, "far")); err != nil || len(b) != 70000*1024+3 || string(b[70000*1024:]) != "far" {
			t.Errorf("%s: far: %d bytes, %v", name, len(b), err)
		}
		if o.size() != 640<<10 {
			t.Errorf("%s: %d bytes", name, o.size())
		}
	}
}

func findIn(t *testing.T, fsys *ext4.FS, path string) *filesystem.Inode {
	t.Helper()
	in, err := fsys.Find(path, false)
	if err != nil {
		t.Fatal(err)
	}
	return in
}
