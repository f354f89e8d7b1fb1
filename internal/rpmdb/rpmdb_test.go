package rpmdb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deadbox/internal/unpack"
)

// samples are databases that others made, by the name that rpm wants them to
// have.
var samples = map[string]struct{ file, kind string }{
	"centos6-plain-Packages.xz": {"Packages", BDB}, "centos7-plain-Packages.xz": {"Packages", BDB},
	"sle15-bci-Packages.db.xz": {"Packages.db", NDB}, "cbl-mariner-2.0-rpmdb.sqlite.xz": {"rpmdb.sqlite", SQLite},
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "pkgdb", name))
	if err != nil {
		t.Skip("the samples are not here: ", err)
	}
	defer f.Close()
	r, err := unpack.NewReader("xz", f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte) *DB {
	t.Helper()
	db, err := Open(bytes.NewReader(b), int64(len(b)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestRpm compares all that is read with what rpm itself says of the databases.
func TestRpm(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not installed")
	}
	const perPackage = `P|%{NAME}|%{EPOCHNUM}|%{VERSION}|%{RELEASE}|%{ARCH}|%{INSTALLTIME}|%{BUILDTIME}|%{VENDOR}|%{SOURCERPM}\n`
	const perFile = `[F|%{FILENAMES}|%{FILEDIGESTS}|%{FILEMODES}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{FILESIZES}|%{FILEMTIMES}|%{FILELINKTOS}|%{FILEFLAGS}|%{FILESTATES}\n]`
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			b := sample(t, name)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, s.file), b, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("rpm", "-qa", "--dbpath", dir, "--define", "_db_backend "+map[string]string{BDB: "bdb_ro", NDB: "ndb", SQLite: "sqlite"}[s.kind], "--qf", perPackage+perFile)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			out, err := cmd.Output()
			if err != nil || len(out) == 0 {
				t.Skip("this rpm cannot read it: ", err)
			}
			db := open(t, b)
			if db.Kind != s.kind {
				t.Errorf("kind %s, want %s", db.Kind, s.kind)
			}
			var got []string
			none := func(s string) string {
				if s == "" {
					return "(none)"
				}
				return s
			}
			for p, err := range db.Packages(context.Background()) {
				if err != nil {
					t.Error(err)
					continue
				}
				epoch := p.Epoch
				if epoch == "" {
					epoch = "0"
				}
				got = append(got, strings.Join([]string{"P", p.Name, epoch, p.Version, p.Release, none(p.Arch), fmt.Sprint(p.Installed.Unix()), fmt.Sprint(p.Built.Unix()), none(p.Vendor), none(p.SourceRPM)}, "|"))
				for f := range p.Files() {
					got = append(got, fmt.Sprintf("F|%s|%s|%d|%s|%s|%d|%d|%s|%d|%d", f.Path, f.Digest, f.Mode, f.User, f.Group, f.Size, f.MTime.Unix(), f.Link, f.Flags, f.State))
				}
			}
			want := strings.Split(strings.TrimSpace(string(out)), "\n")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				n := 0
				for i := 0; i < min(len(got), len(want)) && n < 5; i++ {
					if got[i] != want[i] {
						t.Errorf("line %d: got\n%s\nwant\n%s", i, got[i], want[i])
						n++
					}
				}
				t.Errorf("%d lines, want %d", len(got), len(want))
			}
		})
	}
}

// TestEvidence holds the place of a package against the file.
func TestEvidence(t *testing.T) {
	for name, s := range samples {
		b := sample(t, name)
		n := 0
		for p, err := range open(t, b).Packages(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if p.Offset < 0 || p.Offset+p.Length > int64(len(b)) {
				t.Fatalf("%s: %s at %d, %d bytes", name, p.Name, p.Offset, p.Length)
			}
			if s.kind != SQLite && !bytes.Contains(b[p.Offset:p.Offset+p.Length], []byte{0, 0, 0, 62, 0, 0, 0, 7}) && !bytes.Contains(b[p.Offset:p.Offset+p.Length], []byte{0, 0, 3, 232, 0, 0, 0, 6}) {
				t.Errorf("%s: no header of %s at %d", name, p.Name, p.Offset)
			}
		}
		if n < 30 {
			t.Errorf("%s: %d packages", name, n)
		}
	}
}

// TestDamage overwrites pages: the packages that do not lie on them are still
// there, and the damage is said.
func TestDamage(t *testing.T) {
	for name := range samples {
		whole := sample(t, name)
		count := func(b []byte) (packages, damage int) {
			db, err := Open(bytes.NewReader(b), int64(len(b)), nil, 0)
			if err != nil {
				return 0, 1
			}
			for _, err := range db.Packages(context.Background()) {
				if err != nil {
					damage++
				} else {
					packages++
				}
			}
			return packages, damage
		}
		all, none := count(whole)
		if none != 0 {
			t.Fatalf("%s: damaged as it is", name)
		}
		cut, damage := count(whole[:len(whole)/2])
		if cut == 0 || damage == 0 || cut >= all {
			t.Errorf("%s: cut: %d of %d packages, %d damages", name, cut, all, damage)
		}
		b := bytes.Clone(whole)
		for i := len(b) / 2; i < len(b)/2+40960; i++ {
			b[i] = 0xff
		}
		left, damage := count(b)
		if left < all/2 || left > all {
			t.Errorf("%s: overwritten: %d of %d packages, %d damages", name, left, all, damage)
		}
	}
}

func TestNotDatabase(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("RpmP"), bytes.Repeat([]byte{1}, 5000)} {
		if _, err := Open(bytes.NewReader(b), int64(len(b)), nil, 0); !errors.Is(err, ErrNotDatabase) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func TestHeader(t *testing.T) {
	be := binary.BigEndian
	make := func(n, length uint32, entries []uint32, data string) []byte {
		b := be.AppendUint32(be.AppendUint32(nil, n), length)
		for _, e := range entries {
			b = be.AppendUint32(b, e)
		}
		return append(b, data...)
	}
	h, err := ParseHeader(make(3, 12, []uint32{1000, 6, 0, 1, 1117, 8, 2, 1 << 31, 1003, 4, 8, 1}, "a\x00bb\x00c\x00\x00\x00\x00\x00\x07"))
	if err != nil {
		t.Fatal(err)
	}
	if h.String(1000) != "a" || !slices.Equal(h.Strings(1117), []string{"bb", "c", "", "", "", ""}) {
		t.Errorf("%q %q", h.String(1000), h.Strings(1117))
	}
	if n, ok := h.Int(1003); !ok || n != 7 {
		t.Errorf("%d", n)
	}
	for _, b := range [][]byte{nil, make(0, 0, nil, ""), make(1<<30, 8, nil, "xxxxxxxx"), make(1, 1<<31, []uint32{1, 2, 3, 4}, ""), make(1, 2, []uint32{1000, 6, 1 << 30, 1}, "ab")} {
		if _, err := ParseHeader(b); err == nil {
			t.Errorf("%v was taken", b)
		}
	}
}

func FuzzRpmdb(f *testing.F) {
	for name := range samples {
		b := sample(f, name)
		f.Add(b[:min(len(b), 64<<10)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		db, err := Open(bytes.NewReader(b), int64(len(b)), nil, 0)
		if err != nil {
			return
		}
		for p, err := range db.Packages(context.Background()) {
			if err != nil {
				continue
			}
			for range p.Files() {
			}
			p.Scripts()
		}
	})
}
