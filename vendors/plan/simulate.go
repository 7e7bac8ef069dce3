package plan

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"lpready/analyze/effort"
)

// A model is a schedule laid out for simulation: its jobs in the order of their
// begin, and of each only what a run needs.
type model struct {
	jobs      []simJob
	items     int
	sizes     []*quantiles // share of a revision, by item
	window    []float64    // hours in which an item can be revised
	deadline  []float64    // of the cells
	ofCell    [][]int      // jobs of a cell, in order
	ofItem    [][]int      // cells of an item
	calendars []*calendar
	chance    chance
	days      float64
	again     float64
	sickness  float64
	illDays   float64
	horizon   float64
}

type simJob struct {
	person, cell, item int
	hours              *quantiles
	before             []int
	fail               float64
	author             int // job whose hours a failed build costs in part, -1 for none
}

func newModel(p *problem, c chance) *model {
	m := &model{calendars: p.calendars, chance: c, deadline: p.deadline, horizon: p.horizon()}
	r := p.req.Risk
	m.days, m.again, m.sickness, m.illDays = r.Revisions.Days, r.Builds.Again, r.Sickness.PerDay, r.Sickness.Days
	tables := shapes{}
	size := r.sizes(p.req.Revised)
	number := map[string]int{}
	itemOf := make([]int, len(p.cells))
	for cell := range p.cells {
		label := p.name[cell].Label()
		n, known := number[label]
		if !known {
			n = len(number)
			number[label] = n
			q := new(quantiles)
			tables.add(q, size(label))
			m.sizes, m.window, m.ofItem = append(m.sizes, q), append(m.window, 0), append(m.ofItem, nil)
		}
		itemOf[cell] = n
		m.window[n] = max(m.window[n], p.deadline[cell])
		m.ofItem[n] = append(m.ofItem[n], cell)
	}
	m.items = len(number)
	m.lay(p, itemOf, tables)
	return m
}

// lay takes over the jobs that somebody does.
func (m *model) lay(p *problem, itemOf []int, tables shapes) {
	var order []int
	for n := range p.jobs {
		if p.best.end[n] < never {
			order = append(order, n)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(p.best.start[a], p.best.start[b]) })
	order = topological(p, order)
	place := slices.Repeat([]int{-1}, len(p.jobs))
	m.ofCell = make([][]int, len(p.cells))
	for i, n := range order {
		place[n] = i
		j := &p.jobs[n]
		s := simJob{person: p.best.person[n], cell: j.cell, item: itemOf[j.cell], hours: new(quantiles), author: -1}
		for _, t := range j.parts {
			tables.add(s.hours, effort.Point{Optimistic: t.optimistic, Likely: t.likely, Pessimistic: t.pessimistic})
		}
		for _, b := range j.before {
			if place[b] >= 0 {
				s.before = append(s.before, place[b])
			}
		}
		if j.stage == build {
			s.fail = p.req.Risk.Builds.Fail[string(p.cells[j.cell].Class)]
			if a := p.of[j.cell][author]; a >= 0 {
				s.author = place[a]
			}
		}
		m.ofCell[j.cell] = append(m.ofCell[j.cell], i)
		m.jobs = append(m.jobs, s)
	}
}

// topological keeps an order by begin but puts a job that takes no time behind
// what it waits for.
func topological(p *problem, order []int) []int {
	placed := make([]bool, len(p.jobs))
	var list []int
	var put func(n int)
	put = func(n int) {
		if placed[n] {
			return
		}
		placed[n] = true
		for _, b := range p.jobs[n].before {
			put(b)
		}
		list = append(list, n)
	}
	for _, n := range order {
		put(n)
	}
	return list
}

// A tally is what runs add up to.
type tally struct {
	ready, without, revised, swamped int
	inTime, last                     []int     // by cell
	finish                           []float64 // of each run
}

// simulate makes runs; the same seed gives the same result on any number of
// processors.
func (m *model) simulate(seed uint64, runs int) tally {
	workers := min(runtime.GOMAXPROCS(0), runs)
	finish := make([]float64, runs)
	parts := make([]tally, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			r := newRun(m)
			for i := w; i < runs; i += workers {
				finish[i] = r.once(seed, uint64(i))
			}
			parts[w] = r.tally
		})
	}
	wait.Wait()
	all := tally{inTime: make([]int, len(m.deadline)), last: make([]int, len(m.deadline)), finish: finish}
	for _, t := range parts {
		all.ready += t.ready
		all.without += t.without
		all.revised += t.revised
		all.swamped += t.swamped
		for c := range all.inTime {
			all.inTime[c] += t.inTime[c]
			all.last[c] += t.last[c]
		}
	}
	return all
}

// A run is one worker's state.
type run struct {
	m     *model
	tally tally
	src   *rand.PCG
	rnd   *rand.Rand
	luck  []float64 // by item: the quantile that all its tasks are at
	start []float64
	end   []float64
	took  []float64 // hours of each job
	free  []float64 // by person
	cell  []float64 // when each cell is ready
	sick  [][]spell
}

// A spell is a time of sickness, in hours.
type spell struct{ from, to float64 }

