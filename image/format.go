package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FormatError is a file that holds an image in a form that is not read.
type FormatError struct {
	Path   string
	Format string // "an EWF (E01) image"
	Advice string // what to do instead
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%q is %s, which is not read yet; %s", e.Path, e.Format, e.Advice)
}

// Unwrap gives errors.ErrUnsupported.
func (e *FormatError) Unwrap() error { return errors.ErrUnsupported }

// format is a container that is recognised by bytes at a fixed place.
type format struct {
	offset int64
	magic  string
	name   string
	advice string
}

const (
	adviceEWF    = `convert it with "ewfexport -t disk -f raw FILE.E01"`
	adviceQemu   = `convert it with "qemu-img convert -O raw IMAGE disk.raw"`
	adviceUnpack = "unpack it first"
	adviceAFF    = "convert it to a raw image with the AFF tools"
)

// formats lists the containers. Each magic is long enough, or stands where a
// boot sector has code or a file system has nothing, that no raw image is refused by chance.
var formats = []format{
	{0, "EVF\x09\x0d\x0a\xff\x00", "an EWF (E01) image", adviceEWF},
	{0, "EVF2\x0d\x0a\x81\x00", "an EWF version 2 (Ex01) image", adviceEWF},
	{0, "LVF\x09\x0d\x0a\xff\x00", "an EWF logical evidence file (L01)", "export its files with the tool that made it"},
	{0, "QFI\xfb", "a QEMU copy-on-write (qcow, qcow2) image", adviceQemu},
	{0, "QED\x00", "a QEMU enhanced disk (QED) image", adviceQemu},
	{0, "KDMV", "a VMware sparse disk (VMDK)", adviceQemu},
	{0, "COWD", "a VMware copy-on-write disk (VMDK)", adviceQemu},
	{0, "# Disk DescriptorFile", "a VMware disk descriptor (VMDK)", "give the raw extent that it names (often FILE-flat.vmdk), or " + adviceQemu},
	{0, "conectix", "a dynamic virtual hard disk (VHD)", adviceQemu},
	{0, "vhdxfile", "a Hyper-V virtual hard disk (VHDX)", adviceQemu},
	{64, "\x7f\x10\xda\xbe", "a VirtualBox disk (VDI)", adviceQemu},
	{0, "WithoutFreeSpace", "a Parallels disk (HDD)", adviceQemu},
	{0, "WithouFreSpacExt", "a Parallels disk (HDD)", adviceQemu},
	{0, "AFF10\r\n\x00", "an AFF image", adviceAFF},
	{0, "\x1f\x8b\x08", "compressed with gzip", adviceUnpack + ` with "gzip -dk"`},
	{0, "\xfd7zXZ\x00", "compressed with xz", adviceUnpack + ` with "xz -dk"`},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd", adviceUnpack + ` with "zstd -d"`},
	{0, "\x5e\x2a\x4d\x18", "compressed with zstd", adviceUnpack + ` with "zstd -d"`},
	{0, "\x04\x22\x4d\x18", "compressed with lz4", adviceUnpack + ` with "lz4 -d"`},
	{0, "\x89LZO\x00\x0d\x0a\x1a\x0a", "compressed with lzop", adviceUnpack + ` with "lzop -d"`},
	{4, "1AY&SY", "compressed with bzip2", adviceUnpack + ` with "bzip2 -dk"`},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", adviceUnpack},
	{0, "PK\x03\x04", "a ZIP archive (or an AFF4 image)", adviceUnpack},
	{0, "Rar!\x1a\x07", "a RAR archive", adviceUnpack},
	{257, "ustar", "a tar archive", adviceUnpack},
}

// recognise tells by its first and last bytes whether a file is a raw image.
// It returns how many of its bytes belong to the image, and a sentence
// about the rest.
func recognise(path string, r io.ReaderAt, size int64) (keep int64, note string, err error) {
	// A bad first sector is no reason to refuse: the read is judged when it matters.
	head := make([]byte, sectorSize)
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	for _, f := range formats {
		if f.offset < int64(len(head)) && bytes.HasPrefix(head[f.offset:], []byte(f.magic)) {
			return 0, "", &FormatError{Path: path, Format: f.name, Advice: f.advice}
		}
	}
	if size < 2*sectorSize {
		return size, "", nil
	}
	tail := make([]byte, sectorSize)
	if n, _ := r.ReadAt(tail, size-sectorSize); n < len(tail) {
		return size, "", nil
	}
	switch f := vhdFooter(tail); {
	case bytes.HasPrefix(tail, []byte("koly\x00\x00\x00\x04")):
		return 0, "", &FormatError{Path: path, Format: "an Apple disk image (DMG)", Advice: adviceQemu}
	case f.fixed() && f.diskSize() == uint64(size-sectorSize):
		return size - sectorSize, fmt.Sprintf("%q is a fixed virtual hard disk (VHD): its last 512 bytes, the footer, are left out.", path), nil
	}
	return size, "", nil
}

// vhdFooter is the last sector of a virtual hard disk, big-endian: "Virtual
// Hard Disk Image Format Specification", version 1.0.
type vhdFooter []byte

func (b vhdFooter) cookie() string   { return string(b[0:8]) }
func (b vhdFooter) diskSize() uint64 { return binary.BigEndian.Uint64(b[48:]) } // bytes
func (b vhdFooter) diskType() uint32 { return binary.BigEndian.Uint32(b[60:]) } // 2: fixed
func (b vhdFooter) checksum() uint32 { return binary.BigEndian.Uint32(b[64:]) } // complement of the sum of the other bytes

func (b vhdFooter) fixed() bool {
	if b.cookie() != "conectix" || b.diskType() != 2 {
		return false
	}
	var sum uint32
	for i, c := range b {
		if i < 64 || i >= 68 {
			sum += uint32(c)
		}
	}
	return ^sum == b.checksum()
}
