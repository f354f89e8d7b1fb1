package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	tests := []struct {
		unit        unit
		done, total int64
		spent       time.Duration
		want        string
	}{
		{unitInodes, 0, 100, 0, "x:   0%  0 inodes of 100 inodes"},
		{unitInodes, 25, 100, 5 * time.Second, "x:  25%  25 inodes of 100 inodes  5 inodes/s  ETA 0:15"},
		{unitBytes, 1 << 30, 4 << 30, time.Second, "x:  25%  1.0 GiB of 4.0 GiB  1.0 GiB/s  ETA 0:03"},
		{unitFiles, 7, 0, time.Second, "x: 7 files  7 files/s"},
		{unitFiles, 200, 100, 10 * time.Second, "x: 100%  100 files of 100 files  10 files/s  ETA 0:00"},
		{unitFiles, 1, 10000, 10 * time.Second, "x:   0%  1 files of 10000 files  0 files/s  ETA 27:46:30"},
		{unitFiles, 1, 1 << 62, time.Hour, "x:   0%  1 files of 4611686018427387904 files  0 files/s  ETA 99:59:59"},
	}
	for _, tt := range tests {
		if got := progressLine("x", tt.unit, tt.done, tt.total, tt.spent); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestProgressDraws(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1700000000, 0)
	p := newProgress(&out, true, func() time.Time { return now }, func() int { return 30 })
	p.begin("reading", 100, unitFiles)
	p.add(10)
	if out.Len() != 0 {
		t.Errorf("drew %q before the work took long", out.String())
	}
	now = now.Add(time.Second)
	p.add(10)
	p.add(10) // too soon after the last
	want := "\r\x1b[Kreading:  20%  20 files of 10"
	if out.String() != want {
		t.Errorf("drew %q, want %q, cut to the terminal's width", out.String(), want)
	}
	out.Reset()
	p.Write([]byte("deadbox: a message\n"))
	if out.String() != "\r\x1b[Kdeadbox: a message\n" {
		t.Errorf("a message came out as %q", out.String())
	}
	out.Reset()
	now = now.Add(time.Second)
	p.add(50)
	if !strings.Contains(out.String(), " 80%") {
		t.Errorf("drew %q after the message", out.String())
	}
	out.Reset()
	p.end()
	if out.String() != "\r\x1b[K" {
		t.Errorf("the end left %q", out.String())
	}
	out.Reset()
	now = now.Add(time.Second)
	p.add(1)
	if out.Len() != 0 {
		t.Errorf("drew %q after the end", out.String())
	}
}

func TestProgressOff(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1700000000, 0)
	p := newProgress(&out, false, func() time.Time { return now }, func() int { return 80 })
	p.begin("reading", 100, unitFiles)
	for range 10 {
		now = now.Add(time.Minute)
		p.add(1)
	}
	p.end()
	if out.Len() != 0 {
		t.Errorf("drew %q", out.String())
	}
}
