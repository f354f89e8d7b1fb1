// Package containers reads what container managers remember of containers and
// images: what ran, from which image, with which of the server's directories.
package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

const fieldsDoc = `name, container (its id) or image_id, kind ("container" or "image"), image, state, exit_code, path, args and command (what runs in it), user and cwd in it,
mounts (a line each: the server's directory, the container's, options), privileged, network, pid_mode, ipc_mode, capabilities, devices, security, ports, restart,
environment (the names; values are masked), upper (the directory that holds what the container changed), merged (where it saw all layers while it ran), error`

// Docker yields a record for each container and image of Docker.
var Docker = timeline.Extractor{
	Name: "docker",
	Doc: `Containers and images that Docker keeps: ` + fieldsDoc + `; history of an image: the commands that made it.

Formats: config.v2.json and hostconfig.json as https://github.com/moby/moby/blob/v20.10.24/container/container.go writes them; images as
https://github.com/opencontainers/image-spec/blob/main/config.md`,
	Paths:   dockerPaths("/var/lib/docker", "/var/snap/docker/common/var-lib-docker", "~/.local/share/docker", "/var/lib/docker/*.*"),
	NamedIn: []string{"/etc/docker/daemon.json", "/var/snap/docker/*/config/daemon.json"},
	Named:   dataRoot,
	Run:     runDocker,
}

// Storage yields a record for each container and image of Podman, Buildah and
// CRI-O.
var Storage = timeline.Extractor{
	Name: "podman",
	Doc: `Containers and images in the store that Podman, Buildah and CRI-O share: ` + fieldsDoc + `; pod of a container of CRI-O. How a container was started is known if
it was: from the config.json in its userdata.

Formats: https://github.com/containers/storage/blob/main/containers.go and images.go (JSON), and https://github.com/opencontainers/runtime-spec/blob/main/config.md`,
	Paths: []string{
		"/var/lib/containers/storage/*-containers/containers.json", "~/.local/share/containers/storage/*-containers/containers.json",
		"/var/lib/containers/storage/*-images/images.json", "~/.local/share/containers/storage/*-images/images.json",
	},
	NamedIn: []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf", "~/.config/containers/storage.conf"},
	Named:   graphRoot,
	Run:     runStorage,
}

// Machines yields a record for each container of LXC, and for each machine
// that systemd-nspawn has settings for.
var Machines = timeline.Extractor{
	Name: "machines",
	Doc: `Containers of LXC and machines of systemd-nspawn: ` + fieldsDoc + `.

Formats: lxc.container.conf(5), systemd.nspawn(5)`,
	Paths: []string{
		"/var/lib/lxc/*/config", "~/.local/share/lxc/*/config", "/etc/systemd/nspawn/*.nspawn", "/var/lib/machines/*.nspawn",
	},
	Run: runMachines,
}

func dockerPaths(roots ...string) []string {
	var out []string
	for _, r := range roots {
		out = append(out, r+"/containers/*/config.v2.json", r+"/containers/*/config.json", r+"/image/*/imagedb/content/sha256/*")
	}
	return out
}

// dataRoot finds where the daemon keeps its data, if not in its usual place.
func dataRoot(s *timeline.Source) []string {
	var c struct {
		Root  string `json:"data-root"`
		Graph string `json:"graph"` // before 17.05
	}
	b, _ := io.ReadAll(io.NewSectionReader(s.Data, 0, min(s.Size, maxDocument)))
	if json.Unmarshal(b, &c) != nil {
		return nil
	}
	var out []string
	for _, root := range [...]string{c.Root, c.Graph} {
		if strings.HasPrefix(root, "/") && len(root) > 1 {
			out = append(out, dockerPaths(timeline.Literal(path.Clean(root)))...)
		}
	}
	return out
}

// graphRoot finds where the store of Podman is, if not in its usual place.
func graphRoot(s *timeline.Source) []string {
	var out []string
	b, _ := io.ReadAll(io.NewSectionReader(s.Data, 0, min(s.Size, maxDocument)))
	for l := range bytes.Lines(b) {
		key, v, ok := strings.Cut(string(l), "=")
		if key = strings.TrimSpace(key); !ok || key != "graphroot" && key != "rootless_storage_path" {
			continue
		}
		v = strings.Trim(strings.TrimSpace(v), `"'`)
		if strings.HasPrefix(v, "/") && !strings.Contains(v, "$") && len(v) > 1 {
			root := timeline.Literal(path.Clean(v))
			out = append(out, root+"/*-containers/containers.json", root+"/*-images/images.json")
		}
	}
	return out
}

const (
	maxDocument = 32 << 20 // of a JSON document
	maxSibling  = 4 << 20  // of one that is read beside another
	maxField    = 4096     // bytes of one field
	maxList     = 200      // elements of one field
)

// document reads a whole file, and says what could not be read.
func document(ctx context.Context, s *timeline.Source, yield func(timeline.Record, error) bool) ([]byte, bool) {
	b, errs := timeline.Whole(ctx, s, maxDocument)
	for _, err := range errs {
		if !yield(timeline.Record{}, err) {
			return nil, false
		}
	}
	return b, true
}

// sibling decodes another file into v, and reports whether it could.
func sibling(s *timeline.Source, p string, v any) bool {
	o := s.Open(p)
	if o == nil {
		return false
	}
	b, _ := io.ReadAll(io.NewSectionReader(o.Data, 0, min(o.Size, maxSibling)))
	return json.Unmarshal(b, v) == nil
}

