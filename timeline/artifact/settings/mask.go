package settings

import (
	"regexp"
	"strings"
)

// hidden stands where a password was.
const hidden = "***"

// secretName matches names whose values let somebody in.
const secretName = `[\w.\-]*(?:password|passwd|passphrase|[_-]pass|pwd|secret|token|psk|api[_-]?key|(?:access|secret|private|preshared)[_-]?key|default_pw|bindpw|rootpw)`

const secretValue = `("[^"]*"|'[^']*'|[^\s"',;]+)`

var (
	// assigned is password=x, DB_PASSWORD = 'x', "password": "x".
	assigned = regexp.MustCompile(`(?i)\b(` + secretName + `)(["']?\]?\s*(?:=>|=|:)\s*)` + secretValue)
	whole    = regexp.MustCompile(`(?i)^` + secretName + `$`)
	// behind is of keywords with no more than blanks before the secret, and of directives that set a variable.
	behind = regexp.MustCompile(`(?i)(\b(?:requirepass|masterauth|sentinel\s+auth-pass\s+\S+|bindpw|rootpw|wpa-psk|wpa-passphrase|wireless-key|cachemgr_passwd)\s+|` +
		`\b(?:SetEnv|fastcgi_param|uwsgi_param|php_(?:admin_)?value)\s+` + secretName + `\s+)` + secretValue)
	inURL = regexp.MustCompile(`(://[^\s/:@"']*:)([^\s/@]+)@`)
	login = regexp.MustCompile(`(?i)(\blogin=[^\s:]+:)(\S+)`) // of a proxy's peer
)

// mask hides the passwords of a line.
func mask(t string, area string, f form) string {
	if f == ini {
		if k, v, ok := strings.Cut(t, "="); ok && whole.MatchString(strings.TrimSpace(k)) {
			if v = strings.TrimSpace(v); !isPublic(v) {
				return strings.TrimRight(k, " \t") + " = " + hidden
			}
			return t
		}
	}
	lower := strings.ToLower(t)
	for _, w := range [...]string{"pass", "pw", "secret", "token", "psk", "key", "://", "login=", "masterauth"} {
		if strings.Contains(lower, w) {
			return maskWords(t, area)
		}
	}
	return t
}

func maskWords(t, area string) string {
	t = inURL.ReplaceAllString(t, "${1}"+hidden+"@")
	t = login.ReplaceAllString(t, "${1}"+hidden)
	t = replace(behind, t, func(m []string) bool { return !isPublic(m[2]) })
	return replace(assigned, t, func(m []string) bool {
		// "passwd: files" and "NOPASSWD: ALL" are of nsswitch.conf and sudoers.
		return !isPublic(m[3]) && (area != "authentication" || strings.Contains(m[2], "="))
	})
}

// replace puts the sign in place of the last group of each match that is one.
func replace(re *regexp.Regexp, t string, ok func(groups []string) bool) string {
	var b strings.Builder
	done := 0
	for _, at := range re.FindAllStringSubmatchIndex(t, -1) {
		groups := make([]string, len(at)/2)
		for i := range groups {
			if at[2*i] >= 0 {
				groups[i] = t[at[2*i]:at[2*i+1]]
			}
		}
		if from := at[len(at)-2]; from >= done && ok(groups) {
			b.WriteString(t[done:from])
			b.WriteString(hidden)
			done = at[len(at)-1]
		}
	}
	return b.String() + t[done:]
}

// isPublic tells values of such names that let nobody in: a switch, a place to
// look, a variable, a table, an account's entry.
func isPublic(v string) bool {
	v = strings.ToLower(strings.Trim(v, `"';`))
	switch v {
	case "", "yes", "no", "true", "false", "on", "off", "none", "null", "0", "1", "files", "compat", "systemd", "required", "optional", "prompt", "x", hidden:
		return true
	}
	return strings.ContainsAny(v[:1], "/$%({<|&`~[=") || strings.Contains(v, ":/")
}
