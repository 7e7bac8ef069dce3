package render

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/vendors/plan"
)

// planHTML writes a plan as a page: the answer first, then what is open, the
// schedule, the load, the risk, and what it all rests on.
func planHTML(w io.Writer, r *PlanReport) error {
	p := &page{Title: planTitle(r), About: about(&r.Report), Foot: foot(&r.Report), Lead: answer(r.Plan), Mood: mood(r.Plan)}
	for _, l := range summarisePlan(r) {
		if l.Topic != "Answer" {
			p.Facts = append(p.Facts, l)
		}
	}
	add := func(id string, pt planTable, notes ...string) {
		if len(pt.rows) > 0 {
			p.Sections = append(p.Sections, section{ID: id, Title: pt.title, Notes: notes, Tables: []htmlTable{htmlOf(pt)}})
		}
	}
	if len(r.Plan.Unstaffed) > 0 {
		p.Sections = append(p.Sections, unstaffedSection(r))
	}
	add("what-if", scenarioTable(r.Plan), "Ready in brackets: of what somebody can do.")
	p.Sections = append(p.Sections, heatSection(&r.Report, stateOf(r.Plan)), scheduleSection(r), loadSection(r.Plan), riskSection(r.Plan))
	add("ready", itemTable(r.Plan))
	add("critical", criticalTable(r.Plan))
	add("decide", decisionTable(r.Plan))
	revisions := section{ID: "revisions", Title: "Revisions so far", Notes: []string{"None was taken in."}}
	if pt := revisionTable(r.Plan); len(pt.rows) > 0 {
		revisions.Notes, revisions.Tables = nil, []htmlTable{htmlOf(pt)}
	}
	p.Sections = append(p.Sections, revisions, cellSection(&r.Report))
	p.warn(&r.Report)
	return p.write(w)
}

// unstaffedSection is one part for each item that is not in order.
func unstaffedSection(r *PlanReport) section {
	pt := unstaffedTable(r.Plan)
	s := section{ID: "unstaffed", Title: pt.title}
	for i, row := range pt.rows {
		class := ""
		for _, u := range r.Plan.Unstaffed {
			if u.Label() == row[0] {
				class = string(classOf(r, u.Name))
			}
		}
		s.Parts = append(s.Parts, part{ID: fmt.Sprintf("unstaffed-%d", i+1), Title: plain(row[0] + " on " + row[1]), Class: class,
			Facts: []line{{"Task", plain(row[2])}, {"Why", plain(row[3])}, {"What helps", plain(row[4])}}})
	}
	return s
}

// mood colours the answer; the words say the same.
func mood(p *plan.Plan) string {
	switch {
	case len(p.Unstaffed) > 0:
		return "bad"
	case p.ReadyProbability < 0.9:
		return "warn"
	}
	return "good"
}

// stateOf says in a word or two how a cell stands.
func stateOf(p *plan.Plan) func(*analyze.Cell) string {
	return func(c *analyze.Cell) string {
		n := plan.Of(c)
		for i := range p.Items {
			it := &p.Items[i]
			switch {
			case it.Name != n:
			case it.Ready == nil:
				return "unstaffed"
			case it.Ready.After(it.Deadline):
				return "late"
			case it.Hours == 0:
				return "done"
			default:
				return percent(it.InTime)
			}
		}
		return "not planned"
	}
}

func scheduleSection(r *PlanReport) section {
	return section{ID: "schedule", Title: "Schedule", Chart: gantt(r), Tables: []htmlTable{htmlOf(dayTable(r.Plan))},
		Notes: []string{"One row for each person, coloured by class; a thick edge is the critical path, the dashed line the end of the embargo. Grey are weekends. The table below says the same in words."}}
}

// A stretch is work on one cell by one person without other work between.
type stretch struct {
	plan.Name
	person     string
	start, end time.Time
	tasks      []string
	critical   bool
}

// stretches joins the assignments of a person that follow each other on one cell.
func stretches(p *plan.Plan, person string) []stretch {
	var list []stretch
	for i := range p.Assignments {
		a := &p.Assignments[i]
		if a.Person != person {
			continue
		}
		if n := len(list) - 1; n >= 0 && list[n].Name == a.Name {
			list[n].end, list[n].tasks, list[n].critical = a.End, append(list[n].tasks, a.Task), list[n].critical || a.Critical
			continue
		}
		list = append(list, stretch{a.Name, person, a.Start, a.End, []string{a.Task}, a.Critical})
	}
	return list
}

