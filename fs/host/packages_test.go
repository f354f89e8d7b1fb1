package host

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func withFiles(extra tree) tree {
	out := rootTree("")
	maps.Copy(out, extra)
	return out
}

func TestPackagedDpkg(t *testing.T) {
	h := assemble(t, source(makeFS(t, withFiles(tree{
		"var/lib/dpkg/info/coreutils.list":      "/.\n/bin\n/bin/ls\n/bin/cat\n/usr/bin/env\n/usr/share/doc/a b\n",
		"var/lib/dpkg/info/coreutils.md5sums":   "d41d8cd98f00b204e9800998ecf8427e  bin/ls\nnot a line\n0CC175b9c0f1b6a831c399e269772661  usr/share/doc/a b\n",
		"var/lib/dpkg/info/libc6:amd64.list":    "/lib/x86_64-linux-gnu/libc.so.6\n/usr/bin/env\n",
		"var/lib/dpkg/info/dash.list":           "/usr/bin/which\n/usr/bin/sh.distrib\n",
		"var/lib/dpkg/info/base.list":           "/usr/bin/which\n/usr/bin/kept\n",
		"var/lib/dpkg/info/base.conffiles":      "/etc/base.conf\n",
		"var/lib/dpkg/diversions":               "/usr/bin/which\n/usr/bin/which.base\ndash\n/usr/bin/kept\n/usr/bin/kept.real\n:\n",
		"var/lib/dpkg/status":                   "Package: base\nStatus: install ok installed\nConffiles:\n /etc/base.conf 900150983cd24fb0d6963f7d28e17f72\n /etc/old 900150983cd24fb0d6963f7d28e17f72 obsolete\n /etc/new newconffile\nDescription: x\n\nPackage: other\nConffiles:\n /etc/o.conf e2fc714c4727ee9395f324cd2e7f331f\n",
		"usr/games":                             "-> ../tmp",
		"var/lib/dpkg/info/games.list":          "/usr/games/fortune\n",
		"var/lib/dpkg/info/notalist/inner.list": "/x\n",
	})), "a", "bare"))
	both(t, h, func(t *testing.T, h *Host) {
		s := h.Packaged()
		if !s.Known() || s.Manager != "dpkg" || s.Count != 5 || len(s.Damage) > 0 {
			t.Fatalf("%q, %d packages, %v", s.Manager, s.Count, s.Damage)
		}
		for p, want := range map[string]string{
			"/bin/ls": "coreutils", "/usr/bin/ls": "coreutils", "/usr/bin/cat": "coreutils", "/bin/env": "coreutils", "/usr/lib/x86_64-linux-gnu/libc.so.6": "libc6:amd64",
			"/usr/share/doc/a b": "coreutils", "/usr/bin/which": "dash", "/usr/bin/which.base": "base", "/usr/bin/kept": "", "/bin/kept.real": "base",
			"/usr/bin/backdoor": "", "/tmp/fortune": "", "/usr/games/fortune": "games", "/binary/ls": "", "/": "",
		} {
			if got := s.Owner(p); got != want || s.Contains(p) != (want != "") {
				t.Errorf("Owner(%q) = %q, Contains %v, want %q", p, got, s.Contains(p), want)
			}
		}
		var got []string
		var errs []error
		for f, err := range s.Sums() {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			got = append(got, fmt.Sprint(f))
		}
		want := []string{"{coreutils /usr/bin/ls d41d8cd98f00b204e9800998ecf8427e false}", "{coreutils /usr/share/doc/a b 0cc175b9c0f1b6a831c399e269772661 false}",
			"{base /etc/base.conf 900150983cd24fb0d6963f7d28e17f72 true}", "{other /etc/o.conf e2fc714c4727ee9395f324cd2e7f331f true}"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("sums (-want +got):\n%s", d)
		}
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "coreutils.md5sums: line 2") {
			t.Errorf("errors: %v", errs)
		}
	})
}

