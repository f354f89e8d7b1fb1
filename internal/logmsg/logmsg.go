// Package logmsg reads what programs say in their log messages, whichever way the
// message was kept: in a text file, in the systemd journal, in a container's log.
package logmsg

import (
	"strings"
)

// fields are what a message says, under the names that records use.
type fields = map[string]string

// put sets a field that has a value.
func put(f fields, name, value string) {
	if value != "" {
		f[name] = value
	}
}

// baseProgram is the program's name without directory, in lower case where it
// is all in capitals, as old crons write theirs.
func baseProgram(p string) string {
	p = p[strings.LastIndexByte(p, '/')+1:]
	for i := range len(p) {
		if p[i] >= 'a' && p[i] <= 'z' {
			return p
		}
	}
	p = strings.ToLower(p)
	return p
}

// Decode reads a message of a known program into f and gives the action, "" if
// it is none of those that are known, and whether it concerns authentication or
// accounts. Fields have the names that records use.
func Decode(program, text string, f fields) (action string, auth bool) {
	whole := program
	program = baseProgram(program)
	if inner, n, ok := repeated(text); ok {
		action, auth = Decode(whole, inner, f)
		f["count"] = n
		return action, auth
	}
	if service, ok := strings.CutSuffix(program, "(pam_unix)"); ok {
		return pam(service, text, f), true
	}
	if strings.HasPrefix(text, "pam_") || strings.HasPrefix(text, "(pam_") {
		if service, rest, ok := pamPrefix(program, text); ok {
			return pam(service, rest, f), true
		}
	}
	if strings.HasPrefix(text, "PAM ") && (strings.HasPrefix(text, "PAM unable to dlopen(") || strings.HasPrefix(text, "PAM adding faulty module: ")) {
		module, ok := inside(text, "dlopen(", ")")
		if !ok {
			_, module, _ = strings.Cut(text, "module: ")
		}
		put(f, "path", module)
		return "pam-module-failed", true
	}
	switch program {
	case "sshd", "sshd-session", "sshd-auth":
		return sshd(text, f), true
	case "dropbear":
		return dropbear(text, f), true
	case "sudo", "sudo-rs":
		return sudo(text, f), true
	case "su":
		return su(text, f), true
	case "login":
		return login(text, f), true
	case "pkexec":
		return pkexec(text, f), true
	case "doas":
		return doas(text, f), true
	case "useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chage", "chfn", "chsh", "newusers", "adduser", "vipw", "shadow":
		return accounts(program, text, f), true
	case "systemd-logind", "elogind":
		return logind(text, f), true
	case "cron", "crond", "crontab", "anacron", "fcron", "atd":
		return cron(program, text, f), false
	case "kernel":
		if packet(text, f) {
			return "packet", false
		}
		return kernel(text, f), false
	case "rsyslogd", "syslogd", "syslog-ng", "exiting":
		return logger(text), false
	}
	if action, auth := system(program, text, f); action != "" {
		return action, auth
	}
	return services(whole, text, f)
}

// repeated reads rsyslog's "message repeated 3 times: [ text]".
func repeated(text string) (inner, n string, ok bool) {
	rest, ok := strings.CutPrefix(text, "message repeated ")
	if !ok {
		return "", "", false
	}
	n, rest, ok = strings.Cut(rest, " times: [")
	if !ok || !isNumber(n) {
		return "", "", false
	}
	return strings.TrimLeft(strings.TrimSuffix(rest, "]"), " "), n, true
}

// LastRepeated reads sysklogd's "last message repeated 3 times".
func LastRepeated(text string) (n string, ok bool) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "--- "), " ---")
	rest, ok := strings.CutPrefix(text, "last message repeated ")
	if !ok {
		return "", false
	}
	n, rest, _ = strings.Cut(rest, " ")
	return n, isNumber(n) && (rest == "times" || rest == "time")
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) < 19
}

// PlainAddress takes the IPv4 address out of a mapped one, and the brackets away.
func PlainAddress(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if v4, ok := strings.CutPrefix(s, "::ffff:"); ok && strings.Count(v4, ".") == 3 {
		return v4
	}
	return s
}

// addressPort splits "192.0.2.1:22" and "[2001:db8::1]:22".
func addressPort(s string) (address, port string) {
	if i := strings.LastIndexByte(s, ':'); i > 0 && isNumber(s[i+1:]) && (strings.Count(s, ":") == 1 || s[i-1] == ']' || strings.HasPrefix(s, "::ffff:") && strings.Count(s, ":") == 4) {
		return PlainAddress(s[:i]), s[i+1:]
	}
	return PlainAddress(s), ""
}

// fromPort finds the last " from ADDRESS port NUMBER" of s. What stands before
// it may be chosen by whoever logs in, names with spaces included; so it is read
// from the right.
func fromPort(s string) (before, address, port, after string, ok bool) {
	for end := len(s); ; {
		i := strings.LastIndex(s[:end], " from ")
		if i < 0 {
			return "", "", "", "", false
		}
		address, rest, found := strings.Cut(s[i+len(" from "):], " ")
		if number, isPort := strings.CutPrefix(rest, "port "); found && isPort {
			port, after, _ := strings.Cut(number, " ")
			if port = strings.TrimSuffix(port, ":"); isNumber(port) {
				return s[:i], PlainAddress(address), port, after, true
			}
		}
		end = i
	}
}

