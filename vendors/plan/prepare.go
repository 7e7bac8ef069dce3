package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/analyze/revision"
	"lpready/vendors"
)

// A problem is a plan being made.
type problem struct {
	req       Request
	cells     []analyze.Cell
	name      []Name
	area      []string
	deadline  []float64 // of the cells, in hours since the start
	part      []int     // of the cells, from 0
	calendars []*calendar
	jobs      []job         // those before come first
	of        [][stages]int // job of a cell by stage, -1 where there is none
	after     [][]int       // jobs that wait for each
	wanted    []int         // of the people: how many jobs they may do
	spare     *calendar     // of a person who is still to be found
	embargo   float64
	best      schedule
	elite     []schedule
	method    string
	revised   []Revised
}

// PartGap is the time between the parts of a batch that is taken in parts.
const PartGap = 14 * 24 * time.Hour

func prepare(req Request) (*problem, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if req.Risk == nil {
		req.Risk = DefaultRisk()
	}
	p := &problem{req: req, cells: slices.Clone(req.Cells)}
	p.embargo = p.hour(req.Embargo)
	p.takeRevisions()
	for i := range p.cells {
		c := &p.cells[i]
		p.name = append(p.name, Of(c))
		p.area = append(p.area, req.Team.MainArea(files(c), c.Scope))
	}
	p.deadlines()
	p.openCalendars()
	if err := p.makeJobs(); err != nil {
		return nil, err
	}
	p.staff()
	return p, nil
}

// hour is a time in hours since the plan begins.
func (p *problem) hour(t time.Time) float64 { return t.Sub(p.req.Start).Hours() }

// clock is the time of an hour, to the minute.
func (p *problem) clock(h float64) time.Time {
	return p.req.Start.Add(time.Duration(h * float64(time.Hour))).Round(time.Minute).UTC()
}

// takeRevisions puts new versions in the place of the old ones.
func (p *problem) takeRevisions() {
	for i := range p.req.Revised {
		r := &p.req.Revised[i]
		name := Of(&r.Cell)
		at := slices.IndexFunc(p.cells, func(c analyze.Cell) bool { return Of(&c) == name })
		switch {
		case r.Revision.Kind == revision.Dropped:
			p.cells = slices.DeleteFunc(p.cells, func(c analyze.Cell) bool { return Of(&c) == name })
		case at < 0 && r.Hours != nil:
			p.cells = append(p.cells, r.Cell)
		case at >= 0 && r.Hours != nil:
			p.cells[at] = r.Cell
		}
	}
}

// deadlines gives every cell the end of its embargo. A batch that is taken in
// parts has its first items at the embargo and the next ones after each gap; the
// items that go first are those that take least, so that most are out early.
func (p *problem) deadlines() {
	p.deadline, p.part = make([]float64, len(p.cells)), make([]int, len(p.cells))
	for i := range p.cells {
		end := p.req.Embargo
		if public := p.cells[i].Public; !p.req.Fixed && public != nil && public.After(p.req.Start) {
			end = *public
		}
		p.deadline[i] = p.hour(end)
	}
	if p.req.Parts == 0 {
		return
	}
	order := p.items()
	for i := range p.cells {
		n := slices.Index(order, p.name[i].Label()) / p.req.Parts
		p.part[i] = n
		p.deadline[i] += float64(n) * PartGap.Hours()
	}
}

// items lists the items, those that take least first.
func (p *problem) items() []string {
	hours := map[string]float64{}
	var list []string
	for i := range p.cells {
		label := p.name[i].Label()
		if _, known := hours[label]; !known {
			list = append(list, label)
		}
		hours[label] += p.cells[i].Hours.Expected
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(hours[a], hours[b]) })
	return list
}

// openCalendars lays out everybody's days: half a year beyond the last deadline.
func (p *problem) openCalendars() {
	last := max(p.embargo, slices.Max(p.deadline))
	days := min(int(last/24)+180, maxAhead)
	for i := range p.req.Team.People {
		p.calendars = append(p.calendars, newCalendar(p.req.Team, &p.req.Team.People[i], p.req.Start, days, p.req.Overtime, p.req.Embargo))
	}
	p.spare = newCalendar(&vendors.Team{}, &vendors.Person{}, p.req.Start, days, 0, p.req.Embargo)
}

