package logmsg

import "strings"

func mail(program, text string, f fields) string {
	first, _, slashed := strings.Cut(program, "/")
	base := program[strings.LastIndexByte(program, '/')+1:]
	switch {
	case slashed && first == "cyrus", base == "lmtpunix", base == "imap", base == "imaps":
		return cyrus(text, f)
	case slashed, base == "postfix":
		return postfix(base, text, f)
	}
	switch base {
	case "dovecot":
		return dovecot(text, f)
	case "exim", "exim4":
		return exim(text, f)
	case "sendmail", "sm-mta", "sm-msp-queue", "sendmail-msp":
		return sendmail(text, f)
	case "imapd", "imapd-ssl", "pop3d", "pop3d-ssl", "courieresmtpd", "esmtpd":
		if action := courier(text, f); action != "" {
			return action
		}
		return cyrus(text, f)
	case "saslauthd":
		return saslauthd(text, f)
	}
	return ""
}

// queueID reads "4F1B2C3D: " at the start of a message, in Postfix's short and
// long forms, and gives what follows.
func queueID(text string) (id, rest string) {
	id, rest, ok := strings.Cut(text, ": ")
	if !ok || len(id) < 6 || len(id) > 20 {
		return "", text
	}
	digits := false
	for i := range len(id) {
		c := id[i]
		if c >= '0' && c <= '9' {
			digits = true
		} else if (c|0x20) < 'a' || (c|0x20) > 'z' {
			return "", text
		}
	}
	if !digits && id != "NOQUEUE" {
		return "", text
	}
	return id, rest
}

// postfix reads the messages of Postfix (https://github.com/vdukhovni/postfix, src/smtpd/smtpd.c,
// src/cleanup, src/*qmgr, src/global/log_adhoc.c, src/pickup, src/postscreen).
func postfix(service, text string, f fields) string {
	if rest, ok := strings.CutPrefix(text, "warning: "); ok {
		return postfixWarning(rest, f)
	}
	id, rest := queueID(text)
	if id == "" {
		return postfixConnection(text, f)
	}
	if id != "NOQUEUE" {
		f["queue_id"] = id
	}
	switch word, after, _ := strings.Cut(rest, " "); word {
	case "reject:", "reject_warning:", "milter-reject:", "discard:", "hold:", "filter:", "redirect:":
		return postfixReject(strings.TrimSuffix(word, ":"), after, f)
	case "sender":
		if n, ok := strings.CutPrefix(after, "non-delivery notification: "); ok {
			f["target"] = n
			return "mail-bounced"
		}
		return ""
	}
	if rest == "removed" {
		return "mail-removed"
	}
	values := keyValues(rest)
	switch {
	case values.has("client"):
		putHost(f, values.get("client"))
		if user := values.get("sasl_username"); user != "" {
			f["account"] = user
			put(f, "method", values.get("sasl_method"))
			return "login-accepted"
		}
		return "mail-client"
	case values.has("uid"):
		put(f, "uid", values.get("uid"))
		put(f, "sender", angle(values.get("from")))
		return "mail-submitted"
	case values.has("message-id"), values.has("resent-message-id"):
		id := values.get("message-id")
		if id == "" {
			id = values.get("resent-message-id")
		}
		put(f, "message_id", angle(id))
		return "mail-message"
	case values.has("to") && values.has("status"):
		put(f, "recipient", angle(values.get("to")))
		put(f, "original_recipient", angle(values.get("orig_to")))
		put(f, "relay", values.get("relay"))
		_, address, _ := hostAddress(values.get("relay"))
		put(f, "dst_address", address)
		put(f, "dsn", values.get("dsn"))
		status, reason, _ := strings.Cut(values.get("status"), " ")
		f["status"] = status
		put(f, "reason", strings.TrimSuffix(strings.TrimPrefix(reason, "("), ")"))
		switch status {
		case "sent", "bounced", "deferred", "expired", "undeliverable", "deliverable":
			return "mail-" + status
		}
		return "mail-delivery"
	case values.has("from"):
		put(f, "sender", angle(values.get("from")))
		size, _, _ := strings.Cut(values.get("size"), " ")
		put(f, "bytes", size)
		count, _, _ := strings.Cut(values.get("nrcpt"), " ")
		put(f, "count", count)
		return "mail-queued"
	}
	return ""
}

