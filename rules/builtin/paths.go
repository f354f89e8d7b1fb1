package builtin

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// below reports whether path lies in dir, at any depth.
func below(path, dir string) bool {
	return len(path) > len(dir)+1 && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// belowAny reports whether path lies in one of dirs.
func belowAny(path string, dirs []string) bool {
	for _, d := range dirs {
		if below(path, d) {
			return true
		}
	}
	return false
}

// dirBase splits a path into its directory (without the last slash, "" for the
// root) and its last element.
func dirBase(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// extension is the lower-case suffix after the last dot of a name, without
// the dot; "" for a name that only begins with one.
func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}

// worldTemporary are the directories that anyone may write to on a usual
// server.
var worldTemporary = []string{"/tmp", "/var/tmp", "/dev/shm", "/run/shm", "/var/run/shm", "/run/lock", "/var/lock", "/usr/tmp", "/private/tmp"}

// temporary gives the world-writable directory that a path lies in; "" if
// none. It is called for every file.
func temporary(path string) string {
	if len(path) < 6 || path[0] != '/' {
		return ""
	}
	switch path[1] {
	case 't', 'v', 'd', 'r', 'u', 'p':
		for _, d := range worldTemporary {
			if below(path, d) {
				return d
			}
		}
	}
	return ""
}

// systemBins are the directories of the programs that packages bring.
var systemBins = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/games"}

// systemLibs are the directories of their libraries and helpers.
var systemLibs = []string{"/lib", "/lib64", "/lib32", "/libx32", "/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/libx32"}

func inSystemBin(path string) bool { return belowAny(path, systemBins) }
func inSystem(path string) bool    { return belowAny(path, systemBins) || belowAny(path, systemLibs) }

// containerStores hold whole systems of other hosts: what their packages
// bring is not in this server's package database.
var containerStores = []string{
	"/var/lib/docker", "/var/lib/containers", "/var/lib/containerd", "/var/lib/lxc", "/var/lib/lxd", "/var/lib/incus", "/var/lib/machines",
	"/var/snap", "/snap", "/var/lib/snapd", "/var/lib/flatpak", "/var/lib/rancher", "/var/lib/kubelet", "/run/containerd", "/run/docker",
	"/ostree", "/sysroot/ostree", "/var/lib/schroot", "/srv/chroot", "/var/lib/sbuild", "/var/cache/pbuilder", "/var/lib/mock", "/nix/store",
	"/gnu/store", "/var/lib/portables", "/home/linuxbrew", "/var/lib/libvirt/filesystems", "/var/lib/waydroid", "/var/chroot", "/var/lib/vz",
}

// inContainerStore reports whether a path belongs to another system that is
// kept on this one. Stores of a user's own containers lie in the home.
func inContainerStore(path string) bool {
	return belowAny(path, containerStores) || strings.Contains(path, "/.local/share/containers/storage/") || strings.Contains(path, "/.local/share/docker/")
}

// Where sites lie when no configuration says so.
var usualWebRoots = []string{
	"/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html", "/usr/share/nginx/www", "/usr/local/www", "/usr/local/apache2/htdocs",
	"/usr/local/apache/htdocs", "/usr/local/nginx/html", "/opt/lampp/htdocs", "/opt/bitnami/apps", "/var/lib/tomcat/webapps", "/var/lib/tomcat7/webapps",
	"/var/lib/tomcat8/webapps", "/var/lib/tomcat9/webapps", "/var/lib/tomcat10/webapps", "/opt/tomcat/webapps", "/usr/share/tomcat/webapps",
	"/var/webroot", "/web", "/www", "/usr/lib/cgi-bin", "/data/www", "/data/wwwroot", "/home/wwwroot", "/www/wwwroot",
}

// webRoots are the directories of sites: those that are known of this server,
// and the usual ones.
type webRoots []string

func webRootsOf(env *rules.Env) webRoots {
	out := make(webRoots, 0, len(env.WebRoots)+len(usualWebRoots))
	for _, d := range env.WebRoots {
		if d = strings.TrimRight(d, "/"); d != "" && d[0] == '/' {
			out = append(out, d)
		}
	}
	return append(out, usualWebRoots...)
}

// root gives the directory of sites that a path lies in; "" if none.
func (w webRoots) root(path string) string {
	for _, d := range w {
		if below(path, d) {
			return d
		}
	}
	// A site below a home: /home/NAME/public_html and its kin.
	if strings.HasPrefix(path, "/home/") {
		rest := path[len("/home/"):]
		if i := strings.IndexByte(rest, '/'); i > 0 {
			for _, d := range [...]string{"/public_html", "/www", "/htdocs", "/public"} {
				if below(rest[i:], d) {
					return path[:len("/home/")+i+len(d)]
				}
			}
		}
	}
	return ""
}

// Extensions of files that a web server runs rather than sends.
var webScripts = map[string]bool{
	"php": true, "php3": true, "php4": true, "php5": true, "php7": true, "php8": true, "phtml": true, "pht": true, "phps": false, "phar": true, "inc": true,
	"jsp": true, "jspx": true, "jspf": true, "war": true, "cgi": true, "pl": true, "asp": true, "aspx": true, "ashx": true, "cfm": true, "cfml": true,
}

func isWebScript(name string) bool { return webScripts[extension(name)] }

// Extensions of files that a web server sends as they are.
var staticFiles = map[string]bool{
	"html": true, "htm": true, "css": true, "js": true, "mjs": true, "map": true, "png": true, "jpg": true, "jpeg": true, "gif": true, "ico": true, "svg": true,
	"webp": true, "avif": true, "bmp": true, "txt": true, "xml": true, "json": true, "woff": true, "woff2": true, "ttf": true, "eot": true, "otf": true, "pdf": true,
	"mp4": true, "webm": true, "mp3": true,
}

var uploadNames = map[string]bool{
	"uploads": true, "upload": true, "uploaded": true, "userfiles": true, "avatars": true, "avatar": true, "attachments": true, "attachment": true,
	"user_uploads": true, "fileupload": true, "file_uploads": true, "media": false, "userfile": true, "user_files": true, "photos": true, "pictures": true,
	"blogs.dir": true,
}

// inUploads reports whether a directory on the way to a file of a site is one
// where visitors' uploads go.
func inUploads(path string) bool {
	for rest := path; ; {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return false
		}
		if i > 3 && uploadNames[strings.ToLower(rest[:i])] {
			return true
		}
		rest = rest[i+1:]
	}
}

