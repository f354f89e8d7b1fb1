package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"deadbox/fs/host"
	"deadbox/rules"
	"deadbox/timeline"
)

// plainWidth is the width of the text report: that of a mail.
const plainWidth = 78

// How much of each list the reports for people show. The data files have all.
const (
	maxEvidenceShown = 6
	maxPathsShown    = 10
	maxDamageShown   = 50
	maxChangesShown  = 25
	maxPath          = 4096 // bytes; Linux takes no longer path
)

// WriteText writes the report as plain text, to be read on paper or pasted in a
// mail: facts, findings with their evidence and how to check it, changes, damage.
func WriteText(w io.Writer, inv *Investigation) error {
	p := &plain{inv: inv, zone: inv.zone()}
	title := Text(strings.TrimSpace(inv.Tool.Name+" "+inv.Tool.Version)) + ": report"
	p.line(title)
	p.line(strings.Repeat("=", twwidth.Width(title)))
	p.line("")
	p.line(fill(headline(inv)+".", plainWidth, ""))
	p.line("")
	for _, f := range facts(inv) {
		p.line(hanging(fmt.Sprintf("%-10s ", f.Name), f.Value))
	}
	for _, n := range inv.Notes {
		p.line(hanging("Note       ", Text(Cut(n, 2000))))
	}
	p.findings()
	p.story()
	p.changes()
	p.tables()
	p.damage()
	p.end()
	_, err := w.Write(trimLines(p.Bytes()))
	return err
}

type plain struct {
	bytes.Buffer
	inv  *Investigation
	zone *time.Location
}

func (p *plain) line(s string) { p.WriteString(s + "\n") }

func (p *plain) section(title string) {
	p.line("")
	p.line("")
	p.line(title)
	p.line(strings.Repeat("-", len(title)))
}

// hanging writes text behind a label, its further lines under its first.
func hanging(label, s string) string {
	return label + strings.TrimLeft(fill(strings.Repeat(" ", len(label))+s, plainWidth, strings.Repeat(" ", len(label))), " ")
}

func (p *plain) findings() {
	all := p.inv.Sorted()
	if len(all) == 0 {
		return
	}
	p.section("Findings, the most severe first")
	for i, f := range all {
		p.line("")
		p.line(hanging(fmt.Sprintf("%d. ", i+1), "["+f.Severity.String()+"] "+Text(Cut(f.Title, 300))))
		const in = "   "
		if when := p.when(f); when != "" {
			p.line(hanging(in+"When       ", when))
		}
		if f.Summary != "" {
			p.line(hanging(in+"What       ", Text(Cut(f.Summary, 2000))))
		}
		if f.Account != "" {
			p.line(hanging(in+"Account    ", Text(Cut(f.Account, 200))))
		}
		if f.Address != "" {
			p.line(hanging(in+"Address    ", Text(Cut(f.Address, 200))))
		}
		if len(f.Techniques) > 0 {
			p.line(hanging(in+"ATT&CK     ", Text(Cut(strings.Join(f.Techniques, ", "), 300))))
		}
		p.line(in + "Id         " + Text(f.ID))
		p.evidence(f, in)
		shown, more := p.inv.otherPaths(f)
		for j, path := range shown {
			label := "Also       "
			if j > 0 {
				label = "           "
			}
			p.line(in + label + path) // unwrapped, to be copied
		}
		if more > 0 {
			p.line(in + "           and " + plural(more, "more path") + " in " + FindingsFile)
		}
	}
}

// when says the time of a finding and how it is known.
func (p *plain) when(f *rules.Finding) string {
	if f.Time.IsZero() {
		return Text(Cut(f.TimeNote, 300))
	}
	s := findingSpan(f, p.zone)
	if f.TimeNote != "" {
		s += " (" + Text(Cut(f.TimeNote, 200)) + ")"
	}
	return s
}

func (p *plain) evidence(f *rules.Finding, in string) {
	rows, more := p.inv.evidence(f)
	for j := range rows {
		r := &rows[j]
		label := "Evidence   "
		if j > 0 {
			label = "           "
		}
		p.line(in + label + p.evidenceText(r))
		if r.Label != "" {
			p.line(in + "             " + r.Label + ":")
		}
		for _, q := range r.Quote {
			p.line(in + "             > " + q)
		}
		if r.Decoded != "" {
			p.line(in + "             decoded: " + r.Decoded)
		}
		if r.Check != "" {
			p.line(in + "             $ " + r.Check)
		}
	}
	if more > 0 {
		p.line(in + "           and " + plural(more, "more record"))
	}
}

