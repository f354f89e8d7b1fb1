package serverlog

import (
	"context"
	"iter"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/internal/webconf"
	"deadbox/timeline"
)

// WebErrors yields a record for each message in the error logs of web servers.
var WebErrors = timeline.Extractor{
	Name: "web-error",
	Doc: `Messages of web servers and of what they run: program, severity, module, pid, tid, address, port, code, message, path (of the script or
file that the message is about), url, method, vhost, referer; deployments of web applications; PHP's slow log with its functions. What a program
wrote to the error log without a time is a record of its own.

Formats: the error log of Apache 2.2 and 2.4 (https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat), nginx (src/core/ngx_log.c),
lighttpd, PHP's error_log, php-fpm's log and slow log (https://www.php.net/manual/en/install.fpm.configuration.php), Tomcat's catalina and
localhost logs (https://tomcat.apache.org/tomcat-9.0-doc/logging.html), gunicorn, uWSGI.`,
	Paths: []string{
		"/var/log/apache2/*error*", "/var/log/apache2/**/*error*", "/var/log/apache/*error*", "/var/log/httpd/*error*", "/var/log/httpd/**/*error*", "/var/log/nginx/*error*", "/var/log/nginx/**/*error*",
		"/var/log/lighttpd/*error*", "/var/log/litespeed/*error*", "/var/log/error_log*", "/var/log/httpd-error.log*", "/var/log/ispconfig/httpd/*/*error*",
		"/var/log/apache2/suexec.log*", "/var/log/httpd/suexec.log*",
		"/var/log/php*.log*", "/var/log/php*/*.log*", "/var/log/php_errors*", "/var/log/php-fpm/*slow*", "/var/log/php-fpm/*/*.log*", "/var/opt/remi/php*/log/php-fpm/*.log*", "/opt/cpanel/ea-php*/root/usr/var/log/php-fpm/*log*",
		"/var/www/**/error_log", "/var/www/**/php_errors.log", "/var/www/**/php-error.log", "/var/www/clients/*/*/log/*error*", "/var/www/vhosts/*/*logs/*error*", "/var/www/vhosts/*/*/*logs/*error*", "/var/www/*/log*/*error*",
		"/srv/www/**/error_log", "/srv/www/*/log*/*error*", "/usr/local/apache*/logs/*error*", "/usr/local/nginx/logs/*error*", "/usr/local/lsws/logs/*error*", "/opt/lampp/logs/*error*", "/opt/bitnami/*/logs/*error*", "/opt/nginx/logs/*error*",
		"~/logs/*error*", "~/log/*error*", "~/public_html/**/error_log", "~/public_html/error_log",
		"/var/log/tomcat*/catalina*", "/var/log/tomcat*/localhost.*", "/var/log/tomcat*/*manager.*", "/opt/*tomcat*/logs/catalina*", "/opt/*tomcat*/logs/localhost.*", "/opt/*tomcat*/logs/*manager.*",
		"/opt/*tomcat*/*/logs/catalina*", "/opt/*tomcat*/*/logs/localhost.*", "/opt/*tomcat*/*/logs/*manager.*", "/usr/local/*tomcat*/logs/catalina*", "/usr/local/*tomcat*/logs/localhost.*", "/usr/local/*tomcat*/logs/*manager.*",
		"/usr/share/*tomcat*/logs/catalina*", "/usr/share/*tomcat*/logs/localhost.*", "/var/lib/tomcat*/logs/catalina*", "/var/lib/tomcat*/logs/localhost.*",
		"/var/log/gunicorn/*.log*", "/var/log/gunicorn*.log*", "/var/log/uwsgi/*.log*", "/var/log/uwsgi/app/*.log*", "/var/log/uwsgi.log*",
	},
	Named: errorsNamed,
	NamedIn: append(slices.Clone(webconf.Mains), "/etc/php.ini", "/etc/php/*/*/php.ini", "/etc/php/*/fpm/*.conf", "/etc/php/*/fpm/pool.d/*.conf", "/etc/php-fpm.conf", "/etc/php-fpm.d/*.conf", "/etc/php*/php-fpm.conf",
		"/etc/php*/php-fpm.d/*.conf", "/opt/cpanel/ea-php*/root/etc/php-fpm.d/*.conf", "/etc/opt/remi/php*/php-fpm.d/*.conf"),
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		base := s.Path[strings.LastIndexByte(s.Path, '/')+1:]
		if i, j := strings.LastIndex(base, "error"), strings.LastIndex(base, "access"); j > i && i >= 0 {
			return func(func(timeline.Record, error) bool) {}
		}
		return entries(ctx, s, timeline.KindWebError, &webErrors{clock: logtime.New(s.Zone), zone: s.Zone})
	},
	Split: &timeline.Split{Begins: func(line []byte) bool {
		// With a time.
		return len(line) > 20 && (line[0] == '[' && line[1] != '0' && line[1] != 'p' || line[0] >= '0' && line[0] <= '9')
	}},
}

