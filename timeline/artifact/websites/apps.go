package websites

import (
	"bytes"
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/internal/webconf"
	"deadbox/timeline"
)

// Apps yields a record for each web application that it recognises.
var Apps = timeline.Extractor{
	Name: "web-apps",
	Doc: `Web applications in the web roots: name, version, path (the directory); of WordPress also its plugins, must-use plugins and themes (type, with
their versions), and the database, account and host of its wp-config.php (the password is never shown).

Formats: the file in which each keeps its version: WordPress wp-includes/version.php, Joomla libraries/src/Version.php and its older places,
Drupal core/lib/Drupal.php and includes/bootstrap.inc, MediaWiki includes/Defines.php, phpBB includes/constants.php, Nextcloud and
ownCloud version.php, Magento app/Mage.php and composer.json, PrestaShop, TYPO3, phpMyAdmin, Roundcube, Laravel, Moodle, Matomo, Adminer, Webmin,
Grafana, GitLab, Jenkins; the headers of WordPress' plugins (https://developer.wordpress.org/plugins/plugin-basics/header-requirements/).`,
	Paths:   appPaths(),
	Named:   namedApps,
	NamedIn: webconf.Mains,
	Run:     apps,
}

// markers are the ends of paths by which applications are found.
var markers = []string{
	"*ersion.php", "core/lib/Drupal.php", "includes/bootstrap.inc", "includes/Def*s.php", "includes/constants.php", "program/include/iniset.php", "config/settings.inc.php",
	"app/[AM][pa]*.php", "app/etc/NonComposerComponentRegistration.php", "Foundation/Application.php", "libraries/Config.class.php", "libraries/classes/Config.php", "adminer*.php",
}

// usualRoots are where web roots lie on most servers.
var usualRoots = []string{"/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/usr/local/www", "/opt/lampp/htdocs", "/opt/bitnami", "/usr/local/apache2/htdocs", "/usr/local/nginx/html", "~/public_html", "~/www", "~/htdocs", "~/domains", "~/web"}

func appPaths() []string {
	var out []string
	for _, root := range usualRoots {
		for _, m := range markers {
			out = append(out, root+"/**/"+m)
		}
	}
	return append(out,
		"/usr/share/wordpress/wp-includes/version.php", "/usr/share/phpmyadmin/libraries/classes/Version.php", "/usr/share/phpmyadmin/libraries/classes/Config.php", "/usr/share/phpMyAdmin/libraries/classes/Version.php",
		"/usr/share/roundcube/program/include/iniset.php", "/usr/share/roundcubemail/program/include/iniset.php", "/usr/share/mediawiki/includes/Defines.php", "/usr/share/adminer/adminer*.php", "/usr/share/drupal7/includes/bootstrap.inc",
		"/etc/webmin/version", "/usr/share/grafana/VERSION", "/opt/gitlab/embedded/service/gitlab-rails/VERSION", "/var/lib/jenkins/config.xml",
	)
}

// namedApps gives the places below the roots of configured sites, where those
// lie elsewhere.
func namedApps(s *timeline.Source) []string {
	var out []string
	seen := map[string]bool{}
	add := func(root string) {
		if root == "" || root == "/" || seen[root] || strings.Count(root, "/") < 2 {
			return
		}
		seen[root] = true
		for _, usual := range usualRoots {
			if root == usual || strings.HasPrefix(root, usual+"/") {
				return
			}
		}
		root = timeline.Literal(root)
		for _, m := range markers {
			out = append(out, root+"/"+m, root+"/*/"+m)
			if m[0] == '*' {
				// These lie within a directory of the application.
				out = append(out, root+"/*/*/"+m, root+"/*/*/*/"+m)
			}
		}
	}
	c := webconf.Read(tree(context.Background(), s), s.Path)
	for _, site := range c.Sites {
		add(site.Root)
		for _, a := range site.Aliases {
			add(a.Dir)
		}
	}
	return out
}

// app is an application and how its version is read.
type app struct {
	name string
	file string // the end of the path of the file that says the version, within the application
	// keys are what stands before the version: the first string behind one of them is it. With
	// several parts they are joined by points.
	keys []string
	join bool
}

