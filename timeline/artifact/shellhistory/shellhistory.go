// Package shellhistory reads the histories that shells, interpreters and
// clients of databases keep of the commands that were typed.
package shellhistory

import (
	"context"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each command in a shell's history.
var Extractor = timeline.Extractor{
	Name: "shell-history",
	Doc: `Commands typed in bash, zsh, fish, tcsh, ksh, and ash, in their order, with the time where the shell wrote it: account, shell, command, order, elapsed (seconds, of zsh),
paths (of fish: the files that a command named), state (of ksh93: cancelled, taken back by the shell). A command without a time has not_after, the file's own time.
Histories that are empty and histories that are symbolic links, to /dev/null as a rule, are facts of their own: name, kind, path, value, target.
Histories elsewhere are found by the HISTFILE of the shells' start-up files.

Formats: bash, GNU History Library, "History Functions" (lines of '#' and seconds since 1970 before an entry,
https://www.gnu.org/software/bash/manual/html_node/Bash-History-Facilities.html); zsh, zshoptions(1) EXTENDED_HISTORY
(https://zsh.sourceforge.io/Doc/Release/Options.html#History) and "metafied" bytes of Src/utils.c; fish, src/history.cpp;
tcsh, tcsh(1) "savehist"; ksh93, src/cmd/ksh93/edit/history.c; mksh and pdksh, histrap.c.`,
	Paths:   shellPatterns,
	NamedIn: startFiles,
	Named:   histfiles,
	Links:   true,
	Run:     run,
}

// entry is one command of a history.
type entry struct {
	command      string
	when         time.Time // zero if it was not written
	note         string    // on when
	fields       []string  // names and values beside those of every command
	offset, size int64     // offset -1: place says where
	line         int
	place        timeline.Evidence
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		shell := shellOf(s.Path)
		if shell == "" {
			shell = "sh" // what a HISTFILE names; its lines tell more
		}
		s, ok := content(s, shell, shellPatterns, yield)
		if !ok {
			return
		}
		w := writer{src: s, account: s.Owner(), kind: "shell", program: &shell, yield: yield}
		read := entries
		var head [2]byte
		if n, _ := s.Data.ReadAt(head[:], 0); n == 2 && shell != "fish" && (head == ksh93Magic || head == mkshMagic) {
			read = binary
		}
		for e, err := range read(ctx, s, &shell) {
			if !w.add(e, err) {
				return
			}
		}
		w.end()
	}
}

// shellOf tells the shell by the file's name; "" if the name is of no shell.
func shellOf(name string) string {
	base, dir := path.Base(name), path.Base(path.Dir(name))
	switch {
	case strings.HasPrefix(base, ".bash") && strings.Contains(base, "history"):
		return "bash"
	case strings.HasPrefix(base, ".zsh_history"), strings.HasPrefix(base, ".zhistory"), strings.HasPrefix(base, ".histfile"),
		dir == "zsh" || dir == ".zsh", dir == ".zsh_sessions":
		return "zsh"
	case strings.HasPrefix(base, ".ash_history"):
		return "ash"
	case strings.HasPrefix(base, ".ksh_history"), strings.HasPrefix(base, ".mksh_history"):
		return "ksh"
	case strings.HasPrefix(base, ".tcsh_history"):
		return "tcsh"
	case strings.HasPrefix(base, ".sh_history"), base == ".history", strings.HasPrefix(base, ".history."):
		return "sh"
	case dir == "bash":
		return "bash"
	case strings.HasSuffix(base, "_history") && dir == "fish":
		return "fish"
	}
	return ""
}

// entries reads a history. It tells the format by what the lines look like
// rather than by the file's name, because one shell often writes another's
// file, and corrects shell where they differ.
func entries(ctx context.Context, s *timeline.Source, shell *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		p := parser{shell: shell, yield: yield}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !p.flush() || !yield(entry{}, err) {
					return
				}
				continue
			}
			if noise(l.Text) {
				if p.noise.length == 0 {
					p.noise = span{l.Offset, 0, l.Number}
				}
				p.noise.length = l.Offset + int64(len(l.Text)) - p.noise.offset
				continue
			}
			if !p.quiet(s) || !p.line(string(l.Text), l.Offset, l.Number) {
				return
			}
		}
		if p.quiet(s) {
			p.flush()
		}
	}
}

// parser gathers lines to entries.
type parser struct {
	shell *string
	yield func(entry, error) bool
	cur   entry // the entry at hand, without its command
	text  []byte
	open  bool // there is an entry at hand
	more  bool // the next line belongs to it
	quote syntax

	stamp     time.Time // the time that stands before the next entry
	stampOff  int64
	stampLine int
	stamped   bool // stamp waits for its entry
	timed     bool // some entry had a time

	noise span // lines that are no text, not yet told
}

// span is a range of a file.
type span struct {
	offset, length int64
	line           int
}

// quiet tells the lines that are no text, if there were some.
func (p *parser) quiet(s *timeline.Source) bool {
	n := p.noise
	if n.length == 0 {
		return true
	}
	p.noise = span{}
	return p.flush() && p.yield(entry{}, s.Damage(n.offset, n.length, n.line, "no text, left out", nil))
}

// noise tells bytes that nobody typed: at least four, and one of sixteen, are
// control characters that no terminal sends as text.
func noise(b []byte) bool {
	n := 0
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b {
			n++
		}
	}
	return n >= 4 && n > len(b)/16
}

// maxEntry is the longest entry, in bytes; what follows comes as another.
const maxEntry = 1 << 20

// flush yields the entry at hand.
func (p *parser) flush() bool {
	if !p.open {
		return true
	}
	e := p.cur
	e.command = string(p.text)
	p.open, p.more, p.text = false, false, p.text[:0]
	return e.command == "" || p.yield(e, nil)
}

