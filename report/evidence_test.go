package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/rules"
	"deadbox/timeline"
)

func TestWindow(t *testing.T) {
	at := func(s string) time.Time {
		when, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	zone := time.FixedZone("", -3*3600)
	exact := []rules.Finding{
		{Time: at("2024-05-01 15:30:00"), Last: at("2024-05-01 16:00:00")},
		{Time: at("2024-05-02 01:00:00")},
		{TimeNote: "no time"},
	}
	for _, tt := range []struct {
		day, want string
	}{
		{"", "2024-05-01 12:30:00-03:00 to 2024-05-01 22:00:00-03:00 (9h30m)"},
		{"2024-05-01 00:00:00", "2024-05-01 12:30:00-03:00 to 2024-05-01 22:00:00-03:00 (9h30m)"},
		{"2024-05-02 00:00:00", "2024-05-01 12:30:00-03:00 to 2024-05-01 22:00:00-03:00 (9h30m)"},
		{"2024-04-30 00:00:00", "2024-04-30 to 2024-05-01 22:00:00-03:00"},
		{"2024-05-03 00:00:00", "2024-05-01 12:30:00-03:00 to 2024-05-03"},
	} {
		inv := &Investigation{Findings: slices.Clone(exact)}
		if tt.day != "" {
			inv.Findings = append(inv.Findings, rules.Finding{Time: at(tt.day), TimeNote: "day only"})
		}
		w, some := inv.Window()
		if got := span(w, zone); got != tt.want || some {
			t.Errorf("with %q: %s, want %s", tt.day, got, tt.want)
		}
	}
	alone := &Investigation{Findings: []rules.Finding{{Time: at("2024-05-02 00:00:00"), TimeNote: "day only"}}}
	if w, _ := alone.Window(); span(w, zone) != "2024-05-02" {
		t.Errorf("a day alone: %+v", w)
	}
	graver := &Investigation{Findings: append(slices.Clone(exact), rules.Finding{Time: at("2024-05-01 17:00:00"), Severity: rules.Medium})}
	if w, some := graver.Window(); span(w, zone) != "2024-05-01 14:00:00-03:00" || !some {
		t.Errorf("one that is graver: %+v, %v", w, some)
	}
	f := &rules.Finding{Time: at("2024-05-01 15:30:00"), Last: at("2024-05-01 15:30:00").Add(time.Millisecond)}
	if got := findingSpan(f, zone); got != "2024-05-01 12:30:00-03:00" {
		t.Errorf("within a second: %s", got)
	}
	if w, some := (&Investigation{}).Window(); w != (Window{}) || some {
		t.Errorf("nothing: %+v", w)
	}
}

// TestChartOfStrangeTimes makes charts of windows that end before they begin,
// or span all of time.
func TestChartOfStrangeTimes(t *testing.T) {
	for _, window := range [][2]int64{{1700000000, -1700000000}, {1 << 33, 0}, {-1 << 40, 1 << 40}, {1700000000, 1700000000}} {
		inv := investigation()
		inv.Findings = nil
		inv.FirstActivity, inv.LastActivity = time.Unix(window[0], 0), time.Unix(window[1], 0)
		if got := render(t, WriteHTML, inv); !strings.Contains(got, "</html>") {
			t.Errorf("%v: the page has no end", window)
		}
	}
}

func TestAbsent(t *testing.T) {
	inv := investigation()
	inv.Layouts[0].Volumes[0].Found.UUID = "1A2B-3C4D"
	for spec, want := range map[string]string{
		"UUID=1a2b-3c4d": "lies on volume gpt:1, which is not read", "UUID=": "is not in the evidence", "/dev/sdb1": "is not in the evidence",
		"UUID=1234": "is not in the evidence", "LABEL=rootfs": "lies on volume gpt:2, which is not read",
	} {
		if got := inv.absentWhy(&host.Absent{Spec: spec, Point: "/x"}); got != want {
			t.Errorf("%s: it %s, want %s", spec, got, want)
		}
	}
}

// TestDayOnly follows a day through the reports: no midnight is made of it.
func TestDayOnly(t *testing.T) {
	inv := investigation()
	inv.Host.Zone = time.FixedZone("", 2*3600+7*60)
	inv.Findings = append(inv.Findings, rules.Finding{
		ID: "empty-1", Title: "An account needs no password", Severity: rules.Critical, TimeNote: "day only",
		Time: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), Last: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC),
	})
	for name, got := range map[string]string{
		"text": render(t, WriteText, inv), "html": render(t, WriteHTML, inv), "terminal": render(t, terminalOf(TerminalOptions{}), inv),
	} {
		if strings.Contains(got, "2024-05-01 02:07") {
			t.Errorf("%s: a day became a midnight:\n%s", name, got)
		}
		if !strings.Contains(got, "2024-05-01 ") && !strings.Contains(got, "2024-05-01<") {
			t.Errorf("%s: the day is missing", name)
		}
	}
	var a Activity
	a.AddStamp(&timeline.Stamp{When: time.Unix(1700000000, 0), Note: "day only"})
	if len(a.hours) != 0 {
		t.Error("a day counts as an hour")
	}
}

