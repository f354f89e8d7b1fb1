package shellhistory

import (
	"context"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"deadbox/internal/sqlite"
	"deadbox/timeline"
)

// Clients yields a record for each line that was typed into an interpreter, a
// debugger, or a client of a database.
var Clients = timeline.Extractor{
	Name: "client-history",
	Doc: `What was typed into interpreters, debuggers and clients of databases, the oldest first: account, program, command, order, and the time where the program wrote it;
cwd, host, session, outcome, elapsed (seconds) where a database of commands says them. Without a time there is not_after, the file's own time.
Passwords of Redis are masked. Histories that are empty or symbolic links are facts of their own.

Formats: GNU Readline (a line an entry, '#' and seconds before it where times are kept, https://tiswww.case.edu/php/chet/readline/history.html);
libedit (https://man.netbsd.org/editline.3, "_HiStOrY_V2_", vis(3)); psql, src/bin/psql/input.c (byte 1 for a newline);
Node.js, lib/internal/repl/history.js (the newest first); Python 3.13, Lib/_pyrepl/readline.py (CR and LF within an entry);
prompt_toolkit, src/prompt_toolkit/history.py (local times); IPython, IPython/core/history.py (SQLite); Atuin, crates/atuin-client/migrations (SQLite);
nushell, reedline src/history/sqlite_backed.rs (SQLite).`,
	Paths: clientPatterns,
	Links: true,
	Run:   runClients,
}

// reader reads one format.
type reader func(ctx context.Context, s *timeline.Source, program *string) iter.Seq2[entry, error]

// client is a program that keeps a history.
type client struct {
	program string
	name    string // from a home, a pattern
	read    reader
}

// clients are those that are known. The first whose name fits counts.
var clients = []client{
	{"mysql", ".mysql_history*", plain}, {"mariadb", ".mariadb_history*", plain},
	{"psql", ".psql_history*", plain}, {"sqlite3", ".sqlite_history*", plain}, {"sqlite3", ".local/state/sqlite_history", plain},
	{"redis-cli", ".rediscli_history*", masked}, {"valkey-cli", ".valkeycli_history*", masked},
	{"mongosh", ".mongodb/mongosh/mongosh_repl_history", newestFirst}, {"mongosh", ".mongodb/mongosh_repl_history", newestFirst}, {"mongo", ".dbshell*", plain},
	{"cqlsh", ".cassandra/cqlsh_history", plain}, {"cqlsh", ".cassandra/cql_history", plain}, {"influx", ".influx_history*", plain},
	{"sqlplus", ".sqlplus_history*", plain}, {"isql", ".isql_history*", plain}, {"mycli", ".mycli-history*", promptToolkit}, {"pgcli", ".config/pgcli/history", promptToolkit}, {"litecli", ".config/litecli/history", promptToolkit},
	{"python", ".python_history*", python}, {"python", ".pythonhist*", python}, {"python", ".pyhistory*", python}, {"python", ".local/state/python_history", python},
	{"ptpython", ".local/share/ptpython/history", promptToolkit}, {"ipython", ".ipython/profile_*/history.sqlite", ipython}, {"ipython", ".local/share/ipython/profile_*/history.sqlite", ipython},
	{"node", ".node_repl_history*", newestFirst}, {"php", ".php_history*", plain}, {"irb", ".irb_history*", plain}, {"irb", ".irb-history*", plain},
	{"pry", ".pry_history*", plain}, {"pry", ".local/share/pry/pry_history", plain}, {"perl", ".perldb_hist*", plain}, {"R", ".Rhistory*", plain}, {"lua", ".lua_history*", plain},
	{"octave", ".octave_hist*", plain}, {"ghci", ".ghc/ghci_history", plain}, {"gdb", ".gdb_history*", plain}, {"lldb", ".lldb/lldb-widehistory", plain},
	{"lftp", ".local/share/lftp/rl_history", plain}, {"lftp", ".lftp/rl_history", plain}, {"virsh", ".cache/libvirt/virsh/history", plain}, {"vtysh", ".history_frr*", plain}, {"vtysh", ".history_quagga*", plain},
	{"msfconsole", ".msf4/history", plain}, {"sliver", ".sliver-client/history", plain},
	{"pwsh", ".local/share/powershell/PSReadLine/*_history.txt", powershell},
	{"atuin", ".local/share/atuin/history.db", atuin}, {"nu", ".config/nushell/history.sqlite3", nushell}, {"nu", ".config/nushell/history.txt", plain},
}

var clientPatterns = clientPaths()

func clientPaths() []string {
	var names []string
	for _, c := range clients {
		names = append(names, c.name)
	}
	return placed(names, commonPlaces)
}

