package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/image/volume"
)

// Source is one opened file system of the evidence.
type Source struct {
	Image  string // the evidence file's name
	Volume volume.Volume
	FS     filesystem.FileSystem
	Index  *filesystem.Index // nil: built when it is needed
}

// Assemble joins the sources into one server. The root is the file system
// that looks most like one (see [system.score]); the others take the places that its
// /etc/fstab gives them, and those that it does not name stand at "/<slot>", where the
// notes say so. It fails only if there is no source; what could not be read is in
// Damage.
func Assemble(ctx context.Context, sources []Source) (*Host, error) {
	return AssembleAt(ctx, sources, "")
}

// AssembleAt is Assemble with the slot of the volume that is the root; "" leaves
// the choice to it.
func AssembleAt(ctx context.Context, sources []Source, slot string) (*Host, error) {
	if len(sources) == 0 {
		return nil, errors.New("no file system to assemble a server from")
	}
	h := &Host{}
	systems := make([]system, len(sources))
	for i, s := range sources {
		systems[i] = inspect(i, s)
		h.Damage = append(h.Damage, systems[i].damage...)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root := slices.MaxFunc(systems, func(a, b system) int { return a.compare(b) })
	if slot != "" {
		i := slices.IndexFunc(sources, func(s Source) bool { return s.Volume.Slot == slot })
		if i < 0 {
			return nil, fmt.Errorf("no file system on volume %q", slot)
		}
		root = systems[i]
		root.chosen = true
	}
	if root.chosen || root.isSystem() {
		h.joinByFstab(sources, systems, root)
	} else {
		h.joinWithoutRoot(sources)
	}
	h.setPoints()
	h.readFacts()
	return h, nil
}

// mount makes the Mount of a source.
func (s *Source) mount(point, how string) *Mount {
	return &Mount{Image: s.Image, Volume: s.Volume, FS: s.FS, Index: s.Index, Point: point, How: how}
}

// A system is what a source has of an operating system.
type system struct {
	index   int
	etc     bool // it has /etc with passwd or os-release
	marks   int  // how many of the usual directories and files there are
	self    bool // its fstab names its own file system as "/"
	chosen  bool // by the analyst
	used    filesystem.Time
	typed   bool   // its partition's type says that it is a root
	name    string // os and host in words
	os      string
	host    string
	damage  []error
	entries []fstabEntry
}

// rootMarks are what the root of a Linux server has.
var rootMarks = []string{
	"/etc", "/etc/passwd", "/etc/os-release", "/usr/lib/os-release", "/etc/fstab", "/etc/shadow", "/usr", "/usr/bin", "/bin", "/sbin", "/lib", "/var", "/var/lib",
	"/var/log", "/root", "/home", "/dev", "/proc", "/sbin/init", "/lib/systemd/systemd",
}

// inspect looks at one file system by itself.
func inspect(i int, s Source) system {
	sys := system{index: i}
	one := &Host{Mounts: []*Mount{s.mount("/", "")}}
	one.setPoints()
	said := map[string]bool{}
	for _, p := range rootMarks {
		_, _, _, err := one.Find(p, p != "/etc")
		switch {
		case err == nil:
			sys.marks++
			if p == "/etc/passwd" || p == "/etc/os-release" || p == "/usr/lib/os-release" {
				sys.etc = true
			}
		case !errors.Is(err, fs.ErrNotExist):
			// All paths may fail for one reason: the root directory.
			var at *fs.PathError
			why := err
			if errors.As(err, &at) {
				why = at.Err
			}
			if !said[why.Error()] {
				said[why.Error()] = true
				sys.damage = append(sys.damage, one.Mounts[0].pathError(p, 0, why))
			}
		}
	}
	// A separate /usr has lib/os-release at its own root, not below usr; its
	// root is told from a server's by /etc.
	if _, in, _, err := one.Find("/etc", true); err != nil || in.Mode.Type() != filesystem.Directory {
		sys.etc = false
	}
	info := s.FS.Info()
	sys.used = info.Written
	if info.Mounted.Compare(sys.used) > 0 {
		sys.used = info.Mounted
	}
	if !sys.etc {
		return sys
	}
	b, err := one.ReadFile("/etc/fstab", maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		sys.damage = append(sys.damage, err)
	}
	sys.entries = parseFstab(b)
	for _, e := range sys.entries {
		if e.point == "/" && matches(parseSpec(e.spec), &s) {
			sys.self = true
		}
	}
	one.readRelease()
	one.readName()
	sys.os, sys.host = one.OS, one.Name
	sys.typed = rootTypes[strings.ToLower(s.Volume.TypeID)]
	sys.name = cmp.Or(one.OS, "an unnamed system")
	if one.Name != "" {
		sys.name += ", host name " + strconv.Quote(one.Name)
	}
	return sys
}

func (s system) isSystem() bool { return s.etc && s.marks >= 4 }

// compare orders systems by how much they look like the server's: one that
// has /etc with accounts or a release file, one whose fstab names itself as "/", one
// whose partition is typed as a root, one with more of the usual directories, the one that was used last, the first.
func (s system) compare(t system) int {
	truth := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return 1
		}
		return -1
	}
	return cmp.Or(truth(s.isSystem(), t.isSystem()), truth(s.self, t.self), truth(s.typed, t.typed), cmp.Compare(s.marks/4, t.marks/4),
		s.used.Compare(t.used), cmp.Compare(t.index, s.index))
}

