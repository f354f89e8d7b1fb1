package rules

import (
	"fmt"
	"iter"
	"slices"

	"deadbox/timeline"
)

// Engine runs rules over the records of one server. It is not safe for
// concurrent use.
type Engine struct {
	rules    []*Rule
	checkers []Checker
	byKind   map[string][]Checker
}

// NewEngine makes an engine of rules that have passed [Validate].
func NewEngine(list []*Rule, env *Env) *Engine {
	e := &Engine{rules: list, byKind: map[string][]Checker{}}
	for _, r := range list {
		c := r.New(env)
		e.checkers = append(e.checkers, c)
		for _, k := range r.Kinds {
			e.byKind[k] = append(e.byKind[k], c)
		}
	}
	return e
}

// Reads reports whether any rule reads records of a kind.
func (e *Engine) Reads(kind string) bool { return len(e.byKind[kind]) > 0 }

// Record shows one record to the rules that read its kind. The record is not
// kept. Records may come in any order.
func (e *Engine) Record(r *timeline.Record) {
	for _, c := range e.byKind[r.Kind] {
		c.Record(r)
	}
}

// Findings ends the run: what the rules found, the most severe first, then
// the earliest, in a total order. It is called once.
func (e *Engine) Findings() []Finding {
	var out []Finding
	for i, c := range e.checkers {
		r := e.rules[i]
		fs := c.Findings()
		for j := range fs {
			f := &fs[j]
			f.Rule = r.ID
			if f.Title == "" {
				f.Title = r.Title
			}
			if f.Techniques == nil {
				f.Techniques = slices.Clone(r.Techniques)
			}
			slices.Sort(f.Paths)
			f.PathCount = max(f.PathCount, len(f.Paths))
			if f.Subject == "" {
				f.Subject = subject(f)
			}
			if f.Last.IsZero() {
				f.Last = f.Time
			}
		}
		slices.SortFunc(fs, func(a, b Finding) int { return compareInRule(&a, &b) })
		for j := range fs {
			fs[j].ID = fmt.Sprintf("%s-%d", r.ID, j+1)
		}
		out = append(out, fs...)
	}
	slices.SortFunc(out, func(a, b Finding) int { return compare(&a, &b) })
	return out
}

// Notes is what the rules say of their own work, in the order of the rules.
func (e *Engine) Notes() []string {
	var out []string
	for i, c := range e.checkers {
		if n, ok := c.(Noter); ok {
			for _, s := range n.Notes() {
				out = append(out, e.rules[i].ID+": "+s)
			}
		}
	}
	return out
}

// Run shows a sequence of records to rules and gives what they found.
func Run(list []*Rule, env *Env, records iter.Seq[*timeline.Record]) []Finding {
	e := NewEngine(list, env)
	for r := range records {
		e.Record(r)
	}
	return e.Findings()
}
