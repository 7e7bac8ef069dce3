package strict

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type day struct{ time.Time }

func (d *day) UnmarshalText(b []byte) (err error) {
	if d.Time, err = time.Parse(time.DateOnly, string(b)); err != nil {
		return fmt.Errorf("%q is not a date; expected YYYY-MM-DD", b)
	}
	return nil
}

type point struct {
	Low  float64 `yaml:"low"`
	High float64 `yaml:"high"`
}

type sample struct {
	Name    string           `yaml:"name"`
	Version string           `yaml:"version"`
	Count   int              `yaml:"count"`
	On      *bool            `yaml:"on"`
	End     day              `yaml:"end"`
	Points  map[string]point `yaml:"points"`
	Items   []sample         `yaml:"items"`
	Words   []string         `yaml:"words"`
	Hidden  string           `yaml:"-"`
}

func TestDecode(t *testing.T) {
	const text = `# a comment
name: one   # and another
version: 4.20
count: 3
on: false
end: 2026-06-21
points:
  a: {low: 1, high: 2.5}
items:
  - name: two
    words: [x, "y z", 0123]
  - version: '5'
`
	no := false
	want := sample{
		Name: "one", Version: "4.20", Count: 3, On: &no,
		End:    day{time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC)},
		Points: map[string]point{"a": {1, 2.5}},
		Items:  []sample{{Name: "two", Words: []string{"x", "y z", "0123"}}, {Version: "5"}},
	}
	var got sample
	if err := Decode("f.yaml", []byte(text), &got).Err(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestDecodeOverDefaults(t *testing.T) {
	got := sample{Name: "kept", Points: map[string]point{"a": {1, 2}, "b": {3, 4}}}
	doc := Decode("f.yaml", []byte("points:\n  a: {high: 9}\n  c: {low: 5}\n"), &got)
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	want := sample{Name: "kept", Points: map[string]point{"a": {1, 9}, "b": {3, 4}, "c": {5, 0}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !doc.Has("points.a.high") || doc.Has("points.a.low") || doc.Has("name") {
		t.Error("Has does not tell what the file gives")
	}
}

func TestProblems(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "nane: x\n", `f.yaml:1:1: nane: unknown key; did you mean "name"?`},
		{"unknown key, no guess", "name: x\nzzzzzzz: x\n", "f.yaml:2:1: zzzzzzz: unknown key; known here: count, end, items, name, on, points, version, words"},
		{"unknown, nested", "points:\n  a:\n    low: 1\n    mid: 2\n", "f.yaml:4:5: points.a.mid: unknown key; known here: high, low"},
		{"hidden field", "Hidden: x\n", "f.yaml:1:1: Hidden: unknown key; known here: count, end, items, name, on, points, version, words"},
		{"twice", "name: x\nname: y\n", "f.yaml:2:1: name: given twice; the first is on line 1"},
		{"text for number", "count: many\n", "f.yaml:1:8: count: found text, expected a whole number"},
		{"fraction for whole", "count: 1.5\n", "f.yaml:1:8: count: found the number 1.5, expected a whole number"},
		{"text for truth", "on: yes please\n", "f.yaml:1:5: on: found text, expected true or false"},
		{"truth for text", "name: true\n", "f.yaml:1:7: name: found true or false, expected text"},
		{"list for text", "name: [a]\n", "f.yaml:1:7: name: found a list, expected text"},
		{"mapping for list", "words: {a: b}\n", "f.yaml:1:9: words: found a mapping, expected a list (- item)"},
		{"text for mapping", "points: x\n", "f.yaml:1:9: points: found text, expected a mapping (key: value)"},
		{"infinite", "points: {a: {low: .inf}}\n", "f.yaml:1:19: points.a.low: found the number .inf, expected a number"},
		{"nothing", "name:\n", "f.yaml:1:1: name: no value; give text or leave the key out"},
		{"date", "end: 21 June\n", `f.yaml:1:6: end: "21 June" is not a date; expected YYYY-MM-DD`},
		{"anchor", "name: &a x\nversion: *a\n", "f.yaml:1:7: name: anchors, aliases and tags are not read here; write the value out\n" +
			"f.yaml:2:10: version: anchors, aliases and tags are not read here; write the value out"},
		{"merge key", "points:\n  <<: {a: {low: 1}}\n", "f.yaml:2:3: points: a key is a plain word"},
		{"not a mapping", "- a\n", "f.yaml:1:1: found a list, expected a mapping (key: value)"},
		{"two documents", "name: a\n---\nname: b\n", "f.yaml:3:1: a second document; a file holds one"},
		{"all at once, in order", "zz: 1\ncount: x\nitems:\n- count: y\n  on: 3\n",
			"f.yaml:1:1: zz: unknown key; did you mean \"on\"?\n" +
				"f.yaml:2:8: count: found text, expected a whole number\n" +
				"f.yaml:4:10: items[0].count: found text, expected a whole number\n" +
				"f.yaml:5:7: items[0].on: found the number 3, expected true or false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode("f.yaml", []byte(tt.text), new(sample)).Err()
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("no problems but %v", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestSyntax(t *testing.T) {
	for _, text := range []string{"name: [a\n", "a: b: c\n", "name: \"x\n", "\tname: x\n", "}{", "? [\n", "!!binary x\n- y", "a: |\n b\nc"} {
		err := Decode("f.yaml", []byte(text), new(sample)).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n"} {
		got := sample{Name: "kept"}
		if err := Decode("f.yaml", []byte(text), &got).Err(); err != nil || got.Name != "kept" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReject(t *testing.T) {
	var v sample
	d := Decode("f.yaml", []byte("name: x\nitems:\n  - name: a\n  - count: 1\n"), &v)
	d.Reject("items[1].name", "missing")
	d.Reject("items[0].name", "is bad")
	d.Reject("end", "missing")
	want := "f.yaml:1:1: end: missing\nf.yaml:3:5: items[0].name: is bad\nf.yaml:4:5: items[1].name: missing"
	if got := d.Err(); got == nil || got.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
}

func TestHostile(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":  strings.Repeat("[", 30000),
		"braces":    strings.Repeat("{a: ", 30000),
		"dashes":    strings.Repeat("- ", 30000),
		"questions": strings.Repeat("? ", 30000),
		"indent":    deepMapping(400),
		"size":      strings.Repeat("# x\n", 40000),
		"laughs":    "name: &a [x,x]\nwords: [*a,*a]\n",
		"long key":  strings.Repeat("k", 30000) + ": 1\n",
	} {
		start := time.Now()
		if err := Decode("f.yaml", []byte(text), new(sample)).Err(); err == nil {
			t.Errorf("%s: taken", name)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func deepMapping(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%*sitems:\n", i, "")
	}
	return b.String()
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"nane", "name", 1}, {"eol", "eof", 1}, {"commit", "comit", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: x\n", "items:\n- {name: a}\n", "points: {a: {low: 1}}", "end: 2026-01-01", "a: &b [*b]", "name: |\n  text\n", "? a\n: b", "!!str x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v sample
		d := Decode("f.yaml", data, &v)
		err := d.Err()
		again := Decode("f.yaml", data, new(sample)).Err()
		if fmt.Sprint(err) != fmt.Sprint(again) {
			t.Errorf("not the same twice:\n%v\n%v", err, again)
		}
	})
}

func ExampleDecode() {
	var v struct {
		Name  string `yaml:"name"`
		Hours int    `yaml:"hours"`
	}
	err := Decode("team.yaml", []byte("nme: Ada\nhours: six\n"), &v).Err()
	fmt.Println(err)
	// Output:
	// team.yaml:1:1: nme: unknown key; did you mean "name"?
	// team.yaml:2:8: hours: found text, expected a whole number
}
