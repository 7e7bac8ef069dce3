package render

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/analyze"
	"lpready/build/port"
)

// Port writes how a batch fits the bases, in one of the formats.
func Port(w io.Writer, format string, o Options, r *port.Report) error {
	switch format {
	case "table":
		return newTable(o).placements(w, r)
	case "markdown":
		return markdown{}.placements(w, r)
	case "csv":
		return placementsCSV(w, r)
	case "json":
		return writeJSON(w, r)
	}
	return unknownFormat(format, Formats())
}

// LoadPort reads a report of port that was saved as JSON. Name stands for it in
// errors.
func LoadPort(name string, in io.Reader) (*port.Report, error) {
	data, err := readSaved(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := new(port.Report)
	switch err := json.Unmarshal(data, r); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, jsonError(data, err))
	case r.Schema != analyze.Schema || r.Command != "port":
		return nil, fmt.Errorf("%s: schema %q of command %q, expected %q of port", name, r.Schema, r.Command, analyze.Schema)
	case len(r.Cells) > maxCells:
		return nil, fmt.Errorf("%s: %d cells, expected at most %d", name, len(r.Cells), maxCells)
	}
	for i := range r.Cells {
		if s := r.Cells[i].Port.Status; !slices.Contains(port.Statuses, s) {
			return nil, fmt.Errorf("%s: cell %d: status %q, expected one of %v", name, i+1, s, port.Statuses)
		}
	}
	if r.Totals.Cells != len(r.Cells) {
		return nil, fmt.Errorf("%s: totals count %d cells, the report holds %d", name, r.Totals.Cells, len(r.Cells))
	}
	return r, nil
}

// fit is the one word of a placement.
func fit(p *port.Placement) string {
	switch n := commitsNeeded(p); {
	case p.On != "":
		return "clashes"
	case n > 0 && p.Order == 0:
		return p.Status
	case n > 0:
		return "needs " + fmt.Sprint(n)
	case p.Order > 0 && slices.ContainsFunc(p.Used, func(u port.Use) bool { return u.Review != "" }):
		return "review"
	}
	return p.Status
}

func commitsNeeded(p *port.Placement) (n int) {
	for _, q := range p.Prerequisites {
		if q.Commit != "" {
			n++
		}
	}
	return n
}

var fitWords = map[string]string{
	port.Applies:   "fits as it is",
	port.Offset:    "fits as it is, at other lines",
	port.Applied:   "is there already: it applies in reverse",
	port.Partly:    "is there in part; the rest applies",
	port.Conflicts: "does not fit",
	port.Missing:   "does not fit: files that it changes are not there",
	port.None:      "no patch came with it for this version of Xen",
	port.Outside:   "changes nothing that this source holds",
	port.Unknown:   "could not be tried",
}

// placed says in sentences how a recipe fits.
func placed(p *port.Placement) []string {
	say := cmp.Or(fitWords[p.Status], plain(p.Status))
	var xsas []string
	for _, q := range p.Prerequisites {
		if q.Commit == "" {
			xsas = append(xsas, plain(q.Name))
		}
	}
	n := commitsNeeded(p)
	switch {
	case p.On != "":
		say += " on " + plain(p.On)
		if len(p.Clashes) > 0 {
			say += ", but not after " + plainList(p.Clashes)
		}
	case n > 0 && p.Order == 0:
		say += " in the batch; on the base alone it does after " + count(n, "upstream commit")
	case n > 0 && len(xsas) > 0:
		say += fmt.Sprintf(", after %s of the batch and %s", strings.Join(xsas, ", "), count(n, "upstream commit"))
	case n > 0:
		say += ", after " + count(n, "upstream commit")
	case len(xsas) > 0:
		say += ", after " + strings.Join(xsas, ", ") + " of the batch"
	}
	out := []string{say}
	if p.Hypervisor != "" {
		out = append(out, "below xen/ alone it "+cmp.Or(fitWords[p.Hypervisor], plain(p.Hypervisor)))
	}
	for _, d := range p.Detail {
		out = append(out, plain(d))
	}
	for _, a := range p.Tried {
		s := fmt.Sprintf("tried the recipe for %s (%s): %s", plain(a.Xen), plain(a.Why), plain(a.Status))
		if a.Taken {
			s += ", taken"
		}
		out = append(out, s)
	}
	for _, u := range p.Used {
		s := fmt.Sprintf("%s: taken from %s: %s", plain(u.Patch), plain(u.File), plain(u.Change))
		if u.Review != "" {
			s += "; " + plain(u.Review)
		}
		out = append(out, s)
	}
	if s := p.Search; s != nil && !s.Found {
		out = append(out, fmt.Sprintf("no prerequisites among %s up to %s: %s", count(s.Commits, "commit"), plain(s.Until), plain(cmp.Or(s.Why, "none of the sets tried works"))))
	} else if s != nil && commitsNeeded(p) > 0 {
		how := "none of them can be left out"
		if s.Smallest {
			how = "no smaller set does"
		}
		out = append(out, fmt.Sprintf("applied to this source: %s (%s up to %s)", how, count(s.Commits, "commit"), plain(s.Until)))
	}
	return out
}

