package ext4_test

import "hash/crc32"

// fixSuper sets the primary superblock's checksum right.
func (o *overlay) fixSuper() {
	b := make([]byte, 1020)
	if _, err := o.ReadAt(b, 1024); err != nil {
		panic(err)
	}
	o.put32(1024+1020, ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