// from is fromPort, or " from ADDRESS" at the end where there is no port.
func from(s string) (before, address, port, after string, ok bool) {
	if before, address, port, after, ok = fromPort(s); ok {
		return before, address, port, after, true
	}
	i := strings.LastIndex(s, " from ")
	if i < 0 {
		return "", "", "", "", false
	}
	address, after, _ = strings.Cut(s[i+len(" from "):], " ")
	return s[:i], PlainAddress(address), "", after, true
}

// putLogin sets the account and where a login came from, and says so if there is no such account.
func putLogin(f fields, account, address, port string) {
	for _, prefix := range [...]string{"invalid user ", "illegal user ", "authenticating user ", "user "} {
		if rest, ok := strings.CutPrefix(account, prefix); ok {
			if prefix[0] == 'i' {
				f["reason"] = "invalid user"
			}
			account = rest
			break
		}
	}
	put(f, "account", account)
	put(f, "address", address)
	put(f, "port", port)
}

// sshd reads the messages of OpenSSH's server (auth.c, auth2.c, monitor.c, packet.c, session.c of
// https://github.com/openssh/openssh-portable).
func sshd(text string, f fields) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutSuffix(text, " [preauth]"); ok {
		text = strings.TrimSpace(rest)
	}
	text = strings.TrimPrefix(text, "error: ")
	text = strings.TrimPrefix(text, "fatal: ")
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "Accepted", "Failed":
		if key, ok := strings.CutPrefix(rest, "key "); ok && word == "Accepted" {
			kind, key, _ := strings.Cut(key, " ")
			print, where, _ := strings.Cut(key, " ")
			f["key_type"], f["fingerprint"] = kind, print
			put(f, "path", strings.TrimPrefix(where, "found at "))
			return "key-accepted"
		}
		i := strings.Index(rest, " for ")
		if i < 0 {
			return ""
		}
		method, who := rest[:i], rest[i+len(" for"):] // with its blank: the name may be empty
		account, address, port, after, found := from(who)
		if !found {
			return ""
		}
		f["method"] = method
		putLogin(f, strings.TrimPrefix(account, " "), address, port)
		if _, key, ok := strings.Cut(after, ": "); ok {
			sshKey(key, f)
		}
		if word == "Accepted" {
			return "login-accepted"
		}
		return "login-failed"
	case "Postponed", "Partial":
		method, who, ok := strings.Cut(rest, " for ")
		account, address, port, after, found := fromPort(" " + who)
		if !ok || !found {
			return ""
		}
		f["method"] = method
		putLogin(f, strings.TrimPrefix(account, " "), address, port)
		if _, key, ok := strings.Cut(after, ": "); ok {
			sshKey(key, f)
		}
		return "login-" + strings.ToLower(word)
	case "Invalid", "Illegal":
		who, ok := strings.CutPrefix(rest, "user")
		account, address, port, _, found := from(who)
		if !ok || !found || who[0] != ' ' {
			return ""
		}
		putLogin(f, strings.TrimPrefix(account, " "), address, port)
		f["reason"] = "invalid user"
		return "invalid-user"
	case "Connection":
		for _, verb := range [...]string{"closed by ", "reset by "} {
			if who, ok := strings.CutPrefix(rest, verb); ok && peer(who, f) {
				return "connection-closed"
			}
		}
		if who, ok := strings.CutPrefix(rest, "from "); ok {
			// "192.0.2.1 port 7 on 192.0.2.2 port 22 rdomain """
			who, local, _ := strings.Cut(who, " on ")
			if peer(who, f) {
				address, after, _ := strings.Cut(local, " port ")
				port, _, _ := strings.Cut(after, " ")
				put(f, "local_address", address)
				put(f, "local_port", port)
				return "connection"
			}
		}
	case "Disconnected":
		if peer(strings.TrimPrefix(rest, "from "), f) {
			return "disconnected"
		}
	case "Disconnecting", "Disconnecting:":
		if account, ok := strings.CutPrefix(rest, "Too many authentication failures for "); ok {
			put(f, "account", account)
			return "attempts-exceeded"
		}
		if peer(rest, f) {
			return "disconnected"
		}
	case "Received":
		if who, ok := strings.CutPrefix(rest, "disconnect from "); ok && peer(who, f) {
			return "disconnected"
		}
		if strings.HasPrefix(rest, "signal ") {
			return "service-stopped"
		}
	case "User":
		who, reason, ok := cutLast(rest, " not allowed because ")
		if !ok {
			return ""
		}
		if account, address, port, _, found := from(" " + who); found {
			putLogin(f, strings.TrimPrefix(account, " "), address, port)
		} else {
			put(f, "account", who)
		}
		f["reason"] = reason
		return "login-denied"
	case "ROOT":
		if who, ok := strings.CutPrefix(rest, "LOGIN REFUSED FROM "); ok {
			address, after, _ := strings.Cut(who, " ")
			putLogin(f, "root", PlainAddress(address), strings.TrimPrefix(after, "port "))
			return "login-denied"
		}
	case "maximum":
		if who, ok := strings.CutPrefix(rest, "authentication attempts exceeded for "); ok {
			if account, address, port, _, found := from(" " + who); found {
				putLogin(f, strings.TrimPrefix(account, " "), address, port)
				return "attempts-exceeded"
			}
		}
	case "PAM:":
		if who, ok := strings.CutPrefix(rest, "Authentication failure for "); ok {
			if account, address, port, _, found := from(" " + who); found {
				putLogin(f, strings.TrimPrefix(account, " "), address, port)
				return "auth-failed"
			}
		}
	case "PAM":
		if n, kv, ok := strings.Cut(rest, " more authentication failure"); ok && isNumber(n) {
			pamValues(kv, f)
			f["count"] = n
			return "auth-failed"
		}
	case "Server":
		if where, ok := strings.CutPrefix(rest, "listening on "); ok {
			_, port, _ := strings.Cut(where, " port ")
			put(f, "port", strings.TrimSuffix(port, "."))
			return "service-started"
		}
	case "subsystem":
		if what, ok := strings.CutPrefix(rest, "request for "); ok {
			command, who, _ := strings.Cut(what, " by user ")
			who, _, _ = strings.Cut(who, " from ")
			put(f, "command", command)
			put(f, "account", who)
			return "subsystem-request"
		}
	case "Starting", "Close":
		what, who, ok := strings.Cut(rest, " for ")
		if word == "Close" {
			what, who, ok = strings.Cut(rest, " user ")
		}
		account, address, port, _, found := fromPort(" " + who)
		if !ok || !found || !strings.HasPrefix(what, "session:") {
			return ""
		}
		putLogin(f, strings.TrimPrefix(account, " "), address, port)
		if word == "Close" {
			return "session-closed"
		}
		put(f, "command", strings.TrimPrefix(what, "session: "))
		return "session-opened"
	case "session":
		verb, who, ok := strings.Cut(rest, " for local user ")
		account, address, _, _, found := from(" " + who)
		if !ok || !found || verb != "opened" && verb != "closed" {
			return ""
		}
		putLogin(f, strings.TrimPrefix(account, " "), address, "")
		return "session-" + verb
	case "reverse", "Address", "Nasty":
		// The name of a peer that does not lead back to its address.
		address := ""
		if word == "reverse" {
			address, _ = inside(rest, "[", "]")
		} else {
			address, _, _ = strings.Cut(strings.TrimPrefix(rest, "PTR record "), " ")
			if i := strings.LastIndex(rest, " for "); word == "Nasty" && i >= 0 {
				address, _, _ = strings.Cut(rest[i+len(" for "):], ",")
			}
		}
		if looksLikeAddress(address) {
			f["address"] = PlainAddress(address)
			return "name-mismatch"
		}
	case "Found":
		// "Found matching RSA key: SHA256:..."
		if kind, print, ok := strings.Cut(strings.TrimPrefix(rest, "matching "), " key: "); ok {
			f["key_type"] = kind
			print, _, _ = strings.Cut(print, " ")
			put(f, "fingerprint", strings.TrimPrefix(print, "MD5:"))
			return "key-accepted"
		}
	case "Access":
		if who, ok := inside(rest, "denied for user ", " by "); ok {
			f["account"] = who
			_, f["reason"], _ = strings.Cut(rest, " by ")
			return "login-denied"
		}
	case "Closing":
		if who, ok := strings.CutPrefix(rest, "connection to "); ok && peer(who, f) {
			return "disconnected"
		}
	case "Bind":
		if strings.HasPrefix(rest, "to port ") {
			f["port"], _ = inside(rest, "to port ", " ")
			_, f["reason"], _ = strings.Cut(rest, " failed: ")
			return "service-failed"
		}
	case "beginning", "exited":
		if strings.Contains(rest, "MaxStartups throttling") {
			return "throttled"
		}
	case "srclimit_penalise:":
		if _, where, ok := strings.Cut(rest, ": "); ok {
			where = strings.TrimPrefix(where, "new ")
			where, _, _ = strings.Cut(where, " ")
			where, _, _ = strings.Cut(where, "/")
			put(f, "address", where)
			_, f["reason"], _ = strings.Cut(rest, "penalty: ")
			return "throttled"
		}
	case "Exiting", "Terminating":
		if strings.HasPrefix(rest, "on signal") {
			return "service-stopped"
		}
	case "Timeout":
		if who, ok := strings.CutPrefix(rest, "before authentication for "); ok && peer(strings.TrimPrefix(who, "connection from "), f) {
			f["reason"] = "timeout"
			return "connection-failed"
		}
	case "refused":
		// The TCP wrappers: "refused connect from example.org (192.0.2.1)".
		if _, address, ok := cutLast(rest, "("); ok && strings.HasPrefix(rest, "connect from ") {
			put(f, "address", PlainAddress(strings.TrimSuffix(address, ")")))
			return "connection-refused"
		}
		if address, ok := strings.CutPrefix(rest, "connect from "); ok {
			put(f, "address", PlainAddress(address))
			return "connection-refused"
		}
	case "Unable", "banner", "Magic", "Bad", "Did", "Protocol", "Corrupted", "ssh_dispatch_run_fatal:", "kex_exchange_identification:",
		"kex_protocol_error:", "scanned", "drop", "Read", "Could":
		if connectionFailed(text, f) {
			return "connection-failed"
		}
	case "Authentication":
		if _, ip, ok := strings.Cut(rest, ", ip="); ok {
			ip, _, _ := strings.Cut(ip, ")")
			put(f, "address", PlainAddress(strings.TrimSuffix(ip, ",")))
			account, _, _ := strings.Cut(strings.TrimPrefix(rest, "tried for "), " ")
			put(f, "account", account)
			return "login-denied"
		}
		if reason, ok := strings.CutPrefix(rest, "refused: "); ok {
			f["reason"] = reason
			if i := strings.LastIndexByte(reason, ' '); i >= 0 && strings.HasPrefix(reason[i+1:], "/") {
				f["path"] = reason[i+1:]
			}
			return "key-refused"
		}
	}
	return ""
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// peer reads "[invalid user NAME|authenticating user NAME|user NAME] ADDRESS [port NUMBER][: reason]".
func peer(s string, f fields) bool {
	account, address, port := "", "", ""
	for end := len(s); ; {
		i := strings.LastIndex(s[:end], " port ")
		if i < 0 {
			// Before 7.0 there is no port: "Connection closed by 192.0.2.1", "Received disconnect from 192.0.2.1: 11: Bye".
			address, _, _ = strings.Cut(s, " ")
			address = strings.TrimSuffix(address, ":")
			if !looksLikeAddress(address) {
				return false
			}
			break
		}
		number, rest, _ := strings.Cut(s[i+len(" port "):], " ")
		number, more, _ := strings.Cut(number, ":")
		if number = strings.TrimSuffix(number, ","); isNumber(number) {
			if reason, ok := strings.CutPrefix(s[i+len(" port ")+len(number):], ":"); ok && (rest != "" || more != "") {
				f["reason"] = strings.TrimSpace(reason)
			}
			port = number
			account, address, _ = cutLast(s[:i], " ")
			if address == "" {
				account, address = "", s[:i]
			}
			break
		}
		end = i
	}
	if i := strings.Index(account, "user "); i >= 0 {
		kind, name := account[:i], account[i+len("user "):]
		if kind == "invalid " {
			name = "invalid user " + name
		}
		account = name
	} else {
		account = ""
	}
	putLogin(f, account, PlainAddress(address), port)
	return true
}

