package dpkg

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func source(name, text string, zone *time.Location) *timeline.Source {
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Zone: zone,
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		}}
}

func records(t testing.TB, e *timeline.Extractor, s *timeline.Source) (out []timeline.Record, damage []error) {
	t.Helper()
	for r, err := range e.Run(context.Background(), s) {
		if err != nil {
			damage = append(damage, err)
			continue
		}
		out = append(out, r)
	}
	return out, damage
}

// TestStatus compares with dpkg-query on this system's own database.
func TestStatus(t *testing.T) {
	const file = "/var/lib/dpkg/status"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Skip("no dpkg database here: ", err)
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture} ${db:Status-Status} ${source:Package}\n").Output()
	if err != nil {
		t.Skip("dpkg-query: ", err)
	}
	got, damage := records(t, &Extractor, source(file, string(b), time.UTC))
	if len(damage) > 0 {
		t.Error(damage)
	}
	var lines []string
	for _, r := range got {
		src := r.Fields["source"]
		if src == "" {
			src = r.Fields["package"]
		}
		if r.Fields["state"] == "not-installed" {
			continue
		}
		lines = append(lines, strings.Join([]string{r.Fields["package"], r.Fields["version"], r.Fields["arch"], r.Fields["state"], src}, " "))
		ev := r.Evidence
		if !strings.HasPrefix(string(b[ev.Offset:]), "Package: "+r.Fields["package"]+"\n") || bytes.Contains(b[ev.Offset:ev.Offset+ev.Length], []byte("\n\n")) {
			t.Errorf("%s: evidence %+v", r.Fields["package"], ev)
		}
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("%d packages, dpkg-query gives %d", len(lines), len(want))
	}
}

const dpkgLog = `2026-11-24 10:00:00 startup archives unpack
2026-11-24 10:00:01 install jq:amd64 <none> 1.6-2.1
2026-11-24 10:00:01 status half-installed jq:amd64 1.6-2.1
2026-11-24 10:00:02 upgrade libc6:amd64 2.36-9 2.36-10
2026-11-24 10:00:02 conffile /etc/a b/c keep
2026-11-24 10:00:03 configure jq:amd64 1.6-2.1 <none>
garbage
2026-11-24 10:00:04 remove nano:amd64 7.2-1 <none>
`

func TestLog(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	got, damage := records(t, &Extractor, source("/var/log/dpkg.log.1", dpkgLog, berlin))
	if len(damage) != 1 || !strings.Contains(damage[0].Error(), "line 7") {
		t.Errorf("damage %v", damage)
	}
	var lines []string
	for _, r := range got {
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[0].When.Format("15:04:05"), r.Stamps[0].What, f["action"], f["package"], f["arch"], f["old_version"], f["version"], f["state"], f["path"]}, "|"))
	}
	want := []string{
		"09:00:00|logged|startup||||||",
		"09:00:01|installed|install|jq|amd64||1.6-2.1||",
		"09:00:01|logged|status|jq|amd64||1.6-2.1|half-installed|",
		"09:00:02|upgraded|upgrade|libc6|amd64|2.36-9|2.36-10||",
		"09:00:02|logged|conffile||||||/etc/a b/c",
		"09:00:03|configured|configure|jq|amd64||1.6-2.1||",
		"09:00:04|removed|remove|nano|amd64|7.2-1|||",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestAlternatives(t *testing.T) {
	got, damage := records(t, &Extractor, source("/var/log/alternatives.log", "update-alternatives 2026-11-24 18:01:12: run with --quiet --install /usr/bin/vi vi /usr/bin/vim 30\n"+
		"update-alternatives 2026-11-24 18:01:12: link group vi updated to point to /usr/bin/vim\nwhat is this\nupdate-alternatives 2026-11-24 18:02:31: auto-repair link group vi\n"+
		"update-alternatives 2026-11-24 18:03:00: link group vi fully removed\n", time.UTC))
	if len(damage) != 1 || !strings.Contains(damage[0].Error(), "line 3") {
		t.Errorf("damage %v", damage)
	}
	var lines []string
	for _, r := range got {
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[0].When.Format("15:04:05"), r.Stamps[0].What, f["action"], f["name"], f["path"], f["command"]}, "|"))
	}
	want := []string{
		"18:01:12|ran|run|||update-alternatives --quiet --install /usr/bin/vi vi /usr/bin/vim 30",
		"18:01:12|changed|alternative-set|vi|/usr/bin/vim|",
		"18:02:31|logged|auto-repair|||",
		"18:03:00|removed|alternative-removed|vi||",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnattended(t *testing.T) {
	got, damage := records(t, &Apt, source("/var/log/unattended-upgrades/unattended-upgrades.log", "2026-11-24 06:10:01,898 INFO Packages that will be upgraded: libssl3 openssl\n"+
		"2026-11-24 06:11:02,000 ERROR An error occurred\nTraceback (most recent call last):\n2026-11-24 06:12:00,100 WARNING - Unable to monitor\n", time.UTC))
	if len(damage) != 0 {
		t.Errorf("damage %v", damage)
	}
	var lines []string
	for _, r := range got {
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[0].When.Format("15:04:05.000"), f["severity"], f["action"], f["packages"], f["message"]}, "|"))
	}
	want := []string{
		"06:10:01.898|info|upgrade-planned|libssl3 openssl|Packages that will be upgraded: libssl3 openssl",
		"06:11:02.000|error|||An error occurred",
		"06:11:02.000||||Traceback (most recent call last):",
		"06:12:00.100|warning|||Unable to monitor",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if runs, _ := records(t, &Apt, source("/var/log/unattended-upgrades/unattended-upgrades-dpkg.log", "Log started: 2026-11-24  06:10:05\nUnpacking x\nLog ended: 2026-11-24  06:10:09\n", time.UTC)); len(runs) != 2 {
		t.Errorf("bounds of runs: %+v", runs)
	}
}

