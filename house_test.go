package deadbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "deadbox"

// house says which packages of ours each package may import: the table of
// ARCHITECTURE.md. The first row whose pattern matches counts. In a pattern,
// "*" stands for one element of a path, as in path.Match.
var house = []struct {
	pkg string
	may []string
}{
	{"image", nil},
	{"image/volume", nil},
	{"internal/inorder", nil},
	{"internal/unpack", nil},
	{"internal/sqlite", nil},
	{"internal/rpmdb", []string{"internal/sqlite"}},
	{"internal/logmsg", nil},
	{"internal/logtime", nil},
	{"internal/webconf", nil},
	{"fs/filesystem", nil},
	{"fs/ext4", []string{"fs/filesystem", "internal/inorder"}},
	{"fs/tree", []string{"fs/filesystem", "internal/unpack"}},
	{"fs/detect", []string{"fs/filesystem", "fs/ext4"}},
	{"fs/content", []string{"fs/filesystem"}},
	{"fs/content/textscan", nil},
	{"fs/deleted", []string{"fs/filesystem", "fs/ext4", "fs/content"}},
	{"fs/host", []string{"fs/filesystem", "fs/detect", "image/volume", "internal/rpmdb"}},
	{"timeline", []string{"fs/filesystem", "fs/content", "fs/host", "internal/inorder"}},
	{"timeline/artifact", []string{"timeline", "timeline/artifact/*", "fs/filesystem", "fs/content", "fs/host", "internal/*"}},
	{"timeline/artifact/*", []string{"timeline", "fs/filesystem", "internal/*"}},
	{"timeline/carved", []string{"timeline", "timeline/artifact", "fs/filesystem", "fs/content", "fs/host", "internal/inorder", "internal/unpack"}},
	{"timeline/baseline", []string{"timeline", "fs/filesystem", "fs/content", "fs/host", "internal/inorder"}},
	{"rules", []string{"timeline", "fs/filesystem", "fs/content"}},
	{"rules/builtin", []string{"rules", "timeline", "fs/filesystem"}},
	{"report", []string{"rules", "timeline", "fs/filesystem", "fs/host", "image", "image/volume", "internal/inorder"}},
	{"report/triage", []string{"timeline", "timeline/artifact", "report", "fs/filesystem", "fs/content", "fs/host", "internal/*"}},
	{"cmd/deadbox", []string{"*", "*/*", "*/*/*"}},
}

// guests says which packages of ours may import a module of others, outside
// of tests. A module that no row names may be imported nowhere.
var guests = []struct {
	prefix string
	may    []string
}{
	{"github.com/spf13/cobra", []string{"cmd/deadbox"}},
	{"github.com/spf13/pflag", []string{"cmd/deadbox"}},
	{"github.com/olekukonko/tablewriter", []string{"cmd/deadbox", "report"}},
	{"github.com/diskfs/go-diskfs", []string{"image/volume"}},
	{"github.com/klauspost/compress", []string{"internal/unpack", "timeline/artifact/journald", "report/triage"}},
	{"github.com/ulikunitz/xz", []string{"internal/unpack", "timeline/artifact/journald"}},
	{"github.com/pierrec/lz4", []string{"internal/unpack", "timeline/artifact/journald"}},
	{"github.com/elastic/go-libaudit", []string{"timeline/artifact/auditd"}},
	{"golang.org/x/", []string{"*", "*/*", "*/*/*"}},
}

type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []listed
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			pkgs = append(pkgs, p)
		}
	}
	if len(pkgs) < 2 {
		t.Fatalf("go list names %d packages", len(pkgs))
	}
	return pkgs
}

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, pkg)
		return err == nil && ok
	})
}

// complaints says what is wrong with the imports of a package.
func complaints(p listed) []string {
	pkg := strings.TrimPrefix(p.ImportPath, module+"/")
	var may []string
	known := false
	for _, row := range house {
		if matches([]string{row.pkg}, pkg) {
			may, known = row.may, true
			break
		}
	}
	if !known {
		return []string{pkg + " has no row in the table of the house"}
	}
	var out []string
	for _, i := range p.Imports {
		if ours, ok := strings.CutPrefix(i, module+"/"); ok {
			if !matches(may, ours) {
				out = append(out, pkg+" may not import "+ours)
			}
			continue
		}
		if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") {
			continue // the standard library
		}
		welcome := false
		for _, g := range guests {
			if strings.HasPrefix(i, g.prefix) && matches(g.may, pkg) {
				welcome = true
			}
		}
		if !welcome {
			out = append(out, pkg+" may not import "+i)
		}
	}
	return out
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, c := range complaints(p) {
			t.Error(c)
		}
	}
}

// The test above would be worth nothing if it could not fail.
func TestImportsComplains(t *testing.T) {
	for _, c := range []struct {
		pkg, imports string
		want         bool
	}{
		{"deadbox/fs/filesystem", "deadbox/image", true},
		{"deadbox/fs/ext4", "deadbox/fs/filesystem", false},
		{"deadbox/fs/ext4", "deadbox/timeline", true},
		{"deadbox/timeline/artifact/syslog", "deadbox/timeline", false},
		{"deadbox/timeline/artifact/syslog", "deadbox/timeline/artifact/weblog", true},
		{"deadbox/timeline", "deadbox/timeline/artifact", true},
		{"deadbox/attic", "io", true},
		{"deadbox/fs/ext4", "io", false},
		{"deadbox/image/volume", "github.com/diskfs/go-diskfs/partition/gpt", false},
		{"deadbox/fs/ext4", "github.com/dsoprea/go-ext4", true},
		{"deadbox/timeline", "github.com/spf13/cobra", true},
		{"deadbox/cmd/deadbox", "deadbox/timeline/artifact", false},
	} {
		got := complaints(listed{ImportPath: c.pkg, Imports: []string{c.imports}})
		if (len(got) > 0) != c.want {
			t.Errorf("%s imports %s: complaints %v, want some: %t", c.pkg, c.imports, got, c.want)
		}
	}
}

// Nothing happens before main: lists are explicit values.
func TestNoInit(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				continue
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has an init function", filepath.Join(p.Dir, name))
				}
			}
		}
	}
}
