package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/internal/unpack"
	"deadbox/report"
	"deadbox/timeline"
)

const (
	maxQuote    = 2048    // bytes of a piece of evidence that a report may quote
	maxText     = 1 << 20 // bytes of a file that are compared with the baseline's
	maxUnpacked = 2 << 30 // bytes that are unpacked for quotes, in all
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
	format string // "" for a file that is not packed, of a tree
}

// excerpt is the text that a piece of evidence points to, cut; "" for what is
// no text, or cannot be read.
func (q *quoter) excerpt(ev timeline.Evidence) string {
	d := q.v.ev.disk(ev.Image)
	if ev.Line == 0 || d == nil {
		return ""
	}
	if ev.Packed != "" || d.image == nil {
		of := packedFile{ev.Volume, ev.Inode, ev.Packed}
		lines, ok := q.packed[of]
		if !ok {
			lines = q.unpack(of, ev.Path)
			q.packed[of] = lines
		}
		return q.shown(ev, lines[ev.Line])
	}
	if ev.Offset < 0 || ev.Length <= 0 {
		return ""
	}
	buf := make([]byte, min(ev.Length, maxQuote))
	n, _ := d.image.ReadAt(buf, ev.Offset)
	return q.shown(ev, string(buf[:n]))
}

func (q *quoter) shown(ev timeline.Evidence, line string) string {
	if secret(ev.Path) {
		return maskHash(line)
	}
	return line
}

// fileText is what is worth quoting of the file whose inode a piece of evidence
// is, if it is text of any kind: the lines that the baseline's has not, else its
// beginning.
func (q *quoter) fileText(ev timeline.Evidence) report.FileText {
	m := q.v.mountOf(ev.Volume)
	if m == nil || q.v.ev.disk(ev.Image) == nil || ev.Inode == 0 || ev.Line != 0 || secret(ev.Path) {
		return report.FileText{}
	}
	text := readText(q.v.host, host.Node{Mount: m, Inum: ev.Inode}, ev.Path)
	if text == nil || bytes.Contains(text, []byte("PRIVATE KEY")) {
		return report.FileText{}
	}
	if q.v.baseHost != nil {
		if n, in, _, err := q.v.baseHost.Find(ev.Path, false); err == nil && n.Mount != nil && in.Mode.Type() == filesystem.Regular {
			if t := newLines(text, readText(q.v.baseHost, n, ev.Path)); t.Text != "" {
				return t
			}
		}
	}
	return report.FileText{Label: "the file begins", Text: string(text[:min(len(text), maxQuote)])}
}

// newLines picks the lines of a text that a former one has not, or, if there
// are none, those of the former one that are gone. Lines that only changed their
// places are neither.
func newLines(text, former []byte) report.FileText {
	if former == nil || bytes.Equal(text, former) {
		return report.FileText{}
	}
	missing := func(in, from []byte) string {
		have := map[string]int{}
		for line := range bytes.Lines(from) {
			have[string(bytes.TrimSpace(line))]++
		}
		var out []byte
		for line := range bytes.Lines(in) {
			key := string(bytes.TrimSpace(line))
			if have[key]--; have[key] < 0 && key != "" && len(out) < maxQuote {
				out = append(append(out, key...), '\n')
			}
		}
		return string(out)
	}
	if added := missing(text, former); added != "" {
		return report.FileText{Label: "lines that the baseline has not", Text: added, New: true}
	}
	return report.FileText{Label: "lines of the baseline that are gone", Text: missing(former, text), New: true}
}

// readText reads the beginning of a file; nil if it is no text, or cannot be
// read.
func readText(h *host.Host, n host.Node, path string) []byte {
	f, err := h.OpenNode(n, path)
	if err != nil || !f.Inode.Allocated {
		return nil
	}
	buf := make([]byte, min(f.Size(), maxText))
	got, err := content.Head(f, buf)
	if buf = buf[:got]; err != nil || got == 0 || bytes.IndexByte(buf[:min(got, 4096)], 0) >= 0 {
		return nil
	}
	return buf
}

// secret reports whether a file holds the hashes of passwords, which have no
// place in a report.
func secret(path string) bool {
	switch strings.TrimSuffix(path, "-") {
	case "/etc/shadow", "/etc/gshadow", "/etc/master.passwd", "/etc/security/opasswd":
		return true
	}
	return false
}

// maskHash takes the hash out of a line of shadow. What is no hash stays: a
// password that is empty, locked or disabled.
func maskHash(line string) string {
	name, rest, ok := strings.Cut(line, ":")
	hash, rest, more := strings.Cut(rest, ":")
	if !ok || !more || len(hash) < 4 {
		return line
	}
	return name + ":(hash):" + rest
}

// unpack reads the lines that findings name of a file whose lines have no place
// of their own on an image: of a packed one, of one in a tree.
func (q *quoter) unpack(of packedFile, path string) map[int]string {
	last, out := 0, map[int]string{}
	for i := range q.v.inv.Findings {
		for _, ev := range q.v.inv.Findings[i].Evidence {
			if ev.Volume == of.volume && ev.Inode == of.inode && ev.Packed == of.format {
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
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), 64<<10)
	if of.format != "" {
		z, err := unpack.NewReader(of.format, r)
		if err != nil {
			return nil
		}
		defer z.Close()
		r = bufio.NewReaderSize(z, 64<<10)
	}
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
