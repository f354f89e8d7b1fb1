package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// limitedPipe is a reader that goes away after so many bytes.
type limitedPipe struct {
	bytes.Buffer
	left int
}

func (p *limitedPipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, syscall.EPIPE
	}
	return p.Buffer.Write(b)
}

// TestDamagedImages runs the commands on images that were damaged on purpose.
// Each must end by itself, in one of the ways that the help promises, with whole
// lines on standard error, and without control characters on either.
func TestDamagedImages(t *testing.T) {
	const dir = "../../../shared/data/images/e2fsprogs"
	images, err := filepath.Glob(filepath.Join(dir, "*", "image.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(images) == 0 {
		t.Skip("the damaged images are not here")
	}
	for _, packed := range images {
		t.Run(filepath.Base(filepath.Dir(packed)), func(t *testing.T) {
			path := unpackTo(t, packed)
			before := fingerprint(t, filepath.Dir(path))
			commands := [][]string{
				{"info"}, {"info", "--format", "jsonl"}, {"volumes", "-q"}, {"ls", "-r", "-l", "--tz", "UTC"}, {"ls", "-r", "--format", "jsonl"},
			}
			for n := range 8 {
				inode := "--inode=" + strconv.Itoa(n+1)
				commands = append(commands, []string{"stat", "--tz", "UTC", inode}, []string{"cat", "--slack", inode})
			}
			for _, args := range commands {
				stdout, stderr := &limitedPipe{left: 1 << 20}, &bytes.Buffer{}
				code := run(append(args, path), strings.NewReader(""), stdout, stderr)
				if code != exitDone && code != exitPartial && code != exitFailed {
					t.Errorf("%q: exit code %d\n%s", args, code, stderr.String())
				}
				if (code != exitDone) != (stderr.Len() > 0) && args[0] == "volumes" {
					t.Errorf("%q: exit code %d, with standard error %q", args, code, stderr.String())
				}
				if args[0] != "cat" {
					checkShown(t, args, stdout.String())
				}
				checkShown(t, args, stderr.String())
			}
			if after := fingerprint(t, filepath.Dir(path)); after != before {
				t.Errorf("the image was\n%sand is now\n%s", before, after)
			}
		})
	}
}

// checkShown looks for characters that could do something to a terminal.
func checkShown(t *testing.T, args []string, s string) {
	t.Helper()
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\ufffd' }); i >= 0 {
		t.Errorf("%q: %q in the output", args, s[i:min(i+20, len(s))])
	}
	if s != "" && len(s) < 1<<20-4096 && !strings.HasSuffix(s, "\n") {
		t.Errorf("%q: the output ends in %q", args, s[max(0, len(s)-40):])
	}
}

// failingReader gives an error in one range of a file.
type failingContent struct {
	data     []byte
	from, to int64
}

var errBadSector = errors.New("bad sector")

func (c *failingContent) ReadAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	if end > c.from && off < c.to {
		n := max(c.from-off, 0)
		return copy(p[:n], c.data[off:]), errBadSector
	}
	return copy(p, c.data[off:]), nil
}

// TestCopyRange reads over a range that the medium does not give back.
func TestCopyRange(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<13)
	for _, bad := range [][2]int64{{0, 512}, {4096, 8192}, {100, 200}, {int64(len(data)) - 1, int64(len(data))}, {511, 513}} {
		c := &failingContent{data: data, from: bad[0], to: bad[1]}
		var stderr bytes.Buffer
		a := newApp(nil, &stderr, os.Getenv)
		out := filepath.Join(t.TempDir(), "out")
		opts := outputOptions{format: "raw", formats: []string{"raw"}, path: out}
		err := a.withOutput(&opts, nil, func(o *output) error {
			w := &sparseWriter{o: o}
			if err := a.copyRange(t.Context(), w, "file", c, 0, int64(len(data)), nil); err != nil {
				return err
			}
			return w.close()
		})
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(data)
		from, to := bad[0], min((bad[1]+511)/512*512, int64(len(data)))
		clear(want[from:to])
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("bad %v: the copy is wrong", bad)
		}
		say := "bytes " + strconv.FormatInt(from, 10) + " to " + strconv.FormatInt(to-1, 10) + " are written as zeros: bad sector"
		if strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), say) {
			t.Errorf("bad %v: said %q, want %q", bad, stderr.String(), say)
		}
		if a.damaged != 1 {
			t.Errorf("bad %v: %d damages", bad, a.damaged)
		}
	}
}
