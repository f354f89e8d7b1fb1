package logtime

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here")
	}
	tests := []struct {
		in, want string
		n        int
		zoned    bool
	}{
		{"2024-03-05 10:11:12.345 UTC [1]", "2024-03-05T10:11:12.345Z", 27, true},
		{"2024-03-05 10:11:12.345 CET [1]", "2024-03-05T09:11:12.345Z", 27, true},
		{"2024-07-05 10:11:12 CEST", "2024-07-05T08:11:12Z", 24, true},
		{"2024-07-05 10:11:12 EDT x", "2024-07-05T08:11:12Z", 23, false},
		{"2024-10-27 02:30:00 CET x", "2024-10-27T01:30:00Z", 23, true},
		{"2024-10-27 02:30:00 CEST x", "2024-10-27T00:30:00Z", 24, true},
		{"2024-10-27 02:30:00", "2024-10-27T00:30:00Z", 19, false},
		{"2024-03-31 02:30:00", "2024-03-31T01:30:00Z", 19, false},
		{"2024-03-31 03:30:00", "2024-03-31T01:30:00Z", 19, false},
		{"2024-03-31 01:30:00", "2024-03-31T00:30:00Z", 19, false},
		{"2024-03-05T10:11:12.345678Z 8 [Note]", "2024-03-05T10:11:12.345678Z", 27, true},
		{"2024-03-05T10:11:12+05:30", "2024-03-05T04:41:12Z", 25, true},
		{"2024-03-05 10:11:12 +0100 x", "2024-03-05T09:11:12Z", 25, true},
		{"2024-03-05 10:11:12,345 fail2ban", "2024-03-05T09:11:12.345Z", 23, false},
		{"2024/03/05 10:11:12 [error]", "2024-03-05T09:11:12Z", 19, false},
		{"05/Mar/2024:10:11:12 -0500] x", "2024-03-05T15:11:12Z", 26, true},
		{"05-Mar-2024 10:11:12 UTC] x", "2024-03-05T10:11:12Z", 24, true},
		{"05-Mar-2024 10:11:12.345 INFO x", "2024-03-05T09:11:12.345Z", 24, false},
		{"05 Mar 2024 10:11:12.345 * x", "2024-03-05T09:11:12.345Z", 24, false},
		{"Tue Mar 05 10:11:12.345678 2024] x", "2024-03-05T09:11:12.345678Z", 31, false},
		{"Tue Mar  5 10:11:12 2024 [pid 1]", "2024-03-05T09:11:12Z", 24, false},
		{"Tue Mar 5 10:11:12 2024 [pid 1]", "2024-03-05T09:11:12Z", 23, false},
		{"Mar 05 10:11:12 2024 x", "2024-03-05T09:11:12Z", 20, false},
		{"Tue, 05 Mar 2024 10:11:12 +0000", "2024-03-05T10:11:12Z", 31, true},
		{"Mar 5, 2024 10:11:12 PM org.apache", "2024-03-05T21:11:12Z", 23, false},
		{"Mar 5, 2024 12:11:12 AM org.apache", "2024-03-04T23:11:12Z", 23, false},
		{"240305 10:11:12 [Note]", "2024-03-05T09:11:12Z", 15, false},
		{"2024-03-05  9:11:12 8 [Note]", "2024-03-05T08:11:12Z", 19, false},
		{"240305  9:11:12 [Note]", "2024-03-05T08:11:12Z", 15, false},
		{"990305 10:11:12 [Note]", "1999-03-05T09:11:12Z", 15, false},
	}
	c := New(berlin)
	for _, tt := range tests {
		when, note, n := c.Parse(tt.in)
		if got := when.Format(time.RFC3339Nano); got != tt.want || n != tt.n || (note == "") != tt.zoned {
			t.Errorf("%q: %s, %d, %q; want %s, %d, zone %v", tt.in, got, n, note, tt.want, tt.n, tt.zoned)
		}
	}
	for _, in := range []string{"", "2024-03-05", "2024-13-05 10:11:12", "2024-03-05 24:11:12", "hello world and so on", "Mar  5 10:11:12 host sshd[1]: x", "05/Foo/2024:10:11:12 +0000", "1234567 10:11:12 x", "Tue Mar"} {
		if when, _, n := c.Parse(in); n != 0 {
			t.Errorf("%q: %v, %d", in, when, n)
		}
	}
	if _, note, _ := New(nil).Parse("2024-03-05 10:11:12"); note != NoteNoZone {
		t.Errorf("note %q", note)
	}
	if _, note, _ := c.Parse("2024-10-27 02:30:00"); note != NoteZone+"; "+noteTwice {
		t.Errorf("note %q", note)
	}
	if _, note, _ := c.Parse("2024-03-31 02:30:00"); note != NoteZone+"; "+noteSkipped {
		t.Errorf("note %q", note)
	}
}

func TestEpoch(t *testing.T) {
	for in, want := range map[string]string{
		"1452706280.25": "2016-01-13T17:31:20.25Z", "1452706280": "2016-01-13T17:31:20Z", "1452706280123": "2016-01-13T17:31:20.123Z",
		"1452706280123456": "2016-01-13T17:31:20.123456Z", "1452706280123456789": "2016-01-13T17:31:20.123456789Z",
	} {
		if got, ok := Epoch(in); !ok || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "12", "x452706280", "1452706280.x", "99999999999999999999"} {
		if got, ok := Epoch(in); ok {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2024-03-05 10:11:12.345 UTC [1]", "05/Mar/2024:10:11:12 -0500]", "Mar 5, 2024 10:11:12 PM", "240305  9:11:12", "Tue, 05 Mar 2024 10:11:12 +0000", "Tue Mar  5 10:11:12 2024"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		Epoch(s)
		if when, _, n := New(nil).Parse(s); n < 0 || n > len(s) || n == 0 && !when.IsZero() {
			t.Fatal(when, n)
		}
	})
}
