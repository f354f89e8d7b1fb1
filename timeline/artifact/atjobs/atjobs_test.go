package atjobs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

func source(name, text string, others map[string]string) *timeline.Source {
	in := &filesystem.Inode{Mode: filesystem.ModeRegular | 0o700}
	in.Times.Modified = filesystem.Time{Sec: 1700000000, Known: true}
	return &timeline.Source{Path: name, Inode: in, Data: strings.NewReader(text), Size: int64(len(text)), Sibling: func(p string) *timeline.Source {
		if text, ok := others[p]; ok {
			return source(p, text, nil)
		}
		return nil
	}, Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
}

// What at of Debian 12 and of CentOS 7 write; the environment is cut.
const (
	debian = "#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail alice 0\numask 22\nHOME=/home/alice; export HOME\nAPI_TOKEN=hunter2; export API_TOKEN\ncd /home/alice/a\\ b || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n/tmp/.x/run --now\necho done\n\n"
	redHat = "#!/bin/sh\n# atrun uid=0 gid=0\n# mail  root 0\numask 22\nLD_PRELOAD=/tmp/x.so; export LD_PRELOAD\ncd /root || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n${SHELL:-/bin/sh} << 'marcinDELIMITER4fc3b33a'\nid\n\nmarcinDELIMITER4fc3b33a\n"
)

func show(s *timeline.Source) []string {
	var out []string
	for r, err := range run(context.Background(), s) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			parts = append(parts, k+"="+r.Fields[k])
		}
		for _, st := range r.Stamps {
			parts = append(parts, st.What+" "+st.When.Format("2006-01-02T15:04:05"))
		}
		out = append(out, r.Kind+" "+strings.Join(parts, "; "))
	}
	return out
}

func TestJobs(t *testing.T) {
	tests := []struct {
		path, text string
		want       []string
	}{
		// 0x01b3ab00 minutes after 1970.
		{"/var/spool/cron/atjobs/a0000201b3ab00", debian, []string{
			"cron account=alice; command=/tmp/.x/run --now\necho done; cwd=/home/alice/a b; gid=1000; job=2; queue=a; schedule=2024-04-14T17:36:00Z; uid=1000; scheduled 2024-04-14T17:36:00; added 2023-11-14T22:13:20",
			"autostart account=alice; command=/tmp/.x/run --now\necho done; enabled=true; mechanism=at; path=/var/spool/cron/atjobs/a0000201b3ab00; schedule=2024-04-14T17:36:00Z; target=/tmp/.x/run; trigger=time"}},
		{"/var/spool/at/=0001f01b3ab00", redHat, []string{
			"cron account=root; command=id; cwd=/root; gid=0; job=31; ld_preload=/tmp/x.so; queue==; schedule=2024-04-14T17:36:00Z; state=running; uid=0; scheduled 2024-04-14T17:36:00; added 2023-11-14T22:13:20",
			"autostart account=root; command=id; enabled=true; mechanism=at; path=/var/spool/at/=0001f01b3ab00; schedule=2024-04-14T17:36:00Z; trigger=time"}},
		{"/var/spool/at/.SEQ", "00001\n", nil},
		{"/var/spool/at/a0000201b3ab00", "hello\n", []string{`error "/var/spool/at/a0000201b3ab00": 6 bytes at offset 0: not a job of at`}},
	}
	for _, tt := range tests {
		got := show(source(tt.path, tt.text, nil))
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
		if strings.Contains(strings.Join(got, ""), "hunter2") {
			t.Errorf("%s: a secret of the environment", tt.path)
		}
	}
	s := source("/var/spool/at/a0000201b3ab00", strings.Replace(debian, "# mail alice 0\n", "", 1), map[string]string{"/etc/passwd": "root:x:0:0:::\nbob:x:1000:1000:::\n"})
	if got := show(s); !strings.Contains(got[0], "account=bob") {
		t.Errorf("by passwd: %q", got)
	}
	for r := range run(context.Background(), source("/var/spool/at/a0000201b3ab00", debian, nil)) {
		if got := debian[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]; got != "/tmp/.x/run --now\necho done" || r.Evidence.Line != 11 {
			t.Errorf("evidence %q, line %d", got, r.Evidence.Line)
		}
	}
}

func FuzzJobs(f *testing.F) {
	f.Add("a0000201b3ab00", debian)
	f.Add("=0000201b3ab00", redHat)
	f.Fuzz(func(t *testing.T, name, text string) {
		if strings.Contains(name, "/") {
			return
		}
		for r, err := range run(context.Background(), source("/var/spool/at/"+name, text, nil)) {
			if err == nil && (r.Fields["schedule"] == "" || r.Evidence.Offset < 0 || r.Evidence.Length < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// The name is that of a job for which atq said "Fri Nov 27 18:28:00 2026", in UTC.
func TestName(t *testing.T) {
	queue, job, when, ok := name("c0000101c8b254")
	if !ok || queue != "c" || job != 1 || when.Format("Mon Jan 2 15:04:05 2006") != "Fri Nov 27 18:28:00 2026" {
		t.Errorf("%s %d %s %v", queue, job, when, ok)
	}
}
