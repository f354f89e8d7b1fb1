package builtin

import (
	"slices"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// confHit is what a test thinks of a line of configuration.
type confHit struct {
	severity   rules.Severity
	why        string
	title      string // the rule's if empty; lines of one file and title make one finding
	techniques []string
	account    string
	unknown    string // counts only if no package brings this program, library or module
}

// heldConf is a line that is judged at the end, when it is known whether a
// package or the baseline vouches for its file.
type heldConf struct {
	confHit
	ev   timeline.Evidence
	text string
}

const (
	maxConfs     = 1 << 14
	maxConfFiles = 1 << 15
)

// confChecker looks at the lines of configuration. Files that a package
// brings and nobody changed are quiet, and so are, with a baseline, those that it
// holds the same.
type confChecker struct {
	env *rules.Env
	upgrades
	look  func(c *confChecker, r *timeline.Record) []confHit
	areas map[string]bool
	held  []heldConf
	left  int
	files map[string]*confFile
	// programs and libraries that no package brings, by path below /usr.
	programs map[string]bool
	modules  map[string]bool // kernel modules and those of PAM of that kind, by name
	judged   verdicts

	// What earlier lines of a file say of the one that is looked at.
	path    string
	inside  string                  // the block that the line is in
	rules   int                     // lines before it that are rules of auditing
	polkits map[string]*polkitRules // by path
}

// polkitRules is what the lines of a file of polkit's rules come to.
type polkitRules struct {
	yes       *heldConf
	condition bool
}

type confFile struct {
	file     timeline.File
	change   string // what the change from the baseline is; "" if none
	before   *timeline.File
	packaged bool // as the package brought it
}

func confRule(look func(c *confChecker, r *timeline.Record) []confHit, areas ...string) func(*rules.Env) rules.Checker {
	return func(env *rules.Env) rules.Checker {
		c := &confChecker{env: env, look: look, areas: map[string]bool{}}
		for _, a := range areas {
			c.areas[a] = true
		}
		return c
	}
}

var confKinds = []string{timeline.KindSetting, timeline.KindFile, timeline.KindChange}

// merged gives the path that a program has where /bin, /sbin and /lib are
// links into /usr.
func merged(p string) string {
	for _, d := range [...]string{"/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/"} {
		if strings.HasPrefix(p, d) {
			return "/usr" + p
		}
	}
	return p
}

var confDirs = prefix("/etc/", "/usr/lib/systemd/", "/usr/lib/udev/", "/lib/udev/", "/lib/systemd/", "/run/systemd/", "/run/udev/", "/usr/local/lib/systemd/", "/usr/lib/modprobe.d/", "/usr/lib/modules-load.d/", "/usr/share/polkit-1/")

// confPlace reports whether a file may be one whose lines are read.
func confPlace(p string) bool {
	if confDirs(p) {
		return true
	}
	n := base(p)
	if len(n) < 4 {
		return false
	}
	switch {
	case n == ".htaccess", n == ".user.ini", strings.HasSuffix(n, ".pth"), strings.Contains(p, "/.git/hooks/"), strings.Contains(p, "/.ssh/"), strings.Contains(p, "/.config/"):
		return true
	}
	return n[0] == '.' && (strings.HasPrefix(p, "/home/") || strings.HasPrefix(p, "/root/") || strings.HasPrefix(p, "/var/"))
}

func (c *confChecker) Record(r *timeline.Record) {
	if r.Kind != timeline.KindSetting {
		c.record(r)
		c.file(r)
		return
	}
	if !c.areas[r.Fields["area"]] {
		return
	}
	if p := r.Evidence.Path; p != c.path {
		c.path, c.inside, c.rules = strings.Clone(p), "", 0
	}
	for _, h := range c.look(c, r) {
		if len(c.held) >= maxConfs {
			c.left++
			continue
		}
		h.account = strings.Clone(h.account)
		c.held = append(c.held, heldConf{h, r.Evidence, strings.Clone(r.Fields["text"])})
	}
}

// file keeps what must be known of files.
func (c *confChecker) file(r *timeline.Record) {
	f := r.File
	if r.Kind == timeline.KindChange {
		if r.Change == nil || r.Change.After == nil {
			return
		}
		f = r.Change.After
	}
	if f == nil || f.Deleted || f.Unalloc || f.Orphan || f.Type != filesystem.Regular || len(f.Path) < 5 {
		return
	}
	changed := r.Kind == timeline.KindChange && r.Change.What != "metadata"
	if (changed || !c.env.Baseline) && confPlace(f.Path) && len(c.files) < maxConfFiles {
		if c.files == nil {
			c.files = map[string]*confFile{}
		}
		s := &confFile{file: *f, packaged: asPackaged(f)}
		s.file.Xattrs = nil
		if changed {
			s.change = r.Change.What
			if b := r.Change.Before; b != nil {
				copied := *b
				copied.Xattrs = nil
				s.before = &copied
			}
		}
		c.files[strings.Clone(f.Path)] = s
	}
	if f.InPackage || !c.env.Packages {
		return
	}
	if f = judged(c.env, r); f == nil || runs(f) == notRunnable && !strings.Contains(base(f.Path), ".so") && !strings.Contains(base(f.Path), ".ko") {
		return
	}
	if len(c.programs) >= maxConfFiles || inContainerStore(f.Path) {
		return
	}
	if c.programs == nil {
		c.programs, c.modules = map[string]bool{}, map[string]bool{}
	}
	c.programs[strings.Clone(merged(f.Path))] = true
	if name, ok := moduleName(f.Path); ok {
		c.modules[strings.Clone(name)] = true
	}
}

// moduleName gives the name by which a kernel module, or one of PAM, is
// called for.
func moduleName(path string) (string, bool) {
	dir, n := dirBase(path)
	if strings.HasSuffix(dir, "/security") && strings.HasSuffix(n, ".so") {
		return n, true
	}
	name, rest, ok := strings.Cut(n, ".ko")
	if !ok || rest != "" && rest[0] != '.' || strings.Contains(path, "/dkms/") {
		return "", false
	}
	return strings.ReplaceAll(name, "-", "_"), true
}

// asPackaged reports whether a file is as a package manager unpacks it: with
// the whole seconds of the archive, and no change of its inode long after.
func asPackaged(f *timeline.File) bool {
	t := f.Times
	return f.InPackage && t.Modified.Known && t.Modified.Nsec == 0 && !(t.Born.Known && t.Changed.Known && t.Changed.Sec-t.Born.Sec >= 24*3600)
}

func (c *confChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "line") + " of configuration had no room to be judged"}
}