var known = []app{
	{name: "WordPress", file: "wp-includes/version.php", keys: []string{"$wp_version"}},
	{name: "Joomla", file: "libraries/src/Version.php", keys: []string{"MAJOR_VERSION", "MINOR_VERSION", "PATCH_VERSION"}, join: true},
	{name: "Joomla", file: "libraries/cms/version/version.php", keys: []string{"RELEASE", "DEV_LEVEL"}, join: true},
	{name: "Joomla", file: "libraries/joomla/version.php", keys: []string{"RELEASE", "DEV_LEVEL"}, join: true},
	{name: "Drupal", file: "core/lib/Drupal.php", keys: []string{"const VERSION"}},
	{name: "Drupal", file: "includes/bootstrap.inc", keys: []string{"'VERSION'"}},
	{name: "MediaWiki", file: "includes/Defines.php", keys: []string{"'MW_VERSION'"}},
	{name: "MediaWiki", file: "includes/DefaultSettings.php", keys: []string{"$wgVersion"}},
	{name: "phpBB", file: "includes/constants.php", keys: []string{"'PHPBB_VERSION'"}},
	{name: "TYPO3", file: "Classes/Information/Typo3Version.php", keys: []string{"const VERSION"}},
	{name: "phpMyAdmin", file: "libraries/classes/Version.php", keys: []string{"const VERSION"}},
	{name: "phpMyAdmin", file: "libraries/classes/Config.php", keys: []string{"'PMA_VERSION'"}},
	{name: "phpMyAdmin", file: "libraries/Config.class.php", keys: []string{"'PMA_VERSION'"}},
	{name: "Roundcube", file: "program/include/iniset.php", keys: []string{"'RCMAIL_VERSION'"}},
	{name: "PrestaShop", file: "config/settings.inc.php", keys: []string{"'_PS_VERSION_'"}},
	{name: "PrestaShop", file: "app/AppKernel.php", keys: []string{"const VERSION"}},
	{name: "PrestaShop", file: "src/Core/Version.php", keys: []string{"const VERSION"}},
	{name: "Matomo", file: "core/Version.php", keys: []string{"const VERSION"}},
	{name: "Magento", file: "app/Mage.php", keys: []string{"'major'", "'minor'", "'revision'", "'patch'"}, join: true},
	{name: "Laravel", file: "vendor/laravel/framework/src/Illuminate/Foundation/Application.php", keys: []string{"const VERSION"}},
	{name: "Nextcloud", file: "version.php", keys: []string{"$OC_VersionString"}},
	{name: "Moodle", file: "version.php", keys: []string{"$release"}},
}

// plain are applications whose version is a file of its own.
var plain = map[string]string{"/etc/webmin/version": "Webmin", "/usr/share/grafana/VERSION": "Grafana", "/opt/gitlab/embedded/service/gitlab-rails/VERSION": "GitLab"}

// maxApp is how much of a file is looked at for a version, in bytes.
const maxApp = 256 << 10

func apps(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		base := path.Base(s.Path)
		if name := plain[s.Path]; name != "" {
			b, _ := timeline.Whole(ctx, s, 4096)
			line, _, _ := bytes.Cut(b, []byte("\n"))
			if v := strings.TrimSpace(string(line)); v != "" && len(v) < 64 {
				yield(made(s, name, v, path.Dir(s.Path), 0, len(line), 1), nil)
			}
			return
		}
		switch {
		case s.Path == "/var/lib/jenkins/config.xml":
			b, _ := timeline.Whole(ctx, s, maxApp)
			if v, at, n, line := behind(b, "<version", ">", "<"); v != "" {
				yield(made(s, "Jenkins", v, path.Dir(s.Path), at, n, line), nil)
			}
			return
		case base == "NonComposerComponentRegistration.php":
			magento(ctx, s, yield)
			return
		case strings.HasPrefix(base, "adminer"):
			b, _ := timeline.Whole(ctx, s, 4096)
			if v, at, n, line := behind(b, "@version", " ", "\n"); v != "" && bytes.Contains(b, []byte("Adminer")) {
				yield(made(s, "Adminer", v, s.Path, at, n, line), nil)
			}
			return
		}
		for _, a := range known {
			root, ok := strings.CutSuffix(s.Path, "/"+a.file)
			if !ok {
				continue
			}
			b, errs := timeline.Whole(ctx, s, maxApp)
			version, at, n, line := a.version(b)
			if version == "" {
				continue
			}
			for _, err := range errs {
				if s.Size <= maxApp && !yield(timeline.Record{}, err) {
					return
				}
			}
			name := a.name
			switch name {
			case "Nextcloud":
				if bytes.Contains(b, []byte("'owncloud'")) {
					name = "ownCloud"
				}
			case "TYPO3":
				// Within typo3/sysext/core or vendor/typo3/cms-core.
				for _, inner := range []string{"/typo3/sysext/core", "/vendor/typo3/cms-core", "/public/typo3/sysext/core"} {
					root = strings.TrimSuffix(root, inner)
				}
			}
			if !yield(made(s, name, version, root, at, n, line), nil) {
				return
			}
			if name == "WordPress" {
				wordpress(ctx, s, root, yield)
			}
			return
		}
	}
}

