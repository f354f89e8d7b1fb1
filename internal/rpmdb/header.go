package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"
)

// Tags of a header.
// https://github.com/rpm-software-management/rpm/blob/rpm-4.18.0-release/include/rpm/rpmtag.h
const (
	tagSigPGP      = 259
	tagDSAHeader   = 267
	tagRSAHeader   = 268
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagBuildTime   = 1006
	tagBuildHost   = 1007
	tagInstallTime = 1008
	tagVendor      = 1011
	tagPackager    = 1015
	tagGroup       = 1016
	tagArch        = 1022
	tagPreIn       = 1023
	tagPostIn      = 1024
	tagPreUn       = 1025
	tagPostUn      = 1026
	tagOldNames    = 1027
	tagFileSizes   = 1028
	tagFileStates  = 1029
	tagFileModes   = 1030
	tagFileRDevs   = 1033
	tagFileMTimes  = 1034
	tagFileDigests = 1035
	tagFileLinks   = 1036
	tagFileFlags   = 1037
	tagFileUsers   = 1039
	tagFileGroups  = 1040
	tagSourceRPM   = 1044
	tagDirIndexes  = 1116
	tagBaseNames   = 1117
	tagDirNames    = 1118
	tagLongSizes   = 5008
	tagFileCaps    = 5010
	tagDigestAlgo  = 5011
)

// Types of a tag's data.
const (
	typeChar        = 1
	typeInt8        = 2
	typeInt16       = 3
	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBin         = 7
	typeStringArray = 8
	typeI18N        = 9
)

// Header is rpm's header: values by their tags, big-endian.
// https://rpm-software-management.github.io/rpm/manual/hregions.html and format_v4.html
type Header struct {
	entries map[uint32]entry
	data    []byte
}

type entry struct {
	kind   uint32
	offset uint32
	count  uint32
}

const indexSize = 16

// ParseHeader reads a header as databases hold it, without its magic number:
// the number of entries, the length of the data, the entries, the data.
func ParseHeader(b []byte) (*Header, error) {
	be := binary.BigEndian
	if len(b) < 8 {
		return nil, fmt.Errorf("%d bytes are no header", len(b))
	}
	n, length := int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	if n == 0 || n > int64(len(b))/indexSize || 8+n*indexSize+length > int64(len(b)) {
		return nil, fmt.Errorf("%d entries and %d bytes of data in %d bytes", n, length, len(b))
	}
	h := &Header{entries: make(map[uint32]entry, n), data: b[8+n*indexSize : 8+n*indexSize+length]}
	for i := range n {
		e := b[8+i*indexSize:]
		off := be.Uint32(e[8:])
		if int64(int32(off)) < 0 || int64(off) > length {
			continue // the trailer of a region counts backwards
		}
		if tag := be.Uint32(e); h.entries[tag].kind == 0 {
			h.entries[tag] = entry{be.Uint32(e[4:]), off, be.Uint32(e[12:])}
		}
	}
	if len(h.entries) == 0 {
		return nil, errors.New("no entry lies in the data")
	}
	return h, nil
}

// Strings gives the strings of a tag; nil if it has none. Of a damaged one, it
// is those that end within the data.
func (h *Header) Strings(tag uint32) []string {
	e, ok := h.entries[tag]
	if !ok || e.kind != typeString && e.kind != typeStringArray && e.kind != typeI18N {
		return nil
	}
	if e.kind == typeString {
		e.count = 1
	}
	var out []string
	rest := h.data[e.offset:]
	for range min(int64(e.count), int64(len(rest))) {
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			break
		}
		out = append(out, string(rest[:end]))
		rest = rest[end+1:]
	}
	return out
}

// String gives the first string of a tag; "" if it has none.
func (h *Header) String(tag uint32) string {
	if list := h.Strings(tag); len(list) > 0 {
		return list[0]
	}
	return ""
}

// Ints gives the integers of a tag, whatever their size, without a sign.
func (h *Header) Ints(tag uint32) []uint64 {
	e, ok := h.entries[tag]
	if !ok {
		return nil
	}
	size := map[uint32]int{typeChar: 1, typeInt8: 1, typeInt16: 2, typeInt32: 4, typeInt64: 8}[e.kind]
	if size == 0 {
		return nil
	}
	rest := h.data[e.offset:]
	out := make([]uint64, min(int(e.count), len(rest)/size))
	for i := range out {
		v := uint64(0)
		for _, c := range rest[i*size : (i+1)*size] {
			v = v<<8 | uint64(c)
		}
		out[i] = v
	}
	return out
}

// Int gives the first integer of a tag.
func (h *Header) Int(tag uint32) (uint64, bool) {
	if list := h.Ints(tag); len(list) > 0 {
		return list[0], true
	}
	return 0, false
}

// Bytes gives the bytes of a tag of binary data.
func (h *Header) Bytes(tag uint32) []byte {
	e, ok := h.entries[tag]
	if !ok || e.kind != typeBin {
		return nil
	}
	rest := h.data[e.offset:]
	return rest[:min(int64(e.count), int64(len(rest)))]
}

// Package is an installed package.
type Package struct {
	Number    uint32 // in the database
	Offset    int64  // of its header in the file, bytes; -1 if it stands elsewhere
	Length    int64  // of the header, or of its first run
	Name      string
	Epoch     string // "" if it has none
	Version   string
	Release   string
	Arch      string
	Vendor    string
	Packager  string
	Group     string
	SourceRPM string
	BuildHost string
	Built     time.Time // zero if not known, UTC
	Installed time.Time // zero if not known, UTC
	Signed    bool      // a signature of the header is kept; it is not checked

	*Header
}

