package pacman

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

func TestDesc(t *testing.T) {
	const text = "%NAME%\nacl\n\n%VERSION%\n2.3.1-3\n\n%BASE%\nacl\n\n%ARCH%\nx86_64\n\n%BUILDDATE%\n1680000000\n\n%INSTALLDATE%\n1690000000\n\n%REASON%\n1\n\n%DEPENDS%\nattr\nlibattr.so\n"
	n := 0
	for r, err := range Extractor.Run(context.Background(), source("/var/lib/pacman/local/acl-2.3.1-3/desc", text, nil)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if r.Summary != "acl 2.3.1-3 x86_64: installed" || r.Fields["reason"] != "dependency" || len(r.Stamps) != 2 || r.Stamps[1].What != "installed" || r.Stamps[1].When.Unix() != 1690000000 {
			t.Errorf("%+v", r)
		}
	}
	if n != 1 {
		t.Errorf("%d records", n)
	}
	for r, err := range Extractor.Run(context.Background(), source("/var/lib/pacman/local/x/desc", "%VERSION%\n1\n", nil)) {
		if err == nil {
			t.Errorf("a package without a name: %+v", r)
		}
	}
}

func TestLog(t *testing.T) {
	const text = "[2026-11-24T10:00:00+0100] [PACMAN] Running 'pacman -S jq'\n[2026-11-24T10:00:01+0100] [ALPM] installed oniguruma (6.9.9-1)\n" +
		"[2026-11-24T10:00:02+0100] [ALPM] upgraded linux (6.6.1-1 -> 6.6.2-1)\n[2026-11-24T10:00:02+0100] [ALPM-SCRIPTLET] installed by hand\nmore of it\n" +
		"[2015-03-04 05:06] removed nano (2.3-1)\n[not a time] x\n"
	var lines []string
	damage := 0
	for r, err := range Extractor.Run(context.Background(), source("/var/log/pacman.log", text, time.UTC)) {
		if err != nil {
			damage++
			continue
		}
		f := r.Fields
		lines = append(lines, strings.Join([]string{r.Stamps[0].When.Format("2006-01-02 15:04:05"), r.Stamps[0].What, f["program"], f["action"], f["command"], f["package"], f["old_version"], f["version"]}, "|"))
	}
	want := []string{"2026-11-24 09:00:00|logged|PACMAN|run|pacman -S jq|||", "2026-11-24 09:00:01|installed|ALPM|install||oniguruma||6.9.9-1",
		"2026-11-24 09:00:02|upgraded|ALPM|upgrade||linux|6.6.1-1|6.6.2-1", "2026-11-24 09:00:02|logged|ALPM-SCRIPTLET|||||", "2015-03-04 05:06:00|removed||remove||nano||2.3-1"}
	if !slices.Equal(lines, want) || damage != 1 {
		t.Errorf("got  %q\nwant %q, %d damages", lines, want, damage)
	}
}

func FuzzPacman(f *testing.F) {
	f.Add("/var/lib/pacman/local/a/desc", "%NAME%\na\n\n%BUILDDATE%\n1\n")
	f.Add("/var/log/pacman.log", "[2026-11-24T10:00:00+0100] [ALPM] upgraded a (1 -> 2)\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range Extractor.Run(context.Background(), source(name, text, nil)) {
			if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