// needed describes a prerequisite.
func needed(q *port.Prerequisite) string {
	s := plain(q.Subject)
	if q.Name != "" {
		s = plain(q.Name) + " " + s
	}
	if q.Commit != "" {
		s = fmt.Sprintf("%.12s %s", plain(q.Commit), s)
	}
	if !q.Hypervisor {
		s += " (not of the hypervisor)"
	} else if q.Class != "" {
		s += fmt.Sprintf(" (%s by %s: %s)", q.Class, q.Evidence, plain(q.Reason))
	}
	if q.Why != "" {
		s += "; " + plain(q.Why)
	}
	return s
}

// misfit says where a hunk does not apply.
func misfit(m *port.Misfit) string {
	s := plain(m.File)
	if m.Hunk > 0 {
		s += fmt.Sprintf(":%d: hunk %d of %d", m.Line, m.Hunk, m.Of)
	}
	s += " of " + plain(m.Patch) + ": " + plain(m.Reason)
	if m.At > 0 {
		s += fmt.Sprintf("; it seems to belong at line %d", m.At)
	}
	if m.Merged {
		s += "; three sides merge without a conflict, to be reviewed"
	}
	return s
}

// code is a line of source for people: tabs as four spaces.
func code(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	text := strings.TrimLeft(s, " ")
	return s[:len(s)-len(text)] + plain(text)
}

func later(f *port.Fix) string {
	return fmt.Sprintf("%.12s %s %s (%s; on this base: %s)", plain(f.Commit), f.Date.UTC().Format(time.DateOnly), plain(f.Subject), plain(f.Why), plain(f.Status))
}

// sums up a report in one line.
func portTotals(r *port.Report) string {
	needs, commits := 0, map[string]bool{}
	for i := range r.Cells {
		if p := &r.Cells[i].Port; p.Order > 0 && commitsNeeded(p) > 0 {
			needs++
			for _, q := range p.Prerequisites {
				if q.Commit != "" {
					commits[r.Cells[i].Base+q.Commit] = true
				}
			}
		}
	}
	s := fmt.Sprintf("%d of %s ready as they are", r.Totals.Ready, count(r.Totals.Cells, "placement"))
	if needs > 0 {
		s += fmt.Sprintf("; %d more after %s from upstream", needs, count(len(commits), "commit"))
	}
	if left := r.Totals.Cells - r.Totals.Ready - needs; left > 0 {
		s += fmt.Sprintf("; %d left to a person", left)
	}
	return s + "."
}

func portItem(c *port.Cell) string {
	name := item(&analyze.Cell{XSA: c.XSA, Patches: c.Patches})
	if c.Version > 1 {
		name += fmt.Sprintf(" v%d", c.Version)
	}
	return name
}

func portBases(r *port.Report) (ids []string) {
	for i := range r.Cells {
		if !slices.Contains(ids, r.Cells[i].Base) {
			ids = append(ids, r.Cells[i].Base)
		}
	}
	return ids
}

// placements is one row for each cell with what stands behind it, what does not
// fit in detail, and a summary.
func (t table) placements(w io.Writer, r *port.Report) error {
	out := bufio.NewWriter(w)
	several := len(portBases(r)) > 1
	if !several && len(r.Cells) > 0 {
		fmt.Fprintf(out, "Base: %s%s\n\n", plain(r.Cells[0].Base), xenOf(&analyze.Cell{Xen: r.Cells[0].Xen}))
	}
	header := []string{"XSA", "FIT", "WHAT AND WHY"}
	if several {
		header[0] = "XSA, BASE"
	}
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		row := []string{portItem(c), fit(&c.Port), plain(c.Title)}
		if several {
			if i == 0 || r.Cells[i-1].Base == c.Base || portItem(&r.Cells[i-1]) != portItem(c) || r.Cells[i-1].Title != c.Title {
				rows = append(rows, []string{row[0], "", row[2]})
			}
			row[0], row[2] = indent+plain(c.Base), placed(&c.Port)[0]
			rows = append(rows, row)
		} else {
			rows = append(rows, row, []string{"", "", placed(&c.Port)[0]})
		}
		for _, s := range placed(&c.Port)[1:] {
			rows = append(rows, []string{"", "", indent + s})
		}
	}
	t.grid(out, header, rows, []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft})
	for i := range r.Cells {
		t.placement(out, &r.Cells[i])
	}
	fmt.Fprintln(out)
	t.bullet(out, "", portTotals(r))
	t.warnings(out, &analyze.Report{Warnings: r.Warnings})
	return out.Flush()
}

