package builtin

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"deadbox/rules"
	"deadbox/timeline"
)

// loginKinds are the kinds of records that tell of logins.
var loginKinds = []string{timeline.KindAuth, timeline.KindSyslog}

// Bounds of what is kept of a log of logins. A server on the Internet is
// knocked at from a hundred thousand addresses a year.
const (
	maxAddresses = 1 << 17
	maxBuckets   = 2048
	maxSuccesses = 256
	maxNames     = 64
	maxRootUses  = 1 << 15
	bucketLength = 600 // seconds
)

// logins follows who failed and who came in, by address. Some systems log
// this to auth.log or secure, some to messages, a few to both: what the first
// says counts, and the second only where there is no first.
type logins struct {
	auth, syslog visitors
}

type visitors struct {
	by    map[string]*visitor
	left  int               // lines of addresses that had no room
	names map[string]string // the same names are tried from everywhere
	from  sources
}

// all are those of the log that counts.
func (l *logins) all() *visitors {
	if len(l.auth.by) > 0 {
		return &l.auth
	}
	return &l.syslog
}

func (l *logins) record(r *timeline.Record) {
	if r.Kind == timeline.KindSyslog {
		l.syslog.record(r)
	} else {
		l.auth.record(r)
	}
}

// sources keeps what the lines of one file have in common, so that a line
// takes little room.
type sources struct {
	files []timeline.Evidence
	index map[string]int32 // by volume and path
	last  int32            // the file of the line before: lines come file by file
}

// shortLine is a line of one of the files.
type shortLine struct {
	at     int64 // nanoseconds since 1970
	offset int64
	length int64
	file   int32
	line   int32
}

// shorten keeps a line. It reports false where there are too many files.
func (s *sources) shorten(ev timeline.Evidence, at time.Time) (shortLine, bool) {
	i := s.last
	if int(i) < len(s.files) && s.files[i].Path == ev.Path && s.files[i].Volume == ev.Volume {
		return shortLine{at.UnixNano(), ev.Offset, ev.Length, i, int32(min(max(ev.Line, 0), 1<<31-1))}, true
	}
	key := ev.Volume + "\x00" + ev.Path
	i, ok := s.index[key]
	if !ok {
		if len(s.files) >= maxLogs {
			return shortLine{}, false
		}
		if s.index == nil {
			s.index = map[string]int32{}
		}
		i = int32(len(s.files))
		ev.Path = strings.Clone(ev.Path)
		s.files = append(s.files, ev)
		s.index[key] = i
	}
	s.last = i
	return shortLine{at.UnixNano(), ev.Offset, ev.Length, i, int32(min(max(ev.Line, 0), 1<<31-1))}, true
}

// evidence is the whole of it again.
func (s *sources) evidence(p shortLine) timeline.Evidence {
	ev := s.files[p.file]
	ev.Line, ev.Offset, ev.Length = int(p.line), p.offset, p.length
	return ev
}

// visitor is an address that tried to log in.
type visitor struct {
	buckets  []bucket
	names    []triedName
	first    shortLine
	last     shortLine
	success  []success
	overflow int // failures that had no bucket
}

// triedName is an account that an address failed as.
type triedName struct {
	name string
	at   int64 // the first time, in seconds
}

type bucket struct {
	start int64 // seconds
	n     int32
}

type placedLine struct {
	at time.Time
	ev timeline.Evidence
}

type success struct {
	placedLine
	note    string
	account string
	method  string
}

// remote reports whether a field holds an address of another machine.
func remote(address string) bool {
	if address == "" || address == "?" || address == "localhost" {
		return false
	}
	if a, err := netip.ParseAddr(address); err == nil {
		return !a.IsLoopback() && !a.IsUnspecified()
	}
	return true
}

