package volume

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/diskfs/go-diskfs/partition/mbr"
)

// tableView is what go-diskfs reads a partition table through: the ranges that
// were read and verified here, and zeros for all else. There is no way to write
// through it, and none to make it read elsewhere.
type tableView struct {
	size   int64
	ranges []viewRange
	pos    int64
}

type viewRange struct {
	offset int64
	data   []byte
}

var _ backend.File = (*tableView)(nil)

func (v *tableView) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d", off)
	}
	if off >= v.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), v.size-off))
	clear(p[:n])
	for _, r := range v.ranges {
		from, to := max(off, r.offset), min(off+int64(n), r.offset+int64(len(r.data)))
		if from < to {
			copy(p[from-off:to-off], r.data[from-r.offset:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (v *tableView) Read(p []byte) (int, error) {
	n, err := v.ReadAt(p, v.pos)
	v.pos += int64(n)
	return n, err
}

func (v *tableView) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += v.pos
	case io.SeekEnd:
		offset += v.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	v.pos = offset
	return offset, nil
}

func (v *tableView) Close() error               { return nil }
func (v *tableView) Stat() (fs.FileInfo, error) { return v, nil }
func (v *tableView) Name() string               { return "partition table" }
func (v *tableView) Size() int64                { return v.size }
func (v *tableView) Mode() fs.FileMode          { return 0o444 }
func (v *tableView) ModTime() time.Time         { return time.Time{} }
func (v *tableView) IsDir() bool                { return false }
func (v *tableView) Sys() any                   { return nil }

// guarded runs a call into go-diskfs, which is not made for hostile tables.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("partition table reader failed: %v", p)
		}
	}()
	return call()
}

// diskfsMBR lets go-diskfs read the entries of an MBR.
func diskfsMBR(record bootRecord) (entries [partitionsInMBR]mbrPartition, err error) {
	err = guarded(func() error {
		view := &tableView{size: int64(len(record)), ranges: []viewRange{{0, record}}}
		table, err := mbr.Read(view, sectorSmall, sectorSmall)
		if err != nil {
			return err
		}
		for _, p := range table.Partitions {
			if p == nil || p.Index < 1 || p.Index > len(entries) {
				return errors.New("entry out of the table")
			}
			entries[p.Index-1] = mbrPartition{kind: byte(p.Type), start: p.Start, sectors: p.Size, bootable: p.Bootable}
		}
		return nil
	})
	return entries, err
}

// diskfsGPT lets go-diskfs read the entries of a copy of a GPT that was found
// sound. The copy stands where the primary one would, so that a backup is
// read in the same way.
func diskfsGPT(c *gptCopy) (entries []gptPartition, err error) {
	err = guarded(func() error {
		view := &tableView{size: lastAddressable, ranges: []viewRange{{c.sector, c.header}, {c.arrayOffset, c.array}}}
		table, err := gpt.Read(view, int(c.sector), int(c.sector))
		if err != nil {
			return err
		}
		for _, p := range table.Partitions {
			if p.Type == gpt.Unused {
				continue
			}
			entries = append(entries, gptPartition{
				number: p.Index, first: p.Start, last: p.End, attributes: p.Attributes,
				typeGUID: strings.ToLower(string(p.Type)), guid: strings.ToLower(p.GUID), name: p.Name,
			})
		}
		return nil
	})
	return entries, err
}
