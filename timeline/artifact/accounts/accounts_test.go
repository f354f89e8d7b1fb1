package accounts

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string, others map[string]string) *timeline.Source {
	return &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
		Sibling: func(path string) *timeline.Source {
			if text, ok := others[path]; ok {
				return source(path, text, nil)
			}
			return nil
		},
	}
}

// show renders records; want's keys only.
func show(e timeline.Extractor, s *timeline.Source, keys ...string) (got []string) {
	for r, err := range e.Run(context.Background(), s) {
		if err != nil {
			got = append(got, "error: "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if slices.Contains(keys, k) {
				parts = append(parts, k+"="+r.Fields[k])
			}
		}
		for _, st := range r.Stamps {
			parts = append(parts, st.What+" "+st.When.Format("2006-01-02")+" ("+st.Note+")")
		}
		got = append(got, strings.Join(parts, " "))
	}
	return got
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func TestJoin(t *testing.T) {
	passwd := "root:x:0:0:root:/root:/bin/bash\n# comment\n\nbin:*:1:1::/bin:/sbin/nologin\nopen::0:0::/:/bin/sh\nalice:x:1000:1000:A,,,:/home/alice:/bin/sh\r\nold:$1$a$b:1001:1:::\nshort:x:5\nnonsense\ngone:x:7:7:::\n+::::::\n"
	shadow := "root:$y$j9T$a$b:19700:0:99999:7:::\nalice:!$6$a$b:0:0:99999:7::20000:\nghost::19701:0:99999:7:::\nbin:*:19000::::::\njunk\n"
	got := show(Accounts, source("/etc/passwd", passwd, map[string]string{"/etc/shadow": shadow}),
		"name", "uid", "home", "password", "hash_kind", "last_changed", "only_in", "malformed", "must_change", "expires", "shadow_line")
	equal(t, "joined", got, []string{
		`error: "/etc/shadow": line 5, 4 bytes at offset 113: not a line of shadow`,
		"hash_kind=yescrypt home=/root last_changed=2023-12-09 name=root password=set shadow_line=1 uid=0 password changed 2023-12-09 (day only)",
		"home=/bin last_changed=2022-01-08 name=bin password=disabled shadow_line=4 uid=1 password changed 2022-01-08 (day only)",
		"home=/ name=open only_in=passwd password=none uid=0",
		"expires=2024-10-04 hash_kind=sha512 home=/home/alice must_change=yes name=alice password=locked shadow_line=2 uid=1000",
		"hash_kind=md5 home= name=old only_in=passwd password=in-passwd uid=1001",
		"home= malformed=yes name=short only_in=passwd password=unknown uid=5",
		`error: "/etc/passwd": line 9, 8 bytes at offset 169: not a line of passwd`,
		"home= name=gone only_in=passwd password=unknown uid=7",
		"home= name=+ only_in=passwd password=unknown uid=",
		"last_changed=2023-12-10 name=ghost only_in=shadow password=none shadow_line=3 password changed 2023-12-10 (day only)",
	})

	got = show(Accounts, source("/etc/shadow", shadow, map[string]string{"/etc/passwd": passwd}), "name")
	equal(t, "shadow beside passwd", got, nil)
	got = show(Accounts, source("/etc/shadow", "a:*:::::::\n", nil), "name", "password", "only_in")
	equal(t, "shadow alone", got, []string{"name=a only_in=shadow password=disabled"})
	got = show(Accounts, source("/etc/passwd", "a:x:1:1:::\n", nil), "name", "password", "only_in")
	equal(t, "passwd alone", got, []string{"name=a password=unknown"})
}

func TestStates(t *testing.T) {
	tests := []struct{ field, state, kind string }{
		{"", "none", ""}, {"!", "locked", ""}, {"!!", "locked", ""}, {"*", "disabled", ""}, {"!*", "disabled", ""}, {"x", "disabled", ""}, {"*LK*", "disabled", ""}, {"NP", "disabled", ""},
		{"$1$ab$cd", "set", "md5"}, {"$2y$10$abc", "set", "bcrypt"}, {"$2b$10$abc", "set", "bcrypt"}, {"$5$a$b", "set", "sha256"}, {"$6$rounds=9$a$b", "set", "sha512"}, {"$6$$b", "set", "sha512"},
		{"$y$j9T$a$b", "set", "yescrypt"}, {"$gy$j9T$a$b", "set", "gost-yescrypt"}, {"$7$a$b", "set", "scrypt"}, {"$md5,rounds=9$a$b", "set", "sunmd5"}, {"$foo$a", "set", "other"}, {"$6$", "disabled", ""},
		{"ab./zZ09abcde", "set", "des"}, {"_12345678901234567890", "disabled", ""}, {"_1234567890123456789", "set", "bsdi"}, {"!ab./zZ09abcde", "locked", "des"}, {"ab./zZ09abcd!", "disabled", ""},
	}
	for _, tt := range tests {
		if state, kind := stateOf(tt.field); state != tt.state || kind != tt.kind {
			t.Errorf("%q: %s %s, want %s %s", tt.field, state, kind, tt.state, tt.kind)
		}
	}
}

// No record may hold a hash.
func TestNoHash(t *testing.T) {
	const secret = "c2VjcmV0"
	s := source("/etc/passwd", "a:$1$s$"+secret+":1:1:::\nb:x:2:2:::\n", map[string]string{"/etc/shadow": "b:$6$s$" + secret + ":::::::\nc:" + "$6$s$" + secret + ":::::::\n"})
	n := 0
	for r, err := range run(context.Background(), s) {
		n++
		if err != nil || strings.Contains(r.Summary, secret) {
			t.Errorf("error %v, summary %q", err, r.Summary)
		}
		for k, v := range r.Fields {
			if strings.Contains(v, secret) {
				t.Errorf("%s: %q", k, v)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

func TestGroups(t *testing.T) {
	s := source("/etc/group", "root:x:0:\nsudo:x:27:alice,bob\nopen:$1$a$b:5:\nbad\n", nil)
	got := show(Groups, s, "name", "gid", "members", "password", "hash_kind")
	equal(t, "groups", got, []string{"gid=0 members= name=root", "gid=27 members=alice,bob name=sudo", "gid=5 hash_kind=md5 members= name=open password=set",
		`error: "/etc/group": line 4, 3 bytes at offset 45: not a line of group`})
	for r := range Groups.Run(context.Background(), s) {
		if r.Kind != timeline.KindGroup || r.Evidence.Path != "/etc/group" {
			t.Errorf("record %+v", r)
		}
		break
	}
}

func TestGshadow(t *testing.T) {
	s := source("/etc/group", "sudo:x:27:alice\nadm:x:4:\n", map[string]string{"/etc/gshadow": "sudo:$6$a$b:bob:alice\nadm:*::\n"})
	got := show(Groups, s, "name", "password", "admins", "hash_kind")
	equal(t, "gshadow", got, []string{"admins=bob hash_kind=sha512 name=sudo password=set", "name=adm"})
}

func TestChanges(t *testing.T) {
	keys := []string{"account", "group", "action", "changed", "uid", "old_uid", "shell", "old_shell", "home", "members", "old_members", "password", "old_password"}
	s := source("/etc/passwd-", "root:x:0:0:r:/root:/bin/bash\ngone:x:1005:1005::/home/gone:/bin/sh\nirc:x:39:39::/run/ircd:/usr/sbin/nologin\n", map[string]string{
		"/etc/passwd": "root:x:0:0:r:/root:/bin/bash\nirc:x:0:39::/run/ircd:/bin/bash\nnew:x:1006:1006::/home/new:/bin/bash\n"})
	equal(t, "passwd", show(Changes, s, keys...), []string{
		"account=gone action=removed home=/home/gone shell=/bin/sh uid=1005", "account=irc action=changed changed=uid shell old_shell=/usr/sbin/nologin old_uid=39 shell=/bin/bash uid=0", "account=new action=added home=/home/new shell=/bin/bash uid=1006"})
	s = source("/etc/shadow-", "irc:*:19000:0:99999:7:::\na:$6$x$y:19000:0:99999:7:::\nb:!:1::::::\n", map[string]string{"/etc/shadow": "irc:$6$s$c2VjcmV0:19700:0:99999:7:::\na:$6$x$z:19001:0:99999:7:::\n"})
	got := show(Changes, s, keys...)
	equal(t, "shadow", got, []string{"account=irc action=changed changed=password old_password=disabled password=set", "account=a action=changed changed=password old_password=set password=set"})
	if strings.Contains(strings.Join(got, ""), "c2VjcmV0") {
		t.Error("a hash is told")
	}
	s = source("/etc/group-", "sudo:x:27:alice\n", map[string]string{"/etc/group": "sudo:x:27:alice,www-data\n"})
	equal(t, "group", show(Changes, s, keys...), []string{"action=changed changed=members group=sudo members=alice,www-data old_members=alice"})
	equal(t, "no passwd", show(Changes, source("/etc/passwd-", "a:x:1:1:::\n", nil), keys...), nil)
}

func FuzzChanges(f *testing.F) {
	f.Add("a:x:1:1:::\nb:x:2\n", "a:x:2:1:::\n:::\nc:$6$a$b:1\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, n := range []string{"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"} {
			for r, err := range runChanges(context.Background(), source(n+"-", before, map[string]string{n: after})) {
				if err == nil && (r.Fields["action"] == "" || r.Evidence.Length < 1) {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}

func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n", "root:$6$a$b:19700:0:99999:7:::\n")
	f.Add("a:$:::::\n:\n", "a:!:-1\n::::::::\n")
	f.Fuzz(func(t *testing.T, passwd, shadow string) {
		states := []string{"locked", "none", "set", "disabled", "in-passwd", "unknown"}
		for r, err := range run(context.Background(), source("/etc/passwd", passwd, map[string]string{"/etc/shadow": shadow})) {
			if err == nil && !slices.Contains(states, r.Fields["password"]) {
				t.Fatalf("%+v", r)
			}
		}
		for range runGroups(context.Background(), source("/etc/group", passwd, nil)) {
		}
	})
}