func looksLikeAddress(s string) bool {
	dots, colons := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return dots == 3 || colons >= 2
}

// connectionFailed finds the address in a message about a client that does not
// speak the protocol as it should.
func connectionFailed(text string, f fields) bool {
	for _, sep := range [...]string{" from ", " with ", " by "} {
		i := strings.LastIndex(text, sep)
		if sep != " from " {
			i = strings.Index(text, sep)
		}
		if i < 0 {
			continue
		}
		rest := text[i+len(sep):]
		for _, prefix := range [...]string{"authenticating user ", "invalid user ", "user "} {
			if who, ok := strings.CutPrefix(rest, prefix); ok {
				account, where, _ := strings.Cut(who, " ")
				put(f, "account", account)
				rest = where
				break
			}
		}
		address, after, _ := strings.Cut(rest, " ")
		address, port := addressPort(strings.TrimSuffix(address, ":"))
		if p, ok := strings.CutPrefix(after, "port "); ok {
			p, _, _ = strings.Cut(p, " ")
			port = strings.TrimRight(p, ":,.")
		}
		if !looksLikeAddress(address) && port == "" {
			continue
		}
		put(f, "address", address)
		if isNumber(port) {
			f["port"] = port
		}
		return true
	}
	return false
}

// sshKey reads "RSA SHA256:..." or "ED25519-CERT SHA256:... ID name (serial 1) CA RSA SHA256:...".
func sshKey(s string, f fields) {
	kind, rest, _ := strings.Cut(s, " ")
	put(f, "key_type", kind)
	print, _, _ := strings.Cut(rest, " ")
	if strings.Contains(print, ":") {
		f["fingerprint"] = strings.TrimPrefix(print, "MD5:")
	}
	if _, id, ok := strings.Cut(rest, "ID "); ok {
		if id, _, ok := cutLast(id, " (serial "); ok {
			f["certificate"] = id
		}
		if _, ca, ok := strings.Cut(rest, " CA "); ok {
			if _, print, ok := strings.Cut(ca, " "); ok {
				print, _, _ = strings.Cut(print, " ")
				put(f, "ca_fingerprint", strings.TrimPrefix(print, "MD5:"))
			}
		}
	}
}

