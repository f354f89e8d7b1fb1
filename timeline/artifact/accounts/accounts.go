// Package accounts reads the accounts and groups of a server.
package accounts

import (
	"context"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Accounts yields a record for each account, of passwd and shadow joined.
var Accounts = timeline.Extractor{
	Name: "accounts",
	Doc: `Accounts: name, uid, gid, gecos, home, shell of passwd, and of shadow whether there is a password (locked, none, set, disabled,
in-passwd, unknown), the kind of its hash, and the day it was changed. An account that only one of the files has is a record too. Never the hash itself.

Formats: passwd(5) and shadow(5), https://man7.org/linux/man-pages/man5/passwd.5.html,
https://man7.org/linux/man-pages/man5/shadow.5.html; hashes, crypt(5), https://man7.org/linux/man-pages/man5/crypt.5.html.`,
	Paths: []string{"/etc/passwd", "/etc/shadow"},
	Run:   run,
}

// Groups yields a record for each group.
var Groups = timeline.Extractor{
	Name: "groups",
	Doc: `Groups: name, gid, members; of gshadow admins (who may change the members) and whether there is a password, by which others join.

Formats: group(5), https://man7.org/linux/man-pages/man5/group.5.html; gshadow(5), https://man7.org/linux/man-pages/man5/gshadow.5.html.`,
	Paths: []string{"/etc/group"},
	Run:   runGroups,
}

// shadow is an entry of /etc/shadow.
type shadow struct {
	field    [9]string
	evidence timeline.Evidence
	line     int
	used     bool
}

// maxEntries bounds how many entries of shadow are held at once.
const maxEntries = 1 << 20

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		shadowPath := path.Join(path.Dir(s.Path), "shadow")
		if path.Base(s.Path) == "shadow" {
			if s.Open(path.Join(path.Dir(s.Path), "passwd")) != nil {
				return // joined where passwd is read
			}
			list, ok := readShadow(ctx, s, yield)
			for _, e := range list {
				if !ok || !yield(orphan(e), nil) {
					return
				}
			}
			return
		}
		var list []*shadow
		haveShadow := false
		if sh := s.Open(shadowPath); sh != nil {
			haveShadow = true
			var ok bool
			if list, ok = readShadow(ctx, sh, yield); !ok {
				return
			}
		}
		byName := make(map[string]*shadow, len(list))
		for _, e := range list {
			// The first entry of a name is the one that is used.
			if byName[e.field[0]] == nil {
				byName[e.field[0]] = e
			}
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if blank(text) {
				continue
			}
			var f [7]string
			n := split(text, f[:])
			if n == 1 {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(text)), l.Number, "not a line of passwd", nil)) {
					return
				}
				continue
			}
			r := account(f, l.Evidence())
			if n < 7 {
				r.Fields["malformed"] = "yes"
			}
			e := byName[f[0]]
			if e != nil {
				e.used = true
			}
			password(&r, f[1], e, haveShadow)
			if !yield(r, nil) {
				return
			}
		}
		for _, e := range list {
			if !e.used && !yield(orphan(e), nil) {
				return
			}
		}
	}
}

// readShadow reads shadow's entries; damage goes to yield. It is false if the
// consumer wants no more.
func readShadow(ctx context.Context, s *timeline.Source, yield func(timeline.Record, error) bool) ([]*shadow, bool) {
	var list []*shadow
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			if !yield(timeline.Record{}, err) {
				return nil, false
			}
			continue
		}
		text := string(l.Text)
		if blank(text) {
			continue
		}
		e := &shadow{evidence: l.Evidence(), line: l.Number}
		if split(text, e.field[:]) == 1 || len(list) == maxEntries {
			if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(text)), l.Number, "not a line of shadow", nil)) {
				return nil, false
			}
			continue
		}
		list = append(list, e)
	}
	return list, true
}

// blank tells lines that the C library skips (nss_files: files-parse.c).
func blank(text string) bool {
	text = strings.TrimLeft(text, " \t")
	return text == "" || text[0] == '#'
}

// split fills f with the fields of a line, the last with all that is left, and
// gives how many there were.
func split(text string, f []string) int {
	for i := range f {
		var more bool
		f[i], text, more = strings.Cut(text, ":")
		if !more {
			return i + 1
		}
	}
	return len(f)
}

func account(f [7]string, ev timeline.Evidence) timeline.Record {
	r := timeline.Record{
		Kind: timeline.KindAccount,
		Fields: map[string]string{
			"name": f[0], "account": f[0], "uid": f[2], "gid": f[3], "gecos": f[4], "home": f[5], "shell": f[6],
		},
		Evidence: ev,
	}
	r.Summary = "account " + f[0] + ", uid " + f[2] + ", home " + f[5] + ", shell " + f[6]
	return r
}

// orphan is an entry of shadow whose account passwd does not have.
func orphan(e *shadow) timeline.Record {
	r := timeline.Record{
		Kind:     timeline.KindAccount,
		Summary:  "account " + e.field[0] + " of shadow, not in passwd",
		Fields:   map[string]string{"name": e.field[0], "account": e.field[0], "only_in": "shadow"},
		Evidence: e.evidence,
	}
	password(&r, "x", e, true)
	return r
}

