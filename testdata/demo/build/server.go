package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// pkg is one package of the server. A file is named as the package names it,
// so those of /bin, /sbin and /lib lie below /usr on the disk: the server has
// merged them. A leading letter and colon say what a file is: s: setuid root
// program, g: setgid 42 program, p: script, c: configuration file, t: text.
// Without one, the path tells.
type pkg struct {
	name, version, section, summary string
	files                           string
}

var pkgs = []pkg{
	{"base-files", "11.1+deb11u9", "admin", "Debian base system miscellaneous files", "t:/usr/lib/os-release t:/etc/debian_version c:/etc/issue c:/etc/issue.net t:/usr/share/base-files/motd c:/etc/host.conf"},
	{"base-passwd", "3.5.51", "admin", "Debian base system master password and group files", "/usr/sbin/update-passwd t:/usr/share/base-passwd/passwd.master"},
	{"libc6", "2.31-13+deb11u7", "libs", "GNU C Library: Shared libraries", "/lib/x86_64-linux-gnu/libc-2.31.so /lib/x86_64-linux-gnu/libm-2.31.so /lib/x86_64-linux-gnu/ld-2.31.so /lib/x86_64-linux-gnu/libpthread-2.31.so /lib/x86_64-linux-gnu/libdl-2.31.so"},
	{"libc-bin", "2.31-13+deb11u7", "libs", "GNU C Library: Binaries", "/usr/bin/ldd /usr/bin/getent /sbin/ldconfig /usr/bin/locale c:/etc/ld.so.conf c:/etc/nsswitch.conf"},
	{"libssl1.1", "1.1.1n-0+deb11u4", "libs", "Secure Sockets Layer toolkit - shared libraries", "/usr/lib/x86_64-linux-gnu/libssl.so.1.1 /usr/lib/x86_64-linux-gnu/libcrypto.so.1.1"},
	{"libpam0g", "1.4.0-9+deb11u1", "libs", "Pluggable Authentication Modules library", "/lib/x86_64-linux-gnu/libpam.so.0.85.1"},
	{"libpam-modules", "1.4.0-9+deb11u1", "admin", "Pluggable Authentication Modules for PAM", "/lib/x86_64-linux-gnu/security/pam_unix.so /lib/x86_64-linux-gnu/security/pam_deny.so /lib/x86_64-linux-gnu/security/pam_permit.so /lib/x86_64-linux-gnu/security/pam_env.so"},
	{"libpam-runtime", "1.4.0-9+deb11u1", "admin", "Runtime support for the PAM library", "/usr/sbin/pam-auth-update c:/etc/pam.d/other c:/etc/pam.conf"},
	{"dash", "0.5.11+git20200708+dd9ef66-5", "shells", "POSIX-compliant shell", "/bin/dash"},
	{"bash", "5.1-2+deb11u1", "shells", "GNU Bourne Again SHell", "/bin/bash /usr/bin/bashbug c:/etc/bash.bashrc c:/etc/skel/.bashrc c:/etc/skel/.profile c:/etc/skel/.bash_logout"},
	{"coreutils", "8.32-4", "utils", "GNU core utilities", "/bin/cat /bin/chmod /bin/chown /bin/cp /bin/date /bin/dd /bin/df /bin/echo /bin/ln /bin/ls /bin/mkdir /bin/mv /bin/rm /bin/rmdir /bin/sleep /bin/stty /bin/sync /bin/touch /bin/uname /usr/bin/base64 /usr/bin/basename /usr/bin/cut /usr/bin/du /usr/bin/env /usr/bin/head /usr/bin/id /usr/bin/install /usr/bin/md5sum /usr/bin/nohup /usr/bin/sha256sum /usr/bin/shred /usr/bin/sort /usr/bin/stat /usr/bin/tail /usr/bin/test /usr/bin/tr /usr/bin/uniq /usr/bin/wc /usr/bin/whoami"},
	{"procps", "2:3.3.17-5", "admin", "/proc file system utilities", "/bin/ps /bin/kill /usr/bin/free /usr/bin/pgrep /usr/bin/top /usr/bin/uptime /usr/bin/vmstat /usr/bin/w /usr/bin/watch /sbin/sysctl c:/etc/sysctl.conf /lib/x86_64-linux-gnu/libprocps.so.8.0.3"},
	{"grep", "3.6-1+deb11u1", "utils", "GNU grep, egrep and fgrep", "/bin/grep p:/bin/egrep p:/bin/fgrep"},
	{"sed", "4.7-1", "utils", "GNU stream editor for filtering/transforming text", "/bin/sed"},
	{"gzip", "1.10-4+deb11u1", "utils", "GNU compression utilities", "/bin/gzip p:/bin/zcat p:/bin/zgrep"},
	{"tar", "1.34+dfsg-1", "utils", "GNU version of the tar archiving utility", "/bin/tar /usr/sbin/rmt-tar"},
	{"findutils", "4.8.0-1", "utils", "utilities for finding files--find, xargs", "/usr/bin/find /usr/bin/xargs"},
	{"login", "1:4.8.1-1", "admin", "system login tools", "/bin/login /usr/bin/faillog /usr/bin/lastlog s:/usr/bin/newgrp /sbin/nologin c:/etc/login.defs c:/etc/pam.d/login"},
	{"passwd", "1:4.8.1-1", "admin", "change and administer password and group data", "s:/usr/bin/passwd s:/usr/bin/chsh s:/usr/bin/chfn s:/usr/bin/gpasswd g:/usr/bin/chage g:/usr/bin/expiry /usr/sbin/useradd /usr/sbin/usermod /usr/sbin/userdel /usr/sbin/groupadd /usr/sbin/chpasswd c:/etc/default/useradd c:/etc/pam.d/passwd"},
	{"util-linux", "2.36.1-8+deb11u1", "utils", "miscellaneous system utilities", "s:/bin/su /bin/dmesg /bin/findmnt /bin/lsblk /bin/more /usr/bin/last /usr/bin/logger /usr/bin/script /usr/bin/setsid /sbin/agetty /sbin/blkid /sbin/fsck /sbin/losetup /sbin/mkswap c:/etc/pam.d/su"},
	{"mount", "2.36.1-8+deb11u1", "admin", "tools for mounting and manipulating filesystems", "s:/bin/mount s:/bin/umount /sbin/swapon"},
	{"sudo", "1.9.5p2-3+deb11u1", "admin", "Provide limited super user privileges to specific users", "s:/usr/bin/sudo /usr/sbin/visudo c:/etc/sudoers c:/etc/sudoers.d/README c:/etc/pam.d/sudo"},
	{"cron", "3.0pl1-137", "admin", "process scheduling daemon", "/usr/sbin/cron g:/usr/bin/crontab c:/etc/crontab c:/etc/default/cron c:/etc/cron.d/.placeholder c:/etc/cron.daily/.placeholder t:/lib/systemd/system/cron.service"},
	{"logrotate", "3.18.0-2+deb11u1", "admin", "Log rotation utility", "/usr/sbin/logrotate c:/etc/logrotate.conf c:/etc/logrotate.d/btmp c:/etc/logrotate.d/wtmp t:/lib/systemd/system/logrotate.timer"},
	{"rsyslog", "8.2102.0-2+deb11u1", "admin", "reliable system and kernel logging daemon", "/usr/sbin/rsyslogd c:/etc/rsyslog.conf c:/etc/logrotate.d/rsyslog t:/lib/systemd/system/rsyslog.service"},
	{"systemd", "247.3-7+deb11u4", "admin", "system and service manager", "/lib/systemd/systemd /lib/systemd/systemd-journald /bin/systemctl /bin/journalctl c:/etc/systemd/system.conf c:/etc/systemd/journald.conf t:/usr/lib/tmpfiles.d/x11.conf t:/usr/lib/tmpfiles.d/tmp.conf"},
	{"dbus", "1.12.28-0+deb11u1", "admin", "simple interprocess messaging system (daemon and utilities)", "/usr/bin/dbus-daemon s:/usr/lib/dbus-1.0/dbus-daemon-launch-helper"},
	{"iproute2", "5.10.0-4", "net", "networking and traffic control tools", "/bin/ip /bin/ss"},
	{"iputils-ping", "3:20210202-1", "net", "Tools to test the reachability of network hosts", "/bin/ping"},
	{"openssh-client", "1:8.4p1-5+deb11u2", "net", "secure shell (SSH) client, for secure access to remote machines", "/usr/bin/ssh /usr/bin/scp /usr/bin/ssh-keygen s:/usr/lib/openssh/ssh-keysign c:/etc/ssh/ssh_config"},
	{"openssh-server", "1:8.4p1-5+deb11u2", "net", "secure shell (SSH) server, for secure access from remote machines", "/usr/sbin/sshd c:/etc/default/ssh c:/etc/pam.d/sshd t:/lib/systemd/system/ssh.service"},
	{"openssl", "1.1.1n-0+deb11u4", "utils", "Secure Sockets Layer toolkit - cryptographic utility", "/usr/bin/openssl p:/usr/bin/c_rehash c:/etc/ssl/openssl.cnf"},
	{"wget", "1.21-1+deb11u1", "web", "retrieves files from the web", "/usr/bin/wget c:/etc/wgetrc"},
	{"curl", "7.74.0-1.3+deb11u7", "web", "command line tool for transferring data with URL syntax", "/usr/bin/curl"},
	{"perl-base", "5.32.1-4+deb11u2", "perl", "minimal Perl system", "/usr/bin/perl"},
	{"vim-tiny", "2:8.2.2434-3+deb11u1", "editors", "Vi IMproved - enhanced vi editor - compact version", "/usr/bin/vim.tiny c:/etc/vim/vimrc.tiny"},
	{"less", "551-2", "text", "pager program similar to more", "/usr/bin/less"},
	{"apache2-bin", "2.4.56-1~deb11u2", "httpd", "Apache HTTP Server (modules and other binary files)", "/usr/sbin/apache2 /usr/bin/ab /usr/lib/apache2/modules/mod_rewrite.so /usr/lib/apache2/modules/mod_ssl.so /usr/lib/apache2/modules/mod_mpm_prefork.so"},
	{"apache2", "2.4.56-1~deb11u2", "httpd", "Apache HTTP Server", "p:/usr/sbin/apachectl p:/usr/sbin/a2ensite p:/usr/sbin/a2enmod c:/etc/apache2/apache2.conf c:/etc/apache2/ports.conf c:/etc/apache2/envvars c:/etc/apache2/conf-available/security.conf c:/etc/apache2/sites-available/000-default.conf c:/etc/logrotate.d/apache2 t:/lib/systemd/system/apache2.service"},
	{"php7.4-cli", "7.4.33-1+deb11u4", "php", "command-line interpreter for the PHP scripting language", "/usr/bin/php7.4 c:/etc/php/7.4/cli/php.ini"},
	{"libapache2-mod-php7.4", "7.4.33-1+deb11u4", "php", "server-side, HTML-embedded scripting language (Apache 2 module)", "/usr/lib/apache2/modules/libphp7.4.so c:/etc/apache2/mods-available/php7.4.conf c:/etc/apache2/mods-available/php7.4.load c:/etc/php/7.4/apache2/php.ini"},
	{"php-common", "2:76", "php", "Common files for PHP packages", "p:/usr/lib/php/sessionclean c:/etc/cron.d/php"},
	{"dpkg", "1.20.12", "admin", "Debian package management system", "/usr/bin/dpkg /usr/bin/dpkg-deb /usr/bin/dpkg-query c:/etc/alternatives/README c:/etc/logrotate.d/dpkg p:/etc/cron.daily/dpkg"},
	{"apt", "2.2.4", "admin", "commandline package manager", "/usr/bin/apt /usr/bin/apt-get /usr/lib/apt/methods/http c:/etc/logrotate.d/apt c:/etc/apt/apt.conf.d/01autoremove"},
	{"gpgv", "2.2.27-2+deb11u2", "utils", "GNU privacy guard - signature verification tool", "/usr/bin/gpgv"},
	{"udev", "247.3-7+deb11u4", "admin", "/dev/ and hotplug management daemon", "/bin/udevadm t:/lib/udev/rules.d/50-udev-default.rules"},
	{"linux-image-5.10.0-28-amd64", "5.10.209-2", "kernel", "Linux 5.10 for 64-bit PCs (signed)", "t:/boot/config-5.10.0-28-amd64 t:/boot/System.map-5.10.0-28-amd64 t:/boot/vmlinuz-5.10.0-28-amd64 t:/lib/modules/5.10.0-28-amd64/modules.builtin t:/lib/modules/5.10.0-28-amd64/modules.order"},
	{"tzdata", "2024a-0+deb11u1", "localization", "time zone and daylight-saving time data", "t:/usr/share/zoneinfo/Europe/Berlin t:/usr/share/zoneinfo/Etc/UTC"},
}

