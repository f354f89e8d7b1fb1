package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"deadbox/fs/host"
	"deadbox/rules"
)

//go:embed report.html.tmpl
var htmlSource string

// How much of each list the HTML report shows.
const (
	maxCards    = 300
	maxAccounts = 200
	maxBars     = 120
	maxMarkers  = 200
)

// WriteHTML writes the report as one HTML file that needs nothing else: no
// script, no font, no picture from elsewhere. Its policy forbids browsers to load
// or run anything, should hostile text ever get past the escaping.
func WriteHTML(w io.Writer, inv *Investigation) error {
	t, err := template.New("report").Parse(htmlSource)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(inv))
}

// page is what the template shows. Its strings have passed through Text, so
// that what html/template leaves as it is shows itself on the screen.
type page struct {
	Title, Headline, Tool, Zone string
	Bad                         bool // there are findings
	Facts                       []fact
	Severities                  []severityCount
	Notes                       []string
	Chart                       *chart
	Story                       []storyRow
	Timeless                    string
	Cards                       []card
	MoreCards                   string
	Changes                     []changeTable
	Explained                   string
	Compared                    bool
	Tables                      []tableView
	Accounts                    []accountRow
	MoreAccounts                string
	Images                      []imageView
	Damage                      []damageRow
	MoreDamage                  []string
	Outputs                     []Output
	Sums                        [][2]string
	Explain, WhereCommand       string
}

type severityCount struct {
	Name string
	N    int
}

type storyRow struct {
	Anchor, When, Severity, Title, Where, Who string
}

type card struct {
	Anchor, ID, Severity, Title, When, Note string
	Summary                                 string
	Account, Address                        string
	Techniques                              []technique
	Paths                                   []string
	MorePaths                               string
	Evidence                                []evidenceRow
	MoreEvidence                            string
}

type technique struct{ ID, URL string }

type changeTable struct {
	What, Title, Total, More string
	Rows                     []changeRow
}

type changeRow struct {
	Mode, Owner, Size, When, Path, Differs string
	Loud                                   bool // setuid, or hidden change of content
}

type accountRow struct {
	Name, UID, GID, Home, Shell string
	Root, Named                 bool // user id 0; named by a finding
}

type imageView struct {
	Path, Table string
	Rows        []volumeRow
	Notes       []string
}

type volumeRow struct {
	Slot, Type, Holds, Point, Label, UUID, Offset, Size string
}

// tableView is a list beside the findings.
type tableView struct {
	Title, Note, More string
	Head              []cell
	Rows              [][]cell
}

type cell struct {
	Text string
	N    bool // a number
}

type damageRow struct{ Place, What string }

