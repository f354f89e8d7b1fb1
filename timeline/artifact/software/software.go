// Package software reads what other managers of software than the system's own
// remember: snap and flatpak, the package managers of languages; and the
// kernels that are installed.
package software

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// changedNote says where a time comes from that no database holds.
const changedNote = "when the inode of the file was changed last; the package was installed then or before"

// installed is that time, as stamps.
func installed(s *timeline.Source) []timeline.Stamp {
	if s.Inode == nil || !s.Inode.Times.Changed.Known {
		return nil
	}
	return []timeline.Stamp{{What: "installed", When: s.Inode.Times.Changed.Std(), Note: changedNote}}
}

func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

// packageRecord is the record of a package that one file tells of.
func packageRecord(s *timeline.Source, f map[string]string) timeline.Record {
	f["state"] = "installed"
	return timeline.Record{
		Kind: timeline.KindPackage, Summary: f["manager"] + ": " + strings.TrimSpace(f["package"]+" "+f["version"]), Stamps: installed(s), Fields: f,
		Evidence: s.Evidence(0, s.Size, 0),
	}
}

// maxState bounds the file that snapd keeps its state in, and the other files
// that are read whole.
const maxState = 64 << 20

// Snap yields a record for each snap, and one for each change that snapd made.
var Snap = timeline.Extractor{
	Name: "snap",
	Doc: `Snaps (kind package: package, version as the revision, channel, state, confinement type) and what snapd did (kind package-event: action, package, message,
state; started and ended).

Format: snapd's state.json, https://github.com/canonical/snapd/blob/master/overlord/state/state.go and overlord/snapstate/snapmgr.go.`,
	Paths: []string{"/var/lib/snapd/state.json"},
	Run:   snap,
}

type snapState struct {
	Data struct {
		Snaps map[string]struct {
			Type     string
			Active   bool
			Current  json.RawMessage
			Channel  string
			Sequence json.RawMessage
		}
	}
	Changes map[string]struct {
		Kind, Summary string
		Status        int
		SpawnTime     time.Time `json:"spawn-time"`
		ReadyTime     time.Time `json:"ready-time"`
		Data          map[string]json.RawMessage
	}
}

func snap(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		b, errs := timeline.Whole(ctx, s, maxState)
		for _, err := range errs {
			if !yield(timeline.Record{}, err) {
				return
			}
		}
		var st snapState
		if err := json.Unmarshal(b, &st); err != nil {
			if !yield(timeline.Record{}, s.Damage(jsonOffset(err), 0, 0, "what snapd keeps cannot be read whole", err)) {
				return
			}
		}
		ev := s.Evidence(0, s.Size, 0)
		for _, name := range sorted(st.Data.Snaps) {
			v := st.Data.Snaps[name]
			f := map[string]string{"manager": "snap", "package": name, "state": "disabled"}
			if v.Active {
				f["state"] = "installed"
			}
			put(f, "version", strings.Trim(string(v.Current), `"`))
			put(f, "channel", v.Channel)
			put(f, "type", v.Type)
			r := timeline.Record{Kind: timeline.KindPackage, Summary: "snap: " + strings.TrimSpace(name+" "+f["version"]) + ": " + f["state"], Fields: f, Evidence: ev}
			if !yield(r, nil) {
				return
			}
		}
		for _, id := range sorted(st.Changes) {
			c := st.Changes[id]
			f := map[string]string{"manager": "snap", "action": c.Kind, "message": c.Summary, "change": id}
			var names []string
			if json.Unmarshal(c.Data["snap-names"], &names) == nil {
				put(f, "package", strings.Join(names, " "))
			}
			var stamps []timeline.Stamp
			if !c.SpawnTime.IsZero() {
				stamps = append(stamps, timeline.Stamp{What: "started", When: c.SpawnTime.UTC()})
			}
			if !c.ReadyTime.IsZero() {
				stamps = append(stamps, timeline.Stamp{What: "ended", When: c.ReadyTime.UTC()})
			}
			if !yield(timeline.Record{Kind: timeline.KindPackageEvent, Summary: "snap: " + c.Summary, Stamps: stamps, Fields: f, Evidence: ev}, nil) {
				return
			}
		}
	}
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// jsonOffset is where the reading of JSON failed; -1 if it does not say.
func jsonOffset(err error) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	return -1
}

