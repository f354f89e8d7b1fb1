package systemd

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// tree is a server for tests: texts by path; a text that begins with "-> " is
// a symbolic link. Links are followed in the last element only.
type tree map[string]string

func (t tree) source(name string) *timeline.Source {
	in := &filesystem.Inode{Mode: filesystem.ModeRegular | 0o755}
	in.Times.Modified = filesystem.Time{Sec: 1700000000 + int64(len(name)), Known: true}
	s := &timeline.Source{Path: name, Inode: in, Sibling: func(p string) *timeline.Source {
		for range 5 {
			text, ok := t[p]
			if !ok {
				return nil
			}
			target, link := strings.CutPrefix(text, "-> ")
			if !link {
				return t.source(p)
			}
			if p = target; !strings.HasPrefix(p, "/") {
				p = path.Join(path.Dir(p), target)
			}
		}
		return nil
	}, Symlink: func(p string) *timeline.Source {
		if target, link := strings.CutPrefix(t[p], "-> "); link {
			s := t.source(p)
			s.Target = target
			return s
		}
		return nil
	}, Glob: func(pattern string) []string {
		var out []string
		for p := range t {
			for ; p != "/" && p != "."; p = path.Dir(p) { // directories too
				if ok, _ := path.Match(pattern, p); ok {
					out = append(out, p)
				}
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}, Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
	if rest, ok := strings.CutPrefix(name, "/home/"); ok {
		s.Account, _, _ = strings.Cut(rest, "/")
	}
	text := t[name]
	s.Data, s.Size = strings.NewReader(text), int64(len(text))
	return s
}

// show runs the extractor over a file and renders what it says of these fields.
func (t tree) show(name string, keys ...string) []string {
	var out []string
	for r, err := range run(context.Background(), t.source(name)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if len(keys) == 0 || slices.Contains(keys, k) {
				parts = append(parts, k+"="+r.Fields[k])
			}
		}
		e := r.Evidence
		parts = append(parts, fmt.Sprintf("%s:%d", e.Path, e.Line))
		for _, s := range r.Stamps {
			parts = append(parts, s.What+" "+s.When.Format(time.TimeOnly)+" "+s.Note)
		}
		out = append(out, strings.Join(parts, "; "))
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestDropIns(t *testing.T) {
	server := tree{
		"/usr/lib/systemd/system/a-b.service":                     "[Unit]\nDescription=A\n[Service]\nExecStartPre=-/bin/one\nExecStart=/usr/bin/a \\\n# not this\n  -x\nUser=www-data\n",
		"/etc/systemd/system/a-b.service.d/20.conf":               "[Service]\nExecStart=\nExecStart=+/tmp/.x/b --quiet\n",
		"/usr/lib/systemd/system/a-b.service.d/20.conf":           "[Service]\nExecStart=/not/this\n",
		"/usr/lib/systemd/system/a-.service.d/30.conf":            "[Service]\nExecStartPost=@/bin/sh sh -c true\n",
		"/run/systemd/system/service.d/10.conf":                   "[Service]\nEnvironment=A=1 \"LD_PRELOAD=/tmp/x.so\"\n",
		"/etc/systemd/system/a-b.service.d/40.conf":               "-> /dev/null",
		"/usr/lib/systemd/system/a-b.service.d/40.conf":           "[Service]\nExecStart=/masked\n",
		"/etc/systemd/system/multi-user.target.wants/a-b.service": "-> /usr/lib/systemd/system/a-b.service",
	}
	equal(t, "drop-ins", server.show("/usr/lib/systemd/system/a-b.service", "key", "command", "target", "account", "trigger", "enabled", "drop_ins", "ld_preload", "said_by", "wanted_by"), []string{
		"account=root; command=/tmp/.x/b --quiet; drop_ins=/run/systemd/system/service.d/10.conf /etc/systemd/system/a-b.service.d/20.conf /usr/lib/systemd/system/a-.service.d/30.conf; enabled=true; key=ExecStart; ld_preload=/tmp/x.so; said_by=/etc/systemd/system/a-b.service.d/20.conf; target=/tmp/.x/b; trigger=boot; wanted_by=multi-user.target; /etc/systemd/system/a-b.service.d/20.conf:3; enabled 22:14:15 the link /etc/systemd/system/multi-user.target.wants/a-b.service",
		"account=www-data; command=/bin/one; drop_ins=/run/systemd/system/service.d/10.conf /etc/systemd/system/a-b.service.d/20.conf /usr/lib/systemd/system/a-.service.d/30.conf; enabled=true; key=ExecStartPre; ld_preload=/tmp/x.so; target=/bin/one; trigger=boot; wanted_by=multi-user.target; /usr/lib/systemd/system/a-b.service:4",
		"account=www-data; command=/bin/sh -c true; drop_ins=/run/systemd/system/service.d/10.conf /etc/systemd/system/a-b.service.d/20.conf /usr/lib/systemd/system/a-.service.d/30.conf; enabled=true; key=ExecStartPost; ld_preload=/tmp/x.so; said_by=/usr/lib/systemd/system/a-.service.d/30.conf; target=/bin/sh; trigger=boot; wanted_by=multi-user.target; /usr/lib/systemd/system/a-.service.d/30.conf:2",
	})
}

func TestTimer(t *testing.T) {
	server := tree{
		"/etc/systemd/system/up.timer":           "[Timer]\nOnCalendar=daily\nOnCalendar=\nOnCalendar=*:0/5\nOnBootSec=1min\n",
		"/etc/systemd/system/up.service":         "[Service]\nExecStart=/usr/bin/python3 /opt/up.py\nUser=nobody\n",
		"/var/lib/systemd/timers/stamp-up.timer": "",
		"/etc/systemd/system/web.socket":         "[Socket]\nListenStream=1\nListenStream=\nListenStream=8080\nAccept=yes\n",
		"/etc/systemd/system/web@.service":       "[Service]\nExecStart=-/bin/web %i\n",
		"/home/u/.config/systemd/user/w.path":    "[Path]\nPathChanged=%h/in\n",
		"/home/u/.config/systemd/user/w.service": "[Service]\nExecStart=%h/run\n",
		"/usr/lib/systemd/user/w.path":           "[Path]\nPathChanged=/not/this\n",
		"/etc/systemd/system/gone.timer":         "-> /dev/null",
		"/var/lib/systemd/linger/u":              "",
		"/usr/lib/systemd/system-generators/gen": "#!/bin/sh\n",
		"/etc/systemd/system-generators/gen":     "-> /dev/null",
		"/etc/systemd/system-generators/other":   "#!/bin/sh\n",
	}
	equal(t, "timer", server.show("/etc/systemd/system/up.timer", "schedule", "command", "account", "trigger", "mechanism", "enabled", "activates"), []string{
		"account=nobody; activates=up.service; command=/usr/bin/python3 /opt/up.py; enabled=static; mechanism=systemd-timer; schedule=OnCalendar=*:0/5 OnBootSec=1min; trigger=time; /etc/systemd/system/up.timer:4; ran 22:13:58 the last change of /var/lib/systemd/timers/stamp-up.timer"})
	equal(t, "socket", server.show("/etc/systemd/system/web.socket", "event", "command", "activates"), []string{"activates=web@.service; command=/bin/web ; event=ListenStream=8080; /etc/systemd/system/web.socket:4"})
	equal(t, "path", server.show("/home/u/.config/systemd/user/w.path", "event", "command", "account", "mechanism", "overrides"), []string{
		"account=u; command=%h/run; event=PathChanged=%h/in; mechanism=systemd-user-unit; overrides=/usr/lib/systemd/user/w.path; /home/u/.config/systemd/user/w.path:2"})
	equal(t, "linger", server.show("/var/lib/systemd/linger/u"), []string{"account=u; name=linger; path=/var/lib/systemd/linger/u; /var/lib/systemd/linger/u:0; enabled 22:13:45 the last change of the file that says it"})
	equal(t, "masked generator", server.show("/usr/lib/systemd/system-generators/gen", "enabled", "overridden_by"), []string{
		"enabled=masked; overridden_by=/etc/systemd/system-generators/gen; /usr/lib/systemd/system-generators/gen:0; masked 22:13:54 the link /etc/systemd/system-generators/gen"})
	equal(t, "generator", server.show("/etc/systemd/system-generators/other", "enabled", "mechanism", "trigger", "target"), []string{
		"enabled=true; mechanism=systemd-generator; target=/etc/systemd/system-generators/other; trigger=boot; /etc/systemd/system-generators/other:0"})
}

func TestCommand(t *testing.T) {
	tests := []struct{ line, text, program string }{
		{"-/bin/a b", "/bin/a b", "/bin/a"}, {"@/bin/a zero b c", "/bin/a b c", "/bin/a"}, {"!!/bin/a", "/bin/a", "/bin/a"}, {`"/opt/a b" c`, "/opt/a b c", "/opt/a b"}, {"", "", ""}, {"-", "", ""},
	}
	for _, tt := range tests {
		if text, program, _ := command(tt.line); text != tt.text || program != tt.program {
			t.Errorf("%q: %q, %q", tt.line, text, program)
		}
	}
	if got := expand("%i %I %n %N %p %%", `x@a-b\x2dc.service`); got != `a-b\x2dc a/b-c x@a-b\x2dc.service x@a-b\x2dc x %` {
		t.Errorf("expanded %q", got)
	}
	if got := dropInDirs("a-b-c@i.service"); !slices.Equal(got, []string{"a-b-c@i.service.d", "a-b-@i.service.d", "a-@i.service.d", "a-b-c@.service.d", "a-b-@.service.d", "a-@.service.d", "service.d"}) {
		t.Errorf("drop-in directories %q", got)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add("a@x-y.service", "[Service]\nExecStart=@/bin/x y \\\nz\nExecStart=\n[Install]\nAlias=b.service", "[Service]\nUser=%i\n")
	f.Add("a.timer", "[Timer]\nOnCalendar=daily\nUnit=%p@%i.service\n", "")
	f.Add("-.socket", "[Socket]\nAccept=yes\nListenStream=1\nExecStartPre=!+\n", "\\\n\\\n")
	f.Add("a@.path", "[Path]\nPathExists=/\n[Install]\nDefaultInstance=x", "[Timer]")
	f.Fuzz(func(t *testing.T, name, text, dropIn string) {
		if strings.Contains(name, "/") {
			return
		}
		p := "/etc/systemd/system/" + name
		server := tree{p: text, p + ".d/a.conf": dropIn}
		for r, err := range run(context.Background(), server.source(p)) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if r.Fields["mechanism"] == "" || r.Fields["unit"] == "" || e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > int64(len(server[e.Path])) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
