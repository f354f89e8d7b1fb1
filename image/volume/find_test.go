package volume

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func findBytes(t testing.TB, b []byte) *Layout {
	t.Helper()
	l, err := Find(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	check(t, l, int64(len(b)))
	return l
}

func findFile(t testing.TB, path string) *Layout {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
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
	check(t, l, size)
	return l
}

// check asks what must hold for every layout.
func check(t testing.TB, l *Layout, size int64) {
	t.Helper()
	slots := map[string]bool{}
	covered := int64(0) // end of what is covered so far
	for i, v := range l.Volumes {
		if v.Index != i+1 || slots[v.Slot] {
			t.Errorf("volume %d: index %d, slot %q", i, v.Index, v.Slot)
		}
		slots[v.Slot] = true
		if v.Offset < 0 || v.Length <= 0 || v.Missing < 0 || v.Missing > v.Length || v.Offset+v.Length < 0 {
			t.Errorf("%s: offset %d, length %d, missing %d", v.Slot, v.Offset, v.Length, v.Missing)
		}
		if end := v.Offset + v.Length - v.Missing; v.Missing < v.Length && end > size {
			t.Errorf("%s ends at %d of %d", v.Slot, end, size)
		}
		if i > 0 && v.Offset < l.Volumes[i-1].Offset {
			t.Errorf("%s is out of order", v.Slot)
		}
		if strings.HasPrefix(v.Slot, "gap:") {
			if v.Allocated || v.Offset < covered {
				t.Errorf("%s at %d overlaps what ends at %d", v.Slot, v.Offset, covered)
			}
		}
		if !v.Container {
			covered = max(covered, v.Offset+v.Length)
		}
		got, err := l.Volume(v.Slot)
		if err != nil || got.Index != v.Index {
			t.Errorf("Volume(%q): %v", v.Slot, err)
		}
		if got, err := l.Volume(strconv.Itoa(v.Index)); err != nil || got.Slot != v.Slot {
			t.Errorf("Volume(%d): %v", v.Index, err)
		}
	}
	for _, err := range l.Damage {
		var d *DamageError
		if !errors.As(err, &d) || d.Structure == "" || d.Reason == "" {
			t.Errorf("damage %#v", err)
		}
	}
	for _, n := range l.Notes {
		if !strings.HasSuffix(n, ".") {
			t.Errorf("note %q is no sentence", n)
		}
	}
}

func damage(l *Layout) string {
	var b strings.Builder
	for _, err := range l.Damage {
		fmt.Fprintln(&b, err)
	}
	return b.String()
}

// wantSays asks that each part is in the text, and that nothing is said if
// none is given.
func wantSays(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	if len(parts) == 0 && text != "" {
		t.Errorf("%s: %s", what, text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s does not say %q: %s", what, p, text)
		}
	}
}

func slots(l *Layout) string {
	var s []string
	for _, v := range l.Volumes {
		s = append(s, v.Slot)
	}
	return strings.Join(s, " ")
}

// sfdisk gives what sfdisk reads in an image.
type sfdiskTable struct {
	PartitionTable struct {
		Label, ID  string
		SectorSize int64
		Partitions []sfdiskPartition
	}
}

type sfdiskPartition struct {
	Node           string
	Start, Size    int64
	Type           string
	UUID, Name     string
	Bootable       bool
	Attrs          string
	Offset, Length int64 `json:"-"`
}

func sfdisk(t testing.TB, path string, stdin string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath("sfdisk")
	if err != nil {
		t.Skip("sfdisk is not installed")
	}
	cmd := exec.Command(bin, append(args, path)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		var e *exec.ExitError
		errors.As(err, &e)
		t.Fatalf("sfdisk %q: %v: %s", args, err, e.Stderr)
	}
	return string(out)
}

// compareSfdisk wants the partitions that sfdisk lists, in every field.
func compareSfdisk(t testing.TB, path, node string, l *Layout) {
	t.Helper()
	var want sfdiskTable
	if err := json.Unmarshal([]byte(sfdisk(t, node, "", "--json")), &want); err != nil {
		t.Fatal(err)
	}
	pt := want.PartitionTable
	kind := map[string]string{"dos": "mbr", "gpt": "gpt"}[pt.Label]
	sector := pt.SectorSize
	if sector == 0 {
		sector = 512
	}
	if l.Table != kind || l.SectorSize != sector || l.UUID != strings.TrimPrefix(strings.ToLower(pt.ID), "0x") {
		t.Errorf("table %s, sectors of %d, UUID %s; sfdisk %s, %d, %s", l.Table, l.SectorSize, l.UUID, pt.Label, sector, pt.ID)
	}
	type row struct {
		Slot           string
		Offset, Length int64
		Type           string
		UUID, Label    string
		Bootable       bool
	}
	rows := map[string]row{}
	for _, p := range pt.Partitions {
		number := regexp.MustCompile(`[0-9]+$`).FindString(strings.TrimPrefix(p.Node, node))
		r := row{Slot: kind + ":" + number, Offset: p.Start * sector, Length: p.Size * sector, Type: strings.ToLower(p.Type), UUID: strings.ToLower(p.UUID), Label: p.Name, Bootable: p.Bootable}
		if kind == "gpt" {
			r.Bootable = strings.Contains(p.Attrs, "LegacyBIOSBootable")
		} else {
			r.Type = fmt.Sprintf("0x%02s", r.Type)
			n, _ := strconv.Atoi(number)
			r.UUID = fmt.Sprintf("%s-%02x", l.UUID, n)
		}
		rows[r.Slot] = r
	}
	got := map[string]row{}
	for _, v := range l.Volumes {
		if v.Allocated {
			got[v.Slot] = row{v.Slot, v.Offset, v.Length, v.TypeID, v.UUID, v.Label, v.Bootable}
		}
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("sfdisk (-) differs (+): %s", diff)
	}
}

// compareMmls wants the gaps that mmls lists between the partitions of an MBR.
// It counts the sectors of the tables as unallocated, too.
func compareMmls(t testing.TB, path string, l *Layout) {
	t.Helper()
	bin, err := exec.LookPath("mmls")
	if err != nil {
		t.Skip("mmls is not installed")
	}
	out, err := exec.Command(bin, path).CombinedOutput()
	if err != nil {
		t.Fatalf("mmls: %v: %s", err, out)
	}
	want := map[int64]bool{} // ends of gaps
	for _, m := range regexp.MustCompile(`(?m)^\d+:\s+-------\s+(\d+)\s+(\d+)\s+(\d+)\s+Unallocated`).FindAllStringSubmatch(string(out), -1) {
		end, _ := strconv.ParseInt(m[2], 10, 64)
		if n, _ := strconv.ParseInt(m[3], 10, 64); n > 1 { // one sector is that of a table
			want[(end+1)*l.SectorSize] = true
		}
	}
	got := map[int64]bool{}
	for _, v := range l.Volumes {
		if !v.Allocated {
			got[v.Offset+v.Length] = true
		}
	}
	for end := range want {
		// A gap that ends at an extended boot record has its sector, for mmls.
		if !got[end] && got[end-l.SectorSize] {
			delete(want, end)
			want[end-l.SectorSize] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mmls (-) differs (+): %s\n%s", diff, out)
	}
}

func TestMBR(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{
		"primary":       "label: dos\nlabel-id: 0x12345678\nstart=2048,size=20480,type=83,bootable\nstart=24576,size=8192,type=82\n",
		"logical":       "label: dos\nlabel-id: 0xdeadbeef\nsize=4MiB,type=83\nsize=40MiB,type=5\nsize=3MiB,type=83\nsize=5MiB,type=82\nsize=7MiB,type=8e\nsize=2MiB,type=fd\n",
		"lba extended":  "label: dos\nsize=4MiB,type=7\nsize=4MiB,type=b,bootable\nsize=10MiB,type=f\nsize=4MiB,type=ef\nsize=3MiB,type=83\nsize=1MiB,type=83\n",
		"old alignment": "label: dos\nlabel-id: 0x1\nstart=63,size=16002,type=83\nstart=16065,size=48195,type=5\nstart=16128,size=16002,type=83\nstart=32193,size=16002,type=82\n",
		"last slots":    "label: dos\nlabel-id: 0x2\n3: size=4MiB,type=83\n4: size=20MiB,type=85\n5: size=2MiB,type=83\n",
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			path := blank(t, 64*mib)
			sfdisk(t, path, script)
			l := findFile(t, path)
			compareSfdisk(t, path, path, l)
			compareMmls(t, path, l)
			wantSays(t, "damage", damage(l))
			for _, v := range l.Volumes {
				if v.Allocated && v.Type == "" {
					t.Errorf("%s has no name for its type %s", v.Slot, v.TypeID)
				}
			}
		})
	}
}

