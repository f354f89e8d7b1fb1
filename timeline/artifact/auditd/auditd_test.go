package auditd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/timeline"
)

const shared = "../../../../shared/data/"

func source(name, text string) *timeline.Source {
	return &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
	}
}

func extract(text string) (records []timeline.Record, errs []error) {
	for r, err := range run(context.Background(), source("/var/log/audit/audit.log", text)) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		records = append(records, r)
	}
	return records, errs
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(shared + name)
	if err != nil {
		t.Skipf("the shared data are not here: %v", err)
	}
	return string(b)
}

func show(f map[string]string, names ...string) string {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(f))
	}
	var parts []string
	for _, k := range names {
		if f[k] != "" {
			parts = append(parts, k+"="+f[k])
		}
	}
	return strings.Join(parts, " ")
}

// golden is what go-libaudit's auparse says of a line.
type golden struct {
	Time     string            `json:"@timestamp"`
	Type     string            `json:"record_type"`
	Sequence int               `json:"sequence"`
	Raw      string            `json:"raw_msg"`
	Data     map[string]string `json:"data"`
	Error    string            `json:"error"`
}

// asGolden are the fields of a record that say what a field of auparse's does.
var asGolden = map[string]string{
	"auid": "auid", "uid": "uid", "gid": "gid", "euid": "euid", "pid": "pid", "ppid": "ppid", "comm": "program", "exe": "exe", "ses": "session", "tty": "tty", "terminal": "tty",
	"addr": "address", "hostname": "remote_host", "cwd": "cwd", "arch": "arch", "syscall": "syscall", "exit": "exit", "result": "outcome", "acct": "account", "cmd": "command",
	"proctitle": "proctitle", "unit": "unit", "op": "op", "name": "path",
}

// TestGolden compares with the golden files of go-libaudit's auparse, a line
// at a time: each field that both know.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob(shared + "logs/go-libaudit/auparse/testdata/*.golden")
	if len(files) == 0 {
		t.Skip("the shared data are not here")
	}
	lines, compared := 0, 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []golden
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if w.Type == "eoe" || w.Raw == "" {
				continue
			}
			lines++
			got, errs := extract("type=" + strings.ToUpper(w.Type) + " msg=" + w.Raw + "\n")
			if len(errs) > 0 || len(got) != 1 {
				t.Errorf("%s: %d records, %v: %s", filepath.Base(file), len(got), errs, w.Raw)
				continue
			}
			r := got[0]
			if when := r.Stamps[0].When.Format("2006-01-02T15:04:05.999Z07:00"); when != w.Time || r.Fields["serial"] != fmt.Sprint(w.Sequence) {
				t.Errorf("%s: %s %s, want %s %d", w.Raw, when, r.Fields["serial"], w.Time, w.Sequence)
			}
			for theirs, ours := range asGolden {
				value, ok := w.Data[theirs]
				switch {
				case !ok, value == "unset", value == "(none)", value == "?":
					continue // a record leaves out what says nothing
				case theirs == "auid" && r.Fields["auid"] == "", theirs == "name" && w.Type != "path":
					continue
				case theirs == "result" && value == "fail":
					value = "failure"
				case theirs == "acct" && strings.HasSuffix(w.Type, "_group"):
					ours = "group" // the group is what was added
				case theirs == "tty" && w.Data["terminal"] != "":
					continue // one of the two is kept
				case theirs == "uid" && value == "4294967295":
					continue
				case theirs == "proctitle":
					// A title is written with its arguments quoted as a shell wants them.
					if strings.ReplaceAll(r.Fields["proctitle"], "'", "") == strings.ReplaceAll(value, "'", "") {
						compared++
						continue
					}
				}
				compared++
				if r.Fields[ours] != value {
					t.Errorf("%s: %s=%q, auparse says %q: %s", filepath.Base(file), ours, r.Fields[ours], value, w.Raw)
				}
			}
			if w.Type == "sockaddr" && w.Data["addr"] != "" && (r.Fields["address"] != w.Data["addr"] || r.Fields["port"] != w.Data["port"]) {
				t.Errorf("%s:%s, auparse says %v", r.Fields["address"], r.Fields["port"], w.Data)
			}
			if argc := w.Data["argc"]; argc != "" {
				var args []string
				for i := 0; w.Data[fmt.Sprintf("a%d", i)] != ""; i++ {
					args = append(args, w.Data[fmt.Sprintf("a%d", i)])
				}
				if got := r.Fields["command"]; got != commandLine(args) {
					t.Errorf("command %q, auparse says %q", got, args)
				}
			}
		}
	}
	if lines < 80 || compared < 450 {
		t.Errorf("%d lines and %d values were compared: fewer than there are", lines, compared)
	}
	t.Logf("%d lines, %d values", lines, compared)
}

