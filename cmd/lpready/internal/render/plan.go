package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/factor"
	"lpready/vendors/plan"
)

// A PlanReport is the record of plan: the assessed cells and the plan.
type PlanReport struct {
	analyze.Report
	Plan *plan.Plan `json:"plan"`
}

// PlanFormats lists the formats that a plan can be written in.
func PlanFormats() []string { return append(ReportFormats(), "ics") }

// Plan writes a plan in one of the formats.
func Plan(w io.Writer, format string, o Options, r *PlanReport) error {
	switch format {
	case "table":
		return newTable(o).plan(w, r)
	case "markdown":
		return markdown{}.plan(w, r)
	case "csv":
		return planCSV(w, r)
	case "json":
		return writeJSON(w, r)
	case "html":
		return planHTML(w, r)
	case "ics":
		return planCalendar(w, r)
	}
	return unknownFormat(format, PlanFormats())
}

// LoadPlan reads a plan that was saved as JSON, with the rules of Load.
func LoadPlan(s *Saved) (*PlanReport, error) {
	if _, err := load(bytes.NewReader(s.data)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	r := new(PlanReport)
	if err := json.Unmarshal(s.data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, jsonError(s.data, err))
	}
	if r.Plan == nil {
		return nil, fmt.Errorf("%s: no plan in it", s.Name)
	}
	if err := checkPlan(r.Plan); err != nil {
		return nil, fmt.Errorf("%s: plan: %w", s.Name, err)
	}
	return r, nil
}

// checkPlan refuses numbers that no plan has: what renders it counts on them.
func checkPlan(p *plan.Plan) error {
	for _, share := range []float64{p.ReadyProbability, p.StaffedProbability, p.SwampedProbability} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("probability %v, expected 0 to 1", share)
		}
	}
	const most = 10_000
	if len(p.Load) == 0 || len(p.Load) > most || len(p.Assignments) > most || len(p.Items) > most {
		return fmt.Errorf("%d people, %d assignments, %d items, expected 1 to %d people and at most so many others", len(p.Load), len(p.Assignments), len(p.Items), most)
	}
	for i := range p.Load {
		if l := &p.Load[i]; !(l.Utilisation >= 0 && l.Hours >= 0 && l.Available >= 0 && l.Utilisation < 1e6 && l.Hours < 1e6 && l.Available < 1e6) {
			return fmt.Errorf("load of person %d: %v of %v h, expected hours", i+1, l.Hours, l.Available)
		}
	}
	if p.Risk != nil && len(p.Risk.Curve) > most {
		return fmt.Errorf("a curve of %d points, expected at most %d", len(p.Risk.Curve), most)
	}
	if !p.Embargo.After(p.Start) || p.Embargo.Sub(p.Start) > 100*366*24*time.Hour {
		return fmt.Errorf("from %s to %s, expected the embargo to end after the start", p.Start, p.Embargo)
	}
	for i := range p.Assignments {
		a := &p.Assignments[i]
		if a.End.Before(a.Start) || a.Start.Before(p.Start) || a.End.Sub(p.Start) > 3*366*24*time.Hour || len(a.Days) > 1000 {
			return fmt.Errorf("assignment %d: from %s to %s, expected a time within the plan", i+1, a.Start, a.End)
		}
	}
	return nil
}

// planTitle names what is planned.
func planTitle(r *PlanReport) string {
	return fmt.Sprintf("Plan for %s until %s", count(len(itemNames(r.Plan)), "item"), day(r.Plan.Embargo))
}

// itemNames lists the items of a plan by label, in order.
func itemNames(p *plan.Plan) []string {
	var list []string
	for i := range p.Items {
		list = include(list, p.Items[i].Label())
	}
	return list
}

// summarisePlan says what a manager has to know: the answer first.
func summarisePlan(r *PlanReport) []line {
	p := r.Plan
	list := []line{{"Answer", answer(p)}, {"Ready", readyLine(p)}, {"Finish", finishLine(p)}, {"Hours", planHours(p)}}
	if n := len(p.Scenarios); n > 0 {
		list = append([]line{{"What if", plain(p.Scenarios[n-1].Name) + "; the plan as it is stands first in the table."}}, list...)
	}
	if d := firstDecision(p); d != nil {
		list = append(list, line{"Decide", fmt.Sprintf("on %s %s: %s.", plain(d.Label()), decideBy(d), plain(d.Why))})
	}
	return list
}

