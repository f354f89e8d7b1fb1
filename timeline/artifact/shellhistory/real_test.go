package shellhistory

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// render reads a source with an extractor: time or "-", command, with | for a
// newline in it.
func render(t *testing.T, x *timeline.Extractor, s *timeline.Source) (got []string, all []timeline.Record) {
	t.Helper()
	for r, err := range x.Run(context.Background(), s) {
		if err != nil {
			got = append(got, "error: "+err.Error())
			continue
		}
		when := "-"
		if len(r.Stamps) > 0 {
			when = r.Stamps[0].When.Format("15:04:05")
		}
		got = append(got, when+" "+strings.ReplaceAll(r.Fields["command"], "\n", "|"))
		all = append(all, r)
	}
	return got, all
}

// TestReal reads what the programs wrote while they were driven by a terminal
// (testdata/make.py). One command of the shells has two lines within quotes,
// one is a loop, one ends or has backslashes.
func TestReal(t *testing.T) {
	for _, tt := range []struct {
		file, path, program string
		x                   *timeline.Extractor
		want                []string
	}{
		{"bash", "/root/.bash_history", "bash", &Extractor, []string{"18:03:01 echo 'one'", "18:03:01 echo äöü 漢字", "18:03:01 for i in 1 2; do echo $i; done", "18:03:02 echo 'two|lines'", `18:03:03 echo back\\slash`}},
		{"zsh", "/root/.zsh_history", "zsh", &Extractor, []string{"18:03:04 echo 'one'", "18:03:04 echo äöü 漢字", "18:03:06 for i in 1 2|do|echo $i|done", "18:03:07 echo 'two|lines'", `18:03:08 echo back\\slash`, "18:03:08 sleep 1"}},
		{"zsh_plain", "/root/.histfile", "zsh", &Extractor, []string{"- echo 'one'", "- echo äöü 漢字", "- for i in 1 2|do|echo $i|done", `- echo trail \\`}},
		{"fish", "/root/.local/share/fish/fish_history", "fish", &Extractor, []string{"18:03:14 echo 'one'", "18:03:14 echo äöü 漢字", "18:03:15 echo 'one'", "18:03:15 echo äöü 漢字", "18:03:16 ls /etc/passwd /nonexist",
			"18:03:18 for i in 1 2|echo $i|end", `18:03:18 echo back\\slash`, "18:03:20 echo 'two|lines'"}},
		{"ksh93", "/root/.sh_history", "ksh", &Extractor, []string{"- echo 'one'", "- echo äöü 漢字", "- for i in 1 2|do|echo $i|done", "- echo 'two|lines'", `- echo back\\slash`}},
		{"mksh", "/root/.mksh_history", "ksh", &Extractor, []string{"- echo 'one'", "- echo äöü 漢字", "- for i in 1 2|do|echo $i|done", "- echo 'two|lines'", `- echo back\\slash`}},
		{"tcsh", "/root/.history", "tcsh", &Extractor, []string{"18:07:06 set history=100", "18:07:07 echo one", "18:07:07 echo äöü", "18:07:07 foreach i ( 1 2 )", "18:07:07 echo $i", "18:07:08 end", `18:07:08 echo back\\slash`, "18:07:08 history -S /home/u/.history"}},
		{"python", "/root/.python_history", "python", &Clients, []string{"- import os", "- def f():", "-     return 1", "- print('äöü')"}},
		{"node", "/root/.node_repl_history", "node", &Clients, []string{"- 1+1", "- const a = `x", "- y`", "- 'äöü'"}},
		{"libedit", "/root/.mysql_history", "mysql", &Clients, []string{"- select 1;", "- select 'two|lines', \"tab\there\" ;", "- create user 'x'@'%' identified by 'secretpw';", `- select 'äöü back\slash';`, "- exit"}},
		{"psql", "/root/.psql_history", "psql", &Clients, []string{"- select 1;", "- select 'two|lines', 'äö';", `- \dt`, "- create role bob password 'pw';", `- \! id`}},
		{"gdb", "/root/.gdb_history", "gdb", &Clients, []string{"- set history filename /home/u/.gdb_history", "- set history save on", "- print 1", "- help x", "- q"}},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		s := source(tt.path, string(data))
		got, all := render(t, tt.x, s)
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.file, got, tt.want)
		}
		for _, r := range all {
			if r.Fields["program"]+r.Fields["shell"] != tt.program || r.Fields["account"] != "root" {
				t.Errorf("%s: fields %v", tt.file, r.Fields)
			}
			// The first word of each command stands at its evidence.
			word, _, _ := strings.Cut(strings.TrimLeft(r.Fields["command"], " "), " ")
			if at := r.Evidence; !strings.Contains(string(data[at.Offset:at.Offset+at.Length]), strings.SplitN(word, "\n", 2)[0]) {
				t.Errorf("%s: %q is not at %+v", tt.file, word, at)
			}
		}
		if tt.file == "fish" && all[4].Fields["paths"] != "/etc/passwd" {
			t.Errorf("fish: %v", all[4].Fields)
		}
	}
}