func TestGPT(t *testing.T) {
	t.Parallel()
	path := blank(t, 200*mib)
	run(t, "", "sgdisk", "--disk-guid=11111111-2222-3333-4444-555555555555",
		"-n", "1:2048:+1M", "-t", "1:ef02", "-n", "2:0:+40M", "-t", "2:ef00", "-c", "2:EFI System Partition", "-n", "7:0:+30M", "-c", "7:größe \U0001f600", "-A", "7:set:2",
		"-n", "9:0:+10M", "-t", "9:8200", "-n", "128:0:+8M", "-t", "128:8e00", "-n", "20:0:+8M", "-t", "20:fd00", path)
	l := findFile(t, path)
	compareSfdisk(t, path, path, l)
	wantSays(t, "damage", damage(l))
	wantSays(t, "notes", strings.Join(l.Notes, "\n"))
	for slot, name := range map[string]string{"gpt:1": "BIOS boot", "gpt:2": "EFI System", "gpt:7": "Linux filesystem", "gpt:9": "Linux swap", "gpt:128": "Linux LVM", "gpt:20": "Linux RAID"} {
		if v, err := l.Volume(slot); err != nil || v.Type != name {
			t.Errorf("%s: %v, %v", slot, v, err)
		}
	}
}

// gptDisk builds a disk by the specification: both copies, and partitions by
// their first and last sector.
type gptDisk struct {
	sector int64
	b      []byte
	parts  [][2]uint64
}

const linuxType = "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4"

func newGPT(sector, size int64, parts ...[2]uint64) *gptDisk {
	d := &gptDisk{sector: sector, b: make([]byte, size), parts: parts}
	last := uint64(size/sector - 1)
	arraySectors := uint64(16384 / sector)
	mbr := bootRecord(d.b[:512])
	copy(mbr[446:], "\x00\x00\x02\x00\xee\xff\xff\xff\x01\x00\x00\x00")
	le.PutUint32(mbr[458:], uint32(last))
	mbr[510], mbr[511] = 0x55, 0xaa
	for i, p := range parts {
		e := d.b[2*sector+int64(i)*128:]
		copy(e, linuxType)
		copy(e[16:], fmt.Sprintf("partition-%06d", i))
		le.PutUint64(e[32:], p[0])
		le.PutUint64(e[40:], p[1])
	}
	copy(d.b[int64(last-arraySectors)*sector:], d.b[2*sector:2*sector+16384])
	d.header(1, last, 2)
	d.header(last, 1, last-arraySectors)
	return d
}

func (d *gptDisk) header(lba, other, array uint64) {
	last := uint64(int64(len(d.b))/d.sector - 1)
	h := d.b[int64(lba)*d.sector:]
	copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	le.PutUint64(h[24:], lba)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], 2+uint64(16384/d.sector))
	le.PutUint64(h[48:], last-1-uint64(16384/d.sector))
	copy(h[56:], "the disk's GUID!")
	le.PutUint64(h[72:], array)
	le.PutUint32(h[80:], 128)
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(d.b[int64(array)*d.sector:][:16384]))
	d.seal(lba)
}

