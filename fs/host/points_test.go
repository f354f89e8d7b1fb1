package host

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func points(h *Host) []string {
	var out []string
	for _, m := range h.Mounts {
		out = append(out, m.Volume.Slot+" "+m.Point)
	}
	return out
}

func readString(t *testing.T, h *Host, p string) string {
	t.Helper()
	b, err := h.ReadFile(p, 1<<20)
	if err != nil {
		t.Errorf("%s: %v", p, err)
	}
	return string(b)
}

func TestBinds(t *testing.T) {
	files := rootTree("UUID=" + uuidData + " /mnt/data ext4 defaults\n/mnt/data/www /srv/www none bind 0 0\n/srv/www/site /opt/site none rbind\n" +
		"/ /srv/all none bind\n/nowhere /srv/none none bind\n/usr /usr none bind\n/usr/lib /usr none bind\n")
	files["srv/www/"], files["opt/site/hidden"], files["srv/all/"], files["srv/none/"], files["srv/link"] = "", "below\n", "", "", "-> www/site/index.php"
	data := makeFS(t, tree{"www/site/index.php": "<?php\n", "www/site/up": "-> ../../note", "note": "n\n"}, "-U", uuidData)
	h := assemble(t, source(makeFS(t, files), "d", "gpt:1"), source(data, "d", "gpt:2"))
	if d := cmp.Diff([]Bind{{"/mnt/data/www", "/srv/www", "fstab line 2"}, {"/mnt/data/www/site", "/opt/site", "fstab line 3"}, {"/", "/srv/all", "fstab line 4"}}, h.Binds); d != "" {
		t.Errorf("binds (-want +got):\n%s\n%s", d, strings.Join(h.Notes, "\n"))
	}
	if len(h.Absent) != 0 {
		t.Errorf("absent: %v", h.Absent)
	}
	both(t, h, func(t *testing.T, h *Host) {
		for p, want := range map[string][2]string{
			"/srv/www/site/index.php":       {"<?php\n", "/mnt/data/www/site/index.php"},
			"/opt/site/index.php":           {"<?php\n", "/mnt/data/www/site/index.php"},
			"/srv/link":                     {"<?php\n", "/mnt/data/www/site/index.php"},
			"/srv/www/site/up":              {"n\n", "/mnt/data/note"},
			"/srv/all/srv/all/etc/hostname": {"# name\nweb1\n", "/etc/hostname"},
			"/srv/all/mnt/data/note":        {"n\n", "/mnt/data/note"},
			"/usr/lib/os-release":           {"", "/usr/lib/os-release"},
			"/mnt/data/www/../www/site/up":  {"n\n", "/mnt/data/note"},
		} {
			f, err := h.Open(p)
			if err != nil {
				t.Errorf("%s: %v", p, err)
				continue
			}
			if b, _ := f.ReadAll(1 << 20); f.Real != want[1] || want[0] != "" && string(b) != want[0] {
				t.Errorf("%s is %s with %q, want %q", p, f.Real, b, want)
			}
		}
		if got := h.Glob("/srv/www/*/*.php"); !slices.Equal(got, []string{"/srv/www/site/index.php"}) {
			t.Errorf("glob: %v", got)
		}
	})
}

