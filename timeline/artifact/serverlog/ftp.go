package serverlog

import (
	"context"
	"iter"
	"strings"

	"deadbox/internal/logmsg"
	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Transfers yields a record for each line of the logs of FTP servers.
var Transfers = timeline.Extractor{
	Name: "ftp",
	Doc: `Files that went over FTP and what the servers log besides: action (uploaded, downloaded, deleted, renamed, connection, ...), account,
address, path, target, bytes, outcome; logins as in auth-log (login-accepted, login-failed).

Formats: vsftpd's own log (logging.c of vsftpd), xferlog (https://manpages.debian.org/xferlog.5), ProFTPD's system log
(http://www.proftpd.org/docs/howto/Logging.html), Pure-FTPd's alternative logs clf and stats, and its lines in syslog
(https://download.pureftpd.org/pub/pure-ftpd/doc/README).`,
	Paths: []string{
		"/var/log/vsftpd*", "/var/log/xferlog*", "/var/log/proftpd/*", "/var/log/proftpd.log*", "/var/log/proftpd_*", "/var/log/pure-ftpd/*", "/var/log/pureftpd*", "/var/log/ftp.log*",
		"/usr/local/apache/domlogs/ftpxferlog*", "/usr/local/apache/domlogs/*-ftp_log*", "/var/log/apache2/domlogs/*-ftp_log*", "/var/log/plesk/xferlog*",
	},
	Named: func(s *timeline.Source) []string {
		return settingsNamed(s, []string{"xferlog_file", "vsftpd_log_file", "transferlog", "systemlog", "extendedlog", "altlog"})
	},
	NamedIn: []string{"/etc/vsftpd.conf", "/etc/vsftpd/*.conf", "/etc/proftpd.conf", "/etc/proftpd/*.conf", "/etc/proftpd/conf.d/*.conf", "/etc/pure-ftpd/pure-ftpd.conf", "/etc/pure-ftpd/conf/AltLog"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		clock := logtime.New(s.Zone)
		return entries(ctx, s, timeline.KindTransfer, &transfers{ctx: ctx, src: s, clock: clock})
	},
}

type transfers struct {
	ctx   context.Context
	src   *timeline.Source
	clock *logtime.Clock
	years *yearless
}

func (d *transfers) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	return begins
}

func (d *transfers) decode(text string, r *timeline.Record) bool {
	rest, ok := stamped(d.clock, r, text)
	switch {
	case ok && strings.HasPrefix(rest, " [pid "):
		return d.said("vsftpd", rest[1:], r)
	case ok && text[0] >= 'A':
		return d.xfer(strings.TrimLeft(rest, " "), r)
	case ok:
		// "2021-05-28 18:08:01,124 host proftpd[123] host (...): text"
		return d.named(strings.TrimLeft(rest, " "), r)
	}
	if i := strings.IndexByte(text, '['); i > 0 && strings.Contains(text, "] \"") {
		return d.clf(text, i, r)
	}
	if d.years == nil {
		if _, _, ok := monthTime(text); ok {
			d.years = newYearless(d.ctx, d.src, d.clock)
		}
	}
	if d.years != nil {
		if rest, ok := d.years.stamped(r, text); ok {
			return d.named(rest, r)
		}
	}
	return d.stats(text, r)
}

// named reads "host program[123]: text", with the colon or without.
func (d *transfers) named(rest string, r *timeline.Record) bool {
	host, rest := word(rest)
	program, text := word(rest)
	program = strings.TrimSuffix(program, ":")
	name, pid, ok := strings.Cut(program, "[")
	put(r.Fields, "host", host)
	if ok {
		put(r.Fields, "pid", strings.TrimSuffix(pid, "]"))
	}
	return d.said(name, text, r)
}

// said decodes what a program said.
func (d *transfers) said(program, text string, r *timeline.Record) bool {
	r.Fields["program"], r.Fields["message"] = program, text
	r.Summary = program + ": " + text
	return decoded(program, text, r)
}

// decoded has a message read by the package that knows the programs.
func decoded(program, text string, r *timeline.Record) bool {
	action, auth := logmsg.Decode(program, text, r.Fields)
	if action != "" {
		r.Fields["action"] = action
		if auth {
			r.Kind = timeline.KindAuth
			r.Fields["outcome"] = "success"
			if action != "login-accepted" {
				r.Fields["outcome"] = "failure"
			}
		}
	}
	return true
}

