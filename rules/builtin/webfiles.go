package builtin

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// pictures are extensions under which nothing runs.
var pictures = set("jpg jpeg png gif ico bmp webp svg txt css log zip pdf")

// silent reports whether a script is one of those that only keep a directory
// from being listed, or that an application compiles for itself.
func silent(f *timeline.File) bool {
	n := base(f.Path)
	return strings.HasPrefix(n, "index.") && f.Size <= 256 || strings.Contains(f.Path, "/php/twig/") || strings.Contains(f.Path, "/cache/") || strings.Contains(f.Path, "/.cache/") || strings.Contains(f.Path, "/vendor/") || strings.Contains(f.Path, "/node_modules/")
}

// uploadedScript reports whether a file of a site is a script where visitors
// put files, and why it is thought so.
func uploadedScript(f *timeline.File) (why string, s rules.Severity) {
	n := base(f.Path)
	ext := extension(n)
	switch {
	case f.Type != filesystem.Regular || f.Size == 0:
		return "", 0
	case f.Magic == "php" && pictures[ext]:
		return "holds PHP under the name of a picture or text", rules.High
	case !inUploads(f.Path) || silent(f):
		return "", 0
	case isWebScript(n):
		return "is a script among uploaded files", rules.Medium
	case f.Magic == "php":
		return "holds PHP among uploaded files", rules.High
	case f.Magic == "elf":
		return "is a program among uploaded files", rules.High
	case len(strings.Split(n, ".")) > 2 && (strings.Contains(strings.ToLower(n), ".php.") || strings.Contains(strings.ToLower(n), ".phtml.")):
		return "has a script's extension before its last", rules.Medium
	}
	return "", 0
}

type webShellChecker struct {
	env    *rules.Env
	roots  webRoots
	groups rules.Groups
	// Scripts that are new since the baseline, by directory: an update of an
	// application brings hundreds.
	fresh rules.Groups
}

func (c *webShellChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindStrings {
		c.strings(r)
		return
	}
	f := judged(c.env, r)
	if f == nil || f.Type != filesystem.Regular || f.InPackage {
		return
	}
	root := c.roots.root(f.Path)
	if root == "" || inContainerStore(f.Path) {
		return
	}
	t, note := arrived(f)
	if why, s := uploadedScript(f); why != "" {
		if webUser(c.env, f.UID) && (r.Kind == timeline.KindChange || s > rules.Medium) {
			s = rules.High
		}
		g := c.groups.Get(f.Path)
		g.Raise(s)
		g.Account = c.env.AccountName(f.UID)
		g.Add(r.Evidence, t, note)
		g.AddPath(f.Path)
		if g.Summary == "" {
			g.Summary = showPath(f.Path) + " of " + ownerText(c.env, f.UID) + " " + why
		}
		return
	}
	if !added(r) {
		return
	}
	n := base(f.Path)
	script := isWebScript(n) && !silent(f) || f.Magic == "php"
	setting := n == ".user.ini" || n == ".htaccess" || n == "php.ini" || n == "web.config"
	if !script && !(setting && webUser(c.env, f.UID)) {
		return
	}
	dir, _ := dirBase(f.Path)
	g := c.fresh.Get(dir)
	s := rules.Low
	if webUser(c.env, f.UID) {
		s = rules.Medium
	}
	g.Raise(s)
	g.Account = c.env.AccountName(f.UID)
	g.Title = "A script of a site is new since the baseline"
	g.Add(r.Evidence, t, note)
	g.AddPath(f.Path)
	if g.Summary == "" || g.Paths()[0] == f.Path {
		g.Summary = showPath(f.Path) + " of " + ownerText(c.env, f.UID) + " is new since the baseline"
	}
}

// imageMagics are those of pictures, by the first bytes of a file.
var imageMagics = set("jpeg png gif bmp webp ico tiff")

