package shellhistory

import "strings"

// syntax follows quotes, here-documents and compound commands from line to
// line, as far as it takes to know whether a shell would have asked for more
// (POSIX.1-2017, Shell Command Language, 2.2, 2.7.4, 2.9.4).
type syntax struct {
	quote  byte     // ' or " or ` that is open; 0 if none
	docs   []string // ends of the here-documents that are to come
	blocks int      // if, case, for, while, until, select, { that are open
	parens int
}

// maxDocs bounds how many here-documents one line may open.
const maxDocs = 100

// open takes the next line and reports whether the command goes on after it.
func (y *syntax) open(line string) bool {
	if len(y.docs) > 0 {
		if strings.TrimLeft(line, "\t") == y.docs[0] {
			y.docs = y.docs[1:]
		}
		return y.pending()
	}
	command := y.quote == 0 // a keyword may stand here
	operator := false       // the last token was one that wants something after it
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case y.quote == '\'':
			end := strings.IndexByte(line[i:], '\'')
			if end < 0 {
				return true
			}
			y.quote = 0
			i += end + 1
			continue
		case c == '\\':
			if i+1 == len(line) {
				return true
			}
			i += 2
			command, operator = false, false
			continue
		case y.quote != 0:
			if c == y.quote {
				y.quote = 0
			}
			i++
			continue
		case c == '\'' || c == '"' || c == '`':
			y.quote = c
			i++
			command, operator = false, false
			continue
		case c == ' ' || c == '\t':
			i++
			continue
		case c == '#' && (i == 0 || strings.IndexByte(" \t;&|()", line[i-1]) >= 0):
			return operator || y.pending()
		case c == '<' && strings.HasPrefix(line[i:], "<<<"):
			i += 3
			continue
		case c == '<' && strings.HasPrefix(line[i:], "<<"):
			i = y.doc(line, i+2)
			continue
		case c == ';':
			command, operator = true, false
			i++
			continue
		case c == '&' || c == '|':
			operator = c == '|' || strings.HasPrefix(line[i:], "&&")
			command = true
			for i < len(line) && (line[i] == '&' || line[i] == '|') {
				i++
			}
			continue
		case c == '(':
			y.parens++
			command, operator = true, false
			i++
			continue
		case c == ')':
			y.parens = max(0, y.parens-1)
			command, operator = true, false
			i++
			continue
		}
		end := i + 1
		for end < len(line) && strings.IndexByte(" \t;&|()<>'\"`\\", line[end]) < 0 {
			end++
		}
		word := line[i:end]
		i = end
		if command {
			command = y.keyword(word)
		}
		operator = false
	}
	return operator || y.pending()
}

func (y *syntax) pending() bool {
	return y.quote != 0 || len(y.docs) > 0 || y.blocks > 0 || y.parens > 0
}

// keyword takes a word where a command may start, and reports whether another
// one may start after it.
func (y *syntax) keyword(word string) bool {
	switch word {
	case "if", "while", "until", "{":
		y.blocks++
		return true
	case "for", "case", "select":
		y.blocks++
		return false
	case "fi", "done", "esac", "}":
		y.blocks = max(0, y.blocks-1)
		return true
	case "then", "else", "elif", "do", "!", "time":
		return true
	}
	return false
}

// doc takes the word after << at i and gives where it ends.
func (y *syntax) doc(line string, i int) int {
	for i < len(line) && (line[i] == '-' || line[i] == ' ' || line[i] == '\t') {
		i++
	}
	var end []byte
	for i < len(line) && strings.IndexByte(" \t;&|()<>", line[i]) < 0 {
		if strings.IndexByte("'\"\\", line[i]) < 0 {
			end = append(end, line[i])
		}
		i++
	}
	if len(end) > 0 && len(y.docs) < maxDocs {
		y.docs = append(y.docs, string(end))
	}
	return i
}
