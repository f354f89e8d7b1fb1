package journald

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"deadbox/timeline"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// builder writes journal files, of kinds that no program at hand writes.
type builder struct {
	t       testing.TB
	compact bool
	keyed   bool
	pack    uint8 // flag of an object: how payloads are packed
	b       []byte
	data    map[string]int
	entries []int
	arrays  []int
	objects int
	tail    int
}

func (w *builder) object(kind, flags uint8, body []byte) int {
	for len(w.b)%align != 0 {
		w.b = append(w.b, 0)
	}
	off := len(w.b)
	w.b = append(w.b, kind, flags, 0, 0, 0, 0, 0, 0)
	w.b = le.AppendUint64(w.b, uint64(objectHeader+len(body)))
	w.b = append(w.b, body...)
	w.objects++
	w.tail = off
	return off
}

func (w *builder) hasher() hasher { return newHasher(rawHeader(w.b)) }

// build makes a file of entries, each with its payloads. Its arrays name step entries each.
func (w *builder) build(entries [][]string, step int) []byte {
	w.b = make([]byte, 272)
	copy(w.b, signature)
	flags := uint32(map[uint8]int{objectXZ: incompatXZ, objectLZ4: incompatLZ4, objectZSTD: incompatZSTD}[w.pack])
	if w.keyed {
		flags |= incompatKeyed
	}
	if w.compact {
		flags |= incompatCompact
	}
	le.PutUint32(w.b[12:], flags)
	w.b[16] = 2 // archived
	for i := range 64 {
		w.b[24+i] = byte(i + 1)
	}
	le.PutUint64(w.b[88:], 272)
	w.data = map[string]int{}
	table := w.object(typeDataTable, 0, make([]byte, 16*7))
	le.PutUint64(w.b[104:], uint64(table+objectHeader))
	le.PutUint64(w.b[112:], 16*7)
	table = w.object(typeFieldTable, 0, make([]byte, 16*7))
	le.PutUint64(w.b[120:], uint64(table+objectHeader))
	le.PutUint64(w.b[128:], 16*7)
	for i, fields := range entries {
		if i%step == 0 {
			w.arrays = append(w.arrays, w.object(typeArray, 0, make([]byte, 8+step*w.width())))
		}
		var items, sums []uint64
		for _, f := range fields {
			off, sum := w.payload(f)
			items, sums = append(items, uint64(off)), append(sums, sum)
		}
		body := le.AppendUint64(nil, uint64(i+1))
		body = le.AppendUint64(body, uint64(1700000000000000+i*1000))
		body = le.AppendUint64(body, uint64(1000+i*1000))
		body = append(body, "0123456789abcdef"...)
		body = append(body, make([]byte, 8)...)
		for i := range items {
			if w.compact {
				body = le.AppendUint32(body, uint32(items[i]))
			} else {
				body = le.AppendUint64(le.AppendUint64(body, items[i]), sums[i])
			}
		}
		off := w.object(typeEntry, 0, body)
		w.entries = append(w.entries, off)
		for _, item := range items {
			if first := w.b[item+40:]; le.Uint64(first) == 0 {
				le.PutUint64(first, uint64(off))
			}
		}
		array := w.arrays[len(w.arrays)-1]
		if w.compact {
			le.PutUint32(w.b[array+arrayHeader+i%step*4:], uint32(off))
		} else {
			le.PutUint64(w.b[array+arrayHeader+i%step*8:], uint64(off))
		}
	}
	for i, off := range w.arrays {
		if i > 0 {
			le.PutUint64(w.b[w.arrays[i-1]+objectHeader:], uint64(off))
		}
	}
	for len(w.b)%align != 0 {
		w.b = append(w.b, 0)
	}
	le.PutUint64(w.b[96:], uint64(len(w.b)-272))
	le.PutUint64(w.b[136:], uint64(w.tail))
	le.PutUint64(w.b[144:], uint64(w.objects))
	le.PutUint64(w.b[152:], uint64(len(entries)))
	le.PutUint64(w.b[160:], uint64(len(entries)))
	le.PutUint64(w.b[168:], 1)
	if len(w.arrays) > 0 {
		le.PutUint64(w.b[176:], uint64(w.arrays[0]))
	}
	le.PutUint64(w.b[184:], 1700000000000000)
	le.PutUint64(w.b[192:], uint64(1700000000000000+(len(entries)-1)*1000))
	le.PutUint64(w.b[208:], uint64(len(w.data)))
	le.PutUint64(w.b[232:], uint64(len(w.arrays)))
	return w.b
}

