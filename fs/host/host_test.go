package host

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"deadbox/fs/filesystem"
)

const uuidVar, uuidLog, uuidHome, uuidData = "11111111-2222-3333-4444-555555555501", "11111111-2222-3333-4444-555555555502",
	"11111111-2222-3333-4444-555555555503", "11111111-2222-3333-4444-555555555504"

func rootTree(fstab string) tree {
	return tree{
		"bin": "-> usr/bin", "sbin": "-> usr/sbin", "lib": "-> usr/lib", "usr/bin/ls": "\x7fELF", "usr/sbin/": "", "usr/lib/os-release": "NAME=\"Example\"\nPRETTY_NAME=\"Example Linux 9 (\\\"nine\\\")\"\nID=example\n",
		"etc/os-release": "-> ../usr/lib/os-release", "etc/hostname": "# name\nweb1\n", "etc/fstab": fstab,
		"etc/passwd":    "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\nwww:x:33:33::/var/www:/bin/false\nghost:x:7:7::/nonexistent:/bin/false\n",
		"etc/localtime": "-> /usr/share/zoneinfo/Europe/Berlin", "root/.bash_history": "id\n", "var/": "", "home/": "", "dev/": "", "proc/": "", "boot/vmlinuz-6.1.0-9-amd64": "k", "boot/vmlinuz-6.1.0-10-amd64": "k",
		"usr/lib/modules/5.10.0-1-amd64/modules.dep": "", "tmp/": "", "mnt/data/": "",
	}
}

