package report

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image"
	"deadbox/image/volume"
	"deadbox/rules"
	"deadbox/timeline"
)

// Investigation is all that the reports are made of. The command fills it.
type Investigation struct {
	Tool        Tool
	CommandLine []string
	// Started and Finished are the only times of the analyst's clock. They go to
	// "run" of case.json and nowhere else, and are left out if they are zero.
	Started, Finished time.Time

	Evidence []EvidenceFile
	Baseline []EvidenceFile // the known-good images; none without a baseline
	Layouts  []Layout       // how each image is divided, in the order of Evidence
	Host     *host.Host     // nil if no root file system was found

	Findings []rules.Finding // in any order; each report sorts its own copy
	Counts   Counts
	// FirstActivity and LastActivity bound what the records say happened; zero
	// if nothing does.
	FirstActivity, LastActivity time.Time
	Activity                    *Activity // nil: no histogram. Case gathers one
	Changes                     *Changes  // nil: no baseline. Case gathers it
	Damage                      []Damage  // of the evidence
	BaselineDamage              []Damage  // of the baseline: what could not be compared with
	Notes                       []string  // what a reader must know, a sentence each
	Tables                      []Table   // what the server remembers, beside the findings

	// Zone is the one for times that people read, ZoneName how it was asked for;
	// nil for the server's own.
	Zone     *time.Location
	ZoneName string

	// Excerpt, if set, gives the bytes that a piece of evidence points to, for
	// the reports to quote. It may cut them, and gives "" if they cannot be read.
	Excerpt func(timeline.Evidence) string
	// FileText, if set, gives what is worth quoting of the file whose inode a piece
	// of evidence is; no Text if there is nothing.
	FileText func(timeline.Evidence) FileText

	// Dir is the case folder, as the analyst named it; "" if there is none.
	Dir string
	// Outputs are the files written so far. Case fills it in.
	Outputs []Output
}

// Table is a list that the reports show beside the findings: who can log in,
// what starts by itself. Its strings are plain text of the image or ours; the
// reports escape them.
type Table struct {
	Title string
	Note  string // a sentence or two under the table; "" for none
	Head  []string
	Rows  [][]string // as long as Head
	Right []int      // columns of numbers
	More  string     // says how many rows are left out, and what shows them; "" if none are
}

// FileText is a part of a file that a report quotes.
type FileText struct {
	Label string // what part it is: "the file begins"
	Text  string // whole lines, cut to what a report has room for
	New   bool   // the part that the baseline has not
}

// Tool is the program that made a report.
type Tool struct {
	Name    string // "deadbox"
	Version string
	Commit  string // "" if it is not known
}

// EvidenceFile is one image as it was opened.
type EvidenceFile struct {
	Path     string // as it was given
	Size     int64  // of the image, in bytes
	SHA256   string // of the whole image, lost ranges read as zeros; "" if it was not computed
	Segments []Segment
	Lost     []image.Range
}

// Segment is one file of an image.
type Segment struct {
	Path   string
	Offset int64 // of its first byte in the image
	Size   int64
	SHA256 string // "" if it was not computed
}

// Layout is how one image is divided.
type Layout struct {
	Image string // its path, as in EvidenceFile
	volume.Layout
}

// Counts are how much was seen.
type Counts struct {
	Files    int64            // names of files
	Inodes   int64            // allocated and unallocated
	Records  int64            // written to records.jsonl
	Events   int64            // rows of the timeline
	Changes  int64            // written to changes.jsonl
	Kinds    map[string]int64 // records by kind
	Findings int64
	// Explained are those of Changes that others explain: directories in which
	// names came or went.
	Explained int64
	// Damage and BaselineDamage are places that could not be read; the lists of
	// the same names may have fewer.
	Damage, BaselineDamage int64
}

// Damage is one place that could not be read, or that says what cannot be.
type Damage struct {
	Image  string
	Volume string          // the slot; "" if it concerns the whole image
	Offset int64           // in the image; -1 if unknown
	Inode  filesystem.Inum // 0 if none
	Path   string          // "" if unknown
	What   string
}

// DamageOf makes a Damage of an error. Base is what must be added to an offset
// that the error names, to count it from the start of the image: the offset of
// the volume.
func DamageOf(image, slot string, base int64, err error) Damage {
	d := Damage{Image: image, Volume: slot, Offset: -1, What: err.Error()}
	var at *host.PathError
	if errors.As(err, &at) {
		d.Path, d.Inode, d.What = at.Path, at.Inode, at.Err.Error()
	}
	var table *volume.DamageError
	if errors.As(err, &table) {
		d.Offset = table.Offset // counted from the start of the image already
		return d
	}
	off, n := filesystem.Place(err)
	if n != 0 {
		d.Inode = n
	}
	if off >= 0 {
		d.Offset = base + off
	}
	return d
}

// Output is one file of the case folder.
type Output struct {
	Name   string
	Size   int64 // bytes
	SHA256 string
	Doc    string // what it holds
}

// Sorted returns the findings with the most severe first, then the earliest;
// those without a time come last of their severity.
func (inv *Investigation) Sorted() []*rules.Finding {
	out := inv.pointers()
	slices.SortStableFunc(out, func(a, b *rules.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), compareTime(a.Time, b.Time), compareID(a, b))
	})
	return out
}

// Story returns the findings that have a time, the earliest first.
func (inv *Investigation) Story() []*rules.Finding {
	out := slices.DeleteFunc(inv.pointers(), func(f *rules.Finding) bool { return f.Time.IsZero() })
	slices.SortStableFunc(out, func(a, b *rules.Finding) int {
		return cmp.Or(compareTime(a.Time, b.Time), cmp.Compare(b.Severity, a.Severity), compareID(a, b))
	})
	return out
}

