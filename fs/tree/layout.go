package tree

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const blockSize = 512

// header is one block of 512 bytes that describes a member. Numbers are octal
// digits, ended by a blank or NUL; where they do not fit, GNU tar and star write
// them big-endian with the upper bit of the first byte set (base-256).
//
// IEEE Std 1003.1, pax, "ustar Interchange Format";
// https://www.gnu.org/software/tar/manual/html_node/Standard.html
type header []byte

func (h header) name() string     { return cstring(h[0:100]) }
func (h header) mode() []byte     { return h[100:108] }
func (h header) uid() []byte      { return h[108:116] }
func (h header) gid() []byte      { return h[116:124] }
func (h header) size() []byte     { return h[124:136] }
func (h header) mtime() []byte    { return h[136:148] } // seconds since 1970
func (h header) checksum() []byte { return h[148:156] }
func (h header) flag() byte       { return h[156] }
func (h header) link() string     { return cstring(h[157:257]) }
func (h header) magic() string    { return string(h[257:265]) } // with the version
func (h header) major() []byte    { return h[329:337] }
func (h header) minor() []byte    { return h[337:345] }
func (h header) prefix() string   { return cstring(h[345:500]) } // ustar

// star has a shorter prefix, then two times.
func (h header) starPrefix() string { return cstring(h[345:476]) }
func (h header) starAtime() []byte  { return h[476:488] }
func (h header) starCtime() []byte  { return h[488:500] }
func (h header) isStar() bool       { return h.isUstar() && string(h[508:512]) == "tar\x00" }

// GNU has no prefix, but times, and in members of type S the map of a sparse file.
func (h header) gnuAtime() []byte    { return h[345:357] }
func (h header) gnuCtime() []byte    { return h[357:369] }
func (h header) gnuSparse() []byte   { return h[386:482] } // four pairs of offset and length, 12 bytes each
func (h header) gnuExtended() bool   { return h[482] != 0 }
func (h header) gnuRealSize() []byte { return h[483:495] }

func (h header) isUstar() bool { return string(h[257:263]) == "ustar\x00" }
func (h header) isGNU() bool   { return h.magic() == "ustar  \x00" }

// The types of members.
const (
	typeRegular    = '0'
	typeOld        = 0 // v7's regular
	typeLink       = '1'
	typeSymlink    = '2'
	typeChar       = '3'
	typeBlock      = '4'
	typeDirectory  = '5'
	typeFIFO       = '6'
	typeContiguous = '7'
	typeExtended   = 'x' // pax, for the next member
	typeSolaris    = 'X' // the same, of Solaris
	typeGlobal     = 'g' // pax, for all that follow
	typeLongName   = 'L' // GNU
	typeLongLink   = 'K'
	typeSparse     = 'S'
	typeVolume     = 'V'
	typeContinued  = 'M'
	typeDump       = 'D'
)

// valid reports whether the checksum is that of the block: the sum of all bytes,
// its own field counted as blanks. Some old programs summed signed bytes.
func (h header) valid() bool {
	want, err := number(h.checksum())
	if err != nil {
		return false
	}
	var unsigned, signed int64
	for i, c := range h {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return (want == unsigned || want == signed) && unsigned != 8*' '
}

func (h header) zero() bool { return bytes.IndexFunc(h, func(r rune) bool { return r != 0 }) < 0 }

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

var errNumber = errors.New("not a number")

// number reads a field. An empty one is zero.
func number(b []byte) (int64, error) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		negative := b[0]&0x40 != 0
		var v uint64
		for i, c := range b {
			if negative {
				c = ^c
			}
			if i == 0 {
				c &= 0x7f
			}
			if v>>55 != 0 {
				return 0, fmt.Errorf("%w: longer than 63 bits", errNumber)
			}
			v = v<<8 | uint64(c)
		}
		if negative {
			return ^int64(v), nil
		}
		return int64(v), nil
	}
	s := strings.Trim(string(b), " \x00")
	if i := strings.IndexAny(s, " \x00"); i >= 0 {
		s = s[:i]
	}
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseInt(s, 8, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", errNumber, s)
	}
	return v, nil
}
