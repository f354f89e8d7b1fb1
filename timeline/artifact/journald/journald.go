// Package journald reads the files of systemd's journal.
package journald

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"deadbox/internal/logmsg"
	"deadbox/timeline"
)

// Extractor yields a record for each entry of a journal file.
var Extractor = timeline.Extractor{
	Name: "journald",
	Doc: `Entries of the systemd journal: message, program, pid, uid, gid, auid (who logged in), host, severity, facility, unit (the sender's, or the one that systemd speaks of), session, owner_uid, boot,
transport, seqnum, command (the sender's command line, or the one that the message names), path (the sender's executable), and what
messages about authentication say, as in auth-log. Records of the kernel's audit have kind audit, and type, serial, account,
address, tty, op, key, outcome, exe as those of auditd. Entries that no index of the file names have unindexed "true"; those of which a part could not be read have damaged, with the
fields' number. Evidence is the message's own object in the file where it is not compressed, else the entry; entry_offset is that of
the entry in the file. A sender's own time that differs from the journal's by more than a second is in the stamp's note.

Format: https://systemd.io/JOURNAL_FILE_FORMAT/, regular and compact; payloads packed by zstd, lz4 and xz; sealed files are read, the
seals are not verified. Fields: https://www.freedesktop.org/software/systemd/man/latest/systemd.journal-fields.html.`,
	Paths: []string{
		"/var/log/journal/*.journal", "/var/log/journal/*.journal~", "/var/log/journal/*/*.journal", "/var/log/journal/*/*.journal~",
		"/run/log/journal/*.journal", "/run/log/journal/*.journal~", "/run/log/journal/*/*.journal", "/run/log/journal/*/*.journal~",
	},
	Run: run,
}

// The fields that records are made of. Names are those of systemd.journal-fields(7).
const (
	fMessage = iota
	fIdentifier
	fComm
	fPID
	fSyslogPID
	fUID
	fGID
	fUnit
	fUserUnit
	fAboutUnit
	fAboutUserUnit
	fCommand
	fExe
	fSession
	fOwner
	fLoginUID
	fHost
	fPriority
	fFacility
	fTransport
	fSourceTime
	fMessageID
	fContainer
	fAuditType
	fAuditSerial
	fAuditAccount
	fAuditAddress
	fAuditHost
	fAuditTerminal
	fAuditResult
	fAuditOperation
	fAuditCommand
	fAuditKey
	fieldCount
)

var fieldNames = map[string]int{
	"MESSAGE":                    fMessage,
	"SYSLOG_IDENTIFIER":          fIdentifier,
	"_COMM":                      fComm,
	"_PID":                       fPID,
	"SYSLOG_PID":                 fSyslogPID,
	"_UID":                       fUID,
	"_GID":                       fGID,
	"_SYSTEMD_UNIT":              fUnit,
	"_SYSTEMD_USER_UNIT":         fUserUnit,
	"UNIT":                       fAboutUnit,
	"USER_UNIT":                  fAboutUserUnit,
	"_CMDLINE":                   fCommand,
	"_EXE":                       fExe,
	"_SYSTEMD_SESSION":           fSession,
	"_SYSTEMD_OWNER_UID":         fOwner,
	"_AUDIT_LOGINUID":            fLoginUID,
	"_HOSTNAME":                  fHost,
	"PRIORITY":                   fPriority,
	"SYSLOG_FACILITY":            fFacility,
	"_TRANSPORT":                 fTransport,
	"_SOURCE_REALTIME_TIMESTAMP": fSourceTime,
	"MESSAGE_ID":                 fMessageID,
	"CONTAINER_NAME":             fContainer,
	"_AUDIT_TYPE_NAME":           fAuditType,
	"_AUDIT_ID":                  fAuditSerial,
	"AUDIT_FIELD_ACCT":           fAuditAccount,
	"AUDIT_FIELD_ADDR":           fAuditAddress,
	"AUDIT_FIELD_HOSTNAME":       fAuditHost,
	"AUDIT_FIELD_TERMINAL":       fAuditTerminal,
	"AUDIT_FIELD_RES":            fAuditResult,
	"AUDIT_FIELD_OP":             fAuditOperation,
	"AUDIT_FIELD_CMD":            fAuditCommand,
	"AUDIT_FIELD_KEY":            fAuditKey,
}