func TestAssembleByFstab(t *testing.T) {
	root := makeFS(t, rootTree("# <fs> <point> <type>\nUUID="+uuidVar+" /var ext4 defaults 0 2\n"+
		"/dev/disk/by-uuid/"+uuidLog+"\t/var/log\text4\n"+
		"LABEL=\"my\\040home\" /home ext4 defaults\n/dev/sda5 /mnt/data auto\nUUID=0000-0001 /boot/efi vfat umask=0077\n"+
		"10.0.0.1:/x /mnt/nfs nfs ro\n/dev/cdrom /media/cdrom udf,iso9660 user,noauto\nproc /proc proc\n/swap none swap sw\n"), "-L", "root")
	vr := makeFS(t, tree{"www/index.php": "<?php", "log/": ""}, "-U", uuidVar)
	lg := makeFS(t, tree{"auth.log": "line\n", "apache2/access.log": "get\n"}, "-U", uuidLog)
	hm := makeFS(t, tree{"alice/.bash_history": "ls\n", "bob/.bash_history": "pwd\n", "bob/x": "-> /var/log/auth.log"}, "-U", uuidHome, "-L", "my home")
	data := makeFS(t, tree{"file": "data\n", "up": "-> ../../etc/hostname", "abs": "-> /var/www/index.php"}, "-U", uuidData)
	extra := makeFS(t, tree{"lonely": "1"})
	h := assemble(t, source(vr, "disk.dd", "gpt:2"), source(lg, "disk.dd", "gpt:3"), source(root, "disk.dd", "gpt:1"), source(hm, "disk.dd", "gpt:4"),
		source(data, "disk.dd", "gpt:5"), source(extra, "disk.dd", "gpt:6"))

	var points []string
	for _, m := range h.Mounts {
		points = append(points, m.Volume.Slot+" "+m.Point)
	}
	want := []string{"gpt:1 /", "gpt:6 /<gpt:6>", "gpt:4 /home", "gpt:5 /mnt/data", "gpt:2 /var", "gpt:3 /var/log"}
	if d := cmp.Diff(want, points); d != "" {
		t.Errorf("mounts (-want +got):\n%s\n%s", d, strings.Join(h.Notes, "\n"))
	}
	if d := cmp.Diff([]Absent{{"UUID=0000-0001", "/boot/efi", "vfat"}, {"10.0.0.1:/x", "/mnt/nfs", "nfs"}}, h.Absent); d != "" {
		t.Errorf("absent (-want +got):\n%s", d)
	}
	if notes := strings.Join(h.Notes, "\n"); !strings.Contains(notes, "gpt:6 of disk.dd") || !strings.Contains(notes, "/boot/efi") || strings.Contains(notes, "cdrom") {
		t.Errorf("notes:\n%s", notes)
	}
	if len(h.Damage) > 0 {
		t.Errorf("damage: %v", h.Damage)
	}

	both(t, h, func(t *testing.T, h *Host) {
		for _, tc := range []struct{ path, real, content string }{
			{"/etc/hostname", "/etc/hostname", "# name\nweb1\n"},
			{"/var/log/auth.log", "/var/log/auth.log", "line\n"},
			{"//var/./log/../log/auth.log", "/var/log/auth.log", "line\n"},
			{"/home/bob/x", "/var/log/auth.log", "line\n"},
			{"/mnt/data/up", "/etc/hostname", "# name\nweb1\n"},
			{"/mnt/data/abs", "/var/www/index.php", "<?php"},
			{"/mnt/data/../../var/www/index.php", "/var/www/index.php", "<?php"},
			{"/<gpt:6>/lonely", "/<gpt:6>/lonely", "1"},
			{"/bin/ls", "/usr/bin/ls", "\x7fELF"},
			{"/../../etc/os-release", "/usr/lib/os-release", ""},
		} {
			f, err := h.Open(tc.path)
			if err != nil {
				t.Errorf("%s: %v", tc.path, err)
				continue
			}
			if f.Real != tc.real {
				t.Errorf("%s leads to %s, want %s", tc.path, f.Real, tc.real)
			}
			if b, err := f.ReadAll(1 << 20); err != nil || tc.content != "" && string(b) != tc.content {
				t.Errorf("%s holds %q, %v", tc.path, b, err)
			}
		}
		for _, tc := range []struct {
			path string
			want error
		}{{"/nothing", fs.ErrNotExist}, {"/etc/hostname/x", nil}, {"/etc", nil}, {"/etc/hostname/", nil}, {"/etc/\x00", fs.ErrInvalid}} {
			f, err := h.Open(tc.path)
			var p *fs.PathError
			if f != nil || !errors.As(err, &p) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%q: %v, %v", tc.path, f, err)
			}
		}
		if _, in, real, err := h.Find("/home/bob/x", false); err != nil || in.Mode.Type() != filesystem.Symlink || real != "/home/bob/x" {
			t.Errorf("the link itself: %v %v %v", in, real, err)
		}
		var names []string
		list, err := h.List(h.Root(), "/")
		for _, c := range list {
			names = append(names, c.Name)
		}
		if !slices.IsSorted(names) || !slices.Contains(names, "<gpt:6>") || err != nil {
			t.Errorf("the root lists %v, %v", names, err)
		}
		for _, c := range list {
			if c.Mount != (c.Name == "var" || c.Name == "home" || c.Name == "<gpt:6>") {
				t.Errorf("%s: is mount %v", c.Name, c.Mount)
			}
		}
	})
}