// seal puts the header's CRC right.
func (d *gptDisk) seal(lba uint64) {
	h := d.b[int64(lba)*d.sector:]
	clear(h[16:20])
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
}

func (d *gptDisk) last() uint64 { return uint64(int64(len(d.b))/d.sector - 1) }

func TestGPTDamage(t *testing.T) {
	const size = 16 * mib
	for _, sector := range []int64{512, 4096} {
		start := uint64(mib / sector)
		fresh := func() *gptDisk {
			d := newGPT(sector, size, [2]uint64{start, 4*start - 1}, [2]uint64{4 * start, 8*start - 1})
			copy(d.b[mib:], "XFSB\x00\x00\x10\x00")
			return d
		}
		backupArray := func(d *gptDisk) int64 { return int64(d.last())*sector - 16384 }
		tests := []struct {
			name   string
			break_ func(d *gptDisk)
			damage []string
			notes  []string
			slots  string
		}{
			{"sound", func(d *gptDisk) {}, nil, nil, ""},
			{"primary header zeroed", func(d *gptDisk) { clear(d.b[sector : 2*sector]) }, []string{"GPT header at byte " + fmt.Sprint(sector) + ": there is none"}, []string{"the backup at byte " + fmt.Sprint(size-sector) + " is used"}, ""},
			{"primary header CRC", func(d *gptDisk) { d.b[sector+60]++ }, []string{"GPT header at byte", "its CRC is"}, []string{"The primary GPT is damaged; the backup"}, ""},
			{"primary array CRC", func(d *gptDisk) { d.b[2*sector+60]++ }, []string{"GPT partition array at byte", "its CRC is"}, []string{"The primary GPT is damaged; the backup"}, ""},
			{"backup header CRC", func(d *gptDisk) { d.b[size-sector+60]++ }, []string{"backup GPT header at byte", "its CRC is"}, nil, ""},
			{"backup array CRC", func(d *gptDisk) { d.b[backupArray(d)+60]++ }, []string{"backup GPT partition array at byte"}, nil, ""},
			{"backup gone", func(d *gptDisk) { clear(d.b[size-sector:]) }, []string{"backup GPT header at byte " + fmt.Sprint(size-sector) + ": there is none"}, nil, ""},
			{"both headers' CRC", func(d *gptDisk) { d.b[sector+60]++; d.b[size-sector+60]++ }, []string{"GPT header at byte", "backup GPT header"}, nil, ""},
			{"both arrays' CRC", func(d *gptDisk) { d.b[2*sector+60]++; d.b[backupArray(d)+60]++ }, []string{"GPT partition array", "backup GPT partition array"}, nil, ""},
			{"primary all zero", func(d *gptDisk) { clear(d.b[:2*sector+16384]) }, []string{"there is none"}, []string{"The MBR does not say", "The primary GPT is not there"}, ""},
			{"MBR zeroed", func(d *gptDisk) { clear(d.b[:512]) }, nil, []string{"The MBR does not say that there is a GPT"}, ""},
			{"cut short", func(d *gptDisk) { d.b = d.b[:6*mib] }, []string{"backup GPT header at byte " + fmt.Sprint(size-sector) + ": it lies past the end", "gpt:2 ends at byte 8388608, 2097152 bytes past the end"}, nil, "gap:1 gpt:1 gpt:2"},
			{"cut before a partition", func(d *gptDisk) { d.b = d.b[:3*mib] }, []string{"gpt:1 ends", "gpt:2 ends at byte 8388608, 4194304 bytes past"}, nil, "gap:1 gpt:1 gpt:2"},
			{"disk grown", func(d *gptDisk) { d.b = append(d.b, make([]byte, mib)...) }, nil, []string{"the image is 1048576 bytes longer"}, "gap:1 gpt:1 gpt:2 gap:2 gap:3"},
			{"disk grown, primary gone", func(d *gptDisk) { clear(d.b[sector : 2*sector]); d.b = append(d.b, make([]byte, mib)...) }, []string{"there is none"}, []string{"the backup at byte " + fmt.Sprint(size-sector) + " is used"}, "gap:1 gpt:1 gpt:2 gap:2 gap:3"},
			{"no GPT behind its MBR", func(d *gptDisk) { clear(d.b[sector : 2*sector]); clear(d.b[size-sector:]) }, []string{"neither copy"}, []string{"it begins with xfs"}, "gap:1 gap:2"},
			{"backward entry", func(d *gptDisk) {
				le.PutUint64(d.b[2*sector+128+40:], 2)
				d.header(1, d.last(), 2)
			}, []string{"partition 2 goes from sector " + fmt.Sprint(4*start) + " to sector 2, which cannot be"}, nil, "gap:1 gpt:1 gap:2"},
			{"endless entry", func(d *gptDisk) {
				le.PutUint64(d.b[2*sector+128+40:], 1<<64-1)
				d.header(1, d.last(), 2)
			}, []string{"partition 2 goes from"}, nil, "gap:1 gpt:1 gap:2"},
			{"overlap", func(d *gptDisk) {
				le.PutUint64(d.b[2*sector+128+32:], 2*start)
				d.header(1, d.last(), 2)
			}, []string{"gpt:2 overlaps with gpt:1 by 2097152 bytes", "it is sound, but names other partitions"}, nil, ""},
			{"huge array", func(d *gptDisk) {
				le.PutUint32(d.b[sector+80:], 1<<32-1)
				d.seal(1)
			}, []string{"GPT partition array at byte", "of the 4294967295 entries that the header tells of"}, []string{"The primary GPT is damaged; the backup"}, ""},
			{"absurd entry size", func(d *gptDisk) {
				le.PutUint32(d.b[sector+84:], 1<<31)
				d.seal(1)
			}, []string{"its entries of 2147483648 bytes are not possible"}, []string{"the backup at"}, ""},
			{"array far away", func(d *gptDisk) {
				le.PutUint64(d.b[sector+72:], 1<<63)
				d.seal(1)
			}, []string{"lies outside of the image"}, []string{"the backup at"}, ""},
			{"array far away, no backup", func(d *gptDisk) {
				le.PutUint64(d.b[sector+72:], 1<<40)
				d.seal(1)
				clear(d.b[size-sector:])
			}, []string{"lies outside of the image"}, []string{"it begins with xfs"}, "gap:1 gap:2"},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, %d", tt.name, sector), func(t *testing.T) {
				d := fresh()
				tt.break_(d)
				l := findBytes(t, d.b)
				if l.Table != "gpt" || l.SectorSize != sector && len(l.Volumes) > 2 {
					t.Fatalf("table %s, sectors of %d bytes", l.Table, l.SectorSize)
				}
				want := tt.slots
				if want == "" {
					want = "gap:1 gpt:1 gpt:2 gap:2"
				}
				if slots(l) != want {
					t.Errorf("volumes %s, want %s", slots(l), want)
				}
				wantSays(t, "damage", damage(l), tt.damage...)
				wantSays(t, "notes", strings.Join(l.Notes, "\n"), tt.notes...)
				if v, err := l.Volume("gpt:1"); err == nil && (v.Offset != mib || v.Length != 3*mib || v.Found.Kind != "xfs" || v.ImageOffset(100) != mib+100 || v.ImageOffset(-1) != -1) {
					t.Errorf("gpt:1 %+v", v)
				}
			})
		}
	}
}

