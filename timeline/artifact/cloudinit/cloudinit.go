// Package cloudinit reads what cloud-init was told to do when the server was
// made, and does at each boot.
package cloudinit

import (
	"context"
	"encoding/base64"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

// Extractor yields what cloud-init runs and sets.
var Extractor = timeline.Extractor{
	Name: "cloud-init",
	Doc: `What cloud-init runs: autostart records for bootcmd, runcmd, scripts in user data and in the directories for each boot, instance and once; and what it sets, as kind effective, name cloud-init, with key and value: the instance's
id and those before it, the data source, the files that it writes, the accounts that it makes, with their rights and keys. Passwords and hashes are masked; the contents of files are left out.

Format: https://cloudinit.readthedocs.io/en/latest/explanation/format.html, https://cloudinit.readthedocs.io/en/latest/reference/modules.html; the directory, https://cloudinit.readthedocs.io/en/latest/reference/faq.html
("What is in /var/lib/cloud").`,
	Paths: []string{
		"/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg", "/var/lib/cloud/instances/*/user-data.txt", "/var/lib/cloud/instances/*/vendor-data.txt", "/var/lib/cloud/instances/*/vendor-data2.txt", "/var/lib/cloud/instances/*/cloud-config.txt",
		"/var/lib/cloud/instances/*/scripts/*", "/var/lib/cloud/instances/*/datasource", "/var/lib/cloud/scripts/per-boot/*", "/var/lib/cloud/scripts/per-instance/*", "/var/lib/cloud/scripts/per-once/*",
		"/var/lib/cloud/scripts/vendor/*", "/var/lib/cloud/seed/*/user-data", "/var/lib/cloud/seed/*/vendor-data", "/var/lib/cloud/seed/*/meta-data", "/var/lib/cloud/data/instance-id", "/var/lib/cloud/data/previous-instance-id", "/var/lib/cloud/data/previous-datasource",
	},
	Run: run,
}

const (
	// maxText is the longest text of a field, in bytes.
	maxText = 4096
	// maxRecords bounds the records of one file.
	maxRecords = 5000
)

type reader struct {
	src   *timeline.Source
	yield func(timeline.Record, error) bool
	count int
	done  bool
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := &reader{src: s, yield: yield}
		dir, base := path.Split(s.Path)
		switch {
		case strings.Contains(dir, "/scripts/"):
			trigger := "boot"
			often := path.Base(dir) // per-boot, per-instance, per-once; scripts
			if often == "scripts" {
				often = "per-instance"
			}
			f := []string{"mechanism", "cloud-init", "trigger", trigger, "event", often, "command", s.Path, "target", s.Path, "account", "root", "enabled", "true"}
			if s.Inode != nil && s.Inode.Mode&0o111 == 0 {
				f = append(f, "enabled", "false", "reason", "not executable")
			}
			r.emit(timeline.KindAutostart, "cloud-init, "+often+": "+s.Path, s.Evidence(0, s.Size, 0), f...)
		case base == "instance-id" || base == "previous-instance-id" || base == "datasource" || base == "previous-datasource":
			for l, err := range timeline.Lines(ctx, s) {
				if err != nil {
					r.bad(err)
					break
				}
				v := strings.TrimSpace(string(l.Text))
				if v == "" {
					continue
				}
				rec := r.record(timeline.KindEffective, "cloud-init: "+base+" "+v, l.Evidence(), "name", "cloud-init", "key", base, "value", v)
				if s.Inode != nil {
					if t := s.Inode.Times.Modified.Std(); !t.IsZero() {
						rec.Stamps = []timeline.Stamp{{What: "changed", When: t, Note: "the last change of the file that says it"}}
					}
				}
				r.send(rec)
				break
			}
		default:
			r.config(ctx)
		}
	}
}

func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

func (r *reader) record(kind, summary string, ev timeline.Evidence, pairs ...string) timeline.Record {
	f := map[string]string{"path": r.src.Path}
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		if len(v) > maxText {
			v = strings.ToValidUTF8(v[:maxText], "")
		}
		if v != "" {
			f[pairs[i]] = v
		}
	}
	if len(summary) > maxText {
		summary = strings.ToValidUTF8(summary[:maxText], "")
	}
	return timeline.Record{Kind: kind, Summary: summary, Fields: f, Evidence: ev}
}

func (r *reader) send(rec timeline.Record) {
	if r.done {
		return
	}
	if r.count++; r.count > maxRecords {
		if r.count == maxRecords+1 {
			r.bad(r.src.Damage(0, r.src.Size, 0, "what follows the first 5000 settings is left out", nil))
		}
		return
	}
	r.done = !r.yield(rec, nil)
}

