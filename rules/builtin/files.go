package builtin

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

var fileKinds = []string{timeline.KindFile, timeline.KindChange}

// fileChecker makes a finding of each group of files that a test picks.
type fileChecker struct {
	env    *rules.Env
	groups rules.Groups
	look   func(f *timeline.File, r *timeline.Record) *fileHit
	say    func(g *rules.Group) string
}

// fileHit is what a test thinks of a file.
type fileHit struct {
	key      string // files of one key make one finding; the path if empty
	severity rules.Severity
	title    string
	summary  string // of the group; the one of the first path is kept
	changed  bool   // the time is the inode's last change, not its birth
}

func (c *fileChecker) Record(r *timeline.Record) {
	f := judged(c.env, r)
	if f == nil {
		return
	}
	h := c.look(f, r)
	if h == nil {
		return
	}
	if h.key == "" {
		h.key = f.Path
	}
	g := c.groups.Get(h.key)
	g.Raise(h.severity)
	if h.title != "" {
		g.Title = h.title
	}
	t, note := arrived(f)
	if h.changed {
		t, note = changed(f)
	}
	g.Add(r.Evidence, t, note)
	g.AddPath(f.Path)
	if name := c.env.AccountName(f.UID); g.Count == 1 {
		g.Account = name
	} else if g.Account != name {
		g.Account = ""
	}
	if h.summary != "" && (g.Summary == "" || g.Paths()[0] == f.Path) {
		g.Summary = h.summary
	}
}

func (c *fileChecker) Findings() []rules.Finding { return c.groups.Findings(c.say) }

// andMore adds to a sentence on the first path how many more there are.
func andMore(g *rules.Group) string {
	if n := g.PathCount() - 1; n > 0 {
		return g.Summary + ", and " + plural(n, "more file")
	}
	return g.Summary
}

// Shared objects that Java and its kin unpack into /tmp to load them.
func unpackedLibrary(name string) bool {
	if !strings.Contains(name, ".so") {
		return false
	}
	l := strings.ToLower(name)
	for _, s := range [...]string{"jna", "netty", "snappy", "sqlite", "lz4", "zstd", "jansi", "rocksdb", "leveldb", "jffi", "conscrypt", "tcnative", "brotli", "native", "jni", "_cffi", "java", "liblz", "jline"} {
		if strings.Contains(l, s) {
			return true
		}
	}
	return false
}

// leftovers are directories in /tmp where package managers and build tools
// work, by the beginning of their names.
var leftovers = []string{"go-build", "hsperfdata_", "systemd-private-", "dpkg-", "apt-", "apt.", "rpm-tmp.", "yum-", "dnf-", "pip-", "npm-", "yarn--", "ansible-tmp-", "ansible_", "dracut.", "mkinitramfs", "mkinitramfs_",
	"initramfs-", "dkms.", "snap.", "snap-private-tmp", "vmware-", "puppet", "cargo-install", "rustup", "cc", "phpcs", "tmp.ci", "needrestart", "portage"}

func leftover(rel string) bool {
	for _, p := range leftovers[:] {
		if strings.HasPrefix(rel, p) && (p != "cc" || strings.HasSuffix(rel, ".o")) {
			return true
		}
	}
	return false
}

