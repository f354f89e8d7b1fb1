package timeline

import (
	"cmp"
	"path"
	"strings"
	"time"
)

// Rotation is what the name of a log says about its place among the logs that
// were rotated from one: "access.log", "access.log.1", "access.log.2.gz",
// "access.log-20240131.xz", "access-2024-01-31.log".
type Rotation struct {
	Family string // path of the log that is being written: "/var/log/nginx/access.log"
	Number int    // of ".1", which counts from the newest; -1 if the name has none
	Date   string // 14 digits, "20240131000000"; "" if the name has none
}

// packings are the ends of names that compression adds.
var packings = [...]string{".gz", ".xz", ".bz2", ".zst", ".zstd", ".lz4", ".lzma", ".Z"}

// RotationOf reads the name of a log. logrotate(8) and its dateext, dateformat and
// extension; savelog(8); cronolog and rotatelogs; Tomcat's and logback's date
// before the extension.
func RotationOf(name string) Rotation {
	r := Rotation{Family: name, Number: -1}
	dir, base := path.Split(name)
	for _, ext := range packings {
		if rest, ok := strings.CutSuffix(base, ext); ok && rest != "" {
			base = rest
			break
		}
	}
	stem := r.strip(base)
	if stem == base {
		// The date or the number may stand before the extension.
		if i := strings.LastIndexByte(base, '.'); i > 0 && !digits(base[i+1:]) {
			if inner := r.strip(base[:i]); inner != base[:i] {
				stem = inner + base[i:]
			}
		}
	}
	r.Family = dir + stem
	return r
}

// strip takes numbers and dates off the end of a name.
func (r *Rotation) strip(s string) string {
	for range 2 {
		rest, ok := strings.CutSuffix(s, ".old")
		switch {
		case ok && rest != "" && r.Number < 0:
			r.Number, s = 1, rest
			continue
		case r.Date == "":
			if rest, date := cutDate(s); date != "" {
				r.Date, s = date, rest
				continue
			}
		}
		i := strings.LastIndexByte(s, '.')
		if n := s[i+1:]; i > 0 && r.Number < 0 && len(n) <= 4 && digits(n) && (n[0] != '0' || n == "0") {
			r.Number, s = 0, s[:i]
			for _, c := range n {
				r.Number = r.Number*10 + int(c-'0')
			}
			continue
		}
		break
	}
	return s
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// cutDate takes a date off the end of a name: "-20240131", "-2024-01-31",
// "-2024013115", "-20240131-153000", "-1706713200" (seconds since 1970), with "-",
// "." or "_" before it.
func cutDate(s string) (rest, date string) {
	for _, layout := range [...]string{"20060102", "2006-01-02", "2006010215", "20060102-15", "2006-01-02-15", "20060102-1504", "20060102-150405", "20060102150405", "2006_01_02"} {
		i := len(s) - len(layout)
		if i < 2 || !isSeparator(s[i-1]) {
			continue
		}
		if t, err := time.Parse(layout, s[i:]); err == nil && t.Year() >= 1980 && t.Year() < 2200 {
			return s[:i-1], t.Format("20060102150405")
		}
	}
	const epoch = 10
	if i := len(s) - epoch; i >= 2 && isSeparator(s[i-1]) && digits(s[i:]) && s[i] >= '1' {
		n := int64(0)
		for _, c := range s[i:] {
			n = n*10 + int64(c-'0')
		}
		return s[:i-1], time.Unix(n, 0).UTC().Format("20060102150405")
	}
	return s, ""
}

func isSeparator(c byte) bool { return c == '-' || c == '.' || c == '_' }

// Compare orders logs by their names: one family after the other, and in each the
// oldest first. Those with a date come before those with a number, and the log
// that is being written comes last.
func (r Rotation) Compare(o Rotation) int {
	if c := cmp.Compare(r.Family, o.Family); c != 0 {
		return c
	}
	if c := cmp.Compare(r.rank(), o.rank()); c != 0 {
		return c
	}
	if r.Date != "" {
		// Several of one day are numbered as they come.
		return cmp.Or(cmp.Compare(r.Date, o.Date), cmp.Compare(r.Number, o.Number))
	}
	return cmp.Compare(o.Number, r.Number)
}

func (r Rotation) rank() int {
	switch {
	case r.Date != "":
		return 0
	case r.Number >= 0:
		return 1
	}
	return 2
}

// Literal is a pattern that fits nothing but name: what [path.Match] takes for
// special has a backslash before it.
func Literal(name string) string {
	if !strings.ContainsAny(name, `*?[\`) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(`*?[\`, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// Rotated gives the patterns of a log, whose name is taken as it is, and of those that were rotated from
// it, for [Extractor.Named].
func Rotated(name string) []string {
	name = Literal(path.Clean(name))
	out := []string{name, name + ".[0-9]*", name + "-[0-9]*", name + ".old", name + "_[0-9]*"}
	for _, ext := range packings {
		out = append(out, name+ext)
	}
	if ext := path.Ext(name); len(ext) > 1 && len(ext) < 6 && !strings.ContainsAny(ext, `\/`) {
		stem := strings.TrimSuffix(name, ext)
		out = append(out, stem+"-[0-9]*"+ext+"*", stem+".[0-9]*"+ext+"*", stem+"_[0-9]*"+ext+"*")
	}
	return out
}