func made(s *timeline.Source, name, version, root string, at, n, line int) timeline.Record {
	r := timeline.Record{Kind: timeline.KindWebApp, Evidence: s.Evidence(int64(at), int64(n), line),
		Fields: map[string]string{"name": name, "version": version, "path": root}}
	r.Summary = name + " " + version + " in " + root
	if s.Inode != nil && s.Inode.Times.Modified.Known {
		t := s.Inode.Times.Modified
		r.Stamps = []timeline.Stamp{{What: "modified", When: t.Std(), Note: "of the file that says the version: when this version was installed, if it keeps its times"}}
	}
	return r
}

// version finds the version and the range that says it.
func (a *app) version(b []byte) (version string, at, n, line int) {
	var parts []string
	first, end := -1, 0
	for _, key := range a.keys {
		v, from, length := literalBehind(b, key)
		if v == "" {
			if a.join && len(parts) > 0 {
				continue
			}
			return "", 0, 0, 0
		}
		parts = append(parts, v)
		if first < 0 || from < first {
			first = from
		}
		end = max(end, from+length)
	}
	version = strings.Join(parts, ".")
	if len(version) > 64 {
		return "", 0, 0, 0
	}
	return version, first, end - first, 1 + bytes.Count(b[:first], []byte("\n"))
}

// literalBehind finds the first string or number that is assigned to a key, on its line. The range is of the
// key and the value.
func literalBehind(b []byte, key string) (value string, at, n int) {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(key))
		if i < 0 {
			return "", 0, 0
		}
		i += from
		from = i + len(key)
		if i > 0 && isName(b[i-1]) {
			continue
		}
		rest := b[from:]
		if nl := bytes.IndexByte(rest, '\n'); nl >= 0 {
			rest = rest[:nl]
		}
		trimmed := bytes.TrimLeft(rest, " \t=,>")
		if len(trimmed) == 0 || len(trimmed) == len(rest) {
			continue
		}
		skipped := len(rest) - len(trimmed)
		if q := trimmed[0]; q == '\'' || q == '"' {
			if j := bytes.IndexByte(trimmed[1:], q); j > 0 {
				return string(trimmed[1 : 1+j]), i, len(key) + skipped + j + 2
			}
			continue
		}
		d := 0
		for d < len(trimmed) && trimmed[d] >= '0' && trimmed[d] <= '9' {
			d++
		}
		if d > 0 {
			return string(trimmed[:d]), i, len(key) + skipped + d
		}
	}
}

func isName(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// behind finds what stands between two marks behind a key.
func behind(b []byte, key, open, closing string) (value string, at, n, line int) {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return
	}
	rest := b[i+len(key):]
	j := bytes.Index(rest, []byte(open))
	if j < 0 || j > 64 {
		return
	}
	rest = rest[j+len(open):]
	k := bytes.Index(rest, []byte(closing))
	if k < 0 || k > 64 {
		return
	}
	return strings.TrimSpace(string(rest[:k])), i, len(key) + j + len(open) + k, 1 + bytes.Count(b[:i], []byte("\n"))
}

// magento reads the version of Magento 2 from its composer.json.
func magento(ctx context.Context, s *timeline.Source, yield func(timeline.Record, error) bool) {
	root := path.Dir(path.Dir(path.Dir(s.Path)))
	f := s.Open(root + "/composer.json")
	if f == nil {
		return
	}
	b, _ := timeline.Whole(ctx, f, maxApp)
	for _, key := range []string{`"magento/product-community-edition"`, `"magento/product-enterprise-edition"`, `"version"`} {
		if v, at, n, line := behind(b, key, `"`, `"`); v != "" {
			yield(made(f, "Magento", v, root, at, n, line), nil)
			return
		}
	}
}

