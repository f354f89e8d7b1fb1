package ext4_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// TestNeedsRecovery reads a copy that is taken of a mounted image, whose
// journal holds what the tree does not: the reader must say so, and see what
// debugfs sees.
func TestNeedsRecovery(t *testing.T) {
	for name, args := range map[string][]string{
		"ext4":        {"-t", "ext4", "-b", "4096"},
		"ext3":        {"-t", "ext3", "-b", "1024"},
		"fast-commit": {"-t", "ext4", "-O", "fast_commit"},
	} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 64<<20, args...)
			dir := mount(t, image, "commit=300")
			(&planter{t: t, root: dir, block: 4096, many: 300, frag: 100}).files()
			syncTree(t, dir)
			for i := range 50 {
				if err := os.WriteFile(fmt.Sprintf("%s/later-%d", dir, i), []byte("later"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			os.RemoveAll(dir + "/sizes")
			live := filepath.Join(t.TempDir(), "live")
			copyFile(t, image, live)
			unmount(t, dir)

			fsys, _ := openImage(t, live)
			info := fsys.Info()
			if !slices.Contains(info.Features, "needs_recovery") || !slices.ContainsFunc(info.Notes, func(s string) bool { return strings.Contains(s, "needs_recovery") }) {
				t.Errorf("features %v, notes %q", info.Features, info.Notes)
			}
			inodes := gather(t, fsys)
			sameAsDebugfs(t, fsys, live, inodes)
			var dirs []filesystem.Inum
			for n, in := range inodes {
				if in.Mode.Type() == filesystem.Directory && in.Allocated {
					dirs = append(dirs, n)
				}
			}
			slices.Sort(dirs)
			theirs, listed := debugfsNames(t, live, dirs)
			if ours := directoryNames(t, fsys, listed, false); !slices.Equal(ours, theirs) {
				t.Errorf("names %d, debugfs %d", len(ours), len(theirs))
			}
		})
	}
}

// TestOrphans reads a snapshot of a running system in which files are open
// that have no name any more.
func TestOrphans(t *testing.T) {
	for name, args := range map[string][]string{
		"list":        {"-t", "ext4", "-b", "4096"},
		"orphan-file": {"-t", "ext4", "-b", "1024", "-O", "orphan_file"},
		"ext3":        {"-t", "ext3", "-b", "1024"},
	} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 32<<20, args...)
			dir := mount(t, image, "")
			want := make(map[filesystem.Inum]string)
			for i := range 5 {
				content := strings.Repeat(fmt.Sprintf("a program without a name, %d\n", i), 2000)
				path := fmt.Sprintf("%s/orphan-%d", dir, i)
				if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
					t.Fatal(err)
				}
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				var st unix.Stat_t
				if err := unix.Fstat(int(f.Fd()), &st); err != nil {
					t.Fatal(err)
				}
				want[filesystem.Inum(st.Ino)] = content
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			syncTree(t, dir)
			live := filepath.Join(t.TempDir(), "live")
			freeze(t, dir, func() { copyFile(t, image, live) })

			fsys, _ := openImage(t, live)
			inodes := gather(t, fsys)
			for n, content := range want {
				in := inodes[n]
				if in == nil || !in.Allocated || in.Links != 0 || in.Size != int64(len(content)) {
					t.Fatalf("orphan %d: %+v", n, in)
				}
				if in.Times.Deleted.Known {
					t.Errorf("orphan %d: deleted at %v; that is the number of the next orphan", n, in.Times.Deleted)
				}
				if b, err := readAll(fsys, in); err != nil || string(b) != content {
					t.Errorf("orphan %d: the content is lost: %v", n, err)
				}
			}
			for _, e := range gatherEntries(t, fsys) {
				if want[e.Inum] != "" && e.Allocated {
					t.Errorf("orphan %d has the name %q", e.Inum, e.Name)
				}
			}
			if notes := fsys.Info().Notes; !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, "5 inodes are on the orphan list") }) {
				t.Errorf("notes %q", notes)
			}
			sameAsDumpe2fs(t, fsys, live, inodes)
		})
	}
}

