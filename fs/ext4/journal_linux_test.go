package ext4_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// crash copies the disk under a mounted file system, as it would be after the
// power failed.
func crash(t *testing.T, image, dir string) string {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil { // commits, and writes to the journal alone
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "crashed")
	copyFile(t, image, out)
	return out
}

// work does what a server does, round after round, and commits each round.
func work(t *testing.T, dir string, rounds int) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := os.Open(dir)
	check(err)
	defer d.Close()
	for i := range rounds {
		sub := fmt.Sprintf("%s/d%d", dir, i)
		check(os.Mkdir(sub, 0o755))
		for k := range 40 {
			check(os.WriteFile(fmt.Sprintf("%s/a file with quite a long name, number %d", sub, k), bytes.Repeat([]byte{byte(i), byte(k)}, 300*k), 0o644))
		}
		check(os.Symlink("target", sub+"/link"))
		if i > 0 {
			old := fmt.Sprintf("%s/d%d", dir, i-1)
			check(os.Rename(old+"/a file with quite a long name, number 3", sub+"/renamed"))
			check(os.Chmod(old+"/a file with quite a long name, number 4", 0o600))
			check(os.Truncate(old+"/a file with quite a long name, number 5", 10))
			check(os.Remove(old + "/a file with quite a long name, number 6"))
		}
		if i > 1 {
			check(os.RemoveAll(fmt.Sprintf("%s/d%d", dir, i-2)))
		}
		// A block that begins like one of the journal's own.
		check(os.WriteFile(sub+"/magic", []byte{0xc0, 0x3b, 0x39, 0x98, 1, 2, 3}, 0o644))
		check(d.Sync())
	}
}

var journalKinds = map[string]struct {
	mkfs   []string
	mount  string
	rounds int
}{
	"ext4":         {[]string{"-t", "ext4", "-b", "4096"}, "", 6},
	"ext4 1k":      {[]string{"-t", "ext4", "-b", "1024", "-J", "size=1"}, "", 40},
	"ext4 32 bit":  {[]string{"-t", "ext4", "-b", "1024", "-O", "^64bit,^metadata_csum", "-J", "size=1"}, "", 40},
	"ext3":         {[]string{"-t", "ext3", "-b", "1024", "-J", "size=1"}, "", 40},
	"ext3 4k":      {[]string{"-t", "ext3", "-b", "4096"}, "", 6},
	"checksum v1":  {[]string{"-t", "ext4", "-b", "1024", "-O", "^64bit,^metadata_csum", "-J", "size=1"}, "journal_checksum", 20},
	"data=journal": {[]string{"-t", "ext4", "-b", "1024", "-J", "size=4"}, "data=journal", 10},
	"bigalloc":     {[]string{"-t", "ext4", "-O", "bigalloc", "-C", "16384"}, "", 6},
	"inline":       {[]string{"-t", "ext4", "-b", "1024", "-O", "inline_data", "-J", "size=1"}, "", 20},
}

