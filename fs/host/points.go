package host

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
)

// unitDirs are where an administrator's mount units stand; those of packages
// mount what has no disk.
var unitDirs = []string{"/etc/systemd/system", "/usr/local/lib/systemd/system"}

// mountUnits reads the mount units of systemd: systemd.mount(5).
func (h *Host) mountUnits() []fstabEntry {
	var out []fstabEntry
	enabled := map[string]bool{}
	for _, dir := range unitDirs {
		for _, c := range h.listPath(dir) {
			if strings.HasSuffix(c.Name, ".wants") || strings.HasSuffix(c.Name, ".requires") {
				for _, u := range h.listPath(dir + "/" + c.Name) {
					enabled[u.Name] = true
				}
			}
		}
		for _, c := range h.listPath(dir) {
			if !strings.HasSuffix(c.Name, ".mount") || c.Type == filesystem.Directory {
				continue
			}
			p := dir + "/" + c.Name
			e := parseMountUnit(h.config(p))
			e.unit = p
			if e.point == "" || e.spec == "" || madeUp[e.fstype] && !e.isBind() || strings.Contains(e.spec+e.point, "%") {
				continue
			}
			automount := strings.TrimSuffix(c.Name, ".mount") + ".automount"
			if !enabled[c.Name] && !enabled[automount] {
				e.options += ",noauto"
			}
			out = append(out, e)
		}
	}
	return out
}

// parseMountUnit reads the section that says what is mounted where.
func parseMountUnit(b []byte) fstabEntry {
	var e fstabEntry
	section := ""
	for _, l := range lines(bytes.ReplaceAll(b, []byte("\\\n"), []byte(" "))) {
		l := strings.TrimSpace(string(l))
		if strings.HasPrefix(l, "[") {
			section = l
			continue
		}
		key, v, ok := strings.Cut(l, "=")
		if !ok || section != "[Mount]" || l[0] == '#' || l[0] == ';' {
			continue
		}
		v = strings.TrimSpace(v)
		switch strings.TrimSpace(key) {
		case "What":
			e.spec = unquote(v)
		case "Where":
			e.point = cleanPoint(v)
		case "Type":
			e.fstype = v
		case "Options":
			e.options = v
		}
	}
	return e
}

// mountEntries are the lines of fstab and the mount units. A unit takes the
// place of a line for the same directory, as systemd has it.
func (h *Host) mountEntries(fstab []fstabEntry) []fstabEntry {
	out := slices.Clone(fstab)
	for _, u := range h.mountUnits() {
		out = slices.DeleteFunc(out, func(e fstabEntry) bool { return e.point == u.point && e.unit == "" })
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b fstabEntry) int {
		return cmp.Compare(strings.Count(a.point, "/"), strings.Count(b.point, "/"))
	})
	return out
}

// bind notes a bind mount, once everything else stands at its place.
func (h *Host) bind(e *fstabEntry) {
	node, in, from, err := h.Find(e.spec, true)
	point := h.realPoint(e.point)
	switch {
	case err != nil:
		h.note("%s: %s would show %s once more (bind mount), which is not there", e.where(), e.point, e.spec)
		return
	case point == from || strings.HasPrefix(from, point+"/") || h.binds[point].node.Mount != nil || point == "/":
		h.note("%s: %s over %s is a bind mount that is not followed", e.where(), e.spec, e.point)
		return
	case in.Mode.Type() != filesystem.Directory || node.Mount == nil:
		h.note("%s: %s shows %s once more (bind mount)", e.where(), e.point, e.spec)
		return
	}
	h.note("%s: %s shows %s once more (bind mount); its files are listed below %s", e.where(), e.point, e.spec, from)
	if h.binds == nil {
		h.binds = map[string]bound{}
	}
	h.binds[point] = bound{node, from}
	h.Binds = append(h.Binds, Bind{From: from, Point: point, Source: e.where()})
	h.setPoints()
}

// bound is where a bind mount leads.
type bound struct {
	node Node
	path string
}

func (h *Host) note(format string, args ...any) {
	h.Notes = append(h.Notes, fmt.Sprintf(format, args...))
}

// byType are the places that the types of GPT partitions stand for: the
// Discoverable Partitions Specification. The root's are not needed here: the root is
// known by what it holds.
// https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
var byType = map[string]string{
	"933ac7e1-2eb4-4f13-b844-0e14e2aef915": "/home",
	"3b8f8425-20e0-4f3b-907f-1a25a76f98e8": "/srv",
	"4d21b016-b534-45c2-a9fb-5c16e091fd2d": "/var",
	"7ec6f557-3bc5-4aca-b293-16ef5df639d1": "/var/tmp",
	"bc13c2ff-59e6-4262-a352-b275fd6f7172": "/boot", // extended boot loader partition
	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "/efi",  // EFI system partition
	"8484680c-9521-48c6-9c11-b0720656f69e": "/usr",  // x86-64
	"75250d76-8cc6-458e-bd66-bd47cc81a812": "/usr",  // x86
	"b0e01050-ee5f-4390-949a-9101b17104e9": "/usr",  // ARM-64
	"7d0359a3-02b3-4f0a-865c-654403e70625": "/usr",  // ARM
	"beaec34b-8442-439b-a40b-984381ed097d": "/usr",  // RISC-V 64
	"b933fb22-5c3f-4f91-af90-e2bb0fa50702": "/usr",  // RISC-V 32
	"8a4f5770-50aa-4ed3-874a-99b710db6fea": "/usr",  // s390x
}

// rootTypes are the types that the specification gives to a root.
var rootTypes = map[string]bool{
	"4f68bce3-e8cd-4db1-96e7-fbcaf984b709": true, // x86-64
	"44479540-f297-41b2-9af7-d131d5f0458a": true, // x86
	"b921b045-1df0-41c3-af44-4c6f280d3fae": true, // ARM-64
	"69dad710-2ce4-4e3c-b16c-21a1d49abed3": true, // ARM
	"72ec70a6-cf74-40e6-bd49-4bda08e8f224": true, // RISC-V 64
	"60d5a7fe-8e7d-435c-b714-3dd8162144e1": true, // RISC-V 32
	"5eead9a9-fe09-4a1e-a1d7-520d00531306": true, // s390x
}

// placeByHints places a volume that no fstab and no unit names: by the type
// of its partition, as systemd-gpt-auto-generator does, or, if nothing names any
// volume, where its superblock says that it was last mounted. Neither covers a directory
// that holds files.
func (h *Host) placeByHints(s *Source, root *Source, named bool) *Mount {
	if p := byType[strings.ToLower(s.Volume.TypeID)]; p != "" && (root == nil || s.Image == root.Image) && h.isFree(p) {
		return s.mount(h.realPoint(p), "the type of its partition says that it is "+p)
	}
	if last := cleanPoint(s.FS.Info().LastMounted); !named && slices.Contains(mayBePoint, last) && h.isFree(last) {
		return s.mount(h.realPoint(last), "no fstab names it; its superblock says that it was last mounted there")
	}
	return nil
}

// isFree reports whether a file system could stand at a place: nothing is
// mounted there, and the directory is empty, if there is one.
func (h *Host) isFree(p string) bool {
	real := h.realPoint(p)
	if h.points[real] != nil {
		return false
	}
	n, in, real, err := h.Find(p, true)
	if err != nil {
		return absent(err)
	}
	if in.Mode.Type() != filesystem.Directory {
		return false
	}
	list, err := h.List(n, real)
	return err == nil && !slices.ContainsFunc(list, func(c Child) bool { return !c.Mount && c.Name != "lost+found" })
}
