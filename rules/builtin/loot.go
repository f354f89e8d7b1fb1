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

// newcomers are accounts that were made lately: the log says so, or their
// home is new since the baseline.
type newcomers struct {
	logged map[string]bool
	homes  map[string]bool
}

const maxNewcomers = 1 << 12

func (n *newcomers) record(r *timeline.Record) {
	switch r.Kind {
	case timeline.KindAuth, timeline.KindSyslog:
		if r.Fields["action"] != "useradd" || len(n.logged) >= maxNewcomers {
			return
		}
		name := r.Fields["account"]
		if t := r.Fields["target"]; t != "" {
			name = t
		}
		if n.logged == nil {
			n.logged = map[string]bool{}
		}
		n.logged[strings.Clone(name)] = true
	case timeline.KindChange:
		if !added(r) || r.Change.After == nil || r.Change.After.Type != filesystem.Directory || len(n.homes) >= maxNewcomers || !strings.HasPrefix(r.Change.After.Path, "/home/") || strings.Count(r.Change.After.Path, "/") > 3 {
			return
		}
		if n.homes == nil {
			n.homes = map[string]bool{}
		}
		n.homes[strings.Clone(r.Change.After.Path)] = true
	}
}

// has reports whether an ordinary account is new, and with it its first key.
func (n *newcomers) has(env *rules.Env, name string) bool {
	a, known := env.Account(name)
	if name == "root" || daemonAccounts[name] || !known || a.UID < 500 {
		return false
	}
	return n.logged[name] || n.homes[strings.TrimRight(a.Home, "/")]
}

// lootChecker looks for copies of password hashes, and for archives and dumps
// where visitors can fetch them or nobody looks.
type lootChecker struct {
	env    *rules.Env
	roots  webRoots
	shadow []loot // /etc/shadow and gshadow
	texts  []loot
	groups rules.Groups
}

type loot struct {
	path   string
	size   int64
	sha256 string
	ev     timeline.Evidence
	at     time.Time
	note   string
	uid    uint32
}

const maxLoot = 1 << 14

var archiveMagics = set("gzip xz bzip2 zip tar 7z zstd rar")

// archiveName reports whether a name is an archive's or a dump's, and which.
func archiveName(n string) (dump, archive bool) {
	l := strings.ToLower(n)
	for _, z := range [...]string{".gz", ".bz2", ".xz", ".zst", ".zip"} {
		if rest, ok := strings.CutSuffix(l, z); ok && (strings.HasSuffix(rest, ".sql") || strings.HasSuffix(rest, ".dump")) {
			return true, true
		}
	}
	switch extension(l) {
	case "sql", "dump", "bak.sql":
		return true, false
	case "tgz", "tbz", "tbz2", "txz", "tar", "7z", "rar":
		return false, true
	case "zip", "gz", "xz", "bz2", "zst":
		return false, strings.Contains(l, ".tar.") || extension(l) == "zip"
	}
	return false, false
}

