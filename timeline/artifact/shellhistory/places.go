package shellhistory

import (
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

// shellNames are histories of shells, from a home. A dot file may have an
// ending: a copy, or what a shell was writing when it was cut off.
var shellNames = []string{
	".bash*history*", ".zsh_history*", ".zhistory*", ".histfile*", ".history", ".history.*", ".sh_history*", ".ash_history*", ".ksh_history*", ".mksh_history*", ".tcsh_history*",
	".local/share/fish/*_history", ".config/fish/*_history",
	".zsh/*history*", ".config/zsh/*history*", ".config/zsh/.*history*", ".cache/zsh/*history*", ".local/share/zsh/*history*", ".local/state/zsh/*history*", ".zsh_sessions/*.history",
	".local/state/bash/*history*", ".local/share/bash/*history*", ".config/bash/*history*", ".cache/bash/*history*",
}

// oddPlaces are directories where histories lie that nobody's home explains: of
// accounts that have none, and of intruders that changed HOME. Homes are there
// too, for accounts that are gone.
var oddPlaces = []string{
	"/root/", "/home/*/", "/", "/tmp/", "/tmp/*/", "/var/tmp/", "/var/tmp/*/", "/dev/shm/", "/dev/shm/*/", "/var/www/", "/var/www/*/", "/srv/", "/srv/*/", "/opt/", "/opt/*/", "/mnt/", "/usr/local/", "/run/user/*/",
}

// commonPlaces are those that are looked at for the histories of clients.
var commonPlaces = []string{"/root/", "/home/*/", "/", "/tmp/", "/var/tmp/", "/dev/shm/", "/var/www/"}

// layers are where container engines keep what was written in containers.
var layers = []string{"/var/lib/docker/overlay2/*/diff/root/", "/var/lib/containers/storage/overlay/*/diff/root/"}

// placed makes the patterns for names below every home and, for dot files, below
// the other directories.
func placed(names, dirs []string) []string {
	var list []string
	for _, n := range names {
		list = append(list, "~/"+n)
		for _, dir := range dirs {
			if !strings.Contains(n, "/") || strings.HasPrefix(dir, "/home/") || dir == "/root/" {
				list = append(list, dir+n)
			}
		}
	}
	return list
}

var shellPatterns = shellPaths()

func shellPaths() []string {
	list := placed(shellNames, oddPlaces)
	for _, dir := range layers {
		list = append(list, dir+".bash_history", dir+".ash_history", dir+".sh_history", dir+".zsh_history")
	}
	return list
}

// startFiles may set HISTFILE.
var startFiles = []string{
	"/etc/profile", "/etc/profile.d/*", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zsh/z*", "/etc/zshrc", "/etc/zshenv", "/etc/zprofile", "/etc/environment", "/etc/ksh.kshrc", "/etc/mkshrc",
	"~/.bashrc", "~/.bash_profile", "~/.bash_login", "~/.profile", "~/.zshrc", "~/.zshenv", "~/.zprofile", "~/.config/zsh/.zshrc", "~/.kshrc", "~/.mkshrc", "~/.shrc", "~/.tcshrc", "~/.cshrc",
	"/root/.bashrc", "/root/.profile",
}

const (
	maxStart  = 1 << 20 // of a start-up file, bytes
	histfile  = "HISTFILE="
	maxValues = 64 // of HISTFILE in one file
)

// histfiles finds where a start-up file of a shell puts the history. What the
// shell would put in there, such as the account's name, may be anything.
// https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html
func histfiles(s *timeline.Source) []string {
	b := make([]byte, min(max(s.Size, 0), maxStart))
	n, _ := s.Data.ReadAt(b, 0)
	var list []string
	for line := range strings.Lines(string(b[:max(n, 0)])) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || len(list) >= maxValues {
			continue
		}
		for {
			i := strings.Index(line, histfile)
			if i < 0 {
				break
			}
			before := i > 0 && (line[i-1] == '_' || line[i-1]|0x20 >= 'a' && line[i-1]|0x20 <= 'z')
			line = line[i+len(histfile):]
			if before {
				continue
			}
			value, ok := expand(line)
			if !ok {
				continue
			}
			rest, home := strings.CutPrefix(value, "~/")
			switch {
			case home && !strings.HasPrefix(s.Path, "/etc/"):
				value = path.Join(timeline.Literal(path.Dir(s.Path)), rest)
			case home:
				// Without the slash, Clean would keep what leads out of the home.
				value = "~" + path.Clean("/"+rest)
			}
			list = append(list, value)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// expand reads the word of a shell that s begins with, as a pattern. ok is false
// if it is no absolute path, or says too little about the name.
func expand(s string) (pattern string, ok bool) {
	var b strings.Builder
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(s, `"`), "~/"); ok {
		b.WriteString("~/")
		s = strings.Repeat(`"`, strings.Count(s[:1], `"`)) + rest
	}
	quote := byte(0)
	letters := 0 // of the last element
scan:
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(" \t\r\n;&|)<>", c) >= 0:
			break scan
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteString(timeline.Literal(s[i : i+1]))
			letters++
		case (c == '$' || c == '`') && quote != '\'':
			length := expansion(s[i:])
			switch v := s[i : i+length]; {
			case (v == "$HOME" || v == "${HOME}") && b.Len() == 0:
				b.WriteString("~")
			case !strings.HasSuffix(b.String(), "*"):
				b.WriteString("*")
			}
			i += length - 1
		default:
			b.WriteString(timeline.Literal(s[i : i+1]))
			if letters++; c == '/' {
				letters = 0
			}
		}
	}
	pattern = b.String()
	home, rest := "", pattern
	if strings.HasPrefix(pattern, "~/") {
		home, rest = "~", pattern[1:]
	}
	if !strings.HasPrefix(rest, "/") || letters < 3 && !strings.Contains(rest, "hist") || len(rest) > 4096 {
		return "", false
	}
	if home != "" {
		return home + rest, true
	}
	return path.Clean(rest), true
}

// expansion is the length of what begins with a dollar or a backtick.
func expansion(s string) int {
	end := func(i int) int {
		if i < 0 {
			return len(s)
		}
		return i + 1
	}
	switch {
	case s[0] == '`':
		return min(1+end(strings.IndexByte(s[1:], 0x60)), len(s))
	case strings.HasPrefix(s, "${"):
		return end(strings.IndexByte(s, '}'))
	case strings.HasPrefix(s, "$("):
		depth := 0
		for i, c := range []byte(s) {
			switch c {
			case '(':
				depth++
			case ')':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(s)
	}
	n := 1
	for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return n
}
