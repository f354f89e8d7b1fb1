package main

import (
	"os"
	"path/filepath"
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