// What a file is to one who would run it.
type runnable uint8

const (
	notRunnable   runnable = iota
	maybeRunnable          // it may be executed, but its head was not read
	script                 // text that an interpreter runs
	program                // ELF
)

// runs says whether a regular file can be run.
func runs(f *timeline.File) runnable {
	if f.Type != filesystem.Regular || f.Size == 0 {
		return notRunnable
	}
	switch f.Magic {
	case "elf":
		return program
	case "script", "php":
		return script
	case "":
		if f.Mode&0o111 != 0 {
			return maybeRunnable
		}
		switch extension(base(f.Path)) {
		case "sh", "pl", "py", "php":
			return script
		}
	}
	return notRunnable
}

func (k runnable) String() string {
	return [...]string{"file", "executable file", "script", "program"}[k]
}

// judged gives the file whose state a rule must look at, nil if none. With a
// baseline, only what was added or differs in what rules look at is judged: the
// rest is known. What is deleted is not judged, as its inode may by now be another
// file's.
func judged(env *rules.Env, r *timeline.Record) *timeline.File {
	f := r.File
	if r.Kind == timeline.KindChange {
		c := r.Change
		if c == nil || c.After == nil {
			return nil
		}
		f = c.After
		if c.What == "metadata" && !differsAny(c, "mode", "owner", "flags", "xattrs", "target") {
			return nil
		}
	} else if env.Baseline {
		return nil
	}
	if f == nil || f.Deleted || f.Unalloc || f.Orphan {
		return nil
	}
	return f
}

func differs(c *timeline.Change, what string) bool {
	for _, d := range c.Differs {
		if d == what {
			return true
		}
	}
	return false
}

func differsAny(c *timeline.Change, what ...string) bool {
	for _, w := range what {
		if differs(c, w) {
			return true
		}
	}
	return false
}

// added reports whether a record says that the baseline lacks the file.
func added(r *timeline.Record) bool {
	return r.Kind == timeline.KindChange && r.Change != nil && r.Change.What == "added"
}

// arrived is when a file came to where it is: the birth of its inode, else
// the last change of it. Modification times are set at will.
func arrived(f *timeline.File) (time.Time, string) {
	if f.Times.Born.Known {
		return f.Times.Born.Std(), "the inode's birth"
	}
	if f.Times.Changed.Known {
		return f.Times.Changed.Std(), "the inode's last change"
	}
	return time.Time{}, ""
}

// changed is when a file's inode was last changed.
func changed(f *timeline.File) (time.Time, string) {
	if f.Times.Changed.Known {
		return f.Times.Changed.Std(), "the inode's last change"
	}
	return time.Time{}, ""
}

// when is the first time that a record carries.
func when(r *timeline.Record) (time.Time, string) {
	if len(r.Stamps) == 0 {
		return time.Time{}, ""
	}
	return r.Stamps[0].When, r.Stamps[0].Note
}

// utc writes an instant for a sentence: in UTC, which the Z says.
func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// maxShown is the longest text of the image that a summary repeats.
const maxShown = 240

// show prepares text of the image for a sentence: cut to a bearable length,
// quoted if there is anything in it that would not print as itself.
func show(s string) string {
	cut := false
	if len(s) > maxShown {
		s, cut = s[:maxShown], true
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if len(s) > 0 && s[len(s)-1] >= utf8.RuneSelf {
			s = s[:len(s)-1]
		}
	}
	plain := s != "" && s[0] != ' ' && s[len(s)-1] != ' '
	for _, c := range s {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			plain = false
			break
		}
	}
	if !plain {
		s = strconv.Quote(s)
	}
	if cut {
		s += "..."
	}
	return s
}

// showPath is show for a path, quoted also if there is a space in it.
func showPath(path string) string {
	if strings.ContainsAny(path, " \"") && len(path) <= maxShown {
		return strconv.Quote(path)
	}
	return show(path)
}

// plural gives "1 file", "2 files".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	noun, of, _ := strings.Cut(noun, " of ")
	switch {
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey"):
		noun = noun[:len(noun)-1] + "ies"
	case strings.HasSuffix(noun, "ss"), strings.HasSuffix(noun, "sh"):
		noun += "es"
	default:
		noun += "s"
	}
	if of != "" {
		noun += " of " + of
	}
	return strconv.Itoa(n) + " " + noun
}

// ownerText gives "www-data (uid 33)" or "uid 1005".
func ownerText(env *rules.Env, uid uint32) string {
	n := strconv.FormatUint(uint64(uid), 10)
	if name := env.AccountName(uid); name != "" {
		return show(name) + " (uid " + n + ")"
	}
	if uid == 0 {
		return "root (uid 0)"
	}
	return "uid " + n
}

// quoteAll quotes a path whatever is in it.
func quoteAll(path string) string {
	cut := ""
	if len(path) > maxShown {
		path, cut = path[:maxShown], "..."
	}
	return strconv.QuoteToASCII(path) + cut
}
