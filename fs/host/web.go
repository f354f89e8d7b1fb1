package host

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
)

// usualRoots are where distributions and installers put what a web server
// shows, whether or not a configuration names it.
var usualRoots = []string{"/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/usr/share/httpd/noindex", "/var/www/html", "/opt/lampp/htdocs",
	"/usr/local/apache2/htdocs", "/usr/local/nginx/html", "/usr/local/www", "/home/httpd"}

// webConfigs are the configurations of web servers, with the reader that
// knows their directives.
var webConfigs = []struct {
	pattern string
	read    func(b []byte) []string
}{
	{"/etc/apache2/**", apacheRoots},
	{"/etc/httpd/**", apacheRoots},
	{"/usr/local/apache2/conf/**", apacheRoots},
	{"/usr/local/etc/apache2/**", apacheRoots},
	{"/opt/lampp/etc/**", apacheRoots},
	{"/etc/nginx/**", nginxRoots},
	{"/usr/local/nginx/conf/**", nginxRoots},
	{"/etc/lighttpd/**", lighttpdRoots},
	{"/etc/caddy/**", caddyRoots},
}

// WebRoots lists the directories whose files the server's web servers show,
// sorted: those that the configurations of Apache, nginx, lighttpd and Caddy name,
// enabled or not, and the usual ones that exist. Directories that would make the
// whole system one are left out.
func (h *Host) WebRoots() []string {
	h.rootsOnce.Do(func() {
		found := map[string]bool{}
		add := func(p string) {
			p = path.Clean(p)
			if p[0] != '/' || commonDirs[p] || found[p] {
				return
			}
			if _, in, real, err := h.Find(p, true); err == nil && in.Mode.Type() == filesystem.Directory && h.SubtreeOf(real) == nil {
				found[p] = true
			}
		}
		for _, p := range usualRoots {
			add(p)
		}
		for _, c := range webConfigs {
			for _, p := range h.Glob(c.pattern) {
				f, err := h.Open(p)
				if err != nil || f.Size() > maxConfig {
					continue
				}
				b, _ := f.ReadAll(maxConfig)
				for _, root := range c.read(b) {
					if strings.HasPrefix(root, "/") {
						add(root)
					}
				}
			}
		}
		for p := range found {
			h.roots = append(h.roots, p)
		}
		slices.Sort(h.roots)
	})
	return h.roots
}

// apacheRoots reads the directives that name directories to serve.
// https://httpd.apache.org/docs/2.4/mod/core.html#documentroot,
// https://httpd.apache.org/docs/2.4/mod/mod_alias.html,
// https://httpd.apache.org/docs/2.4/mod/mod_vhost_alias.html
func apacheRoots(b []byte) []string {
	var out []string
	defined := map[string]string{}
	server := ""
	for _, l := range joinLines(b) {
		w := words(l)
		if len(w) < 2 {
			continue
		}
		for i := range w {
			w[i] = expand(w[i], defined)
		}
		p := ""
		switch strings.ToLower(w[0]) {
		case "define":
			if len(w) > 2 {
				defined[w[1]] = w[2]
			}
		case "serverroot":
			server = w[1]
		case "documentroot", "virtualdocumentroot", "virtualscriptalias":
			p = w[1]
		case "alias", "scriptalias":
			p = w[len(w)-1]
		}
		if p == "" {
			continue
		}
		if p[0] != '/' && server != "" {
			p = server + "/" + p
		}
		out = append(out, upTo(p, "%$"))
	}
	return out
}

// expand replaces "${NAME}" once, from the left. A word that grows past any
// path is left as it is.
func expand(w string, defined map[string]string) string {
	out, rest := "", w
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			return out + rest
		}
		name, after, ok := strings.Cut(rest[i+2:], "}")
		v, known := defined[name]
		if !ok || !known || len(out)+i+len(v) > 4096 {
			return w
		}
		out, rest = out+rest[:i]+v, after
	}
}

// nginxRoots reads "root" and "alias".
// https://nginx.org/en/docs/http/ngx_http_core_module.html#root
func nginxRoots(b []byte) []string {
	var out []string
	for _, l := range lines(b) {
		if i := bytes.IndexByte(l, '#'); i >= 0 {
			l = l[:i]
		}
		for _, statement := range strings.FieldsFunc(string(l), func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
			if w := words(statement); len(w) == 2 && (w[0] == "root" || w[0] == "alias") {
				out = append(out, upTo(w[1], "$"))
			}
		}
	}
	return out
}

// lighttpdRoots reads server.document-root.
// https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_document-rootDetails
func lighttpdRoots(b []byte) []string {
	var out []string
	for _, l := range lines(b) {
		key, v, ok := strings.Cut(string(l), "=")
		if ok && strings.TrimSpace(key) == "server.document-root" {
			if w := words(v); len(w) == 1 {
				out = append(out, w[0])
			}
		}
	}
	return out
}

// caddyRoots reads "root * /path" and "root /path".
// https://caddyserver.com/docs/caddyfile/directives/root
func caddyRoots(b []byte) []string {
	var out []string
	for _, l := range lines(b) {
		if w := words(string(l)); len(w) >= 2 && w[0] == "root" {
			out = append(out, upTo(w[len(w)-1], "{"))
		}
	}
	return out
}

// upTo is the directory before the first element that holds one of the
// characters, which begin what only a request decides.
func upTo(p, chars string) string {
	if i := strings.IndexAny(p, chars); i >= 0 {
		p = p[:strings.LastIndexByte(p[:i], '/')+1]
	}
	return p
}

// joinLines gives the lines of an Apache configuration: a backslash at the
// end continues one.
func joinLines(b []byte) []string {
	var out []string
	var part []byte
	for _, l := range lines(b) {
		if s, ok := bytes.CutSuffix(l, []byte(`\`)); ok {
			part = append(part, s...)
			continue
		}
		out = append(out, string(append(part, l...)))
		part = part[:0]
	}
	return append(out, string(part))
}

// words splits a line at blanks outside of quotes; a comment ends it.
func words(l string) []string {
	var out []string
	for {
		l = strings.TrimLeft(l, " \t\r")
		if l == "" || l[0] == '#' {
			return out
		}
		if l[0] == '"' || l[0] == '\'' {
			w, rest, _ := strings.Cut(l[1:], l[:1])
			out = append(out, w)
			l = rest
			continue
		}
		i := strings.IndexAny(l, " \t\r")
		if i < 0 {
			return append(out, l)
		}
		out = append(out, l[:i])
		l = l[i:]
	}
}
