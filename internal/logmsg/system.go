package logmsg

import (
	"encoding/json"
	"strings"
)

// system reads the messages of the programs that run a machine, and of those that
// let people in besides sshd and login.
func system(program, text string, f fields) (action string, auth bool) {
	if name, _, ok := strings.Cut(program, "("); ok {
		program = name // "polkitd(authority=local)"
	}
	switch program {
	case "systemd", "init":
		return systemd(text, f), false
	case "shutdown":
		if strings.Contains(text, "shutting down for system reboot") {
			return "reboot", false
		}
		if strings.HasPrefix(text, "shutting down") {
			return "shutdown", false
		}
	case "polkitd", "polkit":
		return polkit(text, f), true
	case "accounts-daemon":
		return accountsDaemon(text, f), true
	case "xrdp-sesman", "xrdp":
		return xrdp(text, f), true
	case "cockpit-ws", "cockpit-session", "cockpit-tls":
		if who, ok := strings.CutPrefix(text, "New connection to session from "); ok {
			put(f, "address", PlainAddress(who))
			return "connection", true
		}
	case "dhclient", "NetworkManager", "networkmanager", "systemd-networkd", "dhcpcd", "udhcpc", "avahi-daemon":
		return lease(text, f), false
	case "chronyd", "ntpd", "ntpdate", "systemd-timesyncd", "systemd-timedated", "systemd-hostnamed":
		return clockAndName(text, f), false
	}
	return "", false
}

// inside gives what stands in s behind a and before b.
func inside(s, a, b string) (string, bool) {
	_, s, ok := strings.Cut(s, a)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, b)
	return s, ok
}

// systemd reads what came of units (src/core/job.c, unit.c, service.c, manager.c of
// https://github.com/systemd/systemd), and the remarks of SysV's init.
func systemd(text string, f fields) string {
	unit := func(rest string) {
		rest = strings.TrimSuffix(strings.TrimSuffix(rest, "."), "...")
		// Since 249: "Started ssh.service - OpenBSD Secure Shell server."
		if name, what, ok := strings.Cut(rest, " - "); ok && isUnit(name) {
			f["unit"] = name
			rest = what
		} else if isUnit(rest) {
			f["unit"] = rest
			return
		}
		put(f, "description", rest)
	}
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "Started", "Finished":
		unit(rest)
		what := f["description"]
		if session, ok := strings.CutPrefix(what, "Session "); ok {
			session, who, ok := strings.Cut(session, " of ")
			if _, account, found := strings.Cut(who, " "); ok && found {
				f["session"], f["account"] = session, account
				return "session-started"
			}
		}
		return "service-started"
	case "Stopped":
		unit(rest)
		return "service-stopped"
	case "Failed":
		if what, ok := strings.CutPrefix(rest, "to start "); ok {
			unit(what)
			return "service-failed"
		}
	case "Reloading.", "Reloading":
		if verb == "Reloading." || strings.HasPrefix(rest, "requested from client") || strings.HasPrefix(rest, "finished") {
			if verb == "Reloading" && strings.HasPrefix(rest, "finished") {
				return ""
			}
			if by, ok := inside(rest, "('", "')"); ok {
				f["by"] = by
			}
			return "daemon-reload"
		}
	case "Switching":
		if level, ok := strings.CutPrefix(rest, "to runlevel: "); ok {
			f["runlevel"] = level
			switch level {
			case "0":
				return "shutdown"
			case "6":
				return "reboot"
			}
			return "runlevel"
		}
	case "Shutting":
		if rest == "down." {
			return "shutdown"
		}
	case "Hostname", "Set":
		if name, ok := inside(text, "ostname set to <", ">"); ok {
			f["name"] = name
			return "hostname-set"
		}
		if name, ok := inside(text, "ostname to <", ">"); ok {
			f["name"] = name
			return "hostname-set"
		}
	case "Time":
		if strings.HasPrefix(rest, "has been changed") {
			return "clock-changed"
		}
	}
	name, what, ok := strings.Cut(text, ": ")
	if !ok || !isUnit(name) {
		return ""
	}
	switch {
	case strings.HasPrefix(what, "Main process exited, "), strings.HasPrefix(what, "Failed with result "), strings.HasPrefix(what, "Unit entered failed state"):
		f["unit"] = name
		f["reason"] = what
		return "service-failed"
	case strings.HasPrefix(what, "Failed to execute "), strings.HasPrefix(what, "Failed at step "):
		f["unit"], f["reason"] = name, what
		return "service-failed"
	}
	return ""
}

