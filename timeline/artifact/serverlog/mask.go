package serverlog

import "strings"

// masked stands in a statement where a password or its hash was.
const masked = "***"

// mask hides the passwords of a statement: literals behind words like PASSWORD and IDENTIFIED BY, and
// literals that are hashes wherever they stand.
func mask(s string) string {
	if len(s) < 8 || strings.IndexByte(s, '\'') < 0 && strings.IndexByte(s, '"') < 0 {
		return s
	}
	var b strings.Builder
	done := 0
	secret := false // the next literal of this clause is a password
	name := false   // but one that names an account stands before it
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'' || c == '"':
			n := literal(s[i:])
			if n < 2 {
				n = len(s) - i
			}
			inner := strings.Trim(s[i:i+n], s[i:i+1])
			host := i > 0 && s[i-1] == '@' // of an account
			if (secret && !name && !host && inner != "" && !isPlugin(inner)) || isHash(inner) {
				b.WriteString(s[done : i+1])
				b.WriteString(masked)
				if s[i+n-1] == c && n > 1 {
					b.WriteByte(c)
				}
				done = i + n
				secret = false
			}
			name = false
			// The key of a JSON object or a quoted column may be the word itself.
			if isSecretWord(strings.ToLower(inner)) {
				secret = true
			}
			i += n
		case c == ';' || c == ',' || c == '\n' && !secret:
			secret = false
			i++
		case isWordByte(c):
			n := 1
			for i+n < len(s) && isWordByte(s[i+n]) {
				n++
			}
			if w := strings.ToLower(s[i : i+min(n, 40)]); isSecretWord(w) {
				secret, name = true, false
			} else {
				name = w == "for" || w == "user" || w == "role"
			}
			i += n
		default:
			i++
		}
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// isSecretWord tells names of passwords: "password", "user_pass", "passwd", "identified", "pwd", "old_password".
func isSecretWord(s string) bool {
	return s == "identified" || s == "pwd" || s == "secret" || strings.Contains(s, "passw") || strings.HasSuffix(s, "pass") || strings.HasSuffix(s, "passphrase")
}

// isPlugin tells the names of authentication plugins, which stand between IDENTIFIED WITH and the password.
func isPlugin(s string) bool {
	switch s {
	case "mysql_native_password", "caching_sha2_password", "sha256_password", "ed25519", "unix_socket", "auth_socket", "pam", "gssapi", "mysql_old_password", "parsec":
		return true
	}
	return false
}

// isHash tells the usual hashes of passwords.
func isHash(s string) bool {
	if len(s) == 41 && s[0] == '*' && strings.Trim(s[1:], "0123456789abcdefABCDEF") == "" {
		return true
	}
	for _, p := range [...]string{"$P$", "$H$", "$2y$", "$2a$", "$2b$", "$1$", "$5$", "$6$", "$y$", "$argon2", "$apr1$", "$S$", "SCRAM-SHA-256$", "{SSHA}", "$A$", "$wp$"} {
		if strings.HasPrefix(s, p) && len(s) > 20 {
			return true
		}
	}
	return len(s) == 35 && strings.HasPrefix(s, "md5") && strings.Trim(s[3:], "0123456789abcdef") == ""
}

// literal gives the length of the quoted string that s starts with, a quote within being doubled or behind a backslash; 0 if it does not end.
func literal(s string) int {
	q := s[0]
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case q:
			if i+1 < len(s) && s[i+1] == q {
				i++
				continue
			}
			return i + 1
		}
	}
	return 0
}
