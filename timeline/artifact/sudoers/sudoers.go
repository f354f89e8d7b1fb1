// Package sudoers reads who may run what as whom, by sudo and by doas.
package sudoers

import (
	"context"
	"iter"
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

// Sudo yields the rules of sudoers with all files that it includes.
var Sudo = timeline.Extractor{
	Name: "sudo-rules",
	Doc: `Who may run what as whom with sudo, of /etc/sudoers and the files that it includes, with aliases expanded: a record of kind effective and name sudo-rule for each account or group of a rule and
each part of the rule with the same rights. Fields: account, group, netgroup or uid; hosts, target and target_group (as whom), command (all commands, those behind an exclamation mark are forbidden), tags, nopasswd (yes where
no password is asked for, by a tag or by Defaults), except (accounts that the rule leaves out), aliases. Also Defaults, under the name sudo-default: scope, setting.

Format: sudoers(5), https://www.sudo.ws/docs/man/sudoers.man/.`,
	Paths: []string{"/etc/sudoers", "/usr/local/etc/sudoers"},
	Run:   run,
}

// Doas yields the rules of doas.conf.
var Doas = timeline.Extractor{
	Name: "doas-rules",
	Doc: `Who may run what as whom with doas: account or group, action (permit, deny), target, command, tags, nopasswd; the last rule that fits counts. Kind effective, name doas-rule.

Format: doas.conf(5), https://man.openbsd.org/doas.conf.5.`,
	Paths: []string{"/etc/doas.conf", "/etc/doas.d/*.conf", "/usr/local/etc/doas.conf"},
	Run:   runDoas,
}

const (
	// maxDepth is how deep files may include each other, as in sudo
	// (MAX_SUDOERS_DEPTH in toke.l).
	maxDepth = 128
	// maxFiles bounds the files that are read, and maxLines their lines.
	maxFiles = 1000
	maxLines = 50000
	// maxMembers bounds what the aliases of one list may come to.
	maxMembers = 2000
	// maxRecords bounds the records of a server.
	maxRecords = 20000
	// maxText is the longest text of a field, in bytes.
	maxText = 8192
	// maxJoined is how many lines one that goes on may have.
	maxJoined     = 1000
	maxJoinedText = 256 << 10
)

// statement is a line of sudoers, with the lines that it goes on in.
type statement struct {
	text string
	at   timeline.Evidence
	src  *timeline.Source
	off  int64
	size int64
	line int
}

// reader gathers the statements of all files.
type reader struct {
	ctx      context.Context
	yield    func(timeline.Record, error) bool
	list     []statement
	files    int
	done     bool
	count    int
	aliases  map[string][]member // by kind and name: "User_Alias ADMINS"
	defaults []setting
}

// setting is a line of Defaults.
type setting struct{ scope, name, value string }

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := &reader{ctx: ctx, yield: yield, aliases: map[string][]member{}}
		r.file(s, 0, nil)
		if r.done {
			return
		}
		// Aliases and Defaults count wherever they stand.
		var rules []statement
		for i := range r.list {
			st := &r.list[i]
			word, rest := cutWord(st.text)
			switch {
			case strings.HasPrefix(word, "Defaults"):
				r.setDefaults(st)
			case aliasKind(word) != "":
				r.setAliases(st, aliasKind(word), rest)
			default:
				rules = append(rules, *st)
			}
			if r.done {
				return
			}
		}
		for i := range rules {
			if r.rule(&rules[i]); r.done {
				return
			}
		}
	}
}

func aliasKind(word string) string {
	switch word {
	case "User_Alias", "Runas_Alias", "Host_Alias":
		return word
	case "Cmnd_Alias", "Cmd_Alias":
		return "Cmnd_Alias"
	}
	return ""
}

