package syslog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func TestSudoLog(t *testing.T) {
	const text = "Jan  2 03:04:05 : alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ;\n    COMMAND=/bin/sh -c\n    id\nJan  2 03:04:06 2024 : bob : HOST=web01 : user NOT in sudoers ; TTY=pts/1 ;\n    PWD=/ ; USER=root ; COMMAND=/bin/su\n"
	const pretty = "{\n    \"accept\": {\n        \"uuid\": \"x\",\n        \"submit_time\": {\n            \"seconds\": 1704164645,\n            \"nanoseconds\": 5\n        },\n        \"submituser\": \"alice\",\n        \"submithost\": \"web01\",\n        \"command\": \"/bin/sh\",\n" +
		"        \"runuser\": \"root\",\n        \"runargv\": [\n            \"sh\",\n            \"-c\",\n            \"a } b\"\n        ]\n    },\n    \"reject\": {\n        \"reason\": \"no\",\n        \"submituser\": \"bob\",\n        \"command\": \"/bin/su\"\n    }\n}\n"
	const line = `{"accept":{"submituser":"alice","submit_time":{"seconds":1704164645,"nanoseconds":0},"runuser":"root","command":"/bin/id","runargv":["id"]}}` + "\n"
	tests := []struct {
		name, path, text string
		want             []string
	}{
		{"text", "/var/log/sudo.log", text, []string{"2024-01-02T03:04:05 sudo alice root /bin/sh -c id @1", "2024-01-02T03:04:06 sudo-failed bob root /bin/su @4"}},
		{"JSON", "/var/log/sudo.log", pretty, []string{"2024-01-02T03:04:05 sudo alice root /bin/sh -c a } b @2", "- sudo-failed bob  /bin/su @18"}},
		{"compact", "/var/log/sudo.log", line + line, []string{"2024-01-02T03:04:05 sudo alice root /bin/id @1", "2024-01-02T03:04:05 sudo alice root /bin/id @2"}},
		{"recording", "/var/log/sudo-io/00/00/01/log", "1704164645:alice:root::/dev/pts/0:24:80\n/home/alice\n/bin/bash\n", []string{"2024-01-02T03:04:05 sudo alice root /bin/bash @1"}},
		{"recording, JSON", "/var/log/sudo-io/00/00/01/log.json", "{\n\t\"timestamp\": {\n\t\t\"seconds\": 1704164645,\n\t\t\"nanoseconds\": 0\n\t},\n\t\"command\": \"/bin/bash\",\n\t\"submituser\": \"alice\",\n\t\"runuser\": \"root\"\n}\n", []string{"2024-01-02T03:04:05 sudo alice root /bin/bash @1"}},
	}
	for _, tt := range tests {
		var got []string
		for r, err := range sudoRun(context.Background(), source(tt.path, tt.text, "2024-01-03T00:00:00Z")) {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			when := "-"
			if len(r.Stamps) > 0 {
				when = r.Stamps[0].When.Format("2006-01-02T15:04:05")
			}
			got = append(got, fmt.Sprintf("%s %s %s %s %s @%d", when, r.Fields["action"], r.Fields["account"], r.Fields["target"], r.Fields["command"], r.Evidence.Line))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
	// Damage costs the event that it is in.
	var got []string
	errs := 0
	bad := strings.Replace(pretty, "\"uuid\": \"x\",", "\"uuid\": \x01,", 1)
	for r, err := range sudoRun(context.Background(), source("/var/log/sudo.log", bad, "2024-01-03T00:00:00Z")) {
		if err != nil {
			errs++
			continue
		}
		got = append(got, r.Fields["account"])
	}
	if errs != 1 || !slices.Equal(got, []string{"bob"}) {
		t.Errorf("%q and %d errors", got, errs)
	}
	named := sudoNamed(source("/etc/sudoers", "Defaults logfile=\"/srv/sudo log\", !syslog\nDefaults:alice\tlog_year, iolog_dir=/srv/io/%{user}\n# Defaults logfile=/no\n", ""))
	if !slices.Contains(named, "/srv/sudo log") || !slices.Contains(named, "/srv/io/*/*/*/*/log") || slices.Contains(named, "/no") {
		t.Errorf("%q", named)
	}
}

func FuzzSudo(f *testing.F) {
	f.Add("/var/log/sudo.log", "Jan  2 03:04:05 : a : TTY=x ;\n  COMMAND=y\n")
	f.Add("/var/log/sudo.log", "{\n\"accept\": {\n\"submituser\": \"a\"\n}\n}\n")
	f.Add("/var/log/sudo-io/00/log", "1:a:b:c:d:1:1\n/\nx\n")
	f.Fuzz(func(t *testing.T, path, text string) {
		for r, err := range sudoRun(context.Background(), source(path, text, "2024-01-03T00:00:00Z")) {
			if err == nil && (r.Kind != timeline.KindAuth || r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
