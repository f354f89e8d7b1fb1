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
