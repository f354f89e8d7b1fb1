package sudoers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
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

func (t tree) show(e timeline.Extractor, name string) []string {
	var out []string
	for r, err := range e.Run(context.Background(), t.source(name)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if k != "name" || r.Fields[k] == "sudo-default" {
				parts = append(parts, k+"="+r.Fields[k])
			}
		}
		out = append(out, fmt.Sprintf("%s:%d %s", path.Base(r.Evidence.Path), r.Evidence.Line, strings.Join(parts, "; ")))
	}
	return out
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestSudoers(t *testing.T) {
	server := tree{
		"/etc/sudoers":         "# c \\\n# d \\\nDefaults env_reset, secure_path=\"/a:/b\"\nDefaults:bob !authenticate\nroot ALL=(ALL:ALL) ALL # all\nDEV ALL = (WWW) NOPASSWD: SH, \\\n  PASSWD: !/bin/su\n@includedir /etc/sudoers.d\nbob ALL=/bin/x\nnonsense\n#1001 h1,!h2=(:adm) /bin/y : h3 = NOEXEC: /bin/z a\\,b\n",
		"/etc/sudoers.d/a":     "User_Alias DEV = alice, %dev, !mallory\nCmnd_Alias SH = /bin/sh, \\\n /bin/bash : X = SH\n#include local\n",
		"/etc/sudoers.d/a.bak": "eve ALL=ALL\n",
		"/etc/sudoers.d/local": "Runas_Alias WWW=www-data\n",
	}
	equal(t, server.show(Sudo, "/etc/sudoers"), []string{
		"sudoers:3 name=sudo-default; setting=env_reset, secure_path=\"/a:/b\"",
		"sudoers:4 account=bob; name=sudo-default; scope=:bob; setting=!authenticate",
		"sudoers:5 account=root; command=ALL; hosts=ALL; target=ALL; target_group=ALL",
		"sudoers:6 account=alice; aliases=DEV SH WWW; command=/bin/sh, /bin/bash; except=mallory; hosts=ALL; nopasswd=yes; nopasswd_by=tag; tags=NOPASSWD; target=www-data",
		"sudoers:6 aliases=DEV SH WWW; command=/bin/sh, /bin/bash; except=mallory; group=dev; hosts=ALL; nopasswd=yes; nopasswd_by=tag; tags=NOPASSWD; target=www-data",
		"sudoers:6 account=alice; aliases=DEV WWW; command=!/bin/su; except=mallory; hosts=ALL; tags=PASSWD; target=www-data",
		"sudoers:6 aliases=DEV WWW; command=!/bin/su; except=mallory; group=dev; hosts=ALL; tags=PASSWD; target=www-data",
		"sudoers:9 account=bob; command=/bin/x; hosts=ALL; nopasswd=yes; nopasswd_by=Defaults:bob; target=root",
		`error "/etc/sudoers": line 10, 8 bytes at offset 201: not a line of sudoers`,
		"sudoers:11 command=/bin/y; hosts=h1,!h2; target=#1001; target_group=adm; uid=1001",
		"sudoers:11 command=/bin/z a,b; hosts=h3; tags=NOEXEC; target=root; uid=1001",
	})
}

func TestLoop(t *testing.T) {
	got := (tree{"/etc/sudoers": "@include sudoers\nUser_Alias A = B : B = A\nA ALL=ALL\n"}).show(Sudo, "/etc/sudoers")
	equal(t, got, []string{`error "/etc/sudoers": line 1, 16 bytes at offset 0: files include each other`, "sudoers:3 account=A; aliases=A B; command=ALL; hosts=ALL; target=root"})
}

func TestDoas(t *testing.T) {
	text := "# c\npermit persist :wheel\npermit nopass keepenv setenv { A=b C } bob as www-data cmd /bin/sh args -c \"a b\"\ndeny eve\npermit nopass root as root cmd id args\nallow x\n"
	equal(t, (tree{"/etc/doas.conf": text}).show(Doas, "/etc/doas.conf"), []string{
		"doas.conf:2 action=permit; command=ALL; group=wheel; tags=persist; target=ALL",
		"doas.conf:3 account=bob; action=permit; command=/bin/sh -c a b; nopasswd=yes; tags=nopass keepenv setenv; target=www-data",
		"doas.conf:4 account=eve; action=deny; command=ALL; target=ALL",
		"doas.conf:5 account=root; action=permit; arguments=none; command=id; nopasswd=yes; tags=nopass; target=root",
		`error "/etc/doas.conf": line 6, 7 bytes at offset 155: not a line of doas.conf`,
	})
}

// conversion is what cvtsudoers writes.
type conversion struct {
	User_Specs []struct {
		User_List, Host_List []map[string]any
		Cmnd_Specs           []struct {
			Runasusers, Runasgroups, Commands []map[string]any
			Options                           json.RawMessage
		}
	}
}

func shown(list []map[string]any) string {
	var out []string
	for _, m := range list {
		text := ""
		for _, k := range []string{"username", "usergroup", "userid", "usergid", "netgroup", "hostname", "networkaddr", "command"} {
			v, ok := m[k]
			if !ok {
				continue
			}
			text = fmt.Sprint(v)
			switch {
			case k == "usergroup" && !strings.HasPrefix(text, "%"):
				text = "%" + text
			case k == "userid":
				text = "#" + text
			case k == "usergid":
				text = "%#" + text
			case k == "netgroup":
				text = "+" + text
			}
		}
		if m["negated"] == true {
			text = "!" + text
		}
		out = append(out, strings.Join(strings.Fields(text), " "))
	}
	return strings.Join(out, ",")
}

