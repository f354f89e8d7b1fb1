package weblog

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// names maps the keys that servers and their users give to JSON lines. Keys of
// nested objects are joined by dots, all in lower case.
var names = map[string]string{
	"remote_addr": "address", "remote_ip": "address", "remoteaddr": "address", "client_ip": "address", "clientip": "address", "client": "address", "clienthost": "address",
	"remote": "address", "remoteip": "address", "ip": "address", "source_ip": "address", "request.remote_ip": "address", "request.client_ip": "address", "request.remote_addr": "address",
	"remote_user": "user", "remoteuser": "user", "user": "user", "user_id": "user", "clientusername": "user", "auth": "user",
	"host": "vhost", "http_host": "vhost", "server_name": "vhost", "vhost": "vhost", "virtualhost": "vhost", "requesthost": "vhost", "request.host": "vhost", "domain": "vhost",
	"request": "line", "request_line": "line", "requestline": "line",
	"method": "method", "request_method": "method", "requestmethod": "method", "http_method": "method", "verb": "method", "request.method": "method",
	"uri": "url", "request_uri": "url", "url": "url", "requesturi": "url", "requestpath": "url", "request.uri": "url", "request.url": "url", "path": "path",
	"query": "query", "query_string": "query", "args": "query", "querystring": "query",
	"protocol": "protocol", "server_protocol": "protocol", "request_protocol": "protocol", "requestprotocol": "protocol", "request.proto": "protocol", "http_version": "protocol",
	"status": "status", "response": "status", "status_code": "status", "downstreamstatus": "status", "originstatus": "status", "response_status": "status", "code": "status",
	"body_bytes_sent": "bytes", "bytes_sent": "bytes", "bytes": "bytes", "size": "bytes", "response_size": "bytes", "downstreamcontentsize": "bytes", "bytessent": "bytes",
	"http_referer": "referer", "http_referrer": "referer", "referer": "referer", "referrer": "referer", "request_referer": "referer", "request.headers.referer": "referer",
	"http_user_agent": "agent", "user_agent": "agent", "useragent": "agent", "agent": "agent", "request_user-agent": "agent", "request.headers.user-agent": "agent",
	"http_x_forwarded_for": "forwarded", "x_forwarded_for": "forwarded", "forwarded_for": "forwarded", "request.headers.x-forwarded-for": "forwarded",
	"time": "time", "time_local": "time", "time_iso8601": "time", "@timestamp": "time", "timestamp": "time", "ts": "time", "msec": "time", "starttime": "time", "startutc": "time", "datetime": "time", "date": "time",
}

// maxKeys bounds how many values of one line are looked at.
const maxKeys = 1000

// json reads a line that is an object of JSON. It is false if that names no
// request.
func (p *parser) json(line string, q *request) (when time.Time, note string, ok bool) {
	var top map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if d.Decode(&top) != nil {
		return
	}
	found := map[string]string{}
	left := maxKeys
	flatten("", top, found, &left)
	q.address, _ = cutPort(found["address"])
	q.address = plainAddress(strings.Trim(q.address, "[]"))
	q.user, q.vhost = found["user"], found["vhost"]
	if line := found["line"]; line != "" {
		q.request(line)
	}
	if q.method == "" {
		q.method = found["method"]
	}
	url := found["url"]
	if url == "" {
		url = found["path"]
	}
	if q.url == "" && url != "" {
		q.url, q.line = url, ""
		if query := found["query"]; query != "" && !strings.Contains(url, "?") {
			q.url += "?" + strings.TrimPrefix(query, "?")
		}
	}
	if q.protocol == "" {
		q.protocol = found["protocol"]
	}
	q.status, q.bytes, q.referer, q.agent, q.forwarded = found["status"], found["bytes"], found["referer"], found["agent"], found["forwarded"]
	when, note = p.jsonTime(found["time"])
	return when, note, q.url != "" || q.line != "" || q.method != ""
}

// flatten gathers the values of an object under the names that are known. Where
// several keys have one name, the first in the order of keys counts.
func flatten(prefix string, v any, found map[string]string, left *int) {
	if *left--; *left < 0 || len(prefix) > 200 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := strings.ToLower(key)
			if prefix != "" {
				name = prefix + "." + name
			}
			flatten(name, v[key], found, left)
		}
		return
	case []any:
		// Caddy lists the values of a header.
		if len(v) > 0 {
			flatten(prefix, v[0], found, left)
		}
		return
	}
	name := names[prefix]
	if name == "" || found[name] != "" {
		return
	}
	switch v := v.(type) {
	case string:
		found[name] = v
	case json.Number:
		found[name] = v.String()
	}
}

func (p *parser) jsonTime(s string) (time.Time, string) {
	if s == "" {
		return time.Time{}, ""
	}
	if when, note := p.time(strings.Trim(s, "[]")); !when.IsZero() {
		return when, note
	}
	// Seconds, milliseconds, microseconds or nanoseconds since 1970.
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 1e8 {
		return time.Time{}, ""
	}
	switch {
	case n < 1e11:
		if len(fraction) > 9 {
			fraction = fraction[:9]
		}
		nsec, err := strconv.ParseInt(fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
		if err != nil {
			nsec = 0
		}
		return time.Unix(n, nsec).UTC(), ""
	case n < 1e14:
		return time.UnixMilli(n).UTC(), ""
	case n < 1e17:
		return time.UnixMicro(n).UTC(), ""
	}
	return time.Unix(0, n).UTC(), ""
}
