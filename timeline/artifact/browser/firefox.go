// Package browser reads what web browsers and wget remember of the sites that
// they were at and of what they downloaded.
package browser

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"time"

	"deadbox/timeline"
)

// Firefox yields a record for each visit and each download in the history of
// Firefox and of the programs that are made from it.
var Firefox = timeline.Extractor{
	Name: "firefox",
	Doc: `Visits (url, title, remote_host, kind: how the page was come to, referer, count) and downloads (url, path, bytes, outcome) of Firefox, Thunderbird, LibreWolf,
Waterfox, SeaMonkey, Tor Browser: account, program, profile. A page whose visits are gone has its last visit. Passwords and tokens in URLs are masked.

Format: places.sqlite (SQLite 3 with write-ahead log), moz_places, moz_historyvisits, moz_annos, toolkit/components/places/nsPlacesTables.h; microseconds since 1970;
kinds of visits, nsINavHistoryService.idl; states of downloads, toolkit/components/downloads/DownloadHistory.sys.mjs,
https://searchfox.org/mozilla-central/source/toolkit/components/places.`,
	Paths: places(
		".mozilla/firefox/*/places.sqlite", ".config/mozilla/firefox/*/places.sqlite", "snap/firefox/common/.mozilla/firefox/*/places.sqlite", "snap/firefox/common/.config/mozilla/firefox/*/places.sqlite",
		".var/app/org.mozilla.firefox/.mozilla/firefox/*/places.sqlite", ".var/app/org.mozilla.firefox/config/mozilla/firefox/*/places.sqlite",
		".librewolf/*/places.sqlite", ".var/app/io.gitlab.librewolf-community/.librewolf/*/places.sqlite", ".waterfox/*/places.sqlite", ".mozilla/seamonkey/*/places.sqlite",
		".thunderbird/*/places.sqlite", "snap/thunderbird/common/.thunderbird/*/places.sqlite", ".var/app/org.mozilla.Thunderbird/.thunderbird/*/places.sqlite",
		".local/share/torbrowser/tbb/*/*/Browser/TorBrowser/Data/Browser/*/places.sqlite",
	),
	Run: runFirefox,
}

var mozillas = []product{
	{".librewolf", "librewolf"}, {".waterfox", "waterfox"}, {"seamonkey", "seamonkey"}, {".thunderbird", "thunderbird"}, {"torbrowser", "tor-browser"},
}

// firefoxVisits are the kinds of visits, from 1.
var firefoxVisits = [...]string{"", "link", "typed", "bookmark", "embedded", "redirect-permanent", "redirect-temporary", "download", "framed-link", "reload"}

// page is a page of a history.
type page struct {
	url, title, term string
	count            int64
	last             int64 // visit, in the database's own units
	visited          bool  // a visit of it is there
}

func runFirefox(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		d, ok := openDatabase(s, yield)
		if !ok {
			return
		}
		program := programOf(s.Path, "/", mozillas, "firefox")
		pages := map[int64]*page{}
		for r := range d.rows(ctx, "moz_places", false) {
			p := &page{}
			p.url, _ = r.Text("url")
			p.title, _ = r.Text("title")
			p.count, _ = r.Int("visit_count")
			p.last, _ = r.Int("last_visit_date")
			pages[r.ID] = p
		}
		visit := func(p *page) timeline.Record {
			f := common(s, program)
			putURL(f, "url", p.url)
			put(f, "title", p.title)
			put(f, "remote_host", hostOf(p.url))
			if p.count > 0 {
				f["count"] = strconv.FormatInt(p.count, 10)
			}
			return timeline.Record{Kind: timeline.KindVisit, Summary: who(f) + program + " visited " + f["url"], Fields: f}
		}
		// The page that a visit came from, by the visit's id.
		from := map[int64]int64{}
		for r := range d.rows(ctx, "moz_historyvisits", true) {
			if id, ok := r.Int("place_id"); ok {
				from[r.ID] = id
			}
		}
		for r := range d.rows(ctx, "moz_historyvisits", false) {
			id, _ := r.Int("place_id")
			p := pages[id]
			if p == nil {
				p = &page{} // a visit of a page whose row is lost is a visit all the same
			}
			p.visited = true
			rec := visit(p)
			if p.url == "" {
				rec.Summary = who(rec.Fields) + program + " visited a page whose address is lost"
			}
			if n, ok := r.Int("visit_type"); ok && n > 0 && n < int64(len(firefoxVisits)) {
				rec.Fields["kind"] = firefoxVisits[n]
			}
			if n, _ := r.Int("from_visit"); n != 0 && pages[from[n]] != nil {
				putURL(rec.Fields, "referer", pages[from[n]].url)
			}
			if n, ok := r.Int("visit_date"); ok {
				if t, ok := unixMicro(n); ok {
					rec.Stamps = []timeline.Stamp{{What: "visited", When: t}}
				}
			}
			rec.Evidence = d.evidence(r)
			if d.emit(rec); d.stopped {
				return
			}
		}
		for r := range d.rows(ctx, "moz_places", true) {
			p := pages[r.ID]
			if p == nil || p.visited {
				continue
			}
			t, ok := unixMicro(p.last)
			if !ok {
				continue // a bookmark that was never visited
			}
			rec := visit(p)
			rec.Stamps = []timeline.Stamp{{What: "visited", When: t, Note: "the last visit as the page's row has it; the visits' own rows are gone"}}
			rec.Evidence = d.evidence(r)
			if d.emit(rec); d.stopped {
				return
			}
		}
		d.firefoxDownloads(ctx, program, pages)
	}
}

