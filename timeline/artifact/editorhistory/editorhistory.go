// Package editorhistory reads what editors and pagers remember: commands,
// searches, registers, and the files that were open.
package editorhistory

import (
	"context"
	"iter"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each thing that an editor or a pager remembers.
var Extractor = timeline.Extractor{
	Name: "editor-history",
	Doc: `What vim, Neovim, less and nano remember: commands (command, with the colon of vim), searches (query), shell commands of less and nano (command), expressions, answers and
registers (text), as records of commands: account, program, action (command, search, expression, input, register, substitute, shell), order; files that were open (path, mark, position,
source) as records of recent files. With the time where the program wrote it; without one there is not_after, the file's own time. Password hashes and private keys in registers are masked.

Formats: viminfo, https://vimhelp.org/starting.txt.html#viminfo-file, src/viminfo.c; ShaDa, https://neovim.io/doc/user/starting.html#shada-format, MessagePack,
https://github.com/msgpack/msgpack/blob/master/spec.md; less(1), "LESSHISTFILE", cmdbuf.c; nano(1), nanorc(5) "historylog" and "positionlog", src/history.c.`,
	Paths: paths(),
	Run:   run,
}

func paths() []string {
	var list []string
	for _, n := range []string{
		".viminfo*", ".vim/viminfo*", ".vim/.viminfo*", ".config/vim/viminfo*", ".cache/vim/viminfo*", ".local/state/vim/viminfo*", ".local/share/vim/viminfo*",
		".local/share/nvim/shada/*", ".local/state/nvim/shada/*", ".lesshst*", ".local/state/lesshst", ".local/share/lesshst",
		".local/share/nano/*_history", ".nano/*_history", ".nano_history",
	} {
		list = append(list, "~/"+n, "/root/"+n, "/home/*/"+n)
	}
	for _, dir := range []string{"/", "/tmp/", "/var/tmp/", "/dev/shm/", "/var/www/", "/var/www/*/"} {
		list = append(list, dir+".viminfo*", dir+".lesshst*")
	}
	return list
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		w := &writer{src: s, yield: yield, account: s.Owner(), orders: map[string]int{}}
		w.home = homeOf(s.Path)
		switch base, dir := path.Base(s.Path), path.Base(path.Dir(s.Path)); {
		case strings.Contains(base, "viminfo"):
			w.program = "vim"
			readViminfo(ctx, w)
		case strings.Contains(base, "lesshst"):
			w.program = "less"
			readLess(ctx, w)
		case dir == "shada":
			w.program = "nvim"
			readShada(ctx, w)
		case strings.HasPrefix(base, "filepos"):
			w.program = "nano"
			readPositions(ctx, w)
		default:
			w.program = "nano"
			readSearches(ctx, w)
		}
	}
}

// writer makes the records of one file.
type writer struct {
	src                    *timeline.Source
	yield                  func(timeline.Record, error) bool
	account, program, home string
	orders                 map[string]int // by action
	stopped                bool
}

// item is one thing that is remembered.
type item struct {
	action, field, text string
	when                time.Time
	more                []string // names and values
	offset, length      int64
	line                int
}

func (w *writer) fail(err error) {
	if !w.stopped {
		w.stopped = !w.yield(timeline.Record{}, err)
	}
}

// typed yields something that was typed or kept.
func (w *writer) typed(it item) {
	if w.stopped {
		return
	}
	w.orders[it.action]++
	text, masked := hideSecrets(it.text)
	f := map[string]string{"program": w.program, "action": it.action, it.field: text, "order": strconv.Itoa(w.orders[it.action])}
	if masked {
		f["masked"] = "secret"
	}
	r := timeline.Record{Kind: timeline.KindCommand, Summary: w.program + " " + it.action + ": " + text, Fields: f}
	w.emit(r, it, "ran")
}

// file yields a file that was open.
func (w *writer) file(it item) {
	if w.stopped {
		return
	}
	name := it.text
	if rest, ok := strings.CutPrefix(name, "~/"); ok && w.home != "" {
		name = path.Join(w.home, rest)
	}
	f := map[string]string{"program": w.program, "path": name, "source": it.action}
	w.emit(timeline.Record{Kind: timeline.KindRecent, Summary: w.program + " had open " + name, Fields: f}, it, "used")
}

func (w *writer) emit(r timeline.Record, it item, what string) {
	for i := 0; i+1 < len(it.more); i += 2 {
		if it.more[i+1] != "" {
			r.Fields[it.more[i]] = it.more[i+1]
		}
	}
	if w.account != "" {
		r.Fields["account"] = w.account
		r.Summary = w.account + ": " + r.Summary
	}
	switch in := w.src.Inode; {
	case !it.when.IsZero():
		r.Stamps = []timeline.Stamp{{What: what, When: it.when}}
	case in != nil && in.Times.Modified.Known:
		r.Fields["not_after"] = in.Times.Modified.Std().Format(time.RFC3339)
	}
	r.Evidence = w.src.Evidence(it.offset, it.length, it.line)
	w.stopped = !w.yield(r, nil)
}

// homeOf is the directory that "~" stands for in a file.
func homeOf(p string) string {
	dir := path.Dir(p)
	for _, sub := range []string{"/.local/share/nvim/shada", "/.local/state/nvim/shada", "/.local/share/nano", "/.nano", "/.vim", "/.config/vim", "/.cache/vim", "/.local/state/vim", "/.local/share/vim", "/.local/state", "/.local/share"} {
		if home, ok := strings.CutSuffix(dir, sub); ok {
			return home
		}
	}
	return dir
}

var (
	// hash is a password hash in the form of crypt(5).
	hash = regexp.MustCompile(`\$(?:[1567y]|2[abxy]?|gy|md5|sha1|argon2\w*)\$[^\s:'"]{8,}`)
	key  = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*`)
)

// mask is what stands in place of a secret.
const mask = "(masked)"

// hideSecrets masks password hashes and private keys, which registers hold when
// such files are edited.
func hideSecrets(s string) (string, bool) {
	out := s
	if strings.IndexByte(out, '$') >= 0 {
		out = hash.ReplaceAllString(out, mask)
	}
	if strings.Contains(out, "PRIVATE KEY") {
		out = key.ReplaceAllString(out, mask)
	}
	return out, out != s
}

// seconds is a time in seconds since 1970; the zero time if it is none.
func seconds(n int64) time.Time {
	if n <= 0 || n >= 1<<34 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