func TestClients(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, text string
		want             []string
	}{
		{"readline with times", "/root/.mariadb_history", "#1700000000\nselect 1;\nshow tables;\n", []string{"22:13:20 select 1;", "- show tables;"}},
		{"python 3.13", "/root/.python_history", "def f():\r\n  pass\r\n\nf()\n", []string{"- def f():|  pass|", "- f()"}},
		{"node 24", "/root/.node_repl_history", "b\na\rc", []string{"- a|c", "- b"}},
		{"prompt_toolkit", "/root/.mycli-history", "\n# 2023-11-14 23:13:20.123456\n+select\n+ 1;\n\n# 2023-11-14 23:13:21.000001\n+exit\nbroken\n+late\n",
			[]string{"22:13:20 select| 1;", "22:13:21 exit", "error", "- late"}},
		{"powershell", "/root/.local/share/powershell/PSReadLine/ConsoleHost_history.txt", "a`\nb\nc\n", []string{"- a|b", "- c"}},
		{"redis", "/root/.rediscli_history", "AUTH secret\nauth bob secret\nset a auth\nhello 3 auth u secret setname x\nacl setuser bob on >secret ~* +@all\nCONFIG SET requirepass 'sec ret'\nmigrate h 1 k 0 5 AUTH2 u secret\nconfig get requirepass\n",
			[]string{"- AUTH (masked)", "- auth bob (masked)", "- set a auth", "- hello 3 auth u (masked) setname x", "- acl setuser bob on >(masked) ~* +@all", "- CONFIG SET requirepass (masked) (masked)",
				"- migrate h 1 k 0 5 AUTH2 u (masked)", "- config get requirepass"}},
		{"vis", "/root/.mysql_history", "_HiStOrY_V2_\na\\040\\\\\\^A\\M-i\\M^A\\\n", []string{"- a \\\x01\xe9\x81\\"}},
		{"mongosh", "/home/u/.mongodb/mongosh/mongosh_repl_history", "show dbs\nuse x\n", []string{"- use x", "- show dbs"}},
		{"no text", "/root/.psql_history", "select\x01\x01\x01\x01\x01\x01 1;\n\x02\x03\x04\x05\x06\x07\n", []string{"- select|||||| 1;", "error"}},
		{"another's", "/root/.profile", "x\n", nil},
	} {
		s := source(tt.path, tt.text)
		s.Zone = berlin
		got, _ := render(t, &Clients, s)
		for i, g := range got {
			if strings.HasPrefix(g, "error: ") {
				got[i] = "error"
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
		if strings.Contains(strings.Join(got, ""), "secret") {
			t.Errorf("%s: a password is shown", tt.name)
		}
	}
}

func at(sec int64) filesystem.Time { return filesystem.Time{Sec: sec, Known: true} }

func TestBounds(t *testing.T) {
	s := source("/root/.bash_history", "w\n#1700000000\nls\nid\n")
	s.Inode = &filesystem.Inode{Times: filesystem.Times{Modified: at(1700000100), Changed: at(1700000200)}}
	_, all := render(t, &Extractor, s)
	if len(all) != 3 {
		t.Fatalf("%d records", len(all))
	}
	if len(all[0].Stamps) != 0 || all[0].Fields["not_after"] != "2023-11-14T22:15:00Z" {
		t.Errorf("first: %+v", all[0])
	}
	if len(all[1].Stamps) != 1 || all[1].Stamps[0].What != "ran" || all[1].Fields["not_after"] != "" {
		t.Errorf("timed: %+v", all[1])
	}
	if st := all[2].Stamps; len(st) != 1 || st[0].What != "ran-before" || st[0].When.Unix() != 1700000100 || st[0].Note == "" {
		t.Errorf("last: %+v", all[2])
	}
	// A modification time before the history's own times is not believed.
	s.Inode.Times.Modified = at(1600000000)
	_, all = render(t, &Extractor, s)
	if st := all[2].Stamps; len(st) != 1 || st[0].When.Unix() != 1700000200 {
		t.Errorf("forged: %+v", all[2])
	}
	s.Inode.Times.Changed = at(1600000000)
	if _, all = render(t, &Extractor, s); len(all[2].Stamps) != 0 {
		t.Errorf("both forged: %+v", all[2])
	}
}

// TestFacts: what is said of histories that hold nothing.
func TestFacts(t *testing.T) {
	inode := &filesystem.Inode{Times: filesystem.Times{Modified: at(1700000100), Born: at(1700000000)}}
	empty := source("/home/u/.bash_history", "")
	empty.Inode = inode
	null := source("/root/.mysql_history", "")
	null.Target, null.Inode, null.Data = "/dev/null", inode, strings.NewReader("")
	led := source("/home/u/.zsh_history", "")
	led.Target = "/data/zsh"
	led.Sibling = func(p string) *timeline.Source {
		s := source(p, "echo a\\\nb\n")
		s.Place = func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: "/data/zsh", Offset: off, Length: n, Line: line}
		}
		return s
	}
	for _, tt := range []struct {
		s       *timeline.Source
		x       *timeline.Extractor
		value   string
		stamps  int
		command string
	}{
		{empty, &Extractor, "empty", 2, ""},
		{null, &Clients, "null", 2, ""},
		{led, &Extractor, "link", 0, "echo a\nb"},
	} {
		_, all := render(t, tt.x, tt.s)
		if len(all) == 0 || all[0].Kind != timeline.KindEffective || all[0].Fields["value"] != tt.value || len(all[0].Stamps) != tt.stamps || all[0].Fields["name"] != "history" {
			t.Errorf("%s: %+v", tt.s.Path, all)
			continue
		}
		switch {
		case tt.command == "" && len(all) != 1:
			t.Errorf("%s: %d records", tt.s.Path, len(all))
		case tt.command != "" && (len(all) != 2 || all[1].Fields["command"] != tt.command || all[1].Evidence.Path != "/data/zsh"):
			t.Errorf("%s: %+v", tt.s.Path, all[1:])
		}
	}
	// A link to a history that is read under its own name, too.
	led.Target = ".ash_history"
	led.Sibling = func(p string) *timeline.Source { return source(p, "ls\n") }
	led.Glob = func(pattern string) []string {
		if pattern == "~/.ash_history*" {
			return []string{"/home/u/.ash_history"}
		}
		return nil
	}
	if _, all := render(t, &Extractor, led); len(all) != 1 {
		t.Errorf("twice: %+v", all)
	}
}

