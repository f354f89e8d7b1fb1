package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An event is something that happens on the server at a time.
type event struct {
	at time.Time
	do func(time.Time)
	n  int // keeps events of one time in the order in which they were made
}

type world struct {
	*server
	events []event
}

func (w *world) on(at time.Time, do func(time.Time)) {
	w.events = append(w.events, event{at, do, len(w.events)})
}

// log adds a line to a log at a time.
func (w *world) log(at time.Time, p, line string) {
	w.on(at, func(at time.Time) { w.appendTo(p, line+"\n", at) })
}

// runUntil lets events happen, and returns those that are still to come.
func (w *world) runUntil(end time.Time) {
	slices.SortFunc(w.events, func(a, b event) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n))
	})
	i := 0
	for ; i < len(w.events) && w.events[i].at.Before(end); i++ {
		w.events[i].do(w.events[i].at)
	}
	w.events = w.events[i:]
	for i := range w.events {
		w.events[i].n = i
	}
}

const (
	authLog   = "/var/log/auth.log"
	sysLog    = "/var/log/syslog"
	kernLog   = "/var/log/kern.log"
	accessLog = "/var/log/apache2/access.log"
	errorLog  = "/var/log/apache2/error.log"
)

// pidAt is the number that a process gets which starts at t: they rise with
// the time since the server was started.
func (w *world) pidAt(t time.Time) int {
	return 700 + int(t.Sub(bootTime).Seconds())/4*3/2 + w.rng.IntN(2)
}

// sys writes a line in the traditional format of rsyslog.
func (w *world) sys(at time.Time, p, who, text string) {
	w.log(at, p, at.In(berlin).Format("Jan _2 15:04:05")+" web01 "+who+": "+text)
}

func (w *world) kernel(at time.Time, text string) string {
	up := at.Sub(bootTime).Seconds()
	line := fmt.Sprintf("%s web01 kernel: [%12.6f] %s", at.In(berlin).Format("Jan _2 15:04:05"), up, text)
	w.log(at, kernLog, line)
	w.log(at, sysLog, line)
	return line
}

// cron is a job that cron runs.
func (w *world) cron(at time.Time, user, uid, command string) {
	pid := w.pidAt(at)
	w.sys(at, authLog, fmt.Sprintf("CRON[%d]", pid), "pam_unix(cron:session): session opened for user "+user+"(uid="+uid+") by (uid=0)")
	w.sys(at, sysLog, fmt.Sprintf("CRON[%d]", pid+1), "("+user+") CMD ("+command+")")
	w.sys(at.Add(time.Second), authLog, fmt.Sprintf("CRON[%d]", pid), "pam_unix(cron:session): session closed for user "+user)
}

// get is a request as Apache logs it.
func (w *world) get(at time.Time, ip, request string, status, size int, referer, agent string) string {
	if referer == "" {
		referer = "-"
	}
	line := fmt.Sprintf("%s - - [%s] \"%s HTTP/1.1\" %d %d \"%s\" \"%s\"", ip, at.In(berlin).Format("02/Jan/2006:15:04:05 -0700"), request, status, size, referer, agent)
	w.log(at, accessLog, line)
	return line
}

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:136.0) Gecko/20100101 Firefox/136.0",
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
	"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Mobile Safari/537.36",
}

// What the whole internet tries on every server, and gets nothing for.
var noise = []string{
	"GET /wp-login.php", "GET /.env", "GET /.git/config", "GET /phpmyadmin/index.php", "POST /xmlrpc.php",
	"GET /cgi-bin/.%2e/.%2e/.%2e/.%2e/bin/sh", "GET /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
	"GET /admin.php", "GET /backup.zip", "GET /actuator/health", "GET /owa/auth/logon.aspx", "GET /index.php?s=/index/%5Cthink%5Capp/invokefunction",
}

// phrase is the name of a page of the site.
const phrase = "union select committee"