// TestCoalesced compares whole events with the golden files of go-libaudit's aucoalesce.
func TestCoalesced(t *testing.T) {
	files, _ := filepath.Glob(shared + "logs/go-libaudit/aucoalesce/testdata/*.yaml")
	if len(files) == 0 {
		t.Skip("the shared data are not here")
	}
	n := 0
	for _, file := range files {
		b, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".json.golden")
		if err != nil {
			t.Fatal(err)
		}
		var want []struct {
			Name  string `json:"test_name"`
			Event struct {
				Time     string `json:"@timestamp"`
				Sequence int
				Result   string
				Session  string
				User     struct{ IDs map[string]string }
				Process  struct {
					PID, PPID, Title, Name, Exe, CWD string
					Args                             []string
				}
				Source, Dest struct{ IP, Hostname, Port string }
				Data         map[string]string
				File         struct{ Path string }
			}
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		tests := yamlTests(t, file)
		for _, w := range want {
			text := tests[w.Name]
			got, errs := extract(text)
			if len(got) != 1 || len(errs) > 0 {
				t.Errorf("%s: %d records, %v:\n%s", w.Name, len(got), errs, text)
				continue
			}
			n++
			f := got[0].Fields
			check := func(name, value string) {
				if value != "" && value != "unset" && f[name] != value {
					t.Errorf("%s: %s: %s=%q, aucoalesce says %q", filepath.Base(file), w.Name, name, f[name], value)
				}
			}
			if when := got[0].Stamps[0].When.Format("2006-01-02T15:04:05.999Z07:00"); when != w.Event.Time || f["serial"] != fmt.Sprint(w.Event.Sequence) {
				t.Errorf("%s: %s", w.Name, when)
			}
			switch w.Event.Result {
			case "success":
				check("outcome", "success")
			case "fail":
				check("outcome", "failure")
			}
			check("session", w.Event.Session)
			check("pid", w.Event.Process.PID)
			check("ppid", w.Event.Process.PPID)
			check("program", w.Event.Process.Name)
			check("exe", w.Event.Process.Exe)
			check("cwd", w.Event.Process.CWD)
			if w.Name != "make-device" { // aucoalesce takes the first path, there the directory; the record has the device
				check("path", w.Event.File.Path)
			}
			for _, id := range []string{"uid", "auid", "gid", "euid"} {
				check(id, w.Event.User.IDs[id])
			}
			check("syscall", w.Event.Data["syscall"])
			check("arch", w.Event.Data["arch"])
			check("op", w.Event.Data["op"])
			check("address", firstOf(w.Event.Source.IP, w.Event.Dest.IP))
			if len(w.Event.Process.Args) > 0 {
				check("command", commandLine(w.Event.Process.Args))
			}
			if acct := w.Event.Data["acct"]; acct != "" && !strings.Contains(w.Name, "GROUP") {
				check("account", acct)
			}
		}
	}
	if n < 30 {
		t.Errorf("%d events were compared, want more", n)
	}
}

// yamlTests reads the "name: |" blocks of a file.
func yamlTests(t *testing.T, file string) map[string]string {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	name := ""
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if rest, ok := strings.CutPrefix(sc.Text(), "    "); ok {
			out[name] += rest + "\n"
		} else if key, ok := strings.CutSuffix(strings.TrimRight(strings.TrimSpace(sc.Text()), "|>"), ": "); ok {
			name = strings.Trim(key, `"'`)
		}
	}
	return out
}

