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

// isHistoryFile reports whether a name is that of a history of commands.
func isHistoryFile(name string) bool {
	if len(name) < 5 || name[0] != '.' {
		return false
	}
	switch name {
	case ".history", ".histfile", ".zhistory", ".lesshst", ".viminfo":
		return true
	}
	return strings.HasSuffix(name, "_history")
}

// isShellHistory reports whether it is a shell's.
func isShellHistory(name string) bool {
	switch name {
	case ".bash_history", ".zsh_history", ".sh_history", ".ash_history", ".ksh_history", ".history", ".histfile", ".zhistory", ".fish_history":
		return true
	}
	return false
}

// What a log file holds.
type logKind uint8

const (
	notLog   logKind = iota
	otherLog         // a service's own
	webLog           // an access or error log of a web server
	systemLog
	loginLog // who logged in: auth.log, secure, wtmp, btmp, lastlog, audit
)

var loginLogs = set("/var/log/auth.log /var/log/secure /var/log/wtmp /var/log/btmp /var/log/lastlog /var/log/faillog /var/log/audit/audit.log /var/run/utmp /run/utmp /var/log/tallylog /var/log/wtmp.db /var/log/authlog")
var systemLogs = set("/var/log/syslog /var/log/messages /var/log/kern.log /var/log/daemon.log /var/log/cron /var/log/cron.log /var/log/user.log /var/log/maillog /var/log/mail.log")

// logFile says what kind of live log a path is; rotated ones are none.
func logFile(path string) logKind {
	if loginLogs[path] {
		return loginLog
	}
	if systemLogs[path] {
		return systemLog
	}
	if !below(path, "/var/log") {
		return notLog
	}
	n := base(path)
	if strings.HasPrefix(path, "/var/log/journal/") {
		return systemLog
	}
	if !strings.HasSuffix(n, "log") && !strings.HasSuffix(n, "_log") {
		return notLog
	}
	if (strings.Contains(n, "access") || strings.Contains(n, "error")) && (strings.Contains(path, "/apache") || strings.Contains(path, "/nginx") || strings.Contains(path, "/httpd") || strings.Contains(path, "/lighttpd")) {
		return webLog
	}
	return otherLog
}

// emptySeverity is how grave it is that a log was emptied.
func emptySeverity(path string) rules.Severity {
	switch logFile(path) {
	case loginLog:
		return rules.High
	case systemLog, webLog:
		return rules.Medium
	case otherLog:
		return rules.Low
	}
	return rules.Info
}

type historyDisabledChecker struct {
	env    *rules.Env
	groups rules.Groups
}

func (c *historyDisabledChecker) Record(r *timeline.Record) {
	f := r.File
	var before *timeline.File
	if r.Kind == timeline.KindChange {
		if r.Change == nil {
			return
		}
		f, before = r.Change.After, r.Change.Before
		if f == nil {
			f = before
		}
	} else if c.env.Baseline {
		return
	}
	if f == nil || len(f.Path) < 9 || !isHistoryFile(base(f.Path)) {
		return
	}
	n := base(f.Path)
	shell := isShellHistory(n)
	s, why := rules.Info, ""
	switch {
	case r.Kind == timeline.KindChange && r.Change.What == "deleted":
		if shell {
			s, why = rules.Medium, "was deleted"
		}
	case f.Deleted || f.Unalloc || f.Orphan:
		return
	case f.Type == filesystem.Symlink && strings.HasPrefix(f.Target, "/dev/"):
		s, why = rules.Low, "is a link to "+showPath(f.Target)
		if shell {
			s = rules.High
		}
	case f.Type == filesystem.Regular && f.Flags&filesystem.FlagImmutable != 0:
		s, why = rules.Medium, "is immutable, so that nothing can be added"
	case shell && f.Type != filesystem.Regular && f.Type != filesystem.Symlink:
		s, why = rules.High, "is a "+f.Type.String()+", so that nothing can be kept in it"
	case shell && before != nil && before.Type == filesystem.Regular && f.Type == filesystem.Regular && f.Size < before.Size/2 && before.Size > 256:
		s, why = rules.Medium, "shrank by more than half since the baseline"
		if f.Size == 0 {
			s, why = rules.High, "was emptied since the baseline"
		}
	case shell && before == nil && f.Type == filesystem.Regular && f.Size == 0 && f.Times.Born.Known && f.Times.Modified.Known &&
		f.Times.Modified.Sec-f.Times.Born.Sec > 24*3600:
		s, why = rules.Medium, "is empty, though it was written long after it was made"
	}
	if why == "" {
		return
	}
	g := c.groups.Get(f.Path)
	g.Raise(s)
	t, note := changed(f)
	g.Add(r.Evidence, t, note)
	g.AddPath(f.Path)
	g.Account = c.env.AccountName(f.UID)
	g.Summary = "The history " + showPath(f.Path) + " " + why
}