// dropbear reads the messages of Dropbear's server (svr-auth*.c, svr-session.c).
func dropbear(text string, f fields) string {
	quoted := func(s string) string {
		_, s, _ = strings.Cut(s, "'")
		s, _, _ = strings.Cut(s, "'")
		return s
	}
	where := func() {
		if _, at, ok := cutLast(text, " from "); ok {
			at, _, _ = strings.Cut(at, " ")
			address, port := addressPort(strings.TrimRight(at, ">,"))
			put(f, "address", address)
			put(f, "port", port)
		}
	}
	switch {
	case strings.HasPrefix(text, "Password auth succeeded for "), strings.HasPrefix(text, "PAM password auth succeeded for "):
		f["method"] = "password"
	case strings.HasPrefix(text, "Pubkey auth succeeded for "):
		f["method"] = "publickey"
		if _, key, ok := strings.Cut(text, " with "); ok {
			key = strings.TrimPrefix(key, "key ")
			kind, print, _ := strings.Cut(key, " key ")
			if print == "" {
				print = kind
			} else {
				f["key_type"] = kind
			}
			print, _, _ = strings.Cut(print, " ")
			put(f, "fingerprint", print)
		}
	case strings.HasPrefix(text, "Bad password attempt for "), strings.HasPrefix(text, "Bad PAM password attempt for "):
		f["method"], f["account"] = "password", quoted(text)
		where()
		return "login-failed"
	case strings.HasPrefix(text, "Login attempt for nonexistent user"):
		put(f, "account", quoted(text))
		f["reason"] = "invalid user"
		where()
		return "invalid-user"
	case strings.HasPrefix(text, "Child connection from "):
		where()
		return "connection"
	case strings.HasPrefix(text, "Exit before auth"):
		put(f, "account", quoted(text))
		where()
		return "connection-closed"
	case strings.HasPrefix(text, "Exit ("):
		account, _, _ := strings.Cut(text[len("Exit ("):], ")")
		put(f, "account", account)
		return "disconnected"
	default:
		return ""
	}
	put(f, "account", quoted(text))
	where()
	return "login-accepted"
}

