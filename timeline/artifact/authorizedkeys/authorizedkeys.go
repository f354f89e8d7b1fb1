// Package authorizedkeys reads the keys that may log in over SSH.
package authorizedkeys

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math/bits"
	"path"
	"strconv"
	"strings"

	"deadbox/timeline"
)

// Extractor yields a record for each key.
var Extractor = timeline.Extractor{
	Name: "authorized-keys",
	Doc: `Keys that may log in over SSH: account, key_type, fingerprint, bits, comment, options; keys behind a comment mark as disabled;
lines that are no key as malformed. Read are the usual places and all that AuthorizedKeysFile names in sshd's configuration.

Format: sshd(8), "AUTHORIZED_KEYS FILE FORMAT", https://man.openbsd.org/sshd.8#AUTHORIZED_KEYS_FILE_FORMAT; key blobs, RFC 4253, 6.6,
https://www.rfc-editor.org/rfc/rfc4253#section-6.6, and RFC 5656, RFC 8709.`,
	Paths: []string{
		"~/.ssh/authorized_keys", "~/.ssh/authorized_keys2", "/etc/ssh/authorized_keys/*", "/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys.d/*", "/etc/ssh/keys/*/authorized_keys",
		"/etc/dropbear/authorized_keys", "/var/lib/AccountsService/authorized_keys/*",
		// Homes of accounts that are gone.
		"/root/.ssh/authorized_keys*", "/home/*/.ssh/authorized_keys*",
	},
	Named:   named,
	NamedIn: configs,
	Run:     run,
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		account := accountOf(s)
		private := false
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.Trim(string(l.Text), " \t\r")
			if text == "" {
				continue
			}
			disabled := text[0] == '#'
			k, ok := parse(strings.TrimLeft(text, "# \t"))
			if !ok && disabled {
				continue // a comment
			}
			r := timeline.Record{Kind: timeline.KindAuthorizedKey, Fields: map[string]string{}, Evidence: l.Evidence()}
			put := func(name, value string) {
				if value != "" {
					r.Fields[name] = value
				}
			}
			put("account", account)
			if !ok {
				text = masked(text, &private)
				r.Fields["malformed"], r.Fields["text"] = "yes", text
				r.Summary = "line that is no key for " + account + ": " + text
			} else {
				put("key_type", k.kind)
				put("fingerprint", k.sha256)
				put("fingerprint_md5", k.md5)
				put("bits", k.bits)
				put("comment", k.comment)
				put("options", k.options)
				for name, value := range options(k.options) {
					put(name, value)
				}
				r.Summary = "key " + k.kind + " " + k.sha256 + " for " + account
				if k.comment != "" {
					r.Summary += " (" + k.comment + ")"
				}
				if k.options != "" {
					r.Summary += " with " + k.options
				}
				if disabled {
					r.Fields["disabled"] = "yes"
					r.Summary += ", disabled"
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// notShown stands for a secret in a file that is not what it should be.
const notShown = "(a secret, not shown)"

// masked hides what is secret in a line that is no key: a private key, of which
// private says that its lines go on, and a hash of a password.
func masked(text string, private *bool) string {
	if strings.HasPrefix(text, "-----BEGIN ") && strings.Contains(text, "PRIVATE KEY") {
		*private = true
		return text
	}
	if *private {
		*private = !strings.HasPrefix(text, "-----END ")
		if *private {
			return notShown
		}
		return text
	}
	if name, hash, ok := strings.Cut(text, ":"); ok && strings.HasPrefix(strings.TrimLeft(hash, "!*"), "$") {
		return name + ":" + notShown
	}
	return text
}

// accountOf says whose key file it is, from the path where the source does not.
func accountOf(s *timeline.Source) string {
	if s.Account != "" {
		return s.Account
	}
	if name := accountByConfig(s); name != "" {
		return name
	}
	parts := strings.Split(strings.TrimPrefix(s.Path, "/"), "/")
	switch {
	case parts[0] == "root" || strings.HasPrefix(s.Path, "/etc/dropbear/"):
		return "root"
	case parts[0] == "home" && len(parts) > 2:
		return parts[1]
	case path.Base(s.Path) == "authorized_keys":
		if strings.HasPrefix(s.Path, "/etc/ssh/keys/") {
			return path.Base(path.Dir(s.Path))
		}
		return ""
	}
	switch path.Base(path.Dir(s.Path)) {
	case "authorized_keys", "authorized_keys.d":
		return path.Base(s.Path)
	}
	return ""
}

// key is a line of authorized_keys.
type key struct {
	options, kind, comment string
	sha256, md5, bits      string
}

// kinds are the types of keys that OpenSSH knows, and those that it has known
// (sshkey.c).
var kinds = map[string]bool{
	"ssh-rsa": true, "ssh-dss": true, "ssh-ed25519": true, "ssh-xmss@openssh.com": true,
	"ecdsa-sha2-nistp256": true, "ecdsa-sha2-nistp384": true, "ecdsa-sha2-nistp521": true,
	"sk-ssh-ed25519@openssh.com": true, "sk-ecdsa-sha2-nistp256@openssh.com": true, "webauthn-sk-ecdsa-sha2-nistp256@openssh.com": true,
	"ssh-rsa-cert-v01@openssh.com": true, "ssh-dss-cert-v01@openssh.com": true, "ssh-ed25519-cert-v01@openssh.com": true,
	"ecdsa-sha2-nistp256-cert-v01@openssh.com": true, "ecdsa-sha2-nistp384-cert-v01@openssh.com": true, "ecdsa-sha2-nistp521-cert-v01@openssh.com": true,
	"sk-ssh-ed25519-cert-v01@openssh.com": true, "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": true,
	"rsa-sha2-256": true, "rsa-sha2-512": true, "ssh-ed448": true,
}

// parse reads "[options] type base64 [comment]", and the keys of protocol 1,
// "[options] bits exponent modulus [comment]".
func parse(line string) (key, bool) {
	if k, ok := parseKey(line); ok {
		return k, true
	}
	n := optionsEnd(line)
	if n == 0 || n == len(line) {
		return key{}, false
	}
	k, ok := parseKey(strings.TrimLeft(line[n:], " \t"))
	k.options = line[:n]
	return k, ok
}

// optionsEnd finds the first blank outside of quotes.
func optionsEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] == '"' {
				i++
			}
		case '"':
			quoted = !quoted
		case ' ', '\t':
			if !quoted {
				return i
			}
		}
	}
	return len(s)
}

