package port

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpready/analyze/patch"
)

// subsets calls try with every subset of n members that has the size, in order,
// until it returns true.
func subsets(n, size int, try func([]int) bool) bool {
	set := make([]int, 0, size)
	var walk func(from int) bool
	walk = func(from int) bool {
		if len(set) == size {
			return try(set)
		}
		for i := from; i <= n-(size-len(set)); i++ {
			set = append(set, i)
			if walk(i + 1) {
				return true
			}
			set = set[:len(set)-1]
		}
		return false
	}
	return walk(0)
}

// works applies a set and the goal with nothing but patch.Tree.
func works(from *patch.Tree, pool []*patch.Patch, set []int, goal []patch.Patch) bool {
	tree := from.Fork()
	apply := func(p *patch.Patch) bool {
		r, err := tree.Apply(p)
		return err == nil && r.OK()
	}
	for _, i := range set {
		if pool[i] == nil || !apply(pool[i]) {
			return false
		}
	}
	for i := range goal {
		if !apply(&goal[i]) {
			return false
		}
	}
	return true
}

// made is a commit of which only the change is known.
func made(t testing.TB, n int, text string) *commit {
	t.Helper()
	c := &commit{hash: fmt.Sprintf("%040x", n+1), subject: fmt.Sprint("commit ", n), text: []byte(text), parsed: true}
	patches, err := patch.Parse(c.subject, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.patches = patches
	for _, f := range patches[0].Files {
		c.files = append(c.files, f.Name())
	}
	return c
}

// TestSearchExhaustive compares with trying all sets, on random histories.
func TestSearchExhaustive(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 60
	}
	sizes, none, fewer := map[int]int{}, 0, 0
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 3))
		files := map[string]string{poolC: numbered("pool", 50), queueC: numbered("queue", 50)}
		start := fstest.MapFS{}
		for name, text := range files {
			start[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		}
		// Each change touches one or two files at one or two places.
		change := func(tag string) string {
			var diff strings.Builder
			for _, name := range []string{poolC, queueC}[r.IntN(2):] {
				before := files[name]
				text := strings.SplitAfter(before, "\n")
				for range 1 + r.IntN(2) {
					i := r.IntN(len(text) - 1)
					switch r.IntN(4) {
					case 0:
						text = slices.Delete(text, i, i+1)
					case 1:
						text = slices.Insert(text, i, fmt.Sprintf("    more(%s, %d);\n", tag, r.IntN(2)))
					default:
						text[i] = fmt.Sprintf("    changed(%s, %d);\n", tag, r.IntN(3))
					}
					if len(text) < 4 {
						break
					}
				}
				if after := strings.Join(text, ""); after != before && after != "" {
					files[name] = after
					diff.WriteString(plainDiff(name, before, after))
				}
			}
			return diff.String()
		}
		s := &search{ctx: t.Context(), up: new(Upstream)}
		var pool []*patch.Patch
		for i := range 9 {
			if text := change(fmt.Sprint("c", r.IntN(6))); text != "" && r.IntN(12) > 0 { // some are lost
				c := made(t, i, text)
				s.pool, pool = append(s.pool, c), append(pool, &c.patches[0])
			}
		}
		goal, err := patch.Parse("goal", strings.NewReader(change("goal")+change("again")))
		if err != nil {
			continue
		}
		s.ground = newGround(newWarm(start))
		s.ground.whole = true
		s.from, s.goal = s.ground.tree, goal
		got, err := s.run()
		if err != nil {
			t.Fatal(err)
		}
		best := -1
		for size := 0; size <= len(pool) && best < 0; size++ {
			if subsets(len(pool), size, func(set []int) bool { return works(s.from, pool, set, goal) }) {
				best = size
			}
		}
		switch {
		case got == nil && best >= 0:
			t.Fatalf("seed %d: no set found, %d commits do: %s", seed, best, s.why)
		case got == nil:
			none++
		case best < 0 && s.ground.try(s.from, goal).usable() || best < 0 && len(s.there) > 0:
			fewer++ // a part of the goal is there already, which works does not know
		case !got.smallest:
			t.Fatalf("seed %d: not known to be smallest", seed)
		case len(got.set) != best && len(s.there) == 0:
			t.Fatalf("seed %d: %v found, %d commits do", seed, got.set, best)
		default:
			sizes[len(got.set)]++
		}
	}
	t.Logf("sets by size: %v; none for %d, partly there %d", sizes, none, fewer)
}
