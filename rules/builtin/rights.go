package builtin

import (
	"encoding/binary"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// usualSetuid are programs that are setuid or setgid on one distribution or
// another. They count only where they belong.
var usualSetuid = set(`su sudo sudoedit passwd gpasswd chsh chfn newgrp chage expiry mount umount fusermount fusermount3 ping ping6 traceroute6 traceroute6.iputils pkexec
	polkit-agent-helper-1 dbus-daemon-launch-helper ssh-keysign ssh-agent unix_chkpwd pam_timestamp_check pam_extrausers_chkpwd userhelper usernetctl netreport crontab
	at atq atrm wall write write.ul bsd-write screen locate mlocate plocate slocate utempter newuidmap newgidmap ntfs-3g mount.nfs mount.nfs4 mount.cifs umount.nfs umount.nfs4
	mount.davfs umount.davfs pppd exim exim4 sendmail sendmail.sendmail sendmail.postfix postdrop postqueue procmail lockfile dotlockfile mutt_dotlock lockfile-create mail-lock mail-unlock mail-touchlock
	smtpctl opensmtpd makemap newaliases maildrop deliver vmware-user-suid-wrapper VBoxHeadless VBoxNetAdpCtl VBoxNetDHCP VBoxNetNAT VBoxSDL VBoxVolInfo VirtualBoxVM VirtualBox
	chrome-sandbox snap-confine bwrap Xorg Xorg.wrap Xwrapper X gnome-pty-helper spice-client-glib-usb-acl-helper cgexec suexec suexec.fcgid suexec-custom suexec-pristine
	arping mtr mtr-packet fping fping6 tcptraceroute staprun rsh rcp rlogin rlogin-cwd qemu-bridge-helper virtfs-proxy-helper singularity starter-suid apptainer firejail
	doas ksu kpac_dhcp_helper start_kdeinit kcheckpass kgrantpty kismet_capture ecryptfs mount.ecryptfs_private keybase-redirector vlock vlock-main unix2_chkpwd vzlist
	zypp-refresh-wrapper lxc-user-nic authopen timeout_wrapper amcheck check_dhcp check_icmp check_fping check_ide_smart pt_chown man mandb uuidd games-wrapper dumpcap
	lppasswd lpadmin cupsd camel-lock-helper-1.2 evolution sperl super calife otpw-bin nfsmount rpc.rstatd killer_app osh mailman-wrapper incrontab isdnctrl cardctl
	grub2-set-bootflag cockpit-session krb5_child ldap_child proxy_child sssd_be selinux_child p11_child abrt-action-install-debuginfo-to-abrt-cache iouyap schroot bsd-lock
	sg_ses nvidia-modprobe chkpwd opiepasswd opiesu newrole run_init seunshare xlock xscreensaver allocate cdrecord cdda2wav readcd rscsi ntping udpcast dmcrypt-get-device
	zabbix_sender xterm uxterm rxvt urxvt mlterm jpilot linux-user-chroot libvirt_leaseshelper zoneminder physlock i3lock slock swaylock gpg-agent unix_update`)

// setuidChecker makes a finding of each file with rights of its owner.
func setuidLook(env *rules.Env) func(*timeline.File, *timeline.Record) *fileHit {
	roots := webRootsOf(env)
	return func(f *timeline.File, r *timeline.Record) *fileHit {
		if f.Mode&(filesystem.ModeSetuid|filesystem.ModeSetgid) == 0 || f.Type != filesystem.Regular || f.Mode&0o111 == 0 {
			return nil
		}
		dir, n := dirBase(f.Path)
		uid := f.Mode&filesystem.ModeSetuid != 0
		asRoot := uid && f.UID == 0
		if asRoot {
			if _, gives := givesShell(n); gives {
				return nil // the other rule's
			}
		}
		right := "setgid to group " + strconv.FormatUint(uint64(f.GID), 10)
		if uid {
			right = "setuid to " + ownerText(env, f.UID)
		}
		summary := "The file " + showPath(f.Path) + " is " + right
		if _, temp := tempSeverity(f.Path); temp || strings.HasPrefix(f.Path, "/dev/") {
			s := rules.Critical
			if !asRoot {
				s = rules.Medium
			}
			return &fileHit{severity: s, changed: true, summary: summary + ", in a place for temporary files"}
		}
		if inContainerStore(f.Path) || !uid && (f.Magic != "elf" && f.Magic != "script" && f.Magic != "") {
			return nil
		}
		if f.InPackage && !(r.Kind == timeline.KindChange && r.Change.Before != nil && r.Change.Before.Mode&filesystem.ModeSetuid == 0 && asRoot) {
			return nil
		}
		inPlace := inSystem(f.Path)
		if usualSetuid[versionless(n)] || usualSetuid[n] {
			if inPlace || nestedSystem(dir) || strings.HasPrefix(dir, "/usr/local/") || strings.HasPrefix(dir, "/opt/") {
				return nil
			}
		}
		switch {
		case roots.root(f.Path) != "" || strings.HasPrefix(f.Path, "/home/") || strings.HasPrefix(f.Path, "/root/") || strings.HasPrefix(f.Path, "/srv/") || hiddenElement(f.Path):
			if asRoot {
				return &fileHit{severity: rules.High, changed: true, summary: summary + ", where no package puts such a file"}
			}
			if uid {
				return &fileHit{severity: rules.Low, changed: true, summary: summary + ", where no package puts such a file"}
			}
			return nil
		case !asRoot && !(uid && inPlace):
			return nil // groups of games, of vendors' trees
		case strings.HasPrefix(f.Path, "/opt/") || strings.HasPrefix(f.Path, "/usr/local/"):
			s := rules.Low
			if added(r) {
				s = rules.Medium
			}
			return &fileHit{severity: s, changed: true, summary: summary + ", and no package brings it"}
		case r.Kind == timeline.KindChange:
			return &fileHit{severity: rules.High, changed: true, summary: summary + " since the baseline"}
		case inPlace && !env.Packages:
			return nil // nothing says what packages bring
		}
		s := rules.High
		if !asRoot {
			s = rules.Medium
		}
		return &fileHit{severity: s, changed: true, summary: summary + ", and no package brings it"}
	}
}

// nestedSystem reports whether a directory ends as one of a system's own: the
// tree of a container or a chroot.
func nestedSystem(dir string) bool {
	for _, d := range [...]string{"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/lib", "/usr/libexec", "/openssh", "/dbus-1.0", "/polkit-1", "/policykit-1", "/snapd", "/utempter", "/eject"} {
		if strings.HasSuffix(dir, d) {
			return true
		}
	}
	return false
}

var setuidUnknown = &rules.Rule{
	ID:    "setuid-unknown",
	Title: "A setuid file that no package brings",
	Doc: `Setuid and setgid files outside of packages, in temporary directories, homes and sites, or new since the baseline. Whoever runs one gets the rights of its
owner; a setuid file of root's in /tmp is a door left open.
Lighter: below /usr/local and /opt (low), other owners than root (medium), no database of packages to ask (system directories are then believed).
Innocent: vendors' installers; the programs of containers and chroots, which are known by place and name.`,
	Severity:   rules.High,
	Techniques: []string{"T1548.001"},
	Kinds:      fileKinds,
	New:        func(env *rules.Env) rules.Checker { return &fileChecker{env: env, look: setuidLook(env)} },
	True: []rules.Example{
		one("temporary", rules.Critical, aFile("/tmp/.s", magic("elf"), perm(0o4755))),
		withEnv(withPackages, one("beside the packaged ones", rules.High, aFile("/usr/bin/gksudo-helper", magic("elf"), perm(0o4755)))),
		one("home", rules.High, aFile("/home/alice/r", magic("elf"), perm(0o4711))),
		withEnv(withBaseline, one("since the baseline", rules.High, aChange("metadata", "/usr/bin/nice-tool", []fileOption{perm(0o755)}, "mode", magic("elf"), perm(0o4755), packaged))),
		withEnv(withPackages, one("vendor's", rules.Low, aFile("/opt/vendor/bin/helper", magic("elf"), perm(0o4755)))),
	},
	False: []rules.Example{
		withEnv(withPackages, quiet("packaged", aFile("/usr/lib/x/helper", magic("elf"), perm(0o4755), packaged))),
		withEnv(withPackages, quiet("usual, though the list of files names it elsewhere", aFile("/usr/bin/su", magic("elf"), perm(0o4755)), aFile("/usr/bin/crontab", magic("elf"), perm(0o2755)))),
		quiet("container", aFile("/var/lib/docker/overlay2/ab/diff/usr/bin/passwd", magic("elf"), perm(0o4755))),
		quiet("chroot", aFile("/srv/jail/bin/mount", magic("elf"), perm(0o4755))),
		quiet("no package database", aFile("/usr/libexec/some-helper", magic("elf"), perm(0o4755))),
		quiet("setgid directory and data", aFile("/srv/git", directory, perm(0o2775)), aFile("/srv/git/x", perm(0o2644))),
		withEnv(withBaseline, quiet("installed package", anAdded("/usr/lib/x/helper", magic("elf"), perm(0o4755), packaged))),
	},
}

var setuidInterpreter = &rules.Rule{
	ID:    "setuid-interpreter",
	Title: "A shell, interpreter or file tool is setuid to root",
	Doc: `A setuid file of root's with the name of a shell, an interpreter, or a program that reads, writes or starts what its caller wants (find, vim, cp, ...), wherever
it lies and whether or not a package owns it. No distribution sets these; anyone who may run it is root.
Innocent: none known.`,
	Severity:   rules.Critical,
	Techniques: []string{"T1548.001"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			if f.Mode&filesystem.ModeSetuid == 0 || f.Type != filesystem.Regular || f.UID != 0 || f.Mode&0o111 == 0 || f.Size == 0 {
				return nil
			}
			what, gives := givesShell(base(f.Path))
			if !gives || f.Magic != "elf" && f.Magic != "" {
				return nil
			}
			s := rules.Critical
			if inContainerStore(f.Path) {
				s = rules.Medium
			}
			return &fileHit{severity: s, changed: true, summary: "The " + what + " " + showPath(f.Path) + " is setuid to root (" + f.Mode.String() + ")"}
		}}
	},
	True: []rules.Example{
		one("shell", rules.Critical, aFile("/usr/bin/bash", magic("elf"), perm(0o4755), packaged)),
		one("find", rules.Critical, aFile("/usr/bin/find", magic("elf"), perm(0o4755), packaged)),
		one("python", rules.Critical, aFile("/opt/x/python3.11", magic("elf"), perm(0o4755))),
		withEnv(withBaseline, one("changed", rules.Critical, aChange("metadata", "/usr/bin/dash", []fileOption{perm(0o755)}, "changed,mode", magic("elf"), perm(0o4755), packaged))),
	},
	False: []rules.Example{
		quiet("not setuid", aFile("/usr/bin/bash", magic("elf"), perm(0o755), packaged)),
		quiet("setuid of another kind", aFile("/usr/bin/passwd", magic("elf"), perm(0o4755), packaged), aFile("/usr/bin/sperl5.8.8", magic("elf"), perm(0o4755), packaged)),
		quiet("user's own", aFile("/home/alice/bash", magic("elf"), perm(0o4755), owner(1000, 1000))),
		quiet("setgid for a terminal", aFile("/usr/bin/screen", magic("elf"), perm(0o2755), packaged)),
	},
}

