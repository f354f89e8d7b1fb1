package builtin

import (
	"net/netip"
	"slices"
	"strings"

	"deadbox/rules"
	"deadbox/timeline"
)

// serviceAccount reports whether an account is a service's: by its name, or
// by an id below those that people get.
func serviceAccount(env *rules.Env, name string) bool {
	if daemonAccounts[name] {
		return true
	}
	a, ok := env.Account(name)
	return ok && a.UID > 0 && a.UID < 500
}

// authenticationLine judges lines that say who gets in and becomes root.
func authenticationLine(c *confChecker, r *timeline.Record) []confHit {
	p, text := r.Evidence.Path, r.Fields["text"]
	switch {
	case strings.HasPrefix(p, "/etc/sudoers"):
		return c.sudoers(text)
	case p == "/etc/doas.conf":
		if f := strings.Fields(text); len(f) > 2 && f[0] == "permit" && slices.Contains(f, "nopass") {
			for _, w := range f[1:] {
				if serviceAccount(c.env, w) {
					return []confHit{{severity: rules.High, account: w, techniques: []string{"T1548.003"}, why: "the service account " + show(w) + " becomes root without a password"}}
				}
			}
		}
	case strings.Contains(p, "/pam.d/"):
		return c.pam(base(p), text)
	case strings.Contains(p, "polkit-1/rules.d/"):
		c.polkit(r)
	case strings.HasPrefix(p, "/etc/ssh/sshd_config"):
		return c.sshd(r)
	case strings.HasPrefix(p, "/etc/ssh/ssh_config"), strings.HasSuffix(p, "/.ssh/config"):
		switch strings.ToLower(r.Fields["key"]) {
		case "proxycommand", "localcommand", "knownhostscommand":
			return c.runLine(r.Fields["value"])
		}
	case p == "/etc/hosts.equiv", strings.HasSuffix(p, "/.rhosts"), strings.HasSuffix(p, "/.shosts"):
		if strings.HasPrefix(text, "+") {
			return []confHit{{severity: rules.High, techniques: []string{"T1556"}, why: "every host is trusted"}}
		}
	}
	return nil
}

// sudoers judges a user specification of sudoers(5).
func (c *confChecker) sudoers(text string) []confHit {
	who, spec, ok := strings.Cut(text, " ")
	if i := strings.IndexByte(text, '\t'); i >= 0 && (!ok || i < len(who)) {
		who, spec = text[:i], text[i+1:]
	}
	if who == "Defaults" && (strings.Contains(spec, "!syslog") || strings.Contains(spec, "!log_allowed")) {
		return []confHit{{severity: rules.Medium, techniques: []string{"T1685"}, why: "sudo does not log"}}
	}
	if strings.HasPrefix(who, "Defaults") || strings.HasSuffix(who, "_Alias") || strings.HasPrefix(who, "@include") {
		return nil
	}
	_, cmds, ok := strings.Cut(spec, "NOPASSWD:")
	if !ok {
		return nil
	}
	for strings.Contains(cmds, ":") { // more tags: SETENV:
		_, rest, _ := strings.Cut(cmds, ":")
		cmds = rest
	}
	service := serviceAccount(c.env, who)
	for _, cmd := range strings.Split(cmds, ",") {
		cmd = strings.TrimSpace(cmd)
		first, _, _ := strings.Cut(cmd, " ")
		switch {
		case cmd == "ALL" && who == "ALL":
			return []confHit{{severity: rules.High, techniques: []string{"T1548.003"}, why: "every account becomes root without a password"}}
		case cmd == "ALL" && service:
			return []confHit{{severity: rules.High, account: who, techniques: []string{"T1548.003"}, why: "the service account " + show(who) + " becomes root without a password"}}
		case cmd == "ALL" && c.env.Baseline && who != "root":
			return []confHit{{severity: rules.Medium, account: strings.TrimPrefix(who, "%"), techniques: []string{"T1548.003"}, why: show(who) + " becomes root without a password, in a file that the baseline does not hold so"}}
		case temporary(first) != "" || strings.HasPrefix(first, "/") && hiddenElement(first):
			return []confHit{{severity: rules.High, techniques: []string{"T1548.003"}, why: "a program in a hidden or temporary directory is run as another account"}}
		case service && cmd == first && strings.HasPrefix(first, "/"):
			if what, gives := givesShell(base(first)); gives && what != "tool" {
				return []confHit{{severity: rules.High, account: who, techniques: []string{"T1548.003"}, why: "the service account " + show(who) + " runs the " + what + " " + show(base(first)) + " as root"}}
			}
		}
	}
	return nil
}

