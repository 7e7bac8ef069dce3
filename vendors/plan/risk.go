package plan

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"lpready/analyze/effort"
	"lpready/analyze/revision"
	"lpready/analyze/strict"
)

//go:embed risk.yaml
var riskYAML []byte

// Risk is what the simulation assumes; risk.yaml explains each number. The zero
// value assumes that nothing goes wrong but the hours.
type Risk struct {
	Revisions struct {
		Versions map[string]int `yaml:"versions"` // in which advisories went public: how many
		Days     float64        `yaml:"days"`
		Code     float64        `yaml:"code"` // share that asks for work
		Size     effort.Point   `yaml:"size"`
	} `yaml:"revisions"`
	Builds struct {
		Fail  map[string]float64 `yaml:"fail"`
		Again float64            `yaml:"again"`
	} `yaml:"builds"`
	Sickness struct {
		PerDay float64 `yaml:"per_day"`
		Days   float64 `yaml:"days"`
	} `yaml:"sickness"`
}

// DefaultRisk is the embedded assumptions.
func DefaultRisk() *Risk {
	r := new(Risk)
	if err := r.read("risk.yaml", riskYAML); err != nil {
		panic(err) // our own file; a test reads it
	}
	return r
}

// LoadRisk lays a file over the embedded assumptions. The error names every
// mistake as file:line:col.
func LoadRisk(name string, in io.Reader) (*Risk, error) {
	const most = 1 << 20 // more than strict takes, so that it reports the size
	data, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := DefaultRisk()
	return r, r.read(name, data)
}

func (r *Risk) read(name string, data []byte) error {
	doc := strict.Decode(name, data, r)
	share := func(path string, v float64) {
		if !(v >= 0 && v <= 1) {
			doc.Reject(path, "%v; expected a share from 0 to 1", v)
		}
	}
	for v, n := range r.Revisions.Versions {
		if k, err := strconv.Atoi(v); err != nil || k < 2 || k > 20 || n < 0 || n > 1e6 {
			doc.Reject("revisions.versions."+v, "%d; expected versions from 2 to 20, and how many", n)
		}
	}
	if !(r.Revisions.Days > 0 && r.Revisions.Days <= 365) {
		doc.Reject("revisions.days", "%v; expected days", r.Revisions.Days)
	}
	share("revisions.code", r.Revisions.Code)
	size := r.Revisions.Size
	share("revisions.size.optimistic", size.Optimistic)
	share("revisions.size.pessimistic", size.Pessimistic)
	if size.Optimistic > size.Likely || size.Likely > size.Pessimistic {
		doc.Reject("revisions.size", "expected optimistic, likely, pessimistic in rising order")
	}
	for class, v := range r.Builds.Fail {
		share("builds.fail."+class, v)
	}
	share("builds.again", r.Builds.Again)
	share("sickness.per_day", r.Sickness.PerDay)
	if !(r.Sickness.Days >= 0 && r.Sickness.Days <= 365) {
		doc.Reject("sickness.days", "%v; expected days", r.Sickness.Days)
	}
	return doc.Err()
}

// A chance is how likely new versions ask for work.
type chance struct {
	first, further    float64 // once in Days; again after that
	revised, compared int     // advisories that were revised under embargo, of how many
	worked            int     // of what revise compared: asked for work
	measured          int
}

// chance reads the versions: how many of all advisories were revised, and how
// many revisions came on top of a first one. What revise measured on this batch
// counts like the others, but is known to ask for work or not.
func (r *Risk) chance(measured []revision.Cell) chance {
	c := chance{}
	more := 0
	for v, n := range r.Revisions.Versions {
		k, err := strconv.Atoi(v)
		if err != nil {
			continue
		}
		c.compared += n
		if k > 2 {
			c.revised += n
			more += n * (k - 3)
		}
	}
	work := map[string]bool{}
	for i := range measured {
		label := Of(&measured[i].Cell).Label()
		work[label] = work[label] || len(measured[i].Revision.Redo) > 0
	}
	for _, asks := range work {
		c.measured++
		if asks {
			c.worked++
		}
	}
	if all := c.compared + c.measured; all > 0 {
		c.first = (r.Revisions.Code*float64(c.revised) + float64(c.worked)) / float64(all)
	}
	if more+c.revised > 0 {
		c.further = r.Revisions.Code * float64(more) / float64(more+c.revised)
	}
	return c
}

// sizes gives, for each item by its label, the share of the work that a revision
// asks for: measured where revise did, else the assumption.
func (r *Risk) sizes(measured []revision.Cell) func(label string) effort.Point {
	type sum struct{ redo, whole float64 }
	sums := map[string]sum{}
	for i := range measured {
		c := &measured[i]
		if c.Hours == nil || len(c.Revision.Redo) == 0 {
			continue
		}
		label := Of(&c.Cell).Label()
		s := sums[label]
		s.redo += c.Revision.Hours.Expected
		s.whole += c.Hours.Expected
		sums[label] = s
	}
	return func(label string) effort.Point {
		s, ok := sums[label]
		if !ok || s.whole <= 0 {
			return r.Revisions.Size
		}
		share := min(1, s.redo/s.whole)
		return effort.Point{Optimistic: share / 2, Likely: share, Pessimistic: min(1, 2*share)}
	}
}

