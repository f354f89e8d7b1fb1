package weblog

import (
	"strings"
	"unicode/utf8"
)

// maxRounds is how often percent-encoding is undone: attackers encode twice to
// pass a filter that decodes once.
const maxRounds = 3

// decode undoes what the log and the client did to a URL: the log's own
// escapes (\xNN, \" and the like), then percent-encoding, with '+' for a space in
// the query, until nothing changes or three times.
func (p *parser) decode(s string) string {
	slash := strings.IndexByte(s, '\\')
	percent := strings.IndexByte(s, '%')
	plus := strings.IndexByte(s, '+')
	if slash < 0 && percent < 0 && plus < 0 {
		return s
	}
	b := append(p.scratch[:0], s...)
	if slash >= 0 {
		b = unescape(b)
	}
	// Only the client's own '+' is a space; one that was encoded is a plus sign.
	if plus >= 0 {
		query := false
		for i, c := range b {
			if c == '?' {
				query = true
			} else if c == '+' && query {
				b[i] = ' '
			}
		}
	}
	for range maxRounds {
		n := len(b)
		if b = unpercent(b); len(b) == n {
			break
		}
	}
	p.scratch = b[:0]
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// hex reads n hexadecimal digits at the start of b; -1 if they are not there.
func hex(b []byte, n int) int {
	if len(b) < n {
		return -1
	}
	v := 0
	for _, c := range b[:n] {
		d := unhex(c)
		if d < 0 {
			return -1
		}
		v = v<<4 | d
	}
	return v
}

// unescape undoes the escapes of Apache (ap_escape_logitem) and nginx in place.
func unescape(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+1 < len(b) {
			switch b[i+1] {
			case 'x':
				if v := hex(b[i+2:], 2); v >= 0 {
					out = append(out, byte(v))
					i += 3
					continue
				}
			case '"', '\\':
				out = append(out, b[i+1])
				i++
				continue
			case 'n':
				out = append(out, '\n')
				i++
				continue
			case 'r':
				out = append(out, '\r')
				i++
				continue
			case 't':
				out = append(out, '\t')
				i++
				continue
			case 'v':
				out = append(out, '\v')
				i++
				continue
			case 'b':
				out = append(out, '\b')
				i++
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// unpercent undoes one layer of percent-encoding in place, IIS's %uNNNN included.
func unpercent(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			if v := hex(b[i+1:], 2); v >= 0 {
				out = append(out, byte(v))
				i += 2
				continue
			}
			if i+1 < len(b) && b[i+1]|0x20 == 'u' {
				if v := hex(b[i+2:], 4); v >= 0 {
					out = utf8.AppendRune(out, rune(v))
					i += 5
					continue
				}
			}
		}
		out = append(out, c)
	}
	return out
}
