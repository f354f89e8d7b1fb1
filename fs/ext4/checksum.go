package ext4

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is the kernel's: it begins at the given value and has no final
// inversion.
func crc32c(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, castagnoli, p) }

func crc32c32(crc, v uint32) uint32 {
	var b [4]byte
	le.PutUint32(b[:], v)
	return crc32c(crc, b[:])
}

// crc16 is the polynomial x^16+x^15+x^2+1, reflected, that uninit_bg's group
// descriptors use.
func crc16(crc uint16, p []byte) uint16 {
	for _, c := range p {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// crc32be is the kernel's crc32_be: the polynomial 0x04c11db7, highest bit
// first, without a final inversion.
func crc32be(crc uint32, p []byte) uint32 {
	for _, c := range p {
		crc = crc<<8 ^ crc32beTable[byte(crc>>24)^c]
	}
	return crc
}

var crc32beTable = func() (t [256]uint32) {
	for i := range t {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}()

// inodeSeed begins the checksums of all that belongs to one inode.
func (f *FS) inodeSeed(n uint32, generation uint32) uint32 {
	return crc32c32(crc32c32(f.seed, n), generation)
}

// inodeChecksumOK verifies an inode of n. The checksum's own bytes count as
// zeros; raw is not touched, scratch is used for a copy.
func (f *FS) inodeChecksumOK(n uint32, raw rawInode, scratch *[]byte) bool {
	b := le.AppendUint32((*scratch)[:0], n)
	b = le.AppendUint32(b, raw.generation())
	b = append(b, raw...)
	*scratch = b
	own := b[8:]
	clear(own[0x7c:0x7e])
	if !raw.has(0x84) {
		return uint16(crc32c(f.seed, b)) == raw.checksumLo()
	}
	clear(own[0x82:0x84])
	return crc32c(f.seed, b) == uint32(raw.checksumHi())<<16|uint32(raw.checksumLo())
}

// groupChecksum is what a group descriptor's checksum ought to be.
func (f *FS) groupChecksum(g uint32, raw rawGroup) uint16 {
	if f.metadataCsum() {
		crc := crc32c32(f.seed, g)
		crc = crc32c(crc, raw[:0x1e])
		crc = crc32c(crc, []byte{0, 0})
		return uint16(crc32c(crc, raw[0x20:]))
	}
	crc := crc16(0xffff, f.sb.uuid())
	crc = crc16(crc, le.AppendUint32(nil, g))
	crc = crc16(crc, raw[:0x1e])
	if len(raw) > 32 {
		crc = crc16(crc, raw[0x20:])
	}
	return crc
}

// dirBlockChecksumOK verifies the checksum in the entry that ends every
// directory block.
func (f *FS) dirBlockChecksumOK(seed uint32, block []byte) bool {
	tail := rawDirent(block[len(block)-tailSize:])
	if tail.inode() != 0 || tail.recLen() != tailSize || tail.nameLen() != 0 || tail.fileType() != tailFileType {
		return false
	}
	return crc32c(seed, block[:len(block)-tailSize]) == le.Uint32(tail[8:])
}

// indexChecksumOK verifies a block of an htree's index, whose entries' limit
// and count stand at the given offset. The checksum follows the last possible
// entry.
func (f *FS) indexChecksumOK(seed uint32, block []byte, at int) bool {
	limit, count := int(le.Uint16(block[at:])), int(le.Uint16(block[at+2:]))
	tail := at + 8*limit
	if count > limit || tail+8 > len(block) {
		return true // without room for a checksum: the caller judges limit and count
	}
	crc := crc32c(seed, block[:at+8*count])
	crc = crc32c(crc, block[tail:tail+4])
	crc = crc32c32(crc, 0)
	return crc == le.Uint32(block[tail+4:])
}
