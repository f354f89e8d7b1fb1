package content

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// TextKind is what a line of text is taken for, by its shape alone.
type TextKind uint8

const (
	Plain       TextKind = iota // nothing that is known
	SyslogLine                  // a line of syslogd, rsyslog or syslog-ng: RFC 3164, RFC 5424, or with an ISO 8601 time
	AccessLine                  // a request in a web server's access log
	WebError                    // a message in the error log of Apache or nginx
	DpkgLine                    // a line of dpkg.log
	AptLine                     // a line of a stanza of apt's history.log
	AuditLine                   // a line of auditd
	DockerLine                  // a line of Docker's json-file logs
	CRILine                     // a line of the logs of containers that Kubernetes and podman write
	HistoryTime                 // "#1700000000", as bash writes it before a command
	HistoryLine                 // ": 1700000000:0;command", as zsh writes it
	CronLine                    // a job of a crontab
	KeyLine                     // a public key as authorized_keys and *.pub hold it
	PacmanLine                  // a line of pacman.log
	CommandLine                 // a command without a time; not told by a line alone, see [LooksLikeHistory]
	textKinds
)

var textKindNames = [textKinds]string{"", "syslog", "web-access", "web-error", "dpkg", "apt", "auditd", "docker-log", "cri-log",
	"shell-history", "shell-history", "cron", "authorized-keys", "pacman", "shell-history"}

// String is the name of the extractor that reads such lines.
func (k TextKind) String() string { return textKindNames[k] }

// text tells the bytes of text: printable ASCII, tab, LF, CR, ESC, and all
// that UTF-8 and the older 8-bit sets have above.
var text = func() (t [256]bool) {
	for i := range t {
		t[i] = i >= 0x20 && i != 0x7f || i == '\t' || i == '\n' || i == '\r' || i == 0x1b
	}
	return t
}()

// IsText tells whether a byte can stand in a text file.
func IsText(c byte) bool { return text[c] }

// ascii is text without the bytes above ASCII: half of all bytes are those, and
// any data has runs of them.
var ascii = func() (t [256]bool) {
	for i := range 128 {
		t[i] = text[i]
	}
	return t
}()

// TextRun finds the first run of text in b, at or after from, that begins with
// at least minimum bytes of ASCII. It gives len(b), len(b) if there is none.
func TextRun(b []byte, from, minimum int) (start, end int) {
	minimum = max(minimum, 1)
	for i := from; ; {
		// The last byte of the shortest run that could begin at i is looked at first:
		// where it is none of text, no run begins up to there.
		j := i + minimum - 1
		if j >= len(b) {
			return len(b), len(b)
		}
		for j >= i && ascii[b[j]] {
			j--
		}
		if j >= i {
			i = j + 1
			continue
		}
		end = i + minimum
		for end < len(b) && text[b[end]] {
			end++
		}
		return i, end
	}
}

