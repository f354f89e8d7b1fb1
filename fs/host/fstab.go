package host

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// fstabEntry is a line of /etc/fstab: fstab(5).
type fstabEntry struct {
	spec    string // "UUID=...", "/dev/sda1", ...
	point   string
	fstype  string
	options string
	line    int
	unit    string // the systemd mount unit that says it, in place of a line of fstab
}

// where says what names the mount.
func (e *fstabEntry) where() string {
	if e.unit != "" {
		return e.unit
	}
	return "fstab line " + strconv.Itoa(e.line)
}

// has reports whether an option is set.
func (e *fstabEntry) has(option string) bool {
	return slices.Contains(strings.Split(e.options, ","), option)
}

func (e *fstabEntry) isBind() bool { return e.has("bind") || e.has("rbind") }

// parseFstab reads the lines that name a file system of a disk or of the
// network. Swap, and the file systems that the kernel makes up, are left out. Fields
// are separated by blanks; \040 and the like stand for bytes in octal.
func parseFstab(b []byte) []fstabEntry {
	var out []fstabEntry
	for i, line := range bytes.Split(b, []byte("\n")) {
		f := strings.Fields(string(line))
		if len(f) < 3 || f[0][0] == '#' {
			continue
		}
		e := fstabEntry{spec: unquote(unescapeOctal(f[0])), point: cleanPoint(unescapeOctal(f[1])), fstype: f[2], line: i + 1}
		if len(f) > 3 {
			e.options = f[3]
		}
		// The type of a bind mount is ignored, and is "none" as a rule.
		if e.point == "" || madeUp[e.fstype] && !e.isBind() {
			continue
		}
		out = append(out, e)
	}
	return out
}

// madeUp are the types of file systems that have no disk.
var madeUp = map[string]bool{
	"swap": true, "ignore": true, "none": true, "proc": true, "sysfs": true, "tmpfs": true, "ramfs": true, "devpts": true, "devtmpfs": true,
	"debugfs": true, "tracefs": true, "securityfs": true, "cgroup": true, "cgroup2": true, "configfs": true, "pstore": true, "efivarfs": true,
	"hugetlbfs": true, "mqueue": true, "bpf": true, "binfmt_misc": true, "fusectl": true, "rpc_pipefs": true, "usbfs": true, "usbdevfs": true,
	"autofs": true, "selinuxfs": true, "nfsd": true, "overlay": true, "aufs": true,
}

// network are the types of file systems that live on another machine.
var network = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "ceph": true, "glusterfs": true, "fuse.glusterfs": true,
	"fuse.sshfs": true, "sshfs": true, "fuse.s3fs": true, "9p": true, "virtiofs": true, "afs": true, "ncpfs": true, "davfs": true, "lustre": true,
}

// cleanPoint is a mount point without doubled and trailing slashes; "" if it
// is not absolute.
func cleanPoint(p string) string {
	if p == "" || p[0] != '/' {
		return ""
	}
	var elems []string
	for _, e := range strings.Split(p, "/") {
		if e != "" && e != "." {
			elems = append(elems, e)
		}
	}
	return "/" + strings.Join(elems, "/")
}

func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// unescapeHex undoes the names of links that udev makes: \x20 for a blank.
func unescapeHex(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// unquote takes the quotes off a tag's value: UUID="...".
func unquote(s string) string {
	key, v, ok := strings.Cut(s, "=")
	if ok && len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return key + "=" + v[1:len(v)-1]
	}
	return s
}

// A spec is what the first field of fstab asks for.
type spec struct {
	tag   string // "UUID", "LABEL", "PARTUUID", "PARTLABEL", "device", "composed"; "" if it is something else
	value string // of "composed": the volume's slot, "lvm:vg/lv", "md:0"
	disk  string // of a device: "sda"
	part  int    // of a device: 1; 0 for the whole disk, -1 for what cannot be known
}

func parseSpec(s string) spec {
	if key, v, ok := strings.Cut(s, "="); ok {
		switch k := strings.ToUpper(key); k {
		case "UUID", "LABEL", "PARTUUID", "PARTLABEL":
			return spec{tag: k, value: unescapeHex(v)}
		}
		return spec{}
	}
	for prefix, tag := range map[string]string{
		"/dev/disk/by-uuid/": "UUID", "/dev/disk/by-label/": "LABEL", "/dev/disk/by-partuuid/": "PARTUUID", "/dev/disk/by-partlabel/": "PARTLABEL",
	} {
		if v, ok := strings.CutPrefix(s, prefix); ok {
			return spec{tag: tag, value: unescapeHex(v)}
		}
	}
	if slot, ok := composedSlot(s); ok {
		return spec{tag: "composed", value: slot}
	}
	if name, ok := diskByLink(s); ok {
		disk, part, _ := cutPart(name)
		return spec{tag: "device", value: name, disk: disk, part: part}
	}
	if name, ok := strings.CutPrefix(s, "/dev/"); ok {
		if disk, part, ok := parseDevice(name); ok {
			return spec{tag: "device", value: name, disk: disk, part: part}
		}
	}
	return spec{}
}

