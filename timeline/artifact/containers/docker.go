package containers

import (
	"context"
	"encoding/json"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// dockerConfig is config.v2.json, as far as it is read.
type dockerConfig struct {
	ID      string
	Name    string
	Image   string // identifier
	Created time.Time
	Path    string
	Args    []string
	Driver  string
	State   struct {
		Running, Paused, Restarting, OOMKilled, Dead bool
		ExitCode                                     int
		Error                                        string
		StartedAt, FinishedAt                        time.Time
	}
	Config struct {
		Hostname, User, Image, WorkingDir string
		Env                               []string
		ExposedPorts                      map[string]any
		Labels                            map[string]string
	}
	RestartCount           int
	HasBeenManuallyStopped bool
	MountPoints            map[string]struct {
		Source, Destination, Name, Type, Propagation string
		RW                                           bool
	}
	HostConfig *dockerHost // of versions before 1.10
}

// dockerHost is hostconfig.json, as far as it is read.
type dockerHost struct {
	Binds         []string
	NetworkMode   string
	RestartPolicy struct {
		Name              string
		MaximumRetryCount int
	}
	AutoRemove   bool
	CapAdd       []string
	CapDrop      []string
	Privileged   bool
	PidMode      string
	IpcMode      string
	UTSMode      string
	UsernsMode   string
	CgroupnsMode string
	SecurityOpt  []string
	Runtime      string
	Devices      []struct{ PathOnHost, PathInContainer, CgroupPermissions string }
	PortBindings map[string][]struct{ HostIp, HostPort string }
}

func runDocker(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return run(func(yield func(timeline.Record, error) bool) {
		b, ok := document(ctx, s, yield)
		if !ok {
			return
		}
		dir, name := path.Split(s.Path)
		if strings.HasPrefix(name, "config.") {
			if name == "config.json" && s.Open(dir+"config.v2.json") != nil {
				return // left over from before the upgrade
			}
			var c dockerConfig
			if err := json.Unmarshal(b, &c); err != nil {
				yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not the configuration of a container", err))
				return
			}
			yield(dockerRecord(s, path.Clean(dir), &c), nil)
			return
		}
		var im dockerImage
		if err := json.Unmarshal(b, &im); err != nil {
			yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not the configuration of an image", err))
			return
		}
		yield(dockerImageRecord(s, name, &im), nil)
	})
}

// dockerRecord describes a container; dir is its directory.
func dockerRecord(s *timeline.Source, dir string, c *dockerConfig) timeline.Record {
	id := c.ID
	if !element(id) {
		id = path.Base(dir)
	}
	f := fields{"kind": "container", "container": id}
	f.set("name", strings.TrimPrefix(c.Name, "/"))
	f.set("image", c.Config.Image)
	f.set("image_id", c.Image)
	f.set("host", c.Config.Hostname)
	f.set("user", c.Config.User)
	f.set("cwd", c.Config.WorkingDir)
	f.process(append([]string{c.Path}, c.Args...))
	f.environment(c.Config.Env)
	st := &c.State
	switch {
	case st.Paused:
		f["state"] = "paused"
	case st.Restarting:
		f["state"] = "restarting"
	case st.Running:
		f["state"] = "running"
	case st.Dead:
		f["state"] = "dead"
	case st.StartedAt.Year() <= 1:
		f["state"] = "created"
	default:
		f["state"] = "exited"
	}
	if f["state"] == "exited" || st.ExitCode != 0 {
		f["exit_code"] = strconv.Itoa(st.ExitCode)
	}
	f.set("error", maskText(st.Error))
	f.truth("out_of_memory", st.OOMKilled)
	f.truth("stopped_by_hand", c.HasBeenManuallyStopped)
	if c.RestartCount > 0 {
		f["count"] = strconv.Itoa(c.RestartCount)
	}
	f.set("project", c.Config.Labels["com.docker.compose.project"])
	f.set("service", c.Config.Labels["com.docker.compose.service"])
	f.set("pod", c.Config.Labels["io.kubernetes.pod.name"])
	var host dockerHost
	if c.HostConfig != nil {
		host = *c.HostConfig
	}
	sibling(s, dir+"/hostconfig.json", &host)
	dockerMounts(f, c, &host)
	host.put(f)
	root := path.Dir(path.Dir(dir))
	if id := word(s, root+"/image/"+c.Driver+"/layerdb/mounts/"+id+"/mount-id"); element(c.Driver) && element(id) {
		layer := root + "/" + c.Driver + "/" + id
		switch c.Driver {
		case "overlay2", "fuse-overlayfs":
			f.set("upper", layer+"/diff")
			f.set("merged", layer+"/merged")
		case "overlay":
			f.set("upper", layer+"/upper")
			f.set("merged", layer+"/merged")
		case "aufs":
			f.set("upper", root+"/aufs/diff/"+id)
			f.set("merged", root+"/aufs/mnt/"+id)
		case "vfs":
			f.set("upper", root+"/vfs/dir/"+id)
		}
	}
	f.set("driver", c.Driver)
	stamps := stamp(nil, "created", c.Created, "")
	stamps = stamp(stamps, "started", st.StartedAt, "")
	note := ""
	if st.Running {
		note = "the end of the run before the one that was going on"
	}
	stamps = stamp(stamps, "stopped", st.FinishedAt, note)
	return timeline.Record{Kind: timeline.KindContainer, Summary: summary("container", f), Stamps: stamps, Fields: f, Evidence: s.Evidence(0, s.Size, 0)}
}

// dockerMounts lists what a container sees of the server's directories.
func dockerMounts(f fields, c *dockerConfig, host *dockerHost) {
	var list []string
	seen := map[string]bool{}
	for to, m := range c.MountPoints {
		options := []string{m.Type}
		if m.Name != "" {
			options = append(options, m.Name)
		}
		if !m.RW {
			options = append(options, "read-only")
		}
		if m.Propagation == "shared" || m.Propagation == "rshared" {
			options = append(options, m.Propagation)
		}
		options = slices.DeleteFunc(options, func(o string) bool { return o == "" })
		seen[to] = true
		list = append(list, mount(m.Source, to, strings.Join(options, ", ")))
	}
	for _, b := range host.Binds {
		from, rest, _ := strings.Cut(b, ":")
		to, options, _ := strings.Cut(rest, ":")
		if to != "" && !seen[to] {
			list = append(list, mount(from, to, options))
		}
	}
	slices.Sort(list)
	f.list("mounts", list, "\n")
}

func (h *dockerHost) put(f fields) {
	f.truth("privileged", h.Privileged)
	f.set("network", h.NetworkMode)
	f.set("pid_mode", h.PidMode)
	f.set("uts_mode", h.UTSMode)
	f.set("userns_mode", h.UsernsMode)
	if h.IpcMode != "private" && h.IpcMode != "shareable" {
		f.set("ipc_mode", h.IpcMode)
	}
	f.list("capabilities", h.CapAdd, " ")
	f.list("security", h.SecurityOpt, " ")
	f.truth("removes_itself", h.AutoRemove)
	if h.RestartPolicy.Name != "" && h.RestartPolicy.Name != "no" {
		f.set("restart", h.RestartPolicy.Name)
		if n := h.RestartPolicy.MaximumRetryCount; n > 0 {
			f.set("restart", h.RestartPolicy.Name+":"+strconv.Itoa(n))
		}
	}
	var devices, ports []string
	for _, d := range h.Devices {
		devices = append(devices, mount(d.PathOnHost, d.PathInContainer, d.CgroupPermissions))
	}
	for in, binds := range h.PortBindings {
		for _, b := range binds {
			at := b.HostPort
			if b.HostIp != "" {
				at = b.HostIp + ":" + at
			}
			ports = append(ports, at+" -> "+in)
		}
	}
	slices.Sort(ports)
	f.list("devices", devices, "\n")
	f.list("ports", ports, "\n")
}

// dockerImage is the configuration of an image, as far as it is read.
type dockerImage struct {
	Created      time.Time `json:"created"`
	Author       string    `json:"author"`
	Architecture string    `json:"architecture"`
	Config       struct {
		User, WorkingDir string
		Env              []string
		Entrypoint       any // a list, or of old a string
		Cmd              any
		ExposedPorts     map[string]any
	} `json:"config"`
	History []struct {
		CreatedBy string `json:"created_by"`
	} `json:"history"`
}

// words is a command that is a list, or of old a string.
func words(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var out []string
		for _, w := range v {
			if s, ok := w.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func dockerImageRecord(s *timeline.Source, id string, im *dockerImage) timeline.Record {
	f := fields{"kind": "image", "image_id": "sha256:" + id}
	meta := path.Dir(path.Dir(path.Dir(path.Dir(s.Path)))) // .../image/<driver>
	var repos struct {
		Repositories map[string]map[string]string
	}
	var names []string
	sibling(s, meta+"/repositories.json", &repos)
	for _, refs := range repos.Repositories {
		for name, of := range refs {
			if of == "sha256:"+id {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	f.list("name", names, " ")
	f.set("arch", im.Architecture)
	f.set("author", im.Author)
	f.set("user", im.Config.User)
	f.set("cwd", im.Config.WorkingDir)
	f.process(append(words(im.Config.Entrypoint), words(im.Config.Cmd)...))
	f.environment(im.Config.Env)
	var ports, history []string
	for p := range im.Config.ExposedPorts {
		ports = append(ports, p)
	}
	slices.Sort(ports)
	f.list("ports", ports, " ")
	for _, h := range im.History {
		if h.CreatedBy != "" {
			history = append(history, cut(maskText(h.CreatedBy)))
		}
	}
	f.list("history", history, "\n")
	stamps := stamp(nil, "created", im.Created, "when the image was made, which may have been elsewhere")
	if t, err := time.Parse(time.RFC3339Nano, word(s, meta+"/imagedb/metadata/sha256/"+id+"/lastUpdated")); err == nil {
		stamps = stamp(stamps, "added", t, "when the image got its name here")
	}
	text := "image " + f["name"]
	if f["name"] == "" {
		text = "image " + id[:min(len(id), 12)] + " without a name"
	}
	return timeline.Record{Kind: timeline.KindContainer, Summary: text, Stamps: stamps, Fields: f, Evidence: s.Evidence(0, s.Size, 0)}
}