// TestEvidenceRows checks that what a row says already is not said again, and
// that one command shows all lines of a packed file.
func TestEvidenceRows(t *testing.T) {
	packed := func(line int) timeline.Evidence {
		return timeline.Evidence{Image: "disk.dd", Volume: "gpt:2", Inode: 7, Path: "/var/log/a.gz", Offset: 100, Length: 50, Line: line, Packed: "gzip"}
	}
	plain := func(line int) timeline.Evidence {
		return timeline.Evidence{Image: "disk.dd", Volume: "gpt:2", Inode: 8, Path: "/var/log/b", Offset: 1000 + int64(line), Length: 50, Line: line}
	}
	f := &rules.Finding{Count: 40, Severity: rules.High, Evidence: []timeline.Evidence{packed(9), packed(3), packed(9), plain(1), plain(2), {Image: "other.dd", Inode: 9, Path: "/x", Offset: -1}, plain(3)}}
	inv := &Investigation{Evidence: []EvidenceFile{{Path: "disk.dd"}}, Excerpt: func(e timeline.Evidence) string {
		if e.Line == 0 {
			return ""
		}
		return fmt.Sprintf("text %d\x1b\nmore\n", e.Line)
	},
		FileText: func(e timeline.Evidence) FileText {
			return FileText{Label: "the file begins", Text: "#!/bin/sh\n\n\n# one\n# two\n# three\n# four\n# five\n"}
		}}
	rows, more := inv.evidence(f)
	if more != 34 || len(rows) != maxEvidenceShown {
		t.Fatalf("%d rows, %d more", len(rows), more)
	}
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join([]string{r.Place, r.Volume, r.Inode, r.Image, r.Offset, r.Check, r.QuoteText(), r.Label}, "|"))
	}
	want := []string{
		`/var/log/a.gz:9|gpt:2|7||100||text 9\x1b` + "\nmore|",
		`line 3|||||` + `|text 3\x1b` + "\nmore|",
		`line 9|||||tail -c +101 disk.dd | head -c 50 | gzip -dc | sed -n '3p;9p'|text 9\x1b` + "\nmore|",
		`/var/log/b:1|gpt:2|8||1001|xxd -s 1001 -l 50 disk.dd|text 1\x1b` + "\nmore|",
		`line 2||||1002|xxd -s 1002 -l 50 disk.dd|text 2\x1b` + "\nmore|",
		"/x||9|other.dd|||#!/bin/sh\n# one\n# two\n# three|the file begins",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Of what honest servers have too, only what is new is quoted.
	for _, isNew := range []bool{false, true} {
		f := &rules.Finding{Severity: rules.Low, Evidence: []timeline.Evidence{{Image: "disk.dd", Inode: 9, Path: "/x", Offset: 1, Length: 1}}}
		inv.FileText = func(timeline.Evidence) FileText { return FileText{"label", "text", isNew} }
		if rows, _ := inv.evidence(f); (rows[0].Quote != nil) != isNew || (rows[0].Label != "") != isNew {
			t.Errorf("new is %v: %+v", isNew, rows[0])
		}
	}
}

