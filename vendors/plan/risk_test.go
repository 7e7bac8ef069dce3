package plan

import (
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"lpready/analyze"
	"lpready/analyze/effort"
	"lpready/analyze/factor"
	"lpready/analyze/revision"
	"lpready/vendors"
)

// always is a person who works day and night, so that hours are hours.
func always(name string) vendors.Person {
	return vendors.Person{Name: name, Seniority: vendors.Senior, Hours: 24, Start: "00:00", Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}}
}

// oneTask is a cell with nothing but something to read.
func oneTask(xsa int, p effort.Point) analyze.Cell {
	mean := (p.Optimistic + 4*p.Likely + p.Pessimistic) / 6
	task := effort.Task{Task: effort.Read, Optimistic: p.Optimistic, Likely: p.Likely, Pessimistic: p.Pessimistic, Expected: mean}
	return analyze.Cell{XSA: xsa, Base: "one", Class: factor.Clean, Hours: &effort.Hours{Expected: mean, Tasks: []effort.Task{task}}}
}

// sumDensity convolves PERT densities on a grid of step hours.
func sumDensity(points []effort.Point, step float64) (from float64, mass []float64) {
	mass = []float64{1}
	for _, p := range points {
		n := int(math.Round((p.Pessimistic - p.Optimistic) / step))
		mode := (p.Likely - p.Optimistic) / (p.Pessimistic - p.Optimistic)
		one, total := make([]float64, n), 0.0
		for i := range one {
			x := (float64(i) + 0.5) / float64(n)
			one[i] = math.Pow(x, 4*mode) * math.Pow(1-x, 4-4*mode)
			total += one[i]
		}
		sum := make([]float64, len(mass)+n)
		for i, a := range mass {
			for k, b := range one {
				sum[i+k] += a * b / total
			}
		}
		from += p.Optimistic + step/2
		mass = sum
	}
	return from, mass
}

