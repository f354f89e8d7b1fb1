// Package settings reads the lines of configuration by which a server starts
// programs, lets people in, looks up names, keeps logs, serves sites, mail,
// files and databases.
package settings

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"

	"deadbox/timeline"
)

// Extractor yields a record for each line of configuration that means
// something: comments, blank lines and headings of sections are left out.
var Extractor = timeline.Extractor{
	Name: "settings",
	Doc: `Lines of configuration: area (autostart, authentication, shell, network, logging, web, database, mail, ftp, proxy, bans, package, repository, defaults, kernel,
scheduler), text, section where the file has some, and key and value where the line is a simple one. A line that ends with a backslash is told together with
those that it goes on in. Passwords and keys are masked.

Formats: systemd.syntax(7); sudoers(5); pam.conf(5); sshd_config(5); ssh_config(5); ld.so(8); udev(7); apt.conf(5); modprobe.d(5); hosts(5); rsyslog.conf(5);
auditd.conf(5); audit.rules(7); aliases(5); logrotate(8); githooks(5); environment(5); POSIX.1-2017, Shell Command Language;
https://www.php.net/manual/en/configuration.file.per-user.php; https://httpd.apache.org/docs/2.4/configuring.html; https://nginx.org/en/docs/beginners_guide.html;
https://mariadb.com/kb/en/configuring-mariadb-with-option-files/; https://www.postgresql.org/docs/current/config-setting.html, auth-pg-hba-conf.html;
https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/; postconf(5); master(5); https://doc.dovecot.org/; vsftpd.conf(5); proftpd(8);
https://www.squid-cache.org/Doc/config/; jail.conf(5); sources.list(5); interfaces(5); login.defs(5); https://specifications.freedesktop.org/desktop-entry-spec/; https://docs.python.org/3/library/site.html.`,
	Paths: paths(),
	Run:   run,
}

// form is how the lines of a file look.
type form uint8

const (
	plain form = iota // a line is a line
	shell             // a script of the shell
	ini               // [section], key=value, comments with # or ;
	words             // a keyword, then its value
	slash             // comments with // as well
)

// class is a set of files that are written alike.
type class struct {
	area     string
	form     form
	patterns []string
}

var unitDirs = []string{
	"/etc/systemd/system", "/etc/systemd/user", "/run/systemd/system", "/run/systemd/user", "/usr/lib/systemd/system", "/usr/lib/systemd/user", "/lib/systemd/system",
	"/usr/local/lib/systemd/system", "~/.config/systemd/user",
}

func unitPatterns() []string {
	var out []string
	for _, d := range unitDirs {
		for _, t := range [...]string{"service", "timer", "socket", "path"} {
			out = append(out, d+"/*."+t)
		}
		out = append(out, d+"/*.d/*.conf")
	}
	return out
}

func inTrees(name string) []string {
	var out []string
	for _, t := range [...]string{"/var/www", "/srv", "/opt", "/usr/share/nginx/html", "/home/*"} {
		out = append(out, t+"/**/"+name)
	}
	return out
}