// TestCrash reads the disk of a mounted file system: what is read with the
// journal laid over it is what the kernel reads after it has recovered a copy.
func TestCrash(t *testing.T) {
	for name, k := range journalKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 48<<20, k.mkfs...)
			dir := mount(t, image, strings.TrimSuffix("nodelalloc,commit=300,"+k.mount, ","))
			work(t, dir, k.rounds)
			crashed := crash(t, image, dir)
			unmount(t, dir)

			fsys := openWith(t, crashed)
			j, err := fsys.Journal()
			if err != nil {
				t.Fatal(err)
			}
			if len(j.Damage()) > 0 {
				t.Errorf("damage: %v", j.Damage())
			}
			t.Logf("%+v, %d transactions, %d copies", j.Info(), len(j.Transactions()), len(j.Copies()))
			r, ok := fsys.Replay()
			if !ok || r.Transactions < 2 || r.Blocks < 10 {
				t.Errorf("replayed %+v (%v)", r, ok)
			}
			sameAsLogdump(t, fsys, crashed)
			for _, x := range j.Transactions() {
				if want := j.Info().ChecksumBytes > 0; x.Live && (x.Checksum == ext4.ChecksumGood) != want {
					t.Errorf("live transaction %d: checksum %v", x.Sequence, x.Checksum)
				}
			}

			recovered := filepath.Join(t.TempDir(), "recovered")
			copyFile(t, crashed, recovered)
			unmount(t, mount(t, recovered, ""))
			theirs := openWith(t, recovered)
			if _, ok := theirs.Replay(); ok {
				t.Fatal("the kernel did not recover the copy")
			}
			want := listing(t, theirs)
			if diff := differences(listing(t, fsys), want); len(diff) > 0 {
				t.Errorf("%d of %d paths differ:\n%s", len(diff), len(want), strings.Join(diff[:min(5, len(diff))], "\n"))
			}
			if raw := differences(listing(t, openWith(t, crashed, ext4.NoReplay())), want); len(raw) == 0 {
				t.Error("the disk as it is does not differ: nothing was tested")
			}

			// What a clean unmount leaves is there as before, and no longer live.
			clean := openWith(t, image)
			cj, err := clean.Journal()
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range cj.Transactions() {
				if x.Live || x.Earlier {
					t.Errorf("in a clean journal %+v", x)
				}
			}
			if len(cj.Copies()) < 20 {
				t.Errorf("%d copies in a clean journal of %d blocks", len(cj.Copies()), cj.Info().Blocks)
			}
			copiesAreBlocks(t, clean, cj)
		})
	}
}

// forgetHead takes the place where a clean log goes on out of the journal's
// superblock, as kernels before 6.3 leave it: the next mount begins at the start.
func forgetHead(t *testing.T, image string) {
	t.Helper()
	fsys := openWith(t, image)
	in, err := fsys.Inode(8)
	if err != nil {
		t.Fatal(err)
	}
	c, err := fsys.Content(in)
	if err != nil {
		t.Fatal(err)
	}
	sb := make([]byte, 1024)
	if _, err := c.ReadAt(sb, 0); err != nil {
		t.Fatal(err)
	}
	clear(sb[0x58:0x5c])
	clear(sb[0xfc:0x100])
	binary.BigEndian.PutUint32(sb[0xfc:], ^crc32.Checksum(sb, crc32.MakeTable(crc32.Castagnoli)))
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(sb, c.Extents()[0].Offset); err != nil {
		t.Fatal(err)
	}
}

// TestOverwritten mounts a file system again and again, each time from the
// journal's start, so that transactions lie over parts of others. Which copies are
// whole must not need their checksums to be known: what is taken for a copy without
// them is one by them.
func TestOverwritten(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 24<<20, "-t", "ext4", "-b", "1024", "-J", "size=1")
	lost, copies := 0, 0
	// A long run wraps around, and a short one lies over what wrapped.
	for round, length := range []int{40, 1, 33, 2} {
		dir := mount(t, image, "nodelalloc,commit=300")
		for i := range 50 {
			os.RemoveAll(fmt.Sprintf("%s/d%d", dir, i))
		}
		work(t, dir, length)
		crashed := crash(t, image, dir)
		unmount(t, dir)
		forgetHead(t, image)
		for _, file := range []string{crashed, image} {
			fsys := openWith(t, file)
			j, err := fsys.Journal()
			if err != nil {
				t.Fatal(err)
			}
			blind, err := fsys.BlindJournal()
			if err != nil {
				t.Fatal(err)
			}
			verified := map[int64]ext4.BlockCopy{}
			for _, c := range j.Copies() {
				if !c.Verified {
					t.Errorf("%+v is not verified", c)
				}
				verified[c.Offset] = c
			}
			for _, x := range j.Transactions() {
				lost += x.Lost
			}
			list := blind.Copies()
			copies += len(list)
			for _, c := range list {
				if v := verified[c.Offset]; c.Committed && (v.Block != c.Block || v.Sequence != c.Sequence) {
					t.Errorf("round %d: %+v by what follows it, %+v by its checksum", round, c, v)
				}
			}
			if len(list) < len(verified)/2 {
				t.Errorf("round %d: %d copies without checksums, %d with", round, len(list), len(verified))
			}
		}
	}
	if lost == 0 || copies == 0 {
		t.Errorf("%d copies, %d lost: nothing was overwritten", copies, lost)
	}
	t.Logf("%d copies, %d lost", copies, lost)
}

