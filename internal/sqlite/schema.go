package sqlite

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// table is what the schema says of a table.
type table struct {
	name    string
	root    uint32 // page
	refused string // why it cannot be read; "" if it can
	columns []column
	rowid   int // the column that stands for the row id; -1 if none does
}

// column is one column of a table.
type column struct {
	name     string
	at       int   // of its value in the record; -1 if it is computed and not stored
	value    value // what it is in rows that are older than the column
	hasValue bool  // value is known
}

// maxColumns is the most that SQLite can be built for.
const maxColumns = 32767

// parseTable reads the text of a CREATE TABLE statement, as far as it takes to
// know the columns.
// https://www.sqlite.org/lang_createtable.html
func parseTable(sql string) (*table, error) {
	l := lexer{rest: sql}
	l.next()
	if !l.take("create") {
		return nil, errors.New("it does not begin with CREATE")
	}
	if l.is("virtual") {
		return &table{refused: "a virtual table"}, nil
	}
	if !l.take("temp") {
		l.take("temporary")
	}
	if !l.take("table") {
		return nil, errors.New("it is no CREATE TABLE")
	}
	if l.take("if") {
		l.take("not")
		l.take("exists")
	}
	l.next() // the name, which the schema has beside it
	if l.take(".") {
		l.next()
	}
	if !l.take("(") {
		return nil, errors.New("no list of columns")
	}
	t := &table{rowid: -1}
	stored := 0
	for {
		switch {
		case l.kind == end:
			return nil, errors.New("the list of columns has no end")
		case l.is("constraint"), l.is("primary"), l.is("unique"), l.is("check"), l.is("foreign"):
			if name, ok := l.tableKey(); ok && t.rowid < 0 {
				for i, c := range t.columns {
					if strings.EqualFold(c.name, name) && c.value.kind == isInteger {
						t.rowid = i
					}
				}
			}
		case l.kind == word || l.kind == quoted:
			c, key := l.column()
			if key {
				t.rowid = len(t.columns)
			}
			if c.at == 0 {
				c.at = stored
				stored++
			}
			t.columns = append(t.columns, c)
		default:
			return nil, errors.New("a column without a name")
		}
		if len(t.columns) > maxColumns {
			return nil, errors.New("too many columns")
		}
		if l.take(",") {
			continue
		}
		if l.take(")") {
			break
		}
		return nil, errors.New("the list of columns has no end")
	}
	for i := range t.columns {
		if c := &t.columns[i]; c.value.kind == isInteger {
			c.value.kind = 0 // NULL, the default of a column without one
		}
	}
	for l.kind != end {
		if l.take("without") {
			if l.is("rowid") {
				t.refused = "a table without row ids"
			}
			continue
		}
		l.next()
	}
	return t, nil
}

// isInteger marks a column, while its table is parsed, whose type is INTEGER
// and that has no default: the one that can stand for the row id.
const isInteger = -1

// column reads a column's declaration. key says that it stands for the row
// id. at is -1 if it is not stored.
func (l *lexer) column() (c column, key bool) {
	c.name = l.text
	c.hasValue = true // NULL
	l.next()
	integer, words := false, 0
	for ; (l.kind == word || l.kind == quoted) && !l.constraint(); words++ {
		integer = words == 0 && strings.EqualFold(l.text, "integer")
		l.next()
	}
	if l.is("(") {
		l.parens()
		integer = false
	}
	computed, kept := false, false
	for l.kind != end && !l.is(",") && !l.is(")") {
		switch {
		case l.take("primary"):
			l.take("key")
			// For the sake of old files, INTEGER PRIMARY KEY DESC is no row id.
			key = integer && !l.is("desc")
		case l.take("default"):
			c.value, c.hasValue = l.literal()
		case l.take("as"):
			computed = true
		case l.take("stored"):
			kept = computed
		case l.is("("):
			l.parens()
		default:
			l.next()
		}
	}
	if computed && !kept {
		c.at = -1
	}
	if integer && c.hasValue && c.value.kind == 0 {
		c.value.kind = isInteger
	}
	return c, key
}

// constraint reports whether a column's type ends here.
func (l *lexer) constraint() bool {
	if l.kind != word {
		return false
	}
	switch strings.ToLower(l.text) {
	case "constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references", "generated", "as", "on", "deferrable":
		return true
	}
	return false
}

