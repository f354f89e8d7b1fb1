package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shared = "../../../shared/data/images"

// run runs a tool, or skips the test aloud where it is not installed.
func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MKE2FS_SYNC=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// blkid gives what blkid's low-level probe says of a file.
func blkid(t testing.TB, path string, args ...string) map[string]string {
	t.Helper()
	bin, err := exec.LookPath("blkid")
	if err != nil {
		t.Skip("blkid is not installed")
	}
	out, err := exec.Command(bin, append(append([]string{"-p", "-o", "export"}, args...), path)...).CombinedOutput()
	if e, ok := err.(*exec.ExitError); ok && e.ExitCode() == 2 {
		return map[string]string{} // nothing known
	} else if err != nil {
		t.Fatalf("blkid %s: %v: %s", path, err, out)
	}
	m := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if k, v, ok := strings.Cut(line, "="); ok {
			m[k] = unescape.Replace(v)
		}
	}
	return m
}

// unescape undoes what "-o export" does to blanks.
var unescape = strings.NewReplacer(`\ `, " ", `\\`, `\`)

// blkidTypes are blkid's words where they differ from ours.
var blkidTypes = map[string]string{
	"fat": "vfat", "luks": "crypto_LUKS", "lvm2": "LVM2_member", "md": "linux_raid_member", "zfs": "zfs_member", "bitlocker": "BitLocker",
	"isw-raid": "isw_raid_member", "ddf-raid": "ddf_raid_member", "dm-verity": "DM_verity_hash", "dm-integrity": "DM_integrity",
	"hfsplus": "hfsplus", "bluestore": "ceph_bluestore", "refs": "ReFS", "stratis": "stratis",
}

func blkidType(kind string) string {
	if t, ok := blkidTypes[kind]; ok {
		return t
	}
	return kind
}

// blank makes an image of zeros.
func blank(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

func probeFile(t testing.TB, path string) ([]Signature, int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	return ProbeAll(f, size), size
}

const mib = 1 << 20

// TestProbe makes each format with its own tool, and wants what blkid says.
func TestProbe(t *testing.T) {
	tests := []struct {
		name    string
		size    int64
		command string // IMG is the image; DIR a folder with a file
		kind    string
		version string
	}{
		{"ext2", 8 * mib, "mke2fs -q -F -t ext2 -L old IMG", "ext2", ""},
		{"ext3", 8 * mib, "mke2fs -q -F -t ext3 -L journal IMG", "ext3", ""},
		{"ext4", 8 * mib, "mke2fs -q -F -t ext4 -L 16-letters-label IMG", "ext4", ""},
		{"ext4 without label", 8 * mib, "mke2fs -q -F -t ext4 IMG", "ext4", ""},
		{"ext4 without journal", 8 * mib, "mke2fs -q -F -t ext4 -O ^has_journal IMG", "ext4", ""},
		{"ext2 with dir_index and resize_inode", 8 * mib, "mke2fs -q -F -t ext2 -O dir_index,resize_inode,sparse_super,large_file IMG", "ext2", ""},
		{"ext2 with meta_bg", 8 * mib, "mke2fs -q -F -t ext2 -O meta_bg,^resize_inode IMG", "ext2", ""},
		{"ext2 with huge_file", 8 * mib, "mke2fs -q -F -t ext2 -O huge_file IMG", "ext4", ""},
		{"ext3 with extents", 8 * mib, "mke2fs -q -F -t ext3 -O extents IMG", "ext4", ""},
		{"ext4 64bit, 1k", 16 * mib, "mke2fs -q -F -t ext4 -b 1024 -O 64bit,metadata_csum IMG", "ext4", ""},
		{"ext4 64k blocks", 64 * mib, "mke2fs -q -F -t ext4 -b 65536 IMG", "ext4", ""},
		{"ext4 bigalloc", 64 * mib, "mke2fs -q -F -t ext4 -O bigalloc -C 65536 IMG", "ext4", ""},
		{"journal device", 8 * mib, "mke2fs -q -F -O journal_dev -L jrnl IMG 4096", "jbd", ""},
		{"xfs", 320 * mib, "mkfs.xfs -q -f -L twelvelabel1 IMG", "xfs", ""},
		{"xfs 4k sectors", 320 * mib, "mkfs.xfs -q -f -s size=4096 IMG", "xfs", ""},
		{"btrfs", 128 * mib, "mkfs.btrfs -q -f -L trees IMG", "btrfs", ""},
		{"swap", 4 * mib, "mkswap -L paging IMG", "swap", "1"},
		{"swap 64k", 4 * mib, "mkswap -p 65536 IMG", "swap", "1"},
		{"f2fs", 64 * mib, "mkfs.f2fs -q -f -l flash IMG", "f2fs", "1.15"},
		{"jfs", 32 * mib, "mkfs.jfs -q -L jlabel IMG", "jfs", ""},
		{"reiserfs", 64 * mib, "mkreiserfs -q -f -l rlabel IMG", "reiserfs", "3.6"},
		{"nilfs2", 160 * mib, "mkfs.nilfs2 -q -f -L snap IMG", "nilfs2", ""},
		{"erofs", 0, "mkfs.erofs IMG DIR", "erofs", ""},
		{"squashfs", 0, "mksquashfs DIR IMG -quiet -no-progress -noappend", "squashfs", "4.0"},
		{"iso", 0, "genisoimage -quiet -V PLAIN_ISO -o IMG DIR", "iso9660", ""},
		{"iso joliet", 0, "genisoimage -quiet -J -V Mixed_Case_Label -o IMG DIR", "iso9660", ""},
		{"iso joliet long", 0, "genisoimage -quiet -J -V A_label_that_is_longer_than_it -o IMG DIR", "iso9660", ""},
		{"udf", 32 * mib, "mkudffs IMG", "udf", ""},
		{"fat12", 1440 << 10, "mkfs.fat -F 12 -n FLOPPY IMG", "fat", "FAT12"},
		{"fat12 without label", 1440 << 10, "mkfs.fat -F 12 IMG", "fat", "FAT12"},
		{"fat16", 32 * mib, "mkfs.fat -F 16 -n ABCDEFGHIJK IMG", "fat", "FAT16"},
		{"fat32", 64 * mib, "mkfs.fat -F 32 -n ESP IMG", "fat", "FAT32"},
		{"fat32 without label", 64 * mib, "mkfs.fat -F 32 IMG", "fat", "FAT32"},
		{"fat32 4096", 512 * mib, "mkfs.fat -F 32 -S 4096 -n LARGE IMG", "fat", "FAT32"},
		{"exfat", 32 * mib, "mkfs.exfat -L Karten IMG", "exfat", "1.0"},
		{"exfat without label", 32 * mib, "mkfs.exfat IMG", "exfat", "1.0"},
		{"ntfs", 32 * mib, "mkntfs -q -F -f -L Größe IMG", "ntfs", ""},
		{"ntfs 64k clusters", 32 * mib, "mkntfs -q -F -f -c 65536 -L x IMG", "ntfs", ""},
		{"luks1", 8 * mib, "cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 --key-file DIR/key IMG", "luks", "1"},
		{"luks2", 24 * mib, "cryptsetup -q luksFormat --type luks2 --label vault --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file DIR/key IMG", "luks", "2"},
		{"bcache", 16 * mib, "make-bcache -B IMG", "bcache", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte("not a secret: for this test only"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "img")
			if tt.size > 0 {
				path = blank(t, tt.size)
			}
			args := strings.Fields(strings.NewReplacer("IMG", path, "DIR", dir).Replace(tt.command))
			run(t, dir, args[0], args[1:]...)
			all, size := probeFile(t, path)
			if len(all) != 1 {
				t.Fatalf("found %+v", all)
			}
			s := all[0]
			if s.Kind != tt.kind || tt.version != "" && s.Version != tt.version || s.Backup || s.Weak {
				t.Errorf("found %+v, want %s %s", s, tt.kind, tt.version)
			}
			if s.Size < 0 || s.Size > size {
				t.Errorf("size %d of %d", s.Size, size)
			}
			switch tt.kind {
			case "xfs", "btrfs", "ext2", "ext3", "ext4", "swap", "fat", "exfat", "ntfs":
				if s.Size == 0 || size-s.Size > 80<<10 {
					t.Errorf("size %d of %d", s.Size, size)
				}
			}
			want := blkid(t, path)
			wantLabel := want["LABEL"]
			if tt.name == "ntfs" {
				wantLabel = "Größe" // blkid shows the bytes behind ASCII in its own way
			}
			if tt.kind == "udf" {
				return // is only named
			}
			if diff := cmp.Diff([]string{want["TYPE"], wantLabel, want["UUID"]}, []string{blkidType(s.Kind), s.Label, s.UUID}); diff != "" {
				t.Errorf("blkid -p (-) differs (+): %s\n%v", diff, want)
			}
		})
	}
}

// TestProbeLVM needs a block device, as pvcreate does.
func TestProbeLVM(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a loop device")
	}
	path := blank(t, 16*mib)
	if _, err := exec.LookPath("pvcreate"); err != nil {
		t.Skip("pvcreate is not installed")
	}
	loop := exec.Command("losetup", "--find", "--show", path)
	out, err := loop.Output()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	dev := strings.TrimSpace(string(out))
	defer exec.Command("losetup", "-d", dev).Run()
	if out, err := exec.Command("pvcreate", "-y", dev).CombinedOutput(); err != nil {
		t.Skipf("pvcreate: %v: %s", err, out)
	}
	exec.Command("blockdev", "--flushbufs", dev).Run()
	s, _ := probeFile(t, path)
	want := blkid(t, path)
	if len(s) != 1 || s[0].Kind != "lvm2" || s[0].UUID != want["UUID"] || s[0].Size != 16*mib {
		t.Errorf("found %+v, blkid %v", s, want)
	}
}

// mdSuper1 makes a superblock of md version 1. drivers/md/md_p.h of Linux.
func mdSuper1(off, size int64, level int32, dataOffset int64) []byte {
	b := make([]byte, 4096)
	le.PutUint32(b, mdMagic)
	le.PutUint32(b[4:], 1)
	copy(b[16:], "\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x01")
	copy(b[32:], "server:0")
	le.PutUint64(b[64:], 1700000000)
	le.PutUint32(b[72:], uint32(level))
	if level == 10 {
		le.PutUint32(b[76:], 0x102) // two near copies
	}
	le.PutUint64(b[80:], uint64(size/512))
	le.PutUint32(b[92:], 2)
	le.PutUint64(b[128:], uint64(dataOffset/512))
	le.PutUint64(b[136:], uint64(size/512))
	le.PutUint64(b[144:], uint64(off/512))
	copy(b[168:], "\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xa0")
	le.PutUint64(b[192:], 1700000000)
	le.PutUint32(b[220:], 2) // max_dev
	le.PutUint16(b[258:], 1)
	var sum uint64
	for i := 0; i < 260; i += 4 {
		sum += uint64(le.Uint32(b[i:]))
	}
	le.PutUint32(b[216:], uint32(sum)+uint32(sum>>32))
	return b
}

// mdSuper0 makes a superblock of md version 0.90, in either byte order.
func mdSuper0(order binary.ByteOrder, size int64, level int32) []byte {
	b := make([]byte, 4096)
	for i, v := range map[int]uint32{0: mdMagic, 2: 90, 4: 0, 5: 0x11223344, 6: 1700000000, 7: uint32(level), 8: uint32(size / 1024), 9: 2, 10: 2, 13: 0x55667788, 14: 0x99aabbcc, 15: 0xddeeff01, 32: 1700000000, 33: 1, 34: 2, 35: 2} {
		order.PutUint32(b[4*i:], v)
	}
	var sum uint64
	for i := 0; i < len(b); i += 4 {
		sum += uint64(order.Uint32(b[i:]))
	}
	order.PutUint32(b[4*38:], uint32(sum)+uint32(sum>>32))
	return b
}

// TestProbeMD writes the superblocks by hand, because mdadm needs the kernel's
// driver; mdadm --examine and blkid judge them.
func TestProbeMD(t *testing.T) {
	const size = 32 * mib
	end := int64(size - 16*512)
	old := int64(size - 64<<10)
	tests := []struct {
		version, level string
		off            int64
		super          []byte
		data           int64
	}{
		{"1.1", "raid1", 0, mdSuper1(0, 30*mib, 1, mib), mib},
		{"1.2", "raid5", 4096, mdSuper1(4096, 30*mib, 5, 2*mib), 2 * mib},
		{"1.2", "raid10", 4096, mdSuper1(4096, 30*mib, 10, 2*mib), 2 * mib},
		{"1.0", "linear", end, mdSuper1(end, 31*mib, -1, 0), 0},
		{"0.90", "raid1", old, mdSuper0(le, old, 1), 0},
		{"0.90", "raid0", old, mdSuper0(be, old, 0), 0},
	}
	for i, tt := range tests {
		path := blank(t, size)
		writeAt(t, path, tt.off, tt.super)
		s, _ := probeFile(t, path)
		if len(s) != 1 || s[0].Kind != "md" || s[0].Version != tt.version || s[0].Level != tt.level || s[0].Offset != tt.off || s[0].DataOffset != tt.data {
			t.Errorf("%s %s: found %+v", tt.version, tt.level, s)
			continue
		}
		want := blkid(t, path)
		if want["TYPE"] != "linux_raid_member" || want["UUID"] != s[0].UUID || want["LABEL"] != s[0].Label || want["VERSION"] != strings.Replace(tt.version, "0.90", "0.90.0", 1) {
			t.Errorf("%d: found %+v, blkid %v", i, s[0], want)
		}
		if bin, err := exec.LookPath("mdadm"); err == nil && i != 5 { // mdadm wants a flag for the other byte order
			out, err := exec.Command(bin, "--examine", path).CombinedOutput()
			if err != nil || !regexp.MustCompile(`Raid Level : `+tt.level).Match(out) || !bytes.Contains(out, []byte("- correct")) {
				t.Errorf("%s: mdadm --examine: %v: %s", tt.version, err, out)
			}
		}
	}
}

// TestMirror has a file system below a superblock of md at the end.
func TestMirror(t *testing.T) {
	const size = 32 * mib
	end := int64(size - 16*512)
	for _, tt := range []struct {
		level  int32
		blocks string // of 1 KiB, that the file system has
		want   []string
	}{
		{1, "32000", []string{"ext4", "md"}},
		{0, "32000", []string{"md", "ext4"}},
		{5, "32768", []string{"ext4", "md"}}, // over the md superblock: made after the array was given up
		{5, "60000", []string{"md", "ext4"}}, // larger than the member: it is the array's
	} {
		path := blank(t, size)
		run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", path, tt.blocks)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		writeAt(t, path, end, mdSuper1(end, end, tt.level, 0))
		all, _ := probeFile(t, path)
		var kinds []string
		for _, s := range all {
			kinds = append(kinds, s.Kind)
		}
		if diff := cmp.Diff(tt.want, kinds); diff != "" {
			t.Errorf("level %d, %s blocks: %s", tt.level, tt.blocks, diff)
		}
	}
}

func writeAt(t testing.TB, path string, off int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// TestProbeBackup destroys the primary superblock.
func TestProbeBackup(t *testing.T) {
	tests := []struct {
		name    string
		size    int64
		command []string
		wipe    int64
		kind    string
		off     int64
	}{
		{"ext4 1k", 64 * mib, []string{"mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-L", "keep"}, 4096, "ext4", 8193 * 1024},
		{"ext3 4k", 512 * mib, []string{"mke2fs", "-q", "-F", "-t", "ext3", "-b", "4096", "-L", "keep"}, mib, "ext3", 128 * mib},
		{"ext2 2k", 128 * mib, []string{"mke2fs", "-q", "-F", "-t", "ext2", "-b", "2048", "-L", "keep"}, mib, "ext2", 32 * mib},
		{"bigalloc", 4096 * mib, []string{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "bigalloc", "-L", "keep", "-E", "lazy_itable_init=1,lazy_journal_init=1"}, mib, "ext4", 2048 * mib},
		{"btrfs", 256 * mib, []string{"mkfs.btrfs", "-q", "-f", "-L", "keep"}, mib, "btrfs", 64 * mib},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := blank(t, tt.size)
			run(t, "", tt.command[0], append(tt.command[1:], path)...)
			before, _ := probeFile(t, path)
			writeAt(t, path, 0, make([]byte, tt.wipe))
			after, _ := probeFile(t, path)
			if len(before) != 1 || len(after) != 1 {
				t.Fatalf("before %+v, after %+v", before, after)
			}
			s := after[0]
			if s.Kind != tt.kind || !s.Backup || s.Offset != tt.off || s.UUID != before[0].UUID || s.Label != "keep" || s.Size != before[0].Size {
				t.Errorf("before %+v, after %+v", before[0], s)
			}
		})
	}
}

func TestProbeLUKSBackup(t *testing.T) {
	dir := t.TempDir()
	path := blank(t, 24*mib)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("only for this test"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "cryptsetup", "-q", "luksFormat", "--type", "luks2", "--label", "vault", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", key, path)
	before, _ := probeFile(t, path)
	writeAt(t, path, 0, make([]byte, 4096))
	after, _ := probeFile(t, path)
	if len(after) != 1 || after[0].Kind != "luks" || !after[0].Backup || after[0].UUID != before[0].UUID || after[0].Label != "vault" {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// TestProbeBytes has formats whose tools are rare, made from their
// specifications; blkid judges those that it knows.
func TestProbeBytes(t *testing.T) {
	type patch struct {
		off  int64
		data string
	}
	tests := []struct {
		kind, label, uuid string
		patches           []patch
		blkid             bool
	}{
		{"bitlocker", "", "", []patch{{0, "\xeb\x58\x90-FVE-FS-"}, {510, "\x55\xaa"}}, false},
		{"swap", "", "01020304-0506-0708-090a-0b0c0d0e0f10", []patch{{1024, "\x00\x00\x00\x01\x00\x00\x03\xff\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"}, {4086, "SWAPSPACE2"}}, true},
		{"swsuspend", "", "", []patch{{1024, "\x01\x00\x00\x00\xff\x03\x00\x00"}, {4086, "S1SUSPEND\x00"}}, true},
		{"reiser4", "four", "01020304-0506-0708-090a-0b0c0d0e0f10", []patch{{65536, "ReIsEr4\x00"}, {65556, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10four"}}, true},
		{"cramfs", "", "", []patch{{0, "\x45\x3d\xcd\x28"}, {16, "Compressed ROMFS"}}, false},
		{"apfs", "", "", []patch{{32, "NXSB"}}, false},
		{"bcachefs", "disk", "21222324-2526-2728-292a-2b2c2d2e2f30", []patch{{4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"}, {4096 + 56, "\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30disk"}}, false},
		{"gfs2", "cluster:fs", "", []patch{{65536, "\x01\x16\x19\x70\x00\x00\x00\x01"}, {65536 + 96, "cluster:fs"}}, false},
		{"stratis", "", "", []patch{{516, "!Stra0tis\x86\xff\x02^\x41rh"}}, false},
	}
	for _, tt := range tests {
		path := blank(t, 4*mib)
		for _, p := range tt.patches {
			writeAt(t, path, p.off, []byte(p.data))
		}
		s, _ := probeFile(t, path)
		if len(s) != 1 || s[0].Kind != tt.kind || s[0].Label != tt.label || s[0].UUID != tt.uuid {
			t.Errorf("%s: found %+v", tt.kind, s)
			continue
		}
		if want := blkid(t, path); tt.blkid && (want["TYPE"] != blkidType(tt.kind) || want["LABEL"] != tt.label || want["UUID"] != tt.uuid) {
			t.Errorf("%s: blkid %v", tt.kind, want)
		}
	}
}

// TestProbeZFS makes a vdev label with its list of names and values.
func TestProbeZFS(t *testing.T) {
	pair := func(name string, kind uint32, value []byte) []byte {
		var b []byte
		b = be.AppendUint32(b, uint32(len(name)))
		b = append(b, name...)
		b = append(b, make([]byte, (4-len(name)%4)%4)...)
		b = be.AppendUint32(b, kind)
		b = be.AppendUint32(b, 1)
		b = append(b, value...)
		return append(be.AppendUint32(be.AppendUint32(nil, uint32(8+len(b))), 64), b...)
	}
	list := []byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	list = append(list, pair("version", 8, be.AppendUint64(nil, 5000))...)
	list = append(list, pair("name", 9, []byte("\x00\x00\x00\x04tank"))...)
	list = append(list, pair("pool_guid", 8, be.AppendUint64(nil, 1234567890123456789))...)
	list = append(list, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, off := range []int64{16 << 10, 272 << 10, 8*mib - 512<<10 + 16<<10, 8*mib - 256<<10 + 16<<10} {
		path := blank(t, 8*mib+1000)
		writeAt(t, path, off, list)
		s, _ := probeFile(t, path)
		if len(s) != 1 || s[0].Kind != "zfs" || s[0].Label != "tank" || s[0].UUID != "1234567890123456789" || s[0].Version != "5000" || s[0].Offset != off {
			t.Errorf("%d: found %+v", off, s)
		}
	}
}

// TestProbeNothing has bytes that must not be taken for anything.
func TestProbeNothing(t *testing.T) {
	mbr := make([]byte, mib)
	copy(mbr[510:], "\x55\xaa")
	text := bytes.Repeat([]byte("XFS NTFS FAT LUKS swap\n"), mib/23)
	extGroup := make([]byte, mib)
	le.PutUint16(extGroup[1024+56:], extMagic) // no blocks
	for name, b := range map[string][]byte{"zeros": make([]byte, mib), "ones": bytes.Repeat([]byte{0xff}, mib), "boot signature": mbr, "text": text, "magic alone": extGroup, "one byte": {0}, "empty": {}} {
		if s := ProbeAll(bytes.NewReader(b), int64(len(b))); len(s) != 0 {
			t.Errorf("%s: found %+v", name, s)
		}
	}
}

// badReader fails in one range, as an image with bad sectors does.
type badReader struct {
	r        io.ReaderAt
	bad, end int64
}

var errBad = fmt.Errorf("bad sector")

func (b badReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= b.bad || off >= b.end {
		return b.r.ReadAt(p, off)
	}
	n := 0
	if off < b.bad {
		n, _ = b.r.ReadAt(p[:b.bad-off], off)
	}
	return n, errBad
}

// TestProbeBadSectors loses the first page; what the second and later ones
// say must still be seen.
func TestProbeBadSectors(t *testing.T) {
	img := make([]byte, mib)
	copy(img[4096:], mdSuper1(4096, mib/2, 1, mib/4))
	if s := Probe(badReader{bytes.NewReader(img), 0, 512}, mib); s.Kind != "md" || s.Version != "1.2" {
		t.Errorf("found %+v", s)
	}
	path := blank(t, 64*mib)
	run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := Probe(badReader{bytes.NewReader(b), 512, 1024}, int64(len(b))); s.Kind != "ext4" || !s.Backup {
		t.Errorf("found %+v", s)
	}
}

// TestSharedProbe compares with blkid over the sample images.
func TestSharedProbe(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(shared, "dfvfs", "*.raw"))
	more, _ := filepath.Glob(filepath.Join(shared, "go-ext4", "*.ext4"))
	if paths = append(paths, more...); len(paths) == 0 {
		t.Skip("no shared images here")
	}
	for _, path := range paths {
		want := blkid(t, path)
		s, _ := probeFile(t, path)
		if want["TYPE"] == "" && len(s) == 0 {
			continue
		}
		if len(s) != 1 || blkidType(s[0].Kind) != want["TYPE"] || s[0].Label != want["LABEL"] || s[0].UUID != want["UUID"] {
			t.Errorf("%s: found %+v, blkid %v", path, s, want)
		}
	}
}

func TestProbers(t *testing.T) {
	for i, p := range probers {
		if len(p.kinds) == 0 || p.find == nil {
			t.Errorf("prober %d is not complete", i)
		}
		for _, k := range p.kinds {
			if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(k) {
				t.Errorf("kind %q", k)
			}
		}
	}
	if kinds := Kinds(); !slices.Contains(kinds, "ext4") || !slices.IsSorted(kinds) || len(slices.Compact(slices.Clone(kinds))) != len(kinds) {
		t.Errorf("Kinds() = %q", kinds)
	}
}

func FuzzProbe(f *testing.F) {
	seed := func(size int, patches map[int]string) {
		b := make([]byte, size)
		for off, s := range patches {
			copy(b[off:], s)
		}
		f.Add(b, int64(size))
	}
	seed(2048, map[int]string{1024 + 56: "\x53\xef", 1024 + 4: "\x01"})
	seed(4096, map[int]string{0: "XFSB\x00\x00\x10\x00"})
	seed(70<<10, map[int]string{65600: "_BHRfS_M", 65536 + 48: "\x00\x00\x01"})
	seed(4096, map[int]string{4086: "SWAPSPACE2"})
	seed(4096, map[int]string{0: "\xeb\x3c\x90mkfs.fat\x00\x02\x01\x01\x00\x02\x10\x00\x20\x00\xf8\x02\x00", 510: "\x55\xaa", 512: "\xf8\xff\xff", 1536: "LABEL      \x08"})
	seed(4096, map[int]string{0: "\xeb\x52\x90NTFS    \x00\x02\x01", 0x30: "\x02", 0x40: "\xf6", 4 * 512: "FILE\x30\x00\x03\x00"})
	seed(4096, map[int]string{0: "\xeb\x76\x90EXFAT   ", 96: "\x02", 108: "\x09\x03"})
	seed(4096, map[int]string{512: "LABELONE\x01", 532: "\x20", 536: "LVM2 001"})
	seed(40<<10, map[int]string{32768: "\x01CD001\x01", 34816: "\x02CD001", 34816 + 88: "%/E"})
	seed(20<<10, map[int]string{16384: "\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x20\x00\x00\x00\x40\x00\x00\x00\x09pool_guid"})
	f.Add([]byte(mdSuper1(0, mib, 1, 8192)), int64(4096))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		// The size that is told need not be what can be read.
		if size < 0 || size > 1<<45 {
			size = int64(len(b))
		}
		all := ProbeAll(bytes.NewReader(b), size)
		for _, s := range all {
			if !slices.Contains(Kinds(), s.Kind) || s.Size < 0 || s.DataOffset < 0 || s.Offset < 0 {
				t.Errorf("%+v", s)
			}
		}
		if diff := cmp.Diff(all, ProbeAll(bytes.NewReader(b), size)); diff != "" {
			t.Error(diff)
		}
		probeStart(bytes.NewReader(b), size)
	})
}
