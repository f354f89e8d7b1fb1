// Package rpm reads what rpm and its front ends remember: the packages that are
// installed, and the logs of yum, dnf and zypper.
package rpm

import (
	"context"
	"errors"
	"iter"
	"strings"

	"deadbox/internal/rpmdb"
	"deadbox/timeline"
)

// Extractor yields a record for each package of rpm's database.
var Extractor = timeline.Extractor{
	Name: "rpm",
	Doc: `Packages of rpm's database: package, version (epoch:version-release), arch, vendor, source, build_host, signed (the header holds a signature; it is not checked), state, files (how many), scripts (when
programs run: before installation, ...); the times of the installation and of the build. Keys that were imported are packages named gpg-pubkey.

Formats: rpm's header, https://rpm-software-management.github.io/rpm/manual/format_v4.html, in Berkeley DB's hash files, ndb
(https://github.com/rpm-software-management/rpm/blob/rpm-4.18.0-release/lib/backend/ndb/rpmpkg.c) and SQLite.`,
	Paths: []string{
		"/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages", "/usr/lib/sysimage/rpm/Packages.db",
		"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/share/rpm/rpmdb.sqlite", "/usr/share/rpm/Packages",
	},
	Run: packages,
}

func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

func packages(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		_, wal, size := s.WAL()
		db, err := rpmdb.Open(s.Data, s.Size, wal, size)
		if err != nil {
			yield(timeline.Record{}, s.Damage(0, s.Size, 0, "cannot be read", err))
			return
		}
		for p, err := range db.Packages(ctx) {
			if err != nil {
				if !yield(timeline.Record{}, s.Damage(offsetOf(err), 0, 0, "a part of rpm's database cannot be read", err)) {
					return
				}
				continue
			}
			f := map[string]string{"manager": "rpm", "package": p.Name, "version": p.FullVersion(), "state": "installed"}
			put(f, "arch", p.Arch)
			put(f, "vendor", p.Vendor)
			put(f, "source", p.SourceRPM)
			put(f, "build_host", p.BuildHost)
			if p.Signed {
				f["signed"] = "true"
			}
			if n := len(p.Paths()); n > 0 {
				put(f, "files", itoa(n))
			}
			var when []string
			for _, sc := range p.Scripts() {
				when = append(when, sc.When)
			}
			put(f, "scripts", strings.Join(when, ", "))
			var stamps []timeline.Stamp
			if !p.Installed.IsZero() {
				stamps = append(stamps, timeline.Stamp{What: "installed", When: p.Installed})
			}
			if !p.Built.IsZero() {
				stamps = append(stamps, timeline.Stamp{What: "built", When: p.Built})
			}
			r := timeline.Record{
				Kind: timeline.KindPackage, Summary: strings.TrimSpace(p.Name+" "+p.FullVersion()+" "+p.Arch) + ": installed", Stamps: stamps, Fields: f,
				Evidence: s.Evidence(p.Offset, p.Length, 0),
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// offsetOf is where a database is damaged; -1 if that has no single place.
func offsetOf(err error) int64 {
	var c *rpmdb.CorruptError
	if errors.As(err, &c) {
		return c.Offset
	}
	return -1
}