// picture looks at the strings of a picture: one that holds PHP is run by
// whoever includes it.
func (c *webShellChecker) picture(r *timeline.Record) {
	text := r.Fields["strings"]
	if !strings.Contains(text, "<?php") && !strings.Contains(text, "<?=") || c.roots.root(r.File.Path) == "" {
		return
	}
	g := c.groups.Get(r.File.Path)
	g.Raise(rules.High)
	g.Title = "A picture of a site holds PHP"
	g.Account = c.env.AccountName(r.File.UID)
	t, note := arrived(r.File)
	g.Add(r.Evidence, t, note)
	g.AddPath(r.File.Path)
	g.Summary = showPath(r.File.Path) + " of " + ownerText(c.env, r.File.UID) + " begins as a picture (" + r.File.Magic + ") and holds PHP"
}

// WantsStrings reports whether the rules can judge a file by its strings: a
// program, a script, or a picture that lies below a site's directory and may hold
// PHP.
func WantsStrings(env *rules.Env) func(f *timeline.File) bool {
	roots := webRootsOf(env)
	return func(f *timeline.File) bool {
		if f.Type != filesystem.Regular {
			return false
		}
		switch f.Magic {
		case "elf", "script", "php":
			return true
		}
		return imageMagics[f.Magic] && f.Size <= maxPicture && roots.root(f.Path) != ""
	}
}

// maxPicture is the largest picture that is worth reading for PHP, in bytes.
const maxPicture = 16 << 20

func (c *webShellChecker) strings(r *timeline.Record) {
	path := r.Fields["path"]
	if r.File != nil && imageMagics[r.File.Magic] {
		c.picture(r)
		return
	}
	if r.File != nil && (r.File.InPackage || r.File.Magic == "elf") || !isWebScript(base(path)) && (r.File == nil || r.File.Magic != "php") {
		return
	}
	in := c.roots.root(path) != ""
	list := readStrings(r.Fields["strings"], scriptFamilies)
	if len(list) == 0 || !list[0].decisive && (!in || len(list[0].signs) < 3 || !inUploads(path)) {
		return
	}
	s := rules.Critical
	if !in || !list[0].decisive {
		s = rules.High
	}
	g := c.groups.Get(path)
	g.Raise(s)
	t, note := when(r)
	if r.File != nil {
		t, note = arrived(r.File)
		g.Account = c.env.AccountName(r.File.UID)
	}
	g.Add(r.Evidence, t, note)
	g.AddPath(path)
	g.Summary = showPath(path) + ` looks like a web shell: it has "` + list[0].signs[0] + `"`
}

func (c *webShellChecker) Findings() []rules.Finding {
	return append(c.groups.Findings(nil), c.fresh.Findings(andMore)...)
}

var webShellFile = &rules.Rule{
	ID:    "web-shell-file",
	Title: "A file of a site may be a web shell",
	Doc: `Scripts among uploaded files, PHP under the name of a picture, scripts whose text hands a request to eval, system and the like, and, with a baseline, scripts
and .htaccess files of a site that it lacks (low; medium if they belong to the web server's account; one finding for each directory).
Innocent: empty index.php files, compiled templates and caches (not reported); updates that an application makes of itself.`,
	Severity:   rules.High,
	Techniques: []string{"T1505.003"},
	Kinds:      []string{timeline.KindFile, timeline.KindChange, timeline.KindStrings},
	New: func(env *rules.Env) rules.Checker {
		return &webShellChecker{env: env, roots: webRootsOf(env)}
	},
	True: []rules.Example{
		withEnv(debianEnv, one("uploaded", rules.Medium, aFile("/var/www/html/wp-content/uploads/2024/03/a.php", magic("php"), owner(33, 33)))),
		withEnv(debianBaseline, one("uploaded since the baseline", rules.High, anAdded("/var/www/html/wp-content/uploads/2024/03/a.php", magic("php"), owner(33, 33)))),
		one("picture", rules.High, aFile("/var/www/html/images/logo.gif", magic("php"))),
		one("picture that holds PHP", rules.High, someStrings("/var/www/html/uploads/banner.jpg", "JFIF\n<?php passthru($_REQUEST[\"q\"]) ?>", magic("jpeg"))),
		one("content", rules.Critical, someStrings("/var/www/html/x.php", "<?php\n@eval($_POST['x']);", magic("php"), perm(0o644))),
		withEnv(debianBaseline, one("new script", rules.Medium, anAdded("/var/www/html/inc/db2.php", magic("php"), owner(33, 33)))),
		withEnv(debianBaseline, one("deployed script", rules.Low, anAdded("/srv/www/shop/new.php", magic("php")))),
	},
	False: []rules.Example{
		withEnv(debianEnv, quiet("silence", aFile("/var/www/html/wp-content/uploads/index.php", magic("php"), size(28), owner(33, 33)))),
		withEnv(debianEnv, quiet("templates", aFile("/var/www/html/sites/default/files/php/twig/a.php", magic("php"), owner(33, 33)), aFile("/var/www/html/index.php", magic("php"), owner(33, 33)))),
		quiet("strings of a picture", someStrings("/var/www/html/uploads/a.jpg", "JFIF\n<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>", magic("jpeg"))),
		quiet("pictures", aFile("/var/www/html/wp-content/uploads/a.jpg", magic("jpeg"))),
		quiet("packaged", aFile("/usr/share/nginx/html/upload/x.php", magic("php"), packaged)),
		quiet("ordinary script", someStrings("/var/www/html/mail.php", "<?php\nmail($to, $_POST['subject'], $text);\nexec('/usr/sbin/sendmail');", magic("php"))),
		withEnv(debianBaseline, quiet("new picture", anAdded("/var/www/html/logo.png", magic("png")))),
	},
}