func (l *visitors) record(r *timeline.Record) {
	action := r.Fields["action"]
	if action != "login-failed" && action != "login-accepted" && action != "invalid-user" {
		return
	}
	address := r.Fields["address"]
	if !remote(address) || len(r.Stamps) == 0 {
		return
	}
	v := l.by[address]
	if v == nil {
		if len(l.by) >= maxAddresses {
			l.left++
			return
		}
		if l.by == nil {
			l.by = map[string]*visitor{}
		}
		v = &visitor{}
		l.by[strings.Clone(address)] = v
	}
	t, note := when(r)
	if action == "login-accepted" {
		if len(v.success) < maxSuccesses {
			v.success = append(v.success, success{placedLine{t, r.Evidence}, note, strings.Clone(r.Fields["account"]), strings.Clone(r.Fields["method"])})
		}
		return
	}
	if m := r.Fields["method"]; m == "none" {
		return // asking which methods there are
	} else if m == "publickey" {
		return // a client offers each of its keys
	}
	l.name(v, r.Fields["account"], t.Unix())
	if action == "invalid-user" {
		return // the failure itself has a line of its own
	}
	n := int32(1)
	if c, ok := accountID(r.Fields["count"]); ok && c > 1 && c < 1<<20 {
		n = int32(c)
	}
	start := t.Unix() - mod(t.Unix(), bucketLength)
	if k := len(v.buckets); k > 0 && v.buckets[k-1].start == start {
		v.buckets[k-1].n += n
	} else if k < maxBuckets {
		v.buckets = append(v.buckets, bucket{start, n})
	} else {
		v.overflow += int(n)
	}
	p, ok := l.from.shorten(r.Evidence, t)
	if !ok {
		return
	}
	if v.first.at == 0 || p.at < v.first.at {
		v.first = p
	}
	if p.at >= v.last.at {
		v.last = p
	}
}

// name keeps an account that an address failed as.
func (l *visitors) name(v *visitor, name string, at int64) {
	if name == "" {
		return
	}
	for i := range v.names {
		if v.names[i].name == name {
			v.names[i].at = min(v.names[i].at, at)
			return
		}
	}
	if len(v.names) >= maxNames {
		return
	}
	same, ok := l.names[name]
	if !ok {
		same = strings.Clone(name)
		if l.names == nil {
			l.names = map[string]string{}
		}
		if len(l.names) < maxAddresses {
			l.names[same] = same
		}
	}
	v.names = append(v.names, triedName{same, at})
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// failures counts what failed in a span of time before an instant. The
// bucket of the instant itself counts whole.
func (v *visitor) failures(until time.Time, span time.Duration) int {
	n := 0
	end := until.Unix()
	from := end - int64(span/time.Second)
	for _, b := range v.buckets {
		if b.start <= end && b.start+bucketLength > from {
			n += int(b.n)
		}
	}
	return n
}

func (v *visitor) namesBefore(until time.Time) int {
	n := 0
	for _, t := range v.names {
		if t.at <= until.Unix() {
			n++
		}
	}
	return n
}

// guess is a login that came after guessing.
type guess struct {
	address string
	v       *visitor
	success
	hour, day, names int
	burst            bool // many failures before it, not only many names
}

const (
	burstHour = 10 // failures in the hour before
	burstDay  = 30 // failures in the day before
	sprayed   = 5  // accounts it failed as
)

// guesses gives the logins that came after guessing, in order of time.
func (l *logins) guesses() []guess {
	var out []guess
	for address, v := range l.all().by {
		if len(v.success) == 0 || len(v.buckets) == 0 && len(v.names) == 0 {
			continue
		}
		for _, s := range v.success {
			g := guess{address: address, v: v, success: s, hour: v.failures(s.at, time.Hour), day: v.failures(s.at, 24*time.Hour), names: v.namesBefore(s.at)}
			g.burst = g.hour >= burstHour || g.day >= burstDay
			if g.burst || g.names >= sprayed {
				out = append(out, g)
			}
		}
	}
	slices.SortFunc(out, func(a, b guess) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		if c := strings.Compare(a.address, b.address); c != 0 {
			return c
		}
		return a.ev.Line - b.ev.Line
	})
	return out
}

func (l *logins) notes() []string {
	left := l.all().left
	if left == 0 {
		return nil
	}
	return []string{plural(left, "line") + " of addresses beyond the first " + plural(maxAddresses, "address") + " were not looked at"}
}

// bruteForceChecker tells guessing with success from spraying.
type bruteForceChecker struct {
	logins
	burst bool
}

func (c *bruteForceChecker) Record(r *timeline.Record) { c.record(r) }
func (c *bruteForceChecker) Notes() []string           { return c.notes() }

