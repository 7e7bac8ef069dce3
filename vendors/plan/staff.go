package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lpready/analyze/factor"
	"lpready/vendors"
)

// staff finds out for every job who may do it and has hours before its deadline.
func (p *problem) staff() {
	for i := range p.jobs {
		j := &p.jobs[i]
		c := &p.cells[j.cell]
		for n := range p.req.Team.People {
			if may(p.req.Team, &p.req.Team.People[n], c, p.area[j.cell], j.stage) && p.present(n, j.cell) {
				j.can = append(j.can, n)
			}
		}
		switch j.stage {
		case author:
			j.can = p.continued(j)
		case review:
			past := p.authors(j.cell)
			j.can = slices.DeleteFunc(j.can, func(n int) bool { return slices.Contains(past, n) })
		}
	}
	for cell := range p.cells {
		p.pair(cell)
	}
}

// present tells whether a person has any hours before the deadline of a cell.
func (p *problem) present(person, cell int) bool {
	return p.calendars[person].between(0, p.deadline[cell]) > 0
}

// continued leaves the author's work with whom it was given to, or who began it.
func (p *problem) continued(j *job) []int {
	for _, a := range p.req.Assign {
		if a.Item != p.name[j.cell].Label() || a.Base != "" && a.Base != p.name[j.cell].Base {
			continue
		}
		if n := p.person(a.Person); n >= 0 && p.present(n, j.cell) {
			return []int{n}
		}
	}
	for _, n := range p.authors(j.cell) {
		if slices.Contains(j.can, n) {
			return []int{n}
		}
	}
	return j.can
}

// pair leaves to the author's work on a cell those who leave somebody to review
// it, as long as there are any.
func (p *problem) pair(cell int) {
	a, r := p.of[cell][author], p.of[cell][review]
	if a < 0 || r < 0 {
		return
	}
	reviewers := p.jobs[r].can
	left := slices.DeleteFunc(slices.Clone(p.jobs[a].can), func(n int) bool { return !another(reviewers, n) })
	if len(left) > 0 {
		p.jobs[a].can = left
		return
	}
	if len(p.jobs[a].can) > 0 {
		p.jobs[r].can = nil // whoever does the work is the only one who could review it
	}
}

// another tells whether a list holds somebody else.
func another(list []int, person int) bool {
	return slices.ContainsFunc(list, func(n int) bool { return n != person })
}

// unstaffed names what nobody can do, in the order of the cells, and then what is
// late.
func (p *problem) unstaffed() []Unstaffed {
	list := []Unstaffed{}
	for cell := range p.cells {
		for s := range stages {
			n := p.of[cell][s]
			if n < 0 || p.best.end[n] < never {
				continue
			}
			j := &p.jobs[n]
			if slices.ContainsFunc(j.before, func(b int) bool { return p.best.end[b] >= never }) && len(j.can) > 0 {
				continue // what it waits for is named
			}
			list = append(list, p.nobody(j))
			break
		}
	}
	for cell := range p.cells {
		if end := p.ready(cell); end < never && end > p.deadline[cell]+1e-9 {
			list = append(list, p.late(cell, end))
		}
	}
	return list
}

// nobody says why a job has nobody, and what helps.
func (p *problem) nobody(j *job) Unstaffed {
	u := Unstaffed{Name: p.name[j.cell], Task: j.dominant()}
	c := &p.cells[j.cell]
	var away, barred []string
	for n := range p.req.Team.People {
		person := &p.req.Team.People[n]
		switch {
		case may(p.req.Team, person, c, p.area[j.cell], j.stage) && !p.present(n, j.cell):
			away = append(away, p.away(n))
		case may(p.req.Team, person, c, p.area[j.cell], j.stage):
			barred = append(barred, person.Name)
		}
	}
	asked := p.asked(j)
	switch {
	case len(away) > 0:
		u.Kind, u.Why = NoPerson, fmt.Sprintf("it takes %s: %s", asked, strings.Join(away, "; "))
	case j.stage == review:
		u.Kind, u.Why = NoReview, "it takes "+asked
	default:
		u.Kind, u.Why = NoSkill, "nobody is "+strings.TrimPrefix(asked, "a person who is ")
	}
	if len(barred) > 0 {
		u.Why += fmt.Sprintf("; %s works on it and cannot review it", strings.Join(barred, ", "))
	}
	u.Suggestion = p.suggest(j)
	return u
}

// away says when a person is not there.
func (p *problem) away(n int) string {
	person := &p.req.Team.People[n]
	if a, absent := person.AbsentIn(p.req.Start.In(person.Location())); absent {
		return person.Name + " is absent " + a.String()
	}
	return person.Name + " has no hours before the embargo ends"
}

// asked says whom a job asks for.
func (p *problem) asked(j *job) string {
	c, area := &p.cells[j.cell], cmp.Or(p.area[j.cell], "the code")
	switch {
	case j.stage == review && p.req.Team.NeedsSenior(string(c.Class)):
		return fmt.Sprintf("a senior who knows %s and is not the author (%s)", area, c.Class)
	case j.stage == review:
		return fmt.Sprintf("a reviewer who knows %s and is not the author", area)
	case c.Class == factor.Hard && j.stage == author:
		return fmt.Sprintf("a person who is there, knows %s and may take what is hard", area)
	}
	return fmt.Sprintf("a person who is there and knows %s", area)
}

