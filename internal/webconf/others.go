package webconf

import (
	"bytes"
	"encoding/xml"
	"path"
	"strings"
)

// lighttpd reads a configuration of lighttpd, line by line
// (https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_Configuration).
func lighttpd(t Tree, main string) Config {
	r := &lighttpdReader{reader: reader{tree: t, seen: map[string]bool{}}, dir: path.Dir(main), vars: map[string]string{}}
	r.config.Sites = []Site{{Server: "lighttpd", Enabled: true}}
	r.include(main, 0, r.file)
	for i := range r.config.Sites {
		s := &r.config.Sites[i]
		for j := range s.Logs {
			if s.Logs[j].Format == "" && !s.Logs[j].Error {
				s.Logs[j].Format = r.format
			}
			if len(s.Names) > 0 {
				s.Logs[j].VHost = s.Names[0]
			}
		}
	}
	if s := r.config.Sites[0]; s.Place.Path == "" {
		r.config.Sites = r.config.Sites[1:]
	}
	return r.config
}

type lighttpdReader struct {
	reader
	config Config
	dir    string
	vars   map[string]string
	format string // accesslog.format of the server
}

func (r *lighttpdReader) file(name string, content []byte, depth int) {
	site, open := 0, []int(nil)
	var offset int64
	for n, l := range bytes.Split(content, []byte("\n")) {
		at := offset
		offset += int64(len(l)) + 1
		s := strings.TrimSpace(string(l))
		if s == "" || s[0] == '#' {
			continue
		}
		place := Place{name, at, int64(len(bytes.TrimRight(l, " \t\r"))), n + 1}
		if strings.HasPrefix(s, "}") {
			if len(open) > 0 {
				site, open = open[len(open)-1], open[:len(open)-1]
			}
			s = strings.TrimSpace(s[1:])
		}
		if strings.HasSuffix(s, "{") && strings.Contains(s, "$") {
			open = append(open, site)
			_, value, _ := strings.Cut(s, "=")
			value = r.value(strings.TrimSuffix(strings.TrimLeft(value, "=~ "), "{"))
			if (strings.Contains(s, `$HTTP["host"]`) || strings.Contains(s, `$SERVER["socket"]`)) && len(r.config.Sites) < maxSites && len(open) < 100 {
				made := Site{Server: "lighttpd", Enabled: true, Place: place}
				if strings.Contains(s, "socket") {
					made.Listen = []string{value}
				} else {
					made.Names = []string{value}
				}
				r.config.Sites = append(r.config.Sites, made)
				site = len(r.config.Sites) - 1
			}
			continue
		}
		if rest, ok := strings.CutPrefix(s, "include "); ok {
			r.include(absolute(r.value(rest), r.dir), depth, r.file)
			continue
		}
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			continue
		}
		key = strings.TrimRight(strings.TrimSpace(key), "+: ")
		value = strings.TrimSpace(value)
		here := &r.config.Sites[site]
		switch key {
		case "server.document-root":
			here.Root = absolute(r.value(value), "/")
			if here.Place.Path == "" {
				here.Place = place
			}
		case "server.port":
			here.Listen = add(here.Listen, r.value(value))
		case "server.name":
			here.Names = add(here.Names, r.value(value))
		case "ssl.engine":
			here.TLS = strings.Contains(value, "enable")
		case "accesslog.format":
			r.format = r.value(value)
		case "accesslog.filename", "server.errorlog", "server.breakagelog":
			p := r.value(value)
			if pipe, ok := strings.CutPrefix(p, "|"); ok {
				_, p, _ = strings.Cut(pipe, " ")
			}
			if strings.HasPrefix(p, "/") {
				here.Logs = append(here.Logs, Log{Pattern: literal(path.Clean(firstWord(p)), "%"), Error: key != "accesslog.filename", Server: "lighttpd"})
			}
		case "alias.url":
			for _, part := range strings.Split(strings.Trim(value, "() "), ",") {
				url, dir, ok := strings.Cut(part, "=>")
				if dir = absolute(r.value(dir), "/"); ok && dir != "" && len(here.Aliases) < 1000 {
					here.Aliases = append(here.Aliases, Alias{URL: r.value(url), Dir: dir})
				}
			}
		case "fastcgi.server":
			here.PHP = "fastcgi"
		default:
			if v, ok := strings.CutPrefix(key, "var."); ok && len(r.vars) < 1000 {
				r.vars[v] = r.value(value)
			}
		}
	}
}

func firstWord(s string) string {
	s, _, _ = strings.Cut(s, " ")
	return s
}

// value joins `var.a + "/b"`.
func (r *lighttpdReader) value(s string) string {
	var b strings.Builder
	for s = strings.TrimSpace(s); s != "" && b.Len() < 8192; s = strings.TrimLeft(s, " +") {
		if s[0] == '"' {
			i := 1
			for i < len(s) && s[i] != '"' {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
				i++
			}
			s = s[min(i+1, len(s)):]
			continue
		}
		if s[0] == '#' {
			break
		}
		i := strings.IndexAny(s, " +\"")
		if i < 0 {
			i = len(s)
		}
		if i == 0 {
			i = 1
		}
		if v, ok := strings.CutPrefix(s[:i], "var."); ok {
			b.WriteString(r.vars[v])
		} else if v, ok := r.vars[s[:i]]; ok {
			b.WriteString(v)
		} else {
			b.WriteString(s[:i])
		}
		s = s[i:]
	}
	return b.String()
}

// caddy reads a Caddyfile (https://caddyserver.com/docs/caddyfile/concepts).
func caddy(t Tree, main string) Config {
	r := &caddyReader{reader: reader{tree: t, seen: map[string]bool{}}, dir: path.Dir(main)}
	r.include(main, 0, r.file)
	return r.config
}