// known reports whether the baseline or a package vouches for a file; if not,
// what is known of it, nil if nothing is.
func (c *confChecker) known(path string) (*confFile, bool) {
	f := c.files[path]
	if c.env.Baseline {
		if f == nil || f.change == "" {
			return nil, true
		}
		return f, c.explains(&timeline.Change{What: f.change, Before: f.before, After: &f.file})
	}
	return f, f != nil && c.env.Packages && f.packaged
}

func (c *confChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for _, p := range c.polkits {
		if p.yes != nil && !p.condition {
			c.held = append(c.held, *p.yes)
		}
	}
	slices.SortStableFunc(c.held, func(a, b heldConf) int {
		if a.ev.Path != b.ev.Path {
			return strings.Compare(a.ev.Path, b.ev.Path)
		}
		return a.ev.Line - b.ev.Line
	})
	for i := range c.held {
		h := &c.held[i]
		f, known := c.known(h.ev.Path)
		if known || h.unknown != "" && !c.programs[merged(h.unknown)] && !c.modules[h.unknown] {
			continue
		}
		g := gs.Get(h.ev.Path + "\x00" + h.title)
		if g.Count == 0 || h.severity > g.Severity() {
			g.Summary = showPath(h.ev.Path) + " has the line " + show(h.text) + ": " + h.why
			g.Techniques, g.Account = h.techniques, h.account
			if f != nil && g.Account == "" {
				g.Account = c.env.AccountName(f.file.UID)
			}
		}
		g.Title = h.title
		g.Raise(h.severity)
		var t time.Time
		note := ""
		if f != nil {
			t, note = changed(&f.file)
		}
		g.Add(h.ev, t, note)
		g.AddPath(h.ev.Path)
	}
	return gs.Findings(func(g *rules.Group) string {
		if n := g.Count - 1; n > 0 {
			return g.Summary + " (and " + plural(n, "more line") + ")"
		}
		return g.Summary
	})
}

