package textscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// slow is what Append has to do, said as plainly as can be.
func slow(e Encoding, b []byte, atLeast int) []Span {
	var out []Span
	at := func(i int) int { // length of the character at i
		switch e {
		case ASCII, UTF8:
			if c := b[i]; c == '\t' || c >= 0x20 && c < 0x7f {
				return 1
			}
			if r, n := utf8.DecodeRune(b[i:]); e == UTF8 && n > 1 && printable(r) {
				return n
			}
		default:
			if i+1 < len(b) {
				hi, lo := b[i+1], b[i]
				if e == UTF16BE {
					hi, lo = lo, hi
				}
				if hi == 0 && (lo == '\t' || lo >= 0x20 && lo < 0x7f) {
					return 2
				}
			}
		}
		return 0
	}
	for i := 0; i < len(b); {
		from, n := i, 0
		for i < len(b) && at(i) > 0 {
			i += at(i)
			n++
		}
		if n >= atLeast {
			out = append(out, Span{int32(from), int32(i)})
		}
		if i == from || e >= UTF16LE {
			i++
		}
	}
	return out
}

// mixed makes bytes of all sorts: zeros, text, UTF-16 in both orders, UTF-8
// whole and cut, noise.
func mixed(rnd *rand.Rand, n int) []byte {
	var b []byte
	words := []string{"root", "a", "192.0.2.7", "\tx", "Größe", "пароль", "密码", "é", "\u202e", "\ufffd", "\x7f", "\xc3", "\xe2\x82", "\x80\x80\x80\x80\x80", "\n"}
	for len(b) < n {
		w := words[rnd.IntN(len(words))]
		switch rnd.IntN(8) {
		case 0:
			b = append(b, make([]byte, rnd.IntN(40))...)
		case 1:
			b = append(b, make([]byte, rnd.IntN(3))...)
		case 2, 3:
			for range rnd.IntN(4) {
				b = append(b, w...)
			}
		case 4:
			for _, c := range []byte(w) {
				b = append(b, c, 0)
			}
		case 5:
			for _, c := range []byte(w) {
				b = append(b, 0, c)
			}
		case 6:
			for range rnd.IntN(12) {
				b = append(b, byte(rnd.Uint32()))
			}
		case 7:
			b = append(b, strings.Repeat("long ", rnd.IntN(20))...)
		}
	}
	return b[:n]
}

func encodings() []Encoding { return []Encoding{ASCII, UTF8, UTF16LE, UTF16BE} }

func TestAppendIsTheSameAsThePlainWay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := mixed(rnd, rnd.IntN(600))
		for _, e := range encodings() {
			for _, n := range []int{1, 2, 3, 4, 5, 8, 20} {
				got, want := e.Append(nil, b, n), slow(e, b, n)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s, %d of %q:\ngot  %v\nwant %v", e, n, b, got, want)
				}
			}
		}
	}
	page := append(append([]byte("before"), make([]byte, 3*4096+5)...), "after\x00"...)
	for _, e := range []Encoding{ASCII, UTF8} {
		if got := e.Append(nil, page, 4); len(got) != 2 {
			t.Errorf("%s around zeros: %v", e, got)
		}
	}
}

// inParts scans b in parts of a size, as a reader that never sees more than two
// of them would.
func inParts(e Encoding, b []byte, size, atLeast int) []Span {
	var out []Span
	for from := 0; from < len(b); from += size {
		start, end := from, len(b)
		if from > 0 {
			start = e.Break(b, from)
		}
		if from+size < len(b) {
			if k := e.Break(b, from+size); k >= 0 {
				end = k
			}
		}
		if start < 0 || start >= end {
			continue
		}
		for _, s := range e.Append(nil, b[start:end], atLeast) {
			out = append(out, Span{s.From + int32(start), s.To + int32(start)})
		}
	}
	return out
}

func TestPartsMakeTheWhole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		b := mixed(rnd, rnd.IntN(500))
		size := 1 + rnd.IntN(40)
		for _, e := range encodings() {
			got, want := inParts(e, b, size, 4), e.Append(nil, b, 4)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s in parts of %d of %q:\ngot  %v\nwant %v", e, size, b, got, want)
			}
		}
	}
}

// TestAgainstTools compares with GNU strings and The Sleuth Kit's srch_strings
// byte for byte.
func TestAgainstTools(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	data := mixed(rnd, 300000)
	for range 100000 {
		data = append(data, byte(rnd.Uint32()))
	}
	if self, err := os.ReadFile("/proc/self/exe"); err == nil {
		data = append(data, self[:min(len(self), 1<<20)]...)
	}
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for tool, width := range map[string]int{"strings": 7, "srch_strings": 10} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("%s is not installed: not compared", tool)
			continue
		}
		for e, flag := range map[Encoding]string{ASCII: "s", UTF16LE: "l", UTF16BE: "b"} {
			if tool == "srch_strings" && e != ASCII {
				continue // it looks at every other byte only
			}
			for _, n := range []string{"4", "3", "9"} {
				cmd := exec.Command(tool, "-a", "-t", "d", "-n", n, "-e", flag, file)
				cmd.Env = append(os.Environ(), "LC_ALL=C")
				want, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				for _, s := range e.Append(nil, data, int(n[0]-'0')) {
					fmt.Fprintf(&got, "%*d %s\n", width, s.From, e.Text(nil, data[s.From:s.To]))
				}
				if !bytes.Equal(got.Bytes(), want) {
					g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
					for i := range min(len(g), len(w)) {
						if g[i] != w[i] {
							t.Fatalf("%s -e %s -n %s: line %d is %q, want %q", tool, flag, n, i, g[i], w[i])
						}
					}
					t.Fatalf("%s -e %s -n %s: %d lines, want %d", tool, flag, n, len(g), len(w))
				}
			}
		}
	}
}

