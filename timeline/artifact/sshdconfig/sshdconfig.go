// Package sshdconfig says what the lines of sshd_config and of the files that
// it includes come to.
package sshdconfig

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

// Extractor yields the settings of sshd that count.
var Extractor = timeline.Extractor{
	Name: "sshd-config",
	Doc: `What sshd was told, of sshd_config and the files that it includes: kind effective, name sshd, with key and value, and match, the condition of the block of Match that holds it. Of several
lines for one setting the first counts; settings that are lists have a record for each value. Telling settings that no line sets come with their default, marked default.

Format: sshd_config(5), https://man.openbsd.org/sshd_config.5; https://github.com/openssh/openssh-portable/blob/master/servconf.c.`,
	Paths: []string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config", "/usr/local/etc/sshd_config", "/usr/local/etc/ssh/sshd_config"},
	Run:   run,
}

const (
	// maxDepth is how deep files may include each other, as in sshd
	// (SERVCONF_MAX_DEPTH of servconf.c).
	maxDepth = 16
	// maxRecords bounds what is told, and maxFiles what is read.
	maxRecords = 5000
	maxFiles   = 256
	// maxText is the longest value that is kept, in bytes.
	maxText = 4096
)

// keys are the settings by their names in small letters, as sshd_config(5)
// writes them. Those of others are told as they are written.
var keys = names(`AcceptEnv AddressFamily AllowAgentForwarding AllowGroups AllowStreamLocalForwarding AllowTcpForwarding AllowUsers AuthenticationMethods AuthorizedKeysCommand AuthorizedKeysCommandUser
AuthorizedKeysFile AuthorizedPrincipalsCommand AuthorizedPrincipalsCommandUser AuthorizedPrincipalsFile Banner CASignatureAlgorithms ChannelTimeout ChrootDirectory Ciphers ClientAliveCountMax ClientAliveInterval
Compression DenyGroups DenyUsers DisableForwarding ExposeAuthInfo FingerprintHash ForceCommand GatewayPorts GSSAPIAuthentication GSSAPICleanupCredentials GSSAPIStrictAcceptorCheck HostbasedAcceptedAlgorithms
HostbasedAuthentication HostbasedUsesNameFromPacketOnly HostCertificate HostKey HostKeyAgent HostKeyAlgorithms IgnoreRhosts IgnoreUserKnownHosts IPQoS KbdInteractiveAuthentication KerberosAuthentication
KerberosOrLocalPasswd KerberosTicketCleanup KexAlgorithms ListenAddress LoginGraceTime LogLevel LogVerbose MACs MaxAuthTries MaxSessions MaxStartups ModuliFile PasswordAuthentication PermitEmptyPasswords PermitListen
PermitOpen PermitRootLogin PermitTTY PermitTunnel PermitUserEnvironment PermitUserRC PerSourceMaxStartups PerSourceNetBlockSize PidFile Port PrintLastLog PrintMotd PubkeyAcceptedAlgorithms PubkeyAuthOptions
PubkeyAuthentication RekeyLimit RequiredRSASize RevokedKeys RDomain SecurityKeyProvider SetEnv StreamLocalBindMask StreamLocalBindUnlink StrictModes Subsystem SyslogFacility TCPKeepAlive TrustedUserCAKeys
UnusedConnectionTimeout UseDNS UsePAM VersionAddendum X11DisplayOffset X11Forwarding X11UseLocalhost XAuthLocation`)

func names(list string) map[string]string {
	m := map[string]string{}
	for _, n := range strings.Fields(list) {
		m[strings.ToLower(n)] = n
	}
	return m
}

// older are names that settings had before.
var older = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication", "dsaauthentication": "pubkeyauthentication", "keepalive": "tcpkeepalive",
	"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms", "hostbasedacceptedkeytypes": "hostbasedacceptedalgorithms", "hostdsakey": "hostkey", "authorizedkeysfile2": "",
}

// lists are the settings of which each line adds to those before it.
var lists = map[string]bool{
	"port": true, "listenaddress": true, "hostkey": true, "hostcertificate": true, "acceptenv": true, "allowusers": true, "denyusers": true, "allowgroups": true, "denygroups": true, "logverbose": true, "persourcepenalties": true,
}

// defaults are those of the settings that say who gets in and what runs then.
var defaults = []struct{ key, value, note string }{
	{"Port", "22", ""},
	{"PermitRootLogin", "prohibit-password", "of OpenSSH 7.0 and later; before that, yes"},
	{"PasswordAuthentication", "yes", ""},
	{"KbdInteractiveAuthentication", "yes", ""},
	{"PubkeyAuthentication", "yes", ""},
	{"HostbasedAuthentication", "no", ""},
	{"PermitEmptyPasswords", "no", ""},
	{"PermitUserEnvironment", "no", ""},
	{"StrictModes", "yes", ""},
	{"UsePAM", "no", ""},
	{"AuthorizedKeysFile", ".ssh/authorized_keys .ssh/authorized_keys2", ""},
	{"AuthorizedKeysCommand", "none", ""},
	{"AuthorizedPrincipalsCommand", "none", ""},
	{"TrustedUserCAKeys", "none", ""},
	{"ForceCommand", "none", ""},
	{"ChrootDirectory", "none", ""},
	{"AllowTcpForwarding", "yes", ""},
	{"GatewayPorts", "no", ""},
	{"PermitTunnel", "no", ""},
	{"X11Forwarding", "no", ""},
	{"LogLevel", "INFO", ""},
	{"AllowUsers", "", "everybody"},
}