// TestGPTLongEntries has entries that go-diskfs does not read.
func TestGPTLongEntries(t *testing.T) {
	d := newGPT(512, 4*mib, [2]uint64{2048, 4095})
	array := d.b[1024 : 1024+16384]
	copy(array[256:], array[:128]) // entry 2, of 256 bytes
	le.PutUint64(array[256+32:], 4096)
	le.PutUint64(array[256+40:], 5119)
	le.PutUint32(d.b[512+80:], 64)
	le.PutUint32(d.b[512+84:], 256)
	le.PutUint32(d.b[512+88:], crc32.ChecksumIEEE(array))
	d.seal(1)
	l := findBytes(t, d.b)
	if v, err := l.Volume("gpt:2"); err != nil || v.Offset != 2*mib || v.Length != mib/2 {
		t.Errorf("%+v, %v: %s", v, err, slots(l))
	}
}

// TestGPTReaders holds go-diskfs's reading of entries against our own.
func TestGPTReaders(t *testing.T) {
	t.Parallel()
	path := blank(t, 64*mib)
	sfdisk(t, path, "label: gpt\n1: size=1MiB\n5: size=2MiB,name=\"ж \U0001f600\",attrs=LegacyBIOSBootable\n3: size=3MiB,type=swap\n")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := findGPT(bytes.NewReader(b), int64(len(b)), 0)
	for _, c := range []*gptCopy{g.primary, g.backup} {
		theirs, err := diskfsGPT(c)
		if err != nil || len(theirs) != 3 {
			t.Fatalf("%d entries, %v", len(theirs), err)
		}
		if diff := cmp.Diff(theirs, c.decode(), cmp.AllowUnexported(gptPartition{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestGuarded(t *testing.T) {
	if err := guarded(func() error { var p []int; _ = p[len(p)]; return nil }); err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("%v", err)
	}
}

// TestLoop4096 lets sfdisk write tables on a device of 4096-byte sectors.
func TestLoop4096(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a loop device")
	}
	for _, script := range []string{
		"label: gpt\nsize=8MiB,type=uefi\nsize=16MiB,name=root\n",
		"label: dos\nsize=8MiB,type=83\nsize=32MiB,type=5\nsize=9MiB,type=83\nsize=10MiB,type=83\n",
	} {
		path := blank(t, 64*mib)
		out, err := exec.Command("losetup", "--sector-size", "4096", "--find", "--show", path).Output()
		if err != nil {
			t.Skipf("no loop device with 4096-byte sectors: %v", err)
		}
		dev := strings.TrimSpace(string(out))
		defer exec.Command("losetup", "-d", dev).Run()
		sfdisk(t, dev, script, "--no-reread", "--no-tell-kernel")
		exec.Command("blockdev", "--flushbufs", dev).Run()
		if strings.Contains(script, "dos") {
			// Without a file system, an MBR does not tell its unit.
			writeAt(t, path, 2*mib-mib, []byte("XFSB\x00\x00\x10\x00"))
		}
		l := findFile(t, path)
		var want sfdiskTable
		if err := json.Unmarshal([]byte(sfdisk(t, dev, "", "--json")), &want); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, v := range l.Volumes {
			if v.Allocated {
				p := want.PartitionTable.Partitions[n]
				n++
				if v.Offset != p.Start*4096 || v.Length != p.Size*4096 {
					t.Errorf("%s at %d, %d bytes; sfdisk %+v", v.Slot, v.Offset, v.Length, p)
				}
			}
		}
		if l.SectorSize != 4096 || n != len(want.PartitionTable.Partitions) {
			t.Errorf("sectors of %d, %d partitions of %d: %s", l.SectorSize, n, len(want.PartitionTable.Partitions), slots(l))
		}
	}
}

// TestHybrid has an MBR that repeats partitions of the GPT.
func TestHybrid(t *testing.T) {
	t.Parallel()
	path := blank(t, 64*mib)
	run(t, "", "sgdisk", "-n", "1:2048:+4M", "-n", "2:0:+8M", "-n", "3:0:+8M", "--hybrid", "1:3", path)
	l := findFile(t, path)
	if l.Table != "gpt" || slots(l) != "gap:1 gpt:1 gpt:2 gpt:3 gap:2" {
		t.Errorf("table %s: %s", l.Table, slots(l))
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), "hybrid", "it names 2 partitions, of which 0 are not in the GPT")
	// One that only the MBR names.
	e := make([]byte, 16)
	e[4] = 0x83
	le.PutUint32(e[8:], 100*1024)
	le.PutUint32(e[12:], 2048)
	writeAt(t, path, 446+48, e)
	l = findFile(t, path)
	if v, err := l.Volume("mbr:4"); err != nil || v.Offset != 50*mib || v.Length != mib {
		t.Errorf("%v, %v: %s", v, err, slots(l))
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), "of which 1 are not in the GPT")
	wantSays(t, "damage", damage(l))
}

// TestBare has file systems without a table, some with boot sectors that
// look like one.
func TestBare(t *testing.T) {
	for name, command := range map[string][]string{
		"ext4": {"mke2fs", "-q", "-F", "-t", "ext4"}, "xfs": {"mkfs.xfs", "-q", "-f"}, "btrfs": {"mkfs.btrfs", "-q", "-f"}, "swap": {"mkswap"},
		"fat12": {"mkfs.fat", "-F", "12"}, "fat16": {"mkfs.fat", "-F", "16"}, "fat32": {"mkfs.fat", "-F", "32"}, "ntfs": {"mkntfs", "-q", "-F", "-f"}, "exfat": {"mkfs.exfat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size := int64(320 * mib)
			if strings.HasPrefix(name, "fat1") {
				size = 16 * mib
			}
			path := blank(t, size)
			run(t, "", command[0], append(command[1:], path)...)
			for range 2 {
				l := findFile(t, path)
				if l.Table != "none" || slots(l) != "bare" || l.Volumes[0].Offset != 0 || l.Volumes[0].Length != size || !l.Volumes[0].Allocated || !strings.HasPrefix(name, l.Volumes[0].Found.Kind) {
					t.Errorf("table %s: %+v", l.Table, l.Volumes)
				}
				wantSays(t, "damage", damage(l))
				// Now with the end of a boot sector, whose code is zeros where an MBR has its table.
				writeAt(t, path, 510, []byte("\x55\xaa"))
			}
		})
	}
}

