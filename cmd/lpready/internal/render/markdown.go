package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"lpready/analyze"
	"lpready/analyze/objdiff"
)

// markdown writes GitHub flavoured Markdown. Text of advisories is escaped so
// that none of it becomes markup.
type markdown struct{}

func (m markdown) Render(w io.Writer, r *analyze.Report) error {
	out := bufio.NewWriter(w)
	if inDepth(r) {
		m.depth(out, r)
	} else {
		m.overview(out, r)
	}
	if len(r.Warnings) > 0 {
		fmt.Fprint(out, "\n## Warnings\n\n")
		for _, s := range r.Warnings {
			fmt.Fprintf(out, "- %s\n", mark(s))
		}
	}
	return out.Flush()
}

func (m markdown) overview(w io.Writer, r *analyze.Report) {
	fmt.Fprint(w, "# Live patch triage\n\n")
	for _, l := range summarise(r) {
		fmt.Fprintf(w, "- **%s:** %s\n", l.Topic, mark(l.Says))
	}
	fmt.Fprint(w, "\n## Verdicts\n\n")
	rows := make([][]string, len(r.Cells))
	for i := range r.Cells {
		c := &r.Cells[i]
		rows[i] = []string{item(c), c.Title, c.Base, string(c.Class), string(c.Evidence), cellHours(c), overviewWhy(c)}
	}
	m.table(w, []string{"XSA", "Title", "Base", "Class", "By", "Hours:", "Why"}, rows)
	fmt.Fprint(w, "\n## Totals\n\n")
	rows = nil
	for _, s := range byClass(r) {
		rows = append(rows, []string{s.class, fmt.Sprint(s.cells), fmt.Sprintf("%.1f", s.expected), s.span})
	}
	m.table(w, []string{"Class", "Cells:", "Hours:", "From - to:"}, rows)
}

func (m markdown) depth(w io.Writer, r *analyze.Report) {
	for i := range r.Cells {
		if i > 0 {
			fmt.Fprintln(w)
		}
		c := &r.Cells[i]
		fmt.Fprintf(w, "# %s on %s%s: %s\n\n", mark(item(c)), mark(c.Base), mark(xenOf(c)), c.Class)
		for _, f := range facts(c) {
			fmt.Fprintf(w, "- **%s:** %s\n", f.Topic, mark(f.Says))
		}
		m.port(w, c)
		m.findings(w, c)
		m.functions(w, c)
		m.objects(w, c)
		m.hours(w, c)
	}
}

func (m markdown) port(w io.Writer, c *analyze.Cell) {
	if c.Port == nil {
		return
	}
	fmt.Fprintf(w, "- **Applies:** %s\n", mark(portStatus(c.Port)))
	for _, d := range c.Port.Detail {
		fmt.Fprintf(w, "  - %s\n", mark(d))
	}
	for _, p := range c.Port.Prerequisites {
		fmt.Fprintf(w, "  - needs %s\n", mark(p.Commit+" "+p.Subject))
	}
}

func (m markdown) findings(w io.Writer, c *analyze.Cell) {
	if len(c.Findings) == 0 {
		return
	}
	fmt.Fprint(w, "\n## Findings\n\n")
	rows := make([][]string, len(c.Findings))
	for i, f := range c.Findings {
		rows[i] = []string{string(f.Severity), f.ID, f.Place(), f.Message, f.Remedy, string(f.Evidence)}
	}
	m.table(w, []string{"Severity", "Finding", "Place", "What", "Remedy", "By"}, rows)
}

func (m markdown) functions(w io.Writer, c *analyze.Cell) {
	if len(c.Functions) > 0 {
		fmt.Fprintf(w, "\n## Functions (%d)%s\n\n", len(c.Functions), rebuilt(c))
		shown := c.Functions[:min(len(c.Functions), maxShown)]
		rows := make([][]string, len(shown))
		for i, f := range shown {
			rows[i] = []string{f.Change, f.Name, f.Object, f.Why}
		}
		m.table(w, []string{"Change", "Function", "Object", "Why"}, rows)
		if more := len(c.Functions) - len(shown); more > 0 {
			fmt.Fprintf(w, "\n... and %d more; JSON has them all\n", more)
		}
	}
	if len(c.Inlined) > 0 {
		fmt.Fprint(w, "\n## Edited functions without a symbol of their own\n\n")
		for _, f := range c.Inlined {
			fmt.Fprintf(w, "- %s\n", mark(inlined(&f)))
		}
	}
}

func (m markdown) objects(w io.Writer, c *analyze.Cell) {
	if c.Probe == nil {
		return
	}
	fmt.Fprintf(w, "\n## Objects\n\n%s.\n", mark(probed(c.Probe)))
	for _, d := range c.Objects[:min(len(c.Objects), maxShown)] {
		objectMarkdown(w, "###", d)
	}
	if rows := layoutRows(&objdiff.Trees{Layouts: c.Layouts}); len(rows) > 0 {
		fmt.Fprint(w, "\n## Types\n\n")
		m.table(w, []string{"Type", "Changes", "Objects:"}, rows)
	}
}

func (m markdown) hours(w io.Writer, c *analyze.Cell) {
	if c.Hours == nil {
		return
	}
	fmt.Fprintf(w, "\n## Hours: %s\n\n", hoursRange(c.Hours))
	rows := make([][]string, len(c.Hours.Tasks))
	for i, k := range c.Hours.Tasks {
		rows[i] = []string{k.Task, fmt.Sprintf("%.1f", k.Expected), fmt.Sprintf("%.1f - %.1f", k.Optimistic, k.Pessimistic), k.Why}
	}
	m.table(w, []string{"Task", "Hours:", "From - to:", "Why"}, rows)
}

// table writes a pipe table; a header that ends with a colon makes its column
// right aligned.
func (markdown) table(w io.Writer, header []string, rows [][]string) {
	rule := make([]string, len(header))
	for i, h := range header {
		rule[i] = "---"
		if strings.HasSuffix(h, ":") {
			header[i], rule[i] = strings.TrimSuffix(h, ":"), "--:"
		}
	}
	fmt.Fprintf(w, "| %s |\n| %s |\n", strings.Join(header, " | "), strings.Join(rule, " | "))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = mark(text)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// mark escapes text so that Markdown shows it as it is. An underscore inside a
// word is no markup and stays readable.
func mark(s string) string {
	var b strings.Builder
	runes := []rune(plain(s))
	for i, r := range runes {
		special := strings.ContainsRune("\\`*[]<>|&~$#!", r)
		if r == '_' {
			special = !(i > 0 && word(runes[i-1]) && i+1 < len(runes) && word(runes[i+1]))
		}
		if special {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
