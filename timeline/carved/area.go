// Package carved finds what was deleted by what it looks like: it reads the
// bytes of a volume that no file owns, recognises lines of logs, records of logins
// and whole files in them, and hands the lines to the extractors that read the live
// logs, so that the records have the same kinds and fields.
//
// What also stands in a file of the server is not listed, and what stands in
// several places is listed once, with the number of its copies.
package carved

import (
	"cmp"
	"context"
	"io"
	"slices"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
)

// Names of areas, the values of the field "recovered".
const (
	Unallocated = "unallocated" // blocks that no file owns
	Slack       = "slack"       // what stands behind a file's end in its blocks, and in blocks that were set aside for it and not written
	Journal     = "journal"     // the journal of a file system
	Swap        = "swap"        // a swap partition or file
	Gap         = "gap"         // what no partition covers
	Volume      = "volume"      // a volume whose file system cannot be read
)

// Run is a range of bytes of a volume that stand together.
type Run struct{ Offset, Length int64 }

// Area is a part of a volume that is searched: its runs one after the other.
type Area struct {
	Name      string      // Unallocated, ...
	Image     string      // the evidence file's name
	Volume    string      // slot
	Data      io.ReaderAt // of the volume
	BlockSize int64       // bytes; files begin at multiples of it
	Runs      []Run       // by their offsets, not empty, none over another
	// Joined says that a file may go on in the next run: of blocks that one file left.
	// Text never does; a file is only read on where its own structure says how long it is.
	Joined bool
	// Place turns a range of the volume into one of an image, as host.Mount.PlaceRange does.
	Place func(off, length int64) (image string, at, n int64)
	// Created and Written are when the file system was made and last written, as far as it
	// says: the bounds of times without a year.
	Created, Written filesystem.Time

	start []int64 // of each run among the area's bytes, and of their end
}

// prepare sorts the runs and counts their bytes.
func (a *Area) prepare() {
	a.Runs = slices.DeleteFunc(slices.Clone(a.Runs), func(r Run) bool { return r.Length <= 0 || r.Offset < 0 })
	slices.SortFunc(a.Runs, func(x, y Run) int { return cmp.Compare(x.Offset, y.Offset) })
	kept := a.Runs[:0]
	for _, r := range a.Runs {
		if n := len(kept); n > 0 {
			// Damaged maps can claim a block twice.
			if end := kept[n-1].Offset + kept[n-1].Length; r.Offset < end {
				if r.Offset+r.Length <= end {
					continue
				}
				r = Run{end, r.Offset + r.Length - end}
			}
			if a.Joined && kept[n-1].Offset+kept[n-1].Length == r.Offset {
				kept[n-1].Length += r.Length
				continue
			}
		}
		kept = append(kept, r)
	}
	a.Runs = kept
	a.start = make([]int64, 0, len(a.Runs)+1)
	total := int64(0)
	for _, r := range a.Runs {
		a.start = append(a.start, total)
		total += r.Length
	}
	a.start = append(a.start, total)
}

// Size is the number of bytes of all runs.
func (a *Area) Size() int64 {
	total := int64(0)
	for _, r := range a.Runs {
		total += r.Length
	}
	return total
}

// run gives the run that holds a byte of the area.
func (a *Area) run(at int64) int {
	i, found := slices.BinarySearch(a.start, at)
	if !found {
		i--
	}
	return i
}

// offset turns a byte of the area into one of the volume.
func (a *Area) offset(at int64) int64 {
	i := a.run(at)
	if i < 0 || i >= len(a.Runs) {
		return -1
	}
	return a.Runs[i].Offset + at - a.start[i]
}

// runEnd is where the run that holds a byte ends, in the area.
func (a *Area) runEnd(at int64) int64 { return a.start[a.run(at)+1] }

