// Package plan says whether the people at hand are enough for a batch: who does
// what on which day, what cannot be staffed, how likely it is that everything is
// ready when the embargo ends, and what would change that.
//
// It works on assessed cells (analyze.Cell) with their hours, and on the team of
// a vendor's profile. The work on a cell is made of jobs: the author's (read,
// find out, port, adapt, redesign; or decide and announce; or a note), then
// build, test, review by a second person, and the note besides. A job is done by
// one person without other jobs between; nights, days off and other commitments
// interrupt it. Jobs of further bases wait for the author's job on the first
// base, whose work they share. Schedules are deterministic: exact for few jobs, a
// list schedule improved by seeded local search for many.
//
// Risk is a simulation of that schedule, see Risk. All of it rests on estimates
// in hours (analyze/effort), which are judgement until a team records its own.
// The package reads no clock; it cannot see what the profile does not say.
package plan

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"lpready/analyze"
	"lpready/analyze/revision"
	"lpready/vendors"
)

// A Request asks for a plan.
type Request struct {
	Cells    []analyze.Cell
	Team     *vendors.Team
	Start    time.Time       // when work begins
	Embargo  time.Time       // when everything has to be ready; zero: what the cells say
	Fixed    bool            // Embargo counts for all cells, whatever they say
	Done     []Progress      // work that was put in already
	Assign   []Assign        // who has to do what
	Revised  []revision.Cell // what a new version of some of the cells asks to be redone
	Risk     *Risk           // nil: the embedded assumptions
	Runs     int             // of the simulation; 0: DefaultRuns
	Seed     uint64
	Overtime float64   // hours more on each working day until the embargo ends
	Parts    int       // at most so many items go out together, see Split; 0: all
	History  []Revised // revisions that earlier plans took in
}

// DefaultRuns is how many times the risk is simulated.
const DefaultRuns = 10_000

// A Progress is work that was done on a task before the plan starts.
type Progress struct {
	Item, Base, Task string
	Person           string
	Share            float64 // of the task, from 0 to 1
	New              bool    // it was done on the newest version: nothing of it is done again
}

// An Assign puts a person on the author's work of an item; an empty base stands
// for all.
type Assign struct {
	Item, Base, Person string
}

// A Plan is the answer. Its keys are those of the JSON contract, "plan".
type Plan struct {
	Start   time.Time `json:"start"`
	Embargo time.Time `json:"embargo"`

	// ReadyProbability is how likely it is that every item is ready when its
	// embargo ends; 0 where one cannot be staffed. StaffedProbability is the same
	// for those that can.
	ReadyProbability   float64 `json:"ready_probability"`
	StaffedProbability float64 `json:"staffed_probability"`
	// SwampedProbability is how likely it is that a revision costs work and not
	// everything that can be staffed is ready.
	SwampedProbability float64 `json:"swamped_probability"`
	Finish             Finish  `json:"finish"`

	Unstaffed   []Unstaffed  `json:"unstaffed"` // first what nobody can do, then what nobody has time for
	Items       []Item       `json:"items"`
	Assignments []Assignment `json:"assignments"`
	Load        []Load       `json:"load"`
	Critical    []Step       `json:"critical"`
	Decisions   []Decision   `json:"decisions"`
	Risk        *Outcome     `json:"risk,omitempty"`
	Scenarios   []Scenario   `json:"scenarios,omitempty"`
	Revisions   []Revised    `json:"revisions,omitempty"`
	Seed        uint64       `json:"seed"`
	Method      string       `json:"method"` // how good the schedule is known to be
}

// Finish is when all that can be staffed is ready: in one of ten, in half, and in
// nine of ten simulations.
type Finish struct {
	P10 time.Time `json:"p10"`
	P50 time.Time `json:"p50"`
	P90 time.Time `json:"p90"`
}

// A Name says which cell: the number of the advisory, or, without one, the name of
// the patch; and the base.
type Name struct {
	XSA  int    `json:"xsa"`
	Item string `json:"item,omitempty"` // where there is no number
	Base string `json:"base"`
}

// Of names a cell.
func Of(c *analyze.Cell) Name {
	n := Name{XSA: c.XSA, Base: c.Base}
	if c.XSA == 0 {
		n.Item = "patch"
		if len(c.Patches) > 0 {
			n.Item = c.Patches[0]
		}
	}
	return n
}

// Label is "XSA-480", or the name of the patch.
func (n Name) Label() string {
	if n.XSA > 0 {
		return fmt.Sprintf("XSA-%d", n.XSA)
	}
	return n.Item
}

// String is "XSA-480 on 4.17.5".
func (n Name) String() string { return n.Label() + " on " + n.Base }

