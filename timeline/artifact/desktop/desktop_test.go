package desktop

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"deadbox/timeline"
)

func source(path, text string, others ...string) *timeline.Source {
	return &timeline.Source{
		Path: path, Data: strings.NewReader(text), Size: int64(len(text)),
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: path, Offset: off, Length: n, Line: line}
		},
		Glob: func(pattern string) []string {
			for _, o := range others {
				if timeline.Literal(o) == pattern {
					return []string{o}
				}
			}
			return nil
		},
	}
}

func run(x *timeline.Extractor, s *timeline.Source) (all []timeline.Record, errs []error) {
	for r, err := range x.Run(context.Background(), s) {
		if err != nil {
			errs = append(errs, err)
		} else {
			all = append(all, r)
		}
	}
	return
}

func stamps(r timeline.Record) string {
	var b strings.Builder
	for _, s := range r.Stamps {
		b.WriteString(s.What + " " + s.When.Format(time.RFC3339) + " ")
	}
	return strings.TrimSpace(b.String())
}

// TestRecent reads what GLib's GBookmarkFile wrote.
func TestRecent(t *testing.T) {
	text, err := os.ReadFile("testdata/recently-used.xbel")
	if err != nil {
		t.Fatal(err)
	}
	const name = "/home/u/.local/share/recently-used.xbel"
	all, errs := run(&Recent, source(name, string(text)))
	if len(all) != 2 || len(errs) != 0 {
		t.Fatalf("%d records, %v", len(all), errs)
	}
	f := all[0].Fields
	if f["path"] != "/home/u/Dokumente/a b ä.txt" || f["content_type"] != "text/plain" || f["account"] != "u" || f["programs"] != "gedit (2): 'gedit %u'\nText & Co (1): 'tc %f'" {
		t.Errorf("fields %q", f)
	}
	if got, want := stamps(all[0]), "added 2026-11-24T18:37:32Z modified 2026-11-24T18:37:32Z visited 2023-11-14T22:13:20Z used 2026-11-24T18:37:32Z used 2026-11-24T18:37:32Z"; got != want {
		t.Errorf("stamps %s, want %s", got, want)
	}
	if f := all[1].Fields; f["url"] != "sftp://bob:(masked)@192.0.2.7/srv/x%26y.sh" || f["masked"] == "" || strings.Contains(all[1].Summary, "secret") {
		t.Errorf("%+v", all[1])
	}
	for i, line := range []int{6, 17} {
		e := all[i].Evidence
		if got := string(text[e.Offset : e.Offset+e.Length]); e.Line != line || !strings.HasPrefix(got, "<bookmark href=") || !strings.HasSuffix(got, "</bookmark>") {
			t.Errorf("evidence %+v: %q", e, got)
		}
	}
	// Damage in the first entry does not cost the second.
	bad := strings.Replace(string(text), `<mime:mime-type type="text/plain"/>`, "<mime:mime-type \x00\x00\x00<<", 1)
	all, errs = run(&Recent, source(name, bad))
	if len(all) != 2 || len(errs) != 1 || all[0].Fields["path"] == "" || all[1].Fields["url"] == "" {
		t.Errorf("damaged: %d records, %v", len(all), errs)
	}
	all, errs = run(&Recent, source(name, string(text[:1200])))
	if len(all) != 2 || len(errs) != 1 {
		t.Errorf("cut off: %d records, %v", len(all), errs)
	}
	all, errs = run(&Recent, source(name, "no XML at all"))
	if len(all) != 0 || len(errs) != 1 {
		t.Errorf("no XML: %d records, %v", len(all), errs)
	}
}

func TestTrash(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	real, err := os.ReadFile("testdata/a.trashinfo") // by gio(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text, path, target, uid, state, stamps string
	}{
		{"/home/u/.local/share/Trash/info/a file ä%.txt.trashinfo", string(real), "/home/u/sub/a file ä%.txt", "/home/u/.local/share/Trash/files/a file ä%.txt", "", "there", "deleted 2026-11-24T17:37:30Z"},
		{"/mnt/data/.Trash-1000/info/x.2.trashinfo", "[Trash Info]\nPath=dir/x\nDeletionDate=2023-07-01T12:00:00\n", "/mnt/data/dir/x", "/mnt/data/.Trash-1000/files/x.2", "1000", "gone", "deleted 2023-07-01T10:00:00Z"},
		{"/mnt/.Trash/1001/info/y.trashinfo", "[Trash Info]\nDeletionDate=20230701T12:00:00\nPath=a%2Fb\n", "/mnt/a/b", "/mnt/.Trash/1001/files/y", "1001", "gone", "deleted 2023-07-01T10:00:00Z"},
		{"/.Trash-0/info/z.trashinfo", "Path=/a%zz", "/a%zz", "/.Trash-0/files/z", "", "gone", ""},
	} {
		s := source(tt.name, tt.text, "/home/u/.local/share/Trash/files/a file ä%.txt")
		s.Zone = berlin
		all, errs := run(&Trash, s)
		if len(all) != 1 || len(errs) != 0 {
			t.Errorf("%s: %d records, %v", tt.name, len(all), errs)
			continue
		}
		f := all[0].Fields
		if f["path"] != tt.path || f["target"] != tt.target || f["uid"] != tt.uid || f["state"] != tt.state {
			t.Errorf("%s: %q", tt.name, f)
		}
		if got := stamps(all[0]); !strings.HasPrefix(got, tt.stamps[:min(len(tt.stamps), 24)]) || (got == "") != (tt.stamps == "") {
			t.Errorf("%s: stamps %s, want %s", tt.name, got, tt.stamps)
		}
		if e := all[0].Evidence; !strings.HasPrefix(tt.text[e.Offset:e.Offset+e.Length], "Path=") {
			t.Errorf("%s: evidence %+v", tt.name, e)
		}
	}
	s := source("/home/u/.local/share/Trash/info/x.trashinfo", "[Trash Info]\nPath=/x\nDeletionDate=2023-07-01T12:00:00\n")
	all, _ := run(&Trash, s)
	if len(all) != 1 || all[0].Stamps[0].Note == "" || all[0].Stamps[0].When.Hour() != 12 {
		t.Errorf("no zone: %+v", all)
	}
	if all, errs := run(&Trash, source("/x/info/a.trashinfo", "nothing\n")); len(all) != 0 || len(errs) != 1 {
		t.Errorf("nothing: %d records, %v", len(all), errs)
	}
}

func FuzzDesktop(f *testing.F) {
	for i, name := range []string{"testdata/recently-used.xbel", "testdata/a.trashinfo"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), i)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		x := []*timeline.Extractor{&Recent, &Trash}[uint(n)%2]
		for r, err := range x.Run(context.Background(), source("/a/info/b.trashinfo", text)) {
			var d *timeline.DamageError
			if err != nil {
				if !errors.As(err, &d) {
					t.Fatal(err)
				}
				continue
			}
			if e := r.Evidence; e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(text)) {
				t.Fatalf("record %+v", r)
			}
		}
	})
}
