package volume

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fixture unpacks a set of disks that Linux wrote; see testdata/README.md.
func fixture(t testing.TB, name string) map[string][]byte {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".tar.gz.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	for range 2 {
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(h.Name, name+"/")] = b
	}
}

// manifest reads the names, sizes and hashes of what the kernel read.
func manifest(t testing.TB, files map[string][]byte) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	for line := range strings.Lines(string(files["manifest"])) {
		f := strings.Fields(line)
		if len(f) != 3 {
			t.Fatalf("manifest: %q", line)
		}
		out[f[0]] = [2]string{f[1], f[2]}
	}
	if len(out) == 0 {
		t.Fatal("no manifest")
	}
	return out
}

// asDisks makes disks of images in memory.
func asDisks(t testing.TB, images ...[]byte) []Disk {
	t.Helper()
	var out []Disk
	for i, b := range images {
		r := bytes.NewReader(b)
		l, err := Find(r, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Disk{fmt.Sprintf("disk%d", i), r, int64(len(b)), l})
	}
	return out
}

// compose composes images, and checks what must always hold.
func compose(t testing.TB, images ...[]byte) *Composed {
	t.Helper()
	c := Compose(asDisks(t, images...))
	checkComposed(t, c, images)
	return c
}

func checkComposed(t testing.TB, c *Composed, images [][]byte) {
	t.Helper()
	slots := map[string]bool{}
	for i := range c.Volumes {
		v := &c.Volumes[i]
		if slots[v.Slot] || v.Slot == "" {
			t.Errorf("slot %q twice", v.Slot)
		}
		slots[v.Slot] = true
		if v.Length <= 0 || v.Missing < 0 || v.Missing > v.Length || !v.Composed() || c.GroupOf(v) == nil {
			t.Errorf("%s: length %d, missing %d, group %q", v.Slot, v.Length, v.Missing, v.Group)
		}
		if v.ImageOffset(-1) != -1 {
			t.Errorf("%s: a byte without a place has one", v.Slot)
		}
		// Where a byte is said to stand, it stands.
		r := v.Reader(nil)
		step := max(v.Length/97, 1)
		for off := int64(0); off < v.Length; off += step {
			name, at := v.Place(off)
			if at < 0 {
				continue
			}
			n, err := strconv.Atoi(strings.TrimPrefix(name, "disk"))
			if err != nil || n >= len(images) {
				t.Fatalf("%s: byte %d stands in image %q", v.Slot, off, name)
			}
			var b [1]byte
			if _, err := r.ReadAt(b[:], off); at < int64(len(images[n])) && (err != nil && err != io.EOF || b[0] != images[n][at]) {
				t.Fatalf("%s: byte %d does not stand at byte %d of %s (%v)", v.Slot, off, at, name, err)
			}
		}
		for j, p := range v.Parts {
			if p.Length <= 0 || p.Logical < 0 || p.Logical >= v.Length || p.Disk >= len(images) || (p.Disk < 0) != (p.Offset < 0) || j > 0 && p.Logical < v.Parts[j-1].Logical {
				t.Fatalf("%s: part %+v", v.Slot, p)
			}
			if _, at := v.Place(p.Logical); p.Stripe == 0 && p.Copy == 0 && at != p.Offset && v.Missing == 0 {
				t.Errorf("%s: a part begins at byte %d, but stands at %d, not %d", v.Slot, p.Logical, at, p.Offset)
			}
		}
	}
	for _, n := range c.Notes {
		if !strings.HasSuffix(n, ".") {
			t.Errorf("note %q is no sentence", n)
		}
	}
	for _, g := range c.Groups {
		for _, n := range g.Notes {
			if !strings.HasSuffix(n, ".") {
				t.Errorf("note %q is no sentence", n)
			}
		}
	}
	for _, err := range c.Damage {
		if d := (*DamageError)(nil); !errors.As(err, &d) {
			t.Errorf("damage %#v", err)
		}
	}
}

// volumeOf finds a composed volume by its slot.
func volumeOf(t testing.TB, c *Composed, slot string) *Volume {
	t.Helper()
	for i := range c.Volumes {
		if c.Volumes[i].Slot == slot {
			return &c.Volumes[i]
		}
	}
	t.Fatalf("no volume %s:\n%s", slot, c.dump())
	return nil
}