var temporaryExecutable = &rules.Rule{
	ID:    "temporary-executable",
	Title: "A program or script lies in a directory that anyone may write to",
	Doc: `ELF files and scripts below /tmp, /var/tmp, /dev/shm and the like, by the first bytes of the file or its mode. An intruder who got in through a service can
write there and nowhere else, and such places are seldom looked at.
Graver: owned by a service's account, under a hidden name, in memory (/dev/shm, /run/lock). Lighter: root's and users' scripts (medium), what build tools and package
managers leave behind, libraries that Java unpacks, and executable files whose head was not read (low).
Innocent: installers, ansible, an administrator's test script.`,
	Severity:   rules.High,
	Techniques: []string{"T1105", "T1059.004"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, say: andMore, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			dir := temporary(f.Path)
			if dir == "" {
				return nil
			}
			k := runs(f)
			if k == notRunnable {
				return nil
			}
			rel := f.Path[len(dir)+1:]
			hidden := hiddenElement(rel)
			s := rules.Medium
			switch {
			case k == maybeRunnable:
				s = rules.Low
			case daemonUser(env, f.UID):
				s = rules.High
			case dir != "/tmp" && dir != "/var/tmp" && dir != "/usr/tmp" && k == program, hidden:
				s = rules.High
			case leftover(rel) || unpackedLibrary(base(rel)) || k == script && builderName(base(rel)) && !strings.HasPrefix(strings.ToLower(base(rel)), "test"):
				s = rules.Low
			case k == program:
				s = rules.High
			}
			if s == rules.Low && k != maybeRunnable && f.UID == 0 && leftover(rel) && !hidden {
				return nil
			}
			parent, _ := dirBase(f.Path)
			return &fileHit{key: parent + "\x00" + strconv.FormatUint(uint64(f.UID), 10), severity: s, summary: "The " + k.String() + " " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " lies in " + dir}
		}}
	},
	True: []rules.Example{
		withEnv(debianEnv, one("program of the web server's account", rules.High, aFile("/tmp/bd", magic("elf"), perm(0o755), owner(33, 33)))),
		withEnv(debianEnv, one("script without the x bit", rules.High, aFile("/tmp/.x/run.sh", magic("script")))),
		one("in memory", rules.High, aFile("/dev/shm/k", magic("elf"), perm(0o700))),
		one("administrator's script", rules.Medium, aFile("/tmp/test.sh", magic("script"), perm(0o755))),
		one("installer", rules.Low, aFile("/tmp/tool-install.sh", magic("script"), perm(0o755), owner(1000, 1000))),
		one("not read", rules.Low, aFile("/var/tmp/x", magic(""), perm(0o755))),
		withEnv(withBaseline, one("added", rules.High, anAdded("/var/tmp/x", magic("elf"), perm(0o755)))),
	},
	False: []rules.Example{
		quiet("data", aFile("/tmp/notes.txt"), aFile("/tmp/a.tar.gz", magic("gzip"), perm(0o755))),
		quiet("sockets and directories", aFile("/tmp/.X11-unix", directory), aFile("/dev/shm/sem.x", magic("data"), perm(0o600))),
		quiet("elsewhere", aFile("/usr/bin/ls", magic("elf"), perm(0o755)), aFile("/tmpfiles/x", magic("elf"), perm(0o755))),
		quiet("installer's leftover", aFile("/tmp/dpkg-abc/postinst", magic("script"), perm(0o755)), aFile("/var/tmp/rpm-tmp.Ab1", magic("script"), perm(0o755))),
		quiet("deleted", aFile("/tmp/bd", magic("elf"), perm(0o755), deleted)),
		withEnv(withBaseline, quiet("known", aFile("/var/tmp/x", magic("elf"), perm(0o755)))),
	},
}

// usualDotNames are directories and files of settings that begin with a dot
// on honest servers.
var usualDotNames = set(`.ssh .gnupg .config .cache .local .npm .nvm .yarn .pnpm .cargo .rustup .composer .pki .java .m2 .gradle .ivy2 .sbt .vscode .vscode-server .idea
	.git .github .gitlab .svn .hg .bzr .well-known .bin .build-id .venv .env .virtualenvs .tox .pyenv .rbenv .rvm .gem .bundle .kube .docker .aws .azure .gcloud .ansible
	.terraform .terraform.d .vagrant .vim .emacs.d .mozilla .thunderbird .wp-cli .drush .dotnet .nuget .nvidia .nv .fonts .icons .themes .dbus .gvfs .trash .Trash .Trashes
	.snapshots .snapshot .zfs .fseventsd .Spotlight-V100 .DS_Store .X11-unix .ICE-unix .font-unix .XIM-unix .Test-unix .udev .initramfs .lock .pwd.lock .hmac .packages
	.etckeeper .depend .libs .deps .mvn .husky .circleci .travis .next .nuxt .angular .parcel-cache .sass-cache .eslintcache .pytest_cache .mypy_cache .ruff_cache
	.ipynb_checkpoints .jupyter .ipython .conda .condarc .keras .theano .matplotlib .oh-my-zsh .zsh .oracle_jre_usage .mysql .psql .subversion .elasticsearch .hermes .expo .bun
	.deno .go .ghcup .stack .cabal .opam .julia .cpan .cpanm .perl5 .byobu .screen .tmux .bash_it .linuxbrew .fzf .asdf .sdkman .jenkins .gitea .gitlab-runner .acme.sh
	.cpanel .cagefs .softaculous .spamassassin .razor .pyzor .duplicity .borg .restic .cert .certs .thumbnails .recycle .tmb .quarantine .node-gyp .electron-gyp .cypress .playwright`)

// homeDotNames are those that only a home, or the home of a service, holds;
// and those that hold sockets and locks alone, never a program.
var homeDotNames = set(`.cache .config .local .ssh .gnupg .dbus .fonts .icons .themes .gvfs .mozilla .thunderbird .vim .perl5 .java .pki .nv .nvidia .screen .tmux .byobu .trash .Trash .mysql .psql
	.docker .aws .azure .gcloud .kube .thumbnails .cert .certs .udev .initramfs .lock .zsh .bash_it .cpan .cpanm .wp-cli .drush .subversion`)

var socketDotNames = set(".X11-unix .ICE-unix .font-unix .XIM-unix .Test-unix")

