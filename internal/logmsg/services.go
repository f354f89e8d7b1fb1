package logmsg

import "strings"

// services reads the messages of servers for mail, files, databases and of
// firewalls. The program has its whole name here: "postfix/smtpd".
func services(program, text string, f fields) (action string, auth bool) {
	switch kindOf(program) {
	case "mail":
		action = mail(program, text, f)
	case "transfer":
		action = ftp(program, text, f)
	case "database":
		action = database(program, text, f)
	case "firewall":
		action = firewall(program, text, f)
	case "proxy":
		action = haproxy(text, f)
	}
	return action, isLogin(action)
}

// isLogin tells the actions of services that are about who came in.
func isLogin(action string) bool {
	switch action {
	case "login-accepted", "login-failed", "auth-failed", "login-denied":
		return true
	}
	return false
}

// Kind is the kind of record that a message of a program makes, once it is
// decoded: "mail", "transfer", "database", "firewall", "proxy", or "auth" for a login to one
// of these. It is "" for any other program, whose log's own kind stands.
func Kind(program, action string) string {
	if action == "packet" {
		return "firewall"
	}
	kind := kindOf(program)
	if kind != "" && isLogin(action) {
		return "auth"
	}
	return kind
}

// kindOf sorts the programs.
func kindOf(program string) string {
	if program == "" {
		return ""
	}
	// "postfix/smtpd", "postfix/submission/smtpd", "postfix-in/smtpd", "cyrus/imaps".
	if i := strings.IndexByte(program, '/'); i > 0 {
		switch first := program[:i]; {
		case first == "postfix", strings.HasPrefix(first, "postfix-"), first == "cyrus":
			return "mail"
		}
		program = program[strings.LastIndexByte(program, '/')+1:]
	}
	switch program {
	case "dovecot", "exim", "exim4", "sendmail", "sm-mta", "sm-msp-queue", "sm-acceptingconnections", "sendmail-msp", "imapd", "imapd-ssl", "pop3d", "pop3d-ssl", "courierd", "courieresmtpd",
		"courierlogger", "esmtpd", "opendkim", "opendmarc", "amavis", "amavisd", "spamd", "rspamd", "postgrey", "policyd-spf", "saslauthd", "lmtpunix", "ctl_cyrusdb", "nullmailer-send",
		"msmtp", "opensmtpd", "smtpd", "postfix", "spamass-milter", "clamav-milter", "mailman", "mailman3", "sSMTP":
		return "mail"
	case "vsftpd", "proftpd", "pure-ftpd", "in.ftpd", "ftpd", "wu-ftpd", "internal-sftp", "sftp-server":
		return "transfer"
	case "mysqld", "mysqld_safe", "mariadbd", "mariadbd-safe", "postgres", "postgresql", "redis-server", "redis", "mongod":
		return "database"
	case "firewalld", "ufw", "ufw-init", "fail2ban", "fail2ban-server", "fail2ban-client":
		return "firewall"
	case "haproxy":
		return "proxy"
	}
	if strings.HasPrefix(program, "fail2ban.") {
		return "firewall"
	}
	return ""
}

// enclosed gives what stands between two marks, and what follows the second.
func enclosed(s, open, closing string) (inner, rest string, ok bool) {
	_, s, ok = strings.Cut(s, open)
	if !ok {
		return "", "", false
	}
	return strings.Cut(s, closing)
}

// hostAddress splits "example.org[192.0.2.1]:25" and "example.org [192.0.2.1]".
func hostAddress(s string) (host, address, port string) {
	open := strings.LastIndexByte(s, '[')
	if open < 0 {
		return s, "", ""
	}
	end := strings.IndexByte(s[open:], ']')
	if end < 0 {
		return s, "", ""
	}
	end += open
	address = PlainAddress(strings.TrimPrefix(s[open+1:end], "IPv6:"))
	if p, ok := strings.CutPrefix(s[end+1:], ":"); ok {
		if n := leadingDigits(p); n > 0 {
			port = p[:n]
		}
	}
	return strings.TrimSpace(s[:open]), address, port
}

func leadingDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// putHost sets a peer that is written as "example.org[192.0.2.1]:25".
func putHost(f fields, s string) {
	host, address, port := hostAddress(s)
	if address == "" && looksLikeAddress(host) {
		host, address = "", host
	}
	if host != "" && host != "unknown" {
		f["remote_host"] = host
	}
	put(f, "address", address)
	put(f, "port", port)
}
