package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"

	"github.com/google/go-cmp/cmp"
)

func evidence(line int) timeline.Evidence {
	return timeline.Evidence{Image: "disk.dd", Path: "/var/log/x", Line: line, Offset: int64(line) * 100}
}

func minute(n int) time.Time {
	return time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
}

func TestSeverity(t *testing.T) {
	for s := Info; s <= Critical; s++ {
		got, err := ParseSeverity(s.String())
		if err != nil || got != s {
			t.Errorf("ParseSeverity(%q) = %v, %v", s, got, err)
		}
	}
	if _, err := ParseSeverity("grave"); err == nil {
		t.Error("an unknown severity was taken")
	}
	if s := Severity(77).String(); s != "severity(77)" {
		t.Errorf("String of an unknown one: %q", s)
	}
}

func TestValidTechnique(t *testing.T) {
	for id, want := range map[string]bool{
		"T1505.003": true, "T1190": true, "T1685.006": true, "T1690": true, "T1070.002": false, "T1562.003": false, "T1562": false,
		"t1190": false, "T119": false, "T1190.1": false, "T1190.": false, "": false, "T11900": false,
	} {
		if got := ValidTechnique(id); got != want {
			t.Errorf("ValidTechnique(%q) = %v", id, got)
		}
	}
}

// counter makes one finding of all lines of an account.
type counter struct{ groups Groups }

func (c *counter) Record(r *timeline.Record) {
	g := c.groups.Get(r.Fields["account"])
	g.Raise(Severity(len(r.Fields["severity"])))
	g.Account = r.Fields["account"]
	g.Summary = "lines of " + g.Account
	at := time.Time{}
	if len(r.Stamps) > 0 {
		at = r.Stamps[0].When
	}
	g.Add(r.Evidence, at, "")
	g.AddPath(r.Fields["path"])
}

func (c *counter) Findings() []Finding { return c.groups.Findings(nil) }

func counting(id string) *Rule {
	ex := Example{Name: "x", Records: []timeline.Record{{Kind: timeline.KindCommand}}}
	return &Rule{ID: id, Title: "Lines", Doc: "Counts lines.", Techniques: []string{"T1059.004"}, Kinds: []string{timeline.KindCommand},
		New: func(*Env) Checker { return &counter{} }, True: []Example{ex}, False: []Example{ex}}
}

func line(account, severity string, n, at int) timeline.Record {
	return timeline.Record{Kind: timeline.KindCommand, Fields: map[string]string{"account": account, "severity": severity, "path": fmt.Sprintf("/p%d", n)},
		Stamps: []timeline.Stamp{{When: minute(at)}}, Evidence: evidence(n)}
}

