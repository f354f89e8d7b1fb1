package ext4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

var le = binary.LittleEndian

// overlay is an image with patches laid over it; what the patches do not
// touch is not copied. Ranges in broken cannot be read.
type overlay struct {
	base    []byte
	patches []patch
	broken  [][2]int64
	cut     int64 // the image ends here; 0: where base ends
}

type patch struct {
	at int64
	b  []byte
}

var errBadSector = errors.New("input/output error")

func (o *overlay) size() int64 {
	if o.cut > 0 {
		return o.cut
	}
	return int64(len(o.base))
}

func (o *overlay) put(at int64, b ...byte) { o.patches = append(o.patches, patch{at, b}) }
func (o *overlay) put16(at int64, v uint16) {
	o.put(at, le.AppendUint16(nil, v)...)
}
func (o *overlay) put32(at int64, v uint32) {
	o.put(at, le.AppendUint32(nil, v)...)
}

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	size := o.size()
	if off >= size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), size-off))
	for _, r := range o.broken {
		if off+int64(n) > r[0] && off < r[1] {
			return max(int(r[0]-off), 0), errBadSector
		}
	}
	copy(p[:n], o.base[off:])
	for _, q := range o.patches {
		if from, to := max(q.at, off), min(q.at+int64(len(q.b)), off+int64(n)); from < to {
			copy(p[from-off:to-off], q.b[from-q.at:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sample is a small file system that the tests damage.
type sample struct {
	base  []byte
	fsys  *ext4.FS
	block int64
	files map[string]string // path to content
}

var samples = struct {
	sync.Mutex
	made map[string]*sample
}{made: make(map[string]*sample)}

// newSample makes a file system of about twenty megabytes, or gives the one
// that was made before: three groups, a hashed directory, files of every sort that
// mke2fs -d makes.
func newSample(t *testing.T, name string, args ...string) *sample {
	t.Helper()
	needTool(t, "mke2fs")
	samples.Lock()
	defer samples.Unlock()
	if s := samples.made[name]; s != nil {
		return s
	}
	s := &sample{files: make(map[string]string)}
	tree := filepath.Join(t.TempDir(), "tree")
	rnd := rand.New(rand.NewPCG(3, 4))
	write := func(name string, size int) {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		full := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, b, 0o644); err != nil {
			t.Fatal(err)
		}
		s.files[name] = string(b)
	}
	for i := range 40 {
		write(fmt.Sprintf("d%d/file-%02d", i%4, i), 100*i*i)
	}
	for i := range 300 {
		write(fmt.Sprintf("many/entry-%03d", i), 0)
	}
	write("large", 600_000)
	write("a/b/c/deep", 3000)
	// Blocks with holes between them: more extents than the inode holds.
	full := filepath.Join(tree, "spread")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(60) {
		if _, err := f.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, 4096), i*8192); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	b, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	s.files["spread"] = string(b)
	if err := os.Symlink("large", filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.Repeat("x/", 100), filepath.Join(tree, "slow")); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 20<<20, append(args, "-d", tree)...)
	if e2fsck, ok := lookTool("e2fsck"); ok {
		// mke2fs -d leaves directories without an index.
		if out, err := exec.Command(e2fsck, "-fyD", image).CombinedOutput(); err != nil && err.(*exec.ExitError).ExitCode() > 1 {
			t.Fatalf("e2fsck: %v: %s", err, out)
		}
	}
	if _, ok := lookTool("debugfs"); ok {
		// An attribute in the inode, then one too large for it.
		debugfs(t, image, true, "ea_set /large user.small value", "ea_set /large user.large "+strings.Repeat("v", 500), "ea_set /a/b/c/deep user.small value")
	}
	if s.base, err = os.ReadFile(image); err != nil {
		t.Fatal(err)
	}
	if s.fsys, err = ext4.Open(memory(s.base), int64(len(s.base))); err != nil {
		t.Fatal(err)
	}
	s.block = s.fsys.Info().BlockSize
	samples.made[name] = s
	return s
}

func (s *sample) inode(t *testing.T, path string) *filesystem.Inode {
	t.Helper()
	in, err := s.fsys.Find(path, false)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// dataAt is where byte off of a file lies in the image.
func (s *sample) dataAt(t *testing.T, path string, off int64) int64 {
	t.Helper()
	c, err := s.fsys.Content(s.inode(t, path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Extents() {
		if e.Logical <= off && off < e.Logical+e.Length {
			return e.Offset + off - e.Logical
		}
	}
	t.Fatalf("%s has no byte %d", path, off)
	return 0
}

// extentNode is the block that the root of a file's extent tree points to first.
func (s *sample) extentNode(t *testing.T, path string) int64 {
	t.Helper()
	raw := s.inode(t, path).Raw
	if le.Uint16(raw[0x28+6:]) == 0 {
		t.Fatalf("%s has no extent node outside of its inode", path)
	}
	return int64(le.Uint32(raw[0x28+16:])) * s.block
}

// entryAt is where the entry of a path lies in the image.
func (s *sample) entryAt(t *testing.T, path string) int64 {
	t.Helper()
	dir := s.inode(t, filepath.Dir("/"+path))
	for e, err := range s.fsys.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Parent == dir.Inum && string(e.Name) == filepath.Base(path) {
			return e.Offset
		}
	}
	t.Fatalf("no entry %s", path)
	return 0
}

// intact fails unless every file can be found and read, those left out that
// have a prefix in lost.
func (s *sample) intact(t *testing.T, fsys *ext4.FS, lost ...string) {
	t.Helper()
	bad := 0
	for name, want := range s.files {
		if slices.ContainsFunc(lost, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		in, err := fsys.Find(name, true)
		var got []byte
		if err == nil {
			got, err = readAll(fsys, in)
		}
		if err != nil || string(got) != want {
			if bad++; bad < 5 {
				t.Errorf("%s cannot be read any more: %v", name, err)
			}
		}
	}
	if bad >= 5 {
		t.Errorf("%d files cannot be read any more", bad)
	}
}

func readAll(fsys *ext4.FS, in *filesystem.Inode) ([]byte, error) {
	c, err := fsys.Content(in)
	if err != nil {
		return nil, err
	}
	b := make([]byte, c.Size())
	if _, err := c.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// damage is one way to harm a sample and what must be seen of it.
type damage struct {
	name string
	do   func(t *testing.T, s *sample, o *overlay)
	lost []string // files that may be lost, by prefix
	says string   // what one of the errors must say; "" if none is due
	at   func(t *testing.T, s *sample) int64
	note string // what one of the notes must say
}

func superField(off int64, width int, v uint64) func(*testing.T, *sample, *overlay) {
	return func(t *testing.T, s *sample, o *overlay) {
		b := le.AppendUint64(nil, v)
		o.put(1024+off, b[:width]...)
	}
}

func randomBytes(n int64) []byte {
	rnd := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

var damages = []damage{
	{name: "nothing"},
	{name: "superblock wiped", do: func(t *testing.T, s *sample, o *overlay) { o.put(1024, make([]byte, 1024)...) }, says: "superblock", note: "backup"},
	{name: "superblock overwritten", do: func(t *testing.T, s *sample, o *overlay) { o.put(0, randomBytes(2048)...) }, says: "superblock", note: "backup"},
	{name: "superblock checksum", do: superField(0x3fc, 4, 1), says: "superblock"},
	{name: "superblock unreadable", do: func(t *testing.T, s *sample, o *overlay) { o.broken = [][2]int64{{1024, 1536}} }, says: "superblock", note: "backup"},
	{name: "descriptors wiped", do: func(t *testing.T, s *sample, o *overlay) { o.put(2048, make([]byte, 1024)...) }, says: "group descriptor"},
	{name: "descriptors overwritten", do: func(t *testing.T, s *sample, o *overlay) { o.put(2048, randomBytes(1024)...) }, says: "group descriptor"},
	{name: "descriptors unreadable", do: func(t *testing.T, s *sample, o *overlay) { o.broken = [][2]int64{{2048, 3072}} }, says: "group descriptor"},
	{name: "descriptor of one group", do: func(t *testing.T, s *sample, o *overlay) { o.put(2048+64, randomBytes(64)...) }, says: "group descriptor"},
	{name: "block bitmap", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(int64(le.Uint32(s.base[2048:]))*s.block, randomBytes(s.block)...)
	}, says: "block bitmap"},
	{name: "inode bitmap", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(int64(le.Uint32(s.base[2048+4:]))*s.block+5, 0x55)
	}, says: "inode bitmap"},
	{name: "inode bitmap unreadable", do: func(t *testing.T, s *sample, o *overlay) {
		at := int64(le.Uint32(s.base[2048+4:])) * s.block
		o.broken = [][2]int64{{at, at + s.block}}
	}, says: "inode bitmap"},
	{name: "one inode wiped", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.inode(t, "d1/file-21").Offset, make([]byte, 256)...)
	}, lost: []string{"d1/file-21"}, says: "checksum"},
	{name: "one inode overwritten", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.inode(t, "d1/file-21").Offset, randomBytes(256)...)
	}, lost: []string{"d1/file-21"}, says: "inode"},
	{name: "inode checksum", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.inode(t, "d1/file-21").Offset+0x64, 0xee)
	}, says: "checksum"},
	{name: "inode table unreadable", do: func(t *testing.T, s *sample, o *overlay) {
		at := s.inode(t, "many/entry-100").Offset &^ 511
		o.broken = [][2]int64{{at, at + 512}}
	}, lost: []string{"many/"}, says: "inode"},
	{name: "rec_len 0", do: func(t *testing.T, s *sample, o *overlay) { o.put16(s.entryAt(t, "d2/file-14")+4, 0) }, lost: []string{"d2/file-14"}, says: "directory block"},
	{name: "rec_len 3", do: func(t *testing.T, s *sample, o *overlay) { o.put16(s.entryAt(t, "d2/file-14")+4, 3) }, lost: []string{"d2/file-14"}, says: "directory block"},
	{name: "rec_len 65535", do: func(t *testing.T, s *sample, o *overlay) { o.put16(s.entryAt(t, "d2/file-14")+4, 0xffff) }, lost: []string{"d2/file-14"}, says: "directory block"},
	{name: "name_len 0", do: func(t *testing.T, s *sample, o *overlay) { o.put(s.entryAt(t, "d2/file-14")+6, 0) }, lost: []string{"d2/file-14"}, says: "directory block"},
	{name: "name_len 255", do: func(t *testing.T, s *sample, o *overlay) { o.put(s.entryAt(t, "d2/file-14")+6, 255) }, lost: []string{"d2/file-14"}, says: "directory block"},
	{name: "entry to no inode", do: func(t *testing.T, s *sample, o *overlay) { o.put32(s.entryAt(t, "d2/file-14"), 0xfffffff0) }, lost: []string{"d2/file-14"}, says: "names inode"},
	{name: "directory block checksum", do: func(t *testing.T, s *sample, o *overlay) { o.put(s.entryAt(t, "d2/file-14")+7, 9) }, says: "checksum"},
	{name: "directory block overwritten", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.entryAt(t, "d2/file-14")&^1023, randomBytes(1024)...)
	}, lost: []string{"d2/"}, says: "directory block"},
	{name: "directory block unreadable", do: func(t *testing.T, s *sample, o *overlay) {
		at := s.entryAt(t, "d2/file-14") &^ 511
		o.broken = [][2]int64{{at, at + 512}}
	}, lost: []string{"d2/"}, says: "directory block"},
	{name: "hash index overwritten", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.dataAt(t, "many", 0)+32, randomBytes(500)...)
	}, says: "directory block"},
	{name: "directory without inode", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.inode(t, "a/b").Offset, make([]byte, 256)...)
	}, lost: []string{"a/"}, says: "checksum"},
	{name: "directory of 2^52 bytes", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "d3").Offset+4, 0xfffff000)
		o.put32(s.inode(t, "d3").Offset+0x6c, 0xfffff)
	}, says: "checksum"},
	{name: "file of 2^52 bytes", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "large").Offset+0x6c, 0xfffff)
	}, lost: []string{"large"}, says: "checksum"},
	{name: "file of 2^64-1 bytes", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "large").Offset+4, 0xffffffff)
		o.put32(s.inode(t, "large").Offset+0x6c, 0xffffffff)
	}, lost: []string{"large"}, says: "checksum"},
	{name: "symbolic link of 4 GiB", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "slow").Offset+4, 0xffffffff)
	}, says: "symbolic link"},
	{name: "extent depth 65535", do: func(t *testing.T, s *sample, o *overlay) {
		o.put16(s.inode(t, "spread").Offset+0x28+6, 0xffff)
	}, lost: []string{"spread"}, says: "extent node"},
	{name: "extent entries 65535", do: func(t *testing.T, s *sample, o *overlay) {
		o.put16(s.inode(t, "spread").Offset+0x28+2, 0xffff)
	}, lost: []string{"spread"}, says: "extent node"},
	{name: "extent magic", do: func(t *testing.T, s *sample, o *overlay) {
		o.put16(s.inode(t, "spread").Offset+0x28, 0)
	}, lost: []string{"spread"}, says: "extent node"},
	{name: "extent node wiped", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.extentNode(t, "spread"), make([]byte, 1024)...)
	}, lost: []string{"spread"}, says: "extent node", at: func(t *testing.T, s *sample) int64 { return s.extentNode(t, "spread") }},
	{name: "extent node checksum", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(s.extentNode(t, "spread")+8, 0x77)
	}, lost: []string{"spread"}, says: "extent node"},
	{name: "extent node is its own child", do: func(t *testing.T, s *sample, o *overlay) {
		at := s.extentNode(t, "spread")
		o.put16(at+6, 1)
		o.put16(s.inode(t, "spread").Offset+0x28+6, 2)
		for i := range int64(80) {
			o.put32(at+12+12*i, uint32(i*1000))
			o.put32(at+12+12*i+4, uint32(at/s.block))
			o.put32(at+12+12*i+8, 0)
		}
	}, lost: []string{"spread"}, says: "extent node"},
	{name: "extents beyond the end", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "large").Offset+0x28+12+8, 0xfffffff0)
	}, lost: []string{"large"}, says: "extent node"},
	{name: "extents on the superblock", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "large").Offset+0x28+12+8, 1)
	}, lost: []string{"large"}, says: "checksum"},
	{name: "data unreadable", do: func(t *testing.T, s *sample, o *overlay) {
		at := s.dataAt(t, "large", 100_000) &^ 511
		o.broken = [][2]int64{{at, at + 512}}
	}, lost: []string{"large"}, says: "content", at: func(t *testing.T, s *sample) int64 { return s.dataAt(t, "large", 100_000) &^ 511 }},
	{name: "attribute block overwritten", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(int64(le.Uint32(s.inode(t, "large").Raw[0x68:]))*s.block, randomBytes(s.block)...)
	}, says: "extended attribute"},
	{name: "attribute block checksum", do: func(t *testing.T, s *sample, o *overlay) {
		o.put(int64(le.Uint32(s.inode(t, "large").Raw[0x68:]))*s.block+9, 0x33)
	}, says: "extended attribute"},
	{name: "attribute value past the end", do: func(t *testing.T, s *sample, o *overlay) {
		o.put16(int64(le.Uint32(s.inode(t, "large").Raw[0x68:]))*s.block+32+2, 0xfff0)
	}, says: "extended attribute"},
	{name: "attribute of 4 GiB", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(int64(le.Uint32(s.inode(t, "large").Raw[0x68:]))*s.block+32+8, 0xffffffff)
	}, says: "extended attribute"},
	{name: "attribute block is block 1", do: func(t *testing.T, s *sample, o *overlay) {
		o.put32(s.inode(t, "large").Offset+0x68, 1)
	}, says: "checksum"},
	{name: "attributes in the inode", do: func(t *testing.T, s *sample, o *overlay) {
		in := s.inode(t, "a/b/c/deep")
		o.put(in.Offset+128+32+4, randomBytes(256-128-32-4)...)
	}, says: "extended attribute"},
	{name: "extra size 65535", do: func(t *testing.T, s *sample, o *overlay) {
		o.put16(s.inode(t, "a/b/c/deep").Offset+128, 0xffff)
	}, says: "inode"},
	{name: "orphan list goes round", do: func(t *testing.T, s *sample, o *overlay) {
		a, b := s.inode(t, "many/entry-001"), s.inode(t, "many/entry-002")
		o.put32(1024+0xe8, uint32(a.Inum))
		o.put32(a.Offset+0x14, uint32(b.Inum))
		o.put32(b.Offset+0x14, uint32(a.Inum))
	}, says: "checksum", note: "orphan"},
}

