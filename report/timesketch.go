package report

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// This file writes what Timesketch imports: JSON lines and CSV with its three
// mandatory fields (message, datetime, timestamp_desc), the optional timestamp in
// microseconds, and ours. Data types and descriptions of times are those of
// plaso, which the analyzers look at.
//
// https://timesketch.org/guides/user/import-from-json-csv/

// TimesketchHeader is the first line of the CSV.
const TimesketchHeader = "message,datetime,timestamp,timestamp_desc,data_type,macb,path,path_bytes,inode,type,mode,uid,gid,size," +
	"deleted,account,address,image,volume,offset,length,line,note\n"

// descriptions of the times of a file, in the order of the bits of MACB.
var descriptions = [...]string{
	"Content Modification Time", "Last Access Time", "Metadata Modification Time", "Creation Time", "Deletion Time",
}

func appendDescriptions(dst []byte, m MACB) []byte {
	first := true
	for i, d := range descriptions {
		if m&(1<<i) == 0 {
			continue
		}
		if !first {
			dst = append(dst, "; "...)
		}
		first = false
		dst = append(dst, d...)
	}
	return dst
}

// describe is the timestamp_desc of a stamp that is not a file's.
func describe(what string) string {
	switch what {
	case "ran":
		return "Command Execution Time"
	case "logged":
		return "Event Logged Time"
	}
	if m := macbOf(what); m != 0 {
		return string(appendDescriptions(nil, m))
	}
	return what
}

// dataType is the data_type of a kind of record.
func dataType(kind string) string {
	switch kind {
	case timeline.KindFile:
		return "fs:stat"
	case timeline.KindCommand:
		return "bash:history:entry"
	case timeline.KindAuth, timeline.KindSyslog:
		return "syslog:line"
	case timeline.KindWebAccess:
		return "apache:access"
	}
	return "deadbox:" + kind
}

// appendDatetime writes a time as Timesketch's documentation does, with +00:00.
func appendDatetime(dst []byte, sec int64, nsec int32) []byte {
	dst = appendSeconds(dst, sec, 'T')
	dst = appendNanos(append(dst, '.'), nsec)
	return append(dst, "+00:00"...)
}

// micros is a time in microseconds since 1970, the fraction cut off; it stops
// at the borders of int64, some 292,000 years from here.
func micros(sec int64, nsec int32) int64 {
	const limit = 9223372036854 // of seconds whose microseconds fit
	if sec > limit-1 {
		sec, nsec = limit-1, 0
	} else if sec < -limit {
		sec, nsec = -limit, 0
	}
	return sec*1e6 + int64(nsec)/1e3
}

// AppendTimesketchFile appends a line of JSON for a file at one moment. ev may
// be nil; of it, image, volume, offset and length are written.
func AppendTimesketchFile(dst []byte, w Moment, f *timeline.File, ev *timeline.Evidence) []byte {
	dst = append(dst, `{"message":`...)
	if f.Target == "" && !f.Deleted && !f.Orphan {
		dst = AppendJSONString(dst, f.Path)
	} else {
		dst = AppendJSONString(dst, string(appendPlainName(nil, f)))
	}
	dst = appendDatetime(append(key(dst, "datetime"), '"'), w.Sec, w.Nsec)
	dst = num(append(dst, '"'), "timestamp", micros(w.Sec, w.Nsec))
	dst = appendDescriptions(append(key(dst, "timestamp_desc"), '"'), w.MACB)
	dst = append(dst, `","data_type":"fs:stat","macb":"`...)
	dst = append(w.MACB.LettersD(dst), '"')
	dst = rowMembers(dst, f)
	if ev != nil {
		dst = evidenceMembers(dst, ev)
	}
	return append(dst, '}', '\n')
}

// layoutFlags say how ext4 keeps a file, which no timeline is searched for.
const layoutFlags = filesystem.FlagExtents | filesystem.FlagIndex | filesystem.FlagInlineData | filesystem.FlagHugeFile

