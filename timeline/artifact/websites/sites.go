// Package websites reads what a server shows on the web: its sites, from the
// configuration of its web servers, and the applications that lie in them.
package websites

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/internal/webconf"
	"deadbox/timeline"
)

// Sites yields a record for each site that a web server's configuration makes.
var Sites = timeline.Extractor{
	Name: "sites",
	Doc: `Sites of web servers: server (apache, nginx, lighttpd, caddy, tomcat), name, names (the others), listen, path (the root), aliases (URL=directory),
enabled (whether the main configuration leads to it), tls, php (how it is run), proxy (where requests go on to), account, access_logs and
error_logs. The directory of users' own pages is a site too.

Formats: Apache (https://httpd.apache.org/docs/2.4/mod/core.html#virtualhost, with its includes and definitions), nginx
(https://nginx.org/en/docs/http/ngx_http_core_module.html#server), lighttpd (https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_Configuration),
Caddyfile (https://caddyserver.com/docs/caddyfile), Tomcat's server.xml (https://tomcat.apache.org/tomcat-9.0-doc/config/host.html).`,
	Paths: webconf.Mains,
	Run:   sites,
}

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 4 << 20

// tree gives the files of the source's server.
func tree(ctx context.Context, s *timeline.Source) webconf.Tree {
	return webconf.Tree{
		Glob: s.Files,
		Read: func(name string) (string, []byte, bool) {
			f := s
			if name != s.Path {
				if f = s.Open(name); f == nil {
					return "", nil, false
				}
			}
			b, _ := timeline.Whole(ctx, f, maxConfig)
			return behindLinks(s, name), b, true
		},
	}
}

// behindLinks follows a name that is a symbolic link, as those of sites-enabled are.
func behindLinks(s *timeline.Source, name string) string {
	for range 8 {
		if s.Symlink == nil {
			break
		}
		l := s.Symlink(name)
		if l == nil {
			break
		}
		if strings.HasPrefix(l.Target, "/") {
			name = path.Clean(l.Target)
		} else {
			name = path.Join(path.Dir(name), l.Target)
		}
	}
	return name
}

func sites(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		// What cannot be read of the main file is said here; of those that it includes, by whoever reads them as settings.
		if _, errs := timeline.Whole(ctx, s, maxConfig); len(errs) > 0 {
			for _, err := range errs {
				if !yield(timeline.Record{}, err) {
					return
				}
			}
		}
		c := webconf.Read(tree(ctx, s), s.Path)
		var last *timeline.Source
		at := func(p webconf.Place) timeline.Evidence {
			if p.Path == s.Path {
				return s.Evidence(p.Offset, p.Length, p.Line)
			}
			if last == nil || last.Path != p.Path {
				last = s.Open(p.Path)
			}
			if last == nil {
				return timeline.Evidence{Path: p.Path, Offset: -1, Line: p.Line}
			}
			return last.Evidence(p.Offset, p.Length, p.Line)
		}
		for i := range c.Sites {
			if !yield(record(&c.Sites[i], at(c.Sites[i].Place)), nil) {
				return
			}
		}
		if c.Users.Dir != "" {
			r := timeline.Record{Kind: timeline.KindSite, Evidence: at(c.Users.Place), Summary: "users' own pages in " + c.Users.Dir,
				Fields: map[string]string{"server": "apache", "path": c.Users.Dir, "enabled": "yes", "name": "users"}}
			yield(r, nil)
		}
	}
}

func record(site *webconf.Site, ev timeline.Evidence) timeline.Record {
	f := map[string]string{"server": site.Server, "enabled": yes(site.Enabled), "tls": yes(site.TLS)}
	put := func(key, value string) {
		if value != "" {
			f[key] = value
		}
	}
	name := ""
	if len(site.Names) > 0 {
		name = site.Names[0]
		put("names", strings.Join(site.Names[1:], " "))
	}
	put("name", name)
	put("listen", strings.Join(site.Listen, " "))
	put("path", site.Root)
	put("php", site.PHP)
	put("account", site.Account)
	put("proxy", strings.Join(masked(site.Proxies), " "))
	var list []string
	for _, a := range site.Aliases {
		list = append(list, a.URL+"="+a.Dir)
	}
	put("aliases", strings.Join(list, " "))
	var access, failed []string
	for _, l := range site.Logs {
		if l.Error {
			failed = append(failed, l.Pattern)
		} else {
			access = append(access, l.Pattern)
		}
	}
	put("access_logs", strings.Join(access, " "))
	put("error_logs", strings.Join(failed, " "))
	r := timeline.Record{Kind: timeline.KindSite, Fields: f, Evidence: ev}
	if name == "" {
		name = "default"
	}
	r.Summary = site.Server + " site " + name
	if site.Root != "" {
		r.Summary += " in " + site.Root
	}
	if !site.Enabled {
		r.Summary += ", not enabled"
	}
	return r
}

// masked takes passwords out of URLs.
func masked(urls []string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = u
		if scheme, rest, ok := strings.Cut(u, "://"); ok {
			if who, host, ok := strings.Cut(rest, "@"); ok && !strings.Contains(who, "/") {
				if user, _, has := strings.Cut(who, ":"); has {
					out[i] = scheme + "://" + user + ":***@" + host
				}
			}
		}
	}
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
