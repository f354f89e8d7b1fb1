package logmsg

import "strings"

func database(program, text string, f fields) string {
	switch program[strings.LastIndexByte(program, '/')+1:] {
	case "mysqld", "mysqld_safe", "mariadbd", "mariadbd-safe":
		return mysql(text, f)
	case "postgres", "postgresql":
		return postgres(text, f)
	}
	return ""
}

// mysql reads what the servers of MySQL and MariaDB say, wherever the time and
// the level of it stand: the texts of sql/share/errmsg-utf8.txt and sql/mysqld.cc.
func mysql(text string, f fields) string {
	switch {
	case strings.Contains(text, "Access denied for user '"):
		_, rest, _ := strings.Cut(text, "Access denied for user '")
		if i := strings.Index(rest, "'@'"); i >= 0 {
			f["account"] = rest[:i]
			address, more, _ := strings.Cut(rest[i+3:], "'")
			put(f, "address", PlainAddress(address))
			if using, _, ok := enclosed(more, "(using password: ", ")"); ok {
				f["reason"] = "using password: " + using
			}
			if db, _, ok := enclosed(more, " to database '", "'"); ok {
				f["database"] = db
			}
		}
		return "login-failed"
	case strings.Contains(text, ": ready for connections"), strings.Contains(text, "ready for connections."):
		if v, _, ok := enclosed(text, "Version: '", "'"); ok {
			f["version"] = v
		}
		return "service-started"
	case strings.Contains(text, "Aborted connection "):
		_, rest, _ := strings.Cut(text, "Aborted connection ")
		for _, v := range [...][2]string{{"account", "user: '"}, {"address", "host: '"}, {"database", "db: '"}} {
			if value, _, ok := enclosed(rest, v[1], "'"); ok && value != "unconnected" {
				f[v[0]] = value
			}
		}
		return "connection-failed"
	case strings.Contains(text, "Normal shutdown"), strings.Contains(text, "Shutdown complete"), strings.Contains(text, "Received SHUTDOWN from"):
		return "service-stopped"
	case strings.Contains(text, "plugin-load"), strings.Contains(text, "Can't open shared library"):
		return "plugin"
	}
	return ""
}

// postgres reads what PostgreSQL says, its prefix and level taken off or not
// (src/backend/utils/init/postinit.c, src/backend/libpq/auth.c, src/backend/tcop/postgres.c).
func postgres(text string, f fields) string {
	for _, v := range [...]string{"password", "Ident", "Peer", "PAM", "LDAP", "GSSAPI", "certificate", "trust", "SSPI", "RADIUS", "BSD"} {
		if i := strings.Index(text, v+" authentication failed for user \""); i >= 0 {
			f["method"] = strings.ToLower(v)
			f["account"], _, _ = strings.Cut(text[i+len(v)+len(" authentication failed for user \""):], "\"")
			return "login-failed"
		}
	}
	switch {
	case strings.Contains(text, "no pg_hba.conf entry for host \""):
		if v, rest, ok := enclosed(text, "for host \"", "\""); ok {
			f["address"] = v
			postgresNames(rest, f)
		}
		return "login-denied"
	case strings.Contains(text, "connection received: host="):
		_, rest, _ := strings.Cut(text, "connection received: host=")
		host, rest, _ := strings.Cut(rest, " ")
		if host != "[local]" {
			f["address"] = host
		}
		put(f, "port", strings.TrimPrefix(rest, "port="))
		return "connection"
	case strings.Contains(text, "connection authenticated: identity="):
		if v, rest, ok := enclosed(text, "identity=\"", "\""); ok {
			f["identity"] = v
			f["method"], _, _ = strings.Cut(strings.TrimPrefix(rest, " method="), " ")
		}
		return "connection-authenticated"
	case strings.Contains(text, "connection authorized: user="):
		_, rest, _ := strings.Cut(text, "connection authorized: ")
		postgresValues(rest, f)
		return "connection-authorized"
	case strings.Contains(text, "disconnection: session time:"):
		_, rest, _ := strings.Cut(text, "session time: ")
		if i := strings.Index(rest, "user="); i >= 0 {
			postgresValues(rest[i:], f)
		}
		return "disconnected"
	case strings.Contains(text, "role \"") && strings.Contains(text, "\" does not exist"):
		f["account"], _, _ = enclosed(text, "role \"", "\"")
		f["reason"] = "no such role"
		return "login-failed"
	case strings.Contains(text, "database system is ready to accept connections"):
		return "service-started"
	case strings.Contains(text, "database system is shut down"):
		return "service-stopped"
	}
	return ""
}

// postgresNames reads `user "alice", database "shop"`.
func postgresNames(rest string, f fields) {
	if v, _, ok := enclosed(rest, "user \"", "\""); ok {
		f["account"] = v
	}
	if v, _, ok := enclosed(rest, "database \"", "\""); ok {
		f["database"] = v
	}
}

// postgresValues reads "user=alice database=shop host=192.0.2.1 port=5".
func postgresValues(s string, f fields) {
	for _, word := range strings.Fields(s) {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			continue
		}
		switch key {
		case "user":
			put(f, "account", value)
		case "database":
			put(f, "database", value)
		case "host":
			if value != "[local]" {
				put(f, "address", value)
			}
		case "port":
			put(f, "port", value)
		case "application_name":
			put(f, "application", value)
		}
	}
}
