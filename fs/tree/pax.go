package tree

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"deadbox/fs/filesystem"
)

// maxExtended bounds the extended header of one member: a file cannot have more
// extended attributes than some 64 KiB for each of a few hundred names.
const maxExtended = 16 << 20

// records are the keywords of pax's extended headers, with their values.
type records map[string]string

var errRecord = errors.New("a record of the extended header is not well formed")

// readRecords reads "LENGTH KEYWORD=VALUE\n", over and over. What was read comes
// beside an error. Keys that may come several times are kept in sparse.
//
// IEEE Std 1003.1, pax, "pax Extended Header"
func readRecords(b []byte, into records) (sparse []string, err error) {
	for len(b) > 0 {
		if b[0] == 0 && len(bytes.Trim(b, "\x00")) == 0 {
			return sparse, nil
		}
		digits, _, ok := bytes.Cut(b[:min(len(b), 20)], []byte(" "))
		n, nerr := strconv.ParseUint(string(digits), 10, 32)
		if !ok || nerr != nil || n > uint64(len(b)) || int(n) < len(digits)+3 || b[n-1] != '\n' {
			return sparse, errRecord
		}
		key, value, ok := strings.Cut(string(b[len(digits)+1:n-1]), "=")
		if !ok || key == "" {
			return sparse, errRecord
		}
		b = b[n:]
		switch key {
		case "GNU.sparse.offset", "GNU.sparse.numbytes":
			sparse = append(sparse, value) // format 0.0 gives them in turn
		default:
			if value == "" {
				delete(into, key) // an empty value takes a global one back
			} else {
				into[key] = value
			}
		}
	}
	return sparse, nil
}

// paxTime reads seconds since 1970, with a sign and a fraction.
func paxTime(s string) (filesystem.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil && whole != "-" && whole != "" {
		return filesystem.Time{}, fmt.Errorf("%w: time %q", errNumber, s)
	}
	if len(fraction) > 9 {
		fraction = fraction[:9]
	}
	nsec := int64(0)
	if fraction != "" {
		u, err := strconv.ParseUint(fraction, 10, 32)
		if err != nil {
			return filesystem.Time{}, fmt.Errorf("%w: time %q", errNumber, s)
		}
		nsec = int64(u)
		for range 9 - len(fraction) {
			nsec *= 10
		}
	}
	if strings.HasPrefix(s, "-") && nsec > 0 {
		if sec == math.MinInt64 {
			return filesystem.Time{}, fmt.Errorf("%w: time %q", errNumber, s)
		}
		sec, nsec = sec-1, 1e9-nsec
	}
	return filesystem.Time{Sec: sec, Nsec: int32(nsec), Known: true}, nil
}

// xattrs picks the extended attributes: as GNU tar and star write them, as
// libarchive does, and SELinux's label as Red Hat's tar did. Access control lists
// come as text, under the name that their keyword has.
func (r records) xattrs() []filesystem.Xattr {
	var out []filesystem.Xattr
	have := map[string]bool{}
	add := func(name string, value []byte) {
		if name != "" && !have[name] {
			have[name] = true
			out = append(out, filesystem.Xattr{Name: name, Value: value, Offset: -1})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r)) {
		value := r[key]
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			add(name, []byte(value))
		}
		if name, ok := strings.CutPrefix(key, "LIBARCHIVE.xattr."); ok {
			if plain, err := url.PathUnescape(name); err == nil {
				name = plain
			}
			if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err == nil {
				add(name, b)
			}
		}
		switch key {
		case "RHT.security.selinux":
			add("security.selinux", []byte(value))
		case "SCHILY.acl.access", "SCHILY.acl.default":
			add(key, []byte(value))
		}
	}
	slices.SortFunc(out, func(a, b filesystem.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out
}
