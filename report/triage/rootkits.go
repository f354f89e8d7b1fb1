package triage

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/report"
)

// Trace is something that rootkits leave.
type Trace struct {
	Check string // what was looked for
	Path  string
	Why   string // what is odd about it, and a reference
}

// maxTraces bounds how many traces one check gives.
const maxTraces = 1000

// rootkits looks for traces: in the places that are known of families, and for what
// no system has by itself.
func (c *collector) rootkits() []Trace {
	var out []Trace
	counts := map[string]int{}
	packaged := c.h.Packaged()
	add := func(check, p, format string, args ...any) {
		if counts[check]++; counts[check] <= maxTraces {
			out = append(out, Trace{check, p, fmt.Sprintf(format, args...)})
		}
	}
	for _, f := range families {
		for _, pattern := range f.paths {
			for _, p := range c.h.Glob(pattern) {
				n, in, real, err := c.h.Find(p, false)
				// A link of this name is a package's: libraries have them.
				if err != nil || n.Mount == nil || in.Mode.Type() == filesystem.Symlink || packaged.Contains(real) || c.opt.excluded(real) {
					continue
				}
				add("known place", real, "%s was found in this place: %s", f.name, f.ref)
			}
		}
	}
	c.preload(add)
	modules := c.moduleLists()
	for i := range c.rows {
		r := &c.rows[i]
		if !packaged.Contains(r.path) {
			c.checkRow(r, modules, add)
		}
	}
	for check, n := range counts {
		if n > maxTraces {
			out = append(out, Trace{check, "", fmt.Sprintf("and %d more", n-maxTraces)})
		}
	}
	slices.SortFunc(out, func(a, b Trace) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Check, b.Check), strings.Compare(a.Why, b.Why))
	})
	return slices.Compact(out)
}

// preload looks at what the dynamic linker loads into every program: ld.so(8).
func (c *collector) preload(add func(check, p, format string, args ...any)) {
	const name = "/etc/ld.so.preload"
	b, err := c.h.ReadFile(name, 64<<10)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && len(b) == 0 {
		c.fail(name, nil, 0, err)
	}
	for _, line := range bytes.Split(b, []byte("\n")) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		for _, lib := range strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' || r == ':' || r == '\r' }) {
			if c.h.Packaged().Known() && c.h.Packaged().Contains(lib) {
				continue
			}
			add("ld.so.preload", name, "it loads %q into every program; no package lists that file", lib)
		}
	}
}

// moduleLists reads modules.dep of each kernel: the modules that depmod(8) saw,
// below the kernel's folder.
func (c *collector) moduleLists() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, p := range c.h.Glob("/lib/modules/*/modules.dep") {
		_, _, real, err := c.h.Find(p, true)
		if err != nil {
			continue
		}
		b, err := c.h.ReadFile(real, 16<<20)
		if err != nil || len(b) == 0 {
			continue
		}
		dir := path.Dir(real)
		known := map[string]bool{}
		for _, line := range bytes.Split(b, []byte("\n")) {
			if name, _, ok := bytes.Cut(line, []byte(":")); ok {
				s := string(name)
				if !strings.HasPrefix(s, "/") {
					s = dir + "/" + s
				}
				known[strings.TrimPrefix(s, "/usr")] = true
			}
		}
		out[strings.TrimPrefix(dir, "/usr")] = known
	}
	return out
}

// plainHidden are hidden names that systems and their programs make in places where
// others would be odd.
var plainHidden = map[string]bool{
	".X11-unix": true, ".ICE-unix": true, ".XIM-unix": true, ".font-unix": true, ".Test-unix": true, ".build-id": true, ".pwd.lock": true, ".updated": true, ".udev": true, ".static": true,
	".git": true, ".gitignore": true, ".etckeeper": true, ".hg": true, ".bzr": true, ".svn": true, ".keep": true, ".placeholder": true, ".initramfs": true, ".mdadm": true, ".mdadm.map": true, ".mount": true,
	".systemd": true, ".blkid.tab": true, ".blkid.tab.old": true, ".tmp": true, ".java": true, ".legacy-bootordering": true, ".osconfig": true, ".lwp": true, ".cache": true, ".registry": true, ".pki": true, ".hmac": true,
	".lock": true, ".autorelabel": true, ".readahead": true, ".rnd": true, ".dockerenv": true, ".vmlinuz.hmac": true, ".bin": true, ".package-lock.json": true, ".cargo": true, ".npmrc": true,
}

// oddPlaces are directories that have no hidden names of their own.
var oddPlaces = []string{"/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/dev", "/usr/include", "/usr/games", "/usr/lib/x86_64-linux-gnu", "/boot", "/usr/share"}

// foreign are where other systems, or parts of them, lie as a whole.
func foreign(p string) bool {
	for _, dir := range [...]string{"/var/lib/docker/", "/var/lib/containers/", "/var/lib/containerd/", "/var/lib/lxc/", "/var/lib/lxd/", "/var/lib/machines/", "/var/snap/", "/snap/", "/proc/", "/sys/", "/var/lib/kubelet/"} {
		if strings.HasPrefix(p, dir) {
			return true
		}
	}
	return strings.Contains(p, "/.local/share/containers/")
}

