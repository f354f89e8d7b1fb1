// Package elfstrings picks the strings of a program that tell what it is for.
package elfstrings

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	maxStrings = 60       // strings that a result holds
	budget     = 16 << 20 // bytes that the reading of headers may take
	maxNotes   = 8
)

// String is a telling string.
type String struct {
	Text   string // as it stands in the file, UTF-16LE as ASCII
	Offset int64  // from the start of the file
	Wide   bool   // UTF-16LE
	Why    Why
}

// Result is what a file's strings say.
type Result struct {
	Kind    string   // "elf", "script", or "" for anything else
	Notes   []string // a phrase each: architecture, linkage, packer, Go's module
	Strings []String // at most 60, in the order of the file
	Found   int      // telling strings, those included that there was no room for

	golang bool // names of hosts are names of packages
}

// Interesting reads the printable strings of a file, ASCII and UTF-16LE, six
// characters or more, and keeps the telling ones: what an attack tool says,
// URLs and addresses, command lines, usage lines and banners, paths, the
// compiler. Names of symbols, messages of libraries and runtimes are left out. If there are
// too many, the most telling stay, of these the first.
//
// The file is read once, in pieces; memory does not grow with it. An error
// says which part could not be read; the result holds what the rest says.
func Interesting(r io.ReaderAt, size int64) (Result, error) {
	res := Result{}
	regions := res.regions(r, size)
	p := picker{seen: map[string]bool{}}
	var errs []error
	for _, g := range regions {
		err := scan(r, g, func(text []byte, offset int64, wide bool) {
			why, from, to := classify(text, g.kind, !res.golang, &p.scratch)
			if why == "" || why == Text && res.static() {
				return
			}
			width := int64(1)
			if wide {
				width = 2
			}
			p.add(String{Text: string(text[from:to]), Offset: offset + int64(from)*width, Wide: wide, Why: why})
		})
		if err != nil {
			errs = append(errs, err)
		}
	}
	res.Strings, res.Found = p.pick(), p.found
	return res, errors.Join(errs...)
}

// picker keeps the first strings of each kind.
type picker struct {
	kept    [len(ranks)][]String
	seen    map[string]bool
	found   int
	scratch []byte
}

func (p *picker) add(s String) {
	rank := slices.Index(ranks[:], s.Why)
	limit := maxStrings
	if s.Why == Compiler {
		limit = 3
	}
	if p.seen[s.Text] {
		return
	}
	if p.found++; len(p.kept[rank]) < limit {
		p.seen[s.Text] = true
		p.kept[rank] = append(p.kept[rank], s)
	}
}

func (p *picker) pick() []String {
	var all []String
	compilers := p.kept[slices.Index(ranks[:], Compiler)]
	room := maxStrings - len(compilers)
	for i, list := range p.kept {
		if ranks[i] != Compiler {
			n := min(room, len(list))
			all = append(all, list[:n]...)
			room -= n
		}
	}
	all = append(all, compilers...)
	slices.SortFunc(all, func(a, b String) int {
		switch {
		case a.Offset != b.Offset:
			return int(min(max(a.Offset-b.Offset, -1), 1))
		case a.Wide != b.Wide && b.Wide:
			return -1
		case a.Wide != b.Wide:
			return 1
		}
		return strings.Compare(a.Text, b.Text)
	})
	return all
}

func (res *Result) note(format string, args ...any) {
	if len(res.Notes) < maxNotes {
		res.Notes = append(res.Notes, fmt.Sprintf(format, args...))
	}
}

const noteStatic = "statically linked"

// static reports whether the program brings its libraries' own messages.
func (res *Result) static() bool { return slices.Contains(res.Notes, noteStatic) }