type reader struct {
	ctx   context.Context
	yield func(timeline.Record, error) bool
	done  bool
	files int
	count int
	match string // the condition of the block
	// set holds the settings that have a value, by condition and key.
	set map[string]bool
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := &reader{ctx: ctx, yield: yield, set: map[string]bool{}}
		r.file(s, 0)
		for _, d := range defaults {
			if r.done {
				return
			}
			if r.set["\x00"+strings.ToLower(d.key)] || d.key == "AllowUsers" && r.set["\x00allowgroups"] {
				continue
			}
			f := map[string]string{"name": "sshd", "key": d.key, "value": d.value, "default": "yes"}
			if d.note != "" {
				f["note"] = d.note
			}
			r.done = !yield(timeline.Record{Kind: timeline.KindEffective, Fields: f, Evidence: s.Evidence(0, s.Size, 0),
				Summary: strings.TrimSpace("sshd: " + d.key + " " + d.value + " (default) " + d.note)}, nil)
		}
	}
}

func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

func (r *reader) file(s *timeline.Source, depth int) {
	if r.files++; r.files > maxFiles {
		return
	}
	// A block of Match ends with the file that begins it.
	outer := r.match
	defer func() { r.match = outer }()
	for l, err := range timeline.Lines(r.ctx, s) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		key, args := split(string(l.Text))
		if key == "" {
			continue
		}
		low := strings.ToLower(key)
		if n, ok := older[low]; ok {
			low = n
		}
		switch {
		case low == "":
			continue
		case len(args) == 0:
			r.bad(s.Damage(l.Offset, int64(len(l.Text)), l.Number, "a setting without a value", nil))
			continue
		case low == "include":
			if depth >= maxDepth {
				r.bad(s.Damage(l.Offset, int64(len(l.Text)), l.Number, "files include each other too deep", nil))
				continue
			}
			for _, a := range args {
				if !strings.HasPrefix(a, "/") {
					a = path.Join("/etc/ssh", a)
				}
				for _, p := range s.Files(a) {
					if f := s.Open(p); f != nil && !r.done {
						r.file(f, depth+1)
					}
				}
			}
			continue
		case low == "match":
			r.match = strings.Join(args, " ")
			if strings.EqualFold(r.match, "all") && outer == "" {
				r.match = "all"
			}
			if outer != "" {
				r.match = outer + " and " + r.match
			}
			continue
		}
		if k := keys[low]; k != "" {
			key = k
		}
		switch low {
		case "forcecommand", "authorizedkeyscommand", "authorizedprincipalscommand", "versionaddendum":
			// The rest of the line as it is, quotes and number signs too.
			text := strings.Trim(string(l.Text), " \t\r\f")
			args = []string{strings.TrimLeft(text[strings.IndexAny(text, " \t=\""):], " \t=")}
		}
		r.setting(s, &l, key, low, args)
	}
}

// setting tells a line if no line before it has set the same.
func (r *reader) setting(s *timeline.Source, l *timeline.Line, key, low string, args []string) {
	value := strings.Join(args, " ")
	at := r.match + "\x00" + low
	if low == "subsystem" {
		// Each name is a setting of its own.
		if at += " " + args[0]; len(args) < 2 {
			r.bad(s.Damage(l.Offset, int64(len(l.Text)), l.Number, "a subsystem without a command", nil))
			return
		}
	}
	if r.set[at] && !lists[low] {
		return
	}
	r.set[at] = true
	if r.count++; r.count > maxRecords {
		if r.count == maxRecords+1 {
			r.bad(s.Damage(l.Offset, s.Size-l.Offset, l.Number, fmt.Sprintf("what follows the first %d settings is left out", maxRecords), nil))
		}
		return
	}
	if len(value) > maxText {
		value = strings.ToValidUTF8(value[:maxText], "")
	}
	f := map[string]string{"name": "sshd", "key": key, "value": value, "path": s.Path}
	sum := "sshd: " + key + " " + value
	if r.match != "" {
		f["match"] = r.match
		sum += " (where " + r.match + ")"
	}
	switch low {
	case "authorizedkeyscommand", "authorizedprincipalscommand", "forcecommand":
		if value != "none" {
			f["command"] = value
		}
	case "subsystem":
		f["command"] = strings.Join(args[1:], " ")
	}
	if !r.yield(timeline.Record{Kind: timeline.KindEffective, Summary: sum, Fields: f, Evidence: l.Evidence()}, nil) {
		r.done = true
	}
}

// split takes a line apart: the keyword, then words, that may be in quotes; a
// number sign begins a comment (misc.c, argv_split; servconf.c, strdelim).
func split(t string) (key string, args []string) {
	t = strings.Trim(t, " \t\r\f")
	if t == "" || t[0] == '#' {
		return "", nil
	}
	i := strings.IndexAny(t, " \t=\"")
	if i < 0 {
		return t, nil
	}
	key, t = t[:i], strings.TrimLeft(t[i:], " \t")
	t = strings.TrimPrefix(t, "=")
	var b strings.Builder
	in := false
	quote := byte(0)
	for i := 0; i < len(t); i++ {
		c := t[i]
		switch {
		case c == '\\' && i+1 < len(t) && (t[i+1] == '"' || t[i+1] == '\'' || t[i+1] == '\\' || quote == 0 && t[i+1] == ' '):
			i++
			b.WriteByte(t[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t':
			if in {
				args = append(args, b.String())
				b.Reset()
				in = false
			}
		case c == '#' && !in:
			return key, args
		default:
			b.WriteByte(c)
			in = true
		}
	}
	if in {
		args = append(args, b.String())
	}
	return key, slices.DeleteFunc(args, func(a string) bool { return a == "" })
}
