package carved_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deadbox/internal/unpack"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// A journal in free blocks gives what it gives as a file; of one whose header is
// lost, messages are left.
func TestJournal(t *testing.T) {
	names, _ := filepath.Glob("../../../shared/data/logs/journal/*.zst")
	if len(names) == 0 {
		t.Skip("the sample journals are not here")
	}
	var journald *timeline.Extractor
	for _, e := range artifact.All {
		if e.Name == "journald" {
			journald = e
		}
	}
	looked := 0
	for _, name := range names {
		packed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := unpack.NewReader("zstd", bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil || len(data) < 512 {
			t.Fatal(len(data), err)
		}
		want := 0
		for _, err := range journald.Run(t.Context(), &timeline.Source{Path: "/var/log/journal/system.journal", Data: bytes.NewReader(data), Size: int64(len(data))}) {
			if err == nil {
				want++
			}
		}
		if want == 0 || len(data) > 16<<20 {
			continue
		}
		looked++
		recs := raw(t, append(make([]byte, 8192), block(string(data))...), nil)
		got := 0
		for _, r := range recs {
			if r.Extractor == "journald" {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: %d entries, want %d", filepath.Base(name), got, want)
		}
		clear(data[:4096])
		left := 0
		for _, r := range raw(t, data, nil) {
			if r.Extractor != "journald" || r.Fields["message"] == "" || !bytes.Contains(data, []byte(r.Fields["message"])) || strings.HasPrefix(r.Summary, "MESSAGE=") {
				continue
			}
			left++
		}
		if left == 0 {
			t.Errorf("%s: no message is found without its header", filepath.Base(name))
		}
		if looked >= 2 {
			break
		}
	}
	if looked == 0 {
		t.Error("no journal has entries")
	}
}
