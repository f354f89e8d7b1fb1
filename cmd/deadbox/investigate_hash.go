package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"deadbox/report"
)

// hashing is the SHA-256 of an image on its way.
type hashing struct {
	ev   *evidence
	done chan struct{}
	sums []string // of each segment
	all  string
	err  error
}

// startHashes begins to hash the images while they are being examined.
func (v *investigator) startHashes() {
	for _, ev := range []*evidence{v.ev, v.base} {
		if ev == nil {
			continue
		}
		h := &hashing{ev: ev, done: make(chan struct{})}
		v.hashes = append(v.hashes, h)
		if v.opts.noHash {
			close(h.done)
			continue
		}
		v.toHash += ev.image.Size()
		go func() {
			defer close(h.done)
			h.run(v.ctx, &v.hashed)
		}()
	}
}

// run hashes the segments and, with zeros for what lies between them, the
// whole. It counts the bytes in n.
func (h *hashing) run(ctx context.Context, n *atomic.Int64) {
	whole := sha256.New()
	buf := make([]byte, 1<<20)
	im := h.ev.image
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
	im := h.ev.image
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
