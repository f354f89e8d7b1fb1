package host

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"deadbox/fs/filesystem"
)

// maxMeta is the most that is read of a container manager's JSON.
const maxMeta = 32 << 20

// containerStores lists the layers and roots that the metadata of container
// managers name, the system's and those of accounts.
func (h *Host) containerStores() []*Subtree {
	var out []*Subtree
	for _, root := range h.DockerRoots() {
		out = append(out, h.docker(root)...)
	}
	for _, root := range h.StorageRoots() {
		out = append(out, h.storage(root)...)
	}
	for _, root := range h.containerdRoots() {
		out = append(out, h.containerd(root)...)
	}
	return append(out, h.machines()...)
}

// existing keeps the directories that are there, by their real paths.
func (h *Host) existing(paths []string) []string {
	var out []string
	for _, p := range paths {
		if real := h.realDir(p); real != "" && real != "/" && !slices.Contains(out, real) {
			out = append(out, real)
		}
	}
	return out
}

// inHomes gives a path below every home.
func (h *Host) inHomes(rest string) []string {
	var out []string
	for _, home := range h.Homes() {
		out = append(out, strings.TrimSuffix(home.Path, "/")+"/"+rest)
	}
	return out
}

// DockerRoots lists the data directories of Docker: the one that
// /etc/docker/daemon.json names, the usual one, and those of rootless daemons in homes.
// https://docs.docker.com/engine/daemon/#daemon-data-directory
func (h *Host) DockerRoots() []string {
	var conf struct {
		DataRoot string `json:"data-root"`
		Graph    string `json:"graph"`
	}
	h.readJSON("/etc/docker/daemon.json", &conf)
	paths := []string{"/var/lib/docker", "/var/snap/docker/common/var-lib-docker"}
	for _, p := range []string{conf.DataRoot, conf.Graph} {
		if cleanPoint(p) != "" {
			paths = append(paths, cleanPoint(p))
		}
	}
	var out []string
	for _, p := range h.existing(append(paths, h.inHomes(".local/share/docker")...)) {
		out = append(out, p)
		// With user namespaces, each mapping has a root of its own: 100000.100000.
		for _, d := range h.dirs(p) {
			if uid, gid, ok := strings.Cut(d, "."); ok && isNumber(uid) && isNumber(gid) {
				out = append(out, p+"/"+d)
			}
		}
	}
	return out
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// StorageRoots lists the stores of Podman, Buildah and CRI-O: the one that
// storage.conf names, the usual one, and those in homes.
// https://github.com/containers/storage/blob/main/docs/containers-storage.conf.5.md
func (h *Host) StorageRoots() []string {
	paths := []string{"/var/lib/containers/storage"}
	for _, conf := range []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"} {
		for _, l := range lines(h.configQuiet(conf)) {
			key, v, ok := strings.Cut(string(l), "=")
			if ok && strings.TrimSpace(key) == "graphroot" {
				if p := cleanPoint(strings.Trim(strings.TrimSpace(v), `"'`)); p != "" {
					paths = append(paths, p)
				}
			}
		}
	}
	return h.existing(append(paths, h.inHomes(".local/share/containers/storage")...))
}

func (h *Host) containerdRoots() []string {
	paths := []string{"/var/lib/containerd", "/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd", "/var/snap/microk8s/common/var/lib/containerd"}
	for _, d := range h.DockerRoots() {
		paths = append(paths, d+"/containerd/daemon")
	}
	for _, l := range lines(h.configQuiet("/etc/containerd/config.toml")) {
		key, v, ok := strings.Cut(string(l), "=")
		if ok && strings.TrimSpace(key) == "root" {
			if p := cleanPoint(strings.Trim(strings.TrimSpace(v), `"'`)); p != "" {
				paths = append(paths, p)
			}
		}
	}
	return h.existing(append(paths, h.inHomes(".local/share/containerd")...))
}

// configQuiet reads a small file; nil if it cannot be read, which those who
// read it as evidence report.
func (h *Host) configQuiet(p string) []byte {
	b, err := h.ReadFile(p, maxConfig)
	if err != nil {
		return nil
	}
	return b
}

