package triage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// file is a file to collect. Its path is free of symbolic links.
type file struct {
	path string
	node host.Node
	typ  filesystem.FileType
	why  string // the extractor or the group that wants it
}

// selector decides what to collect.
type selector struct {
	ctx   context.Context
	h     *host.Host
	opt   *Options
	files map[string]*file
	fail  func(p string, n host.Node, err error)

	messages map[string]bool // the system's own logs, if they are not wanted; true once it was said of one
	omitted  []Omitted
}

// Omitted is a file that would have been collected, but for an option.
type Omitted struct {
	Path string
	Why  string
}

// excluded reports whether the user does not want a path.
func (o *Options) excluded(p string) bool {
	for _, x := range o.Exclude {
		if x.Fits(p) {
			return true
		}
	}
	return false
}

// run selects everything.
func (s *selector) run() error {
	if !s.opt.Messages {
		s.messages = map[string]bool{}
		for _, g := range Groups {
			if g.When != Messages {
				continue
			}
			for _, p := range s.globs(g.Patterns) {
				if _, _, real, err := s.h.Find(p, false); err == nil {
					s.messages[real] = false
				}
			}
		}
	}
	s.add("/", "root")
	for _, c := range s.list("/") { // /bin -> usr/bin and its kin, and the places of mounts
		s.add("/"+c.Name, "root")
	}
	for _, e := range artifact.All {
		for _, p := range artifact.Files(s.h, e) {
			s.add(p, e.Name)
		}
		// Files lists one of several names; the others are wanted as well.
		for _, p := range s.globs(e.Paths) {
			if !e.Rest {
				s.add(p, e.Name)
			}
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	for _, g := range Groups {
		if g.When == Backup && !s.opt.Backup || g.When == Messages && !s.opt.Messages {
			continue
		}
		for _, p := range s.globs(g.Patterns) {
			s.add(p, g.Name)
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	if err := s.suspicious(); err != nil {
		return err
	}
	s.byTime()
	return s.ctx.Err()
}

func (s *selector) globs(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		out = append(out, s.h.Glob(p)...)
	}
	return out
}

func (s *selector) list(dir string) []host.Child {
	n, in, real, err := s.h.Find(dir, true)
	if err != nil || in.Mode.Type() != filesystem.Directory {
		return nil
	}
	list, err := s.h.List(n, real)
	if err != nil {
		s.fail(real, n, err)
	}
	return list
}

// add takes a file, the directories above it, the links that lead to it, and what
// it leads to if it is a link to a file.
func (s *selector) add(p, why string) { s.take(p, why, 0) }

func (s *selector) take(p, why string, depth int) {
	if depth > 8 {
		return
	}
	n, in, real, err := s.h.Find(p, false)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.fail(p, host.Node{}, err)
		}
		return
	}
	if n.Mount == nil || s.files[real] != nil || s.opt.excluded(real) {
		return
	}
	if said, ok := s.messages[real]; ok && in.Mode.Type() != filesystem.Directory {
		if !said {
			s.omitted = append(s.omitted, Omitted{real, "a log of the system, which was not asked for"})
			s.messages[real] = true
		}
		return
	}
	t := in.Mode.Type()
	if t == filesystem.Unknown || t == filesystem.Socket || t == filesystem.Whiteout {
		return // a tarball has no form for them; the list of the tree has them
	}
	s.files[real] = &file{real, n, t, why}
	if real != p {
		// The links on the way, so that the path leads there in the collection too.
		for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if _, in, _, err := s.h.Find(dir, false); err == nil && in.Mode.Type() == filesystem.Symlink {
				s.take(dir, why, depth+1)
			}
		}
	}
	for dir := path.Dir(real); s.files[dir] == nil; dir = path.Dir(dir) {
		dn, din, _, err := s.h.Find(dir, false)
		if err != nil || dn.Mount == nil || din.Mode.Type() != filesystem.Directory {
			break
		}
		s.files[dir] = &file{dir, dn, filesystem.Directory, "directory"}
		if dir == "/" {
			break
		}
	}
	if t == filesystem.Symlink {
		if _, in, to, err := s.h.Find(p, true); err == nil && in.Mode.Type() == filesystem.Regular {
			s.take(to, why, depth+1)
		}
	}
}

// suspect is a file that may be taken for what its first bytes say.
type suspect struct {
	path string
	node host.Node
	why  string
	want func(magic string) bool
}

