package plan

import (
	"cmp"
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
	counts    []bool       // cells that somebody can finish; the others are late in any case
	ofCell    [][]int      // jobs of a cell, in order
	ofItem    [][]int      // cells of an item
	calendars []*calendar
	chance    chance
	share     float64   // of the author's hours that a failed build costs
	first     []float64 // how likely each item is revised at all
	sickness  float64
	illDays   float64
	horizon   float64
}

type simJob struct {
	person, cell, item int
	hours              *quantiles
	before             []int
	fail               float64
	author             []int // jobs whose hours a failed build costs in part
}

func newModel(p *problem, c chance) *model {
	m := &model{calendars: p.calendars, chance: c, deadline: p.deadline, horizon: p.horizon()}
	r := p.req.Risk
	m.share, m.sickness, m.illDays = r.Builds.Again, r.Sickness.PerDay, r.Sickness.Days
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
	for _, window := range m.window {
		m.first = append(m.first, 1-math.Pow(1-c.first, window/24/max(1, r.Revisions.Days)))
	}
	for cell := range p.cells {
		m.counts = append(m.counts, p.ready(cell) < never)
	}
	m.lay(p, itemOf, tables)
	return m
}

// chunk is how many hours of a job are done in one go: then something more urgent
// can come before the rest.
const chunk = 6

// A piece of a job of the plan: one of some, equally long.
type piece struct {
	job, number, of int
	start           float64
}

// pieces cuts the jobs that somebody does, in the order of their begin; what takes
// no time comes behind what it waits for.
func pieces(p *problem) []piece {
	var list []piece
	for n := range p.jobs {
		if p.best.end[n] >= never {
			continue
		}
		j := &p.jobs[n]
		of := max(1, int(math.Ceil(j.hours/chunk)))
		for k := range of {
			start := p.best.start[n]
			if k > 0 {
				_, start = p.calendars[p.best.person[n]].run(p.best.start[n], j.hours*float64(k)/float64(of))
			}
			list = append(list, piece{n, k, of, start})
		}
	}
	slices.SortStableFunc(list, func(a, b piece) int { return compare(a.start, b.start) })
	return list
}

// lay takes over the jobs, piece by piece.
func (m *model) lay(p *problem, itemOf []int, tables shapes) {
	m.ofCell = make([][]int, len(p.cells))
	made := make([][]int, len(p.jobs)) // the pieces of each
	for _, c := range pieces(p) {
		j := &p.jobs[c.job]
		s := simJob{person: p.best.person[c.job], cell: j.cell, item: itemOf[j.cell], hours: new(quantiles)}
		for _, t := range j.parts {
			tables.add(s.hours, effort.Point{Optimistic: t.optimistic, Likely: t.likely, Pessimistic: t.pessimistic})
		}
		for k := range s.hours {
			s.hours[k] /= float64(c.of)
		}
		for _, b := range j.before {
			s.before = append(s.before, made[b]...)
		}
		s.before = append(s.before, made[c.job]...)
		if j.stage == build && c.number == 0 {
			s.fail = p.req.Risk.Builds.Fail[string(p.cells[j.cell].Class)]
			if a := p.of[j.cell][author]; a >= 0 {
				s.author = made[a]
			}
		}
		made[c.job] = append(made[c.job], len(m.jobs))
		m.ofCell[j.cell] = append(m.ofCell[j.cell], len(m.jobs))
		m.jobs = append(m.jobs, s)
	}
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
	m       *model
	tally   tally
	src     *rand.PCG
	rnd     *rand.Rand
	luck    []float64 // by item: the quantile that all its tasks are at
	fails   []int     // by job: how often a build fails
	arrive  []arrival // revisions, by time
	sick    [][]spell
	start   []float64
	end     []float64
	took    []float64  // hours of each job
	free    []float64  // by person
	cell    []float64  // when each cell is ready
	again   [][]rework // by person: what waits to be done again
	waiting int        // how many of these there are
	revised bool       // something was
}

// A spell is a time of sickness, in hours.
type spell struct{ from, to float64 }

// An arrival is a new version of an item, and the share of the work done that it
// asks for again.
type arrival struct {
	at, share float64
	item      int
}

// A rework is the next job of a cell that has to be done again, and those after it.
type rework struct {
	ready, share float64
	cell, next   int     // position in the jobs of the cell
	before       float64 // only jobs that were begun before
}

func newRun(m *model) *run {
	r := &run{m: m, src: rand.NewPCG(0, 0)}
	r.rnd = rand.New(r.src)
	n := len(m.jobs)
	r.luck, r.fails = make([]float64, m.items), make([]int, n)
	r.start, r.end, r.took = make([]float64, n), make([]float64, n), make([]float64, n)
	r.free, r.cell = make([]float64, len(m.calendars)), make([]float64, len(m.deadline))
	r.sick, r.again = make([][]spell, len(m.calendars)), make([][]rework, len(m.calendars))
	r.tally.inTime, r.tally.last = make([]int, len(m.deadline)), make([]int, len(m.deadline))
	return r
}

// once simulates one course of events and gives its end, in hours: first as if no
// revision came, then with those that do.
func (r *run) once(seed, number uint64) float64 {
	r.src.Seed(seed, number)
	r.draw()
	arrivals := r.arrive
	r.arrive = nil
	r.course()
	if r.inTime() {
		r.tally.without++
	}
	r.arrive = arrivals
	if len(arrivals) > 0 {
		r.course()
	}
	return r.count()
}