func (c *bruteForceChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for _, g := range c.guesses() {
		if g.burst != c.burst {
			continue
		}
		f := gs.Get(g.address + "\x00" + g.account)
		byKey := g.method == "publickey"
		s := rules.High
		switch {
		case byKey:
			s = rules.Medium
		case g.account == "root" || c.burst && (g.day >= 100 || g.hour >= 30):
			s = rules.Critical
		}
		f.Raise(s)
		f.Address, f.Account = g.address, g.account
		f.AddPath(g.ev.Path)
		f.Add(g.ev, g.at, g.note)
		if f.Count > 1 {
			continue
		}
		how := "with " + show(g.method)
		if g.method == "" {
			how = "in a way that the log does not name"
		}
		if c.burst {
			n, span := g.hour, "hour"
			if g.hour < burstHour {
				n, span = g.day, "day"
			}
			f.Summary = show(g.address) + " logged in as " + show(g.account) + " " + how + " after " + plural(n, "failed login") + " in the " + span + " before"
			if g.names > 1 {
				f.Summary += ", as " + plural(g.names, "account")
			}
		} else {
			f.Summary = show(g.address) + " logged in as " + show(g.account) + " " + how + " after it had failed as " + plural(g.names, "account")
		}
		if byKey {
			f.Summary += "; a key is not guessed: ask how it came there"
		}
	}
	var out []rules.Finding
	gs.All(func(_ string, g *rules.Group) {
		f := g.Finding()
		// The failures belong to what the finding rests on.
		if v := c.all().by[f.Address]; v != nil {
			for _, p := range []shortLine{v.last, v.first} {
				if p.at == 0 {
					continue
				}
				ev := c.all().from.evidence(p)
				if slices.Contains(f.Evidence, ev) {
					continue
				}
				if len(f.Evidence) >= rules.MaxEvidence {
					f.Evidence = f.Evidence[:rules.MaxEvidence-1]
				}
				f.Evidence = append([]timeline.Evidence{ev}, f.Evidence...)
			}
			for _, b := range v.buckets {
				f.Count += int(b.n)
			}
			f.Count += v.overflow
		}
		out = append(out, f)
	})
	return out
}

// failedLogins are n failures of an address, a minute apart, from a minute on.
func failedLogins(address string, from, n int, names ...string) []timeline.Record {
	var out []timeline.Record
	for i := range n {
		out = append(out, anAuth(from+i, "login-failed", "address", address, "account", names[i%len(names)], "method", "password"))
	}
	return out
}

func accepted(minute int, address, account, method string) timeline.Record {
	return anAuth(minute, "login-accepted", "address", address, "account", account, "method", method)
}

var bruteForceSuccess = &rules.Rule{
	ID:    "brute-force-success",
	Title: "A login succeeded after many failures from the same address",
	Doc: `An address that failed to log in ten times or more within an hour, or thirty times within a day, and then came in. Failures with keys do not count, as
clients offer each of theirs. Critical as root or after a hundred failures; medium if it came in with a key, which is not guessed.
Innocent: a job with an old password whose keeper then repairs it from the same address.`,
	Severity:   rules.High,
	Techniques: []string{"T1110.001", "T1078"},
	Kinds:      loginKinds,
	New:        func(*rules.Env) rules.Checker { return &bruteForceChecker{burst: true} },
	True: []rules.Example{
		{Name: "guessed", Severity: rules.High, Records: append(failedLogins("203.0.113.9", 0, 15, "alice"), accepted(16, "203.0.113.9", "alice", "password"))},
		{Name: "root", Severity: rules.Critical, Records: append(failedLogins("203.0.113.9", 0, 15, "root"), accepted(16, "203.0.113.9", "root", "password"))},
		{Name: "lines out of order", Severity: rules.High, Records: append([]timeline.Record{accepted(16, "203.0.113.9", "alice", "password")}, failedLogins("203.0.113.9", 0, 15, "alice")...)},
		{Name: "repeated", Severity: rules.High, Records: []timeline.Record{
			anAuth(0, "login-failed", "address", "203.0.113.9", "account", "bob", "method", "password", "count", "12"), accepted(3, "203.0.113.9", "bob", "password")}},
	},
	False: []rules.Example{
		{Name: "mistyped", Records: append(failedLogins("192.0.2.7", 0, 4, "alice"), accepted(5, "192.0.2.7", "alice", "password"))},
		{Name: "other addresses fail", Records: append(failedLogins("203.0.113.9", 0, 50, "root"), accepted(51, "192.0.2.7", "alice", "password"))},
		{Name: "success first", Records: append(failedLogins("192.0.2.7", 100, 20, "alice"), accepted(5, "192.0.2.7", "alice", "password"))},
		{Name: "long ago", Records: append(failedLogins("192.0.2.7", 0, 15, "alice"), accepted(3000, "192.0.2.7", "alice", "password"))},
		quiet("keys offered", anAuth(0, "login-failed", "address", "192.0.2.7", "account", "alice", "method", "publickey", "count", "40"), accepted(1, "192.0.2.7", "alice", "password")),
	},
}

