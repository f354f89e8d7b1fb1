package triage

// Group is a set of files that a collection takes besides what the extractors
// read.
type Group struct {
	Name     string
	Doc      string
	Patterns []string // as those of an extractor's Paths
	When     When
}

// When says which options a group depends on.
type When uint8

const (
	Always   When = iota
	Messages      // the system's own logs: unless they are not wanted
	Backup        // with --backup only
)

// Groups are what is collected besides the files of the extractors. What they hold
// of a server is not judged here: all of /etc is taken, with its secrets, as a copy
// of the disk has them too.
var Groups = []Group{
	{
		Name: "configuration", Doc: "the system's and the servers' configuration, accounts included",
		Patterns: []string{"/etc/**", "/usr/local/etc/**", "/usr/lib/os-release", "/usr/share/zoneinfo/localtime", "/boot/grub/*.cfg", "/boot/grub/custom.cfg",
			"/boot/grub2/*", "/boot/loader/**", "/boot/efi/EFI/*/grub.cfg", "/boot/config-*", "/boot/extlinux/*", "/var/lib/cloud/data/**", "/var/lib/cloud/instances/**",
			"/var/lib/cloud/instance", "/var/lib/NetworkManager/*", "/var/lib/dhcp/*", "/var/lib/dhclient/*", "/var/lib/AccountsService/users/*", "/var/lib/sudo/lectured/*", "/var/db/sudo/**"},
	},
	{
		Name: "homes", Doc: "each account's histories, settings and what starts with its session",
		Patterns: []string{"~/.*", "~/.ssh/**", "~/.config/autostart/**", "~/.config/systemd/**", "~/.config/fish/**", "~/.config/upstart/**", "~/.config/cron/**",
			"~/.local/share/fish/**", "~/.local/share/systemd/**", "~/.local/share/recently-used.xbel", "~/.local/share/Trash/info/*", "~/.local/state/*", "~/.gnupg/*.conf",
			"~/.mysql_history", "~/.psql_history", "~/.aws/config", "~/.kube/config", "~/.docker/config.json", "~/.vim/.netrwhist", "~/.pam_environment", "~/.java/*", "/var/mail/root", "/var/spool/mail/root"},
	},
	{
		Name: "scheduled", Doc: "cron, anacron and at",
		Patterns: []string{"/var/spool/cron/**", "/var/spool/anacron/**", "/var/spool/at/**", "/var/spool/cronie/**", "/var/lib/systemd/timers/*", "/var/lib/systemd/linger/*"},
	},
	{
		Name: "services", Doc: "units, generators, init scripts, what D-Bus, udev and polkit start or allow",
		Patterns: []string{"/usr/lib/systemd/system/**", "/usr/lib/systemd/user/**", "/usr/lib/systemd/*-generators/**", "/usr/lib/systemd/*-preset/**", "/usr/lib/systemd/system-shutdown/**",
			"/usr/lib/systemd/system-sleep/**", "/usr/lib/systemd/network/**", "/lib/systemd/system/**", "/lib/systemd/user/**", "/lib/systemd/*-generators/**", "/lib/systemd/system-shutdown/**",
			"/lib/systemd/system-sleep/**", "/usr/local/lib/systemd/**", "/run/systemd/system/**", "/run/systemd/transient/**", "/run/systemd/generator*/**", "/usr/share/dbus-1/services/*",
			"/usr/share/dbus-1/system-services/*", "/usr/share/dbus-1/system.d/*", "/usr/share/polkit-1/**", "/var/lib/polkit-1/**", "/usr/lib/udev/rules.d/*", "/lib/udev/rules.d/*",
			"/usr/lib/tmpfiles.d/*", "/usr/lib/sysctl.d/*", "/usr/lib/sysusers.d/*", "/usr/lib/environment.d/*", "/usr/lib/pam.d/*", "/usr/share/pam-configs/*", "/usr/lib/NetworkManager/dispatcher.d/**",
			"/usr/lib/networkd-dispatcher/**", "/usr/share/xsessions/*", "/usr/lib/update-notifier/*", "/usr/lib/init/**"},
	},
	{
		Name: "packages", Doc: "the records of the package managers",
		Patterns: []string{"/var/lib/dpkg/**", "/var/lib/apt/extended_states", "/var/lib/apt/listchanges*", "/var/lib/rpm/**", "/usr/lib/sysimage/rpm/**", "/var/lib/dnf/**", "/var/lib/yum/history/**",
			"/var/lib/yum/yumdb/**", "/lib/apk/db/*", "/usr/lib/apk/db/*", "/var/lib/pacman/local/**", "/var/lib/snapd/state.json", "/var/lib/snapd/sequence/*", "/var/lib/flatpak/app/*/current/active/metadata",
			"/usr/lib/python3*/site-packages/*.dist-info/METADATA", "/usr/local/lib/python3*/*-packages/*.dist-info/METADATA", "/usr/local/lib/python3*/*-packages/*.dist-info/RECORD",
			"/usr/local/lib/node_modules/*/package.json", "/usr/lib/node_modules/*/package.json"},
	},
	{
		Name: "kernel", Doc: "lists of kernel modules, and the modules that no kernel package brought",
		Patterns: []string{"/lib/modules/*/modules.*", "/usr/lib/modules/*/modules.*", "/lib/modules/*/extra/**", "/lib/modules/*/updates/**", "/lib/modules/*/misc/**", "/lib/modules/*/weak-updates/**",
			"/usr/lib/modules/*/extra/**", "/usr/lib/modules/*/updates/**", "/usr/lib/modules/*/misc/**", "/usr/lib/modules-load.d/*", "/usr/lib/modprobe.d/*", "/lib/modules-load.d/*", "/lib/modprobe.d/*"},
	},
	{
		Name: "logs", Doc: "logs of logins, servers and applications",
		Patterns: []string{"/var/log/**", "/var/adm/**", "/run/log/**", "/var/run/utmp", "/run/utmp", "/var/lib/lastlog/*", "/var/lib/wtmpdb/*", "/usr/local/*/logs/**", "/opt/*/logs/**", "/opt/*/log/**",
			"/var/lib/fail2ban/*", "/var/lib/logrotate/*", "/var/lib/logrotate.status", "/var/crash/*.crash", "/var/lib/systemd/coredump/*.json", "/usr/local/var/log/**", "/var/lib/aide/*"},
	},
	{
		Name: "messages", Doc: "the system's own logs: syslog, kernel, journal", When: Messages,
		Patterns: []string{"/var/log/syslog*", "/var/log/messages*", "/var/log/kern.log*", "/var/log/kern*", "/var/log/daemon*", "/var/log/debug*", "/var/log/user.log*", "/var/log/user-*", "/var/log/boot*", "/var/log/dmesg*",
			"/var/log/warn*", "/var/log/localmessages*", "/var/log/journal/**", "/run/log/journal/**", "/var/log/everything*"},
	},
	{
		Name: "databases", Doc: "configurations and logs of MySQL, MariaDB, PostgreSQL, Oracle",
		Patterns: []string{"/var/lib/mysql/*.err", "/var/lib/mysql/*.err.*", "/var/lib/mysql/*.log", "/var/lib/mysql/*.log.*", "/var/lib/mysql/*.cnf", "/var/lib/mysql/*.info", "/var/lib/mysql-files/**",
			"/var/lib/postgresql/*/*/*.conf", "/var/lib/postgresql/*/*/PG_VERSION", "/var/lib/postgresql/*/*/*log/**", "/var/lib/pgsql/data/*.conf", "/var/lib/pgsql/data/PG_VERSION", "/var/lib/pgsql/data/*log/**",
			"/var/lib/pgsql/*/data/*.conf", "/var/lib/pgsql/*/data/*log/**", "/var/lib/pgsql/*/*.log", "/var/lib/postgres/data/*.conf", "/u0?/app/oracle/diag/**/alert_*.log", "/u0?/app/oracle/diag/**/listener.log",
			"/u0?/app/oracle/**/network/admin/*.ora", "/u0?/app/oracle/**/dbs/*.ora", "/u0?/app/oracle/admin/**/*.aud", "/opt/oracle/diag/**/alert_*.log", "/opt/oracle/**/network/admin/*.ora", "/opt/oracle/**/dbs/*.ora",
			"/var/lib/redis/*.conf", "/var/lib/mongodb/*.log"},
	},
	{
		Name: "containers", Doc: "how containers were made and what they logged",
		Patterns: []string{"/var/lib/docker/containers/*/*.json*", "/var/lib/docker/containers/*/*.log*", "/var/lib/docker/containers/*/host*", "/var/lib/docker/image/*/repositories.json", "/var/lib/docker/volumes/*/opts.json",
			"/var/lib/containers/storage/*/*.json", "/var/lib/containers/storage/overlay-containers/*/userdata/*.json", "/var/lib/containers/storage/overlay-containers/*/userdata/*.log", "/var/lib/lxc/*/config",
			"/var/lib/machines/*.nspawn", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/*.conf"},
	},
	{
		Name: "backup", Doc: "configurations wherever programs keep them", When: Backup,
		Patterns: []string{"/opt/**/conf/**", "/opt/**/config/**", "/opt/**/etc/**", "/opt/**/*.conf", "/opt/**/*.cnf", "/opt/**/*.ini", "/opt/**/*.yml", "/opt/**/*.yaml", "/usr/local/**/conf/**", "/usr/local/**/*.conf",
			"/usr/local/**/*.ini", "/srv/**/*.conf", "/srv/**/*.cnf", "/srv/**/*.ini", "/srv/**/*.yml", "/srv/**/*.yaml", "/srv/**/.env", "/usr/share/*/conf/**", "/usr/share/*/config/**", "/var/lib/*/conf/**", "/var/lib/*/config/**",
			"/var/lib/*/*.conf", "/usr/lib/sysctl.d/**", "/boot/grub/**"},
	},
}

