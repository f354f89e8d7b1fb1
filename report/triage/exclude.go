package triage

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strings"
)

// Pattern is what to leave out: a path of the server, or a pattern of path.Match
// for each of its elements, where "**" stands for any number of directories. With
// what it fits, all below is left out.
type Pattern []string

// ReadPatterns reads a list of patterns, one a line; empty lines and those that
// begin with "#" are passed over.
func ReadPatterns(r io.Reader) ([]Pattern, error) {
	var out []Pattern
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := ParsePattern(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, p)
	}
	return out, s.Err()
}

// ParsePattern reads one pattern, which must begin with "/".
func ParsePattern(s string) (Pattern, error) {
	if !strings.HasPrefix(s, "/") {
		return nil, fmt.Errorf("%q: want a path from the server's root, like /var/lib/big or /home/*/Videos", s)
	}
	if _, err := path.Match(s, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	var p Pattern
	for e := range strings.SplitSeq(path.Clean(s), "/") {
		if e != "" {
			p = append(p, e)
		}
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("%q would leave out everything", s)
	}
	return p, nil
}

// Fits reports whether the pattern fits a path or a directory that it lies in.
func (p Pattern) Fits(name string) bool {
	return fits(p, strings.Split(strings.Trim(name, "/"), "/"))
}

func fits(p, name []string) bool {
	for i, e := range p {
		if e == "**" {
			rest := p[i+1:]
			for j := i; j <= len(name); j++ {
				if fits(rest, name[j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(name) {
			return false
		}
		if ok, _ := path.Match(e, name[i]); !ok {
			return false
		}
	}
	return true
}
