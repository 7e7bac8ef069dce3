package render

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
)

// table writes aligned text for a terminal of Width columns.
type table Options

func newTable(o Options) table {
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	o.Width = max(o.Width, minWidth)
	return table(o)
}

func (t table) Render(w io.Writer, r *analyze.Report) error {
	out := bufio.NewWriter(w)
	if inDepth(r) {
		t.depth(out, r)
	} else {
		t.overview(out, r)
	}
	return out.Flush()
}

// overview is one row for each cell, the totals and the summary.
func (t table) overview(w io.Writer, r *analyze.Report) {
	t.cells(w, r)
	fmt.Fprintln(w)
	t.totals(w, r)
	fmt.Fprintln(w)
	t.summary(w, r)
	t.warnings(w, r)
}

// cells writes the table of the verdicts. Below the title of an advisory stands
// one row for each base; where there is only one base, it is named above.
func (t table) cells(w io.Writer, r *analyze.Report) {
	several := len(bases(r)) > 1
	if !several && len(r.Cells) > 0 {
		fmt.Fprintf(w, "Base: %s%s\n\n", plain(r.Cells[0].Base), xenOf(&r.Cells[0]))
	}
	header := []string{"XSA", "CLASS", "BY", "HOURS", "WHAT AND WHY"}
	if several {
		header[0] = "XSA, BASE"
	}
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		name, title := item(c), plain(c.Title)
		if c.Version > 1 {
			name += fmt.Sprintf(" v%d", c.Version)
		}
		row := []string{name, string(c.Class), string(c.Evidence), cellHours(c), title}
		first := i == 0 || !sameItem(c, &r.Cells[i-1])
		switch {
		case several && first:
			rows = append(rows, []string{name, "", "", "", title})
			fallthrough
		case several:
			row[0], row[4] = indent+plain(c.Base), brief(overviewWhy(c))
			if !first && overviewWhy(c) == overviewWhy(&r.Cells[i-1]) && c.Class == r.Cells[i-1].Class {
				row[4] = "as on " + plain(r.Cells[i-1].Base)
			}
			rows = append(rows, row)
		default:
			rows = append(rows, row, []string{"", "", "", "", brief(overviewWhy(c))})
		}
	}
	t.grid(w, header, rows, []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignLeft})
}

// indent sets the rows of an advisory's bases off.
const indent = "  "

// sameItem tells whether two cells are about one advisory.
func sameItem(a, b *analyze.Cell) bool {
	return item(a) == item(b) && a.Title == b.Title && a.Base != b.Base
}

// overviewWhy is the reason of a class, and how the recipe fits where that is
// not as expected.
func overviewWhy(c *analyze.Cell) string {
	why := reason(c)
	if c.Port != nil && c.Class != factor.NotNeeded && (c.Port.Status == "conflicts" || c.Port.Status == "missing") {
		why += " [" + plain(c.Port.Status) + "]"
	}
	return why
}

// briefLength is how many characters of a reason the overview shows; analyze
// shows it whole.
const briefLength = 240

// brief cuts a text between words.
func brief(s string) string {
	runes := []rune(s)
	if len(runes) <= briefLength {
		return s
	}
	s = string(runes[:briefLength])
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	return s + " ..."
}

func xenOf(c *analyze.Cell) string {
	if c.Xen == "" {
		return ""
	}
	return " (Xen " + plain(c.Xen) + ")"
}

func cellHours(c *analyze.Cell) string {
	if c.Hours == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", c.Hours.Expected)
}

// totals sums up by class.
func (t table) totals(w io.Writer, r *analyze.Report) {
	var rows [][]string
	for _, s := range byClass(r) {
		rows = append(rows, []string{s.class, fmt.Sprint(s.cells), fmt.Sprintf("%.1f", s.expected), s.span})
	}
	t.grid(w, []string{"CLASS", "CELLS", "HOURS", "FROM - TO"}, rows,
		[]tw.Align{tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignRight})
}

// A subtotal is one line of the totals.
type subtotal struct {
	class    string
	cells    int
	expected float64
	span     string // optimistic and pessimistic hours
}

