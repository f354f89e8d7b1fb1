// Package containerlog reads what containers wrote to their output, as Docker,
// containerd, CRI-O and podman keep it.
package containerlog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

const fieldsDoc = `program (the container's name), stream, message, container (its id), image, pod, namespace`

// Docker yields a record for each line of a container's log.
var Docker = timeline.Extractor{
	Name: "docker-log",
	Doc: `Lines that Docker's containers wrote, those that were split joined: ` + fieldsDoc + `; attributes and labels that the log driver adds.

Formats: the json-file log driver, https://docs.docker.com/engine/logging/drivers/json-file/, and
https://github.com/moby/moby/blob/master/daemon/logger/jsonfilelog/jsonlog/jsonlog.go; config.v2.json beside it for the names.`,
	Paths: []string{
		"/var/lib/docker/containers/*/*-json.log*", "/var/lib/docker/containers/*/container-json.log*",
		"/var/snap/docker/common/var-lib-docker/containers/*/*-json.log*", "~/.local/share/docker/containers/*/*-json.log*",
	},
	NamedIn: []string{"/etc/docker/daemon.json", "/var/snap/docker/*/config/daemon.json"},
	Named:   dataRoot,
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, dockerNames(s), parseDocker)
	},
}

// CRI yields a record for each line of a container's log.
var CRI = timeline.Extractor{
	Name: "cri-log",
	Doc: `Lines that the containers of Kubernetes (containerd, CRI-O) and podman wrote, those that were split joined: ` + fieldsDoc + `.

Format: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md ("time stream tag line"), as kubelet names
and rotates the files, and podman's k8s-file.`,
	Paths: []string{
		"/var/log/pods/*/*/*.log*", "/var/log/pods/*/*.log*", "/var/log/containers/*.log*",
		"/var/lib/containers/storage/overlay-containers/*/userdata/ctr.log*", "~/.local/share/containers/storage/overlay-containers/*/userdata/ctr.log*",
	},
	Run: func(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
		return run(ctx, s, criNames(s.Path), parseCRI)
	},
}

// dataRoot finds where the daemon keeps its containers, if not in its usual place.
func dataRoot(s *timeline.Source) []string {
	var c struct {
		Root  string `json:"data-root"`
		Graph string `json:"graph"` // before 17.05
	}
	if json.Unmarshal(whole(s), &c) != nil {
		return nil
	}
	var out []string
	for _, root := range [...]string{c.Root, c.Graph} {
		if strings.HasPrefix(root, "/") && len(root) > 1 {
			out = append(out, timeline.Literal(path.Clean(root))+"/containers/*/*-json.log*")
		}
	}
	return out
}

// maxConfig bounds a configuration file that is read whole.
const maxConfig = 4 << 20

func whole(s *timeline.Source) []byte {
	b, _ := io.ReadAll(io.NewSectionReader(s.Data, 0, min(s.Size, maxConfig)))
	return b
}

// dockerNames tells whose log it is, by its place and the container's configuration.
func dockerNames(s *timeline.Source) map[string]string {
	dir := path.Dir(s.Path)
	f := map[string]string{}
	if id := path.Base(dir); isID(id) {
		f["container"] = id
	}
	for _, name := range [...]string{"config.v2.json", "config.json"} {
		conf := s.Open(dir + "/" + name)
		if conf == nil {
			continue
		}
		var c struct {
			Name   string
			Config struct {
				Image  string
				Labels map[string]string
			}
		}
		if json.Unmarshal(whole(conf), &c) != nil {
			continue
		}
		put(f, "program", strings.TrimPrefix(c.Name, "/"))
		put(f, "image", c.Config.Image)
		put(f, "pod", c.Config.Labels["io.kubernetes.pod.name"])
		put(f, "namespace", c.Config.Labels["io.kubernetes.pod.namespace"])
		if name := c.Config.Labels["io.kubernetes.container.name"]; name != "" {
			f["program"] = name
		}
		break
	}
	if f["program"] == "" {
		f["program"] = f["container"][:min(12, len(f["container"]))]
	}
	if f["program"] == "" {
		delete(f, "program")
	}
	return f
}

