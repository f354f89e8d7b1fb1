package systemd

import (
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

// scope is one manager: the system's or that of an account.
type scope struct {
	user bool
	dirs []string // where its units lie, the first to be found counts
}

// systemDirs and userDirs are the search paths, in their order
// (systemd.unit(5), "Unit File Load Path"; path-lookup.c).
var systemDirs = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
	"/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
}

var userDirs = []string{
	"/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user", "/lib/systemd/user",
}

// homeDirs lie below each account's home, before and after /etc/systemd/user.
var homeDirs = []string{".config/systemd/user.control", ".config/systemd/user", ".local/share/systemd/user"}

// scopeOf tells the manager by a unit's directory; home is the account's, for
// units below one.
func scopeOf(dir string) (sc scope, home string, ok bool) {
	if slices.Contains(systemDirs, dir) {
		return scope{dirs: systemDirs}, "", true
	}
	if slices.Contains(userDirs, dir) {
		return scope{user: true, dirs: userDirs}, "", true
	}
	for _, h := range homeDirs {
		if home, ok := strings.CutSuffix(dir, "/"+h); ok {
			return scope{user: true, dirs: slices.Concat(
				[]string{home + "/" + homeDirs[0], home + "/" + homeDirs[1]}, userDirs[:2], []string{home + "/" + homeDirs[2]}, userDirs[2:])}, home, true
		}
	}
	return scope{}, "", false
}

// resolve follows symbolic links from a path, ten at most, and says what it
// leads to. The directories' own links are not looked at.
func resolve(s *timeline.Source, p string) (target string, link *timeline.Source) {
	for range 10 {
		l := s.Link(p)
		if l == nil {
			return p, link
		}
		if link == nil {
			link = l
		}
		t := l.Target
		if !strings.HasPrefix(t, "/") {
			t = path.Join(path.Dir(p), t)
		}
		p = path.Clean(t)
	}
	return p, link
}

// exists reports whether there is a name, whatever it is.
func exists(s *timeline.Source, p string) bool {
	return len(s.Files(literal(p))) > 0
}

// literal makes a pattern that fits one path only.
func literal(p string) string {
	if !strings.ContainsAny(p, `*?[\`) {
		return p
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(p)
}

// usr gives the path that a file has where /lib is a link to /usr/lib.
func usr(p string) string {
	if strings.HasPrefix(p, "/lib/") {
		return "/usr" + p
	}
	return p
}

// find gives the path of the file that counts for a name, in the search path;
// "" if there is none.
func (sc *scope) find(s *timeline.Source, name string) string {
	for _, d := range sc.dirs {
		if p := d + "/" + name; exists(s, p) {
			return p
		}
	}
	return ""
}

// masked reports whether a path is a mask: a link to /dev/null, or an empty
// file.
func masked(s *timeline.Source, p string) (link *timeline.Source, yes bool) {
	t, link := resolve(s, p)
	if t == "/dev/null" {
		return link, true
	}
	f := s.Open(p)
	return link, f != nil && f.Size == 0
}

// dropIns lists the drop-ins of a unit with these names, in the order in which
// they are read: by their file names; of two with one name, that of the first
// directory counts.
func (sc *scope) dropIns(s *timeline.Source, names []string) []string {
	byName := map[string]string{}
	var order []string
	for _, n := range names {
		for _, dd := range dropInDirs(n) {
			for _, d := range sc.dirs {
				for _, p := range s.Files(literal(d+"/"+dd) + "/*.conf") {
					base := path.Base(p)
					if byName[base] == "" && len(order) < maxFiles {
						byName[base] = p
						order = append(order, base)
					}
				}
			}
		}
	}
	slices.Sort(order)
	out := make([]string, len(order))
	for i, b := range order {
		out[i] = byName[b]
	}
	return out
}

// wants are the directories' endings by which one unit pulls in others.
var wants = [...]string{"wants", "requires", "upholds"}

// enabling is a link that has a unit started with another.
type enabling struct {
	path string
	by   string // the unit that it is started with
	name string // of the link: the unit, or an instance of it
	dir  string // of the search path
}

// enablings lists the links that start a unit, or instances of a template.
func (sc *scope) enablings(s *timeline.Source, name string) []enabling {
	var out []enabling
	patterns := []string{literal(name)}
	if isTemplate(name) {
		i := strings.IndexByte(name, '@')
		patterns = append(patterns, literal(name[:i+1])+"*"+literal(name[i+1:]))
	}
	var seen []string
	for _, d := range sc.dirs {
		for _, pat := range patterns {
			for _, p := range s.Files(literal(d) + "/*.*s/" + pat) {
				dir := path.Base(path.Dir(p))
				by, how := strings.TrimSuffix(dir, path.Ext(dir)), strings.TrimPrefix(path.Ext(dir), ".")
				if !slices.Contains(wants[:], how) || len(out) == maxFiles || slices.Contains(seen, usr(p)) {
					continue
				}
				seen = append(seen, usr(p))
				out = append(out, enabling{p, by, path.Base(p), d})
			}
		}
	}
	return out
}
