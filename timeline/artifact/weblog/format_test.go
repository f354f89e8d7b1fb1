package weblog

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

func TestFormat(t *testing.T) {
	const at = "@2016-01-13T17:31:20Z"
	tests := []struct{ name, server, format, line, want string }{
		{"forwarded first", "apache", `%{X-Forwarded-For}i %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D`, `203.0.113.9, 192.0.2.1 - al ice [13/Jan/2016:19:31:20 +0200] "GET /x HTTP/1.1" 200 5 "-" "c\"url" 1234567`,
			`address=203.0.113.9 bytes=5 duration=1.234567 forwarded=203.0.113.9, 192.0.2.1 method=GET protocol=HTTP/1.1 status=200 url=/x user=al ice user_agent=c\"url ` + at},
		{"tabs", "apache", `%h\t%{%Y-%m-%d %H:%M:%S}t\t%m\t%U%q\t%s\t%I\t%O`, "192.0.2.1\t2016-01-13 17:31:20\tGET\t/x?a=b c\t200\t1\t2", ""},
		{"path and query", "apache", `%a|%{%Y-%m-%dT%H:%M:%S%z}t|%m|%U|%q|%H|%>s|%{ms}T|%f|%P|%A:%p|%{remote}p`, "192.0.2.1|2016-01-13T19:31:20+0200|GET|/x|?a=b|HTTP/1.1|200|15|/var/www/x.php|77|198.51.100.1:443|4711",
			`address=192.0.2.1 dst_address=198.51.100.1 dst_port=443 duration=0.015 method=GET path=/x pid=77 port=4711 protocol=HTTP/1.1 query=a=b script=/var/www/x.php status=200 url=/x?a=b ` + at},
		{"time in pieces", "apache", `%h [%{%d/%b/%Y:%T}t.%{usec_frac}t %{%z}t] "%r" %s "%{Cookie}i" %{NAME}e`, `192.0.2.1 [13/Jan/2016:19:31:20.250000 +0200] "GET /x HTTP/1.1" 200 "id=secret" v`,
			"address=192.0.2.1 cookie=*** extra=NAME=v method=GET protocol=HTTP/1.1 status=200 url=/x @2016-01-13T17:31:20.25Z"},
		{"JSON of Apache", "apache", `{ "when":"%t", "ip":"%a", "r":"%r", "code":"%>s", "ua":"%{User-Agent}i" }`, `{ "when":"[13/Jan/2016:19:31:20 +0200]", "ip":"192.0.2.1", "r":"GET /\"x HTTP/1.1", "code":"404", "ua":"a b" }`,
			`address=192.0.2.1 decoded=/"x method=GET protocol=HTTP/1.1 status=404 url=/\"x user_agent=a b ` + at},
		{"nginx", "nginx", `$http_x_real_ip - $remote_addr:$remote_port [$time_iso8601] $host "$request_method $request_uri" $status $request_time "$upstream_addr" $body_bytes_sent`, `203.0.113.5 - 192.0.2.1:99 [2016-01-13T19:31:20+02:00] example.org "GET /a b" 200 0.005 "10.0.0.1:80, 10.0.0.2:80" 7`,
			"address=192.0.2.1 bytes=7 duration=0.005 extra=x-real-ip=203.0.113.5 method=GET port=99 status=200 upstream=10.0.0.1:80, 10.0.0.2:80 url=/a b vhost=example.org " + at},
		{"nginx local time", "nginx", `$time_local|$remote_addr|$request|$status`, "13/Jan/2016:19:31:20 +0200|192.0.2.1|GET / HTTP/1.1|200", "address=192.0.2.1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"nginx epoch", "nginx", `${msec} $remote_addr $status`, "1452706280.000 192.0.2.1 200", "address=192.0.2.1 status=200 " + at},
		{"conditions", "apache", `%h %!200,304{Referer}i %t %400,501{User-agent}i`, "192.0.2.1 - [13/Jan/2016:19:31:20 +0200] curl", "address=192.0.2.1 user_agent=curl " + at},
		{"Tomcat", "tomcat", `%h %l %u %t "%r" %s %b %D %S %I`, `192.0.2.1 - - [13/Jan/2016:19:31:20 +0200] "GET /manager/html HTTP/1.1" 401 2473 15 ABC http-nio-1`, "address=192.0.2.1 bytes=2473 cookie=*** duration=0.015 method=GET protocol=HTTP/1.1 status=401 thread=http-nio-1 url=/manager/html " + at},
		{"not of the format", "apache", `%h %t "%r" %s`, `192.0.2.1 [13/Jan/2016:19:31:20 +0200] "GET / HTTP/1.1" 200 and more`, ""},
		{"percent", "apache", `%h %% %s`, `192.0.2.1 % 200`, "address=192.0.2.1 status=200"},
		{"fields without anything between", "apache", `%h%s`, `192.0.2.1200`, ""},
	}
	for _, tt := range tests {
		p := parser{zone: time.UTC, clock: logtime.New(time.UTC)}
		f := compile(tt.server, tt.format, p.clock)
		var q request
		got := ""
		if f != nil {
			if when, note, ok := f.match(tt.line, &q); ok {
				r := timeline.Record{Fields: p.fields(&q)}
				if !when.IsZero() {
					r.Stamps = []timeline.Stamp{{What: "logged", When: when, Note: note}}
				}
				got = show(r)
			}
		}
		if got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestConfigured reads logs as the configuration beside them says.
func TestConfigured(t *testing.T) {
	files := map[string]string{
		"/etc/apache2/apache2.conf":    "LogFormat \"%D %a %t \\\"%r\\\" %>s\" timed\nIncludeOptional sites-enabled/*\n",
		"/etc/apache2/sites-enabled/a": "<VirtualHost *:80>\nServerName example.org\nCustomLog /srv/logs/org timed\nErrorLog /srv/logs/err\n</VirtualHost>\n<VirtualHost *:80>\nServerName example.net\nCustomLog \"|/usr/bin/rotatelogs /srv/logs/net.%Y-%m-%d 86400\" combined\n</VirtualHost>\n",
		"/srv/logs/org.1":              "15 192.0.2.1 [13/Jan/2016:19:31:20 +0200] \"GET / HTTP/1.1\" 200\nnot of it\n",
		"/srv/logs/net.2016-01-13":     "192.0.2.1 - - [13/Jan/2016:19:31:20 +0200] \"GET / HTTP/1.1\" 200 1\n",
	}
	var open func(name string) *timeline.Source
	open = func(name string) *timeline.Source {
		text, ok := files[name]
		if !ok {
			return nil
		}
		return &timeline.Source{Path: name, Data: bytes.NewReader([]byte(text)), Size: int64(len(text)), Zone: time.UTC, Sibling: open, Glob: func(pattern string) []string {
			var out []string
			for _, n := range slices.Sorted(maps.Keys(files)) {
				if ok, _ := path.Match(pattern, n); ok {
					out = append(out, n)
				}
			}
			return out
		}}
	}
	patterns := named(open("/etc/apache2/apache2.conf"))
	fits := func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
	}
	for name, want := range map[string]bool{"/srv/logs/org": true, "/srv/logs/org.1": true, "/srv/logs/org-20240101.gz": true, "/srv/logs/organ": false, "/srv/logs/net.2016-01-13": true, "/srv/logs/err": false} {
		if fits(name) != want {
			t.Errorf("%s: named %v, want %v by %q", name, !want, want, patterns)
		}
	}
	got := func(name string) string {
		var out []string
		for r, err := range run(context.Background(), open(name)) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, show(r))
		}
		return strings.Join(out, "\n")
	}
	if g, want := got("/srv/logs/org.1"), "address=192.0.2.1 duration=0.000015 method=GET protocol=HTTP/1.1 status=200 url=/ vhost=example.org @2016-01-13T17:31:20Z\nmessage=not of it"; g != want {
		t.Errorf("got  %s\nwant %s", g, want)
	}
	if g, want := got("/srv/logs/net.2016-01-13"), "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ vhost=example.net @2016-01-13T17:31:20Z"; g != want {
		t.Errorf("got  %s\nwant %s", g, want)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("apache", `%h [%{%d/%b/%Y:%T}t.%{usec_frac}t %{%z}t] "%r" %s "%{Cookie}i" %u %t %D`, `192.0.2.1 [13/Jan/2016:19:31:20.250000 +0200] "GET /x HTTP/1.1" 200 "id" a [x] 5`)
	f.Add("nginx", `${msec} $remote_addr "$request" $status|$http_x`, `1452706280.000 192.0.2.1 "\"" 200|x`)
	f.Fuzz(func(t *testing.T, server, format, line string) {
		p := parser{zone: time.UTC, clock: logtime.New(nil)}
		usual(format)
		if c := compile(server, format, p.clock); c != nil {
			var q request
			if _, _, ok := c.match(line, &q); ok {
				if all := p.fields(&q); q.summary() == "" || len(all) > 100 {
					t.Fatal(all)
				}
			}
		}
	})
}