var classes = []class{
	{"autostart", ini, unitPatterns()},
	{"autostart", ini, []string{"/etc/xdg/autostart/*.desktop", "~/.config/autostart/*.desktop"}},
	{"autostart", ini, []string{"/etc/environment.d/*.conf", "~/.config/environment.d/*.conf"}},
	{"autostart", shell, []string{
		"/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/*", "/etc/local.d/*", "/etc/update-motd.d/*", "/etc/NetworkManager/dispatcher.d/*",
		"/etc/NetworkManager/dispatcher.d/*.d/*", "/etc/networkd-dispatcher/*/*", "/etc/network/if-up.d/*", "/etc/network/if-pre-up.d/*", "/etc/network/if-down.d/*",
		"/etc/network/if-post-down.d/*", "/etc/dhcp/dhclient-enter-hooks.d/*", "/etc/dhcp/dhclient-exit-hooks.d/*", "/etc/ppp/ip-up.d/*", "/etc/ppp/ip-down.d/*",
		"/etc/systemd/system-generators/*", "/etc/systemd/user-generators/*", "/run/systemd/system-generators/*", "/usr/local/lib/systemd/system-generators/*",
		"/usr/lib/systemd/system-generators/*", "/usr/lib/systemd/system-environment-generators/*", "/etc/acpi/*.sh", "/usr/lib/systemd/system-sleep/*", "/etc/ssh/sshrc", "~/.ssh/rc",
	}},
	{"autostart", shell, inTrees(".git/hooks/[^.]*")},
	{"autostart", plain, []string{"/etc/inittab", "/etc/ld.so.preload", "/etc/aliases", "/etc/mail/aliases"}},
	{"autostart", plain, []string{
		"/usr/lib/python3/dist-packages/*.pth", "/usr/lib/python3*/site-packages/*.pth", "/usr/lib64/python3*/site-packages/*.pth", "/usr/local/lib/python3*/dist-packages/*.pth",
		"/usr/local/lib/python3*/site-packages/*.pth", "~/.local/lib/python3*/site-packages/*.pth", "/usr/lib/python2*/dist-packages/*.pth",
	}},
	{"autostart", words, []string{"/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf"}},
	{"shell", shell, []string{
		"/etc/profile", "/etc/profile.d/*", "/etc/bash.bashrc", "/etc/bashrc", "/etc/bash.bash_logout", "/etc/zsh/z*", "/etc/zshrc", "/etc/zshenv", "/etc/csh.cshrc", "/etc/csh.login", "/etc/environment",
		"~/.bashrc", "~/.bash_profile", "~/.bash_login", "~/.bash_logout", "~/.bash_aliases", "~/.profile", "~/.zshrc", "~/.zshenv", "~/.zprofile", "~/.zlogin", "~/.kshrc", "~/.cshrc",
		"~/.tcshrc", "~/.login", "~/.xprofile", "~/.xsession", "~/.xinitrc", "~/.pam_environment", "~/.ssh/environment", "~/.config/fish/config.fish",
	}},
	{"authentication", words, []string{
		"/etc/sudoers", "/etc/sudoers.d/*", "/etc/doas.conf", "/etc/pam.conf", "/etc/pam.d/*", "/usr/lib/pam.d/*", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*", "/etc/ssh/ssh_config",
		"/etc/ssh/ssh_config.d/*", "~/.ssh/config", "/etc/security/*.conf", "/etc/nsswitch.conf", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/hosts.equiv", "/etc/login.defs", "/etc/at.allow", "/etc/at.deny", "/etc/securetty", "~/.rhosts", "~/.shosts",
	}},
	{"authentication", slash, []string{"/etc/polkit-1/rules.d/*", "/usr/share/polkit-1/rules.d/*", "/run/polkit-1/rules.d/*", "/usr/local/share/polkit-1/rules.d/*"}},
	{"kernel", plain, []string{"/etc/udev/rules.d/*", "/usr/lib/udev/rules.d/*", "/lib/udev/rules.d/*", "/run/udev/rules.d/*"}},
	{"kernel", words, []string{"/etc/modules", "/etc/modules-load.d/*", "/usr/lib/modules-load.d/*", "/run/modules-load.d/*", "/etc/modprobe.d/*", "/usr/lib/modprobe.d/*", "/run/modprobe.d/*"}},
	{"kernel", ini, []string{"/etc/sysctl.conf", "/etc/sysctl.d/*.conf"}},
	{"package", slash, []string{"/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*"}},
	{"package", ini, []string{"/etc/yum/pluginconf.d/*", "/etc/dnf/plugins/*.conf", "/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/dpkg/dpkg.cfg.d/*"}},
	{"package", shell, []string{"/etc/kernel/postinst.d/*", "/etc/kernel/postrm.d/*", "/etc/initramfs-tools/hooks/*", "/etc/initramfs-tools/scripts/*/*"}},
	{"network", words, []string{
		"/etc/hosts", "/etc/resolv.conf", "/etc/network/interfaces", "/etc/network/interfaces.d/*", "/etc/host.conf", "/etc/hostname",
	}},
	{"network", ini, []string{
		"/etc/systemd/network/*", "/etc/systemd/resolved.conf", "/etc/systemd/resolved.conf.d/*.conf", "/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d/*",
		"/etc/NetworkManager/system-connections/*", "/etc/sysconfig/network", "/etc/sysconfig/network-scripts/ifcfg-*", "/etc/wireguard/*.conf",
	}},
	{"network", plain, []string{"/etc/netplan/*.yaml"}},
	{"database", ini, []string{"/etc/my.cnf", "/etc/my.cnf.d/*.cnf", "/etc/mysql/*.cnf", "/etc/mysql/*/*.cnf"}},
	{"database", ini, []string{
		"/etc/postgresql/*/*/*.conf", "/etc/postgresql/*/*/conf.d/*.conf", "/etc/postgresql/*/*/environment", "/var/lib/pgsql/data/*.conf", "/var/lib/pgsql/*/data/*.conf",
		"/var/lib/postgresql/*/*/postgresql.auto.conf", "/var/lib/postgres/data/*.conf",
	}},
	{"database", words, []string{"/etc/redis/*.conf", "/etc/redis.conf", "/etc/valkey/*.conf", "/etc/memcached.conf"}},
	{"database", plain, []string{"/etc/mongod.conf", "/etc/mongodb.conf"}},
	{"mail", ini, []string{"/etc/postfix/main.cf", "/etc/postfix-*/main.cf"}},
	{"mail", words, []string{"/etc/postfix/master.cf", "/etc/postfix-*/master.cf"}},
	{"mail", ini, []string{"/etc/dovecot/*.conf", "/etc/dovecot/conf.d/*", "/etc/dovecot/*.conf.ext", "/etc/exim4/update-exim4.conf.conf"}},
	{"mail", plain, []string{"/etc/exim4/exim4.conf*", "/etc/exim4/conf.d/*/*", "/etc/exim/exim.conf", "/etc/mail/sendmail.mc", "/etc/mail/access", "/etc/mailname"}},
	{"ftp", ini, []string{"/etc/vsftpd.conf", "/etc/vsftpd/*.conf"}},
	{"ftp", words, []string{"/etc/proftpd.conf", "/etc/proftpd/*.conf", "/etc/proftpd/conf.d/*", "/etc/pure-ftpd/conf/*", "/etc/pure-ftpd/*.conf", "/etc/ftpusers", "/etc/vsftpd/ftpusers", "/etc/vsftpd/user_list"}},
	{"proxy", words, []string{"/etc/squid/squid.conf", "/etc/squid/conf.d/*.conf", "/etc/squid3/squid.conf", "/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*.cfg", "/etc/tinyproxy/tinyproxy.conf"}},
	{"bans", ini, []string{"/etc/fail2ban/fail2ban.conf", "/etc/fail2ban/fail2ban.local", "/etc/fail2ban/fail2ban.d/*", "/etc/fail2ban/jail.conf", "/etc/fail2ban/jail.local", "/etc/fail2ban/jail.d/*"}},
	{"repository", words, []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/preferences", "/etc/apt/preferences.d/*", "/etc/apk/repositories"}},
	{"repository", ini, []string{"/etc/yum.repos.d/*.repo", "/etc/zypp/repos.d/*.repo", "/etc/pacman.conf"}},
	{"defaults", shell, []string{"/etc/default/*", "/etc/sysconfig/[^.in]*", "/etc/conf.d/[^.]*", "/etc/apache2/envvars"}},
	{"logging", words, []string{"/etc/rsyslog.conf", "/etc/rsyslog.d/*", "/etc/syslog.conf", "/etc/audit/audit.rules", "/etc/audit/rules.d/*"}},
	{"logging", ini, []string{"/etc/audit/auditd.conf", "/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/*.conf"}},
	{"logging", shell, []string{"/etc/logrotate.conf", "/etc/logrotate.d/*"}},
	{"web", words, append(inTrees(".htaccess"),
		"/etc/apache2/apache2.conf", "/etc/apache2/conf-enabled/*", "/etc/apache2/sites-available/*", "/etc/apache2/sites-enabled/*", "/etc/apache2/conf-available/*", "/etc/apache2/mods-enabled/*.conf",
		"/etc/apache2/mods-enabled/*.load", "/etc/apache2/ports.conf", "/etc/httpd/conf.modules.d/*.conf", "/etc/nginx/modules-enabled/*", "/etc/caddy/Caddyfile",
		"/etc/httpd/conf/*.conf", "/etc/httpd/conf.d/*.conf", "/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*", "/etc/nginx/sites-available/*", "/etc/nginx/sites-enabled/*", "/etc/nginx/snippets/*",
		"/etc/nginx/default.d/*", "/etc/nginx/vhosts.d/*", "/etc/lighttpd/*.conf", "/etc/lighttpd/conf-enabled/*")},
	{"web", ini, append(inTrees(".user.ini"),
		"/etc/php.ini", "/etc/php.d/*.ini", "/etc/php/*/*/php.ini", "/etc/php/*/*/conf.d/*.ini", "/etc/php/*/mods-available/*.ini", "/etc/php/*/fpm/php-fpm.conf", "/etc/php/*/fpm/pool.d/*.conf", "/etc/php-fpm.conf", "/etc/php-fpm.d/*.conf", "/usr/local/etc/php/conf.d/*.ini")},
	{"scheduler", shell, []string{"/etc/cron.hourly/[^.]*", "/etc/cron.daily/[^.]*", "/etc/cron.weekly/[^.]*", "/etc/cron.monthly/[^.]*"}},
}

// paths are the patterns of all classes. Those of homes are looked for in the
// usual places too, as an account may be gone and its home not.
func paths() []string {
	var out []string
	for i := range classes {
		for _, p := range classes[i].patterns {
			out = append(out, p)
			if rest, ok := strings.CutPrefix(p, "~/"); ok {
				out = append(out, "/root/"+rest, "/home/*/"+rest)
			}
		}
	}
	return out
}

