package builtin

import (
	"sort"
	"strings"

	"deadbox/rules"
	"deadbox/timeline"
)

// sign is a string that says what a program is for. One that is decisive says
// it alone; of the others it takes two different ones of a family.
type sign struct {
	text     string // in lower case
	decisive bool
}

// family is a kind of hostile program.
type family struct {
	name       string // "an exploit for the kernel"
	severity   rules.Severity
	techniques []string
	signs      []sign
}

var families = []family{
	{"an exploit to become root", rules.Critical, []string{"T1068"}, []sign{
		{"shellcode placed at", true}, {"suid shell", false}, {"suid-shell", false}, {"got root!", false}, {"rootshell", false}, {"root shell", false}, {"prepare_kernel_cred", false},
		{"commit_creds", false}, {"dirtycow", true}, {"dirty cow", true}, {"/proc/self/mem", false}, {"gconv_path=.", true}, {"pkexec", false},
		{"dirty pipe", true}, {"dirtypipe", true}, {"kernel exploit", true}, {"local root exploit", true}, {"privilege escalation", false}, {"spawning shell", false}, {"spawning root shell", true},
		{"exploiting", false}, {"exploit failed", false}, {"shellcode", false}, {"ptrace_attach", false}, {"child process started", false}, {"addr_limit", false},
		{"heap spray", false}, {"kaslr", false}, {"cve-20", false}, {"glibc_tunables=glibc", true}, {"overlayfs", false}, {"mremap_thread", false}, {"[+] got root", true}, {"attached to ", false},
	}},
	{"a remote-controlled bot", rules.Critical, []string{"T1071.001", "T1498.001"}, []sign{
		{"privmsg %s", false}, {"notice %s", false}, {"nick %s", false}, {"join %s", false}, {"pong %s", false}, {"udp flood", false}, {"syn flood", false}, {"udpflood", false},
		{"synflood", false}, {"httpflood", false}, {"tcpflood", false}, {"ackflood", false}, {"kaiten", true}, {"tsunami <target>", true}, {"unknown <target>", true}, {"gayfgt", true}, {"lolnogtfo", true},
		{"/bin/busybox mirai", true}, {"botnet", false}, {"/dev/watchdog", false}, {"/dev/misc/watchdog", false}, {"!* sh ", true}, {"killattk", true}, {"remove spoofing", false}, {"spoofs", false},
		{"enable <pass>", false}, {"psybnc", true}, {"eggdrop", false}, {"mozi.m", true},
	}},
	{"a miner of cryptocurrency", rules.High, []string{"T1496.001"}, []sign{
		{"stratum+tcp://", true}, {"stratum+ssl://", true}, {"donate.v2.xmrig.com", true}, {"xmrig", false}, {"cryptonight", false}, {"randomx", false}, {"--donate-level", true}, {"nicehash", false},
		{"mining.submit", false}, {"mining.subscribe", false}, {"monero", false}, {"hashrate", false}, {"minerd", false},
	}},
	{"a backdoor", rules.Critical, []string{"T1059.004", "T1205"}, []sign{
		{"histfile=/dev/null", false}, {"unset histfile", false}, {"connect back", false}, {"connecting back", false}, {"connectback", false}, {"reverse shell", false}, {"bind shell", false}, {"bindshell", false},
		{"backdoor", false}, {"/dev/ptmx", false}, {"shell spawned", false}, {"enjoy the shell", true}, {"tinyshell", false}, {"magic packet", false}, {"icmp shell", true}, {"/var/run/haldrund.pid", true},
		{"meterpreter", true}, {"stdapi_", false}, {"socks proxy started", false}, {"password accepted", false}, {"wrong password!", false}, {"execve /bin/sh", false}, {"sh -i", false}, {"xtermx", false},
	}},
	{"a rootkit", rules.Critical, []string{"T1014", "T1574.006"}, []sign{
		{"diamorphine", true}, {"reptile", false}, {"adore-ng", true}, {"suckit", true}, {"knark", true}, {"jynx", true}, {"azazel", true}, {"beurk", true}, {"vlany", true}, {"bdvl", true}, {"libprocesshider", true},
		{"hide_pid", false}, {"hide_file", false}, {"hidden_ports", false}, {"hide_tcp", false}, {"hide_module", false}, {"kallsyms_lookup_name", false}, {"sys_call_table", false}, {"/etc/ld.so.preload", false},
		{"magic_prefix", false}, {"give_root", false}, {"module_hide", false}, {"ftrace hook", false}, {"rootkit", false}, {"unhide", false}, {"/proc/net/tcp", false},
	}},
	{"a tool to spread", rules.High, []string{"T1110.001", "T1046"}, []sign{
		{"pscan2", true}, {"ssh brute", false}, {"sshbrute", true}, {"bruteforce", false}, {"brute force", false}, {"vuln.txt", true}, {"pass_file", false}, {"found a vulnerable", false}, {"scanning ip range", false},
		{"-> oops, ", false}, {"usage: %s <b-block>", true}, {"telnet scanner", true}, {"mfu.txt", true}, {"mass scan", false},
	}},
	{"a key logger or a trojaned login", rules.Critical, []string{"T1056.001", "T1556"}, []sign{
		{"user:password -->", true}, {"password:%s user:%s", false}, {"login at: %s", false}, {"+user: %s +password: %s", true}, {"keylogger", false}, {"/usr/include/sn.h", true}, {"/dev/input/event", false},
		{"captured password", true}, {"sniffed", false}, {"logged password", false},
	}},
}

