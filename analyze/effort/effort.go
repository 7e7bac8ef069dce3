// Package effort estimates working hours from findings.
//
// An estimate is made of lines, one per task: read, port, adapt (one line per
// kind of finding), redesign, build, test, review; decide and announce where no
// live patch can help; find out where the tool cannot tell; note for what goes
// out as an ordinary package. Every line has three values, the mean of their PERT
// distribution, and a sentence that names the findings and sizes that drove it.
//
// All numbers are in effort.yaml, which a vendor can override one by one. They
// are judgement, not measurement, until a team feeds its own records back. The
// package knows nothing of people, calendars or machine time: waiting for a
// compiler costs nobody hours here, and releasing the package that carries the
// fix for freshly booted hosts is the vendor's usual work and is not counted.
package effort

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Hours is a three-point estimate in working hours. Expected is
// (Optimistic + 4*Likely + Pessimistic) / 6, the mean of a PERT distribution.
type Hours struct {
	Optimistic  float64 `json:"optimistic"`
	Likely      float64 `json:"likely"`
	Pessimistic float64 `json:"pessimistic"`
	Expected    float64 `json:"expected"`
	Tasks       []Task  `json:"tasks,omitempty"`
}

// A Task is one line of an estimate.
type Task struct {
	Task        string  `json:"task"`
	Optimistic  float64 `json:"optimistic"`
	Likely      float64 `json:"likely"`
	Pessimistic float64 `json:"pessimistic"`
	Expected    float64 `json:"expected"`
	Why         string  `json:"why"`
}

// The tasks, in the order in which they are done.
const (
	Read     = "read"     // the advisory and its patches
	Port     = "port"     // make the recipe apply to what was shipped
	Adapt    = "adapt"    // change the patch for what a finding names
	Redesign = "redesign" // find another way to the fix
	Build    = "build"    // the payload
	Test     = "test"     // load, apply, provoke, revert, run on
	Review   = "review"   // a second person
	FindOut  = "find out" // what the tool could not tell
	Decide   = "decide"   // that it takes a reboot, and what helps until then
	Announce = "announce" // tell the people who have to reboot
	Note     = "note"     // say what goes out as a package instead, or besides
)

var order = []string{Read, FindOut, Port, Adapt, Redesign, Build, Test, Review, Decide, Announce, Note}

// Sum totals the estimates of different items. Expected values add. The distances
// of the optimistic and the pessimistic value from the expected one combine as
// the root of the sum of their squares: items are taken as independent, because
// it does not happen that all of thirty go well, or badly, at once. The likely
// value is the one that keeps the PERT identity of Hours; a plain sum of likely
// values would promise less than is expected. Bases of one advisory share their
// surprises, so the range of a total over many bases is rather too narrow.
//
// The lines are summed by task in the same way. Results are rounded once, to 0.1.
func Sum(list []Hours) Hours {
	var all spread
	byTask := map[string]*spread{}
	for _, h := range list {
		all.add(h.Optimistic, h.Pessimistic, h.Expected)
		lines := map[string]Task{} // the lines of one item are not independent
		for _, t := range h.Tasks {
			l := lines[t.Task]
			l.Optimistic += t.Optimistic
			l.Pessimistic += t.Pessimistic
			l.Expected += t.Expected
			lines[t.Task] = l
		}
		for task, l := range lines {
			if byTask[task] == nil {
				byTask[task] = new(spread)
			}
			byTask[task].add(l.Optimistic, l.Pessimistic, l.Expected)
		}
	}
	sum := all.hours()
	for task, s := range byTask {
		h := s.hours()
		sum.Tasks = append(sum.Tasks, Task{
			Task: task, Optimistic: h.Optimistic, Likely: h.Likely, Pessimistic: h.Pessimistic, Expected: h.Expected,
			Why: fmt.Sprintf("in %d of %d estimates", s.n, len(list)),
		})
	}
	slices.SortFunc(sum.Tasks, func(a, b Task) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Task), slices.Index(order, b.Task)), cmp.Compare(a.Task, b.Task))
	})
	return sum
}

// Add is Sum of two. To total many use Sum, which rounds only once and says of
// how many estimates each line is made.
func Add(a, b Hours) Hours { return Sum([]Hours{a, b}) }

// A spread gathers independent three-point values.
type spread struct {
	n              int
	expected       float64
	below2, above2 float64 // squared distances from expected
}

func (s *spread) add(optimistic, pessimistic, expected float64) {
	s.n++
	s.expected += expected
	s.below2 += (expected - optimistic) * (expected - optimistic)
	s.above2 += (pessimistic - expected) * (pessimistic - expected)
}

func (s *spread) hours() Hours {
	below, above := math.Sqrt(s.below2), math.Sqrt(s.above2)
	return Hours{
		// Below zero is possible only through rounding of the estimates summed.
		Optimistic:  round(max(0, s.expected-below)),
		Likely:      round(s.expected + (below-above)/4),
		Pessimistic: round(s.expected + above),
		Expected:    round(s.expected),
	}
}

// total adds the lines of one item up plainly: what makes an item hard to port
// makes it hard to adapt and to test, too. A reader can add the column up.
func total(tasks []Task) Hours {
	h := Hours{Tasks: tasks}
	for _, t := range tasks {
		h.Optimistic += t.Optimistic
		h.Likely += t.Likely
		h.Pessimistic += t.Pessimistic
		h.Expected += t.Expected
	}
	h.Optimistic, h.Likely = round(h.Optimistic), round(h.Likely)
	h.Pessimistic, h.Expected = round(h.Pessimistic), round(h.Expected)
	return h
}

// round rounds to a tenth of an hour.
func round(h float64) float64 { return math.Round(h*10) / 10 }
