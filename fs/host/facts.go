package host

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
)

// readFacts fills in what the server says of itself. What cannot be read is
// damage; what is not there is not.
func (h *Host) readFacts() {
	h.readName()
	h.readRelease()
	h.readKernels()
	h.readZone()
	if b := h.config("/etc/passwd"); b != nil {
		h.Accounts = parsePasswd(b)
	}
}

// config reads a configuration file; nil if there is none.
func (h *Host) config(p string) []byte {
	b, err := h.ReadFile(p, maxConfig)
	if err != nil && !absent(err) {
		h.Damage = append(h.Damage, err)
	}
	return b
}

// absent tells what is not there from what could not be read.
func absent(err error) bool {
	var p *PathError
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var c *filesystem.CorruptError
	var r *filesystem.ReadError
	return !errors.As(err, &p) && !errors.As(err, &c) && !errors.As(err, &r)
}

// firstLine is the first line that is neither empty nor a comment.
func firstLine(b []byte) string {
	for _, l := range lines(b) {
		if l = bytes.TrimSpace(l); len(l) > 0 && l[0] != '#' {
			return string(l)
		}
	}
	return ""
}

// readName: hostname(5), and where older systems keep the name.
func (h *Host) readName() {
	for _, p := range []string{"/etc/hostname", "/etc/HOSTNAME"} {
		if h.Name = firstLine(h.config(p)); h.Name != "" {
			return
		}
	}
	for _, f := range []struct{ path, key string }{{"/etc/sysconfig/network", "HOSTNAME"}, {"/etc/conf.d/hostname", "hostname"}, {"/etc/rc.conf", "HOSTNAME"}} {
		if h.Name = assignments(h.config(f.path))[f.key]; h.Name != "" {
			return
		}
	}
}

// assignments reads lines of the form KEY=value or KEY="value", as in
// os-release(5); the last of a key counts.
func assignments(b []byte) map[string]string {
	out := map[string]string{}
	for _, l := range lines(b) {
		l := strings.TrimSpace(string(l))
		key, v, ok := strings.Cut(l, "=")
		if !ok || l[0] == '#' {
			continue
		}
		key, v = strings.TrimPrefix(key, "export "), strings.TrimSpace(v)
		if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			quote := v[0]
			v = v[1 : len(v)-1]
			if quote == '"' {
				v = unescapeShell(v)
			}
		}
		out[strings.TrimSpace(key)] = v
	}
	return out
}

// unescapeShell undoes the escapes that a shell knows between double quotes.
func unescapeShell(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$\"\\`", s[i+1]) >= 0 {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// releases are the files that name a system without os-release, the more
// special first.
var releases = []struct{ path, id, prefix string }{
	{"/etc/centos-release", "centos", ""},
	{"/etc/fedora-release", "fedora", ""},
	{"/etc/oracle-release", "ol", ""},
	{"/etc/redhat-release", "rhel", ""},
	{"/etc/SuSE-release", "suse", ""},
	{"/etc/mandriva-release", "mandriva", ""},
	{"/etc/mandrake-release", "mandrake", ""},
	{"/etc/gentoo-release", "gentoo", ""},
	{"/etc/slackware-version", "slackware", ""},
	{"/etc/arch-release", "arch", "Arch Linux "},
	{"/etc/alpine-release", "alpine", "Alpine Linux "},
	{"/etc/devuan_version", "devuan", "Devuan GNU/Linux "},
	{"/etc/debian_version", "debian", "Debian GNU/Linux "},
}

// readRelease: os-release(5), then lsb-release, then the files of old.
func (h *Host) readRelease() {
	for _, p := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		a := assignments(h.config(p))
		if h.OS = cmp.Or(a["PRETTY_NAME"], strings.TrimSpace(a["NAME"]+" "+a["VERSION"])); h.OS != "" {
			h.OSID = a["ID"]
			return
		}
	}
	if a := assignments(h.config("/etc/lsb-release")); a["DISTRIB_DESCRIPTION"] != "" {
		h.OS, h.OSID = a["DISTRIB_DESCRIPTION"], strings.ToLower(a["DISTRIB_ID"])
		return
	}
	for _, r := range releases {
		_, in, _, err := h.Find(r.path, true)
		if err != nil || in.Mode.Type() != filesystem.Regular {
			continue
		}
		h.OS, h.OSID = strings.TrimSpace(r.prefix+firstLine(h.config(r.path))), r.id
		if r.id == "rhel" && !strings.Contains(h.OS, "Red Hat") {
			h.OSID = strings.ToLower(strings.SplitN(h.OS+" ", " ", 2)[0])
		}
		return
	}
}