func (r *reader) emit(kind, summary string, ev timeline.Evidence, pairs ...string) {
	r.send(r.record(kind, summary, ev, pairs...))
}

// told are the settings whose lines are told; those of a prefix with a dot
// only below that.
var told = map[string]bool{
	"hostname": true, "fqdn": true, "disable_root": true, "ssh_pwauth": true, "ssh_deletekeys": true, "users.name": true, "users.sudo": true, "users.groups": true, "users.shell": true, "users.lock_passwd": true, "users.uid": true,
	"users.ssh_import_id": true, "users.ssh_authorized_keys": true, "users.ssh-authorized-keys": true, "ssh_authorized_keys": true, "ssh_import_id": true, "write_files.path": true, "write_files.permissions": true, "write_files.owner": true,
	"packages": true, "datasource_list": true, "system_info.default_user.name": true, "system_info.default_user.sudo": true, "instance-id": true, "local-hostname": true, "phone_home.url": true, "apt.sources": true, "power_state.mode": true,
	"users.passwd": true, "users.hashed_passwd": true, "users.plain_text_passwd": true, "password": true, "chpasswd.list": true, "chpasswd.users.password": true, "chpasswd.users.name": true,
}

// level is a key that is open, with the blanks before it.
type level struct {
	indent int
	key    string
}

