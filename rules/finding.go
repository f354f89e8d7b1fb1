// Package rules says what to look for in a server's records, and runs it.
//
// A [Rule] is a struct value. Its New makes a [Checker], which sees the
// records of the kinds that the rule names, one by one, and at the end gives
// findings. An [Engine] holds the checkers of a run, sends them the records, and
// puts their findings in order.
//
// The rules that come with the program are in rules/builtin. A loader of another
// language of rules needs only to make Rule values of what it reads.
package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// Severity says how soon an investigator should look.
type Severity uint8

const (
	Info     Severity = iota // a fact worth knowing; nothing is wrong by itself
	Low                      // seen on honest servers too
	Medium                   // unusual; wants an explanation
	High                     // hard to explain honestly
	Critical                 // someone else controls, or controlled, the server
)

var severities = [...]string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if int(s) < len(severities) {
		return severities[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity reads what String writes.
func ParseSeverity(name string) (Severity, error) {
	for i, s := range severities {
		if s == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: want one of info, low, medium, high, critical", name)
}

// MaxEvidence and MaxPaths bound the lists of a finding. What is beyond them
// is counted.
const (
	MaxEvidence = 20
	MaxPaths    = 50
)

// Finding is what a rule says of the records that it matched.
type Finding struct {
	ID         string // rule and a number that is stable for the same image: "web-exploit-request-1"
	Rule       string
	Title      string
	Severity   Severity
	Techniques []string  // ATT&CK v19: "T1505.003"
	Time       time.Time // when it happened, UTC; of several records the first; zero if nothing says
	Last       time.Time // of the last record; equal to Time if there is one
	TimeNote   string    // how Time is known
	Paths      []string  // on the server, sorted; MaxPaths at the most
	PathCount  int       // how many paths there are in all
	// Subject is what the finding is about, so that those of several rules on
	// one thing can be told together: a path of the server, else an account's name,
	// else an address. Logs and histories are no subjects, as they only tell of one.
	Subject  string
	Account  string // whose doing, where the records say it
	Address  string // from where, where the records say it
	Summary  string // one sentence: what, by whom, from where
	Count    int    // records that the finding rests on
	Evidence []timeline.Evidence
	// Evidence holds the earliest of the Count records, MaxEvidence at the most,
	// earliest first.
}

// subject is what a finding is about, where its rule does not say.
func subject(f *Finding) string {
	for _, p := range f.Paths {
		if !strings.HasPrefix(p, "/var/log/") && !strings.HasSuffix(p, "_history") && p != "/etc/passwd" && p != "/etc/shadow" && p != "/etc/group" {
			return p
		}
	}
	return cmp.Or(f.Account, f.Address, strings.Join(f.Paths[:min(1, len(f.Paths))], ""))
}

// compare is the order of a report: the most severe first, then the earliest,
// a finding without a time last, then the ID with its number as a number.
func compare(a, b *Finding) int {
	if c := cmp.Compare(b.Severity, a.Severity); c != 0 {
		return c
	}
	if c := compareTime(a.Time, b.Time); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Rule, b.Rule); c != 0 {
		return c
	}
	if c := cmp.Compare(len(a.ID), len(b.ID)); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// compareTime orders times; a zero one comes last.
func compareTime(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

// compareInRule orders the findings of one rule by what they say, so that
// their numbers do not depend on the order in which they were made.
func compareInRule(a, b *Finding) int {
	return cmp.Or(
		compareTime(a.Time, b.Time),
		slices.Compare(a.Paths, b.Paths),
		cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.Account, b.Account),
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(a.Title, b.Title),
		cmp.Compare(a.Summary, b.Summary),
		slices.CompareFunc(a.Evidence, b.Evidence, compareEvidence),
	)
}

func compareEvidence(a, b timeline.Evidence) int {
	return cmp.Or(
		strings.Compare(a.Image, b.Image),
		strings.Compare(a.Volume, b.Volume),
		strings.Compare(a.Path, b.Path),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Offset, b.Offset),
		cmp.Compare(a.Inode, b.Inode),
		cmp.Compare(a.Length, b.Length),
		strings.Compare(a.Packed, b.Packed),
	)
}
