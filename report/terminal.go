package report

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"

	"deadbox/rules"
	"deadbox/timeline"
)

// TerminalOptions says what the terminal is like.
type TerminalOptions struct {
	Width    int  // columns; 80 if it is 0
	Findings int  // how many findings to list at the most; 12 if it is 0
	Color    bool // colours may be used
}

// narrow is the least width that the layout is made for.
const narrow = 60

// WriteTerminal writes the answer on one screen: who, what, when, what could
// not be read, where the rest is.
func WriteTerminal(w io.Writer, inv *Investigation, opt TerminalOptions) error {
	if opt.Width == 0 {
		opt.Width = 80
	}
	opt.Width = max(opt.Width, narrow)
	if opt.Findings == 0 {
		opt.Findings = 12
	}
	t := &terminal{opt: opt}
	t.line(t.bold(fill(headline(inv), opt.Width, "")))
	t.line("")
	t.facts(inv)
	t.findings(inv)
	t.outputs(inv)
	_, err := w.Write(trimLines(t.Bytes()))
	return err
}

// trimLines takes away the blanks at the ends of lines, which tables are filled
// up with.
func trimLines(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for line := range bytes.Lines(b) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}

type terminal struct {
	bytes.Buffer
	opt TerminalOptions
}

func (t *terminal) line(s string) { t.WriteString(s + "\n") }

// SGR parameters of ECMA-48, the ones that any terminal knows.
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrRed    = "31"
	sgrYellow = "33"
	sgrCyan   = "36"
)

func (t *terminal) color(s, sgr string) string {
	if !t.opt.Color || sgr == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// bold makes each line bold, so that no attribute crosses a line.
func (t *terminal) bold(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = t.color(lines[i], sgrBold)
	}
	return strings.Join(lines, "\n")
}

func severitySGR(s rules.Severity) string {
	switch s {
	case rules.Critical:
		return sgrBold + ";" + sgrRed
	case rules.High:
		return sgrRed
	case rules.Medium:
		return sgrYellow
	case rules.Low:
		return sgrCyan
	}
	return sgrDim
}

// headline is the answer in one sentence.
func headline(inv *Investigation) string {
	who := "this server"
	if inv.Host != nil && inv.Host.Name != "" {
		who = Text(Cut(inv.Host.Name, 80))
	}
	if len(inv.Findings) == 0 {
		s := "No findings on " + who
		if inv.damageCount() > 0 || inv.lost() > 0 {
			return s + ", as far as the evidence could be read"
		}
		return s
	}
	return plural(int64(len(inv.Findings)), "finding") + " on " + who + ": " + severityList(inv)
}

// severityList is "2 critical, 1 high".
func severityList(inv *Investigation) string {
	counts := inv.Severities()
	var parts []string
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[i], rules.Severity(i)))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// shortList joins the first names of a list and says how many more there are.
func shortList(names []string, most int) string {
	out := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		out = append(out, Text(Cut(n, 60)))
	}
	s := strings.Join(out, ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// fact is a line of what is known.
type fact struct {
	Name, Value string
	Warn        bool
}

// facts is who, when, and what could not be read, for all reports.
func facts(inv *Investigation) []fact {
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{Name: name, Value: value})
		}
	}
	zone := inv.zone()
	if h := inv.Host; h != nil {
		var host []string
		for _, s := range []string{h.Name, h.OS} {
			if s != "" {
				host = append(host, Text(Cut(s, 100)))
			}
		}
		if n := len(h.Kernels); n > 0 {
			host = append(host, "kernel "+Text(Cut(h.Kernels[n-1], 60)))
		}
		add("Host", strings.Join(host, ", "))
	} else {
		add("Host", "not known: no root file system was found")
	}
	for i := range inv.Evidence {
		e := &inv.Evidence[i]
		s := Text(Cut(e.Path, 200)) + ", " + Bytes(e.Size)
		if e.SHA256 != "" {
			s += ", SHA-256 " + e.SHA256
		}
		add("Evidence", s)
		if i == 3 && len(inv.Evidence) > 5 {
			add("", fmt.Sprintf("and %d more", len(inv.Evidence)-i-1))
			break
		}
	}
	for i := range inv.Baseline[:min(len(inv.Baseline), 3)] {
		add("Baseline", Text(Cut(inv.Baseline[i].Path, 200)))
	}
	add("Accounts", shortList(inv.named(func(f *rules.Finding) string { return f.Account }), 8))
	add("Addresses", shortList(inv.named(func(f *rules.Finding) string { return f.Address }), 8))
	if w, some := inv.Window(); !w.First.IsZero() {
		s := span(w, zone)
		if some {
			s += ", of medium severity or more"
		}
		add("Findings", s)
	}
	if !inv.FirstActivity.IsZero() {
		add("Activity", span(Window{First: inv.FirstActivity, Last: inv.LastActivity}, zone))
	}
	add("Times in", Text(Cut(inv.zoneName(), 120)))
	if c := inv.Changes; c != nil {
		var parts []string
		for _, g := range c.Groups() {
			parts = append(parts, Count(g.Total)+" "+strings.ToLower(g.Title))
		}
		if len(parts) == 0 {
			parts = []string{"none"}
		}
		add("Changes", strings.Join(parts, "; "))
		add("", c.explainedText())
	}
	var damage []string
	if n := inv.damageCount(); n > 0 {
		damage = append(damage, plural(n, "place")+" could not be read whole")
	}
	if n := inv.lost(); n > 0 {
		damage = append(damage, Bytes(n)+" of the evidence is missing")
	}
	if n := inv.baselineDamageCount(); n > 0 {
		damage = append(damage, plural(n, "place")+" of the baseline could not be read, nor compared with")
	}
	if inv.Host != nil {
		for i, a := range inv.Host.Absent {
			if i == 3 {
				damage = append(damage, fmt.Sprintf("and %d more file systems", len(inv.Host.Absent)-i))
				break
			}
			damage = append(damage, Text(Cut(a.Point, 60))+" "+inv.absentWhy(&a))
		}
	}
	if len(damage) > 0 {
		out = append(out, fact{Name: "Damage", Value: strings.Join(damage, "; "), Warn: true})
	}
	return out
}