// byClass sums cells and hours by class; the last line is the total.
func byClass(r *analyze.Report) []subtotal {
	var list []subtotal
	for _, class := range factor.Classes {
		s := subtotal{class: string(class)}
		var all []analyze.Hours
		for i := range r.Cells {
			if c := &r.Cells[i]; c.Class == class {
				s.cells++
				if c.Hours != nil {
					all = append(all, *c.Hours)
				}
			}
		}
		if s.cells > 0 {
			list = append(list, s.of(effort.Sum(all)))
		}
	}
	return append(list, subtotal{class: "total", cells: r.Totals.Cells}.of(r.Totals.Hours))
}

func (s subtotal) of(h analyze.Hours) subtotal {
	s.expected, s.span = h.Expected, fmt.Sprintf("%.1f - %.1f", h.Optimistic, h.Pessimistic)
	return s
}

func (t table) summary(w io.Writer, r *analyze.Report) {
	for _, l := range summarise(r) {
		t.field(w, "", l.Topic, l.Says)
	}
}

func (t table) warnings(w io.Writer, r *analyze.Report) {
	if len(r.Warnings) == 0 {
		return
	}
	fmt.Fprintln(w, "\nWarnings")
	for _, s := range r.Warnings {
		t.bullet(w, "  - ", plain(s))
	}
}

// field writes "Topic     text", the text wrapped beside the topic.
func (t table) field(w io.Writer, indent, topic, says string) {
	t.bullet(w, fmt.Sprintf("%s%-*s", indent, topicWidth, topic), says)
}

const topicWidth = 12

// bullet writes text behind a mark and wraps it in line with its first word.
func (t table) bullet(w io.Writer, mark, text string) {
	for i, part := range wrap(text, t.Width-width(mark)) {
		if i > 0 {
			mark = strings.Repeat(" ", width(mark))
		}
		fmt.Fprintln(w, strings.TrimRight(mark+part, " "))
	}
}

// grid writes rows below a header. Text that is too long for Width is wrapped:
// the widest columns give way first.
func (t table) grid(w io.Writer, header []string, rows [][]string, align []tw.Align) {
	columns := t.fit(append([][]string{header}, rows...))
	var b bytes.Buffer
	padding := tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}}
	cfg := tablewriter.NewConfigBuilder().Build()
	cfg.Header.Formatting = tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off}
	cfg.Row.Formatting = tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off}
	cfg.Header.Padding, cfg.Row.Padding = padding, padding
	cfg.Header.Alignment = tw.CellAlignment{PerColumn: align}
	cfg.Row.Alignment = tw.CellAlignment{PerColumn: align}
	out := tablewriter.NewTable(&b,
		tablewriter.WithConfig(cfg),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})))
	out.Header(header)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = t.paint(strings.Join(wrap(text, columns[i]), "\n"))
		}
		out.Append(cells) // its error is that of Render
	}
	if err := out.Render(); err != nil {
		fmt.Fprintf(w, "table: %v\n", err)
		return
	}
	for l := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(l, " \n"))
	}
}

// fit gives every column the width of its longest text and then takes from the
// widest until all of them, two spaces apart, fit into Width.
func (t table) fit(rows [][]string) []int {
	columns := make([]int, len(rows[0]))
	total := 2 * (len(columns) - 1)
	for i := range columns {
		for _, row := range rows {
			columns[i] = max(columns[i], width(row[i]))
		}
		total += columns[i]
	}
	for ; total > t.Width; total-- {
		widest := 0
		for i := range columns {
			if columns[i] > columns[widest] {
				widest = i
			}
		}
		columns[widest]--
	}
	return columns
}

// colours are the SGR parameters of the words that a reader looks for.
var colours = map[string]string{
	string(factor.NotNeeded): "2",
	string(factor.Clean):     "32",
	string(factor.Adapt):     "33",
	string(factor.Hard):      "31",
	string(factor.Reboot):    "35",
	string(factor.Unknown):   "36",
}

// paint colours a cell that holds the name of a class, and nothing else.
func (t table) paint(s string) string {
	if sgr := colours[s]; t.Color && sgr != "" {
		return "\x1b[" + sgr + "m" + s + "\x1b[0m"
	}
	return s
}
