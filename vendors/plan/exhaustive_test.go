package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/vendors"
)

var monday = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)

// cellOf makes a cell with the given expected hours by task.
func cellOf(xsa int, base string, class factor.Class, file string, hours map[string]float64) analyze.Cell {
	c := analyze.Cell{XSA: xsa, Base: base, Class: class, Hours: &effort.Hours{}}
	c.Functions = []analyze.Function{{File: file}}
	for _, task := range []string{effort.Read, effort.FindOut, effort.Port, effort.Adapt, effort.Redesign, effort.Build, effort.Test, effort.Review, effort.Decide, effort.Announce, effort.Note} {
		if h := hours[task]; h > 0 {
			c.Hours.Tasks = append(c.Hours.Tasks, effort.Task{Task: task, Optimistic: h / 2, Likely: h, Pessimistic: 1.5 * h, Expected: h})
			c.Hours.Expected += h
		}
	}
	return c
}

// randomCase is a small batch for a small team: at most seven jobs.
func randomCase(r *rand.Rand) Request {
	areas := []string{"x86/mm", "common", "iommu"}
	paths := []string{"xen/arch/x86/mm/a.c", "xen/common/b.c", "xen/drivers/passthrough/c.c"}
	team := &vendors.Team{}
	for i := range 3 {
		p := vendors.Person{Name: string(rune('A' + i)), Hours: float64(3 + r.IntN(6)), Seniority: []string{"regular", "senior", "senior", "senior", "senior", "junior"}[r.IntN(6)],
			Zone: []string{"UTC", "Asia/Kolkata", "America/New_York"}[r.IntN(3)]}
		for _, a := range areas {
			if r.IntN(6) > 0 {
				p.Skills = append(p.Skills, a)
			}
		}
		if r.IntN(3) == 0 {
			var from, to vendors.Date
			from.Time = monday.AddDate(0, 0, r.IntN(4)).Truncate(24 * time.Hour)
			to.Time = from.AddDate(0, 0, r.IntN(3))
			p.Absent = []vendors.Absence{{From: from, To: to}}
		}
		team.People = append(team.People, p)
	}
	req := Request{Team: team, Start: monday, Runs: 1, Embargo: monday.Add(time.Duration(8+r.IntN(90)) * time.Hour)}
	jobs := 0
	for xsa := 1; jobs < 6; xsa++ {
		n := r.IntN(len(areas))
		hours := map[string]float64{effort.Read: 0.5 + 8*r.Float64()}
		jobs++
		class := []factor.Class{factor.Clean, factor.Adapt, factor.Hard}[r.IntN(3)]
		if r.IntN(2) == 0 {
			hours[effort.Build] = 0.5 + 2*r.Float64()
			jobs++
		}
		if r.IntN(3) > 0 {
			hours[effort.Review] = 0.5 + 4*r.Float64()
			jobs++
		}
		req.Cells = append(req.Cells, cellOf(xsa, "one", class, paths[n], hours))
		if r.IntN(4) == 0 && jobs < 6 {
			req.Cells = append(req.Cells, cellOf(xsa, "two", class, paths[n], map[string]float64{effort.Read: 0.5 + 3*r.Float64()}))
			jobs++
		}
	}
	return req
}

// A brute tries every order of the jobs, each with everybody who may do it. It
// shares nothing with the search but the list of jobs: time is counted day by day.
type brute struct {
	p      *problem
	person []int
	end    []float64
	placed int
	free   []float64
	best   score
	any    bool
}

func (b *brute) finish(person int, at, hours float64) float64 {
	c := b.p.calendars[person]
	for d := range c.to {
		if from := max(at, c.from[d]); from < c.to[d] {
			if from+hours <= c.to[d]+1e-12 {
				return from + hours
			}
			hours -= c.to[d] - from
		}
	}
	return never
}

