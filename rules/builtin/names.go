package builtin

import (
	"strings"

	"deadbox/rules"
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// webAccounts run web servers on the usual distributions.
var webAccounts = set("www-data apache apache2 httpd nginx http www wwwrun lighttpd caddy nobody tomcat tomcat6 tomcat7 tomcat8 tomcat9 tomcat10 php-fpm")

// daemonAccounts belong to services and are never logged in to. Accounts of
// services whose keepers do log in as them (postgres, oracle, git, jenkins,
// nagios, backup, ...) are not among them.
var daemonAccounts = set(`daemon bin sys adm games man lp mail news uucp proxy www-data list irc gnats nobody nfsnobody apache apache2 httpd nginx http www
	wwwrun lighttpd caddy php-fpm tomcat tomcat6 tomcat7 tomcat8 tomcat9 tomcat10 mysql mariadb sshd ntp ntpsec chrony dbus messagebus systemd-network systemd-resolve
	systemd-timesync systemd-coredump systemd-oom systemd-bus-proxy _apt avahi polkitd rpc rpcuser _rpc statd dnsmasq unbound named bind postfix
	dovecot dovenull exim Debian-exim opendkim opendmarc clamav squid memcache memcached redis mongodb mongod rabbitmq haproxy varnish syslog tss tcpdump
	landscape pollinate uuidd halt shutdown sync operator saslauth smmsp smmta mailnull colord geoclue gdm pulse rtkit usbmux usbmuxd saned
	whoopsie kernoops cockpit-ws sssd setroubleshoot abrt radvd qemu libvirt-qemu nslcd epmd vcsa gopher ldap openldap asterisk
	snmp Debian-snmp ident identd fetchmail bitlbee`)

// webUser reports whether a web server runs as a user id on this server.
func webUser(env *rules.Env, uid uint32) bool {
	name := env.AccountName(uid)
	if name == "" {
		return len(env.Accounts) == 0 && (uid == 33 || uid == 48)
	}
	return webAccounts[name]
}

// daemonUser reports whether a user id is a service's.
func daemonUser(env *rules.Env, uid uint32) bool {
	if uid == 0 {
		return false
	}
	name := env.AccountName(uid)
	if name == "" {
		return len(env.Accounts) == 0 && (uid == 33 || uid == 48)
	}
	return daemonAccounts[name]
}

// loginShell reports whether one who logs in with a shell gets a prompt. An
// empty field of /etc/passwd means /bin/sh.
func loginShell(shell string) bool {
	switch base(shell) {
	case "nologin", "false", "true", "sync", "halt", "shutdown", "git-shell", "rssh", "scponly", "noshell":
		return false
	}
	return shell != "/dev/null"
}

// shells are the programs that give a command line.
var shells = set("sh bash dash ash zsh ksh ksh93 mksh pdksh tcsh csh fish rbash rzsh yash busybox toybox")

// interpreters run what they are given: as root, if they are setuid.
var interpreters = set(`python perl php ruby lua node nodejs tclsh wish expect gawk mawk nawk awk java jjs jrunscript guile gdb`)

// escalators let a caller who has their rights read, write or run anything.
var escalators = set(`find vi vim vim.basic vim.tiny vim.nox view rvim nano pico ed emacs less more cp mv dd tee tar cpio zip unzip rsync env nice ionice timeout stdbuf
	setarch taskset xargs watch nmap socat nc ncat netcat nc.traditional nc.openbsd curl wget openssl sed cut head tail cat base64 xxd od docker podman
	systemctl journalctl strace ltrace gcc make git ssh scp ftp tftp capsh unshare nsenter chroot start-stop-daemon run-parts chmod chown install ln`)

// versionless cuts a version from the end of a program's name: "python3.11"
// and "perl5.36.0" become "python" and "perl".
func versionless(name string) string {
	return strings.TrimRight(name, "0123456789.-")
}

// givesShell reports whether a program of that name, setuid to root, makes
// its caller root, and what it is.
func givesShell(name string) (what string, ok bool) {
	if shells[name] {
		return "shell", true
	}
	if v := versionless(name); interpreters[name] || interpreters[v] && v != "" {
		return "interpreter", true
	}
	if escalators[name] {
		return "tool", true
	}
	return "", false
}