// draw draws all that is left to chance.
func (r *run) draw() {
	for i := range r.luck {
		r.luck[i] = r.rnd.Float64()
	}
	for p := range r.sick {
		r.fallIll(p)
	}
	const most = 3
	for i := range r.m.jobs {
		r.fails[i] = 0
		for f := r.m.jobs[i].fail; f > 0 && r.fails[i] < most && r.rnd.Float64() < f; {
			r.fails[i]++
		}
	}
	r.arrivals()
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

// arrivals draws the revisions of all items.
func (r *run) arrivals() {
	m := r.m
	r.arrive = r.arrive[:0]
	if m.chance.first <= 0 {
		return
	}
	const most = 10
	for item := range m.items {
		p := m.first[item]
		for n := 0; n < most && r.rnd.Float64() < p; n++ {
			r.arrive = append(r.arrive, arrival{r.rnd.Float64() * m.window[item], m.sizes[item].at(r.rnd.Float64()), item})
			p = m.chance.further
		}
	}
	slices.SortFunc(r.arrive, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
}

// course does all jobs in the order of the plan. What has to be done again comes
// before the next job of the plan that has not begun when the revision arrives.
func (r *run) course() {
	clear(r.free)
	clear(r.cell)
	for p := range r.again {
		r.again[p] = r.again[p][:0]
	}
	r.revised, r.waiting = false, 0
	came := 0
	for i := range r.m.jobs {
		j := &r.m.jobs[i]
		for {
			at := r.begin(j)
			for came < len(r.arrive) && r.arrive[came].at <= at {
				r.receive(r.arrive[came], i)
				came++
			}
			if !r.redo(at) {
				break
			}
		}
		r.work(i)
	}
	for ; came < len(r.arrive); came++ {
		r.receive(r.arrive[came], len(r.m.jobs))
	}
	for r.redo(never) {
	}
}

// begin is when a job could begin.
func (r *run) begin(j *simJob) float64 {
	at := r.free[j.person]
	for _, b := range j.before {
		at = max(at, r.end[b])
	}
	return at
}

// work does a job of the plan.
func (r *run) work(i int) {
	j := &r.m.jobs[i]
	hours := j.hours.at(r.luck[j.item])
	if n := r.fails[i]; n > 0 {
		once := hours
		for _, a := range j.author {
			once += r.m.share * r.took[a]
		}
		hours += float64(n) * once
	}
	r.took[i] = hours
	r.start[i], r.end[i] = r.stretch(j.person, r.begin(j), hours)
	r.free[j.person] = r.end[i]
	r.cell[j.cell] = max(r.cell[j.cell], r.end[i])
}

// receive lets a new version arrive when the first jobs, up to done, are begun or
// done: of these, each cell's are done again.
func (r *run) receive(a arrival, done int) {
	for _, cell := range r.m.ofItem[a.item] {
		r.queue(rework{ready: a.at, share: a.share, cell: cell, before: a.at}, done)
	}
}

// queue puts the next job of a rework that was begun before the revision to its
// person. What is later in the plan than done is not begun.
func (r *run) queue(w rework, done int) {
	jobs := r.m.ofCell[w.cell]
	for ; w.next < len(jobs); w.next++ {
		if i := jobs[w.next]; i < done && r.start[i] < w.before {
			p := r.m.jobs[i].person
			r.again[p] = append(r.again[p], w)
			r.waiting++
			return
		}
	}
}

// redo does again the first of all that waits, if that can begin by a time. It
// tells whether there was anything.
func (r *run) redo(by float64) bool {
	if r.waiting == 0 {
		return false
	}
	who, which, soonest := -1, 0, by
	for p := range r.again {
		for k := range r.again[p] {
			if at := max(r.again[p][k].ready, r.free[p]); at < soonest || who < 0 && at <= by {
				who, which, soonest = p, k, at
			}
		}
	}
	if who >= 0 {
		r.take(who, which)
	}
	return who >= 0
}

// take does a waiting job again and puts the next one of its cell to its person.
func (r *run) take(person, k int) {
	w := r.again[person][k]
	r.again[person] = slices.Delete(r.again[person], k, k+1)
	r.waiting--
	i := r.m.ofCell[w.cell][w.next]
	at := max(w.ready, r.end[i], r.free[person])
	_, end := r.stretch(person, at, w.share*r.took[i])
	r.free[person], r.revised = end, true
	r.cell[w.cell] = max(r.cell[w.cell], end)
	w.ready, w.next = end, w.next+1
	r.queue(w, i+len(r.m.jobs))
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

func (r *run) inTime() bool {
	for c, end := range r.cell {
		if r.m.counts[c] && end > r.m.deadline[c]+tiny {
			return false
		}
	}
	return true
}

// count adds the run to the tally.
func (r *run) count() float64 {
	last, worst, finish := -1, 0.0, 0.0
	for c, end := range r.cell {
		if !r.m.counts[c] {
			continue
		}
		finish = max(finish, end)
		over := end - r.m.deadline[c]
		if over <= tiny {
			r.tally.inTime[c]++
		} else if last < 0 || over > worst {
			last, worst = c, over
		}
	}
	if r.revised {
		r.tally.revised++
	}
	switch {
	case last < 0:
		r.tally.ready++
	default:
		r.tally.last[last]++
		if r.revised {
			r.tally.swamped++
		}
	}
	return finish
}
