package plan

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// What a search may cost: steps of the exact one, and person-evaluations of the
// local one, about a tenth of a second of one processor, in rounds.
const (
	exactJobs  = 12
	exactSteps = 150_000
	localWork  = 16_000_000
	rounds     = 4
	elites     = 8    // schedules that are held against each other
	nearly     = 0.02 // by which share they may end later than the best
	tryouts    = 200  // simulations of each
	escape     = 40   // one in so many steps may make it worse
)

// Methods, as Plan.Method says them.
const (
	MethodExact = "exact: no schedule is better"
	MethodLocal = "list schedule, improved by local search; of those that end hardly later the one that is in time most often"
)

// solve finds the best schedule that it can.
func (p *problem) solve() {
	p.link()
	b := newBoard(p)
	s := &search{p: p, b: b, none: slices.Repeat([]int{-1}, len(p.jobs))}
	s.begin()
	p.method = MethodLocal
	s.improve()
	if len(p.jobs) <= exactJobs {
		if exact(p, &s.best) {
			p.method = MethodExact
		}
	}
	p.best = s.best
	p.elite = s.elite
}

// link notes which jobs wait for each, how scarce each person is, and who stands
// in for one that is still to be found.
func (p *problem) link() {
	p.after = make([][]int, len(p.jobs))
	p.wanted = make([]int, len(p.calendars))
	for n := range p.jobs {
		for _, b := range p.jobs[n].before {
			p.after[b] = append(p.after[b], n)
		}
		for _, person := range p.jobs[n].can {
			p.wanted[person]++
		}
	}
}

// A search looks for better schedules by changing the order of the jobs and who
// does them.
type search struct {
	p     *problem
	b     *board
	none  []int
	best  schedule
	order []int      // of best
	who   []int      // preferred by best
	elite []schedule // nearly as good as best
	kept  int
}

// begin tries the usual rules.
func (s *search) begin() {
	p := s.p
	tail := p.tails()
	rules := []func(n int) float64{
		func(n int) float64 { return tail[n] },
		func(n int) float64 { return tail[n] - p.deadline[p.jobs[n].cell] }, // least slack
		func(n int) float64 { return -tail[n] },
		func(n int) float64 { return -float64(len(p.jobs[n].can))*1000 + tail[n] },
		func(n int) float64 { return -p.weight(p.jobs[n].cell) },
		func(n int) float64 { return p.jobs[n].hours },
	}
	rank := make([]float64, len(p.jobs))
	for _, rule := range rules {
		for n := range rank {
			rank[n] = rule(n)
		}
		s.offer(s.b.parallel(rank, s.none), s.none)
		order := byRank(rank)
		s.offer(s.b.serial(order, s.none), s.none)
	}
}

func byRank(rank []float64) []int {
	order := make([]int, len(rank))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[b], rank[a]) })
	return order
}

// offer keeps the schedule on the board if it is better.
func (s *search) offer(got score, who []int) bool {
	s.keep(got)
	if s.best.person != nil && got.compare(s.best.score) >= 0 {
		return false
	}
	s.best = s.b.take()
	s.who = slices.Clone(who)
	s.order = make([]int, len(s.p.jobs))
	for n := range s.order {
		s.order[n] = n
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(s.best.start[a], s.best.start[b]) })
	return true
}

// keep remembers a schedule that is nearly as good as the best: one of those may
// stand more.
func (s *search) keep(got score) {
	switch {
	case s.best.person != nil && !got.near(s.best.score):
		return
	case len(s.elite) < elites:
		s.elite = append(s.elite, s.b.take())
	default:
		s.elite[s.kept%elites] = s.b.take()
	}
	s.kept++
}

// near tells whether a schedule has as many cells in time as another and ends
// hardly later.
func (s score) near(o score) bool {
	return s.blocked == o.blocked && s.late == o.late && s.span <= o.span*(1+nearly)
}

// robust gives, of the schedules that are nearly as good as the best, the one that
// is in time most often when things go wrong.
func (p *problem) robust(elite []schedule) schedule {
	best, most := p.best, -1
	c := p.req.Risk.chance(p.req.Revised)
	for _, s := range append([]schedule{p.best}, elite...) {
		if !s.near(p.best.score) {
			continue
		}
		q := *p
		q.best = s
		if got := newModel(&q, c).simulate(1, tryouts); got.ready > most {
			best, most = s, got.ready
		}
	}
	return best
}

// tails gives for each job the hours from its begin to the end of the last that
// waits for it.
func (p *problem) tails() []float64 {
	tail := make([]float64, len(p.jobs))
	for n := len(p.jobs) - 1; n >= 0; n-- {
		for _, next := range p.after[n] {
			tail[n] = max(tail[n], tail[next])
		}
		tail[n] += p.jobs[n].hours
	}
	return tail
}

// weight is the hours of a cell.
func (p *problem) weight(cell int) float64 {
	sum := 0.0
	for _, n := range p.of[cell] {
		if n >= 0 {
			sum += p.jobs[n].hours
		}
	}
	return sum
}

