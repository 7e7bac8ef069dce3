package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/objdiff"
)

// Objdiff writes the difference between two sets of objects in one of the
// formats. Text for people names only the objects that differ.
func Objdiff(w io.Writer, format string, o Options, at time.Time, t *objdiff.Trees) error {
	switch format {
	case "json":
		return objdiffJSON(w, at, t)
	case "csv":
		return objdiffCSV(w, t)
	case "markdown":
		out := bufio.NewWriter(w)
		objdiffMarkdown(out, t)
		return out.Flush()
	}
	out := bufio.NewWriter(w)
	newTable(o).objdiff(out, t)
	return out.Flush()
}

func objdiffJSON(w io.Writer, at time.Time, t *objdiff.Trees) error {
	return writeJSON(w, objdiffRecord{analyze.Schema, "objdiff", at, t, totalsOf(t)})
}

type objdiffRecord struct {
	Schema    string    `json:"schema"`
	Command   string    `json:"command"`
	Generated time.Time `json:"generated"`
	*objdiff.Trees
	Totals objdiffTotals `json:"totals"`
}

// LoadObjdiff reads a difference that was saved as JSON, and when it was made.
func LoadObjdiff(s *Saved) (*objdiff.Trees, time.Time, error) {
	var r objdiffRecord
	if err := s.decode(&r, func() string { return r.Schema }); err != nil {
		return nil, time.Time{}, err
	}
	if r.Trees == nil || r.Totals != totalsOf(r.Trees) {
		return nil, time.Time{}, fmt.Errorf("%s: the totals do not belong to the objects", s.Name)
	}
	return r.Trees, r.Generated, nil
}

type objdiffTotals struct {
	Objects int `json:"objects"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
	Refused int `json:"refused"`
}

func totalsOf(t *objdiff.Trees) objdiffTotals {
	return objdiffTotals{len(t.Objects), t.Count(objdiff.Changed), t.Count(objdiff.Same), t.Count(objdiff.Refused)}
}

func (n objdiffTotals) String() string {
	return fmt.Sprintf("%s compared: %d changed, %d same, %d refused", count(n.Objects, "object"), n.Changed, n.Same, n.Refused)
}

// objectFacts are what there is to say of an object, topic by topic.
func objectFacts(d *objdiff.Diff) (list []line) {
	add := func(topic string, words []string) {
		if len(words) > 0 {
			list = append(list, line{topic, strings.Join(words, ", ")})
		}
	}
	for _, s := range d.Refusals {
		add("Refused", []string{s})
	}
	lineOnly := map[string]bool{}
	for _, f := range d.LineOnly {
		lineOnly[f] = true
	}
	var changed []string
	for _, f := range d.Functions {
		if !lineOnly[f] {
			changed = append(changed, f)
		}
	}
	add("Changed", changed)
	add("Differing", d.Differing)
	add("Line only", d.LineOnly)
	add("New", d.NewFunctions)
	add("Gone", d.Gone)
	add("Hooks", d.Hooks)
	var data []string
	for _, x := range d.Data {
		says := fmt.Sprintf("%s %s (%s, %s)", x.Kind, x.Symbol, x.Section, plural(fmt.Sprint(x.Size), "byte"))
		if x.Included {
			says += " included"
		}
		data = append(data, says)
	}
	add("Data", data)
	if g := d.Ignored; g != nil {
		add("Lost: init", g.Functions)
		if len(g.Functions) == 0 {
			add("Lost: init", g.Init)
		}
		add("Lost: code", g.Text)
		add("Lost: alt", g.Alternatives)
		add("Lost: data", g.Data)
	}
	for _, s := range d.Warnings {
		add("Warning", []string{s})
	}
	return list
}

// layouts are the rows on types: structures and unions first. Types that are
// merely new or gone are no matter for those that stay.
func layoutRows(t *objdiff.Trees) (rows [][]string) {
	for _, list := range [][]objdiff.Layout{t.Layouts, t.Types} {
		for i := range list {
			if l := &list[i]; l.Kind == "changed" {
				rows = append(rows, []string{l.Type, l.Summary(), fmt.Sprint(len(l.Objects))})
			}
		}
	}
	return rows
}

func (t table) objdiff(w io.Writer, trees *objdiff.Trees) {
	for _, d := range trees.Objects {
		if !d.Differs() {
			continue
		}
		t.bullet(w, "", fmt.Sprintf("%s: %s", plain(d.Path), d.Verdict))
		for _, f := range objectFacts(d) {
			t.field(w, "  ", f.Topic, plain(f.Says))
		}
		fmt.Fprintln(w)
	}
	for _, f := range []struct {
		topic string
		list  []string
	}{{"Only new", trees.Added}, {"Only old", trees.Removed}} {
		if len(f.list) > 0 {
			t.field(w, "", f.topic, plain(strings.Join(f.list, ", ")))
		}
	}
	if rows := layoutRows(trees); len(rows) > 0 {
		t.grid(w, []string{"TYPE", "CHANGES", "OBJECTS"}, plainRows(rows), left(3))
		fmt.Fprintln(w)
	}
	t.bullet(w, "", totalsOf(trees).String())
}

func plainRows(rows [][]string) [][]string {
	for _, row := range rows {
		for i := range row {
			row[i] = plain(row[i])
		}
	}
	return rows
}

func objdiffMarkdown(w io.Writer, t *objdiff.Trees) {
	fmt.Fprintf(w, "# Objects\n\n%s.\n", totalsOf(t))
	for _, d := range t.Objects {
		if !d.Differs() {
			continue
		}
		objectMarkdown(w, "##", d)
	}
	if rows := layoutRows(t); len(rows) > 0 {
		fmt.Fprint(w, "\n## Types\n\n")
		markdown{}.table(w, []string{"Type", "Changes", "Objects:"}, rows)
	}
}

// objectMarkdown is a section on one object.
func objectMarkdown(w io.Writer, heading string, d *objdiff.Diff) {
	fmt.Fprintf(w, "\n%s %s: %s\n\n", heading, mark(d.Path), d.Verdict)
	for _, f := range objectFacts(d) {
		fmt.Fprintf(w, "- %s: %s\n", f.Topic, mark(f.Says))
	}
}

func objdiffCSV(w io.Writer, t *objdiff.Trees) error {
	rows := [][]string{{"path", "verdict", "exit", "functions", "line_only", "new_functions", "removed_functions", "data", "silently_ignored", "refusals"}}
	for _, d := range t.Objects {
		var data, lost []string
		for _, x := range d.Data {
			data = append(data, x.Kind+" "+x.Symbol)
		}
		if g := d.Ignored; g != nil {
			for _, list := range [][]string{g.Init, g.Functions, g.Text, g.Alternatives, g.Data} {
				lost = append(lost, list...)
			}
		}
		rows = append(rows, []string{text(d.Path), string(d.Verdict), fmt.Sprint(d.Exit), texts(d.Functions), texts(d.LineOnly),
			texts(d.NewFunctions), texts(d.Gone), texts(data), texts(lost), texts(d.Refusals)})
	}
	return writeCSV(w, rows)
}
