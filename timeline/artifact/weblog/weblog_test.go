package weblog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func source(text string) *timeline.Source {
	return &timeline.Source{
		Path: "/var/log/apache2/access.log", Data: strings.NewReader(text), Size: int64(len(text)), Zone: time.UTC,
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Offset: off, Length: n, Line: line}
		},
	}
}

func records(t *testing.T, text string) (all []timeline.Record) {
	t.Helper()
	for r, err := range run(context.Background(), source(text)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// show renders a record's fields, without those that follow from the URL.
func show(r timeline.Record) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
		if k == "path" && r.Fields["url"] == r.Fields[k] || k == "decoded" && (r.Fields["url"] == r.Fields[k] || r.Fields["request"] == r.Fields[k]) {
			continue
		}
		parts = append(parts, k+"="+r.Fields[k])
	}
	if len(r.Stamps) > 0 {
		parts = append(parts, r.Stamps[0].When.Format("@2006-01-02T15:04:05.999Z"))
		if r.Stamps[0].Note != "" {
			parts = append(parts, "note")
		}
	}
	return strings.Join(parts, " ")
}

func TestFormats(t *testing.T) {
	const ts = "[13/Jan/2016:19:31:20 +0200]"
	const at = "@2016-01-13T17:31:20Z"
	tests := []struct{ name, line, want string }{
		{"common", `192.0.2.1 - - ` + ts + ` "GET /a?b=c HTTP/1.1" 200 494`, "address=192.0.2.1 bytes=494 method=GET path=/a protocol=HTTP/1.1 query=b=c status=200 url=/a?b=c " + at},
		{"combined", `192.0.2.1 - u ` + ts + ` "GET / HTTP/1.1" 304 - "http://example.org/" "Mozilla \"x\""`,
			`address=192.0.2.1 method=GET protocol=HTTP/1.1 referer=http://example.org/ status=304 url=/ user=u user_agent=Mozilla \"x\" ` + at},
		{"vhost_combined", `example.org:443 2001:db8::1 - - ` + ts + ` "GET / HTTP/2.0" 200 1 "-" "-"`, "address=2001:db8::1 bytes=1 method=GET protocol=HTTP/2.0 status=200 url=/ vhost=example.org " + at},
		{"vhost without port", `example.org 192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1 "-" "-"`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ vhost=example.org " + at},
		{"vhost that is an address", `192.0.2.9 192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ vhost=192.0.2.9 " + at},
		{"client by name", `client.example.org - - ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=client.example.org bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"user with spaces", `192.0.2.1 - a b [c ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ user=a b [c " + at},
		{"user that looks like a time", `192.0.2.1 - [01/Jan/1999:00:00:00 +0000] ` + ts + ` "GET / HTTP/1.1" 401 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=401 url=/ user=[01/Jan/1999:00:00:00 +0000] " + at},
		{"no user", `192.0.2.1 - ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"proxies", `198.51.100.7, 192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=198.51.100.7 bytes=1 forwarded=198.51.100.7, 192.0.2.1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"nginx main", `192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1 "-" "curl" "198.51.100.7"`, "address=192.0.2.1 bytes=1 forwarded=198.51.100.7 method=GET protocol=HTTP/1.1 status=200 url=/ user_agent=curl " + at},
		{"times behind", `192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1 "-" "curl" 0.001 "0.002" x`, `address=192.0.2.1 bytes=1 extra=0.001 "0.002" x method=GET protocol=HTTP/1.1 status=200 url=/ user_agent=curl ` + at},
		{"combinedio", `192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1 "-" "curl" 300 400`, "address=192.0.2.1 bytes=1 extra=300 400 method=GET protocol=HTTP/1.1 status=200 url=/ user_agent=curl " + at},
		{"time before the referer", `192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1 0.5 "-" "curl"`, "address=192.0.2.1 bytes=1 extra=0.5 method=GET protocol=HTTP/1.1 status=200 url=/ user_agent=curl " + at},
		{"spaces in the URL", `192.0.2.1 - - ` + ts + ` "GET /a b HTTP/1.1" 404 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=404 url=/a b " + at},
		{"quotes not escaped", `192.0.2.1 - - ` + ts + ` "GET /?x=<script>alert("t")</script> HTTP/1.0" 404 1164`, `address=192.0.2.1 bytes=1164 method=GET path=/ protocol=HTTP/1.0 query=x=<script>alert("t")</script> status=404 url=/?x=<script>alert("t")</script> ` + at},
		{"escaped quotes", `192.0.2.1 - - ` + ts + ` "GET /?x=\"a\\ HTTP/1.0" 404 1 "\"" "a\\"`, `address=192.0.2.1 bytes=1 decoded=/?x="a\ method=GET path=/ protocol=HTTP/1.0 query=x=\"a\\ referer=\" status=404 url=/?x=\"a\\ user_agent=a\\ ` + at},
		{"TLS to a plain port", `192.0.2.1 - - ` + ts + ` "\x16\x03\x01 \x02" 400 226 "-" "-"`, "address=192.0.2.1 bytes=226 decoded=\x16\x03\x01 \x02 request=\\x16\\x03\\x01 \\x02 status=400 " + at},
		{"no request", `192.0.2.1 - - ` + ts + ` "-" 408 -`, "address=192.0.2.1 status=408 " + at},
		{"empty request", `192.0.2.1 - - ` + ts + ` "" 400 0 "-" "-"`, "address=192.0.2.1 bytes=0 status=400 " + at},
		{"one word", `192.0.2.1 - - ` + ts + ` "HELP" 400 157 "-" "-"`, "address=192.0.2.1 bytes=157 request=HELP status=400 " + at},
		{"HTTP/0.9", `192.0.2.1 - - ` + ts + ` "GET /x" 200 157`, "address=192.0.2.1 bytes=157 method=GET status=200 url=/x " + at},
		{"proxy request", `192.0.2.1 - - ` + ts + ` "GET http://example.org/a?b HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET path=/a protocol=HTTP/1.1 query=b status=200 url=http://example.org/a?b " + at},
		{"cut in the agent", `192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 235 "-" "Mozilla/5.0 (co`, "address=192.0.2.1 bytes=235 method=GET protocol=HTTP/1.1 status=200 url=/ user_agent=Mozilla/5.0 (co " + at},
		{"cut in the request", `192.0.2.1 - - ` + ts + ` "GET /abc`, "address=192.0.2.1 method=GET url=/abc " + at},
		{"cut after the time", `192.0.2.1 - - ` + ts, "address=192.0.2.1 " + at},
		{"no offset", `192.0.2.1 - - [13/Jan/2016:19:31:20] "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ @2016-01-13T19:31:20Z note"},
		{"ISO time", `192.0.2.1 - - [2016-01-13T19:31:20.5+02:00] "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ @2016-01-13T17:31:20.5Z"},
		{"mapped address", `::ffff:192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"other order", ts + ` 192.0.2.1 "GET / HTTP/1.1" 200 1`, "address=192.0.2.1 bytes=1 method=GET protocol=HTTP/1.1 status=200 url=/ " + at},
		{"quoted field first", `"198.51.100.7" 192.0.2.1 - - ` + ts + ` "GET / HTTP/1.1" 200 1`, `address=192.0.2.1 bytes=1 forwarded=198.51.100.7 method=GET protocol=HTTP/1.1 status=200 url=/ ` + at},
		{"host and address behind the time", ts + ` example.org 192.0.2.1 0.2 "GET / HTTP/2.0" 207 125 440 - curl`, "address=192.0.2.1 bytes=125 extra=440 - curl method=GET protocol=HTTP/2.0 status=207 url=/ vhost=example.org " + at},
		{"a time and no request", ts + ` 192.0.2.1 hello`, "message=" + ts + " 192.0.2.1 hello " + at},
		{"something else", `hello "world"`, `message=hello "world"`},
		{"error log line", `[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10] [client 192.0.2.1:50229] AH01618: user x not found: /`, `message=[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10] [client 192.0.2.1:50229] AH01618: user x not found: /`},
		{"JSON of nginx", `{"time_iso8601":"2016-01-13T19:31:20+02:00","remote_addr":"192.0.2.1","request":"GET /a%20b HTTP/1.1","status":"200","body_bytes_sent":12,"http_user_agent":"x"}`,
			"address=192.0.2.1 bytes=12 decoded=/a b method=GET protocol=HTTP/1.1 status=200 url=/a%20b user_agent=x " + at},
		{"JSON of Caddy", `{"level":"info","ts":1452706280.25,"request":{"remote_ip":"192.0.2.1","proto":"HTTP/2.0","method":"GET","host":"example.org","uri":"/x?y","headers":{"User-Agent":["curl"]}},"size":7,"status":404}`,
			"address=192.0.2.1 bytes=7 method=GET path=/x protocol=HTTP/2.0 query=y status=404 url=/x?y user_agent=curl vhost=example.org @2016-01-13T17:31:20.25Z"},
		{"JSON of Traefik", `{"ClientAddr":"192.0.2.1:4","ClientHost":"192.0.2.1","RequestMethod":"GET","RequestPath":"/x","DownstreamStatus":200,"StartUTC":"2016-01-13T17:31:20Z"}`,
			"address=192.0.2.1 method=GET status=200 url=/x " + at},
		{"JSON with path and query", `{"timestamp":"13/Jan/2016:19:31:20 +0200","clientip":"2001:db8::1","method":"GET","path":"/x","query":"?a=b"}`,
			"address=2001:db8::1 method=GET path=/x query=a=b url=/x?a=b " + at},
		{"JSON that is cut", `{"remote_addr":"192.0.2.1","req`, `message={"remote_addr":"192.0.2.1","req`},
	}
	for _, tt := range tests {
		all := records(t, tt.line+"\n")
		if len(all) != 1 {
			t.Errorf("%s: %d records", tt.name, len(all))
			continue
		}
		if got := show(all[0]); got != tt.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.name, tt.line, got, tt.want)
		}
	}
}

func TestDecode(t *testing.T) {
	tests := []struct{ in, want string }{
		{"/a", "/a"},
		{"/a+b?c+d", "/a+b?c d"},
		{"/%2e%2E/", "/../"},
		{"/%252e%252e/", "/../"},
		{"/%25252e/", "/./"},
		{"/%2525252e/", "/%2e/"},
		{"/?x=a%2Bb", "/?x=a+b"},
		{"/%u0041%u00e9", "/Aé"},
		{"/%zz%4", "/%zz%4"},
		{"%", "%"},
		{`/\x3cscript\x3e\"\\ \n`, "/<script>\"\\ \n"},
		{`\x2`, `\x2`},
		{"/?a=%0a%00", "/?a=\n\x00"},
	}
	var p parser
	for _, tt := range tests {
		if got := p.decode(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestTime(t *testing.T) {
	p := parser{zone: time.UTC}
	for d := time.Date(1999, 12, 31, 23, 0, 1, 0, time.FixedZone("", -9000)); d.Year() < 2045; d = d.AddDate(0, 0, 13) {
		got, _ := p.time(d.Format("02/Jan/2006:15:04:05 -0700"))
		if !got.Equal(d) {
			t.Fatalf("%v: %v", d, got)
		}
	}
	for _, s := range []string{"", "32/Jan/2016:00:00:00 +0000", "13/jan/2016:00:00:00 +0000", "13/Jan/2016:24:00:00 +0000", "13/Jan/2016:00:00:00 +000", "13/Jan/2016 00:00:00 +0000"} {
		if got, _ := p.time(s); !got.IsZero() {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestRun(t *testing.T) {
	line := `192.0.2.1 - u [13/Jan/2016:19:31:20 +0000] "POST /x HTTP/1.1" 200 494`
	all := records(t, line+"\n\n"+line)
	if len(all) != 2 {
		t.Fatalf("%d records", len(all))
	}
	r := all[1]
	if want := (timeline.Evidence{Offset: int64(len(line) + 2), Length: int64(len(line)), Line: 3}); r.Evidence != want {
		t.Errorf("evidence %+v, want %+v", r.Evidence, want)
	}
	if r.Kind != timeline.KindWebAccess || r.Stamps[0].What != "logged" || r.Summary != "192.0.2.1 (u) POST /x 200" {
		t.Errorf("record %+v", r)
	}
	s := source(line)
	s.Path = "/var/log/apache2/access_error.log"
	for range run(context.Background(), s) {
		t.Error("a record from an error log")
	}
}

const shared = "../../../../shared/data"

func TestPlaso(t *testing.T) {
	oracle, err := os.ReadFile(filepath.Join(shared, "logs/plaso/expected.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared log samples are not here")
	}
	var tests []struct {
		Test, File string
		Events     int
		Expected   []struct {
			Index  int
			Values map[string]any
		}
	}
	if err := json.Unmarshal(oracle, &tests); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, tt := range tests {
		if !strings.Contains(tt.Test, "apache_access") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(shared, "logs/plaso", tt.File))
		if err != nil {
			t.Fatal(err)
		}
		var all []timeline.Record
		for _, r := range records(t, string(text)) {
			// Plaso refuses the line that is cut in its agent.
			if r.Fields["status"] != "200" || r.Fields["bytes"] != "235" {
				all = append(all, r)
			}
		}
		if len(all) != tt.Events {
			t.Fatalf("%d requests, want %d", len(all), tt.Events)
		}
		for _, e := range tt.Expected {
			f := all[e.Index].Fields
			for key, want := range e.Values {
				var got string
				switch key {
				case "http_request":
					got = f["method"] + " " + f["url"] + " " + f["protocol"]
				case "http_request_referer":
					got = f["referer"]
				case "http_request_user_agent":
					got = f["user_agent"]
				case "http_response_code":
					got = f["status"]
				case "http_response_bytes":
					got = f["bytes"]
				case "ip_address":
					got = f["address"]
				case "user_name":
					got = f["user"]
				case "server_name":
					got = f["vhost"]
				case "recorded_time":
					w, err := time.Parse(time.RFC3339, want.(string))
					if err != nil {
						t.Fatal(err)
					}
					got, want = all[e.Index].Stamps[0].When.String(), w.UTC().String()
				default:
					continue
				}
				if want == nil {
					want = ""
				}
				if got != fmt.Sprint(want) {
					t.Errorf("request %d, %s: %q, want %q", e.Index, key, got, want)
				}
				compared++
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d values compared", compared)
	}
}

var assertion = regexp.MustCompile(`^results\["s01-parse"\]\["crowdsecurity/(apache2-logs|nginx-logs)"\]\[(\d+)\]\.(Success|Evt\.\w+\["(\w+)"\]) == (.*)$`)

// TestCrowdsec compares with what another parser reads from logs of Apache and nginx.
func TestCrowdsec(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared, "attacks/crowdsec/*/parser.assert"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared attack samples are not here")
	}
	fields := map[string]string{"clientip": "address", "remote_addr": "address", "verb": "method", "request": "url", "response": "status", "status": "status", "bytes": "bytes", "body_bytes_sent": "bytes",
		"http_user_agent": "user_agent", "http_referer": "referer", "referrer": "referer", "httpversion": "protocol", "http_version": "protocol", "remote_user": "user", "auth": "user", "target_fqdn": "vhost"}
	compared, lines := 0, 0
	for _, name := range files {
		want := map[int]map[string]string{}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			m := assertion.FindStringSubmatch(sc.Text())
			if m == nil {
				continue
			}
			n, _ := strconv.Atoi(m[2])
			if want[n] == nil {
				want[n] = map[string]string{}
			}
			key := m[4]
			if key == "" {
				key = m[3]
			}
			if value, err := strconv.Unquote(m[5]); err == nil {
				want[n][key] = value
			} else {
				want[n][key] = m[5]
			}
		}
		for n, values := range want {
			message := values["message"]
			if values["Success"] != "true" || values["log_type"] != "http_access-log" || message == "" {
				continue
			}
			all := records(t, message)
			got := all[0].Fields
			lines++
			for key, field := range fields {
				w, ok := values[key]
				if !ok {
					continue
				}
				if w == "-" {
					w = ""
				}
				g := got[field]
				switch key {
				case "httpversion", "http_version":
					g = strings.TrimPrefix(g, "HTTP/")
				case "request":
					if g == "" {
						g = got["request"]
					}
				case "target_fqdn":
					w, _ = cutPort(w)
				case "remote_user", "auth":
					w = strings.TrimSpace(w)
				case "verb":
					if got["request"] != "" {
						continue
					}
				}
				// Formats of one proxy that stand in neither server's manual.
				if strings.Contains(message, "[Client ") || field == "user_agent" && strings.HasSuffix(got["extra"], w) {
					continue
				}
				if g != w {
					t.Errorf("%s, line %d, %s: %q, want %q in %q", filepath.Base(filepath.Dir(name)), n+1, key, g, w, message)
				}
				compared++
			}
		}
	}
	if compared < 300 {
		t.Errorf("only %d values of %d lines compared", compared, lines)
	}
}

func FuzzWeblog(f *testing.F) {
	for _, s := range []string{
		`example.org:80 192.0.2.1 - a b [13/Jan/2016:19:31:20 +0200] "GET /a?b=%41 HTTP/1.1" 200 5 "-" "x\"y" 1 "2"`,
		`[13/Jan/2016:19:31:20 +0200] x "GET / HTTP/1.1" "`, `{"request":{"uri":"/"},"ts":1452706280.25}`, `1, 2 - - [2016-01-13T19:31:20Z] "\`, `"" "" [`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var at int64
		for r, err := range run(context.Background(), source(text)) {
			if err != nil {
				continue
			}
			if r.Evidence.Offset < at || len(r.Fields) == 0 && len(r.Stamps) == 0 {
				t.Fatalf("%+v", r)
			}
			at = r.Evidence.Offset + r.Evidence.Length
		}
	})
}

var sample = []string{
	`192.0.2.1 - - [13/Jan/2016:19:31:17 +0000] "GET /wp-content/themes/darkmode/style.css HTTP/1.1" 200 1063 "-" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_8_2) AppleWebKit/537.11 (KHTML, like Gecko) Chrome/23.0.1271.6 Safari/537.11"`,
	`192.0.2.77 - - [13/Jan/2016:19:31:18 +0000] "GET /index.php?id=12&page=a%20b HTTP/1.1" 200 10633 "https://www.example.org/index.php" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.108 Safari/537.36"`,
	`198.51.100.4 - - [13/Jan/2016:19:31:19 +0000] "POST /xmlrpc.php HTTP/1.1" 403 199 "-" "curl/7.68.0"`,
}

func BenchmarkWeblog(b *testing.B) {
	text := strings.Repeat(strings.Join(sample, "\n")+"\n", 3000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for range run(context.Background(), source(text)) {
		}
	}
}
