package textscan

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// Match is where a pattern was found in a text.
type Match struct {
	Pattern  int // index in Names
	From, To int // bytes of the text
}

// MaxMatches is the most matches of one pattern in one string, and MaxFixed
// the most bytes of all fixed patterns together.
const (
	MaxMatches = 256
	MaxFixed   = 64 << 20
)

// Patterns are what strings are searched for. They may be used concurrently.
type Patterns struct {
	Names  []string // fixed strings, then regular expressions, as they were given
	fixed  [][]byte // in lower case if fold
	exprs  []*regexp.Regexp
	needs  [][]byte // by expression: what each match holds; nil if that is not known
	fold   bool     // case of ASCII does not count
	many   *prefixes
	direct [4][][]byte // by encoding: one of these is in what holds a match; nil if that is not known
}

// maxDirect is the most patterns that are searched for one by one.
const maxDirect = 8

// Compile prepares patterns: fixed strings, and regular expressions in RE2's
// syntax. With fold, the case of letters does not count: of ASCII's in fixed strings, of all in
// regular expressions.
func Compile(fixed, exprs []string, fold bool) (*Patterns, error) {
	p := &Patterns{fold: fold}
	total := 0
	for _, s := range fixed {
		if s == "" {
			return nil, errors.New("an empty string is everywhere")
		}
		if total += len(s); total > MaxFixed {
			return nil, fmt.Errorf("the strings have more than %d bytes together", MaxFixed)
		}
		b := []byte(s)
		if fold {
			lower(b)
		}
		p.Names, p.fixed = append(p.Names, s), append(p.fixed, b)
	}
	for _, s := range exprs {
		flags := syntax.Perl
		source := s
		if fold {
			flags |= syntax.FoldCase
			source = "(?i:" + s + ")"
		}
		tree, err := syntax.Parse(s, flags)
		if err != nil {
			return nil, err
		}
		re, err := regexp.Compile(source)
		if err != nil {
			return nil, err
		}
		if re.Match(nil) {
			return nil, fmt.Errorf("the expression %q matches nothing at all, and so everywhere", s)
		}
		p.Names, p.exprs = append(p.Names, s), append(p.exprs, re)
		p.needs = append(p.needs, needed(tree.Simplify()))
	}
	if len(p.fixed) > maxDirect || fold && len(p.fixed) > 0 {
		p.many = newPrefixes(p.fixed)
	}
	p.direct = p.directs()
	return p, nil
}

func lower(b []byte) {
	for i, c := range b {
		b[i] = lowerOf[c]
	}
}

var lowerOf = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] += 'a' - 'A'
	}
	return t
}()

// needed gives the longest literal that each match of an expression holds; nil
// if there is none.
func needed(re *syntax.Regexp) []byte {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []byte(string(re.Rune))
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []byte
		for _, s := range re.Sub {
			if n := needed(s); len(n) > len(best) {
				best = n
			}
		}
		return best
	}
	return nil
}

// directs gives what a quick search can look for, in each encoding.
func (p *Patterns) directs() (out [4][][]byte) {
	if p.fold || len(p.Names) > maxDirect {
		return out
	}
	for _, n := range p.needs {
		if len(n) == 0 {
			return out
		}
	}
	for _, n := range slices.Concat(p.fixed, p.needs) {
		out[ASCII], out[UTF8] = append(out[ASCII], n), append(out[UTF8], n)
		le, be := make([]byte, 0, 2*len(n)), make([]byte, 0, 2*len(n))
		for _, c := range n {
			le, be = append(le, c, 0), append(be, 0, c)
		}
		out[UTF16LE], out[UTF16BE] = append(out[UTF16LE], le), append(out[UTF16BE], be)
	}
	return out
}

// Shortest is the bytes of the shortest text that can match; 1 if that is not
// known.
func (p *Patterns) Shortest() int {
	n := 0
	for _, f := range slices.Concat(p.fixed, p.needs) {
		if n == 0 || len(f) < n {
			n = len(f)
		}
	}
	return max(n, 1)
}

// Beyond names the fixed strings that no text in an encoding can hold.
func (p *Patterns) Beyond(e Encoding) []string {
	var out []string
	for i, f := range p.fixed {
		if len(e.Append(nil, e.encode(f), 1)) != 1 || e.Break(e.encode(f), 0) >= 0 {
			out = append(out, p.Names[i])
		}
	}
	return out
}

// encode writes text in an encoding, a unit for each byte.
func (e Encoding) encode(b []byte) []byte {
	if e < UTF16LE {
		return b
	}
	out := make([]byte, 2*len(b))
	for i, c := range b {
		out[2*i+int(e-UTF16LE)] = c
	}
	return out
}