// criNames reads /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log,
// /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, .../overlay-containers/ID/userdata/ctr.log.
func criNames(p string) map[string]string {
	f := map[string]string{}
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	switch {
	case strings.HasPrefix(p, "/var/log/pods/") && len(parts) >= 5:
		if names := strings.SplitN(parts[3], "_", 3); len(names) == 3 {
			put(f, "namespace", names[0])
			put(f, "pod", names[1])
			put(f, "pod_uid", names[2])
		}
		if len(parts) == 6 {
			put(f, "program", parts[4])
		} else {
			name, _, _ := strings.Cut(parts[4], "_")
			put(f, "program", strings.TrimSuffix(name, ".log"))
		}
	case strings.HasPrefix(p, "/var/log/containers/"):
		name, _, _ := strings.Cut(path.Base(p), ".log")
		if names := strings.SplitN(name, "_", 3); len(names) == 3 {
			put(f, "pod", names[0])
			put(f, "namespace", names[1])
			container := names[2]
			if i := strings.LastIndexByte(container, '-'); i > 0 && isID(container[i+1:]) {
				f["container"], container = container[i+1:], container[:i]
			}
			put(f, "program", container)
		}
	default:
		for i, part := range parts {
			if part == "overlay-containers" && i+1 < len(parts) && isID(parts[i+1]) {
				f["container"], f["program"] = parts[i+1], parts[i+1][:12]
			}
		}
	}
	return f
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

func put(f map[string]string, name, value string) {
	if value != "" {
		f[name] = value
	}
}

// entry is a line of a log, or a piece of one.
type entry struct {
	when   time.Time
	noZone bool
	stream string
	text   []byte
	more   bool // the line goes on in the next entry of the stream
	attrs  map[string]string
}

// open is a line that is not at its end yet.
type open struct {
	record       timeline.Record
	text         []byte
	offset, end  int64
	first, last  int // numbers of its lines
	pieces       int
	when         time.Time // of the last piece
	cut, started bool
}

const (
	// maxJoined bounds a line that was split.
	maxJoined = 1 << 20
	// maxPause is how long a writer may take over a line. What comes later is another,
	// though the end of the first is missing.
	maxPause = time.Minute
	// maxOdd is how many lines that are none are reported one by one.
	maxOdd = 50
)

const (
	noteNoZone = "no zone is written, UTC assumed"
)

func run(ctx context.Context, s *timeline.Source, names map[string]string, parse func([]byte) (entry, bool)) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		var pending [2]open // a stream each
		finish := func(o *open) bool {
			if !o.started {
				return true
			}
			o.started = false
			message := string(bytes.TrimRight(o.text, "\r\n"))
			o.record.Fields["message"] = message
			o.record.Summary = message
			if p := names["program"]; p != "" {
				o.record.Summary = p + ": " + message
			}
			if o.cut {
				o.record.Fields["incomplete"] = "the rest of a long line is left out"
			}
			if o.last > o.first && o.last-o.first+1 == o.pieces {
				o.record.Evidence = s.Evidence(o.offset, o.end-o.offset, o.first)
			}
			return yield(o.record, nil)
		}
		odd, oddBytes := 0, int64(0)
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !finish(&pending[0]) || !finish(&pending[1]) || !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if len(bytes.TrimSpace(l.Text)) == 0 {
				continue
			}
			e, ok := parse(l.Text)
			if !ok {
				if odd++; odd > maxOdd {
					oddBytes += int64(len(l.Text))
				} else if !yield(timeline.Record{}, s.Damage(l.Offset, int64(len(l.Text)), l.Number, "no line of a container's log: "+strconv.Quote(string(l.Text[:min(len(l.Text), 80)])), nil)) {
					return
				}
				continue
			}
			o := &pending[0]
			if e.stream == "stderr" {
				o = &pending[1]
			}
			for i := range pending {
				if p := &pending[i]; p.started && e.when.Sub(p.when).Abs() > maxPause && !finish(p) {
					return
				}
			}
			if !o.started {
				f := make(map[string]string, len(names)+len(e.attrs)+3)
				for k, v := range e.attrs {
					f[k] = v
				}
				for k, v := range names {
					f[k] = v
				}
				put(f, "stream", e.stream)
				*o = open{record: timeline.Record{Kind: timeline.KindSyslog, Fields: f, Evidence: l.Evidence()}, text: o.text[:0], offset: l.Offset, first: l.Number, started: true}
				if !e.when.IsZero() {
					st := timeline.Stamp{What: "logged", When: e.when}
					if e.noZone {
						st.Note = noteNoZone
					}
					o.record.Stamps = []timeline.Stamp{st}
				}
			}
			o.when = e.when
			o.last, o.end = l.Number, l.Offset+int64(len(l.Text))
			o.pieces++
			if room := maxJoined - len(o.text); len(e.text) > room {
				o.text, o.cut = append(o.text, e.text[:room]...), true
			} else {
				o.text = append(o.text, e.text...)
			}
			if !e.more && !finish(o) {
				return
			}
		}
		if !finish(&pending[0]) || !finish(&pending[1]) {
			return
		}
		if odd > maxOdd {
			yield(timeline.Record{}, s.Damage(-1, oddBytes, 0, strconv.Itoa(odd-maxOdd)+" more lines that are none of a container's log", nil))
		}
	}
}

