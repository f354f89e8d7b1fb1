// Package autostart reads the many simple ways by which a server starts
// programs by itself. Units of systemd and jobs of schedulers have packages of
// their own.
package autostart

import (
	"bytes"
	"context"
	"iter"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields a record for each program that starts by itself.
var Extractor = timeline.Extractor{
	Name: "autostart",
	Doc: `What starts by itself, a record each: mechanism (sysv-init, openrc, runit, rc.local, inittab, inetd, xinetd, supervisor, tcp-wrapper, sysctl, profile, shell-rc, ssh-rc, environment, ld-preload, ld-so-conf, udev, module,
modprobe-install, binfmt-misc, motd, kernel-hook, initramfs, grub-script, apt-hook, dpkg-hook, yum-plugin, dnf-plugin, dnf-action, zypp-plugin, networkmanager-dispatcher, networkd-dispatcher, ifup, dhclient-hook, ppp,
resolvconf, pm-sleep, dbus-service, polkit-rule, xdg-autostart, xsession, git-hook, git-config, logrotate-script, mail-alias-pipe, forward-pipe, incron, acpi, audit-plugin, php-prepend, python-pth, python-site), trigger (boot, login,
time, event), command, target (the program's or library's path), account, enabled (true, false) with the reason where it is false, event where the file says which.

Formats: init-d-script(5), inittab(5), inetd.conf(5), xinetd.conf(5), ld.so(8), udev(7), modules-load.d(5), modprobe.d(5), binfmt.d(5), run-parts(8), apt.conf(5), dpkg(1), dnf.plugin.post-transaction-actions(8),
NetworkManager-dispatcher(8), interfaces(5), dhclient-script(8), polkit(8), githooks(5), git-config(1), logrotate(8), hosts_options(5), core(5), aliases(5), incrontab(5), acpid(8), OpenRC's openrc-run(8),
https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-starting-services, https://specifications.freedesktop.org/autostart-spec/latest/,
https://www.php.net/manual/en/ini.core.php#ini.auto-prepend-file, https://docs.python.org/3/library/site.html, http://supervisord.org/configuration.html.`,
	Paths: paths(),
	Run:   run,
}

const (
	// maxRecords bounds what is told of one file.
	maxRecords = 5000
	// maxText is the longest command that a record holds, in bytes.
	maxText = 4096
	// maxJoined is how many lines one that goes on may have.
	maxJoined = 64
)

// paths are the patterns of all classes; those of homes are also looked for
// where an account may be gone and its home not.
func paths() []string {
	var out []string
	for i := range classes {
		for _, p := range classes[i].patterns {
			out = append(out, p)
			if rest, ok := strings.CutPrefix(p, "~/"); ok {
				out = append(out, "/root/"+rest, "/home/*/"+rest)
			}
		}
	}
	return out
}

// classOf tells by the path what a file is; nil if it is none of ours.
func classOf(name string) *class {
	elems := strings.Split(strings.Trim(name, "/"), "/")
	for i := range classes {
		for _, p := range classes[i].patterns {
			if rest, ok := strings.CutPrefix(p, "~/"); ok {
				n := strings.Count(rest, "/") + 1
				if len(elems) > n && timeline.Fits(strings.Split(rest, "/"), elems[len(elems)-n:]) {
					return &classes[i]
				}
			} else if timeline.Fits(strings.Split(strings.Trim(p, "/"), "/"), elems) {
				return &classes[i]
			}
		}
	}
	return nil
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		c := classOf(s.Path)
		if c == nil {
			return
		}
		r := &reader{ctx: ctx, src: s, class: c, yield: yield}
		c.read(r)
	}
}

// reader tells the programs of one file.
type reader struct {
	ctx   context.Context
	src   *timeline.Source
	class *class
	yield func(timeline.Record, error) bool
	count int
	done  bool
}

// line is one line of a file, or several that go on in each other.
type line struct {
	text      string // without blanks around it
	off, size int64
	number    int
}

// bad passes damage on.
func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

