package report

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"deadbox/fs/filesystem"
	"deadbox/rules"
	"deadbox/timeline"
)

// compareJSON fails unless raw is one object that equals want, which is made by
// encoding/json, and whose keys stand in the order of keys.
func compareJSON(t *testing.T, raw []byte, want map[string]any, keys string) {
	t.Helper()
	checkShown(t, string(raw))
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	std, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var normal map[string]any
	if err := json.Unmarshal(std, &normal); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(normal, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if order := topKeys(t, raw); order != keys {
		t.Errorf("keys are %s, want %s", order, keys)
	}
}

// topKeys are the keys of an object in their order.
func topKeys(t *testing.T, raw []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for d.More() {
		k, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprint(k))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(keys, " ")
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

type object = map[string]any

func TestAppendFinding(t *testing.T) {
	f := rules.Finding{
		ID: "rule-1", Rule: "rule", Title: "A \"title\"\n", Severity: rules.High, Techniques: []string{"T1505.003"},
		Time: time.Date(2024, 5, 1, 3, 12, 9, 7, time.FixedZone("", 7200)), Last: time.Date(2024, 5, 1, 2, 0, 0, 0, time.UTC), TimeNote: "logged",
		Paths: []string{"/a", "/b\xff"}, PathCount: 9, Account: "www-data", Address: "192.0.2.1", Summary: "what \u202e happened", Count: 12,
		Evidence: []timeline.Evidence{
			{Image: "disk.dd", Volume: "gpt:1", Inode: 12, Path: "/b\xff", Offset: 0, Length: 10, Line: 3, Packed: "gzip"},
			{Image: "disk.dd", Offset: -1},
		},
	}
	compareJSON(t, AppendFinding(nil, &f), object{
		"id": "rule-1", "rule": "rule", "title": "A \"title\"\n", "severity": "high", "techniques": []string{"T1505.003"},
		"time": "2024-05-01T01:12:09.000000007Z", "last": "2024-05-01T02:00:00.000000000Z", "time_note": "logged", "paths": []string{"/a", "/b\ufffd"},
		"paths_bytes": []string{b64("/a"), b64("/b\xff")}, "path_count": 9, "account": "www-data", "address": "192.0.2.1",
		"summary": "what \u202e happened", "count": 12,
		"evidence": []object{
			{"image": "disk.dd", "volume": "gpt:1", "inode": 12, "path": "/b\ufffd", "path_bytes": b64("/b\xff"), "offset": 0, "length": 10, "line": 3, "packed": "gzip"},
			{"image": "disk.dd"},
		},
	}, "id rule title severity techniques time last time_note paths paths_bytes path_count account address summary count evidence")
	compareJSON(t, AppendFinding(nil, &rules.Finding{}), object{
		"id": "", "rule": "", "title": "", "severity": "info", "techniques": []string{}, "time": nil, "last": nil, "time_note": "", "paths": []string{},
		"path_count": 0, "account": "", "address": "", "summary": "", "count": 0, "evidence": []object{},
	}, "id rule title severity techniques time last time_note paths path_count account address summary count evidence")
}

func TestAppendRecord(t *testing.T) {
	f := sample()
	f.Path = "/x\xfe"
	f.Target = "/t"
	f.Deleted, f.Unalloc, f.Orphan, f.InPackage = true, true, true, true
	f.SHA256, f.Magic, f.Interp = "ab", "script", "/bin/sh"
	f.Xattrs = []filesystem.Xattr{
		{Name: "security.selinux", Value: []byte("system_u:object_r:tmp_t:s0\x00")}, {Name: "user.raw", Value: []byte{0, 1, 2}}, {Name: "user.empty"},
	}
	file := object{
		"path": "/x\ufffd", "path_bytes": b64("/x\xfe"), "inode": 4711, "type": "file", "mode": "4755", "mode_letters": "-rwsr-xr-x", "uid": 1, "gid": 2,
		"links": 3, "size": 12345, "flags": []string{"immutable", "extents"}, "target": "/t",
		"xattrs": []object{
			{"name": "security.selinux", "value": b64("system_u:object_r:tmp_t:s0\x00"), "decoded": "system_u:object_r:tmp_t:s0"},
			{"name": "user.raw", "value": b64("\x00\x01\x02")}, {"name": "user.empty", "value": ""},
		},
		"deleted": true, "unallocated": true, "orphan": true, "sha256": "ab", "magic": "script", "interpreter": "/bin/sh", "in_package": true,
		"modified": "1970-01-01T00:01:40.000000001Z", "accessed": "1970-01-01T00:03:20.000000002Z", "changed": "1970-01-01T00:05:00.000000003Z",
		"born": "1970-01-01T00:06:40.000000004Z", "deleted_at": "1970-01-01T00:08:20.000000000Z",
	}
	compareJSON(t, AppendFile(nil, f), file, "path path_bytes inode type mode mode_letters uid gid links size flags target xattrs deleted unallocated "+
		"orphan sha256 magic interpreter in_package modified accessed changed born deleted_at")
	r := timeline.Record{
		Kind: timeline.KindFile, Summary: "sum\xff", File: f, Fields: map[string]string{"zeta": "1", "alpha": "\x80", "mid\"dle": ""},
		Stamps:   []timeline.Stamp{{What: "modified", When: time.Unix(100, 1), Note: "n"}, {What: "unknown"}},
		Evidence: timeline.Evidence{Image: "i", Volume: "bare", Inode: 4711, Offset: 5, Length: 6},
	}
	compareJSON(t, AppendRecord(nil, &r), object{
		"kind": "file", "summary": "sum\ufffd", "summary_bytes": b64("sum\xff"),
		"stamps": []object{{"what": "modified", "when": "1970-01-01T00:01:40.000000001Z", "note": "n"}, {"what": "unknown", "when": nil}},
		"fields": object{"zeta": "1", "alpha": "\ufffd", "alpha_bytes": b64("\x80"), `mid"dle`: ""}, "file": file,
		"evidence": object{"image": "i", "volume": "bare", "inode": 4711, "offset": 5, "length": 6},
	}, "kind summary summary_bytes stamps fields file evidence")
	small := object{"path": "/p", "inode": 1, "type": "unknown", "mode": "170644", "mode_letters": "?rw-r--r--", "uid": 0, "gid": 0, "links": 0, "size": 0}
	c := timeline.Change{What: "content", Before: &timeline.File{Path: "/p", Inode: 1, Mode: 0o170644}, After: &timeline.File{Path: "/p", Inode: 1, Mode: 0o170644},
		Differs: []string{"content", "size"}}
	compareJSON(t, AppendChange(nil, &c), object{"what": "content", "differs": []string{"content", "size"}, "path": "/p", "before": small, "after": small},
		"what differs path before after")
	r = timeline.Record{Kind: timeline.KindChange, Change: &c, File: c.After, Evidence: timeline.Evidence{Offset: -1}}
	compareJSON(t, AppendRecord(nil, &r), object{"kind": "change", "evidence": object{},
		"change": object{"what": "content", "differs": []string{"content", "size"}, "path": "/p", "before": small, "after": small}}, "kind change evidence")
}

// Fields of an image's text must not be able to take the place of ours.
func TestTimesketchRecord(t *testing.T) {
	r := timeline.Record{
		Kind: timeline.KindWebAccess, Summary: "GET /", Fields: map[string]string{"path": "/etc", "message": "fake", "status": "200", "raw": "\xff"},
		Evidence: timeline.Evidence{Image: "i", Volume: "gpt:1", Inode: 5, Path: "/var/log/x", Offset: 9, Length: 2, Line: 4, Packed: "gzip"},
	}
	s := timeline.Stamp{What: "logged", When: time.Unix(-1, 500_000_000), Note: "note"}
	compareJSON(t, AppendTimesketchRecord(nil, &s, &r)[:len(AppendTimesketchRecord(nil, &s, &r))-1], object{
		"message": "GET /", "datetime": "1969-12-31T23:59:59.500000000+00:00", "timestamp": -500000, "timestamp_desc": "Event Logged Time",
		"data_type": "apache:access", "path": "/var/log/x", "inode": 5, "image": "i", "volume": "gpt:1", "offset": 9, "length": 2, "line": 4,
		"packed": "gzip", "note": "note", "field_message": "fake", "field_path": "/etc", "raw": "\ufffd", "raw_bytes": b64("\xff"), "status": "200",
	}, "message datetime timestamp timestamp_desc data_type path inode image volume offset length line packed note field_message field_path raw raw_bytes status")
	f := sample()
	f.Deleted, f.Unalloc = true, true
	w := Moment{1700000000, 123456789, Modified | Born | Deleted}
	row := AppendTimesketchFile(nil, w, f, &r.Evidence)
	compareJSON(t, row[:len(row)-1], object{
		"message": "/usr/bin/su (deleted)", "datetime": "2023-11-14T22:13:20.123456789+00:00", "timestamp": 1700000000123456,
		"timestamp_desc": "Content Modification Time; Creation Time; Deletion Time", "data_type": "fs:stat", "macb": "m..bd",
		"path": "/usr/bin/su", "inode": 4711, "type": "file", "mode": "4755", "uid": 1, "gid": 2, "size": 12345,
		"flags": []string{"immutable"}, "deleted": true, "unallocated": true, "image": "i", "volume": "gpt:1", "offset": 9, "length": 2, "line": 4, "packed": "gzip",
	}, "message datetime timestamp timestamp_desc data_type macb path inode type mode uid gid size flags deleted unallocated image volume offset length line packed")
	if got := micros(1<<62, 5); got != 9223372036853*1000000 {
		t.Errorf("micros of a far time = %d", got)
	}
}

func TestAppendFlags(t *testing.T) {
	for _, f := range []filesystem.Flags{1, 1 << 31, 0xffffffff, filesystem.FlagExtents | 1<<9, filesystem.FlagImmutable | filesystem.FlagAppend} {
		want, err := json.Marshal(f.Names())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendFlags([]byte("{"), f)); got != `{"flags":`+string(want) {
			t.Errorf("%x: %s, want %s", uint32(f), got, want)
		}
	}
}

func TestKeysAreNotTakenTwice(t *testing.T) {
	r := timeline.Record{Kind: "x", Fields: map[string]string{}, Evidence: timeline.Evidence{Image: "i", Volume: "v", Inode: 1, Path: "/\xff", Offset: 1, Length: 1, Line: 1, Packed: "gzip"}}
	s := timeline.Stamp{What: "logged", When: time.Unix(1, 0), Note: "n"}
	for _, k := range strings.Fields(topKeys(t, AppendTimesketchRecord(nil, &s, &r))) {
		r.Fields[k] = "x"
	}
	seen := map[string]bool{}
	for _, k := range strings.Fields(topKeys(t, AppendTimesketchRecord(nil, &s, &r))) {
		if seen[k] {
			t.Errorf("member %s stands twice", k)
		}
		seen[k] = true
	}
	if len(seen) < 20 || reflect.ValueOf(r.Fields).Len() < 10 {
		t.Errorf("only %d members", len(seen))
	}
}
