package serverlog

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// MySQL yields a record for each entry of the logs of MySQL and MariaDB.
var MySQL = timeline.Extractor{
	Name: "mysql",
	Doc: `Entries of the error, general and slow logs of MySQL and MariaDB: severity, code, module, message; action (login-failed, connect, query,
disconnected, ...), account, address, database, session, statement, duration. Passwords and hashes within statements are masked.

Formats: https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html, https://dev.mysql.com/doc/refman/8.4/en/query-log.html,
https://dev.mysql.com/doc/refman/8.4/en/slow-query-log.html, https://mariadb.com/kb/en/error-log/; those of MySQL 5 too.`,
	Paths: []string{
		"/var/log/mysql/*log*", "/var/log/mysql/*.err*", "/var/log/mysqld*", "/var/log/mysql.*", "/var/log/mysql_*", "/var/log/mysql-*", "/var/log/mariadb/*", "/var/lib/mysql/*.err*", "/var/lib/mysql/*.log", "/var/lib/mysql/*.log.[0-9]*",
		"/usr/local/mysql/data/*.err*", "/usr/local/mysql/data/*.log", "/opt/lampp/var/mysql/*.err*",
	},
	Named: func(s *timeline.Source) []string {
		return settingsNamed(s, []string{"log_error", "log-error", "general_log_file", "slow_query_log_file", "log-slow-queries", "log_slow_query_file", "log"})
	},
	NamedIn: []string{"/etc/my.cnf", "/etc/my.cnf.d/*.cnf", "/etc/mysql/my.cnf", "/etc/mysql/*.cnf", "/etc/mysql/*/*.cnf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		if isMySQLFile(s) {
			return func(func(timeline.Record, error) bool) {}
		}
		return entries(ctx, s, timeline.KindDatabase, &mysql{clock: logtime.New(s.Zone)})
	},
}

// isMySQLFile tells files of the server's own that are called logs and hold no
// text: the log of unfinished changes of tables (sql/ddl_log.cc), the binary log
// (sql/log_event.h), and the coordinator's (sql/log.cc), by their first bytes.
func isMySQLFile(s *timeline.Source) bool {
	var head [4]byte
	n, _ := s.Data.ReadAt(head[:], 0)
	switch string(head[:max(n, 0)]) {
	case "\xfe\xfe\x0b\x02", "\xfebin", "\xfe\x23\x05\x74":
		return true
	}
	return false
}

type mysql struct {
	clock    *logtime.Clock
	slow     bool // the open entry is one of the slow log
	headOnly bool // and it is no more than its "# Time:" so far
	slowTime string
}

func (d *mysql) place(line string, open bool) place {
	switch {
	case strings.HasPrefix(line, "# Time: "):
		d.slow, d.headOnly = true, true
		return begins
	case strings.HasPrefix(line, "# User@Host: "):
		if open && d.headOnly {
			d.headOnly = false
			return follows
		}
		d.slow, d.headOnly = true, false
		return begins
	case isBanner(line):
		d.slow = false
		return nothing
	case d.slow && open:
		return follows
	}
	d.slow = false
	if _, _, n := d.clock.Parse(line); n > 0 {
		return begins
	}
	if _, _, _, ok := generalLine(line); ok {
		return begins
	}
	if line == "" && !open {
		return nothing
	}
	return follows
}

// isBanner tells the lines that a server writes when it opens a log.
func isBanner(line string) bool {
	return strings.HasPrefix(line, "Tcp port: ") || strings.HasPrefix(line, "TCP Port: ") || isColumns(line) ||
		strings.HasSuffix(line, " started with:") && strings.Contains(line, "Version: ")
}

// isColumns tells the headings of the general log; the blanks between them are
// tabs in some versions.
func isColumns(line string) bool {
	first, rest := word(line)
	second, rest := word(rest)
	third, rest := word(rest)
	return first == "Time" && second == "Id" && third == "Command" && strings.TrimSpace(rest) == "Argument"
}

