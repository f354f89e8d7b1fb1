package journald

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"

	"deadbox/timeline"
)

const (
	// maxItems is how many fields of an entry are read. journald takes 1024.
	maxItems = 4096
	// maxDamage is how many places of damage are reported one by one.
	maxDamage = 100
	// Payloads are not read past this many times the file's size, and a
	// gibibyte. Entries share payloads, so a forged file could name one without end.
	payloadFactor = 64
	payloadFree   = 1 << 30
	// cacheBits and cacheValue bound the memory for shared payloads.
	cacheBits = 14
	// unpackCost is how much dearer a byte is that has to be unpacked.
	unpackCost = 4
	// maxIgnored is the largest payload of no interest that is compared with its hash.
	maxIgnored = 64 << 10
	cacheValue = 1 << 10
	// resyncStep is how many bytes are looked at between two looks at the context.
	resyncStep = 1 << 20
)

// entry is an ENTRY object.
type entry struct {
	offset, length int64
	seqnum         uint64
	realtime       uint64 // microseconds since 1970
	boot           [16]byte
	xor            uint64   // of the hashes of its payloads
	items          []uint64 // offsets of DATA objects; valid until the next entry
	unindexed      bool     // no entry array names it
	lost           int      // items that were left out, beyond maxItems
}

// journal reads a journal file.
type journal struct {
	ctx     context.Context
	src     *timeline.Source
	pages   *pages
	unpack  unpacker
	hash    hasher
	hashed  bool // the header says how payloads are hashed
	compact bool
	size    int64
	start   int64 // of the objects

	seen    map[int64]*[512]uint64 // by pages of 256 KiB, a bit for each object that was read as an entry
	items   []uint64
	cache   []cached
	budget  int64
	damages int // reported
	hidden  int
	yield   func(*entry, error) bool
}

// cached is a payload that entries share.
type cached struct {
	offset uint64
	id     int // of the field; -1 if it is one of those that are ignored
	value  string
}

var errStop = errors.New("stop")

// errNone says that a file is no journal.
var errNone = errors.New("no systemd journal")

// open reads the header. The damage that comes beside a journal concerns the
// header alone.
func open(ctx context.Context, s *timeline.Source) (j *journal, damage []error) {
	if s.Packed != "" && s.Size > maxPacked {
		return nil, []error{s.Damage(0, s.Size, 0, fmt.Sprintf("a packed journal of more than %d bytes is not read", maxPacked), errors.ErrUnsupported)}
	}
	j = &journal{ctx: ctx, src: s, pages: newPages(s), size: s.Size, seen: map[int64]*[512]uint64{}, cache: make([]cached, 1<<cacheBits), budget: payloadFree}
	if s.Size < 1<<50 {
		j.budget += payloadFactor * s.Size
	}
	b, err := j.pages.at(0, int(min(headerMin, s.Size)))
	switch {
	case err != nil:
		damage = append(damage, s.Damage(0, headerMin, 0, "the header cannot be read", err))
		b = nil
	case len(b) < headerMin || rawHeader(b).signature() != signature:
		b = nil
	}
	if b == nil {
		// Objects may stand behind a header that is gone.
		if !j.guess() {
			if err == nil {
				err = errNone
			}
			return nil, []error{s.Damage(0, min(headerMin, s.Size), 0, "no journal's header, and no object behind it", err)}
		}
		return j, append(damage, s.Damage(0, headerMin, 0, "the header is damaged; the objects are searched for", err))
	}
	h := rawHeader(b)
	if unknown := h.incompatible() &^ incompatKnown; unknown != 0 {
		return nil, []error{s.Damage(12, 4, 0, fmt.Sprintf("the journal has incompatible features that are not known: flags %#x", unknown), errors.ErrUnsupported)}
	}
	j.compact, j.hash, j.hashed = h.incompatible()&incompatCompact != 0, newHasher(h), true
	size, arena := h.headerSize(), h.arenaSize()
	if size < headerMin || size > 1<<16 || size%align != 0 {
		damage = append(damage, s.Damage(88, 8, 0, fmt.Sprintf("the header says that it has %d bytes", size), nil))
		size = headerMin
	} else if end := size + arena; arena > 1<<62 || end > uint64(s.Size) {
		damage = append(damage, s.Damage(s.Size, 0, 0, fmt.Sprintf("the file ends here; its header says that it has %d bytes", end), nil))
	}
	j.start = int64(size)
	return j, damage
}

