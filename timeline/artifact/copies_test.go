package artifact

import (
	"testing"
	"time"

	"deadbox/timeline"
)

func TestCopies(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var c copies
	for i, tt := range []struct {
		extractor, path, message string
		late                     time.Duration
		copy                     bool
		noPID                    bool
	}{
		{"auth-log", "/var/log/auth.log", "a", 0, false, false},
		{"auth-log", "/var/log/auth.log", "a", 0, false, false}, // said twice is no copy
		{"syslog", "/var/log/mail.log", "m", 0, false, false},
		{"syslog", "/var/log/syslog", "m", 0, true, false},
		{"syslog", "/var/log/syslog", "m", time.Second, false, false},
		{"syslog", "/var/log/syslog", "s", 0, false, false},
		{"journald", "/var/log/journal/x/system.journal", "a", 900 * time.Millisecond, true, false},
		{"journald", "/var/log/journal/x/system.journal", "s", -200 * time.Millisecond, true, false},
		{"journald", "/var/log/journal/x/system.journal", "s", 3 * time.Second, false, false},
		{"auth-log", "/var/log/auth.log.1", "    anna : COMMAND=/bin/id", 0, false, true},
		{"journald", "/var/log/journal/x/system.journal", "anna : COMMAND=/bin/id", 0, true, false}, // the journal knows the process
		{"journald", "/var/log/journal/x/system.journal", "only here", 0, false, false},
		{"journald", "/var/log/journal/x/user.journal", "only here", 0, false, false}, // journals are not compared with each other
		{"web-access", "/var/log/x", "a", 0, false, false},
	} {
		r := timeline.Record{
			Extractor: tt.extractor, Fields: map[string]string{"program": "p", "pid": "1", "message": tt.message},
			Stamps: []timeline.Stamp{{When: at.Add(tt.late)}}, Evidence: timeline.Evidence{Path: tt.path},
		}
		if tt.noPID {
			delete(r.Fields, "pid")
		}
		if c.look(&r); (r.Fields[CopyOf] != "") != tt.copy {
			t.Errorf("message %d: %+v", i, r)
		}
	}
}