// TestEncrypted reads a folder that the kernel encrypted, without the key.
func TestEncrypted(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 32<<20, "-t", "ext4", "-O", "encrypt")
	dir := mount(t, image, "")
	type addKey struct {
		unix.FscryptAddKeyArg
		raw [64]byte
	}
	key := new(addKey)
	key.Key_spec.Type = unix.FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER
	key.Raw_size = 64
	for i := range key.raw {
		key.raw[i] = byte(i * 3)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := ioctl(fd, unix.FS_IOC_ADD_ENCRYPTION_KEY, unsafe.Pointer(key)); err != nil {
		unix.Close(fd)
		t.Skipf("the kernel does not encrypt: %v", err)
	}
	unix.Close(fd)
	secret := dir + "/secret"
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	policy := unix.FscryptPolicyV2{
		Version: unix.FSCRYPT_POLICY_V2, Contents_encryption_mode: unix.FSCRYPT_MODE_AES_256_XTS, Filenames_encryption_mode: unix.FSCRYPT_MODE_AES_256_CTS,
		Flags: 3, Master_key_identifier: [16]byte(key.Key_spec.U[:16]),
	}
	if fd, err = unix.Open(secret, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	err = ioctl(fd, unix.FS_IOC_SET_ENCRYPTION_POLICY, unsafe.Pointer(&policy))
	unix.Close(fd)
	if err != nil {
		t.Skipf("the kernel does not encrypt: %v", err)
	}
	plain := []byte(strings.Repeat("in the clear nowhere on the disk ", 500))
	for i := range 40 {
		if err := os.WriteFile(fmt.Sprintf("%s/name %d%s", secret, i, strings.Repeat("x", i*4)), plain, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(secret+"/folder/inner", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a target that is secret too", secret+"/link"); err != nil {
		t.Fatal(err)
	}
	unmount(t, dir)
	dir = mount(t, image, "ro,noload")
	files := kernelTree(t, dir)
	unmount(t, dir)

	fsys, raw := openImage(t, image)
	inodes := gather(t, fsys)
	sameAsDebugfs(t, fsys, image, inodes)
	sameAsDumpe2fs(t, fsys, image, inodes)
	c := &truth{t: t, fsys: fsys, raw: raw, info: fsys.Info(), files: files, inodes: inodes, counted: make(map[string]int)}
	names := make(map[filesystem.Inum]filesystem.Entry)
	for _, e := range gatherEntries(t, fsys) {
		if !e.IsDot() && e.Allocated {
			names[e.Inum] = e
		}
	}
	encrypted := 0
	for _, f := range files {
		n := filesystem.Inum(f.stat.Ino)
		in := inodes[n]
		if in == nil {
			t.Fatalf("inode %d is missing", n)
		}
		if f.stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			f.stat.Size = uint64(in.Size) // the kernel gives the length of what it shows in place of the target
		}
		c.fields(f, in)
		if !strings.HasPrefix(f.path, "secret/") {
			continue
		}
		encrypted++
		e := names[n]
		if !e.Encrypted || len(e.Name)%16 != 0 {
			t.Errorf("inode %d: entry %+v", n, e)
		}
		// Without the key the kernel shows two hashes and up to 149 bytes of the
		// ciphertext, in base64.
		shown, err := base64.RawURLEncoding.DecodeString(filepath.Base(f.path))
		if err != nil {
			t.Errorf("%q: %v", f.path, err)
		} else if k := min(len(e.Name), 149); !bytes.Equal(shown[8:8+k], e.Name[:k]) {
			t.Errorf("inode %d: name %x, kernel %x", n, e.Name, shown)
		}
		switch in.Mode.Type() {
		case filesystem.Regular:
			content, err := fsys.Content(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range content.Extents() {
				if x.Kind != filesystem.Encrypted {
					t.Errorf("inode %d: %+v", n, x)
				}
			}
			b := make([]byte, content.Size())
			if _, err := content.ReadAt(b, 0); err != nil && err != io.EOF {
				t.Error(err)
			}
			if bytes.Contains(b, []byte("in the clear")) {
				t.Errorf("inode %d is not encrypted", n)
			}
			c.extents(f, in, content)
		case filesystem.Symlink:
			// Two bytes of length, then the ciphertext.
			shown, err := base64.RawURLEncoding.DecodeString(f.link)
			if err != nil {
				t.Errorf("%q: %v", f.link, err)
			}
			if link, err := fsys.Link(in); err != nil || !bytes.HasPrefix(link[2:], shown[8:]) || len(shown) < 24 {
				t.Errorf("inode %d: link %x, kernel %x, %v", n, link, shown, err)
			}
		}
		if xs, err := fsys.Xattrs(in); err != nil || !slices.ContainsFunc(xs, func(x filesystem.Xattr) bool { return x.Name == "encryption.c" && len(x.Value) == 40 }) {
			t.Errorf("inode %d: attributes %v, %v", n, xs, err)
		}
	}
	if encrypted != 43 {
		t.Errorf("%d encrypted files, want 43", encrypted)
	}
	if notes := fsys.Info().Notes; !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, "ncrypt") }) {
		t.Errorf("notes %q", notes)
	}
}

