package triage

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
)

const tarBlock = 512

// member is what the header of a member says. Its name is relative, and without
// ".." by construction: see [memberName].
type member struct {
	name     string
	flag     byte // of ustar: '0' regular, '1' hard link, '2' symbolic link, '3', '4' devices, '5' directory, '6' FIFO
	link     string
	mode     filesystem.Mode
	uid, gid uint32
	size     int64
	times    filesystem.Times
	major    uint32
	minor    uint32
	xattrs   []filesystem.Xattr
	runs     []run // of a sparse file, its data in order; nil if it is written whole
}

// run is a range of a file.
type run struct{ from, length int64 }

// tarWriter writes a tarball in the pax format: ustar headers, with an extended
// header for what does not fit: long names, fractions of a second, times of access
// and change, extended attributes. The time of birth is the manifest's: GNU tar would
// complain of it at every file. A sparse file is one of GNU tar's format
// 1.0, which Python reads too. archive/tar writes no sparse files.
//
// IEEE Std 1003.1, pax;
// https://www.gnu.org/software/tar/manual/html_node/PAX-1.html
type tarWriter struct {
	w    io.Writer
	left int64 // bytes of the member's data that are still to come
	pad  int64
}

var errTooMuch = errors.New("tar: more data than the header says")

// memberName makes the name of a member from a path of the server. An element
// that would lead out of the folder where the tarball is unpacked cannot be there;
// one that a damaged directory holds all the same is written so that it stays inside.
func memberName(folder, p string) string {
	elems := []string{folder}
	for e := range strings.SplitSeq(p, "/") {
		switch e {
		case "", ".":
		case "..":
			elems = append(elems, "%2E%2E")
		default:
			elems = append(elems, e)
		}
	}
	return strings.Join(elems, "/")
}

// header writes the header of a member. Its data follows by Write.
func (t *tarWriter) header(m *member) error {
	if t.left != 0 {
		return fmt.Errorf("tar: %d bytes of the last member are missing", t.left)
	}
	if err := t.finish(); err != nil {
		return err
	}
	name, stored := m.name, m.size
	records := map[string]string{}
	var sparse []byte
	if m.runs != nil {
		records["GNU.sparse.major"], records["GNU.sparse.minor"] = "1", "0"
		records["GNU.sparse.name"], records["GNU.sparse.realsize"] = name, strconv.FormatInt(m.size, 10)
		name = path.Dir(name) + "/GNUSparseFile.0/" + path.Base(name)
		sparse, stored = sparseMap(m.runs, m.size)
	}
	if m.flag != '0' {
		stored = 0
	}
	if m.flag == '5' {
		name += "/"
	}
	b := make([]byte, tarBlock)
	text := func(field []byte, key, s string) {
		if len(s) > len(field) || !ascii(s) {
			records[key] = s
		}
		copy(field, asciiOnly(s))
	}
	octal := func(field []byte, key, whole string, v int64) {
		if v < 0 || v >= 1<<(3*(len(field)-1)) {
			records[key] = whole
			v = 0
		}
		copy(field, fmt.Sprintf("%0*o\x00", len(field)-1, v))
	}
	text(b[0:100], "path", name)
	octal(b[100:108], "", "", int64(m.mode&0o7777))
	octal(b[108:116], "uid", strconv.FormatUint(uint64(m.uid), 10), int64(m.uid))
	octal(b[116:124], "gid", strconv.FormatUint(uint64(m.gid), 10), int64(m.gid))
	octal(b[124:136], "size", strconv.FormatInt(stored, 10), stored)
	octal(b[136:148], "mtime", paxTime(m.times.Modified), m.times.Modified.Sec)
	if m.times.Modified.Nsec != 0 {
		records["mtime"] = paxTime(m.times.Modified)
	}
	if m.times.Accessed.Known {
		records["atime"] = paxTime(m.times.Accessed)
	}
	if m.times.Changed.Known {
		records["ctime"] = paxTime(m.times.Changed)
	}
	for i := range m.xattrs {
		x := &m.xattrs[i]
		// What pax has no form for, a record without a value among it, the manifest has.
		if x.Name != "" && len(x.Value) > 0 && !strings.ContainsAny(x.Name, "=\x00") {
			records["SCHILY.xattr."+x.Name] = string(x.Value)
		}
	}
	b[156] = m.flag
	text(b[157:257], "linkpath", m.link)
	copy(b[257:265], "ustar\x0000")
	if m.flag == '3' || m.flag == '4' {
		octal(b[329:337], "SCHILY.devmajor", strconv.FormatUint(uint64(m.major), 10), int64(m.major))
		octal(b[337:345], "SCHILY.devminor", strconv.FormatUint(uint64(m.minor), 10), int64(m.minor))
	}
	checksum(b)
	if err := t.extended(m.name, records); err != nil {
		return err
	}
	if _, err := t.w.Write(b); err != nil {
		return err
	}
	t.left = stored
	t.pad = -stored & (tarBlock - 1)
	if sparse != nil {
		_, err := t.Write(sparse)
		return err
	}
	return nil
}

