package main

import (
	"testing"

	"deadbox/report"
)

func TestNewLines(t *testing.T) {
	for _, tt := range []struct {
		text, former string
		want         report.FileText
	}{
		{"a\nb\n", "a\nb\n", report.FileText{}},
		{"b\na\n", "a\nb\n", report.FileText{}},
		{"a\nb\nnew\n", "a\nb\n", report.FileText{Label: "lines that the baseline has not", Text: "new\n", New: true}},
		{"a\na\n\n", "a\n", report.FileText{Label: "lines that the baseline has not", Text: "a\n", New: true}},
		{"x\nno end", "x\n", report.FileText{Label: "lines that the baseline has not", Text: "no end\n", New: true}},
		{"a\n", "a\nb\n", report.FileText{Label: "lines of the baseline that are gone", Text: "b\n", New: true}},
	} {
		got := newLines([]byte(tt.text), []byte(tt.former))
		if got.Text == "" {
			got = report.FileText{}
		}
		if got != tt.want {
			t.Errorf("%q after %q: %+v, want %+v", tt.text, tt.former, got, tt.want)
		}
	}
	if got := newLines([]byte("a\n"), nil); got != (report.FileText{}) {
		t.Errorf("without a baseline: %+v", got)
	}
}

func TestMaskHash(t *testing.T) {
	for line, want := range map[string]string{
		"root:$y$j9T$abc$def:19000:0:99999:7:::": "root:(hash):19000:0:99999:7:::",
		"games::19000:0:99999:7:::":              "games::19000:0:99999:7:::",
		"bin:*:19000:0:99999:7:::":               "bin:*:19000:0:99999:7:::",
		"bob:!:19000:0:99999:7:::":               "bob:!:19000:0:99999:7:::",
		"bob:!$6$salt$hash:19000:0:99999:7:::":   "bob:(hash):19000:0:99999:7:::",
		"no colons":                              "no colons",
	} {
		if got := maskHash(line); got != want {
			t.Errorf("%s became %s, want %s", line, got, want)
		}
	}
	for path, want := range map[string]bool{"/etc/shadow": true, "/etc/shadow-": true, "/etc/passwd": false, "/etc/gshadow": true} {
		if secret(path) != want {
			t.Errorf("secret(%s) is not %v", path, want)
		}
	}
}
