package auditd

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"deadbox/timeline"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// decoder makes records of events.
type decoder struct {
	s     *timeline.Source
	names map[string]string // of passwd, by uid; nil until it is read
}

// unset is what the kernel writes for an account or a session that there is none of:
// (uid_t)-1.
func isUnset(id string) bool { return id == "4294967295" || id == "-1" || id == "unset" }

// account names a user id by the server's passwd.
func (d *decoder) account(uid string) string {
	if d.names == nil {
		d.names = map[string]string{}
		if p := d.s.Open("/etc/passwd"); p != nil {
			for l, err := range timeline.Lines(context.Background(), p) {
				if f := strings.SplitN(string(l.Text), ":", 4); err == nil && len(f) == 4 && d.names[f[2]] == "" {
					d.names[f[2]] = f[0]
				}
			}
		}
	}
	return d.names[uid]
}

// actions are those of types that have a name of their own; any other's is the
// type in lower case.
var actions = map[string]string{
	"USER_LOGIN": "login", "USER_LOGOUT": "logout", "USER_START": "session-opened", "USER_END": "session-closed", "LOGIN": "session-started",
	"ADD_USER": "useradd", "DEL_USER": "userdel", "ADD_GROUP": "groupadd", "DEL_GROUP": "groupdel", "USER_CHAUTHTOK": "passwd-changed",
	"USER_CMD": "sudo", "SERVICE_START": "service-started", "SERVICE_STOP": "service-stopped", "SYSTEM_BOOT": "boot", "SYSTEM_SHUTDOWN": "shutdown",
	"DAEMON_START": "logging-started", "DAEMON_END": "logging-stopped", "DAEMON_ABORT": "logging-stopped", "ANOM_ABEND": "crashed", "ANOM_PROMISCUOUS": "promiscuous",
	"TTY": "typed", "USER_TTY": "typed", "KERN_MODULE": "module-loaded",
}

// whats are the words for the time of an event.
var whats = map[string]string{
	"executed": "ran", "sudo": "ran", "login": "login", "logout": "logout", "service-started": "started", "service-stopped": "stopped",
	"logging-started": "started", "logging-stopped": "stopped",
}

// auxiliary are the types of lines that go with a line that says what happened.
var auxiliary = map[string]bool{
	"CWD": true, "PATH": true, "EXECVE": true, "PROCTITLE": true, "SOCKADDR": true, "EOE": true, "BPRM_FCAPS": true, "CAPSET": true, "FD_PAIR": true,
	"OBJ_PID": true, "MMAP": true, "IPC": true, "IPC_SET_PERM": true, "MQ_OPEN": true, "MQ_SENDRECV": true, "MQ_NOTIFY": true, "MQ_GETSETATTR": true,
	"SOCKETCALL": true, "KERN_MODULE": true, "BPF": true, "OPENAT2": true, "TIME_INJOFFSET": true, "TIME_ADJNTPVAL": true, "URINGOP": true, "FANOTIFY": true, "CONTAINER_ID": true,
}

// fieldNames are the names that records use for those of the audit.
var fieldNames = map[string]string{
	"uid": "uid", "gid": "gid", "euid": "euid", "pid": "pid", "ppid": "ppid", "comm": "program", "exe": "exe", "ses": "session", "tty": "tty", "terminal": "tty",
	"acct": "account", "addr": "address", "hostname": "remote_host", "op": "op", "grp": "group", "unit": "unit", "cmd": "command", "cwd": "cwd", "rport": "port",
	"sig": "signal", "reason": "reason", "dev": "device", "fp": "fingerprint", "ver": "version", "direction": "direction", "new-level": "runlevel", "table": "table", "profile": "profile",
	"apparmor": "apparmor", "operation": "op", "denied_mask": "denied", "requested_mask": "requested", "scontext": "source", "tcontext": "target", "tclass": "class",
	"path": "path", "name": "path", "data": "command", "kernel": "kernel", "bool": "setting", "auditd": "state", "prog-id": "program_id",
}