// regions says which parts of the file to scan. A file that is no ELF, or one
// whose headers cannot be read, is scanned whole.
func (res *Result) regions(r io.ReaderAt, size int64) (list []region) {
	list = []region{{0, size, plain}}
	var head [4]byte
	if n, _ := r.ReadAt(head[:], 0); n < 4 {
		return list
	}
	switch {
	case string(head[:2]) == "#!":
		res.Kind = "script"
		return list
	case string(head[:]) != elf.ELFMAG:
		return list
	}
	res.Kind = "elf"
	defer func() {
		// debug/elf is made for honest files.
		if e := recover(); e != nil {
			res.note("its headers cannot be read: %v", e)
			list = []region{{0, size, plain}}
		}
	}()
	f, err := elf.NewFile(&limited{r: r, left: budget})
	if err != nil {
		res.note("its headers cannot be read: %v", err)
		return list
	}
	res.describe(r, f)
	return sections(f, size)
}

// limited fails when more than left bytes are read through it: the headers of
// a hostile file ask for any amount.
type limited struct {
	r    io.ReaderAt
	left int64
}

func (l *limited) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New("the headers ask for too much")
	}
	return l.r.ReadAt(p, off)
}

func (res *Result) describe(r io.ReaderAt, f *elf.File) {
	res.note("%s, %s", strings.ToLower(strings.TrimPrefix(f.Machine.String(), "EM_")), strings.ToLower(strings.TrimPrefix(f.Type.String(), "ET_")))
	dynamic := false
	for _, p := range f.Progs {
		dynamic = dynamic || p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC
	}
	if !dynamic && f.Type != elf.ET_REL {
		res.note(noteStatic)
	}
	if len(f.Sections) == 0 {
		res.note("no section headers")
	} else if f.Section(".symtab") == nil && f.Type != elf.ET_REL {
		res.note("stripped")
	}
	var magic [4096]byte
	if n, _ := r.ReadAt(magic[:], 0); strings.Contains(string(magic[:n]), "UPX!") {
		res.note("packed with UPX")
	}
	if f.Section(".go.buildinfo") != nil {
		res.golang = true
		if info, err := buildinfo.Read(&limited{r: r, left: budget}); err == nil {
			res.note("made by %q, main package %q", info.GoVersion, info.Path)
		}
	}
}

// sections gives the parts of an ELF file that are worth scanning: sections of
// data, code and comments, and what no section covers. Tables of symbols, of
// relocations and of debugging are left out.
func sections(f *elf.File, size int64) []region {
	type part struct {
		region
		skip bool
	}
	var parts []part
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL || s.Offset > uint64(size) {
			continue
		}
		length := min(s.FileSize, uint64(size)-s.Offset)
		if length == 0 {
			continue
		}
		p := part{region: region{int64(s.Offset), int64(s.Offset + length), data}}
		switch {
		case s.Name == ".comment":
			p.kind = comment
		case s.Type == elf.SHT_PROGBITS && strings.HasPrefix(s.Name, ".debug"), strings.HasPrefix(s.Name, ".zdebug"), strings.HasPrefix(s.Name, ".eh_frame"),
			strings.HasPrefix(s.Name, ".note"), s.Name == ".interp", s.Name == ".gopclntab", s.Name == ".gosymtab", s.Name == ".typelink", s.Name == ".itablink", s.Name == ".gcc_except_table",
			s.Name == ".gnu_debuglink", s.Name == ".gnu_debugdata", s.Type != elf.SHT_PROGBITS:
			p.skip = true
		case s.Flags&elf.SHF_EXECINSTR != 0:
			p.kind = code
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return []region{{0, size, plain}}
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		if a.start != b.start {
			return int(min(max(a.start-b.start, -1), 1))
		}
		return int(min(max(a.end-b.end, -1), 1))
	})
	var list []region
	at := int64(0)
	for _, p := range parts {
		if p.start > at {
			list = append(list, region{at, p.start, plain})
		}
		if start := max(p.start, at); !p.skip && start < p.end {
			list = append(list, region{start, p.end, p.kind})
		}
		at = max(at, p.end)
	}
	if at < size {
		list = append(list, region{at, size, plain})
	}
	return list
}
