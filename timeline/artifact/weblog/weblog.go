// Package weblog reads the access logs of web servers.
package weblog

import (
	"context"
	"iter"
	"strings"
	"time"

	"deadbox/internal/logtime"
	"deadbox/internal/webconf"
	"deadbox/timeline"
)

// Extractor yields a record for each request in an access log.
var Extractor = timeline.Extractor{
	Name: "web-access",
	Doc: `Requests in the access logs of Apache, nginx and servers that write like them: address, user, method, url, path, query, decoded (the
URL with escapes undone, up to three times, where that changes it), status, bytes, referer, user_agent, vhost, protocol.

Formats: the Common Log Format, combined, vhost_combined and combinedio of Apache, fields behind them included
(https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, https://httpd.apache.org/docs/2.4/logs.html#accesslog), nginx's combined and
main (https://nginx.org/en/docs/http/ngx_http_log_module.html), and lines of JSON as nginx, Apache, Caddy and Traefik write them. A line in another
format is read as the server's own configuration says that it is built (LogFormat and CustomLog of Apache, log_format and access_log of
nginx, accesslog.format of lighttpd, the pattern of Tomcat's AccessLogValve), and else as far as its parts can be told; then there are
also duration in seconds, dst_address, dst_port, port, script, pid, upstream and others. A log that belongs to one site gives it as vhost.
Cookies and credentials are masked.`,
	Named:   named,
	NamedIn: webconf.Mains,
	Paths: []string{
		"/var/log/apache2/*access*", "/var/log/apache2/**/*access*", "/var/log/apache/*access*", "/var/log/apache-ssl/*access*", "/var/log/httpd/*access*", "/var/log/httpd/**/*access*",
		"/var/log/nginx/*access*", "/var/log/nginx/**/*access*", "/var/log/lighttpd/*access*", "/var/log/caddy/*access*", "/var/log/traefik/*access*", "/var/log/litespeed/*access*",
		"/var/log/access_log*", "/var/log/access.log*", "/var/log/httpd-access.log*", "/var/log/ispconfig/httpd/*/*access*",
		"/var/www/*/log*/*access*", "/var/www/clients/*/*/log/*access*", "/var/www/vhosts/*/*logs/*access*", "/var/www/vhosts/*/*/*logs/*access*", "/srv/www/*/log*/*access*",
		"/usr/local/apache*/logs/*access*", "/usr/local/nginx/logs/*access*", "/usr/local/lsws/logs/*access*", "/opt/lampp/logs/*access*", "/opt/bitnami/*/logs/*access*", "/opt/nginx/logs/*access*",
		"~/logs/*access*", "~/log/*access*", "~/access-logs/*",
		"/var/log/tomcat*/*access*", "/opt/*tomcat*/logs/*access*", "/opt/*tomcat*/*/logs/*access*", "/usr/local/*tomcat*/logs/*access*", "/usr/share/*tomcat*/logs/*access*", "/var/lib/tomcat*/logs/*access*",
		"/usr/local/apache/domlogs/*", "/usr/local/apache/domlogs/*/*", "/var/log/apache2/domlogs/*", "/var/log/apache2/domlogs/*/*", "/var/log/httpd/domains/*.log*", "/var/log/gunicorn/*access*", "/data/logs/*access*",
	},
	Run:   run,
	Split: &timeline.Split{},
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if isErrorLog(s.Path) {
			return
		}
		p := parser{zone: s.Location(), clock: logtime.New(s.Zone)}
		known, ok := s.Prepared.(layout)
		if !ok {
			known = layoutOf(ctx, s)
		}
		p.vhost = known.vhost
		if known.format != "" {
			if p.format = compile(known.server, known.format, p.clock); p.format != nil {
				p.format.vhost = known.vhost
			}
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(l.Text) == 0 {
				continue
			}
			r := p.record(string(l.Text))
			r.Evidence = l.Evidence()
			if !yield(r, nil) {
				return
			}
		}
	}
}

// isErrorLog tells an error log, or one of FTP, that a pattern for access logs caught.
func isErrorLog(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if strings.HasPrefix(base, "ftpxferlog") || strings.Contains(base, "-ftp_log") {
		return true // cPanel keeps the logs of FTP beside those of the web
	}
	i, j := strings.LastIndex(base, "error"), strings.LastIndex(base, "access")
	return i > j
}