func postfixWarning(text string, f fields) string {
	// "example.org[192.0.2.1]: SASL LOGIN authentication failed: reason, sasl_username=x"
	if peer, rest, ok := strings.Cut(text, ": SASL "); ok {
		method, reason, ok := strings.Cut(rest, " authentication failed")
		if !ok {
			return ""
		}
		putHost(f, peer)
		f["method"] = method
		reason = strings.TrimPrefix(reason, ":")
		if i := strings.LastIndex(reason, ", sasl_username="); i >= 0 {
			put(f, "account", reason[i+len(", sasl_username="):])
			reason = reason[:i]
		}
		put(f, "reason", strings.TrimSpace(reason))
		return "login-failed"
	}
	if rest, ok := strings.CutPrefix(text, "non-SMTP command from "); ok {
		peer, command, _ := strings.Cut(rest, ": ")
		putHost(f, peer)
		put(f, "command", command)
		return "non-smtp-command"
	}
	if rest, ok := strings.CutPrefix(text, "hostname "); ok {
		host, rest, ok := strings.Cut(rest, " does not resolve to address ")
		if !ok {
			return ""
		}
		f["remote_host"] = host
		address, _, _ := strings.Cut(rest, ": ")
		put(f, "address", PlainAddress(strings.TrimSpace(address)))
		return "name-mismatch"
	}
	return ""
}

func postfixConnection(text string, f fields) string {
	switch word, rest, _ := strings.Cut(text, " "); word {
	case "connect", "CONNECT":
		if peer, ok := strings.CutPrefix(rest, "from "); ok {
			peer, _, _ = strings.Cut(peer, " ")
			putHost(f, peer)
			return "connection"
		}
	case "disconnect", "DISCONNECT":
		peer := strings.TrimPrefix(rest, "from ")
		peer, did, _ := strings.Cut(peer, " ")
		putHost(f, peer)
		put(f, "commands", did)
		return "disconnected"
	case "lost", "timeout", "too", "SSL_accept", "improper":
		if _, peer, ok := cutLast(text, " from "); ok {
			peer, _, _ = strings.Cut(peer, ": ")
			putHost(f, peer)
			what, _, _ := cutLast(text, " from ")
			f["reason"] = what
			return "connection-failed"
		}
	case "PREGREET", "HANGUP", "DNSBL", "PASS", "COMMAND", "BARE":
		if i := strings.IndexByte(rest, '['); i >= 0 {
			peer, after, _ := strings.Cut(rest[i:], " ")
			putHost(f, strings.TrimSuffix(peer, ":"))
			if word == "PREGREET" {
				put(f, "command", after)
			}
			return "postscreen-" + strings.ToLower(word)
		}
	case "statistics:", "daemon", "starting", "stopping", "refreshing", "terminating":
		switch {
		case strings.HasPrefix(text, "daemon started"):
			_, version, _ := strings.Cut(text, "version ")
			version, _, _ = strings.Cut(version, ",")
			put(f, "version", version)
			return "service-started"
		case strings.HasPrefix(text, "terminating on signal"):
			return "service-stopped"
		}
	}
	return ""
}

// postfixReject reads "RCPT from example.org[192.0.2.1]: 554 5.7.1 <x>: text; from=<a> to=<b> proto=ESMTP helo=<c>".
func postfixReject(what, text string, f fields) string {
	stage, rest, ok := strings.Cut(text, " from ")
	if !ok {
		return ""
	}
	put(f, "command", strings.TrimSuffix(stage, " command"))
	peer, rest, _ := strings.Cut(rest, ": ")
	putHost(f, peer)
	reason := rest
	if i := strings.LastIndex(rest, "; from=<"); i >= 0 {
		reason = rest[:i]
		values(strings.TrimPrefix(rest[i:], "; "), f)
	} else if i := strings.LastIndex(rest, "; proto="); i >= 0 {
		reason = rest[:i]
		values(strings.TrimPrefix(rest[i:], "; "), f)
	}
	code, text, _ := strings.Cut(reason, " ")
	if len(code) == 3 && isNumber(code) {
		f["status"] = code
		if dsn, after, ok := strings.Cut(text, " "); ok && strings.Count(dsn, ".") == 2 && leadingDigits(dsn) == 1 {
			f["dsn"] = dsn
			text = after
		}
		reason = text
	}
	// The rejected name stands before the reason.
	if strings.HasPrefix(reason, "<") {
		if name, after, ok := strings.Cut(reason, ">: "); ok {
			f["target"] = name[1:]
			reason = after
		}
	}
	put(f, "reason", reason)
	return "mail-" + map[string]string{"reject": "rejected", "milter-reject": "rejected", "reject_warning": "reject-warning", "discard": "discarded", "hold": "held", "filter": "filtered", "redirect": "redirected"}[what]
}