// pam judges a line of pam.d(5): type, control, module and its arguments.
func (c *confChecker) pam(service, text string) []confHit {
	kind, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	kind = strings.TrimPrefix(kind, "-")
	rest = strings.TrimLeft(rest, " ")
	control, args, _ := strings.Cut(rest, " ")
	if strings.HasPrefix(rest, "[") {
		control, args, _ = strings.Cut(rest, "]")
	}
	f := strings.Fields(args)
	if len(f) == 0 || strings.HasPrefix(text, "@") {
		return nil
	}
	module := f[0]
	switch base(module) {
	case "pam_permit.so":
		if kind == "auth" && (control == "sufficient" || strings.Contains(control, "success=done")) && !strings.Contains(service, "autologin") && service != "other" && service != "atd" && service != "ppp" {
			return []confHit{{severity: rules.High, techniques: []string{"T1556.003"}, why: "whoever asks is let in, without a password"}}
		}
		return nil
	case "pam_exec.so":
		for _, w := range f[1:] {
			if !strings.HasPrefix(w, "/") {
				continue
			}
			if temporary(w) != "" || hiddenElement(w) {
				return []confHit{{severity: rules.High, techniques: []string{"T1556.003"}, why: "the program " + showPath(w) + " is run at each login"}}
			}
			s := rules.Medium
			if kind == "auth" && slices.Contains(f, "expose_authtok") {
				s = rules.High
			}
			if c.env.Baseline {
				return []confHit{{severity: s, techniques: []string{"T1556.003"}, why: "the program " + showPath(w) + " is run at each login"}}
			}
			return []confHit{{severity: s, techniques: []string{"T1556.003"}, why: "the program " + showPath(w) + " is run at each login, and no package brings it", unknown: strings.Clone(w)}}
		}
		return nil
	}
	if strings.HasPrefix(module, "/") && (temporary(module) != "" || hiddenElement(module)) {
		return []confHit{{severity: rules.Critical, techniques: []string{"T1556.003"}, why: "a module in a hidden or temporary directory checks logins"}}
	}
	if strings.HasPrefix(module, "/") && !strings.Contains(module, "/security/") {
		return []confHit{{severity: rules.Medium, techniques: []string{"T1556.003"}, why: "a module outside of the modules' directory checks logins"}}
	}
	return []confHit{{severity: rules.High, techniques: []string{"T1556.003"}, why: "no package brings the module " + show(base(module)) + ", which takes part in each login", unknown: strings.Clone(base(module))}}
}

const maxPolkits = 4096

// polkit gathers the lines of a file of polkit's rules: one that says YES and
// has no condition at all lets everyone do everything.
func (c *confChecker) polkit(r *timeline.Record) {
	text := r.Fields["text"]
	p := c.polkits[r.Evidence.Path]
	if p == nil {
		if len(c.polkits) >= maxPolkits {
			c.left++
			return
		}
		if c.polkits == nil {
			c.polkits = map[string]*polkitRules{}
		}
		p = &polkitRules{}
		c.polkits[strings.Clone(r.Evidence.Path)] = p
	}
	text, _, _ = strings.Cut(text, "//")
	if strings.Contains(text, "if") || strings.Contains(text, "&&") || strings.Contains(text, "||") || strings.Contains(text, "?") || strings.Contains(text, "switch") || strings.Contains(text, "==") {
		p.condition = true
	}
	if strings.Contains(text, ".YES") && p.yes == nil {
		p.yes = &heldConf{confHit{severity: rules.High, techniques: []string{"T1548"}, why: "everyone may do everything that polkit is asked for, as nothing in the file asks who it is"}, r.Evidence, strings.Clone(r.Fields["text"])}
	}
}