// web shells' markers, in scripts that are read like programs.
var scriptFamilies = []family{
	{"a web shell", rules.Critical, []string{"T1505.003"}, []sign{
		{"eval($_", true}, {"eval(@$_", true}, {"assert($_", true}, {"assert(@$_", true}, {"system($_", true}, {"system(@$_", true}, {"passthru($_", true}, {"shell_exec($_", true}, {"exec($_", true}, {"popen($_", true},
		{"eval(base64_decode($_", true}, {"eval(gzinflate(base64_decode(", true}, {"eval(gzuncompress(base64_decode(", true}, {"eval(str_rot13(", true}, {"eval(base64_decode(", false}, {"eval(stripslashes($_", true},
		{"include($_", false}, {"require($_", false}, {"create_function('',$_", true}, {"call_user_func($_", true}, {"preg_replace('/.*/e'", true}, {"preg_replace(\"/.*/e\"", true}, {"c99shell", true}, {"r57shell", true},
		{"b374k", true}, {"filesman", true}, {"wso_version", true}, {"weevely", true}, {"web shell by", true}, {"phpspy", true}, {"getruntime().exec(request.getparameter", true}, {"processbuilder(request.getparameter", true},
		{"$_post['cmd']", false}, {"$_get['cmd']", false}, {"$_request['cmd']", false}, {"$_post[\"cmd\"]", false}, {"$_get[\"cmd\"]", false}, {"$_request[\"cmd\"]", false}, {"shell_exec(", false}, {"passthru(", false},
		{"system(", false}, {"proc_open(", false}, {"move_uploaded_file(", false}, {"uname -a", false}, {"safe_mode", false}, {"gzinflate(", false}, {"posix_getpwuid", false}, {"disable_functions", false},
	}},
}

// readStrings gives the families that the strings of a program belong to, the
// gravest first, with the signs that say so.
func readStrings(text string, list []family) []recognised {
	l := strings.ToLower(text)
	var out []recognised
	for i := range list {
		f := &list[i]
		var found []string
		decisive := false
		for _, s := range f.signs {
			if says(l, s.text) && !covered(found, s.text) {
				found = append(found, s.text)
				decisive = decisive || s.decisive
			}
		}
		if decisive || len(found) >= 2 {
			out = append(out, recognised{f, found, decisive})
		}
	}
	sort.SliceStable(out, func(a, b int) bool {
		if out[a].decisive != out[b].decisive {
			return out[a].decisive
		}
		return out[a].family.severity > out[b].family.severity
	})
	return out
}