func TestPackagedOthers(t *testing.T) {
	apk := assemble(t, source(makeFS(t, withFiles(tree{
		"usr/lib/apk/db/installed": "C:Q1x\nP:busybox\nV:1.36\nF:bin\nR:busybox\nM:0:0:1777\nF:etc/init\nR:a\n\nP:musl\nF:lib\nR:ld-musl-x86_64.so.1\n",
	})), "a", "bare")).Packaged()
	if apk.Manager != "apk" || apk.Count != 2 || apk.Owner("/usr/bin/busybox") != "busybox" || apk.Owner("/usr/lib/ld-musl-x86_64.so.1") != "musl" || apk.Contains("/etc/b") {
		t.Errorf("apk: %q %d %q", apk.Manager, apk.Count, apk.Owner("/usr/bin/busybox"))
	}
	pacman := assemble(t, source(makeFS(t, withFiles(tree{
		"var/lib/pacman/local/ALPM_DB_VERSION":  "9\n",
		"var/lib/pacman/local/bash-5.2-1/files": "%FILES%\nusr/\nusr/bin/\nusr/bin/bash\n\n%BACKUP%\netc/bash.bashrc\tabc\n",
		"var/lib/pacman/local/bash-5.2-1/desc":  "%NAME%\nbash\n",
	})), "a", "bare")).Packaged()
	if pacman.Manager != "pacman" || pacman.Owner("/bin/bash") != "bash-5.2-1" || pacman.Contains("/etc/bash.bashrc") {
		t.Errorf("pacman: %q %q", pacman.Manager, pacman.Owner("/bin/bash"))
	}
	rpm := assemble(t, source(makeFS(t, withFiles(tree{"var/lib/rpm/rpmdb.sqlite": "SQLite"})), "a", "bare")).Packaged()
	if rpm.Known() || len(rpm.Damage) != 1 || rpm.Contains("/bin/ls") {
		t.Errorf("a broken database of rpm: %+v", rpm.Damage)
	}
	none := assemble(t, source(makeFS(t, rootTree("")), "a", "bare")).Packaged()
	if none.Known() || len(none.Notes) > 0 || none.Len() != 0 {
		t.Errorf("none: %q %v", none.Manager, none.Notes)
	}
}

// TestPackagedThisMachine compares with what dpkg says of the machine that
// the test runs on.
func TestPackagedThisMachine(t *testing.T) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		t.Skip("dpkg-query is not installed")
	}
	files := rootTree("")
	entries, err := os.ReadDir("/" + dpkgInfo)
	if err != nil {
		t.Skip("no dpkg database here")
	}
	total := 0
	for _, e := range entries {
		if b, err := os.ReadFile(dpkgInfo + "/" + e.Name()); err == nil && strings.HasSuffix(e.Name(), ".list") && total < 3<<20 {
			files[dpkgInfo[1:]+"/"+e.Name()] = string(b)
			total += len(b)
		}
	}
	if b, err := os.ReadFile("/var/lib/dpkg/diversions"); err == nil {
		files["var/lib/dpkg/diversions"] = string(b)
	}
	s := assemble(t, source(makeFS(t, files), "a", "bare")).Packaged()
	if len(s.Damage) > 0 {
		t.Fatal(s.Damage)
	}
	var names []string
	for p := range files {
		if name, ok := strings.CutPrefix(p, dpkgInfo[1:]+"/"); ok {
			names = append(names, strings.TrimSuffix(name, ".list"))
		}
	}
	slices.Sort(names)
	missing := 0
	for _, p := range strings.Split(run(t, "dpkg-query", append([]string{"-L"}, names...)...), "\n") {
		if len(p) < 2 || p[0] != '/' || p == "/." || strings.Contains(p, "divert") {
			continue
		}
		if !s.Contains(p) {
			if missing++; missing < 5 {
				t.Errorf("dpkg lists %q", p)
			}
		}
	}
	if missing > 0 || s.Len() < 100 {
		t.Errorf("%d paths missing of %d", missing, s.Len())
	}
}

// TestPackagedRpm asks rpm itself which package owns a file.
func TestPackagedRpm(t *testing.T) {
	const sample = "../../../shared/data/pkgdb/cbl-mariner-2.0-rpmdb.sqlite.xz"
	if _, err := os.Stat(sample); err != nil {
		t.Skip("the sample is not here: ", err)
	}
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not installed")
	}
	b, err := exec.Command("xz", "-dc", sample).Output()
	if err != nil {
		t.Skip("xz: ", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/rpmdb.sqlite", b, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("rpm", "--dbpath", dir, "--define", "_db_backend sqlite", "-qa", "--qf", "[%{=NAME} %{FILENAMES}\n]").Output()
	if err != nil {
		t.Skip("this rpm cannot read it: ", err)
	}
	s := assemble(t, source(makeFS(t, withFiles(tree{"var/lib/rpm/rpmdb.sqlite": string(b)})), "a", "bare")).Packaged()
	if s.Manager != "rpm" || len(s.Damage) > 0 {
		t.Fatalf("%q, %v", s.Manager, s.Damage)
	}
	owners := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		name, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		owners[path] = append(owners[path], name)
	}
	if len(owners) < 5000 {
		t.Fatalf("rpm names %d files", len(owners))
	}
	for path, names := range owners {
		if !slices.Contains(names, s.Owner(path)) {
			t.Errorf("%q belongs to %q, rpm says %v", path, s.Owner(path), names)
		}
	}
}