// merged gives the place on the disk of a path that a package names.
func merged(p string) string {
	for _, d := range []string{"/bin/", "/sbin/", "/lib/"} {
		if strings.HasPrefix(p, d) {
			return "/usr" + p
		}
	}
	return p
}

type server struct {
	status map[string]string // stanzas of the package database by package
	annas  string            // fingerprint of the administrator's key
	*tree
	programs map[string][]byte // compiled stand-ins by the name of their source
}

// program is the stand-in for a program or library of that name and version.
func (s *server) program(kind, name string) string {
	const field = "@@NAME@@"
	data := bytes.Clone(s.programs[kind])
	i := bytes.Index(data, []byte(field))
	if i < 0 || len(name) > 63 {
		fatal("no room for the name %q in %s", name, kind)
	}
	copy(data[i:i+64], append([]byte(name), make([]byte, 64-len(name))...))
	return string(data)
}

// install unpacks one package as dpkg does: modification times from the
// archive, the others from the clock. It returns when it was done.
func (s *server) install(p pkg, built, at time.Time) time.Time {
	var list, sums, conffiles strings.Builder
	dirs := map[string]bool{}
	list.WriteString("/.\n")
	files := strings.Fields(p.files)
	files = append(files, "t:/usr/share/doc/"+p.name+"/copyright", "t:/usr/share/doc/"+p.name+"/changelog.Debian.gz")
	for _, f := range files {
		kind := ""
		if len(f) > 1 && f[1] == ':' {
			kind, f = f[:1], f[2:]
		}
		at = at.Add(time.Duration(11+s.rng.IntN(50)) * time.Millisecond)
		mode, data := uint32(0o755), ""
		switch {
		case kind == "c" || kind == "t":
			mode = 0o644
			data = s.text(f, p)
		case kind == "p":
			data = "#!/bin/sh\n# " + path.Base(f) + " of " + p.name + " " + p.version + "\nexit 0\n"
		case strings.Contains(path.Base(f), ".so"):
			mode, data = 0o644, s.program("library", path.Base(f)+" "+p.version)
		default:
			data = s.program("tool", path.Base(f)+" "+p.version)
		}
		gid := uint32(0)
		switch kind {
		case "s":
			mode = 0o4755
		case "g":
			mode, gid = 0o2755, 42
		}
		if f == "/etc/sudoers" {
			mode = 0o440
		}
		real := merged(f)
		s.mkdirs(path.Dir(real), at)
		var n *node
		if s.has(real) {
			n = s.replace(real, data, at)
		} else {
			n = s.file(real, mode, 0, gid, data, at)
		}
		s.setTimes(real, n.atime, built, at)
		if f == "/bin/ping" {
			// struct vfs_cap_data, revision 2, effective: cap_net_raw permitted.
			n.xattr = map[string]string{"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}
		}
		for d := path.Dir(f); d != "/"; d = path.Dir(d) {
			dirs[d] = true
		}
		fmt.Fprintf(&list, "%s\n", f)
		if kind == "c" {
			fmt.Fprintf(&conffiles, " %s %x\n", f, md5.Sum([]byte(data)))
		} else {
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum([]byte(data)), f[1:])
		}
	}
	for _, d := range sortedKeys(dirs) {
		fmt.Fprintf(&list, "%s\n", d)
	}
	at = at.Add(40 * time.Millisecond)
	info := "/var/lib/dpkg/info/" + p.name
	put := func(p, data string) {
		if s.has(p) {
			s.replace(p, data, at)
		} else {
			s.file(p, 0o644, 0, 0, data, at)
		}
	}
	put(info+".list", list.String())
	put(info+".md5sums", sums.String())
	conf := ""
	if conffiles.Len() > 0 {
		put(info+".conffiles", confNames(conffiles.String()))
		conf = "Conffiles:\n" + conffiles.String()
	}
	s.status[p.name] = fmt.Sprintf("Package: %s\nStatus: install ok installed\nPriority: optional\nSection: %s\nInstalled-Size: %d\nMaintainer: Debian Maintainers <maintainers@debian.example.org>\nArchitecture: amd64\nVersion: %s\n%sDescription: %s\n\n",
		p.name, p.section, 40+len(p.files), p.version, conf, p.summary)
	return at
}

