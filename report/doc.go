// Package report writes what was found: rows of a timeline (body file,
// mactime, Timesketch), JSON lines, the case folder, and the reports for
// people (terminal, text, HTML).
//
// All text of an image is hostile. What goes to people passes through [Text],
// what goes to a spreadsheet through [AppendCSV], what goes to a body file
// through [AppendBodyName], what goes to HTML through [Text] and html/template.
// Data formats keep every byte: a string that is not UTF-8 has its bytes in
// base64 beside it, under its own key with "_bytes" added.
//
// Nothing here reads a clock. The same input gives the same bytes.
package report