// sshd judges a line of sshd_config(5).
func (c *confChecker) sshd(r *timeline.Record) []confHit {
	key, value := strings.ToLower(r.Fields["key"]), strings.Trim(r.Fields["value"], `"`)
	hit := func(s rules.Severity, why string) []confHit {
		return []confHit{{severity: s, techniques: []string{"T1098.004"}, why: why}}
	}
	switch key {
	case "permitemptypasswords":
		if strings.EqualFold(value, "yes") {
			return hit(rules.High, "accounts without a password are let in from the network")
		}
	case "permitrootlogin":
		if strings.EqualFold(value, "yes") && c.env.Baseline {
			return hit(rules.Medium, "root may log in with a password, in a file that the baseline does not hold so")
		}
	case "authorizedkeysfile", "authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand":
		for _, w := range strings.Fields(value) {
			w = strings.Trim(w, `"`)
			if !strings.HasPrefix(w, "/") {
				continue
			}
			plain := strings.NewReplacer("%u", "u", "%h", "/home/u").Replace(w)
			if temporary(plain) != "" || hiddenElement(plain) && !strings.HasPrefix(plain, "/home/") {
				return hit(rules.High, "who may log in is read from a hidden or temporary place, "+showPath(w))
			}
			if key == "authorizedkeyscommand" || key == "authorizedprincipalscommand" {
				return []confHit{{severity: rules.Medium, techniques: []string{"T1098.004"}, why: "a program that no package brings says which keys are let in", unknown: strings.Clone(w)}}
			}
		}
	case "forcecommand":
		return c.runLine(value)
	}
	return nil
}

var settingAuthentication = &rules.Rule{
	ID:    "setting-authentication",
	Title: "A setting lets in, or makes root, whom it should not",
	Doc: `Lines of sudoers, doas, PAM, polkit, the SSH server and trusted hosts: root without a password for a service's account or for everyone; PAM that lets in whoever asks, or that
uses a module or program which no package brings; a file of polkit that says YES and asks for no condition; keys that are read from hidden places; empty passwords over SSH. Files that a package brought and nobody changed
are quiet, and so are those that the baseline holds the same. root's login with a password, and people who become root without one, are reported where the file is new or changed since the baseline (medium).
Innocent: an administrator's own PAM module; a deployment that gave its service's account all rights (it is as dangerous).`,
	Severity:   rules.High,
	Techniques: []string{"T1556.003", "T1548.003", "T1098.004"},
	Kinds:      confKinds,
	New:        confRule(authenticationLine, "authentication"),
	True: []rules.Example{
		one("sudo for the web server", rules.High, aSetting("authentication", "/etc/sudoers.d/90-cloud-init", "www-data ALL=(ALL) NOPASSWD: ALL")),
		one("a shell for a service", rules.High, aSetting("authentication", "/etc/sudoers", "www-data ALL=(root) NOPASSWD: /usr/bin/python3")),
		one("permit", rules.High, aSetting("authentication", "/etc/pam.d/sshd", "auth sufficient pam_permit.so")),
		withEnv(withPackages, rules.Example{Name: "unknown module", Severity: rules.High, Records: []timeline.Record{
			aFile("/usr/lib/x86_64-linux-gnu/security/pam_unixx.so", magic("elf")), aSetting("authentication", "/etc/pam.d/common-auth", "auth\tsufficient pam_unixx.so")}}),
		one("password to a program", rules.High, aSetting("authentication", "/etc/pam.d/common-auth", "auth optional pam_exec.so quiet expose_authtok /var/tmp/.x/log")),
		one("polkit", rules.High, aSetting("authentication", "/etc/polkit-1/rules.d/49-net.rules", "polkit.addRule(function(a,s){ return polkit.Result.YES; });")),
		one("hidden keys", rules.High, aSetting("authentication", "/etc/ssh/sshd_config.d/a.conf", "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/.k/%u", "key", "AuthorizedKeysFile", "value", ".ssh/authorized_keys /etc/ssh/.k/%u")),
		one("empty", rules.High, aSetting("authentication", "/etc/ssh/sshd_config", "PermitEmptyPasswords yes", "key", "PermitEmptyPasswords", "value", "yes")),
		withEnv(withBaseline, rules.Example{Name: "root", Severity: rules.Medium, Records: []timeline.Record{
			anAdded("/etc/ssh/sshd_config.d/a.conf"), aSetting("authentication", "/etc/ssh/sshd_config.d/a.conf", "PermitRootLogin yes", "key", "PermitRootLogin", "value", "yes")}}),
	},
	False: []rules.Example{
		withEnv(debianEnv, quiet("people", aSetting("authentication", "/etc/sudoers", "%sudo\tALL=(ALL:ALL) ALL"), aSetting("authentication", "/etc/sudoers.d/90-cloud-init-users", "debian ALL=(ALL) NOPASSWD:ALL"),
			aSetting("authentication", "/etc/sudoers.d/deploy", "www-data ALL=(root) NOPASSWD: /bin/systemctl reload nginx"))),
		withEnv(withPackages, quiet("Debian's PAM", append(confLines("authentication", "/etc/pam.d/common-auth", "auth\t[success=1 default=ignore]\tpam_unix.so nullok", "auth\trequisite\t\t\tpam_deny.so", "auth\trequired\t\t\tpam_permit.so"),
			aSetting("authentication", "/etc/pam.d/su", "auth       sufficient pam_rootok.so"), aSetting("authentication", "/etc/pam.d/su", "@include common-auth"))...)),
		quiet("polkit asks", confLines("authentication", "/etc/polkit-1/rules.d/50-a.rules", "polkit.addRule(function(action, subject) {", "if (action.id == \"org.x\" && subject.isInGroup(\"sudo\")) {", "return polkit.Result.YES;", "}", "});")...),
		quiet("usual keys", aSetting("authentication", "/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/ssh/authorized_keys/%u %h/.ssh/authorized_keys", "key", "AuthorizedKeysFile", "value", "/etc/ssh/authorized_keys/%u %h/.ssh/authorized_keys"),
			aSetting("authentication", "/etc/ssh/sshd_config", "PermitRootLogin yes", "key", "PermitRootLogin", "value", "yes")),
		withEnv(withPackages, quiet("package's", aFile("/etc/pam.d/x", packaged), aSetting("authentication", "/etc/pam.d/x", "auth sufficient pam_permit.so"))),
		withEnv(withBaseline, quiet("known", aSetting("authentication", "/etc/sudoers.d/a", "www-data ALL=(ALL) NOPASSWD: ALL"))),
	},
}