// hash reads a whole volume.
func hash(v *Volume) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, v.Reader(nil))
	if err == nil && n != v.Length {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

func (c *Composed) dump() string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "group %s %q %s %s removed=%v\n", g.Slot, g.Name, g.UUID, g.Level, g.Removed)
		for _, m := range g.Members {
			fmt.Fprintf(&b, "  member %+v\n", m)
		}
		for _, n := range g.Notes {
			fmt.Fprintf(&b, "  note %s\n", n)
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

// says gives all that is noted of a group.
func (c *Composed) says() string {
	var b strings.Builder
	for _, g := range c.Groups {
		b.WriteString(strings.Join(g.Notes, "\n") + "\n")
	}
	return b.String() + strings.Join(c.Notes, "\n")
}

func members(files map[string][]byte, name string) [][]byte {
	var out [][]byte
	for i := 0; files[fmt.Sprintf("%s/%d.img", name, i)] != nil; i++ {
		out = append(out, files[fmt.Sprintf("%s/%d.img", name, i)])
	}
	return out
}

// TestMDFromKernel reads the arrays that Linux wrote, whole, in another order,
// and without each of their members.
func TestMDFromKernel(t *testing.T) {
	files := fixture(t, "md")
	for name, want := range manifest(t, files) {
		t.Run(name, func(t *testing.T) {
			images := members(files, name)
			if len(images) < 2 {
				t.Fatalf("%d members", len(images))
			}
			slices.Reverse(images)
			c := compose(t, images...)
			if len(c.Groups) != 1 || len(c.Damage) > 0 {
				t.Fatal(c.dump())
			}
			v := &c.Volumes[0]
			got, err := hash(v)
			if err != nil || strconv.FormatInt(v.Length, 10) != want[0] || got != want[1] || v.Missing != 0 {
				t.Fatalf("%d bytes, want %s; hash %s, want %s; missing %d; %v\n%s", v.Length, want[0], got, want[1], v.Missing, err, c.dump())
			}
			level := c.Groups[0].Level
			if !strings.HasPrefix(name, level) && !strings.HasPrefix(level, "linear") {
				t.Errorf("level %s", level)
			}
			redundant := level != "raid0" && level != "linear"
			for i := range images {
				c := compose(t, slices.Delete(slices.Clone(images), i, i+1)...)
				if len(c.Groups) != 1 || len(c.Volumes) != 1 {
					t.Fatalf("without member %d: %s", i, c.dump())
				}
				v := &c.Volumes[0]
				got, err := hash(v)
				var missing *MissingError
				switch {
				case strings.HasSuffix(name, "-stale"):
				case redundant && (err != nil || got != want[1] || v.Missing != 0):
					t.Errorf("without member %d: missing %d; %v", i, v.Missing, err)
				case !redundant && (!errors.As(err, &missing) || v.Missing == 0):
					t.Errorf("without member %d: missing %d; %v", i, v.Missing, err)
				}
			}
		})
	}
}

// TestMDLayouts makes sure that the fixture would tell the two layouts of RAID0
// apart.
func TestMDLayouts(t *testing.T) {
	images := members(fixture(t, "md"), "raid0zorig")
	c := compose(t, images...)
	a, ok := c.Volumes[0].dev.(*concat)
	if !ok || len(a.parts) < 2 {
		t.Fatalf("no zones: %T", c.Volumes[0].dev)
	}
	zone := a.parts[1].(*array)
	g := zone.geo.(*stripes)
	if g.shift == 0 {
		t.Skip("the zones of the fixture begin alike in both layouts")
	}
}

// TestMDStale: a half that was left behind is not used, and is the volume as
// it was then.
func TestMDStale(t *testing.T) {
	files := fixture(t, "md")
	c := compose(t, members(files, "raid1-stale")...)
	wantSays(t, "notes", c.says(), "does not use bare of disk1", "left behind at event", "place 1 what md:stale@1 shows", "1 of its 2 members")
	if v := volumeOf(t, c, "md:stale@1"); v.Allocated {
		t.Error("what is stale is taken for what is in use")
	}
	old := make([]byte, 8)
	if _, err := volumeOf(t, c, "md:stale@1").Reader(nil).ReadAt(old, 4096); err != nil || string(old) != "A0000001" {
		t.Errorf("%q, %v", old, err)
	}
	if _, err := volumeOf(t, c, "md:stale").Reader(nil).ReadAt(old, 4096); err != nil || string(old) != "B0000001" {
		t.Errorf("%q, %v", old, err)
	}
	states := map[string]string{}
	for _, m := range compose(t, members(files, "raid5-spare")...).Groups[0].Members {
		states[m.Slot+m.Image] = m.State
	}
	if states["baredisk3"] != "spare" || states["baredisk0"] != "in use" {
		t.Errorf("%v", states)
	}
	c = compose(t, members(files, "raid5-stale")...)
	wantSays(t, "notes", c.says(), "does not use bare of disk1")
}

// TestMDExamine holds every superblock against what mdadm says of it.
func TestMDExamine(t *testing.T) {
	bin, err := exec.LookPath("mdadm")
	if err != nil {
		t.Skip("mdadm is not installed")
	}
	files := fixture(t, "md")
	field := func(out, name string) string {
		m := regexp.MustCompile(`(?m)^ *` + name + ` : (.*?)\s*$`).FindStringSubmatch(out)
		if m == nil {
			return ""
		}
		return m[1]
	}
	for _, name := range []string{"raid0", "raid0z", "linear", "linearold", "raid1-0.90", "raid1-1.0", "raid1-1.1", "raid1-1.2", "raid5-left-symmetric", "raid5old", "raid6-ddf-N-restart", "raid10-f2", "raid1-stale", "raid5-spare"} {
		for i, b := range members(files, name) {
			path := filepath.Join(t.TempDir(), "member")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			raw, err := exec.Command(bin, "--examine", path).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", name, err, raw)
			}
			out := string(raw)
			c := &composer{out: &Composed{}, disks: asDisks(t, b)}
			s := c.superblock(&candidate{dev: leaf{0, 0, int64(len(b)), int64(len(b))}, disk: 0, slot: "bare"})
			if s == nil || !s.sound {
				t.Fatalf("%s: no sound superblock: %+v", name, s)
			}
			uuid := strings.ReplaceAll(strings.Fields(cmp.Or(field(out, "Array UUID"), field(out, "UUID")))[0], ":", "")
			if got := strings.ReplaceAll(s.uuid, "-", ""); got != uuid {
				t.Errorf("%s/%d: UUID %s, want %s", name, i, got, uuid)
			}
			if got, want := mdLevel(s.level), field(out, "Raid Level"); got != want {
				t.Errorf("%s/%d: level %s, want %s", name, i, got, want)
			}
			if got, want := strconv.FormatUint(s.events, 10), field(out, "Events"); got != want && want != "0."+got {
				t.Errorf("%s/%d: events %s, want %s", name, i, got, want)
			}
			if got, want := strconv.Itoa(s.disks), field(out, "Raid Devices"); got != want {
				t.Errorf("%s/%d: members %s, want %s", name, i, got, want)
			}
			if want := field(out, "Data Offset"); want != "" && !strings.HasPrefix(want, strconv.FormatInt(s.dataOffset/512, 10)+" ") {
				t.Errorf("%s/%d: data at %d, want %s", name, i, s.dataOffset, want)
			}
			if want := field(out, "Avail Dev Size"); want != "" && !strings.HasPrefix(want, strconv.FormatInt(s.dataSize/512, 10)+" ") {
				t.Errorf("%s/%d: %d bytes of data, want %s", name, i, s.dataSize, want)
			}
			if want := field(out, "Name"); want != "" && strings.Fields(want)[0] != s.name {
				t.Errorf("%s/%d: name %q, want %q", name, i, s.name, want)
			}
		}
	}
}

