package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// Rule says what to look for.
type Rule struct {
	ID    string // lower case with hyphens: "web-exploit-request"
	Title string // of its findings, where they bring none of their own
	// Doc says what the rule looks for, why that matters, and what innocent
	// things look like it.
	Doc        string
	Severity   Severity // of its plain case; a finding can be graver or lighter, and Doc says when
	Techniques []string // ATT&CK v19, of its findings, where they bring none of their own
	Kinds      []string // kinds of the records that it reads
	New        func(*Env) Checker
	True       []Example // it must fire on each of these alone
	False      []Example // and stay quiet on each of these
}

// Checker looks at the records of one run for one rule.
type Checker interface {
	// Record looks at one record of the rule's kinds. The record is valid
	// during the call; what is kept must be copied (its strings may be shared). There may be millions:
	// it decides by the cheapest test first.
	Record(r *timeline.Record)
	// Findings is called once, after the last record. The engine fills in ID
	// and Rule, Title and Techniques where they are empty.
	Findings() []Finding
}

// Noter is a Checker that also has something to say of its own work, such as
// that it had to leave something out.
type Noter interface {
	Notes() []string
}

// Example is what a rule is tested on.
type Example struct {
	Name     string   // what it shows
	Severity Severity // of the gravest finding; for true examples
	Env      Env
	Records  []timeline.Record
}

// Env is what is known of the server before its records are read.
type Env struct {
	WebRoots []string // directories that web servers serve; the usual ones are always looked at
	// Baseline says that the run has a known-good reference: what differs from it
	// comes as records of KindChange, and files that no change speaks of are known.
	Baseline bool
	// KnownKeys holds the fingerprints of the authorized keys of the baseline;
	// nil if they were not read.
	KnownKeys map[string]bool
	// Packages says that the server's package database was read, so that
	// File.InPackage means something.
	Packages bool
	Accounts []Account
	OSID     string         // ID of os-release: "debian"
	Zone     *time.Location // of the server, for rules on the time of day; nil if unknown
}

// Account is what a rule must know of a line of /etc/passwd.
type Account struct {
	Name     string
	UID, GID uint32
	Home     string
	Shell    string
}

// Account finds an account by its name.
func (e *Env) Account(name string) (Account, bool) {
	for _, a := range e.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return Account{}, false
}

// AccountName is the first account of a user id; "" if there is none.
func (e *Env) AccountName(uid uint32) string {
	for _, a := range e.Accounts {
		if a.UID == uid {
			return a.Name
		}
	}
	return ""
}

var kinds = []string{
	timeline.KindFile, timeline.KindCommand, timeline.KindAuth, timeline.KindSyslog, timeline.KindWebAccess, timeline.KindAccount,
	timeline.KindGroup, timeline.KindAuthorizedKey, timeline.KindCron, timeline.KindSetting, timeline.KindChange, timeline.KindStrings,
	timeline.KindMail, timeline.KindTransfer, timeline.KindDatabase, timeline.KindFirewall, timeline.KindProxy, timeline.KindWebError,
}

// Validate says what is wrong with a list of rules.
func Validate(list []*Rule) error {
	var errs []error
	seen := map[string]bool{}
	for i, r := range list {
		if r == nil {
			errs = append(errs, fmt.Errorf("rule %d is nil", i))
			continue
		}
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("rule %q: %s", r.ID, fmt.Sprintf(format, args...)))
		}
		if !validID(r.ID) {
			bad("the ID is not lower case with hyphens")
		}
		if seen[r.ID] {
			bad("there is another one of that ID")
		}
		seen[r.ID] = true
		if strings.TrimSpace(r.Title) == "" || strings.TrimSpace(r.Doc) == "" {
			bad("no Title or no Doc")
		}
		if r.Severity > Critical {
			bad("unknown severity %d", r.Severity)
		}
		if len(r.Techniques) == 0 {
			bad("no technique")
		}
		for _, t := range r.Techniques {
			if !ValidTechnique(t) {
				bad("%q is no technique of ATT&CK v19", t)
			}
		}
		if len(r.Kinds) == 0 {
			bad("reads no kind of record")
		}
		for j, k := range r.Kinds {
			if !slices.Contains(kinds, k) {
				bad("unknown kind %q", k)
			}
			if slices.Contains(r.Kinds[:j], k) {
				bad("kind %q twice", k)
			}
		}
		if r.New == nil {
			bad("no New")
		}
		if len(r.True) == 0 || len(r.False) == 0 {
			bad("no true or no false example")
		}
		for _, ex := range slices.Concat(r.True, r.False) {
			if ex.Name == "" || len(ex.Records) == 0 {
				bad("an example without a name or records")
			}
		}
	}
	return errors.Join(errs...)
}

func validID(s string) bool {
	for i := range len(s) {
		c := s[i]
		edge := i == 0 || i == len(s)-1
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && !edge && s[i-1] != '-') {
			return false
		}
	}
	return s != ""
}

// retired are techniques that ATT&CK v19 gave new numbers.
var retired = []string{"T1562", "T1070.001", "T1070.002"}

// ValidTechnique reports whether s has the form of an ATT&CK technique and is
// none of those that version 19 renumbered.
func ValidTechnique(s string) bool {
	base, sub, has := strings.Cut(s, ".")
	digits := func(s string, n int) bool {
		if len(s) != n {
			return false
		}
		for i := range n {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
		}
		return true
	}
	if !strings.HasPrefix(base, "T") || !digits(base[1:], 4) || has && !digits(sub, 3) {
		return false
	}
	return !slices.Contains(retired, base) && !slices.Contains(retired, s)
}
