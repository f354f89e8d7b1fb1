package ext4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	goext4 "github.com/dsoprea/go-ext4"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// peer calls go-ext4, whose errors are panics where they are not errors.
func peer(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn()
}

// TestDifferential compares with another reader of ext4, go-ext4, on file
// systems that it supports: the superblock, each inode's fields, directories
// without an index, and files without holes.
func TestDifferential(t *testing.T) {
	images := make(map[string]string)
	for _, name := range []string{"tiny", "hierarchy_32", "hierarchy_64"} {
		p := "../../../shared/data/images/go-ext4/" + name + ".ext4"
		if _, err := os.Stat(p); err == nil {
			images[name] = p
		}
	}
	if len(images) == 0 {
		t.Log("go-ext4's own images are not here")
	}
	if _, ok := lookTool("mke2fs"); ok {
		tree := filepath.Join(t.TempDir(), "tree")
		for i := range 60 {
			p := filepath.Join(tree, fmt.Sprintf("dir %d", i%5), fmt.Sprintf("file-%02d", i))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, bytes.Repeat([]byte{byte(i)}, i*i*50), os.FileMode(0o600|i%64)); err != nil {
				t.Fatal(err)
			}
		}
		for name, args := range map[string][]string{
			"made-4k": {"-t", "ext4", "-b", "4096"}, "made-1k": {"-t", "ext4", "-b", "1024"}, "made-32bit": {"-t", "ext4", "-b", "1024", "-O", "^64bit,^metadata_csum"},
		} {
			images[name] = filepath.Join(t.TempDir(), name)
			mke2fs(t, images[name], 16<<20, append(args, "-d", tree)...)
		}
	}
	if len(images) == 0 {
		t.Skip("no image to compare on: neither go-ext4's nor mke2fs are here")
	}
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			fsys, f := openImage(t, image)
			var sb *goext4.Superblock
			var groups *goext4.BlockGroupDescriptorList
			if err := peer(func() (err error) {
				if _, err = f.Seek(goext4.Superblock0Offset, io.SeekStart); err != nil {
					return err
				}
				if sb, err = goext4.NewSuperblockWithReader(f); err != nil {
					return err
				}
				groups, err = goext4.NewBlockGroupDescriptorListWithReadSeeker(f, sb)
				return err
			}); err != nil {
				t.Skipf("go-ext4 does not read it: %v", err)
			}
			info, d := fsys.Info(), sb.Data()
			say := func(what string, ours, theirs any) {
				t.Helper()
				if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
					t.Errorf("%s: %s, go-ext4 %s", what, a, b)
				}
			}
			say("block size", info.BlockSize, sb.BlockSize())
			say("blocks", info.Size/info.BlockSize, sb.BlockCount())
			say("inodes", info.InodeCount, d.SInodesCount)
			say("free inodes", info.FreeInodes, d.SFreeInodesCount)
			say("label", info.Label, sb.VolumeName())
			say("UUID", strings.ReplaceAll(info.UUID, "-", ""), hex.EncodeToString(d.SUuid[:]))
			say("mounted", info.Mounted.Sec, d.SMtime)
			say("written", info.Written.Sec, d.SWtime)
			say("checked", info.Checked.Sec, d.SLastcheck)

			compared, listed, read := 0, 0, 0
			names := make(map[filesystem.Inum][]string)
			for _, e := range gatherEntries(t, fsys) {
				if e.Allocated {
					names[e.Parent] = append(names[e.Parent], fmt.Sprintf("%d %q %d", e.Inum, e.Name, e.Type))
				}
			}
			inodes := gather(t, fsys)
			for _, n := range slices.Sorted(func(yield func(filesystem.Inum) bool) {
				for n := range inodes {
					if !yield(n) {
						return
					}
				}
			}) {
				in := inodes[n]
				var their *goext4.Inode
				if err := peer(func() error {
					bgd, err := groups.GetWithAbsoluteInode(int(n))
					if err != nil {
						return err
					}
					their, err = goext4.NewInodeWithReadSeeker(bgd, f, int(n))
					return err
				}); err != nil {
					continue // it reads neither hashed directories nor block maps
				}
				compared++
				what := func(s string) string { return fmt.Sprintf("inode %d: %s", n, s) }
				d := their.Data()
				say(what("mode"), uint16(in.Mode), d.IMode)
				say(what("uid"), uint16(in.UID), d.IUid)
				say(what("gid"), uint16(in.GID), d.IGid)
				say(what("links"), in.Links, d.ILinksCount)
				say(what("size"), in.Size, their.Size())
				say(what("flags"), uint32(in.Flags), d.IFlags)
				say(what("generation"), in.Generation, d.IGeneration)
				say(what("mtime"), in.Times.Modified.Sec, d.IMtime)
				say(what("atime"), in.Times.Accessed.Sec, d.IAtime)
				say(what("ctime"), in.Times.Changed.Sec, d.ICtime)
				if in.Times.Born.Known { // it reads the next inode where this one has no room for it
					say(what("crtime"), in.Times.Born.Sec, d.ICrtime)
				}

				content, err := fsys.Content(in)
				if err != nil {
					t.Error(err)
					continue
				}
				whole := !slices.ContainsFunc(content.Extents(), func(e filesystem.Extent) bool { return e.Kind != filesystem.Data })
				switch in.Mode.Type() {
				case filesystem.Directory:
					var theirs []string
					if err := peer(func() error {
						b := goext4.NewDirectoryBrowser(f, their)
						for {
							e, err := b.Next()
							if err == io.EOF {
								return nil
							}
							if err != nil {
								return err
							}
							// It takes the checksum at a block's end for an entry.
							if d := e.Data(); d.Inode != 0 {
								types := []filesystem.FileType{filesystem.Unknown, filesystem.Regular, filesystem.Directory, filesystem.CharDevice, filesystem.BlockDevice, filesystem.FIFO, filesystem.Socket, filesystem.Symlink}
								theirs = append(theirs, fmt.Sprintf("%d %q %d", d.Inode, d.Name, types[d.FileType]))
							}
						}
					}); err != nil {
						continue
					}
					slices.Sort(theirs)
					slices.Sort(names[n])
					say(what("names"), names[n], theirs)
					listed++
				case filesystem.Regular:
					if !whole || in.Size == 0 || in.Size > 4<<20 {
						continue
					}
					var theirs []byte
					if err := peer(func() (err error) {
						theirs, err = io.ReadAll(goext4.NewInodeReader(goext4.NewExtentNavigatorWithReadSeeker(f, their)))
						return err
					}); err != nil {
						continue
					}
					ours, err := readAll(fsys, in)
					if err != nil {
						t.Error(err)
					}
					if !bytes.Equal(ours, theirs) {
						t.Errorf("inode %d: the bytes differ from go-ext4's", n)
					}
					read++
				}
			}
			t.Logf("%d inodes, %d directories, %d files compared", compared, listed, read)
			if compared == 0 || listed == 0 || read == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