// classOf tells by the path how a file is written. The path may be another
// than the pattern's, as links lead elsewhere; then the name decides.
func classOf(name string) (area string, f form) {
	for i := range classes {
		for _, p := range classes[i].patterns {
			if rest, ok := strings.CutPrefix(p, "~/"); ok {
				if fitsEnd(rest, name) {
					return classes[i].area, classes[i].form
				}
			} else if fits(p, name) {
				return classes[i].area, classes[i].form
			}
		}
	}
	return "autostart", plain
}

const (
	// maxLines bounds the lines that are told of one file.
	maxLines = 20000
	// maxText is the longest text of a line that a record holds, in bytes. The
	// evidence covers the whole line.
	maxText = 4096
	// maxJoined is how many lines one that goes on may have.
	maxJoined = 64
	// headSize is how much is looked at to tell text from programs, in bytes.
	headSize = 512
)

// binary reports whether a file is none that people write.
func binary(s *timeline.Source) bool {
	head := make([]byte, headSize)
	n, _ := s.Data.ReadAt(head, 0)
	return bytes.IndexByte(head[:max(n, 0)], 0) >= 0
}

// reader gathers the lines of one file into records.
type reader struct {
	src     *timeline.Source
	area    string
	form    form
	section string
	comment bool // within /* */
	count   int
	yield   func(timeline.Record, error) bool
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if strings.HasSuffix(s.Path, ".sample") || s.Size == 0 || binary(s) {
			return
		}
		r := reader{src: s, yield: yield}
		r.area, r.form = classOf(s.Path)
		var text strings.Builder // of a line that goes on
		var from, end int64
		first, joined := 0, 0
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			t := strings.Trim(string(l.Text), " \t\r")
			if joined == 0 {
				from, first = l.Offset, l.Number
				text.Reset()
			}
			end = l.Offset + int64(len(l.Text))
			comment := joined == 0 && r.isComment(t)
			if rest, ok := strings.CutSuffix(t, "\\"); ok && !comment && joined < maxJoined {
				text.WriteString(rest)
				text.WriteByte(' ')
				joined++
				continue
			}
			text.WriteString(t)
			joined = 0
			if !r.line(text.String(), from, end, first) {
				return
			}
		}
		if joined > 0 {
			r.line(text.String(), from, end, first)
		}
	}
}

