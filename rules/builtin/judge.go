package builtin

import (
	"net/netip"
	"slices"
	"strings"

	"deadbox/rules"
)

// What a line of shell can do that an investigator must hear of.
type deed uint8

const (
	downloadsAndRuns deed = iota // a download is handed to an interpreter, or stored and run
	decodesAndRuns               // encoded text is handed to an interpreter
	runsTemporary                // a program in a directory that anyone may write to is run
	marksTemporary               // such a file is made executable
	reverseShell                 // a shell is tied to a connection
	spawnsTerminal               // a terminal is made for a shell that has none
	tunnels                      // a program that ties this network to another
	hidesHistory                 // the history of commands is switched off, emptied or removed
	removesLogs                  // logs are removed, emptied or edited
	stampsTime                   // a file's times are set
	stopsLogging                 // the logging of the system is stopped
	addsRoot                     // an account of user id 0, or a line in the files of accounts, is added
	addsKey                      // a key is added to the authorized ones
	addsRights                   // a program is made setuid, or given capabilities, or copied to be so
	loadsModule                  // a kernel module is loaded from outside of the modules' directories
	preloads                     // a library is loaded into every program
	locksFile                    // a file is made immutable
	escalates                    // a tool or exploit that serves to become root
	takesCredentials             // password hashes are copied or cracked
	mines                        // a miner of cryptocurrency
	sendsAway                    // files are sent to a stranger
	packs                        // files are packed where nobody looks
)

// act is one deed of a line, how grave, and why it is thought so.
type act struct {
	deed     deed
	severity rules.Severity
	why      string
}

// judge reads a line of shell. cwd is the directory it runs in, "" if it is
// not known.
func judge(line, cwd string) []act {
	j := judgement{line: line, lower: strings.ToLower(line), cwd: cwd}
	cs := parseShell(line)
	j.commands(cs)
	j.text()
	return j.acts
}

type judgement struct {
	line, lower string
	cwd         string
	acts        []act
	fetched     map[string]bool // paths that the line downloads to
}

func (j *judgement) add(d deed, s rules.Severity, why string) {
	for i := range j.acts {
		if a := &j.acts[i]; a.deed == d {
			if s > a.severity {
				a.severity, a.why = s, why
			}
			return
		}
	}
	j.acts = append(j.acts, act{d, s, why})
}

// worth is how suspect the place is that a download comes from. Much honest
// software is installed by handing a script from its maker's site to a shell.
func worth(c *command) rules.Severity {
	s := rules.Medium
	for _, w := range c.args() {
		url := w
		scheme, rest, ok := strings.Cut(w, "://")
		if !ok {
			if !strings.Contains(w, ".") || strings.HasPrefix(w, "-") || strings.HasPrefix(w, "/") {
				continue
			}
			scheme, rest = "", w
		}
		host, _, _ := strings.Cut(rest, "/")
		if i := strings.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
		}
		name := host
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			name = name[:i]
		}
		_, isIP := netip.ParseAddr(strings.Trim(name, "[]"))
		switch {
		case isIP == nil, strings.HasSuffix(name, ".onion"), anonymousHost(strings.ToLower(host)):
			return rules.High
		case scheme == "https":
			s = rules.Low
		}
		_ = url
	}
	return s
}

// anonymousHost reports whether a host serves what anyone puts there.
func anonymousHost(host string) bool {
	for _, h := range [...]string{
		"pastebin.com", "paste.ee", "ix.io", "0x0.st", "transfer.sh", "termbin.com", "sprunge.us", "hastebin.com", "rentry.co", "dpaste.com", "file.io", "bashupload.com",
		"anonfiles.com", "ghostbin.", "ngrok.io", "ngrok-free.app", "trycloudflare.com", "serveo.net", "tor2web.", "onion.", "cdn.discordapp.com", "oshi.at", "gsocket.io",
	} {
		if host == h || strings.HasSuffix(host, "."+h) || strings.HasSuffix(h, ".") && strings.Contains(host, h) {
			return true
		}
	}
	return false
}

var downloaders = set("wget curl fetch lwp-download lwp-request GET aria2c axel lynx links w3m ftpget tftp wget2 curlie http https")

func downloads(c *command) bool { return downloaders[c.name()] }

// decodes reports whether a command turns encoded text into plain text.
func decodes(c *command) bool {
	switch c.name() {
	case "base64", "base32", "basenc":
		for _, w := range c.args() {
			if w == "-d" || w == "-D" || w == "-di" || w == "-id" || w == "--decode" {
				return true
			}
		}
	case "xxd":
		for _, w := range c.args() {
			if strings.HasPrefix(w, "-r") {
				return true
			}
		}
	case "openssl":
		has := map[string]bool{}
		for _, w := range c.args() {
			has[w] = true
		}
		return (has["enc"] || has["base64"]) && has["-d"]
	case "uudecode":
		return true
	}
	return false
}

