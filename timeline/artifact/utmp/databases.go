package utmp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"deadbox/internal/sqlite"
	"deadbox/timeline"
)

// WtmpDB yields the rows of wtmpdb's database.
var WtmpDB = timeline.Extractor{
	Name: "wtmpdb",
	Doc: `The database of wtmpdb, which takes the place of wtmp: logins and boots as those of utmp: action (login, boot, shutdown, runlevel),
account, tty, remote_host, address, program (the PAM service), kernel, until, duration, ended (logout, or open).

Format: SQLite, table wtmp (lib/sqlite.c of https://github.com/thkukuk/wtmpdb); times are microseconds since 1970.`,
	Paths: []string{"/var/lib/wtmpdb/wtmp.db", "/var/lib/wtmpdb/wtmp*.db"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return table(ctx, s, "wtmp", wtmpdbRecord)
	},
}

// LastLog2 yields the rows of lastlog2's database.
var LastLog2 = timeline.Extractor{
	Name: "lastlog2",
	Doc: `The database of lastlog2, which takes the place of lastlog: action last-login, account, tty, remote_host, address, program (the PAM service).

Format: SQLite, table Lastlog2 (liblastlog2/src/lastlog2.c of https://github.com/util-linux/util-linux); times are seconds since 1970.`,
	Paths: []string{"/var/lib/lastlog/lastlog2.db", "/var/lib/lastlog/lastlog2*.db"},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return table(ctx, s, "Lastlog2", lastlog2Record)
	},
}

// table yields the records that make makes of the rows of a table.
func table(ctx context.Context, s *timeline.Source, name string, make func(r *sqlite.Row) timeline.Record) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		if s.Size == 0 {
			return
		}
		// A write-ahead log holds the newest rows while the service runs.
		wal, data, size := s.WAL()
		db, err := sqlite.Open(s.Data, s.Size, data, size)
		if err != nil {
			yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not the database that its name says", err))
			return
		}
		damage := func(err error) error {
			if ctx.Err() != nil {
				return err
			}
			var c *sqlite.CorruptError
			if errors.As(err, &c) && !c.InWAL {
				return s.Damage(c.Offset, c.Length, 0, "a part of the database cannot be read", err)
			}
			if errors.As(err, &c) && wal != nil {
				return wal.Damage(c.Offset, c.Length, 0, "a part of the write-ahead log cannot be read", err)
			}
			return s.Damage(-1, 0, 0, fmt.Sprintf("the table %s cannot be read", name), err)
		}
		for _, err := range db.Damage() {
			if !yield(timeline.Record{}, damage(err)) {
				return
			}
		}
		for r, err := range db.Rows(ctx, name) {
			if err != nil {
				if !yield(timeline.Record{}, damage(err)) {
					return
				}
				continue
			}
			rec := make(&r)
			rec.Kind = timeline.KindLogin
			if rec.Evidence = s.Evidence(r.Offset, r.Length, 0); r.InWAL && wal != nil {
				rec.Evidence = wal.Evidence(r.WALOffset, r.Length, 0)
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func column(r *sqlite.Row, name string) string {
	s, _ := r.Text(name)
	return s
}

func wtmpdbRecord(r *sqlite.Row) timeline.Record {
	f := map[string]string{"source": "wtmpdb", "id": strconv.FormatInt(r.ID, 10)}
	kind, _ := r.Int("Type")
	user, host := column(r, "User"), column(r, "RemoteHost")
	action := "type-" + strconv.FormatInt(kind, 10)
	login := false
	switch kind {
	case 0:
		action = "empty"
	case 1:
		action = "boot"
		put(f, "kernel", host)
		put(f, "name", user)
	case 2:
		action = "runlevel"
		if user == "shutdown" {
			action = "shutdown"
		}
		put(f, "kernel", host)
		put(f, "name", user)
	default:
		if kind == 3 {
			action, login = "login", true
		}
		put(f, "account", user)
		from(f, host)
	}
	f["action"] = action
	f["type"] = strconv.FormatInt(kind, 10)
	put(f, "tty", column(r, "TTY"))
	put(f, "program", column(r, "Service"))
	rec := timeline.Record{Fields: f}
	what := whats[action]
	if what == "" {
		what = "logged"
	}
	start, ok := r.Int("Login")
	ok = ok && start > 0 && start <= lastTime*1e6
	if ok {
		rec.Stamps = append(rec.Stamps, timeline.Stamp{What: what, When: unix(start/1e6, start%1e6)})
	}
	if login {
		f["ended"] = "open"
	}
	// That of a boot is the shutdown.
	if until, has := r.Int("Logout"); has && until > 0 && until <= lastTime*1e6 {
		f["until"] = rfc(unix(until/1e6, until%1e6))
		if ok {
			f["duration"] = strconv.FormatInt(until/1e6-start/1e6, 10)
		}
		what := "stopped"
		if login {
			f["ended"], what = "logout", "logout"
		}
		rec.Stamps = append(rec.Stamps, timeline.Stamp{What: what, When: unix(until/1e6, until%1e6)})
	}
	rec.Summary = summary(f)
	return rec
}

func lastlog2Record(r *sqlite.Row) timeline.Record {
	f := map[string]string{"source": "lastlog2", "action": "last-login"}
	put(f, "account", column(r, "Name"))
	put(f, "tty", column(r, "TTY"))
	from(f, column(r, "RemoteHost"))
	put(f, "program", column(r, "Service"))
	rec := timeline.Record{Fields: f, Summary: "last login of " + subject(f) + where(f)}
	if sec, ok := r.Int("Time"); ok && sec > 0 && sec <= lastTime {
		rec.Stamps = []timeline.Stamp{{What: "login", When: unix(sec, 0)}}
	}
	return rec
}