// ReadAt reads the area's bytes, over the ends of runs.
func (a *Area) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for i := a.run(off); done < len(p); i++ {
		if i < 0 || i >= len(a.Runs) {
			return done, io.EOF
		}
		from := off + int64(done) - a.start[i]
		n := min(int64(len(p)-done), a.Runs[i].Length-from)
		got, err := a.Data.ReadAt(p[done:done+int(n)], a.Runs[i].Offset+from)
		done += min(max(got, 0), int(n))
		if int64(got) < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
	}
	return done, nil
}

// AreasOf gives the areas of a file system: unallocated blocks, slack, the
// journal, swap files. Data reads the bytes of its volume as they stand on the disk.
// The errors are places whose owner could not be told; they are left out.
func AreasOf(ctx context.Context, m *host.Mount, data io.ReaderAt) ([]*Area, []error) {
	info := m.FS.Info()
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, &host.PathError{Image: m.Image, Volume: m.Volume.Slot, Err: err})
		}
	}
	area := func(name string, joined bool) *Area {
		return &Area{Name: name, Image: m.Image, Volume: m.Volume.Slot, Data: data, BlockSize: max(info.BlockSize, 512), Joined: joined,
			Place: m.PlaceRange, Created: info.Created, Written: info.Written}
	}
	free, slack, journal, swap := area(Unallocated, true), area(Slack, false), area(Journal, false), area(Swap, false)
	for e, err := range m.FS.Unallocated(ctx) {
		if err != nil {
			fail(err)
			continue
		}
		free.Runs = append(free.Runs, Run{e.Offset, e.Length})
	}
	for in, err := range m.FS.Inodes(ctx) {
		if err != nil {
			continue // the walk over the inodes is reported by who lists files
		}
		own := info.System[in.Inum]
		if !in.Allocated || own != "" && own != "journal" || own == "" && in.Mode.Type() != filesystem.Regular {
			continue
		}
		c, _ := m.FS.Content(in)
		if c == nil {
			continue
		}
		if own == "journal" {
			journal.Runs = append(journal.Runs, dataOf(c)...)
			continue
		}
		slack.Runs = append(slack.Runs, slackOf(c)...)
		if in.Mode&0o777 == 0o600 && in.Size >= 1<<20 && isSwap(c) {
			swap.Runs = append(swap.Runs, dataOf(c)...)
		}
	}
	out := []*Area{free, slack, journal, swap}
	return slices.DeleteFunc(out, func(a *Area) bool { return len(a.Runs) == 0 }), errs
}

// slackOf are the bytes of a file's blocks that are not its content.
func slackOf(c filesystem.Content) []Run {
	var out []Run
	size := c.Size()
	for _, e := range c.Extents() {
		from := max(size-e.Logical, 0)
		switch {
		case e.Offset < 0 || e.Kind == filesystem.Inline || e.Kind == filesystem.Encrypted:
			continue
		case e.Kind == filesystem.Unwritten:
			from = 0
		case e.Kind != filesystem.Data:
			continue
		}
		if from < e.Length {
			out = append(out, Run{e.Offset + from, e.Length - from})
		}
	}
	return out
}

func dataOf(c filesystem.Content) []Run {
	var out []Run
	for _, e := range c.Extents() {
		if e.Kind == filesystem.Data && e.Offset >= 0 {
			out = append(out, Run{e.Offset, e.Length})
		}
	}
	return out
}

// isSwap tells a swap file by the signature that ends its first page,
// include/linux/swap.h of Linux. Such files are their owner's alone, mkswap(8).
func isSwap(c filesystem.Content) bool {
	var b [10]byte
	for _, page := range [...]int64{4096, 16384, 65536} {
		if n, _ := c.ReadAt(b[:], page-10); n == 10 && string(b[:]) == "SWAPSPACE2" {
			return true
		}
	}
	return false
}

// Raw gives the area of a range of an image without a file system: a gap, a swap
// partition.
func Raw(name, image, slot string, data io.ReaderAt, offset, length int64) *Area {
	return &Area{Name: name, Image: image, Volume: slot, Data: data, BlockSize: 512, Runs: []Run{{0, length}},
		Place: func(off, n int64) (string, int64, int64) { return image, offset + off, n }}
}
