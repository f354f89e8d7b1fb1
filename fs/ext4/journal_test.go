package ext4_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// openWith opens the file system that fills a file, with options.
func openWith(t testing.TB, image string, opts ...ext4.Option) *ext4.FS {
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
	fsys, err := ext4.Open(f, st.Size(), opts...)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return fsys
}

// listing says what there is to say of every file that the root leads to, by
// path.
func listing(t testing.TB, fsys *ext4.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	seen := map[filesystem.Inum]bool{}
	var visit func(path string, n filesystem.Inum)
	visit = func(path string, n filesystem.Inum) {
		in, err := fsys.Inode(n)
		if err != nil {
			out[path] = err.Error()
			return
		}
		s := fmt.Sprintf("%d %v uid %d gid %d links %d size %d mtime %v ctime %v", n, in.Mode, in.UID, in.GID, in.Links, in.Size, in.Times.Modified, in.Times.Changed)
		switch in.Mode.Type() {
		case filesystem.Regular:
			c, err := fsys.Content(in)
			if err != nil {
				s += " " + err.Error()
				break
			}
			h := sha256.New()
			if _, err := io.Copy(h, io.NewSectionReader(c, 0, c.Size())); err != nil {
				s += " " + err.Error()
			}
			s += fmt.Sprintf(" %x", h.Sum(nil))
		case filesystem.Symlink:
			target, err := fsys.Link(in)
			s += fmt.Sprintf(" -> %q %v", target, err)
		}
		out[path] = s
		if in.Mode.Type() != filesystem.Directory || seen[n] {
			return
		}
		seen[n] = true
		for e, err := range fsys.Directory(t.Context(), in) {
			if err != nil {
				out[path+" damage"] += err.Error()
			} else if e.Allocated && !e.IsDot() {
				visit(path+"/"+string(e.Name), e.Inum)
			}
		}
	}
	visit("", fsys.Root())
	return out
}

// differences lists what two listings say differently, sorted by path.
func differences(a, b map[string]string) []string {
	var out []string
	for p, s := range a {
		if b[p] != s {
			out = append(out, fmt.Sprintf("%s: %s | %s", p, s, b[p]))
		}
	}
	for p, s := range b {
		if _, ok := a[p]; !ok {
			out = append(out, fmt.Sprintf("%s: | %s", p, s))
		}
	}
	slices.Sort(out)
	return out
}

// logged is one block as debugfs' logdump shows it.
type logged struct {
	seq, block uint64
}

var (
	reLogHead   = regexp.MustCompile(`(?:Found expected|Found) sequence (\d+), type (\d+) \(.*\) at block (\d+)`)
	reLogBlock  = regexp.MustCompile(`^  FS block (\d+) logged at (?:sequence \d+, )?journal block (\d+) \(flags 0x([0-9a-f]+)\)`)
	reLogRevoke = regexp.MustCompile(`^  Revoke FS block (\d+)`)
)

// logdump gives what debugfs finds in the log from its tail on: copies by
// journal block, commit blocks' sequences, and revoked blocks.
func logdump(t testing.TB, image string) (copies map[uint64]logged, commits []uint64, revokes int) {
	copies = map[uint64]logged{}
	seq := uint64(0)
	num := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for line := range strings.Lines(debugfs(t, image, false, "logdump -a")) {
		if m := reLogHead.FindStringSubmatch(line); m != nil {
			seq = num(m[1])
			if m[2] == "2" {
				commits = append(commits, seq)
			}
		} else if m := reLogBlock.FindStringSubmatch(line); m != nil {
			copies[num(m[2])] = logged{seq: seq, block: num(m[1])}
		} else if reLogRevoke.MatchString(line) {
			revokes++
		}
	}
	return copies, commits, revokes
}