// TestMDBigEndian reads a superblock of 0.90 that a machine of the other byte order wrote.
func TestMDBigEndian(t *testing.T) {
	files := fixture(t, "md")
	images := members(files, "raid5old")
	want := manifest(t, files)["raid5old"]
	for i, b := range images {
		b = slices.Clone(b)
		at := len(b)&^(mdReserved-1) - mdReserved
		for j := at; j < at+4096; j += 4 {
			slices.Reverse(b[j : j+4])
		}
		// The halves of numbers of 64 bits change places.
		for _, w := range []int{39, 41, 44} {
			x, y := b[at+4*w:][:4], b[at+4*w+4:][:4]
			for k := range x {
				x[k], y[k] = y[k], x[k]
			}
		}
		images[i] = b
	}
	c := compose(t, images...)
	if len(c.Volumes) != 1 || len(c.Damage) > 0 {
		t.Fatal(c.dump())
	}
	if got, err := hash(&c.Volumes[0]); err != nil || got != want[1] {
		t.Errorf("%s, want %s: %v", got, want[1], err)
	}
}

// fixMD1 sets the checksum of a superblock of version 1 at an offset.
func fixMD1(b []byte, at int) {
	s := rawMD1(b[at : at+4096])
	le.PutUint32(s[216:], s.checksum())
}

