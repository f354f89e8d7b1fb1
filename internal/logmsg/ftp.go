package logmsg

import "strings"

func ftp(program, text string, f fields) string {
	switch program[strings.LastIndexByte(program, '/')+1:] {
	case "vsftpd":
		return vsftpd(text, f)
	case "proftpd":
		return proftpd(text, f)
	case "pure-ftpd":
		return pureFTPd(text, f)
	case "internal-sftp", "sftp-server":
		return sftp(text, f)
	}
	return ""
}

// vsftpd reads `[pid 12] [alice] OK LOGIN: Client "192.0.2.1"` (logging.c of vsftpd).
func vsftpd(text string, f fields) string {
	if rest, ok := strings.CutPrefix(text, "[pid "); ok {
		pid, after, ok := strings.Cut(rest, "] ")
		if !ok {
			return ""
		}
		f["pid"], text = pid, after
	}
	// The account may be any text; the verb stands before ": Client ".
	head, rest, ok := strings.Cut(text, `: Client "`)
	if !ok {
		return ""
	}
	if strings.HasPrefix(head, "[") {
		if i := strings.LastIndex(head, "] "); i > 0 {
			f["account"], head = head[1:i], head[i+2:]
		}
	}
	address, rest, _ := strings.Cut(rest, `"`)
	put(f, "address", PlainAddress(address))
	rest = strings.TrimPrefix(rest, ", ")
	outcome, verb, ok := strings.Cut(head, " ")
	if !ok || outcome != "OK" && outcome != "FAIL" {
		switch head {
		case "CONNECT":
			return "connection"
		case "FTP command":
			command := strings.Trim(rest, `"`)
			if len(command) > 5 && strings.EqualFold(command[:5], "PASS ") {
				command = command[:5] + "***"
			}
			f["command"] = command
			return "ftp-command"
		case "FTP response":
			f["reason"] = strings.Trim(rest, `"`)
			return "ftp-response"
		}
		return ""
	}
	f["outcome"] = "success"
	if outcome == "FAIL" {
		f["outcome"] = "failure"
	}
	if verb == "LOGIN" {
		if outcome == "FAIL" {
			return "login-failed"
		}
		return "login-accepted"
	}
	if strings.HasPrefix(rest, `"`) {
		// A name may hold quotes; what follows it has none.
		if i := strings.LastIndexByte(rest, '"'); i > 0 {
			f["path"], rest = rest[1:i], rest[i+1:]
		}
	}
	for _, part := range strings.Split(rest, ", ") {
		if n, ok := strings.CutSuffix(part, " bytes"); ok && isNumber(n) {
			f["bytes"] = n
		}
	}
	if verb == "RENAME" {
		if i := strings.Index(f["path"], " /"); i > 0 {
			f["target"], f["path"] = f["path"][i+1:], f["path"][:i]
		}
	}
	return map[string]string{"UPLOAD": "uploaded", "DOWNLOAD": "downloaded", "DELETE": "deleted", "RENAME": "renamed", "MKDIR": "directory-made",
		"RMDIR": "directory-removed", "CHMOD": "mode-changed", "APPEND": "uploaded"}[verb]
}

// proftpd reads "host (client[192.0.2.1]) - USER alice: Login successful." (http://www.proftpd.org/docs/howto/Logging.html,
// modules/mod_auth.c).
func proftpd(text string, f fields) string {
	if strings.HasPrefix(text, "ProFTPD ") || strings.HasPrefix(text, "- ProFTPD ") || strings.Contains(text, " - ProFTPD ") {
		_, version, _ := strings.Cut(text, "ProFTPD ")
		switch {
		case strings.HasSuffix(text, "STARTUP"):
			f["version"], _, _ = strings.Cut(version, " ")
			return "service-started"
		case strings.HasSuffix(text, "SHUTDOWN"):
			return "service-stopped"
		}
	}
	server, rest, ok := strings.Cut(text, " (")
	if !ok {
		return ""
	}
	peer, what, ok := strings.Cut(rest, "])")
	if !ok {
		return ""
	}
	put(f, "vhost", server)
	putHost(f, peer+"]")
	if f["remote_host"] == f["address"] {
		delete(f, "remote_host")
	}
	what = strings.TrimLeft(what, ":- ")
	switch {
	case strings.HasPrefix(what, "USER "):
		who := what[len("USER "):]
		switch {
		case strings.Contains(who, ": no such user found"):
			f["account"] = who[:strings.Index(who, ": no such user found")]
			f["reason"] = "no such user"
			return "login-failed"
		case strings.Contains(who, " (Login failed)"):
			i := strings.LastIndex(who, " (Login failed)")
			f["account"] = who[:i]
			put(f, "reason", strings.TrimSuffix(strings.TrimPrefix(who[i+len(" (Login failed)"):], ": "), "."))
			return "login-failed"
		case strings.Contains(who, ": Login successful"):
			f["account"] = who[:strings.LastIndex(who, ": Login successful")]
			return "login-accepted"
		}
	case strings.HasPrefix(what, "ANONYMOUS ") || strings.HasPrefix(what, "ANON "):
		who, _, ok := cutLast(what[strings.IndexByte(what, ' ')+1:], ": Login successful")
		if !ok {
			return ""
		}
		f["account"] = who
		return "login-accepted"
	case strings.HasPrefix(what, "FTP session opened"), strings.HasPrefix(what, "SSH2 session opened"):
		return "connection"
	case strings.HasPrefix(what, "FTP session closed"), strings.HasPrefix(what, "SSH2 session closed"):
		return "disconnected"
	case strings.HasPrefix(what, "SECURITY VIOLATION: "):
		what = strings.TrimSuffix(what[len("SECURITY VIOLATION: "):], ".")
		f["reason"] = what
		if strings.HasPrefix(strings.ToLower(what), "root login attempted") {
			f["account"] = "root"
		}
		return "login-failed"
	case strings.HasPrefix(what, "Maximum login attempts"):
		f["reason"] = what
		return "attempts-exceeded"
	}
	return ""
}

