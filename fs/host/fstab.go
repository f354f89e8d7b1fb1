package host

import (
	"bytes"
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
}

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
		if e.point == "" || madeUp[e.fstype] {
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
	tag   string // "UUID", "LABEL", "PARTUUID", "PARTLABEL", "device"; "" if it is something else
	value string
	disk  string // of a device: "sda"
	part  int    // of a device: 1; 0 for the whole disk
}

func parseSpec(s string) spec {
	if key, v, ok := strings.Cut(s, "="); ok {
		switch k := strings.ToUpper(key); k {
		case "UUID", "LABEL", "PARTUUID", "PARTLABEL":
			return spec{tag: k, value: v}
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
	if name, ok := strings.CutPrefix(s, "/dev/"); ok {
		if disk, part, ok := parseDevice(name); ok {
			return spec{tag: "device", value: name, disk: disk, part: part}
		}
	}
	return spec{}
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
