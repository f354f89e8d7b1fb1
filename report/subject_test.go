package report

import (
	"bytes"
	"strings"
	"testing"

	"deadbox/rules"
)

// TestTerminalJoinsSubjects checks that what several rules say of one thing
// is one row, the gravest, and that none is lost from the count.
func TestTerminalJoinsSubjects(t *testing.T) {
	find := func(id, title, subject string, s rules.Severity) rules.Finding {
		return rules.Finding{ID: id, Rule: "r", Title: title, Subject: subject, Severity: s}
	}
	inv := &Investigation{Findings: []rules.Finding{
		find("a-1", "Grave one", "/tmp/x", rules.Critical),
		find("b-1", "Hidden twin", "/tmp/x", rules.High),
		find("c-1", "Second twin", "/tmp/x", rules.Low),
		find("d-1", "Other thing", "/etc/y", rules.High),
		find("e-1", "Without subject", "", rules.Medium),
		find("f-1", "Also without", "", rules.Medium),
		find("g-1", "Left for the report", "/z", rules.Low),
	}}
	var out bytes.Buffer
	if err := WriteTerminal(&out, inv, TerminalOptions{Width: 120, Findings: 4}); err != nil {
		t.Fatal(err)
	}
	s := out.String()
	for _, want := range []string{"Grave one (+2)", "Other thing", "Without subject", "Also without", "and 1 more finding in the report"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
	for _, not := range []string{"Hidden twin", "Second twin", "Left for", "Other thing (+"} {
		if strings.Contains(s, not) {
			t.Errorf("%q stands in\n%s", not, s)
		}
	}
}