func (b *brute) down() {
	if b.placed == len(b.p.jobs) {
		b.rate()
		return
	}
	for n := range b.p.jobs {
		if b.end[n] >= 0 {
			continue
		}
		j := &b.p.jobs[n]
		at, open := 0.0, true
		for _, o := range j.before {
			open = open && b.end[o] >= 0
			at = max(at, b.end[o])
		}
		for _, o := range j.avoid {
			open = open && b.end[o] >= 0
		}
		if !open {
			continue
		}
		b.placed++
		tried := false
		for _, who := range j.can {
			barred := at >= never
			for _, o := range j.avoid {
				barred = barred || b.person[o] == who
			}
			if barred {
				continue
			}
			tried = true
			was := b.free[who]
			b.end[n], b.person[n] = b.finish(who, max(at, was), j.hours), who
			b.free[who] = b.end[n]
			b.down()
			b.free[who] = was
		}
		if !tried {
			b.end[n] = never
			b.down()
		}
		b.end[n], b.person[n] = -1, -1
		b.placed--
		if !tried {
			return
		}
	}
}

func (b *brute) rate() {
	var s score
	for cell := range b.p.cells {
		end := 0.0
		for _, n := range b.p.of[cell] {
			if n >= 0 {
				end = max(end, b.end[n])
			}
		}
		if end >= never {
			s.blocked++
			continue
		}
		s.span = max(s.span, end)
		if end > b.p.deadline[cell]+tiny {
			s.late++
		}
	}
	if !b.any || s.compare(b.best) < 0 {
		b.best, b.any = s, true
	}
}

func bruteForce(p *problem) score {
	b := &brute{p: p, person: make([]int, len(p.jobs)), end: make([]float64, len(p.jobs)), free: make([]float64, len(p.calendars))}
	for n := range b.end {
		b.end[n], b.person[n] = -1, -1
	}
	b.down()
	return b.best
}

// TestExhaustive compares the schedules of random small cases with the best of
// all, and the list schedules of the local search alone, which large batches get.
func TestExhaustive(t *testing.T) {
	cases := 400
	if testing.Short() {
		cases = 40
	}
	random := rand.New(rand.NewPCG(1, 2))
	var gap, localGap, worst float64
	var compared, late, inTime, blocked, localLate int
	for i := range cases {
		p, err := prepare(randomCase(random))
		if err != nil {
			t.Fatal(err)
		}
		want := bruteForce(p)
		p.link()
		s := &search{p: p, b: newBoard(p), none: nobody(len(p.jobs))}
		s.begin()
		s.improve()
		local := s.best.score
		p.solve()
		got := p.best.score
		if got.blocked != want.blocked || got.late > want.late {
			t.Errorf("case %d: %d blocked, %d late; the best schedule has %d, %d", i, got.blocked, got.late, want.blocked, want.late)
		}
		valid(t, p)
		switch {
		case want.blocked > 0:
			blocked++
		case want.late > 0:
			late++
		default:
			inTime++
		}
		if local.blocked != want.blocked || want.late == 0 && local.late > 0 {
			t.Errorf("case %d: the local search alone is late, which need not be", i)
		}
		if local.late > want.late {
			localLate++
			continue
		}
		if want.span > 0 && got.late == want.late {
			compared++
			gap += got.span/want.span - 1
			localGap += local.span/want.span - 1
			worst = max(worst, local.span/want.span-1)
		}
	}
	n := float64(compared)
	t.Logf("%d cases (%d in time, %d late, %d not staffed): mean gap %.3f %%; list schedule with local search alone: one cell more late in %d, mean gap %.3f %%, largest %.1f %%",
		cases, inTime, late, blocked, 100*gap/n, localLate, 100*localGap/n, 100*worst)
	if gap/n > 0.03 || localGap/n > 0.03 {
		t.Errorf("mean gap %.2f %% and %.2f %%, expected below 3 %%", 100*gap/n, 100*localGap/n)
	}
}

func nobody(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = -1
	}
	return list
}

