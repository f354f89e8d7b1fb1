package tree

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"testing"

	"deadbox/fs/filesystem"
)

// inMemory is a tarball without a file.
type inMemory struct{ io.ReaderAt }

func (inMemory) Close() error { return nil }

// FuzzTarball opens whatever bytes and walks all of it: it ends, it does not panic,
// names stay inside, contents are as long as they say or give an error.
func FuzzTarball(f *testing.F) {
	f.Add(build(f,
		tar.Header{Name: "etc/passwd", Uname: "root"}, tar.Header{Name: "dir/", Typeflag: tar.TypeDir}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "l"},
		tar.Header{Name: "dup", Uname: "1"}, tar.Header{Name: "dup", Uname: "2"}, tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "dup"}))
	f.Add(build(f, tar.Header{Name: "x", Uname: "content", PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b", "mtime": "-1.5"}}))
	f.Add(build(f, tar.Header{Name: "[root]/etc/passwd", Uname: "root"}, tar.Header{Name: "uac.log", Uname: "log"}, tar.Header{Name: "bodyfile/bodyfile.txt", Uname: "0|/etc/passwd|5|-rw-r--r--|1|2|3|4|5|6|7\n"}))
	f.Add(build(f, tar.Header{Name: "[root]/a", Uname: "a"}, tar.Header{Name: "collection.json", Uname: "{}"}, tar.Header{Name: "manifest.jsonl", Uname: `{"path":"/a","mode":"0100644","inode":7}` + "\n"}))
	f.Add(build(f, tar.Header{Name: "a/b", Typeflag: tar.TypeSymlink, Linkname: "../.."}, tar.Header{Name: "a/b/c/d", Uname: "x"}, tar.Header{Name: "../../q", Uname: "q"}))
	var sparse bytes.Buffer
	w := tar.NewWriter(&sparse)
	w.WriteHeader(&tar.Header{Name: "s", Typeflag: tar.TypeReg, Size: 512 + 4, Mode: 0o644})
	io.WriteString(w, "1\n1048576\n4\n"+string(make([]byte, 501))+"data")
	w.Close()
	// GNU's name for it, which archive/tar does not write.
	f.Add(append(paxHeader("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=2000000"), sparse.Bytes()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksum of each header that could be one is made right, so that what is
		// behind it is reached.
		for at := 0; at+blockSize <= len(b); at += blockSize {
			if h := header(b[at : at+blockSize]); string(h[257:262]) == "ustar" {
				sum := 0
				for i, c := range h {
					if i >= 148 && i < 156 {
						c = ' '
					}
					sum += int(c)
				}
				copy(h[148:156], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
			}
		}
		fsys := newFS("t.tar")
		fsys.kind = KindTarball
		if err := fsys.readTarball(ctx, inMemory{bytes.NewReader(b)}, int64(len(b))); err != nil {
			return
		}
		fsys.finish()
		defer fsys.Close()
		index, _ := filesystem.BuildIndex(ctx, fsys)
		seen := map[filesystem.Inum]bool{}
		buf := make([]byte, 64<<10)
		for in, err := range fsys.Inodes(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[in.Inum] || in.Inum == 0 {
				t.Fatalf("inode %d is there twice", in.Inum)
			}
			seen[in.Inum] = true
			if _, err := fsys.Xattrs(in); err != nil {
				t.Fatal(err)
			}
			c, err := fsys.Content(in)
			if c == nil {
				t.Fatalf("no content and %v", err)
			}
			at := int64(0)
			for _, e := range c.Extents() {
				if e.Logical != at || e.Length <= 0 || e.Kind == filesystem.Data && e.Offset+e.Length > int64(len(b)) {
					t.Fatalf("extents %+v of %d bytes", c.Extents(), c.Size())
				}
				at += e.Length
			}
			if at != c.Size() {
				t.Fatalf("extents %+v of %d bytes", c.Extents(), c.Size())
			}
			if n, err := c.ReadAt(buf, 0); int64(n) < min(c.Size(), int64(len(buf))) && err == nil {
				t.Fatalf("%d of %d bytes and no error", n, c.Size())
			}
			lo, hi := index.Range(in.Inum)
			for i := lo; i < hi; i++ {
				if n := index.At(i); !n.Deleted {
					if got, err := fsys.Find(n.Path, false); err != nil || got.Inum != in.Inum {
						t.Fatalf("%q leads to %v, %v, not to inode %d", n.Path, got, err, in.Inum)
					}
				}
			}
		}
	})
}

// paxHeader is an extended header with its records.
func paxHeader(list ...string) []byte {
	var data []byte
	for _, r := range list {
		data = fmt.Appendf(data, "%d %s\n", len(r)+4, r)
	}
	b := make([]byte, 2*blockSize)
	copy(b, "x")
	copy(b[124:], fmt.Sprintf("%011o", len(data)))
	b[156] = typeExtended
	copy(b[257:], "ustar\x0000")
	copy(b[blockSize:], data)
	sum := 8 * int(' ')
	for _, c := range b[:blockSize] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("11 path=abc\n30 mtime=1700000000.123456789\n"))
	f.Add([]byte("27 SCHILY.xattr.user.a=\x00\x01\x02\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := records{}
		readRecords(b, r)
		n := 0
		for k, v := range r {
			n += len(k) + len(v)
			paxTime(v)
		}
		if n > len(b) {
			t.Errorf("%d bytes give %d", len(b), n)
		}
		r.xattrs()
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("0|/a -> b|5-1|lrwxrwxrwx|1|2|3|4.5|5|6|7"))
	f.Add([]byte(`{"path":"/a","mode":"0100644","inode":7,"xattrs":[{"name":"user.a","value":"AA=="}],"modified":"2023-11-14T22:13:20.000000001Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseBody(b); err == nil && m.path == "" {
			t.Error("no path and no error")
		}
		parseManifest(b)
	})
}
