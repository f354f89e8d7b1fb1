package autostart

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// tree is a server for tests: texts by path; a text that begins with "-> " is
// a symbolic link, one that begins with "x " an executable file.
type tree map[string]string

func (t tree) source(name string) *timeline.Source {
	text := t[name]
	in := &filesystem.Inode{Mode: filesystem.ModeRegular | 0o644}
	in.Times.Modified = filesystem.Time{Sec: 1700000000, Known: true}
	if rest, ok := strings.CutPrefix(text, "x "); ok {
		text, in.Mode = rest, filesystem.ModeRegular|0o755
	}
	s := &timeline.Source{Path: name, Inode: in, Data: strings.NewReader(text), Size: int64(len(text)), Sibling: func(p string) *timeline.Source {
		if _, ok := t[p]; ok {
			return t.source(p)
		}
		return nil
	}, Symlink: func(p string) *timeline.Source {
		if target, link := strings.CutPrefix(t[p], "-> "); link {
			s := t.source(p)
			s.Target = target
			return s
		}
		return nil
	}, Glob: func(pattern string) []string {
		var out []string
		for p := range t {
			if ok, _ := path.Match(pattern, p); ok {
				out = append(out, p)
			}
		}
		slices.Sort(out)
		return out
	}, Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
	if rest, ok := strings.CutPrefix(name, "/home/"); ok {
		s.Account, _, _ = strings.Cut(rest, "/")
	}
	return s
}

func (t tree) show(name string) []string {
	var out []string
	for r, err := range run(context.Background(), t.source(name)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if v := r.Fields[k]; k != "path" && (k != "enabled" || v != "true") {
				parts = append(parts, k+"="+v)
			}
		}
		for _, s := range r.Stamps {
			parts = append(parts, s.What+" "+s.When.Format(time.RFC3339)+" "+s.Note)
		}
		out = append(out, strings.Join(parts, "; "))
	}
	return out
}

