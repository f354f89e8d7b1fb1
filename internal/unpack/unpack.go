// Package unpack reads files that were packed by gzip, xz, bzip2, Zstandard and
// LZ4, told by their first bytes.
package unpack

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// HeadSize is how many bytes [Detect] wants to see.
const HeadSize = 14

// maxWindow bounds the memory that a packed file can ask for, in bytes.
const maxWindow = 128 << 20

// Detect names the format of a file by its first bytes: "gzip", "xz", "bzip2",
// "zstd", "lz4"; "" for any other.
//
// RFC 1952; https://tukaani.org/xz/xz-file-format.txt; RFC 8878;
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
func Detect(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b\x08")):
		return "gzip"
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return "xz"
	case len(head) >= 10 && bytes.HasPrefix(head, []byte("BZh")) && head[3] >= '1' && head[3] <= '9' &&
		(bytes.Equal(head[4:10], []byte("1AY&SY")) || bytes.Equal(head[4:10], []byte("\x17\x72\x45\x38\x50\x90"))):
		return "bzip2"
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "zstd"
	case bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")):
		return "lz4"
	}
	return ""
}

// NewReader reads what a file of this format holds, all of its members. The
// memory that it takes is bounded, whatever the file asks for.
func NewReader(format string, r io.Reader) (io.ReadCloser, error) {
	switch format {
	case "gzip":
		return gzip.NewReader(r)
	case "xz":
		b := bufio.NewReader(r)
		if n := xzDictionary(b); n > maxWindow {
			return nil, fmt.Errorf("xz: a dictionary of %d bytes, more than the %d that are allowed", n, maxWindow)
		}
		x, err := xz.NewReader(b)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case "lz4":
		return io.NopCloser(lz4.NewReader(r)), nil
	}
	return nil, fmt.Errorf("unpack: %q: %w", format, errors.ErrUnsupported)
}

// xzDictionary is the size of the dictionary that the first block asks for, in
// bytes; 0 if its header cannot be read, which the library will say better. The
// filter flags are the last of the header, before padding and checksum.
// https://tukaani.org/xz/xz-file-format.txt, 3.1 and 5.3.1
func xzDictionary(b *bufio.Reader) int64 {
	const streamHeader, lzma2 = 12, "\x21\x01"
	head, _ := b.Peek(streamHeader + 1)
	if len(head) <= streamHeader {
		return 0
	}
	head, _ = b.Peek(streamHeader + (int(head[streamHeader])+1)*4)
	i := bytes.LastIndex(head[streamHeader:], []byte(lzma2))
	if i < 0 || streamHeader+i+2 >= len(head) {
		return 0
	}
	bits := head[streamHeader+i+2] & 0x3f
	if bits >= 40 {
		return 1<<32 - 1
	}
	return int64(2|bits&1) << (bits/2 + 11)
}
