package builtin

import (
	"strings"
)

// A line of shell is read as its simple commands, in the grammar of POSIX
// (XCU 2.10) as far as it matters to what is run: no expansion is done.

const (
	maxShellLine  = 16 << 10
	maxCommands   = 256
	maxShellDepth = 4
)

// command is one simple command.
type command struct {
	words     []string // without quotes; the first names the program, wrappers such as sudo and nohup left out
	assigns   []string // NAME=value before it
	redirects []redirect
	pipeline  int       // commands of one pipeline share a number
	inner     []command // of substitutions in its words, and of the text given to "sh -c" or eval
}

type redirect struct {
	op     string // ">", ">>", "<", ">&", "<<<", ...
	target string
}

// name is the base name of the program.
func (c *command) name() string {
	if len(c.words) == 0 {
		return ""
	}
	return base(c.words[0])
}

func (c *command) args() []string {
	if len(c.words) == 0 {
		return nil
	}
	return c.words[1:]
}

// shellKeywords come where a command would, and another command after them.
var shellKeywords = set("if then else elif do while until ! { } time coproc fi done esac")

type shellParser struct {
	s        string
	pos      int
	pipeline int
	next     *int // number of the last pipeline
	depth    int
	out      []command
	cur      command
	word     strings.Builder
	inWord   bool
	pending  string // redirection operator that waits for its word
	groups   []int  // where the commands of open ( and { begin in out
}

const maxNesting = 64

// openGroup and closeGroup make the commands of a group members of the
// pipeline that the group is in: (a || b) | sh.
func (p *shellParser) openGroup() {
	if len(p.groups) < maxNesting {
		p.groups = append(p.groups, len(p.out))
	}
}

func (p *shellParser) closeGroup() {
	if len(p.groups) == 0 {
		return
	}
	start := p.groups[len(p.groups)-1]
	p.groups = p.groups[:len(p.groups)-1]
	rest := strings.TrimLeft(p.s[min(p.pos+1, len(p.s)):], " \t")
	// Redirections may come between the group and the pipe.
	for strings.HasPrefix(rest, "2>") || strings.HasPrefix(rest, ">") {
		i := strings.IndexAny(rest, " \t|;")
		if i < 0 {
			return
		}
		rest = strings.TrimLeft(rest[i:], " \t")
	}
	if strings.HasPrefix(rest, "|") && !strings.HasPrefix(rest, "||") {
		for i := start; i < len(p.out); i++ {
			p.out[i].pipeline = p.pipeline
		}
	}
}

// parseShell reads a line. What is beyond maxShellLine bytes or maxCommands
// commands is left out.
func parseShell(line string) []command {
	next := 0
	return parseShellDepth(line, 0, &next)
}

func parseShellDepth(line string, depth int, next *int) []command {
	if len(line) > maxShellLine {
		line = line[:maxShellLine]
	}
	*next++
	p := &shellParser{s: line, depth: depth, pipeline: *next, next: next}
	for p.pos < len(p.s) && len(p.out) < maxCommands {
		p.step()
	}
	p.endCommand()
	return p.out
}

