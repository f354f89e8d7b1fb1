// Package desktop reads what desktops remember of files: those that were used
// lately, and those that were thrown away.
package desktop

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Recent yields a record for each file in the list of recently used ones.
var Recent = timeline.Extractor{
	Name: "recently-used",
	Doc: `Files that programs of a desktop opened or wrote: account, path (or url, of what is not on the server), content_type, programs, count,
with the times when the entry was added, changed and visited, and when each program last used the file. Passwords in URLs are masked.

Format: Desktop Bookmark Specification, https://www.freedesktop.org/wiki/Specifications/desktop-bookmark-spec/; recently-used.xbel of GTK and of KDE.`,
	Paths: []string{
		"~/.local/share/recently-used.xbel", "~/.recently-used.xbel", "~/.recently-used", "~/snap/*/*/.local/share/recently-used.xbel", "~/.var/app/*/data/recently-used.xbel",
		"/root/.local/share/recently-used.xbel", "/home/*/.local/share/recently-used.xbel", "/root/.recently-used.xbel", "/home/*/.recently-used.xbel",
	},
	Run: runRecent,
}

// Trash yields a record for each file in a trash can.
var Trash = timeline.Extractor{
	Name: "trash",
	Doc: `Files that were thrown away: account, path (where the file was), target (where it lies in the trash), state (there, or gone: emptied or restored), uid of a trash can
at the top of a volume, and when it was thrown away, in the server's local time.

Format: The FreeDesktop.org Trash specification 1.0, https://specifications.freedesktop.org/trash-spec/trashspec-1.0.html.`,
	Paths: []string{
		"~/.local/share/Trash/info/*.trashinfo", "~/.Trash/info/*.trashinfo", "~/snap/*/*/.local/share/Trash/info/*.trashinfo", "~/.var/app/*/data/Trash/info/*.trashinfo",
		"/root/.local/share/Trash/info/*.trashinfo", "/home/*/.local/share/Trash/info/*.trashinfo",
		"/.Trash-*/info/*.trashinfo", "/*/.Trash-*/info/*.trashinfo", "/*/*/.Trash-*/info/*.trashinfo", "/*/*/*/.Trash-*/info/*.trashinfo",
		"/.Trash/*/info/*.trashinfo", "/*/.Trash/*/info/*.trashinfo", "/*/*/.Trash/*/info/*.trashinfo",
	},
	Run: runTrash,
}

// who begins a summary with the account.
func who(account string) string {
	if account == "" {
		return ""
	}
	return account + ": "
}

const (
	// maxFile is how much of a file is read, in bytes.
	maxFile = 64 << 20
	// maxApps is how many programs are told of one file.
	maxApps = 100
	// mask is what stands in place of a password.
	mask = "(masked)"
)

// bookmark is one entry of the list while it is read.
type bookmark struct {
	href, added, modified, visited, mime string
	apps                                 []xml.StartElement
}

func runRecent(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		data, errs := timeline.Whole(ctx, s, maxFile)
		for _, err := range errs {
			if !yield(timeline.Record{}, err) {
				return
			}
		}
		damage := func(at int64, err error) bool {
			return yield(timeline.Record{}, s.Damage(at, int64(len(data))-at, 1+bytes.Count(data[:at], []byte("\n")), "no list of bookmarks in XML", err))
		}
		if len(data) > 0 && !bytes.Contains(data[:min(len(data), 4096)], []byte("<")) {
			damage(0, nil)
			return
		}
		// Each entry is parsed by itself, so that damage costs only what it hits.
		counted, line := int64(0), 1
		for at := int64(0); ; {
			if ctx.Err() != nil {
				yield(timeline.Record{}, ctx.Err())
				return
			}
			i := bytes.Index(data[at:], []byte("<bookmark"))
			if i < 0 {
				return
			}
			start := at + int64(i)
			at = start + int64(len("<bookmark"))
			if c := data[at:]; len(c) == 0 || c[0] != ' ' && c[0] != '\n' && c[0] != '\t' && c[0] != '\r' && c[0] != '>' {
				continue // <bookmark:application>
			}
			b, length, err := parseBookmark(data[start:])
			line += bytes.Count(data[counted:start], []byte("\n"))
			counted = start
			if err != nil && !yield(timeline.Record{}, s.Damage(start, length, line, "an entry that is no good XML", err)) {
				return
			}
			at = max(at, start+length)
			if b.href == "" {
				continue
			}
			if !yield(b.record(s, start, length, line), nil) {
				return
			}
		}
	}
}

