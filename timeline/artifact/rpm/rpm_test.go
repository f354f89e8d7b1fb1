package rpm

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/internal/unpack"
	"deadbox/timeline"
)

func source(name string, b []byte, modified time.Time) *timeline.Source {
	s := &timeline.Source{Path: name, Data: bytes.NewReader(b), Size: int64(len(b)), Zone: time.UTC,
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		}}
	if !modified.IsZero() {
		s.Inode = &filesystem.Inode{Times: filesystem.Times{Modified: filesystem.Time{Sec: modified.Unix(), Known: true}}}
	}
	return s
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

func show(r *timeline.Record) string {
	f := r.Fields
	when := ""
	if len(r.Stamps) > 0 {
		when = r.Stamps[0].What + " " + r.Stamps[0].When.Format("2006-01-02 15:04:05")
	}
	return strings.Join([]string{when, f["action"], f["package"], f["version"], f["arch"], f["account"], f["command"]}, "|")
}

func TestLogs(t *testing.T) {
	tests := []struct {
		name, text string
		modified   time.Time
		want       []string
		damage     int
	}{
		{"/var/log/dnf.rpm.log", "2026-11-24T10:00:00+0100 INFO --- logging initialized ---\n2026-11-24T10:00:01+0100 SUBDEBUG Installed: jq-1.6-2.el9.x86_64\n2026-11-24T10:00:02+0100 SUBDEBUG Upgrade: bash-1:5.1.8-6.el9.x86_64\n more\n", time.Time{},
			[]string{"logged 2026-11-24 09:00:00||||||", "installed 2026-11-24 09:00:01|install|jq|1.6-2.el9|x86_64||", "upgraded 2026-11-24 09:00:02|upgrade|bash|1:5.1.8-6.el9|x86_64||"}, 0},
		{"/var/log/yum.log", "Nov 30 10:00:00 Installed: jq-1.6-2.el7.x86_64\nDec 31 23:59:59 Updated: 32:bind-libs-9.11.4-9.el7.x86_64\nJan 02 10:00:00 Erased: nano-2.3.1-10.el7.x86_64\nnothing\n", time.Date(2020, 1, 2, 10, 0, 0, 0, time.UTC),
			[]string{"installed 2019-11-30 10:00:00|install|jq|1.6-2.el7|x86_64||", "upgraded 2019-12-31 23:59:59|upgrade|bind-libs|32:9.11.4-9.el7|x86_64||", "removed 2020-01-02 10:00:00|remove|nano|2.3.1-10.el7|x86_64||"}, 1},
		{"/var/log/yum.log", "Nov 30 10:00:00 Installed: jq-1.6-2.el7.x86_64\n", time.Time{}, []string{"|install|jq|1.6-2.el7|x86_64||"}, 0},
		{"/var/log/zypp/history", "# 2026-11-24 10:00:00 jq installed ok\n2026-11-24 10:00:00|command|root@srv|'zypper' 'in' 'jq'|\n2026-11-24 10:00:01|install|jq|1.6-2|x86_64|root@srv|repo-oss|abc|\n2026-11-24 10:00:02|remove |nano|5.2-1|x86_64|root@srv|\nx\n", time.Time{},
			[]string{"started 2026-11-24 10:00:00|run||||root|zypper in jq", "installed 2026-11-24 10:00:01|install|jq|1.6-2|x86_64|root|", "removed 2026-11-24 10:00:02|remove|nano|5.2-1|x86_64|root|"}, 1},
	}
	for _, tt := range tests {
		got, damage := records(&Log, source(tt.name, []byte(tt.text), tt.modified))
		var lines []string
		for i := range got {
			lines = append(lines, show(&got[i]))
		}
		if !slices.Equal(lines, tt.want) || len(damage) != tt.damage {
			t.Errorf("%s:\ngot  %q\nwant %q\n%v", tt.name, lines, tt.want, damage)
		}
	}
}

func TestNevra(t *testing.T) {
	for text, want := range map[string]string{
		"jq-1.6-2.el9.x86_64": "jq|1.6-2.el9|x86_64", "32:bind-libs-lite-9.11-9.el7.x86_64": "bind-libs-lite|32:9.11-9.el7|x86_64", "gpg-pubkey-352c64e5-52ae6884": "gpg-pubkey|352c64e5-52ae6884|",
		"odd": "odd||", "a-1": "a|1|", "": "||",
	} {
		f := map[string]string{}
		setNevra(f, text)
		if got := f["package"] + "|" + f["version"] + "|" + f["arch"]; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestHistory reads a database that sqlite3 made with dnf's own tables.
func TestHistory(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("sqlite3 is not installed")
	}
	file := filepath.Join(t.TempDir(), "history.sqlite")
	cmd := exec.Command("sqlite3", file, `CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, dt_begin INTEGER NOT NULL, dt_end INTEGER, rpmdb_version_begin TEXT, rpmdb_version_end TEXT, releasever TEXT NOT NULL, user_id INTEGER NOT NULL, cmdline TEXT, state INTEGER NOT NULL, comment TEXT DEFAULT '');
		INSERT INTO trans VALUES (1, 1700000000, 1700000009, 'a', 'b', '9', 4294967295, '', 1, ''), (2, 1700000100, NULL, 'a', 'b', '9', 1000, 'install jq', 1, 'by hand');`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, damage := records(&Log, source("/var/lib/dnf/history.sqlite", b, time.Time{}))
	if len(damage) > 0 || len(got) != 2 {
		t.Fatalf("%v %v", got, damage)
	}
	if f := got[1].Fields; f["command"] != "install jq" || f["uid"] != "1000" || f["comment"] != "by hand" || got[1].Stamps[0].When.Unix() != 1700000100 {
		t.Errorf("%+v", got[1])
	}
	if _, ok := got[0].Fields["uid"]; ok || len(got[0].Stamps) != 2 {
		t.Errorf("%+v", got[0])
	}
	if ev := got[1].Evidence; !bytes.Contains(b[ev.Offset:ev.Offset+ev.Length], []byte("install jq")) {
		t.Errorf("evidence %+v", ev)
	}
}

// TestPackages counts what rpm itself lists of the samples.
func TestPackages(t *testing.T) {
	for name, want := range map[string]int{"centos6-plain-Packages.xz": 129, "centos7-plain-Packages.xz": 144, "sle15-bci-Packages.db.xz": 35, "cbl-mariner-2.0-rpmdb.sqlite.xz": 129} {
		f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "data", "pkgdb", name))
		if err != nil {
			t.Skip("the samples are not here: ", err)
		}
		defer f.Close()
		x, err := unpack.NewReader("xz", f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		got, damage := records(&Extractor, source("/var/lib/rpm/Packages", b, time.Time{}))
		if len(damage) > 0 {
			t.Errorf("%s: %v", name, damage)
		}
		if len(got) != want {
			t.Errorf("%s: %d packages, want %d", name, len(got), want)
		}
		for i := range got {
			if got[i].Fields["package"] == "" || len(got[i].Stamps) == 0 {
				t.Fatalf("%s: %+v", name, got[i])
			}
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add("/var/log/yum.log", "Nov 30 10:00:00 Installed: jq-1.6-2.el7.x86_64\n")
	f.Add("/var/log/dnf.rpm.log", "2026-11-24T10:00:01+0100 SUBDEBUG Installed: jq-1.6-2.el9.x86_64\n")
	f.Add("/var/log/zypp/history", "2026-11-24 10:00:00|command|root@srv|'zypper' 'in' 'jq'|\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range Log.Run(context.Background(), source(name, []byte(text), time.Unix(1700000000, 0))) {
			if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
