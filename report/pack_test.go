package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"deadbox/fs/filesystem"
	"deadbox/timeline"
)

// A row that went through the spool says what the row of the file itself says.
func TestPack(t *testing.T) {
	var p packer
	files := hostileFiles()
	for i, f := range files {
		f.Orphan, f.SHA256 = i%4 == 0, []string{"", "ab"}[i%2]
		f.Flags = filesystem.Flags(i * 1234567)
	}
	files = append(files, &timeline.File{}, &timeline.File{Size: -1, Inode: 1<<64 - 1, Mode: 0xffff, UID: 1<<32 - 1, GID: 1<<32 - 1, Flags: 1<<32 - 1, Path: string(make([]byte, 300))})
	ev := []timeline.Evidence{{Offset: -1}, {Image: "a", Volume: "gpt:1", Offset: 1 << 40, Length: 256}, {Image: "b", Volume: "gpt:1", Offset: 0, Length: 0}}
	var got timeline.File
	var place timeline.Evidence
	for i, f := range files {
		w := Moment{Sec: int64(i), Nsec: 5, MACB: MACB(i % 32)}
		e := &ev[i%3]
		row := p.pack(nil, w.MACB, f, e)
		if row[0] == packedText {
			t.Fatal("a file is taken for text")
		}
		back := w
		back.MACB = p.unpack(row, &got, &place)
		for name, append := range map[string]func([]byte, Moment, *timeline.File, *timeline.Evidence) []byte{"json": AppendTimesketchFile, "csv": AppendTimesketchFileCSV} {
			if diff := cmp.Diff(string(append(nil, w, f, e)), string(append(nil, back, &got, &place))); diff != "" {
				t.Errorf("%s of file %d (-want +got)\n%s", name, i, diff)
			}
		}
	}
}
