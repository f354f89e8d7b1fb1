package ext4

import (
	"encoding/binary"
	"fmt"

	"deadbox/fs/filesystem"
)

// FastCommit is one record of the fast-commit area: a change that was logged
// without copies of blocks.
// https://docs.kernel.org/filesystems/ext4/journal.html#fast-commits
type FastCommit struct {
	Sequence uint32          // of the transaction that it goes on from
	Kind     string          // "create", "link", "unlink", "inode", "add range", "delete range"
	Inum     filesystem.Inum // that changed
	Parent   filesystem.Inum // directory, for the three kinds of names
	Name     []byte          // likewise
	Logical  int64           // bytes from the start of the file, for ranges
	Length   int64           // likewise
	Block    int64           // of the file system, for an added range
	Raw      []byte          // bytes of the inode, for an inode
	Complete bool            // the tail of its fast commit is there and its checksum fits
	Live     bool            // a mount would carry it out
	Offset   int64           // of the record on the journal's device
}

// maxFast bounds the memory for records of fast commits.
const maxFast = 1 << 20

var fastKinds = map[uint16]string{
	fastAddRange: "add range", fastDelRange: "delete range", fastCreate: "create", fastLinked: "link", fastUnlink: "unlink", fastInode: "inode",
}

// readFast reads the fast-commit area. A fast commit is a run of records that
// ends with a tail; its checksum goes over all of them, from block to block.
func (j *Journal) readFast() {
	if j.info.FastBlocks == 0 {
		return
	}
	block := make([]byte, j.blockSize)
	var crc uint32
	from := 0 // first record without a tail
	seq := uint32(0)
	for pos := j.last; pos < j.last+j.info.FastBlocks; pos++ {
		if err := j.readBlock(pos, block); err != nil {
			j.damaged(err)
			continue
		}
		offset, _ := j.place(pos)
		for at := 0; at+4 <= len(block); {
			tag, n := le.Uint16(block[at:]), int(le.Uint16(block[at+2:]))
			if tag < fastAddRange || tag > fastHead || at+4+n > len(block) {
				break
			}
			value := block[at+4 : at+4+n]
			switch {
			case tag == fastHead && n >= 8:
				seq, from, crc = binary.LittleEndian.Uint32(value[4:]), len(j.fast), 0
				crc = crc32c(crc, block[at:at+4+n])
			case tag == fastTail && n >= 8:
				crc = crc32c(crc, block[at:at+8])
				good := le.Uint32(value[4:]) == crc && le.Uint32(value) == seq
				for ; from < len(j.fast); from++ {
					j.fast[from].Complete = good
				}
				crc = 0
			case tag == fastPad:
				crc = crc32c(crc, block[at:at+4+n])
			default:
				crc = crc32c(crc, block[at:at+4+n])
				if r, ok := j.fastRecord(tag, value); ok && len(j.fast) < maxFast {
					r.Sequence, r.Offset = seq, offset+int64(at)
					j.fast = append(j.fast, r)
				}
			}
			at += 4 + n
		}
	}
}

func (j *Journal) fastRecord(tag uint16, v []byte) (FastCommit, bool) {
	r := FastCommit{Kind: fastKinds[tag]}
	bs := j.blockSize
	switch {
	case tag == fastAddRange && len(v) >= 16:
		n := int64(le.Uint16(v[8:]))
		if n > unwrittenBase {
			n -= unwrittenBase
		}
		r.Inum, r.Logical, r.Length = filesystem.Inum(le.Uint32(v)), int64(le.Uint32(v[4:]))*bs, n*bs
		r.Block = int64(le.Uint16(v[10:]))<<32 | int64(le.Uint32(v[12:]))
	case tag == fastDelRange && len(v) >= 12:
		r.Inum, r.Logical, r.Length = filesystem.Inum(le.Uint32(v)), int64(le.Uint32(v[4:]))*bs, int64(le.Uint32(v[8:]))*bs
	case (tag == fastCreate || tag == fastLinked || tag == fastUnlink) && len(v) >= 8:
		r.Parent, r.Inum = filesystem.Inum(le.Uint32(v)), filesystem.Inum(le.Uint32(v[4:]))
		r.Name = append([]byte(nil), v[8:]...)
	case tag == fastInode && len(v) >= 4+inodeBase:
		r.Inum = filesystem.Inum(le.Uint32(v))
		r.Raw = append([]byte(nil), v[4:]...)
	default:
		j.damaged(fmt.Errorf("journal: fast commit: record %d of %d bytes", tag, len(v)))
		return r, false
	}
	return r, true
}

// FastCommits lists the records of the fast-commit area, in its order.
func (j *Journal) FastCommits() []FastCommit {
	out := make([]FastCommit, len(j.fast))
	copy(out, j.fast)
	for i := range out {
		// The kernel goes on from the log's head with fast commits of just that sequence.
		out[i].Live = out[i].Complete && out[i].Sequence == j.head
	}
	return out
}