func TestFacts(t *testing.T) {
	h := assemble(t, source(makeFS(t, rootTree("")), "a", "bare"))
	if h.Name != "web1" || h.OS != `Example Linux 9 ("nine")` || h.OSID != "example" {
		t.Errorf("name %q, system %q, %q", h.Name, h.OS, h.OSID)
	}
	if d := cmp.Diff([]string{"5.10.0-1-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64"}, h.Kernels); d != "" {
		t.Errorf("kernels (-want +got):\n%s", d)
	}
	if h.ZoneName != "Europe/Berlin" || !strings.Contains(h.ZoneFrom, "built into") {
		t.Errorf("zone %q from %q", h.ZoneName, h.ZoneFrom)
	}
	if _, off := time.Date(2024, 7, 1, 0, 0, 0, 0, h.Zone).Zone(); off != 7200 {
		t.Errorf("summer in Berlin is %d seconds from UTC", off)
	}
	var names []string
	for _, a := range h.Accounts {
		names = append(names, a.Name)
	}
	if d := cmp.Diff([]string{"root", "daemon", "alice", "www", "ghost"}, names); d != "" {
		t.Errorf("accounts (-want +got):\n%s", d)
	}
	if a := h.Accounts[2]; a != (Account{"alice", 1000, 1000, "/home/alice", "/bin/sh", 4}) {
		t.Errorf("alice is %+v", a)
	}
	act := h.Activity()
	if !act.First.Known || !act.Last.Known || act.First.Compare(act.Last) > 0 || act.LastFrom == "" {
		t.Errorf("activity %+v", act)
	}
	if h.AccountName(33) != "www" || h.AccountName(99) != "" {
		t.Error("account names by id are wrong")
	}
}

func TestOldReleases(t *testing.T) {
	for _, tc := range []struct {
		files    tree
		os, id   string
		hostname string
	}{
		{tree{"etc/debian_version": "3.0\n", "etc/hostname": "old\n"}, "Debian GNU/Linux 3.0", "debian", "old"},
		{tree{"etc/redhat-release": "Red Hat Linux release 7.1 (Seawolf)\n", "etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=\"rh.example.org\"\n"}, "Red Hat Linux release 7.1 (Seawolf)", "rhel", "rh.example.org"},
		{tree{"etc/centos-release": "CentOS release 6.10 (Final)\n", "etc/redhat-release": "-> centos-release", "etc/HOSTNAME": "suse\n"}, "CentOS release 6.10 (Final)", "centos", "suse"},
		{tree{"etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_DESCRIPTION=\"Ubuntu 8.04\"\n"}, "Ubuntu 8.04", "ubuntu", ""},
		{tree{"usr/lib/os-release": "NAME=Some\nVERSION='1 & 2'\nID=some\n"}, "Some 1 & 2", "some", ""},
	} {
		tc.files["etc/passwd"] = "root:x:0:0::/root:/bin/sh\n"
		tc.files["usr/bin/"], tc.files["var/"], tc.files["root/"] = "", "", ""
		h := assemble(t, source(makeFS(t, tc.files), "a", "bare"))
		if h.OS != tc.os || h.OSID != tc.id || h.Name != tc.hostname {
			t.Errorf("got %q, %q, %q; want %q, %q, %q", h.OS, h.OSID, h.Name, tc.os, tc.id, tc.hostname)
		}
	}
}

