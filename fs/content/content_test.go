package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"deadbox/fs/filesystem"
)

// fake is a content over bytes, with extents that say which of them are
// holes. Reading a hole is an error, so that a test sees it.
type fake struct {
	data    []byte
	size    int64
	extents []filesystem.Extent
	bad     int64 // reading this byte fails; 0: none
	reads   atomic.Int64
}

func (f *fake) Size() int64                  { return f.size }
func (f *fake) Extents() []filesystem.Extent { return f.extents }
func (f *fake) ReadAt(p []byte, off int64) (int, error) {
	f.reads.Add(int64(len(p)))
	for _, e := range f.extents {
		if isZeros(e.Kind) && off < e.Logical+e.Length && e.Logical < off+int64(len(p)) {
			return 0, fmt.Errorf("read of a hole at %d", off)
		}
	}
	if f.bad != 0 && off <= f.bad && f.bad < off+int64(len(p)) {
		return int(f.bad - off), errors.New("bad sector")
	}
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func plain(b []byte) *fake {
	return &fake{data: b, size: int64(len(b)), extents: []filesystem.Extent{{Offset: 4096, Length: (int64(len(b)) + 4095) &^ 4095}}}
}

// sparse makes data, hole, data of 64 KiB each.
func sparse(fill byte) *fake {
	b := make([]byte, 192<<10)
	for i := range b {
		if i < 64<<10 || i >= 128<<10 {
			b[i] = fill
		}
	}
	return &fake{data: b, size: int64(len(b)), extents: []filesystem.Extent{
		{Logical: 0, Offset: 1 << 20, Length: 64 << 10},
		{Logical: 64 << 10, Offset: -1, Length: 64 << 10, Kind: filesystem.Hole},
		{Logical: 128 << 10, Offset: 2 << 20, Length: 64 << 10},
	}}
}

func TestCopy(t *testing.T) {
	for _, c := range []*fake{plain(nil), plain([]byte("x")), plain(bytes.Repeat([]byte("ab"), 5000)), sparse('q')} {
		var a, b bytes.Buffer
		if err := Copy(c, make([]byte, 1000), &a, &b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), c.data) || !bytes.Equal(b.Bytes(), c.data) {
			t.Errorf("copy of %d bytes gave %d and %d other bytes", len(c.data), a.Len(), b.Len())
		}
	}
}

func TestCopyShort(t *testing.T) {
	c := plain([]byte("0123456789"))
	c.size = 20
	if err := Copy(c, make([]byte, 8), io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a content that ends early gave %v", err)
	}
	bad := plain(make([]byte, 100))
	bad.bad = 50
	if err := Copy(bad, make([]byte, 8), io.Discard); err == nil || !strings.Contains(err.Error(), "bad sector") {
		t.Errorf("bad sector gave %v", err)
	}
}

func TestRunsOfHostileExtents(t *testing.T) {
	c := &fake{size: 100, extents: []filesystem.Extent{
		{Logical: 50, Offset: 0, Length: 1 << 62},
		{Logical: 10, Offset: 0, Length: -5},
		{Logical: 1 << 62, Offset: -1, Length: 1 << 62, Kind: filesystem.Hole},
		{Logical: 0, Offset: -1, Length: 100, Kind: filesystem.Hole},
	}}
	got := runs(c)
	if len(got) != 1 || got[0] != (run{0, 100, false}) {
		t.Errorf("runs = %v, want the whole file read", got)
	}
	if l := LayoutOf(c); l.Data != 100 || l.Zeros != 0 {
		t.Errorf("layout = %+v", l)
	}
}

func TestEqual(t *testing.T) {
	a, b := make([]byte, 1000), make([]byte, 1000)
	solid := plain(sparse('q').data) // the same bytes without a hole
	other := plain(append([]byte(nil), solid.data...))
	other.data[100<<10] = 1 // where sparse has its hole
	late := plain(append([]byte(nil), solid.data...))
	late.data[len(late.data)-1]++
	for _, tc := range []struct {
		name string
		a, b *fake
		want bool
	}{
		{"empty", plain(nil), plain(nil), true},
		{"itself", sparse('q'), sparse('q'), true},
		{"hole against zeros", sparse('q'), solid, true},
		{"zeros against hole", solid, sparse('q'), true},
		{"byte in a hole", sparse('q'), other, false},
		{"last byte", solid, late, false},
		{"sizes", plain([]byte("a")), plain([]byte("ab")), false},
	} {
		got, errA, errB := Equal(tc.a, tc.b, a, b)
		if got != tc.want || errA != nil || errB != nil {
			t.Errorf("%s: %v %v %v, want %v", tc.name, got, errA, errB, tc.want)
		}
	}
	bad := plain(solid.data)
	bad.bad = 150 << 10
	if _, errA, errB := Equal(solid, bad, a, b); errA != nil || errB == nil {
		t.Errorf("bad sector on the second side gave %v, %v", errA, errB)
	}
	// Two files of a petabyte without a block are equal without a read.
	hole := func() *fake {
		return &fake{size: 1 << 50, extents: []filesystem.Extent{{Offset: -1, Length: 1 << 50, Kind: filesystem.Hole}}}
	}
	x, y := hole(), hole()
	if eq, errA, errB := Equal(x, y, a, b); !eq || errA != nil || errB != nil || x.reads.Load() != 0 {
		t.Errorf("two holes: %v %v %v after %d bytes", eq, errA, errB, x.reads.Load())
	}
}