// sudo reads "alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/ls"
// (sudoers(5), "LOG FORMAT").
func sudo(text string, f fields) string {
	if strings.HasPrefix(text, "@cee:") || strings.HasPrefix(text, "{") {
		return sudoJSON(text, f)
	}
	account, rest, ok := strings.Cut(strings.TrimLeft(text, " "), " : ")
	if !ok {
		return ""
	}
	if more, ok := strings.CutPrefix(rest, "(command continued) "); ok {
		f["account"], f["command"] = account, more
		return "sudo-continued"
	}
	if !strings.Contains(rest, "COMMAND=") && !strings.Contains(rest, "TTY=") {
		return ""
	}
	f["account"] = account
	names := map[string]string{"TTY": "tty", "PWD": "cwd", "USER": "target", "GROUP": "group", "ENV": "environment", "CHROOT": "chroot", "HOST": "from_host", "TSID": "io_log"}
	for rest != "" {
		// The command comes last and may hold anything.
		if command, ok := strings.CutPrefix(rest, "COMMAND="); ok {
			f["command"] = command
			break
		}
		part, after, _ := strings.Cut(rest, " ; ")
		rest = after
		key, value, ok := strings.Cut(part, "=")
		if name := names[key]; ok && name != "" {
			put(f, name, value)
			continue
		}
		if !ok && f["reason"] == "" {
			f["reason"] = part
		}
	}
	if f["reason"] != "" {
		return "sudo-failed"
	}
	return "sudo"
}

// su reads the messages of shadow's, util-linux's and BSD's su.
func su(text string, f fields) string {
	pair := func(by, to, tty string) {
		put(f, "account", by)
		put(f, "target", to)
		put(f, "tty", tty)
	}
	text = strings.TrimSpace(text)
	failed := false
	for _, prefix := range [...]string{"FAILED SU ", "FAILED su ", "BAD SU "} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			failed, text = true, rest
			if prefix == "BAD SU " {
				by, to, ok := strings.Cut(text, " to ")
				to, tty, _ := strings.Cut(to, " on ")
				if !ok {
					return ""
				}
				pair(by, to, tty)
				return "su-failed"
			}
			break
		}
	}
	if rest, ok := strings.CutPrefix(text, "Successful su "); ok {
		text = rest
	}
	done := func() string {
		if failed {
			return "su-failed"
		}
		return "su"
	}
	switch {
	case strings.HasPrefix(text, "(to "):
		to, who, ok := strings.Cut(text[len("(to "):], ") ")
		by, tty, _ := cutLast(who, " on ")
		if !ok {
			return ""
		}
		pair(by, to, tty)
		return done()
	case strings.HasPrefix(text, "for "):
		to, by, ok := strings.Cut(text[len("for "):], " by ")
		if !ok {
			return ""
		}
		pair(by, to, "")
		return done()
	case strings.HasPrefix(text, "+ "), strings.HasPrefix(text, "- "):
		tty, who, ok := strings.Cut(text[2:], " ")
		by, to, ok2 := cutLast(who, ":")
		if !ok2 {
			by, to, ok2 = cutLast(who, "-")
		}
		if !ok || !ok2 {
			return ""
		}
		failed = text[0] == '-'
		pair(by, to, tty)
		return done()
	}
	if by, rest, ok := strings.Cut(text, " to "); ok && !strings.Contains(by, " ") {
		if to, tty, ok := strings.Cut(rest, " on "); ok {
			pair(by, to, tty)
			return done()
		}
	}
	return ""
}

// login reads the messages of util-linux's and shadow's login.
func login(text string, f fields) string {
	unquote := func(s string) string { return strings.Trim(strings.TrimSpace(s), "'`\"") }
	text = strings.Join(strings.Fields(text), " ")
	if rest, ok := strings.CutPrefix(text, "FAILED LOGIN "); ok {
		if _, who, ok := strings.Cut(rest, "FOR "); ok {
			account, reason, _ := strings.Cut(who, ", ")
			put(f, "account", unquote(account))
			put(f, "reason", reason)
		}
		for _, sep := range [...]string{" from ", "FROM "} {
			if _, at, ok := strings.Cut(rest, sep); ok {
				at, _, _ = strings.Cut(at, " ")
				put(f, "address", PlainAddress(unquote(at)))
			}
		}
		if _, tty, ok := strings.Cut(" "+rest, " on "); ok {
			tty, _, _ = strings.Cut(tty, " ")
			put(f, "tty", unquote(tty))
		}
		return "login-failed"
	}
	account := ""
	rest, ok := strings.CutPrefix(text, "ROOT LOGIN")
	if !ok {
		rest, ok = strings.CutPrefix(text, "root login")
	}
	if ok {
		account = "root"
	} else if rest, ok = strings.CutPrefix(text, "LOGIN"); !ok {
		if rest, ok = strings.CutPrefix(text, "DIALUP"); !ok {
			return ""
		}
	}
	words := strings.Fields(rest)
	for i := 0; i+1 < len(words); i += 2 {
		value := unquote(words[i+1])
		switch strings.ToUpper(words[i]) {
		case "ON", "AT":
			put(f, "tty", value)
		case "BY":
			account = value
		case "FROM":
			put(f, "address", PlainAddress(value))
		}
	}
	if account == "" {
		return ""
	}
	f["account"] = account
	return "login-accepted"
}

