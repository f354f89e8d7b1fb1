package websites

import (
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// server is files by path; a content "-> target" is a symbolic link.
type server map[string]string

func (v server) source(name string) *timeline.Source {
	for range 8 {
		if target, ok := strings.CutPrefix(v[name], "-> "); ok {
			name = path.Join(path.Dir(name), target)
			if target[0] == '/' {
				name = target
			}
		}
	}
	text, ok := v[name]
	if !ok {
		return nil
	}
	here := name
	return &timeline.Source{
		Path: name, Data: bytes.NewReader([]byte(text)), Size: int64(len(text)), Zone: time.UTC,
		Inode:   &filesystem.Inode{Times: filesystem.Times{Modified: filesystem.Time{Sec: 1700000000, Known: true}}},
		Sibling: v.source,
		Symlink: func(name string) *timeline.Source {
			if target, ok := strings.CutPrefix(v[name], "-> "); ok {
				return &timeline.Source{Path: name, Target: target}
			}
			return nil
		},
		Glob: func(pattern string) []string {
			var out []string
			for _, name := range slices.Sorted(maps.Keys(v)) {
				if ok, _ := path.Match(pattern, name); ok {
					out = append(out, name)
				}
			}
			return out
		},
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: here, Offset: off, Length: n, Line: line}
		},
	}
}

func show(t *testing.T, v server, seq func(func(timeline.Record, error) bool)) []string {
	t.Helper()
	var out []string
	for r, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		text := v[r.Evidence.Path]
		said := text[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]
		if line := 1 + strings.Count(text[:r.Evidence.Offset], "\n"); line != r.Evidence.Line && r.Evidence.Length > 0 {
			t.Errorf("line %d, want %d: %s", r.Evidence.Line, line, said)
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			parts = append(parts, k+"="+r.Fields[k])
		}
		out = append(out, strings.Join(parts, "; ")+" <"+said+">")
	}
	return out
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%d:\ngot  %s\nwant %s", i, g, w)
		}
	}
}

func TestApache(t *testing.T) {
	v := server{
		"/etc/apache2/apache2.conf":                "# comment\nLogFormat \"%v:%p %h %l %u %t \\\"%r\\\" %>s %O\" vhost_combined\nIncludeOptional mods-enabled/*.load\nIncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n",
		"/etc/apache2/envvars":                     "export APACHE_RUN_USER=www-data\nexport APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n",
		"/etc/apache2/mods-enabled/ssl.load":       "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n",
		"/etc/apache2/conf-enabled/pma.conf":       "-> ../conf-available/pma.conf",
		"/etc/apache2/conf-available/pma.conf":     "Alias /pma /usr/share/phpmyadmin\n",
		"/etc/apache2/sites-enabled/a.conf":        "-> ../sites-available/a.conf",
		"/etc/apache2/sites-available/a.conf":      "<IfModule mod_ssl.c>\n  <VirtualHost *:443>\n\tServerName example.org\n\tServerAlias www.example.org \\\n\t  old.example.org\n\tDocumentRoot \"/var/www/a b\"\n\tSSLEngine on\n\tCustomLog ${APACHE_LOG_DIR}/a.log vhost_combined\n\tErrorLog \"|/usr/bin/rotatelogs /var/log/apache2/a-%Y%m%d.err 86400\"\n\tProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9000/var/www/\n\tProxyPass /x http://u:geheim@192.0.2.1/\n\tScriptAlias /cgi-bin/ /srv/cgi/\n </VirtualHost>\n</IfModule>\n<IfModule !mod_ssl.c>\n<VirtualHost *:80>\nServerName no.example.org\n</VirtualHost>\n</IfModule>\n",
		"/etc/apache2/sites-available/old.conf":    "<VirtualHost *:80>\nServerName old.example.net\nDocumentRoot /srv/old\n</VirtualHost>\n",
		"/etc/apache2/mods-available/userdir.conf": "UserDir public_html\n",
		"/etc/apache2/mods-enabled/userdir.load":   "-> ../mods-available/userdir.conf",
	}
	compare(t, show(t, v, Sites.Run(context.Background(), v.source("/etc/apache2/apache2.conf"))), []string{
		"aliases=/pma=/usr/share/phpmyadmin; enabled=yes; server=apache; tls=no <Alias /pma /usr/share/phpmyadmin>",
		"access_logs=/var/log/apache2/a.log; aliases=/cgi-bin/=/srv/cgi; enabled=yes; error_logs=/var/log/apache2/a-*.err; listen=*:443; name=example.org; names=www.example.org old.example.org; path=/var/www/a b; php=fcgi://127.0.0.1:9000/var/www/; proxy=http://u:***@192.0.2.1/; server=apache; tls=yes <  <VirtualHost *:443>>",
		"enabled=no; listen=*:80; name=old.example.net; path=/srv/old; server=apache; tls=no <<VirtualHost *:80>>",
		"enabled=yes; name=users; path=public_html; server=apache <UserDir public_html>",
	})
}