// placement shows what a cell needs and where it does not fit.
func (t table) placement(w io.Writer, c *port.Cell) {
	p := &c.Port
	if len(p.Prerequisites)+len(p.Misfits)+len(p.Watch) == 0 {
		return
	}
	fmt.Fprintln(w)
	t.bullet(w, "", portItem(c)+" on "+plain(c.Base))
	for i := range p.Prerequisites {
		t.bullet(w, fmt.Sprintf("  needs %d  ", i+1), needed(&p.Prerequisites[i]))
	}
	for i := range p.Misfits {
		m := &p.Misfits[i]
		t.bullet(w, "  misfit   ", misfit(m))
		t.side(w, "wants", m.Expected)
		if len(m.Expected) > 0 {
			t.side(w, "finds", m.Found)
		}
	}
	for i := range p.Watch {
		t.bullet(w, "  later    ", later(&p.Watch[i]))
	}
}

// side shows lines of source.
func (t table) side(w io.Writer, mark string, list []string) {
	for i, l := range list {
		if i > 0 {
			mark = ""
		}
		l = code(l)
		for width(l) > t.Width-20 {
			l = string([]rune(l)[:len([]rune(l))-1])
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("           %-6s | %s", mark, l), " "))
	}
}

func (m markdown) placements(w io.Writer, r *port.Report) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Port\n\n%s\n\n", mark(portTotals(r)))
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		rows = append(rows, []string{portItem(c), c.Base, fit(&c.Port), c.Title, strings.Join(placed(&c.Port), "; ")})
	}
	m.table(out, []string{"XSA", "Base", "Fit", "Title", "Why"}, rows)
	for i := range r.Cells {
		c := &r.Cells[i]
		p := &c.Port
		if len(p.Prerequisites)+len(p.Misfits)+len(p.Watch) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n## %s on %s\n\n", mark(portItem(c)), mark(c.Base))
		for k := range p.Prerequisites {
			fmt.Fprintf(out, "- needs %s\n", mark(needed(&p.Prerequisites[k])))
		}
		for k := range p.Misfits {
			x := &p.Misfits[k]
			fmt.Fprintf(out, "- misfit: %s\n", mark(misfit(x)))
			for _, l := range x.Expected {
				fmt.Fprintf(out, "  - wants %s\n", mark(code(l)))
			}
			for _, l := range x.Found {
				fmt.Fprintf(out, "  - finds %s\n", mark(code(l)))
			}
		}
		for k := range p.Watch {
			fmt.Fprintf(out, "- later: %s\n", mark(later(&p.Watch[k])))
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

func placementsCSV(w io.Writer, r *port.Report) error {
	rows := [][]string{{"xsa", "version", "title", "base", "xen", "status", "ready", "order", "alone", "hypervisor", "recipe", "patches",
		"prerequisites", "smallest", "misfits", "watch", "detail"}}
	for i := range r.Cells {
		c := &r.Cells[i]
		p := &c.Port
		var needs, wrong, fixes []string
		for k := range p.Prerequisites {
			needs = append(needs, cmp.Or(p.Prerequisites[k].Commit, p.Prerequisites[k].Name))
		}
		for k := range p.Misfits {
			wrong = append(wrong, misfit(&p.Misfits[k]))
		}
		for k := range p.Watch {
			fixes = append(fixes, p.Watch[k].Commit)
		}
		smallest := ""
		if p.Search != nil && p.Search.Found {
			smallest = fmt.Sprint(p.Search.Smallest)
		}
		rows = append(rows, []string{number(c.XSA), number(c.Version), text(c.Title), text(c.Base), text(c.Xen), text(p.Status), fmt.Sprint(p.Ready()),
			number(p.Order), text(p.Alone), text(p.Hypervisor), text(c.Recipe), texts(c.Patches), texts(needs), smallest, texts(wrong), texts(fixes), texts(placed(p))})
	}
	return writeCSV(w, rows)
}