var searches = []string{"select plants", "cat litter in compost", "bees & wasps", "Äpfel schneiden", "what's on", "drop in table sale"}

// ordinary makes the life of the server from one midnight to another time.
func (w *world) ordinary(from, to time.Time) {
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		w.day(day)
	}
}

func at(day time.Time, h, m, s int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), h, m, s, 0, berlin)
}

func (w *world) day(day time.Time) {
	// Logs turn at midnight.
	w.on(at(day, 0, 0, 2), func(t time.Time) {
		w.rotate(sysLog, 7, t)
		w.rotate(accessLog, 14, t)
		w.rotate(errorLog, 14, t)
		if day.Weekday() == time.Sunday {
			w.rotate(authLog, 4, t)
			w.rotate(kernLog, 4, t)
		}
		if day.Day() == 1 {
			w.rotate("/var/log/dpkg.log", 12, t)
			w.rotate("/var/log/apt/history.log", 12, t)
		}
	})
	stamp := at(day, 0, 0, 3)
	w.log(stamp, errorLog, fmt.Sprintf("[%s] [mpm_prefork:notice] [pid 612] AH00163: Apache/2.4.56 (Debian) configured -- resuming normal operations", stamp.Format("Mon Jan 02 15:04:05.000000 2006")))
	w.sys(stamp, sysLog, "systemd[1]", "Starting Rotate log files...")
	w.sys(at(day, 0, 0, 4), sysLog, "rsyslogd", "[origin software=\"rsyslogd\" swVersion=\"8.2102.0\" x-pid=\"421\" x-info=\"https://www.rsyslog.com\"] rsyslogd was HUPed")
	w.sys(at(day, 0, 0, 5), sysLog, "systemd[1]", "logrotate.service: Succeeded.")

	for h := range 24 {
		if day.Month() == time.March && day.Weekday() == time.Sunday && day.Day() >= 25 && h == 2 {
			continue // the hour that summer time leaves out
		}
		w.cron(at(day, h, 17, 1), "root", "0", "   cd / && run-parts --report /etc/cron.hourly")
		for _, m := range []int{9, 39} {
			w.sys(at(day, h, m, 0), sysLog, "systemd[1]", "Starting Clean php session files...")
			w.sys(at(day, h, m, 1), sysLog, "systemd[1]", "phpsessionclean.service: Succeeded.")
		}
	}
	w.cron(at(day, 1, 30, 1), "root", "0", "/usr/local/bin/site-backup >/dev/null")
	w.on(at(day, 1, 30, 3), func(t time.Time) {
		p := "/srv/backup/html-" + t.In(berlin).Format("06") + fmt.Sprint(int(day.Weekday())) + ".tgz"
		data := gz("stand-in for the nightly copy of the site\n", time.Time{})
		if w.has(p) {
			w.write(p, data, t)
		} else {
			w.file(p, 0o600, 0, 0, data, t)
		}
	})
	w.cron(at(day, 6, 25, 1), "root", "0", "test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )")
	if day.Weekday() == time.Monday {
		w.cron(at(day, 6, 15, 1), "anna", "1000", "/home/anna/bin/report-disk")
	}

	// Visitors, who come by day.
	for range 22 + w.rng.IntN(14) {
		ip := fmt.Sprintf("192.0.2.%d", 30+w.rng.IntN(200))
		if w.rng.IntN(3) == 0 {
			ip = fmt.Sprintf("198.51.100.%d", 120+w.rng.IntN(100))
		}
		agent := agents[w.rng.IntN(len(agents))]
		t := at(day, 7+w.rng.IntN(16), w.rng.IntN(60), w.rng.IntN(60))
		ref := ""
		for range 1 + w.rng.IntN(5) {
			var page string
			switch w.rng.IntN(6) {
			case 0:
				page = "/search.php?q=" + url.QueryEscape(searches[w.rng.IntN(len(searches))])
			case 1:
				page = "/gallery/index.php"
			default:
				page = "/index.php?p=" + articles[w.rng.IntN(len(articles))]
			}
			w.get(t, ip, "GET "+page, 200, 900+w.rng.IntN(5000), ref, agent)
			if ref == "" {
				w.get(t, ip, "GET /themes/linden/style.css", 200, 402, "http://www.example.org"+page, agent)
				w.get(t, ip, "GET /themes/linden/menu.js", 200, 421, "http://www.example.org"+page, agent)
			}
			if strings.HasPrefix(page, "/gallery") {
				w.get(t.Add(time.Second), ip, "GET /gallery/thumb.php?w=240&src=2025%2F10%2Fapples.jpg", 200, 8120, "http://www.example.org"+page, agent)
				w.get(t.Add(time.Second), ip, "GET /gallery/thumb.php?w=240&src=2026%2F02%2Fsnowdrops.jpg", 200, 7345, "http://www.example.org"+page, agent)
			}
			ref = "http://www.example.org" + page
			t = t.Add(time.Duration(5+w.rng.IntN(90)) * time.Second)
		}
	}
	for range 6 + w.rng.IntN(8) {
		t := at(day, w.rng.IntN(24), w.rng.IntN(60), w.rng.IntN(60))
		w.get(t, fmt.Sprintf("198.51.100.%d", 60+w.rng.IntN(40)), noise[w.rng.IntN(len(noise))], 404, 451, "", "Mozilla/5.0 zgrab/0.x")
	}
	// Guessers at the ssh door, who never get in.
	for range 3 + w.rng.IntN(4) {
		ip := fmt.Sprintf("198.51.100.%d", 60+w.rng.IntN(40))
		t := at(day, w.rng.IntN(24), w.rng.IntN(60), w.rng.IntN(60))
		for range 2 + w.rng.IntN(4) {
			name := []string{"admin", "oracle", "ubuntu", "test", "pi", "git"}[w.rng.IntN(6)]
			w.badLogin(t, ip, name, false)
			t = t.Add(time.Duration(4+w.rng.IntN(20)) * time.Second)
		}
	}
	switch day.Weekday() {
	case time.Tuesday, time.Friday:
		t := at(day, 9+w.rng.IntN(6), w.rng.IntN(60), w.rng.IntN(60))
		if day.Before(time.Date(2026, 3, 28, 0, 0, 0, 0, berlin)) { // then her holidays begin
			w.session(t, "anna", 1000, "192.0.2.10", "publickey", w.annas, 20*time.Minute)
			w.sudo(t.Add(3*time.Minute), "anna", "/home/anna", "/usr/bin/tail -n 100 /var/log/apache2/error.log")
			w.on(t.Add(20*time.Minute), func(t time.Time) {
				w.appendTo("/home/anna/.bash_history", "sudo tail -n 100 /var/log/apache2/error.log\ndf -h\nuptime\n", t)
				for _, p := range []string{"/usr/bin/bash", "/usr/bin/sudo", "/usr/bin/df", "/usr/bin/uptime", "/usr/bin/tail"} {
					w.read(p, t)
				}
			})
		}
	}
	for _, p := range []string{"/usr/bin/dash", "/usr/sbin/logrotate", "/usr/bin/gzip", "/usr/bin/tar", "/etc/crontab", "/etc/passwd", "/etc/hosts"} {
		w.on(at(day, 6, 25, 4), func(t time.Time) { w.read(p, t) })
	}
}