const aptHistory = `
Start-Date: 2026-11-24  10:00:00
Commandline: apt-get install -y jq
Requested-By: anna (1000)
Install: libonig5:amd64 (6.9.8-1, automatic), jq:amd64 (1.6-2.1)
Upgrade: libc6:amd64 (2.36-9, 2.36-10)
End-Date: 2026-11-24  10:00:05

Start-Date: 2026-11-24  11:00:00
Commandline: apt-get remove nano
Remove: nano:amd64 (7.2-1)
Error: Sub-process /usr/bin/dpkg returned an error code (1)
`

func TestApt(t *testing.T) {
	got, damage := records(t, &Apt, source("/var/log/apt/history.log", aptHistory, time.UTC))
	if len(damage) != 0 {
		t.Error(damage)
	}
	var lines []string
	for _, r := range got {
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[len(r.Stamps)-1].When.Format("15:04:05"), f["action"], f["account"], f["uid"], f["package"], f["old_version"], f["version"], f["automatic"], f["command"], f["error"]}, "|"))
	}
	want := []string{
		"10:00:05|run|anna|1000|||||apt-get install -y jq|",
		"10:00:05|install|anna||libonig5||6.9.8-1|true||",
		"10:00:05|install|anna||jq||1.6-2.1|||",
		"10:00:05|upgrade|anna||libc6|2.36-9|2.36-10|||",
		"11:00:00|run|||||||apt-get remove nano|Sub-process /usr/bin/dpkg returned an error code (1)",
		"11:00:00|remove|||nano||7.2-1|||",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if r := got[5]; r.Stamps[0].Note != "the line has no offset; the server's zone assumed; the run's end is not written" {
		t.Errorf("note %q", r.Stamps[0].Note)
	}
}

func TestTerm(t *testing.T) {
	got, _ := records(t, &Apt, source("/var/log/apt/term.log", "\nLog started: 2026-11-24  10:00:00\nSetting up jq\r\ndpkg: error processing package x\nLog ended: 2026-11-24  10:00:05\n", time.UTC))
	if len(got) != 3 || got[1].Fields["action"] != "error" || got[1].Stamps[0].When.Format("15:04:05") != "10:00:00" || got[2].Fields["action"] != "log-ended" {
		t.Errorf("%+v", got)
	}
}

// TestPlaso compares with what plaso's tests expect of its samples.
func TestPlaso(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "logs", "plaso")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Skip("the samples are not here: ", err)
	}
	var sets []struct {
		File     *string
		Events   int
		Expected []struct {
			Index  int
			Values map[string]any
		}
	}
	if err := json.Unmarshal(b, &sets); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, set := range sets {
		if set.File == nil {
			continue
		}
		name := filepath.Base(*set.File)
		if name != "dpkg.log" && name != "apt_history.log" {
			continue
		}
		seen++
		text, err := os.ReadFile(filepath.Join(dir, *set.File))
		if err != nil {
			t.Fatal(err)
		}
		e, at := &Extractor, "/var/log/dpkg.log"
		if name == "apt_history.log" {
			e, at = &Apt, "/var/log/apt/history.log"
		}
		got, damage := records(t, e, source(at, string(text), time.UTC))
		if len(damage) > 0 {
			t.Errorf("%s: %v", name, damage)
		}
		// plaso has an event for each list of a run, and one of its own for a
		// run without one; here a run and each of its packages are a record.
		if e == &Extractor && len(got) != set.Events {
			t.Errorf("%s: %d records, want %d", name, len(got), set.Events)
		}
		for _, want := range set.Expected {
			v := want.Values
			if body, ok := v["body"].(string); ok {
				r := got[want.Index]
				if r.Fields["message"] != body || r.Stamps[0].When.Format("2006-01-02T15:04:05") != v["added_time"] {
					t.Errorf("%s: %+v, want %v", name, r, v)
				}
				continue
			}
			list, _ := v["packages"].(string)
			action := strings.ToLower(v["command"].(string))
			var names []string
			for _, r := range got {
				if r.Fields["action"] == action && r.Stamps[0].When.Format("2006-01-02T15:04:05") == v["end_time"] {
					names = append(names, r.Fields["package"])
				}
			}
			if n := len(items(list)); n == 0 || len(names) != n {
				t.Errorf("%s: %d packages, want %d", action, len(names), n)
			}
			if !slices.ContainsFunc(got, func(r timeline.Record) bool { return r.Fields["command"] == v["command_line"] }) {
				t.Errorf("no run %q", v["command_line"])
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d sets", seen)
	}
}

func FuzzDpkg(f *testing.F) {
	f.Add("/var/log/dpkg.log", dpkgLog)
	f.Add("/var/log/apt/history.log", aptHistory)
	f.Add("/var/log/unattended-upgrades/unattended-upgrades.log", "2026-11-24 06:10:01,898 INFO Packages that will be upgraded: a\nb\n")
	f.Add("/var/log/alternatives.log", "update-alternatives 2026-11-24 18:01:12: link group a updated to point to /b\n")
	f.Add("/var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n more\n\nPackage: b\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, e := range []*timeline.Extractor{&Extractor, &Apt} {
			for r, err := range e.Run(context.Background(), source(name, text, nil)) {
				if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