// TestEvents says what becomes of the lines of each kind.
func TestEvents(t *testing.T) {
	const head = " msg=audit(1493129355.852:624): "
	tests := []struct{ name, text, fields, want string }{
		{"command in pieces", "type=SYSCALL" + head + "arch=c000003e syscall=59 success=yes exit=0 uid=0 comm=\"sh\"\n" +
			"type=EXECVE" + head + "argc=4 a0=\"sh\" a1=\"-c\" a2_len=12 a2[0]=6563686F2061\n" +
			"type=EXECVE" + head + "a2[1]=\"b;id \" a3=E282AC0A\n", "action command incomplete", "action=executed command=sh -c 'echo ab;id ' '€\n'"},
		{"argument missing", "type=EXECVE" + head + "argc=3 a0=\"ls\" a2=\"x\"\n", "command incomplete", "command=ls x incomplete=1 arguments of the command are not in the log"},
		{"argc that is a lie", "type=EXECVE" + head + "argc=4294967295 a0=\"ls\" a99999999=\"x\"\n", "command", "command=ls"},
		{"title in place of arguments", "type=SYSCALL" + head + "arch=c00000b7 syscall=221 success=yes exit=0\ntype=PROCTITLE" + head + "proctitle=6C73002D6C002F61206200\n", "action arch command syscall", "action=executed arch=aarch64 command=ls -l '/a b' syscall=execve"},
		{"enriched", "type=SYSCALL" + head + "arch=c000003e syscall=257 success=no exit=-13 auid=1000 uid=33 tty=pts0 ses=4 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"shadow\"\x1dARCH=x86_64 SYSCALL=openat AUID=\"alice\" UID=\"www-data\"\n" +
			"type=CWD" + head + "cwd=\"/\"\ntype=PATH" + head + "item=0 name=\"/etc/shadow\" nametype=NORMAL\x1dOUID=\"root\"\n",
			"action account login_account uid auid cwd path exit key outcome session tty", "action=openat account=www-data login_account=alice uid=33 auid=1000 cwd=/ path=/etc/shadow exit=EACCES key=shadow outcome=failure session=4 tty=pts0"},
		{"two keys", "type=SYSCALL" + head + "arch=40000003 syscall=11 key=657865630172326B\n", "action key syscall", "action=executed key=exec,r2k syscall=execve"},
		{"failed login", "node=web01 type=USER_LOGIN" + head + "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.7 terminal=sshd res=failed'\x1dUID=\"root\" AUID=\"unset\"\n",
			"action account address by host outcome tty auid session", "action=login account=(invalid user) address=192.0.2.7 by=root host=web01 outcome=failure tty=sshd"},
		{"login of old", "type=USER_LOGIN" + head + "user pid=2 uid=0 auid=500 msg='acct=\"root\": exe=\"/usr/sbin/sshd\" (hostname=host.example.org, addr=192.0.2.1, terminal=sshd res=failed)'\n",
			"account address remote_host tty outcome auid", "account=root address=192.0.2.1 remote_host=host.example.org tty=sshd outcome=failure auid=500"},
		{"sudo", "type=USER_CMD" + head + "pid=9 uid=1000 auid=1000 ses=1 msg='cwd=\"/home/a\" cmd=\"su\" exe=\"/usr/bin/sudo\" terminal=pts/0 res=success'\n", "action command cwd tty uid", "action=sudo command=su cwd=/home/a tty=pts/0 uid=1000"},
		{"IPv6", "type=SYSCALL" + head + "arch=c000003e syscall=42 success=yes\ntype=SOCKADDR" + head + "saddr=0A0001BB0000000020010DB8000000000000000000000001\n", "action address port", "action=connect address=2001:db8::1 port=443"},
		{"unix", "type=SOCKADDR" + head + "saddr=01002F72756E2F7800\n", "path address", "path=/run/x"},
		{"file removed", "type=SYSCALL" + head + "arch=c000003e syscall=87 success=yes exit=0\ntype=PATH" + head + "item=0 name=\"/tmp/\" nametype=PARENT\ntype=PATH" + head + "item=1 name=2F746D702F6120622063 nametype=DELETE\n", "action path", "action=unlink path=/tmp/a b c"},
		{"SELinux", "type=AVC" + head + "avc:  denied  { read write } for  pid=7 comm=\"httpd\" name=\"x\" dev=\"sda1\" ino=1 scontext=a:b:c tcontext=d:e:f tclass=file permissive=0\n", "action denied program path class pid", "action=avc denied=read write program=httpd path=x class=file pid=7"},
		{"module", "type=SYSCALL" + head + "arch=c000003e syscall=313 success=yes exit=0 comm=\"insmod\"\ntype=KERN_MODULE" + head + "name=\"rk\"\n", "action name program", "action=module-loaded name=rk program=insmod"},
		{"a number of an unknown machine", "type=SYSCALL" + head + "arch=deadbeef syscall=3 success=yes\n", "action syscall", "action=syscall-3 syscall=3"},
		{"cut short", "type=SYSCALL" + head + "arch=c000003e syscall=59 success=yes exit=0 comm=\"ls", "action program", "action=executed program=ls"},
		{"service", "type=SERVICE_START" + head + "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron comm=\"systemd\" exe=\"/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'\n", "action unit outcome", "action=service-started unit=cron outcome=success"},
		{"pid that looks like hexadecimal", "type=USER_ACCT" + head + "pid=4142 uid=0 msg='op=PAM:accounting acct=\"root\" exe=\"/usr/sbin/cron\" terminal=cron res=success'\n", "pid account", "pid=4142 account=root"},
	}
	for _, tt := range tests {
		got, errs := extract(tt.text)
		if len(got) != 1 || len(errs) != 0 {
			t.Errorf("%s: %d records, %v", tt.name, len(got), errs)
			continue
		}
		if s := show(got[0].Fields, strings.Fields(tt.fields)...); s != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, s, tt.want)
		}
	}
}