func confNames(c string) string {
	var b strings.Builder
	for line := range strings.Lines(c) {
		b.WriteString(strings.Fields(line)[0] + "\n")
	}
	return b.String()
}

func (s *server) writeStatus(at time.Time) {
	var b strings.Builder
	for _, name := range sortedKeys(s.status) {
		b.WriteString(s.status[name])
	}
	const p = "/var/lib/dpkg/status"
	if s.has(p) {
		s.rename(p, p+"-old", at)
	}
	s.file(p, 0o644, 0, 0, b.String(), at.Add(time.Second))
}

// text is the content of a file that is no program.
func (s *server) text(f string, p pkg) string {
	if t, ok := texts[f]; ok {
		return t
	}
	switch {
	case strings.HasSuffix(f, "/copyright"):
		return "This is a stand-in for the package " + p.name + " on the demo disk.\nIt holds nothing of the package that it is named after.\n"
	case strings.HasSuffix(f, ".gz"):
		return gz(p.name+" ("+p.version+") bullseye; urgency=medium\n\n  * Stand-in for the demo disk.\n", time.Time{})
	case strings.HasPrefix(f, "/usr/share/zoneinfo/"):
		return zoneinfo(strings.TrimPrefix(f, "/usr/share/zoneinfo/"))
	case strings.HasPrefix(f, "/etc/pam.d/"):
		return "auth\trequired\tpam_unix.so\naccount\trequired\tpam_unix.so\npassword\trequired\tpam_unix.so\nsession\trequired\tpam_unix.so\n"
	case strings.HasPrefix(f, "/lib/systemd/system/"):
		unit := path.Base(f)
		return "[Unit]\nDescription=" + unit + " of " + p.name + "\n\n[Install]\nWantedBy=multi-user.target\n"
	case strings.HasPrefix(f, "/boot/"):
		return strings.Repeat("# "+path.Base(f)+": stand-in for the demo disk\n", 40)
	}
	return "# " + f + " of " + p.name + "\n"
}

