package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// maxGroups bounds the findings of one rule. What comes after them is
// gathered in one more.
const maxGroups = 2000

// Groups gathers records into findings, those of one key into one.
type Groups struct {
	m    map[string]*Group
	rest *Group
}

// Group is a finding that grows.
type Group struct {
	Title      string // the rule's if empty
	Techniques []string
	Subject    string // what it is about; found by the engine if empty
	Account    string
	Address    string
	Summary    string // what to say of it; set by whoever makes the finding
	Count      int
	severity   Severity
	first      time.Time
	last       time.Time
	note       string
	paths      []string // sorted
	pathCount  int
	morePaths  map[uint64]struct{} // hashes of the paths beyond MaxPaths, so that they are counted once
	evidence   []placed
}

type placed struct {
	at time.Time
	ev timeline.Evidence
}

func (p placed) compare(q placed) int {
	return cmp.Or(compareTime(p.at, q.at), compareEvidence(p.ev, q.ev))
}

// Get is the group of a key, made if there is none. When there are too many
// groups it is the one that gathers the rest; Rest tells them apart.
func (gs *Groups) Get(key string) *Group {
	if g := gs.m[key]; g != nil {
		return g
	}
	if len(gs.m) >= maxGroups {
		if gs.rest == nil {
			gs.rest = &Group{}
		}
		return gs.rest
	}
	if gs.m == nil {
		gs.m = map[string]*Group{}
	}
	g := &Group{}
	gs.m[strings.Clone(key)] = g
	return g
}

// Find is the group of a key; nil if there is none.
func (gs *Groups) Find(key string) *Group { return gs.m[key] }

// Rest reports whether g gathers what had no room for a finding of its own.
func (gs *Groups) Rest(g *Group) bool { return gs.rest == g && g != nil }

// Raise makes the finding at least as severe as s.
func (g *Group) Raise(s Severity) { g.severity = max(g.severity, s) }

// Severity is the gravest that was raised so far.
func (g *Group) Severity() Severity { return g.severity }

// First is the earliest time so far.
func (g *Group) First() time.Time { return g.first }

// Add counts a record that happened at a time, zero if nothing says; note
// says how the time is known.
func (g *Group) Add(ev timeline.Evidence, at time.Time, note string) {
	g.Count++
	if compareTime(at, g.first) < 0 || g.Count == 1 {
		g.first, g.note = at, note
	}
	if at.After(g.last) {
		g.last = at
	}
	g.keep(placed{at, ev})
}

func (g *Group) keep(p placed) {
	if len(g.evidence) == MaxEvidence && p.compare(g.evidence[MaxEvidence-1]) >= 0 {
		return
	}
	i, found := slices.BinarySearchFunc(g.evidence, p, placed.compare)
	if found {
		return
	}
	if len(g.evidence) == MaxEvidence {
		g.evidence = g.evidence[:MaxEvidence-1]
	}
	g.evidence = slices.Insert(g.evidence, i, p)
}

// AddPath adds a path of the server.
func (g *Group) AddPath(path string) {
	if path == "" {
		return
	}
	i, found := slices.BinarySearch(g.paths, path)
	if found {
		return
	}
	if len(g.paths) == MaxPaths && i == MaxPaths {
		g.countPath(path)
		return
	}
	g.paths = slices.Insert(g.paths, i, strings.Clone(path))
	if len(g.paths) > MaxPaths {
		g.countPath(g.paths[MaxPaths])
		g.paths = g.paths[:MaxPaths]
	}
}

func (g *Group) countPath(path string) {
	if g.morePaths == nil {
		g.morePaths = map[uint64]struct{}{}
	}
	if len(g.morePaths) < 1<<16 {
		g.morePaths[fnv(path)] = struct{}{}
	} else {
		g.pathCount++
	}
}

// fnv is the 64-bit FNV-1a hash.
func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Paths are those that the finding will name.
func (g *Group) Paths() []string { return g.paths }

// PathCount is how many paths were added.
func (g *Group) PathCount() int { return len(g.paths) + len(g.morePaths) + g.pathCount }

// Merge adds what h gathered.
func (g *Group) Merge(h *Group) {
	if g.Count == 0 || compareTime(h.first, g.first) < 0 {
		g.first, g.note = h.first, h.note
	}
	if h.last.After(g.last) {
		g.last = h.last
	}
	g.Count += h.Count
	g.Raise(h.severity)
	for _, p := range h.paths {
		g.AddPath(p)
	}
	g.pathCount += h.PathCount() - len(h.paths)
	for _, p := range h.evidence {
		g.keep(p)
	}
}

// Finding is what the group came to.
func (g *Group) Finding() Finding {
	f := Finding{
		Title: g.Title, Severity: g.severity, Techniques: slices.Clone(g.Techniques), Time: g.first, Last: g.last, TimeNote: g.note,
		Paths: slices.Clone(g.paths), PathCount: g.PathCount(), Subject: g.Subject, Account: g.Account, Address: g.Address, Summary: g.Summary, Count: g.Count,
	}
	for _, p := range g.evidence {
		f.Evidence = append(f.Evidence, p.ev)
	}
	return f
}

// All calls f for each group, in the order of the keys, the rest last with
// an empty key.
func (gs *Groups) All(f func(key string, g *Group)) {
	keys := make([]string, 0, len(gs.m))
	for k := range gs.m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		f(k, gs.m[k])
	}
	if gs.rest != nil {
		f("", gs.rest)
	}
}

// Findings are those of all groups that have a record, each with the summary
// that say gives; say may be nil where summaries are set.
func (gs *Groups) Findings(say func(g *Group) string) []Finding {
	var out []Finding
	gs.All(func(_ string, g *Group) {
		if g.Count == 0 {
			return
		}
		if say != nil {
			g.Summary = say(g)
		}
		out = append(out, g.Finding())
	})
	return out
}