// Flatpak yields a record for each deployed application and runtime.
var Flatpak = timeline.Extractor{
	Name: "flatpak",
	Doc: `Applications and runtimes that flatpak has deployed: package (its id), arch, branch, commit, type (app, runtime), command, account of one that is installed
for one account.

Format: https://docs.flatpak.org/en/latest/flatpak-command-reference.html#flatpak-metadata; the folders are
TYPE/ID/ARCH/BRANCH/COMMIT.`,
	Paths: []string{
		"/var/lib/flatpak/app/*/*/*/*/metadata", "/var/lib/flatpak/runtime/*/*/*/*/metadata",
		"~/.local/share/flatpak/app/*/*/*/*/metadata", "~/.local/share/flatpak/runtime/*/*/*/*/metadata",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return func(yield func(timeline.Record, error) bool) {
			parts := strings.Split(s.Path, "/")
			if len(parts) < 7 || parts[len(parts)-2] == "active" {
				return // the link to the commit that is told of by its own name
			}
			p := parts[len(parts)-6:]
			f := map[string]string{"manager": "flatpak", "type": p[0], "package": p[1], "arch": p[2], "branch": p[3], "commit": p[4]}
			put(f, "account", s.Account)
			for l, err := range timeline.Lines(ctx, s) {
				if err != nil {
					if !yield(timeline.Record{}, err) {
						return
					}
					continue
				}
				if v, ok := strings.CutPrefix(string(l.Text), "command="); ok && f["command"] == "" {
					f["command"] = v
				}
			}
			yield(packageRecord(s, f), nil)
		}
	},
}

// places are folders that Python packages lie in; those of the system's own
// packages are marked by their INSTALLER.
var places = []string{
	"/usr/local/lib/python*/dist-packages", "/usr/local/lib/python*/site-packages", "/usr/local/lib64/python*/site-packages", "/usr/lib/python*/site-packages", "/usr/lib64/python*/site-packages",
	"/usr/lib/python*/dist-packages", "/opt/*/lib/python*/site-packages", "/opt/*/*/lib/python*/site-packages", "/srv/*/*/lib/python*/site-packages", "~/.local/lib/python*/site-packages",
	"~/.local/share/pipx/venvs/*/lib/python*/site-packages",
}

func pythonPaths() []string {
	var out []string
	for _, p := range places {
		out = append(out, p+"/*.dist-info/METADATA", p+"/*.egg-info/PKG-INFO", p+"/*.egg-info")
	}
	return out
}

// Python yields a record for each installed Python package.
var Python = timeline.Extractor{
	Name: "python-packages",
	Doc: `Python packages that are installed: package, version, installer (pip, debian, rpm, ...), requested (asked for by name), account of one in a home.

Formats: https://packaging.python.org/en/latest/specifications/core-metadata/ and recording-installed-packages/.`,
	Paths: pythonPaths(),
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return func(yield func(timeline.Record, error) bool) {
			f := map[string]string{"manager": "python", "path": path.Dir(s.Path)}
			for l, err := range timeline.Lines(ctx, s) {
				if err != nil {
					if !yield(timeline.Record{}, err) {
						return
					}
					continue
				}
				key, value, ok := strings.Cut(string(l.Text), ": ")
				if !ok {
					break // the description follows
				}
				switch key {
				case "Name":
					f["package"] = value
				case "Version":
					f["version"] = value
				}
				if f["package"] != "" && f["version"] != "" {
					break
				}
			}
			if f["package"] == "" {
				yield(timeline.Record{}, s.Damage(0, s.Size, 0, "names no package", nil))
				return
			}
			if in := s.Open(path.Dir(s.Path) + "/INSTALLER"); in != nil {
				b, _ := timeline.Whole(ctx, in, 256)
				put(f, "installer", strings.TrimSpace(string(b)))
			}
			if s.Open(path.Dir(s.Path)+"/REQUESTED") != nil {
				f["requested"] = "true"
			}
			put(f, "account", s.Account)
			yield(packageRecord(s, f), nil)
		}
	},
}