// readsScript reports whether a command is a shell or an interpreter that
// runs what comes in.
func readsScript(c *command) bool {
	n := c.name()
	if !shells[n] && !interpreters[versionless(n)] || n == "busybox" || n == "toybox" || strings.HasSuffix(n, "awk") {
		return false
	}
	for i := 0; i < len(c.args()); i++ {
		w := c.args()[i]
		switch {
		case w == "-" || w == "-s" || w == "--" || w == "/dev/stdin":
			return true
		case strings.HasPrefix(w, "-"):
			if !strings.HasPrefix(w, "--") && strings.ContainsAny(w[1:], "ce") && !strings.Contains(w, "s") {
				return false // -c, -e: the script is an argument
			}
			if w == "-o" || w == "+o" {
				i++
			}
		default:
			return false
		}
	}
	return true
}

func anyCommand(cs []command, f func(*command) bool) *command {
	var found *command
	each(cs, func(c *command) {
		if found == nil && f(c) {
			found = c
		}
	})
	return found
}

// resolve makes a word a path, if it can be told.
func (j *judgement) resolve(w string) string {
	w = strings.TrimPrefix(w, "file://")
	switch {
	case strings.HasPrefix(w, "/"):
		return clean(w)
	case strings.HasPrefix(w, "./") && j.cwd != "":
		return clean(j.cwd + w[1:])
	case j.cwd != "" && !strings.HasPrefix(w, "~") && !strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "$"):
		return clean(j.cwd + "/" + w)
	}
	return w
}

// clean removes doubled slashes and "." elements; ".." is left, as links may
// make it lead elsewhere.
func clean(p string) string {
	if !strings.Contains(p, "//") && !strings.Contains(p, "/./") {
		return p
	}
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	for strings.Contains(p, "/./") {
		p = strings.ReplaceAll(p, "/./", "/")
	}
	return p
}

