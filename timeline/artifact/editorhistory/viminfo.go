package editorhistory

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"deadbox/timeline"
)

const (
	// maxKept bounds what is held of a viminfo file before it is told, the oldest
	// first.
	maxKept = 200000
	// maxText is the longest register or continued line, in bytes.
	maxText = 1 << 20
)

// The kinds of history, by the numbers of the lines that begin with "|2,".
var historyKinds = [...]struct{ action, field, prefix string }{
	{"command", "command", ":"}, {"search", "query", ""}, {"expression", "text", ""}, {"input", "text", ""}, {"debug", "command", ""},
}

// viminfo reads a file. Most things stand there twice: in a line of the old
// form, and in one that begins with a bar, which has the time.
type viminfo struct {
	*writer
	lists   [len(historyKinds)][]item // newest first, as they stand
	cur     item                      // what the lines at hand say
	kind    int                       // of cur: a history, or one of those below
	content bool                      // cur is a register whose lines follow
	barred  bool                      // cur has had its line with a bar
	bar     string                    // a line with a bar that goes on
	wants   bool                      // bar wants the next line
	long    bool                      // the text of cur is in the next line, which begins with <
}

const (
	none     = iota - 1
	register = len(historyKinds) + iota - 1
	mark
	jump
	marks
	buffer
	substitute
)

