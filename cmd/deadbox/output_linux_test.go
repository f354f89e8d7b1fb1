package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOnDevice looks at a made-up sysfs: a disk with a partition, a device
// mapper target on the partition, and another disk.
func TestOnDevice(t *testing.T) {
	sys := t.TempDir()
	devices := map[string]string{
		"8:0": "devices/sda", "8:1": "devices/sda/sda1", "253:0": "devices/virtual/dm-0", "8:16": "devices/sdb", "259:300": "devices/nvme0n1",
	}
	block := filepath.Join(sys, "dev/block")
	if err := os.MkdirAll(block, 0o755); err != nil {
		t.Fatal(err)
	}
	for number, dir := range devices {
		if err := os.MkdirAll(filepath.Join(sys, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(sys, dir), filepath.Join(block, number)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, dir, "dev"), []byte(number+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	slaves := filepath.Join(sys, "devices/virtual/dm-0/slaves")
	if err := os.MkdirAll(slaves, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(sys, "devices/sda/sda1"), filepath.Join(slaves, "sda1")); err != nil {
		t.Fatal(err)
	}
	disk, part, mapped, other, nvme := makeDevice(8, 0), makeDevice(8, 1), makeDevice(253, 0), makeDevice(8, 16), makeDevice(259, 300)
	for _, tt := range []struct {
		dev, disk uint64
		want      bool
	}{
		{disk, disk, true}, {part, disk, true}, {mapped, disk, true}, {mapped, part, true}, {part, part, true}, {nvme, nvme, true},
		{other, disk, false}, {disk, part, false}, {disk, mapped, false}, {nvme, disk, false}, {makeDevice(7, 7), disk, false},
	} {
		if got := onDevice(block, tt.dev, tt.disk, 0); got != tt.want {
			t.Errorf("%s on %s: %v", deviceName(tt.dev), deviceName(tt.disk), got)
		}
	}
}

// TestMountedEvidence reads a block device while it is mounted, and must refuse
// to write to what is mounted from it.
func TestMountedEvidence(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a device")
	}
	for _, prog := range []string{"losetup", "mke2fs"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip(prog + " is not installed")
		}
	}
	dir := t.TempDir()
	disk, mnt := filepath.Join(dir, "disk"), filepath.Join(dir, "mnt")
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", disk, "8192")
	out, err := exec.Command("losetup", "-f", "--show", disk).Output()
	if err != nil {
		t.Skipf("no loop device here: %v", err)
	}
	loop := strings.TrimSpace(string(out))
	t.Cleanup(func() { tool(t, "losetup", "-d", loop) })
	if err := syscall.Mount(loop, mnt, "ext4", 0, ""); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(mnt, 0); err != nil {
			t.Error(err)
		}
	})
	other := filepath.Join(dir, "names")
	for _, tt := range []struct {
		output string
		code   int
	}{{filepath.Join(mnt, "names"), exitUsage}, {filepath.Join(mnt, "new", "names"), exitUsage}, {other, exitDone}} {
		var stderr bytes.Buffer
		if code := run([]string{"ls", "-o", tt.output, loop}, nil, &bytes.Buffer{}, &stderr); code != tt.code {
			t.Errorf("-o %s: exit code %d, want %d\n%s", tt.output, code, tt.code, stderr.String())
		}
	}
	if b, err := os.ReadFile(other); err != nil || !strings.Contains(string(b), "lost+found") {
		t.Errorf("the listing of the device is %q, %v", b, err)
	}
}
