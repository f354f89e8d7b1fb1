package logmsg

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestServices(t *testing.T) {
	tests := []struct{ program, text, want string }{
		{"postfix/smtpd", "connect from mx.example.org[192.0.2.1]", "mail connection address=192.0.2.1 remote_host=mx.example.org"},
		{"postfix/smtpd", "disconnect from unknown[2001:db8::1] ehlo=1 auth=0/1 quit=1 commands=2/3", "mail disconnected address=2001:db8::1 commands=ehlo=1 auth=0/1 quit=1 commands=2/3"},
		{"postfix/submission/smtpd", "4XyZ123abC: client=h.example.org[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@example.org", "auth login-accepted account=alice@example.org address=192.0.2.1 method=PLAIN queue_id=4XyZ123abC remote_host=h.example.org"},
		{"postfix/smtpd", "warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=in, fo", "auth login-failed account=in, fo address=192.0.2.9 method=LOGIN reason=UGFzc3dvcmQ6"},
		{"postfix/smtpd", "lost connection after AUTH from unknown[192.0.2.9]", "mail connection-failed address=192.0.2.9 reason=lost connection after AUTH"},
		{"postfix/pickup", "1A2B3C4D5E: uid=33 from=<www-data>", "mail mail-submitted queue_id=1A2B3C4D5E sender=www-data uid=33"},
		{"postfix/cleanup", "1A2B3C4D5E: message-id=<x@example.org>", "mail mail-message message_id=x@example.org queue_id=1A2B3C4D5E"},
		{"postfix/qmgr", "1A2B3C4D5E: from=<a@example.org>, size=1234, nrcpt=2 (queue active)", "mail mail-queued bytes=1234 count=2 queue_id=1A2B3C4D5E sender=a@example.org"},
		{"postfix/smtp", "1A2B3C4D5E: to=<b@example.net>, orig_to=<root>, relay=mx.example.net[198.51.100.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK, id=1)", "mail mail-sent dsn=2.0.0 dst_address=198.51.100.1 original_recipient=root queue_id=1A2B3C4D5E reason=250 OK, id=1 recipient=b@example.net relay=mx.example.net[198.51.100.1]:25 status=sent"},
		{"postfix/qmgr", "1A2B3C4D5E: removed", "mail mail-removed queue_id=1A2B3C4D5E"},
		{"postfix/postscreen", "PREGREET 14 after 0.06 from [192.0.2.9]:4711: EHLO x", "mail postscreen-pregreet address=192.0.2.9 command=EHLO x port=4711"},
		{"postfix/smtpd", "NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 454 4.7.1 <b@example.net>: Relay access denied; from=<a@example.org> to=<b@example.net> proto=ESMTP helo=<h>", "mail mail-rejected address=192.0.2.9 command=RCPT dsn=4.7.1 helo=h protocol=ESMTP reason=Relay access denied recipient=b@example.net sender=a@example.org status=454 target=b@example.net"},
		{"postfix/master", "daemon started -- version 3.7.6, configuration /etc/postfix", "mail service-started version=3.7.6"},
		{"dovecot", "auth-worker(1): conn unix:auth-worker (pid=2,uid=3): auth-worker<4>: sql(o'neil, (x),192.0.2.9,<abc>): unknown user", "auth auth-failed account=o'neil, (x) address=192.0.2.9 backend=sql reason=unknown user session=abc"},
		{"dovecot", "lda(alice)<12><abc>: msgid=<x@y>: saved mail to INBOX", "mail mail-delivered account=alice message_id=x@y protocol=lda session=abc target=INBOX"},
		{"sendmail", "x1ABcd012345: from=<a@example.org>, size=12, class=0, nrcpts=1, msgid=<x@y>, proto=ESMTP, daemon=MTA, relay=h.example.org [192.0.2.1]", "mail mail-queued address=192.0.2.1 bytes=12 count=1 message_id=x@y queue_id=x1ABcd012345 remote_host=h.example.org sender=a@example.org"},
		{"cyrus/imaps", "badlogin: h.example.org [192.0.2.9] PLAIN [SASL(-13): authentication failure: Password verification failed]", "auth login-failed address=192.0.2.9 method=PLAIN reason=authentication failure: Password verification failed remote_host=h.example.org"},
		{"imapd-ssl", "LOGIN FAILED, user=alice, ip=[::ffff:192.0.2.9]", "auth login-failed account=alice address=192.0.2.9"},
		{"saslauthd", "do_auth         : auth failure: [user=alice] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]", "auth auth-failed account=alice backend=pam reason=PAM auth error service=smtp"},
		{"vsftpd", `[alice] OK DELETE: Client "192.0.2.1", "/x"`, "transfer deleted account=alice address=192.0.2.1 outcome=success path=/x"},
		{"pure-ftpd", "(alice@192.0.2.1) [NOTICE] /home/alice//x uploaded  (12 bytes, 1.00KB/sec)", "transfer uploaded account=alice address=192.0.2.1 bytes=12 path=/home/alice//x severity=notice"},
		{"internal-sftp", `close "/srv/a b" bytes read 0 written 15`, "transfer uploaded bytes=15 path=/srv/a b"},
		{"internal-sftp", `rename old "/a" new "/b"`, "transfer renamed path=/a target=/b"},
		{"kernel", "[12.5] [UFW BLOCK] IN=eth0 OUT= MAC=00:11 SRC=192.0.2.9 DST=198.51.100.1 LEN=60 TOS=0x00 PROTO=TCP SPT=4711 DPT=22 WINDOW=1 SYN URGP=0", "firewall packet address=192.0.2.9 bytes=60 dst_address=198.51.100.1 dst_port=22 in=eth0 mac=00:11 port=4711 protocol=TCP rule=UFW BLOCK"},
		{"kernel", "nft-drop: IN=eth0 OUT=eth1 SRC=2001:db8::9 DST=2001:db8::1 LEN=60 PROTO=ICMPv6 TYPE=1 [SRC=2001:db8::77 DST=2001:db8::78 PROTO=UDP SPT=1 DPT=2 ]", "firewall packet address=2001:db8::9 bytes=60 dst_address=2001:db8::1 in=eth0 out=eth1 protocol=ICMPv6 rule=nft-drop"},
		{"fail2ban.actions", "NOTICE [sshd] Unban 192.0.2.9", "firewall unbanned address=192.0.2.9 jail=sshd severity=notice"},
		{"haproxy", `192.0.2.1:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {x} {} "GET /i?a HTTP/1.1"`, "proxy request address=192.0.2.1 backend=static/srv1 bytes=2750 frontend=http-in method=GET path=/i port=33317 protocol=HTTP/1.1 query=a status=200 url=/i?a"},
		{"mariadbd", "2024-01-01 10:00:00 8 [Warning] Access denied for user 'a'@'localhost' to database 'shop'", "auth login-failed account=a address=localhost database=shop"},
		{"postgres", `[5-1] 2024-01-01 10:00:00 UTC [1] a@b FATAL:  password authentication failed for user "a"`, "auth login-failed account=a method=password"},
		{"sshd", "Server listening on 0.0.0.0 port 22.", " service-started port=22"},
		{"anything", "connect from mx.example.org[192.0.2.1]", " "},
		{"kernel", "usb 1-1: new device", " "},
	}
	for _, tt := range tests {
		f := map[string]string{}
		action, _ := Decode(tt.program, tt.text, f)
		parts := []string{Kind(tt.program, action), action}
		for _, k := range slices.Sorted(maps.Keys(f)) {
			parts = append(parts, k+"="+f[k])
		}
		if got := strings.Join(parts, " "); got != tt.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.program, tt.text, got, tt.want)
		}
	}
}

func FuzzServices(f *testing.F) {
	for _, p := range []string{"postfix/smtpd", "dovecot", "exim", "sendmail", "cyrus/imap", "imapd", "saslauthd", "vsftpd", "proftpd", "pure-ftpd", "internal-sftp", "kernel", "fail2ban", "haproxy", "mysqld", "postgres"} {
		f.Add(p, "warning: a[192.0.2.1]: SASL x authentication failed: (set_id=a) [] SRC=1 DST=2 IN= OUT=")
		f.Add(p, `[a] OK UPLOAD: Client "1", "/x y" uploaded  (1 bytes) 1: from=<a>, size=1`)
	}
	f.Fuzz(func(t *testing.T, program, text string) {
		all := map[string]string{}
		action, auth := Decode(program, text, all)
		if kind := Kind(program, action); auth && isLogin(action) && kindOf(program) != "" && kind != "auth" {
			t.Fatalf("%q of %s is of kind %q", action, program, kind)
		}
		for k, v := range all {
			if k == "" || len(v) > len(text)+100 {
				t.Fatalf("%q=%q", k, v)
			}
		}
	})
}