// pkexec reads "alice: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/alice] [COMMAND=/bin/sh]".
func pkexec(text string, f fields) string {
	account, rest, ok := strings.Cut(text, ": ")
	if !ok {
		return ""
	}
	what, list, ok := strings.Cut(rest, " [USER=")
	if !ok {
		return ""
	}
	names := map[string]string{"USER": "target", "TTY": "tty", "CWD": "cwd", "COMMAND": "command"}
	f["account"] = account
	for _, part := range strings.Split("USER="+strings.TrimSuffix(list, "]"), "] [") {
		key, value, _ := strings.Cut(part, "=")
		if name := names[key]; name != "" {
			put(f, name, value)
		}
	}
	if what == "Executing command" {
		return "pkexec"
	}
	f["reason"] = what
	return "pkexec-failed"
}

// doas reads "alice ran command ls as root from /home/alice" (OpenDoas, doas.c).
func doas(text string, f fields) string {
	if account, rest, ok := strings.Cut(text, " ran command "); ok {
		command, where, _ := cutLast(rest, " from ")
		command, target, _ := cutLast(command, " as ")
		put(f, "account", account)
		put(f, "command", command)
		put(f, "target", target)
		put(f, "cwd", where)
		return "doas"
	}
	for _, prefix := range [...]string{"command not permitted for ", "failed auth for "} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			account, command, _ := strings.Cut(rest, ": ")
			put(f, "account", account)
			put(f, "command", command)
			f["reason"] = strings.TrimSuffix(prefix, " for ")
			return "doas-failed"
		}
	}
	return ""
}

// pamPrefix reads "pam_unix(sshd:session): " and the older "(pam_unix) ".
func pamPrefix(program, text string) (service, rest string, ok bool) {
	if text[0] == '(' {
		_, rest, ok = strings.Cut(text, ") ")
		return program, rest, ok
	}
	module, rest, ok := strings.Cut(text, ": ")
	if !ok {
		return "", "", false
	}
	_, where, ok := strings.Cut(module, "(")
	if !ok {
		return program, rest, true
	}
	service, _, _ = strings.Cut(strings.TrimSuffix(where, ")"), ":")
	return service, rest, true
}

// pam reads the messages of PAM's modules (pam_unix of
// https://github.com/linux-pam/linux-pam and the like).
func pam(service, text string, f fields) string {
	f["service"] = service
	switch {
	case strings.HasPrefix(text, "session opened for user "):
		who := text[len("session opened for user "):]
		account, by, _ := cutLast(who, " by ")
		account, uid, _ := strings.Cut(account, "(uid=")
		put(f, "account", account)
		put(f, "uid", strings.TrimSuffix(uid, ")"))
		by, byUID, _ := strings.Cut(by, "(uid=")
		put(f, "by", strings.TrimSpace(by))
		put(f, "by_uid", strings.TrimSuffix(byUID, ")"))
		return "session-opened"
	case strings.HasPrefix(text, "session closed for user "):
		put(f, "account", text[len("session closed for user "):])
		return "session-closed"
	case strings.HasPrefix(text, "authentication failure;"), strings.HasPrefix(text, "1 more authentication failure;"):
		pamValues(text, f)
		return "auth-failed"
	case strings.HasPrefix(text, "authentication success;"):
		pamValues(text, f)
		return "auth-accepted"
	case strings.HasPrefix(text, "password changed for "):
		put(f, "account", text[len("password changed for "):])
		return "passwd-changed"
	case strings.Contains(text, " more authentication failures;"):
		n, _, _ := strings.Cut(text, " ")
		pamValues(text, f)
		if isNumber(n) {
			f["count"] = n
		}
		return "auth-failed"
	case strings.HasPrefix(text, "received for user "):
		// pam_sss: "received for user alice: 7 (Authentication failure)"; the line before says so too.
		account, reason, _ := strings.Cut(text[len("received for user "):], ": ")
		f["account"], f["reason"] = account, reason
		return "auth-reason"
	case strings.HasPrefix(text, "user '") && strings.HasSuffix(text, "' granted access"):
		f["account"] = strings.TrimSuffix(text[len("user '"):], "' granted access")
		return "auth-accepted"
	case strings.HasPrefix(text, "user '") && strings.Contains(text, "' denied access"):
		account, reason, _ := strings.Cut(text[len("user '"):], "' denied access")
		f["account"] = account
		put(f, "reason", strings.Trim(reason, " ()"))
		return "auth-failed"
	case strings.HasPrefix(text, "Accepted google_authenticator for "):
		f["account"], f["method"] = text[len("Accepted google_authenticator for "):], "one-time code"
		return "auth-accepted"
	case strings.HasPrefix(text, "Invalid verification code for "):
		f["account"], f["method"] = text[len("Invalid verification code for "):], "one-time code"
		return "auth-failed"
	case strings.HasPrefix(text, "Refused user "):
		f["account"], _, _ = strings.Cut(text[len("Refused user "):], " ")
		return "login-denied"
	case strings.HasPrefix(text, "expired password for user "):
		f["account"], _, _ = strings.Cut(text[len("expired password for user "):], " ")
		return "password-expired"
	case strings.HasPrefix(text, "/") && strings.Contains(text, " failed: exit code "):
		command, reason, _ := strings.Cut(text, " failed: ")
		f["command"], f["reason"] = command, reason
		return "pam-exec-failed"
	case strings.HasPrefix(text, "access denied for user "):
		account, host, _ := strings.Cut(text[len("access denied for user "):], " from ")
		put(f, "account", strings.Trim(account, "`'"))
		put(f, "address", PlainAddress(strings.Trim(host, "`'")))
		return "login-denied"
	case strings.HasPrefix(text, "Consecutive login failures for user "):
		account, _, _ := strings.Cut(text[len("Consecutive login failures for user "):], " ")
		put(f, "account", account)
		return "account-locked"
	case strings.HasPrefix(text, "user ") && strings.Contains(text, " tally ") && strings.Contains(text, ", deny "):
		account, _, _ := strings.Cut(text[len("user "):], " ")
		put(f, "account", account)
		return "account-locked"
	case strings.HasPrefix(text, "account ") && strings.HasSuffix(text, " has expired (account expired)"):
		put(f, "account", strings.TrimSuffix(text[len("account "):], " has expired (account expired)"))
		return "login-denied"
	}
	return ""
}

