// Package systemd reads what systemd starts: units with their drop-ins, links
// and masks, of the system and of accounts, and generators.
package systemd

import (
	"context"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields what systemd starts, as autostart records.
var Extractor = timeline.Extractor{
	Name: "systemd",
	Doc: `Units of systemd as their files together say it: the file that counts in the search path, drop-ins in their order, templates and the instances that are
enabled. A record for each command of a service, and one for each timer, socket and path unit with the command that it leads to. Fields: mechanism, unit, path, key, command, target, account, trigger
(boot, login, time, event, demand), schedule, state (as systemctl list-unit-files says: enabled, disabled, static, masked, linked, indirect, generated, ...), enabled
(true, false, or the state), wanted_by, drop_ins, overrides, aliases. The times of the links say when a unit was enabled or masked; the stamp file of a timer says when it last ran.
Also generators and the programs of system-sleep and system-shutdown, and the accounts that linger, as kind effective.

Formats: systemd.unit(5), systemd.service(5), systemd.timer(5), systemd.socket(5), systemd.path(5), systemd.generator(7), systemd.syntax(7), loginctl(1),
https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html; https://github.com/systemd/systemd/blob/main/src/shared/install.c.`,
	Paths: patterns(),
	Run:   run,
}

// kinds are the types of units that start programs.
var kinds = [...]string{"service", "timer", "socket", "path"}

// programDirs hold programs that systemd starts itself.
var programDirs = []struct{ dir, mechanism, trigger string }{
	{"system-generators", "systemd-generator", "boot"},
	{"user-generators", "systemd-generator", "login"},
	{"system-environment-generators", "systemd-generator", "boot"},
	{"user-environment-generators", "systemd-generator", "login"},
	{"system-sleep", "systemd-sleep", "event"},
	{"system-shutdown", "systemd-shutdown", "event"},
}

// bases are where directories of programs lie, the first to be found counts.
var bases = []string{"/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"}

const lingerDir = "/var/lib/systemd/linger"

func patterns() []string {
	var out []string
	homes := []string{"~/", "/root/", "/home/*/"}
	for _, k := range kinds {
		for _, d := range slices.Concat(systemDirs, userDirs) {
			out = append(out, d+"/*."+k)
		}
		for _, h := range homes {
			for _, d := range homeDirs {
				out = append(out, h+d+"/*."+k)
			}
		}
	}
	for _, p := range programDirs {
		for _, b := range bases {
			out = append(out, b+"/"+p.dir+"/*")
		}
	}
	return append(out, lingerDir+"/*")
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		dir, name := path.Split(s.Path)
		dir = strings.TrimSuffix(dir, "/")
		if dir == lingerDir {
			yield(linger(s, name), nil)
			return
		}
		for _, p := range programDirs {
			if path.Base(dir) == p.dir {
				program(s, p.mechanism, p.trigger, yield)
				return
			}
		}
		r := reader{ctx: ctx, src: s, yield: yield}
		r.unit(dir, name)
	}
}

func linger(s *timeline.Source, name string) timeline.Record {
	r := timeline.Record{
		Kind: timeline.KindEffective, Summary: "units of the account " + name + " start with the system, without a login",
		Fields:   map[string]string{"name": "linger", "account": name, "path": s.Path},
		Evidence: s.Evidence(0, s.Size, 0),
	}
	if s.Inode != nil {
		r.Stamps = at(nil, "enabled", s.Inode.Times.Modified.Std(), "the last change of the file that says it")
	}
	return r
}