// copiesAreBlocks reads the last copy of every block: where the block is one of
// metadata, of an inode table say, nothing was written to it since.
func copiesAreBlocks(t *testing.T, fsys *ext4.FS, j *ext4.Journal) {
	t.Helper()
	bs := int(fsys.Info().BlockSize)
	copied, tables, same := make([]byte, bs), 0, 0
	last := map[int64]ext4.BlockCopy{}
	for _, c := range j.Copies() {
		last[c.Block] = c
	}
	for block, c := range last {
		first, count := fsys.InodesOf(block)
		if count == 0 {
			continue
		}
		tables++
		if err := j.ReadCopy(c, copied); err != nil {
			t.Fatal(err)
		}
		history := j.InodeHistory(first)
		if len(history) == 0 {
			t.Fatalf("inode %d has no history in block %d", first, block)
		}
		in, err := fsys.Inode(first)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(history[len(history)-1].Inode.Raw, in.Raw) {
			same++
		}
	}
	// The last unmount writes once more what a transaction did not reach.
	if tables == 0 || same*10 < tables*9 {
		t.Errorf("of %d blocks of inode tables %d are as their last copy", tables, same)
	}
}

// TestActions does things to files, a commit after each, and reads from the
// journal what was done.
func TestActions(t *testing.T) {
	for _, kind := range []string{"ext4", "ext3"} {
		t.Run(kind, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 24<<20, "-t", kind, "-b", "1024")
			dir := mount(t, image, "nodelalloc,commit=300")
			step := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				d, err := os.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				if err := d.Sync(); err != nil {
					t.Fatal(err)
				}
			}
			past := time.Unix(1_400_000_000, 0)
			step(os.WriteFile(dir+"/first", []byte("first"), 0o644))
			step(os.Mkdir(dir+"/etc", 0o755))
			step(os.WriteFile(dir+"/etc/config", []byte("some words"), 0o644))
			step(os.WriteFile(dir+"/etc/other", []byte("other"), 0o644))
			step(os.Chmod(dir+"/etc/config", 0o755|os.ModeSetuid))
			step(os.Chown(dir+"/etc/config", 33, 34))
			step(os.Truncate(dir+"/etc/config", 4))
			step(os.Rename(dir+"/etc/config", dir+"/etc/renamed"))
			step(os.Rename(dir+"/etc/renamed", dir+"/moved"))
			step(os.Chtimes(dir+"/moved", past, past))
			step(os.Link(dir+"/moved", dir+"/etc/again"))
			step(os.Remove(dir + "/etc/other"))
			step(os.RemoveAll(dir + "/etc"))
			// The new directory has the old one's inode and block, its files the old ones'.
			step(os.Mkdir(dir+"/new", 0o755))
			step(os.WriteFile(dir+"/new/config", []byte("other words"), 0o644))
			unmount(t, dir)
			fsys := openWith(t, image)
			j, err := fsys.Journal()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			actions, err := j.Actions(t.Context())
			if err != nil {
				t.Error(err)
			}
			for i, a := range actions {
				s := a.Kind + " " + string(a.Name)
				if len(a.FromName) > 0 {
					s = a.Kind + " " + string(a.FromName) + " to " + string(a.Name)
				}
				if a.Before != "" && a.Kind != ext4.ActionWritten {
					s += " " + a.Before + " to " + a.After
				}
				got = append(got, s)
				if a.Commit.IsZero() || a.Since.After(a.Commit) || i > 0 && a.Sequence < actions[i-1].Sequence {
					t.Errorf("%+v after %v", a, actions[max(i-1, 0)].Sequence)
				}
			}
			// What was there when the journal's first copy was made has no state before.
			for _, want := range []string{
				"created config", "created other", "mode changed config 0644 to 4755", "owner changed config 0:0 to 33:34", "truncated config 10 to 4",
				"renamed config to renamed", "moved renamed to moved", "linked again", "deleted other", "deleted etc", "created new",
			} {
				if !slices.Contains(got, want) {
					t.Errorf("%q is missing", want)
				}
			}
			if !slices.ContainsFunc(got, func(s string) bool {
				return strings.HasPrefix(s, "time set back moved ") && strings.HasSuffix(s, " to 2014-05-13T16:53:20Z")
			}) {
				t.Error("the time that was set back is missing")
			}
			for _, s := range got {
				if strings.HasPrefix(s, "deleted") && s != "deleted other" && s != "deleted etc" || strings.HasPrefix(s, "birth") ||
					strings.HasPrefix(s, "renamed") && s != "renamed config to renamed" || strings.HasPrefix(s, "moved") && s != "moved renamed to moved" || strings.HasPrefix(s, "unlinked") {
					t.Errorf("%q did not happen", s)
				}
			}
			if t.Failed() {
				t.Logf("%q", got)
			}
		})
	}
}