func (c *historyDisabledChecker) Findings() []rules.Finding { return c.groups.Findings(nil) }

var historyDisabled = &rules.Rule{
	ID:    "history-disabled",
	Title: "A history of commands is disabled or was emptied",
	Doc: `A shell's history that is a link to /dev/null, a directory or device, immutable, deleted or shrunk since the baseline, or emptied long after it was made.
Intruders do this before anything else.
Innocent: the histories of database clients are often led to /dev/null, as passwords are typed there (low); an image that is sealed has its histories
emptied, but soon after they were made.`,
	Severity:   rules.High,
	Techniques: []string{"T1690", "T1070.003"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange},
	New:        func(env *rules.Env) rules.Checker { return &historyDisabledChecker{env: env} },
	True: []rules.Example{
		one("link", rules.High, aFile("/root/.bash_history", link("/dev/null"))),
		one("directory", rules.High, aFile("/home/alice/.bash_history", directory)),
		one("immutable", rules.Medium, aFile("/root/.bash_history", flags(filesystem.FlagImmutable))),
		one("emptied", rules.Medium, aFile("/root/.bash_history", size(0), born(at(-90*1440)))),
		withEnv(withBaseline, one("emptied since the baseline", rules.High, aChange("content", "/root/.bash_history", []fileOption{size(9000)}, "content,size", size(0)))),
	},
	False: []rules.Example{
		quiet("in use", aFile("/root/.bash_history"), aFile("/home/alice/.python_history")),
		quiet("empty since it was made", aFile("/root/.bash_history", size(0))),
		quiet("append-only", aFile("/root/.bash_history", flags(filesystem.FlagAppend))),
		quiet("a program's file", aFile("/usr/share/doc/x/bash_history", link("/dev/null"))),
		withEnv(withBaseline, quiet("known", aFile("/root/.bash_history", link("/dev/null")))),
		withEnv(withBaseline, quiet("grown", aChange("content", "/root/.bash_history", []fileOption{size(300)}, "content,size", size(9000)))),
	},
}

// logChecker looks for logs that were emptied in place.
type logChecker struct {
	env      *rules.Env
	empty    map[string]emptyLog
	rotated  map[string][]int64 // live log: times, in seconds, at which a rotated one of it changed
	linked   rules.Groups
	earliest time.Time // of the lines of logins and of the system
}

type emptyLog struct {
	ev    timeline.Evidence
	at    time.Time
	since time.Time // birth
}

const maxLogs = 1 << 14

// rotatedOf gives the live log that a rotated one belongs to: "auth.log" for
// auth.log.1, auth.log.2.gz, auth.log-20240301.xz; "" if it is none.
func rotatedOf(path string) string {
	dir, n := dirBase(path)
	for _, ext := range [...]string{".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z"} {
		n = strings.TrimSuffix(n, ext)
	}
	live := strings.TrimRight(n, "0123456789")
	if live == n || len(live) < 2 {
		return ""
	}
	switch live[len(live)-1] {
	case '.', '-', '_':
		live = live[:len(live)-1]
	default:
		return ""
	}
	// Dates with hyphens: messages-2024-03-01.
	for {
		t := strings.TrimRight(live, "0123456789")
		if t == live || !strings.HasSuffix(t, "-") {
			break
		}
		live = strings.TrimSuffix(t, "-")
	}
	return dir + "/" + live
}

