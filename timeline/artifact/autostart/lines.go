package autostart

import (
	"path"
	"strings"

	"deadbox/timeline"
)

var hash = []string{"#"}
var hashSemicolon = []string{"#", ";"}

// interfaces tells the commands of ifupdown's interfaces(5).
func interfaces(r *reader) {
	device := ""
	r.lines(hash, func(l line) {
		k, v := word(l.text)
		switch k {
		case "iface":
			device, _ = word(v)
		case "up", "pre-up", "post-up", "down", "pre-down", "post-down":
			r.emit(l, nil, "command", v, "event", k+" "+device)
		}
	})
}

// inittab tells "id:runlevels:action:process".
func inittab(r *reader) {
	r.lines(hash, func(l line) {
		f := strings.SplitN(l.text, ":", 4)
		if len(f) < 4 {
			return
		}
		pairs := []string{"name", f[0], "runlevels", f[1], "event", f[2], "command", strings.TrimLeft(f[3], "+@ \t")}
		switch f[2] {
		case "off":
			pairs = append(pairs, "enabled", "false", "reason", "off")
		case "initdefault":
			return
		case "respawn", "wait", "once", "boot", "bootwait", "sysinit":
		default: // ctrlaltdel, powerfail, ondemand, ...
			pairs = append(pairs, "trigger", "event")
		}
		r.emit(l, nil, pairs...)
	})
}

// inetd tells "service type protocol wait account program arguments".
func inetd(r *reader) {
	r.lines(hash, func(l line) {
		f := strings.Fields(l.text)
		if len(f) < 6 {
			return
		}
		account, _, _ := strings.Cut(f[4], ".")
		account, _, _ = strings.Cut(account, ":")
		command := f[5]
		if len(f) > 7 {
			command += " " + strings.Join(f[7:], " ")
		}
		// A wrapper's first argument is the program that it starts.
		if path.Base(f[5]) == "tcpd" && len(f) > 6 {
			command = strings.Join(f[6:], " ")
		}
		r.emit(l, nil, "name", f[0], "protocol", f[2], "account", account, "command", command, "event", "connection to "+f[0]+"/"+f[2])
	})
}

// xinetd tells the services of xinetd.conf(5).
func xinetd(r *reader) {
	values, name := map[string]string{}, ""
	var from line
	r.lines(hash, func(l line) {
		k, v := word(l.text)
		switch {
		case k == "service":
			name, _ = word(strings.TrimSuffix(v, "{"))
			values, from = map[string]string{}, l
		case k == "defaults":
			name = ""
		case strings.HasPrefix(k, "}") && name != "":
			from.size = l.off + l.size - from.off
			pairs := []string{"name", name, "account", values["user"], "command", strings.TrimSpace(values["server"] + " " + values["server_args"]), "target", values["server"],
				"protocol", values["protocol"], "port", values["port"], "event", "connection to " + name}
			switch {
			case values["disable"] == "yes":
				pairs = append(pairs, "enabled", "false", "reason", "disable = yes")
			case values["redirect"] != "":
				pairs = append(pairs, "redirect", values["redirect"])
			}
			if values["server"] != "" || values["redirect"] != "" {
				r.emit(from, nil, pairs...)
			}
			name = ""
		case name != "" && len(values) < 100:
			k, v, _ := strings.Cut(l.text, "=")
			values[strings.TrimRight(k, " \t+-")] = strings.TrimSpace(v)
		}
	})
}

// section is one section of a file of "key = value" lines.
type section struct {
	name   string
	values map[string]string
	at     line // of its heading
	lines  map[string]line
}

// sections reads a file of "[name]" and "key = value". Keys are as they are
// written; the last of a key counts.
func (r *reader) sections(comments []string, fn func(s *section)) {
	var cur *section
	n := 0
	r.lines(comments, func(l line) {
		if l.text[0] == '[' {
			if cur != nil {
				fn(cur)
			}
			name := l.text[1:]
			if i := strings.LastIndexByte(name, ']'); i >= 0 {
				name = name[:i]
			}
			cur, n = &section{name, map[string]string{}, l, map[string]line{}}, 0
			return
		}
		if cur == nil {
			cur = &section{"", map[string]string{}, l, map[string]line{}}
		}
		k, v, ok := strings.Cut(l.text, "=")
		if n++; ok && n < 1000 {
			k = strings.TrimSpace(k)
			cur.values[k], cur.lines[k] = strings.TrimSpace(v), l
		}
	})
	if cur != nil && !r.done {
		fn(cur)
	}
}