// encoded are the fields that may be written as hexadecimal (lib/typetab.h of
// https://github.com/linux-audit/audit-userspace, "escaped").
var encoded = map[string]bool{
	"acct": true, "cmd": true, "comm": true, "cwd": true, "data": true, "device": true, "exe": true, "file": true, "grp": true, "name": true, "path": true, "unit": true,
}

// record makes one of an event. An event of nothing but its end gives none.
func (d *decoder) record(e *event) (timeline.Record, bool) {
	lines := make([]line, 0, len(e.lines))
	main, sys := -1, -1
	for i, l := range e.lines {
		list, enriched := pairs(l.body)
		lines = append(lines, line{l.kind, list, enriched})
		switch {
		case l.kind == "SYSCALL" || l.kind == "SECCOMP":
			if sys < 0 {
				sys = i
			}
		case !auxiliary[l.kind] && main < 0:
			main = i
		}
	}
	if main < 0 {
		main = sys
	}
	if main < 0 {
		main = 0
		for main < len(lines)-1 && lines[main].kind == "EOE" {
			main++
		}
		if lines[main].kind == "EOE" {
			return timeline.Record{}, false
		}
	}
	f := make(map[string]string, 24)
	set := func(name, value string) {
		if value != "" && f[name] == "" {
			f[name] = value
		}
	}
	when, serial, _ := stampOf(e.id)
	set("host", e.node)
	set("type", strings.ToLower(lines[main].kind))
	set("serial", serial)
	telling := main
	d.common(&lines[main], set)
	if sys >= 0 && sys != main {
		d.common(&lines[sys], set)
	}
	name := ""
	if sys >= 0 {
		name = d.syscall(&lines[sys], set)
	}
	var paths []pathItem
	for i := range lines {
		l := &lines[i]
		switch l.kind {
		case "CWD":
			set("cwd", l.text("cwd"))
		case "PROCTITLE":
			set("proctitle", title(l.text("proctitle")))
		case "PATH":
			paths = append(paths, pathItem{l.text("name"), firstOf(l.get("nametype"), l.get("objtype"))})
		case "SOCKADDR":
			address, port, path := sockaddr(l.get("saddr"))
			set("address", address)
			set("port", port)
			set("path", path)
		case "TIME_ADJNTPVAL", "TIME_INJOFFSET":
			set("op", l.get("op"))
		case "KERN_MODULE":
			set("name", l.text("name"))
		case "OBJ_PID":
			set("target", l.text("ocomm"))
			set("target_pid", l.get("opid"))
		case "EXECVE":
			if telling == sys || telling == main && main == sys {
				telling = i
			}
		}
	}
	d.paths(paths, name, set)
	if lines[main].kind == "AVC" || lines[main].kind == "USER_AVC" {
		avc(e.lines[main].body, set)
	}
	executed := strings.HasPrefix(name, "execve") || has(lines, "EXECVE")
	if args, missing := arguments(lines); len(args) > 0 {
		set("command", commandLine(args))
		if missing > 0 {
			set("incomplete", strconv.Itoa(missing)+" arguments of the command are not in the log")
		}
	} else if executed {
		set("command", f["proctitle"])
	}
	action := actionOf(lines[main].kind, name, executed, lines)
	set("action", action)
	set("message", strings.ReplaceAll(e.lines[main].body, "\x1d", " "))
	what := whats[action]
	if what == "" {
		what = "logged"
	}
	if action == "login" && f["outcome"] == "failure" {
		what = "failed"
	}
	return timeline.Record{
		Kind: timeline.KindAudit, Summary: summary(f), Fields: f, Evidence: d.evidence(e, telling),
		Stamps: []timeline.Stamp{{What: what, When: when}},
	}, true
}