// Maybe reports whether the strings of an encoding in b can hold a match. It is
// quick, and true where it cannot tell.
func (p *Patterns) Maybe(e Encoding, b []byte) bool {
	if p.direct[e] == nil {
		return true
	}
	for _, n := range p.direct[e] {
		if bytes.Contains(b, n) {
			return true
		}
	}
	return false
}

// Scratch is the space that [Patterns.Append] works in, one for each goroutine.
type Scratch struct{ folded []byte }

// Append appends the matches in a text, sorted by their place: those of one
// pattern do not overlap each other. There are [MaxMatches] of each at the most.
func (p *Patterns) Append(dst []Match, text []byte, s *Scratch) []Match {
	from := len(dst)
	folded := text
	if p.fold && len(p.fixed) > 0 {
		s.folded = append(s.folded[:0], text...)
		lower(s.folded)
		folded = s.folded
	}
	if p.many != nil {
		dst = p.many.append(dst, folded)
	} else {
		for i, f := range p.fixed {
			for at, n := 0, 0; n < MaxMatches; n++ {
				k := bytes.Index(folded[at:], f)
				if k < 0 {
					break
				}
				dst = append(dst, Match{i, at + k, at + k + len(f)})
				at += k + len(f)
			}
		}
	}
	for i, re := range p.exprs {
		if n := p.needs[i]; len(n) > 0 && !bytes.Contains(text, n) {
			continue
		}
		for _, m := range re.FindAllIndex(text, MaxMatches) {
			if m[1] > m[0] {
				dst = append(dst, Match{len(p.fixed) + i, m[0], m[1]})
			}
		}
	}
	if len(dst)-from > 1 {
		slices.SortFunc(dst[from:], func(a, b Match) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Pattern, b.Pattern))
		})
	}
	return dst
}

// prefixes finds many fixed strings at once: a bitmap over the hashes of their
// first bytes says where to look closer. Thousands may begin alike, as addresses
// of the web do, so what stands there is then looked up as a whole, once for each length.
type prefixes struct {
	n       int // bytes of a prefix
	bitmap  [1 << 12]uint64
	lengths map[uint32][]int // by prefix, each once
	whole   map[string]int   // patterns; of those that are the same, the first
}

const (
	maxPrefix = 4
	maxFound  = 16 * MaxMatches // in one text
)

func newPrefixes(fixed [][]byte) *prefixes {
	x := &prefixes{n: maxPrefix, lengths: map[uint32][]int{}, whole: map[string]int{}}
	for _, f := range fixed {
		x.n = min(x.n, len(f))
	}
	for i, f := range fixed {
		if _, ok := x.whole[string(f)]; ok {
			continue
		}
		x.whole[string(f)] = i
		k := x.key(f)
		h := hash(k)
		x.bitmap[h/64] |= 1 << (h % 64)
		if !slices.Contains(x.lengths[k], len(f)) {
			x.lengths[k] = append(x.lengths[k], len(f))
		}
	}
	return x
}

func (x *prefixes) key(b []byte) (k uint32) {
	for i := range x.n {
		k = k<<8 | uint32(b[i])
	}
	return k
}

// hash gives 18 bits.
func hash(k uint32) uint32 { return k * 0x9e3779b1 >> 14 }

func (x *prefixes) append(dst []Match, b []byte) []Match {
	if len(b) < x.n {
		return dst
	}
	from := len(dst)
	mask := uint32(1)<<(8*x.n) - 1 // all bits for four bytes
	k := x.key(b) >> 8
	for i := x.n - 1; i < len(b); i++ {
		k = (k<<8 | uint32(b[i])) & mask
		if h := hash(k); x.bitmap[h/64]>>(h%64)&1 == 0 {
			continue
		}
		at := i - x.n + 1
		for _, n := range x.lengths[k] {
			if n > len(b)-at {
				continue
			}
			p, ok := x.whole[string(b[at:at+n])]
			if !ok || taken(dst[from:], p, at) {
				continue
			}
			if dst = append(dst, Match{p, at, at + n}); len(dst)-from >= maxFound {
				return dst
			}
		}
	}
	return dst
}

// taken reports whether a pattern may not match at a place: it overlaps an
// earlier match of its own, or there were enough.
func taken(before []Match, p, at int) bool {
	n := 0
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].Pattern != p {
			continue
		}
		if n++; before[i].To > at || n >= MaxMatches {
			return true
		}
	}
	return false
}