func truth(v string) bool {
	switch strings.ToLower(v) {
	case "1", "yes", "true", "on":
		return true
	}
	return false
}

func supervisor(r *reader) {
	r.sections(hashSemicolon, func(s *section) {
		kind, name, ok := strings.Cut(s.name, ":")
		if !ok || kind != "program" && kind != "eventlistener" && kind != "fcgi-program" || s.values["command"] == "" {
			return
		}
		command, _, _ := strings.Cut(s.values["command"], " ;")
		pairs := []string{"name", name, "command", command, "account", s.values["user"]}
		if v := s.values["autostart"]; v != "" && !truth(v) {
			pairs = append(pairs, "enabled", "false", "reason", "autostart="+v)
		}
		r.emit(s.lines["command"], nil, pairs...)
	})
}

// wrapper tells the commands that TCP wrappers run (hosts_options(5)):
// "daemons : clients : spawn command".
func wrapper(r *reader) {
	r.lines(hash, func(l line) {
		parts := strings.Split(strings.ReplaceAll(l.text, `\:`, "\x00"), ":")
		for i, p := range parts {
			if i < 2 {
				continue
			}
			p = strings.ReplaceAll(strings.TrimSpace(p), "\x00", ":")
			if k, v := word(p); k == "spawn" || k == "twist" || k == "aclexec" {
				r.emit(l, nil, "key", k, "command", strings.Trim(v, "()& "), "event", "connection to "+strings.TrimSpace(parts[0])+" from "+strings.TrimSpace(parts[1]))
			}
		}
	})
}

// sysctl tells the settings of the kernel that name programs it starts.
func sysctl(r *reader) {
	r.lines(hashSemicolon, func(l line) {
		k, v, ok := strings.Cut(l.text, "=")
		k, v = strings.ReplaceAll(strings.TrimLeft(strings.TrimSpace(k), "-"), "/", "."), strings.TrimSpace(v)
		switch {
		case !ok || v == "":
		case k == "kernel.core_pattern":
			if c, pipe := strings.CutPrefix(v, "|"); pipe {
				r.emit(l, nil, "key", k, "command", c, "event", "a program crashes")
			}
		case k == "kernel.modprobe":
			r.emit(l, nil, "key", k, "command", v, "event", "the kernel wants a module")
		case k == "kernel.hotplug":
			r.emit(l, nil, "key", k, "command", v, "event", "a device appears")
		case k == "kernel.poweroff_cmd":
			r.emit(l, nil, "key", k, "command", v, "event", "the kernel powers off")
		}
	})
}

// preload tells the libraries that each program is started with (ld.so(8)).
func preload(r *reader) {
	r.lines(nil, func(l line) {
		text, _, _ := strings.Cut(l.text, "#")
		for _, lib := range strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' || c == ':' }) {
			r.emit(l, nil, "target", lib, "event", "any program starts")
		}
	})
}

// ldConf tells the directories in which libraries are looked for.
func ldConf(r *reader) {
	r.lines(hash, func(l line) {
		if k, _ := word(l.text); k == "include" || k == "hwcap" {
			return
		}
		for _, dir := range strings.FieldsFunc(l.text, func(c rune) bool { return c == ' ' || c == '\t' || c == ':' || c == ',' }) {
			dir, _, _ = strings.Cut(dir, "=")
			r.emit(l, nil, "target", dir, "event", "a library is looked for")
		}
	})
}

// environment tells variables that have programs load or run something.
func environment(r *reader) {
	r.lines(hash, func(l line) {
		k, v, ok := strings.Cut(strings.TrimPrefix(l.text, "export "), "=")
		if !ok {
			k, v = word(l.text)
			v = strings.TrimPrefix(strings.TrimPrefix(v, "DEFAULT="), "OVERRIDE=")
		}
		v = strings.Trim(v, ` "'`)
		switch k = strings.TrimSpace(k); k {
		case "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PROMPT_COMMAND", "PYTHONSTARTUP", "PYTHONPATH", "PERL5OPT", "PERL5LIB", "NODE_OPTIONS", "RUBYOPT", "GIT_SSH_COMMAND", "LESSOPEN":
			if v != "" {
				target := ""
				if strings.HasPrefix(v, "/") {
					target = v
				}
				r.emit(l, nil, "name", k, "command", k+"="+v, "target", target)
			}
		}
	})
}