// TestConversion compares with cvtsudoers, which is sudo's own parser.
func TestConversion(t *testing.T) {
	program, err := exec.LookPath("cvtsudoers")
	if err != nil {
		t.Skip("cvtsudoers is not installed (package sudo)")
	}
	const text = `Defaults env_reset
Defaults@www log_output
Defaults>root !requiretty
Defaults!/bin/ls noexec
User_Alias ADMINS = alice, %wheel, !mallory : WEB = www-data
Runas_Alias DB = postgres, mysql
Host_Alias SERVERS = www1, 192.0.2.0/24
Cmnd_Alias SHELLS = /bin/sh, /bin/bash \
  -l, SHELL2
Cmnd_Alias SHELL2=/bin/zsh
root ALL=(ALL:ALL) ALL
ADMINS SERVERS = (DB) NOPASSWD: SHELLS, PASSWD: /bin/ls -l "", !/bin/su : ALL = /usr/bin/id
%sudo	ALL=(ALL:ALL) ALL
#1000 ALL=NOEXEC:SETENV: sha256:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA= /usr/bin/vi, sudoedit /etc/x\,y
bob ALL=(root) CWD=/tmp /bin/x ^[a-z]+$, (:adm) /bin/y
user\ x ALL = ROLE=r TYPE=t NOTBEFORE=20240101000000Z /z
"quoted name" ALL = (www-data , bob) /bin/a\:b c\=d , /bin/e *
+ng, %#5 ALL , ! h2 = ! ALL, SHELLS, ! SHELL2
WEB,ADMINS SERVERS,h9=NOPASSWD:ALL
backup ALL=(root,!bob:adm,disk)NOPASSWD:NOEXEC:/usr/bin/rsync,PASSWD:/bin/tar	-x   -f
`
	cmd := exec.Command(program, "-e", "-f", "json", "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("cvtsudoers: %v", err)
	}
	var conv conversion
	// Its older versions write options of the form [ "name": value ], which no parser takes.
	fixed := strings.NewReplacer().Replace(string(out))
	for _, key := range []string{`"Options": [`, `"SELinux_Spec": [`} {
		for at := 0; ; {
			i := strings.Index(fixed[at:], key)
			if i < 0 {
				break
			}
			at += i + len(key)
			end := at + strings.IndexByte(fixed[at:], ']')
			inner := strings.NewReplacer("{", "", "}", "").Replace(fixed[at:end])
			fixed = fixed[:at-1] + "{" + inner + "}" + fixed[end+1:]
		}
	}
	if err := json.Unmarshal([]byte(fixed), &conv); err != nil {
		t.Skipf("what cvtsudoers wrote cannot be read: %v", err)
	}
	var want []string
	for _, us := range conv.User_Specs {
		for _, cs := range us.Cmnd_Specs {
			nopass := strings.Contains(strings.Join(strings.Fields(string(cs.Options)), ""), `"authenticate":false`)
			target := shown(cs.Runasusers)
			for _, u := range us.User_List {
				if u["negated"] == true {
					continue
				}
				as := target
				if as == "" && len(cs.Runasgroups) == 0 {
					as = "root"
				} else if as == "" {
					as = shown([]map[string]any{u})
				}
				for _, c := range cs.Commands {
					want = append(want, fmt.Sprintf("%s|%s|%s|%s|%v|%s", shown([]map[string]any{u}), shown(us.Host_List), as, strings.ReplaceAll(shown(cs.Runasgroups), "%", ""), nopass, shown([]map[string]any{c})))
				}
			}
		}
	}
	var got []string
	for r, err := range run(context.Background(), tree{"/etc/sudoers": text}.source("/etc/sudoers")) {
		if err != nil {
			t.Error(err)
			continue
		}
		f := r.Fields
		if f["name"] != "sudo-rule" {
			continue
		}
		who := f["account"]
		for k, prefix := range map[string]string{"group": "%", "netgroup": "+", "uid": "#"} {
			if f[k] != "" {
				who = prefix + f[k]
			}
		}
		for _, c := range strings.Split(f["command"], ", ") {
			got = append(got, fmt.Sprintf("%s|%s|%s|%s|%v|%s", who, f["hosts"], f["target"], f["target_group"], f["nopasswd"] == "yes", c))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) < 20 || !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func FuzzSudoers(f *testing.F) {
	f.Add("Defaults:a !x, y=\"z\"\nUser_Alias A=b:C=d\nCmnd_Alias E=/f \\\n g\nA,%h !i=(j:k)NOPASSWD:CWD=/l sha256:m E,!n ^o$:p=q\n", "@include x\n")
	f.Add("a ALL=(ALL) ALL\n#include sudoers\n\\\n\"\n", "permit nopass a as b cmd c args\n")
	f.Fuzz(func(t *testing.T, text, other string) {
		server := tree{"/etc/sudoers": text, "/etc/x": other, "/etc/doas.conf": other}
		for _, e := range []struct {
			e    timeline.Extractor
			path string
		}{{Sudo, "/etc/sudoers"}, {Doas, "/etc/doas.conf"}} {
			for r, err := range e.e.Run(context.Background(), server.source(e.path)) {
				if err != nil {
					continue
				}
				ev := r.Evidence
				if r.Fields["name"] == "" || ev.Offset < 0 || ev.Length < 1 || ev.Offset+ev.Length > int64(len(server[ev.Path])) {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
