package ext4_test

import (
	"bufio"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deadbox/fs/ext4"
	"deadbox/fs/filesystem"
)

// stat is what debugfs says of one inode.
type stat struct {
	kind, mode                    string
	flags, generation             uint64
	uid, gid, project, size       uint64
	links, blocks                 uint64
	ctime, atime, mtime, crtime   stamp
	dtime                         uint64
	hasCrtime, hasExtra, hasDtime bool
	major, minor                  uint64
	fast                          string // target of a fast symbolic link
	isFast                        bool
	spans                         []run // in blocks, data and unwritten
	hasSpans                      bool
}

// stamp is a time as the two words on the disk.
type stamp struct{ sec, extra uint64 }

func (s stamp) time(extra bool) filesystem.Time {
	t := filesystem.Time{Sec: int64(int32(uint32(s.sec))), Known: true}
	if extra {
		t.Sec += int64(s.extra&3) << 32
		t.Nsec = int32(s.extra >> 2)
	}
	return t
}

var (
	reInode = regexp.MustCompile(`^Inode: (\d+)\s+Type: (.*?)\s+Mode:\s+([0-7]+)\s+Flags: 0x([0-9a-f]+)`)
	reGen   = regexp.MustCompile(`^Generation: (\d+)`)
	reUser  = regexp.MustCompile(`^User:\s+(-?\d+)\s+Group:\s+(-?\d+)(?:\s+Project:\s+(-?\d+))?\s+Size: (\d+)`)
	reUser2 = regexp.MustCompile(`^User:\s+(-?\d+)\s+Group:\s+(-?\d+)(?:\s+Project:\s+(-?\d+))?\s*$`)
	reSize  = regexp.MustCompile(`^Size: (\d+)`)
	reLinks = regexp.MustCompile(`^Links: (\d+)\s+Blockcount: (\d+)`)
	reTime  = regexp.MustCompile(`^\s*(ctime|atime|mtime|crtime|dtime): 0x([0-9a-f]+)(?::([0-9a-f]+))?`)
	reDev   = regexp.MustCompile(`^(?:\(New-style\) )?Device major/minor number: \d+:\d+ \(hex ([0-9a-f]+):([0-9a-f]+)\)`)
	reGroup = regexp.MustCompile(`^Group \d+: \(`)
	reSpan  = regexp.MustCompile(`^\((\d+)(?:-(\d+))?(\[u\])?\):(\d+)(?:-(\d+))?$`)
)

// debugfsStat asks debugfs for many inodes at once.
func debugfsStat(t testing.TB, image string, nums []filesystem.Inum) map[filesystem.Inum]*stat {
	t.Helper()
	cmds := make([]string, len(nums))
	for i, n := range nums {
		cmds[i] = fmt.Sprintf("stat <%d>", n)
	}
	out := make(map[filesystem.Inum]*stat)
	var s *stat
	inSpans := false
	sc := bufio.NewScanner(strings.NewReader(debugfs(t, image, false, cmds...)))
	sc.Buffer(nil, 64<<20)
	num := func(v string, base int) uint64 {
		n, err := strconv.ParseInt(v, base, 64)
		if err != nil {
			u, err := strconv.ParseUint(v, base, 64)
			if err != nil {
				t.Fatalf("debugfs: %q: %v", v, err)
			}
			return u
		}
		return uint64(n)
	}
	for sc.Scan() {
		line := sc.Text()
		if m := reInode.FindStringSubmatch(line); m != nil {
			s = &stat{kind: m[2], mode: m[3], flags: num(m[4], 16)}
			out[filesystem.Inum(num(m[1], 10))] = s
			inSpans = false
			continue
		}
		if s == nil {
			continue
		}
		switch m := []string(nil); {
		case inSpans:
			for f := range strings.SplitSeq(line, ", ") {
				m := reSpan.FindStringSubmatch(strings.TrimSpace(f))
				if m == nil {
					continue // a node of the tree, a total
				}
				lo := num(m[1], 10)
				hi := lo
				if m[2] != "" {
					hi = num(m[2], 10)
				}
				s.spans = append(s.spans, run{logical: int64(lo), physical: int64(num(m[4], 10)), length: int64(hi - lo + 1), unwritten: m[3] != ""})
			}
		case line == "EXTENTS:" || line == "BLOCKS:":
			inSpans, s.hasSpans = true, true
		case match(&m, reGen, line):
			s.generation = num(m[1], 10)
		case match(&m, reUser, line):
			s.uid, s.gid, s.size = num(m[1], 10), num(m[2], 10), num(m[4], 10)
			if m[3] != "" {
				s.project = num(m[3], 10)
			}
		case match(&m, reUser2, line):
			s.uid, s.gid = num(m[1], 10), num(m[2], 10)
			if m[3] != "" {
				s.project = num(m[3], 10)
			}
		case match(&m, reSize, line):
			s.size = num(m[1], 10)
		case match(&m, reLinks, line):
			s.links, s.blocks = num(m[1], 10), num(m[2], 10)
		case match(&m, reTime, line):
			v := stamp{sec: num(m[2], 16)}
			if m[3] != "" {
				v.extra = num(m[3], 16)
				s.hasExtra = true
			}
			switch m[1] {
			case "ctime":
				s.ctime = v
			case "atime":
				s.atime = v
			case "mtime":
				s.mtime = v
			case "crtime":
				s.crtime, s.hasCrtime = v, true
			case "dtime":
				s.dtime, s.hasDtime = v.sec, true
			}
		case match(&m, reDev, line):
			s.major, s.minor = num(m[1], 16), num(m[2], 16)
		case strings.HasPrefix(line, `Fast link dest: "`):
			s.fast, s.isFast = strings.TrimSuffix(strings.TrimPrefix(line, `Fast link dest: "`), `"`), true
		}
	}
	return out
}