// droppedChecker links requests to files that are new, or that should not be
// where they are.
type droppedChecker struct {
	env   *rules.Env
	roots webRoots
	files map[string]*droppedFile // by path
	urls  map[string]*asked       // by path of the request
	left  int
}

type droppedFile struct {
	ev       timeline.Evidence
	at       time.Time
	note     string
	owner    uint32
	uploaded bool
	fresh    bool
}

type asked struct {
	g         rules.Group
	addresses map[string]bool
	post      bool
	params    string
}

const (
	maxDropped = 1 << 14
	maxAsked   = 1 << 15
	maxAskers  = 8
)

func (c *droppedChecker) Record(r *timeline.Record) {
	if r.Kind == timeline.KindWebAccess {
		c.request(r)
		return
	}
	f := judged(c.env, r)
	if f == nil || f.Type != filesystem.Regular || f.InPackage || f.Size == 0 {
		return
	}
	fresh := added(r)
	if c.roots.root(f.Path) == "" || inContainerStore(f.Path) {
		return
	}
	why, _ := uploadedScript(f)
	n := base(f.Path)
	if why == "" && !(fresh && (isWebScript(n) && !silent(f) || f.Magic == "php" || f.Magic == "elf" || f.Magic == "script")) {
		return
	}
	if len(c.files) >= maxDropped {
		c.left++
		return
	}
	if c.files == nil {
		c.files = map[string]*droppedFile{}
	}
	t, note := arrived(f)
	c.files[strings.Clone(f.Path)] = &droppedFile{r.Evidence, t, note, f.UID, why != "", fresh}
}

// request keeps the answered requests for what may be a script, by path. The
// files may come later.
func (c *droppedChecker) request(r *timeline.Record) {
	if a := answered(r.Fields["status"]); a != served && a != crashed && a != redirected {
		return
	}
	url := r.Fields["url"]
	if url == "" {
		url = r.Fields["path"]
	}
	raw, query, _ := strings.Cut(url, "?")
	if len(raw) < 2 || len(raw) > 1024 {
		return
	}
	// PATH_INFO: what follows a script's name is its argument.
	for _, ext := range [...]string{".php/", ".phtml/", ".cgi/", ".pl/", ".jsp/"} {
		if i := strings.Index(raw, ext); i > 0 {
			raw = raw[:i+len(ext)-1]
		}
	}
	n := base(raw)
	if ext := extension(n); ext == "" && !strings.Contains(raw, "cgi-bin") || ext == "html" || ext == "css" || ext == "js" {
		return
	}
	path, _ := percentDecode(raw, false)
	a := c.urls[path]
	if a == nil {
		if len(c.urls) >= maxAsked {
			c.left++
			return
		}
		if c.urls == nil {
			c.urls = map[string]*asked{}
		}
		a = &asked{addresses: map[string]bool{}}
		c.urls[strings.Clone(path)] = a
	}
	t, note := when(r)
	a.g.Add(r.Evidence, t, note)
	if len(a.addresses) < maxAskers {
		a.addresses[strings.Clone(r.Fields["address"])] = true
	}
	a.post = a.post || r.Fields["method"] == "POST"
	if a.params == "" && query != "" {
		a.params = strings.Clone(query)
	}
}

