package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
	"lpready/analyze/objdiff"
)

// maxShown is how many functions of a cell people are shown: a change of a
// structure may reach hundreds, and nobody reads them.
const maxShown = 40

// depth shows each cell in full.
func (t table) depth(w io.Writer, r *analyze.Report) {
	for i := range r.Cells {
		if i > 0 {
			fmt.Fprintln(w)
		}
		c := &r.Cells[i]
		t.bullet(w, "", fmt.Sprintf("%s on %s%s: %s", item(c), plain(c.Base), xenOf(c), t.paint(string(c.Class))))
		t.facts(w, c)
		t.port(w, c)
		t.findings(w, c)
		t.functions(w, c)
		t.objects(w, c)
		t.hours(w, c)
	}
	t.warnings(w, r)
}

func (t table) facts(w io.Writer, c *analyze.Cell) {
	for _, f := range facts(c) {
		t.field(w, "  ", f.Topic, f.Says)
	}
}

// facts is what a cell says about itself, in the order in which people ask.
func facts(c *analyze.Cell) []line {
	list := []line{
		{"Title", plain(c.Title)},
		{"Why", plain(c.Why)},
		{"Evidence", string(c.Evidence)},
	}
	add := func(topic, says string) {
		if says != "" {
			list = append(list, line{topic, says})
		}
	}
	if c.Version > 0 {
		add("Version", fmt.Sprint(c.Version))
	}
	add("CVEs", plainList(c.CVEs))
	if c.Public != nil {
		add("Public", day(*c.Public))
	}
	add("Scope", plainList(c.Scope))
	add("Patches", plainList(c.Patches))
	add("Recipe", plain(c.Recipe))
	add("Trust", fmt.Sprintf("signature %s, checksums %s", plain(c.Signature), plain(c.Checksums)))
	add("Mitigation", plain(c.Mitigation))
	return list
}

func plainList(list []string) string { return plain(strings.Join(list, ", ")) }

func (t table) port(w io.Writer, c *analyze.Cell) {
	if c.Port == nil {
		return
	}
	t.field(w, "  ", "Applies", portStatus(c.Port))
	for _, d := range c.Port.Detail {
		t.bullet(w, strings.Repeat(" ", 2+topicWidth)+"- ", plain(d))
	}
	for _, p := range c.Port.Prerequisites {
		t.bullet(w, strings.Repeat(" ", 2+topicWidth)+"- needs ", plain(p.Commit+" "+p.Subject))
	}
}

// portStatus says how a recipe fits, in words.
func portStatus(p *analyze.Port) string {
	words := map[string]string{
		"applies":   "as it is",
		"offset":    "as it is, at other lines",
		"conflicts": "no: it has to be ported",
		"missing":   "no: files that it changes are not there",
		"applied":   "it is there already",
	}[p.Status]
	if words == "" {
		words = plain(p.Status)
	}
	if p.On != "" {
		words += " (on " + plain(p.On) + ")"
	}
	return words
}

func (t table) findings(w io.Writer, c *analyze.Cell) {
	if len(c.Findings) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  Findings (%d)\n", len(c.Findings))
	for _, f := range c.Findings {
		t.bullet(w, fmt.Sprintf("  %-7s  ", f.Severity), plain(f.ID+" "+f.Place()))
		t.bullet(w, "           ", plain(f.Message)+" ("+string(f.Evidence)+")")
		if f.Remedy != "" {
			t.bullet(w, "           Remedy: ", plain(f.Remedy))
		}
	}
}

func (t table) functions(w io.Writer, c *analyze.Cell) {
	if len(c.Functions) > 0 {
		fmt.Fprintf(w, "\n  Functions (%d)%s\n", len(c.Functions), rebuilt(c))
		shown := c.Functions[:min(len(c.Functions), maxShown)]
		rows := make([][]string, len(shown))
		for i, f := range shown {
			rows[i] = []string{"", plain(f.Change), plain(f.Name), plain(f.Object), plain(f.Why)}
		}
		t.grid(w, []string{"", "CHANGE", "FUNCTION", "OBJECT", "WHY"}, rows, left(5))
		if more := len(c.Functions) - len(shown); more > 0 {
			fmt.Fprintf(w, "  ... and %d more; JSON has them all\n", more)
		}
	}
	if len(c.Inlined) > 0 {
		fmt.Fprintf(w, "\n  Edited functions without a symbol of their own (%d)\n", len(c.Inlined))
		for _, f := range c.Inlined {
			t.bullet(w, "  - ", inlined(&f))
		}
	}
}

// objects shows what compiling showed.
func (t table) objects(w io.Writer, c *analyze.Cell) {
	if c.Probe == nil {
		return
	}
	fmt.Fprintf(w, "\n  Objects: %s\n", probed(c.Probe))
	for _, d := range c.Objects[:min(len(c.Objects), maxShown)] {
		t.bullet(w, "  - ", fmt.Sprintf("%s: %s", plain(d.Path), d.Verdict))
		for _, f := range objectFacts(d) {
			t.field(w, "    ", f.Topic, plain(brief(f.Says)))
		}
	}
	if more := len(c.Objects) - maxShown; more > 0 {
		fmt.Fprintf(w, "  ... and %d more; JSON has them all\n", more)
	}
	if rows := layoutRows(&objdiff.Trees{Layouts: c.Layouts}); len(rows) > 0 {
		for i := range rows {
			rows[i] = append([]string{""}, rows[i]...)
		}
		t.grid(w, []string{"", "TYPE", "CHANGES", "OBJECTS"}, plainRows(rows), left(4))
	}
}

// probed sums up what was compiled.
func probed(p *analyze.Probe) string {
	return fmt.Sprintf("%d see the change, %d compared, in %.1f s, with %s", p.Reached, p.Compared, p.Seconds, plain(p.Compiler))
}

func rebuilt(c *analyze.Cell) string {
	if c.Rebuilt == 0 {
		return ""
	}
	return ", " + count(c.Rebuilt, "unit") + " built anew"
}

func inlined(f *analyze.Inlined) string {
	s := plain(f.Name + " (" + f.File + ")")
	if len(f.Into) == 0 {
		return s
	}
	return s + " in " + plainList(f.Into)
}

func (t table) hours(w io.Writer, c *analyze.Cell) {
	if c.Hours == nil {
		return
	}
	fmt.Fprintf(w, "\n  Hours: %s\n", hoursRange(c.Hours))
	rows := make([][]string, len(c.Hours.Tasks))
	for i, k := range c.Hours.Tasks {
		rows[i] = []string{"", plain(k.Task), fmt.Sprintf("%.1f", k.Expected), fmt.Sprintf("%.1f - %.1f", k.Optimistic, k.Pessimistic), plain(k.Why)}
	}
	if len(rows) > 0 {
		t.grid(w, []string{"", "TASK", "HOURS", "FROM - TO", "WHY"}, rows,
			[]tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignRight, tw.AlignLeft})
	}
}

func hoursRange(h *analyze.Hours) string {
	return fmt.Sprintf("%s expected, %s to %s", hours(h.Expected), hours(h.Optimistic), hours(h.Pessimistic))
}

func left(columns int) []tw.Align {
	align := make([]tw.Align, columns)
	for i := range align {
		align[i] = tw.AlignLeft
	}
	return align
}