// TestDeleted deletes by debugfs, which leaves the name, the inode and its
// map as the kernel did until lately: what is left must be found.
func TestDeleted(t *testing.T) {
	needTool(t, "debugfs")
	for name, args := range map[string][]string{
		"ext2-1k":    {"-t", "ext2", "-b", "1024", "-I", "128"},
		"ext3-4k":    {"-t", "ext3", "-b", "4096", "-I", "256"},
		"ext4-1k":    {"-t", "ext4", "-b", "1024"},
		"ext4-4k":    {"-t", "ext4", "-b", "4096"},
		"ext4-plain": {"-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^dir_index"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := filepath.Join(t.TempDir(), "tree")
			content := make(map[string]string)
			for i := range 60 {
				for _, d := range []string{"one", "two", "gone.d"} {
					p := fmt.Sprintf("%s/file-%02d", d, i)
					content[p] = strings.Repeat(p, 30*i)
					if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(tree, p), []byte(content[p]), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 24<<20, append(slices.Clone(args), "-d", tree)...)
			before, _ := openImage(t, image)
			type gone struct {
				path string
				in   *filesystem.Inode
				dir  filesystem.Inum
			}
			var want []gone
			var cmds []string
			dir := func(path string) filesystem.Inum {
				in, err := before.Find(filepath.Dir("/"+path), false)
				if err != nil {
					t.Fatal(err)
				}
				return in.Inum
			}
			for i := range 60 {
				for _, d := range []string{"one", "two", "gone.d"} {
					p := fmt.Sprintf("%s/file-%02d", d, i)
					if d == "gone.d" || i%3 == 0 || i >= 20 && i < 25 {
						want = append(want, gone{p, findIn(t, before, p), dir(p)})
						cmds = append(cmds, "rm /"+p)
					}
				}
			}
			cmds = append(cmds, "rmdir /gone.d")
			debugfs(t, image, true, cmds...)

			fsys, _ := openImage(t, image)
			inodes := gather(t, fsys)
			sameAsDebugfs(t, fsys, image, inodes)
			sameAsDumpe2fs(t, fsys, image, inodes)
			type key struct {
				dir  filesystem.Inum
				name string
			}
			left := make(map[key]filesystem.Entry)
			for _, e := range gatherEntries(t, fsys) {
				if !e.Allocated {
					left[key{e.Parent, string(e.Name)}] = e
				}
			}
			recovered := 0
			for _, g := range want {
				in := inodes[g.in.Inum]
				if in == nil || in.Allocated || !in.Times.Deleted.Known || in.Mode != g.in.Mode {
					t.Errorf("%s: inode %d is %+v", g.path, g.in.Inum, in)
					continue
				}
				if d := time.Since(in.Times.Deleted.Std()); d < 0 || d > time.Hour {
					t.Errorf("%s: deleted at %v", g.path, in.Times.Deleted.Std())
				}
				if e, ok := left[key{g.dir, filepath.Base(g.path)}]; !ok || e.Inum != g.in.Inum && e.Inum != 0 {
					t.Errorf("%s: the name in directory %d is lost: %+v", g.path, g.dir, e)
				}
				if b, err := readAll(fsys, in); err == nil && string(b) == content[g.path] {
					recovered++
				}
			}
			if recovered != len(want) {
				t.Errorf("the content of %d of %d deleted files is found", recovered, len(want))
			}
			if _, ok := lookTool("fls"); ok {
				names := make(map[filesystem.Inum][]string)
				for _, e := range gatherEntries(t, fsys) {
					if !e.Allocated {
						names[e.Inum] = append(names[e.Inum], string(e.Name))
					}
				}
				theirs := flsNames(t, image, true)
				for _, line := range theirs {
					n, path, _ := strings.Cut(line, " ")
					num, err := strconv.ParseUint(n, 10, 32)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Contains(names[filesystem.Inum(num)], filepath.Base(path)) {
						t.Errorf("fls finds the deleted name %s of inode %d", path, num)
					}
				}
				if len(theirs) == 0 {
					t.Error("fls finds no deleted name: nothing was compared")
				}
			}
		})
	}
}