var sprayedLogin = &rules.Rule{
	ID:    "sprayed-login",
	Title: "A login succeeded from an address that had failed as many accounts",
	Doc: `An address that failed as five accounts or more, too slowly to count as brute force, and then came in. One password tried on many accounts looks like this.
Innocent: a gateway behind which many people sit.`,
	Severity:   rules.High,
	Techniques: []string{"T1110.003", "T1078"},
	Kinds:      loginKinds,
	New:        func(*rules.Env) rules.Checker { return &bruteForceChecker{} },
	True: []rules.Example{
		{Name: "sprayed", Severity: rules.High, Records: append(failedLogins("203.0.113.9", 0, 6, "root", "admin", "test", "oracle", "alice", "bob"), accepted(4000, "203.0.113.9", "bob", "password"))},
	},
	False: []rules.Example{
		{Name: "two names", Records: append(failedLogins("192.0.2.7", 0, 6, "alice", "alcie"), accepted(4000, "192.0.2.7", "alice", "password"))},
		{Name: "brute force, which the other rule tells", Records: append(failedLogins("203.0.113.9", 0, 60, "root", "admin", "test", "oracle", "alice", "bob"), accepted(61, "203.0.113.9", "bob", "password"))},
	},
}

// rootChecker links logins after guessing to what the account then did as
// root.
type rootChecker struct {
	logins
	uses []rootUse
	more int
}

type rootUse struct {
	placedLine
	account, how, command string
}

func (c *rootChecker) Record(r *timeline.Record) {
	c.record(r)
	action := r.Fields["action"]
	if action != "sudo" && action != "su" {
		return
	}
	account := r.Fields["account"]
	if account == "" || account == "root" || len(r.Stamps) == 0 {
		return
	}
	if t := r.Fields["target"]; t != "" && t != "root" {
		return
	}
	if len(c.uses) >= maxRootUses {
		c.more++
		return
	}
	t, _ := when(r)
	c.uses = append(c.uses, rootUse{placedLine{t, r.Evidence}, strings.Clone(account), action, strings.Clone(r.Fields["command"])})
}

func (c *rootChecker) Notes() []string {
	out := c.notes()
	if c.more > 0 {
		out = append(out, plural(c.more, "use")+" of sudo and su beyond the first "+plural(maxRootUses, "one")+" were not looked at")
	}
	return out
}

func (c *rootChecker) Findings() []rules.Finding {
	var gs rules.Groups
	slices.SortStableFunc(c.uses, func(a, b rootUse) int { return a.at.Compare(b.at) })
	for _, g := range c.guesses() {
		if g.method == "publickey" {
			continue
		}
		for _, u := range c.uses {
			if u.account != g.account || u.at.Before(g.at) || u.at.Sub(g.at) > 24*time.Hour {
				continue
			}
			f := gs.Get(g.address + "\x00" + g.account)
			f.Raise(rules.Critical)
			f.Address, f.Account = g.address, g.account
			f.AddPath(u.ev.Path)
			f.Add(u.ev, u.at, "")
			if f.Count == 1 {
				f.Summary = show(u.account) + ", whose password " + show(g.address) + " had guessed, became root with " + u.how
				if u.command != "" {
					f.Summary += ": " + show(u.command)
				}
			}
		}
	}
	return gs.Findings(nil)
}

var rootAfterLogin = &rules.Rule{
	ID:    "root-after-guessed-login",
	Title: "An account whose password was guessed became root",
	Doc: `sudo or su to root within a day after a login that the rules on brute force and spraying report, by the same account.
Innocent: where those are.`,
	Severity:   rules.Critical,
	Techniques: []string{"T1548.003", "T1078"},
	Kinds:      loginKinds,
	New:        func(*rules.Env) rules.Checker { return &rootChecker{} },
	True: []rules.Example{{Name: "sudo", Severity: rules.Critical, Records: slices.Concat(failedLogins("203.0.113.9", 0, 15, "alice"), []timeline.Record{
		accepted(16, "203.0.113.9", "alice", "password"), anAuth(20, "sudo", "account", "alice", "target", "root", "command", "/bin/bash")})}},
	False: []rules.Example{
		quiet("ordinary", accepted(16, "192.0.2.7", "alice", "password"), anAuth(20, "sudo", "account", "alice", "target", "root", "command", "/usr/bin/apt update")),
		{Name: "another account", Records: slices.Concat(failedLogins("203.0.113.9", 0, 15, "bob"), []timeline.Record{
			accepted(16, "203.0.113.9", "bob", "password"), anAuth(20, "sudo", "account", "alice", "target", "root", "command", "/bin/ls")})},
	},
}