// TestClosedForm compares the simulation with sums of independent tasks, whose
// distribution is known.
func TestClosedForm(t *testing.T) {
	points := []effort.Point{
		{Optimistic: 1, Likely: 2, Pessimistic: 6}, {Optimistic: 0.5, Likely: 4, Pessimistic: 5}, {Optimistic: 2, Likely: 3, Pessimistic: 4},
		{Optimistic: 1, Likely: 1, Pessimistic: 9}, {Optimistic: 3, Likely: 8, Pessimistic: 8}, {Optimistic: 2, Likely: 8, Pessimistic: 20},
		{Optimistic: 0.2, Likely: 0.4, Pessimistic: 1.5}, {Optimistic: 4, Likely: 8, Pessimistic: 30},
	}
	var mean, variance float64
	var cells []analyze.Cell
	for i, p := range points {
		m := (p.Optimistic + 4*p.Likely + p.Pessimistic) / 6
		mean += m
		variance += (m - p.Optimistic) * (p.Pessimistic - m) / 7
		cells = append(cells, oneTask(i+1, p))
	}
	deadline := mean + math.Sqrt(variance)/2
	req := Request{Cells: cells, Team: &vendors.Team{People: []vendors.Person{always("A")}}, Start: monday,
		Embargo: monday.Add(time.Duration(deadline * float64(time.Hour))), Risk: &Risk{}, Runs: 10_000, Seed: 7}
	plan, err := Make(req)
	if err != nil {
		t.Fatal(err)
	}
	const step = 0.02
	from, mass := sumDensity(points, step)
	quantile := func(share float64) float64 {
		sum := 0.0
		for i, m := range mass {
			if sum += m; sum >= share {
				return from + float64(i)*step
			}
		}
		return math.NaN()
	}
	below := 0.0
	for i, m := range mass {
		if from+float64(i)*step <= deadline {
			below += m
		}
	}
	hours := func(at time.Time) float64 { return at.Sub(monday).Hours() }
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"mean", plan.Risk.Mean, mean},
		{"P10", hours(plan.Finish.P10), quantile(0.1)},
		{"P50", hours(plan.Finish.P50), quantile(0.5)},
		{"P90", hours(plan.Finish.P90), quantile(0.9)},
		{"ready", plan.ReadyProbability, below},
	} {
		off := math.Abs(c.got/c.want - 1)
		t.Logf("%s: %.3f, closed form %.3f, %.2f %% off", c.what, c.got, c.want, 100*off)
		if off > 0.01 {
			t.Errorf("%s is %.2f %% off, expected within 1 %%", c.what, 100*off)
		}
	}
	t.Logf("standard deviation: %.3f, closed form %.3f", plan.Risk.Deviation, math.Sqrt(variance))
	if math.Abs(plan.Risk.Deviation/math.Sqrt(variance)-1) > 0.02 {
		t.Error("the standard deviation is more than 2 % off")
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	bytes := func(seed uint64) string {
		req := large(5, 3, 4)
		req.Runs, req.Seed = 3000, seed
		plan, err := Make(req)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	one := bytes(1)
	if one != bytes(1) {
		t.Error("the same seed gives other bytes")
	}
	before := runtime.GOMAXPROCS(1)
	alone := bytes(1)
	runtime.GOMAXPROCS(before)
	if one != alone {
		t.Error("another number of processors gives other bytes")
	}
	if one == bytes(2) {
		t.Error("another seed gives the same bytes")
	}
}

// TestWhatGoesWrong wants each kind of trouble to make a plan worse.
func TestWhatGoesWrong(t *testing.T) {
	ready := func(change func(*Risk)) *Plan {
		req := large(6, 3, 4)
		req.Embargo = monday.AddDate(0, 0, 11)
		req.Runs, req.Risk = 4000, &Risk{}
		change(req.Risk)
		plan, err := Make(req)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	calm := ready(func(*Risk) {})
	if calm.SwampedProbability != 0 || calm.Risk.Revised != 0 || calm.Risk.WithoutRevisions != calm.StaffedProbability {
		t.Errorf("nothing can go wrong, but %+v", calm.Risk)
	}
	all := DefaultRisk()
	for name, change := range map[string]func(*Risk){
		"revisions": func(r *Risk) { r.Revisions = all.Revisions },
		"builds":    func(r *Risk) { r.Builds = all.Builds },
		"sickness":  func(r *Risk) { r.Sickness = all.Sickness },
	} {
		worse := ready(change)
		t.Logf("%s: mean %.1f h for %.1f h, ready %.3f for %.3f, swamped %.3f", name, worse.Risk.Mean, calm.Risk.Mean, worse.StaffedProbability, calm.StaffedProbability, worse.SwampedProbability)
		if worse.Risk.Mean <= calm.Risk.Mean || worse.StaffedProbability > calm.StaffedProbability {
			t.Errorf("%s: mean %g h for %g h, ready %g for %g", name, worse.Risk.Mean, calm.Risk.Mean, worse.StaffedProbability, calm.StaffedProbability)
		}
	}
}

func TestChance(t *testing.T) {
	r := DefaultRisk()
	c := r.chance(nil)
	if c.revised != 2 || c.compared != 11 || c.first != 1.0/11 || c.further != 1.0/6 {
		t.Errorf("prior %+v", c)
	}
	measured := []revision.Cell{
		{Cell: oneTask(1, effort.Point{Optimistic: 10, Likely: 10, Pessimistic: 10}), Revision: revision.Revision{Redo: []string{revision.Rebuild}, Hours: effort.Hours{Expected: 4}}},
		{Cell: oneTask(2, effort.Point{Optimistic: 10, Likely: 10, Pessimistic: 10})},
	}
	c = r.chance(measured)
	if c.worked != 1 || c.measured != 2 || c.first != 2.0/13 {
		t.Errorf("with two measured %+v", c)
	}
	sizes := r.sizes(measured)
	if got := sizes("XSA-1"); got != (effort.Point{Optimistic: 0.2, Likely: 0.4, Pessimistic: 0.8}) {
		t.Errorf("measured size %+v", got)
	}
	if got := sizes("XSA-2"); got != r.Revisions.Size {
		t.Errorf("size that was not measured %+v", got)
	}
}

func TestLoadRisk(t *testing.T) {
	r, err := LoadRisk("own.yaml", strings.NewReader("sickness: {per_day: 0}\n"))
	if err != nil || r.Sickness.PerDay != 0 || r.Builds.Again != DefaultRisk().Builds.Again {
		t.Errorf("%v %+v", err, r)
	}
	_, err = LoadRisk("own.yaml", strings.NewReader("sickness: {per_day: 2}\nrevisions:\n  versions: {\"1\": 3}\n  size: {likely: 2}\nbuild: {}\n"))
	for _, want := range []string{"own.yaml:1:12: sickness.per_day: 2", "own.yaml:3:14: revisions.versions.1", "own.yaml:4:3: revisions.size", "own.yaml:5:1: build: unknown key"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// TestQuantiles wants the tables to have the means of their distributions.
func TestQuantiles(t *testing.T) {
	s := shapes{}
	for _, mode := range []float64{0, 0.1, 0.5, 0.77, 1} {
		q, sum := s.of(mode), 0.0
		const n = 100_000
		for i := range n {
			sum += q.at((float64(i) + 0.5) / n)
		}
		if want := (1 + 4*mode) / 6; math.Abs(sum/n-want) > 1e-3 {
			t.Errorf("mode %g: mean %.5f, expected %.5f", mode, sum/n, want)
		}
		if !slices.IsSorted(q[:]) {
			t.Errorf("mode %g: not rising", mode)
		}
	}
}