// errorsNamed gives the patterns of the error logs that the configuration of a
// web server or of PHP names.
func errorsNamed(s *timeline.Source) []string {
	if base := path.Base(s.Path); base == "php.ini" || strings.Contains(s.Path, "fpm") {
		return settingsNamed(s, []string{"error_log", "slowlog", "php_admin_value[error_log]", "php_value[error_log]"})
	}
	t := webconf.Tree{Glob: s.Files, Read: func(name string) (string, []byte, bool) {
		f := s
		if name != s.Path {
			f = s.Open(name)
		}
		if f == nil {
			return "", nil, false
		}
		b, _ := timeline.Whole(context.Background(), f, 4<<20)
		return name, b, true
	}}
	var out []string
	seen := map[string]bool{}
	for _, l := range webconf.Read(t, s.Path).Logs {
		if l.Error && !seen[l.Pattern] {
			seen[l.Pattern] = true
			out = append(out, l.Rotated()...)
		}
	}
	return out
}

type webErrors struct {
	clock *logtime.Clock
	zone  *time.Location
}

// continued are the starts of lines that go on with the message before: PHP's
// and Java's traces, the slow log's frames.
var continued = [...]string{"PHP Stack trace:", "PHP   ", "PHP  ", "Stack trace:", "#", "  thrown in ", "\tat ", "\t... ", "Caused by: ", "  ", "\t", "script_filename = ", "[0x", "Traceback ("}

func (d *webErrors) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	if !open {
		return begins
	}
	// Tomcat's older form has the level and the message on a second line.
	switch w, _ := word(line); w {
	case "SEVERE:", "WARNING:", "INFO:", "CONFIG:", "FINE:", "FINER:", "FINEST:":
		return follows
	}
	if line[0] == '[' && strings.HasPrefix(line, "[0x") {
		return follows
	}
	if line[0] == '[' || line[0] >= '0' && line[0] <= '9' {
		return begins
	}
	for _, p := range continued {
		if strings.HasPrefix(line, p) {
			return follows
		}
	}
	return alone
}

func (d *webErrors) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	switch {
	case strings.HasPrefix(text, "[pid: "):
		return d.uwsgi(text, r)
	case text[0] == '[':
		rest, ok := stamped(d.clock, r, text[1:])
		if !ok {
			return false
		}
		// PHP may name the zone: "[13-Oct-2022 12:24:49 Europe/Berlin] ".
		zone, rest, ok := strings.Cut(rest, "]")
		if !ok {
			return false
		}
		d.namedZone(r, strings.TrimSpace(zone))
		if text[1] >= '0' && text[1] <= '9' {
			if _, more, ok := bracketed(strings.TrimPrefix(rest, " ")); ok && strings.HasPrefix(more, "[") && text[5] == '-' {
				return d.gunicorn(strings.TrimPrefix(rest, " "), f)
			}
			d.php(rest, f)
			return true
		}
		d.apache(strings.TrimLeft(rest, " "), f)
		return true
	}
	rest, ok := stamped(d.clock, r, text)
	if !ok {
		d.message(text, f)
		return false
	}
	switch {
	case strings.HasPrefix(rest, " [") && text[4] == '/':
		return d.nginx(rest[1:], f)
	case strings.HasPrefix(rest, ": ("):
		d.lighttpd(rest[2:], f)
	default:
		d.java(strings.TrimLeft(rest, " "), f)
	}
	return true
}

// namedZone reads the time again in the zone that PHP names.
func (d *webErrors) namedZone(r *timeline.Record, name string) {
	if name == "" || strings.IndexByte(name, '/') < 0 || len(name) > 64 || strings.Contains(name, "..") {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return
	}
	// What was read as the server's own clock is the other zone's.
	local := r.Stamps[0].When
	if d.zone != nil {
		local = local.In(d.zone)
	}
	at := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone)
	r.Stamps[0].When, r.Stamps[0].Note = at.UTC(), ""
}