// udev tells the programs that rules run (udev(7)).
func udev(r *reader) {
	r.lines(hash, func(l line) {
		if !strings.Contains(l.text, "RUN") && !strings.Contains(l.text, "PROGRAM") && !strings.Contains(l.text, "IMPORT{program}") {
			return
		}
		var match []string
		type run struct{ key, value string }
		var runs []run
		for rest := l.text; rest != "" && len(runs) < 100; {
			rest = strings.TrimLeft(rest, ", \t")
			i := strings.IndexByte(rest, '"')
			if i < 0 {
				break
			}
			key := strings.TrimSpace(rest[:i])
			value := rest[i+1:]
			end := 0
			for end < len(value) && value[end] != '"' {
				if value[end] == '\\' && end+1 < len(value) {
					end++
				}
				end++
			}
			if end >= len(value) {
				break
			}
			value, rest = value[:end], value[end+1:]
			name := strings.TrimRight(key, "=!+-:e")
			switch {
			case strings.HasSuffix(key, "==") || strings.HasSuffix(key, "!="):
				match = append(match, key+`"`+value+`"`)
			case name == "RUN" || name == "RUN{program}" || name == "IMPORT{program}":
				runs = append(runs, run{name, value})
			}
			if name == "PROGRAM" {
				runs = append(runs, run{name, value})
			}
		}
		for _, p := range runs {
			// A name without a slash lies in udev's own directory.
			target := program(p.value)
			if w, _ := word(p.value); target == "" && w != "" && !strings.ContainsAny(w, "/$%") {
				target = "/usr/lib/udev/" + w
			}
			r.emit(l, nil, "key", p.key, "command", p.value, "target", target, "event", strings.Join(match, ", "))
		}
	})
}

func modules(r *reader) {
	if strings.HasSuffix(r.src.Path, ".modules") {
		runnable(r)
		return
	}
	pairs := []string{}
	// A file of the same name in /etc takes the place of the packages' own.
	if base := path.Base(r.src.Path); !strings.HasPrefix(r.src.Path, "/etc/") && len(r.src.Files("/etc/modules-load.d/"+timeline.Literal(base))) > 0 {
		pairs = append(pairs, "enabled", "false", "reason", "/etc/modules-load.d/"+base+" takes its place")
	}
	r.lines(hashSemicolon, func(l line) {
		name, args := word(l.text)
		command := strings.TrimSpace("modprobe " + name + " " + args)
		r.emit(l, nil, append([]string{"name", name, "command", command}, pairs...)...)
	})
}

func modprobe(r *reader) {
	r.lines(hash, func(l line) {
		k, v := word(l.text)
		if k != "install" && k != "remove" {
			return
		}
		name, command := word(v)
		if command != "" {
			r.emit(l, nil, "name", name, "command", command, "event", k+" of the module "+name)
		}
	})
}

// binfmt tells ":name:type:offset:magic:mask:interpreter:flags" (binfmt.d(5)).
func binfmt(r *reader) {
	r.lines(hashSemicolon, func(l line) {
		f := strings.Split(l.text[1:], l.text[:1])
		if len(f) < 6 {
			return
		}
		r.emit(l, nil, "name", f[0], "target", f[5], "command", f[5], "event", "a program of the format "+f[0]+" starts")
	})
}

func dpkg(r *reader) {
	r.lines(hash, func(l line) {
		k, v, ok := strings.Cut(strings.TrimPrefix(l.text, "--"), "=")
		if !ok {
			k, v = word(l.text)
		}
		switch k = strings.TrimSpace(k); k {
		case "pre-invoke", "post-invoke", "status-logger":
			r.emit(l, nil, "key", k, "command", strings.Trim(strings.TrimSpace(v), `"'`))
		}
	})
}