// matches reports whether a tag names the source. Devices are matched by
// [deviceMatcher].
func matches(sp spec, s *Source) bool {
	if sp.value == "" {
		return false
	}
	info := s.FS.Info()
	switch sp.tag {
	case "UUID":
		return strings.EqualFold(sp.value, info.UUID)
	case "LABEL":
		return sp.value == info.Label
	case "PARTUUID":
		return strings.EqualFold(sp.value, s.Volume.UUID)
	case "PARTLABEL":
		return sp.value == s.Volume.Label
	case "composed":
		if s.Volume.Slot == sp.value {
			return true
		}
		// A partition of an array: md0p1.
		array, part, ok := strings.Cut(sp.value, "p")
		inside, found := strings.CutPrefix(s.Volume.Slot, array+"/")
		return ok && found && strings.HasPrefix(sp.value, "md:") && strings.HasSuffix(inside, ":"+part)
	}
	return false
}

// partition is the number of a volume in its partition table; 0 for a disk
// without one, -1 for what lies between partitions. The image's name may stand before
// the slot.
func partition(v *volume.Volume) int {
	slot := v.Slot
	if slot == "bare" || strings.HasSuffix(slot, ":bare") {
		return 0
	}
	before, n, ok := strings.Cut(slot, ":")
	if i := strings.LastIndexByte(slot, ':'); i >= 0 {
		before, n = slot[:i], slot[i+1:]
	}
	kind := before[strings.LastIndexByte(before, ':')+1:]
	if !ok {
		return 0
	}
	if kind != "gpt" && kind != "mbr" {
		return -1
	}
	i, err := strconv.Atoi(n)
	if err != nil {
		return -1
	}
	return i
}

// disks decides which image the kernel's names of disks stand for. The disk
// of "/" is the root's image if fstab names it by device. Otherwise the images are
// the kernel's disks in the order in which they were given: a, b, c.
func disks(entries []fstabEntry, sources []Source, root int) map[string]string {
	var images []string
	for _, s := range sources {
		if !s.Volume.Composed() && !slices.Contains(images, s.Image) {
			images = append(images, s.Image)
		}
	}
	var names []string
	out := map[string]string{}
	for _, e := range entries {
		sp := parseSpec(e.spec)
		if sp.tag != "device" {
			continue
		}
		if !slices.Contains(names, sp.disk) {
			names = append(names, sp.disk)
		}
		if e.point == "/" {
			out[sp.disk] = sources[root].Image
		}
	}
	if len(out) == 1 {
		// The rest of the names go to the rest of the images only if both are one.
		var restNames, restImages []string
		for _, n := range names {
			if out[n] == "" {
				restNames = append(restNames, n)
			}
		}
		for _, im := range images {
			if im != sources[root].Image {
				restImages = append(restImages, im)
			}
		}
		if len(restNames) == 1 && len(restImages) == 1 {
			out[restNames[0]] = restImages[0]
		}
		return out
	}
	for _, n := range names {
		if i := diskNumber(n); i >= 0 && i < len(images) {
			out[n] = images[i]
		}
	}
	// One disk that is named by a link, and one image, are taken to be the same.
	if len(names) == 1 && len(images) == 1 && diskNumber(names[0]) < 0 {
		out[names[0]] = images[0]
	}
	return out
}

