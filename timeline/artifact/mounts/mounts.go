// Package mounts reads what a server mounts, unlocks, exports and boots.
package mounts

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

// Mounts yields what fstab, crypttab and exports say.
var Mounts = timeline.Extractor{
	Name: "mounts",
	Doc: `File systems that are mounted (kind effective, name mount: source, target, type, options), encrypted volumes that are unlocked (name crypt: target, source, key, options), directories that are exported over NFS
(name export: path, remote_host, options). Values of passwords among the options are masked.

Formats: fstab(5), https://man7.org/linux/man-pages/man5/fstab.5.html; crypttab(5), https://man7.org/linux/man-pages/man5/crypttab.5.html; exports(5), https://man7.org/linux/man-pages/man5/exports.5.html.`,
	Paths: []string{"/etc/fstab", "/etc/crypttab", "/etc/exports", "/etc/exports.d/*.exports"},
	Run:   runMounts,
}

// Boot yields what boot loaders start.
var Boot = timeline.Extractor{
	Name: "boot-config",
	Doc: `What boot loaders start: kind effective, name boot-entry, with title, kernel (the program that is loaded), command (the kernel's command line), initrd, init (the program that takes the place of init, by init= or rdinit=);
name boot-setting for the settings of /etc/default/grub and of the loader that say what the next entries are made of; passwords are masked.

Formats: https://www.gnu.org/software/grub/manual/grub/grub.html#Shell_002dlike-scripting; https://uapi-group.org/specifications/specs/boot_loader_specification/;
https://wiki.syslinux.org/wiki/index.php?title=Config; https://docs.kernel.org/admin-guide/kernel-parameters.html.`,
	Paths: []string{
		"/etc/default/grub", "/etc/default/grub.d/*.cfg", "/etc/kernel/cmdline", "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/custom.cfg", "/boot/grub2/custom.cfg", "/boot/grub2/user.cfg", "/boot/efi/EFI/*/grub.cfg",
		"/boot/loader/entries/*.conf", "/boot/efi/loader/entries/*.conf", "/efi/loader/entries/*.conf", "/boot/loader/loader.conf", "/boot/grub/menu.lst", "/boot/grub/grub.conf", "/boot/grub2/grubenv", "/boot/grub/grubenv",
		"/boot/extlinux/extlinux.conf", "/boot/extlinux.conf", "/boot/syslinux/syslinux.cfg", "/boot/cmdline.txt", "/boot/firmware/cmdline.txt",
	},
	Run: runBoot,
}

const (
	// maxText is the longest text of a field, in bytes.
	maxText = 4096
	// maxRecords bounds the records of one file.
	maxRecords = 10000
	maxJoined  = 64
)

// line is one line of a file, with those that it goes on in.
type line struct {
	text string
	ev   timeline.Evidence
	off  int64
	size int64
	n    int
}