// clientOf tells the program by the file's path.
func clientOf(name string) (client, bool) {
	elems := strings.Split(name, "/")
	for _, c := range clients {
		n := strings.Count(c.name, "/") + 1
		if len(elems) <= n {
			continue
		}
		if ok, _ := path.Match(c.name, strings.Join(elems[len(elems)-n:], "/")); ok {
			return c, true
		}
	}
	return client{}, false
}

func runClients(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		c, ok := clientOf(s.Path)
		if !ok {
			return
		}
		s, ok := content(s, c.program, clientPatterns, yield)
		if !ok {
			return
		}
		w := writer{src: s, account: s.Owner(), kind: "program", program: &c.program, yield: yield}
		for e, err := range c.read(ctx, s, &c.program) {
			if !w.add(e, err) {
				return
			}
		}
		w.end()
	}
}

// libeditHead is the first line of a history of libedit.
const libeditHead = "_HiStOrY_V2_"

// plain reads a line an entry, the oldest first, as readline and libedit write
// them.
func plain(ctx context.Context, s *timeline.Source, program *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		libedit := false
		var stamp entry // before the entry that it belongs to
		for e, err := range lines(ctx, s) {
			if err != nil {
				if !yield(e, err) {
					return
				}
				continue
			}
			if e.line == 1 && e.command == libeditHead {
				libedit = true
				continue
			}
			switch {
			case libedit:
				e.command = unvis(e.command)
			case *program == "psql":
				e.command = strings.ReplaceAll(e.command, "\x01", "\n")
			case *program == "nu":
				e.command = strings.ReplaceAll(e.command, "<\\n>", "\n")
			}
			sh := ""
			if when, ok := (&parser{shell: &sh}).stampOf(e.command); ok {
				stamp = e
				stamp.when = when
				continue
			}
			if !stamp.when.IsZero() {
				e.when, e.size, e.offset, e.line = stamp.when, e.offset+e.size-stamp.offset, stamp.offset, stamp.line
				stamp = entry{}
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// lines yields the lines that are not empty as entries.
func lines(ctx context.Context, s *timeline.Source) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		p := parser{yield: yield}
		for l, err := range timeline.Lines(ctx, s) {
			switch {
			case err != nil:
				if !yield(entry{}, err) {
					return
				}
			case noiseButOnes(l.Text):
				if p.noise.length == 0 {
					p.noise = span{l.Offset, 0, l.Number}
				}
				p.noise.length = l.Offset + int64(len(l.Text)) - p.noise.offset
			case !p.quiet(s):
				return
			case len(l.Text) > 0:
				if !yield(entry{command: string(l.Text), offset: l.Offset, size: int64(len(l.Text)), line: l.Number}, nil) {
					return
				}
			}
		}
		p.quiet(s)
	}
}

// noiseButOnes is noise that bears with the byte 1, which stands for newlines in
// psql's histories.
func noiseButOnes(b []byte) bool {
	if !noise(b) {
		return false
	}
	var rest []byte
	for _, c := range b {
		if c != 1 {
			rest = append(rest, c)
		}
	}
	return noise(rest)
}

// newestFirst reads the histories of Node.js and yields the oldest entry first.
// Within an entry, newer versions write CR for a newline.
func newestFirst(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var all []entry
		size := int64(0)
		for e, err := range lines(ctx, s) {
			if err != nil {
				if !yield(e, err) {
					return
				}
				continue
			}
			if size += e.size; size > maxBinary {
				if !yield(entry{}, s.Damage(e.offset, s.Size-e.offset, e.line, fmt.Sprintf("the entries behind the newest %d bytes are left out", maxBinary), nil)) {
					return
				}
				break
			}
			e.command = strings.ReplaceAll(e.command, "\r", "\n")
			all = append(all, e)
		}
		for i := len(all) - 1; i >= 0; i-- {
			if !yield(all[i], nil) {
				return
			}
		}
	}
}

// joined reads lines of which some go on in the next.
func joined(ctx context.Context, s *timeline.Source, more func(e *entry, next int64) bool) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var cur entry
		open := false
		flush := func() bool {
			e := cur
			cur = entry{}
			return e.command == "" || yield(e, nil)
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if open = false; !flush() || !yield(entry{}, err) {
					return
				}
				continue
			}
			if open = open && more(&cur, l.Offset) && len(cur.command)+len(l.Text) < maxEntry; open {
				cur.command += "\n" + string(l.Text)
				cur.size = l.Offset + int64(len(l.Text)) - cur.offset
				continue
			}
			if !flush() {
				return
			}
			if noise(l.Text) {
				if !yield(entry{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no text, left out", nil)) {
					return
				}
				continue
			}
			cur, open = entry{command: string(l.Text), offset: l.Offset, size: int64(len(l.Text)), line: l.Number}, true
		}
		flush()
	}
}

