// Package webconf reads the configurations of web servers: their sites, and
// the logs that they were told to write.
package webconf

import (
	"path"
	"slices"
	"strings"
)

// Tree gives the files of a server.
type Tree struct {
	// Read gives a file's content and the path that it has behind symbolic
	// links; ok is false if there is none.
	Read func(name string) (real string, content []byte, ok bool)
	// Glob lists the files that a pattern of path.Match fits, sorted.
	Glob func(pattern string) []string
}

// Place is where a configuration says something.
type Place struct {
	Path           string
	Offset, Length int64 // bytes of the file
	Line           int   // from 1
}

// Log is a log that a server was told to write.
type Log struct {
	Pattern string // of path.Match: what a time or a variable fills in is "*"
	Error   bool   // an error log; an access log otherwise
	Server  string // "apache", "nginx", "lighttpd", "caddy", "tomcat"
	Format  string // of an access log, in the server's own language; "" is the server's usual one
	Escape  string // of nginx: "json", "none", "" for the default
	VHost   string // the first name of the site whose log it is; "" if it is the server's
}

// Rotated gives the patterns of the log and of those that were rotated from it.
func (l *Log) Rotated() []string {
	dir, base := path.Split(l.Pattern)
	out := []string{l.Pattern, l.Pattern + `[.\-]*`}
	if ext := path.Ext(base); len(ext) > 1 && len(ext) < len(base) && !strings.ContainsAny(ext, "*?[\\") {
		out = append(out, dir+strings.TrimSuffix(base, ext)+`[.\-]*`+ext+"*")
	}
	return out
}

// Alias is a directory that is shown under a path of the site.
type Alias struct {
	URL, Dir string
	Script   bool // what lies there is run
}

// Site is what a server shows under some names.
type Site struct {
	Server  string
	Names   []string
	Listen  []string // addresses and ports
	Root    string
	Aliases []Alias
	TLS     bool
	Enabled bool     // the main configuration leads to it
	PHP     string   // how PHP is run: a handler, a socket, an address
	Proxies []string // where requests go on to
	Account string   // whom programs run as, where the site says so
	Logs    []Log
	Place   Place
}

// Config is what one server's configuration comes to.
type Config struct {
	Sites []Site
	Logs  []Log // of the sites too
	Users Users
}

// Users is the directory of users' own pages, as UserDir gives it.
type Users struct {
	Dir   string
	Place Place
}

// Mains are the patterns of the files that the configurations begin with.
var Mains = []string{
	"/etc/apache2/apache2.conf", "/etc/apache2/httpd.conf", "/etc/apache2/conf/httpd.conf", "/etc/httpd/conf/httpd.conf", "/etc/httpd/httpd.conf", "/usr/local/apache2/conf/httpd.conf", "/usr/local/apache/conf/httpd.conf",
	"/usr/local/etc/apache2*/httpd.conf", "/opt/lampp/etc/httpd.conf", "/opt/bitnami/apache*/conf/httpd.conf",
	"/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf", "/opt/nginx/conf/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf", "/opt/bitnami/nginx/conf/nginx.conf",
	"/etc/lighttpd/lighttpd.conf", "/usr/local/etc/lighttpd/lighttpd.conf", "/etc/caddy/Caddyfile", "/usr/local/etc/caddy/Caddyfile",
	"/etc/tomcat*/server.xml", "/opt/*tomcat*/conf/server.xml", "/opt/*tomcat*/*/conf/server.xml", "/usr/local/*tomcat*/conf/server.xml", "/usr/share/*tomcat*/conf/server.xml", "/var/lib/tomcat*/conf/server.xml",
}

// Read reads the configuration that begins with a file of [Mains].
func Read(t Tree, main string) Config {
	var c Config
	switch base := path.Base(main); {
	case base == "nginx.conf":
		c = nginx(t, main)
	case base == "lighttpd.conf":
		c = lighttpd(t, main)
	case base == "Caddyfile":
		c = caddy(t, main)
	case base == "server.xml":
		c = tomcat(t, main)
	default:
		c = apache(t, main)
	}
	for _, s := range c.Sites {
		c.Logs = append(c.Logs, s.Logs...)
	}
	return c
}

const (
	maxDepth = 12        // of includes
	maxFiles = 20000     // that one configuration may read, each time it is included
	maxBytes = 128 << 20 // of them together
	maxSites = 20000
)

// reader counts what is read.
type reader struct {
	tree  Tree
	files int
	bytes int
	seen  map[string]bool // by the path behind links
}

// include reads the files that a pattern names, sorted. A directory stands for what lies in it.
func (r *reader) include(pattern string, depth int, read func(name string, content []byte, depth int)) {
	if depth >= maxDepth || pattern == "" || pattern[0] != '/' {
		return
	}
	names := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		names = r.tree.Glob(pattern)
	}
	for _, name := range names {
		if r.files++; r.files > maxFiles {
			return
		}
		real, content, ok := r.tree.Read(name)
		if !ok {
			if !strings.ContainsAny(pattern, "*?[") {
				for _, below := range r.tree.Glob(strings.TrimSuffix(pattern, "/") + "/*") {
					r.include(below, depth+1, read)
				}
			}
			continue
		}
		if r.bytes += len(content); r.bytes > maxBytes {
			return
		}
		r.seen[real] = true
		read(real, content, depth+1)
	}
}

// literal makes a pattern that fits one name, but for what is filled in: what
// follows a mark of marks, a variable's name or one letter, becomes "*".
func literal(name, marks string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case strings.IndexByte(marks, c) >= 0:
			if i+1 < len(name) && (name[i+1] == '{' || name[i+1] == '(') {
				if n := strings.IndexAny(name[i:], "})"); n > 0 {
					i += n
				}
			} else if c == '%' {
				i++
			} else {
				for i+1 < len(name) && (name[i+1] == '_' || name[i+1]|0x20 >= 'a' && name[i+1]|0x20 <= 'z' || name[i+1] >= '0' && name[i+1] <= '9') {
					i++
				}
			}
			if s := b.String(); !strings.HasSuffix(s, "*") {
				b.WriteByte('*')
			}
		case strings.IndexByte(`*?[\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// absolute makes a path absolute and clean. It gives "" for what is no path.
func absolute(p, dir string) string {
	if p == "" || strings.IndexByte(p, 0) >= 0 || len(p) > 4096 {
		return ""
	}
	if p[0] != '/' {
		p = dir + "/" + p
	}
	return path.Clean(p)
}

func add(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) || len(list) >= 1000 {
		return list
	}
	return append(list, s)
}
