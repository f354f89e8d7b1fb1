package report

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"deadbox/timeline"
)

// unpackers are the programs that unpack what [timeline.Evidence] calls Packed.
var unpackers = map[string]string{"gzip": "gzip", "xz": "xz", "bzip2": "bzip2", "zstd": "zstd", "lz4": "lz4"}

// maxExcerpt is how many bytes of a piece of evidence a report quotes.
const maxExcerpt = 600

// excerpt is what a piece of evidence says, cut, its bytes as they are; "" if it is
// not known.
func (inv *Investigation) excerpt(e *timeline.Evidence) string {
	if inv.Excerpt == nil {
		return ""
	}
	return Cut(strings.TrimRight(inv.Excerpt(*e), "\r\n"), maxExcerpt)
}

// checkCommand is a shell command that shows the bytes of a piece of evidence,
// with tools that every Linux has; of a packed file the lines given, e's own if
// none is. "" if they have no single place.
func (inv *Investigation) checkCommand(e *timeline.Evidence, lines ...int) string {
	if e.Offset < 0 || e.Image == "" || len(e.Image) > maxPath {
		return ""
	}
	offset, file := e.Offset, quote(e.Image)
	whole := true // the bytes lie in one file
	for i := range inv.Evidence {
		ev := &inv.Evidence[i]
		if ev.Path != e.Image || len(ev.Segments) < 2 {
			continue
		}
		whole = false
		next := int64(-1)
		var parts []string
		for _, s := range ev.Segments {
			switch {
			case e.Offset >= s.Offset && e.Offset < s.Offset+s.Size:
				offset = e.Offset - s.Offset
			case next != s.Offset || e.Offset+e.Length <= s.Offset:
				continue
			}
			parts, next = append(parts, quote(s.Path)), s.Offset+s.Size
		}
		if next < e.Offset+e.Length {
			return "" // a part of it is missing
		}
		file, whole = strings.Join(parts, " "), len(parts) == 1
	}
	unpack := unpackers[e.Packed]
	switch {
	case unpack != "" && e.Line > 0:
		if len(lines) == 0 {
			lines = []int{e.Line}
		}
		return cutOut(whole, file, offset, e.Length) + " | " + unpack + " -dc | sed -n " + lineScript(lines)
	case unpack != "":
		return cutOut(whole, file, offset, e.Length) + " | " + unpack + " -dc"
	case !whole:
		return cutOut(whole, file, offset, e.Length) + " | xxd"
	}
	return fmt.Sprintf("xxd -s %d -l %d %s", offset, e.Length, file)
}

func cutOut(whole bool, file string, offset, n int64) string {
	if whole {
		return fmt.Sprintf("tail -c +%d %s | head -c %d", offset+1, file, n)
	}
	return fmt.Sprintf("cat %s | tail -c +%d | head -c %d", file, offset+1, n)
}

// decoded is what a request or a command says once its percent-encoding and
// its base64 are undone, "" if it has neither.
func decoded(s string) string {
	out := s
	for range 3 { // encoded twice is a way around filters; more is not seen
		next := unpercent(out)
		if next == out {
			break
		}
		out = next
	}
	out = unbase64(out)
	if out == s {
		return ""
	}
	return Cut(out, maxExcerpt)
}

// unpercent undoes percent-encoding where it is one, and leaves the rest.
func unpercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// unbase64 replaces words of base64 that hold printable text by that text.
func unbase64(s string) string {
	const least = 16 // shorter words are words
	var out strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && isBase64(s[j]) {
			j++
		}
		if j == i {
			out.WriteByte(s[i])
			i++
			continue
		}
		end := j
		for end < len(s) && s[end] == '=' && end < j+2 {
			end++
		}
		word := s[i:end]
		if plain, ok := textOf(word); ok && j-i >= least {
			out.WriteString("[base64: " + plain + "]")
		} else {
			out.WriteString(word)
		}
		i = end
	}
	return out.String()
}

func textOf(word string) (string, bool) {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(word, "="))
	if err != nil || len(plain) == 0 || !utf8.Valid(plain) {
		return "", false
	}
	for _, c := range plain {
		if c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return "", false
		}
	}
	return string(plain), true
}

func isBase64(c byte) bool {
	return c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '/'
}