// evidenceText is a piece of evidence on one line.
func (p *plain) evidenceText(r *evidenceRow) string {
	parts := []string{r.Place}
	if r.Packed != "" {
		parts[0] += " (unpacked)"
	}
	if r.Inode != "" && r.Place != "inode "+r.Inode {
		parts = append(parts, "inode "+r.Inode)
	}
	if r.Volume != "" {
		parts = append(parts, "volume "+r.Volume)
	}
	if r.Image != "" {
		parts = append(parts, r.Image)
	}
	return strings.Join(nonEmpty(parts...), ", ")
}

func (p *plain) story() {
	story := p.inv.Story()
	if len(story) < 2 {
		return
	}
	p.section("The same in the order of time")
	p.line("")
	for _, f := range story {
		label := fmt.Sprintf("%-25s  %-8s  ", findingTime(f, p.zone), f.Severity)
		p.line(hanging(label, Text(Cut(f.Title, 300))+" ["+Text(f.ID)+"]"))
	}
	if s := p.inv.timelessText(); s != "" {
		p.line("")
		p.line(s)
	}
}

func (p *plain) changes() {
	if p.inv.Changes == nil {
		return
	}
	p.section("Changes from the baseline")
	groups := p.inv.Changes.Groups()
	if len(groups) == 0 {
		p.line("")
		p.line("None.")
	}
	if s := p.inv.Changes.explainedText(); s != "" {
		defer func() {
			p.line("")
			p.line(hanging("", s+"; "+ChangesFile+" has them too."))
		}()
	}
	for _, g := range groups {
		p.line("")
		p.line(g.Title + ": " + Count(g.Total))
		shown := g.Top[:min(len(g.Top), maxChangesShown)]
		for i := range shown {
			p.line("  " + changeText(&shown[i], p.zone))
		}
		if more := g.Total - int64(len(shown)); more > 0 {
			p.line("  and " + Count(more) + " more in " + ChangesFile)
		}
	}
}

// changeText is a change on one line: mode, owner, size, time, path, what
// differs.
func changeText(c *timeline.Change, zone *time.Location) string {
	f := changed(c)
	if f == nil {
		return ""
	}
	b := appendLetters(nil, f.Mode)
	b = fmt.Appendf(b, " %5d %5d %10d  ", f.UID, f.GID, f.Size)
	if f.Times.Changed.Known {
		b = AppendTimeIn(b, f.Times.Changed.Sec, 0, zone, false)
		b = append(b, "  "...)
	}
	b = append(b, Cut(string(appendPeopleName(nil, f)), 1000)...)
	if len(c.Differs) > 0 {
		b = append(b, "  ("+Text(Cut(strings.Join(c.Differs, ", "), 300))+")"...)
	}
	return string(b)
}

// tables writes each list as records, a paragraph a row: a page is too narrow for
// their columns.
func (p *plain) tables() {
	for i := range p.inv.Tables {
		t := &p.inv.Tables[i]
		p.section(t.Title)
		p.line("")
		for _, row := range t.Rows {
			var parts []string
			for j, cell := range row {
				if cell = strings.TrimSpace(Text(Cut(cell, 300))); cell != "" && j > 0 {
					cell = strings.ToLower(t.Head[j]) + " " + cell
				}
				parts = append(parts, cell)
			}
			p.line(hanging("- ", strings.Join(nonEmpty(parts...), "; ")))
		}
		for _, s := range []string{t.More, t.Note} {
			if s != "" {
				p.line("")
				p.line(fill(Text(s), plainWidth, ""))
			}
		}
	}
}

