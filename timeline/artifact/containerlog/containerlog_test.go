package containerlog

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"deadbox/timeline"
)

const shared = "../../../../shared/data/logs/plaso/"

func source(name, text string) *timeline.Source {
	return &timeline.Source{
		Path: name, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
		},
	}
}

func collect(seq iter.Seq2[timeline.Record, error]) (records []timeline.Record, errs []error) {
	for r, err := range seq {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		records = append(records, r)
	}
	return records, errs
}

func show(f map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s=%q", k, f[k]))
	}
	return strings.Join(parts, " ")
}

// TestPlaso compares with what plaso's tests expect of the same logs. Two differences: plaso keeps the blank
// before a CRI line's text, and a Docker line's end; here neither belongs to the message.
func TestPlaso(t *testing.T) {
	b, err := os.ReadFile(shared + "expected.json")
	if err != nil {
		t.Skipf("the shared data are not here: %v", err)
	}
	var tests []struct {
		Test     string
		File     *string
		Events   int
		Expected []struct {
			Index  int
			Values map[string]any
		}
	}
	if err := json.Unmarshal(b, &tests); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, tt := range tests {
		var got []timeline.Record
		var errs []error
		var name, prefix string
		switch {
		case strings.Contains(tt.Test, "/cri.py:"):
			name = shared + *tt.File
			got, errs = collect(CRI.Run(context.Background(), source("/var/log/pods/default_web_1/app/0.log", text(t, name))))
			prefix = "event_datetime"
		case strings.Contains(tt.Test, "/docker_container_log.py:"):
			found, _ := filepath.Glob(shared + "test_data/docker/containers/*/container-json.log")
			name = found[0]
			got, errs = collect(Docker.Run(context.Background(), source("/var/lib/docker/containers/"+filepath.Base(filepath.Dir(name))+"/container-json.log", text(t, name))))
			prefix = "written_time"
		default:
			continue
		}
		if len(errs) > 0 || len(got) != tt.Events {
			t.Errorf("%s: %d records, %v; plaso has %d events", tt.Test, len(got), errs, tt.Events)
			continue
		}
		for _, w := range tt.Expected {
			compared++
			// The order is that of the ends of lines; the line tells which is meant.
			r := got[slices.IndexFunc(got, func(r timeline.Record) bool { return r.Evidence.Line == w.Index+1 })]
			body, _ := w.Values["body"].(string)
			if s, ok := w.Values["log_line"].(string); ok {
				body = strings.TrimRight(s, "\r\n")
			}
			stream, _ := w.Values["stream"].(string)
			if s, ok := w.Values["log_source"].(string); ok {
				stream = s
			}
			when, err := time.Parse(time.RFC3339Nano, w.Values[prefix].(string))
			if err != nil {
				t.Fatal(err)
			}
			if r.Fields["message"] != strings.TrimPrefix(body, " ") || r.Fields["stream"] != stream || !r.Stamps[0].When.Equal(when) {
				t.Errorf("%s: event %d is %s at %v, want %q %q %v", tt.Test, w.Index, show(r.Fields), r.Stamps[0].When, stream, body, when)
			}
		}
	}
	if compared != 4 {
		t.Errorf("%d events were compared, want 4", compared)
	}
}