func match(m *[]string, re *regexp.Regexp, line string) bool {
	*m = re.FindStringSubmatch(line)
	return *m != nil
}

// sameAsDebugfs compares the fields of inodes, and where their data lies,
// with debugfs.
func sameAsDebugfs(t *testing.T, fsys *ext4.FS, image string, inodes map[filesystem.Inum]*filesystem.Inode) {
	t.Helper()
	nums := make([]filesystem.Inum, 0, len(inodes))
	for n := range inodes {
		nums = append(nums, n)
	}
	slices.Sort(nums)
	block := fsys.Info().BlockSize
	got := debugfsStat(t, image, nums)
	bad := 0
	for _, n := range nums {
		in, s := inodes[n], got[n]
		if s == nil {
			t.Errorf("inode %d: debugfs does not show it", n)
			continue
		}
		var diff []string
		say := func(what string, ours, theirs any) {
			if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
				diff = append(diff, fmt.Sprintf("%s %s, debugfs %s", what, a, b))
			}
		}
		say("permissions", fmt.Sprintf("0%03o", in.Mode&0o7777), s.mode)
		say("uid", in.UID, uint32(s.uid))
		say("gid", in.GID, uint32(s.gid))
		say("project", in.Project, uint32(s.project))
		if in.Mode.Type() != filesystem.Symlink || !s.isFast {
			say("size", in.Size, s.size)
		}
		say("links", in.Links, s.links)
		say("flags", uint64(in.Flags), s.flags)
		say("generation", in.Generation, s.generation)
		say("sectors", in.Sectors, s.blocks)
		say("ctime", in.Times.Changed, s.ctime.time(s.hasExtra))
		say("atime", in.Times.Accessed, s.atime.time(s.hasExtra))
		say("mtime", in.Times.Modified, s.mtime.time(s.hasExtra))
		if s.hasCrtime {
			say("crtime", in.Times.Born, s.crtime.time(true))
		} else {
			say("crtime known", in.Times.Born.Known, false)
		}
		if s.hasDtime && in.Links == 0 {
			say("dtime", in.Times.Deleted.Sec, s.dtime)
		}
		if ty := in.Mode.Type(); ty == filesystem.CharDevice || ty == filesystem.BlockDevice {
			say("major", in.Major, s.major)
			say("minor", in.Minor, s.minor)
		}
		if s.isFast {
			link, err := fsys.Link(in)
			if err != nil {
				t.Errorf("inode %d: Link: %v", n, err)
			}
			if printable(link) {
				say("target", string(link), s.fast)
			}
		}
		if s.hasSpans && !s.isFast && (in.Mode.Type() == filesystem.Regular || in.Mode.Type() == filesystem.Directory) && in.Flags&filesystem.FlagInlineData == 0 {
			c, err := fsys.Content(in)
			if err != nil {
				t.Errorf("inode %d: Content: %v", n, err)
				continue
			}
			ours := runsOf(c.Extents(), false)
			var theirs []run
			for _, r := range s.spans {
				theirs = append(theirs, run{logical: r.logical * block, physical: r.physical * block, length: r.length * block, unwritten: r.unwritten})
			}
			theirs = tidyRuns(theirs)
			if !slices.Equal(ours, theirs) {
				diff = append(diff, fmt.Sprintf("extents %s, debugfs %s", showRuns(ours), showRuns(theirs)))
			}
		}
		if len(diff) > 0 {
			if bad++; bad <= 10 {
				t.Errorf("inode %d: %s", n, strings.Join(diff, "; "))
			}
		}
	}
	if bad > 10 {
		t.Errorf("and %d more inodes differ from debugfs", bad-10)
	}
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// runsOf gives the runs that lie on the disk, joined where they touch.
func runsOf(es []filesystem.Extent, inline bool) []run {
	var out []run
	for _, e := range es {
		if e.Kind == filesystem.Hole || e.Kind == filesystem.Inline && !inline {
			continue
		}
		out = append(out, run{logical: e.Logical, physical: e.Offset, length: e.Length, unwritten: e.Kind == filesystem.Unwritten, inline: e.Kind == filesystem.Inline})
	}
	return tidyRuns(out)
}