// TestJournalDevice reads a file system whose journal lies elsewhere, and
// refuses the journal itself by name.
func TestJournalDevice(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	journal, image := filepath.Join(dir, "journal"), filepath.Join(dir, "image")
	mke2fs(t, journal, 16<<20, "-O", "journal_dev", "-b", "4096")
	f, err := os.Open(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := ext4.Open(f, 16<<20); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "journal") {
		t.Errorf("the journal itself: %v", err)
	}
	loop, err := exec.Command(needTool(t, "losetup"), "--find", "--show", journal).Output()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	device := strings.TrimSpace(string(loop))
	t.Cleanup(func() { exec.Command(needTool(t, "losetup"), "-d", device).Run() })
	mke2fs(t, image, 32<<20, "-t", "ext4", "-b", "4096", "-J", "device="+device)
	mnt := mount(t, image, "")
	(&planter{t: t, root: mnt, block: 4096, many: 100}).files()
	unmount(t, mnt)
	mnt = mount(t, image, "ro,noload")
	files := kernelTree(t, mnt)
	unmount(t, mnt)
	fsys, raw := openImage(t, image)
	inodes := gather(t, fsys)
	sameAsKernel(t, fsys, raw, files, inodes)
	sameAsDumpe2fs(t, fsys, image, inodes)
	uuid := strings.TrimSpace(runTool(t, "blkid", "-p", "-o", "value", "-s", "UUID", journal))
	if notes := fsys.Info().Notes; uuid == "" || !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, uuid) }) {
		t.Errorf("journal %q, notes %q", uuid, notes)
	}
}