func (c *droppedChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "file or request") + " had no room to be linked"}
}

// commonNames are of scripts that every application has.
var commonNames = set("index.php index.jsp index.cgi index.asp index.aspx login.php admin.php main.php home.php config.php search.php ajax.php api.php upload.php download.php view.php image.php default.php functions.php admin-ajax.php")

// match finds the requests for a file: those whose path is the end of the
// file's path from a site's directory on.
func (c *droppedChecker) match(path string) (a *asked, url string) {
	root := c.roots.root(path)
	rel := path[len(root):]
	var found *asked
	for depth := 0; rel != "" && depth < 6; depth++ {
		if a := c.urls[rel]; a != nil {
			// The more is cut from the front, the less it says.
			if depth > 0 && strings.Count(rel, "/") < 2 && commonNames[strings.ToLower(rel[1:])] {
				break
			}
			found, url = a, rel
			break
		}
		i := strings.IndexByte(rel[1:], '/')
		if i < 0 {
			break
		}
		rel = rel[i+1:]
	}
	return found, url
}

func (c *droppedChecker) Findings() []rules.Finding {
	var out []rules.Finding
	paths := make([]string, 0, len(c.files))
	for p := range c.files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		d := c.files[p]
		a, url := c.match(p)
		if a == nil {
			continue
		}
		f := a.g.Finding()
		web := webUser(c.env, d.owner)
		switch {
		case d.uploaded && d.fresh, web && d.fresh:
			f.Severity = rules.Critical
		case d.uploaded, d.fresh && a.post:
			f.Severity = rules.High
		default:
			f.Severity = rules.Medium
		}
		f.Paths = []string{p}
		f.Account = c.env.AccountName(d.owner)
		who := plural(len(a.addresses), "address")
		if len(a.addresses) == maxAskers {
			who += " or more"
		}
		if len(a.addresses) == 1 {
			for only := range a.addresses {
				f.Address = only
				who = show(only)
			}
		}
		what := "is new since the baseline"
		if !d.fresh {
			what = "is a script among uploaded files"
		}
		f.Summary = showPath(p) + " of " + ownerText(c.env, d.owner) + " " + what + " and was requested as " + show(url) + " by " + who + ", " + plural(f.Count, "time")
		if a.params != "" {
			q, _ := percentDecode(a.params, true)
			f.Summary += ", first with " + show(foldCharacters(q))
		}
		if len(f.Evidence) == rules.MaxEvidence {
			f.Evidence = f.Evidence[:rules.MaxEvidence-1]
		}
		f.Evidence = append([]timeline.Evidence{d.ev}, f.Evidence...)
		f.Count++
		out = append(out, f)
	}
	return out
}