// confLines are the lines of one file, without names and values.
func confLines(area, path string, lines ...string) []timeline.Record {
	var out []timeline.Record
	for i, l := range lines {
		r := aSetting(area, path, l)
		r.Evidence.Line = i + 1
		out = append(out, r)
	}
	return out
}

// keyed is a line that is a name and its value.
func keyed(area, path, key, value string) timeline.Record {
	return aSetting(area, path, key+"="+value, "key", key, "value", value)
}

// quotedParts gives what stands between double quotes.
func quotedParts(s string) []string {
	var out []string
	for len(out) < 64 {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		s = s[i+1:]
		var b strings.Builder
		j := 0
		for ; j < len(s) && s[j] != '"'; j++ {
			if s[j] == '\\' && j+1 < len(s) {
				j++
			}
			b.WriteByte(s[j])
		}
		out = append(out, b.String())
		if j >= len(s) {
			break
		}
		s = s[j+1:]
	}
	return out
}

// runLine judges a line of shell that runs by itself.
func (c *confChecker) runLine(line string) []confHit {
	var out []confHit
	for _, a := range c.judged.judge(line, "") {
		title, techniques := "", []string(nil)
		switch a.deed {
		case downloadsAndRuns, runsTemporary:
			a.severity = max(a.severity, rules.High)
		case hidesHistory:
			title, techniques = "Settings of a shell keep it from writing a history", []string{"T1690"}
		case preloads:
			techniques = []string{"T1574.006"}
		case decodesAndRuns, reverseShell, mines, addsRoot, addsRights, spawnsTerminal, loadsModule:
		default:
			continue
		}
		if a.severity >= rules.Medium {
			out = append(out, confHit{severity: a.severity, why: a.why, title: title, techniques: techniques})
		}
	}
	each(parseShell(line), func(k *command) {
		out = append(out, c.runWords(k)...)
		list := k.assigns
		switch k.name() {
		case "export", "declare", "typeset", "setenv":
			list = append(slices.Clone(list), k.args()...)
		}
		for _, a := range list {
			if lib, ok := strings.CutPrefix(a, "LD_PRELOAD="); ok {
				out = append(out, preloaded(lib)...)
			}
		}
	})
	return out
}

// runWords judges which program a command runs.
func (c *confChecker) runWords(k *command) []confHit {
	for i, w := range k.words[:min(len(k.words), 3)] {
		if i > 0 && !shells[k.name()] && !interpreters[versionless(k.name())] && k.name() != "." && k.name() != "source" {
			return nil
		}
		if !strings.HasPrefix(w, "/") || i == 0 && (shells[base(w)] || interpreters[versionless(base(w))]) {
			continue
		}
		switch {
		case hiddenElement(w) && !strings.HasPrefix(w, "/home/") && !strings.HasPrefix(w, "/root/"):
			return []confHit{{severity: rules.High, why: "the hidden program " + showPath(w) + " is run"}}
		case c.env.Baseline && inSystem(w):
			return []confHit{{severity: rules.Medium, why: showPath(w) + " is run, which is new since the baseline and which no package brings", unknown: strings.Clone(w)}}
		}
		return nil
	}
	return nil
}