// valid wants a schedule to keep all rules.
func valid(t *testing.T, p *problem) {
	t.Helper()
	for n := range p.jobs {
		j, who := &p.jobs[n], p.best.person[n]
		if who < 0 {
			continue
		}
		for _, b := range j.before {
			if p.best.end[b] > p.best.start[n]+tiny {
				t.Errorf("job %d begins before job %d has ended", n, b)
			}
		}
		for _, a := range j.avoid {
			if p.best.person[a] == who {
				t.Errorf("job %d is reviewed by its author", n)
			}
		}
		if got := p.calendars[who].between(p.best.start[n], p.best.end[n]); p.best.end[n] < never && !near0(got-j.hours) {
			t.Errorf("job %d takes %g h, got %g", n, j.hours, got)
		}
		for m := range n {
			if p.best.person[m] == who && p.best.start[m] < p.best.end[n]-tiny && p.best.start[n] < p.best.end[m]-tiny {
				t.Errorf("%d does jobs %d and %d at once", who, m, n)
			}
		}
	}
}

func near0(v float64) bool { return v < 1e-6 && v > -1e-6 }

// large is a batch of cells for a team, as a benchmark's input.
func large(items, bases, people int) Request {
	r := rand.New(rand.NewPCG(3, 4))
	files := []string{"xen/arch/x86/mm/p2m.c", "xen/arch/x86/hvm/hvm.c", "xen/common/grant_table.c", "xen/common/event_channel.c", "xen/drivers/passthrough/vtd/iommu.c", "xen/common/domain.c"}
	skills := []string{"x86", "common", "iommu", "x86/hvm", "grant tables", "livepatch"}
	team := &vendors.Team{}
	for i := range people {
		p := vendors.Person{Name: fmt.Sprintf("P%02d", i), Hours: 6, Seniority: []string{"senior", "regular", "senior", "junior"}[i%4]}
		for k := range 3 {
			p.Skills = append(p.Skills, skills[(i+k*2+r.IntN(2))%len(skills)])
		}
		team.People = append(team.People, p)
	}
	req := Request{Team: team, Start: monday, Embargo: monday.AddDate(0, 0, 14), Seed: 1}
	for i := range items {
		class := []factor.Class{factor.Clean, factor.Adapt, factor.Clean, factor.Adapt, factor.Hard}[r.IntN(5)]
		for b := range bases {
			h := map[string]float64{effort.Read: 1, effort.Port: 0.2, effort.Build: 0.5, effort.Test: 2.5, effort.Review: 1}
			if class != factor.Clean {
				h[effort.Adapt] = 2 + 4*r.Float64()
			}
			if class == factor.Hard {
				h[effort.Redesign] = 10 + 10*r.Float64()
			}
			if b > 0 {
				for task := range h {
					h[task] *= 0.3
				}
			}
			req.Cells = append(req.Cells, cellOf(100+i, fmt.Sprintf("base-%d", b), class, files[i%len(files)], h))
		}
	}
	return req
}

// BenchmarkSchedule plans 100 cells for 20 people, without the simulation.
func BenchmarkSchedule(b *testing.B) {
	for b.Loop() {
		p, err := prepare(large(20, 5, 20))
		if err != nil {
			b.Fatal(err)
		}
		p.solve()
		b.ReportMetric(p.best.span, "span-h")
		b.ReportMetric((&exhaust{p: p, b: newBoard(p)}).bound().span, "bound-h")
		b.ReportMetric(float64(p.best.late), "late")
		b.ReportMetric(float64(len(p.jobs)), "jobs")
	}
}

// BenchmarkPlan makes the whole plan of 100 cells for 20 people, with its risk.
func BenchmarkPlan(b *testing.B) {
	for b.Loop() {
		plan, err := Make(large(20, 5, 20))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(plan.StaffedProbability, "ready")
	}
}

// BenchmarkRisk simulates a batch of 12 items on 5 bases 10,000 times.
func BenchmarkRisk(b *testing.B) {
	p, err := prepare(large(12, 5, 8))
	if err != nil {
		b.Fatal(err)
	}
	p.solve()
	plan := p.report()
	for b.Loop() {
		p.risk(plan)
	}
	b.ReportMetric(plan.StaffedProbability, "ready")
}