// answer tells whether the people are enough.
func answer(p *plan.Plan) string {
	nobody, late := split(p)
	var parts []string
	for _, s := range []struct {
		list  []plan.Unstaffed
		words string
	}{{nobody, "cannot be staffed"}, {late, "not ready in time"}} {
		if len(s.list) > 0 {
			var names []string
			for i := range s.list {
				names = include(names, plain(s.list[i].Label()))
			}
			parts = append(parts, s.words+": "+strings.Join(names, ", "))
		}
	}
	switch {
	case len(parts) > 0:
		return "No, the people at hand are not enough: " + strings.Join(parts, "; ") + "."
	case p.ReadyProbability < 0.5:
		return "On paper yes, but it is more likely than not that something is late."
	case p.ReadyProbability < 0.9:
		return "Yes if nothing much goes wrong: the plan is in time, with little to spare."
	}
	return "Yes, the people at hand are enough."
}

// split parts what nobody can do from what is late.
func split(p *plan.Plan) (nobody, late []plan.Unstaffed) {
	for _, u := range p.Unstaffed {
		if u.Kind == plan.NoTime {
			late = append(late, u)
		} else {
			nobody = append(nobody, u)
		}
	}
	return nobody, late
}

func readyLine(p *plan.Plan) string {
	s := fmt.Sprintf("%s that everything is ready when the embargo ends", percent(p.ReadyProbability))
	if p.ReadyProbability != p.StaffedProbability {
		s += fmt.Sprintf("; %s for what somebody can do", percent(p.StaffedProbability))
	}
	if p.Risk != nil {
		s += fmt.Sprintf(", %s if no revision came", percent(p.Risk.WithoutRevisions))
	}
	return s + fmt.Sprintf(". Swamped, that is revisions come and not everything is ready: %s.", percent(p.SwampedProbability))
}

func finishLine(p *plan.Plan) string {
	return fmt.Sprintf("%s (half of the simulations), between %s and %s (eight of ten); embargo ends on %s.",
		day(p.Finish.P50), day(p.Finish.P10), day(p.Finish.P90), day(p.Embargo))
}

func planHours(p *plan.Plan) string {
	var need, have float64
	for _, l := range p.Load {
		need += l.Hours
		have += l.Available
	}
	busy := slices.MaxFunc(p.Load, func(a, b plan.Load) int { return cmp.Compare(a.Utilisation, b.Utilisation) })
	s := fmt.Sprintf("%s given out, of %s that the team has until then", hours(need), hours(have))
	if busy.Utilisation > 0 {
		s += fmt.Sprintf("; most by %s (%s)", plain(busy.Person), percent(busy.Utilisation))
	}
	return s + "."
}

// firstDecision is what has to be decided first of what is not in order.
func firstDecision(p *plan.Plan) *plan.Decision {
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if slices.ContainsFunc(p.Unstaffed, func(u plan.Unstaffed) bool { return u.Name == d.Name }) {
			return d
		}
	}
	if len(p.Decisions) > 0 {
		return &p.Decisions[0]
	}
	return nil
}

// decideBy is "now" where the day is over.
func decideBy(d *plan.Decision) string {
	if d.Late {
		return "now"
	}
	return "by " + weekday(d.By)
}

