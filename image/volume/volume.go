// Package volume finds the volumes of an image: what the partition tables
// name, what lies between, and what is on each.
package volume

// Volume is one run of bytes of the image that a partition table names, that
// lies between partitions, or that is a bare file system.
type Volume struct {
	Index     int    // place in Layout.Volumes, from 1
	Slot      string // "gpt:1", "mbr:5", "bare", "gap:1": stable names for --volume and for evidence
	Offset    int64  // from the start of the image
	Length    int64  // bytes, as the table says
	Missing   int64  // bytes of Length that lie past the end of the image
	Allocated bool   // false for a gap between partitions
	TypeID    string // GPT type GUID in lower case, or MBR type as "0x83"
	Type      string // its name: "Linux filesystem"
	Label     string // of the GPT entry
	UUID      string // of the GPT entry, or MBR disk signature and number as Linux's PARTUUID
	Bootable  bool
	Found     Signature // what its first bytes say it holds
}

// Signature is what the bytes of a volume say it holds.
type Signature struct {
	Kind  string // "ext4", "ext3", "ext2", "xfs", "btrfs", "swap", "lvm2", "luks", "md", "fat", "ntfs", ...; "" if nothing is known
	Label string
	UUID  string
}

// Layout is how an image is divided.
type Layout struct {
	Table      string   // "gpt", "mbr", "none"
	SectorSize int64    // bytes
	Volumes    []Volume // in the order of their offsets
	Notes      []string // a sentence each: the backup GPT header was used, ...
	Damage     []error  // *DamageError
}

// DamageError is a part of a partition table that says what cannot be, or
// that lies outside of the image.
type DamageError struct {
	Structure string // "GPT header", "extended boot record", ...
	Offset    int64  // from the start of the image
	Reason    string
}
