package sudoers

import (
	"context"
	"iter"
	"slices"
	"strings"

	"deadbox/timeline"
)

func runDoas(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var text strings.Builder
		var off, end int64
		number, joined := 0, 0
		flush := func() bool {
			words := doasWords(text.String())
			text.Reset()
			joined = 0
			if len(words) == 0 {
				return true
			}
			f, ok := doasRule(words)
			if !ok {
				return yield(timeline.Record{}, s.Damage(off, end-off, number, "not a line of doas.conf", nil))
			}
			who := f["account"] + f["group"]
			sum := "doas: " + f["action"] + " " + who + " as " + f["target"] + ": " + f["command"]
			if f["nopasswd"] != "" {
				sum += ", without a password"
			}
			return yield(timeline.Record{Kind: timeline.KindEffective, Summary: sum, Fields: f, Evidence: s.Evidence(off, end-off, number)}, nil)
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if joined == 0 {
				off, number = l.Offset, l.Number
			}
			end = l.Offset + int64(len(l.Text))
			if rest, more := strings.CutSuffix(string(l.Text), `\`); more && joined < maxJoined {
				text.WriteString(rest + " ")
				joined++
				continue
			}
			text.Write(l.Text)
			if !flush() {
				return
			}
		}
		if joined > 0 {
			flush()
		}
	}
}

// doasWords cuts a line into words, as doas does: quotes hold blanks, a
// backslash the next sign, a number sign begins a comment; braces stand alone.
func doasWords(t string) []string {
	var out []string
	var b strings.Builder
	in, quoted := false, false
	flush := func() {
		if in {
			out = append(out, b.String())
			b.Reset()
			in = false
		}
	}
	for i := 0; i < len(t); i++ {
		c := t[i]
		switch {
		case c == '\\' && i+1 < len(t):
			i++
			b.WriteByte(t[i])
			in = true
		case c == '"':
			quoted, in = !quoted, true
		case quoted:
			b.WriteByte(c)
		case c == '#':
			flush()
			return out
		case c == ' ' || c == '\t' || c == '\r':
			flush()
		case c == '{' || c == '}':
			flush()
			out = append(out, string(c))
		default:
			b.WriteByte(c)
			in = true
		}
	}
	flush()
	return out
}

// doasRule reads "permit|deny [options] identity [as target] [cmd command
// [args ...]]".
func doasRule(w []string) (map[string]string, bool) {
	f := map[string]string{"name": "doas-rule", "action": w[0], "target": "ALL", "command": "ALL"}
	if w[0] != "permit" && w[0] != "deny" {
		return nil, false
	}
	w = w[1:]
	var tags []string
	for len(w) > 0 && slices.Contains([]string{"nopass", "persist", "keepenv", "nolog", "setenv"}, w[0]) {
		tags = append(tags, w[0])
		if w[0] == "nopass" {
			f["nopasswd"] = "yes"
		}
		w = w[1:]
		if tags[len(tags)-1] == "setenv" && len(w) > 0 && w[0] == "{" {
			end := slices.Index(w, "}")
			if end < 0 {
				return nil, false
			}
			w = w[end+1:]
		}
	}
	if len(tags) > 0 {
		f["tags"] = strings.Join(tags, " ")
	}
	if len(w) == 0 {
		return nil, false
	}
	if g, ok := strings.CutPrefix(w[0], ":"); ok {
		f["group"] = g
	} else {
		f["account"] = w[0]
	}
	w = w[1:]
	if len(w) > 1 && w[0] == "as" {
		f["target"] = w[1]
		w = w[2:]
	}
	if len(w) > 1 && w[0] == "cmd" {
		f["command"] = w[1]
		w = w[2:]
		if len(w) > 0 && w[0] == "args" {
			if f["command"] += " " + strings.Join(w[1:], " "); len(w) == 1 {
				f["arguments"] = "none"
				f["command"] = strings.TrimSpace(f["command"])
			}
			w = nil
		}
	}
	return f, len(w) == 0
}