func newRun(m *model) *run {
	r := &run{m: m, src: rand.NewPCG(0, 0)}
	r.rnd = rand.New(r.src)
	n := len(m.jobs)
	r.luck, r.start, r.end, r.took = make([]float64, m.items), make([]float64, n), make([]float64, n), make([]float64, n)
	r.free, r.cell, r.sick = make([]float64, len(m.calendars)), make([]float64, len(m.deadline)), make([][]spell, len(m.calendars))
	r.tally.inTime, r.tally.last = make([]int, len(m.deadline)), make([]int, len(m.deadline))
	return r
}

// once simulates one course of events and gives its end, in hours.
func (r *run) once(seed, number uint64) float64 {
	r.src.Seed(seed, number)
	m := r.m
	for i := range r.luck {
		r.luck[i] = r.rnd.Float64()
	}
	for p := range r.free {
		r.free[p] = 0
		r.fallIll(p)
	}
	for i := range m.jobs {
		r.work(i)
	}
	clear(r.cell)
	for i := range m.jobs {
		c := m.jobs[i].cell
		r.cell[c] = max(r.cell[c], r.end[i])
	}
	if r.inTime() {
		r.tally.without++
	}
	revised := r.revise()
	return r.count(revised)
}

// fallIll draws the sickness of a person.
func (r *run) fallIll(p int) {
	r.sick[p] = r.sick[p][:0]
	if r.m.sickness <= 0 {
		return
	}
	for at := 0.0; ; {
		at += -math.Log(1-r.rnd.Float64()) / r.m.sickness * 24
		if at > r.m.horizon {
			return
		}
		length := -math.Log(1-r.rnd.Float64()) * r.m.illDays * 24
		r.sick[p] = append(r.sick[p], spell{at, at + length})
		at += length
	}
}

// work does a job.
func (r *run) work(i int) {
	j := &r.m.jobs[i]
	at := r.free[j.person]
	for _, b := range j.before {
		at = max(at, r.end[b])
	}
	hours := j.hours.at(r.luck[j.item])
	if j.fail > 0 {
		const most = 3
		once := hours
		if j.author >= 0 {
			once += r.m.again * r.took[j.author]
		}
		for n := 0; n < most && r.rnd.Float64() < j.fail; n++ {
			hours += once
		}
	}
	r.took[i] = hours
	r.start[i], r.end[i] = r.stretch(j.person, at, hours)
	r.free[j.person] = r.end[i]
}

// stretch is calendar.run with sickness: a day that begins in it is lost.
func (r *run) stretch(person int, at, hours float64) (start, end float64) {
	c := r.m.calendars[person]
	if len(r.sick[person]) == 0 {
		start, end = c.run(at, hours)
		return min(start, r.m.horizon), min(end, r.m.horizon)
	}
	started := false
	for d := c.at(at); d < len(c.to); d++ {
		from := max(at, c.from[d])
		length := c.to[d] - from
		if length <= 0 || r.ill(person, c.from[d]) {
			continue
		}
		if !started {
			start, started = from, true
		}
		if hours <= length {
			return start, from + hours
		}
		hours -= length
	}
	if !started {
		start = r.m.horizon
	}
	return start, r.m.horizon
}

func (r *run) ill(person int, at float64) bool {
	for _, s := range r.sick[person] {
		if s.from <= at && at < s.to {
			return true
		}
	}
	return false
}

// revise lets new versions arrive and does what they ask for. It tells whether
// any cost work.
func (r *run) revise() bool {
	m, cost := r.m, false
	if m.chance.first <= 0 {
		return false
	}
	for item := range m.items {
		window := m.window[item]
		first := 1 - math.Pow(1-m.chance.first, window/24/m.days)
		for p := first; r.rnd.Float64() < p; p = m.chance.further {
			at, share := r.rnd.Float64()*window, m.sizes[item].at(r.rnd.Float64())
			for _, cell := range m.ofItem[item] {
				cost = r.redo(cell, at, share) || cost
			}
			if p == m.chance.further && p >= 1 {
				break
			}
		}
	}
	return cost
}

// redo does a share of what was begun on a cell before a time again, in the same
// order, by the same people, after their other work.
func (r *run) redo(cell int, at, share float64) bool {
	cost := false
	ready := max(at, 0)
	for _, i := range r.m.ofCell[cell] {
		if r.start[i] >= at {
			continue
		}
		j := &r.m.jobs[i]
		_, end := r.stretch(j.person, max(ready, r.free[j.person]), share*r.took[i])
		r.free[j.person], ready, cost = end, end, true
	}
	if cost {
		r.cell[cell] = max(r.cell[cell], ready)
	}
	return cost
}

func (r *run) inTime() bool {
	for c, end := range r.cell {
		if end > r.m.deadline[c]+tiny {
			return false
		}
	}
	return true
}

// count adds the run to the tally.
func (r *run) count(revised bool) float64 {
	last, worst, finish := -1, 0.0, 0.0
	for c, end := range r.cell {
		finish = max(finish, end)
		over := end - r.m.deadline[c]
		if over <= tiny {
			r.tally.inTime[c]++
		} else if last < 0 || over > worst {
			last, worst = c, over
		}
	}
	if revised {
		r.tally.revised++
	}
	switch {
	case last < 0:
		r.tally.ready++
	default:
		r.tally.last[last]++
		if revised {
			r.tally.swamped++
		}
	}
	return finish
}
