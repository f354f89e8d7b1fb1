package mounts

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

func runBoot(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		dir, base := path.Split(s.Path)
		b := &boot{src: s, yield: yield}
		switch {
		case strings.HasPrefix(s.Path, "/etc/default/") || base == "grubenv" || base == "loader.conf" || base == "user.cfg":
			lines(ctx, s, yield, b.setting)
		case base == "cmdline" || base == "cmdline.txt":
			lines(ctx, s, yield, func(l line) bool {
				b.entry = &entry{at: l, command: l.text}
				return b.flush()
			})
		case strings.HasSuffix(dir, "/loader/entries/"):
			lines(ctx, s, yield, b.loader)
			b.flush()
		case base == "menu.lst" || base == "grub.conf" || base == "extlinux.conf" || base == "syslinux.cfg":
			lines(ctx, s, yield, b.legacy)
			b.flush()
		default:
			lines(ctx, s, yield, b.grub)
			b.flush()
		}
	}
}

// boot gathers the entries of one file.
type boot struct {
	src    *timeline.Source
	yield  func(timeline.Record, error) bool
	entry  *entry
	titles []string // of GRUB's submenus
	depth  []bool   // an open brace each; true of a menu's
}

// entry is what a boot loader starts.
type entry struct {
	at                             line
	title, kernel, command, initrd string
}

// flush tells the entry. It is false if no more are wanted.
func (b *boot) flush() bool {
	e := b.entry
	b.entry = nil
	if e == nil || e.kernel == "" && e.command == "" {
		return true
	}
	init := ""
	for _, w := range strings.Fields(e.command) {
		for _, k := range []string{"init=", "rdinit="} {
			if v, ok := strings.CutPrefix(w, k); ok {
				init = v
			}
		}
	}
	title := strings.Join(append(b.titles[:len(b.titles):len(b.titles)], e.title), " > ")
	return b.yield(record(e.at, b.src, "boot-entry", strings.TrimSpace("boot "+title+": "+e.kernel+" "+e.command), "title", title, "kernel", e.kernel, "command", e.command, "initrd", e.initrd, "init", init), nil)
}

// setting tells a line "NAME=value".
func (b *boot) setting(l line) bool {
	k, v, ok := strings.Cut(strings.TrimPrefix(l.text, "export "), "=")
	if !ok {
		if k, v, ok = strings.Cut(l.text, " "); !ok || path.Base(b.src.Path) != "loader.conf" {
			return true
		}
	}
	k, v = strings.TrimSpace(k), strings.TrimSpace(v)
	if n := len(v); n > 1 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
		v = v[1 : n-1]
	}
	if strings.Contains(strings.ToLower(k), "password") {
		v = "***"
	}
	return b.yield(record(l, b.src, "boot-setting", "boot: "+k+"="+v, "key", k, "value", v), nil)
}

// password tells that a loader asks for one.
func (b *boot) password(l line, who string) bool {
	return b.yield(record(l, b.src, "boot-setting", strings.TrimSpace("boot: a password is set "+who), "key", "password", "value", "***", "account", who), nil)
}

// loader reads an entry of the boot loader specification.
func (b *boot) loader(l line) bool {
	if b.entry == nil {
		b.entry = &entry{at: l}
	}
	k, v := cut(l.text)
	e := b.entry
	switch k {
	case "title":
		e.title = v
	case "linux", "efi", "uki":
		e.kernel, e.at = v, l
	case "initrd":
		e.initrd = strings.TrimSpace(e.initrd + " " + v)
	case "options":
		// The command line is what one looks for.
		e.command, e.at = strings.TrimSpace(e.command+" "+v), l
	}
	return true
}

func cut(s string) (w, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// legacy reads the menus of GRUB 0.97 and of syslinux.
func (b *boot) legacy(l line) bool {
	k, v := cut(l.text)
	switch strings.ToLower(k) {
	case "title", "label":
		if !b.flush() {
			return false
		}
		b.entry = &entry{at: l, title: v}
	case "password":
		return b.password(l, "")
	case "menu":
		if k, v := cut(v); b.entry != nil && strings.EqualFold(k, "label") {
			b.entry.title = strings.ReplaceAll(v, "^", "")
		} else if strings.EqualFold(k, "passwd") || strings.EqualFold(k, "master") {
			return b.password(l, "")
		}
	case "kernel", "linux":
		if b.entry != nil {
			b.entry.at = l
			kernel, command := cut(v)
			b.entry.kernel = kernel
			if command != "" {
				b.entry.command = command
			}
		}
	case "append":
		if b.entry != nil {
			b.entry.command, b.entry.at = v, l
			for _, w := range strings.Fields(v) {
				if i, ok := strings.CutPrefix(w, "initrd="); ok {
					b.entry.initrd = i
				}
			}
		}
	case "initrd":
		if b.entry != nil {
			b.entry.initrd = v
		}
	}
	return true
}

// grub reads the menu entries of a script of GRUB 2.
func (b *boot) grub(l line) bool {
	k, v := cut(l.text)
	switch k {
	case "submenu", "menuentry":
		title := v
		if len(v) > 1 && (v[0] == '\'' || v[0] == '"') {
			if i := strings.IndexByte(v[1:], v[0]); i >= 0 {
				title = v[1 : 1+i]
			}
		}
		if k == "submenu" {
			if len(b.titles) < maxJoined {
				b.titles = append(b.titles, title)
				b.depth = append(b.depth, true)
			}
			return true
		}
		if !b.flush() {
			return false
		}
		b.entry = &entry{at: l, title: title}
		b.depth = append(b.depth, false)
	case "linux", "linux16", "linuxefi", "multiboot", "multiboot2", "chainloader":
		if b.entry == nil {
			b.entry = &entry{}
		}
		b.entry.at = l
		b.entry.kernel, b.entry.command = cut(v)
	case "initrd", "initrd16", "initrdefi":
		if b.entry != nil {
			b.entry.initrd = v
		}
	case "}":
		n := len(b.depth)
		if n == 0 {
			return true
		}
		menu := b.depth[n-1]
		b.depth = b.depth[:n-1]
		if menu {
			b.titles = b.titles[:len(b.titles)-1]
			return true
		}
		return b.flush()
	case "password", "password_pbkdf2":
		who, _ := cut(v)
		return b.password(l, who)
	default:
		// Blocks of other kinds, as functions, close with a brace as well.
		if strings.HasSuffix(l.text, "{") && len(b.depth) < maxRecords {
			b.depth = append(b.depth, false)
		}
	}
	return true
}