// An Outcome is what the simulations say.
type Outcome struct {
	Runs int `json:"runs"`
	// Revised is how likely a revision costs work at all; WithoutRevisions how
	// likely all that can be staffed would be ready if none came.
	Revised          float64 `json:"revised_probability"`
	WithoutRevisions float64 `json:"without_revisions_probability"`
	Mean             float64 `json:"mean_hours"` // from the start of the plan to the end of all work, on the clock
	Deviation        float64 `json:"deviation_hours"`
	Curve            []Point `json:"curve"` // distribution of the finish, in steps of 2 %
	// Assumptions says in words what went in.
	Assumptions []string `json:"assumptions"`
}

// A Point of the distribution of the finish.
type Point struct {
	Share float64 `json:"share"` // of the simulations that are ready
	At    string  `json:"at"`    // by that time, RFC 3339
}

// assumptions says what went into the simulation.
func (p *problem) assumptions(c chance) []string {
	r := p.req.Risk
	list := []string{"Hours follow PERT distributions; the tasks of one item go well or badly together, items are independent."}
	if c.first > 0 {
		measured := ""
		if c.measured > 0 {
			measured = fmt.Sprintf(", and here %d of %d asked for work", c.worked, c.measured)
		}
		list = append(list, fmt.Sprintf("A new version asks for work on an item with %.0f %% in %g days of embargo: of %d public advisories %d were revised, %.0f %% of these in the code%s. It comes at any time, and asks for %.0f to %.0f %% of what was done on that item to be done again.",
			100*c.first, r.Revisions.Days, c.compared, c.revised, 100*r.Revisions.Code, measured, 100*r.Revisions.Size.Optimistic, 100*r.Revisions.Size.Pessimistic))
	}
	if len(r.Builds.Fail) > 0 {
		list = append(list, fmt.Sprintf("A build fails with %.0f %% (clean), %.0f %% (adapt), %.0f %% (hard), and costs the build and %.0f %% of the author's hours again.",
			100*r.Builds.Fail["clean"], 100*r.Builds.Fail["adapt"], 100*r.Builds.Fail["hard"], 100*r.Builds.Again))
	}
	if r.Sickness.PerDay > 0 {
		list = append(list, fmt.Sprintf("Everybody falls ill with %.1f %% a day, for %g days on average.", 100*r.Sickness.PerDay, r.Sickness.Days))
	}
	return append(list, "People keep to the plan's order and to who does what; what a revision asks for comes before what they have not begun. What nobody can do is left out.")
}

// risk simulates the schedule and fills in what the plan says of it.
func (p *problem) risk(plan *Plan) {
	c := p.req.Risk.chance(p.req.Revised)
	m := newModel(p, c)
	r := m.simulate(p.req.Seed, p.req.Runs)
	runs := float64(p.req.Runs)
	plan.Seed = p.req.Seed
	out := &Outcome{Runs: p.req.Runs, Revised: ratio(r.revised, runs), WithoutRevisions: ratio(r.without, runs), Assumptions: p.assumptions(c)}
	plan.StaffedProbability = ratio(r.ready, runs)
	plan.ReadyProbability = plan.StaffedProbability
	if p.best.blocked > 0 {
		plan.ReadyProbability = 0
	}
	plan.SwampedProbability = ratio(r.swamped, runs)
	late := runs - float64(r.ready)
	for cell := range plan.Items {
		it := &plan.Items[cell]
		if it.Ready == nil {
			continue
		}
		it.InTime = ratio(r.inTime[cell], runs)
		if late > 0 {
			it.Last = ratio(r.last[cell], late)
		}
	}
	slices.Sort(r.finish)
	at := func(share float64) float64 {
		return r.finish[min(len(r.finish)-1, int(share*float64(len(r.finish))))]
	}
	plan.Finish = Finish{p.clock(at(0.1)), p.clock(at(0.5)), p.clock(at(0.9))}
	for i := 0; i <= 50; i++ {
		share := float64(i) / 50
		out.Curve = append(out.Curve, Point{share, p.clock(at(share)).Format("2006-01-02T15:04:05Z07:00")})
	}
	out.Mean, out.Deviation = moments(r.finish)
	plan.Risk = out
}

func ratio(n int, of float64) float64 { return math.Round(float64(n)/of*1e4) / 1e4 }

// moments gives mean and standard deviation.
func moments(list []float64) (mean, deviation float64) {
	for _, v := range list {
		mean += v
	}
	mean /= float64(len(list))
	for _, v := range list {
		deviation += (v - mean) * (v - mean)
	}
	return math.Round(mean*1e4) / 1e4, math.Round(math.Sqrt(deviation/float64(len(list)))*1e4) / 1e4
}