// generalLine reads "   8 Query\tselect 1" of the general log, as it stands behind the time, if there is one.
func generalLine(s string) (id, command, argument string, ok bool) {
	if s == "" || s[0] != ' ' && s[0] != '\t' {
		return "", "", "", false
	}
	id, rest := word(strings.TrimLeft(s, " \t"))
	if !isNumber(id) {
		return "", "", "", false
	}
	command, argument, ok = strings.Cut(rest, "\t")
	if !ok {
		command, argument, ok = strings.Cut(rest, "   ")
		argument = strings.TrimLeft(argument, " ")
		if !ok {
			command = strings.TrimSpace(rest)
		}
	}
	switch command = strings.TrimSpace(command); command {
	case "Connect", "Quit", "Query", "Init DB", "Field List", "Create DB", "Drop DB", "Refresh", "Shutdown", "Statistics", "Processlist", "Kill", "Debug", "Ping", "Change user", "Binlog Dump", "Table Dump", "Connect Out",
		"Register Slave", "Register Replica", "Prepare", "Execute", "Long Data", "Close stmt", "Reset stmt", "Set option", "Fetch", "Daemon", "Binlog Dump GTID", "Reset Connection", "Sleep", "Time", "Delayed insert", "Error":
		return id, command, argument, true
	}
	return "", "", "", false
}

func (d *mysql) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	f["program"] = "mysqld"
	if strings.HasPrefix(text, "# ") {
		return d.slowEntry(text, r)
	}
	rest, timed := stamped(d.clock, r, text)
	if id, command, argument, ok := generalLine(rest); ok {
		d.general(id, command, argument, r)
		return true
	}
	if !timed {
		f["message"] = mask(text)
		return false
	}
	rest = strings.TrimLeft(rest, " ")
	if id, more := word(rest); isNumber(id) {
		put(f, "session", id)
		rest = more
	} else if id == "mysqld_safe" {
		f["program"], rest = id, more
	}
	if level, more, ok := bracketed(rest); ok {
		f["severity"] = strings.ToLower(level)
		rest = more
		if code, more, ok := bracketed(rest); ok && strings.HasPrefix(code, "MY-") {
			f["code"], rest = code, more
			if module, more, ok := bracketed(rest); ok {
				f["module"], rest = module, more
			}
		}
	}
	f["message"] = mask(rest)
	r.Summary = firstOf(f["message"], "\n")
	decoded("mysqld", rest, r)
	return true
}

// general fills in a line of the general log.
func (d *mysql) general(id, command, argument string, r *timeline.Record) {
	f := r.Fields
	f["session"] = id
	argument = mask(argument)
	f["message"] = command + " " + argument
	switch command {
	case "Connect", "Change user":
		f["action"] = "connect"
		if strings.HasPrefix(argument, "Access denied ") {
			decoded("mysqld", argument, r)
			break
		}
		who, on, _ := strings.Cut(argument, " on ")
		who, _, _ = strings.Cut(who, " as ")
		if i := strings.LastIndexByte(who, '@'); i >= 0 {
			f["account"] = who[:i]
			put(f, "address", who[i+1:])
		}
		db, how, _ := strings.Cut(on, " using ")
		put(f, "database", strings.TrimSpace(db))
		put(f, "method", how)
	case "Quit":
		f["action"] = "disconnected"
	case "Init DB":
		f["action"], f["database"] = "query", argument
	case "Query", "Execute", "Prepare":
		f["action"], f["statement"] = strings.ToLower(command), argument
	case "Shutdown":
		f["action"] = "service-stopped"
	default:
		f["action"] = strings.ToLower(strings.ReplaceAll(command, " ", "-"))
	}
	r.Summary = strings.TrimSpace(command + " " + firstOf(argument, "\n"))
}