// guess looks whether there are entries behind a header that is gone, and of
// which layout they are.
func (j *journal) guess() bool {
	for _, compact := range [...]bool{false, true} {
		j.compact = compact
		for off := int64(headerMin); off < min(j.size, 64<<20); off += align {
			if off%resyncStep == 0 && j.ctx.Err() != nil {
				return false
			}
			if off = j.skipZeros(off); j.plausible(off) {
				if b, err := j.pages.at(off, objectHeader); err == nil && rawObject(b).kind() == typeEntry {
					j.start = headerMin
					return true
				}
			}
		}
	}
	return false
}

// entries yields the entries: those that the chain of entry arrays names, in
// its order, then all others in the order of the file. An error concerns one
// place. An entry is valid until the next.
func (j *journal) entries() iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		j.yield = yield
		defer j.unpack.close()
		err := j.chain()
		if err == nil {
			err = j.scan()
		}
		if err == nil && j.hidden > 0 {
			err = j.src.Damage(-1, 0, 0, fmt.Sprintf("%d more places are damaged", j.hidden), nil)
		}
		if err != nil && err != errStop {
			yield(nil, err)
		}
	}
}

// damaged reports a place.
func (j *journal) damaged(off, n int64, reason string, err error) error {
	if j.damages++; j.damages > maxDamage {
		j.hidden++
		return nil
	}
	if !j.yield(nil, j.src.Damage(off, n, 0, reason, err)) {
		return errStop
	}
	return nil
}

// object reads the head of an object, n bytes of it. They are valid until the next read.
func (j *journal) object(off int64, kind uint8, n int) ([]byte, error) {
	if off < j.start || off%align != 0 {
		return nil, fmt.Errorf("offset %d is no object's", off)
	}
	b, err := j.pages.at(off, n)
	if err != nil {
		return nil, err
	}
	o := rawObject(b)
	if o.kind() != kind {
		return nil, fmt.Errorf("an object of type %d where one of type %d should be", o.kind(), kind)
	}
	if size := o.size(); size < uint64(n) || size > uint64(j.size-off) {
		return nil, fmt.Errorf("an object of %d bytes", size)
	}
	return b, nil
}

// chain yields the entries that the entry arrays name.
func (j *journal) chain() error {
	if !j.hashed {
		return nil
	}
	b, err := j.pages.at(0, headerMin)
	if err != nil {
		return nil
	}
	var before int64
	for next := rawHeader(b).firstArray(); next != 0; {
		off := int64(next)
		if next > uint64(j.size) || off <= before {
			return j.damaged(before, arrayHeader, fmt.Sprintf("the chain of entry arrays goes from offset %d to %d", before, next), nil)
		}
		b, err := j.object(off, typeArray, arrayHeader)
		if err != nil {
			return j.damaged(off, arrayHeader, "the chain of entry arrays ends: no entry array", err)
		}
		before, next = off, rawArray(b).next()
		if err := j.array(off, off+int64(rawObject(b).size())); err != nil {
			return err
		}
	}
	return nil
}

// array yields the entries that one array names.
func (j *journal) array(off, end int64) error {
	width := int64(8)
	if j.compact {
		width = 4
	}
	const step = 512
	var list [step]uint64
	// An unclean end leaves a row of names without entries.
	var from, to int64
	var why error
	missing := 0
	report := func() error {
		if missing == 0 {
			return nil
		}
		n := missing
		missing = 0
		return j.damaged(from, to-from, fmt.Sprintf("an entry array names %d entries that are not there; the first", n), why)
	}
	for at := off + arrayHeader; at+width <= end; {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		n := min(step, (end-at)/width)
		b, err := j.pages.at(at, int(n*width))
		if err != nil {
			if err := j.damaged(at, n*width, "a part of an entry array cannot be read", err); err != nil {
				return err
			}
			at += n * width
			continue
		}
		for i := range n {
			if j.compact {
				list[i] = uint64(le.Uint32(b[i*4:]))
			} else {
				list[i] = le.Uint64(b[i*8:])
			}
		}
		for i, item := range list[:n] {
			if item == 0 {
				continue // not used, or not yet
			}
			here := at + int64(i)*width
			var cause error
			if item > uint64(j.size) {
				cause = fmt.Errorf("offset %d is past the end of the file", item)
			} else if cause = j.emit(int64(item), false); cause == errStop {
				return cause
			}
			if cause == nil {
				if err := report(); err != nil {
					return err
				}
				continue
			}
			if missing == 0 {
				from, why = here, cause
			}
			missing++
			to = here + width
		}
		at += n * width
	}
	return report()
}