var serviceAccountUsed = &rules.Rule{
	ID:    "service-account-used",
	Title: "Someone worked as a service's account",
	Doc: `A login over SSH or at a terminal as an account of a service (www-data, games, ...), su or sudo by one, or a shell history of one. Services do none of this; a
shell that came through a hole in a service does.
Innocent: an application that its packager lets run one command with sudo (medium); an administrator who works as the web server with "su -s /bin/bash www-data" leaves
a history too (medium).`,
	Severity:   rules.High,
	Techniques: []string{"T1078.003"},
	Kinds:      []string{timeline.KindAuth, timeline.KindSyslog, timeline.KindCommand},
	New: lineRule(func(env *rules.Env, r *timeline.Record) *lineHit {
		account := r.Fields["account"]
		if r.Fields["action"] == "session-opened" {
			// "session opened for user root by www-data(uid=33)", of su and sudo.
			if s := r.Fields["service"]; s != "su" && s != "su-l" && s != "sudo" || account != "root" {
				return nil
			}
			by := r.Fields["by"]
			if id, ok := accountID(r.Fields["by_uid"]); ok && by == "" {
				by = env.AccountName(id)
			}
			if !daemonAccounts[by] {
				return nil
			}
			s := rules.High
			if r.Fields["service"] == "sudo" {
				s = rules.Medium
			}
			return &lineHit{key: r.Fields["service"] + "\x00" + by, severity: s, account: by, summary: "The service account " + show(by) + " opened a session of root with " + show(r.Fields["service"])}
		}
		if !daemonAccounts[account] {
			return nil
		}
		if r.Kind == timeline.KindCommand {
			if strings.TrimSpace(r.Fields["command"]) == "" {
				return nil
			}
			return &lineHit{key: "history\x00" + account, severity: rules.Medium, account: account, summary: "There is a shell history of the service account " + show(account) + "; its first line: " + show(r.Fields["command"])}
		}
		switch p := r.Fields["program"]; r.Fields["action"] {
		case "login-accepted":
			if p != "sshd" && p != "login" && p != "dropbear" && p != "sshd-session" {
				return nil
			}
			return &lineHit{key: "login\x00" + account, severity: rules.High, account: account, summary: "A login as the service account " + show(account) + " from " + show(r.Fields["address"])}
		case "su":
			if t := r.Fields["target"]; t == account {
				return nil
			}
			return &lineHit{key: "su\x00" + account, severity: rules.High, account: account, summary: "The service account " + show(account) + " became " + show(r.Fields["target"]) + " with su"}
		case "sudo":
			return &lineHit{key: "sudo\x00" + account, severity: rules.Medium, account: account, summary: "The service account " + show(account) + " ran a command with sudo: " + show(r.Fields["command"])}
		}
		return nil
	}),
	True: []rules.Example{
		one("login", rules.High, accepted(0, "198.51.100.7", "games", "password")),
		one("su", rules.High, anAuth(0, "su", "program", "su", "account", "www-data", "target", "root")),
		withEnv(debianEnv, one("session of root", rules.High, anAuth(0, "session-opened", "program", "su", "service", "su", "account", "root", "by_uid", "33"))),
		one("sudo", rules.Medium, anAuth(0, "sudo", "program", "sudo", "account", "www-data", "target", "root", "command", "/usr/bin/find . -exec /bin/sh ;")),
		one("history", rules.Medium, aCommand("www-data", "id")),
	},
	False: []rules.Example{
		quiet("root becomes the service", anAuth(0, "su", "program", "su", "account", "root", "target", "www-data"), anAuth(0, "session-opened", "program", "su", "service", "su", "account", "www-data", "by", "root", "by_uid", "0")),
		withEnv(debianEnv, quiet("people become root", anAuth(0, "session-opened", "program", "su", "service", "su", "account", "root", "by", "alice", "by_uid", "1000"))),
		quiet("cron", anAuth(0, "session-opened", "program", "CRON", "account", "www-data")),
		quiet("anonymous FTP", anAuth(0, "login-accepted", "program", "vsftpd", "account", "ftp", "address", "192.0.2.7")),
		quiet("people and services that are worked with", accepted(0, "192.0.2.7", "alice", "publickey"), aCommand("postgres", "psql")),
	},
}

// newAccountChecker links the making of accounts to their first logins.
type newAccountChecker struct {
	made   map[string]madeAccount
	logins map[string]success // first login by account
	from   map[string]string
	groups map[string]groupJoin // by account: the first that leads to root
	first  time.Time            // of the log
}

type groupJoin struct {
	placedLine
	group string
}