func (c *lootChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindFile && r.File != nil && (r.File.Path == "/etc/shadow" || r.File.Path == "/etc/shadow-") && len(c.shadow) < 4 && !r.File.Deleted && r.File.Size > 0 {
		c.shadow = append(c.shadow, loot{path: strings.Clone(r.File.Path), size: r.File.Size, sha256: strings.Clone(r.File.SHA256)})
	}
	f := judged(c.env, r)
	if f == nil || f.Type != filesystem.Regular || f.InPackage || f.Size == 0 {
		return
	}
	temp, root := temporary(f.Path), c.roots.root(f.Path)
	if temp == "" && root == "" || inContainerStore(f.Path) {
		return
	}
	t, note := arrived(f)
	n := base(f.Path)
	dump, archive := archiveName(n)
	packed := archiveMagics[f.Magic]
	s, what := rules.Info, ""
	switch {
	case root != "" && dump && added(r):
		s, what = rules.Medium, "the dump of a database"
	case root != "" && dump:
		s, what = rules.Low, "the dump of a database"
	case root != "" && archive && added(r) && !strings.Contains(f.Path, "/node_modules/") && !strings.Contains(f.Path, "/vendor/"):
		s, what = rules.Low, "an archive"
		if webUser(c.env, f.UID) || f.UID == 0 {
			s = rules.Medium
		}
	case temp != "" && hiddenElement(f.Path[len(temp)+1:]) && (archive || packed):
		s, what = rules.Medium, "a hidden archive"
	}
	if what != "" {
		g := c.groups.Get(f.Path)
		g.Raise(s)
		g.Account = c.env.AccountName(f.UID)
		g.Add(r.Evidence, t, note)
		g.AddPath(f.Path)
		where := "lies in " + temp
		if root != "" {
			where = "lies where the web server sends it to whoever asks"
		}
		g.Summary = showPath(f.Path) + " of " + ownerText(c.env, f.UID) + ", " + what + " of " + plural(int(min(f.Size, 1<<40)), "byte") + ", " + where
		g.Title = "An archive or a dump lies where it can be fetched or is overlooked"
		g.Techniques = []string{"T1560.001", "T1074.001"}
		return
	}
	if len(c.texts) < maxLoot && (f.Magic == "text" || f.Magic == "" || f.Magic == "data") && f.Size > 64 {
		c.texts = append(c.texts, loot{strings.Clone(f.Path), f.Size, strings.Clone(f.SHA256), r.Evidence, t, note, f.UID})
	}
}

func (c *lootChecker) Findings() []rules.Finding {
	for _, l := range c.texts {
		for _, s := range c.shadow {
			same := l.sha256 != "" && l.sha256 == s.sha256
			if !same && (l.size != s.size || l.sha256 != "" && s.sha256 != "" || s.size < 256) {
				continue
			}
			g := c.groups.Get(l.path)
			g.Title = "Password hashes were copied to where anyone can come"
			g.Techniques = []string{"T1003.008"}
			g.Account = c.env.AccountName(l.uid)
			g.Raise(rules.Medium)
			g.Summary = showPath(l.path) + " has " + plural(int(l.size), "byte") + ", as many as " + s.path
			if same {
				g.Raise(rules.High)
				g.Summary = showPath(l.path) + " is a copy of " + s.path
			}
			g.Add(l.ev, l.at, l.note)
			g.AddPath(l.path)
			break
		}
	}
	return c.groups.Findings(nil)
}

func hash(h string) fileOption { return func(f *timeline.File) { f.SHA256 = h } }

var lootGathered = &rules.Rule{
	ID:    "loot-gathered",
	Title: "What an intruder would take lies ready",
	Doc: `Copies of /etc/shadow in directories for temporary files or of sites: by their hash (high), or by exactly the same size where none was computed (medium). Hidden archives in directories for temporary
files (medium). Dumps of databases and archives below a site's directory: medium if they are new since the baseline, and low for dumps without one.
Innocent: a backup that a careless administrator put there (whoever asks gets it all the same).`,
	Severity:   rules.Medium,
	Techniques: []string{"T1074.001"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &lootChecker{env: env, roots: webRootsOf(env)}
	},
	True: []rules.Example{
		{Name: "copy of shadow", Severity: rules.High, Records: []timeline.Record{aFile("/etc/shadow", size(900), hash("aa")), aFile("/var/tmp/s.txt", size(900), hash("aa"))}},
		{Name: "as large", Severity: rules.Medium, Records: []timeline.Record{aFile("/var/tmp/s.txt", size(907)), aFile("/etc/shadow", size(907))}},
		one("hidden archive", rules.Medium, aFile("/tmp/.cache-3f.tgz", magic("gzip"))),
		withEnv(withBaseline, one("dump", rules.Medium, anAdded("/srv/www/shop/assets/db_dump.sql.gz", magic("gzip"), owner(33, 33)))),
		one("old dump", rules.Low, aFile("/var/www/html/backup.sql")),
	},
	False: []rules.Example{
		quiet("other text", aFile("/etc/shadow", size(900), hash("aa")), aFile("/var/tmp/s.txt", size(900), hash("bb")), aFile("/tmp/notes.txt", size(901))),
		quiet("archives", aFile("/tmp/release.tgz", magic("gzip")), aFile("/var/www/html/dl/app.zip", magic("zip")), aFile("/home/alice/.cache/x.tgz", magic("gzip"))),
		withEnv(withBaseline, quiet("known", aFile("/tmp/.cache-3f.tgz", magic("gzip")))),
	},
}

