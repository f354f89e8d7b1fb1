package builtin

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// The examples of the rules are made with these.

// clock is when the examples happen.
var clock = time.Date(2024, 3, 5, 14, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return clock.Add(time.Duration(minutes) * time.Minute) }

func fileTime(t time.Time) filesystem.Time {
	return filesystem.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond()), Known: true}
}

type fileOption func(*timeline.File)

// aFile is the record of a regular file of root's, 0644, 4096 bytes, that came
// at the clock's time.
func aFile(path string, options ...fileOption) timeline.Record {
	f := &timeline.File{Path: path, Inode: 4242, Type: filesystem.Regular, Mode: filesystem.ModeRegular | 0o644, Links: 1, Size: 4096, Magic: "text"}
	t := fileTime(clock)
	f.Times = filesystem.Times{Modified: t, Accessed: t, Changed: t, Born: t}
	for _, o := range options {
		o(f)
	}
	return timeline.Record{
		Kind: timeline.KindFile, Summary: path, File: f,
		Stamps:   []timeline.Stamp{{What: "changed", When: f.Times.Changed.Std()}},
		Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Inode: f.Inode, Path: path, Offset: 1 << 20, Length: 256},
	}
}

func perm(m filesystem.Mode) fileOption {
	return func(f *timeline.File) { f.Mode = f.Mode&filesystem.ModeType | m }
}
func magic(m string) fileOption { return func(f *timeline.File) { f.Magic = m } }
func size(n int64) fileOption   { return func(f *timeline.File) { f.Size = n } }
func owner(uid, gid uint32) fileOption {
	return func(f *timeline.File) { f.UID, f.GID = uid, gid }
}
func packaged(f *timeline.File) { f.InPackage = true }
func deleted(f *timeline.File)  { f.Deleted, f.Unalloc = true, true }
func flags(v filesystem.Flags) fileOption {
	return func(f *timeline.File) { f.Flags = v }
}
func link(target string) fileOption {
	return func(f *timeline.File) {
		f.Type, f.Target, f.Magic, f.Size = filesystem.Symlink, target, "", int64(len(target))
		f.Mode = filesystem.ModeSymlink | 0o777
	}
}
func directory(f *timeline.File) {
	f.Type, f.Magic = filesystem.Directory, ""
	f.Mode = filesystem.ModeDir | 0o755
}
func born(t time.Time) fileOption {
	return func(f *timeline.File) { f.Times.Born = fileTime(t) }
}
func modified(t time.Time) fileOption {
	return func(f *timeline.File) { f.Times.Modified = fileTime(t) }
}
func inodeChanged(t time.Time) fileOption {
	return func(f *timeline.File) { f.Times.Changed = fileTime(t) }
}

// capabilities is a security.capability of version 2 with a permitted set.
func capabilities(permitted uint64) fileOption {
	v := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	v = binary.LittleEndian.AppendUint32(v, uint32(permitted))
	v = binary.LittleEndian.AppendUint32(v, 0)
	v = binary.LittleEndian.AppendUint32(v, uint32(permitted>>32))
	v = binary.LittleEndian.AppendUint32(v, 0)
	return func(f *timeline.File) {
		f.Xattrs = append(f.Xattrs, filesystem.Xattr{Name: "security.capability", Value: v})
	}
}

// aChange is a difference from the baseline. What the file is now comes from
// options; before is how it was, nil for an added file.
func aChange(what, path string, before []fileOption, differs string, options ...fileOption) timeline.Record {
	r := aFile(path, options...)
	r.Kind = timeline.KindChange
	c := &timeline.Change{What: what, After: r.File}
	if differs != "" {
		c.Differs = strings.Split(differs, ",")
	}
	if what != "added" {
		c.Before = aFile(path, append([]fileOption{born(at(-100000)), modified(at(-100000)), inodeChanged(at(-100000))}, before...)...).File
	}
	if what == "deleted" {
		c.After, r.File = nil, c.Before
	}
	r.Change = c
	return r
}