// diskNumber is 0 for sda, nvme0n1, mmcblk0, 1 for sdb; -1 if the name
// is not understood.
func diskNumber(name string) int {
	for _, prefix := range []string{"sd", "vd", "hd", "xvd"} {
		if letters, ok := strings.CutPrefix(name, prefix); ok && len(letters) == 1 {
			return int(letters[0] - 'a')
		}
	}
	if rest, ok := strings.CutPrefix(name, "nvme"); ok {
		n, _, _ := strings.Cut(rest, "n")
		if i, err := strconv.Atoi(n); err == nil {
			return i
		}
	}
	if rest, ok := strings.CutPrefix(name, "mmcblk"); ok {
		if i, err := strconv.Atoi(rest); err == nil {
			return i
		}
	}
	return -1
}

// joinByFstab places the sources around the chosen root.
func (h *Host) joinByFstab(sources []Source, systems []system, root system) {
	how := "it is the only volume that holds a system"
	others := 0
	for _, s := range systems {
		if s.index != root.index && s.isSystem() {
			others++
			o := &sources[s.index]
			h.Others = append(h.Others, Other{Image: o.Image, Slot: o.Volume.Slot, OS: s.os, Name: s.host})
			h.note("%s of %s holds a system of its own (%s); the server is taken to be the one on %s (%s)", o.Volume.Slot, o.Image, s.name, sources[root.index].Volume.Slot, root.name)
		}
	}
	switch {
	case root.chosen:
		how = "it was chosen"
	case root.self:
		how = "its own fstab names it as the root"
	case others > 0:
		how = "it looks most like a root: more of the usual directories, or used last"
	}
	h.Mounts = []*Mount{sources[root.index].mount("/", how)}
	h.setPoints()

	taken := map[int]bool{root.index: true}
	all := h.mountEntries(root.entries)
	names := disks(all, sources, root.index)
	named := false // something names a volume besides the root
	for i := range all {
		e := &all[i]
		if e.point == "/" || e.isBind() {
			continue
		}
		named = true
		h.join(e, sources, taken, names)
	}
	for i := range sources {
		if taken[i] {
			continue
		}
		if m := h.placeByHints(&sources[i], &sources[root.index], named); m != nil {
			taken[i] = true
			h.Mounts = append(h.Mounts, m)
			h.setPoints()
			h.note("%s of %s (%s) is not named by the server's fstab; it stands at %s: %s", m.Volume.Slot, m.Image, describe(m.FS.Info()), m.Point, m.How)
		}
	}
	for i := range sources {
		if !taken[i] {
			m := sources[i].mount(h.slotPoint(&sources[i]), "fstab does not name it")
			h.Mounts = append(h.Mounts, m)
			h.setPoints()
			h.note("%s of %s (%s) is not named by the server's fstab; it stands at %s", m.Volume.Slot, m.Image, describe(m.FS.Info()), m.Point)
		}
	}
	slices.SortFunc(h.Mounts[1:], func(a, b *Mount) int { return strings.Compare(a.Point, b.Point) })
	for i := range all {
		if all[i].isBind() {
			h.bind(&all[i])
		}
	}
}