func newPage(inv *Investigation) *page {
	zone := inv.zone()
	who := "this server"
	if inv.Host != nil && inv.Host.Name != "" {
		who = Text(Cut(inv.Host.Name, 80))
	}
	p := &page{
		Title:    "Investigation of " + who,
		Headline: headline(inv),
		Tool:     Text(strings.TrimSpace(inv.Tool.Name + " " + inv.Tool.Version)),
		Zone:     Text(Cut(inv.zoneName(), 120)),
		Bad:      len(inv.Findings) > 0,
		Compared: inv.Changes != nil, WhereCommand: whereCommand, Explain: explain,
		Outputs: inv.Outputs,
	}
	for _, f := range facts(inv) {
		if f.Name == "Evidence" || f.Name == "Baseline" { // they have a section of their own
			f.Value, _, _ = strings.Cut(f.Value, ", SHA-256")
		}
		p.Facts = append(p.Facts, f)
	}
	counts := inv.Severities()
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i] > 0 {
			p.Severities = append(p.Severities, severityCount{rules.Severity(i).String(), counts[i]})
		}
	}
	for _, n := range inv.Notes {
		p.Notes = append(p.Notes, Text(Cut(n, 1000)))
	}
	all := inv.Sorted()
	anchors := map[*rules.Finding]string{}
	for i, f := range all {
		if i == maxCards {
			p.MoreCards = plural(int64(len(all)-i), "more finding")
			break
		}
		anchors[f] = fmt.Sprintf("f%d", i+1)
		p.Cards = append(p.Cards, newCard(inv, f, anchors[f], zone))
	}
	story := inv.Story()
	p.Timeless = inv.timelessText()
	for _, f := range story[:min(len(story), maxCards)] {
		p.Story = append(p.Story, storyRow{
			Anchor: anchors[f], When: findingTime(f, zone), Severity: f.Severity.String(), Title: Text(Cut(f.Title, 300)), Where: where(f),
			Who: strings.Join(nonEmpty(Text(Cut(f.Account, 60)), Text(Cut(f.Address, 60))), ", "),
		})
	}
	p.Chart = newChart(inv, story, anchors, zone)
	p.changes(inv, zone)
	p.tables(inv)
	p.accounts(inv)
	p.images(inv)
	p.damage(inv)
	return p
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func newCard(inv *Investigation, f *rules.Finding, anchor string, zone *time.Location) card {
	c := card{
		Anchor: anchor, ID: Text(f.ID), Severity: f.Severity.String(), Title: Text(Cut(f.Title, 300)),
		Note: Text(Cut(f.TimeNote, 300)), Summary: Text(Cut(f.Summary, 2000)),
		Account: Text(Cut(f.Account, 200)), Address: Text(Cut(f.Address, 200)),
	}
	if !f.Time.IsZero() {
		c.When = findingSpan(f, zone)
	}
	for _, id := range f.Techniques {
		t := technique{ID: Text(Cut(id, 20))}
		if rules.ValidTechnique(id) {
			t.URL = "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/") + "/"
		}
		c.Techniques = append(c.Techniques, t)
	}
	var more int64
	if c.Paths, more = inv.otherPaths(f); more > 0 {
		c.MorePaths = plural(more, "more path")
	}
	if c.Evidence, more = inv.evidence(f); more > 0 {
		c.MoreEvidence = plural(more, "more record")
	}
	return c
}

func (p *page) changes(inv *Investigation, zone *time.Location) {
	if inv.Changes == nil {
		return
	}
	p.Explained = inv.Changes.explainedText()
	for _, g := range inv.Changes.Groups() {
		t := changeTable{What: g.What, Title: g.Title, Total: Count(g.Total)}
		shown := g.Top[:min(len(g.Top), maxChangesShown)]
		for i := range shown {
			c := &shown[i]
			f := changed(c)
			if f == nil {
				continue
			}
			r := changeRow{
				Mode: string(appendLetters(nil, f.Mode)), Owner: fmt.Sprintf("%d:%d", f.UID, f.GID), Size: Count(f.Size), When: "-",
				Path: Cut(string(appendPeopleName(nil, f)), 1000), Differs: Text(Cut(strings.Join(c.Differs, ", "), 300)),
				Loud: rank(c) >= loudRank,
			}
			if f.Times.Changed.Known {
				r.When = string(AppendTimeIn(nil, f.Times.Changed.Sec, 0, zone, false))
			}
			t.Rows = append(t.Rows, r)
		}
		if more := g.Total - int64(len(shown)); more > 0 {
			t.More = Count(more)
		}
		p.Changes = append(p.Changes, t)
	}
}

func (p *page) tables(inv *Investigation) {
	for i := range inv.Tables {
		t := &inv.Tables[i]
		v := tableView{Title: Text(t.Title), Note: Text(t.Note), More: Text(t.More)}
		cells := func(row []string) (out []cell) {
			for j, s := range row {
				out = append(out, cell{Text(Cut(s, 500)), slices.Contains(t.Right, j)})
			}
			return out
		}
		v.Head = cells(t.Head)
		for _, row := range t.Rows {
			v.Rows = append(v.Rows, cells(row))
		}
		p.Tables = append(p.Tables, v)
	}
}

func (p *page) accounts(inv *Investigation) {
	if inv.Host == nil {
		return
	}
	named := map[string]bool{}
	for i := range inv.Findings {
		named[inv.Findings[i].Account] = true
	}
	rows := slices.Clone(inv.Host.Accounts)
	order := func(a *host.Account) int { // those that matter first
		switch {
		case a.UID == 0:
			return 0
		case named[a.Name]:
			return 1
		case canLogIn(a.Shell):
			return 2
		}
		return 3
	}
	slices.SortStableFunc(rows, func(a, b host.Account) int { return order(&a) - order(&b) })
	for i := range rows {
		a := &rows[i]
		if i == maxAccounts {
			p.MoreAccounts = plural(int64(len(rows)-i), "more account")
			break
		}
		p.Accounts = append(p.Accounts, accountRow{
			Name: Text(Cut(a.Name, 100)), UID: fmt.Sprint(a.UID), GID: fmt.Sprint(a.GID), Home: Text(Cut(a.Home, 200)), Shell: Text(Cut(a.Shell, 200)),
			Root: a.UID == 0, Named: named[a.Name],
		})
	}
}

