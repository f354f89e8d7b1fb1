package builtin

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDecode bounds the part of a request that is looked at.
const maxDecode = 8 << 10

// percentDecode decodes what hides a request's meaning, again and again until
// nothing changes, four times at the most: %XX, %uXXXX, the \xXX with which servers write odd bytes to
// their logs, overlong UTF-8 of "." and "/". A plus becomes a blank at the
// first pass if plus is set. layers says how often something was decoded.
func percentDecode(s string, plus bool) (out string, layers int) {
	if len(s) > maxDecode {
		s = s[:maxDecode]
	}
	for range 4 {
		d := decodeOnce(s, plus)
		plus = false
		if d == s {
			break
		}
		s = d
		layers++
	}
	return s, layers
}

func decodeOnce(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '\\') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			b = append(b, ' ')
		case c == '%' && i+5 < len(s) && (s[i+1] == 'u' || s[i+1] == 'U'):
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				b = utf8.AppendRune(b, rune(n))
				i += 5
			} else {
				b = append(b, c)
			}
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		case c == '\\' && i+3 < len(s) && (s[i+1] == 'x' || s[i+1] == 'X') && isHex(s[i+2]) && isHex(s[i+3]):
			b = append(b, unhex(s[i+2])<<4|unhex(s[i+3]))
			i += 3
		default:
			b = append(b, c)
		}
	}
	// Overlong forms that once were taken for "/", "." and "\".
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0xc0 && b[i] != 0xc1 {
			continue
		}
		v := (b[i]&3)<<6 | b[i+1]&0x3f
		if b[i+1]&0xc0 == 0x80 && (v == '.' || v == '/' || v == '\\') {
			b[i] = v
			b = append(b[:i+1], b[i+2:]...)
		}
	}
	return string(b)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// foldCharacters replaces runs of chr(99).chr(100), as PHP and databases
// write text without quotes, by the text.
func foldCharacters(s string) string {
	l := strings.ToLower(s)
	if !strings.Contains(l, "chr(") && !strings.Contains(l, "char(") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := characterCall(l[i:])
		if n == 0 || i > 0 && isWord(l[i-1]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteByte('\'')
		for n > 0 {
			b.WriteByte(c)
			i += n
			j := i
			for j < len(s) && (s[j] == ' ' || s[j] == '.' || s[j] == '|' || s[j] == '+' || s[j] == '&') {
				j++
			}
			if j == i {
				break
			}
			if c, n = characterCall(l[j:]); n > 0 {
				i = j
			}
		}
		b.WriteByte('\'')
	}
	return b.String()
}

// characterCall reads chr(N) or char(N) of one character at the beginning of
// s, which is in lower case, and gives its length; 0 if there is none.
func characterCall(s string) (c byte, n int) {
	name := "chr("
	if strings.HasPrefix(s, "char(") {
		name = "char("
	} else if !strings.HasPrefix(s, name) {
		return 0, 0
	}
	end := strings.IndexByte(s[:min(len(s), 24)], ')')
	if end < 0 {
		return 0, 0
	}
	v, err := strconv.ParseUint(strings.TrimSpace(s[len(name):end]), 0, 8)
	if err != nil {
		return 0, 0
	}
	return byte(v), end + 1
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// resolveLookups reduces the nested lookups with which an injection of log4j
// is hidden: ${lower:j} and ${::-j} are "j". s is in lower case.
func resolveLookups(s string) string {
	from := 0 // no lookup ends before it
	for range 64 {
		end := strings.IndexByte(s[from:], '}')
		if end < 0 {
			return s
		}
		end += from
		start := strings.LastIndex(s[:end], "${")
		if start < 0 {
			// Stray braces: what they close is no lookup.
			next := strings.Index(s[end:], "${")
			if next < 0 {
				return s
			}
			from = end + next
			continue
		}
		in := s[start+2 : end]
		var out string
		switch {
		case strings.HasPrefix(in, "lower:") || strings.HasPrefix(in, "upper:"):
			out = in[6:]
		case strings.Contains(in, ":-"):
			out = in[strings.Index(in, ":-")+2:]
		default:
			return s
		}
		s = s[:start] + out + s[end+1:]
		from = min(from, start)
	}
	return s
}

// param is one parameter of a query, or the path under no name.
type param struct {
	name, value string
}

// splitURL gives the decoded path and parameters of a request's target. The
// parts are cut apart before they are decoded, as a server does.
func splitURL(url string, params []param) (path string, layers int, out []param) {
	if i := strings.Index(url, "://"); i > 0 && i < 8 && url[0] != '/' {
		rest := url[i+3:]
		if j := strings.IndexByte(rest, '/'); j >= 0 {
			url = rest[j:]
		} else {
			url = "/"
		}
	}
	raw, query, _ := strings.Cut(url, "?")
	path, layers = percentDecode(raw, false)
	out = params[:0]
	for query != "" && len(out) < 256 {
		var p string
		p, query, _ = strings.Cut(query, "&")
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		n, _ := percentDecode(name, true)
		v, l := percentDecode(value, true)
		layers = max(layers, l)
		out = append(out, param{n, v})
	}
	return path, layers, out
}
