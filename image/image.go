// Package image opens evidence containers, read-only.
package image

// Image is the evidence as one run of bytes: an io.ReaderAt with a size.
// Its methods may be called concurrently.
type Image struct {
	name     string
	size     int64
	segments []Segment
	lost     []Range
}

// Segment is one file of the evidence.
type Segment struct {
	Path   string
	Offset int64 // of its first byte, from the start of the image
	Size   int64 // bytes
}

// Range is a run of bytes of the image, with what is known of it.
type Range struct {
	Offset int64
	Length int64
	Reason string
}

// Name is the path that the image was opened by.
func (im *Image) Name() string { return im.name }

// Size is the image's length in bytes, ranges that are lost included.
func (im *Image) Size() int64 { return im.size }

// Segments lists the files that the image consists of, in order.
func (im *Image) Segments() []Segment { return im.segments }

// Lost lists the ranges that cannot be read because a segment is missing or short.
func (im *Image) Lost() []Range { return im.lost }
