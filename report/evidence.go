package report

import (
	"fmt"
	"slices"
	"strings"

	"deadbox/rules"
	"deadbox/timeline"
)

// maxQuoteLines is how many lines a quote is broken into; what follows stays on
// the last.
const maxQuoteLines = 8

// evidenceRow is a piece of evidence as the reports for people show it.
type evidenceRow struct {
	Place  string // path and line; only the line if the file is that of the row above
	Packed string
	// Inode, Volume and Image are empty where the row above says them already, Image
	// also where there is but one.
	Inode, Volume, Image string
	Offset, Length       string
	Quote                []string // lines
	Label                string   // what Quote is, if not what stands at Offset
	Decoded              string
	Check                string // a command; rows of one packed file share that of the last
}

// QuoteText is the quote as one text.
func (r evidenceRow) QuoteText() string { return strings.Join(r.Quote, "\n") }

// evidence lists the first pieces of evidence of a finding, in their order, and
// how many records more it rests on.
func (inv *Investigation) evidence(f *rules.Finding) (rows []evidenceRow, more int64) {
	shown := f.Evidence[:min(len(f.Evidence), maxEvidenceShown)]
	var packed []int // lines of the packed file that the rows so far are of
	for i := range shown {
		e := &shown[i]
		r := evidenceRow{Place: place(e), Packed: Text(Cut(e.Packed, 20))}
		same := i > 0 && e.Line > 0 && sameFile(e, &shown[i-1])
		if same {
			r.Place = fmt.Sprintf("line %d", e.Line)
		} else {
			packed = packed[:0]
			r.Volume = Text(Cut(e.Volume, 60))
			if e.Inode != 0 {
				r.Inode = fmt.Sprint(e.Inode)
			}
			if len(inv.Evidence) != 1 || inv.Evidence[0].Path != e.Image {
				r.Image = Text(Cut(e.Image, 300))
			}
		}
		if e.Offset >= 0 && !(same && e.Packed != "") {
			r.Offset, r.Length = fmt.Sprint(e.Offset), fmt.Sprint(e.Length)
		}
		switch q := inv.excerpt(e); {
		case q != "":
			for _, line := range strings.SplitN(q, "\n", maxQuoteLines) {
				r.Quote = append(r.Quote, Text(line))
			}
			r.Decoded = Text(decoded(q))
		case e.Line == 0 && e.Inode != 0 && f.Severity >= rules.Low && inv.FileText != nil:
			if text := inv.FileText(*e); text.New || f.Severity >= rules.Medium {
				if r.Quote = firstLines(text.Text); r.Quote != nil {
					r.Label = Text(Cut(text.Label, 100))
				}
			}
		}
		if e.Packed == "" {
			r.Check = inv.checkCommand(e)
		} else if packed = append(packed, e.Line); i+1 == len(shown) || !sameFile(e, &shown[i+1]) {
			r.Check = inv.checkCommand(e, packed...)
		}
		rows = append(rows, r)
	}
	return rows, int64(max(f.Count, len(f.Evidence)) - len(shown))
}

// otherPaths are the paths of a finding that the evidence shown does not name,
// those that there is room for, and how many more there are.
func (inv *Investigation) otherPaths(f *rules.Finding) (shown []string, more int64) {
	named := map[string]bool{}
	for _, e := range f.Evidence[:min(len(f.Evidence), maxEvidenceShown)] {
		named[e.Path] = true
	}
	known := 0
	for _, path := range f.Paths {
		switch {
		case named[path]:
			known++
		case len(shown) < maxPathsShown:
			shown = append(shown, Text(Cut(path, 1000)))
		}
	}
	return shown, int64(max(f.PathCount, len(f.Paths)) - known - len(shown))
}

// firstLines picks the first lines that are not blank.
func firstLines(s string) []string {
	const most, longest = 4, 200
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(line); line != "" && len(out) < most {
			out = append(out, Text(Cut(line, longest)))
		}
	}
	return out
}

// sameFile reports whether two pieces of evidence were read from one file.
func sameFile(a, b *timeline.Evidence) bool {
	return a.Image == b.Image && a.Volume == b.Volume && a.Inode == b.Inode && a.Path == b.Path && a.Packed == b.Packed
}

// lineScript is a script of sed that prints lines.
func lineScript(lines []int) string {
	lines = slices.Compact(slices.Sorted(slices.Values(lines)))
	var parts []string
	for _, n := range lines {
		parts = append(parts, fmt.Sprintf("%dp", n))
	}
	s := strings.Join(parts, ";")
	if len(parts) > 1 {
		return "'" + s + "'"
	}
	return s
}