type madeAccount struct {
	placedLine
	zero bool
}

func (c *newAccountChecker) Record(r *timeline.Record) {
	if len(r.Stamps) == 0 {
		return
	}
	t, note := when(r)
	if c.first.IsZero() || t.Before(c.first) {
		c.first = t
	}
	switch r.Fields["action"] {
	case "useradd":
		name := r.Fields["account"]
		if t := r.Fields["target"]; t != "" {
			name = t
		}
		if name == "" || len(c.made) >= maxNames*64 {
			return
		}
		if c.made == nil {
			c.made = map[string]madeAccount{}
		}
		m := r.Fields["message"]
		if old, ok := c.made[name]; !ok || t.Before(old.at) {
			c.made[strings.Clone(name)] = madeAccount{placedLine: placedLine{t, r.Evidence}, zero: r.Fields["uid"] == "0" || strings.Contains(m, "UID=0,") || strings.HasSuffix(m, "UID=0")}
		}
	case "group-member-added", "usermod":
		if name := r.Fields["account"]; rootGroups[r.Fields["group"]] && len(c.groups) < maxNames*64 {
			if old, ok := c.groups[name]; !ok || t.Before(old.at) {
				if c.groups == nil {
					c.groups = map[string]groupJoin{}
				}
				c.groups[strings.Clone(name)] = groupJoin{placedLine{t, r.Evidence}, strings.Clone(r.Fields["group"])}
			}
		}
	case "login-accepted":
		name := r.Fields["account"]
		if c.logins == nil {
			c.logins, c.from = map[string]success{}, map[string]string{}
		}
		if old, ok := c.logins[name]; ok && !t.Before(old.at) || !ok && len(c.logins) >= maxNames*256 {
			return
		}
		name = strings.Clone(name)
		c.logins[name] = success{placedLine: placedLine{t, r.Evidence}, note: note, method: strings.Clone(r.Fields["method"])}
		c.from[name] = strings.Clone(r.Fields["address"])
	}
}

func (c *newAccountChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for name, m := range c.made {
		l, ok := c.logins[name]
		in := ok && !l.at.Before(m.at) && l.at.Sub(m.at) <= 24*time.Hour
		s := rules.Low
		switch {
		case m.zero:
			s = rules.Critical
		case !in:
			continue
		case m.at.Sub(c.first) < 6*time.Hour:
			continue // the system is being set up
		case l.method == "password":
			s = rules.Medium
		}
		join, joined := c.groups[name]
		if joined = joined && !join.at.Before(m.at) && join.at.Sub(m.at) <= 24*time.Hour; joined && s < rules.Critical {
			s++
		}
		g := gs.Get(name)
		g.Raise(s)
		g.Account, g.Subject = name, name
		if !in {
			g.Title = "The log says that an account with user id 0 was made"
		}
		g.Add(m.ev, m.at, "")
		g.AddPath(m.ev.Path)
		g.Summary = "The account " + show(name) + " was made"
		if m.zero {
			g.Summary += " with user id 0"
		}
		if joined {
			g.Add(join.ev, join.at, "")
			g.Summary += ", put into the group " + show(join.group)
		}
		if in {
			g.Address = c.from[name]
			g.Add(l.ev, l.at, l.note)
			g.Summary += ", and " + plural(max(1, int(l.at.Sub(m.at)/time.Minute)), "minute") + " later " + show(c.from[name]) + " logged in as it"
		}
	}
	return gs.Findings(nil)
}