// wanted gives the number of a field that records are made of.
func wanted(name []byte) int {
	if id, ok := fieldNames[string(name)]; ok {
		return id
	}
	return -1
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		j, damage := open(ctx, s)
		for _, err := range damage {
			if !yield(timeline.Record{}, err) {
				return
			}
		}
		if j == nil {
			return
		}
		m := maker{j: j}
		for e, err := range j.entries() {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			rec := m.record(e)
			for _, err := range m.damage {
				if !yield(timeline.Record{}, err) {
					return
				}
			}
			if !yield(rec, nil) {
				return
			}
		}
		if m.hidden > 0 {
			yield(timeline.Record{}, s.Damage(-1, 0, 0, fmt.Sprintf("%d more payloads are damaged", m.hidden), nil))
		}
	}
}

// maker makes records of entries.
type maker struct {
	j         *journal
	value     [fieldCount]string
	bad       map[uint64]bool // payloads whose damage was reported
	overdrawn bool
	hidden    int
	damage    []error // of the entry's payloads
}

// read reads the payloads of an entry. It gives the place of the message,
// with length 0 if it has no plain place, and how many payloads are damaged.
func (m *maker) read(e *entry) (at, length int64, lost int) {
	m.value = [fieldCount]string{}
	m.damage = m.damage[:0]
	lost = e.lost
	messages := 0
	for _, item := range e.items {
		id, value, place, size, err := m.j.payload(item, wanted)
		if err != nil {
			lost++
			m.report(e, item, place, err)
		}
		switch {
		case id < 0:
		case id == fMessage:
			if messages++; messages == 1 {
				m.value[id], at, length = value, place, size
			} else if len(m.value[id])+len(value) <= maxPayload {
				// A field may come twice; the message has several places then.
				m.value[id], length = m.value[id]+"\n"+value, 0
			}
		case m.value[id] == "":
			m.value[id] = value
		}
	}
	return at, length, lost
}

// report reports the damage of a payload once, at the payload's place, or at
// the entry's where it leads to none.
func (m *maker) report(e *entry, item uint64, place int64, err error) {
	off, length, key := int64(item), place-int64(item), item
	if place == 0 {
		off, length, key = e.offset, e.length, uint64(e.offset)
	}
	if err == errBudget {
		if m.overdrawn {
			return
		}
		m.overdrawn = true
	}
	if m.bad[key] {
		return
	}
	if len(m.bad) >= maxDamage {
		m.hidden++
		return
	}
	if m.bad == nil {
		m.bad = map[uint64]bool{}
	}
	m.bad[key] = true
	m.damage = append(m.damage, m.j.src.Damage(off, length, 0, "a field of an entry", err))
}

func (m *maker) record(e *entry) timeline.Record {
	at, length, lost := m.read(e)
	v := &m.value
	rec := timeline.Record{Kind: timeline.KindSyslog, Fields: make(map[string]string, 24)}
	if length > 0 {
		rec.Evidence = m.j.src.Evidence(at, length, 0)
	} else {
		rec.Evidence = m.j.src.Evidence(e.offset, e.length, 0)
	}
	if validTime(e.realtime) {
		rec.Stamps = []timeline.Stamp{{What: "logged", When: micros(e.realtime), Note: sourceNote(e.realtime, v[fSourceTime])}}
	}
	program, pid := v[fIdentifier], v[fPID]
	if program == "" {
		program = v[fComm]
	}
	if pid == "" {
		pid = v[fSyslogPID]
	}
	rec.Summary = summary(program, pid, v[fMessage])
	f := rec.Fields
	if v[fTransport] == "audit" {
		rec.Kind = timeline.KindAudit
		audit(v, f)
	} else {
		action, auth := logmsg.Decode(program, v[fMessage], f)
		if action != "" {
			f["action"] = action
		}
		// The kind that the text logs' records of the same message have.
		if kind := logmsg.Kind(program, action); kind != "" {
			rec.Kind = kind
		} else if auth && action != "" {
			rec.Kind = timeline.KindAuth
		}
	}
	f["message"] = v[fMessage]
	put(f, "program", program)
	put(f, "pid", pid)
	put(f, "uid", v[fUID])
	put(f, "gid", v[fGID])
	if v[fLoginUID] != "4294967295" { // not set
		put(f, "auid", v[fLoginUID])
	}
	put(f, "owner_uid", v[fOwner])
	put(f, "host", v[fHost])
	put(f, "severity", name(severities[:], v[fPriority]))
	put(f, "facility", name(facilities[:], v[fFacility]))
	// systemd names the unit that it speaks of; others speak of themselves.
	switch {
	case v[fAboutUnit] != "":
		f["unit"] = v[fAboutUnit]
	case v[fAboutUserUnit] != "":
		f["unit"] = v[fAboutUserUnit]
	case v[fUnit] != "":
		put(f, "unit", v[fUnit])
	default:
		put(f, "unit", v[fUserUnit])
	}
	put(f, "session", v[fSession])
	put(f, "command", v[fCommand])
	if rec.Kind != timeline.KindAudit { // there a path is that of a file that was used
		put(f, "path", v[fExe])
	}
	put(f, "container", v[fContainer])
	put(f, "message_id", v[fMessageID])
	put(f, "boot", e.bootID())
	put(f, "transport", v[fTransport])
	f["seqnum"] = strconv.FormatUint(e.seqnum, 10)
	f["entry_offset"] = strconv.FormatInt(e.offset, 10)
	f["source"] = "journal"
	if e.unindexed {
		f["unindexed"] = "true"
	}
	if lost > 0 {
		f["damaged"] = strconv.Itoa(lost)
	}
	return rec
}