// width is how many bytes an offset in an array takes.
func (w *builder) width() int {
	if w.compact {
		return 4
	}
	return 8
}

func (w *builder) payload(f string) (int, uint64) {
	h := w.hasher()
	sum := h.sum([]byte(f))
	if off, ok := w.data[f]; ok {
		le.PutUint64(w.b[off+56:], le.Uint64(w.b[off+56:])+1)
		return off, sum
	}
	packed, flags := []byte(f), uint8(0)
	if w.pack != 0 && len(f) > 64 {
		packed, flags = w.packed(f), w.pack
	}
	body := make([]byte, 48)
	le.PutUint64(body, sum)
	le.PutUint64(body[40:], 1)
	if w.compact {
		body = append(body, make([]byte, 8)...)
	}
	off := w.object(typeData, flags, append(body, packed...))
	w.data[f] = off
	return off, sum
}

func (w *builder) packed(f string) []byte {
	var b bytes.Buffer
	switch w.pack {
	case objectXZ:
		z, err := xz.WriterConfig{NoCheckSum: true, DictCap: 1 << 20}.NewWriter(&b)
		if err != nil {
			w.t.Fatal(err)
		}
		io.WriteString(z, f)
		z.Close()
	case objectLZ4:
		out := make([]byte, lz4.CompressBlockBound(len(f)))
		n, err := lz4.CompressBlock([]byte(f), out, nil)
		if err != nil || n == 0 {
			w.t.Fatalf("%d, %v", n, err)
		}
		b.Write(le.AppendUint64(nil, uint64(len(f))))
		b.Write(out[:n])
	case objectZSTD:
		z, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
		if err != nil {
			w.t.Fatal(err)
		}
		b.Write(z.EncodeAll([]byte(f), nil))
	}
	return b.Bytes()
}

// lines makes n entries.
func lines(n int) (list [][]string) {
	for i := range n {
		message := fmt.Sprintf("MESSAGE=Accepted publickey for user%d from 192.0.2.7 port %d ssh2: ED25519 SHA256:%s", i, i, strings.Repeat("abcdefg", 1+i%9))
		if i%13 == 5 {
			message = "MESSAGE=" + strings.Repeat(fmt.Sprint("text ", i, " "), 100*i)
		}
		list = append(list, []string{"_HOSTNAME=host", "_TRANSPORT=syslog", "SYSLOG_IDENTIFIER=sshd", fmt.Sprint("_PID=", i), "_SYSTEMD_UNIT=ssh.service", message})
	}
	return list
}

// TestPacked compares payloads of each packing with what systemd's own
// libraries unpack.
func TestPacked(t *testing.T) {
	want := lines(80)
	for _, pack := range []uint8{0, objectXZ, objectLZ4, objectZSTD} {
		for _, compact := range []bool{false, true} {
			w := builder{t: t, compact: compact, keyed: !compact, pack: pack}
			b := w.build(want, 64)
			records, errs := all(b)
			if len(records) != len(want) || len(errs) > 0 {
				t.Errorf("packing %d: %d entries, %v", pack, len(records), errs)
				continue
			}
			for i, r := range records {
				if "MESSAGE="+r.Fields["message"] != want[i][5] {
					t.Fatalf("packing %d, entry %d: %.100q", pack, i, r.Fields["message"])
				}
				ev := b[r.Evidence.Offset : r.Evidence.Offset+r.Evidence.Length]
				if pack == 0 && string(ev) != want[i][5] || pack != 0 && ev[0] != typeEntry {
					t.Fatalf("packing %d, entry %d: the evidence is %.100q", pack, i, ev)
				}
			}
			name := filepath.Join(t.TempDir(), "x.journal")
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			got, _ := whole(t, b)
			same(t, got, journalctl(t, name))
		}
	}
}

// messages gives the messages of records, sorted by their entries' places.
func messages(records []timeline.Record) map[string]bool {
	list := map[string]bool{}
	for _, r := range records {
		list["MESSAGE="+r.Fields["message"]] = true
	}
	return list
}