// TestMixed has the lines of two events mixed: each is joined, and its evidence
// is the line that says most; of lines that follow each other it is all.
func TestMixed(t *testing.T) {
	a := func(s string) string {
		return "type=" + s[:strings.Index(s, " ")] + " msg=audit(1.001:7): " + s[strings.Index(s, " ")+1:] + "\n"
	}
	b := func(s string) string { return strings.Replace(a(s), "(1.001:7)", "(1.001:8)", 1) }
	text := a(`SYSCALL arch=c000003e syscall=59 pid=1`) + b(`SYSCALL arch=c000003e syscall=59 pid=2`) + a(`EXECVE argc=1 a0="one"`) + b(`EXECVE argc=1 a0="two"`) + "type=EOE msg=audit(1.001:8): \n" +
		b(`PROCTITLE proctitle="late"`) + "type=EOE msg=audit(1.001:7): \n" +
		"type=EOE msg=audit(1.001:6): \n" + strings.ReplaceAll(a(`SYSCALL arch=c000003e syscall=59 pid=3`)+a(`EXECVE argc=1 a0="three"`), ":7)", ":9)")
	got, errs := extract(text)
	if len(errs) > 0 || len(got) != 3 {
		t.Fatalf("%d records, %v", len(got), errs)
	}
	for i, want := range []string{"one", "two", "three"} {
		r := got[i]
		said := text[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]
		if r.Fields["command"] != want || r.Fields["pid"] != fmt.Sprint(i+1) || !strings.Contains(said, want) {
			t.Errorf("%s: the evidence is %q", show(r.Fields, "command", "pid"), said)
		}
		if whole := strings.Contains(said, "\n"); whole != (i == 2) {
			t.Errorf("%s: the evidence is %q", want, said)
		}
	}
}

func TestOutOfOrder(t *testing.T) {
	var all [][]string
	for _, name := range []string{"normal", "out_of_order"} {
		got, errs := extract(read(t, "logs/go-libaudit/testdata/"+name+".log"))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		var list []string
		for _, r := range got {
			list = append(list, show(r.Fields, "serial", "action", "command", "address", "paths", "cwd"))
		}
		slices.Sort(list)
		all = append(all, list)
	}
	if !slices.Equal(all[0], all[1]) {
		t.Errorf("lines that are out of order make other events:\n%s\n\n%s", strings.Join(all[0], "\n"), strings.Join(all[1], "\n"))
	}
}