// loggingLine judges lines that say what is logged.
func loggingLine(c *confChecker, r *timeline.Record) []confHit {
	p, text := r.Evidence.Path, r.Fields["text"]
	key, value := strings.ToLower(r.Fields["key"]), strings.ToLower(r.Fields["value"])
	hit := func(s rules.Severity, why string) []confHit {
		return []confHit{{severity: s, techniques: []string{"T1685"}, why: why}}
	}
	switch {
	case strings.HasPrefix(p, "/etc/rsyslog") || p == "/etc/syslog.conf":
		return dropsLines(c, text)
	case strings.HasPrefix(p, "/etc/audit/") && base(p) == "auditd.conf":
		if key == "write_logs" && value == "no" || key == "log_format" && value == "nolog" {
			return hit(rules.Medium, "auditing keeps no log")
		}
	case strings.HasPrefix(p, "/etc/audit/"):
		f := strings.Fields(text)
		switch {
		case len(f) == 0:
		case f[0] == "-w" || f[0] == "-a" || f[0] == "-A":
			c.rules++
		case f[0] == "-D" && c.rules > 0:
			return hit(rules.Medium, "the rules before it are removed")
		case f[0] == "-e" && len(f) > 1 && f[1] == "0":
			return hit(rules.Medium, "auditing is switched off")
		}
	case strings.HasPrefix(p, "/etc/systemd/journald.conf"):
		if key == "storage" && value == "none" {
			return hit(rules.Medium, "the journal keeps nothing")
		}
	case strings.HasPrefix(p, "/etc/logrotate"):
		return c.runLine(text)
	}
	return nil
}

// loginWords are names of what writes of logins, in a filter of rsyslog.
var loginWords = []string{"sshd", "sudo", "authpriv", "auth.", "pam_unix", "accepted ", "failed password", "session opened", "cron"}