func anAdded(path string, options ...fileOption) timeline.Record {
	return aChange("added", path, nil, "", options...)
}

// aLine is a record of one line of a text file; pairs are keys and values of
// its fields.
func aLine(kind, path string, line int, t time.Time, pairs ...string) timeline.Record {
	r := timeline.Record{
		Kind: kind, Fields: map[string]string{},
		Evidence: timeline.Evidence{Image: "disk.dd", Volume: "gpt:1", Inode: 77, Path: path, Offset: int64(1<<21 + 100*line), Length: 100, Line: line},
	}
	if !t.IsZero() {
		r.Stamps = []timeline.Stamp{{What: "logged", When: t}}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields[pairs[i]] = pairs[i+1]
	}
	return r
}

// aRequest is a line of an access log, of a request at the clock's time.
func aRequest(address, method, url string, status int, more ...string) timeline.Record {
	path, query, _ := strings.Cut(url, "?")
	return aLine(timeline.KindWebAccess, "/var/log/apache2/access.log", 1, clock, append([]string{
		"address", address, "method", method, "url", url, "path", path, "query", query, "status", strconv.Itoa(status), "bytes", "512",
		"user_agent", "Mozilla/5.0 (X11; Linux x86_64; rv:123.0) Gecko/20100101 Firefox/123.0",
	}, more...)...)
}

func anAuth(minute int, action string, pairs ...string) timeline.Record {
	return aLine(timeline.KindAuth, "/var/log/auth.log", 1000+minute, at(minute), append([]string{"program", "sshd", "action", action}, pairs...)...)
}

func aCommand(account, command string) timeline.Record {
	return aLine(timeline.KindCommand, "/root/.bash_history", 1, time.Time{}, "account", account, "shell", "bash", "command", command)
}

func aCron(account, command string) timeline.Record {
	return aLine(timeline.KindCron, "/var/spool/cron/crontabs/"+account, 1, time.Time{}, "account", account, "schedule", "*/5 * * * *", "command", command)
}

func aSetting(area, path, text string, pairs ...string) timeline.Record {
	return aLine(timeline.KindSetting, path, 3, time.Time{}, append([]string{"area", area, "text", text}, pairs...)...)
}

func anAccount(name, uid, shell, password string) timeline.Record {
	return aLine(timeline.KindAccount, "/etc/passwd", 1, time.Time{}, "name", name, "uid", uid, "gid", uid, "home", "/", "shell", shell, "password", password)
}

// someStrings is what was read in a program that no baseline knows.
func someStrings(path, text string, options ...fileOption) timeline.Record {
	r := aFile(path, append([]fileOption{magic("elf"), perm(0o755)}, options...)...)
	r.Kind = timeline.KindStrings
	r.Fields = map[string]string{"path": path, "strings": text}
	return r
}

// one is an example of a single record.
func one(name string, s rules.Severity, r timeline.Record) rules.Example {
	return rules.Example{Name: name, Severity: s, Records: []timeline.Record{r}}
}

func quiet(name string, records ...timeline.Record) rules.Example {
	return rules.Example{Name: name, Records: records}
}

// withEnv gives an example another environment.
func withEnv(env rules.Env, ex rules.Example) rules.Example {
	ex.Env = env
	return ex
}

var (
	withPackages = rules.Env{Packages: true}
	withBaseline = rules.Env{Baseline: true, Packages: true}
	debianEnv    = rules.Env{Packages: true, Accounts: []rules.Account{
		{Name: "root", Home: "/root", Shell: "/bin/bash"},
		{Name: "www-data", UID: 33, GID: 33, Home: "/var/www", Shell: "/usr/sbin/nologin"},
		{Name: "postgres", UID: 105, GID: 110, Home: "/var/lib/postgresql", Shell: "/bin/bash"},
		{Name: "alice", UID: 1000, GID: 1000, Home: "/home/alice", Shell: "/bin/bash"},
	}}
	debianBaseline = rules.Env{Baseline: true, Packages: true, Accounts: debianEnv.Accounts}
)