func yumPlugin(r *reader) {
	name := strings.TrimSuffix(path.Base(r.src.Path), ".conf")
	r.sections(hashSemicolon, func(s *section) {
		if s.name != "main" {
			return
		}
		v, ok := s.values["enabled"]
		at := s.at
		if ok {
			at = s.lines["enabled"]
		}
		if truth(v) {
			r.emit(at, nil, "name", name)
		} else {
			r.emit(at, nil, "name", name, "enabled", "false", "reason", "enabled="+v)
		}
	})
}

// dnfAction tells "packages:state:command" of the plugin post-transaction-actions,
// and "callback:packages:direction:options:command" of libdnf5's actions.
func dnfAction(r *reader) {
	n := 3
	if strings.HasSuffix(r.src.Path, ".actions") {
		n = 5
	}
	r.lines(hash, func(l line) {
		f := strings.SplitN(l.text, ":", n)
		if len(f) == n {
			r.emit(l, nil, "command", f[n-1], "event", strings.Join(f[:n-1], ":"))
		}
	})
}

func dbus(r *reader) {
	r.sections(hash, func(s *section) {
		if s.name != "D-BUS Service" || s.values["Exec"] == "" {
			return
		}
		pairs := []string{"name", s.values["Name"], "command", s.values["Exec"], "unit", s.values["SystemdService"], "event", "a message to " + s.values["Name"]}
		if strings.Contains(r.src.Path, "/system-services/") {
			pairs = append(pairs, "account", s.values["User"])
		}
		if s.values["Exec"] == "/bin/false" && s.values["SystemdService"] != "" {
			pairs = append(pairs, "target", s.values["SystemdService"])
		}
		r.emit(s.lines["Exec"], nil, pairs...)
	})
}

// polkit tells a file of rules, which polkitd runs for each question, and the
// programs that the rules start.
func polkit(r *reader) {
	r.emit(r.whole(), nil, "target", r.src.Path, "account", "polkitd", "event", "polkit is asked")
	r.lines([]string{"//"}, func(l line) {
		if i := strings.Index(l.text, "polkit.spawn("); i >= 0 {
			arg := strings.Trim(l.text[i+len("polkit.spawn("):], "[]();{} ")
			command := strings.NewReplacer(`"`, "", `'`, "", ",", " ").Replace(arg)
			r.emit(l, nil, "command", strings.Join(strings.Fields(command), " "), "account", "polkitd", "event", "polkit is asked")
		}
	})
}

// pkla tells what an older polkit's local authority allows.
func pkla(r *reader) {
	r.sections(hash, func(s *section) {
		if r.done || s.values["Action"] == "" {
			return
		}
		f := map[string]string{"name": "polkit-authority", "title": s.name, "path": r.src.Path, "account": strings.ReplaceAll(s.values["Identity"], "unix-user:", ""), "action": s.values["Action"]}
		for _, k := range []string{"ResultAny", "ResultInactive", "ResultActive"} {
			if v := s.values[k]; v != "" {
				f["result_"+strings.ToLower(strings.TrimPrefix(k, "Result"))] = v
			}
		}
		r.done = !r.yield(timeline.Record{Kind: timeline.KindEffective, Fields: f, Evidence: r.src.Evidence(s.at.off, s.at.size, s.at.number),
			Summary: "polkit: " + f["account"] + " may " + f["action"] + ": any " + f["result_any"] + ", active " + f["result_active"]}, nil)
	})
}

// desktop tells a program of a desktop's session.
func desktop(r *reader) {
	r.sections(hash, func(s *section) {
		if s.name != "Desktop Entry" || s.values["Exec"] == "" {
			return
		}
		pairs := []string{"name", s.values["Name"], "command", s.values["Exec"]}
		base := path.Base(r.src.Path)
		switch {
		case truth(s.values["Hidden"]):
			pairs = append(pairs, "enabled", "false", "reason", "Hidden=true")
		case strings.EqualFold(s.values["X-GNOME-Autostart-enabled"], "false"):
			pairs = append(pairs, "enabled", "false", "reason", "X-GNOME-Autostart-enabled=false")
		case strings.HasPrefix(r.src.Path, "/usr/share/") && len(r.src.Files("/etc/xdg/autostart/"+timeline.Literal(base))) > 0:
			pairs = append(pairs, "enabled", "false", "reason", "/etc/xdg/autostart/"+base+" takes its place")
		}
		r.emit(s.lines["Exec"], nil, append(pairs, "event", s.values["OnlyShowIn"])...)
	})
}