func cutWord(s string) (w, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

// wrong reports a statement that is none.
func (r *reader) wrong(st *statement, why string) {
	r.bad(st.src.Damage(st.off, st.size, st.line, why, nil))
}

// file gathers the statements of a file and of those that it includes, in
// their order.
func (r *reader) file(s *timeline.Source, depth int, above []string) {
	if r.files++; r.files > maxFiles || r.done {
		return
	}
	above = append(above[:len(above):len(above)], s.Path)
	var text strings.Builder
	var st statement
	joined := 0
	flush := func() {
		joined = 0
		t := strings.TrimSpace(strip(text.String()))
		text.Reset()
		if t == "" {
			return
		}
		if name, dir, ok := include(t); ok {
			r.include(s, &st, name, dir, depth, above)
			return
		}
		if len(r.list) == maxLines {
			r.wrong(&st, "the lines after the first 50000 are left out")
		}
		if len(r.list) <= maxLines {
			st.text = t
			st.at = s.Evidence(st.off, st.size, st.line)
			r.list = append(r.list, st)
		}
	}
	for l, err := range timeline.Lines(r.ctx, s) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		if joined == 0 {
			st = statement{src: s, off: l.Offset, line: l.Number}
		}
		st.size = l.Offset + int64(len(l.Text)) - st.off
		t := string(l.Text)
		// A comment ends with its line, also if that ends with a backslash.
		whole := text.String() + t
		if rest, more := strings.CutSuffix(t, `\`); more && joined < maxJoined && len(whole) < maxJoinedText && len(strip(whole)) == len(whole) {
			text.WriteString(rest)
			joined++
			continue
		}
		text.WriteString(t)
		flush()
	}
	if joined > 0 && !r.done {
		flush()
	}
}

// strip takes a comment away: what follows a number sign outside of quotes
// that is not the beginning of an id, nor of an old include.
func strip(t string) string {
	quoted := false
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted:
			rest := t[i+1:]
			if strings.TrimSpace(t[:i]) == "" && (strings.HasPrefix(rest, "include ") || strings.HasPrefix(rest, "include\t") || strings.HasPrefix(rest, "includedir ") || strings.HasPrefix(rest, "includedir\t")) {
				return t
			}
			if rest != "" && (rest[0] >= '0' && rest[0] <= '9' || rest[0] == '-' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9') && (i == 0 || strings.IndexByte(" \t,!%(:=", t[i-1]) >= 0) {
				continue // an id
			}
			return t[:i]
		}
	}
	return t
}

// include reads "@include name", "@includedir name" and their old forms.
func include(t string) (name string, dir, ok bool) {
	if t[0] != '@' && t[0] != '#' {
		return "", false, false
	}
	w, rest := cutWord(t[1:])
	if w != "include" && w != "includedir" || rest == "" {
		return "", false, false
	}
	if n := len(rest); n > 1 && rest[0] == '"' && rest[n-1] == '"' {
		rest = rest[1 : n-1]
	}
	return unescape(rest), w == "includedir", true
}

func (r *reader) include(s *timeline.Source, st *statement, name string, dir bool, depth int, above []string) {
	if depth >= maxDepth {
		r.wrong(st, "files include each other too deep")
		return
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Join(path.Dir(s.Path), name)
	}
	// "%h" is the host's short name; any file for a host is looked at.
	pattern := strings.ReplaceAll(timeline.Literal(name), "%h", "*")
	if dir {
		pattern = strings.TrimSuffix(pattern, "/") + "/*"
	}
	for _, p := range s.Files(pattern) {
		base := path.Base(p)
		if dir && (strings.Contains(base, ".") || strings.HasSuffix(base, "~")) {
			continue
		}
		if slices.Contains(above, p) {
			r.wrong(st, "files include each other")
			continue
		}
		if f := s.Open(p); f != nil {
			r.file(f, depth+1, above)
		}
		if r.done {
			return
		}
	}
}

// unescape takes backslashes away.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// setDefaults keeps and tells a line of Defaults.
func (r *reader) setDefaults(st *statement) {
	rest := strings.TrimPrefix(st.text, "Defaults")
	scope := ""
	if rest != "" && strings.IndexByte(":@>!", rest[0]) >= 0 {
		kind := rest[:1]
		p := &parser{s: rest[1:]}
		list, ok := p.members()
		if !ok {
			r.wrong(st, "not a line of sudoers")
			return
		}
		var names []string
		for _, m := range list {
			names = append(names, m.String())
		}
		scope, rest = kind+strings.Join(names, ","), p.s
	}
	for _, part := range splitSettings(rest) {
		name, value := part, ""
		if i := strings.IndexAny(part, "=+-"); i > 0 && strings.Contains(part[i:], "=") {
			name, value = strings.TrimRight(part[:i], " \t"), strings.TrimSpace(part[strings.IndexByte(part, '=')+1:])
		}
		if len(r.defaults) < maxLines {
			r.defaults = append(r.defaults, setting{scope, name, strings.Trim(value, `"`)})
		}
	}
	f := map[string]string{"name": "sudo-default", "setting": bounded(strings.TrimSpace(rest))}
	if scope != "" {
		f["scope"] = scope
		if scope[0] == ':' {
			f["account"] = scope[1:]
		}
	}
	r.emit(timeline.Record{Kind: timeline.KindEffective, Summary: "sudo: Defaults" + scope + " " + f["setting"], Fields: f, Evidence: st.at})
}