// systemDirs are filled by packages, with no home among them.
var systemDirs = []string{"/usr/share", "/usr/include", "/usr/src", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/share", "/usr/local/etc", "/usr/local/include", "/etc", "/boot", "/dev"}

// noHomes are directories that are nobody's home themselves.
var noHomes = set("/var/ /var/lib/ /var/spool/ /var/cache/ /var/log/ /var/mail/ /var/backups/ /var/opt/ /var/local/ /opt/ /srv/ /run/ /usr/ /usr/local/ /mnt/ /media/ /home/")

// usualDot reports whether a name that begins with a dot is a usual one in
// the directory above it, which ends with a slash, for a file that can be run, or
// a directory on the way to one.
func usualDot(parent, name string) bool {
	switch {
	case !usualDotNames[name] || socketDotNames[name]:
		return false
	case homeDotNames[name]:
		return !inSystem(parent+"x") && !belowAny(parent+"x", systemDirs) && !noHomes[parent]
	}
	return true
}

// strangeName reports whether a name is made to be overlooked: dots and blanks
// only, a leading ".." with more, blanks at an end, or characters that do not
// show.
func strangeName(n string) bool {
	if n == "" || n == "." || n == ".." {
		return false
	}
	// The common name leaves here.
	if c := n[0]; c != '.' && c != ' ' && c < utf8.RuneSelf && n[len(n)-1] != ' ' && n[len(n)-1] < utf8.RuneSelf {
		for i := range len(n) {
			if n[i] < 0x20 || n[i] == 0x7f || n[i] >= utf8.RuneSelf {
				return unseen(n)
			}
		}
		return false
	}
	if n[0] == ' ' || n[len(n)-1] == ' ' {
		return true
	}
	if strings.Trim(n, ". ") == "" {
		return true
	}
	if strings.HasPrefix(n, "..") && len(n) > 2 && strings.Trim(n[2:], ". \u00a0") == "" {
		return true
	}
	return unseen(n)
}

func unseen(n string) bool {
	visible := false
	for _, c := range n {
		switch {
		case c < 0x20 || c == 0x7f:
			return true
		case c == '\u200b' || c == '\u200c' || c == '\u200d' || c == '\u2060' || c == '\ufeff' || c == '\u202e' || c == '\u00a0' || c == '\u3164' || c == '\u115f':
			return true
		case unicode.IsGraphic(c) && c != '.' && c != ' ':
			visible = true
		}
	}
	return !visible && utf8.ValidString(n)
}

// hiddenTops are directories where nobody keeps files of their own, and
// strangeTops those where at least nobody gives them such names.
var (
	hiddenTops  = []string{"/dev", "/tmp", "/var", "/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc", "/boot", "/run"}
	strangeTops = append([]string{"/opt", "/proc", "/sys", "/mnt", "/media", "/srv", "/lost+found"}, hiddenTops...)
)

// hiddenDir gives the first directory on the way to a path that is hidden,
// and whether its name is strange rather than just dotted; "" if none.
func hiddenDir(path string) (dir string, strange bool) {
	for i := 1; i < len(path); {
		j := strings.IndexByte(path[i:], '/')
		if j < 0 {
			return "", false
		}
		n := path[i : i+j]
		if strangeName(n) {
			return path[:i+j], true
		}
		if len(n) > 1 && n[0] == '.' && n != ".." && !socketDotNames[n] && !usualDot(path[:i], n) {
			return path[:i+j], false
		}
		i += j + 1
	}
	return "", false
}

// inHome reports whether a directory lies in the home of an account that is
// not a system directory itself.
func inHome(env *rules.Env, path string) bool {
	if strings.HasPrefix(path, "/home/") || strings.HasPrefix(path, "/root/") {
		return true
	}
	for i := range env.Accounts {
		a := &env.Accounts[i]
		h := strings.TrimRight(a.Home, "/")
		if daemonAccounts[a.Name] || strings.Count(h, "/") < 2 || temporary(h+"/x") != "" || inSystem(h+"/x") || h == "/var/spool" || h == "/var/cache" || h == "/var/lib" || h == "/var/run" {
			continue
		}
		if below(path, h) {
			return true
		}
	}
	return false
}

// socketDirs hold sockets of the X server and its like, and nothing else.
var socketDirs = []string{"/tmp/.X11-unix", "/tmp/.ICE-unix", "/tmp/.font-unix", "/tmp/.XIM-unix", "/tmp/.Test-unix", "/var/tmp/.X11-unix", "/var/tmp/.ICE-unix", "/var/tmp/.font-unix"}

// socketName reports whether a name is that of a display or a process.
func socketName(n string) bool { return strings.Trim(strings.TrimPrefix(n, "X"), "0123456789") == "" }

// hiddenChecker is the fileChecker of hidden directories, which also sees the
// names of deleted files in them.
type hiddenChecker struct{ fileChecker }

func (c *hiddenChecker) Record(r *timeline.Record) {
	f := r.File
	if f == nil || r.Kind != timeline.KindFile || !f.Deleted {
		c.fileChecker.Record(r)
		return
	}
	// The inode may by now be another file's: only the name counts, and no time.
	dir, strange := hiddenDir(f.Path)
	if dir == "" {
		if !belowAny(f.Path, socketDirs) || socketName(base(f.Path)) {
			return
		}
		dir, _ = dirBase(f.Path)
	} else if inHome(c.env, f.Path) || inContainerStore(f.Path) || !(strange && belowAny(dir, strangeTops) || temporary(dir) != "" || strings.HasPrefix(dir, "/dev/")) {
		return
	}
	g := c.groups.Get("deleted\x00" + dir)
	g.Title = "A file was deleted from a hidden directory"
	g.Techniques = []string{"T1564.001", "T1070.004"}
	g.Raise(rules.Medium)
	g.Add(r.Evidence, time.Time{}, "")
	g.AddPath(f.Path)
	g.Summary = "The hidden directory " + strconvQuote(dir) + " held " + showPath(g.Paths()[0]) + ", which was deleted"
}

var hiddenDirectory = &rules.Rule{
	ID:    "hidden-directory",
	Title: "A hidden directory outside of the homes holds programs",
	Doc: `Directories whose names are made to be overlooked ("...", ".. ", a blank, characters that do not show), anywhere but in homes, and directories that begin with
a dot below /dev, /tmp, /var, /usr, /etc and the like that hold a program or an executable script which no package brings. With a baseline, also new files in the
system's directories whose names begin with a dot (medium). Also files among the sockets in /tmp/.X11-unix and its like, and names of deleted files in such directories
(medium).
Innocent: the settings of service accounts whose home lies below /var, working copies of version control, caches of build tools: these are known by name.`,
	Severity:   rules.High,
	Techniques: []string{"T1564.001"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &hiddenChecker{fileChecker{env: env, say: andMore, look: func(f *timeline.File, r *timeline.Record) *fileHit {
			if f.Type == filesystem.Directory {
				parent, n := dirBase(f.Path)
				if strangeName(n) && !f.InPackage && !inHome(env, f.Path) && !inContainerStore(f.Path) && (parent == "" || belowAny(f.Path, strangeTops)) {
					return &fileHit{key: f.Path, severity: rules.High, summary: "The directory " + strconvQuote(f.Path) + " of " + ownerText(env, f.UID) + " has a name made to be overlooked"}
				}
				return nil
			}
			if f.Type != filesystem.Regular || f.InPackage || len(f.Path) < 6 {
				return nil
			}
			k := runs(f)
			if belowAny(f.Path, socketDirs) {
				dir, _ := dirBase(f.Path)
				return &fileHit{key: dir, severity: rules.High, summary: "The directory " + showPath(dir) + ", which is for sockets, holds the " + k.String() + " " + showPath(f.Path) + " of " + ownerText(env, f.UID)}
			}
			if n := base(f.Path); k == program && n[0] == '.' && len(n) > 1 && !strings.HasPrefix(n, ".nfs") && !strings.HasSuffix(n, ".so") && !usualDot(f.Path[:len(f.Path)-len(n)], n) &&
				(inSystem(f.Path) || belowAny(f.Path, systemDirs)) && !inContainerStore(f.Path) {
				return &fileHit{key: f.Path, severity: rules.High, title: "A hidden program lies in the system's directories",
					summary: "The hidden program " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " lies where packages put programs, and no package brings it"}
			}
			if added(r) && hiddenFile(f.Path) {
				return &fileHit{key: f.Path, severity: rules.Medium, title: "A hidden file is new in the system's directories",
					summary: "The hidden " + k.String() + " " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " is new since the baseline, and no package brings it"}
			}
			if k == notRunnable || k == maybeRunnable || k == script && f.Mode&0o111 == 0 {
				return nil
			}
			dir, strange := hiddenDir(f.Path)
			if dir == "" || inHome(env, f.Path) || inContainerStore(f.Path) || strange && !belowAny(dir, strangeTops) || !strange && !belowAny(dir, hiddenTops) {
				return nil
			}
			if !strange && (strings.Contains(f.Path, "/node_modules/") || strings.Contains(f.Path, "/vendor/")) {
				return nil
			}
			s := rules.High
			if !strange && temporary(dir) == "" && !strings.HasPrefix(dir, "/dev/") && k == script {
				s = rules.Medium
			}
			return &fileHit{key: dir, severity: s, summary: "The hidden directory " + strconvQuote(dir) + " holds the " + k.String() + " " + showPath(f.Path) + " of " + ownerText(env, f.UID)}
		}}}
	},
	True: []rules.Example{
		one("three dots", rules.High, aFile("/var/tmp/...", directory)),
		one("dots and a blank", rules.High, aFile("/usr/lib/.. ", directory)),
		one("under /dev", rules.High, aFile("/dev/.lib/x", magic("elf"), perm(0o755))),
		one("beside no home", rules.High, aFile("/var/spool/.cache/kworkerds", magic("elf"), perm(0o755))),
		one("hidden program", rules.High, aFile("/usr/local/lib/.perl5", magic("elf"), perm(0o755))),
		one("usual name in an unusual place", rules.High, aFile("/usr/lib/.cache/dbusd", magic("elf"), perm(0o755))),
		one("below /usr", rules.High, aFile("/usr/share/.k/sshd", magic("elf"), perm(0o755))),
		one("script below /var", rules.Medium, aFile("/var/lib/.d/up", magic("script"), perm(0o755))),
		withEnv(withBaseline, one("hidden list", rules.Medium, anAdded("/usr/share/locale/.hide"))),
		one("file among sockets", rules.High, aFile("/tmp/.font-unix/.run", magic("script"))),
		one("deleted from it", rules.Medium, aFile("/var/tmp/.. /k.tgz", deleted)),
		one("no-break space", rules.High, aFile("/etc/\u00a0", directory)),
	},
	False: []rules.Example{
		withEnv(debianEnv, quiet("settings of a service account", aFile("/var/lib/postgresql/.pkg/bin/x", magic("elf"), perm(0o755)))),
		quiet("caches of services", aFile("/var/lib/app/.cache/go/x", magic("elf"), perm(0o755)), aFile("/var/www/.local/bin/x", magic("script"), perm(0o755))),
		quiet("version control", aFile("/etc/.git/hooks/pre-commit", magic("script"), perm(0o755))),
		quiet("tools", aFile("/var/www/app/node_modules/.bin/tool", magic("script"), perm(0o755)), aFile("/opt/app/.venv/bin/python3", magic("elf"), perm(0o755))),
		quiet("sockets", aFile("/tmp/.X11-unix", directory), aFile("/tmp/.ICE-unix", directory), aFile("/tmp/.X11-unix/X0", deleted), aFile("/tmp/.X0-lock", deleted)),
		quiet("deleted settings", aFile("/home/alice/.cache/x/y", deleted), aFile("/var/www/.git/index.lock", deleted)),
		quiet("data", aFile("/var/lib/.x/data.bin", magic("data"))),
		quiet("package's", aFile("/usr/lib/.build-id/a/b", magic("elf"), packaged), aFile("/usr/lib/python3/.x/y", magic("elf"), packaged)),
		quiet("home", aFile("/home/alice/...", directory)),
	},
}

// hiddenFile reports whether a file of the directories that packages fill has
// a name that begins with a dot and is none of those that tools leave there.
func hiddenFile(path string) bool {
	n := base(path)
	if len(n) < 2 || n[0] != '.' || usualDotNames[n] || !inSystem(path) && !strings.HasPrefix(path, "/usr/share/") && !strings.HasPrefix(path, "/usr/include/") && !strings.HasPrefix(path, "/boot/") {
		return false
	}
	if strings.HasSuffix(n, ".hmac") || strings.HasSuffix(n, ".swp") || strings.HasPrefix(n, ".nfs") || strings.HasPrefix(n, ".dpkg-") || inContainerStore(path) {
		return false
	}
	for _, s := range [...]string{"/node_modules/", "/dist-packages/", "/site-packages/", "/vendor/", "/.git/", "/doc/", "/gems/", "/php/"} {
		if strings.Contains(path, s) {
			return false
		}
	}
	return true
}

func strconvQuote(path string) string {
	if strings.ContainsAny(path, " \u00a0") || strangeName(base(path)) {
		return quoteAll(path)
	}
	return showPath(path)
}

// deviceNames are regular files that /dev holds on honest systems.
func usualDeviceFile(rel string) bool {
	switch rel {
	case "MAKEDEV", "README", ".blkid.tab", ".blkid.tab.old", ".devfsd", "core", "initctl", "log", "fd", "stdin", "stdout", "stderr", "oracleasm", "cgroup_root", ".hotplug-ctl":
		return true
	}
	for _, d := range [...]string{".udev/", ".udevdb/", "shm/", ".mount/", "mqueue/", ".static/", ".initramfs/", "hugepages/", ".systemd/", ".mdadm/", "dahdi/", "pts/", ".lxc/", ".lxd-mounts/", "vboxusb/"} {
		if strings.HasPrefix(rel, d) {
			return true
		}
	}
	return false
}

var deviceNodes = set("null zero full random urandom tty console ptmx mem kmem port kmsg")

var deviceRegularFile = &rules.Rule{
	ID:    "device-regular-file",
	Title: "A regular file lies under /dev",
	Doc: `Regular files under /dev, which holds devices. What lies there on the disk is hidden by the devices of the running system, so that nobody sees it.
Innocent: old systems' MAKEDEV and .udev; a regular /dev/null that a careless redirection made (low).`,
	Severity:   rules.High,
	Techniques: []string{"T1564.001"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, say: andMore, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			if len(f.Path) < 6 || f.Path[:5] != "/dev/" || f.Type != filesystem.Regular || f.InPackage {
				return nil
			}
			rel := f.Path[5:]
			if usualDeviceFile(rel) {
				return nil
			}
			s := rules.Medium
			switch {
			case deviceNodes[rel]:
				s = rules.Low
			case runs(f) == program || runs(f) == script:
				s = rules.High
			}
			return &fileHit{severity: s, summary: "The regular file " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " lies under /dev"}
		}}
	},
	True: []rules.Example{
		one("program", rules.High, aFile("/dev/ttyop", magic("elf"))),
		one("list of what to hide", rules.Medium, aFile("/dev/ptyq", magic("text"))),
		one("instead of a device", rules.Low, aFile("/dev/null", magic("text"))),
	},
	False: []rules.Example{
		quiet("devices", aFile("/dev/sda", func(f *timeline.File) { f.Type, f.Mode = filesystem.BlockDevice, filesystem.ModeBlock|0o660 })),
		quiet("old systems", aFile("/dev/.udev/db/x"), aFile("/dev/MAKEDEV", magic("script"), perm(0o755))),
		quiet("shared memory", aFile("/dev/shm/PostgreSQL.1")),
	},
}