// values reads "from=<a> to=<b> proto=ESMTP helo=<c>".
func values(s string, f fields) {
	names := map[string]string{"from": "sender", "to": "recipient", "proto": "protocol", "helo": "helo", "sasl_username": "account"}
	for s != "" {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		value, after := "", ""
		if strings.HasPrefix(rest, "<") {
			value, after, _ = strings.Cut(rest[1:], ">")
		} else {
			value, after, _ = strings.Cut(rest, " ")
		}
		if name := names[strings.TrimSpace(key)]; name != "" {
			put(f, name, value)
		}
		s = strings.TrimLeft(after, " ,")
	}
}

// pairs are the "key=value" of a line.
type pairs []string

func (p pairs) get(key string) string {
	for i := 0; i+1 < len(p); i += 2 {
		if p[i] == key {
			return p[i+1]
		}
	}
	return ""
}

func (p pairs) has(key string) bool {
	for i := 0; i+1 < len(p); i += 2 {
		if p[i] == key {
			return true
		}
	}
	return false
}

// maxPairs bounds how many values of one line are looked at.
const maxPairs = 64

// keyValues splits "a=1, b=<x, y>, c=2 (more, text)": a comma ends a value if
// a key follows it. "uid=33 from=<x>" has blanks between.
func keyValues(s string) pairs {
	var out pairs
	for s != "" && len(out) < 2*maxPairs {
		eq := strings.IndexByte(s, '=')
		if eq <= 0 || !isKey(s[:eq]) {
			return out
		}
		key, rest := s[:eq], s[eq+1:]
		end := valueEnd(rest)
		out = append(out, key, rest[:end])
		s = strings.TrimLeft(rest[end:], ", ")
	}
	return out
}

func isKey(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// valueEnd finds where a value ends: at ", key=" or " key=", outside of <> and ().
func valueEnd(s string) int {
	i := 0
	if strings.HasPrefix(s, "<") {
		if n := strings.IndexByte(s, '>'); n >= 0 {
			i = n
		}
	}
	for ; i < len(s); i++ {
		if s[i] == '(' && i > 0 && s[i-1] == ' ' {
			// Postfix puts what the other server said at the end.
			return len(s)
		}
		if s[i] != ' ' && s[i] != ',' {
			continue
		}
		n := i
		for n < len(s) && (s[n] == ' ' || s[n] == ',') {
			n++
		}
		rest := s[n:min(len(s), n+33)]
		if eq := strings.IndexByte(rest, '='); eq > 0 && isKey(rest[:eq]) {
			return i
		}
		i = n - 1
	}
	return len(s)
}

// angle takes <> away.
func angle(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") {
		s, _, _ = strings.Cut(s[1:], ">")
	}
	return s
}

