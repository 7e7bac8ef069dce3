package workers

import (
	"cmp"
	"container/heap"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Rates that were measured on two processors, server and clients on one machine.
const (
	measuredQueue = 1060  // tasks a second, BenchmarkTiny
	measuredStore = 318e6 // bytes a second, BenchmarkStore, put
	gigabit       = 117e6 // bytes a second that a gigabit Ethernet takes
)

// BenchmarkSimulate is 200 cells, ten XSAs on twenty bases, on 1 to 64 workers with the
// times that were measured for their phases (testdata/phases.csv). Each worker is a
// machine like the one on which that was and does one task at a time; the bases are
// compiled before, and every worker fetches those that it gets tasks of. What a run cannot
// be shorter than stands beside it: all work shared out evenly, the longest cell, what the
// object store has to move, what the queue has to hand out. The largest is the limit.
func BenchmarkSimulate(b *testing.B) {
	m := readPhases(b)
	for _, store := range []struct {
		name string
		rate float64
	}{{"loopback", measuredStore}, {"gigabit", gigabit}} {
		for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
			b.Run(fmt.Sprintf("%s/workers=%d", store.name, n), func(b *testing.B) {
				var r run
				for range b.N {
					r = simulate(m, 20, n, store.rate)
				}
				limits := []struct {
					name, metric string
					least        float64
				}{
					{"all work", "work-s", r.work / float64(n)}, {"the longest cell", "longest-s", r.longest},
					{"the object store", "store-s", r.store.busy}, {"the queue", "queue-s", r.queue.busy},
				}
				most := limits[0]
				for _, l := range limits {
					b.ReportMetric(l.least, l.metric)
					if l.least > most.least {
						most = l
					}
				}
				b.ReportMetric(r.span, "span-s")
				b.Logf("%d workers, %s: %.0f s, %.0f %% of the workers' time is work; the limit: %s (%.0f s)", n, store.name, r.span, 100*r.work/r.span/float64(n), most.name, most.least)
			})
		}
	}
}

// TestSimulate wants what follows without a simulation.
func TestSimulate(t *testing.T) {
	m := phases{unpack: 2, bytes: 100, cells: []phase{{prove: 10, tool: 1, bytes: 50}, {prove: 4, tool: 2, bytes: 50}}}
	for _, c := range []struct {
		bases, workers int
		rate, want     float64
	}{
		// A store and a queue that take no time: unpacking, all that is to be proven, all that the tool does.
		{1, 1, math.Inf(1), 2 + 14 + 3},
		{1, 2, math.Inf(1), 2 + 10 + 2},
		{3, 1, math.Inf(1), 3 * (2 + 14 + 3)},
		// The payloads go to workers that waited longer, and they have to unpack the base, too.
		{1, 64, math.Inf(1), 2 + 10 + 2 + 2},
		// The base is stored and fetched (4 s), then its objects are twice for each cell, two of them behind each other.
		{1, 1, 50, 4 + 2 + 14 + 2 + 2 + 3},
	} {
		r := simulate(m, c.bases, c.workers, c.rate)
		if math.Abs(r.span-c.want) > 0.02 {
			t.Errorf("%d bases, %d workers: %.3f s, expected %.3f", c.bases, c.workers, r.span, c.want)
		}
		if least := max(r.work/float64(c.workers), r.longest, r.store.busy, r.queue.busy); r.span < least-1e-9 {
			t.Errorf("%d bases, %d workers: %.3f s, less than the least there can be, %.3f", c.bases, c.workers, r.span, least)
		}
	}
}

// A phase is a cell on any base: seconds to prove it, seconds of the tool, bytes of its
// objects when they are packed.
type phase struct{ prove, tool, bytes float64 }

// phases are those of a batch, and a base: seconds to unpack it, bytes when it is packed.
type phases struct {
	unpack, bytes float64
	cells         []phase
}