// TestManyDirectories makes more folders in one than its link count can say.
func TestManyDirectories(t *testing.T) {
	if testing.Short() {
		t.Skip("65,100 directories take a while")
	}
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 128<<20, "-t", "ext4", "-b", "1024", "-I", "128", "-N", "66000", "-O", "^has_journal")
	dir := mount(t, image, "noatime")
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	const n = 65100
	for i := range n {
		if err := unix.Mkdirat(fd, fmt.Sprintf("directory-%d", i), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(fd)
	unmount(t, dir)
	fsys, _ := openImage(t, image)
	root, err := fsys.Inode(fsys.Root())
	if err != nil || root.Links != 1 {
		t.Errorf("the root has %d links, the kernel's overflow is 1: %v", root.Links, err)
	}
	seen := make(map[string]bool)
	for _, e := range gatherEntries(t, fsys) {
		if e.Parent == fsys.Root() && e.Allocated && e.Type == filesystem.Directory {
			seen[string(e.Name)] = true
		}
	}
	for i := range n {
		if !seen[fmt.Sprintf("directory-%d", i)] {
			t.Fatalf("directory-%d is missing", i)
		}
	}
	if in, err := fsys.Find("/directory-64999", false); err != nil || in.Links != 2 {
		t.Errorf("%+v, %v", in, err)
	}
}

// TestLargeDir fills a directory until its index has three levels.
func TestLargeDir(t *testing.T) {
	if testing.Short() {
		t.Skip("50,000 long names take a while")
	}
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 128<<20, "-t", "ext4", "-b", "1024", "-I", "128", "-N", "1024", "-O", "large_dir,^has_journal")
	dir := mount(t, image, "noatime")
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50000
	name := func(i int) string { return fmt.Sprintf("%0250d", i) }
	for i := range n {
		var err error
		if i%60000 == 0 {
			err = unix.Mknodat(fd, name(i), unix.S_IFREG|0o644, 0)
		} else {
			err = unix.Linkat(fd, name(0), fd, name(i), 0)
		}
		if err != nil {
			t.Fatalf("name %d: %v", i, err)
		}
	}
	unix.Close(fd)
	unmount(t, dir)
	levels := debugfs(t, image, false, "htree_dump /")
	if !strings.Contains(levels, "Indirect levels: 2") {
		t.Errorf("the index has not three levels: %.300s", levels)
	}
	fsys, _ := openImage(t, image)
	names := make(map[string]bool)
	for _, e := range gatherEntries(t, fsys) {
		if e.Allocated && len(e.Name) == 250 {
			if names[string(e.Name)] {
				t.Fatalf("%s comes twice", e.Name)
			}
			names[string(e.Name)] = true
		}
	}
	for i := range n {
		if !names[name(i)] {
			t.Fatalf("name %d is missing", i)
		}
	}
	if _, err := fsys.Find(name(n-1), false); err != nil {
		t.Error(err)
	}
}

