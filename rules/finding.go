// Package rules says what to look for in a server's records, and runs it.
package rules

import (
	"fmt"
	"time"

	"deadbox/timeline"
)

// Severity says how soon an investigator should look.
type Severity uint8

const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string { return severities[s] }

// ParseSeverity reads what String writes.
func ParseSeverity(name string) (Severity, error) {
	for i, s := range severities {
		if s == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: want one of info, low, medium, high, critical", name)
}

// Finding is what a rule says of the records that it matched.
type Finding struct {
	ID         string // rule and a number that is stable for the same image: "web-exploit-request-1"
	Rule       string
	Title      string
	Severity   Severity
	Techniques []string  // ATT&CK v19: "T1505.003"
	Time       time.Time // when it happened, UTC; zero if nothing says
	TimeNote   string    // how the time is known
	Paths      []string  // on the server, sorted
	Account    string    // whose doing, where the records say it
	Address    string    // from where, where the records say it
	Summary    string    // one sentence: what, by whom, from where
	Evidence   []timeline.Evidence
}