func (inv *Investigation) pointers() []*rules.Finding {
	out := make([]*rules.Finding, len(inv.Findings))
	for i := range inv.Findings {
		out[i] = &inv.Findings[i]
	}
	return out
}

// compareID orders findings by their IDs, the number in it as a number.
func compareID(a, b *rules.Finding) int {
	return cmp.Or(strings.Compare(a.Rule, b.Rule), cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
}

// compareTime orders times; the zero time, which says nothing, comes last.
func compareTime(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

// Severities counts the findings of each severity.
func (inv *Investigation) Severities() (counts [rules.Critical + 1]int) {
	for i := range inv.Findings {
		if s := inv.Findings[i].Severity; int(s) < len(counts) {
			counts[s]++
		}
	}
	return counts
}

// Window is the time from the first to the last finding that has one.
type Window struct {
	First, Last       time.Time // zero if no finding has a time
	FirstDay, LastDay bool      // only the day is known
}

// Window finds the first and the last time of the findings of medium severity
// or more, and reports whether there are lesser ones with a time, which honest
// servers have too and which are left out; if there are no others, it is theirs. A
// finding of which only the day is known counts if the whole of that day lies
// outside of the window of the others.
func (inv *Investigation) Window() (w Window, some bool) {
	least := rules.Info
	for i := range inv.Findings {
		if f := &inv.Findings[i]; !f.Time.IsZero() && f.Severity >= rules.Medium {
			least = rules.Medium
		}
	}
	widen := func(first, last time.Time, day bool) {
		if w.First.IsZero() || first.Before(w.First) {
			w.First, w.FirstDay = first, day
		}
		if w.Last.IsZero() || last.After(w.Last) {
			w.Last, w.LastDay = last, day
		}
	}
	for i := range inv.Findings {
		f := &inv.Findings[i]
		if !f.Time.IsZero() && f.Severity < least {
			some = true
		}
		if f.Time.IsZero() || f.Severity < least || dayOnly(f.TimeNote) {
			continue
		}
		widen(f.Time, f.Time, false)
		if !f.Last.IsZero() {
			widen(f.Last, f.Last, false)
		}
	}
	exact := w
	for i := range inv.Findings {
		f := &inv.Findings[i]
		if f.Time.IsZero() || f.Severity < least || !dayOnly(f.TimeNote) {
			continue
		}
		if exact.First.IsZero() || !f.Time.Add(24*time.Hour).After(exact.First) || f.Time.After(exact.Last) {
			widen(f.Time, f.Time, true)
		}
	}
	return w, some
}

// timeless counts the findings that have no time.
func (inv *Investigation) timeless() int64 {
	n := int64(0)
	for i := range inv.Findings {
		if inv.Findings[i].Time.IsZero() {
			n++
		}
	}
	return n
}

// timelessText says that findings are missing from the story; "" if none is.
func (inv *Investigation) timelessText() string {
	switch n := inv.timeless(); n {
	case 0:
		return ""
	case 1:
		return "1 finding has no time of its own and is not in this list."
	default:
		return Count(n) + " findings have no time of their own and are not in this list."
	}
}

// dayOnly reports whether the note of a time says that it is the start of the
// day on which something happened, in UTC, as the days of shadow(5) are.
func dayOnly(note string) bool {
	return note == "day only" || strings.HasPrefix(note, "day only,") || strings.HasPrefix(note, "day only;")
}

// when writes a time for people; of a day the date alone, which belongs to no
// zone.
func when(t time.Time, day bool, zone *time.Location) string {
	if day && !t.IsZero() {
		return t.UTC().Format(time.DateOnly)
	}
	return TimeIn(t, zone)
}

// findingTime writes the time of a finding for people.
func findingTime(f *rules.Finding, zone *time.Location) string {
	return when(f.Time, dayOnly(f.TimeNote), zone)
}

// findingSpan writes when a finding began and ended.
func findingSpan(f *rules.Finding, zone *time.Location) string {
	day := dayOnly(f.TimeNote)
	return span(Window{f.Time, f.Last, day, day}, zone)
}

// named returns the different values that get gives for findings, those of
// more severe and earlier findings first.
func (inv *Investigation) named(get func(*rules.Finding) string) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range inv.Sorted() {
		if v := get(f); v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// zone is the zone for people: the one that was asked for, else the server's,
// UTC if it is not known.
func (inv *Investigation) zone() *time.Location {
	if inv.Zone != nil {
		return inv.Zone
	}
	if inv.Host == nil || inv.Host.Zone == nil {
		return time.UTC
	}
	return inv.Host.Zone
}

// zoneName says which zone times are in, and how it is known.
func (inv *Investigation) zoneName() string {
	if inv.Zone != nil {
		return inv.ZoneName
	}
	if inv.Host == nil || inv.Host.Zone == nil {
		return "UTC (the server's own zone is not known)"
	}
	name := inv.Host.ZoneName
	if name == "" {
		name = inv.Host.Zone.String()
	}
	if inv.Host.ZoneFrom != "" {
		name += " (" + inv.Host.ZoneFrom + ")"
	}
	return name
}

// damageCount is the number of damaged places, listed or not.
func (inv *Investigation) damageCount() int64 {
	return max(inv.Counts.Damage, int64(len(inv.Damage)))
}

// baselineDamageCount is damageCount of the baseline.
func (inv *Investigation) baselineDamageCount() int64 {
	return max(inv.Counts.BaselineDamage, int64(len(inv.BaselineDamage)))
}

// lost is the number of bytes of evidence that are missing.
func (inv *Investigation) lost() int64 {
	n := int64(0)
	for i := range inv.Evidence {
		for _, r := range inv.Evidence[i].Lost {
			n += r.Length
		}
	}
	return n
}