// pureFTPd reads "(alice@192.0.2.1) [NOTICE] /home/alice//x uploaded  (12 bytes, 1.00KB/sec)" (src/ftpd.c and
// src/messages_en.h of Pure-FTPd).
func pureFTPd(text string, f fields) string {
	rest, ok := strings.CutPrefix(text, "(")
	if !ok {
		return ""
	}
	who, rest, ok := strings.Cut(rest, ") [")
	if !ok {
		return ""
	}
	account, address, _ := cutLast(who, "@")
	if account != "?" {
		put(f, "account", account)
	}
	put(f, "address", PlainAddress(address))
	level, what, ok := strings.Cut(rest, "] ")
	if !ok {
		return ""
	}
	f["severity"] = strings.ToLower(level)
	switch {
	case strings.HasPrefix(what, "Authentication failed for user ["):
		f["account"] = strings.TrimSuffix(what[len("Authentication failed for user ["):], "]")
		return "login-failed"
	case strings.HasSuffix(what, " is now logged in"):
		f["account"] = strings.TrimSuffix(what, " is now logged in")
		return "login-accepted"
	case strings.HasPrefix(what, "New connection from "):
		return "connection"
	case what == "Logout.", strings.HasPrefix(what, "Timeout"):
		return "disconnected"
	case strings.HasPrefix(what, "Deleted "):
		f["path"] = what[len("Deleted "):]
		return "deleted"
	case strings.HasPrefix(what, "File successfully renamed or moved: ["):
		from, to, _ := strings.Cut(what[len("File successfully renamed or moved: ["):], "]->[")
		f["path"], f["target"] = from, strings.TrimSuffix(to, "]")
		return "renamed"
	}
	for _, verb := range [...]string{"uploaded", "downloaded"} {
		if i := strings.LastIndex(what, " "+verb+"  ("); i > 0 {
			f["path"] = what[:i]
			count := what[i+len(verb)+4:]
			if n := leadingDigits(count); n > 0 {
				f["bytes"] = count[:n]
			}
			return verb
		}
	}
	return ""
}

// sftp reads the messages of OpenSSH's sftp-server (sftp-server.c), which are there at level INFO and above.
func sftp(text string, f fields) string {
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "session":
		what, who, ok := strings.Cut(rest, " for local user ")
		if !ok {
			return ""
		}
		account, address, _ := cutLast(who, " from ")
		put(f, "account", account)
		put(f, "address", PlainAddress(strings.Trim(address, "[]")))
		if what == "opened" {
			return "sftp-opened"
		}
		return "sftp-closed"
	case "open", "close", "remove", "mkdir", "rmdir", "opendir", "set", "forced":
		path, after, ok := enclosed(rest, `"`, `"`)
		if !ok {
			return ""
		}
		f["path"] = path
		if verb == "close" {
			words := strings.Fields(after)
			for i := 0; i+2 < len(words); i++ {
				if words[i] == "written" && isNumber(words[i+1]) && words[i+1] != "0" {
					f["bytes"] = words[i+1]
					return "uploaded"
				}
				if words[i+1] == "read" && isNumber(words[i+2]) && words[i+2] != "0" {
					f["bytes"] = words[i+2]
				}
			}
			if f["bytes"] != "" {
				// A file that was both read and written counts as written.
				if len(words) > 3 && words[len(words)-2] == "written" && words[len(words)-1] != "0" {
					f["bytes"] = words[len(words)-1]
					return "uploaded"
				}
				return "downloaded"
			}
			if n := len(words); n > 1 && words[n-2] == "written" && words[n-1] != "0" && isNumber(words[n-1]) {
				f["bytes"] = words[n-1]
				return "uploaded"
			}
			return "closed"
		}
		return map[string]string{"open": "opened", "remove": "deleted", "mkdir": "directory-made", "rmdir": "directory-removed", "opendir": "directory-listed", "set": "mode-changed"}[verb]
	case "rename", "posix-rename":
		_, more, _ := strings.Cut(rest, `old "`)
		from, more, ok := strings.Cut(more, `" new "`)
		if !ok {
			return ""
		}
		f["path"], f["target"] = from, strings.TrimSuffix(more, `"`)
		return "renamed"
	}
	return ""
}
