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

	src   *timeline.Source
	names map[string][]string // what lies in dirs, as far as it was asked for
	seen  map[string]bool     // the same by path
}

// bind makes a scope that looks into the server of s. Where /lib is a link to
// /usr/lib, one of the two is enough.
func (sc scope) bind(s *timeline.Source) *scope {
	sc.src, sc.names, sc.seen = s, map[string][]string{}, map[string]bool{}
	if s.Link("/lib") != nil {
		sc.dirs = slices.DeleteFunc(slices.Clone(sc.dirs), func(d string) bool { return strings.HasPrefix(d, "/lib/") })
	}
	return &sc
}

// list gives the names in one of the directories, sorted.
func (sc *scope) list(dir string) []string {
	names, ok := sc.names[dir]
	if !ok {
		for _, p := range sc.src.Files(timeline.Literal(dir) + "/*") {
			names = append(names, path.Base(p))
			sc.seen[p] = true
		}
		sc.names[dir] = names
	}
	return names
}

// has reports whether one of the directories has a name.
func (sc *scope) has(dir, name string) bool {
	sc.list(dir)
	return sc.seen[dir+"/"+name]
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
	return len(s.Files(timeline.Literal(p))) > 0
}

// usr gives the path that a file has where /lib is a link to /usr/lib.
func usr(p string) string {
	if strings.HasPrefix(p, "/lib/") {
		return "/usr" + p
	}
	return p
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
func (sc *scope) dropIns(names []string) []string {
	byName := map[string]string{}
	var order []string
	for _, n := range names {
		for _, dd := range dropInDirs(n) {
			for _, d := range sc.dirs {
				if !sc.has(d, dd) {
					continue
				}
				for _, p := range sc.src.Files(timeline.Literal(d+"/"+dd) + "/*.conf") {
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
func (sc *scope) enablings(name string) []enabling {
	var out []enabling
	patterns := []string{timeline.Literal(name)}
	if isTemplate(name) {
		i := strings.IndexByte(name, '@')
		patterns = append(patterns, timeline.Literal(name[:i+1])+"*"+timeline.Literal(name[i+1:]))
	}
	var seen []string
	for _, d := range sc.dirs {
		for _, dir := range sc.list(d) {
			if !slices.Contains(wants[:], strings.TrimPrefix(path.Ext(dir), ".")) {
				continue
			}
			for _, pat := range patterns {
				for _, p := range sc.src.Files(timeline.Literal(d+"/"+dir) + "/" + pat) {
					if len(out) < maxFiles && !slices.Contains(seen, usr(p)) {
						seen = append(seen, usr(p))
						out = append(out, enabling{p, strings.TrimSuffix(dir, path.Ext(dir)), path.Base(p), d})
					}
				}
			}
		}
	}
	return out
}