func readViminfo(ctx context.Context, w *writer) {
	v := &viminfo{writer: w, kind: none}
	known, told := false, false
	for l, err := range timeline.Lines(ctx, w.src) {
		if v.stopped {
			return
		}
		if err != nil {
			v.end()
			w.fail(err)
			continue
		}
		if l.Number == 1 && strings.Contains(string(l.Text), "viminfo") {
			known = true
		}
		if !v.line(string(l.Text), l.Offset, l.Number) && !known && !told {
			// One error says that the file is of another kind.
			told = true
			w.fail(w.src.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of a viminfo file", nil))
		}
	}
	v.end()
	for _, list := range v.lists {
		for i := len(list) - 1; i >= 0; i-- {
			w.typed(list[i])
		}
	}
}

// begin ends what was at hand and begins another thing.
func (v *viminfo) begin(kind int, it item) {
	v.end()
	v.kind, v.cur, v.barred = kind, it, false
}

// end yields what is at hand. Histories wait, because they stand newest first.
func (v *viminfo) end() {
	kind, it := v.kind, v.cur
	v.kind, v.cur, v.content, v.wants, v.long = none, item{}, false, false, false
	switch {
	case kind == none || it.text == "":
	case kind < len(historyKinds):
		it.action, it.field = historyKinds[kind].action, historyKinds[kind].field
		it.text = historyKinds[kind].prefix + it.text
		if len(v.lists[kind]) >= maxKept {
			v.typed(it)
			return
		}
		v.lists[kind] = append(v.lists[kind], it)
	case kind == register:
		it.action, it.field = "register", "text"
		v.typed(it)
	case kind == substitute:
		it.action, it.field = "substitute", "text"
		v.typed(it)
	default:
		it.action = [...]string{"mark", "jump", "marks", "buffer"}[kind-mark]
		v.file(it)
	}
}

// line takes the next line. It reports whether the line is one of the format.
func (v *viminfo) line(text string, offset int64, number int) bool {
	length := int64(len(text))
	if v.wants { // a line with a bar goes on
		rest, ok := strings.CutPrefix(text, "|<")
		if ok && len(v.bar)+len(rest) < maxText {
			v.bar += rest
			v.cur.length = offset + length - v.cur.offset
			v.barLine(v.bar, offset, length, number)
			return true
		}
		v.wants = false
	}
	if v.long {
		v.long = false
		if rest, ok := strings.CutPrefix(text, "<"); ok {
			v.cur.text = unescapeViminfo(rest)
			v.cur.length = offset + length - v.cur.offset
			return true
		}
	}
	if text == "" {
		v.end()
		return true
	}
	it := item{offset: offset, length: length, line: number}
	rest := text[1:]
	history := func(kind int, s string) {
		v.begin(kind, it)
		if n, ok := strings.CutPrefix(s, "\x16"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			v.long = true
			return
		}
		v.cur.text = unescapeViminfo(s)
	}
	switch text[0] {
	case '#', '*', '~', '!':
		v.end()
	case ':':
		history(0, rest)
	case '?':
		// The character after it is that which the search began with.
		if rest != "" {
			rest = rest[1:]
		}
		history(1, rest)
	case '=':
		history(2, rest)
	case '@':
		history(3, rest)
	case '$':
		v.begin(substitute, it)
		v.cur.text = unescapeViminfo(rest)
	case '"':
		head, kind, _ := strings.Cut(strings.TrimPrefix(rest, `"`), "\t")
		kind, _, _ = strings.Cut(kind, "\t")
		v.begin(register, it)
		v.cur.more = []string{"register", strings.TrimPrefix(head, "@"), "type", strings.ToLower(kind)}
		v.content = true
	case '\t':
		switch {
		case v.kind == register && v.content:
			if len(v.cur.text)+len(rest) < maxText {
				if v.cur.length = offset + length - v.cur.offset; v.cur.text != "" {
					v.cur.text += "\n"
				}
				v.cur.text += unescapeViminfo(rest)
			}
		case v.kind == marks:
			v.cur.length = offset + length - v.cur.offset
			f := strings.Split(rest, "\t")
			if f[0] == "*" && len(f) > 1 {
				n, _ := strconv.ParseInt(f[1], 10, 64)
				v.cur.when = seconds(n)
			} else if f[0] == `"` && len(f) > 2 {
				v.cur.more = []string{"position", f[1] + ":" + f[2]}
			}
		default:
			return false
		}
	case '>':
		name, ok := strings.CutPrefix(rest, " ")
		if !ok {
			history(4, rest)
			break
		}
		v.begin(marks, it)
		v.cur.text = name
	case '\'', '-':
		// 'A  line  column  file
		kind := mark
		if text[0] == '-' {
			kind, rest = jump, strings.TrimPrefix(rest, "'")
		} else if _, n := utf8.DecodeRuneInString(rest); n > 0 {
			it.more = []string{"mark", rest[:n]}
			rest = rest[n:]
		}
		f := strings.SplitN(strings.TrimLeft(rest, " "), "  ", 3)
		if len(f) < 3 {
			v.end()
			return false
		}
		v.begin(kind, it)
		v.cur.text = f[2]
		v.cur.more = append(v.cur.more, "position", f[0]+":"+f[1])
	case '%':
		name, position, _ := strings.Cut(rest, "\t")
		v.begin(buffer, it)
		v.cur.text = name
		if position != "" {
			v.cur.more = []string{"position", strings.ReplaceAll(position, "\t", ":")}
		}
	case '|':
		v.bar = rest
		if v.kind == none || v.barred {
			v.begin(none, it)
		}
		v.barLine(rest, offset, length, number)
	default:
		v.end()
		return false
	}
	return true
}

// barLine takes a line that begins with a bar, as far as it is there: it gives
// what is at hand its time, or stands alone.
// https://vimhelp.org/starting.txt.html#viminfo-file: "|{bartype},{value},..."
func (v *viminfo) barLine(text string, offset, length int64, number int) {
	values, whole := barValues(text)
	v.wants = !whole
	if !whole || len(values) < 2 {
		return
	}
	number64 := func(i int) int64 {
		if i >= len(values) {
			return 0
		}
		n, _ := strconv.ParseInt(values[i], 10, 64)
		return n
	}
	var it item
	kind := none
	at := 0 // of the time
	switch values[0] {
	case "2": // kind of history, time, separator, text
		if n := number64(1); n >= 0 && n < int64(len(historyKinds)) && len(values) > 4 {
			kind, at, it.text = int(n), 2, values[4]
		}
	case "3": // flags, name, type, lines, width, time, the lines
		if len(values) > 7 {
			kind, at, it.text = register, 6, strings.Join(values[7:], "\n")
			it.more = []string{"register", registerName(number64(2))}
		}
	case "4": // mark, line, column, time, file
		if len(values) > 5 {
			kind, at, it.text = mark, 4, values[5]
			it.more = []string{"mark", string(rune(number64(1))), "position", values[2] + ":" + values[3]}
			if number64(1) == '\'' {
				kind, it.more = jump, it.more[2:]
			}
		}
	}
	if kind == none {
		return
	}
	it.when = seconds(number64(at))
	if v.kind == kind && !v.barred && (v.cur.text == it.text || kind >= register || v.cur.text == "") {
		v.cur.when, v.barred, v.content = it.when, true, false
		if v.cur.text == "" {
			v.cur.text = it.text
		}
		v.cur.length = offset + length - v.cur.offset
		return
	}
	it.offset, it.length, it.line = offset, length, number
	if v.kind == none && v.cur.line != 0 { // it began on an earlier line
		it.offset, it.length, it.line = v.cur.offset, offset+length-v.cur.offset, v.cur.line
	}
	v.begin(kind, it)
	v.barred = true
}

// barValues splits a line with a bar at its commas. whole is false if it goes
// on in another line: in the middle of a text, or before one of which only the length
// is told.
func barValues(s string) (values []string, whole bool) {
	for {
		if s == "" {
			return append(values, ""), true
		}
		switch s[0] {
		case '"':
			var b strings.Builder
			i := 1
			for ; i < len(s) && s[i] != '"'; i++ {
				if s[i] != '\\' || i+1 == len(s) {
					b.WriteByte(s[i])
					continue
				}
				if i++; s[i] == 'n' {
					b.WriteByte('\n')
				} else {
					b.WriteByte(s[i])
				}
			}
			if i >= len(s) {
				return values, false
			}
			values, s = append(values, b.String()), s[i+1:]
		case '>':
			// The length of the text, which begins on the next line.
			n := 1
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			if s = s[n:]; s == "" {
				return values, false
			}
			continue
		default:
			n := strings.IndexByte(s, ',')
			if n < 0 {
				n = len(s)
			}
			values, s = append(values, s[:n]), s[n:]
		}
		if s == "" {
			return values, true
		}
		if s[0] == ',' {
			s = s[1:]
		}
	}
}

// registerName is that of a register by its number.
func registerName(n int64) string {
	switch {
	case n >= 0 && n <= 9:
		return string(rune('0' + n))
	case n >= 10 && n <= 35:
		return string(rune('a' + n - 10))
	case n == 36:
		return "-"
	}
	return ""
}

// unescapeViminfo undoes the escapes of a line of the old form: Ctrl-V and n for
// a newline, Ctrl-V twice for itself.
func unescapeViminfo(s string) string {
	if strings.IndexByte(s, 0x16) < 0 {
		return s
	}
	return strings.NewReplacer("\x16n", "\n", "\x16\x16", "\x16").Replace(s)
}
