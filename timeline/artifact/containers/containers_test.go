package containers

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"deadbox/timeline"
)

// files gives sources out of texts by their paths.
type files map[string]string

func (f files) source(p string) *timeline.Source {
	text, ok := f[p]
	if !ok {
		return nil
	}
	return &timeline.Source{
		Path: p, Data: strings.NewReader(text), Size: int64(len(text)), Sibling: f.source,
		Place: func(off, n int64, line int) timeline.Evidence {
			return timeline.Evidence{Path: p, Offset: off, Length: n, Line: line}
		},
	}
}

// show writes records as text: fields in the order of their names, stamps.
func show(t *testing.T, e *timeline.Extractor, f files, p string) []string {
	t.Helper()
	var out []string
	for r, err := range e.Run(context.Background(), f.source(p)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		if r.Kind != timeline.KindContainer || r.Summary == "" {
			t.Errorf("kind %q, summary %q", r.Kind, r.Summary)
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			parts = append(parts, k+"="+strings.ReplaceAll(r.Fields[k], "\n", " | "))
		}
		for _, s := range r.Stamps {
			parts = append(parts, s.What+" "+s.When.Format(time.RFC3339))
		}
		out = append(out, strings.Join(parts, "; "))
	}
	return out
}

const (
	dockerID = "c0983d4d9d86a0d82080a610d14188703b329b34c5efb5e3f292f3229a83c333"
	dockerAt = "/var/lib/docker/containers/" + dockerID
)

// docker is what Docker 20.10.24 wrote, shortened.
var docker = files{
	dockerAt + "/config.v2.json": `{"StreamConfig":{},"State":{"Running":false,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":0,"ExitCode":137,"Error":"",
"StartedAt":"2026-11-24T18:38:07.735621562Z","FinishedAt":"2026-11-24T18:39:07Z","Health":null},"ID":"` + dockerID + `","Created":"2026-11-24T18:38:05.324609764Z","Managed":false,
"Path":"/bin/busybox","Args":["sh","-c","run --token hunter2 'x'","--password=hunter2","https://u:hunter2@example.org/"],
"Config":{"Hostname":"c0983d4d9d86","User":"0","Env":["TOKEN=hunter2","PATH=/bin"],"Cmd":["sleep"],"Image":"registry.example.org/app:2","WorkingDir":"/srv","Labels":{"com.docker.compose.project":"shop"}},
"Image":"sha256:c78cbde0","Name":"/web","Driver":"overlay2","RestartCount":3,"HasBeenManuallyStopped":true,
"MountPoints":{"/data":{"Source":"/var/lib/docker/volumes/data/_data","Destination":"/data","RW":true,"Name":"data","Driver":"local","Type":"volume"},
"/host":{"Source":"/","Destination":"/host","RW":false,"Name":"","Type":"bind","Propagation":"rprivate"}}}`,
	dockerAt + "/hostconfig.json": `{"Binds":["/:/host:ro","data:/data","/etc:/more"],"NetworkMode":"host","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},
"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},"AutoRemove":false,"CapAdd":["SYS_ADMIN"],"CapDrop":null,"IpcMode":"private","PidMode":"host","Privileged":true,"SecurityOpt":["label=disable"],
"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]}`,
	"/var/lib/docker/image/overlay2/layerdb/mounts/" + dockerID + "/mount-id": "2e3d16",
	"/var/lib/docker/image/overlay2/repositories.json":                        `{"Repositories":{"app":{"app:2":"sha256:aa","app@sha256:dd":"sha256:aa"}}}`,
	"/var/lib/docker/image/overlay2/imagedb/content/sha256/aa": `{"architecture":"amd64","config":{"User":"","Env":["DB_PASSWORD=hunter2"],"Cmd":["sleep","100"],"Entrypoint":["/bin/busybox"],"ExposedPorts":{"80/tcp":{}}},
"created":"2026-11-24T18:38:05.289241293Z","history":[{"created":"2026-11-24T18:37:52Z","comment":"Imported from -"},{"created_by":"/bin/sh -c curl -H 'Authorization: Bearer hunter2' --password hunter2 https://u:hunter2@x/"},
{"created_by":"/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2","empty_layer":true}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:f3"]}}`,
	"/var/lib/docker/image/overlay2/imagedb/metadata/sha256/aa/lastUpdated": "2026-11-25T00:00:00.5Z",
	"/var/lib/docker/image/overlay2/imagedb/content/sha256/bb":              `{"created":"0001-01-01T00:00:00Z","config":{"Entrypoint":"sh","Cmd":null}}`,
	"/var/lib/docker/containers/dd/config.v2.json":                          `{"State":{"Running":true,"StartedAt":"2026-11-24T18:38:07Z","FinishedAt":"0001-01-01T00:00:00Z"},"Name":"/x"}`,
	"/var/lib/docker/containers/ee/config.v2.json":                          `{"State":`,
	"/var/lib/docker/containers/old/config.json":                            `{"ID":"old","Path":"sh","Name":"/o","State":{"Running":false,"StartedAt":"2014-01-01T00:00:00Z"},"Driver":"aufs","HostConfig":{"Privileged":true}}`,
	"/var/lib/docker/containers/dd/config.json":                             `{}`,
}