// slowEntry reads the headlines of an entry of the slow log and its statement.
func (d *mysql) slowEntry(text string, r *timeline.Record) bool {
	f := r.Fields
	f["action"] = "slow-query"
	var statement []string
	for _, l := range strings.Split(text, "\n") {
		switch {
		case len(statement) == 0 && strings.HasPrefix(l, "# Time: "):
			d.slowTime = l[len("# Time: "):]
		case len(statement) == 0 && strings.HasPrefix(l, "# User@Host: "):
			// "root[root] @ localhost [127.0.0.1]  Id:     8"
			who, at, _ := strings.Cut(l[len("# User@Host: "):], " @ ")
			if account, ok := between(who, "[", "]"); ok {
				f["account"] = account
			}
			host, more, _ := strings.Cut(at, "[")
			address, more, _ := strings.Cut(more, "]")
			put(f, "address", address)
			put(f, "remote_host", strings.TrimSpace(host))
			if _, id, ok := strings.Cut(more, "Id:"); ok {
				put(f, "session", strings.TrimSpace(id))
			}
		case len(statement) == 0 && strings.HasPrefix(l, "# "):
			words := strings.Fields(l[2:])
			for i := 0; i+1 < len(words); i++ {
				switch words[i] {
				case "Query_time:":
					f["duration"] = words[i+1]
				case "Rows_sent:":
					f["rows_sent"] = words[i+1]
				case "Rows_examined:":
					f["rows_examined"] = words[i+1]
				case "Schema:":
					put(f, "database", words[i+1])
				case "Thread_id:":
					put(f, "session", words[i+1])
				}
			}
		case len(statement) == 0 && strings.HasPrefix(l, "use ") && strings.HasSuffix(l, ";"):
			f["database"] = strings.Trim(l[4:len(l)-1], "`")
		case len(statement) == 0 && strings.HasPrefix(l, "SET timestamp="):
			if when, ok := logtime.Epoch(strings.TrimRight(l[len("SET timestamp="):], "; ")); ok {
				r.Stamps = []timeline.Stamp{{What: "started", When: when}}
			}
		default:
			statement = append(statement, l)
		}
	}
	if d.slowTime != "" {
		// The line of the time is left out when the time has not changed.
		if when, note, n := d.clock.Parse(d.slowTime); n > 0 {
			r.Stamps = append([]timeline.Stamp{{What: "logged", When: when, Note: note}}, r.Stamps...)
		}
	}
	f["statement"] = mask(strings.TrimSpace(strings.Join(statement, "\n")))
	f["message"] = f["statement"]
	if f["message"] == "" {
		f["message"] = firstOf(text, "\n")
	}
	r.Summary = "slow query of " + f["account"] + ": " + firstOf(f["message"], "\n")
	return f["account"] != "" || f["duration"] != ""
}

// PostgreSQL yields a record for each message in PostgreSQL's logs.
var PostgreSQL = timeline.Extractor{
	Name: "postgresql",
	Doc: `Messages of PostgreSQL with their detail, hint and statement: severity, pid, account, database, address, message, statement, code; action
(query, connection, connection-authorized, login-failed, login-denied, disconnected, ...); command where a statement has the server run a program
(COPY FROM PROGRAM). Passwords and hashes within statements are masked. The address of a client whose connection was logged is kept for its later messages.

Formats: stderr with any log_line_prefix, csvlog and jsonlog (https://www.postgresql.org/docs/current/runtime-config-logging.html).`,
	Paths: []string{
		"/var/log/postgresql/*", "/var/log/postgresql*.log*", "/var/lib/pgsql/**/log/*", "/var/lib/pgsql/**/pg_log/*", "/var/lib/pgsql/*.log", "/var/lib/pgsql/*/pgstartup.log", "/var/lib/postgresql/**/log/*", "/var/lib/postgresql/**/pg_log/*",
		"/usr/local/pgsql/data/log/*", "/usr/local/pgsql/data/pg_log/*",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		d := &postgres{clock: logtime.New(s.Zone), peers: map[string]string{}}
		base := s.Path[strings.LastIndexByte(s.Path, '/')+1:]
		d.csv = strings.Contains(base, ".csv")
		return entries(ctx, s, timeline.KindDatabase, d)
	},
}

type postgres struct {
	clock *logtime.Clock
	csv   bool
	odd   bool              // a quote of the open CSV entry is not closed
	pid   string            // of the open entry
	peers map[string]string // addresses by process
}

// maxPeers bounds how many connections are kept.
const maxPeers = 10000

func (d *postgres) place(line string, open bool) place {
	if d.csv {
		odd := strings.Count(line, `"`)%2 == 1
		if open && d.odd {
			d.odd = !odd
			return follows
		}
		d.odd = odd
		return begins
	}
	if line == "" && !open {
		return nothing
	}
	if strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}") {
		return begins
	}
	prefix, level, _, ok := postgresLine(line)
	if !ok {
		return follows
	}
	pid := postgresPID(prefix)
	switch level {
	case "DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION":
		if open && pid == d.pid {
			return follows
		}
	}
	d.pid = pid
	return begins
}

