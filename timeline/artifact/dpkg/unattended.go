package dpkg

import (
	"context"
	"iter"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// unattended reads the logs of unattended-upgrades. A line is
// "2026-11-24 06:10:01,898 INFO Packages that will be upgraded: openssl libssl3"; what has no time,
// as the lines of an error's trace, belongs to the line before.
func unattended(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		var last timeline.Stamp
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				last = timeline.Stamp{}
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimRight(string(l.Text), " \r")
			if text == "" {
				continue
			}
			f := map[string]string{"manager": "apt", "program": "unattended-upgrades"}
			when, note, n := clock.Parse(text)
			rest := strings.TrimSpace(text[n:])
			if n > 0 {
				last = timeline.Stamp{What: "logged", When: when, Note: note}
				if level, said, ok := strings.Cut(rest, " "); ok && level != "" && level == strings.ToUpper(level) {
					f["severity"] = strings.ToLower(level)
					rest = strings.TrimPrefix(strings.TrimSpace(said), "- ")
				}
			}
			if list, ok := strings.CutPrefix(rest, "Packages that will be upgraded:"); ok && strings.TrimSpace(list) != "" {
				f["action"], f["packages"] = "upgrade-planned", strings.TrimSpace(list)
			}
			f["message"] = rest
			r := timeline.Record{Kind: timeline.KindPackageEvent, Summary: "unattended-upgrades: " + rest, Fields: f, Evidence: l.Evidence()}
			if !last.When.IsZero() {
				stamp := last
				if n == 0 {
					stamp.Note = "the line has no time; that of the line before"
				}
				r.Stamps = []timeline.Stamp{stamp}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}