// program tells a program that lies in one of systemd's directories. One of
// the same name in a directory before it takes its place.
func program(s *timeline.Source, mechanism, trigger string, yield func(timeline.Record, error) bool) {
	name := path.Base(s.Path)
	dir := path.Base(path.Dir(s.Path))
	f := map[string]string{"mechanism": mechanism, "trigger": trigger, "command": s.Path, "target": s.Path, "path": s.Path, "account": "root", "enabled": "true", "name": name}
	if mechanism == "systemd-generator" && trigger == "login" {
		delete(f, "account")
	}
	if s.Inode != nil && s.Inode.Mode&0o111 == 0 {
		f["enabled"], f["reason"] = "false", "not executable"
	}
	var stamps []timeline.Stamp
	for _, b := range bases {
		p := b + "/" + dir + "/" + name
		if usr(p) == usr(s.Path) {
			break
		}
		if !exists(s, p) {
			continue
		}
		f["enabled"], f["overridden_by"] = "false", p
		if link, yes := masked(s, p); yes {
			f["enabled"] = "masked"
			if link != nil {
				stamps = at(nil, "masked", link.Inode.Times.Modified.Std(), "the link "+p)
			}
		}
		break
	}
	yield(timeline.Record{Kind: timeline.KindAutostart, Summary: mechanism + ": " + s.Path, Stamps: stamps, Fields: f, Evidence: s.Evidence(0, s.Size, 0)}, nil)
}

// at adds a stamp, if there is a time and no stamp that says the same.
func at(list []timeline.Stamp, what string, when time.Time, note string) []timeline.Stamp {
	if when.IsZero() {
		return list
	}
	for _, s := range list {
		if s.What == what && s.When.Equal(when) {
			return list
		}
	}
	return append(list, timeline.Stamp{What: what, When: when, Note: note})
}

// reader tells one unit.
type reader struct {
	ctx   context.Context
	src   *timeline.Source
	yield func(timeline.Record, error) bool
	done  bool
}

// bad passes damage on. It is false if no more is wanted.
func (r *reader) bad(err error) bool {
	if !r.yield(timeline.Record{}, err) {
		r.done = true
	}
	return !r.done
}

// place is where a unit's own file lies, and what stands before it.
type place struct {
	file      *timeline.Source
	path      string
	mask      string           // a mask before it in the search path
	maskLink  *timeline.Source // if the mask is a link
	overrides string           // the next file of the name in the search path
	linkedBy  string           // a link of the same name before it
}

// locate finds the file that counts for a name. A mask is noted, and the file
// behind it is found all the same.
func (r *reader) locate(sc *scope, name string) (place, bool) {
	var pl place
	for _, d := range sc.dirs {
		p := d + "/" + name
		if !sc.has(d, name) {
			continue
		}
		if link, yes := masked(r.src, p); yes {
			if pl.file == nil && pl.mask == "" {
				pl.mask, pl.maskLink = p, link
			}
			continue
		}
		t, link := resolve(r.src, p)
		if pl.file != nil {
			if usr(t) != usr(pl.path) {
				pl.overrides = t
				break
			}
			continue
		}
		if f := r.src.Open(p); f != nil {
			pl.file, pl.path = f, t
			if link != nil && path.Base(t) == name {
				pl.linkedBy = p
			}
		}
	}
	if pl.file == nil {
		return pl, false
	}
	if r.src.Link("/lib") != nil {
		pl.path = usr(pl.path)
	}
	if f := r.src.Open(pl.path); f != nil {
		pl.file = f
	}
	return pl, true
}

// load reads a unit's file and drop-ins.
func (r *reader) load(sc *scope, name string, pl place, aliases []string) (*unit, bool) {
	u := &unit{name: name}
	list, ok := parse(r.ctx, pl.file, r.bad)
	if !ok {
		return nil, false
	}
	u.list = list
	u.first = pl.file.Evidence(0, pl.file.Size, 0)
	for _, p := range sc.dropIns(append([]string{name}, aliases...)) {
		if _, yes := masked(r.src, p); yes {
			continue
		}
		f := r.src.Open(p)
		if f == nil {
			continue
		}
		u.dropIns = append(u.dropIns, p)
		more, ok := parse(r.ctx, f, r.bad)
		if !ok {
			return nil, false
		}
		u.list = append(u.list, more...)
	}
	return u, true
}

