package shellhistory

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
	}
}

// show renders records as time, command; a command of more lines has | between them.
func show(t *testing.T, s *timeline.Source) (got []string, shell string) {
	t.Helper()
	n := 0
	for r, err := range run(context.Background(), s) {
		if err != nil {
			got = append(got, "error")
			continue
		}
		n++
		when := "-"
		if len(r.Stamps) > 0 {
			when = r.Stamps[0].When.Format(time.RFC3339)
		}
		got = append(got, when+" "+strings.ReplaceAll(r.Fields["command"], "\n", "|"))
		shell = r.Fields["shell"]
	}
	return got, shell
}

func TestHistories(t *testing.T) {
	tests := []struct {
		name, path, text, shell string
		want                    []string
	}{
		{"bash without times", "/root/.bash_history", "ls\n\ncd /tmp\necho 'a\n# 12\n", "bash",
			[]string{"- ls", "- cd /tmp", "- echo 'a", "- # 12"}},
		{"bash with times", "/root/.bash_history", "#1700000000\nls\n#1700000060\necho 'a\nb'\n#1700000120\nid", "bash",
			[]string{"2023-11-14T22:13:20Z ls", "2023-11-14T22:14:20Z echo 'a|b'", "2023-11-14T22:15:20Z id"}},
		{"bash, a line added without a time", "/root/.bash_history", "w\n#1700000000\nls\nwget http://192.0.2.1/x\n", "bash",
			[]string{"- w", "2023-11-14T22:13:20Z ls", "- wget http://192.0.2.1/x"}},
		{"bash, compound command", "/root/.bash_history", "#1700000000\nfor i in 1 2\ndo\n  echo $i\ndone\nid\n#1700000060\ncat > x <<'EOF'\nif\nEOF\nw\n", "bash",
			[]string{"2023-11-14T22:13:20Z for i in 1 2|do|  echo $i|done", "- id", "2023-11-14T22:14:20Z cat > x <<'EOF'|if|EOF", "- w"}},
		{"bash, stamps without entries", "/root/.bash_history", "#1700000000\n#1700000060\nls\n#1700000120\n", "bash",
			[]string{"2023-11-14T22:14:20Z ls"}},
		{"bash, comments", "/root/.bash_history", "#1700000000\n#12345\n#1700000000x\n", "bash",
			[]string{"2023-11-14T22:13:20Z #12345", "- #1700000000x"}},
		{"zsh extended", "/home/u/.zsh_history", ": 1700000000:0;ls -l\n: 1700000060:12;echo 'a\\\nb'\nplain\n", "zsh",
			[]string{"2023-11-14T22:13:20Z ls -l", "2023-11-14T22:14:20Z echo 'a|b'", "- plain"}},
		{"zsh metafied", "/home/u/.zsh_history", "echo \xc3\x83\x83\xbf\n", "zsh", []string{"- echo \xc3\xa3\xbf"}},
		{"zsh in .histfile", "/home/u/.histfile", ": 1700000000:0;a;b\n", "zsh", []string{"2023-11-14T22:13:20Z a;b"}},
		{"zsh with shell comments", "/home/u/.zsh_history", "#1700000000\nls\n", "zsh", []string{"- #1700000000", "- ls"}},
		{"ash", "/root/.ash_history", "ls\nid\n", "ash", []string{"- ls", "- id"}},
		{"ksh93", "/home/u/.sh_history", "\x81\x01ls\n\x00\x00id\n\x00", "ksh", []string{"- ls", "- id"}},
		{"tcsh", "/home/u/.history", "#+1700000000\nls\n#+1700000060\nid\n", "tcsh",
			[]string{"2023-11-14T22:13:20Z ls", "2023-11-14T22:14:20Z id"}},
		{"fish", "/home/u/.local/share/fish/fish_history", "- cmd: echo a\\nb\\\\n\n  when: 1700000000\n  paths:\n    - x\n- cmd: id\n", "fish",
			[]string{"2023-11-14T22:13:20Z echo a|b\\n", "- id"}},
		{"NULs after a crash", "/root/.bash_history", "ls\n" + strings.Repeat("\x00", 64) + "\nid\n", "bash",
			[]string{"- ls", "error", "- id"}},
		{"ksh93, an entry taken back", "/home/u/.sh_history", "\x81\x01ls\n\x00fc -e vi\n\x00\x00\x81\x00\x82\x00\x00\x01\x02\x00id\nw\n\x00", "ksh", []string{"- ls", "- fc -e vi", "- id|w"}},
		{"ksh93, no end", "/home/u/.sh_history", "\x81\x01ls\n\x00id", "ksh", []string{"error", "- ls", "- id"}},
		{"mksh after a crash", "/home/u/.mksh_history", "\xab\xcd\xff\x00\x00\x00\x01ls\x00\x00\x00\x00garbage\xff\x00\x00\x00\x02id\x00", "ksh", []string{"- ls", "error", "- id"}},
		{"no text", "/root/.bash_history", "ls\n\x01\x02\x03\x04\x05\x06\n\x01\x02\x03\x04\x05\x06\nid\n", "bash", []string{"- ls", "error", "- id"}},
		{"a file that HISTFILE names", "/var/log/h/u", "#1700000000\nls\n", "bash", []string{"2023-11-14T22:13:20Z ls"}},
		{"a directory of zsh", "/home/u/.local/state/zsh/history", "echo a\\\nb\n", "zsh", []string{"- echo a|b"}},
	}
	for _, tt := range tests {
		got, shell := show(t, source(tt.path, tt.text))
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") || shell != tt.shell {
			t.Errorf("%s: shell %q\ngot  %q\nwant %q", tt.name, shell, got, tt.want)
		}
	}
}

