package logmsg

import "strings"

// packet reads what the kernel's packet filter logs: "[UFW BLOCK] IN=eth0 OUT= MAC=... SRC=192.0.2.1 DST=198.51.100.1 ... PROTO=TCP SPT=1 DPT=22 ..."
// (net/netfilter/nf_log_syslog.c of Linux). What stands before is the rule's prefix.
func packet(text string, f fields) bool {
	in := strings.Index(text, "IN=")
	if in < 0 || !strings.Contains(text[in:], " OUT=") || !strings.Contains(text[in:], " SRC=") || !strings.Contains(text[in:], " DST=") {
		return false
	}
	prefix := strings.TrimSpace(text[:in])
	// The kernel's clock: "[12345.678901] ".
	if strings.HasPrefix(prefix, "[") {
		if clock, rest, ok := strings.Cut(prefix[1:], "]"); ok && strings.Trim(clock, " 0123456789.") == "" {
			prefix = strings.TrimSpace(rest)
		}
	}
	put(f, "rule", strings.TrimRight(strings.Trim(prefix, "[]"), ": "))
	rest := text[in:]
	if i := strings.Index(rest, " ["); i >= 0 {
		// An ICMP error carries the header of the packet that it is about.
		rest = rest[:i]
	}
	for rest != "" {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		key, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			continue
		}
		name := ""
		switch key {
		case "IN":
			name = "in"
		case "OUT":
			name = "out"
		case "MAC":
			name = "mac"
		case "SRC":
			name = "address"
		case "DST":
			name = "dst_address"
		case "PROTO":
			name = "protocol"
		case "SPT":
			name = "port"
		case "DPT":
			name = "dst_port"
		case "LEN":
			name = "bytes"
		}
		if name != "" && f[name] == "" {
			f[name] = value
		}
	}
	return true
}

// firewall reads the messages of fail2ban (fail2ban/server/actions.py, filter.py, jail.py) and firewalld.
func firewall(program, text string, f fields) string {
	if !strings.HasPrefix(program, "fail2ban") {
		return ""
	}
	// "fail2ban.actions [12]: NOTICE  [sshd] Ban 192.0.2.1", as far as that stands in the message.
	text = strings.TrimSpace(text)
	if name, rest, ok := strings.Cut(text, " "); ok && strings.HasPrefix(name, "fail2ban.") {
		text = strings.TrimSpace(rest)
		if rest, ok := strings.CutPrefix(text, "["); ok {
			if pid, after, ok := strings.Cut(rest, "]: "); ok {
				f["pid"], text = strings.TrimSpace(pid), strings.TrimSpace(after)
			}
		}
	}
	for _, level := range [...]string{"DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"} {
		if rest, ok := strings.CutPrefix(text, level); ok && strings.HasPrefix(strings.TrimPrefix(rest, ":"), " ") {
			f["severity"], text = strings.ToLower(level), strings.TrimSpace(strings.TrimPrefix(rest, ":"))
			break
		}
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		jail, what, ok := strings.Cut(rest, "] ")
		if !ok {
			return ""
		}
		f["jail"] = jail
		for _, v := range [...]struct{ prefix, action string }{
			{"Ban ", "banned"}, {"Unban ", "unbanned"}, {"Restore Ban ", "ban-restored"}, {"Found ", "found"}, {"Ignore ", "ignored"}, {"Increase Ban ", "banned"},
		} {
			if who, ok := strings.CutPrefix(what, v.prefix); ok {
				address, _, _ := strings.Cut(strings.TrimSpace(who), " ")
				put(f, "address", PlainAddress(address))
				return v.action
			}
		}
		if address, ok := strings.CutSuffix(what, " already banned"); ok {
			put(f, "address", PlainAddress(address))
			return "already-banned"
		}
		return ""
	}
	switch {
	case strings.HasPrefix(text, "Starting Fail2ban"):
		f["version"] = strings.TrimPrefix(text, "Starting Fail2ban v")
		return "service-started"
	case strings.HasPrefix(text, "Exiting Fail2ban"), strings.HasPrefix(text, "Shutdown in progress"):
		return "service-stopped"
	case strings.HasPrefix(text, "Jail '"):
		jail, what, _ := strings.Cut(text[len("Jail '"):], "' ")
		f["jail"] = jail
		switch what {
		case "started":
			return "jail-started"
		case "stopped":
			return "jail-stopped"
		}
	}
	return ""
}

// haproxy reads HAProxy's HTTP log (https://docs.haproxy.org/2.8/configuration.html#8.2.3):
//
//	192.0.2.1:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {hdr} {} "GET /index.html HTTP/1.1"
func haproxy(text string, f fields) string {
	client, rest, ok := strings.Cut(text, " [")
	if !ok {
		return ""
	}
	address, port := addressPort(client)
	if port == "" {
		return ""
	}
	_, rest, ok = strings.Cut(rest, "] ")
	words := strings.SplitN(rest, " ", 12)
	if !ok || len(words) < 5 {
		return ""
	}
	f["address"], f["port"] = address, port
	f["frontend"], f["backend"] = strings.TrimSuffix(words[0], "~"), words[1]
	i := strings.IndexByte(rest, '"')
	if i < 0 {
		// The format of TCP: timers, bytes, state.
		f["bytes"] = strings.TrimPrefix(words[3], "+")
		return "connection"
	}
	f["status"], f["bytes"] = words[3], strings.TrimPrefix(words[4], "+")
	request := strings.TrimSuffix(rest[i+1:], `"`)
	method, url, ok := strings.Cut(request, " ")
	if !ok {
		put(f, "request", request)
		return "request"
	}
	f["method"] = method
	if j := strings.LastIndex(url, " HTTP/"); j >= 0 {
		f["protocol"], url = url[j+1:], url[:j]
	}
	f["url"] = url
	path, query, ok := strings.Cut(url, "?")
	f["path"] = path
	if ok {
		f["query"] = query
	}
	return "request"
}
