package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const shared = "../../shared/data/images"

// sample gives bytes that look like no file system.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32()) | 1
	}
	return b
}

// write makes the files in a new folder, mode 0444, and returns the folder.
func write(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, path string) *Image {
	t.Helper()
	im, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	return im
}

func readAll(t *testing.T, im *Image) []byte {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func hasNote(im *Image, part string) bool {
	return strings.Contains(strings.Join(im.Notes(), "\n"), part)
}

func TestOpenRaw(t *testing.T) {
	data := sample(100_001)
	dir := write(t, map[string][]byte{"disk.dd": data})
	im := open(t, filepath.Join(dir, "disk.dd"))
	if im.Size() != int64(len(data)) || im.Name() != filepath.Join(dir, "disk.dd") || len(im.Notes()) != 0 || len(im.Lost()) != 0 {
		t.Errorf("size %d name %q notes %q lost %v", im.Size(), im.Name(), im.Notes(), im.Lost())
	}
	if err := iotest.TestReader(io.NewSectionReader(im, 0, im.Size()), data); err != nil {
		t.Error(err)
	}
	if n, err := im.ReadAt(make([]byte, 10), im.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("read across the end: %d, %v", n, err)
	}
	if n, err := im.ReadAt(make([]byte, 10), im.Size()); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v", n, err)
	}
	if _, err := im.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("read before the start: no error")
	}
	if err := im.Close(); err != nil {
		t.Error(err)
	}
	if err := im.Close(); err != nil {
		t.Error("second Close:", err)
	}
	if _, err := im.ReadAt(make([]byte, 10), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestSplitNamings(t *testing.T) {
	tests := []struct {
		names []string
		given string // the first, if empty
	}{
		{names: []string{"disk.001", "disk.002", "disk.003"}},
		{names: []string{"disk.001", "disk.002", "disk.003"}, given: "disk.003"},
		{names: []string{"disk.000", "disk.001", "disk.002"}},
		{names: []string{"disk.000", "disk.001", "disk.002"}, given: "disk.001"},
		{names: []string{"disk.dd.0001", "disk.dd.0002"}},
		{names: []string{"disk.01", "disk.02"}},
		{names: []string{"disk.aa", "disk.ab", "disk.ac"}},
		{names: []string{"disk.aa", "disk.ab", "disk.ac"}, given: "disk.ac"},
		{names: []string{"disk.dd.aaa", "disk.dd.aab"}},
		{names: []string{"DISK.AA", "DISK.AB"}},
		{names: []string{"disk.raw.1", "disk.raw.2", "disk.raw.3"}},
		{names: []string{"disk.img.0", "disk.img.1"}},
		{names: []string{"disk.dd.1", "disk.dd.2", "disk.dd.3", "disk.dd.4", "disk.dd.5", "disk.dd.6", "disk.dd.7", "disk.dd.8", "disk.dd.9", "disk.dd.10", "disk.dd.11"}},
		{names: []string{"disk.dd.1", "disk.dd.2", "disk.dd.3", "disk.dd.4", "disk.dd.5", "disk.dd.6", "disk.dd.7", "disk.dd.8", "disk.dd.9", "disk.dd.10", "disk.dd.11"}, given: "disk.dd.11"},
		{names: []string{"xaa", "xab"}},
		{names: []string{"x00", "x01", "x02"}, given: "x02"},
		{names: []string{"image_aa", "image_ab"}},
		{names: []string{"a \xff.001", "a \xff.002"}},
	}
	for _, tt := range tests {
		t.Run(tt.names[0]+" by "+tt.given, func(t *testing.T) {
			const segment = 1000
			data := sample(segment*len(tt.names) - 300)
			files := map[string][]byte{"other": {1}, "disk.txt": {2}, "disk.001.txt": {3}, "disk.sha256": {4}}
			for i, name := range tt.names {
				files[name] = data[i*segment : min((i+1)*segment, len(data))]
			}
			dir := write(t, files)
			given := tt.given
			if given == "" {
				given = tt.names[0]
			}
			im := open(t, filepath.Join(dir, given))
			if !bytes.Equal(readAll(t, im), data) {
				t.Errorf("wrong bytes; segments %v, notes %q", im.Segments(), im.Notes())
			}
			if len(im.Segments()) != len(tt.names) {
				t.Errorf("%d segments, want %d", len(im.Segments()), len(tt.names))
			}
			for i, s := range im.Segments() {
				if want := (Segment{filepath.Join(dir, tt.names[i]), int64(i * segment), int64(len(files[tt.names[i]]))}); s != want {
					t.Errorf("segment %d: %v, want %v", i, s, want)
				}
			}
			if !hasNote(im, fmt.Sprintf("Read as a split image of %d segments", len(tt.names))) {
				t.Errorf("the set is not said: %q", im.Notes())
			}
			if given != tt.names[0] && !hasNote(im, "was given; the image begins with") {
				t.Errorf("the change of file is not said: %q", im.Notes())
			}
		})
	}
}

// TestSplitByTool lets split itself number more segments than its first
// numbers allow.
func TestSplitByTool(t *testing.T) {
	split, err := exec.LookPath("split")
	if err != nil {
		t.Skip("split is not installed")
	}
	for _, tt := range []struct {
		args  []string
		size  int
		first string
	}{
		{[]string{"-b", "16"}, 16*700 - 5, "disk.dd.aa"},
		{[]string{"-d", "-b", "16"}, 16*1000 - 5, "disk.dd.00"},
		{[]string{"-d", "-a", "3", "-b", "16"}, 16*950 - 5, "disk.dd.000"},
		{[]string{"--numeric-suffixes=1", "-a", "3", "-b", "16"}, 16*950 - 5, "disk.dd.001"},
		{[]string{"-d", "-a", "2", "-b", "16"}, 16*99 - 5, "disk.dd.00"},
	} {
		data := sample(tt.size)
		dir := write(t, map[string][]byte{"in": data})
		cmd := exec.Command(split, append(tt.args, "in", "disk.dd.")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("split %v: %v: %s", tt.args, err, out)
		}
		im := open(t, filepath.Join(dir, tt.first))
		if !bytes.Equal(readAll(t, im), data) {
			t.Errorf("split %v: wrong bytes, %d segments, %q", tt.args, len(im.Segments()), im.Notes())
		}
	}
}

func TestSplitMissing(t *testing.T) {
	data := sample(4700)
	files := map[string][]byte{
		"disk.001": data[0:1000], "disk.003": data[2000:2900], "disk.004": data[3000:4000], "disk.005": data[4000:],
	}
	dir := write(t, files)
	im := open(t, filepath.Join(dir, "disk.001"))
	if im.Size() != 4700 {
		t.Fatalf("size %d", im.Size())
	}
	want := []Range{
		{1000, 1000, fmt.Sprintf("segment %q is missing; its size is taken from its neighbours", filepath.Join(dir, "disk.002"))},
		{2900, 100, fmt.Sprintf("segment %q is 100 bytes shorter than the others", filepath.Join(dir, "disk.003"))},
	}
	if diff := cmp.Diff(want, im.Lost()); diff != "" {
		t.Error(diff)
	}
	if !hasNote(im, "of which 1 are missing") {
		t.Errorf("notes %q", im.Notes())
	}

	p := make([]byte, 2000)
	n, err := im.ReadAt(p, 500)
	var lost *LostError
	if n != 500 || !errors.As(err, &lost) || lost.Offset != 1000 || lost.Length != 1000 || !bytes.Equal(p[:n], data[500:1000]) {
		t.Errorf("read into the lost range: %d, %v", n, err)
	}
	if n, err = im.ReadAt(p, 1700); n != 0 || !errors.As(err, &lost) || lost.Offset != 1700 || lost.Length != 300 {
		t.Errorf("read in the lost range: %d, %v", n, err)
	}
	if n, err = im.ReadAt(p[:900], lost.Offset+lost.Length); n != 900 || err != nil || !bytes.Equal(p[:900], data[2000:2900]) {
		t.Errorf("read after the lost range: %d, %v", n, err)
	}
	if n, err = im.ReadAt(p, 3000); n != 1700 || err != io.EOF || !bytes.Equal(p[:n], data[3000:]) {
		t.Errorf("read to the end: %d, %v", n, err)
	}
}

func TestSplitFirstMissing(t *testing.T) {
	data := sample(2500)
	dir := write(t, map[string][]byte{"disk.002": data[1000:2000], "disk.003": data[2000:]})
	im := open(t, filepath.Join(dir, "disk.002"))
	if im.Size() != 2500 || len(im.Lost()) != 1 || im.Lost()[0].Offset != 0 || im.Lost()[0].Length != 1000 {
		t.Fatalf("size %d, lost %v", im.Size(), im.Lost())
	}
	p := make([]byte, 1500)
	if n, err := im.ReadAt(p, 1000); n != 1500 || err != nil || !bytes.Equal(p, data[1000:]) {
		t.Errorf("%d, %v", n, err)
	}
}

// TestNotASet has files whose names look like those of segments.
func TestNotASet(t *testing.T) {
	boot := func(seed byte) []byte {
		b := append([]byte{seed}, sample(4095)...)
		copy(b[510:], "\x55\xaa")
		return b
	}
	ext := func(group uint16) []byte {
		b := make([]byte, 4096)
		binary.LittleEndian.PutUint16(b[1024+56:], 0xef53)
		binary.LittleEndian.PutUint16(b[1024+90:], group)
		return b
	}
	tests := []struct {
		name  string
		files map[string][]byte
		given string
		note  string // "" if there is nothing to say
	}{
		{"lone first", map[string][]byte{"disk.001": sample(4096), "disk.txt": {1}}, "disk.001", "no other segment lies beside it"},
		{"lone later", map[string][]byte{"disk.007": sample(4096)}, "disk.007", "the segments before it are missing"},
		{"rotated copies", map[string][]byte{"root.img": sample(4096), "root.img.1": sample(4096), "root.img.2": sample(4096)}, "root.img.1", "look like copies"},
		{"rotated, gone", map[string][]byte{"root.img.1": boot(1), "root.img.2": boot(2)}, "root.img.2", "look like separate images"},
		{"lone rotated", map[string][]byte{"root.img": sample(4096), "root.img.1": sample(4096)}, "root.img.1", ""},
		{"file systems", map[string][]byte{"vm.001": ext(0), "vm.002": ext(0)}, "vm.001", "look like separate images"},
		{"identical", map[string][]byte{"vm.001": sample(4096), "vm.002": sample(4096)}, "vm.001", "look like separate images"},
		{"disks of one server", map[string][]byte{"sda": boot(1), "sdb": boot(2)}, "sda", ""},
		{"partitions", map[string][]byte{"sda1": sample(4096), "sda2": sample(5000), "sda3": sample(100)}, "sda1", ""},
		{"years", map[string][]byte{"disk.2024": sample(4096), "disk.2025": sample(4000)}, "disk.2024", ""},
		{"dd", map[string][]byte{"disk.dd": sample(4096), "disk.de": sample(4000)}, "disk.dd", ""},
		{"suffix", map[string][]byte{"disk.aa": sample(4096), "disk.dd": sample(4000)}, "disk.dd", ""},
		{"sizes", map[string][]byte{"disk.001": sample(100), "disk.002": sample(4096)}, "disk.001", "not of one size"},
		{"folder", map[string][]byte{"disk.001": sample(100)}, "disk.001", "no other segment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, tt.files)
			if tt.name == "folder" {
				if err := os.Mkdir(filepath.Join(dir, "disk.002"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			im := open(t, filepath.Join(dir, tt.given))
			if !bytes.Equal(readAll(t, im), tt.files[tt.given]) {
				t.Errorf("wrong bytes: segments %v", im.Segments())
			}
			if tt.note == "" && len(im.Notes()) != 0 || !hasNote(im, tt.note) {
				t.Errorf("notes %q, want %q", im.Notes(), tt.note)
			}
		})
	}
}

// TestSegmentLikeVolume splits an image just where a file system begins; only
// some segments look like volumes then, and it is a set.
func TestSegmentLikeVolume(t *testing.T) {
	data := sample(3 * 4096)
	copy(data[510:], "\x55\xaa")
	copy(data[4096:], "XFSB")
	dir := write(t, map[string][]byte{"d.001": data[:4096], "d.002": data[4096:8192], "d.003": data[8192:]})
	if im := open(t, filepath.Join(dir, "d.001")); !bytes.Equal(readAll(t, im), data) {
		t.Errorf("segments %v notes %q", im.Segments(), im.Notes())
	}
}

func TestHole(t *testing.T) {
	data := sample(2000)
	dir := write(t, map[string][]byte{"d.001": data[:1000], "d.002": data[1000:], "d.900": sample(10)})
	im := open(t, filepath.Join(dir, "d.001"))
	if !bytes.Equal(readAll(t, im), data) || !hasNote(im, "too many numbers lie between") {
		t.Errorf("segments %v notes %q", im.Segments(), im.Notes())
	}
}

func TestRefuse(t *testing.T) {
	head := func(off int, magic string) []byte {
		b := make([]byte, 2048)
		copy(b[off:], magic)
		return b
	}
	koly := head(2048-512, "koly\x00\x00\x00\x04")
	files := map[string]struct {
		data []byte
		want string
	}{
		"a.E01": {head(0, "EVF\x09\x0d\x0a\xff\x00"), "EWF (E01)"}, "a.Ex01": {head(0, "EVF2\x0d\x0a\x81\x00"), "Ex01"},
		"a.qcow2": {head(0, "QFI\xfb\x00\x00\x00\x03"), "qcow2"}, "a.vmdk": {head(0, "KDMV"), "VMDK"},
		"b.vmdk": {[]byte("# Disk DescriptorFile\nversion=1\n"), "descriptor"}, "a.vhd": {head(0, "conectix"), "VHD"},
		"a.vhdx": {head(0, "vhdxfile"), "VHDX"}, "a.vdi": {head(64, "\x7f\x10\xda\xbe"), "VDI"},
		"a.gz": {head(0, "\x1f\x8b\x08"), "gzip"}, "a.xz": {head(0, "\xfd7zXZ\x00"), "xz"}, "a.zst": {head(0, "\x28\xb5\x2f\xfd"), "zstd"},
		"a.bz2": {head(0, "BZh91AY&SY"), "bzip2"}, "a.dmg": {koly, "DMG"}, "a.tar": {head(257, "ustar"), "tar archive"},
	}
	for name, tt := range files {
		dir := write(t, map[string][]byte{name: tt.data})
		_, err := Open(filepath.Join(dir, name))
		var format *FormatError
		if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &format) || !strings.Contains(err.Error(), tt.want) || format.Advice == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := write(t, map[string][]byte{"empty": nil})
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "empty"), filepath.Join(dir, "none"), filepath.Join(dir, "fifo"), "/dev/null"} {
		if im, err := Open(path); err == nil {
			t.Errorf("%s: opened, size %d", path, im.Size())
		}
	}
}

func TestFixedVHD(t *testing.T) {
	data := sample(4096)
	footer := make([]byte, 512)
	copy(footer, "conectix")
	binary.BigEndian.PutUint64(footer[48:], 4096)
	binary.BigEndian.PutUint32(footer[60:], 2)
	var sum uint32
	for _, c := range footer {
		sum += uint32(c)
	}
	binary.BigEndian.PutUint32(footer[64:], ^sum)
	dir := write(t, map[string][]byte{"a.vhd": append(bytes.Clone(data), footer...)})
	im := open(t, filepath.Join(dir, "a.vhd"))
	if !bytes.Equal(readAll(t, im), data) || !hasNote(im, "footer") {
		t.Errorf("size %d, notes %q", im.Size(), im.Notes())
	}
}

func TestSharedImages(t *testing.T) {
	dir := filepath.Join(shared, "dfvfs")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared images here")
	}
	whole := open(t, filepath.Join(dir, "ext2.raw"))
	for _, given := range []string{"ext2.splitraw.000", "ext2.splitraw.001"} {
		im := open(t, filepath.Join(dir, given))
		if sha256.Sum256(readAll(t, im)) != sha256.Sum256(readAll(t, whole)) {
			t.Errorf("%s: joined, it differs from ext2.raw", given)
		}
	}
	for _, name := range []string{"ext2.E01", "ext2.split.E01", "ext2.split.E02", "ext2.qcow2", "ext2.vhd", "ext2.vhdx", "ext2.vmdk", "image-differential.vhd",
		"../qcow2-vmdk/valid-ext-exfat-fat32-ntfs.qcow2", "../qcow2-vmdk/valid-ext-exfat-fat32-ntfs.vmdk", "../e2fsprogs/f_lpf/image.gz", "../ext4-view/test_disk_ext2.bin.zst"} {
		if _, err := Open(filepath.Join(dir, name)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a medium with sectors that cannot be read; a read of many sectors
// that touches one fails whole, as reads of block devices do.
type failing struct {
	data  []byte
	bad   map[int64]bool // by sector
	soft  map[int64]int  // sectors that fail so many times
	err   error
	reads int
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	f.reads++
	for s := off / sectorSize; s*sectorSize < off+int64(len(p)); s++ {
		if f.soft[s] > 0 {
			f.soft[s]--
			return 0, f.err
		}
		if f.bad[s] {
			return 0, f.err
		}
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestBadSectors(t *testing.T) {
	const base = 12345
	src := &failing{data: sample(1 << 20), err: syscall.EIO, bad: map[int64]bool{0: true, 100: true, 101: true, 1000: true, 1001: true, 1002: true, 1003: true, 1004: true, 1005: true, 1006: true, 1007: true, 2047: true}, soft: map[int64]int{500: 2}}
	im := &Image{size: base + 1<<20, pieces: []piece{{0, base, bytes.NewReader(make([]byte, base)), "a", ""}, {base, 1 << 20, src, "/dev/sdx", ""}}}

	// Reading on after each error must deliver every good sector, and name every bad one.
	got := make([]byte, im.size)
	known := map[int64]bool{}
	for off := int64(0); off < im.size; {
		p := got[off:min(off+300_000, im.size)]
		n, err := im.ReadAt(p, off)
		off += int64(n)
		if err == nil || err == io.EOF {
			continue
		}
		var bad *ReadError
		if !errors.As(err, &bad) || !errors.Is(err, syscall.EIO) || bad.Offset != off || bad.Length <= 0 || bad.Length > blockSize || bad.Path != "/dev/sdx" {
			t.Fatalf("at %d: %v", off, err)
		}
		for i := range bad.Length {
			known[(off+i-base)/sectorSize] = true
		}
		off += bad.Length
	}
	if diff := cmp.Diff(src.bad, known); diff != "" {
		t.Error(diff)
	}
	for i, want := range src.data {
		if !src.bad[int64(i/sectorSize)] && got[base+i] != want {
			t.Fatalf("wrong byte at %d", i)
		}
	}
	// A read that starts inside a bad sector says the exact place.
	var bad *ReadError
	if n, err := im.ReadAt(make([]byte, 5000), base+100*sectorSize+7); n != 0 || !errors.As(err, &bad) || bad.Offset != base+100*sectorSize+7 || bad.Length != 2*sectorSize-7 {
		t.Errorf("%d, %v", n, err)
	}
	// Few reads are spent on one bad sector.
	src.reads = 0
	im.ReadAt(make([]byte, 1<<19), base+150*sectorSize)
	if src.reads > 60 {
		t.Errorf("%d reads for one bad place", src.reads)
	}
}

func TestDeviceGone(t *testing.T) {
	src := &failing{data: sample(1 << 20), err: syscall.ENXIO, bad: map[int64]bool{900: true}}
	im := &Image{size: 1 << 20, pieces: []piece{{0, 1 << 20, src, "/dev/sdx", ""}}}
	var bad *ReadError
	if n, err := im.ReadAt(make([]byte, 1<<20), 0); n != 0 || !errors.As(err, &bad) || bad.Length != 1<<20 || src.reads != 1 {
		t.Errorf("%d bytes, %d reads, %v", n, src.reads, err)
	}
}

func TestShrunkFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.dd")
	data := sample(10_000)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	im := open(t, path)
	if err := os.Truncate(path, 6000); err != nil {
		t.Fatal(err)
	}
	var lost *LostError
	if n, err := im.ReadAt(make([]byte, 5000), 2000); n != 4000 || !errors.As(err, &lost) || lost.Offset != 6000 || lost.Length != 4000 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestBlockDevice reads a loop device.
func TestBlockDevice(t *testing.T) {
	losetup, err := exec.LookPath("losetup")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and losetup")
	}
	data := sample(1 << 20)
	dir := write(t, map[string][]byte{"disk": data})
	out, err := exec.Command(losetup, "-r", "--find", "--show", filepath.Join(dir, "disk")).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %s", out)
	}
	dev := strings.TrimSpace(string(out))
	defer exec.Command(losetup, "-d", dev).Run()
	im := open(t, dev)
	defer im.Close()
	if im.Size() != 1<<20 || !bytes.Equal(readAll(t, im), data) {
		t.Errorf("size %d", im.Size())
	}
}

func FuzzFindSet(f *testing.F) {
	f.Add("disk.001", "disk.002", "disk.003")
	f.Add("xaa", "xab", "xzaaa")
	f.Add("x89", "x9000", "x990000")
	f.Add("a.zz", "a.zzaaaa", "a.1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, name := range []string{a, b, c} {
			for _, n := range namings(name) {
				for _, other := range []string{a, b, c} {
					for _, longer := range []bool{false, true} {
						v, ok := n.number(other, longer)
						if ok && (v < 0 || v > 2*maxNumber) {
							t.Errorf("%+v: number of %q is %d", n, other, v)
						}
						if ok && len(other) == len(n.prefix)+n.width && n.name(v) != other {
							t.Errorf("%+v: %q has number %d, whose name is %q", n, other, v, n.name(v))
						}
					}
				}
			}
		}
	})
}