func TestMDRefused(t *testing.T) {
	files := fixture(t, "md")
	change := func(f func(s []byte)) [][]byte {
		var out [][]byte
		for _, b := range members(files, "raid5-left-symmetric") {
			b = slices.Clone(b)
			f(b[4096:])
			fixMD1(b, 4096)
			out = append(out, b)
		}
		return out
	}
	tests := []struct {
		name, says string
		f          func(s []byte)
	}{
		{"reshape", "a reshape was under way", func(s []byte) { s[8] |= mdReshapeActive }},
		{"feature", "features that are not known", func(s []byte) { s[10] |= 1 }},
		{"level", "level 77 is not known", func(s []byte) { le.PutUint32(s[72:], 77) }},
		{"layout", "unknown layout", func(s []byte) { le.PutUint32(s[76:], 99) }},
		{"chunk", "its chunks are of 0 bytes", func(s []byte) { le.PutUint32(s[88:], 0) }},
		{"size", "its members are of", func(s []byte) { le.PutUint64(s[80:], 0) }},
		{"huge", "its members are of", func(s []byte) { le.PutUint64(s[80:], 1<<53) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := compose(t, change(tt.f)...)
			if len(c.Volumes) != 0 || len(c.Groups) != 1 {
				t.Error(c.dump())
			}
			wantSays(t, "notes", c.says(), tt.says)
		})
	}
	t.Run("checksum", func(t *testing.T) {
		images := members(files, "raid5-left-symmetric")
		images[1] = slices.Clone(images[1])
		images[1][4096+300]++
		c := compose(t, images...)
		if got, err := hash(&c.Volumes[0]); err != nil || got != manifest(t, files)["raid5-left-symmetric"][1] {
			t.Errorf("parity does not stand in: %v", err)
		}
		wantSays(t, "damage", fmt.Sprint(c.Damage), "md superblock at byte 4096 of disk1: its checksum is wrong")
		if s := c.Groups[0].Members[1].State; s != "damaged" {
			t.Errorf("%s\n%s", s, c.dump())
		}
	})
	t.Run("copy", func(t *testing.T) {
		images := members(files, "raid5-left-symmetric")
		c := compose(t, append(images, images[2])...)
		if c.Volumes[0].Missing != 0 {
			t.Error(c.dump())
		}
		wantSays(t, "notes", c.says(), "has two members for place 2")
	})
	t.Run("short", func(t *testing.T) {
		images := members(files, "raid0")
		images[2] = images[2][:len(images[2])-65536]
		c := compose(t, images...)
		if m := c.Volumes[0].Missing; m <= 0 || m > 65536 {
			t.Errorf("missing %d", m)
		}
	})
}

// TestLVMFromKernel reads the volumes that LVM2 and Linux wrote.
func TestLVMFromKernel(t *testing.T) {
	files := fixture(t, "lvm")
	want := manifest(t, files)
	var images [][]byte
	for i := range 5 {
		images = append(images, files[fmt.Sprintf("%d.img", i)])
	}
	c := compose(t, images...)
	if len(c.Groups) != 1 || len(c.Damage) > 0 {
		t.Fatal(c.dump())
	}
	g := &c.Groups[0]
	if g.Slot != "lvm:vg0" || len(g.Members) != 5 {
		t.Errorf("%+v", g)
	}
	last := g.Generations[len(g.Generations)-1]
	slot := func(name string) string {
		if name == "gone" {
			return fmt.Sprintf("lvm:vg0/gone@%d", last.Seqno-2)
		}
		return "lvm:vg0/" + name
	}
	for name, w := range want {
		v := volumeOf(t, c, slot(name))
		got, err := hash(v)
		if name == "gone" {
			// Its first extents were given to another volume, which did not write to them.
			if v.Allocated {
				t.Error("a deleted volume is shown as one in use")
			}
			wantSays(t, "notes", c.says(), "gone@", "of its 16 extents, other volumes have 4 now")
		}
		if err != nil || strconv.FormatInt(v.Length, 10) != w[0] || got != w[1] || v.Missing != 0 {
			t.Errorf("%s: %d bytes, want %s; missing %d; hash differs %v; %v", v.Slot, v.Length, w[0], v.Missing, got != w[1], err)
		}
	}
	for i := range g.Generations {
		n := &g.Generations[i]
		if i > 0 && n.Seqno != g.Generations[i-1].Seqno+1 || !n.Whole || len(n.Places) != 5 || n.Current != (i == len(g.Generations)-1) {
			t.Errorf("generation %d: seqno %d, whole %v, current %v, %d places", i, n.Seqno, n.Whole, n.Current, len(n.Places))
		}
	}
	// A member less: what has copies or parity is still whole.
	for lost := range images {
		c := compose(t, slices.Delete(slices.Clone(images), lost, lost+1)...)
		wantSays(t, "notes", c.says(), "4 of its 5 physical volumes")
		for _, name := range []string{"raid1", "mirror", "raid4", "raid5", "raid5n", "raid6", "raid6nc", "raid10"} {
			v := volumeOf(t, c, slot(name))
			if got, err := hash(v); err != nil || got != want[name][1] || v.Missing != 0 {
				t.Errorf("without disk %d, %s: missing %d; %v", lost, name, v.Missing, err)
			}
		}
		if v := volumeOf(t, c, slot("linear")); lost <= 1 {
			gone := map[int]int64{0: 4 << 20, 1: 2 << 20}[lost]
			if v.Missing != gone {
				t.Errorf("without disk %d, linear misses %d bytes", lost, v.Missing)
			}
			if part := v.Parts[lost]; part.Disk != -1 || part.Offset != -1 {
				t.Errorf("without disk %d: %+v", lost, part)
			}
			if _, at := v.Place(map[int]int64{0: 0, 1: 3 << 20}[lost]); at != -1 {
				t.Errorf("without disk %d: a missing byte stands at %d", lost, at)
			}
		}
	}
}

