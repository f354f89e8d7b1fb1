package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// hostile are strings that would do something if they were printed as they are.
var hostile = []string{
	"", " ", "plain", "Grüße, 世界", "tab\tnewline\nreturn\r", "nul\x00bell\a", "esc\x1b[31mred\x1b[0m", "osc\x1b]0;title\a",
	"c1\u009b31m", "bad\xff\xfeutf8", "half\xe2\x82", "rtl\u202egpj.exe", "isolate\u2066x\u2069", "zero\u200bwidth", "bom\ufeff",
	"nbsp\u00a0x", "ideographic\u3000space", "filler\u3164", "braille\u2800", "tag\U000e0041", "variation\ufe0f", "private\ue000",
	"surrogate\xed\xa0\x80", "line\u2028para\u2029", "pipe|bar", `back\slash`, `fake\x41escape`, "percent%41%0a%", "100%", "%zz",
	`quote"s`, "a,b;c", "=1+1", "+1", "-1", "@x", "\t=1", "  =1", "＝1", "'quoted", "<script>alert(1)</script>", "&amp;", "-->", "😀",
	"\u007f", "\x85", "\u0301combining",
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"}, {"世界 é😀", "世界 é😀"},
		{"a\nb\tc\rd", `a\nb\tc\rd`}, {"\x1b[31m", `\x1b[31m`}, {"\u009b31m", `\u009b31m`}, {"\x7f", `\x7f`},
		{"\xff", `\xff`}, {"\xe2\x82", `\xe2\x82`}, {"\xed\xa0\x80", `\xed\xa0\x80`},
		{"x\u202ey", `x\u202ey`}, {"\U000e0041", `\U000e0041`}, {"\u00a0", `\u00a0`}, {"\ufe0f", `\ufe0f`}, {"\u2800", `\u2800`},
		{`a\b`, `a\b`}, {"\ufffd", "\ufffd"},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// checkShown fails unless s shows all of itself on a screen.
func checkShown(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Variation_Selector) {
			t.Fatalf("%U got through: %q", r, s)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		checkShown(t, got)
		if again := Text(got); again != got {
			t.Fatalf("escaping twice changes %q to %q", got, again)
		}
	})
}

// unescapeBody undoes AppendBodyName by its one rule.
func unescapeBody(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			out = append(out, hexValue(s[i+2])<<4|hexValue(s[i+3]))
			i += 3
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func FuzzBodyName(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(AppendBodyName(nil, s))
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r == '|' || unicode.IsControl(r) }) {
			t.Fatalf("%q would break its row: %q", s, got)
		}
		if back := unescapeBody(got); back != s {
			t.Fatalf("%q became %q, which reads back as %q", s, got, back)
		}
		for i := 0; i+2 < len(got); i++ {
			if got[i] == '%' && isHex(got[i+1]) && isHex(got[i+2]) {
				t.Fatalf("mactime would decode %q", got)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := AppendCSV([]byte("x,"), s)
		line = append(line, ",y\n"...)
		rows, err := csv.NewReader(bytes.NewReader(line)).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 || rows[0][0] != "x" || rows[0][2] != "y" {
			t.Fatalf("%q gave %q: %v, %v", s, line, rows, err)
		}
		cell := rows[0][1]
		checkShown(t, cell)
		if strings.TrimPrefix(cell, "'") != Text(s) && cell != Text(s) {
			t.Fatalf("%q reads back as %q", s, cell)
		}
		if r, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " ")); strings.ContainsRune("=+-@＝＋－＠", r) && cell != "" && r != utf8.RuneError {
			t.Fatalf("%q is a formula: %q", s, cell)
		}
	})
}

func FuzzJSONString(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := AppendJSONString(nil, s)
		checkShown(t, string(got))
		var back, want string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q gave %s: %v", s, got, err)
		}
		std, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(std, &want); err != nil {
			t.Fatal(err)
		}
		if back != want {
			t.Fatalf("%q reads back as %q, with encoding/json %q", s, back, want)
		}
	})
}

func TestCSVFormula(t *testing.T) {
	for in, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": `'\t=1`, "\r=1": `'\r=1`, " =1": "' =1", "＝1": "'＝1",
		"a=1": "a=1", `=HYPERLINK("x","y")`: `"'=HYPERLINK(""x"",""y"")"`, `"`: `""""`, "a;b": `"a;b"`, "/etc": "/etc",
	} {
		if got := string(AppendCSV(nil, in)); got != want {
			t.Errorf("AppendCSV(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("é", 5000)
	got := Cut(long, 101)
	if !utf8.ValidString(got) || !strings.HasPrefix(long, got[:100]) || !strings.HasSuffix(got, "… (10,000 bytes in all)") {
		t.Errorf("Cut gave %q", got)
	}
	if Cut("short", 5) != "short" {
		t.Error("Cut changed a short string")
	}
	if got := Cut(strings.Repeat("\x80", 100), 10); !strings.HasPrefix(got, "\x80") || len(got) > 60 {
		t.Errorf("Cut of continuation bytes gave %q", got)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -999: "-999",
		-1 << 63: "-9,223,372,036,854,775,808"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 8 << 30: "8.0 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestAppendTime(t *testing.T) {
	const form = "2006-01-02T15:04:05.000000000Z"
	check := func(sec int64, nsec int32) {
		t.Helper()
		want := time.Unix(sec, int64(nsec)).UTC().Format(form)
		if got := string(AppendTime(nil, sec, nsec)); got != want {
			t.Errorf("AppendTime(%d, %d) = %s, want %s", sec, nsec, got, want)
		}
	}
	const first, last = -62167219200, 253402300799 // years 0 to 9999
	for _, sec := range []int64{first, last, 0, -1, 1, -2147483648, 2147483647, 2147483648, 15032385535, 951782399, 951782400, 951868800, 4107542399} {
		check(sec, 0)
		check(sec, 999999999)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		check(first+r.Int64N(last-first), r.Int32N(1e9))
	}
	for sec, want := range map[int64]string{
		last + 1: "+10000-01-01T00:00:00.000000000Z", first - 1: "-0001-12-31T23:59:59.000000000Z",
	} {
		if got := string(AppendTime(nil, sec, 0)); got != want {
			t.Errorf("AppendTime(%d) = %s, want %s", sec, got, want)
		}
	}
}

func TestAppendTimeIn(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zone database: ", err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		sec := r.Int64N(4102444800)
		for _, zone := range []*time.Location{nil, time.UTC, paris, time.FixedZone("", -(3*3600 + 30*60)), time.FixedZone("\x1b[31m", 5*3600+45*60)} {
			in := zone
			if in == nil {
				in = time.UTC
			}
			want := time.Unix(sec, 5).In(in).Format("2006-01-02 15:04:05.000000000-07:00")
			if got := string(AppendTimeIn(nil, sec, 5, zone, true)); got != want {
				t.Fatalf("AppendTimeIn(%d, %v) = %s, want %s", sec, zone, got, want)
			}
		}
	}
	if got := string(AppendTimeIn(nil, -3000000000, 0, paris, false)); got != "1874-12-07 18:49:21+00:09:21" {
		t.Errorf("local mean time: %s", got)
	}
}
