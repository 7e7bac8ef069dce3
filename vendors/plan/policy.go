package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/vendors"
)

// A Policy says when advisories that were ready on some day go out.
type Policy struct {
	Name  string `json:"name"`
	Fixed int    `json:"fixed_months,omitempty"`   // on the second Tuesday of every so many months; 0: on the day itself
	Most  int    `json:"most_per_batch,omitempty"` // what is more waits a fortnight; 0: no limit
}

// Policies are those that a replay compares.
func Policies(most int) []Policy {
	return []Policy{
		{Name: "as it was"},
		{Name: fmt.Sprintf("as it was, at most %d", most), Most: most},
		{Name: "monthly", Fixed: 1},
		{Name: fmt.Sprintf("monthly, at most %d", most), Fixed: 1, Most: most},
		{Name: "quarterly", Fixed: 3},
		{Name: fmt.Sprintf("quarterly, at most %d", most), Fixed: 3, Most: most},
	}
}

// A Replay asks how a team would have fared with a history.
type Replay struct {
	History []Event
	Team    *vendors.Team
	Model   *effort.Model
	Bases   int // on which each fix has to be made
	Lead    int // days of embargo before the day of release
}

// A Record is what a replay says of one policy.
type Record struct {
	Policy
	Batches     int     `json:"batches"`
	Largest     int     `json:"largest"`       // items in a batch
	Waiting     float64 `json:"waiting_days"`  // that a fix is held back, on average, against the day on which it was out
	Utilisation float64 `json:"utilisation"`   // hours of work of all that the team had
	InTime      float64 `json:"in_time"`       // share of the items that are ready when their embargo ends
	Clean       float64 `json:"clean_batches"` // share of the batches of which all items are
	Late        float64 `json:"late_days"`     // of those that are late, on average
	Nobody      int     `json:"nobody"`        // items that nobody in the team can do
	WorstWeek   string  `json:"worst_week"`    // its Monday
	Worst       float64 `json:"worst_load"`    // hours due in it, each batch spread over its embargo, of what the team has in a week
	Peaks       []Peak  `json:"peaks"`         // the worst week of each year
}

// A Peak is the worst week of a year.
type Peak struct {
	Year int     `json:"year"`
	Load float64 `json:"load"`
}

// classShares are how many items of a history are of which class: as this program
// judges the nine of the twelve advisories of January to June 2026 that touch the
// hypervisor of Debian's 4.17.5+72. Small fixes are taken to be the easy ones.
var classShares = []struct {
	class factor.Class
	share float64
}{{factor.Clean, 3.0 / 9}, {factor.Adapt, 4.0 / 9}, {factor.Hard, 2.0 / 9}}

// A release is one advisory with its work.
type release struct {
	Event
	class  factor.Class
	area   string
	author float64 // hours
	others float64 // build, test, review, on all bases
	out    time.Time
}

// Run replays the history under policies.
func (r *Replay) Run(policies []Policy) ([]Record, error) {
	switch {
	case r.Team == nil || len(r.Team.People) == 0:
		return nil, fmt.Errorf("the profile names no team: expected team.people (see lpready vendors init)")
	case r.Bases < 1 || r.Bases > 100:
		return nil, fmt.Errorf("%d bases, expected at least one", r.Bases)
	case r.Lead < 1 || r.Lead > 90:
		return nil, fmt.Errorf("%d days of embargo, expected 1 to 90", r.Lead)
	}
	if r.Model == nil {
		r.Model = effort.Default()
	}
	work := r.classify()
	var list []Record
	for _, p := range policies {
		batches := p.batches(work)
		list = append(list, r.replay(p, batches))
	}
	return list, nil
}

// classify gives every advisory a class, by its size, and hours.
func (r *Replay) classify() []release {
	list := make([]release, len(r.History))
	var hypervisor []int
	for i, e := range r.History {
		list[i] = release{Event: e, class: factor.NotNeeded, area: "toolstack"}
		switch {
		case slices.Contains(e.Scope, "x86"):
			list[i].area = "x86"
		case slices.Contains(e.Scope, "common"):
			list[i].area = "common"
		default: // arm, tools, docs: nothing of it in a hypervisor for x86
			continue
		}
		hypervisor = append(hypervisor, i)
	}
	slices.SortStableFunc(hypervisor, func(a, b int) int { return cmp.Compare(list[a].Lines, list[b].Lines) })
	for rank, i := range hypervisor {
		at := (float64(rank) + 0.5) / float64(len(hypervisor))
		for _, c := range classShares {
			list[i].class = c.class
			if at -= c.share; at < 0 {
				break
			}
		}
	}
	for i := range list {
		r.estimate(&list[i])
	}
	return list
}