// badLogin is a login by password that fails.
func (w *world) badLogin(t time.Time, ip, name string, exists bool) string {
	pid, port := w.pidAt(t), 30000+w.rng.IntN(30000)
	who := fmt.Sprintf("sshd[%d]", pid)
	invalid := ""
	if !exists {
		invalid = "invalid user "
		w.sys(t, authLog, who, fmt.Sprintf("Invalid user %s from %s port %d", name, ip, port))
	}
	w.sys(t, authLog, who, "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost="+ip)
	line := fmt.Sprintf("Failed password for %s%s from %s port %d ssh2", invalid, name, ip, port)
	w.sys(t.Add(2*time.Second), authLog, who, line)
	w.sys(t.Add(2*time.Second), authLog, who, fmt.Sprintf("Connection closed by %s%s %s port %d [preauth]", map[bool]string{true: "authenticating user ", false: "invalid user "}[exists], name, ip, port))
	w.on(t.Add(2*time.Second), func(t time.Time) {
		w.appendTo("/var/log/btmp", utmp(6, int32(pid), "ssh:notty", "", name, ip, t), t)
	})
	return line
}

// session is a login that succeeds, with the records that it leaves.
func (w *world) session(t time.Time, name string, uid int, ip, method, key string, long time.Duration) string {
	pid, port := w.pidAt(t), 30000+w.rng.IntN(30000)
	who := fmt.Sprintf("sshd[%d]", pid)
	text := fmt.Sprintf("Accepted %s for %s from %s port %d ssh2", method, name, ip, port)
	if key != "" {
		text += ": " + key
	}
	w.sys(t, authLog, who, text)
	w.sys(t, authLog, who, fmt.Sprintf("pam_unix(sshd:session): session opened for user %s(uid=%d) by (uid=0)", name, uid))
	w.sys(t, authLog, "systemd-logind[433]", fmt.Sprintf("New session %d of user %s.", pid/3, name))
	w.on(t, func(t time.Time) {
		w.appendTo("/var/log/wtmp", utmp(7, int32(pid), "pts/0", "ts/0", name, ip, t), t)
	})
	end := t.Add(long)
	w.sys(end, authLog, who, "pam_unix(sshd:session): session closed for user "+name)
	w.on(end, func(t time.Time) {
		w.appendTo("/var/log/wtmp", utmp(8, int32(pid), "pts/0", "", "", "", t), t)
	})
	return text
}