func TestZone(t *testing.T) {
	const dir = "/usr/share/zoneinfo"
	berlin, err := os.ReadFile(dir + "/Europe/Berlin")
	if err != nil {
		t.Skip("this machine has no time zones")
	}
	tokyo, err := os.ReadFile(dir + "/Asia/Tokyo")
	if err != nil {
		t.Skip("this machine has no time zones")
	}
	base := func(extra tree) tree {
		out := rootTree("")
		delete(out, "etc/localtime")
		for k, v := range extra {
			out[k] = v
		}
		return out
	}
	for name, tc := range map[string]struct {
		files      tree
		zone, from string
		note       string
	}{
		"link to a file": {base(tree{"etc/localtime": "-> ../usr/share/zoneinfo/posix/Asia/Tokyo", "usr/share/zoneinfo/posix/Asia/Tokyo": string(tokyo)}), "Asia/Tokyo", "a link to", ""},
		// What the server's own rules say counts, not what this program knows of the name.
		"own rules":           {base(tree{"etc/localtime": "-> /usr/share/zoneinfo/Europe/Berlin", "usr/share/zoneinfo/Europe/Berlin": string(tokyo)}), "Europe/Berlin", "a link to", ""},
		"copy, named":         {base(tree{"etc/localtime": string(berlin), "etc/timezone": "Europe/Berlin\n", "usr/share/zoneinfo/Europe/Berlin": string(berlin)}), "Europe/Berlin", "/etc/timezone", ""},
		"copy, misnamed":      {base(tree{"etc/localtime": string(berlin), "etc/timezone": "Asia/Tokyo\n", "usr/share/zoneinfo/Asia/Tokyo": string(tokyo), "usr/share/zoneinfo/CET": string(berlin), "usr/share/zoneinfo/Europe/Berlin": string(berlin)}), "Europe/Berlin", "a copy of", "says Asia/Tokyo"},
		"copy, no zones":      {base(tree{"etc/localtime": string(berlin)}), "CET-1CEST,M3.5.0,M10.5.0/3", "the rules in", ""},
		"timezone only":       {base(tree{"etc/timezone": "Asia/Tokyo\n"}), "Asia/Tokyo", "/etc/timezone", ""},
		"clock":               {base(tree{"etc/sysconfig/clock": "ZONE=\"Asia/Tokyo\"\nUTC=true\n"}), "Asia/Tokyo", "/etc/sysconfig/clock", ""},
		"nothing":             {base(nil), "UTC", "assumed", ""},
		"hostile":             {base(tree{"etc/timezone": "../../etc/passwd\n", "etc/localtime": "TZif2" + strings.Repeat("\xff", 60)}), "UTC", "assumed", ""},
		"link out of nowhere": {base(tree{"etc/localtime": "-> ../../../../../tmp/zone"}), "UTC", "assumed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := assemble(t, source(makeFS(t, tc.files), "a", "bare"))
			if h.ZoneName != tc.zone || !strings.Contains(h.ZoneFrom, tc.from) {
				t.Errorf("zone %q from %q, want %q from %q", h.ZoneName, h.ZoneFrom, tc.zone, tc.from)
			}
			if name == "own rules" {
				if _, off := time.Date(2024, 7, 1, 0, 0, 0, 0, h.Zone).Zone(); off != 9*3600 {
					t.Errorf("offset is %d, want that of the server's file", off)
				}
			}
			if tc.note != "" && !strings.Contains(strings.Join(h.Notes, "\n"), tc.note) {
				t.Errorf("notes: %v", h.Notes)
			}
		})
	}
}

func TestSeveralSystems(t *testing.T) {
	a := rootTree("UUID=" + uuidVar + " / ext4\n")
	b := rootTree("UUID=" + uuidLog + " / ext4\n")
	b["etc/hostname"] = "clone\n"
	// The first fstab names another file system as its root: a stale copy.
	fa, fb := makeFS(t, a, "-U", uuidHome), makeFS(t, b, "-U", uuidLog)
	h := assemble(t, source(fa, "d", "mbr:1"), source(fb, "d", "mbr:2"))
	if h.Name != "clone" || h.Mounts[0].Volume.Slot != "mbr:2" || h.Mounts[1].Point != "/<mbr:1>" {
		t.Errorf("root is %s (%s)", h.Mounts[0].Volume.Slot, h.Name)
	}
	if n := strings.Join(h.Notes, "\n"); !strings.Contains(n, "mbr:1 of d holds a system of its own") || !strings.Contains(n, `"web1"`) {
		t.Errorf("notes:\n%s", n)
	}
}