// rowMembers writes what a row of the timeline says of a file: what it may be
// searched for. The rest is in its record.
func rowMembers(dst []byte, f *timeline.File) []byte {
	dst = strSome(dst, "path", f.Path)
	dst = unum(dst, "inode", uint64(f.Inode))
	dst = append(append(append(key(dst, "type"), '"'), f.Type.String()...), '"')
	dst = append(appendOctal(append(key(dst, "mode"), '"'), f.Mode), '"')
	dst = unum(dst, "uid", uint64(f.UID))
	dst = unum(dst, "gid", uint64(f.GID))
	dst = num(dst, "size", f.Size)
	dst = appendFlags(dst, f.Flags&^layoutFlags)
	dst = strSome(dst, "target", f.Target)
	dst = truth(dst, "deleted", f.Deleted)
	dst = truth(dst, "unallocated", f.Unalloc)
	dst = truth(dst, "orphan", f.Orphan)
	return strSome(dst, "sha256", f.SHA256)
}

// appendPlainName is a file's name with all its bytes, as a message says it.
func appendPlainName(dst []byte, f *timeline.File) []byte {
	return appendName(dst, f, func(dst []byte, s string) []byte { return append(dst, s...) })
}

// evidenceMembers writes where a row comes from.
func evidenceMembers(dst []byte, e *timeline.Evidence) []byte {
	dst = strSome(dst, "image", e.Image)
	dst = strSome(dst, "volume", e.Volume)
	if e.Offset >= 0 {
		dst = num(dst, "offset", e.Offset)
		dst = num(dst, "length", e.Length)
	}
	if e.Line > 0 {
		dst = num(dst, "line", int64(e.Line))
	}
	return strSome(dst, "packed", e.Packed)
}

// AppendTimesketchRecord appends a line of JSON for a record at one of its
// stamps. The record's fields stand under their own names, unless one of ours has
// that name; then "field_" comes before it.
func AppendTimesketchRecord(dst []byte, s *timeline.Stamp, r *timeline.Record) []byte {
	sec, nsec := s.When.Unix(), int32(s.When.Nanosecond())
	if m := macbOf(s.What); m != 0 && isFile(r) {
		return AppendTimesketchFile(dst, Moment{sec, nsec, m}, r.File, &r.Evidence)
	}
	dst = str(append(dst, '{'), "message", r.Summary)
	dst = appendDatetime(append(key(dst, "datetime"), '"'), sec, nsec)
	dst = num(append(dst, '"'), "timestamp", micros(sec, nsec))
	dst = str(dst, "timestamp_desc", describe(s.What))
	dst = str(dst, "data_type", dataType(r.Kind))
	dst = strSome(dst, "path", r.Evidence.Path)
	if r.Evidence.Inode != 0 {
		dst = unum(dst, "inode", uint64(r.Evidence.Inode))
	}
	dst = evidenceMembers(dst, &r.Evidence)
	dst = strSome(dst, "note", s.Note)
	var few [16]string
	for _, name := range sortedKeys(few[:0], r.Fields) {
		key := name
		if taken(name) {
			key = "field_" + name
		}
		dst = field(dst, key, r.Fields[name], r.Fields)
	}
	return append(dst, '}', '\n')
}

// taken reports whether a row has a member of that name already.
func taken(name string) bool {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "field_"), "_bytes")
	switch name {
	case "message", "datetime", "timestamp", "timestamp_desc", "data_type", "macb", "path", "inode", "image", "volume", "offset", "length",
		"line", "packed", "note", "tag":
		return true
	}
	return false
}

