package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The layout of the disks, in sectors of 512 bytes: a BIOS boot partition, the
// root, swap.
const (
	sector     = 512
	diskBytes  = 64 << 20
	rootStart  = 4096
	rootBlocks = 14080 // of 4096 bytes: 55 MiB
	swapStart  = rootStart + rootBlocks*8
	swapBlocks = 1024 // of 4096 bytes
)

const partitions = `label: gpt
label-id: 8D5A1F6E-3C0B-4B7E-9B57-2F6C01D0A001
unit: sectors
first-lba: 34

start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=8D5A1F6E-3C0B-4B7E-9B57-2F6C01D0A002, name="bios"
start=4096, size=112640, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=8D5A1F6E-3C0B-4B7E-9B57-2F6C01D0A003, name="root"
start=116736, size=8192, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, uuid=8D5A1F6E-3C0B-4B7E-9B57-2F6C01D0A004, name="swap"
`

const (
	rootUUID = "6f1a2c58-77d4-4a0e-8b39-0a4dd51c9e10"
	swapUUID = "6f1a2c58-77d4-4a0e-8b39-0a4dd51c9e11"
	hashSeed = "6f1a2c58-77d4-4a0e-8b39-0a4dd51c9e12"
)

// mke2fs.conf of Debian 11, so that the host's own does not matter.
const mkfsConf = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
`

// disk puts a tree on an ext4 file system with mke2fs and debugfs.
type disk struct {
	work string // folder for what is in the making
	img  string // the root file system
	n    int
}

// run runs a program of e2fsprogs with its clock at now.
func (d *disk) run(now time.Time, stdin string, name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin",
		"MKE2FS_CONFIG="+filepath.Join(d.work, "mke2fs.conf"), "DEBUGFS_PAGER=cat", "PAGER=cat",
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", now.Unix()), fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", now.Unix()))
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		fatal("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// debugfs runs commands on the image; any complaint ends the build.
func (d *disk) debugfs(now time.Time, commands string) string {
	d.n++
	f := filepath.Join(d.work, fmt.Sprintf("debugfs%d.cmd", d.n))
	check(os.WriteFile(f, []byte(commands), 0o644))
	out := d.run(now, "", "debugfs", "-w", "-f", f, d.img)
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "debugfs") && complaint.MatchString(line) {
			fatal("debugfs: %s(commands in %s)", line, f)
		}
	}
	return out
}

var complaint = regexp.MustCompile(`(?i)not found|no such|error|unknown|usage:|invalid|couldn't|already exists|could not|must be`)

func (d *disk) mkfs(now time.Time) {
	check(os.WriteFile(filepath.Join(d.work, "mke2fs.conf"), []byte(mkfsConf), 0o644))
	os.Remove(d.img)
	d.run(now, "", "mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-U", rootUUID, "-m", "5",
		"-E", "hash_seed="+hashSeed+",root_owner=0:0,lazy_itable_init=0", d.img, strconv.Itoa(rootBlocks))
}

