package effort

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"lpready/analyze/factor"
)

func record(xsa int, task string, expected, hours float64) Record {
	return Record{XSA: xsa, Base: "one", Task: task, Expected: expected, Likely: expected, Hours: hours}
}

// TestCalibrateFew wants few records to change little, and many to be followed.
func TestCalibrateFew(t *testing.T) {
	factorOf := func(n int) float64 {
		var list []Record
		for i := range n {
			list = append(list, record(i+1, Adapt, 4, 8))
		}
		return Calibrate(list).Tasks[0].Factor
	}
	one, ten, many := factorOf(1), factorOf(10), factorOf(1000)
	t.Logf("all tasks take twice as long: factor %.3f after 1 record, %.3f after 10, %.3f after 1,000", one, ten, many)
	if !(one > 1 && one < 1.2 && ten > one && ten < 1.9 && math.Abs(many-2) < 0.01) {
		t.Errorf("%g, %g, %g", one, ten, many)
	}
	if f := Calibrate(nil).All; f.Factor != 1 || f.Records != 0 {
		t.Errorf("without records %+v", f)
	}
}

// TestCalibrateError makes records of a team that differs from the model by task,
// with noise, and wants the refitted model to err less on what it has not seen.
func TestCalibrateError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	tasks := []string{Adapt, Test, Review}
	real := map[string]float64{Adapt: 1.8, Test: 0.7, Review: 1.1}
	var list []Record
	for i := range 60 {
		for _, task := range tasks {
			e := 1 + 9*r.Float64()
			list = append(list, record(i+1, task, e, e*real[task]*math.Exp(0.2*r.NormFloat64())))
		}
	}
	c := Calibrate(list)
	for _, f := range c.Tasks {
		t.Logf("%s: %d records, ratio %.2f, factor %.2f, error %.1f %% before, %.1f %% after", f.Task, f.Records, f.Ratio, f.Factor, f.Before, f.After)
		if math.Abs(f.Factor/real[f.Task]-1) > 0.15 {
			t.Errorf("%s: factor %g, in truth %g", f.Task, f.Factor, real[f.Task])
		}
	}
	t.Logf("all: error %.1f %% before, %.1f %% after", c.All.Before, c.All.After)
	if c.All.After >= c.All.Before {
		t.Errorf("error %g before, %g after", c.All.Before, c.All.After)
	}
}

// TestOverlay wants the file to give, laid over the model, the hours times the
// factors.
func TestOverlay(t *testing.T) {
	var list []Record
	for i := range 500 {
		list = append(list, record(i+1, Adapt, 4, 8), record(i+1, Build, 1, 1), record(i+1, Read, 1, 0.5))
	}
	m := Default()
	var b bytes.Buffer
	if err := m.Overlay(&b, Calibrate(list)); err != nil {
		t.Fatal(err)
	}
	fitted, err := Load("fitted.yaml", &b)
	if err != nil {
		t.Fatal(err)
	}
	w := Work{Class: factor.Adapt, Findings: []factor.Finding{{ID: "struct-layout", Severity: factor.Blocker}}, Lines: 30, Patches: 1, FirstBase: true}
	before, after := map[string]float64{}, map[string]float64{}
	for _, k := range m.Estimate(w).Tasks {
		before[k.Task] = k.Expected
	}
	for _, k := range fitted.Estimate(w).Tasks {
		after[k.Task] = k.Expected
	}
	for task, want := range map[string]float64{Adapt: 2, Build: 1, Read: 0.5} {
		if got := after[task] / before[task]; math.Abs(got-want) > 0.2 {
			t.Errorf("%s: %g times the hours, expected about %g", task, got, want)
		}
	}
}

func TestReadRecords(t *testing.T) {
	a, b := record(1, Adapt, 4, 8), record(2, Build, 1, 1)
	corrected := record(1, Adapt, 4, 6)
	var text bytes.Buffer
	for _, r := range []Record{a, b, corrected} {
		line, err := r.Line()
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line)
	}
	list, err := ReadRecords("r.jsonl", &text)
	if err != nil || len(list) != 2 || list[0].Hours != 6 {
		t.Errorf("%v %+v", err, list)
	}
	for line, want := range map[string]string{
		`{"xsa": 1}`: `r.jsonl:1: task "", expected one of read`, "\n{": "r.jsonl:2: expected a record",
		`{"xsa": 1, "task": "build", "hours": -1, "expected": 1}`:                          "r.jsonl:1: hours -1",
		`{"xsa": 1, "task": "build", "hours": 1, "expected": 0}`:                           "r.jsonl:1: expected hours 0",
		`{"task": "build", "hours": 1, "expected": 1}`:                                     "r.jsonl:1: no xsa and no item",
		`{"xsa": 1, "task": "build", "hours": 1, "expected": 1, "mood": 3}`:                `unknown field "mood"`,
		fmt.Sprintf(`{"xsa": 1, "task": "build", "base": %q}`, strings.Repeat("x", 1<<17)): "token too long",
	} {
		if _, err := ReadRecords("r.jsonl", strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, expected %q", line, err, want)
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add(`{"xsa": 1, "task": "build", "hours": 1, "expected": 1}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if list, err := ReadRecords("r.jsonl", strings.NewReader(text)); err == nil {
			Calibrate(list)
		}
	})
}