// TestDamage harms one structure at a time: what hangs on it may be lost, and
// must be reported; everything else must still be read.
func TestDamage(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			o := &overlay{base: s.base}
			if d.do != nil {
				d.do(t, s, o)
			}
			fsys, w := survives(t, o, o.size())
			if fsys == nil {
				t.Fatalf("not opened: %v", w.errs[0])
			}
			s.intact(t, fsys, d.lost...)
			said := false
			var at []int64
			for _, err := range w.errs {
				if strings.Contains(err.Error(), d.says) {
					said = true
					off, _ := filesystem.Place(err)
					at = append(at, off)
				}
			}
			if (d.says != "") != said || d.says == "" && d.lost == nil && len(w.errs) > 0 {
				t.Errorf("no error speaks of %q: %v", d.says, w.errs[:min(len(w.errs), 5)])
			}
			if d.at != nil {
				if want := d.at(t, s); !slices.Contains(at, want) {
					t.Errorf("the damage lies at byte %d, reported at %v", want, at)
				}
			}
			if d.note != "" && !slices.ContainsFunc(fsys.Info().Notes, func(n string) bool { return strings.Contains(n, d.note) }) {
				t.Errorf("no note speaks of %q: %q", d.note, fsys.Info().Notes)
			}
		})
	}
}

