package builtin

import (
	"fmt"
	"testing"

	"deadbox/rules"
	"deadbox/timeline"
)

func TestValidate(t *testing.T) {
	if err := rules.Validate(All); err != nil {
		t.Error(err)
	}
}

func run(list []*rules.Rule, env rules.Env, records []timeline.Record) []rules.Finding {
	e := rules.NewEngine(list, &env)
	for i := range records {
		e.Record(&records[i])
	}
	return e.Findings()
}

// BenchmarkFiles shows all rules ordinary files, as most of a server's are.
func BenchmarkFiles(b *testing.B) {
	var records []timeline.Record
	for _, p := range []string{"/usr/share/doc/x/README", "/usr/lib/python3/dist-packages/a/b.py", "/var/lib/dpkg/info/x.list", "/var/www/html/wp-includes/js/a.js", "/home/alice/src/x/main.go", "/usr/bin/ls", "/var/lib/docker/overlay2/a/diff/usr/bin/su", "/etc/ssl/certs/a.pem", "/tmp/notes.txt", "/var/log/apt/term.log.1.gz"} {
		records = append(records, aFile(p, packaged), aFile(p, magic("")))
	}
	e := rules.NewEngine(All, &debianEnv)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.Record(&records[i%len(records)])
	}
}

func TestExamples(t *testing.T) {
	for _, r := range All {
		for _, ex := range r.True {
			t.Run(r.ID+"/"+ex.Name, func(t *testing.T) {
				fs := run([]*rules.Rule{r}, ex.Env, ex.Records)
				if len(fs) == 0 {
					t.Fatal("the rule is quiet")
				}
				if fs[0].Severity != ex.Severity {
					t.Errorf("severity %v, want %v: %s", fs[0].Severity, ex.Severity, fs[0].Summary)
				}
				for _, f := range fs {
					if f.Summary == "" || f.Title == "" || f.ID == "" || f.Rule != r.ID || len(f.Evidence) == 0 || f.Count == 0 || len(f.Techniques) == 0 {
						t.Errorf("incomplete finding %+v", f)
					}
					for _, id := range f.Techniques {
						if !rules.ValidTechnique(id) {
							t.Errorf("technique %q", id)
						}
					}
				}
				if testing.Verbose() {
					for _, f := range fs {
						fmt.Printf("%-9s %s\n", f.Severity, f.Summary)
					}
				}
			})
		}
		for _, ex := range r.False {
			t.Run(r.ID+"/not/"+ex.Name, func(t *testing.T) {
				for _, f := range run([]*rules.Rule{r}, ex.Env, ex.Records) {
					t.Errorf("fired: %v %s", f.Severity, f.Summary)
				}
			})
		}
	}
}
