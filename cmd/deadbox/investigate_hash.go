package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"deadbox/report"
)

// hashing is the SHA-256 of an image on its way.
type hashing struct {
	ev   *evidence
	of   *piece
	done chan struct{}
	sums []string // of each segment
	all  string
	read int64 // bytes of a tarball
	err  error
}

// startHashes begins to hash the images while they are being examined.
func (v *investigator) startHashes() {
	for _, ev := range []*evidence{v.ev, v.base} {
		if ev == nil {
			continue
		}
		for _, d := range ev.disks {
			v.startHash(&hashing{ev: ev, of: d, done: make(chan struct{})})
		}
	}
}

func (v *investigator) startHash(h *hashing) {
	v.hashes = append(v.hashes, h)
	info, err := os.Stat(h.of.name)
	switch {
	case v.opts.noHash || h.of.image == nil && (err != nil || info.IsDir()):
		close(h.done)
		return
	case h.of.image != nil:
		v.toHash += h.of.image.Size()
	default:
		v.toHash += info.Size()
	}
	go func() {
		defer close(h.done)
		if h.of.image != nil {
			h.run(v.ctx, &v.hashed)
		} else {
			h.tarball(v.ctx, &v.hashed)
		}
	}()
}

// tarball hashes a file that stands for an image.
func (h *hashing) tarball(ctx context.Context, n *atomic.Int64) {
	f, err := os.Open(h.of.name)
	if err != nil {
		h.err = err
		return
	}
	defer f.Close()
	sum := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if h.err = ctx.Err(); h.err != nil {
			return
		}
		got, err := f.Read(buf)
		sum.Write(buf[:got])
		h.read += int64(got)
		n.Add(int64(got))
		if err == io.EOF {
			break
		}
		if err != nil {
			h.err = fmt.Errorf("no SHA-256: %w", err)
			return
		}
	}
	h.all = hex.EncodeToString(sum.Sum(nil))
}

// run hashes the segments and, with zeros for what lies between them, the
// whole. It counts the bytes in n.
func (h *hashing) run(ctx context.Context, n *atomic.Int64) {
	whole := sha256.New()
	buf := make([]byte, 1<<20)
	im := h.of.image
	segments := im.Segments()
	at := int64(0)
	for _, s := range segments {
		part := sha256.New()
		to := io.Writer(whole)
		if len(segments) > 1 {
			to = io.MultiWriter(whole, part)
		}
		if h.err = writeZeros(ctx, whole, s.Offset-at); h.err != nil {
			return
		}
		for at = s.Offset; at < s.Offset+s.Size; {
			if h.err = ctx.Err(); h.err != nil {
				return
			}
			got, err := im.ReadAt(buf[:min(int64(len(buf)), s.Offset+s.Size-at)], at)
			to.Write(buf[:got])
			n.Add(int64(got))
			if at += int64(got); err != nil && at < s.Offset+s.Size {
				h.err = fmt.Errorf("no SHA-256: byte %d: %w", at, err)
				return
			}
		}
		if len(segments) > 1 {
			h.sums = append(h.sums, hex.EncodeToString(part.Sum(nil)))
		}
	}
	if h.err = writeZeros(ctx, whole, im.Size()-at); h.err != nil {
		return
	}
	h.all = hex.EncodeToString(whole.Sum(nil))
}

func writeZeros(ctx context.Context, w io.Writer, n int64) error {
	if n <= 0 {
		return nil
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(zeros)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.Write(zeros[:min(n, int64(len(zeros)))])
	}
	return nil
}

// awaitHashes waits for the hashes, and says how far they are.
func (v *investigator) awaitHashes() {
	before := v.hashed.Load()
	v.app.people.begin("computing the SHA-256 of the images", v.toHash-before, unitBytes)
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for _, h := range v.hashes {
		for waiting := true; waiting; {
			select {
			case <-h.done:
				waiting = false
			case <-tick.C:
				v.app.people.set(v.hashed.Load() - before)
			}
		}
	}
}

// evidenceFile describes the image, once its hash is there.
func (h *hashing) evidenceFile() report.EvidenceFile {
	im := h.of.image
	if im == nil {
		e := report.EvidenceFile{Path: h.of.name, Size: h.read, SHA256: h.all}
		if info, err := os.Stat(h.of.name); err == nil && !info.IsDir() {
			e.Size = info.Size()
		}
		return e
	}
	e := report.EvidenceFile{Path: im.Name(), Size: im.Size(), SHA256: h.all, Lost: im.Lost()}
	for i, s := range im.Segments() {
		seg := report.Segment{Path: s.Path, Offset: s.Offset, Size: s.Size}
		if i < len(h.sums) {
			seg.SHA256 = h.sums[i]
		} else if len(im.Segments()) == 1 && im.Size() == s.Size {
			seg.SHA256 = h.all
		}
		e.Segments = append(e.Segments, seg)
	}
	return e
}
