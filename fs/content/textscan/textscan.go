// Package textscan finds strings in bytes, and patterns in strings.
//
// A string is a run of printable characters in one encoding. A long stretch of
// bytes can be scanned in parts, at the same time and without handing anything
// from one part to the next: [Encoding.Break] gives, from any byte on, the first
// place that no string goes over, so each part begins and ends at such a place.
package textscan

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Encoding is how the characters of a string are written.
type Encoding uint8

// ASCII are the bytes 0x20 to 0x7e and the tab. UTF8 has all characters beside
// them that Unicode calls graphic, and those that steer how others are shown.
// UTF16LE and UTF16BE are ASCII's characters in 16 bits, at even and odd places:
// what GNU strings finds by -e l and -e b.
const (
	ASCII Encoding = iota
	UTF8
	UTF16LE
	UTF16BE
)

var encodingNames = [...]string{ASCII: "ascii", UTF8: "utf-8", UTF16LE: "utf-16le", UTF16BE: "utf-16be"}

func (e Encoding) String() string { return encodingNames[e] }

// Unit is the bytes of one character of ASCII.
func (e Encoding) Unit() int {
	if e >= UTF16LE {
		return 2
	}
	return 1
}

// EncodingNames are the names of all encodings.
func EncodingNames() []string { return encodingNames[:] }

// ParseEncoding gives the encoding of a name.
func ParseEncoding(name string) (Encoding, error) {
	for e, s := range encodingNames {
		if s == name {
			return Encoding(e), nil
		}
	}
	return 0, fmt.Errorf("unknown encoding %q: want one of %s", name, strings.Join(encodingNames[:], ", "))
}

// Span is a string: bytes From <= i < To of what was scanned.
type Span struct{ From, To int32 }

// MaxPart is the most bytes that can be scanned at once.
const MaxPart = 1 << 30

// Classes of a byte: not part of any string, a character of ASCII, a part of a
// character of UTF-8.
const (
	bad = iota
	plain
	multi
)

var class = func() (t [256]uint8) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = plain
	}
	t['\t'] = plain
	for c := 0x80; c < 0xc0; c++ {
		t[c] = multi
	}
	for c := 0xc2; c < 0xf5; c++ { // c0, c1 and f5 on are in no valid sequence
		t[c] = multi
	}
	return t
}()

// printable reports whether a character beyond ASCII may stand in a string.
func printable(r rune) bool { return unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) }

// printables is printable for the characters of up to three bytes.
var printables = sync.OnceValue(func() *[1 << 10]uint64 {
	t := new([1 << 10]uint64)
	for r := rune(0x80); r < 1<<16; r++ {
		if printable(r) {
			t[r/64] |= 1 << (r % 64)
		}
	}
	return t
})

// char gives the length of the character of UTF-8 at the start of b; 0 if none
// that may stand in a string is there.
func char(b []byte) int {
	if c := class[b[0]]; c != multi {
		return int(c)
	}
	if len(b) < 2 || b[0] < 0xc2 || b[1]&0xc0 != 0x80 {
		return 0
	}
	r, n := utf8.DecodeRune(b)
	if n == 1 || r < 1<<16 && printables()[r/64]>>(r%64)&1 == 0 || r >= 1<<16 && !printable(r) {
		return 0
	}
	return n
}

// Break gives the first place at from or after it that no string goes over: a
// string ends there or before, or begins there or after. It depends on b[from:]
// alone. It is -1 if there is none, or b ends before that can be told.
func (e Encoding) Break(b []byte, from int) int {
	switch e {
	case ASCII:
		for i := from; i < len(b); i++ {
			if class[b[i]] != plain {
				return i
			}
		}
	case UTF8:
		i := from
		for ; i < len(b) && i-from < utf8.UTFMax && b[i]&0xc0 == 0x80; i++ {
			if i-from == utf8.UTFMax-1 {
				return i // no character has so many bytes behind its first
			}
		}
		for i < len(b) {
			if class[b[i]] == multi && !utf8.FullRune(b[i:]) {
				return -1
			}
			n := char(b[i:])
			if n == 0 {
				return i
			}
			i += n
		}
	default:
		for i := from; i+1 < len(b); i++ {
			if !pair(b[i], b[i+1]) {
				return i + 1
			}
		}
	}
	return -1
}