func (p *parser) begin(e entry, text string) {
	p.cur, p.open = e, true
	p.text = append(p.text[:0], text...)
}

func (p *parser) line(text string, offset int64, number int) bool {
	if *p.shell == "fish" {
		return p.fish(text, offset, number)
	}
	when, isStamp := p.stampOf(text)
	if p.more && !isStamp && len(p.text)+len(text) < maxEntry {
		p.cur.size = offset + int64(len(text)) - p.cur.offset
		if *p.shell == "zsh" {
			p.text[len(p.text)-1] = '\n' // over the backslash
			p.zsh(text)
		} else {
			p.text = append(append(p.text, '\n'), text...)
			p.more = p.quote.open(text)
		}
		return true
	}
	if !p.flush() {
		return false
	}
	if isStamp {
		p.stamp, p.stampOff, p.stampLine, p.stamped, p.timed = when, offset, number, true, true
		return true
	}
	e := entry{offset: offset, size: int64(len(text)), line: number}
	if when, elapsed, cmd, ok := extended(text); ok && *p.shell != "bash" {
		*p.shell = "zsh"
		e.when = when
		if elapsed != "0" {
			e.fields = []string{"elapsed", elapsed}
		}
		p.begin(e, "")
		p.zsh(cmd)
		return true
	}
	if text == "" {
		return true
	}
	if p.stamped {
		e.when, e.offset, e.line = p.stamp, p.stampOff, p.stampLine
		e.size += offset - p.stampOff
		p.stamped = false
	}
	if *p.shell == "zsh" {
		p.begin(e, "")
		p.zsh(text)
		return true
	}
	p.begin(e, text)
	// Only a file with times can tell an entry of many lines from many entries:
	// the lines after a stamp are one as long as the shell would have asked for
	// more. Others were added without a time, and are given none.
	p.quote = syntax{}
	p.more = p.timed && p.quote.open(text)
	return true
}

// zsh adds a line of zsh's to the entry at hand: a backslash at its end stands
// before a newline of the command.
func (p *parser) zsh(text string) {
	p.text = unmeta(p.text, text)
	p.more = strings.HasSuffix(text, "\\")
	// A space keeps a backslash at the end of a command from the newline.
	if t := strings.TrimRight(text, " "); t != text && strings.HasSuffix(t, "\\") {
		p.text = p.text[:len(p.text)-1]
	}
}

// stampOf reads the line that bash writes before an entry, '#' and seconds, or
// tcsh, '#+' and seconds. Bash takes any '#' before a digit for a stamp; shorter
// numbers are comments that somebody typed.
func (p *parser) stampOf(text string) (time.Time, bool) {
	if len(text) < 10 || text[0] != '#' || *p.shell == "zsh" {
		return time.Time{}, false
	}
	digits, tcsh := strings.CutPrefix(strings.TrimRight(text[1:], " \t"), "+")
	if len(digits) < 9 || len(digits) > 10 {
		return time.Time{}, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if *p.shell == "sh" {
		*p.shell = "bash"
		if tcsh {
			*p.shell = "tcsh"
		}
	}
	return time.Unix(n, 0).UTC(), true
}

// extended reads zsh's ": seconds:elapsed;command".
func extended(text string) (when time.Time, elapsed, cmd string, ok bool) {
	rest, ok := strings.CutPrefix(text, ": ")
	if !ok {
		return
	}
	head, cmd, ok := strings.Cut(rest, ";")
	if !ok {
		return
	}
	secs, elapsed, ok := strings.Cut(strings.TrimLeft(head, " "), ":")
	if !ok {
		return
	}
	n, err := strconv.ParseInt(secs, 10, 64)
	if _, err2 := strconv.ParseUint(elapsed, 10, 63); err != nil || err2 != nil || n < 0 || n >= 1<<34 {
		return time.Time{}, "", "", false
	}
	if n > 0 {
		when = time.Unix(n, 0).UTC()
	}
	return when, elapsed, cmd, true
}

// unmeta appends s to b without zsh's "metafication": byte 0x83 and the byte
// after it, with bit 0x20 flipped, stand for one byte.
func unmeta(b []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0x83)
		if i < 0 || i+1 == len(s) {
			return append(b, s...)
		}
		b = append(append(b, s[:i]...), s[i+1]^0x20)
		s = s[i+2:]
	}
}

// fish takes a line of fish's history: "- cmd: " begins an entry, "  when: "
// gives its time, "  paths:" lists files that it named.
func (p *parser) fish(text string, offset int64, number int) bool {
	if cmd, ok := strings.CutPrefix(text, "- cmd: "); ok {
		if !p.flush() {
			return false
		}
		p.begin(entry{offset: offset, size: int64(len(text)), line: number}, unescapeFish(cmd))
		return true
	}
	if when, ok := strings.CutPrefix(text, "  when: "); ok && p.open {
		if n, err := strconv.ParseInt(strings.TrimSpace(when), 10, 64); err == nil && n > 0 && n < 1<<34 {
			p.cur.when = time.Unix(n, 0).UTC()
			p.cur.size = offset + int64(len(text)) - p.cur.offset
		}
	}
	if name, ok := strings.CutPrefix(text, "    - "); ok && p.open {
		if f := p.cur.fields; f == nil {
			p.cur.fields = []string{"paths", unescapeFish(name)}
		} else if len(f[1])+len(name) < maxEntry {
			f[1] += "\n" + unescapeFish(name)
		}
		p.cur.size = offset + int64(len(text)) - p.cur.offset
	}
	return true
}

// unescapeFish undoes fish's escapes of backslash and newline.
func unescapeFish(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case 'n':
				b = append(b, '\n')
				i++
				continue
			case '\\':
				b = append(b, '\\')
				i++
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