// config reads user data: a script, an archive of several parts, or a
// configuration in YAML. Of YAML no more is understood than keys, lists and
// their depth, a line at a time.
func (r *reader) config(ctx context.Context) {
	var open []level
	first := true
	mime, header := false, false
	boundary := ""
	isScript, encoded := false, false
	block := -1 // the indent of the key whose text block is passed over
	// A list within a list is one command in runcmd.
	var list []string
	var listAt timeline.Line
	var from, end int64
	listIndent := -1
	kind, sep := "", " "
	flush := func() {
		if len(list) > 0 {
			r.command(kind, strings.Join(list, sep), r.src.Evidence(from, end-from, listAt.Number))
		}
		list, listIndent, sep = nil, -1, " "
	}
	for l, err := range timeline.Lines(ctx, r.src) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		t := strings.TrimRight(string(l.Text), " \t\r")
		body := strings.TrimLeft(t, " ")
		if first && body != "" {
			first = false
			switch {
			case strings.HasPrefix(t, "#!"):
				r.emit(timeline.KindAutostart, "cloud-init, per-instance: the script "+r.src.Path, r.src.Evidence(0, r.src.Size, 0),
					"mechanism", "cloud-init", "trigger", "boot", "event", "per-instance", "command", r.src.Path, "account", "root", "enabled", "true")
				return
			case strings.HasPrefix(strings.ToLower(t), "content-type: multipart") || strings.HasPrefix(strings.ToLower(t), "mime-version:"):
				mime, header = true, true
			}
		}
		if mime {
			if boundary == "" {
				if _, b, ok := strings.Cut(t, "boundary="); ok {
					boundary = "--" + strings.Trim(strings.Split(b, ";")[0], `"`)
				}
			}
			if boundary != "" && strings.HasPrefix(t, boundary) {
				flush()
				header, isScript, encoded, open, block = true, false, false, nil, -1
				continue
			}
			if header {
				low := strings.ToLower(t)
				switch {
				case t == "":
					header = false
					if isScript {
						r.emit(timeline.KindAutostart, "cloud-init, per-instance: a script within "+r.src.Path, r.src.Evidence(l.Offset, r.src.Size-l.Offset, l.Number),
							"mechanism", "cloud-init", "trigger", "boot", "event", "per-instance", "command", r.src.Path, "account", "root", "enabled", "true")
					}
				case strings.HasPrefix(low, "content-type:"):
					isScript = strings.Contains(low, "text/x-shellscript")
				case strings.HasPrefix(low, "content-transfer-encoding:") && strings.Contains(low, "base64"):
					encoded = true
				}
				continue
			}
			if isScript {
				continue
			}
			if encoded {
				// One line of base64 tells enough to know a configuration from noise; it is not taken apart.
				if _, err := base64.StdEncoding.DecodeString(t); err == nil {
					continue
				}
			}
		}
		if body == "" || body[0] == '#' {
			continue
		}
		indent := len(t) - len(body)
		if block >= 0 {
			if indent > block {
				continue
			}
			block = -1
		}
		items := 0
		for strings.HasPrefix(body, "- ") || body == "-" {
			// The dash stands for its key's depth; what follows it lies deeper.
			rest := strings.TrimLeft(strings.TrimPrefix(body, "-"), " ")
			shift := len(body) - len(rest)
			if items++; items == 1 {
				for len(open) > 0 && (open[len(open)-1].indent > indent || open[len(open)-1].indent == indent && open[len(open)-1].key == "-") {
					open = open[:len(open)-1]
				}
				if listIndent >= 0 && indent <= listIndent {
					flush()
				}
			}
			indent += shift
			body = rest
			if body == "" {
				break
			}
		}
		if items == 0 {
			for len(open) > 0 && open[len(open)-1].indent >= indent {
				open = open[:len(open)-1]
			}
			if listIndent >= 0 && indent <= listIndent {
				flush()
			}
		}
		var names []string
		for _, o := range open {
			names = append(names, o.key)
		}
		at := strings.Join(names, ".")
		if at == "runcmd" || at == "bootcmd" {
			kind = at
			switch {
			case items == 0:
				// A line of a text block.
				if listIndent >= 0 && sep != " " && len(list) < maxRecords {
					list = append(list, body)
					end = l.Offset + int64(len(l.Text))
				}
			case strings.HasPrefix(body, "[") && strings.HasSuffix(body, "]"):
				flush()
				var w []string
				for _, p := range strings.Split(body[1:len(body)-1], ",") {
					w = append(w, plain(p))
				}
				r.command(kind, strings.Join(w, " "), l.Evidence())
			case items > 1: // "- - word"
				flush()
				list, listAt, listIndent = []string{plain(body)}, l, len(t)-len(strings.TrimLeft(t, " "))
				from, end = l.Offset, l.Offset+int64(len(l.Text))
			case listIndent >= 0 && len(list) < maxRecords:
				list = append(list, plain(body))
				end = l.Offset + int64(len(l.Text))
			case strings.HasPrefix(body, "|") || strings.HasPrefix(body, ">"):
				// The block's lines follow, as one command.
				flush()
				listAt, listIndent, sep = l, len(t)-len(strings.TrimLeft(t, " ")), "; "
				from, end = l.Offset, l.Offset+int64(len(l.Text))
			default:
				r.command(kind, plain(body), l.Evidence())
			}
			continue
		}
		key, value, isKey := strings.Cut(body, ":")
		if !isKey || value != "" && value[0] != ' ' || strings.ContainsAny(key, " {[\"'") {
			// A word of a list.
			if items > 0 && told[at] {
				r.tell(at, plain(body), l.Evidence())
			}
			continue
		}
		value = strings.TrimSpace(value)
		if len(open) < 64 {
			open = append(open, level{indent, key})
		}
		name := strings.TrimPrefix(at+"."+key, ".")
		switch {
		case strings.HasPrefix(value, "|") || strings.HasPrefix(value, ">"):
			if block = indent; told[name] {
				r.tell(name, "a text of several lines", l.Evidence())
			}
		case value == "":
		case told[name]:
			r.tell(name, plain(value), l.Evidence())
		case (name == "runcmd" || name == "bootcmd") && strings.HasPrefix(value, "["):
			for _, p := range strings.Split(strings.Trim(value, "[]"), ",") {
				if p = plain(p); p != "" {
					r.command(name, p, l.Evidence())
				}
			}
		}
	}
	flush()
}

func (r *reader) command(kind, command string, ev timeline.Evidence) {
	often := "per-instance"
	if kind == "bootcmd" {
		often = "per-boot"
	}
	target := ""
	if w, _, _ := strings.Cut(command, " "); strings.HasPrefix(w, "/") {
		target = w
	}
	r.emit(timeline.KindAutostart, "cloud-init, "+kind+": "+command, ev, "mechanism", "cloud-init", "trigger", "boot", "event", often, "key", kind, "command", command, "target", target, "account", "root", "enabled", "true")
}

// tell yields a setting; passwords are masked.
func (r *reader) tell(key, value string, ev timeline.Evidence) {
	if strings.Contains(key, "passwd") && !strings.HasSuffix(key, "lock_passwd") || strings.Contains(key, "password") || strings.HasPrefix(key, "chpasswd.list") {
		value = "***"
	}
	r.emit(timeline.KindEffective, "cloud-init: "+key+" "+value, ev, "name", "cloud-init", "key", key, "value", value)
}

// plain takes quotes from around a value.
func plain(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