// extended writes the extended header, if there is anything to write.
func (t *tarWriter) extended(name string, records map[string]string) error {
	if len(records) == 0 {
		return nil
	}
	// Names that are not UTF-8 are written as they are. POSIX wants hdrcharset=BINARY
	// before them; GNU tar neither writes nor knows it, and takes the bytes.
	var data []byte
	for _, k := range slices.Sorted(maps.Keys(records)) {
		data = appendRecord(data, k, records[k])
	}
	b := make([]byte, tarBlock)
	copy(b[0:100], asciiOnly("PaxHeaders/"+path.Base(name)))
	copy(b[100:108], "0000644\x00")
	copy(b[108:116], "0000000\x00")
	copy(b[116:124], "0000000\x00")
	copy(b[124:136], fmt.Sprintf("%011o\x00", len(data)))
	copy(b[136:148], "00000000000\x00")
	b[156] = 'x'
	copy(b[257:265], "ustar\x0000")
	checksum(b)
	data = append(data, make([]byte, -len(data)&(tarBlock-1))...)
	_, err := t.w.Write(append(b, data...))
	return err
}

// appendRecord writes "LENGTH KEY=VALUE\n", where the length counts itself.
func appendRecord(dst []byte, key, value string) []byte {
	n := len(key) + len(value) + 3
	size := n + len(strconv.Itoa(n))
	if len(strconv.Itoa(size)) != len(strconv.Itoa(n)) {
		size = n + len(strconv.Itoa(size))
	}
	dst = strconv.AppendInt(dst, int64(size), 10)
	return append(append(append(append(append(dst, ' '), key...), '='), value...), '\n')
}

func checksum(b []byte) {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// asciiOnly is what stands in a field whose true value is in the extended header.
func asciiOnly(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '_'
		}
	}
	return string(b)
}

// paxTime is seconds since 1970 with as many digits of the fraction as are needed.
func paxTime(t filesystem.Time) string {
	if t.Nsec == 0 {
		return strconv.FormatInt(t.Sec, 10)
	}
	sec, nsec, sign := t.Sec, t.Nsec, ""
	if sec < 0 {
		sign, sec, nsec = "-", -(sec + 1), 1e9-nsec
	}
	return sign + strconv.FormatInt(sec, 10) + strings.TrimRight(fmt.Sprintf(".%09d", nsec), "0")
}

// sparseMap is what stands before the data of a sparse file: the number of runs,
// then where each begins and how long it is, a line each, padded to whole blocks.
// A file that ends in a hole has an empty run at its end.
func sparseMap(runs []run, size int64) (b []byte, stored int64) {
	if n := len(runs); n == 0 || runs[n-1].from+runs[n-1].length < size {
		runs = append(slices.Clip(runs), run{size, 0})
	}
	b = append(strconv.AppendInt(nil, int64(len(runs)), 10), '\n')
	for _, r := range runs {
		b = append(strconv.AppendInt(b, r.from, 10), '\n')
		b = append(strconv.AppendInt(b, r.length, 10), '\n')
		stored += r.length
	}
	b = append(b, make([]byte, -len(b)&(tarBlock-1))...)
	return b, stored + int64(len(b))
}

// Write writes data of the member.
func (t *tarWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > t.left {
		return 0, errTooMuch
	}
	n, err := t.w.Write(p)
	t.left -= int64(n)
	return n, err
}

var zeros [64 << 10]byte

func (t *tarWriter) finish() error {
	_, err := t.w.Write(zeros[:t.pad])
	t.pad = 0
	return err
}

// Close ends the tarball: two empty blocks.
func (t *tarWriter) Close() error {
	if t.left != 0 {
		return fmt.Errorf("tar: %d bytes of the last member are missing", t.left)
	}
	if err := t.finish(); err != nil {
		return err
	}
	_, err := t.w.Write(zeros[:2*tarBlock])
	return err
}
