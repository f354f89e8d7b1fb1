package editorhistory

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

func source(path, text string) *timeline.Source {
	return &timeline.Source{
		Path: path, Data: strings.NewReader(text), Size: int64(len(text)),
		Inode: &filesystem.Inode{Times: filesystem.Times{Modified: filesystem.Time{Sec: 1700000000, Known: true}}},
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: path, Offset: off, Length: n, Line: line}
		},
	}
}

// show reads a file and renders its records: time, action or source, what it
// says.
func show(t *testing.T, path, text string) (got []string, all []timeline.Record) {
	t.Helper()
	for r, err := range run(context.Background(), source(path, text)) {
		if err != nil {
			got = append(got, "error")
			continue
		}
		all = append(all, r)
		when := "-"
		if len(r.Stamps) > 0 {
			when = r.Stamps[0].When.Format("15:04:05")
		} else if r.Fields["not_after"] != "2023-11-14T22:13:20Z" {
			t.Errorf("no bound: %v", r.Fields)
		}
		f := r.Fields
		line := when + " " + f["action"] + f["source"] + " " + strings.ReplaceAll(f["command"]+f["query"]+f["text"]+f["path"], "\n", "|")
		for _, name := range []string{"register", "mark", "position"} {
			if f[name] != "" {
				line += " " + name + "=" + f[name]
			}
		}
		got = append(got, line)
		if e := r.Evidence; e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(text)) {
			t.Errorf("evidence %+v of %d bytes", e, len(text))
		}
	}
	return got, all
}

func check(t *testing.T, name string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: missing %q", name, want[i])
		case i >= len(want):
			t.Errorf("%s: too many: %q", name, got[i])
		case got[i] != want[i]:
			t.Errorf("%s, %d:\ngot  %q\nwant %q", name, i, got[i], want[i])
		}
	}
}

// TestReal reads what the programs wrote: Vim 9.0, Neovim 0.7, less 590, nano 7.2.
func TestReal(t *testing.T) {
	for _, tt := range []struct {
		file, path string
		want       []string
	}{
		{"viminfo", "/home/u/.viminfo", []string{
			"- substitute LINE", "18:07:48 register LINE 19 foo bar register=0", "18:07:48 register LINE  register=q",
			"18:07:47 mark /home/u/f.txt mark=B position=20:0", "18:07:50 mark /etc/hosts mark=0 position=1:0",
			"18:07:50 jump /etc/hosts position=1:0", "18:07:50 jump /home/u/zd/.zshrc position=1:0", "18:07:48 jump /home/u/f.txt position=20:0", "18:07:47 jump /home/u/f.txt position=300:13", "18:07:47 jump /home/u/f.txt position=1:7",
			"18:07:48 marks /home/u/f.txt position=20:0", "18:07:50 marks /home/u/zd/.zshrc position=1:0", "18:07:50 marks /etc/hosts position=1:0",
			"18:07:46 command :set nu", "18:07:46 command :!echo hello", "18:07:48 command :s/line/LINE/", "18:07:48 command :e! /home/u/zd/.zshrc", "18:07:49 command :echo input('Say: ')",
			"18:07:50 command :e! /etc/hosts", "18:07:50 command :ä|echo 'x|y'", "18:07:50 command :let G='v'", "18:07:50 command :qa!",
			"18:07:46 search foo", "18:07:47 search bar", "18:07:48 search line",
			"18:07:49 expression 1+2", "18:07:49 input answer",
		}},
		{"main.shada", "/home/u/.local/share/nvim/shada/main.shada", []string{
			"18:07:54 mark /tmp/d/h/f.txt mark=B position=20:7", "18:07:55 mark /etc/hosts mark=0 position=1:0", "18:07:54 register line 19 foo bar register=0",
			"18:07:54 jump /tmp/d/h/f.txt position=1:7", "18:07:55 jump /tmp/d/h/f.txt position=20:7", "18:07:55 jump /tmp/d/h/zd/.zshrc position=1:0", "18:07:55 jump /etc/hosts position=1:0",
			"18:07:55 marks /etc/hosts mark=\" position=1:0", "18:07:55 marks /tmp/d/h/zd/.zshrc mark=\" position=1:0", "18:07:54 marks /tmp/d/h/f.txt mark=a position=1:7", "18:07:55 marks /tmp/d/h/f.txt mark=\" position=20:7",
			"18:07:53 command :set nu", "18:07:53 command :!echo hello", "18:07:55 command :e! /tmp/d/h/zd/.zshrc", "18:07:55 command :e! /etc/hosts", "18:07:55 command :qa!", "18:07:53 search foo",
		}},
		{"lesshst", "/root/.lesshst", []string{
			"- search foo", "- search bar x", "- search ä", "- search foo", "- search bar x", "- search ä", "- shell echo hi",
			"- mark /home/u/f.txt mark=a position=0", "- mark /home/u/f.txt mark=b position=790", "- mark /home/u/f.txt mark=c position=790", "- mark /home/u/f.txt mark=' position=790",
		}},
		{"search_history", "/root/.local/share/nano/search_history", []string{"- search bar", "- search foo", "- search äb c", "- substitute baz"}},
		{"filepos_history", "/root/.local/share/nano/filepos_history", []string{"- position /tmp/d/h/f.txt position=14:9"}},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		got, all := show(t, tt.path, string(data))
		check(t, tt.file, got, tt.want)
		for _, r := range all {
			if r.Fields["account"] == "" || r.Fields["program"] == "" {
				t.Errorf("%s: %v", tt.file, r.Fields)
			}
			e := r.Evidence
			word, _, _ := strings.Cut(strings.TrimPrefix(r.Fields["command"]+r.Fields["query"]+inFile(r), ":"), "\n") // without what is escaped
			if !strings.Contains(string(data[e.Offset:e.Offset+e.Length]), word) {
				t.Errorf("%s: %q is not at %+v", tt.file, word, e)
			}
		}
	}
}