// apache reads what follows the time: "[core:error] [pid 7:tid 8] [client 192.0.2.1:5] AH00126: text, referer: http://...".
func (d *webErrors) apache(rest string, f map[string]string) {
	f["program"] = "apache"
	level, rest, ok := bracketed(rest)
	if !ok {
		d.message(rest, f)
		return
	}
	module, severity, two := strings.Cut(level, ":")
	if !two {
		module, severity = "", level
	}
	put(f, "module", module)
	put(f, "severity", severity)
	for {
		inner, more, ok := bracketed(rest)
		if !ok {
			// "(70014)End of file found: [client ...] AH02006: text".
			if i := strings.Index(rest, ": [client "); i > 0 && strings.HasPrefix(rest, "(") {
				f["error"] = rest[:i]
				rest = rest[i+2:]
				continue
			}
			break
		}
		key, value, _ := strings.Cut(inner, " ")
		switch key {
		case "pid":
			pid, tid, _ := strings.Cut(value, ":tid ")
			put(f, "pid", pid)
			put(f, "tid", tid)
		case "client", "remote":
			if f["address"] != "" {
				break // a module's own words for the same
			}
			address, port := addressPort(value)
			if i := strings.LastIndexByte(value, ':'); port == "" && f["pid"] != "" && i > 0 && isNumber(value[i+1:]) {
				// Since 2.4 a port stands there, behind addresses with colons too.
				if a, err := netip.ParseAddr(value[:i]); err == nil && a.Is6() {
					address, port = value[:i], value[i+1:]
				}
			}
			put(f, "address", address)
			put(f, "port", port)
		default:
			d.message(rest, f)
			return
		}
		rest = more
	}
	// A message may name another referer; the server's own stands last.
	if i := strings.LastIndex(rest, ", referer: "); i >= 0 {
		put(f, "referer", rest[i+len(", referer: "):])
		rest = rest[:i]
	}
	if strings.HasPrefix(rest, "AH") && len(rest) > 9 && rest[7] == ':' && isNumber(rest[2:7]) {
		f["code"] = rest[:7]
		rest = rest[9:]
	}
	d.message(rest, f)
}

// nginx reads "[error] 12#13: *14 text, client: 192.0.2.1, server: example.org, request: "GET / HTTP/1.1", host: "example.org"".
func (d *webErrors) nginx(rest string, f map[string]string) bool {
	f["program"] = "nginx"
	level, rest, ok := bracketed(rest)
	if !ok {
		return false
	}
	f["severity"] = level
	ids, text, ok := strings.Cut(rest, ": ")
	pid, tid, two := strings.Cut(ids, "#")
	if !ok || !two || !isNumber(pid) {
		d.message(rest, f)
		return true
	}
	f["pid"], f["tid"] = pid, tid
	if strings.HasPrefix(text, "*") {
		id, more := word(text[1:])
		if isNumber(id) {
			f["connection"], text = id, more
		}
	}
	if i := clientAt(text); i >= 0 {
		d.nginxTail(text[i:], f)
		text = text[:i]
	} else if inner, _, ok := strings.Cut(text, "] ModSecurity: "); ok && strings.HasPrefix(inner, "[client ") {
		put(f, "address", inner[len("[client "):])
	}
	if strings.HasPrefix(text, "client login failed: ") || strings.HasPrefix(text, "client logged in") {
		f["action"], f["outcome"] = "login-accepted", "success"
		if strings.Contains(text, "failed") {
			f["action"], f["outcome"] = "login-failed", "failure"
			if why, ok := between(text, `"`, `"`); ok {
				f["reason"] = why
			}
		}
	} else if who, ok := strings.CutPrefix(text, "client "); ok {
		// "client 192.0.2.1:53044 connected to 0.0.0.0:25"
		if peer, to, ok := strings.Cut(who, " connected to "); ok {
			f["address"], f["port"] = addressPort(peer)
			f["dst_address"], f["dst_port"] = addressPort(to)
			f["action"] = "connection"
		}
	}
	d.message(text, f)
	return true
}

// clientAt finds where nginx's own words begin behind a message: the first ", client: "
// outside of quotes, for what stands within may be the client's text.
func clientAt(s string) int {
	for at, quotes := 0, 0; ; {
		i := strings.Index(s[at:], ", client: ")
		if i < 0 {
			// Quotes without their match: what ModSecurity says may be cut.
			i := strings.LastIndex(s, ", client: ")
			if i >= 0 && !strings.Contains(s[i:], ", server: ") {
				return -1
			}
			return i
		}
		quotes += strings.Count(s[at:at+i], `"`)
		if at += i; quotes%2 == 0 {
			return at
		}
		at += len(", client: ")
	}
}