// sameAsLogdump compares the live part of a journal with what debugfs reads.
func sameAsLogdump(t *testing.T, fsys *ext4.FS, image string) {
	t.Helper()
	j, err := fsys.Journal()
	if err != nil {
		t.Fatal(err)
	}
	theirs, commits, revokes := logdump(t, image)
	var live []uint64
	ourRevokes := 0
	for _, x := range j.Transactions() {
		if x.Live {
			live = append(live, uint64(x.Sequence))
			ourRevokes += x.Revokes
			if x.Lost != 0 {
				t.Errorf("transaction %d lost %d copies", x.Sequence, x.Lost)
			}
			if !x.Committed || x.Commit.IsZero() {
				t.Errorf("transaction %d is live, and committed at %v (%v)", x.Sequence, x.Commit, x.Committed)
			}
		}
	}
	if !slices.Equal(live, commits) {
		t.Errorf("live transactions %v, debugfs %v", live, commits)
	}
	if len(commits) > 0 {
		last := commits[len(commits)-1]
		maps.DeleteFunc(theirs, func(_ uint64, l logged) bool { return l.seq > last })
	}
	if ourRevokes != revokes {
		t.Errorf("%d revoked blocks, debugfs %d", ourRevokes, revokes)
	}
	// The journal block of a copy by its place on the disk, as debugfs maps it.
	in, err := fsys.Inode(filesystem.Inum(j.Info().Inum))
	if err != nil {
		t.Fatal(err)
	}
	c, err := fsys.Content(in)
	if err != nil {
		t.Fatal(err)
	}
	at := map[int64]uint64{}
	bs := fsys.Info().BlockSize
	for _, run := range c.Extents() {
		for k := int64(0); k < run.Length; k += bs {
			at[run.Offset+k] = uint64((run.Logical + k) / bs)
		}
	}
	ours := 0
	for _, c := range j.Copies() {
		if !c.Live {
			continue
		}
		ours++
		pos, ok := at[c.Offset]
		if l := theirs[pos]; !ok || l.seq != uint64(c.Sequence) || l.block != uint64(c.Block) {
			t.Errorf("copy of block %d in transaction %d at journal block %d: debugfs has %+v", c.Block, c.Sequence, pos, l)
		}
	}
	if ours != len(theirs) {
		t.Errorf("%d live copies, debugfs %d", ours, len(theirs))
	}
	t.Logf("%d live transactions, %d copies, %d revokes", len(live), ours, revokes)
}

// recovering are the images of the corpus that need recovery. After the
// journal is laid over them the tree is that of a copy that e2fsck recovered; the
// number says where it is not.
var recovering = map[string]struct {
	differ       int // paths
	transactions int // that are replayed
	why          string
}{
	"f_clear_orphan_file":     {0, 2, ""},
	"f_ext_journal":           {0, 0, "the device of its journal is not among the images"},
	"f_jnl_32bit":             {0, 4, ""},
	"f_jnl_64bit":             {0, 3, ""},
	"j_corrupt_commit_csum":   {},
	"j_corrupt_commit_tid":    {},
	"j_corrupt_journal_block": {0, 3, ""},
	"j_corrupt_revoke_rcount": {0, 1, ""},
	"j_corrupt_sb_magic":      {},
}

// TestRecovering compares each image that needs recovery, with its journal
// laid over it in memory, with a copy that e2fsck has repaired.
func TestRecovering(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("the images of e2fsprogs are not here: %v", err)
	}
	fsck := needTool(t, "e2fsck")
	for name, want := range recovering {
		t.Run(name, func(t *testing.T) {
			image := unpack(t, name)
			var opts []ext4.Option
			ours := openWith(t, image, opts...)
			t.Logf("%q %v", ours.Info().Notes, ours.Info().Damage)
			fixed := filepath.Join(t.TempDir(), "fixed")
			b, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(fixed, b, 0o644); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(fsck, "-fy", fixed).CombinedOutput() // its exit code counts repairs
			theirs := openWith(t, fixed, ext4.NoReplay())
			raw := openWith(t, image, ext4.NoReplay())
			diff := differences(listing(t, ours), listing(t, theirs))
			t.Logf("%d paths, %d differ on the disk as it is, %d after the replay", len(listing(t, theirs)), len(differences(listing(t, raw), listing(t, theirs))), len(diff))
			r, _ := ours.Replay()
			if len(diff) != want.differ || r.Transactions != want.transactions {
				t.Errorf("%d transactions, want %d; %d paths differ, want %d (%s):\n%s\ne2fsck: %s", r.Transactions, want.transactions, len(diff), want.differ, want.why, strings.Join(diff[:min(6, len(diff))], "\n"), bytes.TrimSpace(out))
			}
		})
	}
}

