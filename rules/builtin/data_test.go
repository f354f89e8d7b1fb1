package builtin

import (
	"encoding/csv"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// combined reads a line of an access log in the combined format, with or
// without a host before it, as far as these tests need it.
var combined = regexp.MustCompile(`(?:^|\s)(\S+) \S+ \S+ \[[^\]]+\] "(\S+) (.*?)(?: HTTP/[0-9.]+)?" (\d+) \S+(?: "(.*?)" "(.*?)")?`)

// crowdsecAttacks are the sets of https://github.com/crowdsecurity/hub whose
// scenario is an attack by what single requests hold, and what it is here.
var crowdsecAttacks = map[string][]attack{
	"CVE-2017-9841": {knownHole}, "CVE-2019-18935": {knownHole}, "CVE-2022-26134": {template}, "CVE-2022-35914": {knownHole}, "CVE-2022-42889": {template}, "CVE-2022-44877": {commandInjection},
	"CVE-2022-46169": {commandInjection}, "CVE-2023-22515": {knownHole}, "CVE-2024-9474": {knownHole}, "apache-cve-2021-41773": {commandInjection, traversal}, "apache_log4j2_cve-2021-44228": {template},
	"f5-big-ip-cve-2020-5902": {knownHole, traversal}, "grafana_cve-2021-43798": {traversal}, "http-cve-probing": {knownHole}, "jira_cve-2021-26086": {traversal}, "nginx-cve-2021-41773": {traversal, commandInjection},
	"nginx-http-backdoor": {webShell}, "apache-http-probing": {inclusion}, "nginx-http-path-traversal": {traversal}, "nginx-http-sqli-probing": {sqlInjection}, "nginx-http-xss-probing": {crossSite}, "spring4shell_cve-2022-22965": {template}, "thinkphp-cve-2018-20062": {knownHole},
}

// crowdsecClean are sets of ordinary requests.
var crowdsecClean = []string{"apache2-logs", "nginx_http-logs", "nginx-proxy-manager-logs", "http-bf-wordpress-bf", "nginx-http-generic-bf", "http-dos-bypass-cache", "http-dos-switching-ua", "http-dos-random-uri"}

func crowdsecLines(t *testing.T, set string) []timeline.Record {
	files, err := filepath.Glob("../../../shared/data/attacks/crowdsec/" + set + "/*.log")
	if err != nil || len(files) == 0 {
		t.Skipf("the set %s is not here", set)
	}
	var out []timeline.Record
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(string(text), "\n") {
			m := combined.FindStringSubmatch(l)
			if m == nil {
				continue
			}
			r := aRequest(m[1], m[2], m[3], 0, "status", m[4], "referer", m[5], "user_agent", m[6])
			r.Evidence.Line = len(out) + 1
			out = append(out, r)
		}
	}
	return out
}

func TestCrowdsec(t *testing.T) {
	lines, hits := 0, 0
	for set, want := range crowdsecAttacks {
		var m requestMatcher
		found := map[attack]int{}
		n := 0
		for _, r := range crowdsecLines(t, set) {
			n++
			got := judgeRecord(&m, &r)
			if got.attack != noAttack {
				found[got.attack]++
				hits++
			} else {
				t.Logf("%s: not seen: %s", set, r.Fields["url"])
			}
		}
		lines += n
		any := 0
		for _, a := range want {
			any += found[a]
		}
		if n > 0 && any == 0 {
			t.Errorf("%s: none of %d requests is taken for %s: %v", set, n, attackNames[want[0]], found)
		}
	}
	t.Logf("%d of %d requests of %d sets of attacks seen", hits, lines, len(crowdsecAttacks))
	for _, set := range crowdsecClean {
		var m requestMatcher
		for _, r := range crowdsecLines(t, set) {
			if got := judgeRecord(&m, &r); got.attack != noAttack {
				t.Errorf("%s: %s is taken for %s", set, r.Fields["url"], attackNames[got.attack])
			}
		}
	}
}
