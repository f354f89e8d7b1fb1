package browser

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"deadbox/timeline"
)

// Chromium yields a record for each visit and each download in the history of
// Chromium and of the browsers that are made from it.
var Chromium = timeline.Extractor{
	Name: "chromium",
	Doc: `Visits (url, title, remote_host, kind: how the page was come to, qualifiers, referer, count, elapsed in seconds, query: what was searched) and downloads (url, urls:
the redirections, path, bytes, referer, sha256, state, outcome, danger, opened) of Chromium, Chrome, Brave, Edge, Vivaldi, Opera, Yandex: account, program, profile.
A page whose visits are gone has its last visit. Passwords and tokens in URLs are masked.

Format: History (SQLite 3), tables urls, visits, downloads, downloads_url_chains, keyword_search_terms; microseconds since 1601-01-01;
https://source.chromium.org/chromium/chromium/src/+/main:components/history/core/browser/ (url_database.cc, visit_database.cc, download_database.cc),
transitions in ui/base/page_transition_types.h.`,
	Paths: chromiumPaths(),
	Run:   runChromium,
}

// chromiums are the directories of configuration and their programs. What
// another one holds stands before it.
var chromiums = []product{
	{"google-chrome-beta", "chrome"}, {"google-chrome-unstable", "chrome"}, {"google-chrome", "chrome"}, {"chromium", "chromium"}, {"BraveSoftware/Brave-Browser", "brave"},
	{"microsoft-edge-dev", "edge"}, {"microsoft-edge-beta", "edge"}, {"microsoft-edge", "edge"}, {"vivaldi", "vivaldi"}, {"opera", "opera"}, {"yandex-browser", "yandex"},
}

func chromiumPaths() []string {
	var names []string
	for _, c := range chromiums {
		names = append(names, ".config/"+c.dir+"/*/History", ".var/app/*/config/"+c.dir+"/*/History")
	}
	return places(append(names, "snap/chromium/common/chromium/*/History", "snap/*/current/.config/BraveSoftware/Brave-Browser/*/History", "snap/*/current/.config/vivaldi/*/History",
		".config/opera/History", ".config/chromium/*/Snapshots/*/*/History")...)
}

// The types of page transitions, and their qualifiers.
var (
	transitions = [...]string{"link", "typed", "bookmark", "frame", "frame-by-hand", "generated", "start-page", "form", "reload", "keyword", "keyword-generated"}
	qualifiers  = []struct {
		bit  uint32
		name string
	}{{0x01000000, "forward-back"}, {0x02000000, "address-bar"}, {0x04000000, "home-page"}, {0x08000000, "by-api"}, {0x40000000, "client-redirect"}, {0x80000000, "server-redirect"}}
)

// Values of downloads: DownloadDatabase's states, and DownloadDangerType.
var (
	downloadStates = [...]string{"in progress", "complete", "cancelled", "interrupted", "interrupted"}
	downloadDanger = [...]string{"", "dangerous file", "dangerous url", "dangerous content", "maybe dangerous content", "uncommon content", "user validated", "dangerous host", "potentially unwanted",
		"allowlisted by policy", "async scanning", "blocked: password protected", "blocked: too large", "sensitive content warning", "sensitive content block"}
)

func runChromium(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		d, ok := openDatabase(s, yield)
		if !ok {
			return
		}
		program := programOf(s.Path, "config/", chromiums, "chromium")
		pages := map[int64]*page{}
		for r := range d.rows(ctx, "urls", false) {
			p := &page{}
			p.url, _ = r.Text("url")
			p.title, _ = r.Text("title")
			p.count, _ = r.Int("visit_count")
			p.last, _ = r.Int("last_visit_time")
			pages[r.ID] = p
		}
		for r := range d.rows(ctx, "keyword_search_terms", false) {
			id, _ := r.Int("url_id")
			if p := pages[id]; p != nil {
				p.term, _ = r.Text("term")
			}
		}
		visit := func(p *page) timeline.Record {
			f := common(s, program)
			putURL(f, "url", p.url)
			put(f, "title", p.title)
			put(f, "remote_host", hostOf(p.url))
			put(f, "query", p.term)
			if p.count > 0 {
				f["count"] = strconv.FormatInt(p.count, 10)
			}
			return timeline.Record{Kind: timeline.KindVisit, Summary: who(f) + program + " visited " + f["url"], Fields: f}
		}
		from := map[int64]int64{}
		for r := range d.rows(ctx, "visits", true) {
			if id, ok := r.Int("url"); ok {
				from[r.ID] = id
			}
		}
		for r := range d.rows(ctx, "visits", false) {
			id, _ := r.Int("url")
			p := pages[id]
			if p == nil {
				p = &page{}
			}
			p.visited = true
			rec := visit(p)
			f := rec.Fields
			if p.url == "" {
				rec.Summary = who(rec.Fields) + program + " visited a page whose address is lost"
			}
			if n, ok := r.Int("transition"); ok {
				if k := n & 0xff; k < int64(len(transitions)) {
					f["kind"] = transitions[k]
				}
				var q []string
				for _, x := range qualifiers {
					if uint32(n)&x.bit != 0 {
						q = append(q, x.name)
					}
				}
				put(f, "qualifiers", strings.Join(q, ","))
			}
			if n, _ := r.Int("from_visit"); n != 0 && pages[from[n]] != nil {
				putURL(f, "referer", pages[from[n]].url)
			} else if u, _ := r.Text("external_referrer_url"); u != "" {
				putURL(f, "referer", u)
			}
			if n, _ := r.Int("visit_duration"); n > 0 {
				f["elapsed"] = fmt.Sprintf("%.3f", float64(n)/1e6)
			}
			if u, _ := r.Text("originator_cache_guid"); u != "" {
				f["source"] = "synchronised from another device"
			}
			if n, ok := r.Int("visit_time"); ok {
				if t, ok := windowsMicro(n); ok {
					rec.Stamps = []timeline.Stamp{{What: "visited", When: t}}
				}
			}
			rec.Evidence = d.evidence(r)
			if d.emit(rec); d.stopped {
				return
			}
		}
		for r := range d.rows(ctx, "urls", true) {
			p := pages[r.ID]
			if p == nil || p.visited {
				continue
			}
			t, ok := windowsMicro(p.last)
			if !ok {
				continue
			}
			rec := visit(p)
			rec.Stamps = []timeline.Stamp{{What: "visited", When: t, Note: "the last visit as the page's row has it; the visits' own rows are gone"}}
			rec.Evidence = d.evidence(r)
			if d.emit(rec); d.stopped {
				return
			}
		}
		d.chromiumDownloads(ctx, program)
	}
}