// unit tells the unit whose file the source is, if that is the file that counts.
func (r *reader) unit(dir, name string) {
	wide, home, ok := scopeOf(dir)
	if !ok {
		return // led to by a link from elsewhere
	}
	sc := wide.bind(r.src)
	target, link := resolve(r.src, r.src.Path)
	if link != nil && path.Base(target) != name {
		// An alias; the unit is what it leads to.
		if s, _, ok := scopeOf(path.Dir(target)); ok && s.user == sc.user {
			name = path.Base(target)
		}
	}
	pl, ok := r.locate(sc, name)
	if !ok || usr(pl.path) != usr(target) {
		if ok || r.src.Size > 0 || link != nil {
			return // another file of the name counts
		}
		// An empty file that masks nothing.
		r.yield(timeline.Record{Kind: timeline.KindAutostart, Summary: name + ": masked", Fields: map[string]string{
			"mechanism": mechanism(sc, name), "unit": name, "path": r.src.Path, "state": "masked", "enabled": "masked"}, Evidence: r.src.Evidence(0, 0, 0)}, nil)
		return
	}
	u, ok := r.load(sc, name, pl, nil)
	if !ok {
		return
	}
	aliases := r.aliases(sc, u)
	if len(aliases) > 0 {
		if u, ok = r.load(sc, name, pl, namesOf(aliases)); !ok {
			return
		}
	}
	links := sc.enablings(name)
	own, instances := links[:0:0], map[string][]enabling{}
	var names []string
	for _, l := range links {
		if l.name == name {
			own = append(own, l)
			continue
		}
		if instances[l.name] == nil {
			names = append(names, l.name)
		}
		instances[l.name] = append(instances[l.name], l)
	}
	state := stateOf(sc, u, pl, links, aliases)
	if !r.tell(sc, u, pl, own, state, aliases, home) {
		return
	}
	slices.Sort(names)
	for _, n := range names {
		iu := *u
		if iu.name = n; len(sc.dropIns([]string{n})) > len(u.dropIns) {
			more, ok := r.load(sc, n, pl, nil)
			if !ok {
				return
			}
			iu = *more
		}
		st := "enabled"
		if !slices.ContainsFunc(instances[n], func(l enabling) bool { return persistent(sc, l.dir) }) {
			st = "static"
		}
		if pl.mask != "" {
			st = state
		}
		if !r.tell(sc, &iu, pl, instances[n], st, nil, home) {
			return
		}
	}
}

// alias is another name of a unit: a link to it in the search path.
type alias struct {
	name, path string
	known      bool // the unit's file asks for it
}

// aliases lists the links by which a unit has other names: all those that an
// administrator's directories hold, and of the others those that its file asks
// for.
func (r *reader) aliases(sc *scope, u *unit) []alias {
	var out []alias
	ask := u.words("Install", "Alias")
	consider := func(p string) {
		name := path.Base(p)
		if name == u.name || len(out) == maxFiles || slices.ContainsFunc(out, func(a alias) bool { return a.name == name }) || r.src.Link(p) == nil {
			return
		}
		if t, _ := resolve(r.src, p); path.Base(t) == u.name {
			out = append(out, alias{name, p, slices.Contains(ask, name)})
		}
	}
	for _, d := range sc.dirs {
		if !persistent(sc, d) && !runtime(d) {
			continue
		}
		for _, n := range sc.list(d) {
			if path.Ext(n) == path.Ext(u.name) {
				consider(d + "/" + n)
			}
		}
	}
	for _, a := range ask {
		if strings.ContainsAny(a, "/%") {
			continue
		}
		for _, d := range sc.dirs {
			if sc.has(d, a) {
				consider(d + "/" + a)
			}
		}
	}
	return out
}

func namesOf(list []alias) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.name)
	}
	return out
}

// persistent reports whether a directory of the search path is one that an
// administrator writes to.
func persistent(sc *scope, dir string) bool {
	return strings.HasPrefix(dir, "/etc/systemd/") || sc.user && (strings.HasSuffix(dir, "/"+homeDirs[0]) || strings.HasSuffix(dir, "/"+homeDirs[1]))
}

func runtime(dir string) bool { return strings.HasPrefix(dir, "/run/") }