// The capabilities of capabilities(7), by number.
var capabilityNames = []string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
}

// rootCapabilities are those that a program can make itself root with.
const rootCapabilities uint64 = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<6 | 1<<7 | 1<<16 | 1<<17 | 1<<19 | 1<<21 | 1<<31

// fileCapabilities decodes the permitted and inheritable sets of an extended
// attribute security.capability, little-endian, of revision 1, 2 or 3 (struct
// vfs_cap_data and vfs_ns_cap_data of the kernel's include/uapi/linux/capability.h).
func fileCapabilities(v []byte) (permitted, inheritable uint64, effective, ok bool) {
	if len(v) < 12 {
		return 0, 0, false, false
	}
	head := binary.LittleEndian.Uint32(v)
	effective = head&1 != 0
	permitted = uint64(binary.LittleEndian.Uint32(v[4:]))
	inheritable = uint64(binary.LittleEndian.Uint32(v[8:]))
	switch head >> 24 {
	case 1:
		return permitted, inheritable, effective, true
	case 2, 3:
		if len(v) < 20 {
			return 0, 0, false, false
		}
		permitted |= uint64(binary.LittleEndian.Uint32(v[12:])) << 32
		inheritable |= uint64(binary.LittleEndian.Uint32(v[16:])) << 32
		return permitted, inheritable, effective, true
	}
	return 0, 0, false, false
}

