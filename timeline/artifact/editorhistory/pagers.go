package editorhistory

import (
	"context"
	"strconv"
	"strings"

	"deadbox/timeline"
)

// readLess reads less's history: sections of searches and of shell commands,
// whose lines begin with a quote, and of marks.
func readLess(ctx context.Context, w *writer) {
	section, told := "", false
	for l, err := range timeline.Lines(ctx, w.src) {
		if w.stopped {
			return
		}
		if err != nil {
			w.fail(err)
			continue
		}
		text := string(l.Text)
		it := item{offset: l.Offset, length: int64(len(text)), line: l.Number}
		quoted, isEntry := strings.CutPrefix(text, `"`)
		switch {
		case text == "":
		case strings.HasPrefix(text, "."):
			section = text[1:]
		case isEntry && section == "search":
			it.action, it.field, it.text = "search", "query", quoted
			w.typed(it)
		case isEntry && section == "shell":
			it.action, it.field, it.text = "shell", "command", quoted
			w.typed(it)
		case strings.HasPrefix(text, "m ") && section == "mark":
			// m letter line offset file
			if f := strings.SplitN(text, " ", 5); len(f) == 5 {
				it.action, it.text = "mark", f[4]
				it.more = []string{"mark", f[1], "position", f[3]}
				w.file(it)
				continue
			}
			fallthrough
		default:
			if !told || section != "" {
				told = true
				w.fail(w.src.Damage(l.Offset, it.length, l.Number, "no line of a history of less", nil))
			}
		}
	}
}

// readSearches reads nano's strings: searches, replacements, and shell commands,
// with an empty line between them. A NUL byte stands for a newline.
func readSearches(ctx context.Context, w *writer) {
	part := 0
	for l, err := range timeline.Lines(ctx, w.src) {
		if w.stopped {
			return
		}
		if err != nil {
			w.fail(err)
			continue
		}
		if len(l.Text) == 0 {
			part++
			continue
		}
		it := item{action: "search", field: "query", offset: l.Offset, length: int64(len(l.Text)), line: l.Number, text: strings.ReplaceAll(string(l.Text), "\x00", "\n")}
		switch part {
		case 0:
		case 1:
			it.action, it.field = "substitute", "text"
		case 2:
			it.action, it.field = "shell", "command"
		default:
			w.fail(w.src.Damage(l.Offset, it.length, l.Number, "no line of a history of nano", nil))
			continue
		}
		w.typed(it)
	}
}

// readPositions reads where nano's cursor was in which file: path, line, column.
func readPositions(ctx context.Context, w *writer) {
	for l, err := range timeline.Lines(ctx, w.src) {
		if w.stopped {
			return
		}
		if err != nil {
			w.fail(err)
			continue
		}
		text := strings.TrimRight(string(l.Text), " ")
		if text == "" {
			continue
		}
		var n [2]string
		ok := true
		for i := len(n) - 1; i >= 0; i-- {
			at := strings.LastIndexByte(text, ' ')
			if at < 0 {
				ok = false
				break
			}
			n[i] = text[at+1:]
			if _, err := strconv.ParseInt(n[i], 10, 64); err != nil {
				ok = false
			}
			text = text[:at]
		}
		if !ok || text == "" {
			w.fail(w.src.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of a list of positions of nano", nil))
			continue
		}
		w.file(item{action: "position", text: strings.ReplaceAll(text, "\x00", "\n"), more: []string{"position", n[0] + ":" + n[1]}, offset: l.Offset, length: int64(len(l.Text)), line: l.Number})
	}
}