func canLogIn(shell string) bool {
	return !strings.HasSuffix(shell, "/nologin") && !strings.HasSuffix(shell, "/false") && !strings.HasSuffix(shell, "/sync")
}

func (p *page) images(inv *Investigation) {
	points := map[[2]string]string{}
	if inv.Host != nil {
		for _, m := range inv.Host.Mounts {
			points[[2]string{m.Image, m.Volume.Slot}] = m.Point
		}
	}
	for i := range inv.Layouts {
		l := &inv.Layouts[i]
		v := imageView{Path: Text(Cut(l.Image, 300)), Table: Text(l.Table)}
		for j := range l.Volumes {
			vol := &l.Volumes[j]
			holds := vol.Found.Kind
			if !vol.Allocated && holds == "" {
				holds = "not part of a partition"
			}
			v.Rows = append(v.Rows, volumeRow{
				Slot: Text(vol.Slot), Type: Text(Cut(vol.Type, 60)), Holds: Text(holds), Point: Text(Cut(points[[2]string{l.Image, vol.Slot}], 200)),
				Label: Text(Cut(first2(vol.Found.Label, vol.Label), 60)), UUID: Text(Cut(first2(vol.Found.UUID, vol.UUID), 60)),
				Offset: fmt.Sprint(vol.Offset), Size: Bytes(vol.Length),
			})
		}
		for _, n := range l.Notes {
			v.Notes = append(v.Notes, Text(Cut(n, 500)))
		}
		p.Images = append(p.Images, v)
	}
	for i := range inv.Evidence {
		if e := &inv.Evidence[i]; e.SHA256 != "" {
			p.Sums = append(p.Sums, [2]string{Text(Cut(e.Path, 300)), e.SHA256})
		}
	}
	for i := range inv.Baseline {
		if e := &inv.Baseline[i]; e.SHA256 != "" {
			p.Sums = append(p.Sums, [2]string{Text(Cut(e.Path, 300)) + " (baseline)", e.SHA256})
		}
	}
}

func first2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p *page) damage(inv *Investigation) {
	for i := range inv.Evidence {
		for _, r := range inv.Evidence[i].Lost {
			p.Damage = append(p.Damage, damageRow{
				fmt.Sprintf("%s, byte %d", Text(Cut(inv.Evidence[i].Path, 200)), r.Offset),
				plural(r.Length, "byte") + " missing: " + Text(Cut(r.Reason, 300)),
			})
		}
	}
	if inv.Host != nil {
		for i := range inv.Host.Absent {
			a := &inv.Host.Absent[i]
			p.Damage = append(p.Damage, damageRow{Text(Cut(a.Point, 200)), inv.absentText(a)})
		}
	}
	list := func(all []Damage, total int64, whose string) {
		shown := all[:min(len(all), maxDamageShown)]
		for i := range shown {
			p.Damage = append(p.Damage, damageRow{whose + damagePlace(&shown[i]), Text(Cut(shown[i].What, 500))})
		}
		if more := total - int64(len(shown)); more > 0 {
			p.MoreDamage = append(p.MoreDamage, whose+plural(more, "more place")+moreDamage(all, len(shown)))
		}
	}
	list(inv.Damage, inv.damageCount(), "")
	list(inv.BaselineDamage, inv.baselineDamageCount(), "of the baseline: ")
}

// chart is a histogram of what happened around the findings.
type chart struct {
	Width, Height, Base int
	Bars                []bar
	Ticks               []tick
	Markers             []marker
	Bucket, Span        string
	Most                string
}

type bar struct {
	X, W, FilesY, FilesH, EventsY, EventsH float64
	Label                                  string
}

type tick struct {
	X     float64
	Label string
}

type marker struct {
	X                       float64
	Severity, Title, Anchor string
}