// splitSettings cuts the settings of Defaults at commas outside of quotes.
func splitSettings(s string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] == '\\':
			i++
		case i < len(s) && s[i] == '"':
			quoted = !quoted
		}
		if i >= len(s) || s[i] == ',' && !quoted {
			if p := strings.TrimSpace(s[start:min(i, len(s))]); p != "" {
				out = append(out, p)
			}
			start = i + 1
		}
	}
	return out
}

func bounded(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

func (r *reader) emit(rec timeline.Record) {
	if r.done {
		return
	}
	r.count++
	if r.count > maxRecords {
		return
	}
	r.done = !r.yield(rec, nil)
}

// setAliases keeps "NAME = list : NAME = list".
func (r *reader) setAliases(st *statement, kind, rest string) {
	p := &parser{s: rest}
	for {
		name := p.name()
		if !p.skip('=') || name == "" {
			r.wrong(st, "not a line of sudoers")
			return
		}
		var list []member
		if kind == "Cmnd_Alias" {
			for {
				m, ok := p.command()
				if !ok {
					r.wrong(st, "not a line of sudoers")
					return
				}
				list = append(list, m)
				if !p.skip(',') {
					break
				}
			}
		} else {
			var ok bool
			if list, ok = p.members(); !ok {
				r.wrong(st, "not a line of sudoers")
				return
			}
		}
		if key := kind + " " + name; len(r.aliases) < maxLines && r.aliases[key] == nil {
			r.aliases[key] = list
		}
		if !p.skip(':') {
			break
		}
	}
	if p.space(); p.s != "" {
		r.wrong(st, "not a line of sudoers")
	}
}

// expand replaces aliases by what they stand for; used collects their names.
// A negated alias negates its members.
func (r *reader) expand(kind string, list []member, used *[]string) []member {
	var out []member
	var walk func(list []member, not bool, above []string)
	walk = func(list []member, not bool, above []string) {
		for _, m := range list {
			if len(out) >= maxMembers {
				return
			}
			inner, ok := r.aliases[kind+" "+m.text]
			if !ok || !isAlias(m.text) || m.quoted || len(above) > 32 || slices.Contains(above, m.text) {
				m.not = m.not != not
				out = append(out, m)
				continue
			}
			if !slices.Contains(*used, m.text) {
				*used = append(*used, m.text)
			}
			walk(inner, m.not != not, append(above[:len(above):len(above)], m.text))
		}
	}
	walk(list, false, nil)
	return out
}

// isAlias reports whether a name may be that of an alias.
func isAlias(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (i == 0 || (c < '0' || c > '9') && c != '_') {
			return false
		}
	}
	return s != "" && s != "ALL"
}

func join(list []member, sep string) string {
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = list[i].String()
	}
	return bounded(strings.Join(parts, sep))
}