// Node yields a record for each package of npm that is installed for all.
var Node = timeline.Extractor{
	Name: "npm-packages",
	Doc: `Packages of npm that are installed for the whole server or an account, not those of a project: package, version, scripts that run at an installation
(preinstall, install, postinstall), account.

Format: https://docs.npmjs.com/cli/configuring-npm/package-json.`,
	Paths: []string{
		"/usr/lib/node_modules/*/package.json", "/usr/lib/node_modules/@*/*/package.json", "/usr/local/lib/node_modules/*/package.json", "/usr/local/lib/node_modules/@*/*/package.json",
		"~/.npm-global/lib/node_modules/*/package.json", "~/.nvm/versions/node/*/lib/node_modules/*/package.json", "~/.nvm/versions/node/*/lib/node_modules/@*/*/package.json",
		"/opt/*/lib/node_modules/*/package.json",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return func(yield func(timeline.Record, error) bool) {
			b, errs := timeline.Whole(ctx, s, maxState)
			for _, err := range errs {
				if !yield(timeline.Record{}, err) {
					return
				}
			}
			var p struct {
				Name, Version string
				Scripts       map[string]string
			}
			if err := json.Unmarshal(b, &p); err != nil && p.Name == "" {
				yield(timeline.Record{}, s.Damage(jsonOffset(err), 0, 0, "no package.json", err))
				return
			}
			f := map[string]string{"manager": "npm", "package": p.Name, "version": p.Version}
			for _, name := range [...]string{"preinstall", "install", "postinstall"} {
				put(f, name, p.Scripts[name])
			}
			put(f, "account", s.Account)
			yield(packageRecord(s, f), nil)
		}
	},
}

// Gems yields a record for each Ruby gem.
var Gems = timeline.Extractor{
	Name: "ruby-gems",
	Doc: `Ruby gems that are installed: package, version, platform, account. They are told by the names of their specifications.

Format: NAME-VERSION[-PLATFORM].gemspec, https://guides.rubygems.org/specification-reference/.`,
	Paths: []string{
		"/var/lib/gems/*/specifications/*.gemspec", "/usr/local/lib/ruby/gems/*/specifications/*.gemspec", "/usr/lib/ruby/gems/*/specifications/*.gemspec", "/usr/share/gems/specifications/*.gemspec",
		"/usr/lib64/gems/*/*/*/specifications/*.gemspec", "~/.gem/ruby/*/specifications/*.gemspec", "~/.local/share/gem/ruby/*/specifications/*.gemspec",
		"~/.rbenv/versions/*/lib/ruby/gems/*/specifications/*.gemspec",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return func(yield func(timeline.Record, error) bool) {
			name, version, platform := gem(strings.TrimSuffix(path.Base(s.Path), ".gemspec"))
			f := map[string]string{"manager": "gem", "package": name}
			put(f, "version", version)
			put(f, "platform", platform)
			put(f, "account", s.Account)
			yield(packageRecord(s, f), nil)
		}
	},
}

// gem splits a gem's full name: the version begins with the first part that
// begins with a digit and holds digits, letters and points only.
func gem(full string) (name, version, platform string) {
	for i := 1; i < len(full); i++ {
		if full[i-1] != '-' || full[i] < '0' || full[i] > '9' {
			continue
		}
		version, platform, _ = strings.Cut(full[i:], "-")
		return full[:i-1], version, platform
	}
	return full, "", ""
}