func TestHistfile(t *testing.T) {
	for _, tt := range []struct {
		path, text string
		want       []string
	}{
		{"/etc/profile", "export HISTFILE=/var/log/history/$USER-$(date +%F)\n", []string{"/var/log/history/*-*"}},
		{"/etc/bash.bashrc", "# HISTFILE=/a/comment\nMYHISTFILE=/a/bcd\nHISTFILE=\"$HOME/.hist dir/x[1]y\"; export HISTFILE\n", []string{`~/.hist dir/x\[1]y`}},
		{"/home/u/.bashrc", "HISTFILE=~/.logs/hist_`hostname`\nHISTFILE=/dev/shm/.../.hist\nHISTFILE=/$X\nHISTFILE=relative\nHISTFILE=\nunset HISTFILE\n", []string{"/dev/shm/.../.hist", "/home/u/.logs/hist_*"}},
		{"/home/u/.zshrc", "HISTFILE=${ZDOTDIR:-$HOME}/.zshist", nil},
		{"/root/.bashrc", "HISTFILE=$HOME/../tmp/hist.log # x", []string{"/tmp/hist.log"}},
	} {
		got := histfiles(source(tt.path, tt.text))
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s %q:\ngot  %q\nwant %q", tt.path, tt.text, got, tt.want)
		}
	}
}