// makeJobs makes the jobs of all cells, those that others wait for first.
func (p *problem) makeJobs() error {
	first := map[string]int{} // cell in which an item's work is done first
	for i := range p.cells {
		label := p.name[i].Label()
		if _, known := first[label]; !known && works(&p.cells[i]) {
			first[label] = i
		}
	}
	seen := map[Name]bool{}
	for i := range p.cells {
		if seen[p.name[i]] {
			return fmt.Errorf("%s is in the report twice", p.name[i])
		}
		seen[p.name[i]] = true
		p.of = append(p.of, [stages]int{-1, -1, -1, -1, -1})
		lead := -1
		if f, ok := first[p.name[i].Label()]; ok && f != i && works(&p.cells[i]) {
			lead = f
		}
		p.cellJobs(i, lead)
	}
	return nil
}

// works tells whether a cell asks for more than to be read and noted.
func works(c *analyze.Cell) bool { return c.Class != factor.NotNeeded }

// cellJobs makes the jobs of a cell. Where lead is another cell of the item, its
// author's work comes first.
func (p *problem) cellJobs(cell, lead int) {
	byStage := [stages][]part{}
	for _, t := range p.left(cell) {
		s := stageOf[t.task]
		byStage[s] = append(byStage[s], t)
	}
	previous := -1
	for s := range stages {
		if len(byStage[s]) == 0 {
			continue
		}
		j := job{cell: cell, stage: s, parts: byStage[s]}
		for _, t := range j.parts {
			j.hours += t.expected
		}
		if s == note && p.of[cell][author] >= 0 {
			j.before = append(j.before, p.of[cell][author])
		} else if s != note && previous >= 0 {
			j.before = append(j.before, previous)
		}
		if lead >= 0 && p.of[lead][author] >= 0 {
			if s == author {
				j.before = append(j.before, p.of[lead][author])
			}
			if s == review {
				j.avoid = append(j.avoid, p.of[lead][author])
			}
		}
		if s == review && p.of[cell][author] >= 0 {
			j.avoid = append(j.avoid, p.of[cell][author])
		}
		p.of[cell][s] = len(p.jobs)
		if s != note {
			previous = len(p.jobs)
		}
		p.jobs = append(p.jobs, j)
	}
}

// left is the tasks of a cell without what is done, and with what a new version
// asks to be done again.
func (p *problem) left(cell int) []part {
	rework := p.rework(cell)
	var list []part
	for _, t := range merged(p.cells[cell].Hours.Tasks) {
		done, old := p.done(cell, t.task)
		rest := t.times(1 - done)
		if old > 0 {
			again := rework[t.task].times(old)
			again.redone = again.expected > 0
			rest = rest.plus(again)
		}
		if rest.pessimistic > 1e-9 {
			list = append(list, rest)
		}
	}
	return list
}

// done is the share of a task that was done already, and of that the share that
// was done on the version before.
func (p *problem) done(cell int, task string) (share, old float64) {
	for _, d := range p.req.Done {
		if d.Item != p.name[cell].Label() || d.Base != p.name[cell].Base || d.Task != task {
			continue
		}
		share += d.Share
		if !d.New {
			old += d.Share
		}
	}
	return min(1, share), min(1, old)
}

// rework is what a new version asks to be done again of what was done, by task.
func (p *problem) rework(cell int) map[string]part {
	for i := len(p.req.Revised) - 1; i >= 0; i-- { // the last one counts
		r := &p.req.Revised[i]
		if Of(&r.Cell) != p.name[cell] {
			continue
		}
		byTask := map[string]part{}
		for _, t := range merged(r.Revision.Hours.Tasks) {
			byTask[t.task] = t
		}
		return byTask
	}
	return nil
}

// authors gives who worked on a cell as an author before the plan begins.
func (p *problem) authors(cell int) []int {
	var list []int
	for _, d := range p.req.Done {
		if d.Item == p.name[cell].Label() && d.Base == p.name[cell].Base && stageOf[d.Task] == author && d.Share > 0 {
			if n := p.person(d.Person); n >= 0 && !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
	}
	return list
}

// person gives the number of a person, -1 for one that is not in the team.
func (p *problem) person(name string) int {
	for i := range p.req.Team.People {
		if strings.EqualFold(p.req.Team.People[i].Name, name) {
			return i
		}
	}
	return -1
}

// dominant is the task of a job that takes most of its hours.
func (j *job) dominant() string {
	best := j.parts[0]
	for _, t := range j.parts {
		if t.expected > best.expected {
			best = t
		}
	}
	return best.task
}

// redesigns tells whether a job holds a redesign.
func (j *job) redesigns() bool {
	return slices.ContainsFunc(j.parts, func(t part) bool { return t.task == effort.Redesign })
}