// TestBareBootCode has a boot loader in a bare ext4, whose bytes at the place of
// the table pass for entries.
func TestBareBootCode(t *testing.T) {
	path := blank(t, 16*mib)
	run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", path)
	e := make([]byte, 66)
	e[4], e[64], e[65] = 0x83, 0x55, 0xaa
	le.PutUint32(e[8:], 5000)
	le.PutUint32(e[12:], 1000)
	writeAt(t, path, 446, e)
	l := findFile(t, path)
	if slots(l) != "bare" || l.Volumes[0].Found.Kind != "ext4" {
		t.Errorf("%s %+v", slots(l), l.Volumes)
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), "looks like a partition table", "names a partition 1 of 512000 bytes at byte 2560000 (Linux)")
	// With a file system where it points, it is a table.
	writeAt(t, path, 5000*512, []byte("XFSB\x00\x00\x10\x00"))
	l = findFile(t, path)
	if v, err := l.Volume("mbr:1"); err != nil || v.Found.Kind != "xfs" {
		t.Errorf("%s: %v", slots(l), err)
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), "also ext4 for the image as a whole; --volume @0 looks into it")
	if v, err := l.Volume("@0"); err != nil || v.Found.Kind != "ext4" || v.Offset != 0 || v.Length != 16*mib {
		t.Errorf("@0: %+v, %v", v, err)
	}
}

// TestISOHybrid has a disc image that boots from a disk too: its one partition
// is the whole of it.
func TestISOHybrid(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "img")
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, mib), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "genisoimage", "-quiet", "-V", "LIVE", "-o", path, "file")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ebr(b, 0, [3]uint32{0x17, 0, uint32(len(b) / 512)})
	l := findBytes(t, b)
	if v, err := l.Volume("mbr:1"); err != nil || v.Offset != 0 || v.Found.Kind != "iso9660" || v.Found.Label != "LIVE" || len(l.Volumes) != 1 {
		t.Errorf("%s %+v", slots(l), l.Volumes)
	}
	wantSays(t, "damage", damage(l))
	wantSays(t, "notes", strings.Join(l.Notes, "\n"))
}

// TestReused has a bare file system over a disk that had a GPT.
func TestReused(t *testing.T) {
	t.Parallel()
	path := blank(t, 64*mib)
	sfdisk(t, path, "label: gpt\nstart=2048,size=4MiB\n")
	run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", path, "60000")
	if err := os.Truncate(path, 64*mib); err != nil {
		t.Fatal(err)
	}
	// mke2fs keeps an MBR's code, and perhaps its table.
	writeAt(t, path, 0, make([]byte, 1024))
	l := findFile(t, path)
	if slots(l) != "bare" || l.Volumes[0].Found.Kind != "ext4" {
		t.Errorf("%s %+v", slots(l), l.Volumes)
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), "left over from another use of the disk", "names a partition 1 of 4194304 bytes at byte 1048576 (Linux filesystem)")
}

func TestBareCutShort(t *testing.T) {
	path := blank(t, 64*mib)
	run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", path)
	if err := os.Truncate(path, 20*mib); err != nil {
		t.Fatal(err)
	}
	l := findFile(t, path)
	if v := l.Volumes[0]; slots(l) != "bare" || v.Length != 64*mib || v.Missing != 44*mib {
		t.Errorf("%s %+v", slots(l), l.Volumes)
	}
	wantSays(t, "damage", damage(l), "the ext4 file system is 67108864 bytes long, but the image ends after 20971520")
}