// dovecot reads the messages of Dovecot (https://doc.dovecot.org/, src/login-common/client-common.c,
// src/auth/auth-request.c, src/lib-lda, Pigeonhole).
func dovecot(text string, f fields) string {
	service, rest, ok := strings.Cut(text, ": ")
	if !ok {
		return ""
	}
	name := service
	if i := strings.IndexAny(service, "(<"); i > 0 {
		name = service[:i]
	}
	for _, level := range [...]string{"Info: ", "Warning: ", "Error: ", "Fatal: ", "Panic: ", "Debug: "} {
		if after, ok := strings.CutPrefix(rest, level); ok {
			f["severity"], rest = strings.ToLower(strings.TrimSuffix(level, ": ")), after
			break
		}
	}
	switch {
	case strings.HasSuffix(name, "-login"):
		f["protocol"] = strings.TrimSuffix(name, "-login")
		return dovecotLogin(rest, f)
	case name == "auth" || name == "auth-worker":
		return dovecotAuth(rest, f)
	case name == "master":
		switch {
		case strings.HasPrefix(rest, "Dovecot v"):
			version, _, _ := strings.Cut(rest[len("Dovecot v"):], " ")
			f["version"] = version
			return "service-started"
		case strings.Contains(rest, "Killed with signal"), strings.HasPrefix(rest, "Shutting down"):
			return "service-stopped"
		}
		return ""
	}
	// "imap(alice)<1234><session>: ...", "lda(alice): ..."
	account, more, ok := enclosed(service, "(", ")")
	if !ok {
		return ""
	}
	f["protocol"], f["account"] = name, account
	if i := strings.LastIndexByte(more, '<'); i >= 0 {
		f["session"] = strings.TrimSuffix(more[i+1:], ">")
	}
	switch {
	case strings.HasPrefix(rest, "sieve: "), strings.HasPrefix(rest, "msgid="), strings.HasPrefix(rest, "save: "), strings.HasPrefix(rest, "copy "):
		rest = strings.TrimPrefix(rest, "sieve: ")
		if id, after, ok := strings.Cut(strings.TrimPrefix(rest, "msgid="), ": "); ok && strings.HasPrefix(rest, "msgid=") {
			f["message_id"] = angle(id)
			rest = after
		}
		if _, to, ok := strings.Cut(rest, "mailbox '"); ok {
			f["target"], _, _ = strings.Cut(to, "'")
		} else if to, ok := strings.CutPrefix(rest, "saved mail to "); ok {
			f["target"] = to
		} else if to, ok := strings.CutPrefix(rest, "forwarded to "); ok {
			f["recipient"] = angle(to)
			return "mail-forwarded"
		}
		return "mail-delivered"
	case strings.HasPrefix(rest, "Disconnected"), strings.HasPrefix(rest, "Connection closed"), strings.HasPrefix(rest, "Logged out"):
		return "session-closed"
	case strings.HasPrefix(rest, "delete: "), strings.HasPrefix(rest, "expunge: "):
		return "mail-deleted"
	}
	return ""
}

// dovecotLogin reads "Login: user=<alice>, method=PLAIN, rip=192.0.2.1, lip=..." and the failures.
func dovecotLogin(text string, f fields) string {
	i := strings.Index(text, ": user=<")
	if i < 0 {
		// Where no name was given: "Disconnected (no auth attempts in 0 secs): rip=...".
		if i = strings.Index(text, ": rip="); i < 0 {
			return ""
		}
	}
	what := text[:i]
	v := keyValues(text[i+2:])
	user := v.get("user")
	put(f, "account", angle(user))
	put(f, "method", v.get("method"))
	put(f, "address", PlainAddress(flag(v.get("rip"))))
	put(f, "dst_address", PlainAddress(flag(v.get("lip"))))
	put(f, "pid", flag(v.get("mpid")))
	put(f, "session", angle(v.get("session")))
	switch {
	case what == "Login", what == "Logged in":
		return "login-accepted"
	case strings.Contains(what, "auth failed"), strings.Contains(what, "user disabled"), strings.Contains(what, "password expired"), strings.Contains(what, "tried to use disallowed plaintext auth"), strings.Contains(what, "client didn't finish SASL auth"):
		f["reason"] = what
		if _, n, ok := strings.Cut(what, "auth failed, "); ok {
			if d := leadingDigits(n); d > 0 {
				f["count"] = n[:d]
			}
		}
		return "login-failed"
	}
	f["reason"] = what
	return "connection-closed"
}

// flag takes the words without a value off: "192.0.2.1, TLS".
func flag(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return s
}

