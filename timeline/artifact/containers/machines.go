package containers

import (
	"context"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

func runMachines(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return run(func(yield func(timeline.Record, error) bool) {
		name := path.Base(path.Dir(s.Path))
		read, what := lxcLine, "container"
		if strings.HasSuffix(s.Path, ".nspawn") {
			name, read, what = strings.TrimSuffix(path.Base(s.Path), ".nspawn"), nspawnLine, "machine"
		}
		m := &machine{f: fields{"kind": "container", "name": name}}
		section := ""
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			text := strings.TrimSpace(string(l.Text))
			if text == "" || text[0] == '#' || text[0] == ';' {
				continue
			}
			if text[0] == '[' {
				section = text
				continue
			}
			if key, v, ok := strings.Cut(text, "="); ok {
				m.lines++
				read(m, section, strings.TrimSpace(key), strings.TrimSpace(v))
			}
		}
		if m.lines == 0 {
			return
		}
		if what == "container" && !m.mapped {
			m.f["privileged"] = "true"
		}
		m.f.list("mounts", m.mounts, "\n")
		m.f.list("devices", m.devices, "\n")
		m.f.environment(m.env)
		yield(timeline.Record{Kind: timeline.KindContainer, Summary: summary(what, m.f), Fields: m.f, Evidence: s.Evidence(0, s.Size, 0)}, nil)
	})
}

// machine is what the lines of a configuration come to.
type machine struct {
	f                    fields
	mounts, devices, env []string
	mapped               bool // root in it is not root of the server
	lines                int
}

// lxcLine reads a setting of lxc.container.conf(5), and the names that some of
// them had before LXC 3.
func lxcLine(m *machine, _, key, v string) {
	switch key {
	case "lxc.rootfs.path", "lxc.rootfs":
		// "overlay:/lower:/upper", "dir:/path", or the path
		list := strings.Split(v, ":")
		last := list[len(list)-1]
		if strings.HasPrefix(last, "/") {
			m.f.set("upper", last)
		}
	case "lxc.uts.name", "lxc.utsname":
		m.f.set("host", v)
	case "lxc.mount.entry":
		if w := strings.Fields(v); len(w) >= 4 && strings.HasPrefix(w[0], "/") && (strings.Contains(","+w[3]+",", ",bind,") || strings.Contains(","+w[3]+",", ",rbind,")) {
			m.mounts = append(m.mounts, mount(w[0], "/"+strings.TrimPrefix(w[1], "/"), w[3]))
		}
	case "lxc.idmap", "lxc.id_map":
		m.mapped = true
	case "lxc.start.auto":
		if v == "1" {
			m.f.set("restart", "at boot")
		}
	case "lxc.net.0.type", "lxc.network.type":
		if v == "none" {
			v = "host"
		}
		m.f.set("network", v)
	case "lxc.init.cmd", "lxc.init_cmd", "lxc.execute.cmd":
		m.f.process(strings.Fields(v))
	case "lxc.environment":
		m.env = append(m.env, v)
	case "lxc.apparmor.profile", "lxc.aa_profile":
		m.f.set("security", v)
	case "lxc.cgroup.devices.allow", "lxc.cgroup2.devices.allow":
		m.devices = append(m.devices, v)
	}
}

// nspawnLine reads a setting of systemd.nspawn(5).
func nspawnLine(m *machine, section, key, v string) {
	switch section + key {
	case "[Exec]Parameters":
		m.f.process(strings.Fields(v))
	case "[Exec]User":
		m.f.set("user", v)
	case "[Exec]WorkingDirectory":
		m.f.set("cwd", v)
	case "[Exec]Hostname":
		m.f.set("host", v)
	case "[Exec]Environment":
		m.env = append(m.env, strings.Fields(v)...)
	case "[Exec]Capability":
		m.f.set("capabilities", v)
	case "[Exec]PrivateUsers":
		if v == "no" || v == "false" || v == "off" || v == "0" {
			m.f["privileged"] = "true"
		}
	case "[Files]Bind", "[Files]BindReadOnly":
		from, rest, _ := strings.Cut(v, ":")
		to, options, _ := strings.Cut(rest, ":")
		if to == "" {
			to = from
		}
		if key == "BindReadOnly" {
			options = strings.TrimPrefix(options+", read-only", ", ")
		}
		m.mounts = append(m.mounts, mount(strings.TrimPrefix(from, "+"), to, options))
	case "[Network]Private", "[Network]VirtualEthernet":
		if v == "no" || v == "false" {
			m.f.set("network", "host")
		}
	case "[Network]Port":
		m.f.set("ports", strings.TrimSpace(m.f["ports"]+"\n"+v))
	}
}