// kernelThreads are names that the kernel's own threads have.
var kernelThreads = []string{"kworker", "kthread", "ksoftirqd", "kswapd", "kdevtmpfs", "khugepaged", "kblockd", "kauditd", "kcompactd", "khelper", "migration", "watchdogd", "rcu_sched", "kintegrityd", "kinsing", "kdevtmpfsi", "kerberods"}

var daemonNames = set("sshd crond cron httpd apache2 nginx syslogd rsyslogd systemd init dbus-daemon systemd-journald systemd-logind udevd atd auditd ntpd inetd xinetd ps ls netstat bash")

var masqueradingName = &rules.Rule{
	ID:    "masquerading-name",
	Title: "A program has the name of a kernel thread or system service in the wrong place",
	Doc: `ELF files with the names of kernel threads, which have no file, and of usual services outside of the directories of programs, not brought by a package.
Innocent: another version of a service that was built from source keeps to bin, sbin and libexec directories, which are not reported.`,
	Severity:   rules.High,
	Techniques: []string{"T1036.005"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			if f.Magic != "elf" || f.Type != filesystem.Regular || f.InPackage {
				return nil
			}
			dir, n := dirBase(f.Path)
			thread := strings.HasPrefix(n, "[") && strings.HasSuffix(n, "]")
			for _, k := range kernelThreads {
				if strings.HasPrefix(n, k) && (len(n) == len(k) || n[len(k)] < 'a' || n[len(k)] > 'z' || len(n)-len(k) <= 2) {
					thread = true
				}
			}
			if strings.Contains(n, ".so") || strings.HasSuffix(n, ".ko") || strings.HasSuffix(n, ".o") || inContainerStore(f.Path) {
				return nil
			}
			switch last := base(dir); {
			case thread && (strings.HasSuffix(n, ".debug") || strings.Contains(f.Path, "/src/")):
				return nil
			case thread:
				return &fileHit{severity: rules.High, summary: "The program " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " has the name of a thread of the kernel"}
			case !daemonNames[n] || last == "bin" || last == "sbin" || last == "libexec" || last == "lib" || inSystem(f.Path) || strings.Contains(f.Path, "/src/") || strings.Contains(f.Path, "/build"):
				return nil
			}
			s := rules.Medium
			if temporary(f.Path) != "" || hiddenElement(f.Path) {
				s = rules.High
			}
			return &fileHit{severity: s, summary: "The program " + showPath(f.Path) + " of " + ownerText(env, f.UID) + " has the name of a system's own"}
		}}
	},
	True: []rules.Example{
		one("kernel thread", rules.High, aFile("/usr/bin/kworkerds", magic("elf"), perm(0o755))),
		one("in brackets", rules.High, aFile("/var/tmp/[kthreadd]", magic("elf"), perm(0o755))),
		one("service", rules.Medium, aFile("/var/lib/games/sshd", magic("elf"), perm(0o755))),
	},
	False: []rules.Example{
		quiet("service in its place", aFile("/usr/sbin/sshd", magic("elf"), perm(0o755), packaged), aFile("/opt/apache/bin/httpd", magic("elf"), perm(0o755))),
		quiet("desktop programs", aFile("/usr/bin/kwrite", magic("elf"), perm(0o755)), aFile("/usr/bin/migration-assistant", magic("elf"), perm(0o755), packaged)),
		quiet("configuration", aFile("/etc/pam.d/sshd"), aFile("/etc/init.d/sshd", magic("script"), perm(0o755))),
		quiet("container", aFile("/var/lib/docker/overlay2/x/diff/app/nginx", magic("elf"), perm(0o755))),
	},
}