// dropsLines judges a line of rsyslog.conf(5): what is discarded with "stop" or
// "~".
func dropsLines(c *confChecker, text string) []confHit {
	t := strings.TrimSpace(strings.TrimRight(strings.TrimSpace(text), "}"))
	if !strings.HasSuffix(t, " stop") && !strings.HasSuffix(t, " ~") && !strings.HasSuffix(t, "\tstop") && !strings.HasSuffix(t, "\t~") && !strings.HasSuffix(t, "stop;") {
		return nil
	}
	filter := strings.ToLower(strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(t, ";"), "stop"), "~")))
	hit := func(s rules.Severity, why string) []confHit {
		return []confHit{{severity: s, techniques: []string{"T1685"}, why: why}}
	}
	for _, q := range quotedParts(filter) {
		if a, ok := filterAddress(q); ok {
			s := rules.High
			if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
				s = rules.Low
			}
			return hit(s, "lines that name an address are thrown away")
		}
	}
	for _, w := range loginWords {
		if strings.Contains(filter, w) {
			return hit(rules.Medium, "lines of logins are thrown away")
		}
	}
	if strings.HasPrefix(filter, "*.*") && !strings.Contains(filter, ";") {
		return hit(rules.Medium, "what no line before it has taken is thrown away")
	}
	for i := range c.env.Accounts {
		n := c.env.Accounts[i].Name
		if len(n) > 2 && strings.Contains(filter, `"`+strings.ToLower(n)+`"`) && strings.HasPrefix(filter, ":msg") {
			return hit(rules.Medium, "lines that name an account are thrown away")
		}
	}
	return nil
}

// filterAddress reads an address, or the beginning of one, "203.0.113.".
func filterAddress(q string) (netip.Addr, bool) {
	q = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(q), "from "))
	if a, err := netip.ParseAddr(q); err == nil {
		return a, true
	}
	if strings.Count(q, ".") < 2 || strings.Trim(q, "0123456789.") != "" {
		return netip.Addr{}, false
	}
	q = strings.TrimRight(q, ".")
	for strings.Count(q, ".") < 3 {
		q += ".0"
	}
	a, err := netip.ParseAddr(q)
	return a, err == nil
}

var settingLogging = &rules.Rule{
	ID:    "setting-logging",
	Title: "A setting keeps traces out of the logs",
	Doc: `Lines of rsyslog that throw away what names an address (high; low for a private one), a login or an account; rules of auditing that are removed after they were set, or auditing that is off; a journal that
keeps nothing; commands of logrotate that download, or run what is hidden.
Innocent: a health check whose lines are thrown away; a server that sends its logs elsewhere and keeps none.`,
	Severity:   rules.High,
	Techniques: []string{"T1685"},
	Kinds:      confKinds,
	New:        confRule(loggingLine, "logging"),
	True: []rules.Example{
		one("address", rules.High, aSetting("logging", "/etc/rsyslog.d/00-filter.conf", `:msg, contains, "203.0.113." stop`)),
		one("old style", rules.High, aSetting("logging", "/etc/rsyslog.d/00-filter.conf", `:msg, contains, "203.0.113.9" ~`)),
		one("script", rules.High, aSetting("logging", "/etc/rsyslog.conf", `if $msg contains "198.51.100.7" then { stop }`)),
		one("logins", rules.Medium, aSetting("logging", "/etc/rsyslog.d/a.conf", `:programname, isequal, "sshd" stop`)),
		{Name: "rules removed", Severity: rules.Medium, Records: confLines("logging", "/etc/audit/rules.d/z.rules", "-w /etc/passwd -p wa", "-D")},
		one("no journal", rules.Medium, keyed("logging", "/etc/systemd/journald.conf.d/x.conf", "Storage", "none")),
	},
	False: []rules.Example{
		quiet("noise", aSetting("logging", "/etc/rsyslog.d/a.conf", `:programname, isequal, "haproxy" stop`), aSetting("logging", "/etc/rsyslog.d/20-ufw.conf", `:msg,contains,"[UFW " /var/log/ufw.log`)),
		quiet("rules", aSetting("logging", "/etc/rsyslog.conf", "auth,authpriv.*\t\t\t/var/log/auth.log"), aSetting("logging", "/etc/rsyslog.conf", "*.*;auth,authpriv.none\t\t-/var/log/syslog")),
		quiet("Debian's audit rules", confLines("logging", "/etc/audit/rules.d/audit.rules", "-D", "-b 8192", "-f 1", "-w /etc/passwd -p wa")...),
		quiet("rotation", aSetting("logging", "/etc/logrotate.d/nginx", "invoke-rc.d nginx rotate >/dev/null 2>&1")),
	},
}

