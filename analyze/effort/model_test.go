package effort

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"lpready/analyze/factor"
	"lpready/analyze/strict"
)

// Every number of the default is written down, none is left to Go's zero value.
func TestDefaultIsComplete(t *testing.T) {
	m := new(Model)
	doc := strict.Decode("effort.yaml", embedded, m)
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	for path := range m.points() {
		for _, number := range []string{".optimistic", ".likely", ".pessimistic"} {
			if !doc.Has(path + number) {
				t.Errorf("%s%s is not in effort.yaml", path, number)
			}
		}
	}
	for _, task := range order {
		if !doc.Has("further." + task) {
			t.Errorf("further.%s is not in effort.yaml", task)
		}
	}
	for path := range m.shares() {
		if !doc.Has(path) {
			t.Errorf("%s is not in effort.yaml", path)
		}
	}
	for i, line := range strings.Split(string(embedded), "\n") {
		number := strings.Contains(line, "optimistic:") || strings.Contains(line, "repeat:") || strings.HasPrefix(line, "  ") && !strings.Contains(line, "{")
		if number && !strings.Contains(line, "#") {
			t.Errorf("effort.yaml:%d: a number without a comment: %s", i+1, line)
		}
	}
}

// Every rule that asks for work has hours of its own.
func TestEveryRuleHasHours(t *testing.T) {
	m := Default()
	for _, rule := range factor.Rules() {
		hours := map[factor.Severity]map[string]Point{
			factor.Blocker: m.Adapt.Findings, factor.Change: m.Adapt.Findings, factor.Review: m.Review.Findings,
		}[rule.Severity]
		if _, ok := hours[rule.ID]; !ok && rule.Severity != factor.Info {
			t.Errorf("%s (%s) has no hours of its own in effort.yaml", rule.ID, rule.Severity)
		}
	}
}

func TestLoadOverrides(t *testing.T) {
	m, err := Load("mine.yaml", strings.NewReader("build: {likely: 1}\nfurther:\n  port: 0.25\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Build.Likely, want.Further[Port] = 1, 0.25
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v\nwant %+v", m, want)
	}
	if again := Default(); reflect.DeepEqual(again, m) {
		t.Error("the default was changed")
	}
}

func TestLoadProblems(t *testing.T) {
	tests := []struct{ text, want string }{
		{"bild: {likely: 1}\n", `mine.yaml:1:1: bild: unknown key; did you mean "build"?`},
		{"build: {likly: 1}\n", `mine.yaml:1:9: build.likly: unknown key; did you mean "likely"?`},
		{"build: {likely: -1}\n", "mine.yaml:1:1: build: -1; expected hours from 0 to 10000"},
		{"build: {likely: 9}\n", "mine.yaml:1:1: build: optimistic 0.2, likely 9, pessimistic 1.5; expected them in rising order"},
		{"build: 3\n", "mine.yaml:1:8: build: found the number 3, expected a mapping (key: value)"},
		{"further: {port: 2}\n", "mine.yaml:1:11: further.port: 2; expected a share from 0 to 1"},
		{"further: {prot: 1}\n", "mine.yaml:1:11: further.prot: not known; known here: adapt, announce, build, decide, find out, note, port, read, redesign, review, test"},
		{"test: {max_functions: -3}\n", "mine.yaml:1:8: test.max_functions: -3; expected a number of functions"},
		{"adapt: {repeat: lots}\n", "mine.yaml:1:17: adapt.repeat: found text, expected a number"},
	}
	for _, tt := range tests {
		m, err := Load("mine.yaml", strings.NewReader(tt.text))
		var problems strict.Problems
		if m != nil || !errors.As(err, &problems) {
			t.Errorf("%q: %v, %v", tt.text, m, err)
			continue
		}
		if err.Error() != tt.want {
			t.Errorf("%q: got\n%s\nwant\n%s", tt.text, err, tt.want)
		}
	}
	if _, err := Load("mine.yaml", strings.NewReader("adapt: {findings: {struct-lay: {likely: 1}}}\n")); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("unknown finding: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("build: {likely: 1}\n"))
	f.Add([]byte("adapt:\n  repeat: 0.1\n  findings: {struct-layout: {pessimistic: 100}}\n"))
	f.Add([]byte("further: {port: 2}\n"))
	f.Add(bytes.Clone(embedded))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Load("f.yaml", bytes.NewReader(data))
		if (m == nil) != (err != nil) {
			t.Fatalf("model %v with error %v", m, err)
		}
		if m == nil {
			return
		}
		w := Work{Class: factor.Hard, Patches: 1, Lines: 50, Functions: 5}
		less := m.Estimate(w)
		w.Findings = []factor.Finding{one("struct-layout", factor.Blocker)}
		if more := m.Estimate(w); !within(less, more) {
			t.Fatalf("a finding takes hours away: %+v, %+v", less, more)
		}
	})
}

func ExampleLoad() {
	_, err := Load("effort.yaml", strings.NewReader("build:\n  likely: 1\n  unlikely: 2\nread: 3\n"))
	fmt.Println(err)
	// Output:
	// effort.yaml:3:3: build.unlikely: unknown key; did you mean "likely"?
	// effort.yaml:4:7: read: found the number 3, expected a mapping (key: value)
}