// temporary are directories that everybody may write to. What is a program, a
// script, an archive or hidden is taken from them; all of it with --backup.
var temporary = []string{"/tmp", "/var/tmp", "/dev/shm", "/run/shm", "/run/lock", "/var/lock"}

// scripts are the ends of names of what a web server would run, and of the files
// that say how.
var scripts = map[string]bool{
	".php": true, ".php3": true, ".php4": true, ".php5": true, ".php7": true, ".php8": true, ".pht": true, ".phtml": true, ".phar": true, ".phps": true, ".inc": true, ".module": true, ".install": true,
	".pl": true, ".pm": true, ".cgi": true, ".fcgi": true, ".py": true, ".rb": true, ".lua": true, ".sh": true, ".bash": true, ".ksh": true,
	".asp": true, ".aspx": true, ".ashx": true, ".asmx": true, ".ascx": true, ".cfm": true, ".cfc": true, ".jsp": true, ".jspx": true, ".jspf": true, ".jsw": true, ".war": true, ".shtml": true, ".ssi": true,
	".htaccess": true, ".htpasswd": true, ".env": true, ".ini": true, ".conf": true,
}

// scriptNames are such files by their whole names.
var scriptNames = map[string]bool{"web.config": true, "web.xml": true, "composer.json": true, "composer.lock": true, "package.json": true, "wp-config.php": true, "configuration.php": true}

// programs are what [content.Type] calls programs and scripts, and loot what it
// calls archives and what is like them.
var (
	programs = map[string]bool{"elf": true, "script": true, "php": true, "pe": true, "mach-o": true, "java-class": true, "wasm": true, "lua-bytecode": true}
	loot     = map[string]bool{"gzip": true, "bzip2": true, "xz": true, "zstd": true, "lz4": true, "zip": true, "7z": true, "rar": true, "tar": true, "cpio": true, "deb": true, "rpm": true, "ar": true, "pem": true, "pcap": true, "pcapng": true}
)
