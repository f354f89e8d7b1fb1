package authorizedkeys

import (
	"context"
	"path"
	"strings"

	"deadbox/timeline"
)

// configs are where sshd's configuration is: also SUSE's, below /usr, and
// those that a second sshd is often given.
var configs = []string{"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf", "/usr/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config_*"}

// maxIncludes bounds how deep configurations include others, as sshd does
// (servconf.c, SERVCONF_MAX_DEPTH).
const maxIncludes = 16

// named gives the patterns of the files that AuthorizedKeysFile names, wherever
// it stands: a Match block may have its own.
func named(s *timeline.Source) []string {
	var out []string
	for _, t := range templates(s, 0) {
		out = append(out, pattern(t))
	}
	return out
}

// templates gives the values of AuthorizedKeysFile in a configuration and in what it
// includes (sshd_config(5)).
func templates(s *timeline.Source, depth int) []string {
	var out []string
	for l, err := range timeline.Lines(context.Background(), s) {
		if err != nil {
			continue
		}
		words := words(string(l.Text))
		if len(words) < 2 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "authorizedkeysfile", "authorizedkeysfile2":
			for _, w := range words[1:] {
				if w != "none" {
					out = append(out, w)
				}
			}
		case "include":
			for _, w := range words[1:] {
				if !strings.HasPrefix(w, "/") {
					w = "/etc/ssh/" + w
				}
				for _, p := range s.Files(w) {
					if other := s.Open(p); other != nil && depth < maxIncludes && p != s.Path {
						out = append(out, templates(other, depth+1)...)
					}
				}
			}
		}
	}
	return out
}

// words splits a line as sshd does: blanks, and one "=" behind the keyword;
// double quotes keep a word together; "#" at the start of one begins a comment.
func words(line string) []string {
	var out []string
	for line = strings.TrimLeft(line, " \t\f"); line != ""; line = strings.TrimLeft(line, " \t\f\r") {
		if line[0] == '#' {
			break
		}
		if len(out) == 1 && line[0] == '=' {
			line = line[1:]
			continue
		}
		var w string
		if line[0] == '"' {
			w, line, _ = strings.Cut(line[1:], `"`)
		} else {
			end := strings.IndexAny(line, " \t\f\r")
			if eq := strings.IndexByte(line, '='); len(out) == 0 && eq > 0 && (end < 0 || eq < end) {
				end = eq
			}
			if end < 0 {
				end = len(line)
			}
			w, line = line[:end], line[end:]
		}
		if w != "" || len(out) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// pattern turns a value into a pattern of files: %h is each home, as is the start of a path
// that is not absolute; %u and %U are any account.
func pattern(template string) string {
	var b strings.Builder
	rest, home := strings.CutPrefix(template, "%h")
	if home {
		rest = strings.TrimLeft(rest, "/")
	}
	if home || !strings.HasPrefix(template, "/") {
		b.WriteString("~/")
	}
	for rest != "" {
		i := strings.IndexByte(rest, '%')
		if i < 0 || i+1 >= len(rest) {
			b.WriteString(timeline.Literal(rest))
			break
		}
		b.WriteString(timeline.Literal(rest[:i]))
		switch rest[i+1] {
		case '%':
			b.WriteByte('%')
		case 'h':
			b.WriteString("*") // a home within a path: its last name
		default:
			b.WriteByte('*')
		}
		rest = rest[i+2:]
	}
	p := b.String()
	if below, ok := strings.CutPrefix(p, "~/"); ok {
		return "~/" + strings.TrimPrefix(path.Clean("/"+below), "/")
	}
	return path.Clean(p)
}

// accountIn reads the account out of a path by the template that names it, "" if it does not.
func accountIn(template, p string) string {
	before, after, ok := strings.Cut(template, "%u")
	if !ok || strings.Contains(before+after, "%") {
		return ""
	}
	rest, ok := strings.CutPrefix(p, before)
	if !ok {
		return ""
	}
	name, ok := strings.CutSuffix(rest, after)
	if strings.Contains(after, "/") || !ok {
		name, _, _ = strings.Cut(rest, "/")
		if before+name+after != p {
			return ""
		}
	}
	if strings.Contains(name, "/") {
		return ""
	}
	return name
}

// accountByConfig is the account whose file sshd's configuration says that
// this is.
func accountByConfig(s *timeline.Source) string {
	for _, c := range configs {
		for _, p := range s.Files(c) {
			conf := s.Open(p)
			if conf == nil {
				continue
			}
			for _, t := range templates(conf, 0) {
				if name := accountIn(t, s.Path); name != "" {
					return name
				}
			}
		}
	}
	return ""
}