// pamValues reads "logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root".
func pamValues(text string, f fields) {
	for _, word := range strings.Fields(text) {
		key, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			continue
		}
		switch key {
		case "user":
			f["account"] = value
		case "rhost":
			f["address"] = PlainAddress(value)
		case "ruser":
			f["by"] = value
		case "logname":
			if f["by"] == "" {
				f["by"] = value
			}
		case "uid":
			f["by_uid"] = value
		case "tty":
			f["tty"] = value
		}
	}
}

// accounts reads the messages of the shadow tools (https://github.com/shadow-maint/shadow, src/*.c).
func accounts(program, text string, f fields) string {
	quoted := func(s string) (string, string) {
		_, s, _ = strings.Cut(s, "'")
		name, rest, _ := strings.Cut(s, "'")
		return name, rest
	}
	values := func(s string) {
		for _, part := range strings.Split(s, ", ") {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				continue
			}
			switch key {
			case "UID":
				f["uid"] = value
			case "GID":
				f["gid"] = value
			case "home", "shell":
				f[key] = value
			case "from":
				f["tty"] = value
			}
		}
	}
	if rest, ok := strings.CutPrefix(text, "new user: name="); ok {
		name, rest, _ := strings.Cut(rest, ", ")
		f["account"] = name
		values(rest)
		return "useradd"
	}
	for _, prefix := range [...]string{"new group: name=", "group added to /etc/group: name="} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			name, rest, _ := strings.Cut(rest, ", ")
			f["group"] = name
			values(rest)
			return "groupadd"
		}
	}
	if rest, ok := strings.CutPrefix(text, "failed adding user '"); ok {
		f["account"], f["reason"], _ = strings.Cut(rest, "', ")
		return program + "-failed"
	}
	switch {
	case strings.HasPrefix(text, "add '"):
		name, rest := quoted(text)
		group, _ := quoted(rest)
		if !strings.Contains(rest, "group") || strings.Contains(rest, "shadow group") {
			// The shadow group's line repeats the group's.
			return ""
		}
		f["account"], f["group"] = name, group
		return "group-member-added"
	case strings.HasPrefix(text, "delete '"), strings.HasPrefix(text, "remove '"):
		name, rest := quoted(text)
		if group, _ := quoted(rest); strings.Contains(rest, " group ") {
			if strings.Contains(rest, "shadow group") {
				return ""
			}
			f["account"], f["group"] = name, group
			return "group-member-removed"
		}
		return ""
	case strings.HasPrefix(text, "delete user '"), strings.HasPrefix(text, "remove user '"):
		f["account"], _ = quoted(text)
		return "userdel"
	case strings.HasPrefix(text, "removed group '"), strings.HasPrefix(text, "remove group '"), strings.HasPrefix(text, "group '") && strings.Contains(text, "' removed"):
		f["group"], _ = quoted(text)
		return "groupdel"
	case strings.HasPrefix(text, "change user name '"), strings.HasPrefix(text, "change user '"):
		name, what := quoted(text)
		f["account"] = name
		what = strings.TrimSpace(what)
		if strings.HasPrefix(text, "change user name") {
			f["target"], _ = quoted(what)
			what = "name"
		}
		if what == "password" {
			return "passwd-changed"
		}
		f["change"] = what
		return "usermod"
	case strings.HasPrefix(text, "lock user '"), strings.HasPrefix(text, "unlock user '"):
		f["account"], _ = quoted(text)
		f["change"], _, _ = strings.Cut(text, " ")
		return "usermod"
	case strings.HasPrefix(text, "password for "), strings.HasPrefix(text, "password of "):
		name, by, ok := strings.Cut(text[len("password for "):], " changed by ")
		if !ok {
			return ""
		}
		f["account"], f["by"] = strings.Trim(name, "'`"), strings.Trim(by, "'`")
		return "passwd-changed"
	case strings.HasPrefix(text, "changed user '"):
		name, what := quoted(text)
		f["account"], f["change"] = name, strings.TrimSpace(what)
		return "usermod"
	case strings.HasPrefix(text, "changed password expiry for "):
		f["account"], f["change"] = text[len("changed password expiry for "):], "password expiry"
		return "usermod"
	case strings.HasPrefix(text, "user ") && (strings.Contains(text, " added by ") || strings.Contains(text, " removed by ")):
		// gpasswd: "user alice added by root to group sudo".
		action, sep := "group-member-added", " added by "
		if strings.Contains(text, " removed by ") {
			action, sep = "group-member-removed", " removed by "
		}
		name, rest, _ := strings.Cut(text[len("user "):], sep)
		by, group, ok := strings.Cut(rest, " group ")
		if !ok {
			return ""
		}
		by, _, _ = cutLast(by, " ")
		f["account"], f["by"], f["group"] = name, by, group
		return action
	}
	return ""
}