// nginxKeys are what nginx's own words name, in their order, with our names for them.
var nginxKeys = [...][2]string{{"client", "address"}, {"server", "server"}, {"login", "account"}, {"request", "request"}, {"subrequest", "subrequest"}, {"upstream", "upstream"}, {"host", "vhost"}, {"referrer", "referer"}}

// nginxTail reads `, client: 192.0.2.1, server: x, request: "...", upstream: "...", host: "...", referrer: "..."`.
func (d *webErrors) nginxTail(s string, f map[string]string) {
	for i, key := range nginxKeys {
		rest, ok := strings.CutPrefix(s, ", "+key[0]+": ")
		if !ok {
			continue
		}
		// A value ends where a later key begins, a quoted one at its quote.
		value, end, mark := rest, len(rest), ", "
		if strings.HasPrefix(rest, `"`) {
			mark = `", `
		}
		for _, later := range nginxKeys[i+1:] {
			if n := strings.Index(rest[:end], mark+later[0]+": "); n >= 0 {
				end = n + len(mark) - 2
			}
		}
		value, s = rest[:end], rest[end:]
		value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
		switch key[1] {
		case "address":
			value, _, _ = strings.Cut(value, " using ")
			value, _ = addressPort(firstOf(value, ","))
		case "request":
			request(value, f)
			continue
		}
		put(f, key[1], value)
	}
	if server := f["server"]; server != "" {
		delete(f, "server")
		if address, port := addressPort(server); port != "" {
			f["dst_address"], f["dst_port"] = address, port
		} else if f["vhost"] == "" {
			f["vhost"] = server
		}
	}
}

// request splits "GET /a?b HTTP/1.1".
func request(s string, f map[string]string) {
	method, url, ok := strings.Cut(s, " ")
	if !ok {
		put(f, "request", s)
		return
	}
	f["method"] = method
	if i := strings.LastIndex(url, " HTTP/"); i >= 0 {
		f["protocol"], url = url[i+1:], url[:i]
	}
	f["url"] = url
}

// lighttpd reads "(mod_fastcgi.c.2543) text".
func (d *webErrors) lighttpd(rest string, f map[string]string) {
	f["program"] = "lighttpd"
	module, text, ok := strings.Cut(strings.TrimPrefix(rest, "("), ") ")
	if ok {
		module, _, _ = strings.Cut(module, ".c.")
		put(f, "module", module)
		rest = text
	}
	d.message(rest, f)
}

// php reads what follows PHP's and php-fpm's time.
func (d *webErrors) php(rest string, f map[string]string) {
	f["program"] = "php"
	// The slow log: "  [pool www] pid 12", then the script and the functions.
	if head, frames, ok := strings.Cut(rest, "\nscript_filename = "); ok {
		f["program"], f["action"] = "php-fpm", "slow-request"
		pool, pid, _ := strings.Cut(strings.TrimSpace(head), "] pid ")
		put(f, "pool", strings.TrimPrefix(pool, "[pool "))
		put(f, "pid", pid)
		script, stack, _ := strings.Cut(frames, "\n")
		f["path"] = script
		var calls []string
		for _, l := range strings.Split(stack, "\n") {
			if _, call, ok := strings.Cut(l, "] "); ok {
				calls = append(calls, call)
			}
		}
		f["message"] = "slow request of " + script
		if len(calls) > 0 {
			f["stack"] = strings.Join(calls, "\n")
			f["message"] += " in " + calls[0]
		}
		return
	}
	rest = strings.TrimLeft(rest, " ")
	if level, text, ok := strings.Cut(rest, ": "); ok {
		switch level {
		case "DEBUG", "NOTICE", "WARNING", "ERROR", "ALERT":
			f["program"], f["severity"] = "php-fpm", strings.ToLower(level)
			rest = text
			if pool, text, ok := bracketed(rest); ok && strings.HasPrefix(pool, "pool ") {
				f["pool"] = pool[len("pool "):]
				rest = text
			}
			if said, ok := strings.CutPrefix(rest, "child "); ok {
				pid, _ := word(said)
				if isNumber(pid) {
					f["pid"] = pid
				}
			}
		}
	}
	d.message(rest, f)
}