func gz(s string, mtime time.Time) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, 9)
	w.ModTime = mtime
	w.OS = 3
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// zoneinfo reads a time zone from the Go distribution's own copy of the
// database, so that the host's does not matter.
func zoneinfo(name string) string {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	check(err)
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	check(err)
	defer z.Close()
	f, err := z.Open(name)
	check(err)
	data, err := io.ReadAll(f)
	check(err)
	return string(data)
}

// publicKey makes an ed25519 public key out of thin air: nobody has or had a
// private half.
func (s *server) publicKey(comment string) (line string, blob []byte) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(s.rng.Uint32())
	}
	blob = binary.BigEndian.AppendUint32(nil, 11)
	blob = append(blob, "ssh-ed25519"...)
	blob = binary.BigEndian.AppendUint32(blob, 32)
	blob = append(blob, key...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob) + " " + comment + "\n", blob
}

// fingerprint is how sshd's log names a key.
func fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "ED25519 SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// utmp is one record of wtmp, as utmp(5) lays it out.
func utmp(typ int16, pid int32, line, id, user, host string, at time.Time) string {
	b := make([]byte, 384)
	binary.LittleEndian.PutUint16(b, uint16(typ))
	binary.LittleEndian.PutUint32(b[4:], uint32(pid))
	copy(b[8:40], line)
	copy(b[40:44], id)
	copy(b[44:76], user)
	copy(b[76:332], host)
	binary.LittleEndian.PutUint32(b[340:], uint32(at.Unix()))
	binary.LittleEndian.PutUint32(b[344:], uint32(at.Nanosecond()/1000))
	return string(b)
}

