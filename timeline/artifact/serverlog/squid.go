package serverlog

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Proxy yields a record for each line of Squid's logs.
var Proxy = timeline.Extractor{
	Name: "squid",
	Doc: `Requests that the proxy Squid served: address, user, method, url, status, bytes, result (TCP_MISS and the like), duration in seconds,
dst_address or remote_host (where it went), content_type; the messages of its cache.log.

Formats: Squid's native access.log (https://wiki.squid-cache.org/Features/LogFormat), its combined and common formats, cache.log.`,
	Paths:   []string{"/var/log/squid/*.log*", "/var/log/squid3/*.log*", "/usr/local/squid/var/logs/*.log*", "/var/log/squid.log*"},
	Named:   func(s *timeline.Source) []string { return settingsNamed(s, []string{"access_log", "cache_log"}) },
	NamedIn: []string{"/etc/squid/squid.conf", "/etc/squid/conf.d/*.conf", "/etc/squid3/squid.conf", "/usr/local/squid/etc/squid.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return entries(ctx, s, timeline.KindProxy, &squid{clock: logtime.New(s.Zone)})
	},
	Split: &timeline.Split{},
}

type squid struct{ clock *logtime.Clock }

func (d *squid) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	return begins
}

func (d *squid) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	f["program"] = "squid"
	if rest, ok := stamped(d.clock, r, text); ok {
		// "2024/01/01 10:00:00 kid1| text"
		head, message, ok := strings.Cut(rest, "| ")
		if !ok {
			return false
		}
		put(f, "process", strings.TrimSpace(head))
		for _, level := range [...]string{"WARNING", "ERROR", "FATAL", "SECURITY ALERT"} {
			if strings.HasPrefix(message, level+":") {
				f["severity"] = strings.ToLower(level)
			}
		}
		f["message"] = message
		return true
	}
	first, rest := word(text)
	if when, ok := logtime.Epoch(first); ok {
		w := strings.Fields(rest)
		if len(w) < 8 {
			return false
		}
		logged(r, when, "")
		if ms, err := strconv.ParseInt(w[0], 10, 64); err == nil && ms >= 0 {
			f["duration"] = strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64)
		}
		f["address"], _ = addressPort(w[1])
		result, status, _ := strings.Cut(w[2], "/")
		put(f, "result", result)
		put(f, "status", status)
		put(f, "bytes", w[3])
		put(f, "method", w[4])
		// Squid encodes the blanks of a URL, older ones did not; what follows has three words, or more with headers logged.
		end := 6
		for i := 6; i+1 < len(w); i++ {
			if strings.Contains(w[i+1], "/") && isHierarchy(w[i+1]) {
				end = i
				break
			}
		}
		f["url"] = strings.Join(w[5:end], " ")
		put(f, "user", w[end])
		if end+1 < len(w) {
			how, peer, _ := strings.Cut(w[end+1], "/")
			put(f, "hierarchy", how)
			d.peer(peer, f)
		}
		if end+2 < len(w) {
			put(f, "content_type", w[end+2])
		}
		d.finish(r)
		return true
	}
	// combined: 192.0.2.1 - alice [time] "GET http://x/ HTTP/1.1" 200 12 "-" "agent" TCP_MISS:HIER_DIRECT
	open := strings.IndexByte(text, '[')
	if open < 0 {
		return false
	}
	rest, ok := stamped(d.clock, r, text[open+1:])
	who := strings.Fields(text[:open])
	quote := strings.IndexByte(rest, '"')
	if !ok || quote < 0 || len(who) < 3 {
		return false
	}
	f["address"], _ = addressPort(who[0])
	put(f, "user", who[2])
	parts := strings.Split(rest[quote+1:], `"`)
	request(parts[0], f)
	if len(parts) > 1 {
		if w := strings.Fields(parts[1]); len(w) > 1 {
			put(f, "status", w[0])
			put(f, "bytes", w[1])
			if len(w) > 2 {
				f["result"] = firstOf(w[2], ":")
			}
		}
	}
	if len(parts) > 4 {
		put(f, "referer", parts[2])
		put(f, "user_agent", parts[4])
	}
	if len(parts) > 5 {
		if w := strings.TrimSpace(parts[len(parts)-1]); w != "" {
			f["result"] = firstOf(w, ":")
		}
	}
	d.finish(r)
	return true
}

// isHierarchy tells "HIER_DIRECT/192.0.2.1" and "NONE/-" from parts of a URL.
func isHierarchy(s string) bool {
	code, _, ok := strings.Cut(s, "/")
	if !ok || code == "" {
		return false
	}
	for i := range len(code) {
		if c := code[i]; (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (d *squid) peer(peer string, f map[string]string) {
	if strings.Count(peer, ".") == 3 && strings.Trim(peer, "0123456789.") == "" || strings.Count(peer, ":") > 1 {
		put(f, "dst_address", peer)
	} else {
		put(f, "remote_host", peer)
	}
}

func (d *squid) finish(r *timeline.Record) {
	f := r.Fields
	if rest, ok := strings.CutPrefix(f["url"], "http"); ok && (strings.HasPrefix(rest, "://") || strings.HasPrefix(rest, "s://")) {
		_, after, _ := strings.Cut(rest, "://")
		host, path, ok := strings.Cut(after, "/")
		put(f, "vhost", firstOf(host[strings.LastIndexByte(host, '@')+1:], ":"))
		if ok {
			path, query, has := strings.Cut("/"+path, "?")
			f["path"] = path
			if has {
				f["query"] = query
			}
		}
	}
	who := f["address"]
	if f["user"] != "" {
		who += " (" + f["user"] + ")"
	}
	r.Summary = who + " " + f["method"] + " " + f["url"] + " " + f["status"]
}