var droppedFileRequested = &rules.Rule{
	ID:    "dropped-file-requested",
	Title: "A file that was dropped into a site was then requested",
	Doc: `Requests that the server answered, for a script or program below a site's directory that the baseline lacks or that lies among uploaded files. Critical if the
web server's account owns it or it lies among uploads.
Innocent: new pages of the owner (medium; high if something was posted to them).`,
	Severity:   rules.Critical,
	Techniques: []string{"T1505.003", "T1190"},
	Kinds:      []string{timeline.KindWebAccess, timeline.KindFile, timeline.KindChange},
	New: func(env *rules.Env) rules.Checker {
		return &droppedChecker{env: env, roots: webRootsOf(env)}
	},
	True: []rules.Example{
		withEnv(debianBaseline, rules.Example{Name: "dropped", Severity: rules.Critical, Records: []timeline.Record{
			aRequest("198.51.100.7", "GET", "/uploads/x.php?c=id", 200), anAdded("/var/www/html/uploads/x.php", magic("php"), owner(33, 33))}}),
		withEnv(debianEnv, rules.Example{Name: "no baseline", Severity: rules.High, Records: []timeline.Record{
			aFile("/var/www/html/wp-content/uploads/2024/x.php", magic("php"), owner(33, 33)), aRequest("198.51.100.7", "POST", "/wp-content/uploads/2024/x.php", 200)}}),
		withEnv(debianBaseline, rules.Example{Name: "owner's new page", Severity: rules.Medium, Records: []timeline.Record{
			anAdded("/var/www/html/contact.php", magic("php")), aRequest("192.0.2.7", "GET", "/contact.php", 200)}}),
	},
	False: []rules.Example{
		withEnv(debianBaseline, quiet("not there for the asking", anAdded("/var/www/html/uploads/x.php", magic("php"), owner(33, 33)), aRequest("198.51.100.7", "GET", "/uploads/x.php", 404))),
		withEnv(debianBaseline, quiet("another file", anAdded("/var/www/html/a/index.php", magic("php")), aRequest("192.0.2.7", "GET", "/index.php", 200))),
		withEnv(debianBaseline, quiet("new picture", anAdded("/var/www/html/logo.png", magic("png")), aRequest("192.0.2.7", "GET", "/logo.png", 200))),
		withEnv(debianBaseline, quiet("known script", aFile("/var/www/html/index.php", magic("php")), aRequest("192.0.2.7", "GET", "/index.php", 200))),
	},
}

// webLoginChecker looks for guessing at the login of an application.
type webLoginChecker struct {
	by   map[string]*webVisitor
	left int
}

type webVisitor struct {
	fails   []bucket // POST answered with the form again, or 401
	first   placedLine
	last    placedLine
	success []placedLine
	path    string
}

func (c *webLoginChecker) Record(r *timeline.Record) {
	if r.Fields["method"] != "POST" {
		return
	}
	url := r.Fields["url"]
	if url == "" {
		url = r.Fields["path"]
	}
	path, _, _ := strings.Cut(url, "?")
	n := base(path)
	var fail, ok bool
	status := r.Fields["status"]
	switch {
	case n == "wp-login.php":
		// WordPress shows the form again (200), or leads on (302). Asking for a new
		// password leads on as well, but with an action in the query.
		fail, ok = status == "200" || status == "401" || status == "403", status == "302" && !strings.Contains(url, "action=")
	case strings.HasSuffix(path, "/administrator/index.php"):
		return // Joomla leads on in both cases
	case strings.HasSuffix(path, "/user/login"), strings.HasSuffix(path, "/api/login"), strings.HasSuffix(path, "/login"), n == "login.php", n == "signin", n == "j_security_check":
		fail, ok = status == "401" || status == "403" || status == "422", status == "302" || status == "303" || status == "200"
	default:
		return
	}
	address := r.Fields["address"]
	if address == "" || !fail && !ok || len(r.Stamps) == 0 {
		return
	}
	key := address + "\x00" + path
	v := c.by[key]
	if v == nil {
		if len(c.by) >= maxAddresses/4 {
			c.left++
			return
		}
		if c.by == nil {
			c.by = map[string]*webVisitor{}
		}
		v = &webVisitor{path: strings.Clone(path)}
		c.by[strings.Clone(key)] = v
	}
	t, _ := when(r)
	p := placedLine{t, r.Evidence}
	if ok {
		if len(v.success) < 64 {
			v.success = append(v.success, p)
		}
		return
	}
	start := t.Unix() - mod(t.Unix(), bucketLength)
	if k := len(v.fails); k > 0 && v.fails[k-1].start == start {
		v.fails[k-1].n++
	} else if k < maxBuckets {
		v.fails = append(v.fails, bucket{start, 1})
	}
	if v.first.at.IsZero() || t.Before(v.first.at) {
		v.first = p
	}
	if !t.Before(v.last.at) {
		v.last = p
	}
}

func (c *webLoginChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "login") + " of addresses beyond the bound were not looked at"}
}

