package pam

import (
	"context"
	"fmt"
	"path"
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

func (t tree) show(name string) []string {
	var out []string
	for r, err := range run(context.Background(), t.source(name)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		f := r.Fields
		l := fmt.Sprintf("%s:%d %s %s", r.Evidence.Path, r.Evidence.Line, r.Kind, f["mechanism"]+f["service"])
		for _, k := range []string{"type", "order", "control", "target", "options", "via", "depth", "command"} {
			if f[k] != "" {
				l += " " + k + "=" + f[k]
			}
		}
		out = append(out, l)
	}
	return out
}

func TestStack(t *testing.T) {
	server := tree{
		"/etc/pam.d/sshd":            "# c\nauth sufficient pam_permit.so\n@include common-auth\nauth substack system-auth\naccount include system-auth\n-session optional pam_systemd.so # d\nsession [success=ok \\\n default=ignore] /lib/x.so a [b c] passwd=secret\nfoo bar\nsession include gone\n",
		"/etc/pam.d/common-auth":     "auth optional pam_exec.so quiet expose_authtok /tmp/.x log\nauth [success=1 default=ignore] pam_unix.so nullok\naccount required pam_x.so\n",
		"/usr/lib/pam.d/system-auth": "auth required pam_unix.so\naccount required pam_nologin.so\n",
		"/usr/lib/pam.d/sshd":        "auth required pam_deny.so\n",
		"/etc/pam.conf":              "su auth required pam_rootok.so\n",
	}
	got := server.show("/etc/pam.d/sshd")
	want := []string{
		"/etc/pam.d/sshd:2 effective sshd type=auth order=1 control=sufficient target=pam_permit.so",
		"/etc/pam.d/common-auth:1 effective sshd type=auth order=2 control=optional target=pam_exec.so options=quiet expose_authtok /tmp/.x log via=/etc/pam.d/common-auth command=/tmp/.x log",
		"/etc/pam.d/common-auth:2 effective sshd type=auth order=3 control=[success=1 default=ignore] target=pam_unix.so options=nullok via=/etc/pam.d/common-auth",
		"/etc/pam.d/common-auth:3 effective sshd type=account order=1 control=required target=pam_x.so via=/etc/pam.d/common-auth",
		"/usr/lib/pam.d/system-auth:1 effective sshd type=auth order=4 control=required target=pam_unix.so via=/usr/lib/pam.d/system-auth depth=1",
		"/usr/lib/pam.d/system-auth:2 effective sshd type=account order=2 control=required target=pam_nologin.so via=/usr/lib/pam.d/system-auth",
		"/etc/pam.d/sshd:6 effective sshd type=session order=1 control=optional target=pam_systemd.so",
		"/etc/pam.d/sshd:7 effective sshd type=session order=2 control=[success=ok   default=ignore] target=/lib/x.so options=a [b c] passwd=***",
		`error "/etc/pam.d/sshd": line 9, 7 bytes at offset 217: not a line of PAM`,
		`error "/etc/pam.d/sshd": line 10, 20 bytes at offset 225: the included file "gone" is missing`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	if got := server.show("/usr/lib/pam.d/sshd"); got != nil {
		t.Errorf("a file that does not count: %q", got)
	}
	if got := server.show("/etc/pam.conf"); got != nil {
		t.Errorf("pam.conf beside pam.d: %q", got)
	}
	if got := (tree{"/etc/pam.conf": server["/etc/pam.conf"]}).show("/etc/pam.conf"); !slices.Equal(got, []string{"/etc/pam.conf:1 effective su type=auth order=1 control=required target=pam_rootok.so"}) {
		t.Errorf("pam.conf: %q", got)
	}
	if got := server.show("/etc/pam.d/common-auth"); len(got) != 4 || !strings.Contains(got[1], "autostart pam-exec") {
		t.Errorf("pam_exec: %q", got)
	}
	if got := (tree{"/etc/pam.d/a": "@include a\n@include a\n"}).show("/etc/pam.d/a"); len(got) == 0 || len(got) > 2*maxLines {
		t.Errorf("%d errors of a file that includes itself", len(got))
	}
}

func FuzzPAM(f *testing.F) {
	f.Add("@include x\nauth [a=b c] pam_exec.so quiet /d e\naccount include x\nauth substack a\n", "-auth \\\n required x.so y=z # c\n")
	f.Fuzz(func(t *testing.T, text, other string) {
		server := tree{"/etc/pam.d/a": text, "/usr/lib/pam.d/x": other}
		for r, err := range run(context.Background(), server.source("/etc/pam.d/a")) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(server[e.Path])) || r.Kind == timeline.KindEffective && r.Fields["control"] == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}