// password says what can be said of an account's password: inPasswd is the
// second field of passwd, e the entry of shadow or nil.
//
// A field of passwd that is not "x" counts, and shadow does not (pam_unix,
// passverify.c: get_pwd_hash).
func password(r *timeline.Record, inPasswd string, e *shadow, haveShadow bool) {
	f := r.Fields
	state, kind := "unknown", ""
	switch {
	case strings.HasPrefix(f["name"], "+") || strings.HasPrefix(f["name"], "-"):
		// Accounts of a directory service, taken in or out (nsswitch.conf(5), "compat").
	case inPasswd != "x" && !strings.HasPrefix(inPasswd, "##"):
		if state, kind = stateOf(inPasswd); state == "set" {
			state = "in-passwd"
		}
	case e != nil:
		state, kind = stateOf(e.field[1])
	}
	if e == nil {
		if haveShadow {
			f["only_in"] = "passwd"
		}
	} else {
		f["shadow_line"] = strconv.Itoa(e.line)
		if day, ok := dayOf(e.field[2]); ok && day.Unix() > 0 {
			f["last_changed"] = day.Format(time.DateOnly)
			r.Stamps = []timeline.Stamp{{What: "password changed", When: day, Note: "day only"}}
		} else if ok {
			f["must_change"] = "yes"
		}
		if day, ok := dayOf(e.field[7]); ok {
			f["expires"] = day.Format(time.DateOnly)
		}
	}
	f["password"] = state
	if kind != "" {
		f["hash_kind"] = kind
	}
	r.Summary += ", password " + state
}

// stateOf says what a password field means: "none" lets everybody in, "locked"
// begins with an exclamation mark before the hash or stands alone, "disabled"
// is what no password can match.
func stateOf(s string) (state, kind string) {
	if s == "" {
		return "none", ""
	}
	bare := strings.TrimLeft(s, "!")
	locked := bare != s
	kind = hashKind(bare)
	switch {
	case locked && strings.HasPrefix(bare, "*"):
		return "disabled", ""
	case locked:
		return "locked", kind
	case kind == "":
		return "disabled", ""
	}
	return "set", kind
}

// hashKind names the method of a hash as crypt(5) does; "" if it is no hash.
func hashKind(s string) string {
	if id, ok := strings.CutPrefix(s, "$"); ok {
		id, rest, ok := strings.Cut(id, "$")
		if !ok || rest == "" && id != "" {
			return ""
		}
		switch id {
		case "1":
			return "md5"
		case "2", "2a", "2b", "2x", "2y":
			return "bcrypt"
		case "3":
			return "nt"
		case "5":
			return "sha256"
		case "6":
			return "sha512"
		case "7":
			return "scrypt"
		case "y":
			return "yescrypt"
		case "gy":
			return "gost-yescrypt"
		case "sha1":
			return "sha1"
		case "md5":
			return "sunmd5"
		}
		if strings.HasPrefix(id, "md5,") {
			return "sunmd5"
		}
		return "other"
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '.' || c > '9') && !(i == 0 && c == '_' && len(s) == 20) {
			return ""
		}
	}
	switch {
	case len(s) == 13:
		return "des"
	case len(s) == 20 && s[0] == '_':
		return "bsdi"
	case len(s) > 13 && (len(s)-2)%11 == 0:
		return "bigcrypt"
	}
	return ""
}

// dayOf reads a count of days since 1970.
func dayOf(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 2932896 { // 9999-12-31
		return time.Time{}, false
	}
	return time.Unix(n*86400, 0).UTC(), true
}

func runGroups(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		secret := map[string]*entry{}
		if g := s.Open(path.Join(path.Dir(s.Path), "gshadow")); g != nil {
			var ok bool
			if secret, _, ok = entries(ctx, g, 4, yield); !ok {
				return
			}
		}
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := string(l.Text)
			if blank(text) {
				continue
			}
			var f [4]string
			if split(text, f[:]) < 3 {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(text)), l.Number, "not a line of group", nil)) {
					return
				}
				continue
			}
			r := timeline.Record{
				Kind:     timeline.KindGroup,
				Summary:  "group " + f[0] + ", gid " + f[2] + ", members " + f[3],
				Fields:   map[string]string{"name": f[0], "group": f[0], "gid": f[2], "members": f[3]},
				Evidence: l.Evidence(),
			}
			if state, kind := stateOf(f[1]); f[1] != "x" && state == "set" {
				r.Fields["password"], r.Fields["hash_kind"] = state, kind
			}
			if e := secret[f[0]]; e != nil {
				if state, kind := stateOf(e.field[1]); state == "set" {
					r.Fields["password"], r.Fields["hash_kind"] = state, kind
				}
				if e.field[2] != "" {
					r.Fields["admins"] = e.field[2]
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}