// TestServerDisk is a disk as an installer makes it, with file systems, and
// with what an attacker or a careless hand leaves between the partitions.
func TestServerDisk(t *testing.T) {
	t.Parallel()
	path := blank(t, 256*mib)
	sfdisk(t, path, "label: gpt\nsize=1MiB,type=21686148-6449-6E6F-744E-656564454649\nsize=33MiB,type=uefi,name=EFI\nsize=64MiB,name=root\nstart=409600,size=16MiB,type=swap\n")
	put := func(off, size int64, command ...string) {
		t.Helper()
		part := blank(t, size)
		run(t, "", command[0], append(command[1:], part)...)
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		writeAt(t, path, off, b)
	}
	put(2*mib, 33*mib, "mkfs.fat", "-F", "32", "-n", "EFI")
	put(35*mib, 64*mib, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "rootfs")
	put(200*mib, 16*mib, "mkswap", "-L", "swap0")
	put(120*mib, 8*mib, "mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-L", "hidden")
	put(99*mib, 4*mib, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "first")
	put(cylinder*20, 4*mib, "mkfs.fat", "-F", "12", "-n", "OLD")
	l := findFile(t, path)
	compareSfdisk(t, path, path, l)
	type row struct {
		slot, kind, label string
		offset            int64
	}
	var got []row
	for _, v := range l.Volumes {
		got = append(got, row{v.Slot, v.Found.Kind, v.Found.Label, v.Offset})
	}
	want := []row{
		{"gap:1", "", "", 34 * 512}, {"gpt:1", "", "", mib}, {"gpt:2", "fat", "EFI", 2 * mib}, {"gpt:3", "ext4", "rootfs", 35 * mib},
		{"gap:2", "ext4", "first", 99 * mib}, {"gap:3", "ext2", "hidden", 120 * mib}, {"gap:4", "fat", "OLD", cylinder * 20},
		{"gpt:4", "swap", "swap0", 200 * mib}, {"gap:5", "", "", 216 * mib},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Error(diff)
	}
	wantSays(t, "notes", strings.Join(l.Notes, "\n"), `No partition covers gap:3, but it begins with ext2 labelled "hidden"`)
	wantSays(t, "damage", damage(l))

	// By offset: a listed volume, and a place inside one.
	if v, err := l.Volume("@36700160"); err != nil || v.Slot != "gpt:3" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := l.Volume("@0x7800000"); err != nil || v.Slot != "gap:3" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := l.Volume("@36701184"); err != nil || v.Slot != "@36701184" || v.Length != 64*mib-1024 {
		t.Errorf("%+v, %v", v, err)
	}
	for _, slot := range []string{"gpt:99", "0", "10", "-1", "@-1", "@268435456", "@x", "", "sda1"} {
		if v, err := l.Volume(slot); err == nil {
			t.Errorf("Volume(%q) = %+v", slot, v)
		}
	}
}

// TestDeleted forgets a partition; its file system must show in the gap.
func TestDeleted(t *testing.T) {
	t.Parallel()
	path := blank(t, 64*mib)
	sfdisk(t, path, "label: dos\n1: size=8MiB,type=83\n2: size=8MiB,type=83\n3: size=40MiB,type=5\n5: size=9MiB,type=83\n6: size=9MiB,type=83\n")
	fs := blank(t, 8*mib)
	run(t, "", "mke2fs", "-q", "-F", "-t", "ext4", "-L", "gone", fs)
	b, err := os.ReadFile(fs)
	if err != nil {
		t.Fatal(err)
	}
	l := findFile(t, path)
	var at []int64
	for _, slot := range []string{"mbr:2", "mbr:6"} {
		v, err := l.Volume(slot)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, v.Offset)
		writeAt(t, path, v.Offset, b)
	}
	run(t, "", "sfdisk", "--delete", path, "6", "2")
	l = findFile(t, path)
	found := map[int64]bool{}
	for _, v := range l.Volumes {
		if !v.Allocated && v.Found.Kind == "ext4" && v.Found.Label == "gone" {
			found[v.Offset] = true
		}
	}
	if diff := cmp.Diff(map[int64]bool{at[0]: true, at[1]: true}, found); diff != "" {
		t.Errorf("%s: %s", slots(l), diff)
	}
}

// extendedDisk is an MBR disk with one extended partition over sectors 2048 to 32767.
func extendedDisk() []byte {
	b := make([]byte, 16*mib)
	ebr(b, 0, [3]uint32{0x05, 2048, 30720}, [3]uint32{})
	return b
}

// ebr writes a boot record with two entries: type, start, sectors.
func ebr(b []byte, sector int64, entries ...[3]uint32) {
	r := b[sector*512:]
	for i, e := range entries {
		r[446+16*i+4] = byte(e[0])
		le.PutUint32(r[446+16*i+8:], e[1])
		le.PutUint32(r[446+16*i+12:], e[2])
	}
	r[510], r[511] = 0x55, 0xaa
}

func TestExtendedDamage(t *testing.T) {
	tests := []struct {
		name   string
		build  func(b []byte)
		slots  string
		damage []string
	}{
		{"chain", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 4096, 4096})
			ebr(b, 6144, [3]uint32{0x83, 2048, 2048})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3 mbr:6 gap:4", nil},
		{"swapped entries", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x05, 4096, 4096}, [3]uint32{0x83, 2048, 2048})
			ebr(b, 6144, [3]uint32{}, [3]uint32{0x83, 2048, 2048})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3 mbr:6 gap:4", nil},
		{"empty record between", func(b []byte) {
			ebr(b, 2048, [3]uint32{}, [3]uint32{0x05, 4096, 4096})
			ebr(b, 6144, [3]uint32{0x83, 2048, 2048})
		}, "gap:1 mbr:1 gap:2 gap:3 mbr:5 gap:4", nil},
		{"loop to the start", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 0, 4096})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3", []string{"the chain of records comes back to it"}},
		{"loop of two", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 4096, 4096})
			ebr(b, 6144, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 0, 4096})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3 mbr:6 gap:4", []string{"extended boot record at byte 1048576: the chain of records comes back"}},
		{"unsigned record", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 4096, 4096})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3", []string{"extended boot record at byte 3145728: it does not end in 55 AA, so the logical partitions from 6 on are not known"}},
		{"past the image", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 1 << 31, 4096})
		}, "gap:1 mbr:1 gap:2 mbr:5 gap:3", []string{"lies outside of the extended partition", "past the end of the image, so the logical partitions from 6 on"}},
		{"longer than its container", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 1 << 31})
		}, "gap:1 mbr:1 gap:2 mbr:5", []string{"the logical partition 5 reaches", "mbr:5 ends at byte"}},
		{"overlapping logical", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 2048, 6144}, [3]uint32{0x05, 4096, 4096})
			ebr(b, 6144, [3]uint32{0x83, 1, 2048})
		}, "gap:1 mbr:1 gap:2 mbr:5 mbr:6 gap:3", []string{"mbr:6 overlaps with mbr:5 by 1048576 bytes"}},
		{"at the record itself", func(b []byte) {
			ebr(b, 2048, [3]uint32{0x83, 0, 2048})
		}, "gap:1 mbr:1 mbr:5 gap:2", []string{"begins at the record itself"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := extendedDisk()
			tt.build(b)
			l := findBytes(t, b)
			if slots(l) != tt.slots {
				t.Errorf("volumes %s, want %s", slots(l), tt.slots)
			}
			wantSays(t, "damage", damage(l), tt.damage...)
			if v, err := l.Volume("mbr:1"); err != nil || !v.Container || v.Found.Kind != "" {
				t.Errorf("mbr:1 %+v", v)
			}
		})
	}
}

