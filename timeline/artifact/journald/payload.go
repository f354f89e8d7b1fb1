package journald

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"deadbox/internal/unpack"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxPayload is how much of a payload is kept, in bytes, as of a line of
	// text. A core dump that an old systemd put into the journal has many times that;
	// its field is left out before it is unpacked.
	maxPayload = 1 << 20
	// maxPackedPayload is how much of a packed payload is read. What is kept of it fits.
	maxPackedPayload = 2 * maxPayload
	// headPayload is how much is unpacked of a large payload, to see which field it is.
	headPayload = 64
)

// unpacker unpacks the payloads of a file.
type unpacker struct {
	zstd *zstd.Decoder
	buf  []byte
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// unpack gives the first limit bytes of a packed payload, and whether there is
// more. They are valid until the next call. What comes beside an error is the part that can be read.
func (u *unpacker) unpack(flags uint8, p []byte, limit int) (payload []byte, more bool, err error) {
	switch flags {
	case objectZSTD:
		payload, err = u.unzstd(p, limit+1)
	case objectLZ4:
		payload, err = u.unlz4(p, limit+1)
	case objectXZ:
		var r io.ReadCloser
		if r, err = unpack.NewReader("xz", bytes.NewReader(p)); err == nil {
			payload, err = u.read(r, limit+1)
			r.Close()
		}
	default:
		return nil, false, fmt.Errorf("packed in a way that flags %#x mean: %w", flags, errors.ErrUnsupported)
	}
	if len(payload) > limit {
		return payload[:limit], true, nil
	}
	return payload, false, err
}

// read reads up to limit bytes.
func (u *unpacker) read(r io.Reader, limit int) ([]byte, error) {
	u.buf = u.buf[:0]
	for len(u.buf) < limit {
		if len(u.buf) == cap(u.buf) {
			grown := make([]byte, len(u.buf), max(4096, 2*cap(u.buf)))
			copy(grown, u.buf)
			u.buf = grown
		}
		n, err := r.Read(u.buf[len(u.buf):min(cap(u.buf), limit)])
		u.buf = u.buf[:len(u.buf)+n]
		if err == io.EOF {
			break
		} else if err != nil {
			return u.buf, err
		}
	}
	return u.buf, nil
}

// maxWindow bounds the memory that a frame can ask for.
const maxWindow = 8 << 20

// unzstd reads the Zstandard frame of a payload (RFC 8878).
func (u *unpacker) unzstd(p []byte, limit int) ([]byte, error) {
	if u.zstd == nil {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxPayload+1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		u.zstd = z
	}
	var h zstd.Header
	if err := h.Decode(p); err == nil && h.HasFCS && h.FrameContentSize < uint64(limit) {
		out, err := u.zstd.DecodeAll(p, u.buf[:0])
		if cap(out) > cap(u.buf) {
			u.buf = out
		}
		return out, err
	}
	// Its size is not said, or it is more than is wanted.
	z, err := zstd.NewReader(bytes.NewReader(p), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return u.read(z, limit)
}

var errLZ4 = errors.New("lz4: the block is damaged")

// unlz4 reads the size of a payload in 8 bytes, and the LZ4 block behind it
// (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md) up to limit.
func (u *unpacker) unlz4(p []byte, limit int) ([]byte, error) {
	if len(p) < 8 {
		return nil, errLZ4
	}
	size := le.Uint64(p)
	limit = int(min(uint64(limit), size))
	p = p[8:]
	out := u.buf[:0]
	defer func() { u.buf = out[:0] }()
	for len(p) > 0 {
		token := p[0]
		p = p[1:]
		n, rest, ok := lz4Length(int(token>>4), p)
		if !ok || n > len(rest) {
			return out, errLZ4
		}
		out = append(out, rest[:n]...)
		if p = rest[n:]; len(out) >= limit || len(p) == 0 {
			break
		}
		if len(p) < 2 {
			return out, errLZ4
		}
		back := int(le.Uint16(p))
		n, p, ok = lz4Length(int(token&15), p[2:])
		if !ok || back == 0 || back > len(out) {
			return out, errLZ4
		}
		// The match may reach into what it makes.
		for n = min(n+4, limit-len(out)); n > 0; {
			m := min(n, back)
			out = append(out, out[len(out)-back:len(out)-back+m]...)
			n -= m
		}
		if len(out) >= limit {
			break
		}
	}
	if len(out) < limit {
		return out, errLZ4
	}
	return out[:limit], nil
}

// lz4Length reads the bytes that lengthen a length of 15.
func lz4Length(n int, p []byte) (int, []byte, bool) {
	if n < 15 {
		return n, p, true
	}
	for i, c := range p {
		if n += int(c); c != 255 {
			return n, p[i+1:], true
		}
	}
	return 0, nil, false
}