func newPackage(number uint32, h *Header, offset, length int64) *Package {
	p := &Package{
		Number: number, Offset: offset, Length: length, Header: h,
		Name: h.String(tagName), Version: h.String(tagVersion), Release: h.String(tagRelease), Arch: h.String(tagArch), Vendor: h.String(tagVendor),
		Packager: h.String(tagPackager), Group: h.String(tagGroup), SourceRPM: h.String(tagSourceRPM), BuildHost: h.String(tagBuildHost),
		Signed: h.Bytes(tagRSAHeader) != nil || h.Bytes(tagDSAHeader) != nil || h.Bytes(tagSigPGP) != nil,
	}
	if n, ok := h.Int(tagEpoch); ok {
		p.Epoch = strconv.FormatUint(n, 10)
	}
	for tag, t := range map[uint32]*time.Time{tagBuildTime: &p.Built, tagInstallTime: &p.Installed} {
		if n, ok := h.Int(tag); ok && n > 0 && n < 1<<33 {
			*t = time.Unix(int64(n), 0).UTC()
		}
	}
	return p
}

// FullVersion is "epoch:version-release" as rpm writes it.
func (p *Package) FullVersion() string {
	v := p.Version + "-" + p.Release
	if p.Epoch != "" {
		v = p.Epoch + ":" + v
	}
	return v
}

// Script is a program that a package runs.
type Script struct {
	When    string // "before installation", ...
	Program string
	Text    string
}

// Scripts are the programs that run when a package is installed and removed.
func (p *Package) Scripts() []Script {
	var out []Script
	for _, s := range [...]struct {
		when          string
		text, program uint32
	}{{"before installation", tagPreIn, 1085}, {"after installation", tagPostIn, 1086}, {"before removal", tagPreUn, 1087}, {"after removal", tagPostUn, 1088}} {
		text, program := p.String(s.text), strings.Join(p.Strings(s.program), " ")
		if text != "" || program != "" {
			out = append(out, Script{s.when, program, text})
		}
	}
	return out
}

// Flags of a file.
const (
	FileConfig    = 1 << 0
	FileDoc       = 1 << 1
	FileMissingOK = 1 << 3
	FileNoReplace = 1 << 4
	FileGhost     = 1 << 6
)

// File is a file of a package as its header says it.
type File struct {
	Path   string
	Digest string // in hexadecimal, of the algorithm of [Package.DigestAlgo]; "" if it has none
	Mode   uint16 // with the type, as st_mode
	User   string
	Group  string
	Size   int64
	MTime  time.Time // UTC
	Link   string
	Caps   string // as cap_to_text(3)
	Flags  uint32
	State  uint8 // 0 normal, 1 replaced, 2 not installed, 3 of another network, 4 of another colour
}

// DigestAlgo names the algorithm of the files' digests: "md5", "sha1",
// "sha256", "sha384", "sha512" or a number (RFC 4880, 9.4).
func (p *Package) DigestAlgo() string {
	n, ok := p.Int(tagDigestAlgo)
	if !ok {
		return "md5"
	}
	if name := map[uint64]string{1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}[n]; name != "" {
		return name
	}
	return strconv.FormatUint(n, 10)
}

// maxPath is the longest path that is taken, in bytes: twice Linux's PATH_MAX.
const maxPath = 8192

// Paths gives the paths of a package's files. Of a damaged header it is those
// before the damage, as their place in the lists counts.
func (p *Package) Paths() []string {
	base, dirs, index := p.Strings(tagBaseNames), p.Strings(tagDirNames), p.Ints(tagDirIndexes)
	if base == nil {
		return p.Strings(tagOldNames)
	}
	out := make([]string, 0, len(base))
	for i, b := range base {
		if i >= len(index) || index[i] >= uint64(len(dirs)) || len(b)+len(dirs[index[i]]) > maxPath {
			break
		}
		out = append(out, path.Join("/", dirs[index[i]], b))
	}
	return out
}

// Files yields the files of a package.
func (p *Package) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		digests, modes, users, groups := p.Strings(tagFileDigests), p.Ints(tagFileModes), p.Strings(tagFileUsers), p.Strings(tagFileGroups)
		sizes, times, links, caps := p.Ints(tagLongSizes), p.Ints(tagFileMTimes), p.Strings(tagFileLinks), p.Strings(tagFileCaps)
		flags, states := p.Ints(tagFileFlags), p.Ints(tagFileStates)
		if sizes == nil {
			sizes = p.Ints(tagFileSizes)
		}
		for i, name := range p.Paths() {
			f := File{Path: name, Digest: at(digests, i), User: at(users, i), Group: at(groups, i), Link: at(links, i), Caps: at(caps, i),
				Mode: uint16(at(modes, i)), Size: int64(at(sizes, i)), Flags: uint32(at(flags, i)), State: uint8(at(states, i))}
			if i < len(times) {
				f.MTime = time.Unix(int64(times[i]), 0).UTC()
			}
			if !yield(f) {
				return
			}
		}
	}
}

// at is an element of a list, which may be shorter than it should be.
func at[T any](list []T, i int) (v T) {
	if i < len(list) {
		return list[i]
	}
	return v
}
