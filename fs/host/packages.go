package host

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/internal/rpmdb"
)

// PackageSet knows which paths the server's own package database lists. It
// says nothing of a server whose database cannot be read: see Known.
type PackageSet struct {
	Manager string  // "dpkg", "apk", "pacman", "rpm"; "" if none was found
	Count   int     // packages
	Damage  []error // parts of the database that could not be read
	Notes   []string

	owner   map[string]uint32 // path, aliases resolved, to its place in names
	names   []string
	aliases []alias
	host    *Host
}

// alias is a directory that is a link to another one since systems merged
// /bin into /usr/bin. Package lists use either name.
type alias struct{ from, to string }

// mergeable are the directories that distributions turned into links. Only
// these are followed: a link that an intruder made must not lend the name of a
// package to what it leads to.
// https://www.freedesktop.org/wiki/Software/systemd/TheCaseForTheUsrMerge/
var mergeable = []alias{
	{"/bin", "/usr/bin"}, {"/sbin", "/usr/sbin"}, {"/sbin", "/usr/bin"}, {"/usr/sbin", "/usr/bin"}, {"/lib", "/usr/lib"}, {"/lib32", "/usr/lib32"},
	{"/lib64", "/usr/lib64"}, {"/lib64", "/usr/lib"}, {"/libx32", "/usr/libx32"}, {"/libo32", "/usr/libo32"}, {"/usr/lib64", "/usr/lib"},
	{"/var/run", "/run"}, {"/var/lock", "/run/lock"},
}

// Known reports whether a package database was read.
func (s *PackageSet) Known() bool { return s.Manager != "" }

// Len is the number of paths.
func (s *PackageSet) Len() int { return len(s.owner) }

// Contains reports whether a package lists the path.
func (s *PackageSet) Contains(p string) bool {
	_, ok := s.owner[s.resolve(p)]
	return ok
}

// Owner is the package that lists the path; "" if none does. Of several, it
// is the first by name.
func (s *PackageSet) Owner(p string) string {
	if i, ok := s.owner[s.resolve(p)]; ok {
		return s.names[i]
	}
	return ""
}

func (s *PackageSet) resolve(p string) string {
	for _, a := range s.aliases {
		if len(p) > len(a.from) && p[len(a.from)] == '/' && p[:len(a.from)] == a.from {
			p = a.to + p[len(a.from):]
		}
	}
	return p
}

func (s *PackageSet) add(p string, owner uint32) {
	p = s.resolve(strings.TrimSuffix(p, "/"))
	if p == "" || p == "/." {
		return
	}
	if was, ok := s.owner[p]; !ok || s.names[owner] < s.names[was] {
		s.owner[p] = owner
	}
}

func (s *PackageSet) addPackage(name string) uint32 {
	s.names = append(s.names, name)
	s.Count++
	return uint32(len(s.names) - 1)
}

// Packaged reads the server's package database, once.
func (h *Host) Packaged() *PackageSet {
	h.packageOnce.Do(func() {
		s := &PackageSet{owner: map[string]uint32{}, host: h}
		for _, m := range mergeable {
			if _, in, _, err := h.Find(m.from, false); err != nil || in.Mode.Type() != filesystem.Symlink {
				continue
			}
			_, _, to, err := h.Find(m.to, true)
			if err != nil {
				continue
			}
			if _, _, real, err := h.Find(m.from, true); err == nil && real == to {
				s.aliases = append(s.aliases, alias{m.from, to})
			}
		}
		s.readDpkg()
		s.readApk()
		s.readPacman()
		s.readRpm()
		h.packages = s
	})
	return h.packages
}

// maxList is the most that is read of one list of a package database; the
// largest of Debian has about 10 MiB.
const maxList = 128 << 20

func (s *PackageSet) read(c Child, p string) []byte {
	f, err := s.host.OpenNode(c.Node, p)
	if err != nil {
		s.Damage = append(s.Damage, err)
		return nil
	}
	b, err := f.ReadAll(maxList)
	if err != nil {
		s.Damage = append(s.Damage, err)
	}
	return b
}

const dpkgInfo = "/var/lib/dpkg/info"