func (w *world) sudo(t time.Time, name, dir, command string) {
	w.sys(t, authLog, "sudo", fmt.Sprintf("%8s : TTY=pts/0 ; PWD=%s ; USER=root ; COMMAND=%s", name, dir, command))
	w.sys(t, authLog, "sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by "+name+"(uid=1000)")
	w.sys(t.Add(time.Second), authLog, "sudo", "pam_unix(sudo:session): session closed for user root")
}

// maintenance is what the owners do after the backup was taken.
func (w *world) maintenance() {
	// A typing error of the administrator, which is no attack.
	t := time.Date(2026, 3, 13, 8, 58, 11, 0, berlin)
	w.badLogin(t, "192.0.2.10", "webdev", true)
	w.badLogin(t.Add(9*time.Second), "192.0.2.10", "webdev", true)
	w.session(t.Add(24*time.Second), "webdev", 1001, "192.0.2.10", "password", "", 31*time.Minute)
	w.on(t.Add(11*time.Minute), func(t time.Time) {
		w.replace("/var/www/html/themes/linden/style.css", pages["themes/linden/style.css"]+"nav a.here { font-weight: bold; }\n", t)
	})
	w.on(t.Add(30*time.Minute), func(t time.Time) {
		w.appendTo("/home/webdev/.bash_history", fmt.Sprintf("#%d\ncd /var/www/html/themes/linden\n#%d\nvi style.css\n", t.Unix()-1500, t.Unix()-1480), t)
	})

	// A security update.
	up := time.Date(2026, 3, 17, 10, 4, 2, 0, berlin)
	w.session(up.Add(-2*time.Minute), "anna", 1000, "192.0.2.10", "publickey", w.annas, 25*time.Minute)
	w.sudo(up.Add(-time.Minute), "anna", "/home/anna", "/usr/bin/apt upgrade")
	w.on(up, func(t time.Time) {
		const to = "1.1.1w-0+deb11u1"
		var dpkgLog strings.Builder
		line := func(t time.Time, s string) {
			fmt.Fprintf(&dpkgLog, "%s %s\n", t.In(berlin).Format("2006-01-02 15:04:05"), s)
		}
		line(t, "startup archives unpack")
		for _, name := range []string{"libssl1.1", "openssl"} {
			for _, p := range pkgs {
				if p.name != name {
					continue
				}
				from := p.version
				line(t, "upgrade "+name+":amd64 "+from+" "+to)
				line(t, "status half-installed "+name+":amd64 "+from)
				p.version = to
				t = w.install(p, time.Date(2023, 9, 14, 18, 8, 11, 0, time.UTC), t).Add(800 * time.Millisecond)
				line(t, "status unpacked "+name+":amd64 "+to)
				line(t, "status installed "+name+":amd64 "+to)
			}
		}
		w.writeStatus(t)
		w.appendTo("/var/log/dpkg.log", dpkgLog.String(), t)
		w.appendTo("/var/log/apt/history.log", fmt.Sprintf("\nStart-Date: %s\nCommandline: apt upgrade\nRequested-By: anna (1000)\nUpgrade: libssl1.1:amd64 (1.1.1n-0+deb11u4, %s), openssl:amd64 (1.1.1n-0+deb11u4, %s)\nEnd-Date: %s\n", up.Format("2006-01-02  15:04:05"), to, to, t.In(berlin).Format("2006-01-02  15:04:05")), t)
	})
	w.on(up.Add(20*time.Minute), func(t time.Time) {
		w.appendTo("/home/anna/.bash_history", "sudo apt update\nsudo apt upgrade\nsudo systemctl restart apache2\n", t)
	})

	// Pictures that a member put in the gallery, and an edited page.
	t = time.Date(2026, 3, 14, 16, 20, 5, 0, berlin)
	w.get(t, "192.0.2.44", "POST /admin/login.php", 302, 331, "http://www.example.org/admin/login.php", agents[0])
	w.get(t.Add(40*time.Second), "192.0.2.44", "POST /admin/upload.php", 200, 512, "http://www.example.org/admin/upload.php", agents[0])
	w.on(t.Add(40*time.Second), func(t time.Time) {
		w.mkdir("/var/www/html/uploads/2026/03", 0o755, 33, 33, t)
		w.picture("/var/www/html/uploads/2026/03/crocus.jpg", t, t)
	})
	w.get(t.Add(95*time.Second), "192.0.2.44", "POST /admin/upload.php", 200, 512, "http://www.example.org/admin/upload.php", agents[0])
	w.on(t.Add(95*time.Second), func(t time.Time) { w.picture("/var/www/html/uploads/2026/03/magnolia.jpg", t, t) })
	w.on(time.Date(2026, 3, 27, 11, 12, 40, 0, berlin), func(t time.Time) {
		w.replace("/var/www/html/pages/news.html", "<!doctype html>\n<title>news</title>\n<h1>news</h1>\n<p>The plant sale is on the second Saturday of May.</p>\n", t)
		w.appendTo("/home/anna/.bash_history", "sudo vi /var/www/html/pages/news.html\n", t)
	})
	// A phrase of the site that looks like SQL.
	w.get(time.Date(2026, 3, 25, 15, 21, 9, 0, berlin), "192.0.2.139", "GET /search.php?q="+url.QueryEscape(phrase), 200, 122, "http://www.example.org/index.php?p=home", agents[1])
	w.get(time.Date(2026, 4, 1, 10, 2, 33, 0, berlin), "192.0.2.70", "GET /search.php?q="+url.QueryEscape(phrase), 200, 122, "http://www.example.org/index.php?p=members", agents[2])
	// A shell script of the owners' that waits in a temporary directory would be
	// a bad habit; a text is not.
	w.on(time.Date(2026, 3, 27, 11, 20, 0, 0, berlin), func(t time.Time) {
		w.file("/tmp/plant-sale.txt", 0o644, 1000, 1000, "tables: 6\nposters: 20\n", t)
	})
}
