package browser

import (
	"net/url"
	"path"
	"strings"

	"deadbox/timeline"
)

// mask is what stands in place of a password.
const mask = "(masked)"

// secretNames are parameters of a query whose values let somebody in.
var secretNames = map[string]bool{
	"password": true, "passwd": true, "pass": true, "pwd": true, "secret": true, "client_secret": true, "token": true, "access_token": true, "id_token": true,
	"refresh_token": true, "auth_token": true, "api_key": true, "apikey": true,
}

// cleanURL masks the password and the tokens of a URL. It works on bytes, so
// that what is no good URL stays as it is.
func cleanURL(s string) (clean string, masked bool) {
	if i := strings.Index(s, "://"); i > 0 {
		rest := s[i+3:]
		host := rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			host = rest[:end]
		}
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			if colon := strings.IndexByte(host[:at], ':'); colon >= 0 && colon+1 < at {
				s, masked = s[:i+3]+host[:colon+1]+mask+rest[at:], true
			}
		}
	}
	start := strings.IndexAny(s, "?#")
	if start < 0 {
		return s, masked
	}
	var b strings.Builder
	b.WriteString(s[:start])
	for rest := s[start:]; rest != ""; {
		b.WriteByte(rest[0]) // one of ? # & ;
		rest = rest[1:]
		part := rest
		if end := strings.IndexAny(rest, "?#&;"); end >= 0 {
			part = rest[:end]
		}
		rest = rest[len(part):]
		name, value, ok := strings.Cut(part, "=")
		if ok && value != "" && secretNames[strings.ToLower(name)] {
			part, masked = name+"="+mask, true
		}
		b.WriteString(part)
	}
	return b.String(), masked
}

// putURL sets the field name to a URL without its secrets.
func putURL(f map[string]string, name, s string) {
	if s == "" {
		return
	}
	clean, masked := cleanURL(s)
	if f[name] = clean; masked {
		f["masked"] = "password"
	}
}

// put sets a field that has a value.
func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

// hostOf is the host of a URL, without user and port; "" if it has none.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// filePath is the path that a file URL names; s itself if it is none.
func filePath(s string) string {
	rest, ok := strings.CutPrefix(s, "file://")
	if !ok {
		return s
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[i:]
	}
	if p, err := url.PathUnescape(rest); err == nil {
		return p
	}
	return rest
}

// product is a program and a directory that tells it.
type product struct{ dir, name string }

// programOf finds a program by a directory of the path, below one whose name
// ends with above.
func programOf(p, above string, products []product, other string) string {
	for _, x := range products {
		if strings.Contains(p, above+x.dir+"/") {
			return x.name
		}
	}
	return other
}

// common are the fields of all records of a browser.
func common(s *timeline.Source, program string) map[string]string {
	f := map[string]string{"program": program, "profile": path.Base(path.Dir(s.Path))}
	put(f, "account", s.Owner())
	return f
}

// who begins a summary with the account.
func who(f map[string]string) string {
	if f["account"] == "" {
		return ""
	}
	return f["account"] + ": "
}

// places makes patterns below every home.
func places(names ...string) []string {
	var list []string
	for _, n := range names {
		list = append(list, "~/"+n, "/root/"+n, "/home/*/"+n)
	}
	return list
}