// python reads lines; since Python 3.13 an entry may have several, which end
// with CR and LF but for the last.
func python(ctx context.Context, s *timeline.Source, program *string) iter.Seq2[entry, error] {
	var head [len(libeditHead)]byte
	if n, _ := s.Data.ReadAt(head[:], 0); n == len(head) && string(head[:]) == libeditHead {
		return plain(ctx, s, program)
	}
	return joined(ctx, s, func(e *entry, next int64) bool { return next-e.offset-e.size == 2 })
}

// powershell reads lines; one that ends with a backtick goes on in the next.
// https://github.com/PowerShell/PSReadLine/blob/master/PSReadLine/History.cs
func powershell(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	return joined(ctx, s, func(e *entry, _ int64) bool {
		text, ok := strings.CutSuffix(e.command, "`")
		if ok {
			e.command = text
		}
		return ok
	})
}

// promptToolkit reads entries of a line "# local time" and lines that begin
// with a plus sign.
func promptToolkit(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var cur entry
		flush := func() bool {
			e := cur
			cur = entry{}
			return e.command == "" || yield(e, nil)
		}
		note := ""
		if s.Zone == nil {
			note = "the server's time zone is not known; UTC is assumed"
		}
		for e, err := range lines(ctx, s) {
			if err != nil {
				if !flush() || !yield(e, err) {
					return
				}
				continue
			}
			if stamp, ok := strings.CutPrefix(e.command, "# "); ok {
				if !flush() {
					return
				}
				cur = entry{offset: e.offset, size: e.size, line: e.line}
				if t, err := time.ParseInLocation("2006-01-02 15:04:05.999999", stamp, s.Location()); err == nil {
					cur.when, cur.note = t.UTC(), note
				}
				continue
			}
			text, ok := strings.CutPrefix(e.command, "+")
			if !ok {
				if !flush() || !yield(entry{}, s.Damage(e.offset, e.size, e.line, "no line of this history", nil)) {
					return
				}
				continue
			}
			if cur.line == 0 || len(cur.command)+len(text) >= maxEntry {
				if !flush() {
					return
				}
				cur = entry{offset: e.offset, line: e.line}
			}
			if cur.command != "" {
				cur.command += "\n"
			}
			cur.command += text
			cur.size = e.offset + e.size - cur.offset
		}
		flush()
	}
}

// unvis undoes vis(3), as libedit uses it.
func unvis(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		rest := s[i+1:]
		octal := func(n int) bool { return len(rest) > n && rest[n] >= '0' && rest[n] <= '7' }
		switch {
		case octal(0) && octal(1) && octal(2):
			b = append(b, (rest[0]-'0')<<6|(rest[1]-'0')<<3|(rest[2]-'0'))
			i += 3
		case strings.HasPrefix(rest, "M-") && len(rest) > 2:
			b = append(b, rest[2]|0x80)
			i += 3
		case strings.HasPrefix(rest, "M^") && len(rest) > 2:
			b = append(b, control(rest[2])|0x80)
			i += 3
		case rest[0] == '^' && len(rest) > 1:
			b = append(b, control(rest[1]))
			i += 2
		default:
			b = append(b, rest[0])
			i++
		}
	}
	return string(b)
}

func control(c byte) byte {
	if c == '?' {
		return 0x7f
	}
	return c & 0x1f
}

// mask is what stands in place of a password.
const mask = "(masked)"

