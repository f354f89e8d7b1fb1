package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"deadbox/fs/filesystem"
)

type catOptions struct {
	output outputOptions
	target targetOptions
	slack  string
}

const (
	slackAfter = "after"
	slackOnly  = "only"
)

func newCatCommand(a *app) *cobra.Command {
	var opts catOptions
	cmd := &cobra.Command{
		Use:   "cat IMAGE [PATH]",
		Short: "Write the content of a file",
		Long: `Write the content of a file, which is named by its path on the server or by
its inode. Holes are zeros. A link is followed if it was named by its path; by
its inode, its target is what is written. A deleted file is named by its inode:
"deadbox ls -r --deleted" lists them.

A range that cannot be read is written as zeros, so that all other bytes stay at
their places, and is reported on standard error.

The slack of a file is what follows its end in its last block: often a rest of
another, older file. --slack writes it after the content, --slack=only alone.

The Sleuth Kit's cousin is icat.` + withHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox cat disk.dd /etc/passwd
  deadbox cat --inode 12 disk.dd > file
  deadbox cat --inode 12 --slack=only disk.dd | xxd
  deadbox cat --volume 1 -o copy disk.dd /etc/passwd`,
		Args: imageAndPathArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCat(cmd.Context(), a, &opts, args)
		},
	}
	opts.target.addFlags(cmd)
	cmd.Flags().StringVar(&opts.slack, "slack", "", "write the slack too: after, only")
	cmd.Flags().Lookup("slack").NoOptDefVal = slackAfter
	opts.output.addFlags(cmd, "raw")
	return cmd
}

func runCat(ctx context.Context, a *app, opts *catOptions, args []string) error {
	if opts.slack != "" && opts.slack != slackAfter && opts.slack != slackOnly {
		return usagef("--slack=%s: want --slack or --slack=only", opts.slack)
	}
	path, err := opts.target.path(args, true)
	if err != nil {
		return err
	}
	ev, err := opts.target.source.open(ctx, a, args[0])
	if err != nil {
		return err
	}
	defer ev.close()
	t, err := ev.find(ctx, &opts.target, path, true)
	if err != nil {
		return err
	}
	c, mapErr := t.mount.FS.Content(t.inode)
	if c == nil {
		return fmt.Errorf("inode %d: %w", t.inode.Inum, orError(mapErr, errors.New("no content")))
	}
	if mapErr != nil {
		a.damage(t.name(), mapErr)
	}
	return a.withOutput(&opts.output, ev, func(o *output) error {
		if opts.slack != slackOnly {
			if err := a.copyContent(ctx, o, t, c, mapErr); err != nil {
				return err
			}
		}
		if opts.slack != "" {
			return ev.copySlack(o, t, c)
		}
		return nil
	})
}

func orError(err, other error) error {
	if err == nil {
		return other
	}
	return err
}

// copyContent writes the bytes of a file in their order. Holes are not read.
// mapErr is the damage that was met when the file was mapped, which reading the
// part that could not be mapped gives again.
func (a *app) copyContent(ctx context.Context, o *output, t *target, c filesystem.Content, mapErr error) error {
	size := c.Size()
	a.people.begin("reading", size, unitBytes)
	defer a.people.end()
	w := &sparseWriter{o: o}
	at := int64(0)
	for _, x := range c.Extents() {
		if x.Logical > at { // not mapped: reading says why
			if err := a.copyRange(ctx, w, t.name(), c, at, min(x.Logical, size), mapErr); err != nil {
				return err
			}
			at = min(x.Logical, size)
		}
		end := min(x.Logical+x.Length, size)
		if end <= at {
			continue
		}
		var err error
		if x.Kind == filesystem.Hole || x.Kind == filesystem.Unwritten {
			for at < end && err == nil {
				n := min(end-at, 1<<30)
				err = orError(w.zeros(n), ctx.Err())
				a.people.add(n)
				at += n
			}
		} else {
			err = a.copyRange(ctx, w, t.name(), c, at, end, mapErr)
		}
		if err != nil {
			return err
		}
		at = end
	}
	if err := a.copyRange(ctx, w, t.name(), c, at, size, mapErr); err != nil {
		return err
	}
	return w.close()
}

// copyRange copies bytes from..to of a file. What cannot be read is reported
// and written as zeros.
func (a *app) copyRange(ctx context.Context, w *sparseWriter, name string, c io.ReaderAt, from, to int64, mapErr error) error {
	const chunk, sector = 1 << 20, 512
	if from >= to {
		return nil
	}
	buf := make([]byte, min(to-from, chunk))
	lostFrom, lostTo, lostErr := int64(0), int64(0), error(nil)
	report := func() {
		if lostErr == nil {
			return
		}
		if mapErr == nil || lostErr.Error() != mapErr.Error() {
			a.damage(fmt.Sprintf("%s: bytes %d to %d are written as zeros", name, lostFrom, lostTo-1), lostErr)
		} else {
			a.warn(fmt.Sprintf("%s: bytes %d to %d are written as zeros", name, lostFrom, lostTo-1))
		}
		lostErr = nil
	}
	lose := func(n int64, err error) {
		if lostErr != nil && (lostTo != from || lostErr.Error() != err.Error()) {
			report()
		}
		if lostErr == nil {
			lostFrom, lostErr = from, err
		}
		lostTo = from + n
	}
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(to-from, int64(len(buf)))]
		n, err := c.ReadAt(b, from)
		if n == len(b) {
			err = nil
		}
		if n > 0 {
			if _, werr := w.Write(b[:n]); werr != nil {
				return werr
			}
			a.people.add(int64(n))
			from += int64(n)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		// The place itself could not be read: go on after it, a sector
		// further in the file.
		skip := min(sector-from%sector, to-from)
		if mapErr != nil && err.Error() == mapErr.Error() {
			skip = to - from
		}
		lose(skip, err)
		if err := w.zeros(skip); err != nil {
			return err
		}
		a.people.add(skip)
		from += skip
	}
	report()
	return nil
}

// copySlack writes what follows the end of the file in its last block, as it
// stands on the disk.
func (ev *evidence) copySlack(o *output, t *target, c filesystem.Content) error {
	size, block := c.Size(), t.mount.FS.Info().BlockSize
	to := size
	if block > 0 && size%block != 0 {
		to += block - size%block
	}
	found, ahead := false, int64(0)
	for _, x := range c.Extents() {
		end := x.Logical + x.Length
		if end <= size || x.Offset < 0 || x.Kind == filesystem.Inline {
			continue
		}
		from := max(size, x.Logical)
		ahead += max(end-max(from, to), 0)
		if end = min(end, to); end <= from {
			continue
		}
		found = true
		offset := x.Offset + from - x.Logical
		n, err := io.Copy(o, ev.reader(t.mount, offset, end-from))
		if err != nil && isWriteError(o, err) {
			return err
		}
		if short := end - from - n; short > 0 {
			image, at := t.mount.Place(offset + n)
			ev.app.damage(t.name(), fmt.Errorf("%d bytes of the slack at byte %d of %s: %w",
				short, at, ev.theImage(ev.disk(image)), orError(err, io.ErrUnexpectedEOF)))
		}
	}
	if !found {
		ev.app.note(t.name() + ": no slack: the file ends where its last block does, or has no block there")
	}
	if ahead > 0 {
		ev.app.note(fmt.Sprintf("%s: %d more bytes are allocated after the last block; \"deadbox stat\" says where", t.name(), ahead))
	}
	return nil
}

// isWriteError tells an error of the output from one of the evidence.
func isWriteError(o *output, err error) bool {
	_, werr := o.Write(nil)
	return werr != nil && errors.Is(err, werr)
}

// sparseWriter writes a file's bytes. In a new regular file, long runs of
// zeros stay holes.
type sparseWriter struct {
	o       *output
	skipped int64 // zeros that were skipped since the last write
}

var zeros [64 << 10]byte

func (w *sparseWriter) Write(b []byte) (int, error) {
	if err := w.seek(false); err != nil {
		return 0, err
	}
	return w.o.Write(b)
}

func (w *sparseWriter) zeros(n int64) error {
	if w.o.sparse {
		w.skipped += n
		return nil
	}
	for n > 0 {
		k, err := w.o.Write(zeros[:min(n, int64(len(zeros)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// seek moves the file over the zeros that were skipped; at the end of the
// file it makes the file as long as it is.
func (w *sparseWriter) seek(end bool) error {
	if w.skipped == 0 {
		return nil
	}
	if err := w.o.Flush(); err != nil {
		return err
	}
	at, err := w.o.file.Seek(w.skipped, io.SeekCurrent)
	if err == nil && end {
		err = w.o.file.Truncate(at)
	}
	w.skipped = 0
	return err
}

func (w *sparseWriter) close() error { return w.seek(true) }