func (c *logChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindAuth || r.Kind == timeline.KindSyslog {
		if t, _ := when(r); !t.IsZero() && (c.earliest.IsZero() || t.Before(c.earliest)) {
			c.earliest = t
		}
		return
	}
	f := r.File
	if r.Kind == timeline.KindChange {
		if r.Change == nil || r.Change.After == nil {
			return
		}
		f = r.Change.After
	}
	if f == nil || len(f.Path) < 10 || f.Path[:5] != "/var/" || !below(f.Path, "/var/log") || f.Deleted || f.Unalloc || f.Orphan {
		return
	}
	if live := rotatedOf(f.Path); live != "" {
		if logFile(live) >= webLog && (len(c.rotated) < maxLogs || c.rotated[live] != nil) {
			if c.rotated == nil {
				c.rotated = map[string][]int64{}
			}
			ts := c.rotated[live]
			if len(ts) < 64 {
				for _, t := range [...]filesystem.Time{f.Times.Changed, f.Times.Born, f.Times.Modified} {
					if t.Known {
						ts = append(ts, t.Sec)
					}
				}
				c.rotated[strings.Clone(live)] = ts
			}
		}
		return
	}
	k := logFile(f.Path)
	if k < webLog {
		return
	}
	if f.Type == filesystem.Symlink {
		if f.Target == "/dev/null" && judged(c.env, r) != nil {
			g := c.linked.Get(f.Path)
			g.Raise(rules.High)
			g.AddPath(f.Path)
			t, note := arrived(f)
			g.Add(r.Evidence, t, note)
			g.Summary = "The log " + showPath(f.Path) + " is a link to /dev/null"
		}
		return
	}
	// Some logs are empty on every server that nothing happened to.
	switch f.Path {
	case "/var/log/faillog", "/var/log/tallylog", "/var/log/cron", "/var/log/cron.log", "/var/log/user.log", "/var/log/maillog", "/var/log/mail.log":
		return
	}
	if f.Type != filesystem.Regular || f.Size != 0 || !f.Times.Born.Known || !f.Times.Modified.Known {
		return
	}
	if f.Times.Modified.Sec-f.Times.Born.Sec < 120 {
		return
	}
	if c.empty == nil {
		c.empty = map[string]emptyLog{}
	}
	if len(c.empty) < maxLogs {
		c.empty[strings.Clone(f.Path)] = emptyLog{r.Evidence, f.Times.Modified.Std(), f.Times.Born.Std()}
	}
}

func (c *logChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for p, e := range c.empty {
		near, reborn := false, false
		for _, s := range c.rotated[p] {
			d := s - e.since.Unix()
			reborn = reborn || d > -60 && d < 60
		}
		for _, s := range c.rotated[p] {
			// A rotation that made the log anew explains that it is empty, but not that
			// it was cut after that.
			if reborn && s <= e.since.Unix()+60 && e.at.Sub(e.since) > 2*time.Minute {
				continue
			}
			if d := s - e.at.Unix(); d > -900 && d < 900 {
				near = true
			}
		}
		if near {
			continue
		}
		// These two may be empty since the image was sealed; not if the server was in use
		// before they were emptied.
		if (p == "/var/log/btmp" || p == "/var/log/lastlog") && (c.earliest.IsZero() || e.at.Sub(c.earliest) < 24*time.Hour) {
			continue
		}
		g := gs.Get(p)
		g.Raise(min(emptySeverity(p), rules.High))
		g.AddPath(p)
		g.Add(e.ev, e.at, "the file's last modification")
		g.Summary = "The log " + showPath(p) + ", in use since " + e.since.Format(time.DateOnly) + ", was emptied, and no rotation happened then"
	}
	return append(c.linked.Findings(nil), gs.Findings(nil)...)
}