// preloaded judges the libraries that the loader is told to load.
func preloaded(list string) []confHit {
	var out []confHit
	for _, lib := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ' ' || r == '"' || r == '\'' }) {
		if !strings.HasPrefix(lib, "/") {
			continue
		}
		h := confHit{severity: rules.High, techniques: []string{"T1574.006"}, why: "the library " + showPath(lib) + " is preloaded, and no package brings it", unknown: strings.Clone(lib)}
		if temporary(lib) != "" || hiddenElement(lib) {
			h.why, h.unknown = "the hidden or temporary library "+showPath(lib)+" is preloaded", ""
		} else if !inSystem(lib) {
			h.severity = rules.Medium
		}
		out = append(out, h)
	}
	return out
}

var unitDirs = prefix("/etc/systemd/", "/run/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/")

// startupLine judges lines of what runs by itself.
func startupLine(c *confChecker, r *timeline.Record) []confHit {
	hits := c.startup(r)
	// The technique is that of the place.
	if class := startupClass(r.Evidence.Path); class != nil {
		for i := range hits {
			if hits[i].techniques == nil {
				hits[i].techniques = class.techniques
			}
		}
	}
	return hits
}

func (c *confChecker) startup(r *timeline.Record) []confHit {
	p, text, key, value := r.Evidence.Path, r.Fields["text"], r.Fields["key"], r.Fields["value"]
	n := base(p)
	switch {
	case p == "/etc/ld.so.preload":
		return nil // a rule of its own tells it
	case (unitDirs(p) || strings.Contains(p, "/systemd/user/")) && !strings.Contains(p, "generators/") && !strings.Contains(p, "system-sleep/"):
		switch {
		case strings.HasPrefix(key, "Exec"):
			return c.runLine(strings.TrimLeft(value, "@-:+!|"))
		case key == "Environment" || key == "DefaultEnvironment":
			return c.runLine("export " + value)
		}
	case strings.HasSuffix(n, ".desktop"):
		if key == "Exec" || key == "TryExec" {
			return c.runLine(value)
		}
	case strings.HasSuffix(n, ".pth"):
		return pythonPath(text)
	case strings.HasPrefix(p, "/etc/ld.so.conf"):
		if d := strings.TrimSpace(text); strings.HasPrefix(d, "/") && (temporary(d+"/x") != "" || hiddenElement(d)) {
			return []confHit{{severity: rules.High, techniques: []string{"T1574.006"}, why: "libraries are sought in a hidden or temporary directory"}}
		}
	case strings.HasSuffix(p, "/aliases"):
		_, dest, _ := strings.Cut(text, ":")
		if _, prog, ok := strings.Cut(dest, "|"); ok {
			return c.runLine(strings.Trim(prog, "\" "))
		}
	case p == "/etc/inittab":
		if f := strings.SplitN(text, ":", 4); len(f) == 4 {
			return c.runLine(f[3])
		}
	case strings.Contains(p, "/udev/rules.d/"):
		var out []confHit
		for _, part := range udevPrograms(text) {
			out = append(out, c.runLine(part)...)
		}
		return out
	case strings.Contains(p, "/modprobe.d/"):
		if f := strings.Fields(text); len(f) > 2 && (f[0] == "install" || f[0] == "remove") {
			return c.runLine(strings.Join(f[2:], " "))
		}
	case p == "/etc/modules" || strings.Contains(p, "/modules-load.d/"):
		if f := strings.Fields(text); len(f) > 0 {
			return []confHit{{severity: rules.High, techniques: []string{"T1547.006"}, why: "the kernel module is loaded at boot, and no package brings it", unknown: strings.ReplaceAll(f[0], "-", "_")}}
		}
	case strings.HasPrefix(p, "/etc/sysctl"):
		if strings.HasPrefix(key, "kernel.core_pattern") && strings.HasPrefix(value, "|") {
			return c.runLine(value[1:])
		}
	case strings.HasPrefix(p, "/etc/apt/"):
		var out []confHit
		for _, q := range quotedParts(text) {
			out = append(out, c.runLine(q)...)
			if len(out) == 0 && anyCommand(parseShell(q), downloads) != nil {
				out = append(out, confHit{severity: rules.Medium, why: "the package manager's hook downloads something"})
			}
		}
		return out
	case r.Fields["area"] == "package" && key != "" && !strings.HasPrefix(p, "/etc/kernel/") && !strings.HasPrefix(p, "/etc/initramfs-tools/"):
	default:
		out := c.runLine(text)
		if r.Fields["area"] == "shell" {
			out = append(out, shellSetting(text)...)
		}
		return out
	}
	return nil
}

