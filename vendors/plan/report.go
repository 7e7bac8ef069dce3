package plan

import (
	"math"
	"slices"
)

// report writes the schedule down as a plan.
func (p *problem) report() *Plan {
	plan := &Plan{Start: p.req.Start.UTC(), Embargo: p.req.Embargo.UTC(), Method: p.method, Unstaffed: p.unstaffed()}
	plan.Items = p.itemList()
	plan.Assignments = p.assignments()
	plan.Load = p.load(plan.Assignments)
	plan.Critical = p.critical()
	plan.Decisions = p.decisions()
	plan.Revisions = slices.Clone(p.req.History)
	for _, r := range p.taken() {
		same := func(o Revised) bool { return o.Name == r.Name && o.From == r.From && o.To == r.To && o.Kind == r.Kind }
		if !slices.ContainsFunc(plan.Revisions, same) {
			plan.Revisions = append(plan.Revisions, r)
		}
	}
	return plan
}

// horizon is the end of the calendars, in hours.
func (p *problem) horizon() float64 { return 24 * float64(len(p.spare.to)-1) }

func (p *problem) itemList() []Item {
	list := make([]Item, len(p.cells))
	for cell := range p.cells {
		it := Item{Name: p.name[cell], Class: p.cells[cell].Class, Hours: tenth(p.weight(cell)), Area: p.area[cell],
			Deadline: p.clock(p.deadline[cell])}
		if p.req.Parts > 0 {
			it.Part = p.part[cell] + 1
		}
		if a := p.of[cell][author]; a >= 0 && p.best.person[a] >= 0 {
			it.Author = p.req.Team.People[p.best.person[a]].Name
		}
		if end := p.ready(cell); end < never {
			ready := p.clock(end)
			it.Ready = &ready
			it.Slack = p.slack(cell, end)
		}
		list[cell] = it
	}
	return list
}

// slack is the working hours between the end of a cell and its deadline, of whom
// does the last job; less than 0 where it is late.
func (p *problem) slack(cell int, end float64) float64 {
	c := p.spare
	if n := p.lastJob(cell); n >= 0 && p.best.person[n] >= 0 {
		c = p.calendars[p.best.person[n]]
	}
	if end > p.deadline[cell] {
		return -tenth(c.between(p.deadline[cell], end))
	}
	return tenth(c.between(end, p.deadline[cell]))
}

// assignments are the tasks of all jobs that somebody does, by begin.
func (p *problem) assignments() []Assignment {
	critical := p.best.chain(p.best.final(p))
	list := []Assignment{}
	order := make([]int, 0, len(p.jobs))
	for n := range p.jobs {
		if p.best.person[n] >= 0 && p.best.end[n] < never {
			order = append(order, n)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(p.best.start[a], p.best.start[b]) })
	for _, n := range order {
		j, who := &p.jobs[n], p.best.person[n]
		c, at := p.calendars[who], p.best.start[n]
		for _, t := range j.parts {
			start, end := c.run(at, t.expected)
			list = append(list, Assignment{Name: p.name[j.cell], Task: t.task, Person: p.req.Team.People[who].Name, Start: p.clock(start), End: p.clock(end),
				Hours: math.Round(t.expected*100) / 100, Days: c.spread(start, end), Critical: slices.Contains(critical, n)})
			at = end
		}
	}
	return list
}

// load adds up what everybody does, and could do until the embargo ends.
func (p *problem) load(assigned []Assignment) []Load {
	list := make([]Load, len(p.req.Team.People))
	for i := range p.req.Team.People {
		person := &p.req.Team.People[i]
		l := Load{Person: person.Name, Available: tenth(p.calendars[i].between(0, p.embargo))}
		byDay := map[string]float64{}
		for _, a := range assigned {
			if a.Person != person.Name {
				continue
			}
			l.Hours += a.Hours
			for _, d := range a.Days {
				byDay[d.Date] += d.Hours
			}
		}
		for _, day := range p.calendars[i].day {
			if h := byDay[day]; h > 0 {
				l.Days = append(l.Days, Day{day, tenth(h)})
			}
		}
		l.Hours = tenth(l.Hours)
		if l.Available > 0 {
			l.Utilisation = math.Round(l.Hours/l.Available*1000) / 1000
		} else {
			l.Away = p.away(i)
		}
		list[i] = l
	}
	return list
}

// critical is the jobs that the end of the plan waits for.
func (p *problem) critical() []Step {
	list := []Step{}
	var before *job
	for _, n := range p.best.chain(p.best.final(p)) {
		j := &p.jobs[n]
		s := Step{Name: p.name[j.cell], Job: stageNames[j.stage], Person: p.req.Team.People[p.best.person[n]].Name, Start: p.clock(p.best.start[n]), End: p.clock(p.best.end[n])}
		if before != nil {
			s.After = "the " + stageNames[before.stage] + " of " + p.name[before.cell].String()
			if !slices.Contains(j.before, p.best.cause[n]) {
				s.After = s.Person + " is busy with " + s.After
			}
		}
		before = j
		list = append(list, s)
	}
	return list
}

// taken lists the revisions that this plan took in.
func (p *problem) taken() []Revised {
	var list []Revised
	for i := range p.req.Revised {
		r := &p.req.Revised[i]
		if r.Revision.Kind == "same" {
			continue
		}
		name := Of(&r.Cell)
		hours := 0.0
		for cell := range p.cells {
			if p.name[cell] != name {
				continue
			}
			for _, n := range p.of[cell] {
				if n < 0 {
					continue
				}
				for _, t := range p.jobs[n].parts {
					if t.redone {
						hours += p.again(cell, t.task)
					}
				}
			}
		}
		redo := r.Revision.Redo
		if redo == nil {
			redo = []string{}
		}
		list = append(list, Revised{Name: name, At: p.req.Start.UTC(), From: r.Revision.From, To: r.Revision.To, Kind: string(r.Revision.Kind), Redo: redo, Hours: tenth(hours)})
	}
	return list
}

// again is the hours of a task that are done again.
func (p *problem) again(cell int, task string) float64 {
	_, old := p.done(cell, task)
	return p.rework(cell)[task].expected * old
}
