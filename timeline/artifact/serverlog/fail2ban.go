package serverlog

import (
	"context"
	"iter"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// Bans yields a record for each line of fail2ban's log and of firewalld's.
var Bans = timeline.Extractor{
	Name: "fail2ban",
	Doc: `What fail2ban found, banned and unbanned: action (found, banned, unbanned, ban-restored, jail-started, ...), address, jail, severity;
firewalld's messages.

Formats: fail2ban.log (https://github.com/fail2ban/fail2ban, fail2ban/server), /var/log/firewalld.`,
	Paths:   []string{"/var/log/fail2ban*", "/var/log/firewalld*"},
	Named:   func(s *timeline.Source) []string { return settingsNamed(s, []string{"logtarget"}) },
	NamedIn: []string{"/etc/fail2ban/fail2ban.conf", "/etc/fail2ban/fail2ban.local", "/etc/fail2ban/fail2ban.d/*.conf"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return entries(ctx, s, timeline.KindFirewall, &bans{clock: logtime.New(s.Zone)})
	},
}

type bans struct{ clock *logtime.Clock }

func (d *bans) place(line string, open bool) place {
	if line == "" {
		return nothing
	}
	if _, _, n := d.clock.Parse(line); n > 0 {
		return begins
	}
	return follows
}

func (d *bans) decode(text string, r *timeline.Record) bool {
	head := firstOf(text, "\n")
	rest, ok := stamped(d.clock, r, head)
	if !ok {
		return false
	}
	f := r.Fields
	said := strings.TrimSpace(rest)
	f["message"] = said + text[len(head):]
	if !strings.HasPrefix(said, "fail2ban") {
		f["program"] = "firewalld"
		if level, _, ok := strings.Cut(said, ": "); ok && level == strings.ToUpper(level) && !strings.Contains(level, " ") {
			f["severity"] = strings.ToLower(level)
		}
		return true
	}
	f["program"] = "fail2ban"
	return decoded("fail2ban", said, r)
}
