package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"

	"lpready/build"
)

// Build writes what came of a matrix of payloads, in one of the formats.
func Build(w io.Writer, format string, o Options, r *build.Report) error {
	return result{
		record:   func() any { return r },
		csv:      func(w io.Writer) error { return buildCSV(w, r) },
		markdown: func(w io.Writer) { buildMarkdown(w, r) },
		table:    func(t table, w io.Writer) { t.build(w, r) },
	}.write(w, format, o)
}

// LoadBuild reads a matrix that was saved as JSON.
func LoadBuild(s *Saved) (*build.Report, error) {
	r := new(build.Report)
	if err := s.decode(r, func() string { return r.Schema }); err != nil {
		return nil, err
	}
	if len(r.Cells) > maxCells {
		return nil, fmt.Errorf("%s: %d cells, expected at most %d", s.Name, len(r.Cells), maxCells)
	}
	counted := map[build.Status]int{}
	for i := range r.Cells {
		c := &r.Cells[i]
		if !slices.Contains(build.Statuses, c.Status) {
			return nil, fmt.Errorf("%s: cell %d: status %q, expected one of %v", s.Name, i+1, c.Status, build.Statuses)
		}
		counted[c.Status]++
	}
	for _, status := range build.Statuses {
		if r.Totals.ByStatus[status] != counted[status] {
			return nil, fmt.Errorf("%s: totals count %d %s, the report holds %d", s.Name, r.Totals.ByStatus[status], status, counted[status])
		}
	}
	if r.Totals.Cells != len(r.Cells) {
		return nil, fmt.Errorf("%s: totals count %d cells, the report holds %d", s.Name, r.Totals.Cells, len(r.Cells))
	}
	return r, nil
}

// buildFacts are what there is to say of a run as a whole.
func buildFacts(r *build.Report) (list []line) {
	tool := "livepatch-build-tools"
	if r.Tool.Version != "" {
		tool += " " + r.Tool.Version
	}
	list = append(list, line{"Tool", fmt.Sprintf("%s, digest %.12s, %s", tool, r.Tool.Digest, r.Mode)})
	list = append(list, line{"Payloads", fmt.Sprintf("%s, in %s", r.Grouping, r.Out)})
	for _, b := range r.Bases {
		says := fmt.Sprintf("%s: Xen %s, build-id %s", b.ID, b.Xen, b.BuildID)
		if b.Symbols == "" {
			says += ", without its xen-syms"
		}
		list = append(list, line{"Base", says})
	}
	return list
}

// buildSums counts the cells by status, and says how long it took.
func buildSums(r *build.Report) string {
	var words []string
	for _, s := range build.Statuses {
		if n := r.Totals.ByStatus[s]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, s))
		}
	}
	return fmt.Sprintf("%s: %s; %v", count(r.Totals.Cells, "cell"), strings.Join(words, ", "), time.Duration(r.Seconds*float64(time.Second)).Round(100*time.Millisecond))
}

// buildWhat names the item of a cell.
func buildWhat(c *build.Cell) string {
	if len(c.Items) > 3 {
		return fmt.Sprintf("%s (%s, %s to %s)", c.Name, count(len(c.Items), "XSA"), c.Items[0], c.Items[len(c.Items)-1])
	}
	return strings.Join(c.Items, ", ")
}

// buildWhy is the reason of a status, with what else has to be known.
func buildWhy(c *build.Cell) string {
	why := plain(c.Why)
	if len(c.Holds) > 0 {
		why += "; it holds " + plain(strings.Join(c.Holds, ", ")) + ", too"
	}
	if c.On != "" {
		why += "; it stands on " + plain(c.On)
	}
	if c.Boot != nil {
		why += "; booted: " + plain(c.Boot.Says)
	}
	if c.Remedy != "" {
		why += ". " + strings.ToUpper(c.Remedy[:1]) + plain(c.Remedy[1:])
	}
	return why
}

