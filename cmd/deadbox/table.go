package main

import (
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"deadbox/report"
)

// table is a plain table in aligned columns, without lines, which other
// programs can split at runs of blanks. Cells are escaped.
type table struct {
	head   []string
	right  []int // columns that are aligned to the right
	indent string
	rows   [][]string
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = report.Text(c)
	}
	t.rows = append(t.rows, cells)
}

// filled are the columns that have a value at all.
func (t *table) filled() []int {
	var keep []int
	for i := range t.head {
		if len(t.rows) == 0 || slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			keep = append(keep, i)
		}
	}
	return keep
}

// choose gives some of the cells of a row.
func choose(cells []string, columns []int) []string {
	out := make([]string, len(columns))
	for n, i := range columns {
		out[n] = cells[i]
	}
	return out
}

// write writes the table. Columns without a single value are left out.
func (t *table) write(o *output) error {
	keep := t.filled()
	kept := func(cells []string) []string { return choose(cells, keep) }
	var align []tw.Align
	for _, i := range keep {
		if slices.Contains(t.right, i) {
			align = append(align, tw.AlignRight)
		} else {
			align = append(align, tw.AlignLeft)
		}
	}
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Alignment:  tw.CellAlignment{PerColumn: align},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: "  "}},
	}
	var text strings.Builder
	tab := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
	)
	tab.Header(kept(t.head))
	for _, row := range t.rows {
		if err := tab.Append(kept(row)); err != nil {
			return err
		}
	}
	if err := tab.Render(); err != nil {
		return err
	}
	var err error
	for i, line := range strings.Split(strings.TrimRight(text.String(), "\n"), "\n") {
		line = t.indent + strings.TrimRight(line, " ")
		if i == 0 {
			line = o.paint(colorBold, line)
		}
		_, err = o.WriteString(line + "\n")
	}
	return err
}
