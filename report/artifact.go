package report

import (
	"slices"
	"strconv"
	"time"

	"deadbox/timeline"
)

// This file writes records as the extractors gave them: one row a record, not
// one for each of its times.

// ArtifactHeader is the first line of the CSV of records.
const ArtifactHeader = "kind,record,time,what,note,more_times,summary,fields,image,volume,inode,path,path_bytes,offset,length,line,packed\n"

// AppendArtifact appends the JSON form of a record: kind (the name of its
// extractor), record (its own kind), summary, stamps, fields, evidence. summary,
// stamps, fields and evidence are always there.
func AppendArtifact(dst []byte, r *timeline.Record) []byte {
	dst = str(append(dst, '{'), "kind", r.Extractor)
	dst = str(dst, "record", r.Kind)
	dst = str(dst, "summary", r.Summary)
	dst = append(key(dst, "stamps"), '[')
	for i := range r.Stamps {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendStamp(dst, &r.Stamps[i])
	}
	dst = append(dst, ']')
	dst = appendFields(key(dst, "fields"), r.Fields)
	dst = AppendEvidence(key(dst, "evidence"), &r.Evidence)
	return append(dst, '}', '\n')
}

// AppendArtifactCSV appends a record as a row of the CSV. time, what and note
// are of its first stamp, more_times are the others.
func AppendArtifactCSV(dst []byte, r *timeline.Record) []byte {
	dst = AppendCSV(dst, r.Extractor)
	dst = AppendCSV(append(dst, ','), r.Kind)
	dst = append(dst, ',')
	if len(r.Stamps) > 0 {
		s := &r.Stamps[0]
		dst = appendStd(dst, s.When)
		dst = AppendCSV(append(dst, ','), s.What)
		dst = AppendCSV(append(dst, ','), s.Note)
	} else {
		dst = append(dst, ",,"...)
	}
	var more []byte
	for i := range r.Stamps[min(1, len(r.Stamps)):] {
		s := &r.Stamps[i+1]
		if more != nil {
			more = append(more, "; "...)
		}
		more = appendStd(append(append(more, s.What...), ' '), s.When)
	}
	dst = AppendCSV(append(dst, ','), string(more))
	dst = AppendCSV(append(dst, ','), r.Summary)
	dst = append(dst, ',')
	if len(r.Fields) > 0 {
		dst = AppendCSV(dst, string(appendFields(nil, r.Fields)))
	}
	e := &r.Evidence
	dst = AppendCSV(append(dst, ','), e.Image)
	dst = AppendCSV(append(dst, ','), e.Volume)
	dst = append(dst, ',')
	if e.Inode != 0 {
		dst = strconv.AppendUint(dst, uint64(e.Inode), 10)
	}
	dst = appendPathCells(dst, e.Path)
	dst = append(dst, ',')
	if e.Offset >= 0 {
		dst = strconv.AppendInt(dst, e.Offset, 10)
		dst = strconv.AppendInt(append(dst, ','), e.Length, 10)
	} else {
		dst = append(dst, ',')
	}
	dst = append(dst, ',')
	if e.Line > 0 {
		dst = strconv.AppendInt(dst, int64(e.Line), 10)
	}
	dst = AppendCSV(append(dst, ','), e.Packed)
	return append(dst, '\n')
}

// RowOptions say how [AppendArtifactRow] writes.
type RowOptions struct {
	Zone      *time.Location
	Full      bool // all times and fields, and the place in the image
	Kind      bool // the kind before the summary
	KindWidth int
}

// shownElsewhere are the fields that a record's summary says, or that a row
// shows by itself.
var shownElsewhere = []string{"message", "text", "command"}

// AppendArtifactRow appends a row for people: the first time, with a "?" behind it
// where the source does not say it whole, the summary, the place.
func AppendArtifactRow(dst []byte, r *timeline.Record, row *RowOptions) []byte {
	if len(r.Stamps) > 0 {
		s := &r.Stamps[0]
		dst = AppendTimeIn(dst, s.When.Unix(), int32(s.When.Nanosecond()), row.Zone, false)
		if s.Note != "" {
			dst = append(dst, '?')
		} else {
			dst = append(dst, ' ')
		}
	} else {
		dst = append(dst, "(no time)                  "...)
	}
	dst = append(dst, ' ')
	if row.Kind {
		dst = AppendText(dst, r.Extractor)
		for n := len(r.Extractor); n < row.KindWidth; n++ {
			dst = append(dst, ' ')
		}
		dst = append(dst, "  "...)
	}
	dst = AppendText(dst, Cut(r.Summary, maxArtifact))
	dst = append(dst, "  ["...)
	dst = AppendText(dst, r.Evidence.Path)
	if r.Evidence.Line > 0 {
		dst = append(dst, ':')
		dst = strconv.AppendInt(dst, int64(r.Evidence.Line), 10)
	}
	dst = append(dst, "]\n"...)
	if !row.Full {
		return dst
	}
	for i := range r.Stamps {
		s := &r.Stamps[i]
		dst = append(AppendText(append(dst, "    "...), s.What), ": "...)
		dst = AppendTimeIn(dst, s.When.Unix(), int32(s.When.Nanosecond()), row.Zone, true)
		if s.Note != "" {
			dst = append(AppendText(append(dst, " ("...), s.Note), ')')
		}
		dst = append(dst, '\n')
	}
	var few [16]string
	for _, name := range sortedKeys(few[:0], r.Fields) {
		if slices.Contains(shownElsewhere, name) && r.Fields[name] == r.Summary {
			continue
		}
		dst = append(AppendText(append(dst, "    "...), name), ": "...)
		dst = append(AppendText(dst, Cut(r.Fields[name], maxArtifact)), '\n')
	}
	if e := &r.Evidence; e.Offset >= 0 {
		dst = append(AppendText(append(dst, "    at: "...), e.Image), ", byte "...)
		dst = strconv.AppendInt(dst, e.Offset, 10)
		dst = append(dst, ", "...)
		dst = strconv.AppendInt(dst, e.Length, 10)
		dst = append(dst, " bytes\n"...)
	}
	return dst
}

// maxArtifact is how much of a text a row for people shows, in bytes.
const maxArtifact = 2000