func TestDocker(t *testing.T) {
	images := "/var/lib/docker/image/overlay2/imagedb/content/sha256/"
	for p, want := range map[string][]string{
		dockerAt + "/config.v2.json": {"args=sh -c 'run --token *** '\\''x'\\''' '--password=***' 'https://u:***@example.org/'; capabilities=SYS_ADMIN; " +
			"command=/bin/busybox sh -c 'run --token *** '\\''x'\\''' '--password=***' 'https://u:***@example.org/'; container=" + dockerID + "; count=3; cwd=/srv; devices=/dev/sda -> /dev/sda (rwm); driver=overlay2; " +
			"environment=TOKEN=*** | PATH=***; exit_code=137; host=c0983d4d9d86; image=registry.example.org/app:2; image_id=sha256:c78cbde0; kind=container; " +
			"merged=/var/lib/docker/overlay2/2e3d16/merged; mounts=/ -> /host (bind, read-only) | /etc -> /more | /var/lib/docker/volumes/data/_data -> /data (volume, data); name=web; network=host; " +
			"path=/bin/busybox; pid_mode=host; ports=8080 -> 80/tcp; privileged=true; project=shop; restart=on-failure:3; security=label=disable; state=exited; stopped_by_hand=true; upper=/var/lib/docker/overlay2/2e3d16/diff; user=0; " +
			"created 2026-11-24T18:38:05Z; started 2026-11-24T18:38:07Z; stopped 2026-11-24T18:39:07Z"},
		images + "aa": {"arch=amd64; args=sleep 100; command=/bin/busybox sleep 100; environment=DB_PASSWORD=***; history=/bin/sh -c curl -H 'Authorization: Bearer *** --password *** https://u:***@x/ | " +
			"/bin/sh -c #(nop)  ENV DB_PASSWORD=***; image_id=sha256:aa; kind=image; name=app:2 app@sha256:dd; path=/bin/busybox; ports=80/tcp; created 2026-11-24T18:38:05Z; added 2026-11-25T00:00:00Z"},
		images + "bb": {"command=sh; image_id=sha256:bb; kind=image; path=sh"},
		"/var/lib/docker/containers/dd/config.v2.json": {"container=dd; kind=container; name=x; state=running; started 2026-11-24T18:38:07Z"},
		"/var/lib/docker/containers/dd/config.json":    nil,
		"/var/lib/docker/containers/old/config.json":   {"command=sh; container=old; driver=aufs; exit_code=0; kind=container; name=o; path=sh; privileged=true; state=exited; started 2014-01-01T00:00:00Z"},
		"/var/lib/docker/containers/ee/config.v2.json": {`error "/var/lib/docker/containers/ee/config.v2.json": 9 bytes at offset 0: not the configuration of a container: unexpected end of JSON input`},
	} {
		if d := cmp.Diff(want, show(t, &Docker, docker, p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p, d)
		}
	}
}