func word(s string) (w, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

func parseKey(s string) (key, bool) {
	kind, rest := word(s)
	if isNumber(kind) {
		exponent, rest := word(rest)
		modulus, comment := word(rest)
		if len(kind) < 6 && isNumber(exponent) && isNumber(modulus) && len(modulus) > 100 {
			return key{kind: "rsa1", bits: kind, comment: comment}, true
		}
		return key{}, false
	}
	if !kinds[kind] {
		return key{}, false
	}
	text, comment := word(rest)
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		blob, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil || len(blob) < 8 {
		return key{}, false
	}
	k := key{kind: kind, comment: strings.TrimSpace(comment), bits: size(blob)}
	sum := sha256.Sum256(blob)
	k.sha256 = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	old := md5.Sum(blob)
	pairs := make([]string, len(old))
	for i, c := range old {
		pairs[i] = hex.EncodeToString([]byte{c})
	}
	k.md5 = strings.Join(pairs, ":")
	return k, true
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// size gives the bits of a key by its blob: strings with a length of 32 bits,
// big-endian, before each (RFC 4251, 5).
func size(blob []byte) string {
	name, rest, ok := field(blob)
	if !ok {
		return ""
	}
	kind := string(name)
	if strings.Contains(kind, "-cert-") {
		_, rest, ok = field(rest) // nonce
	}
	switch {
	case !ok:
		return ""
	case strings.Contains(kind, "ed25519"):
		return "256"
	case strings.Contains(kind, "nistp256"):
		return "256"
	case strings.Contains(kind, "nistp384"):
		return "384"
	case strings.Contains(kind, "nistp521"):
		return "521"
	case strings.HasPrefix(kind, "ssh-rsa"):
		_, rest, _ = field(rest) // exponent
	case !strings.HasPrefix(kind, "ssh-dss"):
		return ""
	}
	n, _, ok := field(rest)
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if !ok || len(n) == 0 {
		return ""
	}
	return strconv.Itoa((len(n)-1)*8 + bits.Len8(n[0]))
}

func field(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// options picks the options that say what a key may do and from where.
func options(s string) map[string]string {
	found := map[string]string{}
	for s != "" {
		end, quoted := len(s), false
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == '"' {
				i++
			} else if s[i] == '"' {
				quoted = !quoted
			} else if s[i] == ',' && !quoted {
				end = i
				break
			}
		}
		name, value, ok := strings.Cut(s[:end], "=")
		if ok {
			value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
			value = strings.ReplaceAll(value, `\"`, `"`)
			switch name = strings.ToLower(name); name {
			case "command", "from", "environment":
				if found[name] != "" {
					value = found[name] + "," + value
				}
				found[name] = value
			}
		}
		s = strings.TrimPrefix(s[end:], ",")
	}
	return found
}