// postgresLine splits "PREFIX LEVEL:  text" at the level, a word in capitals of whatever language before a colon and two blanks.
func postgresLine(line string) (prefix, level, text string, ok bool) {
	for at := 0; ; {
		i := strings.Index(line[at:], ":  ")
		if i < 0 {
			return "", "", "", false
		}
		end := at + i
		start := end
		for start > 0 && line[start-1] != ' ' && line[start-1] != ':' && line[start-1] != '\t' {
			start--
		}
		word := line[start:end]
		if len(word) > 2 && len(word) < 32 && word == strings.ToUpper(word) && word != strings.ToLower(word) {
			if start == 0 {
				return "", "", "", false
			}
			return line[:start], word, line[end+3:], true
		}
		at = end + 3
	}
}

func postgresPID(prefix string) string {
	for rest := prefix; ; {
		_, after, ok := strings.Cut(rest, "[")
		if !ok {
			return ""
		}
		pid, _, ok := strings.Cut(after, "]")
		if !ok {
			return ""
		}
		pid, _, _ = strings.Cut(pid, "-")
		if isNumber(pid) {
			return pid
		}
		rest = after
	}
}

func (d *postgres) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	f["program"] = "postgres"
	if d.csv {
		return d.csvEntry(text, r)
	}
	if strings.HasPrefix(text, "{") {
		return d.jsonEntry(text, r)
	}
	lines := strings.Split(text, "\n")
	prefix, level, message, ok := postgresLine(lines[0])
	if !ok {
		f["message"] = mask(text)
		return false
	}
	d.prefix(prefix, r)
	f["severity"] = strings.ToLower(level)
	into := "message"
	parts := map[string]string{into: message}
	for _, l := range lines[1:] {
		if _, level, more, ok := postgresLine(l); ok {
			switch level {
			case "DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION":
				into = strings.ToLower(level)
				parts[into] = more
				continue
			}
		}
		parts[into] += "\n" + strings.TrimPrefix(l, "\t")
	}
	for key, value := range parts {
		put(f, key, mask(value))
	}
	d.message(message, parts["message"], r)
	return true
}

// prefix reads what log_line_prefix put before the level: the time, wherever it stands, then what looks like
// an address with a port or without, "user@database", "[pid]".
func (d *postgres) prefix(prefix string, r *timeline.Record) {
	f := r.Fields
	put(f, "pid", postgresPID(prefix))
	rest := prefix
	for at := 0; at < len(prefix) && at < 256; {
		if when, note, n := d.clock.Parse(prefix[at:]); n > 0 {
			logged(r, when, note)
			rest = prefix[:at] + " " + prefix[at+n:]
			break
		}
		if c := prefix[at : at+1]; c >= "0" && c <= "9" {
			if when, ok := logtime.Epoch(firstOf(prefix[at:], " ")); ok {
				logged(r, when, "")
				break
			}
		}
		next := strings.IndexAny(prefix[at:], " [")
		if next < 0 {
			break
		}
		at += next + 1
	}
	words := strings.Fields(rest)
	if len(words) == 1 && strings.Count(words[0], ":") > 1 {
		words = strings.Split(words[0], ":")
	}
	for _, w := range words {
		w = strings.Trim(w, ",;[]()")
		if key, value, ok := strings.Cut(w, "="); ok {
			// "user=alice,db=shop,app=psql,client=192.0.2.1"
			for _, kv := range strings.Split(key+"="+value, ",") {
				key, value, _ := strings.Cut(kv, "=")
				switch key {
				case "user":
					put(f, "account", value)
				case "db", "database":
					put(f, "database", value)
				case "client", "host", "remote":
					value, _, _ = strings.Cut(value, "(")
					put(f, "address", value)
				}
			}
			continue
		}
		if user, db, ok := strings.Cut(w, "@"); ok {
			if user != "[unknown]" && user != "unknown" {
				put(f, "account", user)
			}
			if db = strings.Trim(db, "[]"); db != "unknown" {
				put(f, "database", db)
			}
			continue
		}
		address, port, _ := strings.Cut(w, "(")
		if strings.Count(address, ".") == 3 && strings.Trim(address, "0123456789.") == "" || strings.Count(address, ":") > 1 && strings.Trim(address, "0123456789abcdefABCDEF:.") == "" {
			f["address"] = address
			put(f, "port", strings.TrimSuffix(port, ")"))
		}
	}
	if user := f["account"]; user == "[unknown]" || user == "[unknown" {
		delete(f, "account")
	}
}

