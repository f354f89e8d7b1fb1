package utmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"deadbox/timeline"
)

const testPasswd = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\n"

// withFiles gives a source that has other files beside it.
func withFiles(s *timeline.Source, files map[string][]byte) *timeline.Source {
	s.Sibling = func(name string) *timeline.Source {
		if b, ok := files[name]; ok {
			return source(name, b)
		}
		return nil
	}
	return s
}

func lastlogFile(sh *shape) []byte {
	b := make([]byte, 1002*sh.size)
	for uid, e := range map[int]login{0: {sec: t0, line: "tty1"}, 1000: {sec: t0 + 60, line: "pts/0", host: "192.0.2.9"}, 1001: {sec: t0 + 120, line: "pts/1", host: "host.example.org"}} {
		r := b[uid*sh.size:]
		if sh.wide {
			sh.order.PutUint64(r, uint64(e.sec))
		} else {
			sh.order.PutUint32(r, uint32(e.sec))
		}
		n := sh.size - 288
		copy(r[n:], e.line)
		copy(r[n+32:], e.host)
	}
	return b
}

func TestLastLog(t *testing.T) {
	for i := range lastlogs {
		sh := &lastlogs[i]
		b := lastlogFile(sh)
		list, errs := all(&LastLog, withFiles(source("/var/log/lastlog", b), map[string][]byte{"/etc/passwd": []byte(testPasswd)}))
		if len(list) != 3 || len(errs) > 0 {
			t.Fatalf("%s: %d records, %v", sh.name, len(list), errs)
		}
		for i, want := range []string{
			"account=root action=last-login source=lastlog tty=tty1 uid=0",
			"account=alice action=last-login address=192.0.2.9 remote_host=192.0.2.9 source=lastlog tty=pts/0 uid=1000",
			"account=bob action=last-login remote_host=host.example.org source=lastlog tty=pts/1 uid=1001",
		} {
			uid := int64([]int{0, 1000, 1001}[i])
			r := list[i]
			if flat(r.Fields) != want || r.Evidence.Offset != uid*int64(sh.size) || r.Evidence.Length != int64(sh.size) || r.Stamps[0].When.Unix() != t0+60*int64(i) {
				t.Errorf("%s: %+v\nwant %s", sh.name, r, want)
			}
		}
	}
}