// estimate gives the hours of an advisory on all bases.
func (r *Replay) estimate(e *release) {
	w := effort.Work{Class: e.class, Patches: max(1, e.Patches), Lines: e.Lines, Functions: e.Files, Port: "offset"}
	switch e.class {
	case factor.NotNeeded:
		w.Scope = []string{"toolstack"}
	case factor.Adapt:
		w.Findings = []factor.Finding{{Severity: factor.Change}}
	case factor.Hard:
		w.Findings = []factor.Finding{{Severity: factor.Blocker}}
	}
	for base := range r.Bases {
		w.FirstBase = base == 0
		for _, t := range r.Model.Estimate(w).Tasks {
			if s := stageOf[t.Task]; s == author || s == note {
				e.author += t.Expected
			} else {
				e.others += t.Expected
			}
		}
	}
}

// batches gives each advisory its day of release and gathers what goes out
// together, in the order of the days.
func (p Policy) batches(work []release) [][]release {
	queue := slices.Clone(work)
	for i := range queue {
		queue[i].out = p.day(queue[i].Date)
	}
	var list [][]release
	for len(queue) > 0 {
		day := queue[0].out
		n := 1
		for n < len(queue) && queue[n].out.Equal(day) {
			n++
		}
		batch := slices.Clone(queue[:n])
		queue = queue[n:]
		if p.Most > 0 && len(batch) > p.Most {
			const fortnight = 14
			for _, e := range batch[p.Most:] {
				e.out = day.AddDate(0, 0, fortnight)
				queue = append(queue, e)
			}
			batch = batch[:p.Most]
			slices.SortStableFunc(queue, func(a, b release) int { return a.out.Compare(b.out) })
		}
		list = append(list, batch)
	}
	return list
}