func TestWithoutRoot(t *testing.T) {
	v := makeFS(t, tree{"log/auth.log": "x"}, "-M", "/var")
	h := assemble(t, source(v, "d", "bare"))
	if _, err := h.ReadFile("/var/log/auth.log", 100); err != nil {
		t.Errorf("last mounted on /var: %v", err)
	}
	if list, _ := h.List(h.Root(), "/"); len(list) != 1 || list[0].Name != "var" || !list[0].Mount {
		t.Errorf("the made-up root lists %+v", list)
	}
	if got := h.Glob("/var/log/*.log"); !slices.Equal(got, []string{"/var/log/auth.log"}) {
		t.Errorf("glob: %v", got)
	}
	if _, in, _, err := h.Find("/", true); err != nil || in.Mode.Type() != filesystem.Directory {
		t.Errorf("the made-up root: %v %v", in, err)
	}
	h = assemble(t, source(makeFS(t, tree{"x": "1"}), "d", "bare"))
	if _, err := h.ReadFile("/x", 100); err != nil {
		t.Errorf("a single volume: %v", err)
	}
	if _, err := Assemble(context.Background(), nil); err == nil {
		t.Error("no source at all is no error")
	}
}

func TestDevices(t *testing.T) {
	rootBy := func(fstab string) Source {
		return source(makeFS(t, rootTree(fstab), "-U", uuidVar), "first.dd", "mbr:1")
	}
	other := func(image, slot string) Source { return source(makeFS(t, tree{"mark": image + slot}), image, slot) }
	for _, tc := range []struct {
		name, fstab, want string
		sources           []Source
	}{
		{"by device", "/dev/sdb1 / ext4\n/dev/sdb5 /mnt/data ext4\n", "first.ddmbr:5", []Source{other("first.dd", "mbr:5")}},
		{"the first disk", "UUID=" + uuidVar + " / ext4\n/dev/vda5 /mnt/data ext4\n", "first.ddmbr:5", []Source{other("first.dd", "mbr:5")}},
		{"a disk that is not there", "UUID=" + uuidVar + " / ext4\n/dev/sdb5 /mnt/data ext4\n", "", []Source{other("first.dd", "mbr:5")}},
		{"the second disk", "UUID=" + uuidVar + " / ext4\n/dev/nvme1n1p5 /mnt/data ext4\n", "second.ddmbr:5", []Source{other("first.dd", "mbr:5"), other("second.dd", "mbr:5")}},
		{"the other disk", "/dev/sdc1 / ext4\n/dev/sda5 /mnt/data ext4\n", "second.ddmbr:5", []Source{other("first.dd", "mbr:5"), other("second.dd", "mbr:5")}},
		{"a disk without partitions", "/dev/sda1 / ext4\n/dev/sdb /mnt/data ext4\n", "second.ddbare", []Source{other("second.dd", "bare")}},
		{"an alien spec", "/dev/mapper/vg-data /mnt/data ext4\n", "", []Source{other("first.dd", "mbr:5")}},
	} {
		h := assemble(t, append([]Source{rootBy(tc.fstab)}, tc.sources...)...)
		b, err := h.ReadFile("/mnt/data/mark", 100)
		if string(b) != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: /mnt/data is %q (%v), want %q; notes %v", tc.name, b, err, tc.want, h.Notes)
		}
		if tc.want == "" && len(h.Absent) != 1 {
			t.Errorf("%s: absent %v", tc.name, h.Absent)
		}
	}
}