// seriesChecker looks for rotated logs that are missing from their series.
type seriesChecker struct {
	env    *rules.Env
	series map[string]*series // by live log
	lines  map[string]*oldest // by live log
}

// oldest is the first line of a log.
type oldest struct {
	at    time.Time
	ev    timeline.Evidence
	count int
}

// line keeps the first line of each live log.
func (c *seriesChecker) line(r *timeline.Record) {
	p := r.Evidence.Path
	if len(r.Stamps) == 0 || r.Evidence.Packed != "" || logFile(p) < systemLog {
		return
	}
	o := c.lines[p]
	if o == nil {
		if len(c.lines) >= maxLogs {
			return
		}
		if c.lines == nil {
			c.lines = map[string]*oldest{}
		}
		o = &oldest{}
		c.lines[strings.Clone(p)] = o
	}
	if t := r.Stamps[0].When; o.count == 0 || t.Before(o.at) {
		o.at, o.ev = t, r.Evidence
	}
	o.count++
}

// rewritten finds logs whose lines are older than their inode, while those of
// others are not: "sed -i" writes a file anew.
func (c *seriesChecker) rewritten(gs *rules.Groups) {
	if c.env.Zone == nil {
		return // the lines' times are not sure
	}
	var old []string
	young := 0
	for p, o := range c.lines {
		s := c.series[p]
		if s == nil || s.live == nil || !s.live.Times.Born.Known || o.count < 2 {
			continue
		}
		if s.live.Times.Born.Std().Sub(o.at) > 2*time.Minute {
			old = append(old, p)
		} else {
			young++
		}
	}
	if young == 0 || len(old) > young {
		return // a system that was copied
	}
	for _, p := range old {
		o, s := c.lines[p], c.series[p]
		g := gs.Get("rewritten\x00" + p)
		g.Title = "A log was written anew in its place"
		g.Techniques = []string{"T1685.006"}
		g.Raise(rules.Medium)
		if logFile(p) == loginLog {
			g.Raise(rules.High)
		}
		born := s.live.Times.Born.Std()
		g.Add(s.ev, born, "the inode's birth")
		g.Add(o.ev, born, "the inode's birth")
		g.AddPath(p)
		g.Subject = p
		g.Summary = "The log " + showPath(p) + " begins with a line of " + utc(o.at) + ", but its inode was made at " + utc(born) + ", while other logs were made before their first lines: someone wrote it anew, as editing does"
	}
}

// series is a log and its rotated ones.
type series struct {
	live    *timeline.File
	ev      timeline.Evidence
	numbers map[int]rotatedLog
	dated   bool
}

type rotatedLog struct {
	path    string
	changed int64
	ev      timeline.Evidence
}

func (c *seriesChecker) Record(r *timeline.Record) {
	if r.Kind != timeline.KindFile {
		c.line(r)
		return
	}
	f := r.File
	if f == nil || f.Type != filesystem.Regular || f.Deleted || f.Unalloc || f.Orphan || len(f.Path) < 10 || !below(f.Path, "/var/log") {
		return
	}
	live, number := f.Path, 0
	if v := rotatedOf(f.Path); v != "" {
		live = v
		rest := strings.TrimPrefix(f.Path[len(live):], ".")
		rest, _, _ = strings.Cut(rest, ".")
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 || n > 999 {
			n = -1
		}
		number = n
	}
	if logFile(live) < webLog || len(c.series) >= maxLogs && c.series[live] == nil {
		return
	}
	s := c.series[live]
	if s == nil {
		if c.series == nil {
			c.series = map[string]*series{}
		}
		s = &series{numbers: map[int]rotatedLog{}}
		c.series[strings.Clone(live)] = s
	}
	switch {
	case number == 0:
		copied := *f
		copied.Xattrs = nil
		s.live, s.ev = &copied, r.Evidence
	case number < 0:
		s.dated = true
	case len(s.numbers) < 1000:
		s.numbers[number] = rotatedLog{strings.Clone(f.Path), f.Times.Changed.Sec, r.Evidence}
	}
}

