package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// cli runs the sqlite3 program, which is the oracle.
func cli(t testing.TB, db, script string) string {
	t.Helper()
	bin, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("sqlite3 is not installed")
	}
	cmd := exec.Command(bin, "-batch", "-bail", "-init", os.DevNull, db)
	cmd.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, stderr.Bytes())
	}
	return string(out)
}

func load(t testing.TB, name string) (data, wal []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wal, err = os.ReadFile(name + "-wal")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return data, wal
}

func open(t testing.TB, data, wal []byte) *DB {
	t.Helper()
	var w io.ReaderAt
	if wal != nil {
		w = bytes.NewReader(wal)
	}
	db, err := Open(bytes.NewReader(data), int64(len(data)), w, int64(len(wal)))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// quote gives a value as SQL's quote() does, of numbers exactly.
func (r *Row) quote(column string) string {
	if n, ok := r.Int(column); ok {
		return strconv.FormatInt(n, 10)
	}
	if f, ok := r.Float(column); ok {
		return strconv.FormatFloat(f, 'g', 12, 64)
	}
	if s, ok := r.Text(column); ok {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	if b, ok := r.Bytes(column); ok {
		return fmt.Sprintf("X'%X'", b)
	}
	if r.IsNull(column) {
		return "NULL"
	}
	return "?"
}

// stored lists the columns that are not computed when they are asked for.
func stored(db *DB, name string) []string {
	var names []string
	for _, c := range db.table(name).columns {
		if c.at >= 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// dump renders a table, a row a line, by this package.
func dump(t testing.TB, db *DB, name string) []string {
	t.Helper()
	var lines []string
	for r, err := range db.Rows(context.Background(), name) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		line := strconv.FormatInt(r.ID, 10)
		for _, c := range stored(db, name) {
			line += "\x1f" + r.quote(c)
		}
		lines = append(lines, line)
	}
	return lines
}

// oracle renders a table by sqlite3.
func oracle(t testing.TB, file string, db *DB, name string) []string {
	t.Helper()
	sql := ".mode list\n.separator \"\x1f\" \"\\n\"\nselect rowid"
	for _, c := range stored(db, name) {
		q := `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		sql += fmt.Sprintf(", case typeof(%s) when 'real' then printf('%%!.17g', %s) else quote(%s) end", q, q, q)
	}
	out := cli(t, file, sql+` from "`+strings.ReplaceAll(name, `"`, `""`)+"\" order by rowid;\n")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if out == "" {
		return nil
	}
	for i, l := range lines {
		parts := strings.Split(l, "\x1f")
		for j, p := range parts {
			if f, err := strconv.ParseFloat(p, 64); err == nil && strings.ContainsAny(p, ".eEn") {
				parts[j] = strconv.FormatFloat(f, 'g', 12, 64)
			}
		}
		lines[i] = strings.Join(parts, "\x1f")
	}
	return lines
}

func compare(t *testing.T, file string, db *DB) (rows int) {
	t.Helper()
	for _, err := range db.Damage() {
		t.Error(err)
	}
	for _, name := range db.Tables() {
		got, want := dump(t, db, name), oracle(t, file, db, name)
		rows += len(got)
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s, row %d:\ngot  %.300q\nwant %.300q", name, i, got[i], want[i])
				break
			}
		}
	}
	return rows
}

// script makes tables of all kinds of columns, rows of all lengths, and free
// pages.
const script = `
create table plain(a, b text, c integer, d real, e blob);
insert into plain values (null, 'x', 0, 1.5, x'00ff'), (1, '', 1, 3, x''), ('it''s', 'äöü 漢字 😀', -1, -2.5e300, zeroblob(70)),
  (127, 'q', 128, 32767, 'text'), (32768, '', 8388607, 1e-7, 1), (8388608, '', 2147483647, 0, 2), (2147483648, '', 140737488355327, 4, 3),
  (140737488355328, '', 9223372036854775807, 5, 4), (-129, '', -9223372036854775808, 6, 5);
create table "od""d [na/me]" ( -- a comment, with (parentheses
  [id x] INTEGER /* here, too */ PRIMARY KEY AUTOINCREMENT NOT NULL,
  'single' VARCHAR(10) DEFAULT 'a)b' COLLATE NOCASE,
  ` + "`back`" + ` DECIMAL(10, 5) CHECK (back > 0 AND (1 OR 2)),
  last, CONSTRAINT u UNIQUE (single, last));
insert into "od""d [na/me]" values (5, 's', 1.5, 'l'), (70000, null, 2, x'01');
create table late(a);
insert into late values (1), (2);
alter table late add column i integer default -7;
alter table late add column t text default 'it''s';
alter table late add column r real default 2.5;
alter table late add column n;
alter table late add column x blob default x'0aFF';
alter table late add column p text default ('paren');
alter table late add column b boolean default true;
insert into late values (3, 4, 'five', 6, 7, 8, 9, false);
create table keyed(a text, id integer, primary key (id));
insert into keyed values ('one', 10), ('two', -20), ('three', 4611686018427387904);
create table upside(id integer primary key desc, v);
insert into upside values (3, 'c'), (1, 'a');
create table notalias(id int primary key, v);
insert into notalias values (3, 'c'), (1, 'a');
create table made(a integer, b as (a * 2), c generated always as (a + 1) stored, d);
insert into made(a, d) values (1, 'd1'), (2, 'd2');
create table empty(a, b);
create table copied as select a as "first", c "third col" from plain;
create table big(id integer primary key, s text, z);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
  insert into big select i, printf('%.*c', (i * i) % 1200, char(97 + i % 26)), i from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 12)
  insert into big select 100000 + i, printf('%.*c', 5000 * i, char(97 + i % 26)), 'end' || i from n;
delete from big where id % 7 = 0;
create index bigs on big(s);
create table dropped(a); insert into dropped values (1); drop table dropped;
create view seen as select * from plain;
`

func TestOracle(t *testing.T) {
	for _, tt := range []struct {
		pageSize         int
		encoding, vacuum string
	}{
		{512, "UTF-8", "none"}, {1024, "UTF-16be", "none"}, {1024, "UTF-8", "full"}, {4096, "UTF-8", "none"}, {65536, "UTF-16le", "none"},
	} {
		t.Run(fmt.Sprintf("%d %s %s", tt.pageSize, tt.encoding, tt.vacuum), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.db")
			cli(t, file, fmt.Sprintf("pragma page_size=%d; pragma encoding='%s'; pragma auto_vacuum=%s;\nbegin;%scommit;\n", tt.pageSize, tt.encoding, tt.vacuum, script))
			data, _ := load(t, file)
			if rows := compare(t, file, open(t, data, nil)); rows < 2600 {
				t.Errorf("%d rows", rows)
			}
			if tt.pageSize != 4096 {
				return
			}
			// Reserved bytes at the end of pages.
			cli(t, file, ".filectrl reserve_bytes 32\nvacuum;\n")
			if data, _ = load(t, file); data[20] != 32 {
				t.Fatalf("%d bytes reserved, want 32", data[20])
			}
			compare(t, file, open(t, data, nil))
		})
	}
}

// TestPlace looks at the bytes that a row is said to lie in.
func TestPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	cli(t, file, script)
	data, _ := load(t, file)
	db := open(t, data, nil)
	n := 0
	for r, err := range db.Rows(context.Background(), "late") {
		if err != nil {
			t.Fatal(err)
		}
		if r.InWAL || r.WALOffset != -1 || r.Offset < 0 || r.Offset+r.Length > int64(len(data)) {
			t.Fatalf("row %+v", r)
		}
		if r.ID == 3 && !bytes.Contains(data[r.Offset:r.Offset+r.Length], []byte("five")) {
			t.Errorf("row 3 at %d, %d bytes: %q", r.Offset, r.Length, data[r.Offset:r.Offset+r.Length])
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// walPair makes a database with a log: a checkpointed part, a committed part,
// and one that was not committed.
func walPair(t testing.TB) (file string, data, wal []byte) {
	file = filepath.Join(t.TempDir(), "w.db")
	cli(t, file, `pragma journal_mode=wal; pragma wal_autocheckpoint=0; pragma cache_size=1;
create table t(id integer primary key, s text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, 'old ' || i from n;
pragma wal_checkpoint(restart);
update t set s = 'new ' || id where id between 100 and 110;
insert into t values (100000, 'added in the log');
create table second(a); insert into second values ('only in the log');
begin; update t set s = printf('%.3000c', 'u') where id < 200;
.shell cp `+file+` `+file+`.copy && cp `+file+`-wal `+file+`.copy-wal
rollback;
`)
	data, wal = load(t, file+".copy")
	if len(wal) == 0 {
		t.Fatal("no log")
	}
	return file, data, wal
}

func TestWAL(t *testing.T) {
	file, data, wal := walPair(t)
	db := open(t, data, wal)
	if rows := compare(t, file, db); rows != 5002 {
		t.Errorf("%d rows, want 5002", rows)
	}
	inLog := 0
	for r, err := range db.Rows(context.Background(), "t") {
		if err != nil {
			t.Fatal(err)
		}
		bytesOf, at := data, r.Offset
		if r.InWAL {
			if r.Offset != -1 {
				t.Fatalf("row %d has two places", r.ID)
			}
			inLog++
			bytesOf, at = wal, r.WALOffset
		}
		s, _ := r.Text("s")
		if !bytes.Contains(bytesOf[at:at+r.Length], []byte(s)) {
			t.Fatalf("row %d is not at %d", r.ID, at)
		}
	}
	if inLog == 0 || inLog == 5001 {
		t.Errorf("%d rows in the log", inLog)
	}
	// Without the log, the state before it.
	old := open(t, data, nil)
	n := 0
	for r := range old.Rows(context.Background(), "t") {
		if s, _ := r.Text("s"); s != fmt.Sprintf("old %d", r.ID) {
			t.Errorf("row %d: %q", r.ID, s)
		}
		n++
	}
	if n != 5000 || len(old.Tables()) != 1 {
		t.Errorf("%d rows, tables %q", n, old.Tables())
	}
	// A wrong sum ends the log where it stands.
	bad := bytes.Clone(wal)
	bad[walHeaderSize+frameSize+17] ^= 1
	db = open(t, data, bad)
	if len(db.Damage()) != 1 || len(db.Tables()) != 1 {
		t.Errorf("damage %v, tables %q", db.Damage(), db.Tables())
	}
	// Each cut of the log is a state that the database had.
	for cut := len(wal); cut >= 0; cut -= max(len(wal)/40, 1000) + 1 {
		db := open(t, data, wal[:cut])
		n := 0
		for _, err := range db.Rows(context.Background(), "t") {
			if err != nil {
				t.Fatalf("log of %d bytes: %v", cut, err)
			}
			n++
		}
		if n != 5000 && n != 5001 {
			t.Fatalf("log of %d bytes: %d rows", cut, n)
		}
	}
	// A log whose database has nothing yet.
	lone, err := Open(bytes.NewReader(nil), 0, bytes.NewReader(wal), int64(len(wal)))
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range lone.Rows(context.Background(), "second") {
		if s, _ := r.Text("a"); err != nil || s != "only in the log" {
			t.Errorf("log alone: %q, %v", s, err)
		}
	}
}

// TestDamage takes pages away: the rows of the others are all there.
func TestDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	cli(t, file, "pragma page_size=1024; create table t(id integer primary key, s);\n"+
		"with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into t select i, 'row ' || i from n;\n"+
		"create table long(s, tail); insert into long values (printf('%.9000c', 'x'), 'tail'), ('short', 'tail');\n")
	data, _ := load(t, file)
	count := func(data []byte, table string) (rows, errs, partial int) {
		for r, err := range open(t, data, nil).Rows(context.Background(), table) {
			switch {
			case err != nil:
				errs++
				var c *CorruptError
				if !errors.As(err, &c) {
					t.Errorf("%v is no CorruptError", err)
				}
			case r.Partial:
				partial++
			default:
				rows++
			}
		}
		return
	}
	if rows, errs, _ := count(data, "t"); rows != 2000 || errs != 0 {
		t.Fatalf("%d rows, %d errors", rows, errs)
	}
	// A leaf in the middle.
	var leaf int
	for n := 5; n < len(data)/1024; n++ {
		if data[n*1024] == leafPage && bytes.Contains(data[n*1024:][:1024], []byte("row 7")) {
			leaf = n
			break
		}
	}
	lost := int(treePage(data[leaf*1024:]).cells())
	for name, fill := range map[string]byte{"zeros": 0, "noise": 0xaa} {
		bad := bytes.Clone(data)
		copy(bad[leaf*1024:], bytes.Repeat([]byte{fill}, 1024))
		if rows, errs, _ := count(bad, "t"); rows != 2000-lost || errs != 1 {
			t.Errorf("a leaf of %s: %d rows, %d errors, want %d, 1", name, rows, errs, 2000-lost)
		}
	}
	// The end is cut off.
	cut := data[:len(data)-5*1024-300]
	if rows, errs, partial := count(cut, "long"); rows+partial == 0 || errs == 0 {
		t.Errorf("cut: %d rows, %d partial, %d errors", rows, partial, errs)
	}
	// A row with an overflow page gone has its beginning.
	for r, err := range open(t, cut, nil).Rows(context.Background(), "long") {
		if err == nil && r.Partial {
			if _, ok := r.Text("s"); ok {
				t.Error("a text that lost its end is given as whole")
			}
			if r.IsNull("tail") {
				t.Error("a lost column is given as NULL")
			}
		}
	}
	// A tree that leads back to its root.
	loop := bytes.Clone(data)
	root := int(open(t, data, nil).table("t").root)
	be.PutUint32(loop[(root-1)*1024+8:], uint32(root))
	if rows, errs, _ := count(loop, "t"); rows == 0 || errs != 1 {
		t.Errorf("loop: %d rows, %d errors", rows, errs)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrNotDatabase},
		{"text", []byte(strings.Repeat("no database\n", 100)), ErrNotDatabase},
		{"short", data[:50], nil},
	} {
		_, err := Open(bytes.NewReader(tt.data), int64(len(tt.data)), nil, 0)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	cli(t, file, "create table w(a primary key, b) without rowid; insert into w values (1, 2); create table t(x); insert into t values (1);\n"+
		"create virtual table v using fts5(a);\n")
	data, _ := load(t, file)
	db := open(t, data, nil)
	for _, name := range []string{"w", "v", "v_config"} {
		for _, err := range db.Rows(context.Background(), name) {
			if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, err := range db.Rows(context.Background(), "none") {
		if !errors.Is(err, ErrNoTable) {
			t.Errorf("none: %v", err)
		}
	}
	for _, name := range db.Tables() {
		if name == "w" || name == "v" {
			t.Errorf("table %s is listed", name)
		}
	}
	var types []string
	for r, err := range db.Rows(context.Background(), "sqlite_schema") {
		if err != nil {
			t.Fatal(err)
		}
		s, _ := r.Text("type")
		types = append(types, s)
	}
	if len(types) < 5 {
		t.Errorf("schema: %q", types)
	}
}

func TestVarint(t *testing.T) {
	for _, tt := range []struct {
		in   string
		v    int64
		size int
	}{
		{"\x00", 0, 1}, {"\x7f", 127, 1}, {"\x81\x00", 128, 2}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", -1, 9},
		{"\x81\x81\x81\x81\x81\x81\x81\x81\x00", 0x0204081020408100, 9}, {"", 0, 0}, {"\x80\x80", 0, 0},
	} {
		if v, n := varint([]byte(tt.in)); v != tt.v || n != tt.size {
			t.Errorf("%x: %#x, %d bytes", tt.in, v, n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	if _, err := exec.LookPath("sqlite3"); err == nil {
		file := filepath.Join(dir, "a.db")
		cli(f, file, "pragma page_size=512; create table t(id integer primary key, s, x default 1); insert into t values (1, printf('%.2000c', 'x'), null), (2, x'00', 1.5);\n"+
			"with recursive n(i) as (select 3 union all select i + 1 from n where i < 100) insert into t select i, 'row', i from n; alter table t add column l default 'late';\n")
		data, _ := load(f, file)
		f.Add(data, []byte{})
		_, data, wal := walPair(f)
		f.Add(data[:min(len(data), 20000)], wal[:min(len(wal), 20000)])
	}
	f.Add([]byte(magic), []byte("\x37\x7f\x06\x82"))
	f.Fuzz(func(t *testing.T, data, wal []byte) {
		db, err := Open(bytes.NewReader(data), int64(len(data)), bytes.NewReader(wal), int64(len(wal)))
		if err != nil {
			return
		}
		for _, name := range append(db.Tables(), "sqlite_schema") {
			rows := 0
			for r, err := range db.Rows(context.Background(), name) {
				if err != nil {
					continue
				}
				if rows++; rows > len(data)+len(wal) {
					t.Fatal("more rows than bytes")
				}
				size := int64(len(data))
				if r.InWAL {
					size = int64(len(wal))
				}
				if at := r.place(); at < 0 || r.Length < 1 || at+r.Length > size {
					t.Fatalf("row %+v of %d bytes", r, size)
				}
				for _, c := range db.Columns(name) {
					_ = r.quote(c)
				}
			}
		}
	})
}

func FuzzSchema(f *testing.F) {
	for _, s := range strings.Split(script, ";") {
		f.Add(strings.TrimSpace(s))
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tab, err := parseTable(sql)
		if err == nil && tab.refused == "" && (len(tab.columns) == 0 || tab.rowid >= len(tab.columns)) {
			t.Fatalf("%q: %+v", sql, tab)
		}
	})
}

// TestShared reads databases of other programs that the workspace holds.
func TestShared(t *testing.T) {
	packed := "../../../shared/data/pkgdb/cbl-mariner-2.0-rpmdb.sqlite.xz"
	if _, err := os.Stat(packed); err != nil {
		t.Skip("no shared data")
	}
	data, err := exec.Command("xz", "-dc", packed).Output()
	if err != nil {
		t.Skip("xz: ", err)
	}
	file := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if rows := compare(t, file, open(t, data, nil)); rows < 100 {
		t.Errorf("%d rows", rows)
	}
}