// message reads what a message says; first is its first line.
func (d *postgres) message(first, whole string, r *timeline.Record) {
	f := r.Fields
	pid := f["pid"]
	statement := ""
	switch {
	case strings.HasPrefix(first, "statement: "):
		statement = whole[len("statement: "):]
	case strings.HasPrefix(first, "execute "):
		_, statement, _ = strings.Cut(whole, ": ")
	case strings.HasPrefix(first, "duration: "):
		ms, rest := word(first[len("duration: "):])
		if v, err := strconv.ParseFloat(ms, 64); err == nil {
			f["duration"] = strconv.FormatFloat(v/1000, 'f', -1, 64)
		}
		if strings.HasPrefix(rest, "ms") {
			_, statement, _ = strings.Cut(whole, ": ")
			_, statement, _ = strings.Cut(statement, ": ")
		}
	}
	if statement != "" {
		f["action"], f["statement"] = "query", mask(statement)
	} else {
		decoded("postgres", first, r)
	}
	if pid != "" {
		if f["action"] == "connection" && f["address"] != "" && len(d.peers) < maxPeers {
			d.peers[pid] = f["address"]
		} else if f["address"] == "" {
			put(f, "address", d.peers[pid])
		}
		if f["action"] == "disconnected" {
			delete(d.peers, pid)
		}
	}
	if command := copyProgram(f["statement"]); command != "" {
		f["command"] = command
	}
	who := f["account"]
	if f["database"] != "" {
		who += "@" + f["database"]
	}
	r.Summary = strings.TrimSpace(who + " " + strings.ToUpper(f["severity"]) + ": " + firstOf(f["message"], "\n"))
}

// copyProgram gives the program of "COPY t FROM PROGRAM 'id'".
func copyProgram(statement string) string {
	if len(statement) > 64<<10 {
		statement = statement[:64<<10]
	}
	upper := strings.ToUpper(statement)
	if len(upper) != len(statement) {
		return ""
	}
	for at := 0; ; {
		i := strings.Index(upper[at:], "PROGRAM")
		if i < 0 {
			return ""
		}
		at += i + len("PROGRAM")
		before := strings.TrimRight(upper[:at-len("PROGRAM")], " \t\n")
		rest := strings.TrimLeft(statement[at:], " \t\n")
		if !strings.HasSuffix(before, "FROM") && !strings.HasSuffix(before, "TO") || rest == "" {
			continue
		}
		switch rest[0] {
		case '\'':
			if n := literal(rest); n > 1 {
				return strings.ReplaceAll(rest[1:n-1], "''", "'")
			}
		case '$':
			// $$id$$, $x$id$x$
			if tag, body, ok := strings.Cut(rest[1:], "$"); ok {
				body, _, _ = strings.Cut(body, "$"+tag+"$")
				return body
			}
		}
	}
}

func (d *postgres) csvEntry(text string, r *timeline.Record) bool {
	f := r.Fields
	reader := csv.NewReader(strings.NewReader(text))
	reader.LazyQuotes, reader.FieldsPerRecord = true, -1
	row, err := reader.Read()
	if err != nil || len(row) < 14 {
		f["message"] = mask(text)
		return false
	}
	at := func(i int) string {
		if i < len(row) {
			return row[i]
		}
		return ""
	}
	if _, ok := stamped(d.clock, r, at(0)); !ok {
		f["message"] = mask(text)
		return false
	}
	put(f, "account", at(1))
	put(f, "database", at(2))
	put(f, "pid", at(3))
	if from := at(4); from != "" && from != "[local]" {
		f["address"], f["port"] = addressPort(from)
		if f["port"] == "" {
			delete(f, "port")
		}
	}
	put(f, "session", at(5))
	put(f, "severity", strings.ToLower(at(11)))
	put(f, "code", at(12))
	put(f, "message", mask(at(13)))
	put(f, "detail", mask(at(14)))
	put(f, "hint", at(15))
	put(f, "context", mask(at(18)))
	put(f, "statement", mask(at(19)))
	put(f, "application", at(22))
	d.message(firstOf(at(13), "\n"), at(13), r)
	return true
}