// checkRow looks at one name of the tree that no package lists.
func (c *collector) checkRow(r *row, modules map[string]map[string]bool, add func(check, p, format string, args ...any)) {
	if foreign(r.path) {
		return
	}
	dir, name := path.Split(r.path)
	dir = cmp.Or(strings.TrimSuffix(dir, "/"), "/")
	t := r.mode.Type()
	switch {
	case strings.Trim(name, ". ") == "" && name != "":
		add("hidden name", r.path, "a name of dots and blanks only, which looks like \".\" or \"..\"")
	case strings.HasPrefix(name, "..") && name != "..data" && !strings.HasPrefix(name, "..20"): // Kubernetes mounts have ..data and ..2024_...
		add("hidden name", r.path, "a name that begins with two dots")
	case strings.HasPrefix(name, ".") && !plainHidden[name] && slices.Contains(oddPlaces, dir) && !strings.HasPrefix(name, ".#") && !strings.HasSuffix(name, ".hmac"):
		add("hidden name", r.path, "hidden names do not belong into %s", dir)
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		add("hidden name", r.path, "a name with control characters")
	}
	switch {
	case t == filesystem.Regular && strings.HasPrefix(r.path, "/dev/") && !strings.HasPrefix(r.path, "/dev/shm/") && !strings.HasPrefix(r.path, "/dev/.udev/") && name != "MAKEDEV" && name != ".udev":
		add("file in /dev", r.path, "a regular file among the devices")
	case t == filesystem.Regular && strings.HasPrefix(r.path, "/dev/shm/") && r.mode&0o111 != 0:
		add("file in /dev", r.path, "a program in /dev/shm, which lives in memory on a running server")
	case (t == filesystem.BlockDevice || t == filesystem.CharDevice) && !strings.Contains(r.path, "/dev/"):
		if r.mode.Type() != filesystem.CharDevice || !whiteout(c, r) {
			add("device elsewhere", r.path, "a device node outside of /dev")
		}
	}
	if t == filesystem.Regular && r.mode&(filesystem.ModeSetuid|filesystem.ModeSetgid) != 0 && r.mode&0o111 != 0 {
		for _, tmp := range temporary {
			if strings.HasPrefix(r.path, tmp+"/") {
				add("setuid in a temporary directory", r.path, "mode %04o, owner %d", r.mode&0o7777, r.uid)
			}
		}
		if strings.HasPrefix(r.path, "/home/") || strings.HasPrefix(r.path, "/var/www/") || strings.HasPrefix(r.path, "/srv/") || strings.HasPrefix(r.path, "/root/") {
			if r.mode&filesystem.ModeSetuid != 0 && r.uid == 0 {
				add("setuid elsewhere", r.path, "a setuid program of root among the files of users, mode %04o", r.mode&0o7777)
			}
		}
	}
	if t == filesystem.Regular && isModule(name) {
		c.checkModule(r, modules, add)
	}
	if r.flags&filesystem.FlagImmutable != 0 && t == filesystem.Regular {
		switch {
		case strings.HasPrefix(r.path, "/usr/bin/"), strings.HasPrefix(r.path, "/bin/"), strings.HasPrefix(r.path, "/usr/sbin/"), strings.HasPrefix(r.path, "/sbin/"), strings.HasPrefix(r.path, "/etc/cron"), strings.HasPrefix(r.path, "/tmp/"),
			strings.HasPrefix(r.path, "/var/spool/cron/"), strings.HasPrefix(r.path, "/var/tmp/"), name == "ld.so.preload", name == "authorized_keys":
			add("immutable file", r.path, "it is immutable (chattr +i), so that it is not removed; no package lists it")
		}
	}
}

// whiteout tells the character device 0,0 of overlayfs, by which a layer deletes a
// name of the one below.
func whiteout(c *collector, r *row) bool {
	in, err := c.h.Mounts[r.mount].FS.Inode(r.inum)
	return err == nil && in.Major == 0 && in.Minor == 0
}

func isModule(name string) bool {
	for _, ext := range [...]string{"", ".xz", ".gz", ".zst"} {
		if stem, ok := strings.CutSuffix(name, ".ko"+ext); ok && stem != "" {
			return true
		}
	}
	return false
}

// checkModule looks at a kernel module that no package lists.
func (c *collector) checkModule(r *row, modules map[string]map[string]bool, add func(check, p, format string, args ...any)) {
	p := strings.TrimPrefix(r.path, "/usr")
	if rest, ok := strings.CutPrefix(p, "/lib/modules/"); ok {
		kernel, _, _ := strings.Cut(rest, "/")
		if list, ok := modules["/lib/modules/"+kernel]; ok && !list[p] {
			add("kernel module", r.path, "depmod's list of the modules of this kernel lacks it")
		}
		return
	}
	for _, dir := range [...]string{"/src/", "/var/lib/dkms/", "/var/cache/", "/boot/", "/initrd/", "/var/tmp/mkinitramfs", "/lib/firmware/", "/share/"} {
		if strings.HasPrefix(p, dir) {
			return
		}
	}
	add("kernel module", r.path, "a kernel module outside of /lib/modules")
}

// rootkitsText is rootkits.txt.
func (c *collector) rootkitsText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Traces of rootkits in the files of the image: places of %d known families, ld.so.preload, hidden names in odd\nplaces, files in /dev, devices elsewhere, kernel modules that neither a package nor depmod knows, setuid\nprograms in temporary directories, immutable programs. A trace is a reason to look, not a proof.\n\n", len(families))
	if len(c.res.Rootkits) == 0 {
		b.WriteString("none found\n")
	}
	for _, t := range c.res.Rootkits {
		fmt.Fprintf(&b, "%s: %s: %s\n", t.Check, report.Text(t.Path), report.Text(t.Why))
	}
	_, err := b.WriteTo(w)
	return err
}