func isUnit(s string) bool {
	if s == "" || strings.ContainsAny(s, " \t") {
		return false
	}
	switch s[strings.LastIndexByte(s, '.')+1:] {
	case "service", "socket", "timer", "mount", "automount", "swap", "target", "path", "slice", "scope", "device":
		return strings.Contains(s, ".")
	}
	return false
}

// polkit reads src/polkitbackend/polkitbackendinteractiveauthority.c of https://github.com/polkit-org/polkit:
// "Operator of unix-session:1 successfully authenticated as unix-user:root to gain TEMPORARY authorization for action
// org.x for unix-process:12:34 [sh] (owned by unix-user:alice)".
func polkit(text string, f fields) string {
	if !strings.HasPrefix(text, "Operator of unix-session:") {
		return ""
	}
	if by, ok := inside(text, "(owned by unix-user:", ")"); ok {
		f["account"] = by
	}
	if id, ok := inside(text, " for action ", " "); ok {
		f["op"] = id
	}
	if command, ok := inside(text, " [", "] (owned by"); ok {
		f["command"] = command
	}
	f["session"], _ = inside(text, "unix-session:", " ")
	if as, ok := inside(text, " successfully authenticated as unix-user:", " "); ok {
		f["target"] = as
		return "polkit-accepted"
	}
	if strings.Contains(text, " FAILED to authenticate ") {
		return "polkit-failed"
	}
	return ""
}

// accountsDaemon reads "request by system-bus-name::1.2 [cmd pid:3 uid:0]: create user 'x'".
func accountsDaemon(text string, f fields) string {
	by, what, ok := strings.Cut(text, "]: ")
	if !ok || !strings.HasPrefix(by, "request by ") {
		return ""
	}
	uid, _ := inside(by+"]", " uid:", "]")
	put(f, "by_uid", uid)
	name, _ := inside(what, "'", "'")
	switch {
	case strings.HasPrefix(what, "create user "):
		f["account"] = name
		return "useradd"
	case strings.HasPrefix(what, "delete user "):
		put(f, "account", name)
		return "userdel"
	case strings.HasPrefix(what, "set password "), strings.HasPrefix(what, "change password "):
		put(f, "account", name)
		return "passwd-changed"
	case strings.HasPrefix(what, "change "):
		put(f, "account", name)
		f["change"] = what
		return "usermod"
	}
	return ""
}

// xrdp reads sesman/sesman.c, sesman/session_list.c and sesman/scp_process.c of https://github.com/neutrinolabs/xrdp.
func xrdp(text string, f fields) string {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "] ")
	}
	switch {
	case strings.HasPrefix(text, "AUTHFAIL: "):
		for _, w := range strings.Fields(text) {
			if user, ok := strings.CutPrefix(w, "user="); ok {
				put(f, "account", user)
			}
			if ip, ok := strings.CutPrefix(w, "ip="); ok {
				put(f, "address", PlainAddress(ip))
			}
		}
		return "login-failed"
	case strings.HasPrefix(text, "++ created session (access granted): username "), strings.HasPrefix(text, "++ reconnected session: username "):
		account, rest, _ := strings.Cut(text[strings.Index(text, "username ")+len("username "):], ",")
		f["account"] = account
		if ip, ok := strings.CutPrefix(strings.TrimSpace(rest), "ip "); ok {
			ip, _, _ = strings.Cut(ip, " ")
			address, port := addressPort(ip)
			put(f, "address", address)
			put(f, "port", port)
		}
		return "login-accepted"
	case strings.HasPrefix(text, "++ terminated session:  username "), strings.HasPrefix(text, "++ terminated session: username "):
		account, _, _ := strings.Cut(text[strings.Index(text, "username ")+len("username "):], ",")
		f["account"] = account
		return "session-closed"
	case strings.Contains(text, "connection received from "):
		where := text[strings.Index(text, "connection received from ")+len("connection received from "):]
		address, rest, _ := strings.Cut(where, " ")
		put(f, "address", PlainAddress(address))
		if port, ok := strings.CutPrefix(rest, "port "); ok && isNumber(port) {
			f["port"] = port
		}
		return "connection"
	}
	return ""
}