// infoFiles lists the files of dpkg's info directory that end in suffix, by
// the name of their package.
func (h *Host) infoFiles(suffix string) iter.Seq2[string, Child] {
	return func(yield func(string, Child) bool) {
		for _, c := range h.listQuiet(dpkgInfo) {
			if name, ok := strings.CutSuffix(c.Name, suffix); ok && name != "" && c.Type != filesystem.Directory {
				if !yield(name, c) {
					return
				}
			}
		}
	}
}

// readDpkg: /var/lib/dpkg/info/*.list, one path a line, and the diversions.
// https://manpages.debian.org/dpkg-query, https://wiki.debian.org/DpkgDiversions
func (s *PackageSet) readDpkg() {
	diverted := s.diversions()
	for name, c := range s.host.infoFiles(".list") {
		s.Manager = "dpkg"
		id := s.addPackage(name)
		plain, _, _ := strings.Cut(name, ":")
		for rest := string(s.read(c, dpkgInfo+"/"+c.Name)); rest != ""; {
			var p string
			p, rest, _ = strings.Cut(rest, "\n")
			if len(p) < 2 || p[0] != '/' {
				continue
			}
			if d, ok := diverted[p]; ok && d.by != plain {
				p = d.to
			}
			s.add(p, id)
		}
	}
}

// diversion is where dpkg puts a file instead of the path that a package
// lists, unless the package is the one that diverts.
type diversion struct{ to, by string }

// diversions reads /var/lib/dpkg/diversions: three lines each, from, to, and the
// package that diverts, ":" if the administrator did.
func (s *PackageSet) diversions() map[string]diversion {
	out := map[string]diversion{}
	l := lines(s.host.config("/var/lib/dpkg/diversions"))
	for i := 0; i+2 < len(l); i += 3 {
		out[string(l[i])] = diversion{to: string(l[i+1]), by: string(l[i+2])}
	}
	return out
}

// readApk: Alpine's database, where "P:" names the package, "F:" a directory
// without its leading slash and "R:" a file in it.
// https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2
func (s *PackageSet) readApk() {
	for _, p := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		b, err := s.host.ReadFile(p, maxList)
		if err != nil && !absent(err) {
			s.Damage = append(s.Damage, err)
		}
		if len(b) == 0 {
			continue
		}
		s.Manager = "apk"
		id, dir := uint32(0), ""
		for rest := string(b); rest != ""; {
			var l string
			l, rest, _ = strings.Cut(rest, "\n")
			if len(l) < 2 || l[1] != ':' {
				continue
			}
			switch v := l[2:]; l[0] {
			case 'P':
				id = s.addPackage(v)
			case 'F':
				dir = "/" + v
				if v == "" {
					dir = ""
				}
				if s.Count > 0 {
					s.add(dir, id)
				}
			case 'R':
				if s.Count > 0 {
					s.add(dir+"/"+v, id)
				}
			}
		}
		return
	}
}

// readPacman: a directory for each package with a file "files", where the
// paths follow "%FILES%" without a leading slash.
// https://man.archlinux.org/man/alpm-files.5
func (s *PackageSet) readPacman() {
	const local = "/var/lib/pacman/local"
	for _, pkg := range s.host.listQuiet(local) {
		if pkg.Type != filesystem.Directory {
			continue
		}
		for _, c := range s.host.listQuiet(local + "/" + pkg.Name) {
			if c.Name != "files" {
				continue
			}
			s.Manager = "pacman"
			id := s.addPackage(pkg.Name)
			in := false
			for rest := string(s.read(c, local+"/"+pkg.Name+"/files")); rest != ""; {
				var l string
				l, rest, _ = strings.Cut(rest, "\n")
				if strings.HasPrefix(l, "%") {
					in = l == "%FILES%"
				} else if in && l != "" {
					s.add("/"+l, id)
				}
			}
		}
	}
}

// rpmDatabases are where rpm keeps its database, and under which name. The first
// that is there counts.
// https://github.com/rpm-software-management/rpm/tree/rpm-4.18.0-release/lib/backend
var rpmDatabases = []string{
	"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages.db", "/var/lib/rpm/Packages",
	"/usr/lib/sysimage/rpm/Packages", "/usr/share/rpm/rpmdb.sqlite",
}