// mark says that the object at off was read as an entry. It reports whether
// that is new.
func (j *journal) mark(off int64) bool {
	p := j.seen[off>>18]
	if p == nil {
		p = new([512]uint64)
		j.seen[off>>18] = p
	}
	bit := off >> 3 & (1<<15 - 1)
	old := p[bit>>6]&(1<<(bit&63)) != 0
	p[bit>>6] |= 1 << (bit & 63)
	return !old
}

func (j *journal) marked(off int64) bool {
	p := j.seen[off>>18]
	bit := off >> 3 & (1<<15 - 1)
	return p != nil && p[bit>>6]&(1<<(bit&63)) != 0
}

// emit yields the entry at off, once. An error says why it is none.
func (j *journal) emit(off int64, unindexed bool) error {
	b, err := j.object(off, typeEntry, entryHeader)
	if err != nil {
		return err
	}
	if !j.mark(off) {
		return nil
	}
	r := rawEntry(b)
	e := entry{offset: off, length: int64(rawObject(b).size()), seqnum: r.seqnum(), realtime: r.realtime(), xor: r.xorHash(), unindexed: unindexed}
	copy(e.boot[:], r.bootID())
	width := int64(16)
	if j.compact {
		width = 4
	}
	n := (e.length - entryHeader) / width
	if n > maxItems {
		e.lost = int(min(n-maxItems, 1<<30))
		n = maxItems
	}
	if b, err = j.pages.at(off+entryHeader, int(n*width)); err != nil {
		return err
	}
	j.items = j.items[:0]
	for i := range n {
		if j.compact {
			j.items = append(j.items, uint64(le.Uint32(b[i*4:])))
		} else {
			j.items = append(j.items, le.Uint64(b[i*16:]))
		}
	}
	e.items = j.items
	if !j.yield(&e, nil) {
		return errStop
	}
	return nil
}

// scan yields the entries that no array names. It goes from object to object,
// and where one is damaged it looks for the next that makes sense.
func (j *journal) scan() error {
	steps := 0
	for off := j.start; off+objectHeader <= j.size; {
		if steps++; steps%4096 == 0 && j.ctx.Err() != nil {
			return j.ctx.Err()
		}
		b, err := j.pages.at(off, objectHeader)
		if err != nil {
			next := min(off/badSize*badSize+badSize, j.size)
			if err := j.damaged(off, next-off, "cannot be read", err); err != nil {
				return err
			}
			// What follows may be the rest of an object.
			off = j.resync(next)
			continue
		}
		o := rawObject(b)
		kind, size := o.kind(), o.size()
		if le.Uint64(b) == 0 && size == 0 {
			// Space that is not used yet.
			if off = j.skipZeros(off); off+objectHeader <= j.size && !j.plausible(off) {
				if off, err = j.lost(off, off); err != nil {
					return err
				}
			}
			continue
		}
		if !o.sound(j.size - off) {
			if off, err = j.lost(off, off); err != nil {
				return err
			}
			continue
		}
		if kind == typeEntry && !j.marked(off) {
			if err := j.emit(off, true); err == errStop {
				return err
			} else if err != nil {
				if err := j.damaged(off, int64(size), "an entry that cannot be read", err); err != nil {
					return err
				}
			}
		}
		end := off + int64((size+align-1)&^(align-1))
		if j.followed(off, size) {
			off = end
		} else if off, err = j.lost(off, end); err != nil {
			return err
		}
	}
	return j.ctx.Err()
}

// lost finds the next object behind the one at off, which has no other at its
// end, and reports what lies between.
func (j *journal) lost(off, end int64) (int64, error) {
	next := j.resync(off + align)
	if next > end {
		off = end
	}
	return next, j.damaged(off, next-off, "no objects", nil)
}

// sound looks at an object's header alone. The object has to fit into rest bytes.
func (b rawObject) sound(rest int64) bool {
	size, least := b.size(), uint64(0)
	switch b.kind() {
	case typeData:
		least = dataRegular + 1
	case typeField:
		least = fieldHeader + 1
	case typeEntry:
		least = entryHeader + 4
	case typeDataTable, typeFieldTable:
		least = tableHeader + 16
	case typeArray:
		least = arrayHeader + 4
	case typeTag:
		least = tagSize
	default:
		return false
	}
	flags := b.flags()
	return size >= least && rest > 0 && size <= uint64(rest) && b.reserved() == 0 &&
		(flags == 0 || b.kind() == typeData && (flags == objectXZ || flags == objectLZ4 || flags == objectZSTD))
}