// put sets a field that has a value, unless the message itself says another.
func put(f map[string]string, name, value string) {
	if value == "" {
		return
	}
	if _, ok := f[name]; !ok {
		f[name] = value
	}
}

func summary(program, pid, message string) string {
	var b strings.Builder
	b.Grow(len(program) + len(pid) + len(message) + 4)
	b.WriteString(program)
	if pid != "" {
		b.WriteByte('[')
		b.WriteString(pid)
		b.WriteByte(']')
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(message)
	return b.String()
}

func micros(t uint64) time.Time { return time.UnixMicro(int64(t)).UTC() }

// sourceNote says what the sender's clock showed, if that is another time than the journal's.
func sourceNote(realtime uint64, source string) string {
	t, err := strconv.ParseUint(source, 10, 64)
	if err != nil || !validTime(t) || max(t, realtime)-min(t, realtime) <= 1e6 {
		return ""
	}
	return "when the journal took it; the sender's time is " + micros(t).Format(time.RFC3339Nano)
}

var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// name is the word for a number, or the number where there is none.
func name(words []string, number string) string {
	if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(words) {
		return words[n]
	}
	return number
}

// audit reads the fields that journald makes of a record of the kernel's audit.
func audit(v *[fieldCount]string, f map[string]string) {
	kind := v[fAuditType]
	if kind == "" {
		kind, _, _ = strings.Cut(v[fMessage], " ")
	}
	kind = strings.ToLower(kind)
	put(f, "type", kind)
	f["action"] = strings.ReplaceAll(kind, "_", "-")
	switch kind {
	case "user_login":
		f["action"] = "login"
	case "execve":
		f["action"] = "executed"
		put(f, "command", arguments(v[fMessage]))
	}
	put(f, "serial", v[fAuditSerial])
	put(f, "exe", v[fExe])
	put(f, "account", plain(v[fAuditAccount]))
	put(f, "address", known(v[fAuditAddress]))
	put(f, "remote_host", known(v[fAuditHost]))
	put(f, "tty", known(v[fAuditTerminal]))
	put(f, "op", plain(v[fAuditOperation]))
	put(f, "command", plain(v[fAuditCommand]))
	put(f, "key", known(plain(v[fAuditKey])))
	switch plain(v[fAuditResult]) {
	case "success", "yes", "1":
		f["outcome"] = "success"
	case "failed", "no", "0":
		f["outcome"] = "failure"
	}
}

// plain takes the quotes away.
func plain(s string) string { return strings.Trim(s, `"`) }

// known leaves out what audit writes for nothing.
func known(s string) string {
	if s = plain(s); s == "?" || s == "(null)" {
		return ""
	}
	return s
}

// arguments reads those of an EXECVE record: a0="ls" a1=2D6C.
func arguments(message string) string {
	var list []string
	for _, word := range strings.Fields(message) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || len(name) < 2 || name[0] != 'a' || strings.Trim(name[1:], "0123456789") != "" {
			continue
		}
		if b, err := hex.DecodeString(value); err == nil {
			value = string(b)
		}
		list = append(list, plain(value))
	}
	return strings.Join(list, " ")
}