func buildBytes(c *build.Cell) string {
	if c.Payload == nil {
		return ""
	}
	return fmt.Sprint(c.Payload.Bytes)
}

func (t table) build(w io.Writer, r *build.Report) {
	for _, f := range buildFacts(r) {
		t.field(w, "", f.Topic, plain(f.Says))
	}
	fmt.Fprintln(w)
	several := len(r.Bases) > 1
	header := []string{"XSA", "CLASS", "STATUS", "BYTES", "WHY"}
	if several {
		header[0] = "XSA, BASE"
	}
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		name := plain(buildWhat(c))
		if several {
			if i == 0 || buildWhat(&r.Cells[i-1]) != buildWhat(c) {
				rows = append(rows, []string{name, "", "", "", ""})
			}
			name = indent + plain(c.Base)
		}
		why := brief(buildWhy(c))
		if i > 0 && several && buildWhat(&r.Cells[i-1]) == buildWhat(c) && buildWhy(&r.Cells[i-1]) == buildWhy(c) && r.Cells[i-1].Status == c.Status {
			why = "as on " + plain(r.Cells[i-1].Base)
		}
		rows = append(rows, []string{name, string(c.Class), string(c.Status), buildBytes(c), why})
	}
	t.grid(w, header, rows, []tw.Align{tw.AlignLeft, tw.AlignLeft, tw.AlignLeft, tw.AlignRight, tw.AlignLeft})
	for i := range r.Cells {
		c := &r.Cells[i]
		for _, why := range c.Redone {
			t.bullet(w, "", plain(fmt.Sprintf("%s: done again, %s", c.ID, why)))
		}
	}
	for _, s := range r.Warnings {
		t.field(w, "", "Warning", plain(s))
	}
	fmt.Fprintln(w)
	t.bullet(w, "", plain(buildSums(r)))
}

func buildMarkdown(w io.Writer, r *build.Report) {
	fmt.Fprintf(w, "# Payloads\n\n%s.\n\n", mark(buildSums(r)))
	for _, f := range buildFacts(r) {
		fmt.Fprintf(w, "- **%s:** %s\n", f.Topic, mark(f.Says))
	}
	fmt.Fprintln(w)
	var rows [][]string
	for i := range r.Cells {
		c := &r.Cells[i]
		path := ""
		if c.Payload != nil {
			path = c.Payload.Path
		}
		rows = append(rows, []string{buildWhat(c), c.Base, string(c.Class), string(c.Status), path, buildWhy(c)})
	}
	markdown{}.table(w, []string{"XSA", "Base", "Class", "Status", "Payload", "Why"}, rows)
	for _, s := range r.Warnings {
		fmt.Fprintf(w, "\n**Warning:** %s\n", mark(s))
	}
}

func buildCSV(w io.Writer, r *build.Report) error {
	rows := [][]string{{"cell", "xsas", "base", "xen", "class", "status", "payload", "bytes", "sha256", "build_id", "depends", "seconds", "why", "remedy", "boot"}}
	xen := map[string]string{}
	for _, b := range r.Bases {
		xen[b.ID] = b.Xen
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		var xsas []string
		for _, n := range c.XSAs {
			xsas = append(xsas, fmt.Sprint(n))
		}
		seconds := 0.0
		for _, p := range c.Phases {
			seconds += p.Seconds
		}
		row := []string{text(c.ID), strings.Join(xsas, " "), text(c.Base), text(xen[c.Base]), text(string(c.Class)), text(string(c.Status)), "", "", "", "", "",
			fmt.Sprintf("%.1f", seconds), text(c.Why), text(c.Remedy), ""}
		if p := c.Payload; p != nil {
			copy(row[6:], []string{text(p.Path), fmt.Sprint(p.Bytes), text(p.SHA256), text(p.BuildID), text(p.Depends)})
		}
		if c.Boot != nil {
			row[len(row)-1] = text(string(c.Boot.Verdict))
		}
		rows = append(rows, row)
	}
	return writeCSV(w, rows)
}
