// Package baseline compares a server with a known-good state of it, file by
// file.
//
// Content is compared byte by byte, never guessed from sizes and times: two
// files count as the same only if their bytes are. Of a clone (a disk image of the
// same file systems, taken earlier) everything else is compared too, inode numbers
// and the times of the inodes included. Of a baseline that was made in another way,
// such as a fresh installation, what depends on the making is left out; [Lineage]
// says of which kind each file system is.
package baseline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/timeline"
)

// What a [timeline.Change] can be.
const (
	Added      = "added"
	Deleted    = "deleted"
	Content    = "content"    // the bytes differ, or the target of a symbolic link
	Metadata   = "metadata"   // the bytes are the same
	Type       = "type"       // another kind of file
	Uncompared = "uncompared" // it is on both sides, but one of them could not be read
)

// Options are those of [Diff].
type Options struct {
	Workers  int                     // goroutines that read content; 0: one for each CPU
	Progress func(done, total int64) // bytes of content compared; from several goroutines
}

// Diff yields a record of kind [timeline.KindChange] for each path that
// differs, sorted by the bytes of the path. Access times are not compared. Record.File
// is the file on the image, or, if it is deleted, the one on the baseline; the
// evidence is the inode of that file. A regular file on the image comes with its
// hash and type.
//
// A change of a directory that only says that names in it came or went has the
// field "explained" = "entries": other records say which. Errors say what could not be
// compared, and where; a file that could not be is also a record, of What
// [Uncompared]. The order and the records do not depend on the number of workers.
//
// Both hosts' indexes are built if they have none. Memory is about 130 bytes for
// each file that both sides have, beside the indexes, and the path of each that differs.
func Diff(ctx context.Context, image, base *host.Host, opt Options) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		d := &differ{ctx: ctx, opt: opt}
		fail := func(errs []error) bool {
			for _, err := range errs {
				if !yield(timeline.Record{}, err) {
					return false
				}
			}
			return ctx.Err() == nil
		}
		if !fail(d.open(image, base)) {
			d.last(yield)
			return
		}
		d.walk(d.collect)
		if !fail(d.errs) {
			d.last(yield)
			return
		}
		d.errs = nil
		d.compare()
		d.seqAt = 0
		d.walk(d.judge)
		slices.SortFunc(d.changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
		d.hash()
		for i := range d.changes {
			if ctx.Err() != nil {
				break
			}
			if !d.emit(&d.changes[i], yield) {
				return
			}
		}
		d.last(yield)
	}
}

// differ is the state of one comparison.
type differ struct {
	ctx     context.Context
	opt     Options
	a, b    side // the image and the baseline
	same    map[[2]*host.Mount]bool
	pairs   []pair  // regular files to compare, each pair of inodes once
	seq     []int32 // the pair of the n-th comparison of the walk
	seqAt   int
	later   []oneSided
	linked  map[[2]host.Node]int32 // pairs of files with several names
	failed  map[int32]failure
	changes []change
	hashes  []content.Result
	errs    []error
}

// change is a path that differs; its record is made when it is its turn.
type change struct {
	path      string
	a, b      host.Node // Inum 0 where a side has not got it
	pair      int32     // of the comparison of content; -1 if there was none
	hashA     int32     // in hashes; -1 if none
	hashB     int32
	explained bool
}

// last ends the sequence with the context's error.
func (d *differ) last(yield func(timeline.Record, error) bool) {
	if err := d.ctx.Err(); err != nil {
		yield(timeline.Record{}, err)
	}
}

// Lineage says, a sentence for each file system of the image, what it is compared
// with and how closely.
func Lineage(image, base *host.Host) []string {
	var out []string
	for _, m := range image.Mounts {
		o := counterpart(m, image, base)
		switch {
		case o == nil && strings.HasPrefix(m.Point, "/<"):
			out = append(out, fmt.Sprintf("%s (%s) has no counterpart in the baseline and is not compared", m.Point, m.Volume.Slot))
		case o == nil && absentAt(base, m.Point):
			out = append(out, fmt.Sprintf("%s (%s) is not compared: the baseline's fstab names a file system for it that was not given", m.Point, m.Volume.Slot))
		case o == nil:
			out = append(out, fmt.Sprintf("%s (%s) is compared with what the baseline has there on another file system: inode numbers, change and birth times, and the sizes and times of directories are left out", m.Point, m.Volume.Slot))
		case sameLineage(m, o):
			out = append(out, fmt.Sprintf("%s (%s) is an earlier or later state of the baseline's file system (%s): everything is compared", m.Point, m.Volume.Slot, m.FS.Info().UUID))
		default:
			out = append(out, fmt.Sprintf("%s (%s) and the baseline's are different file systems: inode numbers, change and birth times, and the sizes and times of directories are left out", m.Point, m.Volume.Slot))
		}
	}
	for _, m := range base.Mounts {
		if counterpart(m, base, image) == nil && (strings.HasPrefix(m.Point, "/<") || absentAt(image, m.Point)) {
			out = append(out, fmt.Sprintf("the baseline's %s (%s) is not compared: the image has no such file system", m.Point, m.Volume.Slot))
		}
	}
	return out
}

// sameLineage reports whether two file systems are states of one and the
// same: made by the same mkfs, at the same second.
func sameLineage(a, b *host.Mount) bool {
	x, y := a.FS.Info(), b.FS.Info()
	return x.UUID != "" && x.UUID == y.UUID && x.Type != "" && x.Created.Known && x.Created == y.Created
}

// unnamed reports whether a mount stands at its slot for want of a place.
func unnamed(m *host.Mount) bool { return strings.HasPrefix(m.Point, "/<") }

// counterpart is the mount of the other host that stands at the same place.
// Those without a place are matched by their UUIDs first: the slots may differ.
func counterpart(m *host.Mount, own, other *host.Host) *host.Mount {
	if unnamed(m) {
		for _, o := range other.Mounts {
			if u := o.FS.Info().UUID; unnamed(o) && u != "" && u == m.FS.Info().UUID {
				return o
			}
		}
	}
	for _, o := range other.Mounts {
		if o.Point != m.Point {
			continue
		}
		if unnamed(o) && counterpartByUUID(o, own) {
			return nil
		}
		return o
	}
	return nil
}

// counterpartByUUID reports whether an unnamed mount belongs to another one.
func counterpartByUUID(m *host.Mount, in *host.Host) bool {
	for _, o := range in.Mounts {
		if u := o.FS.Info().UUID; unnamed(o) && u != "" && u == m.FS.Info().UUID {
			return true
		}
	}
	return false
}

// absentAt reports whether a host's fstab names a file system for a place
// that is not part of the evidence.
func absentAt(h *host.Host, point string) bool {
	return slices.ContainsFunc(h.Absent, func(a host.Absent) bool { return a.Point == point })
}

func pathError(n host.Node, path string, err error) error {
	var p *host.PathError
	if errors.As(err, &p) {
		return err
	}
	e := &host.PathError{Path: path, Inode: n.Inum, Err: err}
	if n.Mount != nil {
		e.Image, e.Volume = n.Mount.Image, n.Mount.Volume.Slot
	}
	return e
}

func inode(n host.Node) (*filesystem.Inode, error) { return n.Mount.FS.Inode(n.Inum) }
