package apk

import (
	"context"
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

const database = `C:Q1pnL6mhJ3Ef6pNlKTHnxYtl7KmVA=
P:musl
V:1.2.4-r2
A:x86_64
S:383304
I:622592
T:the musl c library (libc) implementation
o:musl
m:A Maintainer <a@example.org>
t:1693905600
c:f56ca7e2d5ee2cd5a3a1e1a0b6b6a8c8a8d8e8f8
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755

P:busybox
V:1.36.1-r5
A:x86_64
nonsense
t:0

V:9
`

func TestInstalled(t *testing.T) {
	var lines []string
	damage := 0
	for r, err := range Extractor.Run(context.Background(), source("/lib/apk/db/installed", database, nil)) {
		if err != nil {
			damage++
			continue
		}
		when := ""
		if len(r.Stamps) > 0 {
			when = r.Stamps[0].What + " " + r.Stamps[0].When.Format(time.RFC3339)
		}
		said := database[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]
		if strings.Contains(said, "\n\n") || strings.Contains(said, "\nF:") || !strings.Contains(said, "P:"+r.Fields["package"]) {
			t.Errorf("evidence %q", said)
		}
		lines = append(lines, r.Summary+"|"+when+"|"+r.Fields["source"])
	}
	want := []string{"musl 1.2.4-r2 x86_64: installed|built 2023-09-05T09:20:00Z|musl", "busybox 1.36.1-r5 x86_64: installed||"}
	if !slices.Equal(lines, want) || damage != 2 {
		t.Errorf("got %q, %d damages", lines, damage)
	}
}

func TestLog(t *testing.T) {
	const text = "\nRunning `apk add jq` at 2026-11-24 10:00:00\n(1/2) Installing oniguruma (6.9.8-r0)\n(2/2) Upgrading jq (1.6-r2 -> 1.6-r3)\nOK: 10 MiB in 20 packages\n" +
		"Running `apk del jq` at 2026-11-24T11:00:00+01:00\n(1/1) Purging jq (1.6-r3)\n"
	var lines []string
	for r, err := range Extractor.Run(context.Background(), source("/var/log/apk.log", text, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[0].When.Format("15:04"), r.Stamps[0].What, f["action"], f["command"], f["package"], f["old_version"], f["version"]}, "|"))
	}
	want := []string{"10:00|logged|run|apk add jq|||", "10:00|installed|install||oniguruma||6.9.8-r0", "10:00|upgraded|upgrade||jq|1.6-r2|1.6-r3",
		"10:00|logged|run|apk del jq|||", "10:00|removed|purge||jq||1.6-r3"}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

func FuzzApk(f *testing.F) {
	f.Add("/lib/apk/db/installed", database)
	f.Add("/var/log/apk.log", "Running `apk add jq` at 2026-11-24 10:00:00\n(1/2) Installing oniguruma (6.9.8-r0)\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range Extractor.Run(context.Background(), source(name, text, nil)) {
			if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
