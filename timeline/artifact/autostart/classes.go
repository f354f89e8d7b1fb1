package autostart

// class is a set of files that start programs in one way.
type class struct {
	mechanism, trigger, account string
	read                        func(r *reader)
	patterns                    []string
}

// classes are looked through in their order: a file is of the first that fits.
var classes = []class{
	// The file itself is run, if it may be.
	{"rc.local", "boot", "root", runnable, []string{"/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/boot.local", "/etc/init.d/after.local", "/etc/boot.d/*", "/etc/conf.d/local.start"}},
	{"openrc", "boot", "root", runnable, []string{"/etc/local.d/*.start", "/etc/local.d/*.stop"}},
	{"motd", "login", "root", runParts, []string{"/etc/update-motd.d/*"}},
	{"networkmanager-dispatcher", "event", "root", runnable, []string{"/etc/NetworkManager/dispatcher.d/*", "/etc/NetworkManager/dispatcher.d/*.d/*", "/usr/lib/NetworkManager/dispatcher.d/*", "/usr/lib/NetworkManager/dispatcher.d/*.d/*"}},
	{"networkd-dispatcher", "event", "root", runnable, []string{"/etc/networkd-dispatcher/*.d/*", "/usr/lib/networkd-dispatcher/*.d/*"}},
	{"ifup", "event", "root", runParts, []string{"/etc/network/if-up.d/*", "/etc/network/if-pre-up.d/*", "/etc/network/if-down.d/*", "/etc/network/if-post-down.d/*"}},
	{"ifup", "event", "root", runnable, []string{"/sbin/ifup-local", "/sbin/ifup-pre-local", "/sbin/ifdown-local", "/etc/sysconfig/network/scripts/*"}},
	{"ifup", "event", "root", interfaces, []string{"/etc/network/interfaces", "/etc/network/interfaces.d/*"}},
	{"dhclient-hook", "event", "root", sourced, []string{"/etc/dhcp/dhclient-enter-hooks.d/*", "/etc/dhcp/dhclient-exit-hooks.d/*", "/etc/dhcp/dhclient-*-hooks", "/etc/dhcp/dhclient.d/*.sh", "/etc/dhcpcd.enter-hook", "/etc/dhcpcd.exit-hook", "/usr/lib/dhcpcd/dhcpcd-hooks/*", "/lib/dhcpcd/dhcpcd-hooks/*"}},
	{"ppp", "event", "root", runParts, []string{"/etc/ppp/ip-up.d/*", "/etc/ppp/ip-down.d/*", "/etc/ppp/ipv6-up.d/*", "/etc/ppp/ipv6-down.d/*"}},
	{"ppp", "event", "root", runnable, []string{"/etc/ppp/ip-up", "/etc/ppp/ip-down", "/etc/ppp/ip-up.local", "/etc/ppp/ip-down.local"}},
	{"resolvconf", "event", "root", runParts, []string{"/etc/resolvconf/update.d/*", "/etc/resolvconf/update-libc.d/*"}},
	{"pm-sleep", "event", "root", runnable, []string{"/etc/pm/sleep.d/*", "/usr/lib/pm-utils/sleep.d/*"}},
	{"kernel-hook", "event", "root", runParts, []string{"/etc/kernel/postinst.d/*", "/etc/kernel/postrm.d/*", "/etc/kernel/preinst.d/*", "/etc/kernel/prerm.d/*", "/etc/kernel/header_postinst.d/*"}},
	{"kernel-hook", "event", "root", runnable, []string{"/etc/kernel/install.d/*.install", "/usr/lib/kernel/install.d/*.install", "/etc/kernel/postinst.d/*/*"}},
	{"initramfs", "event", "root", runnable, []string{"/etc/initramfs-tools/hooks/*", "/usr/lib/dracut/modules.d/*/module-setup.sh", "/etc/initramfs/post-update.d/*"}},
	{"initramfs", "boot", "root", runnable, []string{"/etc/initramfs-tools/scripts/*/*"}},
	{"grub-script", "event", "root", runnable, []string{"/etc/grub.d/*"}},
	{"acpi", "event", "root", acpi, []string{"/etc/acpi/events/*"}},
	{"ssh-rc", "login", "", sourced, []string{"/etc/ssh/sshrc", "~/.ssh/rc"}},
	{"xsession", "login", "", sourced, []string{"/etc/X11/Xsession.d/*", "/etc/X11/xinit/xinitrc.d/*", "~/.xprofile", "~/.xsession", "~/.xinitrc", "~/.xsessionrc"}},
	{"zypp-plugin", "event", "root", runnable, []string{"/usr/lib/zypp/plugins/*/*"}},
	{"python-site", "event", "", sourced, []string{
		"/usr/lib/python*/sitecustomize.py", "/usr/lib/python*/*-packages/sitecustomize.py", "/usr/lib/python*/*-packages/usercustomize.py", "/usr/local/lib/python*/*-packages/sitecustomize.py",
		"/usr/local/lib/python*/*-packages/usercustomize.py", "/usr/lib64/python*/site-packages/sitecustomize.py", "~/.local/lib/python*/site-packages/usercustomize.py", "~/.local/lib/python*/site-packages/sitecustomize.py", "/etc/python*/sitecustomize.py",
	}},

	// Shells read these when they start.
	{"profile", "login", "", sourced, []string{
		"/etc/profile", "/etc/profile.d/*.sh", "/etc/profile.d/*.csh", "/etc/bash.bashrc", "/etc/bashrc", "/etc/bash.bash_logout", "/etc/zsh/z*", "/etc/zprofile", "/etc/zshrc", "/etc/zshenv", "/etc/zlogin", "/etc/csh.cshrc", "/etc/csh.login",
		"/etc/csh.logout", "/etc/ksh.kshrc", "/etc/fish/config.fish", "/etc/fish/conf.d/*.fish",
	}},
	{"shell-rc", "login", "", sourced, []string{
		"~/.bashrc", "~/.bash_profile", "~/.bash_login", "~/.bash_logout", "~/.bash_aliases", "~/.profile", "~/.zshrc", "~/.zshenv", "~/.zprofile", "~/.zlogin", "~/.zlogout", "~/.kshrc", "~/.mkshrc", "~/.cshrc", "~/.tcshrc", "~/.login", "~/.logout",
		"~/.config/fish/config.fish", "~/.config/fish/conf.d/*.fish",
	}},
	{"environment", "login", "", environment, []string{"/etc/environment", "/etc/environment.d/*.conf", "/usr/lib/environment.d/*.conf", "~/.config/environment.d/*.conf", "~/.pam_environment", "~/.ssh/environment", "/etc/default/locale"}},

	// Lines that name programs.
	{"sysv-init", "boot", "root", sysv, []string{"/etc/init.d/*", "/etc/rc.d/init.d/*"}},
	{"runit", "boot", "root", runit, []string{"/etc/sv/*/run", "/etc/service/*/run", "/var/service/*/run", "/service/*/run"}},
	{"inittab", "boot", "root", inittab, []string{"/etc/inittab"}},
	{"inetd", "event", "root", inetd, []string{"/etc/inetd.conf", "/etc/inetd.d/*"}},
	{"xinetd", "event", "root", xinetd, []string{"/etc/xinetd.conf", "/etc/xinetd.d/*"}},
	{"supervisor", "boot", "root", supervisor, []string{"/etc/supervisor/supervisord.conf", "/etc/supervisor/conf.d/*.conf", "/etc/supervisord.conf", "/etc/supervisord.d/*.ini", "/etc/supervisord.d/*.conf"}},
	{"tcp-wrapper", "event", "root", wrapper, []string{"/etc/hosts.allow", "/etc/hosts.deny"}},
	{"sysctl", "event", "root", sysctl, []string{"/etc/sysctl.conf", "/etc/sysctl.d/*.conf", "/run/sysctl.d/*.conf", "/usr/local/lib/sysctl.d/*.conf", "/usr/lib/sysctl.d/*.conf"}},
	{"ld-preload", "event", "", preload, []string{"/etc/ld.so.preload"}},
	{"ld-so-conf", "event", "", ldConf, []string{"/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf"}},
	{"udev", "event", "root", udev, []string{"/etc/udev/rules.d/*.rules", "/run/udev/rules.d/*.rules", "/usr/local/lib/udev/rules.d/*.rules", "/usr/lib/udev/rules.d/*.rules", "/lib/udev/rules.d/*.rules"}},
	{"module", "boot", "root", modules, []string{"/etc/modules", "/etc/modules-load.d/*.conf", "/run/modules-load.d/*.conf", "/usr/local/lib/modules-load.d/*.conf", "/usr/lib/modules-load.d/*.conf", "/etc/initramfs-tools/modules", "/etc/sysconfig/modules/*.modules"}},
	{"modprobe-install", "event", "root", modprobe, []string{"/etc/modprobe.d/*.conf", "/run/modprobe.d/*.conf", "/usr/local/lib/modprobe.d/*.conf", "/usr/lib/modprobe.d/*.conf", "/lib/modprobe.d/*.conf", "/etc/modprobe.conf"}},
	{"binfmt-misc", "event", "", binfmt, []string{"/etc/binfmt.d/*.conf", "/run/binfmt.d/*.conf", "/usr/local/lib/binfmt.d/*.conf", "/usr/lib/binfmt.d/*.conf"}},
	{"apt-hook", "event", "root", apt, []string{"/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*"}},
	{"dpkg-hook", "event", "root", dpkg, []string{"/etc/dpkg/dpkg.cfg", "/etc/dpkg/dpkg.cfg.d/*"}},
	{"yum-plugin", "event", "root", yumPlugin, []string{"/etc/yum/pluginconf.d/*.conf"}},
	{"dnf-action", "event", "root", dnfAction, []string{"/etc/dnf/plugins/post-transaction-actions.d/*.action", "/etc/yum/post-actions/*.action", "/etc/dnf/libdnf5-plugins/actions.d/*.actions"}},
	{"dnf-plugin", "event", "root", yumPlugin, []string{"/etc/dnf/plugins/*.conf", "/etc/dnf/libdnf5-plugins/*.conf"}},
	{"dbus-service", "event", "", dbus, []string{
		"/usr/share/dbus-1/system-services/*.service", "/usr/local/share/dbus-1/system-services/*.service", "/etc/dbus-1/system-services/*.service", "/usr/share/dbus-1/services/*.service", "/usr/local/share/dbus-1/services/*.service",
		"~/.local/share/dbus-1/services/*.service",
	}},
	{"polkit-rule", "event", "", polkit, []string{"/etc/polkit-1/rules.d/*.rules", "/usr/share/polkit-1/rules.d/*.rules", "/run/polkit-1/rules.d/*.rules", "/usr/local/share/polkit-1/rules.d/*.rules"}},
	{"polkit-rule", "event", "", pkla, []string{"/etc/polkit-1/localauthority/*/*.pkla", "/var/lib/polkit-1/localauthority/*/*.pkla"}},
	{"xdg-autostart", "login", "", desktop, []string{"/etc/xdg/autostart/*.desktop", "/usr/share/autostart/*.desktop", "/usr/share/gnome/autostart/*.desktop", "~/.config/autostart/*.desktop", "~/.kde/Autostart/*.desktop"}},
	{"git-config", "event", "", gitConfig, []string{"/etc/gitconfig", "~/.gitconfig", "~/.config/git/config", "/var/www/**/.git/config", "/srv/**/.git/config", "/opt/**/.git/config", "/home/**/.git/config", "/root/**/.git/config"}},
	{"logrotate-script", "time", "root", logrotate, []string{"/etc/logrotate.conf", "/etc/logrotate.d/*"}},
	{"mail-alias-pipe", "event", "", aliases, []string{"/etc/aliases", "/etc/mail/aliases", "/etc/postfix/aliases", "/etc/exim4/aliases"}},
	{"forward-pipe", "event", "", forward, []string{"~/.forward", "~/.forward+*", "~/.qmail", "~/.procmailrc", "/etc/procmailrc"}},
	{"incron", "event", "", incron, []string{"/etc/incron.d/*", "/var/spool/incron/*"}},
	{"audit-plugin", "boot", "root", auditPlugin, []string{"/etc/audit/plugins.d/*.conf", "/etc/audisp/plugins.d/*.conf"}},
	{"php-prepend", "event", "", php, []string{
		"/etc/php.ini", "/etc/php.d/*.ini", "/etc/php/*/*/php.ini", "/etc/php/*/*/conf.d/*.ini", "/etc/php/*/fpm/pool.d/*.conf", "/etc/php-fpm.d/*.conf", "/usr/local/etc/php/php.ini", "/usr/local/etc/php/conf.d/*.ini",
	}},
	{"python-pth", "event", "", pth, []string{
		"/usr/lib/python*/*-packages/*.pth", "/usr/lib64/python*/site-packages/*.pth", "/usr/local/lib/python*/*-packages/*.pth", "/usr/local/lib64/python*/site-packages/*.pth", "~/.local/lib/python*/site-packages/*.pth",
	}},
}