// hiddenElement reports whether an element of a path begins with a dot and is
// none of those that begin a usual directory of settings in a home.
func hiddenElement(path string) bool {
	for rest := path; ; {
		i := strings.IndexByte(rest, '/')
		e := rest
		if i >= 0 {
			e = rest[:i]
		}
		if len(e) > 1 && e[0] == '.' && e != ".." && !usualDot(path[:len(path)-len(rest)], e) {
			return true
		}
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
}

// tempSeverity grades a program that is run, or made to run, from a
// world-writable directory; ok is false if path is in none.
func tempSeverity(path string) (s rules.Severity, ok bool) {
	dir := temporary(path)
	switch {
	case dir == "":
		return 0, false
	case dir == "/dev/shm" || dir == "/run/shm" || dir == "/var/run/shm" || dir == "/run/lock" || dir == "/var/lock":
		return rules.High, true
	case hiddenElement(path[len(dir)+1:]):
		return rules.High, true
	}
	return rules.Medium, true
}

// builderNames are what one runs in an unpacked source or installer.
func builderName(name string) bool {
	n := strings.ToLower(name)
	for _, p := range [...]string{"configure", "install", "setup", "autogen", "bootstrap", "build", "make", "compile", "get-", "update", "upgrade", "uninstall", "test", "vmware-install"} {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	return strings.HasSuffix(n, ".run") || strings.HasSuffix(n, "-installer") || strings.HasSuffix(n, "_install.sh") || strings.HasSuffix(n, "-install.sh") || strings.HasSuffix(n, "_installer.sh")
}

func (j *judgement) commands(cs []command) {
	j.pipelines(cs)
	for i := range cs {
		j.one(&cs[i])
		j.commands(cs[i].inner)
	}
}

// pipelines looks at what is handed from command to command.
func (j *judgement) pipelines(cs []command) {
	for i := 0; i < len(cs); {
		n := i + 1
		for n < len(cs) && cs[n].pipeline == cs[i].pipeline {
			n++
		}
		pipe := cs[i:n]
		i = n
		var get, dec, conn *command
		for k := range pipe {
			c := &pipe[k]
			if k > 0 && readsScript(c) {
				if get != nil {
					j.add(downloadsAndRuns, worth(get), "a download is piped into "+show(c.name()))
				}
				if dec != nil {
					j.add(decodesAndRuns, rules.High, "decoded text is piped into "+show(c.name()))
				}
				if conn != nil {
					j.add(reverseShell, rules.Critical, show(conn.name())+" is piped into "+show(c.name()))
				}
			}
			if conn == nil && k > 0 && connects(c) {
				for m := range k {
					if shells[pipe[m].name()] {
						j.add(reverseShell, rules.Critical, show(pipe[m].name())+" is piped into "+show(c.name()))
					}
				}
			}
			if k > 0 && connects(c) && slices.ContainsFunc(c.args(), stranger) {
				if n := pipe[k-1].name(); n == "tar" || n == "cat" || n == "gzip" || n == "base64" || n == "mysqldump" || n == "pg_dump" || n == "dd" || n == "zip" {
					j.add(sendsAway, rules.High, show(n)+" is piped into "+show(c.name()))
				}
			}
			switch {
			case downloads(c):
				get = c
			case decodes(c):
				dec = c
			case connects(c):
				conn = c
			}
			if in := anyCommand(c.inner, downloads); in != nil && k < len(pipe)-1 {
				get = in
			}
		}
	}
}

// connects reports whether a command is a plain connection.
func connects(c *command) bool {
	switch c.name() {
	case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd", "telnet":
		return true
	case "openssl":
		return len(c.words) > 1 && c.words[1] == "s_client"
	}
	return false
}

func (j *judgement) one(c *command) {
	name := c.name()
	args := c.args()
	for _, a := range c.assigns {
		j.assignment(a)
	}
	for _, r := range c.redirects {
		j.redirected(c, r)
	}
	if len(c.words) == 0 {
		return
	}

	// sh -c "$(curl ...)", eval $(... | base64 -d), sh <(curl ...).
	if shells[name] || name == "eval" || name == "source" || name == "." || interpreters[versionless(name)] {
		if strings.Contains(strings.Join(args, " "), "$(") || len(c.redirects) > 0 {
			if g := anyCommand(c.inner, downloads); g != nil {
				j.add(downloadsAndRuns, worth(g), show(name)+" runs a download")
			}
			if g := anyCommand(c.inner, decodes); g != nil {
				j.add(decodesAndRuns, rules.High, show(name)+" runs decoded text")
			}
		}
	}

	// What is run, and from where.
	target, how := c.words[0], "is run"
	if (shells[name] || interpreters[versionless(name)] || name == "source" || name == ".") && len(args) > 0 {
		for _, w := range args {
			if !strings.HasPrefix(w, "-") {
				target, how = w, "is run by "+show(name)
				break
			}
			if strings.HasPrefix(w, "-c") || strings.HasPrefix(w, "-e") {
				break
			}
		}
	}
	if strings.Contains(target, "/") || how != "is run" {
		p := j.resolve(target)
		if j.fetched[p] {
			j.add(downloadsAndRuns, rules.High, "a download is stored as "+showPath(p)+" and run")
		}
		if s, ok := tempSeverity(p); ok {
			if s < rules.High && builderName(base(p)) {
				s = rules.Low
			}
			j.add(runsTemporary, s, showPath(p)+" "+how)
		}
	}

	switch name {
	case "cd", "pushd":
		if len(args) > 0 {
			j.cwd = strings.TrimRight(j.resolve(args[0]), "/")
			if j.cwd == "" || j.cwd[0] != '/' {
				j.cwd = ""
			}
		} else {
			j.cwd = ""
		}
	case "wget", "curl", "fetch", "tftp", "ftpget", "lwp-download":
		j.download(c)
	case "chmod":
		j.chmod(args)
	case "chattr":
		j.chattr(args)
	case "touch":
		j.touch(args)
	case "rm", "unlink", "shred", "srm", "wipe", "truncate", "mv":
		j.removed(name, args)
	case "ln":
		j.linked(args)
	case "cp", "install", "dd", "tee", "cat", "scp", "rsync", "tar", "zip", "base64", "xxd", "sed", "ed", "perl":
		j.copied(name, args)
	case "unset":
		for _, w := range args {
			if histVariable(w) {
				j.add(hidesHistory, rules.High, "the variable "+w+" is removed, so that the shell keeps no history")
			}
		}
	case "export", "declare", "typeset", "readonly", "set":
		for i, w := range args {
			j.assignment(w)
			if w == "history" && i > 0 && args[i-1] == "+o" {
				j.add(hidesHistory, rules.High, "the shell's history is switched off")
			}
		}
	case "history":
		for _, w := range args {
			if strings.HasPrefix(w, "-") && strings.Contains(w, "c") {
				j.add(hidesHistory, rules.Medium, "the shell's history is emptied")
			} else if strings.HasPrefix(w, "-d") {
				j.add(hidesHistory, rules.Low, "a line of the shell's history is removed")
			}
		}
	case "insmod":
		for _, w := range args {
			if strings.HasPrefix(w, "-") {
				continue
			}
			p := j.resolve(w)
			if strings.HasPrefix(p, "/lib/modules/") || strings.HasPrefix(p, "/usr/lib/modules/") {
				break
			}
			s := rules.Medium
			if ts, ok := tempSeverity(p); ok {
				s = max(ts, rules.High)
			} else if hiddenElement(p) {
				s = rules.High
			}
			j.add(loadsModule, s, "the module "+showPath(p)+" is loaded")
			break
		}
	case "useradd", "adduser", "usermod":
		j.userAdded(name, args)
	case "setcap":
		if len(args) > 1 {
			low := strings.ToLower(args[0])
			for _, w := range args[1:] {
				_, gives := givesShell(base(w))
				if gives && (strings.Contains(low, "setuid") || strings.Contains(low, "sys_admin") || strings.Contains(low, "dac_override") || strings.Contains(low, "all")) {
					j.add(addsRights, rules.Critical, showPath(w)+" is given "+show(args[0]))
				}
			}
		}
	case "systemctl", "service", "chkconfig", "update-rc.d", "rc-service", "initctl", "pkill", "killall":
		j.service(name, args)
	case "auditctl":
		for i, w := range args {
			if w == "-D" || w == "-e0" || w == "-e" && i+1 < len(args) && args[i+1] == "0" {
				j.add(stopsLogging, rules.Medium, "the rules of auditing are removed or switched off")
			}
		}
	case "journalctl":
		for i, w := range args {
			v := ""
			if k, val, ok := strings.Cut(w, "="); ok && strings.HasPrefix(k, "--vacuum-") {
				v = val
			} else if strings.HasPrefix(w, "--vacuum-") && i+1 < len(args) {
				v = args[i+1]
			}
			switch strings.ToLower(v) {
			case "1", "0", "1s", "0s", "1sec", "1second", "1seconds", "1m", "1min", "1k", "1b", "0b":
				j.add(removesLogs, rules.Medium, "the journal is cut to nothing")
			}
		}
	case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd":
		j.netcat(args)
	case "socat":
		l := strings.ToLower(strings.Join(args, " "))
		if (strings.Contains(l, "exec:") || strings.Contains(l, "system:")) && (strings.Contains(l, "tcp") || strings.Contains(l, "openssl") || strings.Contains(l, "udp")) {
			j.add(reverseShell, rules.Critical, "socat ties a program to a connection")
		}
	case "script":
		l := strings.Join(args, " ")
		if strings.Contains(l, "/dev/null") && (strings.Contains(l, "bash") || strings.Contains(l, "/sh") || strings.HasPrefix(l, "-qc")) {
			j.add(spawnsTerminal, rules.Medium, "script makes a terminal for a shell")
		}
	case "find":
		l := strings.Join(args, " ")
		if (strings.Contains(l, "-perm") && (strings.Contains(l, "4000") || strings.Contains(l, "u=s") || strings.Contains(l, "+s") || strings.Contains(l, "6000"))) && !strings.Contains(l, "-exec chmod") {
			j.add(escalates, rules.Low, "setuid programs are searched for")
		}
	case "getcap":
		for _, w := range args {
			if w == "-r" || w == "-R" {
				j.add(escalates, rules.Low, "programs with capabilities are searched for")
			}
		}
	case "gcc", "cc", "clang", "tcc":
		l := strings.ToLower(strings.Join(args, " "))
		if strings.Contains(l, "exploit") || strings.Contains(l, "cve-") || strings.Contains(l, "cve_") || strings.Contains(l, "dirtycow") || strings.Contains(l, "dirtyc0w") || strings.Contains(l, "dirtypipe") || strings.Contains(l, "pwnkit") {
			j.add(escalates, rules.High, "an exploit is compiled")
		}
	case "unshadow":
		j.add(takesCredentials, rules.High, "password hashes are prepared for cracking")
	case "john", "hashcat":
		j.add(takesCredentials, rules.Medium, "passwords are cracked with "+name)
	}
	j.sends(c)
	j.tool(name)
}

// stranger grades the first place that a word of a command names: a bare
// address or a site for anyone's files.
func stranger(w string) bool {
	_, rest, ok := strings.Cut(w, "://")
	if !ok {
		rest = w
	}
	host, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if anonymousHost(strings.ToLower(host)) {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	a, err := netip.ParseAddr(name)
	return err == nil && !a.IsLoopback() && !a.IsUnspecified()
}

// sends looks for files that are packed and sent away.
func (j *judgement) sends(c *command) {
	args := c.args()
	there := false
	for _, w := range args {
		there = there || stranger(w)
	}
	file := func() string { return "a file is sent: " }
	switch c.name() {
	case "curl":
		for i, w := range args {
			upload := w == "-T" || w == "--upload-file" || strings.HasPrefix(w, "-T") && len(w) > 2 || strings.HasPrefix(w, "--upload-file=") ||
				(w == "-F" || w == "--form") && i+1 < len(args) && strings.Contains(args[i+1], "=@") || w == "--data-binary" && i+1 < len(args) && strings.HasPrefix(args[i+1], "@")
			if upload && there {
				j.add(sendsAway, rules.High, file()+show(c.name()+" "+w))
			}
		}
	case "wget":
		for _, w := range args {
			if (w == "--post-file" || strings.HasPrefix(w, "--post-file=") || strings.HasPrefix(w, "--body-file=")) && there {
				j.add(sendsAway, rules.High, file()+"wget --post-file")
			}
		}
	case "nc", "ncat", "netcat", "nc.traditional", "nc.openbsd":
		for _, r := range c.redirects {
			if r.op == "<" && there && !strings.HasPrefix(r.target, "/dev/") {
				j.add(sendsAway, rules.High, file()+"netcat")
			}
		}
	case "scp", "rsync", "sftp":
		for _, w := range args {
			if strings.Contains(w, ":") && stranger(w) {
				j.add(sendsAway, rules.Low, "files are copied to or from an address: "+show(w))
			}
		}
	case "tar", "zip", "7z", "7za", "rar":
		for i, w := range args {
			archive := strings.HasSuffix(w, ".tgz") || strings.HasSuffix(w, ".gz") || strings.HasSuffix(w, ".tar") || strings.HasSuffix(w, ".zip") || strings.HasSuffix(w, ".7z") || strings.HasSuffix(w, ".rar") || strings.HasSuffix(w, ".bz2") || strings.HasSuffix(w, ".xz")
			creates := c.name() != "tar" || len(args) > 0 && strings.Contains(args[0], "c") && !strings.Contains(args[0], "x") || slices.Contains(args, "--create")
			if p := j.resolve(w); archive && creates && i > 0 && i < len(args)-1 {
				if s, ok := tempSeverity(p); ok && s >= rules.High {
					j.add(packs, rules.Medium, "files are packed into "+showPath(p))
				}
			}
		}
	}
}

func histVariable(name string) bool {
	switch name {
	case "HISTFILE", "HISTSIZE", "HISTFILESIZE", "HISTSAVE", "HISTZONE", "HISTLOG", "WATCH", "SAVEHIST", "PROMPT_COMMAND":
		return name != "WATCH" && name != "PROMPT_COMMAND"
	}
	return false
}

func (j *judgement) assignment(a string) {
	name, value, ok := strings.Cut(a, "=")
	if !ok {
		return
	}
	switch name {
	case "HISTFILE":
		if value == "" || value == "/dev/null" || strings.HasPrefix(value, "/dev/") {
			j.add(hidesHistory, rules.High, "the history is led to "+show("HISTFILE="+value))
		}
	case "HISTSIZE", "HISTFILESIZE", "SAVEHIST":
		if value == "0" {
			j.add(hidesHistory, rules.High, name+"=0 keeps no history")
		}
	case "LD_PRELOAD":
		if s, ok := tempSeverity(j.resolve(value)); ok {
			j.add(preloads, max(s, rules.High), "the library "+showPath(value)+" is preloaded")
		}
	}
}

// accountFiles decide who may become what.
func accountFile(p string) bool {
	return p == "/etc/passwd" || p == "/etc/shadow" || p == "/etc/group" || p == "/etc/gshadow"
}

func (j *judgement) redirected(c *command, r redirect) {
	p := j.resolve(r.target)
	if strings.HasPrefix(r.target, "/dev/tcp/") || strings.HasPrefix(r.target, "/dev/udp/") {
		s, why := rules.Low, "a port is tried with the shell"
		if shells[c.name()] && strings.Contains(j.line, "-i") || c.name() == "exec" || strings.Contains(j.line, "0>&1") || strings.Contains(j.line, "<&") || strings.Contains(j.line, "0<") ||
			len(c.words) == 0 && len(c.redirects) > 1 {
			s, why = rules.Critical, "a shell is tied to "+show(r.target)
		}
		j.add(reverseShell, s, why)
		return
	}
	if !strings.Contains(r.op, ">") || r.op == ">&" && strings.Trim(r.target, "0123456789-") == "" {
		return
	}
	appends := strings.HasSuffix(r.op, ">>")
	empties := !appends && (len(c.words) == 0 || (c.name() == "cat" || c.name() == "cp") && len(c.words) > 1 && c.words[1] == "/dev/null" || c.name() == ":" || c.name() == "true" ||
		c.name() == "echo" && (len(c.words) == 1 || strings.Join(c.words[1:], "") == "" || c.words[1] == "-n" || strings.TrimSpace(c.words[1]) == ""))
	switch {
	case isHistoryFile(base(p)):
		if empties {
			j.add(hidesHistory, rules.High, showPath(p)+" is emptied")
		}
	case logFile(p) != notLog:
		if !appends {
			j.add(removesLogs, emptySeverity(p), showPath(p)+" is overwritten")
		}
	case accountFile(p) && c.name() != "":
		s := rules.Medium
		text := strings.Join(c.args(), " ")
		if strings.Contains(text, ":0:0") || strings.Contains(text, ":0:") && p == "/etc/passwd" {
			s = rules.Critical
		} else if strings.Contains(text, ":") {
			s = rules.High
		}
		if c.name() != "sort" && c.name() != "getent" {
			j.add(addsRoot, s, "a line is written to "+p)
		}
	case p == "/etc/ld.so.preload":
		j.add(preloads, rules.Critical, "a library is written to "+p)
	case strings.HasSuffix(p, "/authorized_keys") || strings.HasSuffix(p, "/authorized_keys2"):
		j.add(addsKey, rules.Low, "a key is written to "+showPath(p))
	case p == "/etc/sudoers" || strings.HasPrefix(p, "/etc/sudoers.d/"):
		l := strings.Join(c.args(), " ")
		if strings.Contains(l, "NOPASSWD") {
			s := rules.Low
			if u, _, _ := strings.Cut(strings.TrimSpace(l), " "); daemonAccounts[u] {
				s = rules.High
			}
			j.add(addsRights, s, "sudo without a password is written to "+showPath(p))
		}
	}
}

func (j *judgement) download(c *command) {
	args := c.args()
	out := ""
	for i, w := range args {
		switch {
		case (w == "-O" || w == "-o" || w == "--output" || w == "--output-document" || w == "-l") && i+1 < len(args) && !(w == "-O" && c.name() == "curl"):
			out = args[i+1]
		case strings.HasPrefix(w, "--output-document=") || strings.HasPrefix(w, "--output="):
			_, out, _ = strings.Cut(w, "=")
		case len(w) > 2 && (strings.HasPrefix(w, "-O") && c.name() == "wget"):
			out = w[2:]
		case len(w) > 2 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "O") && c.name() == "wget" && i+1 < len(args):
			out = args[i+1] // -qO FILE
		}
	}
	for _, r := range c.redirects {
		if r.op == ">" {
			out = r.target
		}
	}
	if out == "" {
		for _, w := range args {
			if u := strings.TrimRight(w, "/"); strings.Contains(u, "://") || c.name() == "wget" && strings.Contains(u, "/") && !strings.HasPrefix(u, "-") {
				u, _, _ = strings.Cut(u, "?")
				out = base(u)
			}
		}
	}
	if out == "" || out == "-" || out == "/dev/null" || out == "/dev/stdout" {
		return
	}
	if j.fetched == nil {
		j.fetched = map[string]bool{}
	}
	j.fetched[j.resolve(out)] = true
	j.fetched["./"+out] = true
}

// octalSetuid reports whether a mode of chmod sets setuid or setgid.
func setsID(mode string) bool {
	if strings.Trim(mode, "01234567") == "" {
		m := strings.TrimLeft(mode, "0")
		return len(m) == 4 && (m[0]-'0')&6 != 0
	}
	for _, clause := range strings.Split(mode, ",") {
		i := strings.IndexAny(clause, "+=")
		if i >= 0 && strings.Contains(clause[i:], "s") {
			return true
		}
	}
	return false
}

func setsExecute(mode string) bool {
	if strings.Trim(mode, "01234567") == "" && mode != "" {
		return strings.ContainsAny(mode[max(0, len(mode)-3):], "1357")
	}
	i := strings.IndexAny(mode, "+=")
	return i >= 0 && strings.Contains(mode[i:], "x")
}

func (j *judgement) chmod(args []string) {
	mode := ""
	for _, w := range args {
		if strings.HasPrefix(w, "-") && mode == "" && (len(w) < 2 || strings.IndexByte("rwxstugo", w[1]) < 0 || w == "-R") {
			continue
		}
		if mode == "" {
			mode = w
			continue
		}
		p := j.resolve(w)
		temp, isTemp := tempSeverity(p)
		if setsID(mode) {
			_, gives := givesShell(base(p))
			switch {
			case strings.HasPrefix(mode, "g") || strings.HasPrefix(mode, "2"):
				if isTemp {
					j.add(addsRights, rules.Medium, showPath(p)+" is made setgid")
				}
			case gives:
				j.add(addsRights, rules.Critical, showPath(p)+" is made setuid")
			case isTemp || hiddenElement(p):
				j.add(addsRights, rules.High, showPath(p)+" is made setuid")
			default:
				j.add(addsRights, rules.Medium, showPath(p)+" is made setuid")
			}
		} else if isTemp && setsExecute(mode) {
			if temp < rules.High {
				temp = rules.Low
			} else {
				temp = rules.Medium
			}
			if j.fetched[p] {
				temp = rules.High
			}
			j.add(marksTemporary, temp, showPath(p)+" is made executable")
		}
	}
}

func (j *judgement) chattr(args []string) {
	locks := false
	for _, w := range args {
		if strings.HasPrefix(w, "+") || strings.HasPrefix(w, "=") {
			locks = strings.ContainsAny(w, "i")
			continue
		}
		if !locks || strings.HasPrefix(w, "-") {
			continue
		}
		p := j.resolve(w)
		_, isTemp := tempSeverity(p)
		switch {
		case isTemp || hiddenElement(p) && !isHistoryFile(base(p)):
			j.add(locksFile, rules.High, showPath(p)+" is made immutable")
		case strings.Contains(p, "authorized_keys") || strings.Contains(p, "/cron") || p == "/etc/crontab" || p == "/etc/ld.so.preload" || inSystem(p) || strings.HasPrefix(p, "/etc/systemd/") || strings.HasPrefix(p, "/etc/init.d/"):
			j.add(locksFile, rules.Medium, showPath(p)+" is made immutable")
		case isHistoryFile(base(p)):
			j.add(hidesHistory, rules.Medium, showPath(p)+" is made immutable")
		}
	}
}

func (j *judgement) touch(args []string) {
	sets := false
	for i := 0; i < len(args); i++ {
		w := args[i]
		switch {
		case w == "-r" || w == "-t" || w == "-d" || w == "--reference" || w == "--date":
			sets = true
			i++
		case strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && len(w) > 2 && strings.ContainsAny(w[len(w)-1:], "rtd"):
			sets = true
			i++
		case strings.HasPrefix(w, "--reference=") || strings.HasPrefix(w, "--date=") || len(w) > 2 && (strings.HasPrefix(w, "-r") || strings.HasPrefix(w, "-t") || strings.HasPrefix(w, "-d")):
			sets = true
		case strings.HasPrefix(w, "-"):
		case sets:
			p := j.resolve(w)
			_, isTemp := tempSeverity(p)
			switch {
			case inSystemBin(p):
				j.add(stampsTime, rules.High, "the times of "+showPath(p)+" are set")
			case isTemp || inSystem(p) || strings.HasPrefix(p, "/etc/") || belowAny(p, usualWebRoots) || hiddenElement(p):
				j.add(stampsTime, rules.Medium, "the times of "+showPath(p)+" are set")
			}
		}
	}
}

func (j *judgement) removed(name string, args []string) {
	for i, w := range args {
		if strings.HasPrefix(w, "-") || name == "mv" && i == len(args)-1 {
			continue
		}
		if name == "truncate" && i > 0 && (args[i-1] == "-s" || args[i-1] == "-r") {
			continue
		}
		p := strings.TrimRight(j.resolve(w), "/")
		verb := map[string]string{"shred": "overwritten", "truncate": "cut", "mv": "moved away"}[name]
		if verb == "" {
			verb = "removed"
		}
		switch {
		case isHistoryFile(base(p)):
			s := rules.High
			if strings.HasSuffix(p, "mysql_history") || strings.HasSuffix(p, "psql_history") || strings.HasSuffix(p, ".lesshst") || name == "mv" {
				s = rules.Low
			}
			j.add(hidesHistory, s, showPath(p)+" is "+verb)
		case name == "mv":
		case p == "/var/log" || p == "/var/log/*" || p == "/var/log/*.log" || strings.HasPrefix(p, "/var/log/journal") && (name == "rm" || name == "shred"):
			j.add(removesLogs, rules.High, showPath(p)+" is "+verb)
		case logFile(p) != notLog:
			j.add(removesLogs, emptySeverity(p), showPath(p)+" is "+verb)
		}
	}
}

func (j *judgement) linked(args []string) {
	var names []string
	for _, w := range args {
		if !strings.HasPrefix(w, "-") {
			names = append(names, w)
		}
	}
	if len(names) == 2 && names[0] == "/dev/null" {
		p := j.resolve(names[1])
		switch {
		case isHistoryFile(base(p)):
			s := rules.High
			if strings.HasSuffix(p, "mysql_history") || strings.HasSuffix(p, ".lesshst") {
				s = rules.Low
			}
			j.add(hidesHistory, s, showPath(p)+" is linked to /dev/null")
		case logFile(p) != notLog:
			j.add(removesLogs, rules.High, showPath(p)+" is linked to /dev/null")
		}
	}
}

func (j *judgement) copied(name string, args []string) {
	var paths []string
	for _, w := range args {
		if v, ok := strings.CutPrefix(w, "of="); ok && name == "dd" {
			w = v
		} else if v, ok := strings.CutPrefix(w, "if="); ok && name == "dd" {
			w = v
		} else if strings.HasPrefix(w, "-") {
			continue
		}
		paths = append(paths, j.resolve(w))
	}
	switch name {
	case "sed", "ed", "perl":
		inPlace := name == "ed"
		for _, w := range args {
			if strings.HasPrefix(w, "-i") || strings.HasPrefix(w, "--in-place") || strings.HasPrefix(w, "-pi") {
				inPlace = true
			}
		}
		if !inPlace {
			return
		}
		for _, p := range paths {
			if k := logFile(p); k != notLog {
				j.add(removesLogs, max(emptySeverity(p), rules.Medium), showPath(p)+" is edited")
			} else if isHistoryFile(base(p)) {
				j.add(hidesHistory, rules.High, showPath(p)+" is edited")
			}
		}
		return
	case "cp", "install":
		if len(paths) >= 2 {
			src, dst := paths[0], paths[len(paths)-1]
			if src == "/dev/null" && logFile(dst) != notLog {
				j.add(removesLogs, emptySeverity(dst), showPath(dst)+" is emptied")
			}
			if src == "/dev/null" && isHistoryFile(base(dst)) {
				j.add(hidesHistory, rules.High, showPath(dst)+" is emptied")
			}
			if inSystemBin(src) && shells[base(src)] {
				if _, ok := tempSeverity(dst); ok || hiddenElement(dst) {
					j.add(addsRights, rules.High, "the shell "+showPath(src)+" is copied to "+showPath(dst))
				}
			}
		}
	}
	for i, p := range paths {
		if p != "/etc/shadow" && p != "/etc/gshadow" {
			continue
		}
		switch name {
		case "cp", "install", "scp", "rsync", "tar", "zip", "base64", "xxd", "dd":
			if name == "cp" || name == "install" {
				if i == len(paths)-1 && len(paths) > 1 {
					continue // restored, not taken
				}
				dst := paths[len(paths)-1]
				if strings.HasPrefix(dst, "/etc/") || strings.HasPrefix(dst, "/root/") || strings.HasPrefix(dst, "/var/backups") {
					j.add(takesCredentials, rules.Low, "password hashes are copied")
					continue
				}
			}
			j.add(takesCredentials, rules.High, "password hashes are copied")
		case "cat":
			j.add(takesCredentials, rules.Low, "password hashes are shown")
		}
	}
}

func (j *judgement) userAdded(name string, args []string) {
	for i, w := range args {
		zero := false
		switch {
		case (w == "-u" || w == "--uid" || w == "-ou" || w == "-uo") && i+1 < len(args):
			zero = args[i+1] == "0"
		case strings.HasPrefix(w, "--uid="):
			zero = w == "--uid=0"
		case strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.Contains(w, "u") && i+1 < len(args) && args[i+1] == "0":
			zero = true
		case w == "-u0" || w == "-ou0":
			zero = true
		}
		if zero {
			j.add(addsRoot, rules.Critical, name+" makes an account with user id 0")
		}
	}
}

var loggingServices = set("rsyslog syslog syslog-ng sysklogd klogd rsyslogd syslogd auditd systemd-journald journald")

func (j *judgement) service(name string, args []string) {
	stop, which := name == "pkill" || name == "killall", ""
	for _, w := range args {
		w = strings.TrimSuffix(strings.TrimSuffix(w, ".service"), ".socket")
		switch w {
		case "stop", "disable", "mask", "off", "remove", "kill":
			stop = true
		}
		if loggingServices[w] {
			which = w
		}
	}
	if (name == "pkill" || name == "killall") && strings.Contains(strings.Join(args, " "), "HUP") {
		return
	}
	if stop && which != "" {
		j.add(stopsLogging, rules.Medium, which+" is stopped")
	}
}

func (j *judgement) netcat(args []string) {
	runsShell, runsOther := false, false
	for i, w := range args {
		takes := w == "--exec" || w == "--sh-exec" || w == "--lua-exec" || len(w) > 1 && w[0] == '-' && w[1] != '-' && (strings.HasSuffix(w, "e") || strings.HasSuffix(w, "c"))
		var prog string
		if takes && i+1 < len(args) {
			prog = args[i+1]
		} else if _, v, ok := strings.Cut(w, "exec="); ok && strings.HasPrefix(w, "--") {
			prog = v
		}
		first, _, _ := strings.Cut(prog, " ")
		if shells[base(first)] || base(first) == "cmd.exe" {
			runsShell = true
		} else if strings.HasPrefix(first, "/") {
			runsOther = true
		}
	}
	if runsShell {
		j.add(reverseShell, rules.Critical, "netcat ties a shell to a connection")
	} else if runsOther {
		j.add(reverseShell, rules.High, "netcat ties a program to a connection")
	}
}

// tool looks at what a program is called.
func (j *judgement) tool(name string) {
	l := strings.ToLower(name)
	switch {
	case strings.HasPrefix(l, "linpeas"), strings.HasPrefix(l, "linenum"), l == "lse.sh", strings.HasPrefix(l, "linux-exploit-suggester"), l == "les.sh", strings.HasPrefix(l, "pspy"),
		strings.HasPrefix(l, "linux-smart-enumeration"), strings.HasPrefix(l, "unix-privesc-check"), strings.HasPrefix(l, "traitor"), strings.HasPrefix(l, "beroot"), l == "deepce.sh":
		j.add(escalates, rules.High, show(name)+" searches for ways to become root")
	case strings.HasPrefix(l, "dirtyc0w"), strings.HasPrefix(l, "dirtycow"), l == "dcow", strings.HasPrefix(l, "dirtypipe"), strings.HasPrefix(l, "pwnkit"), strings.HasPrefix(l, "cve-20"), strings.HasPrefix(l, "cve_20"),
		l == "exploit", strings.HasPrefix(l, "exploit."), strings.HasPrefix(l, "baronsamedit"), l == "sudo-hax-me-a-sandwich", strings.HasPrefix(l, "gameover"):
		j.add(escalates, rules.High, show(name)+" is an exploit by its name")
	case strings.HasPrefix(l, "xmrig"), l == "minerd", l == "cpuminer", strings.HasPrefix(l, "xmr-stak"), l == "kinsing", l == "kdevtmpfsi", l == "ccminer", l == "ethminer", l == "nbminer", l == "t-rex", l == "lolminer", l == "cgminer":
		j.add(mines, rules.High, show(name)+" is a miner")
	case l == "gs-netcat", l == "chisel", l == "revsocks", strings.HasPrefix(l, "ligolo"), l == "frpc", l == "ngrok", l == "reverse-ssh", l == "reverse_ssh", l == "sshimpanzee", l == "pupy", l == "iodine", l == "dnscat":
		j.add(tunnels, rules.Medium, show(name)+" ties this network to another")
	case l == "mimipenguin" || l == "mimipenguin.sh" || l == "mimipenguin.py" || strings.HasPrefix(l, "lazagne") || l == "3snake":
		j.add(takesCredentials, rules.High, show(name)+" takes passwords from memory")
	}
}

// text looks at the whole line for what is written in other languages than
// the shell's.
func (j *judgement) text() {
	l := j.lower
	has := func(words ...string) bool {
		for _, w := range words {
			if !strings.Contains(l, w) {
				return false
			}
		}
		return true
	}
	switch {
	case has("python", "socket") && (has("dup2") || has("pty.spawn") || has("subprocess") && has("connect")):
		j.add(reverseShell, rules.Critical, "Python ties a shell to a connection")
	case has("perl", "socket") && (has("exec") || has("open(stdin")) && has("/sh"), has("perl", "-mio") && has("socket"):
		j.add(reverseShell, rules.Critical, "Perl ties a shell to a connection")
	case has("php", "fsockopen") && (has("exec") || has("proc_open") || has("popen") || has("/sh") || has("`")):
		j.add(reverseShell, rules.Critical, "PHP ties a shell to a connection")
	case has("ruby", "tcpsocket") && (has("exec") || has("/sh")):
		j.add(reverseShell, rules.Critical, "Ruby ties a shell to a connection")
	case has("/inet/tcp/") && has("awk"):
		j.add(reverseShell, rules.High, "awk opens a connection")
	case (has("mkfifo") || has("mknod")) && (has("nc ") || has("ncat ") || has("s_client") || has("telnet ")) && (has("/sh") || has("bash") || has(" sh ")):
		j.add(reverseShell, rules.Critical, "a shell is tied to a connection through a named pipe")
	case has("require('child_process')", "net.") || has("child_process", "socket") && has("/sh"):
		j.add(reverseShell, rules.Critical, "Node ties a shell to a connection")
	}
	if has("pty.spawn") {
		j.add(spawnsTerminal, rules.High, "Python makes a terminal for a shell")
	}
	if has("stratum+tcp://") || has("stratum+ssl://") || has("--donate-level") || has("cryptonight") || has("pool.minexmr") || has("supportxmr.com") {
		j.add(mines, rules.High, "the line speaks of a mining pool")
	}
	if has("b64decode") && has("exec(") && has("python") || has("base64_decode") && has("eval(") {
		j.add(decodesAndRuns, rules.High, "decoded text is run as a program")
	}
}
