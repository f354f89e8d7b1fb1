package volume

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The metadata of LVM2 are text in the form of its configuration files, as
// libdm/libdm-config.c of LVM2 reads it: sections in braces, and names with a
// value or a list of values.

// configNode is a section, or a name with values.
type configNode struct {
	name     string
	section  bool
	closed   bool // of a section: its end stands there too
	children []*configNode
	values   []configValue
}

// configValue is a text or a whole number.
type configValue struct {
	text   string
	number int64
	isText bool
}

const (
	maxConfigDepth = 16
	maxConfigNodes = 1 << 20 // names and values; a group of 10,000 volumes has some 300,000
	maxConfigText  = 16 << 20
)

// child finds a node in a section; nil if there is none, or n is nil.
func (n *configNode) child(name string) *configNode {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// text is a text value of a section, "" if there is none.
func (n *configNode) text(name string) string {
	if c := n.child(name); c != nil && len(c.values) > 0 && c.values[0].isText {
		return c.values[0].text
	}
	return ""
}

// number is a number of a section; ok is false if there is none.
func (n *configNode) number(name string) (value int64, ok bool) {
	if c := n.child(name); c != nil && len(c.values) > 0 && !c.values[0].isText {
		return c.values[0].number, true
	}
	return 0, false
}

// texts are the texts of a list.
func (n *configNode) texts(name string) []string {
	var out []string
	if c := n.child(name); c != nil {
		for _, v := range c.values {
			if v.isText {
				out = append(out, v.text)
			}
		}
	}
	return out
}

// configError says where a text is not in its form.
type configError struct {
	Offset int // from the start of the text
	Reason string
}

func (e *configError) Error() string {
	return fmt.Sprintf("its text is broken at byte %d: %s", e.Offset, e.Reason)
}

// configParser reads a text.
type configParser struct {
	text  string
	pos   int
	nodes int
}

// parseConfig reads a text up to its end or its first zero byte. Where it is
// broken, what was read before is given beside the error.
func parseConfig(text string) (*configNode, error) {
	text, _, _ = strings.Cut(text, "\x00")
	if len(text) > maxConfigText {
		return &configNode{section: true}, errors.New("its text is too long")
	}
	p := &configParser{text: text}
	root := &configNode{section: true}
	if err := p.section(root, 0); err != nil {
		return root, err
	}
	root.closed = true
	return root, nil
}

func (p *configParser) fail(format string, args ...any) error {
	return &configError{p.pos, fmt.Sprintf(format, args...)}
}

func (p *configParser) count() error {
	if p.nodes++; p.nodes > maxConfigNodes {
		return p.fail("more than %d names and values", maxConfigNodes)
	}
	return nil
}

// space skips blanks and comments.
func (p *configParser) space() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			p.pos++
		case '#':
			if i := strings.IndexByte(p.text[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.text)
			}
		default:
			return
		}
	}
}

// peek is the next byte after blanks, 0 at the end.
func (p *configParser) peek() byte {
	p.space()
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// section reads what stands in a section, with its closing brace unless it is the whole text.
func (p *configParser) section(n *configNode, depth int) error {
	if depth > maxConfigDepth {
		return p.fail("sections lie more than %d deep", maxConfigDepth)
	}
	for {
		switch c := p.peek(); {
		case c == 0 && depth == 0:
			return nil
		case c == 0:
			return p.fail("it ends inside of a section")
		case c == '}' && depth > 0:
			p.pos++
			n.closed = true
			return nil
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		if err := p.count(); err != nil {
			return err
		}
		child := &configNode{name: name}
		switch p.peek() {
		case '{':
			p.pos++
			child.section = true
			n.children = append(n.children, child)
			if err := p.section(child, depth+1); err != nil {
				return err
			}
			continue
		case '=':
			p.pos++
		default:
			return p.fail("want = or { after %q", name)
		}
		if err := p.assigned(child); err != nil {
			return err
		}
		n.children = append(n.children, child)
	}
}

// name reads a name, bare or in quotes.
func (p *configParser) name() (string, error) {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted(c)
	}
	s := p.bare()
	if s == "" {
		return "", p.fail("want a name")
	}
	if len(s) > 1024 {
		return "", p.fail("a name of %d bytes", len(s))
	}
	return s, nil
}

// bare reads up to a blank or a sign that has a meaning.
func (p *configParser) bare() string {
	i := strings.IndexAny(p.text[p.pos:], " \t\n\r\v\f#={}[],\"'")
	if i < 0 {
		i = len(p.text) - p.pos
	}
	s := p.text[p.pos : p.pos+i]
	p.pos += i
	return s
}

func (p *configParser) assigned(n *configNode) error {
	if p.peek() != '[' {
		v, err := p.value()
		n.values = append(n.values, v)
		return err
	}
	p.pos++
	for {
		if p.peek() == ']' {
			p.pos++
			return nil
		}
		v, err := p.value()
		if err != nil {
			return err
		}
		n.values = append(n.values, v)
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
		default:
			return p.fail("want , or ] in a list")
		}
	}
}

func (p *configParser) value() (configValue, error) {
	if err := p.count(); err != nil {
		return configValue{}, err
	}
	if c := p.peek(); c == '"' || c == '\'' {
		s, err := p.quoted(c)
		return configValue{text: s, isText: true}, err
	}
	s := p.bare()
	if s == "" {
		return configValue{}, p.fail("want a value")
	}
	// Numbers of LVM2 are unsigned of 64 bits, written in decimal.
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return configValue{number: n}, nil
	} else if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return configValue{number: int64(u)}, nil
	}
	return configValue{text: s, isText: true}, nil
}

// quoted reads a text in quotes; in double ones, a backslash guards the next byte.
func (p *configParser) quoted(quote byte) (string, error) {
	start := p.pos + 1
	var b strings.Builder
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			s := p.text[start:i]
			p.pos = i + 1
			if b.Len() > 0 {
				return b.String() + s, nil
			}
			return s, nil
		case c == '\\' && quote == '"' && i+1 < len(p.text):
			b.WriteString(p.text[start:i])
			i++
			b.WriteByte(p.text[i])
			start = i + 1
		}
	}
	return "", p.fail("a text without its closing quote")
}