func (c *seriesChecker) Findings() []rules.Finding {
	var gs rules.Groups
	names := make([]string, 0, len(c.series))
	for n := range c.series {
		names = append(names, n)
	}
	slices.Sort(names)
	// When a rotation made new live logs, as logs that have their first rotated
	// one show: second of birth, how many.
	rotations := map[int64]string{}
	for _, n := range names {
		s := c.series[n]
		if first, ok := s.numbers[1]; ok && s.live != nil && s.live.Times.Born.Known {
			if d := first.changed - s.live.Times.Born.Sec; d > -60 && d < 60 {
				dir, _ := dirBase(n)
				at := s.live.Times.Born.Sec
				if dir == "/var/log" && (rotations[at] == "" || c.lines[n] != nil) {
					rotations[at] = n
				}
			}
		}
	}
	for _, n := range names {
		s := c.series[n]
		if s.dated {
			continue
		}
		last := 0
		for k := range s.numbers {
			last = max(last, k)
		}
		var missing []string
		for k := 1; k < last && len(missing) < 8; k++ {
			if _, ok := s.numbers[k]; !ok {
				missing = append(missing, n+"."+strconv.Itoa(k))
			}
		}
		why := "though older ones are there"
		ev := s.ev
		if len(missing) > 0 {
			ev = s.numbers[last].ev
		} else if dir, _ := dirBase(n); last == 0 && dir == "/var/log" && s.live != nil && s.live.Times.Born.Known && s.live.Size > 0 {
			for d := int64(-5); d <= 5; d++ {
				if other := rotations[s.live.Times.Born.Sec+d]; other != "" {
					missing, why = []string{n + ".1"}, "though "+showPath(n)+" was made anew by the rotation that made "+showPath(other)+".1"
					break
				}
			}
		}
		if o := c.lines[n]; len(missing) == 0 && last == 0 && len(rotations) > 0 && o != nil && s.live != nil && s.live.Times.Born.Known && c.env.Zone != nil && s.live.Times.Born.Std().Sub(o.at) > 2*time.Minute {
			// It was written anew, so that its birth says nothing; but its lines begin
			// after the rotation of others.
			for at, other := range rotations {
				if o.at.Unix() > at && o.at.Unix()-at < 24*3600 && c.lines[other] != nil && (len(missing) == 0 || why > other) {
					missing, why = []string{n + ".1"}, "though the lines of "+showPath(n)+" begin after the rotation that made "+showPath(other)+".1"
				}
			}
		}
		if len(missing) == 0 {
			continue
		}
		g := gs.Get(n)
		g.Raise(rules.Medium)
		if logFile(n) == webLog {
			g.Raise(rules.Low)
		}
		g.Subject = missing[0]
		g.Add(ev, time.Time{}, "")
		for _, m := range missing {
			g.AddPath(m)
		}
		g.Summary = "The rotated log " + showPath(missing[0]) + " is missing, " + why
		if len(missing) > 1 {
			g.Summary += ", and so are " + plural(len(missing)-1, "more log") + " of the series"
		}
	}
	c.rewritten(&gs)
	return gs.Findings(nil)
}

// lineAt is a line of a log at a minute.
func lineAt(kind, path string, minute int) timeline.Record {
	return aLine(kind, path, 1000+minute, at(minute), "program", "x", "message", "y")
}