// masked reads lines, and masks the passwords of commands of Redis.
func masked(ctx context.Context, s *timeline.Source, program *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for e, err := range plain(ctx, s, program) {
			if text, ok := maskRedis(e.command); ok && err == nil {
				e.command, e.fields = text, []string{"masked", "password"}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// maskRedis masks the arguments of a command that are passwords.
// https://redis.io/docs/latest/commands/auth/, hello, migrate, acl-setuser, config-set
func maskRedis(s string) (string, bool) {
	words := strings.Fields(s)
	found := false
	hide := func(i int) {
		if i < len(words) {
			words[i], found = mask, true
		}
	}
	is := func(i int, w string) bool {
		return i < len(words) && strings.EqualFold(strings.Trim(words[i], `"'`), w)
	}
	switch {
	case is(0, "auth"):
		first := 1
		if len(words) > 2 {
			first = 2 // a name stands before
		}
		for i := first; i < len(words); i++ {
			hide(i)
		}
	case is(0, "hello"), is(0, "migrate"):
		for i := range words {
			switch {
			case is(i, "auth2"), is(i, "auth") && is(0, "hello"):
				hide(i + 2)
			case is(i, "auth"):
				hide(i + 1)
			}
		}
	case is(0, "acl") && is(1, "setuser"):
		for i := 3; i < len(words); i++ {
			if w := strings.Trim(words[i], `"'`); len(w) > 1 && strings.IndexByte("><#!", w[0]) >= 0 {
				words[i], found = w[:1]+mask, true
			}
		}
	case is(0, "config") && is(1, "set"):
		for i := 2; i+1 < len(words); i += 2 {
			if w := strings.ToLower(words[i]); strings.Contains(w, "pass") || strings.Contains(w, "masterauth") {
				for j := i + 1; j < len(words); j++ {
					hide(j)
				}
			}
		}
	}
	if !found {
		return s, false
	}
	return strings.Join(words, " "), true
}

// rows yields the entries that make makes of the rows of a table.
func rows(ctx context.Context, s *timeline.Source, table string, make func(db *sqlite.DB, r *sqlite.Row) (entry, bool)) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		wal, data, size := s.WAL()
		db, err := sqlite.Open(s.Data, s.Size, data, size)
		if err != nil {
			yield(entry{}, s.Damage(0, s.Size, 0, "no history that can be read", err))
			return
		}
		damage := func(err error) error {
			at, n := int64(-1), int64(0)
			if c, ok := err.(*sqlite.CorruptError); ok && !c.InWAL {
				at, n = c.Offset, c.Length
			}
			return s.Damage(at, n, 0, "a part of the database cannot be read", err)
		}
		for _, err := range db.Damage() {
			if !yield(entry{}, damage(err)) {
				return
			}
		}
		for r, err := range db.Rows(ctx, table) {
			if err != nil {
				if !yield(entry{}, damage(err)) {
					return
				}
				continue
			}
			e, ok := make(db, &r)
			if !ok {
				continue
			}
			e.offset, e.size = r.Offset, r.Length
			if r.InWAL {
				e.place = wal.Evidence(r.WALOffset, r.Length, 0)
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// put adds a field that has a value.
func (e *entry) put(name, value string) {
	if value != "" {
		e.fields = append(e.fields, name, value)
	}
}

// atuin reads the history that Atuin keeps for any shell: nanoseconds since
// 1970.
func atuin(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	return rows(ctx, s, "history", func(_ *sqlite.DB, r *sqlite.Row) (entry, bool) {
		var e entry
		e.command, _ = r.Text("command")
		if n, ok := r.Int("timestamp"); ok && n > 0 {
			e.when = time.Unix(0, n).UTC()
		}
		cwd, _ := r.Text("cwd")
		host, _ := r.Text("hostname")
		session, _ := r.Text("session")
		e.put("cwd", cwd)
		e.put("host", host)
		e.put("session", session)
		if code, ok := r.Int("exit"); ok && code >= 0 {
			e.put("status", fmt.Sprint(code))
		}
		if n, ok := r.Int("duration"); ok && n > 0 {
			e.put("elapsed", fmt.Sprintf("%.3f", float64(n)/1e9))
		}
		if n, ok := r.Int("deleted_at"); ok && n > 0 {
			e.put("state", "deleted")
		}
		return e, e.command != ""
	})
}

// nushell reads the history of nushell: milliseconds since 1970.
func nushell(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	return rows(ctx, s, "history", func(_ *sqlite.DB, r *sqlite.Row) (entry, bool) {
		var e entry
		e.command, _ = r.Text("command_line")
		if n, ok := r.Int("start_timestamp"); ok && n > 0 {
			e.when = time.UnixMilli(n).UTC()
		}
		cwd, _ := r.Text("cwd")
		host, _ := r.Text("hostname")
		e.put("cwd", cwd)
		e.put("host", host)
		if n, ok := r.Int("session_id"); ok {
			e.put("session", fmt.Sprint(n))
		}
		if n, ok := r.Int("exit_status"); ok {
			e.put("status", fmt.Sprint(n))
		}
		if n, ok := r.Int("duration_ms"); ok && n > 0 {
			e.put("elapsed", fmt.Sprintf("%.3f", float64(n)/1e3))
		}
		return e, e.command != ""
	})
}

// ipython reads the inputs of IPython. A session has a time, its inputs have
// none.
func ipython(ctx context.Context, s *timeline.Source, _ *string) iter.Seq2[entry, error] {
	var starts map[int64]string
	return rows(ctx, s, "history", func(db *sqlite.DB, r *sqlite.Row) (entry, bool) {
		if starts == nil {
			starts = map[int64]string{}
			for r := range db.Rows(ctx, "sessions") {
				id, ok := r.Int("session")
				if text, _ := r.Text("start"); ok && text != "" {
					starts[id] = text
				}
			}
		}
		var e entry
		if e.command, _ = r.Text("source_raw"); e.command == "" {
			e.command, _ = r.Text("source")
		}
		if id, ok := r.Int("session"); ok {
			e.put("session", fmt.Sprint(id))
			e.put("session_start", starts[id])
		}
		return e, e.command != ""
	})
}
