package host

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // an analyst's machine may have none

	"deadbox/fs/filesystem"
)

// zoneInfo are the directories that hold the time zones.
var zoneInfo = []string{"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/share/zoneinfo-posix"}

// maxZone is the most that is read of a time zone's file; real ones have
// less than 4 KiB.
const maxZone = 64 << 10

// readZone finds the server's time zone: localtime(5), else what older
// systems keep beside it. The server's own rules are used where it has them.
func (h *Host) readZone() {
	_, in, _, err := h.Find("/etc/localtime", false)
	if err == nil && in.Mode.Type() == filesystem.Symlink && h.zoneByLink() {
		return
	}
	if err == nil && h.zoneByContent() {
		return
	}
	for _, from := range []struct {
		path, key string
	}{{"/etc/timezone", ""}, {"/etc/TZ", ""}, {"/etc/sysconfig/clock", "ZONE"}, {"/etc/sysconfig/clock", "TIMEZONE"}, {"/etc/conf.d/clock", "TIMEZONE"}} {
		name := h.zoneName(from.path, from.key)
		if loc := h.loadZone(name); loc != nil {
			h.ZoneName, h.Zone, h.ZoneFrom = name, loc, from.path
			return
		}
	}
	h.ZoneName, h.Zone, h.ZoneFrom = "UTC", time.UTC, "assumed"
}

func (h *Host) zoneName(p, key string) string {
	b := h.config(p)
	if key == "" {
		return firstLine(b)
	}
	return assignments(b)[key]
}

// zoneByLink follows /etc/localtime, which points into the zones by a name
// that says which it is. The target need not be on the disk.
func (h *Host) zoneByLink() bool {
	n, in, _, err := h.Find("/etc/localtime", false)
	if err != nil {
		return false
	}
	target, err := n.Mount.FS.Link(in)
	if err != nil {
		h.Damage = append(h.Damage, n.Mount.pathError("/etc/localtime", n.Inum, err))
		return false
	}
	name := zoneOfPath(string(target))
	if name == "" {
		// A link to another link: Debian had /etc/localtime -> /etc/zoneinfo/...
		if _, _, real, err := h.Find("/etc/localtime", true); err == nil {
			name = zoneOfPath(real)
		}
	}
	if name == "" {
		return false
	}
	from := "/etc/localtime, a link to " + string(target)
	if b, err := h.ReadFile("/etc/localtime", maxZone); err == nil {
		if loc, err := time.LoadLocationFromTZData(name, b); err == nil {
			h.ZoneName, h.Zone, h.ZoneFrom = name, loc, from
			h.noteLeapSeconds(string(target))
			return true
		}
	}
	if loc := h.loadZone(name); loc != nil {
		h.ZoneName, h.Zone, h.ZoneFrom = name, loc, from+", which cannot be read; the rules are those built into this program"
		return true
	}
	return false
}

// noteLeapSeconds warns of zones that count them: the clock of such a system
// is some 27 seconds apart from UTC.
func (h *Host) noteLeapSeconds(target string) {
	if strings.Contains(target, "/right/") {
		h.Notes = append(h.Notes, fmt.Sprintf("the time zone is %s, which counts leap seconds: local times of its logs may be up to 27 seconds apart from UTC", target))
	}
}

// zoneOfPath is the zone that a path below zoneinfo names.
func zoneOfPath(p string) string {
	i := strings.LastIndex(p, "zoneinfo/")
	if i < 0 {
		return ""
	}
	name := p[i+len("zoneinfo/"):]
	for _, prefix := range []string{"posix/", "right/", "uclibc/"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.Trim(name, "/")
}

// loadZone gets a zone by its name: from the server's own zones, else from
// those built into the program.
func (h *Host) loadZone(name string) *time.Location {
	if name == "" || name == "Local" || strings.Contains(name, "..") || strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\\\x00") {
		return nil
	}
	for _, dir := range zoneInfo {
		if b, err := h.ReadFile(dir+"/"+name, maxZone); err == nil {
			if loc, err := time.LoadLocationFromTZData(name, b); err == nil {
				return loc
			}
		}
	}
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return nil
}

