package artifact_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"deadbox/timeline/artifact"
)

// TestSplitSyslog reads a large log of syslogd in parts and at once: over a new year, with lines
// that belong to those before them.
func TestSplitSyslog(t *testing.T) {
	var log bytes.Buffer
	start := time.Now().UTC().AddDate(-1, 0, 0)
	for i := range 60000 {
		fmt.Fprintf(&log, "%s web01 app[%d]: message number %d of many, made long enough to fill some mebibytes\n", start.Add(time.Duration(i)*500*time.Second).Format(time.Stamp), i%7, i)
		switch i % 11 {
		case 3:
			log.WriteString("\ta line that goes on\n")
		case 5:
			fmt.Fprintf(&log, "%s web01 last message repeated %d times\n", start.Add(time.Duration(i)*500*time.Second).Format(time.Stamp), i%9+2)
		}
	}
	h, _ := serverWith(t, map[string][]byte{"etc/passwd": []byte("root:x:0:0::/root:/bin/sh\n"), "var/log/syslog": log.Bytes()})
	var sums [2]uint64
	for i, procs := range []int{1, 4} {
		old := runtime.GOMAXPROCS(procs)
		sum, n := fnv.New64a(), 0
		for r, err := range artifact.Extract(context.Background(), h, artifact.All) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Evidence.Path != "/var/log/syslog" {
				continue
			}
			n++
			fmt.Fprint(sum, r.Kind, r.Summary, r.Stamps, r.Evidence.Line, r.Evidence.Offset, r.Evidence.Length)
			for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
				fmt.Fprint(sum, k, r.Fields[k])
			}
		}
		runtime.GOMAXPROCS(old)
		if sums[i] = sum.Sum64(); n < 70000 {
			t.Fatalf("%d records", n)
		}
	}
	if sums[0] != sums[1] {
		t.Error("reading in parts gives other records")
	}
}