// stateOf is what systemctl list-unit-files says of a unit's file
// (unit_file_lookup_state and find_symlinks_in_scope of install.c).
func stateOf(sc *scope, u *unit, pl place, links []enabling, aliases []alias) string {
	switch {
	case pl.mask != "" && runtime(pl.mask):
		return "masked-runtime"
	case pl.mask != "":
		return "masked"
	case strings.HasPrefix(pl.path, "/run/systemd/generator"):
		return "generated"
	case strings.HasPrefix(pl.path, "/run/systemd/transient/"):
		return "transient"
	}
	inRuntime, elsewhere := false, false
	known := u.words("Install", "DefaultInstance")
	for _, l := range links {
		switch {
		case l.name != u.name && !slices.ContainsFunc(known, func(i string) bool { return strings.Replace(u.name, "@", "@"+i, 1) == l.name }):
			elsewhere = elsewhere || persistent(sc, l.dir) || runtime(l.dir)
		case persistent(sc, l.dir):
			return "enabled"
		case runtime(l.dir):
			inRuntime = true
		}
	}
	for _, a := range aliases {
		switch dir := path.Dir(a.path); {
		case !a.known:
			elsewhere = elsewhere || persistent(sc, dir) || runtime(dir)
		case persistent(sc, dir):
			return "enabled"
		case runtime(dir):
			inRuntime = true
		}
	}
	switch {
	case inRuntime:
		return "enabled-runtime"
	case pl.linkedBy != "" && persistent(sc, path.Dir(pl.linkedBy)):
		return "linked"
	case pl.linkedBy != "" && runtime(pl.linkedBy):
		return "linked-runtime"
	case elsewhere:
		return "indirect"
	case len(u.words("Install", "WantedBy", "RequiredBy", "UpheldBy", "Alias")) > 0:
		return "disabled"
	case len(u.words("Install", "Also")) > 0:
		return "indirect"
	}
	return "static"
}

func mechanism(sc *scope, name string) string {
	if sc.user {
		return "systemd-user-unit"
	}
	return "systemd-" + kindOf(name)
}

