package render

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
	"lpready/analyze/revision"
)

// maxChanges is how many changed places of a cell people are shown.
const maxChanges = 12

// Revision writes what two versions differ in, in one of the formats.
func Revision(w io.Writer, format string, o Options, r *revision.Report) error {
	switch format {
	case "table":
		return newTable(o).revision(w, r)
	case "markdown":
		return markdown{}.revision(w, r)
	case "csv":
		return revisionCSV(w, r)
	case "json":
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("report as JSON: %w", err)
		}
		_, err := w.Write(ascii(b.Bytes()))
		return err
	}
	return unknownFormat(format, Formats())
}

// LoadRevision reads a report of revise that was saved as JSON, with the rules
// of Load.
func LoadRevision(name string, in io.Reader) (*revision.Report, error) {
	data, err := readSaved(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	plainReport, err := load(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := new(revision.Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, jsonError(data, err))
	}
	if plainReport.Command != "revise" {
		return nil, fmt.Errorf("%s: command %q, expected a report of revise", name, plainReport.Command)
	}
	for i := range r.Cells {
		if err := checkRevision(&r.Cells[i].Revision); err != nil {
			return nil, fmt.Errorf("%s: cell %d: %w", name, i+1, err)
		}
	}
	return r, nil
}

func checkRevision(r *revision.Revision) error {
	if !slices.Contains(revision.Kinds, r.Kind) {
		return fmt.Errorf("kind %q, expected one of %v", r.Kind, revision.Kinds)
	}
	for _, c := range r.Changes {
		if !slices.Contains(revision.Kinds, c.Kind) {
			return fmt.Errorf("change of kind %q, expected one of %v", c.Kind, revision.Kinds)
		}
	}
	return nil
}

// revision is one row for each cell with what was found below it, and a summary.
func (t table) revision(w io.Writer, r *revision.Report) error {
	out := bufio.NewWriter(w)
	several := len(revisionBases(r)) > 1
	if !several && len(r.Cells) > 0 {
		fmt.Fprintf(out, "Base: %s%s\n\n", plain(r.Cells[0].Base), xenOf(&r.Cells[0].Cell))
	}
	header := []string{"XSA", "CHANGE", "CLASS", "HOURS", "REDO, AND WHAT CHANGED"}
	if several {
		header[0] = "XSA, BASE"
	}
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		if first := i == 0 || !sameItem(&c.Cell, &r.Cells[i-1].Cell); several && first {
			rows = append(rows, []string{versionsOf(c), "", "", "", plain(c.Title)})
		}
		row := []string{versionsOf(c), string(c.Revision.Kind), classes(c), fmt.Sprintf("%.1f", c.Revision.Hours.Expected), redone(c)}
		if several {
			row[0] = indent + plain(c.Base)
		}
		rows = append(rows, row)
		if !several {
			rows = append(rows, []string{"", "", "", "", plain(c.Title)})
		}
		if i > 0 && sameItem(&c.Cell, &r.Cells[i-1].Cell) && slices.Equal(told(c), told(&r.Cells[i-1])) {
			rows = append(rows, []string{"", "", "", "", "as on " + plain(r.Cells[i-1].Base)})
			continue
		}
		for _, s := range told(c) {
			rows = append(rows, []string{"", "", "", "", s})
		}
	}
	t.grid(out, header, rows, []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignLeft})
	fmt.Fprintln(out)
	for _, l := range summariseRevision(r) {
		t.field(out, "", l.Topic, l.Says)
	}
	t.warnings(out, &analyze.Report{Warnings: r.Warnings})
	return out.Flush()
}

func (m markdown) revision(w io.Writer, r *revision.Report) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "# What the new version changes\n\n")
	for _, l := range summariseRevision(r) {
		fmt.Fprintf(out, "- **%s:** %s\n", l.Topic, mark(l.Says))
	}
	fmt.Fprint(out, "\n## Items\n\n")
	rows := make([][]string, len(r.Cells))
	for i := range r.Cells {
		c := &r.Cells[i]
		rows[i] = []string{versionsOf(c), c.Title, c.Base, string(c.Revision.Kind), c.Revision.Evidence, classes(c), redone(c), fmt.Sprintf("%.1f", c.Revision.Hours.Expected), c.Revision.Why}
	}
	m.table(out, []string{"XSA", "Title", "Base", "Change", "By", "Class", "Redo", "Hours:", "Why"}, rows)
	for i := range r.Cells {
		if c := &r.Cells[i]; len(told(c)) > 1 {
			fmt.Fprintf(out, "\n## %s on %s\n\n", mark(versionsOf(c)), mark(c.Base))
			for _, s := range told(c)[1:] {
				fmt.Fprintf(out, "- %s\n", mark(strings.TrimPrefix(s, "- ")))
			}
		}
	}
	if len(r.Warnings) > 0 {
		fmt.Fprint(out, "\n## Warnings\n\n")
		for _, s := range r.Warnings {
			fmt.Fprintf(out, "- %s\n", mark(s))
		}
	}
	return out.Flush()
}

// revisionHeader names the columns; new ones go to the end.
var revisionHeader = []string{"xsa", "from", "to", "title", "base", "xen", "kind", "evidence", "why", "class_before", "class", "redo",
	"hours_optimistic", "hours_likely", "hours_pessimistic", "hours_expected", "changes", "says", "contradiction", "patches"}

