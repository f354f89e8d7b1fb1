package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"deadbox/timeline"
)

// The command that a report prints for a line of a packed log shows that line, by the program
// that packed it.
func TestCheckCommandPacked(t *testing.T) {
	sh := tool(t, "sh")
	var log bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&log, "line %d\n", i+1)
	}
	for _, format := range []string{"gzip", "xz", "bzip2", "zstd", "lz4"} {
		t.Run(format, func(t *testing.T) {
			pack := exec.Command(tool(t, format), "-c")
			pack.Stdin = bytes.NewReader(log.Bytes())
			packed, err := pack.Output()
			if err != nil {
				t.Fatal(err)
			}
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, append(append(bytes.Repeat([]byte{0xaa}, 1000), packed...), "behind"...), 0o600); err != nil {
				t.Fatal(err)
			}
			inv := &Investigation{}
			e := timeline.Evidence{Image: image, Offset: 1000, Length: int64(len(packed)), Line: 321, Packed: format}
			for _, c := range []struct {
				lines []int
				want  string
			}{{nil, "line 321\n"}, {[]int{7, 9}, "line 7\nline 9\n"}} {
				cmd := inv.checkCommand(&e, c.lines...)
				out, err := exec.Command(sh, "-c", cmd).Output()
				if err != nil || string(out) != c.want {
					t.Errorf("%s gave %q, %v; want %q", cmd, out, err, c.want)
				}
			}
			e.Line = 0
			if out, err := exec.Command(sh, "-c", inv.checkCommand(&e)).Output(); err != nil || !bytes.Equal(out, log.Bytes()) {
				t.Errorf("without a line: %d bytes, %v", len(out), err)
			}
		})
	}
}
