package main

import (
	"fmt"
	"path"
	"strings"
	"time"
)

var pages = map[string]string{
	"index.php": `<?php
require __DIR__ . '/lib/bootstrap.php';
$slug = isset($_GET['p']) ? $_GET['p'] : 'home';
echo render_page($slug);
`,
	"lib/bootstrap.php": `<?php
require_once __DIR__ . '/page.php';
require_once __DIR__ . '/search.php';
$config = require __DIR__ . '/../config.php';
`,
	"lib/page.php": `<?php
function page_file($slug) {
    $slug = preg_replace('/[^a-z0-9-]/', '', $slug);
    return __DIR__ . '/../pages/' . $slug . '.html';
}

function render_page($slug) {
    $file = page_file($slug);
    if (!is_file($file)) {
        http_response_code(404);
        return '<h1>Not found</h1>';
    }
    return file_get_contents($file);
}
`,
	"lib/search.php": `<?php
function search_pages($words) {
    $hits = array();
    foreach (glob(__DIR__ . '/../pages/*.html') as $file) {
        if (stripos(strip_tags(file_get_contents($file)), $words) !== false) {
            $hits[] = basename($file, '.html');
        }
    }
    return $hits;
}
`,
	"search.php": `<?php
require __DIR__ . '/lib/bootstrap.php';
foreach (search_pages($_GET['q']) as $slug) {
    echo '<a href="/index.php?p=' . htmlspecialchars($slug) . '">' . htmlspecialchars($slug) . '</a>';
}
`,
	"gallery/thumb.php": `<?php
// Sends a picture of uploads/ at the width that the page asks for.
$src = $_GET['src'];
$width = (int) $_GET['w'];
header('Content-Type: image/jpeg');
passthru("convert ../uploads/$src -resize {$width}x -");
`,
	"gallery/index.php": `<?php
foreach (glob(__DIR__ . '/../uploads/*/*/*.jpg') as $f) {
    $src = substr($f, strlen(__DIR__ . '/../uploads/'));
    echo '<img src="thumb.php?w=240&amp;src=' . rawurlencode($src) . '">';
}
`,
	"admin/login.php": `<?php
require __DIR__ . '/../lib/bootstrap.php';
session_start();
echo '<form method="post"><input name="user"><input name="password" type="password"><button>Log in</button></form>';
`,
	"admin/upload.php": `<?php
session_start();
if (empty($_SESSION['user'])) {
    header('Location: login.php');
    exit;
}
$dir = __DIR__ . '/../uploads/' . date('Y/m');
@mkdir($dir, 0755, true);
move_uploaded_file($_FILES['picture']['tmp_name'], $dir . '/' . basename($_FILES['picture']['name']));
`,
	"config.php":              "<?php\nreturn array(\n    'title' => 'Linden Street Gardeners',\n    'theme' => 'linden',\n    'pages' => __DIR__ . '/pages',\n);\n",
	"robots.txt":              "User-agent: *\nDisallow: /admin/\n",
	"themes/linden/style.css": "body { font: 16px/1.5 serif; max-width: 44rem; margin: auto; color: #223; }\nh1 { color: #264; }\nimg { max-width: 100%; }\n",
	"themes/linden/menu.js":   "document.querySelectorAll('nav a').forEach(function (a) {\n  if (a.href === location.href) { a.className = 'here'; }\n});\n",
}

var articles = []string{"home", "about", "opening-hours", "spring-sowing", "compost", "apple-pruning", "bees", "members", "news", "contact", "union-select-committee"}

// site puts the web site below /var/www/html.
func (s *server) site(at time.Time) {
	const root = "/var/www/html"
	s.mkdirs(root, at)
	for _, p := range sortedKeys(pages) {
		at = at.Add(9 * time.Millisecond)
		s.mkdirs(path.Dir(root+"/"+p), at)
		s.file(root+"/"+p, 0o644, 0, 0, pages[p], at)
	}
	s.mkdirs(root+"/pages", at)
	for _, a := range articles {
		at = at.Add(7 * time.Millisecond)
		title := strings.ReplaceAll(a, "-", " ")
		body := strings.Repeat("<p>The gardeners of Linden Street on "+title+".</p>\n", 6+len(a))
		s.file(root+"/pages/"+a+".html", 0o644, 0, 0, "<!doctype html>\n<title>"+title+"</title>\n<h1>"+title+"</h1>\n"+body, at)
	}
	for _, d := range []string{"uploads", "uploads/2025", "uploads/2025/10", "uploads/2026", "uploads/2026/01", "uploads/2026/02", "cache"} {
		s.mkdir(root+"/"+d, 0o755, 33, 33, at)
	}
	for _, p := range []string{"2025/10/apples.jpg", "2025/10/shed.jpg", "2026/01/frost.jpg", "2026/02/snowdrops.jpg"} {
		s.picture(root+"/uploads/"+p, time.Date(2000, 1, 1, 0, 0, 0, 0, berlin), at)
	}
}

// picture writes something with the head of a JPEG.
func (s *server) picture(p string, _ time.Time, at time.Time) {
	b := []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
	for range 3000 + s.rng.IntN(3000) {
		b = append(b, byte(s.rng.Uint32()))
	}
	s.file(p, 0o644, 33, 33, string(append(b, 0xff, 0xd9)), at)
}

// logFiles makes the logs of a new server.
func (s *server) logFiles(at time.Time) {
	s.mkdir("/var/log/apache2", 0o750, 0, 4, at)
	s.mkdir("/var/log/apt", 0o755, 0, 0, at)
	for _, p := range []string{"auth.log", "syslog", "kern.log", "apache2/access.log", "apache2/error.log"} {
		s.file("/var/log/"+p, 0o640, 0, 4, "", at)
	}
	for _, p := range []string{"dpkg.log", "alternatives.log", "apt/history.log"} {
		s.file("/var/log/"+p, 0o644, 0, 0, "", at)
	}
	s.file("/var/log/wtmp", 0o664, 0, 43, "", at)
	s.file("/var/log/btmp", 0o660, 0, 43, "", at)
	s.file("/var/log/lastlog", 0o664, 0, 43, strings.Repeat("\x00", 292*1003), at)
	s.file("/var/log/faillog", 0o644, 0, 0, "", at)
}

// rotate is logrotate with delayed compression.
func (s *server) rotate(p string, keep int, at time.Time) {
	if len(s.get(p).data) == 0 {
		return // notifempty
	}
	old := *s.get(p)
	name := func(i int) string {
		if i == 1 {
			return p + ".1"
		}
		return fmt.Sprintf("%s.%d.gz", p, i)
	}
	if s.has(name(keep)) {
		s.remove(name(keep), at)
	}
	for i := keep - 1; i >= 2; i-- {
		if s.has(name(i)) {
			s.rename(name(i), name(i+1), at)
		}
	}
	if s.has(name(1)) {
		n := s.get(name(1))
		z := s.file(name(2), n.mode, n.uid, n.gid, gz(string(n.data), time.Unix(n.mtime.Unix(), 0)), at)
		z.atime, z.mtime = n.atime, n.mtime
		s.remove(name(1), at)
	}
	s.rename(p, name(1), at)
	s.file(p, old.mode, old.uid, old.gid, "", at)
}