// readKernels collects the versions of the kernels and of their modules.
func (h *Host) readKernels() {
	found := map[string]bool{}
	for _, c := range h.listPath("/boot") {
		for _, prefix := range []string{"vmlinuz-", "vmlinux-", "kernel-", "bzImage-"} {
			if v, ok := strings.CutPrefix(c.Name, prefix); ok && v != "" && v[0] >= '0' && v[0] <= '9' {
				found[v] = true
			}
		}
	}
	for _, dir := range []string{"/lib/modules", "/usr/lib/modules"} {
		for _, c := range h.listPath(dir) {
			if c.Type == filesystem.Directory && c.Name[0] >= '0' && c.Name[0] <= '9' {
				found[c.Name] = true
			}
		}
	}
	for v := range found {
		h.Kernels = append(h.Kernels, v)
	}
	slices.SortFunc(h.Kernels, CompareVersions)
}

// listPath lists a directory by its path; nothing if there is none.
func (h *Host) listPath(p string) []Child {
	n, in, real, err := h.Find(p, true)
	if err != nil || in.Mode.Type() != filesystem.Directory {
		if err != nil && !absent(err) {
			h.Damage = append(h.Damage, err)
		}
		return nil
	}
	list, err := h.List(n, real)
	if err != nil {
		h.Damage = append(h.Damage, n.Mount.pathError(p, n.Inum, err))
	}
	return list
}

