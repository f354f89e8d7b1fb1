package report

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// The JSON forms are written by hand because there are millions of them. Keys
// are snake_case and always in the same order. A member that has nothing to say is
// left out, except in findings, which always have all of theirs. Times are RFC
// 3339 in UTC with nine digits of the second.

// AppendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, as in encoding/json. Runes that would not show themselves on a screen
// are written as escapes, which changes nothing for a reader of JSON, and keeps
// terminals safe.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && plainASCII(s[j]) && s[j] != '"' && s[j] != '\\' {
			j++
		}
		dst = append(dst, s[i:j]...)
		if i = j; i == len(s) {
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == utf8.RuneError && n == 1:
			dst = append(dst, `\ufffd`...)
		case !hidden(r):
			dst = append(dst, s[i:i+n]...)
		case r > 0xffff:
			r -= 0x10000
			dst = appendHexRune(append(dst, '\\', 'u'), 0xd800+r>>10, 4)
			dst = appendHexRune(append(dst, '\\', 'u'), 0xdc00+r&0x3ff, 4)
		default:
			dst = appendHexRune(append(dst, '\\', 'u'), r, 4)
		}
		i += n
	}
	return append(dst, '"')
}

// key appends the name of a member, with the comma before it if it is not the
// first of its object.
func key(dst []byte, name string) []byte {
	if c := dst[len(dst)-1]; c != '{' && c != '[' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// str appends a member, and its bytes in base64 beside it if it is not UTF-8.
func str(dst []byte, name, s string) []byte {
	dst = AppendJSONString(key(dst, name), s)
	if !utf8.ValidString(s) {
		dst = key(dst, name)
		dst = append(dst[:len(dst)-2], `_bytes":`...)
		dst = appendBase64(dst, s)
	}
	return dst
}

// strSome is str, left out if s is empty.
func strSome(dst []byte, name, s string) []byte {
	if s == "" {
		return dst
	}
	return str(dst, name, s)
}

func appendBase64(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}

func num(dst []byte, name string, v int64) []byte {
	return strconv.AppendInt(key(dst, name), v, 10)
}

func unum(dst []byte, name string, v uint64) []byte {
	return strconv.AppendUint(key(dst, name), v, 10)
}

func truth(dst []byte, name string, v bool) []byte {
	if !v {
		return dst
	}
	return append(key(dst, name), "true"...)
}

// strs appends a member that is a list of strings; if one is not UTF-8, the
// bytes of all stand in a second list beside it.
func strs(dst []byte, name string, list []string) []byte {
	dst = append(key(dst, name), '[')
	valid := true
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONString(dst, s)
		valid = valid && utf8.ValidString(s)
	}
	dst = append(dst, ']')
	if valid {
		return dst
	}
	dst = append(key(dst, name+"_bytes"), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendBase64(dst, s)
	}
	return append(dst, ']')
}

func strsSome(dst []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	return strs(dst, name, list)
}

// moment appends a time as a member, left out if it is not known.
func moment(dst []byte, name string, t filesystem.Time) []byte {
	if !t.Known {
		return dst
	}
	dst = append(key(dst, name), '"')
	return append(AppendTime(dst, t.Sec, t.Nsec), '"')
}

// stdTime appends a time as a member, null if it is zero.
func stdTime(dst []byte, name string, t time.Time) []byte {
	dst = key(dst, name)
	if t.IsZero() {
		return append(dst, "null"...)
	}
	return append(appendStd(append(dst, '"'), t), '"')
}

// AppendEvidence appends the JSON form of where something was read: image,
// volume, inode, path, offset, length, line, packed. The offset and the length
// count bytes of the image; both are left out if the bytes have no single place.
func AppendEvidence(dst []byte, e *timeline.Evidence) []byte {
	dst = append(dst, '{')
	dst = strSome(dst, "image", e.Image)
	dst = strSome(dst, "volume", e.Volume)
	if e.Inode != 0 {
		dst = unum(dst, "inode", uint64(e.Inode))
	}
	dst = strSome(dst, "path", e.Path)
	if e.Offset >= 0 {
		dst = num(dst, "offset", e.Offset)
		dst = num(dst, "length", e.Length)
	}
	if e.Line > 0 {
		dst = num(dst, "line", int64(e.Line))
	}
	dst = strSome(dst, "packed", e.Packed)
	return append(dst, '}')
}