func (p *shellParser) step() {
	c := p.s[p.pos]
	switch c {
	case ' ', '\t', '\r':
		p.endWord()
		p.pos++
	case '\n', ';':
		p.newPipeline()
		p.pos++
	case '&':
		switch {
		case p.at("&>>"):
			p.operator("&>>")
		case p.at("&>"):
			p.operator("&>")
		case p.at("&&"):
			p.newPipeline()
			p.pos += 2
		default:
			p.newPipeline()
			p.pos++
		}
	case '|':
		switch {
		case p.at("||"):
			p.newPipeline()
			p.pos += 2
		case p.at("|&"):
			p.endCommand()
			p.pos += 2
		default:
			p.endCommand()
			p.pos++
		}
	case '(':
		if p.inWord {
			p.put(c)
		} else {
			p.newPipeline()
			p.openGroup()
		}
		p.pos++
	case ')':
		p.endCommand()
		p.closeGroup()
		p.pos++
	case '<', '>':
		if p.pos+1 < len(p.s) && p.s[p.pos+1] == '(' { // process substitution
			p.substitution(p.pos+2, ')')
			return
		}
		for _, op := range [...]string{"<<<", "<<-", ">>", "<<", ">&", "<&", "<>", ">|", "<", ">"} {
			if p.at(op) {
				p.operator(op)
				break
			}
		}
	case '\'':
		p.inWord = true
		end := strings.IndexByte(p.s[p.pos+1:], '\'')
		if end < 0 {
			p.word.WriteString(p.s[p.pos+1:])
			p.pos = len(p.s)
			return
		}
		p.word.WriteString(p.s[p.pos+1 : p.pos+1+end])
		p.pos += end + 2
	case '"':
		p.inWord = true
		p.pos++
		for p.pos < len(p.s) && p.s[p.pos] != '"' {
			switch {
			case p.s[p.pos] == '\\' && p.pos+1 < len(p.s):
				if !strings.ContainsRune("\"\\$`\n", rune(p.s[p.pos+1])) {
					p.put('\\')
				}
				p.put(p.s[p.pos+1])
				p.pos += 2
			case p.at("$("):
				p.substitution(p.pos+2, ')')
			case p.s[p.pos] == '`':
				p.substitution(p.pos+1, '`')
			default:
				p.put(p.s[p.pos])
				p.pos++
			}
		}
		p.pos++
	case '\\':
		if p.pos+1 < len(p.s) && p.s[p.pos+1] != '\n' {
			p.put(p.s[p.pos+1])
		}
		p.pos += 2
	case '`':
		p.substitution(p.pos+1, '`')
	case '$':
		if p.at("$(") {
			p.substitution(p.pos+2, ')')
			return
		}
		if p.at("${IFS}") { // a blank, in commands that must not hold one
			p.endWord()
			p.pos += len("${IFS}")
			return
		}
		if p.at("$IFS") {
			p.endWord()
			p.pos += len("$IFS")
			if p.pos+1 < len(p.s) && p.s[p.pos] == '$' && p.s[p.pos+1] >= '0' && p.s[p.pos+1] <= '9' {
				p.pos += 2
			}
			return
		}
		p.put(c)
		p.pos++
	case '#':
		if p.inWord {
			p.put(c)
			p.pos++
			return
		}
		if i := strings.IndexByte(p.s[p.pos:], '\n'); i >= 0 {
			p.pos += i
		} else {
			p.pos = len(p.s)
		}
	default:
		p.put(c)
		p.pos++
	}
}

func (p *shellParser) at(s string) bool { return strings.HasPrefix(p.s[p.pos:], s) }

func (p *shellParser) put(c byte) {
	p.inWord = true
	p.word.WriteByte(c)
}

// operator begins a redirection; a descriptor's number before it is no word.
func (p *shellParser) operator(op string) {
	if p.inWord {
		if w := p.word.String(); strings.Trim(w, "0123456789") == "" {
			p.word.Reset()
			p.inWord = false
		}
	}
	p.endWord()
	p.pending = op
	p.pos += len(op)
}

// substitution reads from a place to its closing character and leaves the
// text, with a mark, in the word.
func (p *shellParser) substitution(from int, closing byte) {
	depth, i := 1, from
	for ; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '\\':
			i++
		case c == closing:
			depth--
		case c == '(' && closing == ')':
			depth++
		}
		if depth == 0 {
			break
		}
	}
	end := min(i, len(p.s))
	text := p.s[min(from, end):end]
	p.inWord = true
	p.word.WriteString("$(" + text + ")")
	if p.depth < maxShellDepth {
		p.cur.inner = append(p.cur.inner, parseShellDepth(text, p.depth+1, p.next)...)
	}
	p.pos = min(end+1, len(p.s))
}