// CompareVersions orders version strings: runs of digits by their value, the
// rest by its bytes, so that 5.10 comes after 5.9.
func CompareVersions(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := leading(x), leading(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), strings.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

func leading(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// parsePasswd reads passwd(5). Lines that have not got all its fields are not
// accounts.
func parsePasswd(b []byte) []Account {
	var out []Account
	for i, l := range lines(b) {
		f := strings.Split(string(l), ":")
		if len(f) != 7 || f[0] == "" || f[0][0] == '#' {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		gid, gerr := strconv.ParseUint(f[3], 10, 32)
		if err != nil || gerr != nil {
			continue
		}
		out = append(out, Account{Name: f[0], UID: uint32(uid), GID: uint32(gid), Home: f[5], Shell: f[6], Line: i + 1})
	}
	return out
}

// AccountName is the name of a user id; "" if passwd has none. Of several, it
// is the first.
func (h *Host) AccountName(uid uint32) string {
	for _, a := range h.Accounts {
		if a.UID == uid {
			return a.Name
		}
	}
	return ""
}

// A Home is the directory of an account.
type Home struct {
	Account string
	Path    string
}

// Homes lists the home directories that exist, sorted by path: those that
// passwd names, /root, and every directory of /home that passwd does not name and that is no system of its own, which
// counts as that of an account of its name. Of accounts that share one, the first
// has it.
func (h *Host) Homes() []Home {
	var out []Home
	seen := map[string]bool{}
	add := func(account, p string) {
		if p == "" || p[0] != '/' {
			return
		}
		n, in, real, err := h.Find(p, true)
		if err != nil || in.Mode.Type() != filesystem.Directory || n.Mount == nil || seen[real] {
			return
		}
		seen[real] = true
		out = append(out, Home{account, cleanPoint(p)})
	}
	for _, a := range h.Accounts {
		add(a.Name, a.Home)
	}
	add("root", "/root")
	for _, c := range h.listQuiet("/home") {
		if c.Type == filesystem.Directory && h.isSystem("/home/"+c.Name) {
			continue // another system, not somebody's home
		}
		add(c.Name, "/home/"+c.Name)
	}
	slices.SortFunc(out, func(a, b Home) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// listQuiet lists a directory; its damage is known from the building of the
// index.
func (h *Host) listQuiet(p string) []Child {
	n, in, real, err := h.Find(p, true)
	if err != nil || in.Mode.Type() != filesystem.Directory {
		return nil
	}
	list, _ := h.List(n, real)
	return list
}

// commonDirs are directories that passwd gives to system accounts as their
// homes though they belong to everybody. Only a dot file straight in one of them
// is taken for the account's.
var commonDirs = map[string]bool{
	"/": true, "/bin": true, "/sbin": true, "/usr": true, "/usr/bin": true, "/usr/sbin": true, "/usr/lib": true, "/usr/local": true, "/usr/games": true, "/usr/share": true,
	"/dev": true, "/etc": true, "/proc": true, "/run": true, "/sys": true, "/tmp": true, "/var": true, "/var/tmp": true, "/var/log": true, "/var/lib": true, "/var/run": true,
	"/var/spool": true, "/var/cache": true, "/var/mail": true, "/var/adm": true, "/var/backups": true, "/opt": true, "/srv": true, "/home": true, "/lib": true, "/mnt": true, "/nonexistent": true,
}

// Account names whose home a path lies in; "" if it lies in none.
func (h *Host) Account(p string) string {
	best, name := -1, ""
	consider := func(account, home string) {
		home = cleanPoint(home)
		if home == "" || len(home) <= best {
			return
		}
		rest, ok := strings.CutPrefix(p, strings.TrimSuffix(home, "/")+"/")
		if !ok || commonDirs[home] && rest != "" && rest[0] != '.' {
			return
		}
		best, name = len(home), account
	}
	for _, a := range h.Accounts {
		consider(a.Name, a.Home)
	}
	consider("root", "/root")
	if rest, ok := strings.CutPrefix(p, "/home/"); ok {
		if user, _, below := strings.Cut(rest, "/"); below && user != "" {
			consider(user, path.Join("/home", user))
		}
	}
	return name
}

// Activity is when a server was in use, as far as a quick look can tell.
type Activity struct {
	First, Last         filesystem.Time
	FirstFrom, LastFrom string // what says so
}

// Activity looks at the superblocks and at the files that a running server
// keeps writing. It reads no inode tables: a complete answer is the timeline's.
func (h *Host) Activity() Activity {
	var a Activity
	earlier := func(t filesystem.Time, from string) {
		if t.Known && t.Sec > 0 && (!a.First.Known || t.Compare(a.First) < 0) {
			a.First, a.FirstFrom = t, from
		}
	}
	later := func(t filesystem.Time, from string) {
		if t.Known && t.Sec > 0 && (!a.Last.Known || t.Compare(a.Last) > 0) {
			a.Last, a.LastFrom = t, from
		}
	}
	if m := h.Root().Mount; m != nil {
		earlier(m.FS.Info().Created, "the root file system was made")
	}
	for _, m := range h.Mounts {
		i := m.FS.Info()
		later(i.Mounted, m.Volume.Slot+" was mounted")
		later(i.Written, "the superblock of "+m.Volume.Slot+" was written")
	}
	for _, dir := range []string{"/var/log", "/var/log/journal", "/var/log/apache2", "/var/log/nginx", "/var/log/httpd", "/var/lib/systemd", "/root", "/tmp", "/etc"} {
		for _, c := range h.listQuiet(dir) {
			p := dir + "/" + c.Name
			if _, in, _, err := h.Find(p, false); err == nil {
				later(in.Times.Modified, p+" was modified")
				later(in.Times.Changed, "the inode of "+p+" was changed")
			}
		}
	}
	return a
}