// build installs the server as it was when it was new.
func (s *server) build(at time.Time) {
	boot := at
	for _, d := range strings.Fields("/usr /usr/bin /usr/sbin /usr/lib /usr/share /usr/local /usr/local/bin /etc /etc/apt /etc/apt/apt.conf.d /var /var/lib /var/lib/dpkg /var/lib/dpkg/info /var/log /var/cache /var/cache/apt /var/spool /var/spool/cron /var/www /boot /home /opt /srv /mnt /media /dev /proc /sys /run") {
		s.mkdirs(d, at)
	}
	s.mkdir("/root", 0o700, 0, 0, at)
	s.mkdir("/tmp", 0o1777, 0, 0, at)
	s.mkdir("/var/tmp", 0o1777, 0, 0, at)
	for _, l := range []string{"bin", "sbin", "lib"} {
		s.symlink("/"+l, "usr/"+l, at)
	}
	s.symlink("/var/run", "/run", at)
	for i, p := range pkgs {
		built := time.Date(2021, 2, 27, 4, 12, 0, 0, time.UTC).Add(time.Duration(i*i*7919) * time.Second)
		at = s.install(p, built, at)
		at = at.Add(time.Duration(300+s.rng.IntN(900)) * time.Millisecond)
	}
	s.writeStatus(at)
	s.file("/var/lib/dpkg/available", 0o644, 0, 0, "", at)
	s.file("/var/lib/dpkg/diversions", 0o644, 0, 0, "", at)
	s.symlink("/usr/bin/sh", "dash", at)
	s.symlink("/usr/bin/vi", "vim.tiny", at)
	s.symlink("/usr/bin/php", "php7.4", at)
	s.symlink("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc-2.31.so", at)
	s.symlink("/etc/os-release", "../usr/lib/os-release", at)
	s.symlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin", at)
	for _, site := range []string{"sites-enabled/000-default.conf", "mods-enabled/php7.4.conf", "mods-enabled/php7.4.load", "conf-enabled/security.conf"} {
		p := "/etc/apache2/" + site
		s.mkdirs(path.Dir(p), at)
		s.symlink(p, "../"+strings.Replace(site, "enabled", "available", 1), at)
	}

	// What the administrator set up on the same day.
	at = at.Add(11 * time.Minute)
	step := func() time.Time { at = at.Add(time.Duration(20+s.rng.IntN(90)) * time.Second); return at }
	for _, f := range []struct {
		p        string
		mode     uint32
		gid      uint32
		contents string
	}{
		{"/etc/hostname", 0o644, 0, "web01\n"},
		{"/etc/hosts", 0o644, 0, "127.0.0.1\tlocalhost\n127.0.1.1\tweb01.example.org\tweb01\n::1\tlocalhost ip6-localhost ip6-loopback\n"},
		{"/etc/timezone", 0o644, 0, "Europe/Berlin\n"},
		{"/etc/fstab", 0o644, 0, "# <file system> <mount point> <type> <options> <dump> <pass>\nUUID=" + rootUUID + " /    ext4 errors=remount-ro 0 1\nUUID=" + swapUUID + " none swap sw 0 0\n"},
		{"/etc/machine-id", 0o444, 0, "0d3ad8b0c35f4d6c9e5f9a7b1f4e2d61\n"},
		{"/etc/resolv.conf", 0o644, 0, "nameserver 192.0.2.53\nsearch example.org\n"},
		{"/etc/passwd", 0o644, 0, passwd},
		{"/etc/passwd-", 0o644, 0, passwd},
		{"/etc/shadow", 0o640, 42, shadow},
		{"/etc/shadow-", 0o640, 42, shadow},
		{"/etc/group", 0o644, 0, group},
		{"/etc/group-", 0o644, 0, group},
		{"/etc/gshadow", 0o640, 42, ""},
		{"/etc/shells", 0o644, 0, "# /etc/shells: valid login shells\n/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n"},
		{"/etc/ssh/sshd_config", 0o644, 0, "Port 22\nPermitRootLogin prohibit-password\nPasswordAuthentication yes\nUsePAM yes\nX11Forwarding no\nSubsystem sftp /usr/lib/openssh/sftp-server\n"},
		{"/etc/sudoers.d/anna", 0o440, 0, "anna ALL=(ALL:ALL) ALL\n"},
		{"/etc/apt/sources.list", 0o644, 0, "deb http://deb.example.org/debian bullseye main\ndeb http://deb.example.org/debian-security bullseye-security main\n"},
		{"/etc/cron.d/site-backup", 0o644, 0, "# nightly copy of the site\n30 1 * * * root /usr/local/bin/site-backup >/dev/null\n"},
	} {
		s.file(f.p, f.mode, 0, f.gid, f.contents, step())
	}
	line, _ := s.publicKey("root@web01")
	s.file("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, 0, 0, line, step())
	s.file("/usr/local/bin/site-backup", 0o755, 0, 0, "#!/bin/sh\nset -e\ntar -C /var/www -czf /srv/backup/html-$(date +%u).tgz html\n", step())
	s.mkdir("/srv/backup", 0o700, 0, 0, step())

	for _, u := range users {
		home := "/home/" + u.name
		s.mkdir(home, 0o755, u.uid, u.uid, step())
		for _, f := range []string{".bashrc", ".profile", ".bash_logout"} {
			s.file(home+"/"+f, 0o644, u.uid, u.uid, texts["/etc/skel/"+f], at)
		}
	}
	for _, f := range []string{".bashrc", ".profile"} {
		s.file("/root/"+f, 0o644, 0, 0, texts["/etc/skel/"+f], at)
	}
	s.mkdir("/root/.ssh", 0o700, 0, 0, step())
	line, blob := s.publicKey("anna@desk.example.org")
	s.annas = fingerprint(blob)
	s.file("/root/.ssh/authorized_keys", 0o600, 0, 0, line, step())
	s.file("/root/.bash_history", 0o600, 0, 0, "apt update\napt upgrade\nadduser anna\nvisudo -f /etc/sudoers.d/anna\nsystemctl restart ssh\nexit\n", step())
	s.mkdir("/home/anna/.ssh", 0o700, 1000, 1000, step())
	s.file("/home/anna/.ssh/authorized_keys", 0o600, 1000, 1000, line, step())
	s.file("/home/anna/.bash_history", 0o600, 1000, 1000, "sudo apt install apache2 libapache2-mod-php7.4\ncd /var/www/html\nls -la\nsudo vi /etc/apache2/sites-available/000-default.conf\nsudo apachectl configtest\nsudo systemctl reload apache2\nwget https://downloads.example.org/lindenpress-2.3.tar.gz\ntar xzf lindenpress-2.3.tar.gz\nsudo cp -r lindenpress/. /var/www/html/\nsudo chown -R www-data:www-data /var/www/html/uploads /var/www/html/cache\ntail -f /var/log/apache2/error.log\n", step())
	s.file("/home/anna/.wget-hsts", 0o644, 1000, 1000, "# HSTS 1.0 Known Hosts database for GNU Wget.\n", at)
	s.file("/home/webdev/.bash_history", 0o600, 1001, 1001, "#1762863001\ncd /var/www/html/themes\n#1762863022\nls\n#1762863141\nvi linden/style.css\n", step())
	s.mkdir("/var/spool/cron/crontabs", 0o1730, 0, 107, step())
	s.file("/var/spool/cron/crontabs/anna", 0o600, 1000, 107, "# m h dom mon dow command\n15 6 * * 1 /home/anna/bin/report-disk\n", step())
	s.mkdir("/home/anna/bin", 0o755, 1000, 1000, step())
	s.file("/home/anna/bin/report-disk", 0o755, 1000, 1000, "#!/bin/sh\ndf -h / | mail -s 'disk of web01' anna@example.org\n", step())

	s.site(step())
	s.logFiles(step())

	// What systemd-tmpfiles and services make when the server starts.
	boot = bootTime
	for _, d := range []string{".X11-unix", ".ICE-unix", ".XIM-unix", ".font-unix", ".Test-unix"} {
		s.mkdir("/tmp/"+d, 0o1777, 0, 0, boot)
	}
	const private = "/systemd-private-0d3ad8b0c35f4d6c9e5f9a7b1f4e2d61-systemd-logind.service-q7XkLg"
	for _, d := range []string{"/tmp", "/var/tmp"} {
		s.mkdir(d+private, 0o700, 0, 0, boot.Add(2*time.Second))
		s.mkdir(d+private+"/tmp", 0o1777, 0, 0, boot.Add(2*time.Second))
	}
}

type user struct {
	name string
	uid  uint32
}

var users = []user{{"anna", 1000}, {"webdev", 1001}, {"deploy", 1002}}

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
_apt:x:100:65534::/nonexistent:/usr/sbin/nologin
systemd-network:x:101:102:systemd Network Management,,,:/run/systemd:/usr/sbin/nologin
messagebus:x:104:106::/nonexistent:/usr/sbin/nologin
sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
anna:x:1000:1000:Anna Admin,,,:/home/anna:/bin/bash
webdev:x:1001:1001:Web development,,,:/home/webdev:/bin/bash
deploy:x:1002:1002:Deployment,,,:/home/deploy:/bin/bash
`

// No account on the demo disks has a hash that could be cracked: fields are
// locked, also of those that the logs show to log in with a password.
const shadow = `root:*:20346:0:99999:7:::
daemon:*:20346:0:99999:7:::
bin:*:20346:0:99999:7:::
sys:*:20346:0:99999:7:::
sync:*:20346:0:99999:7:::
games:*:20346:0:99999:7:::
man:*:20346:0:99999:7:::
lp:*:20346:0:99999:7:::
mail:*:20346:0:99999:7:::
www-data:*:20346:0:99999:7:::
backup:*:20346:0:99999:7:::
nobody:*:20346:0:99999:7:::
_apt:*:20346:0:99999:7:::
systemd-network:*:20346:0:99999:7:::
messagebus:*:20346:0:99999:7:::
sshd:*:20346:0:99999:7:::
anna:!:20346:0:99999:7:::
webdev:!:20346:0:99999:7:::
deploy:!:20346:0:99999:7:::
`

const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:anna
tty:x:5:
disk:x:6:
www-data:x:33:webdev
backup:x:34:
shadow:x:42:
utmp:x:43:
sudo:x:27:anna
crontab:x:107:
nogroup:x:65534:
anna:x:1000:
webdev:x:1001:
deploy:x:1002:
`

var texts = map[string]string{
	"/usr/lib/os-release":                           "PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"11\"\nVERSION=\"11 (bullseye)\"\nVERSION_CODENAME=bullseye\nID=debian\nHOME_URL=\"https://www.debian.org/\"\n",
	"/etc/debian_version":                           "11.9\n",
	"/etc/issue":                                    "Debian GNU/Linux 11 \\n \\l\n\n",
	"/etc/crontab":                                  "# /etc/crontab: system-wide crontab\n\nSHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n\n# m h dom mon dow user\tcommand\n17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n25 6\t* * *\troot\ttest -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )\n47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.weekly )\n",
	"/etc/cron.d/php":                               "# purge old sessions\n09,39 *     * * *     root   [ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; then /usr/lib/php/sessionclean; fi\n",
	"/etc/cron.d/.placeholder":                      "# keeps the directory\n",
	"/etc/skel/.bashrc":                             "# ~/.bashrc: executed by bash(1) for non-login shells.\ncase $- in\n    *i*) ;;\n      *) return;;\nesac\nHISTCONTROL=ignoreboth\nshopt -s histappend\nHISTSIZE=1000\nHISTFILESIZE=2000\n",
	"/etc/skel/.profile":                            "# ~/.profile: executed by the command interpreter for login shells.\nif [ -n \"$BASH_VERSION\" ] && [ -f \"$HOME/.bashrc\" ]; then\n    . \"$HOME/.bashrc\"\nfi\n",
	"/etc/skel/.bash_logout":                        "# ~/.bash_logout: executed by bash(1) when login shell exits.\n[ \"$SHLVL\" = 1 ] && [ -x /usr/bin/clear_console ] && /usr/bin/clear_console -q\n",
	"/etc/sudoers":                                  "Defaults\tenv_reset\nDefaults\tmail_badpass\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
	"/etc/rsyslog.conf":                             "module(load=\"imuxsock\")\nmodule(load=\"imklog\")\n$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat\n$FileOwner root\n$FileGroup adm\n$FileCreateMode 0640\nauth,authpriv.*\t\t\t/var/log/auth.log\n*.*;auth,authpriv.none\t\t-/var/log/syslog\nkern.*\t\t\t\t-/var/log/kern.log\n",
	"/etc/logrotate.conf":                           "weekly\nrotate 4\ncreate\ninclude /etc/logrotate.d\n",
	"/etc/logrotate.d/rsyslog":                      "/var/log/syslog\n{\n\trotate 7\n\tdaily\n\tmissingok\n\tnotifempty\n\tdelaycompress\n\tcompress\n\tpostrotate\n\t\t/usr/lib/rsyslog/rsyslog-rotate\n\tendscript\n}\n\n/var/log/kern.log\n/var/log/auth.log\n{\n\trotate 4\n\tweekly\n\tmissingok\n\tnotifempty\n\tcompress\n\tdelaycompress\n}\n",
	"/etc/logrotate.d/apache2":                      "/var/log/apache2/*.log {\n\tdaily\n\tmissingok\n\trotate 14\n\tcompress\n\tdelaycompress\n\tnotifempty\n\tcreate 640 root adm\n\tsharedscripts\n}\n",
	"/etc/logrotate.d/wtmp":                         "/var/log/wtmp {\n    missingok\n    monthly\n    create 0664 root utmp\n    minsize 1M\n    rotate 1\n}\n",
	"/etc/apache2/apache2.conf":                     "ServerRoot \"/etc/apache2\"\nTimeout 300\nKeepAlive On\nUser ${APACHE_RUN_USER}\nGroup ${APACHE_RUN_GROUP}\nErrorLog ${APACHE_LOG_DIR}/error.log\nLogLevel warn\nLogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\nIncludeOptional mods-enabled/*.load\nIncludeOptional mods-enabled/*.conf\nInclude ports.conf\nIncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n",
	"/etc/apache2/envvars":                          "export APACHE_RUN_USER=www-data\nexport APACHE_RUN_GROUP=www-data\nexport APACHE_LOG_DIR=/var/log/apache2\n",
	"/etc/apache2/ports.conf":                       "Listen 80\n",
	"/etc/apache2/sites-available/000-default.conf": "<VirtualHost *:80>\n\tServerName www.example.org\n\tDocumentRoot /var/www/html\n\tErrorLog ${APACHE_LOG_DIR}/error.log\n\tCustomLog ${APACHE_LOG_DIR}/access.log combined\n</VirtualHost>\n",
	"/usr/lib/tmpfiles.d/x11.conf":                  "D! /tmp/.X11-unix 1777 root root 10d\nD! /tmp/.ICE-unix 1777 root root 10d\nD! /tmp/.XIM-unix 1777 root root 10d\nD! /tmp/.font-unix 1777 root root 10d\nD! /tmp/.Test-unix 1777 root root 10d\n",
}
