// Package shellhistory reads the histories that shells keep of the commands
// that were typed.
package shellhistory

import (
	"context"
	"errors"
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
	Doc: `Commands typed in bash, zsh, fish, tcsh, ksh, and ash, in their order, with the time where the shell wrote it.

Formats: bash, GNU History Library, "History Functions" (lines of '#' and seconds since 1970 before an entry,
https://www.gnu.org/software/bash/manual/html_node/Bash-History-Facilities.html); zsh, zshoptions(1) EXTENDED_HISTORY
(https://zsh.sourceforge.io/Doc/Release/Options.html#History) and "metafied" bytes of Src/utils.c; fish, src/history.cpp;
tcsh, tcsh(1) "savehist"; ksh93, src/cmd/ksh93/edit/history.c.`,
	Paths: []string{
		"~/.bash_history*", "~/.zsh_history*", "~/.zhistory", "~/.histfile", "~/.history", "~/.sh_history",
		"~/.ash_history", "~/.ksh_history", "~/.mksh_history", "~/.local/share/fish/*_history", "~/.config/fish/*_history",
		// Homes of accounts that are gone.
		"/root/.*history*", "/home/*/.*history*", "/home/*/.histfile", "/home/*/.local/share/fish/*_history",
	},
	Run: run,
}

// entry is one command of a history.
type entry struct {
	command      string
	when         time.Time // zero if the shell did not write it
	elapsed      string    // seconds, of zsh
	offset, size int64
	line         int
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		shell := shellOf(s.Path)
		if shell == "" {
			return
		}
		account := accountOf(s)
		order := 0
		for e, err := range entries(ctx, s, &shell) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			order++
			r := timeline.Record{
				Kind:    timeline.KindCommand,
				Summary: e.command,
				Fields: map[string]string{
					"command": e.command,
					"account": account,
					"shell":   shell,
					"order":   strconv.Itoa(order),
				},
				Evidence: s.Evidence(e.offset, e.size, e.line),
			}
			if account != "" {
				r.Summary = account + ": " + e.command
			}
			if e.elapsed != "" && e.elapsed != "0" {
				r.Fields["elapsed"] = e.elapsed
			}
			if !e.when.IsZero() {
				r.Stamps = []timeline.Stamp{{What: "ran", When: e.when}}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// accountOf says whose history it is, from the home where the source does not.
func accountOf(s *timeline.Source) string {
	if s.Account != "" {
		return s.Account
	}
	parts := strings.Split(strings.TrimPrefix(s.Path, "/"), "/")
	switch {
	case len(parts) > 1 && parts[0] == "root":
		return "root"
	case len(parts) > 2 && parts[0] == "home":
		return parts[1]
	}
	return ""
}

// shellOf tells the shell by the file's name; "" if the name is of no shell.
func shellOf(name string) string {
	base := path.Base(name)
	switch {
	case strings.HasPrefix(base, ".bash_history"):
		return "bash"
	case strings.HasPrefix(base, ".zsh_history"), base == ".zhistory", base == ".histfile":
		return "zsh"
	case strings.HasPrefix(base, ".ash_history"):
		return "ash"
	case strings.HasPrefix(base, ".ksh_history"), strings.HasPrefix(base, ".mksh_history"):
		return "ksh"
	case strings.HasPrefix(base, ".sh_history"), base == ".history":
		return "sh"
	case strings.HasSuffix(base, "_history") && path.Base(path.Dir(name)) == "fish":
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
				// ksh93 ends each of its entries with NUL bytes.
				if *shell == "ksh" && errors.Is(err, timeline.ErrNUL) {
					continue
				}
				if !p.flush() || !yield(entry{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if *shell == "sh" && l.Number == 1 && strings.HasPrefix(text, "\x81\x01") {
				*shell = "ksh"
			}
			if *shell == "ksh" {
				text = strings.TrimLeft(strings.TrimPrefix(text, "\x81\x01"), "\x00")
			}
			if !p.line(text, l.Offset, l.Number) {
				return
			}
		}
		p.flush()
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
		e.when, e.elapsed = when, elapsed
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
	if tcsh && *p.shell == "sh" {
		*p.shell = "tcsh"
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