func (d *postgres) jsonEntry(text string, r *timeline.Record) bool {
	f := r.Fields
	var row struct {
		Timestamp       string      `json:"timestamp"`
		User            string      `json:"user"`
		DB              string      `json:"dbname"`
		PID             json.Number `json:"pid"`
		RemoteHost      string      `json:"remote_host"`
		RemotePort      json.Number `json:"remote_port"`
		SessionID       string      `json:"session_id"`
		Severity        string      `json:"error_severity"`
		State           string      `json:"state_code"`
		Message         string      `json:"message"`
		Detail          string      `json:"detail"`
		Hint            string      `json:"hint"`
		Context         string      `json:"context"`
		Statement       string      `json:"statement"`
		ApplicationName string      `json:"application_name"`
	}
	if json.Unmarshal([]byte(text), &row) != nil || row.Timestamp == "" {
		f["message"] = mask(text)
		return false
	}
	stamped(d.clock, r, row.Timestamp)
	put(f, "account", row.User)
	put(f, "database", row.DB)
	put(f, "pid", row.PID.String())
	if row.RemoteHost != "[local]" {
		put(f, "address", row.RemoteHost)
		put(f, "port", row.RemotePort.String())
	}
	put(f, "session", row.SessionID)
	put(f, "severity", strings.ToLower(row.Severity))
	put(f, "code", row.State)
	put(f, "message", mask(row.Message))
	put(f, "detail", mask(row.Detail))
	put(f, "hint", row.Hint)
	put(f, "context", mask(row.Context))
	put(f, "statement", mask(row.Statement))
	put(f, "application", row.ApplicationName)
	d.message(firstOf(row.Message, "\n"), row.Message, r)
	return true
}

// Redis yields a record for each line of Redis' log.
var Redis = timeline.Extractor{
	Name: "redis",
	Doc: `Lines of the log of Redis and Valkey: pid, role, severity, message; path of a module that was loaded, address of the client that asked for
replication.

Format: serverLog of https://github.com/redis/redis, src/server.c.`,
	Paths:   []string{"/var/log/redis/*", "/var/log/redis*.log*", "/var/log/valkey/*"},
	Named:   func(s *timeline.Source) []string { return settingsNamed(s, []string{"logfile"}) },
	NamedIn: []string{"/etc/redis/*.conf", "/etc/redis.conf", "/etc/valkey/*.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return entries(ctx, s, timeline.KindDatabase, &redis{clock: logtime.New(s.Zone)})
	},
}

type redis struct{ clock *logtime.Clock }

func (d *redis) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	if pid, _, ok := strings.Cut(line, ":"); ok && isNumber(pid) {
		return begins
	}
	if line[0] == '[' {
		return begins
	}
	return follows
}

func (d *redis) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	f["program"] = "redis"
	pid, rest, ok := strings.Cut(text, ":")
	if !ok || !isNumber(pid) || len(rest) < 2 {
		f["message"] = text
		return false
	}
	rest2, ok := stamped(d.clock, r, rest[2:])
	if !ok {
		f["message"] = text
		return false
	}
	f["pid"] = pid
	put(f, "role", map[byte]string{'M': "master", 'S': "replica", 'C': "child", 'X': "sentinel"}[rest[0]])
	sign, message := word(strings.TrimLeft(rest2, " "))
	put(f, "severity", map[string]string{".": "debug", "-": "verbose", "*": "notice", "#": "warning"}[sign])
	f["message"] = message
	first := firstOf(message, "\n")
	switch {
	case strings.HasPrefix(first, "Module '") && strings.Contains(first, "' loaded from "):
		f["action"] = "module-loaded"
		_, f["path"], _ = strings.Cut(first, "' loaded from ")
	case strings.Contains(first, "LICAOF ") && strings.Contains(first, " enabled"), strings.HasPrefix(first, "SLAVE OF ") && strings.Contains(first, " enabled"):
		f["action"] = "replication"
		for _, w := range strings.Fields(first) {
			if address, ok := strings.CutPrefix(strings.TrimLeft(w, "'("), "addr="); ok {
				f["address"], f["port"] = addressPort(address)
			} else if address, port := addressPort(w); port != "" && f["target"] == "" {
				f["target"] = address + ":" + port
			}
		}
	case strings.HasPrefix(first, "Ready to accept connections"), strings.HasPrefix(first, "The server is now ready to accept connections"):
		f["action"] = "service-started"
	case strings.Contains(first, "Redis is now ready to exit"):
		f["action"] = "service-stopped"
	case strings.HasPrefix(first, "Possible SECURITY ATTACK detected"):
		f["action"] = "cross-protocol"
		if v, ok := between(first, "Connection from ", " "); ok {
			f["address"], f["port"] = addressPort(v)
		}
	}
	return true
}

