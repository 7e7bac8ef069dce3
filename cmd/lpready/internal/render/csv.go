package render

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lpready/analyze"
)

// csvRows writes RFC 4180 rows, one for each cell, below a header. Lists are
// joined by "; ". Text that a spreadsheet could take for a formula starts with
// an apostrophe; numbers are plain.
type csvRows struct{}

// csvHeader names the columns; new ones go to the end.
var csvHeader = []string{
	"xsa", "version", "title", "cves", "public", "base", "xen", "class", "evidence", "why",
	"port", "patches", "scope", "signature", "checksums", "functions", "rebuilt", "findings",
	"hours_optimistic", "hours_likely", "hours_pessimistic", "hours_expected",
}

func (csvRows) Render(w io.Writer, r *analyze.Report) error {
	rows := [][]string{csvHeader}
	for i := range r.Cells {
		rows = append(rows, csvRow(&r.Cells[i]))
	}
	return writeCSV(w, rows)
}

func writeCSV(w io.Writer, rows [][]string) error {
	return csv.NewWriter(w).WriteAll(rows)
}

func csvRow(c *analyze.Cell) []string {
	public, port := "", ""
	if c.Public != nil {
		public = c.Public.UTC().Format(time.RFC3339)
	}
	if c.Port != nil {
		port = c.Port.Status
	}
	var found []string
	for _, f := range c.Findings {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.ID, f.Place())))
	}
	row := []string{
		number(c.XSA), number(c.Version), text(c.Title), texts(c.CVEs), public, text(c.Base), text(c.Xen),
		text(string(c.Class)), text(string(c.Evidence)), text(c.Why),
		text(port), texts(c.Patches), texts(c.Scope), text(c.Signature), text(c.Checksums),
		strconv.Itoa(len(c.Functions)), strconv.Itoa(c.Rebuilt), texts(found),
	}
	if c.Hours == nil {
		return append(row, "", "", "", "")
	}
	for _, h := range []float64{c.Hours.Optimistic, c.Hours.Likely, c.Hours.Pessimistic, c.Hours.Expected} {
		row = append(row, strconv.FormatFloat(h, 'f', -1, 64))
	}
	return row
}

// number leaves a field empty where there is no number.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func texts(list []string) string { return text(strings.Join(list, "; ")) }

// text keeps a field from being run: spreadsheets take what starts with one of
// these characters, in ASCII or in their full-width forms, for a formula.
func text(s string) string {
	s = plain(s)
	if s != "" && strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", []rune(s)[0]) {
		return "'" + s
	}
	return s
}