// maxChain bounds the redirections that are kept of one download.
const maxChain = 100

func (d *database) chromiumDownloads(ctx context.Context, program string) {
	chains := map[int64][]string{} // by index, from the first
	for r := range d.rows(ctx, "downloads_url_chains", false) {
		id, ok := r.Int("id")
		i, ok2 := r.Int("chain_index")
		u, ok3 := r.Text("url")
		if !ok || !ok2 || !ok3 || i < 0 || i >= maxChain {
			continue
		}
		c := chains[id]
		for int64(len(c)) <= i {
			c = append(c, "")
		}
		c[i] = u
		chains[id] = c
	}
	for r := range d.rows(ctx, "downloads", false) {
		f := common(d.src, program)
		rec := timeline.Record{Kind: timeline.KindDownload, Fields: f, Evidence: d.evidence(r)}
		if c := chains[r.ID]; len(c) > 0 {
			last := c[len(c)-1]
			putURL(f, "url", last)
			put(f, "remote_host", hostOf(last))
			if len(c) > 1 {
				var all []string
				for _, u := range c {
					clean, masked := cleanURL(u)
					if all = append(all, clean); masked {
						f["masked"] = "password"
					}
				}
				f["urls"] = strings.Join(all, "\n")
			}
		} else if u, _ := r.Text("url"); u != "" { // before 2013
			putURL(f, "url", u)
		}
		for _, name := range []string{"target_path", "current_path", "full_path"} {
			if p, _ := r.Text(name); p != "" && f["path"] == "" {
				f["path"] = p
			}
		}
		for _, name := range []string{"referrer", "tab_url", "site_url"} {
			if u, _ := r.Text(name); u != "" && f["referer"] == "" {
				putURL(f, "referer", u)
			}
		}
		method, _ := r.Text("http_method")
		mime, _ := r.Text("mime_type")
		extension, _ := r.Text("by_ext_name")
		put(f, "method", method)
		put(f, "content_type", mime)
		put(f, "extension", extension)
		if n, ok := r.Int("received_bytes"); ok {
			f["bytes"] = strconv.FormatInt(n, 10)
		}
		if b, _ := r.Bytes("hash"); len(b) == 32 {
			f["sha256"] = hex.EncodeToString(b)
		}
		state, known := r.Int("state")
		if known && state >= 0 && state < int64(len(downloadStates)) {
			f["state"] = downloadStates[state]
			if f["outcome"] = "failure"; state == 1 {
				f["outcome"] = "success"
			}
		}
		if n, ok := r.Int("danger_type"); ok && n > 0 {
			f["danger"] = strconv.FormatInt(n, 10)
			if n < int64(len(downloadDanger)) {
				f["danger"] = downloadDanger[n]
			}
		}
		if n, _ := r.Int("opened"); n == 1 {
			f["opened"] = "yes"
		}
		stamp := func(what, column string) {
			if n, ok := r.Int(column); ok {
				if t, ok := windowsMicro(n); ok {
					rec.Stamps = append(rec.Stamps, timeline.Stamp{What: what, When: t})
				}
			}
		}
		stamp("started", "start_time")
		if state == 1 {
			stamp("downloaded", "end_time")
		} else {
			stamp("stopped", "end_time")
		}
		stamp("accessed", "last_access_time")
		rec.Summary = who(rec.Fields) + program + " downloaded " + f["url"]
		if f["path"] != "" {
			rec.Summary += " to " + f["path"]
		}
		if d.emit(rec); d.stopped {
			return
		}
	}
}