func (r *reader) isComment(t string) bool {
	return strings.HasPrefix(t, "#") || r.form == ini && strings.HasPrefix(t, ";") || r.form == slash && strings.HasPrefix(t, "//")
}

// line tells one line. It is false if no more are wanted.
func (r *reader) line(t string, from, end int64, number int) bool {
	if r.form == slash {
		if t = r.uncomment(t); t == "" {
			return true
		}
	}
	t = strings.TrimSpace(t)
	if t == "" || r.isComment(t) {
		return true
	}
	if r.form == ini && t[0] == '[' {
		if name, _, ok := strings.Cut(t[1:], "]"); ok {
			r.section = name
			return true
		}
	}
	if r.count++; r.count > maxLines {
		r.yield(timeline.Record{}, r.src.Damage(from, r.src.Size-from, number, fmt.Sprintf("the lines after the first %d are left out", maxLines), nil))
		return false
	}
	t = mask(t, r.area, r.form)
	if len(t) > maxText {
		t = strings.ToValidUTF8(t[:maxText], "")
	}
	f := map[string]string{"area": r.area, "text": t}
	if r.section != "" {
		f["section"] = r.section
	}
	if r.src.Account != "" {
		f["account"] = r.src.Account
	}
	if k, v, ok := r.pair(t); ok {
		f["key"], f["value"] = k, v
	}
	return r.yield(timeline.Record{Kind: timeline.KindSetting, Summary: r.src.Path + ": " + t, Fields: f, Evidence: r.src.Evidence(from, end-from, number)}, nil)
}

