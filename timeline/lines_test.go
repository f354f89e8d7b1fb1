package timeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// linesOf renders what Lines yields: a line as number@offset and its text, an
// error as its place and reason.
func linesOf(t *testing.T, s *Source) []string {
	t.Helper()
	var got []string
	for l, err := range Lines(context.Background(), s) {
		var d *DamageError
		switch {
		case errors.As(err, &d):
			got = append(got, fmt.Sprintf("!%d+%d line %d", d.Offset, d.Length, d.Line))
		case err != nil:
			got = append(got, "error "+err.Error())
		default:
			text := string(l.Text)
			if len(text) > 40 {
				text = fmt.Sprintf("%s...(%d)", text[:8], len(text))
			}
			part := ""
			if l.Partial {
				part = " partial"
			}
			got = append(got, fmt.Sprintf("%d@%d%s %q", l.Number, l.Offset, part, text))
		}
	}
	return got
}

func source(text string) *Source {
	return &Source{Path: "/var/log/x", Data: strings.NewReader(text), Size: int64(len(text))}
}

func TestLines(t *testing.T) {
	nul := func(n int) string { return strings.Repeat("\x00", n) }
	long := strings.Repeat("x", maxLine+500)
	big := strings.Repeat("y", readSize-3)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"plain", "a\nbc\n", []string{`1@0 "a"`, `2@2 "bc"`}},
		{"no end", "a\nbc", []string{`1@0 "a"`, `2@2 "bc"`}},
		{"crlf", "a\r\n\r\nb\r\n", []string{`1@0 "a"`, `2@3 ""`, `3@5 "b"`}},
		{"few NULs stay", "a\x00b\n\x00c\n", []string{`1@0 "a\x00b"`, `2@4 "\x00c"`}},
		{"NULs between lines", "a\n" + nul(100) + "b\nc\n", []string{`1@0 "a"`, `!2+100 line 2`, `2@102 partial "b"`, `3@104 "c"`}},
		{"NULs in a line", "abc" + nul(50) + "d\ne\n", []string{`1@0 partial "abc"`, `!3+50 line 1`, `1@53 partial "d"`, `2@55 "e"`}},
		{"NULs then end of line", "a\n" + nul(9) + "\nb\n", []string{`1@0 "a"`, `!2+9 line 2`, `3@12 "b"`}},
		{"NULs only", nul(3 * readSize), []string{fmt.Sprintf("!0+%d line 1", 3*readSize)}},
		{"NULs across pieces", big + nul(readSize) + "b\n", []string{
			fmt.Sprintf(`1@0 partial "yyyyyyyy...(%d)"`, readSize-3), fmt.Sprintf("!%d+%d line 1", readSize-3, readSize), fmt.Sprintf(`1@%d partial "b"`, 2*readSize-3)}},
		{"line across pieces", big + "abcdef\ng\n", []string{fmt.Sprintf(`1@0 "yyyyyyyy...(%d)"`, readSize+3), fmt.Sprintf(`2@%d "g"`, readSize+4)}},
		{"long line", "a\n" + long + "\nb\n", []string{`1@0 "a"`,
			fmt.Sprintf(`2@2 partial "xxxxxxxx...(%d)"`, maxLine), fmt.Sprintf("!%d+500 line 2", maxLine+2), fmt.Sprintf(`3@%d "b"`, maxLine+503)}},
		{"long line at the end", long, []string{fmt.Sprintf(`1@0 partial "xxxxxxxx...(%d)"`, maxLine), fmt.Sprintf("!%d+500 line 1", maxLine)}},
		{"longest line", long[:maxLine] + "\nb", []string{fmt.Sprintf(`1@0 "xxxxxxxx...(%d)"`, maxLine), fmt.Sprintf(`2@%d "b"`, maxLine+1)}},
	}
	for _, tt := range tests {
		got := linesOf(t, source(tt.text))
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// badReader fails for every read that touches one of its ranges, wholly.
type badReader struct {
	data []byte
	bad  [][2]int64
}

func (b badReader) ReadAt(p []byte, off int64) (int, error) {
	for _, r := range b.bad {
		if off < r[1] && off+int64(len(p)) > r[0] {
			return 0, errors.New("input/output error")
		}
	}
	return bytes.NewReader(b.data).ReadAt(p, off)
}

func TestLinesUnreadable(t *testing.T) {
	var b bytes.Buffer
	for b.Len() < 40000 {
		fmt.Fprintf(&b, "line at %d\n", b.Len())
	}
	s := source("")
	s.Data, s.Size = badReader{b.Bytes(), [][2]int64{{8192, 16384}}}, int64(b.Len())
	var texts, places []string
	for l, err := range Lines(context.Background(), s) {
		var d *DamageError
		if errors.As(err, &d) {
			places = append(places, fmt.Sprintf("%d+%d", d.Offset, d.Length))
		} else if !l.Partial {
			if want := fmt.Sprintf("line at %d", l.Offset); string(l.Text) != want {
				t.Fatalf("line %q at %d", l.Text, l.Offset)
			}
			texts = append(texts, string(l.Text))
		}
	}
	if len(places) != 1 || places[0] != "8192+8192" {
		t.Errorf("places %v, want 8192+8192", places)
	}
	lost := 0
	for _, line := range strings.SplitAfter(b.String(), "\n") {
		if line != "" && !contains(texts, strings.TrimSuffix(line, "\n")) {
			lost++
			var at int
			fmt.Sscanf(line, "line at %d", &at)
			if at+len(line) <= 8192 || at >= 16384 {
				t.Errorf("lost %q", line)
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost, so nothing was tested")
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestLinesShortFile(t *testing.T) {
	s := source("a\nb\n")
	s.Size = 100
	got := linesOf(t, s)
	want := []string{`1@0 "a"`, `2@2 "b"`, `!4+96 line 0`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A file that is nearly all hole takes no time.
func TestLinesHole(t *testing.T) {
	const size = 1 << 50
	s := source("")
	s.Size = size
	s.Data = holeReader{size}
	s.NextData = func(off int64) int64 {
		if off < 10 {
			return off
		}
		return max(off, size-4)
	}
	got := linesOf(t, s)
	want := []string{`1@0 "first"`, fmt.Sprintf("!6+%d line 2", size-4-6), fmt.Sprintf(`2@%d partial "end"`, int64(size-4))}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

type holeReader struct{ size int64 }

func (h holeReader) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for i := range p {
		switch at := off + int64(i); {
		case at < 6:
			p[i] = "first\n"[at]
		case at >= h.size:
			return i, io.EOF
		case at >= h.size-4:
			p[i] = "end\n"[at-(h.size-4)]
		}
	}
	return len(p), nil
}

func TestLinesManyGaps(t *testing.T) {
	s := source(strings.Repeat("a\n\x00\x00\x00\x00\x00\x00\x00\x00\n", 5000))
	errs, lines := 0, 0
	for _, err := range Lines(context.Background(), s) {
		if err != nil {
			errs++
		} else {
			lines++
		}
	}
	if errs != maxGaps+1 || lines != 5000 {
		t.Errorf("%d errors and %d lines, want %d and 5000", errs, lines, maxGaps+1)
	}
}

func TestLinesStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var last error
	for _, err := range Lines(ctx, source("a\n")) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("error %v, want canceled", last)
	}
	n := 0
	for range Lines(context.Background(), source("a\nb\nc\n")) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d lines after break", n)
	}
}

// FuzzLines checks that the text of each line stands at its offset, that no
// byte but line ends is missing without an error, and that lines come in order.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00c\n"))
	f.Add([]byte("\r\r\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source(string(data))
		var at int64
		number := 0
		gap := func(to int64) {
			if to < at || strings.Trim(string(data[at:to]), "\r\n") != "" {
				t.Fatalf("from %d to %d: %q", at, to, data[min(at, to):max(at, to)])
			}
			at = to
		}
		for l, err := range Lines(context.Background(), s) {
			var d *DamageError
			if errors.As(err, &d) {
				if d.Offset >= 0 {
					gap(d.Offset)
					at += d.Length
				} else {
					return
				}
				continue
			}
			gap(l.Offset)
			if string(data[l.Offset:l.Offset+int64(len(l.Text))]) != string(l.Text) || l.Number < number {
				t.Fatalf("line %d at %d: %q", l.Number, l.Offset, l.Text)
			}
			at, number = l.Offset+int64(len(l.Text)), l.Number
		}
		gap(int64(len(data)))
	})
}

func BenchmarkLines(b *testing.B) {
	text := strings.Repeat("Jan  2 03:04:05 host program[123]: message of some length that a log has\n", 20000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for range Lines(context.Background(), source(text)) {
		}
	}
}