func readPhases(t testing.TB) (m phases) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "phases.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment, r.FieldsPerRecord = '#', 4
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var n [3]float64
		for i := range n {
			if n[i], err = strconv.ParseFloat(row[i+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		if row[0] == "base" {
			m.unpack, m.bytes = n[0], n[2]
			continue
		}
		m.cells = append(m.cells, phase{n[0], n[1], n[2]})
	}
	return m
}

// A run is what a simulation comes to. Times are in seconds.
type run struct {
	span    float64
	work    float64 // of all workers together
	longest float64 // that a cell takes if nothing is in its way
	store   link
	queue   link
}

// A link takes one thing after the other.
type link struct{ rate, free, busy float64 }

// A clock calls what is to happen in its order.
type clock struct {
	now    float64
	events []event
}

type event struct {
	at float64
	n  int // of two at once that which was asked for first
	do func()
}

func (c *clock) Len() int { return len(c.events) }
func (c *clock) Less(i, j int) bool {
	a, b := c.events[i], c.events[j]
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) < 0
}
func (c *clock) Swap(i, j int) { c.events[i], c.events[j] = c.events[j], c.events[i] }
func (c *clock) Push(e any)    { c.events = append(c.events, e.(event)) }
func (c *clock) Pop() any {
	last := c.events[len(c.events)-1]
	c.events = c.events[:len(c.events)-1]
	return last
}

func (s *site) after(seconds float64, do func()) {
	s.asked++
	heap.Push(&s.clock, event{s.now + seconds, s.asked, do})
}

// move has a link take something, behind what it was given before.
func (s *site) move(l *link, amount float64, then func()) {
	takes := amount / l.rate
	l.free = max(l.free, s.now) + takes
	l.busy += takes
	s.after(l.free-s.now, then)
}

// A site is a run that goes on.
type site struct {
	clock
	run
	phases
	bases   int
	asked   int
	waiting []chore
	idle    []map[int]bool // workers without a task: the bases that they have
	proving int            // cells that are not proven
}

// A chore is a task of a cell: to prove it, or its payload.
type chore struct {
	base    int
	cell    phase
	payload bool
}

// simulate has cells of a batch on so many bases done by n workers. As the program does
// it, payloads come when all cells of all bases are proven.
func simulate(m phases, bases, n int, rate float64) run {
	s := &site{phases: m, bases: bases, proving: bases * len(m.cells)}
	s.store.rate, s.queue.rate = rate, measuredQueue
	for range n {
		s.idle = append(s.idle, map[int]bool{})
	}
	for base := range bases {
		s.move(&s.store, m.bytes, func() { s.give(base, false) })
	}
	for len(s.events) > 0 {
		e := heap.Pop(&s.clock).(event)
		s.now = e.at
		e.do()
	}
	for _, c := range m.cells {
		s.longest = max(s.longest, m.bytes/rate*2+m.unpack+c.prove+c.bytes/rate*2+c.tool)
	}
	s.span = s.now
	return s.run
}

// give puts the tasks of a base into the queue.
func (s *site) give(base int, payload bool) {
	for _, c := range s.cells {
		s.waiting = append(s.waiting, chore{base, c, payload})
	}
	s.hand()
}

// hand gives tasks to workers that have none.
func (s *site) hand() {
	for len(s.waiting) > 0 && len(s.idle) > 0 {
		c, has := s.waiting[0], s.idle[0]
		s.waiting, s.idle = s.waiting[1:], s.idle[1:]
		s.move(&s.queue, 1, func() { s.fetch(c, has) })
	}
}

// fetch brings the base of a task to its worker.
func (s *site) fetch(c chore, has map[int]bool) {
	if has[c.base] {
		s.do(c, has)
		return
	}
	has[c.base] = true
	s.work += s.unpack
	s.move(&s.store, s.bytes, func() { s.after(s.unpack, func() { s.do(c, has) }) })
}

func (s *site) do(c chore, has map[int]bool) {
	if c.payload {
		s.work += c.cell.tool
		s.move(&s.store, c.cell.bytes, func() { s.after(c.cell.tool, func() { s.end(c, has) }) })
		return
	}
	s.work += c.cell.prove
	s.after(c.cell.prove, func() { s.move(&s.store, c.cell.bytes, func() { s.end(c, has) }) })
}

// end is that of a task.
func (s *site) end(c chore, has map[int]bool) {
	s.idle = append(s.idle, has)
	if !c.payload {
		if s.proving--; s.proving == 0 {
			for base := range s.bases {
				s.give(base, true)
			}
		}
	}
	s.hand()
}