func percent(share float64) string {
	switch {
	case share > 0 && share < 0.01:
		return "< 1 %"
	case share < 1 && share > 0.99:
		return "> 99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// A planTable is one table of a plan in words, for all formats for people.
type planTable struct {
	title  string
	header []string // a colon at the end: numbers
	rows   [][]string
}

// planTables are the tables of a plan, in the order in which one reads them.
func planTables(r *PlanReport) []planTable {
	p := r.Plan
	var list []planTable
	add := func(t planTable) {
		if len(t.rows) > 0 {
			list = append(list, t)
		}
	}
	add(unstaffedTable(p))
	add(scenarioTable(p))
	add(dayTable(p))
	add(itemTable(p))
	add(loadTable(p))
	add(criticalTable(p))
	add(decisionTable(p))
	add(revisionTable(p))
	return list
}

// unstaffedTable takes the bases of an item together where the same holds for
// them.
func unstaffedTable(p *plan.Plan) planTable {
	t := planTable{title: "What cannot be staffed, or not in time", header: []string{"XSA", "Base", "Task", "Why", "What helps"}}
	for i := range p.Unstaffed {
		u := &p.Unstaffed[i]
		if n := len(t.rows) - 1; n >= 0 && u.Label() == p.Unstaffed[i-1].Label() && u.Suggestion == p.Unstaffed[i-1].Suggestion && u.Why == p.Unstaffed[i-1].Why {
			t.rows[n][1] += ", " + u.Base
			continue
		}
		t.rows = append(t.rows, []string{u.Label(), u.Base, u.Task, u.Why, u.Suggestion})
	}
	return t
}

// stacked puts the last column below the one before it: a terminal is narrow.
func (t planTable) stacked() planTable {
	n := len(t.header) - 1
	s := planTable{title: t.title, header: append(slices.Clone(t.header[:n-1]), t.header[n-1]+", "+strings.ToLower(t.header[n][:1])+t.header[n][1:])}
	for _, row := range t.rows {
		below := make([]string, n)
		below[n-1] = "-> " + row[n]
		s.rows = append(s.rows, row[:n], below)
	}
	return s
}

func scenarioTable(p *plan.Plan) planTable {
	t := planTable{title: "What if", header: []string{"Scenario", "Ready:", "Swamped:", "Half ready", "Nine of ten", "Nobody:", "Late:", "Hours:"}}
	for _, s := range p.Scenarios {
		ready := percent(s.ReadyProbability)
		if s.StaffedProbability != s.ReadyProbability {
			ready += " (" + percent(s.StaffedProbability) + ")"
		}
		t.rows = append(t.rows, []string{s.Name, ready, percent(s.SwampedProbability), s.Finish.P50.Format(time.DateOnly), s.Finish.P90.Format(time.DateOnly),
			fmt.Sprint(s.Unstaffed), fmt.Sprint(s.Late), fmt.Sprintf("%.0f of %.0f", s.Hours, s.Available)})
	}
	return t
}

// dayTable says who does what on which day.
func dayTable(p *plan.Plan) planTable {
	t := planTable{title: "Who does what on which day", header: []string{"Day", "Person", "Hours:", "What"}}
	type key struct{ date, person string }
	hours, what := map[key]float64{}, map[key][]string{}
	var keys []key
	for i := range p.Assignments {
		a := &p.Assignments[i]
		for _, d := range a.Days {
			k := key{d.Date, a.Person}
			if _, known := hours[k]; !known {
				keys = append(keys, k)
			}
			hours[k] += d.Hours
			what[k] = append(what[k], a.Label()+" "+a.Base+": "+a.Task)
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.person, b.person)) })
	for _, k := range keys {
		t.rows = append(t.rows, []string{weekday(k.date), k.person, fmt.Sprintf("%.1f", hours[k]), strings.Join(folded(what[k]), "; ")})
	}
	for i := len(t.rows) - 1; i > 0; i-- {
		if t.rows[i][0] == t.rows[i-1][0] {
			t.rows[i][0] = ""
		}
	}
	return t
}

// folded joins the tasks of one cell: "XSA-480 one: read, port".
func folded(list []string) []string {
	var out []string
	last := ""
	for _, s := range list {
		cell, task, _ := strings.Cut(s, ": ")
		if len(out) > 0 && cell == last {
			out[len(out)-1] += ", " + task
			continue
		}
		out, last = append(out, s), cell
	}
	return out
}

// weekday is "Mon 2026-06-01".
func weekday(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("Mon " + time.DateOnly)
}