// crashChecker links crashes in the kernel's log to programs that lie where no
// program should.
type crashChecker struct {
	env      *rules.Env
	programs map[string]string // by the name that the kernel gives: the path
	crashes  map[string]*rules.Group
}

// maxComm is how much of a program's name the kernel keeps (TASK_COMM_LEN - 1).
const maxComm = 15

const maxCrashes = 1 << 12

func (c *crashChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindSyslog {
		m := r.Fields["message"]
		i := strings.Index(m, "]: segfault at ")
		if i < 0 {
			if i = strings.Index(m, "] general protection"); i < 0 {
				if i = strings.Index(m, "] trap "); i < 0 {
					return
				}
			}
		}
		open := strings.LastIndexByte(m[:i], '[')
		if open <= 0 {
			return
		}
		name := m[:open]
		name = name[strings.LastIndexByte(name, ' ')+1:]
		if name == "" || daemonNames[name] {
			return
		}
		g := c.crashes[name]
		if g == nil {
			if len(c.crashes) >= maxCrashes {
				return
			}
			if c.crashes == nil {
				c.crashes = map[string]*rules.Group{}
			}
			g = &rules.Group{}
			c.crashes[strings.Clone(name)] = g
		}
		t, note := when(r)
		g.Add(r.Evidence, t, note)
		g.AddPath(r.Evidence.Path)
		return
	}
	f := judged(c.env, r)
	if f == nil || f.InPackage || runs(f) != program {
		return
	}
	if temporary(f.Path) == "" && !strings.HasPrefix(f.Path, "/dev/") {
		if dir, _ := hiddenDir(f.Path); dir == "" || inHome(c.env, f.Path) {
			return
		}
	}
	if len(c.programs) < maxCrashes {
		if c.programs == nil {
			c.programs = map[string]string{}
		}
		n := base(f.Path)
		n = n[:min(len(n), maxComm)]
		if old, ok := c.programs[n]; !ok || f.Path < old {
			c.programs[strings.Clone(n)] = strings.Clone(f.Path)
		}
	}
}

