package software

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// server is a few files of a server.
type server map[string]string

func (sv server) source(name string) *timeline.Source {
	text, ok := sv[name]
	if !ok {
		return nil
	}
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Sibling: sv.source,
		Inode: &filesystem.Inode{Times: filesystem.Times{Changed: filesystem.Time{Sec: 1700000000, Known: true}}},
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		}}
}

func records(e *timeline.Extractor, s *timeline.Source) (out []timeline.Record, damage []error) {
	for r, err := range e.Run(context.Background(), s) {
		if err != nil {
			damage = append(damage, err)
			continue
		}
		out = append(out, r)
	}
	return out, damage
}

func TestSoftware(t *testing.T) {
	sv := server{
		"/var/lib/snapd/state.json": `{"data":{"snaps":{"core22":{"type":"base","active":true,"current":"1380","channel":"latest/stable"},"lxd":{"type":"app","current":"9","channel":"5.0"}}},
			"changes":{"7":{"kind":"install-snap","summary":"Install \"lxd\" snap","spawn-time":"2026-11-24T10:00:00+01:00","ready-time":"2026-11-24T10:00:09+01:00","data":{"snap-names":["lxd"]}}}}`,
		"/var/lib/flatpak/app/org.example.App/x86_64/stable/abc/metadata":             "[Application]\nname=org.example.App\ncommand=app\n",
		"/usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/METADATA":  "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\n\nText: Name: other\n",
		"/usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/INSTALLER": "pip\n",
		"/usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/REQUESTED": "",
		"/usr/local/lib/node_modules/pm2/package.json":                                `{"name":"pm2","version":"5.3.0","scripts":{"postinstall":"node x.js"}}`,
		"/var/lib/gems/3.1.0/specifications/net-ssh-7.2.0-x86_64-linux.gemspec":       "",
		"/usr/local/lib/python3.11/dist-packages/nameless-1.dist-info/METADATA":       "Metadata-Version: 2.1\n",
		"/usr/local/lib/node_modules/broken/package.json":                             `{"name":`,
	}
	tests := []struct {
		e    *timeline.Extractor
		file string
		want []string
	}{
		{&Snap, "/var/lib/snapd/state.json", []string{"snap: core22 1380: installed", "snap: lxd 9: disabled", `snap: Install "lxd" snap started 2026-11-24T09:00:00Z ended 2026-11-24T09:00:09Z`}},
		{&Flatpak, "/var/lib/flatpak/app/org.example.App/x86_64/stable/abc/metadata", []string{"flatpak: org.example.App installed 2023-11-14T22:13:20Z"}},
		{&Python, "/usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/METADATA", []string{"python: requests 2.31.0 installed 2023-11-14T22:13:20Z"}},
		{&Node, "/usr/local/lib/node_modules/pm2/package.json", []string{"npm: pm2 5.3.0 installed 2023-11-14T22:13:20Z"}},
		{&Gems, "/var/lib/gems/3.1.0/specifications/net-ssh-7.2.0-x86_64-linux.gemspec", []string{"gem: net-ssh 7.2.0 installed 2023-11-14T22:13:20Z"}},
		{&Python, "/usr/local/lib/python3.11/dist-packages/nameless-1.dist-info/METADATA", nil},
		{&Node, "/usr/local/lib/node_modules/broken/package.json", nil},
	}
	for _, tt := range tests {
		got, damage := records(tt.e, sv.source(tt.file))
		var lines []string
		for _, r := range got {
			line := r.Summary
			for _, s := range r.Stamps {
				line += " " + s.What + " " + s.When.Format("2006-01-02T15:04:05Z07:00")
			}
			lines = append(lines, line)
		}
		if !slices.Equal(lines, tt.want) || (len(damage) > 0) != (tt.want == nil) {
			t.Errorf("%s: got %q, %v", tt.file, lines, damage)
		}
	}
	got, _ := records(&Python, sv.source("/usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/METADATA"))
	if f := got[0].Fields; f["installer"] != "pip" || f["requested"] != "true" {
		t.Errorf("%v", f)
	}
}

func TestGem(t *testing.T) {
	for full, want := range map[string]string{"rake-13.0.6": "rake|13.0.6|", "net-ssh-7.2.0": "net-ssh|7.2.0|", "a-2b-1.0": "a|2b|1.0", "nokogiri-1.15.4-x86_64-linux": "nokogiri|1.15.4|x86_64-linux", "odd": "odd||"} {
		n, v, p := gem(full)
		if got := n + "|" + v + "|" + p; got != want {
			t.Errorf("%s: %s, want %s", full, got, want)
		}
	}
}

// header makes the first bytes of a kernel as the boot protocol describes
// them.
func header(version string) string {
	b := make([]byte, 0x400)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x100)
	copy(b[0x300:], version+"\x00")
	return string(b)
}

func TestKernels(t *testing.T) {
	const said = "6.1.0-18-amd64 (builder@example.org) #1 SMP Debian 6.1.76-1 (2024-02-01)"
	sv := server{
		"/boot/vmlinuz-6.1.0-18-amd64": header(said), "/boot/vmlinuz-6.1.0-99-amd64": header(said), "/boot/initrd.img-6.1.0-18-amd64": "\x1f\x8b\x08", "/boot/vmlinuz": header(said),
		"/usr/lib/modules/6.8.1-arch1-1/vmlinuz": header("6.8.1-arch1-1 (x) #1"), "/boot/vmlinuz-5": header("6\x01"),
	}
	for name, want := range map[string]string{
		"/boot/vmlinuz-6.1.0-18-amd64": "kernel|6.1.0-18-amd64|" + said + "|", "/boot/initrd.img-6.1.0-18-amd64": "initrd|6.1.0-18-amd64||", "/boot/vmlinuz": "kernel|6.1.0-18-amd64|" + said + "|",
		"/boot/vmlinuz-6.1.0-99-amd64":           "kernel|6.1.0-99-amd64|" + said + "|its name says 6.1.0-99-amd64, its header 6.1.0-18-amd64",
		"/usr/lib/modules/6.8.1-arch1-1/vmlinuz": "kernel|6.8.1-arch1-1|6.8.1-arch1-1 (x) #1|", "/boot/vmlinuz-5": "kernel|5||",
	} {
		got, damage := records(&Kernels, sv.source(name))
		if len(got) != 1 || len(damage) > 0 {
			t.Fatalf("%s: %v %v", name, got, damage)
		}
		f := got[0].Fields
		if line := strings.Join([]string{f["type"], f["version"], f["message"], f["contradiction"]}, "|"); line != want {
			t.Errorf("%s: %s\nwant %s", name, line, want)
		}
	}
}

func FuzzSoftware(f *testing.F) {
	f.Add(`{"data":{"snaps":{"core22":{"type":"base"}}},"changes":{"1":{"data":{"snap-names":["a"]}}}}`)
	f.Add("Name: a\nVersion: 1\n")
	f.Add(header("6.1.0 #1"))
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range []*timeline.Extractor{&Snap, &Flatpak, &Python, &Node, &Gems, &Kernels} {
			name := strings.NewReplacer("*", "x", "~", "/root").Replace(e.Paths[0])
			for r, err := range e.Run(context.Background(), server{name: text}.source(name)) {
				if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
					t.Fatalf("%s: %+v", e.Name, r)
				}
			}
		}
	})
}