// request is what a line says. Parts that it does not have are "" or "-".
type request struct {
	address, user, vhost  string
	line                  string // the request line where it is no HTTP
	method, url, protocol string
	status, bytes         string
	referer, agent        string
	forwarded             string // addresses that a proxy claims
	extra                 string // what else stands behind
	pathOnly, queryOnly   string // of a log that has them apart
	named                 [][2]string
	message               string // the whole line, if it could not be taken apart
}

type parser struct {
	zone    *time.Location
	clock   *logtime.Clock
	format  *format // nil: the shape of a line tells
	vhost   string
	scratch []byte
}

const noteZone = "the line has no offset; the server's zone assumed"

// record makes the record of a line.
func (p *parser) record(line string) timeline.Record {
	var q request
	var when time.Time
	var note string
	var ok bool
	if p.format != nil {
		if when, note, ok = p.format.match(line, &q); !ok {
			q = request{}
		}
	}
	switch {
	case ok:
	case line[0] == '{':
		when, note, ok = p.json(line, &q)
	default:
		when, note, ok = p.text(line, &q)
	}
	if q.vhost == "" {
		q.vhost = p.vhost
	}
	r := timeline.Record{Kind: timeline.KindWebAccess}
	if !ok {
		r.Summary, r.Fields = line, map[string]string{"message": line}
	} else {
		r.Summary, r.Fields = q.summary(), p.fields(&q)
	}
	if !when.IsZero() {
		r.Stamps = []timeline.Stamp{{What: "logged", When: when, Note: note}}
	}
	return r
}

func has(s string) bool { return s != "" && s != "-" }

// fields makes the record's fields, in one map of the right size.
func (p *parser) fields(q *request) map[string]string {
	url, raw := q.url, q.url
	if raw == "" {
		raw = q.line
	}
	path, query, hasQuery := "", "", false
	if url != "" {
		path, query, hasQuery = strings.Cut(url, "?")
		path = pathOf(path)
	}
	decoded := p.decode(raw)
	n := 0
	if decoded != raw {
		n++
	}
	for _, s := range [...]string{q.address, q.user, q.vhost, q.line, q.method, q.url, q.protocol, q.status, q.bytes, q.referer, q.agent, q.forwarded, q.extra, q.message, path} {
		if has(s) {
			n++
		}
	}
	if hasQuery {
		n++
	}
	n += len(q.named)
	f := make(map[string]string, n)
	put := func(name, value string) {
		if has(value) {
			f[name] = value
		}
	}
	put("address", q.address)
	put("user", q.user)
	put("vhost", q.vhost)
	put("request", q.line)
	put("method", q.method)
	put("url", url)
	put("path", path)
	if hasQuery {
		f["query"] = query
	}
	if decoded != raw {
		f["decoded"] = decoded
	}
	put("protocol", q.protocol)
	put("status", q.status)
	put("bytes", q.bytes)
	put("referer", q.referer)
	put("user_agent", q.agent)
	put("forwarded", q.forwarded)
	put("extra", q.extra)
	put("message", q.message)
	for _, v := range q.named {
		put(v[0], v[1])
	}
	return f
}

// pathOf takes scheme and host from a URL that a proxy's client sent.
func pathOf(s string) string {
	if strings.HasPrefix(s, "/") {
		return s
	}
	if i := strings.Index(s, "://"); i > 0 && i < 10 {
		if j := strings.IndexByte(s[i+3:], '/'); j >= 0 {
			return s[i+3+j:]
		}
		return "/"
	}
	return s
}

func (q *request) summary() string {
	if q.message != "" {
		return q.message
	}
	who := q.address
	if who == "" {
		who = "-"
	}
	if has(q.user) {
		who += " (" + q.user + ")"
	}
	what := q.line
	if q.method != "" {
		what = q.method + " " + q.url
	}
	if what == "" {
		what = "-"
	}
	if q.status == "" {
		return who + " " + what
	}
	return who + " " + what + " " + q.status
}
