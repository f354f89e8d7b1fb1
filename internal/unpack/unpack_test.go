package unpack

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// pack runs the format's own program.
func pack(t testing.TB, text string, command ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("%s is not installed", command[0])
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var programs = map[string][]string{
	"gzip": {"gzip", "-c"}, "xz": {"xz", "-c"}, "bzip2": {"bzip2", "-c"}, "zstd": {"zstd", "-q", "-c"}, "lz4": {"lz4", "-q", "-c"},
}

func TestUnpack(t *testing.T) {
	text := strings.Repeat("Jan  2 03:04:05 host app: a line\n", 20000)
	for format, command := range programs {
		t.Run(format, func(t *testing.T) {
			// Two members, one after the other, are one file.
			packed := append(pack(t, text, command...), pack(t, "the end\n", command...)...)
			if got := Detect(packed[:HeadSize]); got != format {
				t.Fatalf("taken for %q", got)
			}
			r, err := NewReader(format, bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != text+"the end\n" {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			r, err = NewReader(format, bytes.NewReader(packed[:len(packed)/2]))
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if err == nil {
				t.Error("half a file is no error")
			}
		})
	}
}

func TestDictionary(t *testing.T) {
	packed := pack(t, "text", "xz", "-c", "--lzma2=dict=256MiB")
	if _, err := NewReader("xz", bytes.NewReader(packed)); err == nil {
		t.Error("a dictionary of 256 MiB was taken")
	}
	if r, err := NewReader("xz", bytes.NewReader(pack(t, "text", "xz", "-9", "-c"))); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(r); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, command := range programs {
		f.Add(pack(f, "Jan  2 03:04:05 host app: a line\n", command...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(Detect(b[:min(len(b), HeadSize)]), bytes.NewReader(b))
		if err != nil {
			return
		}
		io.Copy(io.Discard, io.LimitReader(r, 1<<22))
		r.Close()
	})
}