func TestMountUnits(t *testing.T) {
	files := rootTree("UUID=" + uuidHome + " /mnt/data ext4\n")
	files["etc/systemd/system/mnt-data.mount"] = "[Unit]\nDescription=Data\n[Mount]\nWhat=/dev/disk/by-uuid/" + uuidData + "\nWhere=/mnt/data\nType=ext4\n[Install]\nWantedBy=multi-user.target\n"
	files["etc/systemd/system/multi-user.target.wants/mnt-data.mount"] = "-> ../mnt-data.mount"
	files["etc/systemd/system/var-log.mount"] = "[Mount]\nWhat=LABEL=logs\\x20of\nWhere = /var/log/\n"
	files["etc/systemd/system/tmp.mount"] = "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\n"
	files["etc/systemd/system/mnt-x.mount"] = "[Mount]\nWhat=/dev/nowhere/x\nWhere=/mnt/x\n"
	h := assemble(t, source(makeFS(t, files), "d", "gpt:1"), source(makeFS(t, tree{"f": "data"}, "-U", uuidData), "d", "gpt:2"),
		source(makeFS(t, tree{"auth.log": "l"}, "-L", "logs of"), "d", "gpt:3"), source(makeFS(t, tree{"f": "home"}, "-U", uuidHome), "d", "gpt:4"))
	if d := cmp.Diff([]string{"gpt:1 /", "gpt:4 /<gpt:4>", "gpt:2 /mnt/data", "gpt:3 /var/log"}, points(h)); d != "" {
		t.Errorf("mounts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Absent{{"/dev/nowhere/x", "/mnt/x", ""}}, h.Absent); d != "" {
		t.Errorf("absent (-want +got):\n%s", d)
	}
	notes := strings.Join(h.Notes, "\n")
	if !strings.Contains(notes, "var-log.mount: /var/log is not mounted by itself") || strings.Contains(notes, "/mnt/data is not mounted by itself") {
		t.Errorf("notes:\n%s", notes)
	}
}

func TestPartitionTypes(t *testing.T) {
	typed := func(s Source, guid string) Source {
		s.Volume.TypeID = guid
		return s
	}
	files := rootTree("")
	files["srv/own"] = "the root's\n"
	all := func(root tree) []Source {
		return []Source{
			typed(source(makeFS(t, root), "d", "gpt:1"), "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
			typed(source(makeFS(t, tree{"alice/x": "1"}), "d", "gpt:2"), "933ac7e1-2eb4-4f13-b844-0e14e2aef915"),
			typed(source(makeFS(t, tree{"log/auth.log": "1"}), "d", "gpt:3"), "4d21b016-b534-45c2-a9fb-5c16e091fd2d"),
			typed(source(makeFS(t, tree{"s": "1"}), "d", "gpt:4"), "3b8f8425-20e0-4f3b-907f-1a25a76f98e8"),     // would cover files
			typed(source(makeFS(t, tree{"t": "1"}), "other", "gpt:5"), "7ec6f557-3bc5-4aca-b293-16ef5df639d1"), // another disk
			source(makeFS(t, tree{"d": "1"}, "-M", "/data"), "d", "gpt:6"),
			source(makeFS(t, tree{"d": "1"}, "-M", "/etc"), "d", "gpt:7"),
		}
	}
	h := assemble(t, all(files)...)
	if d := cmp.Diff([]string{"gpt:1 /", "gpt:4 /<gpt:4>", "gpt:5 /<gpt:5>", "gpt:7 /<gpt:7>", "gpt:6 /data", "gpt:2 /home", "gpt:3 /var"}, points(h)); d != "" {
		t.Errorf("mounts (-want +got):\n%s\n%s", d, strings.Join(h.Notes, "\n"))
	}
	if n := strings.Join(h.Notes, "\n"); !strings.Contains(n, "the type of its partition says that it is /home") || !strings.Contains(n, "last mounted there") {
		t.Errorf("notes:\n%s", n)
	}
	// Where fstab names volumes, the superblock's hint is none.
	files["etc/fstab"] = "UUID=" + uuidData + " /mnt/data ext4\n"
	h = assemble(t, all(files)...)
	if !slices.Contains(points(h), "gpt:6 /<gpt:6>") || !slices.Contains(points(h), "gpt:2 /home") {
		t.Errorf("with an fstab: %v", points(h))
	}
}

func TestChosenRoot(t *testing.T) {
	a, b := rootTree("UUID="+uuidVar+" / ext4\nUUID="+uuidHome+" /home ext4\n"), rootTree("UUID="+uuidHome+" /var ext4\n")
	b["etc/hostname"] = "rescue\n"
	sources := []Source{source(makeFS(t, a, "-U", uuidVar), "d", "mbr:1"), source(makeFS(t, b), "d", "mbr:2"), source(makeFS(t, tree{"x": "1"}, "-U", uuidHome), "d", "mbr:3")}
	h := assemble(t, sources...)
	if d := cmp.Diff([]Other{{"d", "mbr:2", `Example Linux 9 ("nine")`, "rescue"}}, h.Others); d != "" || h.Name != "web1" {
		t.Errorf("%s: others (-want +got):\n%s", h.Name, d)
	}
	h, err := AssembleAt(context.Background(), sources, "mbr:2")
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != "rescue" || len(h.Others) != 1 || h.Others[0].Slot != "mbr:1" || h.Mounts[0].How != "it was chosen" {
		t.Errorf("chosen: %s, others %v", h.Name, h.Others)
	}
	if readString(t, h, "/var/x") != "1" {
		t.Error("the other system's fstab was not followed")
	}
	if _, err := AssembleAt(context.Background(), sources, "mbr:9"); err == nil {
		t.Error("a slot that is not there is no error")
	}
}