// readJSON reads a file into v, and reports whether it could.
func (h *Host) readJSON(p string, v any) bool {
	b, err := h.ReadFile(p, maxMeta)
	return err == nil && json.Unmarshal(b, v) == nil
}

// word reads a file that holds one word.
func (h *Host) word(p string) string {
	b, err := h.ReadFile(p, 4096)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// isID reports whether a name from metadata can be an element of a path.
func isID(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && !strings.ContainsAny(s, "/\x00")
}

// drivers are the storage drivers of Docker and of containers/storage, with
// the directory of a layer below that of its identifier.
var drivers = []struct {
	name, base, diff string
}{
	{"overlay2", "overlay2", "diff"}, {"overlay", "overlay", "diff"}, {"fuse-overlayfs", "fuse-overlayfs", "diff"}, {"aufs", "aufs/diff", ""},
	{"vfs", "vfs/dir", ""}, {"btrfs", "btrfs/subvolumes", ""}, {"zfs", "zfs/graph", ""},
}

// layerDir is the directory of a layer; "" if it is not there.
func (h *Host) layerDir(root, base, id, diff string) string {
	if !isID(id) {
		return ""
	}
	p := path.Join(root, base, id, diff)
	if h.isDir(p) {
		return p
	}
	// Docker's first driver for overlayfs kept an image's layer in "root" and a
	// container's in "upper".
	if base == "overlay" {
		for _, d := range []string{"upper", "root"} {
			if p := path.Join(root, base, id, d); h.isDir(p) {
				return p
			}
		}
	}
	return ""
}

// docker reads the store of Docker: layers below overlay2 (or another driver's
// directory), which of them are an image's from image/<driver>/layerdb, and the
// containers' names from containers/*/config.v2.json.
// https://docs.docker.com/engine/storage/drivers/overlayfs-driver/
func (h *Host) docker(root string) []*Subtree {
	var out []*Subtree
	for _, d := range drivers {
		ids := h.dirs(root + "/" + d.base)
		if len(ids) == 0 {
			continue
		}
		at := map[string]*Subtree{} // by cache id
		for _, id := range ids {
			if p := h.layerDir(root, d.base, id, d.diff); p != "" && id != "l" {
				at[id] = &Subtree{Path: p, Kind: SubtreeImageLayer, Store: "docker", ID: id}
			}
		}
		meta := root + "/image/" + d.name
		chains := map[string]string{} // chain id to cache id
		parents := map[string]string{}
		for _, c := range h.dirs(meta + "/layerdb/sha256") {
			dir := meta + "/layerdb/sha256/" + c
			chains[c] = h.word(dir + "/cache-id")
			parents[c] = strings.TrimPrefix(h.word(dir+"/parent"), "sha256:")
		}
		names := h.dockerImages(meta)
		for image, name := range names {
			created, chain := h.dockerImage(meta, image)
			for _, c := range chain {
				s := at[chains[c]]
				if s == nil {
					continue
				}
				if s.Image == "" || name < s.Image {
					s.Image = name
				}
				if s.Created.IsZero() || created.Before(s.Created) {
					s.Created = created
				}
			}
		}
		for _, id := range h.dirs(meta + "/layerdb/mounts") {
			dir := meta + "/layerdb/mounts/" + id
			mount := h.word(dir + "/mount-id")
			s := at[mount]
			if s == nil {
				continue
			}
			c := h.dockerContainer(root, id)
			s.Kind, s.ID, s.Name, s.Created = SubtreeLayer, id, strings.TrimPrefix(c.Name, "/"), c.Created
			s.Image = c.Config.Image
			if name := names[strings.TrimPrefix(c.Image, "sha256:")]; s.Image == "" || name != "" && strings.HasPrefix(c.Image, "sha256:"+s.Image) {
				s.Image = name
			}
			if d.diff != "" {
				s.Merged = path.Dir(s.Path) + "/merged"
			}
			s.Layers = []string{s.Path}
			if start := at[h.word(dir+"/init-id")]; start != nil {
				start.Name, start.Image, start.Created = s.Name, s.Image, s.Created
				s.Layers = append(s.Layers, start.Path)
			}
			for chain, n := strings.TrimPrefix(h.word(dir+"/parent"), "sha256:"), 0; chain != "" && n < maxChain; chain, n = parents[chain], n+1 {
				if l := at[chains[chain]]; l != nil {
					s.Layers = append(s.Layers, l.Path)
				}
			}
		}
		for _, s := range at {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, lessTree)
	return out
}

// maxChain bounds the layers of an image; Docker allows 127.
const maxChain = 1024

// dockerImages gives the name of each image by its identifier, "" for one
// that has none; of several names the first.
func (h *Host) dockerImages(meta string) map[string]string {
	out := map[string]string{}
	for _, c := range h.listQuiet(meta + "/imagedb/content/sha256") {
		out[c.Name] = ""
	}
	var repos struct {
		Repositories map[string]map[string]string
	}
	h.readJSON(meta+"/repositories.json", &repos)
	for _, refs := range repos.Repositories {
		for name, id := range refs {
			id = strings.TrimPrefix(id, "sha256:")
			// A digest is a name of its own; a tag says more.
			if old, ok := out[id]; ok && (old == "" || strings.Contains(old, "@") && !strings.Contains(name, "@") || name < old && strings.Contains(old, "@") == strings.Contains(name, "@")) {
				out[id] = name
			}
		}
	}
	return out
}

// dockerImage gives when an image was made, and the chain identifiers of its
// layers: that of the first is its diff's, each next one the SHA-256 of the chain so
// far and its own diff's.
// https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
func (h *Host) dockerImage(meta, id string) (created time.Time, chain []string) {
	var c struct {
		Created time.Time `json:"created"`
		RootFS  struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if !isID(id) || !h.readJSON(meta+"/imagedb/content/sha256/"+id, &c) {
		return created, nil
	}
	last := ""
	for _, d := range c.RootFS.DiffIDs[:min(len(c.RootFS.DiffIDs), maxChain)] {
		if last == "" {
			last = d
		} else {
			sum := sha256.Sum256([]byte(last + " " + d))
			last = "sha256:" + hex.EncodeToString(sum[:])
		}
		chain = append(chain, strings.TrimPrefix(last, "sha256:"))
	}
	return c.Created, chain
}

type dockerConfig struct {
	Name    string
	Image   string
	Created time.Time
	Config  struct{ Image string }
}

func (h *Host) dockerContainer(root, id string) dockerConfig {
	var c dockerConfig
	h.readJSON(root+"/containers/"+id+"/config.v2.json", &c)
	return c
}

// storage reads the store of containers/storage: layers.json, images.json and
// containers.json of each driver.
// https://github.com/containers/storage/blob/main/docs/containers-storage.md
func (h *Host) storage(root string) []*Subtree {
	var out []*Subtree
	for _, d := range drivers {
		base := path.Base(strings.TrimSuffix(d.base, "/dir"))
		var layers []struct {
			ID      string    `json:"id"`
			Parent  string    `json:"parent"`
			Created time.Time `json:"created"`
		}
		var images, containers []struct {
			ID      string    `json:"id"`
			Names   []string  `json:"names"`
			Image   string    `json:"image"`
			Layer   string    `json:"layer"`
			Mapped  []string  `json:"mapped-layers"`
			Created time.Time `json:"created"`
		}
		at := map[string]*Subtree{}
		for _, id := range h.dirs(root + "/" + d.base) {
			if p := h.layerDir(root, d.base, id, d.diff); p != "" && id != "l" {
				at[id] = &Subtree{Path: p, Kind: SubtreeImageLayer, Store: "podman", ID: id}
			}
		}
		if len(at) == 0 {
			continue
		}
		parent := map[string]string{}
		h.readJSON(root+"/"+base+"-layers/layers.json", &layers)
		for _, l := range layers {
			parent[l.ID] = l.Parent
			if s := at[l.ID]; s != nil {
				s.Created = l.Created
			}
		}
		chain := func(id string, each func(*Subtree)) {
			for n := 0; id != "" && n < maxChain; id, n = parent[id], n+1 {
				if s := at[id]; s != nil {
					each(s)
				}
			}
		}
		h.readJSON(root+"/"+base+"-images/images.json", &images)
		named := map[string]string{}
		for _, im := range images {
			name := ""
			if len(im.Names) > 0 {
				name = im.Names[0]
			}
			named[im.ID] = name
			for _, top := range append(im.Mapped, im.Layer) {
				chain(top, func(s *Subtree) {
					if s.Image == "" || name != "" && name < s.Image {
						s.Image = name
					}
				})
			}
		}
		h.readJSON(root+"/"+base+"-containers/containers.json", &containers)
		for _, c := range containers {
			s := at[c.Layer]
			if s == nil {
				continue
			}
			s.Kind, s.ID, s.Image, s.Created, s.Layers = SubtreeLayer, c.ID, named[c.Image], c.Created, nil
			if len(c.Names) > 0 {
				s.Name = c.Names[0]
			}
			if d.diff != "" {
				s.Merged = path.Dir(s.Path) + "/merged"
			}
			chain(c.Layer, func(l *Subtree) { s.Layers = append(s.Layers, l.Path) })
		}
		for _, s := range at {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, lessTree)
	return out
}

// containerd lists the snapshots of containerd. Which image or container one
// belongs to stands in databases of bbolt (metadata.db, meta.db), which are not read.
// https://github.com/containerd/containerd/blob/main/docs/snapshotters/README.md
func (h *Host) containerd(root string) []*Subtree {
	var out []*Subtree
	n := 0
	for _, d := range h.dirs(root) {
		if !strings.HasPrefix(d, "io.containerd.snapshotter.v1.") {
			continue
		}
		for _, id := range h.dirs(root + "/" + d + "/snapshots") {
			p := root + "/" + d + "/snapshots/" + id
			if h.isDir(p + "/fs") {
				p += "/fs"
			}
			out = append(out, &Subtree{Path: p, Kind: SubtreeImageLayer, Store: "containerd", ID: id})
			n++
		}
	}
	if n > 0 {
		h.treeNotes = append(h.treeNotes, root+" holds "+plural(n, "snapshot")+" of containerd: which image or container each belongs to stands in a database that is not read")
	}
	slices.SortFunc(out, lessTree)
	return out
}

// machines lists the roots of LXC, LXD, Incus and systemd-nspawn.
func (h *Host) machines() []*Subtree {
	var out []*Subtree
	add := func(store, kind, name, p string) {
		n, in, real, err := h.Find(p, true)
		if err != nil || in.Mode.Type() != filesystem.Directory || n.Mount == nil {
			return
		}
		s := &Subtree{Path: real, Kind: kind, Store: store, ID: name, Name: name}
		if in.Times.Born.Known {
			s.Created = in.Times.Born.Std()
		}
		out = append(out, s)
	}
	for _, dir := range h.existing(append([]string{"/var/lib/lxc"}, h.inHomes(".local/share/lxc")...)) {
		for _, name := range h.dirs(dir) {
			add("lxc", SubtreeContainer, name, dir+"/"+name+"/rootfs")
		}
	}
	for _, s := range []struct{ store, dir string }{{"lxd", "/var/lib/lxd"}, {"lxd", "/var/snap/lxd/common/lxd"}, {"incus", "/var/lib/incus"}} {
		for _, pool := range h.dirs(s.dir + "/storage-pools") {
			in := s.dir + "/storage-pools/" + pool
			for _, name := range h.dirs(in + "/containers") {
				add(s.store, SubtreeContainer, name, in+"/containers/"+name+"/rootfs")
			}
			for _, name := range h.dirs(in + "/containers-snapshots") {
				for _, snap := range h.dirs(in + "/containers-snapshots/" + name) {
					add(s.store, SubtreeSnapshot, name+"/"+snap, in+"/containers-snapshots/"+name+"/"+snap+"/rootfs")
				}
			}
			for _, name := range h.dirs(in + "/images") {
				add(s.store, SubtreeImageLayer, "", in+"/images/"+name+"/rootfs")
			}
		}
	}
	for _, name := range h.dirs("/var/lib/machines") {
		if !strings.HasPrefix(name, ".") {
			add("nspawn", SubtreeMachine, name, "/var/lib/machines/"+name)
		}
	}
	return out
}