func has(lines []line, kind string) bool {
	for i := range lines {
		if lines[i].kind == kind {
			return true
		}
	}
	return false
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// common reads the fields that any line may have.
func (d *decoder) common(l *line, set func(name, value string)) {
	for i := range l.list {
		p := &l.list[i]
		switch p.name {
		case "auid":
			if !isUnset(p.value) {
				set("auid", p.value)
				set("login_account", firstOf(l.enrichedAs("AUID"), d.account(p.value)))
			}
			continue
		case "ses":
			if !isUnset(p.value) {
				set("session", p.value)
			}
			continue
		case "res", "success", "result":
			set("outcome", outcome(p.value))
			continue
		case "key":
			// Several keys of one event have 0x01 between them.
			set("key", strings.ReplaceAll(p.unhex(), "\x01", ","))
			continue
		case "id":
			// USER_* name the account by number where there is no acct.
			if l.get("acct") == "" && !isUnset(p.value) && (strings.HasPrefix(l.kind, "USER") || strings.HasSuffix(l.kind, "_USER")) {
				set("target_uid", p.value)
				set("account", firstOf(l.enrichedAs("ID"), d.account(p.value)))
			}
			continue
		case "acct":
			if l.kind == "ADD_GROUP" || l.kind == "DEL_GROUP" {
				set("group", p.unhex())
				continue
			}
		case "fp":
			if !strings.HasPrefix(l.kind, "CRYPTO") {
				continue // capabilities of a file
			}
		case "laddr", "lport":
			set(map[string]string{"laddr": "local_address", "lport": "local_port"}[p.name], p.value)
			continue
		}
		if name := fieldNames[p.name]; name != "" {
			if p.name == "uid" && isUnset(p.value) {
				continue
			}
			if p.name == "name" && l.kind != "AVC" {
				set("name", p.unhex())
				continue
			}
			value := p.value
			if encoded[p.name] {
				value = p.unhex()
			}
			set(name, value)
		}
	}
	if uid := l.get("uid"); uid != "" && !isUnset(uid) {
		by := firstOf(l.enrichedAs("UID"), d.account(uid))
		if strings.HasPrefix(l.kind, "USER_") || strings.HasSuffix(l.kind, "_USER") || strings.HasSuffix(l.kind, "_GROUP") || strings.HasPrefix(l.kind, "CRED_") {
			set("by", by) // account is the one that was asked for
			return
		}
		set("account", by)
	}
}

// avc reads what SELinux says in words: "avc:  denied  { read write } for  pid=1".
func avc(body string, set func(name, value string)) {
	_, rest, ok := strings.Cut(body, "avc:")
	verb, rest, ok2 := strings.Cut(strings.TrimSpace(rest), " ")
	if !ok || !ok2 || verb != "denied" && verb != "granted" {
		return
	}
	if rest, ok = strings.CutPrefix(strings.TrimSpace(rest), "{"); ok {
		perms, _, _ := strings.Cut(rest, "}")
		set(verb, strings.TrimSpace(perms))
	}
}

// outcome normalises "yes", "1", "success" and their opposites.
func outcome(s string) string {
	switch s = strings.ToLower(s); {
	case s == "yes" || s == "1" || strings.HasPrefix(s, "suc"):
		return "success"
	case s == "no" || s == "0" || strings.HasPrefix(s, "fail"):
		return "failure"
	}
	return ""
}

// syscall names the system call and what came of it.
func (d *decoder) syscall(l *line, set func(name, value string)) string {
	arch := l.enrichedAs("ARCH")
	if n, err := strconv.ParseUint(l.get("arch"), 16, 32); err == nil {
		arch = auparse.AuditArch(n).String()
	} else if arch == "" {
		arch = l.get("arch") // a log that ausearch made readable
	}
	set("arch", arch)
	name := l.get("syscall")
	if n, ok := number(name); ok {
		if known := auparse.AuditSyscalls[arch][n]; known != "" {
			name = known
		} else if known := l.enrichedAs("SYSCALL"); known != "" && !strings.HasPrefix(known, "unknown") {
			name = known
		}
	}
	set("syscall", name)
	exit := l.get("exit")
	if n, err := strconv.Atoi(exit); err == nil && n < 0 && n > -4096 {
		if known := auparse.AuditErrnoToName[-n]; known != "" {
			exit = known
		}
	}
	set("exit", exit)
	return name
}

type pathItem struct{ name, kind string }

// paths picks the file that a system call went to: of several the one that is not
// a directory on the way, of an execution the program, not its interpreter.
func (d *decoder) paths(list []pathItem, syscall string, set func(name, value string)) {
	var all []string
	best := ""
	for _, p := range list {
		if p.name == "" {
			continue
		}
		all = append(all, p.name)
		if best == "" && p.kind != "PARENT" {
			best = p.name
		}
	}
	if best == "" && len(all) > 0 {
		best = all[0]
	}
	set("path", best)
	if len(all) > 1 {
		set("paths", strings.Join(all, " "))
	}
	if strings.HasPrefix(syscall, "rename") || strings.HasPrefix(syscall, "link") || strings.HasPrefix(syscall, "symlink") {
		for _, p := range list {
			if p.kind == "CREATE" {
				set("target", p.name)
			}
		}
	}
}

func actionOf(kind, syscall string, executed bool, lines []line) string {
	if a := actions[kind]; a != "" {
		return a
	}
	if kind == "SYSCALL" || auxiliary[kind] {
		if executed {
			return "executed"
		}
		switch syscall {
		case "init_module", "finit_module", "create_module":
			return "module-loaded"
		case "delete_module":
			return "module-removed"
		case "":
			if kind == "SYSCALL" && len(lines) > 1 {
				return "syscall"
			}
		default:
			if _, ok := number(syscall); !ok {
				return syscall
			}
			return "syscall-" + syscall
		}
	}
	return strings.ReplaceAll(strings.ToLower(kind), "_", "-")
}

// sockaddr reads a struct sockaddr in hexadecimal: the family in the machine's byte
// order; an IPv4 or IPv6 port and address, big-endian; or a path (unix(7), ip(7),
// ipv6(7)).
func sockaddr(s string) (address, port, path string) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) < 2 {
		return "", "", ""
	}
	family := binary.LittleEndian.Uint16(b)
	if family > 255 {
		family = binary.BigEndian.Uint16(b)
	}
	const unix, inet, inet6 = 1, 2, 10
	switch {
	case family == unix:
		p := string(b[2:])
		if strings.HasPrefix(p, "\x00") { // abstract
			p = "@" + p[1:]
		}
		p, _, _ = strings.Cut(p, "\x00")
		return "", "", strings.TrimSuffix(p, "@")
	case family == inet && len(b) >= 8:
		return netip.AddrFrom4([4]byte(b[4:8])).String(), strconv.Itoa(int(binary.BigEndian.Uint16(b[2:]))), ""
	case family == inet6 && len(b) >= 24:
		return netip.AddrFrom16([16]byte(b[8:24])).Unmap().String(), strconv.Itoa(int(binary.BigEndian.Uint16(b[2:]))), ""
	}
	return "", "", ""
}

// summary is one line for people.
func summary(f map[string]string) string {
	var b strings.Builder
	b.WriteString(f["action"])
	for _, name := range [...]string{"command", "unit", "path", "name", "account", "group"} {
		if v := f[name]; v != "" && (name != "account" || f["command"] == "") {
			b.WriteString(" " + v)
			if name != "path" {
				break
			}
		}
	}
	var more []string
	for _, name := range [...]string{"exe", "uid", "auid", "address", "outcome", "key"} {
		if v := f[name]; v != "" {
			more = append(more, name+"="+v)
		}
	}
	if len(more) > 0 {
		b.WriteString(" (" + strings.Join(more, " ") + ")")
	}
	return b.String()
}
