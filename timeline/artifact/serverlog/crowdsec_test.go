package serverlog

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/internal/logmsg"
	"deadbox/timeline"
)

const shared = "../../../../shared/data"

var assertion = regexp.MustCompile(`^results\["s01-parse"\]\["([^"]+)"\]\[(\d+)\]\.(Success|Evt\.Parsed\["(\w+)"\]) == (.*)$`)

// parsed reads what another parser makes of the lines of a set: by its name and the number of the line.
func parsed(t *testing.T, name string) map[string]map[int]map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]map[int]map[string]string{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		m := assertion.FindStringSubmatch(sc.Text())
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		if out[m[1]] == nil {
			out[m[1]] = map[int]map[string]string{}
		}
		if out[m[1]][n] == nil {
			out[m[1]][n] = map[string]string{}
		}
		key := m[4]
		if key == "" {
			key = m[3]
		}
		value, err := strconv.Unquote(m[5])
		if err != nil {
			value = m[5]
		}
		out[m[1]][n][key] = value
	}
	return out
}

// parsers are those of https://github.com/crowdsecurity/hub that we compare with: who reads the
// same lines here, and under which names it gives the same.
var parsers = map[string]struct {
	e      *timeline.Extractor // nil: by the messages alone, as they stand in syslog
	fields map[string]string
}{
	"crowdsecurity/nginx-logs":            {&WebErrors, map[string]string{"remote_addr": "address", "pid": "pid", "tid": "tid", "cid": "connection", "loglevel": "severity", "request": "url", "verb": "method", "http_version": "protocol"}},
	"crowdsecurity/apache2-logs":          {&WebErrors, map[string]string{"client": "address", "clientport": "port", "module": "module", "loglevel": "severity", "pid": "pid", "tid": "tid", "errorcode": "code", "username": "account", "target_uri": "url"}},
	"crowdsecurity/modsecurity":           {&WebErrors, map[string]string{"sourcehost": "address", "source_port": "port", "remote_addr": "address", "ruleid": "rule", "rulemessage": "reason", "ruledata": "data", "uniqueid": "id", "pid": "pid", "tid": "tid", "cid": "connection", "loglevel": "severity", "verb": "method", "request": "url"}},
	"hitech95/nginx-mail-logs":            {&WebErrors, map[string]string{"remote_addr": "address", "remote_port": "port", "pid": "pid", "tid": "tid", "cid": "connection", "loglevel": "severity", "username": "account", "auth_result": "reason", "dest_ip": "dst_address", "dest_port": "dst_port"}},
	"corvese/apache-guacamole-logs":       {&WebErrors, map[string]string{"source_ip": "address", "username": "account"}},
	"crowdsecurity/mariadb-logs":          {&MySQL, map[string]string{"source_ip": "address", "user": "account", "using_password": "reason", "thread_id": "session"}},
	"crowdsecurity/mysql-logs":            {&MySQL, map[string]string{"source_ip": "address", "user": "account", "using_password": "reason", "err_code": "code", "subsystem": "module"}},
	"crowdsecurity/pgsql-logs":            {&PostgreSQL, map[string]string{"source_ip": "address", "source_port": "port", "pgsql_user": "account", "pgsql_target_user": "account", "pgsql_dbname": "database", "auth_method": "method", "pid": "pid", "PID": "pid"}},
	"crowdsecurity/supabase-docker-pgsql": {&PostgreSQL, map[string]string{"source_ip": "address", "pgsql_user": "account", "pgsql_target_user": "account", "pgsql_dbname": "database", "auth_method": "method", "PID": "pid"}},
	"vsftpd-logs":                         {&Transfers, map[string]string{"source_ip": "address", "user": "account"}},
	"proftpd-logs":                        {&Transfers, map[string]string{"source_ip": "address", "username": "account"}},
	"crowdsecurity/postfix-logs":          {nil, map[string]string{"remote_addr": "address", "remote_host": "remote_host", "command": "command", "reason": "reason", "smtp_basic_status_code": "status", "smtp_enhanced_status_code": "dsn", "helo": "helo", "message_failure": "reason", "action": "action"}},
	"crowdsecurity/dovecot-logs":          {nil, map[string]string{"dovecot_remote_ip": "address", "dovecot_user": "account", "dovecot_local_ip": "dst_address", "dovecot_user_backend": "backend", "protocol": "protocol", "dovecot_login_message": "reason"}},
	"fulljackz/pureftpd-logs":             {nil, map[string]string{"client_ip": "address", "user": "account"}},
}

