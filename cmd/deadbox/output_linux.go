package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// refuseSameDevice gives an error if path lies on a file system that lives on
// a block device of the evidence: writing there would write to the evidence.
func refuseSameDevice(path string, evidence []string) error {
	target, ok := deviceBelow(path)
	if !ok {
		return nil
	}
	for _, e := range evidence {
		var st syscall.Stat_t
		if syscall.Stat(e, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFBLK {
			continue
		}
		if onDevice("/sys/dev/block", target, st.Rdev, 0) {
			return withHint(usagef("%s lies on %s, which is the evidence and never written", path, e), "write to another disk")
		}
	}
	return nil
}

// deviceBelow is the device of the file system that path lies on, or would.
func deviceBelow(path string) (dev uint64, ok bool) {
	path, err := filepath.Abs(path)
	if err != nil {
		return 0, false
	}
	for {
		info, err := os.Stat(path)
		if err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				return 0, false
			}
			return st.Dev, true
		}
		up := filepath.Dir(path)
		if up == path {
			return 0, false
		}
		path = up
	}
}

// onDevice reports whether dev is the disk, one of its partitions, or stands
// on either through the device mapper or md, as sysfs tells.
// https://docs.kernel.org/admin-guide/sysfs-rules.html
func onDevice(sysfs string, dev, disk uint64, depth int) bool {
	if dev == disk {
		return true
	}
	const deepest = 8 // of devices stacked on each other
	if depth > deepest {
		return false
	}
	devDir, err := filepath.EvalSymlinks(filepath.Join(sysfs, deviceName(dev)))
	if err != nil {
		return false
	}
	if diskDir, err := filepath.EvalSymlinks(filepath.Join(sysfs, deviceName(disk))); err == nil &&
		strings.HasPrefix(devDir, diskDir+"/") {
		return true
	}
	slaves, err := os.ReadDir(filepath.Join(devDir, "slaves"))
	if err != nil {
		return false
	}
	for _, s := range slaves {
		text, err := os.ReadFile(filepath.Join(devDir, "slaves", s.Name(), "dev"))
		if err != nil {
			continue
		}
		var major, minor uint64
		if _, err := fmt.Sscanf(string(text), "%d:%d", &major, &minor); err != nil {
			continue
		}
		if onDevice(sysfs, makeDevice(major, minor), disk, depth+1) {
			return true
		}
	}
	return false
}

// The kernel's 64-bit dev_t, as glibc's major, minor and makedev split it.
func deviceName(dev uint64) string {
	major := dev>>8&0xfff | dev>>32&^uint64(0xfff)
	minor := dev&0xff | dev>>12&^uint64(0xff)
	return fmt.Sprintf("%d:%d", uint32(major), uint32(minor))
}

func makeDevice(major, minor uint64) uint64 {
	return major&0xfff<<8 | major&^0xfff<<32 | minor&0xff | minor&^0xff<<12
}