// tidyRuns sorts runs and joins those that touch.
func tidyRuns(in []run) []run {
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b run) int { return int(min(max(a.logical-b.logical, -1), 1)) })
	var out []run
	for _, r := range in {
		if k := len(out) - 1; k >= 0 && out[k].logical+out[k].length == r.logical && out[k].physical+out[k].length == r.physical && out[k].unwritten == r.unwritten && !r.inline && !out[k].inline {
			out[k].length += r.length
			continue
		}
		out = append(out, r)
	}
	return out
}

func showRuns(rs []run) string {
	var b strings.Builder
	for i, r := range rs {
		if i == 8 {
			fmt.Fprintf(&b, " ... %d runs", len(rs))
			break
		}
		kind := ""
		if r.unwritten {
			kind = "u"
		}
		fmt.Fprintf(&b, " %d@%d+%d%s", r.logical, r.physical, r.length, kind)
	}
	return "[" + strings.TrimSpace(b.String()) + "]"
}

// dumped is what dumpe2fs says of a file system.
type dumped struct {
	header     map[string]string
	freeBlocks [][2]uint64
	freeInodes map[filesystem.Inum]bool
}

func dumpe2fs(t testing.TB, image string) *dumped {
	t.Helper()
	d := &dumped{header: make(map[string]string), freeInodes: make(map[filesystem.Inum]bool)}
	group := false
	for line := range strings.Lines(runTool(t, "dumpe2fs", image)) {
		line = strings.TrimRight(line, "\n")
		if reGroup.MatchString(line) {
			group = true
		}
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if !group {
			d.header[k] = strings.TrimSpace(v)
			continue
		}
		switch strings.TrimSpace(k) {
		case "Free blocks":
			d.freeBlocks = append(d.freeBlocks, ranges(v)...)
		case "Free inodes":
			for _, r := range ranges(v) {
				for n := r[0]; n <= r[1]; n++ {
					d.freeInodes[filesystem.Inum(n)] = true
				}
			}
		}
	}
	// With bigalloc, dumpe2fs ends a range with the first block of its last cluster.
	if c, err := strconv.ParseUint(d.header["Cluster size"], 10, 64); err == nil {
		if b, err := strconv.ParseUint(d.header["Block size"], 10, 64); err == nil {
			for i := range d.freeBlocks {
				d.freeBlocks[i][1] += c/b - 1
			}
		}
	}
	slices.SortFunc(d.freeBlocks, func(a, b [2]uint64) int { return int(int64(a[0] - b[0])) })
	return d
}