var logCleared = &rules.Rule{
	ID:    "log-cleared",
	Title: "A log was emptied",
	Doc: `A log of logins, of the system or of a web server that is empty, though its inode was in use for longer, and that no rotation emptied: a rotated log
that was made or renamed within a quarter of an hour would say so. Also a log that is a link to /dev/null.
Innocent: an administrator who made room on a full disk; an image that was sealed and never started (both look the same: ask).`,
	Severity:   rules.High,
	Techniques: []string{"T1685.006"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange, timeline.KindAuth, timeline.KindSyslog},
	New:        func(env *rules.Env) rules.Checker { return &logChecker{env: env} },
	True: []rules.Example{
		one("emptied in place", rules.High, aFile("/var/log/auth.log", size(0), born(at(-3*1440)))),
		one("accounting emptied", rules.High, aFile("/var/log/wtmp", size(0), born(at(-30*1440)))),
		one("link", rules.High, aFile("/var/log/wtmp", link("/dev/null"))),
		{Name: "last logins, in use before", Severity: rules.High, Records: []timeline.Record{
			aFile("/var/log/lastlog", size(0), born(at(-30*1440))), anAuth(-5*1440, "session-opened", "account", "alice")}},
		{Name: "cut after a rotation", Severity: rules.Medium, Records: []timeline.Record{
			aFile("/var/log/nginx/error.log", size(0), born(at(-6))), aFile("/var/log/nginx/error.log.1", inodeChanged(at(-6)), born(at(-2000)), modified(at(-7)))}},
		{Name: "rotation at another time", Severity: rules.Medium, Records: []timeline.Record{
			aFile("/var/log/syslog", size(0), born(at(-600))), aFile("/var/log/syslog.1", inodeChanged(at(-600)), born(at(-2000)), modified(at(-600)))}},
	},
	False: []rules.Example{
		quiet("just made by a rotation", aFile("/var/log/auth.log", size(0)), aFile("/var/log/auth.log.1", born(at(-7*1440)))),
		quiet("copied and cut by a rotation", aFile("/var/log/apache2/access.log", size(0), born(at(-90*1440))), aFile("/var/log/apache2/access.log.1", born(at(0)))),
		quiet("sealed image", aFile("/var/log/lastlog", size(0), born(at(-30*1440))), anAuth(60, "session-opened", "account", "alice")),
		quiet("fresh system", aFile("/var/log/btmp", size(0)), aFile("/var/log/wtmp", size(0)), aFile("/var/log/lastlog", size(0))),
		quiet("in use", aFile("/var/log/auth.log", born(at(-7*1440)))),
		quiet("container's log", aFile("/var/log/nginx/error.log", link("/dev/stderr"))),
	},
}

type logDeletedChecker struct {
	deleted map[string]timeline.Evidence
	before  map[string]*timeline.File
	present map[string]bool
}

func (c *logDeletedChecker) Record(r *timeline.Record) {
	ch := r.Change
	if ch == nil {
		return
	}
	if ch.What != "deleted" {
		if ch.After != nil && below(ch.After.Path, "/var/log") && len(c.present) < maxLogs {
			if c.present == nil {
				c.present = map[string]bool{}
			}
			c.present[strings.Clone(ch.After.Path)] = true
			if live := rotatedOf(ch.After.Path); live != "" {
				c.present[live] = true
			}
		}
		return
	}
	f := ch.Before
	if f == nil || f.Type != filesystem.Regular || f.Size == 0 || logFile(f.Path) < webLog || strings.HasPrefix(f.Path, "/var/log/journal/") || !below(f.Path, "/var/log") {
		return
	}
	if c.deleted == nil {
		c.deleted, c.before = map[string]timeline.Evidence{}, map[string]*timeline.File{}
	}
	if len(c.deleted) < maxLogs {
		p := strings.Clone(f.Path)
		copied := *f
		c.deleted[p], c.before[p] = r.Evidence, &copied
	}
}

