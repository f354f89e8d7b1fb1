package systemd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/artifact/systemd"
)

// hostOf makes a server of a directory, through an image made by mke2fs.
func hostOf(t *testing.T, root string) *host.Host {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image, "64M").CombinedOutput(); err != nil {
		t.Fatalf("mke2fs: %v\n%s", err, out)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := ext4.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Assemble(context.Background(), []host.Source{{Image: "image", Volume: volume.Volume{Slot: "bare", Length: int64(len(data))}, FS: fsys}})
	if err != nil {
		t.Fatal(err)
	}
	if errs := h.BuildIndexes(context.Background()); len(errs) > 0 {
		t.Fatal(errs)
	}
	return h
}

// TestListUnitFiles compares the states of units with what systemctl says of
// the same tree: the units of this machine, and some that are enabled, masked,
// linked and overridden for the test.
func TestListUnitFiles(t *testing.T) {
	for _, p := range []string{"systemctl", "mke2fs", "cp"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(p + " is not installed")
		}
	}
	const units = "/usr/lib/systemd/system"
	if _, err := os.Stat(units + "/getty@.service"); err != nil {
		t.Skip("this machine has no units of systemd")
	}
	root := t.TempDir()
	at := func(p string) string { return filepath.Join(root, p) }
	do := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	write := func(p, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(at(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(p), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, p string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(at(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, at(p)); err != nil {
			t.Fatal(err)
		}
	}
	do("mkdir", "-p", at("/usr/lib/systemd"), at("/etc/systemd/system"), at("/run/systemd/system"), at("/dev"))
	do("cp", "-a", units, at("/usr/lib/systemd/"))
	link("usr/lib", "/lib")
	service := "[Service]\nExecStart=/bin/true\n"
	install := service + "[Install]\nWantedBy=multi-user.target\n"
	write(units+"/own.service", install)
	write(units+"/quiet.service", service)
	write(units+"/off.service", install)
	write(units+"/also.service", service+"[Install]\nAlso=off.service\n")
	write(units+"/second.service", service+"[Install]\nAlias=zwei.service\n")
	write(units+"/many@.service", install)
	write(units+"/dflt@.service", install+"DefaultInstance=one\n")
	write(units+"/vend@.service", service)
	write(units+"/empty.service", "")
	write(units+"/tick.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
	write(units+"/tick.service", service)
	write("/etc/systemd/system/local.service", install)
	write("/etc/systemd/system/quiet.service", service+"# again\n")
	write("/opt/app/app.service", install)
	write("/opt/app/plain.service", service)
	link("../vend@.service", units+"/multi-user.target.wants/vend@a.service")
	link("/usr/lib/systemd/system/quiet.service", "/etc/systemd/system/other.service")
	ctl := func(args ...string) {
		t.Helper()
		do("systemctl", append([]string{"--root=" + root, "-q"}, args...)...)
	}
	ctl("enable", "own.service", "second.service", "many@x.service", "many@y.service", "tick.timer", "dflt@.service")
	ctl("link", "/opt/app/app.service")
	ctl("link", "/opt/app/plain.service")
	ctl("mask", "quiet.service.not", "systemd-logind.service", "tick.service")
	out, err := exec.Command("systemctl", "--root="+root, "list-unit-files", "--no-legend", "--no-pager", "--full").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]string{}
	stamped := map[string]bool{}
	for r, err := range artifact.Extract(context.Background(), hostOf(t, root), []*timeline.Extractor{&systemd.Extractor}) {
		if err != nil {
			t.Error(err)
			continue
		}
		u := r.Fields["unit"]
		if old := got[u]; old != nil && (old["state"] != r.Fields["state"] || old["path"] != r.Fields["path"]) {
			t.Errorf("%s is told twice: %v, %v", u, old, r.Fields)
		}
		got[u] = r.Fields
		stamped[u] = stamped[u] || len(r.Stamps) > 0
	}
	n := 0
	for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Fields(l)
		switch filepath.Ext(f[0]) {
		case ".service", ".timer", ".socket", ".path":
		default:
			continue
		}
		switch f[1] {
		case "alias":
			continue // told with the unit
		case "masked":
			if got[f[0]] == nil {
				continue // masks nothing
			}
		}
		n++
		if got[f[0]] == nil || got[f[0]]["state"] != f[1] {
			t.Errorf("%s is %s to systemctl, here %v", f[0], f[1], got[f[0]])
		}
	}
	if n < 60 {
		t.Errorf("only %d units compared", n)
	}
	for _, u := range []string{"own.service", "many@x.service", "tick.timer", "tick.service", "second.service"} {
		if !stamped[u] {
			t.Errorf("%s has no time: %v", u, got[u])
		}
	}
	if f := got["quiet.service"]; f["path"] != "/etc/systemd/system/quiet.service" || f["overrides"] != units+"/quiet.service" {
		t.Errorf("overriding: %v", f)
	}
	if f := got["tick.timer"]; f["command"] != "/bin/true" || f["schedule"] != "OnCalendar=daily" || f["activates_state"] != "masked" {
		t.Errorf("timer: %v", f)
	}
	t.Logf("%d units compared", n)
}