func (c *crashChecker) Findings() []rules.Finding {
	var out []rules.Finding
	for name, path := range c.programs {
		g := c.crashes[name]
		if g == nil {
			continue
		}
		g.Raise(rules.High)
		g.AddPath(path)
		f := g.Finding()
		f.Summary = "The kernel's log has " + plural(f.Count, "crash") + " of a program named " + show(name) + ", as " + showPath(path) + " is"
		out = append(out, f)
	}
	return out
}

func aKernelLine(message string) timeline.Record {
	return aLine(timeline.KindSyslog, "/var/log/kern.log", 7, clock, "program", "kernel", "message", message)
}

var droppedProgramCrashed = &rules.Rule{
	ID:    "dropped-program-crashed",
	Title: "A program that lies where none should has crashed",
	Doc: `Crashes in the kernel's log (segfault, general protection, trap) of a program whose name is that of a program in a temporary or hidden directory. Exploits crash
before they succeed.
Innocent: a program of the same name elsewhere; programs with the names of usual services are not linked.`,
	Severity:   rules.High,
	Techniques: []string{"T1068"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange, timeline.KindSyslog},
	New:        func(env *rules.Env) rules.Checker { return &crashChecker{env: env} },
	True: []rules.Example{{Name: "exploit", Severity: rules.High, Records: []timeline.Record{
		aKernelLine("[ 12.3] up[4711]: segfault at 0 ip 00007f sp 00007f error 4 in up[400000+1000]"), aFile("/var/tmp/.. /up", magic("elf"), perm(0o755))}}},
	False: []rules.Example{
		quiet("another program", aKernelLine("[ 12.3] php-fpm[4711]: segfault at 0 ip 00007f sp 00007f error 4"), aFile("/tmp/up", magic("elf"), perm(0o755))),
		quiet("in its place", aKernelLine("[ 12.3] up[4711]: segfault at 0 ip 00007f sp 00007f error 4"), aFile("/opt/up/bin/up", magic("elf"), perm(0o755))),
	},
}

