package autostart

import (
	"path"
	"slices"
	"strings"

	"deadbox/timeline"
)

// runnable tells a file that is run itself.
func runnable(r *reader) {
	reason := ""
	switch base := path.Base(r.src.Path); {
	case base == "README" || base == ".placeholder":
		return
	case !executable(r.src):
		reason = "not executable"
	case r.src.Size == 0:
		reason = "empty"
	}
	r.file(reason)
}

// runParts tells a file of a directory that run-parts(8) runs: the name must be
// of letters, digits, underscores and dashes.
func runParts(r *reader) {
	for _, c := range path.Base(r.src.Path) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			if c == '.' && strings.HasPrefix(path.Base(r.src.Path), ".placeholder") {
				return
			}
			r.file("run-parts does not take the name")
			return
		}
	}
	runnable(r)
}

// sourced tells a file that a shell or an interpreter reads.
func sourced(r *reader) {
	if r.src.Size > 0 && path.Base(r.src.Path) != "README" {
		r.file("")
	}
}

// file tells that a file is run, or why it is not.
func (r *reader) file(reason string) {
	if reason != "" {
		r.emit(r.whole(), nil, "command", r.src.Path, "target", r.src.Path, "enabled", "false", "reason", reason)
		return
	}
	r.emit(r.whole(), nil, "command", r.src.Path, "target", r.src.Path)
}

// headerLines is how many lines of a script are searched for its LSB header.
const headerLines = 100

// sysv tells a script of init, with the run levels that start it
// (init-d-script(5); LSB 5, "Comment Conventions for Init Scripts").
func sysv(r *reader) {
	name := path.Base(r.src.Path)
	if name == "README" || name == "functions" || name == "skeleton" || strings.HasSuffix(name, ".sh") && !executable(r.src) {
		return
	}
	var starts, levels []string
	var stamps []timeline.Stamp
	for _, base := range []string{"/etc", "/etc/rc.d", "/etc/init.d"} {
		for _, p := range r.src.Files(base + "/rc[S0-6].d/[SK][0-9][0-9]" + timeline.Literal(name)) {
			level := strings.TrimSuffix(strings.TrimPrefix(path.Base(path.Dir(p)), "rc"), ".d")
			if path.Base(p)[0] != 'S' || level == "0" || level == "6" {
				continue
			}
			// Red Hat's /etc/rc3.d is a link to rc.d/rc3.d.
			if slices.Contains(levels, level) {
				continue
			}
			starts = append(starts, p)
			levels = append(levels, level)
			stamps = linked(stamps, r.src.Link(p))
		}
	}
	mechanism := "sysv-init"
	for _, p := range r.src.Files("/etc/runlevels/*/" + timeline.Literal(name)) {
		mechanism = "openrc"
		starts = append(starts, p)
		levels = append(levels, path.Base(path.Dir(p)))
		stamps = linked(stamps, r.src.Link(p))
	}
	pairs := []string{"mechanism", mechanism, "command", r.src.Path, "target", r.src.Path, "runlevels", strings.Join(levels, " "), "links", strings.Join(starts, " ")}
	if !binary(r.src) {
		inside := false
		for l, err := range timeline.Lines(r.ctx, r.src) {
			if l.Number > headerLines {
				break
			}
			if err != nil {
				r.bad(err)
				continue
			}
			t := string(l.Text)
			switch {
			case l.Number == 1 && strings.HasPrefix(t, "#!") && strings.Contains(t, "openrc-run"):
				pairs[1] = "openrc"
			case strings.HasPrefix(t, "### BEGIN INIT INFO"):
				inside = true
			case strings.HasPrefix(t, "### END INIT INFO"):
				inside = false
			case inside:
				k, v, ok := strings.Cut(strings.TrimPrefix(t, "#"), ":")
				v = strings.TrimSpace(v)
				switch {
				case !ok || v == "":
				case strings.EqualFold(strings.TrimSpace(k), "Short-Description"):
					pairs = append(pairs, "description", v)
				case strings.EqualFold(strings.TrimSpace(k), "Default-Start"):
					pairs = append(pairs, "default_start", v)
				case strings.EqualFold(strings.TrimSpace(k), "Provides"):
					pairs = append(pairs, "name", v)
				}
			}
		}
	}
	unit := unitOf(r.src, strings.TrimSuffix(name, ".sh"))
	switch {
	case !executable(r.src):
		pairs = append(pairs, "enabled", "false", "reason", "not executable")
	case len(starts) == 0:
		pairs = append(pairs, "enabled", "false", "reason", "no run level starts it")
	case unit != "":
		// systemd takes its own unit in place of the script.
		pairs = append(pairs, "unit", unit)
		switch l := r.src.Link(unit); {
		case len(r.src.Files("/usr/lib/systemd/systemd")) == 0 && len(r.src.Files("/lib/systemd/systemd")) == 0:
		case l != nil && l.Target == "/dev/null":
			pairs = append(pairs, "enabled", "false", "reason", "masked for systemd")
		default:
			pairs = append(pairs, "enabled", "false", "reason", "systemd takes the unit in its place")
		}
	}
	r.emit(r.whole(), stamps, pairs...)
}

// unitOf is the path of a service unit; "" if there is none.
func unitOf(s *timeline.Source, name string) string {
	for _, d := range []string{"/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"} {
		if p := d + name + ".service"; len(s.Files(timeline.Literal(p))) > 0 {
			return p
		}
	}
	return ""
}

// runit tells a service of runit. One below /etc/sv is enabled by a link.
func runit(r *reader) {
	dir := path.Dir(r.src.Path)
	name := path.Base(dir)
	pairs := []string{"command", r.src.Path, "target", r.src.Path, "name", name}
	var stamps []timeline.Stamp
	enabled := !strings.HasPrefix(dir, "/etc/sv/")
	for _, d := range []string{"/etc/service/", "/var/service/", "/service/", "/etc/runit/runsvdir/default/"} {
		if l := r.src.Link(d + name); l != nil {
			stamps, enabled = linked(stamps, l), true
		}
	}
	switch {
	case !enabled:
		pairs = append(pairs, "enabled", "false", "reason", "no link to it")
	case len(r.src.Files(timeline.Literal(dir)+"/down")) > 0:
		pairs = append(pairs, "enabled", "false", "reason", "a file down beside it")
	case !executable(r.src):
		pairs = append(pairs, "enabled", "false", "reason", "not executable")
	}
	r.emit(r.whole(), stamps, pairs...)
}
