package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/timeline"
)

const (
	maxQuote     = 2048    // bytes of a piece of evidence that a report may quote
	maxBeginning = 512     // bytes of a file that a report may quote
	maxUnpacked  = 2 << 30 // bytes that are unpacked for quotes, in all
)

// quoter reads what evidence points to.
type quoter struct {
	v      *investigator
	packed map[packedFile]map[int]string // the lines that findings name
	budget int64
}

type packedFile struct {
	volume string
	inode  filesystem.Inum
}

// excerpt is the text that a piece of evidence points to, cut; "" for what is
// no text, or cannot be read.
func (q *quoter) excerpt(ev timeline.Evidence) string {
	im := q.v.ev.image
	if ev.Line == 0 || ev.Image != im.Name() {
		return ""
	}
	if ev.Packed != "" {
		of := packedFile{ev.Volume, ev.Inode}
		lines, ok := q.packed[of]
		if !ok {
			lines = q.unpack(of, ev.Path)
			q.packed[of] = lines
		}
		return lines[ev.Line]
	}
	if ev.Offset < 0 || ev.Length <= 0 {
		return ""
	}
	buf := make([]byte, min(ev.Length, maxQuote))
	n, _ := im.ReadAt(buf, ev.Offset)
	return string(buf[:n])
}

// beginning is the start of the file whose inode a piece of evidence is, if it is
// text of any kind.
func (q *quoter) beginning(ev timeline.Evidence) string {
	m := q.v.mountOf(ev.Volume)
	if m == nil || ev.Image != q.v.ev.image.Name() || ev.Inode == 0 || ev.Line != 0 {
		return ""
	}
	f, err := q.v.host.OpenNode(host.Node{Mount: m, Inum: ev.Inode}, ev.Path)
	if err != nil || !f.Inode.Allocated {
		return ""
	}
	buf := make([]byte, min(f.Size(), maxBeginning))
	n, err := content.Head(f, buf)
	if err != nil || n == 0 || bytes.IndexByte(buf[:n], 0) >= 0 {
		return ""
	}
	return string(buf[:n])
}

// unpack reads the lines of a packed file that findings name.
func (q *quoter) unpack(of packedFile, path string) map[int]string {
	last, out := 0, map[int]string{}
	for i := range q.v.inv.Findings {
		for _, ev := range q.v.inv.Findings[i].Evidence {
			if ev.Volume == of.volume && ev.Inode == of.inode && ev.Packed == "gzip" {
				out[ev.Line] = ""
				last = max(last, ev.Line)
			}
		}
	}
	m := q.v.mountOf(of.volume)
	if m == nil || last == 0 {
		return nil
	}
	f, err := q.v.host.OpenNode(host.Node{Mount: m, Inum: of.inode}, path)
	if err != nil {
		return nil // those who read it whole have reported it
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), 64<<10))
	if err != nil {
		return nil
	}
	r := bufio.NewReaderSize(z, 64<<10)
	var text []byte
	for line := 1; line <= last && q.budget > 0 && q.v.ctx.Err() == nil; {
		chunk, err := r.ReadSlice('\n')
		q.budget -= int64(len(chunk))
		_, named := out[line]
		if named {
			text = append(text, chunk[:min(len(chunk), maxQuote-len(text))]...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if named {
			out[line], text = string(text), text[:0]
		}
		if err != nil {
			break
		}
		line++
	}
	return out
}
