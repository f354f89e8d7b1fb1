package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"deadbox/report"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/artifact/utmp"
)

// digest gathers, while an investigation reads a server's records, what the
// report shows of them beside the findings: the same lists as the commands for
// each of them.
type digest struct {
	own       ownership
	census    *census
	logins    []timeline.Record
	accepted  []timeline.Record
	failed    attackers
	starters  []starter
	sites     []timeline.Record
	apps      []timeline.Record
	boxes     []timeline.Record // containers
	visits    visits
	deletions deletions
	read      map[string]*reading
}

// reading is what one extractor gave.
type reading struct {
	records     int64
	paths       map[string]bool
	first, last time.Time
}

func (v *investigator) newDigest() *digest {
	return &digest{
		own: ownership{host: v.host}, census: newCensus(), failed: attackers{}, read: map[string]*reading{},
		visits: visits{clients: map[string]*client{}, logs: map[string]int64{}},
	}
}

// maxGathered bounds each list that is gathered.
const maxGathered = 200_000

func (d *digest) add(rec *timeline.Record) {
	d.count(rec)
	d.census.add(rec)
	d.failed.add(rec)
	keep := func(list *[]timeline.Record) {
		if len(*list) < maxGathered {
			*list = append(*list, *rec)
		}
	}
	switch rec.Kind {
	case timeline.KindLogin:
		keep(&d.logins)
	case timeline.KindAuth:
		if isAccepted(rec) && rec.Fields[artifact.CopyOf] == "" && len(rec.Stamps) > 0 {
			keep(&d.accepted)
		}
	case timeline.KindAutostart:
		if len(d.starters) < maxGathered {
			d.starters = append(d.starters, d.own.starter(rec))
		}
	case timeline.KindSite:
		keep(&d.sites)
	case timeline.KindWebApp:
		keep(&d.apps)
	case timeline.KindContainer:
		keep(&d.boxes)
	case timeline.KindWebAccess:
		d.visits.add(rec)
	}
}

func (d *digest) count(rec *timeline.Record) {
	if rec.Extractor == "" {
		return
	}
	r := d.read[rec.Extractor]
	if r == nil {
		r = &reading{paths: map[string]bool{}}
		d.read[rec.Extractor] = r
	}
	r.records++
	if len(r.paths) < maxGathered {
		r.paths[rec.Evidence.Path] = true
	}
	for i := range rec.Stamps {
		when := rec.Stamps[i].When
		if r.first.IsZero() || when.Before(r.first) {
			r.first = when
		}
		if when.After(r.last) {
			r.last = when
		}
	}
}

// How many rows of each list the report shows.
const (
	shownRows    = 30
	shownClients = 10
)

// tables are the lists for the report.
func (d *digest) tables(known bool, zone *time.Location) []report.Table {
	var out []report.Table
	add := func(title, note, command string, t *table) {
		if len(t.rows) == 0 {
			return
		}
		keep := t.filled()
		rt := report.Table{Title: title, Note: note, Head: choose(t.titles(), keep)}
		for _, row := range t.rows {
			rt.Rows = append(rt.Rows, choose(row, keep))
		}
		for n, i := range keep {
			if slices.Contains(t.right, i) {
				rt.Right = append(rt.Right, n)
			}
		}
		if n := len(rt.Rows) - shownRows; n > 0 {
			rt.Rows = rt.Rows[:shownRows]
			rt.More = fmt.Sprintf("and %d more: deadbox %s", n, command)
		}
		out = append(out, rt)
	}
	people, _ := peopleTable(d.census.join(), false, zone)
	add("Accounts that can log in", "", "accounts IMAGE", people)
	add("Logins, the last first", "", "logins IMAGE", loginTable(joinLogins(utmp.Sessions(d.logins), d.accepted), zone))
	add("Failed logins by address", "", "logins IMAGE --failed", d.failed.table(zone))
	sortStarters(d.starters)
	starts, owned, resting := autostartTable(d.starters, false, known, zone)
	total := 0
	for _, n := range owned {
		total += n
	}
	note := fmt.Sprintf("Packages own %d more; %s not enabled.", total, plural(resting, "is", "are"))
	if !known {
		note = "No package database was read, so this is all that starts by itself."
	}
	add("What starts by itself and is in no package", note, "autostart IMAGE", starts)
	add("Sites", "", "web IMAGE", siteTable(d.sites))
	add("Web applications", "", "web IMAGE", appTable(d.apps))
	add("Clients with the most requests", fmt.Sprintf("%s of %s.", plural(int(d.visits.all.requests), "request", "requests"), plural(len(d.visits.clients), "address", "addresses")),
		"web IMAGE --top 100", clientTable(d.visits.top(shownClients), zone))
	gone, said := d.deletions.table(zone)
	add("Deleted files, the last first", said, "recover IMAGE", gone)
	boxes := &table{head: []string{"NAME", "IMAGE", "STATE", "COMMAND", "SAID BY"}}
	for i := range d.boxes {
		f := d.boxes[i].Fields
		boxes.add(cmp.Or(f["name"], f["container"], f["id"]), f["image"], f["state"], report.Cut(cmp.Or(f["command"], f["path"]), 120), placeOf(&d.boxes[i]))
	}
	add("Containers and their images", "", "artifacts IMAGE --kind docker,podman,machines", boxes)
	read := &table{head: []string{"KIND", "RECORDS", "FILES", "FIRST", "LAST"}, right: []int{1, 2}}
	for _, name := range slices.Sorted(maps.Keys(d.read)) {
		r := d.read[name]
		first, last := "", ""
		if !r.first.IsZero() {
			first, last = report.TimeIn(r.first, zone), report.TimeIn(r.last, zone)
		}
		read.add(name, fmt.Sprint(r.records), fmt.Sprint(len(r.paths)), first, last)
	}
	if len(read.rows) > 0 {
		out = append(out, report.Table{Title: "What was read", Head: read.titles(), Rows: read.rows, Right: read.right,
			Note: "Records by kind; deadbox artifacts IMAGE --kind NAME shows them."})
	}
	return out
}

// titles are the heads of a table in the words of a sentence.
func (t *table) titles() []string {
	var out []string
	for _, h := range t.head {
		if h == "TTY" || h == "UID" || strings.HasSuffix(h, "XX") {
			out = append(out, h)
			continue
		}
		out = append(out, h[:1]+strings.ToLower(h[1:]))
	}
	return out
}