func TestLedger(t *testing.T) {
	g := Ledger{Room: 1000}
	if g.Admit(Layout{Data: 1001}) == nil {
		t.Error("a file larger than its volume was admitted")
	}
	for range 4 {
		if err := g.Admit(Layout{Data: 1000}); err != nil {
			t.Error(err)
		}
	}
	if g.Admit(Layout{Data: 1}) == nil {
		t.Error("more than four times the volume was admitted")
	}
	if g.Admit(Layout{Zeros: MaxZeros + 1}) == nil {
		t.Error("a hole without end was admitted")
	}
	if err := (&Ledger{}).Admit(Layout{Data: 1 << 60}); err != nil {
		t.Errorf("a volume of unknown size refused: %v", err)
	}
}

// memFS has contents by inode number; only what Hash calls is there.
type memFS struct {
	filesystem.FileSystem
	files map[filesystem.Inum]*fake
}

func (m *memFS) Inode(n filesystem.Inum) (*filesystem.Inode, error) {
	if m.files[n] == nil {
		return nil, &filesystem.CorruptError{Structure: "inode", Inum: n, Reason: "no such inode"}
	}
	return &filesystem.Inode{Inum: n}, nil
}

func (m *memFS) Content(in *filesystem.Inode) (filesystem.Content, error) {
	return m.files[in.Inum], nil
}

func TestHash(t *testing.T) {
	m := &memFS{files: map[filesystem.Inum]*fake{}}
	var files []File
	for i := range 200 {
		n := filesystem.Inum(200 - i)
		f := plain([]byte(fmt.Sprintf("#!/bin/sh\necho %d\n", n)))
		f.extents[0].Offset = int64(i) << 12
		m.files[n] = f
		files = append(files, File{FS: m, Inum: n, Room: 1 << 20})
	}
	m.files[7].bad = 3
	files = append(files, File{FS: m, Inum: 999})
	for _, workers := range []int{1, 8} {
		got, err := Hash(context.Background(), files, Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range files[:200] {
			want := sha256.Sum256(m.files[f.Inum].data)
			if f.Inum == 7 {
				if got[i].Err == nil || got[i].Hex() != "" {
					t.Errorf("%d workers: bad sector gave %+v", workers, got[i])
				}
				continue
			}
			if got[i].Err != nil || got[i].SHA256 != want || got[i].Magic != "script" || got[i].Interp != "/bin/sh" {
				t.Errorf("%d workers: inode %d gave %+v", workers, f.Inum, got[i])
			}
		}
		if got[200].Err == nil {
			t.Errorf("%d workers: a missing inode gave no error", workers)
		}
	}
}

func TestType(t *testing.T) {
	pe := make([]byte, 256)
	copy(pe, "MZ")
	pe[60] = 128
	copy(pe[128:], "PE\x00\x00")
	tar := make([]byte, 512)
	copy(tar, "name")
	copy(tar[257:], "ustar\x0000")
	for _, tc := range []struct{ head, magic, interp string }{
		{"", "", ""},
		{"\x7fELF\x02\x01", "elf", ""},
		{"#!/bin/sh\n", "script", "/bin/sh"},
		{"#! /usr/bin/perl -w\n", "script", "/usr/bin/perl"},
		{"#!/usr/bin/env python3\n", "script", "python3"},
		{"#!/usr/bin/env -S LANG=C node --flag\n", "script", "node"},
		{"#!/usr/bin/env\n", "script", "/usr/bin/env"},
		{"#!/bin/sh", "script", "/bin/sh"},
		{"#!\n", "", ""},
		{"#!/usr/bin/php\n<?php", "php", "/usr/bin/php"},
		{"<?php echo 1;", "php", ""},
		{"\xef\xbb\xbf\n<?PHP\n", "php", ""},
		{"<?= $x ?>", "php", ""},
		{"<? phpinfo();", "php", ""},
		{"<html><body>\n<?php\n", "php", ""},
		{"<?xml version='1.0'?><a><?php", "php", ""},
		{"<?xml version='1.0'?><a/>", "", ""},
		{"how to write <?phpx", "", ""},
		{"\x1f\x8b\x08", "gzip", ""},
		{"BZh91AY", "bzip2", ""},
		{"BZhello", "", ""},
		{"PK\x03\x04", "zip", ""},
		{string(pe), "pe", ""},
		{"MZ is a text", "", ""},
		{string(tar), "tar", ""},
		{"!<arch>\ndebian-binary   ", "deb", ""},
		{"!<arch>\n/ ", "ar", ""},
		{"GIF89a<?php system(", "gif", ""},
		{"hello", "", ""},
	} {
		if m, in := Type([]byte(tc.head)); m != tc.magic || in != tc.interp {
			t.Errorf("Type(%q) = %q, %q, want %q, %q", tc.head, m, in, tc.magic, tc.interp)
		}
	}
}

func FuzzType(f *testing.F) {
	f.Add([]byte("#!/usr/bin/env -S python"))
	f.Add([]byte("\xef\xbb\xbf<?php"))
	f.Add([]byte("MZ\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		magic, interp := Type(b)
		if interp != "" && magic != "script" && magic != "php" {
			t.Errorf("interpreter %q of a %q", interp, magic)
		}
	})
}
