package dpkg

import (
	"context"
	"iter"
	"strings"

	"deadbox/internal/logtime"
	"deadbox/timeline"
)

// alternatives reads the log of update-alternatives: which program a name like
// "editor" or "java" leads to, and who was told so. A line is
// "update-alternatives 2026-11-24 18:01:12: link group vi updated to point to /usr/bin/vim".
func alternatives(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		clock := logtime.New(s.Zone)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimSpace(string(l.Text))
			if text == "" {
				continue
			}
			program, rest, _ := strings.Cut(text, " ")
			when, note, n := clock.Parse(rest)
			said, colon := strings.CutPrefix(rest[n:], ":")
			if said = strings.TrimSpace(said); n == 0 || !colon || said == "" {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of the log of alternatives", nil)) {
					return
				}
				continue
			}
			f := map[string]string{"manager": "dpkg", "program": program, "message": said}
			what := "logged"
			if args, ok := strings.CutPrefix(said, "run with "); ok {
				f["action"], what = "run", "ran"
				f["command"] = program + " " + args
			} else if name, target, ok := cutAt(said, "link group ", " updated to point to "); ok {
				f["action"], what = "alternative-set", "changed"
				f["name"], f["path"] = name, target
			} else if name, _, ok := cutAt(said, "link group ", " fully removed"); ok {
				f["action"], what = "alternative-removed", "removed"
				f["name"] = name
			} else {
				f["action"], _, _ = strings.Cut(said, " ")
			}
			if !yield(timeline.Record{
				Kind: timeline.KindPackageEvent, Summary: program + ": " + said, Fields: f,
				Stamps: []timeline.Stamp{{What: what, When: when, Note: note}}, Evidence: l.Evidence(),
			}, nil) {
				return
			}
		}
	}
}

// cutAt reads what stands between two texts, and behind them.
func cutAt(s, before, between string) (name, rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, before); !ok {
		return "", "", false
	}
	return strings.Cut(s, between)
}