// dovecotAuth reads "pam(alice,192.0.2.1,<session>): unknown user" with what may stand before it.
func dovecotAuth(text string, f fields) string {
	// "conn unix:auth-worker (pid=1,uid=2): auth-worker<6>: "
	for strings.HasPrefix(text, "conn ") || strings.HasPrefix(text, "auth-worker<") {
		i := strings.Index(text, ": ")
		if i < 0 {
			return ""
		}
		text = text[i+2:]
	}
	backend, rest, ok := strings.Cut(text, "(")
	if !ok || backend == "" || strings.ContainsAny(backend, " :") {
		return ""
	}
	// A name may hold parentheses.
	i := strings.Index(rest, "): ")
	if i < 0 {
		return ""
	}
	who, reason := rest[:i], rest[i+3:]
	if j := strings.LastIndex(who, ",<"); j >= 0 && strings.HasSuffix(who, ">") {
		f["session"] = who[j+2 : len(who)-1]
		who = who[:j]
	}
	account, address, ok := cutLast(who, ",")
	if !ok || !looksLikeAddress(address) {
		account, address = who, ""
	}
	put(f, "account", account)
	put(f, "address", PlainAddress(address))
	f["backend"] = backend
	if call, why, ok := strings.Cut(reason, " failed: "); ok && strings.HasSuffix(call, "()") {
		reason = why
	}
	f["reason"] = reason
	lower := strings.ToLower(reason)
	switch {
	case strings.Contains(lower, "unknown user"), strings.Contains(lower, "mismatch"), strings.Contains(lower, "authentication failure"), strings.Contains(lower, "invalid credentials"),
		strings.Contains(lower, "invalid password"), strings.Contains(lower, "user not known"), strings.Contains(lower, "user unknown"):
		return "auth-failed"
	}
	return ""
}

// exim reads the lines of Exim's logs without their time (https://www.exim.org/exim-html-current/doc/html/spec_html/ch-log_files.html).
func exim(text string, f fields) string {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if pid, after, ok := strings.Cut(rest, "] "); ok && isNumber(pid) {
			f["pid"], text = pid, after
		}
	}
	if id, rest, ok := strings.Cut(text, " "); ok && isEximID(id) {
		f["queue_id"] = id
		text = rest
	}
	flagWord, rest, _ := strings.Cut(text, " ")
	switch flagWord {
	case "<=":
		sender, more, _ := strings.Cut(rest, " ")
		f["sender"] = sender
		v := eximValues(more, f)
		put(f, "bytes", v["S"])
		put(f, "message_id", v["id"])
		put(f, "protocol", v["P"])
		put(f, "title", v["T"])
		if u := v["U"]; u != "" {
			f["account"] = u
		}
		if _, to, ok := strings.Cut(more, " for "); ok {
			put(f, "recipient", to[strings.LastIndex(to, " for ")+1:])
		}
		if method, account, ok := strings.Cut(v["A"], ":"); ok {
			f["method"], f["account"] = method, account
			return "login-accepted"
		}
		return "mail-queued"
	case "=>", "->", "*>", ">>", "**", "==":
		recipient, more, _ := strings.Cut(rest, " ")
		f["recipient"] = strings.TrimSuffix(recipient, ":")
		v := eximValues(more, f)
		put(f, "router", v["R"])
		put(f, "transport", v["T"])
		put(f, "dst_address", f["address"])
		delete(f, "address")
		put(f, "reason", v["C"])
		if flagWord == "**" || flagWord == "==" {
			if i := strings.Index(more, ": "); i >= 0 {
				f["reason"] = more[i+2:]
			}
		}
		return map[string]string{"=>": "mail-sent", "->": "mail-sent", ">>": "mail-sent", "*>": "mail-suppressed", "**": "mail-bounced", "==": "mail-deferred"}[flagWord]
	case "Completed":
		return "mail-removed"
	case "Frozen":
		return "mail-frozen"
	}
	// "plain_login authenticator failed for (helo) [192.0.2.1]: 535 Incorrect authentication data (set_id=alice)"
	if i := strings.Index(text, " authenticator failed for "); i >= 0 {
		method := text[:i]
		method = method[strings.LastIndexByte(method, ' ')+1:]
		f["method"] = method
		who, reason, _ := strings.Cut(text[i+len(" authenticator failed for "):], "]: ")
		eximPeer(who+"]", f)
		if j := strings.LastIndex(reason, "(set_id="); j >= 0 {
			put(f, "account", strings.TrimSuffix(reason[j+len("(set_id="):], ")"))
			reason = strings.TrimSpace(reason[:j])
		}
		put(f, "reason", reason)
		return "login-failed"
	}
	if i := strings.Index(text, " rejected "); i >= 0 {
		before, after := text[:i], text[i+len(" rejected "):]
		if v := eximValues(before, f); v["F"] != "" {
			f["sender"] = angle(v["F"])
		}
		command, reason, _ := strings.Cut(after, ": ")
		verb, arg, _ := strings.Cut(command, " ")
		f["command"] = verb
		if strings.HasPrefix(arg, "<") {
			put(f, "recipient", angle(arg))
		}
		put(f, "reason", reason)
		return "mail-rejected"
	}
	switch {
	case strings.HasPrefix(text, "exim ") && strings.Contains(text, " daemon started"):
		f["version"], _, _ = strings.Cut(text[len("exim "):], " ")
		return "service-started"
	case strings.HasPrefix(text, "no host name found for IP address "):
		put(f, "address", PlainAddress(text[len("no host name found for IP address "):]))
		return "name-mismatch"
	case strings.HasPrefix(text, "SMTP "), strings.HasPrefix(text, "unexpected "), strings.HasPrefix(text, "TLS error"), strings.HasPrefix(text, "H="), strings.HasPrefix(text, "no MAIL in SMTP"):
		if i := strings.Index(text, " from "); i >= 0 {
			eximPeer(text[i+len(" from "):], f)
		} else {
			eximValues(text, f)
		}
		if f["address"] != "" {
			return "connection-failed"
		}
	}
	return ""
}