// MongoDB yields a record for each line of MongoDB's log.
var MongoDB = timeline.Extractor{
	Name: "mongodb",
	Doc: `Lines of the log of MongoDB: severity, component, message, address, account, database, statement of slow queries; action (connection,
disconnected, login-accepted, login-failed).

Formats: structured JSON since 4.4 (https://www.mongodb.com/docs/manual/reference/log-messages/) and the text before it.`,
	Paths:   []string{"/var/log/mongodb/*", "/var/log/mongo/*", "/var/log/mongod.log*"},
	Named:   func(s *timeline.Source) []string { return mongoNamed(s) },
	NamedIn: []string{"/etc/mongod.conf", "/etc/mongodb.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return entries(ctx, s, timeline.KindDatabase, &mongo{clock: logtime.New(s.Zone)})
	},
}

// mongoNamed reads systemLog.path.
func mongoNamed(s *timeline.Source) []string {
	var out []string
	for l, err := range timeline.Lines(context.Background(), s) {
		key, value, ok := strings.Cut(string(l.Text), ":")
		if !ok {
			key, value, ok = strings.Cut(string(l.Text), "=")
		}
		if key = strings.TrimSpace(key); err != nil || !ok || key != "path" && key != "logpath" {
			continue
		}
		if value = strings.Trim(strings.TrimSpace(value), `"'`); strings.HasPrefix(value, "/") {
			out = append(out, timeline.Rotated(value)...)
		}
	}
	return out
}

type mongo struct{ clock *logtime.Clock }

func (d *mongo) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	if line[0] == '{' || line[0] >= '0' && line[0] <= '9' {
		return begins
	}
	return follows
}

func (d *mongo) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	f["program"] = "mongod"
	if text[0] != '{' {
		rest, ok := stamped(d.clock, r, text)
		if !ok {
			f["message"] = mask(text)
			return false
		}
		level, rest := word(strings.TrimLeft(rest, " "))
		component, rest := word(rest)
		d.head(level, component, f)
		if thread, message, ok := bracketed(rest); ok {
			f["thread"], rest = thread, message
		}
		f["message"] = mask(rest)
		if who, ok := strings.CutPrefix(rest, "connection accepted from "); ok {
			f["action"] = "connection"
			f["address"], f["port"] = addressPort(firstOf(who, " "))
		}
		return true
	}
	var row struct {
		T struct {
			Date string `json:"$date"`
		} `json:"t"`
		S, C, Ctx, Msg string
		ID             json.Number
		Attr           map[string]any
	}
	if json.Unmarshal([]byte(text), &row) != nil || row.Msg == "" {
		f["message"] = mask(text)
		return false
	}
	stamped(d.clock, r, row.T.Date)
	d.head(row.S, row.C, f)
	put(f, "thread", row.Ctx)
	put(f, "code", row.ID.String())
	f["message"] = row.Msg
	attr := func(keys ...string) string {
		for _, k := range keys {
			if s, ok := row.Attr[k].(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	if peer := attr("remote", "client"); peer != "" {
		f["address"], f["port"] = addressPort(peer)
		if f["port"] == "" {
			delete(f, "port")
		}
	}
	put(f, "account", attr("principalName", "user"))
	put(f, "database", attr("authenticationDatabase", "db"))
	put(f, "method", attr("mechanism"))
	put(f, "reason", mask(attr("error", "result")))
	switch row.Msg {
	case "Connection accepted":
		f["action"] = "connection"
	case "Connection ended":
		f["action"] = "disconnected"
	case "Authentication failed":
		f["action"], f["outcome"], r.Kind = "login-failed", "failure", timeline.KindAuth
	case "Authentication succeeded", "Successfully authenticated":
		f["action"], f["outcome"], r.Kind = "login-accepted", "success", timeline.KindAuth
	case "Waiting for connections":
		f["action"] = "service-started"
	case "Slow query":
		f["action"] = "slow-query"
		put(f, "database", attr("ns"))
		if b, err := json.Marshal(row.Attr["command"]); err == nil && len(b) < 64<<10 {
			f["statement"] = mask(string(b))
		}
	}
	r.Summary = row.Msg
	if f["address"] != "" {
		r.Summary += " (" + f["address"] + ")"
	}
	return true
}

func (d *mongo) head(level, component string, f map[string]string) {
	if level != "" {
		put(f, "severity", map[byte]string{'F': "fatal", 'E': "error", 'W': "warning", 'I': "info", 'D': "debug"}[level[0]])
	}
	put(f, "module", component)
}