// TestDamageIsolated destroys one inode after the other by random bytes and
// holds that no other file suffers.
func TestDamageIsolated(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	for i := 1; i < 40; i += 6 {
		path := fmt.Sprintf("d%d/file-%02d", i%4, i)
		o := &overlay{base: s.base}
		b := randomBytes(int64(256 + i))
		o.put(s.inode(t, path).Offset, b[i:]...)
		fsys, err := ext4.Open(o, o.size())
		if err != nil {
			t.Fatal(err)
		}
		s.intact(t, fsys, path)
	}
}

// TestBackup wipes the primary superblock, and then its descriptors too, on
// file systems that keep their backups in different places.
func TestBackup(t *testing.T) {
	for name, args := range map[string][]string{
		"ext4-1k":        {"-t", "ext4", "-b", "1024"},
		"ext2-rev0":      {"-t", "ext2", "-b", "1024", "-r", "0", "-O", "none"},
		"ext3":           {"-t", "ext3", "-b", "1024"},
		"sparse-super2":  {"-t", "ext4", "-b", "1024", "-O", "sparse_super2,^sparse_super,^resize_inode"},
		"meta-bg":        {"-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"},
		"uninit-bg":      {"-t", "ext4", "-b", "1024", "-O", "uninit_bg,^metadata_csum"},
		"no-csum":        {"-t", "ext4", "-b", "1024", "-O", "^metadata_csum"},
		"ext4-csum-seed": {"-t", "ext4", "-b", "1024", "-O", "metadata_csum_seed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t, name, args...)
			for _, n := range []int{1024, 4096} {
				o := &overlay{base: s.base}
				o.put(1024, make([]byte, n)...)
				fsys, w := survives(t, o, o.size())
				if fsys == nil {
					t.Fatalf("%d bytes wiped: %v", n, w.errs)
				}
				s.intact(t, fsys)
				if len(fsys.Info().Damage) == 0 || len(fsys.Info().Notes) == 0 {
					t.Errorf("%d bytes wiped, and nothing is said: %+v", n, fsys.Info())
				}
			}
		})
	}
	t.Run("ext4-4k", func(t *testing.T) {
		image := filepath.Join(t.TempDir(), "image")
		mke2fs(t, image, 300<<20, "-t", "ext4", "-b", "4096", "-L", "label", "-N", "2048")
		f, err := os.OpenFile(image, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(make([]byte, 16384), 0); err != nil {
			t.Fatal(err)
		}
		fsys, w := survives(t, f, 300<<20)
		if fsys == nil || fsys.Info().Label != "label" {
			t.Fatalf("%v", w.errs)
		}
		if _, err := fsys.Find("/lost+found", false); err != nil {
			t.Error(err)
		}
	})
	t.Run("bigalloc", func(t *testing.T) {
		image := filepath.Join(t.TempDir(), "image")
		mke2fs(t, image, 1<<30, "-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "16384", "-N", "2048")
		f, err := os.OpenFile(image, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(make([]byte, 8192), 0); err != nil {
			t.Fatal(err)
		}
		fsys, w := survives(t, f, 1<<30)
		if fsys == nil {
			t.Fatalf("%v", w.errs)
		}
		if _, err := fsys.Find("/lost+found", false); err != nil {
			t.Error(err)
		}
	})
}

// TestTruncated cuts the image off at many places.
func TestTruncated(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	for _, cut := range []int64{1, 1023, 1024, 2047, 2048, 4096, 50_000, 300_000, 1 << 20, 5 << 20, 8<<20 + 1024, 9 << 20, 15 << 20, 20<<20 - 1} {
		o := &overlay{base: s.base, cut: cut}
		fsys, w := survives(t, o, cut)
		if fsys == nil {
			if cut >= 50_000 {
				t.Errorf("cut at %d: %v", cut, w.errs[0])
			}
			continue
		}
		if len(fsys.Info().Damage) == 0 {
			t.Errorf("cut at %d, and nothing is said", cut)
		}
		// What lies whole before the cut is still read.
		read := 0
		for name, want := range s.files {
			c, err := s.fsys.Content(s.inode(t, name))
			if err != nil {
				t.Fatal(err)
			}
			end := s.inode(t, name).Offset + 256
			for dir := name; dir != "."; dir = filepath.Dir(dir) {
				end = max(end, s.inode(t, dir).Offset+256, s.entryEnd(t, dir))
			}
			for _, e := range c.Extents() {
				end = max(end, e.Offset+e.Length)
			}
			if name == "spread" {
				end = max(end, s.extentNode(t, name)+s.block)
			}
			if end > cut {
				continue
			}
			read++
			in, err := fsys.Find(name, true)
			var got []byte
			if err == nil {
				got, err = readAll(fsys, in)
			}
			if err != nil || string(got) != want {
				t.Errorf("cut at %d: %s ends at %d: %v", cut, name, end, err)
			}
		}
		if cut >= 9<<20 && read == 0 {
			t.Errorf("cut at %d: nothing was compared", cut)
		}
	}
}

// entryEnd is the end of the last block of the directory that names path.
func (s *sample) entryEnd(t *testing.T, path string) int64 {
	c, err := s.fsys.Content(s.inode(t, filepath.Dir("/"+path)))
	if err != nil {
		t.Fatal(err)
	}
	end := int64(0)
	for _, e := range c.Extents() {
		end = max(end, e.Offset+e.Length)
	}
	return end
}

// TestAbsurdSuperblock puts impossible numbers into a superblock that has no
// backups. It may be refused; it must not be believed.
func TestAbsurdSuperblock(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	type field struct {
		name   string
		off    int64
		width  int
		values []uint64
	}
	all := []uint64{0, 1, 2, 3, 5, 7, 8, 31, 32, 63, 64, 100, 127, 128, 255, 1000, 1023, 1024, 4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff}
	fields := []field{
		{"s_inodes_count", 0x00, 4, all}, {"s_blocks_count_lo", 0x04, 4, all}, {"s_first_data_block", 0x14, 4, all}, {"s_log_block_size", 0x18, 4, all},
		{"s_log_cluster_size", 0x1c, 4, all}, {"s_blocks_per_group", 0x20, 4, all}, {"s_clusters_per_group", 0x24, 4, all}, {"s_inodes_per_group", 0x28, 4, all},
		{"s_rev_level", 0x4c, 4, all}, {"s_first_ino", 0x54, 4, all}, {"s_inode_size", 0x58, 2, all}, {"s_feature_compat", 0x5c, 4, all},
		{"s_feature_incompat", 0x60, 4, all}, {"s_feature_ro_compat", 0x64, 4, all}, {"s_reserved_gdt_blocks", 0xce, 2, all}, {"s_journal_inum", 0xe0, 4, all},
		{"s_last_orphan", 0xe8, 4, all}, {"s_desc_size", 0xfe, 2, all}, {"s_first_meta_bg", 0x104, 4, all}, {"s_blocks_count_hi", 0x150, 4, all},
		{"s_min_extra_isize", 0x15c, 2, all}, {"s_log_groups_per_flex", 0x174, 1, all}, {"s_checksum_type", 0x175, 1, all}, {"s_backup_bgs", 0x24c, 4, all},
		{"s_orphan_file_inum", 0x280, 4, all},
	}
	opened, refused := 0, 0
	for _, incompat := range []uint32{0, 0x10, 0x80, 0x4000} { // as it is; meta_bg; 64bit turned; large_dir
		for _, ro := range []uint32{0, 0x200} { // bigalloc
			for _, f := range fields {
				for _, v := range f.values {
					o := &overlay{base: s.base}
					o.put(8193*1024, make([]byte, 1024)...) // the backup of group 1
					o.put32(1024+0x60, le.Uint32(s.base[1024+0x60:])^incompat)
					o.put32(1024+0x64, le.Uint32(s.base[1024+0x64:])^ro)
					o.put(1024+f.off, le.AppendUint64(nil, v)[:f.width]...)
					m := &meter{r: o, limit: 1 << 30}
					fsys, err := ext4.Open(m, o.size())
					if m.spilled.Load() {
						t.Errorf("%s %#x: Open reads more than a gigabyte", f.name, v)
					}
					if err != nil {
						refused++
						continue
					}
					opened++
					if opened%13 == 0 {
						if _, err := walkAll(t.Context(), fsys, 1<<12, 5_000_000); err != nil {
							t.Errorf("%s %#x: %v", f.name, v, err)
						}
						if m.spilled.Load() {
							t.Errorf("%s %#x: the walk reads more than a gigabyte", f.name, v)
						}
					}
				}
			}
		}
	}
	t.Logf("%d opened, %d refused", opened, refused)
	if opened == 0 || refused == 0 {
		t.Error("the test does not do what it says")
	}
}

// TestUnknownFeatures refuses, by name, what changes the format.
func TestUnknownFeatures(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	for bit, name := range map[uint32]string{0x1: "compression", 0x1000: "dirdata", 0x40000: "FEATURE_I18", 0x80000000: "FEATURE_I31"} {
		o := &overlay{base: s.base}
		o.put32(1024+0x60, le.Uint32(s.base[1024+0x60:])|bit)
		o.fixSuper()
		_, err := ext4.Open(o, o.size())
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%#x: %v, want %s", bit, err, name)
		}
	}
	// Read-only features that are not known do not keep a reader out.
	o := &overlay{base: s.base}
	o.put32(1024+0x64, le.Uint32(s.base[1024+0x64:])|0x40000000)
	o.fixSuper()
	fsys, err := ext4.Open(o, o.size())
	if err != nil {
		t.Fatal(err)
	}
	s.intact(t, fsys)
	if !slices.Contains(fsys.Info().Features, "FEATURE_R30") {
		t.Errorf("features %v", fsys.Info().Features)
	}
}

// TestSharedMaps makes many files whose maps lead through the same blocks,
// over and over: what costs the reader must not grow with the number of ways.
func TestSharedMaps(t *testing.T) {
	o, fsys := openSeed(t, "ext2")
	// Block 600 points 256 times to itself, so that three levels stand for
	// 16 million blocks; every inode of the table hangs on it.
	for i := range int64(256) {
		o.put32(600*1024+4*i, 600)
	}
	for n, in := range gather(t, fsys) {
		if n == fsys.Root() {
			continue
		}
		o.put16(in.Offset, 0x41ed) // a directory
		o.put32(in.Offset+4, 0xfffffc00)
		for k := range int64(15) {
			o.put32(in.Offset+0x28+4*k, 600)
		}
	}
	m := &meter{r: o, limit: 64 << 20}
	_, w := survives(t, m, o.size())
	if m.spilled.Load() {
		t.Errorf("more than 64 MB are read of an image of 640 kB: %v", w)
	}
	if len(w.errs) == 0 {
		t.Error("nothing is said")
	}

	o, fsys = openSeed(t, "ext4")
	// Two nodes of extents, each of whose entries leads to the other.
	for i, at := range []int64{600 * 1024, 601 * 1024} {
		o.put16(at, 0xf30a)
		o.put16(at+2, 84)
		o.put16(at+4, 84)
		o.put16(at+6, uint16(3-i))
		for k := range int64(84) {
			o.put32(at+12+12*k, uint32(k)*1000)
			o.put32(at+12+12*k+4, uint32(601-i))
			o.put32(at+12+12*k+8, 0)
		}
	}
	for n, in := range gather(t, fsys) {
		if n == fsys.Root() {
			continue
		}
		o.put16(in.Offset, 0x41ed)
		o.put32(in.Offset+4, 0xfffffc00)
		o.put32(in.Offset+0x20, 0x80000)
		o.put(in.Offset+0x28, 0x0a, 0xf3, 1, 0, 4, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x58, 2, 0, 0, 0, 0, 0, 0)
	}
	m = &meter{r: o, limit: 64 << 20}
	if _, w = survives(t, m, o.size()); m.spilled.Load() || len(w.errs) == 0 {
		t.Errorf("spilled %v: %v", m.spilled.Load(), w)
	}
}

// TestNamesUnderIndex finds names in the unused part of a hash index, where
// older kernels leave those of the block that became the index.
func TestNamesUnderIndex(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	root := s.dataAt(t, "many", 0)
	if in := s.inode(t, "many"); in.Flags&filesystem.FlagIndex == 0 {
		t.Skip("e2fsck is not installed to index the directory")
	}
	o := &overlay{base: s.base}
	at := root + 512
	dead := s.inode(t, "d1/file-21").Inum
	o.put32(at, uint32(dead))
	o.put16(at+4, 24)
	o.put(at+6, 12, 1)
	o.put(at+8, []byte("once-in-here")...)
	fsys, err := ext4.Open(o, o.size())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range gatherEntries(t, fsys) {
		if string(e.Name) == "once-in-here" {
			found++
			if e.Allocated || e.Inum != dead || e.Offset != at || e.Parent != s.inode(t, "many").Inum {
				t.Errorf("%+v", e)
			}
		}
	}
	if found != 1 {
		t.Errorf("found %d times", found)
	}
	s.intact(t, fsys)
}

// TestHashBehindName takes the hash that follows each name of a folder that is
// both encrypted and case-insensitive for no deleted name.
func TestHashBehindName(t *testing.T) {
	s := newSample(t, "ext4", "-t", "ext4", "-b", "1024", "-I", "256")
	dir := s.inode(t, "d1")
	var last filesystem.Entry
	for _, e := range gatherEntries(t, s.fsys) {
		if e.Parent == dir.Inum && e.Offset > last.Offset {
			last = e
		}
	}
	hash := []byte{12, 0, 0, 0, 12, 0, 1, 1} // as an entry it would lead to inode 12
	for _, both := range []bool{false, true} {
		o := &overlay{base: s.base}
		flags := uint32(dir.Flags) | 0x800
		if both {
			flags |= 0x40000000
		}
		o.put32(dir.Offset+0x20, flags)
		o.put(last.Offset+(8+int64(len(last.Name))+3)&^3, hash...)
		fsys, err := ext4.Open(o, o.size())
		if err != nil {
			t.Fatal(err)
		}
		deleted, names := 0, 0
		for e, err := range fsys.Entries(t.Context()) {
			if err == nil && e.Parent == dir.Inum && !e.IsDot() {
				if names++; !e.Encrypted {
					t.Errorf("%+v", e)
				}
				if !e.Allocated {
					deleted++
				}
			}
		}
		if want := map[bool]int{false: 1, true: 0}[both]; deleted != want || names < 10 {
			t.Errorf("encrypted and case-insensitive: %v: %d deleted names of %d, want %d", both, deleted, names, want)
		}
	}
}