// maxPlugins bounds how many files of plugins are opened for one WordPress.
const maxPlugins = 5000

// wordpress yields plugins, themes and the database of a WordPress.
func wordpress(ctx context.Context, s *timeline.Source, root string, yield func(timeline.Record, error) bool) {
	place := timeline.Literal(root)
	opened := 0
	for _, v := range []struct{ pattern, key, kind string }{
		{"/wp-content/plugins/*.php", "Plugin Name:", "plugin"}, {"/wp-content/plugins/*/*.php", "Plugin Name:", "plugin"},
		{"/wp-content/mu-plugins/*.php", "Plugin Name:", "must-use plugin"}, {"/wp-content/themes/*/style.css", "Theme Name:", "theme"},
	} {
		for _, name := range s.Files(place + v.pattern) {
			if opened++; opened > maxPlugins {
				yield(timeline.Record{}, s.Damage(0, 0, 0, "more files of plugins than are read", nil))
				return
			}
			f := s.Open(name)
			if f == nil {
				continue
			}
			b, _ := timeline.Whole(ctx, f, 8192) // as much as WordPress reads for the header
			title, at, n, line := header(b, v.key)
			if title == "" {
				if v.kind != "must-use plugin" {
					continue
				}
				// Every file there is run, with a header or without.
				title, at, n, line = path.Base(name), 0, 0, 0
			}
			version, _, _, _ := header(b, "Version:")
			dir := path.Dir(name)
			if path.Base(dir) == "plugins" || path.Base(dir) == "mu-plugins" {
				dir = name
			}
			r := made(f, title, version, dir, at, n, line)
			r.Fields["type"], r.Fields["app"] = v.kind, "WordPress"
			if version == "" {
				delete(r.Fields, "version")
			}
			r.Summary = strings.Join(strings.Fields("WordPress "+v.kind+" "+title+" "+version+" in "+dir), " ")
			if !yield(r, nil) {
				return
			}
		}
	}
	for _, name := range []string{root + "/wp-config.php", path.Dir(root) + "/wp-config.php"} {
		f := s.Open(name)
		if f == nil {
			continue
		}
		b, _ := timeline.Whole(ctx, f, maxApp)
		db, at, n := literalBehind(b, "'DB_NAME'")
		if db == "" {
			db, at, n = literalBehind(b, `"DB_NAME"`)
		}
		if db == "" {
			continue
		}
		r := timeline.Record{Kind: timeline.KindWebApp, Evidence: f.Evidence(int64(at), int64(n), 1+bytes.Count(b[:at], []byte("\n"))),
			Fields: map[string]string{"name": "WordPress", "type": "database", "app": "WordPress", "path": name, "database": db}}
		for _, v := range [...][2]string{{"DB_USER", "account"}, {"DB_HOST", "remote_host"}, {"DB_PASSWORD", "password"}} {
			value, _, _ := literalBehind(b, "'"+v[0]+"'")
			if value == "" {
				value, _, _ = literalBehind(b, `"`+v[0]+`"`)
			}
			if value != "" {
				if v[1] == "password" {
					value = "***"
				}
				r.Fields[v[1]] = value
			}
		}
		r.Summary = "WordPress in " + root + " uses the database " + db + " as " + r.Fields["account"]
		yield(r, nil)
		return
	}
}

// header finds "Key: value" of a plugin's or a theme's header.
func header(b []byte, key string) (value string, at, n, line int) {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(key))
		if i < 0 {
			return "", 0, 0, 0
		}
		i += from
		from = i + len(key)
		// Only a comment's decoration may stand before it.
		start := bytes.LastIndexByte(b[:i], '\n') + 1
		if strings.Trim(string(b[start:i]), " \t/*#@<?ph") != "" {
			continue
		}
		rest, _, _ := bytes.Cut(b[from:], []byte("\n"))
		value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(rest)), "*/"))
		if value == "" || len(value) > 200 {
			continue
		}
		return value, i, len(key) + len(bytes.TrimRight(rest, " \t\r")), 1 + bytes.Count(b[:i], []byte("\n"))
	}
}