// Cut gives the first place at from or after it where a character begins, in
// bytes that no [Encoding.Break] parts.
func (e Encoding) Cut(b []byte, from int) int {
	for end := min(from+utf8.UTFMax, len(b)); from < end; from++ {
		switch {
		case e == ASCII, e == UTF8 && b[from]&0xc0 != 0x80, e == UTF16LE && b[from] != 0, e == UTF16BE && b[from] == 0:
			return from
		}
	}
	return from
}

// pair reports whether two neighbours can both be part of one string of UTF-16.
func pair(x, y byte) bool { return x == 0 && class[y] == plain || y == 0 && class[x] == plain }

// Append appends the strings in b of at least atLeast characters, in their
// order. What stands before and behind b does not count: b has to begin and end
// where no string goes on. b must not be longer than [MaxPart].
func (e Encoding) Append(dst []Span, b []byte, atLeast int) []Span {
	atLeast = max(atLeast, 1)
	switch e {
	case ASCII:
		return appendASCII(dst, b, atLeast)
	case UTF8:
		return appendUTF8(dst, b, atLeast)
	case UTF16LE:
		return appendUTF16(dst, b, atLeast, 0)
	}
	return appendUTF16(dst, b, atLeast, 1)
}

// zeroPage is what long runs of zeros are compared with.
var zeroPage [4096]byte

// skipZeros gives the first place at i or after it that is not in a run of
// zeros of which 8 at least follow each other.
func skipZeros(b []byte, i int) int {
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == 0 {
		i += 8
		for i+len(zeroPage) <= len(b) && string(b[i:i+len(zeroPage)]) == string(zeroPage[:]) {
			i += len(zeroPage)
		}
	}
	return i
}

