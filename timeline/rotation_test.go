package timeline

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestRotationOrder(t *testing.T) {
	want := strings.Fields(`
		/l/access-2024-01-30.log /l/access-2024-01-31.log.gz /l/access.log-20240201 /l/access.log.10.gz /l/access.log.9.gz /l/access.log.2.xz /l/access.log.1 /l/access.log
		/l/app.log.2024-01-31.1 /l/app.log.2024-01-31.2 /l/app.log.2024-02-01 /l/app.log
		/l/auth
		/l/cron-20240107 /l/cron-20240114.bz2 /l/cron
		/l/dmesg.4.gz /l/dmesg.1.gz /l/dmesg.0 /l/dmesg
		/l/foo-1706713200 /l/foo-20240201-120000.zst /l/foo-20240201-130000.zst /l/foo
		/l/mysql-bin.000001 /l/mysql-bin.000002
		/l/secure.3 /l/secure.old /l/secure`)
	got := slices.Clone(want)
	slices.Sort(got)
	slices.SortStableFunc(got, func(a, b string) int { return RotationOf(a).Compare(RotationOf(b)) })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRotationOf(t *testing.T) {
	for name, want := range map[string]Rotation{
		"/var/log/syslog":                     {"/var/log/syslog", -1, ""},
		"/var/log/syslog.1":                   {"/var/log/syslog", 1, ""},
		"/var/log/syslog.12.gz":               {"/var/log/syslog", 12, ""},
		"/var/log/messages-20240131":          {"/var/log/messages", -1, "20240131000000"},
		"/var/log/messages-20241331":          {"/var/log/messages-20241331", -1, ""},
		"/var/log/x-2024-01-31.log.zst":       {"/var/log/x.log", -1, "20240131000000"},
		"/var/log/httpd/a_log-1706713200":     {"/var/log/httpd/a_log", -1, "20240131150000"},
		"/var/log/.1":                         {"/var/log/.1", -1, ""},
		"/var/log/.gz":                        {"/var/log/.gz", -1, ""},
		"/opt/tomcat/catalina.2024-01-31.log": {"/opt/tomcat/catalina.log", -1, "20240131000000"},
		"/var/log/x.1.log":                    {"/var/log/x.log", 1, ""},
		"":                                    {"", -1, ""},
	} {
		if got := RotationOf(name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	// Logs that are named by addresses keep a total order.
	if a, b := RotationOf("/l/192.0.2.1"), RotationOf("/l/192.0.2.2"); a.Compare(b) == 0 || a.Compare(b) != -b.Compare(a) {
		t.Errorf("%+v and %+v have no order", a, b)
	}
}

func TestRotated(t *testing.T) {
	patterns := Rotated("/srv/l[0]g/x.log")
	for name, want := range map[string]bool{
		"/srv/l[0]g/x.log": true, "/srv/l[0]g/x.log.1": true, "/srv/l[0]g/x.log.2.gz": true, "/srv/l[0]g/x.log-20240131.xz": true, "/srv/l[0]g/x-20240131.log": true, "/srv/l[0]g/x.log.gz": true,
		"/srv/l0g/x.log": false, "/srv/l[0]g/x.log.bak": false, "/srv/l[0]g/xy.log": false, "/srv/l[0]g/x-error.log": false,
	} {
		got := slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, name); return ok && err == nil })
		if got != want {
			t.Errorf("%s fits %t, want %t", name, got, want)
		}
	}
}