// buckets are the widths that bars may have.
var buckets = []struct {
	sec  int64
	name string
}{
	{3600, "hour"}, {3 * 3600, "3 hours"}, {6 * 3600, "6 hours"}, {86400, "day"}, {7 * 86400, "7 days"}, {30 * 86400, "30 days"},
	{365 * 86400, "365 days"}, {3650 * 86400, "3,650 days"}, {100 * 365 * 86400, "36,500 days"},
}

func newChart(inv *Investigation, story []*rules.Finding, anchors map[*rules.Finding]string, zone *time.Location) *chart {
	if inv.Activity == nil {
		return nil
	}
	w, _ := inv.Window()
	first, last := w.First, w.Last
	if w.LastDay {
		last = last.Add(24*time.Hour - time.Second)
	}
	if first.IsZero() {
		first, last = inv.FirstActivity, inv.LastActivity
	}
	if first.IsZero() {
		return nil
	}
	// A tenth of the window on both sides, and six hours at the least, show what
	// is usual on this server.
	from, to := first.Unix(), last.Unix()
	margin := max((to-from)/10, 6*3600)
	from, to = from-margin, to+margin
	size := buckets[len(buckets)-1]
	for _, b := range buckets {
		if (to-from)/b.sec < maxBars {
			size = b
			break
		}
	}
	// Bars begin at full hours or days of the server's zone.
	_, offset := time.Unix(from, 0).In(zone).Zone()
	local := from + int64(offset)
	from -= ((local % size.sec) + size.sec) % size.sec
	n := int((to-from)/size.sec) + 1
	if n < 1 || n > 2*maxBars {
		return nil // times that contradict each other, or made-up ones
	}
	type sum struct{ files, events int64 }
	sums := make([]sum, n)
	for _, h := range inv.Activity.Hours(time.Unix(from, 0), time.Unix(from+int64(n)*size.sec-1, 0)) {
		if i := (h.Start - from) / size.sec; h.Start >= from && i < int64(n) {
			sums[i].files += h.Files
			sums[i].events += h.Events
		}
	}
	most := int64(0)
	for _, s := range sums {
		most = max(most, s.files+s.events)
	}
	if most == 0 {
		return nil
	}
	const width, height, top, foot = 1000, 220, 26, 24
	c := &chart{
		Width: width, Height: height, Base: height - foot, Bucket: size.name, Most: Count(most),
		Span: TimeIn(time.Unix(from, 0), zone) + " to " + TimeIn(time.Unix(from+int64(n)*size.sec, 0), zone),
	}
	step := float64(width) / float64(n)
	room := float64(height - top - foot)
	for i, s := range sums {
		all := s.files + s.events
		if all == 0 {
			continue
		}
		// The square root keeps a quiet hour in sight beside a busy one.
		h := math.Max(2, room*math.Sqrt(float64(all)/float64(most)))
		events := h * float64(s.events) / float64(all)
		b := bar{X: round(float64(i)*step + step*0.08), W: round(step * 0.84), EventsH: round(events), FilesH: round(h - events)}
		b.EventsY = round(float64(c.Base) - events)
		b.FilesY = round(float64(c.Base) - h)
		b.Label = fmt.Sprintf("%s: %s, %s", TimeIn(time.Unix(from+int64(i)*size.sec, 0), zone), plural(s.files, "file event"), plural(s.events, "log line"))
		c.Bars = append(c.Bars, b)
	}
	every := max(1, (n+7)/8)
	for i := 0; i < n; i += every {
		form := "2006-01-02 15:04"
		if size.sec >= 86400 {
			form = "2006-01-02"
		}
		c.Ticks = append(c.Ticks, tick{round(float64(i) * step), TimeIn(time.Unix(from+int64(i)*size.sec, 0), zone)[:len(form)]})
	}
	for _, f := range story {
		x := float64(f.Time.Unix()-from) / float64(size.sec) * step
		if x < 0 || x > width || dayOnly(f.TimeNote) || len(c.Markers) == maxMarkers {
			continue
		}
		c.Markers = append(c.Markers, marker{round(x), f.Severity.String(), findingTime(f, zone) + " " + Text(Cut(f.Title, 200)), anchors[f]})
	}
	return c
}

func round(v float64) float64 { return math.Round(v*10) / 10 }
