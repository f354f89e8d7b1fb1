package journald

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func TestRecord(t *testing.T) {
	w := builder{t: t, keyed: true}
	b := w.build([][]string{
		{"MESSAGE=Accepted publickey for alice from 192.0.2.7 port 50122 ssh2: ED25519 SHA256:abc", "SYSLOG_IDENTIFIER=sshd", "_PID=77", "SYSLOG_PID=78", "_UID=0", "_GID=0", "_COMM=sshd", "_EXE=/usr/sbin/sshd",
			"_CMDLINE=sshd: alice [priv]", "_SYSTEMD_UNIT=ssh.service", "_HOSTNAME=web1", "PRIORITY=6", "SYSLOG_FACILITY=4", "_TRANSPORT=syslog", "_SOURCE_REALTIME_TIMESTAMP=1699999999999990", "_AUDIT_LOGINUID=4294967295"},
		{"MESSAGE=usb 1-1: new high-speed USB device", "SYSLOG_IDENTIFIER=kernel", "_TRANSPORT=kernel", "PRIORITY=5", "SYSLOG_FACILITY=0", "_SOURCE_REALTIME_TIMESTAMP=1600000000000000"},
		{"MESSAGE=USER_LOGIN pid=900 uid=0", "_TRANSPORT=audit", "_AUDIT_TYPE_NAME=USER_LOGIN", "_AUDIT_ID=5", "AUDIT_FIELD_OP=login", "_EXE=/usr/sbin/sshd", "AUDIT_FIELD_ACCT=\"bob\"", "AUDIT_FIELD_ADDR=198.51.100.9", "AUDIT_FIELD_HOSTNAME=?", "AUDIT_FIELD_TERMINAL=ssh", "AUDIT_FIELD_RES=failed", "_PID=900"},
		{"MESSAGE=Started backup.service.", "SYSLOG_IDENTIFIER=systemd", "_PID=1", "_SYSTEMD_UNIT=init.scope", "UNIT=backup.service", "_AUDIT_LOGINUID=1000", "_SYSTEMD_SESSION=c2", "_SYSTEMD_OWNER_UID=1000"},
		{"MESSAGE=one", "MESSAGE=two", "_COMM=app", "PRIORITY=77"},
		{"_COMM=silent"},
		{"MESSAGE=EXECVE argc=3 a0=\"sh\" a1=\"-c\" a2=6964203B206964", "_TRANSPORT=audit", "_AUDIT_TYPE_NAME=EXECVE"},
		{"MESSAGE=imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.1, session=<abc>", "SYSLOG_IDENTIFIER=dovecot"},
		{"MESSAGE=4AB3: removed", "SYSLOG_IDENTIFIER=postfix/qmgr", "_PID=9"},
	}, 4)
	records, errs := all(b)
	if len(errs) > 0 || len(records) != 9 {
		t.Fatalf("%d records, %v", len(records), errs)
	}
	boot := "30313233343536373839616263646566"
	tests := []struct {
		kind, summary string
		fields        map[string]string
		note          string
	}{
		{timeline.KindAuth, "sshd[77]: Accepted publickey for alice from 192.0.2.7 port 50122 ssh2: ED25519 SHA256:abc", map[string]string{
			"action": "login-accepted", "account": "alice", "address": "192.0.2.7", "port": "50122", "method": "publickey", "key_type": "ED25519", "fingerprint": "SHA256:abc",
			"program": "sshd", "pid": "77", "uid": "0", "gid": "0", "path": "/usr/sbin/sshd", "command": "sshd: alice [priv]", "unit": "ssh.service", "host": "web1", "severity": "info", "facility": "auth", "transport": "syslog"}, ""},
		{timeline.KindSyslog, "kernel: usb 1-1: new high-speed USB device", map[string]string{"program": "kernel", "transport": "kernel", "severity": "notice", "facility": "kern"},
			"when the journal took it; the sender's time is 2020-09-13T12:26:40Z"},
		{timeline.KindAudit, "[900]: USER_LOGIN pid=900 uid=0", map[string]string{"type": "user_login", "action": "login", "op": "login", "serial": "5", "exe": "/usr/sbin/sshd", "account": "bob", "address": "198.51.100.9", "tty": "ssh", "outcome": "failure", "transport": "audit", "pid": "900"}, ""},
		{timeline.KindSyslog, "systemd[1]: Started backup.service.", map[string]string{"program": "systemd", "pid": "1", "unit": "backup.service", "action": "service-started", "auid": "1000", "session": "c2", "owner_uid": "1000"}, ""},
		{timeline.KindSyslog, "app: one\ntwo", map[string]string{"program": "app", "severity": "77"}, ""},
		{timeline.KindSyslog, "silent: ", map[string]string{"program": "silent"}, ""},
		{timeline.KindAudit, "EXECVE argc=3 a0=\"sh\" a1=\"-c\" a2=6964203B206964", map[string]string{"type": "execve", "action": "executed", "command": "sh -c id ; id", "transport": "audit"}, ""},
		// Services' messages are of the kind that their own logs' are.
		{timeline.KindAuth, "dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.1, session=<abc>", map[string]string{
			"program": "dovecot", "action": "login-accepted", "account": "alice", "address": "192.0.2.1", "dst_address": "198.51.100.1", "method": "PLAIN", "protocol": "imap", "session": "abc"}, ""},
		{timeline.KindMail, "postfix/qmgr[9]: 4AB3: removed", map[string]string{"program": "postfix/qmgr", "pid": "9"}, ""},
	}
	for i, tt := range tests {
		r := records[i]
		if r.Kind != tt.kind || r.Summary != tt.summary {
			t.Errorf("%d: %s %q", i, r.Kind, r.Summary)
		}
		if _, message, ok := strings.Cut(tt.summary, ": "); ok && r.Fields["message"] != message {
			t.Errorf("%d: message %q", i, r.Fields["message"])
		}
		for _, common := range []string{"message", "entry_offset", "seqnum"} {
			delete(r.Fields, common)
		}
		tt.fields["source"], tt.fields["boot"] = "journal", boot
		for _, key := range slices.Sorted(maps.Keys(r.Fields)) {
			if _, ok := tt.fields[key]; !ok {
				t.Errorf("%d: field %s %q", i, key, r.Fields[key])
			}
		}
		for key, want := range tt.fields {
			if r.Fields[key] != want {
				t.Errorf("%d: %s %q, want %q", i, key, r.Fields[key], want)
			}
		}
		want := timeline.Stamp{What: "logged", When: time.UnixMicro(1700000000000000 + int64(i)*1000).UTC(), Note: tt.note}
		if len(r.Stamps) != 1 || r.Stamps[0] != want {
			t.Errorf("%d: %v, want %v", i, r.Stamps, want)
		}
	}
	// A message of two parts has no single place.
	if ev := records[4].Evidence; b[ev.Offset] != typeEntry {
		t.Errorf("evidence %+v", ev)
	}
}
