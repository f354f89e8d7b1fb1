package triage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

const (
	gzipBlock = 1 << 20 // bytes that are packed by themselves
	gzipLevel = 5
)

// gzipWriter packs blocks of a fixed size on several goroutines and joins them
// to one gzip member, whose bytes do not depend on how many there are. The header
// has neither name nor time. RFC 1951, RFC 1952.
type gzipWriter struct {
	out   io.Writer
	cur   *packBlock
	queue chan *packBlock // in the order of writing
	free  chan *packBlock
	done  chan struct{}
	err   atomic.Pointer[error]
	crc   uint32
	size  uint32 // modulo 2^32, as the trailer has it
}

type packBlock struct {
	in    []byte
	out   bytes.Buffer
	w     *flate.Writer
	ready chan struct{}
}

func newGzipWriter(out io.Writer) *gzipWriter {
	n := runtime.GOMAXPROCS(0) + 1
	z := &gzipWriter{out: out, queue: make(chan *packBlock, n), free: make(chan *packBlock, n), done: make(chan struct{})}
	for range n {
		b := &packBlock{in: make([]byte, 0, gzipBlock), ready: make(chan struct{}, 1)}
		b.w, _ = flate.NewWriter(&b.out, gzipLevel) // fails only for levels that do not exist
		z.free <- b
	}
	z.cur = <-z.free
	go z.run()
	return z
}

func (z *gzipWriter) fail(err error) { z.err.CompareAndSwap(nil, &err) }

func (z *gzipWriter) failed() error {
	if err := z.err.Load(); err != nil {
		return *err
	}
	return nil
}

// run writes the packed blocks in their order.
func (z *gzipWriter) run() {
	defer close(z.done)
	const unknownSystem = 255
	if _, err := z.out.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, unknownSystem}); err != nil {
		z.fail(err)
	}
	for b := range z.queue {
		<-b.ready
		if z.failed() == nil {
			if _, err := z.out.Write(b.out.Bytes()); err != nil {
				z.fail(err)
			}
		}
		b.in = b.in[:0]
		z.free <- b
	}
}

func (b *packBlock) pack(z *gzipWriter) {
	b.out.Reset()
	b.w.Reset(&b.out)
	_, err := b.w.Write(b.in)
	if err == nil {
		err = b.w.Flush() // ends the block at a byte, the stream goes on
	}
	if err != nil {
		z.fail(err)
	}
	b.ready <- struct{}{}
}

func (z *gzipWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(len(p), gzipBlock-len(z.cur.in))
		z.cur.in = append(z.cur.in, p[:n]...)
		if p = p[n:]; len(z.cur.in) == gzipBlock {
			z.submit()
			z.cur = <-z.free
		}
	}
	return written, z.failed()
}

func (z *gzipWriter) submit() {
	b := z.cur
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b.in)
	z.size += uint32(len(b.in))
	z.queue <- b
	go b.pack(z)
}

// Close packs what is left and ends the member.
func (z *gzipWriter) Close() error {
	if len(z.cur.in) > 0 {
		z.submit()
	}
	close(z.queue)
	<-z.done
	if err := z.failed(); err != nil {
		return err
	}
	tail := []byte{3, 0} // an empty last block of fixed codes
	tail = binary.LittleEndian.AppendUint32(tail, z.crc)
	tail = binary.LittleEndian.AppendUint32(tail, z.size)
	_, err := z.out.Write(tail)
	return err
}
