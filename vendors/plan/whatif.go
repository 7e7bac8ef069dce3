package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lpready/analyze"
	"lpready/analyze/revision"
	"lpready/vendors"
)

// A Change is one answer to "what if".
type Change struct {
	Without  string          // without this person
	Add      *vendors.Person // with one more
	Embargo  time.Time       // with another end of the embargo
	Drop     string          // without this item, by its label
	Split    int             // at most so many items at once, the next a fortnight later
	Overtime float64         // hours more on each working day until the embargo ends
}

// String names the change.
func (c Change) String() string {
	switch {
	case c.Without != "":
		return "without " + c.Without
	case c.Add != nil:
		return "with " + c.Add.Name
	case !c.Embargo.IsZero():
		return "embargo ends " + c.Embargo.Format(time.DateOnly)
	case c.Drop != "":
		return "without " + c.Drop
	case c.Split > 0:
		return fmt.Sprintf("at most %d items at once", c.Split)
	case c.Overtime > 0:
		return fmt.Sprintf("%g h of overtime a day", c.Overtime)
	}
	return "as it is"
}

// With gives the request under a change. The error says what the change names in
// vain.
func (r Request) With(c Change) (Request, error) {
	switch {
	case c.Without != "":
		team := *r.Team
		team.People = slices.DeleteFunc(slices.Clone(team.People), func(p vendors.Person) bool { return strings.EqualFold(p.Name, c.Without) })
		if len(team.People) == len(r.Team.People) {
			return r, fmt.Errorf("nobody in the team is called %s", c.Without)
		}
		r.Team = &team
	case c.Add != nil:
		if _, twice := r.Team.Person(c.Add.Name); twice {
			return r, fmt.Errorf("%s is in the team already", c.Add.Name)
		}
		team := *r.Team
		team.People = append(slices.Clone(team.People), *c.Add)
		r.Team = &team
	case !c.Embargo.IsZero():
		r.Embargo, r.Fixed = c.Embargo, true
	case c.Drop != "":
		was := len(r.Cells) + len(r.Revised)
		r.Cells = slices.DeleteFunc(slices.Clone(r.Cells), func(cell analyze.Cell) bool { return Of(&cell).Label() == c.Drop })
		r.Revised = slices.DeleteFunc(slices.Clone(r.Revised), func(cell revision.Cell) bool { return Of(&cell.Cell).Label() == c.Drop })
		if len(r.Cells)+len(r.Revised) == was {
			return r, fmt.Errorf("%s is not in this batch", c.Drop)
		}
	case c.Split > 0:
		r.Parts = c.Split
	case c.Overtime > 0:
		r.Overtime = c.Overtime
	}
	return r, nil
}

// A Scenario is a plan under a change, in a few numbers.
type Scenario struct {
	Name               string    `json:"name"`
	Embargo            time.Time `json:"embargo"`
	ReadyProbability   float64   `json:"ready_probability"`
	StaffedProbability float64   `json:"staffed_probability"`
	SwampedProbability float64   `json:"swamped_probability"`
	Finish             Finish    `json:"finish"`
	Unstaffed          int       `json:"unstaffed"` // cells that nobody can do
	Late               int       `json:"late"`
	Hours              float64   `json:"hours"`
	Available          float64   `json:"available"`
}

// Brief is a plan in a few numbers.
func (p *Plan) Brief(name string) Scenario {
	s := Scenario{Name: name, Embargo: p.Embargo, ReadyProbability: p.ReadyProbability, StaffedProbability: p.StaffedProbability,
		SwampedProbability: p.SwampedProbability, Finish: p.Finish}
	for _, u := range p.Unstaffed {
		if u.Kind == NoTime {
			s.Late++
		} else {
			s.Unstaffed++
		}
	}
	for _, l := range p.Load {
		s.Hours += l.Hours
		s.Available += l.Available
	}
	s.Hours, s.Available = tenth(s.Hours), tenth(s.Available)
	return s
}

// Compare makes the plan as it is and under changes: each alone and, where there
// are several, all together. The plan that comes back is the last of these, with
// all as scenarios.
func Compare(req Request, changes []Change) (*Plan, error) {
	plan, err := Make(req)
	if err != nil || len(changes) == 0 {
		return plan, err
	}
	list := []Scenario{plan.Brief("as it is")}
	together := req
	for _, c := range changes {
		alone, err := req.With(c)
		if err != nil {
			return nil, err
		}
		if together, err = together.With(c); err != nil {
			return nil, err
		}
		if plan, err = Make(alone); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		list = append(list, plan.Brief(c.String()))
	}
	if len(changes) > 1 {
		if plan, err = Make(together); err != nil {
			return nil, err
		}
		list = append(list, plan.Brief("all together"))
	}
	plan.Scenarios = list
	return plan, nil
}