// lines calls fn with each line that is neither blank nor a comment, which
// begin with one of the strings given. A line that ends with a backslash goes on.
func (r *reader) lines(comments []string, fn func(l line)) {
	isComment := func(t string) bool {
		for _, c := range comments {
			if strings.HasPrefix(t, c) {
				return true
			}
		}
		return false
	}
	var cur line
	joined := 0
	var text strings.Builder
	flush := func() {
		cur.text = strings.TrimSpace(text.String())
		text.Reset()
		joined = 0
		if cur.text != "" {
			fn(cur)
		}
	}
	for l, err := range timeline.Lines(r.ctx, r.src) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		t := strings.Trim(string(l.Text), " \t\r")
		if joined == 0 {
			if t == "" || isComment(t) {
				continue
			}
			cur = line{off: l.Offset, number: l.Number}
		}
		cur.size = l.Offset + int64(len(l.Text)) - cur.off
		if rest, more := strings.CutSuffix(t, `\`); more && joined < maxJoined {
			text.WriteString(rest)
			text.WriteByte(' ')
			joined++
			continue
		}
		text.WriteString(t)
		flush()
	}
	if joined > 0 && !r.done {
		flush()
	}
}

// emit yields one record. Fields of the class are set where the pairs do not say
// them; pairs with an empty value are left out.
func (r *reader) emit(l line, stamps []timeline.Stamp, pairs ...string) {
	if r.done {
		return
	}
	if r.count++; r.count > maxRecords {
		if r.count == maxRecords+1 {
			r.bad(r.src.Damage(l.off, r.src.Size-l.off, l.number, "what follows the first 5000 programs of a file is left out", nil))
		}
		return
	}
	f := map[string]string{"mechanism": r.class.mechanism, "trigger": r.class.trigger, "path": r.src.Path, "enabled": "true"}
	switch {
	case r.src.Account != "":
		f["account"] = r.src.Account
	case r.class.account != "":
		f["account"] = r.class.account
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		v := pairs[i+1]
		if len(v) > maxText {
			v = strings.ToValidUTF8(v[:maxText], "")
		}
		if v != "" {
			f[pairs[i]] = v
		}
	}
	if f["target"] == "" {
		delete(f, "target")
		if t := program(f["command"]); t != "" {
			f["target"] = t
		}
	}
	sum := f["mechanism"]
	if f["account"] != "" {
		sum += ", as " + f["account"]
	}
	what := f["command"]
	if what == "" {
		what = f["target"]
	}
	sum += ": " + what
	if f["enabled"] == "false" {
		sum += " (not enabled: " + f["reason"] + ")"
	}
	if !r.yield(timeline.Record{Kind: timeline.KindAutostart, Summary: sum, Stamps: stamps, Fields: f, Evidence: r.src.Evidence(l.off, l.size, l.number)}, nil) {
		r.done = true
	}
}

// whole is the file as evidence.
func (r *reader) whole() line { return line{size: r.src.Size} }

// program is the path of the program that a command line begins with; "" if
// its first word is no path.
func program(command string) string {
	w, _ := word(command)
	if strings.HasPrefix(w, "/") {
		return w
	}
	return ""
}

// word cuts the first word, that may be in quotes, from a line.
func word(s string) (w, rest string) {
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return "", ""
	}
	if q := s[0]; q == '"' || q == '\'' {
		if i := strings.IndexByte(s[1:], q); i >= 0 {
			return s[1 : 1+i], strings.TrimLeft(s[2+i:], " \t")
		}
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

// executable reports whether the file may be run, as far as that is known.
func executable(s *timeline.Source) bool { return s.Inode == nil || s.Inode.Mode&0o111 != 0 }

// binary reports whether a file is none that people write.
func binary(s *timeline.Source) bool {
	head := make([]byte, 512)
	n, _ := s.Data.ReadAt(head, 0)
	return bytes.IndexByte(head[:max(n, 0)], 0) >= 0
}

// linked gives the time at which a link was made, as a stamp.
func linked(stamps []timeline.Stamp, l *timeline.Source) []timeline.Stamp {
	if l == nil || l.Inode == nil {
		return stamps
	}
	when := l.Inode.Times.Modified.Std()
	if when.IsZero() {
		return stamps
	}
	for _, s := range stamps {
		if s.When.Equal(when) {
			return stamps
		}
	}
	return append(stamps, timeline.Stamp{What: "enabled", When: when.In(time.UTC), Note: "the link " + l.Path})
}