func (p *shellParser) endWord() {
	if !p.inWord {
		return
	}
	w := p.word.String()
	p.word.Reset()
	p.inWord = false
	switch {
	case p.pending != "":
		p.cur.redirects = append(p.cur.redirects, redirect{p.pending, w})
		p.pending = ""
	case len(p.cur.words) == 0 && shellKeywords[w]:
		switch w {
		case "{":
			p.openGroup()
		case "}":
			p.pos--
			p.closeGroup()
			p.pos++
		}
	case len(p.cur.words) == 0 && isAssignment(w):
		p.cur.assigns = append(p.cur.assigns, w)
	default:
		p.cur.words = append(p.cur.words, w)
	}
}

func (p *shellParser) endCommand() {
	p.endWord()
	p.pending = ""
	c := p.cur
	p.cur = command{}
	if len(c.words) == 0 && len(c.assigns) == 0 && len(c.redirects) == 0 && len(c.inner) == 0 {
		return
	}
	c.pipeline = p.pipeline
	unwrap(&c)
	p.intoText(&c)
	p.out = append(p.out, c)
}

func (p *shellParser) newPipeline() {
	p.endCommand()
	*p.next++
	p.pipeline = *p.next
}

// intoText reads the text that a shell or eval is given as an argument.
func (p *shellParser) intoText(c *command) {
	if p.depth >= maxShellDepth || len(c.words) < 2 {
		return
	}
	text := ""
	switch name := c.name(); {
	case name == "eval":
		text = strings.Join(c.words[1:], " ")
	case shells[name] || name == "su":
		for i, w := range c.words[1:] {
			if len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, "c") && i+2 < len(c.words) {
				text = c.words[i+2]
				break
			}
			if strings.HasPrefix(w, "--command=") {
				text = w[len("--command="):]
				break
			}
		}
	}
	if text != "" {
		c.inner = append(c.inner, parseShellDepth(text, p.depth+1, p.next)...)
	}
}

func isAssignment(w string) bool {
	i := strings.IndexByte(w, '=')
	if i <= 0 {
		return false
	}
	for j := range i {
		c := w[j]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || j > 0 && (c >= '0' && c <= '9' || c == '+')) {
			return false
		}
	}
	return true
}

// wrappers run the command that follows their own options; the letters are
// those of options that take an argument.
var wrappers = map[string]string{
	"sudo": "ugphCDrtTUR", "doas": "uC", "nohup": "", "nice": "n", "ionice": "cnp", "env": "uSC", "exec": "a", "setsid": "", "stdbuf": "ioe", "command": "",
	"builtin": "", "timeout": "sk", "xargs": "IdEaLnPs", "busybox": "", "toybox": "", "unbuffer": "", "chronic": "", "flock": "wE", "daemonize": "cepolu",
	"time": "fo", "proxychains": "f", "proxychains4": "f", "torsocks": "", "torify": "", "chrt": "", "systemd-run": "pu", "strace": "oeps",
}

// unwrap removes wrappers from the front of a command.
func unwrap(c *command) {
	for range 8 {
		name := c.name()
		withArg, ok := wrappers[name]
		if !ok || len(c.words) < 2 {
			return
		}
		i := 1
		for i < len(c.words) {
			w := c.words[i]
			if name == "env" || name == "sudo" {
				if isAssignment(w) {
					c.assigns = append(c.assigns, w)
					i++
					continue
				}
			}
			if w == "--" {
				i++
				break
			}
			if len(w) < 2 || w[0] != '-' {
				break
			}
			i++
			if len(w) == 2 && strings.IndexByte(withArg, w[1]) >= 0 {
				i++
			}
		}
		switch name {
		case "timeout": // its duration
			i++
		case "flock": // its lock file
			i++
		}
		if i >= len(c.words) {
			return
		}
		if (name == "busybox" || name == "toybox") && strings.HasPrefix(c.words[i], "-") {
			return
		}
		c.words = c.words[i:]
	}
}

// each calls f for every command, those inside others too.
func each(cs []command, f func(c *command)) {
	for i := range cs {
		f(&cs[i])
		each(cs[i].inner, f)
	}
}
