package report

import (
	"bytes"
	"fmt"

	"deadbox/timeline"
)

// Batch is what a case makes of a run of file records: rows that are formatted
// but not yet written. Several batches may be filled at once; the order in which
// they are added decides the bytes.
type Batch struct {
	records, body, rows []byte
	moments             []batchMoment
	scratch             []Moment
	files               int64
}

// batchMoment is a row of the timeline: a part of rows.
type batchMoment struct {
	Moment
	end int
}

// Fill formats the records of files, those of kind file that have a File, for
// AddBatch. What the batch held before is forgotten. Unlike the other methods it
// may be called from several goroutines, each with a batch of its own.
func (c *Case) Fill(b *Batch, records []timeline.Record) error {
	b.records, b.body, b.rows, b.moments, b.files = b.records[:0], b.body[:0], b.rows[:0], b.moments[:0], 0
	for i := range records {
		r := &records[i]
		if !isFile(r) {
			return fmt.Errorf("record of kind %q is not that of a file", r.Kind)
		}
		b.files++
		b.records = append(AppendRecord(b.records, r), '\n')
		b.body = AppendBody(b.body, r.File, false)
		b.scratch = Moments(b.scratch[:0], &r.File.Times)
		for _, w := range b.scratch {
			b.rows = c.packer.pack(b.rows, w.MACB, r.File, &r.Evidence)
			b.moments = append(b.moments, batchMoment{w, len(b.rows)})
		}
	}
	return nil
}

// AddBatch writes what Fill made, as Add does record by record.
func (c *Case) AddBatch(b *Batch) error {
	if b.files == 0 {
		return nil
	}
	c.counts.Records += b.files
	c.counts.Kinds[timeline.KindFile] += b.files
	c.counts.Files += b.files
	if _, err := c.records.Write(b.records); err != nil {
		return err
	}
	if _, err := c.body.Write(b.body); err != nil {
		return err
	}
	start := 0
	for i := range b.moments {
		w := &b.moments[i]
		c.activity.AddFile(w.Moment)
		c.counts.Events++
		if err := c.spool.Add(w.Sec, w.Nsec, b.rows[start:w.end]); err != nil {
			return err
		}
		start = w.end
	}
	return nil
}

// timelineBlock is a run of the sorted timeline on its way to its two files.
type timelineBlock struct {
	rows         []byte // as the spool gave them
	moments      []batchMoment
	lines, cells []byte
}

// timelineRows is how many rows a block has at the most.
const timelineRows = 1024

func (b *timelineBlock) reset() { b.rows, b.moments = b.rows[:0], b.moments[:0] }

func (b *timelineBlock) add(sec int64, nsec int32, row []byte) {
	b.rows = append(b.rows, row...)
	b.moments = append(b.moments, batchMoment{Moment{Sec: sec, Nsec: nsec}, len(b.rows)})
}

// format makes the rows of both files.
func (b *timelineBlock) format(p *packer) {
	b.lines, b.cells = b.lines[:0], b.cells[:0]
	var f timeline.File
	var ev timeline.Evidence
	start := 0
	for i := range b.moments {
		w := &b.moments[i]
		row := b.rows[start:w.end]
		start = w.end
		if row[0] == packedText {
			n := bytes.IndexByte(row, '\n') + 1
			b.lines, b.cells = append(b.lines, row[1:n]...), append(b.cells, row[n:]...)
			continue
		}
		w.MACB = p.unpack(row, &f, &ev)
		b.lines = AppendTimesketchFile(b.lines, w.Moment, &f, &ev)
		b.cells = AppendTimesketchFileCSV(b.cells, w.Moment, &f, &ev)
	}
}
