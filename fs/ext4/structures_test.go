package ext4_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestStructures compares with what dumpe2fs lists for each group.
func TestStructures(t *testing.T) {
	needTool(t, "dumpe2fs")
	places := map[string]*regexp.Regexp{
		"superblock":                 regexp.MustCompile(`(?:Primary|Backup) superblock at (\d+)()`),
		"group descriptors":          regexp.MustCompile(`[Gg]roup descriptors? at (\d+)(?:-(\d+))?`),
		"reserved group descriptors": regexp.MustCompile(`Reserved GDT blocks at (\d+)(?:-(\d+))?`),
		"block bitmap":               regexp.MustCompile(`Block bitmap at (\d+)()`),
		"inode bitmap":               regexp.MustCompile(`Inode bitmap at (\d+)()`),
		"inode table":                regexp.MustCompile(`Inode table at (\d+)(?:-(\d+))?`),
	}
	for _, c := range []struct {
		name string
		size int64
		args []string
	}{
		{"defaults", 300 << 20, []string{"-t", "ext4", "-b", "4096"}},
		{"small blocks", 100 << 20, []string{"-t", "ext4", "-b", "1024"}},
		{"meta_bg", 100 << 20, []string{"-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"}},
		{"ext2", 50 << 20, []string{"-t", "ext2", "-b", "1024", "-O", "^sparse_super,^resize_inode"}},
		{"sparse_super2", 100 << 20, []string{"-t", "ext4", "-b", "1024", "-O", "sparse_super2,^resize_inode"}},
		{"bigalloc", 300 << 20, []string{"-t", "ext4", "-b", "4096", "-O", "bigalloc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, c.size, c.args...)
			fsys, f := openImage(t, image)
			defer f.Close()
			block := fsys.Info().BlockSize
			got := map[string]bool{}
			for name, e := range fsys.Structures() {
				if name != "boot block" {
					got[fmt.Sprintf("%s %d-%d", name, e.Offset/block, e.Offset/block+e.Length/block-1)] = true
				}
			}
			want := map[string]bool{}
			dump := runTool(t, "dumpe2fs", image)
			for name, re := range places {
				for _, m := range re.FindAllStringSubmatch(dump, -1) {
					from, _ := strconv.ParseInt(m[1], 10, 64)
					to := from
					if m[2] != "" {
						to, _ = strconv.ParseInt(m[2], 10, 64)
					}
					want[fmt.Sprintf("%s %d-%d", name, from, to)] = true
				}
			}
			if len(want) < 6 {
				t.Fatalf("dumpe2fs is not understood:\n%s", dump[:min(len(dump), 4000)])
			}
			if !maps.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
			if err := os.Remove(image); err != nil {
				t.Fatal(err)
			}
		})
	}
}