// TestDamaged loses no more than the bad part of a log.
func TestDamaged(t *testing.T) {
	good := func(n int) string {
		return fmt.Sprintf("type=USER_ACCT msg=audit(1493219821.115:%d): pid=1 uid=0 msg='op=PAM:accounting acct=\"root\" res=success'\n", n)
	}
	text := good(1) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + good(2) + "type=SYSCALL msg=audit(149321" + "\n" + good(3) +
		"type=EXECVE msg=audit(1493219821.115:4): argc=1 a0=\"" + strings.Repeat("A", 2<<20) + "\"\n" + good(5) + strings.Repeat("\x89\xff\x01 no log\n", 200) + good(6) + "type=USER_ACCT msg=audit(1493219821.115:7): pid=1 uid=0 msg='op=PAM"
	got, errs := extract(text)
	var serials []string
	for _, r := range got {
		serials = append(serials, r.Fields["serial"])
	}
	if want := "1 2 3 4 5 6 7"; strings.Join(serials, " ") != want {
		t.Errorf("events %s, want %s", serials, want)
	}
	if len(errs) < 4 || len(errs) > maxOdd+4 {
		t.Errorf("%d errors", len(errs))
	}
	if last := errs[len(errs)-1].Error(); !strings.Contains(last, "151 more lines") {
		t.Errorf("the last error is %q", last)
	}
}

// TestAusearch compares with ausearch -i: the same events, with the same command lines.
func TestAusearch(t *testing.T) {
	if _, err := exec.LookPath("ausearch"); err != nil {
		t.Skip("ausearch (Debian: auditd) is not installed")
	}
	compared := 0
	for _, name := range []string{"logs/go-libaudit/testdata/normal.log", "logs/go-libaudit/auparse/testdata/test2.log", "attacks/crowdsec/auditd-base64-exec/auditd-base64-exec.log",
		"attacks/crowdsec/auditd-logs/auditd-logs.log", "attacks/crowdsec/auditd-postexploit-rm/auditd-postexploit-rm.log", "attacks/crowdsec/auditd-suid-crash/auditd-suid-crash.log",
		"attacks/crowdsec/auditd-postexploit-exec-from-net/auditd-postexploit-exec-from-net.log"} {
		text := read(t, name)
		file := filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("ausearch", "-i", "-if", file)
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ausearch: %v", err)
		}
		got, _ := extract(text)
		bySerial := map[string]map[string]string{}
		for _, r := range got {
			bySerial[r.Fields["serial"]] = r.Fields
		}
		for _, l := range strings.Split(string(out), "\n") {
			kind, rest, ok := strings.Cut(strings.TrimPrefix(l, "type="), " msg=audit(")
			stamp, body, ok2 := strings.Cut(rest, ") : ")
			if !ok || !ok2 {
				continue
			}
			serial := stamp[strings.LastIndexByte(stamp, ':')+1:]
			f := bySerial[serial]
			if f == nil {
				t.Errorf("%s: ausearch has an event %s that is not among the records: %s", name, serial, l)
				continue
			}
			value := func(key string) string {
				for _, w := range strings.Fields(body) {
					if v, ok := strings.CutPrefix(w, key+"="); ok {
						return v
					}
				}
				return ""
			}
			same := func(ours, theirs string) {
				if theirs != "" && theirs != "unset" && theirs != "(none)" && theirs != "?" && f[ours] != theirs {
					t.Errorf("%s: event %s: %s=%q, ausearch says %q", name, serial, ours, f[ours], theirs)
				}
				compared++
			}
			switch kind {
			case "SYSCALL":
				same("syscall", value("syscall"))
				same("arch", value("arch"))
				same("pid", value("pid"))
				same("ppid", value("ppid"))
				same("session", value("ses"))
				same("program", value("comm"))
			case "EXECVE":
				var args []string
				for i, n := 0, value("argc"); fmt.Sprint(i) != n && i < 1000; i++ {
					_, arg, ok := strings.Cut(" "+body, fmt.Sprintf(" a%d=", i))
					if !ok {
						break
					}
					arg, _, _ = strings.Cut(arg, fmt.Sprintf(" a%d=", i+1))
					args = append(args, strings.TrimRight(arg, " "))
				}
				same("command", commandLine(args))
			case "CWD":
				same("cwd", value("cwd"))
			}
		}
	}
	if compared < 30 {
		t.Errorf("%d values were compared, want more", compared)
	}
}

