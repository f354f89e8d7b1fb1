package timeline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// holed cannot be read from bad[0] to bad[1].
type holed struct {
	data []byte
	bad  [2]int64
}

func (h holed) ReadAt(p []byte, off int64) (int, error) {
	if off >= h.bad[0] && off < h.bad[1] {
		return 0, errors.New("bad block")
	}
	if off < h.bad[0] && off+int64(len(p)) > h.bad[0] {
		n := copy(p, h.data[off:h.bad[0]])
		return n, errors.New("bad block")
	}
	return bytes.NewReader(h.data).ReadAt(p, off)
}

func TestWhole(t *testing.T) {
	text := []byte(strings.Repeat("0123456789abcdef", 100000))
	size := int64(len(text))
	for _, tt := range []struct {
		name        string
		size, limit int64
		bad         [2]int64
		got         int64
		errs        []string
	}{
		{"all", size, size, [2]int64{size, size}, size, nil},
		{"a limit", size, 1000, [2]int64{size, size}, 1000, []string{"at offset 1000: what lies behind"}},
		{"shorter than it says", size + 500, size * 2, [2]int64{2 * size, 2 * size}, size, []string{"500 bytes at offset 1600000: the file ends"}},
		{"a bad range", size, size, [2]int64{8192, 16384}, size, []string{"8192 bytes at offset 8192: cannot be read"}},
		{"a bad end", size, size, [2]int64{1598000, size}, size, []string{"2000 bytes at offset 1598000: cannot be read"}},
		{"nothing", size, size, [2]int64{0, size}, size, []string{"1600000 bytes at offset 0: cannot be read"}},
	} {
		s := &Source{Path: "/x", Data: holed{text, tt.bad}, Size: tt.size}
		got, errs := Whole(context.Background(), s, tt.limit)
		if int64(len(got)) != tt.got {
			t.Errorf("%s: %d bytes, want %d", tt.name, len(got), tt.got)
		}
		for i, b := range got {
			want := text[i]
			if int64(i) >= tt.bad[0] && int64(i) < tt.bad[1] {
				want = 0
			}
			if b != want {
				t.Errorf("%s: byte %d is %q, want %q", tt.name, i, b, want)
				break
			}
		}
		if len(errs) != len(tt.errs) {
			t.Errorf("%s: errors %v, want %q", tt.name, errs, tt.errs)
			continue
		}
		for i, err := range errs {
			if !strings.Contains(err.Error(), tt.errs[i]) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.errs[i])
			}
		}
	}
}