// says reports whether a text holds a sign. The name of a function must not be
// the end of a longer one: "exec(" is not in "curl_exec(".
func says(text, sign string) bool {
	if !strings.Contains(sign, "(") || !wordByte(sign[0]) {
		return strings.Contains(text, sign)
	}
	for from := 0; ; {
		i := strings.Index(text[from:], sign)
		if i < 0 {
			return false
		}
		if i += from; i == 0 || !wordByte(text[i-1]) && text[i-1] != '>' && text[i-1] != ':' {
			return true
		}
		from = i + 1
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

type recognised struct {
	family   *family
	signs    []string
	decisive bool
}

func covered(found []string, s string) bool {
	for _, f := range found {
		if strings.Contains(f, s) || strings.Contains(s, f) {
			return true
		}
	}
	return false
}

type stringsChecker struct {
	env    *rules.Env
	groups rules.Groups
}

func (c *stringsChecker) Record(r *timeline.Record) {
	f := r.File
	text := r.Fields["strings"]
	path := r.Fields["path"]
	if f != nil && !f.InPackage && (f.Magic == "script" || f.Magic == "php") && text != "" && !inContainerStore(path) {
		c.script(r, path, text)
		return
	}
	if text == "" || f != nil && (f.InPackage || f.Magic != "elf" && f.Magic != "") || inContainerStore(path) {
		return
	}
	list := readStrings(text, families)
	if len(list) == 0 {
		return
	}
	best := list[0]
	odd := temporary(path) != "" || hiddenElement(path) || strings.HasPrefix(path, "/dev/")
	s := best.family.severity
	if !best.decisive && len(best.signs) < 3 {
		s = min(s, rules.High)
	}
	// Honest programs speak of two of these things too: a chat client of IRC
	// commands, a debugger of shells. Three of them, a decisive one, or a place
	// where no honest program lies, make the difference.
	if !best.decisive && !odd {
		if len(best.signs) < 3 {
			return
		}
		s = rules.Medium
		if inSystem(path) && !c.env.Packages {
			s = rules.Low
		}
	}
	g := c.groups.Get(path)
	g.Raise(s)
	g.Techniques = best.family.techniques
	g.AddPath(path)
	var t, note = when(r)
	if f != nil {
		t, note = arrived(f)
		g.Account = c.env.AccountName(f.UID)
	}
	g.Add(r.Evidence, t, note)
	signs := best.signs
	more := ""
	if len(signs) > 4 {
		signs, more = signs[:4], ", ..."
	}
	quoted := make([]string, len(signs))
	for i, s := range signs {
		quoted[i] = `"` + s + `"`
	}
	g.Summary = "The program " + showPath(path) + " looks like " + best.family.name + ": its strings speak of " + strings.Join(quoted, ", ") + more
}

// script looks for a bot that is controlled over IRC (RFC 2812) in a script: it
// gives itself a name, joins a channel and talks there.
func (c *stringsChecker) script(r *timeline.Record, path, text string) {
	var found []string
	for _, s := range [...]string{"PRIVMSG ", "NICK ", "JOIN ", "PONG ", "USER "} {
		if strings.Contains(text, s) {
			found = append(found, strings.TrimSpace(s))
		}
	}
	odd := temporary(path) != "" || hiddenElement(path) || strings.HasPrefix(path, "/dev/")
	if len(found) < 3 || found[0] != "PRIVMSG" || !strings.Contains(text, "NICK ") {
		return
	}
	s := rules.Medium
	if odd {
		s = rules.Critical
	}
	g := c.groups.Get(path)
	g.Raise(s)
	g.Techniques = []string{"T1071", "T1059"}
	g.AddPath(path)
	t, note := arrived(r.File)
	g.Account = c.env.AccountName(r.File.UID)
	g.Add(r.Evidence, t, note)
	g.Summary = "The script " + showPath(path) + " looks like a bot that is controlled over IRC: it has " + strings.Join(found, ", ")
}

func (c *stringsChecker) Findings() []rules.Finding { return c.groups.Findings(nil) }

var malwareStrings = &rules.Rule{
	ID:    "malware-strings",
	Title: "The strings of an unknown program speak of hostile work",
	Doc: `Printable strings of programs that neither a package nor the baseline knows: what exploits, bots, miners, backdoors, rootkits and key loggers say. One decisive
string is enough, else two different ones of a kind where no honest program lies, and three elsewhere (medium).
Innocent: chat clients, security tools and debuggers that an administrator built.`,
	Severity:   rules.Critical,
	Techniques: []string{"T1588.001"},
	Kinds:      []string{timeline.KindStrings},
	New:        func(env *rules.Env) rules.Checker { return &stringsChecker{env: env} },
	True: []rules.Example{
		one("exploit", rules.Critical, someStrings("/tmp/bd/x", "[-] Unable to attach\nsuid shell\nShellcode placed at 0x%08lx\n")),
		one("bot", rules.Critical, someStrings("/var/tmp/.b/d", "NICK %s\nPRIVMSG %s :ok\nJOIN %s\n")),
		one("bot as a script", rules.Critical, someStrings("/tmp/.x", "#!/usr/bin/perl\nprint $sock \"NICK b0t\\nUSER b 8 * :b\\nJOIN $chan\\nPRIVMSG $chan :up\\n\";", magic("script"))),
		one("miner", rules.High, someStrings("/opt/m/kworkerd", "stratum+tcp://\nalgo\n")),
		one("bot elsewhere", rules.Medium, someStrings("/usr/share/x/y", "NICK %s\nPRIVMSG %s :ok\nJOIN %s\n")),
	},
	False: []rules.Example{
		quiet("script with a nickname", someStrings("/usr/local/bin/x", "#!/bin/sh\necho NICK $1\n", magic("script"))),
		quiet("ordinary program", someStrings("/usr/local/bin/tool", "usage: %s FILE\n/bin/sh\nopen failed\n")),
		quiet("chat client", someStrings("/opt/irc/bin/client", "PRIVMSG %s :%s\nNICK %s\n")),
		quiet("packaged", someStrings("/usr/bin/irssi", "PRIVMSG %s\nNICK %s\nJOIN %s\n", packaged)),
		quiet("shell", someStrings("/usr/local/bin/bash5", "HISTFILE\n/bin/sh\n/dev/tcp/*/*\n")),
	},
}