func (p *plain) damage() {
	inv := p.inv
	if inv.damageCount() == 0 && inv.baselineDamageCount() == 0 && inv.lost() == 0 && (inv.Host == nil || len(inv.Host.Absent) == 0) {
		return
	}
	p.section("What could not be read")
	p.line("")
	for i := range inv.Evidence {
		for _, r := range inv.Evidence[i].Lost {
			p.line(hanging("- ", fmt.Sprintf("%s: %s at byte %d are missing: %s", Text(Cut(inv.Evidence[i].Path, 200)), plural(r.Length, "byte"),
				r.Offset, Text(Cut(r.Reason, 300)))))
		}
	}
	if inv.Host != nil {
		for i := range inv.Host.Absent {
			p.line(hanging("- ", inv.absentText(&inv.Host.Absent[i])))
		}
	}
	list := func(all []Damage, total int64, whose string) {
		shown := all[:min(len(all), maxDamageShown)]
		for i := range shown {
			p.line(hanging("- ", whose+damagePlace(&shown[i])+": "+Text(Cut(shown[i].What, 500))))
		}
		if more := total - int64(len(shown)); more > 0 {
			p.line("- " + whose + "and " + plural(more, "more place") + moreDamage(all, len(shown)))
		}
	}
	list(inv.Damage, inv.damageCount(), "")
	list(inv.BaselineDamage, inv.baselineDamageCount(), "of the baseline, ")
}

// moreDamage says where the rest of the damage is listed.
func moreDamage(all []Damage, shown int) string {
	if len(all) > shown {
		return ", see " + ManifestFile
	}
	return ""
}

// absentText says what the server's fstab mounts at a place, and why it is not
// there.
func (inv *Investigation) absentText(a *host.Absent) string {
	return Text(Cut(a.Point, 200)) + ": the server's fstab mounts " + Text(Cut(a.Spec, 200)) + " (" + Text(Cut(a.Type, 40)) +
		") here, and it " + inv.absentWhy(a)
}

// absentWhy tells a file system that is there but not read from one that is
// not there.
func (inv *Investigation) absentWhy(a *host.Absent) string {
	tag, value, _ := strings.Cut(a.Spec, "=")
	value = strings.Trim(value, `"'`)
	for i := range inv.Layouts {
		for j := range inv.Layouts[i].Volumes {
			v := &inv.Layouts[i].Volumes[j]
			var is string
			switch strings.ToUpper(tag) {
			case "UUID":
				is = v.Found.UUID
			case "LABEL":
				is = v.Found.Label
			case "PARTUUID":
				is = v.UUID
			case "PARTLABEL":
				is = v.Label
			}
			if value != "" && strings.EqualFold(is, value) {
				return "lies on volume " + Text(Cut(v.Slot, 60)) + ", which is not read"
			}
		}
	}
	return "is not in the evidence"
}

// damagePlace says where damage lies.
func damagePlace(d *Damage) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	add(Text(Cut(d.Image, 200)))
	if d.Volume != "" {
		add("volume " + Text(Cut(d.Volume, 60)))
	}
	if d.Offset >= 0 {
		add(fmt.Sprintf("byte %d", d.Offset))
	}
	if d.Inode != 0 {
		add(fmt.Sprintf("inode %d", d.Inode))
	}
	add(Text(Cut(d.Path, 300)))
	if len(parts) == 0 {
		return "somewhere"
	}
	return strings.Join(parts, ", ")
}

// explain says how to read what xxd shows.
const explain = "Of what is an inode there, \"deadbox stat IMAGE PATH\" says each field, and \"deadbox cat IMAGE PATH\" gives the file."

// whereCommand stands in for the command line: the reports are the same
// whatever the folder's name and the number of processors.
const whereCommand = ManifestFile + " holds the command line, and the SHA-256 of each file beside this one."

func (p *plain) end() {
	inv := p.inv
	p.section("How to check this")
	p.line("")
	p.line(fill("Every finding rests on bytes of the image. The commands beside \"$\" show them; offsets count from the start of the image. "+explain+" "+
		"Times are in "+Text(Cut(inv.zoneName(), 120))+", with their distance from UTC.", plainWidth, ""))
	p.line("")
	p.line(fill(whereCommand, plainWidth, ""))
	p.line("")
	for i := range inv.Evidence {
		if e := &inv.Evidence[i]; e.SHA256 != "" {
			p.line("SHA-256 " + e.SHA256 + "  " + Text(Cut(e.Path, maxPath)))
		}
	}
	for i := range inv.Baseline {
		if e := &inv.Baseline[i]; e.SHA256 != "" {
			p.line("SHA-256 " + e.SHA256 + "  " + Text(Cut(e.Path, maxPath)) + " (baseline)")
		}
	}
	if len(inv.Outputs) > 0 {
		p.line("")
		for _, o := range inv.Outputs {
			p.line(fmt.Sprintf("%-15s %s (%s)", o.Name, o.Doc, Bytes(o.Size)))
		}
	}
}