// updateServers serve updates and the signatures of scanners; names below them
// count as well.
var updateServers = []string{
	"security.debian.org", "deb.debian.org", "ftp.debian.org", "archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com", "changelogs.ubuntu.com", "esm.ubuntu.com", "mirrors.fedoraproject.org",
	"mirrorlist.centos.org", "mirror.centos.org", "vault.centos.org", "mirror.stream.centos.org", "mirrors.rockylinux.org", "dl.rockylinux.org", "repo.almalinux.org", "mirrors.almalinux.org", "cdn.redhat.com",
	"subscription.rhsm.redhat.com", "yum.oracle.com", "download.opensuse.org", "updates.suse.com", "scc.suse.com", "dl-cdn.alpinelinux.org", "geo.mirror.pkgbuild.com", "packages.microsoft.com", "api.snapcraft.io",
	"clamav.net", "virustotal.com", "kaspersky.com", "kaspersky-labs.com", "sophos.com", "sophosxl.net", "sophosupd.com", "eset.com", "cloudsink.net", "crowdstrike.com", "sentinelone.net", "symantec.com", "mcafee.com",
	"trendmicro.com", "malwarebytes.com", "bitdefender.com", "bitdefender.net", "wazuh.com", "rapid7.com", "lacework.net", "imunify360.com", "imunifyav.com", "cisofy.com", "rfxn.com",
}

func updateHost(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, h := range updateServers {
		if name == h || strings.HasSuffix(name, "."+h) {
			return true
		}
	}
	return strings.HasPrefix(name, "ftp.") && strings.HasSuffix(name, ".debian.org")
}

// networkLine judges lines that say where names lead.
func networkLine(_ *confChecker, r *timeline.Record) []confHit {
	if r.Evidence.Path != "/etc/hosts" {
		return nil
	}
	text, _, _ := strings.Cut(r.Fields["text"], "#")
	f := strings.Fields(text)
	if len(f) < 2 {
		return nil
	}
	a, err := netip.ParseAddr(f[0])
	if err != nil {
		return nil
	}
	for _, n := range f[1:] {
		if !updateHost(n) {
			continue
		}
		switch {
		case a.IsLoopback() || a.IsUnspecified():
			return []confHit{{severity: rules.High, techniques: []string{"T1685", "T1565.001"}, why: show(n) + " leads nowhere, so that updates or signatures do not come"}}
		case !a.IsPrivate():
			return []confHit{{severity: rules.Medium, techniques: []string{"T1565.001"}, why: show(n) + " leads to an address that is fixed here"}}
		}
	}
	return nil
}

var settingNetwork = &rules.Rule{
	ID:    "setting-network",
	Title: "The hosts of updates or of virus signatures are led elsewhere",
	Doc: `Lines of /etc/hosts that lead the hosts of a distribution's updates, or of makers of security software, to the server itself (high) or to a fixed public address (medium).
Innocent: a mirror of the owner's, which mostly has a private address and is not reported.`,
	Severity:   rules.High,
	Techniques: []string{"T1685", "T1565.001"},
	Kinds:      confKinds,
	New:        confRule(networkLine, "network"),
	True: []rules.Example{
		one("updates", rules.High, aSetting("network", "/etc/hosts", "127.0.0.1 security.debian.org deb.debian.org")),
		one("scanner", rules.High, aSetting("network", "/etc/hosts", "0.0.0.0 database.clamav.net")),
		one("fixed", rules.Medium, aSetting("network", "/etc/hosts", "203.0.113.9 archive.ubuntu.com")),
	},
	False: []rules.Example{
		quiet("usual", aSetting("network", "/etc/hosts", "127.0.1.1 shop01.example.org shop01"), aSetting("network", "/etc/hosts", "::1 localhost ip6-localhost")),
		quiet("advertisements", aSetting("network", "/etc/hosts", "0.0.0.0 ads.example.com")),
		quiet("mirror", aSetting("network", "/etc/hosts", "10.0.0.9 deb.debian.org")),
		withEnv(withBaseline, quiet("known", aSetting("network", "/etc/hosts", "127.0.0.1 security.debian.org"))),
	},
}

// phpExtension reports whether files of an extension are meant to be run by
// PHP.
func phpExtension(ext string) bool {
	ext = strings.ToLower(strings.Trim(ext, ". \t\"'"))
	return strings.HasPrefix(ext, "php") || ext == "phtml" || ext == "pht" || ext == "phar" || ext == "inc" || ext == "html" || ext == "htm" || ext == "shtml"
}