// TestSetByDebugfs sets what nobody has a disk large enough for, or what
// this machine's kernel does not know: counts beyond 32 bits, casefold, verity.
func TestSetByDebugfs(t *testing.T) {
	needTool(t, "debugfs")
	tree := filepath.Join(t.TempDir(), "tree")
	if err := os.MkdirAll(filepath.Join(tree, "Folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"huge", "blocks48", "verity", "Folder/Größe", "dax"} {
		if err := os.WriteFile(filepath.Join(tree, n), bytes.Repeat([]byte(n), 5000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 16<<20, "-t", "ext4", "-b", "4096", "-O", "casefold,verity,stable_inodes,project", "-E", "encoding=utf8", "-d", tree)
	debugfs(t, image, true,
		"sif /blocks48 blocks 7", "sif /blocks48 blocks_hi 3", "sif /verity flags 0x180000", "sif /dax flags 0x2080000", "sif /Folder flags 0x40080000",
		"sif /dax projid 4000000000", "sif /dax mtime @0xffffffff", "sif /dax mtime_extra 3", "sif /dax atime @0x80000000", "sif /dax atime_extra 0xee6b27fd",
	)
	fsys, _ := openImage(t, image)
	inodes := gather(t, fsys)
	sameAsDebugfs(t, fsys, image, inodes)
	for path, flag := range map[string]filesystem.Flags{"verity": filesystem.FlagVerity, "dax": filesystem.FlagDAX, "Folder": filesystem.FlagCasefold} {
		if in := findIn(t, fsys, path); in.Flags&flag == 0 {
			t.Errorf("%s: flags %v", path, in.Flags)
		}
	}
	if in := findIn(t, fsys, "blocks48"); in.Sectors != 3<<32+7 {
		t.Errorf("%d sectors", in.Sectors)
	}
	in := findIn(t, fsys, "dax")
	if in.Project != 4000000000 || in.Times.Modified.Sec != 3<<32-1 || in.Times.Accessed.Sec != 1<<31 || in.Times.Accessed.Nsec != 999999999 {
		t.Errorf("%+v", in)
	}
	if b, err := readAll(fsys, findIn(t, fsys, "Folder/Größe")); err != nil || !bytes.HasPrefix(b, []byte("Folder/Größe")) {
		t.Errorf("%.20q, %v", b, err)
	}
}

// TestHugeFile has the kernel judge i_blocks in units of blocks.
func TestHugeFile(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 16<<20, "-t", "ext4", "-b", "4096")
	debugfs(t, image, true, "write /dev/null huge", "sif /huge flags 0xC0000", "sif /huge blocks 0xfffffff0", "sif /huge blocks_hi 7", "write /dev/null much", "sif /much blocks 5", "sif /much blocks_hi 9")
	dir := mount(t, image, "ro,noload")
	files := kernelTree(t, dir)
	unmount(t, dir)
	fsys, raw := openImage(t, image)
	sameAsKernel(t, fsys, raw, files, gather(t, fsys))
	if in := findIn(t, fsys, "huge"); in.Sectors != 0x7fffffff0*8 {
		t.Errorf("%d sectors", in.Sectors)
	}
}

// TestDirectoryLoop hangs a folder below itself; debugfs does what the kernel
// forbids.
func TestDirectoryLoop(t *testing.T) {
	needTool(t, "debugfs")
	tree := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"a/b/c", "x/y"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(tree, "a/b/file"), []byte("found"), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 8<<20, "-t", "ext4", "-b", "1024", "-d", tree)
	debugfs(t, image, true, "ln /a /a/b/c/loop", "ln / /x/root", "ln /x/y /x/y/self", "ln /a/b /x/y/second")
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fsys, w := survives(t, f, 8<<20)
	if fsys == nil {
		t.Fatal(w.errs)
	}
	for _, p := range []string{"/a/b/file", "/a/b/c/loop/b/c/loop/b/file", "/x/root/x/root/a/b/file", "/x/y/self/self/second/file"} {
		in, err := fsys.Find(p, true)
		if err != nil || in.Size != 5 {
			t.Errorf("%s: %+v, %v", p, in, err)
		}
	}
	ix, errs := filesystem.BuildIndex(t.Context(), fsys)
	if got := ix.Path(findIn(t, fsys, "a/b/file").Inum); got != "/a/b/file" {
		t.Errorf("the index calls it %q, %v", got, errs)
	}
}

// TestExtraSize shrinks i_extra_isize step by step, as older kernels wrote it:
// what it does not cover is no time.
func TestExtraSize(t *testing.T) {
	for name, args := range map[string][]string{"csum": {"-t", "ext4"}, "plain": {"-t", "ext4", "-O", "^metadata_csum"}} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 16<<20, append(args, "-b", "4096", "-I", "256")...)
			var cmds []string
			for _, n := range []int{4, 8, 12, 16, 20, 24, 28, 32} {
				f := fmt.Sprintf("extra-%d", n)
				cmds = append(cmds, "write /dev/null "+f, "sif "+f+" mtime @0xfffffff0", "sif "+f+" mtime_extra 0x1236", "sif "+f+" ctime @7", "sif "+f+" ctime_extra 0x4321",
					"sif "+f+" atime @0x80000000", "sif "+f+" atime_extra 0x7773", "sif "+f+" crtime @99", "sif "+f+" crtime_extra 0x55", fmt.Sprintf("sif %s extra_isize %d", f, n))
			}
			debugfs(t, image, true, cmds...)
			dir := mount(t, image, "ro,noload")
			files := kernelTree(t, dir)
			unmount(t, dir)
			fsys, raw := openImage(t, image)
			inodes := gather(t, fsys)
			sameAsKernel(t, fsys, raw, files, inodes)
			known := 0
			for i, n := range []int{4, 8, 12, 16, 20, 24, 28, 32} {
				in := findIn(t, fsys, fmt.Sprintf("extra-%d", n))
				if in.Times.Born.Known {
					known++
				}
				// The fields come in this order: ctime, mtime, atime, crtime.
				got := []bool{in.Times.Changed.Nsec != 0, in.Times.Modified.Nsec != 0, in.Times.Accessed.Nsec != 0, in.Times.Born.Nsec != 0}
				for k, covered := range []bool{n >= 8, n >= 12, n >= 16, n >= 24} {
					if got[k] != covered {
						t.Errorf("extra size %d (%d): field %d has nanoseconds: %v", n, i, k, got[k])
					}
				}
			}
			if known == 0 || known == 8 {
				t.Errorf("%d of 8 have a birth time", known)
			}
		})
	}
}