// AppendStamp appends the JSON form of a stamp: what, when, note.
func AppendStamp(dst []byte, s *timeline.Stamp) []byte {
	dst = str(append(dst, '{'), "what", s.What)
	dst = stdTime(dst, "when", s.When)
	dst = strSome(dst, "note", s.Note)
	return append(dst, '}')
}

// fileMembers appends the members of a file's metadata, its times apart.
func fileMembers(dst []byte, f *timeline.File) []byte {
	dst = strSome(dst, "path", f.Path)
	dst = unum(dst, "inode", uint64(f.Inode))
	dst = str(dst, "type", f.Type.String())
	dst = appendOctal(append(key(dst, "mode"), '"'), f.Mode)
	dst = append(key(append(dst, '"'), "mode_letters"), '"')
	dst = append(appendLetters(dst, f.Mode), '"')
	dst = unum(dst, "uid", uint64(f.UID))
	dst = unum(dst, "gid", uint64(f.GID))
	dst = unum(dst, "links", uint64(f.Links))
	dst = num(dst, "size", f.Size)
	dst = appendFlags(dst, f.Flags)
	dst = strSome(dst, "target", f.Target)
	if len(f.Xattrs) > 0 {
		dst = append(key(dst, "xattrs"), '[')
		for i := range f.Xattrs {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendXattr(dst, &f.Xattrs[i])
		}
		dst = append(dst, ']')
	}
	dst = truth(dst, "deleted", f.Deleted)
	dst = truth(dst, "unallocated", f.Unalloc)
	dst = truth(dst, "orphan", f.Orphan)
	dst = strSome(dst, "sha256", f.SHA256)
	dst = strSome(dst, "magic", f.Magic)
	dst = strSome(dst, "interpreter", f.Interp)
	return truth(dst, "in_package", f.InPackage)
}

// AppendFile appends the JSON form of a file's metadata. Times that the inode
// has no room for are left out.
func AppendFile(dst []byte, f *timeline.File) []byte {
	dst = fileMembers(append(dst, '{'), f)
	dst = moment(dst, "modified", f.Times.Modified)
	dst = moment(dst, "accessed", f.Times.Accessed)
	dst = moment(dst, "changed", f.Times.Changed)
	dst = moment(dst, "born", f.Times.Born)
	dst = moment(dst, "deleted_at", f.Times.Deleted)
	return append(dst, '}')
}

// flagNames are the names of single flags; "" for those without one.
var flagNames = func() (names [32]string) {
	for i := range names {
		if name := filesystem.Flags(1 << i).String(); !strings.HasPrefix(name, "0x") {
			names[i] = name
		}
	}
	return names
}()

// appendFlags appends the flags as [filesystem.Flags.Names] lists them, without
// making the list.
func appendFlags(dst []byte, f filesystem.Flags) []byte {
	if f == 0 {
		return dst
	}
	dst = append(key(dst, "flags"), '[')
	for i := range flagNames {
		if f&(1<<i) != 0 && flagNames[i] != "" {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '"'), flagNames[i]...), '"')
			f &^= 1 << i
		}
	}
	if f != 0 {
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendUint(append(dst, '"', '0', 'x'), uint64(f), 16), '"')
	}
	return append(dst, ']')
}

// appendXattr writes an extended attribute: its name, its value in base64, and
// beside it what the value means where its form is known ("decoded"), else the
// value as text where it is text, a NUL at its end aside ("text").
func appendXattr(dst []byte, x *filesystem.Xattr) []byte {
	dst = str(append(dst, '{'), "name", x.Name)
	dst = append(key(dst, "value"), '"')
	dst = base64.StdEncoding.AppendEncode(dst, x.Value)
	dst = append(dst, '"')
	if text, ok := x.Decode(); ok {
		dst = str(dst, "decoded", text)
	} else if text := strings.TrimSuffix(string(x.Value), "\x00"); text != "" && shown(text) {
		dst = str(dst, "text", text)
	}
	return append(dst, '}')
}