var newAccountLogin = &rules.Rule{
	ID:    "new-account-login",
	Title: "An account was made and soon used from the network",
	Doc: `The log says that an account was made, and within a day someone logged in as it; or that it was made with user id 0. Medium with a password, low with a key, graver if it was put into a group that leads to root.
Accounts that are made in the first hours of the log belong to the setting up of the system and are not reported.
Innocent: a new colleague.`,
	Severity:   rules.Medium,
	Techniques: []string{"T1136.001", "T1078.003"},
	Kinds:      loginKinds,
	New:        func(*rules.Env) rules.Checker { return &newAccountChecker{} },
	True: []rules.Example{
		{Name: "made and used", Severity: rules.Medium, Records: []timeline.Record{accepted(-5000, "192.0.2.7", "alice", "publickey"),
			anAuth(0, "useradd", "program", "useradd", "account", "support", "message", "new user: name=support, UID=1003, GID=1003, home=/home/support, shell=/bin/bash"), accepted(10, "198.51.100.7", "support", "password")}},
		{Name: "made, put into sudo, and used", Severity: rules.High, Records: []timeline.Record{accepted(-5000, "192.0.2.7", "alice", "publickey"),
			anAuth(0, "useradd", "program", "useradd", "account", "support", "uid", "1003"), anAuth(1, "group-member-added", "program", "usermod", "account", "support", "group", "sudo"), accepted(10, "198.51.100.7", "support", "password")}},
		one("user id 0", rules.Critical, anAuth(0, "useradd", "program", "useradd", "account", "sys2", "message", "new user: name=sys2, UID=0, GID=0, home=/root, shell=/bin/bash")),
	},
	False: []rules.Example{
		quiet("set up", anAuth(0, "useradd", "program", "useradd", "account", "debian", "message", "new user: name=debian, UID=1000, GID=1000"), accepted(10, "192.0.2.7", "debian", "publickey")),
		quiet("package's account", accepted(-5000, "192.0.2.7", "alice", "publickey"), anAuth(0, "useradd", "program", "useradd", "account", "mysql", "message", "new user: name=mysql, UID=106, GID=112")),
		quiet("used much later", accepted(-5000, "192.0.2.7", "alice", "publickey"), anAuth(0, "useradd", "program", "useradd", "account", "bob", "message", "new user: name=bob, UID=1001"), accepted(6000, "192.0.2.8", "bob", "publickey")),
	},
}

// newKeyChecker links logins with a key to whether the baseline has the key.
type newKeyChecker struct {
	env    *rules.Env
	made   newcomers
	groups rules.Groups
}

func (c *newKeyChecker) Record(r *timeline.Record) {
	c.made.record(r)
	if c.env.KnownKeys == nil || r.Fields["action"] != "login-accepted" {
		return
	}
	print := r.Fields["fingerprint"]
	if !strings.HasPrefix(print, "SHA256:") || c.env.KnownKeys[print] || r.Fields["certificate"] != "" {
		return
	}
	account := r.Fields["account"]
	s := rules.Medium
	if account == "root" || daemonAccounts[account] {
		s = rules.High
	}
	g := c.groups.Get(print + "\x00" + account)
	g.Raise(s)
	g.Account = strings.Clone(account)
	if address := r.Fields["address"]; g.Count == 0 {
		g.Address = strings.Clone(address)
	} else if g.Address != address {
		g.Address = ""
	}
	t, note := when(r)
	g.Add(r.Evidence, t, note)
	g.AddPath(r.Evidence.Path)
	if g.First().Equal(t) {
		g.Summary = show(r.Fields["address"]) + " logged in as " + show(account) + " with the key " + show(print) + ", which the baseline does not have"
	}
}

func (c *newKeyChecker) Findings() []rules.Finding {
	out := c.findings()
	for i := range out {
		if f := &out[i]; f.Severity == rules.Medium && c.made.has(c.env, f.Account) {
			f.Severity = rules.Low
			f.Summary += "; the account is new as well"
		}
	}
	return out
}

func (c *newKeyChecker) findings() []rules.Finding {
	return c.groups.Findings(func(g *rules.Group) string {
		if g.Count > 1 {
			return g.Summary + "; " + plural(g.Count, "login") + " with it in all"
		}
		return g.Summary
	})
}

func withKey(minute int, account, print string) timeline.Record {
	return anAuth(minute, "login-accepted", "address", "198.51.100.7", "account", account, "method", "publickey", "fingerprint", print)
}

var newKeyUsed = &rules.Rule{
	ID:    "new-key-used",
	Title: "Someone logged in with a key that the baseline does not have",
	Doc: `Logins over SSH whose key, by its fingerprint in the log, is in no authorized_keys of the baseline. High as root or a service. The key may be gone from the
image by now.
Innocent: a key that an administrator added since the baseline, or removed before it. Keys signed by an authority are not reported.`,
	Severity:   rules.High,
	Techniques: []string{"T1098.004", "T1021.004"},
	Kinds:      append([]string{timeline.KindChange}, loginKinds...),
	New:        func(env *rules.Env) rules.Checker { return &newKeyChecker{env: env} },
	True: []rules.Example{
		withEnv(knowsOneKey, one("root", rules.High, withKey(0, "root", "SHA256:bbbb"))),
		withEnv(knowsOneKey, one("user", rules.Medium, withKey(0, "alice", "SHA256:bbbb"))),
	},
	False: []rules.Example{
		withEnv(knowsOneKey, quiet("known key", withKey(0, "root", "SHA256:aaaa"))),
		withEnv(knowsOneKey, quiet("password", accepted(0, "192.0.2.7", "alice", "password"))),
		quiet("no baseline", withKey(0, "root", "SHA256:bbbb")),
	},
}