func TestSpecs(t *testing.T) {
	for in, want := range map[string]spec{
		"UUID=ab": {tag: "UUID", value: "ab"}, "partuuid=1-02": {tag: "PARTUUID", value: "1-02"}, "LABEL=/": {tag: "LABEL", value: "/"},
		"/dev/disk/by-label/my\\x20disk": {tag: "LABEL", value: "my disk"}, "/dev/disk/by-partlabel/x": {tag: "PARTLABEL", value: "x"},
		"/dev/sda1": {tag: "device", value: "sda1", disk: "sda", part: 1}, "/dev/sdaa12": {tag: "device", value: "sdaa12", disk: "sdaa", part: 12},
		"/dev/nvme0n1p3": {tag: "device", value: "nvme0n1p3", disk: "nvme0n1", part: 3}, "/dev/nvme0n1": {tag: "device", value: "nvme0n1", disk: "nvme0n1"},
		"/dev/mmcblk0p2": {tag: "device", value: "mmcblk0p2", disk: "mmcblk0", part: 2}, "/dev/xvdb": {tag: "device", value: "xvdb", disk: "xvdb"},
		"/dev/mapper/a-b": {tag: "composed", value: "lvm:a/b"}, "/dev/mapper/my--vg-root--fs": {tag: "composed", value: "lvm:my-vg/root-fs"},
		"/dev/ubuntu-vg/ubuntu-lv": {tag: "composed", value: "lvm:ubuntu-vg/ubuntu-lv"}, "/dev/disk/by-id/dm-name-a-b": {tag: "composed", value: "lvm:a/b"},
		"/dev/md0": {tag: "composed", value: "md:0"}, "/dev/md0p2": {tag: "composed", value: "md:0p2"}, "/dev/md/data": {tag: "composed", value: "md:data"},
		"/dev/disk/by-id/md-name-web1:data": {tag: "composed", value: "md:data"}, "/dev/mapper/luks": {}, "/dev/dm-0": {}, "/dev/mapper/": {}, "/dev/net/tun": {},
		"/dev/disk/by-id/ata-DISK_1-part2":   {tag: "device", value: "ata-DISK_1-part2", disk: "ata-DISK_1", part: 2},
		"/dev/disk/by-path/pci-0000:00:01.0": {tag: "device", value: "pci-0000:00:01.0", disk: "pci-0000:00:01.0"}, "tmpfs": {}, "/dev/sd1": {}, "": {},
	} {
		if got := parseSpec(in); got != want {
			t.Errorf("parseSpec(%q) = %+v, want %+v", in, got, want)
		}
	}
}

