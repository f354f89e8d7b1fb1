package sudoers

import (
	"maps"
	"slices"
	"strings"
)

// member is one element of a list: of users, hosts, commands.
type member struct {
	text   string
	not    bool
	quoted bool // no alias, whatever it looks like
}

func (m member) String() string {
	if m.not {
		return "!" + m.text
	}
	return m.text
}

// spec is a command with the rights to run it. Rights go on to the commands
// that follow in the list.
type spec struct {
	runas    bool // (...) is there
	users    []member
	groups   []member
	tags     map[string]bool // "PASSWD", "EXEC", ...: false with "NO" before it
	options  []string        // "CWD=/tmp"
	commands []member
}

func (s *spec) same(o *spec) bool {
	return s.runas == o.runas && slices.Equal(s.users, o.users) && slices.Equal(s.groups, o.groups) && maps.Equal(s.tags, o.tags) && slices.Equal(s.options, o.options)
}

// shown are the tags as they are written, sorted.
func (s *spec) shown() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.tags)) {
		if !s.tags[k] {
			k = "NO" + k
		}
		out = append(out, k)
	}
	return out
}

// parser takes a statement apart from the front.
type parser struct{ s string }

func (p *parser) space() { p.s = strings.TrimLeft(p.s, " \t") }

// skip takes a sign, with blanks before it.
func (p *parser) skip(c byte) bool {
	p.space()
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

// name takes the name of an alias.
func (p *parser) name() string {
	p.space()
	i := 0
	for i < len(p.s) && strings.IndexByte(" \t=:,", p.s[i]) < 0 {
		i++
	}
	n := p.s[:i]
	p.s = p.s[i:]
	if !isAlias(n) {
		return ""
	}
	return n
}

// not takes exclamation marks.
func (p *parser) not() bool {
	not := false
	for p.skip('!') {
		not = !not
	}
	p.space()
	return not
}

// members takes a list of users or hosts.
func (p *parser) members() ([]member, bool) { return p.list(" \t,=") }

// list takes a list whose elements end with one of the signs given.
func (p *parser) list(ends string) ([]member, bool) {
	var out []member
	for {
		m := member{not: p.not()}
		prefix := ""
		if strings.HasPrefix(p.s, `%"`) || strings.HasPrefix(p.s, `+"`) {
			prefix, p.s = p.s[:1], p.s[1:]
		}
		if strings.HasPrefix(p.s, `"`) {
			i := 1
			for i < len(p.s) && p.s[i] != '"' {
				if p.s[i] == '\\' {
					i++
				}
				i++
			}
			if i >= len(p.s) {
				return nil, false
			}
			m.text, m.quoted = prefix+unescape(p.s[1:i]), true
			p.s = p.s[i+1:]
		} else {
			i := 0
			for i < len(p.s) && strings.IndexByte(ends, p.s[i]) < 0 {
				if p.s[i] == '\\' && i+1 < len(p.s) {
					i++
				}
				i++
			}
			m.text = unescape(p.s[:i])
			p.s = p.s[i:]
		}
		if m.text == "" {
			return nil, false
		}
		out = append(out, m)
		if !p.skip(',') {
			return out, true
		}
	}
}

// tagNames are the tags, without the "NO" of their opposites (sudoers(5),
// "Tag_Spec").
var tagNames = []string{"EXEC", "FOLLOW", "LOG_INPUT", "LOG_OUTPUT", "MAIL", "INTERCEPT", "PASSWD", "SETENV"}

// optionNames begin "NAME=value" before a command.
var optionNames = []string{"CWD", "CHROOT", "ROLE", "TYPE", "APPARMOR_PROFILE", "PRIVS", "LIMITPRIVS", "TIMEOUT", "NOTBEFORE", "NOTAFTER"}

// specs takes the commands of a rule with their rights.
func (p *parser) specs() ([]spec, bool) {
	var out []spec
	cur := spec{tags: map[string]bool{}}
	for {
		if p.skip('(') {
			cur.runas, cur.users, cur.groups = true, nil, nil
			if p.space(); p.s != "" && p.s[0] != ':' && p.s[0] != ')' {
				var ok bool
				if cur.users, ok = p.list(" \t,:)"); !ok {
					return nil, false
				}
			}
			if p.skip(':') {
				if p.space(); p.s != "" && p.s[0] != ')' {
					var ok bool
					if cur.groups, ok = p.list(" \t,)"); !ok {
						return nil, false
					}
				}
			}
			if !p.skip(')') {
				return nil, false
			}
		}
		p.rights(&cur)
		m, ok := p.command()
		if !ok {
			return nil, false
		}
		s := cur
		s.tags, s.options, s.commands = maps.Clone(cur.tags), slices.Clone(cur.options), []member{m}
		out = append(out, s)
		if !p.skip(',') {
			return out, true
		}
	}
}

// rights takes the options and tags before a command.
func (p *parser) rights(cur *spec) {
	for {
		p.space()
		i := 0
		for i < len(p.s) && (p.s[i] >= 'A' && p.s[i] <= 'Z' || p.s[i] == '_') {
			i++
		}
		word := p.s[:i]
		rest := strings.TrimLeft(p.s[i:], " \t")
		switch {
		case strings.HasPrefix(rest, ":"):
			name, value := word, true
			if !slices.Contains(tagNames, name) {
				name, value = strings.TrimPrefix(name, "NO"), false
			}
			if !slices.Contains(tagNames, name) {
				return
			}
			cur.tags[name] = value
			p.s = rest[1:]
		case strings.HasPrefix(rest, "=") && slices.Contains(optionNames, word):
			v := &parser{s: rest[1:]}
			v.space()
			value := ""
			if strings.HasPrefix(v.s, `"`) {
				end := strings.IndexByte(v.s[1:], '"')
				if end < 0 {
					return
				}
				value, v.s = v.s[1:1+end], v.s[2+end:]
			} else {
				value, v.s = cutWord(v.s)
			}
			cur.options = slices.DeleteFunc(slices.Clone(cur.options), func(o string) bool { return strings.HasPrefix(o, word+"=") })
			cur.options = append(cur.options, word+"="+value)
			p.s = v.s
		default:
			return
		}
	}
}

// command takes a command with its arguments, or an alias, with the digests
// before it.
func (p *parser) command() (member, bool) {
	for {
		p.space()
		rest, ok := digest(p.s)
		if !ok {
			break
		}
		p.s = rest
		p.skip(',')
	}
	m := member{not: p.not()}
	if rest, ok := digest(p.s); ok {
		p.s = strings.TrimLeft(rest, " \t")
	}
	i := 0
	regex := false
	start := true // of a word
	for i < len(p.s) {
		c := p.s[i]
		if start && c == '^' {
			regex = true
		}
		start = c == ' ' || c == '\t'
		switch {
		case c == '\\' && i+1 < len(p.s):
			i++
		case regex:
			if c == '$' && (i+1 == len(p.s) || strings.IndexByte(" \t,:", p.s[i+1]) >= 0) {
				regex = false
			}
		case c == ',' || c == ':' || c == '=':
			m.text = plain(p.s[:i])
			p.s = p.s[i:]
			return m, m.text != ""
		}
		i++
	}
	m.text = plain(p.s)
	p.s = ""
	return m, m.text != ""
}

// plain takes blanks around a command away, and backslashes before the signs
// that would end it.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\,`, ",", `\:`, ":", `\=`, "=", `\#`, "#", `\\`, `\\`).Replace(s)
}

// digest takes "sha256:value" from the front.
func digest(s string) (rest string, ok bool) {
	for _, n := range []string{"sha224", "sha256", "sha384", "sha512"} {
		if r, found := strings.CutPrefix(s, n); found {
			if r = strings.TrimLeft(r, " \t"); strings.HasPrefix(r, ":") {
				r = strings.TrimLeft(r[1:], " \t")
				i := 0
				for i < len(r) && strings.IndexByte(" \t,", r[i]) < 0 {
					i++
				}
				return r[i:], i > 0
			}
		}
	}
	return s, false
}
