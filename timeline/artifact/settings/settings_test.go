package settings

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{Path: name, Data: bytes.NewReader([]byte(text)), Size: int64(len(text)), Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
}

func show(t *testing.T, s *timeline.Source) []string {
	t.Helper()
	var out []string
	for r, err := range run(context.Background(), s) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		if r.Kind != timeline.KindSetting {
			t.Errorf("kind %q", r.Kind)
		}
		l := fmt.Sprintf("%d %s", r.Evidence.Line, r.Fields["area"])
		if r.Fields["section"] != "" {
			l += " [" + r.Fields["section"] + "]"
		}
		if r.Fields["key"] != "" {
			l += " " + r.Fields["key"] + " = " + r.Fields["value"]
		} else {
			l += ": " + r.Fields["text"]
		}
		out = append(out, l)
	}
	return out
}

func TestLines(t *testing.T) {
	tests := []struct {
		name, path, text string
		want             []string
	}{
		{"unit", "/etc/systemd/system/a.service", "# x\n[Service]\n; y\nExecStart=/usr/bin/a \\\n  -b\n\nUser = a\n",
			[]string{"4 autostart [Service] ExecStart = /usr/bin/a  -b", "7 autostart [Service] User = a"}},
		{"user's unit", "/home/u/.config/systemd/user/a.timer", "[Timer]\nOnCalendar=daily\n", []string{"2 autostart [Timer] OnCalendar = daily"}},
		{"profile", "/root/.bashrc", "#!/bin/sh\nexport HISTSIZE=0\nunset HISTFILE\n[ -x /a ] && X=1\nA='b c'\n",
			[]string{"2 shell HISTSIZE = 0", "3 shell: unset HISTFILE", "4 shell: [ -x /a ] && X=1", "5 shell A = b c"}},
		{"hosts", "/etc/hosts", "127.0.0.1\tlocalhost\n", []string{"1 network 127.0.0.1 = localhost"}},
		{"apt", "/etc/apt/apt.conf.d/01x", "// a\n/* b\nc */\nAPT::X { \"y\"; };\nDir \"/a/*\";\n", []string{"4 package: APT::X { \"y\"; };", "5 package: Dir \"/a/*\";"}},
		{"polkit", "/etc/polkit-1/rules.d/1.rules", "/* a */ polkit.addRule(f); // b\n", []string{"1 authentication: polkit.addRule(f); // b"}},
		{"sshd", "/etc/ssh/sshd_config.d/a.conf", "PermitRootLogin yes\n", []string{"1 authentication PermitRootLogin = yes"}},
		{"git hook", "/srv/www/shop/.git/hooks/post-merge", "#!/bin/sh\nmake\n", []string{"2 autostart: make"}},
		{"git sample", "/srv/www/shop/.git/hooks/post-merge.sample", "#!/bin/sh\nmake\n", nil},
		{"user.ini", "/var/www/a/b/.user.ini", "auto_prepend_file=/x.jpg\n", []string{"1 web auto_prepend_file = /x.jpg"}},
		{"module", "/etc/apache2/mods-enabled/php8.2.load", "# Depends: mime\nLoadModule php_module /usr/lib/apache2/modules/libphp8.2.so\n", []string{"2 web LoadModule = php_module /usr/lib/apache2/modules/libphp8.2.so"}},
		{"database", "/etc/mysql/debian.cnf", "[client]\nuser = debian\npassword = a b\n", []string{"2 database [client] user = debian", "3 database [client] password = ***"}},
		{"postgresql", "/etc/postgresql/15/main/pg_hba.conf", "local all postgres peer\n", []string{"1 database: local all postgres peer"}},
		{"mail", "/etc/postfix/main.cf", "mynetworks = 0.0.0.0/0\n", []string{"1 mail mynetworks = 0.0.0.0/0"}},
		{"proxy", "/etc/squid/squid.conf", "http_access allow all\n", []string{"1 proxy http_access = allow all"}},
		{"jail", "/etc/fail2ban/jail.d/a.conf", "[sshd]\nenabled = false\n", []string{"2 bans [sshd] enabled = false"}},
		{"repository", "/etc/apt/sources.list", "deb http://deb.example.org bookworm main\n", []string{"1 repository deb = http://deb.example.org bookworm main"}},
		{"program", "/etc/init.d/a", "\x7fELF\x02\x00\x00abc\n", nil},
		{"no end", "/etc/sudoers", "a ALL=ALL \\", []string{"1 authentication a = ALL=ALL"}},
		{"linked", "/opt/other", "x\n", []string{"1 autostart: x"}},
	}
	for _, tt := range tests {
		if got := show(t, source(tt.path, tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestMask(t *testing.T) {
	for _, tt := range []struct {
		path, in, want string
	}{
		{"/etc/redis/redis.conf", "requirepass geheim", "requirepass ***"},
		{"/etc/systemd/system/a.service", "Environment=DB_PASSWORD=geheim MODE=x", "Environment=DB_PASSWORD=*** MODE=x"},
		{"/etc/systemd/system/a.service", "ExecStart=/usr/bin/a --token='gehe im' -v", "ExecStart=/usr/bin/a --token=*** -v"},
		{"/etc/systemd/system/a.service", "ExecStart=/usr/bin/curl https://u:geheim@example.org/", "ExecStart=/usr/bin/curl https://u:***@example.org/"},
		{"/var/www/a/.htaccess", `SetEnv API_TOKEN "geheim"`, "SetEnv API_TOKEN ***"},
		{"/etc/squid/squid.conf", "cache_peer 192.0.2.1 parent 3128 0 login=u:geheim", "cache_peer 192.0.2.1 parent 3128 0 login=u:***"},
		{"/etc/dovecot/dovecot-sql.conf.ext", "connect = host=/run/mysqld dbname=m user=u password=geheim", "connect = host=/run/mysqld dbname=m user=u password=***"},
		{"/root/.bashrc", "export AWS_SECRET_ACCESS_KEY=geheim", "export AWS_SECRET_ACCESS_KEY=***"},
		{"/etc/wireguard/wg0.conf", "PrivateKey = geheim=", "PrivateKey = ***"},
		// What lets nobody in stays.
		{"/etc/nsswitch.conf", "passwd: sss files", "passwd: sss files"},
		{"/etc/sudoers.d/a", "a ALL=(ALL) NOPASSWD: ALL", "a ALL=(ALL) NOPASSWD: ALL"},
		{"/etc/pam.d/common-password", "password requisite pam_pwquality.so retry=3", "password requisite pam_pwquality.so retry=3"},
		{"/etc/postfix/main.cf", "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd", "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd"},
		{"/etc/ssh/sshd_config", "PasswordAuthentication no", "PasswordAuthentication no"},
		{"/etc/init.d/a", `PASSWORD=$(cat /etc/secret)`, `PASSWORD=$(cat /etc/secret)`},
	} {
		n := 0
		for r, err := range run(context.Background(), source(tt.path, tt.in)) {
			if n++; err != nil || r.Fields["text"] != tt.want || strings.Contains(r.Summary+r.Fields["value"], "geheim") {
				t.Errorf("%s: %q, %+v, %v", tt.in, r.Fields["text"], r, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d records", tt.in, n)
		}
	}
}

func TestEvidence(t *testing.T) {
	text := "# x\nExecStart=a \\\n b\nUser=c\n"
	var got []string
	for r := range run(context.Background(), source("/etc/systemd/system/a.service", text)) {
		got = append(got, text[r.Evidence.Offset:r.Evidence.Offset+r.Evidence.Length])
	}
	if want := []string{"ExecStart=a \\\n b", "User=c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBounds(t *testing.T) {
	got := show(t, source("/etc/hosts", strings.Repeat("::1 a\n", maxLines+5)))
	if len(got) != maxLines+1 || !strings.HasPrefix(got[maxLines], "error ") {
		t.Errorf("%d records, last %q", len(got), got[len(got)-1])
	}
	for r := range run(context.Background(), source("/etc/hosts", strings.Repeat("é", maxText))) {
		if len(r.Fields["text"]) > maxText || r.Evidence.Length != 2*maxText {
			t.Errorf("text of %d bytes, evidence of %d", len(r.Fields["text"]), r.Evidence.Length)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, p := range []string{"/etc/systemd/system/a.service", "/root/.bashrc", "/etc/apt/apt.conf.d/a", "/etc/hosts", "/etc/ld.so.preload"} {
		f.Add(p, "[a]\nb=c \\\n/* d */ e\n// f\n#g\n\\\n")
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range run(context.Background(), source(name, text)) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if r.Fields["text"] == "" || r.Fields["area"] == "" || e.Line < 1 || e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(text)) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
