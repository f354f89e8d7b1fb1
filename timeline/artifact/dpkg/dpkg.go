// Package dpkg reads what Debian's package manager remembers: the packages that
// are installed, and the logs of dpkg and apt.
package dpkg

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Extractor yields a record for each package of dpkg's status file, and one for
// each line of its log.
var Extractor = timeline.Extractor{
	Name: "dpkg",
	Doc: `Packages as dpkg knows them (kind package: package, version, arch, state, source, section; the time is that of the package's list of
files, which dpkg writes when it unpacks), and the lines of dpkg.log (kind package-event: action, package, arch, version, old_version, state, path of a
configuration file), and those of alternatives.log (action alternative-set, alternative-removed or the first word; name of the group of links, path it leads
to, command).

Formats: dpkg(1), https://manpages.debian.org/dpkg; deb822(5), https://manpages.debian.org/deb822; the log as lib/dpkg/log.c writes it, and
update-alternatives(1), both in the server's own time.`,
	Paths: []string{"/var/lib/dpkg/status", "/var/lib/dpkg/status.d/*", "/var/log/dpkg.log*", "/var/log/alternatives.log*"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if strings.HasPrefix(path.Base(s.Path), "dpkg.log") {
			return log(ctx, s)
		}
		if strings.HasPrefix(path.Base(s.Path), "alternatives.log") {
			return alternatives(ctx, s)
		}
		return status(ctx, s)
	},
}

// stanza is a paragraph of deb822: its fields by their names, and where it stands.
type stanza struct {
	fields map[string]string
	line   int
	offset int64
	length int64
}

// maxField is how much of a field's value is kept, in bytes.
const maxField = 1 << 20

// stanzas yields the paragraphs of a file. Lines that go on are joined with
// line feeds.
func stanzas(ctx context.Context, s *timeline.Source) iter.Seq2[*stanza, error] {
	return func(yield func(*stanza, error) bool) {
		var p *stanza
		name := ""
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if strings.TrimSpace(text) == "" {
				if p != nil && !yield(p, nil) {
					return
				}
				p, name = nil, ""
				continue
			}
			if p == nil {
				p = &stanza{fields: map[string]string{}, line: l.Number, offset: l.Offset}
			}
			p.length = l.Offset + int64(len(l.Text)) - p.offset
			if text[0] == ' ' || text[0] == '\t' {
				if v := p.fields[name]; name != "" && len(v)+len(text) < maxField {
					p.fields[name] = v + "\n" + strings.TrimSpace(text)
				}
				continue
			}
			key, value, ok := strings.Cut(text, ":")
			if !ok || key == "" || strings.ContainsAny(key, " \t") {
				if !yield(nil, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "neither a field nor the rest of one", nil)) {
					return
				}
				name = ""
				continue
			}
			if name = key; len(value) < maxField {
				p.fields[name] = strings.TrimSpace(value)
			}
		}
		if p != nil {
			yield(p, nil)
		}
	}
}

func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

// listNote says where the time of a package comes from.
const listNote = "the modification time of its list of files, written when it was unpacked last"

func status(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		for p, err := range stanzas(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			name := p.fields["Package"]
			if name == "" {
				if !yield(timeline.Record{}, s.Damage(p.offset, p.length, p.line, "a paragraph that names no package", nil)) {
					return
				}
				continue
			}
			f := map[string]string{"package": name, "manager": "dpkg"}
			put(f, "version", p.fields["Version"])
			put(f, "arch", p.fields["Architecture"])
			source, _, _ := strings.Cut(p.fields["Source"], " ")
			put(f, "source", source)
			put(f, "section", p.fields["Section"])
			put(f, "maintainer", p.fields["Maintainer"])
			words := strings.Fields(p.fields["Status"])
			if len(words) == 3 {
				f["state"] = words[2]
				if words[0] == "hold" {
					f["hold"] = "true"
				}
				if words[1] != "ok" {
					f["error"] = words[1]
				}
			} else {
				f["state"] = "installed" // status.d of images without dpkg
			}
			r := timeline.Record{Kind: timeline.KindPackage, Summary: summary(f) + ": " + f["state"], Fields: f, Evidence: s.Evidence(p.offset, p.length, p.line)}
			if list := listOf(s, name, p.fields["Architecture"]); list != nil && list.Inode != nil && list.Inode.Times.Modified.Known {
				what := "installed"
				if f["state"] != "installed" {
					what = "unpacked"
				}
				r.Stamps = []timeline.Stamp{{What: what, When: list.Inode.Times.Modified.Std(), Note: listNote}}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// listOf opens the list of a package's files.
func listOf(s *timeline.Source, name, arch string) *timeline.Source {
	if strings.ContainsAny(name+arch, "/\x00") {
		return nil
	}
	if l := s.Open("/var/lib/dpkg/info/" + name + ".list"); l != nil {
		return l
	}
	return s.Open("/var/lib/dpkg/info/" + name + ":" + arch + ".list")
}

func summary(f map[string]string) string {
	out := f["package"]
	for _, name := range [...]string{"version", "arch"} {
		if f[name] != "" {
			out += " " + f[name]
		}
	}
	return out
}

// events are the actions of dpkg's log.
var events = map[string]struct{ what, action string }{
	"install": {"installed", "install"}, "upgrade": {"upgraded", "upgrade"}, "remove": {"removed", "remove"}, "purge": {"removed", "purge"},
	"configure": {"configured", "configure"}, "trigproc": {"logged", "trigger"}, "disappear": {"removed", "disappear"}, "unpack": {"unpacked", "unpack"},
}

func log(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimRight(string(l.Text), " ")
			if text == "" {
				continue
			}
			when, note, n := clock.Parse(text)
			w := strings.Fields(text[n:])
			if n == 0 || len(w) < 2 {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of dpkg's log", nil)) {
					return
				}
				continue
			}
			f := map[string]string{"action": w[0], "manager": "dpkg", "message": strings.TrimSpace(text[n:])}
			what := "logged"
			if e, ok := events[w[0]]; ok && len(w) >= 3 {
				what, f["action"] = e.what, e.action
				setPackage(f, w[1])
				put(f, "old_version", version(w[2]))
				if len(w) > 3 {
					put(f, "version", version(w[3]))
				}
				if f["version"] == "" && (w[0] == "configure" || w[0] == "trigproc") {
					f["version"] = f["old_version"]
					delete(f, "old_version")
				}
			} else if w[0] == "status" && len(w) >= 4 {
				f["state"] = w[1]
				setPackage(f, w[2])
				put(f, "version", version(w[3]))
			} else if w[0] == "conffile" && len(w) >= 3 {
				f["path"], f["decision"] = strings.Join(w[1:len(w)-1], " "), w[len(w)-1]
			}
			if !yield(timeline.Record{
				Kind: timeline.KindPackageEvent, Summary: "dpkg: " + f["message"], Fields: f,
				Stamps: []timeline.Stamp{{What: what, When: when, Note: note}}, Evidence: l.Evidence(),
			}, nil) {
				return
			}
		}
	}
}

// setPackage splits "name:arch".
func setPackage(f map[string]string, s string) {
	name, arch, _ := strings.Cut(s, ":")
	f["package"] = name
	put(f, "arch", arch)
}

// version is a version as the log writes it, "" for none.
func version(s string) string {
	if s == "<none>" {
		return ""
	}
	return s
}