func itemTable(p *plan.Plan) planTable {
	t := planTable{title: "When each item is ready", header: []string{"XSA", "Base", "Class", "Hours:", "Author", "Ready", "Slack:", "In time:"}}
	for i := range p.Items {
		it := &p.Items[i]
		ready, slack, inTime := "never", "", "0 %"
		if it.Ready != nil {
			ready, slack, inTime = it.Ready.Format("Mon 01-02 15:04"), fmt.Sprintf("%.1f h", it.Slack), percent(it.InTime)
		}
		t.rows = append(t.rows, []string{it.Label(), it.Base, string(it.Class), fmt.Sprintf("%.1f", it.Hours), cmp.Or(it.Author, "-"), ready, slack, inTime})
	}
	return t
}

func loadTable(p *plan.Plan) planTable {
	t := planTable{title: "Load until the embargo ends", header: []string{"Person", "Hours:", "Available:", "Load:", ""}}
	for _, l := range p.Load {
		row := []string{l.Person, fmt.Sprintf("%.1f", l.Hours), fmt.Sprintf("%.1f", l.Available), percent(l.Utilisation), strings.Repeat("#", min(40, int(l.Utilisation*20+0.5)))}
		if l.Away != "" {
			row[3], row[4] = "", strings.TrimPrefix(l.Away, l.Person+" is ")
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// maxSteps is how many steps of the critical path people are shown: the last ones.
const maxSteps = 12

func criticalTable(p *plan.Plan) planTable {
	t := planTable{title: "Critical path: what the end waits for", header: []string{"XSA", "Base", "Job", "Person", "From", "To", "After"}}
	steps := p.Critical
	if more := len(steps) - maxSteps; more > 0 {
		t.rows = append(t.rows, []string{"...", "", "", "", "", "", fmt.Sprintf("%d steps before; JSON has them all", more)})
		steps = steps[more:]
	}
	for _, s := range steps {
		t.rows = append(t.rows, []string{s.Label(), s.Base, s.Job, s.Person, s.Start.Format("01-02 15:04"), s.End.Format("01-02 15:04"), s.After})
	}
	return t
}

// decisionTable is what is open first, then the rest, each by day.
func decisionTable(p *plan.Plan) planTable {
	t := planTable{title: "Decide by", header: []string{"Day", "XSA", "Base", "Begin by then, or drop, defer or mitigate"}}
	for _, d := range p.Decisions {
		by := weekday(d.By)
		if d.Late {
			by = "now"
		}
		t.rows = append(t.rows, []string{by, d.Label(), d.Base, d.Why})
	}
	return t
}

func revisionTable(p *plan.Plan) planTable {
	t := planTable{title: "Revisions so far", header: []string{"Seen", "XSA", "Base", "Versions", "Change", "Redo", "Hours:"}}
	for _, r := range p.Revisions {
		redo := strings.Join(r.Redo, ", ")
		t.rows = append(t.rows, []string{r.At.Format(time.DateOnly), r.Label(), r.Base, fmt.Sprintf("%d to %d", r.From, r.To), r.Kind, cmp.Or(redo, "nothing"), fmt.Sprintf("%.1f", r.Hours)})
	}
	return t
}

// breakers lists the cells that are late most often, at most n.
func breakers(p *plan.Plan, n int) []plan.Item {
	list := slices.DeleteFunc(slices.Clone(p.Items), func(it plan.Item) bool { return it.Ready == nil || it.Last == 0 })
	slices.SortStableFunc(list, func(a, b plan.Item) int { return cmp.Compare(b.Last, a.Last) })
	return list[:min(n, len(list))]
}

// breakLine says which items break the plan.
func breakLine(p *plan.Plan) string {
	var parts []string
	for _, it := range breakers(p, 3) {
		parts = append(parts, fmt.Sprintf("%s (last in %s of the late ones, in time in %s)", plain(it.String()), percent(it.Last), percent(it.InTime)))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

// classOf gives the class of a cell in a report, empty where there is none.
func classOf(r *PlanReport, n plan.Name) factor.Class {
	for i := range r.Cells {
		if plan.Of(&r.Cells[i]) == n {
			return r.Cells[i].Class
		}
	}
	return ""
}