var rotatedLogMissing = &rules.Rule{
	ID:    "rotated-log-missing",
	Title: "A rotated log is missing from its series",
	Doc: `A number that is missing in the series of a rotated log (auth.log.2.gz is there, auth.log.1 is not); or a log in /var/log that was made anew in the same seconds as others by a rotation, and has no
rotated one, as they have. Retention removes the last of a series, never one before it. Logs that are rotated by date are not judged. Also a live log whose lines are older than its inode, while other logs' are not (high for logs of logins): sed -i and editors write a file anew.
Innocent: an administrator who removed one.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1685.006", "T1070.004"},
	Kinds:      append([]string{timeline.KindFile, timeline.KindAuth, timeline.KindSyslog}, serviceKinds...),
	New:        func(env *rules.Env) rules.Checker { return &seriesChecker{env: env} },
	True: []rules.Example{
		{Name: "edited", Severity: rules.High, Env: rules.Env{Zone: time.UTC}, Records: []timeline.Record{aFile("/var/log/auth.log", born(at(60))), aFile("/var/log/syslog", born(at(-10))), lineAt(timeline.KindAuth, "/var/log/auth.log", 0),
			lineAt(timeline.KindAuth, "/var/log/auth.log", 70), lineAt(timeline.KindSyslog, "/var/log/syslog", 0), lineAt(timeline.KindSyslog, "/var/log/syslog", 1)}},
		{Name: "gap", Severity: rules.Medium, Records: []timeline.Record{aFile("/var/log/auth.log"), aFile("/var/log/auth.log.2.gz"), aFile("/var/log/auth.log.3.gz")}},
		{Name: "first of an edited log", Severity: rules.High, Env: rules.Env{Zone: time.UTC}, Records: []timeline.Record{aFile("/var/log/auth.log", born(at(60))), aFile("/var/log/syslog", born(at(-10))),
			aFile("/var/log/syslog.1", inodeChanged(at(-10))), lineAt(timeline.KindAuth, "/var/log/auth.log", 0), lineAt(timeline.KindAuth, "/var/log/auth.log", 70), lineAt(timeline.KindSyslog, "/var/log/syslog", 0), lineAt(timeline.KindSyslog, "/var/log/syslog", 1)}},
		{Name: "first", Severity: rules.Medium, Records: []timeline.Record{aFile("/var/log/auth.log"), aFile("/var/log/syslog"), aFile("/var/log/syslog.1")}},
	},
	False: []rules.Example{
		withEnv(rules.Env{Zone: time.UTC}, quiet("copied system", aFile("/var/log/auth.log", born(at(60))), aFile("/var/log/syslog", born(at(60))), lineAt(timeline.KindAuth, "/var/log/auth.log", 0),
			lineAt(timeline.KindAuth, "/var/log/auth.log", 70), lineAt(timeline.KindSyslog, "/var/log/syslog", 0), lineAt(timeline.KindSyslog, "/var/log/syslog", 1))),
		withEnv(rules.Env{Zone: time.UTC}, quiet("edited, rotated one there", aFile("/var/log/user.log", born(at(-30))), aFile("/var/log/syslog", born(at(-10))), lineAt(timeline.KindSyslog, "/var/log/user.log", 0),
			lineAt(timeline.KindSyslog, "/var/log/syslog", 0), aFile("/var/log/syslog.1", inodeChanged(at(-10))))),
		quiet("whole", aFile("/var/log/auth.log"), aFile("/var/log/auth.log.1"), aFile("/var/log/auth.log.2.gz"), aFile("/var/log/syslog"), aFile("/var/log/syslog.1")),
		quiet("retention", aFile("/var/log/auth.log"), aFile("/var/log/auth.log.1"), aFile("/var/log/syslog"), aFile("/var/log/syslog.1"), aFile("/var/log/syslog.2.gz"), aFile("/var/log/syslog.3.gz")),
		quiet("not rotated yet", aFile("/var/log/auth.log", born(at(-9000))), aFile("/var/log/syslog"), aFile("/var/log/syslog.1")),
		quiet("by date", aFile("/var/log/secure"), aFile("/var/log/secure-20240201"), aFile("/var/log/secure-20240301")),
	},
}