// TestLastLogTool compares with lastlog(8), in a mount namespace with files of our own.
func TestLastLogTool(t *testing.T) {
	if _, err := exec.LookPath("lastlog"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and lastlog")
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"lastlog": lastlogFile(&lastlogs[1]), "passwd": []byte(testPasswd)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$0/lastlog" /var/log/lastlog && mount --bind "$0/passwd" /etc/passwd && lastlog`, dir)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	list, _ := all(&LastLog, withFiles(source("/var/log/lastlog", lastlogFile(&lastlogs[1])), map[string][]byte{"/etc/passwd": []byte(testPasswd)}))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")[1:]
	if len(lines) != len(list) {
		t.Fatalf("%d lines for %d records: %q", len(lines), len(list), lines)
	}
	for i, r := range list {
		want := strings.Join(strings.Fields(lines[i]), " ")
		parts := []string{r.Fields["account"], r.Fields["tty"], r.Fields["remote_host"], r.Stamps[0].When.Format("Mon Jan _2 15:04:05 -0700 2006")}
		if got := strings.Join(strings.Fields(strings.Join(parts, " ")), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func faillogFile(sh *shape) []byte {
	b := make([]byte, 1001*sh.size)
	r := b[1000*sh.size:]
	sh.order.PutUint16(r, 5)
	sh.order.PutUint16(r[2:], 10)
	copy(r[4:], "pts/3")
	if sh.wide {
		sh.order.PutUint64(r[16:], t0)
		sh.order.PutUint64(r[24:], 600)
	} else {
		sh.order.PutUint32(r[16:], t0)
		sh.order.PutUint32(r[20:], 600)
	}
	return b
}

func tallies(rows ...string) (b []byte) {
	for i, r := range rows {
		e := make([]byte, 64)
		if r != "" {
			copy(e, r)
			binary.LittleEndian.PutUint16(e[54:], uint16(i+1))
			binary.LittleEndian.PutUint64(e[56:], uint64(t0+i))
		}
		b = append(b, e...)
	}
	return b
}

func TestFailures(t *testing.T) {
	files := map[string][]byte{"/etc/passwd": []byte(testPasswd)}
	for i := range faillogs {
		sh := &faillogs[i]
		list, errs := all(&Failures, withFiles(source("/var/log/faillog", faillogFile(sh)), files))
		if len(list) != 1 || len(errs) > 0 || flat(list[0].Fields) != "account=alice action=failures count=5 locked=600 maximum=10 outcome=failure source=faillog tty=pts/3 uid=1000" ||
			list[0].Stamps[0].When.Unix() != t0 || list[0].Evidence.Offset != 1000*int64(sh.size) {
			t.Errorf("%s: %+v, %v", sh.name, list, errs)
		}
	}
	list, errs := all(&Failures, withFiles(source("/var/log/tallylog", tallies("198.51.100.2", "", "tty2")), files))
	if len(list) != 2 || len(errs) > 0 || flat(list[0].Fields) != "account=root action=failures address=198.51.100.2 count=1 outcome=failure remote_host=198.51.100.2 source=tallylog uid=0" ||
		flat(list[1].Fields) != "action=failures count=3 outcome=failure source=tallylog tty=tty2 uid=2" {
		t.Errorf("tallylog: %+v, %v", list, errs)
	}
	list, errs = all(&Failures, source("/run/faillock/alice", tallies("cron", "198.51.100.2", "host.example.org", "tty3", "tty4")))
	want := []string{
		"account=alice action=failed count=1 outcome=failure program=cron source=faillock state=counted",
		"account=alice action=failed address=198.51.100.2 count=1 outcome=failure remote_host=198.51.100.2 source=faillock state=not counted",
		"account=alice action=failed count=1 outcome=failure remote_host=host.example.org source=faillock state=counted",
		"account=alice action=failed count=1 outcome=failure source=faillock state=not counted tty=tty3",
		"account=alice action=failed count=1 outcome=failure source=faillock state=counted tty=tty4",
	}
	if len(list) != len(want) || len(errs) > 0 {
		t.Fatalf("faillock: %+v, %v", list, errs)
	}
	for i := range want {
		if got := flat(list[i].Fields); got != want[i] {
			t.Errorf("faillock %d: %s, want %s", i, got, want[i])
		}
	}
}

// database makes one by the sqlite3 program.
func database(t *testing.T, sql string) (db, wal []byte) {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("sqlite3 is not installed")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "x.db")
	cmd := exec.Command("sqlite3", name)
	cmd.Stdin = strings.NewReader(sql + fmt.Sprintf("\n.shell cp %[1]s %[1]s.copy; cp %[1]s-wal %[1]s.copy-wal 2>/dev/null || true\n", name))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	db, err := os.ReadFile(name + ".copy")
	if err != nil {
		t.Fatal(err)
	}
	wal, _ = os.ReadFile(name + ".copy-wal")
	return db, wal
}

func TestWtmpDB(t *testing.T) {
	db, wal := database(t, `CREATE TABLE IF NOT EXISTS wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;
INSERT INTO wtmp (Type,User,Login,Logout,TTY,RemoteHost,Service) VALUES (1,'reboot',1700000000123456,1700003600000000,'~','6.12.0',NULL),
 (3,'alice',1700000010000001,1700000100000000,'pts/0','192.0.2.1','sshd'), (3,'bob',1700000020000000,NULL,'tty1',NULL,'login');
PRAGMA journal_mode=WAL;
INSERT INTO wtmp (Type,User,Login,TTY,RemoteHost,Service) VALUES (3,'mallory',1700000030000000,'pts/1','host.example.org','sshd');`)
	if len(wal) == 0 {
		t.Fatal("no write-ahead log")
	}
	s := withFiles(source("/var/lib/wtmpdb/wtmp.db", db), map[string][]byte{"/var/lib/wtmpdb/wtmp.db-wal": wal})
	list, errs := all(&WtmpDB, s)
	want := []string{
		"action=boot duration=3600 id=1 kernel=6.12.0 name=reboot source=wtmpdb tty=~ type=1 until=2023-11-14T23:13:20Z",
		"account=alice action=login address=192.0.2.1 duration=90 ended=logout id=2 program=sshd remote_host=192.0.2.1 source=wtmpdb tty=pts/0 type=3 until=2023-11-14T22:15:00Z",
		"account=bob action=login ended=open id=3 program=login source=wtmpdb tty=tty1 type=3",
		"account=mallory action=login ended=open id=4 program=sshd remote_host=host.example.org source=wtmpdb tty=pts/1 type=3",
	}
	if len(list) != len(want) || len(errs) > 0 {
		t.Fatalf("%+v, %v", list, errs)
	}
	for i := range want {
		r := list[i]
		if got := flat(r.Fields); got != want[i] {
			t.Errorf("%s, want %s", got, want[i])
		}
		b := db
		if strings.HasSuffix(r.Evidence.Path, "-wal") {
			b = wal
		}
		name := r.Fields["account"] + r.Fields["name"]
		if ev := b[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]; !bytes.Contains(ev, []byte(name)) {
			t.Errorf("the evidence of %s is %q", name, ev)
		}
	}
	if list[0].Stamps[0].When.UnixMicro() != 1700000000123456 || list[1].Stamps[1].What != "logout" {
		t.Errorf("%v, %v", list[0].Stamps, list[1].Stamps)
	}
	if s := Sessions(list); len(s) != 3 || s[0].Ended != "logout" || s[1].Ended != "open" || !s[1].Until.IsZero() {
		t.Errorf("%+v", s)
	}
	if list, errs := all(&Extractor, source("/var/log/wtmp.db", db)); len(list) != 3 || len(errs) != 0 {
		t.Errorf("as wtmp: %v, %v", list, errs)
	}
	if list, errs := all(&WtmpDB, source("/var/lib/wtmpdb/wtmp.db", []byte("no database"))); len(list) != 0 || len(errs) != 1 {
		t.Errorf("%v, %v", list, errs)
	}
}

func TestLastLog2(t *testing.T) {
	db, _ := database(t, `CREATE TABLE IF NOT EXISTS Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT);
REPLACE INTO Lastlog2 VALUES('root',1700000000,'tty1','','login'); REPLACE INTO Lastlog2 VALUES('alice',1700000001,'pts/0','2001:db8::1','sshd');`)
	list, errs := all(&LastLog2, source("/var/lib/lastlog/lastlog2.db", db))
	if len(list) != 2 || len(errs) > 0 || flat(list[0].Fields) != "account=root action=last-login program=login source=lastlog2 tty=tty1" ||
		flat(list[1].Fields) != "account=alice action=last-login address=2001:db8::1 program=sshd remote_host=2001:db8::1 source=lastlog2 tty=pts/0" || list[1].Stamps[0].When.Unix() != t0+1 {
		t.Errorf("%+v, %v", list, errs)
	}
}

func FuzzByUID(f *testing.F) {
	for i := range lastlogs {
		f.Add(lastlogFile(&lastlogs[i])[:3*lastlogs[i].size])
	}
	f.Add(tallies("a", "", "b"))
	f.Add(faillogFile(&faillogs[0])[990*32:])
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, e := range map[string]*timeline.Extractor{"/var/log/lastlog": &LastLog, "/var/log/faillog": &Failures, "/var/log/tallylog": &Failures, "/run/faillock/x": &Failures} {
			for r, err := range e.Run(context.Background(), source(name, b)) {
				if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(b)) || r.Summary == "") {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