// gantt draws the schedule.
func gantt(r *PlanReport) template.HTML {
	p := r.Plan
	const row, top, left, right = 34.0, 34.0, 110.0, 990.0
	end := p.Embargo
	for i := range p.Assignments {
		if e := p.Assignments[i].End; e.After(end) {
			end = e
		}
	}
	t := timeline{p.Start, end.Add(12 * time.Hour), left, right}
	bottom := top + row*float64(len(p.Load))
	d := draw("gantt", "Schedule", fmt.Sprintf("%d tasks of %d people from %s to %s; the table below has them all.", len(p.Assignments), len(p.Load), day(p.Start), day(end)), 1000, bottom+30)
	t.weekends(func(a, b float64) { d.rect(a, top, b-a, bottom-top, "rest", "") })
	t.days(func(x float64, at time.Time) {
		d.line(x, top, x, bottom, "axis")
		const label = 60.0
		if x < right-label {
			d.text(x+2, top-6, "start", "dim", at.Format("Mon 2 Jan"))
		}
	})
	for i, l := range p.Load {
		y := top + row*float64(i)
		d.line(left, y+row, right, y+row, "axis")
		d.text(left-8, y+row/2+4, "end", "", shorten(l.Person, 14))
		if l.Away != "" {
			d.text(left+8, y+row/2+4, "start", "dim", l.Away)
		}
		for _, s := range stretches(p, l.Person) {
			d.stretch(t, r, &s, y+5, row-10)
		}
	}
	x := t.x(p.Embargo)
	d.line(x, top-4, x, bottom+6, "end")
	const label = 50
	d.text(min(x, right-label), bottom+22, "middle", "end", "embargo ends")
	return d.done()
}

func (d *drawing) stretch(t timeline, r *PlanReport, s *stretch, y, h float64) {
	x, w := t.x(s.start), t.x(s.end)-t.x(s.start)
	class := "job " + string(classOf(r, s.Name))
	if s.critical {
		class += " critical"
	}
	d.rect(x, y, max(w, 2), h, class, fmt.Sprintf("%s, %s: %s, %s to %s", s.person, s.Name, joined(s.tasks), s.start.Format("2 Jan 15:04"), s.end.Format("2 Jan 15:04")))
	label := fmt.Sprint(s.XSA)
	if s.XSA == 0 {
		label = s.Item
	}
	const letter = 7.2
	if float64(len(label))*letter < w {
		d.text(x+w/2, y+h/2+4, "middle", "on", label)
	}
}

// joined lists tasks, each once.
func joined(tasks []string) string {
	var list []string
	for _, t := range tasks {
		list = include(list, t)
	}
	return strings.Join(list, ", ")
}

// shorten cuts a name to what fits beside a chart.
func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func loadSection(p *plan.Plan) section {
	pt := loadTable(p)
	pt.header = []string{"Person", "Hours:", "Available:", "Load:", "Away"}
	for i := range pt.rows {
		if p.Load[i].Away == "" {
			pt.rows[i][4] = ""
		}
	}
	return section{ID: "load", Title: "Load per person", Chart: loadChart(p), Tables: []htmlTable{htmlOf(pt)},
		Notes: []string{"The frame is what a person has until the embargo ends, the bar what the plan gives out; what reaches beyond the frame cannot be done by then."}}
}

func loadChart(p *plan.Plan) template.HTML {
	const row, left, right = 30.0, 110.0, 900.0
	most := 1.0
	for _, l := range p.Load {
		most = max(most, l.Hours, l.Available)
	}
	scale := (right - left) / most
	d := draw("loads", "Load per person", "Hours given out and hours available; the table below has the numbers.", 1000, row*float64(len(p.Load))+10)
	for i, l := range p.Load {
		y := 5 + row*float64(i)
		d.text(left-8, y+row/2+4, "end", "", shorten(l.Person, 14))
		within := min(l.Hours, l.Available)
		d.rect(left, y+6, within*scale, row-12, "bar", "")
		d.rect(left+within*scale, y+6, (l.Hours-within)*scale, row-12, "over", "")
		d.rect(left, y+4, l.Available*scale, row-8, "room", "")
		says := fmt.Sprintf("%.0f of %.0f h", l.Hours, l.Available)
		if l.Away != "" {
			says = "away"
		}
		d.text(left+max(l.Hours, l.Available)*scale+6, y+row/2+4, "start", "", says)
	}
	return d.done()
}

func riskSection(p *plan.Plan) section {
	s := section{ID: "risk", Title: "Risk"}
	if p.Risk == nil {
		s.Notes = []string{"Not simulated."}
		return s
	}
	s.Chart = riskChart(p)
	s.Notes = append(s.Notes, fmt.Sprintf("How likely all that somebody can do is ready by when, of %d simulations (seed %d). What breaks the plan: %s.", p.Risk.Runs, p.Seed, breakLine(p)))
	s.Notes = append(s.Notes, p.Risk.Assumptions...)
	pt := planTable{title: "Distribution of the finish", header: []string{"Ready with", "By"}}
	for i, q := range p.Risk.Curve {
		if i%5 == 0 {
			by := q.At
			if t, err := time.Parse(time.RFC3339, q.At); err == nil {
				by = day(t)
			}
			pt.rows = append(pt.rows, []string{percent(q.Share), by})
		}
	}
	s.Tables = []htmlTable{htmlOf(pt)}
	return s
}