// rule tells "users hosts = commands : hosts = commands".
func (r *reader) rule(st *statement) {
	p := &parser{s: st.text}
	users, ok := p.members()
	if !ok {
		r.wrong(st, "not a line of sudoers")
		return
	}
	var used []string
	users = r.expand("User_Alias", users, &used)
	for {
		hosts, ok := p.members()
		if !ok || !p.skip('=') {
			r.wrong(st, "not a line of sudoers")
			return
		}
		specs, ok := p.specs()
		if !ok {
			r.wrong(st, "not a line of sudoers")
			return
		}
		for _, g := range group(specs) {
			r.tell(st, users, hosts, g, used)
		}
		if r.done || !p.skip(':') {
			break
		}
	}
	if p.space(); p.s != "" {
		r.wrong(st, "not a line of sudoers")
	}
}

// group joins commands that follow each other and have the same rights.
func group(specs []spec) []spec {
	var out []spec
	for _, s := range specs {
		if n := len(out); n > 0 && out[n-1].same(&s) {
			out[n-1].commands = append(out[n-1].commands, s.commands...)
			continue
		}
		s.commands = slices.Clone(s.commands)
		out = append(out, s)
	}
	return out
}

// tell yields a record for each account or group of a rule.
func (r *reader) tell(st *statement, users, hosts []member, s spec, used []string) {
	used = slices.Clone(used)
	hosts = r.expand("Host_Alias", hosts, &used)
	commands := r.expand("Cmnd_Alias", s.commands, &used)
	as := r.expand("Runas_Alias", s.users, &used)
	groups := r.expand("Runas_Alias", s.groups, &used)
	target := join(as, ",")
	if !s.runas {
		target = "root"
		for _, d := range r.defaults {
			if d.scope == "" && d.name == "runas_default" && d.value != "" {
				target = d.value
			}
		}
	}
	var except []member
	for _, u := range users {
		if u.not {
			u.not = false
			except = append(except, u)
		}
	}
	for _, u := range users {
		if u.not {
			continue
		}
		f := map[string]string{"name": "sudo-rule", "command": join(commands, ", "), "hosts": join(hosts, ",")}
		put := func(k, v string) {
			if v != "" {
				f[k] = v
			}
		}
		put("target", target)
		put("target_group", join(groups, ","))
		put("tags", strings.Join(s.shown(), " "))
		put("options", strings.Join(s.options, " "))
		put("except", join(except, ","))
		put("aliases", strings.Join(used, " "))
		switch name := u.text; {
		case strings.HasPrefix(name, "%"):
			f["group"] = name[1:]
		case strings.HasPrefix(name, "+"):
			f["netgroup"] = name[1:]
		case strings.HasPrefix(name, "#"):
			f["uid"] = name[1:]
		default:
			f["account"] = name
		}
		auth, by := true, ""
		for _, d := range r.defaults {
			if d.name != "authenticate" && d.name != "!authenticate" || d.scope != "" && d.scope[0] != ':' {
				continue
			}
			if d.scope == "" || r.inScope(d.scope[1:], u.text) {
				auth, by = d.name == "authenticate", "Defaults"+d.scope
			}
		}
		if v, ok := s.tags["PASSWD"]; ok {
			auth, by = v, "tag"
		}
		if !auth {
			f["nopasswd"], f["nopasswd_by"] = "yes", by
		}
		if f["target"] == "" {
			f["target"] = u.text // only the group changes
		}
		sum := "sudo: " + u.text + " may run " + f["command"] + " as " + f["target"]
		if f["target_group"] != "" {
			sum += ":" + f["target_group"]
		}
		if h := f["hosts"]; h != "ALL" {
			sum += " on " + h
		}
		if !auth {
			sum += ", without a password"
		}
		r.emit(timeline.Record{Kind: timeline.KindEffective, Summary: sum, Fields: f, Evidence: st.at})
	}
}

// inScope reports whether a list of Defaults names a user.
func (r *reader) inScope(list, user string) bool {
	p := &parser{s: list}
	members, _ := p.members()
	var used []string
	in := false
	for _, m := range r.expand("User_Alias", members, &used) {
		if m.text == user || m.text == "ALL" {
			in = !m.not
		}
	}
	return in
}