// quote quotes a name for debugfs.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// sync brings the disk to the tree's state. ordinary deletions leave inodes
// that the kernel would have used again; only files that say keep, and those
// that were on the disk before, are left as deleted inodes.
func (d *disk) sync(t *tree, now time.Time) {
	var b strings.Builder
	content := func(n *node) string {
		d.n++
		f := filepath.Join(d.work, fmt.Sprintf("content%d", d.n))
		check(os.WriteFile(f, n.data, 0o644))
		return f
	}
	put := func(n *node, p string) {
		fmt.Fprintf(&b, "cd %s\n", quote(path.Dir(p)))
		switch n.kind {
		case 'f':
			fmt.Fprintf(&b, "write %s %s\n", content(n), quote(path.Base(p)))
			n.written = string(n.data)
		case 'd':
			fmt.Fprintf(&b, "mkdir %s\n", quote(path.Base(p)))
		case 'l':
			fmt.Fprintf(&b, "symlink %s %s\n", quote(path.Base(p)), quote(n.target))
		}
		n.onDisk = p
	}

	// Files that grew: freed and written again one at a time, so that each
	// gets its own inode back.
	for _, n := range t.nodes {
		if n.ino != 0 && n.kind == 'f' && n.path != "" && string(n.data) != n.written {
			fmt.Fprintf(&b, "rm %s\n", quote(n.onDisk))
			put(n, n.onDisk)
		}
	}
	// Names that went.
	var moved, dead []*node
	for _, n := range t.nodes {
		if n.ino == 0 || n.onDisk == "" || n.path == n.onDisk {
			continue
		}
		fmt.Fprintf(&b, "unlink %s\n", quote(n.onDisk))
		n.onDisk = ""
		if n.path == "" {
			dead = append(dead, n)
		} else {
			moved = append(moved, n)
		}
	}
	// New files, in the order in which they were made, under their last names.
	for _, n := range t.nodes {
		if n.ino != 0 || n.path == "" && !n.keep {
			continue
		}
		put(n, n.lastly)
		if n.path == "" {
			dead = append(dead, n)
		}
	}
	for _, n := range moved {
		fmt.Fprintf(&b, "cd %s\n", quote(path.Dir(n.path)))
		fmt.Fprintf(&b, "ln <%d> %s\n", n.ino, quote(path.Base(n.path)))
		n.onDisk = n.path
	}
	d.debugfs(now, b.String())

	// What inode did each get?
	b.Reset()
	var list []*node
	for _, n := range t.nodes {
		if n.onDisk != "" {
			fmt.Fprintf(&b, "stat %s\n", quote(n.onDisk))
			list = append(list, n)
		}
	}
	found := inodeLine.FindAllStringSubmatch(d.debugfs(now, b.String()), -1)
	if len(found) != len(list) {
		fatal("debugfs describes %d files of %d", len(found), len(list))
	}
	seen := map[int]string{}
	for i, n := range list {
		ino, _ := strconv.Atoi(found[i][1])
		if n.ino != 0 && n.ino != ino {
			fatal("%s moved from inode %d to %d", n.onDisk, n.ino, ino)
		}
		if other := seen[ino]; other != "" {
			fatal("%s and %s share inode %d", n.onDisk, other, ino)
		}
		n.ino, seen[ino] = ino, n.onDisk
	}

	b.Reset()
	for _, n := range dead {
		if n.onDisk != "" {
			if n.kind == 'd' {
				fmt.Fprintf(&b, "rmdir %s\n", quote(n.onDisk))
			} else {
				fmt.Fprintf(&b, "rm %s\n", quote(n.onDisk))
			}
		} else {
			fmt.Fprintf(&b, "kill_file <%d>\n", n.ino)
		}
		n.onDisk = ""
	}
	for _, n := range t.nodes {
		if n.ino == 0 || n.onDisk == "" {
			continue
		}
		for _, k := range sortedKeys(n.xattr) {
			f := filepath.Join(d.work, fmt.Sprintf("xattr%d", n.ino))
			check(os.WriteFile(f, []byte(n.xattr[k]), 0o644))
			fmt.Fprintf(&b, "ea_set -f %s <%d> %s\n", f, n.ino, k)
		}
		n.xattr = nil
	}
	for _, n := range t.nodes {
		if n.ino != 0 && n.onDisk != "" {
			setInode(&b, n)
		}
	}
	for _, n := range dead {
		setInode(&b, n)
		fmt.Fprintf(&b, "sif <%d> dtime @%d\n", n.ino, n.dtime.Unix())
		fmt.Fprintf(&b, "sif <%d> links_count 0\n", n.ino)
		// The kernel cuts a file to nothing before it frees the inode.
		if n.kind == 'f' {
			fmt.Fprintf(&b, "sif <%d> size 0\nsif <%d> blocks 0\nsif <%d> block[0] 0xf30a\nsif <%d> block[1] 4\n", n.ino, n.ino, n.ino, n.ino)
			for _, i := range []string{"2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "IND", "DIND", "TIND"} {
				fmt.Fprintf(&b, "sif <%d> block[%s] 0\n", n.ino, i)
			}
		}
		// It is not part of the next sync.
		n.ino = 0
		n.keep = false
	}
	fmt.Fprintf(&b, "ssv last_mounted /\nssv mtime @%d\nssv mnt_count 7\n", bootTime.Unix())
	d.debugfs(now, b.String())
	d.run(now, "", "e2fsck", "-fn", d.img)
}

var inodeLine = regexp.MustCompile(`(?m)^Inode: (\d+)   Type`)

func setInode(b *strings.Builder, n *node) {
	format := map[byte]uint32{'f': 0o100000, 'd': 0o040000, 'l': 0o120000}[n.kind]
	fmt.Fprintf(b, "sif <%d> mode 0%o\n", n.ino, format|n.mode)
	fmt.Fprintf(b, "sif <%d> uid %d\nsif <%d> gid %d\n", n.ino, n.uid, n.ino, n.gid)
	for _, s := range []struct {
		field string
		t     time.Time
	}{{"atime", n.atime}, {"mtime", n.mtime}, {"ctime", n.ctime}, {"crtime", n.btime}} {
		fmt.Fprintf(b, "sif <%d> %s @%d\n", n.ino, s.field, s.t.Unix())
		fmt.Fprintf(b, "sif <%d> %s_extra %d\n", n.ino, s.field, uint32(s.t.Nanosecond())<<2)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// assemble writes the whole disk: the partition table by sfdisk, swap by
// mkswap, the root.
func (d *disk) assemble(out string, now time.Time) {
	os.Remove(out)
	f, err := os.Create(out)
	check(err)
	check(f.Truncate(diskBytes))
	check(f.Close())
	d.run(now, partitions, "sfdisk", "-q", out)

	swap := filepath.Join(d.work, "swap")
	check(os.WriteFile(swap, make([]byte, swapBlocks*4096), 0o600))
	d.run(now, "", "mkswap", "-q", "-p", "4096", "-L", "swap", "-U", swapUUID, swap)

	f, err = os.OpenFile(out, os.O_RDWR, 0)
	check(err)
	defer f.Close()
	copyAt := func(from string, start int64) {
		data, err := os.ReadFile(from)
		check(err)
		for off := 0; off < len(data); off += 4096 {
			block := data[off:min(off+4096, len(data))]
			if len(bytes.Trim(block, "\x00")) > 0 {
				_, err = f.WriteAt(block, start*sector+int64(off))
				check(err)
			}
		}
	}
	copyAt(d.img, rootStart)
	copyAt(swap, swapStart)
}