var knowsOneKey = rules.Env{Baseline: true, KnownKeys: map[string]bool{"SHA256:aaaa": true}}

var rootkitModules = set("diamorphine reptile reptile_module adore adore_ng suterusu rkit lkm_rootkit rootkit kovid puszek nurupo_rootkit caraxes singularity_rk")

var privilegeExploitLog = &rules.Rule{
	ID:    "privilege-exploit-log",
	Title: "The log shows an exploit of a program that runs as root",
	Doc: `Lines that known exploits leave: pkexec's complaint on SHELL or XAUTHORITY (PwnKit), a crash of a setuid program in the dynamic loader (medium; high if there are more), the loading of a
kernel module with a rootkit's name.
Innocent: one crash of su; a session with a broken SHELL variable that calls pkexec with a real command.`,
	Severity:   rules.High,
	Techniques: []string{"T1068"},
	Kinds:      []string{timeline.KindAuth, timeline.KindSyslog},
	New: lineRule(func(_ *rules.Env, r *timeline.Record) *lineHit {
		p, m := r.Fields["program"], r.Fields["message"]
		switch p {
		case "pkexec":
			if strings.Contains(m, "was not found the /etc/shells file") || strings.Contains(m, "contains suspicious content") {
				s := rules.Medium
				if strings.Contains(m, "[USER=root]") && (strings.Contains(m, "GCONV_PATH") || strings.Contains(m, "[COMMAND=]") || strings.Contains(m, "pwnkit") || !strings.Contains(m, "[COMMAND=/")) {
					s = rules.High
				}
				return &lineHit{key: "pkexec", severity: s, summary: "pkexec complains as it does when it is exploited: " + show(m)}
			}
		case "kernel":
			if strings.Contains(m, "segfault at") {
				for _, n := range [...]string{"su[", "sudo[", "passwd[", "chsh[", "mount[", "umount[", "newgrp[", "pkexec[", "gpasswd[", "chfn["} {
					i := strings.Index(m, n)
					if i >= 0 && (i == 0 || m[i-1] == ' ' || m[i-1] == ']') && strings.Contains(m, "ld-linux") {
						return &lineHit{key: "loader", severity: rules.Medium, again: rules.High, summary: "A setuid program crashed in the dynamic loader: " + show(m)}
					}
				}
			}
			if i := strings.Index(m, ": loading out-of-tree module taints kernel"); i > 0 {
				name := m[:i]
				if j := strings.LastIndexByte(name, ' '); j >= 0 {
					name = name[j+1:]
				}
				if rootkitModules[strings.ToLower(name)] {
					return &lineHit{key: "module\x00" + name, severity: rules.Critical, title: "A rootkit was loaded into the kernel", summary: "The kernel loaded a module with a rootkit's name: " + show(m)}
				}
			}
		}
		return nil
	}),
	True: []rules.Example{
		one("pkexec", rules.High, anAuth(0, "", "program", "pkexec", "message", "bob: The value for the SHELL variable was not found the /etc/shells file [USER=root] [TTY=/dev/pts/0] [CWD=/tmp/x] [COMMAND=GCONV_PATH=./pwnkit.so:. PATH]")),
		one("loader", rules.Medium, aLine(timeline.KindSyslog, "/var/log/kern.log", 1, clock, "program", "kernel", "message", "[ 123.4] su[4711]: segfault at 7ffc ip 00007f sp 00007ffc error 4 in ld-linux-x86-64.so.2[7f+26000]")),
		one("rootkit", rules.Critical, aLine(timeline.KindSyslog, "/var/log/kern.log", 1, clock, "program", "kernel", "message", "[ 99.1] diamorphine: loading out-of-tree module taints kernel.")),
	},
	False: []rules.Example{
		quiet("pkexec at work", anAuth(0, "", "program", "pkexec", "message", "alice: Executing command [USER=root] [TTY=unknown] [CWD=/home/alice] [COMMAND=/usr/sbin/synaptic]")),
		quiet("crash of another program", aLine(timeline.KindSyslog, "/var/log/kern.log", 1, clock, "program", "kernel", "message", "[ 123.4] php-fpm[4711]: segfault at 0 ip 00007f in libc.so.6")),
		quiet("a driver", aLine(timeline.KindSyslog, "/var/log/kern.log", 1, clock, "program", "kernel", "message", "[ 9.1] nvidia: loading out-of-tree module taints kernel.")),
	},
}
