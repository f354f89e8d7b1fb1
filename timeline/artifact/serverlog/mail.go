package serverlog

import (
	"context"
	"iter"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Mail yields a record for each entry of the logs that mail servers keep themselves.
var Mail = timeline.Extractor{
	Name: "mail",
	Doc: `Messages of the mail servers that keep logs of their own: action (mail-queued, mail-sent, mail-bounced, mail-deferred, mail-rejected, ...),
queue_id, sender, recipient, address, remote_host, message_id, account, reason; logins as in auth-log (login-accepted, login-failed). What
mail servers tell syslog or the journal stands with those.

Formats: Exim's mainlog, rejectlog and paniclog (https://www.exim.org/exim-html-current/doc/html/spec_html/ch-log_files.html), Dovecot's
log_path and info_log_path (https://doc.dovecot.org/2.3/admin_manual/logging/).`,
	Paths: []string{
		"/var/log/exim4/mainlog*", "/var/log/exim4/rejectlog*", "/var/log/exim4/paniclog*", "/var/log/exim/main*", "/var/log/exim/reject*", "/var/log/exim/panic*", "/var/log/exim_mainlog*", "/var/log/exim_rejectlog*", "/var/log/exim_paniclog*",
		"/var/spool/exim/log/*log*", "/var/log/dovecot*", "/var/log/dovecot/*",
	},
	Named: func(s *timeline.Source) []string {
		return settingsNamed(s, []string{"log_path", "info_log_path", "debug_log_path"})
	},
	NamedIn: []string{"/etc/dovecot/dovecot.conf", "/etc/dovecot/local.conf", "/etc/dovecot/conf.d/*.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return entries(ctx, s, timeline.KindMail, &mail{ctx: ctx, src: s, clock: logtime.New(s.Zone)})
	},
}

type mail struct {
	ctx   context.Context
	src   *timeline.Source
	clock *logtime.Clock
	years *yearless
}

func (d *mail) place(line string, open bool) place {
	if line == "" || strings.HasPrefix(line, "-------") {
		return nothing
	}
	if _, _, n := d.clock.Parse(line); n > 0 {
		return begins
	}
	if _, _, ok := monthTime(line); ok {
		return begins
	}
	// The headers of a rejected message follow its line in rejectlog.
	return follows
}

func (d *mail) decode(text string, r *timeline.Record) bool {
	f := r.Fields
	head, rest := firstOf(text, "\n"), ""
	said, ok := stamped(d.clock, r, head)
	if !ok {
		if d.years == nil {
			d.years = newYearless(d.ctx, d.src, d.clock)
		}
		if said, ok = d.years.stamped(r, head); !ok {
			f["message"] = text
			return false
		}
	}
	said = strings.TrimLeft(said, " ")
	if len(head) < len(text) {
		rest = text[len(head):]
	}
	program := "exim"
	if p := d.src.Path; strings.Contains(p, "dovecot") || strings.Contains(said, "-login: ") {
		program = "dovecot"
	}
	// Dovecot with a log of its own may still name the host: "Jan 15 08:00:00 mail dovecot: imap-login: ...".
	if host, after := word(said); program == "dovecot" && strings.HasPrefix(after, "dovecot: ") {
		put(f, "host", host)
		said = after[len("dovecot: "):]
	}
	f["program"], f["message"] = program, said+rest
	r.Summary = program + ": " + said
	return decoded(program, said, r)
}