// TestManyLogical bounds a chain that never ends by itself.
func TestManyLogical(t *testing.T) {
	b := make([]byte, 16*mib)
	ebr(b, 0, [3]uint32{0x05, 1, 30000})
	for s := uint32(1); s < 30000; s += 2 {
		ebr(b, int64(s), [3]uint32{0x83, 1, 1}, [3]uint32{0x05, s + 1, 2})
	}
	l := findBytes(t, b)
	if len(l.Volumes) > 2*maxPartitions+10 {
		t.Errorf("%d volumes", len(l.Volumes))
	}
	wantSays(t, "damage", damage(l), "the chain is longer than 1024 records")
}

// TestExtendedEmpty has an extended partition that holds a file system instead.
func TestExtendedEmpty(t *testing.T) {
	b := extendedDisk()
	copy(b[mib:], "XFSB\x00\x00\x10\x00")
	ebr(b, 0, [3]uint32{0x05, 2048, 30720}, [3]uint32{0x83, 100, 100})
	l := findBytes(t, b)
	if v, err := l.Volume("mbr:1"); err != nil || v.Container || v.Found.Kind != "xfs" {
		t.Errorf("%+v: %s", v, damage(l))
	}
}

func TestMBRDamage(t *testing.T) {
	fresh := func() []byte {
		b := make([]byte, 16*mib)
		ebr(b, 0, [3]uint32{0x83, 2048, 4096}, [3]uint32{0x83, 8192, 4096})
		copy(b[mib:], "XFSB\x00\x00\x10\x00")
		return b
	}
	t.Run("status", func(t *testing.T) {
		b := fresh()
		b[446] = 0x13
		l := findBytes(t, b)
		if slots(l) != "gap:1 mbr:1 gap:2 mbr:2 gap:3" {
			t.Error(slots(l))
		}
		wantSays(t, "damage", damage(l), "it is no sound MBR")
	})
	t.Run("signature", func(t *testing.T) {
		b := fresh()
		b[510] = 0
		l := findBytes(t, b)
		if slots(l) != "gap:1 mbr:1 gap:2 mbr:2 gap:3" {
			t.Error(slots(l))
		}
		wantSays(t, "damage", damage(l), "it is no sound MBR")
	})
	t.Run("no signature, nothing there", func(t *testing.T) {
		b := fresh()
		b[510], b[mib] = 0, 0
		if l := findBytes(t, b); slots(l) != "bare" || l.Table != "none" {
			t.Error(slots(l))
		}
	})
	t.Run("cut short", func(t *testing.T) {
		l := findBytes(t, fresh()[:5*mib])
		if v, err := l.Volume("mbr:2"); err != nil || v.Missing != mib {
			t.Errorf("%+v %v", v, err)
		}
		wantSays(t, "damage", damage(l), "mbr:2 ends at byte 6291456, 1048576 bytes past the end of the image")
	})
	t.Run("overlap", func(t *testing.T) {
		b := fresh()
		ebr(b, 0, [3]uint32{0x83, 2048, 8192}, [3]uint32{0x83, 4096, 1024}, [3]uint32{0x83, 6144, 1024})
		l := findBytes(t, b)
		wantSays(t, "damage", damage(l), "mbr:2 overlaps with mbr:1 by 524288 bytes", "mbr:3 overlaps with mbr:1 by 524288 bytes")
	})
	t.Run("empty table", func(t *testing.T) {
		b := make([]byte, mib)
		ebr(b, 0)
		if l := findBytes(t, b); l.Table != "mbr" || slots(l) != "gap:1" {
			t.Errorf("%s: %s", l.Table, slots(l))
		}
	})
	t.Run("all of 4 GiB", func(t *testing.T) {
		b := fresh()
		ebr(b, 0, [3]uint32{0x83, 1<<32 - 1, 1<<32 - 1}, [3]uint32{0x83, 1, 1<<32 - 1})
		findBytes(t, b)
	})
}

// TestUnreadable has bad sectors in the tables.
func TestUnreadable(t *testing.T) {
	d := newGPT(512, 16*mib, [2]uint64{2048, 4095})
	for _, tt := range []struct {
		bad, end int64
		damage   []string
		notes    []string
	}{
		{0, 512, []string{"boot sector at byte 0: it cannot be read: bad sector"}, []string{"The MBR does not say"}},
		{512, 1024, []string{"there is none"}, []string{"the backup at byte"}},
		{1024, 1536, []string{"GPT partition array at byte 1024: only 0 of its 16384 bytes can be read: bad sector"}, []string{"the backup at byte"}},
		{0, mib, []string{"boot sector"}, []string{"the backup at byte"}},
		{mib, mib + 512, []string{"start of gpt:1 at byte 1048576: it cannot be read: bad sector"}, nil},
	} {
		l, err := Find(badReader{bytes.NewReader(d.b), tt.bad, tt.end}, int64(len(d.b)))
		if err != nil {
			t.Fatal(err)
		}
		check(t, l, int64(len(d.b)))
		if slots(l) != "gap:1 gpt:1 gap:2" {
			t.Errorf("%d: %s", tt.bad, slots(l))
		}
		wantSays(t, "damage", damage(l), tt.damage...)
		wantSays(t, "notes", strings.Join(l.Notes, "\n"), tt.notes...)
		if !errors.Is(errors.Join(l.Damage...), errBad) && tt.bad != 512 {
			t.Errorf("%d: the cause is lost", tt.bad)
		}
	}
	if _, err := Find(bytes.NewReader(nil), 0); err == nil {
		t.Error("an empty image has a layout")
	}
	for _, n := range []int{1, 511, 512, 513, 4096} {
		if l := findBytes(t, make([]byte, n)); slots(l) != "bare" {
			t.Errorf("%d zeros: %s", n, slots(l))
		}
	}
}

