package artifact

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"strings"
	"testing"

	"deadbox/timeline"
)

// comesTo are the extractors that say what configuration comes to.
var comesTo = map[string]bool{
	"systemd": true, "autostart": true, "sudo-rules": true, "doas-rules": true, "pam": true, "sshd-config": true, "cloud-init": true, "mounts": true, "boot-config": true, "firewall-rules": true,
}

func TestAll(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	names, paths := map[string]bool{}, map[string]string{}
	for _, e := range All {
		if !name.MatchString(e.Name) || names[e.Name] {
			t.Errorf("name %q: not lower case with hyphens, or not unique", e.Name)
		}
		names[e.Name] = true
		if len(e.Doc) < 40 || !strings.Contains(e.Doc, "Format") {
			t.Errorf("%s: the doc says too little: %q", e.Name, e.Doc)
		}
		if len(e.Paths) == 0 || e.Run == nil {
			t.Errorf("%s: no paths or no Run", e.Name)
		}
		for _, p := range e.Paths {
			if _, err := path.Match(p, ""); err != nil {
				t.Errorf("%s: %q: %v", e.Name, p, err)
			}
			if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "~/") || path.Clean(p) != p {
				t.Errorf("%s: %q is not a clean path from the root or a home", e.Name, p)
			}
			for _, part := range strings.Split(p, "/") {
				if strings.Contains(part, "**") && part != "**" {
					t.Errorf("%s: %q has ** within an element", e.Name, p)
				}
			}
			// The settings tell configuration line by line; others tell what it comes to.
			if other := paths[p]; other != "" && e.Name != "sites" && !comesTo[e.Name] && !(e.Name == "settings" && comesTo[other]) {
				t.Errorf("%q belongs to %s and %s", p, other, e.Name)
			}
			paths[p] = e.Name
		}
	}
}