func TestNginx(t *testing.T) {
	v := server{
		"/etc/nginx/nginx.conf":          "user www-data;\nhttp {\n log_format j escape=json '{\"a\":\"$remote_addr\",'\n  '\"r\":\"$request\"}';\n access_log /var/log/nginx/access.log;\n include /etc/nginx/sites-enabled/*;\n server { listen 8080; root html; content_by_lua_block { if a then b = \"}\" end } }\n}\n",
		"/etc/nginx/sites-enabled/s":     "server {\n  listen 443 ssl http2;\n  listen [::]:443 ssl;\n  server_name example.org www.example.org; # names\n  root /var/www/s;\n  access_log /var/log/nginx/$host.log j;\n  error_log /var/log/nginx/s.err warn;\n  location ~ \\.php$ { include snippets/php.conf; }\n  location /files/ { alias /srv/files/; }\n  location /api { proxy_pass http://127.0.0.1:3000; }\n}\n",
		"/etc/nginx/snippets/php.conf":   "fastcgi_pass unix:/run/php/php-fpm.sock;\n",
		"/etc/nginx/sites-available/off": "server { server_name off.example.org; root /srv/off; }",
	}
	compare(t, show(t, v, Sites.Run(context.Background(), v.source("/etc/nginx/nginx.conf"))), []string{
		"access_logs=/var/log/nginx/*.log; aliases=/files/=/srv/files; enabled=yes; error_logs=/var/log/nginx/s.err; listen=443 [::]:443; name=example.org; names=www.example.org; path=/var/www/s; php=unix:/run/php/php-fpm.sock; proxy=http://127.0.0.1:3000; server=nginx; tls=yes <server {>",
		"enabled=yes; listen=8080; path=/usr/share/nginx/html; server=nginx; tls=no <server {>",
		"enabled=no; name=off.example.org; path=/srv/off; server=nginx; tls=no <server {>",
	})
}

func TestOthers(t *testing.T) {
	v := server{
		"/etc/lighttpd/lighttpd.conf": "var.base = \"/srv\"\nserver.document-root = var.base + \"/htdocs\"\nserver.port = 80\naccesslog.filename = \"/var/log/lighttpd/access.log\"\n$HTTP[\"host\"] == \"example.org\" {\n  server.document-root = \"/srv/org\"\n}\n",
		"/etc/caddy/Caddyfile":        "{\n\temail a@example.org\n}\nexample.org, www.example.org {\n\troot * /srv/c\n\tphp_fastcgi unix//run/php.sock\n\tfile_server\n\tlog {\n\t\toutput file /var/log/caddy/c.log\n\t}\n}\n:8080 {\n\treverse_proxy 127.0.0.1:9000\n}\n",
		"/etc/tomcat9/server.xml":     "<?xml version=\"1.0\"?>\n<Server><Service><Connector port=\"8080\"/>\n<Engine><Host name=\"localhost\" appBase=\"webapps\">\n<Valve className=\"org.apache.catalina.valves.AccessLogValve\" directory=\"logs\" prefix=\"localhost_access_log\" suffix=\".txt\" pattern=\"%h %l %u %t &quot;%r&quot; %s %b\"/>\n<Context path=\"/x\" docBase=\"/opt/x\"/></Host></Engine></Service></Server>",
	}
	compare(t, show(t, v, Sites.Run(context.Background(), v.source("/etc/lighttpd/lighttpd.conf"))), []string{
		"access_logs=/var/log/lighttpd/access.log; enabled=yes; listen=80; path=/srv/htdocs; server=lighttpd; tls=no <server.document-root = var.base + \"/htdocs\">",
		"enabled=yes; name=example.org; path=/srv/org; server=lighttpd; tls=no <$HTTP[\"host\"] == \"example.org\" {>",
	})
	compare(t, show(t, v, Sites.Run(context.Background(), v.source("/etc/caddy/Caddyfile"))), []string{
		"access_logs=/var/log/caddy/c.log; enabled=yes; listen=example.org www.example.org; name=example.org; names=www.example.org; path=/srv/c; php=unix//run/php.sock; server=caddy; tls=yes <example.org, www.example.org {>",
		"enabled=yes; listen=:8080; proxy=127.0.0.1:9000; server=caddy; tls=no <:8080 {>",
	})
	compare(t, show(t, v, Sites.Run(context.Background(), v.source("/etc/tomcat9/server.xml"))), []string{
		"access_logs=/var/lib/tomcat9/logs/localhost_access_log*.txt*; aliases=/x=/opt/x; enabled=yes; listen=8080; name=localhost; path=/var/lib/tomcat9/webapps; server=tomcat; tls=no <<Host name=\"localhost\" appBase=\"webapps\">>",
	})
}