// riskChart draws the distribution of the finish, without its last few percent,
// which would take all the room.
func riskChart(p *plan.Plan) template.HTML {
	const top, bottom, left, right = 24.0, 250.0, 60.0, 980.0
	var at []time.Time
	var share []float64
	for _, q := range p.Risk.Curve {
		t, err := time.Parse(time.RFC3339, q.At)
		if err != nil || q.Share > 0.965 {
			continue
		}
		at, share = append(at, t), append(share, q.Share)
	}
	d := draw("finish", "Distribution of the finish", fmt.Sprintf("%s ready when the embargo ends; half of the simulations are ready by %s, nine of ten by %s.",
		percent(p.StaffedProbability), day(p.Finish.P50), day(p.Finish.P90)), 1000, 296)
	if len(at) == 0 {
		return d.done()
	}
	first, last := at[0], at[len(at)-1]
	t := timeline{minTime(first, p.Embargo).Add(-12 * time.Hour), maxTime(last, p.Embargo).Add(12 * time.Hour), left, right}
	y := func(v float64) float64 { return bottom - v*(bottom-top) }
	t.weekends(func(a, b float64) { d.rect(a, top, b-a, bottom-top, "rest", "") })
	for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
		d.line(left, y(v), right, y(v), "axis")
		d.text(left-8, y(v)+4, "end", "dim", fmt.Sprintf("%.0f %%", 100*v))
	}
	t.days(func(x float64, at time.Time) {
		d.line(x, bottom, x, bottom+5, "axis")
		d.text(x, bottom+20, "middle", "dim", at.Format("2 Jan"))
	})
	points := [][2]float64{}
	for i := range at {
		points = append(points, [2]float64{t.x(at[i]), y(share[i])})
	}
	area := append(slices.Clone(points), [2]float64{t.x(last), bottom}, [2]float64{t.x(first), bottom})
	d.path("under", area, true)
	d.path("curve", points, false)
	x := t.x(p.Embargo)
	d.line(x, top-6, x, bottom+26, "end")
	side, dx := "start", 6.0
	if x > (left+right)/2 {
		side, dx = "end", -6.0
	}
	d.text(x+dx, bottom+38, side, "end", fmt.Sprintf("embargo ends: %s", percent(p.StaffedProbability)))
	return d.done()
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// policyHTML writes a replay as a page.
func policyHTML(w io.Writer, r *PolicyReport) error {
	p := &page{Title: "What a policy of batching does to the team", About: "Made on " + day(r.Generated) + " for " + plain(r.Vendor) + ".",
		Foot: "Made by lpready plan policy from contract " + r.Schema + "; the same numbers as JSON by --format json.", Facts: policyLines(r)}
	peaks := peakTable(r)
	peaks.title = "Worst week of each year, numbers"
	p.Sections = []section{
		{ID: "policies", Title: "Policies", Tables: []htmlTable{htmlOf(policyTable(r))}},
		{ID: "worst", Title: "Worst week of each year", Chart: peakChart(r), Tables: []htmlTable{htmlOf(peaks)},
			Notes: []string{"Hours due in a week, each batch spread over its embargo, of what the team has. The dashed line is all that it has."}},
	}
	return p.write(w)
}

// peakChart draws bars for each year, one row for each policy.
func peakChart(r *PolicyReport) template.HTML {
	const row, left, right, top = 84.0, 190.0, 990.0, 10.0
	first, last := year(r.From), year(r.To)
	most := 1.2
	for i := range r.Policies {
		for _, p := range r.Policies[i].Peaks {
			most = max(most, p.Load)
		}
	}
	d := draw("peaks", "Worst week of each year", "Bars for each year and policy; the table below has the numbers.", 1000, top+row*float64(len(r.Policies))+24)
	step := (right - left) / float64(max(1, last-first+1))
	for i := range r.Policies {
		base := top + row*float64(i+1)
		height := func(v float64) float64 { return v / most * (row - 14) }
		d.text(left-10, base-row/2+8, "end", "", shorten(r.Policies[i].Name, 26))
		for y := first; y <= last; y++ {
			v := peakOf(r.Policies[i].Peaks, y)
			class := "bar"
			if v > 1 {
				class = "over"
			}
			x := left + float64(y-first)*step
			d.rect(x+3, base-height(v), step-6, height(v), class, fmt.Sprintf("%s, %d: %s", r.Policies[i].Name, y, percent(v)))
		}
		d.line(left, base, right, base, "axis")
		d.line(left, base-height(1), right, base-height(1), "end")
	}
	for y := first; y <= last; y++ {
		d.text(left+(float64(y-first)+0.5)*step, top+row*float64(len(r.Policies))+18, "middle", "dim", fmt.Sprint(y))
	}
	return d.done()
}