// TestLVMRanges holds the parts of linear and striped volumes against lvs.
func TestLVMRanges(t *testing.T) {
	files := fixture(t, "lvm")
	var images [][]byte
	for i := range 5 {
		images = append(images, files[fmt.Sprintf("%d.img", i)])
	}
	c := compose(t, images...)
	const extent, start = 128 << 10, 1 << 20
	wanted := map[string][]string{}
	for line := range strings.Lines(string(files["lvs"])) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 5 || !strings.HasPrefix(f[3], "/dev/loop") || strings.HasPrefix(f[0], "[") {
			continue
		}
		for _, r := range strings.Fields(f[3]) {
			var disk, from, to int64
			if _, err := fmt.Sscanf(r, "/dev/loop%d:%d-%d", &disk, &from, &to); err != nil {
				t.Fatal(err)
			}
			wanted[f[0]] = append(wanted[f[0]], fmt.Sprintf("disk%d:%d+%d", disk, start+from*extent, (to-from+1)*extent))
		}
	}
	if len(wanted) < 4 {
		t.Fatalf("%v", wanted)
	}
	for name, want := range wanted {
		if name == "snap" {
			continue // lvs shows its store
		}
		var got []string
		for _, p := range volumeOf(t, c, "lvm:vg0/"+name).Parts {
			got = append(got, fmt.Sprintf("%s:%d+%d", p.Image, p.Offset, p.Length))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestLVMGenerations holds the texts in the ring against what pvck finds.
func TestLVMGenerations(t *testing.T) {
	pvck, err := exec.LookPath("pvck")
	if err != nil {
		t.Skip("pvck is not installed")
	}
	b := fixture(t, "lvm")["0.img"]
	path := filepath.Join(t.TempDir(), "pv")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pvck, "--dump", "metadata_search", path)
	cmd.Env = append(os.Environ(), "LVM_SUPPRESS_FD_WARNINGS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("pvck does not read a file here: %v", err)
	}
	var want, got []string
	for _, m := range regexp.MustCompile(`metadata at (\d+) length (\d+) crc \S+ vg \S+ seqno (\d+) `).FindAllStringSubmatch(string(out), -1) {
		want = append(want, fmt.Sprintf("seqno %s at %s, %s bytes", m[3], m[1], m[2]))
	}
	for _, g := range compose(t, b).Groups[0].Generations {
		for _, p := range g.Places {
			got = append(got, fmt.Sprintf("seqno %d at %d, %d bytes", g.Seqno, p.Offset, p.Length+1)) // pvck counts the zero at the end
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestComposeDfVFS(t *testing.T) {
	path := shared + "/dfvfs/lvm.raw"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no image: %v", err)
	}
	c := compose(t, b)
	v := volumeOf(t, c, "lvm:test_volume_group/test_logical_volume1")
	if v.Found.Kind != "ext2" || v.Found.Label != "ext2_test" || v.Length != 4<<20 || v.UUID != "EMfcGR-KAOf-VrvI-yqth-fmz0-Ylmx-xepAJq" {
		t.Errorf("%+v", v)
	}
	if image, at := v.Place(1024); image != "disk0" || at != 1<<20+1024 || v.ImageOffset(1024) != at {
		t.Errorf("%s %d", image, at)
	}
	if n := len(c.Groups[0].Generations); n != 3 {
		t.Errorf("%d generations", n)
	}
}

// TestMDWholeDisk: a mirror of disks as wholes, with its superblock at the end, has
// its partition table where the disks would have theirs.
func TestMDWholeDisk(t *testing.T) {
	images := members(fixture(t, "md"), "raid1-1.0")
	pv := lvmDisk(t, id32("m"), 512<<10, 32<<10, 512, true, vgMetadata("vg0", id32("g"), 1, []string{id32("m")}, "root linear pv0:1+2"))
	for i, b := range images {
		b = slices.Clone(b)
		mbr := bootRecord(b[:512])
		clear(mbr)
		mbr[510], mbr[511] = 0x55, 0xaa
		mbr[450] = 0x8e
		le.PutUint32(mbr[454:], 64)
		le.PutUint32(mbr[458:], 1024)
		copy(b[64*512:], pv)
		images[i] = b
	}
	c := compose(t, images...)
	if v := volumeOf(t, c, "md:mir/mbr:1"); v.Found.Kind != "lvm2" {
		t.Errorf("%+v", v)
	}
	if v := volumeOf(t, c, "lvm:vg0/root"); v.Missing != 0 || len(v.Parts) != 2 || v.Parts[1].Copy != 1 || v.Offset != 64*512+64<<10+testExtent {
		t.Errorf("%+v", v)
	}
	for _, slot := range []string{"@0", "mbr:1"} {
		if g := c.MemberOf(1, slot); g == nil || g.Slot != "md:mir" {
			t.Errorf("%s of the second disk is of %+v", slot, g)
		}
	}
	if len(c.Notes) > 0 && strings.Contains(c.says(), "copy of the other") {
		t.Error(c.says())
	}
	// Where a partition takes the place of the superblock, that is left over.
	for _, b := range images {
		le.PutUint32(b[458:], uint32(len(b)/512-64))
	}
	if c := compose(t, images...); len(c.Groups) != 1 || c.Groups[0].Kind != "lvm2" {
		t.Error(c.dump())
	}
}

// TestComposedDamage changes disks that Linux wrote, in places that a fixed
// sequence gives, most of them in what describes the volumes. Whatever is found must
// be read or refused in its bounds.
func TestComposedDamage(t *testing.T) {
	files := fixture(t, "lvm")
	var images [][]byte
	for i := range 5 {
		images = append(images, files[fmt.Sprintf("%d.img", i)])
	}
	find := func(magic uint64, at int) (image, offset int) {
		for i, b := range images {
			for off := 0; off+4096 <= len(b); off += 4096 {
				if le.Uint64(b[off+at:]) == magic {
					return i, off
				}
			}
		}
		t.Fatalf("%#x is not found", magic)
		return 0, 0
	}
	thinImage, thin := find(thinMagic, 32)
	snapImage, snap := find(1<<32|snapMagic, 0)
	random := uint64(1)
	next := func(n int) int {
		random = random*6364136223846793005 + 1442695040888963407
		return int(random >> 33 % uint64(n))
	}
	for round := range 18 {
		var changed [][]byte
		for _, b := range images {
			changed = append(changed, slices.Clone(b))
		}
		switch round % 3 {
		case 0: // nodes of the thin pool, with right checksums
			b := changed[thinImage][thin+4096*next(40):][:4096]
			for range 4 {
				b[8+next(200)] = byte(next(256))
			}
			le.PutUint32(b, dmSum(b[4:], nodeXOR))
		case 1: // the table of the snapshot
			b := changed[snapImage][snap:]
			b[next(12288)] = byte(next(256))
			b[4096+next(64)] ^= byte(next(256))
		case 2: // labels, metadata and the RAID's own
			for _, b := range changed {
				for range 3 {
					b[next(1<<20)] = byte(next(256))
				}
			}
		}
		c := compose(t, changed...)
		for i := range c.Volumes {
			v := &c.Volumes[i]
			n, err := io.Copy(io.Discard, io.NewSectionReader(v.Reader(nil), 0, 1<<20))
			if err == nil && n != min(v.Length, 1<<20) {
				t.Errorf("%s: %d bytes of %d, without an error", v.Slot, n, v.Length)
			}
		}
	}
}
