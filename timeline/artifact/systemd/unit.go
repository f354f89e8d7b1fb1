package systemd

import (
	"context"
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

const (
	// maxDirectives bounds the lines that are taken from the files of one unit.
	maxDirectives = 10000
	// maxFiles bounds the drop-ins of one unit, and its links.
	maxFiles = 1000
	// maxText is the longest value that is kept, in bytes.
	maxText = 4096
	// maxJoined is how many lines one that goes on may have.
	maxJoined = 256
)

// directive is one assignment of a unit's files, with its place.
type directive struct {
	section, key, value string
	path                string
	at                  timeline.Evidence
}

// unit is a unit as its files together say it.
type unit struct {
	name    string // "ssh.service"
	list    []directive
	first   timeline.Evidence // of the first section of the fragment
	dropIns []string
}

// parse reads the assignments of one file (systemd.syntax(7)): a backslash at
// the end goes on in the next line, comments between such lines are left out.
// Damage goes to bad, which may stop the reading.
func parse(ctx context.Context, s *timeline.Source, bad func(error) bool) (list []directive, ok bool) {
	section, text := "", ""
	var from, end int64
	first, joined := 0, 0
	add := func() bool {
		t := strings.Trim(text, " \t\r")
		text, joined = "", 0
		switch {
		case t == "" || t[0] == '#' || t[0] == ';':
		case t[0] == '[':
			section, _, _ = strings.Cut(t[1:], "]")
		default:
			key, value, found := strings.Cut(t, "=")
			if !found {
				return true
			}
			if len(list) == maxDirectives {
				return bad(s.Damage(from, s.Size-from, first, "the lines of a unit after the first 10000 are left out", nil))
			}
			value = strings.TrimLeft(value, " \t")
			if len(value) > maxText {
				value = strings.ToValidUTF8(value[:maxText], "")
			}
			list = append(list, directive{section, strings.TrimRight(key, " \t"), value, s.Path, s.Evidence(from, end-from, first)})
		}
		return true
	}
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			if !bad(err) {
				return nil, false
			}
			continue
		}
		t := strings.TrimSpace(string(l.Text))
		if joined > 0 && t != "" && (t[0] == '#' || t[0] == ';') {
			continue
		}
		if joined == 0 {
			from, first = l.Offset, l.Number
		}
		end = l.Offset + int64(len(l.Text))
		comment := joined == 0 && t != "" && (t[0] == '#' || t[0] == ';')
		if rest, more := strings.CutSuffix(t, `\`); more && !comment && joined < maxJoined {
			text += rest + " "
			joined++
			continue
		}
		text += t
		if len(list) > maxDirectives || !add() {
			return list, len(list) > maxDirectives
		}
	}
	return list, joined == 0 || add()
}

// last is the value that counts of a setting with one value.
func (u *unit) last(section, key string) string {
	v := ""
	for i := range u.list {
		if d := &u.list[i]; d.section == section && d.key == key {
			v = d.value
		}
	}
	return v
}

// all are the values of a setting that is a list. An empty assignment takes
// away those before it.
func (u *unit) all(section string, keys ...string) []directive {
	var out []directive
	for _, d := range u.list {
		if d.section != section {
			continue
		}
		for _, k := range keys {
			switch {
			case d.key != k:
			case d.value == "":
				// What a socket or a path waits for is one list, whatever its settings' names.
				if section == "Socket" || section == "Path" {
					out = nil
				}
				out = slices.DeleteFunc(out, func(o directive) bool { return o.key == k })
			default:
				out = append(out, d)
			}
		}
	}
	return out
}

// words splits a value that is a list of names.
func (u *unit) words(section string, keys ...string) []string {
	var out []string
	for _, d := range u.all(section, keys...) {
		out = append(out, strings.Fields(d.value)...)
	}
	return out
}

// templateOf gives "foo@.service" of "foo@x.service"; "" of a name that is no
// instance.
func templateOf(name string) string {
	i := strings.IndexByte(name, '@')
	dot := strings.LastIndexByte(name, '.')
	if i <= 0 || dot <= i+1 {
		return ""
	}
	return name[:i+1] + name[dot:]
}

// isTemplate reports whether a name is "foo@.service".
func isTemplate(name string) bool {
	i := strings.IndexByte(name, '@')
	return i > 0 && strings.LastIndexByte(name, '.') == i+1
}

// kindOf is the type of a unit by its name: "service".
func kindOf(name string) string { return strings.TrimPrefix(path.Ext(name), ".") }

// dropInDirs are the names of directories in which a unit's drop-ins lie: those
// of its name, of its template, of its name cut at each dash, of its type
// (systemd.unit(5), "Description").
func dropInDirs(name string) []string {
	kind := path.Ext(name)
	var out []string
	add := func(n string) { out = append(out, n+".d") }
	for _, n := range []string{name, templateOf(name)} {
		if n == "" {
			continue
		}
		add(n)
		stem := strings.TrimSuffix(n, kind)
		instance := ""
		if i := strings.IndexByte(stem, '@'); i >= 0 {
			stem, instance = stem[:i], stem[i:]
		}
		for i := strings.LastIndexByte(strings.TrimSuffix(stem, "-"), '-'); i >= 0 && len(out) < 32; i = strings.LastIndexByte(stem[:i], '-') {
			add(stem[:i+1] + instance + kind)
		}
	}
	if kind != "" {
		out = append(out, kind[1:]+".d")
	}
	return out
}

// expand replaces the specifiers that a unit's name answers (systemd.unit(5),
// "Specifiers").
func expand(text, name string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	stem := strings.TrimSuffix(name, path.Ext(name))
	prefix, instance, _ := strings.Cut(stem, "@")
	return strings.NewReplacer("%%", "%", "%n", name, "%N", stem, "%p", prefix, "%i", instance, "%I", unescape(instance), "%P", unescape(prefix)).Replace(text)
}

// unescape undoes what systemd-escape does to names.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '-':
			b.WriteByte('/')
		case s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' && hex(s[i+2]) >= 0 && hex(s[i+3]) >= 0:
			b.WriteByte(byte(hex(s[i+2])<<4 | hex(s[i+3])))
			i += 3
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// command takes the special prefixes from a line of Exec (systemd.service(5),
// "Command lines") and gives the line, its program, and whether it runs with all
// rights whatever User= says.
func command(line string) (text, program string, full bool) {
	argv0 := false
	for line != "" && strings.IndexByte("@-:+!|", line[0]) >= 0 {
		switch line[0] {
		case '@':
			argv0 = true
		case '+', '!':
			full = true
		}
		line = line[1:]
	}
	program, rest := word(line)
	if argv0 {
		_, rest = word(rest)
	}
	if text = program; rest != "" {
		text += " " + rest
	}
	return text, program, full
}

// word cuts the first word, that may be in quotes, from a line.
func word(s string) (w, rest string) {
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return "", ""
	}
	if q := s[0]; q == '"' || q == '\'' {
		if i := strings.IndexByte(s[1:], q); i >= 0 {
			return s[1 : 1+i], strings.TrimLeft(s[2+i:], " \t")
		}
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}
