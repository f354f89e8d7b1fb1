package auditd

import (
	"encoding/hex"
	"strings"
)

// pair is one "name=value" of a line.
type pair struct {
	name, value string
	quoted      bool
}

// pairs reads the fields of a line in their order: those that the kernel or a
// program wrote, and behind the group separator those that auditd added with
// names for numbers (enriched). What is in msg='...' counts as fields of the
// line. A value that is missing is "?", "(none)" or "(null)"; such are left out.
func pairs(body string) (list, enriched []pair) {
	body, more, _ := strings.Cut(body, "\x1d")
	list = appendPairs(nil, body)
	if more != "" {
		enriched = appendPairs(nil, more)
	}
	return list, enriched
}

func appendPairs(list []pair, s string) []pair {
	for s != "" {
		i := strings.IndexAny(s, "= ")
		if i < 0 {
			break
		}
		if s[i] == ' ' {
			s = s[i+1:] // a word: "avc:", "denied", ":"
			continue
		}
		name := strings.TrimLeft(s[:i], "('")
		s = s[i+1:]
		var p pair
		if s, p = cutValue(s); name == "msg" && p.quoted {
			list = appendPairs(list, p.value)
			continue
		}
		switch p.value {
		case "", "?", "(none)", "(null)":
			if !p.quoted {
				continue
			}
		}
		p.name = name
		list = append(list, p)
	}
	return list
}

// cutValue takes a value off s. In double quotes there are no quotes: the kernel writes
// a value that has some as hexadecimal. In single quotes are the words of a program.
func cutValue(s string) (rest string, p pair) {
	if s == "" {
		return "", p
	}
	switch s[0] {
	case '"':
		if v, after, ok := strings.Cut(s[1:], `"`); ok {
			return after, pair{value: v, quoted: true}
		}
		return "", pair{value: s[1:], quoted: true} // cut short
	case '\'':
		if i := strings.LastIndexByte(s, '\''); i > 0 {
			return s[i+1:], pair{value: s[1:i], quoted: true}
		}
		return "", pair{value: s[1:], quoted: true}
	case '{':
		if v, after, ok := strings.Cut(s[1:], "}"); ok {
			return after, pair{value: strings.TrimSpace(v), quoted: true}
		}
	}
	v, after, _ := strings.Cut(s, " ")
	if v = strings.TrimRight(v, ",'"); v != "" && v[0] != '(' {
		v = strings.TrimRight(v, ")") // of "(hostname=?, addr=?, terminal=ssh)"
	}
	return after, pair{value: v}
}

// unhex gives what a value says that may be written as hexadecimal: without
// quotes, in pairs of capital digits.
func (p pair) unhex() string {
	if p.quoted || len(p.value) < 2 || len(p.value)%2 != 0 {
		return p.value
	}
	for i := range len(p.value) {
		if c := p.value[i]; (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return p.value
		}
	}
	b, err := hex.DecodeString(p.value)
	if err != nil {
		return p.value
	}
	return string(b)
}

// line is one line's fields.
type line struct {
	kind           string
	list, enriched []pair
}

// get gives the first value of a name as it is written.
func (l *line) get(name string) string {
	for i := range l.list {
		if l.list[i].name == name {
			return l.list[i].value
		}
	}
	return ""
}

// text gives the first value of a name, decoded.
func (l *line) text(name string) string {
	for i := range l.list {
		if l.list[i].name == name {
			return l.list[i].unhex()
		}
	}
	return ""
}

// enrichedAs gives what auditd wrote beside a field, "UID" for "uid".
func (l *line) enrichedAs(name string) string {
	for i := range l.enriched {
		if l.enriched[i].name == name {
			return l.enriched[i].value
		}
	}
	return ""
}

// number reads n from a decimal number; ok is false if it is none.
func number(s string) (n int, ok bool) {
	if s == "" || len(s) > 9 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// maxArgs bounds the arguments of a command; Linux itself allows more only in
// total bytes.
const maxArgs = 1 << 16

// arguments joins those of EXECVE lines, "argc=3 a0="ls" a1=2D6C a2[0]=... a2[1]=...", which the kernel
// splits where they are long (kernel/auditsc.c, audit_log_execve_info). missing
// is how many are not there.
func arguments(lines []line) (args []string, missing int) {
	count := 0
	var have []bool
	for i := range lines {
		l := &lines[i]
		if l.kind != "EXECVE" {
			continue
		}
		for _, p := range l.list {
			if p.name == "argc" {
				if n, ok := number(p.value); ok {
					count = max(count, min(n, maxArgs))
				}
				continue
			}
			if p.name == "" || p.name[0] != 'a' {
				continue
			}
			index, piece, split := strings.Cut(p.name[1:], "[")
			n, ok := number(index)
			if !ok || n >= maxArgs || split && !strings.HasSuffix(piece, "]") {
				continue // a1_len
			}
			for len(args) <= n {
				args, have = append(args, ""), append(have, false)
			}
			args[n] += p.unhex()
			have[n] = true
		}
	}
	kept := args[:0]
	for i, ok := range have {
		if ok {
			kept = append(kept, args[i])
		} else {
			missing++
		}
	}
	return kept, missing + max(0, count-len(have))
}

// commandLine joins arguments with spaces, as a shell would take them.
func commandLine(args []string) string {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if a != "" && !strings.ContainsAny(a, " \t\n'\"") {
			b.WriteString(a)
			continue
		}
		b.WriteByte('\'')
		b.WriteString(strings.ReplaceAll(a, "'", `'\''`))
		b.WriteByte('\'')
	}
	return b.String()
}

// title reads PROCTITLE: the start of the process's arguments, NUL between
// them, or what the process has written in their place.
func title(p string) string {
	if !strings.Contains(p, "\x00") {
		return p
	}
	return commandLine(strings.Split(strings.TrimRight(p, "\x00"), "\x00"))
}
