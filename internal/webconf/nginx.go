package webconf

import (
	"path"
	"strings"
)

// nginxReader follows a configuration of nginx
// (https://nginx.org/en/docs/beginners_guide.html#conf_structure).
type nginxReader struct {
	reader
	main    Config
	dir     string // of the main file: names are relative to it
	prefix  string // logs and roots are relative to it
	formats map[string][2]string
	logs    []pendingLog
	enabled bool
	root    string // outside of all servers
}

// nginxContext is the block that a directive stands in.
type nginxContext struct {
	site     int // index; -1 outside of all
	location string
}

func nginx(t Tree, main string) Config {
	r := &nginxReader{reader: reader{tree: t, seen: map[string]bool{}}, dir: path.Dir(main), formats: map[string][2]string{}, enabled: true}
	r.prefix = path.Dir(r.dir)
	if r.dir == "/etc/nginx" {
		r.prefix = "/usr/share/nginx"
	}
	outside := nginxContext{site: -1}
	r.include(main, 0, func(name string, content []byte, depth int) { r.file(name, content, depth, outside) })
	r.enabled = false
	for _, pattern := range []string{r.dir + "/sites-available/*", r.dir + "/conf.d/*", r.dir + "/vhosts/*"} {
		for _, name := range t.Glob(pattern) {
			real, content, ok := t.Read(name)
			if ok && !r.seen[real] {
				r.seen[real] = true
				r.file(real, content, maxDepth, outside)
			}
		}
	}
	for i := range r.main.Sites {
		if s := &r.main.Sites[i]; s.Root == "" && len(s.Proxies) == 0 && len(s.Aliases) == 0 {
			s.Root = r.root
		}
	}
	for _, p := range r.logs {
		if f, ok := r.formats[p.format]; ok {
			p.log.Format, p.log.Escape = f[0], f[1]
		}
		if p.site < 0 {
			r.main.Logs = append(r.main.Logs, p.log)
			continue
		}
		s := &r.main.Sites[p.site]
		if len(s.Names) > 0 {
			p.log.VHost = s.Names[0]
		}
		s.Logs = append(s.Logs, p.log)
	}
	return r.main
}

// nginxToken is a word, or one of ; { }.
type nginxToken struct {
	text  string
	mark  bool // not a word
	start int
	end   int
	line  int
}

// nginxScanner splits a configuration into tokens.
type nginxScanner struct {
	b    []byte
	at   int
	line int
}

func (s *nginxScanner) next() (nginxToken, bool) {
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '\n':
			s.line++
			s.at++
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
		case c == '#':
			for s.at < len(s.b) && s.b[s.at] != '\n' {
				s.at++
			}
		case c == ';' || c == '{' || c == '}':
			s.at++
			return nginxToken{string(c), true, s.at - 1, s.at, s.line}, true
		default:
			return s.word(), true
		}
	}
	return nginxToken{}, false
}

func (s *nginxScanner) word() nginxToken {
	t := nginxToken{start: s.at, line: s.line}
	var b strings.Builder
	if q := s.b[s.at]; q == '"' || q == '\'' {
		for s.at++; s.at < len(s.b) && s.b[s.at] != q; s.at++ {
			if s.b[s.at] == '\n' {
				s.line++
			}
			if s.b[s.at] == '\\' && s.at+1 < len(s.b) {
				switch s.b[s.at+1] {
				case q, '\\':
					s.at++
				}
			}
			b.WriteByte(s.b[s.at])
		}
		s.at = min(s.at+1, len(s.b))
		t.text, t.end = b.String(), s.at
		return t
	}
	for s.at < len(s.b) {
		c := s.b[s.at]
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{' && (s.at == t.start || s.b[s.at-1] != '$') {
			break
		}
		if c == '{' {
			// "${name}" is one word.
			for s.at < len(s.b) && s.b[s.at] != '}' && s.b[s.at] != '\n' {
				b.WriteByte(s.b[s.at])
				s.at++
			}
			continue
		}
		if c == '\\' && s.at+1 < len(s.b) {
			b.WriteByte(c)
			s.at++
			c = s.b[s.at]
		}
		b.WriteByte(c)
		s.at++
	}
	t.text, t.end = b.String(), s.at
	return t
}