func TestPatterns(t *testing.T) {
	names := func(p *Patterns, text string) (out []string) {
		for _, m := range p.Append(nil, []byte(text), &Scratch{}) {
			out = append(out, fmt.Sprintf("%s@%d=%s", p.Names[m.Pattern], m.From, text[m.From:m.To]))
		}
		return out
	}
	many := []string{"198.51.100.1", "198.51.100.12", "evil.example.org", "ab", "/dev/tcp/", "http://a.example.org/", "http://b.example.org/x", "http://b.example.org/y", "nc -e", "ab"}
	for _, c := range []struct {
		fixed, exprs []string
		fold         bool
		text, want   string
	}{
		{[]string{"nc -e"}, nil, false, "run nc -e sh; nc -e", "[nc -e@4=nc -e nc -e@14=nc -e]"},
		{[]string{"aa"}, nil, false, "aaaaa", "[aa@0=aa aa@2=aa]"},
		{[]string{"NC"}, nil, false, "nc", "[]"},
		{[]string{"NC", "Evil"}, nil, true, "EVIL nc", "[Evil@0=EVIL NC@5=nc]"},
		{nil, []string{`\d+\.\d+`}, false, "v 1.2 and 33.4", `[\d+\.\d+@2=1.2 \d+\.\d+@10=33.4]`},
		{nil, []string{`pass(word)?=\S+`}, true, "PASSWORD=x", `[pass(word)?=\S+@0=PASSWORD=x]`},
		{many, nil, false, "to 198.51.100.12 http://b.example.org/y ab", "[198.51.100.1@3=198.51.100.1 198.51.100.12@3=198.51.100.12 http://b.example.org/y@17=http://b.example.org/y ab@40=ab]"},
		{append(many, "я"), nil, false, "zя", "[я@1=я]"},
	} {
		p, err := Compile(c.fixed, c.exprs, c.fold)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(names(p, c.text)); got != c.want {
			t.Errorf("%v %v in %q: got %s, want %s", c.fixed, c.exprs, c.text, got, c.want)
		}
		for _, e := range []Encoding{ASCII, UTF8} {
			if c.want != "[]" && !p.Maybe(e, []byte(c.text)) {
				t.Errorf("%v %v: Maybe says %q holds nothing", c.fixed, c.exprs, c.text)
			}
		}
		for _, e := range []Encoding{UTF16LE, UTF16BE} {
			if c.want != "[]" && len(p.Beyond(e)) == 0 && !p.Maybe(e, e.encode([]byte(c.text))) {
				t.Errorf("%v %v: Maybe says %q in %s holds nothing", c.fixed, c.exprs, c.text, e)
			}
		}
	}
	for _, bad := range [][2][]string{{{""}, nil}, {nil, {"a*"}}, {nil, {"("}}, {nil, {"|x"}}} {
		if _, err := Compile(bad[0], bad[1], false); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	p, _ := Compile([]string{"plain", "naïve", "a\nb"}, nil, false)
	for e, want := range map[Encoding]string{ASCII: "[naïve a\nb]", UTF8: "[a\nb]", UTF16LE: "[naïve a\nb]", UTF16BE: "[naïve a\nb]"} {
		if got := fmt.Sprint(p.Beyond(e)); got != want {
			t.Errorf("beyond %s: %q, want %q", e, got, want)
		}
	}
	if p, _ := Compile([]string{"nothing"}, nil, false); p.Maybe(UTF8, []byte("no thing")) {
		t.Error("Maybe does not look")
	}
}

func TestNeeded(t *testing.T) {
	for expr, want := range map[string]string{
		`/dev/tcp/\d+`: "/dev/tcp/", `a|b`: "", `(foo)+bar`: "foo", `x*long`: "long", `(?i)abc`: "", `(ab){2,3}c`: "ab", `a?b`: "b",
	} {
		p, err := Compile(nil, []string{expr}, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(p.needs[0]); got != want {
			t.Errorf("%s needs %q, want %q", expr, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(mixed(rnd, 100), uint8(4), uint8(10))
	}
	f.Fuzz(func(t *testing.T, b []byte, atLeast, size uint8) {
		for _, e := range encodings() {
			n := max(int(atLeast)%16, 1)
			got := fmt.Sprint(e.Append(nil, b, n))
			if want := fmt.Sprint(slow(e, b, n)); got != want {
				t.Fatalf("%s: got %s, want %s", e, got, want)
			}
			if parts := fmt.Sprint(inParts(e, b, 1+int(size), n)); parts != got {
				t.Fatalf("%s in parts: got %s, want %s", e, parts, got)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	rnd := rand.New(rand.NewPCG(9, 10))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil || len(exe) < 1<<20 {
		b.Skip("the program cannot be read")
	}
	text := bytes.Repeat([]byte("Nov 14 22:13:20 web01 sshd[1]: Server listening on 192.0.2.1 port 22.\n"), 15000)[:1<<20]
	for _, c := range []struct {
		name string
		data []byte
	}{{"noise", noise}, {"zeros", make([]byte, 1<<20)}, {"program", exe[:1<<20]}, {"text", text}} {
		for _, e := range encodings() {
			b.Run(c.name+"/"+e.String(), func(b *testing.B) {
				var spans []Span
				b.SetBytes(1 << 20)
				for b.Loop() {
					spans = e.Append(spans[:0], c.data, 4)
				}
			})
		}
	}
}