// namesPictures reports whether a pattern of paths is of files that are sent as
// they are.
func namesPictures(pattern string) bool {
	l := strings.ToLower(pattern)
	if strings.Contains(l, "php") {
		return false
	}
	for _, ext := range [...]string{"jpg", "jpe?g", "jpeg", "png", "gif", "ico", "bmp", "webp", "svg", "css", "txt", "woff"} {
		if strings.Contains(l, ext) {
			return true
		}
	}
	return false
}

// prepended judges the value of auto_prepend_file or auto_append_file.
func prepended(value string) []confHit {
	v := strings.Trim(value, `"' `)
	if v == "" || strings.EqualFold(v, "none") || base(v) == "wordfence-waf.php" {
		return nil
	}
	s, why := rules.Medium, "PHP runs "+showPath(v)+" before or after every page"
	if e := extension(base(v)); strings.Contains(v, "://") || strings.HasPrefix(v, "data:") || temporary(v) != "" || hiddenElement(v) || pictures[e] || e == "" {
		s = rules.High
	}
	return []confHit{{severity: s, techniques: []string{"T1505.003", "T1574"}, why: why}}
}

// webLine judges lines of web servers and of PHP.
func webLine(c *confChecker, r *timeline.Record) []confHit {
	p, text := r.Evidence.Path, r.Fields["text"]
	key := strings.ToLower(r.Fields["key"])
	runs := func(what string) []confHit {
		return []confHit{{severity: rules.High, techniques: []string{"T1505.003"}, why: what + " are run as PHP"}}
	}
	if strings.HasSuffix(p, ".ini") || strings.Contains(p, "/pool.d/") || strings.Contains(p, "php-fpm.d/") {
		if key == "auto_prepend_file" || key == "auto_append_file" || strings.HasSuffix(key, "[auto_prepend_file]") || strings.HasSuffix(key, "[auto_append_file]") {
			return prepended(r.Fields["value"])
		}
		if v := strings.Trim(r.Fields["value"], `"'`); (key == "extension" || key == "zend_extension") && strings.HasPrefix(v, "/") && (temporary(v) != "" || hiddenElement(v)) {
			return []confHit{{severity: rules.High, techniques: []string{"T1505"}, why: "PHP loads a module from a hidden or temporary place"}}
		}
		if key == "security.limit_extensions" {
			for _, e := range strings.Fields(r.Fields["value"]) {
				if pictures[strings.Trim(e, ".")] {
					return runs("files named " + show(e))
				}
			}
		}
		return nil
	}
	f := strings.Fields(strings.Trim(text, "<>"))
	if len(f) == 0 {
		return nil
	}
	switch word := strings.ToLower(f[0]); word {
	case "php_value", "php_admin_value":
		if len(f) > 2 && (strings.EqualFold(f[1], "auto_prepend_file") || strings.EqualFold(f[1], "auto_append_file")) {
			return prepended(strings.Join(f[2:], " "))
		}
	case "loadmodule", "load_module":
		if file := strings.Trim(f[len(f)-1], `;"'`); strings.HasPrefix(file, "/") && (temporary(file) != "" || hiddenElement(file)) {
			return []confHit{{severity: rules.High, techniques: []string{"T1505"}, why: "the web server loads a module from a hidden or temporary place"}}
		}
	case "addtype", "addhandler":
		if len(f) > 2 && strings.Contains(strings.ToLower(f[1]), "php") || len(f) > 2 && strings.EqualFold(f[1], "cgi-script") {
			for _, e := range f[2:] {
				if pictures[strings.ToLower(strings.Trim(e, `."'`))] || c.inTree(p) && !phpExtension(e) && !isWebScript("x."+strings.Trim(e, ".")) {
					return runs("files named " + show(e))
				}
			}
		}
	case "filesmatch", "files", "locationmatch":
		c.inside = strings.Join(f[1:], " ")
	case "/filesmatch", "/files", "/locationmatch":
		c.inside = ""
	case "sethandler":
		if len(f) > 1 && strings.Contains(strings.ToLower(strings.Join(f[1:], " ")), "php") {
			if namesPictures(c.inside) {
				return runs("the files of " + show(c.inside))
			}
			if c.inside == "" && base(p) == ".htaccess" {
				return []confHit{{severity: rules.Medium, techniques: []string{"T1505.003"}, why: "all files of the directory are run as PHP"}}
			}
		}
	case "location":
		pattern, rest, block := strings.Cut(text, "{")
		c.inside = strings.TrimSpace(pattern[len("location"):])
		if block && namesPictures(c.inside) && passesToPHP(rest) {
			return runs("the files of " + show(c.inside))
		}
	case "server", "upstream", "http":
		c.inside = ""
	default:
		if text == "}" {
			c.inside = ""
		} else if c.inside != "" && namesPictures(c.inside) && passesToPHP(text) && !strings.HasSuffix(p, ".htaccess") {
			return runs("the files of " + show(c.inside))
		}
	}
	return nil
}