func (c *webLoginChecker) Findings() []rules.Finding {
	var gs rules.Groups
	for key, v := range c.by {
		address, _, _ := strings.Cut(key, "\x00")
		guesser := visitor{buckets: v.fails}
		slices.SortFunc(v.success, func(a, b placedLine) int { return a.at.Compare(b.at) })
		for _, s := range v.success {
			n := guesser.failures(s.at, time.Hour)
			if n < 20 {
				continue
			}
			g := gs.Get(key)
			g.Raise(rules.High)
			g.Address = address
			g.Add(s.ev, s.at, "")
			if g.Count == 1 {
				g.Add(v.first.ev, v.first.at, "")
				g.Add(v.last.ev, v.last.at, "")
				g.Summary = show(address) + " logged in at " + show(v.path) + " after " + plural(n, "failed try") + " in the hour before, as the answers tell"
			}
		}
	}
	return gs.Findings(nil)
}

// posts are n POST requests with one answer, a second apart.
func posts(address, url string, status, n int) []timeline.Record {
	var out []timeline.Record
	for i := range n {
		r := aRequest(address, "POST", url, status)
		r.Evidence.Line = i + 1
		r.Stamps[0].When = clock.Add(time.Duration(i) * time.Second)
		out = append(out, r)
	}
	return out
}

func postLater(address, url string, status int) timeline.Record {
	r := aRequest(address, "POST", url, status)
	r.Stamps[0].When = clock.Add(10 * time.Minute)
	r.Evidence.Line = 5000
	return r
}

var webLoginGuessed = &rules.Rule{
	ID:    "web-login-guessed",
	Title: "A login to a web application succeeded after many failures",
	Doc: `Twenty or more logins of an address to WordPress or another application that its answers show to have failed (the form again, 401, 403), within the hour before one
that led on.
Innocent: a monitoring job with an old password.`,
	Severity:   rules.High,
	Techniques: []string{"T1110.001", "T1078"},
	Kinds:      []string{timeline.KindWebAccess},
	New:        func(*rules.Env) rules.Checker { return &webLoginChecker{} },
	True: []rules.Example{
		{Name: "WordPress", Severity: rules.High, Records: append(posts("203.0.113.9", "/wp-login.php", 200, 40), postLater("203.0.113.9", "/wp-login.php", 302))},
		{Name: "another", Severity: rules.High, Records: append(posts("203.0.113.9", "/app/login", 401, 40), postLater("203.0.113.9", "/app/login", 303))},
	},
	False: []rules.Example{
		{Name: "never in", Records: posts("203.0.113.9", "/wp-login.php", 200, 400)},
		{Name: "mistyped", Records: append(posts("192.0.2.7", "/wp-login.php", 200, 3), postLater("192.0.2.7", "/wp-login.php", 302))},
		{Name: "another address", Records: append(posts("203.0.113.9", "/wp-login.php", 200, 40), postLater("192.0.2.7", "/wp-login.php", 302))},
		{Name: "new password asked for", Records: append(posts("203.0.113.9", "/wp-login.php", 200, 40), postLater("203.0.113.9", "/wp-login.php?action=lostpassword", 302))},
	},
}

// scanners name themselves in the user agent, in lower case.
var scanners = []string{"nikto", "sqlmap", "nmap scripting", "masscan", "wpscan", "nuclei", "gobuster", "dirbuster", "feroxbuster", "ffuf", "wfuzz", "acunetix", "netsparker", "openvas", "nessus", "w3af", "arachni", "whatweb", "dirsearch", "zgrab", "joomscan", "jorgee", "fuzz faster"}

// scanChecker counts what an address asks for in vain.
type scanChecker struct {
	by   map[string]*scanner
	left int
}

type scanner struct {
	g       rules.Group
	start   int64 // of the bucket
	n, most int   // refused requests in it, and in the fullest
	named   string
	total   int
}

const (
	scanBucket = 100 // refused requests in ten minutes
	scanNamed  = 20  // requests of a scanner that says its name
	maxScans   = 10  // addresses with a finding of their own
)