// AppendTimesketchFileCSV appends a row of CSV for a file at one moment.
func AppendTimesketchFileCSV(dst []byte, w Moment, f *timeline.File, ev *timeline.Evidence) []byte {
	if f.Target == "" && !f.Deleted && !f.Orphan {
		dst = AppendCSV(dst, f.Path)
	} else {
		dst = AppendCSV(dst, string(appendPlainName(nil, f)))
	}
	dst = appendDatetime(append(dst, ','), w.Sec, w.Nsec)
	dst = strconv.AppendInt(append(dst, ','), micros(w.Sec, w.Nsec), 10)
	dst = appendDescriptions(append(dst, ','), w.MACB)
	dst = append(dst, ",fs:stat,"...)
	dst = w.MACB.LettersD(dst)
	dst = appendPathCells(dst, f.Path)
	dst = strconv.AppendUint(append(dst, ','), uint64(f.Inode), 10)
	dst = append(append(dst, ','), f.Type.String()...)
	dst = appendOctal(append(dst, ','), f.Mode)
	dst = strconv.AppendUint(append(dst, ','), uint64(f.UID), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(f.GID), 10)
	dst = strconv.AppendInt(append(dst, ','), f.Size, 10)
	dst = append(dst, ',')
	switch deletedSuffix(f) {
	case " (deleted)":
		dst = append(dst, "deleted"...)
	case " (deleted-realloc)":
		dst = append(dst, "deleted-realloc"...)
	}
	dst = append(dst, ",,"...) // account, address
	if ev == nil {
		return append(dst, ",,,,,,\n"...)
	}
	dst = appendEvidenceCells(dst, ev)
	return append(dst, ",\n"...)
}

// AppendTimesketchRecordCSV appends a row of CSV for a record at one of its
// stamps. Of its fields the account and the address have columns; the rest is in
// the JSON form.
func AppendTimesketchRecordCSV(dst []byte, s *timeline.Stamp, r *timeline.Record) []byte {
	sec, nsec := s.When.Unix(), int32(s.When.Nanosecond())
	if m := macbOf(s.What); m != 0 && isFile(r) {
		return AppendTimesketchFileCSV(dst, Moment{sec, nsec, m}, r.File, &r.Evidence)
	}
	dst = AppendCSV(dst, r.Summary)
	dst = appendDatetime(append(dst, ','), sec, nsec)
	dst = strconv.AppendInt(append(dst, ','), micros(sec, nsec), 10)
	dst = AppendCSV(append(dst, ','), describe(s.What))
	dst = AppendCSV(append(dst, ','), dataType(r.Kind))
	dst = append(dst, ',') // macb
	dst = appendPathCells(dst, r.Evidence.Path)
	dst = append(dst, ',')
	if r.Evidence.Inode != 0 {
		dst = strconv.AppendUint(dst, uint64(r.Evidence.Inode), 10)
	}
	dst = append(dst, ",,,,,,,"...) // type, mode, uid, gid, size, deleted
	dst = AppendCSV(dst, first(r.Fields, "account", "user"))
	dst = AppendCSV(append(dst, ','), first(r.Fields, "address", "source_ip", "client"))
	dst = appendEvidenceCells(dst, &r.Evidence)
	dst = AppendCSV(append(dst, ','), s.Note)
	return append(dst, '\n')
}

func first(fields map[string]string, names ...string) string {
	for _, name := range names {
		if v := fields[name]; v != "" {
			return v
		}
	}
	return ""
}

// appendPathCells writes two cells: the path for reading, and its bytes in
// base64 if the first cell does not hold just those.
func appendPathCells(dst []byte, path string) []byte {
	dst = AppendCSV(append(dst, ','), path)
	dst = append(dst, ',')
	if !utf8.ValidString(path) || !shown(path) || formula(path) {
		dst = base64.StdEncoding.AppendEncode(dst, []byte(path))
	}
	return dst
}

func appendEvidenceCells(dst []byte, e *timeline.Evidence) []byte {
	dst = AppendCSV(append(dst, ','), e.Image)
	dst = AppendCSV(append(dst, ','), e.Volume)
	if e.Offset >= 0 {
		dst = strconv.AppendInt(append(dst, ','), e.Offset, 10)
		dst = strconv.AppendInt(append(dst, ','), e.Length, 10)
	} else {
		dst = append(dst, ",,"...)
	}
	dst = append(dst, ',')
	if e.Line > 0 {
		dst = strconv.AppendInt(dst, int64(e.Line), 10)
	}
	return dst
}