func text(t *testing.T, name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNames(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for p, want := range map[string]string{
		"/var/log/pods/kube-system_dns-7_8f1c-42/dns/3.log":                                         `namespace="kube-system" pod="dns-7" pod_uid="8f1c-42" program="dns"`,
		"/var/log/pods/kube-system_dns-7_8f1c-42/dns_0.log":                                         `namespace="kube-system" pod="dns-7" pod_uid="8f1c-42" program="dns"`,
		"/var/log/containers/web-1_shop_nginx-front-" + id + ".log":                                 `container="` + id + `" namespace="shop" pod="web-1" program="nginx-front"`,
		"/var/lib/containers/storage/overlay-containers/" + id + "/userdata/ctr.log":                `container="` + id + `" program="0123456789ab"`,
		"/home/u/.local/share/containers/storage/overlay-containers/" + id + "/userdata/ctr.log.gz": `container="` + id + `" program="0123456789ab"`,
		"/var/log/pods/odd/x.log": ``,
	} {
		f := criNames(p)
		if p == "/var/log/pods/odd/x.log" {
			delete(f, "program")
		}
		if got := show(f); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
	s := source("/var/lib/docker/containers/"+id+"/"+id+"-json.log", `{"log":"x\n","stream":"stdout","time":"2024-01-02T03:04:05.6Z"}`)
	s.Sibling = func(name string) *timeline.Source {
		if name == "/var/lib/docker/containers/"+id+"/config.v2.json" {
			return source(name, `{"Name":"/shop","Config":{"Image":"nginx:1.25","Labels":null},"Path":"x"}`)
		}
		return nil
	}
	got, errs := collect(Docker.Run(context.Background(), s))
	if want := `container="` + id + `" image="nginx:1.25" message="x" program="shop" stream="stdout"`; len(errs) > 0 || len(got) != 1 || show(got[0].Fields) != want || got[0].Summary != "shop: x" {
		t.Errorf("%v %v, want %s", got, errs, want)
	}
}

func TestDataRoot(t *testing.T) {
	if got := dataRoot(source("/etc/docker/daemon.json", `{"data-root": "/srv/[d]/", "debug": true}`)); !slices.Equal(got, []string{`/srv/\[d]/containers/*/*-json.log*`}) {
		t.Errorf("%q", got)
	}
	if got := dataRoot(source("/etc/docker/daemon.json", `{"data-root": `)); got != nil {
		t.Errorf("%q", got)
	}
}

// TestJoined joins what was split: of each stream by itself, and not over a long pause.
func TestJoined(t *testing.T) {
	cri := "2024-01-01T00:00:00.1Z stdout P one \n2024-01-01T00:00:00.2Z stderr P err\n2024-01-01T00:00:00.3Z stdout P two \n2024-01-01T00:00:00.4Z stdout F three\n" +
		"2024-01-01T00:00:00.5Z stderr F or\n2024-01-01T00:00:01Z stdout P lost\n2024-01-01T09:00:00Z stdout F late\n2024-01-01T09:00:00Z stdout F \n2024-01-01T09:00:01Z stdout F:x a  b\n" +
		"2024-01-01T09:00:02Z stdout P c\n2024-01-01T09:00:02Z stdout P d"
	docker := ""
	for _, l := range strings.Split(cri, "\n") {
		w := strings.SplitN(l, " ", 4)
		end := `\n`
		if w[2] == "P" {
			end = ""
		}
		docker += fmt.Sprintf(`{"log":%q,"stream":%q,"time":%q}`+"\n", w[3], w[1], w[0])
		docker = strings.Replace(docker, fmt.Sprintf(`"log":%q,`, w[3]), fmt.Sprintf(`"log":"%s%s",`, w[3], end), 1)
	}
	want := []string{"one two three@0 stdout", "error@1 stderr", "lost@5 stdout", "late@6 stdout", "@7 stdout", "a  b@8 stdout", "cd@9 stdout"}
	for name, text := range map[string]string{"cri": cri, "docker": docker} {
		run := CRI.Run
		if name == "docker" {
			run = Docker.Run
		}
		got, errs := collect(run(context.Background(), source("/x/y", text)))
		var list []string
		for _, r := range got {
			list = append(list, fmt.Sprintf("%s@%d %s", r.Fields["message"], r.Evidence.Line-1, r.Fields["stream"]))
			said := text[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]
			if whole := strings.Contains(said, "\n"); whole != (r.Fields["message"] == "cd") {
				t.Errorf("%s: the evidence of %q is %q", name, r.Fields["message"], said)
			}
		}
		if len(errs) > 0 || !slices.Equal(list, want) {
			t.Errorf("%s:\ngot  %q %v\nwant %q", name, list, errs, want)
		}
	}
}

func TestDocker(t *testing.T) {
	for line, want := range map[string]string{
		`{"log":"a\\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}`:                                     `message="a\\n" stream="stdout"`,
		`{"log":"\"q\" \u00e9\n","stream":"stderr","time":"2024-01-02T03:04:05.123456789Z"}`:                 `message="\"q\" é" stream="stderr"`,
		`{"log":"x\n","stream":"stdout","attrs":{"tag":"web","env":"p"},"time":"2024-01-02T03:04:05+02:00"}`: `env="p" message="x" stream="stdout" tag="web"`,
		`{"time":"2024-01-02T03:04:05Z","stream":"stdout","log":"other order\n"}`:                            `message="other order" stream="stdout"`,
		`{"log":"no time\n","stream":"stdout","time":"yesterday"}`:                                           `message="no time" stream="stdout" time="yesterday"`,
		`{"log":"","stream":"stdout","time":"2024-01-02T03:04:05Z"}`:                                         `message="" stream="stdout"`,
		`{"log":"two\nlines\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}`:                             `message="two\nlines" stream="stdout"`,
		`{"log":"` + "\xff" + `x\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}`:                        `message="\xffx" stream="stdout"`,
	} {
		got, errs := collect(Docker.Run(context.Background(), source("/x/y", line+"\n")))
		if len(errs) > 0 || len(got) != 1 || show(got[0].Fields) != want || len(got[0].Stamps) == 1 == (got[0].Fields["time"] != "") {
			t.Errorf("%s: %v %v, want %s", line, got, errs, want)
		}
	}
}

// TestDamaged loses no more than the bad part.
func TestDamaged(t *testing.T) {
	docker := func(s string) string {
		return `{"log":"` + s + `\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}` + "\n"
	}
	cri := func(s string) string { return "2024-01-02T03:04:05Z stdout F " + s + "\n" }
	for name, line := range map[string]func(string) string{"docker": docker, "cri": cri} {
		run := Docker.Run
		if name == "cri" {
			run = CRI.Run
		}
		text := line("1") + strings.Repeat("\x00", 4096) + line("2") + strings.Repeat("A", 3<<20) + "\n" + line("3") + line("4")[:20] + "\n" + strings.Repeat("\x01\xff\n", 100) + line("5") + line("6")[:25]
		got, errs := collect(run(context.Background(), source("/x/y", text)))
		var list []string
		for _, r := range got {
			if m := r.Fields["message"]; len(m) < 10 {
				list = append(list, m)
			}
		}
		if strings.Join(list, " ") != "1 2 3 5" || len(errs) < 4 || len(errs) > maxOdd+4 {
			t.Errorf("%s: %q, %d errors", name, list, len(errs))
		}
	}
	// A line that never ends is kept up to a bound.
	long := strings.Repeat("2024-01-02T03:04:05Z stdout P "+strings.Repeat("x", 16<<10)+"\n", 200)
	got, _ := collect(CRI.Run(context.Background(), source("/x/y", long)))
	if len(got) != 1 || len(got[0].Fields["message"]) != maxJoined || got[0].Fields["incomplete"] == "" {
		t.Errorf("%d records", len(got))
	}
}

func FuzzRun(f *testing.F) {
	f.Add(`{"log":"a\n","stream":"stdout","time":"2024-01-02T03:04:05Z"}` + "\n2024-01-02T03:04:05Z stdout P x\n")
	f.Add(`{"log":"\\\"\u00e9","stream":"stderr","attrs":{"a":"b"},"time":""}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, run := range []func(context.Context, *timeline.Source) iter.Seq2[timeline.Record, error]{Docker.Run, CRI.Run} {
			for r, err := range run(context.Background(), source("/var/log/pods/a_b_c/d/0.log", text)) {
				if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
					t.Fatalf("%+v", r)
				}
			}
		}
		// Both ways of reading an entry give the same.
		if e, clock, ok := quick([]byte(text)); ok {
			var j struct{ Log, Stream, Time string }
			if err := json.Unmarshal([]byte(text), &j); err == nil && utf8.ValidString(text) && (string(e.text) != j.Log || e.stream != j.Stream || clock != j.Time) {
				t.Fatalf("%q %q %q, encoding/json says %+v", e.text, e.stream, clock, j)
			}
		}
	})
}

func BenchmarkDocker(b *testing.B) {
	text := strings.Repeat(`{"log":"192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] \"GET / HTTP/1.1\" 200 612\n","stream":"stdout","time":"2024-01-02T03:04:05.123456789Z"}`+"\n", 50000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for range Docker.Run(context.Background(), source("/x/y", text)) {
		}
	}
}