// AppendChange appends the JSON form of a difference from the baseline: what,
// differs, path, before, after.
func AppendChange(dst []byte, c *timeline.Change) []byte {
	dst = str(append(dst, '{'), "what", c.What)
	dst = strsSome(dst, "differs", c.Differs)
	if f := changed(c); f != nil {
		dst = strSome(dst, "path", f.Path)
	}
	if c.Before != nil {
		dst = AppendFile(key(dst, "before"), c.Before)
	}
	if c.After != nil {
		dst = AppendFile(key(dst, "after"), c.After)
	}
	return append(dst, '}')
}

// AppendRecord appends the JSON form of a record: kind, summary, stamps,
// fields, file, change, evidence. The file of a change is in the change.
func AppendRecord(dst []byte, r *timeline.Record) []byte {
	dst = str(append(dst, '{'), "kind", r.Kind)
	dst = strSome(dst, "summary", r.Summary)
	if len(r.Stamps) > 0 {
		dst = append(key(dst, "stamps"), '[')
		for i := range r.Stamps {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendStamp(dst, &r.Stamps[i])
		}
		dst = append(dst, ']')
	}
	if len(r.Fields) > 0 {
		dst = appendFields(key(dst, "fields"), r.Fields)
	}
	if r.File != nil && r.Change == nil {
		dst = AppendFile(key(dst, "file"), r.File)
	}
	if r.Change != nil {
		dst = AppendChange(key(dst, "change"), r.Change)
	}
	dst = AppendEvidence(key(dst, "evidence"), &r.Evidence)
	return append(dst, '}')
}

func appendFields(dst []byte, fields map[string]string) []byte {
	var few [16]string
	dst = append(dst, '{')
	for _, name := range sortedKeys(few[:0], fields) {
		dst = field(dst, name, fields[name], fields)
	}
	return append(dst, '}')
}

// field appends a field of a record as a member. Its name may need escaping,
// and its bytes go beside it only if no other field has that name.
func field(dst []byte, name, value string, fields map[string]string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(AppendJSONString(dst, name), ':')
	dst = AppendJSONString(dst, value)
	if utf8.ValidString(value) {
		return dst
	}
	name += "_bytes"
	if _, ok := fields[name]; ok {
		return dst
	}
	dst = append(AppendJSONString(append(dst, ','), name), ':')
	return appendBase64(dst, value)
}

// AppendFinding appends the JSON form of a finding. All of its members are
// always there: id, rule, title, severity, techniques, time and last (null if
// nothing says them), time_note, paths, path_count, account, address, summary,
// count, evidence. There may be more paths and more evidence than are listed;
// path_count and count say how many.
func AppendFinding(dst []byte, f *rules.Finding) []byte {
	dst = str(append(dst, '{'), "id", f.ID)
	dst = str(dst, "rule", f.Rule)
	dst = str(dst, "title", f.Title)
	dst = str(dst, "severity", f.Severity.String())
	dst = strs(dst, "techniques", f.Techniques)
	dst = stdTime(dst, "time", f.Time)
	dst = stdTime(dst, "last", f.Last)
	dst = str(dst, "time_note", f.TimeNote)
	dst = strs(dst, "paths", f.Paths)
	dst = num(dst, "path_count", int64(max(f.PathCount, len(f.Paths))))
	dst = strSome(dst, "subject", f.Subject)
	dst = str(dst, "account", f.Account)
	dst = str(dst, "address", f.Address)
	dst = str(dst, "summary", f.Summary)
	dst = num(dst, "count", int64(max(f.Count, len(f.Evidence))))
	dst = append(key(dst, "evidence"), '[')
	for i := range f.Evidence {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEvidence(dst, &f.Evidence[i])
	}
	return append(dst, ']', '}')
}

// changed is the file that a change is about: as it is now, or as it was if it
// is gone.
func changed(c *timeline.Change) *timeline.File {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// sortedKeys appends the keys of a map in their order.
func sortedKeys(dst []string, m map[string]string) []string {
	for k := range m {
		dst = append(dst, k)
	}
	slices.Sort(dst)
	return dst
}

// appendOctal writes the permissions in octal, four digits at the least, as
// chmod takes them; all of st_mode if its type has no name.
func appendOctal(dst []byte, m filesystem.Mode) []byte {
	if m.Type() != filesystem.Unknown {
		m &^= filesystem.ModeType
	}
	for limit := filesystem.Mode(0o1000); limit > m && limit > 1; limit >>= 3 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, uint64(m), 8)
}