func TestApps(t *testing.T) {
	v := server{
		"/var/www/wp/wp-includes/version.php":                                           "<?php\n/** x */\n$wp_version = '6.4.3';\n$wp_db_version = 1;\n",
		"/var/www/wp/wp-config.php":                                                     "<?php\n$x;\ndefine( 'DB_NAME', 'shop' );\ndefine('DB_USER', 'u');\ndefine('DB_PASSWORD', 'geheim');\ndefine( 'DB_HOST', 'localhost' );\n",
		"/var/www/wp/wp-content/plugins/akismet/akismet.php":                            "<?php\n/**\n * Plugin Name: Akismet\n * Version: 5.3\n */",
		"/var/www/wp/wp-content/plugins/akismet/helper.php":                             "<?php // Plugin Name is said elsewhere",
		"/var/www/wp/wp-content/plugins/hello.php":                                      "<?php\n/*\nPlugin Name: Hello Dolly\nVersion: 1.7.2\n*/",
		"/var/www/wp/wp-content/mu-plugins/x.php":                                       "<?php eval(1);",
		"/var/www/wp/wp-content/themes/twenty/style.css":                                "/*\nTheme Name: Twenty\nVersion: 2.1\n*/",
		"/var/www/j/libraries/src/Version.php":                                          "const MAJOR_VERSION = 4;\n\tconst MINOR_VERSION = 2;\n\tconst PATCH_VERSION = 9;\n",
		"/var/www/j3/libraries/cms/version/version.php":                                 "\tconst RELEASE = '3.6';\n\tconst DEV_LEVEL = '5';\n",
		"/var/www/d/core/lib/Drupal.php":                                                "class Drupal {\n  const VERSION = '10.1.6';\n",
		"/var/www/d7/includes/bootstrap.inc":                                            "define('VERSION', '7.98');\n",
		"/var/www/mw/includes/Defines.php":                                              "define( 'MW_VERSION', '1.39.5' );",
		"/var/www/bb/includes/constants.php":                                            "// x\n@define('PHPBB_VERSION', '3.3.11');\n",
		"/var/www/nc/version.php":                                                       "<?php\n$OC_Version = array(27,1,4,1);\n$OC_VersionString = '27.1.4';\n$vendor = 'nextcloud';",
		"/var/www/m1/app/Mage.php":                                                      "return array(\n 'major' => '1',\n 'minor' => '9',\n 'revision' => '4',\n 'patch' => '5',",
		"/var/www/m2/app/etc/NonComposerComponentRegistration.php":                      "<?php",
		"/var/www/m2/composer.json":                                                     "{\n \"require\": {\n \"magento/product-community-edition\": \"2.4.6\"",
		"/var/www/t/vendor/typo3/cms-core/Classes/Information/Typo3Version.php":         "  protected const VERSION = '12.4.1';",
		"/var/www/p/libraries/classes/Version.php":                                      "public const VERSION = '5.2.1' . VERSION_SUFFIX;",
		"/var/www/r/program/include/iniset.php":                                         "define('RCMAIL_VERSION', '1.6.5');",
		"/var/www/l/vendor/laravel/framework/src/Illuminate/Foundation/Application.php": "    const VERSION = '10.48.2';",
		"/var/www/x/adminer-4.8.1.php":                                                  "<?php\n/** Adminer - Compact database management\n* @version 4.8.1\n*/",
		"/var/www/other/version.php":                                                    "<?php $version = '1';",
		"/etc/webmin/version":                                                           "2.105\n",
		"/var/lib/jenkins/config.xml":                                                   "<?xml version='1.1'?>\n<hudson>\n  <version>2.426.1</version>",
	}
	want := map[string][]string{
		"/var/www/wp/wp-includes/version.php": {
			"name=WordPress; path=/var/www/wp; version=6.4.3 <$wp_version = '6.4.3'>",
			"app=WordPress; name=Hello Dolly; path=/var/www/wp/wp-content/plugins/hello.php; type=plugin; version=1.7.2 <Plugin Name: Hello Dolly>",
			"app=WordPress; name=Akismet; path=/var/www/wp/wp-content/plugins/akismet; type=plugin; version=5.3 <Plugin Name: Akismet>",
			"app=WordPress; name=x.php; path=/var/www/wp/wp-content/mu-plugins/x.php; type=must-use plugin <>",
			"app=WordPress; name=Twenty; path=/var/www/wp/wp-content/themes/twenty; type=theme; version=2.1 <Theme Name: Twenty>",
			"account=u; app=WordPress; database=shop; name=WordPress; password=***; path=/var/www/wp/wp-config.php; remote_host=localhost; type=database <'DB_NAME', 'shop'>",
		},
		"/var/www/j/libraries/src/Version.php":                                          {"name=Joomla; path=/var/www/j; version=4.2.9 <MAJOR_VERSION = 4;\n\tconst MINOR_VERSION = 2;\n\tconst PATCH_VERSION = 9>"},
		"/var/www/j3/libraries/cms/version/version.php":                                 {"name=Joomla; path=/var/www/j3; version=3.6.5 <RELEASE = '3.6';\n\tconst DEV_LEVEL = '5'>"},
		"/var/www/d/core/lib/Drupal.php":                                                {"name=Drupal; path=/var/www/d; version=10.1.6 <const VERSION = '10.1.6'>"},
		"/var/www/d7/includes/bootstrap.inc":                                            {"name=Drupal; path=/var/www/d7; version=7.98 <'VERSION', '7.98'>"},
		"/var/www/mw/includes/Defines.php":                                              {"name=MediaWiki; path=/var/www/mw; version=1.39.5 <'MW_VERSION', '1.39.5'>"},
		"/var/www/bb/includes/constants.php":                                            {"name=phpBB; path=/var/www/bb; version=3.3.11 <'PHPBB_VERSION', '3.3.11'>"},
		"/var/www/nc/version.php":                                                       {"name=Nextcloud; path=/var/www/nc; version=27.1.4 <$OC_VersionString = '27.1.4'>"},
		"/var/www/m1/app/Mage.php":                                                      {"name=Magento; path=/var/www/m1; version=1.9.4.5 <'major' => '1',\n 'minor' => '9',\n 'revision' => '4',\n 'patch' => '5'>"},
		"/var/www/m2/app/etc/NonComposerComponentRegistration.php":                      {"name=Magento; path=/var/www/m2; version=2.4.6 <\"magento/product-community-edition\": \"2.4.6>"},
		"/var/www/t/vendor/typo3/cms-core/Classes/Information/Typo3Version.php":         {"name=TYPO3; path=/var/www/t; version=12.4.1 <const VERSION = '12.4.1'>"},
		"/var/www/p/libraries/classes/Version.php":                                      {"name=phpMyAdmin; path=/var/www/p; version=5.2.1 <const VERSION = '5.2.1'>"},
		"/var/www/r/program/include/iniset.php":                                         {"name=Roundcube; path=/var/www/r; version=1.6.5 <'RCMAIL_VERSION', '1.6.5'>"},
		"/var/www/l/vendor/laravel/framework/src/Illuminate/Foundation/Application.php": {"name=Laravel; path=/var/www/l; version=10.48.2 <const VERSION = '10.48.2'>"},
		"/var/www/x/adminer-4.8.1.php":                                                  {"name=Adminer; path=/var/www/x/adminer-4.8.1.php; version=4.8.1 <@version 4.8.1>"},
		"/var/www/other/version.php":                                                    nil,
		"/etc/webmin/version":                                                           {"name=Webmin; path=/etc/webmin; version=2.105 <2.105>"},
		"/var/lib/jenkins/config.xml":                                                   {"name=Jenkins; path=/var/lib/jenkins; version=2.426.1 <<version>2.426.1>"},
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		compare(t, show(t, v, Apps.Run(context.Background(), v.source(name))), want[name])
	}
}