// lease finds the address that the machine got.
func lease(text string, f fields) string {
	for _, sep := range [...]string{"bound to ", " leased ", "state changed new lease, address=", "state changed bound -> bound, address=", "DHCPv4 address ", "DHCPv6 address ", "lease of ", "Registering new address record for "} {
		i := strings.Index(text, sep)
		if i < 0 {
			continue
		}
		address, _, _ := strings.Cut(text[i+len(sep):], " ")
		address, _, _ = strings.Cut(strings.TrimRight(address, ",."), "/")
		if !looksLikeAddress(address) {
			continue
		}
		f["local_address"] = address
		if device, ok := inside(text, " (", ")"); ok && strings.Contains(text[:i], "dhcp") {
			f["device"] = device
		} else if name, _, ok := strings.Cut(text, ": "); ok && !strings.ContainsAny(name, " <") {
			f["device"] = name
		}
		return "lease"
	}
	return ""
}

// clockAndName reads who set the clock, the zone and the name of the machine.
func clockAndName(text string, f fields) string {
	switch {
	case strings.HasPrefix(text, "System clock was stepped by "), strings.HasPrefix(text, "System clock wrong by "):
		_, by, _ := strings.Cut(text, " by ")
		f["seconds"], _, _ = strings.Cut(by, " ")
		return "clock-changed"
	case strings.HasPrefix(text, "step time server "), strings.HasPrefix(text, "time reset "), strings.HasPrefix(text, "Changed local time to "):
		return "clock-changed"
	case strings.HasPrefix(text, "Changed time zone to "):
		f["name"], _ = inside(text, "'", "'")
		return "timezone-changed"
	case strings.HasPrefix(text, "Changed host name to "), strings.HasPrefix(text, "Changed static host name to "), strings.HasPrefix(text, "Hostname set to "):
		name, ok := inside(text, "'", "'")
		if !ok {
			name, _ = inside(text, "<", ">")
		}
		put(f, "name", name)
		return "hostname-set"
	}
	return ""
}

