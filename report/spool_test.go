package report

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func newSpool(t *testing.T, limit int) (*Spool, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSpool(root, "spool.tmp")
	if limit > 0 {
		s.limit = limit
	}
	t.Cleanup(func() { s.Close(); root.Close() })
	return s, dir
}

func TestSpoolSorts(t *testing.T) {
	for _, limit := range []int{0, 1, 3000, 100000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			s, dir := newSpool(t, limit)
			r := rand.New(rand.NewPCG(7, 8))
			type row struct {
				sec  int64
				nsec int32
				text string
			}
			var want []row
			for i := range 3000 {
				w := row{r.Int64N(40) - 20, r.Int32N(3), strings.Repeat("x", r.IntN(90)) + fmt.Sprint(i)}
				if i == 0 {
					w.sec, w.text = -1<<63, ""
				}
				if err := s.Add(w.sec, w.nsec, []byte(w.text)); err != nil {
					t.Fatal(err)
				}
				want = append(want, w)
			}
			slices.SortStableFunc(want, func(a, b row) int {
				if a.sec != b.sec {
					if a.sec < b.sec {
						return -1
					}
					return 1
				}
				return int(a.nsec - b.nsec)
			})
			if limit > 0 && len(s.runs) == 0 {
				t.Fatal("nothing was written to the file: the merge is not tested")
			}
			i := 0
			if err := s.Each(func(sec int64, nsec int32, got []byte) error {
				if string(got) != want[i].text || sec != want[i].sec || nsec != want[i].nsec {
					t.Fatalf("row %d is %q, want %q", i, got, want[i].text)
				}
				i++
				return nil
			}); err != nil || int64(i) != s.Len() || i != len(want) {
				t.Fatalf("%d rows of %d, %v", i, len(want), err)
			}
			if err := s.Add(1, 1, nil); err == nil {
				t.Error("a row was taken after the end")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%v is left behind", left)
			}
		})
	}
}

func TestSpoolKeepsErrors(t *testing.T) {
	s, dir := newSpool(t, 1)
	if err := os.Symlink("/etc/passwd", dir+"/spool.tmp"); err != nil {
		t.Skip(err)
	}
	s.Add(1, 1, []byte("a"))
	if err := s.Add(1, 1, []byte("b")); err == nil {
		t.Fatal("the spool followed a link that stood in its place")
	}
	if err := s.Each(func(int64, int32, []byte) error { return nil }); err == nil {
		t.Fatal("a spool with an error was read out")
	}
	s, _ = newSpool(t, 0)
	s.Add(1, 1, []byte("a"))
	stop := errors.New("stop")
	if err := s.Each(func(int64, int32, []byte) error { return stop }); err != stop {
		t.Errorf("Each gave %v", err)
	}
}

// A spool holds no more than its limit, however many rows come.
func TestSpoolMemory(t *testing.T) {
	s, _ := newSpool(t, 1<<16)
	row := make([]byte, 100)
	for i := range 20000 {
		if err := s.Add(int64(i%97), 0, row); err != nil {
			t.Fatal(err)
		}
		if n := cap(s.buf) + 24*cap(s.keys); n > 4<<16 {
			t.Fatalf("%d bytes after %d rows", n, i)
		}
	}
	n := 0
	if err := s.Each(func(int64, int32, []byte) error { n++; return nil }); err != nil || n != 20000 {
		t.Fatal(n, err)
	}
}

func BenchmarkSpool(b *testing.B) {
	root, err := os.OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	row := make([]byte, 700)
	r := rand.New(rand.NewPCG(9, 10))
	for b.Loop() {
		s := NewSpool(root, "spool.tmp")
		for range 300000 {
			if err := s.Add(r.Int64N(1e9), 0, row); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(300000 * 700)
		if err := s.Each(func(int64, int32, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