// gunicorn reads "[123] [INFO] text".
func (d *webErrors) gunicorn(rest string, f map[string]string) bool {
	f["program"] = "gunicorn"
	pid, rest, _ := bracketed(rest)
	level, text, ok := bracketed(rest)
	if !ok || !isNumber(pid) {
		d.message(rest, f)
		return true
	}
	f["pid"], f["severity"] = pid, strings.ToLower(level)
	d.message(text, f)
	return true
}

// uwsgi reads "[pid: 1|app: 0|req: 2/3] 192.0.2.1 (alice) {...} [Thu Jan  1 10:00:00 2024] GET / => generated 5 bytes in 1 msecs (HTTP/1.1 200) ...".
func (d *webErrors) uwsgi(text string, r *timeline.Record) bool {
	f := r.Fields
	head, rest, ok := strings.Cut(text, "] ")
	who, rest2, ok2 := strings.Cut(rest, " {")
	_, rest2, ok3 := strings.Cut(rest2, "} [")
	if !ok || !ok2 || !ok3 {
		return false
	}
	rest, ok = stamped(d.clock, r, rest2)
	what, result, ok2 := strings.Cut(strings.TrimPrefix(rest, "] "), " => generated ")
	if !ok || !ok2 {
		return false
	}
	r.Kind, f["program"] = timeline.KindWebAccess, "uwsgi"
	put(f, "pid", strings.TrimPrefix(firstOf(head, "|"), "[pid: "))
	address, user := word(who)
	put(f, "address", address)
	put(f, "user", strings.Trim(user, "()"))
	method, url := word(what)
	f["method"], f["url"] = method, url
	path, query, has := strings.Cut(url, "?")
	f["path"] = path
	if has {
		f["query"] = query
	}
	f["bytes"], _ = word(result)
	if inner, ok := between(result, "(", ")"); ok {
		f["protocol"], f["status"] = word(inner)
	}
	r.Summary = strings.TrimSpace(f["address"] + " " + what + " " + f["status"])
	return true
}

func firstOf(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}

// java reads what Tomcat and other servers in Java write behind the time: "INFO [main] org.apache.x.Y text", or
// "org.apache.x.Y method" with "INFO: text" on the next line, or "[thread] WARN class - text".
func (d *webErrors) java(rest string, f map[string]string) {
	f["program"] = "tomcat"
	level, more := word(rest)
	if thread, after, ok := bracketed(rest); ok {
		f["thread"] = thread
		level, more = word(after)
	}
	if isLevel(level) {
		f["severity"] = strings.ToLower(level)
		if thread, after, ok := bracketed(more); ok && f["thread"] == "" {
			f["thread"], more = thread, after
		}
		if class, text := word(more); strings.Count(class, ".") > 1 {
			f["module"] = class
			more = strings.TrimPrefix(text, "- ")
		}
		rest = more
	} else if first, second, ok := strings.Cut(rest, "\n"); ok {
		if l, text := word(second); strings.HasSuffix(l, ":") && isLevel(l[:len(l)-1]) {
			f["severity"] = strings.ToLower(l[:len(l)-1])
			f["module"], _ = word(first)
			rest = text
		}
	}
	if who, ok := strings.CutPrefix(rest, "Authentication attempt from "); ok {
		if address, text, ok := strings.Cut(who, " for user \""); ok {
			address, _, _ = strings.Cut(strings.Trim(address, "[]"), ",")
			f["address"] = address
			f["account"] = firstOf(text, "\"")
			if strings.HasSuffix(text, " failed.") {
				f["action"], f["outcome"] = "login-failed", "failure"
			}
		}
	}
	lower := strings.ToLower(firstOf(rest, "\n"))
	for _, v := range [...]struct{ mark, action string }{{"undeploying", "undeployed"}, {"deployment of ", "deployed"}, {"deploying web application", "deploying"}, {"deploy: deploying", "deploying"}} {
		i := strings.Index(lower, v.mark)
		if i < 0 {
			continue
		}
		f["action"] = v.action
		if p, ok := between(rest[i:], "[", "]"); ok {
			f["path"] = p
		} else if p, ok := between(rest[i:], "'", "'"); ok {
			f["path"] = p
		} else if _, p, ok := strings.Cut(firstOf(rest[i:], "\n"), "archive "); ok {
			f["path"] = p
		}
		break
	}
	d.message(rest, f)
}

func isLevel(s string) bool {
	switch s {
	case "SEVERE", "WARNING", "INFO", "CONFIG", "FINE", "FINER", "FINEST", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL":
		return true
	}
	return false
}

