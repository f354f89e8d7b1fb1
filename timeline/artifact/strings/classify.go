package elfstrings

import (
	"bytes"
	"strings"
)

// Why says what makes a string telling.
type Why string

// What makes a string telling, the most telling first.
const (
	Phrase   Why = "phrase"   // words of exploits, backdoors, bots, miners
	Network  Why = "network"  // a URL, an address, a host, a mail address
	Command  Why = "command"  // a command line of a shell
	Banner   Why = "banner"   // usage, prompts, marks of progress, who wrote it
	Path     Why = "path"     // an absolute path
	Compiler Why = "compiler" // what made the program
	Text     Why = "text"     // other words in a program that links its libraries
)

var ranks = [...]Why{Phrase, Network, Command, Banner, Path, Compiler, Text}

// phrases are in lower case. Each stands for what few honest programs say.
var phrases = []string{
	// Exploits.
	"suid shell", "suid-shell", "root shell", "rootshell", "shellcode", "got root", "g0t r00t", "r00t", "0wned", "pwned", "pwn3d", "exploit", "exploited", "exploiting", "ret2usr", "ret2libc", "ret2dir", "rop chain",
	"commit_creds", "prepare_kernel_cred", "modprobe_path", "dirty cow", "dirtycow", "dirty pipe", "dirtypipe", "heap spray", "privilege escalation", "spawning shell", "spawn shell", "spawning root", "kernel exploit", "addr_limit", "child process started", "exploit failed",
	// Backdoors, rootkits, thieves.
	"backdoor", "back door", "bindshell", "bind shell", "bind a shell", "connect back", "connectback", "connect-back", "reverse shell", "revshell", "rootkit", "hide process", "hide pid", "hidden pid", "magic packet", "magic password",
	"keylogger", "keylogging", "sniffer", "sniffing", "ld.so.preload", "/dev/tcp/", "tty hijack", "logged password", "captured password", "password accepted", "shell spawned", "tinyshell", "meterpreter", "stdapi_", "icmp shell", "hide_pid", "hide_file", "hide_tcp", "hide_module", "hidden_ports", "module_hide",
	"give_root", "magic_prefix", "sys_call_table", "kallsyms_lookup_name", "libprocesshider", "diamorphine", "adore-ng", "suckit", "jynx", "azazel", "beurk", "vlany",
	// Bots and tools of denial of service.
	"privmsg", "nick %s", "join #", "join %s", "notice %s", "pong %s", "irc.", "ircd", "botnet", "bot connected", "udpflood", "udp flood", "synflood", "syn flood", "tcpflood", "ackflood", "httpflood", "http flood", "icmpflood",
	"ddos", "flooder", "flood", "kaiten", "tsunami", "mirai", "gayfgt", "lolnogtfo", "psybnc", "eggdrop", "killattk", "spoofing", "spoofs", "enable <pass>", "/dev/watchdog", "/dev/misc/watchdog", "pscan", "sshbrute", "vuln.txt", "pass_file", "bruteforce", "brute-force", "/bin/busybox", "c2 server",
	// Miners.
	"stratum+tcp", "stratum+ssl", "xmrig", "cryptonight", "randomx", "monero", "minerd", "cpuminer", "mining.subscribe", "mining.authorize", "donate-level", "hashrate", "nicehash", "minexmr", "supportxmr",
	// Ransom.
	"your files have been", "your files are", "bitcoin", ".onion", "ransom", "ransomware", "decrypt your",
}

// index finds phrases by their first two bytes.
type index [1 << 16][]string

var phraseIndex = newIndex(phrases)

func newIndex(list []string) *index {
	x := new(index)
	for _, p := range list {
		k := int(p[0])<<8 | int(p[1])
		x[k] = append(x[k], p)
	}
	return x
}

// find gives where the first phrase stands in s, which is in lower case; -1 if
// there is none.
func (x *index) find(s []byte) (at, length int) {
	for i := 0; i+1 < len(s); i++ {
		for _, p := range x[int(s[i])<<8|int(s[i+1])] {
			if len(s)-i >= len(p) && string(s[i:i+len(p)]) == p && whole(s, i, len(p)) {
				return i, len(p)
			}
		}
	}
	return -1, 0
}

// whole reports whether the n bytes at i are no part of a longer word: a
// plural is none, nor is a long phrase behind other letters, as in "sendudpflood".
func whole(s []byte, i, n int) bool {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c == '_' }
	if i > 0 && n < 8 && letter(s[i]) && letter(s[i-1]) {
		return false
	}
	end := i + n
	if end < len(s) && letter(s[end-1]) && s[end] == 's' {
		end++
	}
	return end >= len(s) || !letter(s[end-1]) || !letter(s[end])
}

