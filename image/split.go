package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// member is one file of a set.
type member struct {
	path    string
	number  int // place in the set's numbering
	size    int64
	missing bool // a number that no file has
}

// fileSet is the files that make one image, in order.
type fileSet struct {
	members     []member
	segmentSize int64 // bytes of every member but the last
	notes       []string
}

// naming is one way to number the segments of a set. What is known:
//
//	disk.001 disk.002      most acquisition tools (some from .000)
//	disk.dd.00 disk.dd.01  split -d, dcfldd
//	disk.aa disk.ab        split, dcfldd
//	xaa xab, x00 x01       split without a prefix
//	disk.raw.1 disk.raw.2  loops in scripts; also the name of rotated copies
//
// GNU split makes the numbers two digits longer before they run out, and marks
// the longer ones by leading nines or z's, so that the names still sort: x89,
// x9000 to x9899, x990000; xyz, xzaaa to xzyzz, xzzaaaa.
type naming struct {
	prefix   string // of the file's name
	alphabet string // digits in order of their value
	width    int    // digits of the first number
}

const (
	decimal = "0123456789"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// weak reports whether the naming is as likely one of copies as of segments.
func (n naming) weak() bool { return n.alphabet == decimal && n.width == 1 }

// maxNumber bounds the numbers that are read; no set has so many files.
const maxNumber = 1 << 20

// value reads digits of the alphabet, most significant first.
func (n naming) value(digits string) (int, bool) {
	v := 0
	for _, c := range digits {
		d := strings.IndexRune(n.alphabet, c)
		if d < 0 {
			return 0, false
		}
		if v = v*len(n.alphabet) + d; v > maxNumber {
			return 0, false
		}
	}
	return v, true
}

// number tells the place of a file's name in the set. longer says whether
// GNU split's longer numbers are looked for.
func (n naming) number(name string, longer bool) (int, bool) {
	digits, ok := strings.CutPrefix(name, n.prefix)
	if !ok || len(digits) < n.width {
		return 0, false
	}
	if len(digits) == n.width {
		return n.value(digits)
	}
	last := n.alphabet[len(n.alphabet)-1]
	if extra := len(digits) - n.width; longer && extra%2 == 0 && n.width > 1 {
		marks := extra / 2
		body := digits[marks:]
		if strings.Count(digits[:marks], string(last)) == marks && body[0] != last {
			// The numbers before those of this length: at each length, all but those that begin with the mark.
			before, base := 0, len(n.alphabet)
			for level := range marks {
				count := base - 1
				for range n.width + level - 1 {
					if count *= base; count > maxNumber {
						return 0, false
					}
				}
				before += count
			}
			v, ok := n.value(body)
			return before + v, ok && before+v <= maxNumber
		}
	}
	if n.alphabet == decimal && digits[0] != '0' {
		return n.value(digits)
	}
	return 0, false
}

// name is the file name of a number, in the plain form.
func (n naming) name(number int) string {
	var digits []byte
	for v := number; v > 0 || len(digits) < n.width; v /= len(n.alphabet) {
		digits = append(digits, n.alphabet[v%len(n.alphabet)])
	}
	slices.Reverse(digits)
	return n.prefix + string(digits)
}

var (
	numberedName  = regexp.MustCompile(`(?s)^(.*\.)([0-9]+)$`)
	letteredName  = regexp.MustCompile(`(?s)^(.*\.)([a-z]{2,6}|[A-Z]{2,6})$`)
	bareNumbered  = regexp.MustCompile(`^(x)([0-9]{2,8})$`)
	bareLettered  = regexp.MustCompile(`(?s)^(.+)([a-z]{2})$`)
	firstByName   = regexp.MustCompile(`(?s)\.(0+[01]?|aa+|AA+)$`)
	paddedSegment = regexp.MustCompile(`(?s)\.0[0-9]+$`)
)

// namings lists the ways in which a file's name may be that of a segment, the
// likeliest first.
func namings(name string) []naming {
	var out []naming
	for _, re := range []*regexp.Regexp{numberedName, bareNumbered} {
		m := re.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		// disk.10 may follow disk.09 or disk.9.
		widths := len(m[2])
		out = append(out, naming{m[1], decimal, widths})
		if m[2][0] != '0' && re == numberedName {
			for w := widths - 1; w > 0; w-- {
				out = append(out, naming{m[1], decimal, w})
			}
		}
	}
	if m := letteredName.FindStringSubmatch(name); m != nil {
		alphabet := lower
		if m[2][0] <= 'Z' {
			alphabet = upper
		}
		for w := len(m[2]); w >= 2; w -= 2 {
			out = append(out, naming{m[1], alphabet, w})
		}
	}
	if m := bareLettered.FindStringSubmatch(name); m != nil {
		out = append(out, naming{m[1], lower, 2})
	}
	return out
}

// findSet looks beside the file for the other segments of its image.
func findSet(path string) (fileSet, error) {
	alone := fileSet{members: []member{{path: path}}}
	dir, name := filepath.Split(path)
	ways := namings(name)
	if len(ways) == 0 {
		return alone, nil
	}
	folder := dir
	if folder == "" {
		folder = "."
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		alone.notes = append(alone.notes, fmt.Sprintf("The folder of %q cannot be listed, so further segments were not looked for: %v.", path, err))
		return alone, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	for _, way := range ways {
		set, why, err := way.collect(dir, name, names)
		if err != nil {
			return alone, err
		}
		if why != "" {
			alone.notes = append(alone.notes, fmt.Sprintf("%q is read alone: %s.", path, why))
			return alone, nil
		}
		if len(set.members) > 0 {
			return set, nil
		}
	}
	switch {
	case firstByName.MatchString(name):
		alone.notes = append(alone.notes, fmt.Sprintf("%q is named like the first segment of a split image, but no other segment lies beside it; it is read alone.", path))
	case paddedSegment.MatchString(name):
		alone.notes = append(alone.notes, fmt.Sprintf("%q is named like a later segment of a split image, but the segments before it are missing; it is read alone.", path))
	}
	return alone, nil
}

// collect gathers the files of the folder that the naming numbers. The set is
// empty if they are not one; why is a reason that an investigator must hear,
// where names alone would say that they are.
func (n naming) collect(dir, given string, names []string) (set fileSet, why string, err error) {
	// A plain number that begins with the mark of the longer ones rules those out.
	mark := n.alphabet[len(n.alphabet)-1]
	longer := !slices.ContainsFunc(names, func(s string) bool {
		digits, ok := strings.CutPrefix(s, n.prefix)
		_, valid := n.value(digits)
		return ok && valid && len(digits) == n.width && digits[0] == mark
	})
	var found []member
	for _, name := range names {
		number, ok := n.number(name, longer)
		if !ok {
			continue
		}
		info, err := os.Stat(dir + name)
		if err != nil || !info.Mode().IsRegular() {
			if name == given && err != nil {
				return set, "", err
			}
			continue
		}
		found = append(found, member{path: dir + name, number: number, size: info.Size()})
	}
	slices.SortFunc(found, func(a, b member) int { return a.number - b.number })
	if len(found) < 2 {
		return set, "", nil
	}

	first := 0
	if n.alphabet == decimal && found[0].number > 0 {
		first = 1
	}
	dotted := strings.HasSuffix(n.prefix, ".")
	if found[0].number-first >= len(found) || !dotted && found[0].number != first {
		return set, "", nil
	}
	// A hole of as many numbers as there are files is the end of the set.
	for i := 1; i < len(found); i++ {
		if found[i].number == found[i-1].number {
			return set, "", nil
		}
		if found[i].number-found[i-1].number > len(found) {
			left := found[i].path
			found = found[:i]
			set.notes = append(set.notes, fmt.Sprintf("%q and what follows it by name are not taken as segments: too many numbers lie between.", left))
			break
		}
	}
	at := slices.IndexFunc(found, func(m member) bool { return m.path == dir+given })
	if at < 0 || len(found) < 2 {
		return fileSet{}, "", nil
	}

	if n.weak() {
		var sum int64
		for _, m := range found {
			sum += m.size
		}
		base := strings.TrimSuffix(n.prefix, ".")
		if info, err := os.Stat(dir + base); err == nil && info.Mode().IsRegular() && info.Size() != sum {
			return fileSet{}, fmt.Sprintf("%q lies beside it, so the numbered files look like copies, not like segments", dir+base), nil
		}
	}
	segmentSize, ok := commonSize(found)
	if !ok {
		return fileSet{}, fmt.Sprintf("%q and the files numbered like it are not of one size, as segments are", found[0].path), nil
	}
	apart, err := separateImages(found)
	if err != nil {
		return set, "", err
	}
	if apart {
		return fileSet{}, fmt.Sprintf("%q and the files numbered like it each begin with a boot sector or a file system, so they look like separate images", found[0].path), nil
	}

	set.segmentSize = segmentSize
	missing := 0
	next := first
	for _, m := range found {
		for ; next < m.number; next++ {
			missing++
			set.members = append(set.members, member{path: dir + n.name(next), number: next, missing: true})
		}
		set.members = append(set.members, m)
		next = m.number + 1
	}
	note := fmt.Sprintf("Read as a split image of %d segments, from %q to %q", len(set.members), set.members[0].path, found[len(found)-1].path)
	if missing > 0 {
		note += fmt.Sprintf(", of which %d are missing", missing)
	}
	set.notes = append([]string{note + "."}, set.notes...)
	if at > 0 {
		set.notes = append(set.notes, fmt.Sprintf("%q was given; the image begins with %q.", dir+given, set.members[0].path))
	}
	return set, "", nil
}

// commonSize is the size that the members but the last have in common. A
// smaller one is short; a larger one, or a last one that is larger, means that
// they are no segments of one image.
func commonSize(found []member) (int64, bool) {
	count := map[int64]int{}
	var size int64
	last := len(found) - 1
	for _, m := range found[:last] {
		count[m.size]++
		if c := count[m.size]; c > count[size] || c == count[size] && m.size > size {
			size = m.size
		}
	}
	for _, m := range found {
		if m.size > size {
			return 0, false
		}
	}
	return size, size > 0
}

// separateImages reports whether every file begins as only a disk or a volume
// does, or with the very bytes that the first file begins with.
func separateImages(found []member) (bool, error) {
	var first []byte
	volumes, copies := true, true
	for i, m := range found {
		head, err := readHead(m.path)
		if err != nil {
			return false, err
		}
		if i == 0 {
			first = head
			copies = len(bytes.Trim(first, "\x00")) > 0
		}
		volumes = volumes && beginsVolume(head)
		copies = copies && bytes.Equal(head, first)
	}
	return volumes || copies, nil
}

// headSize reaches past the superblocks at 64 KiB.
const headSize = 68 << 10

func readHead(path string) ([]byte, error) {
	f, err := openEvidence(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF && !mayBeBadSector(err) {
		return nil, err
	}
	return head[:n], nil
}

// volumeStarts are bytes that stand at the start of a disk or a volume, and
// hardly ever in its middle.
var volumeStarts = []struct {
	offset int
	magic  string
}{
	{510, "\x55\xaa"}, {512, "EFI PART"}, {4096, "EFI PART"},
	{0, "XFSB"}, {0, "LUKS\xba\xbe"}, {3, "NTFS    "}, {3, "-FVE-FS-"}, {3, "EXFAT   "},
	{0, "LABELONE"}, {512, "LABELONE"}, {1024, "LABELONE"}, {1536, "LABELONE"},
	{0, "\xfc\x4e\x2b\xa9"}, {4096, "\xfc\x4e\x2b\xa9"},
	{4086, "SWAPSPACE2"}, {1024, "\x10\x20\xf5\xf2"}, {65600, "_BHRfS_M"}, {32769, "CD001"},
}

func beginsVolume(head []byte) bool {
	for _, v := range volumeStarts {
		if v.offset < len(head) && bytes.HasPrefix(head[v.offset:], []byte(v.magic)) {
			return true
		}
	}
	// The superblock of ext2/3/4; one with a group number is a backup from the middle of a file system.
	if len(head) < 2048 {
		return false
	}
	sb := head[1024:2048]
	le := binary.LittleEndian
	return le.Uint16(sb[56:]) == 0xef53 && le.Uint16(sb[90:]) == 0 && le.Uint32(sb[24:]) <= 6
}
