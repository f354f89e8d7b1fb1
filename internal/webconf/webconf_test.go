package webconf

import (
	"path"
	"slices"
	"testing"
)

func TestLogPatterns(t *testing.T) {
	for in, want := range map[string]string{
		"logs/access_log":   "/etc/httpd/logs/access_log",
		"/var/log/a[1].log": `/var/log/a\[1].log`,
		"|/usr/sbin/rotatelogs /var/log/a.%Y-%m-%d 86400":        "/var/log/a.*-*-*",
		"||/usr/sbin/rotatelogs -l -f /var/log/a.log.%Y%m 86400": "/var/log/a.log.*",
		"|$/usr/sbin/cronolog /var/log/%Y/%m/a.log":              "/var/log/*/*/a.log",
		"|/usr/bin/logger -t apache":                             "",
		"syslog:local1":                                          "",
		"${UNKNOWN}/a.log":                                       "",
		"":                                                       "",
	} {
		if got := apacheLogPattern(in, "/etc/httpd"); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	if got := literal("/var/log/$host.${name}x.log", "$"); got != "/var/log/*.*x.log" {
		t.Error(got)
	}
}

func TestRotated(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"/l/access.log", "/l/access.log", true}, {"/l/access.log", "/l/access.log.1", true}, {"/l/access.log", "/l/access.log.2.gz", true}, {"/l/access.log", "/l/access.log-20240101", true},
		{"/l/access.log", "/l/access-2024-01-01.log", true}, {"/l/access.log", "/l/access.log2", false}, {"/l/access.log", "/l/other.log", false}, {"/l/access.log", "/l/accesses.log", false},
		{"/l/*.log", "/l/example.org.log.1", true}, {`/l/a\[1].log`, "/l/a[1].log.1", true}, {"/l/org", "/l/organ", false},
	}
	for _, tt := range tests {
		l := Log{Pattern: tt.pattern}
		got := slices.ContainsFunc(l.Rotated(), func(p string) bool {
			ok, err := path.Match(p, tt.name)
			if err != nil {
				t.Fatalf("%q: %v", p, err)
			}
			return ok
		})
		if got != tt.want {
			t.Errorf("%s and %s: %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	if got, want := apacheWords(`LogFormat "%h \"%r\" \\t" 'a b'  c`), []string{"LogFormat", `%h "%r" \t`, "a b", "c"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestIncludes has two files that include one another: the reading ends.
func TestIncludes(t *testing.T) {
	files := map[string]string{
		"/etc/apache2/apache2.conf": "Include a.conf\nInclude a.conf\n", "/etc/apache2/a.conf": "Include b.conf\nInclude b.conf\n<VirtualHost *>\nServerName x\nInclude a.conf\nErrorLog /x.err\n</VirtualHost>\n", "/etc/apache2/b.conf": "Include a.conf\nInclude a.conf\n",
	}
	reads := 0
	c := Read(Tree{Glob: func(string) []string { return nil }, Read: func(name string) (string, []byte, bool) {
		reads++
		b, ok := files[name]
		return name, []byte(b), ok
	}}, "/etc/apache2/apache2.conf")
	if reads > maxFiles+10 || len(c.Sites) == 0 || len(c.Sites) > maxSites {
		t.Errorf("%d reads, %d sites", reads, len(c.Sites))
	}
}