// improve changes order and people at random, the same for the same request, and
// keeps what is not worse.
func (s *search) improve() {
	work := 0
	for n := range s.p.jobs {
		work += 2 + 2*len(s.p.jobs[n].can)
	}
	if len(s.p.jobs) < 2 {
		return
	}
	random := rand.New(rand.NewPCG(0, uint64(len(s.p.jobs)))) // not the seed of the risk: the schedule is one
	steps := max(50, min(localWork/work, 6000))
	for round := range rounds {
		order, who, now := slices.Clone(s.order), slices.Clone(s.who), s.best.score
		if round%2 == 1 { // from somewhere else, in case the best rule led into a corner
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			who = slices.Clone(s.none)
			now = s.b.serial(order, who)
		}
		for range steps / rounds {
			o, w := slices.Clone(order), slices.Clone(who)
			for range 1 + random.IntN(2) {
				s.move(random, o, w)
			}
			got := s.b.serial(o, w)
			if got.compare(now) <= 0 || got.blocked <= now.blocked && random.IntN(escape) == 0 {
				order, who, now = o, w, got
				s.offer(got, w)
			}
		}
	}
}

// move takes a job, half of the time one that the end waits for, to another
// place in the order, or to another person.
func (s *search) move(random *rand.Rand, order, who []int) {
	i := random.IntN(len(order))
	if random.IntN(2) == 0 {
		if chain := s.chain(); len(chain) > 0 {
			i = slices.Index(order, chain[random.IntN(len(chain))])
		}
	}
	n := order[i]
	if can := s.p.jobs[n].can; len(can) > 1 && random.IntN(3) == 0 {
		who[n] = can[random.IntN(len(can))]
		if random.IntN(4) == 0 {
			who[n] = -1
		}
		return
	}
	to := random.IntN(len(order))
	copy(order[i:], order[i+1:])
	copy(order[to+1:], order[to:len(order)-1])
	order[to] = n
}

// chain is the jobs that the end of the best schedule waited for, or those of a
// cell that is late.
func (s *search) chain() []int { return s.best.chain(s.best.final(s.p)) }

// final is the job that ends last of the cells that can be finished, -1 where
// there is none.
func (s *schedule) final(p *problem) int {
	last, lastEnd := -1, -1.0
	for _, jobs := range p.of {
		end, job := 0.0, -1
		for _, n := range jobs {
			if n >= 0 && s.end[n] >= end {
				end, job = s.end[n], n
			}
		}
		if end < never && end > lastEnd {
			last, lastEnd = job, end
		}
	}
	return last
}

// chain follows the causes of a job back to the begin of the plan.
func (s *schedule) chain(n int) []int {
	var list []int
	for ; n >= 0; n = s.cause[n] {
		list = append(list, n)
	}
	slices.Reverse(list)
	return list
}

// exact looks through all schedules in which jobs come in the order of their
// begin, leaving out what cannot become better than best. It tells whether it
// came to the end.
func exact(p *problem, best *schedule) bool {
	e := &exhaust{p: p, b: newBoard(p), best: best, left: exactSteps}
	e.down(0, -1)
	return e.left > 0
}

type exhaust struct {
	p    *problem
	b    *board
	best *schedule
	left int
}

// down places one more job.
func (e *exhaust) down(placed int, since float64) {
	if e.left--; e.left <= 0 {
		return
	}
	if placed == len(e.p.jobs) {
		if s := e.b.rate(); s.compare(e.best.score) < 0 {
			*e.best = e.b.take()
		}
		return
	}
	if e.bound().compare(e.best.score) >= 0 {
		return
	}
	for n := range e.p.jobs {
		if e.b.placed[n] || !e.open(n) {
			continue
		}
		if e.try(n, placed, since) {
			return // what nobody can do need not be tried at other times
		}
	}
}

// open tells whether everything that a job waits for is placed.
func (e *exhaust) open(n int) bool {
	j := &e.p.jobs[n]
	closed := func(other int) bool { return !e.b.placed[other] }
	return !slices.ContainsFunc(j.before, closed) && !slices.ContainsFunc(j.avoid, closed)
}

// try places a job with everybody who may do it. It tells whether that is nobody.
func (e *exhaust) try(n, placed int, since float64) (nobody bool) {
	j := &e.p.jobs[n]
	at, cause := e.b.earliest(j)
	var people []int
	if at < never {
		e.b.candidates(j, func(person int) { people = append(people, person) })
	}
	if len(people) == 0 {
		e.b.placed[n] = true
		e.down(placed+1, since)
		e.b.placed[n] = false
		return true
	}
	for _, person := range people {
		free, last := e.b.free[person], e.b.last[person]
		e.b.put(n, person, at, cause)
		if e.b.s.start[n] >= since {
			e.down(placed+1, e.b.s.start[n])
		}
		e.b.free[person], e.b.last[person] = free, last
		e.b.placed[n], e.b.s.person[n], e.b.s.start[n], e.b.s.end[n], e.b.s.cause[n] = false, -1, never, never, -1
	}
	return false
}

// bound is a score that no completion of the board can beat.
func (e *exhaust) bound() score {
	p := e.p
	end := make([]float64, len(p.jobs))
	for n := range p.jobs {
		j := &p.jobs[n]
		if e.b.placed[n] {
			end[n] = e.b.s.end[n]
			continue
		}
		at := 0.0
		for _, b := range j.before {
			at = max(at, end[b])
		}
		end[n] = never
		for _, person := range j.can {
			if at >= never {
				break
			}
			_, t := p.calendars[person].run(max(at, e.b.free[person]), j.hours)
			end[n] = min(end[n], t)
		}
	}
	var s score
	for cell := range p.cells {
		last := 0.0
		for _, n := range p.of[cell] {
			if n >= 0 {
				last = max(last, end[n])
			}
		}
		switch {
		case last >= never:
			s.blocked++
			continue
		case last > p.deadline[cell]+tiny:
			s.late++
		}
		s.span = max(s.span, last)
		s.flow += last
	}
	return score{s.blocked, s.late, s.span, s.flow}
}
