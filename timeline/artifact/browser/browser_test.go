package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !strings.HasSuffix(name, ".gz") {
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// source is a file of a server that has others beside it.
func source(path string, files map[string][]byte) *timeline.Source {
	data, ok := files[path]
	if !ok {
		return nil
	}
	return &timeline.Source{
		Path: path, Data: bytes.NewReader(data), Size: int64(len(data)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: path, Offset: off, Length: n, Line: line}
		},
		Sibling: func(p string) *timeline.Source { return source(p, files) },
	}
}

func records(t *testing.T, x *timeline.Extractor, s *timeline.Source) (all []timeline.Record, errs []error) {
	t.Helper()
	for r, err := range x.Run(context.Background(), s) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, r)
	}
	return all, errs
}

// show renders a record: its stamps, then the fields that are named.
func show(r timeline.Record, fields ...string) string {
	var parts []string
	for _, s := range r.Stamps {
		parts = append(parts, s.What+" "+s.When.Format(time.RFC3339Nano))
	}
	for _, f := range fields {
		if v := r.Fields[f]; v != "" {
			parts = append(parts, f+"="+strings.ReplaceAll(v, "\n", "|"))
		}
	}
	return r.Kind + ": " + strings.Join(parts, ", ")
}

func compare(t *testing.T, got []timeline.Record, fields, want []string) {
	t.Helper()
	for i, r := range got {
		if i >= len(want) {
			t.Errorf("too many: %s", show(r, fields...))
		} else if s := show(r, fields...); s != want[i] {
			t.Errorf("record %d:\ngot  %s\nwant %s", i, s, want[i])
		}
	}
	if len(got) < len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
}

const profile = "/home/u/.mozilla/firefox/abcd.default/"

// TestFirefox reads what Firefox 153 wrote while it opened a page that leads to
// another, which leads to a file; it was ended before it emptied its write-ahead
// log. The values are those that the sqlite3 program gives.
func TestFirefox(t *testing.T) {
	files := map[string][]byte{profile + "places.sqlite": fixture(t, "places.sqlite.gz"), profile + "places.sqlite-wal": fixture(t, "places.sqlite-wal.gz")}
	all, errs := records(t, &Firefox, source(profile+"places.sqlite", files))
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	compare(t, all, []string{"url", "title", "remote_host", "kind", "referer", "count", "path", "bytes", "outcome", "account", "profile", "program"}, []string{
		"visit: visited 2026-11-24T18:26:12.979049Z, url=http://www.example.org:8765/index.html?q=2, title=Page One Ã¤Ã¶, remote_host=www.example.org, kind=link, count=1, account=u, profile=abcd.default, program=firefox",
		"visit: visited 2026-11-24T18:26:14.961677Z, url=http://www.example.org:8765/two.html, title=Two, remote_host=www.example.org, kind=link, referer=http://www.example.org:8765/index.html?q=2, count=1, account=u, profile=abcd.default, program=firefox",
		"visit: visited 2026-11-24T18:26:16.513Z, url=http://www.example.org:8765/file.bin, title=file.bin, remote_host=www.example.org, kind=download, referer=http://www.example.org:8765/two.html, account=u, profile=abcd.default, program=firefox",
		"download: started 2026-11-24T18:26:16.624Z, downloaded 2026-11-24T18:26:16.613Z, url=http://www.example.org:8765/file.bin, remote_host=www.example.org, path=/tmp/d/ffdl/file.bin, bytes=3000, outcome=success, account=u, profile=abcd.default, program=firefox",
	})
	for _, r := range all {
		data := files[r.Evidence.Path]
		if r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(data)) {
			t.Fatalf("evidence %+v", r.Evidence)
		}
	}
	last := all[len(all)-1].Evidence
	if last.Path != profile+"places.sqlite-wal" || !bytes.Contains(files[last.Path][last.Offset:last.Offset+last.Length], []byte("file:///tmp/d/ffdl/file.bin")) {
		t.Errorf("the download's evidence %+v", last)
	}
	// A profile that was copied without its log has what the database says.
	delete(files, profile+"places.sqlite-wal")
	if all, _ := records(t, &Firefox, source(profile+"places.sqlite", files)); len(all) >= 4 {
		t.Errorf("without the log: %d records", len(all))
	}
}

