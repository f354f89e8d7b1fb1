package report

import "io"

// WriteHTML writes the report as one HTML file.
func WriteHTML(w io.Writer, inv *Investigation) error { return nil }