// block skips a block whose inside is another language.
func (s *nginxScanner) block() {
	for depth := 1; s.at < len(s.b) && depth > 0; s.at++ {
		switch s.b[s.at] {
		case '\n':
			s.line++
		case '{':
			depth++
		case '}':
			depth--
		}
	}
}

func (r *nginxReader) file(name string, content []byte, depth int, in nginxContext) {
	s := &nginxScanner{b: content, line: 1}
	stack := []nginxContext{in}
	var words []nginxToken
	for {
		t, ok := s.next()
		if !ok {
			return
		}
		if !t.mark {
			if len(words) < 1000 {
				words = append(words, t)
			}
			continue
		}
		here := stack[len(stack)-1]
		switch t.text {
		case ";":
			if len(words) > 0 {
				r.directive(words, here, depth)
			}
		case "{":
			next := here
			if len(words) > 0 {
				switch kind := words[0].text; {
				case strings.HasSuffix(kind, "_by_lua_block"):
					s.block()
					words = words[:0]
					continue
				case kind == "server" && len(words) == 1 && here.site < 0 && len(r.main.Sites) < maxSites:
					first := words[0]
					r.main.Sites = append(r.main.Sites, Site{Server: "nginx", Enabled: r.enabled,
						Place: Place{name, int64(first.start), int64(t.end - first.start), first.line}})
					next.site = len(r.main.Sites) - 1
				case kind == "location":
					next.location = words[len(words)-1].text
				case kind == "upstream" || kind == "map" || kind == "types" || kind == "geo":
					next.site = -1
				}
			}
			if len(stack) < 1000 {
				stack = append(stack, next)
			}
		case "}":
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		}
		words = words[:0]
	}
}

func (r *nginxReader) directive(words []nginxToken, in nginxContext, depth int) {
	arg := func(i int) string {
		if i < len(words) {
			return words[i].text
		}
		return ""
	}
	switch name := arg(0); name {
	case "include":
		r.include(absolute(arg(1), r.dir), depth, func(name string, content []byte, depth int) { r.file(name, content, depth, in) })
		return
	case "log_format":
		format, escape := "", ""
		for i, w := range words[min(2, len(words)):] {
			if e, ok := strings.CutPrefix(w.text, "escape="); ok && i == 0 {
				escape = e
				continue
			}
			format += w.text
		}
		if len(r.formats) < 1000 && len(format) < 64<<10 {
			r.formats[arg(1)] = [2]string{format, escape}
		}
		return
	case "access_log", "error_log":
		p := arg(1)
		if p == "off" || p == "" || strings.HasPrefix(p, "syslog:") || p == "stderr" || strings.HasPrefix(p, "memory:") || len(r.logs) >= 4*maxSites {
			return
		}
		l := Log{Pattern: literal(absolute(p, r.prefix), "$"), Error: name == "error_log", Server: "nginx"}
		format := arg(2)
		if l.Error || strings.Contains(format, "=") {
			format = ""
		}
		r.logs = append(r.logs, pendingLog{l, format, in.site})
		return
	}
	if in.site < 0 {
		if arg(0) == "root" && r.root == "" {
			r.root = absolute(arg(1), r.prefix)
		}
		return
	}
	site := &r.main.Sites[in.site]
	switch arg(0) {
	case "server_name":
		for _, w := range words[1:] {
			site.Names = add(site.Names, w.text)
		}
	case "listen":
		site.Listen = add(site.Listen, arg(1))
		for _, w := range words[2:] {
			if w.text == "ssl" {
				site.TLS = true
			}
		}
	case "ssl":
		site.TLS = site.TLS || arg(1) == "on"
	case "ssl_certificate":
		site.TLS = true
	case "root", "alias":
		p := absolute(arg(1), r.prefix)
		if i := strings.IndexByte(p, '$'); i > 0 {
			p = path.Clean(p[:strings.LastIndexByte(p[:i], '/')+1])
		}
		if p == "" {
			return
		}
		if in.location == "" && arg(0) == "root" && site.Root == "" {
			site.Root = p
		} else if p != site.Root && len(site.Aliases) < 1000 {
			site.Aliases = append(site.Aliases, Alias{URL: in.location, Dir: p})
		}
	case "fastcgi_pass":
		site.PHP = arg(1)
	case "proxy_pass", "uwsgi_pass", "scgi_pass", "grpc_pass":
		site.Proxies = add(site.Proxies, arg(1))
	}
}
