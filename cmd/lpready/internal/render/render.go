// Package render writes a report in one of the formats that the command line
// offers. Every format is one handler of analyze.Report, the record of JSON
// contract lpready/v1, and needs nothing else: a report that was saved and is
// read again gives the same bytes.
//
// What a report says was written by others. Each handler makes it harmless for
// the program that will read its output: control characters for terminals,
// formulas for spreadsheets, markup for Markdown. The package does not judge,
// sort or filter what a report holds.
package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"lpready/analyze"
)

// A Handler writes a report in one format.
type Handler interface {
	Render(w io.Writer, r *analyze.Report) error
}

// Options say how text for people is laid out; formats for machines ignore them.
type Options struct {
	Width int  // columns of a table; 0 means DefaultWidth
	Color bool // mark classes with the colours of a terminal
}

// DefaultWidth is the width of a table in columns.
const DefaultWidth = 100

// minWidth is the least width that still holds every column of a table.
const minWidth = 72

// formats are the handlers by name, in the order in which help lists them.
var formats = []struct {
	name string
	make func(Options) Handler
}{
	{"table", func(o Options) Handler { return newTable(o) }},
	{"markdown", func(Options) Handler { return markdown{} }},
	{"csv", func(Options) Handler { return csvRows{} }},
	{"json", func(Options) Handler { return jsonRecord{} }},
	{"html", func(Options) Handler { return html{} }},
}

// Formats lists the formats that every result can be written in.
func Formats() []string { return []string{"table", "markdown", "csv", "json"} }

// ReportFormats lists the formats of verdicts, plans and replays.
func ReportFormats() []string { return append(Formats(), "html") }

// For returns the handler of a format.
func For(format string, o Options) (Handler, error) {
	for _, f := range formats {
		if f.name == format {
			return f.make(o), nil
		}
	}
	return nil, unknownFormat(format, ReportFormats())
}

// A result is what a command found, other than verdicts, in the formats that every
// result has.
type result struct {
	record   func() any // as JSON
	csv      func(io.Writer) error
	markdown func(io.Writer)
	table    func(table, io.Writer)
}

func (r result) write(w io.Writer, format string, o Options) error {
	out := bufio.NewWriter(w)
	switch format {
	case "json":
		return writeJSON(w, r.record())
	case "csv":
		return r.csv(w)
	case "markdown":
		r.markdown(out)
	case "table":
		r.table(newTable(o), out)
	default:
		return unknownFormat(format, Formats())
	}
	return out.Flush()
}

func unknownFormat(format string, known []string) error {
	return fmt.Errorf("format %q: expected one of %s", format, strings.Join(known, ", "))
}

// inDepth tells whether a report shows each cell in full rather than one line.
func inDepth(r *analyze.Report) bool { return r.Command == "analyze" || r.Command == "probe" }

// bases lists the bases of a report in the order in which they first appear.
func bases(r *analyze.Report) []string {
	var ids []string
	for i := range r.Cells {
		if !slices.Contains(ids, r.Cells[i].Base) {
			ids = append(ids, r.Cells[i].Base)
		}
	}
	return ids
}

// item names the advisory of a cell: "XSA-480", or the patch where the
// advisory has no number.
func item(c *analyze.Cell) string {
	if c.XSA > 0 {
		return fmt.Sprintf("XSA-%d", c.XSA)
	}
	if len(c.Patches) > 0 {
		return plain(c.Patches[0])
	}
	return "patch"
}

// expected is the expected number of hours of a cell, 0 where there is none.
func expected(c *analyze.Cell) float64 {
	if c.Hours == nil {
		return 0
	}
	return c.Hours.Expected
}