func (c *logDeletedChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for p, ev := range c.deleted {
		if c.present[p] { // rotated since: it is away for a moment
			continue
		}
		g := gs.Get(p)
		g.Raise(min(emptySeverity(p), rules.High))
		g.AddPath(p)
		g.Add(ev, time.Time{}, "")
		g.Summary = "The log " + showPath(p) + " of the baseline is gone, and no rotated log follows it"
	}
	return gs.Findings(nil)
}

var logDeleted = &rules.Rule{
	ID:    "log-deleted",
	Title: "A log was deleted",
	Doc: `A log of logins, of the system or of a web server that the baseline has and the image lacks, with no rotated log of it that is new.
Innocent: the service was removed, or its logs were moved.`,
	Severity:   rules.High,
	Techniques: []string{"T1685.006", "T1070.004"},
	Kinds:      []string{timeline.KindChange},
	New:        func(*rules.Env) rules.Checker { return &logDeletedChecker{} },
	True: []rules.Example{
		withEnv(withBaseline, one("auth.log", rules.High, aChange("deleted", "/var/log/auth.log", nil, ""))),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("between rotation and the next line", aChange("deleted", "/var/log/auth.log", nil, ""), anAdded("/var/log/auth.log.1"))),
		withEnv(withBaseline, quiet("old rotated log", aChange("deleted", "/var/log/auth.log.4.gz", nil, ""))),
		withEnv(withBaseline, quiet("program's log", aChange("deleted", "/var/log/alternatives.log", nil, ""))),
	},
}

// guardServices keep a server safe or up to date.
var guardServices = set(`unattended-upgrades apparmor ufw firewalld nftables fail2ban sshguard crowdsec clamav-daemon clamav-freshclam osqueryd wazuh-agent ossec falcon-sensor falco auditbeat
	sentinelone mdatp aide aidecheck dailyaidecheck rkhunter chkrootkit selinux-autorelabel acct psacct sysstat dnf-automatic`)

type loggingMaskedChecker struct {
	env    *rules.Env
	groups rules.Groups
}

func (c *loggingMaskedChecker) Record(r *timeline.Record) {
	f := judged(c.env, r)
	if f == nil || f.Type != filesystem.Symlink || f.Target != "/dev/null" || !below(f.Path, "/etc/systemd/system") {
		return
	}
	n, ok := strings.CutSuffix(base(f.Path), ".service")
	timer := false
	if !ok {
		n, timer = strings.CutSuffix(base(f.Path), ".timer")
	}
	s := rules.Medium
	switch {
	case timer && (n == "apt-daily" || n == "apt-daily-upgrade" || n == "dnf-automatic" || n == "dnf-automatic-install"):
		s = rules.Low
	case !ok || !loggingServices[n] && !guardServices[n] || n == "syslog":
		return
	}
	g := c.groups.Get(f.Path)
	g.Raise(s)
	g.AddPath(f.Path)
	t, note := arrived(f)
	g.Add(r.Evidence, t, note)
	g.Summary = "The service " + show(n) + " is masked, so that it does not start"
}

func (c *loggingMaskedChecker) Findings() []rules.Finding { return c.groups.Findings(nil) }