// sameAsDumpe2fs compares what the superblock says and what is free.
func sameAsDumpe2fs(t *testing.T, fsys *ext4.FS, image string, inodes map[filesystem.Inum]*filesystem.Inode) {
	t.Helper()
	d := dumpe2fs(t, image)
	info := fsys.Info()
	say := func(key string, ours any) {
		t.Helper()
		if a, b := fmt.Sprint(ours), d.header[key]; a != b {
			t.Errorf("Info: %s is %q, dumpe2fs %q", key, a, b)
		}
	}
	say("Block size", info.BlockSize)
	say("Inode count", info.InodeCount)
	say("Free inodes", info.FreeInodes)
	say("Free blocks", info.FreeBytes/info.BlockSize)
	say("Block count", info.Size/info.BlockSize)
	say("Filesystem UUID", info.UUID)
	if info.Label == "" {
		say("Filesystem volume name", "<none>")
	} else {
		say("Filesystem volume name", info.Label)
	}
	if info.LastMounted == "" {
		say("Last mounted on", "<not available>")
	} else {
		say("Last mounted on", info.LastMounted)
	}
	ours, theirs := slices.Sorted(slices.Values(info.Features)), slices.Sorted(slices.Values(strings.Fields(d.header["Filesystem features"])))
	if !slices.Equal(ours, theirs) && !(len(ours) == 0 && d.header["Filesystem features"] == "(none)") {
		t.Errorf("Info: features %v, dumpe2fs %v", ours, theirs)
	}
	date := func(key string, ours filesystem.Time) {
		t.Helper()
		s := "n/a"
		if ours.Known && ours.Sec != 0 {
			s = ours.Std().Format("Mon Jan _2 15:04:05 2006")
		}
		if d.header[key] != s {
			t.Errorf("Info: %s is %q, dumpe2fs %q", key, s, d.header[key])
		}
	}
	date("Filesystem created", info.Created)
	date("Last mount time", info.Mounted)
	date("Last write time", info.Written)
	date("Last checked", info.Checked)

	for n, in := range inodes {
		if in.Allocated == d.freeInodes[n] {
			t.Errorf("inode %d: allocated is %v, dumpe2fs lists it as free: %v", n, in.Allocated, d.freeInodes[n])
		}
	}
	count, err := strconv.ParseUint(d.header["Inode count"], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := strconv.ParseUint(d.header["First inode"], 10, 32)
	for n := filesystem.Inum(1); n <= filesystem.Inum(count); n++ {
		if !d.freeInodes[n] && inodes[n] == nil && uint64(n) >= max(first, 11) {
			t.Errorf("inode %d is allocated, but the walk left it out", n)
		}
	}

	var free [][2]uint64
	for e, err := range fsys.Unallocated(context.Background()) {
		if err != nil {
			t.Errorf("Unallocated: %v", err)
			continue
		}
		b := uint64(e.Offset / info.BlockSize)
		if e.Offset%info.BlockSize != 0 || e.Length%info.BlockSize != 0 {
			t.Errorf("Unallocated: run %d+%d is not of whole blocks", e.Offset, e.Length)
		}
		free = append(free, [2]uint64{b, b + uint64(e.Length/info.BlockSize) - 1})
	}
	if !slices.IsSortedFunc(free, func(a, b [2]uint64) int { return int(int64(a[0] - b[0])) }) {
		t.Errorf("Unallocated: not in the order of the disk")
	}
	if a, b := joinRanges(free), joinRanges(d.freeBlocks); !slices.Equal(a, b) {
		t.Errorf("Unallocated: blocks %s, dumpe2fs %s", showRanges(a), showRanges(b))
	}
}

func joinRanges(in [][2]uint64) (out [][2]uint64) {
	for _, r := range in {
		if k := len(out) - 1; k >= 0 && out[k][1]+1 == r[0] {
			out[k][1] = r[1]
			continue
		}
		out = append(out, r)
	}
	return out
}

func showRanges(in [][2]uint64) string {
	if len(in) > 12 {
		return fmt.Sprintf("%v ... (%d runs)", in[:12], len(in))
	}
	return fmt.Sprint(in)
}
