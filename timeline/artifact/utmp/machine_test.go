package utmp

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"deadbox/timeline"
)

// TestMachine: a lastlog whose one time is a sensible one in both byte orders
// is read in that of the server's programs.
func TestMachine(t *testing.T) {
	record := make([]byte, 292)
	const palindrome = 0x6a00006a // 2026 in either order
	binary.LittleEndian.PutUint32(record, palindrome)
	copy(record[4:], "pts/0")
	for _, tt := range []struct {
		program string
		damage  int
	}{{"\x7fELF\x02\x01", 0}, {"\x7fELF\x02\x02", 0}, {"#!/bin/sh", 1}} {
		s := &timeline.Source{Path: "/var/log/lastlog", Data: strings.NewReader(string(record)), Size: 292, Sibling: func(name string) *timeline.Source {
			if name != "/bin/sh" {
				return nil
			}
			return &timeline.Source{Path: name, Data: strings.NewReader(tt.program), Size: int64(len(tt.program))}
		}}
		records, damage := 0, 0
		for _, err := range LastLog.Run(context.Background(), s) {
			if err != nil {
				damage++
			} else {
				records++
			}
		}
		if records != 1 || damage != tt.damage {
			t.Errorf("%q: %d records, %d damages", tt.program, records, damage)
		}
	}
}