// xfer reads "5 192.0.2.1 1234 /path b _ i r alice ftp 0 * c": the name is
// whatever stands between what has a fixed number of words.
func (d *transfers) xfer(rest string, r *timeline.Record) bool {
	words := strings.Split(rest, " ")
	n := len(words)
	if n < 13 {
		r.Fields["message"] = rest
		return false
	}
	f := r.Fields
	tail := words[n-9:]
	if !isNumber(words[0]) || !isNumber(words[2]) || len(tail[2]) != 1 {
		r.Fields["message"] = rest
		return false
	}
	f["program"], f["protocol"] = "xferlog", tail[5]
	f["duration"] = words[0]
	f["address"], _ = addressPort(words[1])
	f["bytes"] = words[2]
	f["path"] = strings.Join(words[3:n-9], " ")
	f["account"] = tail[4]
	f["access"] = map[string]string{"a": "anonymous", "g": "guest", "r": "real"}[tail[3]]
	put(f, "action", map[string]string{"i": "uploaded", "o": "downloaded", "d": "deleted"}[tail[2]])
	f["outcome"] = "success"
	if tail[8] == "i" {
		f["outcome"] = "failure" // the transfer is incomplete
	}
	r.Summary = f["address"] + " (" + f["account"] + ") " + f["action"] + " " + f["path"]
	return true
}

// clf reads `192.0.2.1 - alice [01/Jan/2024:10:00:00 -0000] "PUT /home/alice/x" 200 1234`.
func (d *transfers) clf(text string, open int, r *timeline.Record) bool {
	rest, ok := stamped(d.clock, r, text[open+1:])
	who := strings.Fields(text[:open])
	what, result, ok2 := strings.Cut(strings.TrimPrefix(rest, `] "`), `" `)
	if !ok || !ok2 || len(who) < 3 {
		return false
	}
	f := r.Fields
	f["address"], _ = addressPort(who[0])
	put(f, "account", strings.Join(who[2:], " "))
	verb, path := word(what)
	f["path"] = path
	put(f, "action", map[string]string{"PUT": "uploaded", "GET": "downloaded"}[verb])
	f["status"], f["bytes"] = word(result)
	r.Summary = f["address"] + " (" + f["account"] + ") " + what
	return true
}

// stats reads "1700000000 3f2a.4 alice 192.0.2.1 U 1234 5 /home/alice/x".
func (d *transfers) stats(text string, r *timeline.Record) bool {
	words := strings.SplitN(text, " ", 8)
	if len(words) < 8 || len(words[4]) != 1 || !isNumber(words[5]) {
		return false
	}
	when, ok := logtime.Epoch(words[0])
	if !ok {
		return false
	}
	logged(r, when, "")
	f := r.Fields
	f["session"], f["account"], f["bytes"], f["duration"], f["path"] = words[1], words[2], words[5], words[6], words[7]
	f["address"], _ = addressPort(words[3])
	put(f, "action", map[string]string{"U": "uploaded", "D": "downloaded"}[words[4]])
	r.Summary = f["address"] + " (" + f["account"] + ") " + f["action"] + " " + f["path"]
	return true
}

// settingsNamed gives the patterns of the logs that a configuration of "key value" or
// "key = value" names.
func settingsNamed(s *timeline.Source, keys []string) []string {
	var out []string
	for l, err := range timeline.Lines(context.Background(), s) {
		if err != nil {
			continue
		}
		line := strings.TrimSpace(string(l.Text))
		if strings.HasSuffix(s.Path, "/AltLog") {
			line = "altlog " + line
		}
		i := strings.IndexAny(line, " \t=")
		if i <= 0 || line[0] == '#' || line[0] == ';' {
			continue
		}
		key := strings.ToLower(line[:i])
		for _, k := range keys {
			if key != k {
				continue
			}
			for _, w := range strings.FieldsFunc(line[i:], func(c rune) bool {
				return c == ' ' || c == '\t' || c == '=' || c == ',' || c == '"' || c == '\'' || c == ';'
			}) {
				// "clf:/var/log/x", "daemon:/var/log/squid/access.log", "stdio:..."
				if _, path, ok := strings.Cut(w, ":/"); ok {
					w = "/" + path
				}
				if strings.HasPrefix(w, "/") {
					out = append(out, timeline.Rotated(w)...)
				}
			}
		}
	}
	return out
}
