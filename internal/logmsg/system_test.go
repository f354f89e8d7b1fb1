package logmsg

import "testing"

func TestSystem(t *testing.T) {
	tests := []struct{ program, text, want string }{
		{"sshd", "Postponed publickey for u from 192.0.2.1 port 9 ssh2 [preauth]", "login-postponed account=u address=192.0.2.1 method=publickey port=9"},
		{"sshd", "Partial publickey for u from 192.0.2.1 port 9 ssh2: ED25519 SHA256:abc", "login-partial account=u address=192.0.2.1 fingerprint=SHA256:abc key_type=ED25519 method=publickey port=9"},
		{"sshd", `Connection from 192.0.2.1 port 7 on 192.0.2.2 port 22 rdomain ""`, "connection address=192.0.2.1 local_address=192.0.2.2 local_port=22 port=7"},
		{"sshd", "reverse mapping checking getaddrinfo for x.example.org [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!", "name-mismatch address=192.0.2.1"},
		{"sshd", "Address 192.0.2.1 maps to x.example.org, but this does not map back to the address.", "name-mismatch address=192.0.2.1"},
		{"sshd", "Found matching RSA key: SHA256:abc", "key-accepted fingerprint=SHA256:abc key_type=RSA"},
		{"sshd", "fatal: Access denied for user u by PAM account configuration [preauth]", "login-denied account=u reason=PAM account configuration"},
		{"sshd", "Closing connection to 192.0.2.1 port 7", "disconnected address=192.0.2.1 port=7"},
		{"sshd", "error: Bind to port 22 on 0.0.0.0 failed: Address already in use.", "service-failed port=22 reason=Address already in use."},
		{"sshd", "Authentication refused: bad ownership or modes for directory /home/u", "key-refused path=/home/u reason=bad ownership or modes for directory /home/u"},
		{"sshd", "srclimit_penalise: ipv4: new 192.0.2.1/32 deferred penalty of 5 seconds for penalty: failed authentication", "throttled address=192.0.2.1 reason=failed authentication"},
		{"sshd-session", "PAM unable to dlopen(/lib/security/pam_x.so): no such file", "pam-module-failed path=/lib/security/pam_x.so"},
		{"sshd", "PAM adding faulty module: /lib/security/pam_x.so", "pam-module-failed path=/lib/security/pam_x.so"},
		{"sshd", "pam_sss(sshd:auth): received for user u: 7 (Authentication failure)", "auth-reason account=u reason=7 (Authentication failure) service=sshd"},
		{"sshd", "pam_winbind(sshd:auth): user 'u' granted access", "auth-accepted account=u service=sshd"},
		{"sshd", "pam_winbind(sshd:auth): user 'u' denied access (incorrect password or invalid membership)", "auth-failed account=u reason=incorrect password or invalid membership service=sshd"},
		{"sshd", "pam_exec(sshd:auth): /opt/hook failed: exit code 1", "pam-exec-failed command=/opt/hook reason=exit code 1 service=sshd"},
		{"sudo", `@cee:{"sudo":{"accept":{"submituser":"alice","submitcwd":"/home/alice","runuser":"root","command":"/bin/sh","runargv":["sh","-c","id"],"ttyname":"/dev/pts/0"}}}`, "sudo account=alice command=/bin/sh -c id cwd=/home/alice target=root tty=/dev/pts/0"},
		{"sudo", `{"reject":{"submituser":"bob","reason":"user NOT in sudoers","command":"/bin/su"}}`, "sudo-failed account=bob command=/bin/su reason=user NOT in sudoers"},
		{"sudo", `@cee:{"sudo":{`, " "},
		{"sudo-rs", "alice : TTY=pts/0 ; PWD=/ ; USER=root ; TSID=00001 ; COMMAND=/bin/id", "sudo account=alice command=/bin/id cwd=/ io_log=00001 target=root tty=pts/0"},
		{"useradd", "failed adding user 'x', exit code: 9", "useradd-failed account=x reason=exit code: 9"},
		{"systemd-logind", "Session 12 logged out. Waiting for processes to exit.", "logout session=12"},
		{"systemd", "Started ssh.service - OpenBSD Secure Shell server.", "service-started description=OpenBSD Secure Shell server unit=ssh.service"},
		{"systemd", "Started OpenBSD Secure Shell server.", "service-started description=OpenBSD Secure Shell server"},
		{"systemd", "Started Session 12 of User root.", "session-started account=root description=Session 12 of User root session=12"},
		{"systemd", "Started session-3.scope - Session 3 of User alice.", "session-started account=alice description=Session 3 of User alice session=3 unit=session-3.scope"},
		{"systemd", "Stopped target graphical.target.", "service-stopped description=target graphical.target"},
		{"systemd", "Failed to start x.service - X.", "service-failed description=X unit=x.service"},
		{"systemd", "x.service: Main process exited, code=killed, status=9/KILL", "service-failed reason=Main process exited, code=killed, status=9/KILL unit=x.service"},
		{"systemd", "Reloading requested from client PID 7 ('systemctl') (unit session-1.scope)...", "daemon-reload by=systemctl"},
		{"systemd", "Reloading.", "daemon-reload "},
		{"systemd", "Hostname set to <web01>.", "hostname-set name=web01"},
		{"systemd", "Starting x.service...", " "},
		{"init", "Switching to runlevel: 6", "reboot runlevel=6"},
		{"polkitd(authority=local)", "Operator of unix-session:2 successfully authenticated as unix-user:root to gain TEMPORARY authorization for action org.x.y for unix-process:12:34 [sh -c a] (owned by unix-user:alice)",
			"polkit-accepted account=alice command=sh -c a op=org.x.y session=2 target=root"},
		{"polkitd", "Operator of unix-session:2 FAILED to authenticate to gain authorization for action org.x.y for system-bus-name::1.5 [sh] (owned by unix-user:alice)", "polkit-failed account=alice command=sh op=org.x.y session=2"},
		{"accounts-daemon", "request by system-bus-name::1.7 [gnome-control-center pid:2 uid:1000]: create user 'x'", "useradd account=x by_uid=1000"},
		{"xrdp-sesman", "[INFO ] ++ created session (access granted): username alice, ip 192.0.2.1:5000 - socket: 12", "login-accepted account=alice address=192.0.2.1 port=5000"},
		{"xrdp-sesman", "AUTHFAIL: user=alice ip=::ffff:192.0.2.1 time=1700000000", "login-failed account=alice address=192.0.2.1"},
		{"cockpit-ws", "New connection to session from 192.0.2.1", "connection address=192.0.2.1"},
		{"dhclient", "bound to 192.0.2.5 -- renewal in 1000 seconds.", "lease local_address=192.0.2.5"},
		{"NetworkManager", "<info>  [1699.12] dhcp4 (eth0): state changed new lease, address=192.0.2.5", "lease device=eth0 local_address=192.0.2.5"},
		{"systemd-networkd", "eth0: DHCPv4 address 192.0.2.5/24, gateway 192.0.2.1 acquired from 192.0.2.1", "lease device=eth0 local_address=192.0.2.5"},
		{"chronyd", "System clock was stepped by -3600.5 seconds", "clock-changed seconds=-3600.5"},
		{"systemd-timedated", "Changed time zone to 'Europe/Berlin' (CEST).", "timezone-changed name=Europe/Berlin"},
		{"kernel", "[ 12.3] su[4711]: segfault at 7ffc ip 00007f sp 00007ffc error 4 in ld-linux-x86-64.so.2[7f+26000]", "crashed library=ld-linux-x86-64.so.2 reason=segfault target=su target_pid=4711"},
		{"kernel", "traps: x[7] general protection fault ip:7f sp:7f error:0 in x[1+2]", "crashed reason=general protection fault target=x target_pid=7"},
		{"kernel", "[ 9.1] rk: loading out-of-tree module taints kernel.", "module-tainted name=rk reason=loading out-of-tree module taints kernel."},
		{"kernel", "rk: module verification failed: signature and/or required key missing - tainting kernel", "module-tainted name=rk reason=module verification failed: signature and/or required key missing - tainting kernel"},
		{"kernel", "device eth0 entered promiscuous mode", "promiscuous-on device=eth0"},
		{"kernel", "eth0: left promiscuous mode", "promiscuous-off device=eth0"},
		{"kernel", "Out of memory: Killed process 123 (mysqld) total-vm:1kB", "oom-killed target=mysqld target_pid=123"},
		{"kernel", "usb 1-1: New USB device found, idVendor=0781, idProduct=5581, bcdDevice= 1.00", "usb-connected device=1-1 product=5581 vendor=0781"},
		{"kernel", "usb 1-1: SerialNumber: ABC", "usb-connected device=1-1 serial=ABC"},
		{"kernel", "usb 1-1: USB disconnect, device number 3", "usb-disconnected device=1-1"},
		{"kernel", `audit: type=1400 audit(1699920042.123:45): apparmor="DENIED" operation="open" class="file" profile="/usr/sbin/x y" name="/etc/shadow" pid=7 comm="x" requested_mask="r" denied_mask="r" fsuid=0`,
			"apparmor-denied denied=r op=open path=/etc/shadow profile=/usr/sbin/x y serial=45 state=DENIED target=x target_pid=7 type=1400"},
		{"kernel", "audit: type=1112 audit(1.2:3): pid=1 uid=0 auid=4294967295 msg='op=login acct=\"root\" exe=\"/usr/sbin/sshd\" addr=192.0.2.1 terminal=ssh res=failed'", "audit account=root address=192.0.2.1 exe=/usr/sbin/sshd op=login outcome=failure serial=3 target_pid=1 type=1112 uid=0"},
		{"kernel", "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.", " "},
		{"kernel", "request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.", "syn-flood port=80"},
		{"kernel", "EXT4-fs error (device sda1): ext4_find_entry:1: inode #2", "filesystem-error device=sda1"},
		{"kernel", "a line of no weight", " "},
		{"CRON", "(root) WRONG FILE OWNER (/etc/cron.d/x)", "crontab-refused account=root reason=WRONG FILE OWNER target=/etc/cron.d/x"},
		{"crond", "(root) CMDOUT (hello)", "cron-output account=root output=hello"},
		{"crond", "(root) CMDEND (x)", " "},
	}
	for _, tt := range tests {
		f := fields{}
		action, _ := Decode(tt.program, tt.text, f)
		if got := show(action, f); got != tt.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.program, tt.text, got, tt.want)
		}
	}
}

func FuzzSystem(f *testing.F) {
	for _, p := range []string{"systemd", "kernel", "polkitd", "xrdp-sesman", "NetworkManager", "accounts-daemon", "sudo", "chronyd"} {
		f.Add(p, `audit: type=1400 audit(1.2:3): a="b" c=d`)
		f.Add(p, "Started x.service - Session 1 of User y.")
		f.Add(p, `@cee:{"sudo":{"accept":{"submituser":"a"}}}`)
	}
	f.Fuzz(func(t *testing.T, program, text string) { Decode(program, text, fields{}) })
}
