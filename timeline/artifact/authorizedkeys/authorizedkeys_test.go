package authorizedkeys

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
	}
}

func show(t *testing.T, name, text string) (got []string) {
	t.Helper()
	for r, err := range run(context.Background(), source(name, text)) {
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			parts = append(parts, k+"="+r.Fields[k])
		}
		got = append(got, strings.Join(parts, " "))
	}
	return got
}

// ed is the public key whose 32 bytes are all zero; ssh-keygen -l says edFields of it.
const ed = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const edFields = "bits=256 fingerprint=SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk fingerprint_md5=3d:52:38:ce:ff:94:f5:d7:81:a4:a4:f9:2b:4f:fe:a0"

func TestKeys(t *testing.T) {
	tests := []struct {
		name, path, text string
		want             []string
	}{
		{"plain", "/root/.ssh/authorized_keys", "ssh-ed25519 " + ed + " a b\n", []string{"account=root " + strings.Replace(edFields, " ", " comment=a b ", 1) + " key_type=ssh-ed25519"}},
		{"no comment, CRLF", "/home/u/.ssh/authorized_keys2", "  ssh-ed25519  " + ed + "\r\n\r\n", []string{"account=u " + edFields + " key_type=ssh-ed25519"}},
		{"options", "/etc/ssh/authorized_keys/u", `no-pty,command="sh -c \"a, b\"",from="192.0.2.1" ssh-ed25519 ` + ed + "\n",
			[]string{`account=u bits=256 command=sh -c "a, b" ` + edFields[len("bits=256 "):] + ` from=192.0.2.1 key_type=ssh-ed25519 options=no-pty,command="sh -c \"a, b\"",from="192.0.2.1"`}},
		{"disabled", "/root/.ssh/authorized_keys", "# a comment\n#ssh-ed25519 " + ed + "\n", []string{"account=root bits=256 disabled=yes " + edFields[len("bits=256 "):] + " key_type=ssh-ed25519"}},
		{"no key", "/root/.ssh/authorized_keys", "REDIS0009\xfa\nssh-ed25519 AAAA x\nssh-rsa " + ed[:20] + "!\n",
			[]string{"account=root malformed=yes text=REDIS0009\xfa", "account=root malformed=yes text=ssh-ed25519 AAAA x", "account=root malformed=yes text=ssh-rsa " + ed[:20] + "!"}},
		{"protocol 1", "/root/.ssh/authorized_keys", "1024 35 " + strings.Repeat("7", 300) + " old\n", []string{"account=root bits=1024 comment=old key_type=rsa1"}},
	}
	for _, tt := range tests {
		if got := show(t, tt.path, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
	s := source("/srv/git/.ssh/authorized_keys", "ssh-ed25519 "+ed+"\n")
	s.Account = "git"
	for r := range run(context.Background(), s) {
		if r.Fields["account"] != "git" || r.Kind != timeline.KindAuthorizedKey || r.Evidence.Line != 1 || !strings.Contains(r.Summary, "for git") {
			t.Errorf("record %+v", r)
		}
	}
}

// TestKeygen compares fingerprints and sizes with ssh-keygen's.
func TestKeygen(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"rsa", "1024"}, {"rsa", "1031"}, {"ecdsa", "256"}, {"ecdsa", "384"}, {"ecdsa", "521"}, {"ed25519", "256"}} {
		file := filepath.Join(dir, args[0]+args[1])
		if out, err := exec.Command(keygen, "-q", "-t", args[0], "-b", args[1], "-N", "", "-C", "a comment", "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		k, ok := parse(strings.TrimSpace(string(text)))
		if !ok {
			t.Fatalf("%q is no key", text)
		}
		for method, print := range map[string]string{"sha256": k.sha256, "md5": "MD5:" + k.md5} {
			out, err := exec.Command(keygen, "-l", "-E", method, "-f", file+".pub").Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := k.bits + " " + print + " " + k.comment; !strings.HasPrefix(string(out), got+" ") {
				t.Errorf("%v: %s, ssh-keygen says %s", args, got, out)
			}
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("ssh-ed25519 " + ed + " x\n# a\n")
	f.Add(`from="a\"b",x ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAf8= y` + "\n")
	f.Add("1024 35 7\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		for r, err := range run(context.Background(), source("/root/.ssh/authorized_keys", text)) {
			if err == nil && (r.Fields["key_type"] == "") != (r.Fields["malformed"] == "yes") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// TestPlaces says where a configuration of sshd sends the reader, and whose file it is.
func TestPlaces(t *testing.T) {
	conf := source("/etc/ssh/sshd_config", "# AuthorizedKeysFile /no\nAuthorizedKeysFile .ssh/authorized_keys \"/etc/keys [x]/%u\" # comment\nInclude /etc/ssh/sshd_config.d/*.conf loop\n"+
		"Match User x\n\tauthorizedkeysfile=%h/../k/%u%%.pub none\nAuthorizedKeysFile /srv/%u/keys\n")
	files := map[string]string{"/etc/ssh/sshd_config.d/a.conf": "AuthorizedKeysFile\t/var/keys/%U\nInclude a.conf\n", "/etc/ssh/loop": "Include /etc/ssh/loop\n"}
	var open func(name string) *timeline.Source
	glob := func(pattern string) []string {
		switch pattern {
		case "/etc/ssh/sshd_config.d/*.conf":
			return []string{"/etc/ssh/sshd_config.d/a.conf"}
		case "/etc/ssh/sshd_config", "/etc/ssh/loop":
			return []string{pattern}
		}
		return nil
	}
	open = func(name string) *timeline.Source {
		if name == conf.Path {
			return conf
		}
		text, ok := files[name]
		if !ok {
			return nil
		}
		s := source(name, text)
		s.Sibling, s.Glob = open, glob
		return s
	}
	conf.Sibling, conf.Glob = open, glob
	want := []string{"~/.ssh/authorized_keys", `/etc/keys \[x]/*`, "/var/keys/*", "~/k/*%.pub", "/srv/*/keys"}
	if got := named(conf); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for p, want := range map[string]string{"/etc/keys [x]/alice": "alice", "/srv/bob/keys": "bob", "/srv/a/b/keys": "", "/etc/ssh/keys/c/authorized_keys": "c"} {
		s := source(p, "")
		s.Sibling, s.Glob = open, glob
		if got := accountOf(s); got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// TestSecrets reads files that are not of keys: what they hold is not for a report.
func TestSecrets(t *testing.T) {
	got := strings.Join(show(t, "/etc/shadow", "root:$y$j9T$abc$def:19000:0:99999:7:::\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----\nword\n"), "\n")
	for _, secret := range []string{"abc", "b3Blb"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is shown: %s", secret, got)
		}
	}
	if !strings.Contains(got, "root:(a secret") || !strings.Contains(got, "text=word") {
		t.Error(got)
	}
}