// TestUnindexed cuts the index in several ways: no entry may be lost.
func TestUnindexed(t *testing.T) {
	want := lines(300)
	for _, compact := range []bool{false, true} {
		for name, cut := range map[string]func(w *builder){
			"no first array":      func(w *builder) { le.PutUint64(w.b[176:], 0) },
			"first array past":    func(w *builder) { le.PutUint64(w.b[176:], 1<<40) },
			"array zeroed":        func(w *builder) { clear(w.b[w.arrays[1] : w.arrays[1]+arrayHeader+64*w.width()]) },
			"array items zeroed":  func(w *builder) { clear(w.b[w.arrays[2]+arrayHeader : w.arrays[2]+arrayHeader+64*w.width()]) },
			"array overwritten":   func(w *builder) { copy(w.b[w.arrays[1]:], strings.Repeat("overwritten ", 20)) },
			"chain in a loop":     func(w *builder) { le.PutUint64(w.b[w.arrays[1]+objectHeader:], uint64(w.arrays[0])) },
			"header zeroed":       func(w *builder) { clear(w.b[:272]) },
			"header and tables":   func(w *builder) { clear(w.b[:500]) },
			"header's size wrong": func(w *builder) { le.PutUint64(w.b[88:], 1<<40) },
			"arena wrong":         func(w *builder) { le.PutUint64(w.b[96:], 1<<63) },
			"item twice":          func(w *builder) { copy(w.b[w.arrays[1]+arrayHeader:], w.b[w.arrays[0]+arrayHeader:][:64*4]) },
		} {
			w := &builder{t: t, compact: compact, keyed: true}
			w.build(want, 64)
			cut(w)
			records, errs := all(w.b)
			got := messages(records)
			if len(records) != len(want) || len(got) != len(want) {
				t.Errorf("%s, compact %t: %d entries of %d, %d messages; %v", name, compact, len(records), len(want), len(got), errs)
			}
			unindexed := 0
			for _, r := range records {
				if r.Fields["unindexed"] == "true" {
					unindexed++
				}
			}
			if (unindexed == 0) != (name == "header's size wrong" || name == "arena wrong") {
				t.Errorf("%s, compact %t: %d entries without an index", name, compact, unindexed)
			}
			if len(errs) == 0 && !strings.Contains(name, "item") && name != "no first array" {
				t.Errorf("%s, compact %t: no damage is reported", name, compact)
			}
		}
	}
}

// TestTruncated cuts the file at many places: all entries before the cut are there.
func TestTruncated(t *testing.T) {
	w := &builder{t: t, keyed: true}
	w.build(lines(120), 32)
	for end := len(w.b) - 1; end > 300; end -= 997 {
		records, errs := all(w.b[:end])
		whole := 0
		for _, off := range w.entries {
			if off+int(rawObject(w.b[off:]).size()) <= end {
				whole++
			}
		}
		if len(records) != whole || len(errs) == 0 {
			t.Fatalf("cut at %d: %d entries, want %d; %v", end, len(records), whole, errs)
		}
	}
}

// TestOverwritten destroys a place: only the entries there are lost, and what
// is changed is told.
func TestOverwritten(t *testing.T) {
	want := lines(120)
	for seed := range uint64(300) {
		w := &builder{t: t, keyed: seed%2 == 0, compact: seed%3 == 0}
		w.build(want, 32)
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(600)
		at := 272 + r.IntN(len(w.b)-272-n)
		for i := range n {
			w.b[at+i] = byte(r.Uint32())
		}
		records, errs := all(w.b)
		got := messages(records)
		lost := 0
		for i, fields := range want {
			if got[fields[5]] {
				continue
			}
			lost++
			data, entry := w.data[fields[5]], w.entries[i]
			if overlaps(at, n, data, dataCompact+len(fields[5])) || overlaps(at, n, entry, entryHeader+16*6) {
				continue
			}
			t.Errorf("seed %d: %d bytes at %d: entry %d at %d is lost, its message at %d", seed, n, at, i, entry, data)
		}
		if lost > 0 && len(errs) == 0 {
			t.Errorf("seed %d: %d messages are lost and nothing is said", seed, lost)
		}
		if len(records) > len(want) {
			t.Errorf("seed %d: %d entries of %d", seed, len(records), len(want))
		}
	}
}

func overlaps(at, n, off, size int) bool { return at < off+size && off < at+n }

// failing cannot read a range.
type failing struct {
	b        []byte
	from, to int64
}

var errBad = errors.New("bad block")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && f.from < off+int64(len(p)) {
		return 0, errBad
	}
	return bytes.NewReader(f.b).ReadAt(p, off)
}