// uncomment takes comments between /* and */ away.
func (r *reader) uncomment(t string) string {
	for {
		if r.comment {
			_, rest, ok := strings.Cut(t, "*/")
			if !ok {
				return ""
			}
			t, r.comment = rest, false
		}
		// A glob of a path may hold the same two signs; it has a name before them.
		i := strings.Index(t, "/*")
		if i < 0 || i > 0 && t[i-1] != ' ' && t[i-1] != ';' && t[i-1] != '\t' {
			return t
		}
		before, rest := t[:i], t[i+2:]
		_, after, ok := strings.Cut(rest, "*/")
		if !ok {
			r.comment = true
			return before
		}
		t = before + " " + after
	}
}

// pair splits a line that is a name and its value.
func (r *reader) pair(t string) (key, value string, ok bool) {
	switch r.form {
	case ini:
		key, value, ok = strings.Cut(t, "=")
	case shell:
		key, value, ok = strings.Cut(strings.TrimPrefix(t, "export "), "=")
		if ok && strings.ContainsAny(key, " \t$(){};&|'\"`<>[]") {
			return "", "", false
		}
		value = unquoted(value)
	case words:
		if i := strings.IndexAny(t, " \t="); i > 0 {
			key, value, ok = t[:i], t[i+1:], true
		}
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	return key, value, ok && key != ""
}

// unquoted takes the quotes from around a value.
func unquoted(v string) string {
	v = strings.TrimSpace(v)
	if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
		return v[1 : n-1]
	}
	return v
}
