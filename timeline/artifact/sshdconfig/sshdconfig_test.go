package sshdconfig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

// tree is a server for tests: texts by path.
type tree map[string]string

func (t tree) source(name string) *timeline.Source {
	text := t[name]
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Sibling: func(p string) *timeline.Source {
		if _, ok := t[p]; ok {
			return t.source(p)
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
}

func (t tree) show(name string, withDefaults bool) []string {
	var out []string
	for r, err := range run(context.Background(), t.source(name)) {
		switch {
		case err != nil:
			out = append(out, "error "+err.Error())
		case r.Fields["default"] == "":
			l := fmt.Sprintf("%s:%d %s=%s", path.Base(r.Evidence.Path), r.Evidence.Line, r.Fields["key"], r.Fields["value"])
			if m := r.Fields["match"]; m != "" {
				l += " if " + m
			}
			out = append(out, l)
		case withDefaults:
			out = append(out, "default "+r.Fields["key"]+"="+r.Fields["value"])
		}
	}
	return out
}

func TestConfig(t *testing.T) {
	server := tree{
		"/etc/ssh/sshd_config": "# c\nInclude sshd_config.d/*.conf\nPermitRootLogin no\npermitrootlogin yes\nPort 22\nPort=2222 # more\nChallengeResponseAuthentication no\nSubsystem sftp internal-sftp\nSubsystem sftp /tmp/x\n" +
			"AllowUsers a b@192.0.2.1\nAllowUsers \"c d\"\nForceCommand\nMatch User bob Address 192.0.2.0/24\n\tPasswordAuthentication yes\n  PasswordAuthentication no\nMatch all\nBanner /x\n",
		"/etc/ssh/sshd_config.d/10.conf": "PermitRootLogin prohibit-password\nMatch Group sftp\nForceCommand /bin/x \"y z\"\n",
		"/etc/ssh/sshd_config.d/20.conf": "AuthorizedKeysCommand /tmp/.k %u\n",
	}
	got := server.show("/etc/ssh/sshd_config", false)
	want := []string{"10.conf:1 PermitRootLogin=prohibit-password", "10.conf:3 ForceCommand=/bin/x \"y z\" if Group sftp", "20.conf:1 AuthorizedKeysCommand=/tmp/.k %u", "sshd_config:5 Port=22", "sshd_config:6 Port=2222",
		"sshd_config:7 KbdInteractiveAuthentication=no", "sshd_config:8 Subsystem=sftp internal-sftp", "sshd_config:10 AllowUsers=a b@192.0.2.1", "sshd_config:11 AllowUsers=c d",
		`error "/etc/ssh/sshd_config": line 12, 12 bytes at offset 225: a setting without a value`, "sshd_config:14 PasswordAuthentication=yes if User bob Address 192.0.2.0/24", "sshd_config:17 Banner=/x if all"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	all := (tree{"/etc/ssh/sshd_config": "Port 22\n"}).show("/etc/ssh/sshd_config", true)
	if len(all) != len(defaults) || !slices.Contains(all, "default PasswordAuthentication=yes") || slices.Contains(all, "default Port=22") {
		t.Errorf("defaults: %q", all)
	}
	loop := (tree{"/etc/ssh/sshd_config": "Include sshd_config\nInclude sshd_config\n"}).show("/etc/ssh/sshd_config", false)
	if len(loop) == 0 || len(loop) > 2*maxFiles {
		t.Errorf("%d errors of a file that includes itself", len(loop))
	}
}

// TestDaemon compares with what sshd itself says of its settings.
func TestDaemon(t *testing.T) {
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Skip("sshd is not installed (package openssh-server)")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v %s", err, out)
	}
	main := filepath.Join(dir, "sshd_config")
	server := tree{
		main: "HostKey " + key + "\nInclude " + dir + "/d/*.conf\nPermitRootLogin no\nPort 2022\nPort 2023\nMaxAuthTries = 3\nPermitEmptyPasswords yes\npermitemptypasswords no\nAllowUsers a b\nAllowUsers c\n" +
			"AuthorizedKeysFile /etc/k/%u \"with space\" # c\nSubsystem sftp internal-sftp -f X\nX11Forwarding yes\nMatch User bob\nX11Forwarding no\nForceCommand /bin/b \"c\"\nMatch Address 198.51.100.0/24\nGatewayPorts yes\n",
		dir + "/d/10.conf": "PermitRootLogin yes\nTrustedUserCAKeys /etc/ca\nMatch User bob\nBanner /b\n",
		dir + "/d/20.conf": "StrictModes no\nAuthorizedKeysCommand /bin/k %u\nAuthorizedKeysCommandUser nobody\n",
	}
	for p, text := range server {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, spec := range []struct {
		user    string
		matches []string
	}{{"eve", nil}, {"bob", []string{"User bob"}}} {
		out, err := exec.Command(sshd, "-T", "-f", main, "-C", "user="+spec.user+",host=h,addr=192.0.2.1").CombinedOutput()
		if err != nil {
			t.Skipf("sshd -T: %v %s", err, out) // it asks for a directory of its own where it was never started
		}
		said := map[string][]string{}
		for _, l := range strings.Split(string(out), "\n") {
			k, v, _ := strings.Cut(l, " ")
			said[k] = append(said[k], v)
		}
		got := map[string][]string{}
		for r, err := range run(context.Background(), server.source(main)) {
			if err != nil {
				t.Error(err)
				continue
			}
			k, v, m := strings.ToLower(r.Fields["key"]), r.Fields["value"], r.Fields["match"]
			switch {
			case r.Fields["default"] != "" && (got[k] != nil || v == ""):
			case m == "":
				got[k] = append(got[k], v)
			case slices.Contains(spec.matches, m):
				got[k] = []string{v}
			}
		}
		for k, v := range got {
			if k == "allowusers" { // one word a line in sshd's list
				v = strings.Fields(strings.Join(v, " "))
			}
			for i := range v {
				v[i] = strings.ReplaceAll(v[i], "prohibit-password", "without-password")
			}
			if !slices.Equal(v, said[k]) {
				t.Errorf("for %s, %s is %q here, %q to sshd", spec.user, k, v, said[k])
			}
		}
		if len(got) < 20 {
			t.Errorf("%d settings", len(got))
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("Include x\nPort 22\nMatch User a\nBanner \"b c\" # d\nSubsystem e f\n", "Match all\nX=\\\"y\n")
	f.Fuzz(func(t *testing.T, text, other string) {
		server := tree{"/etc/ssh/sshd_config": text, "/etc/ssh/x": other}
		for r, err := range run(context.Background(), server.source("/etc/ssh/sshd_config")) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if r.Fields["name"] != "sshd" || r.Fields["key"] == "" || e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > int64(len(server[e.Path])) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
