package webconf

import (
	"bytes"
	"path"
	"strings"
)

// apacheReader follows a configuration of Apache
// (https://httpd.apache.org/docs/2.4/configuring.html).
type apacheReader struct {
	reader
	main    Config
	root    string            // ServerRoot
	defined map[string]string // by Define and envvars
	formats map[string]string // by LogFormat
	usual   string            // the last LogFormat without a name
	modules map[string]bool   // by LoadModule
	site    *Site
	enabled bool
	logs    []pendingLog // their formats may be named later
}

// pendingLog waits for the end of the configuration: a format may be defined behind its use.
type pendingLog struct {
	log    Log
	format string // a nickname or a format
	site   int    // index; -1 for the server's
}

func apache(t Tree, main string) Config {
	r := &apacheReader{reader: reader{tree: t, seen: map[string]bool{}}, defined: map[string]string{}, formats: map[string]string{}, modules: map[string]bool{}, enabled: true}
	r.root = path.Dir(main)
	if path.Base(r.root) == "conf" {
		r.root = path.Dir(r.root)
	}
	r.main.Sites = []Site{{Server: "apache", Enabled: true}} // the main server, outside of all virtual hosts
	r.envvars(path.Dir(main) + "/envvars")
	r.include(main, 0, r.file)
	r.site = nil
	// What is there but not led to.
	r.enabled = false
	dir := path.Dir(main)
	if path.Base(dir) == "conf" {
		dir = path.Dir(dir)
	}
	for _, pattern := range []string{dir + "/sites-available/*", dir + "/vhosts.d/*", dir + "/conf.d/*.conf*"} {
		for _, name := range t.Glob(pattern) {
			real, content, ok := t.Read(name)
			if ok && !r.seen[real] && len(r.main.Sites) < maxSites {
				r.seen[real] = true
				r.file(real, content, maxDepth)
				r.site = nil
			}
		}
	}
	for _, p := range r.logs {
		switch f, named := r.formats[p.format]; {
		case named:
			p.log.Format = f
		case strings.Contains(p.format, "%"):
			p.log.Format = p.format
		case p.format == "":
			p.log.Format = r.usual
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
	if s := &r.main.Sites[0]; s.Place.Path == "" {
		r.main.Sites = r.main.Sites[1:]
	}
	return r.main
}

// envvars reads Debian's "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX".
func (r *apacheReader) envvars(name string) {
	_, content, ok := r.tree.Read(name)
	if !ok {
		if strings.HasPrefix(name, "/etc/apache2/") {
			r.defined["APACHE_LOG_DIR"] = "/var/log/apache2"
		}
		return
	}
	for _, l := range bytes.Split(content, []byte("\n")) {
		key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(l)), "export "), "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t#") {
			continue
		}
		value = strings.Trim(value, `"'`)
		if i := strings.IndexByte(value, '$'); i >= 0 {
			value = value[:i]
		}
		r.defined[key] = value
	}
}