// execKeys are the settings of a service that name commands; the first of
// them that is set is told first.
var execKeys = []string{"ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "ExecReload", "ExecStop", "ExecStopPost"}

// socketKeys are those of a socket that name commands.
var socketKeys = []string{"ExecStartPre", "ExecStartPost", "ExecStopPre", "ExecStopPost"}

// tell yields the records of a unit. It is false if no more are wanted.
func (r *reader) tell(sc *scope, u *unit, pl place, links []enabling, state string, aliases []alias, home string) bool {
	base := map[string]string{"mechanism": mechanism(sc, u.name), "unit": u.name, "path": pl.path, "state": state}
	put := func(k, v string) {
		if v != "" {
			base[k] = v
		}
	}
	switch state {
	case "enabled", "enabled-runtime":
		base["enabled"] = "true"
	case "disabled":
		base["enabled"] = "false"
	default:
		base["enabled"] = state
	}
	put("description", u.last("Unit", "Description"))
	put("drop_ins", strings.Join(u.dropIns, " "))
	put("overrides", pl.overrides)
	put("aliases", strings.Join(namesOf(aliases), " "))
	put("masked_by", pl.mask)
	if r.src.Account != "" {
		put("account", r.src.Account)
	} else if home != "" {
		put("account", path.Base(home))
	}
	var stamps []timeline.Stamp
	var by []string
	add := func(p string) {
		if l := r.src.Link(p); l != nil && l.Inode != nil {
			stamps = at(stamps, "enabled", l.Inode.Times.Modified.Std(), "the link "+p)
		}
	}
	for _, l := range links {
		if !slices.Contains(by, l.by) {
			by = append(by, l.by)
		}
		if persistent(sc, l.dir) || runtime(l.dir) {
			add(l.path)
		}
	}
	for _, a := range aliases {
		if dir := path.Dir(a.path); persistent(sc, dir) || runtime(dir) {
			add(a.path)
		}
	}
	if sc.user && home == "" {
		// Enabled by accounts for themselves.
		var accounts []string
		for _, h := range []string{"~/", "/root/", "/home/*/"} {
			for _, p := range r.src.Files(h + homeDirs[1] + "/*.*s/" + timeline.Literal(u.name)) {
				a := ""
				if l := r.src.Link(p); l != nil {
					a = l.Account
				}
				if dir := path.Base(path.Dir(p)); slices.Contains(wants[:], strings.TrimPrefix(path.Ext(dir), ".")) && a != "" && !slices.Contains(accounts, a) && len(accounts) < maxFiles {
					accounts = append(accounts, a)
					add(p)
				}
			}
		}
		put("enabled_for", strings.Join(accounts, " "))
	}
	put("wanted_by", strings.Join(by, " "))
	if pl.maskLink != nil && pl.maskLink.Inode != nil {
		stamps = at(stamps, "masked", pl.maskLink.Inode.Times.Modified.Std(), "the link "+pl.mask)
	}
	switch kind := kindOf(u.name); kind {
	case "timer":
		return r.timer(sc, u, base, stamps, home)
	case "socket", "path":
		return r.waiting(sc, u, kind, base, stamps)
	}
	switch {
	case base["wanted_by"] == "" && base["enabled_for"] == "":
		base["trigger"] = "demand"
	case sc.user:
		base["trigger"] = "login"
	default:
		base["trigger"] = "boot"
	}
	n := 0
	for _, k := range execKeys {
		for _, d := range u.all("Service", k) {
			f := clone(base)
			f["key"] = k
			setCommand(f, sc, u, d.value)
			if d.path != pl.path {
				f["said_by"] = d.path
			}
			switch k {
			case "ExecReload", "ExecStop", "ExecStopPost":
				f["trigger"] = "event"
			}
			rec := timeline.Record{Kind: timeline.KindAutostart, Fields: f, Evidence: d.at, Summary: u.name + " (" + state + "): " + f["command"]}
			if n == 0 {
				rec.Stamps = stamps
			}
			n++
			if !r.yield(rec, nil) {
				return false
			}
		}
	}
	if n > 0 {
		return true
	}
	return r.yield(timeline.Record{Kind: timeline.KindAutostart, Fields: base, Stamps: stamps, Evidence: u.first, Summary: u.name + " (" + state + ")"}, nil)
}

func clone(m map[string]string) map[string]string {
	out := make(map[string]string, len(m)+6)
	for k, v := range m {
		out[k] = v
	}
	return out
}

// setCommand fills in what a line of Exec runs and as whom.
func setCommand(f map[string]string, sc *scope, u *unit, line string) {
	text, target, full := command(line)
	f["command"], f["target"] = expand(text, u.name), expand(target, u.name)
	switch account := u.last("Service", "User"); {
	case sc.user:
	case full:
		f["account"] = "root"
	case account != "":
		f["account"] = expand(account, u.name)
	case u.last("Service", "DynamicUser") != "" && boolean(u.last("Service", "DynamicUser")):
		f["account"] = strings.TrimSuffix(u.name, ".service")
		f["dynamic_account"] = "yes"
	default:
		f["account"] = "root"
	}
	for _, d := range u.all("Service", "Environment") {
		for rest := d.value; rest != ""; {
			var w string
			if w, rest = word(rest); strings.HasPrefix(w, "LD_PRELOAD=") || strings.HasPrefix(w, "LD_LIBRARY_PATH=") {
				k, v, _ := strings.Cut(w, "=")
				f[strings.ToLower(k)] = v
			}
		}
	}
}

func boolean(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// follow fills in the command that another unit leads to.
func (r *reader) follow(sc *scope, f map[string]string, name string) bool {
	f["activates"] = name
	if kindOf(name) != "service" {
		return true
	}
	lookFor := name
	pl, ok := r.locate(sc, name)
	if !ok {
		if lookFor = templateOf(name); lookFor == "" {
			return true
		}
		if pl, ok = r.locate(sc, lookFor); !ok {
			return true
		}
	}
	u, ok := r.load(sc, name, pl, nil)
	if !ok {
		return false
	}
	for _, k := range execKeys[:4] {
		if list := u.all("Service", k); len(list) > 0 {
			setCommand(f, sc, u, list[0].value)
			break
		}
	}
	if pl.mask != "" {
		f["activates_state"] = "masked"
	}
	return true
}

var timerKeys = []string{"OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"}

func (r *reader) timer(sc *scope, u *unit, f map[string]string, stamps []timeline.Stamp, home string) bool {
	f["trigger"] = "time"
	var parts []string
	ev := u.first
	// Any of these that is set to nothing takes all of them away.
	for _, d := range u.list {
		switch {
		case d.section != "Timer" || !slices.Contains(timerKeys, d.key):
		case d.value == "":
			parts, ev = nil, u.first
		default:
			if len(parts) == 0 {
				ev = d.at
			}
			parts = append(parts, d.key+"="+d.value)
		}
	}
	if len(parts) > 0 {
		f["schedule"] = strings.Join(parts, " ")
	}
	name := expand(u.last("Timer", "Unit"), u.name)
	if name == "" {
		name = strings.TrimSuffix(u.name, ".timer") + ".service"
	}
	if !r.follow(sc, f, name) {
		return false
	}
	stamp := "/var/lib/systemd/timers/stamp-" + u.name
	if home != "" {
		stamp = home + "/.local/share/systemd/timers/stamp-" + u.name
	}
	if !sc.user || home != "" {
		if st := r.src.Open(stamp); st != nil && st.Inode != nil {
			stamps = at(stamps, "ran", st.Inode.Times.Modified.Std(), "the last change of "+stamp)
		}
	}
	return r.yield(timeline.Record{Kind: timeline.KindAutostart, Fields: f, Stamps: stamps, Evidence: ev, Summary: u.name + " (" + f["state"] + "), " + f["schedule"] + ": " + f["command"]}, nil)
}

var waitKeys = map[string][]string{
	"socket": {"ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction"},
	"path":   {"PathExists", "PathExistsGlob", "PathChanged", "PathModified", "DirectoryNotEmpty"},
}

// waiting tells a socket or a path unit.
func (r *reader) waiting(sc *scope, u *unit, kind string, f map[string]string, stamps []timeline.Stamp) bool {
	section := strings.ToUpper(kind[:1]) + kind[1:]
	f["trigger"] = "event"
	ev := u.first
	var parts []string
	for i, d := range u.all(section, waitKeys[kind]...) {
		if i == 0 {
			ev = d.at
		}
		parts = append(parts, d.key+"="+expand(d.value, u.name))
	}
	if len(parts) > 0 {
		f["event"] = strings.Join(parts, " ")
	}
	stem := strings.TrimSuffix(u.name, "."+kind)
	var name string
	switch {
	case kind == "path":
		name = u.last(section, "Unit")
	case boolean(u.last(section, "Accept")):
		name = stem + "@.service"
	default:
		name = u.last(section, "Service")
	}
	if name = expand(name, u.name); name == "" {
		name = stem + ".service"
	}
	if !r.follow(sc, f, name) {
		return false
	}
	if !r.yield(timeline.Record{Kind: timeline.KindAutostart, Fields: f, Stamps: stamps, Evidence: ev, Summary: u.name + " (" + f["state"] + "), " + f["event"] + ": " + f["command"]}, nil) {
		return false
	}
	for _, k := range socketKeys {
		for _, d := range u.all(section, k) {
			if kind == "path" {
				break
			}
			g := clone(f)
			g["key"] = k
			text, target, _ := command(d.value)
			g["command"], g["target"] = expand(text, u.name), expand(target, u.name)
			if !sc.user {
				g["account"] = "root"
			}
			if !r.yield(timeline.Record{Kind: timeline.KindAutostart, Fields: g, Evidence: d.at, Summary: u.name + " (" + f["state"] + "): " + g["command"]}, nil) {
				return false
			}
		}
	}
	return true
}