// firefoxStates are the states of downloads.
var firefoxStates = map[int]string{1: "finished", 2: "failed", 3: "cancelled", 4: "paused", 6: "blocked by parental controls", 8: "blocked as malicious"}

// firefoxDownloads joins the annotations of the pages that were downloaded.
func (d *database) firefoxDownloads(ctx context.Context, program string, pages map[int64]*page) {
	names := map[int64]string{}
	for r := range d.rows(ctx, "moz_anno_attributes", false) {
		names[r.ID], _ = r.Text("name")
	}
	records := map[int64]*timeline.Record{}
	var order []int64
	for r := range d.rows(ctx, "moz_annos", false) {
		attribute, _ := r.Int("anno_attribute_id")
		name := names[attribute]
		if name != "downloads/destinationFileURI" && name != "downloads/metaData" && name != "downloads/destinationFileName" {
			continue
		}
		id, _ := r.Int("place_id")
		rec := records[id]
		if rec == nil {
			rec = &timeline.Record{Kind: timeline.KindDownload, Fields: common(d.src, program), Evidence: d.evidence(r)}
			if p := pages[id]; p != nil {
				putURL(rec.Fields, "url", p.url)
				put(rec.Fields, "remote_host", hostOf(p.url))
			}
			records[id] = rec
			order = append(order, id)
		}
		content, _ := r.Text("content")
		switch name {
		case "downloads/destinationFileURI":
			put(rec.Fields, "path", filePath(content))
			rec.Evidence = d.evidence(r)
			if n, ok := r.Int("dateAdded"); ok {
				if t, ok := unixMicro(n); ok {
					rec.Stamps = append(rec.Stamps, timeline.Stamp{What: "started", When: t})
				}
			}
		case "downloads/metaData":
			var m struct {
				State    int   `json:"state"`
				EndTime  int64 `json:"endTime"`
				FileSize int64 `json:"fileSize"`
				Deleted  bool  `json:"deleted"`
			}
			if json.Unmarshal([]byte(content), &m) != nil {
				continue
			}
			put(rec.Fields, "state", firefoxStates[m.State])
			if rec.Fields["outcome"] = "failure"; m.State == 1 {
				rec.Fields["outcome"] = "success"
			}
			if m.FileSize > 0 {
				rec.Fields["bytes"] = strconv.FormatInt(m.FileSize, 10)
			}
			if m.Deleted {
				rec.Fields["deleted"] = "yes"
			}
			if m.EndTime > 0 && m.EndTime < 1<<34*1e3 {
				what := "downloaded"
				if m.State != 1 {
					what = "stopped"
				}
				rec.Stamps = append(rec.Stamps, timeline.Stamp{What: what, When: time.UnixMilli(m.EndTime).UTC()})
			}
		}
	}
	for _, id := range order {
		rec := records[id]
		rec.Summary = who(rec.Fields) + program + " downloaded " + rec.Fields["url"]
		if p := rec.Fields["path"]; p != "" {
			rec.Summary += " to " + p
		}
		if d.emit(*rec); d.stopped {
			return
		}
	}
}