// TestCrowdsec compares with what another parser reads from logs of auditd.
func TestCrowdsec(t *testing.T) {
	files, _ := filepath.Glob(shared + "attacks/crowdsec/auditd-*/parser.assert")
	if len(files) == 0 {
		t.Skip("the shared data are not here")
	}
	line := regexp.MustCompile(`^results\["s01-parse"\]\["crowdsecurity/auditd-logs"\]\[(\d+)\]\.Evt\.(?:Meta|Parsed|Unmarshaled\["auditd"\])\["(\w+)"\] == (".*")$`)
	names := map[string]string{"exe": "exe", "tty": "tty", "uid": "uid", "auid": "auid", "ppid": "ppid", "pid": "pid", "auditd_eventid": "serial", "event_inc_id": "serial", "euid": "euid", "gid": "gid", "ses": "session", "comm": "program", "log_type": "syscall"}
	compared := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		log, err := os.ReadFile(filepath.Join(filepath.Dir(name), filepath.Base(filepath.Dir(name))+".log"))
		if err != nil {
			t.Fatal(err)
		}
		got, errs := extract(string(log))
		if len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		for _, l := range strings.Split(string(b), "\n") {
			m := line.FindStringSubmatch(l)
			if m == nil || names[m[2]] == "" {
				continue
			}
			n, _ := strconv.Atoi(m[1])
			want, err := strconv.Unquote(m[3])
			if err != nil || n >= len(got) {
				t.Errorf("%s: %s: %d records", name, l, len(got))
				continue
			}
			compared++
			if value := got[n].Fields[names[m[2]]]; value != want {
				t.Errorf("%s: event %d: %s=%q, want %q", name, n, names[m[2]], value, want)
			}
		}
	}
	if compared < 40 {
		t.Errorf("%d values were compared, want more", compared)
	}
}

func TestNamed(t *testing.T) {
	got := named(source("/etc/audit/auditd.conf", "# x\nlocal_events = yes\nLOG_FILE = /srv/audit/a.log\nlog_file = relative\n"))
	if !slices.Contains(got, "/srv/audit/a.log") || slices.ContainsFunc(got, func(p string) bool { return !strings.HasPrefix(p, "/srv/audit/a") }) {
		t.Errorf("%q", got)
	}
}

func FuzzRun(f *testing.F) {
	f.Add("type=SYSCALL msg=audit(1.001:7): arch=c000003e syscall=59 key=\"a\"\x1dUID=\"x\"\ntype=EXECVE msg=audit(1.001:7): argc=2 a0=\"x\" a1[0]=4142\ntype=EOE msg=audit(1.001:7): \n")
	f.Add("type=USER_LOGIN msg=audit(1.1:1): pid=1 msg='op=login acct=41 addr=192.0.2.1 res=failed'\n")
	f.Add("type=AVC msg=audit(1.1:1): avc:  denied  { read } for  pid=1 saddr=0A00")
	f.Fuzz(func(t *testing.T, text string) {
		for r, err := range run(context.Background(), source("a", text)) {
			if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text)) || r.Fields["action"] == "" || len(r.Stamps) != 1) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func BenchmarkRun(b *testing.B) {
	text, err := os.ReadFile(shared + "logs/go-libaudit/testdata/normal.log")
	if err != nil {
		b.Skip(err)
	}
	var all strings.Builder
	for i := range 2000 {
		all.WriteString(strings.ReplaceAll(string(text), ":5", fmt.Sprintf(":5%d", i)))
	}
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	for b.Loop() {
		extract(all.String())
	}
}
