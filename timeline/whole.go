package timeline

import (
	"context"
	"fmt"
	"io"
)

// Whole reads up to limit bytes of s into memory, for formats that do not come
// in lines. What cannot be read is left as NUL bytes, and that is an error
// each; so is what lies behind limit. The memory that it takes follows what was
// read, not what the file says of its size.
func Whole(ctx context.Context, s *Source, limit int64) ([]byte, []error) {
	var errs []error
	size := min(s.Size, limit)
	var data []byte
	lost := int64(-1) // where a run of bytes that cannot be read began
	var cause error
	close := func(at int64) {
		if lost >= 0 {
			errs = append(errs, s.Damage(lost, at-lost, 0, "cannot be read", cause))
			lost = -1
		}
	}
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return data, append(errs, err)
		}
		n := min(size-at, readSize)
		if lost >= 0 {
			n = min(n, badStep-at%badStep)
		}
		data = append(data, make([]byte, n)...)
		got, err := s.Data.ReadAt(data[at:], at)
		got = min(max(got, 0), int(n))
		if got > 0 {
			close(at)
		}
		at += int64(got)
		data = data[:at]
		if int64(got) == n {
			continue
		}
		if err == nil || err == io.EOF {
			close(at)
			return data, append(errs, s.Damage(at, s.Size-at, 0, "the file ends before its size says", io.ErrUnexpectedEOF))
		}
		// A step of badStep at a time finds what can be read again.
		if lost < 0 {
			lost, cause = at, err
		}
		step := min(size-at, badStep-at%badStep)
		data = append(data, make([]byte, step)...)
		clear(data[at:])
		at += step
	}
	close(size)
	if s.Size > limit {
		errs = append(errs, s.Damage(limit, s.Size-limit, 0, fmt.Sprintf("what lies behind the first %d bytes is left out", limit), nil))
	}
	return data, errs
}
