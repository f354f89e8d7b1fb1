package browser

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// WgetHSTS yields a record for each host that told wget to come by HTTPS only.
var WgetHSTS = timeline.Extractor{
	Name: "wget-hsts",
	Doc: `Hosts that wget spoke to by HTTPS and that asked it to use nothing else: account, program, remote_host, port, subdomains, max_age (seconds), and when that was noted.
wget notes the time when it first meets the host, and again when the host changes what it asks for.

Format: RFC 6797; src/hsts.c of GNU Wget (lines of host, port, whether subdomains are included, seconds since 1970, maximum age in seconds),
https://git.savannah.gnu.org/cgit/wget.git/tree/src/hsts.c; libwget/hsts.c of Wget2.`,
	Paths: append(places(".wget-hsts", ".local/share/wget/.wget-hsts"), "/.wget-hsts", "/tmp/.wget-hsts", "/var/tmp/.wget-hsts", "/dev/shm/.wget-hsts", "/var/www/.wget-hsts", "/var/www/*/.wget-hsts"),
	Run:   runWget,
}

func runWget(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		account := s.Owner()
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if text == "" || text[0] == '#' {
				continue
			}
			w := strings.Fields(text)
			var created, age int64
			ok := len(w) == 5
			if ok {
				var err2, err3 error
				_, err := strconv.ParseUint(w[1], 10, 16)
				created, err2 = strconv.ParseInt(w[3], 10, 64)
				age, err3 = strconv.ParseInt(w[4], 10, 64)
				ok = err == nil && err2 == nil && err3 == nil && created > 0 && created < 1<<34 && (w[2] == "0" || w[2] == "1")
			}
			if !ok {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of a database of HSTS hosts", nil)) {
					return
				}
				continue
			}
			f := map[string]string{"program": "wget", "remote_host": w[0]}
			put(f, "account", account)
			if w[1] != "0" {
				f["port"] = w[1]
			}
			if w[2] == "1" {
				f["subdomains"] = "yes"
			}
			if age > 0 {
				f["max_age"] = w[4]
			}
			r := timeline.Record{Kind: timeline.KindVisit, Summary: who(f) + "wget was at " + w[0] + " by HTTPS", Fields: f, Evidence: l.Evidence(),
				Stamps: []timeline.Stamp{{What: "visited", When: time.Unix(created, 0).UTC(), Note: "when wget noted the host's HSTS policy; later visits do not change it"}}}
			if !yield(r, nil) {
				return
			}
		}
	}
}
