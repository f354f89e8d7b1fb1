package syslog

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

func lines(t *testing.T, s *timeline.Source) (got []string) {
	t.Helper()
	for _, r := range records(t, s) {
		when, note := "-", ""
		if len(r.Stamps) > 0 {
			when, note = r.Stamps[0].When.Format("2006-01-02T15:04:05.999999Z07:00"), r.Stamps[0].Note
		}
		if note == noteBefore {
			when += " before"
		}
		got = append(got, strings.Join([]string{when, r.Fields["program"], r.Fields["message"], r.Fields["action"], r.Fields["state"] + r.Fields["severity"]}, "|"))
	}
	return got
}

// TestDmesg reads the kernel's ring buffer as files keep it. A line has a time
// only where the file says when the kernel booted.
func TestDmesg(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no time", "[    0.000000] Linux version 6.1.0 (x)\n[   12.345678] usb 1-1: new device\n", []string{"-|kernel|Linux version 6.1.0 (x)|boot|", "-|kernel|usb 1-1: new device||"}},
		{"the clock is set", "[    0.000000] Linux version 6.1.0 (x)\n[    1.250000] rtc_cmos 00:03: setting system clock to 2024-01-02T03:04:05 UTC (1704164645)\n[  100.000001] late\n",
			[]string{"2024-01-02T03:04:03.75Z|kernel|Linux version 6.1.0 (x)|boot|", "2024-01-02T03:04:05Z|kernel|rtc_cmos 00:03: setting system clock to 2024-01-02T03:04:05 UTC (1704164645)||", "2024-01-02T03:05:43.750001Z|kernel|late||"}},
		{"two boots", "[    1.000000] rtc: setting system clock to x (1704164645)\n[   50.000000] a\n[    0.000000] Linux version 5\n[    3.000000] b\n",
			[]string{"2024-01-02T03:04:05Z|kernel|rtc: setting system clock to x (1704164645)||", "2024-01-02T03:04:54Z|kernel|a||", "-|kernel|Linux version 5|boot|", "-|kernel|b||"}},
		{"priorities, processors, programs", "<4>[    0.100000][    T1] warn\n[    2.000000] systemd[1]: Started x.\n[    3.000000] kernel: y\n", []string{"-|kernel|warn||warning", "-|systemd|Started x.|service-started|", "-|kernel|y||"}},
		{"dmesg -T", "[Tue Jan  2 03:04:05 2024] x: y\n", []string{"2024-01-02T03:04:05Z|kernel|x: y||"}},
		{"no such thing", "[    0.0] x\n[abc] y\n[Tue Feb 30 03:04:05 2024] z\n[    9999999999.000000] w\n[", []string{"-||[    0.0] x||", "-||[abc] y||", "-||[Tue Feb 30 03:04:05 2024] z||", "-||[    9999999999.000000] w||", "-||[||"}},
	}
	for _, tt := range tests {
		if got := lines(t, source("/var/log/dmesg", tt.text, "2024-05-05T00:00:00Z")); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

// TestBootLog reads what was seen on the console, in its colours.
func TestBootLog(t *testing.T) {
	text := "------------ Tue Jan 02 03:04:05 CET 2024 ------------\n[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mOpenSSH server\x1b[0m.\n[\x1b[0;1;31mFAILED\x1b[0m] Failed to start x.\r\n         Starting y...\n\x1b%G\x1b[?7l"
	want := []string{"2024-01-02T03:04:05Z||------------ Tue Jan 02 03:04:05 CET 2024 ------------|boot|", "2024-01-02T03:04:05Z before|systemd|Started OpenSSH server.|service-started|OK",
		"2024-01-02T03:04:05Z before|systemd|Failed to start x.|service-failed|FAILED", "2024-01-02T03:04:05Z before||         Starting y...||", "2024-01-02T03:04:05Z before||||"}
	if got := lines(t, source("/var/log/boot.log", text, "2024-05-05T00:00:00Z")); !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestNamed(t *testing.T) {
	conf := `
# *.* /var/log/comment
auth,authpriv.*                 /var/log/auth.log
*.*;auth,authpriv.none          -/srv/log/all;RSYSLOG_TraditionalFileFormat
mail.err	/var/log/mail.err
*.emerg                         :omusrmsg:*
kern.*  |/dev/xconsole
local7.*                        @192.0.2.1
$template Remote,"/var/log/remote/%HOSTNAME%/%PROGRAMNAME%.log"
template(name="T" type="string" string="/srv/[x]/%FROMHOST%")
if $programname == "app" then { action(type="omfile" file="/opt/app/a.log" dynaFile="T") stop }
destination d_a { file("/var/log/ng/$HOST/${YEAR}.log" create_dirs(yes)); };
`
	got := named(source("/etc/rsyslog.conf", conf, ""))
	fits := func(name string) bool {
		return slices.ContainsFunc(got, func(p string) bool { ok, err := path.Match(p, name); return ok && err == nil })
	}
	for name, want := range map[string]bool{
		"/var/log/auth.log": true, "/srv/log/all": true, "/srv/log/all.2.gz": true, "/var/log/mail.err": true, "/var/log/remote/web01/sshd.log": true, "/srv/[x]/web01": true, "/opt/app/a.log": true,
		"/var/log/ng/web01/2024.log": true, "/var/log/comment": false, "/dev/xconsole": false, "/var/log/other": false, "/srv/x/web01": false,
	} {
		if fits(name) != want {
			t.Errorf("%s is named: %t, want %t (%q)", name, !want, want, got)
		}
	}
}

// TestOther tells logs of syslogd from others by what they hold.
func TestOther(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"traditional":      {"Jan  2 03:04:05 web01 app[12]: hello\nJan  2 03:04:06 web01 app: hello\n  more\n", true},
		"RFC 3339":         {"2024-05-05T10:00:00.123456+02:00 web01 app[12]: hello\n", true},
		"RFC 5424":         {"<34>1 2024-05-05T10:00:00Z web01 app 12 - - hello\n", true},
		"cut at the start": {"ello\nJan  2 03:04:05 web01 app[12]: hello\nJan  2 03:04:05 web01 app[12]: hello\n", true},
		"empty":            {"", false},
		"access log":       {`192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/1.1" 200 1` + "\n", false},
		"nginx":            {"2024/01/02 03:04:05 [error] 7#7: *1 open() failed\n", false},
		"dpkg":             {"2024-01-02 03:04:05 install foo:amd64 <none> 1.0\n2024-01-02 03:04:05 status installed foo:amd64 1.0\n", false},
		"a program's":      {"2024-01-02 03:04:05,123 root: INFO: text: x\n2024-01-02 03:04:05 main started: ok\n", false},
		"binary":           {"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", false},
		"prose":            {"Jan is a month. It has: days\n", false},
	} {
		n := 0
		for range Other.Run(context.Background(), source("/var/log/x", tt.text, "2024-05-05T00:00:00Z")) {
			n++
		}
		if (n > 0) != tt.want {
			t.Errorf("%s: %d records", name, n)
		}
	}
}

// rotation makes the logs of a server whose files were all copied at one time.
func rotation(files map[string]string, modified string) func(name string) *timeline.Source {
	var open func(name string) *timeline.Source
	open = func(name string) *timeline.Source {
		text, ok := files[name]
		if !ok {
			return nil
		}
		s := source(name, text, modified)
		s.Sibling = open
		s.Stat = func(p string) *filesystem.Inode {
			if other := open(p); other != nil && other.Inode != nil {
				return &filesystem.Inode{Times: other.Inode.Times, Size: other.Size}
			}
			return nil
		}
		s.Glob = func(pattern string) (out []string) {
			for p := range files {
				if ok, _ := path.Match(pattern, p); ok {
					out = append(out, p)
				}
			}
			slices.Sort(out)
			return out
		}
		return s
	}
	return open
}

// TestCopiedRotation has logs whose modification times are all those of a copy: what
// year a log is of is known from the one that was begun after it.
func TestCopiedRotation(t *testing.T) {
	files := map[string]string{}
	last := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC)
	const weeks = 80
	for i := range weeks {
		name := "/var/log/auth.log"
		if i > 0 {
			name += fmt.Sprintf(".%d", i)
		}
		if i > 1 {
			name += ".gz"
		}
		end := last.AddDate(0, 0, -7*i)
		var b strings.Builder
		for d := 6; d >= 0; d-- {
			fmt.Fprintf(&b, "%s web01 sshd[1]: x\n", end.AddDate(0, 0, -d).Add(time.Hour).Format(time.Stamp))
		}
		files[name] = b.String()
	}
	open := rotation(files, "2024-06-01T00:00:00Z")
	for i := range weeks {
		name := "/var/log/auth.log"
		if i > 0 {
			name += fmt.Sprintf(".%d", i)
		}
		if i > 1 {
			name += ".gz"
		}
		all := records(t, open(name))
		for k, r := range all {
			want := last.AddDate(0, 0, -7*i-6+k).Add(time.Hour)
			if !r.Stamps[0].When.Equal(want) {
				t.Fatalf("%s, line %d: %v, want %v (%s)", name, k+1, r.Stamps[0].When, want, r.Stamps[0].Note)
			}
			note := r.Stamps[0].Note
			if i == 60 && (!strings.Contains(note, "next log of the rotation, which begins") || !strings.Contains(note, "would say 20")) {
				t.Errorf("%s: the note does not say the contradiction: %s", name, note)
			}
		}
	}
	// Without inode times a log is dated by a later one that has years.
	open = rotation(map[string]string{"/var/log/messages-20240107": "Dec 30 00:00:00 h a: x\nJan  6 00:00:00 h a: x\n", "/var/log/messages": "2024-01-07T00:00:00Z h a: x\n",
		"/var/log/cron.1": "Dec 30 00:00:00 h a: x\n", "/var/log/cron": "2024-01-07T00:00:00Z h a: x\n"}, "")
	for name, want := range map[string]string{"/var/log/messages-20240107": "2023-12-30", "/var/log/cron.1": "2023-12-30"} {
		all := records(t, open(name))
		if len(all[0].Stamps) != 1 || all[0].Stamps[0].When.Format("2006-01-02") != want {
			t.Errorf("%s: %+v, want %s", name, all[0].Stamps, want)
		}
	}
}