func TestAutostart(t *testing.T) {
	tests := []struct {
		path, text string
		want       []string
	}{
		{"/etc/rc.local", "x #!/bin/sh\n/opt/a &\n", []string{"account=root; command=/etc/rc.local; mechanism=rc.local; target=/etc/rc.local; trigger=boot"}},
		{"/etc/rc.local", "#!/bin/sh\n", []string{"account=root; command=/etc/rc.local; enabled=false; mechanism=rc.local; reason=not executable; target=/etc/rc.local; trigger=boot"}},
		{"/etc/update-motd.d/10-help.bak", "x #!/bin/sh\n", []string{"account=root; command=/etc/update-motd.d/10-help.bak; enabled=false; mechanism=motd; reason=run-parts does not take the name; target=/etc/update-motd.d/10-help.bak; trigger=login"}},
		{"/home/u/.bashrc", "true\n", []string{"account=u; command=/home/u/.bashrc; mechanism=shell-rc; target=/home/u/.bashrc; trigger=login"}},
		{"/home/gone/.bashrc", "", nil},
		{"/etc/inittab", "id:2:initdefault:\n# c\nx:2345:respawn:/tmp/.x/y -d\nca::ctrlaltdel:/sbin/reboot\n", []string{
			"account=root; command=/tmp/.x/y -d; event=respawn; mechanism=inittab; name=x; runlevels=2345; target=/tmp/.x/y; trigger=boot",
			"account=root; command=/sbin/reboot; event=ctrlaltdel; mechanism=inittab; name=ca; target=/sbin/reboot; trigger=event"}},
		{"/etc/inetd.conf", "ftp stream tcp nowait root.wheel /usr/sbin/tcpd /usr/sbin/ftpd -l\n31337 stream tcp nowait root /bin/sh sh -i\n", []string{
			"account=root; command=/usr/sbin/ftpd -l; event=connection to ftp/tcp; mechanism=inetd; name=ftp; protocol=tcp; target=/usr/sbin/ftpd; trigger=event",
			"account=root; command=/bin/sh -i; event=connection to 31337/tcp; mechanism=inetd; name=31337; protocol=tcp; target=/bin/sh; trigger=event"}},
		{"/etc/xinetd.d/x", "service telnet\n{\n\tdisable = no\n\tuser = root\n\tserver = /usr/sbin/in.telnetd\n\tserver_args = -h\n}\nservice echo\n{\n disable = yes\n server=/x\n}\n", []string{
			"account=root; command=/usr/sbin/in.telnetd -h; event=connection to telnet; mechanism=xinetd; name=telnet; target=/usr/sbin/in.telnetd; trigger=event",
			"account=root; command=/x; enabled=false; event=connection to echo; mechanism=xinetd; name=echo; reason=disable = yes; target=/x; trigger=event"}},
		{"/etc/ld.so.preload", "/lib/libx.so /tmp/y.so # c\n", []string{"event=any program starts; mechanism=ld-preload; target=/lib/libx.so; trigger=event", "event=any program starts; mechanism=ld-preload; target=/tmp/y.so; trigger=event"}},
		{"/etc/hosts.allow", "sshd : ALL : spawn (/tmp/a %a) & : allow\nALL: LOCAL\n", []string{"account=root; command=/tmp/a %a; event=connection to sshd from ALL; key=spawn; mechanism=tcp-wrapper; target=/tmp/a; trigger=event"}},
		{"/etc/sysctl.d/x.conf", "kernel.core_pattern = |/tmp/a %P\nkernel/modprobe=/tmp/b\nnet.ipv4.ip_forward=1\n", []string{"account=root; command=/tmp/a %P; event=a program crashes; key=kernel.core_pattern; mechanism=sysctl; target=/tmp/a; trigger=event",
			"account=root; command=/tmp/b; event=the kernel wants a module; key=kernel.modprobe; mechanism=sysctl; target=/tmp/b; trigger=event"}},
		{"/etc/environment", "LANG=C\nLD_PRELOAD=\"/tmp/x.so\"\n", []string{"command=LD_PRELOAD=/tmp/x.so; mechanism=environment; name=LD_PRELOAD; target=/tmp/x.so; trigger=login"}},
		{"/etc/udev/rules.d/99.rules", "# x\nSUBSYSTEM==\"net\", KERNEL!=\"lo\", \\\n RUN+=\"/bin/sh -c 'echo \\\"a\\\"'\", RUN{program}+=\"hook\"\nKERNEL==\"sd*\", NAME=\"x\"\n", []string{
			"account=root; command=/bin/sh -c 'echo \\\"a\\\"'; event=SUBSYSTEM==\"net\", KERNEL!=\"lo\"; key=RUN; mechanism=udev; target=/bin/sh; trigger=event",
			"account=root; command=hook; event=SUBSYSTEM==\"net\", KERNEL!=\"lo\"; key=RUN{program}; mechanism=udev; target=/usr/lib/udev/hook; trigger=event"}},
		{"/etc/modules", "# x\nrootkit hide=1\n", []string{"account=root; command=modprobe rootkit hide=1; mechanism=module; name=rootkit; trigger=boot"}},
		{"/etc/modprobe.d/x.conf", "options a b=1\ninstall usb-storage /bin/sh /tmp/a\n", []string{"account=root; command=/bin/sh /tmp/a; event=install of the module usb-storage; mechanism=modprobe-install; name=usb-storage; target=/bin/sh; trigger=event"}},
		{"/etc/binfmt.d/x.conf", ":x:M::\\x7fELF::/tmp/run:C\n", []string{"command=/tmp/run; event=a program of the format x starts; mechanism=binfmt-misc; name=x; target=/tmp/run; trigger=event"}},
		{"/etc/apt/apt.conf.d/99", "// c\nAPT::Update::Pre-Invoke {\"/tmp/a \\\"b\\\"\"; };\nDPkg\n{ /* x\n y */ Post-Invoke { \"touch /x\"; \"b\" };\n  Lock::Timeout \"3\";\n};\nDPkg::Pre-Install-Pkgs:: \"/usr/sbin/apt-listchanges\";\n#clear x;\n", []string{
			`account=root; command=/tmp/a "b"; key=APT::Update::Pre-Invoke; mechanism=apt-hook; target=/tmp/a; trigger=event`, "account=root; command=touch /x; key=DPkg::Post-Invoke; mechanism=apt-hook; trigger=event",
			"account=root; command=b; key=DPkg::Post-Invoke; mechanism=apt-hook; trigger=event", "account=root; command=/usr/sbin/apt-listchanges; key=DPkg::Pre-Install-Pkgs; mechanism=apt-hook; target=/usr/sbin/apt-listchanges; trigger=event"}},
		{"/etc/dpkg/dpkg.cfg.d/x", "no-debsig\npost-invoke=\"if true; then a; fi\"\n", []string{"account=root; command=if true; then a; fi; key=post-invoke; mechanism=dpkg-hook; trigger=event"}},
		{"/etc/yum/pluginconf.d/x.conf", "[main]\nenabled=1\n", []string{"account=root; mechanism=yum-plugin; name=x; trigger=event"}},
		{"/etc/dnf/plugins/x.conf", "[main]\nenabled = 0\n", []string{"account=root; enabled=false; mechanism=dnf-plugin; name=x; reason=enabled=0; trigger=event"}},
		{"/etc/dnf/plugins/post-transaction-actions.d/x.action", "*:any:/tmp/a x\n", []string{"account=root; command=/tmp/a x; event=*:any; mechanism=dnf-action; target=/tmp/a; trigger=event"}},
		{"/usr/share/dbus-1/system-services/x.service", "[D-BUS Service]\nName=org.x\nExec=/tmp/a --b\nUser=root\n", []string{"account=root; command=/tmp/a --b; event=a message to org.x; mechanism=dbus-service; name=org.x; target=/tmp/a; trigger=event"}},
		{"/etc/polkit-1/rules.d/1.rules", "polkit.addRule(function(a,s) {\n  polkit.spawn([\"/tmp/a\", \"b\"]);\n});\n", []string{"account=polkitd; event=polkit is asked; mechanism=polkit-rule; target=/etc/polkit-1/rules.d/1.rules; trigger=event",
			"account=polkitd; command=/tmp/a b; event=polkit is asked; mechanism=polkit-rule; target=/tmp/a; trigger=event"}},
		{"/etc/polkit-1/localauthority/50-local.d/x.pkla", "[x]\nIdentity=unix-user:bob\nAction=*\nResultAny=yes\n", []string{"account=bob; action=*; name=polkit-authority; result_any=yes; title=x"}},
		{"/home/u/.config/autostart/x.desktop", "[Desktop Entry]\nName=X\nExec=/tmp/a\n[Other]\nExec=b\n", []string{"account=u; command=/tmp/a; mechanism=xdg-autostart; name=X; target=/tmp/a; trigger=login"}},
		{"/etc/logrotate.d/x", "/var/log/a\n/var/log/b {\n  postrotate\n    kill -HUP 1\n    /tmp/a\n  endscript\n}\n", []string{"account=root; command=kill -HUP 1; /tmp/a; event=postrotate of /var/log/b; key=postrotate; mechanism=logrotate-script; trigger=time"}},
		{"/etc/aliases", "root: bob, \"|/tmp/a b, c\"\nlist: |/x\nbin: root\n", []string{"command=/tmp/a b, c; event=mail to root; mechanism=mail-alias-pipe; name=root; target=/tmp/a; trigger=event", "command=/x; event=mail to list; mechanism=mail-alias-pipe; name=list; target=/x; trigger=event"}},
		{"/home/u/.forward", "\\u, \"|/home/u/a\"\n", []string{"account=u; command=/home/u/a; event=mail; mechanism=forward-pipe; target=/home/u/a; trigger=event"}},
		{"/var/spool/incron/bob", "/etc IN_MODIFY /tmp/a $@\n", []string{"account=bob; command=/tmp/a $@; event=IN_MODIFY of /etc; mechanism=incron; target=/tmp/a; trigger=event"}},
		{"/etc/acpi/events/x", "event=button/power.*\naction=/tmp/a %e\n", []string{"account=root; command=/tmp/a %e; event=button/power.*; mechanism=acpi; target=/tmp/a; trigger=event"}},
		{"/etc/audit/plugins.d/x.conf", "active = yes\npath = /sbin/x\nargs = 1\n", []string{"account=root; command=/sbin/x 1; mechanism=audit-plugin; name=x; target=/sbin/x; trigger=boot"}},
		{"/etc/php/8.2/fpm/php.ini", "auto_prepend_file = \"/tmp/a.php\" ; x\nauto_append_file =\n", []string{"event=PHP serves a page; key=auto_prepend_file; mechanism=php-prepend; target=/tmp/a.php; trigger=event"}},
		{"/usr/lib/python3/dist-packages/x.pth", "../y\nimport os; os.system('a')\n", []string{"command=import os; os.system('a'); event=Python starts; mechanism=python-pth; trigger=event"}},
		{"/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n  up /tmp/a\n  post-up b c\n", []string{"account=root; command=/tmp/a; event=up eth0; mechanism=ifup; target=/tmp/a; trigger=event", "account=root; command=b c; event=post-up eth0; mechanism=ifup; trigger=event"}},
		{"/etc/supervisor/conf.d/a.conf", "[program:a]\ncommand=/tmp/a b ; c\nuser=www-data\nautostart=false\n", []string{"account=www-data; command=/tmp/a b; enabled=false; mechanism=supervisor; name=a; reason=autostart=false; target=/tmp/a; trigger=boot"}},
		{"/etc/gitconfig", "[alias]\n\tx = \"!sh /tmp/a\"\n\tco = checkout\n[core] fsmonitor = /tmp/b\n[filter \"lfs\"]\n clean = git-lfs clean\n", []string{
			"command=sh /tmp/a; event=git runs; key=alias.x; mechanism=git-config; trigger=event", "command=/tmp/b; event=git runs; key=core.fsmonitor; mechanism=git-config; target=/tmp/b; trigger=event", `command=git-lfs clean; event=git runs; key=filter."lfs".clean; mechanism=git-config; trigger=event`}},
	}
	for _, tt := range tests {
		if got := (tree{tt.path: tt.text}).show(tt.path); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestLinked(t *testing.T) {
	script := "x #!/bin/sh\n### BEGIN INIT INFO\n# Provides: app\n# Default-Start: 2 3\n# Short-Description: An app\n### END INIT INFO\n"
	server := tree{
		"/etc/init.d/app": script, "/etc/rc2.d/S01app": "-> ../init.d/app", "/etc/rc3.d/S01app": "-> ../init.d/app", "/etc/rc0.d/K01app": "-> ../init.d/app",
		"/etc/init.d/off": "x #!/bin/sh\n", "/etc/init.d/ssh": "x #!/bin/sh\n", "/etc/rc2.d/S02ssh": "-> ../init.d/ssh", "/usr/lib/systemd/system/ssh.service": "", "/usr/lib/systemd/systemd": "",
		"/etc/init.d/alp": "x #!/sbin/openrc-run\n", "/etc/runlevels/default/alp": "-> /etc/init.d/alp",
		"/srv/shop/.git/config": "[core]\n\tbare = false\n", "/srv/shop/.git/hooks/post-merge": "x #!/bin/sh\n", "/srv/shop/.git/hooks/pre-push.sample": "x #!/bin/sh\n",
	}
	tests := map[string][]string{
		"/etc/init.d/app":       {"account=root; command=/etc/init.d/app; default_start=2 3; description=An app; links=/etc/rc2.d/S01app /etc/rc3.d/S01app; mechanism=sysv-init; name=app; runlevels=2 3; target=/etc/init.d/app; trigger=boot; enabled 2023-11-14T22:13:20Z the link /etc/rc2.d/S01app"},
		"/etc/init.d/off":       {"account=root; command=/etc/init.d/off; enabled=false; mechanism=sysv-init; reason=no run level starts it; target=/etc/init.d/off; trigger=boot"},
		"/etc/init.d/ssh":       {"account=root; command=/etc/init.d/ssh; enabled=false; links=/etc/rc2.d/S02ssh; mechanism=sysv-init; reason=systemd takes the unit in its place; runlevels=2; target=/etc/init.d/ssh; trigger=boot; unit=/usr/lib/systemd/system/ssh.service; enabled 2023-11-14T22:13:20Z the link /etc/rc2.d/S02ssh"},
		"/etc/init.d/alp":       {"account=root; command=/etc/init.d/alp; links=/etc/runlevels/default/alp; mechanism=openrc; runlevels=default; target=/etc/init.d/alp; trigger=boot; enabled 2023-11-14T22:13:20Z the link /etc/runlevels/default/alp"},
		"/srv/shop/.git/config": {"command=/srv/shop/.git/hooks/post-merge; event=git post-merge; mechanism=git-hook; name=post-merge; target=/srv/shop/.git/hooks/post-merge; trigger=event"},
	}
	for name, want := range tests {
		if got := server.show(name); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestEvidence(t *testing.T) {
	text := "[D-BUS Service]\nName=x\n Exec=/a \\\n b\n"
	for r := range run(context.Background(), tree{"/usr/share/dbus-1/services/x.service": text}.source("/usr/share/dbus-1/services/x.service")) {
		e := r.Evidence
		if got := text[e.Offset : e.Offset+e.Length]; got != " Exec=/a \\\n b" || e.Line != 3 || r.Kind != timeline.KindAutostart {
			t.Errorf("%q, line %d", got, e.Line)
		}
	}
}

// Every class must be reached by its own patterns.
func TestClasses(t *testing.T) {
	for i := range classes {
		for _, p := range classes[i].patterns {
			name := strings.NewReplacer("~", "/home/u", "[S0-6]", "2", "**", "a", "*", "x").Replace(p)
			if c := classOf(name); c == nil {
				t.Errorf("%s is of no class", name)
			}
		}
	}
}

func FuzzAutostart(f *testing.F) {
	for i := range classes {
		name := strings.NewReplacer("~", "/home/u", "**", "a", "*", "x").Replace(classes[i].patterns[0])
		f.Add(name, "[main]\nenabled=1\nExec=\"a\nRUN+=\"x\"\n:a:b:c:d:e:f\nAPT { Post-Invoke { \"x\"; }; };\nx: \"|y\"\n\\\n")
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range run(context.Background(), tree{name: text}.source(name)) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if r.Kind == timeline.KindAutostart && (r.Fields["mechanism"] == "" || r.Fields["trigger"] == "") || e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > int64(len(text)) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