type caddyReader struct {
	reader
	config Config
	dir    string
}

func (r *caddyReader) file(name string, content []byte, depth int) {
	level, site := 0, -1
	var offset int64
	for n, l := range bytes.Split(content, []byte("\n")) {
		at := offset
		offset += int64(len(l)) + 1
		s := strings.TrimSpace(string(l))
		if i := strings.Index(" "+s, " #"); i >= 0 {
			s = strings.TrimSpace(s[:max(i-1, 0)])
		}
		if s == "" {
			continue
		}
		if level == 0 && site < 0 || level == 0 && strings.HasSuffix(s, "{") {
			if rest, ok := strings.CutPrefix(s, "import "); ok {
				r.include(absolute(strings.TrimSpace(rest), r.dir), depth, r.file)
				continue
			}
			names := strings.TrimSuffix(s, "{")
			if names = strings.TrimSpace(names); names != "" && !strings.HasPrefix(names, "(") && len(r.config.Sites) < maxSites {
				made := Site{Server: "caddy", Enabled: true, TLS: true, Place: Place{name, at, int64(len(bytes.TrimRight(l, " \t\r"))), n + 1}}
				for _, a := range strings.FieldsFunc(names, func(c rune) bool { return c == ',' || c == ' ' }) {
					made.Listen = add(made.Listen, a)
					host := strings.TrimPrefix(strings.TrimPrefix(a, "https://"), "http://")
					if strings.HasPrefix(a, "http://") || strings.HasPrefix(a, ":80") {
						made.TLS = false
					}
					host, _, _ = strings.Cut(host, ":")
					made.Names = add(made.Names, host)
				}
				r.config.Sites = append(r.config.Sites, made)
				site = len(r.config.Sites) - 1
			}
			if strings.HasSuffix(s, "{") {
				level++
			}
			continue
		}
		w := strings.Fields(s)
		if site >= 0 {
			here := &r.config.Sites[site]
			last := w[len(w)-1]
			if last == "{" && len(w) > 1 {
				last = w[len(w)-2]
			}
			switch w[0] {
			case "root":
				here.Root = absolute(last, "/")
			case "php_fastcgi":
				here.PHP = last
			case "reverse_proxy":
				here.Proxies = add(here.Proxies, last)
			case "output":
				if len(w) > 2 && w[1] == "file" && strings.HasPrefix(w[2], "/") {
					l := Log{Pattern: literal(path.Clean(w[2]), "{"), Server: "caddy"}
					if len(here.Names) > 0 {
						l.VHost = here.Names[0]
					}
					here.Logs = append(here.Logs, l)
				}
			case "import":
				if len(w) > 1 {
					r.include(absolute(w[1], r.dir), depth, r.file)
				}
			}
		}
		if strings.HasSuffix(s, "{") {
			level++
		}
		if s == "}" {
			if level--; level <= 0 {
				level, site = 0, -1
			}
		}
	}
}

// tomcat reads server.xml (https://tomcat.apache.org/tomcat-9.0-doc/config/).
func tomcat(t Tree, main string) Config {
	var c Config
	real, content, ok := t.Read(main)
	if !ok {
		return c
	}
	base := path.Dir(path.Dir(main))
	if dir := path.Dir(main); strings.HasPrefix(dir, "/etc/tomcat") {
		base = "/var/lib/" + path.Base(dir)
	}
	d := xml.NewDecoder(bytes.NewReader(content))
	d.Strict = false
	d.CharsetReader = nil
	var listen []string
	tls := false
	site := -1
	for {
		at := d.InputOffset()
		tok, err := d.Token()
		if err != nil {
			return c
		}
		switch e := tok.(type) {
		case xml.EndElement:
			if e.Name.Local == "Host" {
				site = -1
			}
		case xml.StartElement:
			attr := func(name string) string {
				for _, a := range e.Attr {
					if a.Name.Local == name {
						return a.Value
					}
				}
				return ""
			}
			switch e.Name.Local {
			case "Connector":
				listen = add(listen, attr("port"))
				tls = tls || strings.EqualFold(attr("SSLEnabled"), "true")
			case "Host":
				if len(c.Sites) >= maxSites {
					return c
				}
				app := attr("appBase")
				if app == "" {
					app = "webapps"
				}
				c.Sites = append(c.Sites, Site{Server: "tomcat", Enabled: true, Names: []string{attr("name")}, Listen: listen, TLS: tls, Root: absolute(app, base),
					Place: Place{real, at, d.InputOffset() - at, 1 + bytes.Count(content[:min(at, int64(len(content)))], []byte("\n"))}})
				site = len(c.Sites) - 1
			case "Context":
				if doc := absolute(attr("docBase"), base+"/webapps"); site >= 0 && doc != "" {
					c.Sites[site].Aliases = append(c.Sites[site].Aliases, Alias{URL: attr("path"), Dir: doc, Script: true})
				}
			case "Alias":
				// The name is the element's text.
			case "Valve":
				if !strings.HasSuffix(attr("className"), "AccessLogValve") {
					continue
				}
				dir, prefix, suffix := attr("directory"), attr("prefix"), attr("suffix")
				if dir == "" {
					dir = "logs"
				}
				if prefix == "" {
					prefix = "access_log"
				}
				p := absolute(dir+"/"+prefix, base)
				if p == "" {
					continue
				}
				l := Log{Pattern: literal(p, "") + "*" + literal(suffix, "") + "*", Server: "tomcat", Format: attr("pattern")}
				if site >= 0 {
					l.VHost = c.Sites[site].Names[0]
					c.Sites[site].Logs = append(c.Sites[site].Logs, l)
				} else {
					c.Logs = append(c.Logs, l)
				}
			}
		}
	}
}