// gitConfig tells the settings by which git runs programs, and the hooks of
// the repository that the file belongs to.
func gitConfig(r *reader) {
	head := ""
	hooks := ""
	r.lines(hashSemicolon, func(l line) {
		text := l.text
		if text[0] == '[' {
			name, rest, _ := strings.Cut(text[1:], "]")
			head = strings.ToLower(strings.TrimSpace(name))
			if text = strings.TrimSpace(rest); text == "" {
				return
			}
		}
		k, v, _ := strings.Cut(text, "=")
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		if n := len(v); n > 1 && v[0] == '"' && v[n-1] == '"' {
			v = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : n-1])
		}
		area, _ := word(head)
		key := strings.ReplaceAll(head, " ", ".") + "." + k
		tell := false
		switch {
		case v == "":
		case area == "core":
			switch k {
			case "fsmonitor":
				tell = !truth(v) && !strings.EqualFold(v, "false")
			case "sshcommand", "editor", "pager", "gitproxy", "askpass", "alternaterefscommand":
				tell = true
			case "hookspath":
				hooks = v
				r.emit(l, nil, "key", key, "target", v, "event", "git runs a hook")
			}
		case area == "alias" || area == "credential":
			if v, tell = strings.CutPrefix(v, "!"); area == "credential" && k != "helper" {
				tell = false
			}
		case area == "filter":
			tell = k == "clean" || k == "smudge" || k == "process"
		case area == "diff" || area == "merge" || area == "difftool" || area == "mergetool":
			tell = k == "external" || k == "command" || k == "driver" || k == "textconv" || k == "cmd"
		case area == "uploadpack" || area == "gpg":
			tell = k == "packobjectshook" || k == "program"
		case area == "sequence" || area == "pager":
			tell = k == "editor" || area == "pager" && strings.ContainsAny(v, "/ ")
		}
		if tell {
			r.emit(l, nil, "key", key, "command", strings.TrimSpace(v), "event", "git runs")
		}
	})
	if !strings.HasSuffix(r.src.Path, "/.git/config") || r.done {
		return
	}
	dir := strings.TrimSuffix(r.src.Path, "/config") + "/hooks"
	for _, p := range r.src.Files(timeline.Literal(dir) + "/*") {
		base := path.Base(p)
		if strings.HasSuffix(base, ".sample") || base[0] == '.' {
			continue
		}
		f := r.src.Open(p)
		if f == nil {
			continue
		}
		h := reader{ctx: r.ctx, src: f, class: &class{mechanism: "git-hook", trigger: "event"}, yield: r.yield, count: r.count}
		pairs := []string{"command", p, "target", p, "name", base, "event", "git " + base}
		switch {
		case !executable(f):
			pairs = append(pairs, "enabled", "false", "reason", "not executable")
		case hooks != "":
			pairs = append(pairs, "enabled", "false", "reason", "core.hooksPath names another directory")
		}
		h.emit(h.whole(), nil, pairs...)
		if r.count, r.done = h.count, h.done; r.done {
			return
		}
	}
}

// logrotate tells the scripts within a configuration of logrotate(8).
func logrotate(r *reader) {
	var logs, name string
	var body []string
	var from line
	r.lines(hash, func(l line) {
		k, _ := word(l.text)
		switch {
		case name == "" && strings.HasSuffix(l.text, "{"):
			logs = strings.TrimSpace(strings.TrimSuffix(l.text, "{"))
		case name == "":
			switch k {
			case "prerotate", "postrotate", "firstaction", "lastaction", "preremove":
				name, body, from = k, nil, l
			default:
				if strings.HasPrefix(l.text, "/") || strings.HasPrefix(l.text, `"/`) {
					logs = l.text
				}
			}
		case k == "endscript":
			from.size = l.off + l.size - from.off
			r.emit(from, nil, "key", name, "command", strings.Join(body, "; "), "event", name+" of "+logs)
			name = ""
		default:
			if len(body) < 200 {
				body = append(body, l.text)
			}
		}
	})
}