// match is path.Match with "**" for any number of directories.
func match(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		for i := 0; i < len(name); i++ {
			if match(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	case len(name) == 0:
		return false
	}
	ok, _ := path.Match(pattern[0], name[0])
	return ok && match(pattern[1:], name[1:])
}

// TestPaths says which extractor, if any, reads a file. A script of cron has
// two: one tells that it runs, the other its lines.
func TestPaths(t *testing.T) {
	tests := map[string]string{
		"/var/log/auth.log": "auth-log", "/var/log/auth.log.1": "auth-log", "/var/log/auth.log.2.gz": "auth-log", "/var/log/secure-20240101.gz": "auth-log", "/var/log/secure": "auth-log",
		"/var/log/syslog": "syslog", "/var/log/syslog.7.gz": "syslog", "/var/log/messages-20240101": "syslog", "/var/log/kern.log.1": "syslog", "/var/log/cron": "syslog", "/var/log/cron-20240101": "syslog",
		"/var/log/cron.log": "syslog", "/var/log/cron.1": "syslog", "/var/log/mail.log": "syslog", "/var/log/maillog": "syslog", "/var/log/mail.err": "syslog",
		"/var/log/apache2/access.log": "web-access", "/var/log/apache2/access.log.14.gz": "web-access", "/var/log/apache2/error.log": "web-error", "/var/log/apache2/other_vhosts_access.log": "web-access",
		"/var/log/apache2/example.org-ssl-access.log.1": "web-access", "/var/log/httpd/access_log-20240101": "web-access", "/var/log/httpd/error_log": "web-error", "/var/log/httpd/ssl_access_log": "web-access",
		"/var/log/nginx/access.log": "web-access", "/var/log/nginx/error.log": "web-error", "/var/log/nginx/site/access.log": "web-access", "/var/www/example.org/logs/access.log": "web-access",
		"/var/lib/docker/containers/abc/config.v2.json": "docker", "/var/lib/docker/100000.100000/containers/abc/config.v2.json": "docker", "/var/lib/docker/containers/abc/hostconfig.json": "", "/var/lib/docker/image/overlay2/imagedb/content/sha256/aa": "docker",
		"/var/lib/containers/storage/vfs-images/images.json": "podman", "/var/lib/lxc/a/config": "machines", "/etc/systemd/nspawn/a.nspawn": "machines",
		"/var/log/pods/ns_pod_uid/app/0.log.20240131-120000.gz": "cri-log", "/var/lib/docker/containers/abc/abc-json.log.1": "docker-log",
		"/var/log/audit/audit.log": "auditd", "/var/log/audit/audit.log.4": "auditd",
		"/var/log/php8.2-fpm.log.1": "web-error", "/var/log/tomcat9/catalina.2024-01-01.log": "web-error", "/srv/www/a/b/error_log": "web-error", "/var/log/squid/access.log": "squid", "/var/log/squid/cache.log.2.gz": "squid",
		"/var/log/vsftpd.log": "ftp", "/var/log/xferlog.1": "ftp", "/var/log/proftpd/proftpd.log": "ftp", "/var/log/exim4/mainlog.1": "mail", "/var/log/exim_mainlog-20240101": "mail", "/var/log/dovecot-info.log": "mail",
		"/var/log/mysql/error.log": "mysql", "/var/log/mysqld.log": "mysql", "/var/log/mariadb/mariadb.log": "mysql", "/var/lib/mysql/db1.err": "mysql", "/var/lib/mysql/db1-slow.log": "mysql", "/var/log/postgresql/postgresql-15-main.log.1": "postgresql",
		"/var/lib/pgsql/data/log/postgresql-Mon.log": "postgresql", "/var/lib/pgsql/15/data/log/postgresql-Mon.csv": "postgresql", "/var/log/redis/redis-server.log": "redis", "/var/log/mongodb/mongod.log": "mongodb", "/var/log/fail2ban.log.1": "fail2ban",
		"/var/www/shop/wp-includes/version.php": "web-apps", "/srv/www/a/b/core/lib/Drupal.php": "web-apps", "/var/www/html/index.php": "", "/etc/tomcat9/server.xml": "sites",
		"/var/log/wtmp": "utmp", "/var/log/wtmp.1": "utmp", "/var/log/wtmp-20240131.gz": "utmp", "/var/log/btmp": "utmp", "/var/log/btmp-20240131": "utmp", "/run/utmp": "utmp", "/var/log/lastlog": "lastlog",
		"/var/log/faillog": "faillog", "/var/log/tallylog": "faillog", "/run/faillock/root": "faillog", "/var/lib/wtmpdb/wtmp.db": "wtmpdb", "/var/lib/wtmpdb/wtmp_20240101.db": "wtmpdb", "/var/lib/wtmpdb/wtmp.db-wal": "", "/var/lib/lastlog/lastlog2.db": "lastlog2",
		"/etc/passwd": "accounts", "/etc/shadow": "accounts", "/etc/passwd-": "account-changes", "/etc/group": "groups",
		"/root/.ssh/authorized_keys": "authorized-keys", "/home/gone/.ssh/authorized_keys2": "authorized-keys",
		"/etc/crontab": "cron", "/etc/cron.d/x": "cron", "/var/spool/cron/crontabs/root": "cron", "/var/spool/cron/root": "cron", "/var/spool/cron/tabs/root": "cron", "/etc/cron.daily/x": "cron settings", "/etc/cron.allow": "",
		"/var/log/journal/0123456789abcdef0123456789abcdef/system.journal": "journald", "/var/log/journal/0123456789abcdef0123456789abcdef/user-1000@0005ebbfd660bcbe-dbef2eee11f4b575.journal~": "journald",
		"/var/log/journal/remote/remote-192.0.2.1.journal": "journald", "/run/log/journal/0123456789abcdef0123456789abcdef/system@a-b.journal": "journald", "/var/log/journal/x/fss": "syslog-other",
		"/var/lib/dpkg/status": "dpkg", "/var/log/dpkg.log.2.gz": "dpkg", "/var/log/apt/history.log.1.gz": "apt", "/var/log/apt/term.log": "apt", "/lib/apk/db/installed": "apk", "/var/log/pacman.log": "pacman",
		"/var/lib/rpm/Packages": "rpm", "/var/lib/rpm/Name": "", "/var/log/yum.log-20240101": "rpm-log", "/var/log/zypp/history-20240101.xz": "rpm-log",
		"/var/lib/pacman/local/acl-2.3/desc": "pacman", "/boot/vmlinuz-6.1.0-18-amd64": "kernels", "/boot/initrd.img-6.1.0-18-amd64": "kernels", "/boot/System.map-6.1": "", "/var/lib/snapd/state.json": "snap",
		"/usr/local/lib/python3.11/dist-packages/a.dist-info/METADATA": "python-packages",
		"/root/.bash_history": "shell-history", "/home/gone/.bash_history-01234.tmp": "shell-history", "/tmp/.bash_history": "shell-history", "/dev/shm/.x/.zsh_history": "shell-history", "/.ash_history": "shell-history",
		"/var/lib/docker/overlay2/0123/diff/root/.bash_history": "shell-history", "/home/u/.local/state/zsh/history": "shell-history", "/root/.history": "shell-history", "/root/.history_frr": "client-history",
		"/home/u/.mozilla/firefox/x.default/places.sqlite": "firefox", "/home/u/snap/firefox/common/.mozilla/firefox/x/places.sqlite": "firefox", "/root/.config/google-chrome/Profile 1/History": "chromium",
		"/home/u/.var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/Default/History": "chromium", "/home/u/snap/chromium/common/chromium/Default/History": "chromium", "/root/.wget-hsts": "wget-hsts", "/tmp/.wget-hsts": "wget-hsts",
		"/home/u/.local/share/recently-used.xbel": "recently-used", "/root/.local/share/Trash/info/a.trashinfo": "trash", "/mnt/data/.Trash-1000/info/a.trashinfo": "trash", "/home/u/.local/share/Trash/files/a": "",
		"/root/.viminfo": "editor-history", "/home/u/.viminfo.tmp": "editor-history", "/root/.lesshst": "editor-history", "/home/u/.local/state/nvim/shada/main.shada": "editor-history", "/root/.local/share/nano/search_history": "editor-history",
		"/root/.mysql_history": "client-history", "/home/gone/.psql_history": "client-history", "/home/u/.mongodb/mongosh/mongosh_repl_history": "client-history", "/var/www/.python_history": "client-history",
		"/home/u/.local/share/atuin/history.db": "client-history", "/home/u/.local/share/atuin/history.db-wal": "", "/home/gone/.zsh_history": "shell-history", "/home/u/.local/share/fish/fish_history": "shell-history", "/root/.bashrc": "autostart settings", "/etc/systemd/system/x.service.d/a.conf": "settings", "/srv/a/.git/hooks/post-merge": "settings", "/var/www/a/b/.htaccess": "settings",
		"/etc/systemd/system/a.service": "systemd settings", "/home/gone/.config/systemd/user/a.timer": "systemd settings", "/run/systemd/generator/a.service": "systemd", "/usr/lib/systemd/system-generators/a": "systemd settings", "/var/lib/systemd/linger/u": "systemd",
		"/etc/systemd/system/multi-user.target.wants/a.service": "", "/etc/init.d/a": "autostart settings", "/etc/rc.local": "autostart settings", "/etc/ld.so.preload": "autostart settings", "/etc/udev/rules.d/a.rules": "autostart settings", "/etc/xinetd.d/a": "autostart",
		"/var/spool/incron/root": "autostart", "/srv/a/.git/config": "autostart", "/root/.forward": "autostart", "/etc/sudoers": "sudo-rules settings", "/etc/sudoers.d/a": "settings", "/etc/doas.conf": "doas-rules settings", "/etc/pam.d/sshd": "pam settings",
		"/etc/ssh/sshd_config": "sshd-config settings", "/etc/ssh/sshd_config.d/a.conf": "settings", "/root/.ssh/known_hosts.old": "known-hosts", "/var/spool/cron/atjobs/a0000201b3ab00": "at", "/var/spool/at/a0000201b3ab00": "at", "/var/spool/anacron/cron.daily": "cron",
		"/var/lib/cloud/instances/i-1/user-data.txt": "cloud-init", "/etc/fstab": "mounts", "/boot/grub2/grub.cfg": "boot-config", "/etc/sysconfig/iptables": "firewall-rules", "/etc/nftables.conf": "firewall-rules", "/etc/firewalld/zones/public.xml": "firewall-rules",
	}
	for name, want := range tests {
		var got []string
		for _, rest := range []bool{false, true} {
			for _, e := range All {
				if e.Rest != rest || rest && len(got) > 0 {
					continue
				}
				for _, p := range e.Paths {
					if match(strings.Split(p, "/"), strings.Split(name, "/")) {
						got = append(got, e.Name)
						break
					}
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: read by %q, want %q", name, got, want)
		}
	}
}

// TestGarbage runs every extractor over bytes that are no text: records may
// come, a panic or a record that lies outside of the file may not.
func TestGarbage(t *testing.T) {
	var all []byte
	for i := range 1 << 16 {
		all = append(all, byte(i*i>>8), byte(i))
	}
	inputs := [][]byte{nil, {0}, {'\n'}, []byte("\r\n"), all, bytes.Repeat([]byte{0}, 100000), bytes.Repeat([]byte("["), 300000), bytes.Repeat([]byte("\""), 300000),
		bytes.Repeat([]byte("Jan  1 00:00:00 "), 10000), bytes.Repeat([]byte(" from "), 50000), bytes.Repeat([]byte("a:"), 50000), bytes.Repeat([]byte("\\"), 50001), bytes.Repeat([]byte("(<<x "), 50000)}
	for _, e := range All {
		// A name that the extractor reads.
		name := strings.NewReplacer("~", "/root", "**", "x", "*", "x").Replace(e.Paths[0])
		for i, in := range inputs {
			s := &timeline.Source{Path: name, Data: bytes.NewReader(in), Size: int64(len(in)),
				Place: func(off, n int64, line int) timeline.Evidence {
					return timeline.Evidence{Offset: off, Length: n, Line: line}
				}}
			for r, err := range e.Run(context.Background(), s) {
				if err == nil && (r.Kind == "" || r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(in))) {
					t.Fatalf("%s, input %d: %+v", e.Name, i, r)
				}
			}
		}
	}
}