var strayKernelModule = &rules.Rule{
	ID:    "stray-kernel-module",
	Title: "A kernel module that no package brings",
	Doc: `Files named *.ko outside of the directories of modules, or in them but new since the baseline and not a package's. A kernel rootkit is such a file.
Innocent: modules that DKMS, akmods or a driver's own installer builds lie in updates, extra or weak-updates (not reported), and below the trees of sources (not
reported).`,
	Severity:   rules.High,
	Techniques: []string{"T1547.006", "T1014"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, look: func(f *timeline.File, r *timeline.Record) *fileHit {
			n := base(f.Path)
			if !strings.HasSuffix(n, ".ko") && !strings.HasSuffix(n, ".ko.xz") && !strings.HasSuffix(n, ".ko.gz") && !strings.HasSuffix(n, ".ko.zst") {
				return nil
			}
			if f.Type != filesystem.Regular || f.InPackage || inContainerStore(f.Path) || f.Size == 0 {
				return nil
			}
			// Texts in Korean are called so too.
			if strings.HasSuffix(n, ".ko") && f.Magic != "elf" {
				return nil
			}
			p := f.Path
			for _, s := range [...]string{"/usr/src/", "/var/lib/dkms/", "/usr/lib/modules-load", "/lib/live/", "/boot/"} {
				if strings.HasPrefix(p, s) {
					return nil
				}
			}
			if strings.HasPrefix(p, "/lib/modules/") || strings.HasPrefix(p, "/usr/lib/modules/") {
				if !env.Packages || !added(r) {
					return nil
				}
				for _, s := range [...]string{"/updates/", "/extra/", "/weak-updates/", "/dkms/", "/misc/", "/extramodules/"} {
					if strings.Contains(p, s) {
						return nil
					}
				}
				return &fileHit{severity: rules.High, summary: "The kernel module " + showPath(p) + " is new and no package brings it"}
			}
			s := rules.Medium
			if _, temp := tempSeverity(p); temp || hiddenElement(p) || strings.HasPrefix(p, "/dev/") {
				s = rules.High
			} else if strings.HasPrefix(p, "/home/") || strings.HasPrefix(p, "/opt/") {
				s = rules.Low
			}
			return &fileHit{severity: s, summary: "The kernel module " + showPath(p) + " lies outside of the directories of modules"}
		}}
	},
	True: []rules.Example{
		one("temporary", rules.High, aFile("/tmp/.k/rk.ko", magic("elf"))),
		one("odd place", rules.Medium, aFile("/usr/share/x/hide.ko", magic("elf"))),
		withEnv(withBaseline, one("among the others", rules.High, anAdded("/lib/modules/6.1.0-18-amd64/kernel/drivers/net/rk.ko", magic("elf")))),
	},
	False: []rules.Example{
		quiet("packaged", aFile("/lib/modules/6.1.0-18-amd64/kernel/fs/xfs/xfs.ko", magic("elf"), packaged)),
		withEnv(withBaseline, quiet("DKMS", anAdded("/lib/modules/6.1.0-18-amd64/updates/dkms/zfs.ko", magic("elf")), anAdded("/var/lib/dkms/zfs/2.1/build/zfs.ko", magic("elf")))),
		quiet("translations", aFile("/usr/share/locale/x.ko", magic("text"))),
	},
}