// parseCRI reads "2016-10-06T00:17:09.669794202Z stdout F text".
func parseCRI(b []byte) (entry, bool) {
	clock, rest, ok := bytes.Cut(b, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tag, text, _ := bytes.Cut(rest, []byte(" "))
	e := entry{stream: string(stream), text: text}
	if !ok || !ok2 || e.stream != "stdout" && e.stream != "stderr" || len(tag) == 0 {
		return e, false
	}
	if e.when, e.noZone, ok = parseTime(string(clock)); !ok {
		return e, false
	}
	// Tags are separated by ":", the first says whether the line is whole.
	switch first, _, _ := bytes.Cut(tag, []byte(":")); string(first) {
	case "P":
		e.more = true
	case "F":
	default:
		return e, false
	}
	return e, true
}

// parseDocker reads {"log":"text\n","stream":"stdout","attrs":{...},"time":"2016-01-07T16:49:10.2Z"}.
func parseDocker(b []byte) (entry, bool) {
	e, clock, ok := quick(b)
	if !ok {
		var j struct {
			Log    *string
			Stream string
			Time   string
			Attrs  map[string]string
		}
		if json.Unmarshal(b, &j) != nil || j.Log == nil && j.Time == "" {
			return e, false
		}
		e = entry{stream: j.Stream, attrs: j.Attrs}
		if j.Log != nil {
			e.text = []byte(*j.Log)
		}
		clock = j.Time
	}
	e.more = len(e.text) > 0 && e.text[len(e.text)-1] != '\n'
	if e.when, e.noZone, ok = parseTime(clock); !ok {
		e.attrs = map[string]string{"time": clock}
	}
	return e, true
}

// quick reads the usual form of an entry, without attributes and with simple
// escapes, faster than encoding/json; for any other it gives false.
func quick(b []byte) (e entry, clock string, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(`{"log":"`))
	if !ok {
		return e, "", false
	}
	plain := true
	i := 0
	for ; ; i++ {
		j := bytes.IndexByte(rest[i:], '"')
		if j < 0 {
			return e, "", false
		}
		i += j
		n := 0
		for n < i && rest[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			break
		}
	}
	text := rest[:i]
	if k := bytes.IndexByte(text, '\\'); k >= 0 && !(k == len(text)-2 && text[k+1] == 'n') {
		plain = false
	}
	for _, c := range text {
		if c < 0x20 {
			return e, "", false
		}
	}
	after, ok := bytes.CutPrefix(rest[i+1:], []byte(`,"stream":"`))
	if !ok {
		return e, "", false
	}
	stream, after, ok := bytes.Cut(after, []byte(`","time":"`))
	stamp, ok2 := bytes.CutSuffix(after, []byte(`"}`))
	if !ok || !ok2 || bytes.ContainsAny(stream, `"\`) || bytes.ContainsAny(stamp, `"\`) {
		return e, "", false
	}
	e.stream = string(stream)
	switch {
	case !plain:
		if e.text, ok = unescape(text); !ok {
			return e, "", false
		}
	case len(text) >= 2 && text[len(text)-2] == '\\':
		e.text = append(text[:len(text)-2:len(text)-2], '\n')
	default:
		e.text = text
	}
	return e, string(stamp), true
}

// unescape undoes the escapes of a JSON string, but for those with code points.
func unescape(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		if i++; i == len(b) {
			return nil, false
		}
		at := strings.IndexByte(`"\/nrtbf`, b[i])
		if at < 0 {
			return nil, false
		}
		out = append(out, "\"\\/\n\r\t\b\f"[at])
	}
	return out, true
}

// parseTime reads RFC 3339 with a fraction. Without a zone it is taken for UTC, which both write.
func parseTime(s string) (when time.Time, noZone, ok bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), false, true
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999999", s)
	return t, true, err == nil
}
