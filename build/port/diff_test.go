package port

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/patch"
)

func randomText(r *rand.Rand, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%d\n", r.IntN(6))
	}
	return out
}

func edited(r *rand.Rand, text []string) []string {
	var out []string
	for _, l := range text {
		switch r.IntN(8) {
		case 0:
		case 1:
			out = append(out, l, fmt.Sprintf("new %d\n", r.IntN(3)))
		default:
			out = append(out, l)
		}
	}
	return out
}

// TestChanges rebuilds the second text from the first and the script.
func TestChanges(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := randomText(r, r.IntN(30))
		b := edited(r, a)
		if seed%3 == 0 {
			b = randomText(r, r.IntN(30))
		}
		var got []string
		at, size := 0, 0
		for _, c := range changes(a, b) {
			got = append(append(got, a[at:c.a0]...), b[c.b0:c.b1]...)
			at = c.a1
			size += c.a1 - c.a0 + c.b1 - c.b0
		}
		got = append(got, a[at:]...)
		if !slices.Equal(got, b) {
			t.Fatalf("seed %d: %q to %q gives %q", seed, a, b, got)
		}
		if best := shortest(a, b); size != best {
			t.Fatalf("seed %d: %d lines in the script, %d are enough", seed, size, best)
		}
	}
}

// shortest is the length of the shortest script, by dynamic programming.
func shortest(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		corner := row[0]
		for j, y := range b {
			up := row[j+1]
			if x == y {
				row[j+1] = corner + 1
			} else {
				row[j+1] = max(up, row[j])
			}
			corner = up
		}
	}
	return len(a) + len(b) - 2*row[len(b)]
}

func TestMerge(t *testing.T) {
	split := func(s string) []string { return slices.Collect(strings.Lines(strings.ReplaceAll(s, " ", "\n") + "\n")) }
	for _, c := range []struct{ base, ours, theirs, want string }{
		{"a b c d e", "a b c d e", "a b X d e", "a b X d e"},
		{"a b c d e", "A b c d e", "a b c d E", "A b c d E"},
		{"a b c d e", "a b X d e", "a b X d e", "a b X d e"},
		{"a b c d e", "a b X d e", "a b Y d e", "a b <X|c|Y> d e"},
		{"a b c d e", "a c d e", "a b c N d e", "a c N d e"},
		{"a b c", "a B c", "a b N c", "a <B|b|b,N> c"},
		{"a", "", "b", "<|a|b>"},
	} {
		var out []string
		word := func(l []string) string { return strings.ReplaceAll(strings.TrimSpace(strings.Join(l, "")), "\n", ",") }
		ours := split(c.ours)
		if c.ours == "" {
			ours = nil
		}
		for _, p := range merge(split(c.base), ours, split(c.theirs)) {
			if p.conflict {
				out = append(out, "<"+word(p.ours)+"|"+word(p.base)+"|"+word(p.theirs)+">")
			} else if s := word(p.settled); s != "" {
				out = append(out, strings.ReplaceAll(s, ",", " "))
			}
		}
		if got := strings.Join(out, " "); got != c.want {
			t.Errorf("merge(%q, %q, %q) = %q, expected %q", c.base, c.ours, c.theirs, got, c.want)
		}
	}
}

// TestMergeAlone takes what one side changes as it is.
func TestMergeAlone(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 2))
		a := randomText(r, r.IntN(30))
		b := edited(r, a)
		for _, sides := range [][2][]string{{a, b}, {b, a}, {b, b}} {
			var got []string
			for _, p := range merge(a, sides[0], sides[1]) {
				if p.conflict {
					t.Fatalf("seed %d: conflict", seed)
				}
				got = append(got, p.settled...)
			}
			if !slices.Equal(got, b) {
				t.Fatalf("seed %d: %q, expected %q", seed, got, b)
			}
		}
	}
}

// TestDiff has what Diff writes read and applied again.
func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"changed", "a\nb\nc\n", "a\nB\nc\n"},
		{"no end of line", "a\nb", "a\nb\nc"},
		{"new", "", "a\n"},
		{"removed", "a\nb\n", ""},
		{"far apart", strings.Repeat("x\n", 40), "y\n" + strings.Repeat("x\n", 38) + "z\n"},
	} {
		content := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		base := fstest.MapFS{"other": {Data: []byte("o\n")}}
		if c.before != "" {
			base["xen/f.c"] = &fstest.MapFile{Data: []byte(c.before)}
		}
		text := Diff("xen/f.c", content(c.before), content(c.after))
		patches, err := patch.Parse(c.name, bytes.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, text)
			continue
		}
		tree := patch.NewTree(base)
		report, err := tree.Apply(&patches[0])
		got, _ := tree.ReadFile("xen/f.c")
		if err != nil || report.Status() != patch.Applies || string(got) != c.after {
			t.Errorf("%s: %v, %v, %q, expected %q\n%s", c.name, err, report.Status(), got, c.after, text)
		}
	}
	if got := Diff("f", []byte("a\n"), []byte("a\n")); len(got) > 0 {
		t.Errorf("no change is written as %q", got)
	}
}