// udevPrograms gives the programs that a rule of udev(7) runs.
func udevPrograms(text string) []string {
	var out []string
	for len(out) < 16 {
		at := -1
		for _, k := range [...]string{"RUN", "PROGRAM", "IMPORT{program}"} {
			if i := strings.Index(text, k); i >= 0 && (at < 0 || i < at) {
				at = i
			}
		}
		if at < 0 {
			return out
		}
		text = text[at+3:]
		if q := quotedParts(text); len(q) > 0 {
			out = append(out, q[0])
		}
	}
	return out
}

// pythonPath judges a line of a .pth file: what begins with "import" is run by
// every Python that starts (site of Python's library).
func pythonPath(text string) []confHit {
	if !strings.HasPrefix(text, "import ") && !strings.HasPrefix(text, "import\t") {
		return nil
	}
	l := strings.ToLower(text)
	for _, s := range [...]string{"os.system(", "os.popen(", "subprocess", "socket.", "urllib", "b64decode", "os.exec", "os.spawn", "pty.", "ctypes", "os.fork("} {
		if strings.Contains(l, s) {
			return []confHit{{severity: rules.High, techniques: []string{"T1546.018"}, why: "every Python that starts runs it"}}
		}
	}
	return nil
}

// guarded are the programs in whose place an alias or a function must not
// come: they take passwords.
var guarded = []string{"sudo", "su", "ssh", "passwd", "login", "doas", "scp", "sftp", "mysql", "psql", "gpg"}

// shellSetting judges what only shells' own settings can do.
func shellSetting(text string) []confHit {
	const title = "Settings of a shell put something in the place of a program that takes passwords"
	hit := func(s rules.Severity, why string) []confHit {
		return []confHit{{severity: s, title: title, techniques: []string{"T1546.004", "T1056"}, why: why}}
	}
	if rest, ok := strings.CutPrefix(text, "alias "); ok {
		name, value, _ := strings.Cut(strings.TrimSpace(rest), "=")
		if !slices.Contains(guarded, name) {
			return nil
		}
		for _, w := range strings.Fields(strings.Trim(value, `"' `)) {
			if strings.Contains(w, "/") && (base(w) == name || hiddenElement(w) || temporary(w) != "") && !inSystemBin(w) && !strings.HasPrefix(w, "/usr/local/bin/") && !strings.HasPrefix(w, "/opt/") {
				return hit(rules.High, show(name)+" runs "+showPath(w))
			}
		}
		return nil
	}
	for _, name := range guarded {
		if strings.HasPrefix(text, name+"()") || strings.HasPrefix(text, name+" ()") || strings.HasPrefix(text, "function "+name+" ") || text == "function "+name || strings.HasPrefix(text, "function "+name+"(") {
			return hit(rules.Medium, show(name)+" is a function")
		}
	}
	if _, value, ok := strings.Cut(text, "PROMPT_COMMAND="); ok && (strings.Contains(value, "/tmp/") || strings.Contains(value, "/dev/shm/") || strings.Contains(value, "/dev/tcp/")) {
		return []confHit{{severity: rules.Medium, techniques: []string{"T1546.004"}, why: "every prompt writes to a directory that anyone may read, or to the network"}}
	}
	if value, ok := strings.CutPrefix(strings.TrimPrefix(text, "export "), "PATH="); ok {
		first, _, _ := strings.Cut(strings.Trim(value, `"'`), ":")
		if temporary(first+"/x") != "" {
			return []confHit{{severity: rules.High, techniques: []string{"T1574.007"}, why: "programs are sought first in " + showPath(first)}}
		}
	}
	return nil
}