func FuzzClients(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no testdata", err)
	}
	for i, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(string(data), i)
		}
	}
	f.Add("# 2023-11-14 23:13:20.123456\n+a\n+b\n", 13)
	f.Fuzz(func(t *testing.T, text string, n int) {
		c := clients[uint(n)%uint(len(clients))]
		s := source("/root/"+strings.ReplaceAll(c.name, "*", ""), text)
		for r, err := range Clients.Run(context.Background(), s) {
			var d *timeline.DamageError
			if err != nil {
				if !errors.As(err, &d) {
					t.Fatal(err)
				}
				continue
			}
			e := r.Evidence
			if r.Kind == timeline.KindCommand && (e.Offset < 0 || e.Offset+e.Length > int64(len(text)) || r.Fields["program"] == "") {
				t.Fatalf("record %+v of %q", r, text)
			}
		}
		_ = histfiles(s)
	})
}

// TestDatabases reads histories in SQLite that the sqlite3 program made, with
// the tables of the programs that keep them.
func TestDatabases(t *testing.T) {
	bin, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("sqlite3 is not installed")
	}
	for _, tt := range []struct {
		path, sql string
		want      []string
		fields    map[string]string // of the first record
	}{
		{"/root/.local/share/atuin/history.db", `create table history (id text primary key, timestamp integer not null, duration integer not null, exit integer not null, command text not null, cwd text not null, session text not null, hostname text not null, deleted_at integer, unique(timestamp, cwd, command));
insert into history values ('0', 1700000000123456789, 1500000000, 1, 'make all', '/srv/x', 's1', 'web:root', null), ('1', 1700000060000000000, -1, -1, 'id', '/', 's1', 'web:root', 1700000070000000000);`,
			[]string{"22:13:20 make all", "22:14:20 id"}, map[string]string{"cwd": "/srv/x", "status": "1", "elapsed": "1.500", "host": "web:root", "program": "atuin", "state": ""}},
		{"/root/.config/nushell/history.sqlite3", `create table history (id integer primary key autoincrement, command_line text not null, start_timestamp integer, session_id integer, hostname text, cwd text, duration_ms integer, exit_status integer, more_info text) strict;
insert into history values (1, 'ls | where size > 1kb', 1700000000000, 77, 'web', '/root', 20, 0, null);`,
			[]string{"22:13:20 ls | where size > 1kb"}, map[string]string{"cwd": "/root", "status": "0", "session": "77", "program": "nu"}},
		{"/root/.ipython/profile_default/history.sqlite", `CREATE TABLE sessions (session integer primary key autoincrement, start timestamp, end timestamp, num_cmds integer, remark text);
CREATE TABLE history (session integer, line integer, source text, source_raw text, PRIMARY KEY (session, line));
insert into sessions values (1, '2023-11-14 22:13:20.000001', null, null, ''); insert into history values (1, 1, 'import os', 'import os'), (1, 2, 'get_ipython().system("id")', '!id');`,
			[]string{"- import os", "- !id"}, map[string]string{"session": "1", "session_start": "2023-11-14 22:13:20.000001", "program": "ipython"}},
	} {
		file := filepath.Join(t.TempDir(), "db")
		if out, err := exec.Command(bin, file, tt.sql).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, all := render(t, &Clients, source(tt.path, string(data)))
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.path, got, tt.want)
			continue
		}
		for name, want := range tt.fields {
			if all[0].Fields[name] != want {
				t.Errorf("%s: %s is %q, want %q", tt.path, name, all[0].Fields[name], want)
			}
		}
		if e := all[0].Evidence; !strings.Contains(string(data[e.Offset:e.Offset+e.Length]), all[0].Fields["command"]) {
			t.Errorf("%s: evidence %+v", tt.path, e)
		}
	}
	if got, _ := render(t, &Clients, source("/root/.local/share/atuin/history.db", "no database")); len(got) != 1 || !strings.HasPrefix(got[0], "error: ") {
		t.Errorf("no database: %q", got)
	}
}