func revisionCSV(w io.Writer, r *revision.Report) error {
	rows := [][]string{revisionHeader}
	for i := range r.Cells {
		c := &r.Cells[i]
		v := &c.Revision
		before := ""
		if v.Before != nil {
			before = string(v.Before.Class)
		}
		var changes []string
		for j := range v.Changes {
			changes = append(changes, changeLine(&v.Changes[j]))
		}
		row := []string{number(c.XSA), number(v.From), number(v.To), text(c.Title), text(c.Base), text(c.Xen), string(v.Kind), v.Evidence,
			text(v.Why), before, string(c.Class), strings.Join(v.Redo, "; ")}
		for _, h := range []float64{v.Hours.Optimistic, v.Hours.Likely, v.Hours.Pessimistic, v.Hours.Expected} {
			row = append(row, strconv.FormatFloat(h, 'f', -1, 64))
		}
		rows = append(rows, append(row, texts(changes), texts(v.Says), texts(v.Contradiction), texts(c.Patches)))
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// versionsOf names an item and its versions: "XSA-480 v2 to v3".
func versionsOf(c *revision.Cell) string {
	v := &c.Revision
	switch {
	case v.From > 0 && v.To > 0:
		return fmt.Sprintf("%s v%d to v%d", item(&c.Cell), v.From, v.To)
	case v.To > 0:
		return fmt.Sprintf("%s v%d", item(&c.Cell), v.To)
	}
	return item(&c.Cell)
}

// classes are the classes before and after.
func classes(c *revision.Cell) string {
	if b := c.Revision.Before; b != nil && b.Class != c.Class {
		return fmt.Sprintf("%s to %s", b.Class, c.Class)
	}
	return string(c.Class)
}

func redone(c *revision.Cell) string {
	if len(c.Revision.Redo) == 0 {
		return "redo nothing"
	}
	return strings.Join(c.Revision.Redo, ", ")
}

// told is what a cell says besides its row: why, what differs, what the advisory
// says of itself, and where that cannot be.
func told(c *revision.Cell) []string {
	v := &c.Revision
	list := []string{plain(v.Why) + " (by " + v.Evidence + ")"}
	for _, s := range v.Contradiction {
		list = append(list, "CONTRADICTION: "+plain(s))
	}
	for i := range v.Changes {
		if i == maxChanges {
			list = append(list, fmt.Sprintf("- ... and %d more; JSON has them all", len(v.Changes)-i))
			break
		}
		list = append(list, "- "+plain(changeLine(&v.Changes[i])))
	}
	for _, s := range v.Says {
		list = append(list, "It says of "+plain(s))
	}
	if len(v.Sections) > 0 {
		list = append(list, "Its text differs in "+plainList(v.Sections))
	}
	return list
}

func changeLine(c *revision.Change) string {
	s := string(c.Kind)
	if c.Function != "" {
		s += " " + c.Function
	}
	if c.File != "" {
		s += " in " + c.File
	}
	if c.Detail != "" {
		s += ": " + c.Detail
	}
	return s
}

// summariseRevision says what a manager has to know about a revision.
func summariseRevision(r *revision.Report) []line {
	list := []line{{"Changed", changedLine(r)}, {"Redo", redoLine(r)}}
	for _, s := range []struct {
		topic string
		kind  revision.Kind
	}{{"New", revision.New}, {"Dropped", revision.Dropped}, {"Look", revision.Unknown}} {
		if names := itemsOf(r, func(c *revision.Cell) bool { return c.Revision.Kind == s.kind }); len(names) > 0 {
			list = append(list, line{s.topic, strings.Join(names, ", ") + "."})
		}
	}
	if names := itemsOf(r, func(c *revision.Cell) bool { return len(c.Revision.Contradiction) > 0 }); len(names) > 0 {
		list = append(list, line{"Said", "what the advisory says is not what was found: " + strings.Join(names, ", ") + "."})
	}
	if names := itemsOf(r, func(c *revision.Cell) bool { return c.Signature == "bad" || c.Checksums == "mismatch" }); len(names) > 0 {
		list = append(list, line{"Trust", "signature or checksum wrong, not to be trusted: " + strings.Join(names, ", ") + "."})
	}
	return list
}

func changedLine(r *revision.Report) string {
	s := fmt.Sprintf("%s on %s", count(len(itemsOf(r, func(*revision.Cell) bool { return true })), "item"), count(len(revisionBases(r)), "base"))
	var parts []string
	for _, k := range revision.Kinds {
		n := 0
		for i := range r.Cells {
			if r.Cells[i].Revision.Kind == k {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", k, n))
		}
	}
	return s + ": " + strings.Join(parts, ", ") + "."
}

func redoLine(r *revision.Report) string {
	n := 0
	for i := range r.Cells {
		if len(r.Cells[i].Revision.Redo) > 0 {
			n++
		}
	}
	h := r.Rework
	if n == 0 {
		return "nothing."
	}
	return fmt.Sprintf("%d of %s, %s expected (%s to %s).", n, count(len(r.Cells), "verdict"), hours(h.Expected), hours(h.Optimistic), hours(h.Pessimistic))
}

// itemsOf lists the items with a cell that a predicate picks, in order.
func itemsOf(r *revision.Report, pick func(*revision.Cell) bool) []string {
	var names []string
	for i := range r.Cells {
		if c := &r.Cells[i]; pick(c) {
			names = include(names, item(&c.Cell))
		}
	}
	return names
}

func revisionBases(r *revision.Report) []string {
	var ids []string
	for i := range r.Cells {
		ids = include(ids, r.Cells[i].Base)
	}
	return ids
}
