package render

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/tw"
)

func (t table) plan(w io.Writer, r *PlanReport) error {
	out := bufio.NewWriter(w)
	for _, l := range summarisePlan(r) {
		t.field(out, "", l.Topic, l.Says)
	}
	t.field(out, "", "Breaks", breakLine(r.Plan)+".")
	for i, pt := range planTables(r) {
		if i == 0 && len(r.Plan.Unstaffed) > 0 {
			pt = pt.stacked()
		}
		t.planTable(out, pt)
	}
	if r.Plan.Risk != nil {
		fmt.Fprintf(out, "\nWhat the simulation assumes (%d runs, seed %d)\n", r.Plan.Risk.Runs, r.Plan.Seed)
		for _, s := range r.Plan.Risk.Assumptions {
			t.bullet(out, "  - ", plain(s))
		}
	}
	t.field(out, "\n", "Schedule", plain(r.Plan.Method)+".")
	t.warnings(out, &r.Report)
	return out.Flush()
}

// planTable writes a table below its title.
func (t table) planTable(w io.Writer, pt planTable) {
	fmt.Fprintf(w, "\n%s\n", pt.title)
	align := make([]tw.Align, len(pt.header))
	header := make([]string, len(pt.header))
	for i, h := range pt.header {
		align[i] = tw.AlignLeft
		if strings.HasSuffix(h, ":") {
			align[i] = tw.AlignRight
		}
		header[i] = strings.ToUpper(strings.TrimSuffix(h, ":"))
	}
	t.grid(w, header, safeRows(pt.rows), align)
}

func safeRows(rows [][]string) [][]string {
	safe := make([][]string, len(rows))
	for i, row := range rows {
		safe[i] = make([]string, len(row))
		for k, s := range row {
			safe[i][k] = plain(s)
		}
	}
	return safe
}

func (m markdown) plan(w io.Writer, r *PlanReport) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# %s\n\n", mark(planTitle(r)))
	for _, l := range summarisePlan(r) {
		fmt.Fprintf(out, "- **%s:** %s\n", l.Topic, mark(l.Says))
	}
	fmt.Fprintf(out, "- **Breaks:** %s.\n", mark(breakLine(r.Plan)))
	for _, pt := range planTables(r) {
		fmt.Fprintf(out, "\n## %s\n\n", pt.title)
		m.table(out, pt.header, pt.rows)
	}
	if r.Plan.Risk != nil {
		fmt.Fprintf(out, "\n## What the simulation assumes\n\n%d runs, seed %d.\n\n", r.Plan.Risk.Runs, r.Plan.Seed)
		for _, s := range r.Plan.Risk.Assumptions {
			fmt.Fprintf(out, "- %s\n", mark(s))
		}
	}
	fmt.Fprintf(out, "\nSchedule: %s.\n", mark(r.Plan.Method))
	if len(r.Warnings) > 0 {
		fmt.Fprint(out, "\n## Warnings\n\n")
		for _, s := range r.Warnings {
			fmt.Fprintf(out, "- %s\n", mark(s))
		}
	}
	return out.Flush()
}

// planHeader names the columns; new ones go to the end.
var planHeader = []string{"kind", "xsa", "item", "base", "class", "task", "person", "start", "end", "hours", "critical", "why", "suggestion"}

// planCSV is a row for each task that somebody does, and for each that nobody can
// do or that is late.
func planCSV(w io.Writer, r *PlanReport) error {
	rows := [][]string{planHeader}
	for _, u := range r.Plan.Unstaffed {
		rows = append(rows, []string{text("unstaffed " + u.Kind), number(u.XSA), text(u.Item), text(u.Base), text(string(classOf(r, u.Name))), text(u.Task), "", "", "", "", "", text(u.Why), text(u.Suggestion)})
	}
	for i := range r.Plan.Assignments {
		a := &r.Plan.Assignments[i]
		rows = append(rows, []string{"assignment", number(a.XSA), text(a.Item), text(a.Base), text(string(classOf(r, a.Name))), text(a.Task), text(a.Person),
			a.Start.Format(time.RFC3339), a.End.Format(time.RFC3339), strconv.FormatFloat(a.Hours, 'f', -1, 64), strconv.FormatBool(a.Critical), "", ""})
	}
	return writeCSV(w, rows)
}
