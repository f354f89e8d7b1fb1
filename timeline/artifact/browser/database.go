package browser

import (
	"context"
	"errors"
	"iter"
	"time"

	"deadbox/internal/sqlite"
	"deadbox/timeline"
)

// database is an SQLite file with its write-ahead log.
type database struct {
	*sqlite.DB
	src, wal *timeline.Source
	yield    func(timeline.Record, error) bool
	stopped  bool
}

// openDatabase opens a database and tells its damage. ok is false if nothing
// can be read or wanted.
func openDatabase(s *timeline.Source, yield func(timeline.Record, error) bool) (*database, bool) {
	log, data, size := s.WAL()
	d := &database{src: s, wal: log, yield: yield}
	var err error
	d.DB, err = sqlite.Open(s.Data, s.Size, data, size)
	if err != nil {
		d.fail(err)
		return nil, false
	}
	for _, err := range d.Damage() {
		d.fail(err)
	}
	return d, !d.stopped
}

// fail tells an error of one place.
func (d *database) fail(err error) {
	if d.stopped {
		return
	}
	var c *sqlite.CorruptError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &c) && c.InWAL && d.wal != nil:
		err = d.wal.Damage(c.Offset, c.Length, 0, "a part of the database cannot be read", err)
	case errors.As(err, &c):
		err = d.src.Damage(c.Offset, c.Length, 0, "a part of the database cannot be read", err)
	default:
		err = d.src.Damage(0, d.src.Size, 0, "not read as a database", err)
	}
	d.stopped = !d.yield(timeline.Record{}, err)
}

// rows yields the rows of a table, and tells the errors on the way unless quiet
// is set. A table that the database does not have is empty.
func (d *database) rows(ctx context.Context, table string, quiet bool) iter.Seq[*sqlite.Row] {
	return func(yield func(*sqlite.Row) bool) {
		if d.stopped || d.Columns(table) == nil {
			return
		}
		for r, err := range d.Rows(ctx, table) {
			if err != nil {
				if !quiet {
					d.fail(err)
				}
				if d.stopped {
					return
				}
				continue
			}
			if !yield(&r) || d.stopped {
				return
			}
		}
	}
}

// evidence says where a row lies.
func (d *database) evidence(r *sqlite.Row) timeline.Evidence {
	if r.InWAL && d.wal != nil {
		return d.wal.Evidence(r.WALOffset, r.Length, 0)
	}
	return d.src.Evidence(r.Offset, r.Length, 0)
}

func (d *database) emit(r timeline.Record) {
	if !d.stopped {
		d.stopped = !d.yield(r, nil)
	}
}

// unixMicro is a time in microseconds since 1970; ok is false for none.
func unixMicro(n int64) (t time.Time, ok bool) {
	if n <= 0 || n >= 1<<34*1e6 {
		return time.Time{}, false
	}
	return time.UnixMicro(n).UTC(), true
}

// windowsMicro is a time in microseconds since 1601, as Chromium counts them.
func windowsMicro(n int64) (t time.Time, ok bool) {
	const from1601 = 11644473600 // seconds to 1970
	return unixMicro(n - from1601*1e6)
}