func TestCrowdsec(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared, "attacks/crowdsec/*/parser.assert"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared attack samples are not here")
	}
	compared := map[string]int{}
	for _, name := range files {
		var lines []string
		logs, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*.log"))
		for _, l := range logs {
			b, err := os.ReadFile(l)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, strings.Split(string(b), "\n")...)
		}
		set := filepath.Base(filepath.Dir(name))
		for parser, all := range parsed(t, name) {
			p, ok := parsers[parser]
			if !ok {
				continue
			}
			for n, values := range all {
				message := values["message"]
				if values["Success"] != "true" || message == "" || (parser == "crowdsecurity/nginx-logs" || parser == "crowdsecurity/apache2-logs") && values["loglevel"] == "" {
					continue
				}
				var got map[string]string
				if p.e == nil {
					got = map[string]string{}
					action, _ := logmsg.Decode(values["program"], message, got)
					got["action"] = action
					if kind := logmsg.Kind(values["program"], action); kind == "" {
						t.Errorf("%s, line %d: no kind of %s", set, n, values["program"])
					}
				} else {
					// The message may be no more than a part of the line.
					line := message
					if i := slices.IndexFunc(lines, func(l string) bool {
						return strings.Contains(l, message) && (values["cid"] == "" || strings.Contains(l, "*"+values["cid"]+" ")) && strings.Contains(l, values["request"])
					}); i >= 0 && !strings.Contains(lines[i], " mysql[") {
						line = lines[i]
					}
					recs := records(t, p.e, "/var/log/x", line)
					if len(recs) != 1 {
						t.Errorf("%s, line %d: %d records", set, n, len(recs))
						continue
					}
					got = recs[0].Fields
				}
				for key, field := range p.fields {
					w, ok := values[key]
					if !ok {
						continue
					}
					g := got[field]
					switch {
					case w == "-":
						w = ""
					case field == "protocol":
						g = strings.TrimPrefix(g, "HTTP/")
					case key == "using_password":
						g = strings.TrimPrefix(g, "using password: ")
					case key == "action" && w == "reject":
						w = "mail-rejected"
					case field == "reason":
						w = strings.TrimSpace(w)
					case key == "remote_host" && w == "unknown":
						w = "" // it says that the name is not known
					}
					// "Info: " is the message's level, and no part of the reason.
					if key == "dovecot_login_message" {
						w = strings.TrimPrefix(w, "Info: ")
						if w == "Login" {
							w = ""
						}
					}
					if explained(parser, key, w, g, message) {
						continue
					}
					if g != w {
						t.Errorf("%s, %s, line %d, %s: %q, want %q in %q", set, parser, n, key, g, w, message)
					}
					compared[parser]++
				}
			}
		}
	}
	for parser := range parsers {
		if compared[parser] == 0 {
			t.Errorf("nothing compared with %s", parser)
		}
	}
	t.Log(compared)
}

// explained are the differences that are meant.
func explained(parser, key, want, got, message string) bool {
	switch {
	case parser == "crowdsecurity/nginx-logs" && key == "request":
		// A client of a proxy sends the whole URL; the other parser leaves the scheme out.
		return got == "https:"+want
	case parser == "crowdsecurity/postfix-logs" && key == "helo":
		// The other parser takes the recipient for it where that was refused.
		return got != "" && strings.Contains(message, "helo=<"+got+">") && !strings.Contains(message, "helo=<"+want+">")
	}
	return false
}