// commands are the words that a telling command line starts with.
var commands = wordSet(`wget curl fetch lynx tftp ftpget chmod chown chattr rm kill pkill killall iptables ip6tables nohup crontab cp mv ln mkdir tar gzip unzip dd cat grep sed awk
	sh bash dash python python2 python3 perl php ruby useradd usermod userdel passwd chpasswd ssh scp sftp nc ncat netcat socat mount umount insmod rmmod modprobe depmod setenforce systemctl service touch
	history unset export echo printf base64 openssl gcc cc make setcap sysctl ps netstat ss ifconfig uname whoami hostname reboot shutdown ufw apt apt-get yum dnf at screen tmux`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// banners start or hold what programs say to whoever runs them.
var banners = []string{"cve-20", "/proc/kallsyms", "overflow", "return address", "kernel base", "escalat", "uid=0", "setuid(0)", "/proc/self/mem", "hidden", "hiding", "scanner", "killer", "zombie", "spoofed", "wallet", "encrypted with", "enjoy", "have fun!", "password is",
	"authorized_keys", "/etc/shadow", "histfile", "ld_preload", "wtmp", "lastlog", "telnetd", "gconv_path", "glibc_tunables", "madvise", "pkexec", "/dev/ptmx", "getdents64", "readdir64", "wrong password", "attached to ", "user %s", "/dev/input/event", "sniffed", "socks", "offset: 0x", "offset 0x",
	"usage:", "usage %s", "coded by", "written by", "made by", "author:", "greetz", "greets to", "password:", "passwd:", "enter pass", "wrong pass", "login:", "listening on", "connected to", "target:", "targets:", "[options]", "<ip>", "<host>", "<target>", "<port>", "trying ", "success", "failed!", "done!"}

var bannerIndex = newIndex(banners)

// topDirs are the directories below the root.
var topDirs = wordSet("bin sbin usr etc tmp var dev home root proc opt lib lib64 lib32 run boot mnt media srv sys www data app")

// dullPaths are paths, or starts of paths, that every linked C library or
// runtime holds.
var dullPaths = []string{
	"/lib/ld-", "/lib64/ld-", "/lib/ld.", "/usr/lib", "/lib/x86_64", "/lib/aarch64", "/lib64", "/usr/share/locale", "/usr/share/zoneinfo", "/usr/share/i18n", "/usr/share/nls", "/etc/localtime", "/etc/zoneinfo", "/usr/lib/locale",
	"/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/host.conf", "/etc/hosts", "/etc/services", "/etc/protocols", "/etc/networks", "/etc/aliases", "/etc/ld.so.", "/etc/gai.conf", "/etc/suid-debug", "/etc/timezone",
	"/dev/null", "/dev/full", "/dev/tty", "/dev/zero", "/dev/console", "/dev/log", "/dev/urandom", "/dev/random", "/dev/pts", "/dev/ptmx", "/dev/shm/", "/proc/self/", "/proc/sys/", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo", "/proc/mounts", "/proc/net/if_inet6",
	"/proc/%", "/sys/devices/system", "/sys/kernel/mm", "/var/tmp", "/var/run/nscd", "/var/run/.nscd", "/var/db/nscd", "/usr/local/go/", "/usr/src/", "/build/", "/usr/include/", "/usr/share/go", "/usr/lib/go", "/tmp", "/usr/sbin:", "/usr/bin:", "/bin:", "/sbin:",
}

// dullHosts are in the licences, help texts and specifications that programs quote.
var dullHosts = []string{"gnu.org", "golang.org", "go.dev", "openssl.org", "w3.org", "xmlsoap.org", "ietf.org", "rfc-editor.org", "kernel.org", "debian.org", "ubuntu.com", "redhat.com", "launchpad.net", "python.org", "perl.org", "sourceware.org", "rust-lang.org", "unicode.org", "apache.org", "openssh.com", "libssh.org", "freedesktop.org", "github.com/golang", "upx.sf.net", "zlib.net"}

// classify says why a run of characters is telling, "" if it is not, and which
// part of it to show. Names of hosts are looked at if hosts is set.
func classify(s []byte, kind regionKind, hosts bool, scratch *[]byte) (why Why, from, to int) {
	if kind == comment {
		return Compiler, 0, len(s)
	}
	lower := append((*scratch)[:0], s...)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c | 0x20
		}
	}
	*scratch = lower
	if symbolLike(s) {
		return "", 0, 0
	}
	if at, n := phraseIndex.find(lower); at >= 0 && (kind != code || n >= 8) {
		from, to = window(s, at, n)
		return Phrase, from, to
	}
	if at, n := url(lower); n > 0 && !dull(lower[at:at+n], dullHosts) {
		from, to = window(s, at, n)
		return Network, from, to
	}
	if kind == code {
		if string(s) == "/bin//sh" || string(s) == "/bin/sh" || bytes.HasPrefix(s, []byte("/bin/sh")) {
			return Command, 0, len(s)
		}
		return "", 0, 0
	}
	if at, n := address(lower); n > 0 {
		from, to = window(s, at, n)
		return Network, from, to
	}
	if at, n := hostOrMail(lower); hosts && n > 0 && !dull(lower[at:at+n], dullHosts) {
		from, to = window(s, at, n)
		return Network, from, to
	}
	if at := command(s); at >= 0 {
		from, to = window(s, at, 1)
		return Command, from, to
	}
	if marks(s) {
		return Banner, 0, min(len(s), maxText)
	}
	if at, n := bannerIndex.find(lower); at >= 0 {
		from, to = window(s, at, n)
		return Banner, from, to
	}
	if at := path(s); at >= 0 {
		from, to = window(s, at, 1)
		return Path, from, to
	}
	if kind == data && words(s) {
		return Text, 0, min(len(s), maxText)
	}
	return "", 0, 0
}