// inFile is the part of a path that stands in the file.
func inFile(r timeline.Record) string {
	if r.Fields["path"] == "" {
		return ""
	}
	return filepath.Base(r.Fields["path"])
}

func TestViminfo(t *testing.T) {
	long := strings.Repeat("long ", 3000)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"an old one", "# This viminfo file was generated by Vim 7.4.\n*encoding=utf-8\n\n:wq\n:e /etc/shadow\n?/root:\n%~/x\t3\t4\n%/y\n", []string{"- buffer /x position=3:4", "- buffer /y", "- command :e /etc/shadow", "- command :wq", "- search root:"}},
		{"lines that go on", "# viminfo\n:\x1615003\n<" + long + "\n|2,0,1700000001,,>15003\n|<\"" + long[:7000] + "\n|<" + long[7000:] + "\"\n:q\n", []string{"- command :q", "22:13:21 command :" + long}},
		{"bars alone", "# viminfo\n|1,4\n|2,0,1700000001,,\"a\\n\\\"b\\\\\"\n|2,1,1700000002,47,\"x,y\"\n|4,65,7,3,1700000003,\"/z\"\n|3,0,10,1,2,0,1700000004,\"l1\",\"l2\"\n|9,unknown\n",
			[]string{"22:13:23 mark /z mark=A position=7:3", "22:13:24 register l1|l2 register=a", "22:13:21 command :a|\"b\\", "22:13:22 search x,y"}},
		{"a register with secrets", "# viminfo\n\"\"0\tLINE\t0\n\troot:$6$saltsalt$abcdefghijklmnop/:19000:\n\t-----BEGIN OPENSSH PRIVATE KEY-----\n\tabc\n", []string{"- register root:(masked):19000:|(masked) register=0"}},
		{"another file", "hello\nworld\n", []string{"error"}},
		{"broken bars", "# viminfo\n|2,0,1,,\"never ends\n|4\n|\n|,\n|2,9,1,,\"x\"\n'\n'A\n> \n\tx\n:ok\n", []string{"- command :ok"}},
	} {
		got, _ := show(t, "/.viminfo", tt.text)
		check(t, tt.name, got, tt.want)
	}
}

func TestShadaDamage(t *testing.T) {
	data, err := os.ReadFile("testdata/main.shada")
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := show(t, "/x/shada/main.shada", string(data))
	for at := 0; at < len(data); at += 7 {
		bad := append([]byte(nil), data...)
		bad[at] ^= 0xff
		got, _ := show(t, "/x/shada/main.shada", string(bad))
		if len(got) < len(whole)-2 {
			t.Errorf("byte %d wrong: %d of %d records", at, len(got), len(whole))
		}
	}
	got, _ := show(t, "/x/shada/a", strings.Repeat("no shada ", 1000))
	check(t, "another file", got, []string{"error"})
}

func TestPagers(t *testing.T) {
	got, _ := show(t, "/root/.lesshst", ".less-history-file:\n.search\n\"a\n.mark\nm a 1 5 /a b\nm x\n")
	check(t, "less", got, []string{"- search a", "- mark /a b mark=a position=5", "error"})
	got, _ = show(t, "/root/.lesshst", "x\ny\n")
	check(t, "no less", got, []string{"error"})
	got, _ = show(t, "/root/.local/share/nano/search_history", "a\x00b\n\n\nls -l\n\nrest\n")
	check(t, "nano", got, []string{"- search a|b", "- shell ls -l", "error"})
	got, _ = show(t, "/root/.local/share/nano/filepos_history", "/a b 3 4\nx\n/c d\n")
	check(t, "positions", got, []string{"- position /a b position=3:4", "error", "error"})
}

func TestAccounts(t *testing.T) {
	for p, want := range map[string]string{"/root/.vim/viminfo": "/root", "/home/u/.viminfo": "/home/u", "/home/u/.local/state/lesshst": "/home/u", "/srv/x/.local/share/nvim/shada/main.shada": "/srv/x"} {
		if got := homeOf(p); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
}

func FuzzEditors(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) < 5 {
		f.Fatal("no testdata", err)
	}
	paths := []string{"/root/.viminfo", "/root/.lesshst", "/root/.local/state/nvim/shada/main.shada", "/root/.nano/search_history", "/root/.nano/filepos_history"}
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			for i := range paths {
				f.Add(string(data), i)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		for r, err := range run(context.Background(), source(paths[uint(n)%uint(len(paths))], text)) {
			var d *timeline.DamageError
			if err != nil {
				if !errors.As(err, &d) {
					t.Fatal(err)
				}
				continue
			}
			if e := r.Evidence; e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(text)) {
				t.Fatalf("record %+v of %q", r, text)
			}
			for _, s := range r.Stamps {
				if s.When.Before(time.Unix(1, 0)) {
					t.Fatalf("stamp %v", s)
				}
			}
		}
	})
}