func (c *scanChecker) Record(r *timeline.Record) {
	status := r.Fields["status"]
	named := ""
	if agent := r.Fields["user_agent"]; len(agent) > 3 && len(agent) < 512 {
		l := lowerASCII(agent)
		for _, s := range scanners {
			if strings.Contains(l, s) {
				named = s
				break
			}
		}
	}
	if named == "" && !(len(status) == 3 && status[0] == '4' && status != "401" && status != "429") {
		return
	}
	address := r.Fields["address"]
	if address == "" || len(r.Stamps) == 0 {
		return
	}
	v := c.by[address]
	if v == nil {
		if len(c.by) >= maxAddresses/4 {
			c.left++
			return
		}
		if c.by == nil {
			c.by = map[string]*scanner{}
		}
		v = &scanner{}
		c.by[strings.Clone(address)] = v
	}
	t, note := when(r)
	v.total++
	if named != "" {
		v.named = named
	}
	start := t.Unix() - mod(t.Unix(), bucketLength)
	if start != v.start {
		v.start, v.n = start, 0
	}
	v.n++
	v.most = max(v.most, v.n)
	// The evidence of most addresses is thrown away again: three lines are enough.
	if v.g.Count < 3 || v.most >= scanBucket || named != "" {
		v.g.Add(r.Evidence, t, note)
	} else {
		v.g.Count++
	}
}

func (c *scanChecker) Notes() []string {
	if c.left == 0 {
		return nil
	}
	return []string{plural(c.left, "request") + " of addresses beyond the bound were not counted"}
}

func (c *scanChecker) Findings() []rules.Finding {
	var found []string
	for address, v := range c.by {
		if v.most >= scanBucket || v.named != "" && v.total >= scanNamed {
			found = append(found, address)
		}
	}
	slices.Sort(found)
	if len(found) > maxScans {
		var all rules.Group
		for _, a := range found {
			all.Merge(&c.by[a].g)
		}
		all.Raise(rules.Low)
		all.Summary = plural(len(found), "address") + " scanned the web server with " + plural(all.Count, "request") + " that were refused, beginning with " + show(found[0])
		return []rules.Finding{all.Finding()}
	}
	var out []rules.Finding
	for _, a := range found {
		v := c.by[a]
		v.g.Raise(rules.Low)
		v.g.Address = a
		v.g.Summary = show(a) + " scanned the web server: " + plural(v.total, "request") + " that were refused or come from a scanner"
		if v.named != "" {
			v.g.Summary += ", which calls itself " + v.named
		}
		out = append(out, v.g.Finding())
	}
	return out
}

// gets are n requests for different paths.
func gets(address string, n, status int, more ...string) []timeline.Record {
	var out []timeline.Record
	for i := range n {
		r := aRequest(address, "GET", "/p"+strconv.Itoa(i), status, more...)
		r.Evidence.Line = i + 1
		r.Stamps[0].When = clock.Add(time.Duration(i) * time.Second)
		out = append(out, r)
	}
	return out
}

var webScan = &rules.Rule{
	ID:    "web-scan",
	Title: "An address scanned the web server",
	Doc: `A hundred requests or more of one address that are refused within ten minutes, or twenty of a program that calls itself a scanner. A scan comes before the attempt that
succeeds. More than ten such addresses make one finding.
Innocent: every server on the Internet is scanned; a page with many dead links.`,
	Severity:   rules.Low,
	Techniques: []string{"T1595.002"},
	Kinds:      []string{timeline.KindWebAccess},
	New:        func(*rules.Env) rules.Checker { return &scanChecker{} },
	True: []rules.Example{
		{Name: "many paths", Severity: rules.Low, Records: gets("203.0.113.66", 150, 404)},
		{Name: "by its name", Severity: rules.Low, Records: gets("203.0.113.66", 30, 200, "user_agent", "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000400)")},
	},
	False: []rules.Example{
		{Name: "some dead links", Records: gets("192.0.2.7", 40, 404)},
		{Name: "a reader", Records: gets("192.0.2.7", 500, 200)},
		{Name: "one look", Records: gets("192.0.2.7", 1, 200, "user_agent", "masscan/1.3")},
	},
}