// kernel reads the messages of the kernel that matter: boots, crashes, modules that
// taint it, interfaces that listen to all, devices that came, memory that ran out.
func kernel(text string, f fields) string {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "] ")
	}
	set := func(action string, pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			put(f, pairs[i], pairs[i+1])
		}
		return action
	}
	switch {
	case strings.HasPrefix(text, "Linux version "):
		return "boot"
	case strings.HasPrefix(text, "Command line: "), strings.HasPrefix(text, "Kernel command line: "):
		_, line, _ := strings.Cut(text, ": ")
		return set("boot-command-line", "command", line)
	case strings.HasPrefix(text, "audit: "), strings.HasPrefix(text, "audit("):
		return audit(text, f)
	case strings.HasPrefix(text, "Kernel panic - "):
		return "panic"
	case strings.HasPrefix(text, "BUG: "), strings.HasPrefix(text, "Oops: "), strings.HasPrefix(text, "Internal error: "):
		return "kernel-bug"
	case strings.HasPrefix(text, "Lockdown: "):
		return set("lockdown", "reason", text[len("Lockdown: "):])
	case strings.HasPrefix(text, "PM: suspend entry"):
		return "suspended"
	case strings.HasPrefix(text, "PM: suspend exit"):
		return "resumed"
	}
	if name, rest, ok := strings.Cut(text, ": "); ok {
		switch {
		case strings.HasSuffix(rest, " taints kernel."), strings.HasSuffix(rest, "tainting kernel"), strings.HasPrefix(rest, "loading out-of-tree module"),
			strings.HasPrefix(rest, "module verification failed"), strings.HasPrefix(rest, "module license "):
			return set("module-tainted", "name", name, "reason", rest)
		case strings.HasPrefix(rest, "segfault at "):
			lib := ""
			if _, at, ok := strings.Cut(rest, " in "); ok {
				lib, _, _ = strings.Cut(at, "[")
			}
			process(name, f)
			return set("crashed", "reason", "segfault", "library", strings.TrimSpace(lib))
		case name == "traps":
			what, trap, _ := strings.Cut(rest, " ")
			trap = strings.TrimPrefix(trap, "trap ")
			trap, _, _ = strings.Cut(trap, " ip")
			process(what, f)
			return set("crashed", "reason", trap)
		case rest == "entered promiscuous mode" && !strings.Contains(name, " "):
			return set("promiscuous-on", "device", name)
		case rest == "left promiscuous mode" && !strings.Contains(name, " "):
			return set("promiscuous-off", "device", name)
		case strings.HasPrefix(name, "usb "):
			return usb(strings.TrimPrefix(name, "usb "), rest, f)
		case strings.Contains(name, "ut of memory") && (strings.HasPrefix(rest, "Kill") || strings.HasPrefix(rest, "Killed")):
			if _, rest, ok = strings.Cut(rest, "process "); ok {
				pid, who, _ := strings.Cut(rest, " ")
				victim, _ := inside(who, "(", ")")
				return set("oom-killed", "target_pid", strings.Trim(pid, ","), "target", victim)
			}
		case strings.HasPrefix(rest, "Possible SYN flooding on port "):
			port, _, _ := strings.Cut(rest[len("Possible SYN flooding on port "):], ".")
			return set("syn-flood", "port", port[strings.LastIndexByte(port, ':')+1:])
		case strings.HasPrefix(name, "EXT4-fs error"), strings.HasPrefix(name, "XFS") && strings.Contains(rest, "orruption"), strings.HasPrefix(name, "EXT4-fs") && strings.HasPrefix(rest, "Remounting filesystem read-only"):
			device, _ := inside(text, "(", ")")
			device, _, _ = strings.Cut(strings.TrimPrefix(device, "device "), ":")
			return set("filesystem-error", "device", device)
		}
	}
	if device, ok := strings.CutPrefix(text, "device "); ok {
		if name, ok := strings.CutSuffix(device, " entered promiscuous mode"); ok {
			return set("promiscuous-on", "device", name)
		}
		if name, ok := strings.CutSuffix(device, " left promiscuous mode"); ok {
			return set("promiscuous-off", "device", name)
		}
	}
	return ""
}

// process reads "name[123]".
func process(s string, f fields) {
	name, pid, ok := cutLast(s, "[")
	put(f, "target", name)
	if pid = strings.TrimSuffix(pid, "]"); ok && isNumber(pid) {
		f["target_pid"] = pid
	}
}

// usb reads drivers/usb/core/hub.c and message.c of Linux.
func usb(device, text string, f fields) string {
	switch {
	case strings.HasPrefix(text, "New USB device found, "):
		for _, w := range strings.Split(text, ", ") {
			if v, ok := strings.CutPrefix(w, "idVendor="); ok {
				f["vendor"] = v
			}
			if v, ok := strings.CutPrefix(w, "idProduct="); ok {
				f["product"] = v
			}
		}
	case strings.HasPrefix(text, "Product: "):
		f["name"] = text[len("Product: "):]
	case strings.HasPrefix(text, "Manufacturer: "):
		f["manufacturer"] = text[len("Manufacturer: "):]
	case strings.HasPrefix(text, "SerialNumber: "):
		f["serial"] = text[len("SerialNumber: "):]
	case strings.HasPrefix(text, "new ") && strings.Contains(text, " USB device number "):
	case strings.HasPrefix(text, "USB disconnect"):
		f["device"] = device
		return "usb-disconnected"
	default:
		return ""
	}
	f["device"] = device
	return "usb-connected"
}

