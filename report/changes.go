package report

import (
	"cmp"
	"slices"
	"strings"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// Changes gathers the differences from the baseline: how many of each kind
// there are, and the ones that an investigator wants to see first.
type Changes struct {
	groups    [len(changeKinds)]changeGroup
	other     changeGroup
	explained int64
}

// changeKinds are the kinds of changes in the order of the reports.
var changeKinds = [...]struct{ what, title string }{
	{"added", "Added"},
	{"content", "Content changed"},
	{"type", "Became another type of file"},
	{"metadata", "Metadata changed, content the same"},
	{"deleted", "Deleted"},
}

// maxChanges is how many changes of a kind are kept for the reports.
const maxChanges = 100

type changeGroup struct {
	total int64
	top   []rankedChange
}

type rankedChange struct {
	timeline.Change
	rank int
}

// ChangeGroup is one kind of changes.
type ChangeGroup struct {
	What  string // "added", "content", "type", "metadata", "deleted"
	Title string
	Total int64
	Top   []timeline.Change // the telling ones first; never more than a hundred
}

// Add counts a change. It keeps copies only.
func (c *Changes) Add(ch *timeline.Change) {
	g := &c.other
	for i := range changeKinds {
		if changeKinds[i].what == ch.What {
			g = &c.groups[i]
		}
	}
	g.total++
	keep := rankedChange{Change: timeline.Change{What: ch.What}, rank: rank(ch)}
	if len(g.top) >= maxChanges && !before(&keep, ch, &g.top[maxChanges-1]) {
		return
	}
	keep.Before, keep.After = copyFile(ch.Before), copyFile(ch.After)
	keep.Differs = slices.Clone(ch.Differs)
	i, _ := slices.BinarySearchFunc(g.top, &keep, func(e rankedChange, k *rankedChange) int { return compareChanges(&e, k) })
	g.top = slices.Insert(g.top, i, keep)
	if len(g.top) > maxChanges {
		g.top = g.top[:maxChanges]
	}
}

// AddExplained counts a change of a directory that other changes explain:
// names in it came or went. It is in no group and not in the total.
func (c *Changes) AddExplained() { c.explained++ }

// Explained is how many changes other changes explain.
func (c *Changes) Explained() int64 { return c.explained }

// explainedText says how many directories are left out of the lists; "" if
// none is.
func (c *Changes) explainedText() string {
	switch c.explained {
	case 0:
		return ""
	case 1:
		return "1 directory differs only because names in it came or went"
	}
	return Count(c.explained) + " directories differ only because names in them came or went"
}

// before reports whether a change that is not copied yet comes before other.
func before(k *rankedChange, ch *timeline.Change, other *rankedChange) bool {
	k.Before, k.After = ch.Before, ch.After
	return compareChanges(k, other) < 0
}

func compareChanges(a, b *rankedChange) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), strings.Compare(changePath(&a.Change), changePath(&b.Change)))
}

func changePath(c *timeline.Change) string {
	if f := changed(c); f != nil {
		return f.Path
	}
	return ""
}

func copyFile(f *timeline.File) *timeline.File {
	if f == nil {
		return nil
	}
	c := *f
	c.Xattrs = nil
	c.Path, c.Target = strings.Clone(f.Path), strings.Clone(f.Target)
	return &c
}

// Total is the number of changes that nothing explains.
func (c *Changes) Total() int64 {
	n := c.other.total
	for i := range c.groups {
		n += c.groups[i].total
	}
	return n
}

// Groups returns the kinds of which there are any, in the order of the
// reports.
func (c *Changes) Groups() []ChangeGroup {
	var out []ChangeGroup
	add := func(g *changeGroup, what, title string) {
		if g.total == 0 {
			return
		}
		cg := ChangeGroup{What: what, Title: title, Total: g.total}
		for i := range g.top {
			cg.Top = append(cg.Top, g.top[i].Change)
		}
		out = append(out, cg)
	}
	for i, k := range changeKinds {
		add(&c.groups[i], k.what, k.title)
	}
	add(&c.other, "other", "Other changes")
	return out
}

// rank says how soon a change should be read. It weighs what a file can do
// (run, run as root, be read by the system at its start, be served) against
// what changes by itself (caches, logs, documentation). It orders a list and
// decides nothing else.
func rank(c *timeline.Change) int {
	f := changed(c)
	if f == nil {
		return 0
	}
	r := 0
	p := f.Path
	runs := f.Type == filesystem.Regular && f.Mode&0o111 != 0
	if runs || f.Magic == "elf" || f.Magic == "script" {
		r += 20
	}
	if f.Type == filesystem.Regular && f.Mode&(filesystem.ModeSetuid|filesystem.ModeSetgid) != 0 {
		r += 40
	}
	if f.Flags&(filesystem.FlagImmutable|filesystem.FlagAppend) != 0 {
		r += 20
	}
	if f.Type == filesystem.Directory {
		r -= 10
	}
	if f.Type == filesystem.Symlink && f.Target == "/dev/null" {
		r += 25
	}
	if c.What == "content" {
		if f.InPackage {
			r += 25
		}
		if !slices.Contains(c.Differs, "modified") {
			r += 40 // the content is another, and its time says that it is not
		}
	} else if f.InPackage {
		r -= 20
	}
	if f.Path != "" && strings.Contains(p, "/.") {
		r += 10
	}
	for _, place := range places {
		if under(p, place.dir) {
			r += place.rank
			break
		}
	}
	return r
}

// loudRank is the rank from which on the HTML report marks a change.
const loudRank = 50

// places are folders whose changes tell more, or less, than others; the first
// that fits counts.
var places = []struct {
	dir  string
	rank int
}{
	{"/tmp", 30}, {"/var/tmp", 30}, {"/dev", 30}, {"/run/shm", 30},
	{"/etc/ssl/certs", -10}, {"/etc/alternatives", -5}, {"/etc", 30},
	{"/var/spool/cron", 40}, {"/var/spool/at", 30},
	{"/var/www", 30}, {"/srv", 25}, {"/usr/share/nginx/html", 30},
	{"/root", 30}, {"/home", 20},
	{"/usr/local", 20}, {"/opt", 10}, {"/boot", 15},
	{"/usr/bin", 25}, {"/usr/sbin", 25}, {"/bin", 25}, {"/sbin", 25},
	{"/usr/share", -25}, {"/var/cache", -30}, {"/var/lib/dpkg", -25}, {"/var/lib/apt", -30}, {"/var/lib/rpm", -25},
	{"/var/lib/systemd", -10}, {"/var/log/journal", -15}, {"/var/log", 5}, {"/lost+found", -5},
	{"/usr/lib", 15}, {"/lib", 15}, {"/usr/lib64", 15}, {"/lib64", 15},
}

func under(path, dir string) bool {
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}