// readRpm: the paths of the packages' headers.
func (s *PackageSet) readRpm() {
	if s.Manager != "" {
		return // rpm is a tool there, not the system's own manager
	}
	for _, name := range rpmDatabases {
		f, err := s.host.Open(name)
		if err != nil {
			if !absent(err) {
				s.Damage = append(s.Damage, err)
			}
			continue
		}
		failed := func(err error) { s.Damage = append(s.Damage, f.Mount.pathError(name, f.Inode.Inum, err)) }
		var wal *File
		var db *rpmdb.DB
		if wal, err = s.host.Open(name + "-wal"); err == nil && wal.Size() > 0 {
			db, err = rpmdb.Open(f, f.Size(), wal, wal.Size())
		} else {
			db, err = rpmdb.Open(f, f.Size(), nil, 0)
		}
		if err != nil {
			failed(err)
			continue
		}
		for p, err := range db.Packages(context.Background()) {
			if err != nil {
				failed(err)
				continue
			}
			if p.Name == "gpg-pubkey" {
				continue // a key, which has no files
			}
			s.Manager = "rpm"
			id := s.addPackage(p.Name)
			for _, path := range p.Paths() {
				s.add(path, id)
			}
		}
		if s.Manager != "" {
			return
		}
	}
}

// PackagedFile is a file with the checksum that its package shipped it with.
type PackagedFile struct {
	Package  string
	Path     string // where it lies on the server: diversions and merged directories are resolved
	MD5      string // lower-case hexadecimal; "" if the package has none
	Conffile bool   // a configuration file, which the administrator may change
}

// Sums yields the checksums of dpkg's database: those of info/*.md5sums, then
// the configuration files of the status file. An error concerns one list.
func (s *PackageSet) Sums() iter.Seq2[PackagedFile, error] {
	return func(yield func(PackagedFile, error) bool) {
		if s.Manager != "dpkg" {
			return
		}
		diverted := s.diversions()
		place := func(pkg, p string) string {
			if d, ok := diverted[p]; ok && d.by != pkg {
				p = d.to
			}
			return s.resolve(p)
		}
		for name, c := range s.host.infoFiles(".md5sums") {
			pkg, _, _ := strings.Cut(name, ":")
			file := dpkgInfo + "/" + c.Name
			f, err := s.host.OpenNode(c.Node, file)
			var b []byte
			if err == nil {
				b, err = f.ReadAll(maxList)
			}
			if err != nil && !yield(PackagedFile{Package: name}, err) {
				return
			}
			for i, l := range bytes.Split(b, []byte("\n")) {
				if len(l) == 0 {
					continue
				}
				sum, p, ok := strings.Cut(string(l), "  ")
				if !ok || !isMD5(sum) {
					if !yield(PackagedFile{Package: name}, fmt.Errorf("%s: line %d is not a checksum and a path", file, i+1)) {
						return
					}
					continue
				}
				p = "/" + strings.TrimPrefix(strings.TrimPrefix(p, "./"), "/")
				if !yield(PackagedFile{Package: name, Path: place(pkg, p), MD5: strings.ToLower(sum)}, nil) {
					return
				}
			}
		}
		b, err := s.host.ReadFile("/var/lib/dpkg/status", maxList)
		if err != nil && !yield(PackagedFile{}, err) {
			return
		}
		pkg, in := "", false
		for _, l := range bytes.Split(b, []byte("\n")) {
			line := string(l)
			switch {
			case line == "":
				pkg, in = "", false
			case line[0] != ' ':
				in = line == "Conffiles:"
				if v, ok := strings.CutPrefix(line, "Package: "); ok {
					pkg = v
				}
			case in:
				// " /etc/x 0123... obsolete"; the path may hold blanks, the rest does not.
				w := strings.Split(line[1:], " ")
				at := slices.IndexFunc(w, isMD5)
				if at < 1 || slices.Contains(w[at:], "obsolete") || slices.Contains(w[at:], "remove-on-upgrade") {
					continue
				}
				if !yield(PackagedFile{Package: pkg, Path: place(pkg, strings.Join(w[:at], " ")), MD5: w[at], Conffile: true}, nil) {
					return
				}
			}
		}
	}
}

func isMD5(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 16
}
