package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestReadOnly runs every example of every command's help on evidence that it
// hashes before and after, in files of mode 0444, in a folder of mode 0555, and
// where it may on a mount that is read-only. So a new command is held to it as soon
// as its help has an example, which TestHelp asks for.
func TestReadOnly(t *testing.T) {
	for _, prog := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip(prog + " is not installed")
		}
	}
	dir := t.TempDir()
	evidence := filepath.Join(dir, "evidence")
	if err := os.Mkdir(evidence, 0o755); err != nil {
		t.Fatal(err)
	}
	makeServer(t, filepath.Join(evidence, "disk.dd"), true)
	makeServer(t, filepath.Join(evidence, "good.dd"), false)
	lock(t, evidence)
	before := fingerprint(t, evidence)
	for _, c := range commands() {
		examples := exampleArgs(c)
		if strings.Contains(c.Use, "IMAGE") && !slices.ContainsFunc(examples, func(args []string) bool { return slices.Contains(args, "disk.dd") }) {
			t.Errorf("%s: no example reads disk.dd", c.CommandPath())
		}
		for _, args := range examples {
			name := strings.Join(args, " ")
			for i, arg := range args {
				flag, file, ok := strings.Cut(arg, "=")
				if !ok {
					flag, file = "", arg
				} else {
					flag += "="
				}
				if file == "disk.dd" || file == "good.dd" {
					args[i] = flag + filepath.Join(evidence, file)
				}
			}
			t.Chdir(t.TempDir()) // what it writes beside itself is not in the way of the next
			var stdout, stderr bytes.Buffer
			switch code := run(args, strings.NewReader(""), &stdout, &stderr); code {
			case exitDone, exitFindings:
			default:
				t.Errorf("deadbox %s: exit code %d\n%s", name, code, stderr.String())
			}
			if after := fingerprint(t, evidence); after != before {
				t.Fatalf("deadbox %s: the evidence was\n%sand is now\n%s", name, before, after)
			}
		}
	}
}

// exampleArgs reads the command lines of a command's examples, up to the first
// pipe or redirection.
func exampleArgs(c *cobra.Command) [][]string {
	var out [][]string
	text := strings.ReplaceAll(c.Example, "\\\n", " ")
	for line := range strings.SplitSeq(text, "\n") {
		words := shellWords(line)
		if len(words) == 0 || words[0] != "deadbox" {
			continue
		}
		if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains([]string{"|", "||", "&&", ">", "2>", "#"}, w) }); i >= 0 {
			words = words[:i]
		}
		out = append(out, words[1:])
	}
	return out
}

// shellWords splits a line at blanks outside of quotes.
func shellWords(line string) []string {
	var out []string
	var word []byte
	quote, in := byte(0), false
	for i := range len(line) {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				out = append(out, string(word))
			}
			word, in = nil, false
		default:
			word, in = append(word, c), true
		}
	}
	if in {
		out = append(out, string(word))
	}
	return out
}

// fingerprint says all of a folder that writing to it would change.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		fmt.Fprintf(&b, "%s %s %d %s %x\n", e.Name(), info.Mode(), info.Size(), info.ModTime().Format(time.RFC3339Nano), h.Sum(nil))
	}
	return b.String()
}

// lock makes a folder and its files read-only, by mode and, as root, by mount.
func lock(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(dir, e.Name()), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	if err := mountReadOnly(t, dir); err != nil {
		t.Logf("no read-only mount here, the modes alone protect: %v", err)
		return
	}
	if f, err := os.OpenFile(filepath.Join(dir, "disk.dd"), os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Fatal("the read-only mount can be written")
	}
}

// makeServer makes the image of a small server; with a deleted file, if dirty.
func makeServer(t *testing.T, image string, dirty bool) {
	t.Helper()
	tree := t.TempDir()
	files := map[string]string{
		"etc/hostname":             "web01\n",
		"etc/timezone":             "Europe/Berlin\n",
		"etc/os-release":           "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
		"etc/passwd":               "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n",
		"etc/shadow":               "root:*:19000:0:99999:7:::\nalice:!:19000:0:99999:7:::\n",
		"etc/fstab":                "LABEL=root / ext4 defaults 0 1\n",
		"usr/bin/tool":             "#!/bin/sh\necho tool\n",
		"bin/sh":                   "",
		"sbin/init":                "",
		"root/.bash_history":       "#1700000000\nls -la\n",
		"home/alice/.bash_history": "id\n",
		"var/log/syslog":           "Nov 14 22:13:20 web01 systemd[1]: Started a service.\n",
		"var/log/auth.log":         "Nov 14 22:13:20 web01 sshd[1]: Server listening on 192.0.2.1 port 22.\n",
	}
	if dirty {
		files["tmp/.hidden/run.sh"] = "#!/bin/sh\necho inert\n"
		files["tmp/gone"] = "gone\n"
	}
	for name, content := range files {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o755)
		if name == "etc/shadow" {
			mode = 0o640
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1700000000, 0), time.Unix(1700000000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-L", "root", "-d", tree, image, "8192")
	if dirty {
		tool(t, "debugfs", "-w", "-R", "rm /tmp/gone", image)
	}
}

// tool runs a program that must succeed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000", "E2FSPROGS_FAKE_TIME=1700000000", "TZ=UTC")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}