var loggingMasked = &rules.Rule{
	ID:    "logging-masked",
	Title: "A service that writes logs or guards the server is masked",
	Doc: `A link to /dev/null below /etc/systemd/system that keeps rsyslog, syslog-ng, auditd or the journal from starting, or what updates the server, filters its network or looks for
intruders: unattended-upgrades, apparmor, ufw, fail2ban and the like. The timers of apt and dnf alone are low, as administrators mask them.
Innocent: containers and appliances that do not want auditd.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1685"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange},
	New:        func(env *rules.Env) rules.Checker { return &loggingMaskedChecker{env: env} },
	True: []rules.Example{
		one("rsyslog", rules.Medium, aFile("/etc/systemd/system/rsyslog.service", link("/dev/null"))),
		one("updates", rules.Medium, aFile("/etc/systemd/system/unattended-upgrades.service", link("/dev/null"))),
		one("timer", rules.Low, aFile("/etc/systemd/system/apt-daily.timer", link("/dev/null"))),
	},
	False: []rules.Example{
		quiet("other service", aFile("/etc/systemd/system/exim4.service", link("/dev/null"))),
		quiet("alias", aFile("/etc/systemd/system/syslog.service", link("/lib/systemd/system/rsyslog.service"))),
	},
}

type immutableChecker struct {
	env    *rules.Env
	groups rules.Groups
	roots  webRoots
}

func (c *immutableChecker) Record(r *timeline.Record) {
	if r.File != nil && r.File.Flags&filesystem.FlagImmutable == 0 && r.Kind == timeline.KindFile {
		return
	}
	f := judged(c.env, r)
	if f == nil || f.Flags&filesystem.FlagImmutable == 0 || inContainerStore(f.Path) || isHistoryFile(base(f.Path)) {
		return
	}
	_, temp := tempSeverity(f.Path)
	s, why := rules.Info, ""
	switch {
	case f.Type != filesystem.Regular:
		if f.Type == filesystem.Directory && temp {
			s, why = rules.Medium, "a directory in a place for temporary files"
		}
	case temp:
		s, why = rules.High, "in a place for temporary files"
	case f.Path == "/etc/ld.so.preload":
		s, why = rules.Critical, "which makes every program load a library"
	case strings.HasSuffix(f.Path, "/authorized_keys") || strings.HasSuffix(f.Path, "/authorized_keys2"):
		s, why = rules.Medium, "which lets its holder in"
	case strings.HasPrefix(f.Path, "/etc/cron") || strings.HasPrefix(f.Path, "/var/spool/cron"):
		s, why = rules.High, "which cron runs"
	case runs(f) == program || runs(f) == script && f.Mode&0o111 != 0:
		s, why = rules.Medium, "a "+runs(f).String()
		if hiddenElement(f.Path) {
			s = rules.High
		}
	case c.roots.root(f.Path) != "" && isWebScript(base(f.Path)):
		s, why = rules.Medium, "which the web server runs"
	case strings.HasPrefix(f.Path, "/etc/systemd/") || strings.HasPrefix(f.Path, "/etc/init.d/") || f.Path == "/etc/rc.local":
		s, why = rules.Medium, "which the system starts"
	case f.Path == "/etc/passwd" || f.Path == "/etc/shadow" || f.Path == "/etc/sudoers":
		s, why = rules.Low, "which decides who may log in"
	}
	if why == "" {
		return
	}
	g := c.groups.Get(f.Path)
	g.Raise(s)
	g.AddPath(f.Path)
	t, note := changed(f)
	g.Add(r.Evidence, t, note)
	g.Summary = showPath(f.Path) + ", " + why + ", is immutable"
}

func (c *immutableChecker) Findings() []rules.Finding { return c.groups.Findings(nil) }

var immutableFile = &rules.Rule{
	ID:    "immutable-file",
	Title: "A file is protected against removal",
	Doc: `The immutable attribute (chattr +i) on a program, on a file in a temporary directory, or on one that cron, the web server or logins depend on. Intruders
lock what they want to keep.
Innocent: administrators lock /etc/passwd and the like (low) and /etc/resolv.conf (not reported).`,
	Severity:   rules.Medium,
	Techniques: []string{"T1222.002"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange},
	New: func(env *rules.Env) rules.Checker {
		return &immutableChecker{env: env, roots: webRootsOf(env)}
	},
	True: []rules.Example{
		one("program", rules.Medium, aFile("/usr/bin/sshx", magic("elf"), perm(0o755), flags(filesystem.FlagImmutable))),
		one("temporary", rules.High, aFile("/var/tmp/x", flags(filesystem.FlagImmutable))),
		one("cron", rules.High, aFile("/etc/cron.d/0sys", flags(filesystem.FlagImmutable))),
	},
	False: []rules.Example{
		quiet("resolv.conf", aFile("/etc/resolv.conf", flags(filesystem.FlagImmutable))),
		quiet("append-only log", aFile("/var/log/auth.log", flags(filesystem.FlagAppend))),
		quiet("deployed tree", aFile("/ostree/deploy/x/usr/bin/y", magic("elf"), perm(0o755), flags(filesystem.FlagImmutable))),
		quiet("no attribute", aFile("/usr/bin/ls", magic("elf"), perm(0o755))),
	},
}

// gapChecker looks for hours of which a log has no lines, though it has some
// of every hour before and after, and other logs have some of these.
type gapChecker struct {
	logs map[string]*hourly // by live log
	live []string           // of the sources' files
	from sources
	kept int // hours
	left int
}

// hourly is a log with its rotated ones.
type hourly struct {
	hours map[int32]*hourLines
	kind  logKind
}

// hourLines are the first and last line of an hour.
type hourLines struct {
	first, last shortLine
}

const (
	maxHours    = 1 << 18 // over all logs
	minGap      = 3       // hours without a line
	denseHours  = 48      // hours with lines that a log must have around a gap
	densePart   = 0.95
	maxGapsLog  = 3 // a log with more of them is one that often is silent
	aroundHours = 96
)

func (c *gapChecker) Record(r *timeline.Record) {
	if len(r.Stamps) == 0 {
		return
	}
	t := r.Stamps[0].When
	if t.Year() < 1980 || t.Year() > 2200 || r.Evidence.Path == "" {
		return
	}
	p, ok := c.from.shorten(r.Evidence, t)
	if !ok {
		c.left++
		return
	}
	for len(c.live) < len(c.from.files) {
		path := c.from.files[len(c.live)].Path
		if live := rotatedOf(path); live != "" {
			path = live
		}
		c.live = append(c.live, path)
	}
	live := c.live[p.file]
	l := c.logs[live]
	if l == nil {
		if c.logs == nil {
			c.logs = map[string]*hourly{}
		}
		l = &hourly{hours: map[int32]*hourLines{}, kind: logFile(live)}
		c.logs[live] = l
	}
	hour := int32(t.Unix() / 3600)
	h := l.hours[hour]
	if h == nil {
		if c.kept >= maxHours {
			c.left++
			return
		}
		c.kept++
		l.hours[hour] = &hourLines{p, p}
		return
	}
	if p.at < h.first.at {
		h.first = p
	}
	if p.at >= h.last.at {
		h.last = p
	}
}

func (c *gapChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "line") + " of logs had no room to be counted"}
}

type gap struct {
	from, to int32 // the hours with lines before and after
}

func (c *gapChecker) Findings() []rules.Finding {
	var gs rules.Groups
	names := make([]string, 0, len(c.logs))
	for n := range c.logs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, name := range names {
		l := c.logs[name]
		if l.kind < systemLog {
			continue // who reads a site decides when its log is silent
		}
		hours := make([]int32, 0, len(l.hours))
		for h := range l.hours {
			hours = append(hours, h)
		}
		slices.Sort(hours)
		var gaps []gap
		for i := 1; i < len(hours); i++ {
			g := gap{hours[i-1], hours[i]}
			if g.to-g.from-1 < minGap || g.to-g.from > 24*60 || !dense(hours, i) {
				continue
			}
			// Other logs must show that the server was up.
			up := 0
			for h := g.from + 1; h < g.to; h++ {
				for other, o := range c.logs {
					if other != name && o.hours[h] != nil {
						up++
						break
					}
				}
			}
			if up >= 2 && up*2 >= int(g.to-g.from-1) {
				gaps = append(gaps, g)
			}
		}
		if len(gaps) > maxGapsLog {
			continue
		}
		for _, g := range gaps {
			before, after := l.hours[g.from].last, l.hours[g.to].first
			f := gs.Get(name + "\x00" + strconv.Itoa(int(g.from)))
			s := rules.Medium
			if l.kind == loginLog && (after.line == 1 || g.to-g.from > 12) {
				s = rules.High
			}
			f.Raise(s)
			t1, t2 := time.Unix(0, before.at).UTC(), time.Unix(0, after.at).UTC()
			f.Add(c.from.evidence(before), t1, "the last line before the gap")
			f.Add(c.from.evidence(after), t2, "")
			f.AddPath(c.from.files[before.file].Path)
			f.AddPath(c.from.files[after.file].Path)
			f.Summary = "The log " + showPath(name) + " has a line of nearly every hour, but none from " + utc(t1) + " to " + utc(t2) + ", while other logs go on"
			if after.line == 1 {
				f.Summary += "; " + showPath(c.from.files[after.file].Path) + " begins after it"
			}
		}
	}
	return gs.Findings(nil)
}

// dense reports whether nearly every hour has lines, in the days before and
// after the gap that ends at hours[i].
func dense(hours []int32, i int) bool {
	count, span := 0, int32(0)
	j := i - 1
	for j > 0 && hours[i-1]-hours[j-1] < aroundHours {
		j--
	}
	count += i - j
	span += hours[i-1] - hours[j] + 1
	k := i
	for k+1 < len(hours) && hours[k+1]-hours[i] < aroundHours {
		k++
	}
	count += k - i + 1
	span += hours[k] - hours[i] + 1
	return count >= denseHours && float64(count) >= densePart*float64(span)
}

// hourlyLines are lines of a log, one an hour, but for some hours.
func hourlyLines(kind, path string, from, to int, without ...int) []timeline.Record {
	var out []timeline.Record
	for h := from; h < to; h++ {
		if len(without) == 2 && h >= without[0] && h < without[1] {
			continue
		}
		out = append(out, aLine(kind, path, h+1, at(60*h), "program", "CRON", "message", "x"))
	}
	return out
}

// serviceKinds are the kinds of lines that stand in the system's logs beside
// those of the system itself.
var serviceKinds = []string{timeline.KindMail, timeline.KindTransfer, timeline.KindDatabase, timeline.KindFirewall, timeline.KindProxy}

var logGap = &rules.Rule{
	ID:    "log-gap",
	Title: "Lines are missing from a log",
	Doc: `Three hours or more of which a log of logins or of the system has no line, though it has some of at least 95 of 100 hours in the four days before and after, and other
logs have lines of most of these hours. Whoever empties a log, or cuts lines out of it, leaves this. High for logs of logins if the gap is longer than half a day or the
log begins after it.
Innocent: a logging service that was down while others wrote on.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1685.006"},
	Kinds:      append([]string{timeline.KindAuth, timeline.KindSyslog, timeline.KindWebAccess}, serviceKinds...),
	New:        func(*rules.Env) rules.Checker { return &gapChecker{} },
	True: []rules.Example{
		{Name: "cut out", Severity: rules.Medium, Records: slices.Concat(hourlyLines(timeline.KindAuth, "/var/log/auth.log", 0, 120, 60, 66), hourlyLines(timeline.KindSyslog, "/var/log/syslog", 0, 120))},
		{Name: "emptied", Severity: rules.High, Records: slices.Concat(hourlyLines(timeline.KindAuth, "/var/log/auth.log.1", 0, 60), hourlyLines(timeline.KindAuth, "/var/log/auth.log", 80, 140), hourlyLines(timeline.KindSyslog, "/var/log/syslog", 0, 140))},
	},
	False: []rules.Example{
		{Name: "server was off", Records: slices.Concat(hourlyLines(timeline.KindAuth, "/var/log/auth.log", 0, 120, 60, 66), hourlyLines(timeline.KindSyslog, "/var/log/syslog", 0, 120, 60, 66))},
		{Name: "whole", Records: slices.Concat(hourlyLines(timeline.KindAuth, "/var/log/auth.log", 0, 120), hourlyLines(timeline.KindSyslog, "/var/log/syslog", 0, 120))},
		{Name: "seldom written", Records: slices.Concat(hourlyLines(timeline.KindSyslog, "/var/log/kern.log", 0, 2), hourlyLines(timeline.KindSyslog, "/var/log/kern.log", 90, 92), hourlyLines(timeline.KindAuth, "/var/log/auth.log", 0, 120))},
	},
}