// suspicious takes scripts and programs of web roots, temporary directories,
// homes, and files in /dev.
func (s *selector) suspicious() error {
	var list []suspect
	seen := map[string]bool{}
	below := func(root, why string, deep bool, visit func(p, real string, in *filesystem.Inode, n host.Node)) {
		pattern := timeline.Literal(strings.TrimSuffix(root, "/")) + "/*"
		if deep {
			pattern += "*"
		}
		for _, p := range s.h.Glob(pattern) {
			n, in, real, err := s.h.Find(p, false)
			if err != nil {
				if !errors.Is(err, fs.ErrNotExist) {
					s.fail(p, host.Node{}, err)
				}
				continue
			}
			if n.Mount == nil || seen[why+real] {
				continue
			}
			seen[why+real] = true
			visit(p, real, in, n)
		}
	}
	for _, root := range s.h.WebRoots() {
		below(root, "web-root", true, func(p, real string, in *filesystem.Inode, n host.Node) {
			name := strings.ToLower(path.Base(p))
			switch {
			case s.opt.Backup, scripts[path.Ext(name)], scriptNames[name]:
				s.add(p, "web-root")
			case in.Mode.Type() == filesystem.Regular && in.Size > 0:
				list = append(list, suspect{real, n, "web-root", func(m string) bool { return programs[m] }})
			}
		})
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	for _, root := range temporary {
		below(root, "temporary", true, func(p, real string, in *filesystem.Inode, n host.Node) {
			name := path.Base(p)
			regular := in.Mode.Type() == filesystem.Regular
			switch {
			case s.opt.Backup, regular && in.Mode&0o111 != 0, regular && (scripts[path.Ext(name)] || name[0] == '.'):
				s.add(p, "temporary")
			case regular && in.Size > 0:
				list = append(list, suspect{real, n, "temporary", func(m string) bool { return programs[m] || loot[m] }})
			}
		})
	}
	below("/dev", "device-directory", true, func(p, real string, in *filesystem.Inode, n host.Node) {
		if in.Mode.Type() == filesystem.Regular {
			s.add(p, "device-directory")
		}
	})
	for _, home := range s.h.Homes() {
		if s.h.Account(strings.TrimSuffix(home.Path, "/")+"/x") == "" {
			continue // a directory of everybody, which a system account has for its home
		}
		below(home.Path, "home", false, func(p, real string, in *filesystem.Inode, n host.Node) {
			if in.Mode.Type() == filesystem.Regular && in.Size > 0 {
				list = append(list, suspect{real, n, "home", func(m string) bool { return programs[m] }})
			}
		})
	}
	wanted := make([]bool, len(list))
	err := content.InDiskOrder(s.ctx, len(list), 0, func(i int) int64 { return int64(list[i].node.Inum) }, func(w *content.Worker, i int) {
		c, err := w.Open(list[i].node.Mount.FS, list[i].node.Inum)
		if c == nil || err != nil && c.Size() == 0 {
			return // what cannot be read is said where it is collected or hashed
		}
		n, err := content.Head(c, w.A[:content.HeadSize])
		if err != nil {
			wanted[i] = true // it cannot be told; collecting it says why
			return
		}
		magic, _ := content.Type(w.A[:n])
		wanted[i] = list[i].want(magic)
	})
	for i := range list {
		if wanted[i] {
			s.add(list[i].path, list[i].why)
		}
	}
	return err
}

// isRotated tells the logs that were rotated away from those that are written.
func isRotated(p string) (family string, ok bool) {
	dir := path.Dir(p)
	if !strings.HasPrefix(p, "/var/log/") && !strings.HasPrefix(p, "/var/adm/") && !slices.ContainsFunc(strings.Split(dir, "/"), func(e string) bool { return e == "log" || e == "logs" }) {
		return "", false
	}
	base := path.Base(p)
	if stem, _, ok := strings.Cut(base, "@"); ok && strings.Contains(base, ".journal") {
		return dir + "/" + stem + ".journal", true
	}
	r := timeline.RotationOf(p)
	return r.Family, r.Number >= 0 || r.Date != ""
}

// byTime leaves out rotated logs that were written last before the time that is
// asked for, and those that were begun after its end. A rotated log was begun when
// the one before it was written last.
func (s *selector) byTime() {
	type log struct {
		f    *file
		last time.Time
	}
	families := map[string][]log{}
	for _, f := range s.files {
		if f == nil || f.typ != filesystem.Regular {
			continue
		}
		family, ok := isRotated(f.path)
		if !ok {
			continue
		}
		in, err := f.node.Mount.FS.Inode(f.node.Inum)
		if err != nil || !in.Times.Modified.Known {
			continue
		}
		families[family] = append(families[family], log{f, in.Times.Modified.Std()})
	}
	drop := func(f *file, format string, t time.Time) {
		s.omitted = append(s.omitted, Omitted{f.path, fmt.Sprintf(format, t.Format(time.RFC3339))})
		delete(s.files, f.path)
	}
	for _, list := range families {
		slices.SortFunc(list, func(a, b log) int {
			if c := a.last.Compare(b.last); c != 0 {
				return c
			}
			return strings.Compare(a.f.path, b.f.path)
		})
		begun := time.Time{}
		for _, l := range list {
			switch {
			case !s.opt.Since.IsZero() && l.last.Before(s.opt.Since):
				drop(l.f, "a rotated log that ends before %s", s.opt.Since)
			case !s.opt.Until.IsZero() && !begun.IsZero() && !begun.Before(s.opt.Until):
				drop(l.f, "a rotated log that begins after %s", s.opt.Until)
			}
			begun = l.last
		}
	}
	slices.SortFunc(s.omitted, func(a, b Omitted) int { return strings.Compare(a.Path, b.Path) })
}