// KindOfLine says what a line is, without its end. It is cheap: the first bytes
// turn most lines away. RFC 3164 section 4, RFC 5424 section 6; the formats' own
// documents are named where the extractors read them.
func KindOfLine(b []byte) TextKind {
	if len(b) < 10 {
		return Plain
	}
	switch c := b[0]; {
	case c == '<':
		return priorityLine(b)
	case c == '#':
		if isEpoch(bytes.TrimRight(b[1:], "\r")) {
			return HistoryTime
		}
	case c == ':':
		if len(b) > 16 && b[1] == ' ' && isEpoch(b[2:12]) && b[12] == ':' {
			n := 13
			for n < len(b) && isDigit(b[n]) {
				n++
			}
			if n > 13 && n < len(b)-1 && b[n] == ';' {
				return HistoryLine
			}
		}
	case c == 't' || c == 'n':
		if isAudit(b) {
			return AuditLine
		}
	case c == '{':
		if bytes.HasPrefix(b, []byte(`{"log":"`)) && bytes.Contains(b, []byte(`"stream":"`)) && bytes.Contains(b, []byte(`"time":"`)) {
			return DockerLine
		}
	case c == '[':
		if k := bracketLine(b); k != Plain {
			return k
		}
	case c >= 'A' && c <= 'Z':
		if isBSDTime(b) && hasTag(b[15:], true) {
			return SyslogLine
		}
		if isApt(b) {
			return AptLine
		}
	case isDigit(c):
		if k := digitLine(b); k != Plain {
			return k
		}
	case c == '*' || c == '@':
		if IsCronJob(b) {
			return CronLine
		}
	}
	if isPublicKey(b) {
		return KeyLine
	}
	if isAccess(b) {
		return AccessLine
	}
	return Plain
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// shaped compares b with a shape, in which '0' stands for any digit and '?' for any byte.
func shaped(b []byte, shape string) bool {
	if len(b) < len(shape) {
		return false
	}
	for i := range len(shape) {
		switch s := shape[i]; {
		case s == '0':
			if !isDigit(b[i]) {
				return false
			}
		case s != '?' && s != b[i]:
			return false
		}
	}
	return true
}

// isEpoch tells seconds since 1970 between 2001 and 2096.
func isEpoch(b []byte) bool {
	return len(b) == 10 && shaped(b, "0000000000") && b[0] >= '1' && b[0] <= '3'
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

func isMonth(b []byte) bool {
	i := strings.Index(months, string(b))
	return len(b) == 3 && i >= 0 && i%3 == 0
}

// isBSDTime tells "Jan  2 15:04:05" with a blank behind it.
func isBSDTime(b []byte) bool {
	return len(b) > 20 && b[3] == ' ' && shaped(b[5:], "0 00:00:00 ") && (b[4] == ' ' || isDigit(b[4])) && isMonth(b[:3])
}

// isoTime gives the length of "2006-01-02T15:04:05" with its fraction and its offset; 0 if there is none.
func isoTime(b []byte) int {
	if !shaped(b, "0000-00-00T00:00:00") || b[0] != '1' && b[0] != '2' {
		return 0
	}
	n := 19
	if n < len(b) && b[n] == '.' {
		for n++; n < len(b) && isDigit(b[n]); n++ {
		}
	}
	switch {
	case n < len(b) && b[n] == 'Z':
		return n + 1
	case n+6 <= len(b) && (b[n] == '+' || b[n] == '-') && shaped(b[n+1:], "00:00"):
		return n + 6
	case n+5 <= len(b) && (b[n] == '+' || b[n] == '-') && shaped(b[n+1:], "0000"):
		return n + 5
	}
	return n
}

// hasTag tells " host program[123]: " and " host program: ", or, as sysklogd
// repeats itself, " host last message repeated".
func hasTag(b []byte, bsd bool) bool {
	if len(b) < 4 || b[0] != ' ' {
		return false
	}
	words := b[1:min(len(b), 200)]
	if bsd && bytes.Contains(words, []byte("last message repeated")) {
		return true
	}
	for n := 0; n < 3; n++ {
		i := bytes.IndexByte(words, ' ')
		word := words
		if i >= 0 {
			word = words[:i]
		}
		if len(word) == 0 {
			return false
		}
		if word[len(word)-1] == ':' {
			return len(word) > 1 && !bytes.ContainsAny(word, "=\"'{}<>,;")
		}
		if i < 0 || bytes.ContainsAny(word, "=\"'{}<>,;") {
			return false
		}
		words = words[i+1:]
	}
	return false
}

// priorityLine tells "<34>1 2003-10-11T22:14:15.003Z host ..." and "<34>Oct 11 22:14:15 host ...".
func priorityLine(b []byte) TextKind {
	end := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if end < 2 {
		return Plain
	}
	for _, c := range b[1:end] {
		if !isDigit(c) {
			return Plain
		}
	}
	rest := b[end+1:]
	switch {
	case bytes.HasPrefix(rest, []byte("1 ")) && isoTime(rest[2:]) > 0 && bytes.Count(rest, []byte(" ")) >= 6:
		return SyslogLine
	case isBSDTime(rest) && hasTag(rest[15:], true):
		return SyslogLine
	}
	return Plain
}

func isAudit(b []byte) bool {
	if b[0] == 'n' {
		if !bytes.HasPrefix(b, []byte("node=")) {
			return false
		}
		i := bytes.IndexByte(b[:min(len(b), 300)], ' ')
		if i < 0 {
			return false
		}
		b = b[i+1:]
	}
	if !bytes.HasPrefix(b, []byte("type=")) {
		return false
	}
	i := bytes.IndexByte(b[:min(len(b), 64)], ' ')
	return i > 5 && bytes.HasPrefix(b[i:], []byte(" msg=audit(")) && shaped(b[i+11:], "0000000000.000:")
}

// bracketLine tells Apache's "[Sun Jan 02 15:04:05.123456 2006] [core:error] ..."
// and pacman's "[2006-01-02T15:04:05+0000] [ALPM] ...".
func bracketLine(b []byte) TextKind {
	if len(b) > 30 && b[4] == ' ' && b[8] == ' ' && isMonth(b[5:8]) && shaped(b[9:], "00 00:00:00") {
		i := bytes.IndexByte(b[:min(len(b), 48)], ']')
		if i > 0 && bytes.HasPrefix(b[i:], []byte("] [")) && isDigit(b[i-1]) {
			return WebError
		}
	}
	if shaped(b[1:], "0000-00-00") {
		i := bytes.IndexByte(b[:min(len(b), 30)], ']')
		if i > 0 && (bytes.HasPrefix(b[i:], []byte("] [ALPM")) || bytes.HasPrefix(b[i:], []byte("] [PACMAN]"))) {
			return PacmanLine
		}
	}
	return Plain
}

// isApt tells the fields of a stanza of apt's history.log.
func isApt(b []byte) bool {
	i := bytes.IndexByte(b[:min(len(b), 16)], ':')
	if i < 0 || i+1 >= len(b) || b[i+1] != ' ' {
		return false
	}
	rest := b[i+2:]
	switch string(b[:i]) {
	case "Start-Date", "End-Date":
		return shaped(rest, "0000-00-00  00:00:00")
	case "Requested-By":
		return bytes.IndexByte(rest, '(') > 0
	case "Install", "Upgrade", "Remove", "Purge", "Reinstall", "Downgrade":
		// "name:amd64 (1.0, automatic), ..."
		j := bytes.Index(rest, []byte(" ("))
		return j > 0 && bytes.IndexByte(rest[:j], ':') > 0 && bytes.IndexByte(rest[:j], ' ') < 0
	}
	return false
}

var dpkgWords = []string{"status ", "install ", "upgrade ", "remove ", "purge ", "trigproc ", "configure ", "startup ", "conffile ", "disappear "}

// digitLine tells the kinds of line that begin with a digit.
func digitLine(b []byte) TextKind {
	if n := isoTime(b); n > 0 {
		rest := b[n:]
		if bytes.HasPrefix(rest, []byte(" stdout F ")) || bytes.HasPrefix(rest, []byte(" stderr F ")) || bytes.HasPrefix(rest, []byte(" stdout P ")) || bytes.HasPrefix(rest, []byte(" stderr P ")) {
			return CRILine
		}
		if hasTag(rest, false) {
			return SyslogLine
		}
		return Plain
	}
	if shaped(b, "0000-00-00 00:00:00 ") {
		for _, w := range dpkgWords {
			if bytes.HasPrefix(b[20:], []byte(w)) {
				return DpkgLine
			}
		}
		return Plain
	}
	if shaped(b, "0000/00/00 00:00:00 [") {
		if i := bytes.IndexByte(b[21:min(len(b), 32)], ']'); i > 2 {
			return WebError
		}
		return Plain
	}
	if IsCronJob(b) {
		return CronLine
	}
	return Plain
}

// isAccess tells the time that access logs have in brackets, behind the
// address and the names, and a request or a status behind it.
func isAccess(b []byte) bool {
	head := b[:min(len(b), 400)]
	i := bytes.IndexByte(head, '[')
	if i < 4 || head[i-1] != ' ' || len(b) < i+29 {
		return false
	}
	t := b[i+1:]
	if !shaped(t, "00/???/0000:00:00:00 ?0000]") || !isMonth(t[3:6]) {
		return false
	}
	return bytes.Count(head[:i], []byte(" ")) >= 3 && len(t) > 29 && t[27] == ' '
}

// keyTypes begin the public keys of OpenSSH, sshd(8).
var keyTypes = []string{"ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-nistp", "sk-ssh-ed25519@openssh.com ", "sk-ecdsa-sha2-nistp256@openssh.com "}

func isPublicKey(b []byte) bool {
	if c := b[0]; c != 's' && c != 'e' {
		return false
	}
	for _, t := range keyTypes {
		if bytes.HasPrefix(b, []byte(t)) {
			i := bytes.IndexByte(b, ' ')
			return i > 0 && bytes.HasPrefix(b[i+1:], []byte("AAAA")) && len(b) > i+60
		}
	}
	return false
}

// IsCronJob tells "*/5 * * * * command" and "@daily command", as crontab(5) has
// them: each of the five fields of numbers, names, ranges and steps, within their bounds.
func IsCronJob(b []byte) bool {
	if len(b) > 2000 {
		return false
	}
	if b[0] == '@' {
		for _, w := range [...]string{"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"} {
			if rest, ok := bytes.CutPrefix(b, []byte(w)); ok && len(rest) > 2 && (rest[0] == ' ' || rest[0] == '\t') {
				return looksLikeCommand(bytes.TrimLeft(rest, " \t"))
			}
		}
		return false
	}
	stars := 0
	bounds := [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}
	for i := range bounds {
		n := bytes.IndexAny(b, " \t")
		if n <= 0 || n > 120 || !cronField(b[:n], bounds[i][0], bounds[i][1], i >= 3) {
			return false
		}
		if b[0] == '*' {
			stars++
		}
		b = bytes.TrimLeft(b[n:], " \t")
	}
	// Five numbers are more often a table of something else.
	return stars > 0 && looksLikeCommand(b)
}

func looksLikeCommand(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	c := b[0]
	return c == '/' || c == '[' || c == '(' || c == '-' || c == '.' || c == '~' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func cronField(b []byte, low, high int, names bool) bool {
	for part := range bytes.SplitSeq(b, []byte(",")) {
		base, step, stepped := bytes.Cut(part, []byte("/"))
		if stepped && !cronNumber(step, 1, 1000, false) {
			return false
		}
		if len(base) == 1 && base[0] == '*' {
			continue
		}
		from, to, ranged := bytes.Cut(base, []byte("-"))
		if !cronNumber(from, low, high, names) || ranged && !cronNumber(to, low, high, names) {
			return false
		}
	}
	return true
}

func cronNumber(b []byte, low, high int, names bool) bool {
	if names && len(b) == 3 && !isDigit(b[0]) {
		w := strings.ToLower(string(b))
		return strings.Contains("janfebmaraprmayjunjulaugsepoctnovdec", w) || strings.Contains("sunmontuewedthufrisat", w)
	}
	if len(b) == 0 || len(b) > 4 {
		return false
	}
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= low && n <= high
}

// commands are words that lines of a shell's history begin with.
var commands = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`ls ll la cd pwd cat less more tail head vi vim nano emacs sudo su exit logout clear history id w who whoami last lastb
		ps top htop kill killall pkill free df du mount umount lsblk fdisk uname uptime date hostname ip ifconfig netstat ss ping traceroute dig nslookup host curl wget
		ssh scp sftp rsync nc ncat nmap telnet ftp tar gzip gunzip unzip zip xz mkdir rmdir rm cp mv ln touch chmod chown chattr lsattr find locate which grep egrep awk sed
		sort uniq wc cut xargs echo printf export source alias systemctl service journalctl crontab apt apt-get aptitude dpkg yum dnf rpm zypper apk pacman snap pip pip3
		python python2 python3 perl ruby php bash sh gcc make cmake git svn docker podman kubectl mysql mysqldump psql redis-cli mongo sqlite3 useradd usermod userdel
		adduser passwd groups groupadd visudo iptables nft ufw firewall-cmd lsof strace tcpdump dmesg modprobe insmod rmmod lsmod screen tmux nohup reboot shutdown
		poweroff openssl base64 md5sum sha256sum file stat strings xxd hexdump dd sync watch env set unset man vimdiff diff node npm java mvn go cargo certbot nginx
		apache2ctl httpd a2ensite a2enmod lastlog chpasswd shred truncate wipe setenforce getenforce ausearch swapon swapoff`) {
		m[w] = true
	}
	return m
}()

// LooksLikeHistory tells a shell's history without times from a script and from
// other text. It is careful: at least five lines, none of them a comment or
// indented, none that only a script has, most of them beginning with a command that
// people type, several different ones.
func LooksLikeHistory(b []byte) bool {
	lines, known, scripted := 0, 0, 0
	seen := map[string]bool{}
	for line := range bytes.SplitSeq(bytes.TrimRight(b, "\n"), []byte("\n")) {
		line = bytes.TrimRight(line, "\r")
		if lines++; lines > 5000 {
			break
		}
		if len(line) == 0 || len(line) > 2000 || line[0] == '#' || line[0] == '\t' || line[0] == ' ' {
			scripted++
			continue
		}
		for _, c := range line {
			if c < 0x20 && c != '\t' {
				return false
			}
		}
		word := line
		if i := bytes.IndexAny(line, " \t;|&"); i >= 0 {
			word = line[:i]
		}
		switch string(word) {
		case "fi", "done", "esac", "then", "else", "do", "}", "{", "elif", "case", "function", "return", "if":
			return false
		}
		if commands[string(word)] {
			known++
			seen[string(word)] = true
		}
	}
	return lines >= 5 && scripted*10 <= lines && known*10 >= lines*6 && len(seen) >= 3
}

// UtmpSize is the size of a record of wtmp on x86: struct utmp of the GNU C
// library, bits/utmp.h, with 32-bit times.
const UtmpSize = 384

// IsUtmp tells a record of wtmp, btmp and utmp (little-endian, [UtmpSize]
// bytes) that says something. Names must be printable and filled up with NUL bytes, the
// padding and the unused bytes zero, the time between 1990 and 2100.
func IsUtmp(b []byte) bool {
	if len(b) < UtmpSize {
		return false
	}
	le := binary.LittleEndian
	kind := le.Uint16(b)
	if kind < 1 || kind > 9 || b[2] != 0 || b[3] != 0 {
		return false
	}
	for _, r := range [...][2]int{{8, 40}, {44, 76}, {76, 332}} {
		if !padded(b[r[0]:r[1]]) {
			return false
		}
	}
	sec, usec := le.Uint32(b[340:]), le.Uint32(b[344:])
	if sec < 631152000 || sec > 4102444800 || usec >= 1e6 || int32(le.Uint32(b[4:])) < 0 {
		return false
	}
	for _, c := range b[364:384] {
		if c != 0 {
			return false
		}
	}
	switch kind {
	case 6, 7: // LOGIN_PROCESS, USER_PROCESS
		return b[8] != 0 && (b[44] != 0 || kind == 6)
	case 8: // DEAD_PROCESS
		return b[8] != 0
	case 1, 2: // RUN_LVL, BOOT_TIME
		return b[8] == '~' || b[44] != 0
	}
	return b[8] != 0 || b[44] != 0
}

// padded tells printable text that NUL bytes follow up to the end. Login names may hold
// what an attacker typed, so bytes above ASCII are let through.
func padded(b []byte) bool {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		i = len(b)
	}
	for _, c := range b[:i] {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	for _, c := range b[i:] {
		if c != 0 {
			return false
		}
	}
	return true
}

// JournalMessage tells a DATA object of a systemd journal that holds a message:
// before is what stands before its payload, 64 bytes of a regular and 72 of a
// compact file are its header; payload is the text from there on. It gives the length
// of the payload, 0 if this is none.
// https://systemd.io/JOURNAL_FILE_FORMAT/#data-objects
func JournalMessage(before []byte, size int) int {
	for _, header := range [...]int{64, 72} {
		if len(before) < header {
			continue
		}
		h := before[len(before)-header:]
		n := binary.LittleEndian.Uint64(h[8:])
		if h[0] == 1 && h[1] == 0 && n > uint64(header)+8 && n-uint64(header) <= uint64(size) {
			return int(n) - header
		}
	}
	return 0
}

// Key is what the PEM text of a private key says of itself.
type Key struct {
	Type      string // "OPENSSH PRIVATE KEY"
	Algorithm string // "ssh-ed25519", where the text says it openly
	Encrypted string // "yes", "no"; "" if that is not known
	Length    int64  // of the text, with its last line
	Complete  bool   // its last line was found
}

// PrivateKey reads the PEM text of a private key that b begins with (RFC 7468,
// RFC 1421 for headers, PROTOCOL.key of OpenSSH). It reads only what is not secret.
func PrivateKey(b []byte) (Key, bool) {
	rest, ok := bytes.CutPrefix(b, []byte("-----BEGIN "))
	if !ok {
		return Key{}, false
	}
	i := bytes.Index(rest[:min(len(rest), 64)], []byte("-----"))
	if i < 0 || !bytes.HasSuffix(rest[:i], []byte("PRIVATE KEY")) && !bytes.Equal(rest[:i], []byte("PGP PRIVATE KEY BLOCK")) {
		return Key{}, false
	}
	k := Key{Type: string(rest[:i])}
	body := bytes.TrimLeft(rest[i+5:], "\r\n")
	if len(body) < 16 || !isBase64(body[0]) && k.Type != "PGP PRIVATE KEY BLOCK" {
		return Key{}, false
	}
	end := "-----END " + k.Type + "-----"
	if j := bytes.Index(b[:min(len(b), 64<<10)], []byte(end)); j >= 0 {
		k.Length, k.Complete = int64(j+len(end)), true
		if int(k.Length) < len(b) && b[k.Length] == '\n' {
			k.Length++
		}
	} else {
		n := len(b) - len(body)
		for n < len(b) && n < 64<<10 && (isBase64(b[n]) || b[n] == '\n' || b[n] == '\r') {
			n++
		}
		k.Length = int64(n)
	}
	head := body[:min(len(body), 2048)]
	switch {
	case k.Type == "ENCRYPTED PRIVATE KEY" || bytes.Contains(head[:min(len(head), 200)], []byte("ENCRYPTED")):
		k.Encrypted = "yes"
	case k.Type == "OPENSSH PRIVATE KEY":
		k.openssh(head)
	case k.Type != "PGP PRIVATE KEY BLOCK":
		k.Encrypted = "no"
	}
	return k, true
}

func isBase64(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '/' || c == '='
}

// openssh reads the names of cipher and key type, that stand before all that is
// secret.
func (k *Key) openssh(body []byte) {
	var packed []byte
	for _, c := range body {
		if c == '-' {
			break
		}
		if isBase64(c) && c != '=' {
			packed = append(packed, c)
		}
	}
	packed = packed[:min(len(packed)/4*4, 400)]
	raw, err := base64.StdEncoding.DecodeString(string(packed))
	if err != nil {
		return
	}
	raw, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
	if !ok {
		return
	}
	next := func() []byte {
		if len(raw) < 4 {
			return nil
		}
		n := binary.BigEndian.Uint32(raw)
		if uint64(n) > uint64(len(raw)-4) {
			raw = nil
			return nil
		}
		s := raw[4 : 4+n]
		raw = raw[4+n:]
		return s
	}
	if cipher := next(); len(cipher) > 0 {
		k.Encrypted = "yes"
		if string(cipher) == "none" {
			k.Encrypted = "no"
		}
	}
	next() // key derivation
	next() // its options
	if len(raw) < 8 {
		return
	}
	raw = raw[8:] // number of keys, length of the first
	if name := next(); len(name) > 0 && len(name) < 64 && padded(name) {
		k.Algorithm = string(name)
	}
}
