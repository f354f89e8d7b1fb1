package weblog

import (
	"context"
	"path"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/internal/webconf"
	"deadbox/timeline"
)

const (
	// maxConfig is the largest configuration file that is read, in bytes.
	maxConfig = 4 << 20
	// fewFiles is how many files of configuration are read for no more than the name of the site.
	fewFiles = 300
	// sampled is how many lines show whether the shape of a log tells its format.
	sampled = 20
)

// tree gives the files of the source's server, as many as most.
func tree(ctx context.Context, s *timeline.Source, most int, all *bool) webconf.Tree {
	n := 0
	return webconf.Tree{
		Glob: s.Files,
		Read: func(name string) (string, []byte, bool) {
			if n++; n > most {
				*all = false
				return "", nil, false
			}
			f := s
			if name != s.Path {
				f = s.Open(name)
			}
			if f == nil {
				return "", nil, false
			}
			b, _ := timeline.Whole(ctx, f, maxConfig)
			return name, b, true
		},
	}
}

// named gives the patterns of the access logs that a configuration names.
func named(s *timeline.Source) []string {
	var out []string
	all := true
	seen := map[string]bool{}
	for _, l := range webconf.Read(tree(context.Background(), s, 1<<20, &all), s.Path).Logs {
		if !l.Error && !seen[l.Pattern] {
			seen[l.Pattern] = true
			out = append(out, l.Rotated()...)
		}
	}
	return out
}

// layout is what the server's configuration says of a log: how its lines are
// built, "" where their shape says it all or nothing is known, and whose log it is.
type layout struct {
	server, format, vhost string
}

// layoutOf finds what the server's configuration says of a log.
func layoutOf(ctx context.Context, s *timeline.Source) layout {
	most := fewFiles
	if !shapely(ctx, s) {
		most = 1 << 20
	}
	family := timeline.RotationOf(s.Path).Family
	for _, pattern := range webconf.Mains {
		for _, main := range s.Files(pattern) {
			all := true
			c := webconf.Read(tree(ctx, s, most, &all), main)
			if !all {
				continue // a part of it may be wrong
			}
			for _, l := range c.Logs {
				if l.Error {
					continue
				}
				if ok, _ := path.Match(l.Pattern, family); !ok {
					if ok, _ = path.Match(l.Pattern, s.Path); !ok {
						continue
					}
				}
				found := layout{server: l.Server, format: l.Format, vhost: l.VHost}
				if usual(l.Format) {
					found.format = ""
				}
				if found.vhost == "_" || strings.HasPrefix(found.vhost, "~") {
					found.vhost = ""
				}
				return found
			}
		}
	}
	return layout{}
}

// shapely tells whether the first lines of a log are told by their shape.
func shapely(ctx context.Context, s *timeline.Source) bool {
	p := parser{zone: s.Location(), clock: logtime.New(s.Zone)}
	n := 0
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil || len(l.Text) == 0 || l.Partial {
			continue
		}
		if n++; n > sampled {
			break
		}
		if l.Text[0] == '{' {
			var q request
			if _, _, ok := p.json(string(l.Text), &q); !ok || q.status == "" || q.address == "" {
				return false
			}
			continue
		}
		var q request
		if when, _, ok := p.text(string(l.Text), &q); !ok || when.IsZero() || q.extra != "" || q.message != "" {
			return false
		}
	}
	return true
}