// join gives a file system that fstab or a unit names its place.
func (h *Host) join(e *fstabEntry, sources []Source, taken map[int]bool, names map[string]string) {
	if network[e.fstype] || strings.Contains(e.spec, ":/") {
		h.note("%s: %s is a file system of another machine (%s %s); it is not part of this evidence", e.where(), e.point, e.fstype, e.spec)
		h.Absent = append(h.Absent, Absent{e.spec, h.realPoint(e.point), e.fstype})
		return
	}
	point := h.realPoint(e.point)
	if h.points[point] != nil {
		h.note("%s: %s is a second file system for %s; the first is shown there", e.where(), e.spec, e.point)
		return
	}
	sp := parseSpec(e.spec)
	var found []int
	for i := range sources {
		s := &sources[i]
		if sp.tag == "device" {
			if s.Volume.Composed() || names[sp.disk] != s.Image || partition(&s.Volume) != sp.part {
				continue
			}
		} else if !matches(sp, s) {
			continue
		}
		if !taken[i] {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		if !removable(*e) {
			h.Absent = append(h.Absent, Absent{e.spec, point, e.fstype})
			h.note("%s: %s (%s, %s) was not found among the volumes that can be read; what lies below %s is what the root holds there", e.where(), e.spec, e.point, cmp.Or(e.fstype, "auto"), e.point)
		}
		return
	}
	s := &sources[found[0]]
	if len(found) > 1 {
		h.note("%s: %s fits %d volumes; %s of %s is taken for %s", e.where(), e.spec, len(found), s.Volume.Slot, s.Image, e.point)
	}
	if e.has("noauto") && !e.has("x-systemd.automount") {
		h.note("%s: %s is not mounted by itself when the server starts", e.where(), e.point)
	}
	if sp.tag == "device" && strings.HasPrefix(e.spec, "/dev/disk/") {
		h.note("%s: %s names a disk by its maker's number or its place in the machine, which no image holds; %s of %s is taken for %s", e.where(), e.spec, s.Volume.Slot, s.Image, e.point)
	}
	taken[found[0]] = true
	h.Mounts = append(h.Mounts, s.mount(point, e.where()+": "+e.spec))
	h.setPoints()
}

func describe(i filesystem.Info) string {
	s := i.Type
	if i.Label != "" {
		s += " " + strconv.Quote(i.Label)
	}
	if i.LastMounted != "" && i.LastMounted != "/" {
		s += ", last mounted on " + strconv.Quote(i.LastMounted)
	}
	return s
}

// removable reports whether nobody would expect the file system to be there.
func removable(e fstabEntry) bool {
	switch e.fstype {
	case "iso9660", "udf", "udf,iso9660", "fd", "subfs", "supermount":
		return true
	}
	name := strings.TrimPrefix(e.spec, "/dev/")
	return strings.HasPrefix(name, "cdrom") || strings.HasPrefix(name, "sr") || strings.HasPrefix(name, "fd") || strings.HasPrefix(name, "dvd") || strings.HasPrefix(name, "scd")
}

// realPoint is a mount point free of symbolic links, as the kernel resolves
// it when it mounts.
func (h *Host) realPoint(p string) string {
	rest := ""
	for at := p; at != "/"; at = path.Dir(at) {
		if _, _, real, err := h.Find(at, true); err == nil {
			if real == "/" {
				real = ""
			}
			return cmp.Or(real+rest, "/")
		}
		rest = "/" + path.Base(at) + rest
	}
	return p
}

// slotPoint is the place of a volume that nothing names.
func (h *Host) slotPoint(s *Source) string {
	for i := 1; ; i++ {
		p := "/<" + s.Volume.Slot + ">"
		if i > 1 {
			p = fmt.Sprintf("/<%s#%d>", s.Volume.Slot, i)
		}
		if h.points[p] == nil {
			return p
		}
	}
}

// mayBePoint are the directories that a superblock is believed to have been
// mounted on, where no root is there to say it.
var mayBePoint = []string{"/boot", "/home", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/local", "/var", "/var/lib", "/var/log", "/var/log/audit", "/var/mail",
	"/var/spool", "/var/tmp", "/var/www", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/docker", "/var/cache", "/data"}

// joinWithoutRoot places the sources where no volume holds a system: where
// their superblocks say that they were last mounted; a single one of which that says
// nothing is taken as the root of its paths.
func (h *Host) joinWithoutRoot(sources []Source) {
	h.Notes = append(h.Notes, "no volume holds a system (/etc with passwd or os-release): accounts, host name and time zone are not known")
	h.setPoints()
	for i := range sources {
		s := &sources[i]
		last := cleanPoint(s.FS.Info().LastMounted)
		typed := byType[strings.ToLower(s.Volume.TypeID)]
		var m *Mount
		switch {
		case typed != "" && h.points[typed] == nil:
			m = s.mount(typed, "the type of its partition says that it is "+typed)
		case slices.Contains(mayBePoint, last) && h.points[last] == nil:
			m = s.mount(last, "its superblock says that it was last mounted there")
		case len(sources) == 1:
			m = s.mount("/", "it is the only volume")
		default:
			m = s.mount(h.slotPoint(s), "nothing says where it belongs")
		}
		h.Notes = append(h.Notes, fmt.Sprintf("%s of %s stands at %s: %s", m.Volume.Slot, m.Image, m.Point, m.How))
		h.Mounts = append(h.Mounts, m)
		h.setPoints()
	}
	slices.SortFunc(h.Mounts, func(a, b *Mount) int { return strings.Compare(a.Point, b.Point) })
}

// maxConfig is the most that is read of a configuration file.
const maxConfig = 4 << 20

// lines yields the lines of a small text file without their ends.
func lines(b []byte) [][]byte {
	return bytes.Split(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"))
}