// plainRun gives the end of the run of ASCII that reaches to i.
func plainRun(b []byte, i int) int {
	for i+8 <= len(b) && inStrings(binary.LittleEndian.Uint64(b[i:]), 0) == highs {
		i += 8
	}
	for i < len(b) && class[b[i]] == plain {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// inStrings sets the high bit of those of eight bytes that are characters of
// ASCII, or have the bits of more set.
func inStrings(x, more uint64) uint64 {
	low := x &^ highs
	// Below 0x80 nothing carries into the next byte.
	graphic := (low + 0x60*ones) &^ (low + ones) // at least 0x20, and not 0x7f
	tab := ^((low ^ '\t'*ones) + 0x7f*ones)      // only zero does not reach 0x80
	return (graphic|tab)&^x&highs | x&more
}

// eight gathers the high bits of eight bytes, the first byte's lowest.
func eight(x uint64) uint64 { return (x >> 7) * 0x0102040810204080 >> 56 }

// multis takes out of a mask, in which all bytes from 0x80 on are set, those
// that are in no character: bytes that go on where none began, and beginnings
// that do not go on. What stands at the borders stays.
func multis(w []byte, m uint64) uint64 {
	high, begin := uint64(0), uint64(0)
	for i := range 8 {
		x := binary.LittleEndian.Uint64(w[8*i:])
		high |= eight(x&highs) << (8 * i)
		begin |= eight(x&(x<<1)&highs) << (8 * i)
	}
	goes := high &^ begin
	return m&^high | begin&(goes>>1|1<<63) | goes&(high<<1|1)
}

// appendRuns appends the runs of at least n bytes that inStrings(x, more) finds.
// It takes 64 bytes at a time, as a mask, so that what holds no string costs no
// wrong guess of the processor.
func appendRuns(dst []Span, b []byte, n int, more uint64) []Span {
	open := 0 // bytes before i that belong to a run that may go on
	i := 0
	for ; i+64 <= len(b); i += 64 {
		w := b[i : i+64 : i+64]
		x0, x1, x2, x3 := binary.LittleEndian.Uint64(w), binary.LittleEndian.Uint64(w[8:]), binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
		x4, x5, x6, x7 := binary.LittleEndian.Uint64(w[32:]), binary.LittleEndian.Uint64(w[40:]), binary.LittleEndian.Uint64(w[48:]), binary.LittleEndian.Uint64(w[56:])
		m := uint64(0)
		if x0|x1|x2|x3|x4|x5|x6|x7 != 0 {
			m = eight(inStrings(x0, more)) | eight(inStrings(x1, more))<<8 | eight(inStrings(x2, more))<<16 | eight(inStrings(x3, more))<<24 |
				eight(inStrings(x4, more))<<32 | eight(inStrings(x5, more))<<40 | eight(inStrings(x6, more))<<48 | eight(inStrings(x7, more))<<56
			if (x0|x1|x2|x3|x4|x5|x6|x7)&more != 0 {
				m = multis(w, m)
			}
		}
		if m == ^uint64(0) {
			open += 64
			continue
		}
		if open > 0 {
			k := bits.TrailingZeros64(^m)
			if open+k >= n {
				dst = append(dst, Span{int32(i - open), int32(i + k)})
			}
			m &^= 1<<k - 1
		}
		open = bits.LeadingZeros64(^m)
		if m == 0 {
			if x7 == 0 {
				i = skipZeros(b, i+64) - 64
			}
			continue
		}
		rest := m << open >> open // without the run that may go on
		starts := rest            // where n of them follow each other
		for have := 1; have < n && starts != 0; {
			k := min(have, n-have)
			starts &= starts >> k
			have += k
		}
		for starts != 0 {
			s := bits.TrailingZeros64(starts)
			e := s + bits.TrailingZeros64(^(rest >> s))
			dst = append(dst, Span{int32(i + s), int32(i + e)})
			starts &^= 1<<e - 1
		}
	}
	for ; i < len(b); i++ {
		if c := class[b[i]]; c == plain || b[i] >= 0x80 && more != 0 {
			open++
			continue
		}
		if open >= n {
			dst = append(dst, Span{int32(i - open), int32(i)})
		}
		open = 0
	}
	if open >= n {
		dst = append(dst, Span{int32(i - open), int32(i)})
	}
	return dst
}

func appendASCII(dst []Span, b []byte, n int) []Span { return appendRuns(dst, b, n, 0) }

// appendUTF8 looks for characters in the runs of bytes that can be some.
func appendUTF8(dst []Span, b []byte, n int) []Span {
	from := len(dst)
	dst = appendRuns(dst, b, n, highs)
	runs := dst[from:]
	hard := 0
	for hard < len(runs) && plainRun(b[:runs[hard].To], int(runs[hard].From)) == int(runs[hard].To) {
		hard++
	}
	if hard == len(runs) {
		return dst
	}
	// The strings within a run can be more than one, so what is still to be looked
	// at moves out of the way.
	todo := slices.Clone(runs[hard:])
	dst = dst[:from+hard]
	table := printables()
	for _, r := range todo {
		for i := int(r.From); i < int(r.To); {
			start, count := i, 0
			for i < int(r.To) {
				if b[i] < 0x80 {
					end := plainRun(b[:r.To], i)
					count += end - i
					i = end
					continue
				}
				if i+1 < int(r.To) && b[i]-0xc2 < 0xe0-0xc2 { // of two bytes
					if k := (rune(b[i]&0x1f)<<6 | rune(b[i+1]&0x3f)) & 0x7ff; b[i+1]&0xc0 == 0x80 && table[k/64]>>(k%64)&1 != 0 {
						i += 2
						count++
						continue
					}
					break
				}
				k := char(b[i:r.To])
				if k == 0 {
					break
				}
				i += k
				count++
			}
			if count >= n {
				dst = append(dst, Span{int32(start), int32(i)})
			}
			for i++; i < int(r.To) && b[i]&0xc0 == 0x80; i++ { // in no string either
			}
		}
	}
	return dst
}

// appendUTF16 finds characters whose byte that is not zero is the first (at 0)
// or the second (at 1). No two of them overlap, because a byte would have to be zero
// and a character.
func appendUTF16(dst []Span, b []byte, n, at int) []Span {
	char := func(i int) bool { return class[b[i+at]] == plain && b[i+1-at] == 0 }
	for i := 0; i+2*n <= len(b); {
		last := i + 2*n - 2
		if x, y := b[last], b[last+1]; !pair(x, y) {
			i = last + 1
			if x|y == 0 {
				// The last zero may be the first half of a character.
				i = max(i, skipZeros(b, i)-1)
			}
			continue
		}
		start := i
		for i+2 <= len(b) && char(i) {
			i += 2
		}
		if i-start >= 2*n {
			dst = append(dst, Span{int32(start), int32(i)})
		}
		i++
	}
	return dst
}

// Text gives a string as bytes of UTF-8: b itself where it is that already,
// otherwise what it appends to dst[:0].
func (e Encoding) Text(dst, b []byte) []byte {
	if e < UTF16LE {
		return b
	}
	dst = dst[:0]
	for i := int(e - UTF16LE); i < len(b); i += 2 {
		dst = append(dst, b[i])
	}
	return dst
}
