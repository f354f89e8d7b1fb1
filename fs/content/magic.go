package content

import (
	"bytes"
	"path"
)

// HeadSize is how many bytes [Type] wants to see.
const HeadSize = 4096

// magics are the signatures of the formats that an investigator meets, the
// more telling first. Sources: the formats' own specifications, and the database of
// file(1) for the numbers.
var magics = []struct {
	offset int
	bytes  string
	name   string
}{
	{0, "\x7fELF", "elf"},
	{0, "\x1f\x8b", "gzip"},
	{0, "BZh", "bzip2"},
	{0, "\xfd7zXZ\x00", "xz"},
	{0, "\x28\xb5\x2f\xfd", "zstd"},
	{0, "\x04\x22\x4d\x18", "lz4"},
	{0, "PK\x03\x04", "zip"},
	{0, "PK\x05\x06", "zip"},
	{0, "7z\xbc\xaf\x27\x1c", "7z"},
	{0, "Rar!\x1a\x07", "rar"},
	{257, "ustar", "tar"},
	{0, "070701", "cpio"},
	{0, "070702", "cpio"},
	{0, "070707", "cpio"},
	{0, "!<arch>\ndebian-binary", "deb"},
	{0, "!<arch>\n", "ar"},
	{0, "\xed\xab\xee\xdb", "rpm"},
	{0, "MZ", "pe"},
	{0, "\xca\xfe\xba\xbe", "java-class"},
	{0, "\xfe\xed\xfa\xce", "mach-o"},
	{0, "\xfe\xed\xfa\xcf", "mach-o"},
	{0, "\xce\xfa\xed\xfe", "mach-o"},
	{0, "\xcf\xfa\xed\xfe", "mach-o"},
	{0, "\x00asm", "wasm"},
	{0, "\x1bLua", "lua-bytecode"},
	{0, "\x89PNG\r\n\x1a\n", "png"},
	{0, "\xff\xd8\xff", "jpeg"},
	{0, "GIF87a", "gif"},
	{0, "GIF89a", "gif"},
	{0, "%PDF-", "pdf"},
	{0, "SQLite format 3\x00", "sqlite"},
	{0, "LPKSHHRH", "journal"},
	{0, "\xd4\xc3\xb2\xa1", "pcap"},
	{0, "\xa1\xb2\xc3\xd4", "pcap"},
	{0, "\x0a\x0d\x0d\x0a", "pcapng"},
	{0, "-----BEGIN ", "pem"},
	{0, "TZif", "tzif"},
}

// Type says what the first bytes of a file are: "elf", "script", "php",
// "gzip", ...; "" if nothing is known. Interp is a script's interpreter as its
// first line names it: "/bin/sh", or "python3" where env(1) looks for it.
func Type(head []byte) (magic, interp string) {
	if interp, ok := interpreter(head); ok {
		if name := path.Base(interp); len(name) >= 3 && name[:3] == "php" {
			return "php", interp
		}
		return "script", interp
	}
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.bytes)) {
			if m.name == "bzip2" && (len(head) < 4 || head[3] < '1' || head[3] > '9') {
				continue // "BZh" begins a word, too
			}
			if m.name == "pe" && !isPE(head) {
				continue
			}
			return m.name, ""
		}
	}
	if isPHP(head) {
		return "php", ""
	}
	return "", ""
}

// interpreter reads a "#!" line as execve(2) does: blanks, the path up to
// a blank, at most one argument. Of env it takes the program that it is to find.
func interpreter(head []byte) (string, bool) {
	if !bytes.HasPrefix(head, []byte("#!")) {
		return "", false
	}
	line := head[2:min(len(head), 4096)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	words := bytes.Fields(line)
	if len(words) == 0 || bytes.IndexByte(words[0], 0) >= 0 {
		return "", false
	}
	interp := string(words[0])
	if path.Base(interp) == "env" {
		for _, w := range words[1:] {
			if w[0] != '-' && !bytes.Contains(w, []byte("=")) {
				return string(w), true
			}
		}
	}
	return interp, true
}

// isPHP looks for an opening tag, at the start or after text such as HTML.
func isPHP(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(text, []byte("<?=")) {
		return true
	}
	if len(text) >= 3 && text[0] == '<' && text[1] == '?' && (text[2] == ' ' || text[2] == '\n' || text[2] == '\r' || text[2] == '\t') {
		return true // the short tag
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return false
	}
	for {
		i := bytes.Index(text, []byte("<?"))
		if i < 0 {
			return false
		}
		text = text[i+2:]
		if len(text) >= 3 && bytes.EqualFold(text[:3], []byte("php")) {
			return len(text) == 3 || text[3] == ' ' || text[3] == '\n' || text[3] == '\r' || text[3] == '\t' || text[3] == '/'
		}
	}
}

// isPE follows e_lfanew to the PE signature where it lies in the head; a DOS
// program has none.
func isPE(head []byte) bool {
	if len(head) < 64 {
		return false
	}
	at := int64(head[60]) | int64(head[61])<<8 | int64(head[62])<<16 | int64(head[63])<<24
	if at+4 > int64(len(head)) {
		return at < 1<<20
	}
	return string(head[at:at+4]) == "PE\x00\x00"
}