// audit reads an event of the audit that the kernel logged itself, where auditd does not
// run: `audit: type=1400 audit(1699920042.123:45): apparmor="DENIED" operation="open" ...`.
func audit(text string, f fields) string {
	if strings.Contains(text, "backlog limit exceeded") || strings.Contains(text, "rate limit exceeded") || strings.Contains(text, "audit_lost=") {
		return "audit-lost"
	}
	kind, _ := inside(text, "type=", " ")
	stamp, ok := inside(text, "audit(", ")")
	_, body, _ := strings.Cut(text, "): ")
	if !ok {
		return ""
	}
	put(f, "type", kind)
	_, serial, _ := strings.Cut(stamp, ":")
	put(f, "serial", serial)
	names := map[string]string{"apparmor": "state", "operation": "op", "profile": "profile", "name": "path", "comm": "target", "exe": "exe", "uid": "uid", "auid": "auid", "ses": "session", "syscall": "syscall",
		"acct": "account", "addr": "address", "res": "outcome", "unit": "unit", "op": "op", "denied_mask": "denied", "dev": "device", "pid": "target_pid"}
	for rest := body; rest != ""; {
		var word string
		if i := strings.IndexByte(rest, '='); i > 0 && i+1 < len(rest) && rest[i+1] == '"' && !strings.ContainsAny(rest[:i], " ") {
			if end := strings.IndexByte(rest[i+2:], '"'); end >= 0 {
				word, rest = rest[:i+2+end], strings.TrimLeft(rest[i+2+end+1:], " ")
				key, value, _ := strings.Cut(word, `="`)
				if name := names[key]; name != "" {
					put(f, name, value)
				}
				continue
			}
		}
		word, rest, _ = strings.Cut(rest, " ")
		key, value, ok := strings.Cut(strings.TrimPrefix(word, "msg='"), "=")
		value = strings.Trim(value, `"'`)
		if name := names[key]; ok && name != "" && value != "?" && value != "4294967295" {
			if name == "outcome" {
				switch value {
				case "1", "success", "yes":
					value = "success"
				default:
					value = "failure"
				}
			}
			put(f, name, value)
		}
	}
	if f["state"] == "DENIED" {
		return "apparmor-denied"
	}
	return "audit"
}

// sudoJSON reads what sudo logs with log_format=json (sudo_logsrv.proto(5), sudoers(5)):
// @cee:{"sudo":{"accept":{"submituser":"alice","command":"/bin/sh","runargv":["sh","-c","id"],...}}}.
func sudoJSON(text string, f fields) string {
	i := strings.IndexByte(text, '{')
	if i < 0 || len(text) > 1<<20 {
		return ""
	}
	type event struct {
		SubmitUser, SubmitCWD, RunUser, RunGroup, RunCWD, Command, TTYName, Reason, SubmitHost, UUID, IOLogPath string
		RunArgv                                                                                                 []string
	}
	var e struct {
		Sudo                        *struct{ Accept, Reject, Alert, Exit *event }
		Accept, Reject, Alert, Exit *event
	}
	if json.Unmarshal([]byte(text[i:]), &e) != nil {
		return ""
	}
	if e.Sudo != nil {
		e.Accept, e.Reject, e.Alert, e.Exit = e.Sudo.Accept, e.Sudo.Reject, e.Sudo.Alert, e.Sudo.Exit
	}
	action, what := "sudo", e.Accept
	switch {
	case e.Accept != nil:
	case e.Reject != nil:
		action, what = "sudo-failed", e.Reject
	case e.Alert != nil:
		action, what = "sudo-failed", e.Alert
	default:
		return ""
	}
	put(f, "account", what.SubmitUser)
	put(f, "target", what.RunUser)
	put(f, "group", what.RunGroup)
	put(f, "cwd", what.SubmitCWD)
	put(f, "tty", what.TTYName)
	put(f, "reason", what.Reason)
	put(f, "io_log", what.IOLogPath)
	command := what.Command
	if len(what.RunArgv) > 1 {
		command += " " + strings.Join(what.RunArgv[1:], " ")
	}
	put(f, "command", command)
	return action
}