// TestLongExtent reads an extent of 32768 blocks, the longest that is written;
// one block more would make it an unwritten one.
func TestLongExtent(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	content := randomBytes(1 << 20)
	f, err := os.Create(filepath.Join(tree, "long"))
	if err != nil {
		t.Fatal(err)
	}
	for range 36 {
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 64<<20, "-t", "ext4", "-b", "1024", "-G", "64", "-O", "sparse_super2,^sparse_super,^resize_inode,^has_journal,^metadata_csum", "-E", "num_backup_sb=0", "-N", "64", "-d", tree)
	// e2fsprogs goes to 32767, the kernel one further: move the border.
	before, _ := openImage(t, image)
	in := findIn(t, before, "long")
	first, second := slices.Clone(in.Raw[0x28+12:][:12]), slices.Clone(in.Raw[0x28+24:][:12])
	if le.Uint16(first[4:]) != 32767 || le.Uint32(second[8:]) != le.Uint32(first[8:])+32767 {
		t.Fatalf("the extents are % x, % x", first, second)
	}
	le.PutUint16(first[4:], 32768)
	le.PutUint32(second, le.Uint32(second)+1)
	le.PutUint16(second[4:], le.Uint16(second[4:])-1)
	le.PutUint32(second[8:], le.Uint32(second[8:])+1)
	if f, err = os.OpenFile(image, os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(append(first, second...), in.Offset+0x28+12); err != nil {
		t.Fatal(err)
	}
	fsys, _ := openImage(t, image)
	b, err := readAll(fsys, findIn(t, fsys, "long"))
	if err != nil || !bytes.Equal(b, bytes.Repeat(content, 36)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	sameAsDebugfs(t, fsys, image, gather(t, fsys))
}

// TestBeyond32Bits reads what lies past the block 2^32: most of the disk is
// given away first.
func TestBeyond32Bits(t *testing.T) {
	if testing.Short() {
		t.Skip("giving four terabytes away takes a while")
	}
	image := filepath.Join(t.TempDir(), "image")
	if f, err := os.Create(image); err != nil {
		t.Fatal(err)
	} else if err := errors.Join(f.Truncate(6<<40), f.Close()); err != nil {
		t.Skipf("no sparse file of six terabytes here: %v", err)
	}
	mke2fs(t, image, 6<<40, "-t", "ext4", "-b", "1024", "-O", "bigalloc,64bit,^has_journal,^resize_inode", "-C", "65536", "-N", "100000", "-E", "lazy_itable_init=1,nodiscard")
	dir := mount(t, image, "noinit_itable")
	for i := range 2 {
		f, err := os.Create(fmt.Sprintf("%s/hog-%d", dir, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Fallocate(int(f.Fd()), 0, 0, 2200<<30); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := os.Mkdir(dir+"/far", 0o755); err != nil {
		t.Fatal(err)
	}
	p := &planter{t: t, root: dir + "/far", block: 1024, many: 300, frag: 500}
	p.files()
	p.sparse()
	p.directories()
	p.links()
	p.xattrs()
	unmount(t, dir)
	dir = mount(t, image, "ro,noload")
	files := kernelTree(t, dir)
	unmount(t, dir)
	fsys, raw := openImage(t, image)
	inodes := gather(t, fsys)
	sameAsKernel(t, fsys, raw, files, inodes)
	sameAsDumpe2fs(t, fsys, image, inodes)
	sameAsDebugfs(t, fsys, image, inodes)
	c, err := fsys.Content(findIn(t, fsys, "far/sizes/4096"))
	if err != nil || c.Extents()[0].Offset < 1<<32*1024 {
		t.Errorf("the file lies at %+v, %v", c.Extents(), err)
	}
}