// podman is what Podman 4.3.1 wrote, shortened.
var podman = files{
	"/var/lib/containers/storage/overlay-containers/containers.json": `[{"id":"c453","names":["pweb"],"image":"f7ea","layer":"ac9f","metadata":"{\"image-name\":\"localhost/base:1.0\",\"name\":\"pweb\",\"created-at\":1795545517}","created":"2026-11-24T18:38:37.748924953Z","flags":{"MountLabel":""}},
 {"id":"k8s","image":"gone","layer":"ff","metadata":"{\"pod-name\":\"pod1\",\"image-name\":\"registry.example.org/x\",\"name\":\"k8s_x\",\"container-name\":\"x\"}","created":"2026-11-24T18:38:38Z"}, 7, {"id":"cut`,
	"/var/lib/containers/storage/overlay-images/images.json": `[{"id":"f7ea","digest":"sha256:f766","names":["localhost/base:1.0"],"layer":"f3e8","created":"2026-11-24T18:38:37.608511198Z"},{"id":"nameless0123456789"}]`,
	"/var/lib/containers/storage/overlay-containers/c453/userdata/config.json": `{"ociVersion":"1.0.2","process":{"user":{"uid":1000,"gid":0},"args":["/bin/busybox","sleep","5"],"env":["TOKEN=hunter2"],"cwd":"/"},"hostname":"c453",
"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/etc/hosts","type":"bind","source":"/run/containers/storage/overlay-containers/c453/userdata/hosts","options":["bind"]},
{"destination":"/host","type":"bind","source":"/etc","options":["ro","rbind"]}],"annotations":{"io.podman.annotations.privileged":"TRUE"},"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"mount"}]}}`,
	"/var/lib/containers/storage/vfs-images/images.json": `{}`,
}

func TestStorage(t *testing.T) {
	at := "/var/lib/containers/storage/"
	for p, want := range map[string][]string{
		at + "overlay-containers/containers.json": {
			"args=sleep 5; command=/bin/busybox sleep 5; container=c453; cwd=/; driver=overlay; environment=TOKEN=***; host=c453; image=localhost/base:1.0; image_id=f7ea; kind=container; merged=" + at + "overlay/ac9f/merged; " +
				"mounts=/etc -> /host (read-only); name=pweb; network=host; path=/bin/busybox; privileged=true; upper=" + at + "overlay/ac9f/diff; user=1000; created 2026-11-24T18:38:37Z",
			"container=k8s; driver=overlay; image=registry.example.org/x; image_id=gone; kind=container; merged=" + at + "overlay/ff/merged; name=k8s_x; pod=pod1; service=x; upper=" + at + "overlay/ff/diff; created 2026-11-24T18:38:38Z",
			"error \"" + at + "overlay-containers/containers.json\": 1 bytes at offset 428: not a container or an image: json: cannot unmarshal number into Go value of type containers.stored",
			"error \"" + at + "overlay-containers/containers.json\": 12 bytes at offset 429: the rest of the list cannot be read: unexpected EOF",
		},
		at + "overlay-images/images.json": {"digest=sha256:f766; image_id=f7ea; kind=image; name=localhost/base:1.0; created 2026-11-24T18:38:37Z", "image_id=nameless0123456789; kind=image"},
		at + "vfs-images/images.json":     {"error \"" + at + "vfs-images/images.json\": 2 bytes at offset 0: not a list of containers or images"},
	} {
		if d := cmp.Diff(want, show(t, &Storage, podman, p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p, d)
		}
	}
	// The evidence of each is its own element of the list.
	p := at + "overlay-containers/containers.json"
	for r, err := range Storage.Run(context.Background(), podman.source(p)) {
		if err != nil {
			break
		}
		if got := podman[p][r.Evidence.Offset:][:r.Evidence.Length]; !strings.HasPrefix(got, `{"id":"`+r.Fields["container"]) || !strings.HasSuffix(got, "}") {
			t.Errorf("the evidence of %s is %q", r.Fields["name"], got)
		}
	}
}