// expand fills in ${NAME}.
func (r *apacheReader) expand(w string) string {
	if !strings.Contains(w, "${") {
		return w
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(w, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed || b.Len() > 8192 {
			if ok {
				b.WriteString("${" + rest)
			}
			return b.String()
		}
		if v, known := r.defined[name]; known {
			b.WriteString(v)
		} else {
			b.WriteString("${" + name + "}")
		}
		w = after
	}
}

// apacheWords splits a line into words: at blanks outside of quotes, where a
// backslash takes a quote or another backslash with it.
func apacheWords(s string) []string {
	var out []string
	for {
		s = strings.TrimLeft(s, " \t\r")
		if s == "" || len(out) > 1000 {
			return out
		}
		if q := s[0]; q == '"' || q == '\'' {
			var b strings.Builder
			i := 1
			for ; i < len(s) && s[i] != q; i++ {
				if s[i] == '\\' && i+1 < len(s) && (s[i+1] == q || s[i+1] == '\\') {
					i++
				}
				b.WriteByte(s[i])
			}
			out = append(out, b.String())
			s = s[min(i+1, len(s)):]
			continue
		}
		i := strings.IndexAny(s, " \t\r")
		if i < 0 {
			i = len(s)
		}
		out = append(out, s[:i])
		s = s[i:]
	}
}

// static are modules that distributions build in.
var static = map[string]bool{"core": true, "so": true, "http": true, "log_config": true, "logio": true, "version": true, "watchdog": true, "unixd": true}

// loaded tells whether a module that <IfModule> names is there. What is not
// known to be missing counts as there.
func (r *apacheReader) loaded(name string) bool {
	negated := strings.HasPrefix(name, "!")
	name = strings.TrimPrefix(name, "!")
	name = strings.TrimSuffix(strings.TrimPrefix(name, "mod_"), ".c")
	name = strings.TrimSuffix(name, "_module")
	if negated {
		return !r.modules[name] && !static[name]
	}
	return true
}

func (r *apacheReader) file(name string, content []byte, depth int) {
	var skip int // sections that do not hold, within one another
	var offset int64
	line := 0
	for len(content) > 0 {
		start, first := offset, line+1
		var text []byte
		for {
			l, rest, _ := bytes.Cut(content, []byte("\n"))
			n := len(content) - len(rest)
			content = rest
			offset += int64(n)
			line++
			trimmed := bytes.TrimRight(l, "\r")
			if cut, ok := bytes.CutSuffix(trimmed, []byte(`\`)); ok && len(content) > 0 && len(text) < 64<<10 {
				text = append(text, cut...)
				continue
			}
			text = append(text, trimmed...)
			break
		}
		s := strings.TrimSpace(string(text))
		if s == "" || s[0] == '#' {
			continue
		}
		place := Place{name, start, int64(len(strings.TrimRight(string(text), " \t\r"))), first}
		if first != line {
			place.Length = offset - start
		}
		if s[0] == '<' {
			r.section(s, place, &skip)
			continue
		}
		if skip > 0 {
			continue
		}
		w := apacheWords(s)
		if len(w) == 0 {
			continue
		}
		for i := range w {
			w[i] = r.expand(w[i])
		}
		r.directive(w, place, depth)
	}
}

func (r *apacheReader) section(s string, place Place, skip *int) {
	if strings.HasPrefix(s, "</") {
		name := strings.ToLower(strings.TrimRight(s[2:], "> \t"))
		if *skip > 0 {
			switch name {
			case "ifmodule", "ifdefine", "ifversion", "macro", "virtualhost":
				*skip--
			}
			return
		}
		if name == "virtualhost" {
			r.site = nil
		}
		return
	}
	w := apacheWords(strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">"))
	if len(w) == 0 {
		return
	}
	name := strings.ToLower(w[0])
	if *skip > 0 {
		switch name {
		case "ifmodule", "ifdefine", "ifversion", "macro", "virtualhost":
			*skip++
		}
		return
	}
	switch name {
	case "virtualhost":
		if len(r.main.Sites) >= maxSites {
			*skip++
			return
		}
		site := Site{Server: "apache", Enabled: r.enabled, Place: place}
		for _, a := range w[1:] {
			site.Listen = add(site.Listen, r.expand(a))
		}
		r.main.Sites = append(r.main.Sites, site)
		r.site = &r.main.Sites[len(r.main.Sites)-1]
	case "ifmodule":
		if len(w) > 1 && !r.loaded(w[1]) {
			*skip++
		}
	case "ifdefine":
		if len(w) > 1 {
			_, is := r.defined[strings.TrimPrefix(w[1], "!")]
			if is == strings.HasPrefix(w[1], "!") {
				*skip++
			}
		}
	case "macro":
		*skip++ // a text that Use fills in
	}
}

func (r *apacheReader) directive(w []string, place Place, depth int) {
	name := strings.ToLower(w[0])
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	site := r.site
	if site == nil {
		site = &r.main.Sites[0]
		switch name {
		case "servername", "documentroot", "virtualdocumentroot", "alias", "scriptalias", "aliasmatch", "scriptaliasmatch":
			if site.Place.Path == "" && r.enabled {
				site.Place = place
			}
		case "listen":
			site.Listen = add(site.Listen, arg(1))
		}
		if !r.enabled {
			return // a part that nothing leads to, outside of its sites
		}
	}
	switch name {
	case "define":
		if len(r.defined) < 10000 && arg(1) != "" {
			r.defined[arg(1)] = arg(2)
		}
	case "serverroot":
		if p := absolute(arg(1), r.root); p != "" {
			r.root = p
		}
	case "loadmodule":
		r.modules[strings.TrimSuffix(arg(1), "_module")] = true
	case "include", "includeoptional":
		at := len(r.main.Sites)
		index := -1
		if r.site != nil {
			index = at - 1
		}
		r.include(absolute(arg(1), r.root), depth, r.file)
		r.site = nil
		if index >= 0 {
			r.site = &r.main.Sites[index]
		}
	case "logformat":
		if len(w) > 2 {
			if len(r.formats) < 1000 {
				r.formats[w[2]] = w[1]
			}
		} else {
			r.usual = arg(1)
		}
	case "customlog":
		r.log(arg(1), arg(2), false)
	case "transferlog":
		r.log(arg(1), "", false)
	case "errorlog":
		r.log(arg(1), "", true)
	case "userdir":
		if a := strings.ToLower(arg(1)); a != "disabled" && a != "enabled" && a != "" {
			r.main.Users = Users{arg(1), place}
		}
	case "php_admin_value", "php_value":
		if strings.EqualFold(arg(1), "error_log") {
			r.log(arg(2), "", true)
		}
	case "documentroot", "virtualdocumentroot":
		p := absolute(arg(1), r.root)
		if i := strings.IndexByte(p, '%'); i > 0 {
			p = path.Clean(p[:strings.LastIndexByte(p[:i], '/')+1])
		}
		site.Root = p
	}
	switch name {
	case "servername":
		site.Names = append([]string{arg(1)}, site.Names...)
	case "serveralias":
		for _, n := range w[1:] {
			site.Names = add(site.Names, n)
		}
	case "alias", "scriptalias", "aliasmatch", "scriptaliasmatch":
		if p := absolute(arg(2), r.root); p != "" && len(site.Aliases) < 1000 {
			if i := strings.IndexByte(p, '$'); i > 0 {
				p = path.Clean(p[:strings.LastIndexByte(p[:i], '/')+1])
			}
			site.Aliases = append(site.Aliases, Alias{arg(1), p, strings.HasPrefix(name, "script")})
		}
	case "sslengine":
		site.TLS = strings.EqualFold(arg(1), "on")
	case "addhandler", "sethandler", "addtype", "fcgidwrapper":
		for _, a := range w[1:] {
			if strings.Contains(strings.ToLower(a), "php") {
				site.PHP = w[1]
				break
			}
		}
	case "proxypass", "proxypassmatch":
		target := arg(2)
		if target == "" {
			target = arg(1)
		}
		if strings.Contains(target, "fcgi:") || strings.Contains(target, ".php") {
			site.PHP = target
		} else if target != "!" {
			site.Proxies = add(site.Proxies, target)
		}
	case "suexecusergroup", "assignuserid", "ruidgid":
		site.Account = arg(1)
	}
}

// log keeps a log that the configuration names.
func (r *apacheReader) log(name, format string, isError bool) {
	pattern := apacheLogPattern(name, r.root)
	if pattern == "" || len(r.logs) >= 4*maxSites {
		return
	}
	p := pendingLog{log: Log{Pattern: pattern, Error: isError, Server: "apache"}, format: format, site: -1}
	if isError {
		p.format = "-"
	}
	if r.site != nil {
		p.site = len(r.main.Sites) - 1
	}
	r.logs = append(r.logs, p)
}

// apacheLogPattern makes the pattern of a log's name, of a pipe to rotatelogs or cronolog too.
func apacheLogPattern(name, root string) string {
	pipe, ok := strings.CutPrefix(name, "|")
	if !ok {
		if strings.HasPrefix(name, "syslog") || strings.HasPrefix(name, "journald") || name == "" || strings.Contains(name, "${") {
			return ""
		}
		return literal(absolute(name, root), "")
	}
	words := apacheWords(strings.TrimLeft(pipe, "|$"))
	for i, w := range words {
		if i == 0 || !strings.HasPrefix(w, "/") {
			continue
		}
		// "-L /link" of rotatelogs and "-S /link" of cronolog are links to the log itself.
		return literal(path.Clean(w), "%")
	}
	return ""
}
