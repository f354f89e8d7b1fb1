package mounts

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
}

func show(e timeline.Extractor, name, text string) []string {
	var out []string
	for r, err := range e.Run(context.Background(), source(name, text)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if k != "path" {
				parts = append(parts, k+"="+r.Fields[k])
			}
		}
		out = append(out, strings.Join(parts, "; "))
	}
	return out
}

func TestMounts(t *testing.T) {
	tests := []struct {
		path, text string
		want       []string
	}{
		{"/etc/fstab", "# c\nUUID=a / ext4 errors=remount-ro 0 1\n//nas/x /mnt/a\\040b cifs user=u,password=hunter2,credentials=/root/.c 0 0\nhttps://u:hunter2@dav/ /d davfs\nx\n", []string{
			"name=mount; options=errors=remount-ro; source=UUID=a; target=/; type=ext4", "name=mount; options=user=u,password=***,credentials=/root/.c; source=//nas/x; target=/mnt/a b; type=cifs",
			"name=mount; source=https://u:***@dav/; target=/d; type=davfs", `error "/etc/fstab": line 5, 1 bytes at offset 146: not a line of fstab`}},
		{"/etc/crypttab", "home UUID=b /etc/keys/home luks\n", []string{"key=/etc/keys/home; name=crypt; options=luks; source=UUID=b; target=home"}},
		{"/etc/exports", "/srv 192.0.2.0/24(rw,no_root_squash) \\\n *(ro)\n/pub\n", []string{"name=export; options=rw,no_root_squash; remote_host=192.0.2.0/24; source=/srv", "name=export; options=ro; remote_host=*; source=/srv", "name=export; remote_host=*; source=/pub"}},
	}
	for _, tt := range tests {
		if got := show(Mounts, tt.path, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func TestBoot(t *testing.T) {
	tests := []struct {
		path, text string
		want       []string
	}{
		{"/etc/default/grub", "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"audit=0 init=/tmp/x\"\n", []string{"key=GRUB_DEFAULT; name=boot-setting; value=0", "key=GRUB_CMDLINE_LINUX; name=boot-setting; value=audit=0 init=/tmp/x"}},
		{"/boot/grub/grub.cfg", "if [ x ]; then\nfunction a {\n true\n}\nfi\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.AA\nmenuentry 'Debian' --class d {\n\tlinux /vmlinuz-6 root=UUID=a ro quiet\n\tinitrd /initrd-6\n}\nsubmenu 'Old' {\n\tmenuentry \"Old 5\" {\n\t\tlinux /vmlinuz-5 root=UUID=a init=/bin/sh\n\t}\n}\nmenuentry 'B' {\n chainloader /x\n}\n", []string{
			"account=root; key=password; name=boot-setting; value=***", "command=root=UUID=a ro quiet; initrd=/initrd-6; kernel=/vmlinuz-6; name=boot-entry; title=Debian",
			"command=root=UUID=a init=/bin/sh; init=/bin/sh; kernel=/vmlinuz-5; name=boot-entry; title=Old > Old 5", "kernel=/x; name=boot-entry; title=B"}},
		{"/boot/loader/entries/a.conf", "title Rocky\nversion 5\nlinux /vmlinuz\ninitrd /i\noptions root=x\noptions quiet\n", []string{"command=root=x quiet; initrd=/i; kernel=/vmlinuz; name=boot-entry; title=Rocky"}},
		{"/boot/grub/menu.lst", "password --md5 $1$x\ntitle A\nkernel /k ro single\ninitrd /i\ntitle B\nkernel /l\n", []string{"key=password; name=boot-setting; value=***", "command=ro single; initrd=/i; kernel=/k; name=boot-entry; title=A", "kernel=/l; name=boot-entry; title=B"}},
		{"/boot/extlinux/extlinux.conf", "LABEL l\n MENU LABEL ^Linux\n LINUX /k\n APPEND initrd=/i root=x\n", []string{"command=initrd=/i root=x; initrd=/i; kernel=/k; name=boot-entry; title=Linux"}},
		{"/etc/kernel/cmdline", "root=x rdinit=/y\n", []string{"command=root=x rdinit=/y; init=/y; name=boot-entry"}},
		{"/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.x\n", []string{"key=GRUB2_PASSWORD; name=boot-setting; value=***"}},
	}
	for _, tt := range tests {
		got := show(Boot, tt.path, tt.text)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
		if strings.Contains(strings.Join(got, ""), "pbkdf2") {
			t.Errorf("%s: a hash is told", tt.path)
		}
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("/etc/fstab", "a /b c password=d 0 0\nhttps://a:b@c/ d e\n")
	f.Add("/etc/exports", "\"/a b\" -ro c(d) e\\\n(f)\n")
	f.Add("/boot/grub/grub.cfg", "submenu 'a' {\nmenuentry b {\nlinux c d\n}\n}\n}\n")
	f.Add("/boot/grub/menu.lst", "title a\nkernel b c\nappend d\n")
	f.Add("/boot/loader/entries/x.conf", "title a\noptions b\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		for _, e := range []timeline.Extractor{Mounts, Boot} {
			for r, err := range e.Run(context.Background(), source(name, text)) {
				if err == nil && (r.Fields["name"] == "" || r.Evidence.Offset < 0 || r.Evidence.Length < 1 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