func TestMachines(t *testing.T) {
	f := files{
		"/var/lib/lxc/ct1/config":             "# c\nlxc.uts.name = ct1\nlxc.rootfs.path = dir:/var/lib/lxc/ct1/rootfs\nlxc.mount.entry = /srv/data srv/data none bind,ro 0 0\nlxc.mount.entry = proc proc proc defaults 0 0\nlxc.start.auto = 1\nlxc.net.0.type = none\n",
		"/var/lib/lxc/ct2/config":             "lxc.idmap = u 0 100000 65536\nlxc.environment = A=hunter2\n",
		"/etc/systemd/nspawn/m1.nspawn":       "[Exec]\nBoot=yes\nPrivateUsers=no\nEnvironment=A=hunter2 B=2\n[Files]\nBind=/srv\nBindReadOnly=+/etc:/host:rbind\n[Network]\nVirtualEthernet=no\nPort=tcp:80:8080\nPort=tcp:81\n",
		"/home/u/.local/share/lxc/no/config":  "nothing here\n",
		"/var/lib/machines/withoutkey.nspawn": "",
	}
	for p, want := range map[string][]string{
		"/var/lib/lxc/ct1/config":             {"host=ct1; kind=container; mounts=/srv/data -> /srv/data (bind,ro); name=ct1; network=host; privileged=true; restart=at boot; upper=/var/lib/lxc/ct1/rootfs"},
		"/var/lib/lxc/ct2/config":             {"environment=A=***; kind=container; name=ct2"},
		"/etc/systemd/nspawn/m1.nspawn":       {"environment=A=*** | B=***; kind=container; mounts=/srv -> /srv | /etc -> /host (rbind, read-only); name=m1; network=host; ports=tcp:80:8080 | tcp:81; privileged=true"},
		"/home/u/.local/share/lxc/no/config":  nil,
		"/var/lib/machines/withoutkey.nspawn": nil,
	} {
		if d := cmp.Diff(want, show(t, &Machines, f, p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p, d)
		}
	}
}

func TestRoots(t *testing.T) {
	f := files{"/etc/docker/daemon.json": `{"data-root":"/srv/[x]/docker"}`, "/etc/containers/storage.conf": "[storage]\n graphroot = \"/srv/pods\"\n# graphroot = \"/no\"\nrootless_storage_path = \"$HOME/x\"\n"}
	if got := dataRoot(f.source("/etc/docker/daemon.json")); !slices.Contains(got, timeline.Literal("/srv/[x]/docker")+"/containers/*/config.v2.json") {
		t.Errorf("docker: %v", got)
	}
	if got := graphRoot(f.source("/etc/containers/storage.conf")); !slices.Equal(got, []string{"/srv/pods/*-containers/containers.json", "/srv/pods/*-images/images.json"}) {
		t.Errorf("podman: %v", got)
	}
}

func FuzzContainers(f *testing.F) {
	for p, text := range docker {
		f.Add(p, text)
	}
	for p, text := range podman {
		f.Add(p, text)
	}
	f.Add("/var/lib/lxc/x/config", "lxc.rootfs.path = overlay:/a:/b\n")
	f.Add("/etc/systemd/nspawn/m.nspawn", "[Exec]\nParameters=a b\n")
	f.Fuzz(func(t *testing.T, p, text string) {
		src := files{p: text, path.Dir(p) + "/hostconfig.json": text}
		for _, e := range []*timeline.Extractor{&Docker, &Storage, &Machines} {
			for r, err := range e.Run(context.Background(), src.source(p)) {
				if err == nil && (r.Evidence.Offset < 0 || r.Evidence.Length < 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(text))) {
					t.Errorf("%s: evidence %+v of %d bytes", e.Name, r.Evidence, len(text))
				}
				for k, v := range r.Fields {
					if len(v) > maxField+3 || v == "" {
						t.Errorf("%s: field %s of %d bytes", e.Name, k, len(v))
					}
				}
			}
		}
	})
}
