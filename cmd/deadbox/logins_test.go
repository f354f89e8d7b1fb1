package main

import (
	"testing"
	"time"

	"deadbox/timeline"
	"deadbox/timeline/artifact/utmp"
)

// TestOneOfEach joins the sessions that wtmp and wtmpdb both hold.
func TestOneOfEach(t *testing.T) {
	start := time.Date(2026, 11, 24, 11, 4, 48, 900e6, time.UTC)
	session := func(path, account, address string, late, lasted time.Duration, ended string) utmp.Session {
		s := utmp.Session{Start: start.Add(late), Ended: ended, Login: timeline.Record{
			Fields: map[string]string{"account": account, "tty": "pts/0", "address": address}, Evidence: timeline.Evidence{Path: path},
		}}
		if lasted > 0 {
			s.Until = s.Start.Add(lasted)
		}
		return s
	}
	got := oneOfEach([]utmp.Session{
		session("/var/log/wtmp", "anna", "192.0.2.7", 0, time.Minute, "replaced"),
		session("/var/log/wtmp.db", "anna", "192.0.2.7", 200*time.Millisecond, 3*time.Second, "logout"),
		session("/var/lib/wtmpdb/wtmp.db", "anna", "192.0.2.7", 0, 0, "open"),
		session("/var/log/wtmp", "anna", "192.0.2.7", 100*time.Millisecond, 0, "open"), // a second one of its file
		session("/var/log/wtmp.db", "anna", "203.0.113.9", 0, 0, "open"),
		session("/var/log/wtmp.db", "ben", "192.0.2.7", 0, 0, "open"),
		session("/var/log/wtmp.db", "anna", "192.0.2.7", 2*time.Second, 0, "open"), // wtmp lacks it
	})
	if len(got) != 5 {
		t.Fatalf("%d sessions: %+v", len(got), got)
	}
	f := got[0].Login
	if f.Evidence.Path != "/var/log/wtmp.db" || got[0].Ended != "logout" || got[0].Until.Sub(got[0].Start) != 3*time.Second || f.Fields["also_in"] != "/var/log/wtmp, /var/lib/wtmpdb/wtmp.db" {
		t.Errorf("%+v", got[0])
	}
	for i, s := range got[1:] {
		if s.Login.Fields["also_in"] != "" {
			t.Errorf("%d: %+v", i, s)
		}
	}
}