func TestEngine(t *testing.T) {
	records := []timeline.Record{
		line("bob", "!!", 3, 30), line("alice", "!", 1, 50), line("bob", "", 2, 20), line("carol", "!!", 5, 10), line("dave", "!!", 6, 10),
		{Kind: timeline.KindCron, Fields: map[string]string{"account": "other"}},
	}
	run := func() []Finding {
		return Run([]*Rule{counting("a"), counting("b")}, &Env{}, func(yield func(*timeline.Record) bool) {
			for i := range records {
				if !yield(&records[i]) {
					return
				}
			}
		})
	}
	first := run()
	var got []string
	for _, f := range first {
		got = append(got, fmt.Sprintf("%s %s %s %d %s", f.ID, f.Severity, f.Account, f.Count, f.Time.Format("15:04")))
	}
	want := []string{
		"a-1 medium carol 1 00:10", "a-2 medium dave 1 00:10", "b-1 medium carol 1 00:10", "b-2 medium dave 1 00:10", "a-3 medium bob 2 00:20", "b-3 medium bob 2 00:20",
		"a-4 low alice 1 00:50", "b-4 low alice 1 00:50",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	// The order of the records changes nothing.
	slices.Reverse(records)
	if d := cmp.Diff(first, run()); d != "" {
		t.Errorf("reversed (-first +second):\n%s", d)
	}
	for _, f := range first {
		if f.Account == "bob" && (f.Evidence[0].Line != 2 || f.Evidence[1].Line != 3 || f.Last != minute(30) || !slices.Equal(f.Paths, []string{"/p2", "/p3"})) {
			t.Errorf("bob: %+v", f)
		}
	}
}

func TestOrderOfNumbers(t *testing.T) {
	a, b := Finding{Rule: "x", ID: "x-2"}, Finding{Rule: "x", ID: "x-10"}
	if compare(&a, &b) >= 0 || compare(&b, &a) <= 0 {
		t.Error("x-10 comes before x-2")
	}
	a.Time = minute(1)
	if compare(&b, &a) <= 0 {
		t.Error("a finding without a time comes before one with it")
	}
}

func TestGroupBounds(t *testing.T) {
	var g Group
	n := MaxEvidence * 40
	order := make([]int, n)
	for i := range order {
		order[i] = (i*7919 + 13) % n // some order
	}
	for _, i := range order {
		g.Add(evidence(i), minute(i), fmt.Sprint("note ", i))
		g.AddPath(fmt.Sprintf("/p/%05d", i))
		g.AddPath(fmt.Sprintf("/p/%05d", i))
	}
	f := g.Finding()
	if f.Count != n || len(f.Evidence) != MaxEvidence || f.Time != minute(0) || f.Last != minute(n-1) || f.TimeNote != "note 0" {
		t.Errorf("count %d, %d pieces of evidence, %v to %v, %q", f.Count, len(f.Evidence), f.Time, f.Last, f.TimeNote)
	}
	for i, ev := range f.Evidence {
		if ev.Line != i {
			t.Errorf("evidence %d is of line %d, not among the earliest", i, ev.Line)
		}
	}
	if len(f.Paths) != MaxPaths || f.PathCount != n || f.Paths[0] != "/p/00000" || !slices.IsSorted(f.Paths) {
		t.Errorf("%d paths of %d, %q first", len(f.Paths), f.PathCount, f.Paths[0])
	}
}

func TestGroupTimes(t *testing.T) {
	var g Group
	g.Add(evidence(1), time.Time{}, "")
	g.Add(evidence(2), minute(5), "known")
	if f := g.Finding(); f.Time != minute(5) || f.TimeNote != "known" || f.Evidence[0].Line != 2 {
		t.Errorf("a known time must come before an unknown one: %+v", f)
	}
	var h Group
	h.Add(evidence(3), minute(1), "earlier")
	h.AddPath("/b")
	g.AddPath("/a")
	g.Merge(&h)
	if f := g.Finding(); f.Count != 3 || f.Time != minute(1) || f.TimeNote != "earlier" || f.Evidence[0].Line != 3 || len(f.Paths) != 2 {
		t.Errorf("merged: %+v", f)
	}
}

// TestTooManyGroups checks that nothing is lost when there are more findings
// than a rule may have.
func TestTooManyGroups(t *testing.T) {
	var gs Groups
	for i := range maxGroups + 500 {
		g := gs.Get(fmt.Sprint("key ", i))
		g.Add(evidence(i), minute(i), "")
		if gs.Rest(g) != (i >= maxGroups) {
			t.Fatalf("group %d: Rest is %v", i, gs.Rest(g))
		}
	}
	fs := gs.Findings(func(*Group) string { return "s" })
	total := 0
	for _, f := range fs {
		total += f.Count
	}
	if len(fs) != maxGroups+1 || total != maxGroups+500 {
		t.Errorf("%d findings of %d records", len(fs), total)
	}
}

func TestValidate(t *testing.T) {
	if err := Validate([]*Rule{counting("fine")}); err != nil {
		t.Errorf("a valid rule: %v", err)
	}
	for name, spoil := range map[string]func(*Rule){
		"not lower case":    func(r *Rule) { r.ID = "Fine" },
		"no Title":          func(r *Rule) { r.Doc = " " },
		"unknown kind":      func(r *Rule) { r.Kinds = []string{"tea"} },
		"twice":             func(r *Rule) { r.Kinds = append(r.Kinds, r.Kinds[0]) },
		"reads no kind":     func(r *Rule) { r.Kinds = nil },
		"no technique of":   func(r *Rule) { r.Techniques = []string{"T1562.003"} },
		"no technique":      func(r *Rule) { r.Techniques = nil },
		"no New":            func(r *Rule) { r.New = nil },
		"no true or":        func(r *Rule) { r.False = nil },
		"without a name":    func(r *Rule) { r.True = []Example{{}} },
		"unknown severity":  func(r *Rule) { r.Severity = 9 },
		"another one of it": func(r *Rule) { r.ID = "other" },
	} {
		r := counting("fine")
		spoil(r)
		list := []*Rule{r, counting("other")}
		err := Validate(list)
		if name == "another one of it" {
			name = "another one of that ID"
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if Validate([]*Rule{nil}) == nil {
		t.Error("a nil rule was taken")
	}
}

func TestEnv(t *testing.T) {
	e := Env{Accounts: []Account{{Name: "root"}, {Name: "toor"}, {Name: "web", UID: 33}}}
	if n := e.AccountName(0); n != "root" {
		t.Errorf("the first of user id 0 is %q", n)
	}
	if a, ok := e.Account("web"); !ok || a.UID != 33 {
		t.Errorf("web: %+v %v", a, ok)
	}
	if _, ok := e.Account("nobody"); ok || e.AccountName(99) != "" {
		t.Error("an unknown account was found")
	}
}