// zoneByContent takes /etc/localtime for a copy of a zone (RFC 8536), and
// finds the name of the one that it is a copy of.
func (h *Host) zoneByContent() bool {
	b, err := h.ReadFile("/etc/localtime", maxZone)
	if err != nil {
		if !absent(err) {
			h.Damage = append(h.Damage, err)
		}
		return false
	}
	if !bytes.HasPrefix(b, []byte("TZif")) {
		return false
	}
	name, from := h.nameOfCopy(b)
	loc, err := time.LoadLocationFromTZData(name, b)
	if err != nil {
		h.Damage = append(h.Damage, fmt.Errorf("/etc/localtime: %w", err))
		return false
	}
	h.ZoneName, h.Zone, h.ZoneFrom = name, loc, from
	return true
}

// nameOfCopy finds what /etc/localtime is a copy of: the zone that another
// file of /etc names if its bytes are the same, else the first of the server's zones
// with these bytes, else the rule at the end of the file itself.
func (h *Host) nameOfCopy(b []byte) (name, from string) {
	var said []string
	for _, f := range []struct{ path, key string }{{"/etc/timezone", ""}, {"/etc/sysconfig/clock", "ZONE"}, {"/etc/sysconfig/clock", "TIMEZONE"}, {"/etc/conf.d/clock", "TIMEZONE"}} {
		n := h.zoneName(f.path, f.key)
		if n == "" || strings.Contains(n, "..") {
			continue
		}
		said = append(said, fmt.Sprintf("%s says %s", f.path, n))
		for _, dir := range zoneInfo {
			if zone, err := h.ReadFile(dir+"/"+n, maxZone); err == nil && bytes.Equal(zone, b) {
				return n, "/etc/localtime, a copy of the zone that " + f.path + " names"
			}
		}
	}
	for _, dir := range zoneInfo {
		if n := h.sameZone(dir, "", b, 0); n != "" {
			from = "/etc/localtime, a copy of " + dir + "/" + n
			if len(said) > 0 {
				h.Notes = append(h.Notes, fmt.Sprintf("/etc/localtime is a copy of %s, but %s", n, strings.Join(said, ", ")))
			}
			return n, from
		}
	}
	if rule := footer(b); rule != "" {
		return rule, "the rules in /etc/localtime"
	}
	return "localtime", "the rules in /etc/localtime"
}

// footer is the POSIX TZ string at the end of a TZif file of version 2 or
// later, between the last two newlines.
func footer(b []byte) string {
	if len(b) < 5 || b[4] < '2' || b[len(b)-1] != '\n' {
		return ""
	}
	b = b[:len(b)-1]
	i := bytes.LastIndexByte(b, '\n')
	if i < 0 || len(b)-i > 128 {
		return ""
	}
	for _, c := range b[i+1:] {
		if c < 0x21 || c > 0x7e {
			return ""
		}
	}
	return string(b[i+1:])
}

// sameZone searches a directory of zones for the bytes b, names of regions
// (Europe/Berlin) before the old ones (CET).
func (h *Host) sameZone(root, below string, b []byte, depth int) string {
	if depth > 3 {
		return ""
	}
	dir := root
	if below != "" {
		dir += "/" + below
	}
	list := h.listQuiet(dir)
	if len(list) > 4096 {
		return ""
	}
	for _, dirs := range []bool{true, false} {
		for _, c := range list {
			name := c.Name
			if below != "" {
				name = below + "/" + name
			}
			if (c.Type == filesystem.Directory) != dirs || c.Node.Mount == nil {
				continue
			}
			if dirs {
				if depth == 0 && (name == "posix" || name == "right" || name == "Etc") {
					continue
				}
				if found := h.sameZone(root, name, b, depth+1); found != "" {
					return found
				}
				continue
			}
			if name == "localtime" || name == "posixrules" || c.Type == filesystem.Symlink {
				continue
			}
			f, err := h.OpenNode(c.Node, dir+"/"+c.Name)
			if err != nil || f.Size() != int64(len(b)) {
				continue
			}
			if zone, err := f.ReadAll(maxZone); err == nil && bytes.Equal(zone, b) {
				return name
			}
		}
	}
	return ""
}
