package shellhistory

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"

	"deadbox/timeline"
)

// The first bytes of the histories that are no text.
var (
	ksh93Magic = [2]byte{0x81, 0x01} // HIST_UNDO, HIST_VERSION
	mkshMagic  = [2]byte{0xab, 0xcd} // HMAGIC1, HMAGIC2
)

const (
	kshUndo   = 0x81 // and a NUL: the entry before does not count
	kshNumber = 0x82 // and a NUL, three bytes of the next entry's number, a NUL
	mkshEntry = 0xff // and four bytes of the entry's number, big-endian

	// maxBinary is how much of a binary history is read, in bytes.
	maxBinary = 64 << 20
)

// binary reads the histories of ksh93 and of mksh: entries that end with a NUL
// byte. Those of ksh93 have a newline before it and begin at even offsets; those
// of mksh begin with a byte 0xff and a number.
func binary(ctx context.Context, s *timeline.Source, shell *string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		*shell = "ksh"
		data, errs := timeline.Whole(ctx, s, maxBinary)
		for _, err := range errs {
			if !yield(entry{}, err) {
				return
			}
		}
		if len(data) < 2 {
			return
		}
		mksh := [2]byte(data) == mkshMagic
		var last entry // ksh93 may take it back
		flush := func() bool {
			e := last
			last = entry{}
			return e.command == "" || yield(e, nil)
		}
		for at := 2; at < len(data); {
			if data[at] == 0 {
				at++
				continue
			}
			start := at
			switch {
			case mksh && data[at] == mkshEntry:
				at = min(at+5, len(data))
			case mksh:
				end := bytes.IndexByte(data[at:], mkshEntry)
				if end < 0 {
					end = len(data) - at
				}
				at += end
				if !flush() || !yield(entry{}, s.Damage(int64(start), int64(end), 0, "no entry of a history of mksh", nil)) {
					return
				}
				continue
			case data[at] == kshUndo && at+1 < len(data) && data[at+1] <= 1:
				if data[at+1] == 0 && last.command != "" {
					last.fields = []string{"state", "cancelled"}
				}
				at += 2
				continue
			case data[at] == kshNumber && at+1 < len(data) && data[at+1] == 0:
				at = min(at+6, len(data))
				continue
			}
			text := data[at:]
			end := bytes.IndexByte(text, 0)
			if end >= 0 {
				text = text[:end]
			}
			if len(text) > maxEntry {
				text = text[:maxEntry]
			}
			length := at + len(text) - start
			at += len(text)
			if noise(text) {
				if !flush() || !yield(entry{}, s.Damage(int64(start), int64(length), 0, "no text, left out", nil)) {
					return
				}
				continue
			}
			command := strings.TrimSuffix(string(text), "\n")
			if end < 0 && int64(len(data)) == s.Size && command != "" {
				if !yield(entry{}, s.Damage(int64(start), int64(length), 0, fmt.Sprintf("the last entry of %d bytes has no end", length), nil)) {
					return
				}
			}
			if !flush() {
				return
			}
			last = entry{command: command, offset: int64(start), size: int64(length)}
		}
		flush()
	}
}