// TestExternalJournal reads a file system whose journal lies on a device of its
// own.
func TestExternalJournal(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	dev, image := filepath.Join(dir, "journal"), filepath.Join(dir, "image")
	mke2fs(t, dev, 8<<20, "-O", "journal_dev", "-b", "1024")
	loop := func(file string) string {
		out, err := exec.Command(needTool(t, "losetup"), "-f", "--show", file).CombinedOutput()
		if err != nil {
			t.Skipf("no loop device: %v: %s", err, out)
		}
		name := strings.TrimSpace(string(out))
		t.Cleanup(func() { exec.Command("losetup", "-d", name).Run() })
		return name
	}
	mke2fs(t, image, 32<<20, "-t", "ext4", "-b", "1024", "-J", "device="+loop(dev))
	mnt := mount(t, image, "nodelalloc,commit=300")
	work(t, mnt, 5)
	crashed := crash(t, image, mnt)
	j, err := os.ReadFile(dev)
	if err != nil {
		t.Fatal(err)
	}
	unmount(t, mnt)

	alone := openWith(t, crashed)
	if _, err := alone.Journal(); err == nil {
		t.Error("a journal without its device")
	}
	fsys := openWith(t, crashed, ext4.WithJournal(bytes.NewReader(j), int64(len(j))))
	r, ok := fsys.Replay()
	if !ok || r.Transactions < 3 {
		t.Errorf("replayed %+v: %v; %v %v", r, ok, fsys.Info().Notes, fsys.Info().Damage)
	}
	clean := openWith(t, image)
	want := listing(t, clean)
	if diff := differences(listing(t, fsys), want); len(diff) > 0 {
		t.Errorf("%d of %d paths differ:\n%s", len(diff), len(want), strings.Join(diff[:min(5, len(diff))], "\n"))
	}
	if len(differences(listing(t, alone), want)) == 0 {
		t.Error("the disk as it is does not differ: nothing was tested")
	}
	ej, err := fsys.Journal()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for n := filesystem.Inum(11); n < 200; n++ {
		for _, s := range ej.InodeHistory(n) {
			if s.Inode.Mode.Type() == filesystem.Symlink && s.Inode.Links > 0 {
				target, err := ej.AsOf(s.Copy.Sequence).Link(s.Inode)
				if found = true; err != nil || string(target) != "target" {
					t.Errorf("link of inode %d: %q, %v", n, target, err)
				}
			}
		}
	}
	if !found {
		t.Error("no symbolic link in the history")
	}
}