// maxText is the longest text that is shown, in bytes.
const maxText = 256

// window gives the part of s around the n bytes at at: all of a short string.
func window(s []byte, at, n int) (from, to int) {
	if len(s) <= maxText {
		return 0, len(s)
	}
	from = max(0, at-64)
	return from, min(len(s), max(from+maxText-64, min(at+n, from+maxText)))
}

// symbolLike tells names of symbols, their versions, and libraries.
func symbolLike(s []byte) bool {
	return bytes.HasPrefix(s, []byte("_Z")) || bytes.HasPrefix(s, []byte("GLIBC")) || bytes.HasPrefix(s, []byte("GCC_")) || bytes.HasPrefix(s, []byte("__")) || bytes.HasPrefix(s, []byte("lib")) && bytes.Contains(s, []byte(".so"))
}

// url finds "://" with a scheme before it, and gives the URL's place.
func url(s []byte) (at, n int) {
	for base := 0; ; {
		i := bytes.Index(s[base:], []byte("://"))
		if i < 0 {
			return 0, 0
		}
		i += base
		start := i
		for start > 0 && i-start < 12 && (s[start-1] >= 'a' && s[start-1] <= 'z' || s[start-1] == '+' || s[start-1] >= '0' && s[start-1] <= '9') {
			start--
		}
		end := i + 3
		for end < len(s) && end-start < 200 && bytes.IndexByte([]byte(" \t\"'<>`\\{}|^"), s[end]) < 0 {
			end++
		}
		// A scheme and a host, or a format that brings the host.
		if i-start >= 2 && end > i+5 {
			return start, end - start
		}
		base = i + 3
	}
}

// address finds an IPv4 address that is none of those that say nothing.
func address(s []byte) (at, n int) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		j, octets, value, digits := i, 1, 0, 0
		var first int
		valid := true
		for ; j < len(s); j++ {
			c := s[j]
			if c >= '0' && c <= '9' {
				value, digits = value*10+int(c-'0'), digits+1
				if digits > 3 || value > 255 {
					valid = false
				}
				value %= 1000
				continue
			}
			if c != '.' || digits == 0 {
				break
			}
			if octets == 1 {
				first = value
			}
			octets++
			value, digits = 0, 0
		}
		before := i > 0 && (letterOrDigit(s[i-1]) || s[i-1] == '.' || s[i-1] == '-' || s[i-1] == '_')
		after := j < len(s) && (letterOrDigit(s[j]) || s[j] == '_' || s[j] == '-')
		text := string(s[i:j])
		if octets == 4 && digits > 0 && valid && !before && !after && first != 0 && first != 127 && first != 255 && !version(text) {
			return i, j - i
		}
		i = j
	}
	return 0, 0
}