// parseBookmark reads the bookmark that data begins with, and gives its length.
// What comes beside an error is the part before it.
func parseBookmark(data []byte) (b bookmark, length int64, err error) {
	const end = "</bookmark>"
	next := bytes.Index(data[1:], []byte("<bookmark "))
	if next >= 0 {
		data = data[:1+next]
	}
	if i := bytes.Index(data, []byte(end)); i >= 0 {
		data = data[:i+len(end)]
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	depth := 0
	for {
		tok, err := d.RawToken()
		if err != nil {
			if err == io.EOF && depth == 0 {
				err = nil
			} else if err == io.EOF {
				err = errors.New("it has no end")
			}
			return b, int64(len(data)), err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth++; depth > 100 {
				return b, int64(len(data)), errors.New("too deep")
			}
			switch t.Name.Local {
			case "bookmark":
				b.href, b.added, b.modified, b.visited = attr(t, "href"), attr(t, "added"), attr(t, "modified"), attr(t, "visited")
			case "mime-type":
				b.mime = attr(t, "type")
			case "application":
				if len(b.apps) < maxApps {
					b.apps = append(b.apps, t.Copy())
				}
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				return b, d.InputOffset(), nil
			}
		}
	}
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// record makes the record of a bookmark.
func (b *bookmark) record(s *timeline.Source, at, length int64, line int) timeline.Record {
	f := map[string]string{}
	put := func(name, value string) {
		if value != "" {
			f[name] = value
		}
	}
	account := s.Owner()
	put("account", account)
	what := b.href
	if u, err := url.Parse(b.href); err == nil && u.Scheme == "file" {
		what = u.Path
		f["path"] = what
	} else {
		if clean, masked := withoutPassword(b.href); masked {
			what, f["masked"] = clean, "password"
		}
		f["url"] = what
	}
	put("content_type", b.mime)
	r := timeline.Record{Kind: timeline.KindRecent, Summary: who(account) + "recently used: " + what, Fields: f, Evidence: s.Evidence(at, length, line)}
	stamp := func(what, text, note string) {
		if t, ok := parseTime(text); ok {
			r.Stamps = append(r.Stamps, timeline.Stamp{What: what, When: t, Note: note})
		}
	}
	stamp("added", b.added, "")
	stamp("modified", b.modified, "when the entry was changed")
	stamp("visited", b.visited, "")
	var names []string
	for _, a := range b.apps {
		name := attr(a, "name")
		entry := name
		if n := attr(a, "count"); n != "" {
			entry += " (" + n + ")"
		}
		if x := attr(a, "exec"); x != "" {
			entry += ": " + x
		}
		names = append(names, entry)
		if m := attr(a, "modified"); m != "" {
			stamp("used", m, "by "+name)
		} else if secs, err := strconv.ParseInt(attr(a, "timestamp"), 10, 64); err == nil && secs > 0 && secs < 1<<34 {
			r.Stamps = append(r.Stamps, timeline.Stamp{What: "used", When: time.Unix(secs, 0).UTC(), Note: "by " + name})
		}
	}
	put("programs", strings.Join(names, "\n"))
	return r
}

// withoutPassword masks the password in a URL, which may be no good one.
func withoutPassword(s string) (clean string, masked bool) {
	i := strings.Index(s, "://")
	if i < 0 {
		return s, false
	}
	host := s[i+3:]
	if end := strings.IndexAny(host, "/?#"); end >= 0 {
		host = host[:end]
	}
	at := strings.LastIndexByte(host, '@')
	colon := strings.IndexByte(host[:max(at, 0)], ':')
	if colon < 0 || colon+1 == at {
		return s, false
	}
	return s[:i+3+colon+1] + mask + s[i+3+at:], true
}

// parseTime reads a time of XML Schema; these files have none without a zone.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Unix() <= 0 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

func runTrash(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var name, date string
		var found bool
		var at, length int64
		line := 0
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			key, value, _ := strings.Cut(text, "=")
			switch {
			case key == "Path" && name == "":
				name, at, line = value, l.Offset, l.Number
				length = int64(len(text))
			case key == "DeletionDate" && date == "":
				date = strings.TrimSpace(value)
				if name != "" {
					length = l.Offset + int64(len(text)) - at
				}
			case strings.TrimSpace(text) == "[Trash Info]":
				found = true
			}
		}
		if name == "" {
			yield(timeline.Record{}, s.Damage(0, s.Size, 0, "a trashinfo file without a path", nil))
			return
		}
		if p, err := url.PathUnescape(name); err == nil {
			name = p
		}
		can := path.Dir(path.Dir(s.Path))
		f := map[string]string{}
		account := s.Owner()
		if !path.IsAbs(name) {
			// In a can at the top of a volume, the path is from there.
			top, last := path.Dir(can), path.Base(can)
			if path.Base(top) == ".Trash" {
				top = path.Dir(top)
			}
			name = path.Join(top, name)
			if uid := strings.TrimPrefix(last, ".Trash-"); uid != "" && strings.Trim(uid, "0123456789") == "" {
				f["uid"] = uid
			}
		}
		f["path"] = name
		f["target"] = path.Join(can, "files", strings.TrimSuffix(path.Base(s.Path), ".trashinfo"))
		f["state"] = "gone"
		if len(s.Files(timeline.Literal(f["target"]))) > 0 {
			f["state"] = "there"
		}
		if account != "" {
			f["account"] = account
		}
		if !found {
			f["malformed"] = "yes"
		}
		r := timeline.Record{Kind: timeline.KindTrash, Summary: who(account) + "thrown away: " + name, Fields: f, Evidence: s.Evidence(at, length, line)}
		if t, note, ok := deletion(date, s); ok {
			r.Stamps = []timeline.Stamp{{What: "deleted", When: t, Note: note}}
		}
		yield(r, nil)
	}
}

// deletion reads the date in local time.
func deletion(date string, s *timeline.Source) (time.Time, string, bool) {
	if t, ok := parseTime(date); ok {
		return t, "", true
	}
	note := ""
	if s.Zone == nil {
		note = "local time; the server's time zone is not known, UTC is assumed"
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "20060102T15:04:05"} {
		if t, err := time.ParseInLocation(layout, date, s.Location()); err == nil {
			return t.UTC(), note, true
		}
	}
	return time.Time{}, "", false
}