// aliases tells the programs to which mail goes (aliases(5)).
func aliases(r *reader) {
	r.lines(hash, func(l line) {
		name, value, ok := strings.Cut(l.text, ":")
		if !ok {
			return
		}
		for _, part := range splitList(value) {
			if c, ok := strings.CutPrefix(part, "|"); ok {
				r.emit(l, nil, "name", strings.Trim(name, ` "`), "command", strings.Trim(c, ` "`), "event", "mail to "+strings.Trim(name, ` "`))
			}
		}
	})
}

// splitList cuts a list at commas outside of quotes, and takes quotes around
// the parts away.
func splitList(s string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '"' {
			quoted = !quoted
		}
		if i == len(s) || s[i] == ',' && !quoted {
			p := strings.TrimSpace(s[start:i])
			if n := len(p); n > 1 && p[0] == '"' && p[n-1] == '"' {
				p = strings.TrimSpace(p[1 : n-1])
			}
			if p != "" {
				out = append(out, p)
			}
			start = i + 1
		}
	}
	return out
}

// forward tells the programs to which an account's mail goes: of ~/.forward,
// of qmail's ~/.qmail, of procmail's recipes.
func forward(r *reader) {
	r.lines(hash, func(l line) {
		for _, part := range splitList(l.text) {
			if c, ok := strings.CutPrefix(part, "|"); ok {
				r.emit(l, nil, "command", strings.Trim(c, ` "`), "event", "mail")
			}
		}
	})
}

// incron tells "path mask command" (incrontab(5)).
func incron(r *reader) {
	account := ""
	if strings.HasPrefix(r.src.Path, "/var/spool/incron/") {
		account = path.Base(r.src.Path)
	} else {
		account = "root"
	}
	r.lines(hash, func(l line) {
		watched, rest := word(l.text)
		mask, command := word(rest)
		if command != "" {
			r.emit(l, nil, "account", account, "command", command, "event", mask+" of "+watched)
		}
	})
}

func acpi(r *reader) {
	event := ""
	r.lines(hash, func(l line) {
		k, v, _ := strings.Cut(l.text, "=")
		switch strings.TrimSpace(k) {
		case "event":
			event = strings.TrimSpace(v)
		case "action":
			r.emit(l, nil, "command", strings.TrimSpace(v), "event", event)
		}
	})
}

func auditPlugin(r *reader) {
	r.sections(hash, func(s *section) {
		if s.values["path"] == "" || strings.HasPrefix(s.values["path"], "builtin_") {
			return
		}
		pairs := []string{"name", strings.TrimSuffix(path.Base(r.src.Path), ".conf"), "command", strings.TrimSpace(s.values["path"] + " " + s.values["args"]), "target", s.values["path"]}
		if !truth(s.values["active"]) {
			pairs = append(pairs, "enabled", "false", "reason", "active = "+s.values["active"])
		}
		r.emit(s.lines["path"], nil, pairs...)
	})
}

// php tells the scripts and libraries that PHP loads with every page.
func php(r *reader) {
	r.lines(hashSemicolon, func(l line) {
		k, v, ok := strings.Cut(l.text, "=")
		if !ok {
			return
		}
		k = strings.TrimSpace(k)
		if i := strings.IndexByte(k, '['); i > 0 { // php_admin_value[auto_prepend_file]
			k = strings.TrimSuffix(k[i+1:], "]")
		}
		if i := strings.Index(v, " ;"); i >= 0 {
			v = v[:i]
		}
		if v = strings.Trim(v, ` "'`); v == "" || v == "none" {
			return
		}
		switch k {
		case "auto_prepend_file", "auto_append_file":
			r.emit(l, nil, "key", k, "target", v, "event", "PHP serves a page")
		}
	})
}

// pth tells lines that Python runs when it starts: those that begin with
// import (site.py, addpackage).
func pth(r *reader) {
	r.lines(hash, func(l line) {
		if strings.HasPrefix(l.text, "import ") || strings.HasPrefix(l.text, "import\t") {
			r.emit(l, nil, "command", l.text, "event", "Python starts")
		}
	})
}