// TestLargeGap searches a large gap less and less closely, and says so.
func TestLargeGap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size  int64
		notes []string
	}{
		{100 << 30, []string{"at every MiB up to byte 34", "at every GiB only"}},
		{4 << 40, []string{"at every GiB only", "was not searched for file systems from byte 11"}},
	} {
		path := blank(t, tt.size)
		sfdisk(t, path, "label: gpt\nstart=2048,size=2048\n")
		writeAt(t, path, 20<<30, []byte("XFSB\x00\x00\x10\x00"))       // on a whole GiB of the image
		writeAt(t, path, 50<<30+2*mib, []byte("XFSB\x00\x00\x10\x00")) // of the gap
		l := findFile(t, path)
		if slots(l) != "gap:1 gpt:1 gap:2 gap:3 gap:4" || l.Volumes[3].Offset != 20<<30 || l.Volumes[4].Offset != 50<<30+2*mib {
			t.Errorf("%s %+v", slots(l), l.Volumes)
		}
		wantSays(t, "notes", strings.Join(l.Notes, "\n"), tt.notes...)
	}
}

// TestShared compares with the sample images' own truth.
func TestShared(t *testing.T) {
	dir := filepath.Join(shared, "dfvfs")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared images here")
	}
	for _, name := range []string{"gpt.raw", "gpt_non_sequential.raw", "mbr.raw", "gpt_empty_with_mbr.raw"} {
		path := filepath.Join(dir, name)
		l := findFile(t, path)
		if name != "gpt_empty_with_mbr.raw" { // where sfdisk takes the GPT and Linux does not
			compareSfdisk(t, path, path, l)
		}
		wantSays(t, "damage", damage(l))
	}
	for name, want := range map[string]string{"ext2.raw": "ext2", "ext4.raw": "ext4", "xfs.raw": "xfs", "lvm.raw": "lvm2", "luks1.raw": "luks", "luks2.raw": "luks"} {
		if l := findFile(t, filepath.Join(dir, name)); slots(l) != "bare" || l.Volumes[0].Found.Kind != want {
			t.Errorf("%s: %s %+v", name, slots(l), l.Volumes)
		}
	}
	l := findFile(t, filepath.Join(dir, "gpt_empty_with_mbr.raw"))
	if v, err := l.Volume("mbr:1"); err != nil || l.Table != "mbr" || v.Found.Kind != "ext2" {
		t.Errorf("%s: %v", slots(l), err)
	}
}

// TestSharedDamaged has damaged file systems: each is one bare volume, of the
// kind that blkid says, or with a backup superblock where blkid sees nothing.
func TestSharedDamaged(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob(filepath.Join(shared, "e2fsprogs", "*", "image.gz"))
	if len(paths) == 0 {
		t.Skip("no shared images here")
	}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		img := filepath.Join(t.TempDir(), "img")
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.WriteFile(img, b, 0o644); err != nil {
			t.Fatal(err)
		}
		l := findBytes(t, b)
		want := blkid(t, img)
		if slots(l) != "bare" {
			t.Errorf("%s: %s", name, slots(l))
			continue
		}
		s := l.Volumes[0].Found
		if s.Backup && want["TYPE"] == "" {
			continue
		}
		if blkidType(s.Kind) != want["TYPE"] || s.UUID != want["UUID"] {
			t.Errorf("%s: found %+v, blkid %v", name, s, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(extendedDisk()[:4096], uint8(1))
	e := extendedDisk()
	ebr(e, 2048, [3]uint32{0x83, 2048, 2048}, [3]uint32{0x05, 0, 4096})
	f.Add(e[:2*mib/512*512/2+4096], uint8(2))
	for _, sector := range []int64{512, 4096} {
		d := newGPT(sector, 128<<10, [2]uint64{12, 20}, [2]uint64{16, 24})
		f.Add(d.b, uint8(0))
		d.b[sector+16]++
		f.Add(d.b, uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, grow uint8) {
		// Growing the image moves its end, as a cut or a larger disk would. The
		// headers' CRCs are put right, so that what stands behind them is read.
		size := int64(len(b)) + int64(grow)*4096
		if size == 0 {
			return
		}
		b = append(bytes.Clone(b), make([]byte, size-int64(len(b)))...)
		for _, sector := range []int64{512, 4096} {
			for _, at := range []int64{sector, size/sector*sector - sector} {
				if at <= 0 || at+sector > size || string(b[at:at+8]) != efiPart {
					continue
				}
				h := gptHeader(b[at : at+sector])
				if n := int64(h.headerSize()); n >= gptHeaderMin && n <= sector && grow&1 == 0 {
					le.PutUint32(h[16:], h.sum())
				}
			}
		}
		l, err := Find(bytes.NewReader(b), size)
		if err != nil {
			t.Fatal(err)
		}
		check(t, l, size)
		if len(l.Volumes) > 8*maxPartitions {
			t.Errorf("%d volumes", len(l.Volumes))
		}
		again, _ := Find(bytes.NewReader(b), size)
		if diff := cmp.Diff(l, again, cmpopts.IgnoreUnexported(Layout{}, Volume{}), cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })); diff != "" {
			t.Error(diff)
		}
	})
}