// TestChromium reads what Chromium 156 wrote while it opened a page that leads to
// another. The downloads and the search were added by the sqlite3 program.
func TestChromium(t *testing.T) {
	const name = "/home/u/.config/chromium/Default/History"
	files := map[string][]byte{name: fixture(t, "History.gz")}
	all, errs := records(t, &Chromium, source(name, files))
	if len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	compare(t, all, []string{"url", "title", "remote_host", "kind", "qualifiers", "referer", "count", "elapsed", "query", "urls", "path", "bytes", "state", "outcome", "opened", "sha256", "masked", "program"}, []string{
		"visit: visited 2026-11-24T18:25:18.980642Z, url=http://www.example.org:8765/index.html?q=1&token=(masked), title=Page One Ã¤Ã¶, remote_host=www.example.org, kind=start-page, count=1, elapsed=1.598, masked=password, program=chromium",
		"visit: visited 2026-11-24T18:25:20.575752Z, url=http://www.example.org:8765/two.html, title=Two, remote_host=www.example.org, kind=link, referer=http://www.example.org:8765/index.html?q=1&token=(masked), count=1, query=How To, masked=password, program=chromium",
		"download: started 2026-11-24T18:25:30Z, url=http://www.example.org:8765/x.bin, remote_host=www.example.org, referer=http://www.example.org:8765/two.html, path=/home/u/Downloads/x.bin.crdownload, bytes=1000, state=interrupted, outcome=failure, program=chromium",
		"download: started 2026-11-24T18:25:40Z, downloaded 2026-11-24T18:25:41.5Z, accessed 2026-11-24T18:25:42Z, url=http://www.example.org:8765/file.bin, remote_host=www.example.org, urls=http://bob:(masked)@www.example.org:8765/go?token=(masked)&a=1|http://www.example.org:8765/file.bin, path=/home/u/Downloads/file.bin, bytes=3000, state=complete, outcome=success, opened=yes, sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, masked=password, program=chromium",
	})
	for _, r := range all {
		if r.Kind == timeline.KindDownload && !bytes.Contains(files[name][r.Evidence.Offset:r.Evidence.Offset+r.Evidence.Length], []byte(r.Fields["path"])) {
			t.Errorf("evidence %+v", r.Evidence)
		}
	}
	// Damage costs what it hits, and is told.
	some := 0
	for at := 0; at+4096 <= len(files[name]); at += 4096 {
		bad := bytes.Clone(files[name])
		clear(bad[max(at, 100) : at+4096])
		got, errs := records(t, &Chromium, source(name, map[string][]byte{name: bad}))
		if len(got) < 4 && len(errs) == 0 {
			t.Errorf("the page at %d lost: %d records and no error", at, len(got))
		}
		if len(got) > 0 && len(errs) > 0 {
			some++
		}
	}
	if some < 4 {
		t.Errorf("%d pages whose loss costs only a part", some)
	}
	all, errs = records(t, &Chromium, source(name, map[string][]byte{name: []byte("no database at all")}))
	if len(all) != 0 || len(errs) != 1 {
		t.Errorf("no database: %d records, %v", len(all), errs)
	}
}

func TestPrograms(t *testing.T) {
	for p, want := range map[string]string{
		"/home/u/.config/google-chrome/Default/History": "chrome", "/home/opera/.config/yandex-browser/Default/History": "yandex",
		"/home/u/.var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/Default/History": "brave", "/home/u/snap/chromium/common/chromium/Default/History": "chromium",
	} {
		if got := programOf(p, "config/", chromiums, "chromium"); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
}

func TestCleanURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org/a?b=c":                             "https://example.org/a?b=c",
		"ftp://bob:p%40w@example.org:21/x@y":                    "ftp://bob:(masked)@example.org:21/x@y",
		"https://bob@example.org/":                              "https://bob@example.org/",
		"https://a:b:c@d@example.org":                           "https://a:(masked)@example.org",
		"https://example.org/?Password=x&q=1;token=y#id_token=": "https://example.org/?Password=(masked)&q=1;token=(masked)#id_token=",
		"https://example.org/#access_token=abc&x=?":             "https://example.org/#access_token=(masked)&x=?",
		"about:blank":    "about:blank",
		"":               "",
		"javascript:a?b": "javascript:a?b",
	} {
		got, masked := cleanURL(in)
		if got != want || masked != (in != want) {
			t.Errorf("%q: %q %v, want %q", in, got, masked, want)
		}
	}
	for in, want := range map[string]string{"file:///a%20b/%C3%A4": "/a b/ä", "file://host/x": "/x", "/plain": "/plain", "file:///bad%zz": "/bad%zz"} {
		if got := filePath(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestWget(t *testing.T) {
	data := fixture(t, "wget-hsts")
	all, errs := records(t, &WgetHSTS, source("/root/.wget-hsts", map[string][]byte{"/root/.wget-hsts": data}))
	if len(errs) != 0 {
		t.Error(errs)
	}
	compare(t, all, []string{"remote_host", "port", "subdomains", "max_age", "account"}, []string{"visit: visited 2026-11-24T18:30:31Z, remote_host=www.example.org, port=8766, subdomains=yes, max_age=31536000, account=root"})
	if e := all[0].Evidence; e.Line != 4 || !strings.HasPrefix(string(data[e.Offset:]), "www.example.org\t") {
		t.Errorf("evidence %+v", e)
	}
	all, errs = records(t, &WgetHSTS, source("/x", map[string][]byte{"/x": []byte("a b\nexample.org 0 0 99999999999999 1\nexample.org 0 0 1700000000 1\n")}))
	if len(all) != 1 || len(errs) != 2 {
		t.Errorf("%d records, %v", len(all), errs)
	}
}

func FuzzBrowsers(f *testing.F) {
	f.Add(fixture(f, "wget-hsts"), []byte{}, 0)
	f.Add(fixture(f, "History.gz")[:40000], []byte{}, 1)
	f.Add(fixture(f, "places.sqlite.gz")[:40000], fixture(f, "places.sqlite-wal.gz")[:70000], 2)
	f.Fuzz(func(t *testing.T, data, wal []byte, n int) {
		x := []*timeline.Extractor{&WgetHSTS, &Chromium, &Firefox}[uint(n)%3]
		files := map[string][]byte{"/a": data, "/a-wal": wal}
		for r, err := range x.Run(context.Background(), source("/a", files)) {
			if err != nil {
				var d *timeline.DamageError
				if !errors.As(err, &d) {
					t.Fatal(err)
				}
				continue
			}
			if e := r.Evidence; e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(files[e.Path])) {
				t.Fatalf("record %+v", r)
			}
		}
	})
}

func FuzzURL(f *testing.F) {
	f.Add("https://a:b@c/d?e=f&token=g#h")
	f.Fuzz(func(t *testing.T, s string) {
		clean, masked := cleanURL(s)
		if masked == (clean == s) && !strings.Contains(s, mask) {
			t.Fatalf("%q: %q %v", s, clean, masked)
		}
		if again, _ := cleanURL(clean); again != clean {
			t.Fatalf("%q: %q, then %q", s, clean, again)
		}
		_ = filePath(s)
	})
}
