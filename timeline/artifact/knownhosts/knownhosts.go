// Package knownhosts reads the servers that SSH clients have connected to.
package knownhosts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"net/netip"
	"strings"

	"deadbox/timeline"
)

// Extractor yields a record for each key of a server.
var Extractor = timeline.Extractor{
	Name: "known-hosts",
	Doc: `Servers that accounts, or the whole system, know over SSH: account, remote_host (all names of the line), address and port where the line has them, hashed (yes where the name cannot be read), key_type, fingerprint,
comment, marker (cert-authority, revoked).

Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT.`,
	Paths: []string{
		"~/.ssh/known_hosts", "~/.ssh/known_hosts2", "~/.ssh/known_hosts.old", "/root/.ssh/known_hosts*", "/home/*/.ssh/known_hosts*", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2",
	},
	Run: run,
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimSpace(string(l.Text))
			if text == "" || text[0] == '#' {
				continue
			}
			f, ok := parse(text)
			if !ok {
				if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "not a line of known_hosts", nil)) {
					return
				}
				continue
			}
			who := "the system"
			if s.Account != "" {
				f["account"], who = s.Account, s.Account
			}
			host := f["remote_host"]
			if f["hashed"] != "" {
				host = "a server whose name is hashed"
			}
			if !yield(timeline.Record{Kind: timeline.KindKnownHost, Summary: who + " knows " + host + " by the key " + f["key_type"] + " " + f["fingerprint"], Fields: f, Evidence: l.Evidence()}, nil) {
				return
			}
		}
	}
}

// maxText is the longest text of a field, in bytes.
const maxText = 4096

// parse reads "[@marker] names type key [comment]".
func parse(text string) (map[string]string, bool) {
	f := map[string]string{}
	w := strings.Fields(text)
	if strings.HasPrefix(w[0], "@") {
		f["marker"] = w[0][1:]
		w = w[1:]
	}
	if len(w) < 3 {
		return nil, false
	}
	names, kind, key := w[0], w[1], w[2]
	f["comment"] = strings.Join(w[3:], " ")
	if number(kind) && number(key) && len(w) > 3 && number(w[3]) {
		// Keys of protocol 1: bits, exponent, modulus.
		kind = "rsa1"
		f["comment"] = strings.Join(w[4:], " ")
	} else {
		blob, err := base64.StdEncoding.DecodeString(key)
		if err != nil || len(blob) < 8 {
			return nil, false
		}
		// The key begins with the name of its type (RFC 4253, 6.6).
		if n := binary.BigEndian.Uint32(blob); uint64(n) > uint64(len(blob)-4) || string(blob[4:4+n]) != kind {
			return nil, false
		}
		sum := sha256.Sum256(blob)
		f["fingerprint"] = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	}
	f["key_type"] = kind
	if strings.HasPrefix(names, "|1|") {
		f["hashed"] = "yes"
	} else {
		f["remote_host"] = names
		for _, n := range strings.Split(names, ",") {
			// "[name]:port" where the port is not 22.
			if rest, ok := strings.CutPrefix(n, "["); ok {
				var port string
				if n, port, ok = strings.Cut(rest, "]:"); ok {
					f["port"] = port
				}
			}
			if a, err := netip.ParseAddr(n); err == nil && f["address"] == "" {
				f["address"] = a.String()
			}
		}
	}
	for k, v := range f {
		if len(v) > maxText {
			f[k] = strings.ToValidUTF8(v[:maxText], "")
		}
		if v == "" {
			delete(f, k)
		}
	}
	return f, true
}

func number(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