// TestNoJournal reads file systems whose journal is not there.
func TestNoJournal(t *testing.T) {
	image := filepath.Join(t.TempDir(), "ext2")
	mke2fs(t, image, 4<<20, "-t", "ext2")
	fsys := openWith(t, image)
	if j, err := fsys.Journal(); j != nil || !errors.Is(err, ext4.ErrNoJournal) {
		t.Errorf("%v, %v", j, err)
	}
}

// TestJournalWritten reads journals that debugfs writes, with checksums of each
// version that it knows, and numbers of blocks of 32 and 64 bits.
func TestJournalWritten(t *testing.T) {
	for _, c := range []struct {
		name, open string
		features   string
		bytes      int
	}{
		{"no checksum", "jo", "^metadata_csum,^64bit", 0},
		{"no checksum, 64 bit", "jo", "^metadata_csum,64bit", 0},
		{"version 2", "jo -c -v 2", "metadata_csum,^64bit", 2},
		{"version 2, 64 bit", "jo -c -v 2", "metadata_csum,64bit", 2},
		{"version 3", "jo -c -v 3", "metadata_csum,^64bit", 4},
		{"version 3, 64 bit", "jo -c -v 3", "metadata_csum,64bit", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			image := filepath.Join(dir, "image")
			mke2fs(t, image, 8<<20, "-t", "ext4", "-b", "1024", "-O", c.features)
			// The second block begins like one of the journal's own.
			first, second := bytes.Repeat([]byte("first "), 171)[:1024], append([]byte{0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 1}, make([]byte, 1016)...)
			both := filepath.Join(dir, "blocks")
			if err := os.WriteFile(both, append(slices.Clone(first), second...), 0o644); err != nil {
				t.Fatal(err)
			}
			one := filepath.Join(dir, "one")
			if err := os.WriteFile(one, second, 0o644); err != nil {
				t.Fatal(err)
			}
			debugfs(t, image, true, c.open, "jw -b 7000,7001 "+both, "jw -b 7002 "+one, "jw -r 7002", "jc")
			fsys := openWith(t, image)
			j, err := fsys.Journal()
			if err != nil {
				t.Fatal(err)
			}
			if info := j.Info(); info.ChecksumBytes != c.bytes || len(j.Damage()) > 0 {
				t.Errorf("%+v, damage %v", info, j.Damage())
			}
			sameAsLogdump(t, fsys, image)
			buf := make([]byte, 1024)
			for block, want := range map[int64][]byte{7000: first, 7001: second, 7002: second} {
				copies := j.CopiesOf(block)
				if len(copies) != 1 || !copies[0].Committed || !copies[0].Live || copies[0].Verified != (c.bytes > 0) || copies[0].Escaped != (block > 7000) || copies[0].Revoked != (block == 7002) {
					t.Errorf("block %d: %+v", block, copies)
					continue
				}
				if err := j.ReadCopy(copies[0], buf); err != nil || !bytes.Equal(buf, want) {
					t.Errorf("block %d: %v, % x ...", block, err, buf[:8])
				}
			}
			if r, ok := fsys.Replay(); !ok || r.Blocks != 2 || r.Revoked != 1 {
				t.Errorf("replayed %+v", r)
			}
		})
	}
}
