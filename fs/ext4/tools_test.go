package ext4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// lookTool finds a program, also in the folders that a plain user's PATH
// leaves out.
func lookTool(name string) (string, bool) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/bin") {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}

// needTool skips the test, aloud, where a program is not installed.
func needTool(t testing.TB, name string) string {
	t.Helper()
	p, ok := lookTool(name)
	if !ok {
		t.Skipf("%s is not installed", name)
	}
	return p
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount the image with the kernel")
	}
}

// mkfsConf is given to mke2fs in place of /etc/mke2fs.conf, so that an
// image is the same on every machine.
const mkfsConf = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext3 = {
		features = has_journal
	}
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
	small = {
	}
	floppy = {
	}
`

// mke2fs makes an image file of size bytes.
func mke2fs(t testing.TB, image string, size int64, args ...string) {
	t.Helper()
	prog := needTool(t, "mke2fs")
	conf := filepath.Join(t.TempDir(), "mke2fs.conf")
	if err := os.WriteFile(conf, []byte(mkfsConf), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(image, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	f.Close()
	cmd := exec.Command(prog, append(append([]string{"-q", "-F"}, args...), image)...)
	cmd.Env = append(os.Environ(), "MKE2FS_CONFIG="+conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mke2fs %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// runTool gives what a program prints on its standard output.
func runTool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := tryTool(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

func tryTool(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(needTool(t, name), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "DEBUGFS_PAGER=cat", "PAGER=cat")
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err := cmd.Run()
	if err != nil {
		err = errors.New(err.Error() + ": " + strings.TrimSpace(msg.String()))
	}
	return out.String(), err
}

// debugfs runs commands on an image, one a line. The image is changed only
// if write is true.
func debugfs(t testing.TB, image string, write bool, commands ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "debugfs.cmd")
	if err := os.WriteFile(file, []byte(strings.Join(commands, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-f", file, image}
	if write {
		args = append([]string{"-w"}, args...)
	}
	return runTool(t, "debugfs", args...)
}

// openImage opens the file system that fills a file.
func openImage(t testing.TB, image string) (*ext4.FS, *os.File) {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := ext4.Open(f, st.Size())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return fsys, f
}

// gather keeps every inode of the walk; it fails on any error.
func gather(t testing.TB, fsys filesystem.FileSystem) map[filesystem.Inum]*filesystem.Inode {
	t.Helper()
	all := make(map[filesystem.Inum]*filesystem.Inode)
	for in, err := range fsys.Inodes(context.Background()) {
		if err != nil {
			t.Errorf("Inodes: %v", err)
			continue
		}
		if all[in.Inum] != nil {
			t.Errorf("Inodes: %d came twice", in.Inum)
		}
		all[in.Inum] = in.Clone()
	}
	return all
}

// gatherEntries keeps every entry of the walk; it fails on any error.
func gatherEntries(t testing.TB, fsys filesystem.FileSystem) []filesystem.Entry {
	t.Helper()
	var all []filesystem.Entry
	for e, err := range fsys.Entries(context.Background()) {
		if err != nil {
			t.Errorf("Entries: %v", err)
			continue
		}
		e.Name = bytes.Clone(e.Name)
		all = append(all, e)
	}
	return all
}

var copyBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func digest(r io.Reader) ([32]byte, error) {
	h := sha256.New()
	buf := copyBuffers.Get().(*[256 << 10]byte)
	defer copyBuffers.Put(buf)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{r}, buf[:]); err != nil {
		return [32]byte{}, err
	}
	return [32]byte(h.Sum(nil)), nil
}

// ranges reads lists as dumpe2fs prints them: "1-5, 9, 12-14".
func ranges(s string) (out [][2]uint64) {
	for f := range strings.SplitSeq(s, ",") {
		f = strings.TrimSpace(f)
		if f == "" {
			continue
		}
		a, b, ok := strings.Cut(f, "-")
		if !ok {
			b = a
		}
		lo, err1 := strconv.ParseUint(a, 10, 64)
		hi, err2 := strconv.ParseUint(b, 10, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		out = append(out, [2]uint64{lo, hi})
	}
	return out
}