// An Assignment is one task of one cell.
type Assignment struct {
	Name
	Task     string    `json:"task"`
	Person   string    `json:"person"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Hours    float64   `json:"hours"`
	Days     []Day     `json:"days"`
	Critical bool      `json:"critical,omitempty"`
}

// A Day is how many hours go into something on a day, YYYY-MM-DD in the person's
// zone.
type Day struct {
	Date  string  `json:"date"`
	Hours float64 `json:"hours"`
}

// Kinds of what is unstaffed.
const (
	NoSkill  = "skill"  // nobody knows the area, or may take it
	NoPerson = "absent" // those who could are away until the embargo ends
	NoReview = "review" // nobody may review it
	NoTime   = "time"   // it is done, but not in time
	Blocked  = "blocked"
)

// An Unstaffed is a task that nobody can do, or not in time.
type Unstaffed struct {
	Name
	Task       string `json:"task"`
	Kind       string `json:"kind"`
	Why        string `json:"why"`
	Suggestion string `json:"suggestion"`
}

// An Item is a cell as the plan sees it.
type Item struct {
	Name
	Class    analyze.Class `json:"class"`
	Hours    float64       `json:"hours"`               // expected, that are left
	Ready    *time.Time    `json:"ready"`               // null where it cannot be staffed
	Deadline time.Time     `json:"deadline"`            // end of its embargo
	Slack    float64       `json:"slack"`               // working hours between Ready and Deadline, less than 0 where it is late
	Author   string        `json:"author,omitempty"`    // who does the author's work
	InTime   float64       `json:"in_time_probability"` // of the simulations
	Last     float64       `json:"last_probability"`    // how often, of the simulations that are late, this one is the last
	Area     string        `json:"area,omitempty"`
	Part     int           `json:"part,omitempty"` // of a batch that is taken in parts, from 1
}

// Load is what a person has to do until the embargo ends.
type Load struct {
	Person      string  `json:"person"`
	Hours       float64 `json:"hours"`     // given by the plan, all of them
	Available   float64 `json:"available"` // until the embargo ends
	Utilisation float64 `json:"utilisation"`
	Days        []Day   `json:"days,omitempty"`
	Away        string  `json:"away,omitempty"` // why there are no hours at all
}

// A Step is a job on the critical path, with what it waited for.
type Step struct {
	Name
	Job    string    `json:"job"`
	Person string    `json:"person"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	After  string    `json:"after,omitempty"`
}

// A Decision is the last day on which an item can still be begun, or has to be
// dropped, deferred or mitigated.
type Decision struct {
	Name
	By      string   `json:"by"` // YYYY-MM-DD
	Late    bool     `json:"late,omitempty"`
	Why     string   `json:"why"`
	Options []string `json:"options"`
}

// A Revised is a new version that a plan took in.
type Revised struct {
	Name
	At    time.Time `json:"at"`
	From  int       `json:"from,omitempty"`
	To    int       `json:"to,omitempty"`
	Kind  string    `json:"kind"`
	Redo  []string  `json:"redo"`
	Hours float64   `json:"hours"` // of work that is done again
}

// Limits keep a plan within seconds.
const (
	maxCells = 2000
	maxRuns  = 1_000_000
	maxAhead = 550 // days that calendars reach
)

// Make makes a plan. The error says what the request lacks.
func Make(req Request) (*Plan, error) {
	p, err := prepare(req)
	if err != nil {
		return nil, err
	}
	p.solve()
	if p.method == MethodLocal {
		p.best = p.robust(p.elite)
	}
	plan := p.report()
	p.risk(plan)
	return plan, nil
}

func (r *Request) check() error {
	switch {
	case r.Team == nil || len(r.Team.People) == 0:
		return errors.New("the profile names no team: expected team.people (see lpready vendors init)")
	case len(r.Cells) == 0:
		return errors.New("nothing to plan: the report holds no cells")
	case len(r.Cells) > maxCells:
		return fmt.Errorf("%d cells, expected at most %d", len(r.Cells), maxCells)
	case r.Runs < 0 || r.Runs > maxRuns:
		return fmt.Errorf("%d simulations, expected at most %d", r.Runs, maxRuns)
	case r.Parts < 0:
		return fmt.Errorf("%d items in a part, expected at least one", r.Parts)
	}
	if r.Embargo.IsZero() {
		r.Embargo = Embargo(r.Cells, r.Start)
	}
	switch {
	case r.Embargo.IsZero():
		return errors.New("no advisory says when its embargo ends after the plan begins: give the day")
	case !r.Embargo.After(r.Start):
		return fmt.Errorf("the embargo ends on %s, before the plan begins on %s", r.Embargo.Format(time.DateOnly), r.Start.Format(time.DateOnly))
	}
	for i := range r.Cells {
		if r.Cells[i].Hours == nil {
			return fmt.Errorf("%s has no hours: expected a report of triage, analyze or probe", Of(&r.Cells[i]))
		}
	}
	r.Runs = cmp.Or(r.Runs, DefaultRuns)
	return nil
}

// Embargo is when the first of the cells becomes public after a time; zero where
// none does.
func Embargo(cells []analyze.Cell, after time.Time) time.Time {
	var first time.Time
	for i := range cells {
		if p := cells[i].Public; p != nil && p.After(after) && (first.IsZero() || p.Before(first)) {
			first = *p
		}
	}
	return first
}
