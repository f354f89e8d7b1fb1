package host

import (
	"path"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
)

// Glob lists the files that a pattern fits, sorted. A pattern is one of
// [path.Match] for each element; an element "**" fits any number of directories; a
// leading "~/" stands for each home directory (see [Host.Homes]). Symbolic links are
// followed on the way, but not below "**", which does not enter the systems that are kept
// on this one either: containers' layers, chroots ([Host.Trees]). What a file is, is not looked at. A pattern
// that is not well formed fits nothing.
func (h *Host) Glob(pattern string) []string {
	found := map[string]bool{}
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok {
		for _, home := range h.Homes() {
			h.glob(strings.TrimSuffix(home.Path, "/"), strings.Split(rest, "/"), found)
		}
	} else {
		h.glob("", strings.Split(strings.Trim(pattern, "/"), "/"), found)
	}
	out := make([]string, 0, len(found))
	for p := range found {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// glob goes on below a directory that exists; at is its path without a
// trailing slash.
func (h *Host) glob(at string, elems []string, found map[string]bool) {
	for len(elems) > 0 && !strings.ContainsAny(elems[0], `*?[\`) {
		if elems[0] != "" && elems[0] != "." {
			at += "/" + elems[0]
		}
		elems = elems[1:]
	}
	n, in, real, err := h.Find(at+"/", true)
	if len(elems) == 0 {
		if _, _, _, err := h.Find(at, false); err == nil {
			found[at] = true
		}
		return
	}
	if err != nil || in.Mode.Type() != filesystem.Directory {
		return
	}
	if elems[0] == "**" {
		for len(elems) > 0 && elems[0] == "**" {
			elems = elems[1:]
		}
		h.globDeep(at, n, real, elems, found, map[Node]bool{})
		return
	}
	if _, err := path.Match(elems[0], ""); err != nil {
		return
	}
	list, _ := h.List(n, real)
	for _, c := range list {
		if ok, _ := path.Match(elems[0], c.Name); !ok {
			continue
		}
		switch {
		case len(elems) == 1:
			found[at+"/"+c.Name] = true
		case c.Type == filesystem.Directory || c.Type == filesystem.Symlink || c.Type == filesystem.Unknown:
			h.glob(at+"/"+c.Name, elems[1:], found)
		}
	}
}

// globDeep tries the rest of a pattern in a directory and in all below it.
// Without a rest, everything below fits.
func (h *Host) globDeep(at string, n Node, real string, elems []string, found map[string]bool, seen map[Node]bool) {
	type dir struct {
		at, real string
		node     Node
	}
	todo := []dir{{at, real, n}}
	for len(todo) > 0 {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[d.node] && d.node.Mount != nil || len(d.real) > maxPath {
			continue
		}
		seen[d.node] = true
		if d.at != at && h.isLayer(d.real) {
			continue
		}
		list, _ := h.List(d.node, d.real)
		if d.at != at && d.node.Mount != nil && looksLikeRoot(list) && h.isSystem(d.real) {
			continue
		}
		for _, c := range list {
			p := d.at + "/" + c.Name
			switch {
			case len(elems) == 0:
				found[p] = true
			case len(elems) == 1:
				if ok, _ := path.Match(elems[0], c.Name); ok {
					found[p] = true
				}
			}
			if c.Type == filesystem.Directory || c.Type == filesystem.Unknown {
				todo = append(todo, dir{p, strings.TrimSuffix(d.real, "/") + "/" + c.Name, c.Node})
			}
		}
		if len(elems) > 1 {
			h.glob(d.at, elems, found)
		}
	}
}