// followed says that the end of an object is the end of the file, space that
// is not used, or another object.
func (j *journal) followed(off int64, size uint64) bool {
	next := off + int64((size+align-1)&^(align-1))
	if next+objectHeader > j.size {
		return true
	}
	b, err := j.pages.at(next, objectHeader)
	if err != nil {
		return true // it is told by itself
	}
	o := rawObject(b)
	return o.sound(j.size-next) || le.Uint64(b) == 0 && o.size() == 0
}

// plausible says that what stands at off is surely an object: it is used after
// damage, when off may lie within any text.
func (j *journal) plausible(off int64) bool {
	b, err := j.pages.at(off, objectHeader)
	if err != nil || !rawObject(b).sound(j.size-off) {
		return false
	}
	o := rawObject(b)
	size := o.size()
	switch o.kind() {
	case typeEntry:
		b, err := j.pages.at(off, entryHeader)
		if err != nil {
			return false
		}
		r := rawEntry(b)
		if r.seqnum() == 0 || !validTime(r.realtime()) || size > entryHeader+16*maxItems {
			return false
		}
		width := 16
		if j.compact {
			width = 4
		}
		if (size-entryHeader)%uint64(width) != 0 {
			return false
		}
		// One of the payloads is enough: others may be damaged.
		return j.pointsAtData(off+entryHeader, int(size-entryHeader)/width, width)
	case typeData:
		return j.nameAt(off) && j.followed(off, size)
	case typeField:
		b, err := j.pages.at(off, int(min(size, fieldHeader+64)))
		return err == nil && validName(b[fieldHeader:]) && j.followed(off, size)
	case typeArray, typeTag:
		return j.followed(off, size)
	}
	return size%16 == 0 && j.followed(off, size)
}

// pointsAtData says that one of n items leads to a DATA object.
func (j *journal) pointsAtData(at int64, n, width int) bool {
	for i := range min(n, 64) {
		b, err := j.pages.at(at+int64(i*width), width)
		if err != nil {
			return false
		}
		item := uint64(le.Uint32(b))
		if width == 16 {
			item = le.Uint64(b)
		}
		if item == 0 || item%align != 0 || item > uint64(j.size) {
			continue
		}
		if b, err = j.pages.at(int64(item), objectHeader); err == nil && rawObject(b).kind() == typeData && rawObject(b).sound(j.size-int64(item)) {
			return true
		}
	}
	return false
}

// nameAt says that a DATA object starts with the name of a field, or is packed.
func (j *journal) nameAt(off int64) bool {
	b, err := j.pages.at(off, objectHeader)
	if err != nil {
		return false
	}
	o := rawObject(b)
	if o.flags() != 0 {
		return true
	}
	head := j.dataHeader()
	if o.size() <= uint64(head) {
		return false
	}
	if b, err = j.pages.at(off, int(min(o.size(), uint64(head)+80))); err != nil {
		return false
	}
	for i, c := range b[head:] {
		if c == '=' {
			return validName(b[head : head+i])
		}
	}
	return false
}