// TestHistory deletes a file and reads it back from its earlier inode.
func TestHistory(t *testing.T) {
	for _, kind := range []string{"ext4", "ext3"} {
		t.Run(kind, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			mke2fs(t, image, 32<<20, "-t", kind, "-b", "1024")
			dir := mount(t, image, "nodelalloc,commit=300")
			content := randomBytes(700 << 10) // needs indirect blocks
			path := dir + "/gone"
			if err := os.WriteFile(path, content, 0o640); err != nil {
				t.Fatal(err)
			}
			syncTree(t, dir)
			var st unix.Stat_t
			if err := unix.Stat(path, &st); err != nil {
				t.Fatal(err)
			}
			crash(t, image, dir)
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			crash(t, image, dir)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			unmount(t, dir)
			fsys := openWith(t, image)
			j, err := fsys.Journal()
			if err != nil {
				t.Fatal(err)
			}
			states := j.InodeHistory(filesystem.Inum(st.Ino))
			var modes []string
			recovered := 0
			for i, s := range states {
				modes = append(modes, fmt.Sprintf("%v %d links", s.Inode.Mode, s.Inode.Links))
				if i > 0 && s.Copy.Sequence < states[i-1].Last.Sequence {
					t.Error("the states are not in order")
				}
				if s.Inode.Size != int64(len(content)) || s.Inode.Links == 0 {
					continue
				}
				c, err := j.AsOf(s.Copy.Sequence).Content(s.Inode)
				if err != nil {
					t.Errorf("state %d: %v", i, err)
					continue
				}
				got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("state %d: %d bytes, not the file's: %v", i, len(got), err)
					continue
				}
				recovered++
			}
			if recovered < 2 || !strings.Contains(strings.Join(modes, ";"), "rrw-r-----") || !strings.Contains(strings.Join(modes, ";"), "rrw-------") || !strings.HasSuffix(strings.Join(modes, ";"), "0 links") {
				t.Errorf("%d of the states give the content; states: %q", recovered, modes)
			}

			// The name is in a copy of the root directory's block.
			names := 0
			buf := make([]byte, fsys.Info().BlockSize)
			for _, c := range j.Copies() {
				if err := j.ReadCopy(c, buf); err != nil {
					t.Fatal(err)
				}
				entries, ok := fsys.DirBlock(0, buf, c.Offset)
				for _, e := range entries {
					if ok && e.Allocated && string(e.Name) == "gone" {
						names++
						if e.Parent != fsys.Root() || e.Inum != filesystem.Inum(st.Ino) {
							t.Errorf("%+v", e)
						}
						root, _ := fsys.Inode(fsys.Root())
						if kind == "ext4" && fsys.DirBlockOf(e.Parent, root.Generation, buf) != ext4.ChecksumGood {
							t.Error("the block's checksum does not fit its directory")
						}
					}
				}
			}
			if names == 0 {
				t.Error("no copy of the directory holds the name")
			}
		})
	}
}

// TestFastCommit reads changes that were logged without copies of blocks.
func TestFastCommit(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	mke2fs(t, image, 48<<20, "-t", "ext4", "-O", "fast_commit")
	dir := mount(t, image, "nodelalloc,commit=300")
	work(t, dir, 2)
	name := dir + "/quick"
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("quick"); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyFile(t, image, crashed)
	f.Close()
	unmount(t, dir)

	fsys := openWith(t, crashed)
	j, err := fsys.Journal()
	if err != nil {
		t.Fatal(err)
	}
	if j.Info().FastBlocks == 0 {
		t.Fatalf("no area of fast commits: %+v", j.Info())
	}
	list := j.FastCommits()
	if len(list) == 0 {
		t.Skip("this kernel made a full commit")
	}
	kinds := map[string]bool{}
	for _, r := range list {
		if r.Inum == filesystem.Inum(st.Ino) && r.Live {
			kinds[r.Kind] = true
			if r.Kind == "create" && (string(r.Name) != "quick" || r.Parent != fsys.Root()) {
				t.Errorf("%+v", r)
			}
		}
	}
	if !kinds["create"] || !kinds["inode"] || !kinds["add range"] {
		t.Errorf("of the new file: %v; all: %+v", kinds, list)
	}
	if !slices.ContainsFunc(fsys.Info().Notes, func(s string) bool { return strings.Contains(s, "fast commits") }) {
		t.Errorf("the notes do not speak of it: %q", fsys.Info().Notes)
	}
}

// TestBytesAt finds the bytes of an inode that lies in the journal.
func TestBytesAt(t *testing.T) {
	o, fsys := openSeed(t, "journal-ext4")
	moved := 0
	for in, err := range fsys.Inodes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		at, n := fsys.BytesAt(in.Offset)
		if n < int64(len(in.Raw)) || !bytes.Equal(o.base[at:at+int64(len(in.Raw))], in.Raw) {
			t.Errorf("inode %d: its bytes are not at %d", in.Inum, at)
		}
		if at != in.Offset {
			moved++
		}
	}
	if r, ok := fsys.Replay(); !ok || moved == 0 {
		t.Errorf("%d inodes lie in the journal; replayed %+v", moved, r)
	}
	if at, _ := fsys.BytesAt(0); at != 0 {
		t.Errorf("byte 0 at %d", at)
	}
}
