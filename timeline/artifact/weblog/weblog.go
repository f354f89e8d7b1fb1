// Package weblog reads the access logs of web servers.
package weblog

import (
	"context"
	"iter"
	"strings"
	"time"

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
format is read as far as its parts can be told.`,
	Paths: []string{
		"/var/log/apache2/*access*", "/var/log/apache2/**/*access*", "/var/log/apache/*access*", "/var/log/apache-ssl/*access*", "/var/log/httpd/*access*", "/var/log/httpd/**/*access*",
		"/var/log/nginx/*access*", "/var/log/nginx/**/*access*", "/var/log/lighttpd/*access*", "/var/log/caddy/*access*", "/var/log/traefik/*access*", "/var/log/litespeed/*access*",
		"/var/log/access_log*", "/var/log/access.log*", "/var/log/httpd-access.log*", "/var/log/ispconfig/httpd/*/*access*",
		"/var/www/*/log*/*access*", "/var/www/clients/*/*/log/*access*", "/var/www/vhosts/*/*logs/*access*", "/var/www/vhosts/*/*/*logs/*access*", "/srv/www/*/log*/*access*",
		"/usr/local/apache*/logs/*access*", "/usr/local/nginx/logs/*access*", "/usr/local/lsws/logs/*access*", "/opt/lampp/logs/*access*", "/opt/bitnami/*/logs/*access*", "/opt/nginx/logs/*access*",
		"~/logs/*access*", "~/log/*access*", "~/access-logs/*",
	},
	Run: run,
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if isErrorLog(s.Path) {
			return
		}
		p := parser{zone: s.Location()}
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

// isErrorLog tells an error log that a pattern for access logs caught.
func isErrorLog(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
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
	message               string // the whole line, if it could not be taken apart
}

type parser struct {
	zone    *time.Location
	scratch []byte
}

const noteZone = "the line has no offset; the server's zone assumed"

// record makes the record of a line.
func (p *parser) record(line string) timeline.Record {
	var q request
	var when time.Time
	var note string
	var ok bool
	if line[0] == '{' {
		when, note, ok = p.json(line, &q)
	} else {
		when, note, ok = p.text(line, &q)
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