// isEximID tells "1abcde-000001-AB" and, since 4.97, "1abcde-0000000012A-34BC".
func isEximID(s string) bool {
	if len(s) != 16 && len(s) != 23 {
		return false
	}
	last := len(s) - 3
	if len(s) == 23 {
		last = len(s) - 5
	}
	if s[6] != '-' || s[last] != '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// eximPeer reads "example.org (helo) [192.0.2.1]:25".
func eximPeer(s string, f fields) {
	host, address, port := hostAddress(s[:min(len(s), eximEnd(s))])
	put(f, "address", address)
	put(f, "port", port)
	if i := strings.IndexByte(host, '('); i >= 0 {
		put(f, "helo", strings.TrimSuffix(strings.TrimSpace(host[i+1:]), ")"))
		host = strings.TrimSpace(host[:i])
	}
	put(f, "remote_host", strings.TrimPrefix(host, "H="))
}

// eximEnd is where a peer's address, with its port, ends.
func eximEnd(s string) int {
	i := strings.IndexByte(s, ']')
	if i < 0 {
		return len(s)
	}
	i++
	if strings.HasPrefix(s[i:], ":") {
		i += 1 + leadingDigits(s[i+1:])
	}
	return i
}

// eximValues reads "H=example.org (helo) [192.0.2.1]:25 P=esmtp S=1234 T="a title"".
func eximValues(s string, f fields) map[string]string {
	out := map[string]string{}
	for s != "" && len(out) < maxPairs {
		s = strings.TrimLeft(s, " ")
		eq := strings.IndexByte(s[:min(len(s), 33)], '=')
		if eq <= 0 || !isKey(s[:eq]) {
			_, rest, ok := strings.Cut(s, " ")
			if !ok {
				break
			}
			s = rest
			continue
		}
		key, rest := s[:eq], s[eq+1:]
		value := ""
		switch {
		case key == "H":
			n := eximEnd(rest)
			value, s = rest[:n], rest[n:]
			eximPeer(value, f)
		case strings.HasPrefix(rest, `"`):
			n := 1
			for n < len(rest) && rest[n] != '"' {
				if rest[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n, len(rest))
			value, s = rest[1:n], rest[min(n+1, len(rest)):]
		default:
			value, s, _ = strings.Cut(rest, " ")
		}
		if _, twice := out[key]; !twice {
			out[key] = value
		}
	}
	return out
}

// sendmail reads the messages of Sendmail ("Log Messages" of its operations guide).
func sendmail(text string, f fields) string {
	id, rest := queueID(text)
	if id == "" {
		if _, more, ok := strings.Cut(text, "AUTH failure ("); ok {
			f["method"], more, _ = strings.Cut(more, ")")
			f["reason"] = strings.TrimPrefix(more, ": ")
			if _, relay, ok := strings.Cut(more, "relay="); ok {
				putHost(f, relay)
			}
			return "login-failed"
		}
		rest = text
	} else {
		f["queue_id"] = id
	}
	v := keyValues(rest)
	switch {
	case v.has("authid"), v.get("AUTH") == "server":
		putHost(f, v.get("relay"))
		put(f, "account", v.get("authid"))
		put(f, "method", v.get("mech"))
		return "login-accepted"
	case v.has("reject"):
		putHost(f, v.get("relay"))
		put(f, "target", angle(v.get("arg1")))
		put(f, "reason", v.get("reject"))
		return "mail-rejected"
	case v.has("stat") && v.has("to"):
		put(f, "recipient", angle(v.get("to")))
		put(f, "relay", v.get("relay"))
		put(f, "dsn", v.get("dsn"))
		f["status"] = v.get("stat")
		word, _, _ := strings.Cut(v.get("stat"), " ")
		switch strings.TrimSuffix(word, ":") {
		case "Sent":
			return "mail-sent"
		case "Deferred":
			return "mail-deferred"
		case "queued":
			return "mail-queued"
		}
		return "mail-bounced"
	case v.has("from"):
		put(f, "sender", angle(v.get("from")))
		put(f, "bytes", v.get("size"))
		put(f, "count", v.get("nrcpts"))
		put(f, "message_id", angle(v.get("msgid")))
		putHost(f, v.get("relay"))
		return "mail-queued"
	}
	return ""
}

// cyrus reads the messages of Cyrus' IMAP and POP3 servers (imap/imapd.c, imap/pop3d.c).
func cyrus(text string, f fields) string {
	verb, rest, ok := strings.Cut(text, ": ")
	if !ok || verb != "login" && verb != "badlogin" {
		return ""
	}
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return ""
	}
	putHost(f, rest[:end+1])
	words := strings.Fields(rest[end+1:])
	if verb == "login" {
		if len(words) > 1 {
			f["account"], f["method"] = words[0], words[1]
		}
		return "login-accepted"
	}
	if len(words) > 1 {
		f["method"] = words[0]
		if !strings.HasPrefix(words[1], "[") && !strings.HasPrefix(words[1], "SASL(") {
			f["account"] = words[1]
		}
	}
	if _, why, ok := strings.Cut(rest, "SASL("); ok {
		_, why, _ = strings.Cut(why, ": ")
		put(f, "reason", strings.TrimSuffix(why, "]"))
	}
	return "login-failed"
}

// courier reads "LOGIN, user=alice, ip=[::ffff:192.0.2.1], port=[1234], protocol=IMAP".
func courier(text string, f fields) string {
	verb, rest, ok := strings.Cut(text, ", ")
	if !ok {
		return ""
	}
	v := keyValues(rest)
	put(f, "account", v.get("user"))
	put(f, "address", PlainAddress(v.get("ip")))
	put(f, "port", strings.Trim(v.get("port"), "[]"))
	put(f, "protocol", v.get("protocol"))
	switch verb {
	case "LOGIN":
		return "login-accepted"
	case "LOGIN FAILED":
		return "login-failed"
	case "LOGOUT", "DISCONNECTED", "TIMEOUT":
		return "session-closed"
	case "Connection":
		return "connection"
	}
	return ""
}

// saslauthd reads "do_auth : auth failure: [user=alice] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]".
func saslauthd(text string, f fields) string {
	_, rest, ok := strings.Cut(text, "auth failure: ")
	if !ok {
		return ""
	}
	for _, part := range strings.Split(strings.Trim(rest, "[]"), "] [") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "user":
			put(f, "account", value)
		case "service", "reason":
			put(f, key, value)
		case "mech":
			put(f, "backend", value)
		}
	}
	return "auth-failed"
}
