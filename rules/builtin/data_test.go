package builtin

import (
	"encoding/csv"
	"net/url"
	"os"
	"testing"

	"deadbox/timeline"
)

const paramsFile = "../../../shared/data/attacks/http-params/payload_train.csv"

// TestParameters measures the judging of requests on the parameters of
// https://github.com/Morzeux/HttpParamsDataset, which are labelled by others.
func TestParameters(t *testing.T) {
	f, err := os.Open(paramsFile)
	if err != nil {
		t.Skipf("the labelled parameters are not here: %v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type count struct{ total, hit, same int }
	counts := map[string]*count{}
	want := map[string]attack{"sqli": sqlInjection, "xss": crossSite, "path-traversal": traversal, "cmdi": commandInjection}
	var m requestMatcher
	for _, row := range rows[1:] {
		value, label := row[0], row[2]
		c := counts[label]
		if c == nil {
			c = &count{}
			counts[label] = c
		}
		c.total++
		r := aRequest("192.0.2.7", "GET", "/page.php?p="+url.QueryEscape(value), 200)
		got := judgeRecord(&m, &r)
		if got.attack != noAttack {
			c.hit++
		}
		if got.attack == want[label] {
			c.same++
		}
		if label == "norm" && got.attack != noAttack {
			t.Errorf("ordinary value taken for %s: %q", attackNames[got.attack], value)
		}
		if testing.Verbose() && label != "norm" && got.attack == noAttack {
			t.Logf("missed %s: %q", label, value)
		}
	}
	for label, floor := range map[string]float64{"sqli": 0.97, "xss": 0.85, "path-traversal": 0.35, "cmdi": 0.6} {
		c := counts[label]
		if c == nil {
			t.Errorf("no values labelled %s", label)
			continue
		}
		rate := float64(c.hit) / float64(c.total)
		t.Logf("%-15s %5d of %5d found (%.1f%%), %d by their name", label, c.hit, c.total, 100*rate, c.same)
		if rate < floor {
			t.Errorf("%s: %.3f found, want %.3f", label, rate, floor)
		}
	}
	t.Logf("%-15s %5d of %5d taken for attacks", "norm", counts["norm"].hit, counts["norm"].total)
}

func judgeRecord(m *requestMatcher, r *timeline.Record) match {
	return m.judge(r.Fields["method"], r.Fields["url"], r.Fields["user_agent"], r.Fields["referer"])
}