// TestExplainedChanges checks that a change which others explain is written
// and counted, and not shown as one more.
func TestExplainedChanges(t *testing.T) {
	dir := t.TempDir()
	c, err := NewCase(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	folder := &timeline.File{Path: "/var/tmp", Type: filesystem.Directory, Mode: 0o41777}
	for _, fields := range []map[string]string{{"explained": "entries"}, nil, {"explained": "entries"}} {
		add(t, c, &timeline.Record{Kind: timeline.KindChange, File: folder, Fields: fields, Change: &timeline.Change{What: "metadata", Before: folder, After: folder, Differs: []string{"modified"}}})
	}
	inv := &Investigation{BaselineDamage: []Damage{{Image: "good.dd", Offset: 5, What: "extent node"}}}
	if err := c.Finish(inv); err != nil {
		t.Fatal(err)
	}
	explained := 0
	for _, line := range lines(t, filepath.Join(dir, ChangesFile)) {
		var v struct{ Path, Explained string }
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Path != "/var/tmp" {
			t.Fatalf("%v: %s", err, line)
		}
		if v.Explained == "entries" {
			explained++
		}
	}
	if explained != 2 || inv.Counts.Changes != 3 || inv.Counts.Explained != 2 || inv.Changes.Total() != 1 || inv.Counts.BaselineDamage != 1 || inv.Counts.Damage != 0 {
		t.Errorf("%d explained, counts %+v, %d to show", explained, inv.Counts, inv.Changes.Total())
	}
	text, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 directories differ only because names in them came or went", "content the same: 1\n", "1 metadata changed", "- of the baseline, good.dd, byte 5: extent node", "1 place of the baseline could not"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// TestBatches checks that batches make the same case as single records do.
func TestBatches(t *testing.T) {
	one, many := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, many} {
		c, err := NewCase(dir, false)
		if err != nil {
			t.Fatal(err)
		}
		c.spool.limit = 4 << 10
		var records []timeline.Record
		for i := range 300 {
			f := sample()
			f.Path = fmt.Sprintf("/dir/%d%s", i, names[i%len(names)])
			f.Times.Modified = at(int64(1700000000-i*7%1000), int32(i))
			records = append(records, timeline.Record{Kind: timeline.KindFile, File: f, Summary: f.Path,
				Evidence: timeline.Evidence{Image: "disk.dd", Volume: fmt.Sprint("gpt:", i%3), Inode: f.Inode, Path: f.Path, Offset: int64(i) * 256, Length: 256}})
		}
		if dir == one {
			for i := range records {
				add(t, c, &records[i])
			}
		} else {
			var batches [3]Batch
			done := make(chan error)
			for i := range batches {
				go func() { done <- c.Fill(&batches[i], records[i*100:(i+1)*100]) }()
			}
			for range batches {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			for i := range batches {
				if err := c.AddBatch(&batches[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		var b Batch
		if err := c.Fill(&b, []timeline.Record{{Kind: timeline.KindCommand}}); err == nil {
			t.Error("a command was taken for a file")
		}
		rows := int64(0)
		c.Progress = func(done, all int64) {
			if rows = done; done > all {
				t.Errorf("%d of %d rows", done, all)
			}
		}
		inv := &Investigation{}
		if err := c.Finish(inv); err != nil {
			t.Fatal(err)
		}
		if rows != inv.Counts.Events || rows == 0 {
			t.Errorf("the progress ended with %d of %d rows", rows, inv.Counts.Events)
		}
	}
	for _, name := range []string{RecordsFile, BodyFile, TimelineFile, TimelineCSVFile, ManifestFile} {
		a, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(many, name))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %d bytes and %d, %v", name, len(a), len(b), err)
		}
	}
}