// literal reads the value behind DEFAULT. ok is false if it is an expression.
func (l *lexer) literal() (v value, ok bool) {
	if l.is("(") {
		// A literal may stand in parentheses.
		inner := *l
		inner.next()
		v, ok = inner.literal()
		ok = ok && inner.is(")")
		l.parens()
		return v, ok
	}
	negative := false
	for l.kind == sign && (l.text == "+" || l.text == "-") {
		negative = negative != (l.text == "-")
		l.next()
	}
	text, kind := l.text, l.kind
	if kind == end || l.is(",") || l.is(")") {
		return value{}, false
	}
	l.next()
	if kind == quoted {
		return value{kind: int64(2*len(text) + 13), bytes: []byte(text), utf8: true}, true
	}
	switch lower := strings.ToLower(text); {
	case lower == "null":
		return value{}, true
	case lower == "true":
		return value{kind: 9}, true
	case lower == "false":
		return value{kind: 8}, true
	case lower == "x" && l.kind == quoted:
		b, err := unhex(l.text)
		l.next()
		return value{kind: int64(2*len(b) + 12), bytes: b}, err == nil
	}
	digits, base := text, 10
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		digits, base = text[2:], 16
	}
	if n, err := strconv.ParseInt(digits, base, 64); err == nil {
		if negative {
			n = -n
		}
		return intValue(n), true
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && text[0] <= '9' {
		if negative {
			f = -f
		}
		b := make([]byte, 8)
		be.PutUint64(b, math.Float64bits(f))
		return value{kind: 7, bytes: b}, true
	}
	return value{}, false
}

func unhex(s string) ([]byte, error) {
	if len(s)%2 != 0 {
		return nil, strconv.ErrSyntax
	}
	b := make([]byte, len(s)/2)
	for i := range b {
		n, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, err
		}
		b[i] = byte(n)
	}
	return b, nil
}

// tableKey reads a constraint of the table. ok is true for a primary key of
// one column, which it names.
func (l *lexer) tableKey() (name string, ok bool) {
	columns := 0
	for l.kind != end && !l.is(",") && !l.is(")") {
		switch {
		case l.take("primary"):
			l.take("key")
			if !l.is("(") {
				continue
			}
			inner := *l
			inner.next()
			name, columns = inner.text, 1
			for inner.kind != end && !inner.is(")") {
				if inner.is(",") {
					columns++
				}
				inner.next()
			}
			l.parens()
		case l.is("("):
			l.parens()
		default:
			l.next()
		}
	}
	return name, columns == 1
}

// lexer splits SQL into tokens.
// https://www.sqlite.org/lang_keywords.html, https://www.sqlite.org/lang_comment.html
type lexer struct {
	rest string
	kind token
	text string // of a quoted token: without its quotes
}

type token uint8

const (
	end token = iota
	word
	quoted // "a", `a`, [a], 'a'
	sign
)

// is reports whether the token at hand is this keyword or sign.
func (l *lexer) is(s string) bool {
	return (l.kind == word || l.kind == sign) && strings.EqualFold(l.text, s)
}

// take goes on past the token at hand if it is this one.
func (l *lexer) take(s string) bool {
	if !l.is(s) {
		return false
	}
	l.next()
	return true
}

// parens goes on past the parenthesis that opens here.
func (l *lexer) parens() {
	for depth := 0; l.kind != end; l.next() {
		if l.is("(") {
			depth++
		}
		if l.is(")") {
			if depth--; depth == 0 {
				l.next()
				return
			}
		}
	}
}

// next goes on to the next token.
func (l *lexer) next() {
	for {
		l.rest = strings.TrimLeft(l.rest, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(l.rest, "--"):
			_, l.rest, _ = strings.Cut(l.rest, "\n")
			continue
		case strings.HasPrefix(l.rest, "/*"):
			_, l.rest, _ = strings.Cut(l.rest[2:], "*/")
			continue
		}
		break
	}
	l.kind, l.text = end, ""
	if l.rest == "" {
		return
	}
	switch c := l.rest[0]; {
	case c == '"' || c == '\'' || c == '`':
		l.kind = quoted
		l.text, l.rest = unquote(l.rest[1:], c)
	case c == '[':
		l.kind = quoted
		l.text, l.rest, _ = strings.Cut(l.rest[1:], "]")
	case wordByte(c):
		n := 1
		for n < len(l.rest) && (wordByte(l.rest[n]) || c >= '0' && c <= '9' && numberByte(l.rest, n)) {
			n++
		}
		l.kind, l.text, l.rest = word, l.rest[:n], l.rest[n:]
	case c == '.' && len(l.rest) > 1 && l.rest[1] >= '0' && l.rest[1] <= '9':
		n := 1
		for n < len(l.rest) && (wordByte(l.rest[n]) || numberByte(l.rest, n)) {
			n++
		}
		l.kind, l.text, l.rest = word, "0"+l.rest[:n], l.rest[n:]
	default:
		l.kind, l.text, l.rest = sign, l.rest[:1], l.rest[1:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// numberByte reports whether s[n] goes on with a number: its point, or the sign
// of its exponent.
func numberByte(s string, n int) bool {
	return s[n] == '.' || (s[n] == '+' || s[n] == '-') && (s[n-1] == 'e' || s[n-1] == 'E')
}

// unquote reads up to the quote; one that is doubled stands for itself.
func unquote(s string, quote byte) (text, rest string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, quote)
		if i < 0 {
			return b.String() + s, ""
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if s == "" || s[0] != quote {
			return b.String(), s
		}
		b.WriteByte(quote)
		s = s[1:]
	}
}