// message sets the message and what it says of scripts, of files and of users.
func (d *webErrors) message(text string, f map[string]string) {
	f["message"] = text
	first := firstOf(text, "\n")
	if strings.Contains(first, "ModSecurity: ") {
		modSecurity(first, f)
		return
	}
	if i := strings.Index(first, "PHP "); i >= 0 {
		phpMessage(first[i+len("PHP "):], f)
	}
	switch {
	case f["path"] != "":
	case strings.HasPrefix(first, "script '"):
		f["path"], _ = between(first, "'", "'")
	case strings.HasPrefix(first, "File does not exist: "):
		f["path"] = first[len("File does not exist: "):]
	case strings.Contains(first, "script not found or unable to stat: "):
		_, f["path"], _ = strings.Cut(first, "unable to stat: ")
	case strings.HasPrefix(first, "open() \""), strings.HasPrefix(first, "stat() \""), strings.HasPrefix(first, "directory index of \""), strings.HasPrefix(first, "access forbidden by rule"):
		if p, ok := between(first, `"`, `"`); ok {
			f["path"] = p
		}
	}
	switch {
	case strings.HasPrefix(first, "user "):
		// "user alice not found: /x", "user alice: authentication failure for "/x": Password Mismatch"
		who := first[len("user "):]
		if i := strings.Index(who, " not found: "); i > 0 && f["code"] != "AH01617" {
			f["account"], f["action"], f["outcome"], f["reason"], f["url"] = who[:i], "login-failed", "failure", "no such user", who[i+len(" not found: "):]
		} else if i := strings.Index(who, ": authentication failure for "); i > 0 {
			f["account"], f["action"], f["outcome"] = who[:i], "login-failed", "failure"
			_, f["reason"], _ = strings.Cut(who[i+2:], ": ")
		} else if strings.HasPrefix(who, `"`) {
			// nginx: user "alice": password mismatch
			if name, ok := between(who, `"`, `"`); ok && (strings.Contains(who, "password mismatch") || strings.Contains(who, "was not found")) {
				f["account"], f["action"], f["outcome"] = name, "login-failed", "failure"
			}
		}
	case strings.Contains(first, " configured -- resuming normal operations"):
		f["action"] = "service-started"
		f["version"], _, _ = strings.Cut(first, " configured -- ")
	case strings.HasPrefix(first, "caught SIGTERM"):
		f["action"] = "service-stopped"
	}
}

// phpMessage reads "Warning:  text in /path/x.php on line 5" and "Fatal error:  Uncaught Error: text in /path/x.php:5".
func phpMessage(text string, f map[string]string) {
	level, text, ok := strings.Cut(text, ":")
	if !ok || len(level) > 30 {
		return
	}
	switch level = strings.ToLower(level); level {
	case "warning", "notice", "fatal error", "parse error", "deprecated", "strict standards", "catchable fatal error", "recoverable fatal error", "core warning", "compile error", "message":
	default:
		return
	}
	if level == "message" {
		if i := strings.Index(text, "PHP "); i >= 0 {
			phpMessage(text[i+len("PHP "):], f)
		}
		return
	}
	f["error"] = "PHP " + level
	i := strings.LastIndex(text, " in ")
	if i < 0 {
		return
	}
	path := text[i+len(" in "):]
	if p, _, ok := strings.Cut(path, " on line "); ok {
		path = p
	} else if j := strings.LastIndexByte(path, ':'); j > 0 {
		path = path[:j]
	}
	if strings.HasPrefix(path, "/") {
		// "x.php(12) : eval()'d code"
		f["path"] = path
	}
}

// modSecurity reads `ModSecurity: Warning. ... [file "..."] [id "..."] [msg "..."] [uri "..."]`.
func modSecurity(text string, f map[string]string) {
	_, text, _ = strings.Cut(text, "ModSecurity: ")
	verdict, _, _ := strings.Cut(text, ". ")
	f["action"] = "blocked"
	if !strings.HasPrefix(verdict, "Access denied") {
		f["action"] = "warned"
	}
	for _, v := range [...][2]string{{"id", "rule"}, {"msg", "reason"}, {"uri", "url"}, {"hostname", "vhost"}, {"data", "data"}, {"unique_id", "id"}} {
		if v[1] == "url" && f["url"] != "" || v[1] == "vhost" && f["vhost"] != "" {
			continue
		}
		i := strings.LastIndex(text, " ["+v[0]+` "`)
		if i < 0 {
			continue
		}
		value := text[i+len(v[0])+4:]
		if j := strings.Index(value, `"]`); j >= 0 {
			put(f, v[1], value[:j])
		}
	}
}