// inTree reports whether a file of settings lies among a site's files.
func (c *confChecker) inTree(p string) bool { return base(p) == ".htaccess" }

// passesToPHP reports whether a directive of nginx hands requests to PHP.
func passesToPHP(text string) bool {
	l := strings.ToLower(text)
	return strings.Contains(l, "fastcgi_pass") || strings.Contains(l, "include") && strings.Contains(l, "fastcgi") && strings.Contains(l, "php")
}

var settingWeb = &rules.Rule{
	ID:    "setting-web",
	Title: "A setting makes the web server run what should be sent or hidden",
	Doc: `Lines of Apache, nginx, PHP, .htaccess and .user.ini that run pictures and the like as PHP, or that run a file before every page (high if its name is a picture's, or it is hidden, temporary or
from the network).
Innocent: applications that use auto_prepend_file for a firewall or a profiler (medium; Wordfence's is not reported).`,
	Severity:   rules.High,
	Techniques: []string{"T1505.003"},
	Kinds:      confKinds,
	New:        confRule(webLine, "web"),
	True: []rules.Example{
		one("prepended picture", rules.High, keyed("web", "/srv/www/shop/uploads/.user.ini", "auto_prepend_file", "/srv/www/shop/uploads/banner.jpg")),
		one("htaccess", rules.High, aSetting("web", "/var/www/html/uploads/.htaccess", "AddType application/x-httpd-php .jpg")),
		one("odd extension", rules.High, aSetting("web", "/var/www/html/uploads/.htaccess", "AddHandler application/x-httpd-php .l33t")),
		{Name: "match", Severity: rules.High, Records: confLines("web", "/var/www/html/uploads/.htaccess", `<FilesMatch "\.(png|jpg)$">`, "SetHandler application/x-httpd-php", "</FilesMatch>")},
		one("nginx in one line", rules.High, aSetting("web", "/etc/nginx/snippets/img.conf", `location ~ /uploads/.*\.jpg$ { include snippets/fastcgi-php.conf; fastcgi_pass unix:/run/php/php8.4-fpm.sock; }`)),
		{Name: "nginx", Severity: rules.High, Records: confLines("web", "/etc/nginx/conf.d/a.conf", `location ~* \.(gif|png)$ {`, "fastcgi_pass 127.0.0.1:9000;", "}")},
		one("every page", rules.Medium, keyed("web", "/etc/php/8.2/fpm/conf.d/99-x.ini", "auto_prepend_file", "/usr/share/php/prof.php")),
	},
	False: []rules.Example{
		quiet("PHP", confLines("web", "/etc/apache2/mods-enabled/php8.2.conf", `<FilesMatch ".+\.ph(?:ar|p|tml)$">`, "SetHandler application/x-httpd-php", "</FilesMatch>")...),
		quiet("nginx", confLines("web", "/etc/nginx/sites-available/default", `location ~* \.(jpg|png)$ {`, "expires 30d;", "}", `location ~ \.php$ {`, "include snippets/fastcgi-php.conf;", "fastcgi_pass unix:/run/php/php-fpm.sock;", "}")...),
		quiet("none", keyed("web", "/etc/php/8.2/fpm/php.ini", "auto_prepend_file", ""), keyed("web", "/etc/php/8.2/fpm/php.ini", "auto_append_file", "none"), keyed("web", "/var/www/html/.user.ini", "auto_prepend_file", "'/var/www/html/wordfence-waf.php'")),
		quiet("rewriting", confLines("web", "/var/www/html/.htaccess", "RewriteEngine On", "RewriteRule ^index\\.php$ - [L]", "AddType image/webp .webp", "AddHandler application/x-httpd-php82 .php .php8 .phtml")...),
	},
}
