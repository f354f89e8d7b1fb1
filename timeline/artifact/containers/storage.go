package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/timeline"
)

// stored is an element of containers.json or images.json.
type stored struct {
	ID       string    `json:"id"`
	Names    []string  `json:"names"`
	Image    string    `json:"image"`
	Layer    string    `json:"layer"`
	Metadata string    `json:"metadata"`
	Digest   string    `json:"digest"`
	Created  time.Time `json:"created"`
}

func runStorage(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return run(func(yield func(timeline.Record, error) bool) {
		b, ok := document(ctx, s, yield)
		if !ok {
			return
		}
		dir := path.Dir(s.Path)
		root, driver := path.Split(strings.TrimSuffix(strings.TrimSuffix(dir, "-containers"), "-images"))
		root = path.Clean(root)
		images := map[string]string{} // identifier to name
		isImages := path.Base(s.Path) == "images.json"
		if !isImages {
			var list []stored
			sibling(s, root+"/"+driver+"-images/images.json", &list)
			for _, im := range list {
				if len(im.Names) > 0 {
					images[im.ID] = im.Names[0]
				}
			}
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		if t, err := dec.Token(); err != nil || t != json.Delim('[') {
			if len(bytes.TrimSpace(b)) > 0 {
				yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not a list of containers or images", err))
			}
			return
		}
		for dec.More() {
			var raw json.RawMessage
			at := dec.InputOffset()
			err := dec.Decode(&raw)
			var c stored
			if err == nil {
				err = json.Unmarshal(raw, &c)
			} else { // the list itself is broken
				if err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				yield(timeline.Record{}, s.Damage(at, s.Size-at, 0, "the rest of the list cannot be read", err))
				return
			}
			from := dec.InputOffset() - int64(len(raw))
			if err != nil {
				if !yield(timeline.Record{}, s.Damage(from, int64(len(raw)), 0, "not a container or an image", err)) {
					return
				}
				continue
			}
			var r timeline.Record
			if isImages {
				r = storedImage(&c)
			} else {
				r = storedContainer(s, root, driver, images, &c)
			}
			r.Evidence = s.Evidence(from, int64(len(raw)), 0)
			if !yield(r, nil) {
				return
			}
		}
	})
}

func storedImage(c *stored) timeline.Record {
	f := fields{"kind": "image"}
	f.set("image_id", c.ID)
	f.list("name", c.Names, " ")
	f.set("digest", c.Digest)
	text := "image " + f["name"]
	if f["name"] == "" {
		text = "image " + c.ID[:min(len(c.ID), 12)] + " without a name"
	}
	return timeline.Record{Kind: timeline.KindContainer, Summary: text, Fields: f,
		Stamps: stamp(nil, "created", c.Created, "when the image was made, which may have been elsewhere")}
}

// runtimeSpec is config.json of a bundle, as far as it is read.
type runtimeSpec struct {
	Hostname string `json:"hostname"`
	Process  struct {
		Args         []string       `json:"args"`
		Env          []string       `json:"env"`
		Cwd          string         `json:"cwd"`
		User         map[string]any `json:"user"`
		Capabilities struct {
			Effective []string `json:"effective"`
		} `json:"capabilities"`
	} `json:"process"`
	Mounts []struct {
		Destination string   `json:"destination"`
		Source      string   `json:"source"`
		Type        string   `json:"type"`
		Options     []string `json:"options"`
	} `json:"mounts"`
	Annotations map[string]string `json:"annotations"`
	Linux       struct {
		Namespaces []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
	} `json:"linux"`
}

func storedContainer(s *timeline.Source, root, driver string, images map[string]string, c *stored) timeline.Record {
	f := fields{"kind": "container", "driver": driver}
	f.set("container", c.ID)
	f.list("name", c.Names, " ")
	f.set("image", images[c.Image])
	f.set("image_id", c.Image)
	var meta struct {
		Image     string `json:"image-name"`
		Name      string `json:"name"`
		Pod       string `json:"pod-name"`
		Container string `json:"container-name"`
	}
	if json.Unmarshal([]byte(c.Metadata), &meta) == nil {
		if f["image"] == "" {
			f.set("image", meta.Image)
		}
		if f["name"] == "" {
			f.set("name", meta.Name)
		}
		f.set("pod", meta.Pod)
		f.set("service", meta.Container)
	}
	stamps := stamp(nil, "created", c.Created, "")
	if element(c.ID) {
		userdata := root + "/" + driver + "-containers/" + c.ID + "/userdata/config.json"
		var spec runtimeSpec
		if sibling(s, userdata, &spec) {
			spec.put(f, root)
			// The runtime's configuration is written each time that a container starts.
			if o := s.Open(userdata); o != nil && o.Inode != nil && o.Inode.Times.Modified.Known {
				stamps = stamp(stamps, "started", o.Inode.Times.Modified.Std(), "when the runtime's configuration was last written")
			}
		}
	}
	if element(c.Layer) {
		switch driver {
		case "overlay":
			f.set("upper", root+"/overlay/"+c.Layer+"/diff")
			f.set("merged", root+"/overlay/"+c.Layer+"/merged")
		case "vfs":
			f.set("upper", root+"/vfs/dir/"+c.Layer)
		}
	}
	return timeline.Record{Kind: timeline.KindContainer, Summary: summary("container", f), Stamps: stamps, Fields: f}
}

func (r *runtimeSpec) put(f fields, root string) {
	f.process(r.Process.Args)
	f.environment(r.Process.Env)
	f.set("cwd", r.Process.Cwd)
	f.set("host", r.Hostname)
	if uid, ok := r.Process.User["uid"].(float64); ok && uid >= 0 {
		text, _ := json.Marshal(uint64(uid))
		f.set("user", string(text))
	}
	f.truth("privileged", strings.EqualFold(r.Annotations["io.podman.annotations.privileged"], "TRUE"))
	var list []string
	for _, m := range r.Mounts {
		bind := m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		// What the manager itself puts into each container is no mount of the user's.
		if !bind || strings.HasPrefix(m.Source, root+"/") && strings.Contains(m.Source, "/userdata/") || strings.HasPrefix(m.Source, "/run/containers/") || strings.HasPrefix(m.Source, "/var/run/containers/") {
			continue
		}
		options := ""
		if slices.Contains(m.Options, "ro") {
			options = "read-only"
		}
		list = append(list, mount(m.Source, m.Destination, options))
	}
	slices.Sort(list)
	f.list("mounts", list, "\n")
	// A namespace that is not named is the server's own.
	own := map[string]bool{}
	for _, n := range r.Linux.Namespaces {
		own[n.Type] = true
	}
	if len(own) > 0 {
		if !own["network"] {
			f["network"] = "host"
		}
		if !own["pid"] {
			f["pid_mode"] = "host"
		}
		if !own["ipc"] {
			f["ipc_mode"] = "host"
		}
	}
}
