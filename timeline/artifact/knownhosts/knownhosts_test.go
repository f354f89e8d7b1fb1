package knownhosts

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

func source(text string) *timeline.Source {
	return &timeline.Source{Path: "/home/u/.ssh/known_hosts", Account: "u", Data: strings.NewReader(text), Size: int64(len(text)), Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Offset: off, Length: n, Line: line}
	}}
}

func show(text string) (out []string) {
	for r, err := range run(context.Background(), source(text)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			parts = append(parts, k+"="+r.Fields[k])
		}
		out = append(out, strings.Join(parts, "; "))
	}
	return out
}

// A public key that was made for this test; its private half is gone.
const key = "AAAAC3NzaC1lZDI1NTE5AAAAIGZvcmRlYWRib3h0ZXN0c29ubHlub3RhcmVhbGtleTAx"

func TestKnownHosts(t *testing.T) {
	got := show("# c\nwww.example.org,192.0.2.7 ssh-ed25519 " + key + " old one\n|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|aGFzaGhhc2hoYXNoaGFzaGhhc2g= ssh-ed25519 " + key + "\n[db]:2222 ssh-ed25519 " + key + "\n@revoked * ssh-ed25519 " + key +
		"\nold 1024 35 1234 c\nbad ssh-rsa " + key + "\nx\n")
	const fp = "fingerprint=SHA256:DUMMY; key_type=ssh-ed25519"
	for i := range got {
		if j := strings.Index(got[i], "SHA256:"); j >= 0 {
			got[i] = got[i][:j] + "SHA256:DUMMY" + got[i][j+50:]
		}
	}
	want := []string{"account=u; address=192.0.2.7; comment=old one; " + fp + "; remote_host=www.example.org,192.0.2.7", "account=u; " + strings.Replace(fp, "; key", "; hashed=yes; key", 1), "account=u; " + fp + "; port=2222; remote_host=[db]:2222",
		"account=u; " + fp + "; marker=revoked; remote_host=*", "account=u; comment=c; key_type=rsa1; remote_host=old",
		`error "/home/u/.ssh/known_hosts": line 7, 80 bytes at offset 463: not a line of known_hosts`, `error "/home/u/.ssh/known_hosts": line 8, 1 bytes at offset 544: not a line of known_hosts`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestFingerprint compares with ssh-keygen.
func TestFingerprint(t *testing.T) {
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	p := filepath.Join(t.TempDir(), "known_hosts")
	text := "www.example.org ssh-ed25519 " + key + "\n"
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-l", "-f", p).Output()
	if err != nil {
		t.Skipf("ssh-keygen: %v", err)
	}
	got := show(text)
	if f := strings.Fields(string(out)); len(f) < 2 || !strings.Contains(got[0], "fingerprint="+f[1]+";") {
		t.Errorf("%q, ssh-keygen says %q", got, out)
	}
}

func FuzzKnownHosts(f *testing.F) {
	f.Add("@cert-authority *.x,[a]:1 ssh-ed25519 " + key + " c\n|1|a|b 1 2 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		for r, err := range run(context.Background(), source(text)) {
			if err == nil && (r.Fields["key_type"] == "" || r.Evidence.Length < 1 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