func TestLinksEnd(t *testing.T) {
	files := rootTree("")
	files["loop/a"], files["loop/b"], files["loop/self"] = "-> b", "-> a", "-> self/x"
	files["loop/empty"] = "-> ./"
	for i := range 45 {
		files["chain/"+string(rune('A'+i))] = "-> " + string(rune('A'+i+1))
	}
	files["chain/"+string(rune('A'+45))] = "end"
	h := assemble(t, source(makeFS(t, files), "a", "bare"))
	for _, p := range []string{"/loop/a", "/loop/self", "/chain/A"} {
		if _, _, _, err := h.Find(p, true); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := h.ReadFile("/chain/"+string(rune('A'+5)), 10); err != nil {
		t.Errorf("forty links: %v", err)
	}
	if _, err := h.ReadFile("/chain/"+string(rune('A'+4)), 10); err == nil {
		t.Error("forty-one links were followed")
	}
	if _, in, _, err := h.Find("/loop/empty", true); err != nil || in.Mode.Type() != filesystem.Directory {
		t.Errorf("a link to ./: %v", err)
	}
}

func TestGlob(t *testing.T) {
	files := rootTree("")
	for _, p := range []string{"home/alice/.bash_history", "home/carol/.bash_history", "home/carol/.ssh/authorized_keys", "var/www/.bash_history", "var/log/auth.log", "var/log/auth.log.1",
		"var/log/apache2/access.log", "var/log/apache2/old/access.log", "var/log/x[1].log", "var/log/\xff\xfe.log", "var/spool/cron/crontabs/root"} {
		files[p] = "x"
	}
	files["var/adm"] = "-> log"
	files["var/log/loop"] = "-> ."
	h := assemble(t, source(makeFS(t, files), "a", "bare"))
	if errs := h.BuildIndexes(context.Background()); len(errs) > 0 {
		t.Fatal(errs)
	}
	for pattern, want := range map[string][]string{
		"/etc/hostname":          {"/etc/hostname"},
		"/etc/host":              nil,
		"/var/log/auth.log*":     {"/var/log/auth.log", "/var/log/auth.log.1"},
		"/var/adm/auth.log":      {"/var/adm/auth.log"},
		"/var/a*/auth.log":       {"/var/adm/auth.log"},
		"~/.bash_history":        {"/home/alice/.bash_history", "/home/carol/.bash_history", "/root/.bash_history", "/var/www/.bash_history"},
		"~/.ssh/authorized_*":    {"/home/carol/.ssh/authorized_keys"},
		"/var/log/**/access.log": {"/var/log/apache2/access.log", "/var/log/apache2/old/access.log"},
		"/var/**/old/*":          {"/var/log/apache2/old/access.log"},
		"/var/spool/**":          {"/var/spool/cron", "/var/spool/cron/crontabs", "/var/spool/cron/crontabs/root"},
		`/var/log/x\[1\].log`:    {"/var/log/x[1].log"},
		"/var/log/\xff*":         {"/var/log/\xff\xfe.log"},
		"/var/log/[":             nil,
		"/**/authorized_keys":    {"/home/carol/.ssh/authorized_keys"},
	} {
		if got := h.Glob(pattern); !slices.Equal(got, want) {
			t.Errorf("Glob(%q) = %q, want %q", pattern, got, want)
		}
	}
	for p, want := range map[string]string{
		"/home/alice/.bash_history": "alice", "/home/carol/x/y": "carol", "/root/x": "root", "/usr/sbin/cron": "", "/usr/sbin/.bash_history": "daemon", "/var/www/html/a.php": "www",
		"/home/alicex/y": "alicex", "/etc/passwd": "", "/home/alice": "",
	} {
		if got := h.Account(p); got != want {
			t.Errorf("Account(%q) = %q, want %q", p, got, want)
		}
	}
}

func TestPlace(t *testing.T) {
	// A file with a hole in it, and one in several pieces is what the kernel
	// makes of it: what counts is that the image holds the file's bytes there.
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write(t, root, rootTree(""))
	f, err := os.Create(filepath.Join(root, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("0123456789abcdef"), 512)
	f.WriteAt(text, 0)
	f.WriteAt(text, 1<<20)
	f.Close()
	img := filepath.Join(dir, "img")
	run(t, mke2fs(t), "-q", "-F", "-t", "ext4", "-b", "1024", "-O", "^has_journal,inline_data", "-d", root, img, "8M")
	raw, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	src := source(openFS(t, img), "img", "bare")
	src.Volume.Offset = 0
	h := assemble(t, src)
	check := func(p string, from, length, wantLen int64) {
		t.Helper()
		f, err := h.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		_, off, n := f.Place(from, length)
		if wantLen == 0 {
			if off != -1 || n != 0 {
				t.Errorf("%s %d+%d is at %d+%d, want nowhere", p, from, length, off, n)
			}
			return
		}
		want := make([]byte, n)
		f.ReadAt(want, from)
		if off < 0 || n != wantLen || !bytes.Equal(raw[off:off+n], want) {
			t.Errorf("%s %d+%d is at %d+%d, where other bytes stand", p, from, length, off, n)
		}
	}
	check("/sparse", 0, 10, 10)
	check("/sparse", 5000, 100, 100)
	check("/sparse", 1<<20+77, 1000, 1000)
	check("/sparse", 1<<19, 10, 0)
	check("/sparse", 1<<21, 10, 0)
	check("/sparse", -1, 10, 0)
	check("/sparse", 0, 0, 0)
	check("/etc/hostname", 2, 100, 10) // inline, in the inode
}

func TestReadFileLimit(t *testing.T) {
	h := assemble(t, source(makeFS(t, rootTree("")), "a", "bare"))
	b, err := h.ReadFile("/etc/hostname", 6)
	if string(b) != "# name" || !errors.Is(err, ErrLong) {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestCompareVersions(t *testing.T) {
	want := []string{"2.6.32", "5.9", "5.10", "5.10.0-9", "5.10.0-10", "6.1.0-rc1", "6.1.1"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareVersions)
	if !slices.Equal(got, want) {
		t.Errorf("sorted %v", got)
	}
}
