package logmsg

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// show renders a message's decoded fields.
func show(action string, f fields) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, k+"="+f[k])
	}
	return action + " " + strings.Join(parts, " ")
}

func TestDecode(t *testing.T) {
	tests := []struct{ program, text, want string }{
		{"sshd", "Accepted password for root from 192.0.2.1 port 4022 ssh2", "login-accepted account=root address=192.0.2.1 method=password port=4022"},
		{"sshd", "Accepted publickey for a b from 2001:db8::1 port 9 ssh2: ED25519 SHA256:abc/+", "login-accepted account=a b address=2001:db8::1 fingerprint=SHA256:abc/+ key_type=ED25519 method=publickey port=9"},
		{"sshd", "Accepted publickey for u from 192.0.2.1 port 9 ssh2: RSA-CERT SHA256:abc ID dev laptop (serial 3) CA RSA SHA256:def",
			"login-accepted account=u address=192.0.2.1 ca_fingerprint=SHA256:def certificate=dev laptop fingerprint=SHA256:abc key_type=RSA-CERT method=publickey port=9"},
		{"sshd", "Accepted publickey for u from ::ffff:192.0.2.1 port 9 ssh2: RSA MD5:aa:bb", "login-accepted account=u address=192.0.2.1 fingerprint=aa:bb key_type=RSA method=publickey port=9"},
		{"sshd", "Failed password for invalid user x from 203.0.113.9 port 1 ssh2 from 192.0.2.1 port 4022 ssh2", "login-failed account=x from 203.0.113.9 port 1 ssh2 address=192.0.2.1 method=password port=4022 reason=invalid user"},
		{"sshd", "Failed password for illegal user  from 192.0.2.1 port 1 ssh2", "login-failed address=192.0.2.1 method=password port=1 reason=invalid user"},
		{"sshd-session", "Failed none for invalid user 0 from 192.0.2.1 port 1 ssh2", "login-failed account=0 address=192.0.2.1 method=none port=1 reason=invalid user"},
		{"sshd", "message repeated 5 times: [ Failed password for root from 192.0.2.1 port 1 ssh2]", "login-failed account=root address=192.0.2.1 count=5 method=password port=1"},
		{"sshd", "Invalid user admin from 192.0.2.1", "invalid-user account=admin address=192.0.2.1 reason=invalid user"},
		{"sshd", "Invalid user  from 192.0.2.1 port 7", "invalid-user address=192.0.2.1 port=7 reason=invalid user"},
		{"sshd", "Connection closed by authenticating user root 192.0.2.1 port 7 [preauth]", "connection-closed account=root address=192.0.2.1 port=7"},
		{"sshd", "Connection reset by invalid user a b 192.0.2.1 port 7 [preauth]", "connection-closed account=a b address=192.0.2.1 port=7 reason=invalid user"},
		{"sshd", "Connection closed by 192.0.2.1 [preauth]", "connection-closed address=192.0.2.1"},
		{"sshd", "Received disconnect from 192.0.2.1 port 7:11: Bye Bye", "disconnected address=192.0.2.1 port=7 reason=11: Bye Bye"},
		{"sshd", "Received disconnect from 192.0.2.1: 11: Bye Bye", "disconnected address=192.0.2.1"},
		{"sshd", "Disconnected from user u 192.0.2.1 port 7", "disconnected account=u address=192.0.2.1 port=7"},
		{"sshd", "Disconnecting authenticating user root 192.0.2.1 port 7: Too many authentication failures [preauth]", "disconnected account=root address=192.0.2.1 port=7 reason=Too many authentication failures"},
		{"sshd", "error: maximum authentication attempts exceeded for root from 192.0.2.1 port 7 ssh2 [preauth]", "attempts-exceeded account=root address=192.0.2.1 port=7"},
		{"sshd", "User root from 192.0.2.1 not allowed because not listed in AllowUsers", "login-denied account=root address=192.0.2.1 reason=not listed in AllowUsers"},
		{"sshd", "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)", "session-opened account=root by_uid=0 service=sshd uid=0"},
		{"sshd", "pam_unix(sshd:session): session closed for user root", "session-closed account=root service=sshd"},
		{"sshd(pam_unix)", "session opened for user root by (uid=0)", "session-opened account=root by_uid=0 service=sshd"},
		{"su", "(pam_unix) session opened for user root by alice(uid=1000)", "session-opened account=root by=alice by_uid=1000 service=su"},
		{"sshd", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root", "auth-failed account=root address=192.0.2.1 by_uid=0 service=sshd tty=ssh"},
		{"sshd", "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root", "auth-failed account=root address=192.0.2.1 by_uid=0 count=2 tty=ssh"},
		{"sshd", "Unable to negotiate with 192.0.2.1 port 7: no matching key exchange method found. Their offer: a by b [preauth]", "connection-failed address=192.0.2.1 port=7"},
		{"sshd", "banner exchange: Connection from 192.0.2.1 port 7: invalid format", "connection-failed address=192.0.2.1 port=7"},
		{"sshd", "Did not receive identification string from 192.0.2.1", "connection-failed address=192.0.2.1"},
		{"sshd", "Bad protocol version identification 'GET / from x' from 192.0.2.1 port 7", "connection-failed address=192.0.2.1 port=7"},
		{"sshd", "refused connect from example.org (192.0.2.1)", "connection-refused address=192.0.2.1"},
		{"sshd", "Server listening on 0.0.0.0 port 22.", "service-started port=22"},
		{"sshd", "Accepted key RSA SHA256:abc found at /root/.ssh/authorized_keys:3", "key-accepted fingerprint=SHA256:abc key_type=RSA path=/root/.ssh/authorized_keys:3"},
		{"sshd", "subsystem request for sftp by user u", "subsystem-request account=u command=sftp"},
		{"sshd", "Starting session: shell on pts/0 for u from 192.0.2.1 port 7 id 0", "session-opened account=u address=192.0.2.1 command=shell on pts/0 port=7"},
		{"sshd", "Close session: user u from 192.0.2.1 port 7 id 0", "session-closed account=u address=192.0.2.1 port=7"},
		{"sshd", "something else", " "},
		{"dropbear", "Password auth succeeded for 'root' from 192.0.2.1:4022", "login-accepted account=root address=192.0.2.1 method=password port=4022"},
		{"dropbear", "Bad password attempt for 'root' from ::ffff:192.0.2.1:4022", "login-failed account=root address=192.0.2.1 method=password port=4022"},
		{"dropbear", "Pubkey auth succeeded for 'root' with ssh-ed25519 key SHA256:abc from [2001:db8::1]:4022", "login-accepted account=root address=2001:db8::1 fingerprint=SHA256:abc key_type=ssh-ed25519 method=publickey port=4022"},
		{"dropbear", "Login attempt for nonexistent user from 192.0.2.1:4022", "invalid-user address=192.0.2.1 port=4022 reason=invalid user"},
		{"sudo", "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/sh -c a ; b", "sudo account=alice command=/bin/sh -c a ; b cwd=/home/alice target=root tty=pts/0"},
		{"sudo", "alice : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/su", "sudo-failed account=alice command=/bin/su cwd=/ reason=3 incorrect password attempts target=root tty=pts/0"},
		{"sudo", "bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; GROUP=adm ; ENV=A=b ; COMMAND=list", "sudo-failed account=bob command=list cwd=/ environment=A=b group=adm reason=user NOT in sudoers target=root tty=pts/1"},
		{"sudo", "alice : (command continued) --more", "sudo-continued account=alice command=--more"},
		{"sudo", "unable to resolve host x : y", " "},
		{"su", "Successful su for root by alice", "su account=alice target=root"},
		{"su", "FAILED su for root by alice", "su-failed account=alice target=root"},
		{"su", "+ /dev/pts/0 alice:root", "su account=alice target=root tty=/dev/pts/0"},
		{"su", "- pts/0 alice:root", "su-failed account=alice target=root tty=pts/0"},
		{"su", "(to root) alice on pts/0", "su account=alice target=root tty=pts/0"},
		{"su", "FAILED SU (to root) alice on pts/0", "su-failed account=alice target=root tty=pts/0"},
		{"su", "BAD SU alice to root on /dev/ttyp0", "su-failed account=alice target=root tty=/dev/ttyp0"},
		{"login", "LOGIN ON tty1 BY alice FROM example.org", "login-accepted account=alice address=example.org tty=tty1"},
		{"login", "ROOT LOGIN  on '/dev/tty1'", "login-accepted account=root tty=/dev/tty1"},
		{"login", "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure", "login-failed account=root reason=Authentication failure tty=/dev/tty1"},
		{"login", "FAILED LOGIN 2 FROM 192.0.2.1 FOR root, Authentication failure", "login-failed account=root address=192.0.2.1 reason=Authentication failure"},
		{"useradd", "new user: name=x, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/0", "useradd account=x gid=0 home=/root shell=/bin/bash tty=/dev/pts/0 uid=0"},
		{"useradd", "add 'x' to group 'sudo'", "group-member-added account=x group=sudo"},
		{"usermod", "add 'x' to shadow group 'sudo'", " "},
		{"usermod", "delete 'x' from group 'sudo'", "group-member-removed account=x group=sudo"},
		{"usermod", "change user 'x' UID from '1000' to '0'", "usermod account=x change=UID from '1000' to '0'"},
		{"usermod", "change user 'x' password", "passwd-changed account=x"},
		{"usermod", "change user name 'x' to 'y'", "usermod account=x change=name target=y"},
		{"usermod", "unlock user 'x' password", "usermod account=x change=unlock"},
		{"userdel", "delete user 'x'", "userdel account=x"},
		{"userdel", "removed group 'x' owned by 'x'", "groupdel group=x"},
		{"groupadd", "new group: name=g, GID=1001", "groupadd gid=1001 group=g"},
		{"gpasswd", "user x added by root to group sudo", "group-member-added account=x by=root group=sudo"},
		{"passwd", "pam_unix(passwd:chauthtok): password changed for root", "passwd-changed account=root service=passwd"},
		{"passwd", "password for 'x' changed by 'root'", "passwd-changed account=x by=root"},
		{"chage", "changed password expiry for x", "usermod account=x change=password expiry"},
		{"systemd-logind", "New session 12 of user root.", "session-opened account=root session=12"},
		{"systemd-logind", "New session '12' of user 'root' with class 'user' and type 'tty'.", "session-opened account=root session=12"},
		{"systemd-logind", "Removed session 12.", "session-closed session=12"},
		{"systemd-logind", "System is rebooting.", "reboot "},
		{"CRON", "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)", "cron-run account=root command=cd / && run-parts --report /etc/cron.hourly"},
		{"/USR/SBIN/CRON", "(www-data) CMD (x (y))", "cron-run account=www-data command=x (y)"},
		{"crontab", "(root) REPLACE (alice)", "crontab-replace account=root target=alice"},
		{"crontab", "(root) BEGIN EDIT (root)", "crontab-edit account=root target=root"},
		{"crond", "USER root pid 12 cmd run-parts /etc/periodic/15min", "cron-run account=root command=run-parts /etc/periodic/15min"},
		{"anacron", "Job `cron.daily' started", "cron-run command=cron.daily"},
		{"atd", "Starting job 3 (a0000301b2f3c4) for user 'www-data' (33)", "at-run account=www-data job=3 (a0000301b2f3c4)"},
		{"cron", "(CRON) STARTUP (fork ok)", "service-started "},
		{"pkexec", "alice: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/alice] [COMMAND=/bin/sh]", "pkexec account=alice command=/bin/sh cwd=/home/alice target=root tty=/dev/pts/0"},
		{"doas", "alice ran command sh -c id as root from /home/alice", "doas account=alice command=sh -c id cwd=/home/alice target=root"},
		{"kernel", "[    0.000000] Linux version 6.1.0 (x)", "boot "},
		{"rsyslogd", "[origin software=\"rsyslogd\" swVersion=\"8.2302.0\" x-pid=\"1\" x-info=\"https://www.rsyslog.com\"] start", "logging-started "},
		{"syslogd", "exiting on signal 15", "logging-stopped "},
		{"sudo", "pam_tally2(sudo:auth): user x (4001) tally 6, deny 5", "account-locked account=x service=sudo"},
		{"gdm-password]", "pam_unix(gdm-password:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=u", "auth-failed account=u by_uid=0 service=gdm-password tty=/dev/tty1"},
	}
	for _, tt := range tests {
		f := fields{}
		action, _ := Decode(tt.program, tt.text, f)
		if got := show(action, f); got != tt.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.program, tt.text, got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range []string{"sshd", "sudo", "su", "login", "useradd", "cron", "dropbear", "pkexec", "doas", "systemd-logind", "gpasswd", "sshd(pam_unix)"} {
		f.Add(p, "Failed password for invalid user x from 192.0.2.1 port 1 ssh2: RSA SHA256:x")
		f.Add(p, "pam_unix(x:auth): authentication failure; rhost=1 user=2")
	}
	f.Fuzz(func(t *testing.T, program, text string) { Decode(program, text, fields{}) })
}
