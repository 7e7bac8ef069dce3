package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"lpready/analyze/factor"
)

// Factors writes the catalogue of the rules in one of the formats: a list, or
// one rule in full where there is only one.
func Factors(w io.Writer, format string, o Options, rules []factor.Rule) error {
	if !slices.Contains(Formats(), format) {
		return unknownFormat(format, Formats())
	}
	switch format {
	case "markdown":
		return factorsMarkdown(w, rules)
	case "csv":
		return factorsCSV(w, rules)
	case "json":
		return factorsJSON(w, rules)
	}
	return factorsTable(w, newTable(o), rules)
}

func factorsTable(w io.Writer, t table, rules []factor.Rule) error {
	if len(rules) == 1 {
		r := rules[0]
		t.bullet(w, "", r.ID+": "+r.Title)
		fmt.Fprintln(w)
		t.bullet(w, "  ", r.Explanation)
		fmt.Fprintln(w)
		t.field(w, "  ", "Remedy", r.Remedy)
		t.field(w, "  ", "Severity", string(r.Severity))
		if r.Class != "" {
			t.field(w, "  ", "Class", "at least "+string(r.Class))
		}
		return nil
	}
	rows := make([][]string, len(rules))
	for i, r := range rules {
		rows[i] = []string{r.ID, string(r.Severity), string(r.Class), r.Title}
	}
	t.grid(w, []string{"FACTOR", "SEVERITY", "CLASS", "WHAT IT FINDS"}, rows, left(4))
	return nil
}

// factorsMarkdown is the text of docs/factors.md.
func factorsMarkdown(w io.Writer, rules []factor.Rule) error {
	var b strings.Builder
	b.WriteString("# Factors\n\nWhat makes a patch hard to livepatch: the rules, as `lpready factors --format markdown` writes them.\n\n")
	rows := make([][]string, len(rules))
	for i, r := range rules {
		rows[i] = []string{r.ID, string(r.Severity), string(r.Class), r.Title}
	}
	markdown{}.table(&b, []string{"Factor", "Severity", "Class", "What it finds"}, rows)
	for _, r := range rules {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n%s\n\n**Remedy:** %s\n\n**Severity:** %s.", mark(r.ID),
			strings.TrimSuffix(mark(r.Title), "."), mark(r.Explanation), mark(r.Remedy), r.Severity)
		if r.Class != "" {
			fmt.Fprintf(&b, " **Class:** at least %s.", r.Class)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func factorsCSV(w io.Writer, rules []factor.Rule) error {
	rows := [][]string{{"id", "severity", "class", "title", "explanation", "remedy"}}
	for _, r := range rules {
		rows = append(rows, []string{text(r.ID), text(string(r.Severity)), text(string(r.Class)), text(r.Title), text(r.Explanation), text(r.Remedy)})
	}
	return writeCSV(w, rows)
}

func factorsJSON(w io.Writer, rules []factor.Rule) error {
	type rule struct {
		ID          string          `json:"id"`
		Title       string          `json:"title"`
		Severity    factor.Severity `json:"severity"`
		Class       factor.Class    `json:"class,omitempty"`
		Explanation string          `json:"explanation"`
		Remedy      string          `json:"remedy"`
	}
	list := make([]rule, len(rules))
	for i, r := range rules {
		list[i] = rule{r.ID, r.Title, r.Severity, r.Class, r.Explanation, r.Remedy}
	}
	return writeJSON(w, list)
}