// logind reads the messages of systemd-logind (src/login/logind-session.c, logind-action.c).
func logind(text string, f fields) string {
	if rest, ok := strings.CutPrefix(text, "New session "); ok {
		session, who, ok := strings.Cut(rest, " of user ")
		who = strings.TrimSuffix(who, ".")
		if !ok {
			return ""
		}
		who, _, _ = strings.Cut(who, " with class ")
		f["session"], f["account"] = strings.Trim(session, "'"), strings.Trim(who, "'")
		return "session-opened"
	}
	if rest, ok := strings.CutPrefix(text, "Removed session "); ok {
		f["session"] = strings.Trim(strings.TrimSuffix(rest, "."), "'")
		return "session-closed"
	}
	if session, ok := strings.CutPrefix(text, "Session "); ok && strings.Contains(session, " logged out") {
		session, _, _ = strings.Cut(session, " ")
		f["session"] = strings.Trim(session, "'")
		return "logout"
	}
	switch {
	case strings.HasPrefix(text, "System is powering down"), strings.HasPrefix(text, "The system will power off"):
		return "shutdown"
	case strings.HasPrefix(text, "System is rebooting"), strings.HasPrefix(text, "The system will reboot"):
		return "reboot"
	}
	return ""
}

// cron reads the messages of Vixie cron and cronie ("(root) CMD (run-parts /etc/cron.hourly)"), crontab,
// BusyBox's crond, fcron and atd.
func cron(program, text string, f fields) string {
	switch {
	case strings.HasPrefix(text, "("):
		account, rest, ok := strings.Cut(text[1:], ") ")
		if !ok {
			return ""
		}
		verb, what, _ := strings.Cut(rest, " (")
		action := map[string]string{"CMD": "cron-run", "REPLACE": "crontab-replace", "LIST": "crontab-list", "DELETE": "crontab-delete",
			"BEGIN EDIT": "crontab-edit", "END EDIT": "crontab-edit", "RELOAD": "crontab-reload", "STARTUP": "service-started"}[verb]
		switch verb {
		case "WRONG FILE OWNER", "BAD FILE MODE", "INSECURE MODE", "WRONG INODE INFO", "ORPHAN", "NOT A REGULAR FILE", "FAILED", "PAM ERROR", "BAD LINK COUNT", "TOO MANY LINKS":
			action = "crontab-refused"
			f["reason"] = verb
		case "CMDOUT":
			action = "cron-output"
		}
		if action == "" {
			return ""
		}
		what = strings.TrimSuffix(what, ")")
		f["account"] = account
		switch action {
		case "cron-run":
			f["command"] = strings.TrimSpace(what)
		case "cron-output":
			put(f, "output", what)
		case "service-started":
			delete(f, "account")
		default:
			put(f, "target", what)
		}
		return action
	case strings.HasPrefix(text, "USER "):
		account, rest, _ := strings.Cut(text[len("USER "):], " pid ")
		_, command, ok := strings.Cut(rest, " cmd ")
		if !ok {
			return ""
		}
		f["account"], f["command"] = account, strings.TrimSpace(command)
		return "cron-run"
	case program == "fcron" && strings.HasPrefix(text, "Job "):
		command, account, ok := cutLast(text[len("Job "):], " started for user ")
		if !ok {
			return ""
		}
		account, _, _ = strings.Cut(account, " ")
		f["command"], f["account"] = strings.Trim(command, "'`"), account
		return "cron-run"
	case program == "anacron" && strings.HasPrefix(text, "Job `") && strings.HasSuffix(text, "' started"):
		f["command"] = strings.TrimSuffix(text[len("Job `"):], "' started")
		return "cron-run"
	case program == "atd" && strings.HasPrefix(text, "Starting job "):
		job, who, _ := strings.Cut(text[len("Starting job "):], " for user '")
		account, _, ok := strings.Cut(who, "'")
		if !ok {
			return ""
		}
		f["job"], f["account"] = job, account
		return "at-run"
	}
	return ""
}

// logger tells where the log itself starts and ends.
func logger(text string) string {
	switch {
	case strings.HasPrefix(text, "exiting on signal"), strings.Contains(text, "exiting on signal"), strings.HasPrefix(text, "on signal"), strings.Contains(text, "shutting down"):
		return "logging-stopped"
	case strings.HasSuffix(text, "] start"), strings.HasSuffix(text, "restart."), strings.HasSuffix(text, ": restart"), strings.HasPrefix(text, "syslog-ng starting up"), strings.HasPrefix(text, "started: BusyBox"):
		return "logging-started"
	}
	return ""
}
