package software

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

// Kernels yields a record for each kernel and each initial RAM disk.
var Kernels = timeline.Extractor{
	Name: "kernels",
	Doc: `Kernels and initial RAM disks that are installed: type (kernel, initrd), version as the name says it, message as the kernel's own header says it, path, bytes.

Formats: https://docs.kernel.org/arch/x86/boot.html#the-real-mode-kernel-header (kernel_version, little-endian, at 0x20e), and the names that
distributions give.`,
	Paths: []string{
		"/boot/vmlinuz*", "/boot/vmlinux*", "/boot/kernel-*", "/boot/Image*", "/boot/initrd*", "/boot/initramfs*", "/boot/*/*/linux", "/boot/*/*/initrd",
		"/boot/efi/*/*/linux", "/boot/efi/*/*/initrd", "/usr/lib/modules/*/vmlinuz", "/lib/modules/*/vmlinuz",
	},
	Raw: true,
	Run: kernel,
}

func kernel(_ context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		base := path.Base(s.Path)
		f := map[string]string{"type": "kernel", "path": s.Path, "version": versionOf(s.Path)}
		if strings.HasPrefix(base, "init") {
			f["type"] = "initrd"
		}
		ev := s.Evidence(0, s.Size, 0)
		if said, at := headerVersion(s); said != "" {
			f["message"] = said
			ev = s.Evidence(at, int64(len(said)), 0)
			if v, _, _ := strings.Cut(said, " "); f["version"] == "" {
				f["version"] = v
			} else if f["type"] == "kernel" && v != f["version"] {
				f["contradiction"] = "its name says " + f["version"] + ", its header " + v
			}
		}
		var stamps []timeline.Stamp
		if s.Inode != nil && s.Inode.Times.Modified.Known {
			stamps = append(stamps, timeline.Stamp{What: "modified", When: s.Inode.Times.Modified.Std()})
		}
		yield(timeline.Record{Kind: timeline.KindKernel, Summary: strings.TrimSpace(f["type"] + " " + f["version"] + " " + f["message"]), Stamps: stamps, Fields: f, Evidence: ev}, nil)
	}
}

// versionOf is the version that a kernel's name says.
func versionOf(name string) string {
	base := path.Base(name)
	if base == "vmlinuz" || base == "linux" || base == "initrd" {
		if dir := path.Base(path.Dir(name)); dir != "boot" {
			return dir
		}
		return ""
	}
	for _, p := range [...]string{"vmlinuz-", "vmlinux-", "kernel-", "Image-", "initrd.img-", "initrd-", "initramfs-"} {
		if v, ok := strings.CutPrefix(base, p); ok {
			return strings.TrimSuffix(strings.TrimSuffix(v, ".img"), ".gz")
		}
	}
	return ""
}

// headerVersion reads the version out of the header of a kernel for x86, and
// where it stands.
func headerVersion(s *timeline.Source) (string, int64) {
	const setup = 0x200 // the pointer counts from here
	var head [0x210]byte
	if n, _ := s.Data.ReadAt(head[:], 0); n < len(head) || !bytes.Equal(head[0x202:0x206], []byte("HdrS")) {
		return "", 0
	}
	at := int64(binary.LittleEndian.Uint16(head[0x20e:])) + setup
	if at == setup {
		return "", 0
	}
	text := make([]byte, 256)
	n, _ := s.Data.ReadAt(text, at)
	end := bytes.IndexByte(text[:n], 0)
	if end < 0 || bytes.ContainsFunc(text[:end], func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", 0
	}
	return string(text[:end]), at
}