// word reads a small file that holds one word.
func word(s *timeline.Source, p string) string {
	o := s.Open(p)
	if o == nil {
		return ""
	}
	b, _ := io.ReadAll(io.NewSectionReader(o.Data, 0, min(o.Size, 4096)))
	return strings.TrimSpace(string(b))
}

// element reports whether a string from metadata can be an element of a path.
func element(v string) bool {
	return v != "" && v != "." && v != ".." && len(v) <= 255 && !strings.ContainsAny(v, "/\x00")
}

// fields collects the fields of a record; those without a value are left out.
type fields map[string]string

func (f fields) set(key, v string) {
	if len(v) > maxField {
		v = strings.ToValidUTF8(v[:maxField], "") + "..."
	}
	if v != "" {
		f[key] = v
	}
}

func (f fields) list(key string, list []string, sep string) {
	more := ""
	if len(list) > maxList {
		more = fmt.Sprintf("%s(and %d more)", sep, len(list)-maxList)
		list = list[:maxList]
	}
	f.set(key, strings.Join(list, sep)+more)
}

func (f fields) truth(key string, v bool) {
	if v {
		f[key] = "true"
	}
}

// stamp adds a time, unless it is the zero that Go's programs write for none.
func stamp(list []timeline.Stamp, what string, t time.Time, note string) []timeline.Stamp {
	if t.Year() <= 1 {
		return list
	}
	return append(list, timeline.Stamp{What: what, When: t.UTC(), Note: note})
}

// process puts down what runs in a container.
func (f fields) process(args []string) {
	if len(args) == 0 || args[0] == "" {
		return
	}
	args = maskArgs(args)
	f.set("path", args[0])
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	f.list("args", quoted[1:], " ")
	f.list("command", quoted, " ")
}

// quote writes an argument as a shell would read it.
func quote(a string) string {
	if a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%") == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// environment names the variables, without their values.
func (f fields) environment(env []string) {
	var names []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name+"="+hidden)
	}
	f.list("environment", names, "\n")
}

// hidden stands for what is kept out of reports.
const hidden = "***"

// secretWords are parts of the names of options whose values are secret.
var secretWords = []string{"pass", "pwd", "secret", "token", "apikey", "api-key", "api_key", "access-key", "access_key", "private-key", "private_key", "credential"}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(name, w) })
}

// maskArgs hides the values of options that are named like secrets, of
// assignments to such variables, and the passwords of URLs.
func maskArgs(args []string) []string {
	out := make([]string, len(args))
	next := false
	for i, a := range args {
		switch key, _, ok := strings.Cut(a, "="); {
		case next && !strings.HasPrefix(a, "-"):
			out[i], next = hidden, false
			continue
		case ok && isSecret(key) && !strings.ContainsAny(key, " \t\n"):
			a = key + "=" + hidden
		case strings.ContainsAny(a, " \t\n"):
			a = maskText(a)
		}
		next = strings.HasPrefix(a, "-") && !strings.Contains(a, "=") && isSecret(a)
		out[i] = maskURL(a)
	}
	return out
}

// maskText is maskArgs of the words of a command line, blanks kept.
func maskText(text string) string {
	var b strings.Builder
	next := false
	for text != "" {
		n := strings.IndexAny(text, " \t\n")
		if n < 0 {
			n = len(text)
		}
		w := text[:n]
		key, _, ok := strings.Cut(w, "=")
		switch {
		case w == "":
		case next && !strings.HasPrefix(w, "-"):
			w, next = hidden, false
		case ok && isSecret(key):
			w = key + "=" + hidden
		default:
			next = strings.HasPrefix(w, "-") && isSecret(w) || strings.EqualFold(w, "bearer") // of an HTTP header
			w = maskURL(w)
		}
		b.WriteString(w)
		if text = text[n:]; text != "" {
			b.WriteByte(text[0])
			text = text[1:]
		}
	}
	return b.String()
}

// maskURL hides the password in a URL.
func maskURL(a string) string {
	i := strings.Index(a, "://")
	if i < 0 {
		return a
	}
	host := a[i+3:]
	end := strings.IndexAny(host, "/?#'\" ")
	if end < 0 {
		end = len(host)
	}
	at := strings.LastIndexByte(host[:end], '@')
	if at < 0 {
		return a
	}
	user, _, ok := strings.Cut(host[:at], ":")
	if !ok {
		return a
	}
	return a[:i+3] + user + ":" + hidden + host[at:]
}

// mount is one line of the field mounts: the server's directory comes first.
func mount(from, to, options string) string {
	s := from + " -> " + to
	if options != "" {
		s += " (" + options + ")"
	}
	return s
}

// summary says in a line what a container is.
func summary(what string, f fields) string {
	s := what + " " + f["name"]
	if f["name"] == "" {
		s = what + " " + f["container"][:min(len(f["container"]), 12)]
	}
	if f["image"] != "" {
		s += " of " + f["image"]
	}
	if f["command"] != "" {
		s += " runs " + cut(f["command"])
	}
	if f["privileged"] != "" {
		s += ", privileged"
	}
	if m := f["mounts"]; m != "" {
		lines := strings.Split(m, "\n")
		s += ", sees " + cut(lines[0])
		if len(lines) > 1 {
			s += " and " + strconv.Itoa(len(lines)-1) + " more"
		}
	}
	return s
}

func cut(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}

// run makes a sequence of a function that yields.
func run(f func(yield func(timeline.Record, error) bool)) iter.Seq2[timeline.Record, error] { return f }