func FuzzWebsites(f *testing.F) {
	f.Add(byte(0), "<VirtualHost *:80>\nServerName a\nInclude /etc/apache2/apache2.conf\nDefine A ${A}${A}\n</VirtualHost>\n<IfModule !x>\n")
	f.Add(byte(1), "http { include *; server { listen 1; root $x/a; location \"x {\" { alias 'b\\'; } } }")
	f.Add(byte(2), "include \"lighttpd.conf\"\n$HTTP[\"host\"] == \"a\" {\nalias.url = ( \"a\" => \"b\" )\n}")
	f.Add(byte(3), "import *\na, b {\nroot * /x\n}")
	f.Add(byte(4), "<Server><Host name='a'><Valve className='xAccessLogValve'/>")
	f.Add(byte(5), "$wp_version = '1")
	names := []string{"/etc/apache2/apache2.conf", "/etc/nginx/nginx.conf", "/etc/lighttpd/lighttpd.conf", "/etc/caddy/Caddyfile", "/etc/tomcat9/server.xml", "/var/www/a/wp-includes/version.php"}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		name := names[int(which)%len(names)]
		v := server{name: text, "/etc/x/y.conf": text}
		if strings.HasPrefix(text, "-> ") {
			return
		}
		e := &Sites
		if int(which)%len(names) == 5 {
			e = &Apps
		}
		for r, err := range e.Run(context.Background(), v.source(name)) {
			if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
				t.Fatalf("%+v in %d bytes", r, len(text))
			}
		}
		namedApps(v.source(name))
	})
}
