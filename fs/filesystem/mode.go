package filesystem

import (
	"io/fs"
	"strings"
)

// FileType is what kind of file an inode or an entry stands for.
type FileType uint8

const (
	Unknown FileType = iota
	Regular
	Directory
	CharDevice
	BlockDevice
	FIFO
	Socket
	Symlink
	Whiteout
)

var fileTypes = [...]struct {
	letter byte
	name   string
}{
	Unknown: {'-', "unknown"}, Regular: {'r', "file"}, Directory: {'d', "directory"}, CharDevice: {'c', "character device"},
	BlockDevice: {'b', "block device"}, FIFO: {'p', "fifo"}, Socket: {'s', "socket"}, Symlink: {'l', "symbolic link"}, Whiteout: {'w', "whiteout"},
}

// Letter is the letter that the body file uses: r d c b p s l w, "-" if unknown.
func (t FileType) Letter() byte   { return fileTypes[t].letter }
func (t FileType) String() string { return fileTypes[t].name }

// Mode is st_mode of POSIX: the type in the upper four of 16 bits, then
// setuid, setgid, sticky, then the permissions.
type Mode uint16

const (
	ModeFIFO    Mode = 0o010000
	ModeChar    Mode = 0o020000
	ModeDir     Mode = 0o040000
	ModeBlock   Mode = 0o060000
	ModeRegular Mode = 0o100000
	ModeSymlink Mode = 0o120000
	ModeSocket  Mode = 0o140000
	ModeType    Mode = 0o170000

	ModeSetuid Mode = 0o4000
	ModeSetgid Mode = 0o2000
	ModeSticky Mode = 0o1000
)

// Type is the type that the mode holds; Unknown for the values that POSIX
// does not name.
func (m Mode) Type() FileType {
	switch m & ModeType {
	case ModeFIFO:
		return FIFO
	case ModeChar:
		return CharDevice
	case ModeDir:
		return Directory
	case ModeBlock:
		return BlockDevice
	case ModeRegular:
		return Regular
	case ModeSymlink:
		return Symlink
	case ModeSocket:
		return Socket
	}
	return Unknown
}

// permissions spells the nine lower bits of a mode.
var permissions = func() (t [0o1000][9]byte) {
	const rwx = "rwxrwxrwx"
	for m := range t {
		for i := range rwx {
			if t[m][i] = '-'; m>>(8-i)&1 != 0 {
				t[m][i] = rwx[i]
			}
		}
	}
	return t
}()

// AppendPerm appends the nine letters of "ls -l", setuid, setgid and sticky
// included.
func (m Mode) AppendPerm(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, permissions[m&0o777][:]...)
	if m&(ModeSetuid|ModeSetgid|ModeSticky) == 0 {
		return dst
	}
	special := func(bit Mode, at int, set, unset byte) {
		if m&bit == 0 {
			return
		}
		if dst[n+at] == 'x' {
			dst[n+at] = set
		} else {
			dst[n+at] = unset
		}
	}
	special(ModeSetuid, 2, 's', 'S')
	special(ModeSetgid, 5, 's', 'S')
	special(ModeSticky, 8, 't', 'T')
	return dst
}

// String gives ten characters: the type's letter as in the body file, then
// the permissions as in "ls -l".
func (m Mode) String() string {
	return string(m.AppendPerm([]byte{m.Type().Letter()}))
}

// FS converts to the form that io/fs uses.
func (m Mode) FS() fs.FileMode {
	f := fs.FileMode(m & 0o777)
	switch m.Type() {
	case Directory:
		f |= fs.ModeDir
	case Symlink:
		f |= fs.ModeSymlink
	case CharDevice:
		f |= fs.ModeDevice | fs.ModeCharDevice
	case BlockDevice:
		f |= fs.ModeDevice
	case FIFO:
		f |= fs.ModeNamedPipe
	case Socket:
		f |= fs.ModeSocket
	case Unknown, Whiteout:
		f |= fs.ModeIrregular
	}
	if m&ModeSetuid != 0 {
		f |= fs.ModeSetuid
	}
	if m&ModeSetgid != 0 {
		f |= fs.ModeSetgid
	}
	if m&ModeSticky != 0 {
		f |= fs.ModeSticky
	}
	return f
}

// Flags are the attributes that chattr and lsattr speak of, with the bits
// of ext4's i_flags.
// https://docs.kernel.org/filesystems/ext4/dynamic.html#index-nodes
type Flags uint32

const (
	FlagSecureDelete Flags = 1 << 0
	FlagUndelete     Flags = 1 << 1
	FlagCompressed   Flags = 1 << 2
	FlagSync         Flags = 1 << 3
	FlagImmutable    Flags = 1 << 4
	FlagAppend       Flags = 1 << 5
	FlagNoDump       Flags = 1 << 6
	FlagNoAtime      Flags = 1 << 7
	FlagEncrypt      Flags = 1 << 11
	FlagIndex        Flags = 1 << 12
	FlagJournalData  Flags = 1 << 14
	FlagNoTail       Flags = 1 << 15
	FlagDirSync      Flags = 1 << 16
	FlagTopDir       Flags = 1 << 17
	FlagHugeFile     Flags = 1 << 18
	FlagExtents      Flags = 1 << 19
	FlagVerity       Flags = 1 << 20
	FlagEAInode      Flags = 1 << 21
	FlagDAX          Flags = 1 << 25
	FlagInlineData   Flags = 1 << 28
	FlagProject      Flags = 1 << 29
	FlagCasefold     Flags = 1 << 30
)

var flagNames = []struct {
	bit  Flags
	name string
}{
	{FlagSecureDelete, "secure-delete"}, {FlagUndelete, "undelete"}, {FlagCompressed, "compressed"}, {FlagSync, "sync"},
	{FlagImmutable, "immutable"}, {FlagAppend, "append-only"}, {FlagNoDump, "no-dump"}, {FlagNoAtime, "no-atime"},
	{FlagEncrypt, "encrypted"}, {FlagIndex, "indexed"}, {FlagJournalData, "journal-data"}, {FlagNoTail, "no-tail"},
	{FlagDirSync, "dir-sync"}, {FlagTopDir, "top-dir"}, {FlagHugeFile, "huge-file"}, {FlagExtents, "extents"},
	{FlagVerity, "verity"}, {FlagEAInode, "ea-inode"}, {FlagDAX, "dax"}, {FlagInlineData, "inline-data"},
	{FlagProject, "project-inherit"}, {FlagCasefold, "casefold"},
}

// Names lists the flags that are set, in the order of their bits; bits
// without a name are given together in hexadecimal.
func (f Flags) Names() []string {
	var out []string
	for _, n := range flagNames {
		if f&n.bit != 0 {
			out = append(out, n.name)
			f &^= n.bit
		}
	}
	if f != 0 {
		out = append(out, "0x"+hex(uint32(f)))
	}
	return out
}

func (f Flags) String() string { return strings.Join(f.Names(), ",") }

func hex(v uint32) string {
	const digits = "0123456789abcdef"
	var b [8]byte
	i := len(b)
	for {
		i--
		b[i] = digits[v&15]
		if v >>= 4; v == 0 {
			return string(b[i:])
		}
	}
}