func capabilityText(set uint64) string {
	if set&(1<<41-1) == 1<<41-1 {
		return "all capabilities"
	}
	var out []string
	for i, n := range capabilityNames {
		if set&(1<<i) != 0 {
			out = append(out, "cap_"+n)
		}
	}
	for i := len(capabilityNames); i < 64; i++ {
		if set&(1<<i) != 0 {
			out = append(out, "capability "+strconv.Itoa(i))
		}
	}
	return strings.Join(out, ", ")
}

// usualCapable are programs that distributions give such capabilities.
var usualCapable = set("newuidmap newgidmap suexec snap-confine ping ping6 arping clockdiff mtr-packet dumpcap gst-ptp-helper systemd-detect-virt squid pinger squid-pinger sssd_pam ldap_child krb5_child selinux_child proxy_child sssd slirp4netns kwin_wayland gnome-shell bwrap perf iotop fping tcpdump qemu-bridge-helper apache2 caddy vault consul nginx node dnsmasq named rsh rlogin rcp")

var capabilityUnusual = &rules.Rule{
	ID:    "capability-unusual",
	Title: "A program has capabilities that make its caller root",
	Doc: `Files whose security.capability grants what amounts to root (cap_setuid, cap_sys_admin, cap_dac_override, cap_sys_ptrace, cap_sys_module, ...): always on
shells, interpreters and file tools, elsewhere if no package brings the file. Such a file shows no setuid bit.
Innocent: newuidmap, suexec and a few more, known by name in the system's directories; servers that may bind low ports have other capabilities.`,
	Severity:   rules.High,
	Techniques: []string{"T1548"},
	Kinds:      fileKinds,
	New: func(env *rules.Env) rules.Checker {
		return &fileChecker{env: env, look: func(f *timeline.File, _ *timeline.Record) *fileHit {
			if len(f.Xattrs) == 0 || f.Type != filesystem.Regular {
				return nil
			}
			for _, x := range f.Xattrs {
				if x.Name != "security.capability" {
					continue
				}
				perm, _, _, ok := fileCapabilities(x.Value)
				if !ok || perm&rootCapabilities == 0 {
					return nil
				}
				summary := "The file " + showPath(f.Path) + " has " + capabilityText(perm)
				n := base(f.Path)
				_, gives := givesShell(n)
				_, temp := tempSeverity(f.Path)
				switch {
				case gives && !inContainerStore(f.Path) || temp:
					return &fileHit{severity: rules.Critical, changed: true, summary: summary}
				case f.InPackage || inContainerStore(f.Path) || usualCapable[n] && (inSystem(f.Path) || nestedSystem(f.Path[:len(f.Path)-len(n)-1])):
					return nil
				case env.Packages || !inSystem(f.Path):
					return &fileHit{severity: rules.High, changed: true, summary: summary + ", and no package brings it"}
				}
				return &fileHit{severity: rules.Low, changed: true, summary: summary}
			}
			return nil
		}}
	},
	True: []rules.Example{
		one("python", rules.Critical, aFile("/usr/bin/python3.11", magic("elf"), perm(0o755), packaged, capabilities(1<<7))),
		one("temporary", rules.Critical, aFile("/var/tmp/x", magic("elf"), perm(0o755), capabilities(1<<21))),
		withEnv(withPackages, one("unknown", rules.High, aFile("/usr/sbin/up", magic("elf"), perm(0o755), capabilities(1<<1)))),
	},
	False: []rules.Example{
		withEnv(withPackages, quiet("ping", aFile("/usr/bin/ping", magic("elf"), perm(0o755), packaged, capabilities(1<<13)))),
		withEnv(withPackages, quiet("user namespaces", aFile("/usr/bin/newuidmap", magic("elf"), perm(0o755), capabilities(1<<7)))),
		quiet("low ports for node", aFile("/usr/bin/node", magic("elf"), perm(0o755), capabilities(1<<10))),
		quiet("broken value", aFile("/usr/bin/python3", magic("elf"), perm(0o755), func(f *timeline.File) {
			f.Xattrs = []filesystem.Xattr{{Name: "security.capability", Value: []byte{1, 2, 3}}}
		})),
	},
}