// late says of a cell that it is ready after its deadline.
func (p *problem) late(cell int, end float64) Unstaffed {
	u := Unstaffed{Name: p.name[cell], Kind: NoTime}
	longest := 0.0
	j := &p.jobs[p.lastJob(cell)]
	for _, n := range p.of[cell] {
		if n >= 0 && p.jobs[n].hours > longest {
			longest, j = p.jobs[n].hours, &p.jobs[n]
		}
	}
	u.Task = j.dominant()
	u.Why = fmt.Sprintf("ready on %s, its embargo ends on %s: those who can do it have no hours left before",
		p.clock(end).Format("2006-01-02 15:04"), p.clock(p.deadline[cell]).Format("2006-01-02 15:04"))
	u.Suggestion = p.suggest(j)
	return u
}

// suggest lists what helps: whom to ask, what mitigates, what can wait.
func (p *problem) suggest(j *job) string {
	return strings.Join(append(p.help(j), p.options(j.cell)...), "; ")
}

// help says whom to ask for a job: first those who are away, then those who know
// the code next to it.
func (p *problem) help(j *job) []string {
	var back, near []string
	c := &p.cells[j.cell]
	for n := range p.req.Team.People {
		person := &p.req.Team.People[n]
		able, there := may(p.req.Team, person, c, p.area[j.cell], j.stage), p.present(n, j.cell)
		switch {
		case able && !there:
			back = append(back, "call "+person.Name+" back, or ask for some hours")
		case !able && there && neighbour(person, p.area[j.cell]) && person.Seniority != vendors.Junior && p.senior(j, person):
			near = append(near, fmt.Sprintf("%s knows %s, and could take it with help", person.Name, strings.Join(person.Skills, ", ")))
		}
	}
	if list := append(back, near...); len(list) > 0 {
		return list
	}
	return []string{"ask another team, or the Xen security team, for a hand with " + cmp.Or(p.area[j.cell], "it")}
}

// senior tells whether the seniority of a person is what a job asks for.
func (p *problem) senior(j *job, person *vendors.Person) bool {
	c := &p.cells[j.cell]
	switch {
	case j.stage == review:
		return person.CanReview() && (!p.req.Team.NeedsSenior(string(c.Class)) || person.IsSenior())
	case j.stage == author && c.Class == factor.Hard:
		return person.TakesHard()
	}
	return true
}

// neighbour tells whether a person knows anything of the same part of the tree.
func neighbour(person *vendors.Person, area string) bool {
	parent, _, _ := strings.Cut(area, "/")
	return parent != "" && slices.ContainsFunc(person.Skills, func(s string) bool { return s == parent || strings.HasPrefix(s, parent+"/") })
}

// options are what can be done about an item without doing the work in time.
func (p *problem) options(cell int) []string {
	c := &p.cells[cell]
	var list []string
	if m := Mitigation(c.Mitigation); m != "" {
		list = append(list, "mitigate, as the advisory says: "+m)
	} else {
		list = append(list, "the advisory knows no mitigation")
	}
	if c.Class == factor.Adapt || c.Class == factor.Hard || c.Class == factor.Clean {
		list = append(list, "or ship the package with a reboot on that day and the live patch with the next batch")
	}
	return list
}

// Mitigation is the first sentence of an advisory's MITIGATION; empty where it
// knows none.
func Mitigation(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	lower := strings.ToLower(text)
	for _, none := range []string{"there is no", "there are no", "no mitigation", "no known mitigation", "none", "not applicable"} {
		if strings.HasPrefix(lower, none) {
			return ""
		}
	}
	if i := strings.Index(text, ". "); i > 0 {
		text = text[:i]
	}
	const most = 160
	if r := []rune(text); len(r) > most {
		text = strings.TrimSpace(string(r[:most])) + " ..."
	}
	return strings.TrimSuffix(text, ".")
}

// decisions gives for every item that is open the last day on which its work can
// begin, those that come first leading.
func (p *problem) decisions() []Decision {
	var list []Decision
	for cell := range p.cells {
		begin, why := p.latest(cell)
		if !works(&p.cells[cell]) || p.lastJob(cell) < 0 {
			continue
		}
		d := Decision{Name: p.name[cell], By: p.clock(max(0, begin)).Format(time.DateOnly), Late: begin < 0, Why: why, Options: p.options(cell)}
		if begin < 0 {
			d.Why = "more than is left until then: " + d.Why
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b Decision) int { return cmp.Compare(a.By, b.By) })
	return list
}

// latest is when the work on a cell has to begin at the latest, each job by whom
// the plan gives it to, or by a person of DefaultHours a day.
func (p *problem) latest(cell int) (begin float64, why string) {
	at, hours, by := p.deadline[cell], 0.0, ""
	for s := review; s >= author; s-- {
		n := p.of[cell][s]
		if n < 0 {
			continue
		}
		c := p.spare
		if who := p.best.person[n]; who >= 0 {
			c = p.calendars[who]
			if s == author {
				by = p.req.Team.People[who].Name
			}
		}
		at = c.back(at, p.jobs[n].hours)
		hours += p.jobs[n].hours
	}
	if by == "" {
		return at, fmt.Sprintf("%.1f h of work by someone who is still to be found", hours)
	}
	return at, fmt.Sprintf("%.1f h of work, the author's by %s", hours, by)
}
