package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"deadbox/rules"
	"deadbox/timeline"
)

// plainWidth is the width of the text report: that of a mail.
const plainWidth = 78

// How much of each list the reports for people show. The data files have all.
const (
	maxEvidenceShown = 10
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
			if d := decoded(f.Summary); d != "" {
				p.line(hanging(in+"Decoded    ", Text(d)))
			}
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
		shown := f.Paths[:min(len(f.Paths), maxPathsShown)]
		for j, path := range shown {
			label := "Path       "
			if j > 0 {
				label = "           "
			}
			p.line(in + label + Text(Cut(path, 1000))) // unwrapped, to be copied
		}
		if more := max(f.PathCount, len(f.Paths)) - len(shown); more > 0 {
			p.line(in + "           and " + plural(int64(more), "more path") + " in " + FindingsFile)
		}
		p.evidence(f, in)
	}
}

// when says the time of a finding and how it is known.
func (p *plain) when(f *rules.Finding) string {
	if f.Time.IsZero() {
		return Text(Cut(f.TimeNote, 300))
	}
	s := span(f.Time, f.Last, p.zone)
	if f.TimeNote != "" {
		s += " (" + Text(Cut(f.TimeNote, 200)) + ")"
	}
	return s
}

func (p *plain) evidence(f *rules.Finding, in string) {
	shown := f.Evidence[:min(len(f.Evidence), maxEvidenceShown)]
	for j := range shown {
		e := &shown[j]
		label := "Evidence   "
		if j > 0 {
			label = "           "
		}
		p.line(in + label + evidenceText(e))
		if quote := p.inv.excerpt(e); quote != "" {
			p.line(in + "             > " + Text(quote))
			if d := decoded(quote); d != "" {
				p.line(in + "             decoded: " + Text(d))
			}
		}
		if cmd := p.inv.checkCommand(e); cmd != "" {
			p.line(in + "             $ " + cmd)
		}
	}
	if more := max(f.Count, len(f.Evidence)) - len(shown); more > 0 {
		p.line(in + "           and " + plural(int64(more), "more record"))
	}
}

// evidenceText is a piece of evidence on one line.
func evidenceText(e *timeline.Evidence) string {
	var parts []string
	if e.Path != "" {
		parts = append(parts, place(e))
	}
	if e.Packed != "" {
		parts = append(parts, "line of the file unpacked from "+Text(Cut(e.Packed, 20)))
	}
	if e.Inode != 0 {
		parts = append(parts, fmt.Sprintf("inode %d", e.Inode))
	}
	if e.Volume != "" {
		parts = append(parts, "volume "+Text(Cut(e.Volume, 60)))
	}
	if e.Image != "" {
		parts = append(parts, Text(Cut(e.Image, 300)))
	}
	return strings.Join(parts, ", ")
}

func (p *plain) story() {
	story := p.inv.Story()
	if len(story) < 2 {
		return
	}
	p.section("The same in the order of time")
	p.line("")
	for _, f := range story {
		label := TimeIn(f.Time, p.zone) + "  " + fmt.Sprintf("%-8s", f.Severity) + "  "
		p.line(hanging(label, Text(Cut(f.Title, 300))+" ["+Text(f.ID)+"]"))
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

func (p *plain) damage() {
	inv := p.inv
	if inv.damageCount() == 0 && inv.lost() == 0 && (inv.Host == nil || len(inv.Host.Absent) == 0) {
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
		for _, a := range inv.Host.Absent {
			p.line(hanging("- ", absentText(a.Point, a.Spec, a.Type)))
		}
	}
	shown := inv.Damage[:min(len(inv.Damage), maxDamageShown)]
	for i := range shown {
		p.line(hanging("- ", damagePlace(&shown[i])+": "+Text(Cut(shown[i].What, 500))))
	}
	if more := inv.damageCount() - int64(len(shown)); more > 0 {
		p.line("- and " + plural(more, "more place") + moreDamage(inv, len(shown)))
	}
}

// moreDamage says where the rest of the damage is listed.
func moreDamage(inv *Investigation, shown int) string {
	if len(inv.Damage) > shown {
		return ", see " + ManifestFile
	}
	return ""
}

func absentText(point, spec, kind string) string {
	return Text(Cut(point, 200)) + ": the server's fstab mounts " + Text(Cut(spec, 200)) + " (" + Text(Cut(kind, 40)) +
		") here, and it is not in the evidence"
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

func (p *plain) end() {
	inv := p.inv
	p.section("How to check this")
	p.line("")
	p.line(fill("Every finding rests on bytes of the image. The commands beside \"$\" show them; offsets count from the start of the image. "+
		"Times are in "+Text(Cut(inv.zoneName(), 120))+", with their distance from UTC.", plainWidth, ""))
	p.line("")
	if len(inv.CommandLine) > 0 {
		p.line("Made by: " + Cut(quoteAll(inv.CommandLine), 4000))
	}
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