// TestOracles compares images made by others with the body files and hashes
// that were made of them by fls and sha256sum.
func TestOracles(t *testing.T) {
	const data = "../../../shared/data/"
	found := false
	for oracle, image := range map[string]string{
		"dfvfs_test_data_ext2.raw":                 "dfvfs/ext2.raw",
		"dfvfs_test_data_ext4.raw":                 "dfvfs/ext4.raw",
		"dsoprea-go-ext4_assets_tiny.ext4":         "go-ext4/tiny.ext4",
		"dsoprea-go-ext4_assets_hierarchy_32.ext4": "go-ext4/hierarchy_32.ext4",
		"dsoprea-go-ext4_assets_hierarchy_64.ext4": "go-ext4/hierarchy_64.ext4",
		"unpacked_test_disk_ext2.bin":              "ext4-view/test_disk_ext2.bin.zst",
		"unpacked_test_disk_ext3.bin":              "ext4-view/test_disk_ext3.bin.zst",
	} {
		path := data + "images/" + image
		if _, err := os.Stat(path); err != nil {
			continue
		}
		found = true
		t.Run(oracle, func(t *testing.T) {
			if strings.HasSuffix(path, ".zst") {
				out := filepath.Join(t.TempDir(), "image")
				if msg, err := exec.Command(needTool(t, "zstd"), "-q", "-d", "--sparse", path, "-o", out).CombinedOutput(); err != nil {
					t.Fatalf("zstd: %v: %s", err, msg)
				}
				path = out
			}
			fsys, _ := openImage(t, path)
			gone := make(map[string]bool)
			ix, errs := filesystem.BuildIndex(t.Context(), fsys)
			if len(errs) > 0 {
				t.Error(errs)
			}
			for e := range deletedNames(fsys, ix) {
				gone[e] = true
			}
			deleted := 0
			isDeleted := func(path string) bool {
				name, _, ok := strings.Cut(path, " (deleted")
				if strings.HasSuffix(name, "/^") {
					return true // fls takes a part of a directory's index for a name
				}
				if ok {
					if deleted++; !gone[name] {
						t.Errorf("%s: the deleted name is not found", path)
					}
				}
				return ok
			}
			files := 0
			for col := range oracleLines(t, data+"oracles/"+oracle+".sha256", "  ", 4) {
				if isDeleted(col[3]) {
					continue
				}
				in, err := fsys.Find(col[3], false)
				if err != nil || fmt.Sprint(in.Inum) != col[2] || fmt.Sprint(in.Size) != col[1] {
					t.Errorf("%s: %+v, %v", col[3], in, err)
					continue
				}
				b, err := readSum(fsys, in)
				if err != nil || b != col[0] {
					t.Errorf("%s: the bytes differ: %v", col[3], err)
				}
				files++
			}
			rows := 0
			for col := range oracleLines(t, data+"oracles/"+oracle+".body", "|", 11) {
				name, target, _ := strings.Cut(col[1], " -> ")
				if strings.HasPrefix(name, "/$OrphanFiles") || isDeleted(name) {
					continue
				}
				in, err := fsys.Find(name, false)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				rows++
				ours := fmt.Sprintf("%d|%s|%d|%d|%d|%d|%d|%d", in.Inum, in.Mode, in.UID, in.GID, in.Size, in.Times.Accessed.Sec, in.Times.Modified.Sec, in.Times.Changed.Sec)
				_, mode, _ := strings.Cut(col[3], "/")
				theirs := strings.Join([]string{col[2], mode, col[4], col[5], col[6], col[7], col[8], col[9]}, "|")
				if ours != theirs {
					t.Errorf("%s: %s, fls %s", name, ours, theirs)
				}
				if target != "" {
					if link, err := fsys.Link(in); err != nil || string(link) != target {
						t.Errorf("%s: link %q, fls %q, %v", name, link, target, err)
					}
				}
				if born, err := strconv.ParseInt(col[10], 10, 64); err == nil && born != 0 && in.Times.Born.Sec != born {
					t.Errorf("%s: born %v, fls %d", name, in.Times.Born, born)
				}
			}
			if files == 0 || rows == 0 {
				t.Errorf("%d files and %d rows compared", files, rows)
			}
		})
	}
	if !found {
		t.Skip("the images made by others are not here")
	}
}

// deletedNames gives the paths of the deleted names of a file system.
func deletedNames(fsys *ext4.FS, ix *filesystem.Index) func(func(string) bool) {
	return func(yield func(string) bool) {
		for e, err := range fsys.Entries(context.Background()) {
			if err != nil || e.Allocated {
				continue
			}
			dir := ix.Path(e.Parent)
			if !yield(strings.TrimSuffix(dir, "/") + "/" + string(e.Name)) {
				return
			}
		}
	}
}

// oracleLines gives the columns of each line of a file; the last column may
// hold the separator.
func oracleLines(t *testing.T, path, sep string, columns int) func(func([]string) bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func([]string) bool) {
		for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
			if col := strings.SplitN(sc.Text(), sep, columns); len(col) != columns {
				t.Errorf("%s: line %q", path, sc.Text())
			} else if !yield(col) {
				return
			}
		}
	}
}

func readSum(fsys *ext4.FS, in *filesystem.Inode) (string, error) {
	c, err := fsys.Content(in)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(c, 0, c.Size()))
	return hex.EncodeToString(h.Sum(nil)), err
}