// TestPrepare says which files may be read in parts.
func TestPrepare(t *testing.T) {
	for text, want := range map[string]bool{
		"Jan  2 03:04:05 h a: x\nJan  2 03:04:06 h a: x\n":                     true,
		"Jan  2 03:04:05 h a: x\nJan  2 03:04:04 h a: x\n":                     true,
		"Oct 27 02:59:05 h a: x\nOct 27 02:00:04 h a: x\n":                     false, // the hour that comes twice
		"2024-10-27T02:59:05+02:00 h a: x\n2024-10-27T02:00:04+01:00 h a: x\n": true,
		"Dec 31 23:59:05 h a: x\nJan  1 00:00:04 h a: x\n":                     true,
		"[    1.000000] x\n": false,
	} {
		if _, ok := prepare(context.Background(), source("/var/log/syslog", text, "2024-12-01T00:00:00Z")); ok != want {
			t.Errorf("%q: %t, want %t", text, ok, want)
		}
	}
	for line, want := range map[string]bool{"Jan  2 03:04:05 h a: x": true, "\tmore": false, "": false, "Jan  2 03:04:05 h last message repeated 3 times": false} {
		if begins([]byte(line)) != want {
			t.Errorf("a part begins with %q: %t", line, !want)
		}
	}
}

// TestDamaged loses no more than the bad part of a log.
func TestDamaged(t *testing.T) {
	good := func(n int) string { return fmt.Sprintf("Jan  2 03:04:%02d h a[1]: %d\n", n, n) }
	text := good(1) + strings.Repeat("\x00", 4096) + good(2) + strings.Repeat("\xff\x01\x02", 1000) + "\n" + good(3) + "Jan  2 03:04:04 h a[1]: " + strings.Repeat("A", 2<<20) + "\n" + good(5) + "Jan  2 03"
	var got []string
	errs := 0
	for r, err := range run(context.Background(), source("/var/log/syslog", text, "2024-02-01T00:00:00Z"), timeline.KindSyslog) {
		if err != nil {
			errs++
			continue
		}
		if m := r.Fields["message"]; r.Fields["program"] == "a" && len(m) < 5 {
			got = append(got, m)
		}
	}
	if strings.Join(got, " ") != "1 2 3 5" || errs != 2 {
		t.Errorf("%q and %d errors", got, errs)
	}
}