// composedSlot gives the slot of the volume that a device of LVM or md stands
// for: /dev/mapper/vg-lv, where a hyphen of a name is doubled, /dev/vg/lv, /dev/md0,
// /dev/md/name, and the links that udev makes with their identifiers.
func composedSlot(dev string) (string, bool) {
	name, ok := strings.CutPrefix(dev, "/dev/")
	if !ok {
		return "", false
	}
	if dm, ok := strings.CutPrefix(name, "mapper/"); ok {
		return lvmSlot(dm)
	}
	if dm, ok := strings.CutPrefix(name, "disk/by-id/dm-name-"); ok {
		return lvmSlot(unescapeHex(dm))
	}
	if md, ok := strings.CutPrefix(name, "disk/by-id/md-name-"); ok {
		md = unescapeHex(md)
		return "md:" + md[strings.LastIndexByte(md, ':')+1:], true
	}
	if md, ok := strings.CutPrefix(name, "md/"); ok && md != "" && !strings.Contains(md, "/") {
		return "md:" + md, true
	}
	if md, ok := strings.CutPrefix(name, "md"); ok && md != "" {
		md = strings.TrimPrefix(strings.TrimPrefix(md, "_d"), "_")
		if strings.Trim(md, "0123456789p") == "" || strings.HasPrefix(name, "md_") {
			return "md:" + md, true
		}
	}
	vg, lv, ok := strings.Cut(name, "/")
	if !ok || vg == "" || lv == "" || strings.Contains(lv, "/") || notGroups[vg] {
		return "", false
	}
	return "lvm:" + vg + "/" + lv, true
}

// notGroups are directories of /dev that are no volume groups.
var notGroups = map[string]bool{
	"block": true, "bus": true, "char": true, "cpu": true, "disk": true, "dri": true, "fd": true, "input": true, "loop": true, "mapper": true, "md": true,
	"net": true, "pts": true, "shm": true, "snd": true, "zvol": true,
}

// lvmSlot takes a name of the device mapper apart: volume group and logical
// volume with a hyphen between, hyphens of their own doubled.
func lvmSlot(dm string) (string, bool) {
	const doubled = "\x00"
	vg, lv, ok := strings.Cut(strings.ReplaceAll(dm, "--", doubled), "-")
	if !ok || vg == "" || lv == "" {
		return "", false
	}
	return "lvm:" + strings.ReplaceAll(vg, doubled, "-") + "/" + strings.ReplaceAll(lv, doubled, "-"), true
}

// diskByLink gives the name below /dev/disk/by-id or by-path, which stands for a
// disk by its maker's number or by its place in the machine. No image says which it is.
func diskByLink(dev string) (string, bool) {
	for _, dir := range []string{"/dev/disk/by-id/", "/dev/disk/by-path/"} {
		if name, ok := strings.CutPrefix(dev, dir); ok && name != "" {
			return name, true
		}
	}
	return "", false
}

// cutPart takes "-part2" off the name of a disk's link.
func cutPart(name string) (disk string, part int, ok bool) {
	i := strings.LastIndex(name, "-part")
	if i < 0 {
		return name, 0, false
	}
	n, err := strconv.Atoi(name[i+len("-part"):])
	if err != nil || n < 1 {
		return name, 0, false
	}
	return name[:i], n, true
}

// parseDevice takes the kernel's name of a disk apart: letters after a
// prefix and then the partition's number (sda1, xvdb), or, where the disk's own name
// ends in a digit, a "p" between them (nvme0n1p2, mmcblk0p1).
func parseDevice(name string) (disk string, part int, ok bool) {
	base := strings.TrimRight(name, "0123456789")
	digits := name[len(base):]
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n > 0 && n < 1<<16
	}
	for _, prefix := range []string{"sd", "vd", "hd", "xvd"} {
		letters, found := strings.CutPrefix(base, prefix)
		if !found || letters == "" || strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") != "" {
			continue
		}
		if digits == "" {
			return base, 0, true
		}
		part, ok = number(digits)
		return base, part, ok
	}
	for _, prefix := range []string{"nvme", "mmcblk", "loop", "nbd"} {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if d, isPart := strings.CutSuffix(base, "p"); isPart && d != "" && d[len(d)-1] >= '0' && d[len(d)-1] <= '9' {
			part, ok = number(digits)
			return d, part, ok
		}
		if digits != "" {
			return name, 0, true
		}
	}
	return "", 0, false
}