// version tells numbers like 1.2.3.4 and 2.0.0.0 from addresses.
func version(s string) bool {
	return len(s) <= len("1.2.3.4") || strings.HasSuffix(s, ".0.0.0") || strings.HasSuffix(s, ".0.0.1") && s != "10.0.0.1"
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// domains are the last parts of names that hosts in programs have.
var domains = wordSet("com net org info biz ru su cn ua in to cc tk ml ga cf xyz top club online site pro me io ws pw de fr nl uk br kr jp pl ro onion i2p bit")

// sureDomains need no second dot before them.
var sureDomains = wordSet("com net org ru cn onion i2p xyz su")

// hostOrMail finds a host's name or a mail address.
func hostOrMail(s []byte) (at, n int) {
	for i := 0; i < len(s); {
		if !hostChar(s[i]) {
			i++
			continue
		}
		j, dots, last, mail := i, 0, i, -1
		for ; j < len(s) && (hostChar(s[j]) || s[j] == '@' && mail < 0); j++ {
			if s[j] == '.' {
				dots++
				last = j + 1
			} else if s[j] == '@' {
				mail = j
				dots = 0
			}
		}
		end := j
		for end > i && s[end-1] == '.' {
			end--
		}
		// A file's name ends like some domains do; a host's has letters before the dot and nothing of a path around it.
		if dots >= 1 && last < end && domains[string(s[last:end])] && last-1-i >= 3 && !(i > 0 && (s[i-1] == '/' || s[i-1] == '*')) && !(j < len(s) && s[j] == '(') &&
			(mail > i || dots >= 2 || sureDomains[string(s[last:end])]) {
			return i, end - i
		}
		i = j + 1
	}
	return 0, 0
}

func hostChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// command finds a command line: a known word with an argument, at the start or
// behind a separator; -1 if there is none.
func command(s []byte) int {
	start := 0
	for start < len(s) {
		i := start
		for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '(' || s[i] == '!') {
			i++
		}
		j := i
		for j < len(s) && (letterOrDigit(s[j]) || s[j] == '/' || s[j] == '-' || s[j] == '.' || s[j] == '_') {
			j++
		}
		word := s[i:j]
		if k := bytes.LastIndexByte(word, '/'); k >= 0 {
			word = word[k+1:]
		}
		if len(word) > 1 && commands[string(word)] && j+1 < len(s) && s[j] == ' ' && argument(s[j+1:]) {
			return i
		}
		next := bytes.IndexAny(s[j:], ";|&`$")
		if next < 0 {
			return -1
		}
		start = j + next + 1
	}
	return -1
}

// argument tells an argument of a command from the next word of a sentence.
func argument(s []byte) bool {
	s = bytes.TrimLeft(s, " ")
	if len(s) == 0 {
		return false
	}
	end := bytes.IndexAny(s, " ;|&")
	if end < 0 {
		end = len(s)
	}
	return bytes.ContainsAny(s[:end], "/$'\"`%<>*~") || s[0] == '-' && end > 1 || s[0] == '+' && end > 1 || end < len(s) && s[end] != ' ' || bytes.ContainsAny(s, "|&;>") || allDigits(s[:end])
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) > 0
}

// marks tells lines that start as the messages of attack tools do: "[+] done".
func marks(s []byte) bool {
	s = bytes.TrimLeft(s, " \t")
	return len(s) > 4 && s[0] == '[' && s[2] == ']' && bytes.IndexByte([]byte("+-*!#~x"), s[1]) >= 0 && s[3] == ' '
}

// path finds an absolute path that says something; -1 if there is none.
func path(s []byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] != '/' || i > 0 && bytes.IndexByte([]byte(" \t\"'=:(<>,;|`"), s[i-1]) < 0 {
			continue
		}
		end := bytes.IndexByte(s[i+1:], '/')
		if end <= 0 || !topDirs[string(s[i+1:i+1+end])] || i+1+end+1 >= len(s) {
			continue
		}
		if !dullPath(s[i:]) {
			return i
		}
	}
	return -1
}

func dullPath(s []byte) bool {
	for _, d := range dullPaths {
		if len(s) >= len(d) && string(s[:len(d)]) == d {
			// What lies in a directory for temporary files is not dull, the directory alone is.
			if (d == "/tmp" || d == "/var/tmp") && len(s) > len(d)+1 && s[len(d)] == '/' {
				continue
			}
			return true
		}
	}
	return false
}

func dull(s []byte, list []string) bool {
	for _, d := range list {
		if bytes.Contains(s, []byte(d)) {
			return true
		}
	}
	return false
}

// words tells a sentence from bytes that happen to be printable.
func words(s []byte) bool {
	letters, spaces, odd := 0, 0, 0
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		case c == ' ':
			spaces++
		case c >= '0' && c <= '9', bytes.IndexByte([]byte(".,:;!?%'-_()[]/\\\"=+*#<>"), c) >= 0:
		default:
			odd++
		}
	}
	return len(s) >= 8 && spaces >= 1 && letters*10 >= len(s)*6 && odd*10 <= len(s)
}