// day is when what was out on a day goes out under the policy.
func (p Policy) day(d time.Time) time.Time {
	if p.Fixed == 0 {
		return d
	}
	for m := 0; ; m++ {
		month := time.Date(d.Year(), d.Month()+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		if (int(month.Month())-1)%p.Fixed != 0 {
			continue
		}
		tuesday := month.AddDate(0, 0, (int(time.Tuesday)-int(month.Weekday())+7)%7+7)
		if !tuesday.Before(d) {
			return tuesday
		}
	}
}

// replay lets the team work through batches.
func (r *Replay) replay(p Policy, batches [][]release) Record {
	rec := Record{Policy: p, Batches: len(batches)}
	w := r.newWorkshop(batches[0][0].out, batches[len(batches)-1][0].out)
	var items, inTime, clean, late int
	var waited, over, hours float64
	for _, batch := range batches {
		rec.Largest = max(rec.Largest, len(batch))
		all := true
		// Small ones first: most are in time so.
		slices.SortStableFunc(batch, func(a, b release) int { return cmp.Compare(a.author+a.others, b.author+b.others) })
		for i := range batch {
			e := &batch[i]
			items++
			waited += e.out.Sub(e.Date).Hours() / 24
			hours += e.author + e.others
			due := w.hour(e.out) + noon
			end := w.do(e, w.hour(e.out.AddDate(0, 0, -r.Lead)))
			switch {
			case end >= never:
				rec.Nobody++
				all = false
			case end <= due:
				inTime++
			default:
				late++
				over += (end - due) / 24
				all = false
			}
			w.spread(e, r.Lead)
		}
		if all {
			clean++
		}
	}
	n := float64(items)
	rec.Waiting, rec.InTime, rec.Clean = tenth(waited/n), ratio(inTime, n), ratio(clean, float64(len(batches)))
	if late > 0 {
		rec.Late = tenth(over / float64(late))
	}
	rec.Utilisation = math.Round(hours/w.capacity()*1e4) / 1e4
	rec.WorstWeek, rec.Worst, rec.Peaks = w.worst()
	return rec
}

const noon = 12 // UTC: when an embargo ends

// A workshop is a team at work over years.
type workshop struct {
	team      *vendors.Team
	start     time.Time // a Monday
	calendars []*calendar
	free      []float64
	weeks     []float64 // hours due in each
	weekly    float64   // hours that the team has in a week
}

// newWorkshop opens calendars that know working days and lasting commitments;
// dated absences and holidays belong to other years.
func (r *Replay) newWorkshop(first, last time.Time) *workshop {
	start := first.AddDate(0, 0, -r.Lead-7)
	start = start.AddDate(0, 0, -(int(start.Weekday())+6)%7)
	w := &workshop{team: &vendors.Team{Days: r.Team.Days, Areas: r.Team.Areas, Review: r.Team.Review}, start: start}
	days := int(last.Sub(start).Hours()/24) + 2*366
	for _, p := range r.Team.People {
		p.Absent, p.Holidays = nil, nil
		p.Commitments = slices.DeleteFunc(slices.Clone(p.Commitments), func(c vendors.Commitment) bool { return !c.From.IsZero() || !c.To.IsZero() })
		w.team.People = append(w.team.People, p)
	}
	for i := range w.team.People {
		c := newCalendar(w.team, &w.team.People[i], start, days, 0, start)
		w.calendars, w.free = append(w.calendars, c), append(w.free, 0)
		w.weekly += c.between(7*24, 14*24)
	}
	w.weeks = make([]float64, days/7+1)
	return w
}

func (w *workshop) hour(t time.Time) float64 { return t.Sub(w.start).Hours() }

// do gives an advisory to those who are done with it first, author and then
// another person for the rest; never where nobody can.
func (w *workshop) do(e *release, from float64) float64 {
	author, end := w.pick(e, from, e.author, -1)
	if author < 0 {
		return never
	}
	w.free[author] = end
	if e.class == factor.NotNeeded || e.others == 0 {
		return end
	}
	other, last := w.pick(e, end, e.others, author)
	if other < 0 {
		return never
	}
	w.free[other] = last
	return last
}

// pick finds who ends first.
func (w *workshop) pick(e *release, from, hours float64, author int) (person int, end float64) {
	person, end = -1, never
	for i := range w.team.People {
		p := &w.team.People[i]
		able := e.class == factor.NotNeeded || w.knows(p, e.area)
		if author < 0 {
			able = able && (e.class != factor.Hard || p.TakesHard())
		} else {
			able = able && i != author && p.CanReview() && (!w.team.NeedsSenior(string(e.class)) || p.IsSenior())
		}
		if !able {
			continue
		}
		if _, t := w.calendars[i].run(max(from, w.free[i]), hours); t < end {
			person, end = i, t
		}
	}
	return person, end
}

// knows is looser than Covers: the history says x86, not which part of it.
func (w *workshop) knows(p *vendors.Person, area string) bool {
	return p.Covers(area) || neighbour(p, area)
}

// spread adds the hours of an advisory to the weeks of its embargo.
func (w *workshop) spread(e *release, lead int) {
	var days []int
	for d := 0; d < lead; d++ {
		day := e.out.AddDate(0, 0, d-lead)
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
			days = append(days, int(w.hour(day)/24/7))
		}
	}
	for _, week := range days {
		w.weeks[week] += (e.author + e.others) / float64(len(days))
	}
}

// capacity is the hours of the team from the first week to the last with work.
func (w *workshop) capacity() float64 {
	n := 0
	for i, h := range w.weeks {
		if h > 0 {
			n = i
		}
	}
	return max(1, float64(n)) * w.weekly
}

// worst gives the Monday of the week with most work, its load, and the worst load
// of each year.
func (w *workshop) worst() (monday string, load float64, peaks []Peak) {
	for i, h := range w.weeks {
		day := w.start.AddDate(0, 0, 7*i)
		l := math.Round(h/w.weekly*1e3) / 1e3
		if l > load {
			monday, load = day.Format(time.DateOnly), l
		}
		switch n := len(peaks); {
		case h == 0:
		case n > 0 && peaks[n-1].Year == day.Year():
			peaks[n-1].Load = max(peaks[n-1].Load, l)
		default:
			peaks = append(peaks, Peak{day.Year(), l})
		}
	}
	return monday, load, peaks
}
