package effort

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lpready/analyze/factor"
)

func one(id string, s factor.Severity) factor.Finding {
	return factor.Finding{ID: id, Severity: s, File: "xen/common/domain.c", Line: 12, Symbol: "f"}
}

func tasksOf(h Hours) []string {
	var names []string
	for _, t := range h.Tasks {
		names = append(names, t.Task)
	}
	return names
}

func TestTasksOfEachClass(t *testing.T) {
	tests := []struct {
		name string
		work Work
		want []string
	}{
		{"not needed", Work{Class: factor.NotNeeded, Scope: []string{"hypervisor/arm"}}, []string{Read, Note}},
		{"not needed, tools", Work{Class: factor.NotNeeded, Scope: []string{"toolstack"}}, []string{Read, Note}},
		{"clean", Work{Class: factor.Clean, Port: "applies"}, []string{Read, Port, Build, Test, Review}},
		{"clean, tools besides", Work{Class: factor.Clean, Scope: []string{"hypervisor/x86", "toolstack"}}, []string{Read, Port, Build, Test, Review, Note}},
		{"adapt", Work{Class: factor.Adapt, Port: "offset", Findings: []factor.Finding{one("b", factor.Change), one("a", factor.Change), one("b", factor.Change)}},
			[]string{Read, Port, Adapt, Adapt, Build, Test, Review}},
		{"adapt, unnamed", Work{Class: factor.Adapt}, []string{Read, Port, Adapt, Build, Test, Review}},
		{"hard", Work{Class: factor.Hard, Findings: []factor.Finding{one("a", factor.Blocker)}}, []string{Read, Port, Adapt, Redesign, Build, Test, Review}},
		{"reboot", Work{Class: factor.Reboot, Findings: []factor.Finding{one("a", factor.Blocker)}}, []string{Read, Decide, Announce}},
		{"unknown", Work{Class: factor.Unknown}, []string{Read, FindOut}},
		{"no class", Work{}, []string{Read, FindOut}},
	}
	for _, tt := range tests {
		tt.work.FirstBase = true
		if got := tasksOf(Default().Estimate(tt.work)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// More work to do in class order, all else equal; a reboot costs no adaptation.
func TestClassesAreOrdered(t *testing.T) {
	var last float64
	for _, c := range []factor.Class{factor.NotNeeded, factor.Clean, factor.Adapt, factor.Hard} {
		h := Default().Estimate(Work{Class: c, Patches: 1, Lines: 30, Functions: 3, FirstBase: true, Port: "applies"})
		if h.Expected <= last {
			t.Errorf("%s: %v hours, not more than the class before (%v)", c, h.Expected, last)
		}
		last = h.Expected
	}
	unknown := Default().Estimate(Work{Class: factor.Unknown, FirstBase: true})
	if unknown.Pessimistic < 10*unknown.Likely/2 {
		t.Errorf("unknown is not wide: %+v", unknown)
	}
}

func TestWhyNamesWhatDroveIt(t *testing.T) {
	m := Default()
	w := Work{Class: factor.Adapt, Patches: 2, Lines: 150, Functions: 11, Port: "conflicts", FirstBase: true, Scope: []string{"toolstack"}}
	for i := range 5 {
		w.Findings = append(w.Findings, factor.Finding{ID: "x", Severity: factor.Change, File: "a.c", Line: i + 1, Remedy: "do it"})
	}
	w.Findings = append(w.Findings, one("look", factor.Review), one("look", factor.Review), one("fyi", factor.Info))
	var text strings.Builder
	for _, task := range m.Estimate(w).Tasks {
		fmt.Fprintf(&text, "%s: %s\n", task.Task, task.Why)
	}
	want := `read: the advisory and 2 patches with 150 changed lines
port: the recipe conflicts with this base; 150 changed lines
adapt: x (5 times): a.c:1, a.c:2, a.c:3, 2 more; remedy: do it
build: one payload for this base
test: load, apply, provoke, revert; 11 changed functions
review: a second person over 150 changed lines; to look at: look (2 times)
note: the toolstack part goes out as a package; say which daemons to restart
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &text, want)
	}
	w.FirstBase = false
	if why := m.Estimate(w).Tasks[0].Why; why != "the advisory and 2 patches with 150 changed lines; further base: 10 % of the first" {
		t.Errorf("further base: %s", why)
	}
}

var ports = []string{"applies", "offset", "conflicts", "missing", "applied", ""}

func randomWork(r *rand.Rand, m *Model) Work {
	ids := append(slices.Sorted(maps.Keys(m.Adapt.Findings)), "not-listed", "other")
	severities := []factor.Severity{factor.Blocker, factor.Change, factor.Review, factor.Info}
	w := Work{
		Class: factor.Classes[r.IntN(len(factor.Classes))], Patches: r.IntN(6), Lines: r.IntN(900),
		Functions: r.IntN(200), FirstBase: r.IntN(2) == 0, Port: ports[r.IntN(len(ports))],
	}
	if r.IntN(3) == 0 {
		w.Scope = []string{"toolstack"}
	}
	for range r.IntN(8) {
		w.Findings = append(w.Findings, one(ids[r.IntN(len(ids))], severities[r.IntN(len(severities))]))
	}
	return w
}

// within tells whether a is nowhere more than b.
func within(a, b Hours) bool {
	return a.Optimistic <= b.Optimistic && a.Likely <= b.Likely && a.Pessimistic <= b.Pessimistic && a.Expected <= b.Expected
}

func TestMonotone(t *testing.T) {
	m := Default()
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		w := randomWork(r, m)
		base := m.Estimate(w)
		more := map[string]Work{}
		for name, change := range map[string]func(*Work, Work){
			"finding":   func(w *Work, other Work) { w.Findings = append(slices.Clone(w.Findings), other.Findings...) },
			"lines":     func(w *Work, other Work) { w.Lines += other.Lines },
			"patches":   func(w *Work, other Work) { w.Patches += other.Patches },
			"functions": func(w *Work, other Work) { w.Functions += other.Functions },
			"scope":     func(w *Work, other Work) { w.Scope = append(slices.Clone(w.Scope), other.Scope...) },
			"first":     func(w *Work, _ Work) { w.FirstBase = true },
		} {
			grown := w
			change(&grown, randomWork(r, m))
			more[name] = grown
		}
		for name, grown := range more {
			if got := m.Estimate(grown); !within(base, got) {
				t.Fatalf("more %s, fewer hours:\n%+v\n%+v\nthen\n%+v\n%+v", name, w, base, grown, got)
			}
		}
	}
}

func TestEstimateIsConsistent(t *testing.T) {
	m := Default()
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		w := randomWork(r, m)
		h := m.Estimate(w)
		var sum Hours
		for _, task := range h.Tasks {
			if !(task.Optimistic <= task.Expected && task.Expected <= task.Pessimistic && task.Optimistic <= task.Likely && task.Likely <= task.Pessimistic) {
				t.Fatalf("out of order: %+v", task)
			}
			if task.Why == "" || task.Task == "" {
				t.Fatalf("not explained: %+v", task)
			}
			sum.Optimistic += task.Optimistic
			sum.Likely += task.Likely
			sum.Pessimistic += task.Pessimistic
			sum.Expected += task.Expected
		}
		for _, d := range []float64{sum.Optimistic - h.Optimistic, sum.Likely - h.Likely, sum.Pessimistic - h.Pessimistic, sum.Expected - h.Expected} {
			if math.Abs(d) > 1e-6 {
				t.Fatalf("the lines do not add up: %+v", h)
			}
		}
		text, _ := json.Marshal(h)
		if strings.Contains(string(text), "0000") || strings.Contains(string(text), "9999") {
			t.Fatalf("not rounded: %s", text)
		}
		if again := m.Estimate(w); !reflect.DeepEqual(h, again) {
			t.Fatal("not the same twice")
		}
	}
}

func TestSum(t *testing.T) {
	a := Hours{Optimistic: 1, Likely: 2, Pessimistic: 9, Expected: 3, Tasks: []Task{{Task: Test, Optimistic: 1, Likely: 2, Pessimistic: 9, Expected: 3}}}
	if got := Sum([]Hours{a}); got.Optimistic != 1 || got.Likely != 2 || got.Pessimistic != 9 || got.Expected != 3 {
		t.Errorf("one is not itself: %+v", got)
	}
	list := make([]Hours, 100)
	for i := range list {
		list[i] = a
	}
	got := Sum(list)
	want := Hours{Optimistic: 280, Likely: 290, Pessimistic: 360, Expected: 300,
		Tasks: []Task{{Task: Test, Optimistic: 280, Likely: 290, Pessimistic: 360, Expected: 300, Why: "in 100 of 100 estimates"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := Sum(nil); !reflect.DeepEqual(got, Hours{}) {
		t.Errorf("nothing: %+v", got)
	}
	both := Add(a, Hours{Optimistic: 1, Likely: 1, Pessimistic: 1, Expected: 1, Tasks: []Task{{Task: Read, Expected: 1, Optimistic: 1, Pessimistic: 1, Likely: 1}}})
	if both.Expected != 4 || both.Optimistic != 2 || both.Pessimistic != 10 || !slices.Equal(tasksOf(both), []string{Read, Test}) {
		t.Errorf("Add: %+v", both)
	}
}

func TestSumProperties(t *testing.T) {
	m := Default()
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		var list []Hours
		var plain Hours
		for range 1 + r.IntN(40) {
			h := m.Estimate(randomWork(r, m))
			list = append(list, h)
			plain.Optimistic += h.Optimistic
			plain.Pessimistic += h.Pessimistic
			plain.Expected += h.Expected
		}
		got := Sum(list)
		if math.Abs(got.Expected-plain.Expected) > 0.051 || got.Optimistic < plain.Optimistic-0.051 || got.Pessimistic > plain.Pessimistic+0.051 {
			t.Fatalf("%+v against plain %+v", got, plain)
		}
		if !(got.Optimistic <= got.Likely && got.Likely <= got.Pessimistic) {
			t.Fatalf("out of order: %+v", got)
		}
		slices.Reverse(list)
		if back := Sum(list); math.Abs(back.Expected-got.Expected) > 0.11 || len(back.Tasks) != len(got.Tasks) {
			t.Fatalf("depends on the order: %+v %+v", got, back)
		}
	}
}

func BenchmarkEstimate(b *testing.B) {
	m := Default()
	w := Work{Class: factor.Adapt, Patches: 2, Lines: 100, Functions: 12, Port: "offset"}
	for range 20 {
		w.Findings = append(w.Findings, one("x", factor.Change), one("y", factor.Review))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Estimate(w)
	}
}

func ExampleModel_Estimate() {
	h := Default().Estimate(Work{
		Class: factor.Clean, Patches: 1, Lines: 9, Functions: 1, Port: "applies", FirstBase: true,
	})
	for _, t := range h.Tasks {
		fmt.Printf("%-7s %.1f  %s\n", t.Task, t.Expected, t.Why)
	}
	fmt.Printf("%-7s %.1f  (%.1f to %.1f)\n", "total", h.Expected, h.Optimistic, h.Pessimistic)
	// Output:
	// read    0.8  the advisory and 1 patch with 9 changed lines
	// port    0.1  the recipe applies as it is
	// build   0.5  one payload for this base
	// test    2.4  load, apply, provoke, revert; 1 changed function
	// review  0.6  a second person over 9 changed lines
	// total   4.4  (1.9 to 9.5)
}
