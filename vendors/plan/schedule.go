package plan

import (
	"cmp"
	"slices"
)

// A schedule says who does each job and when, in hours since the plan begins. A
// job that nobody can do ends never.
type schedule struct {
	person     []int // -1 for nobody
	start, end []float64
	cause      []int // job that the start waited for, -1 for none
	score
}

// A score says how good a schedule is: fewer cells that nobody can finish, then
// fewer that are late, then an earlier end of the last cell, then an earlier end
// of the cells on average. Work on cells that nobody can finish comes when it
// stands in no other's way.
type score struct {
	blocked, late int
	span, flow    float64
}

// tiny is a difference in hours that does not count.
const tiny = 1e-7

func (s score) compare(o score) int {
	return cmp.Or(cmp.Compare(s.blocked, o.blocked), cmp.Compare(s.late, o.late), compare(s.span, o.span), compare(s.flow, o.flow))
}

func compare(a, b float64) int {
	switch {
	case a < b-tiny:
		return -1
	case a > b+tiny:
		return 1
	}
	return 0
}

// A board is a schedule being made, job after job, each behind what its person
// does already.
type board struct {
	p      *problem
	s      schedule
	placed []bool
	free   []float64 // when each person can begin more
	last   []int     // what each does last, -1 for nothing
}

func newBoard(p *problem) *board {
	n := len(p.jobs)
	b := &board{p: p, placed: make([]bool, n), free: make([]float64, len(p.calendars)), last: make([]int, len(p.calendars))}
	b.s = schedule{person: make([]int, n), start: make([]float64, n), end: make([]float64, n), cause: make([]int, n)}
	b.reset()
	return b
}

func (b *board) reset() {
	for i := range b.placed {
		b.placed[i], b.s.person[i], b.s.start[i], b.s.end[i], b.s.cause[i] = false, -1, never, never, -1
	}
	for i := range b.free {
		b.free[i], b.last[i] = 0, -1
	}
}

// earliest is when the jobs before one have ended, and the last of them.
func (b *board) earliest(j *job) (at float64, cause int) {
	cause = -1
	for _, n := range j.before {
		if e := b.s.end[n]; e > at {
			at, cause = e, n
		}
	}
	return at, cause
}

// allowed tells whether a person may do a job, given who did others.
func (b *board) allowed(j *job, person int) bool {
	for _, n := range j.avoid {
		if b.s.person[n] == person {
			return false
		}
	}
	if j.stage != author {
		return true
	}
	r := b.p.of[j.cell][review]
	if r < 0 || len(b.p.jobs[r].can) == 0 {
		return true
	}
	for _, other := range b.p.jobs[r].can { // somebody has to be left to review
		if other != person && !slices.ContainsFunc(b.p.jobs[r].avoid, func(n int) bool { return b.placed[n] && b.s.person[n] == other }) {
			return true
		}
	}
	return false
}

// candidates calls a function for all who may do a job now. Where the review
// would be left without anybody, all who know the area are offered: the review is
// then what nobody can do.
func (b *board) candidates(j *job, yield func(person int)) {
	found := false
	for _, n := range j.can {
		if b.allowed(j, n) {
			found = true
			yield(n)
		}
	}
	if !found && j.stage == author {
		for _, n := range j.can {
			yield(n)
		}
	}
}

// put gives a job to a person.
func (b *board) put(n, person int, at float64, cause int) {
	j := &b.p.jobs[n]
	if b.free[person] > at {
		at, cause = b.free[person], b.last[person]
	}
	start, end := b.p.calendars[person].run(at, j.hours)
	b.placed[n], b.s.person[n], b.s.start[n], b.s.end[n], b.s.cause[n] = true, person, start, end, cause
	b.free[person], b.last[person] = end, n
}

// choose gives a job, whose predecessors are placed, to a person: the preferred
// one, else whom it leaves ready first, and of these who can do least else.
func (b *board) choose(n, prefer int) {
	j := &b.p.jobs[n]
	at, cause := b.earliest(j)
	b.placed[n] = true
	if at >= never {
		return
	}
	best, bestEnd := -1, 0.0
	b.candidates(j, func(person int) {
		if best >= 0 && best == prefer {
			return
		}
		_, end := b.p.calendars[person].run(max(at, b.free[person]), j.hours)
		if best < 0 || person == prefer || end < bestEnd-tiny || end < bestEnd+tiny && b.p.wanted[person] < b.p.wanted[best] {
			best, bestEnd = person, end
		}
	})
	if best >= 0 {
		b.put(n, best, at, cause)
	}
}

// place places a job and first what has to be done before it.
func (b *board) place(n int, prefer []int) {
	if b.placed[n] {
		return
	}
	for _, before := range b.p.jobs[n].before {
		b.place(before, prefer)
	}
	for _, author := range b.p.jobs[n].avoid {
		b.place(author, prefer)
	}
	b.choose(n, prefer[n])
}

// serial places all jobs in an order.
func (b *board) serial(order, prefer []int) score {
	b.reset()
	for _, n := range order {
		b.place(n, prefer)
	}
	return b.rate()
}

// parallel places, again and again, of the jobs that are ready the one that can
// begin first; of several, the one of the highest rank.
func (b *board) parallel(rank []float64, prefer []int) score {
	b.reset()
	waits := make([]int, len(b.p.jobs))
	var ready []int
	for n := range b.p.jobs {
		waits[n] = len(b.p.jobs[n].before)
		if waits[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		pick, pickAt := 0, 0.0
		for i, n := range ready {
			at := b.begins(n)
			if i == 0 || at < pickAt-tiny || at < pickAt+tiny && rank[n] > rank[ready[pick]] {
				pick, pickAt = i, at
			}
		}
		n := ready[pick]
		ready = slices.Delete(ready, pick, pick+1)
		b.choose(n, prefer[n])
		for _, next := range b.p.after[n] {
			if waits[next]--; waits[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	return b.rate()
}

// begins is when a ready job can begin at the earliest.
func (b *board) begins(n int) float64 {
	j := &b.p.jobs[n]
	at, _ := b.earliest(j)
	soonest := never
	for _, person := range j.can {
		if t := max(at, b.free[person]); t < soonest {
			soonest = t
		}
	}
	return soonest
}

// rate gives the score of what is placed.
func (b *board) rate() score {
	var s score
	for cell := range b.p.cells {
		end := 0.0
		for _, n := range b.p.of[cell] {
			if n >= 0 {
				end = max(end, b.s.end[n])
			}
		}
		switch {
		case end >= never:
			s.blocked++
			continue
		case end > b.p.deadline[cell]+tiny:
			s.late++
		}
		s.span = max(s.span, end)
		s.flow += end
	}
	b.s.score = s
	return s
}

// take copies the schedule of the board.
func (b *board) take() schedule {
	return schedule{person: slices.Clone(b.s.person), start: slices.Clone(b.s.start), end: slices.Clone(b.s.end), cause: slices.Clone(b.s.cause), score: b.s.score}
}

// ready is when the last job of a cell ends; never where one cannot be done, and 0
// where nothing is left to do.
func (p *problem) ready(cell int) float64 {
	end := 0.0
	for _, n := range p.of[cell] {
		if n >= 0 {
			end = max(end, p.best.end[n])
		}
	}
	return end
}

// lastJob is the job of a cell that ends last, -1 where there is none.
func (p *problem) lastJob(cell int) int {
	last := -1
	for _, n := range p.of[cell] {
		if n >= 0 && (last < 0 || p.best.end[n] >= p.best.end[last]) {
			last = n
		}
	}
	return last
}