func TestFields(t *testing.T) {
	s := source("/home/u/.bash_history", "#1700000000\nls\n#1700000060\ncd 'x\ny'\n")
	var all []timeline.Record
	for r, err := range Extractor.Run(context.Background(), s) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != 2 {
		t.Fatalf("%d records, want 2", len(all))
	}
	r := all[1]
	if r.Kind != timeline.KindCommand || r.Fields["account"] != "u" || r.Fields["order"] != "2" || r.Stamps[0].What != "ran" {
		t.Errorf("record %+v", r)
	}
	want := timeline.Evidence{Path: "/home/u/.bash_history", Offset: 15, Length: 20, Line: 3}
	if r.Evidence != want {
		t.Errorf("evidence %+v, want %+v", r.Evidence, want)
	}
	for path, account := range map[string]string{"/root/.bash_history": "root", "/home/a/.ash_history": "a", "/srv/x/.bash_history": ""} {
		for r := range run(context.Background(), source(path, "ls\n")) {
			if r.Fields["account"] != account {
				t.Errorf("%s: account %q, want %q", path, r.Fields["account"], account)
			}
		}
	}
	s.Account = "deploy"
	for r := range run(context.Background(), s) {
		if r.Fields["account"] != "deploy" || !strings.HasPrefix(r.Summary, "deploy: ") {
			t.Errorf("account %q, summary %q", r.Fields["account"], r.Summary)
		}
	}
}

func TestSyntax(t *testing.T) {
	tests := []struct {
		line string
		open bool
	}{
		{"ls", false}, {"ls \\", true}, {"ls |", true}, {"a &&", true}, {"a &", false}, {"a || # x", true},
		{"echo \"a", true}, {"echo \"it's\"", false}, {"echo it\\'s", false}, {"echo a # it's", false}, {"echo a#'", true},
		{"if x; then y; fi", false}, {"if x; then", true}, {"echo if", false}, {"case $1 in a) b;; esac", false},
		{"f() {", true}, {"f() { a; }", false}, {"(a; b", true}, {"cat <<EOF", true}, {"cat <<<EOF", false}, {"while true; do a; done", false},
		{"echo $(date)", false}, {"echo {", false}, {"", false},
	}
	for _, tt := range tests {
		var y syntax
		if got := y.open(tt.line); got != tt.open {
			t.Errorf("%q: open %v, want %v", tt.line, got, tt.open)
		}
	}
}

func TestPlaso(t *testing.T) {
	const dir = "../../../../shared/data/logs/plaso"
	oracle, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared log samples are not here")
	}
	var tests []struct {
		Test, File string
		Events     int
		Expected   []struct {
			Index  int
			Values map[string]any
		}
	}
	if err := json.Unmarshal(oracle, &tests); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, tt := range tests {
		if !strings.Contains(tt.Test, "bash_history") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, tt.File))
		if err != nil {
			t.Fatal(err)
		}
		var all []timeline.Record
		for r, err := range run(context.Background(), source("/root/.bash_history", string(text))) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		if len(all) != tt.Events {
			t.Fatalf("%d commands, want %d", len(all), tt.Events)
		}
		for _, e := range tt.Expected {
			r := all[e.Index]
			want, _ := time.Parse(time.RFC3339, e.Values["written_time"].(string))
			if !r.Stamps[0].When.Equal(want) || strings.ReplaceAll(r.Fields["command"], "\n", " ") != e.Values["command"] {
				t.Errorf("%d: %v %q, want %v", e.Index, r.Stamps, r.Fields["command"], e.Values)
			}
			seen++
		}
	}
	if seen == 0 {
		t.Error("nothing to compare with")
	}
}

func FuzzHistory(f *testing.F) {
	for _, s := range []string{"#1700000000\nls 'a\nb'\n", ": 1700000000:0;a\\\nb\n", "- cmd: x\n  when: 1\n", "\x81\x01ls\n\x00", "cat <<A <<B\nA\nB\n"} {
		for i := range 4 {
			f.Add(s, i)
		}
	}
	for i := range 4 {
		f.Add("\xab\xcd\xff\x00\x00\x00\x01ls\x00", i)
	}
	names := []string{"/root/.bash_history", "/root/.zsh_history", "/root/.sh_history", "/root/.config/fish/fish_history"}
	f.Fuzz(func(t *testing.T, text string, n int) {
		s := source(names[uint(n)%uint(len(names))], text)
		var last int64 = -1
		for r, err := range run(context.Background(), s) {
			if err != nil || r.Kind != timeline.KindCommand {
				continue
			}
			e := r.Evidence
			if e.Offset <= last || e.Offset+e.Length > int64(len(text)) || r.Fields["command"] == "" {
				t.Fatalf("record %+v after offset %d of %q", r, last, text)
			}
			last = e.Offset
		}
	})
}
