package host

import (
	"slices"
	"testing"
)

func TestWebRoots(t *testing.T) {
	h := assemble(t, source(makeFS(t, withFiles(tree{
		"etc/apache2/apache2.conf":            "ServerRoot \"/etc/apache2\"\nDefine ROOT /srv/define\nDocumentRoot ${ROOT}/htdocs\n",
		"etc/apache2/sites-enabled/a.conf":    "<VirtualHost *:80>\n\tdocumentroot \"/srv/with blank\"\n\tAlias /icons/ \\\n  /usr/share/icons/\n#\tDocumentRoot /srv/comment\n\tVirtualDocumentRoot /srv/vhosts/%0/docs\n\tDocumentRoot /does/not/exist\n\tScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\n",
		"etc/apache2/sites-enabled/root.conf": "DocumentRoot /\nDocumentRoot /usr\nDocumentRoot relative\n",
		"etc/nginx/sites-enabled/default":     "server { root /srv/nginx; location /i { alias /srv/img/$1/x; } # root /srv/comment;\n root '/srv/quoted';}\n",
		"etc/lighttpd/lighttpd.conf":          "server.document-root = \"/srv/lighttpd\"\n",
		"etc/caddy/Caddyfile":                 "example.org {\n\troot * /srv/caddy\n}\n",
		"srv/define/htdocs/":                  "", "srv/with blank/": "", "usr/share/icons/": "", "srv/comment/": "", "srv/vhosts/": "", "usr/lib/cgi-bin/": "", "srv/nginx/": "", "srv/img/": "",
		"srv/quoted/": "", "srv/lighttpd/": "", "srv/caddy/": "", "var/www/html/index.html": "x",
	})), "a", "bare"))
	both(t, h, func(t *testing.T, h *Host) {
		want := []string{"/srv/caddy", "/srv/define/htdocs", "/srv/img", "/srv/lighttpd", "/srv/nginx", "/srv/quoted", "/srv/vhosts", "/srv/with blank", "/usr/lib/cgi-bin", "/usr/share/icons", "/var/www", "/var/www/html"}
		if got := h.WebRoots(); !slices.Equal(got, want) {
			t.Errorf("web roots\n%q, want\n%q", got, want)
		}
	})
}

func FuzzConfigs(f *testing.F) {
	f.Add([]byte("Define A ${A}${A}\nDocumentRoot ${A}\\\n/x\n"))
	f.Add([]byte("UUID=\"x\" /a\\040b ext4\n"))
	f.Add([]byte("server { root \"/x\n"))
	f.Add([]byte("root:x:0:0:::\nA=\"\\\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		apacheRoots(b)
		nginxRoots(b)
		lighttpdRoots(b)
		caddyRoots(b)
		assignments(b)
		for _, a := range parsePasswd(b) {
			if a.Name == "" {
				t.Error("an account without a name")
			}
		}
		for _, e := range parseFstab(b) {
			if e.point == "" || e.point[0] != '/' {
				t.Errorf("mount point %q", e.point)
			}
			parseSpec(e.spec)
		}
		footer(b)
	})
}