var worldWritableAccounts = &rules.Rule{
	ID:    "world-writable-accounts",
	Title: "Anyone may change who is root",
	Doc: `The files of accounts and of sudo, /etc/ld.so.preload, or a directory of system programs that others than root may write to; and password hashes that all may read.
Nothing honest needs this.`,
	Severity:   rules.Critical,
	Techniques: []string{"T1222.002", "T1098"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			if len(f.Path) > 20 || f.Type == filesystem.Symlink || f.Mode&0o006 == 0 {
				return nil
			}
			switch f.Path {
			case "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/ld.so.preload", "/etc/crontab", "/etc", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/etc/sudoers.d", "/etc/pam.d", "/etc/cron.d":
			default:
				return nil
			}
			if f.Mode&0o002 != 0 {
				return &fileHit{severity: rules.Critical, changed: true, summary: showPath(f.Path) + " may be written by anyone (" + f.Mode.String() + ")"}
			}
			if (f.Path == "/etc/shadow" || f.Path == "/etc/gshadow") && f.Mode&0o004 != 0 {
				return &fileHit{severity: rules.Medium, changed: true, title: "Anyone may read the password hashes", summary: showPath(f.Path) + " may be read by anyone (" + f.Mode.String() + ")"}
			}
			return nil
		}}
	},
	True: []rules.Example{
		one("passwd", rules.Critical, aFile("/etc/passwd", perm(0o666))),
		one("shadow", rules.Medium, aFile("/etc/shadow", perm(0o644))),
	},
	False: []rules.Example{
		quiet("as it should be", aFile("/etc/passwd", perm(0o644)), aFile("/etc/shadow", perm(0o640)), aFile("/etc", directory)),
		quiet("temporary", aFile("/tmp", directory, perm(0o1777))),
		quiet("link", aFile("/bin", link("usr/bin"))),
	},
}