// TestUnreadable has a file of which a block cannot be read.
func TestUnreadable(t *testing.T) {
	w := &builder{t: t, keyed: true}
	want := lines(400)
	w.build(want, 64)
	for at := int64(0); at+badSize < int64(len(w.b)); at += 41 * badSize {
		s := source(w.b)
		s.Data = failing{w.b, at, at + badSize}
		got := map[string]bool{}
		bad := false
		for r, err := range Extractor.Run(context.Background(), s) {
			bad = bad || errors.Is(err, errBad)
			got["MESSAGE="+r.Fields["message"]] = true
		}
		if !bad {
			t.Errorf("block at %d: not reported", at)
		}
		for i, fields := range want {
			data, entry := w.data[fields[5]], w.entries[i]
			if !got[fields[5]] && !overlaps(int(at), badSize, data, dataCompact+len(fields[5])) && !overlaps(int(at), badSize, entry, entryHeader+16*6) {
				t.Errorf("block at %d: entry %d at %d is lost, its message at %d", at, i, entry, data)
			}
		}
	}
}

func TestUnknownFeature(t *testing.T) {
	w := &builder{t: t}
	w.build(lines(3), 8)
	w.b[12] |= 0x40
	records, errs := all(w.b)
	if len(records) != 0 || len(errs) != 1 || !errors.Is(errs[0], errors.ErrUnsupported) || !strings.Contains(errs[0].Error(), "0x40") {
		t.Errorf("%d records, %v", len(records), errs)
	}
}

// TestChangedPayload changes a letter of a message: the hash says so.
func TestChangedPayload(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		w := &builder{t: t, keyed: keyed}
		want := lines(3)
		w.build(want, 8)
		w.b[w.data[want[1][5]]+dataRegular+len("MESSAGE=A")] = 'C'
		records, errs := all(w.b)
		if len(records) != 3 || len(errs) != 1 || !errors.Is(errs[0], errHash) || records[1].Fields["damaged"] != "1" || !strings.HasPrefix(records[1].Fields["message"], "ACcepted") {
			t.Errorf("keyed %t: %v, %v", keyed, errs, records)
		}
	}
}

// TestLongPayload has a field that is larger than what is kept.
func TestLongPayload(t *testing.T) {
	for _, pack := range []uint8{0, objectXZ, objectLZ4, objectZSTD} {
		w := &builder{t: t, pack: pack, keyed: true}
		long := strings.Repeat("0123456789 abcdef", 200000)
		b := w.build([][]string{{"MESSAGE=" + long}, {"COREDUMP=" + long, "MESSAGE=a core dump"}, {"MESSAGE=short"}}, 4)
		records, errs := all(b)
		if len(records) != 3 || len(errs) != 1 || !errors.Is(errs[0], errLong) || "MESSAGE="+records[0].Fields["message"] != ("MESSAGE=" + long)[:maxPayload] ||
			records[1].Fields["message"] != "a core dump" || records[1].Fields["damaged"] != "" {
			t.Errorf("packing %d: %d records, %v", pack, len(records), errs)
		}
	}
}

// TestOnePayload has entries without end that all name one packed payload: what
// they come to is bounded, and none of them is lost.
func TestOnePayload(t *testing.T) {
	w := builder{t: t, keyed: true, pack: objectZSTD}
	b := w.build([][]string{{"MESSAGE=" + strings.Repeat("x", maxPayload-8)}}, 8)
	entry := bytes.Clone(b[w.entries[0]:][:entryHeader+16])
	const n = 2000
	for range n {
		b = append(b, entry...)
	}
	records, large, over := 0, 0, 0
	for r, err := range Extractor.Run(context.Background(), source(b)) {
		if err != nil {
			if errors.Is(err, errBudget) {
				over++
			}
			continue
		}
		if records++; len(r.Fields["message"]) > 0 {
			large++
		}
	}
	if records != n+1 || over != 1 || large < 10 || large > n/2 {
		t.Errorf("%d entries, %d with a message, %d errors", records, large, over)
	}
}

func FuzzJournal(f *testing.F) {
	for _, pack := range []uint8{0, objectXZ, objectLZ4, objectZSTD} {
		w := builder{t: f, pack: pack, compact: pack == objectLZ4, keyed: pack != 0}
		f.Add(w.build(lines(12), 4))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for r, err := range Extractor.Run(context.Background(), source(b)) {
			if err != nil {
				continue
			}
			if n++; r.Evidence.Offset < 0 || r.Evidence.Length <= 0 || r.Evidence.Offset+r.Evidence.Length > int64(len(b)) || r.Fields["seqnum"] == "" {
				t.Fatalf("%+v", r)
			}
		}
		if n > len(b)/entryHeader {
			t.Fatalf("%d entries in %d bytes", n, len(b))
		}
	})
}
