package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// system is the tree of a small system below a directory.
func addSystem(files tree, dir, name string) {
	files[dir+"/etc/passwd"] = "root:x:0:0::/root:/bin/sh\n"
	files[dir+"/etc/os-release"] = "PRETTY_NAME=\"" + name + "\"\nID=x\n"
	files[dir+"/usr/bin/sh"] = "\x7fELF"
	files[dir+"/bin"] = "-> usr/bin"
	files[dir+"/var/lib/dpkg/info/dash.list"] = "/.\n/usr\n/usr/bin/sh\n"
}

func hexID(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// dockerTree writes a store as Docker 20.10 makes it: an image of two layers,
// and a container.
func dockerTree(files tree, root string) (base, second, container, start string) {
	base, second, container, start = hexID("c1"), hexID("c2"), hexID("m1"), hexID("m1")+"-init"
	d1, d2 := "sha256:"+hexID("d1"), "sha256:"+hexID("d2")
	sum := sha256.Sum256([]byte(d1 + " " + d2))
	chain1, chain2 := hexID("d1"), hex.EncodeToString(sum[:])
	image, id := hexID("image"), hexID("container")
	addSystem(files, root+"/overlay2/"+base+"/diff", "Base 1")
	files[root+"/overlay2/"+second+"/diff/app/run"] = "#!/bin/sh\n"
	files[root+"/overlay2/"+container+"/diff/tmp/x"] = "x"
	files[root+"/overlay2/"+start+"/diff/etc/hostname"] = ""
	files[root+"/overlay2/l/AAAA"] = "-> ../" + base + "/diff"
	meta := root + "/image/overlay2"
	files[meta+"/layerdb/sha256/"+chain1+"/cache-id"] = base
	files[meta+"/layerdb/sha256/"+chain1+"/diff"] = d1
	files[meta+"/layerdb/sha256/"+chain2+"/cache-id"] = second
	files[meta+"/layerdb/sha256/"+chain2+"/parent"] = "sha256:" + chain1
	files[meta+"/layerdb/mounts/"+id+"/mount-id"] = container
	files[meta+"/layerdb/mounts/"+id+"/init-id"] = start
	files[meta+"/layerdb/mounts/"+id+"/parent"] = "sha256:" + chain2
	files[meta+"/imagedb/content/sha256/"+image] = fmt.Sprintf(`{"created":"2024-05-01T10:00:00.5Z","rootfs":{"type":"layers","diff_ids":[%q,%q]}}`, d1, d2)
	files[meta+"/repositories.json"] = fmt.Sprintf(`{"Repositories":{"app":{"app:2":"sha256:%s","app@sha256:%s":"sha256:%s"}}}`, image, hexID("digest"), image)
	files[root+"/containers/"+id+"/config.v2.json"] = fmt.Sprintf(`{"ID":%q,"Name":"/web","Image":"sha256:%s","Created":"2024-05-02T11:00:00Z","Config":{"Image":"app:2"}}`, id, image)
	return
}

func TestTrees(t *testing.T) {
	files := rootTree("")
	base, second, container, start := dockerTree(files, "var/lib/docker")
	addSystem(files, "srv/chroot/sid", "Sid")
	addSystem(files, "srv/a/b/c/d/e/deep", "Deep")
	addSystem(files, "home/jail", "Jail")
	addSystem(files, "tmp/jail", "Not one")
	addSystem(files, "var/lib/lxc/ct1/rootfs", "LXC")
	addSystem(files, "var/lib/machines/m1", "Machine")
	addSystem(files, ".snapshots/1/snapshot", "Then")
	files["srv/notone/etc/passwd"], files["srv/notone/usr/"], files["srv/notone/bin/"] = "x", "", ""
	files["home/alice/.local/share/containers/storage/overlay/"+hexID("p1")+"/diff/tmp/f"] = "1"
	files["home/alice/.local/share/containers/storage/overlay/"+hexID("p2")+"/diff/etc/x"] = "1"
	files["home/alice/.local/share/containers/storage/overlay-layers/layers.json"] = fmt.Sprintf(`[{"id":%q,"created":"2024-01-01T00:00:00Z"},{"id":%q,"parent":%q,"created":"2024-02-01T00:00:00Z"}]`, hexID("p2"), hexID("p1"), hexID("p2"))
	files["home/alice/.local/share/containers/storage/overlay-images/images.json"] = fmt.Sprintf(`[{"id":"i1","names":["localhost/base:1"],"layer":%q}]`, hexID("p2"))
	files["home/alice/.local/share/containers/storage/overlay-containers/containers.json"] = fmt.Sprintf(`[{"id":"k1","names":["pweb"],"image":"i1","layer":%q,"created":"2024-02-01T00:00:00Z"}]`, hexID("p1"))
	files["var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/etc/x"] = "1"
	files["home/alice/site/.git/config"] = "[core]\n"
	fsys := makeFS(t, files)

	list := func(h *Host) []string {
		var out []string
		for _, s := range h.Trees() {
			out = append(out, strings.Join([]string{s.Path, s.Kind, s.Store, s.Name, s.Image, s.OS}, "|"))
		}
		return out
	}
	docker := func(id, kind, name, os string) string {
		return "/var/lib/docker/overlay2/" + id + "/diff|" + kind + "|docker|" + name + "|app:2|" + os
	}
	store := "/home/alice/.local/share/containers/storage/overlay/"
	want := []string{
		"/.snapshots/1/snapshot|snapshot||snapshot||Then",
		store + hexID("p1") + "/diff|container-layer|podman|pweb|localhost/base:1|",
		store + hexID("p2") + "/diff|container-image-layer|podman||localhost/base:1|",
		"/home/jail|chroot||jail||Jail",
		"/srv/a/b/c/d/e/deep|chroot||deep||Deep",
		"/srv/chroot/sid|chroot||sid||Sid",
		"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs|container-image-layer|containerd|||",
		docker(base, "container-image-layer", "", "Base 1"), docker(second, "container-image-layer", "", ""),
		docker(container, "container-layer", "web", ""), docker(start, "container-image-layer", "web", ""),
		"/var/lib/lxc/ct1/rootfs|container|lxc|ct1||LXC", "/var/lib/machines/m1|machine|nspawn|m1||Machine",
	}
	slices.Sort(want)
	without := assemble(t, source(fsys, "d", "bare"))
	shallow := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return strings.Contains(s, "/deep|") })
	if d := cmp.Diff(shallow, list(without)); d != "" {
		t.Errorf("without index (-want +got):\n%s", d)
	}
	h := assemble(t, source(fsys, "d", "bare"))
	if errs := h.BuildIndexes(t.Context()); len(errs) > 0 {
		t.Fatal(errs)
	}
	if d := cmp.Diff(want, list(h)); d != "" {
		t.Errorf("with index (-want +got):\n%s", d)
	}
	web := h.SubtreeOf("/var/lib/docker/overlay2/" + container + "/diff/tmp/x")
	if web == nil || web.Name != "web" || web.Merged != "/var/lib/docker/overlay2/"+container+"/merged" || web.Created.Format("2006-01-02 15") != "2024-05-02 11" {
		t.Fatalf("the container's layer: %+v", web)
	}
	at := "/var/lib/docker/overlay2/"
	if d := cmp.Diff([]string{at + container + "/diff", at + start + "/diff", at + second + "/diff", at + base + "/diff"}, web.Layers); d != "" {
		t.Errorf("layers (-want +got):\n%s", d)
	}
	for p, want := range map[string]string{"/etc/passwd": "", "/": "", "/srv": "", "/srv/chroot": "", "/srv/chroot/sid": "/srv/chroot/sid", "/srv/chroot/sid/x/y": "/srv/chroot/sid",
		"/srv/chroot/sidx": "", "/var/lib/docker/containers/x": "", "relative": "", "": ""} {
		got := ""
		if s := h.SubtreeOf(p); s != nil {
			got = s.Path
		}
		if got != want {
			t.Errorf("%q lies in %q, want %q", p, got, want)
		}
	}
	for p, want := range map[string][2]bool{
		"/srv/chroot/sid/usr/bin/sh":                  {true, true},
		"/srv/chroot/sid/usr/bin/evil":                {false, true},
		at + container + "/diff/usr/bin/sh":           {true, true}, // of the layer below
		at + container + "/diff/tmp/x":                {false, true},
		at + base + "/diff/usr/bin/sh":                {true, true},
		at + base + "/diff/usr/bin/other":             {false, false},
		store + hexID("p2") + "/diff/etc/x":           {false, false},
		"/usr/bin/ls":                                 {false, false},
		"/.snapshots/1/snapshot/usr/bin/sh":           {true, true},
		"/.snapshots/1/snapshot/etc/nobody/brings/it": {false, true},
	} {
		if got := h.Vouched(p); got != (want[0] || p == at+base+"/diff/usr/bin/other" || p == store+hexID("p2")+"/diff/etc/x") {
			t.Errorf("%s: vouched %v", p, got)
		}
		if packaged, known := h.PackagedAt(p); packaged != want[0] || known != want[1] {
			t.Errorf("%s: packaged %v, known %v; want %v", p, packaged, known, want)
		}
	}
	for _, h := range []*Host{h, without} {
		if got := h.Glob("/**/passwd"); !slices.Equal(got, []string{"/etc/passwd", "/srv/notone/etc/passwd", "/tmp/jail/etc/passwd"}) {
			t.Errorf("glob from the root: %v", got)
		}
		if got := h.Glob("/home/**/etc/x"); len(got) != 0 {
			t.Errorf("glob into a layer: %v", got)
		}
		if got := h.Glob("/srv/chroot/sid/**/passwd"); !slices.Equal(got, []string{"/srv/chroot/sid/etc/passwd"}) {
			t.Errorf("glob that begins in a chroot: %v", got)
		}
		for _, home := range h.Homes() {
			if home.Path == "/home/jail" {
				t.Error("a chroot in /home counts as somebody's home")
			}
		}
		if n := strings.Join(h.TreeNotes(), "\n"); !strings.Contains(n, "2 layers of a container") || !strings.Contains(n, "1 snapshot of containerd") {
			t.Errorf("notes: %s", n)
		}
	}
}

func TestBelow(t *testing.T) {
	files := rootTree("")
	addSystem(files, "srv/jail", "Jail")
	files["srv/jail/etc/hostname"], files["srv/jail/abs"], files["srv/jail/up"] = "jail\n", "-> /etc/hostname", "-> ../../../etc/hostname"
	h := assemble(t, source(makeFS(t, files), "d", "bare"))
	in := h.Below("/srv/jail")
	for _, p := range []string{"/etc/hostname", "/abs", "/up", "/../etc/hostname"} {
		if got := readString(t, in, p); got != "jail\n" {
			t.Errorf("%s in the jail is %q", p, got)
		}
	}
	if got := in.Glob("/etc/*"); !slices.Equal(got, []string{"/etc/hostname", "/etc/os-release", "/etc/passwd"}) {
		t.Errorf("glob in the jail: %v", got)
	}
	if h.Below("/etc/hostname") != nil || h.Below("/nothing") != nil {
		t.Error("what is no directory has something below")
	}
}
