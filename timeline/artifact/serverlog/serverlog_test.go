package serverlog

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

func source(path, text string) *timeline.Source {
	modified := time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	return &timeline.Source{
		Path: path, Data: bytes.NewReader([]byte(text)), Size: int64(len(text)), Zone: time.UTC,
		Inode: &filesystem.Inode{Times: filesystem.Times{Modified: filesystem.Time{Sec: modified.Unix(), Known: true}}},
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Offset: off, Length: n, Line: line}
		},
	}
}

func records(t testing.TB, e *timeline.Extractor, path, text string) []timeline.Record {
	t.Helper()
	var out []timeline.Record
	for r, err := range e.Run(context.Background(), source(path, text)) {
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, r)
	}
	return out
}

// show gives kind, time and fields, all but the message where that is the text itself.
func show(r timeline.Record, text string) string {
	parts := []string{r.Kind}
	for _, s := range r.Stamps {
		if s.What == "logged" {
			parts = append(parts, s.When.Format("@2006-01-02T15:04:05.999999"))
		} else {
			parts = append(parts, s.What+s.When.Format("@2006-01-02T15:04:05.999999"))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
		if k == "message" || k == "program" {
			continue
		}
		parts = append(parts, k+"="+r.Fields[k])
	}
	return strings.Join(parts, " ")
}

func TestLines(t *testing.T) {
	tests := []struct {
		e          *timeline.Extractor
		path, text string
		want       []string
	}{
		{&WebErrors, "/var/log/apache2/error.log", `[Fri Oct 08 17:08:41.203277 2021] [core:error] [pid 7005:tid 140667133085440] [client 192.0.2.7:14532] AH00126: Invalid URI in request GET /x HTTP/1.1, referer: http://example.org/`, []string{
			"web-error @2021-10-08T17:08:41.203277 address=192.0.2.7 code=AH00126 module=core pid=7005 port=14532 referer=http://example.org/ severity=error tid=140667133085440"}},
		{&WebErrors, "/var/log/apache2/error.log", `[Fri Oct 08 17:08:41 2021] [error] [client 192.0.2.7] File does not exist: /var/www/x`, []string{
			"web-error @2021-10-08T17:08:41 address=192.0.2.7 path=/var/www/x severity=error"}},
		{&WebErrors, "/var/log/apache2/error.log", `[Fri Oct 08 17:08:41.2 2021] [php:error] [pid 1] [client [2001:db8::1]:5] script '/var/www/html/x.php' not found or unable to stat`, []string{
			"web-error @2021-10-08T17:08:41.2 address=2001:db8::1 module=php path=/var/www/html/x.php pid=1 port=5 severity=error"}},
		{&WebErrors, "/var/log/apache2/error.log", `[Wed Apr 16 16:09:40.056610 2025] [ssl:info] [pid 120974:tid 120974] (70014)End of file found: [client 192.0.2.1:17036] AH02006: SSL handshake stopped: connection was closed`, []string{
			"web-error @2025-04-16T16:09:40.05661 address=192.0.2.1 code=AH02006 error=(70014)End of file found module=ssl pid=120974 port=17036 severity=info tid=120974"}},
		{&WebErrors, "/var/log/apache2/error.log", "[Fri Oct 08 17:08:41 2021] [php7:error] [pid 1] [client 192.0.2.7:1] PHP Fatal error:  Uncaught Error: x in /var/www/a.php:12\nStack trace:\n#0 {main}\n  thrown in /var/www/a.php on line 12\nsh: 1: nosuch: not found", []string{
			"web-error @2021-10-08T17:08:41 address=192.0.2.7 error=PHP fatal error module=php7 path=/var/www/a.php pid=1 port=1 severity=error", "web-error @2021-10-08T17:08:41"}},
		{&WebErrors, "/var/log/apache2/error.log", `[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10:tid 1] [client 192.0.2.5:50229] AH01617: user a: not found: x: authentication failure for "/x": Password Mismatch`, []string{
			"web-error @2022-10-13T12:24:49.880562 account=a: not found: x action=login-failed address=192.0.2.5 code=AH01617 module=auth_basic outcome=failure pid=10 port=50229 reason=Password Mismatch severity=error tid=1"}},
		{&WebErrors, "/var/log/nginx/error.log", `2022/07/28 16:37:00 [error] 21#22: *16 open() "/var/www/a, client: 203.0.113.1" failed (2: No such file or directory), client: 192.0.2.1, server: example.org, request: "GET /a,%20client:%20203.0.113.1 HTTP/1.1", host: "www.example.org", referrer: "http://x/"`, []string{
			"web-error @2022-07-28T16:37:00 address=192.0.2.1 connection=16 method=GET path=/var/www/a, client: 203.0.113.1 pid=21 protocol=HTTP/1.1 referer=http://x/ severity=error tid=22 url=/a,%20client:%20203.0.113.1 vhost=www.example.org"}},
		{&WebErrors, "/var/log/nginx/error.log", `2022/07/28 16:37:00 [error] 21#22: *16 FastCGI sent in stderr: "PHP message: PHP Warning:  system(): x in /var/www/a.php on line 3" while reading response header from upstream, client: 192.0.2.1, server: _, request: "POST /a.php HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:", host: "198.51.100.1"`, []string{
			"web-error @2022-07-28T16:37:00 address=192.0.2.1 connection=16 error=PHP warning method=POST path=/var/www/a.php pid=21 protocol=HTTP/1.1 severity=error tid=22 upstream=fastcgi://unix:/run/php.sock: url=/a.php vhost=198.51.100.1"}},
		{&WebErrors, "/var/log/nginx/error.log", `2022/07/28 16:37:00 [notice] 1#1: nginx/1.18.0`, []string{"web-error @2022-07-28T16:37:00 pid=1 severity=notice tid=1"}},
		{&WebErrors, "/var/log/lighttpd/error.log", `2022-04-02 15:45:23: (mod_fastcgi.c.2543) FastCGI-stderr: PHP Notice:  x in /srv/www/b.php on line 2`, []string{"web-error @2022-04-02T15:45:23 error=PHP notice module=mod_fastcgi path=/srv/www/b.php"}},
		{&WebErrors, "/var/log/php8.2-fpm.log", `[13-Oct-2022 12:24:49] WARNING: [pool www] child 12 said into stderr: "x"`, []string{"web-error @2022-10-13T12:24:49 pid=12 pool=www severity=warning"}},
		{&WebErrors, "/var/www/x/error_log", `[13-Jul-2022 12:24:49 Europe/Berlin] PHP Warning:  include(): x in /home/a/public_html/x.php(3) : eval()'d code on line 1`, []string{"web-error @2022-07-13T10:24:49 error=PHP warning path=/home/a/public_html/x.php(3) : eval()'d code"}},
		{&WebErrors, "/var/log/php-fpm/www-slow.log", "\n[13-Oct-2022 12:24:49]  [pool www] pid 12\nscript_filename = /var/www/index.php\n[0x00007f3a] sleep() /var/www/a.php:12\n[0x00007f3b] f() /var/www/b.php:1\n\n", []string{
			"web-error @2022-10-13T12:24:49 action=slow-request path=/var/www/index.php pid=12 pool=www stack=sleep() /var/www/a.php:12\nf() /var/www/b.php:1"}},
		{&WebErrors, "/var/log/tomcat9/catalina.out", "28-Mar-2022 07:01:48.459 INFO [main] org.apache.catalina.startup.HostConfig.deployWAR Deploying web application archive [/var/lib/tomcat9/webapps/x.war]\n28-Mar-2022 07:01:49.459 SEVERE [main] org.a.B.c x\n\tjava.lang.Error: y\n\tat a.b.C", []string{
			"web-error @2022-03-28T07:01:48.459 action=deploying module=org.apache.catalina.startup.HostConfig.deployWAR path=/var/lib/tomcat9/webapps/x.war severity=info thread=main", "web-error @2022-03-28T07:01:49.459 module=org.a.B.c severity=severe thread=main"}},
		{&WebErrors, "/opt/tomcat/logs/catalina.2012-03-28.log", "Mar 28, 2012 7:01:48 AM org.apache.catalina.startup.HostConfig deployWAR\nINFO: Deploying web application archive x.war", []string{
			"web-error @2012-03-28T07:01:48 action=deploying module=org.apache.catalina.startup.HostConfig path=x.war severity=info"}},
		{&WebErrors, "/var/log/gunicorn/error.log", `[2024-01-01 10:00:00 +0100] [12] [INFO] Listening at: http://127.0.0.1:8000 (12)`, []string{"web-error @2024-01-01T09:00:00 pid=12 severity=info"}},
		{&WebErrors, "/var/log/uwsgi/app/x.log", `[pid: 1|app: 0|req: 2/3] 192.0.2.1 (al) {40 vars in 500 bytes} [Thu Jan  4 10:00:00 2024] GET /a?b=c => generated 5 bytes in 1 msecs (HTTP/1.1 200) 2 headers in 79 bytes (1 switches on core 0)`, []string{
			"web-access @2024-01-04T10:00:00 address=192.0.2.1 bytes=5 method=GET path=/a pid=1 protocol=HTTP/1.1 query=b=c status=200 url=/a?b=c user=al"}},

		{&Proxy, "/var/log/squid/access.log", `1286536308.779    180 192.0.2.24 TCP_MISS/200 411 GET http://u@example.org:80/a?b - HIER_DIRECT/198.51.100.12 application/octet-stream`, []string{
			"proxy @2010-10-08T11:11:48.779 address=192.0.2.24 bytes=411 content_type=application/octet-stream dst_address=198.51.100.12 duration=0.180 hierarchy=HIER_DIRECT method=GET path=/a query=b result=TCP_MISS status=200 url=http://u@example.org:80/a?b vhost=example.org"}},
		{&Proxy, "/var/log/squid/access.log", `1286536308.779      0 2001:db8::7 TCP_DENIED/407 411 CONNECT example.org:443 alice HIER_NONE/- text/html`, []string{
			"proxy @2010-10-08T11:11:48.779 address=2001:db8::7 bytes=411 content_type=text/html duration=0.000 hierarchy=HIER_NONE method=CONNECT result=TCP_DENIED status=407 url=example.org:443 user=alice"}},
		{&Proxy, "/var/log/squid/access.log", `192.0.2.1 - alice [01/Jan/2024:10:00:00 +0100] "GET http://example.org/ HTTP/1.1" 200 411 "-" "curl" TCP_MISS:HIER_DIRECT`, []string{
			"proxy @2024-01-01T09:00:00 address=192.0.2.1 bytes=411 method=GET path=/ protocol=HTTP/1.1 result=TCP_MISS status=200 url=http://example.org/ user=alice user_agent=curl vhost=example.org"}},
		{&Proxy, "/var/log/squid/cache.log", `2024/01/01 10:00:00 kid1| WARNING: x`, []string{"proxy @2024-01-01T10:00:00 process=kid1 severity=warning"}},

		{&Transfers, "/var/log/vsftpd.log", `Mon Jun  8 12:12:43 2020 [pid 27307] [al [x] ice] OK UPLOAD: Client "::ffff:192.0.2.1", "/a "b".php", 1234 bytes, 5.00Kbyte/sec`, []string{
			`transfer @2020-06-08T12:12:43 account=al [x] ice action=uploaded address=192.0.2.1 bytes=1234 outcome=success path=/a "b".php pid=27307`}},
		{&Transfers, "/var/log/vsftpd.log", `Mon Jun  8 12:12:43 2020 [pid 27307] [ubuntu] OK LOGIN: Client "::ffff:192.0.2.1"`, []string{"auth @2020-06-08T12:12:43 account=ubuntu action=login-accepted address=192.0.2.1 outcome=success pid=27307"}},
		{&Transfers, "/var/log/vsftpd.log", `Mon Jun  8 12:12:43 2020 [pid 2] FTP command: Client "192.0.2.1", "PASS geheim"`, []string{"transfer @2020-06-08T12:12:43 action=ftp-command address=192.0.2.1 command=PASS *** pid=2"}},
		{&Transfers, "/var/log/xferlog", `Mon Jun  8 12:12:43 2020 5 192.0.2.1 1234 /home/a/b c.php b _ i r alice ftp 0 * c`, []string{
			"transfer @2020-06-08T12:12:43 access=real account=alice action=uploaded address=192.0.2.1 bytes=1234 duration=5 outcome=success path=/home/a/b c.php protocol=ftp"}},
		{&Transfers, "/var/log/proftpd/proftpd.log", `2021-05-28 18:08:34,399 mantis proftpd[498819] mantis (192.0.2.142[192.0.2.142]): USER seb (Login failed): Incorrect password`, []string{
			"auth @2021-05-28T18:08:34.399 account=seb action=login-failed address=192.0.2.142 host=mantis outcome=failure pid=498819 reason=Incorrect password vhost=mantis"}},
		{&Transfers, "/var/log/proftpd/proftpd.log", "Dec 31 23:59:59 mantis proftpd[4] 127.0.0.1 (c.example.org[192.0.2.142]): FTP session opened.\nJan  1 00:00:01 mantis proftpd[4] 127.0.0.1 (c.example.org[192.0.2.142]): FTP session closed.", []string{
			"transfer @2023-12-31T23:59:59 action=connection address=192.0.2.142 host=mantis pid=4 remote_host=c.example.org vhost=127.0.0.1", "transfer @2024-01-01T00:00:01 action=disconnected address=192.0.2.142 host=mantis pid=4 remote_host=c.example.org vhost=127.0.0.1"}},
		{&Transfers, "/var/log/pure-ftpd/transfer.log", `192.0.2.1 - alice [01/Jan/2024:10:00:00 -0000] "PUT /home/alice/x y.php" 200 1234`, []string{"transfer @2024-01-01T10:00:00 account=alice action=uploaded address=192.0.2.1 bytes=1234 path=/home/alice/x y.php status=200"}},
		{&Transfers, "/var/log/pure-ftpd/stats.log", `1700000000 3f2a.4 alice 192.0.2.1 D 1234 5 /home/alice/x`, []string{"transfer @2023-11-14T22:13:20 account=alice action=downloaded address=192.0.2.1 bytes=1234 duration=5 path=/home/alice/x session=3f2a.4"}},

		{&Mail, "/var/log/exim4/mainlog", `2024-01-01 10:00:00 1rKABC-000001-AB <= a@example.org H=h.example.org (helo) [192.0.2.1]:4711 P=esmtpsa X=TLS1.3 A=plain_login:alice S=1234 id=x@y T="Hi \"you\" S=9" for b@example.net`, []string{
			`auth @2024-01-01T10:00:00 account=alice action=login-accepted address=192.0.2.1 bytes=1234 helo=helo message_id=x@y method=plain_login outcome=success port=4711 protocol=esmtpsa queue_id=1rKABC-000001-AB recipient=b@example.net remote_host=h.example.org sender=a@example.org title=Hi \"you\" S=9`}},
		{&Mail, "/var/log/exim4/mainlog", `2024-01-01 10:00:00 1rKABC-000001-AB => b@example.net R=dnslookup T=remote_smtp H=mx.example.net [198.51.100.1] X=TLS C="250 OK"`, []string{
			"mail @2024-01-01T10:00:00 action=mail-sent dst_address=198.51.100.1 queue_id=1rKABC-000001-AB reason=250 OK recipient=b@example.net remote_host=mx.example.net router=dnslookup transport=remote_smtp"}},
		{&Mail, "/var/log/exim4/mainlog", `2024-01-01 10:00:00 plain_login authenticator failed for (helo) [192.0.2.9]: 535 Incorrect authentication data (set_id=info@example.org)`, []string{
			"auth @2024-01-01T10:00:00 account=info@example.org action=login-failed address=192.0.2.9 helo=helo method=plain_login outcome=failure reason=535 Incorrect authentication data"}},
		{&Mail, "/var/log/exim4/rejectlog", "2024-01-01 10:00:00 H=(helo) [192.0.2.9] F=<a@example.org> rejected RCPT <b@example.net>: relay not permitted\nEnvelope-from: <a@example.org>\nP Received: x\n--------------------", []string{
			"mail @2024-01-01T10:00:00 action=mail-rejected address=192.0.2.9 command=RCPT helo=helo reason=relay not permitted recipient=b@example.net sender=a@example.org"}},
		{&Mail, "/var/log/dovecot.log", `Jan 15 08:00:00 imap-login: Info: Login: user=<alice>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.1, mpid=12, TLS, session=<abc>`, []string{
			"auth @2024-01-15T08:00:00 account=alice action=login-accepted address=192.0.2.1 dst_address=198.51.100.1 method=PLAIN outcome=success pid=12 protocol=imap session=abc severity=info"}},

		{&Bans, "/var/log/fail2ban.log", `2024-01-01 10:00:00,123 fail2ban.actions        [123]: NOTICE  [sshd] Ban 192.0.2.1`, []string{"firewall @2024-01-01T10:00:00.123 action=banned address=192.0.2.1 jail=sshd pid=123 severity=notice"}},
		{&Bans, "/var/log/fail2ban.log", `2024-01-01 10:00:00,123 fail2ban.filter         [123]: INFO    [sshd] Found 192.0.2.1 - 2024-01-01 09:59:59`, []string{"firewall @2024-01-01T10:00:00.123 action=found address=192.0.2.1 jail=sshd pid=123 severity=info"}},

		{&MySQL, "/var/log/mysql/error.log", "/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:\nTcp port: 3306  Unix socket: /run/mysqld/mysqld.sock\nTime                 Id Command    Argument\n" +
			"2021-10-28T08:06:45.411498Z 25 [Note] [MY-010926] [Server] Access denied for user 'seb'@'192.0.2.42' (using password: NO)", []string{
			"auth @2021-10-28T08:06:45.411498 account=seb action=login-failed address=192.0.2.42 code=MY-010926 module=Server outcome=failure reason=using password: NO session=25 severity=note"}},
		{&MySQL, "/var/log/mysql/query.log", "2023-07-31T08:34:16.116872Z\t   14 Connect\troot@localhost on shop using Socket\n2023-07-31T08:34:17.116872Z\t   14 Query\tCREATE USER 'x'@'%'\n IDENTIFIED WITH 'mysql_native_password' BY 'geheim'\n\t\t   14 Quit\t\n", []string{
			"database @2023-07-31T08:34:16.116872 account=root action=connect address=localhost database=shop method=Socket session=14",
			"database @2023-07-31T08:34:17.116872 action=query session=14 statement=CREATE USER 'x'@'%'\n IDENTIFIED WITH 'mysql_native_password' BY '***'",
			"database @2023-07-31T08:34:17.116872 action=disconnected session=14"}},
		{&MySQL, "/var/log/mysql/general.log", "/usr/sbin/mariadbd, Version: 10.11.18-MariaDB-log (Debian 12). started with:\nTcp port: 0  Unix socket: /run/mysqld/mysqld.sock\nTime\t\t    Id Command\tArgument\n261124 18:01:13\t     3 Connect\troot@localhost on mysql using Socket", []string{
			"database @2026-11-24T18:01:13 account=root action=connect address=localhost database=mysql method=Socket session=3"}},
		{&MySQL, "/var/lib/mysql/ddl_recovery-backup.log", "\xfe\xfe\x0b\x02\x00\x10\x38\x00\x00", nil},
		{&MySQL, "/var/log/mysql/slow.log", "# Time: 2024-01-01T10:00:00.000000Z\n# User@Host: root[root] @ localhost [192.0.2.5]  Id:     8\n# Query_time: 2.000272  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 0\nuse shop;\nSET timestamp=1704103198;\nselect\n# not a header\nsleep(2);\n# User@Host: a[b] @  [192.0.2.6]\n# Query_time: 3 Lock_time: 0\nselect 2;", []string{
			"database @2024-01-01T10:00:00 started@2024-01-01T09:59:58 account=root action=slow-query address=192.0.2.5 database=shop duration=2.000272 remote_host=localhost rows_examined=0 rows_sent=1 session=8 statement=select\n# not a header\nsleep(2);",
			"database @2024-01-01T10:00:00 account=b action=slow-query address=192.0.2.6 duration=3 statement=select 2;"}},

		{&PostgreSQL, "/var/log/postgresql/postgresql-15-main.log", "2024-03-05 10:11:12.345 UTC [123] LOG:  connection received: host=192.0.2.9 port=4711\n2024-03-05 10:11:12.345 UTC [123] postgres@shop ERROR:  syntax error at or near \"x\" at character 1\n2024-03-05 10:11:12.345 UTC [123] postgres@shop STATEMENT:  COPY t\n\tFROM PROGRAM 'id; echo ''x'''", []string{
			"database @2024-03-05T10:11:12.345 action=connection address=192.0.2.9 pid=123 port=4711 severity=log",
			"database @2024-03-05T10:11:12.345 account=postgres address=192.0.2.9 command=id; echo 'x' database=shop pid=123 severity=error statement=COPY t\nFROM PROGRAM 'id; echo ''x'''"}},
		{&PostgreSQL, "/var/log/postgresql/postgresql-15-main.log", "2024-03-05 10:11:12.345 UTC [123] a@shop LOG:  statement: ALTER ROLE a PASSWORD 'geheim'", []string{
			"database @2024-03-05T10:11:12.345 account=a action=query database=shop pid=123 severity=log statement=ALTER ROLE a PASSWORD '***'"}},
		{&PostgreSQL, "/var/log/postgresql/x.log", "2024-03-05 10:11:12.345 CET [123] FEHLER:  Relation »x« existiert nicht bei Zeichen 15", []string{"database @2024-03-05T10:11:12.345 pid=123 severity=fehler"}},
		{&PostgreSQL, "/var/log/postgresql/x.csv", `2024-03-05 10:11:12.345 UTC,"a","shop",123,"192.0.2.9:4711",65e6.1,2,"SELECT",2024-03-05 10:00:00 UTC,3/4,0,LOG,00000,"statement: select ""x""` + "\n" + `from y",,,,,,,,,"psql","client backend",,0` + "\n" + `2024-03-05 10:11:13 UTC,,,1,,65e6.1,2,,2024-03-05 10:00:00 UTC,,0,LOG,00000,"x",,,,,,,,,"",,,0`, []string{
			"database @2024-03-05T10:11:12.345 account=a action=query address=192.0.2.9 application=psql code=00000 database=shop pid=123 port=4711 session=65e6.1 severity=log statement=select \"x\"\nfrom y",
			"database @2024-03-05T10:11:13 code=00000 pid=1 session=65e6.1 severity=log"}},
		{&PostgreSQL, "/var/log/postgresql/x.json", `{"timestamp":"2024-03-05 10:11:12.345 UTC","user":"a","dbname":"shop","pid":123,"remote_host":"192.0.2.9","remote_port":4711,"error_severity":"FATAL","state_code":"28P01","message":"password authentication failed for user \"a\""}`, []string{
			"auth @2024-03-05T10:11:12.345 account=a action=login-failed address=192.0.2.9 code=28P01 database=shop method=password outcome=failure pid=123 port=4711 severity=fatal"}},

		{&Redis, "/var/log/redis/redis-server.log", "1234:M 05 Mar 2024 10:11:12.345 * Module 'system' loaded from /tmp/x.so\n1234:S 05 Mar 2024 10:11:12.345 * REPLICAOF 192.0.2.9:6379 enabled (user request from 'id=3 addr=198.51.100.7:4711 laddr=x')", []string{
			"database @2024-03-05T10:11:12.345 action=module-loaded path=/tmp/x.so pid=1234 role=master severity=notice", "database @2024-03-05T10:11:12.345 action=replication address=198.51.100.7 pid=1234 port=4711 role=replica severity=notice target=192.0.2.9:6379"}},
		{&MongoDB, "/var/log/mongodb/mongod.log", `{"t":{"$date":"2024-01-01T10:00:00.000+00:00"},"s":"I","c":"ACCESS","id":20249,"ctx":"conn1","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256","principalName":"root","authenticationDatabase":"admin","remote":"192.0.2.1:5","error":"UserNotFound"}}`, []string{
			"auth @2024-01-01T10:00:00 account=root action=login-failed address=192.0.2.1 code=20249 database=admin method=SCRAM-SHA-256 module=ACCESS outcome=failure port=5 reason=UserNotFound severity=info thread=conn1"}},
	}
	for _, tt := range tests {
		all := records(t, tt.e, tt.path, tt.text)
		if len(all) != len(tt.want) {
			t.Errorf("%s: %d records of\n%s", tt.path, len(all), tt.text)
			continue
		}
		for i, r := range all {
			if got := show(r, tt.text); got != tt.want[i] {
				t.Errorf("%s:\n%s\ngot  %s\nwant %s", tt.path, tt.text, got, tt.want[i])
			}
			if r.Summary == "" || r.Fields["message"] == "" {
				t.Errorf("%s: no summary or message: %+v", tt.path, r)
			}
		}
	}
}

// TestNothingLost writes each log with a broken line, with an entry that is no
// text and with its end cut off: the entries around stay what they are.
func TestNothingLost(t *testing.T) {
	good := `2024/03/05 10:11:12 [error] 21#22: *16 x, client: 192.0.2.1, server: s`
	text := good + "\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\n" + good + "\n" + strings.Repeat("A", 3<<20) + "\n" + good + "\n2024/03/05 10:11"
	found, errs := 0, 0
	var last timeline.Record
	for r, err := range WebErrors.Run(context.Background(), source("/var/log/nginx/error.log", text)) {
		if err != nil {
			errs++
			continue
		}
		if r.Fields["address"] == "192.0.2.1" {
			found++
			last = r
		}
	}
	if found != 3 || errs != 2 {
		t.Errorf("%d entries, %d errors; want 3 and 2", found, errs)
	}
	if want := int64(strings.LastIndex(text, good)); last.Evidence.Offset != want || last.Evidence.Length != int64(len(good)) {
		t.Errorf("evidence %+v, want offset %d", last.Evidence, want)
	}
}

// TestAnotherKind reads bytes that are no log at all.
func TestAnotherKind(t *testing.T) {
	var text []byte
	for i := range 200000 {
		text = append(text, byte(i*i>>3)|1)
	}
	for _, e := range []*timeline.Extractor{&WebErrors, &Transfers, &Proxy, &Mail, &Bans, &MySQL, &PostgreSQL, &Redis, &MongoDB} {
		errs, n := 0, 0
		for _, err := range e.Run(context.Background(), source("/var/log/x", string(text))) {
			if err != nil {
				errs++
			} else {
				n++
			}
		}
		if n > sampled+2 {
			t.Errorf("%s: %d records and %d errors from bytes that are no log", e.Name, n, errs)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		`select 'a' from b`: `select 'a' from b`,
		`GRANT ALL ON *.* TO 'x'@'%' IDENTIFIED BY 'secret'`:                            `GRANT ALL ON *.* TO 'x'@'%' IDENTIFIED BY '***'`,
		`SET PASSWORD FOR 'x'@'y' = PASSWORD('it''s')`:                                  `SET PASSWORD FOR 'x'@'y' = PASSWORD('***')`,
		`SET PASSWORD FOR 'x'@'y' = 'geheim'`:                                           `SET PASSWORD FOR 'x'@'y' = '***'`,
		`password authentication failed for user "postgres"`:                            `password authentication failed for user "postgres"`,
		`alter user 'x' password 'geheim'`:                                              `alter user 'x' password '***'`,
		`CHANGE MASTER TO MASTER_USER='u',MASTER_PASSWORD='p q'`:                        `CHANGE MASTER TO MASTER_USER='u',MASTER_PASSWORD='***'`,
		`insert into wp_users values (1,'admin','$P$B0123456789012345678901234567890')`: `insert into wp_users values (1,'admin','***')`,
		`update u set pwd="x\"y", n="z"`:                                                `update u set pwd="***", n="z"`,
		`{"user":"a","password":"b"}`:                                                   `{"user":"a","password":"***"}`,
		`ALTER USER a WITH ENCRYPTED PASSWORD 'cut of`:                                  `ALTER USER a WITH ENCRYPTED PASSWORD '***`,
	} {
		if got := mask(in); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func FuzzServerlog(f *testing.F) {
	all := []*timeline.Extractor{&WebErrors, &Transfers, &Proxy, &Mail, &Bans, &MySQL, &PostgreSQL, &Redis, &MongoDB}
	for i, s := range []string{
		"[Fri Oct 08 17:08:41.203277 2021] [core:error] [pid 7005:tid 14] [client 192.0.2.7:14532] AH00126: x, referer: y",
		"Mon Jun  8 12:12:43 2020 5 192.0.2.1 1234 /a b _ i r alice ftp 0 * c", "1286536308.779 180 192.0.2.24 TCP_MISS/200 411 GET http://x/ - HIER_DIRECT/1.2.3.4 -",
		"2024-01-01 10:00:00 1rKABC-000001-AB <= a H=h (helo) [192.0.2.1]:4 P=e T=\"x\" for b", "2024-01-01 10:00:00,123 fail2ban.actions [1]: NOTICE [sshd] Ban 192.0.2.1",
		"# Time: 2024-01-01T10:00:00Z\n# User@Host: a[a] @ b [c]\nselect 1", "2024-03-05 10:11:12.345 UTC [123] a@b ERROR:  x\n2024-03-05 10:11:12.345 UTC [123] a@b STATEMENT:  COPY t FROM PROGRAM $$x$$",
		"1234:M 05 Mar 2024 10:11:12.345 * x", `{"t":{"$date":"2024-01-01T10:00:00Z"},"s":"I","msg":"x","attr":{"remote":"a:1"}}`,
	} {
		f.Add(byte(i), s)
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		e := all[int(which)%len(all)]
		end := int64(0)
		for r, err := range e.Run(context.Background(), source("/var/log/x.csv", text)) {
			if err != nil {
				continue
			}
			if r.Evidence.Offset < end || r.Fields["message"] == "" || r.Kind == "" {
				t.Fatalf("%s: %+v", e.Name, r)
			}
			if end = r.Evidence.Offset + r.Evidence.Length; end > int64(len(text)) {
				t.Fatal(fmt.Sprint(r.Evidence, len(text)))
			}
		}
	})
}