// span writes a window of time with its length, if it has any to the second.
func span(w Window, zone *time.Location) string {
	first, last := when(w.First, w.FirstDay, zone), when(w.Last, w.LastDay, zone)
	if w.Last.IsZero() || first == last {
		return first
	}
	s := first + " to " + last
	if !w.FirstDay && !w.LastDay {
		s += " (" + length(w.Last.Sub(w.First)) + ")"
	}
	return s
}

// length writes a duration with its two largest units: "5h43m".
func length(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	sec := int64(d / time.Second)
	units := []struct {
		n    int64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}}
	for i, u := range units {
		if sec < u.n && u.n > 1 {
			continue
		}
		s := Count(sec/u.n) + u.name
		if i+1 < len(units) {
			if rest := sec % u.n / units[i+1].n; rest > 0 {
				s += fmt.Sprintf("%d%s", rest, units[i+1].name)
			}
		}
		return s
	}
	return "0s"
}

func (t *terminal) facts(inv *Investigation) {
	all := facts(inv)
	room := t.opt.Width - 13
	var rows [][]string
	for _, f := range all {
		if f.Name == "Evidence" { // the sum is in the report; here the name does
			f.Value, _, _ = strings.Cut(f.Value, ", SHA-256")
		}
		lines := strings.Split(fill(f.Value, room, ""), "\n")
		if f.Warn {
			for i := range lines {
				lines[i] = t.color(lines[i], sgrYellow)
			}
		}
		rows = append(rows, []string{t.color(f.Name, sgrDim), strings.Join(lines, "\n")})
	}
	t.table(nil, rows, []int{11, room + 1})
	t.line("")
}

// where says in a few words where a finding points to.
func where(f *rules.Finding) string {
	if len(f.Evidence) > 0 {
		e := &f.Evidence[0]
		if e.Line > 0 && e.Path != "" {
			return place(e)
		}
	}
	if len(f.Paths) > 0 {
		s := Text(Cut(f.Paths[0], 300))
		if n := max(f.PathCount, len(f.Paths)); n > 1 {
			s += " and " + Count(int64(n-1)) + " more"
		}
		return s
	}
	if len(f.Evidence) > 0 {
		return place(&f.Evidence[0])
	}
	return ""
}

// place is a piece of evidence in a few words: path:line, or the inode.
func place(e *timeline.Evidence) string {
	switch {
	case e.Path != "" && e.Line > 0:
		return fmt.Sprintf("%s:%d", Text(Cut(e.Path, 300)), e.Line)
	case e.Path != "":
		return Text(Cut(e.Path, 300))
	case e.Inode != 0:
		return fmt.Sprintf("inode %d", e.Inode)
	case e.Offset >= 0:
		return fmt.Sprintf("byte %d", e.Offset)
	}
	return Text(Cut(e.Image, 100))
}