// validName says that b, up to 64 bytes, can be a field's name.
func validName(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	for i, c := range b {
		if c != '_' && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (j *journal) dataHeader() int {
	if j.compact {
		return dataCompact
	}
	return dataRegular
}

// resync looks for the next object from off on; it gives the file's end if there is none.
func (j *journal) resync(off int64) int64 {
	for n := 0; off+objectHeader <= j.size; off += align {
		if n++; n%(resyncStep/align) == 0 && j.ctx.Err() != nil {
			break
		}
		b, err := j.pages.at(off, objectHeader)
		if err != nil {
			return off // the scan tells it
		}
		if le.Uint64(b) == 0 {
			if off = j.skipZeros(off); off+objectHeader > j.size {
				break
			}
		}
		if j.plausible(off) {
			return off
		}
	}
	return j.size
}

// skipZeros gives the first place from off on that is not zero, in steps of
// align, or the file's end. Holes are not read.
func (j *journal) skipZeros(off int64) int64 {
	for n := 0; off < j.size; n++ {
		if n%256 == 0 {
			if j.ctx.Err() != nil {
				return off
			}
			if j.src.NextData != nil {
				if next := min(j.src.NextData(off), j.size) &^ (align - 1); next > off {
					off = next
					continue
				}
			}
		}
		m := min(int64(4096)-off%4096, j.size-off)
		b, err := j.pages.at(off, int(m))
		if err != nil {
			return off
		}
		for len(b) >= align && le.Uint64(b) == 0 {
			b = b[align:]
			off += align
		}
		if len(b) >= align {
			return off
		}
		if len(b) > 0 {
			return j.size
		}
	}
	return j.size
}

// validTime says whether journald takes a time for one: it is not 0 and less
// than 2^55 microseconds.
func validTime(t uint64) bool { return t > 0 && t < 1<<55 }

// payload gives the field and the value of a DATA object. wanted says, by the
// field's name, its number, or -1 if the value is of no interest. The place is
// that of the payload, 0 where there is no such object; its length is 0 where it
// is packed. The value is cut at maxPayload. An error may come beside a value.
func (j *journal) payload(item uint64, wanted func(name []byte) int) (id int, value string, at, length int64, err error) {
	slot := &j.cache[item*0x9e3779b97f4a7c15>>(64-cacheBits)]
	if slot.offset == item && slot.id < 0 {
		return -1, "", 0, 0, nil
	}
	if item > uint64(j.size) {
		return -1, "", 0, 0, fmt.Errorf("offset %d is past the end of the file", item)
	}
	off, head := int64(item), j.dataHeader()
	b, err := j.object(off, typeData, head)
	if err != nil {
		return -1, "", 0, 0, err
	}
	o := rawData(b)
	flags, size := rawObject(b).flags(), int64(rawObject(b).size())
	at, length = off+int64(head), size-int64(head)
	if slot.offset == item {
		if flags != 0 {
			length = 0
		}
		return slot.id, slot.value, at, length, nil
	}
	sum, shared := o.hash(), o.entries() > 1
	var p []byte
	whole := true
	if flags == 0 {
		if p, err = j.pages.at(at, int(min(length, 80))); err != nil {
			return -1, "", at, 0, err
		}
		if id = fieldOf(p, wanted); id == -1 && length > maxIgnored {
			*slot = cached{offset: item, id: -1}
			return -1, "", at, 0, nil
		}
		n := min(length, maxPayload)
		if j.budget -= n; j.budget < 0 {
			return -1, "", at, 0, errBudget
		}
		if p, err = j.pages.at(at, int(n)); err != nil {
			return -1, "", at, 0, err
		}
		whole = n == length
	} else {
		n := min(length, maxPackedPayload)
		if j.budget -= n; j.budget < 0 {
			return -1, "", at, 0, errBudget
		}
		if p, err = j.pages.at(at, int(n)); err != nil {
			return -1, "", at, 0, err
		}
		packed := p
		length = 0
		if n > maxIgnored {
			if p, _, err = j.unpack.unpack(flags, packed, headPayload); err != nil {
				return -1, "", at, 0, err
			}
			if id = fieldOf(p, wanted); id == -1 {
				*slot = cached{offset: item, id: -1}
				return -1, "", at, 0, nil
			}
		}
		var more bool
		p, more, err = j.unpack.unpack(flags, packed, maxPayload)
		j.budget -= unpackCost * int64(len(p))
		if err != nil {
			return -1, "", at, 0, err
		}
		whole = !more
	}
	damaged := whole && j.hashed && j.hash.sum(p) != sum
	id = fieldOf(p, wanted)
	switch {
	case id == -2:
		return -1, "", at, 0, errName
	case damaged:
		err = errHash // the name may be what is wrong
	case id >= 0 && !whole:
		err = errLong
	case id == -1:
		*slot = cached{offset: item, id: -1}
	}
	if id < 0 {
		return -1, "", at, 0, err
	}
	i := 0
	for p[i] != '=' {
		i++
	}
	value = string(p[i+1:])
	if shared && err == nil && len(value) <= cacheValue {
		*slot = cached{offset: item, id: id, value: value}
	}
	return id, value, at, length, err
}

var (
	errName = errors.New("a payload without a field's name")
	errHash = errors.New("the payload is not what its hash says")
	errLong = fmt.Errorf("the rest of a payload of more than %d bytes is left out", maxPayload)
	// errBudget is told once.
	errBudget = errors.New("the payloads that the entries name come to more than a journal of this size holds; further ones are left out")
)

// fieldOf is what wanted says of the name of the payload; -2 if it has none.
func fieldOf(p []byte, wanted func([]byte) int) int {
	for i, c := range p[:min(len(p), 80)] {
		if c == '=' {
			return wanted(p[:i])
		}
	}
	return -2
}

func (e *entry) bootID() string {
	if e.boot == [16]byte{} {
		return ""
	}
	return hex.EncodeToString(e.boot[:])
}