// lines calls fn with the lines that are neither blank nor comments, until it
// is false.
func lines(ctx context.Context, s *timeline.Source, yield func(timeline.Record, error) bool, fn func(l line) bool) {
	var text strings.Builder
	var off, end int64
	number, joined := 0, 0
	count := 0
	flush := func() bool {
		t := strings.TrimSpace(text.String())
		text.Reset()
		joined = 0
		if t == "" || t[0] == '#' {
			return true
		}
		if count++; count > maxRecords {
			yield(timeline.Record{}, s.Damage(off, s.Size-off, number, "the lines after the first 10000 are left out", nil))
			return false
		}
		return fn(line{t, s.Evidence(off, end-off, number), off, end - off, number})
	}
	for l, err := range timeline.Lines(ctx, s) {
		if err != nil {
			if !yield(timeline.Record{}, err) {
				return
			}
			continue
		}
		if joined == 0 {
			off, number = l.Offset, l.Number
		}
		end = l.Offset + int64(len(l.Text))
		t := strings.TrimRight(string(l.Text), " \t\r")
		if rest, more := strings.CutSuffix(t, `\`); more && joined < maxJoined && !strings.HasPrefix(strings.TrimSpace(t), "#") {
			text.WriteString(rest + " ")
			joined++
			continue
		}
		text.WriteString(t)
		if !flush() {
			return
		}
	}
	if joined > 0 {
		flush()
	}
}

// record makes a record; fields without a value are left out.
func record(l line, s *timeline.Source, name, summary string, pairs ...string) timeline.Record {
	f := map[string]string{"name": name, "path": s.Path}
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		if len(v) > maxText {
			v = strings.ToValidUTF8(v[:maxText], "")
		}
		if v != "" {
			f[pairs[i]] = v
		}
	}
	if len(summary) > maxText {
		summary = strings.ToValidUTF8(summary[:maxText], "")
	}
	return timeline.Record{Kind: timeline.KindEffective, Summary: summary, Fields: f, Evidence: l.ev}
}

// octal undoes what fstab writes for blanks: "\040".
func octal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && digit(s[i+1]) && digit(s[i+2]) && digit(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '7' }

// hide masks the values of options that are passwords.
func hide(options string) string {
	parts := strings.Split(options, ",")
	for i, p := range parts {
		k, v, ok := strings.Cut(p, "=")
		switch strings.ToLower(k) {
		case "password", "pass", "passwd", "password2", "secret", "passphrase", "key":
			if ok && v != "" && !strings.HasPrefix(v, "/") {
				parts[i] = k + "=***"
			}
		}
	}
	return strings.Join(parts, ",")
}

// hideURL masks the password of a URL, as file systems over HTTP or SSH have.
func hideURL(s string) string {
	i := strings.Index(s, "://")
	if i < 0 {
		return s
	}
	rest := s[i+3:]
	at := strings.IndexByte(rest, '@')
	if at < 0 || strings.Contains(rest[:at], "/") {
		return s
	}
	user, _, ok := strings.Cut(rest[:at], ":")
	if !ok {
		return s
	}
	return s[:i+3] + user + ":***" + rest[at:]
}

func runMounts(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		base := path.Base(s.Path)
		lines(ctx, s, yield, func(l line) bool {
			f := strings.Fields(l.text)
			switch {
			case base == "fstab":
				if len(f) < 3 {
					return yield(timeline.Record{}, s.Damage(l.off, l.size, l.n, "not a line of fstab", nil))
				}
				f = append(f, "")
				source, target, options := hideURL(octal(f[0])), octal(f[1]), hide(octal(f[3]))
				return yield(record(l, s, "mount", strings.TrimSpace("mount "+source+" at "+target+", "+f[2]+", "+options), "source", source, "target", target, "type", f[2], "options", options), nil)
			case base == "crypttab":
				if len(f) < 2 {
					return yield(timeline.Record{}, s.Damage(l.off, l.size, l.n, "not a line of crypttab", nil))
				}
				f = append(f, "", "")
				return yield(record(l, s, "crypt", strings.TrimSpace("unlock "+f[1]+" as "+f[0]+" with the key "+f[2]), "target", f[0], "source", f[1], "key", f[2], "options", hide(f[3])), nil)
			}
			dir, rest := f[0], strings.Join(f[1:], " ")
			if strings.HasPrefix(l.text, `"`) {
				if i := strings.IndexByte(l.text[1:], '"'); i >= 0 {
					dir, rest = l.text[1:1+i], strings.TrimSpace(l.text[2+i:])
				}
			}
			common := ""
			for _, c := range strings.Fields(rest) {
				if strings.HasPrefix(c, "#") {
					break
				}
				if o, ok := strings.CutPrefix(c, "-"); ok {
					common = o
					continue
				}
				who, options, _ := strings.Cut(strings.TrimSuffix(c, ")"), "(")
				if who == "" {
					who = "*"
				}
				options = strings.Trim(common+","+options, ",")
				if !yield(record(l, s, "export", "export "+octal(dir)+" to "+who+": "+options, "source", octal(dir), "remote_host", who, "options", options), nil) {
					return false
				}
			}
			if rest == "" {
				return yield(record(l, s, "export", "export "+octal(dir)+" to all", "source", octal(dir), "remote_host", "*"), nil)
			}
			return true
		})
	}
}