func (t *terminal) findings(inv *Investigation) {
	all := inv.Sorted()
	if len(all) == 0 {
		return
	}
	zone := inv.zone()
	const timeRoom, severityRoom = 19, 8
	// Each column has a blank on both sides.
	room := t.opt.Width - timeRoom - severityRoom - 4*2
	what := min(room*11/20, 60)
	spot := min(room-what, 100)
	// What several rules say of one thing is one row: that of the gravest.
	also := map[string]int{}
	var told []*rules.Finding
	for _, f := range all {
		if f.Subject != "" {
			if also[f.Subject]++; also[f.Subject] > 1 {
				continue
			}
		}
		told = append(told, f)
	}
	shown, listed := told[:min(len(told), t.opt.Findings)], 0
	var rows [][]string
	for _, f := range shown {
		at, title := findingTime(f, zone), Cut(f.Title, 300)
		if n := also[f.Subject]; n > 1 {
			title += fmt.Sprintf(" (+%d)", n-1)
		}
		listed += max(also[f.Subject], 1)
		rows = append(rows, []string{
			at[:min(len(at), timeRoom)], t.color(f.Severity.String(), severitySGR(f.Severity)),
			clip(Text(title), what, 3), clip(where(f), spot, 3),
		})
	}
	t.table([]string{"TIME", "SEVERITY", "WHAT", "WHERE"}, rows, []int{timeRoom + 2, severityRoom + 2, what + 2, spot + 2})
	if more := len(all) - listed; more > 0 {
		t.line(t.color(" and "+plural(int64(more), "more finding")+" in the report", sgrDim))
	}
	t.line("")
}

// outputs says where the files are.
func (t *terminal) outputs(inv *Investigation) {
	if inv.Dir == "" {
		return
	}
	var rest []string
	for _, o := range inv.Outputs {
		if o.Name != HTMLFile && o.Name != ManifestFile {
			rest = append(rest, o.Name)
		}
	}
	t.line("Report: " + t.color(Text(filepath.Join(inv.Dir, HTMLFile)), sgrBold))
	if len(rest) > 0 {
		slices.Sort(rest)
		t.line(fill("Beside it: "+strings.Join(rest, ", "), t.opt.Width, ""))
	}
}

// table writes rows whose cells are wrapped already. widths count the columns'
// blanks.
func (t *terminal) table(header []string, rows [][]string, widths []int) {
	lines := tw.LinesNone
	if header != nil {
		lines.ShowHeaderLine = tw.On
	}
	columns := tw.NewMapper[int, int]()
	for i, w := range widths {
		columns.Set(i, w)
	}
	table := tablewriter.NewTable(&t.Buffer,
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: lines},
		}),
		tablewriter.WithConfig(tablewriter.Config{
			Header: tw.CellConfig{
				Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
				Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
			},
			Row: tw.CellConfig{
				Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone},
				Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
			},
			Widths: tw.CellWidth{PerColumn: columns},
		}),
	)
	if header != nil {
		table.Header(header)
	}
	// Writing to a buffer does not fail, and every row has the header's length.
	for _, r := range rows {
		if err := table.Append(r); err != nil {
			t.line(strings.Join(r, "  "))
		}
	}
	if err := table.Render(); err != nil {
		t.line(err.Error())
	}
}

// fill breaks escaped text into lines of at most width columns, at blanks
// where it can, after slashes and the like where it must. Lines after the first
// begin with indent.
func fill(s string, width int, indent string) string {
	var out strings.Builder
	line, cols := "", 0
	flush := func() {
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString(strings.TrimRight(line, " "))
		line, cols = indent, twwidth.Width(indent)
	}
	started := false
	for _, word := range strings.SplitAfter(s, " ") {
		w := twwidth.Width(strings.TrimRight(word, " "))
		if cols+w > width && started && cols > twwidth.Width(indent) && w <= width {
			flush()
		}
		for w > 0 && cols+w > width {
			if width-cols < 4 && cols > twwidth.Width(indent) {
				flush()
				continue
			}
			head, tail := split(word, width-cols)
			line += head
			flush()
			word = tail
			w -= twwidth.Width(head)
		}
		line += word
		cols += twwidth.Width(word)
		started = true
	}
	flush()
	return out.String()
}

// split cuts a word so that its head takes at most width columns, after the
// last punctuation of the second half if there is one. The head has one rune at
// the least.
func split(word string, width int) (head, tail string) {
	cols, good := 0, 0
	for i, r := range word {
		w := twwidth.Width(string(r))
		if cols+w > width && i > 0 {
			if good > 0 {
				i = good
			}
			return word[:i], word[i:]
		}
		cols += w
		if strings.ContainsRune("/,;:=&?-_.", r) && cols > width/2 {
			good = i + len(string(r))
		}
	}
	return word, ""
}

// clip wraps a cell to at most most lines. What is too long loses its middle:
// the end of a path and its line number tell more than what lies between.
func clip(s string, width, most int) string {
	lines := strings.Split(fill(s, width, ""), "\n")
	if len(lines) <= most {
		return strings.Join(lines, "\n")
	}
	runes := []rune(s)
	tail, cols := len(runes), 1
	for tail > 0 && cols+twwidth.Width(string(runes[tail-1])) <= width {
		tail--
		cols += twwidth.Width(string(runes[tail]))
	}
	return strings.Join(lines[:most-1], "\n") + "\n…" + string(runes[tail:])
}
